/* A clock that stands still until told, and dice that count: enough world for the pure parts. */
#ifndef SAMSA_TEST_REPLICA_FAKE_ENV_H
#define SAMSA_TEST_REPLICA_FAKE_ENV_H

#include "base/prng.h"
#include "env/env.h"

enum { FAKE_TIMERS_MAX = 64 };

struct fake_env {
    struct clock clock;
    struct rng rng;
    struct prng prng;
    struct mono_time now;
    struct list_node tasks;
    struct timer *timers[FAKE_TIMERS_MAX];
    struct env env;
};

static struct mono_time fake_mono(struct clock *c)
{
    return CONTAINER_OF(c, struct fake_env, clock)->now;
}

static struct wall_time fake_wall(struct clock *c)
{
    return (struct wall_time){1700000000000 + fake_mono(c).ns / NS_PER_MS};
}

static void fake_timer_cancel(struct clock *c, struct timer *t)
{
    CONTAINER_OF(c, struct fake_env, clock)->timers[t->heap_index] = NULL;
    t->heap_index = -1;
}

static void fake_timer_arm(struct clock *c, struct timer *t, struct mono_time due)
{
    struct fake_env *f = CONTAINER_OF(c, struct fake_env, clock);
    if (timer_armed(t)) fake_timer_cancel(c, t);
    t->due = due;
    int32_t i = 0;
    while (f->timers[i]) i++;
    PRE(i < FAKE_TIMERS_MAX);
    f->timers[i] = t;
    t->heap_index = i;
}

static void fake_task_post(struct clock *c, struct task *t)
{
    list_push_back(&CONTAINER_OF(c, struct fake_env, clock)->tasks, &t->node);
}

static void fake_fill(struct rng *r, void *data, size_t len)
{
    prng_fill(&CONTAINER_OF(r, struct fake_env, rng)->prng, data, len);
}

static inline void fake_env_init(struct fake_env *f)
{
    static const struct clock_ops clock_ops = {fake_mono, fake_wall, fake_timer_arm,
                                               fake_timer_cancel, fake_task_post};
    static const struct rng_ops rng_ops = {fake_fill};
    *f = (struct fake_env){.clock = {&clock_ops}, .rng = {&rng_ops}, .prng = prng_seed(1)};
    f->now.ns = 1000 * NS_PER_MS;
    list_init(&f->tasks);
    f->env.clock = &f->clock;
    f->env.rng = &f->rng;
}

/* One turn of the loop: deferred tasks, then what is due after `ms`. */
static inline void fake_env_pass(struct fake_env *f, int64_t ms)
{
    f->now.ns += ms * NS_PER_MS;
    for (int i = 0; i < FAKE_TIMERS_MAX; i++) {
        struct timer *t = f->timers[i];
        if (!t || t->due.ns > f->now.ns) continue;
        fake_timer_cancel(&f->clock, t);
        t->fired(t);
    }
    while (!list_empty(&f->tasks)) {
        struct task *t = CONTAINER_OF(f->tasks.next, struct task, node);
        list_remove(&t->node);
        t->run(t);
    }
}

#endif
