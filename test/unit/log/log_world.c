#include "log_world.h"

#include "test.h"

#include <stdio.h>

#include "base/mem.h"

static const struct uuid topic_id = {{9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};

static void offline(struct log_dir *dir, void *context)
{
    (void)dir;
    ((struct log_world *)context)->offline = true;
}

enum err world_make(struct log_world *w)
{
    return log_dir_create_log(w->dir, STR("t"), 0, topic_id, w->config, &w->log);
}

enum err world_open(struct log_world *w)
{
    struct log_dir_options o = log_dir_options_default();
    w->env = sim_node_env(w->sim, "n");
    o.path = "/d";
    o.config = w->config;
    o.offline = offline;
    o.context = w;
    if (w->flush_scheduler_ms) o.flush_scheduler_ms = w->flush_scheduler_ms;
    w->log = NULL;
    enum err e = log_dir_open(w->env, &o, &w->dir);
    if (e) return e;
    e = log_dir_load(w->dir);
    if (!e) e = world_make(w);
    if (e) {
        log_dir_abandon(w->dir);
        w->dir = NULL;
    }
    return e;
}

void world_init(struct log_world *w, uint64_t seed)
{
    *w = (struct log_world){.sim = sim_new(seed)};
    w->node = sim_node(w->sim, "n");
    w->config = log_config_new();
    w->codec = codec_new();
    arena_init(&w->arena, 0);
    assert_ok(world_open(w));
}

void world_free(struct log_world *w)
{
    if (w->dir) log_dir_abandon(w->dir);
    log_config_unref(w->config);
    codec_free(w->codec);
    batch_builder_free(&w->builder);
    arena_free(&w->arena);
    assert_int_equal(sim_node_handles(w->node), 0);
    sim_free(w->sim);
}

void world_close(struct log_world *w)
{
    assert_ok(log_dir_close(w->dir, 7));
    w->dir = NULL;
    sim_node_crash(w->node);
}

void world_crash(struct log_world *w)
{
    sim_node_crash(w->node);
    if (w->dir) log_dir_abandon(w->dir);
    w->dir = NULL;
}

void world_power_loss(struct log_world *w, enum sim_loss loss)
{
    sim_node_power_loss(w->node, loss);
    if (w->dir) log_dir_abandon(w->dir);
    w->dir = NULL;
}

void world_reopen_clean(struct log_world *w)
{
    world_close(w);
    assert_ok(world_open(w));
    assert_true(log_dir_was_clean(w->dir));
}

void world_build(struct log_world *w, const struct built *b, uint8_t **data, size_t *len)
{
    static char value[1 << 20];
    struct batch_options o = BATCH_OPTIONS_DEFAULT;
    o.compression = b->compression;
    o.attributes = b->attributes;
    if (b->producer_id) {
        o.producer_id = b->producer_id;
        o.producer_epoch = b->producer_epoch;
        o.base_sequence = b->sequence;
    }
    batch_begin(&w->builder, &o);
    for (int32_t i = 0; i < b->count; i++) {
        char key[16];
        int n = snprintf(key, sizeof key, "k%d", i);
        snprintf(value, sizeof value, "v%d", i);
        batch_add(&w->builder, b->timestamp + i,
                  b->null_keys ? BYTES_NULL : bytes_of(key, (size_t)n),
                  bytes_of(value, (size_t)(b->value_bytes ? b->value_bytes : 100)), NULL, 0);
    }
    assert_ok(batch_finish(&w->builder, w->codec, data, len));
}

enum append_error world_append(struct log_world *w, const struct built *b)
{
    uint8_t *data;
    size_t len;
    struct append_options o = {.origin = APPEND_FROM_CLIENT,
                               .leader_epoch = w->leader_epoch ? w->leader_epoch : 1,
                               .arena = &w->arena};
    world_build(w, b, &data, &len);
    log_append_as_leader(w->log, data, len, &o, &w->result);
    return w->result.error;
}

void world_append_ok(struct log_world *w, int32_t count)
{
    struct built b = {.count = count, .timestamp = clock_wall(w->env->clock).ms};
    assert_int_equal(world_append(w, &b), APPEND_OK);
    log_set_high_watermark(w->log, log_end_offset(w->log));
}

enum append_error world_append_marker(struct log_world *w, int64_t producer_id, int16_t epoch,
                                      bool commit, int32_t coordinator_epoch)
{
    uint8_t marker[END_TXN_MARKER_BYTES];
    struct append_options o = {.origin = APPEND_FROM_COORDINATOR, .leader_epoch = 1};
    batch_build_end_txn_marker(marker, clock_wall(w->env->clock).ms, producer_id, epoch, commit,
                               coordinator_epoch);
    log_append_as_leader(w->log, marker, sizeof marker, &o, &w->result);
    return w->result.error;
}

int64_t world_read_all(struct log_world *w)
{
    int64_t at = log_start_offset(w->log), records = 0;
    while (at < log_end_offset(w->log)) {
        struct bytes batches;
        arena_reset(&w->arena);
        assert_ok(log_read_batches(w->log, at, log_end_offset(w->log), 5000, &w->arena, &batches));
        if (batches.len == 0) break;
        for (int64_t p = 0; p < batches.len;) {
            struct batch_header h;
            assert_ok(batch_parse((struct bytes){batches.data + p, batches.len - p}, &h));
            assert_true(batch_crc_ok(batches.data + p, &h));
            assert_true(batch_last_offset(&h) >= at);
            at = batch_last_offset(&h) + 1;
            records += h.count;
            p += h.size;
        }
    }
    assert_int_equal(at, log_end_offset(w->log));
    return records;
}

int64_t world_read_at(struct log_world *w, int64_t offset)
{
    struct bytes batches;
    arena_reset(&w->arena);
    assert_ok(log_read_batches(w->log, offset, log_end_offset(w->log), 1, &w->arena, &batches));
    return batches.len ? (int64_t)load_be64(batches.data) : -1;
}
