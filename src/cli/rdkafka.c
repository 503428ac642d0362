#include "cli/client.h"
#include "cli/rdkafka.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "base/arena.h"
#include "cli/java_config.h"
#include "cli/tool.h"
#include "config/listeners.h"
#include "config/properties.h"
#include "protocol/error.h"
#include "protocol/find_coordinator.h"

enum { POLL_RECORDS = 500, POLL_RECORDS_MAX = 100000 };

static volatile sig_atomic_t caught; /* a handler has nothing else */

static void on_signal(int signal)
{
    caught = signal;
}

void rdkafka_log_line(const char *level, const char *component, const char *format, ...)
{
    struct timeval now;
    struct tm broken;
    char time_text[32];
    gettimeofday(&now, NULL);
    localtime_r(&now.tv_sec, &broken);
    strftime(time_text, sizeof time_text, "%Y-%m-%d %H:%M:%S", &broken);
    fprintf(stderr, "[%s,%03d] %s ", time_text, (int)(now.tv_usec / 1000), level);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (%s)\n", component);
}

void rdkafka_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) return;
    fprintf(stderr, "%s\n", why);
    exit(1);
}

/* Java's names for what librdkafka calls otherwise; without a name, it has no such thing. */
static const struct {
    const char *java, *name;
    int unit;            /* what a Java number is divided by */
    int32_t least, most; /* of librdkafka's number; a Java number beyond is brought there */
} renamed[] = {
    {"fetch.max.wait.ms", "fetch.wait.max.ms", 1, 0, 0},
    {"receive.buffer.bytes", "socket.receive.buffer.bytes", 1, 0, 0},
    {"send.buffer.bytes", "socket.send.buffer.bytes", 1, 0, 0},
    {"batch.size", "batch.size", 1, 1, INT32_MAX},
    {"fetch.max.bytes", "fetch.max.bytes", 1, 1000, INT32_MAX - 512},
    {"request.timeout.ms", "request.timeout.ms", 1, 1, 900000},
    {"buffer.memory", "queue.buffering.max.kbytes", 1024, 1, INT32_MAX},
    {"max.request.size", "message.max.bytes", 1, 1000, 1000000000},
    {"metadata.max.age.ms", "topic.metadata.refresh.interval.ms", 1, 0, 0},
    {"group.remote.assignor", "group.remote.assignor", 1, 0, 0},
    {"max.poll.records", NULL, 1, 0, 0},
    {"key.deserializer", NULL, 1, 0, 0},
    {"value.deserializer", NULL, 1, 0, 0},
    {"key.serializer", NULL, 1, 0, 0},
    {"value.serializer", NULL, 1, 0, 0},
    {"max.block.ms", NULL, 1, 0, 0},
    {"default.api.timeout.ms", NULL, 1, 0, 0},
    {"group.protocol", NULL, 1, 0, 0},
    {"exclude.internal.topics", NULL, 1, 0, 0},
    {"partitioner.class", NULL, 1, 0, 0},
    {"partitioner.ignore.keys", NULL, 1, 0, 0},
};

/* The tools' own loops obey them, where they have a meaning at all. */
static const char *const obeyed_by_tools[] = {"max.poll.records", "max.block.ms",
                                              "partitioner.class", "partitioner.ignore.keys",
                                              "exclude.internal.topics"};

static bool is_obeyed_by_tools(const char *name)
{
    for (size_t i = 0; i < sizeof obeyed_by_tools / sizeof *obeyed_by_tools; i++)
        if (strcmp(obeyed_by_tools[i], name) == 0) return true;
    return false;
}

/* Names of Java's assignors, in librdkafka's words. */
static const char *translate_assignor(const char *value)
{
    static const char *const names[][2] = {
        {"org.apache.kafka.clients.consumer.RangeAssignor", "range"},
        {"org.apache.kafka.clients.consumer.RoundRobinAssignor", "roundrobin"},
        {"org.apache.kafka.clients.consumer.CooperativeStickyAssignor", "cooperative-sticky"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], value) == 0) return names[i][1];
    return value;
}

