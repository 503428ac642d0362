/* Host names to socket addresses. Private to this folder. */
#ifndef SAMSA_ENV_OS_RESOLVE_H
#define SAMSA_ENV_OS_RESOLVE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "env/net.h"

enum { OS_ADDRESSES_MAX = 4 };

union os_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct os_addresses {
    union os_sockaddr list[OS_ADDRESSES_MAX]; /* in the order to try them */
    int count;
};

/* Numeric addresses and "localhost". Err: NOT_FOUND: it is a name. */
enum err os_resolve_numeric(const char *host, uint16_t port, struct os_addresses *out) MUST_CHECK;

/* Names too: asks the resolver and blocks for as long as it takes. Any thread. Err: UNREACHABLE. */
enum err os_resolve(const char *host, uint16_t port, struct os_addresses *out) MUST_CHECK;

socklen_t os_sockaddr_len(const union os_sockaddr *a);
uint16_t os_sockaddr_port(const union os_sockaddr *a);

/* Numeric text; an IPv4 address mapped into IPv6 is written as IPv4. */
void os_sockaddr_text(const union os_sockaddr *a, struct net_address *out);

#endif
