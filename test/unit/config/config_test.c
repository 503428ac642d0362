#include "test.h"

#include <stdio.h>

#include "base/mem.h"
#include "config/client_metrics.h"
#include "config/connection_limits.h"
#include "config/dynamic.h"
#include "config/topic.h"

#define NEEDED "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n"

static struct config_error error;

static struct config *read_config(const char *text)
{
    struct config *c = NULL;
    enum err e = config_read("server.properties", str_of(text), NULL, 0, &c, &error);
    if (e) fail_msg("%s", error.text);
    return c;
}

static void refused(const char *text, const char *message)
{
    struct config *c = NULL;
    assert_int_equal(config_read("s.properties", str_of(text), NULL, 0, &c, &error), ERR_INVALID);
    assert_string_equal(error.text, message);
}

TEST(a_file_stands_over_the_defaults_and_overrides_over_the_file)
{
    struct config_pair over = {STR("num.partitions"), STR("7")};
    struct config *c = NULL;
    assert_ok(config_read("f", STR(NEEDED "num.partitions=3\nfetch.max.bytes=2000\n"), &over, 1, &c,
                          &error));
    assert_int_equal(config_int(c, CONFIG_NUM_PARTITIONS), 7);
    assert_int_equal(config_int(c, CONFIG_FETCH_MAX_BYTES), 2000);
    assert_int_equal(config_int(c, CONFIG_MESSAGE_MAX_BYTES), 1048588);
    assert_true(config_is_set(c, CONFIG_FETCH_MAX_BYTES));
    assert_false(config_is_set(c, CONFIG_MESSAGE_MAX_BYTES));
    config_free(c);
}

TEST(errors_name_file_line_and_cause)
{
    refused(NEEDED "\nnum.partitions=many\n",
            "s.properties:5: Invalid value many for configuration num.partitions: Not a number of "
            "type INT");
    refused("node.id=1\n", "s.properties: Missing required configuration \"process.roles\" which "
                           "has no default value.");
    refused("process.roles=broker\n",
            "s.properties: Missing required configuration \"node.id\" which "
            "has no default value.");
    refused(
        "process.roles=broker\nnode.id=1\n",
        "s.properties: Missing required configuration \"controller.listener.names\" which has no "
        "default value.");
    refused("a=\\uzzzz", "s.properties:1: Malformed \\uxxxx encoding.");
}

TEST(a_later_duplicate_hides_a_bad_earlier_value)
{
    struct config *c = read_config(NEEDED "num.partitions=x\nnum.partitions=2\n");
    assert_int_equal(config_int(c, CONFIG_NUM_PARTITIONS), 2);
    config_free(c);
}

TEST(unknown_keys_are_kept_and_noted_with_a_guess)
{
    struct config *c = read_config(NEEDED "num.partitoins=2\nrsm.config.x=1\n"
                                          "leader.imbalance.per.broker.percentage=10\n"
                                          "listener.name.internal.ssl.key.password=secret\n");
    assert_string_equal(config_extra(c, "num.partitoins"), "2");
    assert_string_equal(config_extra(c, "rsm.config.x"), "1");
    assert_int_equal(config_leader_imbalance_percent(c), 10);
    assert_int_equal(c->notes_count, 1);
    assert_string_equal(c->notes[0].data, "server.properties:4: unknown configuration key "
                                          "num.partitoins is ignored; did you mean "
                                          "num.partitions?");
    config_free(c);
}

TEST(keys_without_effect_are_named_once_unless_at_their_default)
{
    struct config *c = read_config(NEEDED "background.threads=10\nmetrics.num.samples=3\n"
                                          "ssl.protocol=TLSv1.2\nauthorizer.class.name=A\n");
    assert_int_equal(c->notes_count, 2);
    assert_non_null(strstr(c->notes[0].data, "authorizer.class.name, ssl.protocol"));
    assert_non_null(strstr(c->notes[1].data, ": metrics.num.samples"));
    assert_null(strstr(c->notes[1].data, "background.threads"));
    config_free(c);
}

TEST(the_former_name_of_the_node_id_still_counts)
{
    struct config *c = read_config("process.roles=broker\nbroker.id=4\n"
                                   "controller.listener.names=C\n");
    assert_int_equal(config_int(c, CONFIG_NODE_ID), 4);
    config_free(c);
}

