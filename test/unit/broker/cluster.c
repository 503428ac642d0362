#include "cluster.h"

#include <stdio.h>

#include "base/mem.h"
#include "broker/absence.h"
#include "broker/doubted_reads.h"
#include "broker/handlers/handlers.h"
#include "broker/handover.h"
#include "broker/replication.h"
#include "broker/settling.h"
#include "config/topic.h"
#include "metadata/feature.h"
#include "metadata/replay.h"
#include "protocol/api.h"
#include "protocol/batch.h"
#include "protocol/produce.h"

/* One change of the metadata, kept so that a member can apply it later, or anew after a restart. */
enum change_kind {
    CHANGE_REGISTER,
    CHANGE_FENCE,
    CHANGE_TOPIC,
    CHANGE_PARTITION,
    CHANGE_CONFIG,
    CHANGE_STATE
};

struct change {
    enum change_kind kind;
    int32_t broker;
    char host[16];
    uint16_t port;
    int64_t broker_epoch;
    int8_t fenced;
    struct uuid topic_id;
    char topic[32], name[64], value[64];
    struct controlled partition;
    bool elected; /* of a CHANGE_STATE: the leader epoch went up */
};

/* ---- the controller */

static struct change *add_change(struct cluster *c, enum change_kind kind)
{
    assert_true(c->changes_count < CHANGES_MAX);
    struct change *x = &c->changes[c->changes_count++];
    *x = (struct change){.kind = kind};
    return x;
}

static void tell_all(struct cluster *c)
{
    for (int32_t i = 0; i < c->count; i++)
        if (c->members[i].up && !c->members[i].deaf) cluster_catch_up(&c->members[i]);
}

static bool has(const int32_t *ids, int32_t count, int32_t id)
{
    for (int32_t i = 0; i < count; i++)
        if (ids[i] == id) return true;
    return false;
}

static void change_state(struct cluster *c, struct controlled *p, bool elected)
{
    p->partition_epoch++;
    p->leader_epoch += elected;
    struct change *x = add_change(c, CHANGE_STATE);
    x->partition = *p;
    x->elected = elected;
}

void cluster_elect(struct cluster *c, struct controlled *p, int32_t leader, const int32_t *isr,
                   int32_t isr_count)
{
    memcpy(p->isr, isr, sizeof *isr * (size_t)isr_count);
    p->isr_count = isr_count;
    p->leader = leader;
    change_state(c, p, true);
    tell_all(c);
}

struct controlled *cluster_partition(struct cluster *c, uint8_t topic_id, int32_t partition)
{
    for (int32_t i = 0; i < c->partitions_count; i++) {
        struct controlled *p = &c->partitions[i];
        if (uuid_equal(p->topic_id, UUID_SMALL(topic_id)) && p->partition == partition) return p;
    }
    fail();
    return NULL;
}

void cluster_topic(struct cluster *c, const char *name, uint8_t id, int32_t partitions,
                   const int32_t *replicas, int32_t replicas_count)
{
    struct change *x = add_change(c, CHANGE_TOPIC);
    x->topic_id = UUID_SMALL(id);
    snprintf(x->topic, sizeof x->topic, "%s", name);
    for (int32_t i = 0; i < partitions; i++) {
        assert_true(c->partitions_count < CLUSTER_PARTITIONS_MAX);
        struct controlled *p = &c->partitions[c->partitions_count++];
        *p = (struct controlled){.topic_id = UUID_SMALL(id),
                                 .partition = i,
                                 .replicas_count = replicas_count,
                                 .isr_count = replicas_count,
                                 .leader = replicas[0]};
        memcpy(p->replicas, replicas, sizeof *replicas * (size_t)replicas_count);
        memcpy(p->isr, replicas, sizeof *replicas * (size_t)replicas_count);
        add_change(c, CHANGE_PARTITION)->partition = *p;
    }
    tell_all(c);
}

