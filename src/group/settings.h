/* What the group coordinator obeys, read once from the configuration: these keys never change while
 * a node runs. */
#ifndef SAMSA_GROUP_SETTINGS_H
#define SAMSA_GROUP_SETTINGS_H

#include <stdint.h>

struct config;

struct group_settings {
    int32_t session_timeout_ms_min, session_timeout_ms_max; /* group.min/max.session.timeout.ms */
    int32_t initial_rebalance_delay_ms;                     /* group.initial.rebalance.delay.ms */
    int32_t size_max;                                       /* group.max.size */
    int32_t metadata_bytes_max; /* offset.metadata.max.bytes, in UTF-16 units as Kafka does */
    int64_t retention_ms;       /* offsets.retention.minutes */
    int64_t retention_check_ms; /* offsets.retention.check.interval.ms */
    int32_t commit_timeout_ms;  /* offsets.commit.timeout.ms */
    int32_t compression;        /* offsets.topic.compression.codec, an enum compression */
    int32_t partitions;         /* offsets.topic.num.partitions */
};

struct group_settings group_settings_of(const struct config *c);

#endif