TEST(run_time_values_outrank_the_file_and_can_be_taken_back)
{
    struct config *c = read_config(NEEDED "log.retention.ms=100\n");
    struct str name = STR("log.retention.ms");
    assert_ok(config_set(c, LAYER_DYNAMIC_DEFAULT, name, STR("200"), &error));
    assert_int_equal(config_long(c, CONFIG_LOG_RETENTION_MS), 200);
    assert_ok(config_set(c, LAYER_DYNAMIC_BROKER, name, STR("300"), &error));
    assert_int_equal(config_long(c, CONFIG_LOG_RETENTION_MS), 300);
    assert_int_equal(config_set(c, LAYER_DYNAMIC_BROKER, name, STR("x"), &error), ERR_INVALID);
    assert_int_equal(config_long(c, CONFIG_LOG_RETENTION_MS), 300);

    struct arena arena;
    arena_init(&arena, 0);
    struct config_synonym *s;
    int32_t count;
    config_describe_synonyms(c, "log.retention.ms", &arena, &s, &count);
    assert_int_equal(count, 4);
    assert_int_equal(s[0].source, SOURCE_DYNAMIC_BROKER);
    assert_string_equal(s[2].value.data, "100");
    assert_string_equal(s[3].name, "log.retention.hours");
    arena_free(&arena);

    assert_ok(config_set(c, LAYER_DYNAMIC_BROKER, name, STR_NULL, &error));
    assert_int_equal(config_long(c, CONFIG_LOG_RETENTION_MS), 200);
    config_clear_but(c, LAYER_DYNAMIC_DEFAULT, NULL, 0);
    assert_int_equal(config_long(c, CONFIG_LOG_RETENTION_MS), 100);
    config_free(c);
}

TEST(a_change_at_run_time_obeys_the_scope_of_the_key)
{
    struct config *c = config_new();
    struct config_pair p = {STR("num.partitions"), STR("2")};
    assert_int_equal(config_validate_broker(c, &p, 1, true, &error), ERR_INVALID);
    assert_string_equal(error.text, "Cannot update these configs dynamically: [num.partitions]");
    p.name = STR("ssl.keystore.type");
    assert_int_equal(config_validate_broker(c, &p, 1, true, &error), ERR_INVALID);
    assert_string_equal(error.text, "These security configs can be dynamically updated only "
                                    "per-listener using the listener prefix: [ssl.keystore.type]");
    p.name = STR("listener.name.plaintext.ssl.keystore.type");
    assert_int_equal(config_validate_broker(c, &p, 1, false, &error), ERR_INVALID);
    assert_ok(config_validate_broker(c, &p, 1, true, &error));
    p.name = STR("log.retention.ms");
    assert_ok(config_validate_broker(c, &p, 1, false, &error));
    p.value = STR("0");
    assert_int_equal(config_validate_broker(c, &p, 1, false, &error), ERR_INVALID);
    p.value = STR("-2");
    assert_ok(config_validate_broker(c, &p, 1, false, &error));
    p.value = STR("x");
    assert_int_equal(config_validate_broker(c, &p, 1, false, &error), ERR_INVALID);
    struct config_pair two[] = {{STR("node.id"), STR("2")}, {STR("process.roles"), STR("x")}};
    assert_int_equal(config_validate_broker(c, two, 2, true, &error), ERR_INVALID);
    assert_string_equal(error.text,
                        "Cannot update these configs dynamically: [node.id, process.roles]");
    config_free(c);
}

/* What a change says of a broker with these values; "" when it may be. */
static const char *said_of(struct config *c, const char *name, const char *value, bool this_broker)
{
    struct config_pair p = {str_of(name), str_of(value)};
    error.text[0] = 0;
    enum err e = config_validate_broker(c, &p, 1, this_broker, &error);
    assert_int_equal(e != ERR_OK, error.text[0] != 0);
    return error.text;
}

#define THREADS(name, value, is, now)                                                             \
    "Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count "         \
    "update validation failed for " name "=" value ", value should " is " the current value " now \
    " for configuration Invalid dynamic configuration"