void rdkafka_set_java(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    const char *known = name;
    char why[JAVA_CONFIG_TEXT_MAX] = "it has no meaning here", scaled[32];
    int64_t ago_ms;
    if (java_config_wrong(name, value, why)) {
        fflush(stdout);
        fprintf(stderr, "%s\n", why);
        exit(1);
    }
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
        if (strcmp(renamed[i].java, name) != 0) continue;
        known = renamed[i].name;
        if (!renamed[i].most) continue;
        long long number = strtoll(value, NULL, 10) / renamed[i].unit;
        if (number < renamed[i].least) number = renamed[i].least;
        if (number > renamed[i].most) number = renamed[i].most;
        snprintf(scaled, sizeof scaled, "%lld", number);
        value = scaled;
    }
    if (strcmp(name, "auto.offset.reset") == 0 && strcmp(value, "none") == 0) value = "error";
    if (java_config_by_duration(value, &ago_ms)) value = "earliest"; /* see rdkafka_begin_ago */
    if (strcmp(name, "partition.assignment.strategy") == 0) value = translate_assignor(value);
    bool of_socket = strstr(name, ".buffer.bytes") != NULL;
    if (of_socket && strcmp(value, "-1") == 0) value = "0"; /* the system's own size */
    rd_kafka_conf_res_t result =
        known ? rd_kafka_conf_set(conf, known, value, why, sizeof why) : RD_KAFKA_CONF_UNKNOWN;
    if (result == RD_KAFKA_CONF_OK) return;
    if (is_obeyed_by_tools(name)) return;
    if (result == RD_KAFKA_CONF_UNKNOWN) {
        rdkafka_log_line("WARN", "samsa", "The configuration '%s' is not used by this tool", name);
        return;
    }
    fprintf(stderr, "Invalid value %s for configuration %s: %s\n", value, name, why);
    exit(1);
}

