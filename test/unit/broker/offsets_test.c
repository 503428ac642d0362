/* ListOffsets, OffsetForLeaderEpoch, DeleteRecords, DescribeLogDirs and DescribeProducers. */
#include "data_plane.h"
#include "protocol/delete_records.h"
#include "protocol/describe_log_dirs.h"
#include "protocol/describe_producers.h"
#include "protocol/list_offsets.h"
#include "protocol/offset_for_leader_epoch.h"

static struct list_offsets_response_list_offsets_partition_response listed[4];

static void list_delivered(struct request *rq, const void *response)
{
    (void)rq;
    const struct list_offsets_response *r = response;
    for (int32_t i = 0; i < r->topics[0].partitions_count; i++)
        listed[i] = r->topics[0].partitions[i];
}

struct list_spec {
    int64_t timestamp;
    int16_t version;
    int32_t replica, partition, leader_epoch;
    bool twice;
    int8_t isolation;
};

static enum kafka_error list(struct plane *p, const char *topic_name, struct list_spec s)
{
    struct list_offsets_request_list_offsets_partition partitions[2];
    for (int i = 0; i < 2; i++)
        partitions[i] = (struct list_offsets_request_list_offsets_partition){
            .partition_index = s.partition,
            .current_leader_epoch = s.leader_epoch - 1,
            .timestamp = s.timestamp};
    struct list_offsets_request_list_offsets_topic topic = {
        .name = str_of(topic_name), .partitions = partitions, .partitions_count = s.twice ? 2 : 1};
    struct list_offsets_request q;
    list_offsets_request_init(&q);
    q.replica_id = s.replica ? s.replica : -1;
    q.isolation_level = s.isolation;
    q.topics = &topic;
    q.topics_count = 1;
    plane_call(p, API_LIST_OFFSETS, s.version ? s.version : 11, &q, list_delivered);
    return listed[0].error_code;
}

static void produce_at(struct plane *p, const char *topic, int64_t timestamp)
{
    produce_records(p, (struct produce_spec){.topic = topic, .acks = 1},
                    batch_of((struct batch_spec){.value = "x", .timestamp = timestamp}));
    assert_int_equal(produced.error, KAFKA_NONE);
}

TEST(list_offsets_knows_every_special_timestamp)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, 1);
    produce_at(p, "t", 1000);
    produce_at(p, "t", 3000);
    produce_at(p, "t", 2000);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -1}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, 3);
    assert_int_equal(listed[0].timestamp, -1);
    assert_int_equal(listed[0].leader_epoch, 0);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -2}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, 0);
    assert_int_equal(listed[0].leader_epoch, 0);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -3}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, 1);
    assert_int_equal(listed[0].timestamp, 3000);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -4}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, 0);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -5}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, -1);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -6}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, -1);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = 1500}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, 1);
    assert_int_equal(listed[0].timestamp, 3000);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = 3001}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, -1);
    assert_int_equal(listed[0].timestamp, -1);
    plane_close(p);
}

TEST(list_offsets_of_an_empty_log_starts_and_ends_at_zero)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, 1);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -1}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, 0);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -2}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, 0);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -3}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, -1);
    plane_close(p);
}

TEST(list_offsets_refuses_what_it_must)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, 1);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -7}), KAFKA_UNSUPPORTED_VERSION);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -3, .version = 6}),
                     KAFKA_UNSUPPORTED_VERSION);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -4, .version = 7}),
                     KAFKA_UNSUPPORTED_VERSION);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -1, .twice = true}),
                     KAFKA_INVALID_REQUEST);
    assert_int_equal(listed[1].error_code, KAFKA_INVALID_REQUEST);
    assert_int_equal(list(p, "no", (struct list_spec){.timestamp = -1}),
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -1, .leader_epoch = 9}),
                     KAFKA_UNKNOWN_LEADER_EPOCH);
    for (int32_t replica = -2; replica < 0; replica++)
        assert_int_equal(
            list(p, "t", (struct list_spec){.timestamp = -1, .replica = replica, .isolation = 2}),
            KAFKA_UNKNOWN_SERVER_ERROR);
    plane_close(p);
}

