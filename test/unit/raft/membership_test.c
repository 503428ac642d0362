/* Voters that come and go, and kraft.version (kraft.md 2.11): node 0 leads, the others are spoken
 * for; node `voters` is no voter. */
#include "base/mem.h"
#include "raft_world.h"
#include "test.h"

static struct node *first(struct world *w)
{
    return &w->nodes[0];
}

static void later(struct world *w, int64_t ms)
{
    w->now_ms += ms;
    node_tick(first(w));
}

static int64_t end_of(struct world *w)
{
    return disk_end(&first(w)->disk);
}

static void all_fetch(struct world *w, int32_t voters)
{
    for (int32_t i = 1; i < voters; i++) node_fetched_by(first(w), i, end_of(w));
}

/* Node 0 leads and has committed all. */
static struct world *committed(int32_t voters, bool dynamic)
{
    struct world *w = world_alone(voters, dynamic);
    node_lead(first(w));
    all_fetch(w, voters);
    assert_int_equal(raft_high_watermark(first(w)->raft), end_of(w));
    node_forget(first(w));
    return w;
}

static struct raft_change_answer add(struct world *w, int32_t id, bool ack_when_committed)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct voters_record_voter entry = world_entry(&w->nodes[id], &arena);
    struct raft_change_answer a =
        raft_add_voter(first(w)->raft, w->now_ms, &entry, ack_when_committed, 0);
    arena_free(&arena);
    node_settle(first(w));
    return a;
}

static struct raft_change_answer remove_voter(struct world *w, int32_t id)
{
    struct raft_change_answer a =
        raft_remove_voter(first(w)->raft, w->now_ms, node_key(&w->nodes[id]), 0);
    node_settle(first(w));
    return a;
}

static struct raft_change_answer update(struct world *w, int32_t id, int32_t epoch, uint16_t port,
                                        int16_t max)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct voters_record_voter entry = world_entry(&w->nodes[id], &arena);
    entry.endpoints[0].port = port;
    entry.kraft_version_feature.max_supported_version = max;
    struct raft_change_answer a = raft_update_voter(first(w)->raft, w->now_ms, epoch, &entry);
    arena_free(&arena);
    node_settle(first(w));
    return a;
}

static struct raft_change_answer upgrade(struct world *w, int16_t level, bool dry_run)
{
    struct raft_change_answer a =
        raft_upgrade_kraft_version(first(w)->raft, w->now_ms, level, dry_run);
    node_settle(first(w));
    return a;
}

static void assert_refused(struct raft_change_answer a, enum kafka_error error)
{
    assert_int_equal(a.outcome, RAFT_CHANGE_REFUSED);
    assert_int_equal(a.error, error);
}

static void answer_versions(struct world *w, int32_t id, int16_t min, int16_t max)
{
    struct raft_answer a = node_good_answer(first(w));
    a.current.epoch = -1;
    a.kraft_min = min;
    a.kraft_max = max;
    node_answered(first(w), node_message(first(w), RAFT_API_VERSIONS, id), a);
}

static void assert_done(struct world *w, enum kafka_error error)
{
    assert_true(first(w)->last.change_done);
    assert_int_equal(first(w)->last.change_error, error);
}

/* ---- Add ---- */

TEST(a_node_that_is_caught_up_is_added_and_told_when_it_has_committed)
{
    struct world *w = committed(3, true);
    struct node *n = first(w);
    node_fetched_by(n, 3, end_of(w));
    assert_int_equal(add(w, 3, true).outcome, RAFT_CHANGE_PENDING);
    assert_int_equal(raft_voters(n->raft)->voters_count, 3);
    answer_versions(w, 3, 0, 1);
    assert_int_equal(raft_voters(n->raft)->voters_count, 4);
    assert_int_equal(
        voters_find(raft_voters(n->raft), 3)->kraft_version_feature.max_supported_version, 1);
    assert_false(n->last.change_done);
    node_fetched_by(n, 1, end_of(w));
    assert_false(n->last.change_done); /* two of four */
    node_fetched_by(n, 3, end_of(w));
    assert_done(w, KAFKA_NONE);
    world_free(w);
}

