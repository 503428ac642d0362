#include "controller_cluster.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "base/mem.h"
#include "protocol/broker_heartbeat.h"
#include "protocol/broker_registration.h"
#include "protocol/create_topics.h"

enum {
    FRAME_BYTES_MAX = 1024, /* on average, with all that happens to a partition */
    LOG_BYTES_LEAST = 64 << 20,
};

void fail(const char *what)
{
    fprintf(stderr, "controller: %s\n", what);
    exit(1);
}

void require(bool ok, const char *what)
{
    if (!ok) fail(what);
}

double wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- trace */

static void trace_print(struct trace *t, enum trace_level level, const char *component,
                        const char *format, va_list args)
{
    (void)t, (void)level;
    fprintf(stderr, "%s: ", component);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

static const struct trace_ops trace_ops = {trace_print};

/* ---- the log */

void frames_open(struct frames *f, int64_t partitions)
{
    size_t room = (size_t)partitions * FRAME_BYTES_MAX + LOG_BYTES_LEAST;
    void *data = mmap(NULL, room, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(data != MAP_FAILED, "no memory for the log");
    *f = (struct frames){.data = data, .room = room};
}

void frames_close(struct frames *f)
{
    munmap(f->data, f->room);
}

void frames_add(struct frames *f, const struct metadata_record *r, int32_t epoch,
                struct out *encoding)
{
    metadata_record_encode(r, encoding);
    size_t len = (size_t)encoding->len;
    require(f->used + len + 8 <= f->room, "the log is full");
    store_be32(f->data + f->used, (uint32_t)len);
    store_be32(f->data + f->used + 4, (uint32_t)epoch);
    out_flatten(encoding, f->data + f->used + 8);
    out_reset(encoding);
    f->used += len + 8;
    f->payload_bytes += (int64_t)len;
    f->count++;
}

struct bytes frames_next(const struct frames *f, struct place *at, int32_t *epoch)
{
    size_t len = load_be32(f->data + at->at);
    *epoch = (int32_t)load_be32(f->data + at->at + 4);
    struct bytes frame = bytes_of(f->data + at->at + 8, len);
    at->at += len + 8;
    at->offset++;
    return frame;
}

static int64_t end_offset(struct committer *k)
{
    return CONTAINER_OF(k, struct cluster, committer)->log.count;
}

static enum err append(struct committer *k, int32_t epoch, const struct metadata_record *records,
                       int32_t count, bool atomic, int64_t *first)
{
    struct cluster *w = CONTAINER_OF(k, struct cluster, committer);
    (void)atomic;
    require(epoch == w->epoch, "an append of another epoch");
    *first = w->log.count;
    for (int32_t i = 0; i < count; i++) frames_add(&w->log, &records[i], epoch, &w->encoding);
    return ERR_OK;
}

static void resign(struct committer *k, int32_t epoch)
{
    (void)k, (void)epoch;
    fail("the controller resigned");
}

static const struct committer_ops committer_ops = {
    .end_offset = end_offset, .append = append, .resign = resign};

void cluster_commit(struct cluster *w)
{
    controller_committed(w->active, w->log.count);
    hand_env_run_tasks(&w->hand);
}

void cluster_follow(struct cluster *w, struct controller *c, struct place *at)
{
    while (at->offset < w->log.count) {
        int32_t epoch;
        int64_t offset = at->offset;
        struct bytes frame = frames_next(&w->log, at, &epoch);
        require(controller_apply(c, offset, epoch, frame) == ERR_OK, "a standby refused a record");
    }
}

void cluster_pass(struct cluster *w, int64_t ms)
{
    struct mono_time end = mono_add_ms(w->hand.now, ms);
    while (hand_env_step(&w->hand, end)) cluster_commit(w);
}

/* ---- requests */

static void done(struct controller_call *call, const void *response)
{
    CONTAINER_OF(call, struct call, call)->response = response;
}

struct call cluster_send(struct cluster *w, int16_t api_key, int16_t version, const void *request)
{
    struct call k = {.call = {.api_key = api_key,
                              .version = version,
                              .request = request,
                              .arena = &w->arena,
                              .listener = STR("CONTROLLER"),
                              .done = done}};
    double begin = wall_s();
    controller_handle(w->active, &k.call);
    k.decided_s = wall_s() - begin;
    cluster_commit(w);
    require(k.response, "a committed request got no answer");
    return k;
}

void cluster_register(struct cluster *w, int32_t id)
{
    int32_t count;
    const struct feature *table = feature_table(&count);
    struct broker_registration_request rq;
    broker_registration_request_init(&rq);
    rq.broker_id = id;
    rq.cluster_id = STR("cluster");
    rq.incarnation_id = rng_uuid(&w->hand.rng);
    rq.previous_broker_epoch = -1;
    rq.listeners = broker_registration_request_listener_new(&w->arena, 1);
    rq.listeners_count = 1;
    rq.listeners[0] = (struct broker_registration_request_listener){
        STR("PLAINTEXT"), arena_printf(&w->arena, "broker-%d.example", id), 9092, 0};
    rq.features = broker_registration_request_feature_new(&w->arena, count);
    rq.features_count = count;
    for (int32_t i = 0; i < count; i++)
        rq.features[i] = (struct broker_registration_request_feature){str_of(table[i].name),
                                                                      table[i].min, table[i].max};
    struct uuid directory = rng_uuid(&w->hand.rng);
    rq.log_dirs = &directory;
    rq.log_dirs_count = 1;
    const struct broker_registration_response *r =
        cluster_send(w, API_BROKER_REGISTRATION, 4, &rq).response;
    require(r->error_code == KAFKA_NONE, "a registration was refused");
    arena_reset(&w->arena);
}

struct beat cluster_heartbeat(struct cluster *w, int32_t id, bool want_shut_down)
{
    struct broker_heartbeat_request rq;
    broker_heartbeat_request_init(&rq);
    rq.broker_id = id;
    rq.broker_epoch = image_broker(controller_image(w->active), id)->epoch;
    rq.current_metadata_offset = w->log.count - 1;
    rq.want_shut_down = want_shut_down;
    struct call k = cluster_send(w, API_BROKER_HEARTBEAT, 2, &rq);
    const struct broker_heartbeat_response *r = k.response;
    require(r->error_code == KAFKA_NONE, "a heartbeat was refused");
    struct beat beat = {r->is_fenced, r->should_shut_down, k.decided_s};
    arena_reset(&w->arena);
    return beat;
}

int32_t cluster_heartbeats(struct cluster *w, int32_t but)
{
    const struct image *image = controller_image(w->active);
    int32_t sent = 0;
    for (int32_t i = 0; i < image->brokers_count; i++) {
        if (image->brokers[i]->id == but || image->brokers[i]->fenced) continue;
        require(!cluster_heartbeat(w, image->brokers[i]->id, false).fenced,
                "a broker that is heard of was fenced");
        sent++;
    }
    return sent;
}

double cluster_create(struct cluster *w, int32_t at, int32_t partitions, int16_t replicas)
{
    struct create_topics_request rq;
    create_topics_request_init(&rq);
    rq.topics = create_topics_request_creatable_topic_new(&w->arena, 1);
    rq.topics_count = 1;
    rq.topics[0].name = arena_printf(&w->arena, "topic-%d", at);
    rq.topics[0].num_partitions = partitions;
    rq.topics[0].replication_factor = replicas;
    double begin = wall_s();
    const struct create_topics_response *r = cluster_send(w, API_CREATE_TOPICS, 7, &rq).response;
    double took = wall_s() - begin;
    require(r->topics[0].error_code == KAFKA_NONE, "a topic was refused");
    arena_reset(&w->arena);
    return took;
}

struct controller *cluster_controller(struct cluster *w, int32_t node_id)
{
    static const char *const features[] = {"eligible.leader.replicas.version", "group.version",
                                           "share.version", "streams.version"};
    for (int i = 0; i < BOOTSTRAP_RECORDS; i++) {
        metadata_record_init(&w->bootstrap[i], METADATA_RECORD_FEATURE_LEVEL, 0);
        struct feature_level_record *level = &w->bootstrap[i].u.feature_level;
        level->name = i == 0 ? FEATURE_METADATA_VERSION : str_of(features[i - 1]);
        level->feature_level = i == 0 ? METADATA_VERSION_DEFAULT : 1;
    }
    struct controller_options options = {.node_id = node_id,
                                         .cluster_id = STR("cluster"),
                                         .config = w->config,
                                         .clock = &w->hand.clock,
                                         .rng = &w->hand.rng,
                                         .trace = &w->trace,
                                         .committer = &w->committer,
                                         .bootstrap = w->bootstrap,
                                         .bootstrap_count = BOOTSTRAP_RECORDS};
    return controller_new(&options);
}

/* ---- the cluster */

void cluster_open(struct cluster *w, int64_t partitions)
{
    *w = (struct cluster){
        .trace = {&trace_ops, TRACE_ERROR}, .committer = {&committer_ops}, .epoch = 1};
    hand_env_init(&w->hand, 7);
    w->config = config_new();
    out_init(&w->encoding);
    arena_init(&w->arena, 0);
    frames_open(&w->log, partitions);
    w->active = cluster_controller(w, 1);
    controller_lead(w->active, w->epoch);
    cluster_commit(w);
}

void cluster_close(struct cluster *w)
{
    controller_free(w->active);
    config_free(w->config);
    out_free(&w->encoding);
    arena_free(&w->arena);
    frames_close(&w->log);
}
