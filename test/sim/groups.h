/* What the consumer group committed and who owns what: the first as the committed log of
 * __consumer_offsets has it, in its order, the second as members were told.
 *
 * Holds S18 (a commit that is acknowledged stands in that log, after it was sent; an offset fetched
 * is that of the newest commit acknowledged before the fetch was sent, or of a later one) and S19
 * (one owner per partition in a generation).
 *
 * Offsets themselves may fall: a reader begins anew where a partition lost its end, or where an old
 * leader told it that its position is out of range. And generations may: those that a coordinator
 * could not write before another one took over. */
#ifndef SAMSA_TEST_SIM_GROUPS_H
#define SAMSA_TEST_SIM_GROUPS_H

#include "protocol/batch.h"
#include "truth.h"

enum { GROUP_PARTITIONS_MAX = 64 };
#define GROUP_NAME STR("group")

/* One committed record of the group: an offset, or that there is none (-1). */
struct group_commit {
    const struct truth *log;
    int64_t at; /* in that log */
    int64_t offset;
};

struct group_partition {
    struct truth *truth;
    struct group_commit *commits; /* in the order of the log */
    int32_t count, capacity;
    int32_t floor;      /* index of the newest one that was acknowledged; -1: none */
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

/* Of a truth of __consumer_offsets: what is committed; acknowledged commits may be gone. */
void groups_told(void *groups, struct truth *t, const struct record *r);
void groups_were_cut(void *groups, struct truth *t);

/* A member was told its generation, and what it owns in it. */
void groups_generation(struct groups *g, int32_t generation);
void groups_owns(struct groups *g, int32_t member, int32_t generation, struct truth *t);

/* How many commits there are, when one is sent; that one was acknowledged. */
int32_t groups_commits(struct groups *g, struct truth *t);
void groups_committed(struct groups *g, struct truth *t, int32_t before, int64_t offset);

/* One of an earlier generation than the member's own was acknowledged. */
void groups_committed_late(struct groups *g, const struct truth *t);

/* The index of the commit that no later fetch from that node may be older than; -1: none. Taken
 * when the fetch is sent. A coordinator that has not heard yet that another leads its partition
 * answers by what it has, as Apache Kafka's; but not one that no controller has heard for a
 * while. */
int32_t groups_floor(struct groups *g, struct truth *t, int32_t node_id);
void groups_fetched(struct groups *g, struct truth *t, int32_t node_id, int32_t floor,
                    int64_t offset);

#endif
