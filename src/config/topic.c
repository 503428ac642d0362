/* Topic keys and the broker keys behind them (ServerTopicConfigSynonyms):
 *
 *   topic key     broker keys, first set one holds; a factor turns their unit into the topic's
 *   retention.ms  log.retention.ms, log.retention.minutes * 60000, log.retention.hours * 3600000
 */
#include "config/topic.h"

#include <stdlib.h>

#include "base/assert.h"

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };

struct synonym {
    enum config_id id;
    int32_t factor; /* 0 ends the list */
};

static const struct synonym synonyms[TOPIC_CONFIG_COUNT][3] = {
    [TOPIC_CLEANUP_POLICY] = {{CONFIG_LOG_CLEANUP_POLICY, 1}},
    [TOPIC_COMPRESSION_GZIP_LEVEL] = {{CONFIG_COMPRESSION_GZIP_LEVEL, 1}},
    [TOPIC_COMPRESSION_LZ4_LEVEL] = {{CONFIG_COMPRESSION_LZ4_LEVEL, 1}},
    [TOPIC_COMPRESSION_TYPE] = {{CONFIG_COMPRESSION_TYPE, 1}},
    [TOPIC_COMPRESSION_ZSTD_LEVEL] = {{CONFIG_COMPRESSION_ZSTD_LEVEL, 1}},
    [TOPIC_DELETE_RETENTION_MS] = {{CONFIG_LOG_CLEANER_DELETE_RETENTION_MS, 1}},
    [TOPIC_FILE_DELETE_DELAY_MS] = {{CONFIG_LOG_SEGMENT_DELETE_DELAY_MS, 1}},
    [TOPIC_FLUSH_MESSAGES] = {{CONFIG_LOG_FLUSH_INTERVAL_MESSAGES, 1}},
    [TOPIC_FLUSH_MS] = {{CONFIG_LOG_FLUSH_INTERVAL_MS, 1},
                        {CONFIG_LOG_FLUSH_SCHEDULER_INTERVAL_MS, 1}},
    [TOPIC_INDEX_INTERVAL_BYTES] = {{CONFIG_LOG_INDEX_INTERVAL_BYTES, 1}},
    [TOPIC_LOCAL_RETENTION_BYTES] = {{CONFIG_LOG_LOCAL_RETENTION_BYTES, 1}},
    [TOPIC_LOCAL_RETENTION_MS] = {{CONFIG_LOG_LOCAL_RETENTION_MS, 1}},
    [TOPIC_MAX_COMPACTION_LAG_MS] = {{CONFIG_LOG_CLEANER_MAX_COMPACTION_LAG_MS, 1}},
    [TOPIC_MAX_MESSAGE_BYTES] = {{CONFIG_MESSAGE_MAX_BYTES, 1}},
    [TOPIC_MESSAGE_TIMESTAMP_AFTER_MAX_MS] = {{CONFIG_LOG_MESSAGE_TIMESTAMP_AFTER_MAX_MS, 1}},
    [TOPIC_MESSAGE_TIMESTAMP_BEFORE_MAX_MS] = {{CONFIG_LOG_MESSAGE_TIMESTAMP_BEFORE_MAX_MS, 1}},
    [TOPIC_MESSAGE_TIMESTAMP_TYPE] = {{CONFIG_LOG_MESSAGE_TIMESTAMP_TYPE, 1}},
    [TOPIC_MIN_CLEANABLE_DIRTY_RATIO] = {{CONFIG_LOG_CLEANER_MIN_CLEANABLE_RATIO, 1}},
    [TOPIC_MIN_COMPACTION_LAG_MS] = {{CONFIG_LOG_CLEANER_MIN_COMPACTION_LAG_MS, 1}},
    [TOPIC_MIN_INSYNC_REPLICAS] = {{CONFIG_MIN_INSYNC_REPLICAS, 1}},
    [TOPIC_PREALLOCATE] = {{CONFIG_LOG_PREALLOCATE, 1}},
    [TOPIC_RETENTION_BYTES] = {{CONFIG_LOG_RETENTION_BYTES, 1}},
    [TOPIC_RETENTION_MS] = {{CONFIG_LOG_RETENTION_MS, 1},
                            {CONFIG_LOG_RETENTION_MINUTES, MINUTE_MS},
                            {CONFIG_LOG_RETENTION_HOURS, HOUR_MS}},
    [TOPIC_SEGMENT_BYTES] = {{CONFIG_LOG_SEGMENT_BYTES, 1}},
    [TOPIC_SEGMENT_INDEX_BYTES] = {{CONFIG_LOG_INDEX_SIZE_MAX_BYTES, 1}},
    [TOPIC_SEGMENT_JITTER_MS] = {{CONFIG_LOG_ROLL_JITTER_MS, 1},
                                 {CONFIG_LOG_ROLL_JITTER_HOURS, HOUR_MS}},
    [TOPIC_SEGMENT_MS] = {{CONFIG_LOG_ROLL_MS, 1}, {CONFIG_LOG_ROLL_HOURS, HOUR_MS}},
    [TOPIC_UNCLEAN_LEADER_ELECTION_ENABLE] = {{CONFIG_UNCLEAN_LEADER_ELECTION_ENABLE, 1}},
};

