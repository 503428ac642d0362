/* A clock that stands still until told, and dice that count: enough world for the pure parts. */
#ifndef SAMSA_TEST_REPLICA_FAKE_ENV_H
#define SAMSA_TEST_REPLICA_FAKE_ENV_H

#include "hand_env.h"

struct fake_env {
    struct hand_env hand;
    struct env env;
};

static inline void fake_env_init(struct fake_env *f)
{
    *f = (struct fake_env){0};
    hand_env_init(&f->hand, 1);
    f->hand.wall_ms = 1700000000000;
    f->env.clock = &f->hand.clock;
    f->env.rng = &f->hand.rng;
}

/* `ms` later: what is due by then, then deferred tasks. */
static inline void fake_env_pass(struct fake_env *f, int64_t ms)
{
    struct mono_time end = mono_add_ms(f->hand.now, ms);
    while (hand_env_step(&f->hand, end)) continue;
    hand_env_run_tasks(&f->hand);
}

#endif
