#include "protocol/batch.h"

#include "base/assert.h"
#include "base/crc32c.h"
#include "protocol/cursor.h"

/* Where things stand in a batch; see the table in batch.h. */
enum {
    AT_LENGTH = 8,
    AT_LEADER_EPOCH = 12,
    AT_MAGIC = 16,
    AT_CRC = 17,
    AT_ATTRIBUTES = 21,
    AT_LAST_OFFSET_DELTA = 23,
    AT_BASE_TIMESTAMP = 27,
    AT_MAX_TIMESTAMP = 35,
    AT_PRODUCER_ID = 43,
    AT_PRODUCER_EPOCH = 51,
    AT_BASE_SEQUENCE = 53,
    AT_COUNT = 57,
};

enum { OLD_MAGIC_LENGTH_MIN = 14 };

enum err batch_peek_size(const uint8_t *data, int64_t *size)
{
    int32_t length = (int32_t)load_be32(data + AT_LENGTH);
    int8_t magic = (int8_t)data[AT_MAGIC];
    if (length < OLD_MAGIC_LENGTH_MIN || length > INT32_MAX - BATCH_OVERHEAD_BYTES)
        return ERR_CORRUPT;
    if (magic < 0 || magic > BATCH_MAGIC) return ERR_CORRUPT;
    if (magic == BATCH_MAGIC && length < BATCH_HEADER_BYTES - BATCH_OVERHEAD_BYTES)
        return ERR_CORRUPT;
    *size = (int64_t)length + BATCH_OVERHEAD_BYTES;
    return ERR_OK;
}

enum err batch_parse_header(const uint8_t *d, struct batch_header *out)
{
    int64_t size;
    enum err e = batch_peek_size(d, &size);
    if (e) return e;
    *out = (struct batch_header){
        .base_offset = (int64_t)load_be64(d),
        .size = (int32_t)size,
        .leader_epoch = (int32_t)load_be32(d + AT_LEADER_EPOCH),
        .magic = (int8_t)d[AT_MAGIC],
    };
    if (out->magic != BATCH_MAGIC) return ERR_UNSUPPORTED;
    out->crc = load_be32(d + AT_CRC);
    out->attributes = (int16_t)load_be16(d + AT_ATTRIBUTES);
    out->last_offset_delta = (int32_t)load_be32(d + AT_LAST_OFFSET_DELTA);
    out->base_timestamp = (int64_t)load_be64(d + AT_BASE_TIMESTAMP);
    out->max_timestamp = (int64_t)load_be64(d + AT_MAX_TIMESTAMP);
    out->producer_id = (int64_t)load_be64(d + AT_PRODUCER_ID);
    out->producer_epoch = (int16_t)load_be16(d + AT_PRODUCER_EPOCH);
    out->base_sequence = (int32_t)load_be32(d + AT_BASE_SEQUENCE);
    out->count = (int32_t)load_be32(d + AT_COUNT);
    return ERR_OK;
}

enum err batch_parse(struct bytes b, struct batch_header *out)
{
    int64_t size;
    if (b.len < BATCH_PREFIX_BYTES) return ERR_TRUNCATED;
    enum err e = batch_peek_size(b.data, &size);
    if (e) return e;
    if (size > b.len) return ERR_TRUNCATED;
    if (b.data[AT_MAGIC] != BATCH_MAGIC) { /* may be shorter than a header of magic 2 */
        *out = (struct batch_header){.base_offset = (int64_t)load_be64(b.data),
                                     .size = (int32_t)size,
                                     .magic = (int8_t)b.data[AT_MAGIC]};
        return ERR_UNSUPPORTED;
    }
    return batch_parse_header(b.data, out);
}

bool batch_crc_ok(const uint8_t *batch, const struct batch_header *h)
{
    return crc32c(batch + AT_ATTRIBUTES, (size_t)h->size - AT_ATTRIBUTES) == h->crc;
}

int32_t sequence_add(int32_t sequence, int32_t delta)
{
    if (sequence > INT32_MAX - delta) return delta - (INT32_MAX - sequence) - 1;
    return sequence + delta;
}

int32_t batch_last_sequence(const struct batch_header *h)
{
    if (h->base_sequence == NO_SEQUENCE) return NO_SEQUENCE;
    return sequence_add(h->base_sequence, h->last_offset_delta);
}

static void batch_store_crc(uint8_t *batch, size_t size)
{
    store_be32(batch + AT_CRC, crc32c(batch + AT_ATTRIBUTES, size - AT_ATTRIBUTES));
}

void batch_set_max_timestamp(uint8_t *batch, const struct batch_header *h, bool log_append_time,
                             int64_t timestamp_ms)
{
    int attributes = h->attributes & ~BATCH_LOG_APPEND_TIME;
    if (log_append_time) attributes |= BATCH_LOG_APPEND_TIME;
    if (attributes == h->attributes && timestamp_ms == h->max_timestamp) return;
    store_be16(batch + AT_ATTRIBUTES, (uint16_t)attributes);
    store_be64(batch + AT_MAX_TIMESTAMP, (uint64_t)timestamp_ms);
    batch_store_crc(batch, (size_t)h->size);
}

