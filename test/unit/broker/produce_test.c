/* Produce as a client sees it: what is refused with which code, and when the answer comes. */
#include "data_plane.h"

TEST(produce_answers_with_rising_offsets_by_name_and_by_id)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, 1);
    assert_int_equal(produce_one(p, "t", 0, "a"), 0);
    assert_int_equal(produce_one(p, "t", 0, "b"), 1);
    produce_records(p, (struct produce_spec){.topic_id = 7, .acks = -1, .version = 13},
                    batch_of((struct batch_spec){.value = "c", .count = 3}));
    assert_int_equal(produced.answers, 1);
    assert_int_equal(produced.error, KAFKA_NONE);
    assert_int_equal(produced.base_offset, 2);
    assert_int_equal(produced.log_start_offset, 0);
    assert_int_equal(
        replica_manager_find(p->broker.replicas, UUID_SMALL(7), 0)->core.high_watermark, 5);
    plane_close(p);
}

TEST(produce_without_acks_gets_no_answer)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, 1);
    produce_records(p, (struct produce_spec){.topic = "t", .acks = 0},
                    batch_of((struct batch_spec){.value = "a"}));
    assert_int_equal(produced.answers, 0);
    assert_int_equal(produced.silent, 1);
    assert_int_equal(
        replica_manager_find(p->broker.replicas, UUID_SMALL(7), 0)->core.log_end_offset, 1);
    plane_close(p);
}

static enum kafka_error refused(struct plane *p, struct produce_spec spec, struct records records)
{
    produce_records(p, spec, records);
    assert_int_equal(produced.answers, 1);
    assert_int_equal(produced.base_offset, -1);
    return produced.error;
}

TEST(produce_to_what_does_not_exist_or_lives_elsewhere_says_so)
{
    struct plane *p = plane_open();
    int32_t other = OTHER;
    plane_own_topic(p, "t", 7, 1);
    plane_topic(p, "far", 8);
    plane_partition(p, 8, 0, &other, 1, 1);
    struct records r = batch_of((struct batch_spec){.value = "a"});
    assert_int_equal(refused(p, (struct produce_spec){.topic = "no", .acks = 1}, r),
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(refused(p, (struct produce_spec){.topic = "t", .partition = 1, .acks = 1}, r),
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(refused(p, (struct produce_spec){.topic = "t", .partition = -1, .acks = 1}, r),
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(refused(p, (struct produce_spec){.topic_id = 99, .acks = 1, .version = 13}, r),
                     KAFKA_UNKNOWN_TOPIC_ID);
    assert_int_equal(refused(p, (struct produce_spec){.topic = "far", .acks = 1}, r),
                     KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(produced.leader_id, OTHER);
    plane_close(p);
}

TEST(produce_framing_is_checked_before_anything_is_appended)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, 1);
    struct produce_spec to = {.topic = "t", .acks = 1};
    struct records good = batch_of((struct batch_spec){.value = "a"});
    static uint8_t bytes[4096];
    size_t len = (size_t)good.len;
    memcpy(bytes, good.data, len);

    assert_int_equal(refused(p, to, records_of(bytes, 0)), KAFKA_INVALID_RECORD);
    assert_int_equal(refused(p, to, RECORDS_NULL), KAFKA_INVALID_RECORD);
    assert_int_equal(refused(p, to, records_of(bytes, len - 1)), KAFKA_INVALID_RECORD);
    bytes[16] = 1; /* magic */
    assert_int_equal(refused(p, to, records_of(bytes, len)), KAFKA_INVALID_RECORD);
    bytes[16] = 9;
    assert_int_equal(refused(p, to, records_of(bytes, len)), KAFKA_CORRUPT_MESSAGE);
    bytes[16] = 2;
    store_be32(bytes + 8, 13); /* batchLength */
    assert_int_equal(refused(p, to, records_of(bytes, len)), KAFKA_CORRUPT_MESSAGE);
    store_be32(bytes + 8, 0x80000000u);
    assert_int_equal(refused(p, to, records_of(bytes, len)), KAFKA_CORRUPT_MESSAGE);
    memcpy(bytes, good.data, len);
    bytes[len - 1] ^= 1; /* covered by the checksum */
    assert_int_equal(refused(p, to, records_of(bytes, len)), KAFKA_CORRUPT_MESSAGE);
    memcpy(bytes, good.data, len);
    memcpy(bytes + len, good.data, len);
    assert_int_equal(refused(p, to, records_of(bytes, 2 * len)), KAFKA_INVALID_RECORD);
    /* a partial batch behind a whole one is cut */
    produce_records(p, to, records_of(bytes, 2 * len - 5));
    assert_int_equal(produced.error, KAFKA_NONE);
    assert_int_equal(produced.base_offset, 0);
    plane_close(p);
}

TEST(produce_with_zstd_needs_version_7)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, 1);
    static struct batch_builder b;
    struct batch_options o = BATCH_OPTIONS_DEFAULT;
    o.compression = COMPRESSION_ZSTD;
    struct codec *codec = codec_new();
    uint8_t *data;
    size_t len;
    batch_begin(&b, &o);
    batch_add(&b, clock_wall(p->env->clock).ms, BYTES_NULL, bytes_of("aaaa", 4), NULL, 0);
    assert_ok(batch_finish(&b, codec, &data, &len));
    assert_int_equal(refused(p, (struct produce_spec){.topic = "t", .acks = 1, .version = 6},
                             records_of(data, len)),
                     KAFKA_UNSUPPORTED_COMPRESSION_TYPE);
    produce_records(p, (struct produce_spec){.topic = "t", .acks = 1, .version = 7},
                    records_of(data, len));
    assert_int_equal(produced.error, KAFKA_NONE);
    codec_free(codec);
    batch_builder_free(&b);
    plane_close(p);
}

