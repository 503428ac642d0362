/* A leader that no controller hears, and whose followers are gone, sends its clients away: another
 * may lead. One whose followers are there goes on (faults.md S24). */
#include "replica/lease.h"

#include "cluster.h"
#include "protocol/api.h"
#include "protocol/fetch.h"
#include "protocol/metadata.h"
#include "rpc/channel.h"

enum { TOPIC = 7, ALONE = 8, SESSION_MS = 9000 };

static const int32_t three[] = {1, 2, 3};

/* "t" is led by 1 and followed by 2 and 3; "alone" has one replica. No controller answers node 1
 * from now on. */
static struct cluster *open_three(void)
{
    static const int32_t one[] = {1};
    struct cluster *c = cluster_open(1, 3, NULL);
    cluster_topic(c, "t", TOPIC, 1, three, 3);
    cluster_topic(c, "alone", ALONE, 1, one, 1);
    cluster_pass(c, 50);
    struct member *m = cluster_member(c, 1);
    replica_manager_extend_lease(m->broker.replicas, clock_mono(m->env->clock), SESSION_MS);
    return c;
}

static void cut_off_from(struct cluster *c, int32_t id, bool on)
{
    sim_net_cut(cluster_member(c, 1)->machine, cluster_member(c, id)->machine, on);
    sim_net_cut(cluster_member(c, id)->machine, cluster_member(c, 1)->machine, on);
}

static void cut_off(struct cluster *c, bool on)
{
    cut_off_from(c, 2, on);
    cut_off_from(c, 3, on);
}

static struct metadata {
    struct call call;
    int32_t answers, failures, leader, brokers;
    bool names_1;
} told;

static void told_metadata(struct call *call, enum err e, const void *response)
{
    const struct metadata_response *r = response;
    (void)call;
    if (e) {
        told.failures++;
        return;
    }
    told.answers++;
    told.leader = r->topics[0].partitions[0].leader_id;
    told.brokers = r->brokers_count;
    told.names_1 = false;
    for (int32_t i = 0; i < r->brokers_count; i++) told.names_1 |= r->brokers[i].node_id == 1;
}

static void ask_metadata(struct cluster *c, const char *topic)
{
    struct metadata_request_topic t = {.name = str_of(topic)};
    struct metadata_request q;
    metadata_request_init(&q);
    q.topics = &t;
    q.topics_count = 1;
    q.allow_auto_topic_creation = false;
    told = (struct metadata){0};
    call_init(&told.call);
    channel_call(cluster_channel(c, 1), &told.call, API_METADATA, -1, &q, told_metadata);
    cluster_pass(c, 50);
    assert_int_equal(told.answers, 1);
}

static enum kafka_error produce(struct cluster *c, const char *topic, int16_t acks)
{
    return cluster_produce_wait(c, 1, topic, 0, acks, "x").error;
}

static enum kafka_error read(struct cluster *c)
{
    struct replica_read_options o = {.leader_only = true,
                                     .current_leader_epoch = -1,
                                     .last_fetched_epoch = -1,
                                     .offsets_only = true};
    struct replica_read r;
    return replica_read(cluster_replica(c, 1, TOPIC, 0), &o, &r);
}

