/* A disk that breaks under a running process, for LD_PRELOAD: what writes, syncs or makes a file
 * below one of the directories that stand in the file $BROKEN_DISK, one a line, fails with EIO. No
 * such file: all is well. Reads go on, as they do from the page cache. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static bool is_below_broken(const char *path)
{
    const char *list = getenv("BROKEN_DISK");
    FILE *f = list ? fopen(list, "re") : NULL;
    char line[PATH_MAX];
    bool broken = false;
    while (f && !broken && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        size_t len = strlen(line);
        broken = len > 0 && strncmp(path, line, len) == 0 && (path[len] == '/' || path[len] == 0);
    }
    if (f) fclose(f);
    return broken;
}

static bool fd_is_broken(int fd)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return false;
    path[n] = 0;
    return is_below_broken(path);
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
    static ssize_t (*next)(int, const struct iovec *, int, off_t);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "pwritev");
    if (!fd_is_broken(fd)) return next(fd, iov, count, offset);
    errno = EIO;
    return -1;
}

int fdatasync(int fd)
{
    static int (*next)(int);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "fdatasync");
    if (!fd_is_broken(fd)) return next(fd);
    errno = EIO;
    return -1;
}

int fsync(int fd)
{
    static int (*next)(int);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "fsync");
    if (!fd_is_broken(fd)) return next(fd);
    errno = EIO;
    return -1;
}

int open(const char *path, int flags, ...)
{
    static int (*next)(const char *, int, ...);
    va_list arguments;
    va_start(arguments, flags);
    int mode = flags & O_CREAT ? va_arg(arguments, int) : 0;
    va_end(arguments);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "open");
    if (!(flags & O_CREAT) || !is_below_broken(path)) return next(path, flags, mode);
    errno = EIO;
    return -1;
}
