#include "sim_cluster.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "log/meta_properties.h"
#include "protocol/api.h"
#include "protocol/batch.h"
#include "protocol/create_topics.h"
#include "protocol/error.h"
#include "protocol/fetch.h"
#include "protocol/produce.h"
#include "quorum/snapshot_file.h"
#include "rpc/channel.h"

enum {
    VALUES_MAX = 1 << 20,
    CLIENT_RETRY_MS = 50,
    PRODUCE_VERSION = 9,
    FETCH_VERSION = 11,
    START_MS_MAX = 120000,
};

static const char config_text[] =
    "process.roles=broker,controller\nnode.id=1\n"
    "controller.quorum.bootstrap.servers=n1:9093\n"
    "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
    "advertised.listeners=PLAINTEXT://n1:9092,CONTROLLER://n1:9093\n"
    "controller.listener.names=CONTROLLER\nlog.dirs=/data\nlog.segment.bytes=1048576\n";

struct value {
    int64_t offset; /* acknowledged at; -1: unknown */
    bool sent;
    int32_t seen;
    int32_t losses;        /* power losses before it was sent */
    int32_t losses_at_ack; /* and before it was acknowledged */
};

struct sim_cluster {
    struct sim *sim;
    struct sim_node *machine;
    struct env *env; /* of the running process; NULL: none */
    struct node *node;
    bool started, stopped;
    int32_t losses; /* times that power was lost */
    struct config *config;
    struct arena config_arena;
    struct node_config roles;

    struct env *client;
    struct channel *channel;
    struct call call;
    struct timer timer;
    struct batch_builder builder;
    struct prng prng;
    bool created, producing, verifying, verified;
    const char *broken;
    struct value *values;
    int32_t values_count;
    int32_t first_in_flight, in_flight;
    int64_t acknowledged;
    int64_t read_offset, high_watermark;
};

/* ---- storage, as kafka-storage.sh format --standalone leaves it */

static void must(enum err e, const char *what)
{
    if (e == ERR_OK) return;
    fprintf(stderr, "sim_cluster: %s: %s\n", what, err_text(e));
    abort();
}

static void format_node(struct sim_cluster *c, struct env *env)
{
    struct meta_properties meta = META_PROPERTIES_NONE;
    meta.node_id = 1;
    snprintf(meta.cluster_id, sizeof meta.cluster_id, "simulated-cluster-0001");
    meta.directory_id = rng_uuid(env->rng);
    must(disk_mkdirs(env->disk, "/data/__cluster_metadata-0"), "mkdir");
    struct voters_record_endpoint endpoint = {
        .name = STR("CONTROLLER"), .host = STR("n1"), .port = 9093};
    struct voters_record_voter voter = {.voter_id = 1,
                                        .voter_directory_id = meta.directory_id,
                                        .endpoints = &endpoint,
                                        .endpoints_count = 1,
                                        .kraft_version_feature = {0, 1}};
    struct voters_record voters;
    voters_record_init(&voters);
    voters.voters = &voter;
    voters.voters_count = 1;
    struct snapshot_writer w;
    must(snapshot_writer_open(&w, env->disk, "/data/__cluster_metadata-0",
                              (struct snapshot_id){0, 0}, 0, 0, 1, &voters),
         "0-0 checkpoint");
    must(snapshot_writer_finish(&w), "0-0 checkpoint");
    must(meta_properties_write(env->disk, "/data", &meta), "meta.properties");
    must(disk_sync_dir(env->disk, "/data"), "sync");
    must(disk_sync_dir(env->disk, "/"), "sync");
    (void)c;
}

/* ---- the node */

static void node_started(void *owner)
{
    ((struct sim_cluster *)owner)->started = true;
}

static void node_stopped(void *owner, bool clean)
{
    (void)clean;
    ((struct sim_cluster *)owner)->stopped = true;
}