TEST(
    a_leader_cut_off_from_everybody_takes_nothing_and_names_itself_to_nobody_once_its_lease_is_over)
{
    struct cluster *c = open_three();
    cut_off(c, true);
    cluster_pass(c, SESSION_MS - 100);
    assert_int_equal(produce(c, "t", 1), KAFKA_NONE); /* the controller has not given it away yet */
    cluster_pass(c, 101);
    assert_int_equal(produce(c, "t", 1), KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(produce(c, "t", -1), KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(read(c), KAFKA_NOT_LEADER_OR_FOLLOWER);
    struct cluster_produced p = cluster_produce_wait(c, 1, "t", 0, 1, "x");
    assert_int_equal(p.leader_id, -1);
    assert_int_equal(p.endpoints, 0);
    ask_metadata(c, "t");
    assert_int_equal(told.leader, -1);
    assert_int_equal(told.brokers, 2);
    assert_false(told.names_1);
    cluster_close(c);
}

TEST(what_nobody_else_could_lead_is_served_on)
{
    struct cluster *c = open_three();
    cut_off(c, true);
    cluster_pass(c, SESSION_MS + 100);
    assert_int_equal(produce(c, "t", 1), KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(produce(c, "alone", -1), KAFKA_NONE);
    ask_metadata(c, "alone");
    assert_int_equal(told.leader, 1);
    cluster_close(c);
}

TEST(controllers_alone_that_are_gone_stop_nothing)
{
    struct cluster *c = open_three();
    cluster_pass(c, 10 * SESSION_MS);
    assert_int_equal(produce(c, "t", -1), KAFKA_NONE);
    assert_int_equal(read(c), KAFKA_NONE);
    ask_metadata(c, "t");
    assert_int_equal(told.leader, 1);
    assert_int_equal(told.brokers, 3);
    cluster_close(c);
}

TEST(one_silent_member_of_the_in_sync_set_is_enough)
{
    struct cluster *c = open_three();
    cut_off_from(c, 3, true);
    cluster_pass(c, SESSION_MS + 100);
    assert_int_equal(produce(c, "t", 1), KAFKA_NOT_LEADER_OR_FOLLOWER);
    cut_off_from(c, 3, false);
    cluster_pass(c, 3000);
    assert_int_equal(produce(c, "t", 1), KAFKA_NONE);
    cluster_close(c);
}

/* Two of three nodes are killed: what is left serves on, as without early suspicion. */
TEST(whose_process_is_gone_leads_nothing_in_our_place)
{
    struct cluster *c = open_three();
    cluster_crash(c, 2);
    cluster_crash(c, 3);
    cluster_pass(c, 5 * SESSION_MS);
    assert_int_equal(produce(c, "t", 1), KAFKA_NONE);
    assert_int_equal(read(c), KAFKA_NONE);
    ask_metadata(c, "t");
    assert_int_equal(told.leader, 1);
    cluster_close(c);
}

TEST(whoever_comes_back_where_we_do_not_hear_him_may_lead)
{
    struct cluster *c = open_three();
    cluster_crash(c, 3);
    cluster_pass(c, 2 * SESSION_MS);
    assert_int_equal(produce(c, "t", 1), KAFKA_NONE);
    cut_off_from(c, 3, true);
    cluster_start(c, 3);
    cluster_pass(c, SESSION_MS);
    assert_int_equal(produce(c, "t", 1), KAFKA_NOT_LEADER_OR_FOLLOWER);
    cluster_close(c);
}

TEST(who_waits_for_replicas_is_sent_away_when_the_lease_is_over)
{
    struct cluster *c = open_three();
    struct cluster_produced p = {0};
    cut_off(c, true);
    cluster_pass(c, SESSION_MS - 1000);
    cluster_produce(c, 1, "t", 0, -1, "x", 60000, &p);
    cluster_pass(c, 900);
    assert_false(p.answered);
    cluster_pass(c, SESSION_MS);
    assert_true(p.answered);
    assert_int_equal(p.error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(p.leader_id, -1);
    cluster_close(c);
}

TEST(a_lease_that_is_renewed_brings_the_clients_back)
{
    struct cluster *c = open_three();
    struct member *m = cluster_member(c, 1);
    cut_off(c, true);
    cluster_pass(c, 2 * SESSION_MS);
    assert_int_equal(produce(c, "t", 1), KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_true(cluster_replica(c, 1, TOPIC, 0)->adrift);
    cut_off(c, false);
    replica_manager_extend_lease(m->broker.replicas, clock_mono(m->env->clock), SESSION_MS);
    cluster_pass(c, 100);
    assert_int_equal(produce(c, "t", 1), KAFKA_NONE);
    assert_false(cluster_replica(c, 1, TOPIC, 0)->adrift);
    cluster_close(c);
}

TEST(who_hears_that_another_leads_is_not_adrift_any_more)
{
    struct cluster *c = open_three();
    static const int32_t isr[] = {2, 3};
    cut_off(c, true);
    cluster_pass(c, 2 * SESSION_MS);
    assert_true(cluster_replica(c, 1, TOPIC, 0)->adrift);
    cluster_elect(c, cluster_partition(c, TOPIC, 0), 2, isr, 2);
    cut_off(c, false);
    cluster_pass(c, 1000);
    assert_false(cluster_replica(c, 1, TOPIC, 0)->adrift);
    ask_metadata(c, "t");
    assert_int_equal(told.leader, 2);
    assert_int_equal(told.brokers, 3);
    cluster_close(c);
}

TEST(a_connection_ends_behind_metadata_of_a_broker_that_is_adrift)
{
    struct cluster *c = open_three();
    cut_off(c, true);
    ask_metadata(c, "t");
    int32_t before = rpc_server_connections_count(cluster_member(c, 1)->server);
    cluster_pass(c, SESSION_MS + 100);
    ask_metadata(c, "t");
    assert_int_equal(rpc_server_connections_count(cluster_member(c, 1)->server), before - 1);
    cluster_close(c);
}
