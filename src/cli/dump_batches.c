#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/dump.h"
#include "cli/remote_log_format.h"
#include "protocol/batch.h"
#include "protocol/end_txn_marker.h"
#include "protocol/group_record.h"
#include "protocol/kraft_version_record.h"
#include "protocol/leader_change_message.h"
#include "protocol/metadata_record.h"
#include "protocol/share_record.h"
#include "protocol/snapshot_footer_record.h"
#include "protocol/snapshot_header_record.h"
#include "protocol/transaction_record.h"
#include "protocol/voters_record.h"

enum {
    DECOMPRESSED_BYTES_MAX = 1 << 30,
    BATCH_SIZE_AT = 8,
    BATCH_BYTES_TO_MAGIC = 17,
    OLDEST_RECORD_BYTES = 14,
};

struct dump {
    const char *path;
    const struct dump_options *options;
    struct arena arena;
    struct codec *codec;
    struct byte_buffer scratch;
    int64_t last_offset; /* -1: none yet */
};

static void print_out(struct out *o, struct arena *arena)
{
    char *text = arena_alloc(arena, (size_t)o->len + 1);
    out_flatten(o, (uint8_t *)text);
    fwrite(text, 1, (size_t)o->len, stdout);
    out_free(o);
}

/* ---- control records */

/* Decode a control record's value by its own leading version and print it as JSON. */
#define PRINT_CONTROL(label, type, value)                                           \
    do {                                                                            \
        struct type m_;                                                             \
        struct cursor in_ = cursor_of_bytes(value);                                 \
        int16_t version_ = (value).len >= 2 ? (int16_t)load_be16((value).data) : 0; \
        int16_t newest_ = type##_message.max_version;                               \
        if (version_ > newest_) version_ = newest_;                                 \
        if (type##_decode(&m_, version_, &in_, &d->arena)) {                        \
            printf(" %s (malformed)", label);                                       \
            break;                                                                  \
        }                                                                           \
        struct out o_;                                                              \
        out_init(&o_);                                                              \
        type##_dump(&m_, version_, &o_);                                            \
        printf(" %s ", label);                                                      \
        print_out(&o_, &d->arena);                                                  \
    } while (0)

static void print_control(struct dump *d, const struct record *r)
{
    int16_t type;
    int32_t coordinator_epoch;
    if (control_record_type(r->key, &type)) {
        printf(" (malformed control record)");
        return;
    }
    switch (type) {
    case CONTROL_ABORT:
    case CONTROL_COMMIT:
        if (end_txn_marker_epoch(r->value, &coordinator_epoch))
            printf(" endTxnMarker: (malformed)");
        else
            printf(" endTxnMarker: %s coordinatorEpoch: %d",
                   type == CONTROL_COMMIT ? "COMMIT" : "ABORT", coordinator_epoch);
        break;
    case CONTROL_LEADER_CHANGE:
        PRINT_CONTROL("LeaderChange:", leader_change_message, r->value);
        break;
    case CONTROL_SNAPSHOT_HEADER:
        PRINT_CONTROL("SnapshotHeader", snapshot_header_record, r->value);
        break;
    case CONTROL_SNAPSHOT_FOOTER:
        PRINT_CONTROL("SnapshotFooter", snapshot_footer_record, r->value);
        break;
    case CONTROL_KRAFT_VERSION:
        PRINT_CONTROL("KRaftVersion", kraft_version_record, r->value);
        break;
    case CONTROL_KRAFT_VOTERS: PRINT_CONTROL("KRaftVoters", voters_record, r->value); break;
    default: printf(" controlType: UNKNOWN(%d)", type);
    }
}

/* ---- decoders */

