#include "protocol/batch.h"

#include <stdlib.h>

#include "test.h"

/* 3 records: null key; a header with a null value; an old timestamp. */
static void build(struct batch_builder *b, struct codec *c, enum compression type, uint8_t **data,
                  size_t *len)
{
    struct batch_options o = BATCH_OPTIONS_DEFAULT;
    o.compression = type;
    o.producer_id = 77;
    o.producer_epoch = 3;
    o.base_sequence = INT32_MAX - 1;
    batch_begin(b, &o);
    struct record_header headers[] = {{STR("h1"), bytes_of("v1", 2)}, {STR("h2"), BYTES_NULL}};
    size_t before = batch_size(b);
    size_t expect = batch_record_size(b, 1000, BYTES_NULL, bytes_of("one", 3), NULL, 0);
    batch_add(b, 1000, BYTES_NULL, bytes_of("one", 3), NULL, 0);
    assert_int_equal(batch_size(b), before + expect);
    batch_add(b, 5000, bytes_of("k", 1), bytes_of("two", 3), headers, 2);
    batch_add(b, 10, bytes_of("k", 1), BYTES_NULL, NULL, 0);
    assert_ok(batch_finish(b, c, data, len));
}

TEST(a_batch_reads_back_in_every_codec)
{
    struct codec *c = codec_new();
    struct batch_builder b = {0};
    struct byte_buffer scratch = {0};
    struct arena arena;
    arena_init(&arena, 0);
    for (int type = 0; type < COMPRESSION_COUNT; type++) {
        uint8_t *data;
        size_t len;
        struct batch_header h;
        struct bytes records;
        build(&b, c, (enum compression)type, &data, &len);
        batch_set_base_offset(data, 500);
        batch_set_leader_epoch(data, 9);
        assert_ok(batch_parse(bytes_of(data, len), &h));
        assert_true(batch_crc_ok(data, &h));
        assert_int_equal(h.base_offset, 500);
        assert_int_equal(h.leader_epoch, 9);
        assert_int_equal(h.count, 3);
        assert_int_equal(h.max_timestamp, 5000);
        assert_int_equal(batch_last_offset(&h), 502);
        assert_int_equal(batch_last_sequence(&h), 0);
        assert_int_equal(batch_compression(&h), type);
        assert_ok(batch_records(c, data, &h, 10000, &scratch, &records));
        struct record_iterator it;
        struct record r;
        bool more;
        record_iterator_init(&it, &h, records);
        assert_ok(record_iterator_next(&it, &r, &more));
        assert_true(more && r.key.len == -1 && r.value.len == 3 && r.timestamp == 1000);
        assert_ok(record_iterator_next(&it, &r, &more));
        assert_true(more && r.offset == 501 && r.headers_count == 2);
        struct record_header *headers = record_headers(&r, &arena);
        assert_true(str_equal_z(headers[0].key, "h1") && headers[1].value.len == -1);
        assert_ok(record_iterator_next(&it, &r, &more));
        assert_true(more && r.value.len == -1 && r.timestamp == 10);
        assert_ok(record_iterator_next(&it, &r, &more));
        assert_false(more);
    }
    arena_free(&arena);
    byte_buffer_free(&scratch);
    batch_builder_free(&b);
    codec_free(c);
}

static void count_keys(void *context, const struct batch_walk_record *r)
{
    *(int *)context += r->has_key ? 1 : 0;
}

TEST(a_walk_sees_every_record_through_a_small_window)
{
    struct codec *c = codec_new();
    struct batch_builder b = {0};
    static uint8_t value[100000];
    for (int type = 0; type < COMPRESSION_COUNT; type++) {
        struct batch_options o = BATCH_OPTIONS_DEFAULT;
        o.compression = (enum compression)type;
        batch_begin(&b, &o);
        for (int i = 0; i < 2000; i++)
            batch_add(&b, i == 700 ? 9999 : i, i % 2 ? bytes_of("key", 3) : BYTES_NULL,
                      bytes_of(value, i == 3 ? sizeof value : (size_t)i % 200), NULL, 0);
        uint8_t *data;
        size_t len;
        struct batch_header h;
        struct batch_walk w;
        assert_ok(batch_finish(&b, c, &data, &len));
        assert_ok(batch_parse(bytes_of(data, len), &h));
        int keys = 0;
        assert_ok(batch_walk(c, data, &h, true, 1 << 20, count_keys, &keys, &w));
        assert_int_equal(keys, 1000);
        assert_int_equal(w.max_timestamp, 9999);
        assert_int_equal(w.max_timestamp_offset_delta, 700);
        assert_int_equal(w.records_bytes, batch_size(&b) - BATCH_HEADER_BYTES);
        h.count = 1999; /* one record is left over */
        assert_int_equal(batch_walk(c, data, &h, true, 1 << 20, NULL, NULL, &w), ERR_CORRUPT);
        h.count = 2001;
        assert_int_equal(batch_walk(c, data, &h, true, 1 << 20, NULL, NULL, &w), ERR_CORRUPT);
        h.count = 2000;
        if (type)
            assert_int_equal(batch_walk(c, data, &h, true, 50000, NULL, NULL, &w), ERR_TOO_LARGE);
    }
    batch_builder_free(&b);
    codec_free(c);
}

