#include <stdio.h>

#include "base/mem.h"
#include "env/sim/sim.h"
#include "memory_log.h"
#include "rsm/rsm.h"

/* A machine that writes down what is done to it. */
struct world {
    struct rsm_machine machine;
    struct rsm_shard shard;
    struct memory_log log;
    struct sim *sim;
    struct env *env;
    char journal[4096]; /* "a@0 b@1 …" */
    int loaded, failed;
};

struct write {
    struct rsm_write write;
    int done;
    enum kafka_error error;
};

static void note(struct world *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t len = strlen(w->journal);
    vsnprintf(w->journal + len, sizeof w->journal - len, format, args);
    va_end(args);
}

static void replay(struct rsm_machine *m, const struct rsm_replay *r)
{
    struct world *w = CONTAINER_OF(m, struct world, machine);
    const char *mark = r->producer_id != NO_PRODUCER_ID ? "?" : r->value.len < 0 ? "-" : "";
    note(w, "%s%.*s@%d ", mark, (int)r->key.len, (const char *)r->key.data, (int)r->offset);
}

static void end_transaction(struct rsm_machine *m, int64_t producer_id, bool commit)
{
    note(CONTAINER_OF(m, struct world, machine), "%s%d ", commit ? "commit" : "abort",
         (int)producer_id);
}

static void loaded(struct rsm_machine *m, bool ok)
{
    struct world *w = CONTAINER_OF(m, struct world, machine);
    if (ok)
        w->loaded++;
    else
        w->failed++;
}

static void write_done(struct rsm_write *write, enum kafka_error error)
{
    struct write *w = CONTAINER_OF(write, struct write, write);
    w->done++;
    w->error = error;
}

static struct write write_new(void)
{
    return (struct write){.write.done = write_done};
}

static struct world *world_new(void)
{
    static const struct rsm_machine_ops ops = {replay, end_transaction, loaded};
    struct world *w = MEM_NEW(struct world);
    w->machine.ops = &ops;
    w->sim = sim_new(1);
    w->env = sim_node_env(w->sim, "node");
    memory_log_init(&w->log);
    rsm_shard_init(&w->shard, w->env, &w->machine, "topic-0", 5000);
    return w;
}

static void world_free(struct world *w)
{
    rsm_shard_unload(&w->shard);
    rsm_shard_free(&w->shard);
    memory_log_free(&w->log);
    sim_free(w->sim);
    mem_free(w);
}

/* A batch with these keys, each one letter, and a value. */
static void put(struct world *w, const char *keys, const struct batch_options *options)
{
    struct batch_builder b = {0};
    struct codec *codec = codec_new();
    batch_begin(&b, options);
    for (const char *k = keys; *k; k++)
        batch_add(&b, 7, bytes_of(k, 1), bytes_of("value", 5), NULL, 0);
    uint8_t *data;
    size_t len;
    assert_ok(batch_finish(&b, codec, &data, &len));
    memory_log_put(&w->log, data, len);
    batch_builder_free(&b);
    codec_free(codec);
}

static void load(struct world *w)
{
    rsm_shard_load(&w->shard, &w->log.log, 3);
    sim_run_ms(w->sim, 1);
}

static enum kafka_error write(struct world *w, struct write *op, const char *key)
{
    struct rsm_record r = {bytes_of(key, strlen(key)), bytes_of("v", 1)};
    return rsm_shard_write(&w->shard, &op->write, &r, 1, clock_wall(w->env->clock));
}

static void commit_up_to(struct world *w, int64_t offset)
{
    w->log.watermark = offset;
    rsm_shard_high_watermark_moved(&w->shard);
    sim_run_ms(w->sim, 1);
}

TEST(loading_replays_every_committed_record_in_order)
{
    struct world *w = world_new();
    put(w, "abc", &BATCH_OPTIONS_DEFAULT);
    put(w, "d", &BATCH_OPTIONS_DEFAULT);
    load(w);
    assert_string_equal(w->journal, "a@0 b@1 c@2 d@3 ");
    assert_int_equal(w->loaded, 1);
    assert_int_equal(rsm_shard_admit(&w->shard), KAFKA_NONE);
    world_free(w);
}

TEST(an_empty_log_loads_at_once)
{
    struct world *w = world_new();
    load(w);
    assert_int_equal(w->loaded, 1);
    world_free(w);
}

