#include "admin.h"

#include "base/mark.h"
#include "base/mem.h"
#include "oracles.h"
#include "protocol/add_raft_voter.h"
#include "protocol/alter_partition_reassignments.h"
#include "protocol/alter_replica_log_dirs.h"
#include "protocol/create_partitions.h"
#include "protocol/create_topics.h"
#include "protocol/delete_records.h"
#include "protocol/delete_topics.h"
#include "protocol/elect_leaders.h"
#include "protocol/incremental_alter_configs.h"
#include "protocol/remove_raft_voter.h"

enum { TIMEOUT_MS = 10000, QUEUE_MAX = 512, ATTEMPTS_MAX = 20, RETRY_MS = 300 };

struct job {
    struct action action;
    bool must; /* a topic of the start */
    int32_t attempts;
};

struct admin {
    struct client client;
    struct call call;
    struct timer timer;
    struct job jobs[QUEUE_MAX];
    int32_t first, end; /* of those not done */
    int32_t made;       /* topics of the start */
    bool busy, resting;
    char topic[64];       /* of the job under way */
    struct uuid topic_id; /* of its answer; zero: none */
    int32_t partitions;   /* that it asks for */
};

static void again(struct admin *a, int64_t ms)
{
    timer_arm_in_ms(a->client.env->clock, &a->timer, ms);
}

/* What is answered is committed (S20). */
static void check_committed(struct admin *a, enum action_kind kind)
{
    struct cluster *c = a->client.cluster;
    struct oracles *o = c->oracles;
    /* No more is known there, or not yet. */
    if (o->truths_count == TRUTHS_MAX || cluster_failed_lately(c)) return;
    const struct truth *t = oracles_truth(o, a->topic_id, 0);
    if (kind == ACTION_TOPIC_CREATE && !t)
        cluster_broken(c, "S20", "%s is said to be created and is not committed", a->topic);
    if (kind == ACTION_TOPIC_DELETE && !(t && t->deleted))
        cluster_broken(c, "S20", "%s is said to be deleted and is committed", a->topic);
    const struct image_topic *now = image_topic_by_name(oracles_image(o), str_of(a->topic));
    if (kind == ACTION_PARTITIONS && now && now->partitions_count < a->partitions)
        cluster_broken(c, "S20", "%s is said to have %d partitions, committed are %d", a->topic,
                       a->partitions, now->partitions_count);
    if (kind == ACTION_TOPIC_CREATE) MARK("oracle S20: an answered creation is committed");
    if (kind == ACTION_TOPIC_DELETE) MARK("oracle S20: an answered deletion is committed");
    if (kind == ACTION_PARTITIONS) MARK("oracle S20: answered partitions are committed");
}

static void job_done(struct admin *a, enum err e, int16_t error)
{
    struct job *j = &a->jobs[a->first % QUEUE_MAX];
    cluster_say(a->client.cluster, "admin", action_name(j->action.kind), "%s %s", a->topic,
                e ? err_text(e) : kafka_error_name(error));
    a->busy = false;
    bool exists = !e && error == KAFKA_TOPIC_ALREADY_EXISTS;
    bool good = !e && (error == KAFKA_NONE || exists);
    if (j->must && good) a->made++;
    if (good && !exists) check_committed(a, j->action.kind);
    bool retry = !good && (j->must || e || client_should_retry(error) ||
                           error == KAFKA_INVALID_REPLICATION_FACTOR);
    if (a->resting)
        a->first = a->end;
    else if (!retry || (!j->must && ++j->attempts >= ATTEMPTS_MAX))
        a->first++;
    again(a, RETRY_MS);
}

#define DONE(name, type, code)                                            \
    static void name(struct call *call, enum err e, const void *response) \
    {                                                                     \
        struct admin *a = CONTAINER_OF(call, struct admin, call);         \
        const struct type *r = response;                                  \
        job_done(a, e, e ? (int16_t)0 : (int16_t)(code));                 \
    }

/* A topic's answer says which one it is. */
#define DONE_TOPIC(name, type, list)                                        \
    static void name(struct call *call, enum err e, const void *response)   \
    {                                                                       \
        struct admin *a = CONTAINER_OF(call, struct admin, call);           \
        const struct type *r = response;                                    \
        bool told = !e && r->list##_count == 1;                             \
        a->topic_id = told ? r->list[0].topic_id : UUID_ZERO;               \
        job_done(a, e, told ? r->list[0].error_code : (int16_t)KAFKA_NONE); \
    }

