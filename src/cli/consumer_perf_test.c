/* kafka-consumer-perf-test.sh: read so many records, and how fast. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broker/metadata_view.h"
#include "cli/client.h"
#include "cli/date_format.h"
#include "cli/pace.h"
#include "cli/perf_stats.h"
#include "cli/rdkafka.h"
#include "cli/subscription.h"
#include "cli/tool.h"

enum { TIMEOUT_MS = 10000, POLL_MS = 100 };

#define MB (1024.0 * 1024.0)

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, true, false, "String: server to connect to",
     "REQUIRED: the brokers to connect to first."},
    {"topic", 0, OPTION_VALUE, false, false, "String: topic", "The topic to read."},
    {"include", 0, OPTION_VALUE, false, false, "String: regex", "Topics, as a regular expression."},
    {"group", 0, OPTION_VALUE, false, false, "String: gid", "The group; a random one without it."},
    {"fetch-size", 0, OPTION_VALUE, false, false, "Integer: size",
     "Most bytes of one partition in a fetch.", "1048576"},
    {"command-property", 0, OPTION_VALUE, false, true, "String: prop1=val1",
     "A property of the client; it outranks its file's."},
    {"from-latest", 0, OPTION_FLAG, false, false, NULL,
     "Where nothing is committed, begin at the end and not at the beginning."},
    {"socket-buffer-size", 0, OPTION_VALUE, false, false, "Integer: size", "SO_RCVBUF.", "2097152"},
    {"consumer.config", 0, OPTION_VALUE, false, false, "String: config file",
     "Former name of --command-config."},
    {"command-config", 0, OPTION_VALUE, false, false, "String: config file",
     "File with properties of the client."},
    {"print-metrics", 0, OPTION_FLAG, false, false, NULL,
     "Print the client's counters at the end."},
    {"show-detailed-stats", 0, OPTION_FLAG, false, false, NULL,
     "A line for each interval, and no summary."},
    {"timeout", 0, OPTION_OPTIONAL, false, false, "Long: milliseconds",
     "End when no record has come for so long.", "10000"},
    {"messages", 0, OPTION_VALUE, false, false, "Long: count", "Former name of --num-records."},
    {"num-records", 0, OPTION_VALUE, false, false, "Long: count", "REQUIRED: how many."},
    {"reporting-interval", 0, OPTION_VALUE, false, false, "Long: interval_ms",
     "Milliseconds between lines of detail.", "5000"},
    {"date-format", 0, OPTION_VALUE, false, false, "String: date format",
     "How times are printed, with the letters of Java's SimpleDateFormat.",
     "yyyy-MM-dd HH:mm:ss:SSS"},
    {"hide-header", 0, OPTION_FLAG, false, false, NULL, "No line of titles."},
    {0},
};

struct test {
    rd_kafka_t *handle;
    struct subscription *by_pattern; /* NULL: of one topic */
    const char *date_format;
    int64_t records, timeout_ms, interval_ms;
    int32_t poll_records;
    bool detailed, from_latest;
    int64_t read, bytes, last_read, last_bytes; /* until now, and until the last report */
    int32_t assigned;
    int64_t join_start_ms, join_ms, join_ms_in_interval;
};

/* A number, or Kafka's complaint without the options: it is read late there. */
static int64_t number(const struct args *a, const char *name)
{
    const char *text = args_value(a, name);
    char *end;
    long long value = strtoll(text, &end, 10);
    if (*text && !*end) return value;
    fflush(stdout);
    fprintf(stderr, "Cannot parse argument '%s' of option %s\n", text, name);
    exit(1);
}

/* As Java prints it. */
static void print_decimal(double number)
{
    if (isinf(number))
        printf(", %sInfinity", number < 0 ? "-" : "");
    else if (isnan(number))
        printf(", NaN");
    else
        printf(", %.4f", number);
}

static void print_header(bool detailed)
{
    printf("%s, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, "
           "fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n",
           detailed ? "time, threadId" : "start.time, end.time");
}

