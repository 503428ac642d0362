/* Followers that follow, and leaders that count them: several brokers over a simulated network.
 * The stories of KIP-101, KIP-279, KIP-392, KIP-73, KIP-903 and KIP-966 (faults.md A1). */
#include <stdio.h>

#include "broker/replication.h"
#include "cluster.h"
#include "protocol/api.h"
#include "protocol/delete_records.h"
#include "protocol/fetch.h"
#include "protocol/list_offsets.h"

static const int32_t three[] = {1, 2, 3};
static const int32_t two[] = {1, 2};

enum { TOPIC = 7 };

static struct cluster *open_three(void)
{
    struct cluster *c = cluster_open(1, 3, NULL);
    cluster_topic(c, "t", TOPIC, 1, three, 3);
    cluster_pass(c, 50);
    return c;
}

static struct controlled *the_partition(struct cluster *c)
{
    return cluster_partition(c, TOPIC, 0);
}

/* `count` records through `leader`, which answers with no error. */
static void produce(struct cluster *c, int32_t leader, int16_t acks, int32_t count,
                    const char *value)
{
    for (int32_t i = 0; i < count; i++) {
        struct cluster_produced p = cluster_produce_wait(c, leader, "t", 0, acks, value);
        assert_int_equal(p.error, KAFKA_NONE);
    }
}

static int64_t end_of(struct cluster *c, int32_t id)
{
    return cluster_end(c, id, TOPIC, 0);
}

/* The same bytes at every offset of two replicas (S2). */
static void assert_same_logs(struct cluster *c, int32_t a, int32_t b)
{
    static uint8_t x[1 << 20], y[1 << 20];
    int64_t start = cluster_replica(c, a, TOPIC, 0)->core.log_start_offset;
    int64_t other = cluster_replica(c, b, TOPIC, 0)->core.log_start_offset;
    if (other > start) start = other;
    assert_int_equal(end_of(c, a), end_of(c, b));
    size_t len = cluster_read(c, a, TOPIC, 0, start, end_of(c, a), x, sizeof x);
    assert_int_equal(len, cluster_read(c, b, TOPIC, 0, start, end_of(c, b), y, sizeof y));
    assert_memory_equal(x, y, len);
}

static void settle(struct cluster *c)
{
    assert_true(cluster_settles(c, the_partition(c), 60000));
    for (int32_t id = 2; id <= c->count; id++)
        if (cluster_member(c, 1)->up && cluster_member(c, id)->up) assert_same_logs(c, 1, id);
}

static void elect(struct cluster *c, int32_t leader, int32_t a, int32_t b)
{
    int32_t isr[] = {leader, a, b};
    cluster_elect(c, the_partition(c), leader, isr, 1 + (a > 0) + (b > 0));
}

static void cut(struct cluster *c, int32_t a, int32_t b, bool on)
{
    sim_net_cut(cluster_member(c, a)->machine, cluster_member(c, b)->machine, on);
    sim_net_cut(cluster_member(c, b)->machine, cluster_member(c, a)->machine, on);
}

/* ---- following ---- */

TEST(a_record_is_acknowledged_when_every_follower_has_it)
{
    struct cluster *c = open_three();
    struct cluster_produced p = cluster_produce_wait(c, 1, "t", 0, -1, "first");
    assert_int_equal(p.error, KAFKA_NONE);
    assert_int_equal(p.base_offset, 0);
    assert_int_equal(end_of(c, 2), 1);
    assert_int_equal(end_of(c, 3), 1);
    settle(c);
    cluster_close(c);
}

/* Flips a bit of the leader epoch of the batch at `offset`; all batches are of one size. */
static void misread(struct cluster *c, int32_t id, int64_t offset, int64_t batches)
{
    char path[128];
    snprintf(path, sizeof path, "%s/t-0/00000000000000000000.log", cluster_member(c, id)->path);
    struct sim_node *n = cluster_member(c, id)->machine;
    int64_t len = sim_disk_peek(n, path).len;
    assert_true(len > 0 && len % batches == 0);
    assert_ok(sim_disk_flip(n, path, len / batches * offset + 12, 1));
}

TEST(a_follower_whose_recovery_read_an_epoch_that_never_was_follows_again)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 5, "x");
    cluster_crash(c, 3);
    cluster_fence(c, 3);
    misread(c, 3, 4, 5);
    cluster_start(c, 3);
    cluster_unfence(c, 3);
    produce(c, 1, 1, 1, "y");
    settle(c);
    cluster_close(c);
}

TEST(followers_of_a_leader_whose_recovery_read_an_epoch_that_never_was_follow_it)
{
    struct cluster *c = open_three();
    cluster_crash(c, 3);
    produce(c, 1, 1, 5, "x");
    cluster_pass(c, 50);
    cluster_crash(c, 1);
    misread(c, 1, 3, 5);
    cluster_start(c, 1); /* still the leader */
    cluster_start(c, 3);
    produce(c, 1, 1, 1, "y");
    settle(c);
    assert_int_equal(end_of(c, 3), 6);
    cluster_close(c);
}

TEST(followers_of_a_leader_whose_disk_rots_an_epoch_follow_it)
{
    struct cluster *c = open_three();
    cluster_crash(c, 3);
    produce(c, 1, 1, 30, "x");
    misread(c, 1, 3, 30);
    cluster_start(c, 3);
    settle(c);
    assert_int_equal(end_of(c, 3), 30);
    cluster_close(c);
}

