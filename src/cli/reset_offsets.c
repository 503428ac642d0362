#include "cli/reset_offsets.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/java_config.h"
#include "cli/offsets.h"
#include "cli/tool.h"
#include "protocol/offset_commit.h"

enum { OFFSET_COMMIT_BY_NAME_MAX = 9 };

/* ---- scope */

static bool add_all(struct client *c, struct str topic, struct group_partitions *out)
{
    const struct metadata_response *m = client_topics(c, &topic, 1);
    if (!m) return false;
    if (!m->topics_count || m->topics[0].error_code != KAFKA_NONE) {
        client_fail_code(
            c, m->topics_count ? m->topics[0].error_code : KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
            STR_NULL);
        return false;
    }
    for (int32_t i = 0; i < m->topics[0].partitions_count; i++)
        group_partitions_add(c, out, topic, m->topics[0].partitions[i].partition_index);
    return true;
}

bool reset_parse_topics(struct client *c, const char *const *texts, int32_t count,
                        struct group_partitions *out)
{
    for (int32_t i = 0; i < count; i++) {
        const char *colon = strchr(texts[i], ':');
        struct str topic = {texts[i],
                            colon ? (int32_t)(colon - texts[i]) : (int32_t)strlen(texts[i])};
        if (!colon) {
            if (!add_all(c, topic, out)) return false;
            continue;
        }
        if (!colon[1] || strchr(colon + 1, ':')) {
            client_fail(c, "java.lang.IllegalArgumentException",
                        "Invalid topic arg '%s', expected topic name and partitions", texts[i]);
            return false;
        }
        for (const char *at = colon + 1; *at;) {
            char *end;
            long partition = strtol(at, &end, 10);
            if (end == at || (*end && *end != ',') || partition < 0 || partition > INT32_MAX) {
                client_fail(c, "java.lang.IllegalArgumentException",
                            "Invalid partition '%.*s' specified in topic arg '%s''",
                            (int)strcspn(at, ","), at, texts[i]);
                return false;
            }
            group_partitions_add(c, out, topic, (int32_t)partition);
            at = end + (*end == ',');
        }
    }
    return true;
}

/* Every partition is one of its topic's: a question about one that is not would wait for it. */
static bool partitions_exist(struct client *c, const struct group_partitions *p)
{
    if (!p->count) return true;
    struct str *names = ARENA_ARRAY(&c->arena, struct str, p->count);
    int32_t names_count = 0;
    for (int32_t i = 0; i < p->count; i++)
        if (!names_count || !str_equal(names[names_count - 1], p->items[i].topic))
            names[names_count++] = p->items[i].topic;
    const struct metadata_response *m = client_topics(c, names, names_count);
    if (!m) return false;
    for (int32_t i = 0; i < p->count; i++) {
        const struct metadata_response_topic *t = m->topics, *end = m->topics + m->topics_count;
        while (t < end && !str_equal(t->name, p->items[i].topic)) t++;
        int16_t code = t < end ? t->error_code : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        if (code != KAFKA_NONE) {
            client_fail_code(c, code, STR_NULL);
            c->failure.class =
                arena_printf(&c->arena, "java.util.concurrent.ExecutionException: %s",
                             c->failure.class)
                    .data;
            return false;
        }
        int32_t k = 0;
        while (k < t->partitions_count && t->partitions[k].partition_index != p->items[i].partition)
            k++;
        if (k == t->partitions_count) {
            client_fail(c, "", "The partitions \"%.*s-%d\" do not exist",
                        STR_ARG(p->items[i].topic), p->items[i].partition);
            return false;
        }
    }
    return true;
}

static bool read_scope(struct client *c, const struct args *a, const char *group,
                       struct group_partitions *out)
{
    if (args_has(a, "all-topics")) {
        struct committed *known;
        int32_t count;
        if (!client_committed_offsets(c, group, &known, &count)) return false;
        for (int32_t i = 0; i < count; i++)
            group_partitions_add(c, out, known[i].topic, known[i].partition);
        return true;
    }
    const char *texts[OPTION_VALUES_MAX], *text;
    int32_t count = 0;
    while ((text = args_value_at(a, "topic", count))) texts[count++] = text;
    if (!count && !args_has(a, "from-file"))
        args_usage(a, "One of the reset scopes should be defined: --all-topics, --topic.");
    return reset_parse_topics(c, texts, count, out);
}

