/* Removing from the end (a follower that diverged) and from the start (retention,
 * DeleteRecords). */
#include "log/log_write.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mark.h"

/* The offset a file of a partition directory is named for; -1 when its name is not of that form. */
static int64_t offset_of_name(const char *name, const char *suffix)
{
    char *end;
    if (strlen(name) != 20 + strlen(suffix) || strcmp(name + 20, suffix) != 0) return -1;
    int64_t offset = strtoll(name, &end, 10);
    return end == name + 20 ? offset : -1;
}

/* Remove snapshots with an offset above `offset`, and find the newest that is left. */
static enum err log_remove_snapshots_above(struct log *log, int64_t offset)
{
    struct disk *disk = log->dir->env->disk;
    struct disk_entry *entries;
    struct log_path path;
    struct arena arena;
    int32_t count;
    arena_init(&arena, 0);
    log_dir_path_of(log, &path);
    enum err e = disk_list(disk, path.z, &arena, &entries, &count);
    if (e) e = log_io_failed(log, e, path.z);
    log->snapshot_offset = NO_OFFSET;
    for (int32_t i = 0; i < count && !e; i++) {
        int64_t at = offset_of_name(entries[i].name, ".snapshot");
        if (at > offset) {
            log_segment_path(log, at, ".snapshot", &path);
            e = disk_unlink(disk, path.z);
            if (e) e = log_io_failed(log, e, path.z);
        } else if (at > log->snapshot_offset) {
            log->snapshot_offset = at;
        }
    }
    arena_free(&arena);
    return e;
}

/* Flushes under way cannot vouch for what is written where they thought they had synced. */
static void lower_flushes(struct log *log, int64_t offset)
{
    LIST_EACH(&log->flushes, node) {
        struct log_flush *f = CONTAINER_OF(node, struct log_flush, node);
        if (f->offset > offset) f->offset = offset;
    }
}

static void end_moved(struct log *log, int64_t offset)
{
    log->end_offset = offset;
    log_tail_forget(log);
    lower_flushes(log, offset);
    if (log->recovery_point > offset) log->recovery_point = offset;
    if (log->high_watermark > offset) log_set_high_watermark(log, offset);
}

static enum err sync_names(struct log *log)
{
    struct log_path path;
    log_dir_path_of(log, &path);
    enum err e = disk_sync_dir(log->dir->env->disk, path.z);
    return e ? log_io_failed(log, e, path.z) : ERR_OK;
}

/* What goes is gone durably: else a loss of power could bring it back below a high watermark that
 * has risen since, over other records. Nobody knows what of it is on the disk: what was synced is,
 * what survived an earlier loss of power is, and the kernel may have written the rest. */
enum err log_settle_cut(struct log *log)
{
    struct disk_file *file;
    if (!log->cut.pending) return ERR_OK;
    enum err e = log->segments_count == 0 ? log_begin_segment(log, log->end_offset) : ERR_OK;
    if (!e) e = log_remove_snapshots_above(log, log->cut.snapshots_above);
    if (!e && log->cut.file) {
        e = segment_open(log, log_active(log), &file);
        if (!e && (e = disk_sync(file))) e = log_io_failed(log, e, "sync");
    }
    if (!e && log->cut.names) e = sync_names(log);
    if (!e && (log->producers || log->snapshot_offset != NO_OFFSET))
        e = log_load_producers(log, false, NULL);
    if (!e) log->cut.pending = false;
    return e;
}

static void cut_at(struct log *log, int64_t offset, bool names)
{
    epoch_cache_truncate_end(&log->epochs, offset);
    end_moved(log, offset);
    /* of an earlier one that is still pending, too */
    bool before = log->cut.pending && log->cut.snapshots_above < offset;
    log->cut = (struct log_cut){.pending = true,
                                .file = true,
                                .names = names || (log->cut.pending && log->cut.names),
                                .snapshots_above = before ? log->cut.snapshots_above : offset};
}

enum err log_truncate_to(struct log *log, int64_t offset)
{
    PRE(offset >= 0);
    if (log->dir->offline) return ERR_OFFLINE;
    if (offset < log->end_offset || !MUTANT(KEEPS_EPOCHS)) /* also when no bytes go (S7) */
        epoch_cache_truncate_end(&log->epochs, offset);
    enum err dropped = log_ahead_drop(log);
    if (dropped) return dropped;
    if (offset >= log->end_offset) return log_settle_cut(log);
    if (offset < log->start_offset || log->segments_count == 0 ||
        log->segments[0].base_offset > offset)
        return log_truncate_fully_and_start_at(log, offset);
    /* First the checkpoint: a crash in between must not trust what is about to go. Nor may a loss
     * of power bring it back, when the log has gone on in a new segment: so the one that is cut
     * counts as not synced, from its beginning. */
    const struct segment *cut = log_segment_for(log, offset);
    bool names = log_active(log) != cut;
    if (log->recovery_point > offset ||
        (log->recovery_point == offset && cut->base_offset < offset)) {
        log->recovery_point = cut->base_offset;
        enum err e = log_dir_write_checkpoint(log->dir, CHECKPOINT_RECOVERY_POINTS);
        if (e) return e;
    }
    /* should a step fail, the log is whole as far as the one before it went */
    while (log_active(log)->base_offset > offset) {
        struct segment *s = log_active(log);
        int64_t base_offset = s->base_offset;
        enum err e = segment_delete(log, s);
        if (e) return e;
        log->segments_count--;
        cut_at(log, base_offset, names);
    }
    enum err e = segment_truncate(log, log_active(log), &offset);
    if (e) return e;
    cut_at(log, offset, names);
    return log_settle_cut(log);
}

