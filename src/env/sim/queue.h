/* The one queue of the world: events by (virtual time, sequence). Private to this folder. */
#ifndef SAMSA_ENV_SIM_QUEUE_H
#define SAMSA_ENV_SIM_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

enum sim_kind {
    SIM_KIND_TIMER = 1,
    SIM_KIND_TURN,
    SIM_KIND_SYNC,
    SIM_KIND_CONNECT,
    SIM_KIND_ACCEPT,
    SIM_KIND_OUTCOME,
    SIM_KIND_DATA,
    SIM_KIND_END,
    SIM_KIND_READABLE,
    SIM_KIND_RETRANSMIT,
    SIM_KIND_SCRIPT,
};

struct sim_process;

/* Embedded in what it is about. */
struct sim_event {
    int64_t at_ns;
    uint64_t sequence;
    int32_t heap_index; /* -1: not queued */
    enum sim_kind kind;
    struct sim_process *process; /* whose turn it is; NULL: the world's */
    void (*run)(struct sim_event *e);
    struct list_node held; /* while its node is paused */
};

struct sim_queue {
    struct sim_event **heap;
    int32_t count, capacity;
    uint64_t sequence;
    int64_t now_ns;
};

void sim_event_init(struct sim_event *e, enum sim_kind kind, struct sim_process *process,
                    void (*run)(struct sim_event *));
bool sim_event_queued(const struct sim_event *e);

/* Put, or move. Not before now. */
void sim_queue_put(struct sim_queue *q, struct sim_event *e, int64_t at_ns);

/* Put one that was popped too early: among those of the new time its place is by its old sequence,
 * so that what was held back stays in order. */
void sim_queue_put_again(struct sim_queue *q, struct sim_event *e, int64_t at_ns);

/* Allowed when it is not queued. */
void sim_queue_remove(struct sim_queue *q, struct sim_event *e);

/* Takes the first one and moves the time; NULL when empty or later than `until_ns`. */
struct sim_event *sim_queue_pop(struct sim_queue *q, int64_t until_ns);

void sim_queue_free(struct sim_queue *q);

#endif
