#include "log/offset_index.h"

#include "base/mem.h"

enum { ENTRIES_PER_READ = 512 };

/* Steps by 16 so that a busy segment's index soon stops asking for memory. */
static int32_t grown(int32_t capacity)
{
    return capacity == 0 ? 4 : capacity < (1 << 24) ? capacity * 16 : capacity * 2;
}

void offset_index_free(struct offset_index *x)
{
    mem_free(x->entries);
    *x = (struct offset_index){0};
}

void time_index_free(struct time_index *x)
{
    mem_free(x->entries);
    *x = (struct time_index){0};
}

void offset_index_add(struct offset_index *x, struct offset_entry e)
{
    PRE(x->count == 0 || e.offset > x->entries[x->count - 1].offset);
    if (x->count == x->capacity) {
        x->capacity = grown(x->capacity);
        x->entries = mem_realloc(x->entries, (size_t)x->capacity * sizeof *x->entries);
    }
    x->entries[x->count++] = e;
}

void time_index_add(struct time_index *x, struct time_entry e)
{
    if (x->count > 0 && (e.timestamp <= x->entries[x->count - 1].timestamp ||
                         e.offset < x->entries[x->count - 1].offset))
        return;
    if (x->count == x->capacity) {
        x->capacity = grown(x->capacity);
        x->entries = mem_realloc(x->entries, (size_t)x->capacity * sizeof *x->entries);
    }
    x->entries[x->count++] = e;
}

