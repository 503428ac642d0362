/* Elections, one rule a test (kraft.md 2.3 and 2.4): node 0 is real, 1 and 2 are spoken for. */
#include "raft_world.h"
#include "raft/internal.h"
#include "test.h"

static struct node *first(struct world *w)
{
    return &w->nodes[0];
}

/* A world whose node 0 holds `records` of epoch 1 and has not begun. */
static struct world *with_log(int32_t voters, int32_t records)
{
    struct world *w = world_new(7);
    w->puppets = true;
    for (int32_t i = 0; i <= voters; i++) world_add(w, i, true, 1);
    world_static(w, voters);
    node_preload(first(w), 1, records);
    node_start(first(w));
    return w;
}

/* Whether this vote is granted; what the world cannot ask for by candidate and epoch alone. */
static bool grants(struct node *n, const struct raft_vote_request *rq)
{
    bool granted;
    assert_ok(raft_handle_vote(n->raft, n->world->now_ms, rq, &granted));
    return granted;
}

/* A candidate, by the pre-vote of node 1. */
static void stand(struct node *n)
{
    node_time_out(n);
    struct raft_answer answer = node_good_answer(n);
    answer.granted = true;
    node_answered(n, node_message(n, RAFT_VOTE, 1), answer);
    assert_int_equal(raft_role(n->raft), RAFT_CANDIDATE);
}

static void fetch_well(struct node *n)
{
    const struct raft_message *m = node_message(n, RAFT_FETCH, 1);
    struct raft_answer answer = node_good_answer(n);
    assert_int_equal(node_answered(n, m, answer), RAFT_APPEND);
    raft_fetched(n->raft, n->world->now_ms, -1);
    node_settle(n);
}

TEST(a_voter_without_leader_asks_for_pre_votes_after_its_election_timer)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    int64_t began = w->now_ms;
    node_time_out(n);
    assert_int_equal(raft_role(n->raft), RAFT_PROSPECTIVE);
    assert_in_range(w->now_ms - began, 1000, 2010);
    const struct raft_message *m = node_message(n, RAFT_VOTE, 1);
    assert_true(m && m->pre_vote && m->epoch == 0 && m->target.id == 1);
    m = node_message(n, RAFT_VOTE, 2);
    assert_true(m && m->pre_vote);
    assert_null(node_message(n, RAFT_VOTE, -2));
    assert_int_equal(n->persists, 0);
    world_free(w);
}

TEST(a_pre_vote_majority_makes_a_candidate_that_voted_for_itself_durably)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    stand(n);
    assert_int_equal(n->disk.state.epoch, 1);
    assert_int_equal(n->disk.state.voted.id, 0);
    assert_true(uuid_equal(n->disk.state.voted.directory_id, n->directory));
    /* The other pre-vote, still under way, is forgotten; both are asked for their votes. */
    const struct raft_message *m = node_message(n, RAFT_VOTE, 1);
    assert_true(m && !m->pre_vote && m->epoch == 1);
    world_free(w);
}

TEST(a_vote_majority_makes_a_leader_that_names_who_granted)
{
    struct world *w = world_alone(5, false);
    struct node *n = first(w);
    node_lead(n);
    assert_int_equal(raft_epoch(n->raft), 1);
    assert_int_equal(n->disk.state.leader_id, 0);
    assert_int_equal(n->appended_at_leader_change, 0);
    assert_int_equal(n->granting_count, 3);
    world_free(w);
}

TEST(an_answer_to_a_message_of_an_earlier_role_is_ignored)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    node_time_out(n);
    uint32_t stale = node_message(n, RAFT_VOTE, 1)->token;
    assert_int_equal(node_follow(n, 1, 3), KAFKA_NONE);
    struct raft_answer answer = node_good_answer(n);
    answer.granted = true;
    raft_answered(n->raft, w->now_ms, stale, &answer);
    node_settle(n);
    assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
    world_free(w);
}

TEST(an_unattached_voter_grants_pre_votes_to_whoever_is_up_to_date_and_keeps_no_record)
{
    struct world *w = with_log(3, 4);
    struct node *n = first(w);
    assert_true(node_votes(n, 1, 1, true));
    assert_true(node_votes(n, 2, 1, true));
    struct raft_vote_request rq = world_vote(n, 1, 1, true);
    rq.last_offset = 3;
    assert_false(grants(n, &rq));
    assert_int_equal(raft_persistent(n->raft).voted.id, -1);
    world_free(w);
}

