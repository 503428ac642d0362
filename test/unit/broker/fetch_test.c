/* Fetch as a client sees it: what is returned, and when. */
#include "broker/doubted_reads.h"
#include "data_plane.h"

static int64_t batch_bytes; /* of one record "0123456789" */

static struct plane *with_records(int32_t partitions, int32_t each)
{
    struct plane *p = plane_open();
    plane_own_topic(p, "t", 7, partitions);
    for (int32_t i = 0; i < partitions; i++)
        for (int32_t j = 0; j < each; j++) produce_one(p, "t", i, "0123456789");
    batch_bytes = batch_of((struct batch_spec){.value = "0123456789"}).len;
    plane_pass(p, 1);
    return p;
}

TEST(fetch_returns_what_was_produced_from_the_batch_of_its_offset)
{
    struct plane *p = with_records(1, 3);
    fetch(p, (struct fetch_spec){.topic = "t", .offset = 1});
    assert_int_equal(fetched.answers, 1);
    assert_int_equal(fetched.count, 1);
    struct fetch_answer a = fetched.partitions[0];
    assert_int_equal(a.error, KAFKA_NONE);
    assert_int_equal(a.first_offset, 1);
    assert_int_equal(a.bytes, 2 * batch_bytes);
    assert_int_equal(a.high_watermark, 3);
    assert_int_equal(a.last_stable_offset, 3);
    assert_int_equal(a.log_start_offset, 0);
    plane_close(p);
}

