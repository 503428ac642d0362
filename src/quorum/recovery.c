/* From what stands on disk to a core that may start.
 *
 * 1. The log is opened; a torn tail is cut there (log/recovery.c). What is left may never have been
 *    synced (a process killed between write and sync): it is synced now, before it can count as
 *    acknowledged.
 * 2. Half-written snapshots go. A newest snapshot ahead of the log empties it and restarts it at
 *    the snapshot's end (a power loss between publishing a fetched snapshot and emptying the log).
 * 3. Voters and kraft.version: the configuration's, then the newest snapshot's, then each that the
 *    log has, in offset order, committed or not. */
#include <inttypes.h>

#include "base/mem.h"
#include "protocol/kraft_version_record.h"
#include "quorum/internal.h"
#include "quorum/quorum_state.h"

enum err quorum_each_record(struct bytes batches, quorum_record_fn *seen, void *context)
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

/* ---- voters and kraft.version */

enum err quorum_tell_control(struct quorum *q, int64_t offset, int16_t type, struct bytes value)
{
    if (type != CONTROL_KRAFT_VOTERS && type != CONTROL_KRAFT_VERSION) return ERR_OK;
    struct arena arena;
    arena_init(&arena, 0);
    struct cursor in = cursor_of_bytes(value);
    enum err e;
    if (type == CONTROL_KRAFT_VOTERS) {
        struct voters_record voters;
        e = voters_record_decode(&voters, 0, &in, &arena);
        if (!e) e = cursor_finish(&in);
        if (!e) raft_voters_at(q->raft, quorum_now_ms(q), offset, &voters);
    } else {
        struct kraft_version_record version;
        e = kraft_version_record_decode(&version, 0, &in, &arena);
        if (!e) raft_kraft_version_at(q->raft, quorum_now_ms(q), offset, version.kraft_version);
    }
    arena_free(&arena);
    return e;
}

struct snapshot_telling {
    struct quorum *quorum;
    int64_t offset;
};

static enum err tell_snapshot_control(void *context, int16_t type, struct bytes value)
{
    struct snapshot_telling *t = context;
    return quorum_tell_control(t->quorum, t->offset, type, value);
}

enum err quorum_tell_snapshot(struct quorum *q, const char *path, int64_t end_offset)
{
    struct snapshot_telling t = {.quorum = q, .offset = end_offset - 1};
    struct snapshot_reader reader = {.context = &t, .control = tell_snapshot_control};
    return snapshot_file_read(q->env.disk, path, &reader);
}

static enum err tell_record(void *context, const struct batch_header *h, const struct record *r)
{
    int16_t type;
    if (!batch_is(h, BATCH_CONTROL)) return ERR_OK;
    enum err e = control_record_type(r->key, &type);
    return e ? e : quorum_tell_control(context, r->offset, type, r->value);
}

/* What the newest snapshot does not say. */
static enum err tell_log(struct quorum *q)
{
    struct arena arena;
    arena_init(&arena, 0);
    int64_t at = log_start_offset(q->log);
    if (at < q->newest.end_offset) at = q->newest.end_offset;
    enum err e = ERR_OK;
    while (!e && at < log_end_offset(q->log)) {
        struct bytes batches;
        arena_reset(&arena);
        e = log_read_batches(q->log, at, log_end_offset(q->log), QUORUM_READ_BYTES, &arena,
                             &batches);
        if (e || batches.len <= 0) break;
        e = quorum_each_record(batches, tell_record, q);
        for (int64_t done = 0; !e && done < batches.len;) {
            struct batch_header h;
            e = batch_parse(bytes_of(batches.data + done, (size_t)(batches.len - done)), &h);
            if (e) break;
            at = batch_last_offset(&h) + 1;
            done += h.size;
        }
    }
    arena_free(&arena);
    if (e)
        trace_error(q->env.trace, "org.apache.kafka.raft.KafkaRaftClient",
                    "[RaftManager id=%d] %s cannot be read from offset %" PRId64 " on: %s",
                    q->options.node_id, q->directory, at, err_text(e));
    return e;
}

/* ---- the log as the core sees it */

static int64_t view_start_offset(void *context)
{
    return log_start_offset(((struct quorum *)context)->log);
}

static int64_t view_end_offset(void *context)
{
    return log_end_offset(((struct quorum *)context)->log);
}

