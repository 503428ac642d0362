/* kafka-e2e-latency.sh: one record after the other, from the producer to the consumer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/pace.h"
#include "cli/rdkafka.h"
#include "cli/tool.h"
#include "protocol/create_topics.h"

enum { RECEIVE_MS = 60000, REPORT_EVERY = 1000, METADATA_MS = 60000 };

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, true, false, "String: bootstrap-server",
     "REQUIRED: the brokers to connect to first."},
    {"topic", 0, OPTION_VALUE, true, false, "String: topic-name", "REQUIRED: the topic to use."},
    {"num-records", 0, OPTION_VALUE, true, false, "Integer: count", "REQUIRED: how many."},
    {"producer-acks", 0, OPTION_VALUE, true, false, "String: producer-acks", "REQUIRED: 1 or all."},
    {"record-size", 0, OPTION_VALUE, true, false, "Integer: bytes", "REQUIRED: bytes of a value."},
    {"record-key-size", 0, OPTION_OPTIONAL, false, false, "Integer: bytes", "Bytes of a key.", "0"},
    {"record-header-key-size", 0, OPTION_OPTIONAL, false, false, "Integer: bytes",
     "Bytes of a header's name.", "0"},
    {"record-header-size", 0, OPTION_OPTIONAL, false, false, "Integer: bytes",
     "Bytes of a header's value; -1: null.", "0"},
    {"num-headers", 0, OPTION_OPTIONAL, false, false, "Integer: count", "Headers of a record.",
     "0"},
    {"command-config", 0, OPTION_OPTIONAL, false, false, "String: config-file",
     "File with properties of the clients."},
    {0},
};

struct test {
    rd_kafka_t *producer, *consumer;
    const char *topic;
    size_t key_len, value_len, header_name_len;
    int64_t header_len; /* -1: null */
    int64_t headers;
    char *key, *value, *header_name, *header;
    uint32_t seed;
    bool acknowledged;
    rd_kafka_resp_err_t error;
};

/* ---- one record */

static char *fill(struct test *t, char *to, size_t len)
{
    t->seed = t->seed * 1103515245 + 12345;
    memset(to, 'A' + (int)(t->seed >> 16) % 26, len);
    return to;
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct test *t = opaque;
    (void)rk;
    t->acknowledged = true;
    t->error = m->err;
}

static void send_one(struct test *t)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new((size_t)t->headers + 1);
    for (int64_t i = 0; i < t->headers; i++)
        rd_kafka_header_add(headers, fill(t, t->header_name, t->header_name_len),
                            (ssize_t)t->header_name_len,
                            t->header_len < 0 ? NULL : fill(t, t->header, (size_t)t->header_len),
                            t->header_len < 0 ? 0 : (ssize_t)t->header_len);
    t->acknowledged = false;
    rd_kafka_resp_err_t e = rd_kafka_producev(
        t->producer, RD_KAFKA_V_TOPIC(t->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(t->key, t->key_len), RD_KAFKA_V_VALUE(t->value, t->value_len),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    while (!e && !t->acknowledged && !rdkafka_signal()) rd_kafka_poll(t->producer, 100);
    if (!e) e = t->error;
    if (rdkafka_signal()) exit(128 + rdkafka_signal());
    if (e) {
        fflush(stdout);
        fprintf(stderr, "%s: %s\n", rdkafka_exception(e), rd_kafka_err2str(e));
        exit(1);
    }
}

static void check_headers(const struct test *t, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers = NULL;
    const char *name;
    const void *value;
    size_t len, count = 0;
    if (!rd_kafka_message_headers(m, &headers)) count = rd_kafka_header_cnt(headers);
    if (t->headers && !count) args_fail("Expected message headers but received none");
    if (count != (size_t)t->headers)
        args_fail("Header count mismatch between sent and received messages");
    for (size_t i = 0; i < count; i++) {
        rd_kafka_header_get_all(headers, i, &name, &value, &len);
        if (strlen(name) != t->header_name_len ||
            (value ? (int64_t)len != t->header_len : t->header_len > 0))
            args_fail("The message header read did not match the message header sent");
    }
}

/* The record that was sent, and nothing else. */
static void receive_one(struct test *t)
{
    int64_t deadline_us = pace_now_us() + (int64_t)RECEIVE_MS * 1000;
    rd_kafka_message_t *m = NULL;
    while (!m && pace_now_us() < deadline_us && !rdkafka_signal()) {
        m = rd_kafka_consumer_poll(t->consumer, 100);
        if (!m || !m->err) continue;
        rd_kafka_message_destroy(m);
        m = NULL;
    }
    if (rdkafka_signal()) exit(128 + rdkafka_signal());
    if (!m) args_fail("poll() timed out before finding a result (timeout:[60000ms])");
    if (m->len != t->value_len || memcmp(m->payload, t->value, m->len) != 0)
        args_fail("The message value read did not match the message value sent");
    if (m->key_len != t->key_len || (t->key_len && memcmp(m->key, t->key, m->key_len) != 0))
        args_fail("The message key read did not match the message key sent");
    check_headers(t, m);
    rd_kafka_message_destroy(m);
}

/* ---- set-up */

static _Noreturn void no_client(const struct args *a, const char *reason)
{
    const char *cause = strchr(reason, '\n');
    (void)a;
    if (cause) fprintf(stderr, "Failed to construct kafka consumer");
    args_fail(cause ? cause : reason);
}

static void ensure_topic(const struct args *a, const char *topic)
{
    struct client *c =
        client_open(a, args_value(a, "bootstrap-server"), false, args_value(a, "command-config"));
    if (!client_refresh(c, "listTopics")) args_fail(client_failure_line(c));
    struct str name = str_of(topic);
    const struct metadata_response *m = client_topics(c, &name, 1);
    if (!m) args_fail(client_failure_line(c));
    if (m->topics_count && m->topics[0].error_code == KAFKA_NONE) {
        client_close(c);
        return;
    }
    printf("Topic \"%s\" does not exist. Will create topic with 1 partition(s) and replication "
           "factor = "
           "1\n",
           topic);
    struct create_topics_request request;
    create_topics_request_init(&request);
    request.timeout_ms = (int32_t)c->request_timeout_ms;
    request.topics = create_topics_request_creatable_topic_new(&c->arena, 1);
    request.topics_count = 1;
    request.topics[0].name = name;
    request.topics[0].num_partitions = 1;
    request.topics[0].replication_factor = 1;
    const struct create_topics_response *r =
        client_call(c, client_controller(c), API_CREATE_TOPICS, -1, &request, NULL);
    if (r && r->topics_count && r->topics[0].error_code != KAFKA_NONE) {
        client_fail_code(c, r->topics[0].error_code, r->topics[0].error_message);
        r = NULL;
    }
    if (!r) {
        printf("Creation of topic %s failed\n", topic);
        args_fail(client_failure_line(c));
    }
    client_close(c);
}

static rd_kafka_conf_t *configure(const struct args *a, bool producer)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *file = args_value(a, "command-config");
    if (producer)
        rdkafka_producer_defaults(conf);
    else
        rdkafka_consumer_defaults(conf);
    if (file && !rdkafka_set_file(conf, file, NULL)) args_fail(file);
    rdkafka_set(conf, "bootstrap.servers", args_value(a, "bootstrap-server"));
    return conf;
}

