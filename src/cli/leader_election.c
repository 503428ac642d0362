/* kafka-leader-election.sh: ask the controller to elect leaders, preferred or unclean. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "cli/client.h"
#include "cli/json.h"
#include "cli/tool.h"
#include "protocol/elect_leaders.h"

enum { API_TIMEOUT_MS = 30000, REQUEST_TIMEOUT_MS = 15000, PREFERRED = 0, UNCLEAN = 1 };

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, false, false, "String: host:port",
     "REQUIRED: the brokers to connect to first."},
    {"admin.config", 0, OPTION_VALUE, false, false, "String: config file",
     "Former name of --command-config."},
    {"command-config", 0, OPTION_VALUE, false, false, "String: Config file",
     "File with properties of the client."},
    {"path-to-json-file", 0, OPTION_VALUE, false, false, "String: Path to JSON file",
     "File with the partitions: {\"partitions\":[{\"topic\":\"foo\",\"partition\":1}]}."},
    {"topic", 0, OPTION_VALUE, false, false, "String: topic name", "The topic of one partition."},
    {"partition", 0, OPTION_VALUE, false, false, "Integer: partition id",
     "The partition; required with --topic."},
    {"all-topic-partitions", 0, OPTION_FLAG, false, false, NULL,
     "Every partition that the kind of election is for."},
    {"election-type", 0, OPTION_VALUE, false, false, "[PREFERRED|UNCLEAN]: election type",
     "REQUIRED: preferred, the first of the replicas where it does not lead; or unclean, any live "
     "replica where there is no leader, which can lose records."},
    {0},
};

struct partition {
    struct str topic;
    int32_t index;
    int16_t error_code;
    struct str message;
};

__attribute__((noreturn)) static void fail_json(const char *text)
{
    fflush(stdout);
    fprintf(stderr, JSON_MAPPING_EXCEPTION ": %s\n", text);
    exit(1);
}

static int election_type(const struct args *a, struct arena *arena)
{
    const char *text = args_value(a, "election-type");
    if (strcasecmp(text, "preferred") == 0) return PREFERRED;
    if (strcasecmp(text, "unclean") == 0) return UNCLEAN;
    args_fail(arena_printf(arena, "Cannot parse argument '%s' of option election-type", text).data);
}

/* Kafka's order of complaints. */
static void check_options(const struct args *a, struct arena *arena)
{
    bool server = args_has(a, "bootstrap-server"), type = args_has(a, "election-type");
    if (type) election_type(a, arena);
    args_integer(a, "partition", 0);
    if (!server || !type)
        args_fail(arena_printf(arena, "Missing required option(s): %s%s%s",
                               server ? "" : "bootstrap-server", server || type ? "" : ", ",
                               type ? "" : "election-type")
                      .data);
    args_exclude(a, "admin.config", "command-config");
    bool topic = args_has(a, "topic");
    if (topic + args_has(a, "all-topic-partitions") + args_has(a, "path-to-json-file") != 1)
        args_fail(
            "One and only one of the following options is required: topic, all-topic-partitions, "
            "path-to-json-file");
    if (topic && !args_has(a, "partition")) args_fail("Missing required option(s): partition");
    if (!topic && args_has(a, "partition"))
        args_fail("Option partition is only allowed if topic is used");
}

static struct partition *read_file(const char *path, struct arena *arena, int32_t *count)
{
    struct json_reader r = {arena, fail_json};
    const char *why;
    char *text = tool_read_file(path, NULL);
    if (!text)
        args_fail(arena_printf(arena, "java.io.IOException: Unable to read file %s", path).data);
    json_t *root = json_parse(&r, text, &why);
    if (!root) args_fail("Replica election data is empty");
    const json_t *field = json_field(&r, root, "partitions"), *item;
    if (!field) args_fail("Replica election data is missing \"partitions\" field");
    const json_t *list = json_list(&r, field);
    struct partition *p = ARENA_ARRAY(arena, struct partition, json_array_size(list) + 1);
    size_t i;
    json_array_foreach((json_t *)list, i, item)
    {
        p[i].topic = str_of(json_text(&r, json_field_required(&r, item, "topic")));
        p[i].index = json_int(&r, json_field_required(&r, item, "partition"));
    }
    *count = (int32_t)json_array_size(list);
    struct str twice = STR("");
    for (int32_t k = 0; k < *count; k++)
        for (int32_t m = 0; m < k; m++)
            if (str_equal(p[k].topic, p[m].topic) && p[k].index == p[m].index)
                twice = arena_printf(arena, "%.*s%s%.*s-%d", STR_ARG(twice), twice.len ? ", " : "",
                                     STR_ARG(p[k].topic), p[k].index);
    if (twice.len)
        args_fail(arena_printf(arena, "Replica election data contains duplicate partitions: [%.*s]",
                               STR_ARG(twice))
                      .data);
    return p;
}

