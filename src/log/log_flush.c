/* Getting bytes to stable storage, and the recovery point behind which that is known.
 *
 * A flush walks the segments from the recovery point's to the active one. Of each it syncs the
 * .log, of a rolled one also the indexes and snapshot written when it was rolled; then the names,
 * the epochs and partition.metadata; then the recovery point moves. A crash at any step leaves the
 * old recovery point, and recovery reads the batches behind it again. */
#include "log/log_internal.h"

#include "base/mark.h"
#include "base/mem.h"

static enum err sync_file(struct log *log, int64_t offset, const char *suffix)
{
    struct log_path path;
    struct disk_file *file;
    log_segment_path(log, offset, suffix, &path);
    enum err e = disk_open(log->dir->env->disk, path.z, DISK_WRITE, &file);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (!e) {
        e = disk_sync(file);
        disk_file_unref(file);
    }
    return e ? log_io_failed(log, e, path.z) : ERR_OK;
}

/* What beside the .log of a segment must be durable; the .log is. */
static enum err sync_companions(struct log *log, struct segment *s)
{
    enum err e = ERR_OK;
    if (s != log_active(log)) {
        e = sync_file(log, s->base_offset, ".index");
        if (!e) e = sync_file(log, s->base_offset, ".timeindex");
        if (!e) e = sync_file(log, s[1].base_offset, ".snapshot");
    }
    if (!e && s->has_txn_index) e = sync_file(log, s->base_offset, ".txnindex");
    if (e || s->name_synced) return e;
    struct log_path path;
    log_dir_path_of(log, &path);
    e = disk_sync_dir(log->dir->env->disk, path.z);
    if (e) return log_io_failed(log, e, path.z);
    for (int32_t i = 0; i < log->segments_count; i++) log->segments[i].name_synced = true;
    return ERR_OK;
}

/* Every segment below `offset` is synced. */
static enum err finish(struct log *log, int64_t offset)
{
    enum err e = log_sync_id(log);
    if (!e) e = log_write_epochs(log);
    if (e) return e;
    if (offset > log->end_offset) offset = log->end_offset;
    if (offset > log->recovery_point) log->recovery_point = offset;
    if (log->recovery_point == log->end_offset) log->unflushed_since.ns = 0;
    return ERR_OK;
}

enum err log_flush(struct log *log)
{
    if (log->dir->offline) return ERR_OFFLINE;
    if (log->recovery_point >= log->end_offset && log->id_synced && !log->epochs.dirty)
        return ERR_OK;
    struct segment *s = log_segment_for(log, log->recovery_point);
    if (!s && log->segments_count) s = log->segments;
    for (; s && s <= log_active(log); s++) {
        struct disk_file *file;
        enum err e = segment_open(log, s, &file);
        if (!e && (e = disk_sync(file))) e = log_io_failed(log, e, "sync");
        if (!e) e = sync_companions(log, s);
        if (e) return e;
    }
    return finish(log, log->end_offset);
}

/* ---- without blocking ---- */

bool log_flush_pending(const struct log_flush *flush)
{
    return flush->done != NULL;
}

void log_flush_forget(struct log_flush *f)
{
    if (!log_flush_pending(f)) return;
    PRE(f->log);
    list_remove(&f->node);
    task_cancel(&f->task);
    disk_sync_forget(f->log->dir->env->disk, &f->sync);
    f->log = NULL;
    f->done = NULL;
}

static void flush_done(struct log_flush *f, enum err result)
{
    void (*done)(struct log_flush *) = f->done;
    if (f->log) list_remove(&f->node);
    f->result = result;
    f->log = NULL;
    f->done = NULL;
    done(f);
}

static void flush_next(struct log_flush *f);

static void flush_segment_done(struct disk_sync *op)
{
    struct log_flush *f = CONTAINER_OF(op, struct log_flush, sync);
    struct log *log = f->log;
    if (!log) {
        flush_done(f, ERR_CLOSED);
        return;
    }
    enum err e = op->result ? log_io_failed(log, op->result, "sync") : ERR_OK;
    if (!e && log->dir->offline) e = ERR_OFFLINE;
    struct segment *s = log_segment_for(log, f->segment_base);
    /* the segment may have been cut away meanwhile; then there is nothing more to do for it */
    if (!e && s && s->base_offset == f->segment_base) e = sync_companions(log, s);
    if (e) {
        flush_done(f, e);
        return;
    }
    f->segment_base++;
    flush_next(f);
}

/* Sync the first segment with a base >= segment_base, or finish. */
static void flush_next(struct log_flush *f)
{
    struct log *log = f->log;
    struct segment *s = log->segments;
    struct disk_file *file;
    while (s && s <= log_active(log) && s->base_offset < f->segment_base) s++;
    if (!s || s > log_active(log) || s->base_offset >= f->offset) {
        /* The records are on stable storage whatever follows. Without room for the epochs' file the
         * recovery point stays behind: recovery reads these batches and finds their epochs. */
        enum err e = finish(log, f->offset);
        flush_done(f, e == ERR_NO_SPACE ? ERR_OK : e);
        return;
    }
    enum err e = segment_open(log, s, &file);
    if (e) {
        flush_done(f, e);
        return;
    }
    f->segment_base = s->base_offset;
    if (MUTANT(FLUSHES_NOTHING)) {
        f->segment_base++;
        flush_next(f);
        return;
    }
    disk_sync_start(file, &f->sync, flush_segment_done);
}

static void flush_begin(struct task *task)
{
    struct log_flush *f = CONTAINER_OF(task, struct log_flush, task);
    if (!f->log)
        flush_done(f, ERR_CLOSED);
    else if (f->log->dir->offline)
        flush_done(f, ERR_OFFLINE);
    else
        flush_next(f);
}

void log_flush_start(struct log *log, struct log_flush *f, void (*done)(struct log_flush *flush))
{
    PRE(!log_flush_pending(f));
    *f = (struct log_flush){.log = log, .offset = log->end_offset, .done = done};
    list_init(&f->node);
    list_init(&f->sync.node);
    list_push_back(&log->flushes, &f->node);
    struct segment *s = log_segment_for(log, log->recovery_point);
    f->segment_base = s ? s->base_offset : 0;
    /* from a task, so that what a caller appends in this turn before it returns costs no second
     * sync, and so that done never runs inline */
    task_init(&f->task, flush_begin);
    task_post(log->dir->env->clock, &f->task);
}