void cluster_config(struct cluster *c, const char *topic, const char *name, const char *value)
{
    struct change *x = add_change(c, CHANGE_CONFIG);
    snprintf(x->topic, sizeof x->topic, "%s", topic);
    snprintf(x->name, sizeof x->name, "%s", name);
    snprintf(x->value, sizeof x->value, "%s", value);
    tell_all(c);
}

/* Out of the in-sync set, unless it is the last; the next one leads. */
static void leave(struct cluster *c, struct controlled *p, int32_t id)
{
    if (!has(p->isr, p->isr_count, id)) return;
    if (p->isr_count == 1) {
        if (p->leader != id) return;
        p->leader = -1;
        change_state(c, p, true);
        return;
    }
    int32_t kept = 0;
    for (int32_t i = 0; i < p->isr_count; i++)
        if (p->isr[i] != id) p->isr[kept++] = p->isr[i];
    p->isr_count = kept;
    bool elected = p->leader == id;
    if (elected) p->leader = p->isr[0];
    change_state(c, p, elected);
}

static void set_fenced(struct cluster *c, int32_t id, bool fenced)
{
    c->fenced[id - 1] = fenced;
    struct change *x = add_change(c, CHANGE_FENCE);
    x->broker = id;
    x->broker_epoch = c->broker_epochs[id - 1];
    x->fenced = fenced ? 1 : -1;
}

void cluster_fence(struct cluster *c, int32_t id)
{
    set_fenced(c, id, true);
    for (int32_t i = 0; i < c->partitions_count; i++) leave(c, &c->partitions[i], id);
    tell_all(c);
}

void cluster_unfence(struct cluster *c, int32_t id)
{
    set_fenced(c, id, false);
    /* A partition whose last in-sync replica it is has a leader again. */
    for (int32_t i = 0; i < c->partitions_count; i++) {
        struct controlled *p = &c->partitions[i];
        if (p->leader >= 0 || !has(p->isr, p->isr_count, id)) continue;
        p->leader = id;
        change_state(c, p, true);
    }
    tell_all(c);
}

static void register_broker(struct cluster *c, int32_t id)
{
    c->fenced[id - 1] = false;
    struct change *x = add_change(c, CHANGE_REGISTER);
    x->broker = id;
    memcpy(x->host, c->members[id - 1].host, sizeof x->host);
    x->port = c->members[id - 1].port;
    x->broker_epoch = c->broker_epochs[id - 1];
}

/* ---- a member hears of a change */

static struct metadata_record record_of(int16_t id)
{
    struct metadata_record r;
    metadata_record_init(&r, id, metadata_record_version(id, METADATA_VERSION_DEFAULT));
    return r;
}

static void replay(struct member *m, const struct metadata_record *r)
{
    assert_ok(image_replay(m->image, m->image->end_offset, r, NULL));
}

static void apply_target(struct member *m, const struct controlled *p)
{
    if (!has(p->replicas, p->replicas_count, m->id)) return;
    struct partition_target t = {.topic_id = p->topic_id,
                                 .topic = image_topic_by_id(m->image, p->topic_id)->name,
                                 .partition = p->partition,
                                 .leader = p->leader,
                                 .leader_epoch = p->leader_epoch,
                                 .partition_epoch = p->partition_epoch,
                                 .replicas = p->replicas,
                                 .replicas_count = p->replicas_count,
                                 .isr = p->isr,
                                 .isr_count = p->isr_count,
                                 .directory = DIRECTORY_UNASSIGNED};
    replica_manager_apply(m->broker.replicas, &t, 1);
}

static void replay_register(struct member *m, const struct change *x)
{
    struct register_broker_record_broker_endpoint e = {
        .name = STR("PLAINTEXT"), .host = str_of(x->host), .port = x->port};
    char rack[16];
    snprintf(rack, sizeof rack, "rack%d", x->broker);
    struct metadata_record r = record_of(METADATA_RECORD_REGISTER_BROKER);
    r.u.register_broker.broker_id = x->broker;
    r.u.register_broker.broker_epoch = x->broker_epoch;
    r.u.register_broker.end_points = &e;
    r.u.register_broker.end_points_count = 1;
    r.u.register_broker.fenced = false;
    r.u.register_broker.rack = str_of(rack);
    replay(m, &r);
}

