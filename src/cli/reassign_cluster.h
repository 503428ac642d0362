/* What kafka-reassign-partitions.sh asks of the cluster. Functions that return false or NULL have
 * set the client's failure. Everything lives in the client's arena. */
#ifndef SAMSA_CLI_REASSIGN_CLUSTER_H
#define SAMSA_CLI_REASSIGN_CLUSTER_H

#include "cli/client.h"
#include "cli/reassign.h"

/* Where a replica lies on its broker. */
struct replica_dir {
    struct str topic;
    int32_t partition, broker;
    const char *wanted;           /* as the file says */
    const char *current, *future; /* NULL: not there; not moving */
    int16_t error_code;           /* of an attempt to move it */
};

struct replica_dirs {
    struct replica_dir *items; /* by broker, topic, partition */
    int32_t count;
};

/* Those under way, with what is added and removed; all, or only those of `wanted`. */
bool reassign_list(struct client *c, const struct reassignments *wanted, struct reassignments *out);

/* The partitions of topics as they are, sorted; `log_dirs` are not looked up. A topic that does not
 * exist has none, or fails when `must_exist`. */
bool reassign_describe(struct client *c, const struct str *topics, int32_t count, bool must_exist,
                       struct reassignments *out);

/* The directories of the replicas, on brokers that live. */
bool reassign_look_up_dirs(struct client *c, struct reassignments *list);

/* Begin the reassignments (with the message of each that fails in *mistakes, a line each, "" when
 * none does); `cancel` ends those under way instead. */
bool reassign_alter(struct client *c, const struct reassignments *list, bool cancel,
                    bool same_factor, struct str *mistakes, int32_t *mistakes_count);

/* The replicas of the file that name a directory, and where they are. */
bool reassign_find_dirs(struct client *c, const struct reassignments *list,
                        struct replica_dirs *out);

/* Ask the brokers to move replicas to `wanted`; each gets its error_code. */
bool reassign_move_dirs(struct client *c, struct replica_dirs *dirs);

struct config_change {
    int8_t type; /* of the resource */
    struct str resource;
    const char *key;
    struct str value; /* null deletes */
};

enum { CONFIG_TOPIC = 2, CONFIG_BROKER = 4 };

/* Change configurations, a broker's by asking it. Changes of one resource follow each other. */
bool reassign_configure(struct client *c, const struct config_change *changes, int32_t count);

#endif