static void print_interval(const struct test *t, int64_t from_ms, int64_t to_ms)
{
    double elapsed_ms = (double)(to_ms - from_ms);
    int64_t fetch_ms = to_ms - from_ms - t->join_ms_in_interval, records = t->read - t->last_read;
    double mb = (double)(t->bytes - t->last_bytes) / MB;
    date_format_print(t->date_format, to_ms);
    printf(", 0, %.4f, %.4f, %lld, %.4f, %lld, %lld, %.4f, %.4f\n", (double)t->bytes / MB,
           1000.0 * mb / elapsed_ms, (long long)t->read, (double)records / elapsed_ms * 1000.0,
           (long long)t->join_ms_in_interval, (long long)fetch_ms,
           fetch_ms <= 0 ? 0.0 : 1000.0 * mb / (double)fetch_ms,
           fetch_ms <= 0 ? 0.0 : 1000.0 * (double)records / (double)fetch_ms);
    fflush(stdout);
}

static void print_summary(const struct test *t, int64_t start_ms, int64_t end_ms)
{
    double seconds = (double)(end_ms - start_ms) / 1000.0, mb = (double)t->bytes / MB;
    int64_t fetch_ms = end_ms - start_ms - t->join_ms;
    date_format_print(t->date_format, start_ms);
    printf(", ");
    date_format_print(t->date_format, end_ms);
    print_decimal(mb);
    print_decimal(mb / seconds);
    printf(", %lld", (long long)t->read);
    print_decimal((double)t->read / seconds);
    printf(", %lld, %lld", (long long)t->join_ms, (long long)fetch_ms);
    print_decimal(mb / ((double)fetch_ms / 1000.0));
    print_decimal((double)t->read / ((double)fetch_ms / 1000.0));
    printf("\n");
}

/* ---- the group */

static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t e, rd_kafka_topic_partition_list_t *list,
                      void *opaque)
{
    struct test *t = opaque;
    bool assigned = e == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    if (assigned && t->assigned == 0) {
        int64_t elapsed_ms = pace_wall_ms() - t->join_start_ms;
        t->join_ms += elapsed_ms;
        t->join_ms_in_interval += elapsed_ms;
    }
    t->assigned += assigned ? list->cnt : -list->cnt;
    if (!assigned && t->assigned <= 0) t->join_start_ms = pace_wall_ms();
    if (assigned)
        rdkafka_begin_at(rk, list,
                         t->from_latest ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING);
    rdkafka_take_assignment(rk, assigned, list);
}

static void check(rd_kafka_resp_err_t e)
{
    if (e) args_fail(rd_kafka_err2str(e));
}

static void subscribe_to_pattern(struct test *t, const char *pattern)
{
    static struct subscription s; /* for as long as the process */
    char why[JAVA_PATTERN_WHY_MAX];
    if (!subscription_init(&s, t->handle, pattern, false, why)) args_fail(why);
    t->by_pattern = &s;
    check(subscription_look(&s, client_now_ms()));
}

static void subscribe(struct test *t, const struct args *a)
{
    if (args_has(a, "include")) {
        subscribe_to_pattern(t, args_value(a, "include"));
        return;
    }
    const char *topic = args_value(a, "topic");
    struct arena arena;
    if (!topic[strspn(topic, " ")])
        args_fail("Topic collection to subscribe to cannot contain null or empty topic");
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
    arena_init(&arena, 0);
    /* librdkafka would wait for a topic of that name */
    if (!str_is_null(view_topic_name_fault(str_of(topic), &arena)))
        args_fail(arena_printf(&arena, "Invalid topics: [%s]", topic).data);
    arena_free(&arena);
    check(rd_kafka_subscribe(t->handle, topics));
    rd_kafka_topic_partition_list_destroy(topics);
}

/* ---- the loop */

