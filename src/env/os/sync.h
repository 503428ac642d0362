/* fsync away from the loop: helper threads wait for the device, an eventfd brings the result back.
 *
 * The mutex guards `waiting`, `finished` and `stopping`; everything else is the loop's. Threads
 * start with the first sync. Private to this folder. */
#ifndef SAMSA_ENV_OS_SYNC_H
#define SAMSA_ENV_OS_SYNC_H

#include <pthread.h>

#include "env/disk.h"
#include "env/os/loop.h"

enum { OS_SYNC_THREADS = 2 };

struct os_sync_job {
    struct list_node node;
    struct disk_sync *op;
    int fd;    /* stays open until the job is done */
    int error; /* errno of fdatasync */
};

struct os_sync {
    struct os_source source; /* the eventfd */
    struct os_loop *loop;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct list_node waiting, finished;
    bool stopping;
    int threads_count;
    pthread_t threads[OS_SYNC_THREADS];
    struct list_node spare; /* jobs to use again */
    /* Called on the loop before op->done, with the result in the job: gives the descriptor back. */
    void (*finish)(struct os_sync_job *job);
};

enum err os_sync_init(struct os_sync *s, struct os_loop *loop,
                      void (*finish)(struct os_sync_job *)) MUST_CHECK;

/* `fd` must stay open until `finish`. */
void os_sync_start(struct os_sync *s, struct disk_sync *op, int fd);

/* Waits for the jobs; `finish` is called for each, `done` for none. */
void os_sync_free(struct os_sync *s);

#endif
