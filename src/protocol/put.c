#include "protocol/put.h"

#include "base/assert.h"

enum { STRING_BYTES_MAX = 32767 };

void put_f64(struct out *o, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    out_be64(o, bits);
}

void put_uuid(struct out *o, struct uuid u)
{
    out_put(o, u.bytes, sizeof u.bytes);
}

static void put_len32(struct out *o, int64_t len, bool flexible, bool nullable)
{
    PRE(len >= (nullable ? -1 : 0) && len <= INT32_MAX);
    if (flexible)
        out_uvarint(o, (uint64_t)(len + 1));
    else
        put_i32(o, (int32_t)len);
}

struct str text_fit(struct str s)
{
    return str_head(s, STRING_BYTES_MAX);
}

void put_str(struct out *o, struct str s, bool flexible, bool nullable)
{
    PRE(s.len >= (nullable ? -1 : 0) && s.len <= STRING_BYTES_MAX);
    if (flexible)
        out_uvarint(o, (uint64_t)(s.len + 1));
    else
        put_i16(o, (int16_t)s.len);
    if (s.len > 0) out_put(o, s.data, (size_t)s.len);
}

void put_bytes(struct out *o, struct bytes b, bool flexible, bool nullable)
{
    put_len32(o, b.len, flexible, nullable);
    if (b.len > 0) out_put(o, b.data, (size_t)b.len);
}

void put_records(struct out *o, const struct records *r, bool flexible, bool nullable)
{
    put_len32(o, r->len, flexible, nullable);
    if (!r->chunks) {
        if (r->len > 0) out_ref(o, r->data, r->len, NULL, NULL);
        return;
    }
    int64_t len = 0;
    for (int32_t i = 0; i < r->chunks_count; i++) {
        const struct chunk *chunk = &r->chunks[i];
        len += chunk->len;
        if (chunk->data)
            out_ref(o, chunk->data, chunk->len, chunk->release, chunk->owner);
        else
            out_file(o, chunk->file, chunk->file_offset, chunk->len, chunk->release, chunk->owner);
    }
    POST(len == r->len);
}

void put_count(struct out *o, int32_t count, bool flexible, bool nullable)
{
    put_len32(o, count, flexible, nullable);
}

#define PUT_ARRAY(name, type)                                                \
    void put_##name##_array(struct out *o, const type *items, int32_t count) \
    {                                                                        \
        for (int32_t i = 0; i < count; i++) put_##name(o, items[i]);         \
    }
PUT_ARRAY(i8, int8_t)
PUT_ARRAY(i16, int16_t)
PUT_ARRAY(i32, int32_t)
PUT_ARRAY(i64, int64_t)
PUT_ARRAY(uuid, struct uuid)
#undef PUT_ARRAY

void put_str_array(struct out *o, const struct str *items, int32_t count, bool flexible)
{
    for (int32_t i = 0; i < count; i++) put_str(o, items[i], flexible, false);
}

void put_bytes_array(struct out *o, const struct bytes *items, int32_t count, bool flexible)
{
    for (int32_t i = 0; i < count; i++) put_bytes(o, items[i], flexible, false);
}

void put_tag(struct out *o, uint32_t tag, size_t size)
{
    out_uvarint(o, tag);
    out_uvarint(o, size);
}

size_t size_uvarint(uint64_t v)
{
    size_t n = 1;
    while (v >= 0x80) {
        v >>= 7;
        n++;
    }
    return n;
}

size_t size_varint(int64_t v)
{
    return size_uvarint(((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

size_t size_str(struct str s, bool flexible)
{
    size_t len = s.len > 0 ? (size_t)s.len : 0;
    return len + (flexible ? size_uvarint((uint64_t)(s.len + 1)) : 2);
}

static size_t size_len32(int64_t len, bool flexible)
{
    return flexible ? size_uvarint((uint64_t)(len + 1)) : 4;
}

size_t size_bytes(struct bytes b, bool flexible)
{
    return size_len32(b.len, flexible) + (b.len > 0 ? (size_t)b.len : 0);
}

size_t size_records(const struct records *r, bool flexible)
{
    return size_len32(r->len, flexible) + (r->len > 0 ? (size_t)r->len : 0);
}

size_t size_count(int32_t count, bool flexible)
{
    return size_len32(count, flexible);
}

size_t size_str_array(const struct str *items, int32_t count, bool flexible)
{
    size_t n = 0;
    for (int32_t i = 0; i < count; i++) n += size_str(items[i], flexible);
    return n;
}

size_t size_bytes_array(const struct bytes *items, int32_t count, bool flexible)
{
    size_t n = 0;
    for (int32_t i = 0; i < count; i++) n += size_bytes(items[i], flexible);
    return n;
}

size_t size_tagged(uint32_t tag, size_t size)
{
    return size_uvarint(tag) + size_uvarint(size) + size;
}
