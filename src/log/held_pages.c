#include "log/held_pages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "log/log_internal.h"

static const char mark_name[] = ".samsa_disk_failed";

/* One pass over a directory. */
struct pass {
    struct log_dir *dir;
    struct map options; /* "topic-partition" -> struct log_load_options, for the recovery points */
    int64_t bytes;
    int32_t files, logs;
    struct log_path at; /* where it stopped */
};

/* ---- the mark ---- */

static void mark_path(const struct log_dir *dir, struct log_path *path)
{
    snprintf(path->z, sizeof path->z, "%s/%s", dir->path, mark_name);
}

enum err held_pages_mark(const struct log_dir *dir, enum err cause, const char *what)
{
    struct log_path path;
    struct disk_file *file;
    char text[PATH_MAX + 256];
    mark_path(dir, &path);
    enum err e = disk_open(dir->env->disk, path.z, DISK_WRITE | DISK_CREATE, &file);
    if (e) return e;
    int len = snprintf(text, sizeof text,
                       "This log directory went offline: %s: %s.\n"
                       "Its last writes may not be on the disk. Samsa writes them again when it is "
                       "started here, and removes this file.\n",
                       what, err_text(cause));
    size_t written = (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    enum err ignored = disk_write_bytes(file, 0, text, written); /* the file is all that counts */
    (void)ignored;
    disk_file_unref(file);
    return ERR_OK;
}

/* ---- files ---- */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* "00000000000000000042.log": 42; -1: not of that form. */
static int64_t offset_of_name(const char *name, const char *suffix)
{
    int64_t offset = 0;
    if (strlen(name) != 20 + strlen(suffix) || !ends_with(name, suffix)) return -1;
    for (int i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9') return -1;
        if (__builtin_mul_overflow(offset, 10, &offset) ||
            __builtin_add_overflow(offset, name[i] - '0', &offset))
            return -1;
    }
    return offset;
}

static enum err write_at(struct pass *p, struct disk_file *file, int64_t *at, const void *data,
                         size_t len)
{
    enum err e = MUTANT(TRUSTS_HELD_PAGES) ? ERR_OK : disk_write_bytes(file, *at, data, len);
    if (e) return e;
    *at += (int64_t)len;
    p->bytes += (int64_t)len;
    return ERR_OK;
}

/* As far as recovery will take its batches: what it has taken must be what the disk has. */
static enum err write_batches(struct pass *p, struct disk_file *file, int64_t size, int64_t base,
                              int64_t limit)
{
    struct batch_scan scan;
    struct batch_header h;
    const uint8_t *data;
    struct byte_buffer *b = &p->dir->scratch;
    struct recovery_place place = {.segment_base = base, .next = base, .limit = limit};
    int64_t at = 0;
    enum err e, wrote = ERR_OK;
    b->len = 0;
    batch_scan_init(&scan, file, 0, size, &p->dir->scan);
    while (!wrote && !(e = batch_scan_next(&scan, &h, &data))) {
        place.position = scan.position;
        if (!log_recovery_takes(&place, &h, data)) break;
        place.next = batch_last_offset(&h) + 1;
        byte_buffer_put(b, data, (size_t)h.size);
        if (b->len < WRITE_AGAIN_BYTES) continue;
        wrote = write_at(p, file, &at, b->data, b->len);
        b->len = 0;
    }
    if (wrote) return wrote;
    if (e == ERR_IO || e == ERR_NO_DESCRIPTORS) return e;
    return write_at(p, file, &at, b->data, b->len);
}

static enum err write_bytes(struct pass *p, struct disk_file *file, int64_t size)
{
    struct byte_buffer *b = &p->dir->scratch;
    b->len = 0;
    byte_buffer_reserve(b, WRITE_AGAIN_BYTES);
    enum err e = ERR_OK;
    for (int64_t at = 0; at < size && !e;) {
        size_t want = size - at < WRITE_AGAIN_BYTES ? (size_t)(size - at) : WRITE_AGAIN_BYTES;
        e = disk_read_exact(file, at, b->data, want);
        if (!e) e = write_at(p, file, &at, b->data, want);
    }
    return e;
}

/* A segment [base, limit), or a file of another kind: base -1. Its age is kept, for retention. */
static enum err write_file(struct pass *p, const char *directory, const char *name, int64_t base,
                           int64_t limit)
{
    struct disk *disk = p->dir->env->disk;
    struct disk_file *file;
    struct disk_stat st;
    snprintf(p->at.z, sizeof p->at.z, "%s/%s", directory, name);
    enum err e = disk_stat(disk, p->at.z, &st);
    if (!e) e = disk_open(disk, p->at.z, DISK_WRITE, &file);
    if (e) return e;
    e = base >= 0 ? write_batches(p, file, st.size, base, limit) : write_bytes(p, file, st.size);
    if (!e) e = disk_set_modified(disk, p->at.z, st.modified_ms);
    if (!e) e = disk_sync(file);
    disk_file_unref(file);
    p->files++;
    return e;
}

static enum err sync_names(struct pass *p, const char *directory)
{
    snprintf(p->at.z, sizeof p->at.z, "%s", directory);
    return disk_sync_dir(p->dir->env->disk, directory);
}

/* ---- directories ---- */

/* The base of the segment that recovery begins with. */
static int64_t first_base(const struct disk_entry *entries, int32_t count, int64_t recovery_point)
{
    int64_t first = -1;
    for (int32_t i = 0; i < count; i++) { /* sorted */
        int64_t base = offset_of_name(entries[i].name, ".log");
        if (base >= 0 && (first < 0 || base <= recovery_point)) first = base;
    }
    return first;
}

static bool is_small_file(const char *name, int64_t first)
{
    return strcmp(name, "partition.metadata") == 0 ||
           strcmp(name, "leader-epoch-checkpoint") == 0 || strcmp(name, "quorum-state") == 0 ||
           ends_with(name, ".checkpoint") ||
           (first >= 0 && offset_of_name(name, ".snapshot") >= first);
}

static enum err write_log(struct pass *p, const char *name, int64_t recovery_point)
{
    struct disk_entry *entries;
    struct log_path path;
    struct arena arena;
    int32_t count;
    arena_init(&arena, 2048);
    snprintf(path.z, sizeof path.z, "%s/%s", p->dir->path, name);
    p->at = path;
    enum err e = disk_list(p->dir->env->disk, path.z, &arena, &entries, &count);
    int64_t first = e ? -1 : first_base(entries, count, recovery_point), limit = INT64_MAX;
    for (int32_t i = count; i-- > 0 && !e;) {
        if (entries[i].is_dir) continue;
        int64_t base = offset_of_name(entries[i].name, ".log");
        if (base >= 0 && base >= first)
            e = write_file(p, path.z, entries[i].name, base, limit);
        else if (is_small_file(entries[i].name, first))
            e = write_file(p, path.z, entries[i].name, -1, 0);
        if (base >= 0) limit = base;
    }
    if (!e) e = sync_names(p, path.z);
    arena_free(&arena);
    p->logs++;
    return e;
}

/* A directory in it: of a log that is, of one that comes, or of no log. */
static enum err write_entry(struct pass *p, const char *name)
{
    struct str topic;
    int32_t partition;
    const char *hex = name + strlen(name) + 1;
    if (strcmp(name, "__cluster_metadata-0") == 0) return write_log(p, name, 0);
    bool future = ends_with(name, "-future");
    if (future ? !log_dir_parse_future(name, &topic, &partition, &hex)
               : !log_dir_parse_name(name, &topic, &partition))
        return ERR_OK;
    const struct log_load_options *o = map_get(&p->options, name, (size_t)(hex - 1 - name));
    return write_log(p, name, o ? o->recovery_point : 0);
}

static bool is_file_of_directory(const char *name)
{
    return strcmp(name, "meta.properties") == 0 || strcmp(name, "bootstrap.checkpoint") == 0 ||
           ends_with(name, "-offset-checkpoint");
}

static enum err write_directory(struct pass *p, struct arena *arena)
{
    struct disk_entry *entries;
    int32_t count;
    log_dir_read_checkpoint(p->dir, CHECKPOINT_RECOVERY_POINTS, arena, &p->options);
    snprintf(p->at.z, sizeof p->at.z, "%s", p->dir->path);
    enum err e = disk_list(p->dir->env->disk, p->dir->path, arena, &entries, &count);
    for (int32_t i = 0; i < count && !e; i++) {
        if (entries[i].is_dir)
            e = write_entry(p, entries[i].name);
        else if (is_file_of_directory(entries[i].name))
            e = write_file(p, p->dir->path, entries[i].name, -1, 0);
    }
    return e ? e : sync_names(p, p->dir->path);
}

enum err held_pages_write_again(struct log_dir *dir, struct arena *arena, const char **why)
{
    struct disk_stat st;
    struct log_path path;
    struct pass p = {.dir = dir};
    mark_path(dir, &path);
    enum err e = disk_stat(dir->env->disk, path.z, &st);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    MARK("what may not be on the disk is written again");
    dir->was_clean = false;
    dir->clean_broker_epoch = -1;
    map_init(&p.options);
    if (!e) e = write_directory(&p, arena);
    map_free(&p.options);
    if (!e) {
        p.at = path;
        e = disk_unlink(dir->env->disk, path.z);
    }
    if (e) {
        *why = arena_printf(arena, "%s: its disk has failed, and %s cannot be written again",
                            dir->path, p.at.z)
                   .data;
        return e == ERR_NO_SPACE || e == ERR_NO_DESCRIPTORS ? e : ERR_IO;
    }
    trace_warn(dir->env->trace, "log",
               "%s: its disk had failed before this start, so what may not be on it was written "
               "again: %" PRId64 " bytes, %d files, %d logs",
               dir->path, p.bytes, p.files, p.logs);
    return ERR_OK;
}
