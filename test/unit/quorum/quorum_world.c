#include "quorum_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "log/meta_properties.h"
#include "protocol/api.h"
#include "protocol/api_versions.h"
#include "protocol/message.h"
#include "quorum/snapshot_file.h"

enum { CALL_TIMEOUT_MS = 10000, CONVERGE_ROUNDS = 3 };

void world_fail(struct world *w, const char *why)
{
    sim_trace_dump(w->sim);
    fprintf(stderr, "world: %s, at %lld ms\n", why, (long long)sim_now_ms(w->sim));
    abort();
}

static void must(struct world *w, enum err e, const char *what)
{
    if (!e) return;
    fprintf(stderr, "world: %s: %s\n", what, err_text(e));
    world_fail(w, what);
}

/* ---- the controller listener */

static void handle_versions(struct request *rq, void *context)
{
    struct member *m = context;
    struct api_versions_response r;
    api_versions_response_init(&r);
    r.api_keys = api_versions_response_api_version_new(&rq->arena, API_COUNT);
    for (int32_t key = 0; key < API_COUNT; key++)
        if (m->table[key].handle)
            r.api_keys[r.api_keys_count++] = (struct api_versions_response_api_version){
                (int16_t)key, m->table[key].min, m->table[key].max};
    r.supported_features = api_versions_response_supported_feature_key_new(&rq->arena, 1);
    r.supported_features_count = 1;
    r.supported_features[0] = (struct api_versions_response_supported_feature_key){
        .name = STR("kraft.version"), .min_version = 0, .max_version = 1};
    request_reply(rq, &r);
}

static void handle_by_quorum(struct request *rq, void *context)
{
    struct member *m = context;
    int32_t count;
    const struct quorum_api *apis = quorum_apis(&count);
    for (int32_t i = 0; i < count; i++)
        if (apis[i].key == rq->api_key) {
            apis[i].handle(rq, m->quorum);
            return;
        }
}

static void make_table(struct member *m)
{
    m->table = mem_zalloc(API_COUNT, sizeof *m->table);
    m->table[API_API_VERSIONS] =
        (struct api_handler){.min = 0, .max = 4, .handle = handle_versions};
    int32_t count;
    const struct quorum_api *apis = quorum_apis(&count);
    for (int32_t i = 0; i < count; i++)
        m->table[apis[i].key] = (struct api_handler){
            .min = apis[i].min_version, .max = apis[i].max_version, .handle = handle_by_quorum};
    m->apis = (struct dispatch){.table = m->table, .count = API_COUNT, .context = m};
}

/* ---- what subscribers are told */

static void tell_offset(struct member *m, int64_t offset, bool is_data, int64_t value)
{
    struct world *w = m->world;
    if (offset >= WORLD_OFFSETS) world_fail(w, "too many offsets");
    if (offset != m->told_end) world_fail(w, "an offset was told twice or left out");
    m->told_end = offset + 1;
    if (w->known[offset]) {
        if (w->is_data[offset] != is_data || w->values[offset] != value)
            world_fail(w, "an offset has two values");
        return;
    }
    w->known[offset] = true;
    w->is_data[offset] = is_data;
    w->values[offset] = value;
    while (w->known[w->known_end]) w->known_end++;
}

static int64_t value_of(struct world *w, struct bytes frame)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct metadata_record record;
    must(w, metadata_record_decode(&record, frame, &arena), "a record cannot be decoded");
    int64_t value = record.u.producer_ids.next_producer_id;
    arena_free(&arena);
    return value;
}

static void on_load_begin(void *owner)
{
    struct member *m = owner;
    m->loading = 0;
    m->loads++;
}

/* The n-th value of a snapshot is the n-th that was told. */
static enum err on_load(void *owner, int64_t end_offset, struct bytes frame)
{
    struct member *m = owner;
    struct world *w = m->world;
    int64_t seen = 0, value = value_of(w, frame);
    for (int64_t at = 0; at < end_offset; at++) {
        if (!w->known[at]) world_fail(w, "a snapshot of what nobody was told");
        if (!w->is_data[at] || seen++ != m->loading) continue;
        if (w->values[at] != value) world_fail(w, "a snapshot holds another value");
        m->loading++;
        return ERR_OK;
    }
    world_fail(w, "a snapshot holds more than there was");
}

static void on_load_done(void *owner, int64_t end_offset, int32_t epoch)
{
    struct member *m = owner;
    int64_t values = 0;
    for (int64_t at = 0; at < end_offset; at++) values += m->world->is_data[at];
    if (values != m->loading) world_fail(m->world, "a snapshot left values out");
    m->told_end = end_offset;
    m->told_epoch = epoch;
}

