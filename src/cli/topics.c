/* kafka-topics.sh. Each action is one function; a failure ends in fail(), which prints what
 * Kafka's tool prints on standard output. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/select.h"
#include "cli/tool.h"
#include "cli/uuid_argument.h"
#include "config/topic.h"
#include "protocol/create_partitions.h"
#include "protocol/create_topics.h"
#include "protocol/delete_topics.h"
#include "protocol/describe_configs.h"
#include "protocol/describe_topic_partitions.h"
#include "protocol/list_partition_reassignments.h"

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, false, false, "String: server to connect to",
     "REQUIRED: the brokers to connect to first."},
    {"command-config", 0, OPTION_VALUE, false, false, "String: command config property file",
     "File with properties of the client."},
    {"list", 0, OPTION_FLAG, false, false, NULL, "List all topics."},
    {"create", 0, OPTION_FLAG, false, false, NULL, "Create a topic."},
    {"delete", 0, OPTION_FLAG, false, false, NULL, "Delete a topic."},
    {"alter", 0, OPTION_FLAG, false, false, NULL, "Raise the number of partitions of a topic."},
    {"describe", 0, OPTION_FLAG, false, false, NULL, "Show topics and their partitions."},
    {"topic", 0, OPTION_VALUE, false, false, "String: topic",
     "The topic; a regular expression, except with --create."},
    {"topic-id", 0, OPTION_VALUE, false, false, "String: topic-id",
     "The id of a topic to describe."},
    {"config", 0, OPTION_VALUE, false, true, "String: name=value",
     "A configuration of the topic to create. kafka-configs changes it later."},
    {"delete-config", 0, OPTION_VALUE, false, true, "String: name",
     "Not supported any more; use kafka-configs."},
    {"partitions", 0, OPTION_VALUE, false, false, "Integer: # of partitions",
     "How many partitions the topic is to have; without it, the cluster's default."},
    {"replication-factor", 0, OPTION_VALUE, false, false, "Integer: replication factor",
     "How many replicas each partition is to have; without it, the cluster's default."},
    {"replica-assignment", 0, OPTION_VALUE, false, false, "String: replicas",
     "Which brokers hold each partition: 0:1,1:2 is two partitions of two replicas."},
    {"under-replicated-partitions", 0, OPTION_FLAG, false, false, NULL,
     "With --describe: only partitions with replicas out of sync."},
    {"unavailable-partitions", 0, OPTION_FLAG, false, false, NULL,
     "With --describe: only partitions without a live leader."},
    {"under-min-isr-partitions", 0, OPTION_FLAG, false, false, NULL,
     "With --describe: only partitions with fewer in-sync replicas than the minimum."},
    {"at-min-isr-partitions", 0, OPTION_FLAG, false, false, NULL,
     "With --describe: only partitions with exactly the minimum of in-sync replicas."},
    {"topics-with-overrides", 0, OPTION_FLAG, false, false, NULL,
     "With --describe: only topics with configurations of their own."},
    {"if-exists", 0, OPTION_FLAG, false, false, NULL, "No error when the topic does not exist."},
    {"if-not-exists", 0, OPTION_FLAG, false, false, NULL, "No error when the topic exists."},
    {"exclude-internal", 0, OPTION_FLAG, false, false, NULL, "Leave internal topics out."},
    {"partition-size-limit-per-response", 0, OPTION_VALUE, false, false,
     "Integer: maximum number of partitions per response",
     "Most partitions in one answer of a broker to --describe."},
    {0},
};

static _Noreturn void fail(const char *text)
{
    printf("Error while executing topic command : %s\n", text);
    exit(1);
}

static _Noreturn void fail_client(const struct client *c)
{
    printf("Error while executing topic command : %s\n", c->failure.text);
    fflush(stdout);
    fprintf(stderr, "%s\n", client_failure_line(c));
    exit(1);
}

/* ---- which topics */

struct names {
    struct str *items;
    int32_t count;
};

