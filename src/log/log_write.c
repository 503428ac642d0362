/* Putting checked batches at the end of a log: rolling, the one write, and what follows from it. */
#include "log/log_write.h"

#include "base/mark.h"
#include "base/mem.h"

/* The first append makes the first file; a loaded segment gets its indexes and timestamps. */
static enum err active_ready(struct log *log, struct segment **out)
{
    if (log->segments_count == 0) {
        enum err e = log_begin_segment(log, log->end_offset);
        if (e) return e;
    }
    struct segment *s = log_active(log);
    enum err e = segment_load_indexes(log, s);
    if (!e && (s->max_timestamp == TIMESTAMP_UNREAD || s->first_timestamp == TIMESTAMP_UNREAD))
        e = segment_read_timestamps(log, s);
    *out = s;
    return e;
}

enum err log_begin_segment(struct log *log, int64_t base_offset)
{
    struct disk *disk = log->dir->env->disk;
    struct log_path path;
    struct disk_file *file;
    log_segment_path(log, base_offset, ".log", &path);
    enum err e = log_write_id(log);
    if (e) return e;
    e = disk_open(disk, path.z, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file);
    if (e) return log_io_failed(log, e, path.z);
    if (log->config->preallocate) e = disk_truncate(file, log->config->segment_bytes);
    if (e) {
        disk_file_unref(file);
        enum err cleanup = disk_unlink(disk, path.z);
        return log_io_failed(log, cleanup ? cleanup : e, path.z);
    }
    if (log->segments_count == 0) log->id_synced = false; /* from now on it matters */
    struct segment *s = log_segment_add(log, base_offset);
    s->file = file;
    s->indexed = true;
    log->dir->open_files++;
    log_dir_file_opened(log->dir, log);
    return ERR_OK;
}

static void flush_rolled(struct log *log);

static void rolled_flushed(struct log_flush *flush)
{
    struct log *log = CONTAINER_OF(flush, struct log, rolled);
    /* A failure has taken the directory offline already, or passes: what is rolled next takes this
     * along. */
    if (log->rolled_more && flush->result == ERR_OK) flush_rolled(log);
}

/* What rolled segments hold goes to the disk: one flush at a time. What is rolled meanwhile is the
 * next one's; else a log that grows faster than its disk takes it is walked once for each segment
 * that waits. */
static void flush_rolled(struct log *log)
{
    log->rolled_more = log_flush_pending(&log->rolled);
    if (!log->rolled_more) log_flush_start(log, &log->rolled, rolled_flushed);
}

/* Finish the active segment, begin one at `base_offset`, start to sync the old one. */
static enum err log_roll_at(struct log *log, int64_t base_offset)
{
    struct segment *s = log_active(log);
    PRE(s && base_offset > s->base_offset);
    enum err e = log_ahead_drop(log);
    if (!e) e = active_ready(log, &s);
    if (!e) e = segment_write_indexes(log, s, false);
    if (!e && log->config->preallocate) {
        struct disk_file *file;
        e = segment_open(log, s, &file);
        if (!e && (e = disk_truncate(file, s->size))) e = log_io_failed(log, e, "trim");
    }
    if (!e) e = log_write_snapshot(log, base_offset, false);
    if (!e) e = log_begin_segment(log, base_offset);
    if (e) return e;
    s = &log->segments[log->segments_count - 2];
    offset_index_free(&s->offsets);
    time_index_free(&s->times);
    s->indexed = false;
    flush_rolled(log);
    return ERR_OK;
}

enum err log_roll(struct log *log)
{
    if (log->dir->offline) return ERR_OFFLINE;
    struct segment *s = log_active(log);
    if (!s || s->size == 0) return ERR_OK;
    return log_roll_at(log, log->end_offset);
}

static bool should_roll(const struct log *log, const struct segment *s, const struct log_write *w)
{
    const struct log_config *c = log->config;
    if (s->size == 0) return w->last_offset - s->base_offset > INT32_MAX;
    if (s->size > c->segment_bytes - (int64_t)w->len) return true;
    if (s->size + (int64_t)w->len > INT32_MAX) return true; /* positions are 31 bits */
    if (w->last_offset - s->base_offset > INT32_MAX) return true;
    int64_t age = s->first_timestamp >= 0 && w->max_timestamp >= 0
                      ? w->max_timestamp - s->first_timestamp
                      : clock_wall(log->dir->env->clock).ms - s->created_ms;
    if (age > c->segment_ms - s->jitter_ms) return true;
    return s->offsets.count >= c->segment_index_bytes / OFFSET_ENTRY_BYTES ||
           s->times.count >= c->segment_index_bytes / TIME_ENTRY_BYTES - 1;
}

/* How many of the batches that are ready follow `w` into the same segment without a look at its
 * roll: positions, relative offsets, time and index entries leave room. */