TEST(threads_change_by_half_or_double_at_once)
{
    struct config *c = config_new();
    const char *io = "num.io.threads";
    assert_string_equal(said_of(c, io, "16", true), "");
    assert_string_equal(said_of(c, io, "4", true), "");
    assert_string_equal(said_of(c, io, "17", true),
                        THREADS("num.io.threads", "17", "not be greater than double", "8"));
    assert_string_equal(said_of(c, io, "3", false),
                        THREADS("num.io.threads", "3", "be at least half", "8"));
    assert_ok(config_set(c, LAYER_DYNAMIC_DEFAULT, str_of(io), STR("16"), &error));
    assert_ok(config_set(c, LAYER_DYNAMIC_DEFAULT, str_of(io), STR("32"), &error));
    assert_string_equal(said_of(c, io, NULL, false),
                        THREADS("num.io.threads", "8", "be at least half", "32"));
    assert_ok(config_set(c, LAYER_DYNAMIC_BROKER, str_of(io), STR("20"), &error));
    assert_string_equal(said_of(c, io, "500", false), ""); /* the broker's own holds */
    assert_string_equal(said_of(c, io, NULL, true), "");
    const char *one = "listener.name.plaintext.num.network.threads";
    assert_string_equal(said_of(c, one, "6", true), "");
    assert_ok(config_set(c, LAYER_DYNAMIC_BROKER, str_of(one), STR("6"), &error));
    assert_string_equal(said_of(c, one, "12", true), "");
    assert_string_equal(said_of(c, one, "13", true),
                        THREADS("num.network.threads", "13", "not be greater than double", "6"));
    assert_string_equal(
        said_of(c, "log.cleaner.threads", "3", true),
        "Invalid value org.apache.kafka.common.config.ConfigException: Log cleaner threads cannot "
        "be increased to more than double the current value 1 for configuration Invalid dynamic "
        "configuration");
    config_free(c);
}

TEST(a_change_at_run_time_is_held_against_the_other_values)
{
    struct config *c = config_new();
    assert_string_equal(said_of(c, "log.cleaner.dedupe.buffer.size", "1048576", true),
                        "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB "
                        "per cleaner thread.");
    assert_string_equal(said_of(c, "log.cleaner.dedupe.buffer.size", "1048577", true), "");
    assert_string_equal(said_of(c, "max.connections.per.ip", "0", true),
                        "requirement failed: max.connections.per.ip can be set to zero only if "
                        "max.connections.per.ip.overrides property is set.");
    struct config_pair both[] = {{STR("max.connections.per.ip"), STR("0")},
                                 {STR("max.connections.per.ip.overrides"), STR("10.0.0.1:5")}};
    assert_ok(config_validate_broker(c, both, 2, true, &error));
    assert_string_equal(said_of(c, "max.connection.creation.rate", "0", true),
                        "Invalid value org.apache.kafka.common.config.ConfigException: Invalid "
                        "max.connection.creation.rate 0 for configuration Invalid dynamic "
                        "configuration");
    assert_string_equal(said_of(c, "metric.reporters", "", false), "");
    assert_string_equal(
        said_of(c, "metric.reporters", "org.apache.kafka.common.metrics.JmxReporter", true), "");
    assert_string_equal(
        said_of(c, "metric.reporters", "org.apache.kafka.common.metrics.JmxReporter,a.B", true),
        "Invalid value a.B for configuration metric.reporters: Class a.B could not "
        "be found.");
    assert_string_equal(said_of(c, "listeners", "PLAINTEXT://:9092", true), "");
    assert_string_equal(said_of(c, "listeners", "PLAINTEXT://:9093", true),
                        "Listeners cannot be changed while the broker runs: set listeners in its "
                        "file, and restart it");
    config_free(c);
}

TEST(what_a_change_at_run_time_leaves_as_it_was_takes_no_memory)
{
    struct config *c = config_new();
    struct config_pair pairs[] = {{STR("log.retention.ms"), STR("5000")},
                                  {STR("log.cleanup.policy"), STR("compact, delete")},
                                  {STR("leader.replication.throttled.rate"), STR("7")},
                                  {STR("message.max.bytes"), STR("9")}};
    size_t used = 0;
    for (int round = 0; round < 3; round++) {
        config_clear_but(c, LAYER_DYNAMIC_BROKER, pairs, 3); /* the last was unset meanwhile */
        assert_int_equal(config_int(c, CONFIG_MESSAGE_MAX_BYTES), 1048588);
        for (int i = 0; i < 3; i++)
            assert_ok(config_set(c, LAYER_DYNAMIC_BROKER, pairs[i].name, pairs[i].value, &error));
        if (round > 0) assert_int_equal(c->changes.used_bytes, used);
        used = c->changes.used_bytes;
        if (round == 0)
            assert_ok(config_set(c, LAYER_DYNAMIC_BROKER, pairs[3].name, pairs[3].value, &error));
        if (round == 0) config_clear_but(c, LAYER_DYNAMIC_BROKER, pairs, 3);
        used = c->changes.used_bytes;
    }
    assert_int_equal(config_long(c, CONFIG_LOG_RETENTION_MS), 5000);
    assert_string_equal(config_extra(c, "leader.replication.throttled.rate"), "7");
    config_clear_but(c, LAYER_DYNAMIC_BROKER, NULL, 0);
    assert_true(config_is_null(c, CONFIG_LOG_RETENTION_MS));
    assert_null(config_extra(c, "leader.replication.throttled.rate"));
    config_free(c);
}