TEST(who_does_not_wait_for_the_commit_is_told_at_the_append)
{
    struct world *w = committed(3, true);
    struct node *n = first(w);
    node_fetched_by(n, 3, end_of(w));
    add(w, 3, false);
    answer_versions(w, 3, 0, 1);
    assert_done(w, KAFKA_NONE);
    node_forget(n);
    assert_refused(remove_voter(w, 1), KAFKA_REQUEST_TIMED_OUT); /* it is not over */
    all_fetch(w, 4);
    assert_false(n->last.change_done);
    assert_int_equal(remove_voter(w, 1).outcome, RAFT_CHANGE_PENDING);
    world_free(w);
}

TEST(the_new_node_is_asked_for_its_versions_at_its_own_endpoint)
{
    struct world *w = committed(3, true);
    add(w, 3, true);
    const struct raft_message *m = node_message(first(w), RAFT_API_VERSIONS, -2);
    assert_int_equal(m->to, 3);
    assert_true(str_equal_z(m->host, "n3") && m->port == 9093);
    assert_null(node_message(first(w), RAFT_API_VERSIONS, -2));
    world_free(w);
}

TEST(malformed_voters_are_not_added)
{
    struct world *w = committed(3, true);
    struct arena arena;
    arena_init(&arena, 0);
    struct voters_record_voter entry = world_entry(&w->nodes[3], &arena);
    entry.voter_directory_id = UUID_ZERO;
    assert_refused(raft_add_voter(first(w)->raft, w->now_ms, &entry, true, 0),
                   KAFKA_INVALID_REQUEST);
    entry = world_entry(&w->nodes[3], &arena);
    entry.endpoints[0].name = STR("OTHER");
    assert_refused(raft_add_voter(first(w)->raft, w->now_ms, &entry, true, 0),
                   KAFKA_INVALID_REQUEST);
    arena_free(&arena);
    world_free(w);
}

TEST(an_id_that_is_a_voter_is_a_duplicate_whatever_its_directory)
{
    struct world *w = committed(3, true);
    assert_refused(add(w, 1, true), KAFKA_DUPLICATE_VOTER);
    w->nodes[1].directory.bytes[15] = 77;
    assert_refused(add(w, 1, true), KAFKA_DUPLICATE_VOTER);
    world_free(w);
}

TEST(a_node_that_lags_behind_is_not_added)
{
    struct world *w = committed(3, true);
    struct node *n = first(w);
    add(w, 3, true); /* it has never fetched */
    answer_versions(w, 3, 0, 1);
    assert_done(w, KAFKA_REQUEST_TIMED_OUT);
    node_forget(n);
    node_append(n, 10);
    node_fetched_by(n, 3, 1); /* it has begun */
    add(w, 3, true);
    answer_versions(w, 3, 0, 1);
    assert_done(w, KAFKA_REQUEST_TIMED_OUT);
    assert_int_equal(raft_voters(n->raft)->voters_count, 3);
    world_free(w);
}

TEST(a_node_that_does_not_support_the_clusters_kraft_version_is_not_added)
{
    static const int16_t ranges[][2] = {{0, 0}, {2, 3}, {0, -1}};
    for (int i = 0; i < 3; i++) {
        struct world *w = committed(3, true);
        node_fetched_by(first(w), 3, end_of(w));
        add(w, 3, true);
        answer_versions(w, 3, ranges[i][0], ranges[i][1]);
        assert_done(w, KAFKA_INVALID_REQUEST);
        assert_int_equal(raft_voters(first(w)->raft)->voters_count, 3);
        world_free(w);
    }
}

