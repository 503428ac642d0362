"""C for records that share a log: one tagged union per family, with its frame."""

from .model import snake


def member(message, endings):
    """OffsetCommitKey -> offset_commit: the name inside the union."""
    name = message.name
    for ending in endings:
        if name.endswith(ending):
            return snake(name[:-len(ending)])
    return snake(name)


def includes(messages):
    return "".join('#include "protocol/%s.h"\n' % f for f in sorted({m.file for m in messages}))


def union_of(messages, endings):
    return "".join("        struct %s %s;\n" % (m.c_name, member(m, endings)) for m in messages)


def by_id(messages, area, kind):
    chosen = [m for m in messages if m.area == area and m.kind == kind and m.versions]
    return sorted(chosen, key=lambda m: m.key)


def lookup(name, messages):
    text = "static const struct message *const %s[] = {\n" % name
    text += "".join("    [%d] = &%s_message,\n" % (m.key, m.c_name) for m in messages)
    return text + "};\n\n"


def metadata_header(messages):
    records = by_id(messages, "metadata", "metadata")
    text = """/* Made by tools/generate.py: the records of the metadata log, by id. */
#ifndef SAMSA_GEN_PROTOCOL_METADATA_RECORD_H
#define SAMSA_GEN_PROTOCOL_METADATA_RECORD_H

""" + includes(records) + """
enum metadata_record_id {
"""
    text += "".join("    METADATA_RECORD_%s = %d,\n" % (member(m, ["Record"]).upper(), m.key)
                    for m in records)
    text += """};

struct metadata_record {
    int16_t id; /* enum metadata_record_id; says which member of `u` is set */
    int16_t version;
    union {
""" + union_of(records, ["Record"]) + """    } u;
};

/* NULL when there is no such record. Static storage. */
const struct message *metadata_record_message(int16_t id);

/* "TOPIC_RECORD", as Kafka's dump tool prints it; NULL when there is no such record. */
const char *metadata_record_name(int16_t id);

/* Sets id, version and the fields' defaults. The id must exist. */
void metadata_record_init(struct metadata_record *r, int16_t id, int16_t version);

/* A record's value: frame version 1, id, version (unsigned varints), then the fields. Strings point into
 * `value`, arrays into the arena. Err: UNSUPPORTED frame version, id or version; INVALID bytes left
 * over or malformed; TRUNCATED. */
enum err metadata_record_decode(struct metadata_record *r, struct bytes value,
                                struct arena *arena) MUST_CHECK;

/* As message_validate. */
enum err metadata_record_validate(const struct metadata_record *r) MUST_CHECK;
size_t metadata_record_size(const struct metadata_record *r);
void metadata_record_encode(const struct metadata_record *r, struct out *o);

/* {"type":"TOPIC_RECORD","version":0,"data":{...}} */
void metadata_record_dump(const struct metadata_record *r, struct out *o);

#endif
"""
    return text


def metadata_source(messages):
    records = by_id(messages, "metadata", "metadata")
    text = """/* Made by tools/generate.py: the records of the metadata log, by id. */
#include "protocol/metadata_record.h"

#include "base/assert.h"
#include "protocol/put.h"

enum { FRAME_VERSION = 1 };

"""
    text += lookup("records", records)
    text += "static const char *const names[] = {\n"
    text += "".join('    [%d] = "%s",\n' % (m.key, snake(m.name).upper()) for m in records)
    text += """};

const struct message *metadata_record_message(int16_t id)
{
    return id >= 0 && (size_t)id < sizeof records / sizeof records[0] ? records[id] : NULL;
}

const char *metadata_record_name(int16_t id)
{
    return metadata_record_message(id) ? names[id] : NULL;
}

void metadata_record_init(struct metadata_record *r, int16_t id, int16_t version)
{
    const struct message *message = metadata_record_message(id);
    PRE(message);
    r->id = id;
    r->version = version;
    message->init(&r->u);
}

enum err metadata_record_decode(struct metadata_record *r, struct bytes value, struct arena *arena)
{
    struct cursor c = cursor_of_bytes(value);
    uint32_t frame = cursor_uvarint(&c);
    uint32_t id = cursor_uvarint(&c);
    uint32_t version = cursor_uvarint(&c);
    if (!cursor_ok(&c))
        return c.err;
    const struct message *message = id <= INT16_MAX ? metadata_record_message((int16_t)id) : NULL;
    if (frame != FRAME_VERSION || !message || version > INT16_MAX)
        return ERR_UNSUPPORTED;
    r->id = (int16_t)id;
    r->version = (int16_t)version;
    enum err err = message->decode(&r->u, r->version, &c, arena);
    return err ? err : cursor_finish(&c);
}

enum err metadata_record_validate(const struct metadata_record *r)
{
    const struct message *message = metadata_record_message(r->id);
    return message ? message_validate(message, &r->u, r->version) : ERR_UNSUPPORTED;
}

size_t metadata_record_size(const struct metadata_record *r)
{
    const struct message *message = metadata_record_message(r->id);
    PRE(message);
    return size_uvarint(FRAME_VERSION) + size_uvarint((uint64_t)r->id) +
           size_uvarint((uint64_t)r->version) + message->size(&r->u, r->version);
}

void metadata_record_encode(const struct metadata_record *r, struct out *o)
{
    const struct message *message = metadata_record_message(r->id);
    PRE(message);
    out_uvarint(o, FRAME_VERSION);
    out_uvarint(o, (uint64_t)r->id);
    out_uvarint(o, (uint64_t)r->version);
    message->encode(&r->u, r->version, o);
}

void metadata_record_dump(const struct metadata_record *r, struct out *o)
{
    char head[96];
    int len = snprintf(head, sizeof head, "{\\"type\\":\\"%s\\",\\"version\\":%d,\\"data\\":",
                       metadata_record_name(r->id), r->version);
    out_put(o, head, (size_t)len);
    message_dump(metadata_record_message(r->id), &r->u, r->version, o);
    out_u8(o, '}');
}
"""
    return text.replace('#include "base/assert.h"', '#include <stdio.h>\n\n#include "base/assert.h"')


