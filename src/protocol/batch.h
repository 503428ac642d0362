/* Record batches, magic 2 (KIP-98): what producers send, the log stores and fetches return.
 *
 *    0 baseOffset i64                    27 baseTimestamp i64
 *    8 batchLength i32 (bytes behind it)  35 maxTimestamp i64
 *   12 partitionLeaderEpoch i32           43 producerId i64
 *   16 magic i8                           51 producerEpoch i16
 *   17 crc u32 (CRC-32C of 21 to the end) 53 baseSequence i32
 *   21 attributes i16                     57 recordCount i32
 *   23 lastOffsetDelta i32                61 records, the only part that is compressed
 *
 * Bytes 0 to 16 are outside the checksum: offset and epoch are patched in place by a leader.
 * Nothing here is trusted: lengths are checked against what is there before anything is read.
 * Thread: any; no state. */
#ifndef SAMSA_PROTOCOL_BATCH_H
#define SAMSA_PROTOCOL_BATCH_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "protocol/compress.h"

enum {
    BATCH_HEADER_BYTES = 61,
    BATCH_PREFIX_BYTES = 17,   /* up to and with magic: enough for batch_peek */
    BATCH_OVERHEAD_BYTES = 12, /* baseOffset and batchLength, not counted by batchLength */
    BATCH_MAGIC = 2,
};

enum batch_attribute {
    BATCH_COMPRESSION_MASK = 0x07,
    BATCH_LOG_APPEND_TIME = 0x08,
    BATCH_TRANSACTIONAL = 0x10,
    BATCH_CONTROL = 0x20,
    BATCH_DELETE_HORIZON = 0x40,
};

enum { NO_PRODUCER_ID = -1, NO_PRODUCER_EPOCH = -1, NO_SEQUENCE = -1, NO_TIMESTAMP = -1 };

struct batch_header {
    int64_t base_offset;
    int32_t size; /* of the whole batch: 12 + batchLength */
    int32_t leader_epoch;
    int8_t magic;
    uint32_t crc;
    int16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp; /* the delete horizon when that attribute is set */
    int64_t max_timestamp;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t count;
};

/* Whole size of the batch that starts at `data` (at least BATCH_PREFIX_BYTES are there).
 * Err: CORRUPT (length too small or overflowing, magic not 0 to 2). */
enum err batch_peek_size(const uint8_t *data, int64_t *size) MUST_CHECK;

/* Decode the header at the start of `b`, which may go on behind the batch. Does not look at the
 * checksum. Err: TRUNCATED (fewer than 61 bytes, or than the batch says), CORRUPT (as
 * batch_peek_size, or smaller than a header), UNSUPPORTED (magic 0 or 1; size and base_offset are
 * set). */
enum err batch_parse(struct bytes b, struct batch_header *out) MUST_CHECK;

/* As batch_parse when only the header itself has been read; `data` holds 61 bytes. */
enum err batch_parse_header(const uint8_t *data, struct batch_header *out) MUST_CHECK;

/* Of a batch that batch_parse accepted. */
bool batch_crc_ok(const uint8_t *batch, const struct batch_header *h);

static inline int64_t batch_last_offset(const struct batch_header *h)
{
    return (int64_t)((uint64_t)h->base_offset + (uint64_t)(int64_t)h->last_offset_delta);
}

static inline enum compression batch_compression(const struct batch_header *h)
{
    return (enum compression)(h->attributes & BATCH_COMPRESSION_MASK); /* may be >= COUNT */
}

static inline bool batch_is(const struct batch_header *h, enum batch_attribute a)
{
    return (h->attributes & (int)a) != 0;
}

/* Sequences run from 0 to 2^31-1 and start again at 0. */
int32_t sequence_add(int32_t sequence, int32_t delta);
int32_t batch_last_sequence(const struct batch_header *h); /* NO_SEQUENCE when it has none */

/* Patches in place, outside the checksum. */
static inline void batch_set_base_offset(uint8_t *batch, int64_t offset)
{
    store_be64(batch, (uint64_t)offset);
}

static inline void batch_set_leader_epoch(uint8_t *batch, int32_t epoch)
{
    store_be32(batch + 12, (uint32_t)epoch);
}

/* Set the largest timestamp and its type; the checksum is computed anew (size bytes are there). */
void batch_set_max_timestamp(uint8_t *batch, const struct batch_header *h, bool log_append_time,
                             int64_t timestamp_ms);

/* The records behind the header are now in another codec and the batch `size` bytes long: length,
 * codec and checksum follow. */
void batch_set_codec(uint8_t *batch, size_t size, enum compression compression);

/* ---- records ---- */

struct record_header {
    struct str key;
    struct bytes value; /* null allowed */
};

/* One record. Key, value and headers point into the batch (or its decompressed records). */
struct record {
    int64_t offset;
    int64_t timestamp; /* the batch's largest when LogAppendTime */
    int32_t offset_delta;
    struct bytes key, value; /* null allowed */
    int32_t headers_count;
    struct bytes headers_raw; /* for record_headers */
};

/* Iterates over records that lie uncompressed in memory. */
struct record_iterator {
    struct batch_header header;
    const uint8_t *p, *end;
    int32_t left;
};

/* `records` is what stands behind the header, decompressed. */
void record_iterator_init(struct record_iterator *it, const struct batch_header *h,
                          struct bytes records);

/* *more is false at the end. Err: CORRUPT (malformed record, bytes left over at the end). */
enum err record_iterator_next(struct record_iterator *it, struct record *r, bool *more) MUST_CHECK;

