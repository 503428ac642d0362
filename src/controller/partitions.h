/* New partitions: checking a manual assignment and writing the record. Shared by CreateTopics and
 * CreatePartitions; reassignments check the same way. */
#ifndef SAMSA_CONTROLLER_PARTITIONS_H
#define SAMSA_CONTROLLER_PARTITIONS_H

#include "controller/election.h"

/* Registered, distinct brokers that take replicas; `replication_factor` of them unless it is -1.
 * A problem: INVALID_REPLICA_ASSIGNMENT. */
struct problem partitions_check_manual(const struct controller *c, struct arena *arena,
                                       struct ids replicas, int32_t replication_factor);

/* How many of these brokers are active, and so make the first ISR. */
int32_t partitions_active_count(const struct controller *c, const int32_t *replicas, int32_t count);

/* The record of a new partition: ISR the active ones in order, the first of them leads. At least
 * one is active. */
void partitions_add(struct controller *c, struct decision *d, struct uuid topic_id, int32_t id,
                    struct ids replicas);

#endif