static int by_name(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static struct names matching_topics(struct client *c, const struct args *a)
{
    struct name_filter filter;
    if (!name_filter_init(&filter, args_value(a, "topic"), args_has(a, "exclude-internal")))
        fail(arena_printf(&c->arena, "%s is an invalid regex.", filter.text).data);
    const char *id_text = args_has(a, "describe") ? args_value(a, "topic-id") : NULL;
    struct uuid id = UUID_ZERO;
    const char *why = id_text ? uuid_argument(&c->arena, id_text, &id) : NULL;
    if (why) fail(why);
    const struct metadata_response *m = client_topics(c, NULL, 0);
    if (!m) fail_client(c);
    struct names n = {ARENA_ARRAY(&c->arena, struct str, m->topics_count), 0};
    for (int32_t i = 0; i < m->topics_count; i++) {
        if (m->topics[i].error_code != KAFKA_NONE && m->topics[i].partitions_count == 0) continue;
        bool wanted = uuid_is_zero(id) ? name_filter_matches(&filter, m->topics[i].name)
                                       : uuid_equal(id, m->topics[i].topic_id);
        if (wanted) n.items[n.count++] = m->topics[i].name;
    }
    qsort(n.items, (size_t)n.count, sizeof *n.items, by_name);
    return n;
}

static void ensure_exists(struct client *c, const struct args *a, const struct names *n)
{
    if (n->count || args_has(a, "if-exists")) return;
    const char *topic = args_value(a, "topic"), *id = args_value(a, "topic-id");
    if (id) fail(arena_printf(&c->arena, "TopicId '%s' does not exist as expected", id).data);
    if (topic && *topic)
        fail(arena_printf(&c->arena, "Topic '%s' does not exist as expected", topic).data);
}

static void list(struct client *c, const struct args *a)
{
    struct names n = matching_topics(c, a);
    for (int32_t i = 0; i < n.count; i++) printf("%s%.*s", i ? "\n" : "", STR_ARG(n.items[i]));
    printf("\n");
}

/* ---- create, alter, delete */

struct replicas {
    int32_t *ids;
    int32_t count;
};

/* "[1, 2]" */
static const char *listed(struct client *c, const struct replicas *r)
{
    struct str text = STR("");
    for (int32_t i = 0; i < r->count; i++)
        text = arena_printf(&c->arena, "%.*s%s%d", STR_ARG(text), i ? ", " : "", r->ids[i]);
    return arena_printf(&c->arena, "[%.*s]", STR_ARG(text)).data;
}

/* "0:1,1:2" as one list of brokers per partition. */
static struct replicas *parse_assignment(struct client *c, const char *text, int32_t *count)
{
    struct replicas *all = ARENA_ARRAY(&c->arena, struct replicas, strlen(text) + 1);
    *count = 0;
    for (const char *at = text; *at;) {
        struct replicas *r = &all[(*count)++];
        if (*at == ',') fail("For input string: \"\"");
        r->ids = ARENA_ARRAY(&c->arena, int32_t, strlen(at) + 1);
        for (; *at && *at != ','; at += *at == ':') {
            char *end;
            long id = strtol(at, &end, 10);
            if (end == at || (*end && *end != ':' && *end != ',' && *end != ' '))
                fail(arena_printf(&c->arena, "For input string: \"%s\"", at).data);
            while (*end == ' ') end++;
            for (int32_t i = 0; i < r->count; i++)
                if (r->ids[i] == id)
                    fail(arena_printf(&c->arena,
                                      "Partition replica lists may not contain duplicate "
                                      "entries: %ld",
                                      id)
                             .data);
            r->ids[r->count++] = (int32_t)id;
            at = end;
        }
        at += *at == ',';
        if (r->count != all[0].count)
            fail(arena_printf(&c->arena, "Partition %d has different replication factor: %s",
                              *count - 1, listed(c, r))
                     .data);
    }
    return all;
}

static void read_configs(struct client *c, const struct args *a,
                         struct create_topics_request_creatable_topic *t)
{
    struct config_pair *pairs = ARENA_ARRAY(&c->arena, struct config_pair, OPTION_VALUES_MAX);
    t->configs = create_topics_request_creatable_topic_config_new(&c->arena, OPTION_VALUES_MAX);
    const char *text;
    for (int32_t i = 0; (text = args_value_at(a, "config", i)); i++) {
        const char *equals = strchr(text, '=');
        struct str name = {text, equals ? (int32_t)(equals - text) : 0};
        while (name.len && *name.data == ' ') name.data++, name.len--;
        while (name.len && name.data[name.len - 1] == ' ') name.len--;
        while (equals && equals[1] == ' ') equals++;
        const char *more = equals && equals[1] ? strchr(equals + 1, '=') : NULL;
        if (!equals || !equals[1] || (more && more[strspn(more, "= ")]))
            fail("requirement failed: Invalid topic config: all configs to be added must be in the "
                 "format \"key=val\".");
        pairs[i] = (struct config_pair){name, str_of(equals + 1)};
        t->configs[i].name = name;
        t->configs[i].value = str_of(equals + 1);
        t->configs_count = i + 1;
    }
    struct config *defaults = config_new();
    struct config_error error;
    if (config_validate_topic(defaults, pairs, t->configs_count, &error)) fail(error.text);
    config_free(defaults);
}

static void create(struct client *c, const struct args *a)
{
    struct create_topics_request request;
    create_topics_request_init(&request);
    request.timeout_ms = (int32_t)c->request_timeout_ms;
    struct create_topics_request_creatable_topic *t =
        create_topics_request_creatable_topic_new(&c->arena, 1);
    request.topics = t;
    request.topics_count = 1;
    const char *name = args_value(a, "topic"), *assignment = args_value(a, "replica-assignment");
    t->name = str_of(name);
    read_configs(c, a, t);
    if (!*name) fail("The given topic name '' cannot be represented in a request.");
    if (strpbrk(name, "._"))
        printf("WARNING: Due to limitations in metric names, topics with a period ('.') or "
               "underscore ('_') could collide. To avoid issues it is best to use either, but not "
               "both.\n");
    int64_t partitions = args_number(a, "partitions", -1);
    int64_t factor = args_number(a, "replication-factor", -1);
    if (args_has(a, "replication-factor") && (factor < 1 || factor > INT16_MAX))
        fail("The replication factor must be between 1 and 32767 inclusive");
    if (args_has(a, "partitions") && partitions < 1) fail("The partitions must be greater than 0");
    t->num_partitions = (int32_t)partitions;
    t->replication_factor = (int16_t)factor;
    if (assignment) {
        int32_t count;
        struct replicas *r = parse_assignment(c, assignment, &count);
        t->num_partitions = -1;
        t->replication_factor = -1;
        t->assignments = create_topics_request_creatable_replica_assignment_new(&c->arena, count);
        t->assignments_count = count;
        for (int32_t i = 0; i < count; i++) {
            t->assignments[i].partition_index = i;
            t->assignments[i].broker_ids = r[i].ids;
            t->assignments[i].broker_ids_count = r[i].count;
        }
    }
    if (!client_refresh(c, "createTopics")) fail_client(c);
    const struct create_topics_response *r =
        client_call(c, client_controller(c), API_CREATE_TOPICS, -1, &request, NULL);
    if (!r) fail_client(c);
    int16_t code = r->topics_count ? r->topics[0].error_code : KAFKA_UNKNOWN_SERVER_ERROR;
    if (code == KAFKA_NONE) {
        printf("Created topic %s.\n", name);
        return;
    }
    if (code == KAFKA_TOPIC_ALREADY_EXISTS && args_has(a, "if-not-exists")) return;
    client_fail_code(c, code, r->topics_count ? r->topics[0].error_message : STR_NULL);
    fail_client(c);
}

static int32_t partitions_of(struct client *c, struct str topic)
{
    const struct metadata_response *m = client_topics(c, &topic, 1);
    if (!m) fail_client(c);
    return m->topics_count ? m->topics[0].partitions_count : 0;
}

static void alter(struct client *c, const struct args *a)
{
    const char *assignment = args_value(a, "replica-assignment");
    int64_t wanted = args_number(a, "partitions", -1);
    struct names n = matching_topics(c, a);
    ensure_exists(c, a, &n);
    if (!n.count) return;
    struct create_partitions_request request;
    create_partitions_request_init(&request);
    request.timeout_ms = (int32_t)c->request_timeout_ms;
    request.topics = create_partitions_request_create_partitions_topic_new(&c->arena, n.count);
    request.topics_count = n.count;
    for (int32_t i = 0; i < n.count; i++) {
        struct create_partitions_request_create_partitions_topic *t = &request.topics[i];
        t->name = n.items[i];
        t->count = (int32_t)wanted;
        t->assignments_count = -1;
        if (!assignment) continue;
        int32_t count, present = partitions_of(c, t->name);
        struct replicas *r = parse_assignment(c, assignment, &count);
        t->assignments_count = 0;
        t->assignments =
            create_partitions_request_create_partitions_assignment_new(&c->arena, count + 1);
        for (int32_t k = present; k < count; k++) {
            t->assignments[t->assignments_count].broker_ids = r[k].ids;
            t->assignments[t->assignments_count++].broker_ids_count = r[k].count;
        }
    }
    const struct create_partitions_response *r =
        client_call(c, client_controller(c), API_CREATE_PARTITIONS, -1, &request, NULL);
    if (!r) fail_client(c);
    for (int32_t i = 0; i < r->results_count; i++) {
        if (r->results[i].error_code == KAFKA_NONE) continue;
        client_fail_code(c, r->results[i].error_code, r->results[i].error_message);
        fail_client(c);
    }
}

static void delete (struct client *c, const struct args *a)
{
    struct names n = matching_topics(c, a);
    ensure_exists(c, a, &n);
    if (!n.count) return;
    struct delete_topics_request request;
    delete_topics_request_init(&request);
    request.timeout_ms = (int32_t)c->request_timeout_ms;
    if (client_serves(c, client_controller(c), API_DELETE_TOPICS, 6)) {
        request.topics = delete_topics_request_delete_topic_state_new(&c->arena, n.count);
        request.topics_count = n.count;
        for (int32_t i = 0; i < n.count; i++) request.topics[i].name = n.items[i];
    } else {
        request.topic_names = n.items;
        request.topic_names_count = n.count;
    }
    const struct delete_topics_response *r =
        client_call(c, client_controller(c), API_DELETE_TOPICS, -1, &request, NULL);
    if (!r) fail_client(c);
    for (int32_t i = 0; i < r->responses_count; i++) {
        if (r->responses[i].error_code == KAFKA_NONE) continue;
        client_fail_code(c, r->responses[i].error_code, r->responses[i].error_message);
        fail_client(c);
    }
}

/* ---- describe */

struct partition {
    int32_t index, leader;
    struct replicas replicas, isr, elr, last_known_elr, adding, removing;
    bool has_elr, reassigned;
};

struct topic {
    struct str name;
    struct uuid id;
    struct partition *partitions;
    int32_t count, capacity;
    const struct describe_configs_response_describe_configs_result *configs;
};

static struct partition *add_partition(struct client *c, struct topic *t)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? t->capacity * 2 : 8;
        struct partition *grown = ARENA_ARRAY(&c->arena, struct partition, t->capacity);
        if (t->count) memcpy(grown, t->partitions, (size_t)t->count * sizeof *grown);
        t->partitions = grown;
    }
    return &t->partitions[t->count++];
}

