#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/json.h"
#include "cli/offsets.h"
#include "cli/tool.h"
#include "protocol/delete_records.h"

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, true, false, "String: server(s) to use for bootstrapping",
     "REQUIRED: the brokers to connect to first."},
    {"command-config", 0, OPTION_VALUE, false, false, "String: command config property file path",
     "File with properties of the client."},
    {"offset-json-file", 0, OPTION_VALUE, true, false, "String: Offset json file path",
     "REQUIRED: file with the offsets before which records go: "
     "{\"partitions\":[{\"topic\":\"foo\",\"partition\":1,\"offset\":1}],\"version\":1}."},
    {0},
};

struct deletion {
    struct str topic;
    int32_t partition;
    int64_t offset;
    int16_t error_code;
    int64_t low_watermark;
    struct client_node *leader;
};

static struct deletion *read_file(struct client *c, const char *path, int32_t *count)
{
    const struct json_reader reader = {&c->arena, args_fail};
    const char *why;
    char *text = tool_read_file(path, NULL);
    if (!text) args_fail(arena_printf(&c->arena, "Unable to read file %s", path).data);
    json_t *root = json_parse(&reader, text, &why);
    if (!root) args_fail("The input string is not a valid JSON");
    json_t *version = json_field(&reader, root, "version");
    if (version && json_int(&reader, version) != 1)
        args_fail(arena_printf(&c->arena, "Not supported version field value %d",
                               json_int(&reader, version))
                      .data);
    json_t *found = json_field(&reader, root, "partitions");
    if (!found) args_fail("Missing partitions field");
    const json_t *partitions = json_list(&reader, found);
    size_t size = json_array_size(partitions);
    struct deletion *d = ARENA_ARRAY(&c->arena, struct deletion, size + 1);
    for (size_t i = 0; i < size; i++) {
        json_t *item = json_array_get(partitions, i);
        const char *topic = json_text(&reader, json_field_required(&reader, item, "topic"));
        d[i].topic = arena_str(&c->arena, str_of(topic));
        d[i].partition = json_int(&reader, json_field_required(&reader, item, "partition"));
        d[i].offset = json_long(&reader, json_field_required(&reader, item, "offset"));
        for (size_t k = 0; k < i; k++)
            if (str_equal(d[k].topic, d[i].topic) && d[k].partition == d[i].partition)
                args_fail(arena_printf(&c->arena,
                                       "Offset json file contains duplicate topic partitions: "
                                       "%.*s-%d",
                                       STR_ARG(d[i].topic), d[i].partition)
                              .data);
    }
    *count = (int32_t)size;
    json_decref(root);
    return d;
}

/* Ask one leader for all of its partitions. */
static void ask(struct client *c, struct client_node *leader, struct deletion *d, int32_t count)
{
    struct delete_records_request request;
    delete_records_request_init(&request);
    request.timeout_ms = (int32_t)c->request_timeout_ms;
    request.topics = delete_records_request_delete_records_topic_new(&c->arena, count);
    for (int32_t i = 0; i < count; i++) {
        if (d[i].leader != leader) continue;
        struct delete_records_request_delete_records_topic *t =
            &request.topics[request.topics_count++];
        t->name = d[i].topic;
        t->partitions = delete_records_request_delete_records_partition_new(&c->arena, 1);
        t->partitions_count = 1;
        t->partitions[0].partition_index = d[i].partition;
        t->partitions[0].offset = d[i].offset;
        for (int32_t k = 0; k < request.topics_count - 1; k++) {
            if (!str_equal(request.topics[k].name, d[i].topic)) continue;
            /* the same topic again: join its partitions */
            struct delete_records_request_delete_records_topic *first = &request.topics[k];
            struct delete_records_request_delete_records_partition *joined =
                delete_records_request_delete_records_partition_new(&c->arena,
                                                                    first->partitions_count + 1);
            memcpy(joined, first->partitions, (size_t)first->partitions_count * sizeof *joined);
            joined[first->partitions_count++] = t->partitions[0];
            first->partitions = joined;
            request.topics_count--;
            break;
        }
    }
    const struct delete_records_response *r =
        client_call(c, leader, API_DELETE_RECORDS, -1, &request, NULL);
    if (!r) args_fail(client_failure_line(c));
    for (int32_t i = 0; i < count; i++) {
        if (d[i].leader != leader) continue;
        for (int32_t t = 0; t < r->topics_count; t++)
            for (int32_t p = 0; p < r->topics[t].partitions_count; p++) {
                if (!str_equal(r->topics[t].name, d[i].topic) ||
                    r->topics[t].partitions[p].partition_index != d[i].partition)
                    continue;
                d[i].error_code = r->topics[t].partitions[p].error_code;
                d[i].low_watermark = r->topics[t].partitions[p].low_watermark;
            }
    }
}

int tool_delete_records(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(&a,
                    "This tool helps to delete records of the given partitions down to the "
                    "specified offset.",
                    options, argc, argv);
    struct client *c = client_open_args(&a, false);
    int32_t count;
    struct deletion *d = read_file(c, args_value(&a, "offset-json-file"), &count);
    printf("Executing records delete operation\n");
    struct str *names = ARENA_ARRAY(&c->arena, struct str, count + 1);
    for (int32_t i = 0; i < count; i++) names[i] = d[i].topic;
    const struct metadata_response *m = NULL;
    if (count && client_refresh(c, "deleteRecords")) m = client_topics(c, names, count);
    for (int32_t i = 0; i < count; i++) {
        d[i].error_code = KAFKA_REQUEST_TIMED_OUT; /* each by itself, when nobody answers */
        if (m) d[i].leader = client_leader(c, m, d[i].topic, d[i].partition, &d[i].error_code);
    }
    for (int32_t i = 0; i < count; i++) {
        bool first = d[i].leader != NULL;
        for (int32_t k = 0; k < i && first; k++) first = d[k].leader != d[i].leader;
        if (first) ask(c, d[i].leader, d, count);
    }
    printf("Records delete operation completed:\n");
    for (int32_t i = 0; i < count; i++) {
        printf("partition: %.*s-%d\t", STR_ARG(d[i].topic), d[i].partition);
        if (d[i].error_code == KAFKA_NONE)
            printf("low_watermark: %lld\n", (long long)d[i].low_watermark);
        else
            printf("error: org.apache.kafka.common.errors.%s: %s\n",
                   kafka_error_exception(d[i].error_code), kafka_error_text(d[i].error_code));
    }
    client_close(c);
    return 0;
}
