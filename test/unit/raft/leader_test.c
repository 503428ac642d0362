/* A leader, one rule a test (kraft.md 2.5 to 2.8): node 0 is real, the others are spoken for. */
#include "raft_world.h"
#include "test.h"

static struct node *first(struct world *w)
{
    return &w->nodes[0];
}

/* Node 0 leads `voters` in epoch 1; its LeaderChange is at offset 0, or behind 0-0's voters. */
static struct world *led(int32_t voters, bool dynamic)
{
    struct world *w = world_alone(voters, dynamic);
    node_lead(first(w));
    node_sync(first(w));
    return w;
}

static void later(struct world *w, int64_t ms)
{
    w->now_ms += ms;
    node_tick(first(w));
}

/* ---- the high watermark ---- */

TEST(the_high_watermark_needs_a_majority_beyond_the_start_of_the_epoch)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    assert_int_equal(raft_epoch_start(n->raft), 0);
    assert_int_equal(raft_high_watermark(n->raft), -1);
    node_append(n, 4);
    assert_int_equal(node_fetched_by(n, 1, 0).high_watermark, -1);
    struct raft_fetch_answer a = node_fetched_by(n, 1, 3);
    assert_int_equal(a.high_watermark, 3);
    assert_int_equal(a.read_end, 5);
    assert_int_equal(node_fetched_by(n, 2, 5).high_watermark, 5);
    assert_int_equal(raft_high_watermark(n->raft), 5);
    world_free(w);
}

TEST(records_of_earlier_epochs_commit_with_the_first_of_this_one)
{
    struct world *w = world_new(7);
    w->puppets = true;
    for (int32_t i = 0; i < 3; i++) world_add(w, i, true, 1);
    world_static(w, 3);
    node_preload(first(w), 2, 6);
    node_start(first(w));
    struct node *n = first(w);
    node_lead(n);
    assert_int_equal(raft_epoch_start(n->raft), 6);
    /* All of what the majority holds is of epoch 2: nothing counts. */
    assert_int_equal(node_fetched_by(n, 1, 6).high_watermark, -1);
    assert_int_equal(node_fetched_by(n, 2, 6).high_watermark, -1);
    assert_int_equal(raft_high_watermark(n->raft), -1);
    assert_int_equal(node_fetched_by(n, 1, 7).high_watermark, 7);
    world_free(w);
}

TEST(the_leaders_own_records_count_when_they_are_durable)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    w->sync_ms_max = 1000; /* node_append begins a sync and does not end it */
    node_append(n, 4);
    node_fetched_by(n, 1, 5);
    assert_int_equal(raft_high_watermark(n->raft), 1);
    node_fetched_by(n, 2, 4); /* two followers are a majority without it */
    assert_int_equal(raft_high_watermark(n->raft), 4);
    node_sync(n);
    assert_int_equal(raft_high_watermark(n->raft), 5);
    world_free(w);
}

TEST(observers_do_not_count_for_the_high_watermark)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    node_fetched_by(n, 3, 1);
    assert_int_equal(raft_high_watermark(n->raft), -1);
    node_fetched_by(n, 2, 1);
    assert_int_equal(raft_high_watermark(n->raft), 1);
    world_free(w);
}

TEST(the_high_watermark_of_even_sets_needs_more_than_half)
{
    struct world *w = led(4, false);
    struct node *n = first(w);
    node_fetched_by(n, 1, 1);
    assert_int_equal(raft_high_watermark(n->raft), -1);
    node_fetched_by(n, 3, 1);
    assert_int_equal(raft_high_watermark(n->raft), 1);
    world_free(w);
}

TEST(a_follower_that_goes_back_does_not_take_the_high_watermark_along)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    node_append(n, 4);
    node_fetched_by(n, 1, 5);
    assert_int_equal(raft_high_watermark(n->raft), 5);
    assert_int_equal(node_fetched_by(n, 1, 2).high_watermark, 5);
    world_free(w);
}

