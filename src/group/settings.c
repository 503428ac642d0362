#include "group/settings.h"

#include "config/config.h"

struct group_settings group_settings_of(const struct config *c)
{
    return (struct group_settings){
        .session_timeout_ms_min = config_int(c, CONFIG_GROUP_MIN_SESSION_TIMEOUT_MS),
        .session_timeout_ms_max = config_int(c, CONFIG_GROUP_MAX_SESSION_TIMEOUT_MS),
        .initial_rebalance_delay_ms = config_int(c, CONFIG_GROUP_INITIAL_REBALANCE_DELAY_MS),
        .size_max = config_int(c, CONFIG_GROUP_MAX_SIZE),
        .metadata_bytes_max = config_int(c, CONFIG_OFFSET_METADATA_MAX_BYTES),
        .retention_ms = config_int(c, CONFIG_OFFSETS_RETENTION_MINUTES) * 60000LL,
        .retention_check_ms = config_long(c, CONFIG_OFFSETS_RETENTION_CHECK_INTERVAL_MS),
        .commit_timeout_ms = config_int(c, CONFIG_OFFSETS_COMMIT_TIMEOUT_MS),
        .compression = config_int(c, CONFIG_OFFSETS_TOPIC_COMPRESSION_CODEC),
        .partitions = config_int(c, CONFIG_OFFSETS_TOPIC_NUM_PARTITIONS),
    };
}
