/* What a log is after its process or its machine died, or its disk failed, at any moment. */
#include "log_world.h"
#include "sim_fault_loop.h"
#include "test.h"

#include <stdio.h>

static void small_segments(struct log_world *w, int32_t bytes)
{
    struct log_config *c = log_config_copy(w->config);
    c->segment_bytes = bytes;
    log_config_unref(w->config);
    w->config = c;
    log_set_config(w->log, c);
}

TEST(a_killed_process_loses_no_record_that_was_appended)
{
    struct log_world w;
    world_init(&w, 1);
    small_segments(&w, 10000);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 30; i++) world_append_ok(&w, 5);
        if (round % 2) sim_run_ms(w.sim, 200000); /* checkpoints are written */
        world_crash(&w);
        assert_ok(world_open(&w));
        assert_false(log_dir_was_clean(w.dir));
        assert_int_equal(log_end_offset(w.log), (round + 1) * 150);
        assert_int_equal(world_read_all(&w), (round + 1) * 150);
        for (int64_t o = 0; o < log_end_offset(w.log); o += 11)
            assert_int_equal(world_read_at(&w, o), o / 5 * 5);
    }
    world_free(&w);
}

static void put(struct log_world *w, const char *path, const char *text)
{
    w->env = sim_node_env(w->sim, "n");
    assert_ok(disk_replace_file(w->env->disk, path, bytes_of(text, strlen(text))));
}

TEST(leader_epochs_whose_file_is_damaged_are_taken_from_the_batches)
{
    static const char *const damaged[] = {"",         "1\n2\n1 0\n", "0\nx\n", "0\n1\n2 x\n",
                                          "\377\377", NULL};
    for (int clean = 0; clean <= 1; clean++)
        for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
            struct log_world w;
            world_init(&w, 1);
            small_segments(&w, 3000);
            for (int32_t epoch = 1; epoch <= 4; epoch++) {
                w.leader_epoch = epoch;
                assert_ok(log_assign_epoch(w.log, epoch, log_end_offset(w.log)));
                for (int k = 0; k < 10; k++) world_append_ok(&w, 5);
            }
            if (!clean) sim_run_ms(w.sim, 200000); /* checkpoints are written */
            clean ? world_close(&w) : world_crash(&w);
            if (damaged[i])
                put(&w, "/d/t-0/leader-epoch-checkpoint", damaged[i]);
            else
                assert_ok(
                    disk_unlink(sim_node_env(w.sim, "n")->disk, "/d/t-0/leader-epoch-checkpoint"));
            for (int again = 0; again <= 1; again++) { /* and the file is whole from then on */
                assert_ok(world_open(&w));
                assert_int_equal(log_latest_epoch(w.log), 4);
                for (int32_t epoch = 1; epoch <= 4; epoch++)
                    assert_int_equal(log_epoch_end(w.log, epoch).end_offset, epoch * 50);
                assert_int_equal(world_read_all(&w), 200);
                world_close(&w);
            }
            assert_ok(world_open(&w));
            world_free(&w);
        }
}

TEST(the_metadata_log_keeps_its_records_when_its_topic_id_is_damaged)
{
    static const char path[] = "/d/__cluster_metadata-0/partition.metadata";
    struct log_world w;
    world_init(&w, 1);
    struct log *log;
    assert_ok(log_dir_open_metadata_log(w.dir, w.config, &log));
    world_close(&w);
    put(&w, path, "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAg\n");
    assert_ok(world_open(&w));
    assert_ok(log_dir_open_metadata_log(w.dir, w.config, &log));
    assert_true(uuid_equal(log_topic_id(log), UUID_METADATA_TOPIC));
    world_close(&w);
    assert_ok(world_open(&w));
    assert_ok(log_dir_open_metadata_log(w.dir, w.config, &log));
    struct bytes text;
    assert_ok(disk_read_file(w.env->disk, path, 4096, &w.arena, &text));
    static const char right[] = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ";
    assert_int_equal(text.len, strlen(right));
    assert_memory_equal(text.data, right, strlen(right));
    world_free(&w);
}

