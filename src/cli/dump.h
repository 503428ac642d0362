/* kafka-dump-log.sh, in three files: dump_log.c chooses, dump_batches.c prints logs and snapshots,
 * dump_index.c the files beside them. */
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
};

/* What a key or value holds, of the decoder classes that Kafka brings. */
enum dump_kind { DUMP_TEXT, DUMP_INTEGER, DUMP_LONG };

struct dump_options {
    bool print_data;    /* keys and values */
    bool deep;          /* every record, not only batches */
    bool skip_metadata; /* keys and values alone */
    bool verify_index_only, index_sanity_only;
    int64_t bytes_max; /* of a log; INT64_MAX: all */
    enum dump_decoder decoder;
    enum dump_kind key_kind, value_kind; /* for DECODE_TEXT */
};

/* A file in memory, mapped. False when it cannot be read: said on standard error. */
bool dump_map(const char *path, struct bytes *out);
void dump_unmap(struct bytes b);

/* "…/00000000000000000042.index" is 42; -1 when the name is not a number. */
int64_t dump_base_offset(const char *path);

void dump_log_file(const char *path, const struct dump_options *o);
void dump_offset_index(const char *path, const struct dump_options *o);
void dump_time_index(const char *path, const struct dump_options *o);
void dump_producer_snapshot(const char *path);
void dump_transaction_index(const char *path);

/* What was found wrong, on standard error, once all files are done. */
void dump_print_findings(void);

#endif
