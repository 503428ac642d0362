#include "test.h"

#include "replica/partition.h"

enum { SELF = 1, LAG_MS = 30000 };

/* A cluster in which every broker n is registered with epoch 100 + n, unless a test says otherwise.
 */
struct cluster {
    struct partition_world world;
    struct broker_standing brokers[8];
    struct mono_time last_fetch; /* of every broker */
};

static struct broker_standing standing(void *context, int32_t id)
{
    struct cluster *c = context;
    return id >= 0 && id < 8 ? c->brokers[id] : (struct broker_standing){0};
}

static struct mono_time last_fetch(void *context, int32_t id)
{
    struct cluster *c = context;
    (void)id;
    return c->last_fetch;
}

static struct cluster *cluster(void)
{
    static struct cluster c;
    memset(&c, 0, sizeof c);
    for (int i = 0; i < 8; i++)
        c.brokers[i] = (struct broker_standing){.registered = true, .epoch = 100 + i};
    c.world = (struct partition_world){.node_id = SELF,
                                       .broker_epoch = 101,
                                       .now = {1000 * NS_PER_MS},
                                       .lag_ms_max = LAG_MS,
                                       .standing = standing,
                                       .last_fetch = last_fetch,
                                       .context = &c};
    return &c;
}

static void pass_ms(struct cluster *c, int64_t ms)
{
    c->world.now.ns += ms * NS_PER_MS;
}

static const int32_t three[] = {1, 2, 3};
static const int32_t one_and_two[] = {1, 2};

static struct partition_target target(int32_t leader, int32_t leader_epoch, int32_t partition_epoch,
                                      int32_t isr_count)
{
    return (struct partition_target){.leader = leader,
                                     .leader_epoch = leader_epoch,
                                     .partition_epoch = partition_epoch,
                                     .replicas = three,
                                     .replicas_count = 3,
                                     .isr = three,
                                     .isr_count = isr_count};
}

static unsigned apply(struct partition *p, struct cluster *c, struct partition_target t)
{
    return partition_apply(p, &c->world, &t);
}

static unsigned fetch_at(struct partition *p, struct cluster *c, int32_t broker, int64_t offset)
{
    struct follower_fetch f = {
        .broker_id = broker, .broker_epoch = 100 + broker, .fetch_offset = offset};
    assert_int_equal(partition_admit_follower(p, &c->world, &f, p->leader_epoch), KAFKA_NONE);
    return partition_follower_fetched(p, &c->world, &f);
}

/* A leader with log [0, 10), watermark 0, replicas 1, 2, 3 and the first isr_count of them in sync.
 */
static struct partition leader_of_three(struct cluster *c, int32_t isr_count, int32_t isr_min)
{
    struct partition p;
    partition_init(&p, 0, 10, 0, isr_min);
    apply(&p, c, target(SELF, 5, 7, isr_count));
    return p;
}

TEST(one_replica_commits_what_it_appends)
{
    struct cluster *c = cluster();
    struct partition p;
    partition_init(&p, 0, 0, 0, 1);
    struct partition_target t = target(SELF, 0, 0, 1);
    t.replicas_count = 1;
    unsigned effects = apply(&p, c, t);
    assert_int_equal(effects, PARTITION_EPOCH_BEGAN | PARTITION_LEADERSHIP_MOVED);
    assert_int_equal(partition_admit_append(&p, -1), KAFKA_NONE);
    assert_int_equal(partition_appended(&p, &c->world, 5), PARTITION_HIGH_WATERMARK_MOVED);
    assert_int_equal(p.high_watermark, 5);
    assert_int_equal(partition_ack(&p), KAFKA_NONE);
    assert_int_equal(partition_tick(&p, &c->world), 0);
    partition_free(&p);
}

TEST(one_replica_elected_with_a_stale_watermark_commits_its_whole_log)
{
    struct cluster *c = cluster();
    struct partition p;
    partition_init(&p, 0, 10, 4, 1);
    struct partition_target t = target(SELF, 0, 0, 1);
    t.replicas_count = 1;
    assert_true(apply(&p, c, t) & PARTITION_HIGH_WATERMARK_MOVED);
    assert_int_equal(p.high_watermark, 10);
    partition_free(&p);
}

TEST(min_isr_above_the_replica_count_counts_as_the_replica_count)
{
    struct cluster *c = cluster();
    struct partition p;
    partition_init(&p, 0, 0, 0, 3);
    struct partition_target t = target(SELF, 0, 0, 1);
    t.replicas_count = 1;
    apply(&p, c, t);
    assert_int_equal(partition_isr_min(&p), 1);
    assert_int_equal(partition_admit_append(&p, -1), KAFKA_NONE);
    partition_free(&p);
}

