#include "env/os/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 256,
    WAITED_NS = 5000, /* what takes longer was a sleep, not a look */
};

static struct os_loop *of(struct clock *c)
{
    return CONTAINER_OF(c, struct os_loop, clock);
}

static int64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

enum { STANDSTILL_NS = 500 * NS_PER_MS };

static void read_clocks(struct os_loop *l)
{
    l->mono.ns = read_ns(CLOCK_MONOTONIC);
    l->wall.ms = read_ns(CLOCK_REALTIME) / NS_PER_MS;
}

static struct mono_time loop_mono(struct clock *c)
{
    return of(c)->mono;
}

static struct wall_time loop_wall(struct clock *c)
{
    return of(c)->wall;
}

static void loop_timer_cancel(struct clock *c, struct timer *t)
{
    timer_heap_remove(&of(c)->timers, t);
}

static void loop_timer_arm(struct clock *c, struct timer *t, struct mono_time due)
{
    struct os_loop *l = of(c);
    if (timer_armed(t)) timer_heap_remove(&l->timers, t);
    /* One that is always armed for the past must not starve those due since. */
    timer_heap_insert(&l->timers, t, due.ns < l->mono.ns ? l->mono : due);
}

static void loop_task_post(struct clock *c, struct task *t)
{
    list_push_back(&of(c)->tasks, &t->node);
}

static const struct clock_ops loop_clock_ops = {
    .mono = loop_mono,
    .wall = loop_wall,
    .timer_arm = loop_timer_arm,
    .timer_cancel = loop_timer_cancel,
    .task_post = loop_task_post,
};

/* ---- sources */

enum err os_loop_init(struct os_loop *l)
{
    *l = (struct os_loop){.clock.ops = &loop_clock_ops};
    list_init(&l->tasks);
    read_clocks(l);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return l->epoll_fd < 0 ? ERR_NO_DESCRIPTORS : ERR_OK;
}

void os_loop_free(struct os_loop *l)
{
    os_loop_reap(l);
    if (l->epoll_fd >= 0) close(l->epoll_fd);
    timer_heap_free(&l->timers);
}

enum err os_loop_add(struct os_loop *l, struct os_source *s, uint32_t epoll_events)
{
    struct epoll_event e = {.events = epoll_events, .data.ptr = s};
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, s->fd, &e) == 0 ? ERR_OK : ERR_NO_DESCRIPTORS;
}

void os_loop_change(struct os_loop *l, struct os_source *s, uint32_t epoll_events)
{
    struct epoll_event e = {.events = epoll_events, .data.ptr = s};
    int failed = epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, s->fd, &e);
    INVARIANT(!failed);
}

void os_loop_retire(struct os_loop *l, struct os_source *s)
{
    PRE(!s->retired);
    if (s->fd >= 0) close(s->fd); /* the last descriptor of it: epoll forgets it too */
    s->fd = -1;
    s->retired = true;
    s->next_retired = l->retired;
    l->retired = s;
}

void os_loop_reap(struct os_loop *l)
{
    while (l->retired) {
        struct os_source *s = l->retired;
        l->retired = s->next_retired;
        if (s->freed) s->freed(s);
    }
}

/* ---- the turn */

static int wait_ms(const struct os_loop *l, int64_t wait_ms_max)
{
    if (l->busy || l->stopping || !list_empty(&l->tasks)) return 0;
    int64_t wait = wait_ms_max < 0 ? -1 : wait_ms_max;
    const struct timer *first = timer_heap_first(&l->timers);
    if (first) {
        int64_t left_ns = first->due.ns - read_ns(CLOCK_MONOTONIC);
        int64_t left = left_ns <= 0 ? 0 : (left_ns - 1) / NS_PER_MS + 1;
        if (wait < 0 || left < wait) wait = left;
    }
    return wait > 3600 * 1000 ? 3600 * 1000 : (int)wait;
}

/* The process was stopped between two events: what follows is handled in a new turn's time, timers
 * first, as a turn begins. They must find out what has become of this node before anybody is
 * served. */
static void notice_standstill(struct os_loop *l)
{
    if (read_ns(CLOCK_MONOTONIC) - l->mono.ns < STANDSTILL_NS) return;
    read_clocks(l);
    timer_heap_fire(&l->timers, l->mono, &l->never);
}

void os_loop_turn(struct os_loop *l, int64_t wait_ms_max)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t before_ns = read_ns(CLOCK_MONOTONIC);
    int n = epoll_wait(l->epoll_fd, events, EVENTS_MAX, wait_ms(l, wait_ms_max));
    INVARIANT(n >= 0 || errno == EINTR);
    l->busy = false;
    read_clocks(l);
    l->waited = l->mono.ns - before_ns > WAITED_NS;
    timer_heap_fire(&l->timers, l->mono, &l->never);
    for (int i = 0; i < n; i++) {
        struct os_source *s = events[i].data.ptr;
        notice_standstill(l);
        if (!s->retired) s->ready(s, events[i].events);
    }
    tasks_run(&l->tasks, &l->never);
}