TEST(a_new_leader_tells_no_high_watermark_but_keeps_what_it_knew_to_itself)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    assert_int_equal(node_follow(n, 1, 1), KAFKA_NONE);
    const struct raft_message *m = node_message(n, RAFT_FETCH, 1);
    assert_int_equal(node_answered(n, m, node_good_answer(n)), RAFT_APPEND);
    for (int i = 0; i < 5; i++)
        disk_append(&n->disk, (struct record){.epoch = 1, .value = ++w->last_value});
    raft_fetched(n->raft, w->now_ms, 5);
    node_sync(n);
    assert_int_equal(raft_high_watermark(n->raft), 5);
    node_lead(n);
    assert_int_equal(raft_high_watermark(n->raft), 5);
    assert_int_equal(node_fetched_by(n, 2, 5).high_watermark, -1);
    assert_int_equal(node_fetched_by(n, 2, 6).high_watermark, 6);
    world_free(w);
}

/* ---- fetches ---- */

static struct raft_fetch_request fetch_of(struct world *w, int32_t replica, int64_t offset,
                                          int32_t last_epoch)
{
    return (struct raft_fetch_request){.replica = node_key(&w->nodes[replica]),
                                       .current_epoch = raft_epoch(first(w)->raft),
                                       .offset = offset,
                                       .last_epoch = last_epoch,
                                       .high_watermark = -1};
}

static struct raft_fetch_answer fetch(struct world *w, const struct raft_fetch_request *rq)
{
    struct raft_fetch_answer a;
    raft_handle_fetch(first(w)->raft, w->now_ms, rq, false, &a);
    node_settle(first(w));
    return a;
}

TEST(fetches_of_another_epoch_or_at_no_leader_are_refused)
{
    struct world *w = led(3, false);
    struct raft_fetch_request rq = fetch_of(w, 1, 0, 0);
    rq.current_epoch = 0;
    assert_int_equal(fetch(w, &rq).error, KAFKA_FENCED_LEADER_EPOCH);
    rq.current_epoch = 2;
    assert_int_equal(fetch(w, &rq).error, KAFKA_UNKNOWN_LEADER_EPOCH);
    assert_int_equal(node_follow(first(w), 1, 2), KAFKA_NONE);
    struct raft_fetch_answer a = fetch(w, &rq);
    assert_int_equal(a.error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_true(a.at_once && a.high_watermark == -1 && a.read_end == 0);
    world_free(w);
}

TEST(malformed_fetches_are_invalid)
{
    struct world *w = led(3, false);
    struct raft_fetch_request rq = fetch_of(w, 1, -1, 0);
    assert_int_equal(fetch(w, &rq).error, KAFKA_INVALID_REQUEST);
    rq = fetch_of(w, 1, 0, -1);
    assert_int_equal(fetch(w, &rq).error, KAFKA_INVALID_REQUEST);
    rq = fetch_of(w, 1, 0, 2); /* a log of a later epoch than it knows */
    assert_int_equal(fetch(w, &rq).error, KAFKA_INVALID_REQUEST);
    world_free(w);
}

TEST(a_fetch_under_the_leaders_own_id_is_refused_and_counts_for_nothing)
{
    struct world *w = led(3, false);
    struct raft_fetch_request rq = fetch_of(w, 0, 1, 1);
    rq.replica.directory_id.bytes[15] = 9;
    assert_int_equal(fetch(w, &rq).error, KAFKA_UNKNOWN_SERVER_ERROR);
    assert_int_equal(
        raft_handle_fetch_snapshot(first(w)->raft, w->now_ms, rq.replica, rq.current_epoch),
        KAFKA_UNKNOWN_SERVER_ERROR);
    assert_int_equal(raft_high_watermark(first(w)->raft), -1);
    world_free(w);
}

TEST(a_fetch_waits_unless_the_high_watermark_is_news_to_it)
{
    struct world *w = led(3, false);
    struct raft_fetch_request rq = fetch_of(w, 1, 1, 1);
    assert_true(fetch(w, &rq).at_once); /* it is the fetch that commits */
    rq.high_watermark = 1;
    assert_false(fetch(w, &rq).at_once);
    rq.high_watermark = INT64_MAX; /* an older version, that does not say */
    assert_false(fetch(w, &rq).at_once);
    world_free(w);
}

TEST(looking_at_a_parked_fetch_again_acknowledges_nothing)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    struct raft_fetch_request rq = fetch_of(w, 1, 1, 1);
    struct raft_fetch_answer a;
    raft_handle_fetch(n->raft, w->now_ms, &rq, true, &a);
    assert_int_equal(raft_high_watermark(n->raft), -1);
    assert_int_equal(a.error, KAFKA_NONE);
    world_free(w);
}

