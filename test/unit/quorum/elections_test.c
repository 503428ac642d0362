/* Who leads, and what becomes of records, over processes and machines that die. */
#include "quorum_world.h"

static void isolate(struct world *w, int32_t id, bool cut)
{
    sim_net_isolate(w->members[id].machine, cut);
}

TEST(one_voter_leads_at_once_and_commits)
{
    struct world *w = world_new(1, 1, 1, false);
    world_start_all(w);
    assert_int_equal(world_await_leader(w), 1);
    world_write(w, 10);
    world_crash(w, 1);
    world_start(w, 1);
    assert_int_equal(world_await_leader(w), 1);
    assert_int_equal(quorum_epoch(world_quorum(w, 1)), 2);
    world_write(w, 1);
    world_converge(w);
    world_free(w);
}

TEST(three_voters_elect_one_and_all_are_told_the_same)
{
    struct world *w = world_running(2, 3, 3, false, 100);
    world_converge(w);
    for (int32_t id = 1; id <= 3; id++) assert_int_equal(w->members[id].leader_id, world_leader(w));
    world_free(w);
}

TEST(a_killed_leader_is_replaced_and_follows_when_it_returns)
{
    struct world *w = world_running(3, 3, 3, false, 20);
    int32_t old = world_leader(w);
    world_crash(w, old);
    int32_t new = world_await_leader(w);
    assert_int_not_equal(new, old);
    world_write(w, 20);
    world_start(w, old);
    world_converge(w);
    assert_false(quorum_is_leader(world_quorum(w, old)));
    assert_true(quorum_is_voter(world_quorum(w, old)));
    world_free(w);
}

TEST(two_of_three_do_not_commit_alone_one_by_one)
{
    struct world *w = world_running(4, 3, 3, false, 5);
    int32_t leader = world_leader(w);
    for (int32_t id = 1; id <= 3; id++)
        if (id != leader) world_crash(w, id);
    int32_t before = w->acknowledged_count;
    assert_true(world_append(w, leader));
    sim_run_ms(w->sim, 20000);
    assert_int_equal(w->acknowledged_count, before);
    assert_false(quorum_is_leader(world_quorum(w, leader))); /* check-quorum */
    world_start_all(w);
    world_write(w, 5);
    world_converge(w);
    world_free(w);
}

TEST(a_leader_that_is_cut_off_commits_nothing_and_loses_what_it_took)
{
    struct world *w = world_running(5, 3, 3, false, 5);
    int32_t old = world_leader(w);
    isolate(w, old, true);
    int32_t before = w->acknowledged_count;
    for (int i = 0; i < 10; i++) assert_true(world_append(w, old));
    world_until(w, world_leader(w) != old && world_leader(w) != 0);
    world_write(w, 1);
    assert_int_equal(w->acknowledged_count, before + 1);
    isolate(w, old, false);
    world_converge(w);
    assert_false(quorum_is_leader(world_quorum(w, old)));
    world_free(w);
}

TEST(what_was_acknowledged_survives_the_power_loss_of_all)
{
    for (uint64_t seed = 10; seed < 30; seed++) {
        struct world *w = world_new(seed, 3, 3, seed % 2);
        world_start_all(w);
        for (int round = 0; round < 4; round++) {
            world_write(w, 10);
            for (int i = 0; i < 10; i++) world_append(w, world_leader(w)); /* not waited for */
            sim_run_ms(w->sim, (int64_t)prng_below(&w->prng, 30));
            for (int32_t id = 1; id <= 3; id++)
                world_power_loss(w, id, round % 2 ? SIM_LOSS_ALL : SIM_LOSS_RANDOM);
            world_start_all(w);
        }
        world_converge(w);
        world_free(w);
    }
}

