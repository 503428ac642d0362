#include "env/schedule.h"

#include "base/mem.h"

enum { TASK_ROUNDS_MAX = 16 }; /* then io gets its turn, however many tasks post tasks */

void timer_heap_free(struct timer_heap *h)
{
    mem_free(h->timers);
    *h = (struct timer_heap){.timers = NULL};
}

static bool before(const struct timer *a, const struct timer *b)
{
    if (a->due.ns != b->due.ns) return a->due.ns < b->due.ns;
    return a->sequence < b->sequence;
}

static void place(struct timer_heap *h, int32_t at, struct timer *t)
{
    h->timers[at] = t;
    t->heap_index = at;
}

static void sift_up(struct timer_heap *h, int32_t at, struct timer *t)
{
    while (at > 0) {
        int32_t parent = (at - 1) / 2;
        if (!before(t, h->timers[parent])) break;
        place(h, at, h->timers[parent]);
        at = parent;
    }
    place(h, at, t);
}

static void sift_down(struct timer_heap *h, int32_t at, struct timer *t)
{
    for (;;) {
        int32_t child = at * 2 + 1;
        if (child >= h->count) break;
        if (child + 1 < h->count && before(h->timers[child + 1], h->timers[child])) child++;
        if (!before(h->timers[child], t)) break;
        place(h, at, h->timers[child]);
        at = child;
    }
    place(h, at, t);
}

void timer_heap_insert(struct timer_heap *h, struct timer *t, struct mono_time due)
{
    PRE(!timer_armed(t));
    t->due = due;
    t->sequence = ++h->sequence;
    MEM_GROW(h->timers, h->count, h->capacity);
    sift_up(h, h->count++, t);
}

void timer_heap_remove(struct timer_heap *h, struct timer *t)
{
    int32_t at = t->heap_index;
    INVARIANT(at >= 0 && at < h->count && h->timers[at] == t);
    t->heap_index = -1;
    struct timer *last = h->timers[--h->count];
    if (last == t) return;
    if (at > 0 && before(last, h->timers[(at - 1) / 2]))
        sift_up(h, at, last);
    else
        sift_down(h, at, last);
}

void timer_heap_fire(struct timer_heap *h, struct mono_time now, const bool *stop)
{
    uint64_t armed_before = h->sequence;
    while (!*stop && h->count > 0) {
        struct timer *t = h->timers[0];
        if (t->due.ns > now.ns || t->sequence > armed_before) break;
        timer_heap_remove(h, t);
        t->fired(t);
    }
}

void tasks_run(struct list_node *tasks, const bool *stop)
{
    for (int round = 0; round < TASK_ROUNDS_MAX && !*stop && !list_empty(tasks); round++) {
        struct list_node end; /* those posted from here on belong to the next round */
        list_init(&end);
        list_push_back(tasks, &end);
        while (!*stop && tasks->next != &end) {
            struct task *t = CONTAINER_OF(tasks->next, struct task, node);
            list_remove(&t->node);
            t->run(t);
        }
        list_remove(&end);
    }
}
