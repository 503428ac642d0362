/* Strings and bytes that an object keeps: copies on the heap. */
#ifndef SAMSA_GROUP_TEXT_H
#define SAMSA_GROUP_TEXT_H

#include "base/bytes.h"
#include "base/mem.h"

/* A copy to be given back with text_free; null stays null. */
static inline struct str text_copy(struct str s)
{
    if (str_is_null(s)) return STR_NULL;
    return (struct str){s.len ? mem_dup(s.data, (size_t)s.len) : NULL, s.len};
}

static inline void text_free(struct str s)
{
    mem_free((void *)(uintptr_t)s.data);
}

/* Replace what is kept. `s` may be (a part of) what is there. */
static inline void text_set(struct str *kept, struct str s)
{
    struct str old = *kept;
    *kept = text_copy(s);
    text_free(old);
}

static inline void text_set_bytes(struct bytes *kept, struct bytes b)
{
    struct bytes old = *kept;
    *kept = (struct bytes){b.len > 0 ? mem_dup(b.data, (size_t)b.len) : (const uint8_t *)NULL,
                           b.len > 0 ? b.len : 0};
    mem_free((void *)(uintptr_t)old.data);
}

#endif
