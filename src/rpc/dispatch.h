/* Which API versions a listener serves, and by whom: one visible table per listener.
 *
 *     [API_FETCH] = {.min = 4, .max = 16, .handle = handle_fetch},
 *
 * ApiVersions advertises exactly this table. */
#ifndef SAMSA_RPC_DISPATCH_H
#define SAMSA_RPC_DISPATCH_H

#include "rpc/request.h"

enum { DISPATCH_APIS_MAX = 128 };

struct api_handler {
    int16_t min, max;
    /* Advertise 0 as the lowest version though it is not served: librdkafka before 2.11 turns
     * compression off when Produce does not start at 0 (KAFKA-18659). */
    bool advertise_from_zero;
    void (*handle)(struct request *rq, void *context);
};

struct dispatch {
    const struct api_handler *table; /* indexed by api key */
    int32_t count;
    void *context; /* passed to every handler */
    /* Requests of our own, which ApiVersions lists to Samsa's programs only: a table indexed from
     * OWN_API_FIRST (protocol/api.h), with a context of its own. NULL: none are served. */
    const struct dispatch *own;
};

/* Decode rq->body from its frame and call the handler. A request that cannot be decoded or whose
 * version is not served closes its connection, as Kafka does. `body` covers the bytes behind the
 * header. Returns false, having done nothing, when the request must be refused; *why says so. */
bool dispatch_request(const struct dispatch *d, struct request *rq, struct bytes body,
                      const char **why);

#endif
