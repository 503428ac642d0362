/* Makes a failing plan smaller while it still fails in the same way: takes actions out by halves,
 * quarters, …, sets fields to their plainest values, ends the run sooner. What is left is a short
 * script that a person can read, for test/sim/plans. */
#ifndef SAMSA_TEST_SIM_SHRINK_H
#define SAMSA_TEST_SIM_SHRINK_H

#include "children.h"

/* `plan` fails as `failure` says (its first word counts). At most `runs_max` runs. Returns how many
 * were made. */
int shrink(struct children *c, struct plan *plan, const struct run_result *failure, int runs_max);

#endif
