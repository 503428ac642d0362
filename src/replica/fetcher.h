/* What follows one leader: a connection to it, a fetch session, and every partition that it leads
 * and we follow. The fetchers of a node are all of these.
 *
 * One request is in flight, parked at the leader until something happens; a second one follows at
 * once when a partition joins. Each answer is written to the logs from the buffer it came in, and
 * the next request acknowledges it: the leader counts what we have asked beyond.
 *
 *      joined, or answered ──> request ──> answer ──> each partition: append, cut, ask, rest, fail
 *             ^                  │
 *             └── backoff <── no answer
 *
 * What each partition and each answer means is decided in following.h and follower_session.h.
 * Owns: channels, requests. Borrows: replicas, which unfollow before they go. Thread: the loop's.
 */
#ifndef SAMSA_REPLICA_FETCHER_H
#define SAMSA_REPLICA_FETCHER_H

#include "base/map.h"
#include "env/env.h"
#include "replica/replica.h"

struct fetchers;

enum { FETCHER_HOST_MAX = 256 };

struct fetcher_config {
    int32_t node_id;
    int32_t fetchers_per_leader; /* num.replica.fetchers */
    int64_t backoff_ms;          /* replica.fetch.backoff.ms, the longest */
    int32_t wait_ms_max;         /* replica.fetch.wait.max.ms */
    int32_t bytes_min;           /* replica.fetch.min.bytes */
    int32_t partition_bytes_max; /* replica.fetch.max.bytes */
    int32_t response_bytes_max;  /* replica.fetch.response.max.bytes */
    int64_t request_timeout_ms;  /* replica.socket.timeout.ms */
    int32_t
        receive_buffer_bytes; /* replica.socket.receive.buffer.bytes; <= 0: the system's choice */
};

/* What the fetchers ask of the world around. */
struct fetcher_events {
    /* Where a broker is reached by other brokers. False: it is not registered, or has no such
     * listener. */
    bool (*endpoint)(void *owner, int32_t broker_id, char host[FETCHER_HOST_MAX], uint16_t *port);
    /* Newest versions that metadata.version allows among brokers. */
    int16_t (*version)(void *owner, int16_t api_key);
    /* A replica's log was cut to end at `to`, as its leader said; it ended at `from`. May be
     * NULL. */
    void (*cut)(void *owner, struct replica *r, int64_t from, int64_t to);
    /* The connection to a leader broke, or was refused; told once, until `heard`: it has answered
     * again. Both may be NULL. */
    void (*lost)(void *owner, int32_t leader);
    void (*heard)(void *owner, int32_t leader);
};

struct fetchers *fetchers_create(const struct env *env, const struct fetcher_config *config,
                                 const struct fetcher_events *events,
                                 struct replica_manager *manager, void *owner);
void fetchers_destroy(struct fetchers *s);

/* As registered; sent with every fetch (KIP-903). */
void fetchers_set_broker_epoch(struct fetchers *s, int64_t broker_epoch);

/* Follow the leader that r->core names, from the end of its log. A no-op in the same epoch. */
void fetchers_follow(struct fetchers *s, struct replica *r);

/* Allowed when it does not follow. */
void fetchers_unfollow(struct fetchers *s, struct replica *r);

/* Brokers were registered, or moved to another address. */
void fetchers_endpoints_changed(struct fetchers *s);

/* Requests that ended with an answer, since the start: for tests and metrics. */
int64_t fetchers_answers(const struct fetchers *s);

#endif
