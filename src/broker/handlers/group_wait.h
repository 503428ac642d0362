/* A request that waits for the group coordinator, and is answered with what it says.
 *
 * The coordinator may keep it parked for minutes (JoinGroup, SyncGroup). When its connection breaks
 * meanwhile it stays: the member's fate is decided by its session, and the answer is discarded. */
#ifndef SAMSA_BROKER_HANDLERS_GROUP_WAIT_H
#define SAMSA_BROKER_HANDLERS_GROUP_WAIT_H

#include "broker/broker.h"
#include "group/coordinator.h"

struct group_wait {
    struct group_call call;
    struct request *request;
};

/* In the request's arena. `done` NULL: reply with the response as it is. */
struct group_call *group_wait_for(struct request *rq,
                                  void (*done)(struct group_call *, const void *response));

static inline struct request *group_wait_request(struct group_call *call)
{
    return CONTAINER_OF(call, struct group_wait, call)->request;
}

/* True when metadata knows the partition. */
bool group_partition_exists(const struct broker *b, struct str topic, int32_t partition);

#endif
