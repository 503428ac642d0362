/* Failovers of whole nodes, by virtual time: what is known at once, and what must be left to its
 * timeout. */
#include "history/history.h"
#include "node_world.h"

enum { AT_ONCE_MS = 300, SESSION_MS = 9000, PARTITIONS = 6 };

static bool is_fenced(const struct cluster *c, int32_t id)
{
    return active(c) && image_broker(image_of(c), id) && image_broker(image_of(c), id)->fenced;
}

static bool all_are_led(const struct cluster *c)
{
    const struct image_topic *t = active(c) ? image_topic_by_name(image_of(c), STR("t")) : NULL;
    for (int32_t i = 0; t && i < PARTITIONS; i++) {
        int32_t leader = image_topic_partition(t, i)->leader;
        if (leader < 0 || !c->machines[leader].node) return false;
    }
    return t != NULL;
}

/* A broker that is not the active controller. */
static int32_t other_broker(const struct cluster *c)
{
    for (int32_t id = c->count; id > 0; id--)
        if (id != active(c) && c->machines[id].node && c->machines[id].node->broker) return id;
    return 0;
}

static int64_t epoch_of(const struct cluster *c, int32_t id)
{
    return image_broker(image_of(c), id)->epoch;
}

/* Events of one kind that any running node has noticed about a node. */
static int32_t noticed(const struct cluster *c, enum history_kind kind, int32_t about,
                       const char *reason)
{
    int32_t found = 0;
    for (int32_t id = 1; id <= c->count; id++) {
        if (!c->machines[id].node) continue;
        const struct history *h = node_history(c->machines[id].node);
        for (int64_t i = history_first(h); i < history_after(h); i++) {
            const struct history_fact *f = &history_get(h, i)->fact;
            found += f->kind == kind && f->about == about &&
                     (!reason || (f->reason && strcmp(f->reason, reason) == 0));
        }
    }
    return found;
}

static void check_expired(struct cluster *c, int32_t id, int64_t began)
{
    UNTIL(c, is_fenced(c, id));
    int64_t took = sim_now_ms(c->sim) - began;
    /* it was last heard up to an interval of heartbeats before it fell silent */
    assert_true(took > SESSION_MS - 2500 && took < SESSION_MS + 1000);
    assert_int_equal(noticed(c, HISTORY_BROKER_FENCED, id, "session-expired"), 1);
    assert_int_equal(noticed(c, HISTORY_BROKER_FENCED, id, "broker-lost"), 0);
    assert_int_equal(noticed(c, HISTORY_PROCESS_GONE, id, NULL), 0);
}

/* ---- known at once */

TEST(a_killed_broker_is_fenced_and_replaced_at_once)
{
    for (int kind = 0; kind < 2; kind++) {
        struct cluster *c =
            kind ? cluster_settled(1, both, 3, "default.replication.factor=3\n", PARTITIONS)
                 : cluster_settled(2, apart, 5, "default.replication.factor=2\n", PARTITIONS);
        int32_t id = other_broker(c);
        int64_t began = sim_now_ms(c->sim);
        crash(c, id);
        UNTIL(c, is_fenced(c, id) && all_are_led(c));
        assert_true(sim_now_ms(c->sim) - began < AT_ONCE_MS);
        UNTIL(c, noticed(c, HISTORY_LED_AGAIN, id, "broker-lost") == 1);
        assert_int_equal(noticed(c, HISTORY_PROCESS_GONE, id, "broker"), 1);
        assert_int_equal(noticed(c, HISTORY_ELECTION, id, "broker-lost"), 1);
        cluster_free(c);
    }
}

/* Many times: when both that are left stood at the same moment they split the votes, and stood
 * again after an election timeout only. */
TEST(a_killed_controller_is_replaced_at_once_and_the_broker_in_it)
{
    for (uint64_t seed = 100; seed < 250; seed++) {
        struct cluster *c =
            cluster_settled(seed, both, 3, "default.replication.factor=3\n", PARTITIONS);
        int32_t id = active(c);
        int64_t began = sim_now_ms(c->sim);
        crash(c, id);
        UNTIL(c, is_fenced(c, id) && all_are_led(c));
        assert_true(sim_now_ms(c->sim) - began < AT_ONCE_MS);
        assert_true(noticed(c, HISTORY_PROCESS_GONE, id, "quorum-leader") >= 1);
        cluster_free(c);
    }
}

TEST(brokers_apart_find_the_new_controller_and_stay)
{
    struct cluster *c = cluster_settled(3, apart, 5, "default.replication.factor=2\n", PARTITIONS);
    int32_t id = active(c);
    int64_t began = sim_now_ms(c->sim);
    crash(c, id);
    UNTIL(c, active(c));
    assert_true(sim_now_ms(c->sim) - began < AT_ONCE_MS);
    sim_run_ms(c->sim, 2 * SESSION_MS);
    assert_true(all_are_members(c));
    for (int32_t broker = 4; broker <= 5; broker++) {
        assert_int_equal(noticed(c, HISTORY_BROKER_FENCED, broker, NULL), 0);
        assert_int_equal(noticed(c, HISTORY_PROCESS_GONE, broker, NULL), 0);
    }
    cluster_free(c);
}

