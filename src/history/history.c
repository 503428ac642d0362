/* The events stand in a ring by sequence number, each in one block of memory of its own:
 *
 *     struct history_event | items[] | reason\0 | text\0 | item\0 item\0 …
 *
 * An event that is told again within HISTORY_AGAIN_MS is looked for among the last AGAIN_DEPTH. */
#include "history/history.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { AGAIN_DEPTH = 8, REASON_MAX = 64 };

struct history {
    struct clock *clock;
    struct trace *trace;
    struct history_options options;
    struct mono_time began;
    struct history_event **ring; /* events_max slots, by sequence modulo */
    int64_t first, after;
    int64_t bytes;
    /* the event being told */
    bool drafting;
    struct history_fact fact;
    char (*items)[HISTORY_ITEM_MAX]; /* items_max of them */
    int32_t items_count;
    int64_t items_left_out;
    char *line; /* the items in the log's line */
};

const char *history_kind_word(enum history_kind kind)
{
    static const char *const words[] = {
#define X(NAME, word, level, meaning) [HISTORY_##NAME] = word,
        HISTORY_KINDS(X)
#undef X
    };
    PRE(kind < HISTORY_KINDS_COUNT);
    return words[kind];
}

static enum trace_level level_of(enum history_kind kind)
{
    static const enum trace_level levels[] = {
#define X(NAME, word, level, meaning) [HISTORY_##NAME] = TRACE_##level,
        HISTORY_KINDS(X)
#undef X
    };
    return levels[kind];
}

static size_t line_bytes(const struct history *h)
{
    return (size_t)h->options.items_max * (HISTORY_ITEM_MAX + 2) + 64;
}

struct history *history_create(const struct env *env, const struct history_options *options)
{
    PRE(options->events_max > 0 && options->items_max >= 0);
    struct history *h = MEM_NEW(struct history);
    h->clock = env->clock;
    h->trace = env->trace;
    h->options = *options;
    h->began = clock_mono(env->clock);
    h->ring = mem_zalloc((size_t)options->events_max, sizeof(struct history_event *));
    h->items = mem_zalloc((size_t)options->items_max + 1, HISTORY_ITEM_MAX);
    h->line = mem_alloc(line_bytes(h));
    return h;
}

static struct history_event **slot_of(const struct history *h, int64_t sequence)
{
    return &h->ring[sequence % h->options.events_max];
}

static void drop_oldest(struct history *h)
{
    struct history_event **slot = slot_of(h, h->first);
    h->bytes -= (*slot)->bytes;
    mem_free(*slot);
    *slot = NULL;
    h->first++;
}

void history_free(struct history *h)
{
    if (!h) return;
    while (h->first < h->after) drop_oldest(h);
    POST(h->bytes == 0);
    mem_free(h->ring);
    mem_free(h->items);
    mem_free(h->line);
    mem_free(h);
}

/* ---- telling */

void history_begin(struct history *h, const struct history_fact *fact)
{
    if (!h) return;
    PRE(!h->drafting);
    PRE(fact->kind < HISTORY_KINDS_COUNT);
    h->drafting = true;
    h->fact = *fact;
    h->items_count = 0;
    h->items_left_out = 0;
}

static void item_add(struct history *h, const char *format, va_list args)
{
    PRE(h->drafting);
    if (h->items_count >= h->options.items_max) {
        h->items_left_out++;
        return;
    }
    vsnprintf(h->items[h->items_count++], HISTORY_ITEM_MAX, format, args);
}

void history_item(struct history *h, const char *format, ...)
{
    if (!h) return;
    va_list args;
    va_start(args, format);
    item_add(h, format, args);
    va_end(args);
}

static bool same_reason(const char *a, const char *b)
{
    if (!a || !b) return a == b;
    return strncmp(a, b, REASON_MAX - 1) == 0;
}

/* The text of a process that is gone says how long the proof took. */
static bool same_text(const struct history *h, const char *a, const char *b)
{
    return h->fact.kind == HISTORY_PROCESS_GONE || strcmp(a, b) == 0;
}

static bool is_again(const struct history *h, const struct history_event *e, const char *text)
{
    const struct history_fact *f = &e->fact;
    return f->kind == h->fact.kind && f->about == h->fact.about && f->epoch == h->fact.epoch &&
           f->partitions == h->fact.partitions && e->items_count == 0 && h->items_count == 0 &&
           same_reason(f->reason, h->fact.reason) && same_text(h, e->text, text) &&
           mono_elapsed_ms(clock_mono(h->clock), e->last) < HISTORY_AGAIN_MS;
}

static struct history_event *find_again(const struct history *h, const char *text)
{
    for (int64_t s = h->after - 1; s >= h->first && s >= h->after - AGAIN_DEPTH; s--) {
        struct history_event *e = *slot_of(h, s);
        if (is_again(h, e, text)) return e;
    }
    return NULL;
}

static char *put_text(char **to, const char *text, size_t max)
{
    size_t len = strnlen(text, max);
    char *at = *to;
    memcpy(at, text, len);
    at[len] = '\0';
    *to += len + 1;
    return at;
}

