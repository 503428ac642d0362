#include "log/log_ahead.h"

#include "log/log_write.h"

static void turn_ended(struct task *task)
{
    struct log_ahead *a = CONTAINER_OF(task, struct log_ahead, turn_ended);
    if (!a->log) return;
    enum err e = log_ahead_drop(a->log);
    (void)e; /* offline now, or tried again by the next append */
}

void log_ahead_init(struct log_ahead *a)
{
    a->log = NULL;
    task_init(&a->turn_ended, turn_ended);
}

bool log_ahead_is_next(const struct log *log, const uint8_t *data, size_t len)
{
    const struct log_ahead *a = &log->dir->ahead;
    return a->log == log && a->batches[a->next].data == data && a->batches[a->next].len == len;
}

bool log_ahead_holds(struct log *log, const struct log_write *w, int64_t position)
{
    const struct log_ahead *a = &log->dir->ahead;
    return log_ahead_is_next(log, w->data, w->len) && a->position == position &&
           memcmp(w->data, a->batches[a->next].header, BATCH_HEADER_BYTES) == 0;
}

void log_ahead_taken(struct log *log)
{
    struct log_ahead *a = &log->dir->ahead;
    PRE(a->log == log && a->next < a->count);
    a->position += (int64_t)a->batches[a->next].len;
    if (++a->next == a->count) log_ahead_forget(log);
}

void log_ahead_written(struct log *log, int32_t count, int64_t position)
{
    struct log_ahead *a = &log->dir->ahead;
    PRE(!a->log && count > 0 && count <= LOG_AHEAD_MAX);
    a->log = log;
    a->count = count;
    a->next = 0;
    a->position = position;
    task_post(log->dir->env->clock, &a->turn_ended);
}

void log_ahead_forget(struct log *log)
{
    struct log_ahead *a = &log->dir->ahead;
    if (a->log == log) a->log = NULL;
}

enum err log_ahead_drop(struct log *log)
{
    const struct log_ahead *a = &log->dir->ahead;
    struct disk_file *file;
    if (a->log != log) return ERR_OK;
    struct segment *s = log_active(log);
    INVARIANT(s && s->size == a->position);
    enum err e = log->dir->offline ? ERR_OFFLINE : segment_open(log, s, &file);
    if (e == ERR_NO_DESCRIPTORS) return e;
    log_ahead_forget(log);
    if (!e && (e = disk_truncate(file, s->size))) e = log_io_failed(log, e, "cut");
    return e;
}
