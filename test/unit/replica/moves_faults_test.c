/* A move between directories whose disk fails, or whose machine dies, at every step: what was
 * durable stays, there are never two current logs, and the move is over or goes on. */
#include "moves_world.h"
#include "sim_fault_loop.h"

#include "test.h"

enum { FLUSHED = 30 };

/* What must be there after a loss of power. */
static int64_t durable_end(const struct moves_world *w, int64_t before)
{
    int64_t now = w->r->log ? log_recovery_point(w->r->log) : 0;
    return now > before ? now : before;
}

/* Turns of the loop, with records coming in and a controller that answers; never two current logs
 * in between. Returns what is durable at the end. */
static int64_t go(struct moves_world *w, int64_t durable, int *appended)
{
    for (int i = 0; i < 60; i++) {
        sim_run_ms(w->sim, 1);
        assert_true(moves_current_logs(w) <= 1);
        durable = durable_end(w, durable);
        if (i % 7 == 3 && moves_append(w, 300)) ++*appended;
        if (i % 5 == 4) moves_answer(w);
    }
    return durable;
}

static void prepare(struct moves_world *w, uint64_t seed)
{
    moves_open(w, seed);
    w->segment_bytes = 6000;
    replica_manager_topic_config_changed(w->replicas, STR_NULL);
    moves_append_ok(w, FLUSHED, 300);
    assert_ok(log_flush(w->r->log));
    sim_run_ms(w->sim, 6000);
}

/* What is on the disk is sound: started again, the move ends, with at least `least` records. */
static void check_after(struct moves_world *w, int64_t least)
{
    assert_true(moves_current_logs(w) <= 1);
    moves_start(w);
    w->epoch++;
    w->asked = UUID_ZERO;
    w->answers_at_once = true;
    moves_host(w);
    assert_non_null(w->r->log);
    assert_int_equal(moves_current_logs(w), 1);
    assert_true(w->r->core.log_end_offset >= least);
    assert_int_equal(moves_check_records(w->r->log), w->r->core.log_end_offset);
    replica_manager_put_strays_aside(w->replicas);
    moves_append_ok(w, 2, 300);
    moves_settle(w, 3000);
    assert_null(w->r->move);
    assert_int_equal(moves_check_records(w->r->log), w->r->core.log_end_offset);
    assert_int_equal(moves_current_logs(w), 1);
    if (moves_to(w, "/c") == KAFKA_NONE) moves_settle(w, 3000);
    assert_int_equal(moves_place(w), 'c');
    assert_int_equal(moves_check_records(w->r->log), w->r->core.log_end_offset);
    moves_close(w);
}

/* As an operator who is answered, or a directory of which is lost, leaves metadata behind. */
static void end_with_power(struct moves_world *w, enum sim_loss loss)
{
    sim_node_power_loss(w->node, loss);
    moves_abandon(w);
}

TEST(power_that_is_lost_at_any_step_loses_nothing_durable)
{
    for (int loss = 0; loss < 2; loss++) {
        SIM_FAULT_LOOP(loop) {
            struct moves_world w;
            int appended = FLUSHED;
            prepare(&w, (uint64_t)loop.n);
            sim_fault_arm_for_ever(&loop, w.node, SIM_ANY, ERR_IO);
            /* the disk does nothing any more from some step on: so it is when the power fails */
            int64_t durable = FLUSHED;
            if (moves_to(&w, "/b") == KAFKA_NONE) durable = go(&w, durable, &appended);
            sim_fault_done(&loop, w.node);
            /* what the broker could still tell the controller was never told */
            if (uuid_equal(w.assigned, DIRECTORY_LOST)) w.assigned = UUID_SMALL(200);
            end_with_power(&w, loss ? SIM_LOSS_ALL : SIM_LOSS_RANDOM);
            check_after(&w, durable);
        }
    }
}

TEST(a_process_that_is_killed_at_any_step_loses_nothing)
{
    SIM_FAULT_LOOP(loop) {
        struct moves_world w;
        int appended = FLUSHED;
        prepare(&w, 3);
        /* a sync that fails loses what it was to write, as no kill does */
        sim_fault_arm_for_ever(&loop, w.node, SIM_ANY & ~(unsigned)SIM_SYNC, ERR_IO);
        if (moves_to(&w, "/b") == KAFKA_NONE) (void)go(&w, FLUSHED, &appended);
        sim_fault_done(&loop, w.node);
        if (uuid_equal(w.assigned, DIRECTORY_LOST)) w.assigned = UUID_SMALL(200);
        sim_node_crash(w.node);
        moves_abandon(&w);
        check_after(&w, appended);
    }
}

TEST(any_one_operation_may_fail)
{
    SIM_FAULT_LOOP(loop) {
        struct moves_world w;
        int appended = FLUSHED;
        prepare(&w, 5);
        sim_fault_arm(&loop, w.node, SIM_ANY, ERR_IO);
        int64_t durable = FLUSHED;
        if (moves_to(&w, "/b") == KAFKA_NONE) durable = go(&w, durable, &appended);
        sim_fault_done(&loop, w.node);
        if (w.r->log && !log_dir_is_offline(log_directory(
                            w.r->log))) /* whichever directory is lost: the other goes on */
            assert_int_equal(moves_check_records(w.r->log), w.r->core.log_end_offset);
        moves_answer(&w);
        end_with_power(&w, SIM_LOSS_ALL);
        check_after(&w, durable);
    }
}

TEST(room_and_descriptors_that_lack_hold_it_up_and_break_nothing)
{
    static const enum err errors[] = {ERR_NO_SPACE, ERR_NO_DESCRIPTORS};
    for (int i = 0; i < 2; i++) {
        unsigned ops = i == 0 ? SIM_WRITE | SIM_OPEN | SIM_NAME : SIM_OPEN;
        SIM_FAULT_LOOP(loop) {
            struct moves_world w;
            int appended = FLUSHED;
            prepare(&w, 7);
            sim_fault_arm(&loop, w.node, ops, errors[i]);
            enum kafka_error e = moves_to(&w, "/b");
            (void)go(&w, FLUSHED, &appended);
            sim_fault_done(&loop, w.node);
            if (e) assert_int_equal(moves_to(&w, "/b"), KAFKA_NONE);
            for (int k = 0; k < 5 && moves_place(&w) != 'b'; k++) {
                moves_answer(&w);
                moves_settle(&w, 1100);
            }
            assert_int_equal(moves_place(&w), 'b');
            assert_int_equal(moves_check_records(w.r->log), appended);
            moves_close(&w);
        }
    }
}
