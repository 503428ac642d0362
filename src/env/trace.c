#include "env/trace.h"

#include <stddef.h>

static const char *const level_names[] = {
    [TRACE_TRACE] = "TRACE", [TRACE_DEBUG] = "DEBUG", [TRACE_INFO] = "INFO",
    [TRACE_WARN] = "WARN",   [TRACE_ERROR] = "ERROR", [TRACE_FATAL] = "FATAL",
};

const char *trace_level_name(enum trace_level level)
{
    return level_names[level];
}

bool trace_level_find(struct str name, enum trace_level *level)
{
    for (int i = TRACE_TRACE; i <= TRACE_FATAL; i++) {
        if (!str_equal_z(name, level_names[i])) continue;
        *level = (enum trace_level)i;
        return true;
    }
    return false;
}

void trace_line(struct trace *t, enum trace_level level, const char *component, const char *format,
                ...)
{
    if (!t || level < t->level) return;
    va_list args;
    va_start(args, format);
    t->ops->line(t, level, component, format, args);
    va_end(args);
}
