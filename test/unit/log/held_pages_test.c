/* After a sync that failed the system holds pages for written that are not, until the power goes.
 * What a process finds in them when it is started again, and lets others rely on, must be on the
 * disk first. */
#include "log_world.h"
#include "sim_fault_loop.h"
#include "test.h"

#include <stdio.h>

#include "base/mem.h"
#include "log/log_future.h"

static const char mark[] = "/d/.samsa_disk_failed";

static bool is_marked(const struct log_world *w)
{
    return sim_disk_peek(w->node, mark).data != NULL;
}

static void configure(struct log_world *w, int32_t segment_bytes)
{
    struct log_config *c = log_config_copy(w->config);
    c->segment_bytes = segment_bytes;
    log_config_unref(w->config);
    w->config = c;
    log_set_config(w->log, c);
}

/* 150 records in several segments; of some of them the recovery point knows. */
static void fill(struct log_world *w)
{
    configure(w, 3000);
    for (int i = 0; i < 15; i++) {
        struct built b = {.count = 5,
                          .timestamp = clock_wall(w->env->clock).ms,
                          .producer_id = 42,
                          .sequence = 5 * i};
        world_append_ok(w, 5);
        assert_int_equal(world_append(w, &b), APPEND_OK);
        if (i == 7) {
            assert_ok(log_flush(w->log));
            assert_ok(log_dir_checkpoint(w->dir));
        }
    }
}

TEST(what_was_found_after_a_failed_sync_survives_the_next_loss_of_power)
{
    int32_t whole = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct log_world w;
        world_init(&w, seed);
        fill(&w);
        sim_disk_fail(w.node, SIM_SYNC, 1 + (int64_t)seed % 5, ERR_IO, false);
        assert_int_equal(log_flush(w.log), ERR_IO);
        assert_true(is_marked(&w));
        world_crash(&w);
        assert_ok(world_open(&w));
        assert_false(is_marked(&w));
        int64_t found = log_end_offset(w.log);
        assert_true(found >= 80);
        whole += found == 150;
        assert_int_equal(world_read_all(&w), found);
        assert_ok(log_flush(w.log)); /* says that all is well */
        world_power_loss(&w, seed % 2 ? SIM_LOSS_ALL : SIM_LOSS_RANDOM);
        assert_ok(world_open(&w));
        assert_int_equal(log_end_offset(w.log), found);
        assert_int_equal(world_read_all(&w), found);
        if (found == 150) {
            struct built b = {.count = 5, .timestamp = 1, .producer_id = 42, .sequence = 70};
            assert_int_equal(world_append(&w, &b), APPEND_OK);
            assert_true(w.result.duplicate);
        }
        world_free(&w);
    }
    assert_in_range(whole, 5, 39); /* the pages are held as they were, or read from the disk */
}

/* Any sync, in the course of a log's life: of records, indexes, names, epochs, checkpoints. */
TEST(any_sync_may_fail_and_what_is_found_then_is_on_the_disk)
{
    SIM_FAULT_LOOP(loop) {
        struct log_world w;
        world_init(&w, loop.n > 0 ? (uint64_t)loop.n : 1);
        configure(&w, 3000);
        sim_fault_arm(&loop, w.node, SIM_SYNC | SIM_SYNC_DIR, ERR_IO);
        for (int i = 0; i < 8; i++) {
            struct built b = {.count = 5, .timestamp = clock_wall(w.env->clock).ms};
            if (world_append(&w, &b) != APPEND_OK) break;
            if (i == 4) sim_run_ms(w.sim, 70000); /* segments, names and checkpoints are synced */
        }
        int64_t end = log_end_offset(w.log);
        enum err e = log_dir_close(w.dir, 7);
        w.dir = NULL;
        sim_fault_done(&loop, w.node);
        assert_int_equal(loop.hit, is_marked(&w));
        assert_true(e == ERR_OK || loop.hit);
        sim_node_crash(w.node);
        assert_ok(world_open(&w));
        assert_int_equal(log_dir_was_clean(w.dir), !loop.hit);
        int64_t found = log_end_offset(w.log);
        assert_true(found <= end);
        assert_ok(log_flush(w.log));
        world_power_loss(&w, SIM_LOSS_ALL);
        assert_ok(world_open(&w));
        assert_int_equal(log_end_offset(w.log), found);
        assert_int_equal(world_read_all(&w), found);
        world_free(&w);
    }
}

TEST(while_it_cannot_be_written_again_the_directory_stays_marked_and_closed)
{
    SIM_FAULT_LOOP(loop) {
        struct log_world w;
        world_init(&w, 3);
        fill(&w);
        sim_disk_fail(w.node, SIM_SYNC, 1, ERR_IO, false);
        assert_int_equal(log_flush(w.log), ERR_IO);
        world_crash(&w);
        w.env = sim_node_env(w.sim, "n");
        sim_fault_arm(&loop, w.node, SIM_ANY, ERR_IO);
        enum err e = world_open(&w);
        sim_fault_done(&loop, w.node);
        assert_true(loop.hit ? e == ERR_OK || is_marked(&w) || w.dir == NULL : e == ERR_OK);
        if (w.dir)
            world_crash(&w);
        else
            sim_node_crash(w.node);
        assert_ok(world_open(&w));
        assert_false(is_marked(&w));
        int64_t found = log_end_offset(w.log);
        world_power_loss(&w, SIM_LOSS_ALL);
        assert_ok(world_open(&w));
        assert_int_equal(log_end_offset(w.log), found);
        world_free(&w);
    }
}

