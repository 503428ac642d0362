/* DescribeProducers, version 0 (KIP-664): the producer state of any replica, leader or not. */
#include "protocol/describe_producers.h"

#include "broker/handlers/handlers.h"
#include "broker/handlers/partitions.h"
#include "broker/metadata_view.h"

static enum kafka_error describe(const struct broker *b, struct request *rq, struct str topic,
                                 struct describe_producers_response_partition_response *a)
{
    struct located at = locate_by_name(b, topic, a->partition_index);
    if (at.error) return at.error;
    if (!at.replica->log) return KAFKA_KAFKA_STORAGE_ERROR;
    struct log_producer *producers;
    int32_t count;
    if (log_producers(at.replica->log, &rq->arena, &producers, &count))
        return KAFKA_KAFKA_STORAGE_ERROR;
    a->active_producers_count = count;
    a->active_producers = describe_producers_response_producer_state_new(&rq->arena, count);
    for (int32_t i = 0; i < count; i++)
        a->active_producers[i] = (struct describe_producers_response_producer_state){
            .producer_id = producers[i].producer_id,
            .producer_epoch = producers[i].producer_epoch,
            .last_sequence = producers[i].last_sequence,
            .last_timestamp = producers[i].last_timestamp,
            .coordinator_epoch = producers[i].coordinator_epoch,
            .current_txn_start_offset = producers[i].current_txn_start_offset};
    return KAFKA_NONE;
}

void handle_describe_producers(struct request *rq, void *context)
{
    const struct broker *b = context;
    const struct describe_producers_request *q = rq->body;
    struct describe_producers_response r;
    describe_producers_response_init(&r);
    r.topics_count = q->topics_count;
    r.topics = describe_producers_response_topic_response_new(&rq->arena, q->topics_count);
    for (int32_t i = 0; i < q->topics_count; i++) {
        const struct describe_producers_request_topic_request *t = &q->topics[i];
        struct describe_producers_response_topic_response *a = &r.topics[i];
        enum kafka_error topic_error = KAFKA_NONE;
        struct str why = view_topic_name_fault(t->name, &rq->arena);
        if (!str_is_null(why)) {
            topic_error = KAFKA_INVALID_TOPIC_EXCEPTION;
        } else if (!image_topic_by_name(b->image, t->name)) {
            topic_error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
            why = STR("This server does not host this topic-partition.");
        }
        a->name = t->name;
        a->partitions_count = t->partition_indexes_count;
        a->partitions = describe_producers_response_partition_response_new(
            &rq->arena, t->partition_indexes_count);
        for (int32_t j = 0; j < t->partition_indexes_count; j++) {
            a->partitions[j].partition_index = t->partition_indexes[j];
            enum kafka_error e =
                topic_error ? topic_error : describe(b, rq, t->name, &a->partitions[j]);
            a->partitions[j].error_code = (int16_t)e;
            if (topic_error) a->partitions[j].error_message = why;
        }
    }
    request_reply(rq, &r);
}
