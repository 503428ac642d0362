#include "cli/groups.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/consumer_group_describe.h"
#include "protocol/consumer_protocol_assignment.h"
#include "protocol/describe_groups.h"
#include "protocol/list_groups.h"
#include "protocol/offset_fetch.h"

enum { RETRY_MS = 100, OFFSET_FETCH_BY_NAME_MAX = 9 };

void group_partitions_add(struct client *c, struct group_partitions *p, struct str topic,
                          int32_t partition)
{
    if (p->count == p->capacity) {
        p->capacity = p->capacity ? p->capacity * 2 : 8;
        struct group_partition *grown = ARENA_ARRAY(&c->arena, struct group_partition, p->capacity);
        if (p->count) memcpy(grown, p->items, (size_t)p->count * sizeof *grown);
        p->items = grown;
    }
    p->items[p->count++] = (struct group_partition){topic, partition};
}

bool group_partitions_has(const struct group_partitions *p, struct str topic, int32_t partition)
{
    for (int32_t i = 0; i < p->count; i++)
        if (p->items[i].partition == partition && str_equal(p->items[i].topic, topic)) return true;
    return false;
}

static int by_partition(const void *a, const void *b)
{
    const struct group_partition *x = a, *y = b;
    int order = str_compare(x->topic, y->topic);
    return order ? order : x->partition - y->partition;
}

const char *group_partitions_text(struct client *c, const struct group_partitions *p)
{
    qsort(p->items, (size_t)p->count, sizeof *p->items, by_partition);
    struct str text = STR("");
    for (int32_t i = 0; i < p->count; i++) {
        bool same = i > 0 && str_equal(p->items[i - 1].topic, p->items[i].topic);
        if (same)
            text = arena_printf(&c->arena, "%.*s,%d", STR_ARG(text), p->items[i].partition);
        else
            text = arena_printf(&c->arena, "%.*s%s%.*s:%d", STR_ARG(text), i ? ";" : "",
                                STR_ARG(p->items[i].topic), p->items[i].partition);
    }
    return text.data;
}

static int by_group(const void *a, const void *b)
{
    return str_compare(((const struct group_listing *)a)->id,
                       ((const struct group_listing *)b)->id);
}

bool client_list_groups(struct client *c, struct group_listing **out, int32_t *count)
{
    struct list_groups_request request;
    list_groups_request_init(&request);
    struct list_groups_response_listed_group *found[CLIENT_NODES_MAX];
    int32_t counts[CLIENT_NODES_MAX], total = 0;
    for (int32_t n = 0; n < c->nodes_count; n++) {
        const struct list_groups_response *r =
            client_call(c, c->nodes[n], API_LIST_GROUPS, -1, &request, NULL);
        if (r && r->error_code != KAFKA_NONE) {
            client_fail_code(c, r->error_code, STR_NULL);
            r = NULL;
        }
        if (!r) return false;
        found[n] = r->groups;
        counts[n] = r->groups_count;
        total += r->groups_count;
    }
    *out = ARENA_ARRAY(&c->arena, struct group_listing, total + 1);
    *count = 0;
    for (int32_t n = 0; n < c->nodes_count; n++)
        for (int32_t i = 0; i < counts[n]; i++) {
            const struct list_groups_response_listed_group *g = &found[n][i];
            /* simple groups (only committed offsets) have no protocol type and count as
             * consumers */
            if (g->protocol_type.len > 0 && !str_equal_z(g->protocol_type, "consumer")) continue;
            (*out)[(*count)++] = (struct group_listing){g->group_id, g->group_state, g->group_type,
                                                        g->protocol_type};
        }
    qsort(*out, (size_t)*count, sizeof **out, by_group);
    return true;
}

/* ---- describe */

static const char *text_of(struct client *c, struct str s)
{
    return str_is_null(s) ? "" : arena_str(&c->arena, s).data;
}

static void read_assignment(struct client *c, struct bytes data, struct group_partitions *out)
{
    if (data.len < 2) return;
    struct cursor in = cursor_of_bytes(data);
    int16_t version = cursor_i16(&in);
    int16_t known = consumer_protocol_assignment_message.max_version;
    struct consumer_protocol_assignment a;
    if (version < 0 ||
        consumer_protocol_assignment_decode(&a, version < known ? version : known, &in, &c->arena))
        return;
    for (int32_t t = 0; t < a.assigned_partitions_count; t++)
        for (int32_t i = 0; i < a.assigned_partitions[t].partitions_count; i++)
            group_partitions_add(c, out, a.assigned_partitions[t].topic,
                                 a.assigned_partitions[t].partitions[i]);
}

