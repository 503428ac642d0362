#include "log/log_config.h"

#include "base/assert.h"
#include "base/mem.h"

struct log_config *log_config_new(void)
{
    struct log_config *c = MEM_NEW(struct log_config);
    *c = (struct log_config){
        .references = 1,
        .segment_bytes = 1 << 30,
        .segment_ms = 7LL * 24 * 3600 * 1000,
        .segment_index_bytes = 10 << 20,
        .index_interval_bytes = 4096,
        .flush_messages = INT64_MAX,
        .flush_ms = INT64_MAX,
        .cleanup_delete = true,
        .retention_bytes = -1,
        .retention_ms = 7LL * 24 * 3600 * 1000,
        .file_delete_delay_ms = 60000,
        .max_message_bytes = (1 << 20) + 12,
        .compression_producer = true,
        .compression_level = COMPRESSION_LEVEL_DEFAULT,
        .timestamp_before_ms_max = INT64_MAX,
        .timestamp_after_ms_max = 3600000,
    };
    return c;
}

struct log_config *log_config_copy(const struct log_config *c)
{
    struct log_config *copy = mem_dup(c, sizeof *c);
    copy->references = 1;
    return copy;
}

struct log_config *log_config_ref(struct log_config *c)
{
    c->references++;
    return c;
}

void log_config_unref(struct log_config *c)
{
    PRE(c->references > 0);
    if (--c->references == 0) mem_free(c);
}
