/* One accepted connection. Private to rpc/.
 *
 *   accepted ── readable ──> bytes in `buffer` ──> frames ──> requests in `queue`, by arrival
 *                                                             │ answered, when first in the queue
 *                                                             v
 *                                                        net_out, in order
 *
 * Reading pauses while too many requests or unsent bytes are outstanding, and no frame is taken up
 * while too many requests are. Nor is one begun while the listener's requests hold too many bytes:
 * the connection is starved until there is room, in turn. Thread: the loop's. */
#ifndef SAMSA_RPC_CONNECTION_H
#define SAMSA_RPC_CONNECTION_H

#include "rpc/buffer.h"
#include "rpc/server.h"

struct connection {
    struct rpc_server *server;
    struct net_conn *net;
    struct list_node node;  /* server's connections, least recently active first */
    struct list_node queue; /* requests not answered, by arrival */
    int32_t queue_count;
    struct rpc_buffer *buffer; /* NULL when nothing is unread */
    size_t start, end;        /* unread bytes of the buffer: half a frame; whole ones when paused */
    size_t read_bytes;        /* what is asked for at once, at least */
    struct request *handling; /* whose handler runs, from this connection's frames */
    int32_t foreseen;         /* of the frames to come; see request_foresee */
    size_t half;              /* where in `buffer` answers leave before the rest; SIZE_MAX: no */
    bool prompt;              /* the last frame was answered by its handler */
    struct task more;         /* takes up frames that were left when it paused */
    struct mono_time active;
    struct net_address peer;
    bool named; /* by request_name_peer */
    int32_t peer_id;
    int64_t peer_epoch;
    struct connection_memory *memory; /* a handler's; NULL: none */
    struct list_node starved;         /* in server->starved, or in no list */
    bool marked;                      /* by request_mark */
    bool leaving; /* ends behind the next answer that leaves nothing to be answered */
    bool paused;
    bool broken;  /* to be closed at the end of what is running now */
    int32_t busy; /* frames being handled on the stack */
};

struct rpc_server {
    struct env env;
    struct rpc_server_config config;
    const struct dispatch *dispatch;
    struct net_listener *listener;
    struct list_node connections;
    int32_t connections_count;
    struct map *per_ip; /* address -> boxed count */
    struct rpc_buffer_pool buffers;
    struct list_node starved; /* connections that wait until `buffers` have room, by arrival */
    struct task feed;         /* there is room */
    struct list_node requests_free;
    int32_t requests_free_count;
    struct timer idle_timer;
    bool serving;
    bool draining; /* the listener is closed */
};

extern const struct net_events connection_events;

void connection_open(struct rpc_server *s, struct net_conn *net);

/* Ends it now, or once the frame being handled is done. Parked requests are abandoned. */
void connection_close(struct connection *c, const char *why);

/* The `feed` of a server: starved connections read on, as far as there is room. */
void connections_feed(struct task *task);

/* Nothing of what has come waits for an answer, or for its other half. */
bool connection_is_quiet(const struct connection *c);

/* Answers that are complete leave; reading resumes when it may. */
void connection_advance(struct connection *c);

struct request *request_take(struct rpc_server *s);
void request_recycle(struct rpc_server *s, struct request *rq);

/* Length, header and body of one answer. */
void request_encode_reply(const struct request *rq, const void *response, struct out *out);

#endif
