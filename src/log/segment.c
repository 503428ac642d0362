/* Segments: one .log file of whole batches each, named for the first offset it may hold, and its
 * indexes.
 *
 * A crash can leave behind the recovery point: a cut or garbled tail of .log, absent or short index
 * files. Loading walks every batch from the segment of the recovery point on, cuts at the first bad
 * one, and makes the indexes anew; before it everything was synced, indexes included. */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "log/log_internal.h"

void log_dir_path_of(const struct log *log, struct log_path *path)
{
    snprintf(path->z, sizeof path->z, "%s/%.*s-%" PRId32 "%s%s%s", log->dir->path,
             (int)log->topic_len, log->topic, log->partition, log->future ? "." : "",
             log->future ? log->future : "", log->future ? "-future" : "");
}

void log_path_of(const struct log *log, const char *name, struct log_path *path)
{
    log_dir_path_of(log, path);
    size_t len = strlen(path->z);
    snprintf(path->z + len, sizeof path->z - len, "/%s", name);
}

void log_segment_path(const struct log *log, int64_t offset, const char *suffix,
                      struct log_path *path)
{
    char name[64];
    snprintf(name, sizeof name, "%020" PRId64 "%s", offset, suffix);
    log_path_of(log, name, path);
}

struct segment *log_active(struct log *log)
{
    return log->segments_count ? &log->segments[log->segments_count - 1] : NULL;
}

