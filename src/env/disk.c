#include "env/disk.h"

#include <stdio.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"

void disk_file_unref(void *file)
{
    struct disk_file *f = file;
    PRE(f->references > 0);
    if (--f->references == 0) f->disk->ops->close(f);
}

enum err disk_read_exact(struct disk_file *f, int64_t offset, void *to, size_t len)
{
    size_t got = 0;
    enum err e = disk_read(f, offset, to, len, &got);
    if (e) return e;
    return got == len ? ERR_OK : ERR_TRUNCATED;
}

enum err disk_write_bytes(struct disk_file *f, int64_t offset, const void *data, size_t len)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    return disk_write(f, offset, &iov, 1);
}

enum err disk_mkdirs(struct disk *d, const char *path)
{
    char *copy = mem_dup(path, strlen(path) + 1);
    enum err e = ERR_OK;
    for (char *slash = strchr(copy + 1, '/'); slash && !e; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        e = disk_mkdir(d, copy);
        if (e == ERR_EXISTS) e = ERR_OK;
        *slash = '/';
    }
    if (!e) e = disk_mkdir(d, copy);
    mem_free(copy);
    if (e != ERR_EXISTS) return e;
    struct disk_stat st;
    e = disk_stat(d, path, &st);
    return e ? e : st.is_dir ? ERR_OK : ERR_EXISTS;
}

enum err disk_remove_tree(struct disk *d, const char *path)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct disk_entry *entries;
    int32_t count;
    enum err e = disk_list(d, path, &arena, &entries, &count);
    for (int32_t i = 0; i < count && !e; i++) {
        struct str child = arena_printf(&arena, "%s/%s", path, entries[i].name);
        e = entries[i].is_dir ? disk_remove_tree(d, child.data) : disk_unlink(d, child.data);
    }
    arena_free(&arena);
    return e ? e : disk_rmdir(d, path);
}

enum err disk_read_file(struct disk *d, const char *path, int64_t max_bytes, struct arena *arena,
                        struct bytes *out)
{
    struct disk_file *f;
    enum err e = disk_open(d, path, DISK_READ, &f);
    if (e) return e;
    int64_t size = 0;
    e = disk_size(f, &size);
    if (!e && size > max_bytes) e = ERR_TOO_LARGE;
    if (!e) {
        uint8_t *data = arena_alloc(arena, (size_t)size + 1);
        e = disk_read_exact(f, 0, data, (size_t)size);
        data[size] = 0;
        *out = bytes_of(data, (size_t)size);
    }
    disk_file_unref(f);
    return e;
}

static enum err write_and_sync(struct disk *d, const char *path, struct bytes contents)
{
    struct disk_file *f;
    enum err e = disk_open(d, path, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &f);
    if (e) return e;
    e = disk_write_bytes(f, 0, contents.data, (size_t)contents.len);
    if (!e && !MUTANT(REPLACES_UNSYNCED)) e = disk_sync(f);
    disk_file_unref(f);
    return e;
}

enum err disk_replace_file(struct disk *d, const char *path, struct bytes contents)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct str tmp = arena_printf(&arena, "%s.tmp", path);
    const char *slash = strrchr(path, '/');
    struct str dir = !slash          ? STR(".")
                     : slash == path ? STR("/")
                                     : arena_printf(&arena, "%.*s", (int)(slash - path), path);
    enum err e = write_and_sync(d, tmp.data, contents);
    if (!e) e = disk_rename(d, tmp.data, path);
    if (!e && !MUTANT(NAMES_UNSYNCED)) e = disk_sync_dir(d, dir.data);
    arena_free(&arena);
    return e;
}

struct str disk_path_next(const char **path)
{
    const char *p = *path;
    for (;;) {
        while (*p == '/') p++;
        if (p[0] != '.' || (p[1] != '/' && p[1] != '\0')) break;
        p++;
    }
    const char *start = p;
    while (*p && *p != '/') p++;
    *path = p;
    return p == start ? STR_NULL : (struct str){start, (int32_t)(p - start)};
}
