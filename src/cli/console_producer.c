/* kafka-console-producer.sh: each line of standard input is a record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/rdkafka.h"
#include "cli/tool.h"

enum { METADATA_MS = 5000, TOPIC_RETRY_MS = 20 };

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, false, false, "String: server to connect to",
     "REQUIRED: the brokers to connect to first."},
    {"topic", 0, OPTION_VALUE, true, false, "String: topic", "REQUIRED: the topic to write to."},
    {"sync", 0, OPTION_FLAG, false, false, NULL, "Wait for each record before the next is sent."},
    {"compression-codec", 0, OPTION_OPTIONAL, false, false, "String: compression-codec",
     "none, gzip, snappy, lz4 or zstd; gzip when the value is left out."},
    {"batch-size", 0, OPTION_VALUE, false, false, "Integer: size", "Bytes in one batch.", "16384"},
    {"message-send-max-retries", 0, OPTION_VALUE, false, false, "Integer",
     "How often a record is sent again.", "3"},
    {"retry-backoff-ms", 0, OPTION_VALUE, false, false, "Long", "Wait before that.", "100"},
    {"timeout", 0, OPTION_VALUE, false, false, "Long: timeout_ms",
     "How long records are gathered into a batch.", "1000"},
    {"request-required-acks", 0, OPTION_VALUE, false, false, "String: request required acks",
     "0, 1 or -1 (all).", "-1"},
    {"request-timeout-ms", 0, OPTION_VALUE, false, false, "Integer: request timeout ms",
     "How long a broker may take.", "1500"},
    {"metadata-expiry-ms", 0, OPTION_VALUE, false, false, "Long",
     "How often leaders are asked for.", "300000"},
    {"max-block-ms", 0, OPTION_VALUE, false, false, "Long: max block on send",
     "How long a full queue may block.", "60000"},
    {"max-memory-bytes", 0, OPTION_VALUE, false, false, "Long: total memory in bytes",
     "Memory for records not sent yet.", "33554432"},
    {"max-partition-memory-bytes", 0, OPTION_VALUE, false, false, "Integer",
     "Former name of --batch-size.", "16384"},
    {"socket-buffer-size", 0, OPTION_VALUE, false, false, "Integer: size", "SO_SNDBUF.", "102400"},
    {"line-reader", 0, OPTION_VALUE, false, false, "String: reader_class",
     "The reader's class; there is only the default one.",
     "org.apache.kafka.tools.LineMessageReader"},
    {"property", 0, OPTION_VALUE, false, true, "String: prop", "Former name of --reader-property."},
    {"reader-property", 0, OPTION_VALUE, false, true, "String: prop",
     "key=value for the reader: parse.key, parse.headers, key.separator, headers.delimiter, "
     "headers.separator, headers.key.separator, null.marker, ignore.error."},
    {"reader-config", 0, OPTION_VALUE, false, false, "String: config file",
     "File with such properties."},
    {"producer-property", 0, OPTION_VALUE, false, true, "String",
     "Former name of --command-property."},
    {"command-property", 0, OPTION_VALUE, false, true, "String: prop", "A property of the client."},
    {"producer.config", 0, OPTION_VALUE, false, false, "String",
     "Former name of --command-config."},
    {"command-config", 0, OPTION_VALUE, false, false, "String: config file",
     "File with properties of the client."},
    {0},
};

struct reader {
    bool parse_key, parse_headers, ignore_error;
    const char *key_separator, *headers_delimiter, *headers_separator, *headers_key_separator;
    const char *null_marker; /* NULL: none */
    long line;
};

struct producer {
    rd_kafka_t *handle;
    rd_kafka_topic_t *topic;
    const char *topic_name;
    bool sync;
    bool round_robin;         /* partitioner.class is RoundRobinPartitioner */
    int32_t partitions_count; /* 0 until the brokers have told of the topic */
    int32_t next_partition;
    int64_t block_ms, request_bytes_max, memory_bytes_max, batch_bytes;
};

static const char *text_of(const struct properties *p, const char *key, const char *fallback)
{
    struct str value = properties_get(p, key);
    return str_is_null(value) ? fallback : value.data;
}

