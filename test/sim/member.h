/* A member of the consumer group, as a client library's consumer is: finds the coordinator, joins,
 * shares out the partitions when it leads, reads from where the group had come to, commits, beats,
 * and begins again whenever it is told to.
 *
 *   FINDING ─> JOINING ─> SYNCING ─> STARTING (offsets) ─> READING ── rebalance, or lost ─┐
 *      ^          ^──────────────────────────────────────────────────────────────────────┘
 *      └── the coordinator moved, or cannot be reached
 *
 * Tells groups.h what it was told. */
#ifndef SAMSA_TEST_SIM_MEMBER_H
#define SAMSA_TEST_SIM_MEMBER_H

#include "client.h"

struct member;

struct member *member_new(struct cluster *c, int32_t number);
void member_free(struct member *m);

/* Leave the group and rest; join again. */
void member_leave(struct member *m);
void member_return(struct member *m);
bool member_rests(const struct member *m);

/* It reads, and what it owns it has read to where that is committed. */
bool member_is_caught_up(const struct member *m);
/* What it owns. */
bool member_owns(const struct member *m, const struct truth *t);
/* For a failure's text: its state, and what it has not read to the end. */
void member_say(const struct member *m, char *text, size_t size);

#endif