TEST(a_consumer_reads_what_has_committed)
{
    struct world *w = led(3, false);
    struct raft_fetch_request rq = {{.id = -1}, -1, 0, -1, INT64_MAX};
    assert_int_equal(fetch(w, &rq).read_end, 0);
    node_append(first(w), 3);
    node_fetched_by(first(w), 1, 2);
    struct raft_fetch_answer a = fetch(w, &rq);
    assert_int_equal(a.error, KAFKA_NONE);
    assert_int_equal(a.read_end, 2);
    rq.offset = 100;
    assert_int_equal(fetch(w, &rq).error, KAFKA_OFFSET_OUT_OF_RANGE);
    world_free(w);
}

/* ---- divergence (kraft.md 2.7): epochs 1 (0…4), 3 (5…9), and 4 from 10 ---- */

static struct world *with_history(void)
{
    struct world *w = world_new(7);
    w->puppets = true;
    for (int32_t i = 0; i < 3; i++) world_add(w, i, true, 1);
    world_static(w, 3);
    node_preload(first(w), 1, 5);
    node_preload(first(w), 3, 5);
    node_start(first(w));
    node_lead(first(w));
    assert_int_equal(raft_epoch(first(w)->raft), 4);
    return w;
}

TEST(a_log_that_begins_is_a_prefix_of_every_log)
{
    struct world *w = with_history();
    struct raft_fetch_request rq = fetch_of(w, 1, 0, 0);
    struct raft_fetch_answer a = fetch(w, &rq);
    assert_true(a.diverging.epoch == -1 && a.snapshot.end_offset == -1 && a.read_end == 11);
    world_free(w);
}

TEST(an_end_within_the_epoch_it_names_is_valid)
{
    struct world *w = with_history();
    struct raft_fetch_request rq = fetch_of(w, 1, 5, 1);
    assert_int_equal(fetch(w, &rq).diverging.epoch, -1);
    rq = fetch_of(w, 1, 8, 3);
    assert_int_equal(fetch(w, &rq).diverging.epoch, -1);
    world_free(w);
}

TEST(an_end_beyond_the_epoch_it_names_diverges_where_that_epoch_ends)
{
    struct world *w = with_history();
    struct raft_fetch_request rq = fetch_of(w, 1, 7, 1);
    struct raft_fetch_answer a = fetch(w, &rq);
    assert_int_equal(a.diverging.epoch, 1);
    assert_int_equal(a.diverging.end_offset, 5);
    assert_true(a.at_once && a.read_end == 7);
    assert_int_equal(raft_high_watermark(first(w)->raft), -1);
    world_free(w);
}

TEST(an_epoch_the_leader_never_had_diverges_at_the_one_before)
{
    struct world *w = with_history();
    struct raft_fetch_request rq = fetch_of(w, 1, 6, 2);
    struct raft_fetch_answer a = fetch(w, &rq);
    assert_int_equal(a.diverging.epoch, 1);
    assert_int_equal(a.diverging.end_offset, 5);
    world_free(w);
}

