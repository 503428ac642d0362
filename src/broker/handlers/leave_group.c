/* LeaveGroup, versions 0-5: one member, or from version 3 several, also by instance (KIP-345). */
#include "protocol/leave_group.h"

#include "broker/handlers/group_wait.h"
#include "broker/handlers/handlers.h"

void handle_leave_group(struct request *rq, void *context)
{
    struct broker *b = context;
    group_coordinator_leave(b->groups, rq->body, group_wait_for(rq, NULL));
}
