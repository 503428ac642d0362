/* The only way to the heap. A failed allocation aborts: recovery that is never exercised is a
 * fiction (style.md 2). Bounds that can be reached by outsiders are checked before these calls. */
#ifndef SAMSA_BASE_MEM_H
#define SAMSA_BASE_MEM_H

#include <stddef.h>

/* Never NULL; size 0 gives a unique pointer. Uninitialised. Free with mem_free. */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));

/* Zeroed. Aborts when count * size overflows. */
void *mem_zalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));

/* As realloc, never NULL. */
void *mem_realloc(void *p, size_t size) __attribute__((returns_nonnull));

/* A copy of `size` bytes. */
void *mem_dup(const void *p, size_t size) __attribute__((returns_nonnull));

/* NULL is allowed. */
void mem_free(void *p);

/* A zeroed object of a type. */
#define MEM_NEW(type) ((type *)mem_zalloc(1, sizeof(type)))

/* Make room for one more element in a doubling array: `items` (pointer), `count`, `capacity`. */
#define MEM_GROW(items, count, capacity)                                          \
    do {                                                                          \
        if ((size_t)(count) >= (size_t)(capacity)) {                              \
            (capacity) = (__typeof__(capacity))((capacity) ? (capacity)*2 : 8);   \
            (items) = mem_realloc((items), (size_t)(capacity) * sizeof *(items)); \
        }                                                                         \
    } while (0)

#endif
