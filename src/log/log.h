/* One partition's log: a directory of segments in Kafka's own files, and what is known about them.
 *
 * The same log serves data partitions, the metadata quorum and the coordinators' topics. It decides
 * nothing about replication: the high watermark is stored here and moved by its owner.
 *
 *   log start offset <= first unstable offset? <= last stable offset <= high watermark <= log end
 * offset recovery point <= log end offset
 *
 * Cheap when idle: well under 1 KiB, no descriptor; files are made by the first append.
 * A log whose directory has failed answers every call ERR_OFFLINE (appends: APPEND_STORAGE) and
 * touches no file.
 *
 * Owned by its log_dir (log/log_dir.h). Thread: the loop's. */
#ifndef SAMSA_LOG_LOG_H
#define SAMSA_LOG_LOG_H

#include "base/arena.h"
#include "base/list.h"
#include "base/uuid.h"
#include "env/env.h"
#include "log/log_config.h"
#include "protocol/batch.h"

struct log;
struct log_dir;

enum { NO_LEADER_EPOCH = -1, NO_OFFSET = -1 };

/* ---- what it is ---- */

struct str log_topic(const struct log *log);
int32_t log_partition(const struct log *log);
struct uuid log_topic_id(const struct log *log); /* zero: not known yet */
struct log_dir *log_directory(const struct log *log);
const struct log_config *log_config_of(const struct log *log);

/* Takes a reference of its own. Applies from the next append or retention pass. */
void log_set_config(struct log *log, struct log_config *config);

/* Give a log without partition.metadata its id. Written in the background, no later than the first
 * append; durable no later than the recovery point moves. Err: INVALID (has another), OFFLINE. */
enum err log_set_topic_id(struct log *log, struct uuid id) MUST_CHECK;

/* ---- offsets ---- */

int64_t log_start_offset(const struct log *log);
int64_t log_end_offset(const struct log *log);
int64_t log_high_watermark(const struct log *log);
int64_t log_recovery_point(const struct log *log); /* below it everything is on stable storage */
int64_t log_size_bytes(const struct log *log);
int64_t
log_active_segment_base(const struct log *log); /* a parked fetch below it is answered now */

/* The first offset of the oldest transaction that is open, or whose marker the high watermark has
 * not passed; NO_OFFSET when there is none. */
int64_t log_first_unstable_offset(const struct log *log);

/* min(high watermark, first unstable offset). */
int64_t log_last_stable_offset(const struct log *log);

/* Clamped to [log start offset, log end offset]; returns what was set. May move back only after a
 * truncation or on a follower: the caller's rule. Not durable: checkpointed by the log manager. */
int64_t log_set_high_watermark(struct log *log, int64_t offset);

/* ---- leader epochs ---- */

int32_t log_latest_epoch(const struct log *log); /* NO_LEADER_EPOCH when it has none */

/* A new leader calls this with its log end offset before its first append. Durable no later than
 * the recovery point passes it: behind that point batches tell their epochs again, and an epoch
 * without a batch need not be known. So thousands of elections cost no sync. A no-op when the
 * latest entry has the epoch already. Err: IO, OFFLINE. */
enum err log_assign_epoch(struct log *log, int32_t epoch, int64_t start_offset) MUST_CHECK;

/* Where `epoch` ends: OffsetsForLeaderEpoch and the fetch divergence check (KIP-101, KIP-279).
 * Latest epoch: log end offset. Above it: (-1, -1). Below the first: (epoch, first start). Else the
 * largest epoch <= asked, and the start of the next one. */
struct epoch_end {
    int32_t epoch;
    int64_t end_offset;
};
struct epoch_end log_epoch_end(const struct log *log, int32_t epoch);

/* This partition has had no leader epoch above `epoch_max`, says metadata: what recovery has read
 * otherwise was misread. Nothing is cut; such batches get an epoch that fits, in place, durably.
 * Reads batch headers, from the first such epoch on, when there is one; else nothing. Err: IO,
 * OFFLINE. */
enum err log_mend_epochs(struct log *log, int32_t epoch_max) MUST_CHECK;

/* The epoch that covers an offset below the log end; NO_LEADER_EPOCH when not known. */
int32_t log_epoch_at(const struct log *log, int64_t offset);

/* ---- append ---- */

/* Does what is known of its producer prove that this batch comes next, or is a retry of a kept one?
 * False also when nothing is known. */
bool log_expects_batch(const struct log *log, const struct batch_header *h);

