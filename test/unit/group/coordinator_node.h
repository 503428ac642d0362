/* A coordinator over a log in memory, under simulated time, and whoever asks it. */
#ifndef SAMSA_TEST_GROUP_COORDINATOR_NODE_H
#define SAMSA_TEST_GROUP_COORDINATOR_NODE_H

#include "env/sim/sim.h"
#include "group/requests.h"
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

static inline void node_init(struct node *n)
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

static inline void elect(struct node *n, int32_t epoch)
{
    group_coordinator_elected(n->groups, 0, epoch, &n->log.log);
    sim_run_ms(n->sim, 1);
}

/* Leadership goes and comes back: all state is rebuilt from the log. */
static inline void fail_over(struct node *n, int32_t epoch)
{
    group_coordinator_resigned(n->groups, 0);
    elect(n, epoch);
}

static inline void node_new(struct node *n)
{
    node_init(n);
    elect(n, 1);
}

static inline void node_free(struct node *n)
{
    group_coordinator_destroy(n->groups);
    memory_log_free(&n->log);
    arena_free(&n->arena);
    sim_free(n->sim);
}

static inline void commit_up_to(struct node *n, int64_t offset)
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

static inline struct group_call *ask_by(struct node *n, struct ask *a, int16_t version,
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

static inline struct ask *asked(struct group_call *call)
{
    struct ask *a = CONTAINER_OF(call, struct ask, call);
    a->answers++;
    return a;
}

/* ---- OffsetCommit and OffsetFetch */

static inline void committed(struct group_call *call, const void *response)
{
    const struct offset_commit_response *r = response;
    asked(call)->error = r->topics[0].partitions[0].error_code;
}

static inline struct offset_commit_request *commit_request(struct node *n, const char *group,
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

static inline void commit(struct node *n, struct ask *a, const char *group, const char *topic,
                          int64_t offset)
{
    group_coordinator_commit(n->groups, commit_request(n, group, topic, 0, offset),
                             ask_by(n, a, 9, committed));
    sim_run_ms(n->sim, 1);
}

static inline void fetched(struct group_call *call, const void *response)
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
static inline void fetch(struct node *n, struct ask *a, const char *group, const char *topic,
                         bool stable)
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

/* ---- records as another broker, or an older Kafka, left them */

static inline void put_record(struct node *n, struct rsm_record r,
                              const struct batch_options *options)
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

static inline struct rsm_record offset_record(struct node *n, const char *topic, int64_t offset)
{
    struct record_list l;
    record_list_init(&l, &n->arena);
    struct committed_offset o = {.offset = offset, .leader_epoch = -1, .expire_ms = -1};
    records_add_offset(&l, STR("g"), str_of(topic), 0, &o);
    record_list_free(&l);
    return l.records[0];
}

/* ---- ListGroups and DescribeGroups */

static inline void listed(struct group_call *call, const void *response)
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

static inline void list(struct node *n, struct ask *a, const char *state, const char *type)
{
    struct list_groups_request rq;
    struct str states[1], types[1];
    list_groups_request_init(&rq);
    if (state) states[0] = str_of(state), rq.states_filter = states, rq.states_filter_count = 1;
    if (type) types[0] = str_of(type), rq.types_filter = types, rq.types_filter_count = 1;
    group_coordinator_list(n->groups, &rq, ask_by(n, a, 5, listed));
}

static inline void described(struct group_call *call, const void *response)
{
    const struct describe_groups_response_described_group *g =
        &((const struct describe_groups_response *)response)->groups[0];
    struct ask *a = asked(call);
    a->error = g->error_code;
    a->value = g->members_count;
    snprintf(a->text, sizeof a->text, "%.*s %.*s %.*s", STR_ARG(g->group_state),
             STR_ARG(g->protocol_type), STR_ARG(g->protocol_data));
}

static inline void describe(struct node *n, struct ask *a, const char *group, int16_t version)
{
    struct describe_groups_request rq;
    struct str groups[1] = {str_of(group)};
    describe_groups_request_init(&rq);
    rq.groups = groups;
    rq.groups_count = 1;
    group_coordinator_describe(n->groups, &rq, ask_by(n, a, version, described));
}

#endif
