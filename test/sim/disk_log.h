/* Reads the batches of a partition's log off a simulated disk, from outside the node that owns it:
 * what an oracle sees is what is written, whatever the node believes.
 *
 * Owns nothing. Costs no disk operation, so it leaves the run as it is. */
#ifndef SAMSA_TEST_SIM_DISK_LOG_H
#define SAMSA_TEST_SIM_DISK_LOG_H

#include "env/sim/sim.h"
#include "protocol/batch.h"

struct disk_log {
    int64_t offset; /* of the next batch */
    int64_t segment_base, position;
    bool placed; /* segment and position are those of offset */
};

/* The whole batch that holds `at->offset` in the directory; moves on behind it. False when there is
 * none, or none that can be parsed. The bytes live until the node's next turn. */
bool disk_log_next(const struct sim_node *n, const char *directory, struct disk_log *at,
                   struct bytes *batch, struct batch_header *header);

/* The base of the first segment; -1: there is none. */
int64_t disk_log_start(const struct sim_node *n, const char *directory);

/* Continue at that offset. */
static inline void disk_log_seek(struct disk_log *at, int64_t offset)
{
    *at = (struct disk_log){.offset = offset};
}

#endif