static enum err on_record(void *owner, int64_t offset, int32_t epoch, struct bytes frame)
{
    struct member *m = owner;
    m->told_epoch = epoch;
    tell_offset(m, offset, true, value_of(m->world, frame));
    return ERR_OK;
}

static void on_skip(void *owner, int64_t offset, int32_t epoch)
{
    struct member *m = owner;
    m->told_epoch = epoch;
    tell_offset(m, offset, false, epoch);
}

static void on_flush(void *owner)
{
    (void)owner;
}

/* ---- what the quorum tells */

static void on_leader(void *owner, int32_t leader_id, int32_t epoch, const char *host,
                      uint16_t port)
{
    struct member *m = owner;
    (void)host;
    (void)port;
    m->leader_id = leader_id;
    m->epoch = epoch;
}

static void on_answered(void *owner, int32_t leader_id)
{
    (void)owner;
    (void)leader_id;
}

static void on_unreachable(void *owner, int32_t leader_id, int32_t epoch, struct str host,
                           uint16_t port, enum err e)
{
    (void)owner;
    (void)leader_id;
    (void)epoch;
    (void)host;
    (void)port;
    (void)e;
}

static void acknowledge(struct world *w, int64_t offset, int64_t value)
{
    MEM_GROW(w->acknowledged, w->acknowledged_count, w->acknowledged_capacity);
    w->acknowledged[w->acknowledged_count].offset = offset;
    w->acknowledged[w->acknowledged_count++].value = value;
}

static void on_committed(void *owner, int64_t end_offset)
{
    struct member *m = owner;
    struct world *w = m->world;
    int32_t kept = 0;
    for (int32_t i = 0; i < w->pending_count; i++) {
        bool mine = w->pending[i].member == m->id;
        bool leads = quorum_is_leader(m->quorum) && quorum_epoch(m->quorum) == w->pending[i].epoch;
        if (mine && leads && w->pending[i].offset < end_offset)
            acknowledge(w, w->pending[i].offset, w->pending[i].value);
        else if (!mine || leads) /* else nobody will ever know */
            w->pending[kept++] = w->pending[i];
    }
    w->pending_count = kept;
}

static void on_failed(void *owner, const char *why)
{
    ((struct member *)owner)->failed = why;
}

static void on_snapshot_due(void *owner)
{
    (void)owner;
}

static void on_may_stop(void *owner)
{
    ((struct member *)owner)->may_stop = true;
}

/* ---- after every event */

static void look(void *owner, struct sim_node *n)
{
    struct world *w = owner;
    (void)n;
    for (int32_t id = 1; id <= w->count; id++) {
        struct member *m = &w->members[id];
        if (!m->quorum || !quorum_is_leader(m->quorum)) continue;
        int32_t epoch = quorum_epoch(m->quorum);
        if (epoch >= (int32_t)(sizeof w->leaders / sizeof w->leaders[0]))
            world_fail(w, "too many epochs");
        if (w->leaders[epoch] != 0 && w->leaders[epoch] != id)
            world_fail(w, "two leaders of one epoch");
        w->leaders[epoch] = id;
    }
}

/* ---- processes */

static void bury(struct member *m)
{
    if (m->server) rpc_server_destroy(m->server);
    if (m->quorum) quorum_close(m->quorum);
    if (m->dir) log_dir_abandon(m->dir);
    m->server = NULL;
    m->quorum = NULL;
    m->dir = NULL;
    m->env = NULL;
    struct world *w = m->world;
    int32_t kept = 0;
    for (int32_t i = 0; i < w->pending_count; i++)
        if (w->pending[i].member != m->id) w->pending[kept++] = w->pending[i];
    w->pending_count = kept;
}

void world_crash(struct world *w, int32_t id)
{
    sim_node_crash(w->members[id].machine);
    bury(&w->members[id]);
}

void world_power_loss(struct world *w, int32_t id, enum sim_loss loss)
{
    sim_node_power_loss(w->members[id].machine, loss);
    bury(&w->members[id]);
}

bool world_runs(const struct world *w, int32_t id)
{
    return w->members[id].quorum != NULL;
}

struct quorum *world_quorum(struct world *w, int32_t id)
{
    return w->members[id].quorum;
}

static void disk_went_offline(struct log_dir *dir, void *context)
{
    struct member *m = context;
    (void)dir;
    if (!m->failed) m->failed = "the log directory is offline";
}

