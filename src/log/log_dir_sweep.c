/* What a directory does in the background, from one timer: a little at a time, so that thousands of
 * logs never hold up the loop. */
#include "log/log_internal.h"

#include "base/mem.h"

enum {
    NEW_WORK_PER_SWEEP = 32, /* files written; a sync counts for SYNC_WORK of them */
    SYNC_WORK = 8,
    DELETES_PER_SWEEP = 64,
    RETENTION_LOGS_PER_SWEEP = 256,
    AGAIN_MS = 10,
    DELETE_AGAIN_MS = 1000, /* when there were no descriptors for it */
    PRODUCER_EXPIRY_MS = 600000,
    RETENTION_FIRST_MS = 30000, /* as Kafka's InitialTaskDelayMs */
};

static struct mono_time later(struct log_dir *dir, int64_t ms)
{
    return mono_add_ms(clock_mono(dir->env->clock), ms);
}

static bool due(struct log_dir *dir, struct mono_time t)
{
    return t.ns <= clock_mono(dir->env->clock).ns;
}

static void earlier(struct mono_time *a, struct mono_time b)
{
    if (b.ns < a->ns) *a = b;
}

void log_dir_delete_later(struct log_dir *dir, const char *path, bool is_dir, int64_t delay_ms)
{
    MEM_GROW(dir->deletes, dir->deletes_count, dir->deletes_capacity);
    dir->deletes[dir->deletes_count++] =
        (struct pending_delete){str_dup_z(str_of(path)), later(dir, delay_ms), is_dir};
    log_dir_arm(dir);
}

void log_dir_file_opened(struct log_dir *dir, struct log *log)
{
    list_remove(&log->open_node);
    list_push_front(&dir->open_logs, &log->open_node);
    while (dir->open_files > dir->options.open_files_max) {
        struct list_node *oldest = dir->open_logs.prev;
        if (oldest == &log->open_node) break;
        log_close_files(CONTAINER_OF(oldest, struct log, open_node));
    }
}

void log_dir_arm(struct log_dir *dir)
{
    if (dir->offline) return;
    struct mono_time when = later(dir, AGAIN_MS);
    if (timer_armed(&dir->sweep) && dir->sweep.due.ns <= when.ns) return;
    timer_arm(dir->env->clock, &dir->sweep, when);
}

void log_dir_checkpoint_soon(struct log_dir *dir)
{
    struct mono_time soon = later(dir, AGAIN_MS);
    struct mono_time *next[] = {&dir->next_recovery, &dir->next_start, &dir->next_high_watermark};
    for (int i = 0; i < 3; i++)
        if (next[i]->ns == 0 || soon.ns < next[i]->ns) *next[i] = soon;
    log_dir_arm(dir);
}

static void sync_new_logs(struct log_dir *dir)
{
    for (int work = 0; work < NEW_WORK_PER_SWEEP && !list_empty(&dir->new_logs);) {
        struct log *log = CONTAINER_OF(dir->new_logs.next, struct log, new_node);
        bool write = !log->id_written;
        list_remove(&log->new_node);
        enum err e = write ? log_write_id(log) : log_sync_id(log);
        work += write ? 1 : SYNC_WORK;
        if (dir->offline) return;
        if (e || write) list_push_back(&dir->new_logs, &log->new_node);
        if (e) return; /* no room, no descriptors: it passes */
    }
}

static void delete_files(struct log_dir *dir, struct mono_time *next)
{
    int32_t kept = 0, removed = 0;
    for (int32_t i = 0; i < dir->deletes_count; i++) {
        struct pending_delete *d = &dir->deletes[i];
        if (removed == DELETES_PER_SWEEP || !due(dir, d->due)) {
            earlier(next, removed == DELETES_PER_SWEEP ? later(dir, AGAIN_MS) : d->due);
            dir->deletes[kept++] = *d;
            continue;
        }
        enum err e = d->is_dir ? disk_remove_tree(dir->env->disk, d->path)
                               : disk_unlink(dir->env->disk, d->path);
        if (e == ERR_NO_DESCRIPTORS) { /* it passes */
            earlier(next, later(dir, DELETE_AGAIN_MS));
            d->due = later(dir, DELETE_AGAIN_MS);
            dir->deletes[kept++] = *d;
            continue;
        }
        if (e && e != ERR_NOT_FOUND) log_dir_fail(dir, e, d->path);
        mem_free(d->path);
        removed++;
    }
    dir->deletes_count = kept;
}

struct wall_time log_dir_retention_now(struct log_dir *dir)
{
    struct clock *clock = dir->env->clock;
    bool doubted = dir->retention_clock.doubted;
    struct wall_time wall = clock_wall(clock);
    struct wall_time now = retention_clock_now(&dir->retention_clock, wall, clock_mono(clock));
    if (dir->retention_clock.doubted && !doubted)
        trace_warn(
            dir->env->trace, "log",
            "%s: the wall clock has leapt ahead by %lld s; no record is taken for older by it "
            "unless it stays so",
            dir->path, (long long)(wall.ms - now.ms) / 1000);
    return now;
}

