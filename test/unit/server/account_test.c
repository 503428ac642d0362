/* The controller's account: what is decided becomes few events, and gaps are measured to the
 * commit. */
#include "server/account.h"

#include <stdio.h>

#include "env/sim/sim.h"
#include "test.h"

enum { SESSION_MS = 9000 };

struct fixture {
    struct sim *sim;
    struct env *env;
    struct history *history;
    struct account_keeper *keeper;
};

static struct fixture make(void)
{
    struct fixture f = {.sim = sim_new(1)};
    f.env = sim_node_env(f.sim, "n1");
    struct history_options o = {.events_max = 1000, .bytes_max = 1 << 20, .items_max = 2};
    f.history = history_create(f.env, &o);
    f.keeper = account_keeper_create(f.env->clock, f.history, SESSION_MS);
    return f;
}

static void unmake(struct fixture *f)
{
    account_keeper_free(f->keeper);
    history_free(f->history);
    sim_free(f->sim);
}

static const struct history_event *event(const struct fixture *f, int64_t at)
{
    return history_get(f->history, at);
}

/* The last event of a kind, or NULL. */
static const struct history_event *find(const struct fixture *f, enum history_kind kind)
{
    for (int64_t i = history_after(f->history) - 1; i >= history_first(f->history); i--)
        if (event(f, i)->fact.kind == kind) return event(f, i);
    return NULL;
}

static int32_t count(const struct fixture *f, enum history_kind kind)
{
    int32_t found = 0;
    for (int64_t i = history_first(f->history); i < history_after(f->history); i++)
        found += event(f, i)->fact.kind == kind;
    return found;
}

/* Broker 3 is fenced; of its partitions the first 1,000 are listed, of 3,000. */
static struct controller_account fencing(const struct fixture *f, enum controller_reason reason,
                                         struct controller_broker_change *broker,
                                         struct controller_partition_change *partitions)
{
    *broker = (struct controller_broker_change){3, 17, STANDING_FENCED, reason};
    for (int32_t i = 0; i < CONTROLLER_CHANGES_LISTED_MAX; i++)
        partitions[i] = (struct controller_partition_change){.topic = STR("orders"),
                                                             .partition = i,
                                                             .old_leader = 3,
                                                             .new_leader = 1 + i % 2,
                                                             .leader_epoch = 5,
                                                             .old_isr_count = 3,
                                                             .new_isr_count = 2,
                                                             .reason = reason};
    return (struct controller_account){.epoch = 2,
                                       .first_offset = 100,
                                       .end_offset = 3101,
                                       .at = clock_mono(f->env->clock),
                                       .reason = reason,
                                       .evidence = STR("reset, then refused"),
                                       .brokers = broker,
                                       .brokers_count = 1,
                                       .partitions = partitions,
                                       .partitions_count = CONTROLLER_CHANGES_LISTED_MAX,
                                       .changed = 3000,
                                       .elected = 3000,
                                       .isr_shrunk = 3000};
}

TEST(three_thousand_partitions_in_one_failover_are_a_few_lines)
{
    struct fixture f = make();
    static struct controller_partition_change partitions[CONTROLLER_CHANGES_LISTED_MAX];
    struct controller_broker_change broker;
    struct mono_time began = clock_mono(f.env->clock);
    sim_run_ms(f.sim, 5);
    struct controller_account a = fencing(&f, REASON_BROKER_LOST, &broker, partitions);
    account_keeper_lost(f.keeper, 3, began);
    account_keeper_decided(f.keeper, &a);
    assert_int_equal(history_after(f.history), 3);

    const struct history_event *fenced = event(&f, 0);
    assert_int_equal(fenced->fact.kind, HISTORY_BROKER_FENCED);
    assert_int_equal(fenced->fact.about, 3);
    assert_int_equal(fenced->fact.epoch, 17);
    assert_string_equal(fenced->fact.reason, "broker-lost");
    assert_string_equal(fenced->text, "reset, then refused");
    assert_int_equal(fenced->fact.duration_us, 5000);

    const struct history_event *election = event(&f, 1);
    assert_int_equal(election->fact.kind, HISTORY_ELECTION);
    assert_int_equal(election->fact.partitions, 3000);
    assert_string_equal(election->text, "500 by broker 1, 500 by broker 2 of the first thousand "
                                        "changed, 0 unclean");
    assert_int_equal(election->items_count, 2);
    assert_string_equal(election->items[0], "orders-0: leader 3 -> 1, epoch 5, in sync 3 -> 2");
    assert_int_equal(election->items_left_out, 2998);

    assert_int_equal(event(&f, 2)->fact.kind, HISTORY_ISR_CHANGED);
    assert_string_equal(event(&f, 2)->text, "3000 shrank, 0 grew");

    /* led again when committed, not before: 5 ms to know it, 4 ms to commit it */
    account_keeper_committed(f.keeper, 3100);
    assert_null(find(&f, HISTORY_LED_AGAIN));
    sim_run_ms(f.sim, 4);
    account_keeper_committed(f.keeper, 3101);
    const struct history_event *led = find(&f, HISTORY_LED_AGAIN);
    assert_int_equal(led->fact.duration_us, 9000);
    assert_int_equal(led->fact.partitions, 3000);
    assert_int_equal(led->fact.about, 3);
    account_keeper_committed(f.keeper, 4000);
    assert_int_equal(count(&f, HISTORY_LED_AGAIN), 1);
    unmake(&f);
}

