#include "protocol/compress.h"

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "base/assert.h"
#include "base/mem.h"

enum {
    GZIP_WINDOW_BITS = 15 + 16, /* zlib's way to say: with gzip's header and trailer */
    GZIP_MEMORY_LEVEL = 8,
    SNAPPY_BLOCK_BYTES = 32 * 1024, /* snappy-java's SnappyOutputStream */
    SNAPPY_HEADER_BYTES = 16,
    SNAPPY_RATIO_MAX = 64, /* a 64-byte copy takes two bytes at least; what claims more is a lie */
    STEP_BYTES = 64 * 1024,
};

/* Magic of snappy-java's stream, version 1, readable since version 1. */
static const uint8_t snappy_header[SNAPPY_HEADER_BYTES] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,
                                                           0,    0,   0,   1,   0,   0,   0,   1};

struct codec {
    z_stream deflate, inflate;
    bool deflate_ready, inflate_ready;
    int deflate_level;
    LZ4F_cctx *lz4_compress;
    LZ4F_dctx *lz4_decompress;
    ZSTD_CCtx *zstd_compress;
    ZSTD_DCtx *zstd_decompress;
    /* the stream being read */
    enum compression type;
    const uint8_t *in;
    size_t in_len;
    bool in_frame; /* the input may not end here */
    bool snappy_raw;
    struct byte_buffer snappy; /* the block being handed out */
    size_t snappy_read;
};

static const char *const names[COMPRESSION_COUNT] = {"none", "gzip", "snappy", "lz4", "zstd"};

const char *compression_name(enum compression c)
{
    return (unsigned)c < COMPRESSION_COUNT ? names[c] : "unknown";
}

enum err compression_parse(struct str name, enum compression *out)
{
    for (int i = 0; i < COMPRESSION_COUNT; i++) {
        if (!str_equal_z(name, names[i])) continue;
        *out = (enum compression)i;
        return ERR_OK;
    }
    return ERR_INVALID;
}

void byte_buffer_reserve(struct byte_buffer *b, size_t more)
{
    if (b->capacity - b->len >= more) return;
    size_t need = b->len + more;
    size_t capacity = b->capacity ? b->capacity * 2 : 256;
    if (capacity < need) capacity = need;
    b->data = mem_realloc(b->data, capacity);
    b->capacity = capacity;
}

void byte_buffer_put(struct byte_buffer *b, const void *data, size_t len)
{
    byte_buffer_reserve(b, len);
    if (len) memcpy(b->data + b->len, data, len);
    b->len += len;
}

void byte_buffer_free(struct byte_buffer *b)
{
    mem_free(b->data);
    *b = (struct byte_buffer){0};
}

struct codec *codec_new(void)
{
    return MEM_NEW(struct codec);
}

void codec_free(struct codec *c)
{
    if (!c) return;
    if (c->deflate_ready) deflateEnd(&c->deflate);
    if (c->inflate_ready) inflateEnd(&c->inflate);
    LZ4F_freeCompressionContext(c->lz4_compress);
    LZ4F_freeDecompressionContext(c->lz4_decompress);
    ZSTD_freeCCtx(c->zstd_compress);
    ZSTD_freeDCtx(c->zstd_decompress);
    byte_buffer_free(&c->snappy);
    mem_free(c);
}

/* ---- compressing ---- */

static enum err gzip_compress(struct codec *c, int32_t level, struct bytes in,
                              struct byte_buffer *out)
{
    if (level == COMPRESSION_LEVEL_DEFAULT) level = Z_DEFAULT_COMPRESSION;
    if (level != Z_DEFAULT_COMPRESSION && (level < 1 || level > 9)) return ERR_INVALID;
    if (c->deflate_ready && c->deflate_level != level) {
        deflateEnd(&c->deflate);
        c->deflate_ready = false;
    }
    if (!c->deflate_ready) {
        c->deflate = (z_stream){0};
        int r = deflateInit2(&c->deflate, level, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL,
                             Z_DEFAULT_STRATEGY);
        INVARIANT(r == Z_OK);
        c->deflate_ready = true;
        c->deflate_level = level;
    } else {
        deflateReset(&c->deflate);
    }
    size_t bound = deflateBound(&c->deflate, (uLong)in.len);
    byte_buffer_reserve(out, bound);
    c->deflate.next_in = (Bytef *)(uintptr_t)in.data;
    c->deflate.avail_in = (uInt)in.len;
    c->deflate.next_out = out->data + out->len;
    c->deflate.avail_out = (uInt)bound;
    int r = deflate(&c->deflate, Z_FINISH);
    INVARIANT(r == Z_STREAM_END);
    out->len += bound - c->deflate.avail_out;
    return ERR_OK;
}