static void replay_partition(struct member *m, struct controlled *p)
{
    struct metadata_record r = record_of(METADATA_RECORD_PARTITION);
    r.u.partition.topic_id = p->topic_id;
    r.u.partition.partition_id = p->partition;
    r.u.partition.replicas = p->replicas;
    r.u.partition.replicas_count = p->replicas_count;
    r.u.partition.isr = p->isr;
    r.u.partition.isr_count = p->isr_count;
    r.u.partition.leader = p->leader;
    replay(m, &r);
}

static void replay_state(struct member *m, struct change *x)
{
    struct metadata_record r = record_of(METADATA_RECORD_PARTITION_CHANGE);
    r.u.partition_change.topic_id = x->partition.topic_id;
    r.u.partition_change.partition_id = x->partition.partition;
    r.u.partition_change.isr = x->partition.isr;
    r.u.partition_change.isr_count = x->partition.isr_count;
    r.u.partition_change.leader = x->elected ? x->partition.leader : -2;
    replay(m, &r);
}

static void replay_change(struct member *m, struct change *x)
{
    struct metadata_record r;
    switch (x->kind) {
    case CHANGE_REGISTER: replay_register(m, x); return;
    case CHANGE_FENCE:
        r = record_of(METADATA_RECORD_BROKER_REGISTRATION_CHANGE);
        r.u.broker_registration_change.broker_id = x->broker;
        r.u.broker_registration_change.broker_epoch = x->broker_epoch;
        r.u.broker_registration_change.fenced = x->fenced;
        break;
    case CHANGE_TOPIC:
        r = record_of(METADATA_RECORD_TOPIC);
        r.u.topic.name = str_of(x->topic);
        r.u.topic.topic_id = x->topic_id;
        break;
    case CHANGE_CONFIG:
        r = record_of(METADATA_RECORD_CONFIG);
        r.u.config.resource_type = RESOURCE_TOPIC;
        r.u.config.resource_name = str_of(x->topic);
        r.u.config.name = str_of(x->name);
        r.u.config.value = str_of(x->value);
        break;
    case CHANGE_PARTITION: replay_partition(m, &x->partition); return;
    case CHANGE_STATE: replay_state(m, x); return;
    }
    replay(m, &r);
}

bool cluster_apply_next(struct member *m)
{
    struct cluster *c = m->cluster;
    if (!m->up || m->applied == c->changes_count) return false;
    struct change *x = &c->changes[m->applied++];
    replay_change(m, x);
    switch (x->kind) {
    case CHANGE_REGISTER:
    case CHANGE_FENCE: replica_manager_standing_changed(m->broker.replicas); break;
    case CHANGE_PARTITION:
    case CHANGE_STATE: apply_target(m, &x->partition); break;
    case CHANGE_CONFIG:
        replica_manager_topic_config_changed(m->broker.replicas, str_of(x->topic));
        break;
    case CHANGE_TOPIC: break;
    }
    return true;
}

void cluster_catch_up(struct member *m)
{
    while (cluster_apply_next(m)) continue;
    settling_metadata_moved(m->broker.settling);
}

/* ---- AlterPartition */

struct alteration {
    struct list_node node; /* the cluster's, until answered */
    struct cluster *cluster;
    int32_t leader;
    int64_t broker_epoch; /* of the leader that asked */
    struct uuid topic_id;
    int32_t partition, leader_epoch, partition_epoch;
    struct isr_member members[MEMBERS_MAX];
    int32_t members_count;
    enum kafka_error error; /* the answer */
    struct controlled taken;
};

static enum kafka_error judge(struct cluster *c, const struct alteration *a, struct controlled *p)
{
    if (a->broker_epoch != c->broker_epochs[a->leader - 1]) return KAFKA_STALE_BROKER_EPOCH;
    if (a->leader_epoch != p->leader_epoch) return KAFKA_FENCED_LEADER_EPOCH;
    if (a->partition_epoch != p->partition_epoch) return KAFKA_INVALID_UPDATE_VERSION;
    for (int32_t i = 0; i < a->members_count; i++) {
        int32_t id = a->members[i].broker_id;
        if (c->fenced[id - 1]) return KAFKA_INELIGIBLE_REPLICA;
        if (a->members[i].broker_epoch != -1 &&
            a->members[i].broker_epoch != c->broker_epochs[id - 1])
            return KAFKA_INELIGIBLE_REPLICA;
    }
    return KAFKA_NONE;
}

