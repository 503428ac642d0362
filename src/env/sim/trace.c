#include <stdio.h>

#include "base/crc32c.h"
#include "env/sim/node.h"

static const char level_letters[] = {'D', 'I', 'W', 'E', 'F'};

static void print(const struct sim *s, const struct sim_trace_line *l)
{
    fprintf(stderr, "%12lld.%06lld %-8s %c %s\n", (long long)(l->at_ns / 1000000000),
            (long long)(l->at_ns % 1000000000 / 1000), s->nodes[l->node]->name,
            level_letters[l->level], l->text);
}

static void line(struct trace *trace, enum trace_level level, const char *component,
                 const char *format, va_list args)
{
    struct sim_process *p = CONTAINER_OF(trace, struct sim_process, trace);
    struct sim *s = p->sim;
    if (p->dead) return;
    struct sim_trace_line *l = &s->lines[s->lines_count++ % SIM_TRACE_LINES];
    *l = (struct sim_trace_line){.at_ns = s->queue.now_ns, .node = p->node->index, .level = level};
    int n = vsnprintf(l->text, sizeof l->text, format, args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof l->text ? (size_t)n : sizeof l->text - 1;
    sim_hash_add(s, crc32c(l->text, len));
    snprintf(l->text + len, sizeof l->text - len, " (%s)", component);
    if (s->echo) print(s, l);
}

void sim_trace_init(struct sim_process *p)
{
    static const struct trace_ops ops = {.line = line};
    p->trace = (struct trace){.ops = &ops, .level = TRACE_INFO};
}

void sim_trace_dump(const struct sim *s)
{
    int64_t first = s->lines_count > SIM_TRACE_LINES ? s->lines_count - SIM_TRACE_LINES : 0;
    for (int64_t i = first; i < s->lines_count; i++) print(s, &s->lines[i % SIM_TRACE_LINES]);
    fprintf(stderr, "events %lld trace %016llx\n", (long long)s->events,
            (unsigned long long)s->hash);
}

void sim_trace_echo(struct sim *s, bool on)
{
    s->echo = on;
}
