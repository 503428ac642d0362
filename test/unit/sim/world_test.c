/* Time, processes and the network of a simulated world. */
#include "test.h"

#include <stdio.h>

#include "base/mem.h"
#include "env/sim/sim.h"

/* A process that serves echo on port 9 and talks to another one: sends a number, waits for it to
 * come back, sends the next. */
struct talker {
    struct env *env;
    struct net_listener *listener;
    struct net_conn *served[8];
    struct net_conn *conn;
    uint8_t reply[8];
    size_t reply_len;
    uint64_t sent, answered;
    int connected, broken;
    enum err connect_result, broken_with;
    int64_t answered_at_ms;
    int64_t heard; /* what it was sent as a server, in reads */
    int served_broken;
    enum err served_broken_with;
};

static void talker_send(struct talker *t)
{
    out_be64(net_out(t->conn), ++t->sent);
    net_kick(t->conn);
}

static void on_connected(struct net_conn *c, enum err e)
{
    struct talker *t = c->owner;
    t->connected++;
    t->connect_result = e;
    if (!e) talker_send(t);
}

static void on_reply(struct net_conn *c)
{
    struct talker *t = c->owner;
    size_t got;
    enum err e = net_recv(c, t->reply + t->reply_len, 8 - t->reply_len, &got);
    if (e) return; /* broken tells */
    t->reply_len += got;
    if (t->reply_len < 8) return;
    t->reply_len = 0;
    assert_true(load_be64(t->reply) == t->sent);
    t->answered = t->sent;
    t->answered_at_ms = clock_mono(t->env->clock).ns / NS_PER_MS;
    trace_info(t->env->trace, "talker", "answered %d", (int)t->answered);
    talker_send(t);
}

static void on_broken(struct net_conn *c, enum err e)
{
    struct talker *t = c->owner;
    t->broken++;
    t->broken_with = e;
    net_close(c);
    t->conn = NULL;
}

static const struct net_events talker_events = {
    .connected = on_connected, .readable = on_reply, .broken = on_broken};

static void on_served(struct net_conn *c)
{
    uint8_t buffer[64];
    size_t got;
    while (net_recv(c, buffer, sizeof buffer, &got) == ERR_OK) {
        ((struct talker *)c->owner)->heard++;
        out_put(net_out(c), buffer, got);
        net_kick(c);
    }
}

static void on_served_broken(struct net_conn *c, enum err e)
{
    struct talker *t = c->owner;
    t->served_broken++;
    t->served_broken_with = e;
    for (int i = 0; i < 8; i++)
        if (t->served[i] == c) t->served[i] = NULL;
    net_close(c);
}

static const struct net_events served_events = {.readable = on_served, .broken = on_served_broken};

static void on_accepted(struct net_listener *l, struct net_conn *c)
{
    struct talker *t = l->owner;
    c->owner = t;
    c->events = &served_events;
    for (int i = 0; i < 8; i++) {
        if (t->served[i]) continue;
        t->served[i] = c;
        return;
    }
    net_close(c);
}

static void talker_start(struct talker *t, struct sim *s, const char *name)
{
    *t = (struct talker){.env = sim_node_env(s, name)};
    assert_ok(net_listen(t->env->net, "", 9, 4, &t->listener));
    t->listener->owner = t;
    t->listener->accepted = on_accepted;
}

static void talker_connect(struct talker *t, const char *to)
{
    assert_ok(net_connect(t->env->net, to, 9, &t->conn));
    t->conn->owner = t;
    t->conn->events = &talker_events;
}

static void talker_stop(struct talker *t)
{
    if (t->conn) net_close(t->conn);
    for (int i = 0; i < 8; i++)
        if (t->served[i]) net_close(t->served[i]);
    if (t->listener) net_listener_close(t->listener);
}

struct world {
    struct sim *sim;
    struct talker a, b;
    struct sim_node *na, *nb;
};

static struct world *world_new(uint64_t seed)
{
    struct world *w = MEM_NEW(struct world);
    w->sim = sim_new(seed);
    talker_start(&w->a, w->sim, "a");
    talker_start(&w->b, w->sim, "b");
    w->na = sim_node(w->sim, "a");
    w->nb = sim_node(w->sim, "b");
    return w;
}