/* ---- times */

/* yyyy-MM-ddTHH:mm:SS.sss with or without a zone, in milliseconds since 1970. False: failure. */
static bool parse_datetime(struct client *c, const char *text, int64_t *ms)
{
    struct tm t = {0};
    const char *time_of_day = strchr(text, 'T');
    if (!time_of_day || !time_of_day[1]) {
        client_fail(c, "java.text.ParseException",
                    "Error parsing timestamp. It does not contain a 'T' according to ISO8601 "
                    "format");
        return false;
    }
    bool zoned = strpbrk(time_of_day, "+-Z") != NULL;
    int fraction = 0, at = 0, hours = 0, minutes = 0;
    int fields = sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3d%n", &t.tm_year, &t.tm_mon, &t.tm_mday,
                        &t.tm_hour, &t.tm_min, &t.tm_sec, &fraction, &at);
    const char *zone = text + at;
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (t.tm_year % 4 == 0 && t.tm_year % 100 != 0) || t.tm_year % 400 == 0;
    bool fits = fields == 7 && t.tm_mon >= 1 && t.tm_mon <= 12 && t.tm_mday >= 1 &&
                t.tm_mday <= days[t.tm_mon - 1] - (t.tm_mon == 2 && !leap) && t.tm_hour < 24 &&
                t.tm_min < 60 && t.tm_sec < 60;
    if (fits && (*zone == '+' || *zone == '-'))
        fits = sscanf(zone + 1, "%2d:%2d", &hours, &minutes) == 2 ||
               sscanf(zone + 1, "%2d%2d", &hours, &minutes) >= 1;
    else
        fits &= strcmp(zone, zoned ? "Z" : "") == 0;
    if (!fits) {
        client_fail(c, "java.text.ParseException", "Unparseable date: \"%s%s\"", text,
                    zoned ? "" : "Z");
        return false;
    }
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    *ms = (int64_t)timegm(&t) * 1000 + fraction -
          (*zone == '-' ? -1 : 1) * ((int64_t)hours * 60 + minutes) * 60000;
    return true;
}

/* ---- scenarios */

static struct offset_query *queries(struct client *c, const struct group_partitions *p,
                                    int64_t timestamp)
{
    struct offset_query *q = ARENA_ARRAY(&c->arena, struct offset_query, p->count + 1);
    for (int32_t i = 0; i < p->count; i++)
        q[i] = (struct offset_query){
            .topic = p->items[i].topic, .partition = p->items[i].partition, .timestamp = timestamp};
    return q;
}

static bool check_answers(struct client *c, const struct offset_query *q, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (q[i].error_code == KAFKA_NONE) continue;
        client_fail(c, "org.apache.kafka.common.errors.UnknownTopicOrPartitionException",
                    "The partitions \"%.*s-%d\" do not exist", STR_ARG(q[i].topic), q[i].partition);
        return false;
    }
    return true;
}

/* Keep wanted offsets between the log's ends. */
static bool clamp(struct client *c, const struct group_partitions *p, struct reset_plan *plan)
{
    struct offset_query *low = queries(c, p, OFFSET_EARLIEST), *high = queries(c, p, OFFSET_LATEST);
    if (!client_list_offsets(c, low, p->count) || !client_list_offsets(c, high, p->count) ||
        !check_answers(c, low, p->count) || !check_answers(c, high, p->count))
        return false;
    for (int32_t i = 0; i < p->count; i++) {
        struct reset_target *t = &plan->items[i];
        int64_t wanted = t->offset;
        if (wanted > high[i].offset) t->offset = high[i].offset;
        if (wanted < low[i].offset) t->offset = low[i].offset;
        if (t->offset != wanted)
            fprintf(stderr,
                    "WARN New offset (%lld) is %s offset for topic partition %.*s-%d. Value will "
                    "be set to %lld (org.apache.kafka.tools.OffsetsUtils)\n",
                    (long long)wanted,
                    wanted > high[i].offset ? "higher than latest" : "lower than earliest",
                    STR_ARG(t->topic), t->partition, (long long)t->offset);
    }
    return true;
}

