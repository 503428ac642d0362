/* kafka-console-consumer.sh. Without --group, partitions are read directly: no group to join, so
 * the first record comes at once; with it, or with --include, the group protocol decides. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/java_config.h"
#include "cli/rdkafka.h"
#include "cli/record_format.h"
#include "cli/subscription.h"
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
     "Class that reads keys, with print.key."},
    {"value-deserializer", 0, OPTION_VALUE, false, false, "String: deserializer for values",
     "Class that reads values."},
    {"skip-message-on-error", 0, OPTION_FLAG, false, false, NULL,
     "Go on behind a record that fails."},
    {"enable-systest-events", 0, OPTION_FLAG, false, false, NULL,
     "Say shutdown_complete at the end."},
    {"consumer-property", 0, OPTION_VALUE, false, true, "String",
     "Former name of --command-property."},
    {"command-property", 0, OPTION_VALUE, false, true, "String: prop", "A property of the client."},
    {"consumer.config", 0, OPTION_VALUE, false, false, "String",
     "Former name of --command-config."},
    {"command-config", 0, OPTION_VALUE, false, false, "String: config file",
     "File with properties of the client."},
    {0},
};

enum { LEADERS_MS = 500 };

/* What --formatter and its properties say. */
static struct record_format read_format(const struct args *a)
{
    static struct arena arena; /* for as long as the process */
    struct properties p;
    struct record_format f;
    arena_init(&arena, 0);
    args_renamed(a, "formatter-property", "property");
    args_properties(a, "formatter-property", "property", "formatter-config", &arena, &p);
    static const char *const types[] = {"key-deserializer", "value-deserializer"};
    static const char *const keys[] = {"key.deserializer", "value.deserializer"};
    for (int i = 0; i < 2; i++) {
        const char *class = args_value(a, types[i]);
        if (class && *class) properties_add(&p, &arena, str_of(keys[i]), str_of(class));
    }
    const char *class = args_value(a, "formatter");
    if (!record_format_init(&f, class, &p)) args_usage(a, class);
    return f;
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

static void log_end(const char *why)
{
    fflush(stdout);
    rdkafka_log_line("ERROR", "org.apache.kafka.tools.consumer.ConsoleConsumer",
                     "Error processing message, terminating consumer process: %s", why);
}

/* What a property of the consumer says that librdkafka does not have. */
static bool java_value(const struct args *a, const char *key, char value[256])
{
    const char *option =
        args_has(a, "consumer-property") ? "consumer-property" : "command-property";
    const char *file =
        args_value(a, args_has(a, "consumer.config") ? "consumer.config" : "command-config");
    return rdkafka_java_value(a, option, file, key, value);
}

/* auto.offset.reset=by_duration:…; -1: not that. */
static int64_t begin_ago_ms(const struct args *a)
{
    char value[256];
    int64_t ms;
    return java_value(a, "auto.offset.reset", value) && java_config_by_duration(value, &ms) ? ms
                                                                                            : -1;
}

static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t e, rd_kafka_topic_partition_list_t *list,
                      void *opaque)
{
    const int64_t *ago_ms = opaque;
    bool assigned = e == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    if (assigned && *ago_ms >= 0) rdkafka_begin_ago(rk, list, *ago_ms);
    rdkafka_take_assignment(rk, assigned, list);
}

/* Why there is no group of the protocol that is asked for; NULL: there is. */
static const char *no_protocol(const struct args *a)
{
    char value[256];
    if (!java_value(a, "group.protocol", value) || strcasecmp(value, "consumer") != 0) return NULL;
    return rdkafka_no_consumer_protocol(a, args_value(a, "bootstrap-server"));
}

/* A group without offsets, and none may be made up: so it is where there is no group. */
static bool has_no_offset(const struct args *a)
{
    char value[256];
    bool none = java_value(a, "auto.offset.reset", value) && strcmp(value, "none") == 0;
    if (!none || args_has(a, "partition")) return false;
    log_end(
        "org.apache.kafka.clients.consumer.NoOffsetForPartitionException: Undefined offset with "
        "no reset policy");
    return true;
}

/* --include; malformed, it ends the process. */
static struct subscription subscription_of(rd_kafka_t *handle, const struct args *a)
{
    struct subscription s;
    char value[256], why[JAVA_PATTERN_WHY_MAX];
    bool with_internal =
        java_value(a, "exclude.internal.topics", value) && strcasecmp(value, "false") == 0;
    if (subscription_init(&s, handle, args_value(a, "include"), with_internal, why)) return s;
    fflush(stdout);
    rdkafka_log_line("ERROR", "org.apache.kafka.tools.consumer.ConsoleConsumer",
                     "Unknown error when running consumer: \n"
                     "java.util.regex.PatternSyntaxException: %s",
                     why);
    exit(1);
}

/* All partitions of a topic, waiting until it exists (the broker may create it for us) for as long
 * as a record may be waited for. NULL: it does not, or cannot, exist. */