static void world_free(struct world *w)
{
    talker_stop(&w->a);
    talker_stop(&w->b);
    assert_int_equal(sim_node_handles(w->na) + sim_node_handles(w->nb), 0);
    sim_free(w->sim);
    mem_free(w);
}

static uint64_t hash_of_run(uint64_t seed, struct sim_net_faults faults)
{
    struct world *w = world_new(seed);
    sim_net_faults(w->sim, faults);
    talker_connect(&w->a, "b");
    talker_connect(&w->b, "a");
    sim_run_ms(w->sim, 100);
    sim_net_cut(w->na, w->nb, true);
    sim_run_ms(w->sim, 100);
    sim_net_cut(w->na, w->nb, false);
    sim_run_ms(w->sim, 300);
    assert_true(w->a.answered > 50);
    uint64_t hash = sim_hash(w->sim);
    world_free(w);
    return hash;
}

struct late_reader {
    struct env *env;
    struct disk_file *file;
    struct timer timer;
    int64_t reads;
};

TEST(same_seed_gives_the_same_trace_and_another_seed_another)
{
    struct sim_net_faults none = {0}, tiny = {.read_max = 3, .write_max = 5};
    uint64_t first = hash_of_run(7, none);
    void *shift = mem_alloc(12345); /* addresses differ, the trace must not */
    assert_true(first == hash_of_run(7, none));
    assert_true(hash_of_run(8, none) != first);
    uint64_t with_faults = hash_of_run(7, tiny);
    assert_true(with_faults != first);
    assert_true(with_faults == hash_of_run(7, tiny));
    mem_free(shift);
}

TEST(delay_is_what_the_link_says)
{
    struct world *w = world_new(1);
    sim_net_delay(w->na, w->nb, 10000, 10000);
    sim_net_delay(w->nb, w->na, 20000, 20000);
    talker_connect(&w->a, "b");
    sim_run_ms(w->sim, 300 + 31); /* one round trip to connect, then ten */
    assert_int_equal(w->a.answered, 10);
    world_free(w);
}

TEST(cut_link_holds_data_back_and_heals)
{
    struct world *w = world_new(2);
    talker_connect(&w->a, "b");
    sim_run_ms(w->sim, 50);
    for (int direction = 0; direction < 2; direction++) {
        struct sim_node *from = direction ? w->nb : w->na, *to = direction ? w->na : w->nb;
        sim_net_cut(from, to, true);
        sim_run_ms(w->sim, 5);
        uint64_t before = w->a.answered;
        sim_run_ms(w->sim, 10000);
        assert_int_equal(w->a.answered, before);
        assert_int_equal(w->a.broken, 0);
        sim_net_cut(from, to, false);
        sim_run_ms(w->sim, 1000);
        assert_true(w->a.answered > before + 100);
    }
    world_free(w);
}

TEST(who_is_deaf_is_heard_and_who_is_mute_hears)
{
    int heard_though_mute = 0, answered_though_deaf = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        bool mute = seed % 2;
        struct world *w = world_new(seed);
        talker_connect(&w->a, "b");
        sim_run_ms(w->sim, 50);
        (mute ? sim_net_mute : sim_net_deafen)(w->nb, true);
        uint64_t answered = w->a.answered; /* one message is on its way, there or back */
        int64_t heard = w->b.heard;
        sim_run_ms(w->sim, 1000);
        assert_true(mute ? w->a.answered == answered : w->b.heard == heard);
        heard_though_mute += mute && w->b.heard > heard;
        answered_though_deaf += !mute && w->a.answered > answered;
        (mute ? sim_net_mute : sim_net_deafen)(w->nb, false);
        sim_run_ms(w->sim, 1000);
        assert_true(w->a.answered > answered + 100);
        world_free(w);
    }
    assert_true(heard_though_mute > 0 && answered_though_deaf > 0);
}

