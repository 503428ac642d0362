/* kafka-console-producer.sh: each line of standard input is a record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/rdkafka.h"
#include "cli/tool.h"

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
static char *take(const struct reader *r, char **line, const char *separator, const char *what,
                  size_t *len)
{
    char *found = strstr(*line, separator);
    if (!found) {
        if (r->ignore_error) return NULL;
        fprintf(stderr,
                "org.apache.kafka.common.KafkaException: No %s found on line number %ld: '%s'\n",
                what, r->line, *line);
        exit(1);
    }
    char *part = *line;
    *len = (size_t)(found - part);
    *found = 0;
    *line = found + strlen(separator);
    return part;
}

static bool is_null(const struct reader *r, const char *text)
{
    return r->null_marker && strcmp(text, r->null_marker) == 0;
}

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

/* A record that failed. The value says how long it was, as Kafka's callback does. */
static void delivered(rd_kafka_t *handle, const rd_kafka_message_t *m, void *opaque)
{
    (void)handle;
    (void)opaque;
    if (!m->err) return;
    char key[32] = "null";
    if (m->key) snprintf(key, sizeof key, "%zu bytes", m->key_len);
    rdkafka_log_line("ERROR", "org.apache.kafka.clients.producer.internals.ErrorLoggingCallback",
                     "Error when sending message to topic %s with key: %s, value: %zu bytes with "
                     "error: %s",
                     rd_kafka_topic_name(m->rkt), key, m->len, rd_kafka_err2str(m->err));
}

static void send_record(struct producer *p, const char *key, size_t key_len, const char *value,
                        size_t value_len, rd_kafka_headers_t *headers)
{
    for (;;) {
        rd_kafka_resp_err_t e =
            headers ? rd_kafka_producev(p->handle, RD_KAFKA_V_RKT(p->topic),
                                        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                        RD_KAFKA_V_KEY(key, key_len),
                                        RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value_len),
                                        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END)
                    : rd_kafka_producev(
                          p->handle, RD_KAFKA_V_RKT(p->topic),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_len),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value_len), RD_KAFKA_V_END);
        if (e == RD_KAFKA_RESP_ERR_NO_ERROR) break;
        if (e != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            fprintf(stderr, "Error when sending message to topic %s: %s\n", p->topic_name,
                    rd_kafka_err2str(e));
            exit(1);
        }
        rd_kafka_poll(p->handle, 50);
    }
    if (p->sync)
        rd_kafka_flush(p->handle, 60000);
    else
        rd_kafka_poll(p->handle, 0);
}

static void send_line(struct producer *p, const struct reader *r, char *line)
{
    char *key = NULL, *headers_text = NULL;
    size_t key_len = 0, headers_len = 0;
    if (r->parse_headers)
        headers_text = take(r, &line, r->headers_delimiter, "headers delimiter", &headers_len);
    if (r->parse_key) key = take(r, &line, r->key_separator, "key separator", &key_len);
    rd_kafka_headers_t *headers = NULL;
    if (headers_text && *headers_text && !is_null(r, headers_text))
        headers = parse_headers(r, headers_text);
    if (key && is_null(r, key)) key = NULL;
    const char *value = is_null(r, line) ? NULL : line;
    send_record(p, key, key ? key_len : 0, value, value ? strlen(value) : 0, headers);
}

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
        {"batch-size", "batch.size"},
        {"metadata-expiry-ms", "metadata.max.age.ms"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (args_has(a, pairs[i][0]) == given)
            rdkafka_set_java(conf, pairs[i][1], args_value(a, pairs[i][0]));
}

static rd_kafka_conf_t *configure(const struct args *a)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rdkafka_log_to_stderr(conf);
    rdkafka_set(conf, "bootstrap.servers", args_value(a, "bootstrap-server"));
    rdkafka_set(conf, "client.id", "console-producer");
    rdkafka_set(conf, "partitioner",
                "murmur2_random"); /* keys go where Java's producer sends them */
    /* a topic that the broker creates for us is found at once, not after a quarter second */
    rdkafka_set(conf, "topic.metadata.refresh.fast.interval.ms", "10");
    set_options(conf, a, false);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rdkafka_set_from_args(conf, a, "producer-property", "producer.config");
    set_options(conf, a, true);
    const char *codec = args_value(a, "compression-codec");
    if (args_has(a, "compression-codec"))
        rdkafka_set_java(conf, "compression.type", codec && *codec ? codec : "gzip");
    return conf;
}

/* librdkafka would take any number. */
static void check_acks(const rd_kafka_conf_t *conf)
{
    char acks[16] = "";
    size_t size = sizeof acks;
    rd_kafka_conf_get(conf, "acks", acks, &size);
    if (strcmp(acks, "-1") == 0 || strcmp(acks, "0") == 0 || strcmp(acks, "1") == 0) return;
    fflush(stdout);
    fprintf(stderr,
            "org.apache.kafka.common.config.ConfigException: Invalid value %s for configuration "
            "acks: String must be one of: all, -1, 0, 1\n",
            acks);
    exit(1);
}

int tool_console_producer(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(&a, "This tool helps to read data from standard input and publish it to Kafka.",
                    options, argc, argv);
    a.renaming = ARGS_RENAMED_WARNING;
    client_check_addresses(&a);
    struct reader reader = read_properties(&a);
    struct producer p = {.topic_name = args_value(&a, "topic"), .sync = args_has(&a, "sync")};
    rd_kafka_conf_t *conf = configure(&a);
    check_options(&a);
    check_acks(conf);
    p.handle = rdkafka_new(RD_KAFKA_PRODUCER, conf);
    p.topic = rd_kafka_topic_new(p.handle, p.topic_name, NULL);
    bool prompt = isatty(0);
    char *line = NULL;
    size_t capacity = 0;
    for (;;) {
        if (prompt) {
            printf(">");
            fflush(stdout);
        }
        ssize_t len = getline(&line, &capacity, stdin);
        if (len < 0) break;
        reader.line++;
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) line[--len] = 0;
        send_line(&p, &reader, line);
    }
    rd_kafka_resp_err_t e = rd_kafka_flush(p.handle, (int)args_number(&a, "max-block-ms", 60000));
    if (e)
        fprintf(stderr, "%d records were not sent: %s\n", rd_kafka_outq_len(p.handle),
                rd_kafka_err2str(e));
    rd_kafka_topic_destroy(p.topic);
    rd_kafka_destroy(p.handle);
    free(line);
    return e ? 1 : 0;
}
