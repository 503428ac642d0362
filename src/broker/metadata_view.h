/* What this broker tells clients of the cluster's metadata: the image, seen through one listener.
 *
 * A broker that lacks the listener, is fenced or unregistered does not exist for its clients
 * (KRaftMetadataCache). Borrows the image for the length of a call; everything returned lives in
 * the request's arena or the image. Thread: the loop's. */
#ifndef SAMSA_BROKER_METADATA_VIEW_H
#define SAMSA_BROKER_METADATA_VIEW_H

#include "broker/broker.h"
#include "metadata/image.h"

/* Every operation on a resource that a client may do when nobody authorizes
 * (AclEntry.supportedOperations): bits by AclOperation code. */
enum {
    OPERATIONS_ON_TOPIC = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11,
    OPERATIONS_ON_CLUSTER = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12,
    OPERATIONS_ON_GROUP = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11,
};

/* Endpoint of a broker for a listener; NULL: not registered, or it lacks the listener. */
const struct image_endpoint *view_endpoint(const struct broker *b, int32_t node_id,
                                           struct str listener);

/* Unfenced brokers that have the listener, by id, in the arena. We are not among them while
 * others are and we turn clients away: whoever asks shall find his way to those. */
const struct image_broker **view_brokers(const struct broker *b, struct str listener,
                                         struct arena *arena, int32_t *count);

/* One of them to name as controller, at random; -1 when there is none. */
int32_t view_controller(const struct broker *b, struct str listener, struct arena *arena);

/* One partition as a client sees it. */
struct view_partition {
    int16_t error_code; /* LEADER_NOT_AVAILABLE, LISTENER_NOT_FOUND or NONE */
    int32_t leader_id;  /* -1: none */
    int32_t leader_epoch;
    int32_t *replicas, *isr, *offline;
    int32_t replicas_count, isr_count, offline_count;
};

/* `listener_errors`: tell LISTENER_NOT_FOUND (Metadata 6 and up) rather than
 * LEADER_NOT_AVAILABLE. */
struct view_partition view_partition(const struct broker *b, const struct image_topic *topic,
                                     int32_t partition, struct str listener, bool listener_errors,
                                     struct arena *arena);

/* Who leads this partition, as clients may be told: LEADER_NONE where that is us, fenced or adrift
 * (replica/lease.h). */
int32_t view_leader(const struct broker *b, const struct image_topic *topic, int32_t partition);

/* __consumer_offsets, __transaction_state, __share_group_state. */
bool view_topic_is_internal(struct str name);

/* 1 to 249 of [a-zA-Z0-9._-], neither "." nor "..". Null when fine, else a sentence that says
 * why not. */
struct str view_topic_name_fault(struct str name, struct arena *arena);

#endif
