/* Appending to, reading from and cutting one log. */
#include "log_world.h"
#include "test.h"

#include "base/mem.h"

static void smaller_segments(struct log_world *w, int32_t bytes)
{
    struct log_config *c = log_config_copy(w->config);
    c->segment_bytes = bytes;
    log_config_unref(w->config);
    w->config = c;
    log_set_config(w->log, c);
}

TEST(a_new_log_is_empty_and_has_no_segment_file)
{
    struct log_world w;
    world_init(&w, 1);
    struct disk_stat st;
    assert_int_equal(log_end_offset(w.log), 0);
    assert_int_equal(disk_stat(w.env->disk, "/d/t-0/00000000000000000000.log", &st), ERR_NOT_FOUND);
    sim_run_ms(w.sim, 100); /* written in the background */
    assert_ok(disk_stat(w.env->disk, "/d/t-0/partition.metadata", &st));
    assert_int_equal(st.size, 43);
    assert_int_equal(world_read_at(&w, 0), -1);
    world_free(&w);
}

TEST(appended_batches_read_back_at_their_offsets)
{
    struct log_world w;
    world_init(&w, 1);
    for (int i = 0; i < 300; i++) {
        world_append_ok(&w, 10);
        assert_int_equal(w.result.base_offset, i * 10);
        assert_int_equal(w.result.last_offset, i * 10 + 9);
    }
    assert_int_equal(world_read_all(&w), 3000);
    for (int64_t o = 0; o < 3000; o += 7) assert_int_equal(world_read_at(&w, o), o / 10 * 10);
    world_free(&w);
}

TEST(bytes_that_are_no_batch_are_not_taken_for_nothing)
{
    struct log_world w;
    world_init(&w, 1);
    world_append_ok(&w, 10);
    struct bytes batches;
    sim_disk_misread(w.node, SIM_MISREAD_STALE, ".log", 1); /* as before it was written */
    assert_int_equal(log_read_batches(w.log, 0, 10, 1 << 20, &w.arena, &batches), ERR_CORRUPT);
    assert_int_equal(sim_disk_misreads(w.node), 1);
    assert_ok(log_read_batches(w.log, 0, 10, 1 << 20, &w.arena, &batches));
    assert_true(batches.len > 1000);
    world_free(&w);
}

TEST(reads_stop_at_the_bound_the_byte_limit_and_the_segment)
{
    struct log_world w;
    world_init(&w, 1);
    smaller_segments(&w, 20000);
    for (int i = 0; i < 40; i++) world_append_ok(&w, 10);
    struct log_slice all, s;
    struct log_read_options o = {.offset = 0, .end_offset = 400, .bytes_max = 1 << 20};
    assert_ok(log_read(w.log, &o, &all));
    assert_true(all.len <= 20000 && all.len > 15000);
    disk_file_unref(all.file);
    o.bytes_max = 1777; /* one batch and a part of the next */
    assert_ok(log_read(w.log, &o, &s));
    assert_int_equal(s.len, 1777);
    disk_file_unref(s.file);
    o.bytes_max = 777; /* less than the first batch: nothing, rather than a part of it */
    assert_ok(log_read(w.log, &o, &s));
    assert_int_equal(s.len, 0);
    o.bytes_max = 5;
    o.min_one_batch = true;
    assert_ok(log_read(w.log, &o, &s));
    int64_t batch = s.len;
    assert_true(batch > 1000);
    disk_file_unref(s.file);
    o.end_offset = 20; /* two batches */
    o.bytes_max = 1 << 20;
    assert_ok(log_read(w.log, &o, &s));
    assert_int_equal(s.len, 2 * batch);
    disk_file_unref(s.file);
    o.end_offset = 0;
    assert_ok(log_read(w.log, &o, &s));
    assert_int_equal(s.len, 0);
    o.offset = 401;
    assert_int_equal(log_read(w.log, &o, &s), ERR_OUT_OF_RANGE);
    world_free(&w);
}