TEST(high_watermark_is_the_least_end_over_the_in_sync_set)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 3, 2);
    assert_int_equal(p.high_watermark, 0);
    assert_int_equal(fetch_at(&p, c, 2, 10) & PARTITION_HIGH_WATERMARK_MOVED, 0);
    assert_true(fetch_at(&p, c, 3, 8) & PARTITION_HIGH_WATERMARK_MOVED);
    assert_int_equal(p.high_watermark, 8);
    assert_true(fetch_at(&p, c, 3, 10) & PARTITION_HIGH_WATERMARK_MOVED);
    assert_int_equal(p.high_watermark, 10);
    partition_free(&p);
}

TEST(high_watermark_never_falls_when_a_follower_restarts_behind_it)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 3, 1);
    fetch_at(&p, c, 2, 10);
    fetch_at(&p, c, 3, 10);
    assert_int_equal(fetch_at(&p, c, 3, 2) & PARTITION_HIGH_WATERMARK_MOVED, 0);
    assert_int_equal(p.high_watermark, 10);
    partition_free(&p);
}

TEST(high_watermark_is_frozen_below_min_isr)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 1, 2);
    assert_int_equal(partition_admit_append(&p, -1), KAFKA_NOT_ENOUGH_REPLICAS);
    assert_int_equal(partition_admit_append(&p, 1), KAFKA_NONE);
    assert_int_equal(partition_appended(&p, &c->world, 12), 0);
    assert_int_equal(p.high_watermark, 0);
    assert_int_equal(partition_ack(&p), KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    /* and thaws when the minimum is lowered, once those that keep up are waited for */
    assert_int_equal(partition_set_isr_min(&p, &c->world, 1), PARTITION_HIGH_WATERMARK_MOVED);
    assert_int_equal(p.high_watermark, 12);
    partition_free(&p);
}

TEST(latest_offset_is_unknown_until_the_watermark_passes_the_leaderships_start)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 3, 1);
    assert_int_equal(p.epoch_start_offset, 10);
    assert_false(partition_high_watermark_is_known(&p));
    fetch_at(&p, c, 2, 10);
    fetch_at(&p, c, 3, 9);
    assert_false(partition_high_watermark_is_known(&p));
    fetch_at(&p, c, 3, 10);
    assert_true(partition_high_watermark_is_known(&p));
    partition_free(&p);
}

TEST(a_follower_joins_only_at_the_start_of_the_leadership)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 2, 1);
    assert_int_equal(fetch_at(&p, c, 3, 9) & PARTITION_PROPOSE,
                     0); /* >= watermark, < epoch start */
    assert_true(fetch_at(&p, c, 3, 10) & PARTITION_PROPOSE);
    assert_int_equal(p.isr_state, ISR_PENDING_EXPAND);
    struct isr_member m[3];
    assert_int_equal(partition_proposal(&p, &c->world, m), 3);
    assert_int_equal(m[0].broker_epoch, 101);
    assert_int_equal(m[1].broker_id, 2);
    assert_int_equal(m[1].broker_epoch, -1); /* has not fetched in this epoch */
    assert_int_equal(m[2].broker_epoch, 103);
    partition_free(&p);
}

TEST(a_proposed_member_binds_the_watermark_before_it_is_committed)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 1, 1);
    c->brokers[2].fenced = true;
    fetch_at(&p, c, 3, 10);
    assert_int_equal(p.isr_state, ISR_PENDING_EXPAND);
    pass_ms(c, LAG_MS + 1); /* so that it is not waited for as one that keeps up */
    partition_appended(&p, &c->world, 20);
    assert_int_equal(p.high_watermark, 10);
    assert_int_equal(partition_isr_count(&p), 1);
    assert_int_equal(partition_maximal_isr_count(&p), 2);
    partition_free(&p);
}

