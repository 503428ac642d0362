/* Heartbeat, versions 0-4: a member is alive, and hears of rebalances. */
#include "protocol/heartbeat.h"

#include "broker/handlers/group_wait.h"
#include "broker/handlers/handlers.h"

void handle_heartbeat(struct request *rq, void *context)
{
    struct broker *b = context;
    group_coordinator_heartbeat(b->groups, rq->body, group_wait_for(rq, NULL));
}
