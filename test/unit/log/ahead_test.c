/* Batches that are written together with the one before them (log/log_ahead.h). */
#include "test.h"

#include <stdio.h>

#include "base/mem.h"
#include "log_world.h"

enum { BATCHES_MAX = 8, RECORDS = 3 };

/* What a client has sent: batches in memory of their own, and the first ones' followers. */
struct sent {
    uint8_t *data[BATCHES_MAX];
    size_t len[BATCHES_MAX];
    int32_t count;
};

static void send_batch(struct log_world *w, struct sent *s, const struct built *b)
{
    uint8_t *data;
    world_build(w, b, &data, &s->len[s->count]);
    s->data[s->count] = mem_dup(data, s->len[s->count]);
    s->count++;
}

static struct built plain(struct log_world *w)
{
    return (struct built){.count = RECORDS, .timestamp = clock_wall(w->env->clock).ms};
}

static void send_plain(struct log_world *w, struct sent *s, int32_t count)
{
    struct built b = plain(w);
    for (int32_t i = 0; i < count; i++) send_batch(w, s, &b);
}

static void sent_free(struct sent *s)
{
    for (int32_t i = 0; i < s->count; i++) mem_free(s->data[i]);
    *s = (struct sent){0};
}

static struct append_ahead behind(const struct sent *s, int32_t i)
{
    struct append_ahead a = {0};
    while (++i < s->count) a.batches[a.count++] = bytes_of(s->data[i], s->len[i]);
    return a;
}

static enum append_error append(struct log_world *w, const struct sent *s, int32_t i, bool foreseen)
{
    struct append_ahead ahead = behind(s, i);
    struct append_options o = {.origin = APPEND_FROM_CLIENT,
                               .leader_epoch = 1,
                               .arena = &w->arena,
                               .ahead = foreseen ? NULL : &ahead,
                               .foreseen = foreseen};
    log_append_as_leader(w->log, s->data[i], s->len[i], &o, &w->result);
    return w->result.error;
}

/* The first one: so many are written with it. */
static void append_first(struct log_world *w, const struct sent *s, int32_t ahead)
{
    assert_int_equal(append(w, s, 0, false), APPEND_OK);
    assert_int_equal(w->result.ahead, ahead);
}

static int64_t file_size(struct log_world *w, int64_t base_offset)
{
    char path[64];
    struct disk_stat st;
    snprintf(path, sizeof path, "/d/t-0/%020lld.log", (long long)base_offset);
    assert_ok(disk_stat(w->env->disk, path, &st));
    return st.size;
}

static struct bytes file_bytes(struct log_world *w)
{
    struct bytes all;
    assert_ok(
        disk_read_file(w->env->disk, "/d/t-0/00000000000000000000.log", 1 << 20, &w->arena, &all));
    return all;
}

static void configure(struct log_world *w, void (*change)(struct log_config *))
{
    struct log_config *c = log_config_copy(w->config);
    change(c);
    log_set_config(w->log, c);
    log_config_unref(c);
}

TEST(what_follows_is_written_with_the_first_and_appended_one_by_one)
{
    struct log_world w, alone;
    struct sent s = {0}, t = {0};
    world_init(&w, 1);
    world_init(&alone, 1);
    send_plain(&w, &s, 4);
    send_plain(&alone, &t, 4);
    append_first(&w, &s, 3);
    assert_int_equal(log_end_offset(w.log), RECORDS); /* what was not appended is not there */
    assert_int_equal(log_size_bytes(w.log), (int64_t)s.len[0]);
    assert_int_equal(file_size(&w, 0), (int64_t)(4 * s.len[0]));
    assert_int_equal(world_read_all(&w), RECORDS);
    for (int32_t i = 1; i < 4; i++) {
        int64_t before = sim_disk_ops(w.node);
        assert_int_equal(append(&w, &s, i, true), APPEND_OK);
        assert_int_equal(sim_disk_ops(w.node), before); /* no call for it */
        assert_int_equal(w.result.base_offset, i * RECORDS);
        assert_int_equal(w.result.ahead, 0);
        assert_int_equal(log_end_offset(w.log), (i + 1) * RECORDS);
    }
    for (int32_t i = 0; i < 4; i++) {
        struct append_options o = {
            .origin = APPEND_FROM_CLIENT, .leader_epoch = 1, .arena = &alone.arena};
        log_append_as_leader(alone.log, t.data[i], t.len[i], &o, &alone.result);
        assert_int_equal(alone.result.error, APPEND_OK);
    }
    struct bytes a = file_bytes(&w), b = file_bytes(&alone);
    assert_int_equal(a.len, b.len); /* the same file, byte for byte */
    assert_memory_equal(a.data, b.data, (size_t)a.len);
    sim_run_ms(w.sim, 10);
    assert_int_equal(world_read_all(&w), 4 * RECORDS);
    send_plain(&w, &s, 1);
    assert_int_equal(append(&w, &s, 4, false), APPEND_OK);
    world_reopen_clean(&w);
    assert_int_equal(world_read_all(&w), 5 * RECORDS);
    sent_free(&s);
    sent_free(&t);
    world_free(&w);
    world_free(&alone);
}

