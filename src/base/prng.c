#include "base/prng.h"

#include <string.h>

#include "base/assert.h"

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct prng prng_seed(uint64_t seed)
{
    struct prng p;
    for (int i = 0; i < 4; i++) p.s[i] = splitmix(&seed);
    return p;
}

struct prng prng_fork(const struct prng *parent, const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++) h = (h ^ (uint8_t)*c) * 0x100000001b3u;
    return prng_seed(h ^ parent->s[0] ^ (parent->s[2] << 1));
}

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t prng_u64(struct prng *p)
{
    uint64_t *s = p->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *p, uint64_t bound)
{
    PRE(bound > 0);
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t v;
    do v = prng_u64(p);
    while (v >= limit);
    return v % bound;
}

int64_t prng_between(struct prng *p, int64_t low, int64_t high)
{
    PRE(low <= high);
    return low + (int64_t)prng_below(p, (uint64_t)high - (uint64_t)low + 1);
}

bool prng_chance(struct prng *p, uint64_t n, uint64_t of)
{
    return prng_below(p, of) < n;
}

void prng_fill(struct prng *p, void *data, size_t len)
{
    uint8_t *b = data;
    while (len > 0) {
        uint64_t v = prng_u64(p);
        size_t part = len < sizeof v ? len : sizeof v;
        memcpy(b, &v, part);
        b += part;
        len -= part;
    }
}
