/* Loading a log from its directory (LogLoader), and closing it so that the next load is quick.
 *
 * 1. Leftovers: *.deleted go; an interrupted replacement (.cleaned, .swap) is undone or completed.
 * 2. Segments by ascending base. After a clean stop their sizes are taken; only the end of the last
 *    is looked at. Otherwise every batch from the recovery point's segment on is walked, the
 *    first bad one cuts the log there, and what lies behind goes.
 * 3. Offsets from the checkpoints are brought within what is there.
 * 4. Producers from the newest snapshot, replaying the rest. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/mark.h"
#include "log/log_write.h"
#include "log/partition_metadata.h"

enum { OFFSET_DIGITS = 20, SMALL_SEGMENT_BYTES = 4096 /* quicker walked than looked up */ };

struct log_listing {
    struct disk_entry *entries;
    int32_t count;
    struct arena arena;
};

/* NAME = 20 digits and a suffix that is returned; NULL for others. */
static const char *suffix_of(const char *name, int64_t *offset)
{
    size_t len = strlen(name);
    *offset = 0;
    if (len <= OFFSET_DIGITS || name[OFFSET_DIGITS] != '.') return NULL;
    for (int i = 0; i < OFFSET_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9') return NULL;
        if (__builtin_mul_overflow(*offset, 10, offset) ||
            __builtin_add_overflow(*offset, name[i] - '0', offset))
            return NULL;
    }
    return name + OFFSET_DIGITS;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static enum err unlink_name(struct log *log, const char *name)
{
    struct log_path path;
    log_path_of(log, name, &path);
    enum err e = disk_unlink(log->dir->env->disk, path.z);
    return e && e != ERR_NOT_FOUND ? log_io_failed(log, e, path.z) : ERR_OK;
}

static enum err list(struct log *log, struct log_listing *l)
{
    struct log_path path;
    log_dir_path_of(log, &path);
    arena_reset(&l->arena);
    enum err e = disk_list(log->dir->env->disk, path.z, &l->arena, &l->entries, &l->count);
    return e ? log_io_failed(log, e, path.z) : ERR_OK;
}

/* ---- leftovers ---- */

/* A complete replacement becomes what it replaces: segments whose base lies in its offset range
 * go. */
static enum err complete_swap(struct log *log, const struct log_listing *l, const char *name,
                              int64_t base)
{
    struct log_path from, to;
    struct disk_file *file;
    int64_t size, last = base - 1;
    struct batch_scan scan;
    struct batch_header h;
    log_path_of(log, name, &from);
    enum err e = disk_open(log->dir->env->disk, from.z, DISK_READ, &file);
    if (e) return log_io_failed(log, e, from.z);
    e = disk_size(file, &size);
    batch_scan_init(&scan, file, 0, e ? 0 : size, NULL);
    while (!e && !(e = batch_scan_next(&scan, &h, NULL))) last = batch_last_offset(&h);
    disk_file_unref(file);
    if (e != ERR_EOF) return log_io_failed(log, ERR_CORRUPT, from.z);
    e = ERR_OK;
    for (int32_t i = 0; i < l->count && !e; i++) {
        int64_t offset;
        const char *suffix = suffix_of(l->entries[i].name, &offset);
        if (!suffix || offset < base || offset > last) continue;
        if (strcmp(suffix, ".log") == 0 || strcmp(suffix, ".index") == 0 ||
            strcmp(suffix, ".timeindex") == 0 || strcmp(suffix, ".txnindex") == 0)
            e = unlink_name(log, l->entries[i].name);
    }
    static const char *const suffixes[] = {".index", ".timeindex", ".txnindex", ".log"};
    for (int i = 0; i < 4 && !e; i++) {
        char swap[32];
        snprintf(swap, sizeof swap, "%s.swap", suffixes[i]);
        log_segment_path(log, base, swap, &from);
        log_segment_path(log, base, suffixes[i], &to);
        e = disk_rename(log->dir->env->disk, from.z, to.z);
        if (e == ERR_NOT_FOUND) e = ERR_OK;
        if (e) e = log_io_failed(log, e, from.z);
    }
    return e;
}

static enum err clean_leftovers(struct log *log, struct log_listing *l)
{
    int64_t offset, cleaned_min = INT64_MAX;
    bool any = false;
    enum err e = ERR_OK;
    for (int32_t i = 0; i < l->count; i++) {
        const char *name = l->entries[i].name;
        bool cleaned = ends_with(name, ".cleaned");
        if (cleaned && suffix_of(name, &offset) && offset < cleaned_min) cleaned_min = offset;
        any = any || cleaned || ends_with(name, ".swap") || ends_with(name, ".deleted");
    }
    if (!any) return ERR_OK;
    for (int32_t i = 0; i < l->count && !e; i++) {
        const char *name = l->entries[i].name;
        bool interrupted =
            ends_with(name, ".swap") && suffix_of(name, &offset) && offset >= cleaned_min;
        if (ends_with(name, ".deleted") || ends_with(name, ".cleaned") || interrupted)
            e = unlink_name(log, name);
    }
    if (!e) e = list(log, l);
    for (int32_t i = 0; i < l->count && !e; i++) {
        const char *suffix = suffix_of(l->entries[i].name, &offset);
        if (suffix && strcmp(suffix, ".log.swap") == 0)
            e = complete_swap(log, l, l->entries[i].name, offset);
    }
    return e ? e : list(log, l);
}

/* ---- segments ---- */

static bool listed(const struct log_listing *l, const char *name)
{
    int32_t low = 0, high = l->count; /* the listing is sorted */
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int c = strcmp(l->entries[middle].name, name);
        if (c == 0) return true;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool present(const struct log_listing *l, int64_t offset, const char *suffix)
{
    char name[64];
    snprintf(name, sizeof name, "%020" PRId64 "%s", offset, suffix);
    return listed(l, name);
}

static enum err add_segments(struct log *log, const struct log_listing *l)
{
    for (int32_t i = 0; i < l->count; i++) {
        int64_t base;
        struct disk_stat st;
        struct log_path path;
        const char *suffix = suffix_of(l->entries[i].name, &base);
        if (!suffix) continue;
        bool index = strcmp(suffix, ".index") == 0 || strcmp(suffix, ".timeindex") == 0 ||
                     strcmp(suffix, ".txnindex") == 0;
        if (index && !present(l, base, ".log")) {
            enum err e = unlink_name(log, l->entries[i].name);
            if (e) return e;
        }
        if (strcmp(suffix, ".log") != 0) continue;
        log_path_of(log, l->entries[i].name, &path);
        enum err e = disk_stat(log->dir->env->disk, path.z, &st);
        if (e) return log_io_failed(log, e, path.z);
        struct segment *s = log_segment_add(log, base);
        s->size = st.size;
        s->created_ms = st.modified_ms;
        s->first_timestamp = s->max_timestamp = TIMESTAMP_UNREAD;
        s->has_txn_index = present(l, base, ".txnindex");
        if (st.size == 0) s->first_timestamp = s->max_timestamp = NO_TIMESTAMP;
    }
    return ERR_OK;
}

/* Remove a segment's files at once: recovery has decided that it cannot be. */
static enum err drop_last_segment(struct log *log)
{
    struct segment *s = log_active(log);
    static const char *const suffixes[] = {".log", ".index", ".timeindex", ".txnindex"};
    int64_t base = s->base_offset;
    log_close_files(log);
    segment_free(s);
    log->segments_count--;
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "%020" PRId64 "%s", base, suffixes[i]);
        enum err e = unlink_name(log, name);
        if (e) return e;
    }
    return ERR_OK;
}

