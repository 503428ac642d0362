/* How much replication of throttled partitions may take of the network, so that a reassignment
 * leaves room for clients (KIP-73). The rate is measured over a window of several samples, as
 * Kafka's SimpleRate: what is over it waits, nothing is refused.
 *
 * A pure core: times come in. Owns: nothing. Thread: the loop's. */
#ifndef SAMSA_REPLICA_THROTTLE_H
#define SAMSA_REPLICA_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "env/clock.h"

enum { THROTTLE_SAMPLES_MAX = 64 };

struct throttle {
    int64_t bytes_per_s; /* INT64_MAX: no limit */
    int32_t samples;     /* replication.quota.window.num, up to THROTTLE_SAMPLES_MAX */
    int64_t sample_ms;   /* replication.quota.window.size.seconds */
    int64_t bytes[THROTTLE_SAMPLES_MAX]; /* per sample of sample_ms, in a ring by its number */
    int64_t first, last;                 /* numbers of the oldest and newest sample; -1: none */
};

void throttle_init(struct throttle *t, int32_t samples, int32_t sample_s);

void throttle_record(struct throttle *t, struct mono_time now, int64_t bytes);

/* More than the rate went over the window that ends now. */
bool throttle_is_exceeded(struct throttle *t, struct mono_time now);

/* Does a topic's list of "partition:broker,…" (or "*") name this replica? */
bool throttle_list_names(const struct str *list, int32_t count, int32_t partition,
                         int32_t broker_id);

#endif