/* DescribeTopicPartitions, page by page. */
static void read_partitions(struct client *c, const struct args *a, struct topic *topics,
                            int32_t count)
{
    struct describe_topic_partitions_request request;
    describe_topic_partitions_request_init(&request);
    request.response_partition_limit =
        (int32_t)args_number(a, "partition-size-limit-per-response", 2000);
    request.topics = describe_topic_partitions_request_topic_request_new(&c->arena, count);
    request.topics_count = count;
    for (int32_t i = 0; i < count; i++) request.topics[i].name = topics[i].name;
    for (int32_t done = 0; done < count;) {
        const struct describe_topic_partitions_response *r =
            client_call(c, client_any(c), API_DESCRIBE_TOPIC_PARTITIONS, -1, &request, NULL);
        if (!r) fail_client(c);
        for (int32_t i = 0; i < r->topics_count; i++) {
            const struct describe_topic_partitions_response_topic *from = &r->topics[i];
            struct topic *t = topics;
            while (t < topics + count && !str_equal(t->name, from->name)) t++;
            if (t == topics + count) continue;
            if (from->error_code != KAFKA_NONE) {
                client_fail_code(c, from->error_code, STR_NULL);
                fail_client(c);
            }
            t->id = from->topic_id;
            for (int32_t k = 0; k < from->partitions_count; k++) {
                const struct describe_topic_partitions_response_partition *p = &from->partitions[k];
                *add_partition(c, t) = (struct partition){
                    .index = p->partition_index,
                    .leader = p->leader_id,
                    .replicas = {p->replica_nodes, p->replica_nodes_count},
                    .isr = {p->isr_nodes, p->isr_nodes_count},
                    .has_elr = true,
                    .elr = {p->eligible_leader_replicas, p->eligible_leader_replicas_count},
                    .last_known_elr = {p->last_known_elr, p->last_known_elr_count}};
            }
        }
        if (!r->next_cursor) return;
        done = 0;
        while (done < count && !str_equal(topics[done].name, r->next_cursor->topic_name)) done++;
        request.topics = describe_topic_partitions_request_topic_request_new(&c->arena, count);
        request.topics_count = count - done;
        for (int32_t i = done; i < count; i++) request.topics[i - done].name = topics[i].name;
        struct describe_topic_partitions_request_cursor *cursor =
            ARENA_NEW(&c->arena, struct describe_topic_partitions_request_cursor);
        cursor->topic_name = r->next_cursor->topic_name;
        cursor->partition_index = r->next_cursor->partition_index;
        request.cursor = cursor;
    }
}

