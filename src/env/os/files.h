/* Open files beyond the descriptor limit. Private to this folder.
 *
 * A handle (struct os_file) lives as long as its holders want; its descriptor is closed when others
 * need one, longest unused first, and opened again by path when it is used. So the paths of handles
 * are kept in a tree, which follows what this process renames: a directory with a thousand open
 * files moves in one step. A file that is unlinked or replaced keeps its descriptor, for it has no
 * path any more. A handle that a helper thread works on is pinned.
 *
 * A closed descriptor forgets no failed write-back: Linux reports an unseen error to the next one
 * that is opened, as long as the inode stays in memory, which dirty pages make it do.
 *
 * Not followed: names changed by others, or through a symbolic link in the middle of a path.
 * Opening again compares device and inode, so that ends as ERR_IO, never as another file's
 * bytes. */
#ifndef SAMSA_ENV_OS_FILES_H
#define SAMSA_ENV_OS_FILES_H

#include "base/map.h"
#include "env/disk.h"

struct os_dir;

struct os_file {
    struct disk_file file; /* first */
    int fd;                /* -1: closed for now */
    int how;               /* flags to open it again */
    int pins;
    bool fixed;             /* the descriptor stays: a lock, or a file without a name */
    bool sync_failed;       /* for good; of a lock: of its file system */
    uint64_t device, inode; /* of a lock, and while closed */
    struct list_node use;   /* in os_files.used, while it could be closed */
    struct list_node lock;  /* in os_disk.locks */
    struct os_dir *dir;     /* its place in the tree; NULL: none */
    char *name;
    struct list_node twins; /* other handles of the same name, a ring without head */
};

struct os_files {
    struct os_dir *absolute, *relative; /* the tree's roots */
    struct list_node used;              /* longest unused first */
    int64_t open, open_max;             /* descriptors */
};

void os_files_init(struct os_files *fs, int64_t open_max);
void os_files_free(struct os_files *fs);

/* Close the longest unused until one more fits. */
void os_files_make_room(struct os_files *fs);

/* Close one; false when none can be. For when the process runs out all the same. */
bool os_files_close_one(struct os_files *fs);

/* A handle for a descriptor just opened, with one reference. */
struct os_file *os_file_new(struct os_files *fs, struct disk *disk, const char *path, int fd,
                            int how);

/* Closes and frees. */
void os_file_free(struct os_files *fs, struct os_file *f);

/* The descriptor, opened again if need be, valid until the next call. Err: NO_DESCRIPTORS, IO. */
enum err os_file_open(struct os_files *fs, struct os_file *f, int *fd) MUST_CHECK;

/* Between pin and unpin the descriptor is not closed. */
void os_file_pin(struct os_file *f);
void os_file_unpin(struct os_files *fs, struct os_file *f);

/* Before a name goes away: its handles get a descriptor to keep. Err: NO_DESCRIPTORS, IO. */
enum err os_files_orphan(struct os_files *fs, const char *path) MUST_CHECK;

/* After a file or directory was renamed. */
void os_files_renamed(struct os_files *fs, const char *from, const char *to);

#endif
