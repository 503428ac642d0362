/* Configuration of topics: the topic's own values over broker keys of other names and units.
 *
 * Owns nothing. */
#ifndef SAMSA_CONFIG_TOPIC_H
#define SAMSA_CONFIG_TOPIC_H

#include "config/config.h"

enum topic_timestamp_type { TOPIC_CREATE_TIME = 0, TOPIC_LOG_APPEND_TIME = 1 };

/* What holds for one topic. */
struct topic_config {
    bool cleanup_compact, cleanup_delete;
    int32_t compression_gzip_level, compression_lz4_level, compression_zstd_level;
    const char *compression_type; /* "producer", "uncompressed", "gzip", … */
    int64_t delete_retention_ms;
    int64_t file_delete_delay_ms;
    int64_t flush_messages, flush_ms;
    int32_t index_interval_bytes;
    int64_t compaction_lag_ms_min, compaction_lag_ms_max;
    int32_t message_bytes_max;
    int64_t timestamp_before_ms_max, timestamp_after_ms_max;
    enum topic_timestamp_type timestamp_type;
    double cleanable_dirty_ratio_min;
    int32_t in_sync_replicas_min;
    bool preallocate;
    int64_t retention_bytes, retention_ms; /* -1: no bound */
    int32_t segment_bytes;
    int32_t segment_index_bytes;
    int64_t segment_jitter_ms, segment_ms;
    bool unclean_leader_election_enable;
    const struct str *leader_throttled, *follower_throttled; /* "partition:broker" each, or "*" */
    int32_t leader_throttled_count, follower_throttled_count;
};

/* Overrides over the broker's configuration. Values that do not parse (they were validated by
 * another release) fall back to the broker's. `arena` takes texts. */
void topic_config_resolve(const struct config *c, const struct config_pair *overrides,
                          int32_t count, struct arena *arena, struct topic_config *out);

/* Check all overrides of a topic as they would stand after a change, cross-key rules included,
 * as the controller must before it accepts. Err: INVALID with Kafka's message ("Unknown topic
 * config name: x", "Invalid value …"). */
enum err config_validate_topic(const struct config *c, const struct config_pair *overrides,
                               int32_t count, struct config_error *error) MUST_CHECK;

/* DescribeConfigs of a topic, and of a group: every key, sorted by name. */
void config_describe_topic(const struct config *c, const struct config_pair *overrides,
                           int32_t overrides_count, struct arena *arena,
                           struct config_described **out, int32_t *count);
void config_describe_group(const struct config *c, const struct config_pair *overrides,
                           int32_t overrides_count, struct arena *arena,
                           struct config_described **out, int32_t *count);

#endif
