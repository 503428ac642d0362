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

/* Entries of one kind, as they lie in a file. */
struct layout {
    int32_t bytes;
    void (*store)(const void *index, int32_t at, uint8_t *p);
    int64_t (*key)(const uint8_t *p); /* what they are ordered by */
};

static void offset_entry_store(const void *index, int32_t at, uint8_t *p)
{
    struct offset_entry e = ((const struct offset_index *)index)->entries[at];
    store_be32(p, (uint32_t)e.offset);
    store_be32(p + 4, (uint32_t)e.position);
}

static int64_t offset_entry_key(const uint8_t *p)
{
    return offset_entry_load(p).offset;
}

static void time_entry_store(const void *index, int32_t at, uint8_t *p)
{
    struct time_entry e = ((const struct time_index *)index)->entries[at];
    store_be64(p, (uint64_t)e.timestamp);
    store_be32(p + 8, (uint32_t)e.offset);
}

static int64_t time_entry_key(const uint8_t *p)
{
    return time_entry_load(p).timestamp;
}

static const struct layout offset_layout = {OFFSET_ENTRY_BYTES, offset_entry_store,
                                            offset_entry_key};
static const struct layout time_layout = {TIME_ENTRY_BYTES, time_entry_store, time_entry_key};

static enum err write_file(const struct layout *l, const void *index, int32_t count,
                           struct disk *disk, const char *path, bool sync)
{
    struct disk_file *file;
    enum err e = disk_open(disk, path, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file);
    if (e) return e;
    uint8_t piece[ENTRIES_PER_READ * TIME_ENTRY_BYTES]; /* the larger ones */
    for (int32_t at = 0; at < count && !e; at += ENTRIES_PER_READ) {
        int32_t n = count - at < ENTRIES_PER_READ ? count - at : ENTRIES_PER_READ;
        for (int32_t i = 0; i < n; i++) l->store(index, at + i, piece + i * l->bytes);
        e = disk_write_bytes(file, (int64_t)at * l->bytes, piece, (size_t)n * (size_t)l->bytes);
    }
    if (!e && sync) e = disk_sync(file);
    disk_file_unref(file);
    return e;
}

enum err offset_index_write(const struct offset_index *x, struct disk *disk, const char *path,
                            bool sync)
{
    return write_file(&offset_layout, x, x->count, disk, path, sync);
}

enum err time_index_write(const struct time_index *x, struct disk *disk, const char *path,
                          bool sync)
{
    return write_file(&time_layout, x, x->count, disk, path, sync);
}

/* The last entry with a key <= `key`, into `entry`; *found says whether there is one. No file is
 * one without entries: a scan from the start finds it too. */
static enum err find_in_file(const struct layout *l, struct disk *disk, const char *path,
                             int64_t key, uint8_t *entry, bool *found)
{
    struct disk_file *file;
    int64_t size;
    *found = false;
    enum err e = disk_open(disk, path, DISK_READ, &file);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    e = disk_size(file, &size);
    int64_t low = 0, high = e ? 0 : size / l->bytes;
    while (low < high && !e) {
        int64_t middle = low + (high - low) / 2;
        uint8_t raw[TIME_ENTRY_BYTES];
        e = disk_read_exact(file, middle * l->bytes, raw, (size_t)l->bytes);
        if (e) break;
        if (l->key(raw) <= key) {
            memcpy(entry, raw, (size_t)l->bytes);
            *found = true;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    disk_file_unref(file);
    return e;
}

enum err offset_index_find_in_file(struct disk *disk, const char *path, int64_t offset,
                                   struct offset_entry *out)
{
    uint8_t raw[OFFSET_ENTRY_BYTES];
    bool found;
    enum err e = find_in_file(&offset_layout, disk, path, offset, raw, &found);
    *out = found ? offset_entry_load(raw) : (struct offset_entry){0};
    return e;
}

enum err time_index_find_in_file(struct disk *disk, const char *path, int64_t timestamp,
                                 struct time_entry *out)
{
    uint8_t raw[TIME_ENTRY_BYTES];
    bool found;
    enum err e = find_in_file(&time_layout, disk, path, timestamp, raw, &found);
    *out = found ? time_entry_load(raw) : (struct time_entry){.timestamp = -1};
    return e;
}

enum err time_index_last_in_file(struct disk *disk, const char *path, struct time_entry *out)
{
    return time_index_find_in_file(disk, path, INT64_MAX, out);
}
