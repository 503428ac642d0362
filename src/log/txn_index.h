/* .txnindex of a segment: 34 bytes per aborted transaction that wrote to it.
 *
 *   i16 version 0, i64 producerId, i64 firstOffset,
 *   i64 lastOffset (of the marker), i64 lastStableOffset
 *
 * Valid when lastOffset rises and is not below the segment's base. Appended in place; a torn entry
 * behind a crash is cut by recovery, which makes the file anew. Private to log/. */
#ifndef SAMSA_LOG_TXN_INDEX_H
#define SAMSA_LOG_TXN_INDEX_H

#include "env/disk.h"

enum { TXN_ENTRY_BYTES = 34 };

struct txn_entry {
    int64_t producer_id;
    int64_t first_offset;
    int64_t last_offset;
    int64_t last_stable_offset;
};

/* Creates the file when needed. */
enum err txn_index_append(struct disk *disk, const char *path,
                          const struct txn_entry *e) MUST_CHECK;

/* All entries, in the arena; none when there is no file. Err: CORRUPT, IO. */
enum err txn_index_read(struct disk *disk, const char *path, int64_t base_offset,
                        struct arena *arena, struct txn_entry **entries, int32_t *count) MUST_CHECK;

/* Drop entries whose marker is at or above `offset`. */
enum err txn_index_truncate(struct disk *disk, const char *path, int64_t offset) MUST_CHECK;

#endif