TEST(produce_acks_internal_topics_and_record_rules_are_checked)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, 1);
    plane_own_topic(p, "__consumer_offsets", 8, 1);
    plane_config(p, "c", "cleanup.policy", "compact");
    plane_own_topic(p, "c", 9, 1);
    struct records r = batch_of((struct batch_spec){.value = "a", .count = 2});
    assert_int_equal(refused(p, (struct produce_spec){.topic = "t", .acks = 2}, r),
                     KAFKA_INVALID_REQUIRED_ACKS);
    assert_int_equal(refused(p, (struct produce_spec){.topic = "__consumer_offsets", .acks = 1}, r),
                     KAFKA_INVALID_TOPIC_EXCEPTION);
    /* records without a key cannot be compacted: each is named */
    assert_int_equal(refused(p, (struct produce_spec){.topic = "c", .acks = 1}, r),
                     KAFKA_INVALID_RECORD);
    assert_int_equal(produced.record_errors, 2);
    assert_int_not_equal(produced.message[0], 0);
    plane_close(p);
}

TEST(a_retried_batch_of_an_idempotent_producer_is_answered_as_the_first_time)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, 1);
    struct produce_spec to = {.topic = "t", .acks = -1};
    struct batch_spec first = {.value = "a", .count = 2, .producer_id = 5, .sequence = 0};
    produce_records(p, to, batch_of(first));
    produce_one(p, "t", 0, "between");
    produce_records(p, to, batch_of(first));
    assert_int_equal(produced.error, KAFKA_NONE);
    assert_int_equal(produced.base_offset, 0);
    assert_int_equal(produce_one(p, "t", 0, "end"), 3);
    struct batch_spec gap = {.value = "a", .count = 2, .producer_id = 5, .sequence = 7};
    assert_int_equal(refused(p, to, batch_of(gap)), KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER);
    plane_close(p);
}

/* ---- acks=all with a follower ---- */

static int32_t both[] = {SELF, OTHER};

static struct plane *replicated(int32_t isr_count, const char *isr_min)
{
    struct plane *p = plane_open();
    if (isr_min) plane_config(p, "r", "min.insync.replicas", isr_min);
    plane_topic(p, "r", 7);
    plane_partition(p, 7, 0, both, 2, isr_count);
    return p;
}

static const struct produce_spec acks_all = {.topic = "r", .acks = -1, .timeout_ms = 500};

TEST(produce_to_too_small_an_in_sync_set_is_refused_and_nothing_is_appended)
{
    struct plane *p = replicated(1, "2");
    struct records r = batch_of((struct batch_spec){.value = "a"});
    assert_int_equal(refused(p, acks_all, r), KAFKA_NOT_ENOUGH_REPLICAS);
    produce_records(p, (struct produce_spec){.topic = "r", .acks = 1}, r);
    assert_int_equal(produced.base_offset, 0); /* the refused one is not there */
    /* and it stays invisible: the watermark is frozen */
    fetch(p, (struct fetch_spec){.topic = "r"});
    assert_int_equal(fetched.partitions[0].high_watermark, 0);
    assert_int_equal(fetched.partitions[0].bytes, 0);
    plane_close(p);
}

