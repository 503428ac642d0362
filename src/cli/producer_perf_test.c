/* kafka-producer-perf-test.sh: so many records at such a rate, and how long they took. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/uuid.h"
#include "cli/pace.h"
#include "cli/perf_stats.h"
#include "cli/rdkafka.h"
#include "cli/tool.h"
#include "config/properties.h"
#include "env/os/os.h"

enum {
    FLUSH_MS = 600000,
    POLL_MS = 100,
    POLL_EVERY = 64, /* records between looks at what has come back, at full speed */
    TRANSACTION_MS = 60000,
    TRANSACTION_DURATION_MS = 3000,
};

static const char program[] = "kafka-producer-perf-test";
static const char description[] = "This tool is used to verify the producer performance. "
                                  "Transactions are on when a transactional id "
                                  "or --transaction-duration-ms is given.";

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, false, false, "BOOTSTRAP-SERVER",
     "Brokers to connect to first."},
    {"topic", 0, OPTION_VALUE, false, false, "TOPIC", "REQUIRED: the topic to write to."},
    {"num-records", 0, OPTION_VALUE, false, false, "NUM-RECORDS", "REQUIRED: how many."},
    {"payload-delimiter", 0, OPTION_VALUE, false, false, "PAYLOAD-DELIMITER",
     "What stands between the payloads of the file.", "\\n"},
    {"throughput", 0, OPTION_VALUE, true, false, "THROUGHPUT",
     "About so many records a second; -1: as fast as it goes."},
    {"producer-props", 0, OPTION_MANY, false, true, "PROP-NAME=PROP-VALUE",
     "Former name of --command-property."},
    {"command-property", 0, OPTION_MANY, false, true, "PROP-NAME=PROP-VALUE",
     "Properties of the client; they outrank its file's."},
    {"producer.config", 0, OPTION_VALUE, false, false, "CONFIG-FILE",
     "Former name of --command-config."},
    {"command-config", 0, OPTION_VALUE, false, false, "CONFIG-FILE",
     "File with properties of the client."},
    {"print-metrics", 0, OPTION_FLAG, false, false, NULL,
     "Print the client's counters at the end."},
    {"transactional-id", 0, OPTION_VALUE, false, false, "TRANSACTIONAL-ID",
     "The transactional id."},
    {"transaction-duration-ms", 0, OPTION_VALUE, false, false, "TRANSACTION-DURATION",
     "A transaction is committed after so long; 3000 when there is an id and nothing is said."},
    {"warmup-records", 0, OPTION_VALUE, false, false, "WARMUP-RECORDS",
     "So many first records stand in a summary of their own.", "0"},
    {"reporting-interval", 0, OPTION_VALUE, false, false, "INTERVAL-MS",
     "Between lines of progress.", "5000"},
    {"record-size", 0, OPTION_VALUE, false, false, "RECORD-SIZE", "Bytes of a random payload."},
    {"payload-file", 0, OPTION_VALUE, false, false, "PAYLOAD-FILE", "A file of payloads."},
    {"payload-monotonic", 0, OPTION_FLAG, false, false, NULL, "Numbers as payloads."},
    {0},
};

struct payloads {
    const char **items;
    size_t *lengths;
    int64_t count;
};

struct test {
    rd_kafka_t *handle;
    rd_kafka_topic_t *topic;
    int64_t records, warmup, interval_ms;
    struct pace pace;
    char *random; /* of --record-size */
    size_t random_len;
    struct payloads payloads; /* of --payload-file */
    uint64_t seed;
    int64_t transaction_ms;       /* 0: no transactions */
    int64_t transaction_start_ms; /* 0: none begun */
    struct perf_stats stats, steady;
    bool has_steady;
    int64_t failed;
};

/* xorshift64*: it only has to look random to a codec. */
static uint64_t next_random(struct test *t)
{
    t->seed ^= t->seed >> 12;
    t->seed ^= t->seed << 25;
    t->seed ^= t->seed >> 27;
    return t->seed * 2685821657736338717u;
}

static void fill_random(struct test *t)
{
    for (size_t i = 0; i < t->random_len;) {
        uint64_t bits = next_random(t);
        for (int k = 0; k < 8 && i < t->random_len; k++, bits >>= 8)
            t->random[i++] = (char)('A' + ((bits & 255) * 26 >> 8));
    }
}

