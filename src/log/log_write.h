/* Private to log/: what appends as leader and as follower share. */
#ifndef SAMSA_LOG_LOG_WRITE_H
#define SAMSA_LOG_LOG_WRITE_H

#include "log/log_internal.h"

/* Whole, checked batches with their final offsets. */
struct log_write {
    const uint8_t *data;
    size_t len;
    int64_t first_offset, last_offset;
    int64_t max_timestamp; /* of all */
    int32_t ahead;         /* of the directory's batches that are ready to be written with it */
};

/* At the log end offset, rolling first when it is time. The log is as before after NO_SPACE and
 * NO_DESCRIPTORS; after IO the directory is offline. *ahead: how many were written behind it. */
enum err log_write_batches(struct log *log, const struct log_write *w, bool *rolled,
                           int32_t *ahead) MUST_CHECK;

/* A new, empty, active segment. */
enum err log_begin_segment(struct log *log, int64_t base_offset) MUST_CHECK;

#endif
