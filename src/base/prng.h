/* A small deterministic generator (xoshiro256**), forked by name so that one seed gives every
 * simulated component its own stream. Not for secrets. */
#ifndef SAMSA_BASE_PRNG_H
#define SAMSA_BASE_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prng {
    uint64_t s[4];
};

struct prng prng_seed(uint64_t seed);

/* A generator that depends on the parent's present state and the name; the parent is not moved. */
struct prng prng_fork(const struct prng *parent, const char *name);

uint64_t prng_u64(struct prng *p);

/* Uniform in [0, bound); bound > 0. */
uint64_t prng_below(struct prng *p, uint64_t bound);

/* Uniform in [low, high], inclusive. */
int64_t prng_between(struct prng *p, int64_t low, int64_t high);

/* True `n` times in `of`. */
bool prng_chance(struct prng *p, uint64_t n, uint64_t of);

void prng_fill(struct prng *p, void *data, size_t len);

#endif