static void open_producer(struct test *t, const struct args *a)
{
    rd_kafka_conf_t *conf = configure(a, true);
    rdkafka_set(conf, "linger.ms", "0");
    bool all = strcmp(args_value(a, "producer-acks"), "all") == 0;
    if (!all) rdkafka_set(conf, "enable.idempotence", "false");
    rdkafka_set(conf, "acks", all ? "-1" : "1");
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, t);
    t->producer = rdkafka_new(RD_KAFKA_PRODUCER, conf);
}

static int partitions_of(struct test *t)
{
    const struct rd_kafka_metadata *m;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(t->producer, t->topic, NULL);
    int64_t deadline_us = pace_now_us() + (int64_t)METADATA_MS * 1000;
    int count = 0;
    while (!count && pace_now_us() < deadline_us && !rdkafka_signal()) {
        rd_kafka_resp_err_t e = rd_kafka_metadata(t->producer, 0, topic, &m, 5000);
        if (e) args_fail(rd_kafka_err2str(e));
        if (m->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR) count = m->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(m);
        if (!count) client_sleep_ms(10);
    }
    rd_kafka_topic_destroy(topic);
    if (!count) args_fail("The topic's partitions cannot be found out");
    return count;
}

/* Reads begin at the end there is now, in every partition. */
static void open_consumer(struct test *t, const struct args *a)
{
    char group[64];
    snprintf(group, sizeof group, "test-group-%lld", (long long)pace_wall_ms());
    rd_kafka_conf_t *conf = configure(a, false);
    rdkafka_set(conf, "group.id", group);
    rdkafka_set(conf, "enable.auto.commit", "false");
    rdkafka_set(conf, "auto.offset.reset", "latest");
    t->consumer = rdkafka_new(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(t->consumer);
    int count = partitions_of(t);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++) {
        int64_t low, high;
        rd_kafka_resp_err_t e =
            rd_kafka_query_watermark_offsets(t->consumer, t->topic, i, &low, &high, METADATA_MS);
        if (e) args_fail(rd_kafka_err2str(e));
        rd_kafka_topic_partition_list_add(list, t->topic, i)->offset = high;
    }
    rd_kafka_assign(t->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* The five or six words of before 4.2, as options; NULL when they are options already. */
static char **convert_words(int *argc, char **argv)
{
    static const char *const names[] = {"--bootstrap-server", "--topic",       "--num-records",
                                        "--producer-acks",    "--record-size", "--command-config"};
    for (int i = 1; i < *argc; i++)
        for (int k = 0; k < 5; k++)
            if (strcmp(argv[i], names[k]) == 0) return argv;
    if (*argc == 1 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "--version") == 0)
        return argv;
    if (*argc != 6 && *argc != 7) {
        fprintf(
            stderr,
            "Invalid number of arguments. Expected 5 or 6 positional arguments, but got %d. Usage: "
            "bootstrap-server topic num-records producer-acks record-size [optional] "
            "command-config\n",
            *argc - 1);
        exit(1);
    }
    printf(
        "WARNING: Positional argument usage is deprecated and will be removed in Apache Kafka 5.0. "
        "Please use named arguments instead: --bootstrap-server, --topic, --num-records, "
        "--producer-acks, --record-size, --command-config\n");
    char **words = calloc((size_t)*argc * 2, sizeof *words);
    if (!words) abort();
    int count = 0;
    words[count++] = argv[0];
    for (int i = 1; i < *argc; i++) {
        words[count++] = (char *)(uintptr_t)names[i - 1];
        words[count++] = argv[i];
    }
    *argc = count;
    return words;
}

static void check_options(const struct args *a)
{
    static const char *const sizes[] = {"record-size", "record-key-size", "record-header-key-size"};
    const char *acks = args_value(a, "producer-acks");
    char reason[128];
    if (strcmp(acks, "1") != 0 && strcmp(acks, "all") != 0)
        args_usage(a, "Invalid value for --producer-acks. Latency testing requires synchronous "
                      "acknowledgement. Please use '1' or 'all'.");
    if (args_number(a, "num-records", 0) <= 0)
        args_usage(a, "Value for --num-records must be a positive integer.");
    for (int i = 0; i < 3; i++) {
        if (args_number(a, sizes[i], 0) >= 0) continue;
        snprintf(reason, sizeof reason, "Value for --%s must be a non-negative integer.", sizes[i]);
        args_usage(a, reason);
    }
    if (args_number(a, "record-header-size", 0) < -1)
        args_usage(a,
                   "Value for --record-header-size must be a non-negative integer or -1 for null "
                   "header value.");
    if (args_number(a, "num-headers", 0) < 0)
        args_usage(a, "Value for --num-headers must be a non-negative integer.");
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void run(struct test *t, int64_t records)
{
    int64_t *latencies = calloc((size_t)records, sizeof *latencies), total_us = 0;
    char text[64];
    if (!latencies) abort();
    for (int64_t i = 0; i < records; i++) {
        fill(t, t->key, t->key_len);
        fill(t, t->value, t->value_len);
        int64_t begin_us = pace_now_us();
        send_one(t);
        receive_one(t);
        int64_t elapsed_us = pace_now_us() - begin_us;
        if (i % REPORT_EVERY == 0) {
            printf("%lld\t%s\n", (long long)i, pace_double_text((double)elapsed_us / 1000, text));
            fflush(stdout);
        }
        total_us += elapsed_us;
        latencies[i] = elapsed_us / 1000;
    }
    printf("Avg latency: %.4f ms\n", (double)total_us / (double)records / 1000);
    qsort(latencies, (size_t)records, sizeof *latencies, by_number);
    printf("Percentiles: 50th = %lld, 99th = %lld, 99.9th = %lld\n",
           (long long)latencies[(int64_t)((double)records * 0.5)],
           (long long)latencies[(int64_t)((double)records * 0.99)],
           (long long)latencies[(int64_t)((double)records * 0.999)]);
    free(latencies);
}

static char *space(size_t len)
{
    char *text = calloc(len + 1, 1);
    if (!text) abort();
    return text;
}

int tool_e2e_latency(int argc, char **argv)
{
    struct args a;
    argv = convert_words(&argc, argv);
    args_parse_jopt(
        &a,
        "This tool measures end-to-end latency in Kafka by sending messages and timing their "
        "reception.",
        options, argc, argv);
    check_options(&a);
    struct test t = {.topic = args_value(&a, "topic"),
                     .key_len = (size_t)args_number(&a, "record-key-size", 0),
                     .value_len = (size_t)args_number(&a, "record-size", 0),
                     .header_name_len = (size_t)args_number(&a, "record-header-key-size", 0),
                     .header_len = args_number(&a, "record-header-size", 0),
                     .headers = args_number(&a, "num-headers", 0)};
    t.key = space(t.key_len);
    t.value = space(t.value_len);
    t.header_name = space(t.header_name_len);
    t.header = space(t.header_len > 0 ? (size_t)t.header_len : 0);
    a.no_client = no_client;
    ensure_topic(&a, t.topic);
    rdkafka_catch_signals();
    open_producer(&t, &a);
    open_consumer(&t, &a);
    run(&t, args_number(&a, "num-records", 0));
    fflush(stdout);
    rd_kafka_destroy(t.producer);
    rd_kafka_destroy(t.consumer);
    return 0;
}
