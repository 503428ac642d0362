/* Streams between processes: listeners and connections.
 *
 * A connection's owner embeds nothing: it gets a handle and sets its events. All events run from
 * the loop. Reading is by pull: `readable` says that net_recv may give bytes, and is repeated each
 * turn while unread bytes remain and reading is not paused. Writing is by hand-over: net_send takes
 * the chunks of a `struct out`; they leave in order (memory by writev, file ranges by sendfile),
 * and each chunk is released when the kernel has taken it. The implementation flushes at the end of
 * the loop turn, so all answers of one turn leave in one system call. On the hot path the owner
 * encodes straight into net_out and calls net_kick: that `out` is reset, not freed, when it has
 * drained, so that a steady connection allocates nothing.
 *
 * Bounds: the owner bounds what it queues by looking at net_unsent. A listener refuses (accepts and
 * closes) the newest connection when descriptors run out; one descriptor is kept in reserve for it.
 * Thread: the loop's. */
#ifndef SAMSA_ENV_NET_H
#define SAMSA_ENV_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/out.h"

struct net {
    const struct net_ops *ops;
};

/* The implementation embeds these first. */
struct net_conn;
struct net_listener {
    struct net *net;
    void *owner;
    /* A new connection; the callee owns it and sets its events before returning, or closes it. */
    void (*accepted)(struct net_listener *, struct net_conn *conn);
};

struct net_conn {
    struct net *net;
    void *owner;
    const struct net_events *events;
};

struct net_events {
    /* net_connect finished. Err: REFUSED, TIMEOUT, UNREACHABLE, RESET. After an error the owner
     * must net_close. Not called for accepted connections. */
    void (*connected)(struct net_conn *, enum err e);
    void (*readable)(struct net_conn *);
    /* Everything handed to net_send has left for the kernel. May be NULL. */
    void (*drained)(struct net_conn *);
    /* The peer closed or reset, or sending failed. The owner must net_close. */
    void (*broken)(struct net_conn *, enum err e);
};

enum { NET_ADDRESS_MAX = 64 };

/* Numeric host text and port. */
struct net_address {
    char host[NET_ADDRESS_MAX];
    uint16_t port;
};

struct net_ops {
    enum err (*listen)(struct net *, const char *host, uint16_t port, int backlog,
                       struct net_listener **out);
    void (*listener_close)(struct net_listener *);
    uint16_t (*listener_port)(struct net_listener *);
    enum err (*connect)(struct net *, const char *host, uint16_t port, int32_t receive_buffer_bytes,
                        struct net_conn **out);
    enum err (*recv)(struct net_conn *, void *to, size_t len, size_t *got);
    struct out *(*out)(struct net_conn *);
    void (*kick)(struct net_conn *);
    void (*flush)(struct net_conn *);
    bool (*waited)(const struct net *);
    int64_t (*unsent)(struct net_conn *);
    void (*pause)(struct net_conn *, bool paused);
    void (*expect)(struct net_conn *, size_t bytes);
    void (*close)(struct net_conn *);
    void (*peer)(struct net_conn *, struct net_address *);
};

/* Host NULL or "" or "0.0.0.0": every address. Port 0: any, see net_listener_port. The owner sets
 * (*out)->accepted and ->owner before returning to the loop. Err: ADDRESS_IN_USE, PERMISSION,
 * UNREACHABLE. */
static inline enum err MUST_CHECK net_listen(struct net *n, const char *host, uint16_t port,
                                             int backlog, struct net_listener **out)
{
    return n->ops->listen(n, host, port, backlog, out);
}

static inline void net_listener_close(struct net_listener *l)
{
    l->net->ops->listener_close(l);
}

static inline uint16_t net_listener_port(struct net_listener *l)
{
    return l->net->ops->listener_port(l);
}

/* Begins to connect; the outcome comes through events->connected. The owner sets (*out)->events and
 * ->owner before returning to the loop. Err (at once): UNREACHABLE, NO_DESCRIPTORS.
 * The system sizes the socket's receive buffer, or has it that large (SO_RCVBUF) if it is > 0. */
static inline enum err MUST_CHECK net_connect_sized(struct net *n, const char *host, uint16_t port,
                                                    int32_t receive_buffer_bytes,
                                                    struct net_conn **out)
{
    return n->ops->connect(n, host, port, receive_buffer_bytes, out);
}

static inline enum err MUST_CHECK net_connect(struct net *n, const char *host, uint16_t port,
                                              struct net_conn **out)
{
    return net_connect_sized(n, host, port, 0, out);
}

/* Up to len bytes, at least one. Err: AGAIN (nothing now), EOF (peer closed), RESET. */
static inline enum err MUST_CHECK net_recv(struct net_conn *c, void *to, size_t len, size_t *got)
{
    return c->net->ops->recv(c, to, len, got);
}

/* Takes over all chunks and blocks; `out` is empty afterwards. Before `connected` it queues. */
static inline void net_send(struct net_conn *c, struct out *out)
{
    out_append(c->net->ops->out(c), out);
    c->net->ops->kick(c);
}

/* The connection's outgoing queue. The caller may append to it, and must then net_kick. */
static inline struct out *net_out(struct net_conn *c)
{
    return c->net->ops->out(c);
}

/* Send what net_out holds, at the end of this loop turn. */
static inline void net_kick(struct net_conn *c)
{
    c->net->ops->kick(c);
}

/* Send of what net_out holds as much as goes now: the turn has much left to do, and the peer waits.
 * Events come from the loop all the same. */
static inline void net_flush(struct net_conn *c)
{
    c->net->ops->flush(c);
}

/* Was there nothing to do before this turn: had those to whom it listens to be waited for? */
static inline bool net_waited(const struct net *n)
{
    return n->ops->waited(n);
}

/* Bytes handed over that the kernel has not taken. */
static inline int64_t net_unsent(struct net_conn *c)
{
    return c->net->ops->unsent(c);
}

/* Stop or resume `readable`. Starts resumed. */
static inline void net_pause(struct net_conn *c, bool paused)
{
    c->net->ops->pause(c, paused);
}

/* `readable` waits until so many unread bytes are there, or as many as the system lets wait, or the
 * stream's end: so a long message wakes its reader once, not with each piece. Holds until it is
 * called again. Starts with 1. */
static inline void net_expect(struct net_conn *c, size_t bytes)
{
    c->net->ops->expect(c, bytes);
}

/* No event comes after this. Tries once to flush what is queued, releases the rest. */
static inline void net_close(struct net_conn *c)
{
    c->net->ops->close(c);
}

static inline void net_peer(struct net_conn *c, struct net_address *a)
{
    c->net->ops->peer(c, a);
}

#endif
