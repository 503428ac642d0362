/* The coordinator over a log in memory, under simulated time: requests, records, elections. */
#include "group/coordinator.h"

#include "env/sim/sim.h"
#include "group/hash.h"
#include "group/requests.h"
#include "group/shard.h"
#include "memory_log.h"
#include "probe.h"
#include "protocol/batch.h"
#include "protocol/group_record.h"

struct node {
    struct sim *sim;
    struct env *env;
    struct group_settings settings;
    struct group_coordinator *groups;
    struct memory_log log;
    struct arena arena; /* of all requests of a test */
};

static void node_init(struct node *n)
{
    struct bench b;
    bench_init(&b);
    memset(n, 0, sizeof *n);
    n->settings = b.settings;
    bench_free(&b);
    n->sim = sim_new(7);
    n->env = sim_node_env(n->sim, "node");
    n->groups = group_coordinator_create(n->env, &n->settings);
    memory_log_init(&n->log);
    arena_init(&n->arena, 0);
}

static void elect(struct node *n, int32_t epoch)
{
    group_coordinator_elected(n->groups, 0, epoch, &n->log.log);
    sim_run_ms(n->sim, 1);
}

/* Leadership goes and comes back: all state is rebuilt from the log. */
static void fail_over(struct node *n, int32_t epoch)
{
    group_coordinator_resigned(n->groups, 0);
    elect(n, epoch);
}

static void node_new(struct node *n)
{
    node_init(n);
    elect(n, 1);
}

static void node_free(struct node *n)
{
    group_coordinator_destroy(n->groups);
    memory_log_free(&n->log);
    arena_free(&n->arena);
    sim_free(n->sim);
}

static void commit_up_to(struct node *n, int64_t offset)
{
    n->log.watermark = offset;
    group_coordinator_high_watermark_moved(n->groups, 0);
    sim_run_ms(n->sim, 1);
}

/* An answer that is looked at inside `done`, by a function of the test's. */
struct ask {
    struct group_call call;
    int answers;
    int16_t error;
    int64_t value;
    char text[TEXT_MAX * 8];
};

static struct group_call *ask_by(struct node *n, struct ask *a, int16_t version,
                                 void (*done)(struct group_call *, const void *))
{
    memset(a, 0, sizeof *a);
    a->call = (struct group_call){.version = version,
                                  .client_id = STR("client"),
                                  .client_host = STR("/10.0.0.1"),
                                  .arena = &n->arena,
                                  .done = done};
    return &a->call;
}

static struct ask *asked(struct group_call *call)
{
    struct ask *a = CONTAINER_OF(call, struct ask, call);
    a->answers++;
    return a;
}

/* ---- OffsetCommit and OffsetFetch */

static void committed(struct group_call *call, const void *response)
{
    const struct offset_commit_response *r = response;
    asked(call)->error = r->topics[0].partitions[0].error_code;
}

static struct offset_commit_request *commit_request(struct node *n, const char *group,
                                                    const char *topic, int32_t partition,
                                                    int64_t offset)
{
    struct offset_commit_request *rq = ARENA_NEW(&n->arena, struct offset_commit_request);
    offset_commit_request_init(rq);
    rq->group_id = str_of(group);
    rq->topics = offset_commit_request_topic_new(&n->arena, 1);
    rq->topics_count = 1;
    rq->topics[0].name = str_of(topic);
    rq->topics[0].partitions = offset_commit_request_partition_new(&n->arena, 1);
    rq->topics[0].partitions_count = 1;
    rq->topics[0].partitions[0].partition_index = partition;
    rq->topics[0].partitions[0].committed_offset = offset;
    rq->topics[0].partitions[0].committed_leader_epoch = 5;
    rq->topics[0].partitions[0].committed_metadata = STR("note");
    return rq;
}

static void commit(struct node *n, struct ask *a, const char *group, const char *topic,
                   int64_t offset)
{
    group_coordinator_commit(n->groups, commit_request(n, group, topic, 0, offset),
                             ask_by(n, a, 9, committed));
    sim_run_ms(n->sim, 1);
}

