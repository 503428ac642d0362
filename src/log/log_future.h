/* The copy of a log that grows in another directory of the same node while its replica moves there
 * (KIP-113): Kafka's future log, in a directory of its own name.
 *
 *   /a/orders-7                          the current log, which everybody reads and appends to
 *   /b/orders-7.HEX-future               its copy; HEX: 32 hexadecimal digits
 *
 * Replacing, when the copy is complete and durable:
 *
 *   1. /a/orders-7  ->  /a/orders-7.HEX-delete, durable      from here on the copy is the log
 *   2. /b/orders-7.HEX-future  ->  /b/orders-7, durable
 *   3. the old one is removed after file.delete.delay.ms
 *
 * There are never two current logs, and a crash between 1 and 2 is told from a copy that was never
 * finished by the HEX of both names: logs_complete_replacements goes on with 2. (Kafka renames the
 * copy first and refuses to start on what a crash leaves in between.)
 *
 * A future log is a log in all that log.h says, except that the directory does not count it among
 * its logs and no retention is applied to it: it follows the start of the current one. Checkpoints
 * hold it under the name of its partition. Owned by its log_dir. Thread: the loop's. */
#ifndef SAMSA_LOG_LOG_FUTURE_H
#define SAMSA_LOG_LOG_FUTURE_H

#include "log/log_dir.h"

enum { FUTURE_NAME_BYTES_MAX = 255 };

bool log_is_future(const struct log *log);

/* Whether a future log of this partition has a name that a file system takes. */
bool log_future_name_fits(struct str topic, int32_t partition);

/* By position, in a stable order until one is added or removed. */
int32_t log_dir_futures_count(const struct log_dir *dir);
struct log *log_dir_future_at(struct log_dir *dir, int32_t index);

/* NULL when the directory holds none of this partition. */
struct log *log_dir_future(struct log_dir *dir, struct str topic, int32_t partition);

/* An empty future log of the same partition and topic id. Recovery points of what the directory
 * held under this name before are forgotten first. PRE: `of` lies elsewhere, and no future log of
 * it here. Err: OFFLINE, IO, NO_SPACE. It is removed with log_dir_delete_log, or put aside with
 * log_dir_stray_log. */
enum err log_dir_create_future(struct log_dir *dir, const struct log *of, struct log_config *config,
                               struct log **out) MUST_CHECK;

/* Take over the leader epochs of `current` behind which no batch stands yet. PRE: both end at the
 * same offset. */
void log_future_take_epochs(struct log *future, const struct log *current);

/* The future log becomes the current one, the current one is deleted and freed. Blocks for two
 * syncs of a directory. PRE: same partition, same start and end offset, and what is durable in the
 * current log is in the future one. After an error both are as they were, but for a directory that
 * is offline now; the future one's may also be after success. Err: OFFLINE, IO, or what passes:
 * NO_SPACE, NO_DESCRIPTORS. */
enum err log_replace(struct log *current, struct log *future) MUST_CHECK;

/* All directories of the node are loaded: finish what a crash interrupted in log_replace. */
void logs_complete_replacements(struct log_dir *const *dirs, int32_t count);

#endif
