/* The command-line tools of one binary. Each is a main of its own that never sees the others.
 *
 * Tools are edge programs: they live for one command, take memory without giving it back, and end
 * the process where Kafka's tools would. Exit codes are 0 and 1. */
#ifndef SAMSA_CLI_TOOL_H
#define SAMSA_CLI_TOOL_H

/* What --version prints: the release whose behaviour the tools have. */
#define KAFKA_VERSION "4.3.1"

struct tool {
    const char *name; /* "topics", for `samsa topics` and kafka-topics.sh */
    int (*main)(int argc, char **argv);
    const char *meaning;
};

/* Ends with name NULL, sorted by name. */
extern const struct tool tools[];

int tool_broker_api_versions(int argc, char **argv);
int tool_cluster(int argc, char **argv);
int tool_configs(int argc, char **argv);
int tool_console_consumer(int argc, char **argv);
int tool_console_producer(int argc, char **argv);
int tool_consumer_groups(int argc, char **argv);
int tool_consumer_perf_test(int argc, char **argv);
int tool_delete_records(int argc, char **argv);
int tool_dump_log(int argc, char **argv);
int tool_e2e_latency(int argc, char **argv);
int tool_events(int argc, char **argv);
int tool_features(int argc, char **argv);
int tool_get_offsets(int argc, char **argv);
int tool_leader_election(int argc, char **argv);
int tool_log_dirs(int argc, char **argv);
int tool_metadata_quorum(int argc, char **argv);
int tool_producer_perf_test(int argc, char **argv);
int tool_reassign_partitions(int argc, char **argv);
int tool_server_start(int argc, char **argv);
int tool_server_stop(int argc, char **argv);
int tool_storage(int argc, char **argv);
int tool_topics(int argc, char **argv);
int tool_verifiable_consumer(int argc, char **argv);
int tool_verifiable_producer(int argc, char **argv);

/* The text of a file, zero-terminated, in memory that stays. NULL when it cannot be read
 * (errno). */
char *tool_read_file(const char *path, long *size);

#endif
