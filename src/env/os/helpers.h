/* Threads that wait where the loop must not: for a device, for a resolver. Private to this folder.
 *
 * A job is owned by the loop until it is started, by a helper while `work` runs, and by the loop
 * again when `done` is called. The mutex guards the two lists, `stopping` and each job's `ended`;
 * everything else is the loop's. Threads start with the first job. */
#ifndef SAMSA_ENV_OS_HELPERS_H
#define SAMSA_ENV_OS_HELPERS_H

#include <pthread.h>

#include "env/os/loop.h"

enum { OS_HELPERS_MAX = 4 };

/* Embedded in what it is about. */
struct os_job {
    struct list_node node;
    bool waiting;                     /* no helper has begun it; guarded by the mutex */
    void (*work)(struct os_job *job); /* on a helper: touches only the job */
    void (*done)(struct os_job *job); /* on the loop; may free the job */
    bool ended;                       /* `work` has returned */
};

struct os_helpers {
    struct os_source source; /* an eventfd: something has finished */
    struct os_loop *loop;
    pthread_mutex_t mutex;
    pthread_cond_t wake, one_ended;
    struct list_node waiting, finished;
    bool stopping;
    int threads_count, threads_max;
    pthread_t threads[OS_HELPERS_MAX];
};

enum err os_helpers_init(struct os_helpers *h, struct os_loop *loop, int threads_max) MUST_CHECK;

static inline void os_job_init(struct os_job *job, void (*work)(struct os_job *),
                               void (*done)(struct os_job *))
{
    list_init(&job->node);
    job->waiting = false;
    job->work = work;
    job->done = done;
}

void os_helpers_start(struct os_helpers *h, struct os_job *job);

/* Blocks until the work of a job that was started has returned; `done` comes from the loop,
 * later. */
void os_helpers_wait(struct os_helpers *h, struct os_job *job);

/* The job is the caller's again, and nothing of it runs. False: a helper has begun it, or it was
 * not started. */
bool os_helpers_take_back(struct os_helpers *h, struct os_job *job);

/* Waits for the jobs in progress; then each job that was ever started and is not done is handed to
 * `abandoned`, on the loop. */
void os_helpers_free(struct os_helpers *h, void (*abandoned)(struct os_job *job));

#endif