/* The broker's value for a topic key. */
static void broker_value(const struct config *c, enum topic_config_id id, struct arena *arena,
                         struct config_value *out)
{
    struct config_error error;
    for (int i = 0; i < 3 && synonyms[id][i].factor; i++) {
        const struct synonym *s = &synonyms[id][i];
        const struct config_value *v = &c->values[s->id];
        if (v->is_null) continue;
        *out = *v;
        out->number *= s->factor;
        if (id == TOPIC_RETENTION_MS && out->number < 0) out->number = -1;
        return;
    }
    const struct config_key *key = &topic_config_keys[id];
    enum err e = config_value_parse(key, str_of(key->default_text), arena, out, &error);
    INVARIANT(e == ERR_OK);
}

/* All values of a topic. An override that does not parse gives its error, if `error` is not
 * NULL. */
static enum err resolve(const struct config *c, const struct config_pair *overrides, int32_t count,
                        struct arena *arena, struct config_value values[TOPIC_CONFIG_COUNT],
                        struct config_error *error)
{
    for (int id = 0; id < TOPIC_CONFIG_COUNT; id++)
        broker_value(c, (enum topic_config_id)id, arena, &values[id]);
    for (int32_t i = 0; i < count; i++) {
        int id = config_key_find(topic_config_keys, TOPIC_CONFIG_COUNT, overrides[i].name);
        if (id < 0) {
            if (!error) continue;
            return config_error_set(error, "Unknown topic config name: %.*s",
                                    STR_ARG(overrides[i].name));
        }
        struct config_value value;
        struct config_error ignored;
        enum err e = config_value_parse(&topic_config_keys[id], overrides[i].value, arena, &value,
                                        error ? error : &ignored);
        if (e && error) return e;
        if (!e) values[id] = value;
    }
    return ERR_OK;
}

static bool list_has(const struct config_value *v, const char *word)
{
    for (int32_t i = 0; i < v->list_count; i++)
        if (str_equal_z(v->list[i], word)) return true;
    return false;
}