/* The offset at a time; the end of the log where no record is that late. */
static bool by_time(struct client *c, const struct group_partitions *p, int64_t timestamp,
                    struct reset_plan *plan)
{
    struct offset_query *q = queries(c, p, timestamp), *end = queries(c, p, OFFSET_LATEST);
    if (!client_list_offsets(c, q, p->count) || !client_list_offsets(c, end, p->count) ||
        !check_answers(c, q, p->count) || !check_answers(c, end, p->count))
        return false;
    for (int32_t i = 0; i < p->count; i++) {
        bool found = q[i].offset != OFFSET_NONE;
        plan->items[i].offset = found ? q[i].offset : end[i].offset;
        if (!found && timestamp >= 0)
            printf("\nWarn: Partition %d from topic %.*s is empty. Falling back to latest known "
                   "offset.\n",
                   p->items[i].partition, STR_ARG(p->items[i].topic));
    }
    return true;
}

static bool from_committed(struct client *c, const struct args *a, const char *group,
                           const struct group_partitions *p, struct reset_plan *plan)
{
    struct committed *known;
    int32_t count;
    bool shift = args_has(a, "shift-by");
    int64_t by = args_number(a, "shift-by", 0);
    if (!client_committed_offsets(c, group, &known, &count)) return false;
    struct offset_query *end = queries(c, p, OFFSET_LATEST);
    if (!client_list_offsets(c, end, p->count) || !check_answers(c, end, p->count)) return false;
    for (int32_t i = 0; i < p->count; i++) {
        const struct committed *k = NULL;
        for (int32_t n = 0; n < count; n++)
            if (known[n].partition == p->items[i].partition &&
                str_equal(known[n].topic, p->items[i].topic))
                k = &known[n];
        if (!k && shift) {
            client_fail(
                c, "java.lang.IllegalArgumentException",
                "Cannot shift offset for partition %.*s-%d since there is no current committed "
                "offset",
                STR_ARG(p->items[i].topic), p->items[i].partition);
            return false;
        }
        plan->items[i].offset = (k ? k->offset : end[i].offset) + by;
    }
    return clamp(c, p, plan);
}

/* ---- a plan from a file */

enum { CSV_FIELDS_MAX = 4 };

/* One line: [group,]topic,partition,offset. Fields at the end may be missing: 0. */
struct csv_line {
    const char *group, *topic;
    int32_t partition;
    int64_t offset;
    const char *why; /* NULL, or as Kafka's reader of CSV (Jackson) complains of the line */
};

/* The number of a field that begins at `column`. */
static int64_t csv_number(struct client *c, const char *text, int column, bool with_group,
                          bool offset, const char **why)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    while (*end == ' ') end++;
    bool fits = offset || (number >= INT32_MIN && number <= INT32_MAX);
    if (*end || errno || !fits)
        *why = arena_printf(&c->arena,
                            "com.fasterxml.jackson.databind.exc.InvalidFormatException: Cannot "
                            "deserialize value of type `%s` from String \"%s\": not a valid `%s` "
                            "value\n at [Source: (StringReader); line: 1, column: %d] (through "
                            "reference chain: org.apache.kafka.tools.consumer.group.CsvUtils$%s"
                            "[\"%s\"])",
                            offset ? "long" : "int", text, offset ? "long" : "int", column,
                            with_group ? "CsvRecordWithGroup" : "CsvRecordNoGroup",
                            offset ? "offset" : "partition")
                   .data;
    return number;
}