/* Metadata, for servers without the above. */
static void read_partitions_old(struct client *c, struct topic *topics, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        const struct metadata_response *m = client_topics(c, &topics[i].name, 1);
        if (!m) fail_client(c);
        for (int32_t k = 0; m->topics_count && k < m->topics[0].partitions_count; k++) {
            const struct metadata_response_partition *p = &m->topics[0].partitions[k];
            topics[i].id = m->topics[0].topic_id;
            *add_partition(c, &topics[i]) =
                (struct partition){.index = p->partition_index,
                                   .leader = p->leader_id,
                                   .replicas = {p->replica_nodes, p->replica_nodes_count},
                                   .isr = {p->isr_nodes, p->isr_nodes_count}};
        }
    }
}

static void read_configs_of(struct client *c, struct topic *topics, int32_t count)
{
    struct describe_configs_request request;
    describe_configs_request_init(&request);
    request.resources = describe_configs_request_describe_configs_resource_new(&c->arena, count);
    request.resources_count = count;
    for (int32_t i = 0; i < count; i++) {
        request.resources[i].resource_type = 2;
        request.resources[i].resource_name = topics[i].name;
        request.resources[i].configuration_keys_count = -1;
    }
    const struct describe_configs_response *r =
        client_call(c, client_any(c), API_DESCRIBE_CONFIGS, -1, &request, NULL);
    if (!r) fail_client(c);
    for (int32_t i = 0; i < r->results_count; i++) {
        if (r->results[i].error_code != KAFKA_NONE) {
            client_fail_code(c, r->results[i].error_code, r->results[i].error_message);
            fail_client(c);
        }
        for (int32_t k = 0; k < count; k++)
            if (str_equal(topics[k].name, r->results[i].resource_name))
                topics[k].configs = &r->results[i];
    }
}

