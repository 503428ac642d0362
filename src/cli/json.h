/* JSON files that tools take, over jansson, with the complaints of Kafka's own reader (Jackson
 * behind org.apache.kafka.server.util.json). Values live as long as the process. */
#ifndef SAMSA_CLI_JSON_H
#define SAMSA_CLI_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/arena.h"

#define JSON_MAPPING_EXCEPTION "com.fasterxml.jackson.databind.JsonMappingException"

/* Where a reader's mistakes go: each tool wraps them in exceptions of its own. */
struct json_reader {
    struct arena *arena;
    void (*fail)(const char *text) __attribute__((noreturn)); /* without the exception's class */
};

/* NULL when the text is not JSON, with *why (of the arena) saying where. */
json_t *json_parse(const struct json_reader *r, const char *text, const char **why);

/* A field of an object, or NULL when it is not there. */
json_t *json_field(const struct json_reader *r, const json_t *object, const char *name);

/* The same, but a missing one is a mistake: "No such field exists: `name`". */
json_t *json_field_required(const struct json_reader *r, const json_t *object, const char *name);

/* The value as that type; another type is a mistake: "Expected `Integer` value, received "x"". */
int32_t json_int(const struct json_reader *r, const json_t *value);
int64_t json_long(const struct json_reader *r, const json_t *value);
const char *json_text(const struct json_reader *r, const json_t *value);
const json_t *json_list(const struct json_reader *r, const json_t *value);

/* A text as it stands in JSON, with its quotes. */
struct str json_quoted(struct arena *arena, struct str text);

#endif