TEST(behind_the_start_of_the_log_there_is_the_newest_snapshot)
{
    struct world *w = with_history();
    struct node *n = first(w);
    node_fetched_by(n, 1, 11);
    node_snapshot(n, 7, true);
    node_snapshot(n, 9, false);
    static const struct {
        int64_t offset;
        int32_t epoch;
        bool snapshot;
    } rows[] = {
        {0, 0, true},  /* nothing at all */
        {5, 1, true},  /* below the start */
        {7, 1, true},  /* at the start, of another epoch than the snapshot */
        {7, 3, false}, /* at the start */
        {9, 1, true},  /* an epoch before the snapshot's */
        {9, 3, false}, {11, 4, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct raft_fetch_request rq = fetch_of(w, 2, rows[i].offset, rows[i].epoch);
        struct raft_fetch_answer a = fetch(w, &rq);
        assert_int_equal(a.snapshot.end_offset, rows[i].snapshot ? 9 : -1);
        assert_int_equal(a.snapshot.epoch, rows[i].snapshot ? 3 : -1);
        assert_int_equal(a.diverging.epoch, -1);
    }
    /* Offset 0 gets a snapshot even while the log still begins there. */
    world_free(w);
}

TEST(offset_zero_gets_a_snapshot_though_the_log_begins_there)
{
    struct world *w = with_history();
    struct node *n = first(w);
    node_fetched_by(n, 1, 11);
    node_snapshot(n, 7, false);
    struct raft_fetch_request rq = fetch_of(w, 2, 0, 0);
    assert_int_equal(fetch(w, &rq).snapshot.end_offset, 7);
    world_free(w);
}

TEST(an_epoch_at_the_start_of_a_trimmed_log_diverges_at_the_snapshot)
{
    struct world *w = with_history();
    struct node *n = first(w);
    node_fetched_by(n, 1, 11);
    node_snapshot(n, 10, true); /* what is left is of epoch 4 */
    struct raft_fetch_request rq = fetch_of(w, 2, 11, 3);
    struct raft_fetch_answer a = fetch(w, &rq);
    assert_int_equal(a.diverging.epoch, 3);
    assert_int_equal(a.diverging.end_offset, 10);
    world_free(w);
}

/* ---- check-quorum ---- */

TEST(a_leader_that_no_majority_fetches_from_resigns)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    later(w, 2990);
    assert_int_equal(raft_role(n->raft), RAFT_LEADER);
    later(w, 10);
    assert_int_equal(raft_role(n->raft), RAFT_RESIGNED);
    assert_int_equal(raft_leader(n->raft), 0);
    world_free(w);
}

TEST(a_majority_that_fetches_restarts_check_quorum)
{
    struct world *w = led(5, false);
    struct node *n = first(w);
    for (int i = 0; i < 5; i++) {
        later(w, 1400);
        node_fetched_by(n, 1, 0);
        later(w, 1400);
        raft_handle_fetch_snapshot(n->raft, w->now_ms, node_key(&w->nodes[2]), 1);
        assert_int_equal(raft_role(n->raft), RAFT_LEADER);
    }
    later(w, 1500);
    node_fetched_by(n, 1, 0); /* one of four is not enough, nor is an observer */
    node_fetched_by(n, 1, 0);
    node_fetched_by(n, 5, 0);
    later(w, 1500);
    assert_int_equal(raft_role(n->raft), RAFT_RESIGNED);
    world_free(w);
}

TEST(one_voter_needs_nobody)
{
    struct world *w = led(1, false);
    later(w, 1000000);
    assert_int_equal(raft_role(first(w)->raft), RAFT_LEADER);
    assert_int_equal(raft_deadline(first(w)->raft), INT64_MAX);
    world_free(w);
}

/* ---- BeginQuorumEpoch ---- */

TEST(a_new_leader_tells_every_voter_and_later_only_those_that_do_not_fetch)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    const struct raft_message *m = node_message(n, RAFT_BEGIN_QUORUM_EPOCH, 1);
    assert_true(m && m->epoch == 1 && m->target.id == 1);
    node_answered(n, m, node_good_answer(n));
    m = node_message(n, RAFT_BEGIN_QUORUM_EPOCH, 2);
    node_answered(n, m, node_good_answer(n));
    assert_null(node_message(n, RAFT_BEGIN_QUORUM_EPOCH, -2));
    later(w, 900);
    assert_null(node_message(n, RAFT_BEGIN_QUORUM_EPOCH, -2));
    node_fetched_by(n, 2, 0);
    later(w, 100);
    assert_non_null(node_message(n, RAFT_BEGIN_QUORUM_EPOCH, 1));
    assert_null(node_message(n, RAFT_BEGIN_QUORUM_EPOCH, -2));
    world_free(w);
}

TEST(one_begin_quorum_epoch_is_in_flight_to_a_voter)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    assert_non_null(node_message(n, RAFT_BEGIN_QUORUM_EPOCH, 1));
    later(w, 1000);
    assert_null(node_message(n, RAFT_BEGIN_QUORUM_EPOCH, 1));
    later(w, 1000); /* it has timed out */
    assert_non_null(node_message(n, RAFT_BEGIN_QUORUM_EPOCH, 1));
    world_free(w);
}

