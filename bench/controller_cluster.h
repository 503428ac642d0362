/* A controller over a log in memory, and the brokers that talk to it, simulated: for
 * bench/controller.c.
 *
 * What a loop would bring to the controller is here: a clock that moves when it is told to, random
 * numbers from one seed, a log that has committed whatever was appended at the next cluster_commit.
 * Owns the active controller; standbys are the caller's. What goes wrong ends the program. */
#ifndef SAMSA_BENCH_CONTROLLER_CLUSTER_H
#define SAMSA_BENCH_CONTROLLER_CLUSTER_H

#include "base/out.h"
#include "controller/controller.h"
#include "hand_env.h"

enum { BOOTSTRAP_RECORDS = 5 };

/* Prints to standard error and exits with 1. */
void fail(const char *what) __attribute__((noreturn));
void require(bool ok, const char *what);

/* Of CLOCK_MONOTONIC. */
double wall_s(void);

/* Records one after the other, each behind its size and epoch. Offsets count from 0. Memory apart
 * from the heap, whose size is measured; enough for the records of so many partitions. */
struct frames {
    uint8_t *data;
    size_t used, room;
    int64_t count, payload_bytes;
};

/* A reader's place in it; it starts as zeros. */
struct place {
    size_t at;
    int64_t offset;
};

void frames_open(struct frames *f, int64_t partitions);
void frames_close(struct frames *f);
void frames_add(struct frames *f, const struct metadata_record *r, int32_t epoch,
                struct out *encoding);
struct bytes frames_next(const struct frames *f, struct place *at, int32_t *epoch);

struct cluster {
    struct hand_env hand;
    struct trace trace;
    struct committer committer;
    struct config *config;
    struct metadata_record bootstrap[BOOTSTRAP_RECORDS];

    struct frames log;
    int32_t epoch;
    struct out encoding;
    struct arena arena; /* of the request in hand */
    struct controller *active;
};

/* With controller 1 active in epoch 1 of a new cluster. */
void cluster_open(struct cluster *w, int64_t partitions);
void cluster_close(struct cluster *w);

/* Another controller: an empty standby. */
struct controller *cluster_controller(struct cluster *w, int32_t node_id);

/* All that was appended is committed: answers leave. */
void cluster_commit(struct cluster *w);

/* A standby reads on to the end of the log. */
void cluster_follow(struct cluster *w, struct controller *c, struct place *at);

/* Virtual time passes: timers fire, what they decide is committed. */
void cluster_pass(struct cluster *w, int64_t ms);

/* ---- requests: each is decided, committed and answered, and must not be refused */

struct call {
    struct controller_call call;
    const void *response;
    double decided_s; /* what deciding took, without the answer */
};

/* The response lives until w->arena is reset. */
struct call cluster_send(struct cluster *w, int16_t api_key, int16_t version, const void *request);

void cluster_register(struct cluster *w, int32_t id);

struct beat {
    bool fenced, may_stop;
    double decided_s;
};

/* A broker that knows the whole log says so. */
struct beat cluster_heartbeat(struct cluster *w, int32_t id, bool want_shut_down);

/* Everyone alive `but` one does. Returns how many. */
int32_t cluster_heartbeats(struct cluster *w, int32_t but);

/* topic-AT. Returns the seconds it took. */
double cluster_create(struct cluster *w, int32_t at, int32_t partitions, int16_t replicas);

#endif