enum err log_restart_at(struct log *log, int64_t offset, int64_t start_offset)
{
    if (log->recovery_point > offset) {
        log->recovery_point = offset;
        enum err e = log_dir_write_checkpoint(log->dir, CHECKPOINT_RECOVERY_POINTS);
        if (e) return e;
    }
    log_ahead_forget(log);
    while (log->segments_count > 0) {
        enum err e = segment_delete(log, log_active(log));
        if (e) return e;
        log->segments_count--;
    }
    log_tail_forget(log);
    epoch_cache_clear(&log->epochs);
    if (log->producers) producer_state_clear(log->producers);
    log->start_offset = start_offset;
    log->end_offset = offset;
    lower_flushes(log, 0);
    log->recovery_point = offset;
    log->high_watermark = offset > start_offset ? offset : start_offset;
    /* a file deleted under this name a moment ago waits to be unlinked as .deleted: no conflict */
    log->cut = (struct log_cut){.pending = true, .names = true, .snapshots_above = -1};
    return log_settle_cut(log);
}

enum err log_truncate_fully_and_start_at(struct log *log, int64_t offset)
{
    PRE(offset >= 0);
    if (log->dir->offline) return ERR_OFFLINE;
    return log_restart_at(log, offset, offset);
}

/* Take segments [0, count) out and delete their files. */
static enum err log_delete_oldest(struct log *log, int32_t count)
{
    PRE(count < log->segments_count);
    for (int32_t i = 0; i < count; i++) {
        enum err e = segment_delete(log, &log->segments[0]);
        if (e) return e;
        memmove(log->segments, log->segments + 1,
                (size_t)(log->segments_count - 1) * sizeof *log->segments);
        log->segments_count--;
    }
    return ERR_OK;
}

/* Everything below is gone for readers; the files follow. */
static void start_moved(struct log *log, int64_t offset)
{
    log->start_offset = offset;
    if (log->high_watermark < offset) log_set_high_watermark(log, offset);
    epoch_cache_truncate_start(&log->epochs, offset);
    if (log->recovery_point < offset) log->recovery_point = offset;
}

static int32_t segments_below(const struct log *log, int64_t offset)
{
    int32_t n = 0;
    while (n + 1 < log->segments_count && log->segments[n + 1].base_offset <= offset) n++;
    return n;
}

enum err log_advance_start(struct log *log, int64_t offset)
{
    if (log->dir->offline) return ERR_OFFLINE;
    if (offset <= log->start_offset) return ERR_OK;
    if (offset > log->high_watermark) return ERR_OUT_OF_RANGE;
    start_moved(log, offset);
    int32_t below = segments_below(log, offset);
    return below ? log_delete_oldest(log, below) : ERR_OK;
}

/* ---- retention ---- */

static enum err expired(struct log *log, struct segment *s, int64_t now_ms, int64_t excess_bytes,
                        bool *yes)
{
    const struct log_config *c = log->config;
    *yes = false;
    if (!c->cleanup_delete) return ERR_OK;
    if (c->retention_bytes >= 0 && s->size > 0 && excess_bytes >= s->size) {
        *yes = true;
        return ERR_OK;
    }
    if (c->retention_ms < 0 || s->size == 0) return ERR_OK;
    enum err e = segment_read_timestamps(log, s);
    if (e) return e;
    int64_t largest = s->max_timestamp;
    if (largest < 0) {
        struct log_path path;
        struct disk_stat st;
        log_segment_path(log, s->base_offset, ".log", &path);
        e = disk_stat(log->dir->env->disk, path.z, &st);
        if (e) return log_io_failed(log, e, path.z);
        largest = st.modified_ms;
    }
    *yes = now_ms - largest > c->retention_ms;
    return ERR_OK;
}

enum err log_apply_retention(struct log *log, int32_t *deleted)
{
    *deleted = 0;
    if (log->dir->offline) return ERR_OFFLINE;
    int64_t now_ms = log_dir_retention_now(log->dir).ms;
    int64_t excess =
        log->config->retention_bytes >= 0 ? log_size_bytes(log) - log->config->retention_bytes : 0;
    int32_t count = segments_below(log, log->start_offset);
    for (int32_t i = 0; i < count; i++) excess -= log->segments[i].size;
    for (; count < log->segments_count; count++) {
        struct segment *s = &log->segments[count];
        bool yes, last = s == log_active(log);
        int64_t next = last ? log->end_offset : s[1].base_offset;
        if (next > log->high_watermark) break; /* also an empty active segment ends here: size 0 */
        enum err e = expired(log, s, now_ms, excess, &yes);
        if (e) return e;
        if (!yes) break;
        excess -= s->size;
    }
    if (count == 0) return ERR_OK;
    if (count == log->segments_count) {
        enum err e = log_roll(log); /* everything goes; the name of the new file keeps the offset */
        if (e) return e;
    }
    int64_t start = log->segments[count].base_offset;
    if (start > log->start_offset) start_moved(log, start);
    enum err e = log_delete_oldest(log, count);
    if (!e) *deleted = count;
    return e;
}
