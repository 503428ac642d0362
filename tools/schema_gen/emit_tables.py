"""C for what spans messages: the list of all, the APIs, the error codes."""

from .model import SchemaError, snake
from .parse import OWN_KEYS_FROM


def includes(messages):
    files = sorted({m.file for m in messages})
    return "".join('#include "protocol/%s.h"\n' % f for f in files)


def message_table(messages):
    """message_all, message_request, message_response."""
    valid = sorted((m for m in messages if m.versions), key=lambda m: m.name)
    text = "/* Made by tools/generate.py: every message. */\n"
    text += "#include \"protocol/api.h\"\n" + includes(valid) + "\n"
    text += "static const struct message *const all[] = {\n"
    text += "".join("    &%s_message,\n" % m.c_name for m in valid) + "};\n\n"
    for kind in ("request", "response"):
        for own, count in ((False, "API_COUNT"), (True, "OWN_API_END - OWN_API_FIRST")):
            text += "static const struct message *const %s%ss[%s] = {\n" % (
                "own_" if own else "", kind, count)
            for m in sorted((m for m in valid if m.kind == kind and m.own == own), key=lambda m: m.key):
                text += "    [%s] = &%s_message,\n" % (index_of(m), m.c_name)
            text += "};\n\n"
    text += """const struct message *const *message_all(int32_t *count)
{
    *count = (int32_t)(sizeof all / sizeof all[0]);
    return all;
}

static bool is_own(int16_t api_key)
{
    return api_key >= OWN_API_FIRST && api_key < OWN_API_END;
}

const struct message *message_request(int16_t api_key)
{
    if (is_own(api_key)) return own_requests[api_key - OWN_API_FIRST];
    return api_key >= 0 && api_key < API_COUNT ? requests[api_key] : NULL;
}

const struct message *message_response(int16_t api_key)
{
    if (is_own(api_key)) return own_responses[api_key - OWN_API_FIRST];
    return api_key >= 0 && api_key < API_COUNT ? responses[api_key] : NULL;
}
"""
    return text


def index_of(message):
    return "%d - OWN_API_FIRST" % message.key if message.own else str(message.key)


def api_pairs(messages, own=False):
    requests = {m.key: m for m in messages if m.kind == "request" and m.own == own}
    return [requests[key] for key in sorted(requests)]


def api_header(messages):
    requests, own = api_pairs(messages), api_pairs(messages, own=True)
    text = """/* Made by tools/generate.py: Kafka's APIs by number. */
#ifndef SAMSA_GEN_PROTOCOL_API_H
#define SAMSA_GEN_PROTOCOL_API_H

#include "protocol/message.h"

/* Every API of Apache Kafka 4.3: NAME, key, name as Kafka prints it. Removed ones keep their number. */
#define API_LIST(X) \\
"""
    text += " \\\n".join('    X(%s, %d, "%s")' % (api_name(m).upper(), m.key, m.name[:-len("Request")])
                         for m in requests) + "\n\n"
    text += """enum api_key {
#define X(NAME, key, name) API_##NAME = key,
    API_LIST(X)
#undef X
    API_COUNT = %d /* one past the highest key */
};

/* Requests of our own, which Kafka does not have: their keys are far above Kafka's, and ApiVersions
 * lists them to Samsa's own programs only. */
enum own_api_key {
    OWN_API_FIRST = %d,
%s    OWN_API_END = %d
};

struct api_info {
    const char *name;      /* "Produce"; NULL for no such API */
    const char *enum_name; /* "PRODUCE" */
    int16_t min_version;   /* above max_version when Kafka 4 removed the API */
    int16_t max_version;   /* as schema; see max_stable_version */
    int16_t max_stable_version;
    int16_t flexible_from; /* INT16_MAX: never */
    bool on_broker;        /* listeners that serve it in Kafka */
    bool on_controller;
};

/* NULL when there is no such API. Static storage. */
const struct api_info *api_info(int16_t key);

/* "PRODUCE", or "UNKNOWN" when there is no such API. */
const char *api_enum_name(int16_t key);

#endif
""" % (requests[-1].key + 1, own[0].key if own else OWN_KEYS_FROM,
       "".join("    API_%s = %d,\n" % (api_name(m).upper(), m.key) for m in own),
       (own[-1].key if own else OWN_KEYS_FROM) + 1)
    return text


def api_name(message):
    return snake(message.name[:-len("Request")])


def infos(declaration, apis):
    text = "static const struct api_info %s = {\n" % declaration
    for m in apis:
        first, last = (m.versions.first, m.versions.last) if m.versions else (0, -1)
        text += ('    [%s] = {"%s", "%s", %d, %d, %d, %s, %s, %s},\n' % (
            index_of(m), m.name[:-len("Request")], api_name(m).upper(), first, last,
            last - (1 if m.latest_unstable else 0),
            m.flexible.first if m.flexible else "INT16_MAX",
            "true" if "broker" in m.listeners else "false",
            "true" if "controller" in m.listeners else "false"))
    return text + "};\n\n"


