#include "broker/settling.h"

#include "base/mem.h"
#include "broker/pulses.h"
#include "metadata/image.h"

enum { PULSE_ANSWER_MS_MAX = 1000, PULSE_BACKOFF_MS = 2 };

struct suspect {
    int32_t id;
    int64_t epoch; /* the incarnation that was lost */
    struct mono_time until;
    bool over; /* waited for long enough */
};

/* In the request's arena. */
struct waiting {
    struct list_node node;
    struct settling *settling;
    struct request *request;
    struct settling_leaders leaders;
    void (*again)(struct request *rq, struct broker *b);
};

struct settling {
    struct broker *broker;
    int64_t wait_ms, pulse_ms;
    struct suspect suspects[SETTLING_BROKERS_MAX];
    int32_t suspects_count;
    struct pulses pulses;
    struct list_node waiting; /* by arrival, but for those whose answer has changed */
    int32_t waiting_count;
    struct timer timer;       /* the first suspicion that ends by time */
    struct timer pulse_timer; /* the first request that waits for no sign of life any longer */
    struct task task;         /* wakes, not from inside who tells */
};

void settling_name(struct settling_leaders *l, int32_t id)
{
    if (id < 0) return;
    for (int32_t i = l->count; i-- > 0;)
        if (l->ids[i] == id) return;
    if (l->count < SETTLING_LEADERS_MAX) l->ids[l->count++] = id;
}

static struct suspect *find(const struct settling *s, int32_t id)
{
    for (int32_t i = 0; i < s->suspects_count; i++)
        if (s->suspects[i].id == id) return (struct suspect *)(uintptr_t)&s->suspects[i];
    return NULL;
}

bool settling_suspects(const struct settling *s, int32_t id)
{
    const struct suspect *x = find(s, id);
    return x && !x->over;
}

static void forget(struct settling *s, struct suspect *x)
{
    *x = s->suspects[--s->suspects_count];
}

static void arm(struct settling *s)
{
    struct clock *clock = s->broker->env.clock;
    const struct suspect *first = NULL;
    timer_cancel(clock, &s->timer);
    for (int32_t i = 0; i < s->suspects_count; i++) {
        const struct suspect *x = &s->suspects[i];
        if (!x->over && (!first || x->until.ns < first->until.ns)) first = x;
    }
    if (first) timer_arm(clock, &s->timer, first->until);
}

/* Until when a request waits for signs of life. */
static struct mono_time pulse_end(const struct settling *s, const struct request *rq)
{
    return mono_add_ms(rq->arrived, s->pulse_ms);
}

static bool waits_for_pulse(const struct settling *s, const struct request *rq)
{
    return clock_mono(s->broker->env.clock).ns < pulse_end(s, rq).ns;
}

/* Does an answer that names `id` wait? Asks it, where a sign of life is missing. */
static bool in_doubt(struct settling *s, const struct request *rq, int32_t id)
{
    const struct image_broker *b = image_broker(s->broker->image, id);
    if (id == s->broker->node_id || !b || b->fenced) return false;
    if (settling_suspects(s, id)) return true;
    if (s->pulse_ms == 0 || pulses_felt(&s->pulses, id, rq->arrived)) return false;
    bool silent = pulses_silent(&s->pulses, id, s->pulse_ms);
    return pulses_ask(&s->pulses, id) && !silent && !find(s, id) && waits_for_pulse(s, rq);
}

/* Every one is looked at, so that all are asked at once. */
static bool any_in_doubt(struct settling *s, const struct request *rq,
                         const struct settling_leaders *l)
{
    bool any = false;
    for (int32_t i = 0; i < l->count; i++) any |= in_doubt(s, rq, l->ids[i]);
    return any;
}

static void arm_pulse(struct settling *s, const struct request *rq)
{
    struct mono_time end = pulse_end(s, rq);
    if (!timer_armed(&s->pulse_timer) && waits_for_pulse(s, rq))
        timer_arm(s->broker->env.clock, &s->pulse_timer, end);
}

static struct waiting *unpark(struct settling *s, struct list_node *node)
{
    struct waiting *w = CONTAINER_OF(node, struct waiting, node);
    list_remove(&w->node);
    w->request->abandoned = NULL;
    s->waiting_count--;
    return w;
}

static void abandoned(struct request *rq)
{
    struct waiting *w = rq->context;
    unpark(w->settling, &w->node);
}

static void park(struct settling *s, struct waiting *w)
{
    list_push_back(&s->waiting, &w->node);
    s->waiting_count++;
    w->request->context = w;
    w->request->abandoned = abandoned;
    arm_pulse(s, w->request);
}

/* Who is still in doubt is asked again: a near miss ends so. Those whose answer must wait on are in
 * line again, behind. */