TEST(a_roll_keeps_every_record_in_reach_before_and_after_a_clean_restart)
{
    struct log_world w;
    world_init(&w, 1);
    smaller_segments(&w, 30000);
    for (int i = 0; i < 200; i++) world_append_ok(&w, 5);
    assert_true(log_active_segment_base(w.log) > 500);
    assert_int_equal(world_read_all(&w), 1000);
    for (int64_t o = 0; o < 1000; o += 3) assert_int_equal(world_read_at(&w, o), o / 5 * 5);
    world_reopen_clean(&w);
    assert_int_equal(log_end_offset(w.log), 1000);
    assert_int_equal(log_high_watermark(w.log), 1000);
    assert_int_equal(log_recovery_point(w.log), 1000);
    assert_int_equal(world_read_all(&w), 1000);
    for (int64_t o = 0; o < 1000; o += 3) assert_int_equal(world_read_at(&w, o), o / 5 * 5);
    world_append_ok(&w, 5);
    assert_int_equal(w.result.base_offset, 1000);
    world_free(&w);
}

TEST(a_flush_moves_the_recovery_point_when_the_disk_says_so)
{
    struct log_world w;
    world_init(&w, 1);
    world_append_ok(&w, 5);
    assert_int_equal(log_recovery_point(w.log), 0);
    assert_ok(log_flush(w.log));
    assert_int_equal(log_recovery_point(w.log), 5);
    world_free(&w);
}

static void count_flush(struct log_flush *f)
{
    assert_ok(f->result);
}

TEST(an_asynchronous_flush_tells_from_the_loop_what_became_durable)
{
    struct log_world w;
    world_init(&w, 1);
    smaller_segments(&w, 3000);
    for (int i = 0; i < 10; i++) world_append_ok(&w, 10);
    struct log_flush f = {0};
    log_flush_start(w.log, &f, count_flush);
    assert_true(log_flush_pending(&f));
    world_append_ok(&w, 1);
    sim_run_ms(w.sim, 100);
    assert_false(log_flush_pending(&f));
    assert_int_equal(f.offset, 100);
    assert_true(log_recovery_point(w.log) >= 100);
    world_free(&w);
}

TEST(retries_of_the_last_five_batches_are_answered_with_the_original_offsets)
{
    struct log_world w;
    world_init(&w, 1);
    struct built b = {.count = 3,
                      .timestamp = clock_wall(w.env->clock).ms,
                      .producer_id = 42,
                      .producer_epoch = 1};
    for (int i = 0; i < 6; i++) {
        b.sequence = i * 3;
        assert_int_equal(world_append(&w, &b), APPEND_OK);
    }
    b.sequence = 3; /* the second of six: still among the last five */
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    assert_true(w.result.duplicate);
    assert_int_equal(w.result.base_offset, 3);
    assert_int_equal(w.result.last_offset, 5);
    assert_int_equal(log_end_offset(w.log), 18);
    b.sequence = 0;
    assert_int_equal(world_append(&w, &b), APPEND_OUT_OF_ORDER_SEQUENCE);
    b.sequence = 21;
    assert_int_equal(world_append(&w, &b), APPEND_OUT_OF_ORDER_SEQUENCE);
    b.producer_epoch = 0;
    b.sequence = 18;
    assert_int_equal(world_append(&w, &b), APPEND_INVALID_PRODUCER_EPOCH);
    b.producer_epoch = 2;
    assert_int_equal(world_append(&w, &b), APPEND_OUT_OF_ORDER_SEQUENCE);
    b.sequence = 0;
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    world_reopen_clean(&w); /* the window is one batch now */
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    assert_true(w.result.duplicate);
    assert_int_equal(w.result.base_offset, 18);
    world_free(&w);
}