TEST(a_leader_elected_with_an_epoch_that_never_was_in_its_log_is_followed)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 5, "x");
    cluster_crash(c, 3);
    cluster_crash(c, 2);
    cluster_crash(c, 1);
    misread(c, 2, 4, 5);
    elect(c, 2, 1, 3);
    cluster_start(c, 2);
    cluster_start(c, 3);
    cluster_start(c, 1);
    produce(c, 2, 1, 1, "y");
    settle(c);
    assert_int_equal(end_of(c, 2), 6); /* what was acknowledged is there */
    cluster_close(c);
}

TEST(receive_buffers_are_the_systems_unless_set)
{
    static const char *const config[] = {"replica.socket.receive.buffer.bytes", "12345", NULL};
    struct cluster *c = cluster_open(1, 1, NULL);
    assert_int_equal(
        replication_config(&cluster_member(c, 1)->broker).fetching.receive_buffer_bytes, 0);
    cluster_close(c);
    c = cluster_open(1, 1, config);
    assert_int_equal(
        replication_config(&cluster_member(c, 1)->broker).fetching.receive_buffer_bytes, 12345);
    cluster_close(c);
}

TEST(a_round_trip_commits_and_none_waits_for_a_long_poll)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 1, "warm");
    int64_t before = sim_now_ms(c->sim);
    produce(c, 1, -1, 100, "x");
    assert_true(sim_now_ms(c->sim) - before < 100 * 5); /* network delays are below 1 ms each */
    settle(c);
    cluster_close(c);
}

TEST(every_broker_leads_and_follows_and_no_record_waits)
{
    static const char *const config[] = {"num.replica.fetchers", "2", NULL};
    struct cluster *c = cluster_open(5, 3, config);
    enum { LEADERS = 3, EACH = 4, ROUNDS = 300 };
    struct cluster_produced sent[LEADERS][EACH] = {0};
    int64_t at[LEADERS][EACH] = {0}, longest = 0;
    for (uint8_t leader = 0; leader < LEADERS; leader++) {
        int32_t order[] = {leader + 1, (leader + 1) % 3 + 1, (leader + 2) % 3 + 1};
        char name[] = {'t', (char)('1' + leader), 0};
        cluster_topic(c, name, (uint8_t)(TOPIC + leader), EACH, order, 3);
    }
    cluster_pass(c, 100);
    struct prng dice = sim_fork(c->sim, "pace");
    for (int32_t round = 0; round < ROUNDS * LEADERS * EACH; round++) {
        int32_t leader = (int32_t)prng_below(&dice, LEADERS), p = (int32_t)prng_below(&dice, EACH);
        char name[] = {'t', (char)('1' + leader), 0};
        struct cluster_produced *x = &sent[leader][p];
        int64_t now = sim_now_ms(c->sim);
        if (x->answered) assert_int_equal(x->error, KAFKA_NONE);
        if (at[leader][p] == 0 || x->answered) {
            at[leader][p] = now;
            cluster_produce(c, leader + 1, name, p, -1, "x", 60000, x);
        } else if (now - at[leader][p] > longest) {
            longest = now - at[leader][p];
        }
        if (prng_below(&dice, 3) == 0) cluster_pass(c, 1);
    }
    assert_true(longest < 10); /* a few round trips of at most a millisecond */
    cluster_close(c);
}

TEST(a_restarted_follower_catches_up_and_is_taken_back)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 10, "before");
    cluster_fence(c, 3);
    cluster_crash(c, 3);
    produce(c, 1, -1, 500, "meanwhile");
    cluster_start(c, 3);
    assert_int_equal(the_partition(c)->isr_count, 2);
    settle(c);
    assert_int_equal(the_partition(c)->isr_count, 3);
    cluster_close(c);
}

TEST(a_follower_that_lost_its_disk_starts_anew)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 50, "x");
    cluster_fence(c, 3);
    cluster_power_loss(c, 3, SIM_LOSS_ALL);
    cluster_start(c, 3);
    settle(c);
    assert_int_equal(end_of(c, 3), 50);
    cluster_close(c);
}

TEST(a_follower_knows_its_watermark_again_after_a_restart)
{
    /* replication-offset-checkpoint: written every 5 s, and on a clean stop. */
    struct cluster *c = open_three();
    produce(c, 1, -1, 5, "x");
    cluster_pass(c, 1000);
    assert_int_equal(cluster_high(c, 2, TOPIC, 0), 5);
    cut(c, 1, 2, true);
    cut(c, 1, 3, true);
    cluster_stop(c, 2);
    cluster_start(c, 2);
    assert_int_equal(cluster_high(c, 2, TOPIC, 0), 5);
    cluster_pass(c, 6000);
    cluster_crash(c, 3);
    cluster_start(c, 3);
    assert_int_equal(cluster_high(c, 3, TOPIC, 0), 5);
    cluster_close(c);
}

