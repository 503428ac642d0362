/* kafka-verifiable-consumer.sh: a member of a group that tells in lines of JSON what it is
 * assigned, what it has read and what it has committed. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/java_config.h"
#include "cli/json.h"
#include "cli/pace.h"
#include "cli/rdkafka.h"
#include "cli/tool.h"

enum { POLL_MS = 100 };

static const char program[] = "verifiable-consumer";
static const char description[] =
    "This tool consumes messages from a specific topic and emits consumer events (e.g. group "
    "rebalances, received messages, and offsets committed) as JSON objects to STDOUT.";

static const struct option options[] = {
    {"group-protocol", 0, OPTION_VALUE, false, false, "GROUP-PROTOCOL", "classic or consumer.",
     "classic"},
    {"group-remote-assignor", 0, OPTION_VALUE, false, false, "GROUP-REMOTE-ASSIGNOR",
     "The broker's assignor, with --group-protocol consumer."},
    {"group-id", 0, OPTION_VALUE, true, false, "GROUP-ID", "The group to join."},
    {"topic", 0, OPTION_VALUE, true, false, "TOPIC", "Consumes messages from this topic."},
    {"group-instance-id", 0, OPTION_VALUE, false, false, "GROUP-INSTANCE-ID",
     "Name of a static member."},
    {"max-messages", 0, OPTION_VALUE, false, false, "MAX-MESSAGES",
     "So many; -1: until the process is ended.", "-1"},
    {"session-timeout", 0, OPTION_VALUE, false, false, "TIMEOUT-MS", "session.timeout.ms."},
    {"verbose", 0, OPTION_FLAG, false, false, NULL, "A line for each record too."},
    {"enable-autocommit", 0, OPTION_FLAG, false, false, NULL, "Commit from time to time."},
    {"reset-policy", 0, OPTION_VALUE, false, false, "RESET-POLICY",
     "earliest, latest, none or by_duration:PnDTnHnMnS.", "earliest"},
    {"assignment-strategy", 0, OPTION_VALUE, false, false, "ASSIGNMENT-STRATEGY",
     "range, roundrobin, cooperative-sticky, or the Java class of one of them.",
     "org.apache.kafka.clients.consumer.RangeAssignor"},
    {"consumer.config", 0, OPTION_VALUE, false, false, "CONFIG-FILE",
     "Former name of --command-config."},
    {"command-config", 0, OPTION_VALUE, false, false, "CONFIG-FILE",
     "File with properties of the client."},
    {"bootstrap-server", 0, OPTION_VALUE, true, false, "HOST1:PORT1[,HOST2:PORT2[...]]",
     "REQUIRED: the brokers to connect to first."},
    {0},
};

struct consumer {
    rd_kafka_t *handle;
    struct arena arena; /* of one batch's lines */
    bool verbose, auto_commit, failed;
    int64_t most, consumed; /* most -1: no bound */
    int32_t poll_records;
    int64_t ago_ms;       /* where a group without offsets begins; -1: as librdkafka is told */
    const char *unserved; /* the group's protocol is one that the brokers do not have: says so */
};

static void print_start(const char *name)
{
    printf("{\"timestamp\":%lld,\"name\":\"%s\"", (long long)pace_wall_ms(), name);
}

static void print_event(const char *name)
{
    print_start(name);
    printf("}\n");
}

static const char *quoted(struct consumer *c, const void *data, size_t len)
{
    if (!data) return "null";
    return json_quoted(&c->arena, (struct str){data, (int32_t)len}).data;
}

static void print_partitions(struct consumer *c, const char *name,
                             const rd_kafka_topic_partition_list_t *list)
{
    print_start(name);
    printf(",\"partitions\":[");
    for (int i = 0; i < list->cnt; i++)
        printf("%s{\"topic\":%s,\"partition\":%d}", i ? "," : "",
               quoted(c, list->elems[i].topic, strlen(list->elems[i].topic)),
               list->elems[i].partition);
    printf("]}\n");
}

static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t e, rd_kafka_topic_partition_list_t *list,
                      void *opaque)
{
    struct consumer *c = opaque;
    bool assigned = e == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    if (assigned || list->cnt)
        print_partitions(c, assigned ? "partitions_assigned" : "partitions_revoked", list);
    if (assigned && list->cnt && c->ago_ms >= 0) rdkafka_begin_ago(rk, list, c->ago_ms);
    rdkafka_take_assignment(rk, assigned, list);
}

/* ---- one poll's records */

struct summary {
    const char *topic;
    int32_t partition;
    int64_t count, first, last;
};

