#include "cli/reset_offsets.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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
        for (const char *at = colon + 1; *at;) {
            char *end;
            long partition = strtol(at, &end, 10);
            if (end == at || (*end && *end != ',') || partition < 0 || partition > INT32_MAX) {
                client_fail(c, "java.lang.IllegalArgumentException",
                            "Invalid topic arg '%s', expected "
                            "topic name and partitions",
                            texts[i]);
                return false;
            }
            group_partitions_add(c, out, topic, (int32_t)partition);
            at = end + (*end == ',');
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

/* yyyy-MM-ddTHH:mm:SS.sss with or without a zone, in milliseconds since 1970. */
static int64_t parse_datetime(const struct args *a, const char *text)
{
    struct tm t = {0};
    double seconds = 0;
    char zone[16] = "";
    int year, month,
        fields = sscanf(text, "%d-%d-%dT%d:%d:%lf%15s", &year, &month, &t.tm_mday, &t.tm_hour,
                        &t.tm_min, &seconds, zone);
    if (fields < 6) {
        fields = sscanf(text, "%d-%d-%dT%d:%d%15s", &year, &month, &t.tm_mday, &t.tm_hour,
                        &t.tm_min, zone) +
                 1;
        if (fields < 6) {
            char reason[256];
            snprintf(reason, sizeof reason,
                     "Error parsing timestamp %s: expected "
                     "YYYY-MM-DDTHH:mm:SS.sss",
                     text);
            args_usage(a, reason);
        }
    }
    t.tm_year = year - 1900;
    t.tm_mon = month - 1;
    int64_t ms = (int64_t)timegm(&t) * 1000 + (int64_t)(seconds * 1000 + 0.5);
    int hours = 0, minutes = 0;
    if (zone[0] == '+' || zone[0] == '-') {
        if (sscanf(zone + 1, "%2d:%2d", &hours, &minutes) < 2)
            sscanf(zone + 1, "%2d%2d", &hours, &minutes);
        ms -= (zone[0] == '-' ? -1 : 1) * ((int64_t)hours * 60 + minutes) * 60000;
    }
    return ms;
}

/* An ISO-8601 duration, PnDTnHnMnS, in milliseconds. */
static int64_t parse_duration(const struct args *a, const char *text)
{
    const char *at = text;
    int64_t ms = 0;
    bool time_part = false, any = false;
    if (*at++ != 'P') goto malformed;
    for (; *at; at++) {
        if (*at == 'T' && !time_part) {
            time_part = true;
            continue;
        }
        char *end;
        double number = strtod(at, &end);
        if (end == at) goto malformed;
        double unit = *end == 'D' && !time_part  ? 86400e3
                      : *end == 'H' && time_part ? 3600e3
                      : *end == 'M' && time_part ? 60e3
                      : *end == 'S' && time_part ? 1e3
                                                 : 0;
        if (unit == 0) goto malformed;
        ms += (int64_t)(number * unit);
        any = true;
        at = end;
    }
    if (any) return ms;
malformed:
    args_usage(a, "Text cannot be parsed to a Duration");
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
    for (int32_t i = 0; i < p->count; i++)
        plan->items[i].offset = q[i].offset == OFFSET_NONE ? end[i].offset : q[i].offset;
    return true;
}

static bool from_committed(struct client *c, const struct args *a, const char *group,
                           const struct group_partitions *p, struct reset_plan *plan)
{
    struct committed *known;
    int32_t count;
    bool shift = args_has(a, "shift-by");
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
        plan->items[i].offset =
            (k ? k->offset : end[i].offset) + (shift ? args_number(a, "shift-by", 0) : 0);
    }
    return clamp(c, p, plan);
}

/* CSV: topic,partition,offset or group,topic,partition,offset; fields may be quoted. */
static bool from_file(struct client *c, const struct args *a, const char *group,
                      struct group_partitions *p, struct reset_plan *plan)
{
    const char *path = args_value(a, "from-file");
    char *text = tool_read_file(path, NULL);
    if (!text) {
        client_fail(c, "java.nio.file.NoSuchFileException", "%s", path);
        return false;
    }
    plan->items = ARENA_ARRAY(&c->arena, struct reset_target, strlen(text) + 1);
    for (char *save = NULL, *line = strtok_r(text, "\r\n", &save); line;
         line = strtok_r(NULL, "\r\n", &save)) {
        char *fields[4];
        int count = 0;
        for (char *inner = NULL, *f = strtok_r(line, ",", &inner); f && count < 4;
             f = strtok_r(NULL, ",", &inner)) {
            size_t len = strlen(f);
            if (len >= 2 && f[0] == '"' && f[len - 1] == '"') {
                f[len - 1] = 0;
                f++;
            }
            fields[count++] = f;
        }
        if (count < 3) continue;
        char **t = fields + (count == 4);
        if (count == 4 && strcmp(fields[0], group) != 0) continue;
        struct str topic = arena_str(&c->arena, str_of(t[0]));
        group_partitions_add(c, p, topic, atoi(t[1]));
        plan->items[plan->count++] = (struct reset_target){topic, atoi(t[1]), atoll(t[2])};
    }
    free(text);
    return clamp(c, p, plan);
}

bool reset_prepare(struct client *c, const struct args *a, const char *group,
                   struct reset_plan *out)
{
    struct group_partitions p = {0};
    *out = (struct reset_plan){0};
    if (!read_scope(c, a, group, &p)) return false;
    if (args_has(a, "from-file")) return from_file(c, a, group, &p, out);
    out->items = ARENA_ARRAY(&c->arena, struct reset_target, p.count + 1);
    out->count = p.count;
    for (int32_t i = 0; i < p.count; i++)
        out->items[i] = (struct reset_target){p.items[i].topic, p.items[i].partition, 0};
    if (args_has(a, "to-earliest")) return by_time(c, &p, OFFSET_EARLIEST, out);
    if (args_has(a, "to-latest")) return by_time(c, &p, OFFSET_LATEST, out);
    if (args_has(a, "to-datetime"))
        return by_time(c, &p, parse_datetime(a, args_value(a, "to-datetime")), out);
    if (args_has(a, "by-duration")) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
        return by_time(c, &p, now_ms - parse_duration(a, args_value(a, "by-duration")), out);
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