TEST(a_node_that_does_not_answer_is_not_added)
{
    struct world *w = committed(3, true);
    struct node *n = first(w);
    add(w, 3, true);
    raft_unanswered(n->raft, w->now_ms, node_message(n, RAFT_API_VERSIONS, 3)->token, false);
    node_settle(n);
    assert_done(w, KAFKA_REQUEST_TIMED_OUT);
    node_forget(n);
    later(w, 20);
    add(w, 3, true);
    node_fetched_by(n, 1, end_of(w));
    later(w, 2000); /* silence */
    assert_done(w, KAFKA_REQUEST_TIMED_OUT);
    world_free(w);
}

/* ---- gates that Add and Remove have in common ---- */

TEST(one_change_at_a_time_and_it_has_its_time)
{
    struct world *w = committed(3, true);
    assert_int_equal(remove_voter(w, 2).outcome, RAFT_CHANGE_PENDING);
    assert_refused(remove_voter(w, 1), KAFKA_REQUEST_TIMED_OUT);
    assert_refused(add(w, 3, true), KAFKA_REQUEST_TIMED_OUT);
    assert_refused(update(w, 1, raft_epoch(first(w)->raft), 1, 1), KAFKA_REQUEST_TIMED_OUT);
    later(w, 2000);
    assert_done(w, KAFKA_REQUEST_TIMED_OUT);
    /* What was appended stands, and holds up the next until it has committed. */
    assert_refused(add(w, 3, true), KAFKA_REQUEST_TIMED_OUT);
    node_fetched_by(first(w), 1, end_of(w));
    assert_int_equal(add(w, 3, true).outcome, RAFT_CHANGE_PENDING);
    world_free(w);
}

TEST(a_change_that_names_a_shorter_time_has_that)
{
    struct world *w = committed(3, true);
    raft_remove_voter(first(w)->raft, w->now_ms, node_key(&w->nodes[2]), 100);
    node_settle(first(w));
    later(w, 99);
    assert_false(first(w)->last.change_done);
    later(w, 1);
    assert_done(w, KAFKA_REQUEST_TIMED_OUT);
    world_free(w);
}

TEST(no_change_before_the_epoch_has_committed)
{
    struct world *w = world_alone(3, true);
    node_lead(first(w));
    assert_refused(add(w, 3, true), KAFKA_REQUEST_TIMED_OUT);
    assert_refused(remove_voter(w, 1), KAFKA_REQUEST_TIMED_OUT);
    assert_refused(update(w, 1, raft_epoch(first(w)->raft), 9093, 1), KAFKA_REQUEST_TIMED_OUT);
    world_free(w);
}

TEST(static_voters_do_not_change)
{
    struct world *w = committed(3, false);
    assert_refused(add(w, 3, true), KAFKA_UNSUPPORTED_VERSION);
    assert_refused(remove_voter(w, 1), KAFKA_UNSUPPORTED_VERSION);
    world_free(w);
}