static enum err snappy_compress_blocks(struct bytes in, struct byte_buffer *out)
{
    byte_buffer_put(out, snappy_header, sizeof snappy_header);
    for (size_t at = 0; at < (size_t)in.len; at += SNAPPY_BLOCK_BYTES) {
        size_t n = (size_t)in.len - at;
        if (n > SNAPPY_BLOCK_BYTES) n = SNAPPY_BLOCK_BYTES;
        size_t len = snappy_max_compressed_length(n);
        byte_buffer_reserve(out, 4 + len);
        snappy_status r =
            snappy_compress((const char *)in.data + at, n, (char *)out->data + out->len + 4, &len);
        INVARIANT(r == SNAPPY_OK);
        store_be32(out->data + out->len, (uint32_t)len);
        out->len += 4 + len;
    }
    return ERR_OK;
}

static enum err lz4_compress(struct codec *c, int32_t level, struct bytes in,
                             struct byte_buffer *out)
{
    /* Kafka's default, 9, means the fast compressor; other levels the high one. */
    if (level == COMPRESSION_LEVEL_DEFAULT || level == 9) level = 0;
    if (level < 0 || level > 17) return ERR_INVALID;
    LZ4F_preferences_t p = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
        .compressionLevel = level,
    };
    if (!c->lz4_compress) {
        size_t r = LZ4F_createCompressionContext(&c->lz4_compress, LZ4F_VERSION);
        INVARIANT(!LZ4F_isError(r));
    }
    size_t bound = LZ4F_HEADER_SIZE_MAX + LZ4F_compressBound((size_t)in.len, &p);
    byte_buffer_reserve(out, bound);
    uint8_t *to = out->data + out->len;
    size_t at = LZ4F_compressBegin(c->lz4_compress, to, bound, &p);
    INVARIANT(!LZ4F_isError(at));
    size_t n =
        LZ4F_compressUpdate(c->lz4_compress, to + at, bound - at, in.data, (size_t)in.len, NULL);
    INVARIANT(!LZ4F_isError(n));
    at += n;
    n = LZ4F_compressEnd(c->lz4_compress, to + at, bound - at, NULL);
    INVARIANT(!LZ4F_isError(n));
    out->len += at + n;
    return ERR_OK;
}

static enum err zstd_compress(struct codec *c, int32_t level, struct bytes in,
                              struct byte_buffer *out)
{
    if (level == COMPRESSION_LEVEL_DEFAULT) level = ZSTD_CLEVEL_DEFAULT;
    if (level < ZSTD_minCLevel() || level > ZSTD_maxCLevel()) return ERR_INVALID;
    if (!c->zstd_compress) c->zstd_compress = ZSTD_createCCtx();
    INVARIANT(c->zstd_compress);
    size_t bound = ZSTD_compressBound((size_t)in.len);
    byte_buffer_reserve(out, bound);
    size_t n = ZSTD_compressCCtx(c->zstd_compress, out->data + out->len, bound, in.data,
                                 (size_t)in.len, level);
    INVARIANT(!ZSTD_isError(n));
    out->len += n;
    return ERR_OK;
}