static bool flag_of(const struct properties *p, const char *key)
{
    return strcasecmp(text_of(p, key, ""), "true") == 0;
}

static void distinct(const char *a_name, const char *a, const char *b_name, const char *b)
{
    if (strcmp(a, b) != 0) return;
    fprintf(stderr, "org.apache.kafka.common.KafkaException: %s and %s may not be equal\n", a_name,
            b_name);
    exit(1);
}

/* What would make a line ambiguous. */
static void check_distinct(const struct reader *r)
{
    distinct("headers.delimiter", r->headers_delimiter, "headers.separator", r->headers_separator);
    distinct("headers.delimiter", r->headers_delimiter, "headers.key.separator",
             r->headers_key_separator);
    distinct("headers.separator", r->headers_separator, "headers.key.separator",
             r->headers_key_separator);
    if (!r->null_marker) return;
    distinct("null.marker", r->null_marker, "key.separator", r->key_separator);
    distinct("null.marker", r->null_marker, "headers.separator", r->headers_separator);
    distinct("null.marker", r->null_marker, "headers.delimiter", r->headers_delimiter);
    distinct("null.marker", r->null_marker, "headers.key.separator", r->headers_key_separator);
}

static struct reader read_properties(const struct args *a)
{
    static struct arena arena; /* for as long as the process */
    struct properties p;
    arena_init(&arena, 0);
    args_renamed(a, "reader-property", "property");
    args_properties(a, "reader-property", "property", "reader-config", &arena, &p);
    struct reader r = {.parse_key = flag_of(&p, "parse.key"),
                       .parse_headers = flag_of(&p, "parse.headers"),
                       .ignore_error = flag_of(&p, "ignore.error"),
                       .key_separator = text_of(&p, "key.separator", "\t"),
                       .headers_delimiter = text_of(&p, "headers.delimiter", "\t"),
                       .headers_separator = text_of(&p, "headers.separator", ","),
                       .headers_key_separator = text_of(&p, "headers.key.separator", ":"),
                       .null_marker = text_of(&p, "null.marker", NULL)};
    check_distinct(&r);
    return r;
}

static void check_options(const struct args *a)
{
    static const char only[] = "org.apache.kafka.tools.LineMessageReader";
    const char *reader = args_value(a, "line-reader");
    if (args_has(a, "max-partition-memory-bytes"))
        printf("Warning: --max-partition-memory-bytes is deprecated and will be removed in Apache "
               "Kafka 5.0. Use --batch-size instead.\n");
    if (strcmp(reader, only) != 0) {
        fflush(stdout);
        fprintf(stderr, "java.lang.ClassNotFoundException: %s\n", reader);
        exit(1);
    }
}

/* Cut off what stands before `separator`. Without one: NULL and the line whole if errors are
 * ignored, else the tool ends. */
static const char *take(const struct reader *r, char **line, const char *separator,
                        const char *what, size_t *len)
{
    char *found = strstr(*line, separator);
    *len = 0;
    if (!*separator) return ""; /* nothing stands before it */
    if (!found) {
        if (r->ignore_error) return NULL;
        fprintf(stderr,
                "org.apache.kafka.common.KafkaException: No %s found on line number %ld: '%s'\n",
                what, r->line, *line);
        exit(1);
    }
    const char *part = *line;
    *len = (size_t)(found - part);
    *found = 0;
    *line = found + strlen(separator);
    return part;
}

static bool is_null(const struct reader *r, const char *text)
{
    return r->null_marker && strcmp(text, r->null_marker) == 0;
}