def coordinator_header(messages, area):
    keys = by_id(messages, area, "coordinator-key")
    values = by_id(messages, area, "coordinator-value")
    return (COORDINATOR_HEADER
            .replace("@INCLUDES@", includes(keys + values))
            .replace("@TYPES@", "".join("    @A@_RECORD_%s = %d,\n" % (member(m, ["Key"]).upper(), m.key)
                                        for m in keys))
            .replace("@KEYS@", union_of(keys, ["Key"]))
            .replace("@VALUES@", union_of(values, ["Value"]))
            .replace("@A@", area.upper()).replace("@a@", area))


def coordinator_source(messages, area):
    keys = by_id(messages, area, "coordinator-key")
    values = by_id(messages, area, "coordinator-value")
    return (COORDINATOR_SOURCE
            .replace("@TABLES@", lookup("keys", keys) + lookup("values", values))
            .replace("@DUMP@", "group_value_dump" if area == "group" else "message_dump")
            .replace("@MORE@", '#include "protocol/group_dump.h"\n' if area == "group" else "")
            .replace("@A@", area.upper()).replace("@a@", area))


COORDINATOR_HEADER = """/* Made by tools/generate.py: the records of the @a@ coordinator, by type. */
#ifndef SAMSA_GEN_PROTOCOL_@A@_RECORD_H
#define SAMSA_GEN_PROTOCOL_@A@_RECORD_H

@INCLUDES@
enum @a@_record_type {
@TYPES@};

struct @a@_record_key {
    int16_t type; /* enum @a@_record_type; says which member of `u` is set */
    union {
@KEYS@    } u;
};

struct @a@_record_value {
    int16_t type; /* the key's */
    int16_t version;
    union {
@VALUES@    } u;
};

/* NULL when there is no such type. Static storage. */
const struct message *@a@_record_key_message(int16_t type);
const struct message *@a@_record_value_message(int16_t type);

/* Set the type, the version and the fields' defaults. The type must exist. */
void @a@_record_key_init(struct @a@_record_key *k, int16_t type);
void @a@_record_value_init(struct @a@_record_value *v, int16_t type, int16_t version);

/* A key is its type (int16), then the fields; a value its version (int16), then the fields. Strings
 * point into the bytes, arrays into the arena; bytes behind the fields are ignored, as in Kafka.
 * Err: UNSUPPORTED type or version (of a later Kafka: skip the record); INVALID; TRUNCATED. A null value
 * is a tombstone and not for these. */
enum err @a@_record_key_decode(struct @a@_record_key *k, struct bytes key,
                               struct arena *arena) MUST_CHECK;
enum err @a@_record_value_decode(struct @a@_record_value *v, int16_t type, struct bytes value,
                                 struct arena *arena) MUST_CHECK;

/* As message_validate. */
enum err @a@_record_key_validate(const struct @a@_record_key *k) MUST_CHECK;
enum err @a@_record_value_validate(const struct @a@_record_value *v) MUST_CHECK;

size_t @a@_record_key_size(const struct @a@_record_key *k);
void @a@_record_key_encode(const struct @a@_record_key *k, struct out *o);
size_t @a@_record_value_size(const struct @a@_record_value *v);
void @a@_record_value_encode(const struct @a@_record_value *v, struct out *o);

/* {"type":"1","data":{...}} and {"version":"3","data":{...}}, as Kafka's dump tool prints them. */
void @a@_record_key_dump(const struct @a@_record_key *k, struct out *o);
void @a@_record_value_dump(const struct @a@_record_value *v, struct out *o);

#endif
"""

