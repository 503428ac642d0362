/* A follower and a node that looks for its leader, one rule a test (kraft.md 2.6 to 2.9, 2.13):
 * node 0 is real, the others are spoken for. */
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

/* Node 0 of three follows node 1 in epoch 5; its log: epoch 1 (0…3), epoch 3 (4…7). */
static struct world *following(void)
{
    struct world *w = world_new(7);
    w->puppets = true;
    for (int32_t i = 0; i < 4; i++) world_add(w, i, true, 1);
    world_static(w, 3);
    node_preload(first(w), 1, 4);
    node_preload(first(w), 3, 4);
    node_start(first(w));
    assert_int_equal(node_follow(first(w), 1, 5), KAFKA_NONE);
    return w;
}

static struct raft_answer from_leader(struct world *w)
{
    return node_good_answer(first(w));
}

/* ---- fetching ---- */

TEST(a_follower_fetches_from_its_log_end_and_says_what_it_knows)
{
    struct world *w = following();
    const struct raft_message *m = node_message(first(w), RAFT_FETCH, -2);
    assert_int_equal(m->to, 1);
    assert_true(str_equal_z(m->host, "n1"));
    assert_int_equal(m->epoch, 5);
    assert_int_equal(m->offset, 8);
    assert_int_equal(m->last_epoch, 3);
    assert_int_equal(m->high_watermark, -1);
    assert_int_equal(m->wait_ms, 500);
    assert_null(node_message(first(w), RAFT_FETCH, -2));
    world_free(w);
}

TEST(a_controller_does_not_fetch_on_before_what_it_has_is_durable)
{
    struct world *w = following();
    struct node *n = first(w);
    w->sync_ms_max = 1000;
    assert_int_equal(node_answered(n, node_message(n, RAFT_FETCH, 1), from_leader(w)), RAFT_APPEND);
    disk_append(&n->disk, (struct record){.epoch = 5, .value = 99});
    raft_fetched(n->raft, w->now_ms, -1);
    later(w, 100);
    assert_null(node_message(n, RAFT_FETCH, -2));
    node_sync(n);
    assert_int_equal(node_message(n, RAFT_FETCH, 1)->offset, 9);
    world_free(w);
}

TEST(an_observer_that_is_no_controller_fetches_on_without_waiting)
{
    struct world *w = world_new(7);
    w->puppets = true;
    for (int32_t i = 0; i < 2; i++) world_add(w, i, i > 0, 1);
    w->sync_ms_max = 1000;
    struct node *n = first(w);
    node_start(n);
    assert_int_equal(node_follow(n, 1, 5), KAFKA_NONE);
    node_answered(n, node_message(n, RAFT_FETCH, 1), from_leader(w));
    disk_append(&n->disk, (struct record){.epoch = 5, .value = 99});
    raft_fetched(n->raft, w->now_ms, -1);
    node_settle(n);
    assert_int_equal(node_message(n, RAFT_FETCH, 1)->offset, 1);
    world_free(w);
}

TEST(the_high_watermark_follows_the_leaders_up_to_the_log_end_and_never_falls)
{
    struct world *w = following();
    struct node *n = first(w);
    static const int64_t told[] = {-1, 6, 4, 100, -1};
    static const int64_t known[] = {-1, 6, 6, 8, 8};
    for (int i = 0; i < 5; i++) {
        node_answered(n, node_message(n, RAFT_FETCH, 1), from_leader(w));
        raft_fetched(n->raft, w->now_ms, told[i]);
        node_settle(n);
        assert_int_equal(raft_high_watermark(n->raft), known[i]);
    }
    assert_int_equal(node_message(n, RAFT_FETCH, 1)->high_watermark, 8);
    world_free(w);
}

TEST(good_answers_restart_the_fetch_timer_and_silence_ends_it)
{
    struct world *w = following();
    struct node *n = first(w);
    later(w, 1900);
    node_answered(n, node_message(n, RAFT_FETCH, 1), from_leader(w));
    raft_fetched(n->raft, w->now_ms, -1);
    later(w, 1999);
    assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
    later(w, 1);
    assert_int_equal(raft_role(n->raft), RAFT_PROSPECTIVE);
    assert_int_equal(raft_epoch(n->raft), 5);
    assert_int_equal(raft_leader(n->raft), 1);
    world_free(w);
}

