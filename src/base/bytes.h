/* Strings and byte ranges that belong to somebody else, and big-endian access.
 *
 * A `struct str` or `struct bytes` is a view: it never owns what it points to, and its docstring at
 * each use says who does. Length -1 means null, as on Kafka's wire. */
#ifndef SAMSA_BASE_BYTES_H
#define SAMSA_BASE_BYTES_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *data; /* not zero-terminated */
    int32_t len;      /* bytes; -1 is null */
};

struct bytes {
    const uint8_t *data;
    int64_t len; /* -1 is null */
};

#define STR_NULL   ((struct str){NULL, -1})
#define BYTES_NULL ((struct bytes){NULL, -1})
/* View of a string literal. */
#define STR(literal) ((struct str){"" literal, (int32_t)sizeof(literal) - 1})
/* For printf("%.*s"). */
#define STR_ARG(s) ((s).len < 0 ? 4 : (int)(s).len), ((s).len < 0 ? "null" : (s).data)

/* View of a zero-terminated string; NULL gives null. At most 2^31-1 bytes. */
static inline struct str str_of(const char *z)
{
    return z ? (struct str){z, (int32_t)strlen(z)} : STR_NULL;
}

static inline bool str_is_null(struct str s)
{
    return s.len < 0;
}

/* Null equals null only. */
static inline bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len <= 0 || memcmp(a.data, b.data, (size_t)a.len) == 0);
}

static inline bool str_equal_z(struct str a, const char *z)
{
    return str_equal(a, str_of(z));
}

/* Bytewise order, shorter first on a common prefix; null sorts before everything. */
int str_compare(struct str a, struct str b);

/* At most so many bytes of its head, cut between two characters of UTF-8; null stays null. */
struct str str_head(struct str s, int32_t bytes);

/* A malloc'ed zero-terminated copy; null gives NULL. Free with mem_free. */
char *str_dup_z(struct str s);

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){data, (int64_t)len};
}

static inline uint16_t load_be16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}

static inline uint32_t load_be32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static inline uint64_t load_be64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

static inline void store_be16(void *p, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(p, &v, sizeof v);
}

static inline void store_be32(void *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof v);
}

static inline void store_be64(void *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof v);
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "Samsa runs on little-endian machines");

#endif
