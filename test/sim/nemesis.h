/* Does what the plan's schedule says, to machines, disks, links and clocks, and ends it in time.
 *
 * Spares what Kafka's design cannot survive (README.md): a machine may lose unsynced bytes only
 * when another holds everything (oracles_may_lose). So every broken invariant is a bug.
 * Owns its scripts' state. Borrows cluster, admin, members. */
#ifndef SAMSA_TEST_SIM_NEMESIS_H
#define SAMSA_TEST_SIM_NEMESIS_H

#include "admin.h"
#include "member.h"

struct nemesis;

struct nemesis *nemesis_new(struct cluster *c, struct admin *admin, struct member **members,
                            int32_t members_count);
void nemesis_free(struct nemesis *n);

/* Everything is mended and everybody up, and nothing happens from now on: all but one node, when
 * the plan says so and the others must be able to do without it. That one stays away (down, cut
 * off, paused) until it is brought back. NULL: nobody does. */
struct machine *nemesis_heal(struct nemesis *n);
void nemesis_bring_back(struct nemesis *n, struct machine *m);

/* Actions that were carried out; those spared. */
int32_t nemesis_done(const struct nemesis *n);
int32_t nemesis_spared(const struct nemesis *n);

#endif
