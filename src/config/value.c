#include "config/value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/assert.h"
#include "base/map.h"
#include "config/listeners.h"

enum err config_error_set(struct config_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return ERR_INVALID;
}

static struct str trim(struct str s)
{
    while (s.len > 0 && (unsigned char)s.data[0] <= ' ') s.data++, s.len--;
    while (s.len > 0 && (unsigned char)s.data[s.len - 1] <= ' ') s.len--;
    return s;
}

/* "Invalid value V for configuration K: why". Secrets are not shown, as in Kafka. */
static enum err invalid(const struct config_key *key, struct str value, struct config_error *error,
                        const char *why)
{
    if (config_key_is_sensitive(key) && value.len >= 0) value = STR("[hidden]");
    return config_error_set(error, "Invalid value %.*s for configuration %s: %s", STR_ARG(value),
                            key->name, why);
}

static bool equal_any_case(struct str a, struct str b)
{
    return a.len == b.len && strncasecmp(a.data, b.data, (size_t)a.len) == 0;
}

/* Is `value` an element of the comma-separated list? */
static bool is_one_of(struct str value, const char *list, bool any_case)
{
    for (const char *at = list; *at;) {
        size_t len = strcspn(at, ",");
        struct str item = {at, (int32_t)len};
        if (any_case ? equal_any_case(item, value) : str_equal(item, value)) return true;
        at += len + (at[len] == ',');
    }
    return false;
}

/* "a,b" as "a, b". */
static struct str spaced(const char *list, struct arena *arena)
{
    char *z = arena_alloc(arena, strlen(list) * 2 + 1);
    int32_t len = 0;
    for (; *list; list++) {
        z[len++] = *list;
        if (*list == ',') z[len++] = ' ';
    }
    z[len] = 0;
    return (struct str){z, len};
}

static enum err parse_integer(const struct config_key *key, struct str given,
                              struct config_value *out, struct config_error *error)
{
    int64_t low = key->type == CONFIG_TYPE_SHORT ? INT16_MIN
                  : key->type == CONFIG_TYPE_INT ? INT32_MIN
                                                 : INT64_MIN;
    int64_t high = key->type == CONFIG_TYPE_SHORT ? INT16_MAX
                   : key->type == CONFIG_TYPE_INT ? INT32_MAX
                                                  : INT64_MAX;
    char why[64];
    snprintf(why, sizeof why, "Not a number of type %s", config_type_name(key->type));
    char *end;
    errno = 0;
    long long number = strtoll(out->text, &end, 10);
    if (!*out->text || *end || isspace((unsigned char)*out->text) || errno || number < low ||
        number > high)
        return invalid(key, given, error, why);
    out->number = number;
    out->real = (double)number;
    return ERR_OK;
}

static enum err parse_double(const struct config_key *key, struct str given,
                             struct config_value *out, struct config_error *error)
{
    char *end;
    out->real = strtod(out->text, &end);
    if (!*out->text || *end) return invalid(key, given, error, "Not a number of type DOUBLE");
    out->number = (int64_t)0;
    return ERR_OK;
}

/* Split at commas; white space around an element goes. "" is the empty list. */
static void parse_list(struct arena *arena, struct config_value *out)
{
    if (!*out->text) return;
    int32_t count = 1;
    for (const char *c = out->text; *c; c++) count += *c == ',';
    out->list = ARENA_ARRAY(arena, struct str, count);
    const char *at = out->text;
    for (int32_t i = 0; i < count; i++) {
        size_t len = strcspn(at, ",");
        out->list[i] = arena_str(arena, trim((struct str){at, (int32_t)len}));
        at += len + 1;
    }
    out->list_count = count;
}

/* What stands more than once counts once, where Kafka checks the list's elements. */
static void drop_repeated(struct config_value *value)
{
    int32_t kept = 0;
    struct map seen; /* a text from outside may have any number of elements */
    map_init(&seen);
    for (int32_t i = 0; i < value->list_count; i++)
        if (!map_put_str(&seen, value->list[i], value)) value->list[kept++] = value->list[i];
    map_free(&seen);
    value->list_count = kept;
}