static struct csv_line read_csv_line(struct client *c, const char *text, bool with_group)
{
    struct csv_line line = {.group = "", .topic = ""};
    const char *fields[CSV_FIELDS_MAX] = {"", "", "", ""};
    int columns[CSV_FIELDS_MAX] = {1, 1, 1, 1}, most = with_group ? 4 : 3, count = 0;
    if (!*text)
        line.why = "com.fasterxml.jackson.databind.exc.MismatchedInputException: No content to map "
                   "due to end-of-input\n at [Source: (StringReader); line: UNKNOWN, column: "
                   "UNKNOWN]";
    for (const char *at = text; at && !line.why; count++) {
        size_t len = strcspn(at, ",");
        int column = (int)(at - text) + 1;
        bool quoted = len >= 2 && at[0] == '"' && at[len - 1] == '"';
        const char *field =
            arena_printf(&c->arena, "%.*s", (int)(len - 2 * quoted), at + quoted).data;
        if (count == most)
            line.why =
                arena_printf(&c->arena,
                             "com.fasterxml.jackson.dataformat.csv.CsvReadException: Too many "
                             "entries: expected at most %d (value #%d (%zu chars) \"%s\")\n at "
                             "[Source: (StringReader); line: 1, column: %d]",
                             most, most, strlen(field), field, column)
                    .data;
        else
            fields[count] = field, columns[count] = column;
        at = at[len] ? at + len + 1 : NULL;
    }
    int first = with_group;
    if (with_group) line.group = fields[0];
    line.topic = fields[first];
    if (!line.why)
        line.partition = (int32_t)csv_number(c, fields[first + 1], columns[first + 1], with_group,
                                             false, &line.why);
    if (!line.why)
        line.offset =
            csv_number(c, fields[first + 2], columns[first + 2], with_group, true, &line.why);
    return line;
}

/* Of several lines for a partition the last one holds. */
static void plan_line(struct client *c, const struct csv_line *line, struct group_partitions *p,
                      struct reset_plan *plan)
{
    struct str topic = str_of(line->topic);
    int32_t i = 0;
    while (i < plan->count &&
           !(plan->items[i].partition == line->partition && str_equal(plan->items[i].topic, topic)))
        i++;
    if (i == plan->count) {
        group_partitions_add(c, p, topic, line->partition);
        plan->count++;
    }
    plan->items[i] = (struct reset_target){topic, line->partition, line->offset};
}

/* Where one group is named its name may be left out; the first line says so for all. */
static bool from_file(struct client *c, const struct args *a, const char *group,
                      struct group_partitions *p, struct reset_plan *plan)
{
    const char *path = args_value(a, "from-file");
    char *text = tool_read_file(path, NULL);
    if (!text) {
        client_fail(c, "java.io.IOException", "Unable to read file %s", path);
        return false;
    }
    size_t size = strlen(text);
    bool single = args_value_at(a, "group", 0) && !args_value_at(a, "group", 1), with_group = true;
    plan->items = ARENA_ARRAY(&c->arena, struct reset_target, size + 1);
    p->count = 0; /* what --topic names is not what is reset */
    bool empty = size == 0;
    while (size && text[size - 1] == '\n') text[--size] = 0; /* lines at the end that are empty */
    for (char *at = text; at && (size || empty);) {
        char *end = strchr(at, '\n');
        if (end) *end = 0;
        size_t len = strlen(at);
        if (len && at[len - 1] == '\r') at[len - 1] = 0;
        if (at == text && single) with_group = read_csv_line(c, at, false).why != NULL;
        struct csv_line line = read_csv_line(c, at, with_group);
        if (line.why) {
            client_fail(c, "", "%s", line.why);
            return false;
        }
        if (line.offset < 0) args_usage(a, "Invalid negative offset");
        if (!with_group || strcmp(line.group, group) == 0) plan_line(c, &line, p, plan);
        at = end ? end + 1 : NULL;
    }
    free(text);
    if (!plan->count) printf("\nError: No reset plan for group %s found\n", group);
    return partitions_exist(c, p) && clamp(c, p, plan);
}

