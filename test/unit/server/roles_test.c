/* Nodes of every role in one simulated cluster: three controllers and two brokers, or three that
 * are both. */
#include "test.h"

#include "log/log_dir_internal.h"
#include "node_world.h"
#include "protocol/incremental_alter_configs.h"

static bool all_controllers_are_known(const struct cluster *c)
{
    for (int32_t id = 1; id <= VOTERS; id++) {
        const struct image *image = controller_image(c->machines[id].node->controller);
        for (int32_t k = 1; k <= VOTERS; k++)
            if (!image_controller(image, k)) return false;
    }
    return true;
}

/* ---- */

TEST(brokers_alone_are_let_in_by_controllers_alone)
{
    struct cluster *c = cluster_new(1, apart, 5, "");
    UNTIL(c, all_started(c));
    const struct image *image = controller_image(c->machines[active(c)].node->controller);
    assert_int_equal(image->brokers_count, 2);
    for (int32_t id = 4; id <= 5; id++) {
        assert_true(image_broker_is_active(image, id));
        assert_false(quorum_is_voter(c->machines[id].node->quorum));
        assert_null(c->machines[id].node->controller);
    }
    for (int32_t id = 1; id <= VOTERS; id++) assert_null(c->machines[id].node->broker);
    cluster_free(c);
}

TEST(every_controller_makes_itself_known_and_again_after_a_restart)
{
    struct cluster *c = cluster_new(2, apart, 5, "");
    UNTIL(c, all_started(c) && active(c) && all_controllers_are_known(c));
    int32_t standby = active(c) % 3 + 1;
    struct uuid before =
        image_controller(controller_image(c->machines[active(c)].node->controller), standby)
            ->incarnation_id;
    crash(c, standby);
    start(c, standby);
    struct uuid now = controller_incarnation(c->machines[standby].node->controller);
    assert_false(uuid_equal(before, now));
    UNTIL(c, active(c) &&
                 uuid_equal(image_controller(
                                controller_image(c->machines[active(c)].node->controller), standby)
                                ->incarnation_id,
                            now));
    cluster_free(c);
}

TEST(a_standby_takes_over_with_the_image_it_has)
{
    for (int kind = 0; kind < 2; kind++) {
        struct cluster *c = kind ? cluster_new(3, both, 3, "") : cluster_new(4, apart, 5, "");
        UNTIL(c, all_started(c) && active(c) && all_controllers_are_known(c));
        sim_run_ms(c->sim, 2000);
        int32_t old = active(c);
        const struct image *images[VOTERS + 1] = {0};
        int32_t brokers = controller_image(c->machines[old].node->controller)->brokers_count;
        for (int32_t id = 1; id <= VOTERS; id++)
            images[id] = controller_image(c->machines[id].node->controller);
        crash(c, old);
        UNTIL(c, active(c));
        const struct controller *now = c->machines[active(c)].node->controller;
        assert_ptr_equal(controller_image(now), images[active(c)]); /* nothing was loaded */
        assert_int_equal(controller_image(now)->brokers_count, brokers);
        start(c, old);
        UNTIL(c, all_started(c));
        cluster_free(c);
    }
}

TEST(a_leader_that_stops_hands_over_first_and_ends_cleanly)
{
    struct cluster *c = cluster_new(5, both, 3, "");
    UNTIL(c, all_started(c) && active(c));
    sim_run_ms(c->sim, 2000);
    int32_t old = active(c);
    int64_t began = sim_now_ms(c->sim);
    node_shutdown(c->machines[old].node);
    UNTIL(c, c->machines[old].stopped);
    assert_true(c->machines[old].clean);
    UNTIL(c, active(c) && active(c) != old);
    assert_true(sim_now_ms(c->sim) - began < 2000); /* not by a fetch timeout */
    crash(c, old);
    start(c, old);
    UNTIL(c, all_started(c));
    cluster_free(c);
}

static bool all_stopped(const struct cluster *c)
{
    for (int32_t id = 1; id <= c->count; id++)
        if (c->machines[id].node && !c->machines[id].stopped) return false;
    return true;
}

