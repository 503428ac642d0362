/* Voters that come, go and move, and what the wire refuses. */
#include "quorum_world.h"

#include "protocol/add_raft_voter.h"
#include "protocol/api.h"
#include "protocol/begin_quorum_epoch.h"
#include "protocol/describe_quorum.h"
#include "protocol/end_quorum_epoch.h"
#include "protocol/error.h"
#include "protocol/fetch.h"
#include "protocol/fetch_snapshot.h"
#include "protocol/remove_raft_voter.h"
#include "protocol/update_raft_voter.h"
#include "protocol/vote.h"

/* ---- changes */

static int16_t add(struct world *w, int32_t at, int32_t id)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct add_raft_voter_request_listener listener = {
        .name = STR("CONTROLLER"), .host = str_of(w->members[id].name), .port = WORLD_PORT};
    struct add_raft_voter_request q;
    add_raft_voter_request_init(&q);
    q.cluster_id = STR(WORLD_CLUSTER);
    q.timeout_ms = 5000;
    q.voter_id = id;
    q.voter_directory_id = w->members[id].directory_id;
    q.listeners = &listener;
    q.listeners_count = 1;
    const struct add_raft_voter_response *r = world_ask(w, at, API_ADD_RAFT_VOTER, 1, &q, &arena);
    assert_non_null(r);
    int16_t error = r->error_code;
    arena_free(&arena);
    return error;
}

static int16_t remove_voter(struct world *w, int32_t at, int32_t id)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct remove_raft_voter_request q;
    remove_raft_voter_request_init(&q);
    q.cluster_id = STR(WORLD_CLUSTER);
    q.voter_id = id;
    q.voter_directory_id = w->members[id].directory_id;
    const struct remove_raft_voter_response *r =
        world_ask(w, at, API_REMOVE_RAFT_VOTER, 0, &q, &arena);
    assert_non_null(r);
    int16_t error = r->error_code;
    arena_free(&arena);
    return error;
}

static int32_t voters_at(struct world *w, int32_t id)
{
    return quorum_voters(world_quorum(w, id))->voters_count;
}

TEST(voters_are_added_one_by_one_until_two_deaths_are_survived)
{
    struct world *w = world_running(1, 5, 1, false, 10);
    sim_run_ms(w->sim, 2000); /* the others have found it and caught up */
    for (int32_t id = 2; id <= 5; id++) assert_int_equal(add(w, 1, id), KAFKA_NONE);
    assert_int_equal(add(w, 1, 5), KAFKA_DUPLICATE_VOTER);
    assert_int_equal(add(w, 2, 5), KAFKA_NOT_LEADER_OR_FOLLOWER);
    world_converge(w);
    for (int32_t id = 1; id <= 5; id++) assert_int_equal(voters_at(w, id), 5);
    world_crash(w, 1);
    world_write(w, 5);
    world_crash(w, world_leader(w));
    world_write(w, 5);
    world_start_all(w);
    world_converge(w);
    world_free(w);
}

TEST(a_removed_leader_leaves_once_its_removal_has_committed)
{
    struct world *w = world_running(2, 3, 3, false, 10);
    int32_t old = world_leader(w);
    assert_int_equal(remove_voter(w, old, old), KAFKA_NONE);
    assert_false(quorum_is_leader(world_quorum(w, old)));
    world_write(w, 5);
    world_converge(w);
    assert_false(quorum_is_voter(world_quorum(w, old)));
    assert_int_equal(voters_at(w, world_leader(w)), 2);
    assert_int_equal(remove_voter(w, world_leader(w), old), KAFKA_VOTER_NOT_FOUND);
    /* all of it is in the log: a restart finds the same */
    for (int32_t id = 1; id <= 3; id++) world_power_loss(w, id, SIM_LOSS_ALL);
    world_start_all(w);
    world_write(w, 5);
    world_converge(w);
    for (int32_t id = 1; id <= 3; id++) assert_int_equal(voters_at(w, id), 2);
    world_free(w);
}

