/* Record batches and their codecs. The input is a batch as a producer sends it; its length and
 * checksum are mended first, since hardly an input would pass them by chance. Walking it (in
 * bounded memory) and iterating over its decompressed records must agree on whether it is whole,
 * and on what is in it. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/prng.h"
#include "protocol/batch.h"

enum { RECORDS_BYTES_MAX = 1 << 20 };

#define REQUIRE(condition)         \
    do {                           \
        if (!(condition)) abort(); \
    } while (0)

struct seen {
    int32_t count;
    int64_t max_timestamp;
};

static void see(void *context, const struct batch_walk_record *r)
{
    struct seen *seen = context;
    REQUIRE(r->index == seen->count);
    seen->count++;
    if (r->timestamp > seen->max_timestamp) seen->max_timestamp = r->timestamp;
}

/* Ok when every record reads whole, and then sums up what was read. */
static enum err iterate(struct codec *codec, const uint8_t *batch, const struct batch_header *h,
                        struct seen *seen)
{
    struct byte_buffer scratch = {0};
    struct arena arena;
    struct bytes records;
    struct record_iterator it;
    struct record r;
    bool more = true;
    arena_init(&arena, 0);
    enum err err = batch_records(codec, batch, h, RECORDS_BYTES_MAX, &scratch, &records);
    if (!err) record_iterator_init(&it, h, records);
    while (!err && more) {
        err = record_iterator_next(&it, &r, &more);
        if (err || !more) break;
        const struct record_header *headers = record_headers(&r, &arena);
        for (int32_t i = 0; i < r.headers_count; i++) REQUIRE(headers[i].key.len >= 0);
        if (r.timestamp > seen->max_timestamp) seen->max_timestamp = r.timestamp;
        seen->count++;
        arena_reset(&arena);
    }
    arena_free(&arena);
    byte_buffer_free(&scratch);
    return err;
}

static void check(uint8_t *batch, size_t size)
{
    struct batch_header h;
    store_be32(batch + 8, (uint32_t)(size - BATCH_OVERHEAD_BYTES));
    if (batch_parse(bytes_of(batch, size), &h)) return;
    (void)batch_crc_ok(batch, &h);
    /* any change has the checksum computed anew */
    batch_set_max_timestamp(batch, &h, false, (int64_t)((uint64_t)h.max_timestamp ^ 1));
    REQUIRE(batch_parse(bytes_of(batch, size), &h) == ERR_OK);
    REQUIRE(batch_crc_ok(batch, &h));

    struct codec *codec = codec_new();
    struct seen walked = {.max_timestamp = INT64_MIN}, iterated = {.max_timestamp = INT64_MIN};
    struct batch_walk walk;
    enum err err = batch_walk(codec, batch, &h, false, RECORDS_BYTES_MAX, see, &walked, &walk);
    enum err other = iterate(codec, batch, &h, &iterated);
    /* an empty stream is no snappy stream, but an emptied batch is a batch */
    if (h.size > BATCH_HEADER_BYTES) REQUIRE((err == ERR_OK) == (other == ERR_OK));
    if (!err && !other) {
        REQUIRE(walked.count == h.count && iterated.count == h.count);
        REQUIRE(walk.records_bytes <= RECORDS_BYTES_MAX);
        /* both kinds of batch report the largest timestamp; log append time replaces all */
        REQUIRE(walked.count == 0 || walked.max_timestamp == iterated.max_timestamp);
    }
    codec_free(codec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t whole;
    if (size >= BATCH_PREFIX_BYTES) (void)!batch_peek_size(data, &whole);
    struct batch_header h;
    (void)!batch_parse(bytes_of(data, size), &h);
    if (size < BATCH_OVERHEAD_BYTES) return 0;
    uint8_t *batch = mem_dup(data, size);
    check(batch, size);
    mem_free(batch);
    return 0;
}
