#include "protocol/message.h"

#include <stdio.h>

#include "protocol/put.h"

enum { STRING_BYTES_MAX = 32767 };

static const void *field_at(const void *m, const struct message_field *f)
{
    return (const char *)m + f->offset;
}

static int32_t field_count(const void *at)
{
    int32_t count;
    memcpy(&count, (const char *)at + sizeof(void *), sizeof count);
    return count;
}

static const void *field_pointer(const void *at)
{
    const void *p;
    memcpy(&p, at, sizeof p);
    return p;
}

/* Size in memory of one value of a type. */
static size_t value_size(const struct message_field *f)
{
    switch (f->type) {
    case MESSAGE_BOOL: return sizeof(bool);
    case MESSAGE_INT8: return 1;
    case MESSAGE_INT16:
    case MESSAGE_UINT16: return 2;
    case MESSAGE_INT32:
    case MESSAGE_UINT32: return 4;
    case MESSAGE_INT64:
    case MESSAGE_FLOAT64: return 8;
    case MESSAGE_UUID: return sizeof(struct uuid);
    case MESSAGE_STRING: return sizeof(struct str);
    case MESSAGE_BYTES: return sizeof(struct bytes);
    case MESSAGE_RECORDS: return sizeof(struct records);
    case MESSAGE_STRUCT: return f->element->size;
    }
    return 0;
}

/* An integer of any width, sign-extended as its type says. */
static int64_t value_int(const void *at, enum message_field_type type)
{
    switch (type) {
    case MESSAGE_BOOL: return *(const bool *)at;
    case MESSAGE_INT8: return *(const int8_t *)at;
    case MESSAGE_INT16: return *(const int16_t *)at;
    case MESSAGE_UINT16: return *(const uint16_t *)at;
    case MESSAGE_INT32: return *(const int32_t *)at;
    case MESSAGE_UINT32: return *(const uint32_t *)at;
    default: return *(const int64_t *)at;
    }
}

/* Length of a string, bytes or records; -1 is null. */
static int64_t value_len(const void *at, enum message_field_type type)
{
    switch (type) {
    case MESSAGE_STRING: return ((const struct str *)at)->len;
    case MESSAGE_BYTES: return ((const struct bytes *)at)->len;
    default: return ((const struct records *)at)->len;
    }
}

static bool field_is_default(const void *m, const struct message_field *f);

static bool struct_is_default(const void *m, const struct message_struct *s)
{
    for (int32_t i = 0; i < s->fields_count; i++)
        if (!field_is_default(m, &s->fields[i])) return false;
    return true;
}

static bool field_is_default(const void *m, const struct message_field *f)
{
    const void *at = field_at(m, f);
    if (f->array) return field_count(at) == (f->default_null ? -1 : 0);
    switch (f->type) {
    case MESSAGE_STRING:
    case MESSAGE_BYTES:
    case MESSAGE_RECORDS: return value_len(at, f->type) == (f->default_null ? -1 : 0);
    case MESSAGE_UUID: return uuid_is_zero(*(const struct uuid *)at);
    case MESSAGE_FLOAT64: {
        double v = *(const double *)at;
        return !(v < 0) && !(v > 0);
    }
    case MESSAGE_STRUCT:
        if (f->by_pointer && (f->default_null || !field_pointer(at)))
            return f->default_null && !field_pointer(at);
        return struct_is_default(f->by_pointer ? field_pointer(at) : at, f->element);
    default: return value_int(at, f->type) == f->default_int;
    }
}

static bool field_present(const struct message_field *f, int16_t version)
{
    return version >= f->first && version <= f->last;
}

static bool field_nullable(const struct message_field *f, int16_t version)
{
    return version >= f->nullable_first && version <= f->nullable_last;
}

static enum err struct_validate(const void *m, const struct message_struct *s, int16_t version);