TEST(loading_starts_at_the_log_start_offset)
{
    struct world *w = world_new();
    put(w, "abc", &BATCH_OPTIONS_DEFAULT);
    put(w, "d", &BATCH_OPTIONS_DEFAULT);
    w->log.start = 2; /* inside the first batch */
    load(w);
    assert_string_equal(w->journal, "c@2 d@3 ");
    world_free(w);
}

TEST(a_shard_that_loads_or_does_not_lead_refuses_writes)
{
    struct world *w = world_new();
    struct write op = write_new();
    assert_int_equal(write(w, &op, "x"), KAFKA_NOT_COORDINATOR);
    rsm_shard_load(&w->shard, &w->log.log, 3);
    assert_int_equal(write(w, &op, "x"), KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
    assert_int_equal(w->log.appends, 0);
    world_free(w);
}

/* S6, S18: offsets acknowledged by the last leader may lie above our stale high watermark. */
TEST(a_shard_is_not_ready_before_the_watermark_reaches_the_end_of_its_election)
{
    struct world *w = world_new();
    w->log.hold = true;
    put(w, "ab", &BATCH_OPTIONS_DEFAULT);
    put(w, "c", &BATCH_OPTIONS_DEFAULT);
    w->log.watermark = 2;
    load(w);
    assert_string_equal(w->journal, "a@0 b@1 ");
    assert_int_equal(w->loaded, 0);
    commit_up_to(w, 3);
    assert_string_equal(w->journal, "a@0 b@1 c@2 ");
    assert_int_equal(w->loaded, 1);
    world_free(w);
}

TEST(a_write_is_replayed_and_answered_when_it_has_committed)
{
    struct world *w = world_new();
    load(w);
    w->log.hold = true;
    struct write op = write_new();
    assert_int_equal(write(w, &op, "x"), KAFKA_NONE);
    sim_run_ms(w->sim, 10);
    assert_string_equal(w->journal, "");
    assert_int_equal(op.done, 0);
    commit_up_to(w, 1);
    assert_string_equal(w->journal, "x@0 ");
    assert_int_equal(op.done, 1);
    assert_int_equal(op.error, KAFKA_NONE);
    world_free(w);
}

TEST(with_one_replica_a_write_is_answered_in_the_same_turn_but_not_inside_the_call)
{
    struct world *w = world_new();
    load(w);
    struct write op = write_new();
    assert_int_equal(write(w, &op, "x"), KAFKA_NONE);
    assert_int_equal(op.done, 0);
    sim_run_ms(w->sim, 0);
    assert_int_equal(op.done, 1);
    world_free(w);
}

TEST(a_refused_write_leaves_no_trace)
{
    struct world *w = world_new();
    load(w);
    w->log.refuse = KAFKA_NOT_ENOUGH_REPLICAS;
    struct write op = write_new();
    assert_int_equal(write(w, &op, "x"), KAFKA_NOT_ENOUGH_REPLICAS);
    sim_run_ms(w->sim, 10000);
    assert_int_equal(op.done, 0);
    assert_string_equal(w->journal, "");
    world_free(w);
}

TEST(a_write_that_does_not_commit_in_time_is_answered_and_takes_effect_if_it_ever_does)
{
    struct world *w = world_new();
    load(w);
    w->log.hold = true;
    struct write op = write_new(), later = write_new();
    assert_int_equal(write(w, &op, "x"), KAFKA_NONE);
    sim_run_ms(w->sim, 3000);
    assert_int_equal(write(w, &later, "y"), KAFKA_NONE);
    sim_run_ms(w->sim, 2001);
    assert_int_equal(op.done, 1);
    assert_int_equal(op.error, KAFKA_REQUEST_TIMED_OUT);
    assert_int_equal(later.done, 0);
    commit_up_to(w, 2);
    assert_string_equal(w->journal, "x@0 y@1 ");
    assert_int_equal(op.done, 1);
    assert_int_equal(later.error, KAFKA_NONE);
    world_free(w);
}

/* While followers are away: those that have been answered stay in the log, and in the way. */
TEST(very_many_writes_are_answered_in_time_when_none_of_them_commits)
{
    enum { MANY = 60000 };
    struct world *w = world_new();
    load(w);
    w->log.hold = true;
    struct write *all = mem_zalloc(MANY, sizeof *all);
    for (int i = 0; i < MANY; i++) {
        all[i] = write_new();
        assert_int_equal(write(w, &all[i], "x"), KAFKA_NONE);
    }
    sim_run_ms(w->sim, 10000);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(all[i].done, 1);
        assert_int_equal(all[i].error, KAFKA_REQUEST_TIMED_OUT);
    }
    struct write last = write_new();
    assert_int_equal(write(w, &last, "y"), KAFKA_NONE);
    rsm_shard_unload(&w->shard);
    assert_int_equal(last.error, KAFKA_NOT_COORDINATOR);
    mem_free(all);
    world_free(w);
}

