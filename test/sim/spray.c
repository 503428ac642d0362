#include "spray.h"

#include "base/mem.h"
#include "oracles.h"
#include "protocol/batch.h"
#include "protocol/message.h"
#include "protocol/produce.h"
#include "protocol/request_header.h"

enum {
    TIMEOUT_MS = 6000,    /* of a metadata request */
    UNSENT_MAX = 1 << 16, /* a connection that takes no more is left alone */
    BY_ID = 13,           /* the version that names topics by id */
    LAST_MS = 300,        /* between two attempts at a last value */
};

/* A connection to one broker. */
struct line {
    struct spray *spray;
    struct net_conn *net; /* NULL: none */
    bool up;
    int32_t number; /* of all that were ever made, from 1 */
};

struct spray {
    struct client client;
    int32_t number;
    int16_t version;
    bool resting, finishing;
    struct timer timer;
    struct batch_builder builder;
    struct line lines[PLAN_NODES_MAX]; /* by node */
    int32_t lines_made, correlation_id, order;
    int32_t last_from; /* values from here on are last ones */
};

/* ---- connections */

static void line_close(struct line *l)
{
    if (l->net) net_close(l->net);
    l->net = NULL;
    l->up = false;
    client_refresh(&l->spray->client);
}

static void connected(struct net_conn *net, enum err e)
{
    struct line *l = net->owner;
    l->up = !e;
    if (e) line_close(l);
}

static void readable(struct net_conn *net)
{
    struct line *l = net->owner;
    uint8_t byte;
    size_t got = 0;
    enum err e = net_recv(net, &byte, 1, &got);
    if (e == ERR_AGAIN) return;
    if (!e)
        cluster_broken(l->spray->client.cluster, "L3", "%s was answered, with acks=0",
                       l->spray->client.name);
    line_close(l);
}

static void broken(struct net_conn *net, enum err e)
{
    (void)e;
    line_close(net->owner);
}

static const struct net_events line_events = {
    .connected = connected, .readable = readable, .broken = broken};

static void line_open(struct line *l, int32_t node_id)
{
    struct spray *s = l->spray;
    if (net_connect(s->client.env->net, s->client.cluster->machines[node_id - 1].name, 9092,
                    &l->net)) {
        l->net = NULL;
        return;
    }
    l->net->owner = l;
    l->net->events = &line_events;
    l->number = ++s->lines_made;
}

/* ---- sending */

/* Copied: the records are the builder's, and leave at the end of this turn or later. */
static void send_frame(struct spray *s, struct line *l, const struct produce_request *q)
{
    struct out frame, *out = &frame;
    out_init(out);
    uint8_t *length = out_reserve(out, 4);
    struct request_header header = {.request_api_key = API_PRODUCE,
                                    .request_api_version = s->version,
                                    .correlation_id = s->correlation_id++,
                                    .client_id = str_of(s->client.name)};
    request_header_encode(&header, message_request_header_version(API_PRODUCE, s->version), out);
    message_request(API_PRODUCE)->encode(q, s->version, out);
    store_be32(length, (uint32_t)(out->len - 4));
    out_flatten(out, out_reserve(net_out(l->net), (size_t)out->len));
    out_free(out);
    net_kick(l->net);
}

static void send_values(struct spray *s, struct line *l, struct truth *t, int32_t count)
{
    struct cluster *c = s->client.cluster;
    struct values *v = &c->oracles->values;
    int32_t first = v->count;
    for (int32_t i = 0; i < count; i++)
        values_sent_blind(v, values_add(v, t, s->number, s->order++, false, false), l->number);
    struct batch_options options = BATCH_OPTIONS_DEFAULT;
    uint8_t *data;
    size_t len;
    values_batch(&s->builder, &options, &s->client.prng, c->plan->value_bytes,
                 clock_wall(s->client.env->clock).ms, first, count, &data, &len);
    struct produce_request_partition_produce_data partition = {.index = t->partition,
                                                               .records = records_of(data, len)};
    struct produce_request_topic_produce_data topic = {.name = str_of(t->topic),
                                                       .topic_id = t->topic_id,
                                                       .partition_data = &partition,
                                                       .partition_data_count = 1};
    struct produce_request q;
    produce_request_init(&q);
    q.acks = 0;
    q.timeout_ms = TIMEOUT_MS;
    q.topic_data = &topic;
    q.topic_data_count = 1;
    send_frame(s, l, &q);
}

