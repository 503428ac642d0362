/* Records into the metadata log: a leader's own, and what a leader sent.
 *
 * A leader's append is in the log when it returns. The sync that makes it count, and the answers to
 * followers that wait, come at once when nothing is under way, so a lone change is never held up.
 * While records are under way, what follows gathers until those have committed, for
 * append.linger.ms at most. One sync at a time; what it covered is told to the core. A follower
 * syncs at once what it got, and fetches on when that is done. */
#include "base/mem.h"
#include "protocol/kraft_version_record.h"
#include "protocol/leader_change_message.h"
#include "quorum/internal.h"

/* ---- syncing */

static void flushed(struct log_flush *flush)
{
    struct quorum *q = CONTAINER_OF(flush, struct quorum, flush);
    if (q->failed || flush->result == ERR_CLOSED) return;
    if (quorum_error_passes(flush->result)) { /* nothing is acknowledged meanwhile */
        q->held_flush = true;
        quorum_hold(q);
        return;
    }
    if (flush->result) {
        quorum_fail(q, "the metadata log cannot be synced");
        return;
    }
    int64_t durable = flush->offset;
    if (q->drained_end > durable && log_end_offset(q->log) > durable) quorum_start_flush(q);
    raft_durable(q->raft, quorum_now_ms(q), durable);
    quorum_step(q);
}

void quorum_start_flush(struct quorum *q)
{
    q->drained_end = log_end_offset(q->log);
    if (!log_flush_pending(&q->flush)) log_flush_start(q->log, &q->flush, flushed);
}

void quorum_linger_fired(struct timer *t)
{
    struct quorum *q = CONTAINER_OF(t, struct quorum, linger);
    q->drained = clock_mono(q->env.clock);
    quorum_start_flush(q);
    task_post(q->env.clock, &q->look);
}

/* This leader has appended. */
static void appended(struct quorum *q)
{
    if (timer_armed(&q->linger)) return;
    int64_t left =
        q->options.append_linger_ms - mono_elapsed_ms(clock_mono(q->env.clock), q->drained);
    if (q->high_watermark >= q->drained_end || left <= 0)
        quorum_linger_fired(&q->linger);
    else
        timer_arm_in_ms(q->env.clock, &q->linger, left);
}

void quorum_gathered(struct quorum *q)
{
    if (!timer_armed(&q->linger) || q->high_watermark < q->drained_end) return;
    timer_cancel(q->env.clock, &q->linger);
    quorum_linger_fired(&q->linger);
}

/* ---- a leader's own */

static enum err append_bytes(struct quorum *q, uint8_t *data, size_t len)
{
    struct append_options options = {.origin = APPEND_FROM_RAFT,
                                     .leader_epoch = raft_epoch(q->raft)};
    struct append_result result;
    log_append_as_leader(q->log, data, len, &options, &result);
    if (result.error == APPEND_NO_SPACE) return ERR_NO_SPACE; /* the log is as it was */
    if (result.error) {
        quorum_fail(q, "the metadata log cannot be written");
        return ERR_IO;
    }
    q->bytes_since_snapshot += (int64_t)len;
    return ERR_OK;
}

static void begin_batch(struct quorum *q, int16_t attributes)
{
    struct batch_options options = BATCH_OPTIONS_DEFAULT;
    options.leader_epoch = raft_epoch(q->raft);
    options.attributes = attributes;
    batch_begin(&q->builder, &options);
}

/* The batch in the builder goes behind those that are finished. */
static void finish_batch(struct quorum *q, struct byte_buffer *finished)
{
    uint8_t *data;
    size_t len;
    enum err e = batch_finish(&q->builder, NULL, &data, &len);
    POST(!e); /* nothing is compressed */
    byte_buffer_put(finished, data, len);
    begin_batch(q, 0);
}