TEST(partitions_at_rest_cost_no_answers)
{
    struct cluster *c = cluster_open(1, 2, NULL);
    cluster_topic(c, "t", TOPIC, 2000, two, 2);
    cluster_pass(c, 1000);
    for (int32_t i = 0; i < 2000; i++)
        assert_int_equal(cluster_replica(c, 1, TOPIC, i)->core.followers[0].fetched, true);
    int64_t answers = replica_manager_fetches_answered(cluster_member(c, 2)->broker.replicas);
    int64_t events = sim_events(c->sim);
    cluster_pass(c, 10000);
    int64_t polls =
        replica_manager_fetches_answered(cluster_member(c, 2)->broker.replicas) - answers;
    assert_in_range(polls, 18, 22); /* a long poll each 500 ms, whatever the number */
    assert_true(sim_events(c->sim) - events < 1000);
    produce(c, 1, -1, 1, "x"); /* and it is one of them that moves */
    assert_int_equal(end_of(c, 2), 1);
    cluster_close(c);
}

TEST(a_partition_that_joins_does_not_wait_for_the_long_poll_of_the_others)
{
    struct cluster *c = open_three();
    cluster_pass(c, 2000); /* the poll is parked */
    cluster_topic(c, "late", 8, 1, three, 3);
    int64_t before = sim_now_ms(c->sim);
    struct cluster_produced p = cluster_produce_wait(c, 1, "late", 0, -1, "x");
    assert_int_equal(p.error, KAFKA_NONE);
    assert_true(sim_now_ms(c->sim) - before < 50);
    cluster_close(c);
}

TEST(the_log_start_of_the_leader_is_taken_over)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 20, "x");
    cluster_pass(c, 1000); /* the followers know the watermark */
    struct replica *r = cluster_replica(c, 1, TOPIC, 0);
    int64_t wanted;
    assert_int_equal(replica_delete_records(r, 12, &wanted), KAFKA_NONE);
    cluster_pass(c, 20); /* at once, not after the poll */
    assert_int_equal(cluster_replica(c, 2, TOPIC, 0)->core.log_start_offset, 12);
    assert_int_equal(cluster_replica(c, 3, TOPIC, 0)->core.log_start_offset, 12);
    assert_int_equal(replica_low_watermark(r), 12);
    cluster_close(c);
}

TEST(a_follower_that_was_away_too_long_begins_where_the_leaders_log_begins)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 5, "old");
    cluster_fence(c, 3);
    cluster_crash(c, 3);
    produce(c, 1, -1, 20, "new");
    cluster_pass(c, 1000);
    int64_t wanted;
    assert_int_equal(replica_delete_records(cluster_replica(c, 1, TOPIC, 0), 15, &wanted),
                     KAFKA_NONE);
    cluster_start(c, 3);
    settle(c);
    assert_int_equal(cluster_replica(c, 3, TOPIC, 0)->core.log_start_offset, 15);
    cluster_close(c);
}

/* ---- truncation ---- */

TEST(what_only_the_old_leader_had_is_cut_when_it_returns_as_soon_as_it_can)
{
    /* KIP-101, second story: by the epoch, not by the watermark. */
    struct cluster *c = open_three();
    produce(c, 1, -1, 10, "committed");
    cut(c, 1, 2, true);
    cut(c, 1, 3, true);
    struct member *old = cluster_member(c, 1);
    old->deaf = true;
    produce(c, 1, 1, 5, "lost");
    elect(c, 2, 3, 0);
    produce(c, 2, -1, 3, "kept");
    unsigned ops = SIM_OPEN | SIM_NAME;
    sim_disk_fail(old->machine, ops, 1, ERR_NO_DESCRIPTORS, true); /* it cannot cut yet */
    cut(c, 1, 2, false);
    cut(c, 1, 3, false);
    old->deaf = false;
    cluster_catch_up(old);
    cluster_pass(c, 500);
    assert_int_equal(end_of(c, 1), 15);
    sim_disk_fail(old->machine, ops, 0, ERR_OK, false);
    settle(c);
    assert_int_equal(end_of(c, 1), 13);
    cluster_close(c);
}

TEST(a_follower_behind_on_the_watermark_loses_nothing_that_is_committed)
{
    /* KIP-101, first story: the follower restarts before it hears of the watermark, and then
     * leads. */
    struct cluster *c = cluster_open(1, 2, NULL);
    cluster_topic(c, "t", TOPIC, 1, two, 2);
    cluster_pass(c, 50);
    struct cluster_produced p = cluster_produce_wait(c, 1, "t", 0, -1, "committed");
    assert_int_equal(p.error, KAFKA_NONE);
    assert_int_equal(end_of(c, 2), 1);
    cluster_crash(c, 2);
    cluster_start(c, 2);
    cluster_pass(c, 5);
    cluster_crash(c, 1);
    cluster_fence(c, 1);
    assert_int_equal(the_partition(c)->leader, 2);
    assert_int_equal(end_of(c, 2), 1);
    cluster_start(c, 1);
    settle(c);
    assert_int_equal(end_of(c, 1), 1);
    cluster_close(c);
}

TEST(two_quick_elections_leave_the_same_log_everywhere)
{
    /* KIP-279: both wrote in epochs that the other never saw. */
    struct cluster *c = open_three();
    produce(c, 1, -1, 4, "common");
    struct member *one = cluster_member(c, 1), *two_ = cluster_member(c, 2);
    cut(c, 1, 2, true);
    cut(c, 1, 3, true);
    cut(c, 2, 3, true);
    one->deaf = true;
    produce(c, 1, 1, 3, "epoch 0"); /* 4, 5, 6 of epoch 0 on one */
    elect(c, 2, 3, 0);
    two_->deaf = true;
    produce(c, 2, 1, 2, "epoch 1"); /* 4, 5 of epoch 1 on two */
    elect(c, 3, 0, 0);
    produce(c, 3, 1, 1, "epoch 2"); /* 4 of epoch 2 on three */
    one->deaf = two_->deaf = false;
    cluster_catch_up(one);
    cluster_catch_up(two_);
    cut(c, 1, 2, false);
    cut(c, 1, 3, false);
    cut(c, 2, 3, false);
    settle(c);
    assert_same_logs(c, 1, 3);
    assert_same_logs(c, 2, 3);
    assert_int_equal(end_of(c, 1), 5);
    cluster_close(c);
}

