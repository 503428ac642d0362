#include "cli/new_controller.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/listeners.h"
#include "env/os/os.h"
#include "log/meta_properties.h"

#define NOT_ONE "Is this a valid controller configuration file?"

static const char *text_of(const struct properties *p, const char *key)
{
    struct str value = properties_get(p, key);
    return str_is_null(value) ? NULL : value.data;
}

/* The next item of a comma-separated list, trimmed; false at its end. */
static bool next_item(const char **at, struct str *item)
{
    while (**at) {
        size_t len = strcspn(*at, ",");
        *item = (struct str){*at, (int32_t)len};
        *at += len + ((*at)[len] == ',');
        while (item->len && isspace((unsigned char)*item->data)) item->data++, item->len--;
        while (item->len && isspace((unsigned char)item->data[item->len - 1])) item->len--;
        if (item->len) return true;
    }
    return false;
}

static const char *capitals(struct arena *arena, struct str text)
{
    char *z = arena_alloc(arena, (size_t)text.len + 1);
    for (int32_t i = 0; i < text.len; i++) z[i] = (char)toupper((unsigned char)text.data[i]);
    z[text.len] = 0;
    return z;
}

static const char *read_identity(struct new_controller *n, struct arena *arena,
                                 const struct properties *p)
{
    const char *id = text_of(p, "node.id"), *roles = text_of(p, "process.roles");
    char *end;
    if (!id) return "node.id not found in configuration file. " NOT_ONE;
    long number = strtol(id, &end, 10);
    if (!*id || *end || number > INT32_MAX)
        return arena_printf(arena, "node.id is not a number in configuration file: %s", id).data;
    if (number < 0) return "node.id was negative in configuration file. " NOT_ONE;
    if (!roles || !strstr(roles, "controller"))
        return "process.roles did not contain 'controller' in configuration file. " NOT_ONE;
    n->id = (int32_t)number;
    return NULL;
}

static const char *read_directory_id(struct new_controller *n, struct arena *arena,
                                     const struct properties *p)
{
    const char *directory = text_of(p, "metadata.log.dir"), *dirs = text_of(p, "log.dirs"), *cause;
    struct str first;
    if (!directory && dirs && next_item(&dirs, &first)) directory = arena_str(arena, first).data;
    if (!directory) return "Neither metadata.log.dir nor log.dirs were found. " NOT_ONE;
    struct os_env os;
    struct meta_properties meta;
    if (os_env_init(&os)) return "Cannot set up the environment of this process.";
    enum err e = meta_properties_read(os.env.disk, directory, arena, &meta, &cause);
    if (e || !meta.present)
        return arena_printf(arena, "Unable to read meta.properties from %s", directory).data;
    if (uuid_is_zero(meta.directory_id))
        return arena_printf(arena, "No directory id found in %s", directory).data;
    n->directory_id = meta.directory_id;
    return NULL;
}

/* The listener of this name in NAME://host:port,…; false when it is not there. */
static bool find_listener(const char *list, const char *name, struct arena *arena,
                          struct host_port *out)
{
    struct str item;
    for (const char *at = list; at && next_item(&at, &item);) {
        const char *text = arena_str(arena, item).data, *colon = strstr(text, "://");
        if (!colon) continue;
        struct str own = {text, (int32_t)(colon - text)};
        if (strcmp(capitals(arena, own), name) == 0 &&
            !host_port_parse(str_of(colon + 3), arena, out))
            return true;
    }
    return false;
}

static const char *read_endpoints(struct new_controller *n, struct arena *arena,
                                  const struct properties *p)
{
    const char *names = text_of(p, "controller.listener.names");
    if (!names) return "controller.listener.names was not found. " NOT_ONE;
    struct str item;
    for (const char *at = names; next_item(&at, &item);) {
        const char *name = capitals(arena, item);
        struct host_port address;
        if (!find_listener(text_of(p, "advertised.listeners"), name, arena, &address) &&
            !find_listener(text_of(p, "listeners"), name, arena, &address))
            return arena_printf(arena, "Cannot find information about controller listener name: %s",
                                name)
                .data;
        if (n->endpoints_count == NEW_CONTROLLER_ENDPOINTS_MAX) return "Too many listeners";
        n->endpoints[n->endpoints_count].name = name;
        n->endpoints[n->endpoints_count].host = *address.host ? address.host : "localhost";
        n->endpoints[n->endpoints_count++].port = address.port;
    }
    return NULL;
}

const char *new_controller_read(struct new_controller *n, struct arena *arena,
                                const struct properties *p)
{
    *n = (struct new_controller){0};
    const char *why = read_identity(n, arena, p);
    if (!why) why = read_directory_id(n, arena, p);
    if (!why) why = read_endpoints(n, arena, p);
    return why;
}