TEST(a_member_proposed_out_binds_the_watermark_until_the_controller_agrees)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 3, 1);
    fetch_at(&p, c, 2, 10);
    fetch_at(&p, c, 3, 10);
    partition_appended(&p, &c->world, 20);
    pass_ms(c, LAG_MS);
    fetch_at(&p, c, 2, 20);
    assert_int_equal(partition_tick(&p, &c->world), 0); /* on the bound is in sync */
    pass_ms(c, 1);
    fetch_at(&p, c, 2, 20);
    assert_int_equal(partition_tick(&p, &c->world), PARTITION_PROPOSE);
    assert_int_equal(p.isr_state, ISR_PENDING_SHRINK);
    assert_int_equal(p.high_watermark, 10);
    struct isr_member m[3];
    assert_int_equal(partition_proposal(&p, &c->world, m), 2);
    assert_int_equal(m[1].broker_id, 2);

    struct partition_committed taken = {5, 8, one_and_two, 2, false};
    assert_int_equal(partition_proposal_taken(&p, &c->world, &taken),
                     PARTITION_HIGH_WATERMARK_MOVED);
    assert_int_equal(p.high_watermark, 20);
    assert_int_equal(p.partition_epoch, 8);
    partition_free(&p);
}

TEST(the_next_follower_joins_when_the_one_before_it_has)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 1, 1);
    assert_true(fetch_at(&p, c, 2, 10) & PARTITION_PROPOSE);
    assert_false(fetch_at(&p, c, 3, 10) & PARTITION_PROPOSE); /* one proposal at a time */
    struct partition_committed taken = {5, 8, one_and_two, 2, false};
    assert_true(partition_proposal_taken(&p, &c->world, &taken) & PARTITION_PROPOSE);
    struct isr_member m[3];
    assert_int_equal(partition_proposal(&p, &c->world, m), 3);
    /* Not taken: it does not fetch again while nothing moves, so a tick asks. */
    partition_proposal_refused(&p, &c->world, 8, KAFKA_INELIGIBLE_REPLICA);
    assert_int_equal(p.isr_state, ISR_COMMITTED);
    assert_int_equal(partition_tick(&p, &c->world), PARTITION_PROPOSE);
    partition_free(&p);
}

TEST(a_follower_at_rest_in_its_session_keeps_up_as_long_as_it_fetches_at_all)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 3, 1);
    fetch_at(&p, c, 2, 10);
    fetch_at(&p, c, 3, 10);
    pass_ms(c, 1000 * 1000); /* nothing to name: the session goes on */
    c->last_fetch = c->world.now;
    pass_ms(c, 400);
    partition_appended(&p, &c->world, 20);
    assert_int_equal(partition_tick(&p, &c->world), 0); /* it could not have it yet */
    pass_ms(c, LAG_MS - 400);
    c->last_fetch = c->world.now; /* of other partitions: that does not help this one any more */
    assert_int_equal(partition_tick(&p, &c->world), 0);
    pass_ms(c, 401);
    assert_int_equal(partition_tick(&p, &c->world), PARTITION_PROPOSE);
    partition_free(&p);
}

TEST(a_follower_that_fell_silent_before_an_append_is_out_at_once)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 3, 1);
    fetch_at(&p, c, 2, 10);
    fetch_at(&p, c, 3, 10);
    c->last_fetch = c->world.now;
    pass_ms(c, LAG_MS + 1);
    assert_int_equal(partition_tick(&p, &c->world), 0); /* it has everything */
    partition_appended(&p, &c->world, 20);
    assert_int_equal(partition_tick(&p, &c->world), PARTITION_PROPOSE);
    partition_free(&p);
}

TEST(a_follower_that_always_reaches_the_previous_end_keeps_up)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 3, 1);
    int64_t end = 10;
    for (int i = 0; i < 8; i++) {
        fetch_at(&p, c, 2, end);
        fetch_at(&p, c, 3, end);
        end += 10;
        partition_appended(&p, &c->world, end);
        pass_ms(c, 20000);
        /* never at the end, always where the end was at the fetch before */
        assert_int_equal(partition_tick(&p, &c->world), 0);
    }
    partition_free(&p);
}

TEST(a_refused_proposal_reverts_waits_or_is_sent_again)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 2, 1);
    fetch_at(&p, c, 3, 10);
    assert_int_equal(partition_proposal_refused(&p, &c->world, 6, KAFKA_INELIGIBLE_REPLICA), 0);
    assert_int_equal(p.isr_state, ISR_PENDING_EXPAND); /* it was another proposal's answer */
    assert_int_equal(partition_proposal_refused(&p, &c->world, 7, KAFKA_NETWORK_EXCEPTION),
                     PARTITION_PROPOSE);
    assert_int_equal(partition_proposal_refused(&p, &c->world, 7, KAFKA_INVALID_UPDATE_VERSION), 0);
    assert_int_equal(p.isr_state, ISR_PENDING_EXPAND);
    assert_int_equal(partition_proposal_refused(&p, &c->world, 7, KAFKA_INELIGIBLE_REPLICA), 0);
    assert_int_equal(p.isr_state, ISR_COMMITTED);
    assert_int_equal(partition_maximal_isr_count(&p), 2);
    partition_free(&p);
}

