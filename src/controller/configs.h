/* Changing configurations, and checking those of new topics. */
#ifndef SAMSA_CONTROLLER_CONFIGS_H
#define SAMSA_CONTROLLER_CONFIGS_H

#include "controller/internal.h"

/* All the values a topic would have. A problem: INVALID_CONFIG. */
struct problem configs_check_topic(const struct controller *c, struct arena *arena,
                                   const struct config_pair *pairs, int32_t count);

/* One ConfigRecord each. */
void configs_add(struct controller *c, struct decision *d, enum resource_type type, struct str name,
                 const struct config_pair *pairs, int32_t count);

/* A problem: INVALID_TOPIC_EXCEPTION. In topics.c. */
struct problem topic_name_check(struct arena *arena, struct str name);

#endif
