#include "broker/handlers/group_wait.h"

#include "metadata/image.h"

static void reply(struct group_call *call, const void *response)
{
    request_reply(group_wait_request(call), response);
}

struct group_call *group_wait_for(struct request *rq,
                                  void (*done)(struct group_call *, const void *response))
{
    struct group_wait *w = ARENA_NEW(&rq->arena, struct group_wait);
    w->request = rq;
    w->call = (struct group_call){
        .version = rq->api_version,
        .client_id = rq->client_id,
        .client_host = request_client_host(rq),
        .arena = &rq->arena,
        .done = done ? done : reply,
    };
    return &w->call;
}

bool group_partition_exists(const struct broker *b, struct str topic, int32_t partition)
{
    const struct image_topic *t = image_topic_by_name(b->image, topic);
    return t && image_topic_partition(t, partition);
}
