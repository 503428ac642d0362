/* An idempotent producer's batches, pipelined over one connection, around the moment when a broker
 * begins to lead: none is taken before one of the same pipeline that was refused. */
#include "broker/refused_batches.h"
#include "cluster.h"
#include "protocol/api.h"
#include "protocol/batch.h"
#include "protocol/produce.h"
#include "rpc/channel.h"

enum { TOPIC = 7, PRODUCER = 77, SENT_MAX = 32, BATCH_BYTES = 200 };

/* One batch of one record on its way. */
struct sent {
    struct call call;
    uint8_t data[BATCH_BYTES];
    bool answered;
    enum kafka_error error;
    int64_t base_offset;
};

struct pipeline {
    struct cluster *cluster;
    struct sent sent[SENT_MAX];
    int32_t count;
    const char *topic;
    int32_t partition, partitions; /* the first, and how many of them get the batch */
    int16_t version;
    int64_t producer_id;
    int16_t epoch;
};

static void answered(struct call *call, enum err e, const void *response)
{
    struct sent *s = CONTAINER_OF(call, struct sent, call);
    assert_ok(e);
    const struct produce_response *r = response;
    s->answered = true;
    s->error = r->responses[0].partition_responses[0].error_code;
    s->base_offset = r->responses[0].partition_responses[0].base_offset;
}

/* To broker 1, over the one connection; not waited for. */
static struct sent *send_batch(struct pipeline *p, int32_t sequence)
{
    struct sent *s = &p->sent[p->count++];
    assert_true(p->count <= SENT_MAX);
    size_t len =
        cluster_batch(p->cluster, p->producer_id, p->epoch, sequence, s->data, sizeof s->data);
    static struct produce_request_partition_produce_data d[CONNECTION_REFUSALS_MAX + 1];
    for (int32_t i = 0; i < p->partitions; i++)
        d[i] = (struct produce_request_partition_produce_data){.index = p->partition + i,
                                                               .records = records_of(s->data, len)};
    struct produce_request_topic_produce_data t = {.name = str_of(p->topic),
                                                   .topic_id = UUID_SMALL(TOPIC),
                                                   .partition_data = d,
                                                   .partition_data_count = p->partitions};
    struct produce_request q;
    produce_request_init(&q);
    q.acks = -1;
    q.timeout_ms = 1000;
    q.topic_data = &t;
    q.topic_data_count = 1;
    call_init(&s->call);
    channel_call(cluster_channel(p->cluster, 1), &s->call, API_PRODUCE, p->version, &q, answered);
    return s;
}

static enum kafka_error answer(struct pipeline *p, struct sent *s)
{
    for (int32_t i = 0; i < 2000 && !s->answered; i++) cluster_pass(p->cluster, 1);
    assert_true(s->answered);
    return s->error;
}

static enum kafka_error produce(struct pipeline *p, int32_t sequence)
{
    return answer(p, send_batch(p, sequence));
}

static void lead(struct pipeline *p, int32_t leader)
{
    int32_t isr[] = {1, 2};
    cluster_elect(p->cluster, cluster_partition(p->cluster, TOPIC, 0), leader, isr, 2);
}

/* Led by broker 2, so that broker 1 refuses. */
static struct pipeline *open_pipeline(int16_t version)
{
    static const int32_t two[] = {2, 1};
    static struct pipeline p;
    p = (struct pipeline){
        .cluster = cluster_open(1, 2, NULL), .version = version, .producer_id = PRODUCER};
    p.topic = "t";
    p.partitions = 1;
    cluster_topic(p.cluster, "t", TOPIC, 1, two, 2);
    cluster_pass(p.cluster, 50);
    return &p;
}

