/* DeleteGroups, versions 0-2 (KIP-229): empty groups, with their offsets. */
#include "protocol/delete_groups.h"

#include "broker/handlers/group_wait.h"
#include "broker/handlers/handlers.h"

void handle_delete_groups(struct request *rq, void *context)
{
    struct broker *b = context;
    group_coordinator_delete_groups(b->groups, rq->body, group_wait_for(rq, NULL));
}
