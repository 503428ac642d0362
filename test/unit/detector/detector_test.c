/* Detection over a network that breaks on purpose: a watcher, and a node on another machine. */
#include "detector/detector.h"

#include <stdio.h>

#include "base/mem.h"
#include "env/sim/sim.h"
#include "test.h"

enum { NODE = 3, EPOCH = 17, PORT = 9092, BACKLOG = 20, CONNS_MAX = 64 };

/* A node that listens on both ports and accepts. */
struct listening {
    struct net_listener *listeners[2];
    struct net_conn *conns[CONNS_MAX];
    int conns_count;
};

struct world {
    struct sim *sim;
    struct sim_node *watcher, *node;
    struct listening *listening; /* NULL: its process is gone */
    struct history *history;
    struct detector *detector;
    int addresses_count;
    int gone_count;
    struct detector_subject gone;
    struct env *env; /* the watcher's */
    int64_t gone_ms;
    struct mono_time since;
    char evidence[512];
};

/* ---- the node */

static void accepted_broken(struct net_conn *conn, enum err e)
{
    struct listening *l = conn->owner;
    (void)e;
    for (int i = 0; i < l->conns_count; i++)
        if (l->conns[i] == conn) l->conns[i] = l->conns[--l->conns_count];
    net_close(conn);
}

static void accepted_readable(struct net_conn *conn)
{
    char byte;
    size_t got;
    enum err e = net_recv(conn, &byte, 1, &got);
    if (e && e != ERR_AGAIN) accepted_broken(conn, e);
}

static const struct net_events accepted_events = {.readable = accepted_readable,
                                                  .broken = accepted_broken};

static void accepted(struct net_listener *listener, struct net_conn *conn)
{
    struct listening *l = listener->owner;
    assert_true(l->conns_count < CONNS_MAX);
    l->conns[l->conns_count++] = conn;
    conn->owner = l;
    conn->events = &accepted_events;
}

static void node_start(struct world *w)
{
    struct env *env = sim_node_start(w->node);
    struct listening *l = MEM_NEW(struct listening);
    for (int i = 0; i < 2; i++) {
        assert_ok(net_listen(env->net, NULL, (uint16_t)(PORT + i), BACKLOG, &l->listeners[i]));
        l->listeners[i]->accepted = accepted;
        l->listeners[i]->owner = l;
    }
    w->listening = l;
}

static void node_free(struct world *w)
{
    struct listening *l = w->listening;
    if (!l) return;
    for (int i = 0; i < l->conns_count; i++) net_close(l->conns[i]);
    for (int i = 0; i < 2; i++)
        if (l->listeners[i]) net_listener_close(l->listeners[i]);
    mem_free(l);
    w->listening = NULL;
}

/* kill -9 */
static void node_kill(struct world *w)
{
    sim_node_crash(w->node);
    node_free(w);
}

/* ---- the watcher */

static int32_t addresses(void *owner, const struct detector_subject *subject,
                         struct detector_address *out, int32_t max)
{
    const struct world *w = owner;
    (void)subject;
    assert_true(max >= w->addresses_count);
    for (int i = 0; i < w->addresses_count; i++) {
        snprintf(out[i].host, sizeof out[i].host, "node");
        out[i].port = (uint16_t)(PORT + i);
    }
    return w->addresses_count;
}

static void gone(void *owner, const struct detector_subject *subject, struct mono_time since,
                 struct str evidence)
{
    struct world *w = owner;
    w->gone_count++;
    w->gone = *subject;
    w->gone_ms = sim_now_ms(w->sim);
    w->since = since;
    snprintf(w->evidence, sizeof w->evidence, "%.*s", STR_ARG(evidence));
}

static struct world *world_new(bool enabled, int32_t nodes_max)
{
    struct world *w = MEM_NEW(struct world);
    w->sim = sim_new(11);
    w->watcher = sim_node(w->sim, "watcher");
    w->node = sim_node(w->sim, "node");
    w->addresses_count = 2;
    w->env = sim_node_start(w->watcher);
    w->history = history_create(
        w->env, &(struct history_options){.events_max = 100, .bytes_max = 1 << 20, .items_max = 5});
    struct detector_config config = {.enabled = enabled,
                                     .probes = 3,
                                     .interval_ms = 2,
                                     .timeout_ms = 500,
                                     .nodes_max = nodes_max};
    struct detector_events events = {.owner = w, .addresses = addresses, .gone = gone};
    w->detector = detector_create(w->env, &config, &events, w->history);
    node_start(w);
    return w;
}