static void count_one(struct test *t, const rd_kafka_message_t *m, int64_t now_ms,
                      int64_t *report_ms)
{
    if (m->err) {
        if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            rdkafka_log_line("WARN", "org.apache.kafka.tools.ConsumerPerformance", "%s",
                             rd_kafka_message_errstr(m));
        return;
    }
    t->read++;
    t->bytes += (int64_t)(m->key_len + m->len);
    if (now_ms - *report_ms < t->interval_ms) return;
    if (t->detailed) print_interval(t, *report_ms, now_ms);
    t->join_ms_in_interval = 0;
    *report_ms = now_ms;
    t->last_read = t->read;
    t->last_bytes = t->bytes;
}

static void consume(struct test *t)
{
    rd_kafka_message_t **messages = calloc((size_t)t->poll_records, sizeof *messages);
    if (!messages) abort();
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(t->handle);
    int64_t now_ms = pace_wall_ms(), report_ms = now_ms, last_ms = now_ms;
    while (t->read < t->records && now_ms - last_ms <= t->timeout_ms && !rdkafka_signal()) {
        if (t->by_pattern) check(subscription_look(t->by_pattern, client_now_ms()));
        rd_kafka_message_t *first = rd_kafka_consumer_poll(t->handle, POLL_MS);
        ssize_t more = 0;
        messages[0] = first;
        if (first && t->poll_records > 1)
            more =
                rd_kafka_consume_batch_queue(queue, 0, messages + 1, (size_t)t->poll_records - 1);
        now_ms = pace_wall_ms();
        if (first) last_ms = now_ms;
        for (ssize_t i = 0; first && i < 1 + (more > 0 ? more : 0); i++) {
            count_one(t, messages[i], now_ms, &report_ms);
            rd_kafka_message_destroy(messages[i]);
        }
    }
    rd_kafka_queue_destroy(queue);
    free(messages);
    if (t->read < t->records)
        printf(
            "WARNING: Exiting before consuming the expected number of records: timeout (%lld ms) "
            "exceeded. You can use the --timeout option to increase the timeout.\n",
            (long long)t->timeout_ms);
}

/* ---- options */

static void check_options(const struct args *a)
{
    if (args_has(a, "topic") + args_has(a, "include") != 1)
        args_usage(a, "Exactly one of the following arguments is required: [topic], [include]");
    if (args_has(a, "messages") + args_has(a, "num-records") != 1)
        args_usage(a,
                   "Exactly one of the following arguments is required: [messages], [num-records]");
    args_exclude(a, "consumer.config", "command-config");
    if (args_has(a, "messages"))
        printf("Warning: --messages is deprecated. Use --num-records instead.\n");
    if (args_has(a, "consumer.config"))
        printf("Warning: --consumer.config is deprecated. Use --command-config instead.\n");
}

/* The option's number; what is none is not taken for its value. */
static int64_t timeout_of(const struct args *a)
{
    const char *text = args_value(a, "timeout");
    char *end;
    errno = 0;
    int64_t ms = text ? strtoll(text, &end, 10) : TIMEOUT_MS;
    return text && (end == text || *end || errno) ? TIMEOUT_MS : ms;
}

static void check_protocol(const struct args *a, const char *text)
{
    const char *why = strcasecmp(text, "consumer") == 0
                          ? rdkafka_no_consumer_protocol(a, args_value(a, "bootstrap-server"))
                          : NULL;
    if (why) args_fail(why);
}

