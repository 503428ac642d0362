/* Writing Kafka's primitives, and what they will take: the counterpart of cursor.h.
 *
 * Encoders first ask for sizes (tagged fields and frames carry them), then write. What cannot be
 * encoded (a null that is not nullable, a string above 32,767 bytes) is our bug and asserted;
 * message_validate finds it first where the data came from outside. */
#ifndef SAMSA_PROTOCOL_PUT_H
#define SAMSA_PROTOCOL_PUT_H

#include "base/bytes.h"
#include "base/out.h"
#include "base/uuid.h"
#include "protocol/records.h"

static inline void put_bool(struct out *o, bool v)
{
    out_u8(o, v ? 1 : 0);
}

static inline void put_i8(struct out *o, int8_t v)
{
    out_u8(o, (uint8_t)v);
}

static inline void put_i16(struct out *o, int16_t v)
{
    out_be16(o, (uint16_t)v);
}

static inline void put_u16(struct out *o, uint16_t v)
{
    out_be16(o, v);
}

static inline void put_i32(struct out *o, int32_t v)
{
    out_be32(o, (uint32_t)v);
}

static inline void put_u32(struct out *o, uint32_t v)
{
    out_be32(o, v);
}

static inline void put_i64(struct out *o, int64_t v)
{
    out_be64(o, (uint64_t)v);
}

void put_f64(struct out *o, double v);
void put_uuid(struct out *o, struct uuid u);

/* The head of a text for people that a string may carry, cut between two characters; null stays
 * null. */
struct str text_fit(struct str s);

/* Copied into the out. */
void put_str(struct out *o, struct str s, bool flexible, bool nullable);
void put_bytes(struct out *o, struct bytes b, bool flexible, bool nullable);

/* By reference; the chunks' release calls pass to the out. */
void put_records(struct out *o, const struct records *r, bool flexible, bool nullable);

/* An array's length; -1 is null. */
void put_count(struct out *o, int32_t count, bool flexible, bool nullable);

/* Elements only; nothing for a null array. */
void put_i8_array(struct out *o, const int8_t *items, int32_t count);
void put_i16_array(struct out *o, const int16_t *items, int32_t count);
void put_i32_array(struct out *o, const int32_t *items, int32_t count);
void put_i64_array(struct out *o, const int64_t *items, int32_t count);
void put_uuid_array(struct out *o, const struct uuid *items, int32_t count);
void put_str_array(struct out *o, const struct str *items, int32_t count, bool flexible);
void put_bytes_array(struct out *o, const struct bytes *items, int32_t count, bool flexible);

/* The marker of a nullable struct. */
static inline void put_present(struct out *o, bool present)
{
    put_i8(o, present ? 1 : -1);
}

/* What stands before a tagged field of `size` bytes. */
void put_tag(struct out *o, uint32_t tag, size_t size);

size_t size_uvarint(uint64_t v);
size_t size_varint(int64_t v);
size_t size_str(struct str s, bool flexible);
size_t size_bytes(struct bytes b, bool flexible);
size_t size_records(const struct records *r, bool flexible);
size_t size_count(int32_t count, bool flexible);
size_t size_str_array(const struct str *items, int32_t count, bool flexible);
size_t size_bytes_array(const struct bytes *items, int32_t count, bool flexible);

/* `count` elements of a fixed size; null has none. */
static inline size_t size_fixed_array(int32_t count, size_t element)
{
    return count > 0 ? (size_t)count * element : 0;
}

/* A tagged field with its tag and size. */
size_t size_tagged(uint32_t tag, size_t size);

#endif
