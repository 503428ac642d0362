/* The committed offsets of one group, by topic and partition.
 *
 * Owns everything in it. Iteration is in order of first commit. Thread: the loop's. */
#ifndef SAMSA_GROUP_OFFSETS_H
#define SAMSA_GROUP_OFFSETS_H

#include "base/map.h"
#include "base/uuid.h"

struct committed_offset {
    int64_t offset;
    int32_t leader_epoch;  /* -1: none */
    struct str metadata;   /* owned */
    int64_t commit_ms;     /* wall time */
    int64_t expire_ms;     /* -1: by the group's retention */
    struct uuid topic_id;  /* zero: not known */
    int64_t record_offset; /* of its record in the log */
    int32_t transactions;  /* open transactions that have an offset pending for this partition */
    bool present;          /* false: only a transaction's is pending */
};

struct topic_offsets {
    struct str topic;      /* owned */
    struct map partitions; /* of struct committed_offset, by partition index as u64 */
};

struct group_offsets {
    struct map topics; /* of struct topic_offsets */
    int64_t count;     /* of offsets that are present */
};

void group_offsets_init(struct group_offsets *o);
void group_offsets_free(struct group_offsets *o);

/* NULL when there is none (present or pending). */
struct committed_offset *group_offsets_find(const struct group_offsets *o, struct str topic,
                                            int32_t partition);

/* Copies the value's metadata; keeps `transactions`. */
void group_offsets_put(struct group_offsets *o, struct str topic, int32_t partition,
                       const struct committed_offset *value);
void group_offsets_remove(struct group_offsets *o, struct str topic, int32_t partition);

/* A transaction's offset for it begins or ends to be pending. */
void group_offsets_pend(struct group_offsets *o, struct str topic, int32_t partition);
void group_offsets_unpend(struct group_offsets *o, struct str topic, int32_t partition);

static inline int32_t offsets_partition_of(const struct map_entry *e)
{
    uint64_t key;
    memcpy(&key, e->key, sizeof key);
    return (int32_t)(int64_t)key;
}

static inline bool group_offsets_empty(const struct group_offsets *o)
{
    return o->topics.count == 0;
}

#endif