void world_start(struct world *w, int32_t id)
{
    struct member *m = &w->members[id];
    m->env = sim_node_start(m->machine);
    m->failed = NULL;
    m->may_stop = false;
    m->loads = 0;
    m->told_end = 0;
    m->leader_id = -1;
    struct log_dir_options dir = log_dir_options_default();
    dir.path = "/data";
    dir.config = log_config_new();
    dir.offline = disk_went_offline;
    dir.context = m;
    must(w, log_dir_open(m->env, &dir, &m->dir), "the directory does not open");
    log_config_unref(dir.config);
    struct quorum_events events = {
        .owner = m,
        .leader_changed = on_leader,
        .leader_unreachable = on_unreachable,
        .leader_answered = on_answered,
        .committed = on_committed,
        .failed = on_failed,
        .snapshot_due = on_snapshot_due,
        .may_stop = on_may_stop,
    };
    const char *why = "";
    enum err e = quorum_open(m->env, m->dir, &m->options, &events, &m->quorum, &why);
    if (e) fprintf(stderr, "world: member %d: %s\n", id, why);
    must(w, e, "the quorum does not open");
    m->feed = (struct quorum_subscriber){.wants_committed = true,
                                         .owner = m,
                                         .load_begin = on_load_begin,
                                         .load = on_load,
                                         .load_done = on_load_done,
                                         .record = on_record,
                                         .skip = on_skip,
                                         .flush = on_flush};
    if (m->options.is_controller) {
        struct rpc_server_config config = rpc_server_defaults();
        config.listener_name = "CONTROLLER";
        config.port = WORLD_PORT;
        must(w, rpc_server_create(m->env, &config, &m->apis, &m->server), "no listener");
        rpc_server_serve(m->server);
    }
    quorum_subscribe(m->quorum, &m->feed);
    quorum_start(m->quorum);
}

void world_start_all(struct world *w)
{
    for (int32_t id = 1; id <= w->count; id++)
        if (!world_runs(w, id)) world_start(w, id);
}

/* ---- making */

static void format(struct world *w, struct member *m, const struct voters_record *voters)
{
    struct env *env = sim_node_start(m->machine);
    struct meta_properties meta = META_PROPERTIES_NONE;
    meta.node_id = m->id;
    snprintf(meta.cluster_id, sizeof meta.cluster_id, WORLD_CLUSTER);
    meta.directory_id = m->directory_id;
    must(w, disk_mkdirs(env->disk, "/data/__cluster_metadata-0"), "mkdir");
    if (voters) {
        struct snapshot_writer s;
        must(w,
             snapshot_writer_open(&s, env->disk, "/data/__cluster_metadata-0",
                                  (struct snapshot_id){0, 0}, 0, 0, 1, voters),
             "0-0");
        must(w, snapshot_writer_finish(&s), "0-0");
    }
    must(w, meta_properties_write(env->disk, "/data", &meta), "meta.properties");
    must(w, disk_sync_dir(env->disk, "/data"), "sync");
    must(w, disk_sync_dir(env->disk, "/"), "sync");
    sim_node_crash(m->machine);
}

static void draw_directory(struct world *w, struct member *m)
{
    for (size_t i = 0; i < sizeof m->directory_id.bytes; i++)
        m->directory_id.bytes[i] = (uint8_t)prng_below(&w->prng, 256);
}

/* Formatted like any that is no voter from the start. */
void world_replace_disk(struct world *w, int32_t id)
{
    struct member *m = &w->members[id];
    PRE(!world_runs(w, id));
    must(w, sim_disk_vanish(m->machine, "/data"), "new disk");
    draw_directory(w, m);
    m->options.directory_id = m->directory_id;
    format(w, m, NULL);
}

static void make_member(struct world *w, int32_t id)
{
    struct member *m = &w->members[id];
    m->world = w;
    m->id = id;
    snprintf(m->name, sizeof m->name, "n%d", id);
    m->machine = sim_node(w->sim, m->name);
    draw_directory(w, m);
    m->listener =
        (struct quorum_listener){.name = "CONTROLLER", .host = m->name, .port = WORLD_PORT};
    make_table(m);
    w->servers[id - 1] = (struct quorum_address){.host = m->name, .port = WORLD_PORT};
    m->options = (struct quorum_options){
        .node_id = id,
        .is_controller = true,
        .cluster_id = WORLD_CLUSTER,
        .directory_id = m->directory_id,
        .listener = "CONTROLLER",
        .listeners = &m->listener,
        .listeners_count = 1,
        .election_timeout_ms = 1000,
        .election_backoff_ms_max = 1000,
        .fetch_timeout_ms = 2000,
        .request_timeout_ms = 2000,
        .retry_backoff_ms = 20,
        .append_linger_ms = 25,
        .fetch_bytes_max = 1 << 20,
        .fetch_snapshot_bytes_max = 1 << 20,
        .retention_bytes = 100 << 20,
        .retention_ms = INT64_MAX,
        .segment_bytes = 8 << 20,
        .segment_ms = INT64_MAX,
    };
}

