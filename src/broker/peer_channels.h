/* Channels to other brokers, on the listener between brokers, each made when it is first needed.
 *
 * Owns: the channels. Borrows: the broker, whose metadata says where the others are. Thread: the
 * loop's. */
#ifndef SAMSA_BROKER_PEER_CHANNELS_H
#define SAMSA_BROKER_PEER_CHANNELS_H

#include "base/map.h"
#include "broker/broker.h"

struct peer_channels {
    struct broker *broker;
    const char *purpose; /* in the client id; borrowed */
    int64_t request_timeout_ms, backoff_ms;
    struct map by_id; /* broker id -> struct channel */
};

void peer_channels_init(struct peer_channels *p, struct broker *b, const char *purpose,
                        int64_t request_timeout_ms, int64_t backoff_ms);

/* NULL: metadata has no address of this broker. */
struct channel *peer_channels_to(struct peer_channels *p, int32_t id);

/* Forget the channel to one, if there is one: its address may be another. Its calls in flight end
 * with CLOSED. */
void peer_channels_drop(struct peer_channels *p, int32_t id);

/* Calls in flight end with CLOSED. May be used again. */
void peer_channels_close(struct peer_channels *p);

#endif