static struct history_event *event_make(const struct history *h, const char *text)
{
    size_t size = sizeof(struct history_event) + (size_t)h->items_count * sizeof(char *);
    size_t texts = size;
    size += strnlen(h->fact.reason ? h->fact.reason : "", REASON_MAX - 1) + strlen(text) + 2;
    for (int32_t i = 0; i < h->items_count; i++) size += strlen(h->items[i]) + 1;
    struct history_event *e = mem_zalloc(1, size);
    char *to = (char *)e + texts;
    const char **items = (const char **)(e + 1);
    e->fact = h->fact;
    if (e->fact.reason) e->fact.reason = put_text(&to, h->fact.reason, REASON_MAX - 1);
    e->text = put_text(&to, text, HISTORY_TEXT_MAX);
    for (int32_t i = 0; i < h->items_count; i++)
        items[i] = put_text(&to, h->items[i], HISTORY_ITEM_MAX);
    e->items = items;
    e->items_count = h->items_count;
    e->items_left_out = h->items_left_out > INT32_MAX ? INT32_MAX : (int32_t)h->items_left_out;
    e->times = 1;
    e->bytes = (int64_t)size;
    return e;
}

/* " [a; b; and 3 more]", or nothing. */
static const char *items_text(struct history *h, const struct history_event *e)
{
    size_t size = line_bytes(h), at = 0;
    h->line[0] = '\0';
    if (e->items_count == 0 && e->items_left_out == 0) return h->line;
    for (int32_t i = 0; i < e->items_count; i++)
        at += (size_t)snprintf(h->line + at, size - at, "%s%s", i ? "; " : " [", e->items[i]);
    if (e->items_left_out > 0)
        at += (size_t)snprintf(h->line + at, size - at, "%sand %d more", at ? "; " : " [",
                               e->items_left_out);
    snprintf(h->line + at, size - at, "]");
    return h->line;
}

static void trace_event(struct history *h, const struct history_event *e)
{
    const struct history_fact *f = &e->fact;
    char facts[192];
    size_t at = 0;
    facts[0] = '\0';
#define ADD(...) at += (size_t)snprintf(facts + at, sizeof facts - at, __VA_ARGS__)
    if (f->about >= 0) ADD(" about=%d", f->about);
    if (f->epoch >= 0) ADD(" epoch=%lld", (long long)f->epoch);
    if (f->reason) ADD(" reason=%s", f->reason);
    if (f->partitions >= 0) ADD(" partitions=%d", f->partitions);
    if (f->duration_us >= 0)
        ADD(" took=%lld.%03d ms", (long long)(f->duration_us / 1000), (int)(f->duration_us % 1000));
#undef ADD
    static_assert(REASON_MAX + 5 * 24 < sizeof facts, "all facts fit");
    trace_line(h->trace, level_of(f->kind), "samsa.history", "Event %lld %s%s: %s%s",
               (long long)e->sequence, history_kind_word(f->kind), facts, e->text,
               items_text(h, e));
}

static void keep(struct history *h, struct history_event *e)
{
    bool full = h->after - h->first == h->options.events_max;
    while (h->first < h->after && (full || h->bytes + e->bytes > h->options.bytes_max)) {
        drop_oldest(h);
        full = false;
    }
    e->sequence = h->after;
    e->uptime_us = history_uptime_us(h);
    e->time = e->last_time = clock_wall(h->clock);
    e->last = clock_mono(h->clock);
    *slot_of(h, h->after++) = e;
    h->bytes += e->bytes;
}

static void finish(struct history *h, int64_t more, const char *format, va_list args)
{
    PRE(h->drafting && more >= 0);
    h->drafting = false;
    h->items_left_out += more;
    char text[HISTORY_TEXT_MAX];
    vsnprintf(text, sizeof text, format, args);
    struct history_event *again = find_again(h, text);
    if (again) {
        again->times += again->times < INT32_MAX;
        again->last_time = clock_wall(h->clock);
        again->last = clock_mono(h->clock);
        return;
    }
    struct history_event *e = event_make(h, text);
    keep(h, e);
    trace_event(h, e);
}

void history_end(struct history *h, int64_t more, const char *format, ...)
{
    if (!h) return;
    va_list args;
    va_start(args, format);
    finish(h, more, format, args);
    va_end(args);
}

void history_note(struct history *h, const struct history_fact *fact, const char *format, ...)
{
    if (!h) return;
    history_begin(h, fact);
    va_list args;
    va_start(args, format);
    finish(h, 0, format, args);
    va_end(args);
}

/* ---- reading */

int64_t history_first(const struct history *h)
{
    return h ? h->first : 0;
}

int64_t history_after(const struct history *h)
{
    return h ? h->after : 0;
}

const struct history_event *history_get(const struct history *h, int64_t sequence)
{
    PRE(sequence >= history_first(h) && sequence < history_after(h));
    const struct history_event *e = *slot_of(h, sequence);
    POST(e->sequence == sequence);
    return e;
}

int64_t history_bytes(const struct history *h)
{
    return h ? h->bytes : 0;
}

int64_t history_uptime_us(const struct history *h)
{
    return h ? (clock_mono(h->clock).ns - h->began.ns) / 1000 : 0;
}