static rd_kafka_topic_partition_list_t *all_partitions(rd_kafka_t *handle, const struct args *a,
                                                       int64_t offset)
{
    const char *topic = args_value(a, "topic");
    int64_t timeout_ms = args_number(a, "timeout-ms", -1), start_ms = client_now_ms();
    rd_kafka_topic_t *t = rd_kafka_topic_new(handle, topic, NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    bool warned = false;
    while (!rdkafka_signal() && list->cnt == 0) {
        const struct rd_kafka_metadata *m;
        int64_t left_ms = timeout_ms < 0 ? 5000 : start_ms + timeout_ms - client_now_ms();
        if (left_ms <= 0) {
            log_end("org.apache.kafka.common.errors.TimeoutException");
            break;
        }
        rd_kafka_resp_err_t e =
            rd_kafka_metadata(handle, 0, t, &m, left_ms < 5000 ? (int)left_ms : 5000);
        if (e == RD_KAFKA_RESP_ERR_NO_ERROR) {
            e = m->topics[0].err;
            for (int i = 0; i < m->topics[0].partition_cnt; i++)
                rd_kafka_topic_partition_list_add(list, topic, m->topics[0].partitions[i].id)
                    ->offset = offset;
            rd_kafka_metadata_destroy(m);
        }
        if (list->cnt) break;
        if (e == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
            log_end("org.apache.kafka.common.errors.InvalidTopicException");
            break;
        }
        if (!warned)
            rdkafka_log_line("WARN", "org.apache.kafka.clients.NetworkClient",
                             "Error while fetching metadata: {%s=%s}", topic, rd_kafka_err2name(e));
        warned = true;
        struct timespec pause = {0, 100000000};
        nanosleep(&pause, NULL);
    }
    rd_kafka_topic_destroy(t);
    if (list->cnt) return list;
    rd_kafka_topic_partition_list_destroy(list);
    return NULL;
}

/* Before a partition is assigned: librdkafka looks for one without a leader twice a second only. */
static void learn_leaders(rd_kafka_t *handle, const char *topic)
{
    const struct rd_kafka_metadata *m;
    rd_kafka_topic_t *t = rd_kafka_topic_new(handle, topic, NULL);
    if (!rd_kafka_metadata(handle, 0, t, &m, LEADERS_MS)) rd_kafka_metadata_destroy(m);
    rd_kafka_topic_destroy(t);
}

static void check(rd_kafka_resp_err_t e)
{
    if (!e) return;
    fprintf(stderr, "%s\n", rd_kafka_err2str(e));
    exit(1);
}

/* --topic. False: there is nothing to read. */
static bool begin(rd_kafka_t *handle, const struct args *a, bool with_group, bool from_start,
                  int64_t ago_ms)
{
    const char *topic = args_value(a, "topic");
    rd_kafka_topic_partition_list_t *list = NULL;
    rd_kafka_resp_err_t e;
    if (args_has(a, "partition")) {
        learn_leaders(handle, topic);
        list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic, (int32_t)args_number(a, "partition", 0))
            ->offset = start_offset(a);
        e = rd_kafka_assign(handle, list);
    } else if (with_group) {
        list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
        e = rd_kafka_subscribe(handle, list);
    } else {
        list = all_partitions(handle, a, from_start ? RD_KAFKA_OFFSET_BEGINNING : start_offset(a));
        if (!list) return false;
        if (ago_ms >= 0) rdkafka_begin_ago(handle, list, ago_ms);
        e = rd_kafka_assign(handle, list);
    }
    if (list) rd_kafka_topic_partition_list_destroy(list);
    check(e);
    return true;
}

/* ---- the loop */

/* A record that cannot be printed. True: the tool is to end for it. */
static bool refuse(const struct args *a, const char *why)
{
    bool skip = args_has(a, "skip-message-on-error");
    fflush(stdout);
    rdkafka_log_line("ERROR", "org.apache.kafka.tools.consumer.ConsoleConsumer", "%s%s",
                     skip ? "Error processing message, skipping this message: "
                          : "Unknown error when running consumer: ",
                     why);
    return !skip;
}

