/* The settings of a topic's logs: Kafka's topic configs that the log obeys, as numbers.
 *
 * One struct is shared by all logs of a topic and counted; it is replaced, never changed, so that a
 * log sees either the old settings or the new. Thread: the loop's. */
#ifndef SAMSA_LOG_LOG_CONFIG_H
#define SAMSA_LOG_LOG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/compress.h"

struct log_config {
    int32_t references;

    int32_t segment_bytes;
    int64_t segment_ms;
    int64_t segment_jitter_ms;
    int32_t segment_index_bytes;
    int32_t index_interval_bytes;
    bool preallocate;

    int64_t flush_messages;
    int64_t flush_ms;

    bool cleanup_delete;
    bool cleanup_compact;
    int64_t retention_bytes; /* -1 unlimited */
    int64_t retention_ms;    /* -1 unlimited */
    int64_t file_delete_delay_ms;

    int32_t max_message_bytes;
    bool compression_producer; /* keep what the producer chose; else the next two */
    enum compression compression;
    int32_t compression_level;
    bool log_append_time;
    int64_t timestamp_before_ms_max;
    int64_t timestamp_after_ms_max;
};

/* Kafka 4.3's defaults, with one reference. */
struct log_config *log_config_new(void);

/* A copy with one reference, to be filled before it is shared. */
struct log_config *log_config_copy(const struct log_config *c);

struct log_config *log_config_ref(struct log_config *c);
void log_config_unref(struct log_config *c);

#endif