TEST(records_gather_while_others_are_under_way_but_not_longer_than_the_linger)
{
    enum { SLOW_US = 1000000 };
    struct world *w = world_running(13, 3, 3, false, 5);
    world_converge(w);
    int32_t leader = world_leader(w), follower = leader % 3 + 1;
    struct quorum *q = world_quorum(w, leader), *f = world_quorum(w, follower);
    world_crash(w, follower % 3 + 1);
    sim_run_ms(w->sim, 600);
    sim_disk_sync_delay(w->members[leader].machine, SLOW_US, SLOW_US);
    assert_true(world_append(w, leader)); /* at once */
    sim_run_ms(w->sim, 5);
    assert_int_equal(quorum_end_offset(f), quorum_end_offset(q));
    assert_true(world_append(w, leader)); /* while that is under way */
    sim_run_ms(w->sim, 10);
    assert_int_equal(quorum_end_offset(f), quorum_end_offset(q) - 1);
    sim_run_ms(w->sim, 20);
    assert_int_equal(quorum_end_offset(f), quorum_end_offset(q));
    assert_true(quorum_high_watermark(q) < quorum_end_offset(q) - 1);
    world_until(w, quorum_high_watermark(q) == quorum_end_offset(q));
    world_free(w);
}

/* A follower is killed between write and sync: its next process finds the records, and what it says
 * of them must hold when power goes. */
TEST(what_a_killed_process_left_unsynced_is_synced_before_it_counts)
{
    enum { NEVER_US = 1000000000 };
    struct world *w = world_running(12, 3, 3, false, 5);
    world_converge(w);
    int32_t leader = world_leader(w), follower = leader % 3 + 1, other = follower % 3 + 1;
    struct sim_node *machine = w->members[follower].machine;
    world_crash(w, other);
    sim_disk_sync_delay(machine, NEVER_US, NEVER_US);
    int64_t end = quorum_end_offset(world_quorum(w, leader));
    assert_true(world_append(w, leader));
    world_until(w, quorum_end_offset(world_quorum(w, follower)) > end);
    int32_t before = w->acknowledged_count;
    sim_run_ms(w->sim, 500);
    assert_int_equal(w->acknowledged_count, before); /* one disk of three has it */
    world_crash(w, follower);
    world_start(w, follower);
    world_until(w, w->acknowledged_count > before);
    world_power_loss(w, follower, SIM_LOSS_ALL);
    world_crash(w, leader); /* for good */
    sim_disk_sync_delay(machine, 100, 2000);
    world_start(w, follower);
    world_start(w, other);
    world_write(w, 1);
    world_converge(w);
    world_free(w);
}

TEST(a_failed_sync_takes_the_node_down)
{
    struct world *w = world_running(6, 3, 3, false, 5);
    int32_t leader = world_leader(w);
    sim_disk_fail(w->members[leader].machine, SIM_SYNC, 1, ERR_IO, false);
    world_append(w, leader);
    world_until(w, w->members[leader].failed);
    world_crash(w, leader);
    sim_disk_fail(w->members[leader].machine, 0, 0, ERR_OK, false);
    world_write(w, 5);
    world_start(w, leader);
    world_converge(w);
    world_free(w);
}

TEST(a_follower_without_room_waits_for_some_and_goes_on)
{
    struct world *w = world_running(7, 3, 3, false, 5);
    int32_t follower = world_leader(w) % 3 + 1;
    struct sim_node *machine = w->members[follower].machine;
    sim_disk_budget(machine, sim_disk_used(machine));
    world_write(w, 200);
    sim_run_ms(w->sim, 5000);
    assert_null(w->members[follower].failed);
    sim_disk_budget(machine, -1);
    world_converge(w);
    world_free(w);
}

/* Neither to follow with, nor for quorum-state and the roll of a leader's log. */
TEST(without_descriptors_every_node_waits_for_some_and_goes_on)
{
    struct world *w = world_new(17, 3, 3, false);
    for (int32_t id = 1; id <= 3; id++) w->members[id].options.segment_bytes = 2000;
    world_start_all(w);
    world_write(w, 5);
    unsigned ops = SIM_OPEN | SIM_READ | SIM_WRITE;
    for (int32_t round = 0; round < 6; round++) {
        int32_t id = round % 3 + 1;
        struct sim_node *machine = w->members[id].machine;
        sim_disk_fail(machine, ops, 1, ERR_NO_DESCRIPTORS, true);
        if (round % 2) quorum_resign(world_quorum(w, world_leader(w)), world_leader(w));
        for (int i = 0; i < 100; i++) {
            int32_t leader = world_leader(w);
            if (leader) world_append(w, leader);
            sim_run_ms(w->sim, 50);
        }
        sim_disk_fail(machine, ops, 0, ERR_OK, false);
        sim_run_ms(w->sim, 1000);
        for (int32_t k = 1; k <= 3; k++) assert_null(w->members[k].failed);
        world_write(w, 20);
        world_converge(w);
    }
    world_free(w);
}

