/* A listener of a node: accepts connections, cuts the stream into frames, parses headers, hands
 * requests to the dispatch table and sends the answers in order.
 *
 * Owns: its connections, their buffers, requests. Borrows: env, the dispatch table.
 * Bounds (each with Kafka's key): frame size (socket.request.max.bytes), connections in all and per
 * address (max.connections, max.connections.per.ip), idle time (connections.max.idle.ms), bytes of
 * requests that are held (queued.max.request.bytes: reading pauses), answered bytes a client does
 * not read and requests not answered yet, per connection (reading pauses).
 * Memory for a frame is taken as its bytes arrive, never on the word of its length.
 * Thread: the loop's. */
#ifndef SAMSA_RPC_SERVER_H
#define SAMSA_RPC_SERVER_H

#include "env/env.h"
#include "rpc/dispatch.h"

struct rpc_server;

struct rpc_server_config {
    const char *listener_name; /* borrowed for life */
    const char *host;          /* NULL: every address */
    uint16_t port;
    int32_t backlog;           /* socket.listen.backlog.size */
    int32_t request_bytes_max; /* socket.request.max.bytes */
    int32_t connections_max;
    int32_t connections_per_ip_max;
    /* Asked at each new connection, as limits may change while the node runs; sets both above.
     * NULL: they stay as they are. */
    void (*limit)(void *owner, const char *address, struct rpc_server_config *config);
    void *limit_owner;
    int64_t connection_idle_ms_max; /* connections.max.idle.ms; < 0: for ever */
    int32_t requests_in_flight_max; /* per connection; reading pauses at it */
    int64_t unsent_bytes_max;       /* per connection; reading pauses at it */
    /* queued.max.request.bytes: at so many bytes of buffers that requests lie in, no connection
     * begins to read another; what is begun goes on. <= 0: no bound. */
    int64_t queued_bytes_max;
    /* A connection whose peer has a name (request_name_peer) was ended by the other side: EOF, or
     * RESET and whatever else a broken stream gives. From the loop; not when this side closes.
     * NULL: nobody cares. */
    void (*peer_ended)(void *owner, int32_t id, int64_t epoch, enum err e);
    void *peer_owner;
};

/* Kafka's defaults for everything but name, host, port. */
struct rpc_server_config rpc_server_defaults(void);

/* Listens at once, but reads nothing until rpc_server_serve. Err: as net_listen. */
enum err rpc_server_create(const struct env *env, const struct rpc_server_config *config,
                           const struct dispatch *dispatch, struct rpc_server **out) MUST_CHECK;

/* Begin to accept. */
void rpc_server_serve(struct rpc_server *s);

/* The node is about to stop. Nothing new is accepted; a connection ends right behind a prompt
 * answer that leaves nothing to be answered, or, when there is none, at rpc_server_end_idle. So a
 * client has none in flight when it is sent away: not even what it had saved up behind a late
 * answer. */
void rpc_server_drain(struct rpc_server *s);
void rpc_server_end_idle(struct rpc_server *s);

/* Connections that request_mark has marked end: now, where nothing waits for an answer, else right
 * behind the answer that leaves nothing. Their clients had better look anew at what they have been
 * told over them; they find it out by the end of a connection only. */
void rpc_server_end_marked(struct rpc_server *s);

uint16_t rpc_server_port(const struct rpc_server *s);
int32_t rpc_server_connections_count(const struct rpc_server *s);

/* Closes the listener and every connection; parked requests are abandoned. */
void rpc_server_destroy(struct rpc_server *s);

/* A request made inside this node: `body` (generated struct, borrowed until `deliver` runs) goes to
 * the handler of d's table as if it had come over the network. `deliver` runs once, before or after
 * this returns, with the generated response, valid for the call only; NULL when refused. */
void rpc_call_local(const struct env *env, const struct dispatch *d, int16_t api_key,
                    int16_t api_version, const void *body, struct str client_id,
                    void (*deliver)(struct request *rq, const void *response), void *context);

/* The same for a request that another node passes on as it got it: `body` is encoded at api_version
 * and is copied. Err: UNSUPPORTED (`d` does not serve it), INVALID (malformed); `deliver` does not
 * run then. */
enum err rpc_call_passed_on(const struct env *env, const struct dispatch *d, int16_t api_key,
                            int16_t api_version, struct bytes body, struct str client_id,
                            void (*deliver)(struct request *rq, const void *response),
                            void *context) MUST_CHECK;

#endif
