/* What a leader checks before a batch enters the log, in Kafka's order (LogValidator, UnifiedLog,
 * ProducerStateManager), and what a follower checks. */
#include "log/log_write.h"

#include <inttypes.h>
#include <stdio.h>

enum { DECOMPRESSED_BYTES_MAX = 256 << 20, RECORD_ERRORS_MAX = 1000 };

struct appending {
    struct log *log;
    const struct append_options *options;
    struct append_result *result;
    int64_t now_ms;
    bool bad_timestamp;
    bool checked; /* its header, checksum and records */
    struct log_write write;
};

static void result_init(struct append_result *r, const struct log *log)
{
    *r = (struct append_result){
        .base_offset = NO_OFFSET,
        .last_offset = NO_OFFSET,
        .log_append_time_ms = NO_TIMESTAMP,
        .log_start_offset = log->start_offset,
        .max_timestamp = NO_TIMESTAMP,
    };
}

static bool refuse(struct append_result *r, enum append_error error, const char *message)
{
    r->error = error;
    r->message = message;
    return false;
}

static bool storage_failed(struct append_result *r, enum err e)
{
    /* both pass without a restart: space is made, descriptors are given back */
    if (e == ERR_NO_SPACE) return refuse(r, APPEND_NO_SPACE, "no space left on device");
    if (e == ERR_NO_DESCRIPTORS) return refuse(r, APPEND_NO_SPACE, "no file descriptors left");
    return refuse(r, APPEND_STORAGE, "log directory is offline");
}

/* May anything be appended? What was written ahead of another batch goes, unless this one is it. */
static bool begin(struct appending *a)
{
    struct log *log = a->log;
    result_init(a->result, log);
    enum err e = log->dir->offline ? ERR_OFFLINE : ERR_OK;
    if (!e && !a->checked) e = log_ahead_drop(log);
    if (!e) e = log_settle_cut(log);
    return !e || storage_failed(a->result, e);
}

/* ---- records ---- */

static bool keeps_record_errors(const struct appending *a)
{
    return a->result->record_errors_count < RECORD_ERRORS_MAX && a->options->arena;
}

static void record_error(struct appending *a, int32_t index, const char *message)
{
    struct append_result *r = a->result;
    if (!keeps_record_errors(a)) return;
    int32_t n = r->record_errors_count;
    if ((n & (n - 1)) == 0) { /* grows by doubling; an arena does not give back */
        struct append_record_error *more =
            ARENA_ARRAY(a->options->arena, struct append_record_error, n ? n * 2 : 1);
        if (n) memcpy(more, r->record_errors, (size_t)n * sizeof *more);
        r->record_errors = more;
    }
    r->record_errors[r->record_errors_count++] = (struct append_record_error){index, message};
}

/* |now - timestamp| beyond the topic's bounds, without overflow. */
static bool timestamp_refused(const struct appending *a, int64_t timestamp)
{
    const struct log_config *c = a->log->config;
    if (timestamp == NO_TIMESTAMP) return false;
    int64_t behind;
    if (__builtin_sub_overflow(a->now_ms, timestamp, &behind))
        behind = timestamp < 0 ? INT64_MAX : INT64_MIN + 1;
    return behind > c->timestamp_before_ms_max || -behind > c->timestamp_after_ms_max;
}

static void record_lacks_key(struct appending *a, int32_t index)
{
    if (!keeps_record_errors(a)) return;
    struct str topic = log_topic(a->log);
    record_error(a, index,
                 arena_printf(a->options->arena,
                              "Compacted topic cannot accept message without key in topic "
                              "partition %.*s-%d",
                              STR_ARG(topic), a->log->partition)
                     .data);
}

static void record_has_bad_timestamp(struct appending *a, int32_t index, int64_t timestamp)
{
    a->bad_timestamp = true;
    if (!keeps_record_errors(a)) return;
    int64_t least, most; /* as Java has them, which wraps */
    (void)__builtin_sub_overflow(a->now_ms, a->log->config->timestamp_before_ms_max, &least);
    (void)__builtin_add_overflow(a->now_ms, a->log->config->timestamp_after_ms_max, &most);
    record_error(a, index,
                 arena_printf(a->options->arena,
                              "Timestamp %" PRId64 " of message with offset %d is out of range. "
                              "The timestamp should be within [%" PRId64 ", %" PRId64 "]",
                              timestamp, index, least, most)
                     .data);
}

/* Why, with the first three of its record errors, in Kafka's words: all that clients show which
 * do not look at the errors themselves. */
