/* OffsetCommit, versions 2-10: what metadata does not know is refused here, the rest goes to the
 * group's coordinator in one piece. */
#include "protocol/offset_commit.h"

#include "broker/handlers/group_wait.h"
#include "broker/handlers/handlers.h"
#include "metadata/image.h"

enum { VERSION_WITH_TOPIC_IDS = 10 };

struct commit {
    struct group_wait wait;
    struct offset_commit_response response;
    /* What the coordinator is asked, and where in the response its answers go. */
    struct offset_commit_request asked;
    struct offset_commit_response_partition **answers;
    int32_t answers_count;
};

static void committed(struct group_call *call, const void *response)
{
    struct commit *c = CONTAINER_OF(call, struct commit, wait.call);
    const struct offset_commit_response *r = response;
    int32_t n = 0;
    for (int32_t i = 0; i < r->topics_count; i++)
        for (int32_t k = 0; k < r->topics[i].partitions_count; k++)
            c->answers[n++]->error_code = r->topics[i].partitions[k].error_code;
    INVARIANT(n == c->answers_count);
    request_reply(c->wait.request, &c->response);
}

/* One topic of the request: into the response, and what exists of it into `asked`. */
static void take_topic(const struct broker *b, struct request *rq, struct commit *c,
                       const struct offset_commit_request_topic *from,
                       struct offset_commit_response_topic *to)
{
    bool by_id = rq->api_version >= VERSION_WITH_TOPIC_IDS;
    const struct image_topic *topic = by_id ? image_topic_by_id(b->image, from->topic_id)
                                            : image_topic_by_name(b->image, from->name);
    to->topic_id = from->topic_id;
    to->name = from->name;
    to->partitions_count = from->partitions_count;
    to->partitions = offset_commit_response_partition_new(&rq->arena, from->partitions_count);
    struct offset_commit_request_topic *asked = &c->asked.topics[c->asked.topics_count];
    asked->name = topic ? topic->name : STR("");
    asked->topic_id = topic ? topic->id : UUID_ZERO;
    asked->partitions = offset_commit_request_partition_new(&rq->arena, from->partitions_count);
    for (int32_t k = 0; k < from->partitions_count; k++) {
        to->partitions[k].partition_index = from->partitions[k].partition_index;
        if (topic && image_topic_partition(topic, from->partitions[k].partition_index)) {
            asked->partitions[asked->partitions_count++] = from->partitions[k];
            c->answers[c->answers_count++] = &to->partitions[k];
        } else {
            to->partitions[k].error_code =
                !topic && by_id ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        }
    }
    if (asked->partitions_count > 0) c->asked.topics_count++;
}

void handle_offset_commit(struct request *rq, void *context)
{
    struct broker *b = context;
    const struct offset_commit_request *q = rq->body;
    struct commit *c = ARENA_NEW(&rq->arena, struct commit);
    c->wait = *CONTAINER_OF(group_wait_for(rq, committed), struct group_wait, call);
    c->asked = *q;
    c->asked.topics = offset_commit_request_topic_new(&rq->arena, q->topics_count);
    c->asked.topics_count = 0;
    offset_commit_response_init(&c->response);
    c->response.topics = offset_commit_response_topic_new(&rq->arena, q->topics_count);
    c->response.topics_count = q->topics_count;
    int32_t partitions = 0;
    for (int32_t i = 0; i < q->topics_count; i++) partitions += q->topics[i].partitions_count;
    c->answers = ARENA_ARRAY(&rq->arena, struct offset_commit_response_partition *, partitions);
    for (int32_t i = 0; i < q->topics_count; i++)
        take_topic(b, rq, c, &q->topics[i], &c->response.topics[i]);
    if (c->asked.topics_count == 0)
        request_reply(rq, &c->response);
    else
        group_coordinator_commit(b->groups, &c->asked, &c->wait.call);
}
