#include "env/rng.h"

struct uuid rng_uuid(struct rng *r)
{
    struct uuid u;
    do {
        rng_fill(r, u.bytes, sizeof u.bytes);
        u.bytes[6] = (uint8_t)((u.bytes[6] & 0x0f) | 0x40);
        u.bytes[8] = (uint8_t)((u.bytes[8] & 0x3f) | 0x80);
    } while (uuid_text(u).z[0] == '-');
    return u;
}
