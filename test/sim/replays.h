/* One in the middle who sends again what idempotent producers have sent: a proxy, or a client of
 * older days. Batches that were acknowledged, or are on their way, come a second time over other
 * connections, at once or much later, to whoever leads then. Values must stand once all the same
 * (S13), which values.c sees.
 *
 * Owns: copies of the last batches. Borrows: the cluster. Thread: the world's one. */
#ifndef SAMSA_TEST_SIM_REPLAYS_H
#define SAMSA_TEST_SIM_REPLAYS_H

#include "client.h"

struct replays;

struct replays *replays_new(struct cluster *c);
void replays_free(struct replays *r);

/* This was sent, by that version of Produce. Copied. */
void replays_hear(struct replays *r, struct truth *t, int16_t version, const uint8_t *data,
                  size_t len);

/* No more from now on. */
void replays_rest(struct replays *r);

#endif
