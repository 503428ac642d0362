#include "producer.h"

#include "base/mem.h"
#include "oracles.h"
#include "protocol/init_producer_id.h"
#include "protocol/produce.h"

enum {
    IN_FLIGHT_MAX = 5,
    QUEUE_MAX = 12,    /* batches of a lane */
    TIMEOUT_MS = 6000, /* of a request */
    ACKS_TIMEOUT_MS = 3000,
};

struct out_batch {
    struct call call;
    struct lane *lane;
    struct list_node node; /* in lane->queue, by sequence */
    uint8_t *data;
    size_t len;
    int32_t first_value, count;
    int32_t base_sequence;
    bool in_flight, sent_before;
    bool to_newest;  /* it was sent to the newest leader */
    int32_t leaders; /* that there had been by then */
};

/* One partition as one producer writes it. */
struct lane {
    struct producer *producer;
    struct truth *truth;
    int32_t next_sequence, next_order;
    struct list_node queue; /* struct out_batch, unanswered */
    int32_t queued, in_flight;
    int32_t sent_to; /* the node that has what is in flight; another gets nothing meanwhile */
    bool draining;
    /* Something was acknowledged under this producer id. Before that the log takes any sequence as
     * the first, so a second batch in flight could be written without the first (as with Apache
     * Kafka): one at a time. */
    bool known;
    int32_t losses; /* of the truth, when the producer id was new */
};

struct producer {
    struct client client;
    int32_t number;
    int16_t acks, version;
    int64_t id; /* producer id; -1: none yet */
    int16_t epoch;
    bool resting, asking;
    struct call id_call;
    struct timer timer;
    struct batch_builder builder;
    struct lane lanes[CLIENT_PARTITIONS_MAX];
    int32_t lanes_count;
    int64_t sent;
    struct replays *replays; /* who hears what is sent; NULL: nobody */
};

static void lane_pump(struct lane *l);

static struct values *values_of(struct producer *p)
{
    return &p->client.cluster->oracles->values;
}

/* ---- a batch's end */

static void batch_drop(struct out_batch *b)
{
    list_remove(&b->node);
    b->lane->queued--;
    mem_free(b->data);
    mem_free(b);
}

static void each_value(struct out_batch *b, int16_t error, int64_t base_offset, bool known)
{
    struct values *v = values_of(b->lane->producer);
    for (int32_t i = 0; i < b->count; i++) {
        if (!known)
            values_unknown(v, b->first_value + i);
        else if (error)
            values_failed(v, b->first_value + i);
        else
            values_acked(v, b->first_value + i, base_offset < 0 ? -1 : base_offset + i);
    }
}

/* The partition is gone, or has lost what was acknowledged: nobody knows of what is queued. */
static void lane_give_up(struct lane *l)
{
    LIST_EACH(&l->queue, node) {
        struct out_batch *b = CONTAINER_OF(node, struct out_batch, node);
        if (b->in_flight) continue;
        each_value(b, 0, -1, false);
        batch_drop(b);
    }
}

/* After a loss that was allowed, sequences do not fit any more: begin anew under another id. */
static void producer_begin_anew(struct producer *p)
{
    p->id = -1;
    for (int32_t i = 0; i < p->lanes_count; i++) p->lanes[i].draining = true;
}

static bool lane_was_cut(const struct lane *l)
{
    return l->truth->losses != l->losses || l->truth->amnesty || l->truth->unclean_epoch > 0;
}

/* For the short log: the end of the partition on every disk, as this producer's sequences. */
static void say_log(struct lane *l)
{
    struct cluster *c = l->producer->client.cluster;
    for (int32_t i = 0; i < c->count && c->verbose; i++) {
        char directory[160];
        snprintf(directory, sizeof directory, "%s/%s", cluster_directory(0), l->truth->directory);
        struct disk_log at;
        struct bytes batch;
        struct batch_header h;
        disk_log_seek(&at, l->truth->end > 200 ? l->truth->end - 200 : 0);
        while (disk_log_next(c->machines[i].sim, directory, &at, &batch, &h))
            if (h.producer_id == l->producer->id)
                cluster_say(c, c->machines[i].name, "batch", "%lld to %lld epoch %d sequence %d",
                            (long long)h.base_offset, (long long)batch_last_offset(&h),
                            h.leader_epoch, h.base_sequence);
    }
}

