/* Offsets of many partitions at once: each partition is asked of its leader, one request per
 * leader, again while leaders move. */
#ifndef SAMSA_CLI_OFFSETS_H
#define SAMSA_CLI_OFFSETS_H

#include "cli/client.h"

enum { OFFSET_LATEST = -1, OFFSET_EARLIEST = -2, OFFSET_NONE = -1 };

struct offset_query {
    struct str topic;
    int32_t partition;
    int64_t timestamp; /* or OFFSET_LATEST, OFFSET_EARLIEST, … */
    int16_t error_code;
    int64_t offset; /* OFFSET_NONE: there is none */
    int64_t record_timestamp;
    int32_t leader_epoch;
    bool done;
};

/* False: failure is set. A partition's own error stays in its query. */
bool client_list_offsets(struct client *c, struct offset_query *items, int32_t count);

/* The leader of a partition in an answer of client_topics; NULL with *code when there is none. */
struct client_node *client_leader(struct client *c, const struct metadata_response *m,
                                  struct str topic, int32_t partition, int16_t *code);

/* Order of "topic-partition" as text: 10 before 2, as Kafka's tools sort. */
int offset_query_compare(const void *a, const void *b);

#endif