/* The answer arrives, if its leader is still there. */
static void altered(void *owner)
{
    struct alteration *a = owner;
    struct member *m = cluster_member(a->cluster, a->leader);
    if (m->up && m->broker.epoch == a->broker_epoch && !a->error) {
        struct partition_committed taken = {.leader_epoch = a->taken.leader_epoch,
                                            .partition_epoch = a->taken.partition_epoch,
                                            .isr = a->taken.isr,
                                            .isr_count = a->taken.isr_count};
        replica_manager_proposal_taken(m->broker.replicas, a->topic_id, a->partition, &taken);
    } else if (m->up && m->broker.epoch == a->broker_epoch) {
        replica_manager_proposal_refused(m->broker.replicas, a->topic_id, a->partition,
                                         a->partition_epoch, a->error);
    }
    list_remove(&a->node);
    mem_free(a);
}

/* The request arrives; the members may hear of it before its answer comes. */
static void alter(void *owner)
{
    struct alteration *a = owner;
    struct cluster *c = a->cluster;
    struct controlled *p = NULL;
    for (int32_t i = 0; i < c->partitions_count && !p; i++)
        if (uuid_equal(c->partitions[i].topic_id, a->topic_id) &&
            c->partitions[i].partition == a->partition)
            p = &c->partitions[i];
    a->error = judge(c, a, p);
    if (!a->error) {
        p->isr_count = a->members_count;
        for (int32_t i = 0; i < a->members_count; i++) p->isr[i] = a->members[i].broker_id;
        change_state(c, p, false);
        a->taken = *p;
        c->proposals++;
        tell_all(c);
    }
    sim_at_ms(c->sim, sim_now_ms(c->sim) + c->alter_ms, altered, a);
}

static void proposals(void *owner)
{
    struct member *m = CONTAINER_OF(owner, struct member, broker);
    struct cluster *c = m->cluster;
    struct arena arena;
    arena_init(&arena, 0);
    struct replica_proposal p;
    while (replica_manager_next_proposal(m->broker.replicas, &arena, &p)) {
        struct alteration *a = MEM_NEW(struct alteration);
        *a = (struct alteration){.cluster = c,
                                 .leader = m->id,
                                 .broker_epoch = m->broker.epoch,
                                 .topic_id = p.topic_id,
                                 .partition = p.partition,
                                 .leader_epoch = p.leader_epoch,
                                 .partition_epoch = p.partition_epoch,
                                 .members_count = p.members_count};
        list_init(&a->node);
        list_push_back(&c->alterations, &a->node);
        memcpy(a->members, p.members, sizeof *p.members * (size_t)p.members_count);
        sim_at_ms(c->sim, sim_now_ms(c->sim) + c->alter_ms, alter, a);
    }
    arena_free(&arena);
}

/* ---- processes */

static void offline(struct log_dir *dir, void *context)
{
    struct member *m = context;
    replica_manager_directory_failed(m->broker.replicas, dir);
}

static const struct replica_events events = {
    .lease_ending = absence_look,
    .standing = replication_standing,
    .topic_config = replication_topic_config,
    .proposals = proposals,
    .fetching = {.endpoint = replication_endpoint,
                 .version = replication_version,
                 .lost = replication_lost,
                 .heard = replication_heard},
};