TEST(a_node_that_fails_while_it_stops_has_not_ended_well)
{
    struct cluster *c = cluster_new(31, both, 3, "");
    UNTIL(c, all_started(c) && active(c));
    node_shutdown(c->machines[1].node);
    node_fatal(c->machines[1].node, "as a test wants it");
    node_shutdown(c->machines[1].node); /* at once */
    UNTIL(c, c->machines[1].stopped);
    assert_false(c->machines[1].clean);
    cluster_free(c);
}

/* Whoever is last finds nobody to grant its controlled shutdown. */
TEST(nodes_that_are_told_to_stop_at_once_all_do)
{
    for (uint64_t seed = 20; seed < 26; seed++) {
        struct cluster *c =
            seed % 2 ? cluster_new(seed, both, 3, "") : cluster_new(seed, apart, 5, "");
        UNTIL(c, all_started(c) && active(c));
        sim_run_ms(c->sim, 1000);
        int64_t began = sim_now_ms(c->sim);
        if (seed % 3 == 0) crash(c, active(c)); /* not even a quorum is left */
        if (seed % 3 == 0) crash(c, c->machines[1].node ? 1 : 2);
        for (int32_t id = 1; id <= c->count; id++)
            if (c->machines[id].node) node_shutdown(c->machines[id].node);
        UNTIL(c, all_stopped(c));
        assert_true(sim_now_ms(c->sim) - began < 20000);
        cluster_free(c);
    }
}

static int32_t snapshots_of(const struct machine *m)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct snapshot_id *ids;
    int32_t count, real = 0;
    assert_ok(
        snapshot_files_list(m->env->disk, "/data/__cluster_metadata-0", &arena, &ids, &count));
    for (int32_t i = 0; i < count; i++) real += ids[i].end_offset > 0;
    arena_free(&arena);
    return real;
}

static bool all_have_snapshots(const struct cluster *c)
{
    for (int32_t id = 1; id <= c->count; id++)
        if (snapshots_of(&c->machines[id]) == 0) return false;
    return true;
}

TEST(a_node_of_every_role_writes_snapshots_and_starts_from_them)
{
    struct cluster *c =
        cluster_new(6, apart, 5, "metadata.log.max.record.bytes.between.snapshots=2000\n");
    UNTIL(c, all_started(c) && active(c) && all_have_snapshots(c));
    for (int32_t id = 1; id <= 5; id++) crash(c, id);
    for (int32_t id = 1; id <= 5; id++) start(c, id);
    UNTIL(c, all_started(c) && active(c));
    assert_int_equal(controller_image(c->machines[active(c)].node->controller)->brokers_count, 2);
    cluster_free(c);
}

/* ---- */

static void altered(struct controller_call *call, const void *response)
{
    const struct incremental_alter_configs_response *r = response;
    *(int *)call->context = r->responses[0].error_code == KAFKA_NONE ? 1 : -1;
}

/* Of all brokers. */
static void alter(struct cluster *c, struct str key, struct str value)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct incremental_alter_configs_request q;
    incremental_alter_configs_request_init(&q);
    q.resources_count = 1;
    q.resources = incremental_alter_configs_request_alter_configs_resource_new(&arena, 1);
    q.resources[0].resource_type = RESOURCE_BROKER;
    q.resources[0].resource_name = STR("");
    q.resources[0].configs_count = 1;
    q.resources[0].configs = incremental_alter_configs_request_alterable_config_new(&arena, 1);
    q.resources[0].configs[0].name = key;
    q.resources[0].configs[0].value = value;
    int outcome = 0;
    struct controller_call call = {.api_key = API_INCREMENTAL_ALTER_CONFIGS,
                                   .version = 1,
                                   .request = &q,
                                   .arena = &arena,
                                   .listener = STR("CONTROLLER"),
                                   .done = altered,
                                   .context = &outcome};
    controller_handle(c->machines[active(c)].node->controller, &call);
    UNTIL(c, outcome != 0);
    assert_int_equal(outcome, 1);
    arena_free(&arena);
    sim_run_ms(c->sim, 2000);
}

TEST(how_long_idle_producers_are_known_may_change_while_a_node_runs)
{
    struct cluster *c = cluster_new(30, both, 3, "");
    UNTIL(c, all_are_members(c));
    alter(c, STR("producer.id.expiration.ms"), STR("12345"));
    for (int32_t id = 1; id <= c->count; id++)
        assert_int_equal(
            c->machines[id].node->directories.items[0]->options.producer_id_expiration_ms, 12345);
    cluster_free(c);
}
