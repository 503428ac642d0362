#include "moves_world.h"

#include <stdio.h>

#include "standings.h"
#include "test.h"

static const char *const paths[MOVES_DIRS] = {"/a", "/b", "/c"};
static const int32_t self_only[] = {MOVES_SELF};
static const int32_t both[] = {MOVES_SELF, 2};

static void topic_config(void *owner, struct str topic, struct arena *arena,
                         struct topic_config *out)
{
    struct moves_world *w = owner;
    (void)topic;
    topic_config_resolve(w->config, NULL, 0, arena, out);
    out->in_sync_replicas_min = 1;
    out->segment_bytes = (int32_t)w->segment_bytes;
    out->flush_messages = w->flush_messages;
}

static bool assign(void *owner, struct replica *r, struct uuid directory)
{
    struct moves_world *w = owner;
    (void)r;
    w->asks++;
    w->asked = directory;
    if (w->answers_at_once) w->assigned = directory;
    return w->answers_at_once;
}

static void directory_failed(void *owner, struct uuid directory, int32_t left)
{
    struct moves_world *w = owner;
    (void)directory;
    (void)left;
    w->failures++;
}

static const struct replica_events events = {.standing = all_are_standing,
                                             .topic_config = topic_config,
                                             .assign = assign,
                                             .directory_failed = directory_failed};

static void offline(struct log_dir *dir, void *context)
{
    struct moves_world *w = context;
    replica_manager_directory_failed(w->replicas, dir);
}

void moves_start(struct moves_world *w)
{
    w->env = sim_node_start(w->node);
    for (int i = 0; i < MOVES_DIRS; i++) {
        struct log_dir_options o = log_dir_options_default();
        o.path = paths[i];
        o.offline = offline;
        o.context = w;
        o.config = log_config_new();
        assert_ok(log_dir_open(w->env, &o, &w->dirs[i]));
        log_config_unref(o.config);
        struct meta_properties meta = META_PROPERTIES_NONE;
        meta.node_id = MOVES_SELF;
        snprintf(meta.cluster_id, sizeof meta.cluster_id, "cluster");
        meta.directory_id = UUID_SMALL((uint8_t)(200 + i));
        if (!log_dir_meta(w->dirs[i])->present) assert_ok(log_dir_set_meta(w->dirs[i], &meta));
    }
    struct replica_manager_config c = {
        .node_id = MOVES_SELF, .lag_ms_max = 30000, .quota_samples = 11, .quota_sample_s = 1};
    w->replicas = replica_manager_create(w->env, &c, w->dirs, MOVES_DIRS, &events, w);
    assert_ok(replica_manager_load(w->replicas));
    w->r = NULL;
}

void moves_host(struct moves_world *w)
{
    bool alone = w->leader == MOVES_SELF;
    struct partition_target t = {.topic_id = UUID_SMALL(7),
                                 .topic = STR("t"),
                                 .leader = w->leader,
                                 .leader_epoch = w->epoch,
                                 .partition_epoch = w->partition_epoch++,
                                 .replicas = alone ? self_only : both,
                                 .replicas_count = alone ? 1 : 2,
                                 .isr = alone ? self_only : both,
                                 .isr_count = alone ? 1 : 2,
                                 .directory = w->assigned};
    replica_manager_apply(w->replicas, &t, 1);
    w->r = replica_manager_find(w->replicas, t.topic_id, 0);
    assert_non_null(w->r);
}

void moves_open(struct moves_world *w, uint64_t seed)
{
    *w = (struct moves_world){.sim = sim_new(seed),
                              .config = config_new(),
                              .segment_bytes = 1 << 30,
                              .flush_messages = INT64_MAX,
                              .leader = MOVES_SELF,
                              .assigned = UUID_SMALL(200)};
    w->node = sim_node(w->sim, "one");
    moves_start(w);
    moves_host(w);
    assert_int_equal(moves_place(w), 'a');
}

void moves_stop_clean(struct moves_world *w)
{
    replica_manager_stop(w->replicas, KAFKA_NOT_LEADER_OR_FOLLOWER);
    replica_manager_destroy(w->replicas);
    for (int i = 0; i < MOVES_DIRS; i++) {
        enum err e = log_dir_close(w->dirs[i], 1);
        (void)e; /* a failed one */
    }
    w->replicas = NULL;
    w->r = NULL;
    assert_int_equal(sim_node_handles(w->node), 0);
    sim_node_crash(w->node);
}

void moves_abandon(struct moves_world *w)
{
    replica_manager_destroy(w->replicas);
    for (int i = 0; i < MOVES_DIRS; i++) log_dir_abandon(w->dirs[i]);
    w->replicas = NULL;
    w->r = NULL;
    assert_int_equal(sim_node_handles(w->node), 0);
}

