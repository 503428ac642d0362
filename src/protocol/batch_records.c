/* Reading the records of a batch: the iterator over records in memory, and the walk that checks a
 * whole batch while decompressing it through a small window.
 *
 *   varint length | i8 attributes | varlong timestampDelta | varint offsetDelta | varint keyLength,
 * key | varint valueLength, value | varint headerCount | per header: varint keyLength, key, varint
 *   valueLength, value
 *
 * Valid: every part lies inside the declared length and fills it, nothing follows the last record,
 * lengths are >= -1 (a header's key >= 0), and a header count is at most the bytes left. */
#include "protocol/batch.h"

#include "base/assert.h"

enum { WINDOW_BYTES = 32 * 1024, VARINT_BYTES_MAX = 10 };

/* Bytes that come from memory, or through a window from a codec. */
struct source {
    const uint8_t *p, *end;
    struct codec *codec; /* NULL: what is in memory is all */
    uint8_t *window;
    int64_t left_max; /* bytes the codec may still make */
    int64_t before;   /* bytes that lay before the window's start */
    const uint8_t *start;
    enum err err;
};

static int64_t source_position(const struct source *s)
{
    return s->before + (s->p - s->start);
}

/* More bytes behind those that are left. False at the end of the input or after a failure. */
static bool source_refill(struct source *s)
{
    if (!s->codec || s->err) return false;
    size_t keep = (size_t)(s->end - s->p);
    INVARIANT(keep < WINDOW_BYTES);
    s->before += s->p - s->start;
    if (keep) memmove(s->window, s->p, keep);
    s->p = s->start = s->window;
    size_t got;
    s->err = codec_stream_read(s->codec, s->window + keep, WINDOW_BYTES - keep, &got);
    if (s->err) got = 0;
    s->end = s->window + keep + got;
    s->left_max -= (int64_t)got;
    if (s->left_max < 0) s->err = ERR_TOO_LARGE;
    return got > 0 && !s->err;
}

static void source_fail(struct source *s)
{
    if (!s->err) s->err = ERR_CORRUPT;
}

