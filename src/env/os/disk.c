#include "env/os/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"

enum { IOV_AT_ONCE = 64, SYNC_THREADS = 2 };

static const struct disk_ops os_disk_ops;

enum err os_disk_err(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR: return ERR_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY: return ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS: return ERR_PERMISSION;
    case EMFILE:
    case ENFILE: return ERR_NO_DESCRIPTORS;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ERR_NO_SPACE;
    case ENAMETOOLONG: return ERR_TOO_LARGE;
    default: return ERR_IO;
    }
}

/* Linux drops what it could not write whatever the cause was, so no room does not pass either (a
 * thin volume, a quota on a network's file system): the next sync would succeed, and write
 * nothing. */
enum err os_sync_err(int error)
{
    return error ? ERR_IO : ERR_OK;
}

static enum err result(int failed)
{
    return failed ? os_disk_err(errno) : ERR_OK;
}

static struct os_disk *disk_of(struct disk_file *f)
{
    return CONTAINER_OF(f->disk, struct os_disk, disk);
}

enum err os_file_fd(struct disk_file *file, int *fd)
{
    PRE(file->disk->ops == &os_disk_ops);
    return os_file_open(&disk_of(file)->files, (struct os_file *)file, fd);
}

/* open(2), which closes files not in use when descriptors run out. */
static int open_fd(struct os_disk *d, const char *path, int how)
{
    os_files_make_room(&d->files);
    for (;;) {
        int fd = open(path, how, 0644);
        if (fd >= 0 || (errno != EMFILE && errno != ENFILE)) return fd;
        int error = errno;
        bool closed = os_files_close_one(&d->files);
        errno = error;
        if (!closed) return -1;
    }
}

static enum err os_open(struct disk *disk, const char *path, unsigned flags, struct disk_file **out)
{
    struct os_disk *d = CONTAINER_OF(disk, struct os_disk, disk);
    int again = O_CLOEXEC | (flags & DISK_WRITE ? O_RDWR : O_RDONLY), how = again;
    if (flags & DISK_CREATE) how |= O_CREAT;
    if (flags & DISK_EXCLUSIVE) how |= O_EXCL;
    if (flags & DISK_TRUNCATE) how |= O_TRUNC;
    int fd = open_fd(d, path, how);
    if (fd < 0) return os_disk_err(errno);
    *out = &os_file_new(&d->files, disk, path, fd, again)->file;
    return ERR_OK;
}

static void os_close(struct disk_file *file)
{
    os_file_free(&disk_of(file)->files, (struct os_file *)file);
}

static enum err os_read(struct disk_file *file, int64_t offset, void *to, size_t len, size_t *got)
{
    int fd;
    *got = 0;
    enum err e = os_file_fd(file, &fd);
    while (!e && *got < len) {
        ssize_t n = pread(fd, (uint8_t *)to + *got, len - *got, offset + (int64_t)*got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ERR_IO;
        if (n == 0) break;
        *got += (size_t)n;
    }
    return e;
}

/* Copies what is left of iov behind `done` bytes to `to`; returns the pieces copied. */
static int iov_rest(const struct iovec *iov, int count, size_t done, struct iovec *to)
{
    int n = 0;
    for (int i = 0; i < count && n < IOV_AT_ONCE; i++) {
        if (done >= iov[i].iov_len) {
            done -= iov[i].iov_len;
            continue;
        }
        to[n++] = (struct iovec){.iov_base = (uint8_t *)iov[i].iov_base + done,
                                 .iov_len = iov[i].iov_len - done};
        done = 0;
    }
    return n;
}

static enum err os_write(struct disk_file *file, int64_t offset, const struct iovec *iov, int count)
{
    int fd;
    enum err e = os_file_fd(file, &fd);
    if (e) return e;
    size_t done = 0;
    struct iovec rest[IOV_AT_ONCE];
    for (int n; (n = iov_rest(iov, count, done, rest)) > 0;) {
        ssize_t wrote = pwritev(fd, rest, n, offset + (int64_t)done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return wrote < 0 ? os_disk_err(errno) : ERR_IO;
        done += (size_t)wrote;
    }
    return ERR_OK;
}

static enum err os_truncate(struct disk_file *file, int64_t size)
{
    int fd;
    enum err e = os_file_fd(file, &fd);
    return e ? e : result(ftruncate(fd, size));
}

static enum err os_preallocate(struct disk_file *file, int64_t size)
{
    int fd;
    enum err e = os_file_fd(file, &fd);
    if (e || size <= 0) return e;
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size) == 0) return ERR_OK;
    return errno == EOPNOTSUPP || errno == EINTR ? ERR_OK : os_disk_err(errno);
}

