#include "broker/producer_ids.h"

#include "base/mem.h"
#include "protocol/allocate_producer_ids.h"
#include "protocol/api.h"
#include "protocol/error.h"

enum {
    RETRY_MS = 20,
    WAIT_MS_MAX = 1000, /* then the client is told to try again */
    REFILL_BELOW = 100, /* ids left when the next block is asked for */
};

struct producer_id_source {
    struct broker *broker;
    int64_t next, end;             /* of the current block */
    int64_t spare_next, spare_end; /* a block in reserve; empty when equal */
    struct list_node waiting;
    struct call call;
    bool asking;
    struct timer retry;
    struct task serve; /* answers never come from inside a call */
    struct timer give_up;
};

static void source_ask(struct producer_id_source *s);

static bool source_take(struct producer_id_source *s, int64_t *id)
{
    if (s->next == s->end) {
        s->next = s->spare_next;
        s->end = s->spare_end;
        s->spare_next = s->spare_end = 0;
    }
    if (s->next == s->end) return false;
    *id = s->next++;
    return true;
}

static void source_serve(struct task *t)
{
    struct producer_id_source *s = CONTAINER_OF(t, struct producer_id_source, serve);
    int64_t id;
    while (!list_empty(&s->waiting) && source_take(s, &id)) {
        struct producer_id_wait *w = CONTAINER_OF(s->waiting.next, struct producer_id_wait, node);
        list_remove(&w->node);
        w->done(w, KAFKA_NONE, id);
    }
    bool low = s->end - s->next < REFILL_BELOW && s->spare_next == s->spare_end;
    if (low) source_ask(s);
    if (list_empty(&s->waiting))
        timer_cancel(s->broker->env.clock, &s->give_up);
    else if (!timer_armed(&s->give_up))
        timer_arm_in_ms(s->broker->env.clock, &s->give_up, WAIT_MS_MAX);
}

static void source_gave_up(struct timer *t)
{
    struct producer_id_source *s = CONTAINER_OF(t, struct producer_id_source, give_up);
    while (!list_empty(&s->waiting)) {
        struct producer_id_wait *w = CONTAINER_OF(s->waiting.next, struct producer_id_wait, node);
        list_remove(&w->node);
        w->done(w, KAFKA_COORDINATOR_LOAD_IN_PROGRESS, -1);
    }
}

static void block_given(struct call *call, enum err e, const void *response)
{
    struct producer_id_source *s = CONTAINER_OF(call, struct producer_id_source, call);
    const struct allocate_producer_ids_response *r = response;
    s->asking = false;
    if (e || r->error_code || r->producer_id_len <= 0) {
        timer_arm_in_ms(s->broker->env.clock, &s->retry, RETRY_MS);
        return;
    }
    s->spare_next = r->producer_id_start;
    s->spare_end = r->producer_id_start + r->producer_id_len;
    task_post(s->broker->env.clock, &s->serve);
}

static void source_ask(struct producer_id_source *s)
{
    if (s->asking || timer_armed(&s->retry)) return;
    struct allocate_producer_ids_request request;
    allocate_producer_ids_request_init(&request);
    request.broker_id = s->broker->node_id;
    request.broker_epoch = s->broker->epoch;
    s->asking = true;
    broker_call_controller(s->broker, &s->call, API_ALLOCATE_PRODUCER_IDS, -1, &request,
                           block_given);
}

static void source_retry(struct timer *t)
{
    struct producer_id_source *s = CONTAINER_OF(t, struct producer_id_source, retry);
    if (!list_empty(&s->waiting)) source_ask(s);
}

struct producer_id_source *producer_id_source_create(struct broker *b)
{
    struct producer_id_source *s = MEM_NEW(struct producer_id_source);
    s->broker = b;
    list_init(&s->waiting);
    call_init(&s->call);
    timer_init(&s->retry, source_retry);
    timer_init(&s->give_up, source_gave_up);
    task_init(&s->serve, source_serve);
    return s;
}

void producer_id_source_destroy(struct producer_id_source *s)
{
    channel_cancel(&s->call);
    timer_cancel(s->broker->env.clock, &s->retry);
    timer_cancel(s->broker->env.clock, &s->give_up);
    task_cancel(&s->serve);
    source_gave_up(&s->give_up);
    mem_free(s);
}

void producer_id_source_next(struct producer_id_source *s, struct producer_id_wait *wait,
                             void (*done)(struct producer_id_wait *, int16_t, int64_t))
{
    list_init(&wait->node);
    wait->done = done;
    list_push_back(&s->waiting, &wait->node);
    task_post(s->broker->env.clock, &s->serve);
}

void producer_id_source_cancel(struct producer_id_wait *wait)
{
    list_remove(&wait->node);
}