/* Of a text of this line's own. */
static rd_kafka_headers_t *parse_headers(const struct reader *r, char *text)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
    size_t separator = strlen(r->headers_separator);
    for (char *at = text; at;) {
        char *end = strstr(at, r->headers_separator);
        if (end) *end = 0;
        char *colon = strstr(at, r->headers_key_separator);
        if (!colon && !r->ignore_error) {
            fprintf(stderr,
                    "org.apache.kafka.common.KafkaException: No header key separator found in "
                    "pair '%s' on line number %ld\n",
                    at, r->line);
            exit(1);
        }
        const char *value = colon ? colon + strlen(r->headers_key_separator) : NULL;
        if (colon) *colon = 0;
        if (value && is_null(r, value)) value = NULL;
        rd_kafka_header_add(headers, at, -1, value, value ? (ssize_t)strlen(value) : 0);
        at = end ? end + separator : NULL;
    }
    return headers;
}

/* ---- records */

/* A record that failed. The value says how long it was, as Kafka's callback does. */
static void log_failure(const char *topic, const struct bytes *key, const struct bytes *value,
                        const char *why)
{
    char sizes[2][32];
    const struct bytes *const fields[] = {key, value};
    for (int i = 0; i < 2; i++)
        snprintf(sizes[i], sizeof sizes[i], fields[i]->len < 0 ? "null" : "%lld bytes",
                 (long long)fields[i]->len);
    rdkafka_log_line("ERROR", "org.apache.kafka.clients.producer.internals.ErrorLoggingCallback",
                     "Error when sending message to topic %s with key: %s, value: %s with error: "
                     "%s",
                     topic, sizes[0], sizes[1], why);
}

static struct bytes field_of(const void *data, size_t len)
{
    return data ? bytes_of(data, len) : BYTES_NULL;
}

static _Noreturn void fail_sync(const char *why)
{
    fflush(stdout);
    fprintf(stderr, "java.util.concurrent.ExecutionException: %s\n", why);
    exit(1);
}

static void delivered(rd_kafka_t *handle, const rd_kafka_message_t *m, void *opaque)
{
    struct producer *p = opaque;
    (void)handle;
    if (!m->err) return;
    char why[512];
    snprintf(why, sizeof why, "%s: %s", rdkafka_exception(m->err), rd_kafka_err2str(m->err));
    if (p->sync) fail_sync(why);
    struct bytes key = field_of(m->key, m->key_len), value = field_of(m->payload, m->len);
    log_failure(p->topic_name, &key, &value, why);
}

/* One that is not even tried: Kafka's producer throws when the record is handed over. */
static void refuse(const struct producer *p, const struct bytes *key, const struct bytes *value,
                   const char *why)
{
    if (p->sync) fail_sync(why);
    log_failure(p->topic_name, key, value, why);
}

static int64_t varint_bytes(int64_t n)
{
    int64_t bytes = 1;
    for (uint64_t zigzag = (uint64_t)n << 1; zigzag >= 128; zigzag >>= 7) bytes++;
    return bytes;
}

static int64_t field_bytes(const struct bytes *field)
{
    return field->len < 0 ? 1 : varint_bytes(field->len) + field->len;
}

enum { BATCH_BYTES = 61, RECORD_BYTES_MAX = 21 }; /* what stands before a record's fields */

/* At most so long in a batch of its own, as Kafka's producer reckons. */
static int64_t record_bytes(const struct bytes *key, const struct bytes *value,
                            const rd_kafka_headers_t *headers)
{
    int64_t bytes = BATCH_BYTES + RECORD_BYTES_MAX + field_bytes(key) + field_bytes(value);
    const char *name;
    const void *data;
    size_t len, count = headers ? rd_kafka_header_cnt(headers) : 0;
    bytes += varint_bytes((int64_t)count);
    for (size_t i = 0; i < count && !rd_kafka_header_get_all(headers, i, &name, &data, &len); i++) {
        struct bytes field = field_of(data, len), name_field = bytes_of(name, strlen(name));
        bytes += field_bytes(&name_field) + field_bytes(&field);
    }
    return bytes;
}

/* Why a record is too long; false: it is not. */
static bool is_too_long(const struct producer *p, int64_t bytes, char why[512])
{
    static const char class[] = "org.apache.kafka.common.errors.RecordTooLargeException";
    if (bytes > p->request_bytes_max)
        snprintf(
            why, 512,
            "%s: The message is %lld bytes when serialized which is larger than %lld, which is "
            "the value of the max.request.size configuration.",
            class, (long long)bytes, (long long)p->request_bytes_max);
    else if (bytes > p->memory_bytes_max)
        snprintf(why, 512,
                 "%s: The message is %lld bytes when serialized which is larger than the total "
                 "memory buffer you have configured with the buffer.memory configuration.",
                 class, (long long)bytes);
    else
        return false;
    return true;
}