static const struct api_handler table[API_COUNT] = {
    [API_PRODUCE] = {.min = 3, .max = 13, .handle = handle_produce},
    [API_FETCH] = {.min = 4, .max = 18, .handle = handle_fetch},
    [API_LIST_OFFSETS] = {.min = 1, .max = 11, .handle = handle_list_offsets},
    [API_DELETE_RECORDS] = {.min = 0, .max = 2, .handle = handle_delete_records},
    [API_OFFSET_FOR_LEADER_EPOCH] = {.min = 2, .max = 4, .handle = handle_offset_for_leader_epoch},
    [API_OFFSET_FETCH] = {.min = 1, .max = 10, .handle = handle_offset_fetch},
    [API_FIND_COORDINATOR] = {.min = 0, .max = 6, .handle = handle_find_coordinator},
    [API_METADATA] = {.min = 0, .max = 13, .handle = handle_metadata},
    [API_API_VERSIONS] = {.min = 0, .max = 4, .handle = handle_api_versions},
};

static void set_level(struct member *m)
{
    struct metadata_record r = record_of(METADATA_RECORD_FEATURE_LEVEL);
    r.u.feature_level.name = FEATURE_METADATA_VERSION;
    r.u.feature_level.feature_level = METADATA_VERSION_DEFAULT;
    replay(m, &r);
}

/* A new process knows what the log says, and acts on what holds at the end of it. */
static void load_metadata(struct member *m)
{
    struct cluster *c = m->cluster;
    if (m->image) image_free(m->image);
    m->image = image_new();
    m->broker.image = m->image;
    set_level(m);
    for (m->applied = 0; m->applied < c->changes_count; m->applied++)
        replay_change(m, &c->changes[m->applied]);
}

static void open_member(struct member *m)
{
    if (m->machine) m->env = sim_node_start(m->machine);
    m->cluster->broker_epochs[m->id - 1] = ++m->cluster->next_broker_epoch;
    struct log_dir_options o = log_dir_options_default();
    o.path = m->path;
    o.offline = offline;
    o.context = m;
    o.config = log_config_new();
    assert_ok(log_dir_open(m->env, &o, &m->dir));
    log_config_unref(o.config);
    m->dispatch = (struct dispatch){.table = table, .count = API_COUNT, .context = &m->broker};
    m->broker = (struct broker){.env = *m->env,
                                .config = m->config,
                                .node_id = m->id,
                                .apis = &m->dispatch,
                                .epoch = m->cluster->broker_epochs[m->id - 1]};
    m->broker.settling =
        settling_create(&m->broker, config_int(m->config, CONFIG_SAMSA_METADATA_WAIT_MS),
                        config_int(m->config, CONFIG_SAMSA_METADATA_PULSE_MS));
    m->broker.handover =
        handover_create(&m->broker, config_int(m->config, CONFIG_SAMSA_SHUTDOWN_HOLD_MS));
    m->broker.absence = absence_create(&m->broker);
    m->broker.doubted_reads = doubted_reads_create(&m->broker);
    load_metadata(m);
    struct replica_manager_config config = replication_config(&m->broker);
    m->broker.replicas = replica_manager_create(m->env, &config, &m->dir, 1, &events, &m->broker);
    replica_manager_set_broker_epoch(m->broker.replicas, m->broker.epoch);
    assert_ok(replica_manager_load(m->broker.replicas));
    m->broker.fetch_sessions = fetch_session_cache_create(m->env, 100);
    struct rpc_server_config server = rpc_server_defaults();
    server.listener_name = "PLAINTEXT";
    server.port = m->port;
    assert_ok(rpc_server_create(m->env, &server, &m->dispatch, &m->server));
    m->port = rpc_server_port(m->server);
    m->up = true;
    for (int32_t i = 0; i < m->cluster->partitions_count; i++)
        apply_target(m, &m->cluster->partitions[i]);
    rpc_server_serve(m->server);
}

static void free_member(struct member *m)
{
    rpc_server_destroy(m->server);
    settling_destroy(m->broker.settling);
    doubted_reads_destroy(m->broker.doubted_reads);
    fetch_session_cache_destroy(m->broker.fetch_sessions);
    replica_manager_destroy(m->broker.replicas);
    handover_destroy(m->broker.handover);
    absence_destroy(m->broker.absence);
    bool alive = !m->machine || sim_node_running(m->machine);
    bool fine = alive && !log_dir_is_offline(m->dir);
    enum err e = log_dir_close(m->dir, m->broker.epoch);
    assert_true(e == ERR_OK || !fine);
    m->up = false;
}

