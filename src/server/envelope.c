#include "server/envelope.h"

#include "base/mem.h"
#include "broker/forwardable.h"
#include "protocol/cursor.h"
#include "protocol/default_principal_data.h"
#include "protocol/envelope.h"
#include "protocol/error.h"
#include "protocol/message.h"
#include "protocol/request_header.h"
#include "protocol/response_header.h"
#include "rpc/server.h"

/* One envelope whose content is being served. */
struct envelope {
    struct request *outer; /* NULL: its broker has gone */
    int16_t api_key, api_version;
    int32_t correlation_id;
};

static void refuse(struct request *rq, enum kafka_error error)
{
    struct envelope_response r;
    envelope_response_init(&r);
    r.error_code = (int16_t)error;
    request_reply(rq, &r);
}

static bool principal_is_fine(struct bytes data, struct arena *arena)
{
    enum { VERSION_BYTES = 2 };
    if (data.len < VERSION_BYTES || load_be16(data.data) != 0) return false;
    struct cursor in = cursor_of(data.data + VERSION_BYTES, (size_t)data.len - VERSION_BYTES);
    struct default_principal_data principal;
    return !default_principal_data_decode(&principal, 0, &in, arena);
}

static void envelope_answered(struct request *inner, const void *response)
{
    struct envelope *e = inner->context;
    struct request *outer = e->outer;
    if (outer) outer->abandoned = NULL;
    if (!outer) {
    } else if (!response) {
        refuse(outer, KAFKA_UNKNOWN_SERVER_ERROR);
    } else if (answer_is_from_no_controller(e->api_key, response)) {
        refuse(outer, KAFKA_NOT_CONTROLLER);
    } else {
        struct out out;
        out_init(&out);
        response_header_encode(&(struct response_header){.correlation_id = e->correlation_id},
                               message_response_header_version(e->api_key, e->api_version), &out);
        message_response(e->api_key)->encode(response, e->api_version, &out);
        size_t len = (size_t)out.len;
        uint8_t *flat = arena_alloc(&outer->arena, len);
        out_flatten(&out, flat);
        out_free(&out);
        struct envelope_response r;
        envelope_response_init(&r);
        r.response_data = bytes_of(flat, len);
        request_reply(outer, &r);
    }
    mem_free(e);
}

static void envelope_abandoned(struct request *outer)
{
    struct envelope *e = outer->context;
    e->outer = NULL; /* what is inside goes on; its answer has nowhere to go */
}

/* What is inside: header into *header, the rest into *body. */
static bool unwrap(struct request *rq, struct bytes data, struct request_header *header,
                   struct bytes *body)
{
    if (data.len < 4) return false;
    int16_t key = (int16_t)load_be16(data.data), version = (int16_t)load_be16(data.data + 2);
    const struct message *m = message_request(key);
    if (!m || version < m->min_version || version > m->max_version) return false;
    struct cursor in = cursor_of_bytes(data);
    if (request_header_decode(header, message_request_header_version(key, version), &in,
                              &rq->arena))
        return false;
    *body = bytes_of(in.p, cursor_left(&in));
    return true;
}

void handle_envelope(struct request *rq, const struct env *env, const struct dispatch *inner)
{
    const struct envelope_request *q = rq->body;
    struct request_header header;
    struct bytes body;
    if (!principal_is_fine(q->request_principal, &rq->arena)) {
        refuse(rq, KAFKA_PRINCIPAL_DESERIALIZATION_FAILURE);
    } else if (q->client_host_address.len != 4 && q->client_host_address.len != 16) {
        refuse(rq, KAFKA_INVALID_REQUEST);
    } else if (!unwrap(rq, q->request_data, &header, &body)) {
        refuse(rq, KAFKA_UNSUPPORTED_VERSION);
    } else if (!api_is_forwardable(header.request_api_key)) {
        refuse(rq, KAFKA_INVALID_REQUEST);
    } else {
        struct envelope *e = MEM_NEW(struct envelope);
        *e = (struct envelope){rq, header.request_api_key, header.request_api_version,
                               header.correlation_id};
        if (!rq->deliver) {
            rq->context = e;
            rq->abandoned = envelope_abandoned;
        }
        if (rpc_call_passed_on(env, inner, e->api_key, e->api_version, body, header.client_id,
                               envelope_answered, e) == ERR_OK)
            return;
        rq->abandoned = NULL;
        mem_free(e);
        refuse(rq, KAFKA_UNSUPPORTED_VERSION);
    }
}
