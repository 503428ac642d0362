/* A broker that gives its leaders away: what comes meanwhile waits, and goes on to the new
 * leader. */
#include "broker/handover.h"

#include "cluster.h"
#include "protocol/api.h"
#include "protocol/batch.h"
#include "rpc/channel.h"

enum { TOPIC = 7, SENT_MAX = 16, BATCH_BYTES = 200, HOLD_MS = 250 };

struct sent {
    struct call call;
    uint8_t data[BATCH_BYTES];
    bool answered;
    enum err broken;
    enum kafka_error error;
    int64_t base_offset;
};

struct scene {
    struct cluster *cluster;
    struct sent sent[SENT_MAX];
    int32_t count;
    int16_t version;
    int quiet;
};

static struct scene *scene; /* `quiet` has no other way to it */

static void answered(struct call *call, enum err e, const void *response)
{
    struct sent *s = CONTAINER_OF(call, struct sent, call);
    const struct produce_response *r = response;
    s->answered = true;
    s->broken = e;
    if (e) return;
    s->error = r->responses[0].partition_responses[0].error_code;
    s->base_offset = r->responses[0].partition_responses[0].base_offset;
}

static struct sent *send_batch(struct scene *x, int16_t acks, int64_t producer_id, int32_t sequence)
{
    struct sent *s = &x->sent[x->count++];
    assert_true(x->count <= SENT_MAX);
    size_t len = cluster_batch(x->cluster, producer_id, 0, sequence, s->data, sizeof s->data);
    struct produce_request_partition_produce_data d = {.records = records_of(s->data, len)};
    struct produce_request_topic_produce_data t = {.name = STR("t"),
                                                   .topic_id = UUID_SMALL(TOPIC),
                                                   .partition_data = &d,
                                                   .partition_data_count = 1};
    struct produce_request q;
    produce_request_init(&q);
    q.acks = acks;
    q.timeout_ms = 1000;
    q.topic_data = &t;
    q.topic_data_count = 1;
    call_init(&s->call);
    channel_call(cluster_channel(x->cluster, 1), &s->call, API_PRODUCE, x->version, &q, answered);
    return s;
}

static void quiet(struct broker *b)
{
    (void)b;
    scene->quiet++;
}

/* "t" is led by 1 and followed by 2 and 3; one record is in it. */
static struct scene *open_scene(const char *const *config)
{
    static const int32_t replicas[] = {1, 2, 3};
    static struct scene s;
    s = (struct scene){.cluster = cluster_open(1, 3, config), .version = 12};
    scene = &s;
    cluster_topic(s.cluster, "t", TOPIC, 1, replicas, 3);
    cluster_pass(s.cluster, 100);
    assert_int_equal(cluster_produce_wait(s.cluster, 1, "t", 0, -1, "v").error, KAFKA_NONE);
    return &s;
}

static struct handover *handover_of(struct scene *s, int32_t id)
{
    return cluster_member(s->cluster, id)->broker.handover;
}

static void move_to(struct scene *s, int32_t leader)
{
    int32_t isr[] = {2, 3};
    cluster_elect(s->cluster, cluster_partition(s->cluster, TOPIC, 0), leader, isr, 2);
}

/* Three batches of an idempotent producer that come while the leaders move. */
static void relay_in_order(int16_t version)
{
    struct scene *s = open_scene(NULL);
    s->version = version;
    handover_begin(handover_of(s, 1), quiet);
    assert_int_equal(s->quiet, 1); /* nothing was under way */
    struct sent *sent[3];
    for (int32_t i = 0; i < 2; i++) sent[i] = send_batch(s, -1, 77, i);
    cluster_pass(s->cluster, 20);
    assert_false(sent[0]->answered);
    assert_true(handover_is_busy(handover_of(s, 1)));
    move_to(s, 3);
    cluster_pass(s->cluster, 5);
    assert_false(sent[0]->answered);
    handover_release(handover_of(s, 1));
    sent[2] = send_batch(s, -1, 77, 2);
    cluster_pass(s->cluster, 100);
    for (int32_t i = 0; i < 3; i++) {
        assert_true(sent[i]->answered);
        assert_int_equal(sent[i]->error, KAFKA_NONE);
        assert_int_equal(sent[i]->base_offset, i + 1);
    }
    assert_int_equal(cluster_high(s->cluster, 3, TOPIC, 0), 4);
    assert_false(handover_is_busy(handover_of(s, 1)));
    cluster_close(s->cluster);
}

TEST(what_comes_while_leaders_move_is_answered_by_the_new_leader)
{
    relay_in_order(12);
}

TEST(topics_are_passed_on_by_id_too)
{
    relay_in_order(13);
}

TEST(a_batch_that_cannot_be_taken_gets_the_new_leaders_error)
{
    struct scene *s = open_scene(NULL);
    handover_begin(handover_of(s, 1), quiet);
    struct sent *first = send_batch(s, -1, 77, 0), *gap = send_batch(s, 1, 77, 5);
    cluster_pass(s->cluster, 5);
    move_to(s, 2);
    handover_release(handover_of(s, 1));
    cluster_pass(s->cluster, 100);
    assert_int_equal(first->error, KAFKA_NONE);
    assert_true(gap->answered);
    assert_int_equal(gap->error, KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER);
    cluster_close(s->cluster);
}