/* Where the server can tell; without an answer nothing is being reassigned. */
static void read_reassignments(struct client *c, struct topic *topics, int32_t count)
{
    if (!client_serves(c, client_controller(c), API_LIST_PARTITION_REASSIGNMENTS, 0)) return;
    struct list_partition_reassignments_request request;
    list_partition_reassignments_request_init(&request);
    request.topics_count = -1;
    request.timeout_ms = (int32_t)c->request_timeout_ms;
    const struct list_partition_reassignments_response *r =
        client_call(c, client_controller(c), API_LIST_PARTITION_REASSIGNMENTS, -1, &request, NULL);
    for (int32_t i = 0; r && i < r->topics_count; i++)
        for (int32_t t = 0; t < count; t++)
            for (int32_t k = 0;
                 k < r->topics[i].partitions_count && str_equal(topics[t].name, r->topics[i].name);
                 k++)
                for (int32_t p = 0; p < topics[t].count; p++) {
                    struct partition *to = &topics[t].partitions[p];
                    if (to->index != r->topics[i].partitions[k].partition_index) continue;
                    to->reassigned = true;
                    to->adding =
                        (struct replicas){r->topics[i].partitions[k].adding_replicas,
                                          r->topics[i].partitions[k].adding_replicas_count};
                    to->removing =
                        (struct replicas){r->topics[i].partitions[k].removing_replicas,
                                          r->topics[i].partitions[k].removing_replicas_count};
                }
}

