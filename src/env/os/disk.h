/* Real files and directories. Private to this folder; net.c asks it for descriptors to send
 * from. */
#ifndef SAMSA_ENV_OS_DISK_H
#define SAMSA_ENV_OS_DISK_H

#include "env/disk.h"
#include "env/os/files.h"
#include "env/os/helpers.h"

struct os_disk {
    struct disk disk;          /* first */
    struct os_helpers helpers; /* wait for fsync */
    struct list_node spare;    /* sync jobs to use again */
    struct list_node underway; /* sync jobs */
    struct os_files files;
    struct list_node locks; /* os_file */
};

/* At most `open_max` descriptors are used for files, as far as that is possible. */
enum err os_disk_init(struct os_disk *d, struct os_loop *loop, int64_t open_max) MUST_CHECK;
void os_disk_free(struct os_disk *d);

/* What errno means to the callers of env/disk.h; and after a sync, where it is all one. */
enum err os_disk_err(int error);
enum err os_sync_err(int error);

/* The descriptor to send from, valid until the next call into the disk. The file must be one of
 * ours. Err: NO_DESCRIPTORS, IO. */
enum err os_file_fd(struct disk_file *file, int *fd) MUST_CHECK;

#endif