TEST(writes_in_flight_end_when_leadership_does)
{
    struct world *w = world_new();
    load(w);
    w->log.hold = true;
    struct write a = write_new(), b = write_new();
    assert_int_equal(write(w, &a, "a"), KAFKA_NONE);
    assert_int_equal(write(w, &b, "b"), KAFKA_NONE);
    rsm_shard_unload(&w->shard);
    assert_int_equal(a.error, KAFKA_NOT_COORDINATOR);
    assert_int_equal(b.error, KAFKA_NOT_COORDINATOR);
    w->log.watermark = 2;
    rsm_shard_high_watermark_moved(&w->shard);
    sim_run_ms(w->sim, 10000);
    assert_string_equal(w->journal, "");
    assert_int_equal(a.done, 1);
    world_free(w);
}

TEST(a_barrier_waits_for_the_writes_before_it)
{
    struct world *w = world_new();
    load(w);
    w->log.hold = true;
    struct write a = write_new(), barrier = write_new(), b = write_new();
    assert_int_equal(write(w, &a, "a"), KAFKA_NONE);
    assert_int_equal(rsm_shard_barrier(&w->shard, &barrier.write), KAFKA_NONE);
    assert_int_equal(write(w, &b, "b"), KAFKA_NONE);
    sim_run_ms(w->sim, 1);
    assert_int_equal(barrier.done, 0);
    commit_up_to(w, 1);
    assert_int_equal(barrier.done, 1);
    assert_int_equal(b.done, 0);
    world_free(w);
}

TEST(a_barrier_with_nothing_in_flight_passes)
{
    struct world *w = world_new();
    load(w);
    struct write barrier = write_new();
    assert_int_equal(rsm_shard_barrier(&w->shard, &barrier.write), KAFKA_NONE);
    sim_run_ms(w->sim, 1);
    assert_int_equal(barrier.done, 1);
    world_free(w);
}

TEST(a_long_log_is_loaded_in_bounded_steps)
{
    struct world *w = world_new();
    struct batch_builder b = {0};
    char *value = mem_zalloc(1, RSM_LOAD_STEP_BYTES / 2);
    for (int i = 0; i < 6; i++) {
        uint8_t *data;
        size_t len;
        batch_begin(&b, &BATCH_OPTIONS_DEFAULT);
        batch_add(&b, 7, bytes_of("k", 1), bytes_of(value, RSM_LOAD_STEP_BYTES / 2), NULL, 0);
        assert_ok(batch_finish(&b, NULL, &data, &len));
        memory_log_put(&w->log, data, len);
    }
    load(w);
    assert_string_equal(w->journal, "k@0 k@1 k@2 k@3 k@4 k@5 ");
    assert_true(w->log.reads >= 6);
    assert_int_equal(w->loaded, 1);
    mem_free(value);
    batch_builder_free(&b);
    world_free(w);
}

TEST(compressed_batches_and_transactions_are_understood)
{
    struct world *w = world_new();
    struct batch_options zstd = BATCH_OPTIONS_DEFAULT, open = BATCH_OPTIONS_DEFAULT;
    zstd.compression = COMPRESSION_ZSTD;
    open.attributes = BATCH_TRANSACTIONAL;
    open.producer_id = 9;
    open.producer_epoch = 0;
    put(w, "ab", &zstd);
    put(w, "c", &open);
    uint8_t marker[END_TXN_MARKER_BYTES];
    batch_build_end_txn_marker(marker, 7, 9, 0, true, 1);
    memory_log_put(&w->log, marker, sizeof marker);
    load(w);
    assert_string_equal(w->journal, "a@0 b@1 ?c@2 commit9 ");
    world_free(w);
}

TEST(what_is_written_may_be_compressed)
{
    struct world *w = world_new();
    w->shard.compression = COMPRESSION_LZ4;
    load(w);
    struct write op = write_new();
    assert_int_equal(write(w, &op, "x"), KAFKA_NONE);
    sim_run_ms(w->sim, 1);
    assert_int_equal(op.done, 1);
    assert_string_equal(w->journal, "x@0 ");
    struct batch_header h;
    assert_ok(batch_parse(bytes_of(w->log.bytes.data, w->log.bytes.len), &h));
    assert_int_equal(batch_compression(&h), COMPRESSION_LZ4);
    world_free(w);
}

