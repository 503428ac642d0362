#include "replays.h"

#include "base/mark.h"
#include "base/mem.h"
#include "protocol/produce.h"

enum {
    HEARD_MAX = 16,
    TIMEOUT_MS = 6000,
    HEAR_ONE_IN = 4, /* batches */
    WAIT_MS = 1000,  /* at most, between two */
};

struct heard {
    struct truth *truth;
    int32_t losses; /* of the truth, then: what it has lost since it may take anew */
    int16_t version;
    uint8_t *data;
    size_t len;
};

struct replays {
    struct client client;
    struct call call;
    struct timer timer;
    bool busy, resting;
    struct heard heard[HEARD_MAX]; /* a ring */
    int32_t count;
};

void replays_hear(struct replays *r, struct truth *t, int16_t version, const uint8_t *data,
                  size_t len)
{
    if (r->resting || !prng_chance(&r->client.prng, 1, HEAR_ONE_IN)) return;
    struct heard *h = &r->heard[r->count++ % HEARD_MAX];
    mem_free(h->data);
    *h = (struct heard){t, t->losses, version, mem_dup(data, len), len};
}

static void answered(struct call *call, enum err e, const void *response)
{
    struct replays *r = CONTAINER_OF(call, struct replays, call);
    const struct produce_response *p = response;
    r->busy = false;
    bool told = !e && p->responses_count == 1 && p->responses[0].partition_responses_count == 1;
    int16_t error = told ? p->responses[0].partition_responses[0].error_code : (int16_t)0;
    if (told && error == KAFKA_NONE) MARK("a batch that comes again is told its first offset");
    if (told && error == KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER)
        MARK("a batch that comes again is of long ago");
    if (error == KAFKA_NOT_LEADER_OR_FOLLOWER) client_refresh(&r->client);
}

static void send(struct replays *r, const struct heard *h, int32_t leader)
{
    struct produce_request_partition_produce_data data = {.index = h->truth->partition,
                                                          .records = records_of(h->data, h->len)};
    struct produce_request_topic_produce_data topic = {.name = str_of(h->truth->topic),
                                                       .topic_id = h->truth->topic_id,
                                                       .partition_data = &data,
                                                       .partition_data_count = 1};
    struct produce_request q;
    produce_request_init(&q);
    q.acks = -1;
    q.timeout_ms = TIMEOUT_MS / 2;
    q.topic_data = &topic;
    q.topic_data_count = 1;
    r->busy = true;
    channel_call(client_channel(&r->client, leader), &r->call, API_PRODUCE, h->version, &q,
                 answered);
}

static void act(struct timer *t)
{
    struct replays *r = CONTAINER_OF(t, struct replays, timer);
    struct client *c = &r->client;
    if (r->resting) return;
    timer_arm_in_ms(c->env->clock, t, prng_between(&c->prng, 1, WAIT_MS));
    if (c->partitions_count == 0 || prng_chance(&c->prng, 1, 20)) client_refresh(c);
    if (r->busy || r->count == 0) return;
    int32_t known = r->count < HEARD_MAX ? r->count : HEARD_MAX;
    const struct heard *h = &r->heard[prng_below(&c->prng, (uint64_t)known)];
    const struct client_partition *to = client_partition(c, h->truth);
    bool lost = h->truth->losses != h->losses || h->truth->amnesty;
    if (to && to->leader > 0 && !lost && !h->truth->deleted) send(r, h, to->leader);
}

void replays_rest(struct replays *r)
{
    r->resting = true;
}

struct replays *replays_new(struct cluster *c)
{
    struct replays *r = MEM_NEW(struct replays);
    client_init(&r->client, c, "proxy", TIMEOUT_MS);
    call_init(&r->call);
    timer_init(&r->timer, act);
    timer_arm_in_ms(r->client.env->clock, &r->timer, 1);
    return r;
}

void replays_free(struct replays *r)
{
    timer_cancel(r->client.env->clock, &r->timer);
    channel_cancel(&r->call);
    for (int32_t i = 0; i < HEARD_MAX; i++) mem_free(r->heard[i].data);
    client_free(&r->client);
    mem_free(r);
}
