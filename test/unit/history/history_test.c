/* The account: what is kept, what is counted, and what goes when there is too much of it. */
#include "history/history.h"

#include <stdio.h>

#include "env/sim/sim.h"
#include "test.h"

struct fixture {
    struct sim *sim;
    struct history *h;
};

static struct fixture make(int32_t events_max, int64_t bytes_max, int32_t items_max)
{
    struct fixture f = {.sim = sim_new(1)};
    struct history_options o = {
        .node_id = 1, .events_max = events_max, .bytes_max = bytes_max, .items_max = items_max};
    f.h = history_create(sim_node_env(f.sim, "n1"), &o);
    return f;
}

static void unmake(struct fixture *f)
{
    history_free(f->h);
    sim_free(f->sim);
}

static const struct history_fact fenced = {.kind = HISTORY_BROKER_FENCED,
                                           .about = 3,
                                           .epoch = 17,
                                           .reason = "broker-lost",
                                           .partitions = 3000,
                                           .duration_us = 5200};

static void role(struct history *h, int64_t epoch)
{
    struct history_fact f = history_fact(HISTORY_QUORUM_ROLE, -1, epoch, NULL);
    history_note(h, &f, "in epoch %d", (int)epoch);
}

TEST(an_event_is_kept_as_it_was_told)
{
    struct fixture f = make(10, 1 << 20, 3);
    sim_run_ms(f.sim, 250);
    history_begin(f.h, &fenced);
    history_item(f.h, "%s-%d: %d -> %d", "orders", 0, 3, 1);
    history_item(f.h, "%s-%d: %d -> %d", "orders", 1, 3, 2);
    history_end(f.h, 0, "broker %d", 3);
    assert_int_equal(history_first(f.h), 0);
    assert_int_equal(history_after(f.h), 1);
    const struct history_event *e = history_get(f.h, 0);
    assert_int_equal(e->fact.kind, HISTORY_BROKER_FENCED);
    assert_int_equal(e->fact.about, 3);
    assert_int_equal(e->fact.epoch, 17);
    assert_string_equal(e->fact.reason, "broker-lost");
    assert_int_equal(e->fact.partitions, 3000);
    assert_int_equal(e->fact.duration_us, 5200);
    assert_string_equal(e->text, "broker 3");
    assert_int_equal(e->items_count, 2);
    assert_string_equal(e->items[1], "orders-1: 3 -> 2");
    assert_int_equal(e->items_left_out, 0);
    assert_int_equal(e->uptime_us, 250000);
    unmake(&f);
}

TEST(a_list_stops_at_its_bound_and_the_rest_is_counted)
{
    struct fixture f = make(10, 1 << 20, 3);
    history_begin(f.h, &fenced);
    for (int i = 0; i < 5; i++) history_item(f.h, "p-%d", i);
    history_end(f.h, 2995, "many");
    const struct history_event *e = history_get(f.h, 0);
    assert_int_equal(e->items_count, 3);
    assert_string_equal(e->items[2], "p-2");
    assert_int_equal(e->items_left_out, 2997);
    unmake(&f);
}

TEST(beyond_the_bound_of_events_the_oldest_go)
{
    struct fixture f = make(4, 1 << 20, 3);
    for (int i = 0; i < 4; i++) role(f.h, i);
    assert_int_equal(history_first(f.h), 0);
    role(f.h, 4);
    assert_int_equal(history_first(f.h), 1);
    assert_int_equal(history_after(f.h), 5);
    assert_int_equal(history_get(f.h, 1)->fact.epoch, 1);
    assert_int_equal(history_get(f.h, 4)->fact.epoch, 4);
    unmake(&f);
}

TEST(beyond_the_bound_of_bytes_the_oldest_go)
{
    struct fixture probe = make(4, 1 << 20, 3);
    role(probe.h, 0);
    int64_t one = history_bytes(probe.h);
    unmake(&probe);
    struct fixture f = make(100, 2 * one, 3);
    for (int i = 0; i < 2; i++) role(f.h, i);
    assert_int_equal(history_first(f.h), 0);
    role(f.h, 2);
    assert_int_equal(history_first(f.h), 1);
    assert_int_equal(history_bytes(f.h), 2 * one);
    unmake(&f);
}

TEST(an_event_larger_than_the_bound_of_bytes_stands_alone)
{
    struct fixture f = make(100, 1, 3);
    role(f.h, 1);
    role(f.h, 2);
    assert_int_equal(history_first(f.h), 1);
    assert_int_equal(history_after(f.h), 2);
    unmake(&f);
}