TEST(however_often_something_changes_at_run_time_memory_is_bounded)
{
    struct config *c = config_new();
    assert_ok(config_set(c, LAYER_STATIC, STR("replica.selector.class"), STR("Static"), &error));
    const char *fixed = config_string(c, CONFIG_REPLICA_SELECTOR_CLASS);
    assert_ok(config_set(c, LAYER_DYNAMIC_DEFAULT, STR("log.retention.ms"), STR("77"), &error));
    for (int i = 0; i < 20000; i++) {
        char number[16], list[64];
        struct config_pair pairs[] = {
            {STR("message.max.bytes"), STR_NULL},
            {STR("cordoned.log.dirs"), STR_NULL},
            {STR("follower.replication.throttled.rate"), STR_NULL},
        };
        snprintf(number, sizeof number, "%d", 1000 + i);
        snprintf(list, sizeof list, "/a/%d,/b/%d", i, i);
        pairs[0].value = pairs[2].value = str_of(number);
        pairs[1].value = str_of(list);
        for (int k = 0; k < 3; k++)
            assert_ok(config_set(c, LAYER_DYNAMIC_BROKER, pairs[k].name, pairs[k].value, &error));
        assert_int_equal(config_int(c, CONFIG_MESSAGE_MAX_BYTES), 1000 + i);
        if (i % 3 == 0) config_clear_but(c, LAYER_DYNAMIC_BROKER, pairs + 1, 2);
        if (i % 3 == 0) assert_int_equal(config_int(c, CONFIG_MESSAGE_MAX_BYTES), 1048588);
        int32_t count;
        assert_string_equal(config_list(c, CONFIG_CORDONED_LOG_DIRS, &count)[1].data,
                            strchr(list, ',') + 1);
        assert_int_equal(count, 2);
        assert_string_equal(config_extra(c, "follower.replication.throttled.rate"), number);
        assert_true(c->changes.used_bytes < 128 << 10);
    }
    assert_int_equal(config_long(c, CONFIG_LOG_RETENTION_MS), 77);
    assert_ptr_equal(config_string(c, CONFIG_REPLICA_SELECTOR_CLASS), fixed);
    config_clear_but(c, LAYER_DYNAMIC_BROKER, NULL, 0);
    assert_true(config_is_null(c, CONFIG_CORDONED_LOG_DIRS) ||
                c->values[CONFIG_CORDONED_LOG_DIRS].list_count == 0);
    config_free(c);
}

TEST(a_list_of_very_many_elements_is_read_in_its_time)
{
    enum { MANY = 200000 };
    struct config *c = config_new();
    char *text = mem_alloc(MANY * 8 + 1);
    size_t len = 0;
    for (int i = 0; i < MANY; i++)
        len += (size_t)snprintf(text + len, 9, "%s%06d", i ? "," : "", i / 2); /* each twice */
    assert_ok(config_set(c, LAYER_STATIC, STR("group.share.assignors"),
                         (struct str){text, (int32_t)len}, &error));
    int32_t count;
    config_list(c, CONFIG_GROUP_SHARE_ASSIGNORS, &count);
    assert_int_equal(count, MANY / 2);
    mem_free(text);
    config_free(c);
}

TEST(rates_and_keys_of_a_listener_are_described_with_what_stands_behind)
{
    struct config *c = config_new();
    struct arena arena;
    arena_init(&arena, 0);
    struct str rate = STR("leader.replication.throttled.rate");
    struct str one = STR("listener.name.plaintext.max.connections");
    assert_ok(config_set(c, LAYER_DYNAMIC_BROKER, rate, STR("5"), &error));
    assert_ok(config_set(c, LAYER_DYNAMIC_DEFAULT, rate, STR("7"), &error));
    assert_ok(config_set(c, LAYER_DYNAMIC_BROKER, one, STR("10"), &error));
    struct config_described *all;
    int32_t count, seen = 0;
    config_describe_broker(c, true, &arena, &all, &count);
    for (int32_t i = 0; i < count; i++) {
        if (!str_equal_z(rate, all[i].name) && !str_equal_z(one, all[i].name)) continue;
        seen++;
        bool is_rate = str_equal_z(rate, all[i].name);
        assert_string_equal(all[i].value.data, is_rate ? "5" : "10");
        assert_false(all[i].sensitive);
        assert_int_equal(all[i].synonyms_count, 2);
        assert_string_equal(all[i].synonyms[1].name, is_rate ? rate.data : "max.connections");
        assert_int_equal(all[i].synonyms[1].source,
                         is_rate ? SOURCE_DYNAMIC_DEFAULT : SOURCE_DEFAULT);
    }
    assert_int_equal(seen, 2);
    arena_free(&arena);
    config_free(c);
}

