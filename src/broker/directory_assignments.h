/* In which of this broker's directories its replicas are, told to the controller
 * (AssignReplicasToDirs, KIP-858; Kafka's AssignmentsManager).
 *
 *   wanted ──send──> in flight ──answered──> done
 *      ^                 └──any error──> wanted, after a growing backoff
 *
 * Metadata says UNASSIGNED for a new replica on a broker of several directories; the broker chooses
 * and tells. A replica that moves between directories waits for the word that the new one was taken
 * (replica_manager_assigned). A later wish for a partition replaces an earlier one. What metadata
 * says already, or no longer concerns this broker, is dropped when it is to be sent. One request in
 * flight, of at most ASSIGNMENTS_PER_REQUEST_MAX partitions. Owns: the wishes. Thread: the
 * loop's. */
#ifndef SAMSA_BROKER_DIRECTORY_ASSIGNMENTS_H
#define SAMSA_BROKER_DIRECTORY_ASSIGNMENTS_H

#include "broker/broker.h"

enum {
    ASSIGNMENTS_PER_REQUEST_MAX = 2250, /* Kafka's: a request of 64 KiB */
    ASSIGNMENTS_RETRY_MS_MIN = 100,
    ASSIGNMENTS_RETRY_MS_MAX = 10000,
};

struct directory_assignments;

struct directory_assignments *directory_assignments_create(struct broker *b);
void directory_assignments_destroy(struct directory_assignments *a);

/* Our replica of this partition is in `directory`; DIRECTORY_LOST: in one that failed. Sent from
 * the loop, together with all that is wanted in this turn. */
void directory_assignments_want(struct directory_assignments *a, struct uuid topic_id,
                                int32_t partition, struct uuid directory);

/* Not acknowledged yet. */
int32_t directory_assignments_count(const struct directory_assignments *a);

#endif
