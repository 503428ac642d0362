#include "config/connection_limits.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_CHARS_MAX = 64, NUMBER_CHARS_MAX = 12, NAME_CHARS_MAX = 160 };

struct override {
    char address[ADDRESS_CHARS_MAX];
    int32_t count;
};

static struct str trimmed(struct str s)
{
    while (s.len > 0 && isspace((unsigned char)s.data[0])) s.data++, s.len--;
    while (s.len > 0 && isspace((unsigned char)s.data[s.len - 1])) s.len--;
    return s;
}

/* The text up to the next comma; *text moves behind it, and is NULL behind the last. */
static struct str next_item(const char **text)
{
    size_t len = strcspn(*text, ",");
    struct str item = {*text, (int32_t)len};
    *text = (*text)[len] ? *text + len + 1 : NULL;
    return trimmed(item);
}

static bool parse_count(struct str s, int32_t *out)
{
    char digits[NUMBER_CHARS_MAX];
    if (s.len < 1 || s.len >= NUMBER_CHARS_MAX) return false;
    memcpy(digits, s.data, (size_t)s.len);
    digits[s.len] = '\0';
    char *end;
    long long n = strtoll(digits, &end, 10);
    if (*end || n < INT32_MIN || n > INT32_MAX) return false;
    *out = (int32_t)n;
    return true;
}

/* ADDRESS:COUNT, the address as the network writes it. */
static bool parse_override(struct str item, struct override *out)
{
    int32_t colon = item.len - 1;
    while (colon >= 0 && item.data[colon] != ':') colon--;
    if (colon < 1 || colon >= ADDRESS_CHARS_MAX) return false;
    struct str host = trimmed((struct str){item.data, colon});
    struct str count = trimmed((struct str){item.data + colon + 1, item.len - colon - 1});
    if (!parse_count(count, &out->count)) return false;
    memcpy(out->address, host.data, (size_t)host.len);
    out->address[host.len] = '\0';
    if (strcmp(out->address, "localhost") == 0) return true;
    struct in6_addr a;
    for (int i = 0; i < 2; i++) {
        int family = i ? AF_INET6 : AF_INET;
        if (inet_pton(family, out->address, &a) == 1)
            return inet_ntop(family, &a, out->address, sizeof out->address) != NULL;
    }
    return false;
}

enum err connection_overrides_check(const char *text, struct config_error *error)
{
    while (text && *text) {
        struct override o;
        struct str item = next_item(&text);
        if (!parse_override(item, &o))
            return config_error_set(error,
                                    "Error parsing configuration property "
                                    "'max.connections.per.ip.overrides': \"%.*s\" is not "
                                    "ADDRESS:COUNT, like 10.0.0.1:100 (names but localhost are "
                                    "not looked up)",
                                    STR_ARG(item));
        if (text && !*text) /* a comma at the end, which Java's split overlooks */
            return ERR_OK;
    }
    return ERR_OK;
}

static bool is_address(const struct override *o, const char *address)
{
    if (strcmp(o->address, "localhost") == 0)
        return strcmp(address, "::1") == 0 || strcmp(address, "127.0.0.1") == 0;
    return strcmp(o->address, address) == 0;
}

int32_t connection_limit_of_address(const struct config *c, const char *address)
{
    const char *text = config_string(c, CONFIG_MAX_CONNECTIONS_PER_IP_OVERRIDES);
    int32_t limit = config_int(c, CONFIG_MAX_CONNECTIONS_PER_IP);
    while (text && *text) {
        struct override o;
        if (parse_override(next_item(&text), &o) && is_address(&o, address)) limit = o.count;
    }
    return limit;
}

int32_t connection_limit_of_listener(const struct config *c, const char *listener)
{
    char name[NAME_CHARS_MAX];
    int32_t limit = config_int(c, CONFIG_MAX_CONNECTIONS), own;
    int len = snprintf(name, sizeof name, "listener.name.%s.max.connections", listener);
    if (len < 0 || len >= NAME_CHARS_MAX) return limit;
    for (char *p = name; *p; p++) *p = (char)tolower((unsigned char)*p);
    const char *text = config_extra(c, name);
    if (text && parse_count(trimmed(str_of(text)), &own) && own < limit) return own;
    return limit;
}
