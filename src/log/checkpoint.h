/* Kafka's checkpoint files: small texts of a version line, a count line and one line per entry.
 *
 *   0                      recovery-point-offset-checkpoint, log-start-offset-checkpoint,
 *   2                      replication-offset-checkpoint: `topic partition offset` per line
 *   orders 0 1200
 *   orders 1 7             leader-epoch-checkpoint: `epoch startOffset` per line
 *
 * Replaced whole: a crash leaves the old or the new one. An empty file has no entries.
 * Private to log/. */
#ifndef SAMSA_LOG_CHECKPOINT_H
#define SAMSA_LOG_CHECKPOINT_H

#include "base/arena.h"
#include "env/disk.h"

enum { CHECKPOINT_BYTES_MAX = 256 << 20 };

struct offset_checkpoint_entry {
    struct str topic;
    int32_t partition;
    int64_t offset;
};

/* Err: NOT_FOUND, CORRUPT (wrong version, malformed line, wrong count), IO. Entries: arena. */
enum err offset_checkpoint_read(struct disk *disk, const char *path, struct arena *arena,
                                struct offset_checkpoint_entry **entries,
                                int32_t *count) MUST_CHECK;

enum err offset_checkpoint_write(struct disk *disk, const char *path,
                                 const struct offset_checkpoint_entry *entries,
                                 int32_t count) MUST_CHECK;

struct epoch_entry {
    int32_t epoch;
    int64_t start_offset;
};

enum err epoch_checkpoint_read(struct disk *disk, const char *path, struct arena *arena,
                               struct epoch_entry **entries, int32_t *count) MUST_CHECK;

enum err epoch_checkpoint_write(struct disk *disk, const char *path,
                                const struct epoch_entry *entries, int32_t count) MUST_CHECK;

/* The same under a name that is not in use yet, and not synced. */
enum err epoch_checkpoint_write_new(struct disk *disk, const char *path,
                                    const struct epoch_entry *entries, int32_t count) MUST_CHECK;

#endif
