/* Snapshots: written, kept, fetched by who is too far behind, and what a crash in between
 * leaves. */
#include "quorum_world.h"

/* Small pieces and no patience with old ones. */
static struct world *small_world(uint64_t seed, int32_t count, int32_t voters)
{
    struct world *w = world_new(seed, count, voters, false);
    for (int32_t id = 1; id <= count; id++) {
        w->members[id].options.fetch_snapshot_bytes_max = 300;
        w->members[id].options.retention_bytes = 0;
    }
    return w;
}

/* The leader's log begins at its second snapshot. */
static void let_log_go(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        world_write(w, 50);
        world_snapshot(w, world_leader(w));
    }
    assert_int_equal(world_snapshots(w, world_leader(w)), 1);
}

TEST(a_node_starts_from_its_snapshot)
{
    struct world *w = world_running(1, 1, 1, false, 50);
    world_snapshot(w, 1);
    world_write(w, 5);
    world_crash(w, 1);
    world_start(w, 1);
    world_converge(w);
    assert_int_equal(w->members[1].loads, 1);
    assert_int_equal(quorum_kraft_version(world_quorum(w, 1)), 1);
    assert_int_equal(quorum_voters(world_quorum(w, 1))->voters_count, 1);
    world_free(w);
}

/* `.checkpoint.part` of a snapshot under way, by what its directory holds. */
static int32_t half_written(struct world *w, int32_t id)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct disk_entry *entries;
    int32_t n, parts = 0;
    assert_ok(
        disk_list(w->members[id].env->disk, "/data/__cluster_metadata-0", &arena, &entries, &n));
    for (int32_t i = 0; i < n; i++) parts += strstr(entries[i].name, ".checkpoint.part") != NULL;
    arena_free(&arena);
    return parts;
}

TEST(a_slow_disk_under_a_snapshot_holds_nobody_up_and_a_crash_meanwhile_leaves_nothing)
{
    for (int how = 0; how < 3; how++) {
        struct world *w = world_running(21, 3, 3, false, 50);
        int32_t id = world_leader(w) % 3 + 1;
        world_converge(w);
        sim_disk_sync_delay(w->members[id].machine, 5000000, 5000000);
        world_begin_snapshot(w, id);
        assert_int_equal(half_written(w, id), 1);
        world_begin_snapshot(w, id); /* one at a time */
        int64_t before = sim_now_ms(w->sim);
        world_write(w, 20);
        assert_true(sim_now_ms(w->sim) - before < 4000);
        assert_int_equal(world_snapshots(w, id), 0);
        assert_int_equal(half_written(w, id), 1);
        if (how == 0) {
            sim_run_ms(w->sim, 6000);
            assert_int_equal(world_snapshots(w, id), 1);
        } else {
            if (how == 1)
                world_crash(w, id);
            else
                world_power_loss(w, id, SIM_LOSS_ALL);
            sim_disk_sync_delay(w->members[id].machine, 0, 1000);
            world_start(w, id);
            assert_int_equal(world_snapshots(w, id), 0);
        }
        assert_int_equal(half_written(w, id), 0);
        world_converge(w);
        world_free(w);
    }
}

TEST(a_snapshot_that_cannot_be_synced_is_not_published)
{
    struct world *w = world_running(22, 1, 1, false, 50);
    sim_run_ms(w->sim, 1000);
    sim_disk_fail(w->members[1].machine, SIM_SYNC, 1, ERR_IO, false);
    world_begin_snapshot(w, 1);
    assert_int_equal(half_written(w, 1), 1);
    sim_run_ms(w->sim, 100);
    assert_int_equal(world_snapshots(w, 1), 0);
    assert_int_equal(half_written(w, 1), 0);
    world_free(w);
}