static struct summary *summary_of(struct summary *s, int *count, const rd_kafka_message_t *m)
{
    const char *topic = rd_kafka_topic_name(m->rkt);
    for (int i = 0; i < *count; i++)
        if (s[i].partition == m->partition && strcmp(s[i].topic, topic) == 0) return &s[i];
    s[*count] = (struct summary){topic, m->partition, 0, m->offset, m->offset};
    return &s[(*count)++];
}

static void print_record(struct consumer *c, const rd_kafka_message_t *m)
{
    const char *topic = rd_kafka_topic_name(m->rkt);
    print_start("record_data");
    printf(",\"key\":%s,\"value\":%s,\"topic\":%s,\"partition\":%d,\"offset\":%lld}\n",
           quoted(c, m->key, m->key_len), quoted(c, m->payload, m->len),
           quoted(c, topic, strlen(topic)), m->partition, (long long)m->offset);
}

static void commit(struct consumer *c, const struct summary *s, int count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, s[i].topic, s[i].partition)->offset = s[i].last + 1;
    rd_kafka_resp_err_t e = rd_kafka_commit(c->handle, list, 0);
    print_start("offsets_committed");
    printf(",\"offsets\":[");
    for (int i = 0; i < count; i++)
        printf("%s{\"topic\":%s,\"partition\":%d,\"offset\":%lld}", i ? "," : "",
               quoted(c, s[i].topic, strlen(s[i].topic)), s[i].partition, (long long)s[i].last + 1);
    printf("]");
    if (e) printf(",\"error\":%s", quoted(c, rd_kafka_err2str(e), strlen(rd_kafka_err2str(e))));
    printf(",\"success\":%s}\n", e ? "false" : "true");
    rd_kafka_topic_partition_list_destroy(list);
}

