#include "values.h"

#include <stdlib.h>

#include "base/mark.h"
#include "base/mem.h"

enum { VALUE_TEXT_MAX = 4096 };

void values_init(struct values *v, struct cluster *c)
{
    *v = (struct values){.cluster = c};
}

void values_free(struct values *v)
{
    mem_free(v->items);
    mem_free(v->lines);
}

int32_t values_add(struct values *v, struct truth *t, int32_t producer, int32_t order, bool once,
                   bool all)
{
    MEM_GROW(v->items, v->count, v->capacity);
    v->items[v->count] = (struct value){.truth = t,
                                        .producer = producer,
                                        .order = order,
                                        .once = once,
                                        .all = all,
                                        .sent_ms = sim_now_ms(v->cluster->sim),
                                        .acked_offset = -1,
                                        .committed_offset = -1};
    return v->count++;
}

int32_t values_text(int32_t number, struct prng *p, int64_t bytes_max, char *to, size_t size)
{
    int64_t most = bytes_max < (int64_t)size - 16 ? bytes_max : (int64_t)size - 16;
    int pad = (int)prng_below(p, (uint64_t)(most > 0 ? most : 1));
    return (int32_t)snprintf(to, size, "%d-%0*d", number, pad, 0);
}

void values_batch(struct batch_builder *b, const struct batch_options *options, struct prng *p,
                  int64_t bytes_max, int64_t now_ms, int32_t first, int32_t count, uint8_t **data,
                  size_t *len)
{
    batch_begin(b, options);
    for (int32_t i = 0; i < count; i++) {
        char text[VALUE_TEXT_MAX];
        int32_t size = values_text(first + i, p, bytes_max, text, sizeof text);
        batch_add(b, now_ms, BYTES_NULL, bytes_of(text, (size_t)size), NULL, 0);
    }
    enum err e = batch_finish(b, NULL, data, len);
    POST(e == ERR_OK);
}

void values_sent_once(struct values *v, int32_t number, int32_t node_id)
{
    struct value *x = &v->items[number];
    const struct truth *t = x->truth;
    x->leaders = t->leaders_count;
    x->stays = x->leaders > 0 && t->leaders[x->leaders - 1].broker == node_id;
}

void values_sent_blind(struct values *v, int32_t number, int32_t line)
{
    v->items[number].line = line;
    v->items[number].state = VALUE_UNKNOWN;
}

/* Written by a leader alone: it stands there, or will, or is gone. */
static void check_place(struct values *v, int32_t number)
{
    const struct value *x = &v->items[number];
    if (x->committed_offset >= 0 && x->acked_offset >= 0 && x->acked_offset != x->committed_offset)
        cluster_broken(
            v->cluster, "S1", "value %d was acknowledged at %lld of %s and stands at %lld", number,
            (long long)x->acked_offset, x->truth->directory, (long long)x->committed_offset);
}

void values_acked(struct values *v, int32_t number, int64_t offset)
{
    struct value *x = &v->items[number];
    x->state = VALUE_ACKED;
    x->acked_offset = offset;
    v->acked++;
    if (x->truth->deleted || x->truth->losses > 0 || x->truth->amnesty) return;
    if (!x->all)
        check_place(v, number);
    else if (x->committed_offset < 0 && cluster_failed_lately(v->cluster))
        return; /* values_told looks at its place, and values_check whether it came */
    else if (x->committed_offset < 0)
        cluster_broken(v->cluster, "S1",
                       "value %d was acknowledged at %lld of %s, where nothing is "
                       "committed (to %lld)",
                       number, (long long)offset, x->truth->directory, (long long)x->truth->end);
    else {
        MARK("oracle S1: an acknowledged value is committed");
        check_place(v, number);
    }
}

void values_failed(struct values *v, int32_t number)
{
    struct value *x = &v->items[number];
    x->state = VALUE_FAILED;
    if (x->committed_offset >= 0)
        cluster_broken(v->cluster, "S27", "value %d was refused and stands at %lld of %s", number,
                       (long long)x->committed_offset, x->truth->directory);
}

void values_unknown(struct values *v, int32_t number)
{
    v->items[number].state = VALUE_UNKNOWN;
}