static int64_t zigzag_back(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static __attribute__((noinline)) int64_t source_varint_slow(struct source *s, int bits)
{
    while (s->end - s->p < VARINT_BYTES_MAX && source_refill(s)) {
    }
    uint64_t v = 0;
    for (int shift = 0; shift < 70 && s->p < s->end; shift += 7) {
        uint8_t byte = *s->p++;
        if (shift == 63 && byte > 1) break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        if (bits == 32 && v > UINT32_MAX) break;
        return zigzag_back(v);
    }
    source_fail(s);
    return 0;
}

/* Nearly all take one byte or two. */
static inline int64_t source_varint(struct source *s, int bits)
{
    if (s->end - s->p >= 2) {
        uint8_t low = s->p[0], high = s->p[1];
        if (low < 0x80) {
            s->p++;
            return zigzag_back(low);
        }
        if (high < 0x80) {
            s->p += 2;
            return zigzag_back((uint64_t)(low & 0x7f) | (uint64_t)high << 7);
        }
    }
    return source_varint_slow(s, bits);
}

static __attribute__((noinline)) void source_skip_slow(struct source *s, int64_t n)
{
    while (n > s->end - s->p) {
        n -= s->end - s->p;
        s->p = s->end;
        if (!source_refill(s)) {
            source_fail(s);
            return;
        }
    }
    s->p += n;
}

static inline void source_skip(struct source *s, int64_t n)
{
    if (n <= s->end - s->p)
        s->p += n;
    else
        source_skip_slow(s, n);
}

/* A length and that many bytes; NULL stays NULL. The bytes are passed over. */
static inline struct bytes source_field(struct source *s, int64_t least)
{
    int64_t len = source_varint(s, 32);
    if (len < least) {
        source_fail(s);
        return BYTES_NULL;
    }
    struct bytes field = {len < 0 ? NULL : s->p, len};
    if (len > 0) source_skip(s, len);
    return field;
}

/* One record. Pointers are meaningful only when everything is in memory. */
static inline void source_record(struct source *s, const struct batch_header *h, struct record *r)
{
    int64_t length = source_varint(s, 32);
    int64_t body = source_position(s);
    if (length < 0) source_fail(s);
    source_skip(s, 1);
    int64_t delta = source_varint(s, 64);
    r->offset_delta = (int32_t)source_varint(s, 32);
    /* a hostile batch may overflow both; they wrap, as in Java */
    r->offset = (int64_t)((uint64_t)h->base_offset + (uint64_t)(int64_t)r->offset_delta);
    r->timestamp = batch_is(h, BATCH_LOG_APPEND_TIME)
                       ? h->max_timestamp
                       : (int64_t)((uint64_t)h->base_timestamp + (uint64_t)delta);
    r->key = source_field(s, -1);
    r->value = source_field(s, -1);
    int64_t headers = source_varint(s, 32);
    int64_t left = length - (source_position(s) - body);
    if (headers < 0 || headers > left) source_fail(s);
    const uint8_t *raw = s->p;
    for (int64_t i = 0; i < headers && !s->err; i++) {
        source_field(s, 0);
        source_field(s, -1);
    }
    if (source_position(s) - body != length) source_fail(s);
    if (s->err) return;
    r->headers_count = (int32_t)headers;
    r->headers_raw = (struct bytes){raw, s->codec ? 0 : s->p - raw};
}

void record_iterator_init(struct record_iterator *it, const struct batch_header *h,
                          struct bytes records)
{
    *it = (struct record_iterator){.header = *h, .left = h->count};
    it->p = records.data;
    it->end = records.len > 0 ? records.data + records.len : records.data;
}

enum err record_iterator_next(struct record_iterator *it, struct record *r, bool *more)
{
    *more = false;
    if (it->left <= 0) return it->p == it->end && it->left == 0 ? ERR_OK : ERR_CORRUPT;
    struct source s = {.p = it->p, .end = it->end, .start = it->p};
    source_record(&s, &it->header, r);
    if (s.err) return s.err;
    it->p = s.p;
    it->left--;
    *more = true;
    return ERR_OK;
}

struct record_header *record_headers(const struct record *r, struct arena *arena)
{
    if (r->headers_count == 0) return NULL;
    struct record_header *headers = ARENA_ARRAY(arena, struct record_header, r->headers_count);
    const uint8_t *raw = r->headers_raw.data;
    struct source s = {.p = raw, .end = raw + r->headers_raw.len, .start = raw};
    for (int32_t i = 0; i < r->headers_count; i++) {
        struct bytes key = source_field(&s, 0);
        headers[i].key = (struct str){(const char *)key.data, (int32_t)key.len};
        headers[i].value = source_field(&s, -1);
    }
    INVARIANT(!s.err); /* the iterator has walked them */
    return headers;
}

enum err batch_records(struct codec *codec, const uint8_t *batch, const struct batch_header *h,
                       size_t max_bytes, struct byte_buffer *scratch, struct bytes *records)
{
    struct bytes in = {batch + BATCH_HEADER_BYTES, h->size - BATCH_HEADER_BYTES};
    if (batch_compression(h) == COMPRESSION_NONE || (h->count == 0 && in.len == 0)) {
        *records = in;
        return ERR_OK;
    }
    scratch->len = 0;
    enum err e = codec_decompress(codec, batch_compression(h), in, max_bytes, scratch);
    *records = (struct bytes){scratch->data, (int64_t)scratch->len};
    return e;
}

enum err batch_walk(struct codec *codec, const uint8_t *batch, const struct batch_header *h,
                    bool consecutive, int64_t max_bytes,
                    void (*seen)(void *context, const struct batch_walk_record *r), void *context,
                    struct batch_walk *out)
{
    uint8_t window[WINDOW_BYTES];
    struct bytes in = {batch + BATCH_HEADER_BYTES, h->size - BATCH_HEADER_BYTES};
    struct source s = {.p = in.data, .end = in.data + in.len, .start = in.data};
    *out = (struct batch_walk){.max_timestamp = NO_TIMESTAMP};
    if (h->count < 0) return ERR_CORRUPT;
    if (batch_compression(h) >= COMPRESSION_COUNT) return ERR_UNSUPPORTED;
    if (batch_compression(h) != COMPRESSION_NONE) {
        enum err e = codec_stream_begin(codec, batch_compression(h), in);
        if (e) return e;
        s = (struct source){.codec = codec, .window = window, .left_max = max_bytes};
        s.p = s.end = s.start = window;
    }
    enum err result = ERR_OK;
    for (int32_t i = 0; i < h->count; i++) {
        struct record r;
        source_record(&s, h, &r);
        if (s.err) return s.err;
        if (consecutive && r.offset_delta != i) result = ERR_INVALID;
        if (i == 0 || r.timestamp > out->max_timestamp) {
            out->max_timestamp = r.timestamp;
            out->max_timestamp_offset_delta = r.offset_delta;
        }
        struct batch_walk_record w = {i, r.offset_delta, r.timestamp, r.key.len >= 0};
        if (seen) seen(context, &w);
    }
    out->records_bytes = source_position(&s);
    if (s.p != s.end || source_refill(&s)) return ERR_CORRUPT;
    return s.err ? s.err : result;
}