static void world_free(struct world *w)
{
    detector_free(w->detector);
    history_free(w->history);
    node_free(w);
    assert_int_equal(sim_node_handles(w->watcher), 0);
    sim_free(w->sim);
    mem_free(w);
}

static void suspect_role(struct world *w, enum detector_role role, int32_t id,
                         enum detector_evidence evidence)
{
    detector_suspect(w->detector, &(struct detector_subject){role, id, EPOCH}, evidence,
                     clock_mono(w->env->clock));
}

static void suspect(struct world *w, enum detector_evidence evidence)
{
    suspect_role(w, DETECTOR_BROKER, NODE, evidence);
}

static bool is_quiet(void *owner)
{
    return detector_suspicions(((struct world *)owner)->detector) == 0;
}

static void run_until_quiet(struct world *w)
{
    assert_true(sim_run_until(w->sim, is_quiet, w, 120000));
}

static const struct history_event *last_event(const struct world *w)
{
    return history_get(w->history, history_after(w->history) - 1);
}

static void assert_unproven(const struct world *w, const char *why)
{
    assert_int_equal(w->gone_count, 0);
    assert_int_equal(last_event(w)->fact.kind, HISTORY_PROCESS_THERE);
    assert_string_equal(last_event(w)->fact.reason, "unproven");
    assert_non_null(strstr(last_event(w)->text, why));
}

TEST(a_killed_process_is_known_within_milliseconds)
{
    struct world *w = world_new(true, 64);
    sim_run_ms(w->sim, 1000);
    node_kill(w);
    struct mono_time suspected = clock_mono(w->env->clock);
    suspect(w, EVIDENCE_RESET);
    run_until_quiet(w);
    assert_int_equal(w->gone_count, 1);
    assert_int_equal(w->gone.id, NODE);
    assert_int_equal(w->gone.epoch, EPOCH);
    assert_int_equal(w->since.ns, suspected.ns);
    assert_true(w->gone_ms <= 1010);
    assert_non_null(strstr(w->evidence, "its connection was reset, then node:9092 and node:9093 "
                                        "refused 3 times in "));
    assert_int_equal(history_get(w->history, 0)->fact.kind, HISTORY_CONNECTION_BROKEN);
    assert_string_equal(history_get(w->history, 0)->fact.reason, "reset");
    assert_int_equal(last_event(w)->fact.kind, HISTORY_PROCESS_GONE);
    world_free(w);
}

TEST(one_reset_connection_is_no_dead_process)
{
    struct world *w = world_new(true, 64);
    sim_net_reset(w->watcher, w->node);
    suspect(w, EVIDENCE_RESET);
    run_until_quiet(w);
    assert_unproven(w, "accepted");
    world_free(w);
}

TEST(a_node_that_speaks_again_is_cleared)
{
    struct world *w = world_new(true, 64);
    suspect(w, EVIDENCE_CLOSED);
    sim_run_ms(w->sim, 300);
    assert_int_equal(detector_suspicions(w->detector), 1);
    detector_heard(w->detector, DETECTOR_BROKER, NODE);
    assert_int_equal(detector_suspicions(w->detector), 0);
    assert_string_equal(last_event(w)->fact.reason, "heard");
    sim_run_ms(w->sim, 60000);
    assert_int_equal(w->gone_count, 0);
    world_free(w);
}

static void crowd_connected(struct net_conn *conn, enum err e)
{
    (void)conn;
    (void)e;
}

static void crowd_readable(struct net_conn *conn)
{
    net_pause(conn, true);
}

static void crowd_broken(struct net_conn *conn, enum err e)
{
    (void)conn;
    (void)e;
}