TEST(batches_behind_one_that_found_no_room_wait_for_it_to_come_again)
{
    struct log_world w;
    world_init(&w, 1);
    struct built b = {.count = 1,
                      .timestamp = clock_wall(w.env->clock).ms,
                      .producer_id = 42,
                      .producer_epoch = 1};
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    struct built other = b; /* one that the log knows nothing of yet */
    other.producer_id = 43;
    sim_disk_budget(w.node, sim_disk_used(w.node));
    b.sequence = 1;
    assert_int_equal(world_append(&w, &b), APPEND_NO_SPACE);
    assert_int_equal(world_append(&w, &other), APPEND_NO_SPACE);
    b.sequence = 2;
    assert_int_equal(world_append(&w, &b), APPEND_NO_SPACE);
    sim_disk_budget(w.node, -1);
    assert_int_equal(world_append(&w, &b), APPEND_NO_SPACE); /* room, but the other comes first */
    other.sequence = 1;
    assert_int_equal(world_append(&w, &other), APPEND_NO_SPACE);
    b.sequence = 0;
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    assert_true(w.result.duplicate);
    for (int i = 1; i < 3; i++) {
        b.sequence = i;
        assert_int_equal(world_append(&w, &b), APPEND_OK);
        assert_false(w.result.duplicate);
        other.sequence = i - 1;
        assert_int_equal(world_append(&w, &other), APPEND_OK);
    }
    b.sequence = 4;
    assert_int_equal(world_append(&w, &b), APPEND_OUT_OF_ORDER_SEQUENCE);
    world_free(&w);
}

TEST(a_new_epoch_does_not_wait_for_what_found_no_room_in_the_old_one)
{
    struct log_world w;
    world_init(&w, 1);
    struct built b = {.count = 1,
                      .timestamp = clock_wall(w.env->clock).ms,
                      .producer_id = 42,
                      .producer_epoch = 1};
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    sim_disk_budget(w.node, sim_disk_used(w.node));
    b.sequence = 1;
    assert_int_equal(world_append(&w, &b), APPEND_NO_SPACE);
    sim_disk_budget(w.node, -1);
    b.producer_epoch = 2;
    b.sequence = 0;
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    b.sequence = 2;
    assert_int_equal(world_append(&w, &b), APPEND_OUT_OF_ORDER_SEQUENCE);
    world_free(&w);
}

/* The bit that says so is cleared: whose time counts is the topic's to say. */
TEST(a_client_that_claims_log_append_time_is_taken_by_its_times)
{
    struct log_world w;
    world_init(&w, 1);
    struct built b = {
        .count = 2, .timestamp = clock_wall(w.env->clock).ms, .attributes = BATCH_LOG_APPEND_TIME};
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    struct bytes batches;
    struct batch_header h;
    assert_ok(log_read_batches(w.log, 0, 2, 1, &w.arena, &batches));
    assert_ok(batch_parse(batches, &h));
    assert_false(batch_is(&h, BATCH_LOG_APPEND_TIME));
    world_free(&w);
}

/* As in Kafka every id below zero is none. */
TEST(a_negative_producer_id_is_none)
{
    struct log_world w;
    world_init(&w, 1);
    struct built b = {.count = 1, .timestamp = clock_wall(w.env->clock).ms};
    b.producer_id = -2;
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    assert_int_equal(world_append(&w, &b), APPEND_OK); /* no duplicate */
    assert_int_equal(log_end_offset(w.log), 2);
    world_free(&w);
}

