#include "cli/offsets.h"

#include <stdio.h>

#include "protocol/list_offsets.h"

enum { RETRY_MS = 100 };

struct client_node *client_leader(struct client *c, const struct metadata_response *m,
                                  struct str topic, int32_t partition, int16_t *code)
{
    *code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    for (int32_t i = 0; i < m->topics_count; i++) {
        if (!str_equal(m->topics[i].name, topic)) continue;
        if (m->topics[i].error_code != KAFKA_NONE) *code = m->topics[i].error_code;
        for (int32_t k = 0; k < m->topics[i].partitions_count; k++) {
            const struct metadata_response_partition *p = &m->topics[i].partitions[k];
            if (p->partition_index != partition) continue;
            struct client_node *n = p->leader_id < 0 ? NULL : client_node(c, p->leader_id);
            *code = n ? KAFKA_NONE : KAFKA_LEADER_NOT_AVAILABLE;
            return n;
        }
    }
    return NULL;
}

/* Ask one leader for all its open queries. */
static bool ask(struct client *c, struct client_node *leader, struct client_node **leaders,
                struct offset_query *items, int32_t count)
{
    struct list_offsets_request request;
    list_offsets_request_init(&request);
    request.timeout_ms = (int32_t)c->request_timeout_ms;
    request.topics = list_offsets_request_list_offsets_topic_new(&c->arena, count);
    for (int32_t i = 0; i < count; i++) {
        if (leaders[i] != leader || items[i].done) continue;
        struct list_offsets_request_list_offsets_topic *t = request.topics;
        while (t < request.topics + request.topics_count && !str_equal(t->name, items[i].topic))
            t++;
        if (t == request.topics + request.topics_count) {
            request.topics_count++;
            t->name = items[i].topic;
            t->partitions = list_offsets_request_list_offsets_partition_new(&c->arena, count);
        }
        t->partitions[t->partitions_count].partition_index = items[i].partition;
        t->partitions[t->partitions_count++].timestamp = items[i].timestamp;
    }
    const struct list_offsets_response *r =
        client_call(c, leader, API_LIST_OFFSETS, -1, &request, NULL);
    if (!r) return false;
    for (int32_t i = 0; i < count; i++) {
        if (leaders[i] != leader || items[i].done) continue;
        for (int32_t t = 0; t < r->topics_count; t++) {
            if (!str_equal(r->topics[t].name, items[i].topic)) continue;
            for (int32_t k = 0; k < r->topics[t].partitions_count; k++) {
                const struct list_offsets_response_list_offsets_partition_response *p =
                    &r->topics[t].partitions[k];
                if (p->partition_index != items[i].partition) continue;
                items[i].error_code = p->error_code;
                items[i].offset = p->offset;
                items[i].record_timestamp = p->timestamp;
                items[i].leader_epoch = p->leader_epoch;
                items[i].done = !kafka_error_is_retriable(p->error_code);
            }
        }
    }
    return true;
}

bool client_list_offsets(struct client *c, struct offset_query *items, int32_t count)
{
    if (!count) return true;
    int64_t deadline_ms = client_now_ms() + c->api_timeout_ms;
    struct client_node **leaders = ARENA_ARRAY(&c->arena, struct client_node *, count);
    struct str *names = ARENA_ARRAY(&c->arena, struct str, count);
    for (bool open = true; open;) {
        int32_t names_count = 0;
        for (int32_t i = 0; i < count; i++) {
            bool known = false;
            for (int32_t k = names_count - 1; k >= 0 && !known; k--)
                known = str_equal(names[k], items[i].topic);
            if (!known) names[names_count++] = items[i].topic;
        }
        const struct metadata_response *m = client_topics(c, names, names_count);
        if (!m) return false;
        for (int32_t i = 0; i < count; i++) {
            if (items[i].done) continue;
            leaders[i] =
                client_leader(c, m, items[i].topic, items[i].partition, &items[i].error_code);
            items[i].offset = OFFSET_NONE;
        }
        for (int32_t i = 0; i < count; i++) {
            bool first = leaders[i] != NULL && !items[i].done;
            for (int32_t k = 0; k < i && first; k++) first = leaders[k] != leaders[i];
            if (first && !ask(c, leaders[i], leaders, items, count)) return false;
        }
        open = false;
        for (int32_t i = 0; i < count; i++) open |= !items[i].done;
        if (open && client_now_ms() > deadline_ms) return true;
        if (open) client_sleep_ms(RETRY_MS);
    }
    return true;
}

int offset_query_compare(const void *a, const void *b)
{
    const struct offset_query *x = a, *y = b;
    char p[300], q[300];
    snprintf(p, sizeof p, "%.*s-%d", STR_ARG(x->topic), x->partition);
    snprintf(q, sizeof q, "%.*s-%d", STR_ARG(y->topic), y->partition);
    return strcmp(p, q);
}