TEST(a_marker_of_a_clean_stop_that_nobody_wrote_vouches_for_nothing)
{
    struct log_world w;
    world_init(&w, 1);
    world_append_ok(&w, 5);
    world_close(&w);
    static char text[8192];
    memset(text, '9', 8191);
    put(&w, "/d/.kafka_cleanshutdown", text);
    assert_ok(world_open(&w));
    assert_false(log_dir_was_clean(w.dir));
    assert_int_equal(world_read_all(&w), 5);
    world_free(&w);
}

TEST(power_loss_keeps_what_was_flushed_and_a_sound_log)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct log_world w;
        world_init(&w, seed);
        struct prng p = sim_fork(w.sim, "test");
        small_segments(&w, 6000);
        for (int round = 0; round < 4; round++) {
            int64_t flushed = log_end_offset(w.log);
            assert_ok(log_flush(w.log));
            for (int64_t i = prng_between(&p, 1, 40); i > 0; i--) {
                world_append_ok(&w, (int32_t)prng_between(&p, 1, 8));
                if (prng_chance(&p, 1, 20)) {
                    assert_ok(log_flush(w.log));
                    flushed = log_end_offset(w.log);
                }
                if (prng_chance(&p, 1, 10)) sim_run_ms(w.sim, prng_between(&p, 1, 70000));
            }
            world_power_loss(&w, prng_chance(&p, 1, 3) ? SIM_LOSS_ALL : SIM_LOSS_RANDOM);
            assert_ok(world_open(&w));
            assert_true(log_end_offset(w.log) >= flushed);
            assert_int_equal(world_read_all(&w), log_end_offset(w.log));
            world_append_ok(&w, 3);
        }
        world_reopen_clean(&w);
        assert_int_equal(world_read_all(&w), log_end_offset(w.log));
        world_free(&w);
    }
}

TEST(idempotence_survives_a_crash)
{
    struct log_world w;
    world_init(&w, 1);
    small_segments(&w, 3000);
    struct built b = {.count = 5, .timestamp = clock_wall(w.env->clock).ms, .producer_id = 42};
    for (int i = 0; i < 20; i++) {
        b.sequence = i * 5;
        assert_int_equal(world_append(&w, &b), APPEND_OK);
    }
    world_crash(&w);
    assert_ok(world_open(&w));
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    assert_true(w.result.duplicate);
    assert_int_equal(w.result.base_offset, 95);
    b.sequence = 100;
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    assert_int_equal(w.result.base_offset, 100);
    world_free(&w);
}

TEST(rot_behind_the_recovery_point_cuts_the_log_there)
{
    struct log_world w;
    world_init(&w, 1);
    small_segments(&w, 5000);
    for (int i = 0; i < 40; i++) world_append_ok(&w, 5);
    world_crash(&w);
    assert_ok(sim_disk_flip(w.node, "/d/t-0/00000000000000000000.log", 1500, 4));
    assert_ok(world_open(&w));
    assert_true(log_end_offset(w.log) < 15 && log_end_offset(w.log) > 0);
    assert_int_equal(world_read_all(&w), log_end_offset(w.log));
    struct disk_entry *entries;
    int32_t count, logs = 0;
    assert_ok(disk_list(w.env->disk, "/d/t-0", &w.arena, &entries, &count));
    for (int32_t i = 0; i < count; i++) logs += strstr(entries[i].name, ".log") ? 1 : 0;
    assert_int_equal(logs, 1);
    world_append_ok(&w, 5);
    world_free(&w);
}

TEST(a_torn_snapshot_falls_back_to_an_older_one)
{
    struct log_world w;
    world_init(&w, 1);
    small_segments(&w, 3000);
    struct built b = {.count = 5, .timestamp = clock_wall(w.env->clock).ms, .producer_id = 42};
    for (int i = 0; i < 20; i++) {
        b.sequence = i * 5;
        assert_int_equal(world_append(&w, &b), APPEND_OK);
    }
    world_close(&w);
    assert_ok(sim_disk_flip(w.node, "/d/t-0/00000000000000000100.snapshot", 30, 255));
    assert_ok(world_open(&w));
    assert_int_equal(world_append(&w, &b), APPEND_OK);
    assert_true(w.result.duplicate);
    world_free(&w);
}