TEST(what_a_client_may_not_send_is_refused_and_changes_nothing)
{
    struct log_world w;
    world_init(&w, 1);
    struct append_options o = {.origin = APPEND_FROM_CLIENT, .arena = &w.arena};
    struct built b = {.count = 2, .timestamp = clock_wall(w.env->clock).ms};
    uint8_t *data;
    size_t len;
    world_build(&w, &b, &data, &len);
    data[len - 1] ^= 1;
    log_append_as_leader(w.log, data, len, &o, &w.result);
    assert_int_equal(w.result.error, APPEND_CORRUPT);
    log_append_as_leader(w.log, data, len - 1, &o, &w.result);
    assert_int_equal(w.result.error, APPEND_CORRUPT);
    log_append_as_leader(w.log, data, 5, &o, &w.result);
    assert_int_equal(w.result.error, APPEND_CORRUPT);
    world_build(&w, &b, &data, &len);
    batch_set_base_offset(data, 1);
    log_append_as_leader(w.log, data, len, &o, &w.result);
    assert_int_equal(w.result.error, APPEND_INVALID_RECORD);
    b.attributes = BATCH_CONTROL;
    assert_int_equal(world_append(&w, &b), APPEND_INVALID_RECORD);
    b.attributes = 0;
    b.value_bytes = (1 << 20) - 100;
    assert_int_equal(world_append(&w, &b), APPEND_MESSAGE_TOO_LARGE);
    b.value_bytes = 0;
    b.timestamp += 2 * 3600 * 1000;
    assert_int_equal(world_append(&w, &b), APPEND_INVALID_TIMESTAMP);
    assert_int_equal(w.result.record_errors_count, 2);
    assert_int_equal(w.result.record_errors[1].index, 1);
    assert_int_equal(log_end_offset(w.log), 0);
    world_free(&w);
}

TEST(a_compacted_topic_refuses_null_keys_in_every_codec)
{
    struct log_world w;
    world_init(&w, 1);
    struct log_config *c = log_config_copy(w.config);
    c->cleanup_compact = true;
    log_set_config(w.log, c);
    log_config_unref(c);
    for (int type = 0; type < COMPRESSION_COUNT; type++) {
        struct built b = {.count = 3, .timestamp = 5, .compression = (enum compression)type};
        assert_int_equal(world_append(&w, &b), APPEND_OK);
        b.null_keys = true;
        assert_int_equal(world_append(&w, &b), APPEND_INVALID_RECORD);
        assert_int_equal(w.result.record_errors_count, 3);
        assert_string_equal(
            w.result.record_errors[2].message,
            "Compacted topic cannot accept message without key in topic partition t-0");
        assert_non_null(strstr(w.result.message, "due to 3 record errors in total"));
        assert_non_null(strstr(w.result.message, ", RecordError(batchIndex=2, message='Comp"));
    }
    assert_int_equal(log_end_offset(w.log), 15);
    world_free(&w);
}

TEST(the_topics_codec_and_log_append_time_are_obeyed)
{
    struct log_world w;
    world_init(&w, 1);
    struct log_config *c = log_config_copy(w.config);
    c->compression_producer = false;
    c->compression = COMPRESSION_ZSTD;
    c->log_append_time = true;
    log_set_config(w.log, c);
    log_config_unref(c);
    for (int type = 0; type < COMPRESSION_COUNT; type++) {
        struct built b = {.count = 50, .timestamp = 5, .compression = (enum compression)type};
        assert_int_equal(world_append(&w, &b), APPEND_OK);
        assert_true(w.result.log_append_time_ms == clock_wall(w.env->clock).ms);
    }
    for (int type = 0; type < COMPRESSION_COUNT; type++) {
        struct bytes batches, records;
        struct batch_header h;
        struct byte_buffer scratch = {0};
        assert_ok(log_read_batches(w.log, type * 50, 250, 1, &w.arena, &batches));
        assert_ok(batch_parse(batches, &h));
        assert_true(batch_crc_ok(batches.data, &h));
        assert_int_equal(batch_compression(&h), COMPRESSION_ZSTD);
        assert_true(batch_is(&h, BATCH_LOG_APPEND_TIME));
        assert_ok(batch_records(w.codec, batches.data, &h, 1 << 20, &scratch, &records));
        byte_buffer_free(&scratch);
    }
    world_free(&w);
}

