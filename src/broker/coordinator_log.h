/* A partition of an internal topic as its coordinator sees it: rsm's log over replica/.
 *
 * Owns nothing but its wait for the high watermark. Thread: the loop's. */
#ifndef SAMSA_BROKER_COORDINATOR_LOG_H
#define SAMSA_BROKER_COORDINATOR_LOG_H

#include "base/arena.h"
#include "replica/replica.h"
#include "rsm/rsm.h"

struct coordinator_log {
    struct rsm_log log; /* first */
    struct replica *replica;
    struct offset_wait wait;
    struct arena errors; /* of the append at hand */
    /* The high watermark has moved. */
    void (*moved)(struct coordinator_log *);
    void *owner;
};

void coordinator_log_init(struct coordinator_log *l, struct replica *replica,
                          void (*moved)(struct coordinator_log *), void *owner);

/* No callback comes after it. */
void coordinator_log_close(struct coordinator_log *l);

#endif
