/* Replicas on their way into another directory: what the copy is at each moment, and who is
 * told. */
#include "moves_world.h"

#include <stdio.h>

#include "test.h"

static bool holds(struct moves_world *w, const char *path, const char *line)
{
    struct bytes text = sim_disk_peek(w->node, path);
    char all[4096];
    if (!text.data || text.len >= (int64_t)sizeof all) return false;
    memcpy(all, text.data, (size_t)text.len);
    all[text.len] = 0;
    return strstr(all, line) != NULL;
}

/* 40 records in /a, and a copy of them in /b that is level; the controller has not answered. */
static void open_level(struct moves_world *w)
{
    moves_open(w, 1);
    moves_append_ok(w, 40, 1000);
    assert_int_equal(moves_to(w, "/b"), KAFKA_NONE);
    moves_settle(w, 100);
}

TEST(a_replica_moves_in_bounded_turns_and_is_appended_to_meanwhile)
{
    struct moves_world w;
    moves_open(&w, 1);
    moves_append_ok(&w, 2000, 1000);
    assert_int_equal(moves_to(&w, "/b"), KAFKA_NONE);
    struct log *future = w.r->move->future;
    assert_int_equal(moves_named(&w, "/b", "t-0.", "-future"), 1);
    int64_t before = 0;
    int turns = 0;
    while (log_end_offset(future) < log_end_offset(w.r->log)) {
        assert_true(sim_step(w.sim));
        int64_t grown = log_size_bytes(future) - before;
        assert_true(grown <= MOVE_BYTES_PER_TURN);
        before += grown;
        if (grown > 0 && turns++ < 20) moves_append_ok(&w, 10, 1000);
    }
    assert_true(turns > 8);
    assert_int_equal(moves_place(&w), 'a');
    moves_settle(&w, 100);
    assert_int_equal(w.asks, 1);
    assert_true(uuid_equal(w.asked, UUID_SMALL(201)));
    assert_true(log_recovery_point(future) > 0); /* synced before anybody was told */
    assert_int_equal(moves_place(&w), 'a');      /* not before the controller has it */
    moves_append_ok(&w, 3, 1000);
    moves_answer(&w);
    moves_settle(&w, 10);
    assert_int_equal(moves_place(&w), 'b');
    assert_null(w.r->move);
    assert_int_equal(replica_manager_moves_count(w.replicas), 0);
    assert_int_equal(moves_current_logs(&w), 1);
    assert_int_equal(moves_named(&w, "/a", "t-0.", "-delete"), 1);
    assert_int_equal(moves_check_records(w.r->log), w.r->core.log_end_offset);
    moves_append_ok(&w, 5, 100);
    assert_int_equal(moves_check_records(w.r->log), w.r->core.log_end_offset);
    moves_settle(&w, 61000);
    assert_int_equal(moves_named(&w, "/a", "t-0", ""), 0);
    moves_close(&w);
}

/* The last step waits for the disk, and with it the loop: what came while the copy was synced and
 * the controller asked is to be durable before. */
TEST(what_comes_while_the_controller_is_asked_is_synced_beside_the_loop)
{
    struct moves_world w;
    open_level(&w);
    moves_append_ok(&w, 200, 1000);
    struct log *future = w.r->move->future;
    sim_disk_sync_delay(w.node, 20000, 20000);
    moves_answer(&w);
    int64_t synced = 0;
    sim_run_ms(w.sim, 10);
    assert_int_equal(w.r->move->core.state, MOVING_SETTLING);
    moves_append_ok(&w, 2, 1000); /* these it waits for */
    while (w.r->move) {
        synced = log_recovery_point(future);
        assert_true(sim_step(w.sim));
    }
    assert_int_equal(moves_place(&w), 'b');
    assert_int_equal(log_end_offset(future), 242);
    assert_int_equal(synced, 240);
    assert_int_equal(log_recovery_point(future), 242);
    moves_close(&w);
}

