/* DescribeTopicPartitions, version 0 (KIP-966): topics page by page, in order of name, with their
 * eligible leader replicas. */
#include "protocol/describe_topic_partitions.h"

#include <stdlib.h>

#include "broker/handlers/handlers.h"
#include "broker/metadata_view.h"
#include "config/config.h"
#include "protocol/error.h"

struct page {
    const struct broker *broker;
    struct request *request;
    struct describe_topic_partitions_response *response;
    int32_t room; /* partitions that may still be added */
};

static int by_name(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* The names asked for, sorted and distinct; all topics when none was. */
static struct str *asked_names(const struct broker *b, struct request *rq, int32_t *count)
{
    const struct describe_topic_partitions_request *q = rq->body;
    struct str *names;
    if (q->topics_count == 0) {
        const struct image_topic **all = image_topics_sorted(b->image, &rq->arena, count);
        names = ARENA_ARRAY(&rq->arena, struct str, *count);
        for (int32_t i = 0; i < *count; i++) names[i] = all[i]->name;
        return names;
    }
    names = ARENA_ARRAY(&rq->arena, struct str, q->topics_count);
    for (int32_t i = 0; i < q->topics_count; i++) names[i] = q->topics[i].name;
    qsort(names, (size_t)q->topics_count, sizeof *names, by_name);
    *count = 0;
    for (int32_t i = 0; i < q->topics_count; i++)
        if (i == 0 || !str_equal(names[i], names[*count - 1])) names[(*count)++] = names[i];
    return names;
}

static void stop_at(struct page *page, struct str topic, int32_t partition)
{
    struct describe_topic_partitions_response_cursor *next =
        describe_topic_partitions_response_cursor_new(&page->request->arena, 1);
    next->topic_name = topic;
    next->partition_index = partition;
    page->response->next_cursor = next;
}

static int32_t *ids_copy(struct arena *arena, const int32_t *ids, int32_t count)
{
    int32_t *copy = ARENA_ARRAY(arena, int32_t, count);
    for (int32_t i = 0; i < count; i++) copy[i] = ids[i];
    return copy;
}

static void add_partitions(struct page *page, const struct image_topic *topic, int32_t first,
                           struct describe_topic_partitions_response_topic *out)
{
    struct arena *arena = &page->request->arena;
    out->partitions =
        describe_topic_partitions_response_partition_new(arena, topic->partitions_count);
    out->partitions_count = 0;
    for (int32_t id = first; id < topic->partitions_size; id++) {
        const struct image_partition *p = image_topic_partition(topic, id);
        if (!p) continue;
        if (page->room == 0) {
            stop_at(page, topic->name, id);
            return;
        }
        page->room--;
        struct view_partition v =
            view_partition(page->broker, topic, id, request_listener(page->request), true, arena);
        out->partitions[out->partitions_count++] =
            (struct describe_topic_partitions_response_partition){
                .error_code = v.error_code,
                .partition_index = id,
                .leader_id = v.leader_id,
                .leader_epoch = v.leader_epoch,
                .replica_nodes = v.replicas,
                .replica_nodes_count = v.replicas_count,
                .isr_nodes = v.isr,
                .isr_nodes_count = v.isr_count,
                .eligible_leader_replicas = ids_copy(arena, partition_elr(p), p->elr_count),
                .eligible_leader_replicas_count = p->elr_count,
                .last_known_elr =
                    ids_copy(arena, partition_last_known_elr(p), p->last_known_elr_count),
                .last_known_elr_count = p->last_known_elr_count,
                .offline_replicas = v.offline,
                .offline_replicas_count = v.offline_count,
            };
    }
}

static void add_topic(struct page *page, struct str name, int32_t first)
{
    struct describe_topic_partitions_response *r = page->response;
    struct describe_topic_partitions_response_topic *out = &r->topics[r->topics_count++];
    const struct image_topic *topic = image_topic_by_name(page->broker->image, name);
    out->name = name;
    out->is_internal = view_topic_is_internal(name);
    out->topic_authorized_operations = OPERATIONS_ON_TOPIC;
    if (!topic) {
        bool fine = str_is_null(view_topic_name_fault(name, &page->request->arena));
        out->error_code = fine ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_INVALID_TOPIC_EXCEPTION;
        return;
    }
    out->topic_id = topic->id;
    add_partitions(page, topic, first, out);
}

/* A cursor stands at a partition of a topic that is asked for, where topics are named. */
static bool cursor_is_fine(const struct describe_topic_partitions_request *q)
{
    if (!q->cursor) return true;
    bool named = q->topics_count == 0;
    for (int32_t i = 0; i < q->topics_count; i++)
        named |= str_equal(q->topics[i].name, q->cursor->topic_name);
    return named && q->cursor->partition_index >= 0;
}

static void refuse_cursor(struct request *rq, const struct describe_topic_partitions_request *q)
{
    struct describe_topic_partitions_response r;
    describe_topic_partitions_response_init(&r);
    r.topics = describe_topic_partitions_response_topic_new(&rq->arena, q->topics_count);
    r.topics_count = q->topics_count;
    for (int32_t i = 0; i < q->topics_count; i++) {
        r.topics[i].name = q->topics[i].name;
        r.topics[i].error_code = KAFKA_INVALID_REQUEST;
    }
    request_reply(rq, &r);
}

void handle_describe_topic_partitions(struct request *rq, void *context)
{
    struct broker *b = context;
    const struct describe_topic_partitions_request *q = rq->body;
    if (!cursor_is_fine(q)) {
        refuse_cursor(rq, q);
        return;
    }
    struct describe_topic_partitions_response r;
    describe_topic_partitions_response_init(&r);
    int32_t limit = config_int(b->config, CONFIG_MAX_REQUEST_PARTITION_SIZE_LIMIT);
    struct page page = {
        .broker = b,
        .request = rq,
        .response = &r,
        .room = q->response_partition_limit < limit ? q->response_partition_limit : limit,
    };
    if (page.room < 1) page.room = 1;
    int32_t count;
    struct str *names = asked_names(b, rq, &count);
    r.topics = describe_topic_partitions_response_topic_new(&rq->arena, count);
    r.topics_count = 0;
    for (int32_t i = 0; i < count && !r.next_cursor; i++) {
        int32_t first = 0;
        if (q->cursor) {
            int order = str_compare(names[i], q->cursor->topic_name);
            if (order < 0) continue;
            if (order == 0) first = q->cursor->partition_index;
        }
        if (page.room == 0)
            stop_at(&page, names[i], first);
        else
            add_topic(&page, names[i], first);
    }
    request_reply(rq, &r);
}
