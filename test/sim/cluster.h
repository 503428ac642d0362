/* The cluster of one run: real nodes (server/node.h) on simulated machines.
 *
 *     DOWN ── machine_start ──> UP ── the node says it has started ──> STARTED
 *       ^                        │ machine_crash, machine_power_loss, or it stops by itself
 *       └────────────────────────┘
 *
 * A machine of index i is named n<i+1> and has node.id i+1. Formats each as kafka-storage does with
 * --initial-controllers. Owns: the world (sim), machines, nodes. Borrows: the plan. */
#ifndef SAMSA_TEST_SIM_CLUSTER_H
#define SAMSA_TEST_SIM_CLUSTER_H

#include "env/sim/sim.h"
#include "plan.h"
#include "server/node.h"

enum { CLUSTER_ID_BYTES = 32, BROKEN_BYTES = 400 };

struct cluster;
struct broker;
struct controller;
struct quorum;

struct machine {
    struct cluster *cluster;
    int32_t index, id;
    char name[16];
    bool is_broker, is_controller;
    struct sim_node *sim;
    struct env *env;   /* of the running process; NULL: down */
    struct node *node; /* NULL: down */
    bool started, stopped, stopped_clean, stopping;
    bool may_fail; /* a fault of its disk may end it */
    bool failing;  /* its disk loses something now, or soon */
    bool misreads; /* a read of its disk gives wrong bytes, some time */
    bool new_disk; /* was given an empty disk, and must be formatted at the next start */
    int64_t starts;
    int64_t wall_ms;       /* its wall clock is so far off */
    int64_t drift_ppm;     /* its clocks run so much faster, usually */
    int64_t lost_in;       /* the start in which it last lost bytes; 0: none */
    int64_t unclean_in;    /* the start that last ended by a crash or a loss; 0: none */
    int64_t registered_in; /* the newest start that knows its broker to be registered */
    int64_t restart_ms;    /* after it has stopped: back then; -1: it stays down */
    struct uuid directory; /* of its metadata directory */
    struct config *config;
    struct arena config_arena;
    struct node_config roles;
};

struct oracles;

struct cluster {
    const struct plan *plan;
    struct sim *sim;
    struct prng prng;
    struct machine machines[PLAN_NODES_MAX];
    int32_t count;
    struct oracles *oracles;   /* told of everything; set once by oracles_attach */
    bool verbose;              /* the short log, to standard output */
    bool healing;              /* the last phase: no more faults */
    char broken[BROKEN_BYTES]; /* the first invariant that did not hold, and how; "": none */
    int64_t broken_ms;
    int64_t failed_ms; /* when a process last stopped by itself; 0: none has */
};

/* Formats and starts every node. */
struct cluster *cluster_new(const struct plan *plan, bool verbose);
void cluster_free(struct cluster *c);

/* An invariant does not hold: the run ends. Only the first counts. */
void cluster_broken(struct cluster *c, const char *invariant, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline bool cluster_is_broken(const struct cluster *c)
{
    return c->broken[0] != '\0';
}

/* A process has stopped by itself not long ago. What it did in its last turn no checker has seen:
 * what it answered then is known to hold only when another, or its successor, shows it. */
bool cluster_failed_lately(const struct cluster *c);

/* One line of the short log: virtual time, who, what, and the rest as the verb has it (README). */
void cluster_say(struct cluster *c, const char *who, const char *verb, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Buries what has stopped by itself, and starts what is due. Called after every event. */
void cluster_after_event(struct cluster *c);

/* ---- machines */
void machine_start(struct machine *m);
void machine_crash(struct machine *m);
void machine_power_loss(struct machine *m, enum sim_loss loss);
/* Cleanly: takes time, then cluster_after_event buries it. */
void machine_stop(struct machine *m);
/* The data disk is replaced by an empty one. While it is down. */
void machine_replace_disk(struct machine *m);
/* Once it is down, up again after ms. */
void machine_restart_in(struct machine *m, int64_t ms);

static inline bool machine_is_up(const struct machine *m)
{
    return m->node != NULL;
}

const char *cluster_id(void);

/* The directory of log.dirs by number: "/data0". */
const char *cluster_directory(int32_t index);

/* NULL when down or without the role. */
struct broker *machine_broker(const struct machine *m);
struct quorum *machine_quorum(const struct machine *m);
struct controller *machine_controller(const struct machine *m);

#endif