static enum err os_size(struct disk_file *file, int64_t *size)
{
    int fd;
    struct stat st;
    enum err e = os_file_fd(file, &fd);
    if (e) return e;
    if (fstat(fd, &st)) return os_disk_err(errno);
    *size = st.st_size;
    return ERR_OK;
}

/* ---- syncs
 *
 * Of one file there is one at a time. The system tells a failed write once for each descriptor, to
 * whichever sync looks first: a second one beside it would hear that all is well. And what has
 * failed once fails for good. */

/* One asynchronous sync. The descriptor is pinned meanwhile. */
struct sync_job {
    struct os_job job;    /* first */
    struct disk_sync *op; /* NULL: forgotten */
    struct disk_file *file;
    struct list_node underway; /* in os_disk.underway */
    bool started;              /* else it waits for another of its file */
    int fd;                    /* -1: refused */
    enum err refused;          /* nothing was tried: no descriptor, or an earlier sync has failed */
    int error;
};

static void sync_work(struct os_job *job)
{
    struct sync_job *s = (struct sync_job *)job;
    if (!s->refused && fdatasync(s->fd) != 0) s->error = errno;
}

/* The first of that file that is under way, or waits. */
static struct sync_job *sync_of(struct os_disk *d, const struct disk_file *file)
{
    LIST_EACH(&d->underway, node) {
        struct sync_job *s = CONTAINER_OF(node, struct sync_job, underway);
        if (s->file == file) return s;
    }
    return NULL;
}

static void sync_begin(struct os_disk *d, struct sync_job *s)
{
    struct os_file *f = (struct os_file *)s->file;
    s->started = true;
    s->refused = f->sync_failed ? ERR_IO : os_file_fd(s->file, &s->fd);
    if (s->refused)
        s->fd = -1;
    else
        os_file_pin(f);
    os_helpers_start(&d->helpers, &s->job);
}

static enum err os_sync_now(struct disk_file *file)
{
    int fd;
    struct os_disk *d = disk_of(file);
    struct os_file *f = (struct os_file *)file;
    struct sync_job *s = sync_of(d, file);
    if (s) os_helpers_wait(&d->helpers, &s->job);
    if (s && s->error) f->sync_failed = true;
    if (f->sync_failed) return ERR_IO;
    enum err e = os_file_fd(file, &fd);
    if (!e) e = os_sync_err(fdatasync(fd) ? errno : 0);
    if (e == ERR_IO) f->sync_failed = true;
    return e;
}

static void sync_unpin(struct sync_job *s)
{
    list_remove(&s->underway);
    if (s->fd >= 0) os_file_unpin(&disk_of(s->file)->files, (struct os_file *)s->file);
}

static void sync_done(struct os_job *job)
{
    struct sync_job *s = (struct sync_job *)job;
    struct disk_sync *op = s->op;
    struct disk_file *file = s->file;
    struct os_disk *d = disk_of(file);
    if (s->error) ((struct os_file *)file)->sync_failed = true;
    if (op) op->result = s->refused ? s->refused : os_sync_err(s->error);
    sync_unpin(s);
    list_push_back(&d->spare, &job->node);
    struct sync_job *next = sync_of(d, file);
    if (next) sync_begin(d, next);
    if (op) op->done(op);
    disk_file_unref(file);
}

static void sync_abandoned(struct os_job *job)
{
    struct sync_job *s = (struct sync_job *)job;
    sync_unpin(s);
    disk_file_unref(s->file);
    mem_free(s);
}