TEST(a_voter_that_knows_a_later_epoch_ends_a_leadership)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    struct raft_answer a = node_good_answer(n);
    a.error = KAFKA_FENCED_LEADER_EPOCH;
    a.current = (struct raft_leader_hint){2, 5, STR_NULL, 0};
    node_answered(n, node_message(n, RAFT_BEGIN_QUORUM_EPOCH, 1), a);
    assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
    assert_int_equal(raft_leader(n->raft), 2);
    assert_int_equal(raft_epoch(n->raft), 5);
    world_free(w);
}

/* ---- resigning ---- */

TEST(a_resigned_leader_tells_successors_best_first_until_they_acknowledge)
{
    struct world *w = led(4, false);
    struct node *n = first(w);
    node_append(n, 3);
    node_fetched_by(n, 1, 1);
    node_fetched_by(n, 3, 4);
    raft_resign(n->raft, w->now_ms, 0); /* another epoch's */
    assert_int_equal(raft_role(n->raft), RAFT_LEADER);
    raft_resign(n->raft, w->now_ms, 1);
    node_settle(n);
    const struct raft_message *m = node_message(n, RAFT_END_QUORUM_EPOCH, 1);
    assert_int_equal(m->preferred_count, 3);
    assert_int_equal(m->preferred[0].id, 3);
    assert_int_equal(m->preferred[1].id, 1);
    assert_int_equal(m->preferred[2].id, 2);
    node_answered(n, m, node_good_answer(n));
    raft_unanswered(n->raft, w->now_ms, node_message(n, RAFT_END_QUORUM_EPOCH, 2)->token, false);
    later(w, 20);
    assert_null(node_message(n, RAFT_END_QUORUM_EPOCH, 1));
    assert_non_null(node_message(n, RAFT_END_QUORUM_EPOCH, 2));
    world_free(w);
}

TEST(after_one_election_time_a_resigned_node_is_unattached_one_epoch_later)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    raft_resign(n->raft, w->now_ms, 1);
    node_settle(n);
    int64_t resigned = w->now_ms;
    node_time_out(n);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    assert_int_equal(raft_epoch(n->raft), 2);
    assert_in_range(w->now_ms - resigned, 1000, 2010);
    world_free(w);
}

TEST(a_resigned_node_answers_fetches_as_no_leader_and_follows_a_newer_one)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    raft_resign(n->raft, w->now_ms, 1);
    node_settle(n);
    assert_int_equal(node_fetched_by(n, 1, 0).error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(node_follow(n, 2, 2), KAFKA_NONE);
    assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
    world_free(w);
}

TEST(a_leader_that_shuts_down_resigns_and_stops_when_another_leads)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    raft_shutdown(n->raft, w->now_ms, 5000);
    node_settle(n);
    assert_int_equal(raft_role(n->raft), RAFT_RESIGNED);
    assert_false(n->last.may_stop);
    later(w, 4000); /* no election of its own meanwhile */
    assert_int_equal(raft_role(n->raft), RAFT_RESIGNED);
    assert_int_equal(node_follow(n, 1, 2), KAFKA_NONE);
    node_tick(n);
    assert_true(n->last.may_stop);
    world_free(w);
}

TEST(a_shutdown_ends_after_its_time_at_the_latest)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    raft_shutdown(n->raft, w->now_ms, 5000);
    node_settle(n);
    later(w, 4999);
    assert_false(n->last.may_stop);
    assert_true(raft_deadline(n->raft) <= w->now_ms + 1);
    later(w, 1);
    assert_true(n->last.may_stop);
    node_forget(n);
    later(w, 1000);
    assert_false(n->last.may_stop);
    world_free(w);
}

TEST(followers_observers_and_the_only_voter_stop_at_once)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    assert_int_equal(node_follow(n, 1, 2), KAFKA_NONE);
    raft_shutdown(n->raft, w->now_ms, 5000);
    node_settle(n);
    assert_true(n->last.may_stop);
    world_free(w);
    w = led(1, false);
    raft_shutdown(first(w)->raft, w->now_ms, 5000);
    node_settle(first(w));
    assert_true(first(w)->last.may_stop);
    assert_int_equal(node_fetched_by(first(w), 1, 0).error, KAFKA_BROKER_NOT_AVAILABLE);
    world_free(w);
}