static int32_t fitting(const struct log *log, const struct segment *s, const struct log_write *w)
{
    const struct log_ahead *a = &log->dir->ahead;
    const struct log_config *c = log->config;
    int64_t end = s->size + (int64_t)w->len, offset = w->last_offset;
    int64_t first = s->size == 0 ? w->max_timestamp : s->first_timestamp;
    int64_t entries = s->offsets.count > s->times.count ? s->offsets.count : s->times.count;
    entries += w->ahead + 2;
    if (entries >= c->segment_index_bytes / TIME_ENTRY_BYTES || first < 0) return 0;
    for (int32_t i = 0; i < w->ahead; i++) {
        end += (int64_t)a->batches[i].len;
        offset += 1 + (int32_t)load_be32(a->batches[i].header + 23);
        int64_t newest = a->batches[i].max_timestamp, age = newest > first ? newest - first : 0;
        if (end > c->segment_bytes || end > INT32_MAX || offset - s->base_offset > INT32_MAX ||
            age > c->segment_ms - s->jitter_ms)
            return i;
    }
    return w->ahead;
}

/* The batch and, when there is room for all, those behind it. *ahead: how many of them. */
static enum err write_with_ahead(struct log *log, const struct segment *s, struct disk_file *file,
                                 const struct log_write *w, int32_t *ahead)
{
    const struct log_ahead *a = &log->dir->ahead;
    struct iovec iov[1 + 2 * LOG_AHEAD_MAX];
    int n = 1, count = w->ahead ? fitting(log, s, w) : 0;
    iov[0] = (struct iovec){.iov_base = (void *)(uintptr_t)w->data, .iov_len = w->len};
    for (int i = 0; i < count; i++) {
        iov[n++] = (struct iovec){.iov_base = (void *)(uintptr_t)a->batches[i].header,
                                  .iov_len = BATCH_HEADER_BYTES};
        iov[n++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)(a->batches[i].data + BATCH_HEADER_BYTES),
                           .iov_len = a->batches[i].len - BATCH_HEADER_BYTES};
    }
    enum err e = disk_write(file, s->size, iov, n);
    if (e == ERR_NO_SPACE && count > 0) { /* not for all; perhaps for this one */
        count = 0;
        e = disk_truncate(file, s->size);
        if (!e) e = disk_write(file, s->size, iov, 1);
    }
    if (!e && count > 0) log_ahead_written(log, count, s->size + (int64_t)w->len);
    *ahead = e ? 0 : count;
    return e;
}

/* After a failed write the file ends where it ended before, or the directory is lost. */
static enum err write_undo(struct log *log, struct segment *s, enum err e)
{
    if (e == ERR_NO_DESCRIPTORS) return e; /* to write with: the file is as it was */
    if (e != ERR_NO_SPACE || disk_truncate(s->file, s->size))
        return log_io_failed(log, ERR_IO, "append");
    return ERR_NO_SPACE;
}

/* The next segment will not join the present one, as a follower of a compacted log finds it.
 * Recovery takes such a gap behind the recovery point for a tail that was lost, so the recovery
 * point goes beyond it first. */
static enum err leave_gap(struct log *log, int64_t base_offset)
{
    enum err e = log_flush(log);
    if (e) return e;
    log->recovery_point = base_offset;
    return log_dir_write_checkpoint(log->dir, CHECKPOINT_RECOVERY_POINTS);
}

enum err log_write_batches(struct log *log, const struct log_write *w, bool *rolled, int32_t *ahead)
{
    struct segment *s;
    struct disk_file *file;
    enum err e = active_ready(log, &s);
    if (e) return e;
    if (should_roll(log, s, w)) {
        if (w->first_offset > log->end_offset && (e = leave_gap(log, w->first_offset))) return e;
        if (s->size == 0) {
            /* nothing can be in reach of its base: begin again */
            e = segment_delete(log, s);
            if (e) return e;
            log->segments_count--;
            e = log_begin_segment(log, w->first_offset);
        } else {
            e = log_roll_at(log,
                            w->first_offset > log->end_offset ? w->first_offset : log->end_offset);
        }
        if (e) return e;
        *rolled = true;
        s = log_active(log);
    }
    e = segment_open(log, s, &file);
    if (e) return e;
    if (log_ahead_holds(log, w, s->size)) {
        MARK("a batch was written ahead of its append");
        log_ahead_taken(log);
    } else {
        e = log_ahead_drop(log);
        if (!e && (e = write_with_ahead(log, s, file, w, ahead))) e = write_undo(log, s, e);
        if (e) return e;
    }

    for (size_t at = 0; at < w->len;) {
        struct batch_header h;
        const uint8_t *batch = w->data + at;
        enum err parsed = batch_parse((struct bytes){batch, (int64_t)(w->len - at)}, &h);
        INVARIANT(!parsed); /* the caller has walked it */
        log_tail_add(log, &h, s->size);
        segment_index_batch(s, &h, s->size, log->config->index_interval_bytes);
        log->end_offset = batch_last_offset(&h) + 1;
        e = log_replay_batch(log, &h, batch, true);
        /* the batch is in the log and cannot be taken back without its producer's state */
        if (e) return log_io_failed(log, ERR_IO, "transaction index");
        at += (size_t)h.size;
    }
    if (log->unflushed_since.ns == 0) log->unflushed_since = clock_mono(log->dir->env->clock);
    if (log->end_offset - log->recovery_point >= log->config->flush_messages) {
        e = log_flush(log);
        if (e && log->dir->offline) return e;
        if (e) trace_warn(log->dir->env->trace, "log", "flush: %s; tried again", err_text(e));
    }
    INVARIANT(log->high_watermark <= log->end_offset && log->start_offset <= log->end_offset);
    return ERR_OK;
}
