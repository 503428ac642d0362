#include "broker/directory_assignments.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "metadata/feature.h"
#include "metadata/image.h"
#include "protocol/api.h"
#include "protocol/assign_replicas_to_dirs.h"
#include "protocol/error.h"
#include "replica/replica_manager.h"

struct assignment {
    struct uuid topic_id;
    int32_t partition;
    struct uuid directory;
    bool sent; /* in the request in flight, and not replaced since */
    struct list_node node;
};

enum { KEY_BYTES = 16 + 4 };

struct directory_assignments {
    struct broker *broker;
    struct map by_partition; /* topic id and partition -> struct assignment */
    struct list_node wanted; /* all of them, the oldest first */
    struct task send;
    struct timer retry;
    struct call call;
    bool in_flight;
    int64_t retry_ms;
};

static void key_of(struct uuid topic_id, int32_t partition, uint8_t key[KEY_BYTES])
{
    memcpy(key, topic_id.bytes, 16);
    store_be32(key + 16, (uint32_t)partition);
}

static void drop(struct directory_assignments *a, struct assignment *s)
{
    uint8_t key[KEY_BYTES];
    key_of(s->topic_id, s->partition, key);
    map_remove(&a->by_partition, key, KEY_BYTES);
    list_remove(&s->node);
    mem_free(s);
}

/* Metadata does not say so yet, and it concerns us. */
static bool is_news(const struct broker *b, const struct assignment *s)
{
    const struct image_topic *t = image_topic_by_id(b->image, s->topic_id);
    const struct image_partition *p = t ? image_topic_partition(t, s->partition) : NULL;
    return p && partition_has_replica(p, b->node_id) &&
           !uuid_equal(partition_directory_of(b->image, p, b->node_id), s->directory);
}

/* ---- one request */

static int by_place(const void *x, const void *y)
{
    const struct assignment *const *a = x, *const *b = y;
    int order = uuid_compare((*a)->directory, (*b)->directory);
    if (!order) order = uuid_compare((*a)->topic_id, (*b)->topic_id);
    if (order) return order;
    return ((*a)->partition > (*b)->partition) - ((*a)->partition < (*b)->partition);
}

/* What is to be sent, in order of directory, topic, partition. */
static int32_t gather(struct directory_assignments *a, struct assignment **batch)
{
    int32_t count = 0;
    LIST_EACH(&a->wanted, node) {
        struct assignment *s = CONTAINER_OF(node, struct assignment, node);
        if (!is_news(a->broker, s)) {
            replica_manager_assigned(a->broker->replicas, s->topic_id, s->partition, s->directory);
            drop(a, s);
            continue;
        }
        if (count == ASSIGNMENTS_PER_REQUEST_MAX) break;
        batch[count++] = s;
    }
    qsort(batch, (size_t)count, sizeof *batch, by_place);
    return count;
}

static void fill(struct assign_replicas_to_dirs_request *q, struct arena *arena,
                 struct assignment **batch, int32_t count)
{
    q->directories = assign_replicas_to_dirs_request_directory_data_new(arena, count);
    struct assign_replicas_to_dirs_request_directory_data *dir = NULL;
    struct assign_replicas_to_dirs_request_topic_data *topic = NULL;
    for (int32_t i = 0; i < count; i++) {
        struct assignment *s = batch[i];
        if (!dir || !uuid_equal(dir->id, s->directory)) {
            dir = &q->directories[q->directories_count++];
            dir->id = s->directory;
            dir->topics = assign_replicas_to_dirs_request_topic_data_new(arena, count - i);
            topic = NULL;
        }
        if (!topic || !uuid_equal(topic->topic_id, s->topic_id)) {
            topic = &dir->topics[dir->topics_count++];
            topic->topic_id = s->topic_id;
            topic->partitions =
                assign_replicas_to_dirs_request_partition_data_new(arena, count - i);
        }
        topic->partitions[topic->partitions_count++].partition_index = s->partition;
        s->sent = true;
    }
}

static void again(struct directory_assignments *a)
{
    if (list_empty(&a->wanted)) return;
    timer_arm_in_ms(a->broker->env.clock, &a->retry, a->retry_ms);
    a->retry_ms *= 2;
    if (a->retry_ms > ASSIGNMENTS_RETRY_MS_MAX) a->retry_ms = ASSIGNMENTS_RETRY_MS_MAX;
}

static void acknowledge(struct directory_assignments *a, struct uuid directory,
                        struct uuid topic_id, int32_t partition)
{
    uint8_t key[KEY_BYTES];
    key_of(topic_id, partition, key);
    struct assignment *s = map_get(&a->by_partition, key, KEY_BYTES);
    if (!s || !s->sent || !uuid_equal(s->directory, directory)) return;
    drop(a, s);
    replica_manager_assigned(a->broker->replicas, topic_id, partition, directory);
}