TEST(logs_are_compared_by_epoch_before_offset)
{
    struct world *w = with_log(3, 4);
    struct node *n = first(w);
    struct raft_vote_request rq = world_vote(n, 1, 5, true);
    rq.last_epoch = 2;
    rq.last_offset = 1;
    assert_true(grants(n, &rq));
    rq.last_epoch = 0;
    rq.last_offset = 100;
    assert_false(grants(n, &rq));
    world_free(w);
}

TEST(one_vote_an_epoch_for_one_id_and_directory)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    assert_true(node_votes(n, 1, 2, false));
    assert_int_equal(n->disk.state.voted.id, 1);
    assert_true(node_votes(n, 1, 2, false)); /* it may not have heard */
    assert_false(node_votes(n, 2, 2, false));
    struct raft_vote_request rq = world_vote(n, 1, 2, false);
    rq.candidate.directory_id.bytes[15] = 99;
    assert_false(grants(n, &rq));
    assert_true(node_votes(n, 2, 3, false)); /* another epoch, another vote */
    world_free(w);
}

TEST(a_vote_recorded_without_directory_is_for_the_id)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    struct raft_vote_request rq = world_vote(n, 1, 2, false);
    rq.candidate.directory_id = UUID_ZERO;
    bool granted;
    assert_ok(raft_handle_vote(n->raft, w->now_ms, &rq, &granted));
    node_settle(n);
    assert_true(granted);
    assert_true(node_votes(n, 1, 2, false));
    assert_false(node_votes(n, 2, 2, false));
    world_free(w);
}

TEST(a_vote_survives_a_restart)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    assert_true(node_votes(n, 1, 2, false));
    node_restart(n);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    assert_false(node_votes(n, 2, 2, false));
    assert_true(node_votes(n, 1, 2, false));
    world_free(w);
}

TEST(a_vote_survives_becoming_prospective_and_unattached_again)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    assert_true(node_votes(n, 1, 2, false));
    node_time_out(n);
    assert_int_equal(raft_role(n->raft), RAFT_PROSPECTIVE);
    assert_false(node_votes(n, 2, 2, false));
    assert_true(node_votes(n, 1, 2, false));
    node_time_out(n); /* nobody answered */
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    assert_int_equal(raft_epoch(n->raft), 2);
    assert_false(node_votes(n, 2, 2, false));
    world_free(w);
}

TEST(a_vote_survives_following_and_losing_a_leader_of_the_same_epoch)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    assert_true(node_votes(n, 1, 2, false));
    assert_int_equal(node_follow(n, 1, 2), KAFKA_NONE);
    assert_int_equal(n->disk.state.voted.id, 1);
    assert_false(node_votes(n, 1, 2, false)); /* a follower gives none */
    node_time_out(n);
    assert_int_equal(raft_role(n->raft), RAFT_PROSPECTIVE);
    assert_false(node_votes(n, 2, 2, false));
    world_free(w);
}

TEST(a_prospective_that_knows_a_leader_gives_no_vote_in_its_epoch)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    assert_int_equal(node_follow(n, 1, 2), KAFKA_NONE);
    node_time_out(n);
    assert_int_equal(raft_role(n->raft), RAFT_PROSPECTIVE);
    assert_true(node_votes(n, 2, 2, true));
    assert_false(node_votes(n, 2, 2, false));
    assert_true(node_votes(n, 2, 3, false));
    world_free(w);
}

TEST(a_prospective_that_votes_counts_its_own_pre_votes_anew)
{
    struct world *w = world_alone(5, false);
    struct node *n = first(w);
    node_time_out(n);
    struct raft_answer answer = node_good_answer(n);
    answer.granted = true;
    node_answered(n, node_message(n, RAFT_VOTE, 1), answer);
    assert_true(node_votes(n, 3, 0, true));
    /* Epoch 0 has no votes to give; in epoch 1 it is UNATTACHED first. */
    assert_true(node_votes(n, 3, 1, false));
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    node_time_out(n);
    assert_int_equal(raft_role(n->raft), RAFT_PROSPECTIVE);
    node_answered(n, node_message(n, RAFT_VOTE, 1), answer);
    assert_int_equal(raft_role(n->raft), RAFT_PROSPECTIVE);
    world_free(w);
}

TEST(a_follower_grants_pre_votes_only_until_its_leader_has_answered_a_fetch)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    assert_int_equal(node_follow(n, 1, 2), KAFKA_NONE);
    assert_true(node_votes(n, 2, 2, true));
    fetch_well(n);
    assert_false(node_votes(n, 2, 2, true));
    assert_false(node_votes(n, 2, 2, false));
    world_free(w);
}