static int by_name(const void *a, const void *b)
{
    const struct partition *x = a, *y = b;
    int order = str_compare(x->topic, y->topic);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* The controller's answer, sorted; `wanted` NULL asks for all. */
static struct partition *elect(struct client *c, int type, const struct partition *wanted,
                               int32_t *count)
{
    struct elect_leaders_request request;
    elect_leaders_request_init(&request);
    request.election_type = (int8_t)type;
    request.timeout_ms = (int32_t)c->api_timeout_ms;
    request.topic_partitions_count = wanted ? *count : -1;
    if (wanted)
        request.topic_partitions = elect_leaders_request_topic_partitions_new(&c->arena, *count);
    for (int32_t i = 0; wanted && i < *count; i++) {
        request.topic_partitions[i].topic = wanted[i].topic;
        request.topic_partitions[i].partitions = ARENA_NEW(&c->arena, int32_t);
        request.topic_partitions[i].partitions[0] = wanted[i].index;
        request.topic_partitions[i].partitions_count = 1;
    }
    const struct elect_leaders_response *r =
        CLIENT_CALL_CONTROLLER(c, API_ELECT_LEADERS, elect_leaders, &request);
    if (r && r->error_code != KAFKA_NONE) {
        client_fail_code(c, r->error_code, STR_NULL);
        r = NULL;
    }
    if (!r) {
        bool late = strstr(c->failure.class, "TimeoutException") != NULL;
        if (late) printf("Timeout waiting for election results\n");
        args_fail(late ? "Timeout waiting for election results" : client_failure_line(c));
    }
    *count = 0;
    for (int32_t t = 0; t < r->replica_election_results_count; t++)
        *count += r->replica_election_results[t].partition_result_count;
    struct partition *p = ARENA_ARRAY(&c->arena, struct partition, *count + 1), *at = p;
    for (int32_t t = 0; t < r->replica_election_results_count; t++) {
        const struct elect_leaders_response_replica_election_result *topic =
            &r->replica_election_results[t];
        for (int32_t i = 0; i < topic->partition_result_count; i++)
            *at++ = (struct partition){topic->topic, topic->partition_result[i].partition_id,
                                       topic->partition_result[i].error_code,
                                       topic->partition_result[i].error_message};
    }
    qsort(p, (size_t)*count, sizeof *p, by_name);
    return p;
}

/* Those that ended with `code`, on one line behind `title`. */
static void print_line(const struct partition *p, int32_t count, int16_t code, const char *title)
{
    bool any = false;
    for (int32_t i = 0; i < count; i++) {
        if (p[i].error_code != code) continue;
        printf("%s%.*s-%d", any ? ", " : title, STR_ARG(p[i].topic), p[i].index);
        any = true;
    }
    if (any) printf("\n");
}

int tool_leader_election(int argc, char **argv)
{
    struct args a;
    struct arena arena;
    arena_init(&arena, 0);
    args_parse_jopt(&a,
                    "This tool attempts to elect a new leader for a set of topic partitions. The "
                    "type of elections supported are preferred replicas and unclean replicas.",
                    options, argc, argv);
    check_options(&a, &arena);
    int type = election_type(&a, &arena);
    const char *type_name = type == PREFERRED ? "PREFERRED" : "UNCLEAN";
    struct partition one = {.topic = str_of(args_value(&a, "topic") ? args_value(&a, "topic") : ""),
                            .index = args_integer(&a, "partition", 0)};
    struct partition *wanted = args_has(&a, "topic") ? &one : NULL;
    int32_t count = 1, failed = 0;
    const char *file = args_value(&a, "path-to-json-file"),
               *config = args_value(&a, "command-config");
    if (file) wanted = read_file(file, &arena, &count);
    if (args_has(&a, "admin.config")) {
        printf("Option --admin.config has been deprecated and will be removed in a future version. "
               "Use --command-config instead.\n");
        config = args_value(&a, "admin.config");
    }
    struct client *c = client_open(&a, args_value(&a, "bootstrap-server"), false, config);
    if (str_is_null(properties_get(&c->properties, "default.api.timeout.ms")))
        c->api_timeout_ms = API_TIMEOUT_MS;
    if (str_is_null(properties_get(&c->properties, "request.timeout.ms")))
        c->request_timeout_ms = REQUEST_TIMEOUT_MS;
    const struct partition *done = elect(c, type, wanted, &count);
    char title[128];
    snprintf(title, sizeof title, "Successfully completed leader election (%s) for partitions ",
             type_name);
    print_line(done, count, KAFKA_NONE, title);
    print_line(done, count, KAFKA_ELECTION_NOT_NEEDED,
               "Valid replica already elected for partitions ");
    for (int32_t i = 0; i < count; i++) {
        if (done[i].error_code == KAFKA_NONE || done[i].error_code == KAFKA_ELECTION_NOT_NEEDED)
            continue;
        client_fail_code(c, done[i].error_code, done[i].message);
        printf("Error completing leader election (%s) for partition: %.*s-%d: %s\n", type_name,
               STR_ARG(done[i].topic), done[i].index, client_failure_line(c));
        failed++;
    }
    if (failed) args_fail(arena_printf(&arena, "%d replica(s) could not be elected", failed).data);
    client_close(c);
    return 0;
}