static bool may_write(const struct spray *s, const struct truth *t)
{
    /* By name a value could fall into a later topic of that name, as with any broker. */
    return !t->deleted && (s->version >= BY_ID || t->topic[0] == 't');
}

/* Into one partition, when its leader is known and can be reached. */
static void spray_at(struct spray *s, const struct client_partition *to, int32_t count)
{
    if (to->leader < 0) {
        client_refresh(&s->client);
        return;
    }
    struct line *l = &s->lines[to->leader - 1];
    if (!l->net) line_open(l, to->leader);
    if (l->up && net_unsent(l->net) < UNSENT_MAX) send_values(s, l, to->truth, count);
}

static bool last_is_written(const struct spray *s, const struct truth *t)
{
    const struct values *v = &s->client.cluster->oracles->values;
    for (int32_t i = s->last_from; i < v->count; i++) {
        const struct value *x = &v->items[i];
        if (x->producer == s->number && x->truth == t && x->committed_offset >= 0) return true;
    }
    return false;
}

static void act(struct timer *t)
{
    struct spray *s = CONTAINER_OF(t, struct spray, timer);
    struct client *c = &s->client;
    const struct plan *plan = c->cluster->plan;
    timer_arm_in_ms(c->env->clock, t,
                    s->finishing ? LAST_MS : prng_between(&c->prng, 1, plan->pace_ms));
    if (c->partitions_count == 0 || prng_chance(&c->prng, 1, 100)) client_refresh(c);
    if (s->finishing) {
        for (int32_t i = 0; i < c->partitions_count; i++) {
            const struct client_partition *p = &c->partitions[i];
            if (may_write(s, p->truth) && !last_is_written(s, p->truth)) spray_at(s, p, 1);
        }
    } else if (!s->resting && c->partitions_count > 0) {
        const struct client_partition *p =
            &c->partitions[prng_below(&c->prng, (uint64_t)c->partitions_count)];
        if (may_write(s, p->truth))
            spray_at(s, p, (int32_t)prng_between(&c->prng, 1, plan->batch_records));
    }
}

/* ---- life */

struct spray *spray_new(struct cluster *c, int32_t number)
{
    struct spray *s = MEM_NEW(struct spray);
    char name[16];
    snprintf(name, sizeof name, "p%d", number);
    client_init(&s->client, c, name, TIMEOUT_MS);
    s->number = number;
    s->version = (int16_t)prng_between(&s->client.prng, 9, BY_ID);
    for (int32_t i = 0; i < PLAN_NODES_MAX; i++) s->lines[i].spray = s;
    timer_init(&s->timer, act);
    timer_arm_in_ms(s->client.env->clock, &s->timer, 1);
    return s;
}

void spray_rest(struct spray *s)
{
    s->resting = true;
}

void spray_send_last(struct spray *s)
{
    s->finishing = true;
    s->last_from = s->client.cluster->oracles->values.count;
    timer_arm_in_ms(s->client.env->clock, &s->timer, 1);
}

const struct truth *spray_stuck_at(const struct spray *s)
{
    for (int32_t i = 0; i < s->client.partitions_count; i++) {
        const struct truth *t = s->client.partitions[i].truth;
        if (may_write(s, t) && !last_is_written(s, t)) return t;
    }
    return NULL;
}

void spray_free(struct spray *s)
{
    timer_cancel(s->client.env->clock, &s->timer);
    for (int32_t i = 0; i < PLAN_NODES_MAX; i++)
        if (s->lines[i].net) net_close(s->lines[i].net);
    client_free(&s->client);
    batch_builder_free(&s->builder);
    mem_free(s);
}