void sim_cluster_start_node(struct sim_cluster *c)
{
    c->env = sim_node_start(c->machine);
    c->started = c->stopped = false;
    struct config_error error;
    arena_init(&c->config_arena, 0);
    if (config_read("server.properties", str_of(config_text), NULL, 0, &c->config, &error) ||
        node_config_read(c->config, &c->config_arena, &c->roles, &error)) {
        fprintf(stderr, "sim_cluster: %s\n", error.text);
        abort();
    }
    struct node_events events = {.owner = c, .started = node_started, .stopped = node_stopped};
    enum err e = node_create(c->env, c->config, &c->roles, &events, &c->node, &error);
    if (!e) e = node_start(c->node, &error);
    if (e) {
        sim_trace_dump(c->sim);
        fprintf(stderr, "sim_cluster: the node does not start: %s\n", error.text);
        abort();
    }
}

/* The process has ended: free what it was made of. */
static void bury_node(struct sim_cluster *c)
{
    node_abandon(c->node);
    c->node = NULL;
    c->env = NULL;
    c->started = false;
    config_free(c->config);
    c->config = NULL;
    arena_free(&c->config_arena);
}

void sim_cluster_crash_node(struct sim_cluster *c)
{
    sim_node_crash(c->machine);
    bury_node(c);
}

void sim_cluster_power_loss(struct sim_cluster *c, enum sim_loss loss)
{
    c->losses++;
    sim_node_power_loss(c->machine, loss);
    bury_node(c);
}

static bool has_stopped(void *owner)
{
    return ((struct sim_cluster *)owner)->stopped;
}

static bool has_started(void *owner)
{
    return ((struct sim_cluster *)owner)->started;
}

void sim_cluster_stop_node(struct sim_cluster *c)
{
    node_shutdown(c->node);
    if (!sim_run_until(c->sim, has_stopped, c, START_MS_MAX)) {
        fprintf(stderr, "sim_cluster: the node does not stop\n");
        abort();
    }
    sim_node_crash(c->machine);
    bury_node(c);
}

bool sim_cluster_node_is_up(const struct sim_cluster *c)
{
    return c->node != NULL;
}

bool sim_cluster_node_has_started(const struct sim_cluster *c)
{
    return c->started;
}

/* ---- the model client */

static void client_act(struct timer *t);

static void client_again(struct sim_cluster *c, int64_t ms)
{
    timer_arm_in_ms(c->client->clock, &c->timer, ms);
}

static void topic_created(struct call *call, enum err e, const void *response)
{
    struct sim_cluster *c = CONTAINER_OF(call, struct sim_cluster, call);
    const struct create_topics_response *r = response;
    int16_t error = e ? -1 : r->topics[0].error_code;
    c->created = error == KAFKA_NONE || error == KAFKA_TOPIC_ALREADY_EXISTS;
    client_again(c, CLIENT_RETRY_MS);
}

static void create_topic(struct sim_cluster *c)
{
    struct create_topics_request_creatable_topic t = {
        .name = STR("t"), .num_partitions = 1, .replication_factor = 1};
    struct create_topics_request q;
    create_topics_request_init(&q);
    q.timeout_ms = 5000;
    q.topics = &t;
    q.topics_count = 1;
    channel_call(c->channel, &c->call, API_CREATE_TOPICS, -1, &q, topic_created);
}

static void produced(struct call *call, enum err e, const void *response)
{
    struct sim_cluster *c = CONTAINER_OF(call, struct sim_cluster, call);
    const struct produce_response *r = response;
    if (!e && r->responses_count == 1 && r->responses[0].partition_responses[0].error_code == 0) {
        int64_t base = r->responses[0].partition_responses[0].base_offset;
        for (int32_t i = 0; i < c->in_flight; i++) {
            c->values[c->first_in_flight + i].offset = base + i;
            c->values[c->first_in_flight + i].losses_at_ack = c->losses;
        }
        c->acknowledged += c->in_flight;
    }
    c->in_flight = 0;
    client_again(c, e ? CLIENT_RETRY_MS : (int64_t)prng_below(&c->prng, 20));
}