TEST(a_longer_log_of_an_older_epoch_gives_way_in_several_rounds)
{
    struct cluster *c = cluster_open(1, 2, NULL);
    cluster_topic(c, "t", TOPIC, 1, two, 2);
    cluster_pass(c, 50);
    produce(c, 1, -1, 3, "common");
    struct member *one = cluster_member(c, 1), *two_ = cluster_member(c, 2);
    cut(c, 1, 2, true);
    /* Odd epochs on two, even ones on one, each unknown to the other. */
    for (int i = 0; i < 3; i++) {
        one->deaf = true;
        elect(c, 2, 0, 0);
        produce(c, 2, 1, 2, "two's");
        two_->deaf = true;
        one->deaf = false;
        cluster_catch_up(one);
        elect(c, 1, 0, 0);
        produce(c, 1, 1, 3, "one's");
        one->deaf = true;
        two_->deaf = false;
    }
    one->deaf = two_->deaf = false;
    cluster_catch_up(one);
    cluster_catch_up(two_);
    elect(c, 2, 0, 0); /* unclean: the shorter one */
    cut(c, 1, 2, false);
    settle(c);
    assert_int_equal(end_of(c, 1), 9);
    cluster_close(c);
}

TEST(a_leadership_without_a_record_leaves_no_trace)
{
    /* KAFKA-10706: the epoch cache is cut though no byte is. */
    struct cluster *c = open_three();
    produce(c, 1, -1, 4, "x");
    cluster_pass(c, 1000);
    elect(c, 2, 1, 3);
    elect(c, 3, 1, 2);
    elect(c, 1, 2, 3);
    settle(c);
    produce(c, 1, -1, 4, "y");
    settle(c);
    assert_int_equal(log_latest_epoch(cluster_replica(c, 2, TOPIC, 0)->log), 3);
    cluster_close(c);
}

/* ---- epochs and fencing ---- */

TEST(a_leader_that_has_not_heard_of_its_election_is_asked_again_soon)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 4, "x");
    struct member *late = cluster_member(c, 2);
    late->deaf = true;
    elect(c, 2, 1, 3);
    cluster_pass(c, 30);
    assert_int_equal(cluster_replica(c, 3, TOPIC, 0)->following.errors > 0, true);
    late->deaf = false;
    cluster_catch_up(late);
    int64_t before = sim_now_ms(c->sim);
    produce(c, 2, -1, 1, "y");
    assert_true(sim_now_ms(c->sim) - before < 100); /* not replica.fetch.backoff.ms */
    settle(c);
    cluster_close(c);
}

TEST(a_fenced_follower_waits_for_metadata)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 4, "x");
    struct member *late = cluster_member(c, 3);
    late->deaf = true;
    elect(c, 1, 2, 3); /* the same leader in a new epoch */
    cluster_pass(c, 1000);
    assert_int_equal(cluster_replica(c, 3, TOPIC, 0)->following.state, FOLLOWING_FAILED);
    late->deaf = false;
    cluster_catch_up(late);
    produce(c, 1, -1, 1, "y");
    settle(c);
    cluster_close(c);
}

TEST(fetches_of_a_process_that_was_registered_anew_do_not_count)
{
    /* KIP-903: broker 3 restarts, and a fetch of its former process comes late. */
    struct cluster *c = open_three();
    produce(c, 1, -1, 4, "x");
    struct replica *r = cluster_replica(c, 1, TOPIC, 0);
    struct follower_fetch late = {
        .broker_id = 3, .broker_epoch = c->broker_epochs[2], .fetch_offset = 4};
    cluster_crash(c, 3);
    cluster_fence(c, 3);
    cluster_start(c, 3);
    struct replica_read_options o = {.offset = 4,
                                     .isolation = FETCH_LOG_END,
                                     .leader_only = true,
                                     .current_leader_epoch = -1,
                                     .last_fetched_epoch = -1,
                                     .follower = &late,
                                     .counts = true};
    struct replica_read read;
    assert_int_equal(replica_read(r, &o, &read), KAFKA_NOT_LEADER_OR_FOLLOWER);
    late.broker_epoch = -1; /* before version 15 it cannot be told */
    assert_int_equal(replica_read(r, &o, &read), KAFKA_NONE);
    settle(c);
    cluster_close(c);
}