TEST(only_the_registered_process_of_a_live_broker_may_join)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 2, 1);
    c->brokers[3].fenced = true;
    assert_int_equal(fetch_at(&p, c, 3, 10) & PARTITION_PROPOSE, 0);
    c->brokers[3].fenced = false;
    c->brokers[3].shutting_down = true;
    assert_int_equal(fetch_at(&p, c, 3, 10) & PARTITION_PROPOSE, 0);
    c->brokers[3].shutting_down = false;
    /* its metadata is ahead of ours: the process that fetches is not the one we know of yet */
    c->brokers[3].epoch = 90;
    assert_int_equal(fetch_at(&p, c, 3, 10) & PARTITION_PROPOSE, 0);
    c->brokers[3].epoch = 103;
    assert_true(partition_standing_changed(&p, &c->world) & PARTITION_PROPOSE);
    partition_free(&p);
}

TEST(a_fetch_from_a_process_that_is_gone_is_refused)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 3, 1);
    struct follower_fetch f = {.broker_id = 3, .broker_epoch = 99, .fetch_offset = 10};
    assert_int_equal(partition_admit_follower(&p, &c->world, &f, 5), KAFKA_NOT_LEADER_OR_FOLLOWER);
    f.broker_epoch = -1;
    assert_int_equal(partition_admit_follower(&p, &c->world, &f, 5), KAFKA_NONE);
    f.broker_id = 6;
    assert_int_equal(partition_admit_follower(&p, &c->world, &f, 5), KAFKA_UNKNOWN_LEADER_EPOCH);
    assert_int_equal(partition_admit_follower(&p, &c->world, &f, -1), KAFKA_NOT_LEADER_OR_FOLLOWER);
    partition_free(&p);
}

TEST(progress_of_an_earlier_leadership_does_not_count)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 2, 1);
    fetch_at(&p, c, 2, 10);
    fetch_at(&p, c, 3, 10);
    assert_int_equal(p.isr_state, ISR_PENDING_EXPAND);
    unsigned effects = apply(&p, c, target(SELF, 6, 9, 2));
    assert_true(effects & PARTITION_EPOCH_BEGAN);
    assert_int_equal(p.isr_state, ISR_COMMITTED);
    assert_int_equal(partition_follower(&p, 2)->log_end_offset, -1);
    assert_false(partition_follower(&p, 3)->fetched);
    assert_int_equal(partition_standing_changed(&p, &c->world) & PARTITION_PROPOSE, 0);
    partition_appended(&p, &c->world, 30);
    assert_int_equal(p.high_watermark, 10);
    partition_free(&p);
}

TEST(metadata_with_an_older_epoch_is_ignored)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 3, 1);
    assert_int_equal(apply(&p, c, target(2, 4, 6, 3)), 0);
    assert_int_equal(p.role, PARTITION_LEADER);
    assert_int_equal(apply(&p, c, target(2, 4, 9, 3)), 0); /* a leader epoch cannot fall */
    assert_int_equal(p.role, PARTITION_LEADER);
    partition_free(&p);
}

TEST(the_same_metadata_again_leaves_a_proposal_pending)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 2, 1);
    fetch_at(&p, c, 2, 10);
    fetch_at(&p, c, 3, 10);
    assert_int_equal(apply(&p, c, target(SELF, 5, 7, 2)), 0);
    assert_int_equal(p.isr_state, ISR_PENDING_EXPAND);
    assert_int_equal(partition_maximal_isr_count(&p), 3);
    partition_free(&p);
}

