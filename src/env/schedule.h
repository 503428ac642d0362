/* What every implementation of clock.h needs: a heap of timers and the running of tasks. */
#ifndef SAMSA_ENV_SCHEDULE_H
#define SAMSA_ENV_SCHEDULE_H

#include "env/clock.h"

/* A binary heap of caller-owned timers by (due, sequence). Owns: the array. */
struct timer_heap {
    struct timer **timers;
    int32_t count, capacity;
    uint64_t sequence; /* of the last insertion */
};

void timer_heap_free(struct timer_heap *h);

/* NULL when empty. */
static inline struct timer *timer_heap_first(const struct timer_heap *h)
{
    return h->count > 0 ? h->timers[0] : NULL;
}

/* `t` is not armed. */
void timer_heap_insert(struct timer_heap *h, struct timer *t, struct mono_time due);

void timer_heap_remove(struct timer_heap *h, struct timer *t);

/* Fire what is due at `now` and was armed before this call, while *stop stays false. Those armed by
 * the callbacks wait for the next call. */
void timer_heap_fire(struct timer_heap *h, struct mono_time now, const bool *stop);

/* Run the tasks of the list, and those they post, for a bounded number of rounds, while *stop stays
 * false. The list may not be empty afterwards. */
void tasks_run(struct list_node *tasks, const bool *stop);

#endif