static bool describe_classic(struct client *c, struct group *out, int16_t *code,
                             struct str *message)
{
    struct str id = str_of(out->id);
    struct describe_groups_request request;
    describe_groups_request_init(&request);
    request.groups = &id;
    request.groups_count = 1;
    const struct describe_groups_response *r =
        client_call(c, out->coordinator, API_DESCRIBE_GROUPS, -1, &request, NULL);
    if (!r || !r->groups_count) return false;
    const struct describe_groups_response_described_group *g = &r->groups[0];
    *code = g->error_code;
    *message = g->error_message;
    if (*code != KAFKA_NONE) return true;
    out->state = text_of(c, g->group_state);
    if (strcmp(out->state, "Dead") == 0) { /* before version 6, how an unknown group is told */
        *code = KAFKA_GROUP_ID_NOT_FOUND;
        *message = arena_printf(&c->arena, "Group %s not found.", out->id);
        return true;
    }
    out->assignor = text_of(c, g->protocol_data);
    out->group_epoch = out->target_epoch = -1;
    out->members = ARENA_ARRAY(&c->arena, struct group_member, g->members_count + 1);
    out->members_count = g->members_count;
    for (int32_t i = 0; i < g->members_count; i++) {
        struct group_member *m = &out->members[i];
        *m = (struct group_member){.id = text_of(c, g->members[i].member_id),
                                   .instance_id = text_of(c, g->members[i].group_instance_id),
                                   .host = text_of(c, g->members[i].client_host),
                                   .client_id = text_of(c, g->members[i].client_id),
                                   .epoch = -1,
                                   .upgraded = -1};
        read_assignment(c, g->members[i].member_assignment, &m->assignment);
    }
    return true;
}

static void read_target(struct client *c,
                        const struct consumer_group_describe_response_assignment *a,
                        struct group_partitions *out)
{
    for (int32_t t = 0; t < a->topic_partitions_count; t++)
        for (int32_t i = 0; i < a->topic_partitions[t].partitions_count; i++)
            group_partitions_add(c, out, a->topic_partitions[t].topic_name,
                                 a->topic_partitions[t].partitions[i]);
}

static bool describe_new(struct client *c, struct group *out, int16_t *code, struct str *message)
{
    struct str id = str_of(out->id);
    struct consumer_group_describe_request request;
    consumer_group_describe_request_init(&request);
    request.group_ids = &id;
    request.group_ids_count = 1;
    const struct consumer_group_describe_response *r =
        client_call(c, out->coordinator, API_CONSUMER_GROUP_DESCRIBE, -1, &request, NULL);
    if (!r || !r->groups_count) return false;
    const struct consumer_group_describe_response_described_group *g = &r->groups[0];
    *code = g->error_code;
    *message = g->error_message;
    if (*code != KAFKA_NONE) return true;
    out->state = text_of(c, g->group_state);
    out->assignor = text_of(c, g->assignor_name);
    out->group_epoch = g->group_epoch;
    out->target_epoch = g->assignment_epoch;
    out->members = ARENA_ARRAY(&c->arena, struct group_member, g->members_count + 1);
    out->members_count = g->members_count;
    for (int32_t i = 0; i < g->members_count; i++) {
        struct group_member *m = &out->members[i];
        *m = (struct group_member){.id = text_of(c, g->members[i].member_id),
                                   .instance_id = text_of(c, g->members[i].instance_id),
                                   .host = text_of(c, g->members[i].client_host),
                                   .client_id = text_of(c, g->members[i].client_id),
                                   .epoch = g->members[i].member_epoch,
                                   .upgraded = g->members[i].member_type};
        read_target(c, &g->members[i].assignment, &m->assignment);
        read_target(c, &g->members[i].target_assignment, &m->target);
    }
    return true;
}

