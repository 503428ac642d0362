/* librdkafka for the console tools: Java's property names and Kafka's manners over its
 * configuration. */
#ifndef SAMSA_CLI_RDKAFKA_H
#define SAMSA_CLI_RDKAFKA_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "cli/args.h"
#include "config/properties.h"

/* Set a property or end the process with librdkafka's complaint. */
void rdkafka_set(rd_kafka_conf_t *conf, const char *name, const char *value);

/* Set a Java property, translated; one that librdkafka does not have is named on standard error and
 * left out. A bad value ends the process with Kafka's complaint. */
void rdkafka_set_java(rd_kafka_conf_t *conf, const char *name, const char *value);

/* The properties of a file, likewise, but those that `overruled` names (NULL ends it; may be NULL).
 * False when it cannot be read (errno). */
bool rdkafka_set_file(rd_kafka_conf_t *conf, const char *path, const char *const *overruled);

/* What the options of that name (NULL: none), or else the file at `path` (may be NULL), say of a
 * Java property that librdkafka does not have. False: nothing. */
bool rdkafka_java_value(const struct args *a, const char *option, const char *path, const char *key,
                        char value[256]);

/* max.poll.records likewise, which is Java's 500 unless something is said. */
int32_t rdkafka_poll_records(const struct args *a, const char *option, const char *path);

/* As Java's client ends where a group's protocol is one that the brokers do not have: the reason,
 * static, or NULL: they have it. `servers` are the bootstrap servers. */
const char *rdkafka_no_consumer_protocol(const struct args *a, const char *servers);

/* Where a group has no offset of a partition of `list`, the one of `ago_ms` before now (KIP-1106),
 * or the end. Waits for the brokers. */
void rdkafka_begin_ago(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t ago_ms);

/* Where a group has no offset of a partition of `list`, the logical one: at once, where librdkafka
 * would wait as before a second try. Waits for the brokers. */
void rdkafka_begin_at(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t logical);

/* Why the brokers have no coordinator for a transactional id, in `text`; NULL: they have, or that
 * cannot be told yet. librdkafka would ask for it again and again. */
const char *rdkafka_no_transactions(const struct args *a, const char *servers, const char *id,
                                    char text[512]);

/* What Java's producer and consumer do when nothing is said: idempotent writes of 16 KiB batches
 * within 32 MiB, keys where its partitioner sends them; no waiting for more to send in one
 * packet. */
void rdkafka_producer_defaults(rd_kafka_conf_t *conf);
void rdkafka_consumer_defaults(rd_kafka_conf_t *conf);

/* What a rebalance callback owes librdkafka, whichever protocol the group is of. */
void rdkafka_take_assignment(rd_kafka_t *rk, bool assigned, rd_kafka_topic_partition_list_t *list);

/* The exception that Java's client would throw for an error of librdkafka: class name, static. */
const char *rdkafka_exception(rd_kafka_resp_err_t e);

/* From here on SIGINT and SIGTERM do not end the process; the one that came, 0 while none has. */
void rdkafka_catch_signals(void);
int rdkafka_signal(void);

/* A client, or the process ends with librdkafka's complaint. Owns conf. */
rd_kafka_t *rdkafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf);

/* The file of --command-config and the pairs of --command-property, old names included, on top
 * of what is set. Java properties that librdkafka does not have are named on standard error and
 * left out, as are those that `overruled` names (NULL ends it; may be NULL). */
void rdkafka_set_from_args(rd_kafka_conf_t *conf, const struct args *a, const char *old_property,
                           const char *old_config, const char *const *overruled);

/* What a file (the value of `file_option`) and "key=value" options say, the last of a key winning.
 * `old_name` is the option's name before 4.2. A file that cannot be read is a mistake. */
void args_properties(const struct args *a, const char *option, const char *old_name,
                     const char *file_option, struct arena *arena, struct properties *out);

/* Log lines of librdkafka go to standard error in the tools' format, warnings and worse. */
void rdkafka_log_to_stderr(rd_kafka_conf_t *conf);

/* "[2026-08-21 16:54:41,123] ERROR text (component)" on standard error. */
void rdkafka_log_line(const char *level, const char *component, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
