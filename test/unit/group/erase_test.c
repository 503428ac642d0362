/* What goes: groups that are deleted, offsets that expire, what other protocols and topics that are
 * gone have left. */
#include "coordinator_members.h"
#include "group/shard.h"

/* ---- deleting */

static void groups_deleted(struct group_call *call, const void *response)
{
    const struct delete_groups_response *r = response;
    struct ask *a = asked(call);
    for (int32_t i = 0; i < r->results_count; i++) {
        size_t len = strlen(a->text);
        snprintf(a->text + len, sizeof a->text - len, "%.*s=%d ", STR_ARG(r->results[i].group_id),
                 r->results[i].error_code);
    }
}

static void delete_groups(struct node *n, struct ask *a, const char *one, const char *two)
{
    struct delete_groups_request *rq = ARENA_NEW(&n->arena, struct delete_groups_request);
    delete_groups_request_init(rq);
    rq->groups_names = ARENA_ARRAY(&n->arena, struct str, 2);
    rq->groups_names[0] = str_of(one);
    rq->groups_names[1] = str_of(two);
    rq->groups_names_count = 2;
    group_coordinator_delete_groups(n->groups, rq, ask_by(n, a, 2, groups_deleted));
}

/* ---- what the consumer protocol left (KIP-848) */

static void put_key(struct node *n, const struct group_record_key *key,
                    const struct group_record_value *value)
{
    struct out out;
    uint8_t bytes[2][256];
    out_init(&out);
    group_record_key_encode(key, &out);
    struct rsm_record r = {.key = {bytes[0], out.len}};
    out_flatten(&out, bytes[0]);
    out_reset(&out);
    group_record_value_encode(value, &out);
    r.value = (struct bytes){bytes[1], out.len};
    out_flatten(&out, bytes[1]);
    out_free(&out);
    put_record(n, r, &BATCH_OPTIONS_DEFAULT);
}

/* As a broker leaves it that was killed: two members, one pattern, in Kafka's order. */
static void put_consumer_group(struct node *n, struct str id)
{
    static const enum group_record_type types[] = {
        GROUP_RECORD_CONSUMER_GROUP_MEMBER_METADATA,
        GROUP_RECORD_CONSUMER_GROUP_REGULAR_EXPRESSION,
        GROUP_RECORD_CONSUMER_GROUP_METADATA,
        GROUP_RECORD_CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER,
        GROUP_RECORD_CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA,
        GROUP_RECORD_CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT,
    };
    for (int member = 0; member < 2; member++)
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
            struct group_record_key key;
            struct group_record_value value;
            group_record_key_init(&key, (int16_t)types[i]);
            group_record_value_init(&value, (int16_t)types[i], 0);
            struct str name = member ? STR("second") : STR("first");
            if (i == 0) key.u.consumer_group_member_metadata.member_id = name;
            if (i == 1) key.u.consumer_group_regular_expression.regular_expression = STR("a.*");
            if (i == 3) key.u.consumer_group_target_assignment_member.member_id = name;
            if (i == 5) key.u.consumer_group_current_member_assignment.member_id = name;
            key.u.consumer_group_metadata.group_id = id; /* the first field of each */
            put_key(n, &key, &value);
        }
}

/* The types of the tombstones in the log, each "type" or "type:member". */
static void tombstones(struct node *n, char *text, size_t size)
{
    text[0] = '\0';
    struct batch_header h;
    for (size_t at = 0; at < n->log.bytes.len; at += (size_t)h.size) {
        const uint8_t *batch = n->log.bytes.data + at;
        assert_ok(batch_parse(bytes_of(batch, n->log.bytes.len - at), &h));
        struct record_iterator it;
        struct record r;
        bool more;
        record_iterator_init(
            &it, &h, (struct bytes){batch + BATCH_HEADER_BYTES, h.size - BATCH_HEADER_BYTES});
        while (record_iterator_next(&it, &r, &more) == ERR_OK && more) {
            struct group_record_key key;
            if (r.value.len >= 0) continue;
            assert_ok(group_record_key_decode(&key, r.key, &n->arena));
            size_t len = strlen(text);
            struct str member = STR("");
            if (key.type == GROUP_RECORD_CONSUMER_GROUP_MEMBER_METADATA)
                member = key.u.consumer_group_member_metadata.member_id;
            snprintf(text + len, size - len, "%d%.*s ", key.type, STR_ARG(member));
        }
    }
}

