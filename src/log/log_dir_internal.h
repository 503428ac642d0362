/* What the files of log/ share about a directory. Private to log/. */
#ifndef SAMSA_LOG_LOG_DIR_INTERNAL_H
#define SAMSA_LOG_LOG_DIR_INTERNAL_H

#include "log/log_ahead.h"
#include "log/log_dir.h"
#include "log/retention_clock.h"

/* A file or a directory that waits to be removed. */
struct pending_delete {
    char *path;
    struct mono_time due;
    bool is_dir;
};

enum { FUTURE_HEX = 32 }; /* digits in the name of a future log */

enum checkpoint_kind {
    CHECKPOINT_RECOVERY_POINTS,
    CHECKPOINT_START_OFFSETS,
    CHECKPOINT_HIGH_WATERMARKS,
    CHECKPOINT_KINDS,
    CHECKPOINT_CLEANER = CHECKPOINT_KINDS, /* only read, until there is a cleaner */
    CHECKPOINT_FILES
};
enum { CHECKPOINTS_ALL = (1 << CHECKPOINT_KINDS) - 1 };

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
    bool unmarked; /* it has failed, and could not be marked (held_pages.h) */

    struct map by_name; /* "topic-partition" → log */
    struct log **logs;
    int32_t logs_count, logs_capacity;
    struct log *metadata_log;
    uint64_t logs_ever;
    struct log **futures; /* copies of logs that move here (log_future.h) */
    int32_t futures_count, futures_capacity;
    unsigned names_stale; /* checkpoints, a bit per kind, that may name logs that have gone */

    struct list_node open_logs; /* most recently used first */
    int32_t open_files;
    struct list_node new_logs;

    struct pending_delete *deletes; /* in order of due time as delays are nearly equal */
    int32_t deletes_count, deletes_capacity;

    struct log_ahead ahead;
    struct codec *codec;
    struct byte_buffer scratch; /* a recompressed batch */
    struct byte_buffer records; /* decompressed records */
    struct byte_buffer scan;    /* recovery and replay */
    struct timer sweep;         /* checkpoints, retention, deletions, flush.ms */
    struct task offline_task;
    struct mono_time next_high_watermark, next_recovery, next_start, next_retention, next_flush;
    struct mono_time next_expiry;
    struct retention_clock retention_clock;
    int32_t retention_at; /* the log a retention pass goes on with; -1 none under way */
    uint64_t written[CHECKPOINT_KINDS]; /* what the files hold, as a hash */
};

/* By which records are old. */
struct wall_time log_dir_retention_now(struct log_dir *dir);

/* Logs and future logs, which checkpoints and closing treat alike. */
static inline int32_t log_dir_all_count(const struct log_dir *dir)
{
    return dir->logs_count + dir->futures_count;
}

static inline struct log *log_dir_all_at(const struct log_dir *dir, int32_t index)
{
    return index < dir->logs_count ? dir->logs[index] : dir->futures[index - dir->logs_count];
}

/* In the directory's lists, as what it is. */
void log_dir_add(struct log_dir *dir, struct log *log);
void log_dir_remove(struct log_dir *dir, struct log *log);

/* "topic-partition" of a name; false when it has not that form. */
bool log_dir_parse_name(const char *name, struct str *topic, int32_t *partition);

/* "topic-partition.HEX-future": HEX is *hex, of 32 digits. */
bool log_dir_parse_future(const char *name, struct str *topic, int32_t *partition,
                          const char **hex);

/* Write what has changed in the checkpoints soon. */
void log_dir_checkpoint_soon(struct log_dir *dir);

/* Remove after the delay of its topic. Takes a copy of the path. */
void log_dir_delete_later(struct log_dir *dir, const char *path, bool is_dir, int64_t delay_ms);

/* Into `options`, "topic-partition" -> struct log_load_options in the arena: that file's offset of
 * each log. A file that cannot be read counts as empty. */
void log_dir_read_checkpoint(struct log_dir *dir, enum checkpoint_kind kind, struct arena *arena,
                             struct map *options);

/* Write one of the checkpoint files, unless it says the same already. */
enum err log_dir_write_checkpoint(struct log_dir *dir, enum checkpoint_kind kind) MUST_CHECK;

/* Before a log is made: what a checkpoint says of a log of its name that has gone, of a topic that
 * was deleted or of a replica that was moved away, must not vouch for the new one after a crash. */
enum err log_dir_forget_names(struct log_dir *dir) MUST_CHECK;

/* What the timer does when it is due. */
void log_dir_sweep(struct timer *timer);

/* A file of one of the logs was opened: close others beyond the bound. */
void log_dir_file_opened(struct log_dir *dir, struct log *log);

/* Wake the sweep at once (new logs to sync, files to delete). */
void log_dir_arm(struct log_dir *dir);

#endif