struct offset_entry offset_index_find(const struct offset_index *x, int64_t offset)
{
    int32_t low = 0, high = x->count; /* entries below `low` are <= offset */
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (x->entries[middle].offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? (struct offset_entry){0} : x->entries[low - 1];
}

struct time_entry time_index_find(const struct time_index *x, int64_t timestamp)
{
    int32_t low = 0, high = x->count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (x->entries[middle].timestamp <= timestamp)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? (struct time_entry){.timestamp = -1} : x->entries[low - 1];
}

void offset_index_truncate(struct offset_index *x, int64_t offset)
{
    while (x->count > 0 && x->entries[x->count - 1].offset >= offset) x->count--;
}

void time_index_truncate(struct time_index *x, int64_t offset)
{
    while (x->count > 0 && x->entries[x->count - 1].offset >= offset) x->count--;
}

static struct offset_entry offset_entry_load(const uint8_t *p)
{
    return (struct offset_entry){(int32_t)load_be32(p), (int32_t)load_be32(p + 4)};
}

static struct time_entry time_entry_load(const uint8_t *p)
{
    return (struct time_entry){(int64_t)load_be64(p), (int32_t)load_be32(p + 8)};
}

enum err offset_index_read(struct offset_index *x, struct disk *disk, const char *path)
{
    struct disk_file *file;
    enum err e = disk_open(disk, path, DISK_READ, &file);
    if (e) return e;
    uint8_t piece[ENTRIES_PER_READ * OFFSET_ENTRY_BYTES];
    for (int64_t at = 0; !e; at += (int64_t)sizeof piece) {
        size_t got;
        e = disk_read(file, at, piece, sizeof piece, &got);
        if (e) break;
        for (size_t i = 0; i + OFFSET_ENTRY_BYTES <= got; i += OFFSET_ENTRY_BYTES) {
            struct offset_entry entry = offset_entry_load(piece + i);
            if (entry.offset < 0 || entry.position < 0 ||
                (x->count > 0 && entry.offset <= x->entries[x->count - 1].offset))
                goto out; /* a zero tail that Kafka left at a crash */
            offset_index_add(x, entry);
        }
        if (got < sizeof piece) break;
    }
out:
    disk_file_unref(file);
    return e;
}

enum err time_index_read(struct time_index *x, struct disk *disk, const char *path)
{
    struct disk_file *file;
    enum err e = disk_open(disk, path, DISK_READ, &file);
    if (e) return e;
    uint8_t piece[ENTRIES_PER_READ * TIME_ENTRY_BYTES];
    for (int64_t at = 0; !e; at += (int64_t)sizeof piece) {
        size_t got;
        e = disk_read(file, at, piece, sizeof piece, &got);
        if (e) break;
        for (size_t i = 0; i + TIME_ENTRY_BYTES <= got; i += TIME_ENTRY_BYTES)
            time_index_add(x, time_entry_load(piece + i));
        if (got < sizeof piece) break;
    }
    disk_file_unref(file);
    return e;
}

enum err offset_index_write(const struct offset_index *x, struct disk *disk, const char *path,
                            bool sync)
{
    struct disk_file *file;
    enum err e = disk_open(disk, path, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file);
    if (e) return e;
    uint8_t piece[ENTRIES_PER_READ * OFFSET_ENTRY_BYTES];
    for (int32_t at = 0; at < x->count && !e; at += ENTRIES_PER_READ) {
        int32_t n = x->count - at < ENTRIES_PER_READ ? x->count - at : ENTRIES_PER_READ;
        for (int32_t i = 0; i < n; i++) {
            uint8_t *p = piece + i * OFFSET_ENTRY_BYTES;
            store_be32(p, (uint32_t)x->entries[at + i].offset);
            store_be32(p + 4, (uint32_t)x->entries[at + i].position);
        }
        e = disk_write_bytes(file, (int64_t)at * OFFSET_ENTRY_BYTES, piece,
                             (size_t)n * OFFSET_ENTRY_BYTES);
    }
    if (!e && sync) e = disk_sync(file);
    disk_file_unref(file);
    return e;
}

enum err time_index_write(const struct time_index *x, struct disk *disk, const char *path,
                          bool sync)
{
    struct disk_file *file;
    enum err e = disk_open(disk, path, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file);
    if (e) return e;
    uint8_t piece[ENTRIES_PER_READ * TIME_ENTRY_BYTES];
    for (int32_t at = 0; at < x->count && !e; at += ENTRIES_PER_READ) {
        int32_t n = x->count - at < ENTRIES_PER_READ ? x->count - at : ENTRIES_PER_READ;
        for (int32_t i = 0; i < n; i++) {
            uint8_t *p = piece + i * TIME_ENTRY_BYTES;
            store_be64(p, (uint64_t)x->entries[at + i].timestamp);
            store_be32(p + 8, (uint32_t)x->entries[at + i].offset);
        }
        e = disk_write_bytes(file, (int64_t)at * TIME_ENTRY_BYTES, piece,
                             (size_t)n * TIME_ENTRY_BYTES);
    }
    if (!e && sync) e = disk_sync(file);
    disk_file_unref(file);
    return e;
}

enum err offset_index_find_in_file(struct disk *disk, const char *path, int64_t offset,
                                   struct offset_entry *out)
{
    struct disk_file *file;
    int64_t size;
    *out = (struct offset_entry){0};
    enum err e = disk_open(disk, path, DISK_READ, &file);
    if (e == ERR_NOT_FOUND) return ERR_OK; /* a scan from the start finds it too */
    if (e) return e;
    e = disk_size(file, &size);
    int64_t low = 0, high = e ? 0 : size / OFFSET_ENTRY_BYTES;
    while (low < high && !e) {
        int64_t middle = low + (high - low) / 2;
        uint8_t raw[OFFSET_ENTRY_BYTES];
        e = disk_read_exact(file, middle * OFFSET_ENTRY_BYTES, raw, sizeof raw);
        if (e) break;
        struct offset_entry entry = offset_entry_load(raw);
        if (entry.offset <= offset) {
            *out = entry;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    disk_file_unref(file);
    return e;
}

enum err time_index_find_in_file(struct disk *disk, const char *path, int64_t timestamp,
                                 struct time_entry *out)
{
    struct disk_file *file;
    int64_t size;
    *out = (struct time_entry){.timestamp = -1};
    enum err e = disk_open(disk, path, DISK_READ, &file);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (e) return e;
    e = disk_size(file, &size);
    int64_t low = 0, high = e ? 0 : size / TIME_ENTRY_BYTES;
    while (low < high && !e) {
        int64_t middle = low + (high - low) / 2;
        uint8_t raw[TIME_ENTRY_BYTES];
        e = disk_read_exact(file, middle * TIME_ENTRY_BYTES, raw, sizeof raw);
        if (e) break;
        struct time_entry entry = time_entry_load(raw);
        if (entry.timestamp <= timestamp) {
            *out = entry;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    disk_file_unref(file);
    return e;
}

enum err time_index_last_in_file(struct disk *disk, const char *path, struct time_entry *out)
{
    return time_index_find_in_file(disk, path, INT64_MAX, out);
}
