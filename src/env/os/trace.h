/* Kafka's log line on a stream and in a file. Private to this folder. */
#ifndef SAMSA_ENV_OS_TRACE_H
#define SAMSA_ENV_OS_TRACE_H

#include "base/err.h"
#include "env/trace.h"

struct os_trace {
    struct trace trace; /* first */
    int stream_fd;      /* the caller's; -1: none */
    int file_fd;        /* ours; -1: none */
};

void os_trace_init(struct os_trace *t);
enum err os_trace_file(struct os_trace *t, const char *path) MUST_CHECK;
void os_trace_free(struct os_trace *t);

#endif
