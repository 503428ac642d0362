#include "test.h"

#include "config/config.h"
#include "config/topic.h"

static struct arena arena;
static struct config_error error;

static enum err parse(const char *name, const char *text, struct config_value *out)
{
    bool override;
    int id = config_broker_key_find(str_of(name), &override);
    assert_true(id >= 0);
    return config_value_parse(&config_keys[id], str_of(text), &arena, out, &error);
}

static void refused(const char *name, const char *text, const char *message)
{
    struct config_value v;
    arena_init(&arena, 0);
    assert_int_equal(parse(name, text, &v), ERR_INVALID);
    assert_string_equal(error.text, message);
    arena_free(&arena);
}

static void prints(const char *name, const char *text, const char *expected)
{
    struct config_value v;
    arena_init(&arena, 0);
    assert_ok(parse(name, text, &v));
    bool override;
    struct str got = config_value_text(
        &config_keys[config_broker_key_find(str_of(name), &override)], &v, &arena);
    assert_string_equal(got.data, expected);
    arena_free(&arena);
}

TEST(bad_values_are_refused_in_the_words_of_kafka)
{
    refused("num.io.threads", "x",
            "Invalid value x for configuration num.io.threads: Not a number of type INT");
    refused("num.io.threads", "0",
            "Invalid value 0 for configuration num.io.threads: Value must be at least 1");
    refused("num.io.threads", "2147483648",
            "Invalid value 2147483648 for configuration num.io.threads: Not a number of type INT");
    refused("offsets.topic.replication.factor", "40000",
            "Invalid value 40000 for configuration offsets.topic.replication.factor: Not a number "
            "of type SHORT");
    refused("log.cleaner.min.cleanable.ratio", "1.5",
            "Invalid value 1.5 for configuration log.cleaner.min.cleanable.ratio: Value must be no "
            "more than 1");
    refused("compression.type", "lzma",
            "Invalid value lzma for configuration compression.type: String must be one of: "
            "uncompressed, zstd, lz4, snappy, gzip, producer");
    refused("compression.gzip.level", "0",
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and "
            "9 or equal to -1");
    refused("auto.create.topics.enable", "yes",
            "Invalid value yes for configuration auto.create.topics.enable: Expected value to be "
            "either true or false");
    refused("process.roles", "broker,,controller",
            "Configuration 'process.roles' values must not be empty.");
    refused("process.roles", "",
            "Configuration 'process.roles' must not be empty. Valid values include: [broker, "
            "controller]");
    refused("process.roles", "zookeeper",
            "Invalid value zookeeper for configuration process.roles: String must be one of: "
            "broker, controller");
    refused("controller.quorum.voters", "1@",
            "Failed to parse host port from entry 1@ for the configuration "
            "controller.quorum.voters. Each entry should be in the form `{id}@{host}:{port}`.");
}

TEST(an_element_of_a_checked_list_counts_once)
{
    struct config_value v;
    arena_init(&arena, 0);
    assert_ok(parse("log.cleanup.policy", "delete, delete,compact,delete", &v));
    assert_int_equal(v.list_count, 2);
    assert_string_equal(v.list[0].data, "delete");
    assert_string_equal(v.list[1].data, "compact");
    arena_free(&arena);
}

TEST(values_print_as_java_prints_them)
{
    prints("num.io.threads", " 8 ", "8");
    prints("num.io.threads", "+08", "8");
    prints("auto.create.topics.enable", "TRUE", "true");
    prints("log.dirs", " /a , /b", "/a,/b");
    prints("log.cleaner.min.cleanable.ratio", "0.50", "0.5");
    prints("log.cleaner.io.max.bytes.per.second", "1.7976931348623157E308",
           "1.7976931348623157E308");
    prints("log.cleaner.io.max.bytes.per.second", "10000000", "1.0E7");
    prints("log.cleaner.io.max.bytes.per.second", "1048576", "1048576.0");
    prints("group.consumer.migration.policy", "Upgrade", "Upgrade");
}

TEST(every_default_is_valid_and_every_table_is_sorted)
{
    arena_init(&arena, 0);
    for (int i = 0; i < CONFIG_COUNT; i++) {
        struct config_value v;
        if (i) assert_true(strcmp(config_keys[i - 1].name, config_keys[i].name) < 0);
        if (config_keys[i].standing == STANDING_NEEDED) continue;
        /* null defaults of checked lists are not set by anyone */
        if (config_keys[i].default_text)
            assert_ok(config_value_parse(&config_keys[i], str_of(config_keys[i].default_text),
                                         &arena, &v, &error));
    }
    for (int i = 1; i < TOPIC_CONFIG_COUNT; i++)
        assert_true(strcmp(topic_config_keys[i - 1].name, topic_config_keys[i].name) < 0);
    for (int i = 1; i < GROUP_CONFIG_COUNT; i++)
        assert_true(strcmp(group_config_keys[i - 1].name, group_config_keys[i].name) < 0);
    arena_free(&arena);
}

TEST(a_typo_finds_the_key_that_was_meant)
{
    const char *near = config_key_nearest(config_keys, CONFIG_COUNT, STR("num.partitoins"));
    assert_string_equal(near, "num.partitions");
    near = config_key_nearest(config_keys, CONFIG_COUNT, STR("log.retention.hour"));
    assert_string_equal(near, "log.retention.hours");
    assert_null(config_key_nearest(config_keys, CONFIG_COUNT, STR("zookeeper.connect")));
    assert_null(config_key_nearest(config_keys, CONFIG_COUNT, STR("x")));
}

TEST(throttled_replicas_are_pairs_or_a_star)
{
    const struct config_key *key = &topic_config_keys[TOPIC_LEADER_REPLICATION_THROTTLED_REPLICAS];
    struct config_value value;
    arena_init(&arena, 0);
    assert_ok(config_value_parse(key, STR("*"), &arena, &value, &error));
    assert_ok(config_value_parse(key, STR("0:1,12:3"), &arena, &value, &error));
    assert_int_equal(config_value_parse(key, STR("0-1"), &arena, &value, &error), ERR_INVALID);
    arena_free(&arena);
    assert_string_equal(
        error.text, "Invalid value [0-1] for configuration "
                    "leader.replication.throttled.replicas: "
                    "leader.replication.throttled.replicas must be the literal '*' or a list of "
                    "replicas in the following format: "
                    "[partitionId]:[brokerId],[partitionId]:[brokerId],...");
}