/* Records until the bound, the timeout or a signal. `s` is of --include, or NULL. */
static int64_t consume(rd_kafka_t *handle, const struct args *a, const struct record_format *f,
                       struct subscription *s, bool *failed)
{
    int64_t bound = args_number(a, "max-messages", -1), count = 0;
    int64_t timeout_ms = args_number(a, "timeout-ms", -1), last_ms = client_now_ms();
    while (!rdkafka_signal() && (bound < 0 || count < bound)) {
        int wait_ms = 100;
        if (s) check(subscription_look(s, client_now_ms()));
        if (timeout_ms >= 0) {
            int64_t left = last_ms + timeout_ms - client_now_ms();
            if (left <= 0) {
                log_end("org.apache.kafka.common.errors.TimeoutException");
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
            bool fatal = m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                         m->err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
            rd_kafka_message_destroy(m);
            if (fatal) break;
            continue;
        }
        const char *why = record_format_print(f, m);
        if (why) *failed = refuse(a, why);
        count++;
        last_ms = client_now_ms();
        rd_kafka_message_destroy(m);
        if (ferror(stdout) || *failed) break;
    }
    return count;
}

enum { GROUP_ID_MAX = INT16_MAX };

/* --group and group.id of the properties are one group. */
static void check_group(const struct args *a, const char *of_properties)
{
    char reason[2 * GROUP_ID_MAX + 512];
    const char *given = args_value(a, "group");
    if (given && *of_properties && strcmp(given, of_properties) != 0) {
        snprintf(reason, sizeof reason,
                 "The group ids provided in different places (directly using '--group', via "
                 "'--consumer-property', or via '--consumer.config') do not match. Detected group "
                 "ids: '%s', '%s'",
                 of_properties, given);
        args_usage(a, reason);
    }
    if (*of_properties && args_has(a, "partition"))
        args_usage(a, "Options group and partition cannot be specified together.");
}

/* Where a group without offsets begins: true, at the start. */
static bool begins_at_start(const struct args *a, const rd_kafka_conf_t *conf)
{
    char reset[32] = "";
    size_t size = sizeof reset;
    rd_kafka_conf_get(conf, "auto.offset.reset", reset, &size);
    bool earliest = strcmp(reset, "earliest") == 0 || strcmp(reset, "smallest") == 0;
    if (!args_has(a, "from-beginning") || earliest) return earliest;
    fprintf(stderr,
            "Can't simultaneously specify --from-beginning and 'auto.offset.reset=%s', please "
            "remove one option\n",
            strcmp(reset, "largest") == 0 ? "latest" : reset);
    exit(1);
}

static rd_kafka_conf_t *configure(const struct args *a, bool *with_group)
{
    char group[GROUP_ID_MAX + 1] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rdkafka_consumer_defaults(conf);
    rdkafka_set(conf, "client.id", "console-consumer");
    rdkafka_set_java(conf, "isolation.level", args_value(a, "isolation-level"));
    rdkafka_set(conf, "auto.offset.reset", args_has(a, "from-beginning") ? "earliest" : "latest");
    rdkafka_set_from_args(conf, a, "consumer-property", "consumer.config", NULL);
    rdkafka_set(conf, "bootstrap.servers", args_value(a, "bootstrap-server"));
    size_t size = sizeof group;
    *with_group = rd_kafka_conf_get(conf, "group.id", group, &size) == RD_KAFKA_CONF_OK && *group;
    check_group(a, *with_group ? group : "");
    if (args_has(a, "group")) {
        snprintf(group, sizeof group, "%s", args_value(a, "group"));
        *with_group = true;
    }
    if (!*with_group) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        snprintf(group, sizeof group, "console-consumer-%ld", t.tv_nsec % 100000);
        rdkafka_set(conf, "enable.auto.commit", "false");
    }
    rdkafka_set(conf, "group.id", group);
    return conf;
}

static void check_options(const struct args *a)
{
    if (args_has(a, "topic") + args_has(a, "include") != 1)
        args_usage(a, "Exactly one of the following arguments is required: [topic], [include]");
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
    a.renaming = ARGS_RENAMED_OLD_FIRST;
    check_options(&a);
    struct record_format f = read_format(&a);
    if (args_has(&a, "topic") && !*args_value(&a, "topic")) {
        fprintf(stderr, "java.lang.IllegalArgumentException: Topic collection to subscribe to "
                        "cannot contain null or empty topic\n");
        return 1;
    }
    bool with_group, failed = false;
    rd_kafka_conf_t *conf = configure(&a, &with_group);
    bool from_start = begins_at_start(&a, conf);
    int64_t ago_ms = begin_ago_ms(&a);
    if (ago_ms >= 0) {
        from_start = false;
        rd_kafka_conf_set_rebalance_cb(conf, rebalance);
        rd_kafka_conf_set_opaque(conf, &ago_ms);
    }
    rd_kafka_t *handle = rdkafka_new(RD_KAFKA_CONSUMER, conf);
    rdkafka_catch_signals();
    rd_kafka_poll_set_consumer(handle);
    int64_t count = 0;
    const char *unserved = no_protocol(&a);
    struct subscription s;
    bool by_pattern = args_has(&a, "include");
    if (unserved)
        log_end(unserved);
    else {
        if (by_pattern) s = subscription_of(handle, &a);
        bool nowhere = !with_group && !by_pattern && has_no_offset(&a);
        if (by_pattern || (!nowhere && begin(handle, &a, with_group, from_start, ago_ms)))
            count = consume(handle, &a, &f, by_pattern ? &s : NULL, &failed);
        if (by_pattern) subscription_free(&s);
    }
    if (args_has(&a, "enable-systest-events")) printf("shutdown_complete\n");
    fflush(stdout);
    fprintf(stderr, "Processed a total of %lld messages\n", (long long)count);
    /* A group is left, and its offsets are committed; without one there is nothing to end. */
    if (with_group || args_has(&a, "include")) rd_kafka_consumer_close(handle);
    if (with_group) rd_kafka_destroy(handle);
    if (rdkafka_signal()) return 128 + rdkafka_signal();
    return failed ? 1 : 0;
}