TEST(texts_are_cut_at_their_bounds)
{
    struct fixture f = make(4, 1 << 20, 1);
    char longest[2000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    struct history_fact fact = history_fact(HISTORY_DISK_FAILED, -1, -1, longest);
    history_begin(f.h, &fact);
    history_item(f.h, "%s", longest);
    history_end(f.h, 0, "%s", longest);
    const struct history_event *e = history_get(f.h, 0);
    assert_int_equal(strlen(e->text), HISTORY_TEXT_MAX - 1);
    assert_int_equal(strlen(e->items[0]), HISTORY_ITEM_MAX - 1);
    assert_int_equal(strlen(e->fact.reason), 63);
    unmake(&f);
}

TEST(the_same_within_five_seconds_is_counted)
{
    struct fixture f = make(10, 1 << 20, 3);
    struct history_fact a = history_fact(HISTORY_CONNECTION_BROKEN, 2, -1, "reset");
    struct history_fact b = history_fact(HISTORY_CONNECTION_BROKEN, 3, -1, "reset");
    for (int i = 0; i < 50; i++) {
        history_note(f.h, &a, "to 2");
        history_note(f.h, &b, "to 3");
        sim_run_ms(f.sim, HISTORY_AGAIN_MS / 2);
    }
    assert_int_equal(history_after(f.h), 2);
    assert_int_equal(history_get(f.h, 0)->times, 50);
    assert_int_equal(history_get(f.h, 1)->times, 50);
    assert_true(history_get(f.h, 0)->last_time.ms > history_get(f.h, 0)->time.ms);
    sim_run_ms(f.sim, HISTORY_AGAIN_MS);
    history_note(f.h, &a, "to 2");
    assert_int_equal(history_after(f.h), 3);
    unmake(&f);
}

/* A node asks for its leader about once a second for as long as that stays away. */
TEST(an_hour_without_a_leader_is_two_events)
{
    struct fixture f = make(10, 1 << 20, 3);
    struct history_fact broken = history_fact(HISTORY_CONNECTION_BROKEN, 2, 7, "refused");
    struct history_fact gone = history_fact(HISTORY_PROCESS_GONE, 2, 7, "quorum-leader");
    for (int i = 0; i < 3500; i++) {
        history_note(f.h, &broken, "it refused a connection");
        history_note(f.h, &gone, "refused 3 times in 4.%d ms", i % 10);
        sim_run_ms(f.sim, 1029);
    }
    assert_int_equal(history_after(f.h), 2);
    assert_int_equal(history_get(f.h, 1)->times, 3500);
    assert_string_equal(history_get(f.h, 1)->text, "refused 3 times in 4.0 ms");
    gone.epoch = 8; /* another leader */
    history_note(f.h, &gone, "refused 3 times in 4.1 ms");
    assert_int_equal(history_after(f.h), 3);
    unmake(&f);
}

TEST(what_differs_in_anything_is_an_event_of_its_own)
{
    struct fixture f = make(20, 1 << 20, 3);
    struct history_fact a = history_fact(HISTORY_CONNECTION_BROKEN, 2, -1, "reset");
    history_note(f.h, &a, "text");
    history_note(f.h, &a, "other text");
    a.reason = NULL;
    history_note(f.h, &a, "text");
    a.epoch = 4;
    history_note(f.h, &a, "text");
    a.about = 5;
    history_note(f.h, &a, "text");
    a.kind = HISTORY_PROCESS_GONE;
    history_note(f.h, &a, "text");
    history_begin(f.h, &a);
    history_item(f.h, "a list");
    history_end(f.h, 0, "text");
    assert_int_equal(history_after(f.h), 7);
    unmake(&f);
}

TEST(no_history_keeps_nothing_and_fails_nowhere)
{
    history_note(NULL, &fenced, "x");
    history_begin(NULL, &fenced);
    history_item(NULL, "x");
    history_end(NULL, 0, "x");
    assert_int_equal(history_first(NULL), 0);
    assert_int_equal(history_after(NULL), 0);
    history_free(NULL);
}

/* ---- the line in the log, whose form docs/failover.md states */

struct told {
    struct trace trace;
    char line[4096];
};

static void keep_line(struct trace *t, enum trace_level level, const char *component,
                      const char *format, va_list args)
{
    struct told *told = (struct told *)t;
    int at = snprintf(told->line, sizeof told->line, "%d %s ", level, component);
    vsnprintf(told->line + at, sizeof told->line - (size_t)at, format, args);
}

TEST(every_event_is_one_line_in_the_log_in_the_form_that_is_stated)
{
    static const struct trace_ops ops = {.line = keep_line};
    struct told told = {.trace = {.ops = &ops, .level = TRACE_DEBUG}};
    struct sim *sim = sim_new(1);
    struct env env = *sim_node_env(sim, "n1");
    env.trace = &told.trace;
    struct history_options o = {.events_max = 10, .bytes_max = 1 << 20, .items_max = 2};
    struct history *h = history_create(&env, &o);
    history_begin(h, &fenced);
    for (int i = 0; i < 3000; i++) history_item(h, "t-%d", i);
    history_end(h, 0, "its process is gone");
    char wanted[256];
    snprintf(wanted, sizeof wanted,
             "%d samsa.history Event 0 broker-fenced about=3 epoch=17 reason=broker-lost "
             "partitions=3000 took=5.200 ms: its process is gone [t-0; t-1; and 2998 more]",
             TRACE_WARN);
    assert_string_equal(told.line, wanted);
    struct history_fact up = history_fact(HISTORY_NODE_STARTED, -1, -1, NULL);
    history_note(h, &up, "up");
    snprintf(wanted, sizeof wanted, "%d samsa.history Event 1 node-started: up", TRACE_INFO);
    assert_string_equal(told.line, wanted);
    history_free(h);
    sim_free(sim);
}
