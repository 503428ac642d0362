/* kafka-verifiable-producer.sh: increasing numbers as records, and a line of JSON on standard
 * output for each that was acknowledged or was not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"
#include "cli/pace.h"
#include "cli/rdkafka.h"
#include "cli/tool.h"

enum { FLUSH_MS = 60000, POLL_MS = 100 };

static const char program[] = "verifiable-producer";
static const char description[] =
    "This tool produces increasing integers to the specified topic and prints JSON metadata to "
    "stdout on each \"send\" request, making externally visible which messages have been acked and "
    "which have not.";

static const struct option options[] = {
    {"topic", 0, OPTION_VALUE, true, false, "TOPIC", "Produce messages to this topic."},
    {"max-messages", 0, OPTION_VALUE, false, false, "MAX-MESSAGES",
     "So many; -1: until the process is ended.", "-1"},
    {"throughput", 0, OPTION_VALUE, false, false, "THROUGHPUT",
     "About so many a second; -1: as fast as it goes.", "-1"},
    {"acks", 0, OPTION_VALUE, false, false, "ACKS", "0, 1 or -1 (all).", "-1"},
    {"producer.config", 0, OPTION_VALUE, false, false, "CONFIG-FILE",
     "Former name of --command-config."},
    {"message-create-time", 0, OPTION_VALUE, false, false, "CREATE-TIME",
     "The first record's timestamp, in milliseconds.", "-1"},
    {"value-prefix", 0, OPTION_VALUE, false, false, "VALUE-PREFIX",
     "A number before each value, with a dot."},
    {"repeating-keys", 0, OPTION_VALUE, false, false, "REPEATING-KEYS",
     "Keys from 0 up to this number, and again."},
    {"command-config", 0, OPTION_VALUE, false, false, "CONFIG-FILE",
     "File with properties of the client."},
    {"bootstrap-server", 0, OPTION_VALUE, false, false, "HOST1:PORT1[,HOST2:PORT2[...]]",
     "REQUIRED: the brokers to connect to first."},
    {0},
};

struct producer {
    rd_kafka_t *handle;
    const char *topic;
    struct arena arena; /* of one line of output */
    int64_t sent, acked;
    int64_t create_time_ms, start_ms; /* -1: not given */
};

static void print_event(const char *name)
{
    printf("{\"timestamp\":%lld,\"name\":\"%s\"}\n", (long long)pace_wall_ms(), name);
}

static struct str quoted(struct producer *p, const void *data, size_t len)
{
    if (!data) return STR("null");
    return json_quoted(&p->arena, (struct str){data, (int32_t)len});
}

static void print_failure(struct producer *p, const void *key, size_t key_len, const void *value,
                          size_t value_len, rd_kafka_resp_err_t e)
{
    const char *text = rd_kafka_err2str(e);
    if (e == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION)
        text = arena_printf(&p->arena, "Invalid topics: [%s]", p->topic).data;
    printf(
        "{\"timestamp\":%lld,\"name\":\"producer_send_error\",\"topic\":%s,\"key\":%s,\"value\":%s,"
        "\"exception\":\"class %s\",\"message\":%s}\n",
        (long long)pace_wall_ms(), quoted(p, p->topic, strlen(p->topic)).data,
        quoted(p, key, key_len).data, quoted(p, value, value_len).data, rdkafka_exception(e),
        quoted(p, text, strlen(text)).data);
    arena_reset(&p->arena);
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct producer *p = opaque;
    (void)rk;
    if (m->err) {
        print_failure(p, m->key, m->key_len, m->payload, m->len, m->err);
        return;
    }
    p->acked++;
    printf(
        "{\"timestamp\":%lld,\"name\":\"producer_send_success\",\"key\":%s,\"value\":%s,\"offset\":"
        "%lld,\"topic\":%s,\"partition\":%d}\n",
        (long long)pace_wall_ms(), quoted(p, m->key, m->key_len).data,
        quoted(p, m->payload, m->len).data, m->offset < 0 ? -1LL : (long long)m->offset,
        quoted(p, p->topic, strlen(p->topic)).data, m->partition);
    arena_reset(&p->arena);
}