/* Nor does the next coordinator find one in the log. */
static void no_group_is_left(struct node *n, struct ask *a)
{
    fail_over(n, 2);
    list(n, a, NULL, NULL);
    assert_string_equal(a->text, "");
}

TEST(a_group_that_the_consumer_protocol_left_is_turned_into_a_classic_one_by_who_joins)
{
    struct node n;
    struct ask a;
    struct probe p;
    char member[TEXT_MAX], text[TEXT_MAX];
    node_init(&n);
    put_consumer_group(&n, STR("group"));
    elect(&n, 1);
    commit(&n, &a, "group", "t", 7); /* its position, as a tool sets it */
    assert_int_equal(a.error, 0);
    describe(&n, &a, "group", 6);
    assert_int_equal(a.error, 0);
    assert_string_equal(a.text, "Empty consumer ");
    join(&n, &p, (struct joining){.member = "first", .protocols = "range:t"});
    assert_int_equal(p.error, KAFKA_UNKNOWN_MEMBER_ID);

    n.log.hold = true;
    join(&n, &p, (struct joining){.protocols = "range:t"});
    assert_int_equal(p.error, KAFKA_COORDINATOR_LOAD_IN_PROGRESS); /* clients come again */
    join(&n, &p, (struct joining){.protocols = "range:t"});
    assert_int_equal(p.error, KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
    delete_groups(&n, &a, "group", "none");
    assert_string_equal(a.text, "group=68 none=69 ");
    n.log.hold = false;
    commit_up_to(&n, n.log.end);
    tombstones(&n, text, sizeof text);
    /* once; assignments before their member, all before the group, or an Apache Kafka refuses */
    assert_string_equal(text, "8 7 5first 8 7 5second 16 6 4 3 ");

    alone(&n, member);
    fetch(&n, &a, "group", "t", false);
    assert_int_equal(a.value, 7);
    fail_over(&n, 2);
    list(&n, &a, NULL, NULL);
    assert_string_equal(a.text, "group:consumer:Stable:classic ");
    assert_int_equal(heartbeat(&n, "group", member, 1), KAFKA_NONE);
    node_free(&n);
}

TEST(a_group_that_the_consumer_protocol_left_stays_one_when_the_log_refuses)
{
    struct node n;
    struct ask a;
    struct probe p;
    node_init(&n);
    put_consumer_group(&n, STR("group"));
    elect(&n, 1);
    n.log.refuse = KAFKA_NOT_ENOUGH_REPLICAS;
    join(&n, &p, (struct joining){.protocols = "range:t"});
    sim_run_ms(n.sim, 1);
    assert_int_equal(p.error, KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
    list(&n, &a, NULL, "consumer");
    assert_string_equal(a.text, "group:consumer:Empty:consumer ");
    n.log.refuse = KAFKA_NONE;
    join(&n, &p, (struct joining){.protocols = "range:t"});
    sim_run_ms(n.sim, 1);
    list(&n, &a, NULL, NULL); /* it had no offsets */
    assert_string_equal(a.text, "");
    join(&n, &p, (struct joining){.protocols = "range:t"});
    assert_int_equal(p.error, KAFKA_MEMBER_ID_REQUIRED);
    node_free(&n);
}

TEST(deleting_a_group_takes_its_offsets_and_what_was_on_its_way)
{
    struct node n;
    struct ask a, b, c;
    char member[TEXT_MAX];
    node_new(&n);
    alone(&n, member);
    commit(&n, &a, "g", "t", 1);
    n.log.hold = true;
    commit(&n, &b, "g", "u", 2); /* in flight */
    delete_groups(&n, &a, "g", "group");
    assert_int_equal(a.answers, 0);
    commit(&n, &c, "g", "v", 3); /* too late */
    assert_int_equal(c.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    commit_up_to(&n, n.log.end);
    commit_up_to(&n, n.log.end);
    assert_int_equal(b.error, 0);
    assert_string_equal(a.text, "g=0 group=68 ");
    fetch(&n, &b, "g", NULL, false);
    assert_string_equal(b.text, "");
    describe(&n, &b, "g", 6);
    assert_int_equal(b.error, KAFKA_GROUP_ID_NOT_FOUND);
    n.log.hold = false;
    fail_over(&n, 2);
    list(&n, &b, NULL, NULL);
    assert_string_equal(b.text, "group:consumer:Stable:classic ");
    delete_groups(&n, &a, "g", "g");
    assert_string_equal(a.text, "g=69 g=69 ");
    node_free(&n);
}

TEST(a_group_that_the_consumer_protocol_left_can_be_deleted)
{
    struct node n;
    struct ask a;
    char text[TEXT_MAX];
    node_init(&n);
    put_consumer_group(&n, STR("group"));
    elect(&n, 1);
    commit(&n, &a, "group", "t", 7);
    delete_groups(&n, &a, "group", "none");
    sim_run_ms(n.sim, 1);
    assert_string_equal(a.text, "group=0 none=69 ");
    tombstones(&n, text, sizeof text);
    assert_string_equal(text, "1 8 7 5first 8 7 5second 16 6 4 3 ");
    no_group_is_left(&n, &a);
    node_free(&n);
}

TEST(a_group_whose_tombstone_fails_lives_on)
{
    struct node n;
    struct ask a;
    node_new(&n);
    commit(&n, &a, "g", "t", 1);
    n.log.refuse = KAFKA_NOT_ENOUGH_REPLICAS;
    delete_groups(&n, &a, "g", "x");
    sim_run_ms(n.sim, 1);
    assert_string_equal(a.text, "g=15 x=69 ");
    n.log.refuse = KAFKA_NONE;
    commit(&n, &a, "g", "t", 2);
    assert_int_equal(a.error, 0);
    fetch(&n, &a, "g", "t", false);
    assert_int_equal(a.value, 2);
    node_free(&n);
}

/* A deletion whose tombstones are in the log and not on the followers in time. */
static void delete_too_slowly(struct node *n, const char *group)
{
    struct ask a;
    n->log.hold = true;
    delete_groups(n, &a, group, "none");
    sim_run_ms(n->sim, 5001); /* offsets.commit.timeout.ms */
    char text[TEXT_MAX];
    snprintf(text, sizeof text, "%s=15 none=69 ", group);
    assert_string_equal(a.text, text);
}

TEST(a_group_is_deleted_again_while_its_tombstones_are_on_their_way)
{
    struct node n;
    struct ask a, again;
    node_new(&n);
    commit(&n, &a, "g", "t", 1);
    delete_too_slowly(&n, "g");
    delete_groups(&n, &again, "g", "none");
    commit_up_to(&n, n.log.end);
    assert_string_equal(again.text, "g=69 none=69 ");
    list(&n, &a, NULL, NULL);
    assert_int_equal(a.value, 0);
    node_free(&n);
}

TEST(a_commit_behind_tombstones_that_took_too_long_begins_the_group_anew)
{
    struct node n;
    struct ask a, b;
    node_new(&n);
    commit(&n, &a, "g", "t", 1);
    delete_too_slowly(&n, "g");
    int64_t tombstones = n.log.end;
    commit(&n, &b, "g", "u", 2);
    commit_up_to(&n, tombstones);
    assert_int_equal(b.answers, 0);
    delete_groups(&n, &a, "g", "none");
    commit_up_to(&n, n.log.end);
    assert_int_equal(b.error, 0);
    fetch(&n, &b, "g", NULL, false);
    assert_string_equal(b.text, "u-0=2+note ");
    commit_up_to(&n, n.log.end);
    assert_string_equal(a.text, "g=0 none=69 ");
    fetch(&n, &b, "g", NULL, false);
    assert_string_equal(b.text, "");
    node_free(&n);
}

TEST(a_deletion_that_an_earlier_one_overtakes_is_tried_again_by_its_client)
{
    struct node n;
    struct ask a, b;
    node_new(&n);
    commit(&n, &a, "g", "t", 1);
    delete_too_slowly(&n, "g");
    int64_t tombstones = n.log.end;
    commit(&n, &b, "g", "u", 2);
    delete_groups(&n, &a, "g", "none");
    commit_up_to(&n, tombstones); /* the first one's: the group is no longer about to go */
    commit_up_to(&n, n.log.end);
    assert_string_equal(a.text, "g=15 none=69 ");
    fetch(&n, &b, "g", NULL, false);
    assert_string_equal(b.text, "u-0=2+note ");
    node_free(&n);
}

static void offsets_deleted(struct group_call *call, const void *response)
{
    const struct offset_delete_response *r = response;
    struct ask *a = asked(call);
    a->error = r->error_code;
    if (r->topics_count > 0) a->value = r->topics[0].partitions[0].error_code;
}

static void delete_offset(struct node *n, struct ask *a, const char *group, const char *topic)
{
    struct offset_delete_request *rq = ARENA_NEW(&n->arena, struct offset_delete_request);
    offset_delete_request_init(rq);
    rq->group_id = str_of(group);
    rq->topics = offset_delete_request_topic_new(&n->arena, 1);
    rq->topics_count = 1;
    rq->topics[0].name = str_of(topic);
    rq->topics[0].partitions = offset_delete_request_partition_new(&n->arena, 1);
    rq->topics[0].partitions_count = 1;
    group_coordinator_delete_offsets(n->groups, rq, ask_by(n, a, 0, offsets_deleted));
    sim_run_ms(n->sim, 2);
}

TEST(offsets_are_deleted_unless_the_group_consumes_their_topic)
{
    struct node n;
    struct ask a;
    char member[TEXT_MAX];
    node_new(&n);
    alone(&n, member); /* subscribes to "t" */
    for (int i = 0; i < 2; i++) {
        struct offset_commit_request *rq = commit_request(&n, "group", i ? "t" : "old", 0, 8);
        rq->member_id = str_of(member);
        rq->generation_id_or_member_epoch = 1;
        group_coordinator_commit(n.groups, rq, ask_by(&n, &a, 9, committed));
        sim_run_ms(n.sim, 1);
        assert_int_equal(a.error, 0);
    }
    delete_offset(&n, &a, "none", "t");
    assert_int_equal(a.error, KAFKA_GROUP_ID_NOT_FOUND);
    delete_offset(&n, &a, "group", "t");
    assert_int_equal(a.value, KAFKA_GROUP_SUBSCRIBED_TO_TOPIC);
    delete_offset(&n, &a, "group", "old");
    assert_int_equal(a.value, 0);
    fetch(&n, &a, "group", NULL, false);
    assert_string_equal(a.text, "t-0=8+note ");
    fail_over(&n, 2);
    fetch(&n, &a, "group", NULL, false);
    assert_string_equal(a.text, "t-0=8+note ");
    node_free(&n);
}

TEST(offsets_of_deleted_topics_go_but_not_those_of_a_newer_topic_of_that_name)
{
    struct node n;
    struct ask a;
    node_new(&n);
    commit(&n, &a, "g", "legacy", 1); /* without an id */
    struct offset_commit_request *rq = commit_request(&n, "g", "again", 0, 2);
    rq->topics[0].topic_id = UUID_SMALL(9);
    group_coordinator_commit(n.groups, rq, ask_by(&n, &a, 10, committed));
    commit(&n, &a, "g", "other", 3);
    struct group_deleted_topic gone[2] = {{STR("legacy"), UUID_SMALL(1)},
                                          {STR("again"), UUID_SMALL(2)}};
    group_coordinator_topics_deleted(n.groups, gone, 2);
    sim_run_ms(n.sim, 2);
    fetch(&n, &a, "g", NULL, false);
    /* "again" has the id of a later topic than the one deleted. */
    assert_non_null(strstr(a.text, "again-0=2"));
    assert_non_null(strstr(a.text, "other-0=3"));
    assert_null(strstr(a.text, "legacy"));
    node_free(&n);
}

/* ---- expiry */

TEST(offsets_of_simple_groups_expire_and_take_their_group_along)
{
    struct node n;
    struct ask a;
    node_new(&n);
    commit(&n, &a, "g", "t", 1);
    sim_run_ms(n.sim, 940000);
    commit(&n, &a, "h", "t", 1);
    fetch(&n, &a, "g", "t", false);
    assert_int_equal(a.value, 1);
    sim_run_ms(n.sim, 120000); /* retention 1,000 s, looked at every 60 s */
    list(&n, &a, NULL, NULL);
    assert_string_equal(a.text, "h::Empty:classic ");
    fetch(&n, &a, "g", "t", false);
    assert_int_equal(a.value, -1);
    fail_over(&n, 2);
    list(&n, &a, NULL, NULL);
    assert_string_equal(a.text, "h::Empty:classic ");
    node_free(&n);
}

TEST(the_longest_retention_that_a_client_can_name_never_ends)
{
    struct node n;
    struct ask a;
    node_new(&n);
    struct offset_commit_request *rq = commit_request(&n, "g", "t", 0, 1);
    rq->retention_time_ms = INT64_MAX;
    group_coordinator_commit(n.groups, rq, ask_by(&n, &a, 4, committed));
    sim_run_ms(n.sim, 1100000); /* retention 1,000 s */
    fetch(&n, &a, "g", "t", false);
    assert_int_equal(a.value, 1);
    node_free(&n);
}

TEST(expiry_passes_over_a_group_with_a_commit_on_its_way)
{
    struct node n;
    struct ask a, b;
    node_new(&n);
    n.settings.commit_timeout_ms = 5000;
    commit(&n, &a, "g", "t", 1);
    sim_run_ms(n.sim, 1019000); /* due at 1,000 s, looked for at 1,020 s */
    n.log.hold = true;
    commit(&n, &b, "g", "t", 2);
    sim_run_ms(n.sim, 2000); /* the look falls between */
    commit_up_to(&n, n.log.end);
    commit_up_to(&n, n.log.end); /* what the look has written, if anything */
    assert_int_equal(b.error, 0);
    fetch(&n, &a, "g", "t", false);
    assert_int_equal(a.value, 2);
    node_free(&n);
}

TEST(a_live_group_keeps_the_offsets_of_what_it_consumes_and_loses_the_rest)
{
    struct node n;
    struct ask a;
    char member[TEXT_MAX];
    node_new(&n);
    alone(&n, member);
    for (int i = 0; i < 2; i++) {
        struct offset_commit_request *rq = commit_request(&n, "group", i ? "t" : "old", 0, 8);
        rq->member_id = str_of(member);
        rq->generation_id_or_member_epoch = 1;
        group_coordinator_commit(n.groups, rq, ask_by(&n, &a, 9, committed));
    }
    for (int i = 0; i < 230; i++) { /* 1,150 s */
        sim_run_ms(n.sim, 5000);
        assert_int_equal(heartbeat(&n, "group", member, 1), KAFKA_NONE);
    }
    fetch(&n, &a, "group", NULL, false);
    assert_string_equal(a.text, "t-0=8+note ");
    sim_run_ms(n.sim, 1100000); /* it falls silent, is empty, and its time runs */
    fetch(&n, &a, "group", NULL, false);
    assert_string_equal(a.text, "");
    list(&n, &a, NULL, NULL);
    assert_int_equal(a.value, 0);
    node_free(&n);
}

TEST(what_the_consumer_protocol_left_expires_by_its_commits_and_goes_with_the_last)
{
    struct node n;
    struct ask a;
    char text[TEXT_MAX];
    node_init(&n);
    put_consumer_group(&n, STR("group"));
    elect(&n, 1);
    commit(&n, &a, "group", "old", 7);
    sim_run_ms(n.sim, 500000);
    commit(&n, &a, "group", "new", 8);
    sim_run_ms(n.sim, 570000); /* retention 1,000 s, looked at every 60 s */
    fetch(&n, &a, "group", NULL, false);
    assert_string_equal(a.text, "new-0=8+note ");
    list(&n, &a, NULL, NULL);
    assert_string_equal(a.text, "group:consumer:Empty:consumer ");
    sim_run_ms(n.sim, 500000);
    list(&n, &a, NULL, NULL);
    assert_string_equal(a.text, "");
    tombstones(&n, text, sizeof text);
    assert_string_equal(text, "1 1 8 7 5first 8 7 5second 16 6 4 3 ");
    no_group_is_left(&n, &a);
    node_free(&n);
}

/* A streams group's members, too, are gone; of its other records nothing is known, so it stays. */
TEST(of_a_streams_group_only_the_offsets_expire)
{
    struct node n;
    struct ask a;
    struct group_record_key key;
    struct group_record_value value;
    node_init(&n);
    group_record_key_init(&key, GROUP_RECORD_STREAMS_GROUP_METADATA);
    group_record_value_init(&value, GROUP_RECORD_STREAMS_GROUP_METADATA, 0);
    key.u.streams_group_metadata.group_id = STR("g");
    put_key(&n, &key, &value);
    put_record(&n, offset_record(&n, "t", 5), &BATCH_OPTIONS_DEFAULT);
    elect(&n, 1);
    fetch(&n, &a, "g", "t", false);
    assert_int_equal(a.value, 5);
    sim_run_ms(n.sim, 1100000);
    fetch(&n, &a, "g", "t", false);
    assert_int_equal(a.value, -1);
    list(&n, &a, NULL, NULL);
    assert_string_equal(a.text, "g:streams:Empty:streams ");
    node_free(&n);
}

static void groups_counted(struct group_call *call, const void *response)
{
    asked(call)->value = ((const struct list_groups_response *)response)->groups_count;
}

static int64_t count_groups(struct node *n)
{
    struct ask a;
    struct list_groups_request rq;
    list_groups_request_init(&rq);
    group_coordinator_list(n->groups, &rq, ask_by(n, &a, 5, groups_counted));
    return a.value;
}

TEST(a_turn_of_expiry_looks_at_so_many_groups_and_the_next_ones_at_the_rest)
{
    enum { GROUPS = 3 * SHARD_EXPIRY_WORK_MAX };
    struct node n;
    struct ask a;
    char id[16];
    node_new(&n);
    for (int i = 0; i < GROUPS; i++) {
        snprintf(id, sizeof id, "g%d", i);
        commit(&n, &a, id, "t", 1);
    }
    sim_run_ms(n.sim, 1019900 - GROUPS); /* due at 1,000 s, looked for at 1,020 s */
    int64_t left = count_groups(&n), most = 0, turns = 0;
    assert_int_equal(left, GROUPS);
    for (int ms = 0; ms < 2000 && left > 0; ms++) {
        sim_run_ms(n.sim, 1);
        int64_t gone = left - count_groups(&n);
        turns += gone > 0;
        left -= gone;
        if (gone > most) most = gone;
    }
    assert_int_equal(left, 0);
    assert_int_equal(most, SHARD_EXPIRY_WORK_MAX / 2); /* a group and its offset */
    assert_int_equal(turns, 2 * GROUPS / SHARD_EXPIRY_WORK_MAX);
    node_free(&n);
}
