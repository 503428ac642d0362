/* What every generated codec offers, as data, so that rpc/ can decode a request it knows only by
 * number, tests can walk all messages, and fuzzers can pick one.
 *
 * The generator emits one `struct message` per message and direction (see schema/README.md). */
#ifndef SAMSA_PROTOCOL_MESSAGE_H
#define SAMSA_PROTOCOL_MESSAGE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/out.h"

struct cursor;

struct message {
    const char *name;   /* "ProduceRequest" */
    size_t struct_size; /* of the generated struct */
    int16_t api_key;    /* -1 for records */
    int16_t min_version, max_version;
    int16_t flexible_from; /* INT16_MAX: never */
    void (*init)(void *m);
    enum err (*decode)(void *m, int16_t version, struct cursor *in, struct arena *arena);
    size_t (*size)(const void *m, int16_t version);
    void (*encode)(const void *m, int16_t version, struct out *out);
    void (*dump)(const void *m, int16_t version, struct out *out);
};

/* NULL when Kafka has no such API. Static storage. */
const struct message *message_request(int16_t api_key);
const struct message *message_response(int16_t api_key);

/* All messages, requests, responses and records, in name order. */
const struct message *const *message_all(int32_t *count);

/* Header versions for one request of an API at a version (ApiVersions answers always with header 0). */
int16_t message_request_header_version(int16_t api_key, int16_t version);
int16_t message_response_header_version(int16_t api_key, int16_t version);

#endif