static rd_kafka_conf_t *configure(const struct args *a, struct test *t)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char group[64], text[32];
    snprintf(group, sizeof group, "perf-consumer-%lld", (long long)(pace_now_us() % 100000));
    rdkafka_consumer_defaults(conf);
    rdkafka_set(conf, "client.id", "perf-consumer-client");
    const char *file =
        args_value(a, args_has(a, "consumer.config") ? "consumer.config" : "command-config");
    if (file && !rdkafka_set_file(conf, file, NULL)) {
        fflush(stdout);
        fprintf(stderr, "%s\n", file);
        exit(1);
    }
    const char *pair;
    for (int32_t i = 0; (pair = args_value_at(a, "command-property", i)); i++) {
        const char *equals = strchr(pair, '=');
        size_t len = equals ? (size_t)(equals - pair) : strlen(pair);
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)len, pair);
        if (strcmp(name, "group.protocol") == 0) check_protocol(a, equals ? equals + 1 : "");
        rdkafka_set_java(conf, name, equals ? equals + 1 : "");
    }
    rdkafka_set(conf, "bootstrap.servers", args_value(a, "bootstrap-server"));
    rdkafka_set(conf, "group.id", args_has(a, "group") ? args_value(a, "group") : group);
    t->poll_records = rdkafka_poll_records(a, "command-property", file);
    snprintf(text, sizeof text, "%lld", (long long)number(a, "socket-buffer-size"));
    rdkafka_set_java(conf, "receive.buffer.bytes", text);
    snprintf(text, sizeof text, "%lld", (long long)number(a, "fetch-size"));
    rdkafka_set_java(conf, "max.partition.fetch.bytes", text);
    rdkafka_set(conf, "auto.offset.reset", args_has(a, "from-latest") ? "latest" : "earliest");
    rdkafka_set(conf, "check.crcs", "false");
    rdkafka_set(conf, "queued.min.messages", "1000000");
    rd_kafka_conf_set_rebalance_cb(conf, rebalance);
    rd_kafka_conf_set_opaque(conf, t);
    return conf;
}

static void print_metrics(const struct test *t, const char *topic)
{
    static const char name[] = "consumer-fetch-manager-metrics:records-consumed-total";
    char client[256] = "", texts[2][1024];
    size_t size = sizeof client;
    struct perf_metric metrics[2];
    int count = 0;
    rd_kafka_conf_get(rd_kafka_conf(t->handle), "client.id", client, &size);
    snprintf(texts[0], sizeof texts[0], "%s:{client-id=%s, topic=%s}", name, client,
             topic ? topic : "");
    snprintf(texts[1], sizeof texts[1], "%s:{client-id=%s}", name, client);
    if (topic) metrics[count++] = (struct perf_metric){texts[0], t->read};
    metrics[count++] = (struct perf_metric){texts[1], t->read};
    perf_metrics_print(metrics, count);
}

int tool_consumer_perf_test(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(&a, "This tool is used to verify the consumer performance.", options, argc,
                    argv);
    check_options(&a);
    struct test t = {.date_format = args_value(&a, "date-format"),
                     .detailed = args_has(&a, "show-detailed-stats"),
                     .from_latest = args_has(&a, "from-latest")};
    if (!args_has(&a, "hide-header")) print_header(t.detailed);
    t.handle = rdkafka_new(RD_KAFKA_CONSUMER, configure(&a, &t));
    t.records = number(&a, args_has(&a, "messages") ? "messages" : "num-records");
    t.timeout_ms = timeout_of(&a);
    t.interval_ms = number(&a, "reporting-interval");
    if (t.interval_ms <= 0) {
        fflush(stdout);
        fprintf(stderr, "Reporting interval must be greater than 0.\n");
        return 1;
    }
    char reason[64];
    const char *wrong = date_format_wrong(t.date_format, reason);
    if (wrong) args_fail(wrong);
    rdkafka_catch_signals();
    rd_kafka_poll_set_consumer(t.handle);
    int64_t start_ms = pace_wall_ms();
    t.join_start_ms = start_ms;
    subscribe(&t, &a);
    consume(&t);
    if (!t.detailed) print_summary(&t, start_ms, pace_wall_ms());
    if (args_has(&a, "print-metrics")) print_metrics(&t, args_value(&a, "topic"));
    fflush(stdout);
    rd_kafka_consumer_close(t.handle);
    rd_kafka_destroy(t.handle);
    return rdkafka_signal() ? 128 + rdkafka_signal() : 0;
}
