/* A snapshot from the leader, in pieces, for a log that begins behind what the leader still has.
 *
 *   the core wants it ── begin ──> NAME.checkpoint.part ── pieces, in order ──> whole
 *     whole: sync, read through (every checksum, header and footer), rename, sync the directory;
 *     then the log is emptied and begins at the snapshot's end
 *
 * Crash argument: before the rename the .part is removed at the next start and the log is as it
 * was. After it recovery finds a snapshot ahead of the log and empties the log itself. A snapshot
 * that is found broken, or not served any more, is forgotten: the core asks again with a Fetch. */
#include "base/mem.h"
#include "quorum/internal.h"

static struct snapshot_id download_id(const struct quorum *q)
{
    return (struct snapshot_id){.end_offset = q->download.id.end_offset,
                                .epoch = q->download.id.epoch};
}

static const char *part_path(const struct quorum *q, struct arena *arena)
{
    return arena_printf(arena, "%s.part", snapshot_file_path(arena, q->directory, download_id(q)))
        .data;
}

void quorum_download_drop(struct quorum *q)
{
    if (q->download.id.end_offset < 0) return;
    struct arena arena;
    arena_init(&arena, 0);
    if (q->download.file) disk_file_unref(q->download.file);
    enum err ignored = disk_unlink(q->env.disk, part_path(q, &arena)); /* else the next start */
    (void)ignored;
    arena_free(&arena);
    q->download = (struct quorum_download){.id = {.end_offset = -1}};
}

void quorum_download_failed(struct quorum *q)
{
    quorum_download_drop(q);
    raft_snapshot_failed(q->raft, quorum_now_ms(q));
}

/* The disk refused: not at network speed again. */
static void hold(struct quorum *q, enum err e)
{
    trace_warn(q->env.trace, "org.apache.kafka.raft.KafkaRaftClient",
               "[RaftManager id=%d] A snapshot cannot be taken from the leader: %s; tried again "
               "soon",
               q->options.node_id, err_text(e));
    quorum_download_drop(q);
    q->held_snapshot = true;
    quorum_hold(q);
}

void quorum_hold(struct quorum *q)
{
    if (!timer_armed(&q->held)) timer_arm_in_ms(q->env.clock, &q->held, QUORUM_HELD_MS);
}

void quorum_held_fired(struct timer *t)
{
    struct quorum *q = CONTAINER_OF(t, struct quorum, held);
    bool snapshot = q->held_snapshot, fetch = q->held_fetch;
    if (q->failed) return;
    if (q->held_flush) quorum_start_flush(q);
    if (q->held_feed) quorum_feed(q);
    q->held_snapshot = q->held_fetch = q->held_flush = q->held_feed = false;
    if (q->held_token) raft_unanswered(q->raft, quorum_now_ms(q), q->held_token, true);
    q->held_token = 0;
    if (snapshot) raft_snapshot_failed(q->raft, quorum_now_ms(q));
    if (fetch) raft_fetched(q->raft, quorum_now_ms(q), -1);
    quorum_step(q);
}

void quorum_download_begin(struct quorum *q, struct raft_snapshot_id id)
{
    quorum_download_drop(q);
    struct arena arena;
    arena_init(&arena, 0);
    q->download.id = id;
    enum err e = disk_open(q->env.disk, part_path(q, &arena),
                           DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &q->download.file);
    arena_free(&arena);
    if (e) {
        q->download.file = NULL;
        hold(q, e);
        return;
    }
    trace_info(q->env.trace, "org.apache.kafka.raft.KafkaRaftClient",
               "[RaftManager id=%d] Fetching snapshot %020lld-%010d from the leader",
               q->options.node_id, (long long)id.end_offset, id.epoch);
}

/* Final name, and nothing else is left of older ones. */
static enum err publish(struct quorum *q)
{
    struct arena arena;
    arena_init(&arena, 0);
    const char *part = part_path(q, &arena);
    const char *path = snapshot_file_path(&arena, q->directory, download_id(q));
    struct snapshot_reader nothing = {0};
    enum err e = disk_sync(q->download.file);
    if (!e) e = snapshot_file_read(q->env.disk, part, &nothing);
    if (!e) e = disk_rename(q->env.disk, part, path);
    if (!e) e = disk_sync_dir(q->env.disk, q->directory);
    arena_free(&arena);
    return e;
}

static void remove_older(struct quorum *q)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct snapshot_id *ids;
    int32_t count;
    enum err e = snapshot_files_list(q->env.disk, q->directory, &arena, &ids, &count);
    for (int32_t i = 0; i < count && !e; i++)
        if (ids[i].end_offset < q->newest.end_offset)
            e = disk_unlink(q->env.disk, snapshot_file_path(&arena, q->directory, ids[i]));
    arena_free(&arena);
    /* what is left is removed at the next start */
}

static void install(struct quorum *q)
{
    enum err e = publish(q);
    if (e == ERR_IO) {
        log_dir_fail(q->dir, e, "a fetched snapshot");
        quorum_fail(q, "a fetched snapshot cannot be synced");
        return;
    }
    if (e) {
        hold(q, e);
        return;
    }
    struct raft_snapshot_id id = q->download.id;
    q->newest = q->oldest = download_id(q);
    disk_file_unref(q->download.file);
    q->download = (struct quorum_download){.id = {.end_offset = -1}};
    e = log_truncate_fully_and_start_at(q->log, id.end_offset);
    struct arena arena;
    arena_init(&arena, 0);
    const char *path = snapshot_file_path(&arena, q->directory, q->newest);
    if (!e) e = quorum_tell_snapshot(q, path, id.end_offset);
    arena_free(&arena);
    if (e) {
        quorum_fail(q, "a fetched snapshot cannot be loaded");
        return;
    }
    remove_older(q);
    q->bytes_since_snapshot = 0;
    trace_info(q->env.trace, "org.apache.kafka.raft.KafkaRaftClient",
               "[RaftManager id=%d] Fully truncated the log at (%lld, %d) after downloading a "
               "snapshot",
               q->options.node_id, (long long)id.end_offset, id.epoch);
    raft_snapshot_loaded(q->raft, quorum_now_ms(q), id);
}

void quorum_download_take(struct quorum *q, const struct quorum_piece *piece)
{
    struct quorum_download *d = &q->download;
    if (d->id.end_offset < 0 || !d->file) return;
    bool fits = piece->id.end_offset == d->id.end_offset && piece->id.epoch == d->id.epoch &&
                piece->position == d->position && piece->data.len >= 0 &&
                piece->size - piece->data.len >= d->position &&
                (piece->data.len > 0 || piece->size == d->position);
    if (!fits) {
        trace_warn(q->env.trace, "org.apache.kafka.raft.KafkaRaftClient",
                   "[RaftManager id=%d] A piece of a snapshot is not the one that was asked for",
                   q->options.node_id);
        quorum_download_failed(q);
        return;
    }
    enum err e = piece->data.len > 0 ? disk_write_bytes(d->file, d->position, piece->data.data,
                                                        (size_t)piece->data.len)
                                     : ERR_OK;
    if (e) {
        hold(q, e);
        return;
    }
    d->position += piece->data.len;
    if (d->position == piece->size) install(q);
}