TEST(connecting_over_a_cut_link_times_out_or_waits_for_the_heal)
{
    struct world *w = world_new(3);
    sim_net_isolate(w->nb, true);
    talker_connect(&w->a, "b");
    sim_run_ms(w->sim, 5000);
    assert_int_equal(w->a.connected, 0);
    sim_net_isolate(w->nb, false);
    sim_run_ms(w->sim, 2000);
    assert_int_equal(w->a.connected, 1);
    assert_ok(w->a.connect_result);
    sim_net_cut(w->na, w->nb, true); /* one way is enough */
    talker_connect(&w->b, "a");
    sim_run_ms(w->sim, 200000);
    assert_int_equal(w->b.connected, 1);
    assert_int_equal(w->b.connect_result, ERR_TIMEOUT);
    world_free(w);
}

TEST(nobody_listening_is_refused_and_an_unknown_host_is_unreachable)
{
    struct world *w = world_new(4);
    net_listener_close(w->b.listener);
    w->b.listener = NULL;
    talker_connect(&w->a, "b");
    sim_run_ms(w->sim, 10);
    assert_int_equal(w->a.connect_result, ERR_REFUSED);
    struct net_conn *c;
    assert_int_equal(net_connect(w->a.env->net, "nowhere", 9, &c), ERR_UNREACHABLE);
    world_free(w);
}

TEST(reset_breaks_both_ends)
{
    struct world *w = world_new(5);
    talker_connect(&w->a, "b");
    sim_run_ms(w->sim, 20);
    sim_net_reset(w->na, w->nb);
    sim_run_ms(w->sim, 20);
    assert_int_equal(w->a.broken, 1);
    assert_int_equal(w->a.broken_with, ERR_RESET);
    assert_int_equal(w->b.served_broken, 1);
    assert_int_equal(w->b.served_broken_with, ERR_RESET);
    world_free(w);
}

TEST(random_resets_happen)
{
    struct world *w = world_new(6);
    sim_net_faults(w->sim, (struct sim_net_faults){.reset_per_million = 50000});
    talker_connect(&w->a, "b");
    sim_run_ms(w->sim, 1000);
    assert_int_equal(w->a.broken, 1);
    world_free(w);
}

TEST(tiny_reads_and_writes_deliver_everything_in_order)
{
    struct world *w = world_new(7);
    sim_net_faults(w->sim, (struct sim_net_faults){.read_max = 1, .write_max = 2});
    talker_connect(&w->a, "b");
    sim_run_ms(w->sim, 500);
    assert_true(w->a.answered > 20);
    world_free(w);
}

TEST(killed_process_ends_its_connections_and_its_objects_are_harmless)
{
    struct world *w = world_new(8);
    talker_connect(&w->a, "b");
    sim_run_ms(w->sim, 20);
    struct env *dead = w->b.env;
    sim_node_crash(w->nb);
    sim_run_ms(w->sim, 20);
    assert_int_equal(w->a.broken, 1);
    out_be64(net_out(w->b.served[0]), 1); /* a ghost speaks */
    net_kick(w->b.served[0]);
    struct net_conn *c;
    assert_int_equal(net_connect(dead->net, "a", 9, &c), ERR_UNREACHABLE);
    sim_run_ms(w->sim, 20);
    talker_stop(&w->b);
    assert_int_equal(sim_node_handles(w->nb), 0);
    talker_start(&w->b, w->sim, "b");
    talker_connect(&w->a, "b");
    sim_run_ms(w->sim, 20);
    assert_int_equal(w->a.connected, 2);
    assert_ok(w->a.connect_result);
    world_free(w);
}

TEST(lost_machine_leaves_its_peer_half_open_until_it_is_back)
{
    struct world *w = world_new(9);
    talker_connect(&w->a, "b");
    sim_run_ms(w->sim, 20);
    sim_node_power_loss(w->nb, SIM_LOSS_ALL);
    talker_stop(&w->b);
    sim_run_ms(w->sim, 60000);
    assert_int_equal(w->a.broken, 0); /* a minute of silence */
    talker_start(&w->b, w->sim, "b");
    sim_run_ms(w->sim, 2000);
    assert_int_equal(w->a.broken, 1);
    assert_int_equal(w->a.broken_with, ERR_RESET);
    world_free(w);
}