static bool is_among(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

bool rdkafka_set_file(rd_kafka_conf_t *conf, const char *path, const char *const *overruled)
{
    long size;
    int32_t line;
    struct arena arena;
    struct properties p;
    char *text = tool_read_file(path, &size);
    if (!text) return false;
    arena_init(&arena, 0);
    if (properties_parse((struct str){text, (int32_t)size}, &arena, &p, &line)) {
        fprintf(stderr, "%s:%d: Malformed \\uxxxx encoding.\n", path, line);
        exit(1);
    }
    for (int32_t i = 0; i < p.count; i++)
        if (!is_among(overruled, p.items[i].key.data))
            rdkafka_set_java(conf, p.items[i].key.data, p.items[i].value.data);
    arena_free(&arena);
    free(text);
    return true;
}

/* Those that only some versions of the library have. */
static void set_if_known(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    rd_kafka_conf_set(conf, name, value, NULL, 0);
}

static void set_defaults(rd_kafka_conf_t *conf)
{
    rdkafka_log_to_stderr(conf);
    rdkafka_set(conf, "socket.nagle.disable", "true");
    /* a topic that the broker creates for us is found at once, not after a quarter second */
    rdkafka_set(conf, "topic.metadata.refresh.fast.interval.ms", "10");
}

void rdkafka_producer_defaults(rd_kafka_conf_t *conf)
{
    set_defaults(conf);
    rdkafka_set(conf, "partitioner", "murmur2_random");
    rdkafka_set(conf, "enable.idempotence", "true");
    rdkafka_set(conf, "acks", "-1");
    rdkafka_set(conf, "linger.ms", "5");
    rdkafka_set(conf, "batch.size", "16384");
    rdkafka_set(conf, "max.in.flight", "5");
    rdkafka_set(conf, "message.timeout.ms", "120000");
    rdkafka_set(conf, "queue.buffering.max.kbytes", "32768");
    rdkafka_set(conf, "queue.buffering.max.messages", "10000000");
    rdkafka_set(conf, "message.max.bytes", "1048576");
}

void rdkafka_consumer_defaults(rd_kafka_conf_t *conf)
{
    set_defaults(conf);
    rdkafka_set(conf, "allow.auto.create.topics", "true");
    rdkafka_set(conf, "partition.assignment.strategy", "range,roundrobin");
    /* when the queue is full, look again soon and not in a second */
    set_if_known(conf, "fetch.queue.backoff.ms", "2");
}

const char *rdkafka_exception(rd_kafka_resp_err_t e)
{
    static _Thread_local char text[128];
    switch (e) {
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        return "org.apache.kafka.common.errors.TimeoutException";
    case RD_KAFKA_RESP_ERR__TRANSPORT: return "org.apache.kafka.common.errors.NetworkException";
    default: break;
    }
    if (e <= 0 || !kafka_error_is_known((int16_t)e))
        return "org.apache.kafka.common.KafkaException";
    snprintf(text, sizeof text, "org.apache.kafka.common.errors.%s",
             kafka_error_exception((int16_t)e));
    return text;
}

int rdkafka_signal(void)
{
    return caught;
}

void rdkafka_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* librdkafka tries for ever what Java's client refuses at once. */
static void check_servers(rd_kafka_type_t type, const rd_kafka_conf_t *conf)
{
    char text[4096] = "";
    size_t size = sizeof text;
    struct arena arena;
    rd_kafka_conf_get(conf, "bootstrap.servers", text, &size);
    arena_init(&arena, 0);
    const char *why = client_addresses_wrong(&arena, text, "bootstrap.servers");
    if (!why) {
        arena_free(&arena);
        return;
    }
    fflush(stdout);
    if (strncmp(why, "Configuration", 13) != 0)
        fprintf(stderr,
                "Failed to construct kafka %s\n"
                "Caused by: org.apache.kafka.common.config.ConfigException: ",
                type == RD_KAFKA_PRODUCER ? "producer" : "consumer");
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static int64_t number_of(const rd_kafka_conf_t *conf, const char *name)
{
    char text[32] = "";
    size_t size = sizeof text;
    rd_kafka_conf_get(conf, name, text, &size);
    return strtoll(text, NULL, 10);
}

enum { DELIVERY_MS = 120000, IDEMPOTENT_IN_FLIGHT_MAX = 5 };

/* Java's producer is idempotent where nothing speaks against it: fewer acks than all, no retries,
 * more in flight than brokers remember. */
static void settle_idempotence(rd_kafka_conf_t *conf)
{
    char idempotence[16] = "";
    size_t size = sizeof idempotence;
    rd_kafka_conf_get(conf, "enable.idempotence", idempotence, &size);
    if (strcmp(idempotence, "true") != 0) return;
    if (number_of(conf, "acks") != -1 || number_of(conf, "retries") == 0 ||
        number_of(conf, "max.in.flight") > IDEMPOTENT_IN_FLIGHT_MAX)
        rdkafka_set(conf, "enable.idempotence", "false");
}

/* A record may wait for others, and then for an answer; less time than that is a mistake, unless
 * nobody asked for it. */
static void settle_delivery_time(rd_kafka_conf_t *conf)
{
    int64_t least_ms = number_of(conf, "linger.ms") + number_of(conf, "request.timeout.ms");
    int64_t ms = number_of(conf, "message.timeout.ms");
    char text[32], id[8] = "";
    size_t size = sizeof id;
    bool transactional =
        rd_kafka_conf_get(conf, "transactional.id", id, &size) == RD_KAFKA_CONF_OK && *id;
    if (ms >= least_ms || transactional) return;
    if (ms != DELIVERY_MS)
        args_fail("org.apache.kafka.common.KafkaException: Failed to construct kafka producer\n"
                  "Caused by: org.apache.kafka.common.config.ConfigException: delivery.timeout.ms "
                  "should be equal to or larger than linger.ms + request.timeout.ms");
    snprintf(text, sizeof text, "%lld", (long long)least_ms);
    rdkafka_set(conf, "message.timeout.ms", text);
}

/* What librdkafka wants of a consumer beyond Java's, and what Java's wants beyond it. */
static void settle_consumer(rd_kafka_conf_t *conf)
{
    char text[32];
    int64_t fetch_bytes = number_of(conf, "fetch.max.bytes");
    if (number_of(conf, "message.max.bytes") > fetch_bytes) {
        snprintf(text, sizeof text, "%lld", (long long)fetch_bytes);
        rdkafka_set(conf, "message.max.bytes", text);
    }
    if (number_of(conf, "heartbeat.interval.ms") < number_of(conf, "session.timeout.ms")) return;
    args_fail("Failed to construct kafka consumer\n"
              "Caused by: java.lang.IllegalArgumentException: Heartbeat must be set lower than the "
              "session timeout");
}

rd_kafka_t *rdkafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char why[512];
    check_servers(type, conf);
    if (type == RD_KAFKA_PRODUCER) {
        settle_idempotence(conf);
        settle_delivery_time(conf);
    } else {
        settle_consumer(conf);
    }
    rd_kafka_t *handle = rd_kafka_new(type, conf, why, sizeof why);
    if (handle) return handle;
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static void set_pairs(rd_kafka_conf_t *conf, const struct args *a, const char *option,
                      const char *const *overruled)
{
    const char *text;
    for (int32_t i = 0; (text = args_value_at(a, option, i)); i++) {
        char name[256];
        const char *equals = strchr(text, '=');
        snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
        if (!is_among(overruled, name)) rdkafka_set_java(conf, name, equals ? equals + 1 : "");
    }
}

void rdkafka_set_from_args(rd_kafka_conf_t *conf, const struct args *a, const char *old_property,
                           const char *old_config, const char *const *overruled)
{
    const char *file = args_renamed(a, "command-config", old_config);
    if (file && !rdkafka_set_file(conf, file, overruled)) {
        fprintf(stderr, "%s: %s\n", file, strerror(errno));
        exit(1);
    }
    args_renamed(a, "command-property", old_property);
    set_pairs(conf, a, old_property, overruled);
    set_pairs(conf, a, "command-property", overruled);
}

static void read_properties_file(const struct args *a, const char *path, struct arena *arena,
                                 struct properties *out)
{
    long size;
    int32_t line;
    char *text = tool_read_file(path, &size);
    if (!text) args_usage(a, path);
    if (properties_parse((struct str){text, (int32_t)size}, arena, out, &line)) {
        fprintf(stderr, "%s:%d: Malformed \\uxxxx encoding.\n", path, line);
        exit(1);
    }
}

void args_properties(const struct args *a, const char *option, const char *old_name,
                     const char *file_option, struct arena *arena, struct properties *out)
{
    const char *const options[] = {old_name, option}, *path = args_value(a, file_option), *text;
    *out = (struct properties){0};
    if (path) read_properties_file(a, path, arena, out);
    for (int o = 0; o < 2; o++)
        for (int32_t i = 0; (text = args_value_at(a, options[o], i)); i++) {
            const char *equals = strchr(text, '=');
            struct str key = {text, equals ? (int32_t)(equals - text) : (int32_t)strlen(text)};
            properties_add(out, arena, key, str_of(equals ? equals + 1 : ""));
        }
}

bool rdkafka_java_value(const struct args *a, const char *option, const char *path, const char *key,
                        char value[256])
{
    struct arena arena;
    struct properties p = {0};
    const char *text;
    arena_init(&arena, 0);
    if (path) read_properties_file(a, path, &arena, &p);
    for (int32_t i = 0; option && (text = args_value_at(a, option, i)); i++) {
        const char *equals = strchr(text, '=');
        if (!equals) continue;
        properties_add(&p, &arena, (struct str){text, (int32_t)(equals - text)},
                       str_of(equals + 1));
    }
    struct str found = properties_get(&p, key);
    bool said = !str_is_null(found);
    if (said) snprintf(value, 256, "%.*s", STR_ARG(found));
    arena_free(&arena);
    return said;
}

int32_t rdkafka_poll_records(const struct args *a, const char *option, const char *path)
{
    char value[256] = "";
    if (!rdkafka_java_value(a, option, path, "max.poll.records", value)) return POLL_RECORDS;
    long most = strtol(value, NULL, 10);
    return most < POLL_RECORDS_MAX ? (int32_t)most : POLL_RECORDS_MAX;
}

/* ---- what the brokers do not have */

enum { ASK_MS = 10000 };

/* A client of our own beside librdkafka's, or NULL: nobody answers yet. */
static struct client *ask(const struct args *a, const char *servers)
{
    struct client *c = client_open(a, servers, false, NULL);
    c->api_timeout_ms = ASK_MS;
    if (client_refresh(c, "listNodes")) return c;
    client_close(c);
    return NULL;
}

const char *rdkafka_no_consumer_protocol(const struct args *a, const char *servers)
{
    struct client *c = ask(a, servers);
    if (!c) return NULL;
    bool served = client_serves(c, client_any(c), API_CONSUMER_GROUP_HEARTBEAT, 0);
    client_close(c);
    return served ? NULL
                  : "The cluster does not support the new CONSUMER group protocol. Set "
                    "group.protocol=classic on the consumer configs to revert to the CLASSIC "
                    "protocol until the cluster is upgraded.";
}

const char *rdkafka_no_transactions(const struct args *a, const char *servers, const char *id,
                                    char text[512])
{
    struct client *c = ask(a, servers);
    if (!c) return NULL;
    struct find_coordinator_request request;
    find_coordinator_request_init(&request);
    struct str key = str_of(id);
    request.key_type = 1;
    request.coordinator_keys = &key;
    request.coordinator_keys_count = 1;
    const struct find_coordinator_response *r =
        client_serves(c, client_any(c), API_FIND_COORDINATOR, 4)
            ? client_call(c, client_any(c), API_FIND_COORDINATOR, -1, &request, NULL)
            : NULL;
    int16_t code = r && r->coordinators_count ? r->coordinators[0].error_code : KAFKA_NONE;
    bool refused = code != KAFKA_NONE && !kafka_error_is_retriable(code);
    if (refused)
        snprintf(text, 512,
                 "org.apache.kafka.common.KafkaException: Could not find a coordinator with type "
                 "TRANSACTION with key %s due to unexpected error: %.*s\n"
                 "Caused by: org.apache.kafka.common.errors.%s: %s",
                 id, STR_ARG(r->coordinators[0].error_message), kafka_error_exception(code),
                 kafka_error_text(code));
    client_close(c);
    return refused ? text : NULL;
}

void rdkafka_begin_ago(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t ago_ms)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    rd_kafka_topic_partition_list_t *ask_for = rd_kafka_topic_partition_list_new(list->cnt);
    rd_kafka_committed(rk, list, ASK_MS);
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].offset < 0)
            rd_kafka_topic_partition_list_add(ask_for, list->elems[i].topic,
                                              list->elems[i].partition)
                ->offset = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - ago_ms;
    rd_kafka_resp_err_t e = rd_kafka_offsets_for_times(rk, ask_for, ASK_MS);
    for (int i = 0; i < ask_for->cnt; i++) {
        rd_kafka_topic_partition_t *p = &ask_for->elems[i];
        int64_t offset = e || p->err || p->offset < 0 ? RD_KAFKA_OFFSET_END : p->offset;
        rd_kafka_topic_partition_list_set_offset(list, p->topic, p->partition, offset);
    }
    rd_kafka_topic_partition_list_destroy(ask_for);
}

void rdkafka_begin_at(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t logical)
{
    if (rd_kafka_committed(rk, list, ASK_MS)) return; /* then librdkafka looks for itself */
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].offset < 0 && !list->elems[i].err) list->elems[i].offset = logical;
}

static void log_line(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    if (level <= 4) rdkafka_log_line(level <= 3 ? "ERROR" : "WARN", facility, "%s", text);
}

void rdkafka_log_to_stderr(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_log_cb(conf, log_line);
}

void rdkafka_take_assignment(rd_kafka_t *rk, bool assigned, rd_kafka_topic_partition_list_t *list)
{
    bool cooperative = strcmp(rd_kafka_rebalance_protocol(rk), "COOPERATIVE") == 0;
    rd_kafka_error_t *error = NULL;
    if (!cooperative)
        rd_kafka_assign(rk, assigned ? list : NULL);
    else if (assigned)
        error = rd_kafka_incremental_assign(rk, list);
    else
        error = rd_kafka_incremental_unassign(rk, list);
    if (error) rd_kafka_error_destroy(error);
}
