/* JoinGroup, versions 0-9: parked until the group has gathered. */
#include "protocol/join_group.h"

#include "broker/handlers/group_wait.h"
#include "broker/handlers/handlers.h"

static void joined(struct group_call *call, const void *response)
{
    struct join_group_response r = *(const struct join_group_response *)response;
    /* Before version 7 the protocol's name cannot be null; since, who is refused has none. */
    if (call->version < 7 && str_is_null(r.protocol_name)) r.protocol_name = STR("");
    if (call->version >= 7 && r.error_code) r.protocol_name = STR_NULL;
    request_reply(group_wait_request(call), &r);
}

void handle_join_group(struct request *rq, void *context)
{
    struct broker *b = context;
    group_coordinator_join(b->groups, rq->body, group_wait_for(rq, joined));
}