bool client_describe_group(struct client *c, const char *id, struct group *out)
{
    int64_t deadline_ms = client_now_ms() + c->api_timeout_ms;
    for (;;) {
        *out = (struct group){.id = id};
        out->coordinator = client_group_coordinator(c, id);
        if (!out->coordinator) return false;
        int16_t code = KAFKA_GROUP_ID_NOT_FOUND;
        struct str message = STR_NULL;
        if (client_serves(c, out->coordinator, API_CONSUMER_GROUP_DESCRIBE, 0) &&
            !describe_new(c, out, &code, &message))
            return false;
        bool classic = code == KAFKA_GROUP_ID_NOT_FOUND || code == KAFKA_UNSUPPORTED_VERSION;
        if (classic && !describe_classic(c, out, &code, &message)) return false;
        if (code == KAFKA_NONE) return true;
        bool again = code == KAFKA_NOT_COORDINATOR || kafka_error_is_retriable(code);
        if (!again || client_now_ms() > deadline_ms) {
            client_fail_code(c, code, message);
            return false;
        }
        client_sleep_ms(RETRY_MS);
    }
}

/* ---- committed offsets */

static int by_committed(const void *a, const void *b)
{
    const struct committed *x = a, *y = b;
    int order = str_compare(x->topic, y->topic);
    return order ? order : x->partition - y->partition;
}

/* One answer, of either shape. The code is the group's. */
static int16_t read_committed(struct client *c, const struct offset_fetch_response *r,
                              struct committed **out, int32_t *count)
{
    int32_t total = 0;
    const struct offset_fetch_response_group *g = r->groups_count ? &r->groups[0] : NULL;
    int16_t code = g ? g->error_code : r->error_code;
    for (int32_t t = 0; g && t < g->topics_count; t++) total += g->topics[t].partitions_count;
    for (int32_t t = 0; !g && t < r->topics_count; t++) total += r->topics[t].partitions_count;
    *out = ARENA_ARRAY(&c->arena, struct committed, total + 1);
    *count = 0;
    for (int32_t t = 0; g && t < g->topics_count; t++)
        for (int32_t i = 0; i < g->topics[t].partitions_count; i++) {
            const struct offset_fetch_response_partitions *p = &g->topics[t].partitions[i];
            if (p->error_code != KAFKA_NONE) code = p->error_code;
            if (p->committed_offset >= 0)
                (*out)[(*count)++] =
                    (struct committed){g->topics[t].name, p->partition_index, p->committed_offset,
                                       p->committed_leader_epoch};
        }
    for (int32_t t = 0; !g && t < r->topics_count; t++)
        for (int32_t i = 0; i < r->topics[t].partitions_count; i++) {
            const struct offset_fetch_response_partition *p = &r->topics[t].partitions[i];
            if (p->error_code != KAFKA_NONE) code = p->error_code;
            if (p->committed_offset >= 0)
                (*out)[(*count)++] =
                    (struct committed){r->topics[t].name, p->partition_index, p->committed_offset,
                                       p->committed_leader_epoch};
        }
    return code;
}

bool client_committed_offsets(struct client *c, const char *group, struct committed **out,
                              int32_t *count)
{
    int64_t deadline_ms = client_now_ms() + c->api_timeout_ms;
    for (;;) {
        struct client_node *n = client_group_coordinator(c, group);
        if (!n) return false;
        struct offset_fetch_request request;
        offset_fetch_request_init(&request);
        request.topics_count = -1;
        if (client_serves(c, n, API_OFFSET_FETCH, 8)) {
            request.groups = offset_fetch_request_group_new(&c->arena, 1);
            request.groups_count = 1;
            request.groups[0].group_id = str_of(group);
            request.groups[0].topics_count = -1;
            request.topics_count = 0;
        } else
            request.group_id = str_of(group);
        const struct offset_fetch_response *r =
            client_call(c, n, API_OFFSET_FETCH, OFFSET_FETCH_BY_NAME_MAX, &request, NULL);
        if (!r) return false;
        int16_t code = read_committed(c, r, out, count);
        if (code == KAFKA_GROUP_ID_NOT_FOUND) {
            *count = 0;
            code = KAFKA_NONE;
        }
        if (code == KAFKA_NONE) {
            qsort(*out, (size_t)*count, sizeof **out, by_committed);
            return true;
        }
        bool again = code == KAFKA_NOT_COORDINATOR || kafka_error_is_retriable(code);
        if (!again || client_now_ms() > deadline_ms) {
            client_fail_code(c, code, STR_NULL);
            return false;
        }
        client_sleep_ms(RETRY_MS);
    }
}
