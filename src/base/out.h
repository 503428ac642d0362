/* Output under construction: a list of chunks, each memory or a range of a file.
 *
 * Encoders append small fields, which are copied into blocks the `out` owns, and large payloads by
 * reference, which are not copied. The net layer sends the chunks in order (file ranges by
 * sendfile) and then calls each chunk's release once. So a fetch answer never copies record bytes.
 *
 * Owns: its blocks, and one release call per referenced chunk. Single-threaded. */
#ifndef SAMSA_BASE_OUT_H
#define SAMSA_BASE_OUT_H

#include "base/bytes.h"

struct disk_file; /* env/disk.h; only carried here */

struct chunk {
    const uint8_t *data;    /* memory, or NULL for a file range */
    struct disk_file *file; /* file range when data is NULL */
    int64_t file_offset;
    int64_t len;
    void (*release)(void *owner); /* may be NULL; called once, after sending or on out_free */
    void *owner;
};

struct out {
    struct chunk *chunks;
    int32_t chunks_count, chunks_capacity;
    struct out_block *blocks; /* newest first */
    uint8_t *write;           /* where the next small bytes go, in the newest block */
    uint8_t *write_end;
    bool open;   /* the last chunk ends at `write` and can be extended */
    int64_t len; /* bytes in all chunks */
};

void out_init(struct out *o);

/* Releases every chunk that is left and the blocks. The out can be used again. */
void out_free(struct out *o);

/* Forgets chunks (releasing them), keeps one block: a steady loop allocates nothing. */
void out_reset(struct out *o);

/* `size` contiguous bytes to fill now, as part of the output. Valid until out_free/out_reset;
 * so a length written later can be patched. */
uint8_t *out_reserve(struct out *o, size_t size);

/* Copy. */
void out_put(struct out *o, const void *data, size_t size);

static inline void out_u8(struct out *o, uint8_t v)
{
    *out_reserve(o, 1) = v;
}

static inline void out_be16(struct out *o, uint16_t v)
{
    store_be16(out_reserve(o, 2), v);
}

static inline void out_be32(struct out *o, uint32_t v)
{
    store_be32(out_reserve(o, 4), v);
}

static inline void out_be64(struct out *o, uint64_t v)
{
    store_be64(out_reserve(o, 8), v);
}

/* Kafka's unsigned varint (LEB128) and zigzag forms. */
void out_uvarint(struct out *o, uint64_t v);
void out_varint(struct out *o, int64_t v);

/* By reference: `data` must live until release(owner) is called (or, without release, as long as
 * the out and whoever sends it). Takes over that one release call. len 0 releases at once. */
void out_ref(struct out *o, const void *data, int64_t len, void (*release)(void *), void *owner);

/* A range of a file, by reference, under the same rule. */
void out_file(struct out *o, struct disk_file *file, int64_t offset, int64_t len,
              void (*release)(void *), void *owner);

/* Move every chunk and block of `from` behind `to`; `from` is empty afterwards. */
void out_append(struct out *to, struct out *from);

/* Release and forget the first `count` chunks, with the blocks that only they used: for a sender
 * whose queue never runs empty. */
void out_drop_front(struct out *o, int32_t count);

/* Copy everything into `to` (capacity >= o->len); file ranges are not allowed. */
void out_flatten(const struct out *o, uint8_t *to);

#endif