DONE_TOPIC(topic_created, create_topics_response, topics)
DONE_TOPIC(topic_deleted, delete_topics_response, responses)
DONE(partitions_made, create_partitions_response, r->results_count ? r->results[0].error_code : 0)
DONE(config_was_set, incremental_alter_configs_response,
     r->responses_count ? r->responses[0].error_code : 0)
DONE(reassigned, alter_partition_reassignments_response,
     r->error_code || !r->responses_count || !r->responses[0].partitions_count
         ? r->error_code
         : r->responses[0].partitions[0].error_code)
DONE(elected, elect_leaders_response, r->error_code)
DONE(voter_added, add_raft_voter_response, r->error_code)
DONE(voter_removed, remove_raft_voter_response, r->error_code)
DONE(records_deleted, delete_records_response,
     r->topics_count && r->topics[0].partitions_count ? r->topics[0].partitions[0].error_code : 0)

DONE(directory_asked, alter_replica_log_dirs_response,
     r->results_count && r->results[0].partitions_count ? r->results[0].partitions[0].error_code
                                                        : 0)

static void send(struct admin *a, int16_t api, const void *request,
                 void (*done)(struct call *, enum err, const void *))
{
    a->busy = true;
    channel_call(client_channel(&a->client, client_any(&a->client)), &a->call, api, -1, request,
                 done);
}

/* ---- topics */

static void create_topic(struct admin *a, int32_t partitions)
{
    struct create_topics_request_creatable_topic t = {
        .name = str_of(a->topic),
        .num_partitions = partitions,
        .replication_factor = (int16_t)plan_replication(a->client.cluster->plan)};
    struct create_topics_request q;
    create_topics_request_init(&q);
    q.timeout_ms = TIMEOUT_MS / 2;
    q.topics = &t;
    q.topics_count = 1;
    send(a, API_CREATE_TOPICS, &q, topic_created);
}

static void delete_topic(struct admin *a)
{
    struct delete_topics_request_delete_topic_state t = {.name = str_of(a->topic)};
    struct delete_topics_request q;
    delete_topics_request_init(&q);
    q.timeout_ms = TIMEOUT_MS / 2;
    q.topics = &t;
    q.topics_count = 1;
    send(a, API_DELETE_TOPICS, &q, topic_deleted);
}

static const struct image_topic *topic_now(const struct admin *a)
{
    return image_topic_by_name(oracles_image(a->client.cluster->oracles), str_of(a->topic));
}

static bool add_partitions(struct admin *a, int32_t more)
{
    const struct image_topic *now = topic_now(a);
    if (!now || now->partitions_count > 8) return false;
    a->partitions = now->partitions_count + more;
    struct create_partitions_request_create_partitions_topic t = {.name = str_of(a->topic),
                                                                  .count = a->partitions,
                                                                  .assignments = NULL,
                                                                  .assignments_count = -1};
    struct create_partitions_request q;
    create_partitions_request_init(&q);
    q.topics = &t;
    q.topics_count = 1;
    q.timeout_ms = TIMEOUT_MS / 2;
    send(a, API_CREATE_PARTITIONS, &q, partitions_made);
    return true;
}

static void set_config(struct admin *a, int64_t x)
{
    /* Not min.insync.replicas: README.md says why. */
    struct incremental_alter_configs_request_alterable_config c =
        x % 3
            ? (struct incremental_alter_configs_request_alterable_config){.name = STR("segment.ms"),
                                                                          .value = STR("5000")}
            : (struct incremental_alter_configs_request_alterable_config){
                  .name = STR("retention.bytes"), .value = x % 2 ? STR("20000") : STR("-1")};
    struct incremental_alter_configs_request_alter_configs_resource resource = {
        .resource_type = RESOURCE_TOPIC,
        .resource_name = str_of(a->topic),
        .configs = &c,
        .configs_count = 1};
    struct incremental_alter_configs_request q;
    incremental_alter_configs_request_init(&q);
    q.resources = &resource;
    q.resources_count = 1;
    send(a, API_INCREMENTAL_ALTER_CONFIGS, &q, config_was_set);
}

