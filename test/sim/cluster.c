#include "cluster.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/mem.h"
#include "log/meta_properties.h"
#include "metadata/feature.h"
#include "oracles.h"
#include "quorum/snapshot_file.h"

enum { CONFIG_BYTES = 4096, FAILED_LATELY_MS = 15000 /* more than clients wait for an answer */ };

const char *cluster_id(void)
{
    return "simulated-cluster-0001";
}

static void must(enum err e, const char *what)
{
    if (e == ERR_OK) return;
    fprintf(stderr, "cluster: %s: %s\n", what, err_text(e));
    abort();
}

/* ---- telling */

void cluster_broken(struct cluster *c, const char *invariant, const char *format, ...)
{
    if (cluster_is_broken(c)) return;
    c->broken_ms = sim_now_ms(c->sim);
    int n = snprintf(c->broken, sizeof c->broken, "%s: ", invariant);
    va_list args;
    va_start(args, format);
    vsnprintf(c->broken + n, sizeof c->broken - (size_t)n, format, args);
    va_end(args);
    cluster_say(c, "oracle", "BROKEN", "%s", c->broken);
}

bool cluster_failed_lately(const struct cluster *c)
{
    return c->failed_ms > 0 && sim_now_ms(c->sim) - c->failed_ms < FAILED_LATELY_MS;
}

void cluster_say(struct cluster *c, const char *who, const char *verb, const char *format, ...)
{
    if (!c->verbose) return;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printf("%10lld %-8s %-10s %s\n", (long long)sim_now_ms(c->sim), who, verb, text);
}

/* ---- configuration */

const char *cluster_directory(int32_t index)
{
    static const char *const names[] = {"/data0", "/data1"};
    return names[index];
}

static size_t print(char *text, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static size_t print(char *text, size_t at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text + at, CONFIG_BYTES - at, format, args);
    va_end(args);
    PRE(n >= 0 && at + (size_t)n < CONFIG_BYTES);
    return at + (size_t)n;
}

static size_t print_roles(const struct machine *m, char *text, size_t at)
{
    const struct plan *p = m->cluster->plan;
    at = print(text, at, "process.roles=%s%s%s\nnode.id=%d\n", m->is_broker ? "broker" : "",
               m->is_broker && m->is_controller ? "," : "", m->is_controller ? "controller" : "",
               m->id);
    at = print(text, at, "controller.listener.names=CONTROLLER\nlisteners=%s%s%s\n",
               m->is_broker ? "PLAINTEXT://:9092" : "", m->is_broker && m->is_controller ? "," : "",
               m->is_controller ? "CONTROLLER://:9093" : "");
    at = print(text, at, "advertised.listeners=");
    if (m->is_broker) at = print(text, at, "PLAINTEXT://%s:9092", m->name);
    if (m->is_controller)
        at = print(text, at, "%sCONTROLLER://%s:9093", m->is_broker ? "," : "", m->name);
    at = print(text, at, "\n%s=",
               p->static_voters ? "controller.quorum.voters"
                                : "controller.quorum.bootstrap.servers");
    for (int32_t i = 0, n = 0; i < p->nodes; i++) {
        if (!plan_is_controller(p, i)) continue;
        if (n++) at = print(text, at, ",");
        if (p->static_voters) at = print(text, at, "%d@", i + 1);
        at = print(text, at, "n%d:9093", i + 1);
    }
    at = print(text, at, "\nlog.dirs=%s", cluster_directory(0));
    for (int32_t i = 1; i < p->directories && m->is_broker; i++)
        at = print(text, at, ",%s", cluster_directory(i));
    return print(text, at, "\n");
}