TEST(an_unreadable_log_leaves_the_shard_failed_until_the_next_election)
{
    struct world *w = world_new();
    put(w, "a", &BATCH_OPTIONS_DEFAULT);
    w->log.bytes.data[w->log.bytes.len - 1] ^= 1; /* the checksum does not hold */
    load(w);
    sim_run_ms(w->sim, RSM_REREADS_MAX * RSM_REREAD_MS - 10);
    assert_int_equal(w->failed, 0);
    assert_int_equal(rsm_shard_admit(&w->shard), KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
    sim_run_ms(w->sim, 20);
    assert_int_equal(w->failed, 1);
    assert_int_equal(rsm_shard_admit(&w->shard), KAFKA_NOT_COORDINATOR);
    w->log.bytes.data[w->log.bytes.len - 1] ^= 1;
    rsm_shard_unload(&w->shard);
    rsm_shard_load(&w->shard, &w->log.log, 4);
    sim_run_ms(w->sim, 1);
    assert_int_equal(w->loaded, 1);
    world_free(w);
}

TEST(what_is_misread_once_is_read_again)
{
    struct world *w = world_new();
    put(w, "a", &BATCH_OPTIONS_DEFAULT);
    put(w, "b", &BATCH_OPTIONS_DEFAULT);
    w->log.bytes.data[w->log.bytes.len - 1] ^= 1; /* of the second */
    load(w);
    w->log.bytes.data[w->log.bytes.len - 1] ^= 1;
    assert_int_equal(w->loaded, 0);
    sim_run_ms(w->sim, RSM_REREAD_MS);
    assert_int_equal(w->loaded, 1);
    assert_string_equal(w->journal, "a@0 b@1 "); /* each once */
    world_free(w);
}

TEST(offsets_that_compaction_removed_at_the_end_do_not_stop_loading)
{
    struct world *w = world_new();
    put(w, "a", &BATCH_OPTIONS_DEFAULT);
    w->log.end = w->log.watermark = 5;
    load(w);
    assert_int_equal(w->loaded, 1);
    struct write op = write_new();
    assert_int_equal(write(w, &op, "x"), KAFKA_NONE);
    sim_run_ms(w->sim, 1);
    assert_string_equal(w->journal, "a@0 x@5 ");
    world_free(w);
}

TEST(too_much_in_flight_is_refused_before_the_log_is_touched)
{
    struct world *w = world_new();
    load(w);
    w->log.hold = true;
    static struct write ops[80];
    char *value = mem_zalloc(1, 1 << 20);
    struct rsm_record r = {bytes_of("k", 1), bytes_of(value, 1 << 20)};
    int32_t accepted = 0;
    enum kafka_error e = KAFKA_NONE;
    while (!e && accepted < 80) {
        ops[accepted] = write_new();
        e = rsm_shard_write(&w->shard, &ops[accepted].write, &r, 1, clock_wall(w->env->clock));
        if (!e) accepted++;
    }
    assert_int_equal(e, KAFKA_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(accepted, 63);
    assert_int_equal(w->log.appends, accepted);
    commit_up_to(w, w->log.end);
    assert_int_equal(ops[62].done, 1);
    mem_free(value);
    world_free(w);
}

TEST(append_errors_become_what_a_coordinators_client_may_be_told)
{
    assert_int_equal(rsm_client_error(KAFKA_UNKNOWN_TOPIC_OR_PARTITION), 15);
    assert_int_equal(rsm_client_error(KAFKA_NOT_ENOUGH_REPLICAS), 15);
    assert_int_equal(rsm_client_error(KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND), 15);
    assert_int_equal(rsm_client_error(KAFKA_REQUEST_TIMED_OUT), 15);
    assert_int_equal(rsm_client_error(KAFKA_NOT_LEADER_OR_FOLLOWER), 16);
    assert_int_equal(rsm_client_error(KAFKA_KAFKA_STORAGE_ERROR), 16);
    assert_int_equal(rsm_client_error(KAFKA_MESSAGE_TOO_LARGE), -1);
    assert_int_equal(rsm_client_error(KAFKA_ILLEGAL_GENERATION), 22);
}