TEST(a_change_that_cannot_commit_is_undone_with_its_leader)
{
    struct world *w = world_running(3, 4, 3, false, 10);
    sim_run_ms(w->sim, 2000);
    int32_t old = world_leader(w);
    for (int32_t id = 1; id <= 3; id++)
        if (id != old) world_crash(w, id);
    assert_int_equal(add(w, old, 4), KAFKA_REQUEST_TIMED_OUT); /* or it no longer leads */
    assert_int_equal(voters_at(w, old), 4);
    world_crash(w, old);
    world_crash(w, 4); /* it has the record, and could win with it */
    for (int32_t id = 1; id <= 3; id++)
        if (id != old) world_start(w, id);
    world_write(w, 5);
    assert_int_equal(voters_at(w, world_leader(w)), 3);
    world_start_all(w);
    world_converge(w);
    for (int32_t id = 1; id <= 4; id++) assert_int_equal(voters_at(w, id), 3);
    world_free(w);
}

TEST(a_controller_that_may_joins_by_itself)
{
    struct world *w = world_new(4, 3, 2, false);
    w->members[3].options.auto_join = true;
    world_start_all(w);
    world_write(w, 5);
    world_until(w, voters_at(w, world_leader(w)) == 3);
    world_write(w, 5);
    world_converge(w);
    assert_true(quorum_is_voter(world_quorum(w, 3)));
    world_free(w);
}

/* With this directory, no other of the same id, beside both others. */
static bool votes_as(struct world *w, int32_t id, struct uuid directory)
{
    if (!world_leader(w)) return false;
    const struct voters_record *r = quorum_voters(world_quorum(w, world_leader(w)));
    int32_t mine = 0, others = 0;
    for (int32_t i = 0; i < r->voters_count; i++) {
        if (r->voters[i].voter_id != id)
            others++;
        else if (uuid_equal(r->voters[i].voter_directory_id, directory))
            mine++;
        else
            return false;
    }
    return mine == 1 && others == 2;
}

TEST(a_replaced_disk_takes_the_place_of_the_lost_one)
{
    for (uint64_t seed = 40; seed < 50; seed++) {
        struct world *w = world_running(seed, 3, 3, false, 5);
        int32_t id = seed % 2 ? world_leader(w) : world_leader(w) % 3 + 1;
        struct uuid lost = w->members[id].directory_id;
        world_crash(w, id);
        world_write(w, 5);
        world_replace_disk(w, id);
        w->members[id].options.auto_join = true;
        world_start(w, id);
        assert_false(uuid_equal(lost, w->members[id].directory_id));
        world_until(w, votes_as(w, id, w->members[id].directory_id));
        /* and it counts: with it two of three go on */
        world_crash(w, id % 3 + 1);
        world_write(w, 5);
        world_start_all(w);
        world_converge(w);
        world_free(w);
    }
}

TEST(a_replaced_disk_does_not_vote_unasked)
{
    struct world *w = world_running(51, 3, 3, false, 5);
    int32_t id = world_leader(w) % 3 + 1;
    struct uuid lost = w->members[id].directory_id;
    world_crash(w, id);
    world_replace_disk(w, id);
    world_start(w, id);
    world_write(w, 5);
    sim_run_ms(w->sim, 20000);
    assert_true(votes_as(w, id, lost));
    world_free(w);
}

TEST(a_voter_that_moved_says_so)
{
    for (int32_t who = 1; who <= 2; who++) {
        struct world *w = world_running(5, 2, 2, false, 5);
        int32_t id = who == 1 ? world_leader(w) : 3 - world_leader(w);
        world_crash(w, id);
        w->members[id].listener.name = "CONTROLLER";
        static struct quorum_listener moved[2];
        moved[0] = w->members[id].listener;
        moved[1] = (struct quorum_listener){.name = "SECOND", .host = "elsewhere", .port = 1};
        w->members[id].options.listeners = moved;
        w->members[id].options.listeners_count = 2;
        world_start(w, id);
        world_write(w, 5);
        world_until(w, quorum_voters(world_quorum(w, 3 - id))->voters[id - 1].endpoints_count == 2);
        world_write(w, 1);
        world_converge(w);
        world_free(w);
    }
}

/* ---- what a description says */

static const struct describe_quorum_response *describe(struct world *w, int32_t id,
                                                       struct arena *arena)
{
    struct describe_quorum_request_partition_data p = {0};
    struct describe_quorum_request_topic_data t = {
        .topic_name = STR("__cluster_metadata"), .partitions = &p, .partitions_count = 1};
    struct describe_quorum_request q;
    describe_quorum_request_init(&q);
    q.topics = &t;
    q.topics_count = 1;
    const struct describe_quorum_response *r = world_ask(w, id, API_DESCRIBE_QUORUM, 2, &q, arena);
    assert_non_null(r);
    return r;
}

