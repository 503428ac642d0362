#include "groups.h"

void groups_init(struct groups *g, struct cluster *c)
{
    *g = (struct groups){.cluster = c};
}

void groups_free(struct groups *g)
{
    (void)g;
}

static struct group_partition *find(struct groups *g, struct truth *t)
{
    for (int32_t i = 0; i < g->count; i++)
        if (g->partitions[i].truth == t) return &g->partitions[i];
    PRE(g->count < GROUP_PARTITIONS_MAX);
    g->partitions[g->count] =
        (struct group_partition){.truth = t, .acked = -1, .suspect = -1, .owner = -1};
    return &g->partitions[g->count++];
}

void groups_were_cut(void *groups, struct truth *t)
{
    struct groups *g = groups;
    (void)t;
    for (int32_t i = 0; i < g->count; i++) g->partitions[i].acked = g->partitions[i].suspect = -1;
    g->generation = 0; /* the group itself may be forgotten */
    for (int32_t i = 0; i < g->count; i++)
        g->partitions[i].generation = g->partitions[i].suspect_in = 0;
}

void groups_generation(struct groups *g, int32_t generation)
{
    if (generation <= g->generation) return;
    g->generation = generation;
    g->rebalances++;
    cluster_say(g->cluster, "group", "generation", "%d", generation);
}

void groups_owns(struct groups *g, int32_t member, int32_t generation, struct truth *t)
{
    struct group_partition *p = find(g, t);
    if (p->generation == generation && p->owner >= 0 && p->owner != member)
        cluster_broken(g->cluster, "S19", "%s is owned by members %d and %d in generation %d",
                       t->directory, p->owner, member, generation);
    if (generation < p->generation) return;
    p->owner = member;
    p->generation = generation;
}

void groups_committed(struct groups *g, int32_t generation, struct truth *t, int64_t offset)
{
    struct group_partition *p = find(g, t);
    g->commits++;
    /* Answered late: a newer generation may have committed since. */
    if (generation < g->generation && offset < p->acked) return;
    p->acked = offset;
    if (generation > p->suspect_in) p->suspect = -1;
}

void groups_maybe_committed(struct groups *g, int32_t generation, struct truth *t, int64_t offset)
{
    struct group_partition *p = find(g, t);
    if (generation < g->generation) return; /* refused, or before what is known */
    if (p->suspect < 0 || offset < p->suspect) p->suspect = offset;
    if (generation > p->suspect_in) p->suspect_in = generation;
}

int64_t groups_floor(struct groups *g, struct truth *t)
{
    const struct group_partition *p = find(g, t);
    return p->suspect >= 0 && p->suspect < p->acked ? p->suspect : p->acked;
}

void groups_fetched(struct groups *g, struct truth *t, int64_t floor, int64_t offset)
{
    const struct group_partition *p = find(g, t);
    if (p->acked < 0) return; /* forgiven meanwhile */
    if (offset < floor)
        cluster_broken(g->cluster, "S18",
                       "the group's offset of %s is %lld after %lld was committed", t->directory,
                       (long long)offset, (long long)floor);
}