TEST(truncation_gives_back_the_offsets_and_the_producers_state)
{
    struct log_world w;
    world_init(&w, 1);
    smaller_segments(&w, 5000);
    struct built b = {.count = 5, .timestamp = clock_wall(w.env->clock).ms, .producer_id = 42};
    for (int i = 0; i < 60; i++) {
        b.sequence = i * 5;
        assert_int_equal(world_append(&w, &b), APPEND_OK);
    }
    assert_ok(log_flush(w.log));
    assert_ok(log_truncate_to(w.log, 102));
    assert_int_equal(log_end_offset(w.log), 102 / 5 * 5);
    assert_int_equal(log_recovery_point(w.log), 80); /* where the segment with the cut begins */
    assert_int_equal(world_read_all(&w), 100);
    b.sequence = 100;
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    assert_int_equal(w.result.base_offset, 100);
    world_crash(&w);
    assert_ok(world_open(&w));
    assert_int_equal(world_read_all(&w), 105);
    assert_ok(log_truncate_fully_and_start_at(w.log, 5000));
    assert_int_equal(log_end_offset(w.log), 5000);
    assert_int_equal(log_start_offset(w.log), 5000);
    world_reopen_clean(&w);
    assert_int_equal(log_end_offset(w.log), 5000);
    world_free(&w);
}

TEST(what_is_known_of_the_tail_is_forgotten_with_it)
{
    struct log_world w;
    world_init(&w, 1);
    for (int i = 0; i < 20; i++) world_append_ok(&w, 1 + i % 3);
    int64_t end = log_end_offset(w.log);
    assert_ok(log_truncate_to(w.log, end - 5));
    int64_t cut = log_end_offset(w.log);
    for (int i = 0; i < 20; i++) { /* other batches at offsets that were known */
        world_append_ok(&w, 2);
        for (int64_t offset = 0; offset < log_end_offset(w.log); offset++) {
            int64_t base = world_read_at(&w, offset);
            assert_true(base <= offset && base >= offset - 2);
            if (offset >= cut) assert_int_equal(base, offset - (offset - cut) % 2);
        }
        if (i == 10) assert_ok(log_roll(w.log));
    }
    assert_ok(log_truncate_fully_and_start_at(w.log, 7));
    world_append_ok(&w, 1);
    assert_int_equal(world_read_at(&w, 7), 7);
    world_free(&w);
}

TEST(raising_the_start_hides_records_and_deletes_whole_segments_later)
{
    struct log_world w;
    world_init(&w, 1);
    smaller_segments(&w, 5000);
    for (int i = 0; i < 60; i++) world_append_ok(&w, 5);
    int64_t size = log_size_bytes(w.log);
    assert_int_equal(log_advance_start(w.log, 301), ERR_OUT_OF_RANGE);
    assert_ok(log_advance_start(w.log, 152));
    assert_int_equal(log_start_offset(w.log), 152);
    assert_true(log_size_bytes(w.log) < size);
    struct log_read_options o = {.offset = 151, .end_offset = 300, .bytes_max = 1};
    struct log_slice s;
    assert_int_equal(log_read(w.log, &o, &s), ERR_OUT_OF_RANGE);
    assert_int_equal(world_read_at(&w, 152), 150);
    sim_run_ms(w.sim, 70000);
    struct disk_stat st;
    assert_int_equal(disk_stat(w.env->disk, "/d/t-0/00000000000000000000.log.deleted", &st),
                     ERR_NOT_FOUND);
    world_reopen_clean(&w);
    assert_int_equal(log_start_offset(w.log), 152);
    world_free(&w);
}

static const int64_t hour_ms = 3600 * 1000;

