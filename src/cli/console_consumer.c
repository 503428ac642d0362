/* kafka-console-consumer.sh. Without --group, partitions are read directly: no group to join, so
 * the first record comes at once; with it, or with --include, the group protocol decides. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/coordinator_format.h"
#include "cli/rdkafka.h"
#include "cli/tool.h"

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, true, false, "String: server to connect to",
     "REQUIRED: the brokers to connect to first."},
    {"topic", 0, OPTION_VALUE, false, false, "String: topic", "The topic to read."},
    {"include", 0, OPTION_VALUE, false, false, "String: Java regex (String)",
     "A regular expression of topics to read."},
    {"partition", 0, OPTION_VALUE, false, false, "Integer: partition",
     "The partition to read; from its end unless --offset says otherwise."},
    {"offset", 0, OPTION_VALUE, false, false, "String: consume offset",
     "An offset, earliest or latest.", "latest"},
    {"from-beginning", 0, OPTION_FLAG, false, false, NULL,
     "Begin with the earliest record when there is no committed offset."},
    {"max-messages", 0, OPTION_VALUE, false, false, "Integer: num_messages",
     "End after so many records."},
    {"timeout-ms", 0, OPTION_VALUE, false, false, "Long: timeout_ms",
     "End when no record has come for so long."},
    {"group", 0, OPTION_VALUE, false, false, "String: consumer group id", "The group to join."},
    {"isolation-level", 0, OPTION_VALUE, false, false, "String",
     "read_committed or read_uncommitted.", "read_uncommitted"},
    {"formatter", 0, OPTION_VALUE, false, false, "String: class", "The formatter's class.",
     "org.apache.kafka.tools.consumer.DefaultMessageFormatter"},
    {"formatter-property", 0, OPTION_VALUE, false, true, "String: prop",
     "key=value for the formatter: print.timestamp, print.partition, print.offset, print.epoch, "
     "print.headers, print.key, print.value, key.separator, line.separator, headers.separator, "
     "null.literal."},
    {"property", 0, OPTION_VALUE, false, true, "String: prop",
     "Former name of --formatter-property."},
    {"formatter-config", 0, OPTION_VALUE, false, false, "String: config file",
     "File with such properties."},
    {"key-deserializer", 0, OPTION_VALUE, false, false, "String: deserializer for key",
     "Accepted; keys are printed as they are."},
    {"value-deserializer", 0, OPTION_VALUE, false, false, "String: deserializer for values",
     "Accepted; values are printed as they are."},
    {"skip-message-on-error", 0, OPTION_FLAG, false, false, NULL,
     "Go on behind a record that fails."},
    {"enable-systest-events", 0, OPTION_FLAG, false, false, NULL, "Accepted."},
    {"consumer-property", 0, OPTION_VALUE, false, true, "String",
     "Former name of --command-property."},
    {"command-property", 0, OPTION_VALUE, false, true, "String: prop", "A property of the client."},
    {"consumer.config", 0, OPTION_VALUE, false, false, "String",
     "Former name of --command-config."},
    {"command-config", 0, OPTION_VALUE, false, false, "String: config file",
     "File with properties of the client."},
    {0},
};

struct format {
    enum coordinator_format coordinator;
    bool skip_errors, silent, timestamp, partition, offset, epoch, headers, key, value;
    const char *key_separator, *line_separator, *headers_separator, *null_literal;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct format read_format(const struct args *a)
{
#define FLAG(key, fallback) args_property_true(a, "formatter-property", "property", key, fallback)
#define TEXT(key, fallback) args_property(a, "formatter-property", "property", key, fallback)
    const char *class = args_value(a, "formatter");
    struct format f = {.coordinator = coordinator_format_of(class),
                       .skip_errors = args_has(a, "skip-message-on-error"),
                       .silent = strstr(class, "NoOpMessageFormatter") != NULL,
                       .timestamp = FLAG("print.timestamp", false),
                       .partition = FLAG("print.partition", false),
                       .offset = FLAG("print.offset", false),
                       .epoch = FLAG("print.epoch", false),
                       .headers = FLAG("print.headers", false),
                       .key = FLAG("print.key", false),
                       .value = FLAG("print.value", true),
                       .key_separator = TEXT("key.separator", "\t"),
                       .line_separator = TEXT("line.separator", "\n"),
                       .headers_separator = TEXT("headers.separator", ","),
                       .null_literal = TEXT("null.literal", "null")};
#undef FLAG
#undef TEXT
    bool known = strstr(class, "DefaultMessageFormatter") ||
                 strstr(class, "LoggingMessageFormatter") || f.silent || f.coordinator;
    if (!known) args_usage(a, class);
    return f;
}

static void put(const void *data, size_t len, const struct format *f)
{
    if (data)
        fwrite(data, 1, len, stdout);
    else
        fputs(f->null_literal, stdout);
}

static void print_headers(const rd_kafka_message_t *m, const struct format *f)
{
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(m, &headers) || rd_kafka_header_cnt(headers) == 0) {
        fputs("NO_HEADERS", stdout);
        return;
    }
    const char *name;
    const void *value;
    size_t len;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &len) == 0; i++) {
        printf("%s%s:", i ? f->headers_separator : "", name);
        put(value, len, f);
    }
}

/* False: it cannot be printed, and the tool is to end. */
static bool print_coordinators(const rd_kafka_message_t *m, const struct format *f)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct bytes key = m->key ? bytes_of(m->key, m->key_len) : BYTES_NULL;
    struct bytes value = m->payload ? bytes_of(m->payload, m->len) : BYTES_NULL;
    const char *why = coordinator_format_print(f->coordinator, key, value, &arena);
    if (why) {
        fflush(stdout);
        rdkafka_log_line("ERROR", "org.apache.kafka.tools.consumer.ConsoleConsumer",
                         "%sCould not read record at offset %lld due to: %s",
                         f->skip_errors ? "Error processing message, skipping this message: "
                                        : "Unknown error when running consumer: ",
                         (long long)m->offset, why);
    }
    arena_free(&arena);
    return !why || f->skip_errors;
}

