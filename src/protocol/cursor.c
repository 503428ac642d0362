#include "protocol/cursor.h"

enum { STRING_BYTES_MAX = 32767 };

void cursor_fail(struct cursor *c, enum err err)
{
    if (c->err == ERR_OK) c->err = err;
    c->p = c->end;
}

enum err cursor_finish(const struct cursor *c)
{
    if (c->err != ERR_OK) return c->err;
    return c->p == c->end ? ERR_OK : ERR_INVALID;
}

double cursor_f64(struct cursor *c)
{
    uint64_t bits = (uint64_t)cursor_i64(c);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

struct uuid cursor_uuid(struct cursor *c)
{
    struct uuid u = UUID_ZERO;
    const uint8_t *p = cursor_take(c, sizeof u.bytes);
    if (p) memcpy(u.bytes, p, sizeof u.bytes);
    return u;
}

/* Up to `bits` bits in groups of seven, lowest first. */
static uint64_t cursor_leb128(struct cursor *c, int bits)
{
    uint64_t value = 0;
    for (int shift = 0; shift < bits; shift += 7) {
        const uint8_t *p = cursor_take(c, 1);
        if (!p) return 0;
        uint64_t group = *p & 0x7fu;
        if (bits - shift < 7 && group >> (bits - shift) != 0) break;
        value |= group << shift;
        if (!(*p & 0x80u)) return value;
    }
    cursor_fail(c, ERR_INVALID);
    return 0;
}

uint32_t cursor_uvarint(struct cursor *c)
{
    if (c->p < c->end && !(*c->p & 0x80u)) return *c->p++;
    return (uint32_t)cursor_leb128(c, 32);
}

int32_t cursor_varint(struct cursor *c)
{
    uint32_t v = cursor_uvarint(c);
    return (int32_t)((v >> 1) ^ (0u - (v & 1)));
}

int64_t cursor_varlong(struct cursor *c)
{
    uint64_t v = cursor_leb128(c, 64);
    return (int64_t)((v >> 1) ^ (0u - (v & 1)));
}

/* A length as it stands: -1 null, below that INVALID. */
static int64_t cursor_len(struct cursor *c, bool flexible, bool nullable, bool wide)
{
    int64_t len;
    if (flexible)
        len = (int64_t)cursor_uvarint(c) - 1;
    else if (wide)
        len = cursor_i32(c);
    else
        len = cursor_i16(c);
    if (len < (nullable ? -1 : 0)) cursor_fail(c, ERR_INVALID);
    return cursor_ok(c) ? len : -1;
}

struct str cursor_str(struct cursor *c, bool flexible, bool nullable)
{
    int64_t len = cursor_len(c, flexible, nullable, false);
    if (len > STRING_BYTES_MAX) cursor_fail(c, ERR_INVALID);
    if (len < 0 || !cursor_ok(c)) return STR_NULL;
    const uint8_t *p = cursor_take(c, (size_t)len);
    return p ? (struct str){(const char *)p, (int32_t)len} : STR_NULL;
}

struct bytes cursor_bytes(struct cursor *c, bool flexible, bool nullable)
{
    int64_t len = cursor_len(c, flexible, nullable, true);
    if (len < 0) return BYTES_NULL;
    const uint8_t *p = cursor_take(c, (size_t)len);
    return p ? (struct bytes){p, len} : BYTES_NULL;
}

struct records cursor_records(struct cursor *c, bool flexible, bool nullable)
{
    struct bytes b = cursor_bytes(c, flexible, nullable);
    return (struct records){.len = b.len, .data = b.data};
}

int32_t cursor_count(struct cursor *c, bool flexible, bool nullable, size_t element_min)
{
    int64_t count = cursor_len(c, flexible, nullable, true);
    if (!cursor_ok(c)) return 0;
    if (count > 0 && (size_t)count > cursor_left(c) / element_min) {
        cursor_fail(c, ERR_TRUNCATED);
        return 0;
    }
    return (int32_t)count;
}

void *cursor_alloc(struct cursor *c, struct arena *arena, int32_t count, size_t size)
{
    if (count <= 0 || !cursor_ok(c)) return NULL;
    if ((size_t)count > c->memory_left / size) {
        cursor_fail(c, ERR_TOO_LARGE);
        return NULL;
    }
    c->memory_left -= (size_t)count * size;
    return arena_alloc(arena, (size_t)count * size);
}

#define CURSOR_ARRAY(name, type)                                                      \
    type *cursor_##name##_array(struct cursor *c, struct arena *arena, int32_t count) \
    {                                                                                 \
        type *items = cursor_alloc(c, arena, count, sizeof *items);                   \
        for (int32_t i = 0; items && i < count; i++) items[i] = cursor_##name(c);     \
        return items;                                                                 \
    }
CURSOR_ARRAY(i8, int8_t)
CURSOR_ARRAY(i16, int16_t)
CURSOR_ARRAY(i32, int32_t)
CURSOR_ARRAY(i64, int64_t)
CURSOR_ARRAY(uuid, struct uuid)
#undef CURSOR_ARRAY

struct str *cursor_str_array(struct cursor *c, struct arena *arena, int32_t count, bool flexible)
{
    struct str *items = cursor_alloc(c, arena, count, sizeof *items);
    for (int32_t i = 0; items && i < count; i++) items[i] = cursor_str(c, flexible, false);
    return items;
}

struct bytes *cursor_bytes_array(struct cursor *c, struct arena *arena, int32_t count,
                                 bool flexible)
{
    struct bytes *items = cursor_alloc(c, arena, count, sizeof *items);
    for (int32_t i = 0; items && i < count; i++) items[i] = cursor_bytes(c, flexible, false);
    return items;
}

struct cursor cursor_tag(struct cursor *c, int64_t *tag)
{
    uint32_t found = cursor_uvarint(c);
    uint32_t size = cursor_uvarint(c);
    if (cursor_ok(c) && (int64_t)found <= *tag) cursor_fail(c, ERR_INVALID);
    const uint8_t *p = cursor_take(c, size);
    *tag = found;
    return (struct cursor){p, p ? p + size : p, c->memory_left, c->err};
}

void cursor_tag_end(struct cursor *c, const struct cursor *field)
{
    enum err err = cursor_finish(field);
    c->memory_left = field->memory_left;
    if (err) cursor_fail(c, err);
}

void cursor_skip_tags(struct cursor *c)
{
    int64_t tag = -1;
    for (uint32_t left = cursor_uvarint(c); left > 0 && cursor_ok(c); left--) cursor_tag(c, &tag);
}
