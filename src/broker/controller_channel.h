/* The broker's way to whoever is the active controller: this node's own controller half or a peer.
 *
 * Owns: its connections: to a controller in another node one each for heartbeats, AlterPartition,
 * AssignReplicasToDirs and everything else, made when first needed. A call made while no leader is
 * known ends with CLOSED. Thread: the loop's. */
#ifndef SAMSA_BROKER_CONTROLLER_CHANNEL_H
#define SAMSA_BROKER_CONTROLLER_CHANNEL_H

#include "broker/broker.h"

struct controller_channel;

struct controller_channel_timeouts {
    int64_t heartbeat_ms; /* of registrations too: a lost one must not cost the session */
    int64_t others_ms;
};

/* `local` is the dispatch table of this node's controller listener, NULL on a broker-only node. */
struct controller_channel *controller_channel_create(const struct env *env,
                                                     const struct dispatch *local, int32_t node_id,
                                                     struct controller_channel_timeouts timeouts);

/* The quorum has a (new) leader; -1: none is known. Host and port are ignored for this node
 * itself. */
void controller_channel_set_leader(struct controller_channel *c, int32_t leader_id,
                                   const char *host, uint16_t port);

void controller_channel_call(struct controller_channel *c, struct call *call, int16_t api_key,
                             int16_t max_version, const void *request,
                             void (*done)(struct call *, enum err, const void *));

/* The leader is this node's own controller half. */
bool controller_channel_is_local(const struct controller_channel *c);

/* What the active controller serves, of what is forwarded to it; false: not known yet. *max -1: it
 * does not serve the API. */
bool controller_channel_range(const struct controller_channel *c, int16_t api_key, int16_t *min,
                              int16_t *max);

/* Every call ends with CLOSED. */
void controller_channel_destroy(struct controller_channel *c);

#endif
