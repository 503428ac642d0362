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
static void check_number(struct client *c, const char *text, int32_t len)
{
    const char *number = arena_str(&c->arena, (struct str){text, len}).data;
    char *end;
    errno = 0;
    long value = strtol(number, &end, 10);
    if (len && !*end && !errno && value >= INT32_MIN && value <= INT32_MAX) return;
    fflush(stdout);
    fprintf(stderr, "For input string: \"%s\"\n", number);
    exit(1);
}

int tool_log_dirs(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(&a, "This tool helps to query log directory usage on the specified brokers.",
                    options, argc, argv);
    struct client *c = client_open_args(&a, false);
    const char *brokers = args_value(&a, "broker-list"), *topics = args_value(&a, "topic-list");
    if (!client_refresh(c, "listNodes")) args_fail(client_failure_line(c));
    struct str wanted = STR("");
    bool unknown = false;
    struct str missing = STR("");
    for (const char *at = brokers; at && *at;) {
        int32_t len = (int32_t)strcspn(at, ",");
        check_number(c, at, len);
        if (!client_node(c, atoi(at))) {
            missing = arena_printf(&c->arena, "%.*s%s%.*s", STR_ARG(missing), unknown ? "," : "",
                                   len, at);
            unknown = true;
        }
        at += len + (at[len] == ',');
    }
    if (unknown) {
        struct str live = STR("");
        for (int32_t i = 0; i < c->nodes_count; i++)
            live =
                arena_printf(&c->arena, "%.*s%s%d", STR_ARG(live), i ? "," : "", c->nodes[i]->id);
        fflush(stdout);
        fprintf(stderr,
                "ERROR: The given brokers do not exist from --broker-list: %.*s. Current "
                "existent brokers: %.*s\n",
                STR_ARG(missing), STR_ARG(live));
        return 1;
    }
    printf("Querying brokers for log directories information\n");
    const struct describe_log_dirs_response **answers =
        ARENA_ARRAY(&c->arena, const struct describe_log_dirs_response *, c->nodes_count);
    struct describe_log_dirs_request request;
    describe_log_dirs_request_init(&request);
    request.topics_count = -1;
    for (int32_t i = 0; i < c->nodes_count; i++) {
        struct str id = arena_printf(&c->arena, "%d", c->nodes[i]->id);
        if (!in_list(brokers, id)) continue;
        answers[i] = client_call(c, c->nodes[i], API_DESCRIBE_LOG_DIRS, -1, &request, NULL);
        if (answers[i] && answers[i]->error_code != KAFKA_NONE) {
            client_fail_code(c, answers[i]->error_code, STR_NULL);
            answers[i] = NULL;
        }
        if (!answers[i]) args_fail(client_failure_line(c));
        wanted = arena_printf(&c->arena, "%.*s%s%.*s", STR_ARG(wanted), wanted.len ? "," : "",
                              STR_ARG(id));
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