static void print_config(const struct machine *m, char text[CONFIG_BYTES])
{
    const struct plan *p = m->cluster->plan;
    size_t at = print_roles(m, text, 0);
    if (p->racks > 0 && m->is_broker)
        at = print(text, at, "broker.rack=r%lld\n", (long long)(m->index % p->racks));
    if (p->unclean) at = print(text, at, "unclean.leader.election.enable=true\n");
    if (p->flush_messages > 0)
        at = print(text, at, "log.flush.interval.messages=%lld\n", (long long)p->flush_messages);
    at = print(text, at,
               "log.segment.bytes=1048576\nmetadata.log.max.record.bytes.between.snapshots=%lld\n"
               "min.insync.replicas=%d\ndefault.replication.factor=%d\n"
               "offsets.topic.replication.factor=%d\noffsets.topic.num.partitions=2\n"
               "offsets.topic.segment.bytes=1048576\n",
               (long long)p->snapshot_bytes, plan_isr_min(p), plan_replication(p),
               plan_replication(p));
    if (p->segment_batches > 0) /* a full index ends its segment */
        at = print(text, at, "log.index.interval.bytes=0\nlog.index.size.max.bytes=%lld\n",
                   (long long)(8 * p->segment_batches));
    at = print(text, at,
               "broker.session.timeout.ms=%lld\nbroker.heartbeat.interval.ms=%lld\n"
               "replica.lag.time.max.ms=%lld\ncontroller.quorum.election.timeout.ms=%lld\n"
               "controller.quorum.fetch.timeout.ms=%lld\n"
               "leader.imbalance.check.interval.seconds=%lld\n",
               (long long)p->session_ms, (long long)p->heartbeat_ms, (long long)p->lag_ms,
               (long long)p->election_ms, (long long)p->quorum_fetch_ms,
               (long long)p->rebalance_check_s);
    print(text, at,
          "group.initial.rebalance.delay.ms=300\ngroup.min.session.timeout.ms=1000\n"
          "auto.create.topics.enable=false\n"
          /* faults may keep a broker from the controllers longer than the default, and it would
           * end */
          "initial.broker.registration.timeout.ms=600000\n"
          "controlled.shutdown.enable=true\n");
}

/* ---- storage */

static void add_feature(struct snapshot_writer *w, const char *name, int16_t level)
{
    struct metadata_record r;
    metadata_record_init(&r, METADATA_RECORD_FEATURE_LEVEL, 0);
    r.u.feature_level.name = str_of(name);
    r.u.feature_level.feature_level = level;
    struct out o;
    out_init(&o);
    metadata_record_encode(&r, &o);
    uint8_t frame[256];
    PRE(o.len <= (int64_t)sizeof frame);
    out_flatten(&o, frame);
    must(snapshot_writer_add(w, bytes_of(frame, (size_t)o.len)), "bootstrap record");
    out_free(&o);
}

static void format_bootstrap(struct disk *disk, const char *directory)
{
    struct snapshot_writer w;
    must(snapshot_writer_open(&w, disk, directory, (struct snapshot_id){0, 0}, 0, 0, 0, NULL),
         "bootstrap");
    int32_t count;
    const struct feature *f = feature_table(&count);
    for (int32_t i = 0; i < count; i++) {
        int16_t level = i == 0 ? METADATA_VERSION_DEFAULT
                               : feature_default_level(&f[i], METADATA_VERSION_DEFAULT);
        if (level > 0 && f[i].in_records) add_feature(&w, f[i].name, level);
    }
    must(snapshot_writer_finish(&w), "bootstrap");
    char from[128], to[128];
    snprintf(from, sizeof from, "%s/00000000000000000000-0000000000.checkpoint", directory);
    snprintf(to, sizeof to, "%s/bootstrap.checkpoint", directory);
    must(disk_rename(disk, from, to), "bootstrap");
}

/* The first voters: every controller, under the directory id it is about to get. */
static void format_voters(struct cluster *c, struct disk *disk)
{
    struct voters_record_endpoint endpoints[PLAN_NODES_MAX];
    struct voters_record_voter voters[PLAN_NODES_MAX];
    int32_t count = 0;
    for (int32_t i = 0; i < c->count; i++) {
        struct machine *m = &c->machines[i];
        if (!m->is_controller) continue;
        endpoints[count] = (struct voters_record_endpoint){
            .name = STR("CONTROLLER"), .host = str_of(m->name), .port = 9093};
        voters[count] = (struct voters_record_voter){.voter_id = m->id,
                                                     .voter_directory_id = m->directory,
                                                     .endpoints = &endpoints[count],
                                                     .endpoints_count = 1,
                                                     .kraft_version_feature = {0, 1}};
        count++;
    }
    struct voters_record all;
    voters_record_init(&all);
    all.voters = voters;
    all.voters_count = count;
    struct snapshot_writer w;
    char directory[64];
    snprintf(directory, sizeof directory, "%s/__cluster_metadata-0", cluster_directory(0));
    must(disk_mkdirs(disk, directory), "mkdir");
    must(snapshot_writer_open(&w, disk, directory, (struct snapshot_id){0, 0}, 0, 0, 1, &all),
         "first checkpoint");
    must(snapshot_writer_finish(&w), "first checkpoint");
}

