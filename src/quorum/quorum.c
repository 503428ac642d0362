/* A quorum of one.
 *
 *   opened ── quorum_start ──> LEADER ── quorum_resign ──> RESIGNED
 *                                ^                            │
 *                                └── an election timeout later, until it works
 *
 * LEADER: of epoch + 1, voted for itself, durable.
 *
 * The one voter leads a new epoch at each start: it writes quorum-state, then LeaderChange (and, in
 * the first epoch of a dynamic quorum, kraft.version and voters) as the epoch's first batch.
 * Appends go to the page cache at once; one sync at a time covers all that was appended before it
 * began; what it covered has committed. A configuration with more voters is refused at
 * quorum_open. */
#include "quorum/quorum.h"

#include <stdio.h>

#include "base/mem.h"
#include "protocol/describe_quorum.h"
#include "protocol/error.h"
#include "protocol/kraft_version_record.h"
#include "protocol/leader_change_message.h"
#include "quorum/quorum_state.h"
#include "quorum/snapshot_file.h"
#include "rpc/request.h"

enum {
    BATCH_BYTES_MAX = 8 << 20,
    READ_BYTES = 1 << 20,
    ELECTION_TIMEOUT_MS = 1000,
};

struct quorum {
    struct env env;
    struct log_dir *dir;
    struct log *log;
    struct quorum_options options;
    struct quorum_events events;
    const char *directory; /* __cluster_metadata-0 */
    const char *state_path;
    struct arena paths;
    int32_t epoch;
    bool leading, failed;
    bool closed; /* freed when the sync in flight has ended */
    int64_t high_watermark;
    int64_t epoch_start;
    int16_t kraft_version;
    struct voters_record voters;
    struct arena voters_arena;
    bool voters_in_log; /* KRAFT_VOTERS stands in the log or in a real snapshot, not only in 0-0 */
    struct snapshot_id snapshot; /* the newest; end_offset 0: none but perhaps 0-0 */
    int64_t bytes_since_snapshot;
    struct mono_time snapshot_taken;
    struct list_node subscribers;
    struct batch_builder builder;
    struct log_flush flush;
    bool flushing;
    struct task deliver;
    struct timer snapshot_timer;
    struct timer election; /* armed while resigned */
    struct task resigned;  /* to be told from the loop */
};

/* ---- recovery */

static enum err take_voters(struct quorum *q, struct bytes value)
{
    arena_reset(&q->voters_arena);
    struct bytes copy = arena_bytes(&q->voters_arena, value);
    struct cursor in = cursor_of_bytes(copy);
    enum err e = voters_record_decode(&q->voters, 0, &in, &q->voters_arena);
    return e ? e : cursor_finish(&in);
}

static enum err take_control(void *context, int16_t type, struct bytes value)
{
    struct quorum *q = context;
    if (type == CONTROL_KRAFT_VOTERS) return take_voters(q, value);
    if (type != CONTROL_KRAFT_VERSION) return ERR_OK;
    struct kraft_version_record version;
    struct arena arena;
    arena_init(&arena, 0);
    struct cursor in = cursor_of_bytes(value);
    enum err e = kraft_version_record_decode(&version, 0, &in, &arena);
    arena_free(&arena);
    if (!e) q->kraft_version = version.kraft_version;
    return e;
}

/* Calls `seen` for every record of whole batches. */
typedef enum err batch_record_fn(void *context, const struct batch_header *h,
                                 const struct record *r);

static enum err each_record(struct bytes batches, batch_record_fn *seen, void *context)
{
    while (batches.len > 0) {
        struct batch_header h;
        enum err e = batch_parse(batches, &h);
        if (e) return ERR_CORRUPT;
        if (!batch_crc_ok(batches.data, &h)) return ERR_CRC;
        struct record_iterator it;
        record_iterator_init(
            &it, &h,
            bytes_of(batches.data + BATCH_HEADER_BYTES, (size_t)(h.size - BATCH_HEADER_BYTES)));
        for (;;) {
            struct record r;
            bool more;
            e = record_iterator_next(&it, &r, &more);
            if (!e && more) e = seen(context, &h, &r);
            if (e) return e;
            if (!more) break;
        }
        batches.data += h.size;
        batches.len -= h.size;
    }
    return ERR_OK;
}

