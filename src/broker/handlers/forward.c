/* Requests that only the active controller can serve, passed on as they are: to a controller in
 * this node directly, to another in an Envelope, as Kafka's brokers do (KIP-590).
 *
 * The answer is given back once the controller has committed. While there is no controller, or it
 * says NOT_CONTROLLER, the request is tried again until FORWARD_TIMEOUT_MS has passed; then the
 * client's connection is closed, and the client, not knowing the outcome, asks again. It is closed
 * too when the controller cannot read the request: the client negotiates anew, and is told what the
 * controller of now can do. */
#include "base/mem.h"
#include "broker/controller_channel.h"
#include "broker/forwardable.h"
#include "broker/handlers/handlers.h"
#include "protocol/api.h"
#include "protocol/cursor.h"
#include "protocol/default_principal_data.h"
#include "protocol/envelope.h"
#include "protocol/error.h"
#include "protocol/message.h"
#include "protocol/request_header.h"
#include "protocol/response_header.h"

enum { FORWARD_TIMEOUT_MS = 60000, FORWARD_RETRY_MS = 20 };

struct forward {
    struct broker *broker;
    forward_merge *merge; /* may be NULL */
    void *merge_context;
    struct request *request; /* NULL: its client has gone */
    struct call call;
    struct timer retry;
    struct mono_time deadline;
};

enum outcome { ANSWERED, ASK_AGAIN, HOPELESS };

static void forward_end(struct forward *f)
{
    timer_cancel(f->broker->env.clock, &f->retry);
    mem_free(f);
}

static void forward_finish(struct forward *f, enum outcome outcome, const void *response)
{
    if (outcome == ANSWERED) {
        if (f->merge) response = f->merge(f->request, f->merge_context, response);
        request_reply(f->request, response);
        forward_end(f);
        return;
    }
    if (outcome == ASK_AGAIN && clock_mono(f->broker->env.clock).ns < f->deadline.ns) {
        timer_arm_in_ms(f->broker->env.clock, &f->retry, FORWARD_RETRY_MS);
        return;
    }
    request_close(f->request);
    forward_end(f);
}

static enum outcome outcome_of(const struct forward *f, enum err e, const void *response)
{
    if (e) return e == ERR_UNSUPPORTED ? HOPELESS : ASK_AGAIN;
    return answer_is_from_no_controller(f->request->api_key, response) ? ASK_AGAIN : ANSWERED;
}

static void local_done(struct call *call, enum err e, const void *response)
{
    struct forward *f = CONTAINER_OF(call, struct forward, call);
    if (f->request)
        forward_finish(f, outcome_of(f, e, response), response);
    else
        forward_end(f);
}

/* ---- in an envelope */

/* The answer in the envelope, in the request's arena; NULL when it cannot be read. */
static void *unwrap(struct request *rq, struct bytes data)
{
    const struct message *m = message_response(rq->api_key);
    struct bytes copy = arena_bytes(&rq->arena, data); /* the response may outlive its frame */
    struct cursor in = cursor_of_bytes(copy);
    struct response_header header;
    int16_t version = message_response_header_version(rq->api_key, rq->api_version);
    void *response = arena_zalloc(&rq->arena, 1, m->struct_size);
    if (data.len < 0 || response_header_decode(&header, version, &in, &rq->arena) ||
        header.correlation_id != rq->correlation_id ||
        m->decode(response, rq->api_version, &in, &rq->arena))
        return NULL;
    return response;
}

static void envelope_done(struct call *call, enum err e, const void *response)
{
    struct forward *f = CONTAINER_OF(call, struct forward, call);
    const struct envelope_response *r = response;
    if (!f->request) {
        forward_end(f);
        return;
    }
    if (e || r->error_code == KAFKA_NOT_CONTROLLER) {
        forward_finish(f, e == ERR_UNSUPPORTED ? HOPELESS : ASK_AGAIN, NULL);
        return;
    }
    void *answer = r->error_code ? NULL : unwrap(f->request, r->response_data);
    if (!answer)
        trace_warn(f->broker->env.trace, "kafka.server.ForwardingManager",
                   "The controller refused to serve a forwarded %s of version %d: %s",
                   message_request(f->request->api_key)->name, f->request->api_version,
                   r->error_code ? kafka_error_name(r->error_code) : "its answer is malformed");
    forward_finish(f, answer ? outcome_of(f, ERR_OK, answer) : HOPELESS, answer);
}

/* i16 version 0, then who the client is. Nobody has authenticated: "User:ANONYMOUS". */
static struct bytes principal(struct arena *arena)
{
    struct default_principal_data data;
    default_principal_data_init(&data);
    data.type = STR("User");
    data.name = STR("ANONYMOUS");
    struct out out;
    out_init(&out);
    store_be16(out_reserve(&out, 2), 0);
    default_principal_data_encode(&data, 0, &out);
    size_t len = (size_t)out.len;
    uint8_t *flat = arena_alloc(arena, len);
    out_flatten(&out, flat);
    out_free(&out);
    return bytes_of(flat, len);
}

static struct bytes request_bytes(const struct request *rq, struct arena *arena)
{
    struct request_header header = {.request_api_key = rq->api_key,
                                    .request_api_version = rq->api_version,
                                    .correlation_id = rq->correlation_id,
                                    .client_id = rq->client_id};
    struct out out;
    out_init(&out);
    request_header_encode(&header, message_request_header_version(rq->api_key, rq->api_version),
                          &out);
    message_request(rq->api_key)->encode(rq->body, rq->api_version, &out);
    size_t len = (size_t)out.len;
    uint8_t *flat = arena_alloc(arena, len);
    out_flatten(&out, flat);
    out_free(&out);
    return bytes_of(flat, len);
}

static void forward_send(struct timer *t)
{
    struct forward *f = CONTAINER_OF(t, struct forward, retry);
    struct request *rq = f->request;
    if (controller_channel_is_local(f->broker->controller)) {
        broker_call_controller(f->broker, &f->call, rq->api_key, rq->api_version, rq->body,
                               local_done);
        return;
    }
    struct arena arena;
    arena_init(&arena, 0);
    uint8_t address[16];
    struct envelope_request q;
    envelope_request_init(&q);
    q.request_data = request_bytes(rq, &arena);
    q.request_principal = principal(&arena);
    q.client_host_address = bytes_of(address, request_client_address(rq, address));
    broker_call_controller(f->broker, &f->call, API_ENVELOPE, -1, &q, envelope_done);
    arena_free(&arena);
}

static void forward_abandoned(struct request *rq)
{
    struct forward *f = rq->context;
    f->request = NULL;
    if (!f->call.channel) forward_end(f); /* else its answer ends it */
}

void forward(struct broker *b, struct request *rq, forward_merge *merge, void *merge_context)
{
    struct forward *f = MEM_NEW(struct forward);
    f->broker = b;
    f->merge = merge;
    f->merge_context = merge_context;
    f->request = rq;
    f->deadline = mono_add_ms(clock_mono(f->broker->env.clock), FORWARD_TIMEOUT_MS);
    call_init(&f->call);
    timer_init(&f->retry, forward_send);
    rq->context = f;
    rq->abandoned = forward_abandoned;
    forward_send(&f->retry);
}

void handle_forward(struct request *rq, void *context)
{
    forward(context, rq, NULL, NULL);
}