void topic_config_resolve(const struct config *c, const struct config_pair *overrides,
                          int32_t count, struct arena *arena, struct topic_config *out)
{
    struct config_value v[TOPIC_CONFIG_COUNT];
    enum err e = resolve(c, overrides, count, arena, v, NULL);
    INVARIANT(e == ERR_OK);
    *out = (struct topic_config){
        .cleanup_compact = list_has(&v[TOPIC_CLEANUP_POLICY], "compact"),
        .cleanup_delete = list_has(&v[TOPIC_CLEANUP_POLICY], "delete"),
        .compression_gzip_level = (int32_t)v[TOPIC_COMPRESSION_GZIP_LEVEL].number,
        .compression_lz4_level = (int32_t)v[TOPIC_COMPRESSION_LZ4_LEVEL].number,
        .compression_zstd_level = (int32_t)v[TOPIC_COMPRESSION_ZSTD_LEVEL].number,
        .compression_type = v[TOPIC_COMPRESSION_TYPE].text,
        .delete_retention_ms = v[TOPIC_DELETE_RETENTION_MS].number,
        .file_delete_delay_ms = v[TOPIC_FILE_DELETE_DELAY_MS].number,
        .flush_messages = v[TOPIC_FLUSH_MESSAGES].number,
        .flush_ms = v[TOPIC_FLUSH_MS].number,
        .index_interval_bytes = (int32_t)v[TOPIC_INDEX_INTERVAL_BYTES].number,
        .compaction_lag_ms_min = v[TOPIC_MIN_COMPACTION_LAG_MS].number,
        .compaction_lag_ms_max = v[TOPIC_MAX_COMPACTION_LAG_MS].number,
        .message_bytes_max = (int32_t)v[TOPIC_MAX_MESSAGE_BYTES].number,
        .timestamp_before_ms_max = v[TOPIC_MESSAGE_TIMESTAMP_BEFORE_MAX_MS].number,
        .timestamp_after_ms_max = v[TOPIC_MESSAGE_TIMESTAMP_AFTER_MAX_MS].number,
        .timestamp_type = strcmp(v[TOPIC_MESSAGE_TIMESTAMP_TYPE].text, "LogAppendTime") == 0
                              ? TOPIC_LOG_APPEND_TIME
                              : TOPIC_CREATE_TIME,
        .cleanable_dirty_ratio_min = v[TOPIC_MIN_CLEANABLE_DIRTY_RATIO].real,
        .in_sync_replicas_min = (int32_t)v[TOPIC_MIN_INSYNC_REPLICAS].number,
        .preallocate = v[TOPIC_PREALLOCATE].boolean,
        .retention_bytes = v[TOPIC_RETENTION_BYTES].number,
        .retention_ms = v[TOPIC_RETENTION_MS].number,
        .segment_bytes = (int32_t)v[TOPIC_SEGMENT_BYTES].number,
        .segment_index_bytes = (int32_t)v[TOPIC_SEGMENT_INDEX_BYTES].number,
        .segment_jitter_ms = v[TOPIC_SEGMENT_JITTER_MS].number,
        .segment_ms = v[TOPIC_SEGMENT_MS].number,
        .unclean_leader_election_enable = v[TOPIC_UNCLEAN_LEADER_ELECTION_ENABLE].boolean,
        .leader_throttled = v[TOPIC_LEADER_REPLICATION_THROTTLED_REPLICAS].list,
        .leader_throttled_count = v[TOPIC_LEADER_REPLICATION_THROTTLED_REPLICAS].list_count,
        .follower_throttled = v[TOPIC_FOLLOWER_REPLICATION_THROTTLED_REPLICAS].list,
        .follower_throttled_count = v[TOPIC_FOLLOWER_REPLICATION_THROTTLED_REPLICAS].list_count,
    };
    /* Kafka's own tests shrink segments below the public minimum by this key */
    if (!v[TOPIC_INTERNAL_SEGMENT_BYTES].is_null)
        out->segment_bytes = (int32_t)v[TOPIC_INTERNAL_SEGMENT_BYTES].number;
}

/* Values that must be non-null, and rules between keys (LogConfig.validate). */
enum err config_validate_topic(const struct config *c, const struct config_pair *overrides,
                               int32_t count, struct config_error *error)
{
    struct arena arena;
    arena_init(&arena, 16384);
    struct config_value *v = ARENA_ARRAY(&arena, struct config_value, TOPIC_CONFIG_COUNT);
    enum err e = ERR_OK;
    for (int32_t i = 0; i < count && !e; i++)
        if (config_key_find(topic_config_keys, TOPIC_CONFIG_COUNT, overrides[i].name) < 0)
            e = config_error_set(error, "Unknown topic config name: %.*s",
                                 STR_ARG(overrides[i].name));
    for (int32_t i = 0; i < count && !e; i++)
        if (str_is_null(overrides[i].value))
            e = config_error_set(error, "Null value not supported for topic configs: %.*s",
                                 STR_ARG(overrides[i].name));
    if (!e) e = resolve(c, overrides, count, &arena, v, error);
    if (!e && v[TOPIC_MIN_COMPACTION_LAG_MS].number > v[TOPIC_MAX_COMPACTION_LAG_MS].number)
        e = config_error_set(error,
                             "conflict topic config setting min.compaction.lag.ms (%lld) > "
                             "max.compaction.lag.ms (%lld)",
                             (long long)v[TOPIC_MIN_COMPACTION_LAG_MS].number,
                             (long long)v[TOPIC_MAX_COMPACTION_LAG_MS].number);
    if (!e && v[TOPIC_REMOTE_STORAGE_ENABLE].boolean &&
        !config_bool(c, CONFIG_REMOTE_LOG_STORAGE_SYSTEM_ENABLE))
        e = config_error_set(error, "Tiered Storage functionality is disabled in the broker. Topic "
                                    "cannot be configured with remote log storage.");
    arena_free(&arena);
    return e;
}