/* Waits for the brokers to tell of the topic, as long as a record may block. False: `why`. */
static bool find_topic(struct producer *p, char why[512])
{
    if (p->partitions_count) return true;
    int64_t deadline_ms = client_now_ms() + p->block_ms;
    do {
        const struct rd_kafka_metadata *m;
        int64_t left_ms = deadline_ms - client_now_ms();
        int wait_ms = left_ms < 1 ? 1 : left_ms < METADATA_MS ? (int)left_ms : METADATA_MS;
        rd_kafka_resp_err_t e = rd_kafka_metadata(p->handle, 0, p->topic, &m, wait_ms);
        if (!e) {
            e = m->topics[0].err;
            p->partitions_count = e ? 0 : m->topics[0].partition_cnt;
            rd_kafka_metadata_destroy(m);
        }
        if (p->partitions_count) return true;
        if (e == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
            snprintf(why, 512,
                     "org.apache.kafka.common.errors.InvalidTopicException: Invalid topics: [%s]",
                     p->topic_name);
            return false;
        }
        client_sleep_ms(TOPIC_RETRY_MS);
    } while (client_now_ms() < deadline_ms);
    snprintf(why, 512,
             "org.apache.kafka.common.errors.TimeoutException: Topic %s not present in metadata "
             "after %lld ms.",
             p->topic_name, (long long)p->block_ms);
    return false;
}

static rd_kafka_resp_err_t produce(struct producer *p, const struct bytes *key,
                                   const struct bytes *value, rd_kafka_headers_t *headers)
{
    int32_t partition = RD_KAFKA_PARTITION_UA;
    if (p->round_robin) partition = p->next_partition++ % p->partitions_count;
#define RECORD                                                            \
    RD_KAFKA_V_RKT(p->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),   \
        RD_KAFKA_V_PARTITION(partition),                                  \
        RD_KAFKA_V_KEY(key->data, (size_t)(key->len < 0 ? 0 : key->len)), \
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value->data,                  \
                         (size_t)(value->len < 0 ? 0 : value->len))
    return headers
               ? rd_kafka_producev(p->handle, RECORD, RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END)
               : rd_kafka_producev(p->handle, RECORD, RD_KAFKA_V_END);
#undef RECORD
}

/* A batch must fit, however short its records are: nobody catches this one. */
static _Noreturn void fail_memory(const struct producer *p)
{
    fflush(stdout);
    fprintf(
        stderr,
        "java.lang.IllegalArgumentException: Attempt to allocate %lld bytes, but there is a hard "
        "limit of %lld on memory allocations.\n",
        (long long)p->batch_bytes, (long long)p->memory_bytes_max);
    exit(1);
}

/* Takes the headers. */
static void send_record(struct producer *p, struct bytes key, struct bytes value,
                        rd_kafka_headers_t *headers)
{
    char why[512];
    if (!find_topic(p, why) || is_too_long(p, record_bytes(&key, &value, headers), why)) {
        refuse(p, &key, &value, why);
        if (headers) rd_kafka_headers_destroy(headers);
        return;
    }
    if (p->batch_bytes > p->memory_bytes_max) fail_memory(p);
    int64_t deadline_ms = client_now_ms() + p->block_ms;
    rd_kafka_resp_err_t e;
    while ((e = produce(p, &key, &value, headers)) == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           client_now_ms() < deadline_ms)
        rd_kafka_poll(p->handle, 50);
    if (e) {
        snprintf(why, sizeof why, "%s: %s", rdkafka_exception(e), rd_kafka_err2str(e));
        refuse(p, &key, &value, why);
        if (headers) rd_kafka_headers_destroy(headers);
        return;
    }
    if (p->sync)
        rd_kafka_flush(p->handle, -1);
    else
        rd_kafka_poll(p->handle, 0);
}