TEST(list_offsets_does_not_show_a_watermark_older_than_the_election)
{
    struct plane *p = plane_open();
    int32_t both[] = {SELF, OTHER};
    plane_topic(p, "r", 7);
    plane_partition(p, 7, 0, both, 2, 2);
    produce_one(p, "r", 0, "a");
    struct metadata_record r = plane_record(METADATA_RECORD_PARTITION_CHANGE);
    r.u.partition_change.topic_id = UUID_SMALL(7);
    r.u.partition_change.partition_id = 0;
    r.u.partition_change.leader = SELF; /* elected again */
    plane_replay(p, r);
    plane_apply(p, 7, 0);
    assert_int_equal(list(p, "r", (struct list_spec){.timestamp = -1}), KAFKA_OFFSET_NOT_AVAILABLE);
    assert_int_equal(list(p, "r", (struct list_spec){.timestamp = 1}), KAFKA_OFFSET_NOT_AVAILABLE);
    assert_int_equal(list(p, "r", (struct list_spec){.timestamp = -3}), KAFKA_OFFSET_NOT_AVAILABLE);
    assert_int_equal(list(p, "r", (struct list_spec){.timestamp = -1, .isolation = 1}),
                     KAFKA_OFFSET_NOT_AVAILABLE);
    assert_int_equal(list(p, "r", (struct list_spec){.timestamp = -1, .leader_epoch = 2}),
                     KAFKA_OFFSET_NOT_AVAILABLE);
    assert_int_equal(list(p, "r", (struct list_spec){.timestamp = -1, .leader_epoch = 1}),
                     KAFKA_FENCED_LEADER_EPOCH);
    for (int16_t version = 1; version <= 11; version++) { /* KIP-207 */
        enum kafka_error expected =
            version < 5 ? KAFKA_LEADER_NOT_AVAILABLE : KAFKA_OFFSET_NOT_AVAILABLE;
        assert_int_equal(list(p, "r", (struct list_spec){.timestamp = -1, .version = version}),
                         expected);
        assert_int_equal(list(p, "r", (struct list_spec){.timestamp = 1, .version = version}),
                         expected);
        assert_int_equal(listed[0].offset, -1);
        assert_int_equal(listed[0].timestamp, -1);
    }
    assert_int_equal(list(p, "r", (struct list_spec){.timestamp = -2}), KAFKA_NONE);
    assert_int_equal(list(p, "r", (struct list_spec){.timestamp = -4}), KAFKA_NONE);
    assert_int_equal(list(p, "r", (struct list_spec){.timestamp = -5}),
                     KAFKA_NONE); /* nothing is tiered */
    assert_int_equal(list(p, "r", (struct list_spec){.timestamp = -1, .replica = -2}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, 1);
    /* a follower asks for the log end, which is known */
    assert_int_equal(list(p, "r", (struct list_spec){.timestamp = -1, .replica = OTHER}),
                     KAFKA_NONE);
    assert_int_equal(listed[0].offset, 1);
    fetch(p, (struct fetch_spec){.topic_id = 7, .version = 15, .follower = OTHER, .offset = 1});
    assert_int_equal(list(p, "r", (struct list_spec){.timestamp = -1}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, 1);
    plane_close(p);
}

/* ---- epochs ---- */

static struct offset_for_leader_epoch_response_epoch_end_offset ended;

static void epoch_delivered(struct request *rq, const void *response)
{
    (void)rq;
    ended = ((const struct offset_for_leader_epoch_response *)response)->topics[0].partitions[0];
}

TEST(offset_for_leader_epoch_tells_where_an_epoch_ends)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, 1);
    produce_one(p, "t", 0, "a");
    struct offset_for_leader_epoch_request_offset_for_leader_partition partition = {
        .partition = 0, .current_leader_epoch = -1, .leader_epoch = 0};
    struct offset_for_leader_epoch_request_offset_for_leader_topic topic = {
        .topic = STR("t"), .partitions = &partition, .partitions_count = 1};
    struct offset_for_leader_epoch_request q;
    offset_for_leader_epoch_request_init(&q);
    q.topics = &topic;
    q.topics_count = 1;
    plane_call(p, API_OFFSET_FOR_LEADER_EPOCH, 4, &q, epoch_delivered);
    assert_int_equal(ended.error_code, KAFKA_NONE);
    assert_int_equal(ended.leader_epoch, 0);
    assert_int_equal(ended.end_offset, 1);
    partition.leader_epoch = 5;
    plane_call(p, API_OFFSET_FOR_LEADER_EPOCH, 4, &q, epoch_delivered);
    assert_int_equal(ended.end_offset, -1);
    partition.current_leader_epoch = 3;
    plane_call(p, API_OFFSET_FOR_LEADER_EPOCH, 4, &q, epoch_delivered);
    assert_int_equal(ended.error_code, KAFKA_UNKNOWN_LEADER_EPOCH);
    plane_close(p);
}

