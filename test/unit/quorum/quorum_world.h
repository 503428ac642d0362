/* Quorums over simulated machines, disks and a network: real logs, real requests, no broker and no
 * controller. Records are ProducerIds, whose next id is a value that is used once.
 *
 * The world holds them, after every event, to: one leader an epoch; and, as each subscriber is
 * told: an offset has one value for all and for ever, nothing is told twice or left out, a snapshot
 * holds what the records below its end held. What was acknowledged must be told to all in the end.
 * A breach ends the process. */
#ifndef SAMSA_TEST_UNIT_QUORUM_WORLD_H
#define SAMSA_TEST_UNIT_QUORUM_WORLD_H

#include "base/prng.h"
#include "env/sim/sim.h"
#include "quorum/quorum.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "test.h"

enum { WORLD_NODES = 7, WORLD_OFFSETS = 1 << 16, WORLD_PORT = 9093, WORLD_WAIT_MS = 60000 };

#define WORLD_CLUSTER "simulated-quorum-00001"

struct world;

struct member {
    struct world *world;
    int32_t id;
    char name[8]; /* host */
    char path[16];
    struct sim_node *machine;
    struct uuid directory_id;
    struct quorum_options options; /* for the next start */
    struct quorum_listener listener;
    struct dispatch apis;
    struct api_handler *table;
    /* of the running process; NULL: none */
    struct env *env;
    struct log_dir *dir;
    struct quorum *quorum;
    struct rpc_server *server;
    struct quorum_subscriber feed;
    int64_t loading; /* values of the snapshot seen */
    int64_t told_end;
    int32_t told_epoch; /* of the record before it */
    int32_t loads;      /* snapshots given to the subscriber since start */
    const char *failed;
    bool may_stop;
    int32_t leader_id, epoch; /* as told */
};

struct world {
    struct sim *sim;
    struct prng prng;
    struct member members[WORLD_NODES + 1]; /* by id, from 1 */
    int32_t count;
    struct quorum_voter_config fixed[WORLD_NODES];
    struct quorum_address servers[WORLD_NODES];
    int32_t leaders[1 << 12]; /* by epoch */
    /* what has been told: by offset */
    bool *known, *is_data;
    int64_t *values;
    int64_t known_end; /* everything below has been told to somebody */
    /* what was appended and is not acknowledged yet; and what is */
    struct {
        int32_t member, epoch;
        int64_t offset, value;
    } pending[1024];
    int32_t pending_count;
    struct {
        int64_t offset, value;
    } * acknowledged;
    int32_t acknowledged_count, acknowledged_capacity;
    int64_t next_value;
    struct env *client;
    struct channel *channels[WORLD_NODES + 1];
};

/* `voters` of `count` members are the first ones; the others are observers that may be added
 * (controllers). A dynamic quorum; fixed: controller.quorum.voters of kraft.version 0. Nothing runs
 * yet. */
struct world *world_new(uint64_t seed, int32_t count, int32_t voters, bool fixed);
void world_free(struct world *w);

/* The same, all started, and `values` written. */
struct world *world_running(uint64_t seed, int32_t count, int32_t voters, bool fixed,
                            int32_t values);

void world_start(struct world *w, int32_t id);
void world_start_all(struct world *w);
void world_crash(struct world *w, int32_t id);
void world_power_loss(struct world *w, int32_t id, enum sim_loss loss);
/* An empty one, with another directory id; the member does not run. */
void world_replace_disk(struct world *w, int32_t id);
bool world_runs(const struct world *w, int32_t id);

/* The leader of the highest epoch among the running; 0: none. */
int32_t world_leader(const struct world *w);
/* Waits for a leader that has committed in its epoch. */
int32_t world_await_leader(struct world *w);
struct quorum *world_quorum(struct world *w, int32_t id);

/* One value; false: this node did not take it. */
bool world_append(struct world *w, int32_t id);
/* `count` values at the leader, waiting until all are acknowledged. */
void world_write(struct world *w, int32_t count);
/* Until every running member has been told of everything, which must be all that was
 * acknowledged. */
void world_converge(struct world *w);
/* A snapshot of what this member has been told. */
void world_snapshot(struct world *w, int32_t id);
/* … that is not on its disk yet. */
void world_begin_snapshot(struct world *w, int32_t id);
/* Snapshots in the directory of a member, 0-0 not counted. */
int32_t world_snapshots(struct world *w, int32_t id);

/* A request from another machine; the response lives in the arena. NULL: the connection broke. */
const void *world_ask(struct world *w, int32_t id, int16_t api_key, int16_t version,
                      const void *request, struct arena *arena);

#define world_until(w, condition)                                                             \
    do {                                                                                      \
        int64_t until_ = sim_now_ms((w)->sim) + WORLD_WAIT_MS;                                \
        while (!(condition) && sim_now_ms((w)->sim) < until_ && sim_step((w)->sim)) continue; \
        if (!(condition)) world_fail(w, #condition " has not come");                          \
    } while (0)

void world_fail(struct world *w, const char *why) __attribute__((noreturn));

#endif