static void send_line(struct producer *p, const struct reader *r, char *line, size_t len)
{
    const char *key = NULL, *headers_text = NULL, *end = line + len;
    size_t key_len = 0, headers_len = 0;
    if (r->parse_headers)
        headers_text = take(r, &line, r->headers_delimiter, "headers delimiter", &headers_len);
    if (r->parse_key) key = take(r, &line, r->key_separator, "key separator", &key_len);
    rd_kafka_headers_t *headers = NULL;
    if (headers_text && !is_null(r, headers_text)) {
        char *copy = strdup(headers_text);
        if (!copy) abort();
        headers = parse_headers(r, copy);
        free(copy);
    }
    if (key && is_null(r, key)) key = NULL;
    struct bytes value = is_null(r, line) ? BYTES_NULL : bytes_of(line, (size_t)(end - line));
    send_record(p, field_of(key, key_len), value, headers);
}

/* Lines end as Java reads them: at a line feed, a carriage return, or both. */
static void send_lines(struct producer *p, struct reader *r, char *text, size_t len)
{
    if (len && text[len - 1] == '\n') len--;
    if (len && text[len - 1] == '\r') len--;
    text[len] = 0;
    for (char *at = text;;) {
        char *end = memchr(at, '\r', (size_t)(text + len - at));
        if (end) *end = 0;
        r->line++;
        send_line(p, r, at, (size_t)((end ? end : text + len) - at));
        if (!end) return;
        at = end + 1;
    }
}

/* ---- options */

/* Options and the properties they stand for: one that is given outranks a property, a property
 * outranks an option's default. */
static void set_options(rd_kafka_conf_t *conf, const struct args *a, bool given)
{
    static const char *const pairs[][2] = {
        {"timeout", "linger.ms"},
        {"request-required-acks", "acks"},
        {"request-timeout-ms", "request.timeout.ms"},
        {"message-send-max-retries", "retries"},
        {"retry-backoff-ms", "retry.backoff.ms"},
        {"socket-buffer-size", "send.buffer.bytes"},
        {"max-memory-bytes", "buffer.memory"},
        {"batch-size", "batch.size"},
        {"max-partition-memory-bytes", "batch.size"},
        {"metadata-expiry-ms", "metadata.max.age.ms"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (args_has(a, pairs[i][0]) == given) {
            if (strcmp(pairs[i][1], "acks") != 0) args_number(a, pairs[i][0], 0);
            rdkafka_set_java(conf, pairs[i][1], args_value(a, pairs[i][0]));
        }
}

static bool property_of(const struct args *a, const char *key, char value[256])
{
    const char *pairs = args_has(a, "producer-property") ? "producer-property" : "command-property";
    const char *file =
        args_value(a, args_has(a, "producer.config") ? "producer.config" : "command-config");
    return rdkafka_java_value(a, pairs, file, key, value);
}

/* What an option, or else a property, or else the option's default says of a number that librdkafka
 * does not have, or has otherwise. */
static int64_t number_of(const struct args *a, const char *option, const char *property,
                         const char *fallback)
{
    char value[256];
    const char *text = option ? args_value(a, option) : fallback;
    if ((!option || !args_has(a, option)) && property_of(a, property, value)) text = value;
    return strtoll(text, NULL, 10);
}

/* Which partition a record without one goes to, of the partitioners that Kafka brings. */
static void choose_partitioner(rd_kafka_conf_t *conf, const struct args *a, struct producer *p)
{
    char value[256];
    if (property_of(a, "partitioner.ignore.keys", value) && strcasecmp(value, "true") == 0)
        rdkafka_set(conf, "partitioner", "random");
    if (!property_of(a, "partitioner.class", value)) return;
    p->round_robin = strcmp(value, "org.apache.kafka.clients.producer.RoundRobinPartitioner") == 0;
    if (p->round_robin) return;
    fflush(stdout);
    fprintf(stderr,
            "org.apache.kafka.common.config.ConfigException: Invalid value %s for configuration "
            "partitioner.class: Class %s could not be found.\n",
            value, value);
    exit(1);
}

static rd_kafka_conf_t *configure(const struct args *a, struct producer *p)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rdkafka_producer_defaults(conf);
    rdkafka_set(conf, "client.id", "console-producer");
    set_options(conf, a, false);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, p);
    static const char *const overruled[] = {"compression.type", "bootstrap.servers", NULL};
    rdkafka_set_from_args(conf, a, "producer-property", "producer.config", overruled);
    set_options(conf, a, true);
    choose_partitioner(conf, a, p);
    const char *codec =
        args_has(a, "compression-codec") ? args_value(a, "compression-codec") : "none";
    rdkafka_set_java(conf, "compression.type", codec && *codec ? codec : "gzip");
    rdkafka_set(conf, "bootstrap.servers", args_value(a, "bootstrap-server"));
    p->block_ms = number_of(a, "max-block-ms", "max.block.ms", NULL);
    p->memory_bytes_max = number_of(a, "max-memory-bytes", "buffer.memory", NULL);
    p->batch_bytes = number_of(
        a, args_has(a, "max-partition-memory-bytes") ? "max-partition-memory-bytes" : "batch-size",
        "batch.size", NULL);
    p->request_bytes_max = number_of(a, NULL, "max.request.size", "1048576");
    return conf;
}