/* ---- what comes back */

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct test *t = opaque;
    (void)rk;
    if (m->err) {
        t->failed++;
        fprintf(stderr, "%s: %s\n", rdkafka_exception(m->err), rd_kafka_err2str(m->err));
        return;
    }
    int64_t now_ms = pace_wall_ms(), mark = (int64_t)(intptr_t)m->_private;
    int32_t latency_ms = (int32_t)(now_ms - mark / 2);
    perf_stats_record(&t->stats, latency_ms, (int64_t)m->len, now_ms);
    if (mark % 2) perf_stats_record(&t->steady, latency_ms, (int64_t)m->len, now_ms);
}

/* ---- transactions */

static void check_transaction(rd_kafka_error_t *error)
{
    if (!error) return;
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", rdkafka_exception(rd_kafka_error_code(error)),
            rd_kafka_error_string(error));
    exit(1);
}

static void commit(struct test *t)
{
    check_transaction(rd_kafka_commit_transaction(t->handle, TRANSACTION_MS));
    t->transaction_start_ms = 0;
}

/* ---- sending */

/* The record carries its time, and in the lowest bit whether it comes after the warm-up. */
static void send_one(struct test *t, int64_t i, int64_t now_ms)
{
    char number[24];
    void *mark = (void *)(intptr_t)(now_ms * 2 + t->has_steady);
    const void *payload = t->random;
    size_t len = t->random_len;
    if (t->random) {
        fill_random(t);
    } else if (t->payloads.count) {
        size_t at = (size_t)(next_random(t) % (uint64_t)t->payloads.count);
        payload = t->payloads.items[at];
        len = t->payloads.lengths[at];
    } else {
        len = (size_t)snprintf(number, sizeof number, "%lld", (long long)i);
        payload = number;
    }
    while (rd_kafka_produce(t->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                            (void *)(uintptr_t)payload, len, NULL, 0, mark)) {
        rd_kafka_resp_err_t e = rd_kafka_last_error();
        if (e != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            t->failed++;
            fprintf(stderr, "%s: %s\n", rdkafka_exception(e), rd_kafka_err2str(e));
            return;
        }
        rd_kafka_poll(t->handle, POLL_MS);
    }
}

static void run(struct test *t)
{
    t->pace.start_us = pace_now_us();
    for (int64_t i = 0; i < t->records && !rdkafka_signal(); i++) {
        int64_t now_ms = pace_wall_ms();
        if (t->transaction_ms && !t->transaction_start_ms) {
            check_transaction(rd_kafka_begin_transaction(t->handle));
            t->transaction_start_ms = now_ms;
        }
        if (t->warmup && i == t->warmup) {
            perf_stats_init(&t->steady, t->records - t->warmup, t->interval_ms, true, now_ms);
            t->has_steady = true;
            t->stats.silent = true;
        }
        send_one(t, i, now_ms);
        if (t->transaction_ms && now_ms - t->transaction_start_ms >= t->transaction_ms) commit(t);
        if (t->pace.rate >= 0 || i % POLL_EVERY == 0) rd_kafka_poll(t->handle, 0);
        for (int32_t wait;
             !rdkafka_signal() && (wait = pace_wait_ms(&t->pace, i + 1, pace_now_us()));)
            rd_kafka_poll(t->handle, wait < POLL_MS ? wait : POLL_MS);
    }
    if (t->transaction_start_ms) commit(t);
    rd_kafka_flush(t->handle, FLUSH_MS);
}

/* ---- options */

/* A payload of a text that is not UTF-8 is sent as it stands. */
static void read_payloads(struct test *t, const struct args *a)
{
    const char *path = args_value(a, "payload-file"),
               *delimiter = args_value(a, "payload-delimiter");
    char real[PATH_MAX];
    long size = 0;
    if (strcmp(delimiter, "\\n") == 0) delimiter = "\n";
    printf("Reading payloads from: %s\n", realpath(path, real) ? real : path);
    char *text = tool_read_file(path, &size);
    if (!text || !size) {
        fflush(stdout);
        fprintf(stderr, "java.lang.IllegalArgumentException: File does not exist or empty file "
                        "provided.\n");
        exit(1);
    }
    size_t step = strlen(delimiter);
    if (!step) step = 1;
    t->payloads.items = calloc((size_t)size + 1, sizeof *t->payloads.items);
    t->payloads.lengths = calloc((size_t)size + 1, sizeof *t->payloads.lengths);
    if (!t->payloads.items || !t->payloads.lengths) abort();
    for (char *at = text; at && at < text + size;) {
        char *end = *delimiter ? strstr(at, delimiter) : at + 1;
        t->payloads.items[t->payloads.count] = at;
        t->payloads.lengths[t->payloads.count++] = end ? (size_t)(end - at) : strlen(at);
        at = end && *delimiter ? end + step : end;
    }
    printf("Number of records read: %lld\n", (long long)t->payloads.count);
}

