/* What every data-plane handler needs: where a partition is on this node, and whom to ask when it
 * is not here (KIP-951). */
#ifndef SAMSA_BROKER_HANDLERS_PARTITIONS_H
#define SAMSA_BROKER_HANDLERS_PARTITIONS_H

#include "broker/broker.h"
#include "protocol/error.h"
#include "replica/replica_manager.h"

/* This node's replica, or the error that the client gets: UNKNOWN_TOPIC_OR_PARTITION or
 * UNKNOWN_TOPIC_ID for what does not exist, NOT_LEADER_OR_FOLLOWER for what lives elsewhere. */
struct located {
    struct replica *replica; /* NULL with an error */
    enum kafka_error error;
};

struct located locate_by_name(const struct broker *b, struct str topic, int32_t partition);
struct located locate_by_id(const struct broker *b, struct uuid topic_id, int32_t partition);

/* A partition as the key of a map, in the arena. */
struct bytes partition_key(struct arena *arena, struct str topic, int32_t partition);

/* Leaders named in one answer, and where they are reached on the listener asked. Zero it to start;
 * set broker and request. Memory: the request's arena. */
struct hinted_node {
    int32_t id;
    struct str host;
    int32_t port;
    struct str rack;
};

struct leader_hints {
    const struct broker *broker;
    struct request *request;
    struct hinted_node *nodes;
    int32_t nodes_count, nodes_capacity;
};

struct leader_hint {
    int32_t leader_id, leader_epoch; /* -1: not known */
};

/* Who leads: as this node's replica knows it, else as metadata does. Adds the node to the list.
 * Never a node that turns its clients away: us, fenced or adrift (replica/lease.h). */
struct leader_hint leader_hint(struct leader_hints *h, struct replica *replica, struct str topic,
                               struct uuid topic_id, int32_t partition);

#endif