enum { SOURCE_IS_DEFAULT = 5 };

static bool is_override(const struct describe_configs_response_describe_configs_resource_result *e)
{
    return e->config_source != SOURCE_IS_DEFAULT;
}

static int32_t replication_factor(const struct partition *p)
{
    return p->reassigned ? p->replicas.count - p->adding.count : p->replicas.count;
}

static void print_topic(const struct topic *t)
{
    printf("Topic: %.*s", STR_ARG(t->name));
    if (!uuid_is_zero(t->id)) printf("\tTopicId: %s", uuid_text(t->id).z);
    printf("\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: ", t->count,
           t->count ? replication_factor(&t->partitions[0]) : 0);
    bool any = false;
    for (int32_t i = 0; t->configs && i < t->configs->configs_count; i++) {
        const struct describe_configs_response_describe_configs_resource_result *e =
            &t->configs->configs[i];
        if (!is_override(e)) continue;
        printf("%s%.*s=%.*s", any ? "," : "", STR_ARG(e->name), STR_ARG(e->value));
        any = true;
    }
    printf("\n");
}

static void print_replicas(const char *label, const struct replicas *r)
{
    printf("\t%s: ", label);
    for (int32_t i = 0; i < r->count; i++) printf("%s%d", i ? "," : "", r->ids[i]);
}

static void print_partition(const struct topic *t, const struct partition *p)
{
    printf("\tTopic: %.*s\tPartition: %d\tLeader: ", STR_ARG(t->name), p->index);
    if (p->leader < 0)
        printf("none");
    else
        printf("%d", p->leader);
    print_replicas("Replicas", &p->replicas);
    print_replicas("Isr", &p->isr);
    if (p->reassigned) {
        print_replicas("Adding Replicas", &p->adding);
        print_replicas("Removing Replicas", &p->removing);
    }
    if (p->has_elr) {
        print_replicas("Elr", &p->elr);
        print_replicas("LastKnownElr", &p->last_known_elr);
    } else
        printf("\tElr: N/A\tLastKnownElr: N/A");
    printf("\n");
}

static int32_t min_isr(const struct topic *t)
{
    for (int32_t i = 0; t->configs && i < t->configs->configs_count; i++)
        if (str_equal_z(t->configs->configs[i].name, "min.insync.replicas")) {
            char text[16];
            snprintf(text, sizeof text, "%.*s", STR_ARG(t->configs->configs[i].value));
            return atoi(text);
        }
    return 1;
}

static bool has_problem(struct client *c, const struct args *a, const struct topic *t,
                        const struct partition *p)
{
    if (args_has(a, "under-replicated-partitions") && replication_factor(p) > p->isr.count)
        return true;
    if (args_has(a, "unavailable-partitions") && (p->leader < 0 || !client_node(c, p->leader)))
        return true;
    if (args_has(a, "under-min-isr-partitions") && (p->leader < 0 || p->isr.count < min_isr(t)))
        return true;
    return args_has(a, "at-min-isr-partitions") && p->isr.count == min_isr(t);
}

static int by_index(const void *a, const void *b)
{
    return ((const struct partition *)a)->index - ((const struct partition *)b)->index;
}

static void describe(struct client *c, const struct args *a)
{
    struct names n = matching_topics(c, a);
    ensure_exists(c, a, &n);
    if (!n.count) return;
    struct topic *topics = ARENA_ARRAY(&c->arena, struct topic, n.count);
    for (int32_t i = 0; i < n.count; i++) topics[i].name = n.items[i];
    if (client_serves(c, client_any(c), API_DESCRIBE_TOPIC_PARTITIONS, 0))
        read_partitions(c, a, topics, n.count);
    else
        read_partitions_old(c, topics, n.count);
    read_configs_of(c, topics, n.count);
    read_reassignments(c, topics, n.count);
    bool problems = args_has(a, "under-replicated-partitions") ||
                    args_has(a, "unavailable-partitions") ||
                    args_has(a, "under-min-isr-partitions") || args_has(a, "at-min-isr-partitions");
    bool overridden = args_has(a, "topics-with-overrides");
    for (int32_t i = 0; i < n.count; i++) {
        struct topic *t = &topics[i];
        qsort(t->partitions, (size_t)t->count, sizeof *t->partitions, by_index);
        bool own = false;
        for (int32_t k = 0; t->configs && k < t->configs->configs_count; k++)
            own |= is_override(&t->configs->configs[k]);
        if (!problems && (!overridden || own)) print_topic(t);
        for (int32_t k = 0; k < t->count && !overridden; k++)
            if (!problems || has_problem(c, a, t, &t->partitions[k]))
                print_partition(t, &t->partitions[k]);
    }
}