TEST(half_open_stream_gives_up_in_the_end)
{
    struct world *w = world_new(10);
    talker_connect(&w->a, "b");
    sim_run_ms(w->sim, 20);
    sim_node_power_loss(w->nb, SIM_LOSS_ALL);
    talker_stop(&w->b);
    w->b = (struct talker){.env = NULL};
    sim_run_ms(w->sim, 20 * 60 * 1000);
    assert_int_equal(w->a.broken, 1);
    assert_int_equal(w->a.broken_with, ERR_TIMEOUT);
    talker_stop(&w->a);
    sim_free(w->sim);
    mem_free(w);
}

TEST(paused_process_does_nothing_and_then_everything)
{
    struct world *w = world_new(11);
    talker_connect(&w->a, "b");
    sim_run_ms(w->sim, 20);
    sim_node_pause(w->nb, true);
    sim_run_ms(w->sim, 5);
    uint64_t before = w->a.answered;
    sim_run_ms(w->sim, 60000);
    assert_int_equal(w->a.answered, before);
    sim_node_pause(w->nb, false);
    sim_run_ms(w->sim, 100);
    assert_true(w->a.answered > before + 20);
    world_free(w);
}

TEST(full_backlog_makes_connecting_wait)
{
    struct world *w = world_new(12);
    sim_node_pause(w->nb, true);
    struct talker more[5];
    for (int i = 0; i < 5; i++) {
        more[i] = (struct talker){.env = w->a.env};
        talker_connect(&more[i], "b");
    }
    sim_run_ms(w->sim, 500);
    int connected = 0;
    for (int i = 0; i < 5; i++) connected += more[i].connected;
    assert_int_equal(connected, 4);
    sim_node_pause(w->nb, false);
    sim_run_ms(w->sim, 3000);
    for (int i = 0; i < 5; i++) assert_int_equal(more[i].connected, 1);
    for (int i = 0; i < 5; i++) talker_stop(&more[i]);
    world_free(w);
}

struct alarm_clock {
    struct timer timer;
    struct env *env;
    struct sim *sim;
    int64_t rang_at_ms;
};

static void ring(struct timer *t)
{
    struct alarm_clock *a = CONTAINER_OF(t, struct alarm_clock, timer);
    a->rang_at_ms = sim_now_ms(a->sim);
}

static void alarm_set(struct alarm_clock *a, struct sim *s, const char *name, int64_t ms)
{
    *a = (struct alarm_clock){.env = sim_node_env(s, name), .sim = s};
    timer_init(&a->timer, ring);
    timer_arm_in_ms(a->env->clock, &a->timer, ms);
}

TEST(clocks_drift_step_and_freeze_apart)
{
    struct sim *s = sim_new(1);
    struct alarm_clock fast, slow, exact;
    sim_node_clock_drift(sim_node(s, "fast"), 100000);
    alarm_set(&fast, s, "fast", 1100);
    alarm_set(&slow, s, "slow", 900);
    sim_node_clock_drift(sim_node(s, "slow"), -100000); /* timers that are armed follow */
    alarm_set(&exact, s, "exact", 1000);
    int64_t wall = clock_wall(exact.env->clock).ms;
    sim_run_ms(s, 2000);
    assert_int_equal(fast.rang_at_ms, 1000);
    assert_int_equal(slow.rang_at_ms, 1000);
    assert_int_equal(exact.rang_at_ms, 1000);
    assert_true(clock_wall(exact.env->clock).ms == wall + 2000);
    struct mono_time mono = clock_mono(exact.env->clock);
    sim_node_wall_step(sim_node(s, "exact"), -3600 * 1000);
    assert_true(clock_wall(exact.env->clock).ms == wall + 2000 - 3600 * 1000);
    assert_true(clock_mono(exact.env->clock).ns == mono.ns);
    sim_node_wall_freeze(sim_node(s, "exact"), true);
    sim_run_ms(s, 500);
    assert_true(clock_wall(exact.env->clock).ms == wall + 2000 - 3600 * 1000);
    sim_node_wall_freeze(sim_node(s, "exact"), false);
    assert_true(clock_wall(exact.env->clock).ms == wall + 2500 - 3600 * 1000);
    assert_true(mono_elapsed_ms(clock_mono(exact.env->clock), mono) == 500);
    sim_free(s);
}

