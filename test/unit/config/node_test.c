#include "test.h"

#include <stdio.h>

#include "config/node.h"

static struct arena arena;
static struct config *config;
static struct node_config node;
static struct config_error error;

static enum err read_node(const char *text)
{
    arena_init(&arena, 0);
    enum err e = config_read("s", str_of(text), NULL, 0, &config, &error);
    if (e) fail_msg("%s", error.text);
    return node_config_read(config, &arena, &node, &error);
}

static void done(void)
{
    config_free(config);
    arena_free(&arena);
}

static void refused(const char *text, const char *message)
{
    assert_int_equal(read_node(text), ERR_INVALID);
    if (!strstr(error.text, message)) fail_msg("got: %s", error.text);
    done();
}

#define COMBINED                                                                         \
    "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n" \
    "controller.quorum.bootstrap.servers=localhost:9093\n"

TEST(a_combined_node_is_read_whole)
{
    if (read_node(COMBINED "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                           "advertised.listeners=PLAINTEXT://example.org:9092\n"
                           "log.dirs=/a,/b\nmetadata.log.dir=/m\n"))
        fail_msg("%s", error.text);
    assert_true(node.is_broker && node.is_controller);
    assert_int_equal(node.listeners.count, 2);
    assert_string_equal(node.listeners.items[1].name, "CONTROLLER");
    assert_int_equal(node.listeners.items[1].protocol, SECURITY_PLAINTEXT);
    assert_int_equal(node.advertised.count, 1);
    assert_string_equal(node.advertised.items[0].host, "example.org");
    assert_int_equal(node.advertised_controller.count, 1);
    assert_int_equal(node.advertised_controller.items[0].port, 9093);
    assert_string_equal(node.advertised_controller.items[0].host, "");
    assert_string_equal(node.inter_broker_name, "PLAINTEXT");
    assert_int_equal(node.servers_count, 1);
    assert_int_equal(node.servers[0].port, 9093);
    assert_int_equal(node.log_dirs_count, 2);
    assert_string_equal(node.metadata_dir, "/m");
    done();
}

TEST(a_static_voter_gives_its_controller_address)
{
    if (read_node("process.roles=controller\nnode.id=2\ncontroller.listener.names=CONTROLLER\n"
                  "controller.quorum.voters=1@a:9093,2@[::1]:9094\nlisteners=CONTROLLER://:9094\n"))
        fail_msg("%s", error.text);
    assert_int_equal(node.voters_count, 2);
    assert_string_equal(node.voters[1].host, "::1");
    assert_string_equal(node.advertised_controller.items[0].host, "::1");
    assert_int_equal(node.advertised.count, 0);
    assert_string_equal(node.metadata_dir, "/tmp/kafka-logs");
    done();
}

TEST(rules_between_keys_are_told_in_the_words_of_kafka)
{
    refused("process.roles=broker\nnode.id=1\ncontroller.listener.names=CONTROLLER\n",
            "s:1: If using process.roles, either controller.quorum.bootstrap.servers must contain");
    refused(COMBINED "listeners=PLAINTEXT://:9092\n",
            "controller.listener.names must contain at least one value appearing in the "
            "'listeners'");
    refused(COMBINED "listeners=PLAINTEXT://:9092,CONTROLLER://:9092\n",
            "s:5: Error creating broker listeners from '[PLAINTEXT://:9092, CONTROLLER://:9092]': "
            "Each listener must have a different port");
    refused(COMBINED "listeners=X://:9092,CONTROLLER://:9093\n",
            "No security protocol defined for listener X");
    refused(COMBINED "listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://:9093\n",
            "s:5: requirement failed: advertised.listeners cannot use the nonroutable meta-address "
            "0.0.0.0. Use a routable IP address.");
    refused(COMBINED "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                     "advertised.listeners=PLAINTEXT://h:1,SSL://h:2\n",
            "s:6: requirement failed: advertised.listeners listener names must be equal to or a "
            "subset of the ones defined in listeners. Found PLAINTEXT,SSL. The valid options based "
            "on the current configuration are PLAINTEXT,CONTROLLER");
    refused("process.roles=controller\nnode.id=3\ncontroller.listener.names=CONTROLLER\n"
            "controller.quorum.voters=1@a:1,2@b:1\nlisteners=CONTROLLER://:9093\n",
            "the node id 3 must be included in the set of voters "
            "controller.quorum.voters=Set(1, 2)");
    refused(COMBINED "broker.id=2\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n",
            "`node.id` and `broker.id` must be set to the same value");
    refused(COMBINED "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\nreplica.lag.time.max.ms=1\n",
            "s:6: requirement failed: replica.fetch.wait.max.ms should always be less than or "
            "equal to replica.lag.time.max.ms");
    refused(COMBINED "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                     "replica.fetch.wait.max.ms=30001\n",
            "s:6: requirement failed: replica.socket.timeout.ms should always be at least ");
    refused(COMBINED "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\nlog.dirs=/a,/b\n"
                     "cordoned.log.dirs=/b,/c,/d\n",
            "s:7: requirement failed: All entries in cordoned.log.dirs must be present in log.dirs "
            "or log.dir. Missing entries : /c, /d");
    refused(COMBINED "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\nlog.dirs=/a,/b\n"
                     "cordoned.log.dirs=*,/b\n",
            "s:7: requirement failed: When cordoned.log.dirs is set to *, it must not contain "
            "other values");
}