/* A record of a coordinator: its key says what it is. */
#define PRINT_KEYED(module, indent)                                                      \
    do {                                                                                 \
        struct module##_key k_;                                                          \
        struct module##_value v_;                                                        \
        struct out o_;                                                                   \
        out_init(&o_);                                                                   \
        if (r->key.len < 0 || module##_key_decode(&k_, r->key, &d->arena)) return false; \
        module##_key_dump(&k_, &o_);                                                     \
        printf("%skey: ", indent);                                                       \
        print_out(&o_, &d->arena);                                                       \
        printf(" payload: ");                                                            \
        if (r->value.len < 0) {                                                          \
            printf("<DELETE>");                                                          \
            return true;                                                                 \
        }                                                                                \
        out_init(&o_);                                                                   \
        if (module##_value_decode(&v_, k_.type, r->value, &d->arena)) {                  \
            printf("(malformed)");                                                       \
            return true;                                                                 \
        }                                                                                \
        module##_value_dump(&v_, &o_);                                                   \
        print_out(&o_, &d->arena);                                                       \
        return true;                                                                     \
    } while (0)

static bool print_group(struct dump *d, const struct record *r, const char *indent)
{
    PRINT_KEYED(group_record, indent);
}

static bool print_transaction(struct dump *d, const struct record *r, const char *indent)
{
    PRINT_KEYED(transaction_record, indent);
}

static bool print_share(struct dump *d, const struct record *r, const char *indent)
{
    PRINT_KEYED(share_record, indent);
}

static bool print_metadata(struct dump *d, const struct record *r, const char *indent)
{
    struct metadata_record m;
    struct out o;
    int16_t type;
    void *message;
    printf("%spayload: ", indent);
    const char *why =
        record_frame_read(r->value, metadata_record_message, &type, &message, &d->arena);
    if (why || metadata_record_decode(&m, r->value, &d->arena)) {
        printf("Error at %lld, skipping. %s", (long long)r->offset, why ? why : "");
        return true;
    }
    out_init(&o);
    metadata_record_dump(&m, &o);
    print_out(&o, &d->arena);
    return true;
}

static bool print_remote_log(struct dump *d, const struct record *r, const char *indent)
{
    const char *why, *text = remote_log_format(r->value, &d->arena, &why);
    printf("%spayload: ", indent);
    if (text)
        printf("%s", text);
    else
        printf("Error at offset %lld, skipping. %s", (long long)r->offset, why);
    return true;
}

/* A number is its first bytes, as a Java buffer gives it. */
static void check_field(struct bytes b, enum dump_kind kind)
{
    if (b.len < 0 || kind == DUMP_TEXT || b.len >= (kind == DUMP_INTEGER ? 4 : 8)) return;
    printf("\n");
    dump_fail("java.nio.BufferUnderflowException");
}

static void print_field(struct bytes b, enum dump_kind kind)
{
    if (kind == DUMP_TEXT) {
        fwrite(b.data, 1, (size_t)b.len, stdout);
    } else if (kind == DUMP_INTEGER) {
        printf("%d", (int32_t)load_be32(b.data));
    } else {
        printf("%lld", (long long)load_be64(b.data));
    }
}

static bool print_text(const struct dump *d, const struct record *r, const char *indent)
{
    check_field(r->key, d->options->key_kind);
    check_field(r->value, d->options->value_kind);
    if (r->key.len >= 0) {
        printf("%skey: ", indent);
        print_field(r->key, d->options->key_kind);
        indent = " ";
    }
    if (r->value.len >= 0) {
        printf("%spayload: ", indent);
        print_field(r->value, d->options->value_kind);
    }
    return true;
}

static void print_contents(struct dump *d, const struct record *r, const char *indent)
{
    bool known = true;
    switch (d->options->decoder) {
    case DECODE_TEXT: known = print_text(d, r, indent); break;
    case DECODE_METADATA: known = print_metadata(d, r, indent); break;
    case DECODE_OFFSETS: known = print_group(d, r, indent); break;
    case DECODE_TRANSACTIONS: known = print_transaction(d, r, indent); break;
    case DECODE_SHARE_STATE: known = print_share(d, r, indent); break;
    case DECODE_REMOTE_LOG: known = print_remote_log(d, r, indent); break;
    }
    if (known) return;
    if (r->key.len < 0)
        dump_fail("java.lang.RuntimeException: Failed to decode message at offset %lld using the "
                  "specified decoder (message had a missing key)",
                  (long long)r->offset);
    if (r->key.len < 2) {
        printf("%skey: Error at offset %lld, skipping. Could not read version from key's buffer.",
               indent, (long long)r->offset);
        return;
    }
    printf("%skey: Unknown record type %d at offset %lld, skipping.", indent,
           (int16_t)(r->key.data[0] << 8 | r->key.data[1]), (long long)r->offset);
}

/* ---- batches */

/* Of a damaged record the place may be any number. */
static int32_t sequence_of(const struct batch_header *h, int32_t index)
{
    if (h->base_sequence < 0) return NO_SEQUENCE;
    if (index < 0) return (int32_t)((uint32_t)h->base_sequence + (uint32_t)index);
    return sequence_add(h->base_sequence, index);
}

static void print_record(struct dump *d, const struct batch_header *h, const struct record *r,
                         int32_t index)
{
    bool control = batch_is(h, BATCH_CONTROL);
    if (!d->options->skip_metadata) {
        printf("| offset: %lld %s: %lld keySize: %lld valueSize: %lld sequence: %d headerKeys: [",
               (long long)r->offset,
               batch_is(h, BATCH_LOG_APPEND_TIME) ? "LogAppendTime" : "CreateTime",
               (long long)r->timestamp, (long long)r->key.len, (long long)r->value.len,
               sequence_of(h, index));
        struct record_header *headers = record_headers(r, &d->arena);
        for (int32_t i = 0; i < r->headers_count; i++)
            printf("%s%.*s", i ? "," : "", STR_ARG(headers[i].key));
        printf("]");
        if (control) print_control(d, r);
    }
    if (d->options->print_data && !control)
        print_contents(d, r, d->options->skip_metadata ? "| " : " ");
    printf("\n");
}

static void print_records(struct dump *d, const uint8_t *batch, const struct batch_header *h)
{
    struct bytes records;
    enum err e = batch_records(d->codec, batch, h, DECOMPRESSED_BYTES_MAX, &d->scratch, &records);
    if (e) {
        printf("| (cannot be decompressed: %s)\n", err_text(e));
        return;
    }
    struct record_iterator it;
    record_iterator_init(&it, h, records);
    for (;;) {
        struct record r;
        bool more;
        e = record_iterator_next(&it, &r, &more);
        if (e) {
            printf("| (malformed record)\n");
            return;
        }
        if (!more) return;
        if (r.offset != d->last_offset + 1) dump_find(FOUND_GAP, d->path, d->last_offset, r.offset);
        d->last_offset = r.offset;
        print_record(d, h, &r, r.offset_delta);
        arena_reset(&d->arena);
    }
}

int64_t dump_newest_timestamp(const uint8_t *batch, const struct batch_header *h)
{
    struct codec *codec = codec_new();
    struct byte_buffer scratch = {0};
    struct bytes records;
    int64_t newest = NO_TIMESTAMP;
    if (!batch_records(codec, batch, h, DECOMPRESSED_BYTES_MAX, &scratch, &records)) {
        struct record_iterator it;
        struct record r;
        bool more;
        record_iterator_init(&it, h, records);
        while (!record_iterator_next(&it, &r, &more) && more)
            if (r.timestamp > newest) newest = r.timestamp;
    }
    byte_buffer_free(&scratch);
    codec_free(codec);
    return newest;
}

static const char *yes_no(bool yes)
{
    return yes ? "true" : "false";
}

static void print_batch(const uint8_t *batch, const struct batch_header *h, int64_t position)
{
    char horizon[48] = "OptionalLong.empty";
    if (batch_is(h, BATCH_DELETE_HORIZON))
        snprintf(horizon, sizeof horizon, "OptionalLong[%lld]", (long long)h->base_timestamp);
    printf(
        "baseOffset: %lld lastOffset: %lld count: %d baseSequence: %d lastSequence: %d producerId: "
        "%lld producerEpoch: %d partitionLeaderEpoch: %d isTransactional: %s isControl: %s "
        "deleteHorizonMs: %s position: %lld %s: %lld size: %d magic: %d compresscodec: %s crc: %u "
        "isvalid: %s\n",
        (long long)h->base_offset, (long long)batch_last_offset(h), h->count, h->base_sequence,
        batch_last_sequence(h), (long long)h->producer_id, h->producer_epoch, h->leader_epoch,
        yes_no(batch_is(h, BATCH_TRANSACTIONAL)), yes_no(batch_is(h, BATCH_CONTROL)), horizon,
        (long long)position, batch_is(h, BATCH_LOG_APPEND_TIME) ? "LogAppendTime" : "CreateTime",
        (long long)h->max_timestamp, h->size, h->magic,
        batch_compression(h) < COMPRESSION_COUNT ? compression_name(batch_compression(h))
                                                 : "unknown",
        h->crc, yes_no(batch_crc_ok(batch, h)));
}

static void print_title(const char *path)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    long long offset;
    int epoch;
    if (strcmp(name, "bootstrap.checkpoint") == 0)
        printf("KRaft bootstrap snapshot\n");
    else if (sscanf(name, "%lld-%d.checkpoint", &offset, &epoch) == 2)
        printf("Snapshot end offset: %lld, epoch: %d\n", offset, epoch);
    else if (dump_base_offset(path) >= 0)
        printf("Log starting offset: %lld\n", (long long)dump_base_offset(path));
}