/* Of any magic. A message of magic 0 or 1 has a CRC-32 of what stands behind it, from magic on;
 * without looking at it a torn sector, whose zeros read as magic 0, would pass for a message (found
 * by the simulator, seed 1795415235988289). */
static bool checksum_ok(const uint8_t *data, const struct batch_header *h)
{
    enum { LEGACY_CRC_AT = 12, LEGACY_COVERED_FROM = 16 };
    if (h->magic == BATCH_MAGIC) return batch_crc_ok(data, h) || MUTANT(RECOVERS_TORN_TAIL);
    if (h->size <= LEGACY_COVERED_FROM) return false;
    uLong crc = crc32(0, data + LEGACY_COVERED_FROM, (uInt)(h->size - LEGACY_COVERED_FROM));
    return (uint32_t)crc == load_be32(data + LEGACY_CRC_AT);
}

bool log_recovery_takes(const struct recovery_place *at, const struct batch_header *h,
                        const uint8_t *data)
{
    int64_t last = batch_last_offset(h);
    return h->base_offset >= at->next && last < at->limit && last - at->segment_base <= INT32_MAX &&
           at->position <= INT32_MAX && checksum_ok(data, h);
}

/* Walk a segment, making its indexes and the producers' state; cut it at the first bad batch. */
static enum err recover_segment(struct log *log, struct segment *s, int64_t limit, bool *cut)
{
    struct disk_file *file;
    struct batch_header h;
    const uint8_t *data;
    int64_t size = s->size, next = s->base_offset;
    char name[64];
    enum err e = segment_open(log, s, &file);
    if (e) return e;
    snprintf(name, sizeof name, "%020" PRId64 ".txnindex", s->base_offset);
    if (s->has_txn_index && (e = unlink_name(log, name))) return e;
    s->has_txn_index = false;
    offset_index_free(&s->offsets);
    time_index_free(&s->times);
    s->indexed = true;
    s->size = 0;
    s->bytes_since_index = 0;
    s->first_timestamp = s->max_timestamp = NO_TIMESTAMP;
    struct batch_scan scan;
    batch_scan_init(&scan, file, 0, size, &log->dir->scan);
    while (!(e = batch_scan_next(&scan, &h, &data))) {
        struct recovery_place at = {.segment_base = s->base_offset,
                                    .next = next,
                                    .limit = limit,
                                    .position = scan.position};
        if (!log_recovery_takes(&at, &h, data)) {
            e = ERR_CORRUPT;
            break;
        }
        next = batch_last_offset(&h) + 1;
        segment_index_batch(s, &h, scan.position, log->config->index_interval_bytes);
        e = log_replay_batch(log, &h, data, true);
        if (e) break;
    }
    log->end_offset = next;
    /* only what the bytes say cuts them: not that they could not be read or indexed just now */
    if (e == ERR_IO || e == ERR_NO_SPACE || e == ERR_NO_DESCRIPTORS || log->dir->offline)
        return log_io_failed(log, e, "recovery");
    *cut = s->size < size;
    if (!*cut) return ERR_OK;
    MARK("recovery cuts a torn tail");
    trace_warn(log->dir->env->trace, "log",
               "%.*s-%d: cut segment %020" PRId64 " from %" PRId64 " to %" PRId64
               " bytes, at offset %" PRId64 ": %s",
               (int)log->topic_len, log->topic, log->partition, s->base_offset, size, s->size, next,
               e == ERR_EOF ? "?" : err_text(e));
    e = disk_truncate(file, s->size);
    /* Synced, or a loss of power would bring back what was cut: after what is appended next it may
     * pass for the log's own. */
    if (!e) e = disk_sync(file);
    return e ? log_io_failed(log, e, "truncation") : ERR_OK;
}