static void send_one(struct producer *p, const char *key, const char *value)
{
    size_t key_len = key ? strlen(key) : 0;
    int64_t timestamp = 0; /* now */
    if (p->create_time_ms >= 0) {
        timestamp = p->create_time_ms;
        p->create_time_ms += pace_wall_ms() - p->start_ms;
    }
    p->sent++;
    for (;;) {
        rd_kafka_resp_err_t e = rd_kafka_producev(
            p->handle, RD_KAFKA_V_TOPIC(p->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(key, key_len), RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)),
            RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_END);
        if (e == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_poll(p->handle, POLL_MS);
            continue;
        }
        if (e) print_failure(p, key, key_len, value, strlen(value), e);
        return;
    }
}

static rd_kafka_conf_t *configure(const struct args *a, struct producer *p)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rdkafka_producer_defaults(conf);
    rdkafka_set(conf, "enable.idempotence", "false"); /* there are no retries */
    rdkafka_set(conf, "retries", "0");
    rdkafka_set(conf, "bootstrap.servers", args_value(a, "bootstrap-server"));
    rdkafka_set(conf, "acks", args_value(a, "acks"));
    const char *file = args_value(a, "command-config"), *old = args_value(a, "producer.config");
    if (file && old)
        args_error(a, "Options --producer.config and --command-config are mutually exclusive.");
    if (old)
        printf(
            "Option --producer.config has been deprecated and will be removed in a future version. "
            "Use --command-config instead.\n");
    if (old) file = old;
    if (file && !rdkafka_set_file(conf, file, NULL)) args_error(a, "%s", file);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, p);
    return conf;
}

static void produce(struct producer *p, const struct args *a)
{
    int64_t most = args_number(a, "max-messages", -1), prefix = args_number(a, "value-prefix", 0);
    int64_t keys = args_number(a, "repeating-keys", 0), next_key = 0;
    struct pace pace = {(double)args_number(a, "throughput", -1), pace_now_us()};
    print_event("startup_complete");
    for (int64_t i = 0; (most < 0 || i < most) && !rdkafka_signal(); i++) {
        char value[48], key[24];
        if (args_has(a, "value-prefix"))
            snprintf(value, sizeof value, "%lld.%lld", (long long)prefix, (long long)i);
        else
            snprintf(value, sizeof value, "%lld", (long long)i);
        snprintf(key, sizeof key, "%lld", (long long)next_key);
        if (++next_key == keys) next_key = 0;
        send_one(p, args_has(a, "repeating-keys") ? key : NULL, value);
        rd_kafka_poll(p->handle, 0);
        for (int32_t wait; !rdkafka_signal() && (wait = pace_wait_ms(&pace, i + 1, pace_now_us()));)
            rd_kafka_poll(p->handle, wait < POLL_MS ? wait : POLL_MS);
    }
}

int tool_verifiable_producer(int argc, char **argv)
{
    struct args a;
    if (argc == 1) args_print_help(program, description, options);
    args_parse_argparse(&a, ARGS_HELP_FAILS, program, description, options, argc, argv);
    ARGS_ONE_OF(&a, true, "bootstrap-server");
    static const char *const integers[] = {"max-messages", "throughput", "acks", "value-prefix",
                                           "repeating-keys"};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        args_integer(&a, integers[i], 0);
    args_number(&a, "message-create-time", 0);
    int32_t acks = args_integer(&a, "acks", -1);
    if (acks < -1 || acks > 1)
        args_error(&a, "argument --acks: invalid choice: '%s' (choose from {0,1,-1})",
                   args_value(&a, "acks"));
    struct producer p = {.topic = args_value(&a, "topic"),
                         .create_time_ms = args_number(&a, "message-create-time", -1),
                         .start_ms = pace_wall_ms()};
    int64_t start_ms = p.start_ms;
    arena_init(&p.arena, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    p.handle = rdkafka_new(RD_KAFKA_PRODUCER, configure(&a, &p));
    rdkafka_catch_signals();
    produce(&p, &a);
    rd_kafka_flush(p.handle, FLUSH_MS);
    print_event("shutdown_complete");
    char rate[64];
    double seconds = (double)(pace_wall_ms() - start_ms) / 1000;
    printf("{\"timestamp\":%lld,\"name\":\"tool_data\",\"sent\":%lld,\"acked\":%lld,"
           "\"target_throughput\":%lld,\"avg_throughput\":%s}\n",
           (long long)pace_wall_ms(), (long long)p.sent, (long long)p.acked,
           (long long)args_number(&a, "throughput", -1),
           pace_double_text((double)p.acked / seconds, rate));
    fflush(stdout);
    rd_kafka_destroy(p.handle);
    return rdkafka_signal() ? 128 + rdkafka_signal() : 0;
}
