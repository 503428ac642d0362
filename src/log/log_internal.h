/* What the files of log/ share about one log. Private to log/. */
#ifndef SAMSA_LOG_LOG_INTERNAL_H
#define SAMSA_LOG_LOG_INTERNAL_H

#include <limits.h>

#include "log/batch_scan.h"
#include "log/epoch_cache.h"
#include "log/log.h"
#include "log/log_dir_internal.h"
#include "log/offset_index.h"
#include "log/producer_state.h"
#include "log/txn_index.h"

enum { TIMESTAMP_UNREAD = -2 };

struct segment {
    int64_t base_offset;
    int64_t size;            /* bytes of the .log file that count */
    int64_t created_ms;      /* wall clock; for segment.ms when there are no timestamps */
    int64_t jitter_ms;       /* drawn once, so that segments of many logs do not roll together */
    int64_t first_timestamp; /* of its first batch; UNREAD until needed */
    int64_t max_timestamp;   /* largest so far, -1 none; UNREAD until needed */
    int64_t max_timestamp_offset; /* relative: the last offset of that batch */
    struct disk_file *file;       /* NULL when not open */
    struct offset_index offsets;  /* meaningful when indexed */
    struct time_index times;
    int32_t bytes_since_index;
    bool indexed; /* the arrays are the truth, the files may be behind or absent */
    bool has_txn_index;
    bool name_synced; /* the directory entry is durable */
};

/* The newest batches of the active segment, and where they lie: what followers and consumers at the
 * end ask for, over and over. Made by the first append, and forgotten whenever the log is cut. */
enum { LOG_TAIL_BATCHES = 16 };

struct log_tail {
    int64_t segment_base; /* of the segment they lie in */
    uint32_t count;       /* ever added since; the last LOG_TAIL_BATCHES of them are here */
    struct {
        int64_t base_offset;
        int32_t position, size;
    } batches[LOG_TAIL_BATCHES];
};

/* The end of a log was cut in memory and in its file; what must follow before anything is appended,
 * and may have to wait for a descriptor. */
struct log_cut {
    bool pending;
    bool file, names;        /* of the active segment, of the directory: to be synced */
    int64_t snapshots_above; /* go */
};

struct log {
    struct log_dir *dir;
    struct list_node open_node; /* in dir->open_logs while a file is open, most recent first */
    struct list_node new_node;  /* in dir->new_logs until partition.metadata is durable */
    int32_t index;              /* in dir->logs */
    uint64_t serial;            /* distinct within the directory */
    char *topic;
    int32_t topic_len;
    int32_t partition;
    char *future; /* the HEX of its name while it is a future log; NULL: a current one */
    struct uuid topic_id;
    struct log_config *config;

    struct segment *segments; /* by base offset; none before the first append */
    int32_t segments_count, segments_capacity;
    struct log_tail *tail; /* NULL: nothing was appended yet */
    int64_t start_offset, end_offset, high_watermark, recovery_point;

    struct epoch_cache epochs;
    struct producer_state *producers; /* NULL: none */
    int64_t snapshot_offset;          /* of the newest snapshot file; NO_OFFSET none */

    struct log_cut cut;
    struct list_node flushes; /* of log_flush */
    struct log_flush rolled;  /* of segments that were rolled */
    bool rolled_more;         /* since it began */
    struct mono_time unflushed_since;
    int64_t compacted_to; /* while loading */
    bool id_written;      /* partition.metadata is there, if the log has an id */
    bool id_synced;       /* and durable, with its name */
    bool is_metadata;
};

struct log_path {
    char z[PATH_MAX];
};

/* DIRECTORY/TOPIC-PARTITION, with .HEX-future behind it for a future log. */
void log_dir_path_of(const struct log *log, struct log_path *path);

/* A file in that directory. */
void log_path_of(const struct log *log, const char *name, struct log_path *path);

/* …/00000000000000000042.log */
void log_segment_path(const struct log *log, int64_t offset, const char *suffix,
                      struct log_path *path);

/* Take the directory offline for an error that means the disk is not to be trusted, and pass it
 * on. Errors that pass (no descriptors, no space) leave it online. */
enum err log_io_failed(struct log *log, enum err e, const char *what);

/* The same for reading what this log wrote: bytes that make no sense are corruption. */
enum err log_read_failed(struct log *log, enum err e, const char *what);

struct segment *log_active(struct log *log); /* NULL before the first append */

/* A batch was appended at `position` of the active segment. */
void log_tail_add(struct log *log, const struct batch_header *h, int64_t position);

/* The log was cut. */
void log_tail_forget(struct log *log);

/* The segment whose base is the greatest <= offset; NULL when there is none. */
struct segment *log_segment_for(struct log *log, int64_t offset);
int32_t log_segment_index(const struct log *log, const struct segment *s);

