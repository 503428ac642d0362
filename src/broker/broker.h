/* The broker half of a node: what its request handlers may reach.
 *
 * Everything a handler needs hangs here; a handler is `void handle_NAME(struct request *, void
 * *broker)`, one file per API in handlers/, and is listed in the table of broker/apis.c, which
 * ApiVersions advertises. Handlers translate `enum err` into `enum kafka_error`; nothing below
 * does.
 *
 * Owns: its parts, made by broker_create in this order and destroyed in reverse. Borrows: env,
 * config. Thread: the loop's. */
#ifndef SAMSA_BROKER_BROKER_H
#define SAMSA_BROKER_BROKER_H

#include "base/uuid.h"
#include "env/env.h"
#include "rpc/channel.h"
#include "rpc/dispatch.h"
#include "rpc/request.h"

struct config;
struct image;
struct delta;
struct replica_manager;
struct group_coordinator;
struct fetch_session_cache;
struct auto_topics;
struct log_dir;
struct metadata_publisher;
struct producer_id_source;
struct lifecycle;
struct controller_channel;
struct history;
struct partition_changes;
struct settling;
struct handover;
struct absence;
struct doubted_reads;

struct broker_endpoint {
    struct str listener; /* "PLAINTEXT" */
    struct str host;     /* advertised */
    uint16_t port;
    int16_t security_protocol;
};

struct broker {
    struct env env;
    const struct config *config;
    int32_t node_id;
    struct str rack; /* null when not set */
    struct str cluster_id;
    struct uuid incarnation_id; /* fresh per process */
    int64_t epoch;              /* broker epoch; -1 before registration */
    const struct broker_endpoint *endpoints;
    int32_t endpoints_count;

    /* What the broker listener serves; ApiVersions advertises it. */
    const struct dispatch *apis;
    int16_t kraft_version;     /* of the quorum, which no metadata record tells */
    const struct image *image; /* committed metadata as this broker has applied it */
    struct replica_manager *replicas;
    struct fetch_session_cache *fetch_sessions;
    struct group_coordinator *groups;
    struct auto_topics *auto_topics;
    struct settling *settling; /* NULL: nobody waits */
    struct handover *handover; /* NULL: nothing is given away */
    struct absence *absence;   /* who of the others is gone, while no controller answers */
    struct doubted_reads *doubted_reads;
    struct producer_id_source *producer_ids;
    struct lifecycle *lifecycle;
    struct partition_changes *changes; /* for the history; NULL: nothing is kept */
    /* Requests to the active controller, wherever it is; retried by whoever calls. */
    struct controller_channel *controller;
    /* When the last heartbeat that a controller answered was sent, and broker.session.timeout.ms
     * (0: no matter). */
    struct mono_time heartbeat_answered;
    int64_t session_timeout_ms;
    struct broker_parts *parts; /* broker.c's own */
};

/* No controller has answered for a session timeout: another may lead in our place by now, or all
 * controllers are gone; which of the two cannot be known from here. */
static inline bool broker_lapsed(const struct broker *b)
{
    return b->session_timeout_ms > 0 &&
           mono_elapsed_ms(clock_mono(b->env.clock), b->heartbeat_answered) >=
               b->session_timeout_ms;
}

/* ---- lifecycle of the whole; called by server/ */

struct broker_options {
    struct config *config; /* changed by dynamic configuration; borrowed */
    int32_t node_id;
    const char *rack; /* NULL: none; borrowed, as all below */
    const char *cluster_id;
    const struct broker_endpoint *endpoints;
    int32_t endpoints_count;
    struct log_dir *const *log_dirs; /* open, not loaded */
    int32_t log_dirs_count;
    const struct dispatch *local_controller; /* NULL: this node is no controller */
    const struct dispatch *own_apis;         /* see rpc/dispatch.h; NULL: none */
    struct history *history;                 /* NULL: nothing is kept */
    void *owner;
    /* Unfenced for the first time: let clients in. */
    void (*running)(void *owner);
    /* Clients that were told of one broker alone, when the others were fenced, know nobody when
     * that one dies, and many (Java's before 4.0) never ask the bootstrap servers again: now there
     * are others, so they are to look anew (rpc_server_end_marked). May be NULL. */
    void (*others_came)(void *owner);
    /* Controlled shutdown is over: stop. */
    void (*may_stop)(void *owner);
    /* The node cannot go on, and why, in one line. */
    void (*fatal)(void *owner, const char *why);
};

struct broker *broker_create(const struct env *env, const struct broker_options *options);

/* Register with the controller; `running` follows. */
void broker_start(struct broker *b);

/* The quorum's leader, as known; -1: none. For a leader in this node the address is ignored. */
void broker_set_controller(struct broker *b, int32_t leader_id, const char *host, uint16_t port);

/* Committed metadata goes here. */
struct metadata_publisher *broker_metadata(struct broker *b);

/* The metadata log finds no room for what the leader sends, or has it again: others may lead what
 * we led and coordinated, and we do not hear of it, so nobody is served meanwhile. */
void broker_metadata_held_back(struct broker *b, bool held_back);

/* Metadata of brokers has changed. */
void broker_brokers_moved(struct broker *b);

/* Hand leaderships over, then `may_stop`. */
void broker_shutdown(struct broker *b);

/* Produce requests wait, or are on their way to who leads in our place now (handover.h). */
bool broker_is_handing_over(const struct broker *b);

/* To be called by the `offline` callback of a log directory. */
void broker_directory_failed(struct broker *b, struct log_dir *dir);

/* Parked requests are failed; log directories stay with their owner. */
void broker_destroy(struct broker *b);

/* Send a request to the active controller. Like channel_call; ERR_CLOSED when no controller is
 * known or the connection broke, ERR_TIMEOUT. NOT_CONTROLLER in the answer is the caller's to
 * retry. */
void broker_call_controller(struct broker *b, struct call *call, int16_t api_key,
                            int16_t max_version, const void *request,
                            void (*done)(struct call *, enum err, const void *));

/* The endpoint of a registered broker for the listener a request came in on; NULL: it has none. The
 * node's own view of the image. See KIP-951 and broker.md 2.3. */
struct image_endpoint;

#endif