TEST(one_fetch_is_in_flight_until_it_times_out)
{
    struct world *w = following();
    struct node *n = first(w);
    assert_non_null(node_message(n, RAFT_FETCH, 1));
    later(w, 1000);
    assert_null(node_message(n, RAFT_FETCH, -2));
    node_answered(n, &(struct raft_message){.token = 9999}, from_leader(w)); /* of nothing */
    assert_null(node_message(n, RAFT_FETCH, -2));
    world_free(w);
}

/* ---- divergence ---- */

static int64_t truncated(int32_t epoch, int64_t end_offset)
{
    struct world *w = following();
    struct node *n = first(w);
    struct raft_answer a = from_leader(w);
    a.diverging = (struct raft_epoch_end){epoch, end_offset};
    assert_int_equal(node_answered(n, node_message(n, RAFT_FETCH, 1), a), RAFT_IGNORE);
    int64_t to = n->last.truncate_to;
    assert_int_equal(disk_end(&n->disk), to < 0 ? 8 : to);
    if (to >= 0) assert_int_equal(node_message(n, RAFT_FETCH, 1)->offset, to);
    world_free(w);
    return to;
}

TEST(a_follower_cuts_its_log_where_the_epochs_part)
{
    assert_int_equal(truncated(3, 6), 6);  /* the leader's epoch 3 is shorter */
    assert_int_equal(truncated(3, 9), -1); /* it is longer: nothing to cut */
    assert_int_equal(truncated(2, 6), 4);  /* no epoch 2 here: the end of epoch 1 */
    assert_int_equal(truncated(1, 2), 2);
    assert_int_equal(truncated(0, 3), 3);
    assert_int_equal(truncated(0, 50), -1);
    assert_int_equal(truncated(0, 0), 0);
}

TEST(a_follower_never_cuts_what_has_committed)
{
    struct world *w = following();
    struct node *n = first(w);
    node_answered(n, node_message(n, RAFT_FETCH, 1), from_leader(w));
    raft_fetched(n->raft, w->now_ms, 6);
    node_settle(n);
    struct raft_answer a = from_leader(w);
    a.diverging = (struct raft_epoch_end){3, 5};
    node_answered(n, node_message(n, RAFT_FETCH, 1), a);
    assert_int_equal(n->last.truncate_to, -1);
    assert_int_equal(disk_end(&n->disk), 8);
    later(w, 20); /* it asks again, and is not reassured by such answers */
    a.diverging = (struct raft_epoch_end){1, 4};
    node_answered(n, node_message(n, RAFT_FETCH, 1), a);
    later(w, 1980);
    assert_int_equal(raft_role(n->raft), RAFT_PROSPECTIVE);
    world_free(w);
}

TEST(voters_are_rolled_back_with_the_log)
{
    struct world *w = world_alone(3, true);
    struct node *n = first(w);
    node_crash(n);
    struct voter_set *two = voter_set_copy(&n->disk.bootstrap->record,
                                           &(struct raft_replica){2, w->nodes[2].directory}, NULL);
    disk_append(&n->disk, (struct record){.epoch = 1, .value = 1});
    disk_append(&n->disk, (struct record){1, RECORD_VOTERS, 2, two});
    node_start(n);
    assert_int_equal(raft_voters(n->raft)->voters_count, 2);
    assert_int_equal(raft_voters_of(n->raft, 0)->voters_count, 3);
    assert_int_equal(node_follow(n, 1, 5), KAFKA_NONE);
    struct raft_answer a = from_leader(w);
    a.diverging = (struct raft_epoch_end){1, 1};
    node_answered(n, node_message(n, RAFT_FETCH, 1), a);
    assert_int_equal(raft_voters(n->raft)->voters_count, 3);
    voter_set_free(two);
    world_free(w);
}