static void retention_some(struct log_dir *dir, struct mono_time *next)
{
    int32_t end = dir->retention_at + RETENTION_LOGS_PER_SWEEP;
    for (; dir->retention_at < end && dir->retention_at < dir->logs_count; dir->retention_at++) {
        struct log *log = dir->logs[dir->retention_at];
        int32_t deleted;
        enum err e = log_apply_retention(log, &deleted);
        if (e && dir->offline) return;
        if (deleted)
            trace_info(dir->env->trace, "log", "%.*s-%d: deleted %d segments, starts at %lld",
                       (int)log->topic_len, log->topic, log->partition, deleted,
                       (long long)log->start_offset);
    }
    if (dir->retention_at < dir->logs_count)
        earlier(next, later(dir, AGAIN_MS));
    else
        dir->retention_at = -1;
}

void log_dir_apply_retention(struct log_dir *dir)
{
    struct mono_time ignored = {INT64_MAX};
    dir->retention_at = 0;
    while (dir->retention_at >= 0 && !dir->offline) retention_some(dir, &ignored);
}

static void flush_overdue(struct log_dir *dir)
{
    struct mono_time now = clock_mono(dir->env->clock);
    for (int32_t i = 0; i < dir->logs_count && !dir->offline; i++) {
        struct log *log = dir->logs[i];
        if (log->unflushed_since.ns == 0 || log->config->flush_ms == INT64_MAX) continue;
        if (mono_elapsed_ms(now, log->unflushed_since) < log->config->flush_ms) continue;
        enum err e = log_flush(log);
        if (e) trace_warn(dir->env->trace, "log", "flush: %s", err_text(e));
    }
}

static void expire_producers(struct log_dir *dir)
{
    int64_t now_ms = clock_wall(dir->env->clock).ms;
    for (int32_t i = 0; i < log_dir_all_count(dir); i++) {
        struct log *log = log_dir_all_at(dir, i);
        if (log->producers)
            producer_state_expire(log->producers, now_ms, dir->options.producer_id_expiration_ms);
    }
}

/* True when the cadence is due, which sets its next time. The first call only does that. */
static bool cadence(struct log_dir *dir, struct mono_time *t, int64_t every_ms, int64_t first_ms,
                    struct mono_time *next)
{
    bool now = t->ns != 0 && due(dir, *t);
    if (t->ns == 0)
        *t = later(dir, first_ms);
    else if (now)
        *t = later(dir, every_ms);
    earlier(next, *t);
    return now;
}

static void checkpoint(struct log_dir *dir, enum checkpoint_kind kind)
{
    enum err e = log_dir_write_checkpoint(dir, kind);
    if (e && !dir->offline) /* no space, no descriptors: it is tried again at the next cadence */
        trace_warn(dir->env->trace, "log", "%s: checkpoint: %s", dir->path, err_text(e));
}

void log_dir_sweep(struct timer *timer)
{
    struct log_dir *dir = CONTAINER_OF(timer, struct log_dir, sweep);
    const struct log_dir_options *o = &dir->options;
    struct mono_time next = later(dir, o->high_watermark_checkpoint_ms);
    log_dir_retention_now(dir); /* a leap is seen soon */
    sync_new_logs(dir);
    if (!list_empty(&dir->new_logs)) earlier(&next, later(dir, AGAIN_MS));
    delete_files(dir, &next);
    if (cadence(dir, &dir->next_high_watermark, o->high_watermark_checkpoint_ms,
                o->high_watermark_checkpoint_ms, &next))
        checkpoint(dir, CHECKPOINT_HIGH_WATERMARKS);
    if (cadence(dir, &dir->next_recovery, o->recovery_checkpoint_ms, o->recovery_checkpoint_ms,
                &next))
        checkpoint(dir, CHECKPOINT_RECOVERY_POINTS);
    if (cadence(dir, &dir->next_start, o->start_offset_checkpoint_ms, o->start_offset_checkpoint_ms,
                &next))
        checkpoint(dir, CHECKPOINT_START_OFFSETS);
    if (cadence(dir, &dir->next_retention, o->retention_check_ms,
                o->retention_check_ms < RETENTION_FIRST_MS ? o->retention_check_ms
                                                           : RETENTION_FIRST_MS,
                &next) &&
        dir->retention_at < 0)
        dir->retention_at = 0;
    if (dir->retention_at >= 0) retention_some(dir, &next);
    if (cadence(dir, &dir->next_flush, o->flush_scheduler_ms, o->flush_scheduler_ms, &next))
        flush_overdue(dir);
    if (cadence(dir, &dir->next_expiry, PRODUCER_EXPIRY_MS, PRODUCER_EXPIRY_MS, &next))
        expire_producers(dir);
    if (!dir->offline) timer_arm(dir->env->clock, &dir->sweep, next);
}