static int32_t view_last_epoch(void *context)
{
    const struct quorum *q = context;
    int32_t epoch = log_latest_epoch(q->log);
    if (q->newest.end_offset >= log_end_offset(q->log) && q->newest.epoch > epoch)
        epoch = q->newest.epoch;
    return epoch < 0 ? 0 : epoch;
}

static struct raft_epoch_end view_epoch_end(void *context, int32_t epoch)
{
    struct epoch_end end = log_epoch_end(((struct quorum *)context)->log, epoch);
    return (struct raft_epoch_end){.epoch = end.epoch, .end_offset = end.end_offset};
}

static struct raft_snapshot_id view_snapshot(struct snapshot_id id)
{
    return (struct raft_snapshot_id){.end_offset = id.end_offset > 0 ? id.end_offset : -1,
                                     .epoch = id.epoch};
}

static struct raft_snapshot_id view_oldest(void *context)
{
    return view_snapshot(((struct quorum *)context)->oldest);
}

static struct raft_snapshot_id view_newest(void *context)
{
    return view_snapshot(((struct quorum *)context)->newest);
}

/* ---- making the core */

static struct raft_options core_options(struct quorum *q)
{
    const struct quorum_options *o = &q->options;
    struct raft_address *servers = ARENA_ARRAY(&q->paths, struct raft_address, o->servers_count);
    for (int32_t i = 0; i < o->servers_count; i++)
        servers[i] =
            (struct raft_address){.host = str_of(o->servers[i].host), .port = o->servers[i].port};
    return (struct raft_options){
        .self = {.id = o->node_id, .directory_id = o->directory_id},
        .is_controller = o->is_controller,
        .own_entry = &q->own_entry,
        .listener = str_of(o->listener),
        .bootstrap = servers,
        .bootstrap_count = o->servers_count,
        .seed = rng_u64(q->env.rng),
        .election_timeout_ms = o->election_timeout_ms,
        .election_backoff_ms_max = o->election_backoff_ms_max,
        .fetch_timeout_ms = o->fetch_timeout_ms,
        .request_timeout_ms = o->request_timeout_ms,
        .retry_backoff_ms = o->retry_backoff_ms,
        .auto_join = o->auto_join,
    };
}

static void make_own_entry(struct quorum *q)
{
    const struct quorum_options *o = &q->options;
    struct voters_record_endpoint *endpoints =
        voters_record_endpoint_new(&q->paths, o->listeners_count);
    for (int32_t i = 0; i < o->listeners_count; i++) {
        endpoints[i].name = str_of(o->listeners[i].name);
        endpoints[i].host = str_of(o->listeners[i].host);
        endpoints[i].port = o->listeners[i].port;
    }
    q->own_entry = (struct voters_record_voter){
        .voter_id = o->node_id,
        .voter_directory_id = o->directory_id,
        .endpoints = endpoints,
        .endpoints_count = o->listeners_count,
        .kraft_version_feature = {.min_supported_version = 0, .max_supported_version = 1},
    };
}

/* controller.quorum.voters, as kraft.version 0 knows them. */
static struct voters_record *static_voters(struct quorum *q)
{
    const struct quorum_options *o = &q->options;
    if (o->voters_count == 0) return NULL;
    struct voters_record *voters = ARENA_NEW(&q->paths, struct voters_record);
    voters_record_init(voters);
    voters->voters = voters_record_voter_new(&q->paths, o->voters_count);
    voters->voters_count = o->voters_count;
    for (int32_t i = 0; i < o->voters_count; i++) {
        struct voters_record_voter *v = &voters->voters[i];
        v->voter_id = o->voters[i].id;
        v->endpoints = voters_record_endpoint_new(&q->paths, 1);
        v->endpoints_count = 1;
        v->endpoints[0].name = str_of(o->listener);
        v->endpoints[0].host = str_of(o->voters[i].host);
        v->endpoints[0].port = o->voters[i].port;
    }
    return voters;
}

/* ---- log and snapshots */