/* Segments [first, end) are recovered; the rest are trusted. */
static enum err recover(struct log *log, int32_t first, const struct log_listing *l)
{
    if (first >= log->segments_count) return ERR_OK;
    log->end_offset = log->segments[first].base_offset;
    enum err e = log_load_producers(log, false, l);
    log->snapshot_offset = NO_OFFSET; /* those above may be torn: they are written again */
    for (int32_t i = first; !e && i < log->segments_count; i++) {
        struct segment *s = &log->segments[i];
        bool cut = false, last = i + 1 == log->segments_count;
        if (i > first && s->base_offset != log->end_offset && s->base_offset > log->compacted_to) {
            /* the tail before it is lost, though no batch is torn: a hole would never be mended,
             * a log that ends earlier is fetched again */
            trace_warn(log->dir->env->trace, "log",
                       "%.*s-%d: segment %020" PRId64 " does not join offset %" PRId64 "; dropped",
                       (int)log->topic_len, log->topic, log->partition, s->base_offset,
                       log->end_offset);
            while (log->segments_count > i && !e) e = drop_last_segment(log);
            break;
        }
        log->end_offset = s->base_offset;
        e = recover_segment(log, s, last ? INT64_MAX : s[1].base_offset, &cut);
        if (e) return e;
        while (cut && log->segments_count > i + 1 && !e) e = drop_last_segment(log);
        s = &log->segments[i];
        if (!e && i + 1 < log->segments_count) {
            e = segment_write_indexes(log, s, true);
            if (!e) e = log_write_snapshot(log, log->end_offset, true);
            offset_index_free(&s->offsets);
            time_index_free(&s->times);
            s->indexed = false;
        }
    }
    /* those of what was cut must not be found again when the log has grown that far */
    int64_t offset;
    for (int32_t i = 0; i < l->count && !e; i++) {
        const char *suffix = suffix_of(l->entries[i].name, &offset);
        if (suffix && strcmp(suffix, ".snapshot") == 0 && offset >= log->end_offset)
            e = unlink_name(log, l->entries[i].name);
    }
    return e;
}

