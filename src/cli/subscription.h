/* What a consumer reads by a Java pattern: the topics that match when it begins, and those that
 * come later. librdkafka's own patterns are POSIX's and match Kafka's internal topics too.
 *
 * Borrows the handle and the pattern's text. Thread: the one that polls. */
#ifndef SAMSA_CLI_SUBSCRIPTION_H
#define SAMSA_CLI_SUBSCRIPTION_H

#include <librdkafka/rdkafka.h>

#include "cli/java_pattern.h"

struct subscription {
    rd_kafka_t *handle;
    struct java_pattern pattern;
    bool with_internal;                      /* exclude.internal.topics=false */
    rd_kafka_topic_partition_list_t *topics; /* subscribed to, sorted; NULL: none yet */
    int64_t look_ms;                         /* when to look next */
};

/* False: the pattern is malformed, and `why` is what Java says. */
bool subscription_init(struct subscription *s, rd_kafka_t *handle, const char *pattern,
                       bool with_internal, char why[JAVA_PATTERN_WHY_MAX]);

/* Asks for the topics when it is time: each second until one matches, then as often as
 * metadata.max.age.ms is by default. To be called between polls. Returns librdkafka's refusal of
 * the subscription. */
rd_kafka_resp_err_t subscription_look(struct subscription *s, int64_t now_ms);
void subscription_free(struct subscription *s);

#endif