/* It does not get to accepting, and its queue is full: Linux drops the SYN then. */
TEST(a_full_accept_queue_is_no_dead_process)
{
    static const struct net_events crowd_events = {
        .connected = crowd_connected, .readable = crowd_readable, .broken = crowd_broken};
    struct world *w = world_new(true, 64);
    struct env *crowd = sim_node_env(w->sim, "crowd");
    struct net_conn *conns[2 * BACKLOG];
    sim_node_pause(w->node, true);
    for (int i = 0; i < 2 * BACKLOG; i++) {
        assert_ok(net_connect(crowd->net, "node", (uint16_t)(PORT + i % 2), &conns[i]));
        conns[i]->events = &crowd_events;
    }
    sim_run_ms(w->sim, 100);
    suspect(w, EVIDENCE_RESET);
    run_until_quiet(w);
    assert_unproven(w, "timed out");
    for (int i = 0; i < 2 * BACKLOG; i++) net_close(conns[i]);
    sim_node_pause(w->node, false);
    world_free(w);
}

TEST(a_silent_host_is_left_to_its_timeout)
{
    struct world *w = world_new(true, 64);
    sim_node_power_loss(w->node, SIM_LOSS_RANDOM);
    node_free(w);
    suspect(w, EVIDENCE_RESET);
    run_until_quiet(w);
    assert_unproven(w, "timed out");
    world_free(w);
}

TEST(a_cut_network_is_left_to_its_timeout)
{
    struct world *w = world_new(true, 64);
    sim_net_isolate(w->node, true);
    suspect(w, EVIDENCE_RESET);
    run_until_quiet(w);
    assert_unproven(w, "timed out");
    world_free(w);
}

TEST(a_paused_process_is_no_dead_process)
{
    struct world *w = world_new(true, 64);
    sim_node_pause(w->node, true);
    suspect(w, EVIDENCE_RESET);
    run_until_quiet(w);
    assert_int_equal(w->gone_count, 0);
    sim_node_pause(w->node, false);
    world_free(w);
}

TEST(a_port_that_another_process_has_taken_proves_nothing)
{
    struct world *w = world_new(true, 64);
    node_kill(w);
    node_start(w);
    net_listener_close(w->listening->listeners[1]);
    w->listening->listeners[1] = NULL;
    suspect(w, EVIDENCE_RESET);
    run_until_quiet(w);
    assert_unproven(w, "");
    world_free(w);
}

/* It is back before the refusals are enough: the session, or its new registration, decides. */
TEST(a_process_that_restarts_at_once_is_not_proved_gone)
{
    struct world *w = world_new(true, 64);
    node_kill(w);
    suspect(w, EVIDENCE_RESET);
    sim_run_ms(w->sim, 3);
    node_start(w);
    run_until_quiet(w);
    assert_unproven(w, "accepted");
    world_free(w);
}

TEST(a_newer_incarnation_replaces_the_suspicion_of_the_old_one)
{
    struct world *w = world_new(true, 64);
    node_kill(w);
    suspect(w, EVIDENCE_RESET);
    detector_suspect(w->detector, &(struct detector_subject){DETECTOR_BROKER, NODE, EPOCH + 1},
                     EVIDENCE_CLOSED, clock_mono(w->env->clock));
    assert_int_equal(detector_suspicions(w->detector), 1);
    suspect(w, EVIDENCE_RESET); /* late news of the old one */
    run_until_quiet(w);
    assert_int_equal(w->gone_count, 1);
    assert_int_equal(w->gone.epoch, EPOCH + 1);
    world_free(w);
}

TEST(a_node_without_a_known_address_is_left_to_its_timeout)
{
    struct world *w = world_new(true, 64);
    w->addresses_count = 0;
    node_kill(w);
    suspect(w, EVIDENCE_RESET);
    assert_int_equal(detector_suspicions(w->detector), 0);
    assert_unproven(w, "no address");
    world_free(w);
}

TEST(a_node_that_was_not_heard_yet_is_asked_once_and_leaves_no_trace)
{
    struct world *w = world_new(true, 64);
    suspect(w, EVIDENCE_NOT_HEARD);
    sim_run_ms(w->sim, 10);
    assert_int_equal(detector_suspicions(w->detector), 0);
    assert_int_equal(history_after(w->history), 0);
    node_kill(w);
    suspect(w, EVIDENCE_NOT_HEARD);
    run_until_quiet(w);
    assert_int_equal(w->gone_count, 1);
    world_free(w);
}

