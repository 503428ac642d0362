/* A coordinator's log in memory, for tests: batches one behind the other, a high watermark that
 * follows by itself or is held, appends that can be refused. */
#ifndef SAMSA_TEST_LIB_MEMORY_LOG_H
#define SAMSA_TEST_LIB_MEMORY_LOG_H

#include "rsm/rsm.h"
#include "test.h"

struct memory_log {
    struct rsm_log log;
    struct byte_buffer bytes;
    int64_t start, end, watermark;
    bool hold;               /* the watermark stays where it is */
    enum kafka_error refuse; /* of every append */
    enum err read_fails;
    int32_t appends, reads;
};

static struct memory_log *memory_log_of(struct rsm_log *log)
{
    return CONTAINER_OF(log, struct memory_log, log);
}

static int64_t memory_log_start(struct rsm_log *log)
{
    return memory_log_of(log)->start;
}

static int64_t memory_log_end(struct rsm_log *log)
{
    return memory_log_of(log)->end;
}

static int64_t memory_log_watermark(struct rsm_log *log)
{
    return memory_log_of(log)->watermark;
}

static enum err memory_log_read(struct rsm_log *log, int64_t offset, int64_t end_offset,
                                int64_t bytes_max, struct arena *arena, struct bytes *batches)
{
    struct memory_log *m = memory_log_of(log);
    m->reads++;
    if (m->read_fails) return m->read_fails;
    if (offset < m->start || offset > m->end) return ERR_OUT_OF_RANGE;
    size_t from = SIZE_MAX, to = 0;
    for (size_t at = 0; at < m->bytes.len;) {
        struct batch_header h;
        struct bytes rest = {m->bytes.data + at, (int64_t)(m->bytes.len - at)};
        assert_ok(batch_parse(rest, &h));
        bool wanted = batch_last_offset(&h) >= offset && h.base_offset < end_offset;
        if (wanted && from == SIZE_MAX) from = to = at;
        if (wanted && (to == from || (int64_t)(at + (size_t)h.size - from) <= bytes_max))
            to = at + (size_t)h.size;
        at += (size_t)h.size;
    }
    *batches = from == SIZE_MAX ? (struct bytes){NULL, 0}
                                : arena_bytes(arena, bytes_of(m->bytes.data + from, to - from));
    return ERR_OK;
}

/* Puts whole batches at the end, as another leader left them. */
static inline void memory_log_put(struct memory_log *m, uint8_t *batch, size_t len)
{
    struct batch_header h;
    batch_set_base_offset(batch, m->end);
    assert_ok(batch_parse(bytes_of(batch, len), &h));
    byte_buffer_put(&m->bytes, batch, len);
    m->end += h.last_offset_delta + 1;
    if (!m->hold) m->watermark = m->end;
}

static enum kafka_error memory_log_append(struct rsm_log *log, uint8_t *batch, size_t len,
                                          int64_t *end_offset)
{
    struct memory_log *m = memory_log_of(log);
    m->appends++;
    if (m->refuse) return m->refuse;
    memory_log_put(m, batch, len);
    *end_offset = m->end;
    return KAFKA_NONE;
}

static inline void memory_log_init(struct memory_log *m)
{
    static const struct rsm_log_ops ops = {memory_log_start, memory_log_end, memory_log_watermark,
                                           memory_log_read, memory_log_append};
    *m = (struct memory_log){.log = {&ops}};
}

static inline void memory_log_free(struct memory_log *m)
{
    byte_buffer_free(&m->bytes);
}

#endif