TEST(secrets_and_unknown_keys_are_never_described)
{
    struct config *c = read_config(NEEDED "ssl.key.password=hunter2\nmy.own=hunter2\n");
    struct arena arena;
    arena_init(&arena, 0);
    struct config_described *d;
    int32_t count, seen = 0;
    config_describe_broker(c, true, &arena, &d, &count);
    for (int32_t i = 0; i < count; i++) {
        if (i) assert_true(strcmp(d[i - 1].name, d[i].name) < 0);
        if (strcmp(d[i].name, "ssl.key.password") && strcmp(d[i].name, "my.own")) continue;
        seen++;
        assert_true(d[i].sensitive);
        assert_true(str_is_null(d[i].value));
        assert_int_equal(d[i].synonyms_count, 1);
        assert_true(str_is_null(d[i].synonyms[0].value));
    }
    assert_int_equal(seen, 2);
    assert_null(strstr(config_print(c, &arena).data, "hunter2"));
    arena_free(&arena);
    config_free(c);
}

TEST(a_topic_takes_broker_values_of_other_names_and_units)
{
    struct config *c = read_config(NEEDED "log.retention.minutes=2\nlog.roll.hours=3\n"
                                          "log.cleanup.policy=compact,delete\n");
    struct arena arena;
    arena_init(&arena, 0);
    struct topic_config t;
    topic_config_resolve(c, NULL, 0, &arena, &t);
    assert_int_equal(t.retention_ms, 120000);
    assert_int_equal(t.segment_ms, 3 * 3600 * 1000);
    assert_int_equal(t.flush_ms, INT64_MAX);
    assert_true(t.cleanup_compact && t.cleanup_delete);
    struct config_pair own[] = {{STR("retention.ms"), STR("5")},
                                {STR("cleanup.policy"), STR("")},
                                {STR("segment.bytes"), STR("not from this release")}};
    topic_config_resolve(c, own, 3, &arena, &t);
    assert_int_equal(t.retention_ms, 5);
    assert_false(t.cleanup_compact || t.cleanup_delete);
    assert_int_equal(t.segment_bytes, 1 << 30);
    arena_free(&arena);
    config_free(c);
}

TEST(a_topic_change_is_checked_whole)
{
    struct config *c = config_new();
    struct config_pair p[] = {{STR("min.compaction.lag.ms"), STR("10")},
                              {STR("max.compaction.lag.ms"), STR("5")}};
    assert_ok(config_validate_topic(c, p, 1, &error));
    assert_int_equal(config_validate_topic(c, p, 2, &error), ERR_INVALID);
    assert_string_equal(error.text, "conflict topic config setting min.compaction.lag.ms (10) > "
                                    "max.compaction.lag.ms (5)");
    p[0].name = STR("retention.hours");
    assert_int_equal(config_validate_topic(c, p, 2, &error), ERR_INVALID);
    assert_string_equal(error.text, "Unknown topic config name: retention.hours");
    p[0] = (struct config_pair){STR("segment.bytes"), STR("1000")};
    assert_int_equal(config_validate_topic(c, p, 1, &error), ERR_INVALID);
    assert_string_equal(error.text,
                        "Invalid value 1000 for configuration segment.bytes: Value must "
                        "be at least 1048576");
    config_free(c);
}

