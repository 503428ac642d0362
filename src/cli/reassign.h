/* Moving partitions between brokers: the lists that kafka-reassign-partitions.sh reads, compares
 * and prints. Pure but for `reassign_read`, whose mistakes end the process.
 *
 * Everything lives in the arena given; texts may point into the JSON or the answers they came
 * from. */
#ifndef SAMSA_CLI_REASSIGN_H
#define SAMSA_CLI_REASSIGN_H

#include "cli/json.h"

/* Where one partition is, or is to be. */
struct reassignment {
    struct str topic;
    int32_t partition;
    int32_t *replicas;
    int32_t replicas_count;
    const char **log_dirs; /* one for each replica, "any" when it does not matter; or NULL */
    /* as the controller lists them while it moves; the first are among the replicas */
    int32_t *adding, *removing;
    int32_t adding_count, removing_count;
};

struct reassignments {
    struct reassignment *items;
    int32_t count;
};

/* A broker that partitions may be put on. */
struct reassign_broker {
    int32_t id;
    struct str rack; /* null: none, or not to be looked at */
};

/* One throttle of a topic: "partition:broker,…", sorted as texts. */
struct reassign_throttle {
    struct str topic;
    struct str leaders, followers; /* replicas that send, and that receive */
};

#define REASSIGN_ANY_DIR "any"

/* {"version":1,"partitions":[…]}; as they stand, doubles too. */
struct reassignments reassign_read(const struct json_reader *r, const char *path);

/* {"version":1,"topics":[…]} */
struct str *reassign_read_topics(const struct json_reader *r, const char *path, int32_t *count);

/* What makes a list unfit to be executed, in Kafka's words; NULL when it is fit. */
const char *reassign_check(struct arena *arena, const struct reassignments *list);

/* The complaint about the first doubles in a list of brokers, NULL when there are none. */
const char *reassign_check_brokers(struct arena *arena, const int32_t *ids, int32_t count);

/* NULL when it is not there. */
struct reassignment *reassign_find(const struct reassignments *list, struct str topic,
                                   int32_t partition);

/* By topic, then by partition. */
void reassign_sort(struct reassignments *list);

/* The JSON that is read again as --reassignment-json-file, without a newline. */
void reassign_print(struct arena *arena, const struct reassignments *list);

/* Replicas for the partitions of each topic, as many as its first partition has, spread evenly from
 * the `start`-th broker on, in as many racks as there are. NULL and *why when there are too few
 * brokers. */
struct reassignments *reassign_place(struct arena *arena, const struct reassignments *current,
                                     const struct reassign_broker *brokers, int32_t brokers_count,
                                     int32_t start, const char **why);

/* The throttles of everything that moves: what is under way, and `proposed` on top. `brokers` gets
 * all that take part, sorted. */
struct reassign_throttle *reassign_throttles(struct arena *arena,
                                             const struct reassignments *under_way,
                                             const struct reassignments *proposed,
                                             const struct reassignments *current, int32_t *count,
                                             int32_t **brokers, int32_t *brokers_count);

#endif