/* It was not the newest leader that answered, or may not have been: one who has not heard yet that
 * another leads has not the batches before this one. */
static bool answered_by_former(const struct out_batch *b)
{
    return !b->to_newest || b->leaders != b->lane->truth->leaders_count;
}

static void refused(struct lane *l, struct out_batch *b, int16_t error)
{
    struct cluster *c = l->producer->client.cluster;
    bool first = l->queue.next == &b->node;
    bool sequence = error == KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER ||
                    error == KAFKA_UNKNOWN_PRODUCER_ID || error == KAFKA_INVALID_PRODUCER_EPOCH;
    l->draining = true;
    if (sequence && first && lane_was_cut(l)) {
        producer_begin_anew(l->producer);
    } else if (sequence && first && !answered_by_former(b)) {
        say_log(l);
        cluster_broken(c, "S13",
                       "value %d (sequence %d of %s) is refused with %s though all before "
                       "it is written",
                       b->first_value, b->base_sequence, l->truth->directory,
                       kafka_error_name(error));
    } else if (!sequence && !client_should_retry(error)) {
        cluster_broken(c, "S27", "value %d for %s is refused with %s", b->first_value,
                       l->truth->directory, kafka_error_name(error));
    }
}

static void batch_answered(struct out_batch *b, enum err e, int16_t error, int64_t base_offset)
{
    struct lane *l = b->lane;
    struct producer *p = l->producer;
    if (!e && (error == KAFKA_NONE || error == KAFKA_DUPLICATE_SEQUENCE_NUMBER)) {
        each_value(b, 0, error ? -1 : base_offset, true);
        l->known = true;
        batch_drop(b);
    } else if (p->acks != ACKS_ALL) {
        /* Sent once: a timeout may hide that it was written; one who does not lead has not. */
        each_value(b, error, -1, !e && error == KAFKA_NOT_LEADER_OR_FOLLOWER);
        batch_drop(b);
        client_refresh(&p->client);
    } else {
        if (!e) refused(l, b, error);
        l->draining = true;
        client_refresh(&p->client);
    }
}

static void produced(struct call *call, enum err e, const void *response)
{
    struct out_batch *b = CONTAINER_OF(call, struct out_batch, call);
    struct lane *l = b->lane;
    const struct produce_response *r = response;
    b->in_flight = false;
    l->in_flight--;
    int16_t error = KAFKA_UNKNOWN_SERVER_ERROR;
    int64_t base = -1;
    if (!e && r->responses_count == 1 && r->responses[0].partition_responses_count == 1) {
        error = r->responses[0].partition_responses[0].error_code;
        base = r->responses[0].partition_responses[0].base_offset;
    }
    batch_answered(b, e, error, base);
    lane_pump(l);
}

/* ---- sending */

static void batch_send(struct out_batch *b, const struct client_partition *to)
{
    struct lane *l = b->lane;
    struct producer *p = l->producer;
    struct produce_request_partition_produce_data data = {.index = l->truth->partition,
                                                          .records = records_of(b->data, b->len)};
    struct produce_request_topic_produce_data topic = {.name = str_of(l->truth->topic),
                                                       .topic_id = l->truth->topic_id,
                                                       .partition_data = &data,
                                                       .partition_data_count = 1};
    struct produce_request q;
    produce_request_init(&q);
    q.acks = p->acks;
    q.timeout_ms = ACKS_TIMEOUT_MS;
    q.topic_data = &topic;
    q.topic_data_count = 1;
    b->in_flight = b->sent_before = true;
    const struct truth *t = l->truth;
    b->leaders = t->leaders_count;
    b->to_newest = t->leaders_count > 0 && t->leaders[t->leaders_count - 1].broker == to->leader;
    l->sent_to = to->leader;
    l->in_flight++;
    for (int32_t i = 0; i < b->count && p->acks == ACKS_LEADER; i++)
        values_sent_once(values_of(p), b->first_value + i, to->leader);
    if (p->replays && l->known) replays_hear(p->replays, l->truth, p->version, b->data, b->len);
    channel_call(client_channel(&p->client, to->leader), &b->call, API_PRODUCE, p->version, &q,
                 produced);
}

