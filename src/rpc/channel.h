/* A way to one peer node: requests out, answers back, over the network or inside this node.
 *
 * Owns: its connection (made when first needed, again after a break, with a backoff), the calls in
 * flight. Borrows: env, and for a local channel the dispatch table of the other half of this node.
 * A call ends exactly once, through done, from the loop: with an answer or with an error (CLOSED or
 * RESET: the connection broke; TIMEOUT; UNSUPPORTED: the peer does not serve the version).
 * Versions are negotiated by ApiVersions on every connection.
 * Thread: the loop's. */
#ifndef SAMSA_RPC_CHANNEL_H
#define SAMSA_RPC_CHANNEL_H

#include "env/env.h"
#include "rpc/dispatch.h"

struct channel;

struct channel_config {
    const char *host; /* copied */
    uint16_t port;
    const char *client_id;        /* copied */
    int64_t request_timeout_ms;   /* per call, from channel_call */
    int64_t backoff_ms;           /* between attempts to connect */
    int32_t receive_buffer_bytes; /* of the socket; <= 0: the system's choice */
};

/* One call; caller-owned until done has run. */
struct call {
    struct list_node node; /* the channel's */
    struct timer timer;
    int16_t api_key, api_version;
    int32_t correlation_id;
    int16_t min_version; /* the caller's: an older one would not say what is meant; 0: any */
    struct out encoded;  /* waiting to be sent */
    struct channel *channel;
    /* `response` is the generated struct when e is OK, NULL otherwise; valid during the call. */
    void (*done)(struct call *call, enum err e, const void *response);
    void *context;            /* the caller's */
    struct local_call *local; /* when made inside this node */
};

/* To a peer over the network. Connects lazily. */
struct channel *channel_create(const struct env *env, const struct channel_config *config);

/* To the other half of this node: calls go to `dispatch` without a socket, and are encoded and
 * decoded on the way like any others. */
struct channel *channel_create_local(const struct env *env, const struct dispatch *dispatch,
                                     const char *client_id);

/* To nobody: every call ends with CLOSED, from the loop. For a peer that is not known yet. */
struct channel *channel_create_nowhere(const struct env *env);

/* Every call in flight ends with CLOSED before this returns. */
void channel_destroy(struct channel *c);

/* Send `request` (generated struct, encoded before this returns) at the newest version that both
 * sides know and that is at most max_version (-1: no cap). */
void channel_call(struct channel *c, struct call *call, int16_t api_key, int16_t max_version,
                  const void *request, void (*done)(struct call *, enum err, const void *));

/* What the peer serves, as far as it is known: false before the first negotiation, and for an API
 * that it does not serve *max is -1. */
bool channel_peer_range(const struct channel *c, int16_t api_key, int16_t *min, int16_t *max);

/* Drop a call in flight: done will not run. Allowed when it is not in flight. */
void channel_cancel(struct call *call);

static inline void call_init(struct call *call)
{
    *call = (struct call){0};
    list_init(&call->node);
}

#endif
