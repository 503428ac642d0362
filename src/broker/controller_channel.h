/* The broker's way to whoever is the active controller: this node's own controller half or a peer.
 *
 * Owns: one channel per known controller address, made when first needed. Calls made while no
 * leader is known wait for one, for at most their timeout. Thread: the loop's. */
#ifndef SAMSA_BROKER_CONTROLLER_CHANNEL_H
#define SAMSA_BROKER_CONTROLLER_CHANNEL_H

#include "broker/broker.h"

struct controller_channel;

/* `local` is the dispatch table of this node's controller listener, NULL on a broker-only node. */
struct controller_channel *controller_channel_create(const struct env *env,
                                                     const struct dispatch *local, int32_t node_id,
                                                     int64_t request_timeout_ms);

/* The quorum has a (new) leader; -1: none is known. Host and port are ignored for this node
 * itself. */
void controller_channel_set_leader(struct controller_channel *c, int32_t leader_id,
                                   const char *host, uint16_t port);

void controller_channel_call(struct controller_channel *c, struct call *call, int16_t api_key,
                             int16_t max_version, const void *request,
                             void (*done)(struct call *, enum err, const void *));

/* Every call ends with CLOSED. */
void controller_channel_destroy(struct controller_channel *c);

#endif
