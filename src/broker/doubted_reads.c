#include "broker/doubted_reads.h"

#include "base/mark.h"
#include "base/mem.h"
#include "replica/lease.h"

/* In the request's arena. */
struct read {
    struct list_node node;
    struct doubted_reads *reads;
    struct request *request;
    int32_t *partitions;
    int32_t count;
    uint64_t answers; /* to followers, when it came */
    bool crowded;     /* too many wait already */
    void (*over)(struct request *rq, struct broker *b, bool confirmed);
};

struct doubted_reads {
    struct broker *broker;
    struct list_node waiting; /* by arrival */
    int32_t count;
    struct timer timer; /* the first one's end */
    struct task task;
};

static struct replica *replica_of(struct broker *b, int32_t partition)
{
    return replica_manager_find_by_name(b->replicas, STR("__consumer_offsets"), partition);
}

bool doubted_reads_doubt(struct broker *b, int32_t partition)
{
    struct replica *r = replica_of(b, partition);
    return r && replica_is_doubted(r);
}

static bool is_confirmed(const struct read *d)
{
    struct broker *b = d->reads->broker;
    for (int32_t i = 0; i < d->count; i++) {
        struct replica *r = replica_of(b, d->partitions[i]);
        if (r && replica_is_doubted(r) && !replica_is_confirmed(r, d->answers)) return false;
    }
    return true;
}

static bool is_over(const struct read *d)
{
    struct mono_time now = clock_mono(d->reads->broker->env.clock);
    return d->crowded || mono_elapsed_ms(now, d->request->arrived) >= DOUBTED_READ_MS_MAX;
}

static void unpark(struct read *d)
{
    list_remove(&d->node);
    d->request->abandoned = NULL;
    d->reads->count--;
}

static void abandoned(struct request *rq)
{
    unpark(rq->context);
}

static void arm(struct doubted_reads *d)
{
    struct clock *clock = d->broker->env.clock;
    timer_cancel(clock, &d->timer);
    if (list_empty(&d->waiting)) return;
    const struct read *first = CONTAINER_OF(d->waiting.next, struct read, node);
    timer_arm(clock, &d->timer, mono_add_ms(first->request->arrived, DOUBTED_READ_MS_MAX));
}

static void look(struct task *task)
{
    struct doubted_reads *d = CONTAINER_OF(task, struct doubted_reads, task);
    LIST_EACH(&d->waiting, node) {
        struct read *r = CONTAINER_OF(node, struct read, node);
        bool confirmed = is_confirmed(r);
        if (!confirmed && !is_over(r)) continue;
        unpark(r);
        if (confirmed) MARK("a doubted read is confirmed");
        r->over(r->request, d->broker, confirmed);
    }
    arm(d);
}

static void waited(struct timer *timer)
{
    doubted_reads_look(CONTAINER_OF(timer, struct doubted_reads, timer));
}

struct doubted_reads *doubted_reads_create(struct broker *b)
{
    struct doubted_reads *d = MEM_NEW(struct doubted_reads);
    d->broker = b;
    list_init(&d->waiting);
    timer_init(&d->timer, waited);
    task_init(&d->task, look);
    return d;
}

void doubted_reads_destroy(struct doubted_reads *d)
{
    timer_cancel(d->broker->env.clock, &d->timer);
    task_cancel(&d->task);
    while (!list_empty(&d->waiting)) {
        struct read *r = CONTAINER_OF(d->waiting.next, struct read, node);
        unpark(r);
        request_close(r->request);
    }
    mem_free(d);
}

void doubted_reads_look(struct doubted_reads *d)
{
    if (d->count > 0) task_post(d->broker->env.clock, &d->task);
}

bool doubted_reads_wait(struct doubted_reads *d, struct request *rq, const int32_t *partitions,
                        int32_t count,
                        void (*over)(struct request *rq, struct broker *b, bool confirmed))
{
    struct broker *b = d->broker;
    bool any = false;
    for (int32_t i = 0; i < count; i++) any |= doubted_reads_doubt(b, partitions[i]);
    if (!any) return false;
    struct read *r = ARENA_NEW(&rq->arena, struct read);
    r->reads = d;
    r->request = rq;
    r->partitions = ARENA_ARRAY(&rq->arena, int32_t, count);
    memcpy(r->partitions, partitions, sizeof *partitions * (size_t)count);
    r->count = count;
    r->answers = fetch_session_cache_answers(b->fetch_sessions);
    r->crowded = d->count >= DOUBTED_READS_MAX;
    r->over = over;
    list_init(&r->node);
    list_push_back(&d->waiting, &r->node);
    d->count++;
    rq->context = r;
    rq->abandoned = abandoned;
    for (int32_t i = 0; i < count; i++)
        if (doubted_reads_doubt(b, partitions[i]))
            fetch_session_answer_followers(&replica_of(b, partitions[i])->purgatory);
    arm(d);
    doubted_reads_look(d);
    return true;
}
