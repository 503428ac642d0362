/*   QUIET ── image lacks this process, a leader is known ──> ASKING ── answered ──> QUIET
 *     ^                                                        │ error
 *     └──────────────────── RESTING, RETRY_MS <────────────────┘ */
#include "server/controller_registration.h"

#include "base/mem.h"
#include "broker/controller_channel.h"
#include "metadata/feature.h"
#include "protocol/controller_registration.h"

enum { REQUEST_TIMEOUT_MS = 30000, RETRY_MS = 250 };

struct controller_registration {
    struct env env;
    struct controller *controller;
    int32_t node_id;
    const struct image_endpoint *endpoints;
    int32_t endpoints_count;
    struct controller_channel *channel;
    int32_t leader_id; /* -1: none is known */
    struct call call;
    bool asking;
    struct timer retry;
};

static bool is_registered(const struct controller_registration *r)
{
    const struct image_controller *known =
        image_controller(controller_image(r->controller), r->node_id);
    return known && uuid_equal(known->incarnation_id, controller_incarnation(r->controller));
}

static void answered(struct call *call, enum err e, const void *response)
{
    struct controller_registration *r = call->context;
    const struct controller_registration_response *answer = response;
    r->asking = false;
    if (!e && !answer->error_code) {
        trace_info(r->env.trace, "kafka.server.ControllerRegistrationManager",
                   "[ControllerRegistrationManager id=%d] RegistrationResponseHandler: controller "
                   "acknowledged ControllerRegistrationRequest.",
                   r->node_id);
        return; /* the image tells when it has committed */
    }
    if (!e && answer->error_code != KAFKA_NOT_CONTROLLER)
        trace_warn(r->env.trace, "kafka.server.ControllerRegistrationManager",
                   "[ControllerRegistrationManager id=%d] The active controller refused the "
                   "registration: %s",
                   r->node_id, kafka_error_name(answer->error_code));
    timer_arm_in_ms(r->env.clock, &r->retry, RETRY_MS);
}

static void ask(struct controller_registration *r)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct controller_registration_request request;
    controller_registration_request_init(&request);
    request.controller_id = r->node_id;
    request.incarnation_id = controller_incarnation(r->controller);
    request.listeners_count = r->endpoints_count;
    request.listeners =
        controller_registration_request_listener_new(&arena, request.listeners_count);
    for (int32_t i = 0; i < r->endpoints_count; i++) {
        request.listeners[i].name = r->endpoints[i].name;
        request.listeners[i].host = r->endpoints[i].host;
        request.listeners[i].port = r->endpoints[i].port;
        request.listeners[i].security_protocol = r->endpoints[i].security_protocol;
    }
    const struct feature *table = feature_table(&request.features_count);
    request.features = controller_registration_request_feature_new(&arena, request.features_count);
    for (int32_t i = 0; i < request.features_count; i++) {
        request.features[i].name = str_of(table[i].name);
        request.features[i].min_supported_version = table[i].min;
        request.features[i].max_supported_version = table[i].max;
    }
    r->asking = true;
    r->call.context = r;
    controller_channel_call(r->channel, &r->call, API_CONTROLLER_REGISTRATION, -1, &request,
                            answered);
    arena_free(&arena);
}

void controller_registration_check(struct controller_registration *r)
{
    const struct image *image = controller_image(r->controller);
    bool may_ask = r->leader_id >= 0 && r->leader_id != r->node_id && !r->asking &&
                   !timer_armed(&r->retry) &&
                   image->metadata_version >= METADATA_VERSION_REGISTER_CONTROLLER;
    if (may_ask && !is_registered(r)) ask(r);
}

static void retry_fired(struct timer *t)
{
    controller_registration_check(CONTAINER_OF(t, struct controller_registration, retry));
}

struct controller_registration *
controller_registration_create(const struct env *env, struct controller *controller,
                               int32_t node_id, const struct image_endpoint *endpoints,
                               int32_t endpoints_count)
{
    struct controller_registration *r = MEM_NEW(struct controller_registration);
    r->env = *env;
    r->controller = controller;
    r->node_id = node_id;
    r->endpoints = endpoints;
    r->endpoints_count = endpoints_count;
    r->leader_id = -1;
    r->channel = controller_channel_create(
        env, NULL, node_id,
        (struct controller_channel_timeouts){.heartbeat_ms = REQUEST_TIMEOUT_MS,
                                             .others_ms = REQUEST_TIMEOUT_MS});
    call_init(&r->call);
    timer_init(&r->retry, retry_fired);
    return r;
}

void controller_registration_set_leader(struct controller_registration *r, int32_t leader_id,
                                        const char *host, uint16_t port)
{
    r->leader_id = leader_id;
    controller_channel_set_leader(r->channel, leader_id, host, port);
    controller_registration_check(r);
}

void controller_registration_destroy(struct controller_registration *r)
{
    timer_cancel(r->env.clock, &r->retry);
    channel_cancel(&r->call);
    controller_channel_destroy(r->channel);
    mem_free(r);
}