/* The end of the last segment, from its index and a few headers. */
static enum err find_end(struct log *log)
{
    struct segment *s = log_active(log);
    struct batch_header h;
    struct disk_file *file;
    struct batch_scan scan;
    log->end_offset = s->base_offset;
    if (s->size == 0) return ERR_OK;
    struct offset_entry near = {0};
    enum err e = ERR_OK;
    if (s->size > SMALL_SEGMENT_BYTES) {
        struct log_path path;
        log_segment_path(log, s->base_offset, ".index", &path);
        e = offset_index_find_in_file(log->dir->env->disk, path.z, INT64_MAX, &near);
        if (e) return log_io_failed(log, e, path.z);
    }
    e = segment_open(log, s, &file);
    if (e) return e;
    if (near.position < 0 || near.position >= s->size) near = (struct offset_entry){0};
    batch_scan_init(&scan, file, near.position, s->size, NULL);
    while (!(e = batch_scan_next(&scan, &h, NULL))) log->end_offset = batch_last_offset(&h) + 1;
    return e == ERR_EOF ? ERR_OK : e;
}

/* ---- the rest ---- */

/* Snapshots that belong to no segment go, but for the newest beyond the last base. */
static enum err prune_snapshots(struct log *log, const struct log_listing *l)
{
    int64_t offset, newest = NO_OFFSET;
    struct segment *active = log_active(log);
    for (int32_t i = 0; i < l->count; i++) {
        const char *suffix = suffix_of(l->entries[i].name, &offset);
        if (suffix && strcmp(suffix, ".snapshot") == 0 && offset > newest) newest = offset;
    }
    log->snapshot_offset = newest;
    for (int32_t i = 0; i < l->count; i++) {
        const char *suffix = suffix_of(l->entries[i].name, &offset);
        if (!suffix || strcmp(suffix, ".snapshot") != 0) continue;
        struct segment *s = log_segment_for(log, offset);
        if (s && s->base_offset == offset) continue;
        if (offset == newest && (!active || offset > active->base_offset)) continue;
        enum err e = unlink_name(log, l->entries[i].name);
        if (e) return e;
        if (offset == newest) log->snapshot_offset = NO_OFFSET; /* found again when needed */
    }
    return ERR_OK;
}

/* The newest readable snapshot at or below the log end, into the producers. */
static enum err load_snapshot(struct log *log, const struct log_listing *l, int64_t *loaded)
{
    int64_t below = log->end_offset + 1;
    struct log_dir *dir = log->dir;
    *loaded = NO_OFFSET;
    for (;;) {
        int64_t offset, best = NO_OFFSET;
        for (int32_t i = 0; i < l->count; i++) {
            const char *suffix = suffix_of(l->entries[i].name, &offset);
            if (suffix && strcmp(suffix, ".snapshot") == 0 && offset < below && offset > best)
                best = offset;
        }
        if (best == NO_OFFSET) return ERR_OK;
        struct log_path path;
        struct bytes file;
        struct arena arena;
        arena_init(&arena, 0);
        log_segment_path(log, best, ".snapshot", &path);
        enum err e = disk_read_file(dir->env->disk, path.z, 1 << 30, &arena, &file);
        if (!e) {
            if (!log->producers) log->producers = producer_state_new();
            e = producer_state_decode(log->producers, file, clock_wall(dir->env->clock).ms,
                                      dir->options.producer_id_expiration_ms);
        }
        arena_free(&arena);
        if (e == ERR_IO || e == ERR_NO_DESCRIPTORS) return log_io_failed(log, e, path.z);
        if (!e) {
            *loaded = best;
            if (log->producers->count == 0) {
                producer_state_free(log->producers);
                log->producers = NULL;
            }
            return ERR_OK;
        }
        trace_warn(dir->env->trace, "log", "%s: %s; using an older one", path.z, err_text(e));
        e = disk_unlink(dir->env->disk, path.z);
        if (e && e != ERR_NOT_FOUND) return log_io_failed(log, e, path.z);
        below = best;
    }
}