TEST(a_full_disk_refuses_appends_keeps_reads_and_recovers_without_a_restart)
{
    SIM_FAULT_LOOP(loop) {
        struct log_world w;
        world_init(&w, 3);
        small_segments(&w, 5000);
        world_append_ok(&w, 5);
        int64_t kept = 5;
        bool hit = false;
        sim_budget_arm(&loop, w.node, 700);
        for (int i = 0; i < 20; i++) {
            struct built b = {.count = 5, .timestamp = clock_wall(w.env->clock).ms};
            enum append_error e = world_append(&w, &b);
            if (e == APPEND_OK) {
                kept += 5;
            } else {
                assert_int_equal(e, APPEND_NO_SPACE);
                hit = true;
            }
            assert_int_equal(log_end_offset(w.log), kept);
        }
        assert_int_equal(world_read_all(&w), kept);
        sim_budget_done(&loop, w.node, hit);
        assert_false(log_dir_is_offline(w.dir));
        world_append_ok(&w, 5);
        assert_int_equal(w.result.base_offset, kept);
        world_reopen_clean(&w);
        assert_int_equal(world_read_all(&w), kept + 5);
        world_free(&w);
    }
}

/* Everything a log does, with any one operation failing: nothing that was flushed may be lost, and
 * the directory is either sound or offline. */
static void fault_round(struct sim_fault_loop *loop, unsigned ops, enum err error)
{
    struct log_world w;
    world_init(&w, 5);
    small_segments(&w, 5000);
    for (int i = 0; i < 5; i++) world_append_ok(&w, 5);
    assert_ok(log_flush(w.log));
    int64_t flushed = 25, appended = 25;
    sim_fault_arm(loop, w.node, ops, error);
    for (int i = 0; i < 12; i++) {
        struct built b = {.count = 5,
                          .timestamp = clock_wall(w.env->clock).ms,
                          .producer_id = 9,
                          .sequence = (int32_t)(appended - 25)};
        if (world_append(&w, &b) == APPEND_OK) appended += 5;
        if (i % 4 == 3 && !log_flush(w.log)) flushed = appended;
    }
    sim_run_ms(w.sim, 100000);
    enum err e = log_dir_close(w.dir, 1);
    w.dir = NULL;
    if (!e) flushed = appended;
    sim_fault_done(loop, w.node);
    world_power_loss(&w, SIM_LOSS_ALL);
    assert_ok(world_open(&w));
    assert_true(log_end_offset(w.log) >= flushed);
    assert_int_equal(world_read_all(&w), log_end_offset(w.log));
    world_append_ok(&w, 1);
    world_free(&w);
}

TEST(any_failing_operation_leaves_what_was_flushed)
{
    SIM_FAULT_LOOP(loop) fault_round(&loop, SIM_ANY, ERR_IO);
}

TEST(any_operation_without_room_leaves_what_was_flushed)
{
    SIM_FAULT_LOOP(loop) fault_round(&loop, SIM_WRITE | SIM_OPEN | SIM_NAME, ERR_NO_SPACE);
}

TEST(any_failing_operation_while_loading_can_be_repeated)
{
    SIM_FAULT_LOOP(loop) {
        struct log_world w;
        world_init(&w, 5);
        small_segments(&w, 5000);
        for (int i = 0; i < 20; i++) world_append_ok(&w, 5);
        assert_ok(log_flush(w.log));
        world_crash(&w);
        w.env = sim_node_env(w.sim, "n");
        sim_fault_arm(&loop, w.node, SIM_ANY, ERR_IO);
        enum err e = world_open(&w);
        sim_fault_done(&loop, w.node);
        assert_true(e == ERR_OK || loop.hit);
        world_crash(&w);
        assert_ok(world_open(&w));
        assert_int_equal(world_read_all(&w), 100);
        world_free(&w);
    }
}

TEST(a_failed_directory_says_so_once_and_answers_offline)
{
    struct log_world w;
    world_init(&w, 1);
    world_append_ok(&w, 5);
    sim_disk_fail(w.node, SIM_SYNC, 1, ERR_IO, false);
    assert_int_equal(log_flush(w.log), ERR_IO);
    assert_true(log_dir_is_offline(w.dir));
    assert_false(w.offline);
    sim_run_ms(w.sim, 1);
    assert_true(w.offline);
    struct built b = {.count = 1, .timestamp = 1};
    assert_int_equal(world_append(&w, &b), APPEND_STORAGE);
    assert_int_equal(log_flush(w.log), ERR_OFFLINE);
    assert_int_equal(log_truncate_to(w.log, 0), ERR_OFFLINE);
    world_free(&w);
}

