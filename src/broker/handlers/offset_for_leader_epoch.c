/* OffsetForLeaderEpoch, versions 2-4 (KIP-101, KIP-320): where an epoch ends in the leader's log.
 */
#include "protocol/offset_for_leader_epoch.h"

#include "broker/handlers/handlers.h"
#include "broker/handlers/partitions.h"

void handle_offset_for_leader_epoch(struct request *rq, void *context)
{
    const struct broker *b = context;
    const struct offset_for_leader_epoch_request *q = rq->body;
    struct offset_for_leader_epoch_response r;
    offset_for_leader_epoch_response_init(&r);
    r.topics_count = q->topics_count;
    r.topics = offset_for_leader_epoch_response_offset_for_leader_topic_result_new(&rq->arena,
                                                                                   q->topics_count);
    for (int32_t i = 0; i < q->topics_count; i++) {
        const struct offset_for_leader_epoch_request_offset_for_leader_topic *t = &q->topics[i];
        r.topics[i].topic = t->topic;
        r.topics[i].partitions_count = t->partitions_count;
        r.topics[i].partitions =
            offset_for_leader_epoch_response_epoch_end_offset_new(&rq->arena, t->partitions_count);
        for (int32_t j = 0; j < t->partitions_count; j++) {
            const struct offset_for_leader_epoch_request_offset_for_leader_partition *p =
                &t->partitions[j];
            struct epoch_end end = {NO_LEADER_EPOCH, NO_OFFSET};
            struct located at = locate_by_name(b, t->topic, p->partition);
            enum kafka_error e = at.error;
            if (!e)
                e = replica_epoch_end(at.replica, p->current_leader_epoch, p->leader_epoch, &end);
            r.topics[i].partitions[j] = (struct offset_for_leader_epoch_response_epoch_end_offset){
                .error_code = (int16_t)e,
                .partition = p->partition,
                .leader_epoch = end.epoch,
                .end_offset = end.end_offset};
        }
    }
    request_reply(rq, &r);
}
