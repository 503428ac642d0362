#include "cli/reassign_cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/alter_partition_reassignments.h"
#include "protocol/alter_replica_log_dirs.h"
#include "protocol/describe_log_dirs.h"
#include "protocol/incremental_alter_configs.h"
#include "protocol/list_partition_reassignments.h"

#define ERRORS "org.apache.kafka.common.errors."

static bool failed(struct client *c, int16_t code, struct str message)
{
    if (code == KAFKA_NONE) return false;
    client_fail_code(c, code, message);
    return true;
}

/* ---- reassignments */

bool reassign_list(struct client *c, const struct reassignments *wanted, struct reassignments *out)
{
    struct list_partition_reassignments_request request;
    list_partition_reassignments_request_init(&request);
    request.timeout_ms = (int32_t)c->request_timeout_ms;
    request.topics_count = wanted ? wanted->count : -1;
    if (wanted)
        request.topics =
            list_partition_reassignments_request_list_partition_reassignments_topics_new(
                &c->arena, wanted->count + 1);
    for (int32_t i = 0; wanted && i < wanted->count; i++) {
        request.topics[i].name = wanted->items[i].topic;
        request.topics[i].partition_indexes = &wanted->items[i].partition;
        request.topics[i].partition_indexes_count = 1;
    }
    const struct list_partition_reassignments_response *r = CLIENT_CALL_CONTROLLER(
        c, API_LIST_PARTITION_REASSIGNMENTS, list_partition_reassignments, &request);
    if (!r || failed(c, r->error_code, r->error_message)) return false;
    *out = (struct reassignments){0};
    int32_t count = 0;
    for (int32_t t = 0; t < r->topics_count; t++) count += r->topics[t].partitions_count;
    out->items = ARENA_ARRAY(&c->arena, struct reassignment, count + 1);
    for (int32_t t = 0; t < r->topics_count; t++)
        for (int32_t i = 0; i < r->topics[t].partitions_count; i++) {
            const struct list_partition_reassignments_response_ongoing_partition_reassignment *p =
                &r->topics[t].partitions[i];
            out->items[out->count++] =
                (struct reassignment){.topic = r->topics[t].name,
                                      .partition = p->partition_index,
                                      .replicas = p->replicas,
                                      .replicas_count = p->replicas_count,
                                      .adding = p->adding_replicas,
                                      .adding_count = p->adding_replicas_count,
                                      .removing = p->removing_replicas,
                                      .removing_count = p->removing_replicas_count};
        }
    reassign_sort(out);
    return true;
}

bool reassign_alter(struct client *c, const struct reassignments *list, bool cancel,
                    bool same_factor, struct str *mistakes, int32_t *mistakes_count)
{
    struct alter_partition_reassignments_request request;
    alter_partition_reassignments_request_init(&request);
    request.timeout_ms = (int32_t)c->request_timeout_ms;
    request.allow_replication_factor_change = !same_factor;
    request.topics =
        alter_partition_reassignments_request_reassignable_topic_new(&c->arena, list->count + 1);
    for (int32_t i = 0; i < list->count; i++) { /* sorted, so that a topic's follow each other */
        const struct reassignment *m = &list->items[i];
        struct alter_partition_reassignments_request_reassignable_topic *t =
            &request.topics[request.topics_count - 1];
        if (!request.topics_count || !str_equal(t->name, m->topic)) {
            t = &request.topics[request.topics_count++];
            t->name = m->topic;
            t->partitions = alter_partition_reassignments_request_reassignable_partition_new(
                &c->arena, list->count - i);
        }
        t->partitions[t->partitions_count++] =
            (struct alter_partition_reassignments_request_reassignable_partition){
                m->partition, cancel ? NULL : m->replicas, cancel ? -1 : m->replicas_count};
    }
    const struct alter_partition_reassignments_response *r = CLIENT_CALL_CONTROLLER(
        c, API_ALTER_PARTITION_REASSIGNMENTS, alter_partition_reassignments, &request);
    if (!r || failed(c, r->error_code, r->error_message)) return false;
    *mistakes = STR("");
    *mistakes_count = 0;
    for (int32_t t = 0; t < r->responses_count; t++)
        for (int32_t i = 0; i < r->responses[t].partitions_count; i++) {
            const struct alter_partition_reassignments_response_reassignable_partition_response *p =
                &r->responses[t].partitions[i];
            if (p->error_code == KAFKA_NONE) continue;
            client_fail_code(c, p->error_code, p->error_message);
            *mistakes = arena_printf(&c->arena, "%.*s%s%.*s-%d: %s", STR_ARG(*mistakes),
                                     *mistakes_count ? "\n" : "", STR_ARG(r->responses[t].name),
                                     p->partition_index, c->failure.text);
            (*mistakes_count)++;
        }
    return true;
}

