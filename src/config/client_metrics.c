#include "config/client_metrics.h"

#include "config/value.h"

enum { INTERVAL_MS_MIN = 100, INTERVAL_MS_MAX = 3600000 };

enum key { KEY_INTERVAL, KEY_MATCH, KEY_METRICS };

static const struct config_key keys[CLIENT_METRICS_KEYS] = {
    [KEY_INTERVAL] = {.name = "interval.ms", .type = CONFIG_TYPE_INT, .default_text = "300000"},
    [KEY_MATCH] = {.name = "match", .type = CONFIG_TYPE_LIST, .default_text = ""},
    [KEY_METRICS] = {.name = "metrics", .type = CONFIG_TYPE_LIST, .default_text = ""},
};

void config_describe_client_metrics(const struct config_pair *overrides, int32_t count,
                                    struct arena *arena,
                                    struct config_described out[CLIENT_METRICS_KEYS])
{
    for (int i = 0; i < CLIENT_METRICS_KEYS; i++) {
        out[i] = (struct config_described){.name = keys[i].name,
                                           .value = str_of(keys[i].default_text),
                                           .source = SOURCE_DEFAULT,
                                           .type = config_type_wire(keys[i].type)};
        for (int32_t k = 0; k < count; k++) {
            if (!str_equal_z(overrides[k].name, keys[i].name)) continue;
            out[i].value = overrides[k].value;
            out[i].source = SOURCE_CLIENT_METRICS;
            out[i].synonyms_count = 1;
            out[i].synonyms = ARENA_NEW(arena, struct config_synonym);
            *out[i].synonyms =
                (struct config_synonym){keys[i].name, out[i].value, SOURCE_CLIENT_METRICS};
        }
    }
}

/* ---- match: name=pattern, … */

static bool is_client_label(struct str name)
{
    static const char *const names[] = {"client_instance_id",    "client_id",
                                        "client_software_name",  "client_software_version",
                                        "client_source_address", "client_source_port"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_equal_z(name, names[i])) return true;
    return false;
}

/* No pattern that Java takes is refused; of the others, those whose brackets do not close. */
static bool brackets_close(struct str pattern)
{
    int32_t open = 0;
    bool in_class = false;
    for (int32_t i = 0; i < pattern.len; i++) {
        char c = pattern.data[i];
        if (c == '\\') {
            if (++i == pattern.len) return false;
        } else if (in_class) {
            in_class = c != ']';
        } else if (c == '[') {
            in_class = true;
        } else if (c == '(') {
            open++;
        } else if (c == ')' && --open < 0) {
            return false;
        }
    }
    return open == 0 && !in_class;
}

static bool is_match(struct str item)
{
    int32_t at = 0;
    while (at < item.len && item.data[at] != '=') at++;
    struct str name = {item.data, at};
    struct str pattern = {item.data + at + 1, item.len - at - 1};
    if (pattern.len <= 0 || memchr(pattern.data, '=', (size_t)pattern.len)) return false;
    return is_client_label(name) && brackets_close(pattern);
}

/* ---- */

static enum client_metrics_fault fault(enum client_metrics_fault kind, enum err e)
{
    return e ? kind : CLIENT_METRICS_FINE;
}

static enum client_metrics_fault check(enum key key, struct str text, struct arena *arena,
                                       struct config_error *error)
{
    struct config_value value;
    if (config_value_parse(&keys[key], text, arena, &value, error)) return CLIENT_METRICS_CONFIG;
    if (key == KEY_INTERVAL && (value.number < INTERVAL_MS_MIN || value.number > INTERVAL_MS_MAX))
        return fault(CLIENT_METRICS_REQUEST,
                     config_error_set(error,
                                      "Invalid value %lld for interval.ms, interval must be "
                                      "between 100 and 3600000 (1 hour)",
                                      (long long)value.number));
    for (int32_t i = 0; key == KEY_MATCH && i < value.list_count; i++)
        if (!is_match(value.list[i]))
            return fault(CLIENT_METRICS_CONFIG,
                         config_error_set(error, "Illegal client matching pattern: %.*s",
                                          STR_ARG(value.list[i])));
    return CLIENT_METRICS_FINE;
}

enum client_metrics_fault config_check_client_metrics(const struct config_pair *pairs,
                                                      int32_t count, struct config_error *error)
{
    struct arena arena;
    arena_init(&arena, 0);
    enum client_metrics_fault f = CLIENT_METRICS_FINE;
    for (int32_t i = 0; i < count && !f; i++) {
        int id = config_key_find(keys, CLIENT_METRICS_KEYS, pairs[i].name);
        if (id < 0)
            f = fault(CLIENT_METRICS_REQUEST,
                      config_error_set(error, "Unknown client metrics configuration: %.*s",
                                       STR_ARG(pairs[i].name)));
        else
            f = check((enum key)id, pairs[i].value, &arena, error);
    }
    arena_free(&arena);
    return f;
}
