/* Time, timers and deferred tasks: the loop's heartbeat.
 *
 * Monotonic and wall time are different types, because confusing them must not compile. All leases
 * and timeouts are monotonic; wall time is for record timestamps and retention only.
 * Timers and tasks are caller-owned and intrusive: arming allocates nothing. Callbacks run from the
 * loop, never inside the call that armed them. Order: by due time, then by order of arming.
 * Thread: the loop's. */
#ifndef SAMSA_ENV_CLOCK_H
#define SAMSA_ENV_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct mono_time {
    int64_t ns;
};

struct wall_time {
    int64_t ms; /* since 1970 UTC */
};

#define NS_PER_MS 1000000LL

static inline struct mono_time mono_add_ms(struct mono_time t, int64_t ms)
{
    return (struct mono_time){ms >= (INT64_MAX - t.ns) / NS_PER_MS ? INT64_MAX
                                                                   : t.ns + ms * NS_PER_MS};
}

/* Milliseconds from `then` to `now`, rounded down. */
static inline int64_t mono_elapsed_ms(struct mono_time now, struct mono_time then)
{
    return (now.ns - then.ns) / NS_PER_MS;
}

struct timer {
    struct mono_time due;
    uint64_t sequence;                  /* ties break by order of arming */
    int32_t heap_index;                 /* -1 when not armed; the clock's own */
    void (*fired)(struct timer *timer); /* disarmed when called; may arm again or free itself */
};

struct task {
    struct list_node node;
    void (*run)(struct task *task); /* unlinked when called */
};

struct clock {
    const struct clock_ops *ops;
};

struct clock_ops {
    struct mono_time (*mono)(struct clock *); /* cached: constant within one loop turn */
    struct wall_time (*wall)(struct clock *); /* read afresh once per loop turn */
    void (*timer_arm)(struct clock *, struct timer *, struct mono_time due);
    void (*timer_cancel)(struct clock *, struct timer *);
    void (*task_post)(struct clock *, struct task *);
};

static inline struct mono_time clock_mono(struct clock *c)
{
    return c->ops->mono(c);
}

static inline struct wall_time clock_wall(struct clock *c)
{
    return c->ops->wall(c);
}

static inline void timer_init(struct timer *t, void (*fired)(struct timer *))
{
    *t = (struct timer){.heap_index = -1, .fired = fired};
}

static inline bool timer_armed(const struct timer *t)
{
    return t->heap_index >= 0;
}

/* Arm, or move if armed. A due time in the past fires in the next turn. */
static inline void timer_arm(struct clock *c, struct timer *t, struct mono_time due)
{
    c->ops->timer_arm(c, t, due);
}

static inline void timer_arm_in_ms(struct clock *c, struct timer *t, int64_t ms)
{
    c->ops->timer_arm(c, t, mono_add_ms(c->ops->mono(c), ms));
}

/* Allowed when not armed. After it the callback will not run. */
static inline void timer_cancel(struct clock *c, struct timer *t)
{
    if (timer_armed(t)) c->ops->timer_cancel(c, t);
}

static inline void task_init(struct task *t, void (*run)(struct task *))
{
    list_init(&t->node);
    t->run = run;
}

/* Run once, later in this loop turn, before the loop sleeps, in order of posting. No-op when it is
 * posted already. */
static inline void task_post(struct clock *c, struct task *t)
{
    if (!list_linked(&t->node)) c->ops->task_post(c, t);
}

static inline void task_cancel(struct task *t)
{
    list_remove(&t->node);
}

#endif
