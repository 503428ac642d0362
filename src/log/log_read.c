/* Finding things: ranges for fetches, batches for replay, offsets by timestamp, aborted
 * transactions. */
#include "base/mem.h"
#include "log/log_internal.h"

enum { DECOMPRESSED_BYTES_MAX = 256 << 20 };

/* ---- the tail ---- */

void log_tail_add(struct log *log, const struct batch_header *h, int64_t position)
{
    int64_t segment_base = log_active(log)->base_offset;
    if (!log->tail) log->tail = MEM_NEW(struct log_tail);
    struct log_tail *t = log->tail;
    if (t->segment_base != segment_base) t->count = 0;
    t->segment_base = segment_base;
    uint32_t i = t->count++ % LOG_TAIL_BATCHES;
    t->batches[i].base_offset = h->base_offset;
    t->batches[i].position = (int32_t)position;
    t->batches[i].size = (int32_t)h->size;
}

/* Where the batch that begins at `offset` lies in the active segment; false when it is not
 * known. */
static bool log_tail_find(struct log *log, int64_t offset, int64_t *position, int64_t *size)
{
    const struct log_tail *t = log->tail;
    if (!t || t->count == 0 || t->segment_base != log_active(log)->base_offset) return false;
    uint32_t known = t->count < LOG_TAIL_BATCHES ? t->count : LOG_TAIL_BATCHES;
    for (uint32_t back = 1; back <= known; back++) {
        uint32_t i = (t->count - back) % LOG_TAIL_BATCHES;
        if (t->batches[i].base_offset < offset) return false;
        if (t->batches[i].base_offset > offset) continue;
        *position = t->batches[i].position;
        *size = t->batches[i].size;
        return true;
    }
    return false;
}

void log_tail_forget(struct log *log)
{
    if (log->tail) log->tail->count = 0;
}

/* ---- ranges ---- */

/* The segment that holds the first batch with a last offset >= `offset`, and where. Compaction and
 * truncation leave gaps, so the batch may lie in a later segment. Err: NOT_FOUND (log end). */
static enum err find_batch(struct log *log, int64_t offset, struct segment **segment,
                           int64_t *position, struct batch_header *h)
{
    struct segment *s = log_segment_for(log, offset);
    if (!s && log->segments_count) s = &log->segments[0];
    for (; s && s <= log_active(log); s++) {
        enum err e = s->size ? segment_find(log, s, offset, position, h) : ERR_NOT_FOUND;
        if (e == ERR_NOT_FOUND) continue;
        *segment = s;
        return e;
    }
    return ERR_NOT_FOUND;
}

