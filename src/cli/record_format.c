#include "cli/record_format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/rdkafka.h"

/* ---- properties */

static const char *text_of(const struct properties *p, const char *key, const char *fallback)
{
    struct str value = properties_get(p, key);
    return str_is_null(value) ? fallback : value.data;
}

static bool flag_of(const struct properties *p, const char *key, bool fallback)
{
    const char *text = text_of(p, key, NULL);
    return text ? strcasecmp(text, "true") == 0 : fallback;
}

static enum record_type type_of(const struct properties *p, const char *key)
{
    static const struct {
        const char *name;
        enum record_type type;
    } classes[] = {{"String", AS_BYTES},    {"Boolean", AS_BOOLEAN},   {"Short", AS_SHORT},
                   {"Integer", AS_INTEGER}, {"Long", AS_LONG},         {"Float", AS_FLOAT},
                   {"Double", AS_DOUBLE},   {"UUID", AS_UUID},         {"ByteArray", AS_BYTES},
                   {"Bytes", AS_BYTES},     {"ByteBuffer", AS_BUFFER}, {"Void", AS_VOID}};
    const char *name = text_of(p, key, NULL);
    if (!name) return AS_BYTES;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        char full[128];
        snprintf(full, sizeof full, "org.apache.kafka.common.serialization.%sDeserializer",
                 classes[i].name);
        if (strcmp(full, name) == 0) return classes[i].type;
    }
    rdkafka_log_line("ERROR", "org.apache.kafka.tools.consumer.DefaultMessageFormatter",
                     "Unable to instantiate a deserializer from %s", name);
    return AS_BYTES;
}

bool record_format_init(struct record_format *f, const char *class, const struct properties *p)
{
    static const char *const columns[] = {"DefaultMessageFormatter", "LoggingMessageFormatter",
                                          "NoOpMessageFormatter"};
    static const char package[] = "org.apache.kafka.tools.consumer.";
    *f = (struct record_format){.coordinator = coordinator_format_of(class),
                                .timestamp = flag_of(p, "print.timestamp", false),
                                .partition = flag_of(p, "print.partition", false),
                                .offset = flag_of(p, "print.offset", false),
                                .delivery = flag_of(p, "print.delivery", false),
                                .epoch = flag_of(p, "print.epoch", false),
                                .headers = flag_of(p, "print.headers", false),
                                .key = flag_of(p, "print.key", false),
                                .value = flag_of(p, "print.value", true),
                                .key_separator = text_of(p, "key.separator", "\t"),
                                .line_separator = text_of(p, "line.separator", "\n"),
                                .headers_separator = text_of(p, "headers.separator", ","),
                                .null_literal = text_of(p, "null.literal", "null"),
                                .key_type = type_of(p, "key.deserializer"),
                                .value_type = type_of(p, "value.deserializer"),
                                .header_type = type_of(p, "headers.deserializer")};
    if (f->coordinator) return true;
    for (int i = 0; i < 3; i++)
        if (strncmp(class, package, sizeof package - 1) == 0 &&
            strcmp(class + sizeof package - 1, columns[i]) == 0) {
            f->silent = i == 2;
            return true;
        }
    return false;
}

/* ---- values */

/* As few digits as tell the number from its neighbours, in the form of Java's Double.toString. */
static void print_decimal(double number, bool is_float)
{
    char text[64];
    int digits = 1;
    if (isnan(number) || isinf(number)) {
        fputs(isnan(number) ? "NaN" : number < 0 ? "-Infinity" : "Infinity", stdout);
        return;
    }
    for (; digits < 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, number);
        if (is_float ? strtof(text, NULL) == (float)number : strtod(text, NULL) == number) break;
    }
    double size = fabs(number);
    if (size == 0 || (size >= 1e-3 && size < 1e7)) {
        int whole = size >= 1 ? (int)log10(size) + 1 : 0, places = digits - whole;
        if (size > 0 && size < 1) places = digits - 1 - (int)floor(log10(size));
        printf("%.*f", places < 1 ? 1 : places, number);
        return;
    }
    snprintf(text, sizeof text, "%.*e", digits < 2 ? 1 : digits - 1, number);
    char *e = strchr(text, 'e');
    printf("%.*sE%d", (int)(e - text), text, atoi(e + 1));
}

