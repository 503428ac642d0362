/* What this broker's replicas ask of configuration and metadata, and to follow their leaders: the
 * keys named replica.*, the inter-broker listener, the versions that metadata.version allows.
 *
 * Owns nothing. Thread: the loop's. */
#ifndef SAMSA_BROKER_REPLICATION_H
#define SAMSA_BROKER_REPLICATION_H

#include "broker/broker.h"
#include "replica/replica_manager.h"

struct replica_manager_config replication_config(const struct broker *b);

/* leader.replication.throttled.rate, follower.replication.throttled.rate and
 * replica.alter.log.dirs.io.max.bytes.per.second, which are set at run time only; INT64_MAX where
 * they are not. */
struct replication_rates {
    int64_t leader, follower, moves; /* bytes per second */
};
struct replication_rates replication_rates(const struct config *c);

/* As in struct replica_events: what the image says of a broker, and of a topic. `broker` is a
 * struct broker, here and below. */
struct broker_standing replication_standing(void *broker, int32_t broker_id);
void replication_topic_config(void *broker, struct str topic, struct arena *arena,
                              struct topic_config *out);

/* As in struct fetcher_events. */
bool replication_endpoint(void *broker, int32_t broker_id, char host[FETCHER_HOST_MAX],
                          uint16_t *port);
int16_t replication_version(void *broker, int16_t api_key);
void replication_cut(void *broker, struct replica *r, int64_t from, int64_t to);
void replication_lost(void *broker, int32_t leader);
void replication_heard(void *broker, int32_t leader);

#endif