static void end_turn(struct log_world *w, const struct sent *s)
{
    (void)s;
    sim_run_ms(w->sim, 1);
}

static void append_another(struct log_world *w, const struct sent *s)
{
    assert_int_equal(append(w, s, 2, false), APPEND_OK);
    assert_int_equal(w->result.base_offset, RECORDS);
    end_turn(w, s); /* some of those behind it, too */
}

static void foresee_another(struct log_world *w, const struct sent *s)
{
    assert_int_equal(append(w, s, 2, true), APPEND_OK);
    assert_int_equal(w->result.base_offset, RECORDS);
}

static void append_as_raft(struct log_world *w, const struct sent *s)
{
    struct append_options o = {.origin = APPEND_FROM_RAFT, .leader_epoch = 1};
    log_append_as_leader(w->log, s->data[3], s->len[3], &o, &w->result);
    assert_int_equal(w->result.error, APPEND_OK);
}

static void append_as_follower(struct log_world *w, const struct sent *s)
{
    batch_set_base_offset(s->data[3], RECORDS);
    log_append_as_follower(w->log, s->data[3], s->len[3], -1, &w->result);
    assert_int_equal(w->result.error, APPEND_OK);
}

static void begin_segment(struct log_world *w, const struct sent *s)
{
    (void)s;
    assert_ok(log_roll(w->log));
}

static void cut_nothing(struct log_world *w, const struct sent *s)
{
    (void)s;
    assert_ok(log_truncate_to(w->log, RECORDS));
}

static void close_and_open(struct log_world *w, const struct sent *s)
{
    (void)s;
    world_reopen_clean(w);
}

TEST(what_was_written_ahead_and_is_not_appended_next_is_cut_off)
{
    static void (*const nexts[])(struct log_world *, const struct sent *) = {
        end_turn,           append_another, foresee_another, append_as_raft,
        append_as_follower, begin_segment,  cut_nothing,     close_and_open,
    };
    for (size_t i = 0; i < sizeof nexts / sizeof *nexts; i++) {
        struct log_world w;
        struct sent s = {0};
        world_init(&w, i);
        send_plain(&w, &s, 5);
        append_first(&w, &s, 4);
        nexts[i](&w, &s);
        int64_t appended = log_end_offset(w.log) / RECORDS;
        assert_int_equal(file_size(&w, 0), appended * (int64_t)s.len[0]);
        assert_int_equal(world_read_all(&w), appended * RECORDS);
        assert_int_equal(append(&w, &s, 1, true), APPEND_OK); /* its bytes are not there any more */
        assert_int_equal(log_end_offset(w.log), (appended + 1) * RECORDS);
        assert_int_equal(world_read_all(&w), (appended + 1) * RECORDS);
        world_reopen_clean(&w);
        assert_int_equal(world_read_all(&w), (appended + 1) * RECORDS);
        sent_free(&s);
        world_free(&w);
    }
}

static void compacts(struct log_config *c)
{
    c->cleanup_compact = true;
}

static void stamps(struct log_config *c)
{
    c->log_append_time = true;
}

static void recompresses(struct log_config *c)
{
    c->compression_producer = false;
    c->compression = COMPRESSION_LZ4;
}

static void preallocates(struct log_config *c)
{
    c->preallocate = true;
}