/* ---- snapshots ---- */

TEST(a_snapshot_id_stops_fetches_until_the_snapshot_is_loaded)
{
    struct world *w = following();
    struct node *n = first(w);
    struct raft_answer a = from_leader(w);
    a.snapshot = (struct raft_snapshot_id){20, 4};
    assert_int_equal(node_answered(n, node_message(n, RAFT_FETCH, 1), a), RAFT_IGNORE);
    assert_int_equal(n->last.snapshot.end_offset, 20);
    assert_int_equal(raft_loading(n->raft).end_offset, 20);
    assert_null(node_message(n, RAFT_FETCH, -2));
    const struct raft_message *m = node_message(n, RAFT_FETCH_SNAPSHOT, 1);
    assert_true(m->snapshot.end_offset == 20 && m->snapshot.epoch == 4 && m->epoch == 5);
    assert_int_equal(node_answered(n, m, from_leader(w)), RAFT_APPEND);
    assert_non_null(node_message(n, RAFT_FETCH_SNAPSHOT, 1));
    n->disk.count = 0;
    n->disk.start = n->disk.synced = 20;
    n->disk.start_epoch = 4;
    raft_snapshot_loaded(n->raft, w->now_ms, (struct raft_snapshot_id){20, 4});
    assert_int_equal(raft_high_watermark(n->raft), 20);
    assert_int_equal(raft_loading(n->raft).end_offset, -1);
    world_free(w);
}

TEST(a_snapshot_that_is_gone_is_given_up_for_a_fetch)
{
    struct world *w = following();
    struct node *n = first(w);
    struct raft_answer a = from_leader(w);
    a.snapshot = (struct raft_snapshot_id){20, 4};
    node_answered(n, node_message(n, RAFT_FETCH, 1), a);
    a = from_leader(w);
    a.error = KAFKA_SNAPSHOT_NOT_FOUND;
    assert_int_equal(node_answered(n, node_message(n, RAFT_FETCH_SNAPSHOT, 1), a), RAFT_IGNORE);
    assert_int_equal(raft_loading(n->raft).end_offset, -1);
    assert_non_null(node_message(n, RAFT_FETCH, 1));
    world_free(w);
}

TEST(another_leader_ends_a_load)
{
    struct world *w = following();
    struct node *n = first(w);
    struct raft_answer a = from_leader(w);
    a.snapshot = (struct raft_snapshot_id){20, 4};
    node_answered(n, node_message(n, RAFT_FETCH, 1), a);
    assert_int_equal(node_follow(n, 2, 6), KAFKA_NONE);
    assert_int_equal(raft_loading(n->raft).end_offset, -1);
    assert_non_null(node_message(n, RAFT_FETCH, 2));
    world_free(w);
}

TEST(a_snapshot_that_is_behind_the_log_is_not_loaded)
{
    static const struct raft_snapshot_id behind[] = {{8, 3}, {3, 3}, {7, 1}, {-1, 3}, {9, -1}};
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        struct world *w = following();
        struct node *n = first(w);
        struct raft_answer a = from_leader(w);
        a.snapshot = behind[i];
        node_answered(n, node_message(n, RAFT_FETCH, 1), a);
        assert_int_equal(raft_loading(n->raft).end_offset, -1);
        assert_int_equal(n->last.snapshot.end_offset, -1);
        world_free(w);
    }
}