static enum err scan_record(void *context, const struct batch_header *h, const struct record *r)
{
    struct quorum *q = context;
    int16_t type;
    if (!batch_is(h, BATCH_CONTROL)) return ERR_OK;
    enum err e = control_record_type(r->key, &type);
    if (e) return e;
    if (type == CONTROL_KRAFT_VOTERS) q->voters_in_log = true;
    return take_control(q, type, r->value);
}

/* Voters and kraft.version as the log's end has them. */
static enum err scan_log(struct quorum *q)
{
    struct arena arena;
    arena_init(&arena, 0);
    int64_t at = log_start_offset(q->log);
    enum err e = ERR_OK;
    while (!e && at < log_end_offset(q->log)) {
        struct bytes batches;
        arena_reset(&arena);
        e = log_read_batches(q->log, at, log_end_offset(q->log), READ_BYTES, &arena, &batches);
        if (e || batches.len <= 0) break;
        e = each_record(batches, scan_record, q);
        for (int64_t done = 0; !e && done < batches.len;) {
            struct batch_header h;
            e = batch_parse(bytes_of(batches.data + done, (size_t)(batches.len - done)), &h);
            if (e) break;
            at = batch_last_offset(&h) + 1;
            done += h.size;
        }
    }
    arena_free(&arena);
    return e;
}

static enum err recover_snapshots(struct quorum *q)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct snapshot_id *ids;
    int32_t count;
    enum err e = snapshot_files_list(q->env.disk, q->directory, &arena, &ids, &count);
    struct snapshot_reader reader = {.context = q, .control = take_control};
    if (!e && count > 0) {
        q->snapshot = ids[count - 1];
        e = snapshot_file_read(q->env.disk, snapshot_file_path(&arena, q->directory, q->snapshot),
                               &reader);
        q->voters_in_log = q->snapshot.end_offset > 0 && q->voters.voters_count > 0;
    }
    arena_free(&arena);
    if (e) return e;
    bool ahead = q->snapshot.end_offset > log_end_offset(q->log) ||
                 q->snapshot.epoch > log_latest_epoch(q->log);
    if (q->snapshot.end_offset > 0 && ahead)
        e = log_truncate_fully_and_start_at(q->log, q->snapshot.end_offset);
    if (!e && log_start_offset(q->log) > q->snapshot.end_offset) e = ERR_CORRUPT;
    return e;
}

/* A fixed quorum is the configuration's; one voter only. */
static const char *check_voters(struct quorum *q)
{
    const struct quorum_options *o = &q->options;
    if (!o->is_controller)
        return "this release runs combined nodes only (process.roles=broker,controller)";
    if (q->voters.voters_count == 0 && o->voters_count > 0) {
        if (o->voters_count > 1 || o->voters[0].id != o->node_id)
            return "this release serves a quorum of one voter: controller.quorum.voters names "
                   "others";
        return NULL;
    }
    if (q->voters.voters_count == 0)
        return "no voters are known: format this directory with --standalone";
    if (q->voters.voters_count > 1)
        return "this release serves a quorum of one voter: this directory was formatted with more";
    if (q->voters.voters[0].voter_id != o->node_id ||
        !uuid_equal(q->voters.voters[0].voter_directory_id, o->directory_id))
        return "this node is not the quorum's voter";
    return NULL;
}

static void deliver_committed(struct task *t);
static void snapshot_timer_fired(struct timer *t);
static void election_due(struct timer *t);
static void tell_resigned(struct task *t);