TEST(requests_are_fenced_by_leader_epoch)
{
    struct cluster *c = cluster();
    struct partition p;
    partition_init(&p, 0, 0, 0, 1);
    assert_int_equal(partition_admit(&p, -1, false), KAFKA_NOT_LEADER_OR_FOLLOWER);
    apply(&p, c, target(SELF, 5, 7, 3));
    assert_int_equal(partition_admit(&p, 4, true), KAFKA_FENCED_LEADER_EPOCH);
    assert_int_equal(partition_admit(&p, 5, true), KAFKA_NONE);
    assert_int_equal(partition_admit(&p, 6, true), KAFKA_UNKNOWN_LEADER_EPOCH);
    apply(&p, c, target(2, 6, 8, 3));
    assert_int_equal(partition_admit(&p, -1, true), KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(partition_admit(&p, 6, false), KAFKA_NONE);
    assert_int_equal(partition_failed(&p), PARTITION_LEADERSHIP_MOVED);
    assert_int_equal(partition_admit(&p, 6, false), KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(apply(&p, c, target(SELF, 7, 9, 3)), 0);
    assert_int_equal(p.role, PARTITION_OFFLINE);
    partition_free(&p);
}

TEST(a_follower_learns_the_watermark_and_falls_only_by_truncation)
{
    struct cluster *c = cluster();
    struct partition p;
    partition_init(&p, 0, 10, 5, 1);
    assert_int_equal(apply(&p, c, target(2, 1, 1, 3)),
                     PARTITION_LEADERSHIP_MOVED | PARTITION_FOLLOW);
    assert_int_equal(p.high_watermark, 5);
    assert_int_equal(partition_followed(&p, 20, 15), PARTITION_HIGH_WATERMARK_MOVED);
    assert_int_equal(partition_followed(&p, 20, 3), 0); /* a new leader that does not know it yet */
    assert_int_equal(p.high_watermark, 15);
    assert_int_equal(partition_followed(&p, 25, 99), PARTITION_HIGH_WATERMARK_MOVED);
    assert_int_equal(p.high_watermark, 25);
    assert_int_equal(partition_truncated(&p, 0, 12), PARTITION_HIGH_WATERMARK_MOVED);
    assert_int_equal(p.high_watermark, 12);
    assert_int_equal(apply(&p, c, target(2, 1, 2, 2)), 0); /* same leadership: go on fetching */
    partition_free(&p);
}

TEST(low_watermark_waits_for_live_replicas_only)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 3, 1);
    fetch_at(&p, c, 2, 10);
    fetch_at(&p, c, 3, 10);
    assert_int_equal(partition_log_start_moved(&p, 6), PARTITION_LOW_WATERMARK_MOVED);
    assert_int_equal(partition_low_watermark(&p, &c->world), 0);
    struct follower_fetch f = {
        .broker_id = 2, .broker_epoch = 102, .fetch_offset = 10, .log_start_offset = 6};
    assert_true(partition_follower_fetched(&p, &c->world, &f) & PARTITION_LOW_WATERMARK_MOVED);
    assert_int_equal(partition_low_watermark(&p, &c->world), 0);
    c->brokers[3].fenced = true;
    assert_int_equal(partition_low_watermark(&p, &c->world), 6);
    partition_free(&p);
}

TEST(an_unclean_leader_reports_its_recovery)
{
    struct cluster *c = cluster();
    struct partition p;
    partition_init(&p, 0, 0, 0, 1);
    struct partition_target t = target(SELF, 0, 0, 1);
    t.replicas_count = 1;
    t.recovering = true;
    apply(&p, c, t);
    assert_int_equal(partition_tick(&p, &c->world), PARTITION_PROPOSE);
    struct partition_committed taken = {0, 1, one_and_two, 1, false};
    partition_proposal_taken(&p, &c->world, &taken);
    assert_int_equal(partition_tick(&p, &c->world), 0);
    partition_free(&p);
}

TEST(a_leader_is_deserted_when_one_that_may_be_elected_is_not_heard_of)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 2, 2); /* 3 is not in sync */
    c->last_fetch = (struct mono_time){INT64_MIN / 4};
    fetch_at(&p, c, 2, 10);
    assert_false(partition_is_deserted(&p, &c->world, 5000)); /* 3 cannot be elected */
    pass_ms(c, 5000);
    assert_false(partition_is_deserted(&p, &c->world, 5000));
    pass_ms(c, 1);
    assert_true(partition_is_deserted(&p, &c->world, 5000));
    c->last_fetch = c->world.now; /* of other partitions */
    assert_false(partition_is_deserted(&p, &c->world, 5000));
    partition_free(&p);
}

TEST(below_min_isr_any_replica_may_be_elected)
{
    struct cluster *c = cluster();
    struct partition p = leader_of_three(c, 1, 2);
    c->last_fetch = (struct mono_time){INT64_MIN / 4};
    assert_true(
        partition_is_deserted(&p, &c->world, 5000)); /* an eligible leader replica (KIP-966) */
    partition_set_isr_min(&p, &c->world, 1);
    assert_false(partition_is_deserted(&p, &c->world, 5000));
    apply(&p, c, target(2, 6, 8, 2));
    assert_false(partition_is_deserted(&p, &c->world, 5000)); /* leads nothing */
    partition_free(&p);
}
