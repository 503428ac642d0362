/* A clock that moves by hand and dice of one seed: enough world for what knows no disk and no
 * network. Of no test framework, so that a benchmark can stand on it too.
 *
 * Owns nothing; timers and tasks are their owners'. Thread: the caller's. */
#ifndef SAMSA_TEST_LIB_HAND_ENV_H
#define SAMSA_TEST_LIB_HAND_ENV_H

#include "base/assert.h"
#include "base/prng.h"
#include "env/env.h"

enum { HAND_TIMERS_MAX = 64 };

struct hand_env {
    struct clock clock;
    struct mono_time now;
    int64_t wall_ms; /* what a calendar shows when the clock shows zero */
    struct timer *timers[HAND_TIMERS_MAX];
    int32_t timers_count;
    struct list_node tasks;
    struct rng rng;
    struct prng prng;
};

static inline struct hand_env *hand_env_of_(struct clock *c)
{
    return CONTAINER_OF(c, struct hand_env, clock);
}

static inline struct mono_time hand_mono_(struct clock *c)
{
    return hand_env_of_(c)->now;
}

static inline struct wall_time hand_wall_(struct clock *c)
{
    const struct hand_env *h = hand_env_of_(c);
    return (struct wall_time){h->wall_ms + h->now.ns / NS_PER_MS};
}

static inline void hand_cancel_(struct clock *c, struct timer *t)
{
    struct hand_env *h = hand_env_of_(c);
    struct timer *last = h->timers[--h->timers_count];
    h->timers[t->heap_index] = last;
    last->heap_index = t->heap_index;
    t->heap_index = -1;
}

static inline void hand_arm_(struct clock *c, struct timer *t, struct mono_time due)
{
    struct hand_env *h = hand_env_of_(c);
    t->due = due;
    if (timer_armed(t)) return;
    PRE(h->timers_count < HAND_TIMERS_MAX);
    t->heap_index = h->timers_count;
    h->timers[h->timers_count++] = t;
}

static inline void hand_post_(struct clock *c, struct task *t)
{
    list_push_back(&hand_env_of_(c)->tasks, &t->node);
}

static inline void hand_fill_(struct rng *r, void *data, size_t len)
{
    prng_fill(&CONTAINER_OF(r, struct hand_env, rng)->prng, data, len);
}

/* The clock shows one second. */
static inline void hand_env_init(struct hand_env *h, uint64_t seed)
{
    static const struct clock_ops clock_ops = {hand_mono_, hand_wall_, hand_arm_, hand_cancel_,
                                               hand_post_};
    static const struct rng_ops rng_ops = {hand_fill_};
    *h = (struct hand_env){.clock = {&clock_ops}, .rng = {&rng_ops}, .prng = prng_seed(seed)};
    h->now.ns = 1000 * NS_PER_MS;
    list_init(&h->tasks);
}

/* What was posted, and what that posts. */
static inline void hand_env_run_tasks(struct hand_env *h)
{
    while (!list_empty(&h->tasks)) {
        struct task *t = CONTAINER_OF(h->tasks.next, struct task, node);
        list_remove(&t->node);
        t->run(t);
    }
}

/* The clock moves to the next timer that is due by `end`, which fires. False: there is none, and it
 * shows `end`. */
static inline bool hand_env_step(struct hand_env *h, struct mono_time end)
{
    struct timer *next = NULL;
    for (int32_t i = 0; i < h->timers_count; i++)
        if (!next || h->timers[i]->due.ns < next->due.ns) next = h->timers[i];
    if (!next || next->due.ns > end.ns) {
        h->now = end;
        return false;
    }
    if (next->due.ns > h->now.ns) h->now = next->due;
    hand_cancel_(&h->clock, next);
    next->fired(next);
    return true;
}

#endif