static void lane_pump(struct lane *l)
{
    struct producer *p = l->producer;
    if (l->draining && l->in_flight > 0) return;
    l->draining = false;
    if (l->truth->deleted || (lane_was_cut(l) && p->id < 0)) lane_give_up(l);
    if (p->acks == ACKS_ALL && p->id < 0) return;
    const struct client_partition *to = client_partition(&p->client, l->truth);
    if (!list_empty(&l->queue) && (!to || to->leader < 0)) {
        client_refresh(&p->client);
        return;
    }
    if (l->in_flight > 0 && l->sent_to != to->leader) return;
    LIST_EACH(&l->queue, node) {
        struct out_batch *b = CONTAINER_OF(node, struct out_batch, node);
        /* What is sent again goes one at a time, as with Kafka's own client: else those behind it
         * could be acknowledged and followed by others until the log knows it no more. */
        int32_t most = l->known && !b->sent_before ? IN_FLIGHT_MAX : 1;
        if (l->in_flight >= most || l->draining) return;
        if (!b->in_flight) batch_send(b, to);
    }
}

static struct lane *lane_of(struct producer *p, struct truth *t)
{
    for (int32_t i = 0; i < p->lanes_count; i++)
        if (p->lanes[i].truth == t) return &p->lanes[i];
    if (p->lanes_count == CLIENT_PARTITIONS_MAX) return NULL;
    struct lane *l = &p->lanes[p->lanes_count++];
    *l = (struct lane){.producer = p, .truth = t, .losses = t->losses};
    list_init(&l->queue);
    return l;
}

/* ---- making batches */

static void batch_make(struct lane *l)
{
    struct producer *p = l->producer;
    struct cluster *c = p->client.cluster;
    struct values *v = values_of(p);
    int32_t count = (int32_t)prng_between(&p->client.prng, 1, c->plan->batch_records);
    bool once = p->acks == ACKS_ALL;
    struct batch_options options = BATCH_OPTIONS_DEFAULT;
    if (once) {
        options.producer_id = p->id;
        options.producer_epoch = p->epoch;
        options.base_sequence = l->next_sequence;
    }
    struct out_batch *b = MEM_NEW(struct out_batch);
    call_init(&b->call);
    list_init(&b->node);
    b->lane = l;
    b->count = count;
    b->base_sequence = l->next_sequence;
    b->first_value = v->count;
    for (int32_t i = 0; i < count; i++)
        (void)values_add(v, l->truth, p->number, l->next_order++, once, once);
    uint8_t *data;
    values_batch(&p->builder, &options, &p->client.prng, c->plan->value_bytes,
                 clock_wall(p->client.env->clock).ms, b->first_value, count, &data, &b->len);
    b->data = mem_dup(data, b->len);
    l->next_sequence = sequence_add(l->next_sequence, count);
    list_push_back(&l->queue, &b->node);
    l->queued++;
    p->sent += count;
}

static void id_came(struct call *call, enum err e, const void *response)
{
    struct producer *p = CONTAINER_OF(call, struct producer, id_call);
    const struct init_producer_id_response *r = response;
    p->asking = false;
    if (e || r->error_code) return; /* the timer asks again */
    p->id = r->producer_id;
    p->epoch = r->producer_epoch;
    for (int32_t i = 0; i < p->lanes_count; i++) {
        struct lane *l = &p->lanes[i];
        lane_give_up(l);
        l->next_sequence = 0;
        l->known = false;
        l->losses = l->truth->losses;
    }
}

