#include <errno.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/offsets.h"
#include "cli/select.h"
#include "cli/tool.h"

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, true, false, "HOST1:PORT1,...,HOST3:PORT3",
     "REQUIRED: the brokers to connect to first."},
    {"topic-partitions", 0, OPTION_VALUE, false, false,
     "topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3",
     "Topics (regular expressions) with a partition or a range of them, its end excluded."},
    {"topic", 0, OPTION_VALUE, false, false, "topic",
     "Topics, as a regular expression; without it all."},
    {"partitions", 0, OPTION_VALUE, false, false, "partition ids",
     "Partitions, comma-separated; without it all."},
    {"time", 0, OPTION_VALUE, false, false, "timestamp or name",
     "The first offset at or after this time; or -1, latest; -2, earliest; -3, max-timestamp; -4, "
     "earliest-local; -5, latest-tiered; -6, earliest-pending-upload.",
     "latest"},
    {"command-config", 0, OPTION_VALUE, false, false, "config file",
     "File with properties of the client."},
    {"exclude-internal-topics", 0, OPTION_FLAG, false, false, NULL, "Leave internal topics out."},
    {0},
};

static _Noreturn void fail(const char *text)
{
    fflush(stdout);
    fprintf(stderr, "Error occurred: %s\n", text);
    exit(1);
}

static _Noreturn void no_client(const struct args *a, const char *reason)
{
    (void)a;
    fail(reason);
}

static int64_t parse_time(struct client *c, const char *text)
{
    static const char *const names[] = {"latest",        "earliest",
                                        "max-timestamp", "earliest-local",
                                        "latest-tiered", "earliest-pending-upload"};
    for (int i = 0; i < 6; i++)
        if (strcmp(text, names[i]) == 0) return -1 - i;
    char *end;
    errno = 0;
    long long time_ms = strtoll(text, &end, 10);
    if (!*text || *end || errno)
        fail(arena_printf(
                 &c->arena,
                 "Malformed time argument %s. Please use -1 or latest / -2 or earliest / -3 "
                 "or max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or "
                 "earliest-pending-upload, or a specified long format timestamp",
                 text)
                 .data);
    return time_ms;
}

/* One rule: topics by name, partitions in [from, to). */
struct rule {
    struct name_filter topics;
    int32_t from, to;
};

struct rules {
    struct rule *items;
    int32_t count;
    const int32_t *partitions; /* of --partitions; any of them when there are some */
    int32_t partitions_count;
};

/* The digits at *at, which go; -1: there are none. */
static long take_number(struct client *c, const char **at)
{
    size_t len = strspn(*at, "0123456789");
    if (!len) return -1;
    errno = 0;
    long number = strtol(*at, NULL, 10);
    if (errno || number > INT32_MAX)
        fail(arena_printf(&c->arena, "For input string: \"%.*s\"", (int)len, *at).data);
    *at += len;
    return number;
}

/* Digits, which may be missing, with at most one dash among them. */
static bool is_rule(const char *at, const char *end)
{
    at += strspn(at, "0123456789");
    if (*at == '-') at++;
    return at + strspn(at, "0123456789") == end;
}

/* TOPIC, TOPIC:N, TOPIC:A-B, TOPIC:A-, TOPIC:-B */
static void parse_rule(struct client *c, struct str text, bool exclude_internal, struct rule *r)
{
    const char *colon = text.len ? memchr(text.data, ':', (size_t)text.len) : NULL;
    struct str name = {text.data, colon ? (int32_t)(colon - text.data) : text.len};
    *r = (struct rule){.from = 0, .to = INT32_MAX};
    if (colon) {
        const char *end = text.data + text.len, *at = colon + 1;
        bool right = is_rule(at, end);
        long from = right ? take_number(c, &at) : -1, to = -1;
        bool range = right && *at == '-';
        if (range) at++;
        if (range) to = take_number(c, &at);
        if (!right)
            fail(arena_printf(&c->arena,
                              "org.apache.kafka.tools.TerseException: Invalid rule specification: "
                              "%.*s",
                              STR_ARG(text))
                     .data);
        if (from >= 0) r->from = (int32_t)from;
        if (to >= 0) r->to = (int32_t)to;
        if (!range && from >= 0) r->to = (int32_t)(from + (from < INT32_MAX));
    }
    const char *pattern = name.len ? arena_str(&c->arena, name).data : NULL;
    if (!name_filter_init(&r->topics, pattern, exclude_internal))
        fail(arena_printf(&c->arena, "%s is an invalid regex.", r->topics.text).data);
}

