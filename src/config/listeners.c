#include "config/listeners.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "base/assert.h"

static const struct {
    const char *name;
    enum security_protocol protocol;
} protocols[] = {
    {"PLAINTEXT", SECURITY_PLAINTEXT},
    {"SSL", SECURITY_SSL},
    {"SASL_PLAINTEXT", SECURITY_SASL_PLAINTEXT},
    {"SASL_SSL", SECURITY_SASL_SSL},
};
enum { PROTOCOLS_COUNT = sizeof protocols / sizeof *protocols };

static const char *in_capitals(struct str s, struct arena *arena)
{
    char *z = arena_alloc(arena, (size_t)s.len + 1);
    for (int32_t i = 0; i < s.len; i++) z[i] = (char)toupper((unsigned char)s.data[i]);
    z[s.len] = 0;
    return z;
}

static struct str trim(struct str s)
{
    while (s.len > 0 && isspace((unsigned char)s.data[0])) s.data++, s.len--;
    while (s.len > 0 && isspace((unsigned char)s.data[s.len - 1])) s.len--;
    return s;
}

static int protocol_find(struct str name)
{
    for (int i = 0; i < PROTOCOLS_COUNT; i++)
        if (name.len == (int32_t)strlen(protocols[i].name) &&
            strncasecmp(name.data, protocols[i].name, (size_t)name.len) == 0)
            return i;
    return -1;
}

enum err security_map_parse(const char *text, struct arena *arena, struct security_map *out,
                            struct config_error *error)
{
    out->count = 0;
    while (*text) {
        size_t len = strcspn(text, ",");
        struct str pair = trim((struct str){text, (int32_t)len});
        text += len + (text[len] == ',');
        if (pair.len == 0) continue;
        const char *colon = memrchr(pair.data, ':', (size_t)pair.len);
        if (!colon)
            return config_error_set(error,
                                    "Error parsing listener.security.protocol.map: '%.*s' is not "
                                    "NAME:PROTOCOL",
                                    STR_ARG(pair));
        struct str name = trim((struct str){pair.data, (int32_t)(colon - pair.data)});
        struct str protocol =
            trim((struct str){colon + 1, pair.len - (int32_t)(colon + 1 - pair.data)});
        int found = protocol_find(protocol);
        if (found < 0)
            return config_error_set(error,
                                    "No enum constant org.apache.kafka.common.security.auth."
                                    "SecurityProtocol.%s (one of PLAINTEXT, SSL, "
                                    "SASL_PLAINTEXT, SASL_SSL)",
                                    in_capitals(protocol, arena));
        if (out->count == SECURITY_MAP_MAX)
            return config_error_set(error, "listener.security.protocol.map has more than %d names",
                                    out->count);
        out->items[out->count].name = in_capitals(name, arena);
        out->items[out->count++].protocol = protocols[found].protocol;
    }
    return ERR_OK;
}

/* Kafka's error shows the list as Java prints it: [a, b]. */
static const char *shown(const struct config_value *value, struct arena *arena)
{
    struct str text = STR("[");
    for (int32_t i = 0; i < value->list_count; i++)
        text = arena_printf(arena, "%s%s%s", text.data, i ? ", " : "", value->list[i].data);
    return arena_printf(arena, "%s]", text.data).data;
}

static bool is_host_char(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("-%._:", c));
}

/* [host]:port or host:port in text; the host may be empty. */
static enum err split_host_port(struct str text, struct arena *arena, const char **host,
                                uint16_t *port)
{
    const char *colon = text.len > 0 ? memrchr(text.data, ':', (size_t)text.len) : NULL;
    if (!colon) return ERR_INVALID;
    struct str h = {text.data, (int32_t)(colon - text.data)};
    int32_t digits = text.len - h.len - 1;
    if (digits < 1 || digits > 5) return ERR_INVALID;
    long number = 0;
    for (int32_t i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)colon[1 + i])) return ERR_INVALID;
        number = number * 10 + (colon[1 + i] - '0');
    }
    if (number > UINT16_MAX) return ERR_INVALID;
    if (h.len >= 2 && h.data[0] == '[' && h.data[h.len - 1] == ']') h.data++, h.len -= 2;
    for (int32_t i = 0; i < h.len; i++)
        if (!is_host_char(h.data[i])) return ERR_INVALID;
    *host = arena_str(arena, h).data;
    *port = (uint16_t)number;
    return ERR_OK;
}

static enum err parse_one(struct str item, const struct security_map *map, struct arena *arena,
                          struct listener *out, const char **why)
{
    const char *scheme_end = NULL;
    for (int32_t i = 0; i + 2 < item.len && !scheme_end; i++)
        if (memcmp(item.data + i, "://", 3) == 0) scheme_end = item.data + i;
    if (!scheme_end) goto malformed;
    struct str name = {item.data, (int32_t)(scheme_end - item.data)};
    struct str rest = {scheme_end + 3, item.len - name.len - 3};
    if (split_host_port(rest, arena, &out->host, &out->port)) goto malformed;
    out->name = in_capitals(name, arena);
    for (int32_t i = 0; i < map->count; i++) {
        if (strcmp(map->items[i].name, out->name) != 0) continue;
        out->protocol = map->items[i].protocol;
        return ERR_OK;
    }
    *why = arena_printf(arena, "No security protocol defined for listener %s", out->name).data;
    return ERR_INVALID;
malformed:
    *why = arena_printf(arena, "Unable to parse %s to a broker endpoint", item.data).data;
    return ERR_INVALID;
}