static void os_sync_start(struct disk_file *file, struct disk_sync *op)
{
    struct os_disk *d = disk_of(file);
    struct sync_job *s;
    if (list_empty(&d->spare)) {
        s = MEM_NEW(struct sync_job);
        os_job_init(&s->job, sync_work, sync_done);
        list_init(&s->underway);
    } else {
        s = CONTAINER_OF(d->spare.next, struct sync_job, job.node);
        list_remove(&s->job.node);
    }
    s->op = op;
    s->file = file;
    s->fd = -1;
    s->refused = ERR_OK;
    s->error = 0;
    s->started = false;
    bool first = !sync_of(d, file);
    list_push_back(&d->underway, &s->underway);
    disk_file_ref(file);
    if (first) sync_begin(d, s);
}

static void os_sync_forget(struct disk *disk, struct disk_sync *op)
{
    LIST_EACH(&CONTAINER_OF(disk, struct os_disk, disk)->underway, node) {
        struct sync_job *s = CONTAINER_OF(node, struct sync_job, underway);
        if (s->op == op) s->op = NULL;
    }
}

static enum err os_rename(struct disk *disk, const char *from, const char *to)
{
    struct os_files *files = &CONTAINER_OF(disk, struct os_disk, disk)->files;
    struct stat a, b;
    bool same =
        stat(from, &a) == 0 && stat(to, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    enum err e = same ? ERR_OK : os_files_orphan(files, to);
    if (!e) e = result(rename(from, to));
    if (!e) os_files_renamed(files, from, to);
    return e;
}

static enum err os_unlink(struct disk *disk, const char *path)
{
    enum err e = os_files_orphan(&CONTAINER_OF(disk, struct os_disk, disk)->files, path);
    return e ? e : result(unlink(path));
}

static enum err os_mkdir(struct disk *disk, const char *path)
{
    (void)disk;
    return result(mkdir(path, 0755));
}

static enum err os_rmdir(struct disk *disk, const char *path)
{
    (void)disk;
    return result(rmdir(path));
}

static enum err os_sync_dir(struct disk *disk, const char *path)
{
    struct os_disk *d = CONTAINER_OF(disk, struct os_disk, disk);
    int fd = open_fd(d, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return os_disk_err(errno);
    enum err e = os_sync_err(fsync(fd) ? errno : 0);
    close(fd);
    return e;
}

/* By the descriptor of a lock on that file system when there is one: the system tells it of all
 * that could not be written since it was opened, a new one only of what nobody has heard of yet. */
static enum err os_sync_tree(struct disk *disk, const char *path)
{
    struct os_disk *d = CONTAINER_OF(disk, struct os_disk, disk);
    struct os_file *lock = NULL;
    struct stat st;
    int fd = open_fd(d, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return os_disk_err(errno);
    enum err e = os_sync_err(fstat(fd, &st) ? errno : 0);
    LIST_EACH(&d->locks, node) {
        struct os_file *f = CONTAINER_OF(node, struct os_file, lock);
        if (!e && !lock && f->device == st.st_dev) lock = f;
    }
    if (!e) e = os_sync_err(syncfs(lock ? lock->fd : fd) ? errno : 0);
    if (lock && e) lock->sync_failed = true;
    if (lock && lock->sync_failed) e = ERR_IO;
    close(fd);
    return e;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct disk_entry *)a)->name, ((const struct disk_entry *)b)->name);
}

static bool entry_is_dir(DIR *dir, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK) return entry->d_type == DT_DIR;
    struct stat st;
    return fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static enum err os_list(struct disk *disk, const char *path, struct arena *arena,
                        struct disk_entry **entries, int32_t *count)
{
    (void)disk;
    *entries = NULL;
    *count = 0;
    DIR *dir = opendir(path);
    if (!dir) return os_disk_err(errno);
    struct disk_entry *all = NULL;
    int32_t n = 0, capacity = 0;
    const struct dirent *d;
    while (errno = 0, (d = readdir(dir)) != NULL) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) continue;
        MEM_GROW(all, n, capacity);
        all[n++] = (struct disk_entry){.name = arena_str(arena, str_of(d->d_name)).data,
                                       .is_dir = entry_is_dir(dir, d)};
    }
    enum err e = errno ? os_disk_err(errno) : ERR_OK;
    closedir(dir);
    if (!e && n > 0) {
        qsort(all, (size_t)n, sizeof *all, by_name);
        *entries = ARENA_ARRAY(arena, struct disk_entry, n);
        memcpy(*entries, all, (size_t)n * sizeof *all);
        *count = n;
    }
    mem_free(all);
    return e;
}

