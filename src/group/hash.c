#include "group/hash.h"

/* How many bytes follow this lead byte, and what the first of them may be: Unicode 15, table 3-7,
 * but that a surrogate is read whole before it is refused, as in Java. 0: not a lead byte. */
static int32_t bytes_after(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *high = lead == 0xF4 ? 0x8F : 0xBF;
    if (lead >= 0xC2 && lead < 0xE0) return 1;
    if (lead >= 0xE0 && lead < 0xF0) return 2;
    return lead >= 0xF0 && lead <= 0xF4 ? 3 : 0;
}

/* The code point at s[*i], moving *i behind it; 0xFFFD once for what is not UTF-8: a byte that
 * begins nothing, or the part of a sequence that is there. */
static uint32_t next_code_point(struct str s, int32_t *i)
{
    const uint8_t *p = (const uint8_t *)s.data;
    uint8_t first = p[(*i)++], low, high;
    if (first < 0x80) return first;
    int32_t more = bytes_after(first, &low, &high);
    if (more == 0) return 0xFFFD;
    uint32_t c = first & (0x3Fu >> more);
    for (; more > 0; more--, low = 0x80, high = 0xBF) {
        if (*i == s.len || p[*i] < low || p[*i] > high) return 0xFFFD;
        c = c << 6 | (p[(*i)++] & 0x3Fu);
    }
    return c >= 0xD800 && c < 0xE000 ? 0xFFFD : c;
}

int32_t java_string_hash(struct str s)
{
    uint32_t hash = 0;
    for (int32_t i = 0; i < s.len;) {
        uint32_t c = next_code_point(s, &i);
        if (c >= 0x10000) {
            hash = hash * 31 + (0xD800 + ((c - 0x10000) >> 10));
            hash = hash * 31 + (0xDC00 + ((c - 0x10000) & 0x3FF));
        } else {
            hash = hash * 31 + c;
        }
    }
    return (int32_t)hash;
}

int32_t java_string_length(struct str s)
{
    int32_t units = 0;
    for (int32_t i = 0; i < s.len;) units += next_code_point(s, &i) >= 0x10000 ? 2 : 1;
    return units;
}

int32_t java_string_partition(struct str s, int32_t partitions)
{
    int32_t hash = java_string_hash(s);
    return (hash == INT32_MIN ? 0 : hash < 0 ? -hash : hash) % partitions;
}