void cluster_crash(struct cluster *c, int32_t id)
{
    struct member *m = cluster_member(c, id);
    sim_node_crash(m->machine);
    free_member(m);
}

void cluster_power_loss(struct cluster *c, int32_t id, enum sim_loss loss)
{
    struct member *m = cluster_member(c, id);
    sim_node_power_loss(m->machine, loss);
    free_member(m);
}

void cluster_stop(struct cluster *c, int32_t id)
{
    struct member *m = cluster_member(c, id);
    replica_manager_stop(m->broker.replicas, KAFKA_NOT_LEADER_OR_FOLLOWER);
    free_member(m);
    sim_node_crash(m->machine);
}

void cluster_start(struct cluster *c, int32_t id)
{
    open_member(cluster_member(c, id));
    register_broker(c, id);
    /* A partition whose last in-sync replica it is has a leader again. */
    for (int32_t i = 0; i < c->partitions_count; i++) {
        struct controlled *p = &c->partitions[i];
        if (p->leader >= 0 || !has(p->isr, p->isr_count, id)) continue;
        p->leader = id;
        change_state(c, p, true);
    }
    tell_all(c);
}

/* ---- life */

static struct cluster *cluster_new(int32_t count, const char *const *config)
{
    struct cluster *c = MEM_NEW(struct cluster);
    list_init(&c->alterations);
    c->count = count;
    c->alter_ms = 2;
    c->next_broker_epoch = 100;
    c->changes = mem_zalloc(CHANGES_MAX, sizeof *c->changes);
    c->partitions = mem_zalloc(CLUSTER_PARTITIONS_MAX, sizeof *c->partitions);
    for (int32_t i = 0; i < count; i++) {
        struct member *m = &c->members[i];
        m->cluster = c;
        m->id = i + 1;
        m->config = config_new();
        for (int32_t k = 0; config && config[k]; k += 2) {
            struct config_error error;
            assert_ok(config_set(m->config, LAYER_STATIC, str_of(config[k]), str_of(config[k + 1]),
                                 &error));
        }
    }
    return c;
}

struct cluster *cluster_open(uint64_t seed, int32_t count, const char *const *config)
{
    struct cluster *c = cluster_new(count, config);
    c->sim = sim_new(seed);
    for (int32_t i = 0; i < count; i++) {
        struct member *m = &c->members[i];
        snprintf(m->host, sizeof m->host, "b%d", i + 1);
        snprintf(m->path, sizeof m->path, "data");
        m->port = CLUSTER_PORT;
        m->machine = sim_node(c->sim, m->host);
        open_member(m);
    }
    for (int32_t i = 0; i < count; i++) register_broker(c, i + 1);
    tell_all(c);
    return c;
}

struct cluster *cluster_open_real(struct env *env, const char *path, int32_t count,
                                  const char *const *config)
{
    struct cluster *c = cluster_new(count, config);
    for (int32_t i = 0; i < count; i++) {
        struct member *m = &c->members[i];
        m->env = env;
        snprintf(m->host, sizeof m->host, "127.0.0.1");
        snprintf(m->path, sizeof m->path, "%s/b%d", path, i + 1);
        open_member(m);
    }
    for (int32_t i = 0; i < count; i++) register_broker(c, i + 1);
    tell_all(c);
    return c;
}

void cluster_close(struct cluster *c)
{
    for (int32_t i = 0; i < c->count; i++) {
        struct member *m = &c->members[i];
        if (m->client) channel_destroy(m->client);
        if (m->up) {
            free_member(m);
            if (m->machine) assert_int_equal(sim_node_handles(m->machine), 0);
        }
        config_free(m->config);
        image_free(m->image);
    }
    if (c->sim) sim_free(c->sim);
    LIST_EACH(&c->alterations, node) mem_free(CONTAINER_OF(node, struct alteration, node));
    mem_free(c->changes);
    mem_free(c->partitions);
    mem_free(c);
}

