/* Snapshots on disk: `<end offset, 20 digits>-<epoch, 10 digits>.checkpoint` beside the metadata
 * log.
 *
 * The content is record batches with offsets from 0 (kraft.md 3.8): a control batch with header,
 * kraft.version and voters; data batches; a control batch with the footer. Written to
 * `….checkpoint.part`, synced, then renamed: a file with the final name is whole. */
#ifndef SAMSA_QUORUM_SNAPSHOT_FILE_H
#define SAMSA_QUORUM_SNAPSHOT_FILE_H

#include "env/disk.h"
#include "protocol/batch.h"
#include "protocol/voters_record.h"

struct snapshot_id {
    int64_t end_offset;
    int32_t epoch;
};

/* Removes what a crash left half-written or half-deleted. Err: IO. */
enum err snapshot_files_sweep(struct disk *disk, const char *directory) MUST_CHECK;

/* Whole snapshots in a directory, oldest first, in the arena. Err: IO. */
enum err snapshot_files_list(struct disk *disk, const char *directory, struct arena *arena,
                             struct snapshot_id **ids, int32_t *count) MUST_CHECK;

/* Path of one, in the arena. */
const char *snapshot_file_path(struct arena *arena, const char *directory, struct snapshot_id id);

struct snapshot_reader {
    void *context;
    /* A control record's type and value. May be NULL. */
    enum err (*control)(void *context, int16_t type, struct bytes value);
    /* A data record's value. May be NULL. */
    enum err (*record)(void *context, struct bytes frame);
};

/* Reads batch by batch; every checksum is verified, the first record must be the header and the
 * last the footer. Err: CORRUPT, CRC, IO, or what a callback returned. */
enum err snapshot_file_read(struct disk *disk, const char *path,
                            const struct snapshot_reader *reader) MUST_CHECK;

struct snapshot_writer {
    struct disk *disk;
    struct disk_file *file;
    struct arena arena; /* paths */
    const char *directory, *path, *part;
    struct batch_builder batch;
    int32_t epoch;
    int64_t next_offset, position;
    int64_t timestamp_ms;
};

/* Writes the header. `voters` NULL: kraft.version 0, neither is written. Err: IO, NO_SPACE. */
enum err snapshot_writer_open(struct snapshot_writer *w, struct disk *disk, const char *directory,
                              struct snapshot_id id, int64_t timestamp_ms,
                              int64_t last_contained_timestamp, int16_t kraft_version,
                              const struct voters_record *voters) MUST_CHECK;

enum err snapshot_writer_add(struct snapshot_writer *w, struct bytes frame) MUST_CHECK;

/* The footer: `file` is whole, and to be synced before it is published. On an error the writer is
 * done, and nothing is left. */
enum err snapshot_writer_end(struct snapshot_writer *w) MUST_CHECK;

/* PRE: synced. Rename. The writer is done either way; on an error nothing is left. */
enum err snapshot_writer_publish(struct snapshot_writer *w) MUST_CHECK;

/* All three, waiting for the device. */
enum err snapshot_writer_finish(struct snapshot_writer *w) MUST_CHECK;
void snapshot_writer_abort(struct snapshot_writer *w);

/* Lets go of it; the half-written file stays. */
void snapshot_writer_close(struct snapshot_writer *w);

#endif