enum append_error {
    APPEND_OK,
    APPEND_CORRUPT,                /* CORRUPT_MESSAGE: framing, checksum */
    APPEND_INVALID_RECORD,         /* INVALID_RECORD */
    APPEND_INVALID_TIMESTAMP,      /* INVALID_TIMESTAMP */
    APPEND_MESSAGE_TOO_LARGE,      /* MESSAGE_TOO_LARGE */
    APPEND_RECORD_LIST_TOO_LARGE,  /* RECORD_LIST_TOO_LARGE */
    APPEND_DECOMPRESSION,          /* UNKNOWN_SERVER_ERROR, as Kafka answers it */
    APPEND_INVALID_PRODUCER_EPOCH, /* INVALID_PRODUCER_EPOCH */
    APPEND_OUT_OF_ORDER_SEQUENCE,  /* OUT_OF_ORDER_SEQUENCE_NUMBER */
    APPEND_INVALID_TXN_STATE,      /* INVALID_TXN_STATE */
    APPEND_COORDINATOR_FENCED,  /* TRANSACTION_COORDINATOR_FENCED: marker of an old coordinator */
    APPEND_UNSUPPORTED_FORMAT,  /* UNSUPPORTED_FOR_MESSAGE_FORMAT: magic 0 or 1 from a leader's
                                   writer */
    APPEND_OFFSET_OUT_OF_ORDER, /* follower: offsets not rising, or below the log end offset */
    APPEND_NO_SPACE,            /* KAFKA_STORAGE_ERROR; log unharmed, the next append may succeed */
    APPEND_STORAGE,             /* KAFKA_STORAGE_ERROR; the directory is offline */
};

enum append_origin {
    APPEND_FROM_CLIENT,      /* one batch, no control batch, base offset 0; all rules */
    APPEND_FROM_COORDINATOR, /* also control batches; producer epochs checked as for markers */
    APPEND_FROM_RAFT,        /* trusted: several batches, offsets assigned, no producer rules */
};

/* Batches that the caller will append to this log right behind one, by one call each with the same
 * options, from this memory, before anything else happens. They may be written with it. */
enum { APPEND_AHEAD_MAX = 15 };
struct append_ahead {
    int32_t count;
    struct bytes batches[APPEND_AHEAD_MAX];
};

struct append_options {
    enum append_origin origin;
    int32_t leader_epoch;
    const struct append_ahead *ahead; /* NULL: none, or not known */
    bool foreseen;           /* counted in result->ahead of an append just now, from this memory */
    struct arena *arena;     /* for record_errors; needed from a client */
    bool compressed_trusted; /* do not decompress to check (a private network of known clients) */
    int64_t decompressed_bytes_max; /* 0: 256 MiB; more is APPEND_INVALID_RECORD */
};

struct append_record_error {
    int32_t index; /* of the record in its batch */
    const char *message;
};

struct append_result {
    enum append_error error;
    int64_t base_offset, last_offset; /* of the originals when duplicate; -1 on error */
    int64_t log_append_time_ms;       /* -1 unless the topic uses LogAppendTime */
    int64_t log_start_offset;
    int64_t max_timestamp;
    bool duplicate; /* nothing was written: a retry of one of the producer's last five batches */
    bool rolled;    /* a new segment was begun */
    int32_t ahead;  /* how many of those that follow were written with it */
    const char *message; /* why, static or in the arena; NULL when ok */
    struct append_record_error *record_errors;
    int32_t record_errors_count;
};

/* Append as the leader: validate every rule the log knows (broker.md 2.1, 2.2), assign offsets,
 * epoch and, for LogAppendTime, timestamps; write with one call. `data` is patched in place and may
 * be modified also when the append fails. Several batches are accepted from raft only. All or
 * nothing: after any error the log is as before. In the page cache on return, not yet durable. */
void log_append_as_leader(struct log *log, uint8_t *data, size_t len,
                          const struct append_options *options, struct append_result *result);

/* Append what a leader wrote: offsets and epochs are given. Checksums are checked, offsets must
 * rise from the log end offset, a partial batch at the end is ignored; producer state and epochs
 * follow. A batch with an epoch above `leader_epoch_max` and everything behind it is left out
 * (KAFKA-18723); -1 means no bound. An empty log whose first batch starts earlier than its end
 * restarts at that batch. */
void log_append_as_follower(struct log *log, const uint8_t *data, size_t len,
                            int32_t leader_epoch_max, struct append_result *result);

/* ---- read ---- */

/* A range of one segment file, to be sent as it is. Owns one reference to `file` when len > 0:
 * give it to out_file(…, disk_file_unref, file) or drop it. */
struct log_slice {
    struct disk_file *file; /* NULL when len is 0 */
    int64_t position;
    int64_t len;
    int64_t segment_base_offset;
};