TEST(topics_with_rules_of_their_own_have_nothing_written_ahead)
{
    static void (*const changes[])(struct log_config *) = {compacts, stamps, recompresses,
                                                           preallocates};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct log_world w;
        struct sent s = {0};
        world_init(&w, i);
        configure(&w, changes[i]);
        send_plain(&w, &s, 3);
        append_first(&w, &s, 0);
        assert_int_equal(append(&w, &s, 1, true), APPEND_OK);
        assert_int_equal(world_read_all(&w), 2 * RECORDS);
        sent_free(&s);
        world_free(&w);
    }
}

/* Sends what is fine, then what `spoil` has changed, then what is fine. */
static void expect_ahead(const struct built *second, void (*spoil)(uint8_t *, size_t),
                         int32_t ahead)
{
    struct log_world w;
    struct sent s = {0};
    world_init(&w, 1);
    struct built first = plain(&w), changed = second ? *second : first;
    changed.count = RECORDS;
    if (second) changed.timestamp += first.timestamp;
    if (changed.producer_id) first.producer_id = 7; /* of sequence 0 */
    send_batch(&w, &s, &first);
    send_batch(&w, &s, &changed);
    if (spoil) spoil(s.data[1], s.len[1]);
    send_batch(&w, &s, &first);
    append_first(&w, &s, ahead);
    assert_int_equal(log_end_offset(w.log), RECORDS);
    sent_free(&s);
    world_free(&w);
}

static void garble(uint8_t *data, size_t len)
{
    data[len - 1] ^= 1;
}

static void name_offset(uint8_t *data, size_t len)
{
    (void)len;
    batch_set_base_offset(data, 1);
}

static void lengthen(uint8_t *data, size_t len)
{
    store_be32(data + 8, (uint32_t)len);
}

TEST(only_batches_that_would_be_taken_next_are_written_ahead)
{
    expect_ahead(NULL, NULL, 2);
    expect_ahead(NULL, garble, 0);
    expect_ahead(NULL, name_offset, 0);
    expect_ahead(NULL, lengthen, 0);
    expect_ahead(&(struct built){.compression = COMPRESSION_LZ4}, NULL, 2);
    expect_ahead(&(struct built){.attributes = BATCH_CONTROL}, NULL, 0);
    expect_ahead(&(struct built){.timestamp = INT64_C(1) << 40}, NULL, 0);
    /* the third one begins at sequence 0 again */
    expect_ahead(&(struct built){.producer_id = 7, .sequence = RECORDS}, NULL, 1);
    expect_ahead(&(struct built){.producer_id = 7, .sequence = 0}, NULL, 0); /* a retry */
    expect_ahead(&(struct built){.producer_id = 7, .sequence = RECORDS + 1}, NULL, 0);
    expect_ahead(&(struct built){.producer_id = 8, .sequence = RECORDS}, NULL, 0);
    expect_ahead(&(struct built){.producer_id = 7, .sequence = RECORDS, .producer_epoch = 1}, NULL,
                 0);
    expect_ahead(
        &(struct built){.producer_id = 7, .sequence = RECORDS, .attributes = BATCH_TRANSACTIONAL},
        NULL, 0);
}

static void small_segments(struct log_config *c)
{
    c->segment_bytes = 1024;
}

TEST(nothing_is_written_ahead_beyond_the_end_of_a_segment)
{
    struct log_world w;
    struct sent s = {0};
    world_init(&w, 1);
    configure(&w, small_segments);
    send_plain(&w, &s, 4);
    int32_t fit = 1024 / (int32_t)s.len[0];
    assert_true(fit > 1 && fit < 4);
    append_first(&w, &s, fit - 1);
    for (int32_t i = 1; i < 4; i++) {
        assert_int_equal(append(&w, &s, i, i < fit), APPEND_OK);
        assert_int_equal(w.result.rolled, i == fit);
    }
    sim_run_ms(w.sim, 10);
    assert_int_equal(file_size(&w, 0), fit * (int64_t)s.len[0]);
    assert_int_equal(file_size(&w, fit * RECORDS), (4 - fit) * (int64_t)s.len[0]);
    assert_int_equal(world_read_all(&w), 4 * RECORDS);
    sent_free(&s);
    world_free(&w);
}

