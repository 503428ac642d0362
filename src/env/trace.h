/* Diagnostics: what a node did and why, one line each.
 *
 * The os side prints Kafka's log line: `[2026-08-21 16:54:41,123] INFO [Broker id=1] text
 * (component)`. The simulated side keeps a bounded ring with virtual time and hashes every line
 * into the run's trace. Never used for data; never fails. */
#ifndef SAMSA_ENV_TRACE_H
#define SAMSA_ENV_TRACE_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/bytes.h"

/* TRACE is for who asks for everything that Kafka would tell: nothing here is below DEBUG. */
enum trace_level { TRACE_TRACE, TRACE_DEBUG, TRACE_INFO, TRACE_WARN, TRACE_ERROR, TRACE_FATAL };

/* "INFO", as Kafka's log has it. */
const char *trace_level_name(enum trace_level level);
bool trace_level_find(struct str name, enum trace_level *level);

struct trace {
    const struct trace_ops *ops;
    enum trace_level level; /* lines below it are dropped before formatting */
};

struct trace_ops {
    void (*line)(struct trace *, enum trace_level, const char *component, const char *format,
                 va_list args);
};

void trace_line(struct trace *t, enum trace_level level, const char *component, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

#define trace_debug(t, ...) trace_line((t), TRACE_DEBUG, __VA_ARGS__)
#define trace_info(t, ...)  trace_line((t), TRACE_INFO, __VA_ARGS__)
#define trace_warn(t, ...)  trace_line((t), TRACE_WARN, __VA_ARGS__)
#define trace_error(t, ...) trace_line((t), TRACE_ERROR, __VA_ARGS__)

#endif