static enum err check_range(const struct config_key *key, const struct config_value *value,
                            struct str text, struct config_error *error)
{
    char why[80];
    if (value->is_null) return invalid(key, STR_NULL, error, "Value must be non-null");
    if (value->real < key->check.min) {
        snprintf(why, sizeof why, "Value must be at least %.15g", key->check.min);
        return invalid(key, text, error, why);
    }
    if (value->real > key->check.max) {
        snprintf(why, sizeof why, "Value must be no more than %.15g", key->check.max);
        return invalid(key, text, error, why);
    }
    return ERR_OK;
}

static enum err check_one_of(const struct config_key *key, const struct config_value *value,
                             struct str text, struct arena *arena, struct config_error *error)
{
    bool any_case = key->check.kind == CHECK_ONE_OF_ANY_CASE;
    if (!value->is_null && is_one_of(text, key->check.values, any_case)) return ERR_OK;
    struct str why =
        arena_printf(arena, "String must be one of%s: %s", any_case ? " (case insensitive)" : "",
                     spaced(key->check.values, arena).data);
    return invalid(key, value->is_null ? STR_NULL : text, error, why.data);
}

static enum err check_list(const struct config_key *key, const struct config_value *value,
                           struct arena *arena, struct config_error *error)
{
    const struct config_check *check = &key->check;
    if (value->is_null) {
        if (check->null_allowed) return ERR_OK;
        return config_error_set(error, "Configuration '%s' values must not be null.", key->name);
    }
    if (value->list_count == 0 && !check->empty_allowed) {
        char values[256];
        config_check_describe(check, values, sizeof values);
        return config_error_set(error,
                                "Configuration '%s' must not be empty. Valid values include: %s",
                                key->name, check->values ? values : "any non-empty value");
    }
    for (int32_t i = 0; i < value->list_count; i++) {
        if (value->list[i].len == 0)
            return config_error_set(error, "Configuration '%s' values must not be empty.",
                                    key->name);
        if (check->values && !is_one_of(value->list[i], check->values, false)) {
            struct str why =
                arena_printf(arena, "String must be one of: %s", spaced(check->values, arena).data);
            return invalid(key, value->list[i], error, why.data);
        }
    }
    return ERR_OK;
}

/* Digits, a colon, digits. */
static bool is_replica_pair(struct str s)
{
    int32_t i = 0;
    while (i < s.len && isdigit((unsigned char)s.data[i])) i++;
    if (i == 0 || i == s.len || s.data[i] != ':') return false;
    int32_t colon = i++;
    while (i < s.len && isdigit((unsigned char)s.data[i])) i++;
    return i == s.len && i > colon + 1;
}

static enum err check_replica_list(const struct config_key *key, const struct config_value *value,
                                   struct arena *arena, struct config_error *error)
{
    if (value->list_count == 1 && str_equal_z(value->list[0], "*")) return ERR_OK;
    for (int32_t i = 0; i < value->list_count; i++) {
        if (value->list[i].len == 0 || is_replica_pair(value->list[i])) continue;
        struct str why = arena_printf(
            arena,
            "%s must be the literal '*' or a list of replicas in the following format: "
            "[partitionId]:[brokerId],[partitionId]:[brokerId],...",
            key->name);
        struct str shown = arena_printf(arena, "[%s]", spaced(value->text, arena).data);
        return invalid(key, shown, error, why.data);
    }
    return ERR_OK;
}

static enum err check(const struct config_key *key, const struct config_value *value,
                      struct arena *arena, struct config_error *error)
{
    struct str text = str_of(value->text);
    struct quorum_voter *voters;
    struct host_port *servers;
    int32_t count;
    switch (key->check.kind) {
    case CHECK_ANY: return ERR_OK;
    case CHECK_RANGE: return check_range(key, value, text, error);
    case CHECK_ONE_OF:
    case CHECK_ONE_OF_ANY_CASE: return check_one_of(key, value, text, arena, error);
    case CHECK_LIST: return check_list(key, value, arena, error);
    case CHECK_NOT_EMPTY:
        if (!value->is_null && text.len == 0)
            return invalid(key, text, error, "String must be non-empty");
        return ERR_OK;
    case CHECK_NOT_NULL:
        if (value->is_null) return invalid(key, STR_NULL, error, "entry must be non null");
        return ERR_OK;
    case CHECK_GZIP_LEVEL:
        if (value->number > 9 || (value->number < 1 && value->number != -1))
            return invalid(key, text, error, "Value must be between 1 and 9 or equal to -1");
        return ERR_OK;
    case CHECK_VOTERS: return quorum_voters_parse(value, arena, &voters, &count, error);
    case CHECK_SERVERS: return quorum_servers_parse(value, arena, &servers, &count, error);
    case CHECK_REPLICA_LIST: return check_replica_list(key, value, arena, error);
    case CHECK_SHARE_RESET:
        if (is_one_of(text, "earliest,latest", false) ||
            strncmp(value->text, "by_duration:P", 13) == 0)
            return ERR_OK;
        return invalid(key, text, error,
                       "must be earliest, latest or by_duration: with an ISO-8601 duration");
    }
    UNREACHABLE();
}