TEST(a_lost_tail_never_lets_deleted_offsets_come_back)
{
    struct log_world w;
    world_init(&w, 1);
    for (int i = 0; i < 10; i++) world_append_ok(&w, 5);
    assert_ok(log_advance_start(w.log, 40));
    assert_ok(log_dir_checkpoint(w.dir));
    world_power_loss(&w, SIM_LOSS_ALL);
    assert_ok(world_open(&w));
    assert_int_equal(log_start_offset(w.log), 40);
    assert_int_equal(log_end_offset(w.log), 40);
    world_append_ok(&w, 1);
    assert_int_equal(w.result.base_offset, 40);
    world_free(&w);
}

/* A read of recovery gave wrong bytes, so batches that are sound were cut with the rest. */
TEST(what_recovery_cuts_does_not_come_back_with_the_next_loss_of_power)
{
    struct log_world w;
    world_init(&w, 1);
    for (int i = 0; i < 10; i++) world_append_ok(&w, 5);
    assert_ok(log_flush(w.log));
    world_crash(&w);
    sim_disk_misread(w.node, SIM_MISREAD_MISDIRECTED, "/00000000000000000000.log", 1);
    assert_ok(world_open(&w));
    assert_int_equal(sim_disk_misreads(w.node), 1);
    int64_t end = log_end_offset(w.log);
    assert_true(end < 50);
    world_append_ok(&w, 1);
    world_power_loss(&w, SIM_LOSS_ALL);
    assert_ok(world_open(&w));
    assert_int_equal(log_end_offset(w.log), end);
    world_free(&w);
}

/* The new segment is synced, so the recovery point lies in it: but the cut of the one before must
 * be as durable, or its end comes back below. */
TEST(a_cut_is_synced_with_what_follows_it_in_a_new_segment)
{
    struct log_world w;
    world_init(&w, 1);
    struct log_config *flushing = log_config_copy(w.config);
    flushing->flush_messages = 1;
    log_config_unref(w.config);
    w.config = flushing;
    log_set_config(w.log, flushing);
    for (int i = 0; i < 10; i++) world_append_ok(&w, 5);
    int32_t half = (int32_t)(log_size_bytes(w.log) / 2);
    assert_ok(log_truncate_to(w.log, 25));
    small_segments(&w, half);
    for (int i = 0; i < 2; i++) world_append_ok(&w, 5);
    assert_int_equal(log_end_offset(w.log), 35);
    assert_int_equal(log_dir_checkpoint(w.dir), ERR_OK);
    world_power_loss(&w, SIM_LOSS_ALL);
    assert_ok(world_open(&w));
    assert_int_equal(log_end_offset(w.log), 35);
    assert_int_equal(world_read_all(&w), 35);
    world_free(&w);
}

TEST(what_was_durable_and_is_cut_does_not_come_back)
{
    struct log_world w;
    world_init(&w, 1);
    for (int i = 0; i < 10; i++) world_append_ok(&w, 5);
    world_reopen_clean(&w);
    assert_ok(log_truncate_to(w.log, 25));
    world_append_ok(&w, 1);
    log_set_high_watermark(w.log, 26);
    assert_ok(log_dir_checkpoint(w.dir));
    world_power_loss(&w, SIM_LOSS_ALL);
    assert_ok(world_open(&w));
    assert_int_equal(log_end_offset(w.log), 25);
    world_free(&w);
}