static enum err recover(struct quorum *q, const char **why)
{
    struct log_config *config = log_config_new();
    config->segment_bytes = q->options.segment_bytes;
    config->segment_ms = q->options.segment_ms;
    config->cleanup_delete = false;
    enum err e = log_dir_open_metadata_log(q->dir, config, &q->log);
    log_config_unref(config);
    *why = "the metadata log cannot be opened";
    if (!e) e = recover_snapshots(q);
    if (e) return e;
    *why = "the metadata log cannot be read";
    e = scan_log(q);
    struct quorum_state state = {0};
    if (!e) {
        *why = "quorum-state cannot be read";
        e = quorum_state_read(q->env.disk, q->state_path, &state);
    }
    if (e) return e;
    int32_t last = log_latest_epoch(q->log);
    if (q->snapshot.epoch > last) last = q->snapshot.epoch; /* the log may begin behind it, empty */
    q->epoch = state.leader_epoch > last ? state.leader_epoch : last;
    if (q->epoch < 0) q->epoch = 0;
    *why = check_voters(q);
    return *why ? ERR_INVALID : ERR_OK;
}

enum err quorum_open(const struct env *env, struct log_dir *dir,
                     const struct quorum_options *options, const struct quorum_events *events,
                     struct quorum **out, const char **why)
{
    struct quorum *q = MEM_NEW(struct quorum);
    q->env = *env;
    q->dir = dir;
    q->options = *options;
    q->events = *events;
    arena_init(&q->paths, 0);
    arena_init(&q->voters_arena, 0);
    q->directory = arena_printf(&q->paths, "%s/__cluster_metadata-0", log_dir_path(dir)).data;
    q->state_path = arena_printf(&q->paths, "%s/quorum-state", q->directory).data;
    list_init(&q->subscribers);
    task_init(&q->deliver, deliver_committed);
    timer_init(&q->snapshot_timer, snapshot_timer_fired);
    timer_init(&q->election, election_due);
    task_init(&q->resigned, tell_resigned);
    enum err e = recover(q, why);
    if (e) {
        arena_free(&q->paths);
        arena_free(&q->voters_arena);
        mem_free(q);
        return e;
    }
    *out = q;
    return ERR_OK;
}

/* ---- telling subscribers */

struct telling {
    struct quorum *quorum;
    struct quorum_subscriber *subscriber;
    enum err error;
};

static void quorum_fail(struct quorum *q, const char *why)
{
    if (q->failed) return;
    q->failed = true;
    q->events.failed(q->events.owner, why);
}

static enum err tell_record(void *context, const struct batch_header *h, const struct record *r)
{
    struct telling *t = context;
    struct quorum_subscriber *s = t->subscriber;
    if (r->offset < s->position) return ERR_OK;
    if (batch_is(h, BATCH_CONTROL)) {
        s->skip(s->owner, r->offset, h->leader_epoch);
        return ERR_OK;
    }
    return s->record(s->owner, r->offset, h->leader_epoch, r->value);
}

static enum err tell_snapshot_record(void *context, struct bytes frame)
{
    struct telling *t = context;
    return t->subscriber->load(t->subscriber->owner, t->quorum->snapshot.end_offset, frame);
}

static enum err tell_snapshot(struct quorum *q, struct quorum_subscriber *s)
{
    struct telling t = {.quorum = q, .subscriber = s};
    struct snapshot_reader reader = {.context = &t, .record = tell_snapshot_record};
    struct arena arena;
    arena_init(&arena, 0);
    s->load_begin(s->owner);
    enum err e = snapshot_file_read(q->env.disk,
                                    snapshot_file_path(&arena, q->directory, q->snapshot), &reader);
    arena_free(&arena);
    if (e) return e;
    s->load_done(s->owner, q->snapshot.end_offset, q->snapshot.epoch);
    s->position = q->snapshot.end_offset;
    return ERR_OK;
}

static enum err tell_committed(struct quorum *q, struct quorum_subscriber *s)
{
    struct telling t = {.quorum = q, .subscriber = s};
    struct arena arena;
    arena_init(&arena, 0);
    enum err e = ERR_OK;
    while (!e && s->position < q->high_watermark) {
        struct bytes batches;
        arena_reset(&arena);
        e = log_read_batches(q->log, s->position, q->high_watermark, READ_BYTES, &arena, &batches);
        if (e || batches.len <= 0) break;
        e = each_record(batches, tell_record, &t);
        for (int64_t done = 0; !e && done < batches.len;) {
            struct batch_header h;
            e = batch_parse(bytes_of(batches.data + done, (size_t)(batches.len - done)), &h);
            if (e) break;
            s->position = batch_last_offset(&h) + 1;
            done += h.size;
        }
    }
    arena_free(&arena);
    return e;
}

