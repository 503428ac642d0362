/* What every generated codec offers, as data, so that rpc/ can decode a request it knows only by
 * number, tests can walk all messages, and fuzzers can pick one.
 *
 * The generator emits one `struct message` per message and direction (see schema/README.md), and
 * per struct a description of its fields, which validate and dump, being off the hot path,
 * interpret. */
#ifndef SAMSA_PROTOCOL_MESSAGE_H
#define SAMSA_PROTOCOL_MESSAGE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/out.h"
#include "base/uuid.h"
#include "protocol/cursor.h"
#include "protocol/records.h"

#define BYTES_EMPTY ((struct bytes){(const uint8_t *)"", 0})

enum message_field_type {
    MESSAGE_BOOL,
    MESSAGE_INT8,
    MESSAGE_INT16,
    MESSAGE_UINT16,
    MESSAGE_INT32,
    MESSAGE_UINT32,
    MESSAGE_INT64,
    MESSAGE_FLOAT64,
    MESSAGE_UUID,
    MESSAGE_STRING,
    MESSAGE_BYTES,
    MESSAGE_RECORDS,
    MESSAGE_STRUCT,
};

/* One field. An array is a pointer at `offset` with its int32_t count behind it. */
struct message_field {
    const char *name; /* as Kafka's JSON has it: "partitionIndex" */
    size_t offset;
    enum message_field_type type;
    int16_t first, last; /* versions that carry it */
    int16_t nullable_first, nullable_last;
    int16_t tagged_first; /* from here on in the tagged section; INT16_MAX: never */
    bool array;
    bool by_pointer; /* a nullable struct */
    bool ignorable;  /* may be dropped silently in a version that lacks it */
    bool default_null;
    int64_t default_int; /* of bools and integers; all else is empty or zero by default */
    const struct message_struct *element;
};

struct message_struct {
    const char *name;
    size_t size;
    const struct message_field *fields;
    int32_t fields_count;
    void (*init)(void *m);
};

struct message {
    const char *name;   /* "ProduceRequest" */
    size_t struct_size; /* of the generated struct */
    int16_t api_key;    /* the record id or type for records; -1 where there is neither */
    int16_t min_version, max_version;
    int16_t max_stable_version; /* below max_version while Kafka marks its latest unstable */
    int16_t flexible_from;      /* INT16_MAX: never */
    void (*init)(void *m);
    enum err (*decode)(void *m, int16_t version, struct cursor *in, struct arena *arena);
    size_t (*size)(const void *m, int16_t version);
    void (*encode)(const void *m, int16_t version, struct out *out);
    void (*dump)(const void *m, int16_t version, struct out *out);
    const struct message_struct *root;
};

/* NULL when Kafka has no such API. Static storage. */
const struct message *message_request(int16_t api_key);
const struct message *message_response(int16_t api_key);

/* All messages, requests, responses and records, in name order. */
const struct message *const *message_all(int32_t *count);

/* Header versions for one request of an API at a version (ApiVersions answers always with header
 * 0). */
int16_t message_request_header_version(int16_t api_key, int16_t version);
int16_t message_response_header_version(int16_t api_key, int16_t version);

/* Whether `m` can be encoded at `version`. Err: UNSUPPORTED when the message has no such version,
 * or a field the version lacks is set and not ignorable; INVALID when a null is not nullable or a
 * string too long. size and encode assert what this refuses with INVALID; they drop what it calls
 * UNSUPPORTED. */
enum err message_validate(const struct message *type, const void *m, int16_t version) MUST_CHECK;

/* One line of JSON, field for field what Kafka's tools print for this message: base64 for bytes,
 * "" for records, tagged fields left out at their default. */
void message_dump(const struct message *type, const void *m, int16_t version, struct out *o);

/* The same, but `value` is asked first for every value that is not an array or struct: when it
 * answers true, it has printed it. */
void message_dump_with(const struct message *type, const void *m, int16_t version, struct out *o,
                       bool (*value)(const struct message_field *f, const void *at, struct out *o));

#endif
