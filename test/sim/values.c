#include "values.h"

#include <stdlib.h>

#include "base/mem.h"

void values_init(struct values *v, struct cluster *c)
{
    *v = (struct values){.cluster = c};
}

void values_free(struct values *v)
{
    mem_free(v->items);
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

void values_acked(struct values *v, int32_t number, int64_t offset)
{
    struct value *x = &v->items[number];
    x->state = VALUE_ACKED;
    x->acked_offset = offset;
    v->acked++;
    if (!x->all || x->truth->deleted || x->truth->losses > 0 || x->truth->amnesty) return;
    if (x->committed_offset < 0)
        cluster_broken(v->cluster, "S1",
                       "value %d was acknowledged at %lld of %s, where nothing is "
                       "committed (to %lld)",
                       number, (long long)offset, x->truth->directory, (long long)x->truth->end);
    else if (offset >= 0 && offset != x->committed_offset)
        cluster_broken(v->cluster, "S1",
                       "value %d was acknowledged at %lld of %s and stands at %lld", number,
                       (long long)offset, x->truth->directory, (long long)x->committed_offset);
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

static void committed(struct values *v, struct truth *t, const struct record *r)
{
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
        const struct value *y = x->once ? before(v, number) : NULL;
        if (y && y->committed_offset < 0 && y->state != VALUE_UNKNOWN && t->losses == 0)
            cluster_broken(c, "S13", "value %d of %s came before the one sent before it", number,
                           t->directory);
        x->committed_offset = r->offset;
        v->committed++;
    }
}

void values_extended(void *values, struct truth *t, struct bytes batch,
                     const struct batch_header *h)
{
    struct record_iterator it;
    struct record r;
    bool more = true;
    if (batch_is(h, BATCH_CONTROL)) return;
    struct bytes records = {batch.data + BATCH_HEADER_BYTES, h->size - BATCH_HEADER_BYTES};
    record_iterator_init(&it, h, records);
    while (!record_iterator_next(&it, &r, &more) && more) committed(values, t, &r);
}

void values_were_cut(void *values, struct truth *t)
{
    struct values *v = values;
    for (int32_t i = 0; i < v->count; i++)
        if (v->items[i].truth == t && v->items[i].committed_offset >= t->end)
            v->items[i].committed_offset = -1;
}

void values_check(struct values *v)
{
    for (int32_t i = 0; i < v->count; i++) {
        const struct value *x = &v->items[i];
        if (x->state != VALUE_ACKED || !x->all || x->truth->losses > 0 || x->truth->deleted)
            continue;
        if (x->committed_offset < 0)
            cluster_broken(v->cluster, "S1", "value %d, acknowledged at %lld of %s, is gone", i,
                           (long long)x->acked_offset, x->truth->directory);
    }
}
