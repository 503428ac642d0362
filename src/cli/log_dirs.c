#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/json.h"
#include "cli/tool.h"
#include "protocol/describe_log_dirs.h"

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, true, false,
     "String: The server(s) to use for bootstrapping",
     "REQUIRED: the brokers to connect to first."},
    {"command-config", 0, OPTION_VALUE, false, false, "String: Admin client property file",
     "File with properties of the client."},
    {"describe", 0, OPTION_FLAG, true, false, NULL, "Describe the log directories of the brokers."},
    {"topic-list", 0, OPTION_VALUE, false, false, "String: Topic list",
     "Only these topics, comma-separated."},
    {"broker-list", 0, OPTION_VALUE, false, false, "String: Broker list",
     "Only these brokers, comma-separated."},
    {0},
};

static bool in_list(const char *list, struct str item)
{
    if (!list || !list[strspn(list, ",")]) return true; /* nothing named is everything */
    for (const char *at = list; *at;) {
        int32_t len = (int32_t)strcspn(at, ",");
        if (str_equal((struct str){at, len}, item)) return true;
        at += len + (at[len] == ',');
    }
    return false;
}

static void print_dir(struct client *c, const char *topics,
                      const struct describe_log_dirs_response_describe_log_dirs_result *d)
{
    printf("{\"partitions\":[");
    bool first = true;
    for (int32_t t = 0; t < d->topics_count; t++) {
        if (!in_list(topics, d->topics[t].name)) continue;
        for (int32_t i = 0; i < d->topics[t].partitions_count; i++) {
            const struct describe_log_dirs_response_describe_log_dirs_partition *p =
                &d->topics[t].partitions[i];
            printf("%s{\"partition\":\"%.*s-%d\",\"size\":%lld,\"offsetLag\":%lld,\"isFuture\":%s}",
                   first ? "" : ",", STR_ARG(d->topics[t].name), p->partition_index,
                   (long long)p->partition_size, (long long)p->offset_lag,
                   p->is_future_key ? "true" : "false");
            first = false;
        }
    }
    const char *error = "null";
    if (d->error_code != KAFKA_NONE)
        error = arena_printf(&c->arena, "\"org.apache.kafka.common.errors.%s\"",
                             kafka_error_exception(d->error_code))
                    .data;
    struct str dir = json_quoted(&c->arena, d->log_dir);
    printf("],\"error\":%s,\"logDir\":%.*s}", error, STR_ARG(dir));
}

/* As Java's Integer.valueOf takes it; what it does not take ends the tool with its message. */
static int32_t number(struct client *c, struct str text)
{
    const char *digits = arena_str(&c->arena, text).data;
    char *end;
    errno = 0;
    long value = strtol(digits, &end, 10);
    if (!isspace((unsigned char)*digits) && !*end && !errno && value >= INT32_MIN &&
        value <= INT32_MAX)
        return (int32_t)value;
    args_fail(arena_printf(&c->arena, "For input string: \"%s\"", digits).data);
}

static bool has_id(const int32_t *ids, int32_t count, int32_t id)
{
    for (int32_t i = 0; i < count; i++)
        if (ids[i] == id) return true;
    return false;
}

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The ids of --broker-list, each once; none: every broker. */
static const int32_t *read_brokers(struct client *c, const char *list, int32_t *count)
{
    int32_t *ids = ARENA_ARRAY(&c->arena, int32_t, list ? strlen(list) + 1 : 1);
    *count = 0;
    for (const char *at = list; at && *at;) {
        int32_t len = (int32_t)strcspn(at, ",");
        if (len) {
            int32_t id = number(c, (struct str){at, len});
            if (!has_id(ids, *count, id)) ids[(*count)++] = id;
        }
        at += len + (at[len] == ',');
    }
    qsort(ids, (size_t)*count, sizeof *ids, by_number);
    return ids;
}

/* Ends the tool when one of the ids is no broker's. */
static void check_brokers(struct client *c, const int32_t *ids, int32_t count)
{
    struct str missing = STR(""), live = STR("");
    for (int32_t i = 0; i < count; i++)
        if (!client_node(c, ids[i]))
            missing = arena_printf(&c->arena, "%.*s%s%d", STR_ARG(missing), missing.len ? "," : "",
                                   ids[i]);
    if (!missing.len) return;
    for (int32_t i = 0; i < c->nodes_count; i++)
        live = arena_printf(&c->arena, "%.*s%s%d", STR_ARG(live), i ? "," : "", c->nodes[i]->id);
    args_fail(arena_printf(&c->arena,
                           "ERROR: The given brokers do not exist from --broker-list: %.*s. "
                           "Current existent brokers: %.*s",
                           STR_ARG(missing), STR_ARG(live))
                  .data);
}

int tool_log_dirs(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(&a, "This tool helps to query log directory usage on the specified brokers.",
                    options, argc, argv);
    struct client *c = client_open_args(&a, false);
    const char *topics = args_value(&a, "topic-list");
    if (!client_refresh(c, "listNodes")) args_fail(client_failure_line(c));
    int32_t brokers_count;
    const int32_t *brokers = read_brokers(c, args_value(&a, "broker-list"), &brokers_count);
    check_brokers(c, brokers, brokers_count);
    struct str wanted = STR("");
    printf("Querying brokers for log directories information\n");
    const struct describe_log_dirs_response **answers =
        ARENA_ARRAY(&c->arena, const struct describe_log_dirs_response *, c->nodes_count);
    struct describe_log_dirs_request request;
    describe_log_dirs_request_init(&request);
    request.topics_count = -1;
    for (int32_t i = 0; i < c->nodes_count; i++) {
        if (brokers_count && !has_id(brokers, brokers_count, c->nodes[i]->id)) continue;
        answers[i] = client_call(c, c->nodes[i], API_DESCRIBE_LOG_DIRS, -1, &request, NULL);
        if (answers[i] && answers[i]->error_code != KAFKA_NONE) {
            client_fail_code(c, answers[i]->error_code, STR_NULL);
            answers[i] = NULL;
        }
        if (!answers[i]) args_fail(client_failure_line(c));
        wanted = arena_printf(&c->arena, "%.*s%s%d", STR_ARG(wanted), wanted.len ? "," : "",
                              c->nodes[i]->id);
    }
    printf("Received log directory information from brokers %.*s\n{\"brokers\":[", STR_ARG(wanted));
    bool first = true;
    for (int32_t i = 0; i < c->nodes_count; i++) {
        if (!answers[i]) continue;
        printf("%s{\"broker\":%d,\"logDirs\":[", first ? "" : ",", c->nodes[i]->id);
        first = false;
        for (int32_t k = 0; k < answers[i]->results_count; k++) {
            if (k) printf(",");
            print_dir(c, topics, &answers[i]->results[k]);
        }
        printf("]}");
    }
    printf("],\"version\":1}\n");
    client_close(c);
    return 0;
}