/* The others have it among the voters, and without it they may be too few: its log does not say so
 * yet. */
TEST(a_follower_that_may_not_stand_grants_pre_votes_once_its_leader_is_silent_or_gone)
{
    for (int gone = 0; gone < 2; gone++) {
        struct world *w = world_new(7);
        w->puppets = true;
        for (int32_t i = 0; i < 4; i++) world_add(w, i, true, 1);
        world_static(w, 3);
        struct node *n = &w->nodes[3];
        node_start(n);
        assert_int_equal(node_follow(n, 1, 2), KAFKA_NONE);
        fetch_well(n);
        assert_false(node_votes(n, 2, 2, true));
        if (gone)
            raft_leader_lost(n->raft, w->now_ms, 1, 20);
        else
            w->now_ms += 2000; /* controller.quorum.fetch.timeout.ms */
        assert_true(node_votes(n, 2, 2, true));
        assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
        assert_false(node_votes(n, 2, 2, false));
        assert_true(node_votes(n, 2, 3, false));
        world_free(w);
    }
}

TEST(a_candidate_grants_pre_votes_and_no_vote)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    stand(n);
    assert_true(node_votes(n, 2, 1, true));
    assert_false(node_votes(n, 2, 1, false));
    world_free(w);
}

TEST(a_leader_grants_nothing)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    node_lead(n);
    assert_false(node_votes(n, 2, 1, true));
    struct raft_vote_request rq = world_vote(n, 2, 1, false);
    rq.last_epoch = 0;
    assert_false(grants(n, &rq));
    world_free(w);
}

TEST(a_resigned_leader_grants_pre_votes_and_no_vote_in_its_epoch)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    node_lead(n);
    raft_resign(n->raft, w->now_ms, 1);
    node_settle(n);
    assert_int_equal(raft_role(n->raft), RAFT_RESIGNED);
    assert_true(node_votes(n, 2, 1, true));
    struct raft_vote_request rq = world_vote(n, 2, 1, false);
    rq.last_epoch = 0;
    assert_false(grants(n, &rq));
    assert_true(node_votes(n, 2, 2, false));
    world_free(w);
}

TEST(a_higher_epoch_is_taken_over_even_from_a_pre_vote)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    node_lead(n);
    assert_true(node_votes(n, 2, 7, true));
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    assert_int_equal(n->disk.state.epoch, 7);
    assert_int_equal(n->disk.state.leader_id, -1);
    world_free(w);
}

TEST(an_epoch_far_ahead_of_all_that_elections_can_have_used_is_not_believed)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    bool granted;
    int32_t free = RAFT_EPOCH_FREE_MAX, leap = RAFT_EPOCH_LEAP_MAX;
    struct raft_vote_request rq = world_vote(n, 1, free + 1, false);
    assert_int_equal(raft_handle_vote(n->raft, w->now_ms, &rq, &granted), KAFKA_INVALID_REQUEST);
    rq.epoch = INT32_MAX;
    assert_int_equal(raft_handle_vote(n->raft, w->now_ms, &rq, &granted), KAFKA_INVALID_REQUEST);
    struct raft_leader_hint hint = {.leader_id = 2, .epoch = INT32_MAX, .host = STR("n2")};
    assert_int_equal(raft_handle_begin_epoch(n->raft, w->now_ms, &hint, node_key(n)),
                     KAFKA_INVALID_REQUEST);
    assert_int_equal(raft_handle_end_epoch(n->raft, w->now_ms, 2, INT32_MAX, NULL, 0),
                     KAFKA_INVALID_REQUEST);
    assert_int_equal(raft_epoch(n->raft), 0);
    assert_true(node_votes(n, 1, free, false)); /* at the bound */
    assert_true(node_votes(n, 2, free + leap, false));
    rq.epoch = free + 2 * leap + 1;
    assert_int_equal(raft_handle_vote(n->raft, w->now_ms, &rq, &granted), KAFKA_INVALID_REQUEST);
    assert_int_equal(raft_epoch(n->raft), free + leap);
    world_free(w);
}

TEST(a_leader_that_an_answer_names_in_an_epoch_far_ahead_is_not_believed)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    node_time_out(n);
    struct raft_answer answer = node_good_answer(n);
    answer.current =
        (struct raft_leader_hint){.leader_id = 2, .epoch = INT32_MAX, .host = STR("n2")};
    node_answered(n, node_message(n, RAFT_VOTE, 1), answer);
    assert_int_equal(raft_role(n->raft), RAFT_PROSPECTIVE);
    assert_int_equal(raft_epoch(n->raft), 0);
    world_free(w);
}