TEST(gaps_in_offsets_are_found_when_asked_for)
{
    struct batch_builder b = {0};
    struct batch_options o = BATCH_OPTIONS_DEFAULT;
    batch_begin(&b, &o);
    batch_add_at(&b, 0, 1, BYTES_NULL, BYTES_NULL, NULL, 0);
    batch_add_at(&b, 2, 1, BYTES_NULL, BYTES_NULL, NULL, 0);
    uint8_t *data;
    size_t len;
    struct batch_header h;
    struct batch_walk w;
    assert_ok(batch_finish(&b, NULL, &data, &len));
    assert_ok(batch_parse(bytes_of(data, len), &h));
    assert_int_equal(batch_walk(NULL, data, &h, true, 1 << 20, NULL, NULL, &w), ERR_INVALID);
    assert_ok(batch_walk(NULL, data, &h, false, 1 << 20, NULL, NULL, &w));
    batch_builder_free(&b);
}

TEST(log_append_time_changes_every_timestamp_and_the_checksum)
{
    struct codec *c = codec_new();
    struct batch_builder b = {0};
    uint8_t *data;
    size_t len;
    struct batch_header h;
    build(&b, c, COMPRESSION_NONE, &data, &len);
    assert_ok(batch_parse(bytes_of(data, len), &h));
    batch_set_max_timestamp(data, &h, true, 123456);
    assert_ok(batch_parse(bytes_of(data, len), &h));
    assert_true(batch_crc_ok(data, &h));
    struct record_iterator it;
    struct record r;
    bool more;
    record_iterator_init(&it, &h, bytes_of(data + BATCH_HEADER_BYTES, len - BATCH_HEADER_BYTES));
    for (int i = 0; i < 3; i++) {
        assert_ok(record_iterator_next(&it, &r, &more));
        assert_int_equal(r.timestamp, 123456);
    }
    batch_builder_free(&b);
    codec_free(c);
}

TEST(damage_is_found_by_length_or_checksum)
{
    struct codec *c = codec_new();
    struct batch_builder b = {0};
    uint8_t *data;
    size_t len;
    struct batch_header h;
    build(&b, c, COMPRESSION_NONE, &data, &len);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(batch_parse(bytes_of(data, cut), &h), ERR_TRUNCATED);
    for (size_t i = 8; i < len; i++) {
        if (i >= 12 && i < 16) continue; /* the leader epoch is outside the checksum */
        for (int bit = 0; bit < 8; bit++) {
            data[i] ^= (uint8_t)(1 << bit);
            enum err e = batch_parse(bytes_of(data, len), &h);
            assert_false(e == ERR_OK && batch_crc_ok(data, &h));
            data[i] ^= (uint8_t)(1 << bit);
        }
    }
    batch_builder_free(&b);
    codec_free(c);
}

TEST(hostile_records_are_refused_without_reading_beyond_them)
{
    struct batch_builder b = {0};
    struct codec *c = codec_new();
    uint8_t *data;
    size_t len;
    struct batch_header h;
    build(&b, c, COMPRESSION_NONE, &data, &len);
    assert_ok(batch_parse(bytes_of(data, len), &h));
    for (size_t i = BATCH_HEADER_BYTES; i < len; i++)
        for (int v = 0; v < 256; v++) {
            uint8_t kept = data[i];
            data[i] = (uint8_t)v;
            uint8_t *exact = malloc(len); /* so that a sanitizer sees a read behind the end */
            memcpy(exact, data, len);
            struct batch_walk w;
            enum err e = batch_walk(c, exact, &h, false, 1 << 20, NULL, NULL, &w);
            assert_true(e == ERR_OK || e == ERR_CORRUPT);
            free(exact);
            data[i] = kept;
        }
    batch_builder_free(&b);
    codec_free(c);
}

TEST(a_transaction_marker_is_78_bytes_as_kafka_writes_it)
{
    uint8_t m[END_TXN_MARKER_BYTES];
    struct batch_header h;
    struct record r;
    struct record_iterator it;
    bool more;
    int16_t type;
    int32_t epoch;
    batch_build_end_txn_marker(m, 42, 1234, 5, false, 17);
    assert_ok(batch_parse(bytes_of(m, sizeof m), &h));
    assert_int_equal(h.size, 78);
    assert_true(batch_crc_ok(m, &h));
    assert_int_equal(h.attributes, 0x30);
    assert_int_equal(h.base_sequence, NO_SEQUENCE);
    record_iterator_init(&it, &h, bytes_of(m + BATCH_HEADER_BYTES, 17));
    assert_ok(record_iterator_next(&it, &r, &more));
    assert_ok(control_record_type(r.key, &type));
    assert_int_equal(type, CONTROL_ABORT);
    assert_ok(end_txn_marker_epoch(r.value, &epoch));
    assert_int_equal(epoch, 17);
    assert_int_equal(r.timestamp, 42);
    assert_ok(record_iterator_next(&it, &r, &more));
    assert_false(more);
}

TEST(sequences_wrap_to_zero)
{
    assert_int_equal(sequence_add(INT32_MAX, 1), 0);
    assert_int_equal(sequence_add(INT32_MAX - 1, 4), 2);
    assert_int_equal(sequence_add(5, 4), 9);
}
