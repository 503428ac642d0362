/* Reading Kafka's primitives from bytes that somebody else owns.
 *
 * A cursor moves from `p` to `end`. The first failure sticks: it is kept in `err`, the rest of the
 * input is dropped, and every later read gives zero, null or an empty array. So decoders are
 * straight lines that look at `err` once, at the end; loops stop by cursor_ok. Nothing read is
 * trusted: lengths are compared with what is left before memory is taken, and the memory one input
 * may take in the arena is bounded (TOO_LARGE): an array of empty strings takes a byte each on the
 * wire, and sixteen in memory.
 *
 * Borrows: the input; strings and bytes that are read point into it. */
#ifndef SAMSA_PROTOCOL_CURSOR_H
#define SAMSA_PROTOCOL_CURSOR_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/uuid.h"
#include "protocol/records.h"

struct cursor {
    const uint8_t *p, *end;
    size_t memory_left; /* that arrays may still take */
    enum err err;
};

/* What an input of `len` bytes may take decoded, unless memory_left is set to something else. */
#define CURSOR_MEMORY_MAX(len) ((16u << 20) + 4 * (len))

static inline struct cursor cursor_of(const void *data, size_t len)
{
    const uint8_t *p = data;
    return (struct cursor){p, p ? p + len : p, CURSOR_MEMORY_MAX(len), ERR_OK};
}

static inline struct cursor cursor_of_bytes(struct bytes b)
{
    return cursor_of(b.data, b.len > 0 ? (size_t)b.len : 0);
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->p);
}

static inline bool cursor_ok(const struct cursor *c)
{
    return c->err == ERR_OK;
}

/* Keep the first error and drop the rest of the input. */
void cursor_fail(struct cursor *c, enum err err);

/* The error so far, or INVALID when bytes are left over. */
enum err cursor_finish(const struct cursor *c) MUST_CHECK;

/* The next `size` bytes, or NULL after a failure (TRUNCATED). */
static inline const uint8_t *cursor_take(struct cursor *c, size_t size)
{
    if (__builtin_expect(cursor_left(c) < size, 0)) {
        cursor_fail(c, ERR_TRUNCATED);
        return NULL;
    }
    const uint8_t *p = c->p;
    c->p += size;
    return p;
}

static inline int8_t cursor_i8(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 1);
    return p ? (int8_t)*p : 0;
}

/* Any value but zero is true, as in Kafka. */
static inline bool cursor_bool(struct cursor *c)
{
    return cursor_i8(c) != 0;
}

static inline uint16_t cursor_u16(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 2);
    return p ? load_be16(p) : 0;
}

static inline int16_t cursor_i16(struct cursor *c)
{
    return (int16_t)cursor_u16(c);
}

static inline uint32_t cursor_u32(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 4);
    return p ? load_be32(p) : 0;
}

static inline int32_t cursor_i32(struct cursor *c)
{
    return (int32_t)cursor_u32(c);
}

static inline int64_t cursor_i64(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 8);
    return p ? (int64_t)load_be64(p) : 0;
}

double cursor_f64(struct cursor *c);
struct uuid cursor_uuid(struct cursor *c);

/* Variable-length integers: unsigned LEB128, and its zigzag form. At most 5 (varint) or 10
 * (varlong) bytes; a longer one, or bits beyond the type, are INVALID. */
uint32_t cursor_uvarint(struct cursor *c);
int32_t cursor_varint(struct cursor *c);
int64_t cursor_varlong(struct cursor *c);

/* Flexible: an unsigned varint of length + 1, else an int16 (strings) or int32 (bytes) length.
 * A null that is not nullable is INVALID, so is a string above 32,767 bytes. */
struct str cursor_str(struct cursor *c, bool flexible, bool nullable);
struct bytes cursor_bytes(struct cursor *c, bool flexible, bool nullable);
struct records cursor_records(struct cursor *c, bool flexible, bool nullable);

/* The length of an array whose elements take at least `element_min` bytes each: it is compared with
 * what is left. -1 is null; 0 after a failure. */
int32_t cursor_count(struct cursor *c, bool flexible, bool nullable, size_t element_min);

/* Room in the arena for `count` elements of `size` bytes; NULL for none and after a failure, so a
 * loop that fills it asks cursor_ok. Err: TOO_LARGE. */
void *cursor_alloc(struct cursor *c, struct arena *arena, int32_t count, size_t size);

/* Elements of an array whose count was read by cursor_count; NULL when there are none. Memory:
 * arena. */
int8_t *cursor_i8_array(struct cursor *c, struct arena *arena, int32_t count);
int16_t *cursor_i16_array(struct cursor *c, struct arena *arena, int32_t count);
int32_t *cursor_i32_array(struct cursor *c, struct arena *arena, int32_t count);
int64_t *cursor_i64_array(struct cursor *c, struct arena *arena, int32_t count);
struct uuid *cursor_uuid_array(struct cursor *c, struct arena *arena, int32_t count);
struct str *cursor_str_array(struct cursor *c, struct arena *arena, int32_t count, bool flexible);
struct bytes *cursor_bytes_array(struct cursor *c, struct arena *arena, int32_t count,
                                 bool flexible);

/* Whether a nullable struct follows (an int8 below zero says no). */
static inline bool cursor_present(struct cursor *c)
{
    return cursor_i8(c) >= 0 && cursor_ok(c);
}

/* The tagged section of a flexible struct: cursor_uvarint gives how many fields, then for each
 * cursor_tag gives its content and its tag, which must be above `*tag` (-1 at first), and
 * cursor_tag_end requires that a known field was read whole. */
struct cursor cursor_tag(struct cursor *c, int64_t *tag);
void cursor_tag_end(struct cursor *c, const struct cursor *field);

/* The section when no tag is known. */
void cursor_skip_tags(struct cursor *c);

#endif
