#include "broker/handover.h"

#include <stdio.h>

#include "base/map.h"
#include "base/mem.h"
#include "broker/peer_channels.h"
#include "metadata/image.h"
#include "protocol/api.h"

enum handover_state { HANDOVER_SERVING, HANDOVER_HOLDING, HANDOVER_RELAYING };

enum { RELAY_TIMEOUT_MS = 30000, RELAY_BACKOFF_MS = 10 };

/* In the request's arena. */
struct held {
    struct list_node node;
    struct handover *handover;
    struct request *request;
    void (*again)(struct request *rq, void *broker);
};

struct handover {
    struct broker *broker;
    int64_t hold_ms;
    enum handover_state state;
    struct list_node held;
    int32_t under_way; /* Produce requests that have begun and not ended */
    int32_t relaying;
    void (*quiet)(struct broker *b); /* NULL: has run */
    struct timer quiet_by, hold_by;
    struct peer_channels channels;
};

static void tell_quiet(struct handover *h)
{
    void (*quiet)(struct broker *) = h->quiet;
    if (!quiet) return;
    h->quiet = NULL;
    timer_cancel(h->broker->env.clock, &h->quiet_by);
    quiet(h->broker);
}

static void not_quiet(struct timer *t)
{
    tell_quiet(CONTAINER_OF(t, struct handover, quiet_by));
}

static void held_too_long(struct timer *t)
{
    handover_release(CONTAINER_OF(t, struct handover, hold_by));
}

struct handover *handover_create(struct broker *b, int64_t hold_ms)
{
    struct handover *h = MEM_NEW(struct handover);
    h->broker = b;
    h->hold_ms = hold_ms;
    list_init(&h->held);
    timer_init(&h->quiet_by, not_quiet);
    timer_init(&h->hold_by, held_too_long);
    peer_channels_init(&h->channels, b, "handover", RELAY_TIMEOUT_MS, RELAY_BACKOFF_MS);
    return h;
}

static struct held *unhold(struct list_node *node)
{
    struct held *x = CONTAINER_OF(node, struct held, node);
    list_remove(&x->node);
    x->request->abandoned = NULL;
    return x;
}

void handover_destroy(struct handover *h)
{
    timer_cancel(h->broker->env.clock, &h->quiet_by);
    timer_cancel(h->broker->env.clock, &h->hold_by);
    while (!list_empty(&h->held)) request_close(unhold(h->held.next)->request);
    peer_channels_close(&h->channels);
    map_free(&h->channels.by_id);
    mem_free(h);
}

static void held_abandoned(struct request *rq)
{
    struct held *x = rq->context;
    unhold(&x->node);
}

bool handover_holds(struct handover *h, struct request *rq,
                    void (*again)(struct request *rq, void *broker))
{
    if (!h || h->state != HANDOVER_HOLDING || rq->deliver) return false;
    struct held *x = ARENA_NEW(&rq->arena, struct held);
    *x = (struct held){.handover = h, .request = rq, .again = again};
    list_init(&x->node);
    list_push_back(&h->held, &x->node);
    rq->context = x;
    rq->abandoned = held_abandoned;
    return true;
}

void handover_began(struct handover *h)
{
    if (h) h->under_way++;
}

void handover_ended(struct handover *h)
{
    if (!h) return;
    PRE(h->under_way > 0);
    if (--h->under_way == 0) tell_quiet(h);
}

void handover_begin(struct handover *h, void (*quiet)(struct broker *b))
{
    if (h->state != HANDOVER_SERVING) return;
    if (h->hold_ms == 0) {
        quiet(h->broker);
        return;
    }
    struct clock *clock = h->broker->env.clock;
    h->state = HANDOVER_HOLDING;
    h->quiet = quiet;
    timer_arm_in_ms(clock, &h->hold_by, h->hold_ms);
    if (h->under_way == 0)
        tell_quiet(h);
    else
        timer_arm_in_ms(clock, &h->quiet_by, QUIET_MS_MAX);
}

void handover_release(struct handover *h)
{
    if (h->state != HANDOVER_HOLDING) return;
    timer_cancel(h->broker->env.clock, &h->hold_by);
    h->state = HANDOVER_RELAYING;
    while (!list_empty(&h->held)) {
        struct held *x = unhold(h->held.next);
        x->again(x->request, h->broker);
    }
}

bool handover_is_busy(const struct handover *h)
{
    return h->relaying > 0 || !list_empty(&h->held);
}

/* ---- relaying */

static void answered(struct call *call, enum err e, const void *response)
{
    struct relayed *r = CONTAINER_OF(call, struct relayed, call);
    const struct produce_response *p = response;
    bool whole = !e && p->responses_count == 1 && p->responses[0].partition_responses_count == 1;
    r->handover->relaying--;
    r->done(r, whole ? &p->responses[0].partition_responses[0] : NULL);
}

bool handover_relay(struct handover *h, struct relayed *r, struct str topic, struct uuid topic_id,
                    int32_t partition, struct bytes batch, const struct produce_request *q)
{
    PRE(q->acks != 0); /* a channel waits for answers */
    if (!h || h->state != HANDOVER_RELAYING) return false;
    const struct image_topic *t = str_is_null(topic) ? image_topic_by_id(h->broker->image, topic_id)
                                                     : image_topic_by_name(h->broker->image, topic);
    const struct image_partition *p = t ? image_topic_partition(t, partition) : NULL;
    const struct image_broker *leader = p ? image_broker(h->broker->image, p->leader) : NULL;
    if (!leader || leader->fenced || leader->id == h->broker->node_id) return false;
    struct channel *c = peer_channels_to(&h->channels, leader->id);
    if (!c) return false;
    uint8_t *copy = mem_alloc((size_t)batch.len);
    memcpy(copy, batch.data, (size_t)batch.len);
    struct chunk chunk = {.data = copy, .len = batch.len, .release = mem_free, .owner = copy};
    struct produce_request_partition_produce_data d = {
        .index = partition, .records = {.len = batch.len, .chunks = &chunk, .chunks_count = 1}};
    struct produce_request_topic_produce_data data = {
        .name = t->name, .topic_id = t->id, .partition_data = &d, .partition_data_count = 1};
    struct produce_request request;
    produce_request_init(&request);
    request.acks = q->acks;
    request.timeout_ms = q->timeout_ms;
    request.topic_data = &data;
    request.topic_data_count = 1;
    call_init(&r->call);
    r->handover = h;
    h->relaying++;
    channel_call(c, &r->call, API_PRODUCE, -1, &request, answered);
    return true;
}

void handover_forget(struct relayed *r)
{
    r->handover->relaying--;
    channel_cancel(&r->call);
}