TEST(a_leader_describes_voters_observers_and_nodes)
{
    for (int fixed = 0; fixed <= 1; fixed++) {
        struct world *w = world_new(6, 3, 2, fixed);
        w->members[3].options.is_controller = false;
        struct arena arena;
        arena_init(&arena, 0);
        world_start_all(w);
        world_write(w, 5);
        world_converge(w);
        sim_run_ms(w->sim, 1000);
        int32_t leader = world_leader(w);
        const struct describe_quorum_response *r = describe(w, leader, &arena);
        const struct describe_quorum_response_partition_data *p = &r->topics[0].partitions[0];
        assert_int_equal(p->error_code, 0);
        assert_int_equal(p->leader_id, leader);
        assert_int_equal(p->high_watermark, quorum_end_offset(world_quorum(w, leader)));
        assert_int_equal(p->current_voters_count, 2);
        assert_int_equal(p->observers_count, 1);
        assert_int_equal(p->observers[0].replica_id, 3);
        for (int32_t i = 0; i < 2; i++) {
            assert_int_equal(p->current_voters[i].log_end_offset, p->high_watermark);
            assert_true(p->current_voters[i].last_fetch_timestamp > 0);
            assert_int_equal(r->nodes[i].listeners[0].port, WORLD_PORT);
        }
        assert_int_equal(r->nodes_count, 2);
        p = &describe(w, 3 - leader, &arena)->topics[0].partitions[0];
        assert_int_equal(p->error_code, KAFKA_NOT_LEADER_OR_FOLLOWER);
        world_crash(w, 3 - leader);
        world_crash(w, leader);
        world_start(w, leader);
        sim_run_ms(w->sim, 100);
        arena_free(&arena);
        world_free(w);
    }
}

TEST(a_fixed_quorum_becomes_a_dynamic_one)
{
    struct world *w = world_running(9, 3, 3, true, 5);
    int32_t leader = world_leader(w);
    struct quorum *q = world_quorum(w, leader);
    const char *why = NULL;
    sim_run_ms(w->sim, 5000); /* every follower has told what it supports */
    assert_int_equal(quorum_raise_kraft_version(q, quorum_epoch(q) + 1, 1, false, &why),
                     ERR_NOT_LEADER);
    assert_ok(quorum_raise_kraft_version(q, quorum_epoch(q), 1, true, &why));
    assert_int_equal(quorum_kraft_version(q), 0);
    assert_ok(quorum_raise_kraft_version(q, quorum_epoch(q), 1, false, &why));
    assert_int_equal(quorum_kraft_version(q), 1);
    assert_int_equal(quorum_raise_kraft_version(q, quorum_epoch(q), 2, false, &why), ERR_INVALID);
    assert_non_null(why);
    world_write(w, 5);
    world_converge(w);
    sim_run_ms(w->sim, 1000);
    struct arena arena;
    arena_init(&arena, 0);
    const struct describe_quorum_response_partition_data *p =
        &describe(w, leader, &arena)->topics[0].partitions[0];
    assert_int_equal(p->current_voters_count, 3);
    assert_int_equal(p->observers_count, 0);
    for (int32_t i = 0; i < 3; i++) {
        int32_t id = p->current_voters[i].replica_id;
        assert_true(
            uuid_equal(p->current_voters[i].replica_directory_id, w->members[id].directory_id));
    }
    arena_free(&arena);
    assert_int_equal(remove_voter(w, leader, leader % 3 + 1), KAFKA_NONE);
    world_converge(w);
    world_free(w);
}

/* ---- what the wire refuses: at the top, never in the partition (kraft.md 2.13) */

static int16_t vote_error(struct world *w, struct str cluster, struct str topic, int32_t epoch)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct vote_request_partition_data p;
    vote_request_partition_data_init(&p);
    p.replica_epoch = epoch;
    p.replica_id = 2;
    struct vote_request_topic_data t = {
        .topic_name = topic, .partitions = &p, .partitions_count = 1};
    struct vote_request q;
    vote_request_init(&q);
    q.cluster_id = cluster;
    q.topics = &t;
    q.topics_count = 1;
    const struct vote_response *r = world_ask(w, 1, API_VOTE, 2, &q, &arena);
    int16_t top = r->error_code;
    if (!top) assert_int_not_equal(r->topics[0].partitions[0].error_code, KAFKA_INVALID_REQUEST);
    if (!top && r->topics[0].partitions[0].leader_id >= 0)
        assert_int_equal(r->node_endpoints_count, 1);
    arena_free(&arena);
    return top;
}

