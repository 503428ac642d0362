/* Compression of a record batch's records, in the framings Kafka's clients read and write.
 *
 * gzip: one member. snappy: xerial stream (also raw blocks, as librdkafka once wrote, on reading).
 * lz4: the standard frame with independent 64 KiB blocks and no checksums. zstd: one plain frame.
 * Output is bounded by the caller, so that a small hostile batch cannot become a large one.
 *
 * A codec owns the libraries' working memory, taken at first use and kept, so steady use allocates
 * nothing here. Thread: one codec per thread. */
#ifndef SAMSA_PROTOCOL_COMPRESS_H
#define SAMSA_PROTOCOL_COMPRESS_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"

/* As in the low three bits of a batch's attributes. */
enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_SNAPPY,
    COMPRESSION_LZ4,
    COMPRESSION_ZSTD,
    COMPRESSION_COUNT
};

/* "none", "gzip", … Static. */
const char *compression_name(enum compression c);

/* Err: INVALID. */
enum err compression_parse(struct str name, enum compression *out) MUST_CHECK;

/* Level that means the library's default, as Kafka's compression.*.level defaults. */
enum { COMPRESSION_LEVEL_DEFAULT = INT32_MIN };

/* A growing byte array that is kept and used again. Zero it to start; free with buffer_free. */
struct byte_buffer {
    uint8_t *data;
    size_t len, capacity;
};

/* Room for `more` bytes behind len. */
void byte_buffer_reserve(struct byte_buffer *b, size_t more);
void byte_buffer_put(struct byte_buffer *b, const void *data, size_t len);
void byte_buffer_free(struct byte_buffer *b);

struct codec;

struct codec *codec_new(void);
void codec_free(struct codec *c);

/* Append the compressed form of `in` to `out`. NONE copies. Err: INVALID (level out of range). */
enum err codec_compress(struct codec *c, enum compression type, int32_t level, struct bytes in,
                        struct byte_buffer *out) MUST_CHECK;

/* Append the decompressed form of `in` to `out`. Err: CORRUPT; TOO_LARGE when more than `max_bytes`
 * would come out (nothing beyond is produced). out->len is as before after a failure. */
enum err codec_decompress(struct codec *c, enum compression type, struct bytes in, size_t max_bytes,
                          struct byte_buffer *out) MUST_CHECK;

/* The same in pieces, in bounded memory whatever comes out: begin, then read until *got is 0, which
 * is the end. One stream per codec at a time. `in` must live until the end. Err: CORRUPT. */
enum err codec_stream_begin(struct codec *c, enum compression type, struct bytes in) MUST_CHECK;
enum err codec_stream_read(struct codec *c, uint8_t *to, size_t capacity, size_t *got) MUST_CHECK;

#endif
