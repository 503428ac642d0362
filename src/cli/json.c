#include "cli/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *json_parse(const struct json_reader *r, const char *text, const char **why)
{
    json_error_t error;
    json_t *root =
        json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
    if (!root)
        *why =
            arena_printf(r->arena, "line %d, column %d: %s", error.line, error.column, error.text)
                .data;
    return root;
}

static _Noreturn void fail_type(const struct json_reader *r, const char *wanted,
                                const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    r->fail(arena_printf(r->arena, "Expected %s, received %s", wanted, text ? text : "").data);
}

json_t *json_field(const struct json_reader *r, const json_t *object, const char *name)
{
    if (!json_is_object(object)) fail_type(r, "JSON object", object);
    return json_object_get(object, name);
}

json_t *json_field_required(const struct json_reader *r, const json_t *object, const char *name)
{
    json_t *value = json_field(r, object, name);
    if (!value) r->fail(arena_printf(r->arena, "No such field exists: `%s`", name).data);
    return value;
}

int32_t json_int(const struct json_reader *r, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) > INT32_MAX ||
        json_integer_value(value) < INT32_MIN)
        fail_type(r, "`Integer` value", value);
    return (int32_t)json_integer_value(value);
}

int64_t json_long(const struct json_reader *r, const json_t *value)
{
    if (!json_is_integer(value)) fail_type(r, "`Long` value", value);
    return json_integer_value(value);
}

const char *json_text(const struct json_reader *r, const json_t *value)
{
    if (!json_is_string(value)) fail_type(r, "`String` value", value);
    return json_string_value(value);
}

const json_t *json_list(const struct json_reader *r, const json_t *value)
{
    if (!json_is_array(value)) fail_type(r, "JSON array", value);
    return value;
}

struct str json_quoted(struct arena *arena, struct str text)
{
    json_t *value = json_stringn(text.data, (size_t)text.len);
    char *quoted = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    struct str result = arena_printf(arena, "%s", quoted ? quoted : "null");
    free(quoted);
    json_decref(value);
    return result;
}