static const char *records_rejected(const struct appending *a)
{
    if (a->bad_timestamp) return "One or more records have been rejected due to invalid timestamp";
    const struct append_result *r = a->result;
    struct str first = STR("");
    for (int32_t i = 0; i < r->record_errors_count && i < 3; i++)
        first = arena_printf(a->options->arena, "%.*s%sRecordError(batchIndex=%d, message='%s')",
                             STR_ARG(first), i ? ", " : "", r->record_errors[i].index,
                             r->record_errors[i].message);
    return arena_printf(a->options->arena,
                        "One or more records have been rejected due to %d record errors in total, "
                        "and only showing the first three errors at most: [%.*s]",
                        r->record_errors_count, STR_ARG(first))
        .data;
}

static void record_seen(void *context, const struct batch_walk_record *w)
{
    struct appending *a = context;
    if (a->log->config->cleanup_compact && !w->has_key) record_lacks_key(a, w->index);
    if (!a->log->config->log_append_time && timestamp_refused(a, w->timestamp))
        record_has_bad_timestamp(a, w->index, w->timestamp);
    if (w->offset_delta != w->index)
        record_error(a, w->index,
                     "Inner record inside the record batch does not have incremental "
                     "offsets.");
}

/* Decode what must be decoded; *max_timestamp is the true one. */
static bool check_records(struct appending *a, const uint8_t *batch, const struct batch_header *h,
                          int64_t *max_timestamp)
{
    struct append_result *r = a->result;
    bool compressed = batch_compression(h) != COMPRESSION_NONE;
    *max_timestamp = h->max_timestamp;
    if (compressed && a->options->compressed_trusted && !a->log->config->cleanup_compact)
        return true;
    int64_t bound = a->options->decompressed_bytes_max;
    struct batch_walk walk;
    enum err e = batch_walk(a->log->dir->codec, batch, h, false,
                            bound > 0 ? bound : DECOMPRESSED_BYTES_MAX, record_seen, a, &walk);
    if (e == ERR_TOO_LARGE)
        return refuse(r, APPEND_INVALID_RECORD, "Batch decompresses to more than the bound.");
    if (e == ERR_UNSUPPORTED) return refuse(r, APPEND_DECOMPRESSION, "Unknown compression type.");
    if (e && compressed)
        return refuse(r, APPEND_DECOMPRESSION, "Failed to decompress the record batch.");
    if (e) return refuse(r, APPEND_INVALID_RECORD, "Malformed record in the record batch.");
    if (r->record_errors_count > 0 || a->bad_timestamp)
        return refuse(r, a->bad_timestamp ? APPEND_INVALID_TIMESTAMP : APPEND_INVALID_RECORD,
                      records_rejected(a));
    *max_timestamp = walk.max_timestamp;
    return true;
}

/* The same records in the topic's codec. */
static bool recompress(struct appending *a, uint8_t **batch, struct batch_header *h)
{
    const struct log_config *c = a->log->config;
    struct log_dir *dir = a->log->dir;
    struct bytes records;
    if (c->compression_producer || c->compression == batch_compression(h) ||
        batch_is(h, BATCH_CONTROL))
        return true;
    int64_t bound = a->options->decompressed_bytes_max;
    enum err e =
        batch_records(dir->codec, *batch, h, (size_t)(bound > 0 ? bound : DECOMPRESSED_BYTES_MAX),
                      &dir->records, &records);
    if (e) return refuse(a->result, APPEND_DECOMPRESSION, "Failed to decompress the record batch.");
    struct byte_buffer *out = &dir->scratch;
    out->len = 0;
    byte_buffer_put(out, *batch, BATCH_HEADER_BYTES);
    e = codec_compress(dir->codec, c->compression, c->compression_level, records, out);
    if (e || out->len > INT32_MAX)
        return refuse(a->result, APPEND_DECOMPRESSION, "Failed to compress the record batch.");
    /* length and codec change; the checksum follows in batch_set_max_timestamp's place */
    batch_set_codec(out->data, out->len, c->compression);
    e = batch_parse(bytes_of(out->data, out->len), h);
    INVARIANT(!e);
    *batch = out->data;
    return true;
}

/* ---- one batch from a client or a coordinator ---- */