void cluster_pass(struct cluster *c, int64_t ms)
{
    sim_run_ms(c->sim, ms);
}

struct member *cluster_member(struct cluster *c, int32_t id)
{
    assert_true(id >= 1 && id <= c->count);
    return &c->members[id - 1];
}

struct channel *cluster_channel(struct cluster *c, int32_t id)
{
    struct member *m = cluster_member(c, id);
    if (m->client) return m->client;
    char host[16];
    snprintf(host, sizeof host, "b%d", id);
    m->client = channel_create(sim_node_env(c->sim, "client"),
                               &(struct channel_config){.host = host,
                                                        .port = CLUSTER_PORT,
                                                        .client_id = "client",
                                                        .request_timeout_ms = 60000,
                                                        .backoff_ms = 10});
    return m->client;
}

/* ---- what is there */

struct replica *cluster_replica(struct cluster *c, int32_t id, uint8_t topic_id, int32_t partition)
{
    struct replica *r = replica_manager_find(cluster_member(c, id)->broker.replicas,
                                             UUID_SMALL(topic_id), partition);
    assert_non_null(r);
    return r;
}

int64_t cluster_end(struct cluster *c, int32_t id, uint8_t topic_id, int32_t partition)
{
    return cluster_replica(c, id, topic_id, partition)->core.log_end_offset;
}

int64_t cluster_high(struct cluster *c, int32_t id, uint8_t topic_id, int32_t partition)
{
    return cluster_replica(c, id, topic_id, partition)->core.high_watermark;
}

struct settling {
    struct cluster *cluster;
    struct controlled *partition;
};

static bool has_settled(void *owner)
{
    struct settling *s = owner;
    struct cluster *c = s->cluster;
    const struct controlled *p = s->partition;
    if (p->leader < 0 || !cluster_member(c, p->leader)->up) return false;
    const struct replica *leader = replica_manager_find(
        cluster_member(c, p->leader)->broker.replicas, p->topic_id, p->partition);
    if (!leader || leader->core.role != PARTITION_LEADER ||
        leader->core.high_watermark != leader->core.log_end_offset)
        return false;
    int32_t up = 0;
    for (int32_t i = 0; i < p->replicas_count; i++) {
        struct member *m = cluster_member(c, p->replicas[i]);
        if (!m->up) continue;
        up++;
        const struct replica *r =
            replica_manager_find(m->broker.replicas, p->topic_id, p->partition);
        if (!r || r->core.leader_epoch != p->leader_epoch ||
            r->core.log_end_offset != leader->core.log_end_offset ||
            r->core.high_watermark != leader->core.high_watermark)
            return false;
    }
    return up == p->isr_count;
}

bool cluster_settles(struct cluster *c, struct controlled *p, int64_t ms_max)
{
    struct settling s = {c, p};
    return sim_run_until(c->sim, has_settled, &s, ms_max);
}

size_t cluster_read(struct cluster *c, int32_t id, uint8_t topic_id, int32_t partition,
                    int64_t from, int64_t to, uint8_t *data, size_t capacity)
{
    struct replica *r = cluster_replica(c, id, topic_id, partition);
    struct arena arena;
    arena_init(&arena, 0);
    size_t len = 0;
    while (from < to) {
        struct bytes batches;
        assert_ok(log_read_batches(r->log, from, to, 1 << 20, &arena, &batches));
        assert_true(batches.len > 0 && len + (size_t)batches.len <= capacity);
        memcpy(data + len, batches.data, (size_t)batches.len);
        len += (size_t)batches.len;
        for (int64_t at = 0; at < batches.len;) {
            struct batch_header h;
            assert_ok(batch_parse((struct bytes){batches.data + at, batches.len - at}, &h));
            from = batch_last_offset(&h) + 1;
            at += h.size;
        }
    }
    arena_free(&arena);
    return len;
}