TEST(where_there_is_room_for_the_first_only_it_is_taken_and_the_next_is_refused)
{
    struct log_world w;
    struct sent s = {0};
    world_init(&w, 1);
    world_append_ok(&w, RECORDS);
    send_plain(&w, &s, 3);
    sim_disk_budget(w.node, sim_disk_used(w.node) + (int64_t)s.len[0] + 10);
    append_first(&w, &s, 0);
    assert_int_equal(append(&w, &s, 1, false), APPEND_NO_SPACE);
    assert_int_equal(file_size(&w, 0), log_size_bytes(w.log));
    sim_disk_budget(w.node, -1);
    batch_set_base_offset(s.data[1], 0); /* as its client sends it again */
    assert_int_equal(append(&w, &s, 1, false), APPEND_OK);
    assert_int_equal(w.result.ahead, 1);
    assert_int_equal(append(&w, &s, 2, true), APPEND_OK);
    assert_int_equal(world_read_all(&w), 4 * RECORDS);
    sent_free(&s);
    world_free(&w);
}

/* A process that dies in between, whatever of it was written: what was taken is there, what is
 * there is whole, and the producer goes on with what follows. */
TEST(a_crash_leaves_whole_batches_in_order)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct log_world w;
        struct sent s = {0};
        world_init(&w, seed);
        struct built b = plain(&w);
        b.producer_id = 7;
        for (int i = 0; i < 5; i++, b.sequence += RECORDS) send_batch(&w, &s, &b);
        append_first(&w, &s, 4);
        int32_t taken = 1 + (int32_t)(seed % 3);
        for (int32_t i = 1; i < taken; i++) assert_int_equal(append(&w, &s, i, true), APPEND_OK);
        bool power = seed >= 10;
        if (power) assert_ok(log_flush(w.log));
        if (power)
            world_power_loss(&w, SIM_LOSS_RANDOM);
        else
            world_crash(&w);
        assert_ok(world_open(&w));
        int64_t there = log_end_offset(w.log) / RECORDS;
        assert_true(there >= taken && there <= 5);
        assert_int_equal(world_read_all(&w), there * RECORDS);
        b.sequence = (int32_t)there * RECORDS;
        assert_int_equal(world_append(&w, &b), APPEND_OK);
        assert_false(w.result.duplicate);
        sent_free(&s);
        world_free(&w);
    }
}

/* The n-th operation of the disk fails, for n = 1, 2, 3 … until the body runs clean. */
TEST(whichever_operation_fails_what_was_taken_stays)
{
    static const enum err errors[] = {ERR_IO, ERR_NO_SPACE, ERR_NO_DESCRIPTORS};
    for (int k = 0; k < 3; k++) {
        bool clean = false;
        for (int64_t n = 1; !clean; n++) {
            struct log_world w;
            struct sent s = {0};
            int64_t taken = 0;
            assert_true(n < 100);
            world_init(&w, (uint64_t)n);
            send_plain(&w, &s, 4);
            int64_t failed = sim_disk_failed(w.node);
            sim_disk_fail(w.node, k == 1 ? SIM_WRITE : SIM_ANY, n, errors[k], false);
            int32_t ahead = 0;
            for (int32_t i = 0; i < 3; i++) { /* the fourth one never comes */
                bool foreseen = ahead > 0;
                if (append(&w, &s, i, foreseen) == APPEND_OK) taken++;
                ahead = foreseen ? ahead - 1 : w.result.ahead;
            }
            sim_run_ms(w.sim, 1);
            clean = sim_disk_failed(w.node) == failed;
            sim_disk_fail(w.node, SIM_ANY, 0, ERR_OK, false);
            if (!w.offline) {
                assert_int_equal(log_end_offset(w.log), taken * RECORDS);
                assert_int_equal(world_read_all(&w), taken * RECORDS);
            }
            if (clean) assert_int_equal(taken, 3);
            world_crash(&w);
            assert_ok(world_open(&w));
            assert_true(log_end_offset(w.log) >= taken * RECORDS);
            assert_int_equal(world_read_all(&w), log_end_offset(w.log));
            sent_free(&s);
            world_free(&w);
        }
    }
}