COORDINATOR_SOURCE = """/* Made by tools/generate.py: the records of the @a@ coordinator, by type. */
#include "protocol/@a@_record.h"

#include <stdio.h>

#include "base/assert.h"
@MORE@#include "protocol/put.h"

@TABLES@const struct message *@a@_record_key_message(int16_t type)
{
    return type >= 0 && (size_t)type < sizeof keys / sizeof keys[0] ? keys[type] : NULL;
}

const struct message *@a@_record_value_message(int16_t type)
{
    return type >= 0 && (size_t)type < sizeof values / sizeof values[0] ? values[type] : NULL;
}

void @a@_record_key_init(struct @a@_record_key *k, int16_t type)
{
    const struct message *message = @a@_record_key_message(type);
    PRE(message);
    k->type = type;
    message->init(&k->u);
}

void @a@_record_value_init(struct @a@_record_value *v, int16_t type, int16_t version)
{
    const struct message *message = @a@_record_value_message(type);
    PRE(message);
    v->type = type;
    v->version = version;
    message->init(&v->u);
}

enum err @a@_record_key_decode(struct @a@_record_key *k, struct bytes key, struct arena *arena)
{
    struct cursor c = cursor_of_bytes(key);
    k->type = cursor_i16(&c);
    if (!cursor_ok(&c))
        return c.err;
    const struct message *message = @a@_record_key_message(k->type);
    return message ? message->decode(&k->u, 0, &c, arena) : ERR_UNSUPPORTED;
}

enum err @a@_record_value_decode(struct @a@_record_value *v, int16_t type, struct bytes value,
                                 struct arena *arena)
{
    struct cursor c = cursor_of_bytes(value);
    v->type = type;
    v->version = cursor_i16(&c);
    if (!cursor_ok(&c))
        return c.err;
    const struct message *message = @a@_record_value_message(type);
    return message ? message->decode(&v->u, v->version, &c, arena) : ERR_UNSUPPORTED;
}

enum err @a@_record_key_validate(const struct @a@_record_key *k)
{
    const struct message *message = @a@_record_key_message(k->type);
    return message ? message_validate(message, &k->u, 0) : ERR_UNSUPPORTED;
}

enum err @a@_record_value_validate(const struct @a@_record_value *v)
{
    const struct message *message = @a@_record_value_message(v->type);
    return message ? message_validate(message, &v->u, v->version) : ERR_UNSUPPORTED;
}

size_t @a@_record_key_size(const struct @a@_record_key *k)
{
    const struct message *message = @a@_record_key_message(k->type);
    PRE(message);
    return sizeof k->type + message->size(&k->u, 0);
}

void @a@_record_key_encode(const struct @a@_record_key *k, struct out *o)
{
    const struct message *message = @a@_record_key_message(k->type);
    PRE(message);
    put_i16(o, k->type);
    message->encode(&k->u, 0, o);
}

size_t @a@_record_value_size(const struct @a@_record_value *v)
{
    const struct message *message = @a@_record_value_message(v->type);
    PRE(message);
    return sizeof v->version + message->size(&v->u, v->version);
}

void @a@_record_value_encode(const struct @a@_record_value *v, struct out *o)
{
    const struct message *message = @a@_record_value_message(v->type);
    PRE(message);
    put_i16(o, v->version);
    message->encode(&v->u, v->version, o);
}

void @a@_record_key_dump(const struct @a@_record_key *k, struct out *o)
{
    char head[48];
    int len = snprintf(head, sizeof head, "{\\"type\\":\\"%d\\",\\"data\\":", k->type);
    out_put(o, head, (size_t)len);
    message_dump(@a@_record_key_message(k->type), &k->u, 0, o);
    out_u8(o, '}');
}

void @a@_record_value_dump(const struct @a@_record_value *v, struct out *o)
{
    char head[48];
    int len = snprintf(head, sizeof head, "{\\"version\\":\\"%d\\",\\"data\\":", v->version);
    out_put(o, head, (size_t)len);
    @DUMP@(@a@_record_value_message(v->type), &v->u, v->version, o);
    out_u8(o, '}');
}
"""
