/* What a node is, from its configuration: roles, id, sockets, quorum and directories, with the
 * rules that hold between keys (KafkaConfig.validateValues).
 *
 * Texts live in the config and in the arena given. */
#ifndef SAMSA_CONFIG_NODE_H
#define SAMSA_CONFIG_NODE_H

/* What replica.selector.class may be. */
#define REPLICA_SELECTOR_RACK_AWARE "org.apache.kafka.common.replica.RackAwareReplicaSelector"
#define REPLICA_SELECTOR_LEADER     "org.apache.kafka.common.replica.LeaderSelector"

#include "config/config.h"
#include "config/listeners.h"

enum {
    NODE_LISTENERS_MAX = 32,
    NODE_DIRECTORIES_MAX = 64, /* metadata.log.dir among them */
};

struct node_config {
    bool is_broker, is_controller;
    int32_t node_id;
    const char *rack; /* NULL: none */

    struct security_map security;
    struct listeners listeners;  /* everything to listen on */
    struct listeners advertised; /* what clients and brokers are told */
    struct listeners
        advertised_controller;     /* what the quorum is told; host "" is this host's name */
    const char **controller_names; /* controller.listener.names, in capitals */
    int32_t controller_names_count;
    const char *inter_broker_name;

    struct quorum_voter *voters; /* controller.quorum.voters: a fixed quorum; may be empty */
    int32_t voters_count;
    struct host_port *servers; /* controller.quorum.bootstrap.servers; may be empty */
    int32_t servers_count;

    const char **log_dirs; /* in the order given, distinct */
    int32_t log_dirs_count;
    const char *metadata_dir; /* metadata.log.dir, or the first of log_dirs */
};

/* Err: INVALID with Kafka's message, behind the file's name and line where one key is at fault. */
enum err node_config_read(const struct config *c, struct arena *arena, struct node_config *out,
                          struct config_error *error) MUST_CHECK;

/* True when `name` (any case) is one of controller.listener.names. */
bool node_config_is_controller_listener(const struct node_config *n, const char *name);

#endif