/* Every directory; `first`: with the voters of the beginning, which a replaced disk has not. */
static void machine_format(struct machine *m, struct env *env, bool first)
{
    struct cluster *c = m->cluster;
    for (int32_t i = 0; i < c->plan->directories; i++) {
        const char *directory = cluster_directory(i);
        struct meta_properties meta = META_PROPERTIES_NONE;
        meta.node_id = m->id;
        snprintf(meta.cluster_id, sizeof meta.cluster_id, "%s", cluster_id());
        meta.directory_id = i == 0 ? m->directory : rng_uuid(env->rng);
        must(disk_mkdirs(env->disk, directory), "mkdir");
        format_bootstrap(env->disk, directory);
        if (i == 0 && first && !c->plan->static_voters) format_voters(c, env->disk);
        must(meta_properties_write(env->disk, directory, &meta), "meta.properties");
    }
    must(disk_sync_tree(env->disk, "/"), "sync");
}

/* ---- a machine's life */

static void node_started(void *owner)
{
    struct machine *m = owner;
    m->started = true;
    sim_disk_misread(m->sim, SIM_MISREAD_STALE, "", 0); /* of recovery only: README.md */
    cluster_say(m->cluster, m->name, "started", "start %lld", (long long)m->starts);
}

static void node_stopped(void *owner, bool clean)
{
    struct machine *m = owner;
    m->stopped = true;
    m->stopped_clean = clean;
}

static void machine_bury(struct machine *m)
{
    if (m->node) node_abandon(m->node);
    if (!m->stopped || !m->stopped_clean || m->may_fail) m->unclean_in = m->starts;
    m->node = NULL;
    m->env = NULL;
    m->started = m->stopped = m->stopping = false;
    if (m->config) config_free(m->config);
    m->config = NULL;
    arena_free(&m->config_arena);
    oracles_machine_down(m->cluster->oracles, m);
}

/* A node that cannot start because its disk fails is down, and tried again later. */
static void could_not_start(struct machine *m, const char *why)
{
    struct cluster *c = m->cluster;
    cluster_say(c, m->name, "no start", "%s", why);
    sim_node_crash(m->sim);
    machine_bury(m);
    if (m->may_fail)
        machine_restart_in(m, 1000);
    else
        cluster_broken(c, "L4", "%s does not start: %s", m->name, why);
}

void machine_start(struct machine *m)
{
    PRE(!m->node && !m->env);
    struct cluster *c = m->cluster;
    char text[CONFIG_BYTES];
    struct config_error error = {0};
    m->restart_ms = -1;
    m->starts++;
    m->env = sim_node_start(m->sim);
    if (m->new_disk) {
        m->directory = rng_uuid(m->env->rng);
        machine_format(m, m->env, false);
        m->new_disk = false;
    }
    arena_init(&m->config_arena, 0);
    print_config(m, text);
    if (config_read("server.properties", str_of(text), NULL, 0, &m->config, &error) ||
        node_config_read(m->config, &m->config_arena, &m->roles, &error)) {
        fprintf(stderr, "cluster: %s\n%s", error.text, text);
        abort();
    }
    struct node_events events = {.owner = m, .started = node_started, .stopped = node_stopped};
    cluster_say(c, m->name, "start", "%lld", (long long)m->starts);
    enum err e = node_create(m->env, m->config, &m->roles, &events, &m->node, &error);
    if (!e) e = node_start(m->node, &error);
    if (e) could_not_start(m, error.text);
}

void machine_crash(struct machine *m)
{
    cluster_say(m->cluster, m->name, "crash", " ");
    sim_node_crash(m->sim);
    machine_bury(m);
}

void machine_power_loss(struct machine *m, enum sim_loss loss)
{
    cluster_say(m->cluster, m->name, "power", "%s", loss == SIM_LOSS_ALL ? "all" : "some");
    sim_node_power_loss(m->sim, loss);
    machine_bury(m);
}

void machine_stop(struct machine *m)
{
    cluster_say(m->cluster, m->name, "stop", " ");
    m->stopping = true;
    node_shutdown(m->node);
}