static int16_t begin_error(struct world *w, struct str cluster, struct str topic, int32_t leader)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct begin_quorum_epoch_request_partition_data p = {.leader_id = leader, .leader_epoch = 0};
    struct begin_quorum_epoch_request_topic_data t = {
        .topic_name = topic, .partitions = &p, .partitions_count = 1};
    struct begin_quorum_epoch_request q;
    begin_quorum_epoch_request_init(&q);
    q.cluster_id = cluster;
    q.topics = &t;
    q.topics_count = 1;
    const struct begin_quorum_epoch_response *r =
        world_ask(w, 1, API_BEGIN_QUORUM_EPOCH, 1, &q, &arena);
    int16_t top = r->error_code;
    if (!top) assert_int_equal(r->topics[0].partitions[0].error_code, KAFKA_FENCED_LEADER_EPOCH);
    arena_free(&arena);
    return top;
}

static int16_t end_error(struct world *w, struct str cluster, struct str topic)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct end_quorum_epoch_request_partition_data p;
    end_quorum_epoch_request_partition_data_init(&p);
    struct end_quorum_epoch_request_topic_data t = {
        .topic_name = topic, .partitions = &p, .partitions_count = 1};
    struct end_quorum_epoch_request q;
    end_quorum_epoch_request_init(&q);
    q.cluster_id = cluster;
    q.topics = &t;
    q.topics_count = 1;
    const struct end_quorum_epoch_response *r =
        world_ask(w, 1, API_END_QUORUM_EPOCH, 1, &q, &arena);
    int16_t top = r->error_code;
    if (!top) assert_int_equal(r->topics[0].partitions[0].error_code, KAFKA_FENCED_LEADER_EPOCH);
    arena_free(&arena);
    return top;
}

/* The partition's error, or 1000 and the top's. */
static int32_t fetch_error(struct world *w, struct str cluster, struct uuid topic, int32_t epoch,
                           int64_t offset, int64_t *bytes)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct fetch_request_fetch_partition p;
    fetch_request_fetch_partition_init(&p);
    p.current_leader_epoch = epoch;
    p.fetch_offset = offset;
    p.partition_max_bytes = 1 << 20;
    struct fetch_request_fetch_topic t = {
        .topic_id = topic, .partitions = &p, .partitions_count = 1};
    struct fetch_request q;
    fetch_request_init(&q);
    q.cluster_id = cluster;
    q.max_wait_ms = 100;
    q.max_bytes = 1 << 20;
    q.topics = &t;
    q.topics_count = 1;
    const struct fetch_response *r = world_ask(w, 1, API_FETCH, 17, &q, &arena);
    int32_t error = r->error_code ? 1000 + r->error_code : r->responses[0].partitions[0].error_code;
    if (!r->error_code) {
        assert_int_equal(r->responses[0].partitions[0].current_leader.leader_id, 1);
        assert_int_equal(r->node_endpoints_count, 1);
        assert_int_equal(r->node_endpoints[0].port, WORLD_PORT);
        *bytes = r->responses[0].partitions[0].records.len;
    }
    arena_free(&arena);
    return error;
}

static int32_t piece_error(struct world *w, struct str cluster, int64_t end_offset, int32_t epoch,
                           int64_t position)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct fetch_snapshot_request_partition_snapshot p = {
        .current_leader_epoch = 1, .snapshot_id = {end_offset, epoch}, .position = position};
    struct fetch_snapshot_request_topic_snapshot t = {
        .name = STR("__cluster_metadata"), .partitions = &p, .partitions_count = 1};
    struct fetch_snapshot_request q;
    fetch_snapshot_request_init(&q);
    q.cluster_id = cluster;
    q.topics = &t;
    q.topics_count = 1;
    const struct fetch_snapshot_response *r = world_ask(w, 1, API_FETCH_SNAPSHOT, 1, &q, &arena);
    int32_t error = r->error_code ? 1000 + r->error_code : r->topics[0].partitions[0].error_code;
    arena_free(&arena);
    return error;
}

