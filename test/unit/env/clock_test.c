#include "world.h"

#include "base/mem.h"

struct probe {
    struct timer timer;
    struct task task;
    struct clock *clock;
    int *order; /* the next number to hand out */
    int fired;  /* the number this one got, 0 before */
    int count;
    int again; /* times to arm for the past or post once more */
    struct timer *cancels;
    struct mono_time at;
};

static void probe_fired(struct timer *t)
{
    struct probe *p = CONTAINER_OF(t, struct probe, timer);
    assert_false(timer_armed(t));
    p->fired = ++*p->order;
    p->count++;
    p->at = clock_mono(p->clock);
    if (p->cancels) timer_cancel(p->clock, p->cancels);
    if (p->again-- > 0) timer_arm(p->clock, t, (struct mono_time){0});
}

static void probe_run(struct task *t)
{
    struct probe *p = CONTAINER_OF(t, struct probe, task);
    p->fired = ++*p->order;
    p->count++;
    if (p->again-- > 0) task_post(p->clock, t);
}

static void probe_init(struct probe *p, struct world *w, int *order)
{
    *p = (struct probe){.clock = w->env->clock, .order = order};
    timer_init(&p->timer, probe_fired);
    task_init(&p->task, probe_run);
}

BOTH(clock_timers_fire_by_due_time_then_by_arming)
{
    struct probe p[5];
    int order = 0;
    for (int i = 0; i < 5; i++) probe_init(&p[i], w, &order);
    struct mono_time start = clock_mono(w->env->clock);
    int due_ms[5] = {9, 3, 6, 3, 1};
    for (int i = 0; i < 5; i++)
        timer_arm(w->env->clock, &p[i].timer, mono_add_ms(start, due_ms[i]));
    WORLD_UNTIL(w, order == 5);
    int expected[5] = {5, 2, 4, 3, 1};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(p[i].fired, expected[i]);
        assert_true(mono_elapsed_ms(p[i].at, start) >= due_ms[i]);
    }
}

BOTH(clock_cancelled_and_moved_timers)
{
    struct probe p[4];
    int order = 0;
    for (int i = 0; i < 4; i++) {
        probe_init(&p[i], w, &order);
        timer_arm_in_ms(w->env->clock, &p[i].timer, 2);
    }
    timer_cancel(w->env->clock, &p[1].timer);
    timer_cancel(w->env->clock, &p[1].timer);
    assert_false(timer_armed(&p[1].timer));
    timer_arm_in_ms(w->env->clock, &p[0].timer, 5);
    p[2].cancels = &p[3].timer;
    WORLD_UNTIL(w, p[0].fired);
    assert_int_equal(p[2].fired, 1);
    assert_int_equal(p[0].fired, 2);
    assert_int_equal(p[1].fired + p[3].fired, 0);
}

BOTH(clock_timer_armed_for_the_past_fires_in_the_next_turn_and_starves_nobody)
{
    struct probe greedy, other;
    int order = 0;
    probe_init(&greedy, w, &order);
    probe_init(&other, w, &order);
    greedy.again = 1000;
    timer_arm(w->env->clock, &greedy.timer, (struct mono_time){0});
    timer_arm_in_ms(w->env->clock, &other.timer, 0);
    WORLD_UNTIL(w, other.fired);
    assert_true(other.fired <= 3);
    assert_true(greedy.count < 1000);
    timer_cancel(w->env->clock, &greedy.timer);
}

BOTH(clock_many_timers_keep_their_order)
{
    enum { MANY = 500 };
    struct probe *p = mem_zalloc(MANY, sizeof *p);
    int order = 0;
    uint32_t x = 12345;
    struct mono_time start = clock_mono(w->env->clock);
    for (int i = 0; i < MANY; i++) {
        probe_init(&p[i], w, &order);
        x = x * 1664525 + 1013904223;
        timer_arm(w->env->clock, &p[i].timer, mono_add_ms(start, x >> 24 & 15));
    }
    int expected = MANY;
    for (int i = 0; i < MANY; i += 3, expected--) timer_cancel(w->env->clock, &p[i].timer);
    WORLD_UNTIL(w, order == expected);
    for (int i = 0; i < MANY; i++) {
        for (int j = i + 1; j < MANY && p[i].fired; j++) {
            if (!p[j].fired) continue;
            if (p[i].timer.due.ns <= p[j].timer.due.ns)
                assert_true(p[i].fired < p[j].fired);
            else
                assert_true(p[i].fired > p[j].fired);
        }
    }
    mem_free(p);
}

BOTH(clock_tasks_run_once_in_order_of_posting)
{
    struct probe p[3];
    int order = 0;
    for (int i = 0; i < 3; i++) probe_init(&p[i], w, &order);
    task_post(w->env->clock, &p[2].task);
    task_post(w->env->clock, &p[0].task);
    task_post(w->env->clock, &p[1].task);
    task_post(w->env->clock, &p[2].task);
    task_cancel(&p[0].task);
    assert_int_equal(order, 0);
    WORLD_UNTIL(w, order == 2);
    assert_int_equal(p[2].fired, 1);
    assert_int_equal(p[1].fired, 2);
    for (int i = 0; i < 5; i++) w->step(w);
    assert_int_equal(order, 2);
}

BOTH(clock_task_that_posts_itself_does_not_stop_timers)
{
    struct probe task, timer;
    int order = 0;
    probe_init(&task, w, &order);
    probe_init(&timer, w, &order);
    task.again = 1 << 30;
    task_post(w->env->clock, &task.task);
    timer_arm_in_ms(w->env->clock, &timer.timer, 1);
    WORLD_UNTIL(w, timer.fired);
    task_cancel(&task.task);
}

BOTH(clock_time_advances_while_waiting)
{
    struct probe p;
    int order = 0;
    probe_init(&p, w, &order);
    struct wall_time wall = clock_wall(w->env->clock);
    struct mono_time mono = clock_mono(w->env->clock);
    timer_arm_in_ms(w->env->clock, &p.timer, 20);
    WORLD_UNTIL(w, p.fired);
    assert_true(clock_mono(w->env->clock).ns - mono.ns >= 20 * NS_PER_MS);
    assert_true(clock_wall(w->env->clock).ms - wall.ms >= 19);
    assert_true(wall.ms > 1600000000000);
}

BOTH(rng_gives_fresh_bytes)
{
    uint8_t a[1000] = {0}, b[1000] = {0};
    rng_fill(w->env->rng, a, sizeof a);
    rng_fill(w->env->rng, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_true(rng_u64(w->env->rng) != rng_u64(w->env->rng));
    for (int i = 0; i < 200; i++) {
        assert_true(rng_below(w->env->rng, 3) < 3);
        assert_true(uuid_text(rng_uuid(w->env->rng)).z[0] != '-');
    }
}
