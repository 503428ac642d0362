#include "broker/metadata_view.h"

#include "protocol/error.h"
#include "replica/lease.h"

enum { TOPIC_NAME_LEN_MAX = 249 };

const struct image_endpoint *view_endpoint(const struct broker *b, int32_t node_id,
                                           struct str listener)
{
    const struct image_broker *broker = image_broker(b->image, node_id);
    if (!broker) return NULL;
    if (str_is_null(listener)) return broker->endpoints_count ? &broker->endpoints[0] : NULL;
    return image_broker_endpoint(broker, listener);
}

const struct image_broker **view_brokers(const struct broker *b, struct str listener,
                                         struct arena *arena, int32_t *count)
{
    const struct image *image = b->image;
    const struct image_broker **found =
        ARENA_ARRAY(arena, const struct image_broker *, image->brokers_count);
    *count = 0;
    int32_t self = -1;
    for (int32_t i = 0; i < image->brokers_count; i++) {
        if (image->brokers[i]->fenced || !view_endpoint(b, image->brokers[i]->id, listener))
            continue;
        if (image->brokers[i]->id == b->node_id) self = *count;
        found[(*count)++] = image->brokers[i];
    }
    if (self >= 0 && *count > 1 && replica_manager_is_adrift(b->replicas)) {
        (*count)--;
        for (int32_t i = self; i < *count; i++) found[i] = found[i + 1];
    }
    return found;
}

int32_t view_controller(const struct broker *b, struct str listener, struct arena *arena)
{
    int32_t count;
    const struct image_broker **brokers = view_brokers(b, listener, arena, &count);
    return count == 0 ? -1 : brokers[rng_below(b->env.rng, (uint64_t)count)]->id;
}

/* A replica that clients cannot reach: its broker is not there for them, or its directory is
 * lost. */
static bool replica_is_offline(const struct broker *b, const struct image_partition *p, int32_t i,
                               struct str listener)
{
    int32_t id = partition_replicas(p)[i];
    const struct image_broker *broker = image_broker(b->image, id);
    return !broker || broker->fenced || !view_endpoint(b, id, listener) ||
           !image_directory_is_online(b->image, id, partition_directory(b->image, p, i));
}

static int32_t *copy_ids(struct arena *arena, const int32_t *ids, int32_t count)
{
    int32_t *copy = ARENA_ARRAY(arena, int32_t, count);
    if (count) memcpy(copy, ids, (size_t)count * sizeof *copy);
    return copy;
}

int32_t view_leader(const struct broker *b, const struct image_topic *topic, int32_t partition)
{
    const struct image_partition *p = image_topic_partition(topic, partition);
    if (p->leader != b->node_id || !replica_manager_is_adrift(b->replicas)) return p->leader;
    struct replica *r = replica_manager_find(b->replicas, topic->id, partition);
    return r && replica_turns_away(r) ? LEADER_NONE : p->leader;
}

struct view_partition view_partition(const struct broker *b, const struct image_topic *topic,
                                     int32_t partition, struct str listener, bool listener_errors,
                                     struct arena *arena)
{
    const struct image_partition *p = image_topic_partition(topic, partition);
    struct view_partition v = {
        .leader_id = view_leader(b, topic, partition),
        .leader_epoch = p->leader_epoch,
        .replicas = copy_ids(arena, partition_replicas(p), p->replicas_count),
        .replicas_count = p->replicas_count,
        .isr = copy_ids(arena, partition_isr(p), p->isr_count),
        .isr_count = p->isr_count,
        .offline = ARENA_ARRAY(arena, int32_t, p->replicas_count),
    };
    for (int32_t i = 0; i < p->replicas_count; i++)
        if (replica_is_offline(b, p, i, listener))
            v.offline[v.offline_count++] = partition_replicas(p)[i];
    const struct image_broker *leader = image_broker(b->image, v.leader_id);
    if (!leader || leader->fenced) {
        v.error_code = KAFKA_LEADER_NOT_AVAILABLE;
        v.leader_id = LEADER_NONE;
    } else if (!view_endpoint(b, v.leader_id, listener)) {
        v.error_code = listener_errors ? KAFKA_LISTENER_NOT_FOUND : KAFKA_LEADER_NOT_AVAILABLE;
        v.leader_id = LEADER_NONE;
    }
    return v;
}

bool view_topic_is_internal(struct str name)
{
    return str_equal_z(name, "__consumer_offsets") || str_equal_z(name, "__transaction_state") ||
           str_equal_z(name, "__share_group_state");
}

struct str view_topic_name_fault(struct str name, struct arena *arena)
{
    if (name.len <= 0) return STR("Topic name is invalid: the empty string is not allowed");
    if (str_equal_z(name, ".") || str_equal_z(name, ".."))
        return arena_printf(arena, "Topic name is invalid: '%.*s' is not allowed", STR_ARG(name));
    if (name.len > TOPIC_NAME_LEN_MAX)
        return arena_printf(arena,
                            "Topic name is invalid: the length of '%.*s' is longer than the max "
                            "allowed length %d",
                            STR_ARG(name), TOPIC_NAME_LEN_MAX);
    for (int32_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_' || c == '-';
        if (!fine)
            return arena_printf(arena,
                                "Topic name is invalid: '%.*s' contains one or more characters "
                                "other than ASCII alphanumerics, '.', '_' and '-'",
                                STR_ARG(name));
    }
    return STR_NULL;
}