TEST(in_the_last_epoch_nobody_stands)
{
    struct world *w = world_new(7);
    w->puppets = true;
    for (int32_t i = 0; i < 3; i++) world_add(w, i, true, 1);
    world_static(w, 3);
    struct node *n = first(w);
    n->disk.state.epoch = INT32_MAX;
    node_start(n);
    for (int32_t i = 0; i < 3; i++) {
        node_time_out(n);
        if (raft_role(n->raft) != RAFT_PROSPECTIVE) continue;
        struct raft_answer answer = node_good_answer(n);
        answer.granted = true;
        node_answered(n, node_message(n, RAFT_VOTE, 1), answer);
        assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    }
    assert_int_equal(raft_epoch(n->raft), INT32_MAX);
    world_free(w);
}

TEST(a_granted_vote_restarts_the_election_timer)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    w->now_ms = raft_deadline(n->raft) > w->now_ms + 900 ? w->now_ms + 900 : w->now_ms;
    assert_true(node_votes(n, 1, 1, false));
    int64_t voted = w->now_ms;
    node_time_out(n);
    assert_in_range(w->now_ms - voted, 1000, 2010);
    world_free(w);
}

TEST(impossible_and_stale_votes_are_refused_with_kafkas_errors)
{
    struct world *w = with_log(3, 2);
    struct node *n = first(w);
    bool granted;
    struct raft_vote_request rq = world_vote(n, 1, 1, false);
    assert_int_equal(raft_handle_vote(n->raft, w->now_ms, &rq, &granted), KAFKA_INVALID_REQUEST);
    rq = world_vote(n, 1, 1, true); /* a pre-vote may be of the last epoch */
    assert_int_equal(raft_handle_vote(n->raft, w->now_ms, &rq, &granted), KAFKA_NONE);
    rq = world_vote(n, 1, 5, false);
    rq.last_offset = -1;
    assert_int_equal(raft_handle_vote(n->raft, w->now_ms, &rq, &granted), KAFKA_INVALID_REQUEST);
    rq = world_vote(n, 1, 5, false);
    rq.candidate.id = -1;
    assert_int_equal(raft_handle_vote(n->raft, w->now_ms, &rq, &granted), KAFKA_INVALID_REQUEST);
    assert_int_equal(raft_epoch(n->raft), 1);
    assert_int_equal(node_follow(n, 1, 6), KAFKA_NONE);
    rq = world_vote(n, 2, 5, false);
    assert_int_equal(raft_handle_vote(n->raft, w->now_ms, &rq, &granted),
                     KAFKA_FENCED_LEADER_EPOCH);
    world_free(w);
}

TEST(a_vote_meant_for_another_key_moves_the_epoch_but_is_refused)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    bool granted;
    struct raft_vote_request rq = world_vote(n, 1, 5, false);
    rq.target.directory_id.bytes[15] = 99;
    assert_int_equal(raft_handle_vote(n->raft, w->now_ms, &rq, &granted), KAFKA_INVALID_VOTER_KEY);
    assert_false(granted);
    assert_int_equal(raft_epoch(n->raft), 5);
    rq.target = (struct raft_replica){.id = 2};
    assert_int_equal(raft_handle_vote(n->raft, w->now_ms, &rq, &granted), KAFKA_INVALID_VOTER_KEY);
    rq.target = (struct raft_replica){.id = -1}; /* Vote v0 says none */
    assert_true(grants(n, &rq));
    world_free(w);
}

TEST(who_asks_and_who_is_asked_need_not_be_voters)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    assert_true(node_votes(n, 3, 1, false));
    world_free(w);
}

TEST(a_namesake_with_another_directory_gets_no_vote)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    struct raft_vote_request rq = world_vote(n, 1, 1, false);
    rq.candidate = (struct raft_replica){0, w->nodes[1].directory};
    assert_false(grants(n, &rq));
    world_free(w);
}

TEST(a_peer_without_pre_votes_makes_a_prospective_stand_at_once)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    node_time_out(n);
    raft_unsupported(n->raft, w->now_ms, node_message(n, RAFT_VOTE, 2)->token);
    node_settle(n);
    assert_int_equal(raft_role(n->raft), RAFT_CANDIDATE);
    assert_int_equal(raft_epoch(n->raft), 1);
    world_free(w);
}

