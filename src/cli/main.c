/* One binary, many tools: `samsa topics …` and `kafka-topics.sh …` are the same. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include <stdbool.h>

#include "cli/tool.h"

const struct tool tools[] = {
    {"broker-api-versions", tool_broker_api_versions, "which requests each broker serves"},
    {"cluster", tool_cluster, "the cluster's id and endpoints"},
    {"configs", tool_configs, "describe and change configurations"},
    {"console-consumer", tool_console_consumer, "print records"},
    {"console-producer", tool_console_producer, "write lines as records"},
    {"consumer-groups", tool_consumer_groups, "describe groups, reset and delete offsets"},
    {"consumer-perf-test", tool_consumer_perf_test, "read, and measure it"},
    {"delete-records", tool_delete_records, "raise log start offsets"},
    {"dump-log", tool_dump_log, "print the files of a log"},
    {"e2e-latency", tool_e2e_latency, "from producer to consumer, one record at a time"},
    {"events", tool_events, "what the nodes have noticed: an account of every failover"},
    {"features", tool_features, "describe the cluster's feature levels"},
    {"get-offsets", tool_get_offsets, "offsets by time"},
    {"leader-election", tool_leader_election, "elect leaders"},
    {"log-dirs", tool_log_dirs, "sizes of partitions on disk"},
    {"metadata-quorum", tool_metadata_quorum, "state of the controllers' quorum"},
    {"producer-perf-test", tool_producer_perf_test, "write, and measure it"},
    {"reassign-partitions", tool_reassign_partitions, "move partitions between brokers"},
    {"server-start", tool_server_start, "run a node"},
    {"server-stop", tool_server_stop, "stop the nodes of this machine"},
    {"storage", tool_storage, "format data directories"},
    {"topics", tool_topics, "create, describe, change and delete topics"},
    {"verifiable-consumer", tool_verifiable_consumer, "read, and tell it in JSON"},
    {"verifiable-producer", tool_verifiable_producer, "write numbers, and tell it in JSON"},
    {NULL},
};

/* Tools of Apache Kafka's bin/ that are not here: their names say so. */
static const char *const absent[] = {
    "acls",
    "client-metrics",
    "console-share-consumer",
    "delegation-tokens",
    "groups",
    "jmx",
    "metadata-shell",
    "replica-verification",
    "share-consumer-perf-test",
    "share-groups",
    "streams-application-reset",
    "streams-groups",
    "transactions",
    "verifiable-share-consumer",
    NULL,
};

static bool is_absent(const char *name)
{
    for (const char *const *a = absent; *a; a++)
        if (strcmp(*a, name) == 0) return true;
    return false;
}

static int answer_absent(const char *name)
{
    fprintf(stderr,
            "kafka-%s.sh is not part of Samsa: docs/compatibility.md says which tools are. Apache "
            "Kafka's own can be pointed at a Samsa cluster, as far as that serves its requests.\n",
            name);
    return 1;
}

static const struct tool *find(const char *name, size_t len)
{
    for (const struct tool *t = tools; t->name; t++)
        if (strlen(t->name) == len && memcmp(t->name, name, len) == 0) return t;
    return NULL;
}

/* "kafka-topics.sh" or "kafka-topics" names a tool. */
static const struct tool *find_by_program(const char *argv0)
{
    const char *base = strrchr(argv0, '/');
    base = base ? base + 1 : argv0;
    if (strncmp(base, "kafka-", 6) != 0) return NULL;
    base += 6;
    size_t len = strlen(base);
    if (len > 3 && strcmp(base + len - 3, ".sh") == 0) len -= 3;
    return find(base, len);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    const struct tool *tool = find_by_program(argv[0]);
    if (tool) return tool->main(argc, argv);
    if (argc > 1) {
        const char *name = argv[1];
        if (strncmp(name, "kafka-", 6) == 0)
            return (tool = find_by_program(name)) ? tool->main(argc - 1, argv + 1) : 1;
        tool = find(name, strlen(name));
        if (tool) return tool->main(argc - 1, argv + 1);
        if (is_absent(name)) return answer_absent(name);
        if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
            printf("samsa, as Apache Kafka %s\n", KAFKA_VERSION);
            return 0;
        }
    }
    bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    FILE *to = help ? stdout : stderr;
    if (argc > 1 && !help) fprintf(to, "samsa: no such tool: %s\n", argv[1]);
    fprintf(to, "usage: samsa TOOL [options], or bin/kafka-TOOL.sh [options]\n\n");
    for (const struct tool *t = tools; t->name; t++)
        fprintf(to, "  %-20s %s\n", t->name, t->meaning);
    return help ? 0 : 1;
}