static bool check_header(struct appending *a, const uint8_t *batch, const struct batch_header *h)
{
    struct append_result *r = a->result;
    const struct log_config *c = a->log->config;
    bool client = a->options->origin == APPEND_FROM_CLIENT;
    if (client && h->base_offset != 0)
        return refuse(r, APPEND_INVALID_RECORD, "The baseOffset of the record batch should be 0.");
    if (h->size > c->max_message_bytes)
        return refuse(r, APPEND_MESSAGE_TOO_LARGE,
                      "The record batch size exceeds the maximum configured value.");
    if (!batch_crc_ok(batch, h))
        return refuse(r, APPEND_CORRUPT, "Record is corrupt: the checksum does not match.");
    if (h->size > c->segment_bytes)
        return refuse(r, APPEND_RECORD_LIST_TOO_LARGE,
                      "Message batch size exceeds the maximum configured segment size.");
    if (h->count <= 0 || h->last_offset_delta != h->count - 1)
        return refuse(r, APPEND_INVALID_RECORD,
                      "Record count does not fit the last offset delta of the batch.");
    if (client && batch_is(h, BATCH_CONTROL))
        return refuse(r, APPEND_INVALID_RECORD,
                      "Clients are not allowed to write control records.");
    if (client && h->producer_id >= 0 && h->base_sequence < 0)
        return refuse(r, APPEND_INVALID_RECORD, "Invalid sequence number in a record batch.");
    return true;
}

/* True with result->duplicate set when there is nothing to write. */
static bool check_producer(struct appending *a, const uint8_t *batch, const struct batch_header *h)
{
    struct append_result *r = a->result;
    const struct producer_batch *original = NULL;
    enum append_error error = APPEND_OK;
    if (h->producer_id < 0) return true;
    if (batch_is(h, BATCH_CONTROL)) {
        struct record_iterator it;
        struct record record;
        bool more = false;
        int32_t coordinator_epoch = -1;
        record_iterator_init(
            &it, h, (struct bytes){batch + BATCH_HEADER_BYTES, h->size - BATCH_HEADER_BYTES});
        if (record_iterator_next(&it, &record, &more) || !more ||
            end_txn_marker_epoch(record.value, &coordinator_epoch))
            return refuse(r, APPEND_INVALID_RECORD, "Malformed transaction marker.");
        error = producer_state_check_marker(a->log->producers, h, coordinator_epoch);
    } else {
        error = producer_state_check(a->log->producers, h, a->options->origin, &original);
    }
    if (error == APPEND_NO_SPACE)
        return refuse(r, error, "An earlier batch of the producer found no space left on device.");
    if (error)
        return refuse(r, error, "Producer epoch, sequence or transaction state does not fit.");
    if (!original) return true;
    r->duplicate = true;
    r->base_offset = original->last_offset - original->offset_delta;
    r->last_offset = original->last_offset;
    r->max_timestamp = original->timestamp;
    if (a->log->config->log_append_time) r->log_append_time_ms = original->timestamp;
    return true;
}

/* Of a topic that takes batches as they are, and not what has rules of its own. */
static bool is_plain(const struct log *log, const struct batch_header *h)
{
    const struct log_config *c = log->config;
    bool same_codec = c->compression_producer || c->compression == batch_compression(h);
    return same_codec && !c->log_append_time && !c->cleanup_compact && !c->preallocate &&
           !batch_is(h, BATCH_CONTROL) && !batch_is(h, BATCH_TRANSACTIONAL);
}

/* Is it what its producer sends right behind the other? One without an id may send anything. */
static bool is_next_of_producer(const struct batch_header *h, const struct batch_header *before)
{
    if (h->producer_id < 0 && before->producer_id < 0) return true;
    return h->producer_id == before->producer_id && h->producer_epoch == before->producer_epoch &&
           h->base_sequence == sequence_add(batch_last_sequence(before), 1);
}

/* Batches that follow the one being appended are made ready, up to the first that is not fine, or
 * about which anything is special. Their memory is left as it is. */
static void gather_ahead(struct appending *a, const struct batch_header *first)
{
    struct log *log = a->log;
    struct log_ahead *to = &log->dir->ahead;
    int64_t offset = a->write.last_offset + 1, max_timestamp;
    struct batch_header before = *first;
    if (to->log || !is_plain(log, first)) return;
    for (int32_t i = 0; i < a->options->ahead->count; i++) {
        struct bytes batch = a->options->ahead->batches[i];
        struct batch_header h;
        struct append_result result;
        result_init(&result, log);
        struct appending b = {
            .log = log, .options = a->options, .result = &result, .now_ms = a->now_ms};
        if (batch_parse(batch, &h) || h.size != batch.len || !is_plain(log, &h) ||
            !is_next_of_producer(&h, &before) || !check_header(&b, batch.data, &h) ||
            !check_records(&b, batch.data, &h, &max_timestamp) || max_timestamp != h.max_timestamp)
            return;
        to->batches[i].data = batch.data;
        to->batches[i].len = (size_t)batch.len;
        to->batches[i].max_timestamp = max_timestamp;
        memcpy(to->batches[i].header, batch.data, BATCH_HEADER_BYTES);
        batch_set_base_offset(to->batches[i].header, offset);
        batch_set_leader_epoch(to->batches[i].header, a->options->leader_epoch);
        offset += h.last_offset_delta + 1;
        before = h;
        a->write.ahead = i + 1;
    }
}

