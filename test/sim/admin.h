/* The model administrator: does one thing after the other, asking any broker, and again when it was
 * not answered or told to come back; gives up after a while, as people do.
 *
 * The topics of the start ("t0", "t1", …) are made whatever it takes; topics made by actions are
 * "d0", "d1", … and may be deleted and made again under the same name. */
#ifndef SAMSA_TEST_SIM_ADMIN_H
#define SAMSA_TEST_SIM_ADMIN_H

#include "client.h"

struct admin;

struct admin *admin_new(struct cluster *c);
void admin_free(struct admin *a);

/* Queue the topics of the plan. */
void admin_make_topics(struct admin *a);
bool admin_has_made_topics(const struct admin *a);

/* Queue one of the actions from TOPIC_CREATE to VOTER_ADD, TRUNCATE and DIRECTORY_MOVE. */
void admin_do(struct admin *a, const struct action *action);

/* What is queued is dropped; what is under way ends. */
void admin_rest(struct admin *a);
bool admin_is_idle(const struct admin *a);

/* A reassignment or an election is still to be asked for, or was and is not answered. */
bool admin_may_move(const struct admin *a);

#endif
