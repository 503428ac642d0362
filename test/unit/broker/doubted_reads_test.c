/* A coordinator that no controller has heard for half of its lease reads committed offsets only on
 * the word of its followers: another may have taken the group, and newer offsets with it. */
#include "broker/doubted_reads.h"

#include "cluster.h"
#include "group/coordinator.h"
#include "memory_log.h"
#include "protocol/api.h"
#include "protocol/find_coordinator.h"
#include "protocol/offset_fetch.h"
#include "replica/lease.h"
#include "rpc/channel.h"

enum { OFFSETS = 9, SESSION_MS = 9000 };

static const int32_t three[] = {1, 2, 3};

static struct memory_log memory;

/* Node 1 coordinates every group, 2 and 3 follow. No controller answers it from now on. */
static struct cluster *open_three(void)
{
    struct cluster *c = cluster_open(1, 3, NULL);
    struct member *m = cluster_member(c, 1);
    struct group_settings settings = group_settings_of(m->config);
    m->broker.groups = group_coordinator_create(m->env, &settings);
    group_coordinator_set_partitions(m->broker.groups, 1);
    memory_log_init(&memory);
    group_coordinator_elected(m->broker.groups, 0, 1, &memory.log);
    cluster_topic(c, "__consumer_offsets", OFFSETS, 1, three, 3);
    cluster_pass(c, 50);
    replica_manager_extend_lease(m->broker.replicas, clock_mono(m->env->clock), SESSION_MS);
    return c;
}

static void close_three(struct cluster *c)
{
    struct member *m = cluster_member(c, 1);
    group_coordinator_destroy(m->broker.groups);
    m->broker.groups = NULL;
    cluster_close(c);
    memory_log_free(&memory);
}

/* Another is elected, and node 1 does not hear of it. */
static void elect_another(struct cluster *c)
{
    static const int32_t isr[] = {2, 3};
    cluster_member(c, 1)->deaf = true;
    cluster_elect(c, cluster_partition(c, OFFSETS, 0), 2, isr, 2);
}

static struct fetched {
    struct call call;
    int32_t answers;
    enum kafka_error error;
} told;

static void fetched(struct call *call, enum err e, const void *response)
{
    const struct offset_fetch_response *r = response;
    (void)call;
    assert_ok(e);
    told.answers++;
    told.error = r->groups[0].error_code;
}

static void ask(struct cluster *c)
{
    struct offset_fetch_request_group group;
    struct offset_fetch_request q;
    offset_fetch_request_group_init(&group);
    group.group_id = STR("g");
    group.topics_count = -1;
    offset_fetch_request_init(&q);
    q.groups = &group;
    q.groups_count = 1;
    told = (struct fetched){0};
    call_init(&told.call);
    channel_call(cluster_channel(c, 1), &told.call, API_OFFSET_FETCH, 9, &q, fetched);
}

TEST(offsets_are_not_read_when_another_may_coordinate_the_group)
{
    struct cluster *c = open_three();
    cluster_pass(c, SESSION_MS / 2);
    elect_another(c);
    cluster_pass(c, 5); /* its followers are gone for as long as this */
    ask(c);
    cluster_pass(c, DOUBTED_READ_MS_MAX - 100);
    assert_int_equal(told.answers, 0);
    cluster_pass(c, 200);
    assert_int_equal(told.answers, 1);
    assert_int_equal(told.error, KAFKA_NOT_COORDINATOR);
    close_three(c);
}

/* One of the two still follows: the other leads. */
TEST(every_replica_that_could_lead_is_asked)
{
    struct cluster *c = open_three();
    cluster_pass(c, SESSION_MS / 2);
    cluster_member(c, 3)->deaf = true;
    elect_another(c);
    ask(c);
    cluster_pass(c, DOUBTED_READ_MS_MAX + 100);
    assert_int_equal(told.error, KAFKA_NOT_COORDINATOR);
    close_three(c);
}

TEST(followers_confirm_a_read_in_a_round_trip)
{
    struct cluster *c = open_three();
    cluster_pass(c, 10 * SESSION_MS);
    for (int i = 0; i < 5; i++) {
        ask(c);
        cluster_pass(c, 20);
        assert_int_equal(told.answers, 1);
        assert_int_equal(told.error, KAFKA_NONE);
    }
    close_three(c);
}

static void found(struct call *call, enum err e, const void *response)
{
    const struct find_coordinator_response *r = response;
    (void)call;
    assert_ok(e);
    told.answers++;
    told.error = r->coordinators[0].error_code;
}

