#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"

enum { ARENA_ALIGN = 16, ARENA_BLOCK_BYTES = 4096, ARENA_KEPT_BYTES = 16384 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data */
    size_t used;
    _Alignas(ARENA_ALIGN) uint8_t data[];
};

void arena_init(struct arena *a, size_t block_bytes)
{
    *a = (struct arena){.block_bytes = block_bytes ? block_bytes : ARENA_BLOCK_BYTES};
}

void *arena_alloc(struct arena *a, size_t size)
{
    PRE(size <= SIZE_MAX / 2);
    size_t need = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    struct arena_block *b = a->head;
    if (!b || b->size - b->used < need) {
        size_t data_bytes = need > a->block_bytes ? need : a->block_bytes;
        b = mem_alloc(sizeof *b + data_bytes);
        *b = (struct arena_block){.next = a->head, .size = data_bytes};
        a->head = b;
    }
    void *p = b->data + b->used;
    b->used += need;
    a->used_bytes += need;
    return p;
}

void *arena_zalloc(struct arena *a, size_t count, size_t size)
{
    size_t total;
    INVARIANT(!__builtin_mul_overflow(count, size, &total));
    void *p = arena_alloc(a, total);
    memset(p, 0, total);
    return p;
}

struct str arena_str(struct arena *a, struct str s)
{
    if (str_is_null(s)) return s;
    char *p = arena_alloc(a, (size_t)s.len + 1);
    if (s.len > 0) memcpy(p, s.data, (size_t)s.len);
    p[s.len] = '\0';
    return (struct str){p, s.len};
}

struct bytes arena_bytes(struct arena *a, struct bytes b)
{
    if (b.len < 0) return b;
    uint8_t *p = arena_alloc(a, (size_t)b.len);
    if (b.len > 0) memcpy(p, b.data, (size_t)b.len);
    return (struct bytes){p, b.len};
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    INVARIANT(len >= 0);
    char *p = arena_alloc(a, (size_t)len + 1);
    vsnprintf(p, (size_t)len + 1, format, again);
    va_end(again);
    return (struct str){p, len};
}

/* One round took more than a block: the next gets a block that holds as much, up to a bound, so
 * that equal rounds come to take nothing. A block beyond the bound is not kept. */
void arena_reset(struct arena *a)
{
    size_t bound = a->block_bytes > ARENA_KEPT_BYTES ? a->block_bytes : ARENA_KEPT_BYTES;
    bool outgrown = a->head && a->head->next;
    while (outgrown && a->block_bytes < a->used_bytes && a->block_bytes < ARENA_KEPT_BYTES)
        a->block_bytes *= 2;
    while (a->head) {
        struct arena_block *b = a->head;
        if (!b->next && b->size <= bound && b->size >= a->block_bytes) break;
        a->head = b->next;
        mem_free(b);
    }
    if (a->head) a->head->used = 0;
    a->used_bytes = 0;
}

void arena_free(struct arena *a)
{
    while (a->head) {
        struct arena_block *next = a->head->next;
        mem_free(a->head);
        a->head = next;
    }
    a->used_bytes = 0;
}