void moves_close(struct moves_world *w)
{
    if (w->replicas) moves_stop_clean(w);
    config_free(w->config);
    sim_free(w->sim);
}

/* ---- records */

bool moves_append(struct moves_world *w, int32_t value_bytes)
{
    static char value[1 << 20];
    struct batch_builder b = {0};
    struct batch_options o = BATCH_OPTIONS_DEFAULT;
    struct arena arena;
    struct append_result result;
    uint8_t *data;
    size_t len;
    arena_init(&arena, 0);
    snprintf(value, sizeof value, "at %lld", (long long)w->r->core.log_end_offset);
    batch_begin(&b, &o);
    batch_add(&b, 1000, BYTES_NULL, bytes_of(value, (size_t)value_bytes), NULL, 0);
    assert_ok(batch_finish(&b, NULL, &data, &len));
    enum kafka_error e = replica_append(w->r, -1, APPEND_FROM_CLIENT, data, len, &arena, &result);
    batch_builder_free(&b);
    arena_free(&arena);
    return e == KAFKA_NONE;
}

void moves_append_ok(struct moves_world *w, int32_t count, int32_t value_bytes)
{
    for (int32_t i = 0; i < count; i++) assert_true(moves_append(w, value_bytes));
}

int64_t moves_check_records(struct log *log)
{
    struct arena arena;
    int64_t next = log_start_offset(log), count = 0;
    arena_init(&arena, 0);
    while (next < log_end_offset(log)) {
        struct bytes batches;
        arena_reset(&arena);
        assert_ok(log_read_batches(log, next, log_end_offset(log), 1 << 20, &arena, &batches));
        assert_true(batches.len > 0);
        for (int64_t at = 0; at < batches.len; count++) {
            struct batch_header h;
            struct record_iterator it;
            struct record record;
            bool more;
            char expected[64];
            const uint8_t *data = batches.data + at;
            assert_ok(batch_parse((struct bytes){data, batches.len - at}, &h));
            assert_true(batch_crc_ok(data, &h));
            assert_int_equal(h.base_offset, next);
            record_iterator_init(
                &it, &h, (struct bytes){data + BATCH_HEADER_BYTES, h.size - BATCH_HEADER_BYTES});
            assert_ok(record_iterator_next(&it, &record, &more));
            int n = snprintf(expected, sizeof expected, "at %lld", (long long)next);
            assert_memory_equal(record.value.data, expected, (size_t)n);
            next = batch_last_offset(&h) + 1;
            at += h.size;
        }
    }
    arena_free(&arena);
    return count;
}

/* ---- moving */

enum kafka_error moves_to(struct moves_world *w, const char *dir)
{
    return replica_manager_move(w->replicas, STR("t"), 0, str_of(dir));
}

void moves_answer(struct moves_world *w)
{
    struct uuid directory = w->asked;
    if (uuid_is_zero(directory)) return;
    w->assigned = directory;
    w->asked = UUID_ZERO;
    replica_manager_assigned(w->replicas, UUID_SMALL(7), 0, directory);
}

void moves_settle(struct moves_world *w, int64_t ms)
{
    for (int64_t end = sim_now_ms(w->sim) + ms; sim_now_ms(w->sim) < end;) sim_run_ms(w->sim, 1);
}

char moves_place(const struct moves_world *w)
{
    for (int i = 0; w->r && w->r->log && i < MOVES_DIRS; i++)
        if (log_directory(w->r->log) == w->dirs[i]) return paths[i][1];
    return 0;
}

struct naming {
    const char *prefix, *suffix;
    int found;
};

static void count_name(void *owner, const char *name, bool is_dir)
{
    struct naming *n = owner;
    size_t len = strlen(name), head = strlen(n->prefix), tail = strlen(n->suffix);
    n->found += is_dir && len >= head + tail && memcmp(name, n->prefix, head) == 0 &&
                strcmp(name + len - tail, n->suffix) == 0;
}

int moves_named(const struct moves_world *w, const char *dir, const char *prefix,
                const char *suffix)
{
    struct naming n = {prefix, suffix, 0};
    sim_disk_names(w->node, dir, count_name, &n);
    return n.found;
}

static void count_current(void *owner, const char *name, bool is_dir)
{
    *(int *)owner += is_dir && strcmp(name, "t-0") == 0;
}

int moves_current_logs(const struct moves_world *w)
{
    int count = 0;
    for (int i = 0; i < MOVES_DIRS; i++) sim_disk_names(w->node, paths[i], count_current, &count);
    return count;
}
