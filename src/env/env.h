/* The outside world of one node, as five small interfaces. Two families implement them: env/os (a
 * real machine) and env/sim (a simulated one, from a seed). Nothing above env/ can tell which. */
#ifndef SAMSA_ENV_ENV_H
#define SAMSA_ENV_ENV_H

#include "env/clock.h"
#include "env/disk.h"
#include "env/net.h"
#include "env/rng.h"
#include "env/trace.h"

struct env {
    struct clock *clock;
    struct rng *rng;
    struct disk *disk;
    struct net *net;
    struct trace *trace;
};

#endif