/* Feed the batches of [from, log end) to the producers, without touching indexes or epochs. */
static enum err replay(struct log *log, int64_t from)
{
    struct segment *s = log_segment_for(log, from);
    struct epoch_cache epochs = log->epochs;
    enum err e = ERR_OK;
    if (!s && log->segments_count) s = log->segments;
    for (; !e && s && s <= log_active(log) && s->base_offset < log->end_offset; s++) {
        struct batch_header h;
        struct disk_file *file;
        const uint8_t *data;
        int64_t position = 0;
        e = s->size == 0 ? ERR_NOT_FOUND : segment_find(log, s, from, &position, &h);
        if (e == ERR_NOT_FOUND) {
            e = ERR_OK;
            continue;
        }
        if (!e) e = segment_open(log, s, &file);
        if (e) return e;
        struct batch_scan scan;
        batch_scan_init(&scan, file, position, s->size, &log->dir->scan);
        while (!(e = batch_scan_next(&scan, &h, &data))) {
            if (h.base_offset >= log->end_offset) break;
            if (h.producer_id < 0 || h.base_offset < from) continue;
            h.leader_epoch = -1; /* epochs are not replayed here */
            e = log_replay_batch(log, &h, data, false);
            if (e) return e;
        }
        if (e == ERR_EOF) e = ERR_OK;
        if (e)
            trace_error(log->dir->env->trace, "log",
                        "%s: the segment of %.*s-%d from offset %" PRId64
                        " cannot be read at byte %" PRId64
                        ", to learn its producers: %s; restore the file, or move this partition's "
                        "directory "
                        "away where other replicas have it",
                        log_dir_path(log->dir), (int)log->topic_len, log->topic, log->partition,
                        s->base_offset, scan.position, err_text(e));
    }
    INVARIANT(epochs.count == log->epochs.count);
    return e ? log_read_failed(log, e, "replay") : ERR_OK;
}

enum err log_load_producers(struct log *log, bool was_clean, const struct log_listing *listing)
{
    struct log_listing l = {0};
    int64_t loaded;
    arena_init(&l.arena, 0);
    producer_state_free(log->producers);
    log->producers = NULL;
    enum err e = listing ? ERR_OK : list(log, &l);
    if (!e) e = load_snapshot(log, listing ? listing : &l, &loaded);
    if (!e && !(was_clean && loaded == log->end_offset)) {
        /* Kafka takes a clean log without any snapshot for a very old one without producers */
        bool old = was_clean && loaded == NO_OFFSET;
        int64_t from = loaded > log->start_offset ? loaded : log->start_offset;
        if (!old && from < log->end_offset) e = replay(log, from);
    }
    arena_free(&l.arena);
    if (!e && log->producers) producer_state_high_watermark(log->producers, log->high_watermark);
    return e;
}

static enum err load_id(struct log *log, struct arena *arena)
{
    struct log_path path;
    log_path_of(log, "partition.metadata", &path);
    enum err e = partition_metadata_read(log->dir->env->disk, path.z, arena, &log->topic_id);
    log->id_written = e == ERR_OK;
    if (e != ERR_CORRUPT) return e ? log_io_failed(log, e, path.z) : ERR_OK;
    trace_warn(log->dir->env->trace, "log", "%s: %s; taken as absent", path.z, err_text(e));
    log->topic_id = UUID_ZERO;
    return ERR_OK;
}