TEST(timer_of_a_dead_process_is_disarmed)
{
    struct sim *s = sim_new(1);
    struct alarm_clock a;
    alarm_set(&a, s, "n", 10);
    sim_node_crash(sim_node(s, "n"));
    assert_false(timer_armed(&a.timer));
    timer_arm_in_ms(a.env->clock, &a.timer, 1);
    sim_run_ms(s, 100);
    assert_int_equal(a.rang_at_ms, 0);
    sim_free(s);
}

TEST(timer_that_is_due_while_paused_fires_on_resuming)
{
    struct sim *s = sim_new(1);
    struct alarm_clock a;
    alarm_set(&a, s, "n", 10);
    sim_node_pause(sim_node(s, "n"), true);
    sim_run_ms(s, 100);
    assert_int_equal(a.rang_at_ms, 0);
    sim_node_pause(sim_node(s, "n"), false);
    sim_run_ms(s, 1);
    assert_int_equal(a.rang_at_ms, 100);
    sim_free(s);
}

TEST(randomness_is_each_processes_own)
{
    struct sim *s = sim_new(1);
    uint64_t a = rng_u64(sim_node_env(s, "a")->rng), b = rng_u64(sim_node_env(s, "b")->rng);
    sim_node_crash(sim_node(s, "a"));
    uint64_t again = rng_u64(sim_node_env(s, "a")->rng);
    assert_true(a != b && a != again);
    sim_free(s);
    s = sim_new(1);
    assert_true(rng_u64(sim_node_env(s, "a")->rng) == a);
    sim_free(s);
}

static void note(void *owner)
{
    ++*(int *)owner;
}

static void note_look(void *owner, struct sim_node *n)
{
    assert_null(n); /* scripts are the world's */
    ++*(int *)owner;
}

static bool is_two(void *owner)
{
    return *(int *)owner == 2;
}

TEST(scripts_run_at_their_time_and_predicates_end_a_run)
{
    struct sim *s = sim_new(1);
    int count = 0, looks = 0;
    for (int i = 1; i <= 3; i++) sim_at_ms(s, i * 10, note, &count);
    sim_watch(s, note_look, &looks);
    assert_true(sim_run_until(s, is_two, &count, 1000));
    assert_int_equal(sim_now_ms(s), 20);
    assert_int_equal(looks, 2);
    count = 0;
    assert_false(sim_run_until(s, is_two, &count, 1000));
    assert_false(sim_step(s));
    sim_free(s);
}

static void read_and_note(struct timer *t)
{
    struct late_reader *r = CONTAINER_OF(t, struct late_reader, timer);
    char byte;
    assert_ok(disk_read_exact(r->file, 0, &byte, 1));
    r->reads++;
    timer_arm_in_ms(r->env->clock, t, 1);
}

TEST(a_slow_disk_holds_its_process_up_and_no_other)
{
    struct sim *s = sim_new(1);
    struct late_reader slow = {.env = sim_node_env(s, "slow")};
    struct late_reader quick = {.env = sim_node_env(s, "quick")};
    struct late_reader *both[] = {&slow, &quick};
    for (int i = 0; i < 2; i++) {
        assert_ok(disk_open(both[i]->env->disk, "f", DISK_WRITE | DISK_CREATE, &both[i]->file));
        assert_ok(disk_write_bytes(both[i]->file, 0, "x", 1));
        timer_init(&both[i]->timer, read_and_note);
        timer_arm_in_ms(both[i]->env->clock, &both[i]->timer, 1);
    }
    sim_disk_delay(sim_node(s, "slow"), SIM_READ, 100000, 100000);
    sim_run_ms(s, 1000);
    assert_in_range(slow.reads, 9, 10);
    assert_in_range(quick.reads, 900, 1000);
    sim_disk_delay(sim_node(s, "slow"), 0, 0, 0);
    sim_disk_stand_still(sim_node(s, "slow"), sim_now_ms(s) + 30000);
    sim_run_ms(s, 10000);
    assert_in_range(slow.reads, 10, 12);
    assert_true(sim_node_busy_until_ms(sim_node(s, "slow")) > sim_now_ms(s) + 10000);
    sim_run_ms(s, 31000);
    assert_true(slow.reads > 1000);
    for (int i = 0; i < 2; i++) {
        timer_cancel(both[i]->env->clock, &both[i]->timer);
        disk_file_unref(both[i]->file);
    }
    sim_free(s);
}