/* Each column ends in the key separator, the last in the line separator. */
static bool print_record(const rd_kafka_message_t *m, const struct format *f)
{
    if (f->silent) return true;
    if (f->coordinator) return print_coordinators(m, f);
    int columns =
        f->timestamp + f->partition + f->offset + f->epoch + f->headers + f->key + f->value;
#define END_COLUMN() fputs(--columns > 0 ? f->key_separator : f->line_separator, stdout)
    if (f->timestamp) {
        rd_kafka_timestamp_type_t type;
        int64_t timestamp = rd_kafka_message_timestamp(m, &type);
        if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
            fputs("NO_TIMESTAMP", stdout);
        else
            printf("%s:%lld",
                   type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? "LogAppendTime" : "CreateTime",
                   (long long)timestamp);
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
    if (f->epoch) {
        fputs("Epoch:NOT_PRESENT", stdout); /* Kafka's tool never passes it on */
        END_COLUMN();
    }
    if (f->headers) {
        print_headers(m, f);
        END_COLUMN();
    }
    if (f->key) {
        put(m->key, m->key_len, f);
        END_COLUMN();
    }
    if (f->value) {
        put(m->payload, m->len, f);
        END_COLUMN();
    }
#undef END_COLUMN
    return true;
}

/* ---- where to read */

static int64_t start_offset(const struct args *a)
{
    const char *text = args_value(a, "offset");
    if (!args_has(a, "offset"))
        return args_has(a, "from-beginning") ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
    if (strcasecmp(text, "earliest") == 0) return RD_KAFKA_OFFSET_BEGINNING;
    if (strcasecmp(text, "latest") == 0) return RD_KAFKA_OFFSET_END;
    char *end;
    long long offset = strtoll(text, &end, 10);
    if (*text && !*end && offset >= 0) return offset;
    char reason[256];
    snprintf(reason, sizeof reason,
             "The provided offset value '%s' is incorrect. Valid values are "
             "'earliest', 'latest', or a non-negative long.",
             text);
    args_usage(a, reason);
}

/* All partitions of a topic, waiting until it exists (the broker may create it for us). */
static rd_kafka_topic_partition_list_t *all_partitions(rd_kafka_t *handle, const char *topic,
                                                       int64_t offset)
{
    rd_kafka_topic_t *t = rd_kafka_topic_new(handle, topic, NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    bool warned = false;
    while (!rdkafka_signal() && list->cnt == 0) {
        const struct rd_kafka_metadata *m;
        rd_kafka_resp_err_t e = rd_kafka_metadata(handle, 0, t, &m, 5000);
        if (e == RD_KAFKA_RESP_ERR_NO_ERROR) {
            e = m->topics[0].err;
            for (int i = 0; i < m->topics[0].partition_cnt; i++)
                rd_kafka_topic_partition_list_add(list, topic, m->topics[0].partitions[i].id)
                    ->offset = offset;
            rd_kafka_metadata_destroy(m);
        }
        if (list->cnt) break;
        if (!warned)
            rdkafka_log_line("WARN", "org.apache.kafka.clients.NetworkClient",
                             "Error while fetching metadata: {%s=%s}", topic, rd_kafka_err2name(e));
        warned = true;
        struct timespec pause = {0, 100000000};
        nanosleep(&pause, NULL);
    }
    rd_kafka_topic_destroy(t);
    return list;
}

static void begin(rd_kafka_t *handle, const struct args *a, bool with_group)
{
    const char *topic = args_value(a, "topic"), *pattern = args_value(a, "include");
    rd_kafka_topic_partition_list_t *list = NULL;
    rd_kafka_resp_err_t e;
    if (args_has(a, "partition")) {
        list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic, (int32_t)args_number(a, "partition", 0))
            ->offset = start_offset(a);
        e = rd_kafka_assign(handle, list);
    } else if (pattern || with_group) {
        char regex[1024];
        snprintf(regex, sizeof regex, "^(%s)$", pattern ? pattern : "");
        for (char *c = regex; pattern && *c; c++)
            if (*c == ',') *c = '|';
        list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, pattern ? regex : topic, RD_KAFKA_PARTITION_UA);
        e = rd_kafka_subscribe(handle, list);
    } else {
        list = all_partitions(handle, topic, start_offset(a));
        e = rd_kafka_assign(handle, list);
    }
    if (list) rd_kafka_topic_partition_list_destroy(list);
    if (!e) return;
    fprintf(stderr, "%s\n", rd_kafka_err2str(e));
    exit(1);
}