static void fetched(struct group_call *call, const void *response)
{
    const struct offset_fetch_response_group *r = response;
    struct ask *a = asked(call);
    a->error = r->error_code;
    for (int32_t i = 0; i < r->topics_count; i++)
        for (int32_t k = 0; k < r->topics[i].partitions_count; k++) {
            const struct offset_fetch_response_partitions *p = &r->topics[i].partitions[k];
            size_t len = strlen(a->text);
            a->value = p->committed_offset;
            snprintf(a->text + len, sizeof a->text - len, "%.*s-%d=%lld%s%s ",
                     STR_ARG(r->topics[i].name), p->partition_index, (long long)p->committed_offset,
                     p->metadata.len > 0 ? "+note" : "",
                     p->error_code == KAFKA_UNSTABLE_OFFSET_COMMIT ? " unstable" : "");
        }
}

/* topic NULL: all. */
static void fetch(struct node *n, struct ask *a, const char *group, const char *topic, bool stable)
{
    struct offset_fetch_request_group *rq = ARENA_NEW(&n->arena, struct offset_fetch_request_group);
    offset_fetch_request_group_init(rq);
    rq->group_id = str_of(group);
    rq->topics_count = -1;
    if (topic) {
        rq->topics = offset_fetch_request_topics_new(&n->arena, 1);
        rq->topics_count = 1;
        rq->topics[0].name = str_of(topic);
        rq->topics[0].partition_indexes = ARENA_ARRAY(&n->arena, int32_t, 1);
        rq->topics[0].partition_indexes_count = 1;
    }
    group_coordinator_fetch(n->groups, rq, stable, ask_by(n, a, 9, fetched));
}

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

static void put_record(struct node *n, struct rsm_record r, const struct batch_options *options)
{
    struct batch_builder b = {0};
    uint8_t *data;
    size_t len;
    batch_begin(&b, options);
    batch_add(&b, 1, r.key, r.value, NULL, 0);
    assert_ok(batch_finish(&b, NULL, &data, &len));
    memory_log_put(&n->log, data, len);
    batch_builder_free(&b);
}

static struct rsm_record offset_record(struct node *n, const char *topic, int64_t offset)
{
    struct record_list l;
    record_list_init(&l, &n->arena);
    struct committed_offset o = {.offset = offset, .leader_epoch = -1, .expire_ms = -1};
    records_add_offset(&l, STR("g"), str_of(topic), 0, &o);
    record_list_free(&l);
    return l.records[0];
}

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

static void listed(struct group_call *call, const void *response)
{
    const struct list_groups_response *r = response;
    struct ask *a = asked(call);
    a->error = r->error_code;
    a->value = r->groups_count;
    for (int32_t i = 0; i < r->groups_count; i++) {
        size_t len = strlen(a->text);
        snprintf(a->text + len, sizeof a->text - len, "%.*s:%.*s:%.*s:%.*s ",
                 STR_ARG(r->groups[i].group_id), STR_ARG(r->groups[i].protocol_type),
                 STR_ARG(r->groups[i].group_state), STR_ARG(r->groups[i].group_type));
    }
}