TEST(a_broker_that_knows_it_is_fenced_serves_nobody)
{
    /* S24 */
    struct cluster *c = open_three();
    produce(c, 1, -1, 1, "x");
    replica_manager_set_fenced(cluster_member(c, 1)->broker.replicas, true);
    struct cluster_produced p = cluster_produce_wait(c, 1, "t", 0, 1, "y");
    assert_int_equal(p.error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    cluster_pass(c, 2000);
    assert_int_equal(end_of(c, 1), 1);
    assert_true(cluster_replica(c, 2, TOPIC, 0)->following.errors > 0); /* followers neither */
    replica_manager_set_fenced(cluster_member(c, 1)->broker.replicas, false);
    produce(c, 1, -1, 1, "y");
    settle(c);
    cluster_close(c);
}

/* ---- the in-sync set ---- */

TEST(a_follower_that_lags_leaves_the_set_and_comes_back)
{
    static const char *const config[] = {"replica.lag.time.max.ms", "2000", NULL};
    struct cluster *c = cluster_open(1, 3, config);
    cluster_topic(c, "t", TOPIC, 1, three, 3);
    cluster_pass(c, 50);
    produce(c, 1, -1, 1, "x");
    cut(c, 1, 3, true);
    int64_t before = sim_now_ms(c->sim);
    struct cluster_produced p;
    cluster_produce(c, 1, "t", 0, -1, "y", 10000, &p);
    while (the_partition(c)->isr_count == 3) cluster_pass(c, 10);
    int64_t took = sim_now_ms(c->sim) - before;
    assert_in_range(took, 1000, 3100); /* up to one and a half times the bound */
    cluster_pass(c, 10);
    assert_true(p.answered);
    assert_int_equal(p.error, KAFKA_NONE);
    cut(c, 1, 3, false);
    settle(c);
    assert_int_equal(the_partition(c)->isr_count, 3);
    cluster_close(c);
}

TEST(too_few_in_sync_replicas_refuse_and_do_not_acknowledge)
{
    static const char *const config[] = {"replica.lag.time.max.ms", "2000", NULL};
    struct cluster *c = cluster_open(1, 3, config);
    cluster_topic(c, "t", TOPIC, 1, three, 3);
    cluster_config(c, "t", "min.insync.replicas", "2");
    cluster_pass(c, 50);
    produce(c, 1, -1, 1, "x");
    cut(c, 1, 2, true);
    cut(c, 1, 3, true);
    struct cluster_produced p;
    cluster_produce(c, 1, "t", 0, -1, "y", 60000, &p); /* while the set is still whole */
    while (the_partition(c)->isr_count > 1) cluster_pass(c, 10);
    cluster_pass(c, 10);
    assert_int_equal(cluster_high(c, 1, TOPIC, 0), 1); /* frozen (KIP-966) */
    struct cluster_produced refused = cluster_produce_wait(c, 1, "t", 0, -1, "z");
    assert_int_equal(refused.error, KAFKA_NOT_ENOUGH_REPLICAS);
    struct cluster_produced one = cluster_produce_wait(c, 1, "t", 0, 1, "z");
    assert_int_equal(one.error, KAFKA_NONE);
    assert_int_equal(end_of(c, 1), 3);
    assert_int_equal(cluster_high(c, 1, TOPIC, 0), 1); /* and nobody reads it */
    assert_false(p.answered);
    cut(c, 1, 2, false);
    cut(c, 1, 3, false);
    settle(c);
    assert_true(p.answered);
    assert_int_equal(p.error, KAFKA_NONE);
    cluster_close(c);
}

TEST(a_watermark_reached_with_too_few_replicas_left_is_said_so)
{
    struct cluster *c = open_three();
    cluster_config(c, "t", "min.insync.replicas", "3");
    produce(c, 1, -1, 1, "x");
    cut(c, 1, 2, true);
    struct cluster_produced p;
    cluster_produce(c, 1, "t", 0, -1, "y", 60000, &p);
    cluster_pass(c, 20);
    assert_false(p.answered);
    cluster_fence(c, 2); /* the controller puts it out: two are left, and both have it */
    cluster_config(c, "t", "min.insync.replicas", "2");
    cluster_pass(c, 50);
    assert_true(p.answered);
    assert_int_equal(p.error, KAFKA_NONE);
    cluster_close(c);
}

TEST(an_unanswered_produce_times_out_and_its_record_stays)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 1, "x");
    cut(c, 1, 3, true);
    struct cluster_produced p;
    cluster_produce(c, 1, "t", 0, -1, "y", 300, &p);
    cluster_pass(c, 400);
    assert_true(p.answered);
    assert_int_equal(p.error, KAFKA_REQUEST_TIMED_OUT);
    cut(c, 1, 3, false);
    settle(c);
    assert_int_equal(end_of(c, 3), 2);
    cluster_close(c);
}

TEST(a_leader_that_loses_its_lead_says_so_to_who_waits_and_names_the_next)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 1, "x");
    cut(c, 1, 3, true);
    struct cluster_produced p;
    cluster_produce(c, 1, "t", 0, -1, "y", 60000, &p);
    cluster_pass(c, 20);
    elect(c, 2, 1, 0);
    cluster_pass(c, 5);
    assert_true(p.answered);
    assert_int_equal(p.error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(p.leader_id, 2); /* KIP-951 */
    assert_int_equal(p.leader_epoch, 1);
    cluster_close(c);
}

/* ---- readers ---- */

static struct {
    int answers;
    enum kafka_error error;
    int64_t high_watermark, bytes, offset;
    int32_t preferred;
} got;

static void fetched(struct call *call, enum err e, const void *response)
{
    (void)call;
    assert_ok(e);
    const struct fetch_response *r = response;
    const struct fetch_response_partition_data *d = r->responses[0].partitions;
    got.answers++;
    got.error = (enum kafka_error)d->error_code;
    got.high_watermark = d->high_watermark;
    got.bytes = d->records.len;
    got.preferred = d->preferred_read_replica;
}

