/* The event loop under env/os: epoll, timers, tasks. Private to this folder. */
#ifndef SAMSA_ENV_OS_LOOP_H
#define SAMSA_ENV_OS_LOOP_H

#include <stdint.h>

#include "base/err.h"
#include "env/schedule.h"

/* Something with a descriptor. Embedded; memory is given back only through os_loop_retire, because
 * an event for it may already be in the batch that is being dispatched. */
struct os_source {
    int fd;
    bool retired;
    void (*ready)(struct os_source *source, uint32_t epoll_events);
    void (*freed)(struct os_source *source); /* after the turn; frees the object around it */
    struct os_source *next_retired;
};

struct os_loop {
    struct clock clock; /* first */
    int epoll_fd;
    bool stopping;
    bool never;  /* false: what interrupts a batch of timers or tasks here */
    bool busy;   /* something is left to do: the next wait does not block */
    bool waited; /* this turn's events were waited for */
    struct mono_time mono;
    struct wall_time wall;
    struct timer_heap timers;
    struct list_node tasks;
    struct os_source *retired;
};

enum err os_loop_init(struct os_loop *l) MUST_CHECK;
void os_loop_free(struct os_loop *l);

/* Err: NO_DESCRIPTORS (kernel memory or watch limit). */
enum err os_loop_add(struct os_loop *l, struct os_source *s, uint32_t epoll_events) MUST_CHECK;
void os_loop_change(struct os_loop *l, struct os_source *s, uint32_t epoll_events);

/* Take the source out and close its descriptor; `freed` runs at the end of the turn. */
void os_loop_retire(struct os_loop *l, struct os_source *s);

/* Wait, read the clocks, fire timers, dispatch io, run tasks. */
void os_loop_turn(struct os_loop *l, int64_t wait_ms_max);

/* Call `freed` of everything retired. The last step of a turn. */
void os_loop_reap(struct os_loop *l);

#endif