TEST(only_a_leader_changes_voters)
{
    struct world *w = committed(3, true);
    assert_int_equal(node_follow(first(w), 1, 7), KAFKA_NONE);
    assert_refused(add(w, 3, true), KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_refused(remove_voter(w, 1), KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_refused(update(w, 1, 7, 9093, 1), KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_refused(update(w, 1, 6, 9093, 1), KAFKA_FENCED_LEADER_EPOCH);
    assert_refused(update(w, 1, 8, 9093, 1), KAFKA_UNKNOWN_LEADER_EPOCH);
    assert_refused(upgrade(w, 1, false), KAFKA_NOT_LEADER_OR_FOLLOWER);
    world_free(w);
}

TEST(a_change_ends_with_the_leadership)
{
    struct world *w = committed(3, true);
    remove_voter(w, 1);
    assert_int_equal(node_follow(first(w), 1, 7), KAFKA_NONE);
    assert_done(w, KAFKA_NOT_LEADER_OR_FOLLOWER);
    world_free(w);
}

/* ---- Remove ---- */

TEST(a_removal_commits_with_the_majority_of_the_new_set)
{
    struct world *w = committed(3, true);
    assert_int_equal(remove_voter(w, 2).outcome, RAFT_CHANGE_PENDING);
    assert_int_equal(raft_voters(first(w)->raft)->voters_count, 2);
    node_fetched_by(first(w), 2, end_of(w)); /* it is an observer already */
    assert_false(first(w)->last.change_done);
    node_fetched_by(first(w), 1, end_of(w));
    assert_done(w, KAFKA_NONE);
    world_free(w);
}

TEST(only_an_exact_voter_is_removed_and_never_the_last)
{
    struct world *w = committed(3, true);
    assert_refused(remove_voter(w, 3), KAFKA_VOTER_NOT_FOUND);
    w->nodes[1].directory.bytes[15] = 77;
    assert_refused(remove_voter(w, 1), KAFKA_VOTER_NOT_FOUND);
    w->nodes[1].directory = UUID_ZERO;
    assert_refused(remove_voter(w, 1), KAFKA_INVALID_REQUEST);
    world_free(w);
    w = committed(1, true);
    assert_refused(remove_voter(w, 0), KAFKA_VOTER_NOT_FOUND);
    world_free(w);
}

TEST(a_removed_leader_leads_until_the_others_have_committed_it_and_does_not_count_itself)
{
    struct world *w = committed(3, true);
    struct node *n = first(w);
    assert_int_equal(remove_voter(w, 0).outcome, RAFT_CHANGE_PENDING);
    assert_false(raft_is_voter(n->raft));
    assert_int_equal(raft_role(n->raft), RAFT_LEADER);
    node_fetched_by(n, 1, end_of(w));
    assert_int_equal(raft_role(n->raft), RAFT_LEADER); /* it and node 1 would be two of three */
    node_append(n, 2);
    struct raft_fetch_answer a = node_fetched_by(n, 2, end_of(w));
    assert_done(w, KAFKA_NONE);
    assert_int_equal(raft_role(n->raft), RAFT_RESIGNED);
    assert_int_equal(a.error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    const struct raft_message *m = node_message(n, RAFT_END_QUORUM_EPOCH, 2);
    assert_int_equal(m->preferred_count, 2);
    assert_int_equal(m->preferred[0].id, 2);
    node_time_out(n);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    later(w, 10000);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    world_free(w);
}

TEST(a_removal_of_the_leader_that_timed_out_still_ends_its_leadership_when_it_commits)
{
    struct world *w = committed(3, true);
    struct node *n = first(w);
    remove_voter(w, 0);
    node_fetched_by(n, 1, 1);
    node_fetched_by(n, 2, 1);
    later(w, 2000);
    assert_done(w, KAFKA_REQUEST_TIMED_OUT);
    node_fetched_by(n, 1, end_of(w));
    node_fetched_by(n, 2, end_of(w));
    assert_int_equal(raft_role(n->raft), RAFT_RESIGNED);
    world_free(w);
}

TEST(check_quorum_of_a_removed_leader_needs_a_majority_of_the_others)
{
    struct world *w = committed(3, true);
    struct node *n = first(w);
    remove_voter(w, 0);
    for (int i = 0; i < 4; i++) {
        later(w, 700);
        node_fetched_by(n, 1, 1);
    }
    later(w, 700);
    assert_int_equal(raft_role(n->raft), RAFT_RESIGNED);
    world_free(w);
}

TEST(a_voter_whose_removal_may_not_have_committed_still_stands)
{
    struct world *w = committed(2, true);
    struct node *n = first(w);
    remove_voter(w, 0);
    node_restart(n); /* node 1 does not have the record: it needs this node's vote, and log */
    assert_false(raft_is_voter(n->raft));
    node_lead(n);
    assert_int_equal(raft_role(n->raft), RAFT_LEADER);
    node_fetched_by(n, 1, end_of(w));
    assert_int_equal(raft_role(n->raft), RAFT_RESIGNED);
    node_time_out(n);
    later(w, 10000);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    world_free(w);
}

/* ---- Update ---- */

TEST(an_update_is_written_when_it_is_asked_for_and_holds_up_the_next_change)
{
    struct world *w = committed(3, true);
    struct node *n = first(w);
    int64_t end = end_of(w);
    assert_int_equal(update(w, 1, raft_epoch(n->raft), 4711, 1).outcome, RAFT_CHANGE_DONE);
    assert_int_equal(end_of(w), end + 1);
    assert_int_equal(voters_find(raft_voters(n->raft), 1)->endpoints[0].port, 4711);
    assert_refused(update(w, 2, raft_epoch(n->raft), 4711, 1), KAFKA_REQUEST_TIMED_OUT);
    assert_refused(remove_voter(w, 2), KAFKA_REQUEST_TIMED_OUT);
    all_fetch(w, 3);
    assert_int_equal(update(w, 2, raft_epoch(n->raft), 4711, 1).outcome, RAFT_CHANGE_DONE);
    world_free(w);
}

TEST(an_update_of_no_voter_or_of_nonsense_is_refused)
{
    struct world *w = committed(3, true);
    int32_t epoch = raft_epoch(first(w)->raft);
    assert_refused(update(w, 3, epoch, 9093, 1), KAFKA_VOTER_NOT_FOUND);
    assert_refused(update(w, 1, epoch, 9093, -1), KAFKA_INVALID_REQUEST);
    assert_refused(update(w, 1, epoch, 9093, 0), KAFKA_INVALID_REQUEST); /* 1 is in force */
    w->nodes[1].directory.bytes[15] = 77;
    assert_refused(update(w, 1, epoch, 9093, 1), KAFKA_VOTER_NOT_FOUND);
    w->nodes[1].directory = UUID_ZERO;
    assert_refused(update(w, 1, epoch, 9093, 1), KAFKA_INVALID_REQUEST);
    world_free(w);
}

TEST(an_update_counts_as_being_heard_of)
{
    struct world *w = committed(3, true);
    struct node *n = first(w);
    later(w, 2500);
    update(w, 1, raft_epoch(n->raft), 4711, 1);
    later(w, 2500);
    assert_int_equal(raft_role(n->raft), RAFT_LEADER);
    later(w, 500);
    assert_int_equal(raft_role(n->raft), RAFT_RESIGNED);
    world_free(w);
}

TEST(a_voter_whose_logged_entry_differs_sends_an_update_after_one_period)
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
    assert_int_equal(node_follow(n, 1, 5), KAFKA_NONE);
    later(w, 1900);
    node_answered(n, node_message(n, RAFT_FETCH, 1), node_good_answer(n));
    assert_null(node_message(n, RAFT_UPDATE_VOTER, -2));
    later(w, 100);
    const struct raft_message *m = node_message(n, RAFT_UPDATE_VOTER, 1);
    assert_int_equal(m->epoch, 5);
    node_answered(n, m, node_good_answer(n));
    raft_fetched(n->raft, w->now_ms, -1);
    later(w, 1000);
    node_answered(n, node_message(n, RAFT_FETCH, 1), node_good_answer(n));
    raft_fetched(n->raft, w->now_ms, -1);
    later(w, 990);
    assert_null(node_message(n, RAFT_UPDATE_VOTER, -2));
    later(w, 10); /* the log still says otherwise */
    assert_non_null(node_message(n, RAFT_UPDATE_VOTER, 1));
    voter_set_free(set);
    arena_free(&arena);
    world_free(w);
}

TEST(a_voter_whose_logged_entry_is_right_sends_none)
{
    struct world *w = world_alone(3, true);
    struct node *n = first(w);
    assert_int_equal(node_follow(n, 1, 5), KAFKA_NONE);
    for (int i = 0; i < 5; i++) {
        later(w, 1500);
        node_answered(n, node_message(n, RAFT_FETCH, -2), node_good_answer(n));
        raft_fetched(n->raft, w->now_ms, -1);
        node_settle(n);
        assert_null(node_message(n, RAFT_UPDATE_VOTER, -2));
    }
    world_free(w);
}

/* ---- kraft.version 0 -> 1 ---- */

TEST(a_static_voter_tells_each_new_leader_once_what_it_is)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    assert_int_equal(node_follow(n, 1, 5), KAFKA_NONE);
    later(w, 1500);
    node_answered(n, node_message(n, RAFT_FETCH, 1), node_good_answer(n));
    raft_fetched(n->raft, w->now_ms, -1);
    later(w, 500);
    const struct raft_message *m = node_message(n, RAFT_UPDATE_VOTER, 1);
    assert_non_null(m);
    struct raft_answer a = node_good_answer(n);
    a.error = KAFKA_UNSUPPORTED_VERSION; /* 4.0 says so */
    node_answered(n, m, a);
    later(w, 1400);
    node_answered(n, node_message(n, RAFT_FETCH, 1), node_good_answer(n));
    raft_fetched(n->raft, w->now_ms, -1);
    later(w, 1500);
    assert_null(node_message(n, RAFT_UPDATE_VOTER, -2));
    assert_int_equal(node_follow(n, 2, 6), KAFKA_NONE);
    later(w, 1500);
    node_answered(n, node_message(n, RAFT_FETCH, 2), node_good_answer(n));
    raft_fetched(n->raft, w->now_ms, -1);
    later(w, 500);
    assert_non_null(node_message(n, RAFT_UPDATE_VOTER, 2));
    world_free(w);
}

TEST(an_upgrade_waits_until_every_voter_has_told_its_directory_and_range)
{
    struct world *w = committed(3, false);
    struct node *n = first(w);
    int32_t epoch = raft_epoch(n->raft);
    int64_t end = end_of(w);
    assert_refused(upgrade(w, 1, false), KAFKA_INVALID_UPDATE_VERSION);
    assert_int_equal(update(w, 1, epoch, 9093, 1).outcome, RAFT_CHANGE_DONE);
    assert_refused(upgrade(w, 1, false), KAFKA_INVALID_UPDATE_VERSION);
    assert_int_equal(update(w, 2, epoch, 9093, 0).outcome, RAFT_CHANGE_DONE);
    assert_refused(upgrade(w, 1, false), KAFKA_INVALID_UPDATE_VERSION); /* 2 does not support 1 */
    assert_refused(update(w, 3, epoch, 9093, 1), KAFKA_VOTER_NOT_FOUND);
    assert_int_equal(update(w, 2, epoch, 4711, 1).outcome, RAFT_CHANGE_DONE);
    assert_int_equal(end_of(w), end);
    assert_int_equal(upgrade(w, 1, true).outcome, RAFT_CHANGE_DONE);
    assert_int_equal(end_of(w), end); /* judged only */
    assert_int_equal(upgrade(w, 1, false).outcome, RAFT_CHANGE_DONE);
    assert_int_equal(end_of(w), end + 2);
    assert_int_equal(raft_kraft_version(n->raft), 1);
    const struct voters_record *voters = raft_voters(n->raft);
    for (int32_t i = 0; i < 3; i++) {
        assert_true(uuid_equal(voters_find(voters, i)->voter_directory_id, w->nodes[i].directory));
    }
    assert_int_equal(voters_find(voters, 2)->endpoints[0].port, 4711);
    /* What the followers had acknowledged under their ids still counts. */
    all_fetch(w, 3);
    assert_int_equal(raft_high_watermark(n->raft), end + 2);
    assert_int_equal(remove_voter(w, 2).outcome, RAFT_CHANGE_PENDING);
    world_free(w);
}

TEST(the_level_in_force_is_no_change_and_none_other_is_possible)
{
    struct world *w = committed(3, false);
    assert_int_equal(upgrade(w, 0, false).outcome, RAFT_CHANGE_DONE);
    assert_refused(upgrade(w, 2, false), KAFKA_INVALID_UPDATE_VERSION);
    assert_int_equal(end_of(w), 1);
    world_free(w);
    w = committed(3, true);
    assert_int_equal(upgrade(w, 1, false).outcome, RAFT_CHANGE_DONE);
    assert_refused(upgrade(w, 0, false), KAFKA_INVALID_UPDATE_VERSION);
    assert_refused(upgrade(w, 2, false), KAFKA_INVALID_UPDATE_VERSION);
    world_free(w);
}

/* ---- auto-join (KIP-1186), all nodes real ---- */

static bool five_voters(struct world *w, void *context)
{
    (void)context;
    struct node *leader = world_leader(w);
    return leader && raft_voters(leader->raft)->voters_count == 5;
}

TEST(controllers_join_by_themselves)
{
    struct world *w = world_of(3, 3, 2, true);
    world_steady(w, 20000);
    for (int i = 3; i < 5; i++) {
        node_crash(&w->nodes[i]);
        w->nodes[i].auto_join = true;
        node_start(&w->nodes[i]);
    }
    assert_true(world_until(w, five_voters, NULL, 60000));
    world_steady(w, 20000);
    assert_true(raft_is_voter(w->nodes[3].raft) && raft_is_voter(w->nodes[4].raft));
    world_free(w);
}

static bool joined_anew(struct world *w, void *context)
{
    struct node *leader = world_leader(w);
    struct node *n = context;
    return leader && voters_include(raft_voters(leader->raft), node_key(n));
}

TEST(a_controller_with_a_new_directory_removes_its_namesake_and_joins)
{
    struct world *w = world_of(3, 3, 0, true);
    struct node *leader = world_steady(w, 20000), *n = &w->nodes[(leader->id + 1) % 3];
    node_crash(n);
    mem_free(n->disk.records);
    n->disk = (struct disk){.state = {.leader_id = -1, .voted.id = -1}, .checkpoint = -1};
    memset(w->votes, 0xff, sizeof w->votes);
    n->directory.bytes[15] = 99;
    n->auto_join = true;
    node_start(n);
    assert_true(world_until(w, joined_anew, n, 60000));
    assert_int_equal(raft_voters(world_steady(w, 20000)->raft)->voters_count, 3);
    world_free(w);
}

TEST(nobody_joins_unasked_or_at_kraft_version_0)
{
    struct world *w = world_of(3, 3, 1, true);
    world_steady(w, 20000);
    world_run(w, 20000);
    assert_int_equal(raft_voters(world_leader(w)->raft)->voters_count, 3);
    world_free(w);
    w = world_new(5);
    for (int32_t i = 0; i < 4; i++) world_add(w, i, true, 1)->auto_join = i == 3;
    world_static(w, 3);
    for (int32_t i = 0; i < 4; i++) node_start(&w->nodes[i]);
    world_steady(w, 20000);
    world_run(w, 20000);
    assert_false(raft_is_voter(w->nodes[3].raft));
    world_free(w);
}

TEST(a_change_ends_though_the_epoch_that_ended_it_cannot_be_written)
{
    struct world *w = committed(3, true);
    struct node *n = first(w);
    remove_voter(w, 1);
    n->no_space = true;
    assert_false(node_votes(n, 2, 9, false));
    assert_int_equal(raft_epoch(n->raft), 1);
    assert_int_equal(raft_role(n->raft), RAFT_RESIGNED); /* as after a restart */
    assert_true(n->last.leader_changed);
    assert_done(w, KAFKA_NOT_LEADER_OR_FOLLOWER);
    world_free(w);
}

TEST(a_node_that_has_not_fetched_for_an_hour_is_not_added)
{
    for (int64_t ms = 3599999; ms <= 3600000; ms++) {
        struct world *w = committed(1, true);
        node_fetched_by(first(w), 1, end_of(w));
        later(w, ms);
        add(w, 1, true);
        answer_versions(w, 1, 0, 1);
        assert_int_equal(first(w)->last.change_done, ms == 3600000);
        assert_int_equal(raft_voters(first(w)->raft)->voters_count, ms == 3600000 ? 1 : 2);
        world_free(w);
    }
}