/* ---- the loop */

/* Records until the bound, the timeout or a signal. */
static int64_t consume(rd_kafka_t *handle, const struct args *a, const struct format *f,
                       bool *failed)
{
    int64_t bound = args_number(a, "max-messages", -1), count = 0;
    int64_t timeout_ms = args_number(a, "timeout-ms", -1), last_ms = now_ms();
    while (!rdkafka_signal() && (bound < 0 || count < bound)) {
        int wait_ms = 100;
        if (timeout_ms >= 0) {
            int64_t left = last_ms + timeout_ms - now_ms();
            if (left <= 0) {
                fflush(stdout);
                rdkafka_log_line("ERROR", "org.apache.kafka.tools.consumer.ConsoleConsumer",
                                 "Error processing message, terminating consumer process: "
                                 "org.apache.kafka.common.errors.TimeoutException");
                break;
            }
            if (left < wait_ms) wait_ms = (int)left;
        }
        rd_kafka_message_t *m = rd_kafka_consumer_poll(handle, count ? wait_ms : 10);
        if (!m) {
            fflush(stdout); /* a reader of the pipe sees all there is */
            continue;
        }
        if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            rd_kafka_message_destroy(m);
            continue;
        }
        if (m->err) {
            rdkafka_log_line("ERROR", "org.apache.kafka.tools.consumer.ConsoleConsumer", "%s",
                             rd_kafka_message_errstr(m));
            bool fatal = m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
            rd_kafka_message_destroy(m);
            if (fatal) break;
            continue;
        }
        *failed = !print_record(m, f);
        count++;
        last_ms = now_ms();
        rd_kafka_message_destroy(m);
        if (ferror(stdout) || *failed) break;
    }
    return count;
}