/* `count` elements, each made of its number, behind `text`. */
static char *listed(char *text, const char *before, const char *after, int32_t count)
{
    char *to = text + strlen(text);
    for (int32_t i = 0; i < count; i++)
        to += snprintf(to, 64, "%s%s%d%s%d", i > 0 ? "," : "", before, i, after, 20000 + i);
    strcpy(to, "\n");
    return text;
}

/* `why` NULL: it is read. */
static void outcome(const char *text, const char *why)
{
    if (why) {
        refused(text, why);
        return;
    }
    if (read_node(text)) fail_msg("%s", error.text);
    done();
}

TEST(listeners_and_directories_have_a_bound)
{
    static char text[1 << 14];
    for (int32_t more = 0; more <= 1; more++) {
        int32_t listeners = NODE_LISTENERS_MAX - 1 + more, dirs = NODE_DIRECTORIES_MAX + more;
        strcpy(text, COMBINED "inter.broker.listener.name=X0\n"
                              "listener.security.protocol.map=CONTROLLER:PLAINTEXT");
        for (int32_t i = 0; i < listeners; i++)
            snprintf(text + strlen(text), 64, ",X%d:PLAINTEXT", i);
        strcat(text, "\nlisteners=CONTROLLER://:9093,");
        outcome(listed(text, "X", "://:", listeners),
                more ? "s:7: 33 listeners, and a node has at most 32" : NULL);
        strcpy(text, COMBINED "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\nlog.dirs=");
        outcome(listed(text, "/d", "-", dirs),
                more ? "s:6: 65 log directories, and a node has at most 64" : NULL);
        strcpy(text, COMBINED "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                              "metadata.log.dir=/m\nlog.dirs=");
        outcome(listed(text, "/d", "-", dirs - 1),
                more ? "s:7: 65 log directories, and a node has at most 64" : NULL);
    }
}

TEST(a_broker_may_not_listen_as_a_controller_but_must_map_it)
{
    refused("process.roles=broker\nnode.id=1\ncontroller.listener.names=CONTROLLER\n"
            "controller.quorum.bootstrap.servers=c:9093\n"
            "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n",
            "must not contain a value appearing in the 'listeners' configuration when running "
            "KRaft with just the broker role");
    refused("process.roles=broker\nnode.id=1\ncontroller.listener.names=CTRL\n"
            "controller.quorum.bootstrap.servers=c:9093\nlisteners=PLAINTEXT://:9092\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT\n",
            "Controller listener with name CTRL defined in controller.listener.names not found");
}

TEST(two_listeners_share_a_port_over_different_address_families)
{
    if (read_node(COMBINED "listeners=PLAINTEXT://127.0.0.1:9092,SSL://[::1]:9092,"
                           "CONTROLLER://:9093\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,"
                           "SSL:SSL,CONTROLLER:PLAINTEXT\n"))
        fail_msg("%s", error.text);
    done();
    refused(COMBINED "listeners=PLAINTEXT://127.0.0.1:9092,SSL://127.0.0.2:9092,"
                     "CONTROLLER://:9093\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,"
                     "SSL:SSL,CONTROLLER:PLAINTEXT\n",
            "If you have two listeners on the same port then one needs to be IPv4 and the other "
            "IPv6");
}