TEST(a_lost_pre_vote_leads_back_to_the_leader_that_was_known)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    assert_int_equal(node_follow(n, 1, 2), KAFKA_NONE);
    node_time_out(n);
    node_answered(n, node_message(n, RAFT_VOTE, 1), node_good_answer(n));
    assert_int_equal(raft_role(n->raft), RAFT_PROSPECTIVE);
    node_answered(n, node_message(n, RAFT_VOTE, 2), node_good_answer(n));
    assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
    assert_int_equal(raft_leader(n->raft), 1);
    assert_int_equal(raft_epoch(n->raft), 2);
    world_free(w);
}

TEST(a_lost_pre_vote_without_leader_waits_a_new_election_time)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    node_time_out(n);
    node_answered(n, node_message(n, RAFT_VOTE, 1), node_good_answer(n));
    node_answered(n, node_message(n, RAFT_VOTE, 2), node_good_answer(n));
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    int64_t lost = w->now_ms;
    node_time_out(n);
    assert_in_range(w->now_ms - lost, 1000, 2010);
    world_free(w);
}

TEST(a_candidate_that_has_lost_waits_for_its_timer_and_asks_nobody)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    node_time_out(n);
    struct raft_answer answer = node_good_answer(n);
    answer.granted = true;
    node_answered(n, node_message(n, RAFT_VOTE, 1), answer);
    node_answered(n, node_message(n, RAFT_VOTE, 1), node_good_answer(n));
    node_answered(n, node_message(n, RAFT_VOTE, 2), node_good_answer(n));
    assert_int_equal(raft_role(n->raft), RAFT_CANDIDATE);
    w->now_ms += 100;
    node_tick(n);
    assert_null(node_message(n, RAFT_VOTE, -2));
    node_time_out(n);
    assert_int_equal(raft_role(n->raft), RAFT_PROSPECTIVE);
    assert_int_equal(raft_epoch(n->raft), 1);
    world_free(w);
}

TEST(who_did_not_answer_is_asked_again_after_the_backoff)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    node_time_out(n);
    raft_unanswered(n->raft, w->now_ms, node_message(n, RAFT_VOTE, 1)->token, false);
    node_settle(n);
    assert_null(node_message(n, RAFT_VOTE, 1));
    w->now_ms += 20;
    node_tick(n);
    assert_non_null(node_message(n, RAFT_VOTE, 1));
    world_free(w);
}

TEST(a_vote_that_cannot_be_written_is_not_given)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    n->no_space = true;
    assert_false(node_votes(n, 1, 4, false));
    assert_int_equal(raft_epoch(n->raft), 0);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    assert_true(node_votes(n, 2, 4, false));
    world_free(w);
}

TEST(who_cannot_write_its_own_vote_does_not_stand_and_tries_later)
{
    struct world *w = world_alone(1, false);
    struct node *n = first(w);
    node_crash(n);
    n->no_space = true;
    node_start(n);
    assert_int_equal(raft_role(n->raft), RAFT_RESIGNED);
    node_time_out(n);
    while (raft_role(n->raft) != RAFT_LEADER) node_time_out(n);
    world_free(w);
}

TEST(who_cannot_write_what_it_learns_is_quiet_for_an_election_time)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    node_lead(n);
    raft_resign(n->raft, w->now_ms, raft_epoch(n->raft));
    node_settle(n);
    struct raft_answer a = node_good_answer(n);
    a.error = KAFKA_FENCED_LEADER_EPOCH;
    a.current.leader_id = 1;
    a.current.epoch = raft_epoch(n->raft) + 1;
    for (int32_t i = 0; i < 3; i++) {
        const struct raft_message *m = node_message(n, RAFT_END_QUORUM_EPOCH, 1);
        assert_non_null(m);
        n->no_space = true;
        node_answered(n, m, a);
        node_forget(n);
        node_settle(n);
        assert_int_equal(raft_role(n->raft), RAFT_RESIGNED); /* of the epoch that is written */
        assert_null(node_message(n, RAFT_END_QUORUM_EPOCH, 1));
        assert_null(node_message(n, RAFT_END_QUORUM_EPOCH, 2));
        int64_t due = raft_deadline(n->raft);
        assert_true(due >= w->now_ms + 1000);
        w->now_ms = due;
        raft_unanswered(n->raft, w->now_ms, 0, false);
        node_settle(n);
    }
    node_answered(n, node_message(n, RAFT_END_QUORUM_EPOCH, 1), a);
    assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER); /* there is room again: at once */
    assert_non_null(node_message(n, RAFT_FETCH, 1));
    world_free(w);
}

