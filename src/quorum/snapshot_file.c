#include "quorum/snapshot_file.h"

#include <stdlib.h>

#include "base/mem.h"
#include "protocol/kraft_version_record.h"
#include "protocol/snapshot_footer_record.h"
#include "protocol/snapshot_header_record.h"

enum {
    RECORDS_PER_BATCH_MAX = 1024,
    BATCH_BYTES_MAX = 8 << 20,
    READ_BATCH_BYTES_MAX = 64 << 20,
    NAME_LEN = 20 + 1 + 10, /* before the suffix */
};

/* ---- names */

const char *snapshot_file_path(struct arena *arena, const char *directory, struct snapshot_id id)
{
    return arena_printf(arena, "%s/%020lld-%010d.checkpoint", directory, (long long)id.end_offset,
                        id.epoch)
        .data;
}

static bool parse_digits(const char *s, int len, int64_t *out)
{
    *out = 0;
    for (int i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9' || *out > INT64_MAX / 10 - 1) return false;
        *out = *out * 10 + (s[i] - '0');
    }
    return true;
}

static bool parse_name(const char *name, struct snapshot_id *id, const char **suffix)
{
    int64_t epoch;
    if (strlen(name) <= NAME_LEN || name[20] != '-') return false;
    if (!parse_digits(name, 20, &id->end_offset) || !parse_digits(name + 21, 10, &epoch) ||
        epoch > INT32_MAX)
        return false;
    id->epoch = (int32_t)epoch;
    *suffix = name + NAME_LEN;
    return true;
}

static int by_offset(const void *a, const void *b)
{
    const struct snapshot_id *x = a, *y = b;
    if (x->end_offset != y->end_offset) return x->end_offset < y->end_offset ? -1 : 1;
    return x->epoch < y->epoch ? -1 : x->epoch > y->epoch;
}

enum err snapshot_files_list(struct disk *disk, const char *directory, struct arena *arena,
                             struct snapshot_id **ids, int32_t *count)
{
    struct disk_entry *entries;
    int32_t n;
    *count = 0;
    enum err e = disk_list(disk, directory, arena, &entries, &n);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    *ids = ARENA_ARRAY(arena, struct snapshot_id, n);
    for (int32_t i = 0; i < n; i++) {
        struct snapshot_id id;
        const char *suffix;
        if (parse_name(entries[i].name, &id, &suffix) && strcmp(suffix, ".checkpoint") == 0)
            (*ids)[(*count)++] = id;
    }
    qsort(*ids, (size_t)*count, sizeof **ids, by_offset);
    return ERR_OK;
}

enum err snapshot_files_sweep(struct disk *disk, const char *directory)
{
    struct arena arena;
    struct disk_entry *entries;
    int32_t n = 0;
    arena_init(&arena, 0);
    enum err e = disk_list(disk, directory, &arena, &entries, &n);
    if (e == ERR_NOT_FOUND) e = ERR_OK;
    for (int32_t i = 0; i < n && !e; i++) {
        struct snapshot_id id;
        const char *suffix;
        if (!parse_name(entries[i].name, &id, &suffix)) continue;
        if (strstr(suffix, ".checkpoint.part") || strstr(suffix, ".checkpoint.deleted"))
            e = disk_unlink(disk, arena_printf(&arena, "%s/%s", directory, entries[i].name).data);
    }
    arena_free(&arena);
    return e;
}

/* ---- reading */

struct reading {
    const struct snapshot_reader *reader;
    bool header_seen, footer_seen;
};

static enum err read_record(struct reading *r, const struct batch_header *h,
                            const struct record *rec)
{
    if (r->footer_seen) return ERR_CORRUPT;
    if (!batch_is(h, BATCH_CONTROL)) {
        if (!r->header_seen || rec->value.len < 0) return ERR_CORRUPT;
        return r->reader->record ? r->reader->record(r->reader->context, rec->value) : ERR_OK;
    }
    int16_t type;
    enum err e = control_record_type(rec->key, &type);
    if (e) return e;
    if (!r->header_seen && type != CONTROL_SNAPSHOT_HEADER) return ERR_CORRUPT;
    r->header_seen = true;
    r->footer_seen = type == CONTROL_SNAPSHOT_FOOTER;
    return r->reader->control ? r->reader->control(r->reader->context, type, rec->value) : ERR_OK;
}

static enum err read_batch(struct reading *r, const uint8_t *data, int64_t size)
{
    struct batch_header h;
    enum err e = batch_parse(bytes_of(data, (size_t)size), &h);
    if (e) return e == ERR_UNSUPPORTED ? ERR_CORRUPT : e;
    if (!batch_crc_ok(data, &h)) return ERR_CRC;
    if (batch_compression(&h) != 0) return ERR_CORRUPT;
    struct record_iterator it;
    record_iterator_init(
        &it, &h, bytes_of(data + BATCH_HEADER_BYTES, (size_t)(h.size - BATCH_HEADER_BYTES)));
    for (;;) {
        struct record record;
        bool more;
        e = record_iterator_next(&it, &record, &more);
        if (e || !more) return e;
        e = read_record(r, &h, &record);
        if (e) return e;
    }
}

