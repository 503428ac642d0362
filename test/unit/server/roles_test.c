/* Nodes of every role in one simulated cluster: three controllers and two brokers, or three that
 * are both. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "env/sim/sim.h"
#include "log/meta_properties.h"
#include "quorum/snapshot_file.h"
#include "server/internal.h"

enum { NODES_MAX = 5, VOTERS = 3, WAIT_MS = 60000 };

struct machine {
    struct cluster *cluster;
    int32_t id;
    char name[8];
    struct sim_node *sim;
    struct uuid directory_id;
    const char *roles;
    struct env *env;
    struct config *config;
    struct arena arena;
    struct node_config node_config;
    struct node *node; /* NULL: does not run */
    bool started, stopped, clean;
};

struct cluster {
    struct sim *sim;
    struct machine machines[NODES_MAX + 1];
    int32_t count;
    const char *more; /* configuration of all */
};

#define UNTIL(c, condition)                                                                   \
    do {                                                                                      \
        int64_t until_ = sim_now_ms((c)->sim) + WAIT_MS;                                      \
        while (!(condition) && sim_now_ms((c)->sim) < until_ && sim_step((c)->sim)) continue; \
        if (!(condition)) sim_trace_dump((c)->sim);                                           \
        assert_true(condition);                                                               \
    } while (0)

/* ---- storage */

static void format(struct cluster *c, struct machine *m)
{
    struct env *env = sim_node_start(m->sim);
    struct meta_properties meta = META_PROPERTIES_NONE;
    meta.node_id = m->id;
    snprintf(meta.cluster_id, sizeof meta.cluster_id, "roles-cluster-00000001");
    meta.directory_id = m->directory_id;
    assert_ok(disk_mkdirs(env->disk, "/data/__cluster_metadata-0"));
    struct voters_record_endpoint endpoints[VOTERS];
    struct voters_record_voter voters[VOTERS];
    for (int32_t i = 0; i < VOTERS; i++) {
        const struct machine *v = &c->machines[i + 1];
        endpoints[i] = (struct voters_record_endpoint){
            .name = STR("CONTROLLER"), .host = str_of(v->name), .port = 9093};
        voters[i] = (struct voters_record_voter){.voter_id = v->id,
                                                 .voter_directory_id = v->directory_id,
                                                 .endpoints = &endpoints[i],
                                                 .endpoints_count = 1,
                                                 .kraft_version_feature = {0, 1}};
    }
    struct voters_record record;
    voters_record_init(&record);
    record.voters = voters;
    record.voters_count = VOTERS;
    struct snapshot_writer w;
    assert_ok(snapshot_writer_open(&w, env->disk, "/data/__cluster_metadata-0",
                                   (struct snapshot_id){0, 0}, 0, 0, 1, &record));
    assert_ok(snapshot_writer_finish(&w));
    assert_ok(meta_properties_write(env->disk, "/data", &meta));
    assert_ok(disk_sync_dir(env->disk, "/data"));
    assert_ok(disk_sync_dir(env->disk, "/"));
    sim_node_crash(m->sim);
}

/* ---- processes */

static void on_started(void *owner)
{
    ((struct machine *)owner)->started = true;
}

static void on_stopped(void *owner, bool clean)
{
    struct machine *m = owner;
    m->stopped = true;
    m->clean = clean;
}

static void start(struct cluster *c, int32_t id)
{
    struct machine *m = &c->machines[id];
    m->env = sim_node_start(m->sim);
    m->started = m->stopped = false;
    arena_init(&m->arena, 0);
    bool broker = strstr(m->roles, "broker"), controller = strstr(m->roles, "controller");
    char text[1024];
    snprintf(text, sizeof text,
             "process.roles=%s\nnode.id=%d\n"
             "controller.quorum.bootstrap.servers=n1:9093,n2:9093,n3:9093\n"
             "listeners=%s%s%s\nadvertised.listeners=%s%s%s%s%s%s%s\n"
             "controller.listener.names=CONTROLLER\nlog.dirs=/data\n%s",
             m->roles, id, broker ? "PLAINTEXT://:9092" : "", broker && controller ? "," : "",
             controller ? "CONTROLLER://:9093" : "", broker ? "PLAINTEXT://" : "",
             broker ? m->name : "", broker ? ":9092" : "", broker && controller ? "," : "",
             controller ? "CONTROLLER://" : "", controller ? m->name : "",
             controller ? ":9093" : "", c->more);
    struct config_error error;
    if (config_read("server.properties", str_of(text), NULL, 0, &m->config, &error) ||
        node_config_read(m->config, &m->arena, &m->node_config, &error))
        fail_msg("%s", error.text);
    struct node_events events = {.owner = m, .started = on_started, .stopped = on_stopped};
    if (node_create(m->env, m->config, &m->node_config, &events, &m->node, &error) ||
        node_start(m->node, &error))
        fail_msg("%s", error.text);
}

static void bury(struct machine *m)
{
    node_abandon(m->node);
    m->node = NULL;
    config_free(m->config);
    arena_free(&m->arena);
}

static void crash(struct cluster *c, int32_t id)
{
    sim_node_crash(c->machines[id].sim);
    bury(&c->machines[id]);
}

static struct cluster *cluster_new(uint64_t seed, const char *const *roles, int32_t count,
                                   const char *more)
{
    struct cluster *c = MEM_NEW(struct cluster);
    c->sim = sim_new(seed);
    c->count = count;
    c->more = more;
    struct prng prng = sim_fork(c->sim, "roles");
    for (int32_t id = 1; id <= count; id++) {
        struct machine *m = &c->machines[id];
        m->cluster = c;
        m->id = id;
        m->roles = roles[id - 1];
        snprintf(m->name, sizeof m->name, "n%d", id);
        m->sim = sim_node(c->sim, m->name);
        for (size_t i = 0; i < sizeof m->directory_id.bytes; i++)
            m->directory_id.bytes[i] = (uint8_t)prng_below(&prng, 256);
    }
    for (int32_t id = 1; id <= count; id++) format(c, &c->machines[id]);
    for (int32_t id = 1; id <= count; id++) start(c, id);
    return c;
}

static void cluster_free(struct cluster *c)
{
    for (int32_t id = 1; id <= c->count; id++)
        if (c->machines[id].node) crash(c, id);
    sim_free(c->sim);
    mem_free(c);
}

static const char *const apart[] = {"controller", "controller", "controller", "broker", "broker"};
static const char *const both[] = {"broker,controller", "broker,controller", "broker,controller"};

static bool all_started(const struct cluster *c)
{
    for (int32_t id = 1; id <= c->count; id++)
        if (c->machines[id].node && !c->machines[id].started) return false;
    return true;
}

/* The active controller; 0: none. */
static int32_t active(const struct cluster *c)
{
    for (int32_t id = 1; id <= VOTERS; id++) {
        const struct node *n = c->machines[id].node;
        if (n && n->controller && controller_is_active(n->controller)) return id;
    }
    return 0;
}

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