void batch_set_codec(uint8_t *batch, size_t size, enum compression compression)
{
    int attributes = load_be16(batch + AT_ATTRIBUTES) & ~BATCH_COMPRESSION_MASK;
    store_be32(batch + AT_LENGTH, (uint32_t)(size - BATCH_OVERHEAD_BYTES));
    store_be16(batch + AT_ATTRIBUTES, (uint16_t)(attributes | (int)compression));
    batch_store_crc(batch, size);
}

/* ---- building ---- */

static size_t uvarint_put(uint8_t *to, uint64_t v)
{
    size_t n = 0;
    while (v >= 0x80) {
        to[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    to[n++] = (uint8_t)v;
    return n;
}

static uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static size_t varint_size(int64_t v)
{
    uint64_t u = zigzag(v);
    return u == 0 ? 1 : (size_t)(64 - __builtin_clzll(u) + 6) / 7;
}

static void put_varint(struct byte_buffer *b, int64_t v)
{
    byte_buffer_reserve(b, 10);
    b->len += uvarint_put(b->data + b->len, zigzag(v));
}

static void put_field(struct byte_buffer *b, const void *data, int64_t len)
{
    put_varint(b, len < 0 ? -1 : len);
    if (len > 0) byte_buffer_put(b, data, (size_t)len);
}

static size_t field_size(int64_t len)
{
    return len < 0 ? 1 : varint_size(len) + (size_t)len;
}

void batch_begin(struct batch_builder *b, const struct batch_options *options)
{
    b->options = *options;
    b->buffer.len = b->compressed.len = 0;
    byte_buffer_reserve(&b->buffer, BATCH_HEADER_BYTES);
    b->buffer.len = BATCH_HEADER_BYTES;
    b->count = 0;
    b->last_offset_delta = -1;
    b->base_timestamp = b->max_timestamp = NO_TIMESTAMP;
}

static size_t body_size(int64_t timestamp_delta, int32_t offset_delta, struct bytes key,
                        struct bytes value, const struct record_header *headers,
                        int32_t headers_count)
{
    size_t size = 1 + varint_size(timestamp_delta) + varint_size(offset_delta) +
                  field_size(key.len) + field_size(value.len) + varint_size(headers_count);
    for (int32_t i = 0; i < headers_count; i++)
        size += field_size(headers[i].key.len) + field_size(headers[i].value.len);
    return size;
}

/* Unsigned, so that absurd timestamps wrap as they do in Kafka instead of overflowing. */
static int64_t timestamp_delta(const struct batch_builder *b, int64_t timestamp_ms)
{
    return b->count == 0 ? 0 : (int64_t)((uint64_t)timestamp_ms - (uint64_t)b->base_timestamp);
}

size_t batch_record_size(const struct batch_builder *b, int64_t timestamp_ms, struct bytes key,
                         struct bytes value, const struct record_header *headers,
                         int32_t headers_count)
{
    size_t body = body_size(timestamp_delta(b, timestamp_ms), b->last_offset_delta + 1, key, value,
                            headers, headers_count);
    return varint_size((int64_t)body) + body;
}

void batch_add_at(struct batch_builder *b, int32_t offset_delta, int64_t timestamp_ms,
                  struct bytes key, struct bytes value, const struct record_header *headers,
                  int32_t headers_count)
{
    PRE(offset_delta > b->last_offset_delta);
    if (b->count == 0) b->base_timestamp = timestamp_ms;
    int64_t delta = timestamp_delta(b, timestamp_ms);
    size_t body = body_size(delta, offset_delta, key, value, headers, headers_count);
    struct byte_buffer *out = &b->buffer;
    byte_buffer_reserve(out, body + 10);
    put_varint(out, (int64_t)body);
    out->data[out->len++] = 0; /* attributes: none are defined */
    put_varint(out, delta);
    put_varint(out, offset_delta);
    put_field(out, key.data, key.len);
    put_field(out, value.data, value.len);
    put_varint(out, headers_count);
    for (int32_t i = 0; i < headers_count; i++) {
        PRE(headers[i].key.len >= 0);
        put_field(out, headers[i].key.data, headers[i].key.len);
        put_field(out, headers[i].value.data, headers[i].value.len);
    }
    if (b->count == 0 || timestamp_ms > b->max_timestamp) b->max_timestamp = timestamp_ms;
    b->count++;
    b->last_offset_delta = offset_delta;
}

void batch_add(struct batch_builder *b, int64_t timestamp_ms, struct bytes key, struct bytes value,
               const struct record_header *headers, int32_t headers_count)
{
    batch_add_at(b, b->last_offset_delta + 1, timestamp_ms, key, value, headers, headers_count);
}

static void header_write(uint8_t *d, size_t size, const struct batch_builder *b, int attributes)
{
    const struct batch_options *o = &b->options;
    store_be64(d, (uint64_t)o->base_offset);
    store_be32(d + AT_LENGTH, (uint32_t)(size - BATCH_OVERHEAD_BYTES));
    store_be32(d + AT_LEADER_EPOCH, (uint32_t)o->leader_epoch);
    d[AT_MAGIC] = BATCH_MAGIC;
    store_be16(d + AT_ATTRIBUTES, (uint16_t)attributes);
    store_be32(d + AT_LAST_OFFSET_DELTA, (uint32_t)b->last_offset_delta);
    store_be64(d + AT_BASE_TIMESTAMP, (uint64_t)b->base_timestamp);
    store_be64(d + AT_MAX_TIMESTAMP, (uint64_t)b->max_timestamp);
    store_be64(d + AT_PRODUCER_ID, (uint64_t)o->producer_id);
    store_be16(d + AT_PRODUCER_EPOCH, (uint16_t)o->producer_epoch);
    store_be32(d + AT_BASE_SEQUENCE, (uint32_t)o->base_sequence);
    store_be32(d + AT_COUNT, (uint32_t)b->count);
    batch_store_crc(d, size);
}

enum err batch_finish(struct batch_builder *b, struct codec *codec, uint8_t **data, size_t *len)
{
    struct byte_buffer *done = &b->buffer;
    enum compression type = b->count ? b->options.compression : COMPRESSION_NONE;
    if (type != COMPRESSION_NONE) {
        PRE(codec);
        b->compressed.len = 0;
        byte_buffer_reserve(&b->compressed, BATCH_HEADER_BYTES);
        b->compressed.len = BATCH_HEADER_BYTES;
        struct bytes records = {b->buffer.data + BATCH_HEADER_BYTES,
                                (int64_t)b->buffer.len - BATCH_HEADER_BYTES};
        enum err e =
            codec_compress(codec, type, b->options.compression_level, records, &b->compressed);
        if (e) return e;
        done = &b->compressed;
    }
    header_write(done->data, done->len, b,
                 (b->options.attributes & ~BATCH_COMPRESSION_MASK) | (int)type);
    *data = done->data;
    *len = done->len;
    return ERR_OK;
}

void batch_builder_free(struct batch_builder *b)
{
    byte_buffer_free(&b->buffer);
    byte_buffer_free(&b->compressed);
}

/* ---- control records ---- */

enum { CONTROL_KEY_BYTES = 4, END_TXN_VALUE_BYTES = 6 };

void batch_add_control(struct batch_builder *b, int64_t timestamp_ms, enum control_type type,
                       struct bytes value)
{
    PRE(b->options.attributes & BATCH_CONTROL);
    uint8_t key[CONTROL_KEY_BYTES] = {0};
    store_be16(key + 2, (uint16_t)type);
    batch_add(b, timestamp_ms, bytes_of(key, sizeof key), value, NULL, 0);
}

enum err control_record_type(struct bytes key, int16_t *type)
{
    if (key.len < CONTROL_KEY_BYTES || (int16_t)load_be16(key.data) < 0) return ERR_CORRUPT;
    *type = (int16_t)load_be16(key.data + 2);
    return ERR_OK;
}

void batch_build_end_txn_marker(uint8_t to[END_TXN_MARKER_BYTES], int64_t timestamp_ms,
                                int64_t producer_id, int16_t producer_epoch, bool commit,
                                int32_t coordinator_epoch)
{
    /* length 16: attributes, two deltas, key length, key, value length, value, no headers */
    uint8_t *r = to + BATCH_HEADER_BYTES;
    *r++ = 16 << 1;
    *r++ = 0;
    *r++ = 0;
    *r++ = 0;
    *r++ = CONTROL_KEY_BYTES << 1;
    store_be16(r, 0);
    store_be16(r + 2, commit ? CONTROL_COMMIT : CONTROL_ABORT);
    r += CONTROL_KEY_BYTES;
    *r++ = END_TXN_VALUE_BYTES << 1;
    store_be16(r, 0);
    store_be32(r + 2, (uint32_t)coordinator_epoch);
    r += END_TXN_VALUE_BYTES;
    *r++ = 0;
    POST(r == to + END_TXN_MARKER_BYTES);
    struct batch_builder b = {
        .options = BATCH_OPTIONS_DEFAULT,
        .count = 1,
        .base_timestamp = timestamp_ms,
        .max_timestamp = timestamp_ms,
    };
    b.options.producer_id = producer_id;
    b.options.producer_epoch = producer_epoch;
    header_write(to, END_TXN_MARKER_BYTES, &b, BATCH_TRANSACTIONAL | BATCH_CONTROL);
}

enum err end_txn_marker_epoch(struct bytes value, int32_t *coordinator_epoch)
{
    if (value.len < END_TXN_VALUE_BYTES || (int16_t)load_be16(value.data) < 0) return ERR_CORRUPT;
    *coordinator_epoch = (int32_t)load_be32(value.data + 2);
    return ERR_OK;
}