/* All records as whole batches, appended by one call: all or none (S18). Err: TOO_LARGE. */
static enum err build(struct quorum *q, const struct metadata_record *records, int32_t count,
                      bool atomic, struct byte_buffer *finished)
{
    int64_t now = clock_wall(q->env.clock).ms;
    struct out out;
    out_init(&out);
    uint8_t *flat = NULL;
    enum err e = ERR_OK;
    begin_batch(q, 0);
    for (int32_t i = 0; i < count && !e; i++) {
        out_reset(&out);
        metadata_record_encode(&records[i], &out);
        flat = mem_realloc(flat, (size_t)out.len);
        out_flatten(&out, flat);
        struct bytes value = bytes_of(flat, (size_t)out.len);
        size_t size = batch_record_size(&q->builder, now, BYTES_NULL, value, NULL, 0);
        if (batch_size(&q->builder) + size > QUORUM_BATCH_BYTES_MAX) {
            if (atomic || q->builder.count == 0 ||
                BATCH_HEADER_BYTES + size > QUORUM_BATCH_BYTES_MAX)
                e = ERR_TOO_LARGE;
            else
                finish_batch(q, finished);
        }
        if (!e) batch_add(&q->builder, now, BYTES_NULL, value, NULL, 0);
    }
    if (!e && q->builder.count > 0) finish_batch(q, finished);
    mem_free(flat);
    out_free(&out);
    return e;
}

enum err quorum_append(struct quorum *q, int32_t epoch, const struct metadata_record *records,
                       int32_t count, bool atomic, int64_t *first_offset)
{
    if (!quorum_is_leader(q) || epoch != raft_epoch(q->raft) || q->failed) return ERR_NOT_LEADER;
    *first_offset = log_end_offset(q->log);
    struct byte_buffer finished = {0};
    enum err e = build(q, records, count, atomic, &finished);
    if (!e && finished.len > 0) e = append_bytes(q, finished.data, finished.len);
    if (!e && finished.len > 0) appended(q);
    byte_buffer_free(&finished);
    return e;
}

/* ---- control batches */

static void add_control(struct quorum *q, enum control_type type, const struct message *message,
                        const void *value)
{
    struct out out;
    out_init(&out);
    message->encode(value, 0, &out);
    uint8_t *flat = mem_alloc((size_t)out.len);
    out_flatten(&out, flat);
    batch_add_control(&q->builder, clock_wall(q->env.clock).ms, type,
                      bytes_of(flat, (size_t)out.len));
    mem_free(flat);
    out_free(&out);
}

static void add_kraft_version(struct quorum *q, int16_t level)
{
    struct kraft_version_record version;
    kraft_version_record_init(&version);
    version.kraft_version = level;
    add_control(q, CONTROL_KRAFT_VERSION, &kraft_version_record_message, &version);
}

static void add_leader_change(struct quorum *q)
{
    struct arena arena;
    arena_init(&arena, 0);
    const struct voters_record *voters = raft_voters(q->raft);
    int32_t granting_max = voters->voters_count + 1;
    int32_t *granting = ARENA_ARRAY(&arena, int32_t, granting_max);
    struct leader_change_message change;
    leader_change_message_init(&change);
    change.leader_id = q->options.node_id;
    change.voters_count = voters->voters_count;
    change.voters = leader_change_message_voter_new(&arena, change.voters_count);
    for (int32_t i = 0; i < change.voters_count; i++)
        change.voters[i].voter_id = voters->voters[i].voter_id;
    change.granting_voters_count = raft_granting(q->raft, granting, granting_max);
    change.granting_voters = leader_change_message_voter_new(&arena, change.granting_voters_count);
    for (int32_t i = 0; i < change.granting_voters_count; i++)
        change.granting_voters[i].voter_id = granting[i];
    add_control(q, CONTROL_LEADER_CHANGE, &leader_change_message_message, &change);
    arena_free(&arena);
}

/* The control batch in the builder, whose last records are kraft.version (>= 0) and voters (not
 * NULL), told to the core as in force from their offsets on. */
