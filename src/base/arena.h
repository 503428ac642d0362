/* A bump allocator freed whole: one per request, decode or decision.
 *
 * Owns its blocks. Pointers die at arena_reset or arena_free. One block is kept over a reset, and
 * grows to what a round takes (up to 16 KiB, or to block_bytes), so a steady request loop allocates
 * nothing. Single-threaded. */
#ifndef SAMSA_BASE_ARENA_H
#define SAMSA_BASE_ARENA_H

#include <stddef.h>

#include "base/bytes.h"

struct arena_block;

struct arena {
    struct arena_block *head; /* newest block */
    size_t block_bytes;       /* size of a fresh block; grows with use */
    size_t used_bytes;        /* handed out since the last reset */
};

/* Lazy: takes no memory before the first allocation. block_bytes 0 means 4096. */
void arena_init(struct arena *a, size_t block_bytes);

/* 16-byte aligned, uninitialised, never NULL. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull));

/* Zeroed array; aborts on overflow of count * size (callers bound counts first). */
void *arena_zalloc(struct arena *a, size_t count, size_t size) __attribute__((returns_nonnull));

/* Copies; null stays null. The copy of a str is zero-terminated behind its length. */
struct str arena_str(struct arena *a, struct str s);
struct bytes arena_bytes(struct arena *a, struct bytes b);

/* A formatted, zero-terminated string. */
struct str arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Forget everything; keep one block. */
void arena_reset(struct arena *a);

/* Give every block back. The arena can be used again. */
void arena_free(struct arena *a);

#define ARENA_NEW(a, type)          ((type *)arena_zalloc((a), 1, sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_zalloc((a), (size_t)(count), sizeof(type)))

#endif