static void make_voters(struct world *w, int32_t voters, bool fixed)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct voters_record record;
    voters_record_init(&record);
    record.voters = voters_record_voter_new(&arena, voters);
    record.voters_count = voters;
    for (int32_t i = 0; i < voters; i++) {
        struct voters_record_voter *v = &record.voters[i];
        v->voter_id = i + 1;
        v->voter_directory_id = w->members[i + 1].directory_id;
        v->kraft_version_feature.max_supported_version = 1;
        v->endpoints = voters_record_endpoint_new(&arena, 1);
        v->endpoints_count = 1;
        v->endpoints[0] = (struct voters_record_endpoint){
            .name = STR("CONTROLLER"), .host = str_of(w->members[i + 1].name), .port = WORLD_PORT};
        w->fixed[i] = (struct quorum_voter_config){
            .id = i + 1, .host = w->members[i + 1].name, .port = WORLD_PORT};
    }
    for (int32_t id = 1; id <= w->count; id++) {
        struct member *m = &w->members[id];
        m->options.voters = w->fixed;
        m->options.voters_count = fixed ? voters : 0;
        m->options.servers = w->servers;
        m->options.servers_count = fixed ? 0 : voters;
        format(w, m, fixed || id > voters ? NULL : &record);
    }
    arena_free(&arena);
}

struct world *world_new(uint64_t seed, int32_t count, int32_t voters, bool fixed)
{
    PRE(voters <= count && count <= WORLD_NODES);
    struct world *w = MEM_NEW(struct world);
    w->sim = sim_new(seed);
    w->prng = sim_fork(w->sim, "world");
    w->count = count;
    w->known = mem_zalloc(WORLD_OFFSETS, sizeof *w->known);
    w->is_data = mem_zalloc(WORLD_OFFSETS, sizeof *w->is_data);
    w->values = mem_zalloc(WORLD_OFFSETS, sizeof *w->values);
    w->next_value = 1000;
    for (int32_t id = 1; id <= count; id++) make_member(w, id);
    make_voters(w, voters, fixed);
    w->client = sim_node_env(w->sim, "client");
    sim_watch(w->sim, look, w);
    return w;
}

void world_free(struct world *w)
{
    sim_watch(w->sim, NULL, NULL);
    for (int32_t id = 1; id <= w->count; id++) {
        if (w->channels[id]) channel_destroy(w->channels[id]);
        if (world_runs(w, id)) world_crash(w, id);
        mem_free(w->members[id].table);
    }
    mem_free(w->known);
    mem_free(w->is_data);
    mem_free(w->values);
    mem_free(w->acknowledged);
    sim_free(w->sim);
    mem_free(w);
}

/* ---- verbs */

int32_t world_leader(const struct world *w)
{
    int32_t leader = 0;
    for (int32_t id = 1; id <= w->count; id++) {
        const struct quorum *q = w->members[id].quorum;
        if (!q || !quorum_is_leader(q)) continue;
        if (!leader || quorum_epoch(q) > quorum_epoch(w->members[leader].quorum)) leader = id;
    }
    return leader;
}

static bool leader_has_committed(const struct world *w)
{
    int32_t id = world_leader(w);
    const struct quorum *q = id ? w->members[id].quorum : NULL;
    return q && quorum_high_watermark(q) > quorum_epoch_start(q);
}

int32_t world_await_leader(struct world *w)
{
    world_until(w, leader_has_committed(w));
    return world_leader(w);
}

bool world_append(struct world *w, int32_t id)
{
    struct quorum *q = w->members[id].quorum;
    if (!id || !q || !quorum_is_leader(q)) return false;
    if (w->pending_count == (int32_t)(sizeof w->pending / sizeof w->pending[0])) return false;
    struct metadata_record record;
    metadata_record_init(&record, METADATA_RECORD_PRODUCER_IDS, 0);
    record.u.producer_ids.next_producer_id = w->next_value;
    int64_t offset;
    if (quorum_append(q, quorum_epoch(q), &record, 1, true, &offset)) return false;
    w->pending[w->pending_count].member = id;
    w->pending[w->pending_count].epoch = quorum_epoch(q);
    w->pending[w->pending_count].offset = offset;
    w->pending[w->pending_count++].value = w->next_value++;
    return true;
}