/* Where one of several directories may be missing, the node goes on without it. */
TEST(one_that_fails_again_while_it_is_written_is_offline_from_the_start)
{
    struct log_world w;
    world_init(&w, 1);
    world_append_ok(&w, 5);
    sim_disk_fail(w.node, SIM_SYNC, 1, ERR_IO, false);
    assert_int_equal(log_flush(w.log), ERR_IO);
    world_crash(&w);
    w.env = sim_node_env(w.sim, "n");
    struct log_dir_options o = log_dir_options_default();
    o.path = "/d";
    o.config = w.config;
    o.may_be_offline = true;
    sim_disk_fail(w.node, SIM_SYNC, 1, ERR_IO, true);
    assert_ok(log_dir_open(w.env, &o, &w.dir));
    assert_true(log_dir_is_offline(w.dir));
    assert_true(is_marked(&w));
    assert_int_equal(log_dir_load(w.dir), ERR_OFFLINE);
    world_free(&w);
}

TEST(what_cannot_be_marked_at_once_is_marked_when_it_is_closed)
{
    struct log_world w;
    world_init(&w, 1);
    world_append_ok(&w, 5);
    sim_disk_fail(w.node, SIM_SYNC | SIM_OPEN, 1, ERR_IO, true);
    assert_int_equal(log_flush(w.log), ERR_IO);
    assert_false(is_marked(&w));
    sim_disk_fail(w.node, SIM_ANY, 0, ERR_OK, false);
    assert_int_equal(log_dir_close(w.dir, 1), ERR_OFFLINE);
    w.dir = NULL;
    assert_true(is_marked(&w));
    world_free(&w);
}

TEST(no_room_and_bytes_that_make_no_sense_mark_nothing)
{
    struct log_world w;
    world_init(&w, 1);
    log_dir_fail(w.dir, ERR_CORRUPT, "a test");
    assert_false(is_marked(&w));
    assert_true(log_dir_is_offline(w.dir));
    world_free(&w);
}

/* /e: a log that moves here, and the metadata log. */
static struct log_dir *open_other(struct log_world *w, struct log **metadata)
{
    struct log_dir_options o = log_dir_options_default();
    struct log_dir *other;
    o.path = "/e";
    o.config = w->config;
    assert_ok(log_dir_open(w->env, &o, &other));
    assert_ok(log_dir_load(other));
    assert_ok(log_dir_open_metadata_log(other, w->config, metadata));
    return other;
}

static void append_to(struct log_world *w, struct log *log)
{
    struct log *t = w->log;
    w->log = log;
    for (int k = 0; k < 9; k++) world_append_ok(w, 5);
    w->log = t;
}

TEST(a_log_that_moves_in_and_the_metadata_log_are_written_again_too)
{
    int32_t whole = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct log_world w;
        struct log *metadata, *future;
        world_init(&w, seed);
        struct log_dir *other = open_other(&w, &metadata);
        assert_ok(log_dir_create_future(other, w.log, w.config, &future));
        append_to(&w, future);
        append_to(&w, metadata);
        sim_disk_fail(w.node, SIM_SYNC, 1, ERR_IO, false);
        assert_int_equal(log_flush(seed % 2 ? future : metadata), ERR_IO);
        world_crash(&w);
        log_dir_abandon(other);
        w.env = sim_node_env(w.sim, "n");
        other = open_other(&w, &metadata);
        int64_t found = log_end_offset(log_dir_future_at(other, 0));
        int64_t found_metadata = log_end_offset(metadata);
        whole += found == 45 && found_metadata == 45;
        sim_node_power_loss(w.node, SIM_LOSS_ALL);
        log_dir_abandon(other);
        w.env = sim_node_env(w.sim, "n");
        other = open_other(&w, &metadata);
        assert_int_equal(log_end_offset(log_dir_future_at(other, 0)), found);
        assert_int_equal(log_end_offset(metadata), found_metadata);
        log_dir_abandon(other);
        world_free(&w);
    }
    assert_in_range(whole, 4, 19);
}

TEST(segments_written_again_are_as_old_as_before)
{
    static const char path[] = "/d/t-0/00000000000000000000.log";
    int32_t whole = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct log_world w;
        struct disk_stat before, after;
        world_init(&w, seed);
        world_append_ok(&w, 5);
        sim_disk_fail(w.node, SIM_SYNC, 1, ERR_IO, false);
        assert_int_equal(log_flush(w.log), ERR_IO);
        assert_ok(disk_stat(w.env->disk, path, &before));
        sim_run_ms(w.sim, 1000000);
        world_crash(&w);
        assert_ok(world_open(&w));
        assert_ok(disk_stat(w.env->disk, path, &after));
        bool cut = log_end_offset(w.log) < 5;
        whole += !cut;
        assert_int_equal(after.modified_ms > before.modified_ms, cut);
        world_free(&w);
    }
    assert_in_range(whole, 1, 9);
}

/* Memory is bounded, so is each write. */
TEST(segments_larger_than_one_write_are_written_whole)
{
    int32_t whole = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct log_world w;
        world_init(&w, seed);
        configure(&w, 64 << 20);
        for (int i = 0; i < 40; i++) {
            struct built b = {.count = 2, .timestamp = 1, .value_bytes = 100000};
            assert_int_equal(world_append(&w, &b), APPEND_OK);
        }
        sim_disk_fail(w.node, SIM_SYNC, 1, ERR_IO, false);
        assert_int_equal(log_flush(w.log), ERR_IO);
        world_crash(&w);
        assert_ok(world_open(&w));
        int64_t found = log_end_offset(w.log);
        whole += found == 80;
        world_power_loss(&w, SIM_LOSS_ALL);
        assert_ok(world_open(&w));
        assert_int_equal(log_end_offset(w.log), found);
        world_free(&w);
    }
    assert_in_range(whole, 1, 5);
}
