#include "cli/remote_log_format.h"

#include "protocol/remote_log_segment_metadata_record.h"
#include "protocol/remote_log_segment_metadata_snapshot_record.h"
#include "protocol/remote_log_segment_metadata_update_record.h"
#include "protocol/remote_partition_delete_metadata_record.h"

enum { FRAME_VERSION = 1, SEGMENT = 0, SEGMENT_UPDATE = 1, PARTITION_DELETE = 2, SNAPSHOT = 3 };

/* ---- frames */

static const char *number_wrong(const struct cursor *c, uint32_t number, const char *what,
                                struct arena *arena)
{
    if (!cursor_ok(c)) return arena_printf(arena, "Error while reading %s", what).data;
    if (number > INT16_MAX) return arena_printf(arena, "Value for %s was too large.", what).data;
    return NULL;
}

const char *record_frame_read(struct bytes value, record_type_find find, int16_t *type, void **out,
                              struct arena *arena)
{
    struct cursor c = cursor_of_bytes(value.len < 0 ? bytes_of("", 0) : value);
    uint32_t frame = cursor_uvarint(&c);
    const char *why = number_wrong(&c, frame, "frame version", arena);
    if (why) return why;
    if (frame == 0)
        return "Could not deserialize metadata record with frame version 0. Note that upgrades "
               "from "
               "the preview release of KRaft in 2.8 to newer versions are not supported.";
    if (frame != FRAME_VERSION)
        return arena_printf(arena,
                            "Could not deserialize metadata record due to unknown frame version "
                            "%u(only frame version %d is supported)",
                            frame, FRAME_VERSION)
            .data;
    uint32_t id = cursor_uvarint(&c);
    why = number_wrong(&c, id, "type", arena);
    if (why) return why;
    uint32_t version = cursor_uvarint(&c);
    why = number_wrong(&c, version, "version", arena);
    if (why) return why;
    const struct message *m = find((int16_t)id);
    if (!m)
        return arena_printf(arena,
                            "org.apache.kafka.common.errors.UnsupportedVersionException: Unknown "
                            "metadata id %u",
                            id)
            .data;
    *type = (int16_t)id;
    *out = arena_zalloc(arena, 1, m->struct_size);
    if ((int16_t)version < m->min_version || (int16_t)version > m->max_version ||
        m->decode(*out, (int16_t)version, &c, arena))
        return arena_printf(arena, "Failed to deserialize record with type %u", id).data;
    if (!cursor_left(&c)) return NULL;
    return arena_printf(arena, "Found %zu byte(s) of garbage after %u", cursor_left(&c), id).data;
}

/* ---- texts */

static const struct message *find(int16_t type)
{
    static const struct message *const types[] = {
        [SEGMENT] = &remote_log_segment_metadata_record_message,
        [SEGMENT_UPDATE] = &remote_log_segment_metadata_update_record_message,
        [PARTITION_DELETE] = &remote_partition_delete_metadata_record_message,
        [SNAPSHOT] = &remote_log_segment_metadata_snapshot_record_message,
    };
    return type >= SEGMENT && type <= SNAPSHOT ? types[type] : NULL;
}

/* NULL: no such state. */
static const char *segment_state(int8_t state)
{
    static const char *const names[] = {"COPY_SEGMENT_STARTED", "COPY_SEGMENT_FINISHED",
                                        "DELETE_SEGMENT_STARTED", "DELETE_SEGMENT_FINISHED"};
    return state >= 0 && state < 4 ? names[state] : NULL;
}

static const char *custom(struct bytes b, struct arena *arena)
{
    if (b.len < 0) return "Optional.empty";
    return arena_printf(arena, "Optional[CustomMetadata{%lld bytes}]", (long long)b.len).data;
}

static const char *partition_text(struct uuid id, struct str name, int32_t partition,
                                  struct arena *arena)
{
    return arena_printf(arena, "%s:%.*s-%d", uuid_text(id).z, STR_ARG(name), partition).data;
}

/* "{0=0, 1=5}" of either kind of record. */
#define EPOCHS(m, arena)                                                                       \
    ({                                                                                         \
        struct str epochs_ = STR("");                                                          \
        for (int32_t i_ = 0; i_ < (m)->segment_leader_epochs_count; i_++)                      \
            epochs_ = arena_printf((arena), "%.*s%s%d=%lld", STR_ARG(epochs_), i_ ? ", " : "", \
                                   (m)->segment_leader_epochs[i_].leader_epoch,                \
                                   (long long)(m)->segment_leader_epochs[i_].offset);          \
        epochs_;                                                                               \
    })