static enum err append_control(struct quorum *q, int16_t kraft_version,
                               const struct voters_record *voters)
{
    struct byte_buffer finished = {0};
    finish_batch(q, &finished);
    enum err e = append_bytes(q, finished.data, finished.len);
    byte_buffer_free(&finished);
    if (e) return e;
    int64_t now = quorum_now_ms(q), end = log_end_offset(q->log);
    if (kraft_version >= 0)
        raft_kraft_version_at(q->raft, now, end - (voters ? 2 : 1), kraft_version);
    if (voters) raft_voters_at(q->raft, now, end - 1, voters);
    appended(q);
    return ERR_OK;
}

enum err quorum_append_leader_change(struct quorum *q, bool with_voters)
{
    begin_batch(q, BATCH_CONTROL);
    add_leader_change(q);
    if (!with_voters) return append_control(q, -1, NULL);
    int16_t level = raft_kraft_version(q->raft);
    const struct voters_record *voters = raft_voters_wanted(q->raft);
    add_kraft_version(q, level);
    add_control(q, CONTROL_KRAFT_VOTERS, &voters_record_message, voters);
    return append_control(q, level, voters);
}

enum err quorum_append_voters(struct quorum *q, int16_t kraft_version)
{
    const struct voters_record *voters = raft_voters_wanted(q->raft);
    begin_batch(q, BATCH_CONTROL);
    if (kraft_version >= 0) add_kraft_version(q, kraft_version);
    add_control(q, CONTROL_KRAFT_VOTERS, &voters_record_message, voters);
    return append_control(q, kraft_version, voters);
}

/* ---- what a leader sent */

struct following {
    struct quorum *quorum;
    int64_t end;
};

static enum err followed_record(void *context, const struct batch_header *h, const struct record *r)
{
    struct following *f = context;
    int16_t type;
    if (r->offset >= f->end || !batch_is(h, BATCH_CONTROL)) return ERR_OK;
    enum err e = control_record_type(r->key, &type);
    return e ? e : quorum_tell_control(f->quorum, r->offset, type, r->value);
}

/* Whole batches at the front, of those that were appended. */
static struct bytes appended_batches(struct bytes batches, int64_t end)
{
    int64_t len = 0;
    while (len < batches.len) {
        struct batch_header h;
        if (batch_parse(bytes_of(batches.data + len, (size_t)(batches.len - len)), &h)) break;
        if (h.base_offset >= end) break;
        len += h.size;
    }
    return bytes_of(batches.data, (size_t)len);
}

void quorum_set_held_back(struct quorum *q, bool held_back)
{
    if (q->held_back == held_back) return;
    q->held_back = held_back;
    if (q->events.held_back) q->events.held_back(q->events.owner, held_back);
}

bool quorum_follow(struct quorum *q, struct bytes batches)
{
    struct batch_header first;
    int64_t before = log_end_offset(q->log);
    if (batch_parse(batches, &first) || first.base_offset != before) {
        trace_warn(q->env.trace, "org.apache.kafka.raft.KafkaRaftClient",
                   "[RaftManager id=%d] What the leader sent does not begin at offset %lld",
                   q->options.node_id, (long long)before);
        return false;
    }
    struct append_result result;
    log_append_as_follower(q->log, batches.data, (size_t)batches.len, raft_epoch(q->raft), &result);
    if (result.error == APPEND_STORAGE) {
        quorum_fail(q, "the metadata log cannot be written");
        return false;
    }
    if (result.error) {
        trace_warn(q->env.trace, "org.apache.kafka.raft.KafkaRaftClient",
                   "[RaftManager id=%d] What the leader sent could not be appended at offset %lld: "
                   "%s",
                   q->options.node_id, (long long)before,
                   result.message ? result.message : "no space left on device");
        q->unstored = result.error == APPEND_NO_SPACE;
        if (q->unstored) quorum_set_held_back(q, true);
        return false;
    }
    struct following f = {.quorum = q, .end = log_end_offset(q->log)};
    if (f.end == before) return true; /* all of a later epoch than ours */
    struct bytes taken = appended_batches(batches, f.end);
    q->bytes_since_snapshot += taken.len;
    if (quorum_each_record(taken, followed_record, &f)) {
        quorum_fail(q, "the metadata log holds a control record that cannot be understood");
        return false;
    }
    quorum_start_flush(q);
    return true;
}