static bool truncate(struct admin *a, int64_t x)
{
    const struct image_topic *now = topic_now(a);
    if (!now || now->partitions_count == 0) return false;
    int32_t partition = (int32_t)(x % now->partitions_count);
    const struct truth *t = oracles_truth(a->client.cluster->oracles, now->id, partition);
    const struct image_partition *p = image_topic_partition(now, partition);
    if (!t || !p || p->leader < 0) return false;
    struct delete_records_request_delete_records_partition one = {
        .partition_index = partition, .offset = t->end > 0 ? x % t->end : 0};
    struct delete_records_request_delete_records_topic topic = {
        .name = str_of(a->topic), .partitions = &one, .partitions_count = 1};
    struct delete_records_request q;
    delete_records_request_init(&q);
    q.topics = &topic;
    q.topics_count = 1;
    q.timeout_ms = TIMEOUT_MS / 2;
    a->busy = true;
    channel_call(client_channel(&a->client, p->leader), &a->call, API_DELETE_RECORDS, -1, &q,
                 records_deleted);
    return true;
}

/* ---- replicas and leaders */

static bool reassign(struct admin *a, int64_t x)
{
    const struct plan *plan = a->client.cluster->plan;
    const struct image_topic *now = topic_now(a);
    int32_t brokers = plan_brokers(plan);
    if (!now || now->partitions_count == 0 || brokers < 2) return false;
    int32_t partition = (int32_t)(x % now->partitions_count);
    const struct image_partition *p = image_topic_partition(now, partition);
    if (!p) return false;
    /* As many replicas as now, beginning somewhere else. */
    int32_t replicas[PLAN_NODES_MAX], count = plan_replication(plan);
    for (int32_t i = 0; i < count; i++)
        replicas[i] = (int32_t)(plan->controllers_only + 1 + (x / 16 + i) % brokers);
    bool cancel = p->adding_count + p->removing_count > 0 && x % 5 == 0;
    struct alter_partition_reassignments_request_reassignable_partition one = {
        .partition_index = partition,
        .replicas = cancel ? NULL : replicas,
        .replicas_count = cancel ? -1 : count};
    struct alter_partition_reassignments_request_reassignable_topic topic = {
        .name = str_of(a->topic), .partitions = &one, .partitions_count = 1};
    struct alter_partition_reassignments_request q;
    alter_partition_reassignments_request_init(&q);
    q.timeout_ms = TIMEOUT_MS / 2;
    q.topics = &topic;
    q.topics_count = 1;
    send(a, API_ALTER_PARTITION_REASSIGNMENTS, &q, reassigned);
    return true;
}

/* One replica into another directory of its broker, or back where it was, which gives a move up. */
static bool move(struct admin *a, int64_t x)
{
    const struct plan *plan = a->client.cluster->plan;
    const struct image_topic *now = topic_now(a);
    if (!now || now->partitions_count == 0 || plan->directories < 2) return false;
    int32_t partition = (int32_t)(x % now->partitions_count);
    const struct image_partition *p = image_topic_partition(now, partition);
    if (!p) return false;
    struct alter_replica_log_dirs_request_alter_replica_log_dir_topic topic = {
        .name = str_of(a->topic), .partitions = &partition, .partitions_count = 1};
    struct alter_replica_log_dirs_request_alter_replica_log_dir dir = {
        .path = str_of(cluster_directory((int32_t)(x / 64 % plan->directories))),
        .topics = &topic,
        .topics_count = 1};
    struct alter_replica_log_dirs_request q;
    alter_replica_log_dirs_request_init(&q);
    q.dirs = &dir;
    q.dirs_count = 1;
    a->busy = true;
    channel_call(client_channel(&a->client, partition_replicas(p)[x / 8 % p->replicas_count]),
                 &a->call, API_ALTER_REPLICA_LOG_DIRS, -1, &q, directory_asked);
    return true;
}

static void elect(struct admin *a)
{
    struct elect_leaders_request q;
    elect_leaders_request_init(&q);
    q.election_type = 0;
    q.topic_partitions = NULL;
    q.topic_partitions_count = -1;
    q.timeout_ms = TIMEOUT_MS / 2;
    send(a, API_ELECT_LEADERS, &q, elected);
}

/* ---- voters: never fewer than a majority of the first ones */

static bool remove_voter(struct admin *a, int32_t node)
{
    const struct oracles *o = a->client.cluster->oracles;
    int32_t voters = 0, controllers = 0;
    for (int32_t i = 0; i < a->client.cluster->count; i++) {
        voters += !uuid_is_zero(o->voters[i]);
        controllers += a->client.cluster->machines[i].is_controller;
    }
    if (voters < controllers || voters < 3 || uuid_is_zero(o->voters[node])) return false;
    struct remove_raft_voter_request q;
    remove_raft_voter_request_init(&q);
    q.cluster_id = STR_NULL;
    q.voter_id = node + 1;
    q.voter_directory_id = o->voters[node];
    send(a, API_REMOVE_RAFT_VOTER, &q, voter_removed);
    return true;
}

