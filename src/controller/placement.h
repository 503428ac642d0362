/* Where replicas of new partitions go: striped over racks and brokers (Kafka's
 * StripedReplicaPlacer), so that leaders and followers spread evenly and no rack holds two
 * replicas before all hold one. Alive brokers come first; fenced ones fill up; those that are just
 * stopping, or with all directories cordoned, are left out. */
#ifndef SAMSA_CONTROLLER_PLACEMENT_H
#define SAMSA_CONTROLLER_PLACEMENT_H

#include "controller/internal.h"

/* The replicas of `partitions` new partitions, one after the other, `replication_factor` each, in
 * the arena. A problem: INVALID_REPLICATION_FACTOR. */
struct problem placement_place(struct controller *c, struct arena *arena, int32_t partitions,
                               int16_t replication_factor, int32_t **replicas);

/* Whether a broker takes new replicas: some directory of it is not cordoned. */
bool placement_takes_replicas(const struct image_broker *b);

#endif
