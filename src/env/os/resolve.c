#include "env/os/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

socklen_t os_sockaddr_len(const union os_sockaddr *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

uint16_t os_sockaddr_port(const union os_sockaddr *a)
{
    return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

void os_sockaddr_text(const union os_sockaddr *a, struct net_address *out)
{
    *out = (struct net_address){.port = os_sockaddr_port(a)};
    if (a->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
        inet_ntop(AF_INET, &a->v6.sin6_addr.s6_addr[12], out->host, sizeof out->host);
    else if (a->any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &a->v6.sin6_addr, out->host, sizeof out->host);
    else
        inet_ntop(AF_INET, &a->v4.sin_addr, out->host, sizeof out->host);
}

static bool add_numeric(struct os_addresses *out, const char *host, uint16_t port)
{
    union os_sockaddr *a = &out->list[out->count];
    memset(a, 0, sizeof *a);
    if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons(port);
    } else if (inet_pton(AF_INET6, host, &a->v6.sin6_addr) == 1) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = htons(port);
    } else {
        return false;
    }
    out->count++;
    return true;
}

static enum err ask_resolver(const char *host, uint16_t port, struct os_addresses *out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    struct addrinfo *found;
    if (getaddrinfo(host, NULL, &hints, &found) != 0) return ERR_UNREACHABLE;
    for (struct addrinfo *i = found; i && out->count < OS_ADDRESSES_MAX; i = i->ai_next) {
        union os_sockaddr *a = &out->list[out->count];
        if (i->ai_addrlen > sizeof *a) continue;
        memset(a, 0, sizeof *a);
        memcpy(a, i->ai_addr, i->ai_addrlen);
        if (i->ai_family == AF_INET)
            a->v4.sin_port = htons(port);
        else if (i->ai_family == AF_INET6)
            a->v6.sin6_port = htons(port);
        else
            continue;
        out->count++;
    }
    freeaddrinfo(found);
    return out->count > 0 ? ERR_OK : ERR_UNREACHABLE;
}

enum err os_resolve_numeric(const char *host, uint16_t port, struct os_addresses *out)
{
    out->count = 0;
    if (strcmp(host, "localhost") != 0)
        return add_numeric(out, host, port) ? ERR_OK : ERR_NOT_FOUND;
    add_numeric(out, "127.0.0.1", port);
    add_numeric(out, "::1", port);
    return ERR_OK;
}

enum err os_resolve(const char *host, uint16_t port, struct os_addresses *out)
{
    enum err e = os_resolve_numeric(host, port, out);
    return e == ERR_NOT_FOUND ? ask_resolver(host, port, out) : e;
}
