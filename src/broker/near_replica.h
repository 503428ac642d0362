/* From which replica a consumer reads best: replica.selector.class (KIP-392). Of Kafka's two rules,
 * LeaderSelector is no rule at all, and RackAwareReplicaSelector prefers the client's rack.
 *
 * Owns nothing. Thread: the loop's. */
#ifndef SAMSA_BROKER_NEAR_REPLICA_H
#define SAMSA_BROKER_NEAR_REPLICA_H

#include "broker/broker.h"
#include "replica/replica.h"

/* Does this broker, as a leader, send consumers to near followers? */
bool near_replica_is_configured(const struct config *c);

/* The broker to which a consumer in `rack` is to be sent for `offset`; -1: here. PRE: we lead. */
int32_t near_replica(const struct broker *b, const struct replica *r, struct str listener,
                     struct str rack, int64_t offset);

#endif
