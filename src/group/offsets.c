#include "group/offsets.h"

#include "base/assert.h"
#include "group/text.h"

void group_offsets_init(struct group_offsets *o)
{
    map_init(&o->topics);
    o->count = 0;
}

static void topic_free(struct topic_offsets *t)
{
    for (uint32_t i = 0; i < t->partitions.count; i++) {
        struct committed_offset *c = t->partitions.entries[i].value;
        text_free(c->metadata);
        mem_free(c);
    }
    map_free(&t->partitions);
    text_free(t->topic);
    mem_free(t);
}

void group_offsets_free(struct group_offsets *o)
{
    for (uint32_t i = 0; i < o->topics.count; i++) topic_free(o->topics.entries[i].value);
    map_free(&o->topics);
    o->count = 0;
}

static uint64_t partition_key(int32_t partition)
{
    return (uint64_t)(int64_t)partition;
}

struct committed_offset *group_offsets_find(const struct group_offsets *o, struct str topic,
                                            int32_t partition)
{
    const struct topic_offsets *t = map_get_str(&o->topics, topic);
    return t ? map_get_u64(&t->partitions, partition_key(partition)) : NULL;
}

static struct committed_offset *make(struct group_offsets *o, struct str topic, int32_t partition)
{
    struct topic_offsets *t = map_get_str(&o->topics, topic);
    if (!t) {
        t = MEM_NEW(struct topic_offsets);
        t->topic = text_copy(topic);
        map_init(&t->partitions);
        map_put_str(&o->topics, topic, t);
    }
    struct committed_offset *c = map_get_u64(&t->partitions, partition_key(partition));
    if (!c) {
        c = MEM_NEW(struct committed_offset);
        c->metadata = STR_NULL;
        map_put_u64(&t->partitions, partition_key(partition), c);
    }
    return c;
}

/* Forget an entry that says nothing, and its topic with the last. */
static void prune(struct group_offsets *o, struct str topic, int32_t partition)
{
    struct topic_offsets *t = map_get_str(&o->topics, topic);
    struct committed_offset *c = map_get_u64(&t->partitions, partition_key(partition));
    if (c->present || c->transactions > 0) return;
    map_remove_u64(&t->partitions, partition_key(partition));
    text_free(c->metadata);
    mem_free(c);
    if (t->partitions.count > 0) return;
    map_remove_str(&o->topics, topic);
    topic_free(t);
}

void group_offsets_put(struct group_offsets *o, struct str topic, int32_t partition,
                       const struct committed_offset *value)
{
    struct committed_offset *c = make(o, topic, partition);
    int32_t transactions = c->transactions;
    if (!c->present) o->count++;
    text_set(&c->metadata, value->metadata);
    struct str metadata = c->metadata;
    *c = *value;
    c->metadata = metadata;
    c->transactions = transactions;
    c->present = true;
}

void group_offsets_remove(struct group_offsets *o, struct str topic, int32_t partition)
{
    struct committed_offset *c = group_offsets_find(o, topic, partition);
    if (!c) return;
    if (c->present) o->count--;
    c->present = false;
    prune(o, topic, partition);
}

void group_offsets_pend(struct group_offsets *o, struct str topic, int32_t partition)
{
    make(o, topic, partition)->transactions++;
}

void group_offsets_unpend(struct group_offsets *o, struct str topic, int32_t partition)
{
    struct committed_offset *c = group_offsets_find(o, topic, partition);
    PRE(c && c->transactions > 0);
    c->transactions--;
    prune(o, topic, partition);
}
