#include "broker/handlers/partitions.h"

#include "broker/metadata_view.h"
#include "replica/lease.h"

static struct located locate(const struct replica_topic *t, const struct image_topic *known,
                             int32_t partition, enum kafka_error no_topic)
{
    struct replica *r = t ? replica_topic_partition(t, partition) : NULL;
    if (r) return (struct located){r, KAFKA_NONE};
    if (!known) return (struct located){NULL, no_topic};
    if (!image_topic_partition(known, partition))
        return (struct located){NULL, KAFKA_UNKNOWN_TOPIC_OR_PARTITION};
    return (struct located){NULL, KAFKA_NOT_LEADER_OR_FOLLOWER};
}

struct located locate_by_name(const struct broker *b, struct str topic, int32_t partition)
{
    const struct replica_topic *t = replica_manager_topic_by_name(b->replicas, topic);
    if (t && replica_topic_partition(t, partition))
        return (struct located){replica_topic_partition(t, partition), KAFKA_NONE};
    if (topic.len < 0) return (struct located){NULL, KAFKA_UNKNOWN_TOPIC_OR_PARTITION};
    return locate(t, image_topic_by_name(b->image, topic), partition,
                  KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
}

struct located locate_by_id(const struct broker *b, struct uuid topic_id, int32_t partition)
{
    const struct replica_topic *t = replica_manager_topic(b->replicas, topic_id);
    if (t && replica_topic_partition(t, partition))
        return (struct located){replica_topic_partition(t, partition), KAFKA_NONE};
    return locate(t, image_topic_by_id(b->image, topic_id), partition, KAFKA_UNKNOWN_TOPIC_ID);
}

static void add_node(struct leader_hints *h, int32_t id)
{
    for (int32_t i = 0; i < h->nodes_count; i++)
        if (h->nodes[i].id == id) return;
    const struct image_broker *node = image_broker(h->broker->image, id);
    if (!node || node->fenced) return;
    const struct image_endpoint *e = image_broker_endpoint(node, request_listener(h->request));
    if (!e) return;
    if (h->nodes_count == h->nodes_capacity) {
        int32_t capacity = h->nodes_capacity ? h->nodes_capacity * 2 : 4;
        struct hinted_node *grown = ARENA_ARRAY(&h->request->arena, struct hinted_node, capacity);
        for (int32_t i = 0; i < h->nodes_count; i++) grown[i] = h->nodes[i];
        h->nodes = grown;
        h->nodes_capacity = capacity;
    }
    h->nodes[h->nodes_count++] =
        (struct hinted_node){.id = id, .host = e->host, .port = e->port, .rack = node->rack};
}

struct leader_hint leader_hint(struct leader_hints *h, struct replica *replica, struct str topic,
                               struct uuid topic_id, int32_t partition)
{
    struct leader_hint hint = {-1, -1};
    if (replica && replica->core.role != PARTITION_OFFLINE) {
        hint = (struct leader_hint){replica->core.leader, replica->core.leader_epoch};
    } else {
        const struct image_topic *t = uuid_is_zero(topic_id)
                                          ? image_topic_by_name(h->broker->image, topic)
                                          : image_topic_by_id(h->broker->image, topic_id);
        const struct image_partition *p = t ? image_topic_partition(t, partition) : NULL;
        if (p) hint = (struct leader_hint){p->leader, p->leader_epoch};
    }
    /* Refused here, though nobody else is known to lead. */
    if (replica && hint.leader_id == h->broker->node_id && replica_turns_away(replica))
        hint = (struct leader_hint){-1, -1};
    if (hint.leader_id >= 0) add_node(h, hint.leader_id);
    return hint;
}

struct bytes partition_key(struct arena *arena, struct str topic, int32_t partition)
{
    size_t len = topic.len > 0 ? (size_t)topic.len : 0;
    uint8_t *key = arena_alloc(arena, len + sizeof partition);
    if (len) memcpy(key, topic.data, len);
    memcpy(key + len, &partition, sizeof partition);
    return bytes_of(key, len + sizeof partition);
}