/* The headers of a record that the iterator gave, in the arena. NULL when there are none. */
struct record_header *record_headers(const struct record *r, struct arena *arena);

/* The records of a parsed batch, decompressed: a view of the batch itself when it is not
 * compressed, else of `scratch`, whose contents are replaced. Err: CORRUPT, TOO_LARGE. */
enum err batch_records(struct codec *codec, const uint8_t *batch, const struct batch_header *h,
                       size_t max_bytes, struct byte_buffer *scratch,
                       struct bytes *records) MUST_CHECK;

/* What a walk over all records of a batch finds, in bounded memory, without keeping keys or values.
 */
struct batch_walk {
    int64_t max_timestamp; /* NO_TIMESTAMP when there is no record */
    int64_t max_timestamp_offset_delta;
    int64_t records_bytes; /* uncompressed */
};

struct batch_walk_record {
    int32_t index;
    int32_t offset_delta;
    int64_t timestamp;
    bool has_key;
};

/* Walk every record, decompressing as it goes; `seen` (may be NULL) is called for each in order.
 * Err: CORRUPT (malformed record, wrong number), INVALID (offset deltas are not 0, 1, 2, …: checked
 * only when `consecutive`), TOO_LARGE (more than max_bytes come out), UNSUPPORTED (unknown codec).
 */
enum err batch_walk(struct codec *codec, const uint8_t *batch, const struct batch_header *h,
                    bool consecutive, int64_t max_bytes,
                    void (*seen)(void *context, const struct batch_walk_record *r), void *context,
                    struct batch_walk *out) MUST_CHECK;

/* ---- building ---- */

struct batch_options {
    int64_t base_offset;
    int32_t leader_epoch; /* -1 none */
    enum compression compression;
    int32_t compression_level;
    int16_t attributes; /* beside the codec: BATCH_TRANSACTIONAL, BATCH_CONTROL, … */
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
};

/* Offset 0, no epoch, no producer, not compressed. */
#define BATCH_OPTIONS_DEFAULT                                               \
    ((struct batch_options){.leader_epoch = -1,                             \
                            .compression_level = COMPRESSION_LEVEL_DEFAULT, \
                            .producer_id = NO_PRODUCER_ID,                  \
                            .producer_epoch = NO_PRODUCER_EPOCH,            \
                            .base_sequence = NO_SEQUENCE})

/* Builds one batch; keeps its memory for the next. Zero it to start. */
struct batch_builder {
    struct batch_options options;
    struct byte_buffer buffer;     /* header and records, uncompressed */
    struct byte_buffer compressed; /* the finished batch when compressed */
    int32_t count;
    int32_t last_offset_delta;
    int64_t base_timestamp, max_timestamp;
};

/* Forgets what was there. */
void batch_begin(struct batch_builder *b, const struct batch_options *options);

/* With the next offset delta. Everything is copied. */
void batch_add(struct batch_builder *b, int64_t timestamp_ms, struct bytes key, struct bytes value,
               const struct record_header *headers, int32_t headers_count);

/* As batch_add at a given offset delta, above the last one (compaction, tests). */
void batch_add_at(struct batch_builder *b, int32_t offset_delta, int64_t timestamp_ms,
                  struct bytes key, struct bytes value, const struct record_header *headers,
                  int32_t headers_count);

/* Exact size of the next record, so that a caller can close a batch at a bound. */
size_t batch_record_size(const struct batch_builder *b, int64_t timestamp_ms, struct bytes key,
                         struct bytes value, const struct record_header *headers,
                         int32_t headers_count);

/* Bytes so far, with the header, before compression. */
static inline size_t batch_size(const struct batch_builder *b)
{
    return b->buffer.len;
}

/* Compress (codec may be NULL when not compressed), fill the header, compute the checksum. The
 * bytes belong to the builder until the next batch_begin, and may be patched. Err: INVALID (level).
 */
enum err batch_finish(struct batch_builder *b, struct codec *codec, uint8_t **data,
                      size_t *len) MUST_CHECK;

void batch_builder_free(struct batch_builder *b);

/* ---- control records ---- */

enum control_type {
    CONTROL_ABORT = 0,
    CONTROL_COMMIT = 1,
    CONTROL_LEADER_CHANGE = 2,
    CONTROL_SNAPSHOT_HEADER = 3,
    CONTROL_SNAPSHOT_FOOTER = 4,
    CONTROL_KRAFT_VERSION = 5,
    CONTROL_KRAFT_VOTERS = 6,
};

/* Add one control record (the builder's options carry BATCH_CONTROL). `value` is encoded already.
 */
void batch_add_control(struct batch_builder *b, int64_t timestamp_ms, enum control_type type,
                       struct bytes value);

/* The type of a control record from its key. Unknown types are returned as they are.
 * Err: CORRUPT (key shorter than 4 bytes or negative version). */
enum err control_record_type(struct bytes key, int16_t *type) MUST_CHECK;

/* The 78-byte batch that ends a transaction. Patched by the log that appends it. */
enum { END_TXN_MARKER_BYTES = 78 };
void batch_build_end_txn_marker(uint8_t to[END_TXN_MARKER_BYTES], int64_t timestamp_ms,
                                int64_t producer_id, int16_t producer_epoch, bool commit,
                                int32_t coordinator_epoch);

/* Coordinator epoch of a marker's value. Err: CORRUPT. */
enum err end_txn_marker_epoch(struct bytes value, int32_t *coordinator_epoch) MUST_CHECK;

#endif