enum err snapshot_file_read(struct disk *disk, const char *path,
                            const struct snapshot_reader *reader)
{
    struct disk_file *file;
    enum err e = disk_open(disk, path, DISK_READ, &file);
    if (e) return e;
    int64_t size = 0, at = 0;
    e = disk_size(file, &size);
    struct reading r = {.reader = reader};
    uint8_t *buffer = NULL;
    while (!e && at < size) {
        uint8_t prefix[BATCH_PREFIX_BYTES];
        int64_t batch = 0;
        e = disk_read_exact(file, at, prefix, sizeof prefix);
        if (!e) e = batch_peek_size(prefix, &batch);
        if (!e && (batch > size - at || batch > READ_BATCH_BYTES_MAX)) e = ERR_CORRUPT;
        if (e) break;
        buffer = mem_realloc(buffer, (size_t)batch);
        e = disk_read_exact(file, at, buffer, (size_t)batch);
        if (!e) e = read_batch(&r, buffer, batch);
        at += batch;
    }
    mem_free(buffer);
    disk_file_unref(file);
    if (!e && !r.footer_seen) e = ERR_CORRUPT;
    return e == ERR_TRUNCATED ? ERR_CORRUPT : e;
}

/* ---- writing */

static void begin_batch(struct snapshot_writer *w, int16_t attributes)
{
    struct batch_options options = BATCH_OPTIONS_DEFAULT;
    options.base_offset = w->next_offset;
    options.leader_epoch = w->epoch;
    options.attributes = attributes;
    batch_begin(&w->batch, &options);
}

static enum err flush_batch(struct snapshot_writer *w)
{
    if (w->batch.count == 0) return ERR_OK;
    w->next_offset += w->batch.count;
    uint8_t *data;
    size_t len;
    enum err e = batch_finish(&w->batch, NULL, &data, &len);
    if (!e) e = disk_write_bytes(w->file, w->position, data, len);
    w->position += (int64_t)len;
    begin_batch(w, 0);
    return e;
}

static void add_control(struct snapshot_writer *w, enum control_type type,
                        const struct message *message, const void *value)
{
    struct out out;
    out_init(&out);
    message->encode(value, 0, &out);
    uint8_t *flat = mem_alloc((size_t)out.len);
    out_flatten(&out, flat);
    batch_add_control(&w->batch, w->timestamp_ms, type, bytes_of(flat, (size_t)out.len));
    mem_free(flat);
    out_free(&out);
}

enum err snapshot_writer_open(struct snapshot_writer *w, struct disk *disk, const char *directory,
                              struct snapshot_id id, int64_t timestamp_ms,
                              int64_t last_contained_timestamp, int16_t kraft_version,
                              const struct voters_record *voters)
{
    *w = (struct snapshot_writer){.disk = disk, .epoch = id.epoch, .timestamp_ms = timestamp_ms};
    arena_init(&w->arena, 0);
    w->directory = arena_str(&w->arena, str_of(directory)).data;
    w->path = snapshot_file_path(&w->arena, directory, id);
    w->part = arena_printf(&w->arena, "%s.part", w->path).data;
    enum err e = disk_open(disk, w->part, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &w->file);
    if (e) {
        arena_free(&w->arena);
        return e;
    }
    begin_batch(w, BATCH_CONTROL);
    struct snapshot_header_record header;
    snapshot_header_record_init(&header);
    header.last_contained_log_timestamp = last_contained_timestamp;
    add_control(w, CONTROL_SNAPSHOT_HEADER, &snapshot_header_record_message, &header);
    if (voters) {
        struct kraft_version_record version;
        kraft_version_record_init(&version);
        version.kraft_version = kraft_version;
        add_control(w, CONTROL_KRAFT_VERSION, &kraft_version_record_message, &version);
        add_control(w, CONTROL_KRAFT_VOTERS, &voters_record_message, voters);
    }
    e = flush_batch(w);
    if (e) snapshot_writer_abort(w);
    return e;
}

enum err snapshot_writer_add(struct snapshot_writer *w, struct bytes frame)
{
    batch_add(&w->batch, w->timestamp_ms, BYTES_NULL, frame, NULL, 0);
    bool full =
        w->batch.count >= RECORDS_PER_BATCH_MAX || batch_size(&w->batch) > BATCH_BYTES_MAX / 2;
    return full ? flush_batch(w) : ERR_OK;
}

void snapshot_writer_close(struct snapshot_writer *w)
{
    disk_file_unref(w->file);
    batch_builder_free(&w->batch);
    arena_free(&w->arena);
}

enum err snapshot_writer_end(struct snapshot_writer *w)
{
    enum err e = flush_batch(w);
    if (!e) {
        begin_batch(w, BATCH_CONTROL);
        struct snapshot_footer_record footer;
        snapshot_footer_record_init(&footer);
        add_control(w, CONTROL_SNAPSHOT_FOOTER, &snapshot_footer_record_message, &footer);
        e = flush_batch(w);
    }
    if (e) snapshot_writer_abort(w);
    return e;
}

enum err snapshot_writer_publish(struct snapshot_writer *w)
{
    enum err e = disk_rename(w->disk, w->part, w->path);
    if (!e) e = disk_sync_dir(w->disk, w->directory);
    if (e) {
        snapshot_writer_abort(w);
        return e;
    }
    snapshot_writer_close(w);
    return ERR_OK;
}

enum err snapshot_writer_finish(struct snapshot_writer *w)
{
    enum err e = snapshot_writer_end(w);
    if (e) return e;
    e = disk_sync(w->file);
    if (!e) return snapshot_writer_publish(w);
    snapshot_writer_abort(w);
    return e;
}

void snapshot_writer_abort(struct snapshot_writer *w)
{
    enum err ignored = disk_unlink(w->disk, w->part); /* the next start removes what is left */
    (void)ignored;
    snapshot_writer_close(w);
}