enum err quorum_list_snapshots(struct quorum *q)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct snapshot_id *ids = NULL;
    int32_t count = 0;
    enum err e = snapshot_files_list(q->env.disk, q->directory, &arena, &ids, &count);
    q->oldest = q->newest = (struct snapshot_id){0};
    for (int32_t i = 0; i < count && !e; i++) {
        if (ids[i].end_offset == 0) continue; /* 0-0 is never replicated */
        if (q->oldest.end_offset == 0) q->oldest = ids[i];
        q->newest = ids[i];
    }
    arena_free(&arena);
    return e;
}

/* Those below the log start: a crash came before they could be removed. */
static enum err drop_old_snapshots(struct quorum *q)
{
    enum err e = ERR_OK;
    while (!e && q->oldest.end_offset > 0 && q->oldest.end_offset < log_start_offset(q->log)) {
        struct arena arena;
        arena_init(&arena, 0);
        e = disk_unlink(q->env.disk, snapshot_file_path(&arena, q->directory, q->oldest));
        arena_free(&arena);
        if (!e) e = quorum_list_snapshots(q);
    }
    return e;
}

static enum err open_log(struct quorum *q)
{
    struct log_config *config = log_config_new();
    config->segment_bytes = q->options.segment_bytes;
    config->segment_ms = q->options.segment_ms;
    config->cleanup_delete = false;
    enum err e = log_dir_open_metadata_log(q->dir, config, &q->log);
    log_config_unref(config);
    if (!e) e = snapshot_files_sweep(q->env.disk, q->directory);
    if (!e) e = quorum_list_snapshots(q);
    if (e) return e;
    bool ahead =
        q->newest.end_offset > log_end_offset(q->log) || q->newest.epoch > log_latest_epoch(q->log);
    if (q->newest.end_offset > 0 && ahead)
        e = log_truncate_fully_and_start_at(q->log, q->newest.end_offset);
    if (!e && log_start_offset(q->log) > q->newest.end_offset) e = ERR_CORRUPT;
    if (!e) e = drop_old_snapshots(q);
    return e ? e : log_flush(q->log);
}

/* The newest snapshot's voters, else those of 0-0 (what format wrote). */
static enum err tell_snapshots(struct quorum *q)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct snapshot_id id = q->newest;
    const char *path = snapshot_file_path(&arena, q->directory, id);
    enum err e = quorum_tell_snapshot(q, path, id.end_offset);
    if (e == ERR_NOT_FOUND && id.end_offset == 0) e = ERR_OK;
    bool spare = q->oldest.end_offset < id.end_offset || log_start_offset(q->log) == 0;
    if (e)
        trace_error(
            q->env.trace, "org.apache.kafka.raft.KafkaRaftClient", "[RaftManager id=%d] %s: %s%s",
            q->options.node_id, path, err_text(e),
            spare ? "; move it away and start again: what is before it and the log hold the same"
                  : "");
    arena_free(&arena);
    return e;
}

enum err quorum_recover(struct quorum *q, const char **why)
{
    *why = "the metadata log cannot be opened";
    enum err e = open_log(q);
    if (e) return e;
    struct quorum_state file = {0};
    *why =
        "__cluster_metadata-0/quorum-state cannot be read; restore it, or delete it if this is the "
        "only voter, or take this voter out of the quorum, format it and add it again";
    e = quorum_state_read(q->env.disk, q->state_path, &file);
    if (e) return e;
    make_own_entry(q);
    struct raft_options options = core_options(q);
    struct raft_log view = {
        .context = q,
        .start_offset = view_start_offset,
        .end_offset = view_end_offset,
        .last_epoch = view_last_epoch,
        .epoch_end = view_epoch_end,
        .oldest_snapshot = view_oldest,
        .newest_snapshot = view_newest,
    };
    struct raft_state state = {
        .epoch = file.leader_epoch,
        .leader_id = file.leader_id,
        .voted = {.id = file.voted_id, .directory_id = file.voted_directory_id},
    };
    q->raft = raft_new(&options, &view, &state, static_voters(q));
    *why =
        "the newest snapshot in __cluster_metadata-0 cannot be read; restore it, or take this node "
        "out of the quorum, format it and add it again";
    e = tell_snapshots(q);
    if (!e) {
        *why =
            "__cluster_metadata-0 cannot be read; restore it, or take this node out of the quorum, "
            "format it and add it again";
        e = tell_log(q);
    }
    if (!e) q->high_watermark = log_set_high_watermark(q->log, q->newest.end_offset);
    return e;
}