/* What Java's producer refuses: idempotence that was asked for, and what is against it. */
static void check_idempotence(const struct args *a, const char *acks)
{
    char value[256];
    const char *why = NULL;
    if (!property_of(a, "enable.idempotence", value) || strcasecmp(value, "true") != 0) return;
    if (number_of(a, "message-send-max-retries", "retries", NULL) == 0)
        why = "Must set retries to non-zero when using the idempotent producer.";
    if (strcmp(acks, "-1") != 0)
        why = "Must set acks to all in order to use the idempotent producer. Otherwise we cannot "
              "guarantee idempotence.";
    if (!why) return;
    fflush(stdout);
    fprintf(stderr, "org.apache.kafka.common.config.ConfigException: %s\n", why);
    exit(1);
}

/* librdkafka would take any number. */
static void check_acks(const struct args *a, const rd_kafka_conf_t *conf)
{
    char acks[16] = "";
    size_t size = sizeof acks;
    rd_kafka_conf_get(conf, "acks", acks, &size);
    check_idempotence(a, acks);
    if (strcmp(acks, "-1") == 0 || strcmp(acks, "0") == 0 || strcmp(acks, "1") == 0) return;
    fflush(stdout);
    fprintf(stderr,
            "org.apache.kafka.common.config.ConfigException: Invalid value %s for configuration "
            "acks: String must be one of: all, -1, 0, 1\n",
            acks);
    exit(1);
}

static void misread(const char *reason)
{
    args_fail(reason);
}

int tool_console_producer(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(&a, "This tool helps to read data from standard input and publish it to Kafka.",
                    options, argc, argv);
    a.renaming = ARGS_RENAMED_WARNING;
    a.misread = misread;
    client_check_addresses(&a);
    struct reader reader = read_properties(&a);
    struct producer p = {.topic_name = args_value(&a, "topic"), .sync = args_has(&a, "sync")};
    rd_kafka_conf_t *conf = configure(&a, &p);
    check_options(&a);
    check_acks(&a, conf);
    p.handle = rdkafka_new(RD_KAFKA_PRODUCER, conf);
    p.topic = rd_kafka_topic_new(p.handle, p.topic_name, NULL);
    bool prompt = isatty(0);
    char *text = NULL;
    size_t capacity = 0;
    for (;;) {
        if (prompt) {
            printf(">");
            fflush(stdout);
        }
        ssize_t len = getline(&text, &capacity, stdin);
        if (len < 0) break;
        send_lines(&p, &reader, text, (size_t)len);
    }
    rd_kafka_flush(p.handle, -1); /* each record is delivered, or has failed in its time */
    rd_kafka_topic_destroy(p.topic);
    rd_kafka_destroy(p.handle);
    free(text);
    return 0;
}