bool reassign_describe(struct client *c, const struct str *topics, int32_t count, bool must_exist,
                       struct reassignments *out)
{
    *out = (struct reassignments){0};
    if (!count) return true;
    const struct metadata_response *m = client_topics(c, topics, count);
    if (!m) return false;
    int32_t all = 0;
    for (int32_t t = 0; t < m->topics_count; t++) all += m->topics[t].partitions_count;
    out->items = ARENA_ARRAY(&c->arena, struct reassignment, all + 1);
    for (int32_t t = 0; t < m->topics_count; t++) {
        int16_t code = m->topics[t].error_code;
        bool absent = code == KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        if (absent && must_exist)
            client_fail(c, ERRORS "UnknownTopicOrPartitionException", "Topic %.*s not found.",
                        STR_ARG(m->topics[t].name));
        if (absent && must_exist) return false;
        if (!absent && failed(c, code, STR_NULL)) return false;
        for (int32_t i = 0; i < m->topics[t].partitions_count; i++)
            out->items[out->count++] = (struct reassignment){
                .topic = m->topics[t].name,
                .partition = m->topics[t].partitions[i].partition_index,
                .replicas = m->topics[t].partitions[i].replica_nodes,
                .replicas_count = m->topics[t].partitions[i].replica_nodes_count};
    }
    reassign_sort(out);
    return true;
}

/* ---- directories */