TEST(a_wall_clock_that_leaps_ahead_deletes_nothing_unless_it_stays_so)
{
    struct log_world w;
    world_init(&w, 1);
    smaller_segments(&w, 5000);
    struct log_config *c = log_config_copy(w.config);
    c->retention_ms = 2 * hour_ms;
    log_set_config(w.log, c);
    for (int i = 0; i < 60; i++) world_append_ok(&w, 5);
    sim_run_ms(w.sim, 10000);
    sim_node_wall_step(w.node, 100 * hour_ms);
    sim_run_ms(w.sim, hour_ms / 2);
    log_dir_apply_retention(w.dir);
    assert_int_equal(log_start_offset(w.log), 0);
    sim_node_wall_step(w.node, -100 * hour_ms); /* set right */
    sim_run_ms(w.sim, hour_ms);
    log_dir_apply_retention(w.dir);
    assert_int_equal(log_start_offset(w.log), 0);
    sim_node_wall_step(w.node, 100 * hour_ms);
    sim_run_ms(w.sim, hour_ms + 60000); /* it has been wrong before */
    log_dir_apply_retention(w.dir);
    assert_int_equal(log_start_offset(w.log), 300);
    log_config_unref(c);
    world_free(&w);
}

TEST(flush_ms_is_no_matter_of_the_wall_clock)
{
    struct log_world w;
    world_init(&w, 1);
    w.flush_scheduler_ms = 1000;
    world_reopen_clean(&w);
    struct log_config *c = log_config_copy(w.config);
    c->flush_ms = 5000;
    log_set_config(w.log, c);
    world_append_ok(&w, 5);
    sim_node_wall_step(w.node, -hour_ms);
    sim_run_ms(w.sim, 7000);
    world_power_loss(&w, SIM_LOSS_ALL);
    assert_ok(world_open(&w));
    assert_int_equal(log_end_offset(w.log), 5);
    log_config_unref(c);
    world_free(&w);
}

TEST(retention_by_size_and_by_time_deletes_from_the_start_only)
{
    struct log_world w;
    world_init(&w, 1);
    smaller_segments(&w, 5000);
    for (int i = 0; i < 60; i++) world_append_ok(&w, 5);
    struct log_config *c = log_config_copy(w.config);
    c->retention_bytes = 12000;
    log_set_config(w.log, c);
    log_dir_apply_retention(w.dir);
    assert_true(log_size_bytes(w.log) >= 12000 && log_size_bytes(w.log) < 17000);
    int64_t start = log_start_offset(w.log);
    assert_true(start > 100);
    c->retention_ms = 1000;
    sim_run_ms(w.sim, 2000);
    log_dir_apply_retention(w.dir);
    assert_int_equal(log_start_offset(w.log),
                     300); /* everything is old: the active one was rolled */
    assert_int_equal(log_end_offset(w.log), 300);
    world_append_ok(&w, 1);
    assert_int_equal(w.result.base_offset, 300);
    log_config_unref(c);
    world_free(&w);
}

TEST(timestamps_find_the_first_record_at_or_after_them)
{
    struct log_world w;
    world_init(&w, 1);
    smaller_segments(&w, 8000);
    for (int i = 0; i < 100; i++) {
        struct built b = {.count = 10,
                          .timestamp = 1000 + i * 100,
                          .compression = (enum compression)(i % COMPRESSION_COUNT)};
        assert_int_equal(world_append(&w, &b), APPEND_OK);
    }
    struct timestamp_offset t;
    for (int restart = 0; restart < 2; restart++) {
        assert_ok(log_offset_for_timestamp(w.log, 0, &t));
        assert_int_equal(t.offset, 0);
        for (int i = 0; i < 100; i++) {
            assert_ok(log_offset_for_timestamp(w.log, 1000 + i * 100 + 4, &t));
            assert_int_equal(t.offset, i * 10 + 4);
            assert_int_equal(t.timestamp, 1004 + i * 100);
            assert_int_equal(t.leader_epoch, 1);
            if (i == 99) break;
            assert_ok(log_offset_for_timestamp(w.log, 1000 + i * 100 + 10, &t));
            assert_int_equal(t.offset, i * 10 + 10);
        }
        assert_ok(log_offset_for_timestamp(w.log, 1000000, &t));
        assert_int_equal(t.offset, -1);
        assert_ok(log_offset_of_max_timestamp(w.log, &t));
        assert_int_equal(t.offset, 999);
        if (!restart) world_reopen_clean(&w);
    }
    /* records that were deleted count for the largest timestamp until their segment goes */
    log_set_high_watermark(w.log, 1000);
    assert_ok(log_advance_start(w.log, 1000));
    assert_ok(log_offset_of_max_timestamp(w.log, &t));
    assert_int_equal(t.offset, 999);
    assert_ok(log_offset_for_timestamp(w.log, 0, &t));
    assert_int_equal(t.offset, -1);
    world_free(&w);
}

