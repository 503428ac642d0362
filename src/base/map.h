/* A hash map from byte strings to pointers that remembers insertion order.
 *
 * Keys are copied; values are the caller's. Iteration goes over a dense array in insertion order
 * (a removal moves the last entry into the hole), so it depends on the operations alone, never on
 * addresses or hash seeds: a simulation replays it. Lookup is FNV-1a with linear probing. */
#ifndef SAMSA_BASE_MAP_H
#define SAMSA_BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct map_entry {
    uint8_t *key; /* owned by the map */
    uint32_t key_len;
    uint32_t hash;
    void *value;
};

struct map {
    struct map_entry *entries;
    uint32_t count;
    uint32_t capacity; /* of entries */
    uint32_t *slots;   /* entry index + 1, 0 is free */
    uint32_t slots_count;
};

/* Takes no memory before the first insertion. */
void map_init(struct map *m);

/* Frees keys and tables, not values. */
void map_free(struct map *m);

/* NULL when absent. */
void *map_get(const struct map *m, const void *key, size_t key_len);

/* Insert or replace; returns the value replaced, or NULL. `value` is not NULL. */
void *map_put(struct map *m, const void *key, size_t key_len, void *value);

/* Returns the value removed, or NULL. */
void *map_remove(struct map *m, const void *key, size_t key_len);

static inline void *map_get_str(const struct map *m, struct str key)
{
    return map_get(m, key.data, (size_t)key.len);
}

static inline void *map_put_str(struct map *m, struct str key, void *value)
{
    return map_put(m, key.data, (size_t)key.len, value);
}

static inline void *map_remove_str(struct map *m, struct str key)
{
    return map_remove(m, key.data, (size_t)key.len);
}

static inline void *map_get_u64(const struct map *m, uint64_t key)
{
    return map_get(m, &key, sizeof key);
}

static inline void *map_put_u64(struct map *m, uint64_t key, void *value)
{
    return map_put(m, &key, sizeof key, value);
}

static inline void *map_remove_u64(struct map *m, uint64_t key)
{
    return map_remove(m, &key, sizeof key);
}

#endif