static enum err load_epochs(struct log *log, struct arena *arena)
{
    struct epoch_entry *entries;
    struct log_path path;
    int32_t count;
    log_path_of(log, "leader-epoch-checkpoint", &path);
    enum err e = epoch_checkpoint_read(log->dir->env->disk, path.z, arena, &entries, &count);
    if (e == ERR_CORRUPT || e == ERR_UNSUPPORTED || e == ERR_TOO_LARGE) {
        trace_warn(log->dir->env->trace, "log", "%s: %s; taken from the batches anew", path.z,
                   err_text(e));
        log->epochs.dirty = true;
        return ERR_OK;
    }
    if (e) return log_io_failed(log, e, path.z);
    epoch_cache_load(&log->epochs, entries, count);
    return ERR_OK;
}

/* No file has told them: as far as the segments before `first` do; those behind are recovered. What
 * cannot be read there is for who asks for it: no epoch of it is known. */
static void read_epochs(struct log *log, int32_t first)
{
    for (int32_t i = 0; i < first; i++) {
        struct segment *s = &log->segments[i];
        struct disk_file *file;
        struct batch_header h;
        const uint8_t *data;
        struct batch_scan scan;
        enum err e = s->size > 0 ? segment_open(log, s, &file) : ERR_EOF;
        if (!e) batch_scan_init(&scan, file, 0, s->size, NULL);
        while (!e && !(e = batch_scan_next(&scan, &h, &data)))
            if (h.leader_epoch > epoch_cache_latest(&log->epochs))
                epoch_cache_assign(&log->epochs, h.leader_epoch, h.base_offset);
        if (e != ERR_EOF)
            trace_warn(log->dir->env->trace, "log",
                       "%.*s-%d: the segment from offset %" PRId64 " does not tell all its leader "
                       "epochs: %s",
                       (int)log->topic_len, log->topic, log->partition, s->base_offset,
                       err_text(e));
    }
    log_close_files(log);
}

static enum err load_files(struct log *log, const struct log_listing *l)
{
    struct arena arena;
    arena_init(&arena, 0);
    enum err e = ERR_OK;
    if (listed(l, "partition.metadata")) e = load_id(log, &arena);
    if (!e && listed(l, "leader-epoch-checkpoint")) e = load_epochs(log, &arena);
    arena_free(&arena);
    return e;
}

/* Which segments are walked: from the recovery point's on after a crash; and, always, from one that
 * lacks its offset index. */
static int32_t first_to_recover(struct log *log, const struct log_listing *l, bool clean,
                                int64_t recovery_point)
{
    int32_t first = log->segments_count;
    if (!clean) {
        struct segment *s = log_segment_for(log, recovery_point);
        first = s ? log_segment_index(log, s) : 0;
    }
    for (int32_t i = 0; i < first; i++)
        if (!present(l, log->segments[i].base_offset, ".index")) first = i;
    return first;
}

static enum err load_segments(struct log *log, struct log_listing *l,
                              const struct log_load_options *o, bool *recovered)
{
    enum err e = add_segments(log, l);
    if (e || log->segments_count == 0) return e;
    int32_t first = first_to_recover(log, l, o->clean, o->recovery_point);
    if (!e) e = prune_snapshots(log, l);
    if (!e && log->epochs.count == 0) read_epochs(log, first);
    if (!e && first == log->segments_count) {
        e = find_end(log);
        if (e == ERR_CORRUPT || e == ERR_TRUNCATED) { /* the marker lied: look at everything */
            trace_warn(log->dir->env->trace, "log",
                       "%.*s-%d: %s after a clean shutdown; recovering", (int)log->topic_len,
                       log->topic, log->partition, err_text(e));
            log_close_files(log);
            first = log->segments_count - 1;
            e = ERR_OK;
        }
    }
    *recovered = first < log->segments_count;
    if (!e && *recovered) e = recover(log, first, l);
    if (e) return e == ERR_IO || e == ERR_OFFLINE ? e : log_io_failed(log, e, "recovery");
    return ERR_OK;
}