static void answered(struct call *call, enum err e, const void *response)
{
    struct directory_assignments *a = CONTAINER_OF(call, struct directory_assignments, call);
    const struct assign_replicas_to_dirs_response *r = response;
    a->in_flight = false;
    int32_t before = directory_assignments_count(a);
    for (int32_t d = 0; !e && !r->error_code && d < r->directories_count; d++)
        for (int32_t t = 0; t < r->directories[d].topics_count; t++) {
            const struct assign_replicas_to_dirs_response_topic_data *topic =
                &r->directories[d].topics[t];
            for (int32_t p = 0; p < topic->partitions_count; p++)
                if (!topic->partitions[p].error_code)
                    acknowledge(a, r->directories[d].id, topic->topic_id,
                                topic->partitions[p].partition_index);
        }
    LIST_EACH(&a->wanted, node) CONTAINER_OF(node, struct assignment, node)->sent = false;
    if (directory_assignments_count(a) == before) {
        if (!e && r->error_code != KAFKA_NOT_CONTROLLER)
            trace_warn(a->broker->env.trace, "org.apache.kafka.server.AssignmentsManager",
                       "The controller did not take the directories of %d replicas: %s", before,
                       kafka_error_name(r->error_code));
        again(a);
        return;
    }
    a->retry_ms = ASSIGNMENTS_RETRY_MS_MIN;
    if (!list_empty(&a->wanted)) task_post(a->broker->env.clock, &a->send);
}

static void send_wanted(struct directory_assignments *a)
{
    struct broker *b = a->broker;
    if (a->in_flight || list_empty(&a->wanted)) return;
    if (b->epoch < 0) {
        again(a);
        return;
    }
    struct arena arena;
    arena_init(&arena, 0);
    struct assignment **batch =
        ARENA_ARRAY(&arena, struct assignment *, ASSIGNMENTS_PER_REQUEST_MAX);
    int32_t count = gather(a, batch);
    if (count > 0) {
        struct assign_replicas_to_dirs_request q;
        assign_replicas_to_dirs_request_init(&q);
        q.broker_id = b->node_id;
        q.broker_epoch = b->epoch;
        fill(&q, &arena, batch, count);
        a->in_flight = true;
        broker_call_controller(b, &a->call, API_ASSIGN_REPLICAS_TO_DIRS, -1, &q, answered);
    }
    arena_free(&arena);
}

static void send_task(struct task *t)
{
    send_wanted(CONTAINER_OF(t, struct directory_assignments, send));
}

static void retry_fired(struct timer *t)
{
    send_wanted(CONTAINER_OF(t, struct directory_assignments, retry));
}

/* ---- the whole */

struct directory_assignments *directory_assignments_create(struct broker *b)
{
    struct directory_assignments *a = MEM_NEW(struct directory_assignments);
    a->broker = b;
    a->retry_ms = ASSIGNMENTS_RETRY_MS_MIN;
    map_init(&a->by_partition);
    list_init(&a->wanted);
    task_init(&a->send, send_task);
    timer_init(&a->retry, retry_fired);
    call_init(&a->call);
    return a;
}

void directory_assignments_destroy(struct directory_assignments *a)
{
    channel_cancel(&a->call);
    task_cancel(&a->send);
    timer_cancel(a->broker->env.clock, &a->retry);
    LIST_EACH(&a->wanted, node) drop(a, CONTAINER_OF(node, struct assignment, node));
    map_free(&a->by_partition);
    mem_free(a);
}

void directory_assignments_want(struct directory_assignments *a, struct uuid topic_id,
                                int32_t partition, struct uuid directory)
{
    if (a->broker->image->metadata_version < METADATA_VERSION_DIRECTORIES) return;
    uint8_t key[KEY_BYTES];
    key_of(topic_id, partition, key);
    struct assignment *s = map_get(&a->by_partition, key, KEY_BYTES);
    if (!s) {
        s = MEM_NEW(struct assignment);
        s->topic_id = topic_id;
        s->partition = partition;
        list_init(&s->node);
        list_push_back(&a->wanted, &s->node);
        map_put(&a->by_partition, key, KEY_BYTES, s);
    }
    s->directory = directory;
    s->sent = false;
    if (!timer_armed(&a->retry)) task_post(a->broker->env.clock, &a->send);
}

int32_t directory_assignments_count(const struct directory_assignments *a)
{
    return (int32_t)a->by_partition.count;
}