static void ask_for_id(struct producer *p)
{
    for (int32_t i = 0; i < p->lanes_count; i++) {
        lane_pump(&p->lanes[i]);
        if (p->lanes[i].in_flight > 0) return; /* what is under way still has the old one */
    }
    if (p->asking) return;
    struct init_producer_id_request q;
    init_producer_id_request_init(&q);
    q.transactional_id = STR_NULL;
    q.transaction_timeout_ms = 60000;
    p->asking = true;
    channel_call(client_channel(&p->client, client_any(&p->client)), &p->id_call,
                 API_INIT_PRODUCER_ID, 4, &q, id_came);
}

static bool may_write(const struct producer *p, const struct lane *l)
{
    /* By name a value could fall into a later topic of that name, as with any broker. */
    bool by_id = p->version < 0 || p->version >= 13;
    return !l->truth->deleted && l->queued < QUEUE_MAX && (by_id || l->truth->topic[0] == 't');
}

static void act(struct timer *t)
{
    struct producer *p = CONTAINER_OF(t, struct producer, timer);
    struct client *c = &p->client;
    timer_arm_in_ms(c->env->clock, t, prng_between(&c->prng, 1, c->cluster->plan->pace_ms));
    if (p->acks == ACKS_ALL && p->id < 0) {
        ask_for_id(p);
        return;
    }
    if (c->partitions_count == 0 || prng_chance(&c->prng, 1, 100)) client_refresh(c);
    if (!p->resting && c->partitions_count > 0) {
        struct client_partition *to =
            &c->partitions[prng_below(&c->prng, (uint64_t)c->partitions_count)];
        struct lane *l = lane_of(p, to->truth);
        if (l && may_write(p, l)) batch_make(l);
    }
    for (int32_t i = 0; i < p->lanes_count; i++) lane_pump(&p->lanes[i]);
}

struct producer *producer_new(struct cluster *c, int32_t number, int16_t acks,
                              struct replays *replays)
{
    struct producer *p = MEM_NEW(struct producer);
    char name[16];
    snprintf(name, sizeof name, "p%d", number);
    client_init(&p->client, c, name, TIMEOUT_MS);
    p->number = number;
    p->acks = acks;
    p->replays = acks == ACKS_ALL ? replays : NULL;
    p->version = prng_chance(&p->client.prng, 1, 3) ? (int16_t)prng_between(&p->client.prng, 9, 12)
                                                    : (int16_t)-1;
    p->id = -1;
    call_init(&p->id_call);
    timer_init(&p->timer, act);
    timer_arm_in_ms(p->client.env->clock, &p->timer, 1);
    return p;
}

void producer_rest(struct producer *p)
{
    p->resting = true;
}

bool producer_is_drained(const struct producer *p)
{
    return producer_stuck_at(p)[0] == '\0';
}

const char *producer_stuck_at(const struct producer *p)
{
    for (int32_t i = 0; i < p->lanes_count; i++)
        if (p->lanes[i].queued > 0) return p->lanes[i].truth->directory;
    return "";
}

int64_t producer_sent(const struct producer *p)
{
    return p->sent;
}

void producer_free(struct producer *p)
{
    timer_cancel(p->client.env->clock, &p->timer);
    channel_cancel(&p->id_call);
    for (int32_t i = 0; i < p->lanes_count; i++)
        LIST_EACH(&p->lanes[i].queue, node) {
            struct out_batch *b = CONTAINER_OF(node, struct out_batch, node);
            channel_cancel(&b->call);
            batch_drop(b);
        }
    client_free(&p->client);
    batch_builder_free(&p->builder);
    mem_free(p);
}