static void produce_some(struct sim_cluster *c)
{
    int32_t count = (int32_t)prng_between(&c->prng, 1, 20);
    if (c->values_count + count > VALUES_MAX) return;
    struct batch_options options = BATCH_OPTIONS_DEFAULT;
    batch_begin(&c->builder, &options);
    c->first_in_flight = c->values_count;
    c->in_flight = count;
    for (int32_t i = 0; i < count; i++) {
        char text[2048];
        int pad = (int)prng_below(&c->prng, sizeof text - 16);
        int len = snprintf(text, sizeof text, "%d-%0*d", c->values_count, pad, 0);
        batch_add(&c->builder, clock_wall(c->client->clock).ms, BYTES_NULL,
                  bytes_of(text, (size_t)len), NULL, 0);
        c->values[c->values_count++] =
            (struct value){.offset = -1, .sent = true, .losses = c->losses};
    }
    uint8_t *data;
    size_t len;
    must(batch_finish(&c->builder, NULL, &data, &len), "batch");
    struct produce_request_partition_produce_data p = {.index = 0,
                                                       .records = records_of(data, len)};
    struct produce_request_topic_produce_data t = {
        .name = STR("t"), .partition_data = &p, .partition_data_count = 1};
    struct produce_request q;
    produce_request_init(&q);
    q.acks = prng_chance(&c->prng, 1, 2) ? -1 : 1;
    q.timeout_ms = 5000;
    q.topic_data = &t;
    q.topic_data_count = 1;
    channel_call(c->channel, &c->call, API_PRODUCE, PRODUCE_VERSION, &q, produced);
}

/* ---- reading back */

static const char *check_record(struct sim_cluster *c, const struct record *r)
{
    int index = -1;
    if (r->value.len > 0) {
        char text[16] = {0};
        memcpy(text, r->value.data, (size_t)(r->value.len < 15 ? r->value.len : 15));
        index = atoi(text);
    }
    if (index < 0 || index >= c->values_count) return "S10: a value was read that nobody sent";
    struct value *v = &c->values[index];
    if (++v->seen > 1) return "S13: a value stands in the log twice";
    if (v->offset >= 0 && v->offset != r->offset) return "S1: an acknowledged value has moved";
    return NULL;
}

static void check_batches(struct sim_cluster *c, struct bytes batches)
{
    while (!c->broken && batches.len > BATCH_HEADER_BYTES) {
        struct batch_header h;
        if (batch_parse(batches, &h)) return; /* the last one may be cut */
        if (!batch_crc_ok(batches.data, &h)) {
            c->broken = "S10: a corrupt batch was served";
            return;
        }
        struct record_iterator it;
        record_iterator_init(
            &it, &h,
            bytes_of(batches.data + BATCH_HEADER_BYTES, (size_t)(h.size - BATCH_HEADER_BYTES)));
        struct record r;
        bool more = true;
        while (!c->broken && !record_iterator_next(&it, &r, &more) && more)
            if (r.offset >= c->read_offset) c->broken = check_record(c, &r);
        c->read_offset = batch_last_offset(&h) + 1;
        batches.data += h.size;
        batches.len -= h.size;
    }
}

static void fetched(struct call *call, enum err e, const void *response)
{
    struct sim_cluster *c = CONTAINER_OF(call, struct sim_cluster, call);
    const struct fetch_response *r = response;
    if (!e && r->error_code == 0 && r->responses_count == 1 &&
        r->responses[0].partitions[0].error_code == 0) {
        const struct fetch_response_partition_data *p = &r->responses[0].partitions[0];
        if (p->records.len > 0)
            check_batches(c, bytes_of(p->records.data, (size_t)p->records.len));
        else if (c->read_offset >= p->high_watermark)
            c->verified = true;
    }
    if (!c->verified && !c->broken) client_again(c, e ? CLIENT_RETRY_MS : 1);
}

static void fetch_some(struct sim_cluster *c)
{
    struct fetch_request_fetch_partition p;
    fetch_request_fetch_partition_init(&p);
    p.fetch_offset = c->read_offset;
    p.partition_max_bytes = 100000;
    struct fetch_request_fetch_topic t = {
        .topic = STR("t"), .partitions = &p, .partitions_count = 1};
    struct fetch_request q;
    fetch_request_init(&q);
    q.replica_id = -1;
    q.max_wait_ms = 100;
    q.min_bytes = 1;
    q.max_bytes = 1 << 20;
    q.session_epoch = -1;
    q.topics = &t;
    q.topics_count = 1;
    channel_call(c->channel, &c->call, API_FETCH, FETCH_VERSION, &q, fetched);
}