TEST(fetch_errors_are_per_partition_and_end_the_waiting)
{
    struct plane *p = with_records(1, 3);
    int32_t other = OTHER;
    plane_topic(p, "far", 8);
    plane_partition(p, 8, 0, &other, 1, 1);
    struct fetch_spec s = {.topic = "t", .offset = 4, .bytes_min = 1, .wait_ms = 1000};
    fetch(p, s);
    assert_int_equal(fetched.answers, 1);
    assert_int_equal(fetched.partitions[0].error, KAFKA_OFFSET_OUT_OF_RANGE);
    assert_int_equal(fetched.partitions[0].high_watermark, -1);
    s.offset = 3;
    s.leader_epoch = 2; /* 1 */
    fetch(p, s);
    assert_int_equal(fetched.partitions[0].error, KAFKA_UNKNOWN_LEADER_EPOCH);
    s = (struct fetch_spec){.topic = "far", .version = 12, .bytes_min = 1, .wait_ms = 1000};
    fetch(p, s);
    assert_int_equal(fetched.answers, 1);
    assert_int_equal(fetched.partitions[0].error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    s = (struct fetch_spec){.topic_id = 8, .version = 16, .bytes_min = 1, .wait_ms = 1000};
    fetch(p, s);
    assert_int_equal(fetched.partitions[0].leader_id, OTHER);
    s = (struct fetch_spec){.topic = "no"};
    fetch(p, s);
    assert_int_equal(fetched.partitions[0].error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    s = (struct fetch_spec){.topic_id = 99, .version = 13};
    fetch(p, s);
    assert_int_equal(fetched.partitions[0].error, KAFKA_UNKNOWN_TOPIC_ID);
    plane_close(p);
}

TEST(a_missing_partition_does_not_end_the_waiting_for_the_others)
{
    struct plane *p = with_records(1, 1);
    fetch(p, (struct fetch_spec){
                 .topic = "t", .partitions = 2, .offset = 1, .bytes_min = 1, .wait_ms = 100});
    assert_int_equal(fetched.answers, 0);
    plane_pass(p, 101);
    assert_int_equal(fetched.answers, 1);
    assert_int_equal(fetched.count, 2);
    assert_int_equal(fetched.partitions[0].error, KAFKA_NONE);
    assert_int_equal(fetched.partitions[1].error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    plane_close(p);
}

TEST(a_long_poll_is_answered_by_the_next_append_and_no_sooner)
{
    struct plane *p = with_records(2, 1);
    fetch(p, (struct fetch_spec){.topic = "t", .offset = 1, .bytes_min = 1, .wait_ms = 500});
    assert_int_equal(fetched.answers, 0);
    produce_one(p, "t", 1, "elsewhere");
    plane_pass(p, 100);
    assert_int_equal(fetched.answers, 0);
    produce_one(p, "t", 0, "here");
    assert_int_equal(fetched.answers, 0);
    plane_pass(p, 1);
    assert_int_equal(fetched.answers, 1);
    assert_int_equal(fetched.partitions[0].first_offset, 1);
    plane_pass(p, 1000);
    assert_int_equal(fetched.answers, 1);
    plane_close(p);
}

TEST(a_long_poll_waits_for_its_minimum_and_ends_with_its_time)
{
    struct plane *p = with_records(1, 1);
    struct fetch_spec s = {
        .topic = "t", .offset = 1, .bytes_min = (int32_t)batch_bytes * 2, .wait_ms = 500};
    fetch(p, s);
    produce_one(p, "t", 0, "0123456789");
    plane_pass(p, 100);
    assert_int_equal(fetched.answers, 0);
    produce_one(p, "t", 0, "0123456789");
    plane_pass(p, 1);
    assert_int_equal(fetched.answers, 1);
    assert_int_equal(fetched.partitions[0].bytes, 2 * batch_bytes);
    s.offset = 3;
    fetch(p, s);
    produce_one(p, "t", 0, "0123456789");
    plane_pass(p, 499);
    assert_int_equal(fetched.answers, 0);
    plane_pass(p, 2);
    assert_int_equal(fetched.answers, 1);
    assert_int_equal(fetched.partitions[0].bytes, batch_bytes); /* what there is */
    plane_close(p);
}

TEST(no_wait_means_an_answer_now)
{
    struct plane *p = with_records(1, 1);
    fetch(p, (struct fetch_spec){.topic = "t", .offset = 1, .bytes_min = 1});
    assert_int_equal(fetched.answers, 1);
    assert_int_equal(fetched.partitions[0].bytes, 0);
    plane_close(p);
}

TEST(the_first_batch_is_whole_whatever_the_limits_and_the_rest_obey_them)
{
    struct plane *p = with_records(3, 2);
    fetch(p, (struct fetch_spec){
                 .topic = "t", .partitions = 3, .bytes_max = 1, .partition_bytes_max = 1});
    assert_int_equal(fetched.count, 3);
    assert_true(fetched.partitions[0].whole_first_batch);
    assert_int_equal(fetched.partitions[0].bytes, batch_bytes);
    assert_int_equal(fetched.partitions[1].bytes, 0);
    assert_int_equal(fetched.partitions[2].bytes, 0);
    /* a partition that yields nothing leaves the privilege to the next */
    fetch(p, (struct fetch_spec){
                 .topic = "t", .partitions = 3, .offset = 2, .partition_bytes_max = 1});
    assert_int_equal(fetched.partitions[0].bytes, 0);
    /* limits cut in the middle of a batch, but never in a first one */
    int32_t one_and_a_half = (int32_t)batch_bytes * 3 / 2;
    fetch(p, (struct fetch_spec){.topic = "t",
                                 .partitions = 3,
                                 .bytes_max = (int32_t)batch_bytes * 4,
                                 .partition_bytes_max = one_and_a_half});
    assert_int_equal(fetched.partitions[0].bytes, one_and_a_half);
    assert_int_equal(fetched.partitions[1].bytes, one_and_a_half);
    assert_int_equal(fetched.partitions[2].bytes, 4 * batch_bytes - 2 * one_and_a_half);
    assert_true(fetched.partitions[2].whole_first_batch);
    fetch(p, (struct fetch_spec){
                 .topic = "t", .partitions = 2, .bytes_max = (int32_t)batch_bytes * 5 / 2});
    assert_int_equal(fetched.partitions[0].bytes, 2 * batch_bytes);
    assert_int_equal(fetched.partitions[1].bytes, 0); /* half a batch is of no use */
    plane_close(p);
}

TEST(an_incremental_session_sends_what_changed)
{
    struct plane *p = with_records(3, 1);
    struct fetch_spec s = {
        .topic_id = 7, .version = 13, .partitions = 3, .offset = 1, .sessions = true};
    fetch(p, s);
    assert_int_not_equal(fetched.session_id, 0);
    assert_int_equal(fetched.count, 3);
    s = (struct fetch_spec){
        .version = 13, .sessions = true, .nothing_new = true, .session_id = fetched.session_id};
    s.session_epoch = 1;
    fetch(p, s);
    assert_int_equal(fetched.count, 0);
    s.session_epoch = 2;
    s.wait_ms = 500;
    s.bytes_min = 1;
    fetch(p, s);
    assert_int_equal(fetched.answers, 0);
    produce_one(p, "t", 1, "x");
    plane_pass(p, 1);
    assert_int_equal(fetched.answers, 1);
    assert_int_equal(fetched.session_id, s.session_id);
    assert_int_equal(fetched.count, 1);
    assert_int_equal(fetched.partitions[0].partition, 1);
    s.session_epoch = 9;
    fetch(p, s);
    assert_int_equal(fetched.error, KAFKA_INVALID_FETCH_SESSION_EPOCH);
    assert_int_equal(fetched.count, 0);
    plane_close(p);
}

TEST(a_parked_fetch_is_answered_when_its_partition_is_deleted)
{
    struct plane *p = with_records(1, 1);
    fetch(p, (struct fetch_spec){.topic = "t", .offset = 1, .bytes_min = 1, .wait_ms = 5000});
    replica_manager_remove(p->broker.replicas, UUID_SMALL(7), 0);
    plane_pass(p, 1);
    assert_int_equal(fetched.answers, 1);
    assert_int_equal(fetched.partitions[0].error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    plane_close(p);
}

static int32_t both[] = {SELF, OTHER};

static struct plane *replicated(void)
{
    struct plane *p = plane_open();
    plane_topic(p, "r", 7);
    plane_partition(p, 7, 0, both, 2, 2);
    return p;
}

TEST(a_follower_reads_to_the_log_end_and_consumers_to_what_it_has)
{
    struct plane *p = replicated();
    produce_one(p, "r", 0, "a");
    struct fetch_spec consumer = {.topic = "r", .bytes_min = 1, .wait_ms = 500};
    fetch(p, consumer);
    plane_pass(p, 10);
    assert_int_equal(fetched.answers, 0);
    struct fetch_spec follower = {
        .topic_id = 7, .version = 15, .follower = OTHER, .last_fetched_epoch = 0};
    follower.offset = 1;
    fetch(p, follower); /* overwrites `fetched`: its own answer comes first … */
    assert_int_equal(fetched.answers, 1);
    assert_int_equal(fetched.partitions[0].high_watermark, 1);
    plane_pass(p, 1); /* … and the consumer's in the same turn */
    assert_int_equal(fetched.answers, 2);
    assert_int_equal(fetched.partitions[0].first_offset, 0);
    plane_close(p);
}

TEST(a_parked_follower_is_answered_by_the_append)
{
    struct plane *p = replicated();
    fetch(p, (struct fetch_spec){
                 .topic_id = 7, .version = 15, .follower = OTHER, .bytes_min = 1, .wait_ms = 500});
    assert_int_equal(fetched.answers, 0);
    produce_one(p, "r", 0, "a");
    plane_pass(p, 1);
    assert_int_equal(fetched.answers, 1);
    assert_int_equal(fetched.partitions[0].first_offset, 0);
    plane_close(p);
}

TEST(a_follower_that_is_not_assigned_or_diverges_is_told)
{
    struct plane *p = replicated();
    produce_one(p, "r", 0, "a");
    struct fetch_spec f = {.topic_id = 7, .version = 15, .follower = 6, .leader_epoch = 1};
    fetch(p, f);
    assert_int_equal(fetched.partitions[0].error, KAFKA_UNKNOWN_LEADER_EPOCH);
    /* it has records of epoch 0 beyond where ours end */
    f = (struct fetch_spec){
        .topic_id = 7, .version = 15, .follower = OTHER, .last_fetched_epoch = 1, .offset = 5};
    fetch(p, f);
    assert_int_equal(fetched.partitions[0].error, KAFKA_NONE);
    assert_int_equal(fetched.partitions[0].diverging_epoch, 0);
    assert_int_equal(fetched.partitions[0].diverging_end, 1);
    const struct replica *r = replica_manager_find(p->broker.replicas, UUID_SMALL(7), 0);
    assert_int_equal(partition_follower(&r->core, OTHER)->log_end_offset, -1); /* proved nothing */
    /* an epoch we do not know */
    f.last_fetched_epoch = 4;
    fetch(p, f);
    assert_int_equal(fetched.partitions[0].error, KAFKA_OFFSET_OUT_OF_RANGE);
    plane_close(p);
}

TEST(old_clients_are_told_not_leader_for_a_storage_error)
{
    struct plane *p = with_records(1, 1);
    log_dir_fail(p->dir, ERR_IO, "test");
    plane_pass(p, 1);
    fetch(p, (struct fetch_spec){.topic = "t", .version = 5});
    assert_int_equal(fetched.partitions[0].error, KAFKA_NOT_LEADER_OR_FOLLOWER);
    fetch(p, (struct fetch_spec){.topic = "t", .version = 6});
    assert_int_equal(fetched.partitions[0].error, KAFKA_KAFKA_STORAGE_ERROR);
    doubted_reads_destroy(p->broker.doubted_reads);
    replica_manager_destroy(p->broker.replicas);
    fetch_session_cache_destroy(p->broker.fetch_sessions);
    log_dir_abandon(p->dir);
    config_free((struct config *)(uintptr_t)p->broker.config);
    image_free(p->image);
    sim_free(p->sim);
}