static void deliver_committed(struct task *task)
{
    struct quorum *q = CONTAINER_OF(task, struct quorum, deliver);
    LIST_EACH(&q->subscribers, node) {
        struct quorum_subscriber *s = CONTAINER_OF(node, struct quorum_subscriber, node);
        if (!s->wants_committed) {
            s->position = q->high_watermark;
            continue;
        }
        int64_t before = s->position;
        enum err e = s->position < log_start_offset(q->log) ||
                             (s->position == 0 && q->snapshot.end_offset > 0)
                         ? tell_snapshot(q, s)
                         : ERR_OK;
        if (!e) e = tell_committed(q, s);
        if (e) {
            trace_error(q->env.trace, "org.apache.kafka.image.loader.MetadataLoader",
                        "Committed metadata behind offset %lld cannot be applied: %s",
                        (long long)s->position, err_text(e));
            quorum_fail(q, "committed metadata cannot be applied");
            return;
        }
        if (s->position != before) s->flush(s->owner);
    }
    q->events.committed(q->events.owner, q->high_watermark);
    if (q->options.snapshot_bytes > 0 && q->bytes_since_snapshot >= q->options.snapshot_bytes)
        q->events.snapshot_due(q->events.owner);
}

void quorum_subscribe(struct quorum *q, struct quorum_subscriber *s)
{
    list_init(&s->node);
    list_push_back(&q->subscribers, &s->node);
    task_post(q->env.clock, &q->deliver);
}

/* ---- appending */

static void start_flush(struct quorum *q);

static void flushed(struct log_flush *flush)
{
    struct quorum *q = CONTAINER_OF(flush, struct quorum, flush);
    q->flushing = false;
    if (q->closed) {
        mem_free(q);
        return;
    }
    if (flush->result) {
        if (flush->result != ERR_CLOSED) quorum_fail(q, "the metadata log cannot be synced");
        return;
    }
    if (flush->offset > q->high_watermark) {
        q->high_watermark = log_set_high_watermark(q->log, flush->offset);
        task_post(q->env.clock, &q->deliver);
    }
    if (log_end_offset(q->log) > flush->offset) start_flush(q);
}

static void start_flush(struct quorum *q)
{
    if (q->flushing) return;
    q->flushing = true;
    log_flush_start(q->log, &q->flush, flushed);
}

static enum err append_batch(struct quorum *q)
{
    uint8_t *data;
    size_t len;
    enum err e = batch_finish(&q->builder, NULL, &data, &len);
    if (e) return e;
    struct append_options options = {.origin = APPEND_FROM_RAFT, .leader_epoch = q->epoch};
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
    options.base_offset = log_end_offset(q->log);
    options.leader_epoch = q->epoch;
    options.attributes = attributes;
    batch_begin(&q->builder, &options);
}

enum err quorum_append(struct quorum *q, int32_t epoch, const struct metadata_record *records,
                       int32_t count, bool atomic, int64_t *first_offset)
{
    if (!q->leading || epoch != q->epoch || q->failed) return ERR_NOT_LEADER;
    *first_offset = log_end_offset(q->log);
    int64_t now = clock_wall(q->env.clock).ms;
    struct out out;
    out_init(&out);
    begin_batch(q, 0);
    enum err e = ERR_OK;
    uint8_t *flat = NULL;
    for (int32_t i = 0; i < count && !e; i++) {
        out_reset(&out);
        metadata_record_encode(&records[i], &out);
        flat = mem_realloc(flat, (size_t)out.len);
        out_flatten(&out, flat);
        if (batch_size(&q->builder) + (size_t)out.len + 64 > BATCH_BYTES_MAX) {
            e = atomic || q->builder.count == 0 ? ERR_TOO_LARGE : append_batch(q);
            begin_batch(q, 0);
        }
        if (!e) batch_add(&q->builder, now, BYTES_NULL, bytes_of(flat, (size_t)out.len), NULL, 0);
    }
    if (!e && q->builder.count > 0) e = append_batch(q);
    mem_free(flat);
    out_free(&out);
    if (!e) start_flush(q);
    return e;
}

