/* Walks the batches of a segment file from a batch boundary. Private to log/.
 *
 * Borrows the file and a buffer that it fills; both must outlive it. */
#ifndef SAMSA_LOG_BATCH_SCAN_H
#define SAMSA_LOG_BATCH_SCAN_H

#include "env/disk.h"
#include "protocol/batch.h"

struct batch_scan {
    struct disk_file *file;
    struct byte_buffer *buffer; /* NULL: headers only, no memory */
    int64_t next;               /* position of the next batch */
    int64_t end;                /* nothing is read at or beyond it */
    int64_t buffer_at;          /* position of buffer->data[0] */
    int64_t position;           /* of the batch that was given last */
    size_t read_bytes;          /* how much to read at least when the buffer runs out */
    uint8_t small[512];
    int64_t small_at;
    size_t small_len;
};

/* With a buffer: whole batches. Without: headers only. */
void batch_scan_init(struct batch_scan *s, struct disk_file *file, int64_t position, int64_t end,
                     struct byte_buffer *buffer);

/* The next batch. *data is valid until the next call, NULL without a buffer. Batches of magic 0
 * and 1 come with their size, and their last offset as base offset. Err: EOF at the end; TRUNCATED
 * when a batch goes beyond it; CORRUPT; IO. */
enum err batch_scan_next(struct batch_scan *s, struct batch_header *h,
                         const uint8_t **data) MUST_CHECK;

#endif