/* "RemoteLogSegmentId{…}" of either kind of record. */
#define SEGMENT_ID(m, arena)                                                                       \
    arena_printf((arena), "RemoteLogSegmentId{topicIdPartition=%s, id=%s}",                        \
                 partition_text((m)->remote_log_segment_id.topic_id_partition.id,                  \
                                (m)->remote_log_segment_id.topic_id_partition.name,                \
                                (m)->remote_log_segment_id.topic_id_partition.partition, (arena)), \
                 uuid_text((m)->remote_log_segment_id.id).z)                                       \
        .data

static const char *segment_text(const struct remote_log_segment_metadata_record *m,
                                const char *state, struct arena *arena)
{
    struct str epochs = EPOCHS(m, arena);
    return arena_printf(arena,
                        "RemoteLogSegmentMetadata{remoteLogSegmentId=%s, startOffset=%lld, "
                        "endOffset=%lld, brokerId=%d, maxTimestampMs=%lld, eventTimestampMs=%lld, "
                        "segmentLeaderEpochs={%.*s}, segmentSizeInBytes=%d, customMetadata=%s, "
                        "state=%s, txnIdxEmpty=%s}",
                        SEGMENT_ID(m, arena), (long long)m->start_offset, (long long)m->end_offset,
                        m->broker_id, (long long)m->max_timestamp_ms,
                        (long long)m->event_timestamp_ms, STR_ARG(epochs), m->segment_size_in_bytes,
                        custom(m->custom_metadata, arena), state,
                        m->txn_index_empty ? "true" : "false")
        .data;
}

static const char *update_text(const struct remote_log_segment_metadata_update_record *m,
                               const char *state, struct arena *arena)
{
    return arena_printf(arena,
                        "RemoteLogSegmentMetadataUpdate{remoteLogSegmentId=%s, customMetadata=%s, "
                        "state=%s, eventTimestampMs=%lld, brokerId=%d}",
                        SEGMENT_ID(m, arena), custom(m->custom_metadata, arena), state,
                        (long long)m->event_timestamp_ms, m->broker_id)
        .data;
}

static const char *delete_text(const struct remote_partition_delete_metadata_record *m,
                               const char *state, struct arena *arena)
{
    return arena_printf(arena,
                        "RemotePartitionDeleteMetadata{topicPartition=%s, state=%s, "
                        "eventTimestampMs=%lld, brokerId=%d}",
                        partition_text(m->topic_id_partition.id, m->topic_id_partition.name,
                                       m->topic_id_partition.partition, arena),
                        state, (long long)m->event_timestamp_ms, m->broker_id)
        .data;
}

static const char *snapshot_text(const struct remote_log_segment_metadata_snapshot_record *m,
                                 const char *state, struct arena *arena)
{
    struct str epochs = EPOCHS(m, arena);
    return arena_printf(arena,
                        "RemoteLogSegmentMetadataSnapshot{segmentId=%s, startOffset=%lld, "
                        "endOffset=%lld, maxTimestampMs=%lld, segmentLeaderEpochs={%.*s}, "
                        "segmentSizeInBytes=%d, customMetadata=%s, state=%s, txnIdxEmpty=%s}",
                        uuid_text(m->segment_id).z, (long long)m->start_offset,
                        (long long)m->end_offset, (long long)m->max_timestamp_ms, STR_ARG(epochs),
                        m->segment_size_in_bytes, custom(m->custom_metadata, arena), state,
                        m->txn_index_empty ? "true" : "false")
        .data;
}

const char *remote_log_format(struct bytes value, struct arena *arena, const char **why)
{
    static const char *const delete_states[] = {
        "DELETE_PARTITION_MARKED", "DELETE_PARTITION_STARTED", "DELETE_PARTITION_FINISHED"};
    int16_t type;
    void *m;
    int8_t state;
    *why = record_frame_read(value, find, &type, &m, arena);
    if (*why) return NULL;
    *why = "state can not be null";
    if (type == PARTITION_DELETE) {
        state =
            ((struct remote_partition_delete_metadata_record *)m)->remote_partition_delete_state;
        return state >= 0 && state < 3 ? delete_text(m, delete_states[state], arena) : NULL;
    }
    state =
        type == SEGMENT ? ((struct remote_log_segment_metadata_record *)m)->remote_log_segment_state
        : type == SEGMENT_UPDATE
            ? ((struct remote_log_segment_metadata_update_record *)m)->remote_log_segment_state
            : ((struct remote_log_segment_metadata_snapshot_record *)m)->remote_log_segment_state;
    const char *name = segment_state(state);
    if (!name) return NULL;
    return type == SEGMENT          ? segment_text(m, name, arena)
           : type == SEGMENT_UPDATE ? update_text(m, name, arena)
                                    : snapshot_text(m, name, arena);
}
