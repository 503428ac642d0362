/* The real machine: one event loop and the five interfaces of env.h on top of it.
 *
 * Owns: the loop, its descriptors, and a few helper threads, started when needed, that wait for
 * fsync and the name resolver and do nothing else. Everything is called and calls back on the
 * thread that runs os_env_run. One turn: wait for events, read both clocks once, fire due timers,
 * dispatch io, run posted tasks, flush every connection that has output. With nothing to do it
 * sleeps without a time limit. Process-wide effects of os_env_init: SIGPIPE is ignored, and the
 * limit of open files is raised to the hard limit. */
#ifndef SAMSA_ENV_OS_OS_H
#define SAMSA_ENV_OS_OS_H

#include "base/err.h"
#include "env/env.h"

struct os_env {
    struct env env; /* what the rest of the program sees */
    struct os_loop *loop;
    struct os_disk *disk;
    struct os_net *net;
    struct os_rng *rng;
    struct os_trace *trace;
    struct os_signals *signals;
};

/* Err: NO_DESCRIPTORS, IO. `os` must not move afterwards. */
enum err os_env_init(struct os_env *os) MUST_CHECK;

/* SIGTERM, SIGINT and SIGHUP are blocked and come to `signalled` from the loop, in threads started
 * later too. Err: NO_DESCRIPTORS. */
enum err os_env_on_signal(struct os_env *os, void (*signalled)(void *owner, int signal),
                          void *owner) MUST_CHECK;

/* Lines go to this descriptor (1 by default; -1 for nowhere), which stays the caller's. */
void os_env_trace_stream(struct os_env *os, int fd);

/* Lines go to this file too, appended; NULL ends that. Err: as disk_open. */
enum err os_env_trace_file(struct os_env *os, const char *path) MUST_CHECK;

/* How many descriptors files may take; beyond it those longest unused are closed, and opened again
 * when they are used. At first half of the limit of open files; the rest is for connections. */
void os_env_files_max(struct os_env *os, int64_t max);
int64_t os_env_files_open(const struct os_env *os);

/* Turn until os_env_stop. May be called again. */
void os_env_run(struct os_env *os);

/* One turn, which waits at most `wait_ms_max` for something to do (-1: no limit). */
void os_env_turn(struct os_env *os, int64_t wait_ms_max);

/* The turn in progress is finished, then os_env_run returns. */
void os_env_stop(struct os_env *os);

/* Connections, listeners and files are closed by their owners first. Waits for syncs in progress;
 * their `done` is not called any more. */
void os_env_free(struct os_env *os);

#endif
