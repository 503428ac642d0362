/* Thousands of partitions that move in one turn are one event; truncations are gathered. */
#include "broker/partition_changes.h"

#include "env/sim/sim.h"
#include "test.h"

struct fixture {
    struct sim *sim;
    struct history *history;
    struct partition_changes *changes;
};

static struct fixture make(void)
{
    struct fixture f = {.sim = sim_new(1)};
    struct env *env = sim_node_env(f.sim, "n1");
    struct history_options o = {.events_max = 100, .bytes_max = 1 << 20, .items_max = 100};
    f.history = history_create(env, &o);
    f.changes = partition_changes_create(env, f.history);
    return f;
}

static void unmake(struct fixture *f)
{
    partition_changes_free(f->changes);
    history_free(f->history);
    sim_free(f->sim);
}

static struct partition_move move(int32_t partition, int32_t from, int32_t to)
{
    return (struct partition_move){STR("orders"), partition, from, to, 5};
}

TEST(partitions_that_move_in_one_turn_are_one_event_of_each_kind)
{
    struct fixture f = make();
    for (int32_t i = 0; i < 3000; i++) {
        struct partition_move m = move(i, 3, 1);
        partition_changes_leads(f.changes, &m);
    }
    struct partition_move lost = move(9, 1, -1);
    partition_changes_follows(f.changes, &lost);
    sim_run_ms(f.sim, 1);
    assert_int_equal(history_after(f.history), 2);
    const struct history_event *leading = history_get(f.history, 0);
    assert_int_equal(leading->fact.kind, HISTORY_LEADING);
    assert_int_equal(leading->fact.partitions, 3000);
    assert_int_equal(leading->items_count, CHANGES_LISTED_MAX);
    assert_string_equal(leading->items[1], "orders-1: leader 3 -> 1, epoch 5");
    assert_int_equal(leading->items_left_out, 3000 - CHANGES_LISTED_MAX);
    const struct history_event *following = history_get(f.history, 1);
    assert_int_equal(following->fact.kind, HISTORY_FOLLOWING);
    assert_string_equal(following->items[0], "orders-9: leader 1 -> none, epoch 5");
    unmake(&f);
}

TEST(truncations_are_gathered_for_a_moment)
{
    struct fixture f = make();
    for (int32_t i = 0; i < 3; i++) {
        struct partition_move m = move(i, -1, 2);
        partition_changes_cut(f.changes, &m, 110, 100 + i);
        sim_run_ms(f.sim, CHANGES_GATHER_MS / 5);
    }
    assert_int_equal(history_after(f.history), 0);
    sim_run_ms(f.sim, CHANGES_GATHER_MS);
    assert_int_equal(history_after(f.history), 1);
    const struct history_event *e = history_get(f.history, 0);
    assert_int_equal(e->fact.kind, HISTORY_TRUNCATED);
    assert_int_equal(e->fact.partitions, 3);
    assert_memory_equal(e->text, "27 records", 10);
    assert_string_equal(e->items[2], "orders-2: from 110 to 102, as leader 2 of epoch 5 says");
    unmake(&f);
}

TEST(who_sends_clients_away_and_who_serves_them_again_is_told)
{
    struct fixture f = make();
    for (int32_t i = 0; i < 20; i++) {
        struct partition_move m = move(i, 1, 1);
        partition_changes_drifts(f.changes, &m, true);
    }
    sim_run_ms(f.sim, 1);
    struct partition_move m = move(3, 1, 1);
    partition_changes_drifts(f.changes, &m, false);
    sim_run_ms(f.sim, 1);
    assert_int_equal(history_after(f.history), 2);
    const struct history_event *e = history_get(f.history, 0);
    assert_int_equal(e->fact.kind, HISTORY_ADRIFT);
    assert_string_equal(e->fact.reason, "unheard");
    assert_int_equal(e->fact.partitions, 20);
    assert_string_equal(e->items[3], "orders-3: epoch 5");
    e = history_get(f.history, 1);
    assert_string_equal(e->fact.reason, "heard");
    assert_int_equal(e->fact.partitions, 1);
    unmake(&f);
}

TEST(without_a_history_nothing_is_gathered)
{
    struct partition_move m = move(1, 3, 1);
    assert_null(partition_changes_create(NULL, NULL));
    partition_changes_leads(NULL, &m);
    partition_changes_cut(NULL, &m, 2, 1);
    partition_changes_free(NULL);
}
