/* SyncGroup, versions 0-5: a member's assignment, once its leader has given it. */
#include "protocol/sync_group.h"

#include "broker/handlers/group_wait.h"
#include "broker/handlers/handlers.h"

void handle_sync_group(struct request *rq, void *context)
{
    struct broker *b = context;
    group_coordinator_sync(b->groups, rq->body, group_wait_for(rq, NULL));
}