/* ---- leadership */

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

/* The first batch of the epoch. */
static enum err append_leader_change(struct quorum *q)
{
    begin_batch(q, BATCH_CONTROL);
    struct leader_change_message_voter self = {.voter_id = q->options.node_id};
    struct leader_change_message change;
    leader_change_message_init(&change);
    change.leader_id = q->options.node_id;
    change.voters = change.granting_voters = &self;
    change.voters_count = change.granting_voters_count = 1;
    add_control(q, CONTROL_LEADER_CHANGE, &leader_change_message_message, &change);
    if (q->kraft_version >= 1 && q->voters.voters_count > 0 && !q->voters_in_log) {
        struct kraft_version_record version;
        kraft_version_record_init(&version);
        version.kraft_version = q->kraft_version;
        add_control(q, CONTROL_KRAFT_VERSION, &kraft_version_record_message, &version);
        add_control(q, CONTROL_KRAFT_VOTERS, &voters_record_message, &q->voters);
        q->voters_in_log = true;
    }
    return append_batch(q);
}

/* Stand for a new epoch. Err: NO_SPACE: this node leads nothing yet and may try again. */
static enum err become_leader(struct quorum *q)
{
    struct quorum_state state = {
        .leader_id = q->options.node_id,
        .leader_epoch = q->epoch + 1,
        .voted_id = -1,
        .data_version = q->kraft_version >= 1 ? 1 : 0,
    };
    enum err e = quorum_state_write(q->env.disk, q->state_path, &state, &q->options.node_id, 1);
    if (e) return e;
    q->epoch++;
    q->epoch_start = log_end_offset(q->log);
    e = log_assign_epoch(q->log, q->epoch, q->epoch_start);
    return e ? e : append_leader_change(q);
}

static void stand(struct quorum *q)
{
    enum err e = become_leader(q);
    if (e == ERR_NO_SPACE) {
        trace_warn(
            q->env.trace, "org.apache.kafka.raft.QuorumState",
            "[RaftManager id=%d] No space left in %s to lead the quorum; free some, this node "
            "tries again by itself",
            q->options.node_id, q->directory);
        timer_arm_in_ms(q->env.clock, &q->election, ELECTION_TIMEOUT_MS);
        return;
    }
    if (e) {
        quorum_fail(q, "this node cannot record that it leads the quorum");
        return;
    }
    q->leading = true;
    trace_info(q->env.trace, "org.apache.kafka.raft.QuorumState",
               "[RaftManager id=%d] Completed transition to Leader(localId=%d, epoch=%d, "
               "epochStartOffset=%lld) from Unattached",
               q->options.node_id, q->options.node_id, q->epoch, (long long)q->epoch_start);
    start_flush(q);
    q->events.leader_changed(q->events.owner, q->options.node_id, q->epoch, NULL, 0);
}

static void election_due(struct timer *t)
{
    stand(CONTAINER_OF(t, struct quorum, election));
}

void quorum_start(struct quorum *q)
{
    q->snapshot_taken = clock_mono(q->env.clock);
    if (q->options.snapshot_ms > 0)
        timer_arm_in_ms(q->env.clock, &q->snapshot_timer, q->options.snapshot_ms);
    stand(q);
}

void quorum_resign(struct quorum *q, int32_t epoch)
{
    if (!q->leading || epoch != q->epoch || q->failed) return;
    q->leading = false;
    timer_arm_in_ms(q->env.clock, &q->election, ELECTION_TIMEOUT_MS);
    task_post(q->env.clock, &q->resigned);
}