/* The files are listed; the rest follows. */
static enum err load_with(struct log *log, const struct log_load_options *o, struct log_listing *l)
{
    bool recovered = false;
    enum err e = load_segments(log, l, o, &recovered);
    if (e) return e;
    /* after a crash names may live in the page cache only; those of an empty log do not matter */
    log->id_synced = o->clean || log->segments_count == 0;
    for (int32_t i = 0; i < log->segments_count; i++) log->segments[i].name_synced = o->clean;
    if (log->segments_count == 0) {
        log->end_offset = log->start_offset;
    } else if (log->end_offset < o->start_offset) {
        /* what was there is lost; do not hand out offsets again that were deleted */
        e = log_restart_at(log, o->start_offset, o->start_offset);
        if (e) return e;
    } else if (log->segments[0].base_offset > log->start_offset) {
        log->start_offset = log->segments[0].base_offset;
    }
    log->recovery_point =
        o->clean || o->recovery_point > log->end_offset ? log->end_offset : o->recovery_point;
    if (log->recovery_point < log->start_offset) log->recovery_point = log->start_offset;
    epoch_cache_truncate_end(&log->epochs, log->end_offset);
    epoch_cache_truncate_start(&log->epochs, log->start_offset);
    log_set_high_watermark(log, o->high_watermark);
    if (log->segments_count > 0 && !recovered) e = log_load_producers(log, o->clean, l);
    if (recovered && log->producers)
        producer_state_high_watermark(log->producers, log->high_watermark);
    log_close_files(log);
    return e;
}

enum err log_load(struct log *log, const struct log_load_options *o)
{
    struct log_listing l = {0};
    arena_init(&l.arena, 2048);
    log->start_offset = o->start_offset;
    log->compacted_to = o->compacted_to;
    enum err e = list(log, &l);
    if (!e) e = clean_leftovers(log, &l);
    if (!e) e = load_files(log, &l);
    if (!e) e = load_with(log, o, &l);
    arena_free(&l.arena);
    return e;
}

bool log_needs_close(const struct log *log)
{
    if (log->segments_count == 0) return !log->id_synced && !uuid_is_zero(log->topic_id);
    return log->segments[log->segments_count - 1].indexed ||
           log->recovery_point != log->end_offset || !log->id_synced || log->epochs.dirty ||
           log->snapshot_offset != log->end_offset;
}

/* Indexes and snapshot, as Kafka expects them after a clean stop. */
static enum err write_derived(struct log *log, bool sync)
{
    struct segment *active = log_active(log);
    enum err e = log_ahead_drop(log);
    if (!e) e = log_settle_cut(log);
    if (e) return e;
    if (active->indexed) {
        if (active->max_timestamp == TIMESTAMP_UNREAD) e = segment_read_timestamps(log, active);
        if (!e && log->config->preallocate && active->file &&
            (e = disk_truncate(active->file, active->size)))
            e = log_io_failed(log, e, "trim");
        if (!e) e = segment_write_indexes(log, active, sync);
    }
    return e ? e : log_write_snapshot(log, log->end_offset, sync);
}

enum err log_close_clean(struct log *log)
{
    if (log->dir->offline) return ERR_OFFLINE;
    if (!log_needs_close(log)) return ERR_OK;
    if (log->segments_count == 0) return log_sync_id(log);
    enum err e = write_derived(log, true);
    if (!e) e = log_flush(log);
    if (e) return e;
    struct log_path path;
    log_dir_path_of(log, &path);
    e = disk_sync_dir(log->dir->env->disk, path.z);
    return e ? log_io_failed(log, e, path.z) : ERR_OK;
}

enum err log_close_write(struct log *log)
{
    enum err e = log_write_id(log);
    if (e || log->segments_count == 0) return e;
    if (log->epochs.dirty) {
        struct log_path path;
        log_path_of(log, "leader-epoch-checkpoint.tmp", &path);
        e = epoch_checkpoint_write_new(log->dir->env->disk, path.z, log->epochs.entries,
                                       log->epochs.count);
        if (e) return log_io_failed(log, e, path.z);
    }
    return write_derived(log, false);
}

enum err log_close_rename(struct log *log)
{
    log->id_synced = true;
    if (log->segments_count > 0 && log->epochs.dirty) {
        struct log_path from, to;
        log_path_of(log, "leader-epoch-checkpoint.tmp", &from);
        log_path_of(log, "leader-epoch-checkpoint", &to);
        enum err e = disk_rename(log->dir->env->disk, from.z, to.z);
        if (e) return log_io_failed(log, e, from.z);
    }
    log->epochs.dirty = false;
    log->recovery_point = log->end_offset;
    return ERR_OK;
}