/* The batch as it will lie in the log. */
static bool prepare_batch(struct appending *a, uint8_t *data, size_t len)
{
    struct append_result *r = a->result;
    struct log *log = a->log;
    struct batch_header h;
    enum err e = batch_parse((struct bytes){data, (int64_t)len}, &h);
    if (e == ERR_UNSUPPORTED)
        return refuse(r, APPEND_INVALID_RECORD, "Record batches must have magic 2.");
    if (e) return refuse(r, APPEND_CORRUPT, "The record batch is cut or its length is wrong.");
    if (len - (size_t)h.size >= BATCH_PREFIX_BYTES) {
        int64_t next;
        if (batch_peek_size(data + h.size, &next))
            return refuse(r, APPEND_CORRUPT, "Garbage behind the record batch.");
        if (next <= (int64_t)len - h.size)
            return refuse(r, APPEND_INVALID_RECORD,
                          "Produce requests must have exactly one batch per partition.");
    }
    int64_t max_timestamp;
    if (a->checked) /* when it was written ahead */
        max_timestamp = h.max_timestamp;
    else if (!check_header(a, data, &h) || !check_records(a, data, &h, &max_timestamp))
        return false;
    if (!check_producer(a, data, &h)) return false;
    if (r->duplicate) return true;
    if (!recompress(a, &data, &h)) return false;
    if (h.size > log->config->max_message_bytes)
        return refuse(r, APPEND_MESSAGE_TOO_LARGE,
                      "The recompressed record batch exceeds the maximum configured value.");
    if (h.size > log->config->segment_bytes)
        return refuse(r, APPEND_RECORD_LIST_TOO_LARGE,
                      "Message batch size exceeds the maximum configured segment size.");
    bool append_time = log->config->log_append_time;
    if (append_time) r->log_append_time_ms = max_timestamp = a->now_ms;
    batch_set_max_timestamp(data, &h, append_time, max_timestamp);
    batch_set_base_offset(data, log->end_offset);
    batch_set_leader_epoch(data, a->options->leader_epoch);
    a->write = (struct log_write){
        .data = data,
        .len = (size_t)h.size,
        .first_offset = log->end_offset,
        .last_offset = log->end_offset + h.last_offset_delta,
        .max_timestamp = max_timestamp,
    };
    if (a->options->ahead && !a->checked) gather_ahead(a, &h);
    return true;
}

/* Several batches of a writer we trust: only what keeps the file sound is looked at. */
static bool prepare_raft(struct appending *a, uint8_t *data, size_t len)
{
    int64_t next = a->log->end_offset;
    a->write = (struct log_write){.data = data, .first_offset = next, .max_timestamp = -1};
    for (size_t at = 0; at < len;) {
        struct batch_header h;
        enum err e = batch_parse((struct bytes){data + at, (int64_t)(len - at)}, &h);
        if (e || h.last_offset_delta < 0 || !batch_crc_ok(data + at, &h))
            return refuse(a->result, APPEND_CORRUPT, "Malformed batch from raft.");
        batch_set_base_offset(data + at, next);
        batch_set_leader_epoch(data + at, a->options->leader_epoch);
        next += h.last_offset_delta + 1;
        if (h.max_timestamp > a->write.max_timestamp) a->write.max_timestamp = h.max_timestamp;
        at += (size_t)h.size;
    }
    a->write.len = len;
    a->write.last_offset = next - 1;
    return len > 0 || refuse(a->result, APPEND_CORRUPT, "No batch.");
}

static void write_prepared(struct appending *a)
{
    struct append_result *r = a->result;
    enum err e = log_write_batches(a->log, &a->write, &r->rolled, &r->ahead);
    if (e) {
        storage_failed(r, e);
        r->log_append_time_ms = NO_TIMESTAMP;
        return;
    }
    r->base_offset = a->write.first_offset;
    r->last_offset = a->write.last_offset;
    r->max_timestamp = a->write.max_timestamp;
}

