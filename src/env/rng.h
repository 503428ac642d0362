/* Randomness from outside: ids, jitter, elections. The os side is cryptographic; the simulated side
 * is a prng forked from the run's seed. */
#ifndef SAMSA_ENV_RNG_H
#define SAMSA_ENV_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/uuid.h"

struct rng {
    const struct rng_ops *ops;
};

struct rng_ops {
    void (*fill)(struct rng *, void *data, size_t len);
};

static inline void rng_fill(struct rng *r, void *data, size_t len)
{
    r->ops->fill(r, data, len);
}

static inline uint64_t rng_u64(struct rng *r)
{
    uint64_t v;
    r->ops->fill(r, &v, sizeof v);
    return v;
}

/* Uniform in [0, bound), bound > 0 (the bias of one modulo over 2^64 is accepted). */
static inline uint64_t rng_below(struct rng *r, uint64_t bound)
{
    PRE(bound > 0);
    return rng_u64(r) % bound;
}

/* A version 4 uuid that Kafka accepts for topics and directories: never one of the reserved small
 * ids, and its text never starts with '-' (Uuid.randomUuid). */
struct uuid rng_uuid(struct rng *r);

#endif