/* False when an error ends the tool. */
static bool check_error(const rd_kafka_message_t *m)
{
    if (!m->err || m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return true;
    bool fatal = m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                 m->err == RD_KAFKA_RESP_ERR__FATAL ||
                 m->err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ||
                 m->err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
    rdkafka_log_line(fatal ? "ERROR" : "WARN", "org.apache.kafka.tools.VerifiableConsumer", "%s%s",
                     fatal ? "Error during processing, terminating consumer process: " : "",
                     rd_kafka_message_errstr(m));
    return !fatal;
}

static void handle_records(struct consumer *c, rd_kafka_message_t **messages, ssize_t count)
{
    struct summary *s = ARENA_ARRAY(&c->arena, struct summary, count);
    int summaries = 0;
    int64_t records = 0;
    for (ssize_t i = 0; i < count && !c->failed; i++) {
        const rd_kafka_message_t *m = messages[i];
        c->failed = !check_error(m);
        if (m->err) continue;
        records++;
        if (c->most >= 0 && c->consumed >= c->most) continue;
        struct summary *of = summary_of(s, &summaries, m);
        of->count++;
        of->last = m->offset;
        c->consumed++;
        if (c->verbose) print_record(c, m);
    }
    if (records) {
        print_start("records_consumed");
        printf(",\"count\":%lld,\"partitions\":[", (long long)records);
        for (int i = 0; i < summaries; i++)
            printf(
                "%s{\"topic\":%s,\"partition\":%d,\"count\":%lld,\"minOffset\":%lld,\"maxOffset\":"
                "%lld}",
                i ? "," : "", quoted(c, s[i].topic, strlen(s[i].topic)), s[i].partition,
                (long long)s[i].count, (long long)s[i].first, (long long)s[i].last);
        printf("]}\n");
        if (!c->auto_commit) commit(c, s, summaries);
    }
    for (ssize_t i = 0; i < count; i++) rd_kafka_message_destroy(messages[i]);
    arena_reset(&c->arena);
}

static void consume(struct consumer *c)
{
    rd_kafka_message_t **messages = calloc((size_t)c->poll_records, sizeof *messages);
    if (!messages) abort();
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(c->handle);
    while (!rdkafka_signal() && !c->failed && (c->most < 0 || c->consumed < c->most)) {
        /* the first one is waited for, the rest is taken as it is there */
        rd_kafka_message_t *first = rd_kafka_consumer_poll(c->handle, POLL_MS);
        if (!first) continue;
        messages[0] = first;
        ssize_t more =
            c->poll_records > 1
                ? rd_kafka_consume_batch_queue(queue, 0, messages + 1, (size_t)c->poll_records - 1)
                : 0;
        handle_records(c, messages, 1 + (more > 0 ? more : 0));
    }
    rd_kafka_queue_destroy(queue);
    free(messages);
}

/* ---- options */

static void set_protocol(rd_kafka_conf_t *conf, const struct args *a, struct consumer *c)
{
    const char *protocol = args_value(a, "group-protocol");
    bool consumer = strcasecmp(protocol, "consumer") == 0;
    char why[512];
    if (!consumer && strcasecmp(protocol, "classic") != 0) {
        char name[128];
        int len = snprintf(name, sizeof name, "%s", protocol);
        for (int i = 0; i < len && name[i]; i++) name[i] = (char)toupper((unsigned char)name[i]);
        fprintf(stderr,
                "Exception in thread \"main\" java.lang.IllegalArgumentException: No enum constant "
                "org.apache.kafka.clients.consumer.GroupProtocol.%s\n",
                name);
        exit(1);
    }
    if (!consumer) {
        rdkafka_set_java(conf, "partition.assignment.strategy",
                         args_value(a, "assignment-strategy"));
        return;
    }
    c->unserved = rdkafka_no_consumer_protocol(a, args_value(a, "bootstrap-server"));
    if (c->unserved) return;
    if (rd_kafka_conf_set(conf, "group.protocol", "consumer", why, sizeof why) !=
        RD_KAFKA_CONF_OK) {
        fprintf(stderr, "The group protocol CONSUMER is not in this machine's librdkafka %s\n",
                rd_kafka_version_str());
        exit(1);
    }
    if (args_has(a, "group-remote-assignor"))
        rdkafka_set_java(conf, "group.remote.assignor", args_value(a, "group-remote-assignor"));
}

static rd_kafka_conf_t *configure(const struct args *a, struct consumer *c)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rdkafka_consumer_defaults(conf);
    const char *file = args_value(a, "command-config"), *old = args_value(a, "consumer.config");
    if (file && old)
        args_error(a, "Options --consumer.config and --command-config are mutually exclusive.");
    if (old)
        printf(
            "Option --consumer.config has been deprecated and will be removed in a future version. "
            "Use --command-config instead.\n");
    if (old) file = old;
    if (file && !rdkafka_set_file(conf, file, NULL)) args_error(a, "%s", file);
    set_protocol(conf, a, c);
    if (args_has(a, "session-timeout"))
        rdkafka_set_java(conf, "session.timeout.ms", args_value(a, "session-timeout"));
    if (args_has(a, "group-instance-id"))
        rdkafka_set(conf, "group.instance.id", args_value(a, "group-instance-id"));
    rdkafka_set(conf, "group.id", args_value(a, "group-id"));
    rdkafka_set(conf, "bootstrap.servers", args_value(a, "bootstrap-server"));
    rdkafka_set(conf, "enable.auto.commit", c->auto_commit ? "true" : "false");
    rdkafka_set_java(conf, "auto.offset.reset", args_value(a, "reset-policy"));
    if (!java_config_by_duration(args_value(a, "reset-policy"), &c->ago_ms)) c->ago_ms = -1;
    c->poll_records = rdkafka_poll_records(a, NULL, file);
    rd_kafka_conf_set_rebalance_cb(conf, rebalance);
    rd_kafka_conf_set_opaque(conf, c);
    return conf;
}

int tool_verifiable_consumer(int argc, char **argv)
{
    struct args a;
    if (argc == 1) args_print_help(program, description, options);
    args_parse_argparse(&a, ARGS_HELP_FAILS, program, description, options, argc, argv);
    args_integer(&a, "session-timeout", 0);
    struct consumer c = {.verbose = args_has(&a, "verbose"),
                         .auto_commit = args_has(&a, "enable-autocommit"),
                         .most = args_integer(&a, "max-messages", -1)};
    arena_init(&c.arena, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    c.handle = rdkafka_new(RD_KAFKA_CONSUMER, configure(&a, &c));
    rdkafka_catch_signals();
    rd_kafka_poll_set_consumer(c.handle);
    print_event("startup_complete");
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, args_value(&a, "topic"), RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t e =
        c.unserved ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_subscribe(c.handle, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (e || c.unserved)
        rdkafka_log_line("ERROR", "org.apache.kafka.tools.VerifiableConsumer",
                         "Error during processing, terminating consumer process: %s",
                         c.unserved ? c.unserved : rd_kafka_err2str(e));
    else
        consume(&c);
    if (rdkafka_signal()) print_event("shutdown_requested");
    rd_kafka_consumer_close(c.handle);
    print_event("shutdown_complete");
    /* Kafka's ends by itself first and asks itself to end afterwards */
    if (!rdkafka_signal()) print_event("shutdown_requested");
    fflush(stdout);
    rd_kafka_destroy(c.handle);
    return rdkafka_signal() ? 128 + rdkafka_signal() : 0;
}