/* A leader that loses its lead takes what it was given with it: then the next one is asked. */
static bool written(struct world *w, int32_t wanted)
{
    if (w->acknowledged_count >= wanted) return true;
    int32_t leader = world_leader(w), missing = wanted - w->acknowledged_count;
    for (int32_t i = 0; i < w->pending_count; i++) missing -= w->pending[i].member == leader;
    while (missing-- > 0 && world_append(w, leader)) continue;
    return false;
}

void world_write(struct world *w, int32_t count)
{
    int32_t wanted = w->acknowledged_count + count;
    world_await_leader(w);
    world_until(w, written(w, wanted));
}

static bool all_told(const struct world *w, int64_t end)
{
    for (int32_t id = 1; id <= w->count; id++)
        if (world_runs(w, id) && w->members[id].told_end < end) return false;
    return true;
}

void world_converge(struct world *w)
{
    int32_t leader = world_await_leader(w);
    int64_t end = quorum_end_offset(w->members[leader].quorum);
    world_until(w, all_told(w, end));
    for (int32_t i = 0; i < w->acknowledged_count; i++) {
        int64_t offset = w->acknowledged[i].offset;
        if (!w->known[offset] || !w->is_data[offset] ||
            w->values[offset] != w->acknowledged[i].value)
            world_fail(w, "what was acknowledged is gone");
    }
}

struct values {
    struct world *world;
    int64_t at, end;
};

static bool next_value(void *context, struct metadata_record *record, struct arena *arena)
{
    struct values *v = context;
    (void)arena;
    while (v->at < v->end && !v->world->is_data[v->at]) v->at++;
    if (v->at >= v->end) return false;
    metadata_record_init(record, METADATA_RECORD_PRODUCER_IDS, 0);
    record->u.producer_ids.next_producer_id = v->world->values[v->at++];
    return true;
}

void world_begin_snapshot(struct world *w, int32_t id)
{
    struct member *m = &w->members[id];
    struct values v = {.world = w, .end = m->told_end};
    must(w, quorum_write_snapshot(m->quorum, m->told_end, m->told_epoch, next_value, &v),
         "a snapshot cannot be written");
}

void world_snapshot(struct world *w, int32_t id)
{
    world_begin_snapshot(w, id);
    sim_run_ms(w->sim, 100);
}

int32_t world_snapshots(struct world *w, int32_t id)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct snapshot_id *ids;
    int32_t count, real = 0;
    must(w,
         snapshot_files_list(w->members[id].env->disk, "/data/__cluster_metadata-0", &arena, &ids,
                             &count),
         "snapshots cannot be listed");
    for (int32_t i = 0; i < count; i++) real += ids[i].end_offset > 0;
    arena_free(&arena);
    return real;
}

/* ---- requests from outside */

struct asking {
    struct call call;
    struct arena *arena;
    bool done;
    void *answer;
};

/* A copy that outlives the call: encoded and decoded again. */
static void answered(struct call *call, enum err e, const void *response)
{
    struct asking *a = call->context;
    a->done = true;
    if (e) return;
    const struct message *m = message_response(call->api_key);
    struct out out;
    out_init(&out);
    m->encode(response, call->api_version, &out);
    uint8_t *flat = arena_alloc(a->arena, (size_t)out.len);
    size_t len = (size_t)out.len;
    out_flatten(&out, flat);
    out_free(&out);
    a->answer = arena_zalloc(a->arena, 1, m->struct_size);
    struct cursor in = cursor_of(flat, len);
    assert_ok(m->decode(a->answer, call->api_version, &in, a->arena));
}

const void *world_ask(struct world *w, int32_t id, int16_t api_key, int16_t version,
                      const void *request, struct arena *arena)
{
    if (!w->channels[id])
        w->channels[id] = channel_create(
            w->client, &(struct channel_config){.host = w->members[id].name,
                                                .port = WORLD_PORT,
                                                .client_id = "test",
                                                .request_timeout_ms = CALL_TIMEOUT_MS,
                                                .backoff_ms = 10});
    struct asking a = {.arena = arena};
    call_init(&a.call);
    a.call.context = &a;
    a.call.min_version = version;
    channel_call(w->channels[id], &a.call, api_key, version, request, answered);
    world_until(w, a.done);
    return a.answer;
}

struct world *world_running(uint64_t seed, int32_t count, int32_t voters, bool fixed,
                            int32_t values)
{
    struct world *w = world_new(seed, count, voters, fixed);
    world_start_all(w);
    world_write(w, values);
    return w;
}
