/* InitProducerId, versions 0-5, for producers without transactions: a fresh id, epoch 0. */
#include "protocol/init_producer_id.h"

#include "broker/handlers/handlers.h"
#include "broker/producer_ids.h"
#include "protocol/error.h"

static void answer(struct request *rq, int16_t error, int64_t producer_id)
{
    struct init_producer_id_response r;
    init_producer_id_response_init(&r);
    r.error_code = error;
    r.producer_id = producer_id;
    r.producer_epoch = error ? -1 : 0;
    request_reply(rq, &r);
}

struct waiting {
    struct producer_id_wait wait;
    struct request *request;
};

static void given(struct producer_id_wait *w, int16_t error, int64_t producer_id)
{
    struct request *rq = CONTAINER_OF(w, struct waiting, wait)->request;
    rq->abandoned = NULL;
    answer(rq, error, producer_id);
}

static void abandoned(struct request *rq)
{
    struct waiting *w = rq->context;
    producer_id_source_cancel(&w->wait);
}

void handle_init_producer_id(struct request *rq, void *context)
{
    struct broker *b = context;
    const struct init_producer_id_request *q = rq->body;
    if ((q->producer_id == -1) != (q->producer_epoch == -1)) {
        answer(rq, KAFKA_INVALID_REQUEST, -1);
        return;
    }
    if (!str_is_null(q->transactional_id)) {
        /* There is no transaction coordinator yet; an empty id is wrong in any case. */
        bool empty = q->transactional_id.len == 0;
        answer(rq, empty ? KAFKA_INVALID_REQUEST : KAFKA_UNSUPPORTED_VERSION, -1);
        return;
    }
    struct waiting *w = ARENA_NEW(&rq->arena, struct waiting);
    w->request = rq;
    rq->context = w;
    rq->abandoned = abandoned;
    producer_id_source_next(b->producer_ids, &w->wait, given);
}
