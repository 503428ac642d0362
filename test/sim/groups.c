#include "groups.h"

#include "base/mark.h"
#include "base/mem.h"
#include "broker/doubted_reads.h"
#include "oracles.h"
#include "protocol/cursor.h"

void groups_init(struct groups *g, struct cluster *c)
{
    *g = (struct groups){.cluster = c};
}

void groups_free(struct groups *g)
{
    for (int32_t i = 0; i < g->count; i++) mem_free(g->partitions[i].commits);
}

static struct group_partition *find(struct groups *g, struct truth *t)
{
    for (int32_t i = 0; i < g->count; i++)
        if (g->partitions[i].truth == t) return &g->partitions[i];
    PRE(g->count < GROUP_PARTITIONS_MAX);
    g->partitions[g->count] = (struct group_partition){.truth = t, .floor = -1, .owner = -1};
    return &g->partitions[g->count++];
}

/* ---- the log of commits */

/* Key: version 0 or 1, group, topic, partition. Value: version, offset, and more. */
void groups_told(void *groups, struct truth *log, const struct record *r)
{
    struct groups *g = groups;
    struct cursor in = cursor_of_bytes(r->key);
    int16_t version = cursor_i16(&in);
    if (in.err || version < 0 || version > 1) return;
    struct str group = cursor_str(&in, false, false), topic = cursor_str(&in, false, false);
    int32_t partition = cursor_i32(&in);
    if (in.err || !str_equal(group, GROUP_NAME)) return;
    char name[64];
    snprintf(name, sizeof name, "%.*s", STR_ARG(topic));
    struct truth *t = oracles_truth_by_name(g->cluster->oracles, name, partition);
    if (!t) {
        cluster_broken(g->cluster, "S18", "%s-%d is none, and its offset is at %lld of %s", name,
                       partition, (long long)r->offset, log->directory);
        return;
    }
    int64_t offset = -1;
    if (r->value.len >= 0) {
        struct cursor value = cursor_of_bytes(r->value);
        (void)cursor_i16(&value);
        offset = cursor_i64(&value);
    }
    struct group_partition *p = find(g, t);
    MEM_GROW(p->commits, p->count, p->capacity);
    p->commits[p->count++] = (struct group_commit){log, r->offset, offset};
}

void groups_were_cut(void *groups, struct truth *t)
{
    struct groups *g = groups;
    for (int32_t i = 0; i < g->count; i++) {
        struct group_partition *p = &g->partitions[i];
        while (p->count > 0 && p->commits[p->count - 1].log == t &&
               p->commits[p->count - 1].at >= t->end)
            p->count--;
        if (p->floor >= p->count) p->floor = p->count - 1;
        p->generation = 0; /* the group itself may be forgotten */
    }
    g->generation = 0;
}

int32_t groups_commits(struct groups *g, struct truth *t)
{
    return find(g, t)->count;
}

/* A partition of the log of commits has lost something, or may have. */
static bool may_have_lost(const struct groups *g)
{
    const struct oracles *o = g->cluster->oracles;
    for (int32_t i = 0; i < o->truths_count; i++) {
        const struct truth *t = o->truths[i];
        if (t->topic[0] == '_' && (t->amnesty || t->losses > 0)) return true;
    }
    return false;
}

void groups_committed(struct groups *g, struct truth *t, int32_t before, int64_t offset)
{
    struct group_partition *p = find(g, t);
    g->commits++;
    int32_t at = before < p->count ? before : p->count;
    while (at < p->count && p->commits[at].offset != offset) at++;
    if (at == p->count) {
        if (!may_have_lost(g) && !cluster_failed_lately(g->cluster))
            cluster_broken(g->cluster, "S18",
                           "the commit of %lld for %s was acknowledged and is not committed",
                           (long long)offset, t->directory);
        return;
    }
    if (at > p->floor) p->floor = at;
}

void groups_committed_late(struct groups *g, const struct truth *t)
{
    if (!may_have_lost(g))
        cluster_broken(g->cluster, "S18", "a commit for %s of an earlier generation was taken",
                       t->directory);
}

static bool coordinates(const struct group_partition *p, int32_t node_id)
{
    const struct truth *log = p->commits[p->floor].log;
    return log->leaders_count > 0 && log->leaders[log->leaders_count - 1].broker == node_id;
}

/* No controller has heard it for a while, so it must answer by what stands anywhere. With a broker
 * down it may count on that one's absence, which it has asked for some time ago. */
static bool is_in_doubt(const struct groups *g, const struct group_partition *p, int32_t node_id)
{
    const struct cluster *c = g->cluster;
    const struct truth *log = p->commits[p->floor].log;
    struct broker *doubting = NULL;
    for (int32_t i = 0; i < c->count; i++) {
        const struct machine *m = &c->machines[i];
        struct broker *b = machine_broker(m);
        if (m->is_broker && !b) return false;
        if (b && b->node_id == node_id) doubting = b;
    }
    return doubting && doubted_reads_doubt(doubting, log->partition);
}

/* Does what the node answers hold for all of the cluster? */
static bool is_answerable(const struct groups *g, const struct group_partition *p, int32_t node_id)
{
    /* Who lost an unclean election may doubt, and have followers that have not heard of it
     * either. */
    bool may_doubt = p->commits[p->floor].log->unclean_epoch == 0;
    return coordinates(p, node_id) || (may_doubt && is_in_doubt(g, p, node_id));
}

int32_t groups_floor(struct groups *g, struct truth *t, int32_t node_id)
{
    const struct group_partition *p = find(g, t);
    return p->floor >= 0 && is_answerable(g, p, node_id) ? p->floor : -1;
}

void groups_fetched(struct groups *g, struct truth *t, int32_t node_id, int32_t floor,
                    int64_t offset)
{
    const struct group_partition *p = find(g, t);
    if (floor > p->floor) floor = p->floor; /* cut meanwhile */
    if (floor < 0 || !is_answerable(g, p, node_id)) return;
    MARK("oracle S18: an offset is fetched after one was committed");
    for (int32_t i = floor; i < p->count; i++)
        if (p->commits[i].offset == offset) return;
    cluster_broken(g->cluster, "S18", "the group's offset of %s is %lld after %lld was committed",
                   t->directory, (long long)offset, (long long)p->commits[floor].offset);
}

/* ---- members */

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
    if (generation > p->generation && p->owner >= 0 && p->owner != member)
        MARK("oracle S19: a partition passes to another member");
    if (p->generation == generation && p->owner >= 0 && p->owner != member && !may_have_lost(g))
        cluster_broken(g->cluster, "S19", "%s is owned by members %d and %d in generation %d",
                       t->directory, p->owner, member, generation);
    if (generation < p->generation) return;
    p->owner = member;
    p->generation = generation;
}
