/* Snapshots of the image, and how long they and the log below them are kept. */
#include "base/mem.h"
#include "quorum/internal.h"

void quorum_snapshot_timer_fired(struct timer *t)
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
        /* the log first: it may begin at a snapshot that is there, never before one that is not */
        int64_t before = log_size_bytes(q->log);
        e = log_advance_start(q->log, ids[i + 1].end_offset);
        if (!e) e = disk_unlink(q->env.disk, path);
        total -= st.size + before - log_size_bytes(q->log);
    }
    arena_free(&arena);
    if (!e) e = quorum_list_snapshots(q);
    return e;
}

void quorum_retention_timer_fired(struct timer *t)
{
    struct quorum *q = CONTAINER_OF(t, struct quorum, retention_timer);
    timer_arm_in_ms(q->env.clock, t, QUORUM_RETENTION_MS);
    if (q->download.id.end_offset >= 0) return; /* its .part must stay */
    enum err e = apply_retention(q);
    if (e)
        trace_warn(q->env.trace, "org.apache.kafka.raft.KafkaMetadataLog",
                   "[MetadataLog partition=__cluster_metadata-0, nodeId=%d] Old snapshots could "
                   "not be removed: %s",
                   q->options.node_id, err_text(e));
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

/* When the last record below `end_offset` was written. Err: as log_read_batches. */
static enum err last_timestamp(struct quorum *q, int64_t end_offset, int64_t *ms)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct bytes batches;
    struct batch_header h;
    enum err e = log_read_batches(q->log, end_offset - 1, end_offset, 1, &arena, &batches);
    if (!e) e = batch_parse(batches, &h);
    if (!e) *ms = h.max_timestamp;
    arena_free(&arena);
    return e;
}

static void adopt(struct quorum *q, struct snapshot_id id)
{
    q->newest = id;
    if (q->oldest.end_offset == 0) q->oldest = id;
    raft_forget_below(q->raft, id.end_offset);
    trace_info(q->env.trace, "org.apache.kafka.image.publisher.SnapshotGenerator",
               "[SnapshotGenerator id=%d] Created snapshot %020lld-%010d.", q->options.node_id,
               (long long)id.end_offset, id.epoch);
}

static void snapshot_synced(struct disk_sync *sync)
{
    struct quorum *q = CONTAINER_OF(sync, struct quorum, writing.sync);
    struct quorum_writing *w = &q->writing;
    w->active = false;
    enum err e = sync->result;
    /* what has been fetched meanwhile, or is being fetched, is newer */
    bool late =
        w->id.end_offset <= q->newest.end_offset || q->download.id.end_offset >= 0 || q->failed;
    if (e || late)
        snapshot_writer_abort(&w->writer);
    else
        e = snapshot_writer_publish(&w->writer);
    if (e && !quorum_error_passes(e)) log_dir_mark_failed(q->dir, e, "a metadata snapshot");
    if (!e && !late) {
        adopt(q, w->id);
        e = apply_retention(q);
    }
    if (e)
        trace_error(q->env.trace, "org.apache.kafka.image.publisher.SnapshotGenerator",
                    "A metadata snapshot could not be written: %s; the log is kept", err_text(e));
}

void quorum_writing_forget(struct quorum *q)
{
    if (!q->writing.active) return;
    q->writing.active = false;
    disk_sync_forget(q->env.disk, &q->writing.sync);
    snapshot_writer_close(&q->writing.writer);
}

enum err quorum_write_snapshot(struct quorum *q, int64_t end_offset, int32_t epoch,
                               quorum_snapshot_next *next, void *context)
{
    /* what is being fetched is newer than all we have */
    if (end_offset <= q->newest.end_offset || q->download.id.end_offset >= 0) return ERR_OK;
    if (q->writing.active) return ERR_OK; /* the next that is due is newer than this */
    PRE(end_offset <= q->high_watermark);
    PRE(epoch == log_epoch_at(q->log, end_offset - 1));
    struct quorum_writing *w = &q->writing;
    w->id = (struct snapshot_id){.end_offset = end_offset, .epoch = epoch};
    int64_t last_ms;
    enum err e = last_timestamp(q, end_offset, &last_ms);
    if (e) return e;
    int16_t kraft_version = raft_kraft_version_of(q->raft, end_offset - 1);
    const struct voters_record *voters =
        kraft_version >= 1 ? raft_voters_of(q->raft, end_offset - 1) : NULL;
    e = snapshot_writer_open(&w->writer, q->env.disk, q->directory, w->id,
                             clock_wall(q->env.clock).ms, last_ms, kraft_version, voters);
    if (e) return e;
    e = write_records(&w->writer, next, context);
    if (e) {
        snapshot_writer_abort(&w->writer);
        return e;
    }
    e = snapshot_writer_end(&w->writer);
    if (e) return e;
    w->active = true;
    q->bytes_since_snapshot = 0;
    disk_sync_start(w->writer.file, &w->sync, snapshot_synced);
    return ERR_OK;
}