bool log_expects_batch(const struct log *log, const struct batch_header *h)
{
    const struct producer_batch *original;
    const struct producer_entry *e = producer_state_find(log->producers, h->producer_id);
    return e && e->epoch == h->producer_epoch && e->batches_count > 0 &&
           producer_state_check(log->producers, h, APPEND_FROM_CLIENT, &original) == APPEND_OK;
}

/* What a producer sent in order and found no room comes first when it comes again. */
static void remember_refused(struct log *log, const uint8_t *data, size_t len)
{
    struct batch_header h;
    if (batch_parse((struct bytes){data, (int64_t)len}, &h) || h.producer_id < 0) return;
    if (!log->producers) log->producers = producer_state_new();
    producer_state_refused(log->producers, &h);
}

void log_append_as_leader(struct log *log, uint8_t *data, size_t len,
                          const struct append_options *options, struct append_result *result)
{
    struct appending a = {
        .log = log,
        .options = options,
        .result = result,
        .now_ms = clock_wall(log->dir->env->clock).ms,
        .checked = options->foreseen && log_ahead_is_next(log, data, len),
    };
    if (!begin(&a)) return;
    bool go = options->origin == APPEND_FROM_RAFT ? prepare_raft(&a, data, len)
                                                  : prepare_batch(&a, data, len);
    if (!go || result->duplicate) return;
    write_prepared(&a);
    if (result->error == APPEND_NO_SPACE && options->origin == APPEND_FROM_CLIENT)
        remember_refused(log, data, len);
}

/* ---- follower ---- */

/* Walk the whole batches; *used is how much of `len` they take. */
static bool check_followed(struct appending *a, const uint8_t *data, size_t len,
                           int32_t leader_epoch_max, size_t *used)
{
    struct append_result *r = a->result;
    int64_t last = NO_OFFSET;
    a->write = (struct log_write){.data = data, .max_timestamp = NO_TIMESTAMP};
    *used = 0;
    while (len - *used >= BATCH_PREFIX_BYTES) {
        struct batch_header h;
        const uint8_t *batch = data + *used;
        enum err e = batch_parse((struct bytes){batch, (int64_t)(len - *used)}, &h);
        if (e == ERR_TRUNCATED) break; /* cut by the leader's byte limit */
        if (e == ERR_UNSUPPORTED)
            return refuse(r, APPEND_UNSUPPORTED_FORMAT, "Batches of magic 0 and 1 are not stored.");
        if (e || h.last_offset_delta < 0 || h.base_offset < 0 || !batch_crc_ok(batch, &h))
            return refuse(r, APPEND_CORRUPT, "Batch from the leader is corrupt.");
        if (leader_epoch_max >= 0 && h.leader_epoch > leader_epoch_max) break;
        if (last != NO_OFFSET && h.base_offset <= last)
            return refuse(r, APPEND_OFFSET_OUT_OF_ORDER, "Offsets from the leader do not rise.");
        if (*used == 0) a->write.first_offset = h.base_offset;
        /* more than a segment can span: the rest is fetched again */
        if (batch_last_offset(&h) - a->write.first_offset > INT32_MAX) break;
        last = batch_last_offset(&h);
        if (h.max_timestamp > a->write.max_timestamp) a->write.max_timestamp = h.max_timestamp;
        *used += (size_t)h.size;
    }
    a->write.last_offset = last;
    a->write.len = *used;
    return true;
}

/* The end of the first batch; it has been checked. */
static int64_t first_batch_last_offset(const struct log_write *w)
{
    struct batch_header h = {0};
    enum err e = batch_parse_header(w->data, &h);
    INVARIANT(!e);
    return batch_last_offset(&h);
}

void log_append_as_follower(struct log *log, const uint8_t *data, size_t len,
                            int32_t leader_epoch_max, struct append_result *result)
{
    struct append_options options = {.leader_epoch = leader_epoch_max};
    struct appending a = {.log = log, .options = &options, .result = result};
    size_t used;
    if (!begin(&a)) return;
    if (!check_followed(&a, data, len, leader_epoch_max, &used) || used == 0) return;
    if (a.write.first_offset < log->end_offset) {
        /* the leader's log starts inside a batch; ours is empty and can start there */
        bool empty = log->start_offset == log->end_offset;
        if (!empty || first_batch_last_offset(&a.write) < log->end_offset) {
            refuse(result, APPEND_OFFSET_OUT_OF_ORDER, "Batch lies below the log end offset.");
            return;
        }
        enum err e = log_restart_at(log, a.write.first_offset, log->start_offset);
        if (e) {
            storage_failed(result, e);
            return;
        }
    }
    write_prepared(&a);
}
