/* The log directories of a node: opened, locked, and checked to belong to this node and cluster.
 *
 * Owns nothing: fills an array whose directories the node closes. */
#ifndef SAMSA_SERVER_DIRECTORIES_H
#define SAMSA_SERVER_DIRECTORIES_H

#include "config/node.h"
#include "log/log_dir.h"

struct directories {
    struct log_dir *items[NODE_DIRECTORIES_MAX]; /* those of log.dirs first, in order */
    int32_t data_count;                          /* of log.dirs */
    int32_t count;                               /* and the metadata directory when it is apart */
    struct log_dir *metadata;
    char cluster_id[CLUSTER_ID_LEN_MAX + 1];
};

/* Opens all of them. One of several in log.dirs that cannot be opened is offline, and its replicas
 * with it, unless it is the metadata directory (KIP-112, KIP-858). A directory of log.dirs that is
 * empty while the metadata directory is formatted is given its identity now, as Apache Kafka does.
 * Err: as log_dir_open, INVALID; *error says what, where and which command mends it; nothing stays
 * open. */
enum err directories_open(struct env *env, const struct config *config,
                          const struct node_config *node, struct log_dir_options options,
                          struct directories *out, struct config_error *error) MUST_CHECK;

/* Cleanly, with the broker epoch for the clean-shutdown markers. */
void directories_close(struct directories *d, int64_t broker_epoch);

/* As a crash would. */
void directories_abandon(struct directories *d);

#endif
