/* The coordinator over a log in memory, under simulated time: requests, records, elections. */
#include "coordinator_members.h"
#include "group/hash.h"

/* ---- OffsetCommit and OffsetFetch */

TEST(a_committed_offset_is_fetched_and_survives_an_election)
{
    struct node n;
    struct ask a;
    node_new(&n);
    commit(&n, &a, "g", "t", 42);
    assert_int_equal(a.answers, 1);
    assert_int_equal(a.error, 0);
    fetch(&n, &a, "g", "t", false);
    assert_string_equal(a.text, "t-0=42+note ");
    fail_over(&n, 2);
    fetch(&n, &a, "g", "t", true);
    assert_string_equal(a.text, "t-0=42+note ");
    fetch(&n, &a, "g", NULL, false);
    assert_string_equal(a.text, "t-0=42+note ");
    fetch(&n, &a, "other", "t", false);
    assert_string_equal(a.text, "t-0=-1 ");
    assert_int_equal(a.error, 0);
    node_free(&n);
}

TEST(a_commit_is_answered_and_seen_only_when_it_has_committed)
{
    struct node n;
    struct ask a, b, stable;
    node_new(&n);
    commit(&n, &a, "g", "t", 1);
    n.log.hold = true;
    commit(&n, &b, "g", "t", 2);
    assert_int_equal(b.answers, 0);
    fetch(&n, &a, "g", "t", false);
    assert_int_equal(a.value, 1);
    fetch(&n, &stable, "g", "t", true); /* waits for what is on its way */
    assert_int_equal(stable.answers, 0);
    commit_up_to(&n, 2);
    assert_int_equal(b.answers, 1);
    assert_int_equal(stable.value, 2);
    node_free(&n);
}