struct segment *log_segment_for(struct log *log, int64_t offset)
{
    int32_t low = 0, high = log->segments_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (log->segments[middle].base_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &log->segments[low - 1] : NULL;
}

int32_t log_segment_index(const struct log *log, const struct segment *s)
{
    return (int32_t)(s - log->segments);
}

struct segment *log_segment_add(struct log *log, int64_t base_offset)
{
    PRE(log->segments_count == 0 ||
        log->segments[log->segments_count - 1].base_offset < base_offset);
    if (log->segments_capacity == 0) { /* most logs have one */
        log->segments = mem_alloc(sizeof *log->segments);
        log->segments_capacity = 1;
    }
    MEM_GROW(log->segments, log->segments_count, log->segments_capacity);
    struct segment *s = &log->segments[log->segments_count++];
    *s = (struct segment){
        .base_offset = base_offset,
        .created_ms = clock_wall(log->dir->env->clock).ms,
        .first_timestamp = NO_TIMESTAMP,
        .max_timestamp = NO_TIMESTAMP,
    };
    int64_t jitter = log->config->segment_jitter_ms;
    if (jitter > log->config->segment_ms) jitter = log->config->segment_ms;
    if (jitter > 0) s->jitter_ms = (int64_t)rng_below(log->dir->env->rng, (uint64_t)jitter);
    return s;
}

static void segment_close_file(struct log_dir *dir, struct segment *s)
{
    if (!s->file) return;
    disk_file_unref(s->file);
    s->file = NULL;
    dir->open_files--;
}

void segment_free(struct segment *s)
{
    PRE(!s->file);
    offset_index_free(&s->offsets);
    time_index_free(&s->times);
}

enum err segment_open(struct log *log, struct segment *s, struct disk_file **file)
{
    struct log_dir *dir = log->dir;
    if (!s->file) {
        struct log_path path;
        log_segment_path(log, s->base_offset, ".log", &path);
        enum err e = disk_open(dir->env->disk, path.z, DISK_WRITE, &s->file);
        if (e) return log_io_failed(log, e, path.z);
        dir->open_files++;
        log_dir_file_opened(dir, log);
    } else if (dir->open_logs.next != &log->open_node) {
        list_remove(&log->open_node);
        list_push_front(&dir->open_logs, &log->open_node);
    }
    *file = s->file;
    return ERR_OK;
}

void log_close_files(struct log *log)
{
    for (int32_t i = 0; i < log->segments_count; i++)
        segment_close_file(log->dir, &log->segments[i]);
    list_remove(&log->open_node);
}

enum err segment_load_indexes(struct log *log, struct segment *s)
{
    if (s->indexed) return ERR_OK;
    struct disk *disk = log->dir->env->disk;
    struct log_path path;
    PRE(s->offsets.count == 0 && s->times.count == 0);
    log_segment_path(log, s->base_offset, ".index", &path);
    enum err e = offset_index_read(&s->offsets, disk, path.z);
    if (!e || e == ERR_NOT_FOUND) {
        log_segment_path(log, s->base_offset, ".timeindex", &path);
        e = time_index_read(&s->times, disk, path.z);
    }
    if (e && e != ERR_NOT_FOUND) { /* both or none: it may be tried again */
        offset_index_free(&s->offsets);
        time_index_free(&s->times);
        return log_io_failed(log, e, path.z);
    }
    /* files are not checked when they are loaded: what cannot be is dropped here */
    int64_t end = s == log_active(log) ? log->end_offset - s->base_offset : INT32_MAX;
    offset_index_truncate(&s->offsets, end);
    time_index_truncate(&s->times, end);
    while (s->offsets.count > 0 && s->offsets.entries[s->offsets.count - 1].position >= s->size)
        s->offsets.count--;
    s->indexed = true;
    return ERR_OK;
}

enum err segment_read_timestamps(struct log *log, struct segment *s)
{
    if (s->max_timestamp == TIMESTAMP_UNREAD) {
        struct time_entry last = {.timestamp = NO_TIMESTAMP};
        if (s->indexed) {
            last = time_index_find(&s->times, INT64_MAX);
        } else {
            struct log_path path;
            log_segment_path(log, s->base_offset, ".timeindex", &path);
            enum err e = time_index_last_in_file(log->dir->env->disk, path.z, &last);
            if (e) return log_io_failed(log, e, path.z);
        }
        s->max_timestamp = last.timestamp;
        s->max_timestamp_offset = last.offset;
    }
    if (s->first_timestamp == TIMESTAMP_UNREAD) {
        struct disk_file *file;
        struct batch_header h = {.max_timestamp = NO_TIMESTAMP};
        enum err e = s->size ? segment_open(log, s, &file) : ERR_OK;
        if (e) return e;
        if (s->size) {
            struct batch_scan scan;
            batch_scan_init(&scan, file, 0, s->size, NULL);
            e = batch_scan_next(&scan, &h, NULL);
            if (e) return log_read_failed(log, e, "first batch");
        }
        s->first_timestamp = h.max_timestamp;
    }
    return ERR_OK;
}

void segment_index_batch(struct segment *s, const struct batch_header *h, int64_t position,
                         int32_t index_interval_bytes)
{
    INVARIANT(s->indexed);
    int64_t last = batch_last_offset(h) - s->base_offset;
    INVARIANT(last >= 0 && last <= INT32_MAX && position <= INT32_MAX);
    if (s->size == 0) s->first_timestamp = h->max_timestamp;
    if (h->max_timestamp > s->max_timestamp) {
        s->max_timestamp = h->max_timestamp;
        s->max_timestamp_offset = last;
    }
    /* tested before this batch counts, so the first one of a segment is never indexed */
    if (s->bytes_since_index > index_interval_bytes) {
        offset_index_add(&s->offsets, (struct offset_entry){(int32_t)last, (int32_t)position});
        time_index_add(&s->times,
                       (struct time_entry){s->max_timestamp, (int32_t)s->max_timestamp_offset});
        s->bytes_since_index = 0;
    }
    if (s->bytes_since_index <= INT32_MAX - h->size) s->bytes_since_index += h->size;
    s->size = position + h->size;
}

enum err segment_write_indexes(struct log *log, struct segment *s, bool sync)
{
    if (!s->indexed) return ERR_OK;
    struct disk *disk = log->dir->env->disk;
    struct log_path path;
    if (s->max_timestamp >= 0) /* retention and searches rely on the last entry being the largest */
        time_index_add(&s->times,
                       (struct time_entry){s->max_timestamp, (int32_t)s->max_timestamp_offset});
    log_segment_path(log, s->base_offset, ".index", &path);
    enum err e = offset_index_write(&s->offsets, disk, path.z, sync);
    if (e) return log_io_failed(log, e, path.z);
    log_segment_path(log, s->base_offset, ".timeindex", &path);
    e = time_index_write(&s->times, disk, path.z, sync);
    return e ? log_io_failed(log, e, path.z) : ERR_OK;
}

static enum err find_from(struct log *log, struct segment *s, int64_t offset, bool from_start,
                          int64_t *position, struct batch_header *h)
{
    struct offset_entry near = {0};
    int64_t relative = offset - s->base_offset;
    struct disk_file *file;
    enum err e;
    if (relative > 0 && !from_start) {
        bool active = s == log_active(log);
        if (active && (e = segment_load_indexes(log, s))) return e;
        if (s->indexed) {
            near = offset_index_find(&s->offsets, relative);
        } else {
            struct log_path path;
            log_segment_path(log, s->base_offset, ".index", &path);
            e = offset_index_find_in_file(log->dir->env->disk, path.z, relative, &near);
            if (e) return log_io_failed(log, e, path.z);
        }
        if (near.position < 0 || near.position > s->size) near.position = 0;
    }
    e = segment_open(log, s, &file);
    if (e) return e;
    struct batch_scan scan;
    batch_scan_init(&scan, file, near.position, s->size, NULL);
    while (!(e = batch_scan_next(&scan, h, NULL))) {
        if (batch_last_offset(h) < offset) continue;
        *position = scan.position;
        return ERR_OK;
    }
    if (e == ERR_EOF) return ERR_NOT_FOUND;
    if (e != ERR_IO && near.position > 0 && !from_start) { /* a bad index is no bad log */
        trace_warn(log->dir->env->trace, "log", "%.*s-%d: the index of segment %lld misleads",
                   (int)log->topic_len, log->topic, log->partition, (long long)s->base_offset);
        return find_from(log, s, offset, true, position, h);
    }
    return log_read_failed(log, e, "a batch inside a segment");
}

enum err segment_find(struct log *log, struct segment *s, int64_t offset, int64_t *position,
                      struct batch_header *h)
{
    return find_from(log, s, offset, false, position, h);
}

/* The largest timestamp of the batches below a relative offset and position, which begin a batch:
 * of the index, or behind its last entry there, which is a few KiB to look at. */
static enum err largest_below(struct segment *s, struct disk_file *file, int64_t offset,
                              int64_t position, struct time_entry *largest)
{
    struct batch_scan scan;
    struct batch_header h;
    enum err e;
    int32_t i = s->times.count - 1;
    while (i >= 0 && s->times.entries[i].offset >= offset) i--;
    *largest = i >= 0 ? s->times.entries[i] : (struct time_entry){.timestamp = NO_TIMESTAMP};
    batch_scan_init(&scan, file, offset_index_find(&s->offsets, offset - 1).position, position,
                    NULL);
    while (!(e = batch_scan_next(&scan, &h, NULL)))
        if (h.max_timestamp > largest->timestamp)
            *largest =
                (struct time_entry){.timestamp = h.max_timestamp,
                                    .offset = (int32_t)(batch_last_offset(&h) - s->base_offset)};
    return e == ERR_EOF ? ERR_OK : e;
}

enum err segment_truncate(struct log *log, struct segment *s, int64_t *end_offset)
{
    int64_t position = s->size, offset = *end_offset;
    struct batch_header h = {.base_offset = offset};
    struct disk_file *file;
    struct log_path path;
    struct disk *disk = log->dir->env->disk;
    enum err e = segment_load_indexes(log, s);
    if (!e) e = segment_find(log, s, offset, &position, &h);
    if (e == ERR_NOT_FOUND) { /* nothing at or above: only the indexes are opened */
        h.base_offset = offset;
        e = ERR_OK;
    }
    if (!e) e = segment_open(log, s, &file);
    if (e) return e;
    if (h.base_offset < offset) *end_offset = offset = h.base_offset; /* batches go whole */
    struct time_entry largest;
    e = largest_below(s, file, offset - s->base_offset, position, &largest);
    if (e) return log_read_failed(log, e, "segment to be truncated");
    /* The files must not speak of what is gone should we die before the next close. */
    static const char *const suffixes[] = {".index", ".timeindex"};
    for (int i = 0; i < 2; i++) {
        log_segment_path(log, s->base_offset, suffixes[i], &path);
        e = disk_unlink(disk, path.z);
        if (e && e != ERR_NOT_FOUND) return log_io_failed(log, e, path.z);
    }
    if (s->has_txn_index) {
        log_segment_path(log, s->base_offset, ".txnindex", &path);
        e = txn_index_truncate(disk, path.z, offset);
        if (e) return log_io_failed(log, e, path.z);
    }
    e = disk_truncate(file, position);
    if (e) return log_io_failed(log, e, "truncation");
    s->size = position;
    offset_index_truncate(&s->offsets, offset - s->base_offset);
    time_index_truncate(&s->times, offset - s->base_offset);
    s->max_timestamp = largest.timestamp;
    s->max_timestamp_offset = largest.offset;
    s->bytes_since_index = 0;
    if (position == 0) s->first_timestamp = NO_TIMESTAMP;
    return ERR_OK;
}

enum err segment_delete(struct log *log, struct segment *s)
{
    static const char *const suffixes[] = {".log", ".index", ".timeindex", ".txnindex",
                                           ".snapshot"};
    struct disk *disk = log->dir->env->disk;
    segment_close_file(log->dir, s);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        struct log_path from, to;
        char suffix[32];
        snprintf(suffix, sizeof suffix, "%s.deleted", suffixes[i]);
        log_segment_path(log, s->base_offset, suffixes[i], &from);
        log_segment_path(log, s->base_offset, suffix, &to);
        enum err e = disk_rename(disk, from.z, to.z);
        if (e == ERR_NOT_FOUND) continue;
        if (e) return log_io_failed(log, e, from.z);
        log_dir_delete_later(log->dir, to.z, false, log->config->file_delete_delay_ms);
    }
    segment_free(s);
    return ERR_OK;
}