TEST(a_leader_that_stops_tells_its_successors)
{
    struct world *w = world_running(8, 3, 3, false, 5);
    int32_t old = world_leader(w);
    int64_t began = sim_now_ms(w->sim);
    quorum_shutdown(world_quorum(w, old), 5000);
    world_until(w, w->members[old].may_stop);
    world_crash(w, old);
    assert_int_not_equal(world_await_leader(w), old);
    assert_true(sim_now_ms(w->sim) - began < 1000); /* far below the fetch timeout */
    world_write(w, 5);
    world_converge(w);
    world_free(w);
}

TEST(a_leader_that_resigns_is_replaced)
{
    struct world *w = world_running(9, 3, 3, true, 5);
    int32_t old = world_leader(w), epoch = quorum_epoch(world_quorum(w, old));
    quorum_resign(world_quorum(w, old), epoch + 1); /* another's: nothing */
    assert_true(quorum_is_leader(world_quorum(w, old)));
    quorum_resign(world_quorum(w, old), epoch);
    assert_false(quorum_is_leader(world_quorum(w, old)));
    world_write(w, 5);
    assert_true(quorum_epoch(world_quorum(w, world_leader(w))) > epoch);
    world_converge(w);
    world_free(w);
}

TEST(a_leader_known_to_be_gone_is_replaced_before_its_fetch_timeout)
{
    struct world *w = world_running(10, 3, 3, false, 5);
    int32_t old = world_leader(w);
    world_crash(w, old);
    int64_t began = sim_now_ms(w->sim);
    sim_run_ms(w->sim, 5); /* what it had said is heard */
    for (int32_t id = 1; id <= 3; id++)
        if (id != old) quorum_leader_lost(world_quorum(w, id), old, 20);
    world_await_leader(w);
    assert_true(sim_now_ms(w->sim) - began < 1000); /* far below the fetch timeout */
    world_converge(w);
    world_free(w);
}

TEST(an_observer_is_told_and_never_stands)
{
    struct world *w = world_new(11, 2, 1, false);
    w->members[2].options.is_controller = false;
    w->members[2].options.listeners_count = 0;
    world_start_all(w);
    world_write(w, 50);
    world_converge(w);
    world_crash(w, 1);
    sim_run_ms(w->sim, 20000);
    assert_false(quorum_is_leader(world_quorum(w, 2)));
    assert_int_equal(quorum_epoch(world_quorum(w, 2)), 1);
    world_start(w, 1);
    world_write(w, 5);
    world_converge(w);
    world_free(w);
}

/* Everything at once, from a seed: crashes, power losses, cuts, resets, appends. */
static void torment(uint64_t seed)
{
    int32_t count = 1 + (int32_t)(seed % 5);
    struct world *w = world_new(seed, count, count, seed % 3 == 0);
    struct prng p = sim_fork(w->sim, "torment");
    world_start_all(w);
    for (int i = 0; i < 150; i++) {
        int32_t id = 1 + (int32_t)prng_below(&p, (uint64_t)count);
        struct sim_node *machine = w->members[id].machine;
        switch (prng_below(&p, 12)) {
        case 0:
            if (world_runs(w, id)) world_crash(w, id);
            break;
        case 1:
            if (world_runs(w, id)) world_power_loss(w, id, SIM_LOSS_RANDOM);
            break;
        case 2: sim_net_isolate(machine, true); break;
        case 3: sim_net_isolate(machine, false); break;
        case 4:
            if (world_runs(w, id) && w->members[id].told_end > 0) world_begin_snapshot(w, id);
            break;
        case 5: sim_net_reset(machine, w->members[1 + id % count].machine); break;
        case 6:
        case 7: world_start_all(w); break;
        default:
            if (world_leader(w)) world_append(w, world_leader(w));
        }
        sim_run_ms(w->sim, (int64_t)prng_below(&p, 400));
    }
    for (int32_t id = 1; id <= count; id++) sim_net_isolate(w->members[id].machine, false);
    world_start_all(w);
    world_write(w, 3);
    world_converge(w);
    world_free(w);
}

TEST(whatever_happens_one_history_is_told)
{
    for (uint64_t seed = 100; seed < 160; seed++) torment(seed);
}