static void client_act(struct timer *t)
{
    struct sim_cluster *c = CONTAINER_OF(t, struct sim_cluster, timer);
    if (!c->created)
        create_topic(c);
    else if (c->verifying)
        fetch_some(c);
    else if (c->producing)
        produce_some(c);
    else
        client_again(c, CLIENT_RETRY_MS);
}

void sim_cluster_produce(struct sim_cluster *c, bool on)
{
    c->producing = on;
}

int64_t sim_cluster_acknowledged(const struct sim_cluster *c)
{
    return c->acknowledged;
}

static bool has_verified(void *owner)
{
    const struct sim_cluster *c = owner;
    return c->verified || c->broken;
}

/* What was acknowledged is there. A power loss may take a suffix of what had been acknowledged
 * before it, never one value and not the next. */
static const char *check_missing(const struct sim_cluster *c)
{
    int32_t cut_in = -1; /* a value acknowledged before this many losses is missing */
    for (int32_t i = 0; i < c->values_count; i++) {
        const struct value *v = &c->values[i];
        /* Sent before a power loss and answered behind it: nobody knows which side it fell on. */
        if (v->offset < 0 || v->losses != v->losses_at_ack) continue;
        if (v->seen == 0 && v->losses == c->losses) {
            fprintf(stderr,
                    "value %d, acknowledged at offset %lld after %d power losses; read to %lld\n",
                    i, (long long)v->offset, v->losses, (long long)c->read_offset);
            return "S1: an acknowledged value is missing";
        }
        if (v->seen == 0) cut_in = v->losses;
        if (v->seen > 0 && v->losses == cut_in) return "S1: a power loss left a hole in the log";
    }
    return NULL;
}

const char *sim_cluster_verify(struct sim_cluster *c, int64_t ms_max)
{
    sim_disk_fail(c->machine, 0, 0, ERR_OK, false);
    sim_disk_budget(c->machine, -1);
    if (!c->node) sim_cluster_start_node(c);
    if (!sim_run_until(c->sim, has_started, c, ms_max)) return "L4: the healed node does not start";
    c->producing = false;
    c->verifying = true;
    c->verified = false;
    c->read_offset = 0;
    if (!sim_run_until(c->sim, has_verified, c, ms_max))
        return "L3: the log cannot be read to its end";
    if (!c->broken) c->broken = check_missing(c);
    for (int32_t i = 0; i < c->values_count; i++) c->values[i].seen = 0;
    c->verifying = false;
    return c->broken;
}

/* ---- making */

struct sim_cluster *sim_cluster_new(uint64_t seed)
{
    struct sim_cluster *c = MEM_NEW(struct sim_cluster);
    c->sim = sim_new(seed);
    c->prng = sim_fork(c->sim, "cluster");
    c->values = mem_zalloc(VALUES_MAX, sizeof *c->values);
    c->machine = sim_node(c->sim, "n1");
    struct env *env = sim_node_start(c->machine);
    format_node(c, env);
    sim_node_crash(c->machine);
    sim_cluster_start_node(c);
    c->client = sim_node_env(c->sim, "client");
    c->channel = channel_create(c->client, &(struct channel_config){.host = "n1",
                                                                    .port = 9092,
                                                                    .client_id = "model",
                                                                    .request_timeout_ms = 10000,
                                                                    .backoff_ms = CLIENT_RETRY_MS});
    call_init(&c->call);
    timer_init(&c->timer, client_act);
    client_again(c, 1);
    return c;
}

void sim_cluster_free(struct sim_cluster *c)
{
    channel_cancel(&c->call);
    channel_destroy(c->channel);
    timer_cancel(c->client->clock, &c->timer);
    if (c->node) sim_cluster_crash_node(c);
    batch_builder_free(&c->builder);
    mem_free(c->values);
    sim_free(c->sim);
    mem_free(c);
}

struct sim *sim_cluster_sim(struct sim_cluster *c)
{
    return c->sim;
}

struct sim_node *sim_cluster_machine(struct sim_cluster *c)
{
    return c->machine;
}