static enum err value_validate(const void *at, const struct message_field *f, int16_t version,
                               bool nullable)
{
    switch (f->type) {
    case MESSAGE_STRING:
    case MESSAGE_BYTES:
    case MESSAGE_RECORDS: {
        int64_t len = value_len(at, f->type);
        int64_t max = f->type == MESSAGE_STRING ? STRING_BYTES_MAX : INT32_MAX - 1;
        return len < (nullable ? -1 : 0) || len > max ? ERR_INVALID : ERR_OK;
    }
    case MESSAGE_STRUCT:
        if (f->by_pointer && !f->array) {
            at = field_pointer(at);
            if (!at) return nullable ? ERR_OK : ERR_INVALID;
        }
        return struct_validate(at, f->element, version);
    default: return ERR_OK;
    }
}

static enum err field_validate(const void *m, const struct message_field *f, int16_t version)
{
    const void *at = field_at(m, f);
    if (!field_present(f, version))
        return f->ignorable || field_is_default(m, f) ? ERR_OK : ERR_UNSUPPORTED;
    bool nullable = field_nullable(f, version);
    if (!f->array) return value_validate(at, f, version, nullable);
    int32_t count = field_count(at);
    if (count < (nullable ? -1 : 0)) return ERR_INVALID;
    const char *items = field_pointer(at);
    for (int32_t i = 0; i < count; i++) {
        enum err err = value_validate(items + (size_t)i * value_size(f), f, version, false);
        if (err) return err;
    }
    return ERR_OK;
}

static enum err struct_validate(const void *m, const struct message_struct *s, int16_t version)
{
    for (int32_t i = 0; i < s->fields_count; i++) {
        enum err err = field_validate(m, &s->fields[i], version);
        if (err) return err;
    }
    return ERR_OK;
}

enum err message_validate(const struct message *type, const void *m, int16_t version)
{
    if (version < type->min_version || version > type->max_version) return ERR_UNSUPPORTED;
    return struct_validate(m, type->root, version);
}

/* ---- dump */

static void dump_z(struct out *o, const char *z)
{
    out_put(o, z, strlen(z));
}

static void dump_int(struct out *o, int64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)v);
    dump_z(o, text);
}

/* As Java's Double.toString: the shortest digits that read back equal; plain between 1e-3 and 1e7,
 * else d.dddE±n. */
