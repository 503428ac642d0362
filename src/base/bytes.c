#include "base/bytes.h"

#include "base/mem.h"

int str_compare(struct str a, struct str b)
{
    int32_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter > 0 ? memcmp(a.data, b.data, (size_t)shorter) : 0;
    if (order != 0) return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

struct str str_head(struct str s, int32_t bytes)
{
    if (s.len <= bytes) return s;
    s.len = bytes;
    while (s.len > 0 && ((uint8_t)s.data[s.len] & 0xC0) == 0x80) s.len--;
    return s;
}

char *str_dup_z(struct str s)
{
    if (str_is_null(s)) return NULL;
    char *z = mem_alloc((size_t)s.len + 1);
    if (s.len > 0) memcpy(z, s.data, (size_t)s.len);
    z[s.len] = '\0';
    return z;
}
