/* DescribeGroups, versions 0-6: classic groups and their members. */
#include "protocol/describe_groups.h"

#include "broker/handlers/group_wait.h"
#include "broker/handlers/handlers.h"
#include "broker/metadata_view.h"

static void described(struct group_call *call, const void *response)
{
    struct request *rq = group_wait_request(call);
    const struct describe_groups_request *q = rq->body;
    const struct describe_groups_response *r = response;
    for (int32_t i = 0; i < r->groups_count; i++)
        if (q->include_authorized_operations && r->groups[i].error_code == 0)
            r->groups[i].authorized_operations = OPERATIONS_ON_GROUP;
    request_reply(rq, r);
}

void handle_describe_groups(struct request *rq, void *context)
{
    struct broker *b = context;
    group_coordinator_describe(b->groups, rq->body, group_wait_for(rq, described));
}