TEST(a_snapshot_brings_its_voters_and_takes_those_of_the_old_log)
{
    struct world *w = world_alone(3, true);
    struct node *n = first(w);
    node_crash(n);
    struct raft_replica third = node_key(&w->nodes[2]);
    struct voter_set *two = voter_set_copy(&n->disk.bootstrap->record, &third, NULL);
    disk_append(&n->disk, (struct record){1, RECORD_VOTERS, 2, two});
    node_start(n);
    assert_int_equal(node_follow(n, 1, 5), KAFKA_NONE);
    struct raft_answer a = from_leader(w);
    a.snapshot = (struct raft_snapshot_id){20, 4};
    node_answered(n, node_message(n, RAFT_FETCH, 1), a);
    const struct snapshot s = {{20, 4}, n->disk.bootstrap, 1};
    n->disk.snapshots = &(struct snapshot){{20, 4}, n->disk.bootstrap, 1};
    n->disk.snapshots_count = 1;
    n->disk.count = 0;
    n->disk.start = n->disk.synced = 20;
    n->disk.start_epoch = 4;
    raft_kraft_version_at(n->raft, w->now_ms, 19, s.level);
    raft_voters_at(n->raft, w->now_ms, 19, &s.voters->record);
    raft_snapshot_loaded(n->raft, w->now_ms, s.id);
    node_settle(n);
    assert_int_equal(raft_voters(n->raft)->voters_count, 3);
    assert_int_equal(raft_kraft_version(n->raft), 1);
    assert_int_equal(raft_voters_of(n->raft, 19)->voters_count, 3);
    n->disk.snapshots = NULL;
    n->disk.snapshots_count = 0;
    voter_set_free(two);
    world_free(w);
}

/* ---- who leads ---- */

TEST(begin_quorum_epoch_makes_a_follower_and_checks_its_key_afterwards)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    struct raft_leader_hint hint = {1, 4, STR("n1"), 9093};
    struct raft_replica other = {0, w->nodes[1].directory};
    assert_int_equal(raft_handle_begin_epoch(n->raft, w->now_ms, &hint, other),
                     KAFKA_INVALID_VOTER_KEY);
    assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
    assert_int_equal(raft_epoch(n->raft), 4);
    hint.epoch = 3;
    assert_int_equal(raft_handle_begin_epoch(n->raft, w->now_ms, &hint, node_key(n)),
                     KAFKA_FENCED_LEADER_EPOCH);
    hint = (struct raft_leader_hint){-1, 5, STR_NULL, 0};
    assert_int_equal(raft_handle_begin_epoch(n->raft, w->now_ms, &hint, node_key(n)),
                     KAFKA_INVALID_REQUEST);
    assert_int_equal(raft_epoch(n->raft), 4);
    world_free(w);
}

TEST(a_second_leader_of_an_epoch_is_not_followed)
{
    struct world *w = following();
    struct node *n = first(w);
    assert_int_equal(node_follow(n, 2, 5), KAFKA_FENCED_LEADER_EPOCH);
    assert_int_equal(raft_leader(n->raft), 1);
    /* Nor one that a real node would die of: this node itself. */
    struct raft_leader_hint hint = {0, 5, STR_NULL, 0};
    assert_int_equal(raft_handle_begin_epoch(n->raft, w->now_ms, &hint, node_key(n)),
                     KAFKA_FENCED_LEADER_EPOCH);
    hint.epoch = 9;
    assert_int_equal(raft_handle_begin_epoch(n->raft, w->now_ms, &hint, node_key(n)),
                     KAFKA_FENCED_LEADER_EPOCH);
    assert_int_equal(raft_epoch(n->raft), 5);
    struct raft_answer a = from_leader(w);
    a.error = KAFKA_NOT_LEADER_OR_FOLLOWER;
    a.current.leader_id = 2;
    node_answered(n, node_message(n, RAFT_FETCH, 1), a);
    assert_int_equal(raft_leader(n->raft), 1);
    world_free(w);
}

TEST(a_leader_without_endpoint_is_looked_up_among_the_voters)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    struct raft_leader_hint hint = {2, 4, STR_NULL, 0};
    assert_ok(raft_handle_begin_epoch(n->raft, w->now_ms, &hint, node_key(n)));
    assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
    assert_true(str_equal_z(raft_leader_address(n->raft).host, "n2"));
    world_free(w);
}

