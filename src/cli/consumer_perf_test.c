/* kafka-consumer-perf-test.sh: read so many records, and how fast. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/pace.h"
#include "cli/rdkafka.h"
#include "cli/tool.h"

enum { POLL_MS = 100, POLL_RECORDS_MAX = 500 };

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
     "How times are printed, with Java's letters y M d H m s S.", "yyyy-MM-dd HH:mm:ss:SSS"},
    {"hide-header", 0, OPTION_FLAG, false, false, NULL, "No line of titles."},
    {0},
};

struct test {
    rd_kafka_t *handle;
    const char *date_format;
    int64_t records, timeout_ms, interval_ms;
    bool detailed;
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

/* SimpleDateFormat, its numbers only; text in quotes stands for itself. */
static void print_time(const char *format, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm t;
    localtime_r(&seconds, &t);
    for (const char *at = format; *at;) {
        int run = 1;
        while (at[run] == *at) run++;
        switch (*at) {
        case 'y': printf("%0*d", run, run == 2 ? t.tm_year % 100 : t.tm_year + 1900); break;
        case 'M': printf("%0*d", run, t.tm_mon + 1); break;
        case 'd': printf("%0*d", run, t.tm_mday); break;
        case 'H': printf("%0*d", run, t.tm_hour); break;
        case 'm': printf("%0*d", run, t.tm_min); break;
        case 's': printf("%0*d", run, t.tm_sec); break;
        case 'S': printf("%0*d", run, (int)(ms % 1000)); break;
        case '\'':
            run = 1;
            while (at[run] && at[run] != '\'') putchar(at[run++]);
            run += at[run] == '\'';
            break;
        default: printf("%.*s", run, at);
        }
        at += run;
    }
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
    print_time(t->date_format, to_ms);
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
    print_time(t->date_format, start_ms);
    printf(", ");
    print_time(t->date_format, end_ms);
    printf(", %.4f, %.4f, %lld, %.4f, %lld, %lld, %.4f, %.4f\n", mb, mb / seconds,
           (long long)t->read, (double)t->read / seconds, (long long)t->join_ms,
           (long long)fetch_ms, mb / ((double)fetch_ms / 1000.0),
           (double)t->read / ((double)fetch_ms / 1000.0));
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
    rdkafka_take_assignment(rk, assigned, list);
}

static void subscribe(struct test *t, const struct args *a)
{
    const char *pattern = args_value(a, "include");
    char regex[1024];
    snprintf(regex, sizeof regex, "^(%s)$", pattern ? pattern : "");
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, pattern ? regex : args_value(a, "topic"),
                                      RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t e = rd_kafka_subscribe(t->handle, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (!e) return;
    fprintf(stderr, "%s\n", rd_kafka_err2str(e));
    exit(1);
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
    rd_kafka_message_t *messages[POLL_RECORDS_MAX];
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(t->handle);
    int64_t now_ms = pace_wall_ms(), report_ms = now_ms, last_ms = now_ms;
    while (t->read < t->records && now_ms - last_ms <= t->timeout_ms && !rdkafka_signal()) {
        rd_kafka_message_t *first = rd_kafka_consumer_poll(t->handle, POLL_MS);
        ssize_t more = 0;
        messages[0] = first;
        if (first)
            more = rd_kafka_consume_batch_queue(queue, 0, messages + 1, POLL_RECORDS_MAX - 1);
        now_ms = pace_wall_ms();
        if (first) last_ms = now_ms;
        for (ssize_t i = 0; first && i < 1 + (more > 0 ? more : 0); i++) {
            count_one(t, messages[i], now_ms, &report_ms);
            rd_kafka_message_destroy(messages[i]);
        }
    }
    rd_kafka_queue_destroy(queue);
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

static rd_kafka_conf_t *configure(const struct args *a, struct test *t)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char group[64], text[32];
    snprintf(group, sizeof group, "perf-consumer-%lld", (long long)(pace_now_us() % 100000));
    rdkafka_consumer_defaults(conf);
    rdkafka_set(conf, "client.id", "perf-consumer-client");
    const char *file =
        args_value(a, args_has(a, "consumer.config") ? "consumer.config" : "command-config");
    if (file && !rdkafka_set_file(conf, file)) {
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
        rdkafka_set_java(conf, name, equals ? equals + 1 : "");
    }
    rdkafka_set(conf, "bootstrap.servers", args_value(a, "bootstrap-server"));
    rdkafka_set(conf, "group.id", args_has(a, "group") ? args_value(a, "group") : group);
    snprintf(text, sizeof text, "%lld", (long long)number(a, "socket-buffer-size"));
    rdkafka_set(conf, "socket.receive.buffer.bytes", text);
    snprintf(text, sizeof text, "%lld", (long long)number(a, "fetch-size"));
    rdkafka_set(conf, "max.partition.fetch.bytes", text);
    rdkafka_set(conf, "auto.offset.reset", args_has(a, "from-latest") ? "latest" : "earliest");
    rdkafka_set(conf, "check.crcs", "false");
    rdkafka_set(conf, "queued.min.messages", "1000000");
    rd_kafka_conf_set_rebalance_cb(conf, rebalance);
    rd_kafka_conf_set_opaque(conf, t);
    return conf;
}

int tool_consumer_perf_test(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(&a, "This tool is used to verify the consumer performance.", options, argc,
                    argv);
    check_options(&a);
    struct test t = {.date_format = args_value(&a, "date-format"),
                     .detailed = args_has(&a, "show-detailed-stats")};
    if (!args_has(&a, "hide-header")) print_header(t.detailed);
    t.handle = rdkafka_new(RD_KAFKA_CONSUMER, configure(&a, &t));
    t.records = number(&a, args_has(&a, "messages") ? "messages" : "num-records");
    t.timeout_ms = number(&a, "timeout");
    t.interval_ms = number(&a, "reporting-interval");
    if (t.interval_ms <= 0) {
        fflush(stdout);
        fprintf(stderr, "Reporting interval must be greater than 0.\n");
        return 1;
    }
    rdkafka_catch_signals();
    rd_kafka_poll_set_consumer(t.handle);
    int64_t start_ms = pace_wall_ms();
    t.join_start_ms = start_ms;
    subscribe(&t, &a);
    consume(&t);
    if (!t.detailed) print_summary(&t, start_ms, pace_wall_ms());
    if (args_has(&a, "print-metrics")) {
        printf("\n%-60s %s\n", "Metric Name", "Value");
        printf("%-60s : %lld\n", "consumer-fetch-manager-metrics:records-consumed-total",
               (long long)t.read);
        printf("%-60s : %lld\n", "consumer-fetch-manager-metrics:bytes-consumed-total",
               (long long)t.bytes);
    }
    fflush(stdout);
    rd_kafka_consumer_close(t.handle);
    rd_kafka_destroy(t.handle);
    return rdkafka_signal() ? 128 + rdkafka_signal() : 0;
}
