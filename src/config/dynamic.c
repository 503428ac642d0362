#include "config/dynamic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "config/connection_limits.h"

/* A change that is asked for, and what it is about. */
struct change {
    const struct config *c;
    const struct config_pair *pairs;
    int32_t count;
    bool this_broker;
};

/* ---- which keys may change */

/* A key store belongs to one listener: without its prefix none of these may change. */
static bool is_of_a_listener(const char *name)
{
    return strncmp(name, "ssl.key", 7) == 0 || strncmp(name, "ssl.truststore.", 15) == 0;
}

enum refusal { REFUSED_FIXED, REFUSED_WITHOUT_LISTENER, REFUSED_FOR_ALL };

static bool is_refused(const struct change *change, const struct config_pair *pair,
                       enum refusal why)
{
    bool override;
    int id = config_broker_key_find(pair->name, &override);
    if (id < 0) return false;
    const struct config_key *key = &config_keys[id];
    switch (why) {
    case REFUSED_FIXED: return key->scope == SCOPE_FIXED;
    case REFUSED_WITHOUT_LISTENER:
        return key->scope == SCOPE_PER_BROKER && !override && is_of_a_listener(key->name);
    case REFUSED_FOR_ALL: return key->scope == SCOPE_PER_BROKER && !change->this_broker;
    }
    UNREACHABLE();
    return false;
}

/* All keys of the change that are refused for one reason, in one sentence. */
static enum err check_scope(const struct change *change, enum refusal why,
                            struct config_error *error)
{
    static const char *const sentences[] = {
        "Cannot update these configs dynamically",
        ("These security configs can be dynamically updated only per-listener using the listener "
         "prefix"),
        "Cannot update these configs at default cluster level, broker id must be specified"};
    char names[sizeof error->text] = "";
    size_t len = 0;
    for (int32_t i = 0; i < change->count; i++) {
        if (str_is_null(change->pairs[i].value) || !is_refused(change, &change->pairs[i], why))
            continue;
        if (len < sizeof names)
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%.*s", len ? ", " : "",
                                    STR_ARG(change->pairs[i].name));
    }
    return len ? config_error_set(error, "%s: [%s]", sentences[why], names) : ERR_OK;
}

/* ---- values by themselves */

/* Rates that are only set at run time. Other unknown names are kept, as Kafka keeps them for
 * plugins. */
static enum err check_rate(const struct config_pair *pair, struct config_error *error)
{
    if (!config_is_rate(pair->name)) return ERR_OK;
    char text[24], *end;
    snprintf(text, sizeof text, "%.*s", STR_ARG(pair->value));
    errno = 0;
    long long rate = strtoll(text, &end, 10);
    if (!*text || *end || errno || pair->value.len >= (int32_t)sizeof text)
        return config_error_set(error,
                                "Invalid value %.*s for configuration %.*s: Not a number of type "
                                "LONG",
                                STR_ARG(pair->value), STR_ARG(pair->name));
    if (rate < 0)
        return config_error_set(
            error, "Invalid value %lld for configuration %.*s: Value must be at least 0", rate,
            STR_ARG(pair->name));
    return ERR_OK;
}

/* What a node asks of these values when it starts, it asks of them at run time too. */
static enum err check_relation(int id, const struct config_value *value, struct config_error *error)
{
    if (id == CONFIG_LOG_RETENTION_MS && value->number == 0)
        return config_error_set(error, "requirement failed: log.retention.ms must be unlimited "
                                       "(-1) or, greater than or equal to 1");
    if (id == CONFIG_LOG_ROLL_MS && value->number < 1)
        return config_error_set(
            error, "requirement failed: log.roll.ms must be greater than or equal to 1");
    if (id == CONFIG_MAX_CONNECTION_CREATION_RATE && value->number < 1)
        return config_error_set(error,
                                "Invalid value org.apache.kafka.common.config.ConfigException: "
                                "Invalid max.connection.creation.rate %lld for configuration "
                                "Invalid dynamic configuration",
                                (long long)value->number);
    return ERR_OK;
}

/* Classes are not loaded here: the one that comes with Apache Kafka may be named, and no other. */
static enum err check_reporters(int id, const struct config_value *value,
                                struct config_error *error)
{
    for (int32_t i = 0; id == CONFIG_METRIC_REPORTERS && i < value->list_count; i++)
        if (!str_equal_z(value->list[i], config_keys[id].default_text))
            return config_error_set(error,
                                    "Invalid value %.*s for configuration metric.reporters: Class "
                                    "%.*s could not be found.",
                                    STR_ARG(value->list[i]), STR_ARG(value->list[i]));
    return ERR_OK;
}

static enum err check_value(const struct config_pair *pair, struct arena *arena,
                            struct config_error *error)
{
    bool override;
    int id = config_broker_key_find(pair->name, &override);
    if (str_is_null(pair->value)) return ERR_OK;
    if (id < 0) return check_rate(pair, error);
    struct config_value value;
    enum err e = config_value_parse(&config_keys[id], pair->value, arena, &value, error);
    if (!e) e = check_relation(id, &value, error);
    return e ? e : check_reporters(id, &value, error);
}

/* ---- what the values would become */

/* The text that would hold for a key behind the change. NULL when none. */
static const char *text_after(const struct change *change, enum config_id id, struct arena *arena)
{
    enum config_layer layer = change->this_broker ? LAYER_DYNAMIC_BROKER : LAYER_DYNAMIC_DEFAULT;
    const struct config_pair *pair = NULL;
    for (int32_t i = 0; i < change->count; i++)
        if (str_equal_z(change->pairs[i].name, config_keys[id].name)) pair = &change->pairs[i];
    for (int at = 0; at < LAYER_COUNT; at++) {
        if (at == (int)layer && pair) {
            if (str_is_null(pair->value)) continue;
            return arena_str(arena, pair->value).data;
        }
        if (change->c->texts[at][id]) return change->c->texts[at][id];
    }
    return NULL;
}

