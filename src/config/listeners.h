/* Sockets and quorum members as configuration names them: NAME://host:port, id@host:port,
 * host:port.
 *
 * All texts live in the arena given; errors carry Kafka's message. */
#ifndef SAMSA_CONFIG_LISTENERS_H
#define SAMSA_CONFIG_LISTENERS_H

#include "config/value.h"

enum security_protocol { /* Kafka's numbers */
                         SECURITY_PLAINTEXT = 0,
                         SECURITY_SSL = 1,
                         SECURITY_SASL_PLAINTEXT = 2,
                         SECURITY_SASL_SSL = 3,
};

struct listener {
    const char *name; /* in capitals, as it goes into records and requests */
    const char *host; /* "" is every address */
    uint16_t port;    /* 0 picks one */
    enum security_protocol protocol;
};

struct listeners {
    struct listener *items;
    int32_t count;
};

struct host_port {
    const char *host;
    uint16_t port;
};

struct quorum_voter {
    int32_t id;
    const char *host;
    uint16_t port;
};

enum { SECURITY_MAP_MAX = 64 };

struct security_map {
    struct {
        const char *name; /* in capitals */
        enum security_protocol protocol;
    } items[SECURITY_MAP_MAX];
    int32_t count;
};

/* listener.security.protocol.map: NAME:PROTOCOL,… Err: INVALID. */
enum err security_map_parse(const char *text, struct arena *arena, struct security_map *out,
                            struct config_error *error) MUST_CHECK;

/* A list of NAME://host:port. `distinct_ports` for what is listened on. Err: INVALID. */
enum err listeners_parse(const struct config_value *value, const struct security_map *map,
                         bool distinct_ports, struct arena *arena, struct listeners *out,
                         struct config_error *error) MUST_CHECK;

/* NULL when there is none of that name (any case). */
const struct listener *listeners_find(const struct listeners *l, const char *name);

/* host:port, [v6]:port, or with a scheme before it. Err: INVALID. */
enum err host_port_parse(struct str text, struct arena *arena, struct host_port *out) MUST_CHECK;

/* controller.quorum.voters. Err: INVALID. */
enum err quorum_voters_parse(const struct config_value *value, struct arena *arena,
                             struct quorum_voter **out, int32_t *count,
                             struct config_error *error) MUST_CHECK;

/* controller.quorum.bootstrap.servers. Err: INVALID. */
enum err quorum_servers_parse(const struct config_value *value, struct arena *arena,
                              struct host_port **out, int32_t *count,
                              struct config_error *error) MUST_CHECK;

#endif