/* ---- deletion ---- */

static struct delete_records_response_delete_records_partition_result deleted;
static int deletions;

static void delete_delivered(struct request *rq, const void *response)
{
    (void)rq;
    deleted = ((const struct delete_records_response *)response)->topics[0].partitions[0];
    deletions++;
}

static enum kafka_error delete_to(struct plane *p, const char *topic_name, int64_t offset)
{
    struct delete_records_request_delete_records_partition partition = {.offset = offset};
    struct delete_records_request_delete_records_topic topic = {
        .name = str_of(topic_name), .partitions = &partition, .partitions_count = 1};
    struct delete_records_request q = {.topics = &topic, .topics_count = 1, .timeout_ms = 100};
    deletions = 0;
    plane_call(p, API_DELETE_RECORDS, 2, &q, delete_delivered);
    return deleted.error_code;
}

TEST(delete_records_raises_the_log_start)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, 1);
    plane_config(p, "c", "cleanup.policy", "compact");
    plane_own_topic(p, "c", 8, 1);
    plane_own_topic(p, "__consumer_offsets", 9, 1);
    for (int i = 0; i < 4; i++) produce_one(p, "t", 0, "x");
    assert_int_equal(delete_to(p, "t", 5), KAFKA_OFFSET_OUT_OF_RANGE);
    assert_int_equal(delete_to(p, "t", -2), KAFKA_OFFSET_OUT_OF_RANGE);
    assert_int_equal(delete_to(p, "c", 0), KAFKA_POLICY_VIOLATION);
    assert_int_equal(delete_to(p, "no", 0), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(delete_to(p, "__consumer_offsets", 0), KAFKA_INVALID_TOPIC_EXCEPTION);
    assert_int_equal(delete_to(p, "t", 2), KAFKA_NONE);
    assert_int_equal(deleted.low_watermark, 2);
    assert_int_equal(list(p, "t", (struct list_spec){.timestamp = -2}), KAFKA_NONE);
    assert_int_equal(listed[0].offset, 2);
    fetch(p, (struct fetch_spec){.topic = "t", .offset = 1});
    assert_int_equal(fetched.partitions[0].error, KAFKA_OFFSET_OUT_OF_RANGE);
    assert_int_equal(delete_to(p, "t", -1), KAFKA_NONE); /* all that is committed */
    assert_int_equal(deleted.low_watermark, 4);
    plane_close(p);
}

TEST(delete_records_waits_for_live_replicas)
{
    struct plane *p = plane_open();
    int32_t both[] = {SELF, OTHER};
    plane_topic(p, "r", 7);
    plane_partition(p, 7, 0, both, 2, 2);
    produce_one(p, "r", 0, "a");
    fetch(p, (struct fetch_spec){.topic_id = 7, .version = 15, .follower = OTHER, .offset = 1});
    delete_to(p, "r", 1);
    plane_pass(p, 50);
    assert_int_equal(deletions, 0);
    fetch(p,
          (struct fetch_spec){
              .topic_id = 7, .version = 15, .follower = OTHER, .offset = 1, .log_start_offset = 1});
    plane_pass(p, 1);
    assert_int_equal(deletions, 1);
    assert_int_equal(deleted.error_code, KAFKA_NONE);
    assert_int_equal(deleted.low_watermark, 1);
    produce_one(p, "r", 0, "b");
    fetch(p,
          (struct fetch_spec){
              .topic_id = 7, .version = 15, .follower = OTHER, .offset = 2, .log_start_offset = 1});
    delete_to(p, "r", 2);
    plane_pass(p, 101);
    assert_int_equal(deletions, 1);
    assert_int_equal(deleted.error_code, KAFKA_REQUEST_TIMED_OUT);
    plane_close(p);
}