static void tell_resigned(struct task *t)
{
    struct quorum *q = CONTAINER_OF(t, struct quorum, resigned);
    q->events.leader_changed(q->events.owner, -1, q->epoch, NULL, 0);
    task_post(q->env.clock, &q->deliver); /* a standby is fed again */
}

int64_t quorum_end_offset(const struct quorum *q)
{
    return log_end_offset(q->log);
}

int32_t quorum_epoch(const struct quorum *q)
{
    return q->epoch;
}

int64_t quorum_epoch_start(const struct quorum *q)
{
    return q->epoch_start;
}

int32_t quorum_leader(const struct quorum *q)
{
    return q->leading ? q->options.node_id : -1;
}

bool quorum_is_leader(const struct quorum *q)
{
    return q->leading;
}

int64_t quorum_high_watermark(const struct quorum *q)
{
    return q->high_watermark;
}

int16_t quorum_kraft_version(const struct quorum *q)
{
    return q->kraft_version;
}

const struct voters_record *quorum_voters(const struct quorum *q)
{
    return &q->voters;
}

/* ---- snapshots */

static void snapshot_timer_fired(struct timer *t)
{
    struct quorum *q = CONTAINER_OF(t, struct quorum, snapshot_timer);
    q->events.snapshot_due(q->events.owner);
    timer_arm_in_ms(q->env.clock, t, q->options.snapshot_ms);
}

/* All but the newest snapshot go when log and snapshots take too much, or are old; the log starts
 * at the oldest that is kept. */
static enum err apply_retention(struct quorum *q)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct snapshot_id *ids;
    int32_t count;
    enum err e = snapshot_files_list(q->env.disk, q->directory, &arena, &ids, &count);
    int64_t total = log_size_bytes(q->log);
    for (int32_t i = 0; i < count && !e; i++) {
        struct disk_stat st;
        e = disk_stat(q->env.disk, snapshot_file_path(&arena, q->directory, ids[i]), &st);
        total += e ? 0 : st.size;
    }
    int64_t now = clock_wall(q->env.clock).ms;
    for (int32_t i = 0; i + 1 < count && !e; i++) {
        const char *path = snapshot_file_path(&arena, q->directory, ids[i]);
        struct disk_stat st;
        e = disk_stat(q->env.disk, path, &st);
        if (e) break;
        bool old = q->options.retention_ms >= 0 && now - st.modified_ms > q->options.retention_ms;
        bool large = q->options.retention_bytes >= 0 && total > q->options.retention_bytes;
        if (!old && !large) break;
        e = disk_unlink(q->env.disk, path);
        int64_t before = log_size_bytes(q->log);
        if (!e) e = log_advance_start(q->log, ids[i + 1].end_offset);
        total -= st.size + before - log_size_bytes(q->log);
    }
    arena_free(&arena);
    return e;
}

static enum err write_records(struct snapshot_writer *w, quorum_snapshot_next *next, void *context)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct out out;
    out_init(&out);
    uint8_t *flat = NULL;
    struct metadata_record record;
    enum err e = ERR_OK;
    while (!e && next(context, &record, &arena)) {
        metadata_record_encode(&record, &out);
        flat = mem_realloc(flat, (size_t)out.len);
        out_flatten(&out, flat);
        e = snapshot_writer_add(w, bytes_of(flat, (size_t)out.len));
        out_reset(&out);
        arena_reset(&arena);
    }
    mem_free(flat);
    out_free(&out);
    arena_free(&arena);
    return e;
}

enum err quorum_write_snapshot(struct quorum *q, int64_t end_offset, int32_t epoch,
                               quorum_snapshot_next *next, void *context)
{
    if (end_offset <= q->snapshot.end_offset) return ERR_OK;
    PRE(end_offset <= q->high_watermark);
    struct snapshot_id id = {.end_offset = end_offset, .epoch = epoch};
    struct snapshot_writer w;
    int64_t now = clock_wall(q->env.clock).ms;
    enum err e = snapshot_writer_open(&w, q->env.disk, q->directory, id, now, now, q->kraft_version,
                                      q->kraft_version >= 1 ? &q->voters : NULL);
    if (e) return e;
    e = write_records(&w, next, context);
    if (e) {
        snapshot_writer_abort(&w);
        return e;
    }
    e = snapshot_writer_finish(&w);
    if (e) return e;
    q->snapshot = id;
    q->bytes_since_snapshot = 0;
    q->snapshot_taken = clock_mono(q->env.clock);
    trace_info(q->env.trace, "org.apache.kafka.image.publisher.SnapshotGenerator",
               "[SnapshotGenerator id=%d] Created snapshot %020lld-%010d.", q->options.node_id,
               (long long)id.end_offset, id.epoch);
    return apply_retention(q);
}