static void consume(struct cluster *c, int32_t id, int64_t offset, const char *rack,
                    int32_t wait_ms)
{
    static struct call call;
    struct fetch_request_fetch_partition p;
    fetch_request_fetch_partition_init(&p);
    p.fetch_offset = offset;
    p.partition_max_bytes = 1 << 20;
    struct fetch_request_fetch_topic t = {
        .topic = STR("t"), .partitions = &p, .partitions_count = 1};
    struct fetch_request q;
    fetch_request_init(&q);
    q.session_epoch = -1;
    q.max_bytes = 1 << 20;
    q.min_bytes = 1;
    q.max_wait_ms = wait_ms;
    q.topics = &t;
    q.topics_count = 1;
    q.rack_id = str_of(rack);
    memset(&got, 0, sizeof got);
    call_init(&call);
    channel_call(cluster_channel(c, id), &call, API_FETCH, 12, &q, fetched);
    if (wait_ms > 0) return;
    while (got.answers == 0) cluster_pass(c, 1);
}

static void listed(struct request *rq, const void *response)
{
    (void)rq;
    const struct list_offsets_response *r = response;
    got.error = (enum kafka_error)r->topics[0].partitions[0].error_code;
    got.offset = r->topics[0].partitions[0].offset;
}

static void ask_latest(struct cluster *c, int32_t id)
{
    struct member *m = cluster_member(c, id);
    struct list_offsets_request_list_offsets_partition p;
    list_offsets_request_list_offsets_partition_init(&p);
    p.timestamp = -1;
    struct list_offsets_request_list_offsets_topic t = {
        .name = STR("t"), .partitions = &p, .partitions_count = 1};
    struct list_offsets_request q;
    list_offsets_request_init(&q);
    q.replica_id = -1;
    q.topics = &t;
    q.topics_count = 1;
    rpc_call_local(m->env, &m->dispatch, API_LIST_OFFSETS, 7, &q, STR("test"), listed, NULL);
}

TEST(a_new_leader_does_not_show_an_end_that_it_cannot_vouch_for)
{
    /* S6: its watermark may be older than what clients have seen. */
    struct cluster *c = open_three();
    produce(c, 1, -1, 5, "x");
    cut(c, 2, 3, true);
    cluster_crash(c, 1);
    elect(c, 2, 3, 0);
    assert_true(cluster_high(c, 2, TOPIC, 0) < 5);
    ask_latest(c, 2);
    assert_int_equal(got.error, KAFKA_OFFSET_NOT_AVAILABLE);
    cut(c, 2, 3, false);
    cluster_pass(c, 3000);
    ask_latest(c, 2);
    assert_int_equal(got.error, KAFKA_NONE);
    assert_int_equal(got.offset, 5);
    ask_latest(c, 3);
    assert_int_equal(got.error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    cluster_close(c);
}

TEST(consumers_read_no_further_than_what_is_committed)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 3, "x");
    cut(c, 1, 3, true);
    produce(c, 1, 1, 1, "uncommitted");
    cluster_pass(c, 20);
    assert_int_equal(end_of(c, 2), 4);
    consume(c, 1, 3, "", 0);
    assert_int_equal(got.answers, 1);
    assert_int_equal(got.error, KAFKA_NONE);
    assert_int_equal(got.bytes, 0);
    assert_int_equal(got.high_watermark, 3);
    consume(c, 2, 3, "", 0); /* nor from a follower that has it */
    assert_int_equal(got.error, KAFKA_NONE);
    assert_int_equal(got.bytes, 0);
    cluster_close(c);
}

TEST(consumers_are_sent_to_the_replica_in_their_rack)
{
    static const char *const config[] = {
        "replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector", NULL};
    struct cluster *c = cluster_open(1, 3, config);
    cluster_topic(c, "t", TOPIC, 1, three, 3);
    cluster_pass(c, 50);
    produce(c, 1, -1, 3, "x");
    consume(c, 1, 0, "rack3", 60000);
    cluster_pass(c, 20);
    assert_int_equal(got.answers, 1); /* at once */
    assert_int_equal(got.error, KAFKA_NONE);
    assert_int_equal(got.preferred, 3);
    assert_int_equal(got.bytes, 0);
    consume(c, 1, 0, "rack1", 0); /* the leader's own */
    assert_int_equal(got.preferred, -1);
    assert_true(got.bytes > 0);
    consume(c, 1, 0, "elsewhere", 0);
    assert_int_equal(got.preferred, -1);
    consume(c, 3, 0, "rack3", 0); /* followers never send away */
    assert_int_equal(got.preferred, -1);
    assert_true(got.bytes > 0);
    /* Who waits at a follower hears of a record as soon as it is committed there. */
    cluster_pass(c, 1000);
    consume(c, 3, 3, "rack3", 60000);
    cluster_pass(c, 1000);
    assert_int_equal(got.answers, 0);
    int64_t before = sim_now_ms(c->sim);
    produce(c, 1, -1, 1, "y");
    while (got.answers == 0) cluster_pass(c, 1);
    assert_true(got.bytes > 0);
    assert_true(sim_now_ms(c->sim) - before < 20);
    /* Out of the in-sync set it is nobody's to read from. */
    cluster_fence(c, 3);
    consume(c, 1, 0, "rack3", 0);
    assert_int_equal(got.preferred, -1);
    cluster_close(c);
}