static enum err os_stat(struct disk *disk, const char *path, struct disk_stat *out)
{
    (void)disk;
    struct stat st;
    if (stat(path, &st)) return os_disk_err(errno);
    *out = (struct disk_stat){
        .size = st.st_size,
        .modified_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000,
        .is_dir = S_ISDIR(st.st_mode),
    };
    return ERR_OK;
}

static enum err os_set_modified(struct disk *disk, const char *path, int64_t ms)
{
    (void)disk;
    struct timespec modified = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    if (modified.tv_nsec < 0) {
        modified.tv_sec--;
        modified.tv_nsec += 1000000000;
    }
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, modified};
    return result(utimensat(AT_FDCWD, path, times, 0));
}

/* Closing a second descriptor of a file we hold locked would drop the lock (POSIX), so look before
 * opening. */
static bool held_already(const struct os_disk *d, const struct stat *st)
{
    LIST_EACH(&d->locks, node) {
        const struct os_file *f = CONTAINER_OF(node, struct os_file, lock);
        if (f->device == st->st_dev && f->inode == st->st_ino) return true;
    }
    return false;
}

static enum err os_lock(struct disk *disk, const char *path, struct disk_file **out)
{
    struct os_disk *d = CONTAINER_OF(disk, struct os_disk, disk);
    struct stat st;
    if (stat(path, &st) == 0 && held_already(d, &st)) return ERR_LOCKED;
    int fd = open_fd(d, path, O_RDWR | O_CREAT | O_CLOEXEC);
    if (fd < 0) return os_disk_err(errno);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &whole) || fstat(fd, &st)) {
        enum err e = errno == EAGAIN || errno == EACCES ? ERR_LOCKED : os_disk_err(errno);
        close(fd);
        return e;
    }
    struct os_file *f = os_file_new(&d->files, disk, path, fd, O_RDWR | O_CLOEXEC);
    os_file_pin(f); /* for good: closing it would drop the lock */
    f->device = st.st_dev;
    f->inode = st.st_ino;
    list_push_back(&d->locks, &f->lock);
    *out = &f->file;
    return ERR_OK;
}

static enum err os_space(struct disk *disk, const char *path, struct disk_space *space)
{
    (void)disk;
    struct statvfs st;
    if (statvfs(path, &st)) return os_disk_err(errno);
    *space = (struct disk_space){.total_bytes = (int64_t)(st.f_blocks * st.f_frsize),
                                 .usable_bytes = (int64_t)(st.f_bavail * st.f_frsize)};
    return ERR_OK;
}

static const struct disk_ops os_disk_ops = {
    .open = os_open,
    .close = os_close,
    .read = os_read,
    .write = os_write,
    .truncate = os_truncate,
    .preallocate = os_preallocate,
    .size = os_size,
    .sync = os_sync_now,
    .sync_start = os_sync_start,
    .sync_forget = os_sync_forget,
    .sync_tree = os_sync_tree,
    .rename = os_rename,
    .unlink = os_unlink,
    .mkdir = os_mkdir,
    .rmdir = os_rmdir,
    .sync_dir = os_sync_dir,
    .list = os_list,
    .stat = os_stat,
    .set_modified = os_set_modified,
    .lock = os_lock,
    .space = os_space,
};

enum err os_disk_init(struct os_disk *d, struct os_loop *loop, int64_t open_max)
{
    *d = (struct os_disk){.disk.ops = &os_disk_ops};
    os_files_init(&d->files, open_max);
    list_init(&d->locks);
    list_init(&d->spare);
    list_init(&d->underway);
    return os_helpers_init(&d->helpers, loop, SYNC_THREADS);
}

void os_disk_free(struct os_disk *d)
{
    os_helpers_free(&d->helpers, sync_abandoned);
    while (!list_empty(&d->underway)) /* those that have not begun */
        sync_abandoned(&CONTAINER_OF(d->underway.next, struct sync_job, underway)->job);
    while (!list_empty(&d->spare)) {
        struct sync_job *s = CONTAINER_OF(d->spare.next, struct sync_job, job.node);
        list_remove(&s->job.node);
        mem_free(s);
    }
    os_files_free(&d->files);
}
