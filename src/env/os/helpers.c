#include "env/os/helpers.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Called with the mutex held. */
static void finished(struct os_helpers *h, struct os_job *job)
{
    bool was_empty = list_empty(&h->finished);
    list_push_back(&h->finished, &job->node);
    job->ended = true;
    pthread_cond_broadcast(&h->one_ended);
    if (!was_empty) return;
    ssize_t n = write(h->source.fd, &(uint64_t){1}, sizeof(uint64_t));
    INVARIANT(n == sizeof(uint64_t));
}

static void *helper_thread(void *owner)
{
    struct os_helpers *h = owner;
    pthread_mutex_lock(&h->mutex);
    while (!h->stopping) {
        if (list_empty(&h->waiting)) {
            pthread_cond_wait(&h->wake, &h->mutex);
            continue;
        }
        struct os_job *job = CONTAINER_OF(h->waiting.next, struct os_job, node);
        list_remove(&job->node);
        job->waiting = false;
        pthread_mutex_unlock(&h->mutex);
        job->work(job);
        pthread_mutex_lock(&h->mutex);
        finished(h, job);
    }
    pthread_mutex_unlock(&h->mutex);
    return NULL;
}

static void start_threads(struct os_helpers *h)
{
    if (h->threads_count > 0) return;
    sigset_t all, before; /* signals are the loop's: none may be delivered to a helper */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (h->threads_count < h->threads_max) {
        int failed = pthread_create(&h->threads[h->threads_count], NULL, helper_thread, h);
        if (failed) break;
        h->threads_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void helpers_ready(struct os_source *source, uint32_t events)
{
    (void)events;
    struct os_helpers *h = CONTAINER_OF(source, struct os_helpers, source);
    uint64_t count;
    ssize_t n = read(source->fd, &count, sizeof count);
    INVARIANT(n == sizeof count || errno == EAGAIN);
    struct list_node now;
    list_init(&now);
    pthread_mutex_lock(&h->mutex);
    while (!list_empty(&h->finished)) {
        struct list_node *node = h->finished.next;
        list_remove(node);
        list_push_back(&now, node);
    }
    pthread_mutex_unlock(&h->mutex);
    while (!list_empty(&now)) {
        struct os_job *job = CONTAINER_OF(now.next, struct os_job, node);
        list_remove(&job->node);
        job->done(job);
    }
}

enum err os_helpers_init(struct os_helpers *h, struct os_loop *loop, int threads_max)
{
    PRE(threads_max <= OS_HELPERS_MAX);
    *h = (struct os_helpers){
        .loop = loop, .threads_max = threads_max, .source.ready = helpers_ready};
    list_init(&h->waiting);
    list_init(&h->finished);
    pthread_mutex_init(&h->mutex, NULL);
    pthread_cond_init(&h->wake, NULL);
    pthread_cond_init(&h->one_ended, NULL);
    h->source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->source.fd < 0) return ERR_NO_DESCRIPTORS;
    return os_loop_add(loop, &h->source, EPOLLIN);
}

void os_helpers_start(struct os_helpers *h, struct os_job *job)
{
    job->ended = false;
    start_threads(h);
    if (h->threads_count == 0) job->work(job); /* no thread to be had: wait rather than never */
    pthread_mutex_lock(&h->mutex);
    if (h->threads_count == 0) {
        finished(h, job);
    } else {
        job->waiting = true;
        list_push_back(&h->waiting, &job->node);
        pthread_cond_signal(&h->wake);
    }
    pthread_mutex_unlock(&h->mutex);
}

void os_helpers_wait(struct os_helpers *h, struct os_job *job)
{
    pthread_mutex_lock(&h->mutex);
    while (!job->ended) pthread_cond_wait(&h->one_ended, &h->mutex);
    pthread_mutex_unlock(&h->mutex);
}

bool os_helpers_take_back(struct os_helpers *h, struct os_job *job)
{
    pthread_mutex_lock(&h->mutex);
    bool waiting = job->waiting;
    if (waiting) list_remove(&job->node);
    job->waiting = false;
    pthread_mutex_unlock(&h->mutex);
    return waiting;
}

static void abandon(struct list_node *jobs, void (*abandoned)(struct os_job *job))
{
    while (!list_empty(jobs)) {
        struct os_job *job = CONTAINER_OF(jobs->next, struct os_job, node);
        list_remove(&job->node);
        abandoned(job);
    }
}

void os_helpers_free(struct os_helpers *h, void (*abandoned)(struct os_job *job))
{
    pthread_mutex_lock(&h->mutex);
    h->stopping = true;
    pthread_cond_broadcast(&h->wake);
    pthread_mutex_unlock(&h->mutex);
    for (int i = 0; i < h->threads_count; i++) pthread_join(h->threads[i], NULL);
    abandon(&h->finished, abandoned);
    abandon(&h->waiting, abandoned);
    pthread_mutex_destroy(&h->mutex);
    pthread_cond_destroy(&h->wake);
    pthread_cond_destroy(&h->one_ended);
    if (h->source.fd >= 0) close(h->source.fd);
}
