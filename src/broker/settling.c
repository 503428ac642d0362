#include "broker/settling.h"

#include "base/mem.h"
#include "metadata/image.h"

struct suspect {
    int32_t id;
    int64_t epoch; /* the incarnation that was lost */
    struct mono_time until;
};

/* In the request's arena. */
struct waiting {
    struct list_node node;
    struct settling *settling;
    struct request *request;
    void (*again)(struct request *rq, struct broker *b);
};

struct settling {
    struct broker *broker;
    int64_t wait_ms;
    struct suspect suspects[SETTLING_BROKERS_MAX];
    int32_t suspects_count;
    struct list_node waiting;
    int32_t waiting_count;
    struct timer timer; /* the first suspicion that ends by time */
    struct task task;   /* wakes, not from inside who tells */
};

bool settling_any(const struct settling *s)
{
    return s && s->suspects_count > 0;
}

static struct suspect *find(const struct settling *s, int32_t id)
{
    for (int32_t i = 0; i < s->suspects_count; i++)
        if (s->suspects[i].id == id) return (struct suspect *)(uintptr_t)&s->suspects[i];
    return NULL;
}

bool settling_suspects(const struct settling *s, int32_t id)
{
    return find(s, id) != NULL;
}

static void forget(struct settling *s, struct suspect *x)
{
    *x = s->suspects[--s->suspects_count];
}

static void arm(struct settling *s)
{
    struct clock *clock = s->broker->env.clock;
    timer_cancel(clock, &s->timer);
    if (s->suspects_count == 0) return;
    struct mono_time first = s->suspects[0].until;
    for (int32_t i = 1; i < s->suspects_count; i++)
        if (s->suspects[i].until.ns < first.ns) first = s->suspects[i].until;
    timer_arm(clock, &s->timer, first);
}

static struct waiting *unpark(struct settling *s, struct list_node *node)
{
    struct waiting *w = CONTAINER_OF(node, struct waiting, node);
    list_remove(&w->node);
    w->request->abandoned = NULL;
    s->waiting_count--;
    return w;
}

/* Those whose answer must wait on put themselves in line again, behind. */
static void wake(struct task *t)
{
    struct settling *s = CONTAINER_OF(t, struct settling, task);
    for (int32_t n = s->waiting_count; n > 0 && !list_empty(&s->waiting); n--) {
        struct waiting *w = unpark(s, s->waiting.next);
        w->again(w->request, s->broker);
    }
}

static void waited(struct timer *t)
{
    struct settling *s = CONTAINER_OF(t, struct settling, timer);
    struct mono_time now = clock_mono(s->broker->env.clock);
    for (int32_t i = s->suspects_count; i-- > 0;)
        if (s->suspects[i].until.ns <= now.ns) forget(s, &s->suspects[i]);
    arm(s);
    task_post(s->broker->env.clock, &s->task);
}

struct settling *settling_create(struct broker *b, int64_t wait_ms)
{
    struct settling *s = MEM_NEW(struct settling);
    s->broker = b;
    s->wait_ms = wait_ms;
    list_init(&s->waiting);
    timer_init(&s->timer, waited);
    task_init(&s->task, wake);
    return s;
}

void settling_destroy(struct settling *s)
{
    timer_cancel(s->broker->env.clock, &s->timer);
    task_cancel(&s->task);
    while (!list_empty(&s->waiting)) request_close(unpark(s, s->waiting.next)->request);
    mem_free(s);
}

void settling_lost(struct settling *s, int32_t id)
{
    const struct image_broker *lost = image_broker(s->broker->image, id);
    if (s->wait_ms == 0 || !lost || lost->fenced || find(s, id) ||
        s->suspects_count == SETTLING_BROKERS_MAX)
        return;
    struct mono_time now = clock_mono(s->broker->env.clock);
    s->suspects[s->suspects_count++] =
        (struct suspect){.id = id, .epoch = lost->epoch, .until = mono_add_ms(now, s->wait_ms)};
    arm(s);
}

void settling_heard(struct settling *s, int32_t id)
{
    struct suspect *x = find(s, id);
    if (!x) return;
    forget(s, x);
    arm(s);
    task_post(s->broker->env.clock, &s->task);
}

void settling_metadata_moved(struct settling *s)
{
    if (s->suspects_count == 0) return;
    for (int32_t i = s->suspects_count; i-- > 0;) {
        const struct image_broker *b = image_broker(s->broker->image, s->suspects[i].id);
        if (!b || b->fenced || b->epoch != s->suspects[i].epoch) forget(s, &s->suspects[i]);
    }
    arm(s);
    task_post(s->broker->env.clock, &s->task);
}

static void abandoned(struct request *rq)
{
    struct waiting *w = rq->context;
    unpark(w->settling, &w->node);
}

bool settling_wait(struct settling *s, struct request *rq,
                   void (*again)(struct request *rq, struct broker *b))
{
    if (s->waiting_count == SETTLING_REQUESTS_MAX || rq->deliver) return false;
    struct waiting *w = ARENA_NEW(&rq->arena, struct waiting);
    *w = (struct waiting){.settling = s, .request = rq, .again = again};
    list_init(&w->node);
    list_push_back(&s->waiting, &w->node);
    s->waiting_count++;
    rq->context = w;
    rq->abandoned = abandoned;
    return true;
}
