/* DescribeQuorum, versions 0 to 2: how far every replica of the metadata log has come. */
#include "protocol/describe_quorum.h"
#include "quorum/internal.h"

static void describe_nodes(struct request *rq, const struct quorum *q,
                           struct describe_quorum_response *r)
{
    const struct voters_record *voters = raft_voters(q->raft);
    r->nodes_count = voters->voters_count;
    r->nodes = describe_quorum_response_node_new(&rq->arena, r->nodes_count);
    for (int32_t i = 0; i < r->nodes_count; i++) {
        const struct voters_record_voter *v = &voters->voters[i];
        r->nodes[i].node_id = v->voter_id;
        r->nodes[i].listeners_count = v->endpoints_count;
        r->nodes[i].listeners =
            describe_quorum_response_listener_new(&rq->arena, v->endpoints_count);
        for (int32_t n = 0; n < v->endpoints_count; n++) {
            r->nodes[i].listeners[n].name = v->endpoints[n].name;
            r->nodes[i].listeners[n].host = v->endpoints[n].host;
            r->nodes[i].listeners[n].port = v->endpoints[n].port;
        }
    }
}

/* A moment of the monotonic clock as one of the wall's. */
static int64_t wall_of(const struct quorum *q, int64_t mono_ms)
{
    return mono_ms < 0 ? -1 : clock_wall(q->env.clock).ms - (quorum_now_ms(q) - mono_ms);
}

static void describe_replica(const struct quorum *q, const struct raft_progress *from,
                             struct describe_quorum_response_replica_state *to)
{
    to->replica_id = from->replica.id;
    to->replica_directory_id = from->replica.directory_id;
    to->log_end_offset = from->end_offset;
    to->last_fetch_timestamp = wall_of(q, from->last_fetch_ms);
    to->last_caught_up_timestamp = wall_of(q, from->last_caught_up_ms);
}

static void describe_partition(struct request *rq, const struct quorum *q,
                               struct describe_quorum_response_partition_data *p)
{
    struct raft_progress *progress;
    int32_t count = raft_describe(q->raft, quorum_now_ms(q), &rq->arena, &progress);
    p->leader_id = q->options.node_id;
    p->leader_epoch = raft_epoch(q->raft);
    /* unknown until a record of this epoch has committed */
    bool known = q->high_watermark > raft_epoch_start(q->raft);
    p->high_watermark = known ? q->high_watermark : -1;
    p->current_voters = describe_quorum_response_replica_state_new(&rq->arena, count);
    p->observers = describe_quorum_response_replica_state_new(&rq->arena, count);
    for (int32_t i = 0; i < count; i++)
        describe_replica(q, &progress[i],
                         progress[i].is_voter ? &p->current_voters[p->current_voters_count++]
                                              : &p->observers[p->observers_count++]);
}

/* Every partition asked for is unknown, whatever its name. */
static void refuse(struct request *rq, struct describe_quorum_response *r)
{
    const struct describe_quorum_request *request = rq->body;
    r->topics_count = request->topics_count;
    r->topics = describe_quorum_response_topic_data_new(&rq->arena, r->topics_count);
    for (int32_t i = 0; i < r->topics_count; i++) {
        struct describe_quorum_response_topic_data *t = &r->topics[i];
        t->topic_name = request->topics[i].topic_name;
        t->partitions_count = request->topics[i].partitions_count;
        t->partitions =
            describe_quorum_response_partition_data_new(&rq->arena, t->partitions_count);
        for (int32_t k = 0; k < t->partitions_count; k++) {
            t->partitions[k].partition_index = request->topics[i].partitions[k].partition_index;
            t->partitions[k].error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
            t->partitions[k].error_message = STR("This server does not host this topic-partition.");
        }
    }
    request_reply(rq, r);
}

void quorum_handle_describe(struct request *rq, void *context)
{
    struct quorum *q = context;
    const struct describe_quorum_request *request = rq->body;
    struct describe_quorum_response r;
    describe_quorum_response_init(&r);
    bool fine = request->topics_count == 1 && request->topics[0].partitions_count == 1 &&
                str_equal_z(request->topics[0].topic_name, "__cluster_metadata") &&
                request->topics[0].partitions[0].partition_index == 0;
    if (!fine) {
        refuse(rq, &r);
        return;
    }
    r.topics_count = 1;
    r.topics = describe_quorum_response_topic_data_new(&rq->arena, 1);
    r.topics[0].topic_name = STR("__cluster_metadata");
    r.topics[0].partitions_count = 1;
    r.topics[0].partitions = describe_quorum_response_partition_data_new(&rq->arena, 1);
    struct describe_quorum_response_partition_data *p = &r.topics[0].partitions[0];
    if (!quorum_is_leader(q)) {
        p->error_code = KAFKA_NOT_LEADER_OR_FOLLOWER;
    } else {
        describe_partition(rq, q, p);
        describe_nodes(rq, q, &r);
    }
    request_reply(rq, &r);
}
