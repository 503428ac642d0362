/* A broker's replicas over three log directories of a simulated disk, with a controller of one
 * answer, for tests of moves between them. */
#ifndef SAMSA_TEST_UNIT_REPLICA_MOVES_WORLD_H
#define SAMSA_TEST_UNIT_REPLICA_MOVES_WORLD_H

#include "env/sim/sim.h"
#include "log/log_future.h"
#include "replica/replica_manager.h"
#include "replica/replica_moves.h"

enum { MOVES_SELF = 1, MOVES_DIRS = 3 };

struct moves_world {
    struct sim *sim;
    struct sim_node *node;
    struct env *env;
    struct config *config;
    struct replica_manager *replicas;
    struct log_dir *dirs[MOVES_DIRS]; /* "/a", "/b", "/c" */
    struct replica *r;                /* t-0 */
    int64_t segment_bytes;
    int64_t flush_messages;
    int32_t leader, epoch, partition_epoch;
    /* the controller */
    struct uuid assigned; /* what metadata says of t-0 */
    struct uuid asked;    /* zero: nothing that was not answered */
    int asks;
    bool answers_at_once;
    int failures;
};

/* t-0 in "/a", led by us. */
void moves_open(struct moves_world *w, uint64_t seed);
void moves_close(struct moves_world *w);

/* The process: made on what the disk holds, without t-0; it gets a target with moves_host. */
void moves_start(struct moves_world *w);
void moves_host(struct moves_world *w);
void moves_stop_clean(struct moves_world *w);
void moves_abandon(struct moves_world *w); /* after sim_node_crash or a power loss */

/* One record whose value tells its offset. False when it was refused. */
bool moves_append(struct moves_world *w, int32_t value_bytes);
void moves_append_ok(struct moves_world *w, int32_t count, int32_t value_bytes);

/* t-0 to a directory, by name. */
enum kafka_error moves_to(struct moves_world *w, const char *dir);

/* What was asked is committed, and the broker hears the answer. */
void moves_answer(struct moves_world *w);

/* Until nothing happens by itself any more, within ms. */
void moves_settle(struct moves_world *w, int64_t ms);

/* Every record of the log tells its offset; their number. */
int64_t moves_check_records(struct log *log);

/* Where the log of t-0 is: 'a', 'b', 'c', or 0. */
char moves_place(const struct moves_world *w);

/* How many directories in `dir` have names that begin and end so. */
int moves_named(const struct moves_world *w, const char *dir, const char *prefix,
                const char *suffix);

/* Directories named exactly "t-0", in all. */
int moves_current_logs(const struct moves_world *w);

#endif