TEST(a_broker_whose_listener_the_controllers_do_not_name_is_known_too)
{
    struct cluster *c = cluster_format(
        4, apart, 5, "listener.security.protocol.map=INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT\n");
    c->listener = "INTERNAL";
    c->machines[4].own = c->machines[5].own = "inter.broker.listener.name=INTERNAL\n";
    for (int32_t id = 1; id <= 5; id++) start(c, id);
    UNTIL(c, all_started(c) && all_are_members(c));
    sim_run_ms(c->sim, 5000);
    int64_t began = sim_now_ms(c->sim);
    crash(c, 5);
    UNTIL(c, is_fenced(c, 5));
    assert_true(sim_now_ms(c->sim) - began < AT_ONCE_MS);
    cluster_free(c);
}

/* ---- started again at once */

TEST(a_killed_broker_that_is_started_again_at_once_is_back_at_once)
{
    for (uint64_t seed = 20; seed < 30; seed++) {
        struct cluster *c =
            cluster_settled(seed, both, 3, "default.replication.factor=3\n", PARTITIONS);
        int32_t id = other_broker(c);
        int64_t epoch = epoch_of(c, id), began = sim_now_ms(c->sim);
        crash(c, id);
        sim_run_ms(c->sim, (int64_t)(seed - 20)); /* before, amid and after the proof */
        start(c, id);
        UNTIL(c, is_member(c, id, epoch));
        assert_true(sim_now_ms(c->sim) - began < 2000);
        cluster_free(c);
    }
}

TEST(a_broker_that_stops_cleanly_and_is_started_again_is_back_at_once)
{
    struct cluster *c = cluster_settled(5, both, 3, "default.replication.factor=3\n", PARTITIONS);
    int32_t id = other_broker(c);
    int64_t epoch = epoch_of(c, id);
    node_shutdown(c->machines[id].node);
    UNTIL(c, c->machines[id].stopped);
    crash(c, id);
    int64_t began = sim_now_ms(c->sim);
    start(c, id);
    UNTIL(c, is_member(c, id, epoch));
    assert_true(sim_now_ms(c->sim) - began < 2000);
    assert_int_equal(noticed(c, HISTORY_PROCESS_GONE, id, NULL), 0);
    cluster_free(c);
}

/* ---- near misses */

TEST(reset_connections_fence_nobody_and_depose_nobody)
{
    struct cluster *c = cluster_settled(6, both, 3, "", PARTITIONS);
    int32_t leader = active(c);
    for (int i = 0; i < 20; i++) {
        for (int32_t id = 1; id <= 3; id++)
            if (id != leader) sim_net_reset(c->machines[leader].sim, c->machines[id].sim);
        sim_run_ms(c->sim, 700);
    }
    assert_int_equal(active(c), leader);
    for (int32_t id = 1; id <= 3; id++) {
        assert_false(is_fenced(c, id));
        assert_int_equal(noticed(c, HISTORY_PROCESS_GONE, id, NULL), 0);
        assert_int_equal(noticed(c, HISTORY_BROKER_FENCED, id, NULL), 0);
    }
    assert_true(noticed(c, HISTORY_CONNECTION_BROKEN, leader, "reset") > 0);
    cluster_free(c);
}

TEST(a_paused_broker_is_left_to_its_session)
{
    struct cluster *c = cluster_settled(7, both, 3, "", PARTITIONS);
    int32_t id = other_broker(c);
    int64_t began = sim_now_ms(c->sim);
    sim_node_pause(c->machines[id].sim, true);
    sim_run_ms(c->sim, 5500);
    assert_true(noticed(c, HISTORY_HEARTBEAT_MISSED, id, NULL) > 0);
    assert_false(is_fenced(c, id));
    check_expired(c, id, began);
    sim_node_pause(c->machines[id].sim, false);
    UNTIL(c, is_member(c, id, -1));
    cluster_free(c);
}

TEST(a_silent_machine_is_left_to_its_session)
{
    struct cluster *c = cluster_settled(8, both, 3, "", PARTITIONS);
    int32_t id = other_broker(c);
    int64_t began = sim_now_ms(c->sim);
    sim_node_power_loss(c->machines[id].sim, SIM_LOSS_RANDOM);
    bury(&c->machines[id]);
    check_expired(c, id, began);
    cluster_free(c);
}

TEST(a_machine_that_is_cut_off_is_left_to_its_session)
{
    struct cluster *c = cluster_settled(9, both, 3, "", PARTITIONS);
    int32_t id = other_broker(c);
    int64_t began = sim_now_ms(c->sim);
    sim_net_isolate(c->machines[id].sim, true);
    check_expired(c, id, began);
    cluster_free(c);
}

TEST(not_enabled_a_killed_broker_is_left_to_its_session)
{
    struct cluster *c = cluster_settled(10, both, 3, "samsa.detector.enable=false\n", PARTITIONS);
    int32_t id = other_broker(c);
    int64_t began = sim_now_ms(c->sim);
    crash(c, id);
    check_expired(c, id, began);
    cluster_free(c);
}
