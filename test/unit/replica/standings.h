/* What the controller says of brokers, for tests that are about something else. */
#ifndef SAMSA_TEST_REPLICA_STANDINGS_H
#define SAMSA_TEST_REPLICA_STANDINGS_H

#include "replica/replica_manager.h"

/* For struct replica_events: every broker is registered, in epoch 100 and its id, and alive. */
static inline struct broker_standing all_are_standing(void *owner, int32_t id)
{
    (void)owner;
    return (struct broker_standing){.registered = true, .epoch = 100 + id};
}

#endif
