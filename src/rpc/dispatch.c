#include "rpc/dispatch.h"

#include "protocol/api.h"
#include "protocol/cursor.h"
#include "protocol/message.h"

/* The handler of a request's API, and whose it is. */
static const struct api_handler *find(const struct dispatch **d, int16_t api_key)
{
    int32_t at = api_key;
    if (api_key >= OWN_API_FIRST && (*d)->own) {
        *d = (*d)->own;
        at -= OWN_API_FIRST;
    }
    return at >= 0 && at < (*d)->count ? &(*d)->table[at] : NULL;
}

bool dispatch_request(const struct dispatch *d, struct request *rq, struct bytes body,
                      const char **why)
{
    const struct api_handler *h = find(&d, rq->api_key);
    if (!h || !h->handle) {
        *why = "this listener does not serve the API";
        return false;
    }
    if (rq->api_version < h->min || rq->api_version > h->max) {
        if (rq->api_key != API_API_VERSIONS) {
            *why = "the version is not supported";
            return false;
        }
        rq->body = NULL; /* answered in version 0 with error 35 and our range (KIP-511) */
        rq->api_version = 0;
        h->handle(rq, d->context);
        return true;
    }
    const struct message *m = message_request(rq->api_key);
    void *decoded = arena_zalloc(&rq->arena, 1, m->struct_size);
    struct cursor in = cursor_of_bytes(body);
    if (m->decode(decoded, rq->api_version, &in, &rq->arena)) {
        *why = "its body is malformed";
        return false;
    }
    /* what a client leaves behind it is not looked at: librdkafka 2.16 leaves three bytes */
    rq->body = decoded;
    h->handle(rq, d->context);
    return true;
}
