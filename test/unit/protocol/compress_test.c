#include "protocol/compress.h"

#include "base/mem.h"
#include "base/prng.h"
#include "test.h"

static struct bytes sample(struct byte_buffer *b, size_t len, bool random)
{
    struct prng p = prng_seed(len);
    b->len = 0;
    byte_buffer_reserve(b, len + 1);
    for (size_t i = 0; i < len; i++)
        b->data[i] = random ? (uint8_t)prng_u64(&p) : (uint8_t)("kafka samsa "[i % 12]);
    b->len = len;
    return (struct bytes){b->data, (int64_t)len};
}

TEST(every_codec_gives_back_what_it_took)
{
    struct codec *c = codec_new();
    struct byte_buffer in = {0}, packed = {0}, out = {0};
    static const size_t sizes[] = {0, 1, 100, 32768, 65536, 65537, 300000};
    for (int type = 0; type < COMPRESSION_COUNT; type++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (int random = 0; random < 2; random++) {
                struct bytes plain = sample(&in, sizes[i], random);
                packed.len = out.len = 0;
                byte_buffer_put(&out, "x", 1);
                assert_ok(codec_compress(c, (enum compression)type, COMPRESSION_LEVEL_DEFAULT,
                                         plain, &packed));
                struct bytes squeezed = {packed.data, (int64_t)packed.len};
                assert_ok(codec_decompress(c, (enum compression)type, squeezed, sizes[i], &out));
                assert_int_equal(out.len, sizes[i] + 1);
                if (sizes[i]) assert_memory_equal(out.data + 1, plain.data, sizes[i]);
            }
    byte_buffer_free(&in);
    byte_buffer_free(&packed);
    byte_buffer_free(&out);
    codec_free(c);
}

TEST(output_beyond_the_bound_is_refused_and_nothing_is_kept)
{
    struct codec *c = codec_new();
    struct byte_buffer in = {0}, packed = {0}, out = {0};
    struct bytes plain = sample(&in, 100000, false);
    for (int type = 0; type < COMPRESSION_COUNT; type++) {
        packed.len = 0;
        assert_ok(
            codec_compress(c, (enum compression)type, COMPRESSION_LEVEL_DEFAULT, plain, &packed));
        struct bytes squeezed = {packed.data, (int64_t)packed.len};
        assert_int_equal(codec_decompress(c, (enum compression)type, squeezed, 99999, &out),
                         ERR_TOO_LARGE);
        assert_int_equal(out.len, 0);
        assert_true(out.capacity <= 200000);
    }
    byte_buffer_free(&in);
    byte_buffer_free(&packed);
    byte_buffer_free(&out);
    codec_free(c);
}

TEST(input_cut_anywhere_or_damaged_never_gives_wrong_lengths)
{
    struct codec *c = codec_new();
    struct byte_buffer in = {0}, packed = {0}, out = {0};
    struct bytes plain = sample(&in, 5000, true);
    for (int type = 1; type < COMPRESSION_COUNT; type++) {
        packed.len = 0;
        assert_ok(
            codec_compress(c, (enum compression)type, COMPRESSION_LEVEL_DEFAULT, plain, &packed));
        for (size_t cut = 0; cut < packed.len; cut += 1 + cut / 16) {
            out.len = 0;
            struct bytes squeezed = {packed.data, (int64_t)cut};
            enum err e = codec_decompress(c, (enum compression)type, squeezed, 5000, &out);
            /* a snappy stream may end after any block */
            if (type != COMPRESSION_SNAPPY || cut < 16) assert_int_equal(e, ERR_CORRUPT);
        }
        for (size_t i = 0; i < packed.len; i += 1 + i / 16) {
            out.len = 0;
            packed.data[i] ^= 0xff;
            struct bytes squeezed = {packed.data, (int64_t)packed.len};
            enum err e = codec_decompress(c, (enum compression)type, squeezed, 6000, &out);
            assert_true(e == ERR_OK || e == ERR_CORRUPT || e == ERR_TOO_LARGE);
            packed.data[i] ^= 0xff;
        }
    }
    byte_buffer_free(&in);
    byte_buffer_free(&packed);
    byte_buffer_free(&out);
    codec_free(c);
}

TEST(snappy_without_a_stream_around_it_is_read_too)
{
    /* "Wikipedia is a free, web-based, ..." would do; a literal of 5 bytes is enough */
    static const uint8_t raw[] = {5, 4 << 2, 'h', 'e', 'l', 'l', 'o'};
    struct codec *c = codec_new();
    struct byte_buffer out = {0};
    assert_ok(codec_decompress(c, COMPRESSION_SNAPPY, bytes_of(raw, sizeof raw), 100, &out));
    assert_int_equal(out.len, 5);
    assert_memory_equal(out.data, "hello", 5);
    /* claims 4 GiB from 7 bytes */
    static const uint8_t bomb[] = {0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0};
    assert_int_equal(
        codec_decompress(c, COMPRESSION_SNAPPY, bytes_of(bomb, sizeof bomb), 1u << 30, &out),
        ERR_CORRUPT);
    byte_buffer_free(&out);
    codec_free(c);
}

TEST(levels_outside_the_range_of_a_codec_are_invalid)
{
    struct codec *c = codec_new();
    struct byte_buffer out = {0};
    struct bytes in = bytes_of("abc", 3);
    assert_int_equal(codec_compress(c, COMPRESSION_GZIP, 10, in, &out), ERR_INVALID);
    assert_int_equal(codec_compress(c, COMPRESSION_LZ4, 18, in, &out), ERR_INVALID);
    assert_int_equal(codec_compress(c, COMPRESSION_ZSTD, 23, in, &out), ERR_INVALID);
    assert_ok(codec_compress(c, COMPRESSION_GZIP, 1, in, &out));
    assert_ok(codec_compress(c, COMPRESSION_LZ4, 17, in, &out));
    assert_ok(codec_compress(c, COMPRESSION_ZSTD, -5, in, &out));
    byte_buffer_free(&out);
    codec_free(c);
}