/* A batch that the leader has and its followers have not. */
static struct sent *send_and_append(struct scene *s)
{
    struct sent *before = send_batch(s, -1, 77, 0);
    for (int32_t i = 0; i < 1000 && cluster_end(s->cluster, 1, TOPIC, 0) < 2; i++)
        cluster_pass(s->cluster, 1);
    assert_int_equal(cluster_end(s->cluster, 1, TOPIC, 0), 2);
    assert_false(before->answered);
    return before;
}

TEST(the_controller_is_asked_once_what_was_under_way_is_answered)
{
    struct scene *s = open_scene(NULL);
    struct sent *before = send_and_append(s);
    handover_begin(handover_of(s, 1), quiet);
    handover_begin(handover_of(s, 1), quiet); /* once */
    assert_int_equal(s->quiet, 0);
    for (int32_t i = 0; i < QUIET_MS_MAX - 1 && !before->answered; i++) cluster_pass(s->cluster, 1);
    assert_true(before->answered);
    assert_int_equal(s->quiet, 1);
    cluster_pass(s->cluster, 2 * QUIET_MS_MAX);
    assert_int_equal(s->quiet, 1);
    cluster_close(s->cluster);
}

TEST(the_controller_is_asked_at_the_bound_though_something_is_under_way)
{
    struct scene *s = open_scene(NULL);
    struct sim_node *leader = cluster_member(s->cluster, 1)->machine;
    struct sim_node *follower = cluster_member(s->cluster, 2)->machine;
    sim_net_cut(follower, leader, true);
    struct sent *before = send_and_append(s);
    handover_begin(handover_of(s, 1), quiet);
    cluster_pass(s->cluster, QUIET_MS_MAX - 1);
    assert_int_equal(s->quiet, 0);
    cluster_pass(s->cluster, 2);
    assert_int_equal(s->quiet, 1);
    assert_false(before->answered);
    cluster_close(s->cluster);
}

TEST(the_hold_ends_by_itself_and_what_is_led_here_still_is_taken)
{
    struct scene *s = open_scene(NULL);
    handover_begin(handover_of(s, 1), quiet);
    struct sent *held = send_batch(s, -1, 77, 0);
    cluster_pass(s->cluster, HOLD_MS - 20);
    assert_false(held->answered);
    cluster_pass(s->cluster, 40);
    assert_true(held->answered);
    assert_int_equal(held->error, KAFKA_NONE);
    assert_int_equal(cluster_end(s->cluster, 1, TOPIC, 0), 2);
    cluster_close(s->cluster);
}

TEST(where_nobody_leads_the_error_stands)
{
    struct scene *s = open_scene(NULL);
    handover_begin(handover_of(s, 1), quiet);
    struct sent *held = send_batch(s, -1, 77, 0);
    cluster_pass(s->cluster, 5);
    move_to(s, -1);
    handover_release(handover_of(s, 1));
    cluster_pass(s->cluster, 20);
    assert_true(held->answered);
    assert_int_equal(held->error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    cluster_close(s->cluster);
}

/* Nobody would put them in order again. */
TEST(batches_without_acknowledgement_are_not_relayed)
{
    struct scene *s = open_scene(NULL);
    handover_begin(handover_of(s, 1), quiet);
    struct sent *held = send_batch(s, 0, -1, 0);
    cluster_pass(s->cluster, 5);
    move_to(s, 3);
    cluster_pass(s->cluster, 5);
    handover_release(handover_of(s, 1));
    cluster_pass(s->cluster, 100);
    assert_true(held->answered && held->broken); /* its connection was closed */
    assert_int_equal(cluster_end(s->cluster, 3, TOPIC, 0), 1);
    cluster_close(s->cluster);
}

TEST(a_new_leader_that_dies_leaves_the_outcome_open)
{
    struct scene *s = open_scene(NULL);
    handover_begin(handover_of(s, 1), quiet);
    struct sent *held = send_batch(s, -1, 77, 0);
    cluster_pass(s->cluster, 5);
    move_to(s, 2);
    cluster_crash(s->cluster, 2);
    handover_release(handover_of(s, 1));
    cluster_pass(s->cluster, 1100);
    assert_true(held->answered);
    assert_int_equal(held->error, KAFKA_REQUEST_TIMED_OUT);
    assert_false(handover_is_busy(handover_of(s, 1)));
    cluster_close(s->cluster);
}

TEST(clients_that_go_while_held_or_relayed_are_forgotten)
{
    for (int32_t release = 0; release < 2; release++) {
        struct scene *s = open_scene(NULL);
        handover_begin(handover_of(s, 1), quiet);
        struct sent *held = send_batch(s, -1, 77, 0);
        cluster_pass(s->cluster, 5);
        move_to(s, 2);
        if (release) handover_release(handover_of(s, 1));
        struct member *m = cluster_member(s->cluster, 1);
        channel_destroy(m->client);
        m->client = NULL;
        cluster_pass(s->cluster, 50);
        assert_int_equal(held->broken, ERR_CLOSED);
        assert_false(handover_is_busy(handover_of(s, 1)));
        cluster_close(s->cluster);
    }
}

TEST(without_a_hold_nothing_is_relayed)
{
    static const char *const none[] = {"samsa.shutdown.hold.ms", "0", NULL};
    struct scene *s = open_scene(none);
    handover_begin(handover_of(s, 1), quiet);
    assert_int_equal(s->quiet, 1);
    move_to(s, 2);
    struct sent *late = send_batch(s, -1, 77, 0);
    cluster_pass(s->cluster, 50);
    assert_int_equal(late->error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    cluster_close(s->cluster);
}
