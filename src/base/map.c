#include "base/map.h"

#include "base/assert.h"
#include "base/mem.h"

static uint32_t map_hash(const void *key, size_t len)
{
    const uint8_t *p = key;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++) h = (h ^ p[i]) * 0x100000001b3u;
    return (uint32_t)(h ^ (h >> 32));
}

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_free(struct map *m)
{
    for (uint32_t i = 0; i < m->count; i++) mem_free(m->entries[i].key);
    mem_free(m->entries);
    mem_free(m->slots);
    map_init(m);
}

/* The slot that holds the key, or the free slot where it would go. */
static uint32_t map_slot(const struct map *m, const void *key, size_t len, uint32_t hash)
{
    uint32_t mask = m->slots_count - 1;
    uint32_t i = hash & mask;
    while (m->slots[i] != 0) {
        const struct map_entry *e = &m->entries[m->slots[i] - 1];
        if (e->hash == hash && e->key_len == len && (len == 0 || memcmp(e->key, key, len) == 0))
            return i;
        i = (i + 1) & mask;
    }
    return i;
}

static void map_rebuild(struct map *m, uint32_t slots_count)
{
    mem_free(m->slots);
    m->slots = mem_zalloc(slots_count, sizeof *m->slots);
    m->slots_count = slots_count;
    uint32_t mask = slots_count - 1;
    for (uint32_t n = 0; n < m->count; n++) {
        uint32_t i = m->entries[n].hash & mask;
        while (m->slots[i] != 0) i = (i + 1) & mask;
        m->slots[i] = n + 1;
    }
}

void *map_get(const struct map *m, const void *key, size_t key_len)
{
    if (m->count == 0) return NULL;
    uint32_t i = map_slot(m, key, key_len, map_hash(key, key_len));
    return m->slots[i] ? m->entries[m->slots[i] - 1].value : NULL;
}

void *map_put(struct map *m, const void *key, size_t key_len, void *value)
{
    PRE(value != NULL && key_len <= UINT32_MAX);
    if ((uint64_t)m->count * 4 >= (uint64_t)m->slots_count * 3)
        map_rebuild(m, m->slots_count ? m->slots_count * 2 : 8);
    uint32_t hash = map_hash(key, key_len);
    uint32_t i = map_slot(m, key, key_len, hash);
    if (m->slots[i]) {
        struct map_entry *e = &m->entries[m->slots[i] - 1];
        void *old = e->value;
        e->value = value;
        return old;
    }
    MEM_GROW(m->entries, m->count, m->capacity);
    m->entries[m->count] = (struct map_entry){
        .key = mem_dup(key, key_len), .key_len = (uint32_t)key_len, .hash = hash, .value = value};
    m->slots[i] = ++m->count;
    return NULL;
}

/* Close the gap at slot i by moving back what probing pushed over it (Knuth 6.4 R). */
static void map_close_gap(struct map *m, uint32_t i)
{
    uint32_t mask = m->slots_count - 1;
    uint32_t j = i;
    for (;;) {
        m->slots[i] = 0;
        for (;;) {
            j = (j + 1) & mask;
            if (m->slots[j] == 0) return;
            uint32_t home = m->entries[m->slots[j] - 1].hash & mask;
            bool stays = i <= j ? (i < home && home <= j) : (i < home || home <= j);
            if (!stays) break;
        }
        m->slots[i] = m->slots[j];
        i = j;
    }
}

void *map_remove(struct map *m, const void *key, size_t key_len)
{
    if (m->count == 0) return NULL;
    uint32_t i = map_slot(m, key, key_len, map_hash(key, key_len));
    if (m->slots[i] == 0) return NULL;
    uint32_t n = m->slots[i] - 1;
    void *value = m->entries[n].value;
    map_close_gap(m, i);
    mem_free(m->entries[n].key);
    uint32_t last = m->count - 1;
    if (n != last) {
        const struct map_entry *e = &m->entries[last];
        m->slots[map_slot(m, e->key, e->key_len, e->hash)] = n + 1;
        m->entries[n] = *e;
    }
    m->count--;
    return value;
}