/* A partition may be named once. */
static bool named_once(struct client *c, const struct group_partitions *p)
{
    for (int32_t i = 0; i < p->count; i++)
        for (int32_t k = 0; k < i; k++)
            if (p->items[i].partition == p->items[k].partition &&
                str_equal(p->items[i].topic, p->items[k].topic)) {
                client_fail(c, "java.lang.IllegalStateException", "Duplicate key %.*s-%d",
                            STR_ARG(p->items[i].topic), p->items[i].partition);
                return false;
            }
    return true;
}

bool reset_prepare(struct client *c, const struct args *a, const char *group,
                   struct reset_plan *out)
{
    struct group_partitions p = {0};
    *out = (struct reset_plan){0};
    if (!read_scope(c, a, group, &p)) {
        /* of a topic that is not there Kafka's tool says no class */
        if (strstr(c->failure.class, "UnknownTopicOrPartition")) c->failure.class = "";
        return false;
    }
    if (!named_once(c, &p) || !partitions_exist(c, &p)) return false;
    if (args_has(a, "from-file")) return from_file(c, a, group, &p, out);
    out->items = ARENA_ARRAY(&c->arena, struct reset_target, p.count + 1);
    out->count = p.count;
    for (int32_t i = 0; i < p.count; i++)
        out->items[i] = (struct reset_target){p.items[i].topic, p.items[i].partition, 0};
    if (args_has(a, "to-earliest")) return by_time(c, &p, OFFSET_EARLIEST, out);
    if (args_has(a, "to-latest")) return by_time(c, &p, OFFSET_LATEST, out);
    int64_t time_ms, duration_ms;
    if (args_has(a, "to-datetime"))
        return parse_datetime(c, args_value(a, "to-datetime"), &time_ms) &&
               by_time(c, &p, time_ms, out);
    if (args_has(a, "by-duration")) {
        if (!java_config_duration(args_value(a, "by-duration"), &duration_ms)) {
            client_fail(c, "", "Text cannot be parsed to a Duration");
            return false;
        }
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
        return by_time(c, &p, now_ms - duration_ms, out);
    }
    if (args_has(a, "to-offset")) {
        for (int32_t i = 0; i < p.count; i++) out->items[i].offset = args_number(a, "to-offset", 0);
        return clamp(c, &p, out);
    }
    return from_committed(c, a, group, &p, out);
}

bool reset_commit(struct client *c, const char *group, const struct reset_plan *plan)
{
    struct client_node *n = client_group_coordinator(c, group);
    if (!n) return false;
    struct offset_commit_request request;
    offset_commit_request_init(&request);
    request.group_id = str_of(group);
    request.generation_id_or_member_epoch = -1;
    request.topics = offset_commit_request_topic_new(&c->arena, plan->count + 1);
    for (int32_t i = 0; i < plan->count; i++) {
        struct offset_commit_request_topic *t = request.topics;
        while (t < request.topics + request.topics_count &&
               !str_equal(t->name, plan->items[i].topic))
            t++;
        if (t == request.topics + request.topics_count) {
            request.topics_count++;
            t->name = plan->items[i].topic;
            t->partitions = offset_commit_request_partition_new(&c->arena, plan->count);
        }
        t->partitions[t->partitions_count].partition_index = plan->items[i].partition;
        t->partitions[t->partitions_count].committed_metadata = STR("");
        t->partitions[t->partitions_count++].committed_offset = plan->items[i].offset;
    }
    const struct offset_commit_response *r =
        client_call(c, n, API_OFFSET_COMMIT, OFFSET_COMMIT_BY_NAME_MAX, &request, NULL);
    if (!r) return false;
    for (int32_t t = 0; t < r->topics_count; t++)
        for (int32_t i = 0; i < r->topics[t].partitions_count; i++)
            if (r->topics[t].partitions[i].error_code != KAFKA_NONE) {
                client_fail_code(c, r->topics[t].partitions[i].error_code, STR_NULL);
                return false;
            }
    return true;
}