static void dump_double(struct out *o, double v)
{
    if (v != v) {
        dump_z(o, "\"NaN\"");
        return;
    }
    if (v - v < 0 || v - v > 0 || (v != 0 && v / 2 == v)) {
        dump_z(o, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    char digits[40];
    double back = 0;
    for (int precision = 0; precision < 17; precision++) {
        snprintf(digits, sizeof digits, "%.*e", precision, v);
        if (sscanf(digits, "%lf", &back) == 1 && !(back < v) && !(back > v)) break;
    }
    char *e = strchr(digits, 'e');
    int exponent = 0;
    (void)sscanf(e + 1, "%d", &exponent);
    char text[64];
    double magnitude = v < 0 ? -v : v;
    if (magnitude > 0 && (magnitude < 1e-3 || magnitude >= 1e7)) {
        *e = '\0';
        snprintf(text, sizeof text, "%s%sE%d", digits, strchr(digits, '.') ? "" : ".0", exponent);
    } else {
        int mantissa = (int)(e - digits) - (digits[0] == '-') - 1;
        int decimals = (mantissa > 0 ? mantissa - 1 : 0) - exponent;
        snprintf(text, sizeof text, "%.*f", decimals < 1 ? 1 : decimals, v);
    }
    dump_z(o, text);
}

/* As Jackson writes strings: control characters escaped, everything else as it is. */
static void dump_str(struct out *o, struct str s)
{
    out_u8(o, '"');
    for (int32_t i = 0; i < s.len; i++) {
        unsigned char ch = (unsigned char)s.data[i];
        static const char named[] = "\bb\tt\nn\ff\rr\"\"\\\\";
        const char *at = NULL;
        for (size_t k = 0; k + 1 < sizeof named && !at; k += 2)
            if (named[k] == (char)ch) at = &named[k + 1];
        if (at) {
            out_u8(o, '\\');
            out_u8(o, (uint8_t)*at);
        } else if (ch < 0x20) {
            char text[8];
            snprintf(text, sizeof text, "\\u%04X", ch);
            dump_z(o, text);
        } else {
            out_u8(o, ch);
        }
    }
    out_u8(o, '"');
}

static void dump_base64(struct out *o, struct bytes b)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out_u8(o, '"');
    for (int64_t i = 0; i < b.len; i += 3) {
        int64_t left = b.len - i;
        uint32_t group = (uint32_t)b.data[i] << 16 | (left > 1 ? (uint32_t)b.data[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)b.data[i + 2] : 0);
        uint8_t *p = out_reserve(o, 4);
        p[0] = (uint8_t)alphabet[group >> 18 & 63];
        p[1] = (uint8_t)alphabet[group >> 12 & 63];
        p[2] = (uint8_t)(left > 1 ? alphabet[group >> 6 & 63] : '=');
        p[3] = (uint8_t)(left > 2 ? alphabet[group & 63] : '=');
    }
    out_u8(o, '"');
}

struct dump {
    struct out *o;
    int16_t version;
    bool (*value)(const struct message_field *f, const void *at, struct out *o); /* or NULL */
};

static void dump_struct(const struct dump *d, const void *m, const struct message_struct *s);

static void dump_value(const struct dump *d, const void *at, const struct message_field *f)
{
    struct out *o = d->o;
    if (d->value && f->type != MESSAGE_STRUCT && d->value(f, at, o)) return;
    switch (f->type) {
    case MESSAGE_BOOL: dump_z(o, *(const bool *)at ? "true" : "false"); break;
    case MESSAGE_FLOAT64: dump_double(o, *(const double *)at); break;
    case MESSAGE_UUID: {
        struct uuid_text text = uuid_text(*(const struct uuid *)at);
        dump_str(o, str_of(text.z));
        break;
    }
    case MESSAGE_STRING:
    case MESSAGE_BYTES:
    case MESSAGE_RECORDS:
        if (value_len(at, f->type) < 0)
            dump_z(o, "null");
        else if (f->type == MESSAGE_STRING)
            dump_str(o, *(const struct str *)at);
        else if (f->type == MESSAGE_BYTES)
            dump_base64(o, *(const struct bytes *)at);
        else
            dump_z(o, "\"\"");
        break;
    case MESSAGE_STRUCT:
        if (f->by_pointer && !f->array) at = field_pointer(at);
        if (at)
            dump_struct(d, at, f->element);
        else
            dump_z(o, "null");
        break;
    default: dump_int(o, value_int(at, f->type));
    }
}

static void dump_struct(const struct dump *d, const void *m, const struct message_struct *s)
{
    struct out *o = d->o;
    int16_t version = d->version;
    const char *separator = "";
    out_u8(o, '{');
    for (int32_t i = 0; i < s->fields_count; i++) {
        const struct message_field *f = &s->fields[i];
        if (!field_present(f, version) || (version >= f->tagged_first && field_is_default(m, f)))
            continue;
        const void *at = field_at(m, f);
        dump_z(o, separator);
        separator = ",";
        out_u8(o, '"');
        dump_z(o, f->name);
        dump_z(o, "\":");
        if (!f->array) {
            dump_value(d, at, f);
            continue;
        }
        int32_t count = field_count(at);
        if (count < 0) {
            dump_z(o, "null");
            continue;
        }
        const char *items = field_pointer(at);
        out_u8(o, '[');
        for (int32_t k = 0; k < count; k++) {
            if (k > 0) out_u8(o, ',');
            dump_value(d, items + (size_t)k * value_size(f), f);
        }
        out_u8(o, ']');
    }
    out_u8(o, '}');
}

void message_dump(const struct message *type, const void *m, int16_t version, struct out *o)
{
    message_dump_with(type, m, version, o, NULL);
}

void message_dump_with(const struct message *type, const void *m, int16_t version, struct out *o,
                       bool (*value)(const struct message_field *f, const void *at, struct out *o))
{
    struct dump d = {.o = o, .version = version, .value = value};
    dump_struct(&d, m, type->root);
}