TEST(a_leader_that_cannot_be_reached_is_remembered_and_followed_once_it_can)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    struct raft_leader_hint hint = {3, 4, STR_NULL, 0};
    assert_ok(raft_handle_begin_epoch(n->raft, w->now_ms, &hint, node_key(n)));
    node_settle(n);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    assert_int_equal(raft_leader(n->raft), 3);
    assert_int_equal(n->disk.state.leader_id, 3);
    assert_false(node_votes(n, 2, 4, false));
    hint.host = STR("n3");
    hint.port = 9093;
    assert_ok(raft_handle_begin_epoch(n->raft, w->now_ms, &hint, node_key(n)));
    assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
    world_free(w);
}

TEST(end_quorum_epoch_lets_better_successors_go_first)
{
    static const struct {
        int32_t preferred[4], count;
        int64_t wait;
    } rows[] = {
        {{0, 2, 3, 4}, 4, 0},
        {{2, 0, 3, 4}, 4, 125},
        {{2, 3, 0, 4}, 4, 250},
        {{2, 3, 4, 0}, 4, 500},
        {{2, 3, 4}, 3, 1000},
        {{2}, 1, 1000},
        {{0}, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = following();
        struct node *n = first(w);
        struct raft_replica preferred[4];
        for (int j = 0; j < 4; j++) {
            preferred[j] = (struct raft_replica){.id = rows[i].preferred[j]};
            if (preferred[j].id == 0) preferred[j].directory_id = n->directory;
        }
        assert_ok(raft_handle_end_epoch(n->raft, w->now_ms, 1, 5, preferred, rows[i].count));
        if (rows[i].wait > 0) {
            later(w, rows[i].wait - 1);
            assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
            later(w, 1);
        } else {
            later(w, 0);
        }
        assert_int_equal(raft_role(n->raft), RAFT_PROSPECTIVE);
        world_free(w);
    }
}

TEST(end_quorum_epoch_of_another_leader_or_epoch_does_not_hurry)
{
    struct world *w = following();
    struct node *n = first(w);
    assert_int_equal(raft_handle_end_epoch(n->raft, w->now_ms, 1, 4, NULL, 0),
                     KAFKA_FENCED_LEADER_EPOCH);
    assert_int_equal(raft_handle_end_epoch(n->raft, w->now_ms, 2, 5, NULL, 0),
                     KAFKA_FENCED_LEADER_EPOCH);
    later(w, 1000);
    assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
    world_free(w);
}

/* ---- looking for the leader ---- */

TEST(an_unattached_node_asks_one_server_at_a_time_until_it_learns_the_leader)
{
    struct world *w = world_alone(3, true);
    struct node *n = first(w);
    const struct raft_message *m = node_message(n, RAFT_FETCH, -1);
    assert_non_null(m);
    assert_null(node_message(n, RAFT_FETCH, -2));
    struct raft_answer a = from_leader(w);
    a.error = KAFKA_NOT_LEADER_OR_FOLLOWER; /* it does not know either */
    node_answered(n, m, a);
    assert_null(node_message(n, RAFT_FETCH, -2)); /* no hot loop */
    later(w, 20);
    m = node_message(n, RAFT_FETCH, -1);
    a.error = KAFKA_FENCED_LEADER_EPOCH;
    a.current = (struct raft_leader_hint){2, 7, STR("n2"), 9093};
    node_answered(n, m, a);
    assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
    assert_int_equal(raft_leader(n->raft), 2);
    assert_int_equal(node_message(n, RAFT_FETCH, -2)->to, 2);
    world_free(w);
}

/* One machine is silent, the others do not know the leader yet: they rest a moment after that, and
 * the silent one never does. */
TEST(a_server_that_is_silent_is_not_asked_before_the_others_for_ever)
{
    struct world *w = world_new(7);
    w->puppets = true;
    for (int32_t i = 0; i < 4; i++) world_add(w, i, true, 1);
    world_dynamic(w, 3);
    w->servers_max = 3;
    struct node *n = &w->nodes[3];
    n->is_controller = false;
    n->disk.bootstrap = w->nodes[0].disk.bootstrap;
    node_start(n);
    struct raft_answer a = node_good_answer(n);
    a.error = KAFKA_NOT_LEADER_OR_FOLLOWER;
    int silent = 0, others = 0;
    for (int i = 0; i < 60; i++) {
        const struct raft_message *m = node_message(n, RAFT_FETCH, -1);
        assert_non_null(m);
        if (str_equal_z(m->host, "n2")) {
            silent++;
            w->now_ms += 2000;
            raft_unanswered(n->raft, w->now_ms, m->token, true);
        } else {
            others++;
            node_answered(n, m, a);
        }
        w->now_ms += 20;
        node_tick(n);
    }
    assert_true(silent > 5 && others > 20);
    world_free(w);
}

TEST(without_bootstrap_servers_the_static_voters_are_asked)
{
    struct world *w = world_alone(3, false);
    bool asked[4] = {false};
    for (int i = 0; i < 40; i++) {
        const struct raft_message *m = node_message(first(w), RAFT_FETCH, -2);
        if (m) {
            asked[m->to] = true;
            raft_unanswered(first(w)->raft, w->now_ms, m->token, false);
        }
        later(w, 20);
    }
    assert_true(!asked[0] && asked[1] && asked[2] && !asked[3]);
    world_free(w);
}

/* Voters came and went, and the only server that the configuration names is gone. */
TEST(the_voters_of_the_log_are_asked_besides_the_configured_servers)
{
    struct world *w = world_new(7);
    w->puppets = true;
    for (int32_t i = 0; i < 4; i++) world_add(w, i, true, 1);
    world_dynamic(w, 3);
    w->servers_max = 1;
    struct node *n = &w->nodes[3];
    n->is_controller = false;
    n->disk.bootstrap = w->nodes[0].disk.bootstrap;
    node_start(n);
    assert_int_equal(node_follow(n, 0, 5), KAFKA_NONE);
    int asked[4] = {0};
    for (int i = 0; i < 40; i++) {
        const struct raft_message *m = node_message(n, RAFT_FETCH, -2);
        if (m) {
            assert_int_not_equal(m->to, -1); /* the dead leader by its other name */
            asked[m->to]++;
            raft_unanswered(n->raft, w->now_ms, m->token, false);
        }
        w->now_ms += 20;
        node_tick(n);
    }
    assert_true(asked[0] > 5 && asked[1] > 2 && asked[2] > 2 && asked[3] == 0);
    world_free(w);
}

TEST(a_follower_whose_leader_does_not_answer_asks_the_others_too)
{
    struct world *w = following();
    struct node *n = first(w);
    int others = 0, leader = 0;
    for (int i = 0; i < 40; i++) {
        const struct raft_message *m = node_message(n, RAFT_FETCH, -2);
        if (m) {
            others += m->to != 1;
            leader += m->to == 1;
            raft_unanswered(n->raft, w->now_ms, m->token, false);
            node_settle(n);
        }
        later(w, 20);
    }
    assert_true(others > 5 && leader > 10);
    world_free(w);
}

/* The machine of the leader is gone without a word: each attempt there costs a whole timeout, in
 * which a broker is not heard of by the leader that was elected meanwhile. */
TEST(after_a_timeout_another_server_is_asked_at_once_and_not_the_leader_by_its_address)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = world_new(seed);
        w->puppets = true;
        w->servers_max = WORLD_NODES_MAX;
        for (int32_t i = 0; i < 4; i++) world_add(w, i, true, 1);
        world_static(w, 3);
        struct node *n = first(w);
        node_start(n);
        assert_int_equal(node_follow(n, 1, 5), KAFKA_NONE);
        for (int i = 0; i < 5; i++) {
            const struct raft_message *m = node_message(n, RAFT_FETCH, 1);
            assert_non_null(m);
            raft_unanswered(n->raft, w->now_ms, m->token, true);
            node_settle(n);
            m = node_message(n, RAFT_FETCH, -1);
            assert_non_null(m);
            assert_true(!str_equal_z(m->host, "n1"));
            raft_unanswered(n->raft, w->now_ms, m->token, true);
            later(w, 20);
        }
        world_free(w);
    }
}

