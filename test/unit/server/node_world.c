#include "node_world.h"

#include <stdio.h>

#include "log/meta_properties.h"
#include "protocol/create_topics.h"

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

void start(struct cluster *c, int32_t id)
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
             "listeners=%s%s%s%s\nadvertised.listeners=%s%s%s%s%s%s%s%s\n"
             "controller.listener.names=CONTROLLER\nlog.dirs=/data\n%s%s",
             m->roles, id, broker ? c->listener : "", broker ? "://:9092" : "",
             broker && controller ? "," : "", controller ? "CONTROLLER://:9093" : "",
             broker ? c->listener : "", broker ? "://" : "", broker ? m->name : "",
             broker ? ":9092" : "", broker && controller ? "," : "",
             controller ? "CONTROLLER://" : "", controller ? m->name : "",
             controller ? ":9093" : "", c->more, m->own);
    struct config_error error;
    if (config_read("server.properties", str_of(text), NULL, 0, &m->config, &error) ||
        node_config_read(m->config, &m->arena, &m->node_config, &error))
        fail_msg("%s", error.text);
    struct node_events events = {.owner = m, .started = on_started, .stopped = on_stopped};
    if (node_create(m->env, m->config, &m->node_config, &events, &m->node, &error) ||
        node_start(m->node, &error))
        fail_msg("%s", error.text);
}

void bury(struct machine *m)
{
    node_abandon(m->node);
    m->node = NULL;
    config_free(m->config);
    arena_free(&m->arena);
}

void crash(struct cluster *c, int32_t id)
{
    sim_node_crash(c->machines[id].sim);
    bury(&c->machines[id]);
}

struct cluster *cluster_format(uint64_t seed, const char *const *roles, int32_t count,
                               const char *more)
{
    struct cluster *c = MEM_NEW(struct cluster);
    c->sim = sim_new(seed);
    c->count = count;
    c->more = more;
    c->listener = "PLAINTEXT";
    struct prng prng = sim_fork(c->sim, "roles");
    for (int32_t id = 1; id <= count; id++) {
        struct machine *m = &c->machines[id];
        m->cluster = c;
        m->id = id;
        m->roles = roles[id - 1];
        m->own = "";
        snprintf(m->name, sizeof m->name, "n%d", id);
        m->sim = sim_node(c->sim, m->name);
        for (size_t i = 0; i < sizeof m->directory_id.bytes; i++)
            m->directory_id.bytes[i] = (uint8_t)prng_below(&prng, 256);
    }
    for (int32_t id = 1; id <= count; id++) format(c, &c->machines[id]);
    return c;
}

struct cluster *cluster_new(uint64_t seed, const char *const *roles, int32_t count,
                            const char *more)
{
    struct cluster *c = cluster_format(seed, roles, count, more);
    for (int32_t id = 1; id <= count; id++) start(c, id);
    return c;
}

void cluster_free(struct cluster *c)
{
    for (int32_t id = 1; id <= c->count; id++)
        if (c->machines[id].node) crash(c, id);
    sim_free(c->sim);
    mem_free(c);
}

const char *const apart[5] = {"controller", "controller", "controller", "broker", "broker"};
const char *const both[3] = {"broker,controller", "broker,controller", "broker,controller"};

bool all_started(const struct cluster *c)
{
    for (int32_t id = 1; id <= c->count; id++)
        if (c->machines[id].node && !c->machines[id].started) return false;
    return true;
}

int32_t active(const struct cluster *c)
{
    for (int32_t id = 1; id <= VOTERS; id++) {
        const struct node *n = c->machines[id].node;
        if (n && n->controller && controller_is_active(n->controller)) return id;
    }
    return 0;
}

/* ---- what the controller has */

const struct image *image_of(const struct cluster *c)
{
    return controller_image(c->machines[active(c)].node->controller);
}

bool is_member(const struct cluster *c, int32_t id, int64_t after_epoch)
{
    if (!active(c)) return false;
    const struct image_broker *b = image_broker(image_of(c), id);
    return b && b->epoch > after_epoch && !b->fenced;
}

bool all_are_members(const struct cluster *c)
{
    for (int32_t id = 1; id <= c->count; id++)
        if (strstr(c->machines[id].roles, "broker") && !is_member(c, id, -1)) return false;
    return active(c) > 0;
}

static void created(struct controller_call *call, const void *response)
{
    const struct create_topics_response *r = response;
    *(int *)call->context = r->topics[0].error_code == KAFKA_NONE ? 1 : -1;
}

void create_topic(struct cluster *c, int32_t partitions)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct create_topics_request q;
    create_topics_request_init(&q);
    struct create_topics_request_creatable_topic t;
    create_topics_request_creatable_topic_init(&t);
    t.name = STR("t");
    t.num_partitions = partitions;
    t.replication_factor = -1;
    q.topics = &t;
    q.topics_count = 1;
    q.timeout_ms = 10000;
    int outcome = 0;
    struct controller_call call = {.api_key = API_CREATE_TOPICS,
                                   .version = 7,
                                   .request = &q,
                                   .arena = &arena,
                                   .listener = STR("CONTROLLER"),
                                   .done = created,
                                   .context = &outcome};
    controller_handle(c->machines[active(c)].node->controller, &call);
    UNTIL(c, outcome != 0);
    assert_int_equal(outcome, 1);
    arena_free(&arena);
}

struct cluster *cluster_settled(uint64_t seed, const char *const *roles, int32_t count,
                                const char *more, int32_t partitions)
{
    struct cluster *c = cluster_new(seed, roles, count, more);
    UNTIL(c, all_started(c) && all_are_members(c));
    create_topic(c, partitions);
    sim_run_ms(c->sim, 5000); /* heartbeats of all; nobody waits for anything */
    return c;
}
