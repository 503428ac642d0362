/* OffsetDelete, version 0 (KIP-496): offsets of topics that the group does not consume. */
#include "protocol/offset_delete.h"

#include "broker/handlers/group_wait.h"
#include "broker/handlers/handlers.h"

struct delete
{
    struct group_wait wait;
    struct offset_delete_response response;
    struct offset_delete_request asked;
    struct offset_delete_response_partition **answers;
    int32_t answers_count;
};

static void deleted(struct group_call *call, const void *response)
{
    struct delete *d = CONTAINER_OF(call, struct delete, wait.call);
    const struct offset_delete_response *r = response;
    d->response.error_code = r->error_code;
    if (r->error_code) {
        d->response.topics_count = 0;
    } else {
        int32_t n = 0;
        for (int32_t i = 0; i < r->topics_count; i++)
            for (int32_t k = 0; k < r->topics[i].partitions_count; k++)
                d->answers[n++]->error_code = r->topics[i].partitions[k].error_code;
        INVARIANT(n == d->answers_count);
    }
    request_reply(d->wait.request, &d->response);
}

static void take_topic(const struct broker *b, struct request *rq, struct delete *d,
                       const struct offset_delete_request_topic *from,
                       struct offset_delete_response_topic *to)
{
    to->name = from->name;
    to->partitions_count = from->partitions_count;
    to->partitions = offset_delete_response_partition_new(&rq->arena, from->partitions_count);
    struct offset_delete_request_topic *asked = &d->asked.topics[d->asked.topics_count];
    asked->name = from->name;
    asked->partitions = offset_delete_request_partition_new(&rq->arena, from->partitions_count);
    for (int32_t k = 0; k < from->partitions_count; k++) {
        to->partitions[k].partition_index = from->partitions[k].partition_index;
        if (group_partition_exists(b, from->name, from->partitions[k].partition_index)) {
            asked->partitions[asked->partitions_count++] = from->partitions[k];
            d->answers[d->answers_count++] = &to->partitions[k];
        } else {
            to->partitions[k].error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        }
    }
    if (asked->partitions_count > 0) d->asked.topics_count++;
}

void handle_offset_delete(struct request *rq, void *context)
{
    struct broker *b = context;
    const struct offset_delete_request *q = rq->body;
    struct delete *d = ARENA_NEW(&rq->arena, struct delete);
    d->wait = *CONTAINER_OF(group_wait_for(rq, deleted), struct group_wait, call);
    d->asked = *q;
    d->asked.topics = offset_delete_request_topic_new(&rq->arena, q->topics_count);
    d->asked.topics_count = 0;
    offset_delete_response_init(&d->response);
    d->response.topics = offset_delete_response_topic_new(&rq->arena, q->topics_count);
    d->response.topics_count = q->topics_count;
    int32_t partitions = 0;
    for (int32_t i = 0; i < q->topics_count; i++) partitions += q->topics[i].partitions_count;
    d->answers = ARENA_ARRAY(&rq->arena, struct offset_delete_response_partition *, partitions);
    for (int32_t i = 0; i < q->topics_count; i++)
        take_topic(b, rq, d, &q->topics[i], &d->response.topics[i]);
    /* Also when nothing is left of it: the group may not exist. */
    group_coordinator_delete_offsets(b->groups, &d->asked, &d->wait.call);
}
