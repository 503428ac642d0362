/* Files and directories.
 *
 * Reads and writes are synchronous: they meet the page cache. What waits for a device, fsync, has
 * an asynchronous form whose completion runs from the loop. Every call can fail, and the caller
 * must look: a failed sync is final for the file (never retried and trusted: fsyncgate).
 *
 * Durability, which the simulated disk enforces: written bytes survive a process crash at once, and
 * a power loss only after a sync that followed them; a created, renamed or removed name survives a
 * power loss only after disk_sync_dir of its directory.
 *
 * Paths are zero-terminated; relative ones belong to the process's working directory.
 * Thread: the loop's. */
#ifndef SAMSA_ENV_DISK_H
#define SAMSA_ENV_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/assert.h"
#include "base/list.h"

struct disk {
    const struct disk_ops *ops;
};

/* Reference counted by its holder's calls; the implementation embeds it first. */
struct disk_file {
    struct disk *disk;
    int32_t references;
};

enum disk_open_flags {
    DISK_READ = 1,      /* always implied */
    DISK_WRITE = 2,     /* read and write */
    DISK_CREATE = 4,    /* create when absent */
    DISK_EXCLUSIVE = 8, /* with CREATE: ERR_EXISTS when present */
    DISK_TRUNCATE = 16,
};

struct disk_entry {
    const char *name; /* in the arena of the listing */
    bool is_dir;
};

struct disk_stat {
    int64_t size;
    int64_t modified_ms; /* wall clock */
    bool is_dir;
};

struct disk_space {
    int64_t total_bytes;
    int64_t usable_bytes;
};

/* One asynchronous sync; owned by the caller until `done` has run. */
struct disk_sync {
    struct list_node node; /* the implementation's */
    struct disk_file *file;
    enum err result;
    void (*done)(struct disk_sync *sync);
};

struct disk_ops {
    enum err (*open)(struct disk *, const char *path, unsigned flags, struct disk_file **out);
    void (*close)(struct disk_file *); /* last reference gone */
    enum err (*read)(struct disk_file *, int64_t offset, void *to, size_t len, size_t *got);
    enum err (*write)(struct disk_file *, int64_t offset, const struct iovec *iov, int count);
    enum err (*truncate)(struct disk_file *, int64_t size);
    enum err (*preallocate)(struct disk_file *, int64_t size);
    enum err (*size)(struct disk_file *, int64_t *size);
    enum err (*sync)(struct disk_file *);
    void (*sync_start)(struct disk_file *, struct disk_sync *);
    void (*sync_forget)(struct disk *, struct disk_sync *);
    enum err (*sync_tree)(struct disk *, const char *path);
    enum err (*rename)(struct disk *, const char *from, const char *to);
    enum err (*unlink)(struct disk *, const char *path);
    enum err (*mkdir)(struct disk *, const char *path);
    enum err (*rmdir)(struct disk *, const char *path);
    enum err (*sync_dir)(struct disk *, const char *path);
    enum err (*list)(struct disk *, const char *path, struct arena *, struct disk_entry **entries,
                     int32_t *count);
    enum err (*stat)(struct disk *, const char *path, struct disk_stat *);
    enum err (*set_modified)(struct disk *, const char *path, int64_t modified_ms);
    enum err (*lock)(struct disk *, const char *path, struct disk_file **out);
    enum err (*space)(struct disk *, const char *path, struct disk_space *);
};

/* Err: NOT_FOUND, EXISTS, PERMISSION, NO_DESCRIPTORS, NO_SPACE, IO. The caller holds one
 * reference. */
static inline enum err MUST_CHECK disk_open(struct disk *d, const char *path, unsigned flags,
                                            struct disk_file **out)
{
    return d->ops->open(d, path, flags, out);
}

static inline void disk_file_ref(struct disk_file *f)
{
    f->references++;
}

/* Closes with the last reference. Has the shape of a chunk's release: disk_file_unref(file). */
void disk_file_unref(void *file);

/* Reads up to len bytes; *got < len only at the end of the file. Err: IO. */
static inline enum err MUST_CHECK disk_read(struct disk_file *f, int64_t offset, void *to,
                                            size_t len, size_t *got)
{
    return f->disk->ops->read(f, offset, to, len, got);
}

/* Exactly len bytes. Err: IO, TRUNCATED. */
enum err disk_read_exact(struct disk_file *f, int64_t offset, void *to, size_t len) MUST_CHECK;

/* Writes everything or fails. After a failure (IO, NO_SPACE) the bytes from `offset` on are
 * undefined: the caller truncates back to where it was. */
static inline enum err MUST_CHECK disk_write(struct disk_file *f, int64_t offset,
                                             const struct iovec *iov, int count)
{
    return f->disk->ops->write(f, offset, iov, count);
}

enum err disk_write_bytes(struct disk_file *f, int64_t offset, const void *data,
                          size_t len) MUST_CHECK;