void machine_replace_disk(struct machine *m)
{
    PRE(!m->node);
    for (int32_t i = 0; i < m->cluster->plan->directories; i++) {
        enum err e = sim_disk_vanish(m->sim, cluster_directory(i));
        POST(e == ERR_OK || e == ERR_NOT_FOUND);
    }
    sim_disk_fail(m->sim, 0, 0, ERR_OK, false); /* what ailed the old one */
    sim_disk_budget(m->sim, -1);
    m->new_disk = true;
    oracles_machine_down(m->cluster->oracles, m); /* a vote on the old disk is not this one's */
    cluster_say(m->cluster, m->name, "new disk", " ");
}

void machine_restart_in(struct machine *m, int64_t ms)
{
    m->restart_ms = sim_now_ms(m->cluster->sim) + ms;
}

/* The world's heartbeat, so that restarts happen though nothing else does. */
static void heartbeat(void *owner)
{
    struct cluster *c = owner;
    cluster_after_event(c);
    sim_at_ms(c->sim, sim_now_ms(c->sim) + 50, heartbeat, c);
}

void cluster_after_event(struct cluster *c)
{
    for (int32_t i = 0; i < c->count; i++) {
        struct machine *m = &c->machines[i];
        if (m->stopped) {
            bool clean = m->stopped_clean, asked = m->stopping;
            cluster_say(c, m->name, "stopped", "%s", clean ? "clean" : "unclean");
            sim_node_crash(m->sim);
            machine_bury(m);
            if (!clean) c->failed_ms = sim_now_ms(c->sim);
            if (!clean && !m->may_fail)
                cluster_broken(c, "S23", "%s stopped by itself, and no disk had failed", m->name);
            if (!asked && m->restart_ms < 0) machine_restart_in(m, 1000);
        }
        if (!m->node && m->restart_ms >= 0 && sim_now_ms(c->sim) >= m->restart_ms) machine_start(m);
    }
}

struct broker *machine_broker(const struct machine *m)
{
    return m->node && !m->stopped ? node_broker(m->node) : NULL;
}

struct quorum *machine_quorum(const struct machine *m)
{
    return m->node && !m->stopped ? node_quorum(m->node) : NULL;
}

struct controller *machine_controller(const struct machine *m)
{
    return m->node && !m->stopped ? node_controller(m->node) : NULL;
}

/* ---- making */

static void links(struct cluster *c)
{
    for (int32_t i = 0; i < c->count; i++)
        for (int32_t k = 0; k < c->count; k++)
            if (i != k) sim_net_delay(c->machines[i].sim, c->machines[k].sim, 50, c->plan->link_us);
}

struct cluster *cluster_new(const struct plan *plan, bool verbose)
{
    struct cluster *c = MEM_NEW(struct cluster);
    c->plan = plan;
    c->verbose = verbose;
    c->sim = sim_new(plan->seed);
    c->prng = sim_fork(c->sim, "cluster");
    c->count = (int32_t)plan->nodes;
    c->oracles = oracles_new(c);
    for (int32_t i = 0; i < c->count; i++) {
        struct machine *m = &c->machines[i];
        m->cluster = c;
        m->index = i;
        m->id = i + 1;
        m->restart_ms = -1;
        m->is_broker = plan_is_broker(plan, i);
        m->is_controller = plan_is_controller(plan, i);
        snprintf(m->name, sizeof m->name, "n%d", m->id);
        m->sim = sim_node(c->sim, m->name);
        prng_fill(&c->prng, &m->directory, sizeof m->directory);
        sim_disk_sync_delay(m->sim, 100, plan->sync_us);
        if (plan->drift_ppm)
            m->drift_ppm = prng_between(&c->prng, -plan->drift_ppm, plan->drift_ppm);
        sim_node_clock_drift(m->sim, m->drift_ppm);
    }
    links(c);
    sim_net_faults(c->sim, (struct sim_net_faults){.read_max = plan->tiny_reads,
                                                   .write_max = plan->tiny_writes,
                                                   .reset_per_million = plan->resets});
    for (int32_t i = 0; i < c->count; i++) {
        struct machine *m = &c->machines[i];
        machine_format(m, sim_node_start(m->sim), true);
        sim_node_crash(m->sim);
    }
    for (int32_t i = 0; i < c->count; i++) machine_start(&c->machines[i]);
    sim_at_ms(c->sim, 1, heartbeat, c);
    return c;
}

void cluster_free(struct cluster *c)
{
    for (int32_t i = 0; i < c->count; i++) {
        if (!c->machines[i].node) continue;
        sim_node_crash(c->machines[i].sim);
        machine_bury(&c->machines[i]);
    }
    oracles_free(c->oracles);
    sim_free(c->sim);
    mem_free(c);
}