TEST(epochs_end_where_the_next_one_starts)
{
    struct log_world w;
    world_init(&w, 1);
    assert_ok(log_assign_epoch(w.log, 1, 0));
    world_append_ok(&w, 10);
    assert_ok(log_assign_epoch(w.log, 4, 10));
    struct append_options o = {.origin = APPEND_FROM_CLIENT, .leader_epoch = 4, .arena = &w.arena};
    struct built b = {.count = 5, .timestamp = 1};
    uint8_t *data;
    size_t len;
    world_build(&w, &b, &data, &len);
    log_append_as_leader(w.log, data, len, &o, &w.result);
    for (int restart = 0; restart < 2; restart++) {
        struct epoch_end e = log_epoch_end(w.log, 1);
        assert_true(e.epoch == 1 && e.end_offset == 10);
        e = log_epoch_end(w.log, 3);
        assert_true(e.epoch == 1 && e.end_offset == 10);
        e = log_epoch_end(w.log, 4);
        assert_true(e.epoch == 4 && e.end_offset == 15);
        e = log_epoch_end(w.log, 5);
        assert_true(e.epoch == -1 && e.end_offset == -1);
        e = log_epoch_end(w.log, 0);
        assert_true(e.epoch == 0 && e.end_offset == 0);
        assert_int_equal(log_epoch_at(w.log, 9), 1);
        if (!restart) world_reopen_clean(&w);
    }
    assert_ok(log_truncate_to(w.log, 10));
    assert_int_equal(log_latest_epoch(w.log), 1);
    world_free(&w);
}

TEST(a_follower_takes_whole_batches_and_refuses_what_does_not_follow)
{
    struct log_world w;
    world_init(&w, 1);
    struct built b = {.count = 5, .timestamp = 1};
    uint8_t *data, both[4000];
    size_t len;
    world_build(&w, &b, &data, &len);
    memcpy(both, data, len);
    memcpy(both + len, data, len);
    batch_set_base_offset(both, 0);
    batch_set_base_offset(both + len, 5);
    batch_set_leader_epoch(both, 3);
    batch_set_leader_epoch(both + len, 6);
    log_append_as_follower(w.log, both, 2 * len - 1, -1, &w.result); /* the second is cut */
    assert_int_equal(w.result.error, APPEND_OK);
    assert_int_equal(log_end_offset(w.log), 5);
    log_append_as_follower(w.log, both, len, -1, &w.result);
    assert_int_equal(w.result.error, APPEND_OFFSET_OUT_OF_ORDER);
    log_append_as_follower(w.log, both + len, len, 5, &w.result); /* a newer leader's */
    assert_int_equal(w.result.error, APPEND_OK);
    assert_int_equal(log_end_offset(w.log), 5);
    log_append_as_follower(w.log, both + len, len, 6, &w.result);
    assert_int_equal(log_end_offset(w.log), 10);
    assert_int_equal(log_latest_epoch(w.log), 6);
    both[len - 1] ^= 1;
    batch_set_base_offset(both, 10);
    log_append_as_follower(w.log, both, len, -1, &w.result);
    assert_int_equal(w.result.error, APPEND_CORRUPT);
    batch_set_base_offset(both + len, 100000); /* a gap that compaction left */
    log_append_as_follower(w.log, both + len, len, -1, &w.result);
    assert_int_equal(w.result.error, APPEND_OK);
    assert_int_equal(log_end_offset(w.log), 100005);
    assert_int_equal(world_read_at(&w, 11), 100000);
    batch_set_base_offset(both + len, 1LL << 40); /* out of the segment's reach */
    log_append_as_follower(w.log, both + len, len, -1, &w.result);
    assert_int_equal(w.result.error, APPEND_OK);
    assert_int_equal(world_read_all(&w), 20);
    world_free(&w);
}