TEST(a_follower_far_behind_fetches_the_snapshot_in_pieces)
{
    struct world *w = small_world(2, 3, 3);
    world_start_all(w);
    world_write(w, 5);
    int32_t behind = world_leader(w) % 3 + 1;
    world_crash(w, behind);
    let_log_go(w);
    world_start(w, behind);
    world_converge(w);
    assert_int_equal(w->members[behind].loads, 1);
    assert_int_equal(world_snapshots(w, behind), 1);
    assert_true(quorum_is_voter(world_quorum(w, behind)));
    /* it can lead with it */
    world_write(w, 5);
    quorum_leader_lost(world_quorum(w, behind), world_leader(w), 0);
    world_write(w, 5);
    world_converge(w);
    world_free(w);
}

TEST(an_observer_without_anything_begins_with_the_snapshot)
{
    struct world *w = small_world(3, 2, 1);
    w->members[2].options.is_controller = false;
    world_start(w, 1);
    let_log_go(w);
    world_start(w, 2);
    world_converge(w);
    assert_int_equal(w->members[2].loads, 1);
    assert_int_equal(quorum_kraft_version(world_quorum(w, 2)), 1);
    assert_int_equal(quorum_voters(world_quorum(w, 2))->voters_count, 1);
    world_free(w);
}

TEST(a_crash_while_fetching_a_snapshot_leaves_nothing_that_matters)
{
    for (uint64_t seed = 20; seed < 60; seed++) {
        struct world *w = small_world(seed, 3, 3);
        world_start_all(w);
        world_write(w, 5);
        int32_t behind = world_leader(w) % 3 + 1;
        world_crash(w, behind);
        let_log_go(w);
        for (int i = 0; i < 3; i++) {
            world_start(w, behind);
            sim_run_ms(w->sim, 2 + (int64_t)prng_below(&w->prng, 30));
            if (prng_below(&w->prng, 2))
                world_power_loss(w, behind, SIM_LOSS_RANDOM);
            else
                world_crash(w, behind);
        }
        world_start(w, behind);
        world_write(w, 5);
        world_converge(w);
        world_free(w);
    }
}

TEST(a_new_leader_serves_the_snapshot_that_the_old_one_began)
{
    struct world *w = small_world(4, 3, 3);
    world_start_all(w);
    world_write(w, 5);
    int32_t behind = world_leader(w) % 3 + 1;
    world_crash(w, behind);
    let_log_go(w);
    int32_t old = world_leader(w), other = 6 - old - behind;
    world_converge(w);
    world_snapshot(w, other); /* the same records: the same snapshot */
    world_start(w, behind);
    sim_run_ms(w->sim, 4);
    world_crash(w, old);
    world_write(w, 5);
    world_converge(w);
    world_start(w, old);
    world_converge(w);
    world_free(w);
}

TEST(no_room_for_a_snapshot_is_waited_for)
{
    struct world *w = small_world(5, 2, 1);
    w->members[2].options.is_controller = false;
    world_start(w, 1);
    let_log_go(w);
    world_start(w, 2);
    struct sim_node *machine = w->members[2].machine;
    sim_disk_budget(machine, sim_disk_used(machine) + 400);
    int64_t before = sim_events(w->sim);
    sim_run_ms(w->sim, 5000);
    assert_true(sim_events(w->sim) - before < 2000); /* not at network speed */
    assert_null(w->members[2].failed);
    assert_int_equal(w->members[2].loads, 0);
    sim_disk_budget(machine, -1);
    world_converge(w);
    assert_int_equal(w->members[2].loads, 1);
    world_free(w);
}

TEST(retention_keeps_the_newest_snapshot_and_what_follows_it)
{
    struct world *w = world_new(6, 1, 1, false);
    w->members[1].options.retention_ms = 100000;
    world_start_all(w);
    for (int i = 0; i < 3; i++) {
        world_write(w, 10);
        world_snapshot(w, 1);
    }
    assert_int_equal(world_snapshots(w, 1), 3);
    sim_run_ms(w->sim, 200000); /* by its timer, with nothing new written */
    assert_int_equal(world_snapshots(w, 1), 1);
    world_crash(w, 1);
    world_start(w, 1);
    world_write(w, 1);
    world_converge(w);
    world_free(w);
}
