/* One who is not what he says: a broker of another cluster, or the earlier incarnation of one of
 * ours, or a second process of its id, or one with a copy of its directory, speaks to a controller,
 * which must refuse him (S25).
 *
 * Borrows the cluster. One attempt at a time. */
#ifndef SAMSA_TEST_SIM_IMPOSTOR_H
#define SAMSA_TEST_SIM_IMPOSTOR_H

#include "client.h"

struct impostor;

struct impostor *impostor_new(struct cluster *c);
void impostor_free(struct impostor *i);

/* Try, as the broker on that machine, at some controller; x chooses how. calm: no fault is under
 * way that may get a sound machine fenced. False: not now. */
bool impostor_try(struct impostor *i, const struct machine *as, int64_t x, bool calm);

#endif