TEST(a_session_that_expired_counts_from_when_the_broker_was_last_heard)
{
    struct fixture f = make();
    static struct controller_partition_change partitions[CONTROLLER_CHANGES_LISTED_MAX];
    struct controller_broker_change broker;
    sim_run_ms(f.sim, 20000);
    struct controller_account a = fencing(&f, REASON_SESSION_EXPIRED, &broker, partitions);
    account_keeper_decided(f.keeper, &a);
    account_keeper_committed(f.keeper, 3101);
    assert_int_equal(find(&f, HISTORY_LED_AGAIN)->fact.duration_us, SESSION_MS * 1000);
    unmake(&f);
}

static void change_one(struct fixture *f, int64_t end_offset, int32_t from, int32_t to,
                       enum controller_reason reason)
{
    struct controller_partition_change p = {.topic = STR("orders"),
                                            .partition = 7,
                                            .old_leader = from,
                                            .new_leader = to,
                                            .leader_epoch = 5,
                                            .old_isr_count = 1,
                                            .new_isr_count = 1,
                                            .reason = reason};
    struct controller_account a = {.epoch = 2,
                                   .end_offset = end_offset,
                                   .at = clock_mono(f->env->clock),
                                   .reason = reason,
                                   .evidence = STR_NULL,
                                   .partitions = &p,
                                   .partitions_count = 1,
                                   .changed = 1,
                                   .elected = to >= 0,
                                   .leaderless = to < 0};
    account_keeper_decided(f->keeper, &a);
}

TEST(a_partition_that_nobody_may_lead_is_followed_until_somebody_does)
{
    struct fixture f = make();
    change_one(&f, 10, 3, -1, REASON_BROKER_LOST);
    const struct history_event *leaderless = find(&f, HISTORY_LEADERLESS);
    assert_int_equal(leaderless->fact.partitions, 1);
    assert_string_equal(leaderless->items[0],
                        "orders-7: leader 3 -> none, epoch 5, in sync 1 -> 1");
    account_keeper_committed(f.keeper, 10);
    assert_null(find(&f, HISTORY_LED_AGAIN));
    sim_run_ms(f.sim, 60000);
    change_one(&f, 20, -1, 3, REASON_BROKER_UNFENCED);
    account_keeper_committed(f.keeper, 20);
    assert_int_equal(find(&f, HISTORY_LED_AGAIN)->fact.duration_us, 60000 * 1000);
    unmake(&f);
}

/* Another controller saw it lose its leader, or none did: all were stopped. */
TEST(what_had_no_leader_before_this_controller_came_is_told_so_and_counts_from_then)
{
    struct fixture f = make();
    account_keeper_active(f.keeper, 2, 3, 1);
    sim_run_ms(f.sim, 300);
    change_one(&f, 10, -1, 3, REASON_BROKER_UNFENCED);
    account_keeper_committed(f.keeper, 10);
    const struct history_event *led = find(&f, HISTORY_LED_AGAIN);
    assert_int_equal(led->fact.duration_us, 300 * 1000);
    assert_string_equal(led->text, "committed; no leader since before this node became the active "
                                   "controller");
    /* what it saw itself is counted from there, although an earlier one came before */
    change_one(&f, 20, 3, -1, REASON_BROKER_LOST);
    sim_run_ms(f.sim, 50);
    change_one(&f, 30, -1, 3, REASON_BROKER_UNFENCED);
    account_keeper_committed(f.keeper, 30);
    led = find(&f, HISTORY_LED_AGAIN);
    assert_int_equal(led->fact.duration_us, 50 * 1000);
    assert_string_equal(led->text, "committed; no leader from the first evidence until then");
    unmake(&f);
}

TEST(what_was_not_committed_is_told_when_the_controller_resigns)
{
    struct fixture f = make();
    change_one(&f, 10, 3, 1, REASON_BROKER_LOST);
    account_keeper_resigned(f.keeper, 2, 5, 10);
    assert_string_equal(find(&f, HISTORY_UNDECIDED)->text,
                        "records 5 to 9 and 1 runs of elections were not committed here");
    account_keeper_committed(f.keeper, 10);
    assert_null(find(&f, HISTORY_LED_AGAIN));
    account_keeper_active(f.keeper, 4, 3, 3000);
    assert_string_equal(find(&f, HISTORY_CONTROLLER_ACTIVE)->text, "3 brokers, 3000 partitions");
    account_keeper_resigned(f.keeper, 4, 20, 20);
    assert_int_equal(count(&f, HISTORY_UNDECIDED), 1);
    unmake(&f);
}

TEST(beyond_the_bound_of_pending_runs_they_are_told_as_one)
{
    struct fixture f = make();
    int32_t runs = ACCOUNT_PENDING_MAX + 5;
    for (int32_t i = 0; i < runs; i++) change_one(&f, 10 + i, 3, 1, REASON_BROKER_LOST);
    account_keeper_committed(f.keeper, 10 + runs);
    int32_t told = 0;
    for (int64_t i = history_first(f.history); i < history_after(f.history); i++)
        if (event(&f, i)->fact.kind == HISTORY_LED_AGAIN)
            told += event(&f, i)->fact.partitions * event(&f, i)->times;
    assert_int_equal(told, runs);
    unmake(&f);
}
