/* One directory of log.dirs: its lock, identity, checkpoints, and the logs in it.
 *
 * Opening reads meta.properties and takes the lock; loading finds and recovers every log. While
 * open, checkpoints are written at their cadence and retention runs. Closing flushes and writes
 * what makes the next start clean.
 *
 * An I/O error takes the directory offline: it is marked (held_pages.h), its logs answer
 * ERR_OFFLINE, no file is touched any more, and `offline` of the owner is called from the loop. It
 * comes back only by a restart, which first writes again what may not be on the disk.
 *
 * Owns its logs. Thread: the loop's. */
#ifndef SAMSA_LOG_LOG_DIR_H
#define SAMSA_LOG_LOG_DIR_H

#include "base/map.h"
#include "env/env.h"
#include "log/log.h"
#include "log/meta_properties.h"

struct log_dir_options {
    const char *path;                   /* absolute or of the working directory; copied */
    struct log_config *config;          /* of logs found at load until log_set_config; referenced */
    int64_t producer_id_expiration_ms;  /* 86,400,000 */
    int64_t retention_check_ms;         /* 300,000 */
    int64_t start_offset_checkpoint_ms; /* 60,000 */
    int64_t recovery_checkpoint_ms;     /* 60,000 */
    int64_t high_watermark_checkpoint_ms; /* 5,000 */
    int64_t flush_scheduler_ms;           /* how often flush.ms is looked at; INT64_MAX never */
    bool may_be_offline;    /* what cannot be opened is offline from the start, with no id */
    int32_t open_files_max; /* of this directory's logs; idle ones are closed beyond it */
    void (*offline)(struct log_dir *dir, void *context); /* from the loop, once */
    void *context;
};

/* Kafka's defaults; path, offline and context are left to set. */
struct log_dir_options log_dir_options_default(void);

/* Create the directory if absent, lock it, read meta.properties if there (dir->meta.present tells).
 * Deletes the clean-shutdown marker after reading it, so that a crash while loading counts as one.
 * Of a directory that had failed, what may not be on the disk is written again first: this may take
 * as long as writing its active segments does.
 * Err: LOCKED, PERMISSION, IO, CORRUPT (meta.properties, with the cause in the trace); *out is NULL
 * then. Where may_be_offline says so, PERMISSION and IO are none: log_dir_is_offline tells. */
enum err log_dir_open(struct env *env, const struct log_dir_options *options,
                      struct log_dir **out) MUST_CHECK;

const char *log_dir_path(const struct log_dir *dir);
struct uuid log_dir_id(const struct log_dir *dir); /* zero when meta.properties has none */
const struct meta_properties *log_dir_meta(const struct log_dir *dir);

/* Write meta.properties. Err: IO. */
enum err log_dir_set_meta(struct log_dir *dir, const struct meta_properties *meta) MUST_CHECK;

/* The marker of the last shutdown: whether it was clean, and the broker epoch in it (-1). */
bool log_dir_was_clean(const struct log_dir *dir);
int64_t log_dir_clean_broker_epoch(const struct log_dir *dir);

/* Load every partition directory but __cluster_metadata-0. Names Kafka would not accept are
 * INVALID, with the name in the trace. Err: IO (the directory is offline now), INVALID. */
enum err log_dir_load(struct log_dir *dir) MUST_CHECK;

/* A log by its partition; NULL when absent. */
struct log *log_dir_get(struct log_dir *dir, struct str topic, int32_t partition);

/* Logs by position, in a stable order until one is added or removed. */
int32_t log_dir_logs_count(const struct log_dir *dir);
struct log *log_dir_log_at(struct log_dir *dir, int32_t index);

/* Create a partition's directory and partition.metadata, or give the log that is there.
 * Err: INVALID (there with another id), OFFLINE, IO, NO_SPACE. */
enum err log_dir_create_log(struct log_dir *dir, struct str topic, int32_t partition,
                            struct uuid topic_id, struct log_config *config,
                            struct log **out) MUST_CHECK;

/* Open, recovering if needed, or create one log that log_dir_load passes over: the metadata log.
 * It is like any other afterwards, except that log_dir_logs_count does not count it. */
enum err log_dir_open_metadata_log(struct log_dir *dir, struct log_config *config,
                                   struct log **out) MUST_CHECK;

/* Rename the log's directory to -delete and remove it after file.delete.delay.ms. The log is freed.
 */
enum err log_dir_delete_log(struct log_dir *dir, struct log *log) MUST_CHECK;

/* Rename to -stray and forget it; kept for the operator. The log is freed. */
enum err log_dir_stray_log(struct log_dir *dir, struct log *log) MUST_CHECK;

bool log_dir_is_offline(const struct log_dir *dir);

/* A cordoned directory takes no new replicas while another is left (cordoned.log.dirs); what it has
 * it serves. For whoever chooses. */
void log_dir_set_cordoned(struct log_dir *dir, bool cordoned);

/* producer.id.expiration.ms has changed. */
void log_dir_set_producer_id_expiration(struct log_dir *dir, int64_t ms);
bool log_dir_is_cordoned(const struct log_dir *dir);

/* Take it offline as an I/O error would. */
void log_dir_fail(struct log_dir *dir, enum err cause, const char *what);

/* A sync failed of a file that nobody relies on: it goes on, and the next start does not trust what
 * the system holds of it. */
void log_dir_mark_failed(struct log_dir *dir, enum err cause, const char *what);

/* One retention pass, and one write of each checkpoint, now (tests; the timers do it otherwise). */
void log_dir_apply_retention(struct log_dir *dir);
enum err log_dir_checkpoint(struct log_dir *dir) MUST_CHECK;

/* Shut down in order: flush and close every log, write checkpoints, then the clean marker. When
 * anything failed the marker is not written. The log_dir is freed either way. Err: IO, OFFLINE. */
enum err log_dir_close(struct log_dir *dir, int64_t broker_epoch) MUST_CHECK;

/* Free the memory and drop the handles, write nothing: what a crash leaves. */
void log_dir_abandon(struct log_dir *dir);

#endif