static bool is_v6(const char *host)
{
    return strchr(host, ':') != NULL;
}

static bool is_v4(const char *host)
{
    int dots = 0;
    for (const char *c = host; *c; c++) {
        if (*c == '.')
            dots++;
        else if (!isdigit((unsigned char)*c))
            return false;
    }
    return dots == 3;
}

/* Two listeners may share a port only when one has an IPv4 and the other an IPv6 address. */
static enum err check_distinct(const struct listeners *l, bool ports, const char *text,
                               struct arena *arena, const char **why)
{
    for (int32_t i = 0; i < l->count; i++) {
        for (int32_t j = 0; j < i; j++) {
            const struct listener *a = &l->items[i], *b = &l->items[j];
            if (strcmp(a->name, b->name) == 0) {
                *why = arena_printf(arena,
                                    "Each listener must have a different name, listeners: %s", text)
                           .data;
                return ERR_INVALID;
            }
            if (!ports || a->port == 0 || a->port != b->port) continue;
            if ((is_v4(a->host) && is_v6(b->host)) || (is_v6(a->host) && is_v4(b->host))) continue;
            if ((is_v4(a->host) || is_v6(a->host)) && (is_v4(b->host) || is_v6(b->host)))
                *why = arena_printf(arena,
                                    "If you have two listeners on the same port then one needs to "
                                    "be IPv4 and the other IPv6, listeners: %s, port: %d",
                                    text, a->port)
                           .data;
            else
                *why = arena_printf(arena,
                                    "Each listener must have a different port, listeners: %s", text)
                           .data;
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

enum err listeners_parse(const struct config_value *value, const struct security_map *map,
                         bool distinct_ports, struct arena *arena, struct listeners *out,
                         struct config_error *error)
{
    out->items = ARENA_ARRAY(arena, struct listener, value->list_count);
    out->count = 0;
    const char *text = shown(value, arena), *why = NULL;
    for (int32_t i = 0; i < value->list_count && !why; i++)
        if (!parse_one(value->list[i], map, arena, &out->items[i], &why)) out->count++;
    if (!why && check_distinct(out, distinct_ports, text, arena, &why)) PRE(why);
    if (!why) return ERR_OK;
    return config_error_set(error, "Error creating broker listeners from '%s': %s", text, why);
}

const struct listener *listeners_find(const struct listeners *l, const char *name)
{
    for (int32_t i = 0; i < l->count; i++)
        if (strcasecmp(l->items[i].name, name) == 0) return &l->items[i];
    return NULL;
}

enum err host_port_parse(struct str text, struct arena *arena, struct host_port *out)
{
    for (int32_t i = 0; i + 2 < text.len; i++) {
        if (memcmp(text.data + i, "://", 3) != 0) continue;
        text = (struct str){text.data + i + 3, text.len - i - 3};
        break;
    }
    return split_host_port(text, arena, &out->host, &out->port);
}

enum err quorum_voters_parse(const struct config_value *value, struct arena *arena,
                             struct quorum_voter **out, int32_t *count, struct config_error *error)
{
    static const char form[] = "Each entry should be in the form `{id}@{host}:{port}`.";
    *out = ARENA_ARRAY(arena, struct quorum_voter, value->list_count);
    *count = 0;
    for (int32_t i = 0; i < value->list_count; i++) {
        struct str item = value->list[i];
        const char *at = memchr(item.data, '@', (size_t)item.len);
        if (!at || memchr(at + 1, '@', strlen(at + 1)))
            return config_error_set(error,
                                    "Invalid configuration value for "
                                    "controller.quorum.voters. %s",
                                    form);
        char *end;
        long id = strtol(item.data, &end, 10);
        if (end != at || end == item.data || id < 0 || id > INT32_MAX)
            return config_error_set(error,
                                    "Failed to parse voter ID from entry %s for the "
                                    "configuration controller.quorum.voters. %s",
                                    item.data, form);
        struct host_port address;
        struct str rest = str_of(at + 1);
        if (host_port_parse(rest, arena, &address))
            return config_error_set(error,
                                    "Failed to parse host %s from entry %s for the "
                                    "configuration controller.quorum.voters. %s",
                                    strchr(rest.data, ':') ? "name" : "port", item.data, form);
        (*out)[(*count)++] = (struct quorum_voter){(int32_t)id, address.host, address.port};
    }
    return ERR_OK;
}

enum err quorum_servers_parse(const struct config_value *value, struct arena *arena,
                              struct host_port **out, int32_t *count, struct config_error *error)
{
    *out = ARENA_ARRAY(arena, struct host_port, value->list_count);
    *count = 0;
    for (int32_t i = 0; i < value->list_count; i++) {
        if (host_port_parse(value->list[i], arena, &(*out)[*count]))
            return config_error_set(error,
                                    "Failed to parse host name from %s for the configuration "
                                    "controller.quorum.bootstrap.servers. Each entry should be in "
                                    "the form \"{host}:{port}\"",
                                    value->list[i].data);
        (*count)++;
    }
    return ERR_OK;
}
