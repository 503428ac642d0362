#include "log/epoch_cache.h"

#include "base/mem.h"

void epoch_cache_free(struct epoch_cache *c)
{
    mem_free(c->entries);
    *c = (struct epoch_cache){0};
}

void epoch_cache_load(struct epoch_cache *c, const struct epoch_entry *entries, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        epoch_cache_assign(c, entries[i].epoch, entries[i].start_offset);
    c->dirty = false;
}

void epoch_cache_assign(struct epoch_cache *c, int32_t epoch, int64_t start_offset)
{
    if (c->count > 0) {
        struct epoch_entry last = c->entries[c->count - 1];
        if (last.epoch == epoch && last.start_offset <= start_offset) return;
    }
    while (c->count > 0 && (c->entries[c->count - 1].epoch >= epoch ||
                            c->entries[c->count - 1].start_offset >= start_offset))
        c->count--;
    if (c->capacity == 0) { /* one entry is the common case of thousands of logs */
        c->entries = mem_alloc(sizeof *c->entries);
        c->capacity = 1;
    }
    MEM_GROW(c->entries, c->count, c->capacity);
    c->entries[c->count++] = (struct epoch_entry){epoch, start_offset};
    c->dirty = true;
}

int32_t epoch_cache_latest(const struct epoch_cache *c)
{
    return c->count ? c->entries[c->count - 1].epoch : NO_LEADER_EPOCH;
}

struct epoch_end epoch_cache_end_of(const struct epoch_cache *c, int32_t epoch,
                                    int64_t log_end_offset)
{
    int32_t latest = epoch_cache_latest(c);
    if (epoch < 0 || epoch > latest) return (struct epoch_end){NO_LEADER_EPOCH, NO_OFFSET};
    if (epoch == latest) return (struct epoch_end){epoch, log_end_offset};
    int32_t next = 0; /* the first entry above the epoch; there is one */
    while (c->entries[next].epoch <= epoch) next++;
    return (struct epoch_end){next == 0 ? epoch : c->entries[next - 1].epoch,
                              c->entries[next].start_offset};
}

int32_t epoch_cache_at(const struct epoch_cache *c, int64_t offset)
{
    for (int32_t i = c->count - 1; i >= 0; i--)
        if (c->entries[i].start_offset <= offset) return c->entries[i].epoch;
    return NO_LEADER_EPOCH;
}

void epoch_cache_truncate_end(struct epoch_cache *c, int64_t offset)
{
    while (c->count > 0 && c->entries[c->count - 1].start_offset >= offset) {
        c->count--;
        c->dirty = true;
    }
}

void epoch_cache_truncate_start(struct epoch_cache *c, int64_t offset)
{
    int32_t below = 0;
    while (below < c->count && c->entries[below].start_offset <= offset) below++;
    if (below == 0 || (below == 1 && c->entries[0].start_offset == offset)) return;
    below--; /* the one that covers the offset stays, starting there */
    memmove(c->entries, c->entries + below, (size_t)(c->count - below) * sizeof *c->entries);
    c->count -= below;
    c->entries[0].start_offset = offset;
    c->dirty = true;
}

void epoch_cache_clear(struct epoch_cache *c)
{
    if (c->count) c->dirty = true;
    c->count = 0;
}
