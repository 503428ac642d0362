/* AllocateProducerIds: blocks of ids that are one broker's alone. */
#include "controller/internal.h"

enum { PRODUCER_IDS_PER_BLOCK = 1000 };

void refuse_allocate_producer_ids(struct controller_call *call, enum kafka_error error,
                                  struct str message)
{
    (void)message;
    RESPONSE(call, allocate_producer_ids_response)->error_code = (int16_t)error;
}

void decide_allocate_producer_ids(struct controller *c, struct decision *d,
                                  struct controller_call *call)
{
    const struct allocate_producer_ids_request *rq = call->request;
    enum kafka_error error = broker_epoch_check(c, rq->broker_id, rq->broker_epoch);
    int64_t first = image_of(c)->next_producer_id;
    if (!error && first > INT64_MAX - PRODUCER_IDS_PER_BLOCK) error = KAFKA_UNKNOWN_SERVER_ERROR;
    if (error) {
        refuse_allocate_producer_ids(call, error, STR_NULL);
        return;
    }
    struct producer_ids_record *r =
        &decision_add(c, d, METADATA_RECORD_PRODUCER_IDS)->u.producer_ids;
    r->broker_id = rq->broker_id;
    r->broker_epoch = rq->broker_epoch;
    r->next_producer_id = first + PRODUCER_IDS_PER_BLOCK;
    struct allocate_producer_ids_response *response =
        RESPONSE(call, allocate_producer_ids_response);
    response->producer_id_start = first;
    response->producer_id_len = PRODUCER_IDS_PER_BLOCK;
}
