#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

void *mem_alloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) assert_fail("allocation", "out of memory", __FILE__, __LINE__);
    return p;
}

void *mem_zalloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p) assert_fail("allocation", "out of memory", __FILE__, __LINE__);
    return p;
}

void *mem_realloc(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);
    if (!q) assert_fail("allocation", "out of memory", __FILE__, __LINE__);
    return q;
}

void *mem_dup(const void *p, size_t size)
{
    void *q = mem_alloc(size);
    if (size) memcpy(q, p, size);
    return q;
}

void mem_free(void *p)
{
    free(p);
}