void cluster_crcs(struct cluster *c, int32_t id, uint8_t topic_id, int32_t partition, int64_t from,
                  int64_t to, uint32_t *crcs)
{
    static uint8_t data[1 << 20];
    while (from < to) {
        int64_t end = from + 500 < to ? from + 500 : to;
        size_t len = cluster_read(c, id, topic_id, partition, from, end, data, sizeof data);
        for (size_t at = 0; at < len;) {
            struct batch_header h;
            assert_ok(batch_parse(bytes_of(data + at, len - at), &h));
            assert_int_equal(h.base_offset, batch_last_offset(&h));
            assert_int_equal(h.base_offset, from++);
            *crcs++ = load_be32(data + at + 17);
            at += (size_t)h.size;
        }
    }
}

/* ---- clients */

static void delivered(struct request *rq, const void *response)
{
    const struct produce_response *r = response;
    /* The handler has the request's context for itself. */
    struct cluster_produced *to =
        CONTAINER_OF(rq->client_id.data, struct cluster_produced, client_id);
    if (!r) return;
    const struct produce_response_partition_produce_response *a =
        r->responses[0].partition_responses;
    *to = (struct cluster_produced){.answered = true,
                                    .crc = to->crc,
                                    .error = (enum kafka_error)a->error_code,
                                    .base_offset = a->base_offset,
                                    .leader_id = a->current_leader.leader_id,
                                    .leader_epoch = a->current_leader.leader_epoch,
                                    .endpoints = r->node_endpoints_count};
}

void cluster_produce(struct cluster *c, int32_t id, const char *topic, int32_t partition,
                     int16_t acks, const char *value, int32_t timeout_ms,
                     struct cluster_produced *to)
{
    struct member *m = cluster_member(c, id);
    struct batch_builder builder = {0};
    struct batch_options o = BATCH_OPTIONS_DEFAULT;
    struct str v = str_of(value);
    uint8_t *data;
    size_t len;
    batch_begin(&builder, &o);
    batch_add(&builder, clock_wall(m->env->clock).ms, BYTES_NULL, bytes_of(v.data, (size_t)v.len),
              NULL, 0);
    assert_ok(batch_finish(&builder, NULL, &data, &len));
    struct produce_request_partition_produce_data d = {.index = partition,
                                                       .records = records_of(data, len)};
    struct produce_request_topic_produce_data t = {
        .name = str_of(topic), .partition_data = &d, .partition_data_count = 1};
    struct produce_request q;
    produce_request_init(&q);
    q.acks = acks;
    q.timeout_ms = timeout_ms;
    q.topic_data = &t;
    q.topic_data_count = 1;
    *to = (struct cluster_produced){.base_offset = -1, .crc = load_be32(data + 17)};
    struct str client_id = {to->client_id, sizeof to->client_id};
    rpc_call_local(m->env, &m->dispatch, API_PRODUCE, 12, &q, client_id, delivered, NULL);
    batch_builder_free(&builder);
}

static bool is_answered(void *owner)
{
    const struct cluster_produced *p = owner;
    return p->answered;
}

struct cluster_produced cluster_produce_wait(struct cluster *c, int32_t id, const char *topic,
                                             int32_t partition, int16_t acks, const char *value)
{
    struct cluster_produced p;
    cluster_produce(c, id, topic, partition, acks, value, 5000, &p);
    assert_true(p.answered || sim_run_until(c->sim, is_answered, &p, 6000));
    return p;
}

size_t cluster_batch(const struct cluster *c, int64_t producer_id, int16_t epoch, int32_t sequence,
                     uint8_t *data, size_t data_bytes)
{
    struct batch_builder builder = {0};
    struct batch_options o = BATCH_OPTIONS_DEFAULT;
    uint8_t *built;
    size_t len;
    if (producer_id >= 0) {
        o.producer_id = producer_id;
        o.producer_epoch = epoch;
        o.base_sequence = sequence;
    }
    batch_begin(&builder, &o);
    batch_add(&builder, sim_now_ms(c->sim), BYTES_NULL, bytes_of("v", 1), NULL, 0);
    assert_ok(batch_finish(&builder, NULL, &built, &len));
    assert_true(len <= data_bytes);
    memcpy(data, built, len);
    batch_builder_free(&builder);
    return len;
}
