#include "env/sim/queue.h"

#include "base/mem.h"

void sim_event_init(struct sim_event *e, enum sim_kind kind, struct sim_process *process,
                    void (*run)(struct sim_event *))
{
    *e = (struct sim_event){.heap_index = -1, .kind = kind, .process = process, .run = run};
    list_init(&e->held);
}

bool sim_event_queued(const struct sim_event *e)
{
    return e->heap_index >= 0 || list_linked(&e->held);
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    if (a->at_ns != b->at_ns) return a->at_ns < b->at_ns;
    return a->sequence < b->sequence;
}

static void place(struct sim_queue *q, int32_t at, struct sim_event *e)
{
    q->heap[at] = e;
    e->heap_index = at;
}

static void sift_up(struct sim_queue *q, int32_t at, struct sim_event *e)
{
    while (at > 0) {
        int32_t parent = (at - 1) / 2;
        if (!before(e, q->heap[parent])) break;
        place(q, at, q->heap[parent]);
        at = parent;
    }
    place(q, at, e);
}

static void sift_down(struct sim_queue *q, int32_t at, struct sim_event *e)
{
    for (;;) {
        int32_t child = at * 2 + 1;
        if (child >= q->count) break;
        if (child + 1 < q->count && before(q->heap[child + 1], q->heap[child])) child++;
        if (!before(q->heap[child], e)) break;
        place(q, at, q->heap[child]);
        at = child;
    }
    place(q, at, e);
}

void sim_queue_remove(struct sim_queue *q, struct sim_event *e)
{
    list_remove(&e->held);
    if (e->heap_index < 0) return;
    int32_t at = e->heap_index;
    e->heap_index = -1;
    struct sim_event *last = q->heap[--q->count];
    if (last == e) return;
    if (at > 0 && before(last, q->heap[(at - 1) / 2]))
        sift_up(q, at, last);
    else
        sift_down(q, at, last);
}

void sim_queue_put(struct sim_queue *q, struct sim_event *e, int64_t at_ns)
{
    sim_queue_remove(q, e);
    e->sequence = ++q->sequence;
    sim_queue_put_again(q, e, at_ns);
}

void sim_queue_put_again(struct sim_queue *q, struct sim_event *e, int64_t at_ns)
{
    list_remove(&e->held);
    e->at_ns = at_ns < q->now_ns ? q->now_ns : at_ns;
    MEM_GROW(q->heap, q->count, q->capacity);
    sift_up(q, q->count++, e);
}

struct sim_event *sim_queue_pop(struct sim_queue *q, int64_t until_ns)
{
    if (q->count == 0 || q->heap[0]->at_ns > until_ns) return NULL;
    struct sim_event *e = q->heap[0];
    sim_queue_remove(q, e);
    q->now_ns = e->at_ns;
    return e;
}

void sim_queue_free(struct sim_queue *q)
{
    mem_free(q->heap);
}
