#include "log/batch_scan.h"

enum { SCAN_BYTES = 128 * 1024 };

void batch_scan_init(struct batch_scan *s, struct disk_file *file, int64_t position, int64_t end,
                     struct byte_buffer *buffer)
{
    s->file = file;
    s->buffer = buffer;
    s->next = s->position = position;
    s->end = end;
    s->buffer_at = s->small_at = position;
    s->read_bytes = SCAN_BYTES;
    s->small_len = 0;
    if (buffer) buffer->len = 0;
}

/* At least `need` bytes from s->next on in the buffer; the caller has looked that they lie before
 * the end. */
static enum err fill(struct batch_scan *s, size_t need, const uint8_t **at)
{
    struct byte_buffer *b = s->buffer;
    int64_t behind = s->buffer_at + (int64_t)b->len;
    INVARIANT(s->next >= s->buffer_at && s->next <= behind);
    size_t have = (size_t)(behind - s->next);
    if (have < need) {
        if (have) memmove(b->data, b->data + (s->next - s->buffer_at), have);
        b->len = have;
        s->buffer_at = s->next;
        size_t want = need - have < s->read_bytes ? s->read_bytes : need - have;
        if ((int64_t)want > s->end - behind) want = (size_t)(s->end - behind);
        byte_buffer_reserve(b, want);
        enum err e = disk_read_exact(s->file, behind, b->data + have, want);
        if (e) return e == ERR_TRUNCATED ? ERR_TRUNCATED : e;
        b->len += want;
    }
    *at = b->data + (s->next - s->buffer_at);
    return ERR_OK;
}

/* The same for headers only: a small window, because small batches lie close together. */
static enum err peek(struct batch_scan *s, size_t need, const uint8_t **at)
{
    if (s->next < s->small_at || s->next + (int64_t)need > s->small_at + (int64_t)s->small_len) {
        size_t want = sizeof s->small;
        if ((int64_t)want > s->end - s->next) want = (size_t)(s->end - s->next);
        enum err e = disk_read(s->file, s->next, s->small, want, &s->small_len);
        if (e) return e;
        s->small_at = s->next;
        if (s->small_len < need) return ERR_TRUNCATED;
    }
    *at = s->small + (s->next - s->small_at);
    return ERR_OK;
}

static enum err need(struct batch_scan *s, int64_t bytes, const uint8_t **at)
{
    if (s->end - s->next < bytes) return ERR_TRUNCATED;
    return s->buffer ? fill(s, (size_t)bytes, at) : peek(s, (size_t)bytes, at);
}

enum err batch_scan_next(struct batch_scan *s, struct batch_header *h, const uint8_t **data)
{
    const uint8_t *at = NULL;
    int64_t size;
    if (s->next >= s->end) return ERR_EOF;
    enum err e = need(s, BATCH_PREFIX_BYTES, &at);
    if (!e) e = batch_peek_size(at, &size);
    if (e) return e;
    if (size > s->end - s->next) return ERR_TRUNCATED;
    bool current = at[16] == BATCH_MAGIC;
    e = need(s, s->buffer ? size : current ? BATCH_HEADER_BYTES : BATCH_PREFIX_BYTES, &at);
    if (e) return e;
    if (current) {
        e = batch_parse_header(at, h);
        if (e) return e;
        if (h->last_offset_delta < 0 || h->base_offset < 0) return ERR_CORRUPT;
    } else {
        *h = (struct batch_header){
            .base_offset = (int64_t)load_be64(at),
            .size = (int32_t)size,
            .magic = (int8_t)at[16],
            .leader_epoch = -1,
            .max_timestamp = NO_TIMESTAMP,
            .producer_id = NO_PRODUCER_ID,
        };
    }
    if (data) *data = s->buffer ? at : NULL;
    s->position = s->next;
    s->next += size;
    return ERR_OK;
}