/* ---- DescribeQuorum */

static void describe_nodes(struct request *rq, const struct quorum *q,
                           struct describe_quorum_response *r)
{
    r->nodes_count = q->voters.voters_count;
    r->nodes = describe_quorum_response_node_new(&rq->arena, r->nodes_count);
    for (int32_t i = 0; i < r->nodes_count; i++) {
        const struct voters_record_voter *v = &q->voters.voters[i];
        r->nodes[i].node_id = v->voter_id;
        r->nodes[i].listeners_count = v->endpoints_count;
        r->nodes[i].listeners =
            describe_quorum_response_listener_new(&rq->arena, v->endpoints_count);
        for (int32_t n = 0; n < v->endpoints_count; n++) {
            r->nodes[i].listeners[n].name = v->endpoints[n].name;
            r->nodes[i].listeners[n].host = v->endpoints[n].host;
            r->nodes[i].listeners[n].port = v->endpoints[n].port;
        }
    }
}

void quorum_handle_describe(struct request *rq, void *context)
{
    struct quorum *q = context;
    const struct describe_quorum_request *request = rq->body;
    struct describe_quorum_response r;
    describe_quorum_response_init(&r);
    bool fine = request->topics_count == 1 && request->topics[0].partitions_count == 1 &&
                str_equal_z(request->topics[0].topic_name, "__cluster_metadata") &&
                request->topics[0].partitions[0].partition_index == 0;
    r.topics_count = 1;
    r.topics = describe_quorum_response_topic_data_new(&rq->arena, 1);
    r.topics[0].topic_name = STR("__cluster_metadata");
    r.topics[0].partitions_count = 1;
    r.topics[0].partitions = describe_quorum_response_partition_data_new(&rq->arena, 1);
    struct describe_quorum_response_partition_data *p = &r.topics[0].partitions[0];
    if (!fine) {
        p->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    } else if (!q->leading) {
        p->error_code = KAFKA_NOT_LEADER_OR_FOLLOWER;
    } else {
        int64_t now = clock_wall(q->env.clock).ms;
        p->leader_id = q->options.node_id;
        p->leader_epoch = q->epoch;
        p->high_watermark = q->high_watermark;
        p->current_voters_count = 1;
        p->current_voters = describe_quorum_response_replica_state_new(&rq->arena, 1);
        p->current_voters[0].replica_id = q->options.node_id;
        if (q->kraft_version >= 1)
            p->current_voters[0].replica_directory_id = q->options.directory_id;
        p->current_voters[0].log_end_offset = log_end_offset(q->log);
        p->current_voters[0].last_fetch_timestamp = now;
        p->current_voters[0].last_caught_up_timestamp = now;
        describe_nodes(rq, q, &r);
    }
    request_reply(rq, &r);
}

void quorum_close(struct quorum *q)
{
    timer_cancel(q->env.clock, &q->snapshot_timer);
    timer_cancel(q->env.clock, &q->election);
    task_cancel(&q->resigned);
    task_cancel(&q->deliver);
    if (!q->failed && log_flush(q->log))
        trace_error(q->env.trace, "org.apache.kafka.raft.KafkaRaftClient",
                    "[RaftManager id=%d] The metadata log could not be synced at the end",
                    q->options.node_id);
    batch_builder_free(&q->builder);
    arena_free(&q->voters_arena);
    arena_free(&q->paths);
    q->closed = true;
    if (!q->flushing) mem_free(q);
}