static int64_t number_after(const struct change *change, enum config_id id, struct arena *arena)
{
    struct config_value value = {0};
    struct config_error ignored;
    const char *text = text_after(change, id, arena);
    if (!text ||
        config_value_parse(&config_keys[id], str_of(text), arena, &value, &ignored) != ERR_OK)
        return change->c->values[id].number;
    return value.number;
}

/* Half as many or twice as many at once, not more. */
static enum err check_threads(enum config_id id, int64_t now, int64_t after,
                              struct config_error *error)
{
    const char *name = config_keys[id].name;
    bool less = after < now / 2;
    if (!less && after <= now * 2) return ERR_OK;
    if (id == CONFIG_LOG_CLEANER_THREADS)
        return config_error_set(
            error,
            "Invalid value org.apache.kafka.common.config.ConfigException: Log cleaner threads "
            "cannot be %s the current value %lld for configuration Invalid dynamic configuration",
            less ? "reduced to less than half" : "increased to more than double", (long long)now);
    return config_error_set(
        error,
        "Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update "
        "validation failed for %s=%lld, value should %s the current value %lld for configuration "
        "Invalid dynamic configuration",
        name, (long long)after, less ? "be at least half" : "not be greater than double",
        (long long)now);
}

/* num.network.threads of one listener. */
static enum err check_listener_threads(const struct change *change, const struct config_pair *pair,
                                       struct arena *arena, struct config_error *error)
{
    bool override;
    int id = config_broker_key_find(pair->name, &override);
    if (id != CONFIG_NUM_NETWORK_THREADS || !override || str_is_null(pair->value)) return ERR_OK;
    const char *text = config_extra(change->c, arena_str(arena, pair->name).data);
    int64_t now = text ? strtoll(text, NULL, 10) : config_int(change->c, (enum config_id)id);
    int64_t after = strtoll(arena_str(arena, pair->value).data, NULL, 10);
    return check_threads((enum config_id)id, now, after, error);
}

static enum err check_all_threads(const struct change *change, struct arena *arena,
                                  struct config_error *error)
{
    static const enum config_id pools[] = {
        CONFIG_NUM_IO_THREADS,       CONFIG_NUM_NETWORK_THREADS,
        CONFIG_NUM_REPLICA_FETCHERS, CONFIG_NUM_RECOVERY_THREADS_PER_DATA_DIR,
        CONFIG_BACKGROUND_THREADS,   CONFIG_LOG_CLEANER_THREADS,
    };
    enum err e = ERR_OK;
    for (size_t i = 0; i < sizeof pools / sizeof *pools && !e; i++)
        e = check_threads(pools[i], config_int(change->c, pools[i]),
                          number_after(change, pools[i], arena), error);
    for (int32_t i = 0; i < change->count && !e; i++)
        e = check_listener_threads(change, &change->pairs[i], arena, error);
    return e;
}

/* Sockets are opened at start: a listener is not added, moved or taken away later. */
static enum err check_listeners(const struct change *change, struct arena *arena,
                                struct config_error *error)
{
    static const enum config_id ids[] = {CONFIG_LISTENERS, CONFIG_LISTENER_SECURITY_PROTOCOL_MAP};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const char *after = text_after(change, ids[i], arena);
        struct str now = config_value_text(&config_keys[ids[i]], &change->c->values[ids[i]], arena);
        if (after && !str_equal_z(now, after))
            return config_error_set(
                error,
                "Listeners cannot be changed while the broker runs: set %s in its file, and "
                "restart it",
                config_keys[ids[i]].name);
    }
    return ERR_OK;
}

static enum err check_together(const struct change *change, struct arena *arena,
                               struct config_error *error)
{
    const int64_t mib = 1024 * 1024;
    int64_t threads = number_after(change, CONFIG_LOG_CLEANER_THREADS, arena);
    int64_t buffer = number_after(change, CONFIG_LOG_CLEANER_DEDUPE_BUFFER_SIZE, arena);
    if (threads > 0 && buffer / threads <= mib)
        return config_error_set(error, "requirement failed: log.cleaner.dedupe.buffer.size must be "
                                       "at least 1MB per cleaner thread.");
    const char *overrides = text_after(change, CONFIG_MAX_CONNECTIONS_PER_IP_OVERRIDES, arena);
    if (connection_overrides_check(overrides, error)) return ERR_INVALID;
    if (number_after(change, CONFIG_MAX_CONNECTIONS_PER_IP, arena) == 0 &&
        (!overrides || !*overrides))
        return config_error_set(error,
                                "requirement failed: max.connections.per.ip can be set to zero "
                                "only if max.connections.per.ip.overrides property is set.");
    enum err e = check_listeners(change, arena, error);
    return e ? e : check_all_threads(change, arena, error);
}

enum err config_validate_broker(const struct config *c, const struct config_pair *pairs,
                                int32_t count, bool this_broker, struct config_error *error)
{
    const struct change change = {c, pairs, count, this_broker};
    struct arena arena;
    arena_init(&arena, 0);
    enum err e = check_scope(&change, REFUSED_FIXED, error);
    if (!e) e = check_scope(&change, REFUSED_WITHOUT_LISTENER, error);
    for (int32_t i = 0; i < count && !e; i++) e = check_value(&pairs[i], &arena, error);
    if (!e) e = check_scope(&change, REFUSED_FOR_ALL, error);
    if (!e) e = check_together(&change, &arena, error);
    arena_free(&arena);
    return e;
}