TEST(without_a_selector_nobody_is_sent_away)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 1, "x");
    consume(c, 1, 0, "rack3", 0);
    assert_int_equal(got.preferred, -1);
    assert_true(got.bytes > 0);
    cluster_close(c);
}

/* ---- deleting records ---- */

static struct {
    bool answered;
    enum kafka_error error;
    int64_t low_watermark;
} deleted;

static void records_deleted(struct request *rq, const void *response)
{
    (void)rq;
    const struct delete_records_response *r = response;
    deleted.answered = true;
    deleted.error = (enum kafka_error)r->topics[0].partitions[0].error_code;
    deleted.low_watermark = r->topics[0].partitions[0].low_watermark;
}

static void delete_records(struct cluster *c, int64_t offset, int32_t timeout_ms)
{
    struct member *m = cluster_member(c, 1);
    struct delete_records_request_delete_records_partition p = {.offset = offset};
    struct delete_records_request_delete_records_topic t = {
        .name = STR("t"), .partitions = &p, .partitions_count = 1};
    struct delete_records_request q;
    delete_records_request_init(&q);
    q.timeout_ms = timeout_ms;
    q.topics = &t;
    q.topics_count = 1;
    memset(&deleted, 0, sizeof deleted);
    rpc_call_local(m->env, &m->dispatch, API_DELETE_RECORDS, 2, &q, STR("test"), records_deleted,
                   NULL);
}

TEST(deleting_records_waits_for_every_living_follower)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 20, "x");
    cluster_pass(c, 1000);
    delete_records(c, 10, 5000);
    assert_false(deleted.answered);
    cluster_pass(c, 50);
    assert_true(deleted.answered);
    assert_int_equal(deleted.error, KAFKA_NONE);
    assert_int_equal(deleted.low_watermark, 10);
    cut(c, 1, 3, true);
    delete_records(c, 15, 300);
    cluster_pass(c, 400);
    assert_int_equal(deleted.error, KAFKA_REQUEST_TIMED_OUT);
    delete_records(c, 16, 5000);
    cluster_pass(c, 50);
    assert_false(deleted.answered);
    cluster_fence(c, 3); /* the dead are not waited for */
    cluster_pass(c, 50);
    assert_true(deleted.answered);
    assert_int_equal(deleted.error, KAFKA_NONE);
    cluster_close(c);
}

/* ---- throttles ---- */

/* Broker 3 was away while a megabyte came. Returns how long it takes to catch up. */
static int64_t catch_up_ms(int64_t leader_rate, int64_t follower_rate, const char *list)
{
    static char value[10000];
    memset(value, 'v', sizeof value - 1);
    static const char *const config[] = {"replica.fetch.max.bytes", "100000", NULL};
    struct cluster *c = cluster_open(1, 3, config);
    cluster_topic(c, "t", TOPIC, 1, three, 3);
    cluster_pass(c, 50);
    cluster_fence(c, 3);
    cluster_crash(c, 3);
    produce(c, 1, -1, 100, value);
    cluster_config(c, "t", "leader.replication.throttled.replicas", list);
    cluster_config(c, "t", "follower.replication.throttled.replicas", list);
    cluster_start(c, 3);
    replica_manager_set_throttles(cluster_member(c, 1)->broker.replicas, leader_rate, INT64_MAX);
    replica_manager_set_throttles(cluster_member(c, 3)->broker.replicas, INT64_MAX, follower_rate);
    int64_t before = sim_now_ms(c->sim);
    while (end_of(c, 3) < 100) cluster_pass(c, 50);
    int64_t took = sim_now_ms(c->sim) - before;
    produce(c, 1, -1, 1, "x"); /* nobody in sync is held back */
    settle(c);
    cluster_close(c);
    return took;
}

TEST(throttled_replicas_catch_up_at_their_rate)
{
    int64_t freely = catch_up_ms(INT64_MAX, INT64_MAX, "*");
    assert_true(freely < 1000);
    assert_true(catch_up_ms(100000, INT64_MAX, "0:2") < 1000); /* another's */
    int64_t leader = catch_up_ms(100000, INT64_MAX, "*");
    assert_in_range(leader, 5000, 12000);
    int64_t follower = catch_up_ms(INT64_MAX, 100000, "0:3,0:1");
    assert_in_range(follower, 5000, 12000);
}

/* ---- disks ---- */

TEST(a_follower_whose_directory_fails_follows_no_more)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 3, "x");
    sim_disk_fail(cluster_member(c, 3)->machine, SIM_WRITE, 1, ERR_IO, true);
    struct cluster_produced p;
    cluster_produce(c, 1, "t", 0, -1, "y", 60000, &p);
    cluster_pass(c, 100);
    assert_int_equal(cluster_replica(c, 3, TOPIC, 0)->core.role, PARTITION_OFFLINE);
    assert_null(cluster_replica(c, 3, TOPIC, 0)->fetcher);
    assert_false(p.answered);
    cluster_fence(c, 3);
    cluster_pass(c, 50);
    assert_true(p.answered);
    assert_int_equal(p.error, KAFKA_NONE);
    cluster_close(c);
}

