/* What the consumer group committed and who owns what, as its members were told.
 *
 * Holds S18 (an offset fetched is never older than one whose commit was acknowledged before the
 * fetch was sent) and S19 (one owner per partition in a generation).
 *
 * A commit that was not answered may still arrive, even after a later one of the same generation:
 * until one of the next generation is acknowledged the floor stays at or below it. (Positions fall
 * where a partition lost its end and its reader began anew.) */
#ifndef SAMSA_TEST_SIM_GROUPS_H
#define SAMSA_TEST_SIM_GROUPS_H

#include "truth.h"

enum { GROUP_PARTITIONS_MAX = 64 };

struct group_partition {
    struct truth *truth;
    int64_t acked;      /* the newest commit that was acknowledged; -1: none */
    int64_t suspect;    /* least unanswered commit since one of a later generation; -1: none */
    int32_t suspect_in; /* newest generation of such */
    int32_t owner;      /* member that owns it in `generation`; -1: none */
    int32_t generation; /* in which owner was told */
};

struct groups {
    struct cluster *cluster;
    int32_t generation; /* newest that a member was told */
    struct group_partition partitions[GROUP_PARTITIONS_MAX];
    int32_t count;
    int64_t commits, rebalances;
};

void groups_init(struct groups *g, struct cluster *c);
void groups_free(struct groups *g);

/* Of a truth of __consumer_offsets: acknowledged commits may be gone. */
void groups_were_cut(void *groups, struct truth *t);

/* A member was told its generation, and what it owns in it. */
void groups_generation(struct groups *g, int32_t generation);
void groups_owns(struct groups *g, int32_t member, int32_t generation, struct truth *t);

/* A commit was acknowledged; or its end is not known. */
void groups_committed(struct groups *g, int32_t generation, struct truth *t, int64_t offset);
void groups_maybe_committed(struct groups *g, int32_t generation, struct truth *t, int64_t offset);

/* What no later fetch may be below; -1: anything. Taken when the fetch is sent. */
int64_t groups_floor(struct groups *g, struct truth *t);
void groups_fetched(struct groups *g, struct truth *t, int64_t floor, int64_t offset);

#endif
