/* Whole nodes on simulated machines, for tests of server/: the first three are controllers, voters
 * from the start; machine i is named ni. */
#ifndef SAMSA_TEST_SERVER_NODE_WORLD_H
#define SAMSA_TEST_SERVER_NODE_WORLD_H

#include "base/mem.h"
#include "env/sim/sim.h"
#include "quorum/snapshot_file.h"
#include "server/internal.h"
#include "test.h"

enum { NODES_MAX = 5, VOTERS = 3, WAIT_MS = 60000 };

struct machine {
    struct cluster *cluster;
    int32_t id;
    char name[8];
    struct sim_node *sim;
    struct uuid directory_id;
    const char *roles;
    const char *own; /* configuration of this one */
    struct env *env;
    struct config *config;
    struct arena arena;
    struct node_config node_config;
    struct node *node; /* NULL: does not run */
    bool started, stopped, clean;
};

struct cluster {
    struct sim *sim;
    struct machine machines[NODES_MAX + 1];
    int32_t count;
    const char *more;     /* configuration of all */
    const char *listener; /* of brokers */
};

#define UNTIL(c, condition)                                                                   \
    do {                                                                                      \
        int64_t until_ = sim_now_ms((c)->sim) + WAIT_MS;                                      \
        while (!(condition) && sim_now_ms((c)->sim) < until_ && sim_step((c)->sim)) continue; \
        if (!(condition)) sim_trace_dump((c)->sim);                                           \
        assert_true(condition);                                                               \
    } while (0)

extern const char *const apart[5]; /* three controllers, two brokers */
extern const char *const both[3];  /* three that are both */

/* Formatted and started. */
struct cluster *cluster_new(uint64_t seed, const char *const *roles, int32_t count,
                            const char *more);
/* Formatted only: for configuration of single machines. */
struct cluster *cluster_format(uint64_t seed, const char *const *roles, int32_t count,
                               const char *more);
void cluster_free(struct cluster *c);

void start(struct cluster *c, int32_t id);
/* As kill -9. */
void crash(struct cluster *c, int32_t id);
/* After its machine has lost power, or it has stopped: its objects go. */
void bury(struct machine *m);

bool all_started(const struct cluster *c);

/* The active controller; 0: none. */
int32_t active(const struct cluster *c);

/* The active controller's; there is one. */
const struct image *image_of(const struct cluster *c);

/* Registered in a later epoch, and unfenced. */
bool is_member(const struct cluster *c, int32_t id, int64_t after_epoch);
bool all_are_members(const struct cluster *c);

/* "t", of the default replication factor. */
void create_topic(struct cluster *c, int32_t partitions);

/* Formatted and started; all are members, "t" is there and nobody waits for anything. */
struct cluster *cluster_settled(uint64_t seed, const char *const *roles, int32_t count,
                                const char *more, int32_t partitions);

#endif
