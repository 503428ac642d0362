#include "test.h"

#include "cli/remote_log_format.h"
#include "protocol/remote_log_segment_metadata_record.h"
#include "protocol/remote_partition_delete_metadata_record.h"

/* The frame's three numbers, each of one byte, and the message. */
static struct bytes framed(struct arena *arena, uint8_t type, const struct message *m,
                           const void *message)
{
    struct out o;
    out_init(&o);
    m->encode(message, 0, &o);
    uint8_t *data = arena_alloc(arena, (size_t)o.len + 3);
    data[0] = 1;
    data[1] = type;
    data[2] = 0;
    out_flatten(&o, data + 3);
    struct bytes b = bytes_of(data, (size_t)o.len + 3);
    out_free(&o);
    return b;
}

TEST(a_segment_is_told_as_kafka_tells_it)
{
    struct arena arena;
    arena_init(&arena, 0);
    const char *why;
    struct remote_log_segment_metadata_record m;
    remote_log_segment_metadata_record_init(&m);
    m.remote_log_segment_id.topic_id_partition.name = STR("t");
    m.remote_log_segment_id.topic_id_partition.partition = 3;
    m.end_offset = 9;
    m.broker_id = 2;
    m.segment_leader_epochs =
        remote_log_segment_metadata_record_segment_leader_epoch_entry_new(&arena, 2);
    m.segment_leader_epochs_count = 2;
    m.segment_leader_epochs[1].leader_epoch = 1;
    m.segment_leader_epochs[1].offset = 5;
    m.custom_metadata = bytes_of("abc", 3);
    m.remote_log_segment_state = 1;
    const char *text = remote_log_format(
        framed(&arena, 0, &remote_log_segment_metadata_record_message, &m), &arena, &why);
    assert_string_equal(
        text, "RemoteLogSegmentMetadata{remoteLogSegmentId=RemoteLogSegmentId{topicIdPartition="
              "AAAAAAAAAAAAAAAAAAAAAA:t-3, id=AAAAAAAAAAAAAAAAAAAAAA}, startOffset=0, endOffset=9, "
              "brokerId=2, maxTimestampMs=0, eventTimestampMs=0, segmentLeaderEpochs={0=0, 1=5}, "
              "segmentSizeInBytes=0, customMetadata=Optional[CustomMetadata{3 bytes}], "
              "state=COPY_SEGMENT_FINISHED, txnIdxEmpty=false}");
    m.remote_log_segment_state = 4;
    assert_null(remote_log_format(
        framed(&arena, 0, &remote_log_segment_metadata_record_message, &m), &arena, &why));
    assert_string_equal(why, "state can not be null");
    arena_free(&arena);
}

TEST(a_deleted_partition_is_told_too)
{
    struct arena arena;
    arena_init(&arena, 0);
    const char *why;
    struct remote_partition_delete_metadata_record m;
    remote_partition_delete_metadata_record_init(&m);
    m.topic_id_partition.name = STR("t");
    m.remote_partition_delete_state = 2;
    assert_string_equal(
        remote_log_format(framed(&arena, 2, &remote_partition_delete_metadata_record_message, &m),
                          &arena, &why),
        "RemotePartitionDeleteMetadata{topicPartition=AAAAAAAAAAAAAAAAAAAAAA:t-0, "
        "state=DELETE_PARTITION_FINISHED, eventTimestampMs=0, brokerId=0}");
    arena_free(&arena);
}

TEST(what_is_no_frame_is_said_in_kafka_s_words)
{
    static const struct {
        const char *bytes;
        int len;
        const char *why;
    } cases[] = {
        {"", 0, "Error while reading frame version"},
        {"\0", 1,
         "Could not deserialize metadata record with frame version 0. Note that upgrades from the "
         "preview release of KRaft in 2.8 to newer versions are not supported."},
        {"v", 1,
         "Could not deserialize metadata record due to unknown frame version 118(only frame "
         "version "
         "1 is supported)"},
        {"\xff\xff\x7f", 3, "Value for frame version was too large."},
        {"\1", 1, "Error while reading type"},
        {"\1\7\0", 3,
         "org.apache.kafka.common.errors.UnsupportedVersionException: Unknown metadata id 7"},
        {"\1\2\0", 3, "Failed to deserialize record with type 2"},
    };
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *why;
        struct bytes value = bytes_of(cases[i].bytes, (size_t)cases[i].len);
        assert_null(remote_log_format(value, &arena, &why));
        assert_string_equal(why, cases[i].why);
    }
    arena_free(&arena);
}