enum err config_value_parse(const struct config_key *key, struct str given, struct arena *arena,
                            struct config_value *out, struct config_error *error)
{
    *out = (struct config_value){.is_null = str_is_null(given), .text = ""};
    if (!out->is_null) out->text = arena_str(arena, trim(given)).data;
    enum err e = ERR_OK;
    if (!out->is_null) {
        switch (key->type) {
        case CONFIG_TYPE_BOOLEAN:
            out->boolean = strcasecmp(out->text, "true") == 0;
            if (!out->boolean && strcasecmp(out->text, "false") != 0)
                e = invalid(key, given, error, "Expected value to be either true or false");
            break;
        case CONFIG_TYPE_INT:
        case CONFIG_TYPE_SHORT:
        case CONFIG_TYPE_LONG: e = parse_integer(key, given, out, error); break;
        case CONFIG_TYPE_DOUBLE: e = parse_double(key, given, out, error); break;
        case CONFIG_TYPE_LIST:
            parse_list(arena, out);
            if (key->check.kind == CHECK_LIST) drop_repeated(out);
            break;
        case CONFIG_TYPE_STRING:
        case CONFIG_TYPE_CLASS:
        case CONFIG_TYPE_PASSWORD: break;
        }
    }
    return e ? e : check(key, out, arena, error);
}

static struct str config_double_text(double value, struct arena *arena)
{
    char digits[40];
    double magnitude = fabs(value);
    if (value == 0 || (magnitude >= 1e-3 && magnitude < 1e7)) {
        for (int precision = 1; precision <= 17; precision++) {
            snprintf(digits, sizeof digits, "%.*f", precision, value);
            if (strtod(digits, NULL) == value) break;
        }
        return arena_printf(arena, "%s", digits);
    }
    /* Java's scientific form: one digit, a point, the shortest rest, E, exponent without plus */
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*e", precision, value);
        if (strtod(digits, NULL) == value) break;
    }
    char *e = strchr(digits, 'e');
    if (!e) return arena_printf(arena, "%s", value > 0 ? "Infinity" : "-Infinity");
    *e = 0;
    return arena_printf(arena, "%sE%d", digits, atoi(e + 1));
}

struct str config_value_text(const struct config_key *key, const struct config_value *value,
                             struct arena *arena)
{
    if (value->is_null) return STR_NULL;
    switch (key->type) {
    case CONFIG_TYPE_BOOLEAN: return value->boolean ? STR("true") : STR("false");
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_SHORT:
    case CONFIG_TYPE_LONG: return arena_printf(arena, "%lld", (long long)value->number);
    case CONFIG_TYPE_DOUBLE: return config_double_text(value->real, arena);
    case CONFIG_TYPE_LIST: {
        size_t size = 1;
        for (int32_t i = 0; i < value->list_count; i++) size += (size_t)value->list[i].len + 1;
        char *z = arena_alloc(arena, size);
        int32_t len = 0;
        for (int32_t i = 0; i < value->list_count; i++) {
            if (i) z[len++] = ',';
            memcpy(z + len, value->list[i].data, (size_t)value->list[i].len);
            len += value->list[i].len;
        }
        z[len] = 0;
        return (struct str){z, len};
    }
    case CONFIG_TYPE_STRING:
    case CONFIG_TYPE_CLASS:
    case CONFIG_TYPE_PASSWORD: return str_of(value->text);
    }
    UNREACHABLE();
}