/* Append one to the array; its file is not touched. */
struct segment *log_segment_add(struct log *log, int64_t base_offset);

/* Drop handles and arrays, not files. */
void segment_free(struct segment *s);

/* Open, and count the log as used. Creates nothing. */
enum err segment_open(struct log *log, struct segment *s, struct disk_file **file) MUST_CHECK;
void log_close_files(struct log *log);

/* Make the in-memory indexes the truth, reading the files of a segment that was loaded. */
enum err segment_load_indexes(struct log *log, struct segment *s) MUST_CHECK;

/* Fill in what is UNREAD. */
enum err segment_read_timestamps(struct log *log, struct segment *s) MUST_CHECK;

/* Account for a batch that lies at `position`, its size included: indexes, timestamps. */
void segment_index_batch(struct segment *s, const struct batch_header *h, int64_t position,
                         int32_t index_interval_bytes);

/* The final time entry, and the index files, exactly as long as they must be. */
enum err segment_write_indexes(struct log *log, struct segment *s, bool sync) MUST_CHECK;

/* Where the first batch with a last offset >= `offset` starts, and its header. Err: NOT_FOUND
 * (none in this segment), CORRUPT, IO. */
enum err segment_find(struct log *log, struct segment *s, int64_t offset, int64_t *position,
                      struct batch_header *h) MUST_CHECK;

/* Cut at *end_offset, or at the start of the batch it lies in, which is returned there. The segment
 * becomes writable. */
enum err segment_truncate(struct log *log, struct segment *s, int64_t *end_offset) MUST_CHECK;

/* Rename all files of a segment to .deleted, and unlink them after the delay. */
enum err segment_delete(struct log *log, struct segment *s) MUST_CHECK;

/* Producer state, epochs (and the transaction index) follow a batch that lies in the log. */
enum err log_replay_batch(struct log *log, const struct batch_header *h, const uint8_t *data,
                          bool index_transactions) MUST_CHECK;

/* Write a snapshot of the producers named for `offset`, unless the newest is: the log end offset,
 * or the base of the segment that is about to begin. */
enum err log_write_snapshot(struct log *log, int64_t offset, bool sync) MUST_CHECK;

/* Rebuild producer state up to the log end offset from the newest snapshot <= it, and the log. */
struct log_listing;
enum err log_load_producers(struct log *log, bool was_clean,
                            const struct log_listing *listing /* NULL: look */) MUST_CHECK;

/* The batch at `position` was read with an epoch that this partition has not had: it gets the one
 * that the epochs know for it. */
enum err log_mend_batch(struct log *log, struct segment *s, int64_t position,
                        struct batch_header *h) MUST_CHECK;

/* leader-epoch-checkpoint, if it is behind. Durable on return. */
enum err log_write_epochs(struct log *log) MUST_CHECK;

/* partition.metadata, if it was not written yet: by the first append, or in the background. */
enum err log_write_id(struct log *log) MUST_CHECK;

/* partition.metadata and its name, if they are not durable yet. */
enum err log_sync_id(struct log *log) MUST_CHECK;

/* truncate_fully, keeping a log start offset that may lie above `offset`. */
enum err log_restart_at(struct log *log, int64_t offset, int64_t start_offset) MUST_CHECK;

/* Finish a cut that is pending. Err: NO_DESCRIPTORS, NO_SPACE (it stays pending), IO, OFFLINE. */
enum err log_settle_cut(struct log *log) MUST_CHECK;

/* Close for good: indexes, snapshot, epochs, all synced. */
enum err log_close_clean(struct log *log) MUST_CHECK;

/* The same for many logs at once: write what is to be written; sync the tree; name the epochs'
 * file; sync the tree again. */
bool log_needs_close(const struct log *log);
enum err log_close_write(struct log *log) MUST_CHECK;
enum err log_close_rename(struct log *log) MUST_CHECK;

/* Load from its directory; `clean` says whether the last shutdown was. */
struct log_load_options {
    bool clean;
    int64_t recovery_point;
    int64_t start_offset;
    int64_t high_watermark;
    int64_t compacted_to; /* the cleaner's checkpoint: below it segments need not join */
};
enum err log_load(struct log *log, const struct log_load_options *options) MUST_CHECK;

/* Whether recovery takes a batch of a segment, of which it has taken all up to offset `next`. */
struct recovery_place {
    int64_t segment_base, next;
    int64_t limit;    /* the base of the next segment; INT64_MAX */
    int64_t position; /* of the batch in its file */
};
bool log_recovery_takes(const struct recovery_place *at, const struct batch_header *h,
                        const uint8_t *data);

struct log *log_new(struct log_dir *dir, struct str topic, int32_t partition,
                    struct log_config *config);

/* Free the memory; flushes under way end with CLOSED, and that of rolled segments goes with the
 * log. */
void log_free(struct log *log);

#endif