static void wake(struct task *t)
{
    struct settling *s = CONTAINER_OF(t, struct settling, task);
    for (int32_t i = 0; i < s->suspects_count; i++)
        if (!s->suspects[i].over && s->pulse_ms > 0) pulses_ask(&s->pulses, s->suspects[i].id);
    for (int32_t n = s->waiting_count; n > 0 && !list_empty(&s->waiting); n--) {
        struct waiting *w = unpark(s, s->waiting.next);
        if (any_in_doubt(s, w->request, &w->leaders))
            park(s, w);
        else
            w->again(w->request, s->broker);
    }
}

static void waited(struct timer *t)
{
    struct settling *s = CONTAINER_OF(t, struct settling, timer);
    struct mono_time now = clock_mono(s->broker->env.clock);
    for (int32_t i = 0; i < s->suspects_count; i++)
        if (s->suspects[i].until.ns <= now.ns) s->suspects[i].over = true;
    arm(s);
    task_post(s->broker->env.clock, &s->task);
}

static void pulse_waited(struct timer *t)
{
    struct settling *s = CONTAINER_OF(t, struct settling, pulse_timer);
    task_post(s->broker->env.clock, &s->task);
}

static void told(void *context, int32_t id, enum err e)
{
    struct settling *s = context;
    if (e == 0)
        settling_heard(s, id);
    else if (e == ERR_CLOSED || e == ERR_RESET || e == ERR_REFUSED)
        settling_lost(s, id);
    task_post(s->broker->env.clock, &s->task);
}

struct settling *settling_create(struct broker *b, int64_t wait_ms, int64_t pulse_ms)
{
    struct settling *s = MEM_NEW(struct settling);
    s->broker = b;
    s->wait_ms = wait_ms;
    s->pulse_ms = pulse_ms;
    struct pulses_config config = {.purpose = "pulse",
                                   .answer_ms_max = PULSE_ANSWER_MS_MAX,
                                   .backoff_ms = PULSE_BACKOFF_MS,
                                   .told = told,
                                   .context = s};
    pulses_init(&s->pulses, b, &config);
    list_init(&s->waiting);
    timer_init(&s->timer, waited);
    timer_init(&s->pulse_timer, pulse_waited);
    task_init(&s->task, wake);
    return s;
}

void settling_destroy(struct settling *s)
{
    pulses_close(&s->pulses);
    timer_cancel(s->broker->env.clock, &s->timer);
    timer_cancel(s->broker->env.clock, &s->pulse_timer);
    task_cancel(&s->task);
    while (!list_empty(&s->waiting)) request_close(unpark(s, s->waiting.next)->request);
    mem_free(s);
}

/* Where one more suspicion goes: beside the others, or in place of one that holds nobody up. */
static struct suspect *place(struct settling *s)
{
    if (s->suspects_count < SETTLING_BROKERS_MAX) return &s->suspects[s->suspects_count++];
    for (int32_t i = 0; i < s->suspects_count; i++)
        if (s->suspects[i].over) return &s->suspects[i];
    return NULL;
}

void settling_lost(struct settling *s, int32_t id)
{
    const struct image_broker *lost = image_broker(s->broker->image, id);
    if (s->wait_ms == 0 || !lost || lost->fenced || find(s, id)) return;
    struct suspect *x = place(s);
    if (!x) return;
    struct mono_time now = clock_mono(s->broker->env.clock);
    *x = (struct suspect){.id = id, .epoch = lost->epoch, .until = mono_add_ms(now, s->wait_ms)};
    arm(s);
    task_post(s->broker->env.clock, &s->task);
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
    pulses_metadata_moved(&s->pulses);
    for (int32_t i = s->suspects_count; i-- > 0;) {
        const struct image_broker *b = image_broker(s->broker->image, s->suspects[i].id);
        if (!b || b->fenced || b->epoch != s->suspects[i].epoch) forget(s, &s->suspects[i]);
    }
    arm(s);
    if (s->waiting_count > 0) task_post(s->broker->env.clock, &s->task);
}

bool settling_wait(struct settling *s, struct request *rq, const struct settling_leaders *leaders,
                   void (*again)(struct request *rq, struct broker *b))
{
    if (!s || s->wait_ms == 0 || s->waiting_count == SETTLING_REQUESTS_MAX || rq->deliver)
        return false;
    if (!any_in_doubt(s, rq, leaders)) return false;
    struct waiting *w = ARENA_NEW(&rq->arena, struct waiting);
    *w = (struct waiting){.settling = s, .request = rq, .leaders = *leaders, .again = again};
    list_init(&w->node);
    park(s, w);
    return true;
}
