#include "group/hash.h"

/* The code point at s[*i], moving *i behind it; 0xFFFD for what is not UTF-8. */
static uint32_t next_code_point(struct str s, int32_t *i)
{
    const uint8_t *p = (const uint8_t *)s.data;
    uint8_t first = p[(*i)++];
    if (first < 0x80) return first;
    int more = first >= 0xF0 && first <= 0xF4  ? 3
               : first >= 0xE0 && first < 0xF0 ? 2
               : first >= 0xC2 && first < 0xE0 ? 1
                                               : 0;
    if (more == 0) return 0xFFFD;
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    uint32_t c = first & (0x3Fu >> more);
    for (int k = 0; k < more; k++) {
        if (*i + k >= s.len || (p[*i + k] & 0xC0) != 0x80) return 0xFFFD;
        c = c << 6 | (p[*i + k] & 0x3Fu);
    }
    if (c < least[more] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return 0xFFFD;
    *i += more;
    return c;
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