TEST(produce_with_acks_all_is_answered_when_the_follower_has_fetched_it)
{
    struct plane *p = replicated(2, NULL);
    produce_records(p, acks_all, batch_of((struct batch_spec){.value = "a"}));
    plane_pass(p, 100);
    assert_int_equal(produced.answers, 0);
    fetch(p, (struct fetch_spec){
                 .topic = "r", .version = 15, .topic_id = 7, .follower = OTHER, .offset = 0});
    assert_true(fetched.partitions[0].bytes > 0);
    plane_pass(p, 10);
    assert_int_equal(produced.answers, 0); /* fetching it is not having it */
    fetch(p, (struct fetch_spec){
                 .topic = "r", .version = 15, .topic_id = 7, .follower = OTHER, .offset = 1});
    assert_int_equal(fetched.partitions[0].high_watermark, 1); /* its own fetch made it so */
    assert_int_equal(produced.answers, 0);
    plane_pass(p, 10);
    assert_int_equal(produced.answers, 1);
    assert_int_equal(produced.error, KAFKA_NONE);
    assert_int_equal(produced.base_offset, 0);
    plane_close(p);
}

TEST(produce_with_acks_all_times_out_and_stays_appended)
{
    struct plane *p = replicated(2, NULL);
    produce_records(p, acks_all, batch_of((struct batch_spec){.value = "a"}));
    plane_pass(p, 499);
    assert_int_equal(produced.answers, 0);
    plane_pass(p, 2);
    assert_int_equal(produced.answers, 1);
    assert_int_equal(produced.error, KAFKA_REQUEST_TIMED_OUT);
    assert_int_equal(
        replica_manager_find(p->broker.replicas, UUID_SMALL(7), 0)->core.log_end_offset, 1);
    plane_close(p);
}

TEST(produce_that_times_out_where_no_controller_answers_sends_the_client_to_look_for_another_leader)
{
    struct plane *p = replicated(2, NULL);
    p->broker.session_timeout_ms = 400;
    p->broker.heartbeat_answered = clock_mono(p->env->clock);
    produce_records(p, acks_all, batch_of((struct batch_spec){.value = "a"}));
    plane_pass(p, 501);
    assert_int_equal(produced.answers, 1);
    assert_int_equal(produced.error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    plane_close(p);
}

static void change_leader(struct plane *p, int32_t leader)
{
    struct metadata_record r = plane_record(METADATA_RECORD_PARTITION_CHANGE);
    r.u.partition_change.topic_id = UUID_SMALL(7);
    r.u.partition_change.partition_id = 0;
    r.u.partition_change.leader = leader;
    plane_replay(p, r);
    plane_apply(p, 7, 0);
}

TEST(produce_with_acks_all_ends_when_leadership_goes)
{
    struct plane *p = replicated(2, NULL);
    produce_records(p, acks_all, batch_of((struct batch_spec){.value = "a"}));
    change_leader(p, OTHER);
    assert_int_equal(produced.answers, 0); /* from the loop only */
    plane_pass(p, 1);
    assert_int_equal(produced.answers, 1);
    assert_int_equal(produced.error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(produced.leader_id, OTHER);
    plane_pass(p, 1000);
    assert_int_equal(produced.answers, 1);
    plane_close(p);
}

TEST(produce_to_a_deleted_partition_ends_with_its_waiters)
{
    struct plane *p = replicated(2, NULL);
    produce_records(p, acks_all, batch_of((struct batch_spec){.value = "a"}));
    replica_manager_remove(p->broker.replicas, UUID_SMALL(7), 0);
    plane_pass(p, 1000);
    assert_int_equal(produced.answers, 1);
    assert_int_equal(produced.error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    plane_close(p);
}

TEST(a_full_disk_refuses_and_recovers_without_a_restart)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, 1);
    produce_one(p, "t", 0, "a");
    struct sim_node *n = sim_node(p->sim, "one");
    sim_disk_budget(n, sim_disk_used(n));
    assert_int_equal(refused(p, (struct produce_spec){.topic = "t", .acks = 1},
                             batch_of((struct batch_spec){.value = "b"})),
                     KAFKA_KAFKA_STORAGE_ERROR);
    fetch(p, (struct fetch_spec){.topic = "t"});
    assert_true(fetched.partitions[0].bytes > 0);
    sim_disk_budget(n, -1);
    plane_pass(p, 10);
    assert_int_equal(produce_one(p, "t", 0, "c"), 1);
    plane_close(p);
}