TEST(roles_after_a_restart_are_what_quorum_state_says)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    /* Nothing known. */
    node_restart(n);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    /* It followed a voter. */
    assert_int_equal(node_follow(n, 1, 2), KAFKA_NONE);
    node_restart(n);
    assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
    assert_int_equal(raft_leader(n->raft), 1);
    assert_true(str_equal_z(raft_leader_address(n->raft).host, "n1"));
    /* It followed somebody whose address is not among the voters'. */
    assert_int_equal(node_follow(n, 3, 3), KAFKA_NONE);
    node_restart(n);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    assert_int_equal(raft_leader(n->raft), 3);
    assert_false(node_votes(n, 2, 3, false));
    /* It stood. */
    stand(n);
    node_restart(n);
    assert_int_equal(raft_role(n->raft), RAFT_CANDIDATE);
    assert_int_equal(raft_epoch(n->raft), 4);
    /* It led: it must neither lead nor vote in that epoch again. */
    struct raft_answer answer = node_good_answer(n);
    answer.granted = true;
    node_answered(n, node_message(n, RAFT_VOTE, 1), answer);
    assert_int_equal(raft_role(n->raft), RAFT_LEADER);
    node_restart(n);
    assert_int_equal(raft_role(n->raft), RAFT_RESIGNED);
    assert_int_equal(raft_epoch(n->raft), 4);
    node_time_out(n);
    assert_int_equal(raft_epoch(n->raft), 5);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    world_free(w);
}

TEST(a_log_of_a_later_epoch_than_quorum_state_gives_the_epoch)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    node_crash(n);
    node_preload(n, 9, 1);
    n->disk.state = (struct raft_state){3, 1, {2, UUID_ZERO}};
    node_start(n);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    assert_int_equal(raft_epoch(n->raft), 9);
    assert_int_equal(raft_leader(n->raft), -1);
    world_free(w);
}

TEST(a_lost_leader_sends_its_follower_to_an_election_within_the_stagger)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    assert_int_equal(node_follow(n, 1, 2), KAFKA_NONE);
    fetch_well(n);
    raft_leader_lost(n->raft, w->now_ms, 2, 0); /* another's end is nothing to it */
    node_tick(n);
    assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
    raft_leader_lost(n->raft, w->now_ms, 1, 50);
    assert_true(node_votes(n, 2, 2, true)); /* whoever is first may have its pre-vote */
    w->now_ms += 50;
    node_tick(n);
    assert_int_equal(raft_role(n->raft), RAFT_PROSPECTIVE);
    assert_int_equal(raft_epoch(n->raft), 2);
    world_free(w);
}

TEST(an_observer_never_stands)
{
    struct world *w = world_alone(3, false);
    node_crash(first(w));
    struct node *n = &w->nodes[3];
    node_start(n);
    assert_false(raft_is_voter(n->raft));
    for (int i = 0; i < 100; i++) {
        w->now_ms += 1000;
        node_tick(n);
        assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
        node_forget(n);
    }
    assert_int_equal(node_follow(n, 1, 2), KAFKA_NONE);
    raft_leader_lost(n->raft, w->now_ms, 1, 0);
    for (int i = 0; i < 100; i++) {
        w->now_ms += 1000;
        node_tick(n);
        assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
        node_forget(n);
    }
    world_free(w);
}

TEST(a_candidate_asks_for_votes_only_with_a_log_that_a_crash_cannot_shorten)
{
    struct world *w = with_log(3, 4);
    struct node *n = first(w);
    assert_int_equal(node_follow(n, 1, 2), KAFKA_NONE);
    w->sync_ms_max = 100000;
    node_answered(n, node_message(n, RAFT_FETCH, 1), node_good_answer(n));
    disk_append(&n->disk, (struct record){.epoch = 2, .value = 99});
    raft_fetched(n->raft, w->now_ms, -1);
    node_time_out(n);
    struct raft_answer answer = node_good_answer(n);
    answer.granted = true;
    const struct raft_message *m = node_message(n, RAFT_VOTE, 1);
    assert_true(m->pre_vote && m->offset == 5);
    node_answered(n, m, answer);
    assert_int_equal(raft_role(n->raft), RAFT_CANDIDATE);
    assert_null(node_message(n, RAFT_VOTE, -2));
    node_sync(n);
    assert_int_equal(node_message(n, RAFT_VOTE, 1)->offset, 5);
    world_free(w);
}
