/* DescribeCluster, versions 0 to 2 (KIP-700, KIP-919, KIP-1073). */
#include "protocol/describe_cluster.h"

#include "broker/handlers/handlers.h"
#include "broker/metadata_view.h"
#include "protocol/error.h"

enum { ENDPOINT_BROKERS = 1, ENDPOINT_CONTROLLERS = 2 };

static void list_brokers(struct broker *b, struct request *rq, struct describe_cluster_response *r)
{
    const struct describe_cluster_request *q = rq->body;
    struct str listener = request_listener(rq);
    r->brokers =
        describe_cluster_response_describe_cluster_broker_new(&rq->arena, b->image->brokers_count);
    r->brokers_count = 0;
    for (int32_t i = 0; i < b->image->brokers_count; i++) {
        const struct image_broker *broker = b->image->brokers[i];
        const struct image_endpoint *e = view_endpoint(b, broker->id, listener);
        if (!e || (broker->fenced && !q->include_fenced_brokers)) continue;
        struct describe_cluster_response_describe_cluster_broker *out =
            &r->brokers[r->brokers_count++];
        out->broker_id = broker->id;
        out->host = e->host;
        out->port = e->port;
        out->rack = broker->rack;
        out->is_fenced = broker->fenced;
    }
}

void handle_describe_cluster(struct request *rq, void *context)
{
    struct broker *b = context;
    const struct describe_cluster_request *q = rq->body;
    struct describe_cluster_response r;
    describe_cluster_response_init(&r);
    r.controller_id = -1;
    if (q->endpoint_type == ENDPOINT_CONTROLLERS) {
        r.error_code = KAFKA_MISMATCHED_ENDPOINT_TYPE;
        r.error_message =
            STR("The request was sent to an endpoint of type BROKER, but we wanted an "
                "endpoint of type CONTROLLER");
    } else if (q->endpoint_type != ENDPOINT_BROKERS) {
        r.error_code = KAFKA_UNSUPPORTED_ENDPOINT_TYPE;
        r.error_message =
            arena_printf(&rq->arena, "Unsupported endpoint type %d", q->endpoint_type);
    } else {
        r.cluster_id = b->cluster_id;
        r.endpoint_type = ENDPOINT_BROKERS;
        r.controller_id = view_controller(b, request_listener(rq), &rq->arena);
        list_brokers(b, rq, &r);
        if (q->include_cluster_authorized_operations)
            r.cluster_authorized_operations = OPERATIONS_ON_CLUSTER;
    }
    request_reply(rq, &r);
}
