/* What one connection was refused of idempotent producers, while batches behind it are under way.
 *
 *   batch n refused, retriably ─> kept ── n comes again ──────────────────────> forgotten
 *                                   └─ PIPELINE_MAX - 1 more requests have come ─> forgotten
 *
 * A producer sends up to five requests without waiting. A partition that knows nothing of it takes
 * any sequence first (it may have expired), so if this broker begins to lead after it refused n,
 * it would take n + 1, and n, sent again, would be lost or out of order. So n + 1 is refused
 * as n was until n comes, unless the log proves that n + 1 is next: n was taken elsewhere.
 *
 * What a client sends once it has read the answer to n begins with n; so only requests that were
 * under way by then count, and a producer that may be idempotent has at most five.
 *
 * Belongs to its connection, and ends with it. Thread: the loop's. */
#ifndef SAMSA_BROKER_REFUSED_BATCHES_H
#define SAMSA_BROKER_REFUSED_BATCHES_H

#include "protocol/batch.h"
#include "protocol/error.h"
#include "rpc/request.h"

enum {
    PIPELINE_MAX = 5,               /* max.in.flight.requests.per.connection of idempotence */
    CONNECTION_REFUSALS_MAX = 4096, /* kept a connection; at it the batches behind are not known */
};

struct refused_batches;

/* A Produce request begins: what its connection keeps; NULL (mostly) when that is nothing. */
struct refused_batches *refused_batches_begin(struct request *rq);

/* The first batch of `topic` (its name or its id's bytes) has been refused with `error`. */
void refused_batches_add(struct request *rq, struct bytes topic, int32_t partition,
                         const struct batch_header *h, enum kafka_error error);

/* Why this one is to be refused as one before it was; KAFKA_NONE: it is not behind any. */
enum kafka_error refused_batches_behind(const struct refused_batches *b, struct bytes topic,
                                        int32_t partition, const struct batch_header *h);

/* The batch has been taken. */
void refused_batches_taken(struct refused_batches *b, struct bytes topic, int32_t partition,
                           const struct batch_header *h);

#endif