/* NULL, or what Kafka's deserializer complains of. */
static const char *print_number(const uint8_t *data, size_t len, enum record_type type)
{
    static const struct {
        size_t size;
        const char *complaint;
    } of[] = {[AS_BOOLEAN] = {1, "Size of data received by BooleanDeserializer is not 1"},
              [AS_SHORT] = {2, "Size of data received by ShortDeserializer is not 2"},
              [AS_INTEGER] = {4, "Size of data received by IntegerDeserializer is not 4"},
              [AS_LONG] = {8, "Size of data received by LongDeserializer is not 8"},
              [AS_FLOAT] = {4, "Size of data received by Deserializer is not 4"},
              [AS_DOUBLE] = {8, "Size of data received by Deserializer is not 8"}};
    if (len != of[type].size) return of[type].complaint;
    uint64_t bits = 0;
    for (size_t i = 0; i < len; i++) bits = bits << 8 | data[i];
    uint32_t low = (uint32_t)bits;
    float single;
    double wide;
    switch (type) {
    case AS_BOOLEAN:
        if (bits > 1) return "Unexpected byte received by BooleanDeserializer";
        fputs(bits ? "true" : "false", stdout);
        break;
    case AS_SHORT: printf("%d", (int16_t)low); break;
    case AS_INTEGER: printf("%d", (int32_t)low); break;
    case AS_LONG: printf("%lld", (long long)bits); break;
    case AS_FLOAT:
        memcpy(&single, &low, sizeof single);
        print_decimal((double)single, true);
        break;
    default: memcpy(&wide, &bits, sizeof wide); print_decimal(wide, false);
    }
    return NULL;
}

static const char *put(const void *data, size_t len, enum record_type type,
                       const struct record_format *f)
{
    if (!data) {
        data = f->null_literal;
        len = strlen(f->null_literal);
    }
    if (type == AS_VOID) return "Data should be null for a VoidDeserializer.";
    if (type == AS_BUFFER) {
        printf("java.nio.HeapByteBuffer[pos=0 lim=%zu cap=%zu]", len, len);
        return NULL;
    }
    if (type == AS_UUID && len != 36) return "Error parsing data into UUID";
    if (type != AS_BYTES && type != AS_UUID) return print_number(data, len, type);
    fwrite(data, 1, len, stdout);
    return NULL;
}

/* ---- columns */

static const char *print_headers(const rd_kafka_message_t *m, const struct record_format *f)
{
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(m, &headers) || rd_kafka_header_cnt(headers) == 0) {
        fputs("NO_HEADERS", stdout);
        return NULL;
    }
    const char *name, *why = NULL;
    const void *value;
    size_t len;
    for (size_t i = 0; !why && rd_kafka_header_get_all(headers, i, &name, &value, &len) == 0; i++) {
        printf("%s%s:", i ? f->headers_separator : "", name);
        why = put(value, len, f->header_type, f);
    }
    return why;
}

static void print_timestamp(const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    int64_t timestamp = rd_kafka_message_timestamp(m, &type);
    if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
        fputs("NO_TIMESTAMP", stdout);
    else
        printf("%s:%lld",
               type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? "LogAppendTime" : "CreateTime",
               (long long)timestamp);
}

static const char *print_coordinators(const rd_kafka_message_t *m, const struct record_format *f)
{
    static _Thread_local char text[512];
    struct arena arena;
    arena_init(&arena, 0);
    struct bytes key = m->key ? bytes_of(m->key, m->key_len) : BYTES_NULL;
    struct bytes value = m->payload ? bytes_of(m->payload, m->len) : BYTES_NULL;
    const char *why = coordinator_format_print(f->coordinator, key, value, &arena);
    if (why)
        snprintf(text, sizeof text, "Could not read record at offset %lld due to: %s",
                 (long long)m->offset, why);
    arena_free(&arena);
    return why ? text : NULL;
}

/* Each column ends in the key separator, the last in the line separator. */
const char *record_format_print(const struct record_format *f, const rd_kafka_message_t *m)
{
    if (f->silent) return NULL;
    if (f->coordinator) return print_coordinators(m, f);
    int columns = f->timestamp + f->partition + f->offset + f->delivery + f->epoch + f->headers +
                  f->key + f->value;
    const char *why = NULL;
#define END_COLUMN() fputs(--columns > 0 ? f->key_separator : f->line_separator, stdout)
    if (f->timestamp) {
        print_timestamp(m);
        END_COLUMN();
    }
    if (f->partition) {
        printf("Partition:%d", m->partition);
        END_COLUMN();
    }
    if (f->offset) {
        printf("Offset:%lld", (long long)m->offset);
        END_COLUMN();
    }
    if (f->delivery) {
        fputs("Delivery:NOT_PRESENT", stdout);
        END_COLUMN();
    }
    if (f->epoch) {
        fputs("Epoch:NOT_PRESENT", stdout); /* Kafka's tool never passes it on */
        END_COLUMN();
    }
    if (f->headers) {
        if ((why = print_headers(m, f))) return why;
        END_COLUMN();
    }
    if (f->key) {
        if ((why = put(m->key, m->key_len, f->key_type, f))) return why;
        END_COLUMN();
    }
    if (f->value) {
        if ((why = put(m->payload, m->len, f->value_type, f))) return why;
        END_COLUMN();
    }
#undef END_COLUMN
    return NULL;
}