TEST(an_unknown_leader_epoch_is_no_news)
{
    struct world *w = following();
    struct node *n = first(w);
    struct raft_answer a = from_leader(w);
    a.error = KAFKA_UNKNOWN_LEADER_EPOCH;
    a.current = (struct raft_leader_hint){2, 4, STR("n2"), 9093};
    node_answered(n, node_message(n, RAFT_FETCH, 1), a);
    assert_int_equal(raft_leader(n->raft), 1);
    assert_int_equal(raft_epoch(n->raft), 5);
    world_free(w);
}

TEST(errors_without_a_leader_in_them_are_waited_out)
{
    static const enum kafka_error errors[] = {
        KAFKA_INCONSISTENT_CLUSTER_ID, KAFKA_CLUSTER_AUTHORIZATION_FAILED,
        KAFKA_BROKER_NOT_AVAILABLE,    KAFKA_INVALID_REQUEST,
        KAFKA_UNKNOWN_SERVER_ERROR,
    };
    struct world *w = following();
    struct node *n = first(w);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct raft_answer a = from_leader(w);
        a.error = errors[i];
        if (i % 2 == 0) a.current = (struct raft_leader_hint){-1, -1, STR_NULL, 0};
        const struct raft_message *m = node_message(n, RAFT_FETCH, -2);
        int32_t asked = m->to;
        assert_int_equal(node_answered(n, m, a), RAFT_IGNORE);
        assert_int_equal(raft_role(n->raft), RAFT_FOLLOWER);
        assert_null(node_message(n, RAFT_FETCH, asked));
        later(w, 20);
    }
    world_free(w);
}