/* ---- descriptions ---- */

static int32_t dirs_topics, dirs_partitions;
static int64_t dirs_size, dirs_total;
static enum kafka_error dirs_error;

static void dirs_delivered(struct request *rq, const void *response)
{
    (void)rq;
    const struct describe_log_dirs_response *r = response;
    assert_int_equal(r->results_count, 1);
    dirs_error = r->results[0].error_code;
    dirs_total = r->results[0].total_bytes;
    dirs_topics = r->results[0].topics_count;
    dirs_partitions = 0;
    dirs_size = 0;
    for (int32_t i = 0; i < r->results[0].topics_count; i++) {
        dirs_partitions += r->results[0].topics[i].partitions_count;
        for (int32_t j = 0; j < r->results[0].topics[i].partitions_count; j++)
            dirs_size += r->results[0].topics[i].partitions[j].partition_size;
    }
}

TEST(describe_log_dirs_lists_sizes_of_all_or_of_those_asked)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "a", 7, 3);
    plane_own_topic(p, "b", 8, 2);
    produce_one(p, "a", 1, "x");
    int64_t size = batch_of((struct batch_spec){.value = "x"}).len;
    struct describe_log_dirs_request q;
    describe_log_dirs_request_init(&q);
    q.topics_count = -1;
    plane_call(p, API_DESCRIBE_LOG_DIRS, 4, &q, dirs_delivered);
    assert_int_equal(dirs_error, KAFKA_NONE);
    assert_int_equal(dirs_topics, 2);
    assert_int_equal(dirs_partitions, 5);
    assert_int_equal(dirs_size, size);
    assert_true(dirs_total > 0);
    int32_t indexes[] = {1, 9};
    struct describe_log_dirs_request_describable_log_dir_topic topic = {
        .topic = STR("a"), .partitions = indexes, .partitions_count = 2};
    q.topics = &topic;
    q.topics_count = 1;
    plane_call(p, API_DESCRIBE_LOG_DIRS, 4, &q, dirs_delivered);
    assert_int_equal(dirs_topics, 1);
    assert_int_equal(dirs_partitions, 1);
    plane_close(p);
}

static struct describe_producers_response_partition_response described;
static struct describe_producers_response_producer_state first_producer;

static void producers_delivered(struct request *rq, const void *response)
{
    (void)rq;
    described = ((const struct describe_producers_response *)response)->topics[0].partitions[0];
    if (described.active_producers_count > 0) first_producer = described.active_producers[0];
}

TEST(describe_producers_shows_their_last_batch)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, 1);
    produce_records(p, (struct produce_spec){.topic = "t", .acks = -1},
                    batch_of((struct batch_spec){
                        .value = "a", .count = 3, .producer_id = 42, .producer_epoch = 2}));
    assert_int_equal(produced.error, KAFKA_NONE);
    int32_t index = 0;
    struct describe_producers_request_topic_request topic = {
        .name = STR("t"), .partition_indexes = &index, .partition_indexes_count = 1};
    struct describe_producers_request q = {.topics = &topic, .topics_count = 1};
    plane_call(p, API_DESCRIBE_PRODUCERS, 0, &q, producers_delivered);
    assert_int_equal(described.error_code, KAFKA_NONE);
    assert_int_equal(described.active_producers_count, 1);
    assert_int_equal(first_producer.producer_id, 42);
    assert_int_equal(first_producer.producer_epoch, 2);
    assert_int_equal(first_producer.last_sequence, 2);
    assert_int_equal(first_producer.current_txn_start_offset, -1);
    topic.name = STR("bad name");
    plane_call(p, API_DESCRIBE_PRODUCERS, 0, &q, producers_delivered);
    assert_int_equal(described.error_code, KAFKA_INVALID_TOPIC_EXCEPTION);
    topic.name = STR("no");
    plane_call(p, API_DESCRIBE_PRODUCERS, 0, &q, producers_delivered);
    assert_int_equal(described.error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    plane_close(p);
}