static void take_in_order(int16_t version)
{
    struct pipeline *p = open_pipeline(version);
    assert_int_equal(produce(p, 0), KAFKA_NOT_LEADER_OR_FOLLOWER);
    lead(p, 1);
    cluster_pass(p->cluster, 50);
    struct sent *second = send_batch(p, 1), *third = send_batch(p, 2);
    assert_int_equal(answer(p, second), KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(answer(p, third), KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(cluster_end(p->cluster, 1, TOPIC, 0), 0);
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(produce(p, i), KAFKA_NONE);
        assert_int_equal(p->sent[p->count - 1].base_offset, i);
    }
    cluster_close(p->cluster);
}

TEST(a_batch_behind_one_refused_by_a_follower_is_not_taken_once_it_leads)
{
    take_in_order(12);
}

TEST(a_batch_behind_one_refused_is_known_by_its_topics_id_too)
{
    take_in_order(13);
}

TEST(a_batch_behind_one_to_a_topic_not_known_yet_is_not_taken_either)
{
    struct pipeline *p = open_pipeline(12);
    static const int32_t one[] = {1};
    p->topic = "later";
    assert_int_equal(produce(p, 0), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    cluster_topic(p->cluster, "later", TOPIC + 1, 1, one, 1);
    cluster_pass(p->cluster, 50);
    assert_int_equal(produce(p, 1), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(produce(p, 0), KAFKA_NONE);
    assert_int_equal(produce(p, 1), KAFKA_NONE);
    cluster_close(p->cluster);
}

TEST(what_was_refused_here_and_taken_elsewhere_holds_nothing_up)
{
    struct pipeline *p = open_pipeline(12);
    lead(p, 1);
    cluster_pass(p->cluster, 50);
    assert_int_equal(produce(p, 0), KAFKA_NONE);
    lead(p, 2);
    cluster_pass(p->cluster, 50);
    assert_int_equal(produce(p, 0), KAFKA_NOT_LEADER_OR_FOLLOWER); /* as if it had been new */
    lead(p, 1);
    cluster_pass(p->cluster, 50);
    assert_int_equal(produce(p, 1), KAFKA_NONE); /* the log knows that 0 is there */
    cluster_close(p->cluster);
}

TEST(a_refusal_is_forgotten_after_what_can_have_been_under_way)
{
    struct pipeline *p = open_pipeline(12);
    assert_int_equal(produce(p, 0), KAFKA_NOT_LEADER_OR_FOLLOWER);
    lead(p, 1);
    cluster_pass(p->cluster, 50);
    for (int32_t i = 1; i < 5; i++) assert_int_equal(produce(p, i), KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(produce(p, 5), KAFKA_NONE); /* a producer that has never sent 0 again */
    cluster_close(p->cluster);
}

TEST(a_refusal_holds_for_its_producer_and_its_epoch_only)
{
    struct pipeline *p = open_pipeline(12);
    assert_int_equal(produce(p, 0), KAFKA_NOT_LEADER_OR_FOLLOWER);
    lead(p, 1);
    cluster_pass(p->cluster, 50);
    p->producer_id = PRODUCER + 1;
    assert_int_equal(produce(p, 9), KAFKA_NONE);
    p->producer_id = PRODUCER;
    assert_int_equal(produce(p, 1), KAFKA_NOT_LEADER_OR_FOLLOWER);
    p->epoch = 1;
    assert_int_equal(produce(p, 1), KAFKA_NONE);
    cluster_close(p->cluster);
}

TEST(a_batch_before_a_refused_one_is_taken_also_where_sequences_wrap)
{
    struct pipeline *p = open_pipeline(12);
    assert_int_equal(produce(p, 0), KAFKA_NOT_LEADER_OR_FOLLOWER);
    lead(p, 1);
    cluster_pass(p->cluster, 50);
    assert_int_equal(produce(p, INT32_MAX), KAFKA_NONE);
    assert_int_equal(produce(p, 0), KAFKA_NONE);
    cluster_close(p->cluster);
}

TEST(beyond_the_bound_a_connections_refusals_are_not_remembered)
{
    struct pipeline *p = open_pipeline(12);
    static const int32_t one[] = {1};
    p->topic = "wide";
    p->partitions = CONNECTION_REFUSALS_MAX + 1;
    assert_int_equal(produce(p, 0), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    cluster_topic(p->cluster, "wide", TOPIC + 1, p->partitions, one, 1);
    cluster_pass(p->cluster, 50);
    p->partitions = 1;
    p->partition = CONNECTION_REFUSALS_MAX - 1;
    assert_int_equal(produce(p, 1), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    p->partition = CONNECTION_REFUSALS_MAX;
    assert_int_equal(produce(p, 1), KAFKA_NONE);
    cluster_close(p->cluster);
}

TEST(refusals_end_with_their_connection)
{
    struct pipeline *p = open_pipeline(12);
    assert_int_equal(produce(p, 0), KAFKA_NOT_LEADER_OR_FOLLOWER);
    struct member *m = cluster_member(p->cluster, 1);
    channel_destroy(m->client);
    m->client = NULL;
    lead(p, 1);
    cluster_pass(p->cluster, 50);
    assert_int_equal(produce(p, 1), KAFKA_NONE); /* nobody can tell */
    cluster_close(p->cluster);
}