/* As the quorum's leader it was proved gone a moment ago; now it is judged as a broker. */
TEST(a_node_that_was_proved_gone_needs_one_refusal_more_and_keeps_its_time)
{
    struct world *w = world_new(true, 64);
    struct mono_time since = clock_mono(w->env->clock);
    struct detector_subject s = {DETECTOR_BROKER, NODE, EPOCH};
    node_kill(w);
    sim_run_ms(w->sim, 50);
    detector_suspect(w->detector, &s, EVIDENCE_PROVED, since);
    sim_run_ms(w->sim, 2);
    assert_int_equal(w->gone_count, 1);
    assert_int_equal(w->since.ns, since.ns);
    assert_non_null(strstr(w->evidence, "found gone before, then node:9092 and node:9093 refused "
                                        "once more in "));
    /* back already: that was another process, and this one is not proved anything */
    node_start(w);
    detector_suspect(w->detector, &s, EVIDENCE_PROVED, since);
    run_until_quiet(w);
    assert_int_equal(w->gone_count, 1);
    world_free(w);
}

TEST(another_proof_counts_only_against_a_node_that_is_suspected_on_evidence)
{
    struct world *w = world_new(true, 64);
    struct detector_subject s = {DETECTOR_BROKER, NODE, EPOCH};
    assert_false(detector_prove(w->detector, &s, "x")); /* nobody has anything against it */
    suspect(w, EVIDENCE_NOT_HEARD);
    assert_false(detector_prove(w->detector, &s, "x"));
    suspect(w, EVIDENCE_CLOSED);
    struct detector_subject other = {DETECTOR_BROKER, NODE, EPOCH + 1};
    assert_false(detector_prove(w->detector, &other, "x"));
    assert_int_equal(w->gone_count, 0);
    assert_true(detector_prove(w->detector, &s, "its successor registers"));
    assert_int_equal(w->gone_count, 1);
    assert_string_equal(w->evidence, "its connection was closed, then its successor registers");
    assert_int_equal(detector_suspicions(w->detector), 0);
    world_free(w);
}

TEST(an_overdue_heartbeat_is_asked_about_and_noted)
{
    struct world *w = world_new(true, 64);
    suspect(w, EVIDENCE_OVERDUE);
    run_until_quiet(w);
    assert_int_equal(history_get(w->history, 0)->fact.kind, HISTORY_HEARTBEAT_MISSED);
    assert_int_equal(history_after(w->history), 1);
    assert_int_equal(w->gone_count, 0);
    world_free(w);
}

TEST(not_enabled_it_notes_and_asks_nobody)
{
    struct world *w = world_new(false, 64);
    node_kill(w);
    suspect(w, EVIDENCE_RESET);
    assert_int_equal(detector_suspicions(w->detector), 0);
    sim_run_ms(w->sim, 10000);
    assert_int_equal(w->gone_count, 0);
    assert_int_equal(history_after(w->history), 1);
    world_free(w);
}

/* At the bound: two probed, the others wait, and all are judged. */
TEST(more_suspects_than_may_be_probed_at_once_wait_their_turn)
{
    struct world *w = world_new(true, 2);
    node_kill(w);
    for (int32_t id = 0; id < 7; id++) suspect_role(w, DETECTOR_BROKER, id, EVIDENCE_RESET);
    assert_int_equal(sim_node_handles(w->watcher), 2 * w->addresses_count);
    assert_int_equal(detector_suspicions(w->detector), 7);
    run_until_quiet(w);
    assert_int_equal(w->gone_count, 7);
    world_free(w);
}

TEST(roles_are_apart_and_forgotten_apart)
{
    struct world *w = world_new(true, 64);
    node_kill(w);
    suspect_role(w, DETECTOR_BROKER, NODE, EVIDENCE_RESET);
    suspect_role(w, DETECTOR_LEADER, NODE, EVIDENCE_CLOSED);
    assert_int_equal(detector_suspicions(w->detector), 2);
    detector_forget(w->detector, DETECTOR_BROKER);
    assert_int_equal(detector_suspicions(w->detector), 1);
    run_until_quiet(w);
    assert_int_equal(w->gone_count, 1);
    assert_int_equal(w->gone.role, DETECTOR_LEADER);
    world_free(w);
}
