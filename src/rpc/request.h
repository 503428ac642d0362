/* One request on its way through a node: from its frame to its answer.
 *
 * Owned by rpc/. A handler gets it decoded and either answers before it returns or keeps the
 * pointer (parks it) and answers later, from the loop; exactly one of request_reply,
 * request_reply_nothing and request_close ends it, and the pointer is dead afterwards. Answers
 * leave in the order in which their requests came, per connection, whatever the order of the calls;
 * requests behind a parked one are handled meanwhile (performance.md 3.1).
 *
 * The frame, the decoded body and everything in the arena live until the answer is given. The frame
 * is writable, so that a produced batch can be patched in place.
 * Thread: the loop's. */
#ifndef SAMSA_RPC_REQUEST_H
#define SAMSA_RPC_REQUEST_H

#include "base/arena.h"
#include "base/list.h"
#include "base/out.h"
#include "env/clock.h"
#include "env/net.h"

struct connection;
struct rpc_buffer;

/* What a handler keeps of a connection, embedded in its own struct; one a connection. */
struct connection_memory {
    void (*free)(struct connection_memory *); /* when the connection ends */
};

struct request {
    int16_t api_key;
    int16_t api_version;
    int32_t correlation_id;
    struct str client_id;     /* may be null */
    struct mono_time arrived; /* when its last byte was read */
    bool foreseen;            /* see request_foresee */
    struct bytes frame;       /* behind its length; empty for a request made inside this node */
    /* The decoded request: the generated struct of api_key. NULL when the version is not supported,
     * which reaches a handler for ApiVersions only (KIP-511). */
    const void *body;
    struct arena arena;
    /* Called when the connection breaks while the request is parked: the handler must drop its
     * pointer; the request ends without a call of its own. Set by who parks; NULL: never mind, the
     * answer will be discarded. */
    void (*abandoned)(struct request *);
    void *context;                                 /* the parking handler's */
    void (*turn)(struct request *, void *context); /* see request_in_turn */

    /* -- rpc/'s own -- */
    struct connection *connection; /* NULL for a request made inside this node, or when broken */
    struct list_node node;         /* in the connection's queue, by arrival */
    struct rpc_buffer *buffer;     /* holds the frame */
    struct out reply;              /* filled when answered before its turn */
    bool done;
    bool last;                                               /* its connection ends behind it */
    void (*deliver)(struct request *, const void *response); /* inside this node: local answer */
    struct list_node pool_node;
};

/* Answer. `response` is the generated struct of the API, encoded before the call returns; memory
 * that it references as records is released through the chunk's release after sending. */
void request_reply(struct request *rq, const void *response);

/* Runs `turn`, which answers or parks, once every earlier request of its connection has been
 * answered: now, if that is so; else from the loop, or never, if the connection breaks before. For
 * an answer that is of the moment, such as who leads: given early, it would leave late, behind a
 * parked one, and be stale. Called in place of an answer; `context` goes to turn. */
void request_in_turn(struct request *rq, void (*turn)(struct request *, void *context),
                     void *context);

/* The client expects no answer (Produce with acks=0). */
void request_reply_nothing(struct request *rq);

/* Answer, and close the connection behind the answer: for who had better ask another node. What
 * else is under way on it is abandoned. */
void request_reply_last(struct request *rq, const void *response);

/* Its frame from the client id on. Before it stand API, version and correlation id. */
struct bytes request_rest(const struct request *rq);

/* The same of the n-th frame behind this request's on its connection (0: the next one), when it is
 * of the same API and version, is there whole and will be handled right after those before it, with
 * nothing in between; else null, and whenever the request's own handler is not what runs. To be
 * looked at only. */
struct bytes request_behind(const struct request *rq, int32_t n);

/* The handler has acted on so many frames behind this one: their requests come with `foreseen`. */
void request_foresee(struct request *rq, int32_t count);

/* No answer is possible: close the connection (an unsupported version; acks=0 with an error). */
void request_close(struct request *rq);

/* The listener's name it came in on ("PLAINTEXT"); for advertised endpoints. Static for the
 * node. */
struct str request_listener(const struct request *rq);

/* The node `id`, in its incarnation `epoch`, is who speaks over this request's connection: when it
 * ends, the server's config.peer_ended says so. Nothing for a request made inside this node. */
void request_name_peer(struct request *rq, int32_t id, int64_t epoch);

/* Mark the connection for rpc_server_end_marked, or no longer. Nothing for a request made inside
 * this node. */
void request_mark(struct request *rq, bool marked);

/* What is kept of this request's connection; NULL: nothing. */
struct connection_memory *request_memory(const struct request *rq);

/* Has it a connection that lives? Only then it may be told to remember. */
bool request_can_remember(const struct request *rq);

/* From now on keep this (NULL: nothing); what was kept is the caller's again. */
void request_remember(struct request *rq, struct connection_memory *memory);

/* Peer's address in Kafka's form "/10.0.0.1", in the request's arena. */
struct str request_client_host(struct request *rq);

/* The same as 4 or 16 bytes, in network order; gives how many. 127.0.0.1 for a request of this
 * node, and where addresses have no numbers (a simulated net). */
size_t request_client_address(const struct request *rq, uint8_t to[16]);

#endif
