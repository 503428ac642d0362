/* The sparse indexes of one segment: from offsets to positions, and from timestamps to offsets.
 *
 *   .index      i32 offset - base, i32 position   last offset of a batch, its start; both rise
 *   .timeindex  i64 timestamp, i32 offset - base  the largest so far and its offset; both rise
 *
 * An active segment's indexes are arrays in memory, written as files when it is rolled or closed:
 * files are exactly as long as their entries, because Kafka takes every byte of them for one. A
 * crash leaves the files absent or short; recovery makes them anew, and it always covers the
 * active segment. Older segments' files are searched in place. Private to log/. */
#ifndef SAMSA_LOG_OFFSET_INDEX_H
#define SAMSA_LOG_OFFSET_INDEX_H

#include "env/disk.h"

enum { OFFSET_ENTRY_BYTES = 8, TIME_ENTRY_BYTES = 12 };

struct offset_entry {
    int32_t offset; /* relative to the segment's base */
    int32_t position;
};

struct time_entry {
    int64_t timestamp;
    int32_t offset;
};

struct offset_index {
    struct offset_entry *entries;
    int32_t count, capacity;
};

struct time_index {
    struct time_entry *entries;
    int32_t count, capacity;
};

void offset_index_free(struct offset_index *x);
void time_index_free(struct time_index *x);

/* PRE: above the last one. */
void offset_index_add(struct offset_index *x, struct offset_entry e);

/* A no-op unless the timestamp is above the last one. */
void time_index_add(struct time_index *x, struct time_entry e);

/* The greatest entry <= offset; position 0 of the base when there is none. */
struct offset_entry offset_index_find(const struct offset_index *x, int64_t offset);

/* The greatest entry with a timestamp <= timestamp; offset 0, timestamp -1 when there is none. */
struct time_entry time_index_find(const struct time_index *x, int64_t timestamp);

/* Drop entries at or above a relative offset. */
void offset_index_truncate(struct offset_index *x, int64_t offset);
void time_index_truncate(struct time_index *x, int64_t offset);

/* Whole files. Read appends to an empty index; entries that do not rise end it. Write replaces the
 * file, and syncs it when asked. Err: NOT_FOUND, IO, NO_SPACE. */
enum err offset_index_read(struct offset_index *x, struct disk *disk, const char *path) MUST_CHECK;
enum err offset_index_write(const struct offset_index *x, struct disk *disk, const char *path,
                            bool sync) MUST_CHECK;
enum err time_index_read(struct time_index *x, struct disk *disk, const char *path) MUST_CHECK;
enum err time_index_write(const struct time_index *x, struct disk *disk, const char *path,
                          bool sync) MUST_CHECK;

/* The same searches in a file, which is not read whole. */
enum err offset_index_find_in_file(struct disk *disk, const char *path, int64_t offset,
                                   struct offset_entry *out) MUST_CHECK;
enum err time_index_find_in_file(struct disk *disk, const char *path, int64_t timestamp,
                                 struct time_entry *out) MUST_CHECK;

/* The last entry; timestamp -1 when there is none. */
enum err time_index_last_in_file(struct disk *disk, const char *path,
                                 struct time_entry *out) MUST_CHECK;

#endif