TEST(a_groups_values_lie_between_the_brokers_bounds)
{
    struct config *c = config_new();
    struct config_pair p = {STR("consumer.session.timeout.ms"), STR("44999")};
    assert_int_equal(config_validate_group(c, &p, 1, &error), ERR_INVALID);
    assert_string_equal(error.text, "consumer.session.timeout.ms must be greater than or equal to "
                                    "group.consumer.min.session.timeout.ms");
    p.value = STR("45000");
    assert_ok(config_validate_group(c, &p, 1, &error));
    p.value = STR("60001");
    assert_int_equal(config_validate_group(c, &p, 1, &error), ERR_INVALID);
    p = (struct config_pair){STR("streams.num.standby.replicas"), STR("3")};
    assert_int_equal(config_validate_group(c, &p, 1, &error), ERR_INVALID);
    assert_string_equal(error.text, "streams.num.standby.replicas must be less than or equal to "
                                    "group.streams.max.standby.replicas");
    config_free(c);
}

static enum client_metrics_fault client_metrics(const char *name, const char *value)
{
    struct config_pair p = {str_of(name), str_of(value)};
    return config_check_client_metrics(&p, 1, &error);
}

TEST(a_client_metrics_subscription_is_judged_by_key)
{
    assert_int_equal(client_metrics("interval.ms", "100"), CLIENT_METRICS_FINE);
    assert_int_equal(client_metrics("interval.ms", "99"), CLIENT_METRICS_REQUEST);
    assert_int_equal(client_metrics("interval.ms", "3600000"), CLIENT_METRICS_FINE);
    assert_int_equal(client_metrics("interval.ms", "3600001"), CLIENT_METRICS_REQUEST);
    assert_int_equal(client_metrics("interval.ms", "x"), CLIENT_METRICS_CONFIG);
    assert_int_equal(client_metrics("match", "client_id=a[b]+,client_source_port=(1|2)"),
                     CLIENT_METRICS_FINE);
    static const char *const bad[] = {"client_id",   "client_id=",  "nobody=1",    "client_id=a=b",
                                      "client_id=[", "client_id=(", "client_id=)", "client_id=\\"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(client_metrics("match", bad[i]), CLIENT_METRICS_CONFIG);
    assert_int_equal(client_metrics("no.such", "1"), CLIENT_METRICS_REQUEST);
}

TEST(an_override_of_an_address_counts_instead_of_the_limit_for_all)
{
    struct config *c = config_new();
    assert_int_equal(connection_limit_of_address(c, "10.0.0.1"), INT32_MAX);
    struct config_pair set[] = {
        {STR("max.connections.per.ip"), STR("0")},
        {STR("max.connections.per.ip.overrides"), STR(" 10.0.0.1:5 , localhost : 7,0:0::1:8,")},
    };
    assert_ok(config_validate_broker(c, set, 2, true, &error));
    for (int i = 0; i < 2; i++)
        assert_ok(config_set(c, LAYER_DYNAMIC_DEFAULT, set[i].name, set[i].value, &error));
    assert_int_equal(connection_limit_of_address(c, "10.0.0.1"), 5);
    assert_int_equal(connection_limit_of_address(c, "127.0.0.1"), 7);
    assert_int_equal(connection_limit_of_address(c, "::1"), 8);
    assert_int_equal(connection_limit_of_address(c, "10.0.0.2"), 0);
    static const char *const bad[] = {
        "nonsense", "10.0.0.1",      "10.0.0.1:",           "10.0.0.1:five", "10.0.0.1:1,,::1:2",
        ":5",       "example.org:5", "10.0.0.1:2147483648", "10.0.0.1:1 2",  "10.0.0.1.1:5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!*said_of(c, "max.connections.per.ip.overrides", bad[i], false))
            fail_msg("%s is taken", bad[i]);
    assert_string_equal(said_of(c, "max.connections.per.ip.overrides", "::1:2,nonsense", false),
                        "Error parsing configuration property "
                        "'max.connections.per.ip.overrides': \"nonsense\" is not ADDRESS:COUNT, "
                        "like 10.0.0.1:100 (names but localhost are not looked up)");
    config_free(c);
}

TEST(a_listener_has_its_own_limit_below_that_of_all)
{
    struct config *c = config_new();
    assert_int_equal(connection_limit_of_listener(c, "PLAINTEXT"), INT32_MAX);
    assert_ok(config_set(c, LAYER_DYNAMIC_BROKER, STR("listener.name.plaintext.max.connections"),
                         STR("3"), &error));
    assert_int_equal(connection_limit_of_listener(c, "PLAINTEXT"), 3);
    assert_int_equal(connection_limit_of_listener(c, "OTHER"), INT32_MAX);
    assert_ok(config_set(c, LAYER_DYNAMIC_BROKER, STR("max.connections"), STR("2"), &error));
    assert_int_equal(connection_limit_of_listener(c, "PLAINTEXT"), 2);
    config_free(c);
}