static rd_kafka_conf_t *configure(const struct args *a, char group[64], bool *with_group)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rdkafka_log_to_stderr(conf);
    rdkafka_set(conf, "bootstrap.servers", args_value(a, "bootstrap-server"));
    rdkafka_set(conf, "client.id", "console-consumer");
    rdkafka_set(conf, "isolation.level", args_value(a, "isolation-level"));
    rdkafka_set(conf, "auto.offset.reset", args_has(a, "from-beginning") ? "earliest" : "latest");
    rdkafka_set(conf, "allow.auto.create.topics", "true");
    rdkafka_set(conf, "fetch.wait.max.ms", "500");
    rdkafka_set(conf, "partition.assignment.strategy", "range,roundrobin");
    rdkafka_set_from_args(conf, a, "consumer-property", "consumer.config");
    size_t size = 64;
    *with_group = rd_kafka_conf_get(conf, "group.id", group, &size) == RD_KAFKA_CONF_OK && *group;
    if (args_has(a, "group")) {
        snprintf(group, 64, "%s", args_value(a, "group"));
        *with_group = true;
    }
    if (!*with_group) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        snprintf(group, 64, "console-consumer-%ld", t.tv_nsec % 100000);
        rdkafka_set(conf, "enable.auto.commit", "false");
    }
    rdkafka_set(conf, "group.id", group);
    return conf;
}

static void check_options(const struct args *a)
{
    if (args_has(a, "topic") + args_has(a, "include") != 1)
        args_usage(a, "Exactly one of --include/--topic is required. ");
    if (args_has(a, "partition") && !args_has(a, "topic"))
        args_usage(a, "The topic is required when partition is specified.");
    if (args_has(a, "offset") && !args_has(a, "partition"))
        args_usage(a, "The partition is required when offset is specified.");
    if (args_has(a, "offset") && args_has(a, "from-beginning"))
        args_usage(a, "Options from-beginning and offset cannot be specified together.");
    if (args_has(a, "group") && args_has(a, "partition"))
        args_usage(a, "Options group and partition cannot be specified together.");
}

int tool_console_consumer(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(&a,
                    "This tool helps to read data from Kafka topics and outputs it to standard "
                    "output.",
                    options, argc, argv);
    check_options(&a);
    args_renamed(&a, "formatter-property", "property");
    struct format f = read_format(&a);
    char group[64] = "";
    bool with_group;
    rd_kafka_t *handle = rdkafka_new(RD_KAFKA_CONSUMER, configure(&a, group, &with_group));
    rdkafka_catch_signals();
    rd_kafka_poll_set_consumer(handle);
    begin(handle, &a, with_group);
    bool failed = false;
    int64_t count = consume(handle, &a, &f, &failed);
    fflush(stdout);
    fprintf(stderr, "Processed a total of %lld messages\n", (long long)count);
    /* A group is left, and its offsets are committed; without one there is nothing to end. */
    if (with_group || args_has(&a, "include")) rd_kafka_consumer_close(handle);
    if (with_group) rd_kafka_destroy(handle);
    if (rdkafka_signal()) return 128 + rdkafka_signal();
    return failed ? 1 : 0;
}