static void check_numbers(const struct args *a)
{
    if (args_number(a, "num-records", 0) <= 0)
        args_error(a, "--num-records should be greater than zero.");
    if (args_number(a, "warmup-records", 0) >= args_number(a, "num-records", 0))
        args_error(
            a, "The value for --warmup-records must be strictly fewer than the number of records "
               "in the test, --num-records.");
    if (args_has(a, "record-size") && args_integer(a, "record-size", 0) <= 0)
        args_error(a, "--record-size should be greater than zero.");
    if (!args_has(a, "bootstrap-server") && !args_has(a, "command-property") &&
        !args_has(a, "producer-props") && !args_has(a, "producer.config") &&
        !args_has(a, "command-config"))
        args_error(a, "At least one of --bootstrap-server, --command-property, --producer-props, "
                      "--producer.config or --command-config must be specified.");
    if (args_has(a, "command-property") && args_has(a, "producer-props"))
        args_error(a, "--command-property and --producer-props cannot be specified together.");
    if (args_has(a, "command-config") && args_has(a, "producer.config"))
        args_error(a, "--command-config and --producer.config cannot be specified together.");
    if (args_has(a, "transaction-duration-ms") && args_number(a, "transaction-duration-ms", 0) <= 0)
        args_error(a, "--transaction-duration-ms should be greater than zero.");
    if (args_number(a, "reporting-interval", 0) <= 0)
        args_error(a, "--reporting-interval should be greater than zero.");
}

static double rate_of(const struct args *a)
{
    const char *text = args_value(a, "throughput");
    char *end;
    double rate = strtod(text, &end);
    if (!*text || *end)
        args_error(a,
                   "argument --throughput: could not convert '%s' to Double (For input string: "
                   "\"%s\")",
                   text, text);
    return rate;
}

static void set_pairs(rd_kafka_conf_t *conf, const struct args *a, const char *option)
{
    const char *text;
    for (int32_t i = 0; (text = args_value_at(a, option, i)); i++) {
        const char *equals = strchr(text, '=');
        char name[256];
        if (!equals || !equals[1] || strchr(equals + 1, '=')) {
            fprintf(stderr, "java.lang.IllegalArgumentException: Invalid property: %s\n", text);
            exit(1);
        }
        snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
        rdkafka_set_java(conf, name, equals + 1);
    }
}

/* Whether there are transactions, and under which id. */
static void set_transactions(rd_kafka_conf_t *conf, const struct args *a, struct test *t)
{
    char id[256] = "";
    size_t size = sizeof id;
    struct os_env os;
    rd_kafka_conf_get(conf, "transactional.id", id, &size);
    if (args_has(a, "transactional-id"))
        snprintf(id, sizeof id, "%s", args_value(a, "transactional-id"));
    if (!*id && !args_has(a, "transaction-duration-ms")) return;
    if (!*id && !os_env_init(&os))
        snprintf(id, sizeof id, "performance-producer-%s", uuid_text(rng_uuid(os.env.rng)).z);
    rdkafka_set(conf, "transactional.id", id);
    char delivery[32], whole[32];
    size_t delivery_len = sizeof delivery, whole_len = sizeof whole;
    bool known =
        rd_kafka_conf_get(conf, "message.timeout.ms", delivery, &delivery_len) ==
            RD_KAFKA_CONF_OK &&
        rd_kafka_conf_get(conf, "transaction.timeout.ms", whole, &whole_len) == RD_KAFKA_CONF_OK;
    /* librdkafka refuses to wait longer for a record than for its transaction; Kafka's does not */
    if (known && atoll(delivery) > atoll(whole)) rdkafka_set(conf, "message.timeout.ms", whole);
    t->transaction_ms = args_number(a, "transaction-duration-ms", TRANSACTION_DURATION_MS);
}

static rd_kafka_conf_t *configure(const struct args *a, struct test *t)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rdkafka_producer_defaults(conf);
    rdkafka_set(conf, "client.id", "perf-producer-client");
    const char *file = args_value(a, "command-config"), *old = args_value(a, "producer.config");
    if (args_has(a, "producer-props"))
        printf("Option --producer-props has been deprecated and will be removed in a future "
               "version. Use "
               "--command-property instead.\n");
    if (old)
        printf(
            "Option --producer.config has been deprecated and will be removed in a future version. "
            "Use --command-config instead.\n");
    if (old) file = old;
    if (file && !rdkafka_set_file(conf, file, NULL)) {
        fprintf(stderr, "%s: %s\n", file, strerror(errno));
        exit(1);
    }
    set_pairs(conf, a, "producer-props");
    set_pairs(conf, a, "command-property");
    if (args_has(a, "bootstrap-server"))
        rdkafka_set(conf, "bootstrap.servers", args_value(a, "bootstrap-server"));
    set_transactions(conf, a, t);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, t);
    return conf;
}

