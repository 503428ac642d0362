/* DeleteRecords, versions 0-2: raise log starts, and wait until every live replica has followed. */
#include "protocol/delete_records.h"

#include "broker/handlers/handlers.h"
#include "broker/handlers/partitions.h"
#include "broker/metadata_view.h"

struct deletion;

struct delete_wait {
    struct offset_wait wait;
    struct deletion *deletion;
    struct replica *replica;
    struct delete_records_response_delete_records_partition_result *answer;
};

/* A request under way. Lives in the request's arena. */
struct deletion {
    struct request *request;
    struct broker *broker;
    struct delete_records_response response;
    struct delete_wait *waits;
    int32_t waits_count;
    int32_t pending;
    struct timer timer;
};

static void finish(struct deletion *d)
{
    d->request->abandoned = NULL;
    request_reply(d->request, &d->response);
}

static void reached(struct offset_wait *w, enum kafka_error error)
{
    struct delete_wait *dw = CONTAINER_OF(w, struct delete_wait, wait);
    struct deletion *d = dw->deletion;
    dw->answer->error_code = (int16_t)error;
    dw->answer->low_watermark = error ? -1 : replica_low_watermark(dw->replica);
    if (--d->pending > 0) return;
    timer_cancel(d->broker->env.clock, &d->timer);
    finish(d);
}

static void cancel_waits(struct deletion *d)
{
    for (int32_t i = 0; i < d->waits_count; i++) offset_wait_cancel(&d->waits[i].wait);
}

static void timed_out(struct timer *timer)
{
    struct deletion *d = CONTAINER_OF(timer, struct deletion, timer);
    for (int32_t i = 0; i < d->waits_count; i++)
        if (list_linked(&d->waits[i].wait.node))
            d->waits[i].answer->error_code = KAFKA_REQUEST_TIMED_OUT;
    cancel_waits(d);
    finish(d);
}

static void abandoned(struct request *rq)
{
    struct deletion *d = rq->context;
    timer_cancel(d->broker->env.clock, &d->timer);
    cancel_waits(d);
}

static void delete_partition(struct deletion *d, struct str topic,
                             const struct delete_records_request_delete_records_partition *p,
                             struct delete_records_response_delete_records_partition_result *a)
{
    a->partition_index = p->partition_index;
    a->low_watermark = -1;
    struct located at = locate_by_name(d->broker, topic, p->partition_index);
    enum kafka_error e = at.error;
    if (e != KAFKA_UNKNOWN_TOPIC_OR_PARTITION && view_topic_is_internal(topic))
        e = KAFKA_INVALID_TOPIC_EXCEPTION;
    int64_t wanted = 0;
    if (!e) e = replica_delete_records(at.replica, p->offset, &wanted);
    a->error_code = (int16_t)e;
    if (e) return;
    a->low_watermark = replica_low_watermark(at.replica);
    if (a->low_watermark >= wanted) return;
    struct delete_wait *w = &d->waits[d->waits_count++];
    *w = (struct delete_wait){.deletion = d, .replica = at.replica, .answer = a};
    offset_wait_init(&w->wait, wanted, reached);
    d->pending++;
    replica_wait_low_watermark(at.replica, &w->wait);
}

void handle_delete_records(struct request *rq, void *context)
{
    const struct delete_records_request *q = rq->body;
    struct deletion *d = ARENA_NEW(&rq->arena, struct deletion);
    d->request = rq;
    d->broker = context;
    delete_records_response_init(&d->response);
    int32_t partitions = 0;
    for (int32_t i = 0; i < q->topics_count; i++) partitions += q->topics[i].partitions_count;
    d->waits = ARENA_ARRAY(&rq->arena, struct delete_wait, partitions);
    d->response.topics_count = q->topics_count;
    d->response.topics =
        delete_records_response_delete_records_topic_result_new(&rq->arena, q->topics_count);
    for (int32_t i = 0; i < q->topics_count; i++) {
        const struct delete_records_request_delete_records_topic *t = &q->topics[i];
        struct delete_records_response_delete_records_topic_result *a = &d->response.topics[i];
        a->name = t->name;
        a->partitions_count = t->partitions_count;
        a->partitions = delete_records_response_delete_records_partition_result_new(
            &rq->arena, t->partitions_count);
        for (int32_t j = 0; j < t->partitions_count; j++)
            delete_partition(d, t->name, &t->partitions[j], &a->partitions[j]);
    }
    if (d->pending == 0) {
        finish(d);
        return;
    }
    rq->context = d;
    rq->abandoned = abandoned;
    timer_init(&d->timer, timed_out);
    timer_arm_in_ms(d->broker->env.clock, &d->timer, q->timeout_ms > 0 ? q->timeout_ms : 0);
}
