/* A log that finds no descriptor, or no room, at any one moment: it passes, and nothing is lost,
 * forgotten or taken offline by it. */
#include "log_world.h"
#include "sim_fault_loop.h"
#include "test.h"

/* What a file may need a descriptor for: one that is open may have had to give its own away. */
enum { FILE_OPS = SIM_OPEN | SIM_READ | SIM_WRITE };

static void small_segments(struct log_world *w, int32_t bytes)
{
    struct log_config *c = log_config_copy(w->config);
    c->segment_bytes = bytes;
    c->index_interval_bytes = 100;
    log_config_unref(w->config);
    w->config = c;
    log_set_config(w->log, c);
}

/* Five segments or so, each with transactions that were aborted: 52 records with their markers. */
static void fill(struct log_world *w)
{
    small_segments(w, 1500);
    for (int i = 0; i < 4; i++) {
        struct built b = {.count = 2,
                          .timestamp = 1,
                          .producer_id = 42,
                          .sequence = 2 * i,
                          .attributes = BATCH_TRANSACTIONAL};
        world_append_ok(w, 10);
        assert_int_equal(world_append(w, &b), APPEND_OK);
        assert_int_equal(world_append_marker(w, 42, 0, false, 5), APPEND_OK);
    }
    log_set_high_watermark(w->log, log_end_offset(w->log));
    assert_int_equal(log_end_offset(w->log), 52);
}

TEST(recovery_without_descriptors_cuts_nothing)
{
    SIM_FAULT_LOOP(loop) {
        struct log_world w;
        world_init(&w, 5);
        fill(&w);
        world_crash(&w);
        w.env = sim_node_env(w.sim, "n");
        sim_fault_arm(&loop, w.node, FILE_OPS, ERR_NO_DESCRIPTORS);
        enum err e = world_open(&w);
        sim_fault_done(&loop, w.node);
        assert_true(e == ERR_OK || loop.hit);
        world_crash(&w);
        assert_ok(world_open(&w));
        assert_int_equal(world_read_all(&w), 52);
        world_free(&w);
    }
}

TEST(a_directory_that_could_not_be_loaded_for_want_of_room_is_offline)
{
    struct log_world w;
    world_init(&w, 5);
    fill(&w);
    world_crash(&w);
    struct log_dir_options o = log_dir_options_default();
    o.path = "/d";
    o.config = w.config;
    w.env = sim_node_env(w.sim, "n");
    assert_ok(log_dir_open(w.env, &o, &w.dir));
    sim_disk_fail(w.node, SIM_WRITE, 1, ERR_NO_SPACE, true);
    assert_int_equal(log_dir_load(w.dir), ERR_NO_SPACE);
    assert_true(log_dir_is_offline(w.dir));
    sim_disk_fail(w.node, SIM_ANY, 0, ERR_OK, false);
    world_free(&w);
}

TEST(an_append_after_one_that_found_no_descriptor_is_taken)
{
    SIM_FAULT_LOOP(loop) {
        struct log_world w;
        world_init(&w, 5);
        fill(&w);
        world_reopen_clean(&w);
        sim_fault_arm(&loop, w.node, FILE_OPS, ERR_NO_DESCRIPTORS);
        struct built b = {.count = 3, .timestamp = 1};
        enum append_error first = world_append(&w, &b);
        sim_fault_done(&loop, w.node);
        assert_int_equal(first, loop.hit ? APPEND_NO_SPACE : APPEND_OK);
        if (first) world_append_ok(&w, 3);
        assert_int_equal(world_read_all(&w), 55);
        world_free(&w);
    }
}

/* Whatever was cut when it failed, the log goes on from there without a hole. */
static void cut_with_faults(int64_t to, bool restart)
{
    SIM_FAULT_LOOP(loop) {
        struct log_world w;
        world_init(&w, 5);
        fill(&w);
        world_reopen_clean(&w);
        sim_fault_arm(&loop, w.node, FILE_OPS, ERR_NO_DESCRIPTORS);
        enum err e =
            restart ? log_truncate_fully_and_start_at(w.log, to) : log_truncate_to(w.log, to);
        sim_fault_done(&loop, w.node);
        assert_int_equal(e, loop.hit ? ERR_NO_DESCRIPTORS : ERR_OK);
        assert_false(log_dir_is_offline(w.dir));
        int64_t end = log_end_offset(w.log);
        assert_true(log_high_watermark(w.log) <= end);
        world_append_ok(&w, 3);
        assert_int_equal(world_read_at(&w, end), end);
        assert_int_equal(world_read_all(&w), log_end_offset(w.log) - log_start_offset(w.log));
        world_crash(&w);
        assert_ok(world_open(&w));
        assert_int_equal(log_end_offset(w.log), end + 3);
        world_free(&w);
    }
}

TEST(a_truncation_that_found_no_descriptor_leaves_a_log_without_holes)
{
    cut_with_faults(15, false);
}

TEST(a_restart_that_found_no_descriptor_leaves_a_log_without_holes)
{
    cut_with_faults(100, true);
}

TEST(a_file_that_cannot_be_deleted_for_want_of_descriptors_is_deleted_later)
{
    struct log_world w;
    world_init(&w, 5);
    fill(&w);
    int64_t full = sim_disk_used(w.node);
    assert_ok(log_advance_start(w.log, 50));
    sim_disk_fail(w.node, SIM_NAME, 1, ERR_NO_DESCRIPTORS, true);
    sim_run_ms(w.sim, 61000); /* file.delete.delay.ms */
    assert_false(log_dir_is_offline(w.dir));
    sim_disk_fail(w.node, SIM_ANY, 0, ERR_OK, false);
    sim_run_ms(w.sim, 2000);
    assert_false(log_dir_is_offline(w.dir));
    assert_true(sim_disk_used(w.node) < full / 2);
    world_free(&w);
}

TEST(a_read_that_finds_no_descriptor_may_be_asked_again)
{
    SIM_FAULT_LOOP(loop) {
        struct log_world w;
        world_init(&w, 5);
        fill(&w);
        struct arena arena;
        arena_init(&arena, 0);
        struct bytes batches;
        struct timestamp_offset found;
        sim_fault_arm(&loop, w.node, FILE_OPS, ERR_NO_DESCRIPTORS);
        enum err e = log_read_batches(w.log, 3, 52, 100, &arena, &batches);
        enum err f = log_offset_for_timestamp(w.log, 1, &found);
        sim_fault_done(&loop, w.node);
        assert_int_equal(e ? e : f, loop.hit ? ERR_NO_DESCRIPTORS : ERR_OK);
        assert_false(log_dir_is_offline(w.dir));
        arena_free(&arena);
        world_free(&w);
    }
}
