/* TCP by epoll. Private to this folder. */
#ifndef SAMSA_ENV_OS_NET_H
#define SAMSA_ENV_OS_NET_H

#include "env/net.h"
#include "env/os/helpers.h"

enum {
    /* A range of a file no longer than this is read and sent with what surrounds it: one system
     * call less than sendfile between two sends. */
    OS_NET_SMALL_BYTES = 16 << 10,
    OS_NET_SMALL_BYTES_AT_ONCE = 64 << 10,
};

struct os_net {
    struct net net; /* first */
    struct os_loop *loop;
    struct list_node attention; /* connections to flush or to report about at the end of the turn */
    struct os_helpers helpers;  /* ask the resolver */
    uint8_t small[OS_NET_SMALL_BYTES_AT_ONCE]; /* what was read for the send under way */
    int reserve_fd;                            /* given up for a moment to refuse a connection */
};

enum err os_net_init(struct os_net *n, struct os_loop *loop) MUST_CHECK;

/* Flush and report. The last but one step of a turn. */
void os_net_flush(struct os_net *n);

void os_net_free(struct os_net *n);

#endif