static const struct config_pair *find_override(const struct config_pair *overrides, int32_t count,
                                               const char *name)
{
    for (int32_t i = count - 1; i >= 0; i--)
        if (str_equal_z(overrides[i].name, name)) return &overrides[i];
    return NULL;
}

/* One entry from its parsed value, the override that set it if any, and what stands behind. */
static void describe(const struct config_key *key, const struct config_value *value,
                     bool overridden, enum config_source source,
                     const struct config_synonym *behind, int32_t behind_count, struct arena *arena,
                     struct config_described *d)
{
    *d = (struct config_described){.name = key->name,
                                   .value = config_value_text(key, value, arena),
                                   .sensitive = config_key_is_sensitive(key),
                                   .type = config_type_wire(key->type),
                                   .documentation = key->meaning,
                                   .source = SOURCE_DEFAULT};
    if (d->sensitive) d->value = STR_NULL;
    d->synonyms = ARENA_ARRAY(arena, struct config_synonym, behind_count + 1);
    if (overridden)
        d->synonyms[d->synonyms_count++] = (struct config_synonym){key->name, d->value, source};
    for (int32_t i = 0; i < behind_count; i++) d->synonyms[d->synonyms_count++] = behind[i];
    if (d->synonyms_count) d->source = d->synonyms[0].source;
}

void config_describe_topic(const struct config *c, const struct config_pair *overrides,
                           int32_t overrides_count, struct arena *arena,
                           struct config_described **out, int32_t *count)
{
    struct config_value *v = ARENA_ARRAY(arena, struct config_value, TOPIC_CONFIG_COUNT);
    enum err e = resolve(c, overrides, overrides_count, arena, v, NULL);
    INVARIANT(e == ERR_OK);
    *out = ARENA_ARRAY(arena, struct config_described, TOPIC_CONFIG_COUNT);
    *count = 0;
    for (int id = 0; id < TOPIC_CONFIG_COUNT; id++) {
        const struct config_key *key = &topic_config_keys[id];
        bool overridden = find_override(overrides, overrides_count, key->name) != NULL;
        if (id == TOPIC_INTERNAL_SEGMENT_BYTES && !overridden) continue;
        struct config_synonym *behind = NULL;
        int32_t behind_count = 0;
        if (synonyms[id][0].factor)
            config_describe_synonyms(c, config_keys[synonyms[id][0].id].name, arena, &behind,
                                     &behind_count);
        describe(key, &v[id], overridden, SOURCE_TOPIC, behind, behind_count, arena,
                 &(*out)[(*count)++]);
    }
}

void config_describe_group(const struct config *c, const struct config_pair *overrides,
                           int32_t overrides_count, struct arena *arena,
                           struct config_described **out, int32_t *count)
{
    *out = ARENA_ARRAY(arena, struct config_described, GROUP_CONFIG_COUNT);
    *count = 0;
    for (int id = 0; id < GROUP_CONFIG_COUNT; id++) {
        const struct config_key *key = &group_config_keys[id];
        const struct config_pair *o = find_override(overrides, overrides_count, key->name);
        struct config_value value;
        struct config_error error;
        struct config_synonym *behind = NULL;
        int32_t behind_count = 0;
        /* consumer.x of a group stands over group.consumer.x of the broker */
        struct str broker_name = arena_printf(arena, "group.%s", key->name);
        int broker_id = config_key_find(config_keys, CONFIG_COUNT, broker_name);
        if (broker_id >= 0) {
            value = c->values[broker_id];
            config_describe_synonyms(c, broker_name.data, arena, &behind, &behind_count);
        } else {
            enum err e = config_value_parse(key, str_of(key->default_text), arena, &value, &error);
            INVARIANT(e == ERR_OK);
            behind = ARENA_NEW(arena, struct config_synonym);
            behind[behind_count++] =
                (struct config_synonym){key->name, str_of(key->default_text), SOURCE_DEFAULT};
        }
        struct config_value own;
        bool overridden = o && config_value_parse(key, o->value, arena, &own, &error) == ERR_OK;
        describe(key, overridden ? &own : &value, overridden, SOURCE_GROUP, behind, behind_count,
                 arena, &(*out)[(*count)++]);
    }
}