TEST(an_open_transaction_holds_the_last_stable_offset_until_its_marker_is_replicated)
{
    struct log_world w;
    world_init(&w, 1);
    world_append_ok(&w, 10);
    struct built b = {
        .count = 2, .timestamp = 1, .producer_id = 42, .attributes = BATCH_TRANSACTIONAL};
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    world_append_ok(&w, 10);
    assert_int_equal(log_last_stable_offset(w.log), 10);
    struct built plain = {.count = 1, .timestamp = 1, .producer_id = 42, .sequence = 2};
    assert_int_equal(world_append(&w, &plain), APPEND_INVALID_TXN_STATE);
    for (int restart = 0; restart < 2; restart++) {
        if (restart) world_reopen_clean(&w);
        assert_int_equal(log_first_unstable_offset(w.log), 10);
    }
    assert_int_equal(world_append_marker(&w, 42, 0, false, 5), APPEND_OK);
    assert_int_equal(log_last_stable_offset(w.log), 10);
    log_set_high_watermark(w.log, log_end_offset(w.log));
    assert_int_equal(log_last_stable_offset(w.log), 23);
    assert_int_equal(world_append_marker(&w, 42, 0, true, 4), APPEND_COORDINATOR_FENCED);
    for (int restart = 0; restart < 3; restart++) {
        struct aborted_transaction *aborted;
        int32_t count;
        struct log_read_options o = {.offset = 0, .end_offset = 23, .bytes_max = 1 << 20};
        struct log_slice s;
        if (restart == 1) world_reopen_clean(&w);
        if (restart == 2) {
            world_crash(&w);
            assert_ok(world_open(&w));
        }
        assert_ok(log_read(w.log, &o, &s));
        assert_ok(log_aborted_transactions(w.log, 0, &s, &w.arena, &aborted, &count));
        assert_int_equal(count, 1);
        assert_true(aborted[0].producer_id == 42 && aborted[0].first_offset == 10);
        disk_file_unref(s.file);
    }
    world_free(&w);
}

TEST(hundreds_of_logs_close_and_open_again_with_everything_they_had)
{
    struct log_world w;
    world_init(&w, 1);
    struct log *logs[100];
    struct uuid id = {{1}};
    for (int i = 0; i < 100; i++)
        assert_ok(log_dir_create_log(w.dir, STR("many"), i, id, w.config, &logs[i]));
    assert_int_equal(log_dir_logs_count(w.dir), 101);
    assert_ok(log_dir_delete_log(w.dir, logs[3]));
    assert_null(log_dir_get(w.dir, STR("many"), 3));
    assert_ptr_equal(log_dir_get(w.dir, STR("many"), 99), logs[99]);
    for (int i = 10; i < 90; i++) {
        w.log = logs[i];
        assert_ok(log_assign_epoch(w.log, 1, 0));
        world_append_ok(&w, 3);
    }
    assert_ok(log_dir_close(w.dir, 7)); /* more than a few logs: the tree is synced */
    w.dir = NULL;
    world_power_loss(&w, SIM_LOSS_ALL);
    assert_ok(world_open(&w));
    assert_true(log_dir_was_clean(w.dir));
    assert_int_equal(log_dir_logs_count(w.dir), 100);
    for (int i = 10; i < 90; i++) {
        w.log = log_dir_get(w.dir, STR("many"), i);
        assert_int_equal(log_end_offset(w.log), 3);
        assert_int_equal(log_recovery_point(w.log), 3);
        assert_int_equal(log_latest_epoch(w.log), 1);
        assert_true(uuid_equal(log_topic_id(w.log), id));
        assert_int_equal(world_read_all(&w), 3);
    }
    world_free(&w);
}