/* Cut, or extend with zeros. */
static inline enum err MUST_CHECK disk_truncate(struct disk_file *f, int64_t size)
{
    return f->disk->ops->truncate(f, size);
}

/* Reserve blocks up to `size` without changing the file's length; a hint that may do nothing. */
static inline enum err MUST_CHECK disk_preallocate(struct disk_file *f, int64_t size)
{
    return f->disk->ops->preallocate(f, size);
}

static inline enum err MUST_CHECK disk_size(struct disk_file *f, int64_t *size)
{
    return f->disk->ops->size(f, size);
}

/* Blocks until the file's bytes and length are durable. Err: IO, also where the system says that
 * there is no room: what was to be written is lost to it all the same; NO_DESCRIPTORS: nothing was
 * tried, and it may be tried again. */
static inline enum err MUST_CHECK disk_sync(struct disk_file *f)
{
    return f->disk->ops->sync(f);
}

/* The same without blocking: covers every write that returned before this call. `op` and a
 * reference to the file are held until op->done runs from the loop with op->result. */
static inline void disk_sync_start(struct disk_file *f, struct disk_sync *op,
                                   void (*done)(struct disk_sync *))
{
    op->file = f;
    op->done = done;
    f->disk->ops->sync_start(f, op);
}

/* `done` will not run for this op, which may be freed: its owner goes away. A no-op when it is not
 * under way. */
static inline void disk_sync_forget(struct disk *d, struct disk_sync *op)
{
    d->ops->sync_forget(d, op);
}

/* Every file and name below a directory is durable on return; perhaps more than that. Quicker than
 * one sync each when there are hundreds. Err: IO, NOT_FOUND. */
static inline enum err MUST_CHECK disk_sync_tree(struct disk *d, const char *path)
{
    return d->ops->sync_tree(d, path);
}

/* Atomic; replaces an existing file. */
static inline enum err MUST_CHECK disk_rename(struct disk *d, const char *from, const char *to)
{
    return d->ops->rename(d, from, to);
}

static inline enum err MUST_CHECK disk_unlink(struct disk *d, const char *path)
{
    return d->ops->unlink(d, path);
}

/* Err: EXISTS, NOT_FOUND (parent). See also disk_mkdirs. */
static inline enum err MUST_CHECK disk_mkdir(struct disk *d, const char *path)
{
    return d->ops->mkdir(d, path);
}

/* With all missing parents; an existing directory is fine. */
enum err disk_mkdirs(struct disk *d, const char *path) MUST_CHECK;

static inline enum err MUST_CHECK disk_rmdir(struct disk *d, const char *path)
{
    return d->ops->rmdir(d, path);
}

/* Removes a directory with the files in it, one level or many. */
enum err disk_remove_tree(struct disk *d, const char *path) MUST_CHECK;

static inline enum err MUST_CHECK disk_sync_dir(struct disk *d, const char *path)
{
    return d->ops->sync_dir(d, path);
}

/* Entries without . and .., sorted bytewise by name. */
static inline enum err MUST_CHECK disk_list(struct disk *d, const char *path, struct arena *arena,
                                            struct disk_entry **entries, int32_t *count)
{
    return d->ops->list(d, path, arena, entries, count);
}

static inline enum err MUST_CHECK disk_stat(struct disk *d, const char *path, struct disk_stat *st)
{
    return d->ops->stat(d, path, st);
}

static inline enum err MUST_CHECK disk_set_modified(struct disk *d, const char *path, int64_t ms)
{
    return d->ops->set_modified(d, path, ms);
}

/* Create if absent and take an exclusive lock for the life of the handle: a POSIX record lock over
 * the whole file, as Java's FileChannel.tryLock takes, so that Kafka and Samsa exclude each other.
 * Err: LOCKED. Closing any other handle of that file in this process drops it: open it only
 * here. */
static inline enum err MUST_CHECK disk_lock(struct disk *d, const char *path,
                                            struct disk_file **out)
{
    return d->ops->lock(d, path, out);
}

static inline enum err MUST_CHECK disk_space(struct disk *d, const char *path, struct disk_space *s)
{
    return d->ops->space(d, path, s);
}

/* The whole file into the arena. Err: NOT_FOUND, TOO_LARGE (more than max_bytes), IO. */
enum err disk_read_file(struct disk *d, const char *path, int64_t max_bytes, struct arena *arena,
                        struct bytes *out) MUST_CHECK;

/* Replace a file so that a crash or power loss leaves the old or the new one, whole: write
 * PATH.tmp, sync it, rename, sync the directory. */
enum err disk_replace_file(struct disk *d, const char *path, struct bytes contents) MUST_CHECK;

/* The next component of *path, which is moved behind it, dots and slashes left out; null at the
 * end.
 */
struct str disk_path_next(const char **path);

#endif