/* Where a read with this bound must stop within the segment. */
static enum err end_position(struct log *log, struct segment *s, int64_t end_offset,
                             int64_t *position)
{
    struct batch_header h;
    int64_t size;
    *position = s->size;
    if (end_offset >= log->end_offset) return ERR_OK;
    if (s == log_active(log) && log_tail_find(log, end_offset, position, &size)) return ERR_OK;
    if (s != log_active(log) && end_offset >= s[1].base_offset) return ERR_OK;
    enum err e = segment_find(log, s, end_offset, position, &h);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err log_read(struct log *log, const struct log_read_options *o, struct log_slice *slice)
{
    *slice = (struct log_slice){.segment_base_offset = log_active_segment_base(log)};
    if (log->dir->offline) return ERR_OFFLINE;
    if (o->offset < log->start_offset || o->offset > log->end_offset) return ERR_OUT_OF_RANGE;
    if (o->offset >= o->end_offset || o->offset == log->end_offset) return ERR_OK;
    struct segment *s = log_active(log);
    struct batch_header h;
    int64_t position, end, first_size = 0;
    enum err e = ERR_OK;
    if (!log_tail_find(log, o->offset, &position, &first_size)) {
        e = find_batch(log, o->offset, &s, &position, &h);
        if (e == ERR_NOT_FOUND) return ERR_OK;
        first_size = h.size;
        if (!e && o->leader_epoch_end > 0 && h.leader_epoch >= o->leader_epoch_end)
            e = log_mend_batch(log, s, position, &h);
    }
    if (!e) e = end_position(log, s, o->end_offset, &end);
    if (e) return e;
    int64_t len = end - position;
    int64_t most = o->bytes_max > 0 ? o->bytes_max : 0;
    /* A first batch that would be cut is of no use to anybody. */
    if (most < first_size) most = o->min_one_batch ? first_size : 0;
    if (len > most) len = most;
    slice->segment_base_offset = s->base_offset;
    if (len <= 0) return ERR_OK;
    struct disk_file *file;
    e = segment_open(log, s, &file);
    if (e) return e;
    disk_file_ref(file);
    slice->file = file;
    slice->position = position;
    slice->len = len;
    return ERR_OK;
}

/* Bytes of the whole batches at the start of `b`; the last one may be cut. */
static int64_t whole_batches(struct bytes b)
{
    int64_t at = 0, size;
    while (b.len - at >= BATCH_PREFIX_BYTES && !batch_peek_size(b.data + at, &size) &&
           size <= b.len - at)
        at += size;
    return at;
}

enum err log_read_batches(struct log *log, int64_t offset, int64_t end_offset, int64_t bytes_max,
                          struct arena *arena, struct bytes *batches)
{
    struct log_read_options o = {
        .offset = offset, .end_offset = end_offset, .bytes_max = bytes_max, .min_one_batch = true};
    struct log_slice slice;
    *batches = bytes_of(NULL, 0);
    enum err e = log_read(log, &o, &slice);
    if (e || slice.len == 0) return e;
    uint8_t *to = arena_alloc(arena, (size_t)slice.len);
    e = disk_read_exact(slice.file, slice.position, to, (size_t)slice.len);
    disk_file_unref(slice.file);
    if (e) return log_read_failed(log, e, "read");
    *batches = (struct bytes){to, slice.len};
    batches->len = whole_batches(*batches);
    return batches->len > 0 ? ERR_OK : ERR_CORRUPT; /* a batch was there a moment ago */
}

/* ---- read_committed ---- */

/* How far the slice may reach, rounded up to what is cheap to know. */
static enum err slice_end_offset(struct log *log, const struct log_slice *slice, int64_t offset,
                                 int64_t *end)
{
    struct segment *s = log_segment_for(log, slice->segment_base_offset);
    *end = log->end_offset;
    if (!s || slice->len == 0) {
        *end = offset + 1;
        return ERR_OK;
    }
    int64_t next_base = s == log_active(log) ? log->end_offset : s[1].base_offset;
    int64_t behind = slice->position + slice->len;
    *end = next_base;
    if (behind >= s->size) return ERR_OK;
    /* walk headers from the slice's start: the first batch that begins at or behind its end */
    struct disk_file *file;
    struct batch_scan scan;
    struct batch_header h;
    enum err e = segment_open(log, s, &file);
    if (e) return e;
    batch_scan_init(&scan, file, slice->position, s->size, NULL);
    while (!(e = batch_scan_next(&scan, &h, NULL)))
        if (scan.next >= behind) {
            *end = batch_last_offset(&h) + 1;
            break;
        }
    return e == ERR_EOF ? ERR_OK : e;
}

enum err log_aborted_transactions(struct log *log, int64_t offset, const struct log_slice *slice,
                                  struct arena *arena, struct aborted_transaction **aborted,
                                  int32_t *count)
{
    int64_t end;
    int32_t capacity = 0;
    *count = 0;
    *aborted = NULL;
    if (log->dir->offline) return ERR_OFFLINE;
    bool any = false;
    for (struct segment *s = log_segment_for(log, slice->segment_base_offset);
         s && s <= log_active(log); s++)
        any = any || s->has_txn_index;
    if (!any) return ERR_OK;
    enum err e = slice_end_offset(log, slice, offset, &end);
    if (e) return e;
    struct segment *s = log_segment_for(log, slice->segment_base_offset);
    for (bool complete = false; s && s <= log_active(log) && !complete; s++) {
        struct txn_entry *entries;
        int32_t n;
        struct log_path path;
        if (!s->has_txn_index) continue;
        log_segment_path(log, s->base_offset, ".txnindex", &path);
        e = txn_index_read(log->dir->env->disk, path.z, s->base_offset, arena, &entries, &n);
        if (e) return log_io_failed(log, e, path.z);
        for (int32_t i = 0; i < n && !complete; i++) {
            if (entries[i].last_offset >= offset && entries[i].first_offset < end) {
                if (*count == capacity) {
                    capacity = capacity ? capacity * 2 : 8;
                    struct aborted_transaction *more =
                        ARENA_ARRAY(arena, struct aborted_transaction, capacity);
                    if (*count) memcpy(more, *aborted, (size_t)*count * sizeof *more);
                    *aborted = more;
                }
                (*aborted)[(*count)++] =
                    (struct aborted_transaction){entries[i].producer_id, entries[i].first_offset};
            }
            complete = entries[i].last_stable_offset >= end;
        }
    }
    return ERR_OK;
}

/* ---- timestamps ---- */

/* The first record of a batch with a timestamp >= `timestamp_ms` and an offset >= `offset`. */
static enum err find_record(struct log *log, struct segment *s, int64_t position,
                            const struct batch_header *h, int64_t timestamp_ms, int64_t offset,
                            struct timestamp_offset *out, bool *found)
{
    struct log_dir *dir = log->dir;
    struct disk_file *file;
    struct bytes records;
    *found = false;
    enum err e = segment_open(log, s, &file);
    if (e) return e;
    dir->scan.len = 0;
    byte_buffer_reserve(&dir->scan, (size_t)h->size);
    e = disk_read_exact(file, position, dir->scan.data, (size_t)h->size);
    if (e) return log_io_failed(log, e, "batch");
    e = batch_records(dir->codec, dir->scan.data, h, DECOMPRESSED_BYTES_MAX, &dir->records,
                      &records);
    if (e) return ERR_CORRUPT;
    struct record_iterator it;
    struct record r;
    bool more;
    record_iterator_init(&it, h, records);
    while (!(e = record_iterator_next(&it, &r, &more)) && more) {
        if (r.timestamp < timestamp_ms || r.offset < offset) continue;
        *out = (struct timestamp_offset){r.timestamp, r.offset, h->leader_epoch};
        *found = true;
        return ERR_OK;
    }
    return e ? ERR_CORRUPT : ERR_OK;
}

/* The first record of a segment with a timestamp >= `timestamp_ms` and an offset >= `start`. */
static enum err find_in_segment(struct log *log, struct segment *s, int64_t timestamp_ms,
                                int64_t start, struct timestamp_offset *out, bool *found)
{
    struct time_entry near = {.timestamp = -1};
    struct log_path path;
    struct batch_header h;
    int64_t position;
    enum err e;
    if (s->indexed) {
        near = time_index_find(&s->times, timestamp_ms);
    } else {
        log_segment_path(log, s->base_offset, ".timeindex", &path);
        e = time_index_find_in_file(log->dir->env->disk, path.z, timestamp_ms, &near);
        if (e) return log_io_failed(log, e, path.z);
    }
    if (near.timestamp == timestamp_ms) near.offset = 0; /* an earlier record may have it too */
    int64_t from = s->base_offset + near.offset;
    if (from < start) from = start;
    *found = false;
    e = s->size ? segment_find(log, s, from, &position, &h) : ERR_NOT_FOUND;
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    struct disk_file *file;
    struct batch_scan scan;
    e = segment_open(log, s, &file);
    if (e) return e;
    batch_scan_init(&scan, file, position, s->size, NULL);
    while (!(e = batch_scan_next(&scan, &h, NULL))) {
        if (h.max_timestamp < timestamp_ms || batch_last_offset(&h) < start) continue;
        if (h.magic < BATCH_MAGIC) continue;
        e = find_record(log, s, scan.position, &h, timestamp_ms, start, out, found);
        if (e || *found) return e;
    }
    return e == ERR_EOF ? ERR_OK : log_read_failed(log, e, "segment");
}

enum err log_offset_for_timestamp(struct log *log, int64_t timestamp_ms,
                                  struct timestamp_offset *out)
{
    *out = (struct timestamp_offset){NO_TIMESTAMP, NO_OFFSET, NO_LEADER_EPOCH};
    if (log->dir->offline) return ERR_OFFLINE;
    for (int32_t i = 0; i < log->segments_count; i++) {
        struct segment *s = &log->segments[i];
        enum err e = segment_read_timestamps(log, s);
        if (e) return e;
        if (s->max_timestamp < timestamp_ms) continue;
        bool found;
        e = find_in_segment(log, s, timestamp_ms, log->start_offset, out, &found);
        if (e || found) return e;
    }
    return ERR_OK;
}

enum err log_offset_of_max_timestamp(struct log *log, struct timestamp_offset *out)
{
    struct segment *best = NULL;
    *out = (struct timestamp_offset){NO_TIMESTAMP, NO_OFFSET, NO_LEADER_EPOCH};
    if (log->dir->offline) return ERR_OFFLINE;
    for (int32_t i = 0; i < log->segments_count; i++) {
        struct segment *s = &log->segments[i];
        enum err e = segment_read_timestamps(log, s);
        if (e) return e;
        if (s->max_timestamp >= 0 && (!best || s->max_timestamp > best->max_timestamp)) best = s;
    }
    if (!best) return ERR_OK;
    bool found;
    struct timestamp_offset record;
    /* as in Kafka, of what lies before the log start too, until its segment goes */
    enum err e =
        find_in_segment(log, best, best->max_timestamp, best->base_offset, &record, &found);
    if (!e && found) *out = record;
    return e;
}
