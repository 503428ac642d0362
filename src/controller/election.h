/* One partition's next state: who leads, who is in sync, who may lead later, and whether a
 * reassignment is done. Every PartitionChange record is built here (Kafka:
 * PartitionChangeBuilder), so the rules of kraft.md 4.5 and 4.7 hold for all of them.
 *
 *   targets ──finish reassignment──> ──ELR──> ──elect──> ──epoch bump──> record, or nothing
 *
 * Borrows: image, decision. The arena of the decision takes the lists. */
#ifndef SAMSA_CONTROLLER_ELECTION_H
#define SAMSA_CONTROLLER_ELECTION_H

#include "controller/internal.h"

enum election_kind {
    ELECTION_ONLINE,    /* keep a leader that may stay, else one in sync */
    ELECTION_PREFERRED, /* the first replica, if it may lead */
    ELECTION_UNCLEAN,   /* any live replica rather than none: what it lacks is lost */
};

struct ids {
    int32_t *items;
    int32_t count;
};

struct election {
    struct controller *c;
    struct decision *d;
    const struct image_topic *topic;
    const struct image_partition *p;
    int32_t partition;
    enum election_kind kind;
    int32_t min_isr;
    bool elr_enabled;

    /* Targets; as the partition is, unless set. Lists are never changed in place. */
    struct ids isr, replicas, removing, adding;
    int8_t leader_recovery_state;

    /* Brokers whose standing is about to change, or LEADER_NONE. */
    int32_t removed; /* counts as dead, and leaves the ISR */
    int32_t added;   /* counts as alive */
    int32_t unclean; /* as removed, and its data cannot be trusted: leaves ELR too */

    /* A directory to record for one replica. */
    int32_t directory_broker;
    struct uuid directory;

    /* -- the election's own -- */
    struct ids elr;
};

/* As the partition is, ELECTION_ONLINE. */
void election_init(struct election *e, struct controller *c, struct decision *d,
                   const struct image_topic *topic, int32_t partition);

/* Add the record; false when nothing would change. */
bool election_build(struct election *e);

/* Looks at the partitions that have a replica on the broker, from the index, and no others.
 * Elections for every partition of a broker with `removed`, `added` or `unclean` set: those that
 * have it in the ISR, or (when `elr`) in the ELR; for `added`, those without a leader. */
struct election_sweep {
    int32_t removed, added, unclean;
    bool elr;
};
void election_sweep(struct controller *c, struct decision *d, const struct election_sweep *s);

/* Take a broker out of one partition's ISR and leadership. */
void election_remove(struct controller *c, struct decision *d, const struct image_topic *topic,
                     int32_t partition, int32_t broker);

/* Where a new replica on this broker goes. */
struct uuid directory_default(const struct controller *c, int32_t broker);

struct ids ids_copy(struct arena *arena, const int32_t *items, int32_t count);
struct ids ids_without(struct arena *arena, struct ids from, struct ids drop);

#endif