static bool add_voter(struct admin *a, int32_t node)
{
    const struct machine *m = &a->client.cluster->machines[node];
    if (!m->is_controller) return false;
    struct add_raft_voter_request_listener listener = {
        .name = STR("CONTROLLER"), .host = str_of(m->name), .port = 9093};
    struct add_raft_voter_request q;
    add_raft_voter_request_init(&q);
    q.cluster_id = STR_NULL;
    q.timeout_ms = TIMEOUT_MS / 2;
    q.voter_id = m->id;
    q.voter_directory_id = m->directory;
    q.listeners = &listener;
    q.listeners_count = 1;
    send(a, API_ADD_RAFT_VOTER, &q, voter_added);
    return true;
}

/* ---- the queue */

static bool begin(struct admin *a, const struct job *j)
{
    const struct action *x = &j->action;
    const struct plan *plan = a->client.cluster->plan;
    bool made = j->must || x->kind == ACTION_TOPIC_CREATE || x->kind == ACTION_TOPIC_DELETE;
    if (j->must || !made)
        snprintf(a->topic, sizeof a->topic, "t%lld", (long long)(x->a % plan->topics));
    else
        snprintf(a->topic, sizeof a->topic, "d%d", x->a % 3);
    switch (x->kind) {
    case ACTION_TOPIC_CREATE:
        create_topic(a, j->must ? (int32_t)plan->partitions : x->b);
        return true;
    case ACTION_TOPIC_DELETE: delete_topic(a); return true;
    case ACTION_PARTITIONS: return add_partitions(a, x->b);
    case ACTION_CONFIG: set_config(a, x->x); return true;
    case ACTION_REASSIGN: return reassign(a, x->x);
    case ACTION_ELECT: elect(a); return true;
    case ACTION_VOTER_REMOVE: return !plan->static_voters && remove_voter(a, x->a);
    case ACTION_VOTER_ADD: return !plan->static_voters && add_voter(a, x->a);
    case ACTION_TRUNCATE: return truncate(a, x->x);
    case ACTION_DIRECTORY_MOVE: return move(a, x->x);
    default: return false;
    }
}

static void act(struct timer *t)
{
    struct admin *a = CONTAINER_OF(t, struct admin, timer);
    if (a->busy) return;
    while (a->first < a->end && !begin(a, &a->jobs[a->first % QUEUE_MAX])) a->first++;
}

static void queue(struct admin *a, struct action action, bool must)
{
    if (a->end - a->first == QUEUE_MAX) return;
    a->jobs[a->end++ % QUEUE_MAX] = (struct job){.action = action, .must = must};
    if (!a->busy && !timer_armed(&a->timer)) again(a, 1);
}

void admin_do(struct admin *a, const struct action *action)
{
    queue(a, *action, false);
    if (action->kind != ACTION_TOPIC_DELETE || action->x % 2 == 0) return;
    struct action again = *action;
    again.kind = ACTION_TOPIC_CREATE;
    queue(a, again, false);
}

void admin_make_topics(struct admin *a)
{
    for (int32_t i = 0; i < a->client.cluster->plan->topics; i++)
        queue(a, (struct action){.kind = ACTION_TOPIC_CREATE, .a = i}, true);
}

bool admin_has_made_topics(const struct admin *a)
{
    return a->made >= a->client.cluster->plan->topics;
}

void admin_rest(struct admin *a)
{
    a->resting = true;
    if (!a->busy) a->first = a->end;
}

bool admin_is_idle(const struct admin *a)
{
    return a->first == a->end && !a->busy;
}

bool admin_may_move(const struct admin *a)
{
    for (int32_t i = a->first; i < a->end; i++) {
        enum action_kind kind = a->jobs[i % QUEUE_MAX].action.kind;
        if (kind == ACTION_REASSIGN || kind == ACTION_ELECT) return true;
    }
    return false;
}

struct admin *admin_new(struct cluster *c)
{
    struct admin *a = MEM_NEW(struct admin);
    client_init(&a->client, c, "admin", TIMEOUT_MS);
    call_init(&a->call);
    timer_init(&a->timer, act);
    return a;
}

void admin_free(struct admin *a)
{
    timer_cancel(a->client.env->clock, &a->timer);
    channel_cancel(&a->call);
    client_free(&a->client);
    mem_free(a);
}