TEST(while_loading_clients_hear_loading_and_never_that_there_is_no_offset)
{
    struct node n;
    struct ask a;
    node_new(&n);
    commit(&n, &a, "g", "t", 42);
    group_coordinator_resigned(n.groups, 0);
    fetch(&n, &a, "g", "t", false);
    assert_int_equal(a.error, KAFKA_NOT_COORDINATOR);
    group_coordinator_elected(n.groups, 0, 2, &n.log.log);
    fetch(&n, &a, "g", "t", false);
    assert_int_equal(a.error, KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
    assert_string_equal(a.text, "");
    commit(&n, &a, "g", "t", 43); /* the loop turns: loaded */
    assert_int_equal(a.error, KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
    fetch(&n, &a, "g", "t", false);
    assert_int_equal(a.value, 42);
    node_free(&n);
}

TEST(a_commit_that_the_log_refuses_or_never_replicates_is_an_error_a_client_retries)
{
    struct node n;
    struct ask a;
    node_new(&n);
    n.log.refuse = KAFKA_NOT_ENOUGH_REPLICAS;
    commit(&n, &a, "g", "t", 1);
    assert_int_equal(a.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    n.log.refuse = KAFKA_NONE;
    n.log.hold = true;
    commit(&n, &a, "g", "t", 2);
    sim_run_ms(n.sim, 5001); /* offsets.commit.timeout.ms */
    assert_int_equal(a.answers, 1);
    assert_int_equal(a.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    n.log.hold = false;
    commit_up_to(&n, n.log.end);
    fetch(&n, &a, "g", "t", false);
    assert_int_equal(a.value, 2); /* its outcome was unknown; it was in the log */
    node_free(&n);
}

TEST(a_commit_in_flight_is_answered_when_leadership_goes)
{
    struct node n;
    struct ask a;
    node_new(&n);
    n.log.hold = true;
    commit(&n, &a, "g", "t", 1);
    group_coordinator_resigned(n.groups, 0);
    assert_int_equal(a.answers, 1);
    assert_int_equal(a.error, KAFKA_NOT_COORDINATOR);
    node_free(&n);
}

TEST(commits_to_groups_that_do_not_exist)
{
    struct node n;
    struct ask a;
    node_new(&n);
    struct offset_commit_request *rq = commit_request(&n, "g", "t", 0, 1);
    rq->generation_id_or_member_epoch = 3;
    group_coordinator_commit(n.groups, rq, ask_by(&n, &a, 9, committed));
    assert_int_equal(a.error, KAFKA_GROUP_ID_NOT_FOUND);
    group_coordinator_commit(n.groups, rq, ask_by(&n, &a, 8, committed));
    assert_int_equal(a.error, KAFKA_ILLEGAL_GENERATION);
    node_free(&n);
}

TEST(metadata_is_bounded_in_utf_16_units_per_partition)
{
    struct node n;
    struct ask a;
    char text[101 * 4 + 1] = "";
    node_new(&n);
    struct offset_commit_request *rq = commit_request(&n, "g", "t", 0, 1);
    for (int i = 0; i < 50; i++) strcat(text, "\xf0\x9f\x98\x80"); /* 100 units */
    rq->topics[0].partitions[0].committed_metadata = str_of(text);
    group_coordinator_commit(n.groups, rq, ask_by(&n, &a, 9, committed));
    sim_run_ms(n.sim, 1);
    assert_int_equal(a.error, KAFKA_NONE);
    strcat(text, "x");
    rq->topics[0].partitions[0].committed_metadata = str_of(text);
    group_coordinator_commit(n.groups, rq, ask_by(&n, &a, 9, committed));
    assert_int_equal(a.error, KAFKA_OFFSET_METADATA_TOO_LARGE);
    assert_int_equal(n.log.appends, 1);
    node_free(&n);
}

TEST(an_offset_of_an_earlier_topic_of_the_same_name_is_none)
{
    struct node n;
    struct ask a;
    node_new(&n);
    struct offset_commit_request *rq = commit_request(&n, "g", "t", 0, 9);
    rq->topics[0].topic_id = UUID_SMALL(7);
    group_coordinator_commit(n.groups, rq, ask_by(&n, &a, 10, committed));
    sim_run_ms(n.sim, 1);
    for (int i = 6; i < 8; i++) {
        struct offset_fetch_request_group f;
        int32_t zero = 0;
        struct offset_fetch_request_topics t = {.name = STR("t"),
                                                .topic_id = {{[15] = (uint8_t)i}},
                                                .partition_indexes = &zero,
                                                .partition_indexes_count = 1};
        offset_fetch_request_group_init(&f);
        f.group_id = STR("g");
        f.topics = &t;
        f.topics_count = 1;
        group_coordinator_fetch(n.groups, &f, false, ask_by(&n, &a, 10, fetched));
        assert_int_equal(a.value, i == 7 ? 9 : -1);
    }
    node_free(&n);
}

/* ---- records as another broker, or an older Kafka, left them */

static struct batch_options transaction(int64_t producer_id)
{
    struct batch_options o = BATCH_OPTIONS_DEFAULT;
    o.attributes = BATCH_TRANSACTIONAL;
    o.producer_id = producer_id;
    o.producer_epoch = 0;
    return o;
}

static void put_marker(struct node *n, int64_t producer_id, bool commits)
{
    uint8_t marker[END_TXN_MARKER_BYTES];
    batch_build_end_txn_marker(marker, 1, producer_id, 0, commits, 0);
    memory_log_put(&n->log, marker, sizeof marker);
}

TEST(offsets_of_transactions_count_from_their_commit_and_hold_stable_fetches_until_then)
{
    struct node n;
    struct ask a;
    struct batch_options nine = transaction(9), ten = transaction(10), eleven = transaction(11);
    node_init(&n);
    put_record(&n, offset_record(&n, "open", 3), &BATCH_OPTIONS_DEFAULT);
    put_record(&n, offset_record(&n, "committed", 1), &nine);
    put_record(&n, offset_record(&n, "aborted", 1), &ten);
    put_record(&n, offset_record(&n, "open", 4), &eleven);
    put_record(&n, offset_record(&n, "overtaken", 1), &nine);
    put_record(&n, offset_record(&n, "overtaken", 2), &BATCH_OPTIONS_DEFAULT);
    put_marker(&n, 9, true);
    put_marker(&n, 10, false);
    elect(&n, 1);
    fetch(&n, &a, "g", NULL, false);
    assert_string_equal(a.text, "open-0=3 committed-0=1 overtaken-0=2 ");
    fetch(&n, &a, "g", "open", true);
    assert_string_equal(a.text, "open-0=-1 unstable ");
    fetch(&n, &a, "g", "aborted", true);
    assert_string_equal(a.text, "aborted-0=-1 ");
    node_free(&n);
}

TEST(what_this_release_does_not_know_is_passed_over_and_groups_of_new_protocols_are_seen)
{
    struct node n;
    struct ask a;
    node_init(&n);
    /* A key type of the future; a consumer group (type 3, version 0: epoch 1, no tags); noise. */
    put_record(&n, (struct rsm_record){bytes_of("\x00\x63zzz", 5), bytes_of("\0\0", 2)},
               &BATCH_OPTIONS_DEFAULT);
    put_record(&n,
               (struct rsm_record){bytes_of("\x00\x03\x00\x03new", 7),
                                   bytes_of("\x00\x00\x00\x00\x00\x01\x00", 7)},
               &BATCH_OPTIONS_DEFAULT);
    put_record(&n, (struct rsm_record){bytes_of("\x00\x01\x00", 3), bytes_of("\0\3", 2)},
               &BATCH_OPTIONS_DEFAULT);
    put_record(&n, offset_record(&n, "t", 5), &BATCH_OPTIONS_DEFAULT);
    elect(&n, 1);
    list(&n, &a, NULL, NULL);
    assert_string_equal(a.text, "new:consumer:Empty:consumer g::Empty:classic ");
    list(&n, &a, NULL, "Classic");
    assert_string_equal(a.text, "g::Empty:classic ");
    list(&n, &a, " empty ", NULL);
    assert_int_equal(a.value, 2);
    list(&n, &a, "stable", NULL);
    assert_int_equal(a.value, 0);
    node_free(&n);
}

/* ---- membership through the coordinator */

TEST(a_consumer_joins_syncs_and_goes_on_after_an_election_without_a_rebalance)
{
    struct node n;
    struct probe p;
    char member[TEXT_MAX];
    node_new(&n);
    alone(&n, member);
    fail_over(&n, 2);
    assert_int_equal(heartbeat(&n, "group", member, 1), KAFKA_NONE);
    sync_all(&n, &p, member, 1, NULL, NULL);
    assert_string_equal(p.assignment, "mine");
    sim_run_ms(n.sim, 10001); /* silence: the loaded member's session runs out too */
    assert_int_equal(heartbeat(&n, "group", member, 1), KAFKA_UNKNOWN_MEMBER_ID);
    node_free(&n);
}

TEST(requests_that_no_group_can_answer)
{
    struct node n;
    struct probe p;
    node_new(&n);
    assert_int_equal(heartbeat(&n, "", "m", 1), KAFKA_INVALID_GROUP_ID);
    assert_int_equal(heartbeat(&n, "group", "m", 1), KAFKA_UNKNOWN_MEMBER_ID);
    join(&n, &p, (struct joining){.session_ms = 9});
    assert_int_equal(p.error, KAFKA_INVALID_SESSION_TIMEOUT);
    join(&n, &p, (struct joining){.session_ms = 600001});
    assert_int_equal(p.error, KAFKA_INVALID_SESSION_TIMEOUT);
    join(&n, &p, (struct joining){.member = "who"});
    assert_int_equal(p.error, KAFKA_UNKNOWN_MEMBER_ID);
    join(&n, &p, (struct joining){.protocols = ""});
    assert_int_equal(p.error, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    assert_int_equal(n.log.appends, 0); /* none of these makes a group */
    sync_all(&n, &p, "m", 1, NULL, NULL);
    assert_int_equal(p.error, KAFKA_UNKNOWN_MEMBER_ID);
    group_coordinator_resigned(n.groups, 0);
    assert_int_equal(heartbeat(&n, "group", "m", 1), KAFKA_NOT_COORDINATOR);
    group_coordinator_elected(n.groups, 0, 2, &n.log.log);
    assert_int_equal(heartbeat(&n, "group", "m", 1),
                     KAFKA_NONE); /* loading: nobody is thrown out */
    node_free(&n);
}

TEST(parked_members_are_answered_when_leadership_goes)
{
    struct node n;
    struct probe p;
    node_new(&n);
    join(&n, &p, (struct joining){.version = 3});
    assert_int_equal(p.answers, 0);
    group_coordinator_resigned(n.groups, 0);
    assert_int_equal(p.answers, 1);
    assert_int_equal(p.error, KAFKA_NOT_COORDINATOR);
    node_free(&n);
}

TEST(an_assignment_that_the_log_refuses_sends_the_member_back_to_join)
{
    struct node n;
    struct probe p;
    node_new(&n);
    join(&n, &p, (struct joining){.version = 3, .protocols = "range:t"});
    sim_run_ms(n.sim, 3001);
    char member[TEXT_MAX];
    snprintf(member, sizeof member, "%s", p.member_id);
    n.log.refuse = KAFKA_NOT_ENOUGH_REPLICAS;
    sync_all(&n, &p, member, 1, member, "mine");
    assert_int_equal(p.answers, 0); /* not inside the call */
    sim_run_ms(n.sim, 1);
    assert_int_equal(p.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(heartbeat(&n, "group", member, 1), KAFKA_REBALANCE_IN_PROGRESS);
    node_free(&n);
}

static void left(struct group_call *call, const void *response)
{
    const struct leave_group_response *r = response;
    struct ask *a = asked(call);
    a->error = r->error_code;
    a->value = r->members_count;
    if (r->members_count > 0) snprintf(a->text, 20, "%d", r->members[0].error_code);
}

TEST(before_version_3_the_one_who_leaves_hears_its_error_on_top)
{
    struct node n;
    struct ask a;
    char member[TEXT_MAX];
    node_new(&n);
    alone(&n, member);
    struct leave_group_request rq;
    leave_group_request_init(&rq);
    rq.group_id = STR("group");
    rq.member_id = STR("who");
    group_coordinator_leave(n.groups, &rq, ask_by(&n, &a, 2, left));
    assert_int_equal(a.error, KAFKA_UNKNOWN_MEMBER_ID);
    struct leave_group_request_member_identity who = {.member_id = STR("who"),
                                                      .group_instance_id = STR_NULL};
    rq.members = &who;
    rq.members_count = 1;
    group_coordinator_leave(n.groups, &rq, ask_by(&n, &a, 5, left));
    assert_int_equal(a.error, 0);
    assert_string_equal(a.text, "25");
    rq.group_id = STR("nowhere");
    group_coordinator_leave(n.groups, &rq, ask_by(&n, &a, 5, left));
    assert_int_equal(a.error, 0);
    assert_string_equal(a.text, "25");
    rq.group_id = STR("group");
    rq.member_id = str_of(member);
    group_coordinator_leave(n.groups, &rq, ask_by(&n, &a, 1, left));
    assert_int_equal(a.error, 0);
    list(&n, &a, NULL, NULL);
    assert_string_equal(a.text, "group:consumer:Empty:classic ");
    node_free(&n);
}

TEST(groups_are_described_with_their_members_and_missing_ones_by_version)
{
    struct node n;
    struct ask a;
    char member[TEXT_MAX];
    node_new(&n);
    alone(&n, member);
    describe(&n, &a, "group", 5);
    assert_string_equal(a.text, "Stable consumer range");
    assert_int_equal(a.value, 1);
    describe(&n, &a, "none", 5);
    assert_string_equal(a.text, "Dead  ");
    assert_int_equal(a.error, 0);
    describe(&n, &a, "none", 6);
    assert_int_equal(a.error, KAFKA_GROUP_ID_NOT_FOUND);
    group_coordinator_resigned(n.groups, 0);
    describe(&n, &a, "group", 5);
    assert_int_equal(a.error, KAFKA_NOT_COORDINATOR);
    node_free(&n);
}

static void counted(struct group_call *call, const void *response)
{
    const struct describe_groups_response *r = response;
    asked(call)->value = r->groups_count;
}

TEST(a_group_is_described_once_however_often_it_is_named)
{
    struct node n;
    struct ask a;
    struct str groups[] = {STR("one"), STR("two"), STR("one"), STR(""), STR("two"), STR("")};
    struct describe_groups_request rq;
    node_new(&n);
    describe_groups_request_init(&rq);
    rq.groups = groups;
    rq.groups_count = 6;
    group_coordinator_describe(n.groups, &rq, ask_by(&n, &a, 6, counted));
    assert_int_equal(a.value, 3);
    node_free(&n);
}

/* ---- the whole */

TEST(groups_live_in_the_partition_their_hash_names)
{
    struct node n;
    node_init(&n);
    group_coordinator_set_partitions(n.groups, 50);
    assert_int_equal(group_coordinator_partition(n.groups, STR("a")), 47);
    elect(&n, 1); /* leads partition 0 only */
    assert_int_equal(heartbeat(&n, "a", "m", 1), KAFKA_NOT_COORDINATOR);
    assert_int_equal(heartbeat(&n, "polygenelubricants", "m", 1), KAFKA_UNKNOWN_MEMBER_ID);
    node_free(&n);
}