struct log_read_options {
    int64_t offset;     /* log start offset <= offset <= log end offset */
    int64_t end_offset; /* nothing at or beyond it: high watermark, last stable or log end offset */
    int64_t bytes_max;
    bool min_one_batch; /* the first batch whole even if larger than bytes_max */
    /* A first batch found with this leader epoch or a higher one was misread and gets the one that
     * the epochs know for it, in place. 0: not looked at. */
    int32_t leader_epoch_end;
};

/* From the start of the batch containing `offset`, within one segment, up to bytes_max exactly: the
 * last batch may be cut, the first never. Empty when nothing is below end_offset, or the first
 * batch has no room. Reads no record bytes, allocates nothing. Err: OUT_OF_RANGE, OFFLINE, IO
 * (offline from now on), NO_DESCRIPTORS (try again later). */
enum err log_read(struct log *log, const struct log_read_options *options,
                  struct log_slice *slice) MUST_CHECK;

/* The same, whole batches only, copied into the arena; the first always. For raft and coordinators.
 * Err: CORRUPT too (what was read is no batch). */
enum err log_read_batches(struct log *log, int64_t offset, int64_t end_offset, int64_t bytes_max,
                          struct arena *arena, struct bytes *batches) MUST_CHECK;

struct aborted_transaction {
    int64_t producer_id;
    int64_t first_offset;
};

/* The aborted transactions a read_committed fetch must name beside `slice`, which it got for
 * `offset`. */
enum err log_aborted_transactions(struct log *log, int64_t offset, const struct log_slice *slice,
                                  struct arena *arena, struct aborted_transaction **aborted,
                                  int32_t *count) MUST_CHECK;

struct timestamp_offset {
    int64_t timestamp;
    int64_t offset; /* -1: none */
    int32_t leader_epoch;
};

/* The first record at or after `timestamp_ms`. Needs a codec for compressed batches: the log_dir's.
 */
enum err log_offset_for_timestamp(struct log *log, int64_t timestamp_ms,
                                  struct timestamp_offset *out) MUST_CHECK;

/* The first record that has the largest timestamp of the log (KIP-734). */
enum err log_offset_of_max_timestamp(struct log *log, struct timestamp_offset *out) MUST_CHECK;

/* ---- producers ---- */

struct log_producer {
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t last_sequence;
    int64_t last_timestamp;
    int32_t coordinator_epoch;
    int64_t current_txn_start_offset; /* -1 */
};

/* In the order they appeared. */
enum err log_producers(struct log *log, struct arena *arena, struct log_producer **producers,
                       int32_t *count) MUST_CHECK;

/* ---- cutting ---- */

/* Remove everything at and above `offset`, and the batch it lies in (a no-op beyond the end, but
 * the epochs are cut too). The high watermark and the recovery point are lowered with it. Below
 * the log start the log becomes empty at `offset`. Err: IO, OFFLINE. */
enum err log_truncate_to(struct log *log, int64_t offset) MUST_CHECK;

/* Empty the log; its next record gets `offset`. */
enum err log_truncate_fully_and_start_at(struct log *log, int64_t offset) MUST_CHECK;

/* Raise the log start offset (DeleteRecords, a follower following, raft after a snapshot): segments
 * wholly below go after file.delete.delay.ms. Lower than now is a no-op. Err: OUT_OF_RANGE above
 * the high watermark. */
enum err log_advance_start(struct log *log, int64_t offset) MUST_CHECK;

/* Begin a new segment at the log end offset, unless the active one is empty. Err: IO, OFFLINE. */
enum err log_roll(struct log *log) MUST_CHECK;

/* One retention pass by time and size; returns how many segments went through *deleted. */
enum err log_apply_retention(struct log *log, int32_t *deleted) MUST_CHECK;

/* ---- durability ---- */

/* Everything appended so far to stable storage; the recovery point follows. Blocks. */
enum err log_flush(struct log *log) MUST_CHECK;

struct log_flush {
    struct list_node node; /* private from here */
    struct log *log;
    struct disk_sync sync;
    struct task task;
    int64_t segment_base;
    int64_t offset; /* durable below this when done has run with ERR_OK */
    enum err result;
    void (*done)(
        struct log_flush *flush); /* from the loop; may free the flush, or start it again */
};

/* The same without blocking. `flush` is the caller's, zeroed or finished, and stays until `done`
 * ran. Result: OK; IO or OFFLINE (the directory is offline now); CLOSED when the log was closed
 * meanwhile. Several may be under way; each covers what was appended before it was started. */
void log_flush_start(struct log *log, struct log_flush *flush,
                     void (*done)(struct log_flush *flush));

/* `done` will not run for it, which may be freed: its owner goes away, before the log does. A no-op
 * when it is not pending. */
void log_flush_forget(struct log_flush *flush);

/* flush_start has been called and done has not run. */
bool log_flush_pending(const struct log_flush *flush);

#endif