/* A topic that is deleted and made again, or a replica that goes and comes back. */
TEST(what_checkpoints_say_of_a_log_that_went_does_not_vouch_for_a_new_one_of_its_name)
{
    for (int restarted = 0; restarted < 2; restarted++) {
        struct log_world w;
        world_init(&w, 1);
        world_append_ok(&w, 50);
        assert_ok(log_flush(w.log));
        assert_ok(log_dir_checkpoint(w.dir));
        assert_ok(log_dir_delete_log(w.dir, w.log));
        if (restarted) world_crash(&w); /* before a checkpoint could tell */
        assert_ok(restarted ? world_open(&w) : world_make(&w));
        assert_int_equal(log_end_offset(w.log), 0);
        struct built b = {.count = 20, .timestamp = 1};
        assert_int_equal(world_append(&w, &b), APPEND_OK);
        world_crash(&w);
        assert_ok(world_open(&w));
        assert_int_equal(log_end_offset(w.log), 20);
        assert_int_equal(log_high_watermark(w.log), 0);
        assert_int_equal(log_recovery_point(w.log), 0);
        world_free(&w);
    }
}

/* Durable by the disk's doing: recovery does not know it, and the recovery point lies below. */
TEST(what_survived_and_is_cut_does_not_come_back)
{
    struct log_world w;
    world_init(&w, 1);
    for (int i = 0; i < 10; i++) world_append_ok(&w, 5);
    assert_ok(log_flush(w.log));
    world_crash(&w);
    assert_ok(world_open(&w));
    assert_ok(log_truncate_to(w.log, 45));
    world_append_ok(&w, 1);
    log_set_high_watermark(w.log, 46);
    assert_ok(log_dir_checkpoint(w.dir));
    world_power_loss(&w, SIM_LOSS_ALL);
    assert_ok(world_open(&w));
    assert_int_equal(log_end_offset(w.log), 45);
    world_free(&w);
}

/* Each segment is synced once or twice, however many are rolled before the disk has taken one. */
TEST(a_log_that_rolls_faster_than_its_disk_syncs_is_not_walked_for_each_segment)
{
    enum { SEGMENTS = 300, OPS_PER_SEGMENT_MAX = 40 };
    struct log_world w;
    world_init(&w, 1);
    small_segments(&w, 1000);
    sim_disk_sync_delay(w.node, 1000, 2000);
    for (int i = 0; i < SEGMENTS; i++) world_append_ok(&w, 5);
    int64_t before = sim_disk_ops(w.node);
    sim_run_ms(w.sim, 5000);
    assert_in_range(sim_disk_ops(w.node) - before, SEGMENTS, SEGMENTS * OPS_PER_SEGMENT_MAX);
    world_power_loss(&w, SIM_LOSS_ALL);
    assert_ok(world_open(&w));
    assert_in_range(log_end_offset(w.log), 5 * (SEGMENTS - 2), 5 * SEGMENTS);
    world_free(&w);
}

TEST(directories_kafka_leaves_behind_are_understood)
{
    struct log_world w;
    world_init(&w, 1);
    world_close(&w);
    w.env = sim_node_env(w.sim, "n");
    struct disk *d = w.env->disk;
    assert_ok(disk_mkdir(d, "/d/gone-0.0123456789abcdef0123456789abcdef-delete"));
    assert_ok(disk_mkdir(d, "/d/old-1.0123456789abcdef0123456789abcdef-stray"));
    assert_ok(disk_mkdir(d, "/d/__cluster_metadata-0"));
    assert_ok(disk_mkdir(d, "/d/remote-log-index-cache"));
    assert_ok(world_open(&w));
    assert_int_equal(log_dir_logs_count(w.dir), 1);
    sim_run_ms(w.sim, 70000);
    struct disk_stat st;
    assert_int_equal(disk_stat(d, "/d/gone-0.0123456789abcdef0123456789abcdef-delete", &st),
                     ERR_NOT_FOUND);
    assert_ok(disk_stat(d, "/d/old-1.0123456789abcdef0123456789abcdef-stray", &st));
    world_close(&w);
    w.env = sim_node_env(w.sim, "n");
    assert_ok(disk_mkdir(w.env->disk, "/d/nodash"));
    assert_int_equal(world_open(&w), ERR_INVALID);
    assert_ok(disk_remove_tree(w.env->disk, "/d/nodash"));
    w.env = sim_node_env(w.sim, "n");
    assert_ok(disk_mkdir(w.env->disk, "/d/t-00")); /* t-0 has a directory of its own */
    assert_int_equal(world_open(&w), ERR_INVALID);
    world_free(&w);
}
