/* A `records` field: record batches that travel through a message without being copied.
 *
 * As decoded it is one view into the input. To be sent it may instead be a list of chunks (memory
 * or file ranges, base/out.h); encoding hands each chunk's release call over to the `out`, so such
 * a message is encoded once only. */
#ifndef SAMSA_PROTOCOL_RECORDS_H
#define SAMSA_PROTOCOL_RECORDS_H

#include "base/bytes.h"
#include "base/out.h"

struct records {
    int64_t len;                /* bytes in all; -1 is null */
    const uint8_t *data;        /* the bytes, when chunks is NULL; must outlive the `out` */
    const struct chunk *chunks; /* borrowed until encoded; their lens add up to len */
    int32_t chunks_count;
};

#define RECORDS_NULL ((struct records){.len = -1})

static inline struct records records_of(const void *data, size_t len)
{
    return (struct records){.len = (int64_t)len, .data = data};
}

#endif