TEST(a_fetch_answered_well_by_a_node_that_does_not_lead_is_not_believed)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    const struct raft_message *m = node_message(n, RAFT_FETCH, -2);
    assert_int_equal(node_answered(n, m, from_leader(w)), RAFT_IGNORE);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    world_free(w);
}

/* ---- what a real peer would die of (kraft.md 2.13) ---- */

TEST(no_answer_names_two_leaders_of_one_epoch_or_a_leader_that_does_not_lead)
{
    struct world *w = world_alone(3, false);
    struct node *n = first(w);
    node_lead(n);
    int32_t epoch = raft_epoch(n->raft);
    assert_int_equal(raft_leader(n->raft), 0);
    raft_resign(n->raft, w->now_ms, epoch);
    node_settle(n);
    assert_int_equal(raft_leader(n->raft), 0); /* of this epoch there was one, and it stays that */
    assert_int_equal(node_follow(n, 1, epoch), KAFKA_FENCED_LEADER_EPOCH);
    node_time_out(n);
    assert_int_equal(raft_leader(n->raft), -1);
    world_free(w);
}

TEST(a_fetch_at_a_node_that_does_not_lead_never_succeeds)
{
    struct world *w = following();
    struct node *n = first(w);
    assert_int_equal(node_fetched_by(n, 2, 0).error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    node_time_out(n);
    assert_int_equal(node_fetched_by(n, 2, 0).error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    world_free(w);
}

TEST(a_node_that_looks_for_its_leader_says_nothing_of_records_that_are_not_durable)
{
    struct world *w = following();
    struct node *n = first(w);
    w->sync_ms_max = 100000;
    node_answered(n, node_message(n, RAFT_FETCH, 1), from_leader(w));
    disk_append(&n->disk, (struct record){.epoch = 5, .value = 99});
    raft_fetched(n->raft, w->now_ms, -1);
    node_time_out(n); /* prospective */
    node_time_out(n); /* a follower again */
    struct raft_leader_hint hint = {3, 6, STR_NULL, 0};
    assert_ok(raft_handle_begin_epoch(n->raft, w->now_ms, &hint, node_key(n)));
    node_settle(n);
    assert_int_equal(raft_role(n->raft), RAFT_UNATTACHED);
    assert_null(node_message(n, RAFT_FETCH, -2));
    node_sync(n);
    assert_int_equal(node_message(n, RAFT_FETCH, -2)->offset, 9);
    world_free(w);
}