/* ---- options */

static const char *const actions[] = {"create", "list", "alter", "describe", "delete"};

/* The option is for these actions only. */
static void only_with(const struct args *a, const char *option, const char *const *allowed)
{
    for (int i = 0; i < 5; i++) {
        bool may = false;
        for (const char *const *name = allowed; *name; name++)
            may |= strcmp(*name, actions[i]) == 0;
        if (!may) args_exclude(a, option, actions[i]);
    }
}
#define ONLY_WITH(a, option, ...) only_with(a, option, (const char *const[]){__VA_ARGS__, NULL})

static void check_required(const struct args *a)
{
    if (!args_has(a, "bootstrap-server")) {
        fprintf(stderr, "--bootstrap-server must be specified\n");
        exit(1);
    }
    bool topic = args_has(a, "topic"), id = args_has(a, "topic-id");
    if (args_has(a, "describe") && args_has(a, "if-exists")) {
        if (!topic && !id) args_usage(a, "--topic or --topic-id is required to describe a topic");
        if (topic && id)
            printf("Only topic id will be used when both --topic and --topic-id are specified and "
                   "topicId is not Uuid.ZERO_UUID\n");
    }
    if (!args_has(a, "list") && !args_has(a, "describe")) args_require(a, "topic");
    if (!args_has(a, "alter")) return;
    if (args_has(a, "config"))
        args_usage(a, "Option combination \"[[bootstrap-server], [config]]\" can't be used with "
                      "option \"[alter]\" (To alter topic configurations, the kafka-configs tool "
                      "can be used.)");
    args_require(a, "partitions");
}

static void check_options(const struct args *a)
{
    int count = 0;
    for (int i = 0; i < 5; i++) count += args_has(a, actions[i]);
    if (count != 1)
        args_usage(a,
                   "Command must include exactly one action: --list, --describe, --create, --alter "
                   "or --delete");
    if (args_has(a, "delete-config"))
        fprintf(stderr, "delete-config option is no longer supported and deprecated since version "
                        "4.0. The config will be fully removed in future releases.\n");
    check_required(a);
    ONLY_WITH(a, "config", "alter", "create");
    ONLY_WITH(a, "partitions", "alter", "create");
    ONLY_WITH(a, "replication-factor", "create");
    ONLY_WITH(a, "replica-assignment", "alter", "create");
    if (args_has(a, "create")) {
        args_exclude(a, "replica-assignment", "partitions");
        args_exclude(a, "replica-assignment", "replication-factor");
    }
    static const char *const filters[] = {"under-replicated-partitions", "under-min-isr-partitions",
                                          "at-min-isr-partitions", "unavailable-partitions"};
    for (int i = 0; i < 4; i++) {
        ONLY_WITH(a, filters[i], "describe");
        args_exclude(a, filters[i], "topics-with-overrides");
    }
    ONLY_WITH(a, "topics-with-overrides", "describe");
    ONLY_WITH(a, "if-exists", "alter", "delete", "describe");
    ONLY_WITH(a, "if-not-exists", "create");
    ONLY_WITH(a, "exclude-internal", "list", "describe");
}

int tool_topics(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(&a, "This tool helps to create, delete, describe, or change a topic.", options,
                    argc, argv);
    check_options(&a);
    struct client *c = client_open_args(&a, false);
    a.misread = fail;
    if (args_has(&a, "create")) {
        create(c, &a);
        return 0;
    }
    if (!client_refresh(c, "listTopics")) fail_client(c);
    if (args_has(&a, "list")) list(c, &a);
    if (args_has(&a, "describe")) describe(c, &a);
    if (args_has(&a, "alter")) alter(c, &a);
    if (args_has(&a, "delete")) delete (c, &a);
    client_close(c);
    return 0;
}
