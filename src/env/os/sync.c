#include "env/os/sync.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "env/os/disk.h"

static void *sync_thread(void *owner)
{
    struct os_sync *s = owner;
    pthread_mutex_lock(&s->mutex);
    for (;;) {
        while (list_empty(&s->waiting) && !s->stopping) pthread_cond_wait(&s->wake, &s->mutex);
        if (list_empty(&s->waiting)) break; /* stopping, and nothing is left */
        struct os_sync_job *job = CONTAINER_OF(s->waiting.next, struct os_sync_job, node);
        list_remove(&job->node);
        pthread_mutex_unlock(&s->mutex);
        int error = fdatasync(job->fd) == 0 ? 0 : errno;
        pthread_mutex_lock(&s->mutex);
        job->error = error;
        bool was_empty = list_empty(&s->finished);
        list_push_back(&s->finished, &job->node);
        if (was_empty) {
            ssize_t n = write(s->source.fd, &(uint64_t){1}, sizeof(uint64_t));
            INVARIANT(n == sizeof(uint64_t));
        }
    }
    pthread_mutex_unlock(&s->mutex);
    return NULL;
}

static void start_threads(struct os_sync *s)
{
    if (s->threads_count > 0) return;
    sigset_t all, before; /* signals are the loop's: none may be delivered to a helper */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (s->threads_count < OS_SYNC_THREADS) {
        int failed = pthread_create(&s->threads[s->threads_count], NULL, sync_thread, s);
        if (failed) break;
        s->threads_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void take_finished(struct os_sync *s, struct list_node *to)
{
    pthread_mutex_lock(&s->mutex);
    while (!list_empty(&s->finished)) {
        struct list_node *n = s->finished.next;
        list_remove(n);
        list_push_back(to, n);
    }
    pthread_mutex_unlock(&s->mutex);
}

static void sync_ready(struct os_source *source, uint32_t events)
{
    (void)events;
    struct os_sync *s = CONTAINER_OF(source, struct os_sync, source);
    uint64_t count;
    ssize_t n = read(source->fd, &count, sizeof count);
    INVARIANT(n == sizeof count || errno == EAGAIN);
    struct list_node finished;
    list_init(&finished);
    take_finished(s, &finished);
    while (!list_empty(&finished)) {
        struct os_sync_job *job = CONTAINER_OF(finished.next, struct os_sync_job, node);
        list_remove(&job->node);
        struct disk_sync *op = job->op;
        struct disk_file *file = op->file;
        op->result = job->error ? os_disk_err(job->error) : ERR_OK;
        s->finish(job);
        list_push_back(&s->spare, &job->node);
        op->done(op);
        disk_file_unref(file);
    }
}

enum err os_sync_init(struct os_sync *s, struct os_loop *loop, void (*finish)(struct os_sync_job *))
{
    *s = (struct os_sync){.loop = loop, .finish = finish, .source.ready = sync_ready};
    list_init(&s->waiting);
    list_init(&s->finished);
    list_init(&s->spare);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->wake, NULL);
    s->source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->source.fd < 0) return ERR_NO_DESCRIPTORS;
    return os_loop_add(loop, &s->source, EPOLLIN);
}

void os_sync_start(struct os_sync *s, struct disk_sync *op, int fd)
{
    struct os_sync_job *job;
    if (list_empty(&s->spare)) {
        job = MEM_NEW(struct os_sync_job);
        list_init(&job->node);
    } else {
        job = CONTAINER_OF(s->spare.next, struct os_sync_job, node);
        list_remove(&job->node);
    }
    job->op = op;
    job->fd = fd;
    disk_file_ref(op->file);
    start_threads(s);
    pthread_mutex_lock(&s->mutex);
    if (s->threads_count > 0) {
        list_push_back(&s->waiting, &job->node);
        pthread_cond_signal(&s->wake);
    } else { /* no thread to be had: wait here rather than never */
        job->error = fdatasync(fd) == 0 ? 0 : errno;
        list_push_back(&s->finished, &job->node);
        ssize_t n = write(s->source.fd, &(uint64_t){1}, sizeof(uint64_t));
        INVARIANT(n == sizeof(uint64_t));
    }
    pthread_mutex_unlock(&s->mutex);
}

static void free_jobs(struct list_node *jobs)
{
    while (!list_empty(jobs)) {
        struct os_sync_job *job = CONTAINER_OF(jobs->next, struct os_sync_job, node);
        list_remove(&job->node);
        mem_free(job);
    }
}

void os_sync_free(struct os_sync *s)
{
    pthread_mutex_lock(&s->mutex);
    s->stopping = true;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->mutex);
    for (int i = 0; i < s->threads_count; i++) pthread_join(s->threads[i], NULL);
    LIST_EACH(&s->finished, node) {
        struct os_sync_job *job = CONTAINER_OF(node, struct os_sync_job, node);
        s->finish(job);
        disk_file_unref(job->op->file);
    }
    free_jobs(&s->finished);
    free_jobs(&s->spare);
    pthread_mutex_destroy(&s->mutex);
    pthread_cond_destroy(&s->wake);
    if (s->source.fd >= 0) close(s->source.fd);
}
