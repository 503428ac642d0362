/* How many connections may be open: max.connections, max.connections.per.ip and its overrides.
 *
 * All may change while a node runs, so they are read anew for each connection that comes. Thread:
 * the loop's. */
#ifndef SAMSA_CONFIG_CONNECTION_LIMITS_H
#define SAMSA_CONFIG_CONNECTION_LIMITS_H

#include "config/config.h"

/* max.connections.per.ip.overrides: "ADDRESS:COUNT,...". An address is numeric or `localhost`;
 * other names are refused, since nobody looks them up. Err: INVALID, the cause in *error. */
enum err connection_overrides_check(const char *text, struct config_error *error) MUST_CHECK;

/* Connections that one address (numeric text) may have. */
int32_t connection_limit_of_address(const struct config *c, const char *address);

/* Connections that a listener may have: what is set for it by listener.name.NAME.max.connections,
 * but not more than max.connections. */
int32_t connection_limit_of_listener(const struct config *c, const char *listener);

#endif