static void list(struct node *n, struct ask *a, const char *state, const char *type)
{
    struct list_groups_request rq;
    struct str states[1], types[1];
    list_groups_request_init(&rq);
    if (state) states[0] = str_of(state), rq.states_filter = states, rq.states_filter_count = 1;
    if (type) types[0] = str_of(type), rq.types_filter = types, rq.types_filter_count = 1;
    group_coordinator_list(n->groups, &rq, ask_by(n, a, 5, listed));
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

static void joined(struct group_call *call, const void *response)
{
    struct probe *p = CONTAINER_OF(call, struct probe, call);
    struct bench dummy;
    bench_join_reply(&dummy.host, &p->call, response);
}

static void synced(struct group_call *call, const void *response)
{
    struct bench dummy;
    bench_sync_reply(&dummy.host, call, response);
}

static struct group_call *probe_by(struct node *n, struct probe *p, int16_t version,
                                   void (*done)(struct group_call *, const void *))
{
    memset(p, 0, sizeof *p);
    p->call = (struct group_call){.version = version,
                                  .client_id = STR("client"),
                                  .client_host = STR("/10.0.0.1"),
                                  .arena = &n->arena,
                                  .done = done};
    return &p->call;
}

static void join(struct node *n, struct probe *p, struct joining j)
{
    struct join_group_request *rq = ARENA_NEW(&n->arena, struct join_group_request);
    joining_request(&j, &n->arena, rq);
    group_coordinator_join(n->groups, rq, probe_by(n, p, j.version ? j.version : 9, joined));
}

static void sync_all(struct node *n, struct probe *p, const char *member, int32_t generation,
                     const char *assigned_to, const char *assignment)
{
    struct sync_group_request *rq = ARENA_NEW(&n->arena, struct sync_group_request);
    sync_group_request_init(rq);
    rq->group_id = STR("group");
    rq->member_id = str_of(member);
    rq->generation_id = generation;
    rq->protocol_type = STR("consumer");
    rq->protocol_name = STR("range");
    rq->assignments = sync_group_request_assignment_new(&n->arena, 1);
    rq->assignments_count = assigned_to ? 1 : 0;
    if (assigned_to) {
        rq->assignments[0].member_id = str_of(assigned_to);
        rq->assignments[0].assignment = bytes_of(assignment, strlen(assignment));
    }
    group_coordinator_sync(n->groups, rq, probe_by(n, p, 5, synced));
}

static void heartbeat_done(struct group_call *call, const void *response)
{
    asked(call)->error = ((const struct heartbeat_response *)response)->error_code;
}

static int16_t heartbeat(struct node *n, const char *group, const char *member, int32_t generation)
{
    struct ask a;
    struct heartbeat_request rq;
    heartbeat_request_init(&rq);
    rq.group_id = str_of(group);
    rq.member_id = str_of(member);
    rq.generation_id = generation;
    group_coordinator_heartbeat(n->groups, &rq, ask_by(n, &a, 4, heartbeat_done));
    assert_int_equal(a.answers, 1);
    return a.error;
}

/* One dynamic member, STABLE in generation 1. */
static void alone(struct node *n, char *member)
{
    struct probe p;
    join(n, &p, (struct joining){.protocols = "range:t"});
    assert_int_equal(p.error, KAFKA_MEMBER_ID_REQUIRED);
    snprintf(member, TEXT_MAX, "%s", p.member_id);
    join(n, &p, (struct joining){.member = member, .protocols = "range:t"});
    sim_run_ms(n->sim, 3001);
    assert_int_equal(p.answers, 1);
    assert_int_equal(p.generation, 1);
    sync_all(n, &p, member, 1, member, "mine");
    sim_run_ms(n->sim, 1);
    assert_string_equal(p.assignment, "mine");
}

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

static void described(struct group_call *call, const void *response)
{
    const struct describe_groups_response_described_group *g =
        &((const struct describe_groups_response *)response)->groups[0];
    struct ask *a = asked(call);
    a->error = g->error_code;
    a->value = g->members_count;
    snprintf(a->text, sizeof a->text, "%.*s %.*s %.*s", STR_ARG(g->group_state),
             STR_ARG(g->protocol_type), STR_ARG(g->protocol_data));
}

static void describe(struct node *n, struct ask *a, const char *group, int16_t version)
{
    struct describe_groups_request rq;
    struct str groups[1] = {str_of(group)};
    describe_groups_request_init(&rq);
    rq.groups = groups;
    rq.groups_count = 1;
    group_coordinator_describe(n->groups, &rq, ask_by(n, a, version, described));
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
    fail_over(&n, 2);
    list(&n, &a, NULL, NULL);
    assert_string_equal(a.text, "");
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
    fail_over(&n, 2);
    list(&n, &a, NULL, NULL);
    assert_string_equal(a.text, "");
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
