/* ListGroups, versions 0-5: of the partitions this broker leads, by state (KIP-518) and type
 * (KIP-848). */
#include "protocol/list_groups.h"

#include "broker/handlers/group_wait.h"
#include "broker/handlers/handlers.h"

void handle_list_groups(struct request *rq, void *context)
{
    struct broker *b = context;
    group_coordinator_list(b->groups, rq->body, group_wait_for(rq, NULL));
}