TEST(what_makes_no_sense_is_refused_at_the_top)
{
    struct world *w = world_running(7, 1, 1, false, 5);
    struct str ours = STR(WORLD_CLUSTER), theirs = STR("another"), none = STR_NULL;
    struct str topic = STR("__cluster_metadata"), wrong = STR("t");
    assert_int_equal(vote_error(w, theirs, topic, 5), KAFKA_INCONSISTENT_CLUSTER_ID);
    assert_int_equal(vote_error(w, ours, wrong, 5), KAFKA_INVALID_REQUEST);
    assert_int_equal(vote_error(w, ours, topic, -1), KAFKA_INVALID_REQUEST);
    assert_int_equal(vote_error(w, none, topic, 1), KAFKA_NONE);
    assert_int_equal(begin_error(w, theirs, topic, 2), KAFKA_INCONSISTENT_CLUSTER_ID);
    assert_int_equal(begin_error(w, ours, wrong, 2), KAFKA_INVALID_REQUEST);
    assert_int_equal(begin_error(w, none, topic, 2), KAFKA_NONE);
    assert_int_equal(end_error(w, theirs, topic), KAFKA_INCONSISTENT_CLUSTER_ID);
    assert_int_equal(end_error(w, ours, wrong), KAFKA_INVALID_REQUEST);
    assert_int_equal(end_error(w, none, topic), KAFKA_NONE);
    int64_t bytes = 0;
    struct uuid id = UUID_METADATA_TOPIC;
    assert_int_equal(fetch_error(w, theirs, id, 1, 0, &bytes),
                     1000 + KAFKA_INCONSISTENT_CLUSTER_ID);
    assert_int_equal(fetch_error(w, ours, UUID_ZERO, 1, 0, &bytes), 1000 + KAFKA_INVALID_REQUEST);
    assert_int_equal(fetch_error(w, ours, id, 1, -5, &bytes), 1000 + KAFKA_INVALID_REQUEST);
    assert_int_equal(fetch_error(w, ours, id, 0, 0, &bytes), KAFKA_FENCED_LEADER_EPOCH);
    assert_int_equal(fetch_error(w, ours, id, 9, 0, &bytes), KAFKA_UNKNOWN_LEADER_EPOCH);
    assert_int_equal(fetch_error(w, none, id, 1, 0, &bytes), KAFKA_NONE);
    assert_true(bytes > 300);
    world_snapshot(w, 1);
    int64_t end = w->members[1].told_end;
    assert_int_equal(piece_error(w, theirs, end, 1, 0), 1000 + KAFKA_INCONSISTENT_CLUSTER_ID);
    assert_int_equal(piece_error(w, ours, end, 1, 0), KAFKA_NONE);
    assert_int_equal(piece_error(w, ours, end, 2, 0), KAFKA_SNAPSHOT_NOT_FOUND);
    assert_int_equal(piece_error(w, ours, 0, 0, 0), KAFKA_SNAPSHOT_NOT_FOUND);
    assert_int_equal(piece_error(w, ours, end, 1, 1 << 20), KAFKA_POSITION_OUT_OF_RANGE);
    assert_int_equal(piece_error(w, ours, end, 1, -1), KAFKA_POSITION_OUT_OF_RANGE);
    world_free(w);
}

TEST(an_append_of_several_batches_is_all_or_none)
{
    enum { RECORDS = 600, VALUE_BYTES = 30 << 10 };
    struct world *w = world_running(8, 1, 1, false, 5);
    struct quorum *q = world_quorum(w, 1);
    static char value[VALUE_BYTES];
    memset(value, 'x', sizeof value);
    static struct metadata_record records[RECORDS];
    for (int i = 0; i < RECORDS; i++) {
        metadata_record_init(&records[i], METADATA_RECORD_CONFIG, 0);
        records[i].u.config.name = STR("k");
        records[i].u.config.resource_name = STR("r");
        records[i].u.config.value = (struct str){value, VALUE_BYTES};
    }
    int64_t end = quorum_end_offset(q), first;
    assert_int_equal(quorum_append(q, 1, records, RECORDS, true, &first), ERR_TOO_LARGE);
    assert_int_equal(quorum_end_offset(q), end);
    sim_disk_budget(w->members[1].machine, sim_disk_used(w->members[1].machine) + (12 << 20));
    assert_int_equal(quorum_append(q, 1, records, RECORDS, false, &first), ERR_NO_SPACE);
    assert_int_equal(quorum_end_offset(q), end);
    sim_disk_budget(w->members[1].machine, -1);
    assert_ok(quorum_append(q, 1, records, RECORDS, false, &first));
    assert_int_equal(first, end);
    assert_int_equal(quorum_end_offset(q), end + RECORDS);
    w->members[1].feed.wants_committed = false; /* these are not the world's */
    world_free(w);
}