/* Those of Java's metrics that mean the same here. */
static void print_metrics(const struct test *t, const char *topic)
{
    static const char *const names[] = {"record-error-total", "record-send-total"};
    int64_t values[] = {t->failed, t->stats.count + t->failed};
    char client[256] = "", texts[4][1024];
    size_t size = sizeof client;
    struct perf_metric metrics[4];
    rd_kafka_conf_get(rd_kafka_conf(t->handle), "client.id", client, &size);
    for (int i = 0; i < 2; i++) {
        snprintf(texts[i], sizeof texts[i], "producer-metrics:%s:{client-id=%s}", names[i], client);
        snprintf(texts[2 + i], sizeof texts[i],
                 "producer-topic-metrics:%s:{client-id=%s, topic=%s}", names[i], client, topic);
        metrics[i] = (struct perf_metric){texts[i], values[i]};
        metrics[2 + i] = (struct perf_metric){texts[2 + i], values[i]};
    }
    perf_metrics_print(metrics, 4);
}

/* librdkafka would look for the coordinator for as long as it may. */
static void check_coordinator(const struct test *t, const struct args *a)
{
    const rd_kafka_conf_t *conf = rd_kafka_conf(t->handle);
    char servers[4096] = "", id[256] = "", why[512];
    size_t servers_len = sizeof servers, id_len = sizeof id;
    rd_kafka_conf_get(conf, "bootstrap.servers", servers, &servers_len);
    rd_kafka_conf_get(conf, "transactional.id", id, &id_len);
    if (rdkafka_no_transactions(a, servers, id, why)) args_fail(why);
}

int tool_producer_perf_test(int argc, char **argv)
{
    struct args a;
    struct test t = {.seed = 88172645463325252u};
    if (argc == 1) args_print_help(program, description, options);
    args_parse_argparse(&a, ARGS_HELP_FAILS, program, description, options, argc, argv);
    t.pace.rate = rate_of(&a);
    if (!args_has(&a, "num-records")) args_error(&a, "argument --num-records is required");
    if (!args_has(&a, "topic")) args_error(&a, "argument --topic is required");
    ARGS_ONE_OF(&a, true, "record-size", "payload-file", "payload-monotonic");
    check_numbers(&a);
    t.records = args_number(&a, "num-records", 0);
    t.warmup = args_number(&a, "warmup-records", 0) > 0 ? args_number(&a, "warmup-records", 0) : 0;
    t.interval_ms = args_number(&a, "reporting-interval", 0);
    if (args_has(&a, "payload-file")) read_payloads(&t, &a);
    if (args_has(&a, "record-size")) {
        t.random_len = (size_t)args_integer(&a, "record-size", 0);
        t.random = calloc(t.random_len, 1);
        if (!t.random) abort();
    }
    t.handle = rdkafka_new(RD_KAFKA_PRODUCER, configure(&a, &t));
    t.topic = rd_kafka_topic_new(t.handle, args_value(&a, "topic"), NULL);
    rdkafka_catch_signals();
    if (t.transaction_ms) {
        check_coordinator(&t, &a);
        check_transaction(rd_kafka_init_transactions(t.handle, TRANSACTION_MS));
    }
    if (t.warmup)
        printf("Warmup first %lld records. Steady state results will print after the complete test "
               "summary.\n",
               (long long)t.warmup);
    fflush(stdout);
    perf_stats_init(&t.stats, t.records, t.interval_ms, false, pace_wall_ms());
    run(&t);
    perf_stats_print_total(&t.stats, pace_wall_ms());
    if (t.has_steady) perf_stats_print_total(&t.steady, pace_wall_ms());
    if (args_has(&a, "print-metrics")) print_metrics(&t, args_value(&a, "topic"));
    rd_kafka_topic_destroy(t.topic);
    rd_kafka_destroy(t.handle);
    perf_stats_free(&t.stats);
    if (t.has_steady) perf_stats_free(&t.steady);
    return rdkafka_signal() ? 128 + rdkafka_signal() : 0;
}
