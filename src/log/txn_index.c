#include "log/txn_index.h"

enum { FILE_BYTES_MAX = 1 << 30 };

enum err txn_index_append(struct disk *disk, const char *path, const struct txn_entry *entry)
{
    struct disk_file *file;
    int64_t size;
    enum err e = disk_open(disk, path, DISK_WRITE | DISK_CREATE, &file);
    if (e) return e;
    e = disk_size(file, &size);
    if (!e) {
        uint8_t raw[TXN_ENTRY_BYTES] = {0};
        store_be64(raw + 2, (uint64_t)entry->producer_id);
        store_be64(raw + 10, (uint64_t)entry->first_offset);
        store_be64(raw + 18, (uint64_t)entry->last_offset);
        store_be64(raw + 26, (uint64_t)entry->last_stable_offset);
        e = disk_write_bytes(file, size - size % TXN_ENTRY_BYTES, raw, sizeof raw);
    }
    disk_file_unref(file);
    return e;
}

enum err txn_index_read(struct disk *disk, const char *path, int64_t base_offset,
                        struct arena *arena, struct txn_entry **entries, int32_t *count)
{
    struct bytes file;
    *count = 0;
    *entries = NULL;
    enum err e = disk_read_file(disk, path, FILE_BYTES_MAX, arena, &file);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (e) return e;
    *count = (int32_t)(file.len / TXN_ENTRY_BYTES);
    *entries = ARENA_ARRAY(arena, struct txn_entry, *count);
    for (int32_t i = 0; i < *count; i++) {
        const uint8_t *p = file.data + i * TXN_ENTRY_BYTES;
        struct txn_entry *t = &(*entries)[i];
        *t = (struct txn_entry){(int64_t)load_be64(p + 2), (int64_t)load_be64(p + 10),
                                (int64_t)load_be64(p + 18), (int64_t)load_be64(p + 26)};
        int64_t above = i ? t[-1].last_offset : base_offset - 1;
        if (load_be16(p) != 0 || t->last_offset <= above) return ERR_CORRUPT;
    }
    return ERR_OK;
}

enum err txn_index_truncate(struct disk *disk, const char *path, int64_t offset)
{
    struct disk_file *file;
    int64_t size;
    enum err e = disk_open(disk, path, DISK_WRITE, &file);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (e) return e;
    e = disk_size(file, &size);
    int64_t kept = e ? 0 : size / TXN_ENTRY_BYTES;
    while (kept > 0 && !e) {
        uint8_t raw[8];
        e = disk_read_exact(file, (kept - 1) * TXN_ENTRY_BYTES + 18, raw, sizeof raw);
        if (e || (int64_t)load_be64(raw) < offset) break;
        kept--;
    }
    if (!e && kept * TXN_ENTRY_BYTES != size) e = disk_truncate(file, kept * TXN_ENTRY_BYTES);
    disk_file_unref(file);
    return e;
}
