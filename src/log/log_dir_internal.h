/* What the files of log/ share about a directory. Private to log/. */
#ifndef SAMSA_LOG_LOG_DIR_INTERNAL_H
#define SAMSA_LOG_LOG_DIR_INTERNAL_H

#include "log/log_dir.h"

/* A file or a directory that waits to be removed. */
struct pending_delete {
    char *path;
    struct mono_time due;
    bool is_dir;
};

enum checkpoint_kind {
    CHECKPOINT_RECOVERY_POINTS,
    CHECKPOINT_START_OFFSETS,
    CHECKPOINT_HIGH_WATERMARKS,
    CHECKPOINT_KINDS,
    CHECKPOINT_CLEANER = CHECKPOINT_KINDS, /* only read, until there is a cleaner */
    CHECKPOINT_FILES
};

struct log_dir {
    struct env *env;
    struct log_dir_options options;
    char *path;
    struct disk_file *lock;
    struct meta_properties meta;
    bool was_clean;
    int64_t clean_broker_epoch;
    bool offline, cordoned;
    bool loaded;

    struct map by_name; /* "topic-partition" → log */
    struct log **logs;
    int32_t logs_count, logs_capacity;
    struct log *metadata_log;
    uint64_t logs_ever;

    struct list_node open_logs; /* most recently used first */
    int32_t open_files;
    struct list_node new_logs;

    struct pending_delete *deletes; /* in order of due time as delays are nearly equal */
    int32_t deletes_count, deletes_capacity;

    struct codec *codec;
    struct byte_buffer scratch; /* a recompressed batch */
    struct byte_buffer records; /* decompressed records */
    struct byte_buffer scan;    /* recovery and replay */
    struct timer sweep;         /* checkpoints, retention, deletions, flush.ms */
    struct task offline_task;
    struct mono_time next_high_watermark, next_recovery, next_start, next_retention, next_flush;
    struct mono_time next_expiry;
    int32_t retention_at; /* the log a retention pass goes on with; -1 none under way */
    uint64_t written[CHECKPOINT_KINDS]; /* what the files hold, as a hash */
};

/* Remove after the delay of its topic. Takes a copy of the path. */
void log_dir_delete_later(struct log_dir *dir, const char *path, bool is_dir, int64_t delay_ms);

/* Write one of the checkpoint files, unless it says the same already. */
enum err log_dir_write_checkpoint(struct log_dir *dir, enum checkpoint_kind kind) MUST_CHECK;

/* What the timer does when it is due. */
void log_dir_sweep(struct timer *timer);

/* A file of one of the logs was opened: close others beyond the bound. */
void log_dir_file_opened(struct log_dir *dir, struct log *log);

/* Wake the sweep at once (new logs to sync, files to delete). */
void log_dir_arm(struct log_dir *dir);

#endif
