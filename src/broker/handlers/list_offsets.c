/* ListOffsets, versions 1-11: offsets by time, and the special timestamps. */
#include "protocol/list_offsets.h"

#include "broker/handlers/handlers.h"
#include "broker/handlers/partitions.h"

/* Since which version a special timestamp may be asked for
 * (ReplicaManager.timestampMinSupportedVersion). */
static bool timestamp_is_supported(int64_t timestamp, int16_t version)
{
    if (timestamp >= 0) return true;
    switch (timestamp) {
    case OFFSET_LATEST:
    case OFFSET_EARLIEST: return version >= 1;
    case OFFSET_MAX_TIMESTAMP: return version >= 7;
    case OFFSET_EARLIEST_LOCAL: return version >= 8;
    case OFFSET_LATEST_TIERED: return version >= 9;
    case OFFSET_EARLIEST_PENDING_UPLOAD: return version >= 11;
    default: return false;
    }
}

/* Partitions named more than once, as a map from topic and index to a count above one. */
static char seen_once, seen_again;

static bool is_single(const struct list_offsets_request *q)
{
    return q->topics_count == 1 && q->topics[0].partitions_count == 1;
}

static void count_names(const struct list_offsets_request *q, struct arena *arena, struct map *seen)
{
    if (is_single(q)) return;
    for (int32_t i = 0; i < q->topics_count; i++)
        for (int32_t j = 0; j < q->topics[i].partitions_count; j++) {
            struct bytes k =
                partition_key(arena, q->topics[i].name, q->topics[i].partitions[j].partition_index);
            void *was = map_get(seen, k.data, (size_t)k.len);
            map_put(seen, k.data, (size_t)k.len, was ? &seen_again : &seen_once);
        }
}

static bool is_named_again(struct request *rq, const struct map *seen, struct str topic,
                           int32_t partition)
{
    if (is_single(rq->body)) return false;
    struct bytes k = partition_key(&rq->arena, topic, partition);
    return map_get(seen, k.data, (size_t)k.len) == &seen_again;
}

static enum kafka_error look_up(const struct broker *b, const struct list_offsets_request *q,
                                struct str topic,
                                const struct list_offsets_request_list_offsets_partition *p,
                                struct timestamp_offset *out)
{
    struct located at = locate_by_name(b, topic, p->partition_index);
    if (at.error) return at.error;
    struct replica_offset_query query = {
        .timestamp = p->timestamp,
        .isolation = q->replica_id != -1       ? FETCH_LOG_END
                     : q->isolation_level == 1 ? FETCH_COMMITTED
                                               : FETCH_UNCOMMITTED,
        .leader_only = q->replica_id != -2, /* the debugging consumer asks any replica */
        .current_leader_epoch = p->current_leader_epoch,
    };
    return replica_offset(at.replica, &query, out);
}

/* Clients of older versions know another word for it (KIP-207). */
static enum kafka_error error_for(enum kafka_error e, int16_t version)
{
    return e == KAFKA_OFFSET_NOT_AVAILABLE && version < 5 ? KAFKA_LEADER_NOT_AVAILABLE : e;
}

void handle_list_offsets(struct request *rq, void *context)
{
    const struct list_offsets_request *q = rq->body;
    struct list_offsets_response r;
    list_offsets_response_init(&r);
    struct map seen;
    map_init(&seen);
    count_names(q, &rq->arena, &seen);
    r.topics_count = q->topics_count;
    r.topics = list_offsets_response_list_offsets_topic_response_new(&rq->arena, q->topics_count);
    for (int32_t i = 0; i < q->topics_count; i++) {
        const struct list_offsets_request_list_offsets_topic *t = &q->topics[i];
        r.topics[i].name = t->name;
        r.topics[i].partitions_count = t->partitions_count;
        r.topics[i].partitions = list_offsets_response_list_offsets_partition_response_new(
            &rq->arena, t->partitions_count);
        for (int32_t j = 0; j < t->partitions_count; j++) {
            const struct list_offsets_request_list_offsets_partition *p = &t->partitions[j];
            struct timestamp_offset found = {-1, -1, -1};
            enum kafka_error e;
            if (q->isolation_level != 0 && q->isolation_level != 1)
                e = KAFKA_UNKNOWN_SERVER_ERROR; /* in Apache Kafka's words */
            else if (is_named_again(rq, &seen, t->name, p->partition_index))
                e = KAFKA_INVALID_REQUEST;
            else if (!timestamp_is_supported(p->timestamp, rq->api_version))
                e = KAFKA_UNSUPPORTED_VERSION;
            else
                e = look_up(context, q, t->name, p, &found);
            r.topics[i].partitions[j] =
                (struct list_offsets_response_list_offsets_partition_response){
                    .partition_index = p->partition_index,
                    .error_code = (int16_t)error_for(e, rq->api_version),
                    .timestamp = found.timestamp,
                    .offset = found.offset,
                    .leader_epoch = found.leader_epoch};
        }
    }
    map_free(&seen);
    request_reply(rq, &r);
}
