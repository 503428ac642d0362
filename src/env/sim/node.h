/* Machines and the processes on them. Private to this folder. */
#ifndef SAMSA_ENV_SIM_NODE_H
#define SAMSA_ENV_SIM_NODE_H

#include "base/map.h"
#include "env/schedule.h"
#include "env/sim/queue.h"
#include "env/sim/sim.h"
#include "env/sim/store.h"

enum {
    SIM_TURN_NS = 1000, /* what is due already or again is due this much later */
    SIM_TRACE_LINES = 4096,
    SIM_TRACE_TEXT = 232,
};

struct sim_link {
    int64_t delay_us_min, delay_us_max;
    bool cut;
};

struct sim_trace_line {
    int64_t at_ns;
    int32_t node;
    enum trace_level level;
    char text[SIM_TRACE_TEXT];
};

struct sim {
    struct sim_queue queue;
    struct prng prng; /* never moved, only forked */
    struct prng net_prng;
    struct sim_node *nodes[SIM_NODES_MAX];
    int32_t nodes_count;
    struct sim_link links[SIM_NODES_MAX][SIM_NODES_MAX];
    struct sim_net_faults net_faults;
    uint64_t hash;
    int64_t events;
    void (*check)(void *owner, struct sim_node *n);
    void *check_owner;
    struct sim_trace_line *lines; /* a ring */
    int64_t lines_count;
    bool echo;
    struct list_node scripts;
};

struct sim_disk_fault {
    unsigned ops; /* 0: none */
    int64_t left; /* operations until it strikes */
    enum err e;
    bool for_ever;
};

struct sim_misread_fault {
    enum sim_misread how;
    char suffix[SIM_NAME_MAX];
    int64_t left; /* reads until it strikes; 0: none */
};

struct sim_node {
    struct sim *sim;
    char name[SIM_NAME_MAX];
    int32_t index;
    bool powered, paused;
    struct sim_process *process; /* running; NULL when none */
    struct sim_process *ended;   /* those that do not run any more */
    int32_t starts;
    struct prng prng;
    uint16_t port_next;
    /* mono = mono_base + (virtual - virtual_base) * (1 + ppm / million) */
    int64_t mono_base_ns, virtual_base_ns, drift_ppm;
    int64_t wall_base_ms; /* wall = wall_base + mono, unless frozen */
    bool wall_frozen;
    int64_t wall_frozen_ms;
    struct sim_store store;
    struct sim_disk_fault fault;
    int64_t disk_failed, disk_ops;
    int64_t sync_us_min, sync_us_max;
    bool sync_lies;
    unsigned slow_ops;
    int64_t slow_us_min, slow_us_max;
    int64_t still_until_ns;
    struct sim_misread_fault misread;
    int64_t misreads;
    struct prng disk_prng;
};

struct sim_process {
    struct sim_node *node;
    struct sim *sim;
    struct sim_process *next_ended;
    struct env env;
    struct clock clock;
    struct rng rng;
    struct disk disk;
    struct net net;
    struct trace trace;
    struct prng rng_prng;
    bool dead, in_turn;
    int64_t busy_until_ns; /* its thread waits for a disk */
    struct timer_heap timers;
    struct list_node tasks;
    struct sim_event timer_event, turn_event;
    struct list_node held;                 /* events while paused */
    struct list_node files;                /* sim_file */
    struct list_node syncs;                /* sim_sync under way */
    struct list_node conns, listeners;     /* sim_conn, sim_listener */
    struct list_node attention, graveyard; /* sim_conn: to flush or report; closed in a turn */
};

static inline void sim_hash_add(struct sim *s, uint64_t x)
{
    s->hash = (s->hash ^ x) * 0x9e3779b97f4a7c15;
    s->hash ^= s->hash >> 29;
}

static inline int64_t sim_draw(struct prng *p, int64_t low, int64_t high)
{
    return low >= high ? low : prng_between(p, low, high);
}

int64_t sim_node_mono_ns(const struct sim_node *n);
int64_t sim_node_wall_ms(const struct sim_node *n);
void sim_node_free(struct sim_node *n);

/* One event of a node: its turn. */
void sim_process_turn(struct sim_process *p, struct sim_event *e);

/* Something outside its turn gave the process work to do. */
void sim_process_wake(struct sim_process *p);

/* ---- the parts of a process */

void sim_disk_init(struct sim_process *p);
void sim_disk_end(struct sim_process *p);
void sim_disk_free(struct sim_process *p);

void sim_net_init(struct sim_process *p);
/* `silent`: peers hear nothing. */
void sim_net_end(struct sim_process *p, bool silent);
void sim_net_flush(struct sim_process *p);
void sim_net_reap(struct sim_process *p);
void sim_net_free(struct sim_process *p);

void sim_trace_init(struct sim_process *p);

#endif
