/* The kernel's randomness, read in blocks. Private to this folder. */
#ifndef SAMSA_ENV_OS_RNG_H
#define SAMSA_ENV_OS_RNG_H

#include "env/rng.h"

enum { OS_RNG_BLOCK_BYTES = 512 };

struct os_rng {
    struct rng rng; /* first */
    size_t left;    /* unused bytes at the end of the block */
    uint8_t block[OS_RNG_BLOCK_BYTES];
};

void os_rng_init(struct os_rng *r);

#endif
