#include "env/os/rng.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static void fill_from_kernel(uint8_t *to, size_t len)
{
    while (len > 0) {
        ssize_t n = getrandom(to, len, 0);
        INVARIANT(n > 0 || errno == EINTR);
        if (n <= 0) continue;
        to += n;
        len -= (size_t)n;
    }
}

static void os_rng_fill(struct rng *rng, void *data, size_t len)
{
    struct os_rng *r = (struct os_rng *)rng;
    if (len > sizeof r->block / 2) {
        fill_from_kernel(data, len);
        return;
    }
    if (r->left < len) {
        fill_from_kernel(r->block, sizeof r->block);
        r->left = sizeof r->block;
    }
    uint8_t *from = r->block + sizeof r->block - r->left;
    memcpy(data, from, len);
    memset(from, 0, len); /* handed out: not to be found here again */
    r->left -= len;
}

void os_rng_init(struct os_rng *r)
{
    static const struct rng_ops ops = {.fill = os_rng_fill};
    *r = (struct os_rng){.rng.ops = &ops};
}
