/* kafka-dump-log.sh, in four files: dump_log.c chooses, dump_batches.c prints logs and snapshots,
 * dump_index.c the files beside them, dump_findings.c what was found wrong. */
#ifndef SAMSA_CLI_DUMP_H
#define SAMSA_CLI_DUMP_H

#include "base/arena.h"
#include "base/bytes.h"
#include "protocol/compress.h"

enum dump_decoder {
    DECODE_TEXT,
    DECODE_METADATA,
    DECODE_OFFSETS,
    DECODE_TRANSACTIONS,
    DECODE_SHARE_STATE,
    DECODE_REMOTE_LOG,
};

/* What a key or value holds, of the decoder classes that Kafka brings. */
enum dump_kind { DUMP_TEXT, DUMP_INTEGER, DUMP_LONG };

struct dump_options {
    bool print_data;    /* keys and values */
    bool deep;          /* every record, not only batches */
    bool skip_metadata; /* keys and values alone */
    bool verify_index_only, index_sanity_only;
    int32_t bytes_max;   /* of a log; INT32_MAX: all */
    int32_t message_max; /* bytes of a batch that an index may point to */
    enum dump_decoder decoder;
    enum dump_kind key_kind, value_kind; /* for DECODE_TEXT */
    bool no_decoder;                     /* a class was asked for that is not there */
};

/* A file in memory, mapped. False when it cannot be read: said on standard error. */
bool dump_map(const char *path, struct bytes *out);
void dump_unmap(struct bytes b);

/* "…/00000000000000000042.index" is 42; -1 when the name is not a number. */
int64_t dump_base_offset(const char *path);

struct batch_header;
/* The newest timestamp of a batch's records; NO_TIMESTAMP where they cannot be read. */
int64_t dump_newest_timestamp(const uint8_t *batch, const struct batch_header *h);

void dump_log_file(const char *path, const struct dump_options *o);
void dump_offset_index(const char *path, const struct dump_options *o);
void dump_time_index(const char *path, const struct dump_options *o);
void dump_producer_snapshot(const char *path);
void dump_transaction_index(const char *path);

/* What was found wrong: two numbers, of a file. */
enum dump_finding {
    FOUND_INDEX_MISMATCH, /* offset of the index, of the log */
    FOUND_TIME_MISMATCH,  /* timestamp of the index, of the log */
    FOUND_TIME_ORDER,     /* timestamp, the one before */
    FOUND_NO_OFFSET,      /* offset of the time index, of the batch there */
    FOUND_GAP,            /* offset, the one behind it */
    FOUND_KINDS,
};
void dump_find(enum dump_finding kind, const char *path, int64_t a, int64_t b);

/* All of them on standard error, by kind, once all files are done. */
void dump_print_findings(void);

/* The whole tool ends here, as Kafka's does by an exception that nobody catches. */
_Noreturn void dump_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