TEST(a_full_disk_is_tried_again_until_there_is_room)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 3, "x");
    struct sim_node *machine = cluster_member(c, 3)->machine;
    sim_disk_budget(machine, sim_disk_used(machine));
    struct cluster_produced p;
    cluster_produce(c, 1, "t", 0, -1, "y", 60000, &p);
    cluster_pass(c, 500);
    assert_false(p.answered);
    sim_disk_budget(machine, -1);
    cluster_pass(c, 3000);
    assert_true(p.answered);
    assert_int_equal(p.error, KAFKA_NONE);
    settle(c);
    cluster_close(c);
}

/* ---- what an earlier connection brings late ---- */

static void late_answered(struct call *call, enum err e, const void *response)
{
    (void)e;
    (void)response;
    *(bool *)call->context = true;
}

/* A full fetch of the partition by fetcher 0 of broker 2, from a connection of its own. */
static void fetch_late(struct cluster *c, int64_t offset)
{
    struct member *follower = cluster_member(c, 2);
    struct channel *earlier =
        channel_create(follower->env, &(struct channel_config){.host = "b1",
                                                               .port = CLUSTER_PORT,
                                                               .client_id = "broker-2-fetcher-0",
                                                               .request_timeout_ms = 60000,
                                                               .backoff_ms = 10});
    struct controlled *at = the_partition(c);
    struct fetch_request_fetch_partition p;
    fetch_request_fetch_partition_init(&p);
    p.fetch_offset = offset;
    p.current_leader_epoch = at->leader_epoch;
    p.last_fetched_epoch = at->leader_epoch;
    p.log_start_offset = 0;
    p.partition_max_bytes = 1 << 20;
    struct fetch_request_fetch_topic t = {
        .topic_id = UUID_SMALL(TOPIC), .partitions = &p, .partitions_count = 1};
    struct fetch_request q;
    fetch_request_init(&q);
    q.replica_state.replica_id = 2;
    q.replica_state.replica_epoch = c->broker_epochs[1];
    q.max_bytes = 1 << 20;
    q.topics = &t;
    q.topics_count = 1;
    struct call call;
    bool answered = false;
    call_init(&call);
    call.context = &answered;
    channel_call(earlier, &call, API_FETCH, 17, &q, late_answered);
    for (int i = 0; i < 1000 && !answered; i++) cluster_pass(c, 1);
    assert_true(answered);
    channel_destroy(earlier);
}

TEST(a_full_fetch_that_an_earlier_connection_brings_late_leaves_a_follower_where_it_is)
{
    struct cluster *c = open_three();
    produce(c, 1, -1, 5, "x");
    cluster_pass(c, 2000); /* at rest */
    const struct partition *p = &cluster_replica(c, 1, TOPIC, 0)->core;
    fetch_late(c, 1);
    cluster_pass(c, 20);
    assert_int_equal(partition_follower(p, 2)->log_end_offset, 5);
    int32_t isr_epoch = p->partition_epoch;
    cluster_pass(c, 120000); /* nothing is appended, and nobody leaves the in-sync set */
    assert_int_equal(p->partition_epoch, isr_epoch);
    assert_int_equal(partition_isr_count(p), 3);
    settle(c);
    cluster_close(c);
}

/* ---- many cuts ---- */

TEST(many_logs_that_differ_are_cut_a_few_at_a_time)
{
    enum { PARTITIONS = 300, ROUND_TRIP_MS = 100, A_FEW = 64 };
    struct cluster *c = cluster_open(1, 2, NULL);
    cluster_topic(c, "t", TOPIC, PARTITIONS, two, 2);
    cluster_pass(c, 500);
    cluster_crash(c, 2);
    struct cluster_produced p;
    for (int32_t i = 0; i < PARTITIONS; i++) /* what only 1 has */
        p = cluster_produce_wait(c, 1, "t", i, 1, "x");
    assert_int_equal(p.error, KAFKA_NONE);
    cluster_crash(c, 1);
    cluster_start(c, 2);
    static const int32_t isr[] = {2};
    for (int32_t i = 0; i < PARTITIONS; i++)
        cluster_elect(c, cluster_partition(c, TOPIC, i), 2, isr, 1);
    for (int32_t i = 0; i < PARTITIONS; i++) cluster_produce_wait(c, 2, "t", i, 1, "other");
    sim_net_delay(cluster_member(c, 1)->machine, cluster_member(c, 2)->machine, ROUND_TRIP_MS * 500,
                  ROUND_TRIP_MS * 500);
    sim_net_delay(cluster_member(c, 2)->machine, cluster_member(c, 1)->machine, ROUND_TRIP_MS * 500,
                  ROUND_TRIP_MS * 500);
    cluster_start(c, 1);
    int32_t left = PARTITIONS, rounds = 0;
    for (; left > 0 && rounds < 1000; rounds++) {
        cluster_pass(c, ROUND_TRIP_MS / 2);
        int32_t now = 0;
        for (int32_t i = 0; i < PARTITIONS; i++) {
            const struct replica *r = cluster_replica(c, 1, TOPIC, i);
            now += log_epoch_at(r->log, 0) == 0; /* still its own record */
        }
        assert_true(left - now <= A_FEW);
        left = now;
    }
    assert_int_equal(left, 0);
    assert_true(rounds >= PARTITIONS / A_FEW);
    for (int32_t i = 0; i < PARTITIONS; i++)
        assert_true(cluster_settles(c, cluster_partition(c, TOPIC, i), 60000));
    cluster_close(c);
}
