#include "env/trace.h"

#include <stddef.h>

void trace_line(struct trace *t, enum trace_level level, const char *component, const char *format,
                ...)
{
    if (!t || level < t->level) return;
    va_list args;
    va_start(args, format);
    t->ops->line(t, level, component, format, args);
    va_end(args);
}