TEST(checkpoints_of_both_directories_follow_soon)
{
    struct moves_world w;
    moves_open(&w, 1);
    moves_append_ok(&w, 20, 100);
    assert_ok(log_flush(w.r->log));
    moves_settle(&w, 61000);
    assert_true(holds(&w, "/a/recovery-point-offset-checkpoint", "t 0 20\n"));
    assert_int_equal(moves_to(&w, "/c"), KAFKA_NONE);
    moves_settle(&w, 61000); /* a copy stands in the checkpoints of its directory */
    assert_true(holds(&w, "/c/recovery-point-offset-checkpoint", "t 0 20\n"));
    assert_true(holds(&w, "/c/replication-offset-checkpoint", "t 0 20\n"));
    moves_answer(&w);
    moves_settle(&w, 100);
    assert_int_equal(moves_place(&w), 'c');
    assert_false(holds(&w, "/a/recovery-point-offset-checkpoint", "t 0"));
    assert_true(holds(&w, "/c/recovery-point-offset-checkpoint", "t 0 20\n"));
    moves_close(&w);
}

TEST(every_verdict_of_kafka)
{
    struct moves_world w;
    moves_open(&w, 1);
    char name[256];
    memset(name, 'x', sizeof name);
    assert_int_equal(moves_to(&w, "/d"), KAFKA_LOG_DIR_NOT_FOUND);
    assert_int_equal(moves_to(&w, "/a"), KAFKA_NONE); /* it is there */
    assert_int_equal(replica_manager_moves_count(w.replicas), 0);
    struct str fits = {name, 255 - 42}, longer = {name, 255 - 41};
    assert_int_equal(replica_manager_move(w.replicas, fits, 0, STR("/b")),
                     KAFKA_REPLICA_NOT_AVAILABLE);
    assert_int_equal(replica_manager_move(w.replicas, longer, 0, STR("/b")),
                     KAFKA_INVALID_TOPIC_EXCEPTION);
    log_dir_set_cordoned(w.dirs[1], true);
    assert_int_equal(moves_to(&w, "/b"), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    log_dir_fail(w.dirs[1], ERR_IO, "test");
    moves_settle(&w, 1);
    assert_int_equal(moves_to(&w, "/b"), KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(moves_to(&w, "/c"), KAFKA_KAFKA_STORAGE_ERROR); /* a copy may lie in "b" */
    log_dir_fail(w.dirs[0], ERR_IO, "test");
    moves_settle(&w, 1);
    assert_int_equal(moves_to(&w, "/c"), KAFKA_KAFKA_STORAGE_ERROR);
    moves_close(&w);
}

TEST(a_directory_is_remembered_for_a_replica_that_comes_later)
{
    struct moves_world w;
    moves_open(&w, 1);
    assert_int_equal(replica_manager_move(w.replicas, STR("u"), 0, STR("/c")),
                     KAFKA_REPLICA_NOT_AVAILABLE);
    int32_t self = MOVES_SELF;
    struct partition_target t = {.topic_id = UUID_SMALL(8),
                                 .topic = STR("u"),
                                 .leader = self,
                                 .replicas = &self,
                                 .replicas_count = 1,
                                 .isr = &self,
                                 .isr_count = 1,
                                 .directory = UUID_SMALL(201)};
    replica_manager_apply(w.replicas, &t, 1);
    assert_int_equal(moves_named(&w, "/c", "u-0", ""), 1);
    t.topic_id = UUID_SMALL(9);
    replica_manager_apply(w.replicas, &t, 1); /* it counted once */
    assert_int_equal(moves_named(&w, "/b", "u-0", ""), 1);
    moves_close(&w);
}

TEST(no_more_than_so_many_directories_are_remembered)
{
    struct moves_world w;
    moves_open(&w, 1);
    for (int32_t i = 0; i < PREFERRED_DIRS_MAX; i++)
        assert_int_equal(replica_manager_move(w.replicas, STR("many"), i, STR("/c")),
                         KAFKA_REPLICA_NOT_AVAILABLE);
    assert_int_equal(replica_manager_move(w.replicas, STR("u"), 0, STR("/c")),
                     KAFKA_REPLICA_NOT_AVAILABLE);
    int32_t self = MOVES_SELF;
    struct partition_target t = {.topic_id = UUID_SMALL(8),
                                 .topic = STR("u"),
                                 .leader = self,
                                 .replicas = &self,
                                 .replicas_count = 1,
                                 .isr = &self,
                                 .isr_count = 1,
                                 .directory = UUID_SMALL(201)};
    replica_manager_apply(w.replicas, &t, 1);
    assert_int_equal(moves_named(&w, "/b", "u-0", ""), 1); /* it was the one too many */
    moves_close(&w);
}

TEST(another_directory_takes_the_place_of_the_one_under_way)
{
    struct moves_world w;
    moves_open(&w, 1);
    moves_append_ok(&w, 50, 1000);
    assert_int_equal(moves_to(&w, "/b"), KAFKA_NONE);
    moves_settle(&w, 100);
    assert_int_equal(w.asks, 1);
    assert_int_equal(moves_to(&w, "/b"), KAFKA_NONE); /* the same again changes nothing */
    assert_int_equal(w.asks, 1);
    assert_int_equal(moves_to(&w, "/c"), KAFKA_NONE);
    assert_int_equal(moves_named(&w, "/b", "t-0.", "-future"), 0);
    assert_int_equal(moves_named(&w, "/b", "t-0.", "-delete"), 1);
    assert_true(uuid_equal(w.asked, UUID_SMALL(200))); /* it was told "b": taken back */
    moves_answer(&w);
    moves_settle(&w, 100);
    assert_true(uuid_equal(w.asked, UUID_SMALL(202)));
    assert_int_equal(moves_to(&w, "/a"), KAFKA_NONE); /* given up */
    assert_null(w.r->move);
    assert_true(uuid_equal(w.asked, UUID_SMALL(200)));
    moves_settle(&w, 100);
    assert_int_equal(moves_place(&w), 'a');
    assert_int_equal(moves_check_records(w.r->log), 50);
    assert_int_equal(moves_named(&w, "/c", "t-0.", "-future"), 0);
    moves_close(&w);
}

TEST(an_empty_log_moves_too)
{
    struct moves_world w;
    moves_open(&w, 1);
    w.answers_at_once = true;
    assert_int_equal(moves_to(&w, "/b"), KAFKA_NONE);
    moves_settle(&w, 100);
    assert_int_equal(moves_place(&w), 'b');
    assert_true(sim_disk_peek(w.node, "/b/t-0/partition.metadata").len > 0);
    moves_append_ok(&w, 3, 100);
    assert_int_equal(moves_check_records(w.r->log), 3);
    moves_close(&w);
}

/* As a follower of broker 2: from its log. */
static void follow(struct moves_world *w)
{
    w->leader = 2;
    w->epoch++;
    moves_host(w);
    assert_int_equal(w->r->core.role, PARTITION_FOLLOWER);
}

static void lead(struct moves_world *w)
{
    w->leader = MOVES_SELF;
    w->epoch++;
    moves_host(w);
    assert_int_equal(w->r->core.role, PARTITION_LEADER);
}

TEST(what_is_cut_from_the_log_is_cut_from_the_copy)
{
    struct moves_world w;
    open_level(&w);
    struct log *future = w.r->move->future;
    assert_int_equal(log_end_offset(future), 40);
    follow(&w);
    assert_ok(replica_cut(w.r, 25));
    assert_int_equal(log_end_offset(future), 25); /* at once */
    lead(&w);
    moves_append_ok(&w, 10, 500);
    moves_answer(&w);
    moves_settle(&w, 100);
    assert_int_equal(moves_place(&w), 'b');
    assert_int_equal(moves_check_records(w.r->log), 35);
    assert_int_equal(log_epoch_end(w.r->log, 0).end_offset, 25);
    moves_close(&w);
}

TEST(a_log_that_begins_anew_makes_its_copy_begin_anew)
{
    struct moves_world w;
    open_level(&w);
    follow(&w);
    assert_ok(replica_restart(w.r, 1000));
    lead(&w);
    moves_append_ok(&w, 10, 500);
    moves_answer(&w);
    moves_settle(&w, 100);
    assert_int_equal(moves_place(&w), 'b');
    assert_int_equal(log_start_offset(w.r->log), 1000);
    assert_int_equal(moves_check_records(w.r->log), 10);
    moves_close(&w);
}

TEST(an_epoch_without_a_record_goes_along)
{
    struct moves_world w;
    moves_open(&w, 1);
    moves_append_ok(&w, 4, 100);
    follow(&w);
    lead(&w); /* epoch 2 begins at 4 */
    w.answers_at_once = true;
    assert_int_equal(moves_to(&w, "/b"), KAFKA_NONE);
    moves_settle(&w, 100);
    assert_int_equal(moves_place(&w), 'b');
    assert_int_equal(log_latest_epoch(w.r->log), 2);
    assert_int_equal(log_epoch_end(w.r->log, 1).end_offset, 4);
    moves_close(&w);
}

TEST(deleted_records_are_gone_when_the_copy_has_lost_them_too)
{
    struct moves_world w;
    moves_open(&w, 1);
    w.segment_bytes = 20000;
    replica_manager_topic_config_changed(w.replicas, STR_NULL);
    moves_append_ok(&w, 100, 1000);
    replica_manager_set_move_throttle(w.replicas, 10000);
    assert_int_equal(moves_to(&w, "/b"), KAFKA_NONE);
    moves_settle(&w, 1000);
    struct log *future = w.r->move->future;
    assert_true(log_end_offset(future) > 0 && log_end_offset(future) < 60);
    int64_t wanted;
    assert_int_equal(replica_delete_records(w.r, 60, &wanted), KAFKA_NONE);
    assert_int_equal(replica_low_watermark(w.r), 0);
    moves_settle(&w, 1500);
    assert_int_equal(replica_low_watermark(w.r), 60); /* the copy has begun anew there */
    assert_int_equal(replica_delete_records(w.r, 61, &wanted), KAFKA_NONE);
    replica_manager_set_move_throttle(w.replicas, INT64_MAX);
    moves_settle(&w, 2000);
    assert_int_equal(log_start_offset(future), 61);
    moves_answer(&w);
    moves_settle(&w, 100);
    assert_int_equal(moves_place(&w), 'b');
    assert_int_equal(moves_check_records(w.r->log), 39);
    moves_close(&w);
}

TEST(the_rate_is_kept)
{
    struct moves_world w;
    moves_open(&w, 1);
    moves_append_ok(&w, 400, 1000);
    replica_manager_set_move_throttle(w.replicas, 20000);
    assert_int_equal(moves_to(&w, "/b"), KAFKA_NONE);
    moves_settle(&w, 10000);
    int64_t copied = log_size_bytes(w.r->move->future);
    assert_true(copied > 100000 && copied < 300000);
    replica_manager_set_move_throttle(w.replicas, INT64_MAX);
    moves_settle(&w, 2000);
    assert_int_equal(log_end_offset(w.r->move->future), 400);
    moves_close(&w);
}

TEST(a_deleted_partition_takes_its_copy_along)
{
    struct moves_world w;
    moves_open(&w, 1);
    moves_append_ok(&w, 400, 1000);
    assert_int_equal(moves_to(&w, "/b"), KAFKA_NONE);
    sim_step(w.sim);
    replica_manager_remove(w.replicas, UUID_SMALL(7), 0);
    w.r = NULL;
    moves_settle(&w, 100);
    assert_int_equal(replica_manager_moves_count(w.replicas), 0);
    assert_int_equal(moves_named(&w, "/a", "t-0.", "-delete"), 1);
    assert_int_equal(moves_named(&w, "/b", "t-0.", "-delete"), 1);
    assert_int_equal(moves_named(&w, "/b", "t-0.", "-future"), 0);
    moves_close(&w);
}

TEST(a_move_goes_on_after_a_clean_stop_and_after_a_kill)
{
    for (int killed = 0; killed < 2; killed++) {
        struct moves_world w;
        moves_open(&w, 1);
        moves_append_ok(&w, 600, 1000);
        assert_int_equal(moves_to(&w, "/b"), KAFKA_NONE);
        while (log_end_offset(w.r->move->future) == 0) sim_step(w.sim);
        int64_t copied = log_end_offset(w.r->move->future);
        assert_true(copied < 600);
        if (killed) {
            sim_node_crash(w.node);
            moves_abandon(&w);
        } else {
            moves_stop_clean(&w);
        }
        moves_start(&w);
        for (int i = 0; i < MOVES_DIRS; i++) assert_true(killed || log_dir_was_clean(w.dirs[i]));
        moves_host(&w);
        assert_non_null(w.r->move);
        assert_int_equal(log_end_offset(w.r->move->future), copied);
        replica_manager_put_strays_aside(w.replicas);
        moves_settle(&w, 100);
        moves_answer(&w);
        moves_settle(&w, 100);
        assert_int_equal(moves_place(&w), 'b');
        assert_int_equal(moves_check_records(w.r->log), 600);
        moves_close(&w);
    }
}

TEST(a_copy_that_differs_after_a_restart_is_cut_where_it_differs)
{
    struct moves_world w;
    moves_open(&w, 1);
    moves_append_ok(&w, 40, 1000);
    assert_ok(log_flush(w.r->log));
    moves_append_ok(&w, 20, 1000); /* not flushed */
    assert_int_equal(moves_to(&w, "/b"), KAFKA_NONE);
    moves_settle(&w, 100); /* the copy is */
    sim_node_power_loss(w.node, SIM_LOSS_ALL);
    moves_abandon(&w);
    moves_start(&w);
    w.epoch++;
    moves_host(&w);
    assert_int_equal(w.r->core.log_end_offset, 40);
    assert_int_equal(log_end_offset(w.r->move->future), 60);
    moves_append_ok(&w, 5, 77);
    w.answers_at_once = true;
    moves_settle(&w, 100);
    assert_int_equal(moves_place(&w), 'b');
    assert_int_equal(moves_check_records(w.r->log), 45);
    assert_int_equal(log_epoch_end(w.r->log, 0).end_offset, 40);
    moves_close(&w);
}

TEST(a_failed_new_directory_leaves_the_replica_where_it_is)
{
    struct moves_world w;
    open_level(&w);
    moves_answer(&w); /* taken, but not yet replaced */
    log_dir_fail(w.dirs[1], ERR_IO, "test");
    moves_settle(&w, 100);
    assert_null(w.r->move);
    assert_int_equal(moves_place(&w), 'a');
    assert_true(uuid_equal(w.asked, UUID_SMALL(200)));
    moves_append_ok(&w, 1, 100);
    moves_close(&w);
}

TEST(a_failed_old_directory_loses_the_replica_whatever_the_controller_was_told)
{
    struct moves_world w;
    open_level(&w);
    log_dir_fail(w.dirs[0], ERR_IO, "test");
    moves_settle(&w, 1);
    assert_null(w.r->move);
    assert_int_equal(w.r->core.role, PARTITION_OFFLINE);
    assert_true(uuid_equal(w.asked, DIRECTORY_LOST));
    assert_int_equal(moves_named(&w, "/b", "t-0.", "-future"), 1);
    moves_close(&w);
}

TEST(of_two_current_logs_the_one_counts_that_metadata_names)
{
    struct moves_world w;
    moves_open(&w, 1);
    moves_append_ok(&w, 7, 100);
    struct log *twin;
    assert_ok(log_dir_create_log(w.dirs[1], STR("t"), 0, UUID_SMALL(7), w.r->topic->config, &twin));
    moves_stop_clean(&w);
    w.assigned = UUID_SMALL(201);
    moves_start(&w);
    moves_host(&w);
    replica_manager_put_strays_aside(w.replicas);
    assert_int_equal(moves_place(&w), 'b');
    assert_int_equal(moves_named(&w, "/a", "t-0.", "-stray"), 1);
    assert_int_equal(moves_current_logs(&w), 1);
    moves_close(&w);
}

TEST(a_copy_whose_log_is_gone_is_no_replica)
{
    struct moves_world w;
    open_level(&w);
    moves_answer(&w); /* metadata has it in "b" now */
    sim_node_power_loss(w.node, SIM_LOSS_ALL);
    moves_abandon(&w);
    assert_ok(sim_disk_vanish(w.node, "/a/t-0"));
    moves_start(&w);
    moves_host(&w);
    assert_int_equal(w.r->core.role, PARTITION_OFFLINE); /* no empty log that counts as in sync */
    assert_true(uuid_equal(w.asked, DIRECTORY_LOST));
    replica_manager_put_strays_aside(w.replicas);
    assert_int_equal(moves_named(&w, "/b", "t-0.", "-stray"), 1);
    assert_int_equal(moves_current_logs(&w), 0);
    moves_close(&w);
}

TEST(a_topic_that_syncs_every_record_is_copied_without_doing_so)
{
    struct moves_world w;
    moves_open(&w, 1);
    w.flush_messages = 1;
    replica_manager_topic_config_changed(w.replicas, STR_NULL);
    moves_append_ok(&w, 40, 1000);
    assert_int_equal(moves_to(&w, "/b"), KAFKA_NONE);
    assert_true(log_config_of(w.r->move->future)->flush_messages == INT64_MAX);
    moves_settle(&w, 100);
    moves_append_ok(&w, 2, 1000);
    moves_answer(&w);
    moves_settle(&w, 100);
    assert_int_equal(moves_place(&w), 'b');
    assert_int_equal(log_recovery_point(w.r->log), 42); /* nothing less durable than it was */
    assert_int_equal(log_config_of(w.r->log)->flush_messages, 1);
    moves_close(&w);
}