static int by_broker(const void *a, const void *b)
{
    const struct replica_dir *x = a, *y = b;
    if (x->broker != y->broker) return x->broker < y->broker ? -1 : 1;
    int order = str_compare(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

/* The end of the items of the same broker as the one at `from`. */
static int32_t end_of_broker(const struct replica_dirs *d, int32_t from)
{
    int32_t end = from;
    while (end < d->count && d->items[end].broker == d->items[from].broker) end++;
    return end;
}

static void note_dirs(struct client *c, const struct describe_log_dirs_response *r,
                      struct replica_dir *d)
{
    for (int32_t k = 0; k < r->results_count; k++)
        for (int32_t t = 0; t < r->results[k].topics_count; t++)
            for (int32_t p = 0; p < r->results[k].topics[t].partitions_count; p++) {
                const struct describe_log_dirs_response_describe_log_dirs_partition *found =
                    &r->results[k].topics[t].partitions[p];
                if (found->partition_index != d->partition ||
                    !str_equal(r->results[k].topics[t].name, d->topic))
                    continue;
                *(found->is_future_key ? &d->future : &d->current) =
                    arena_str(&c->arena, r->results[k].log_dir).data;
            }
}

/* Ask each broker of the list, which is sorted, for its own. */
static bool look_up(struct client *c, struct replica_dirs *d)
{
    struct describe_log_dirs_request request;
    describe_log_dirs_request_init(&request);
    for (int32_t from = 0, end; from < d->count; from = end) {
        end = end_of_broker(d, from);
        struct client_node *n = client_node(c, d->items[from].broker);
        if (!n) {
            client_fail(c, ERRORS "TimeoutException",
                        "Timed out waiting for a node assignment. Call: describeReplicaLogDirs");
            return false;
        }
        request.topics =
            describe_log_dirs_request_describable_log_dir_topic_new(&c->arena, end - from);
        request.topics_count = end - from;
        for (int32_t i = from; i < end; i++)
            request.topics[i - from] = (struct describe_log_dirs_request_describable_log_dir_topic){
                d->items[i].topic, &d->items[i].partition, 1};
        const struct describe_log_dirs_response *r =
            client_call(c, n, API_DESCRIBE_LOG_DIRS, -1, &request, NULL);
        if (!r || failed(c, r->error_code, STR_NULL)) return false;
        for (int32_t i = from; i < end; i++) note_dirs(c, r, &d->items[i]);
    }
    return true;
}

static int32_t count_replicas(const struct reassignments *list)
{
    int32_t count = 0;
    for (int32_t i = 0; i < list->count; i++) count += list->items[i].replicas_count;
    return count;
}

bool reassign_look_up_dirs(struct client *c, struct reassignments *list)
{
    struct replica_dirs d = {ARENA_ARRAY(&c->arena, struct replica_dir, count_replicas(list) + 1),
                             0};
    for (int32_t i = 0; i < list->count; i++)
        for (int32_t k = 0; k < list->items[i].replicas_count; k++)
            if (client_node(c, list->items[i].replicas[k]))
                d.items[d.count++] = (struct replica_dir){.topic = list->items[i].topic,
                                                          .partition = list->items[i].partition,
                                                          .broker = list->items[i].replicas[k]};
    qsort(d.items, (size_t)d.count, sizeof *d.items, by_broker);
    if (!look_up(c, &d)) return false;
    for (int32_t i = 0; i < list->count; i++) {
        struct reassignment *m = &list->items[i];
        m->log_dirs = ARENA_ARRAY(&c->arena, const char *, m->replicas_count + 1);
        for (int32_t k = 0; k < m->replicas_count; k++) {
            struct replica_dir key = {
                .topic = m->topic, .partition = m->partition, .broker = m->replicas[k]};
            const struct replica_dir *found =
                bsearch(&key, d.items, (size_t)d.count, sizeof key, by_broker);
            m->log_dirs[k] = found ? found->current : NULL;
        }
    }
    return true;
}

bool reassign_find_dirs(struct client *c, const struct reassignments *list,
                        struct replica_dirs *out)
{
    *out = (struct replica_dirs){
        ARENA_ARRAY(&c->arena, struct replica_dir, count_replicas(list) + 1), 0};
    for (int32_t i = 0; i < list->count; i++) {
        const struct reassignment *m = &list->items[i];
        for (int32_t k = 0; m->log_dirs && k < m->replicas_count; k++)
            if (strcmp(m->log_dirs[k], REASSIGN_ANY_DIR) != 0)
                out->items[out->count++] = (struct replica_dir){.topic = m->topic,
                                                                .partition = m->partition,
                                                                .broker = m->replicas[k],
                                                                .wanted = m->log_dirs[k]};
    }
    qsort(out->items, (size_t)out->count, sizeof *out->items, by_broker);
    return look_up(c, out);
}

bool reassign_move_dirs(struct client *c, struct replica_dirs *d)
{
    struct alter_replica_log_dirs_request request;
    alter_replica_log_dirs_request_init(&request);
    for (int32_t from = 0, end; from < d->count; from = end) {
        end = end_of_broker(d, from);
        struct client_node *n = client_node(c, d->items[from].broker);
        request.dirs =
            alter_replica_log_dirs_request_alter_replica_log_dir_new(&c->arena, end - from);
        request.dirs_count = end - from;
        for (int32_t i = from; i < end; i++) {
            struct alter_replica_log_dirs_request_alter_replica_log_dir *dir =
                &request.dirs[i - from];
            dir->path = str_of(d->items[i].wanted);
            dir->topics =
                alter_replica_log_dirs_request_alter_replica_log_dir_topic_new(&c->arena, 1);
            dir->topics_count = 1;
            dir->topics[0] = (struct alter_replica_log_dirs_request_alter_replica_log_dir_topic){
                d->items[i].topic, &d->items[i].partition, 1};
        }
        const struct alter_replica_log_dirs_response *r =
            n ? client_call(c, n, API_ALTER_REPLICA_LOG_DIRS, -1, &request, NULL) : NULL;
        if (!r) return false;
        for (int32_t i = from; i < end; i++)
            for (int32_t t = 0; t < r->results_count; t++)
                for (int32_t p = 0; p < r->results[t].partitions_count; p++)
                    if (r->results[t].partitions[p].partition_index == d->items[i].partition &&
                        str_equal(r->results[t].topic_name, d->items[i].topic))
                        d->items[i].error_code = r->results[t].partitions[p].error_code;
    }
    return true;
}

/* ---- configurations */

static bool configure_one(struct client *c, const struct config_change *changes, int32_t count)
{
    struct incremental_alter_configs_request request;
    incremental_alter_configs_request_init(&request);
    struct incremental_alter_configs_request_alter_configs_resource *resource =
        incremental_alter_configs_request_alter_configs_resource_new(&c->arena, 1);
    request.resources = resource;
    request.resources_count = 1;
    resource->resource_type = changes[0].type;
    resource->resource_name = changes[0].resource;
    resource->configs = incremental_alter_configs_request_alterable_config_new(&c->arena, count);
    resource->configs_count = count;
    for (int32_t i = 0; i < count; i++)
        resource->configs[i] = (struct incremental_alter_configs_request_alterable_config){
            str_of(changes[i].key), str_is_null(changes[i].value), changes[i].value};
    struct client_node *n = c->controllers ? client_controller(c) : client_any(c);
    if (changes[0].type == CONFIG_BROKER && !c->controllers)
        n = client_node(c, atoi(arena_str(&c->arena, changes[0].resource).data));
    if (!n) {
        client_fail(c, ERRORS "TimeoutException",
                    "Timed out waiting for a node assignment. Call: incrementalAlterConfigs");
        return false;
    }
    const struct incremental_alter_configs_response *r =
        client_call(c, n, API_INCREMENTAL_ALTER_CONFIGS, -1, &request, NULL);
    return r && (!r->responses_count ||
                 !failed(c, r->responses[0].error_code, r->responses[0].error_message));
}

bool reassign_configure(struct client *c, const struct config_change *changes, int32_t count)
{
    for (int32_t from = 0, end; from < count; from = end) {
        end = from + 1;
        while (end < count && changes[end].type == changes[from].type &&
               str_equal(changes[end].resource, changes[from].resource))
            end++;
        if (!configure_one(c, changes + from, end - from)) return false;
    }
    return true;
}