void dump_log_file(const char *path, const struct dump_options *options)
{
    struct bytes file;
    if (!dump_map(path, &file)) {
        print_title(path);
        fflush(stdout);
        exit(1);
    }
    print_title(path);
    struct dump d = {.path = path, .options = options, .codec = codec_new(), .last_offset = -1};
    arena_init(&d.arena, 65536);
    if (options->bytes_max < 0)
        dump_fail("java.lang.IllegalArgumentException: Invalid size: %d in read from "
                  "FileRecords(size=%lld, file=%s, start=0, end=%d)",
                  options->bytes_max, (long long)file.len, path, INT32_MAX);
    int64_t end = file.len < options->bytes_max ? file.len : options->bytes_max, at = 0;
    while (end - at >= BATCH_BYTES_TO_MAGIC) {
        struct batch_header h;
        int32_t size = (int32_t)load_be32(file.data + at + BATCH_SIZE_AT);
        if (size < OLDEST_RECORD_BYTES)
            dump_fail("org.apache.kafka.common.errors.CorruptRecordException: Found record size %d "
                      "smaller than minimum record overhead (%d) in file %s.",
                      size, OLDEST_RECORD_BYTES, path);
        enum err e = batch_parse((struct bytes){file.data + at, end - at}, &h);
        if (e == ERR_UNSUPPORTED)
            fprintf(stderr, "%s: magic %d at position %lld is older than what Samsa reads\n", path,
                    h.magic, (long long)at);
        if (e) break;
        print_batch(file.data + at, &h, at);
        if (options->deep) print_records(&d, file.data + at, &h);
        at += h.size;
    }
    const char *name = strrchr(path, '/');
    if (at < file.len && options->bytes_max == INT32_MAX)
        printf("Found %lld invalid bytes at the end of %s\n", (long long)(file.len - at),
               name ? name + 1 : path);
    byte_buffer_free(&d.scratch);
    codec_free(d.codec);
    arena_free(&d.arena);
    dump_unmap(file);
}