/* ---- DescribeQuorum ---- */

TEST(progress_tells_what_each_replica_has_and_when_it_was_caught_up)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    struct arena arena;
    arena_init(&arena, 0);
    struct raft_progress *p;
    assert_int_equal(raft_describe(n->raft, w->now_ms, &arena, &p), 3);
    assert_true(p[0].replica.id == 0 && p[0].end_offset == 1 && p[0].last_fetch_ms == w->now_ms);
    assert_true(p[1].replica.id == 1 && p[1].end_offset == -1 && p[1].last_fetch_ms == -1);
    int64_t asked = w->now_ms;
    node_fetched_by(n, 1, 0); /* not there yet */
    node_fetched_by(n, 3, 1);
    later(w, 100);
    node_append(n, 1);
    node_fetched_by(n, 1, 1); /* as far as the log went when it asked before */
    assert_int_equal(raft_describe(n->raft, w->now_ms, &arena, &p), 4);
    assert_int_equal(p[1].last_caught_up_ms, asked);
    assert_int_equal(p[1].last_fetch_ms, asked + 100);
    assert_int_equal(p[1].end_offset, 1);
    assert_true(p[3].replica.id == 3 && !p[3].is_voter && p[3].last_caught_up_ms == asked);
    assert_int_equal(raft_describe(n->raft, asked + 300000, &arena, &p), 3);
    arena_free(&arena);
    world_free(w);
}

TEST(observers_are_bounded_and_the_one_longest_silent_gives_way)
{
    struct world *w = led(3, false);
    struct node *n = first(w);
    struct arena arena;
    arena_init(&arena, 0);
    struct raft_progress *p;
    for (int32_t i = 0; i <= 4096; i++) {
        struct raft_fetch_request rq = fetch_of(w, 3, 0, 0);
        rq.replica.id = 100 + i;
        w->now_ms++;
        struct raft_fetch_answer a;
        raft_handle_fetch(n->raft, w->now_ms, &rq, false, &a);
    }
    assert_int_equal(raft_describe(n->raft, w->now_ms, &arena, &p), 3 + 4096);
    for (int32_t i = 3; i < 3 + 4096; i++) assert_true(p[i].replica.id != 100);
    arena_free(&arena);
    world_free(w);
}

/* ---- what a leader writes first ---- */

TEST(a_fresh_dynamic_quorum_begins_with_leader_change_version_and_voters)
{
    struct world *w = led(3, true);
    const struct disk *d = &first(w)->disk;
    assert_int_equal(disk_end(d), 3);
    assert_int_equal(d->records[0].kind, RECORD_LEADER_CHANGE);
    assert_int_equal(d->records[1].kind, RECORD_VERSION);
    assert_int_equal(d->records[2].kind, RECORD_VOTERS);
    assert_int_equal(d->records[2].voters->record.voters_count, 3);
    world_free(w);
}

TEST(voters_that_the_log_has_and_that_are_right_are_not_written_again)
{
    struct world *w = led(1, true);
    struct node *n = first(w);
    assert_int_equal(disk_end(&n->disk), 3);
    node_restart(n);
    node_lead(n);
    assert_int_equal(disk_end(&n->disk), 4);
    world_free(w);
}

TEST(a_leader_whose_own_entry_is_wrong_writes_the_voters)
{
    struct world *w = world_alone(3, true);
    struct node *n = first(w);
    node_crash(n);
    struct arena arena;
    arena_init(&arena, 0);
    struct voters_record_voter moved = world_entry(n, &arena);
    moved.endpoints[0].port = 1;
    struct voter_set *set = voter_set_copy(&n->disk.bootstrap->record, NULL, &moved);
    disk_append(&n->disk, (struct record){1, RECORD_VERSION, 1, NULL});
    disk_append(&n->disk, (struct record){1, RECORD_VOTERS, 1, set});
    node_start(n);
    node_lead(n);
    assert_int_equal(disk_end(&n->disk), 5);
    assert_int_equal(voters_find(raft_voters(n->raft), 0)->endpoints[0].port, 9093);
    voter_set_free(set);
    arena_free(&arena);
    world_free(w);
}