enum err codec_compress(struct codec *c, enum compression type, int32_t level, struct bytes in,
                        struct byte_buffer *out)
{
    PRE(in.len >= 0 && in.len <= INT32_MAX);
    switch (type) {
    case COMPRESSION_NONE: byte_buffer_put(out, in.data, (size_t)in.len); return ERR_OK;
    case COMPRESSION_GZIP: return gzip_compress(c, level, in, out);
    case COMPRESSION_SNAPPY: return snappy_compress_blocks(in, out);
    case COMPRESSION_LZ4: return lz4_compress(c, level, in, out);
    case COMPRESSION_ZSTD: return zstd_compress(c, level, in, out);
    case COMPRESSION_COUNT: break;
    }
    return ERR_INVALID;
}

/* ---- decompressing ---- */

static bool snappy_header_at(const struct codec *c)
{
    return c->in_len >= SNAPPY_HEADER_BYTES && memcmp(c->in, snappy_header, 8) == 0;
}

static void skip_in(struct codec *c, size_t n)
{
    c->in += n;
    c->in_len -= n;
}

enum err codec_stream_begin(struct codec *c, enum compression type, struct bytes in)
{
    if (in.len < 0 || in.len > INT32_MAX) return ERR_CORRUPT;
    c->type = type;
    c->in = in.data;
    c->in_len = (size_t)in.len;
    c->in_frame = type != COMPRESSION_NONE; /* empty input is no stream of any codec */
    switch (type) {
    case COMPRESSION_NONE: break;
    case COMPRESSION_GZIP:
        if (!c->inflate_ready) {
            c->inflate = (z_stream){0};
            int r = inflateInit2(&c->inflate, GZIP_WINDOW_BITS);
            INVARIANT(r == Z_OK);
            c->inflate_ready = true;
        } else {
            inflateReset(&c->inflate);
        }
        break;
    case COMPRESSION_SNAPPY:
        c->snappy.len = c->snappy_read = 0;
        c->snappy_raw = !snappy_header_at(c);
        if (!c->snappy_raw) skip_in(c, SNAPPY_HEADER_BYTES);
        break;
    case COMPRESSION_LZ4:
        if (!c->lz4_decompress) {
            size_t r = LZ4F_createDecompressionContext(&c->lz4_decompress, LZ4F_VERSION);
            INVARIANT(!LZ4F_isError(r));
        }
        LZ4F_resetDecompressionContext(c->lz4_decompress);
        break;
    case COMPRESSION_ZSTD:
        if (!c->zstd_decompress) c->zstd_decompress = ZSTD_createDCtx();
        INVARIANT(c->zstd_decompress);
        ZSTD_DCtx_reset(c->zstd_decompress, ZSTD_reset_session_only);
        break;
    case COMPRESSION_COUNT:
    default: return ERR_CORRUPT;
    }
    return ERR_OK;
}

/* Each reader makes progress in the input or the output, or finds the end, or fails. */

static enum err gzip_read(struct codec *c, uint8_t *to, size_t capacity, size_t *got)
{
    z_stream *z = &c->inflate;
    z->next_in = (Bytef *)(uintptr_t)c->in;
    z->avail_in = (uInt)c->in_len;
    z->next_out = to;
    z->avail_out = (uInt)capacity;
    int r = inflate(z, Z_NO_FLUSH);
    skip_in(c, c->in_len - z->avail_in);
    *got = capacity - z->avail_out;
    if (r == Z_STREAM_END) {
        /* Java's GZIPInputStream reads on when another member follows */
        c->in_frame = c->in_len > 2 && c->in[0] == 0x1f && c->in[1] == 0x8b;
        if (c->in_frame) inflateReset(z);
        return ERR_OK;
    }
    return r == Z_OK ? ERR_OK : ERR_CORRUPT;
}

static enum err snappy_block(struct codec *c, const uint8_t *data, size_t len)
{
    size_t out_len;
    if (snappy_uncompressed_length((const char *)data, len, &out_len) != SNAPPY_OK ||
        out_len > len * SNAPPY_RATIO_MAX)
        return ERR_CORRUPT;
    c->snappy.len = c->snappy_read = 0;
    byte_buffer_reserve(&c->snappy, out_len + 1);
    if (snappy_uncompress((const char *)data, len, (char *)c->snappy.data, &out_len) != SNAPPY_OK)
        return ERR_CORRUPT;
    c->snappy.len = out_len;
    return ERR_OK;
}

