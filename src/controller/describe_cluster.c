/* DescribeCluster on the controller listener: the controllers (KIP-919). */
#include "controller/internal.h"

enum { ENDPOINT_BROKERS = 1, ENDPOINT_CONTROLLERS = 2 };

void refuse_describe_cluster(struct controller_call *call, enum kafka_error error,
                             struct str message)
{
    const struct describe_cluster_request *rq = call->request;
    struct describe_cluster_response *r = RESPONSE(call, describe_cluster_response);
    r->error_code = (int16_t)error;
    r->error_message = message;
    r->endpoint_type = rq->endpoint_type;
}

static const struct image_endpoint *endpoint_of(const struct image_controller *node,
                                                struct str listener)
{
    for (int32_t i = 0; i < node->endpoints_count; i++)
        if (str_equal(node->endpoints[i].name, listener)) return &node->endpoints[i];
    return NULL;
}

void decide_describe_cluster(struct controller *c, struct decision *d, struct controller_call *call)
{
    const struct describe_cluster_request *rq = call->request;
    const struct image *image = image_of(c);
    int8_t type = call->version >= 1 ? rq->endpoint_type : ENDPOINT_BROKERS;
    (void)d;
    if (type == ENDPOINT_BROKERS) {
        refuse_describe_cluster(call, KAFKA_MISMATCHED_ENDPOINT_TYPE,
                                STR("The request was sent to an endpoint of type CONTROLLER, but "
                                    "we wanted an endpoint of type BROKER"));
        return;
    }
    if (type != ENDPOINT_CONTROLLERS) {
        refuse_describe_cluster(call, KAFKA_UNSUPPORTED_ENDPOINT_TYPE,
                                arena_printf(call->arena, "Unsupported endpoint type %d", type));
        return;
    }
    struct describe_cluster_response *r = RESPONSE(call, describe_cluster_response);
    r->endpoint_type = type;
    r->cluster_id = c->options.cluster_id;
    r->controller_id = c->leader_id;
    r->brokers = describe_cluster_response_describe_cluster_broker_new(call->arena,
                                                                       image->controllers_count);
    for (int32_t i = 0; i < image->controllers_count; i++) {
        const struct image_controller *node = image->controllers[i];
        const struct image_endpoint *at = endpoint_of(node, call->listener);
        if (!at) continue;
        r->brokers[r->brokers_count++] = (struct describe_cluster_response_describe_cluster_broker){
            .broker_id = node->id,
            .host = arena_str(call->arena, at->host),
            .port = at->port,
            .rack = STR_NULL};
    }
}
