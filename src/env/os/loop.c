#include "env/os/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    EVENTS_MAX = 256,
    TASK_ROUNDS_MAX = 16, /* then io gets its turn, however many tasks post tasks */
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

/* ---- timers: a binary heap by (due, sequence); each timer knows its index */

static bool before(const struct timer *a, const struct timer *b)
{
    if (a->due.ns != b->due.ns) return a->due.ns < b->due.ns;
    return a->sequence < b->sequence;
}

static void place(struct os_loop *l, int32_t at, struct timer *t)
{
    l->heap[at] = t;
    t->heap_index = at;
}

static void sift_up(struct os_loop *l, int32_t at, struct timer *t)
{
    while (at > 0) {
        int32_t parent = (at - 1) / 2;
        if (!before(t, l->heap[parent])) break;
        place(l, at, l->heap[parent]);
        at = parent;
    }
    place(l, at, t);
}

static void sift_down(struct os_loop *l, int32_t at, struct timer *t)
{
    for (;;) {
        int32_t child = at * 2 + 1;
        if (child >= l->timers_count) break;
        if (child + 1 < l->timers_count && before(l->heap[child + 1], l->heap[child])) child++;
        if (!before(l->heap[child], t)) break;
        place(l, at, l->heap[child]);
        at = child;
    }
    place(l, at, t);
}

static void loop_timer_cancel(struct clock *c, struct timer *t)
{
    struct os_loop *l = of(c);
    int32_t at = t->heap_index;
    INVARIANT(at >= 0 && at < l->timers_count && l->heap[at] == t);
    t->heap_index = -1;
    struct timer *last = l->heap[--l->timers_count];
    if (last == t) return;
    if (at > 0 && before(last, l->heap[(at - 1) / 2])) sift_up(l, at, last);
    else sift_down(l, at, last);
}

static void loop_timer_arm(struct clock *c, struct timer *t, struct mono_time due)
{
    struct os_loop *l = of(c);
    if (timer_armed(t)) loop_timer_cancel(c, t);
    /* One that is always armed for the past must not starve those due since. */
    t->due.ns = due.ns < l->mono.ns ? l->mono.ns : due.ns;
    t->sequence = ++l->sequence;
    MEM_GROW(l->heap, l->timers_count, l->timers_capacity);
    sift_up(l, l->timers_count++, t);
}

static void fire_timers(struct os_loop *l)
{
    uint64_t armed_before = l->sequence; /* those armed by callbacks wait for the next turn */
    while (l->timers_count > 0) {
        struct timer *t = l->heap[0];
        if (t->due.ns > l->mono.ns || t->sequence > armed_before) break;
        loop_timer_cancel(&l->clock, t);
        t->fired(t);
    }
}

/* ---- tasks */

static void loop_task_post(struct clock *c, struct task *t)
{
    list_push_back(&of(c)->tasks, &t->node);
}

static void run_tasks(struct os_loop *l)
{
    for (int round = 0; round < TASK_ROUNDS_MAX && !list_empty(&l->tasks); round++) {
        struct list_node end; /* those posted from here on belong to the next round */
        list_init(&end);
        list_push_back(&l->tasks, &end);
        while (l->tasks.next != &end) {
            struct task *t = CONTAINER_OF(l->tasks.next, struct task, node);
            list_remove(&t->node);
            t->run(t);
        }
        list_remove(&end);
    }
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
    mem_free(l->heap);
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
    if (l->timers_count > 0) {
        int64_t left_ns = l->heap[0]->due.ns - read_ns(CLOCK_MONOTONIC);
        int64_t left = left_ns <= 0 ? 0 : (left_ns - 1) / NS_PER_MS + 1;
        if (wait < 0 || left < wait) wait = left;
    }
    return wait > 3600 * 1000 ? 3600 * 1000 : (int)wait;
}

void os_loop_turn(struct os_loop *l, int64_t wait_ms_max)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(l->epoll_fd, events, EVENTS_MAX, wait_ms(l, wait_ms_max));
    INVARIANT(n >= 0 || errno == EINTR);
    l->busy = false;
    read_clocks(l);
    fire_timers(l);
    for (int i = 0; i < n; i++) {
        struct os_source *s = events[i].data.ptr;
        if (!s->retired) s->ready(s, events[i].events);
    }
    run_tasks(l);
}