static void read_rules(struct client *c, const struct args *a, struct rules *r)
{
    const char *list = args_value(a, "topic-partitions"), *ids = args_value(a, "partitions");
    bool exclude = args_has(a, "exclude-internal-topics");
    if (list && (args_has(a, "topic") || ids))
        fail("--topic-partitions cannot be used with --topic or --partitions");
    *r = (struct rules){ARENA_ARRAY(&c->arena, struct rule, list ? strlen(list) + 1 : 1), 0, NULL,
                        0};
    if (list && !*list) parse_rule(c, STR(""), exclude, &r->items[r->count++]);
    for (const char *at = list; at && *at;) {
        int32_t len = (int32_t)strcspn(at, ",");
        parse_rule(c, (struct str){at, len}, exclude, &r->items[r->count++]);
        at += len + (at[len] == ',');
    }
    if (list) return;
    r->count = 1;
    *r->items = (struct rule){.from = 0, .to = INT32_MAX};
    if (!name_filter_init(&r->items[0].topics, args_value(a, "topic"), exclude))
        fail(arena_printf(&c->arena, "%s is an invalid regex.", r->items[0].topics.text).data);
    if (!ids || !ids[strspn(ids, ",")]) return; /* Java's split leaves nothing of commas */
    int32_t *numbers = ARENA_ARRAY(&c->arena, int32_t, strlen(ids) + 1);
    for (const char *at = ids; *at;) {
        char *end;
        long number = strtol(at, &end, 10);
        numbers[r->partitions_count++] = (int32_t)number;
        if (end == at || (*end && *end != ',') || number != (int32_t)number)
            fail(arena_printf(&c->arena,
                              "--partitions expects a comma separated list of numeric "
                              "partition ids, but received: %s",
                              ids)
                     .data);
        at = end + (*end == ',');
    }
    r->partitions = numbers;
}

static bool wanted(const struct rules *r, struct str topic, int32_t partition)
{
    bool listed = r->partitions_count == 0;
    for (int32_t i = 0; i < r->partitions_count && !listed; i++)
        listed = r->partitions[i] == partition;
    for (int32_t i = 0; i < r->count && listed; i++)
        if (partition >= r->items[i].from && partition < r->items[i].to &&
            name_filter_matches(&r->items[i].topics, topic))
            return true;
    return false;
}

int tool_get_offsets(int argc, char **argv)
{
    struct args a;
    args_parse_jopt_with(&a, fail, "An interactive shell for getting topic-partition offsets.",
                         options, argc, argv);
    client_check_addresses(&a);
    a.no_client = no_client;
    struct client *c = client_open_args(&a, false);
    c->client_id = "GetOffsetShell";
    int64_t time_ms = parse_time(c, args_value(&a, "time"));
    struct rules rules;
    read_rules(c, &a, &rules);
    if (!client_refresh(c, "listTopics")) fail(client_failure_line(c));
    const struct metadata_response *m = client_topics(c, NULL, 0);
    if (!m) fail(client_failure_line(c));
    int32_t all = 0, count = 0;
    for (int32_t i = 0; i < m->topics_count; i++) all += m->topics[i].partitions_count;
    struct offset_query *q = ARENA_ARRAY(&c->arena, struct offset_query, all + 1);
    for (int32_t i = 0; i < m->topics_count; i++)
        for (int32_t k = 0; k < m->topics[i].partitions_count; k++)
            if (wanted(&rules, m->topics[i].name, m->topics[i].partitions[k].partition_index))
                q[count++] =
                    (struct offset_query){.topic = m->topics[i].name,
                                          .partition = m->topics[i].partitions[k].partition_index,
                                          .timestamp = time_ms};
    if (!count) fail("Could not match any topic-partitions with the specified filters");
    if (!client_list_offsets(c, q, count)) fail(client_failure_line(c));
    qsort(q, (size_t)count, sizeof *q, offset_query_compare);
    for (int32_t i = 0; i < count; i++) {
        if (q[i].error_code != KAFKA_NONE)
            fprintf(stderr,
                    "Skip getting offsets for topic-partition %.*s-%d due to error: "
                    "org.apache.kafka.common.errors.%s: %s\n",
                    STR_ARG(q[i].topic), q[i].partition, kafka_error_exception(q[i].error_code),
                    kafka_error_text(q[i].error_code));
        else if (q[i].offset != OFFSET_NONE)
            printf("%.*s:%d:%lld\n", STR_ARG(q[i].topic), q[i].partition, (long long)q[i].offset);
    }
    client_close(c);
    return 0;
}