TEST(a_connection_ends_behind_the_answer_that_nobody_coordinates_from_who_is_adrift)
{
    struct cluster *c = open_three();
    struct member *m = cluster_member(c, 1);
    struct find_coordinator_request q;
    struct str key = STR("g");
    int32_t before = 0;
    find_coordinator_request_init(&q);
    q.coordinator_keys = &key;
    q.coordinator_keys_count = 1;
    for (int i = 0; i < 2; i++) {
        told = (struct fetched){0};
        call_init(&told.call);
        channel_call(cluster_channel(c, 1), &told.call, API_FIND_COORDINATOR, 4, &q, found);
        cluster_pass(c, 50);
        assert_int_equal(told.answers, 1);
        if (i > 0) break;
        assert_int_equal(told.error, KAFKA_NONE);
        before = rpc_server_connections_count(m->server);
        sim_net_cut(cluster_member(c, 2)->machine, m->machine, true);
        cluster_pass(c, SESSION_MS + 100);
        assert_true(cluster_replica(c, 1, OFFSETS, 0)->adrift);
    }
    assert_int_equal(told.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(rpc_server_connections_count(m->server), before - 1);
    close_three(c);
}

TEST(processes_that_are_gone_are_not_waited_for)
{
    struct cluster *c = open_three();
    cluster_crash(c, 2);
    cluster_crash(c, 3);
    cluster_pass(c, 2 * SESSION_MS);
    ask(c);
    cluster_pass(c, 20);
    assert_int_equal(told.answers, 1);
    assert_int_equal(told.error, KAFKA_NONE);
    close_three(c);
}

/* They may have led, and acknowledged commits, before they died. */
TEST(processes_that_went_when_the_lease_was_over_confirm_nothing)
{
    struct cluster *c = open_three();
    cluster_pass(c, 2 * SESSION_MS);
    cluster_crash(c, 2);
    cluster_crash(c, 3);
    cluster_pass(c, 2 * SESSION_MS);
    ask(c);
    cluster_pass(c, DOUBTED_READ_MS_MAX + 100);
    assert_int_equal(told.error, KAFKA_NOT_COORDINATOR);
    close_three(c);
}

TEST(nobody_is_asked_before_the_lease_is_half_over)
{
    struct cluster *c = open_three();
    cluster_pass(c, SESSION_MS / 2 - 100);
    sim_net_cut(cluster_member(c, 2)->machine, cluster_member(c, 1)->machine, true);
    ask(c);
    cluster_pass(c, 20);
    assert_int_equal(told.answers, 1);
    assert_int_equal(told.error, KAFKA_NONE);
    close_three(c);
}

TEST(a_controller_that_answers_ends_the_wait)
{
    struct cluster *c = open_three();
    struct member *m = cluster_member(c, 1);
    cluster_pass(c, SESSION_MS / 2);
    sim_net_cut(cluster_member(c, 2)->machine, m->machine, true);
    ask(c);
    cluster_pass(c, 500);
    assert_int_equal(told.answers, 0);
    replica_manager_extend_lease(m->broker.replicas, clock_mono(m->env->clock), SESSION_MS);
    doubted_reads_look(m->broker.doubted_reads);
    cluster_pass(c, 20);
    assert_int_equal(told.answers, 1);
    assert_int_equal(told.error, KAFKA_NONE);
    close_three(c);
}

static int32_t overs, unconfirmed;

static void over(struct request *rq, struct broker *b, bool confirmed)
{
    (void)rq;
    (void)b;
    overs++;
    unconfirmed += !confirmed;
}

TEST(so_many_may_wait_and_those_beyond_are_turned_away)
{
    static struct request requests[DOUBTED_READS_MAX + 1];
    static const int32_t partition = 0;
    struct cluster *c = open_three();
    struct member *m = cluster_member(c, 1);
    cluster_pass(c, SESSION_MS / 2);
    sim_net_cut(cluster_member(c, 2)->machine, m->machine, true);
    overs = unconfirmed = 0;
    for (int32_t i = 0; i <= DOUBTED_READS_MAX; i++) {
        arena_init(&requests[i].arena, 0);
        requests[i].arrived = clock_mono(m->env->clock);
        assert_true(doubted_reads_wait(m->broker.doubted_reads, &requests[i], &partition, 1, over));
    }
    cluster_pass(c, 100);
    assert_int_equal(overs, 1);
    assert_int_equal(unconfirmed, 1);
    cluster_pass(c, DOUBTED_READ_MS_MAX);
    assert_int_equal(overs, DOUBTED_READS_MAX + 1);
    assert_int_equal(unconfirmed, DOUBTED_READS_MAX + 1);
    for (int32_t i = 0; i <= DOUBTED_READS_MAX; i++) arena_free(&requests[i].arena);
    close_three(c);
}
