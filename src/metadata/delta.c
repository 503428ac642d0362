#include "metadata/delta.h"

#include "base/assert.h"
#include "base/mem.h"

void delta_init(struct delta *d)
{
    *d = (struct delta){0};
    map_init(&d->topics_index);
    map_init(&d->configs_index);
    map_init(&d->brokers_index);
    arena_init(&d->texts, 1024);
}

void delta_free(struct delta *d)
{
    for (int32_t i = 0; i < d->topics_count; i++) {
        mem_free(d->topics[i]->partitions);
        mem_free(d->topics[i]->seen);
    }
    mem_free(d->topics);
    mem_free(d->brokers);
    mem_free(d->configs);
    map_free(&d->topics_index);
    map_free(&d->configs_index);
    map_free(&d->brokers_index);
    arena_free(&d->texts);
}

void delta_reset(struct delta *d)
{
    delta_free(d);
    delta_init(d);
}

bool delta_is_empty(const struct delta *d)
{
    return !d->everything && d->topics_count == 0 && d->brokers_count == 0 &&
           d->configs_count == 0 && !d->features && !d->controllers && !d->producer_ids &&
           !d->client_quotas && !d->acls && !d->scram_credentials && !d->delegation_tokens;
}

static struct delta_topic *topic_find(const struct delta *d, struct uuid id)
{
    return map_get(&d->topics_index, id.bytes, sizeof id.bytes);
}

const struct delta_topic *delta_topic(const struct delta *d, struct uuid id)
{
    return topic_find(d, id);
}

static struct delta_topic *topic_touch(struct delta *d, struct uuid id, struct str name)
{
    struct delta_topic *t = topic_find(d, id);
    if (t) return t;
    t = ARENA_NEW(&d->texts, struct delta_topic);
    t->id = id;
    t->name = arena_str(&d->texts, name);
    MEM_GROW(d->topics, d->topics_count, d->topics_capacity);
    d->topics[d->topics_count++] = t;
    map_put(&d->topics_index, id.bytes, sizeof id.bytes, t);
    return t;
}

void delta_touch_topic(struct delta *d, struct uuid id, struct str name, bool created, bool deleted)
{
    if (!d) return;
    struct delta_topic *t = topic_touch(d, id, name);
    t->created |= created;
    t->deleted |= deleted;
}

void delta_touch_partition(struct delta *d, struct uuid id, struct str name, int32_t partition)
{
    if (!d) return;
    PRE(partition >= 0);
    struct delta_topic *t = topic_touch(d, id, name);
    int32_t word = partition / 64;
    if (word >= t->seen_words) {
        int32_t words = t->seen_words ? t->seen_words : 1;
        while (words <= word) words *= 2;
        t->seen = mem_realloc(t->seen, (size_t)words * sizeof *t->seen);
        memset(t->seen + t->seen_words, 0, (size_t)(words - t->seen_words) * sizeof *t->seen);
        t->seen_words = words;
    }
    uint64_t bit = 1ULL << (partition % 64);
    if (t->seen[word] & bit) return;
    t->seen[word] |= bit;
    MEM_GROW(t->partitions, t->partitions_count, t->partitions_capacity);
    t->partitions[t->partitions_count++] = partition;
}

void delta_touch_broker(struct delta *d, int32_t id)
{
    if (!d || map_get_u64(&d->brokers_index, (uint64_t)(uint32_t)id)) return;
    map_put_u64(&d->brokers_index, (uint64_t)(uint32_t)id, d);
    MEM_GROW(d->brokers, d->brokers_count, d->brokers_capacity);
    d->brokers[d->brokers_count++] = id;
}

void delta_touch_config(struct delta *d, enum resource_type type, struct str name)
{
    if (!d) return;
    struct str key = arena_printf(&d->texts, "%c%.*s", (char)type, STR_ARG(name));
    if (map_get_str(&d->configs_index, key)) return;
    map_put_str(&d->configs_index, key, d);
    MEM_GROW(d->configs, d->configs_count, d->configs_capacity);
    d->configs[d->configs_count++] = (struct delta_config){type, arena_str(&d->texts, name)};
}