/* The value before it of the same producer in the same partition. */
static const struct value *before(const struct values *v, int32_t number)
{
    const struct value *x = &v->items[number];
    for (int32_t i = number - 1; i >= 0 && x->order > 0; i--) {
        const struct value *y = &v->items[i];
        if (y->producer == x->producer && y->truth == x->truth) return y;
    }
    return NULL;
}

/* A connection's values come in the order in which they were sent. */
static void check_line(struct values *v, int32_t number)
{
    const struct value *x = &v->items[number];
    struct value_line *l = NULL;
    for (int32_t i = 0; i < v->lines_count && !l; i++)
        if (v->lines[i].truth == x->truth && v->lines[i].producer == x->producer) l = &v->lines[i];
    if (!l) {
        MEM_GROW(v->lines, v->lines_count, v->lines_capacity);
        l = &v->lines[v->lines_count++];
        *l = (struct value_line){.truth = x->truth, .producer = x->producer};
    }
    if (l->line == x->line && l->number > number)
        cluster_broken(v->cluster, "S13",
                       "value %d of %s came after %d, sent later over the same "
                       "connection",
                       number, x->truth->directory, l->number);
    l->line = x->line;
    l->number = number;
}

void values_told(void *values, struct truth *t, const struct record *r)
{
    struct values *v = values;
    char text[16] = {0};
    if (r->value.len > 0)
        memcpy(text, r->value.data, (size_t)(r->value.len < 15 ? r->value.len : 15));
    char *end;
    int32_t number = (int32_t)strtol(text, &end, 10);
    struct cluster *c = v->cluster;
    if (end == text || *end != '-' || number < 0 || number >= v->count) {
        cluster_broken(c, "S10", "%s holds at %lld a value that nobody sent", t->directory,
                       (long long)r->offset);
        return;
    }
    struct value *x = &v->items[number];
    if (x->truth != t) {
        cluster_broken(c, strcmp(x->truth->topic, t->topic) == 0 ? "S12" : "S9",
                       "value %d was sent to %s and stands at %lld of %s", number,
                       x->truth->directory, (long long)r->offset, t->directory);
    } else if (x->committed_offset >= 0) {
        cluster_broken(c, "S13", "value %d stands in %s twice, at %lld and %lld", number,
                       t->directory, (long long)x->committed_offset, (long long)r->offset);
    } else if (x->state == VALUE_FAILED) {
        cluster_broken(c, "S27", "value %d was refused and stands at %lld of %s", number,
                       (long long)r->offset, t->directory);
    } else {
        if (x->once) MARK("oracle S13: a value of an idempotent producer is committed once");
        const struct value *y = x->once ? before(v, number) : NULL;
        if (y && y->committed_offset < 0 && y->state != VALUE_UNKNOWN && t->losses == 0)
            cluster_broken(c, "S13", "value %d of %s came before the one sent before it", number,
                           t->directory);
        x->committed_offset = r->offset;
        v->committed++;
        if (x->line > 0) check_line(v, number);
        if (x->state == VALUE_ACKED && t->losses == 0) check_place(v, number);
    }
}

void values_were_cut(void *values, struct truth *t)
{
    struct values *v = values;
    for (int32_t i = 0; i < v->count; i++)
        if (v->items[i].truth == t && v->items[i].committed_offset >= t->end)
            v->items[i].committed_offset = -1;
    for (int32_t i = 0; i < v->lines_count; i++)
        if (v->lines[i].truth == t) v->lines[i].line = 0;
}

static bool is_missing(const struct value *x)
{
    if (x->state != VALUE_ACKED || x->truth->losses > 0 || x->truth->deleted) return false;
    if (!x->all && (!x->stays || x->leaders != x->truth->leaders_count)) return false;
    return x->committed_offset < 0;
}

bool values_are_committed(const struct values *v)
{
    for (int32_t i = 0; i < v->count; i++)
        if (is_missing(&v->items[i])) return false;
    return true;
}

void values_check(struct values *v)
{
    for (int32_t i = 0; i < v->count; i++) {
        const struct value *x = &v->items[i];
        if (is_missing(x))
            cluster_broken(v->cluster, "S1", "value %d, acknowledged at %lld of %s, is gone", i,
                           (long long)x->acked_offset, x->truth->directory);
    }
}