static enum err snappy_read(struct codec *c, uint8_t *to, size_t capacity, size_t *got)
{
    if (c->snappy_read == c->snappy.len) {
        enum err e;
        if (c->snappy_raw) {
            e = snappy_block(c, c->in, c->in_len);
            skip_in(c, c->in_len);
        } else {
            if (snappy_header_at(c)) skip_in(c, SNAPPY_HEADER_BYTES);
            if (c->in_len == 0) {
                c->in_frame = false;
                return ERR_OK;
            }
            if (c->in_len < 4) return ERR_CORRUPT;
            size_t len = load_be32(c->in);
            skip_in(c, 4);
            if (len > c->in_len) return ERR_CORRUPT;
            e = snappy_block(c, c->in, len);
            skip_in(c, len);
        }
        if (e) return e;
    }
    size_t n = c->snappy.len - c->snappy_read;
    if (n > capacity) n = capacity;
    if (n) memcpy(to, c->snappy.data + c->snappy_read, n);
    c->snappy_read += n;
    *got = n;
    c->in_frame = c->in_len > 0 || c->snappy_read < c->snappy.len;
    return ERR_OK;
}

static enum err lz4_read(struct codec *c, uint8_t *to, size_t capacity, size_t *got)
{
    size_t in = c->in_len, out = capacity;
    size_t r = LZ4F_decompress(c->lz4_decompress, to, &out, c->in, &in, NULL);
    if (LZ4F_isError(r)) return ERR_CORRUPT;
    skip_in(c, in);
    *got = out;
    c->in_frame = r != 0;
    return c->in_frame && in == 0 && out == 0 ? ERR_CORRUPT : ERR_OK;
}

static enum err zstd_read(struct codec *c, uint8_t *to, size_t capacity, size_t *got)
{
    ZSTD_inBuffer in = {c->in, c->in_len, 0};
    ZSTD_outBuffer out = {to, capacity, 0};
    size_t r = ZSTD_decompressStream(c->zstd_decompress, &out, &in);
    if (ZSTD_isError(r)) return ERR_CORRUPT;
    skip_in(c, in.pos);
    *got = out.pos;
    c->in_frame = r != 0 || c->in_len > 0;
    return c->in_frame && in.pos == 0 && out.pos == 0 ? ERR_CORRUPT : ERR_OK;
}

enum err codec_stream_read(struct codec *c, uint8_t *to, size_t capacity, size_t *got)
{
    PRE(capacity > 0);
    enum err e = ERR_OK;
    *got = 0;
    if (c->type == COMPRESSION_NONE) {
        size_t n = c->in_len < capacity ? c->in_len : capacity;
        if (n) memcpy(to, c->in, n);
        skip_in(c, n);
        *got = n;
        return ERR_OK;
    }
    while (!e && *got == 0 && c->in_frame) {
        switch (c->type) {
        case COMPRESSION_GZIP: e = gzip_read(c, to, capacity, got); break;
        case COMPRESSION_SNAPPY: e = snappy_read(c, to, capacity, got); break;
        case COMPRESSION_LZ4: e = lz4_read(c, to, capacity, got); break;
        default: e = zstd_read(c, to, capacity, got); break;
        }
    }
    return e;
}

enum err codec_decompress(struct codec *c, enum compression type, struct bytes in, size_t max_bytes,
                          struct byte_buffer *out)
{
    size_t before = out->len;
    enum err e = codec_stream_begin(c, type, in);
    for (size_t got = 1; !e && got > 0;) {
        size_t made = out->len - before;
        if (made < max_bytes) {
            size_t step = max_bytes - made < STEP_BYTES ? max_bytes - made : STEP_BYTES;
            byte_buffer_reserve(out, step);
            e = codec_stream_read(c, out->data + out->len, step, &got);
            out->len += got;
        } else {
            uint8_t more;
            e = codec_stream_read(c, &more, 1, &got);
            if (!e && got > 0) e = ERR_TOO_LARGE;
        }
    }
    if (e) out->len = before;
    return e;
}