def api_source(messages):
    text = """/* Made by tools/generate.py: Kafka's APIs by number. */
#include "protocol/api.h"

"""
    text += infos("infos[API_COUNT]", api_pairs(messages))
    text += infos("own_infos[OWN_API_END - OWN_API_FIRST]", api_pairs(messages, own=True))
    text += """const struct api_info *api_info(int16_t key)
{
    if (key >= OWN_API_FIRST && key < OWN_API_END)
        return own_infos[key - OWN_API_FIRST].name ? &own_infos[key - OWN_API_FIRST] : NULL;
    return key >= 0 && key < API_COUNT && infos[key].name ? &infos[key] : NULL;
}

const char *api_enum_name(int16_t key)
{
    const struct api_info *info = api_info(key);
    return info ? info->enum_name : "UNKNOWN";
}

int16_t message_request_header_version(int16_t api_key, int16_t version)
{
    const struct api_info *info = api_info(api_key);
    return info && version >= info->flexible_from ? 2 : 1;
}

/* A client that asks ApiVersions does not know yet what the broker speaks, so that answer keeps the
 * oldest header (KIP-511). */
int16_t message_response_header_version(int16_t api_key, int16_t version)
{
    const struct api_info *info = api_info(api_key);
    return info && api_key != API_API_VERSIONS && version >= info->flexible_from ? 1 : 0;
}
"""
    return text


def parse_errors(path):
    """Lines `code NAME ExceptionClass [retriable] [metadata]: message`; # starts a comment."""
    errors, codes, names = [], set(), set()
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            where = "%s:%d" % (path, number)
            head, colon, message = line.partition(": ")
            words = head.split()
            if not colon or len(words) < 3 or not set(words[3:]) <= {"retriable", "metadata"}:
                raise SchemaError(where, "expected `code NAME Class [retriable] [metadata]: message`")
            code = int(words[0])
            if code in codes or words[1] in names:
                raise SchemaError(where, "%s %s stands twice" % (words[0], words[1]))
            codes.add(code)
            names.add(words[1])
            errors.append((code, words[1], words[2], "retriable" in words, "metadata" in words, message))
    return sorted(errors)


def error_header(errors):
    text = """/* Made by tools/generate.py from schema/errors.schema: what a client is told. */
#ifndef SAMSA_GEN_PROTOCOL_ERROR_H
#define SAMSA_GEN_PROTOCOL_ERROR_H

#include <stdbool.h>
#include <stdint.h>

enum kafka_error {
"""
    for code, name, _, _, _, message in errors:
        text += "    KAFKA_%s = %d, /* %s */\n" % (name, code, message)
    text += """};

/* Of an int16 from the wire; a code Kafka does not have answers as UNKNOWN_SERVER_ERROR does. Static. */
const char *kafka_error_name(int16_t code);      /* "NOT_CONTROLLER" */
const char *kafka_error_text(int16_t code);      /* a sentence for the client's log */
const char *kafka_error_exception(int16_t code); /* "NotControllerException"; "" for NONE */
bool kafka_error_is_retriable(int16_t code);
/* Retriable after fresh metadata only. */
bool kafka_error_is_stale_metadata(int16_t code);
bool kafka_error_is_known(int16_t code);

#endif
"""
    return text


def error_source(errors):
    first, last = errors[0][0], errors[-1][0]
    text = """/* Made by tools/generate.py from schema/errors.schema: what a client is told. */
#include "protocol/error.h"

#include <stddef.h>

struct error_info {
    const char *name, *exception, *text;
    bool retriable, stale_metadata;
};

enum { ERROR_FIRST = %d, ERROR_LAST = %d };

static const struct error_info infos[ERROR_LAST - ERROR_FIRST + 1] = {
""" % (first, last)
    for code, name, exception, retriable, metadata, message in errors:
        text += '    [%d - ERROR_FIRST] = {"%s", "%s", "%s", %s, %s},\n' % (
            code, name, "" if exception == "-" else exception, message.replace('"', '\\"'),
            "true" if retriable else "false", "true" if metadata else "false")
    text += """};

bool kafka_error_is_known(int16_t code)
{
    return code >= ERROR_FIRST && code <= ERROR_LAST && infos[code - ERROR_FIRST].name;
}

static const struct error_info *info_of(int16_t code)
{
    return &infos[(kafka_error_is_known(code) ? code : -1) - ERROR_FIRST];
}

const char *kafka_error_name(int16_t code)
{
    return info_of(code)->name;
}

const char *kafka_error_text(int16_t code)
{
    return info_of(code)->text;
}

const char *kafka_error_exception(int16_t code)
{
    return info_of(code)->exception;
}

bool kafka_error_is_retriable(int16_t code)
{
    return info_of(code)->retriable;
}

bool kafka_error_is_stale_metadata(int16_t code)
{
    return info_of(code)->stale_metadata;
}
"""
    return text
