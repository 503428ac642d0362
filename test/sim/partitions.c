/* Every replica a node hosts against the truth of its partition. */
#include "base/mark.h"
#include "broker/broker.h"
#include "broker/metadata_publisher.h"
#include "log/log_dir.h"
#include "oracles.h"
#include "replica/replica_manager.h"

static const char *const roles[] = {"idle", "leader", "follower", "offline"};

/* A member of ISR or ELR that runs holds everything committed (S3). */
static void check_holds(struct oracles *o, const struct truth *t, const struct machine *m,
                        const char *set)
{
    const struct truth_view *v = &t->views[m->index];
    if (!v->hosted || v->role == PARTITION_OFFLINE || v->role == PARTITION_IDLE || t->amnesty)
        return;
    if (set[0] == 'I')
        MARK("oracle S3: a running member of the ISR is compared");
    else
        MARK("oracle S3: a running member of the ELR is compared");
    if (v->log_end_offset < t->end)
        cluster_broken(o->cluster, "S3",
                       "%s is in the %s of %s and ends at %lld, before the true "
                       "high watermark %lld",
                       m->name, set, t->directory, (long long)v->log_end_offset, (long long)t->end);
}

void partitions_check_isr(struct oracles *o, struct truth *t, const struct image_partition *p)
{
    for (int32_t i = 0; i < o->cluster->count; i++) {
        const struct machine *m = &o->cluster->machines[i];
        bool in_isr = partition_in_isr(p, m->id);
        bool in_elr = ids_contain(partition_elr(p), p->elr_count, m->id);
        if ((in_isr || in_elr) && oracles_is_member(o, m))
            check_holds(o, t, m, in_isr ? "ISR" : "ELR");
    }
}

static const struct image_partition *committed_partition(const struct oracles *o,
                                                         const struct truth *t)
{
    const struct image_topic *topic = image_topic_by_id(oracles_image(o), t->topic_id);
    return topic ? image_topic_partition(topic, t->partition) : NULL;
}

static void look_at_leader(struct oracles *o, struct truth *t, struct machine *m,
                           const struct replica *r, const struct truth_view *before)
{
    struct cluster *c = o->cluster;
    const struct partition *p = &r->core;
    bool new_epoch = before->role != PARTITION_LEADER || before->leader_epoch != p->leader_epoch;
    if (!truth_leads(t, p->leader_epoch, m->id))
        cluster_broken(c, "S5", "%s leads %s in epoch %d, which had another leader", m->name,
                       t->directory, p->leader_epoch);
    int64_t shared = t->end;
    if (new_epoch && t->amnesty)
        shared = t->unclean_epoch > 0 ? truth_shared_with(t, m) : p->log_end_offset;
    if (new_epoch && t->amnesty && shared < t->end) {
        cluster_say(c, t->directory, "lost", "%lld to %lld", (long long)shared, (long long)t->end);
        truth_cut(t, shared);
    } else if (new_epoch && t->amnesty && !m->failing && !m->misreads) {
        t->amnesty = false; /* all survived: a later loss is another matter */
    }
    if (new_epoch) return;
    if (p->high_watermark < before->high_watermark)
        cluster_broken(c, "S6", "the high watermark of %s fell on its leader %s from %lld to %lld",
                       t->directory, m->name, (long long)before->high_watermark,
                       (long long)p->high_watermark);
    if (p->high_watermark > before->high_watermark && partition_isr_count(p) < 3)
        MARK("oracle S4: a high watermark rises with fewer than three in sync");
    if (p->high_watermark > before->high_watermark && before->isr_count < partition_isr_min(p) &&
        partition_isr_count(p) < partition_isr_min(p))
        cluster_broken(c, "S4", "the high watermark of %s rose with an ISR of %d on %s",
                       t->directory, partition_isr_count(p), m->name);
}

/* A broker that sees itself fenced leads nothing (S24). */
static bool knows_it_is_fenced(struct broker *b)
{
    const struct image *image = metadata_publisher_image(broker_metadata(b));
    const struct image_broker *self = image_broker(image, b->node_id);
    return self && self->epoch == b->epoch && self->fenced;
}

/* Of a leadership that an unclean election has ended, or not yet of the new one: a follower has cut
 * its log when its high watermark rises in the new epoch (S7). */
static bool is_of_no_account(const struct truth *t, const struct partition *p,
                             const struct truth_view *before)
{
    if (t->unclean_epoch == 0) return false;
    if (p->leader_epoch < t->unclean_epoch) return true;
    return p->role == PARTITION_FOLLOWER &&
           (before->leader_epoch != p->leader_epoch || before->role != PARTITION_FOLLOWER ||
            p->high_watermark <= before->high_watermark);
}

static void look_at(struct oracles *o, struct truth *t, struct machine *m, struct broker *b,
                    const struct replica *r)
{
    struct truth_view *v = &t->views[m->index];
    const struct truth_view before = *v;
    const struct partition *p = &r->core;
    v->hosted = true;
    v->role = (int)p->role;
    v->leader_epoch = p->leader_epoch;
    v->isr_count = p->role == PARTITION_LEADER ? partition_isr_count(p) : 0;
    v->high_watermark = p->high_watermark;
    v->log_end_offset = p->log_end_offset;
    if (!before.hosted || v->role != before.role || v->leader_epoch != before.leader_epoch)
        cluster_say(o->cluster, m->name, roles[p->role], "%s epoch %d hw %lld end %lld",
                    t->directory, p->leader_epoch, (long long)p->high_watermark,
                    (long long)p->log_end_offset);
    if (p->role == PARTITION_OFFLINE || p->role == PARTITION_IDLE || !r->log) return;
    if (is_of_no_account(t, p, &before)) return;
    if (p->role == PARTITION_LEADER) {
        look_at_leader(o, t, m, r, &before);
        if (knows_it_is_fenced(b))
            cluster_broken(o->cluster, "S24", "%s knows that it is fenced and leads %s", m->name,
                           t->directory);
    }
    bool same_watermark = before.hosted && before.high_watermark == v->high_watermark &&
                          before.leader_epoch == v->leader_epoch;
    int64_t end = t->end;
    if (!same_watermark && !(t->amnesty && v->high_watermark > v->log_end_offset))
        truth_observe(t, m, log_dir_path(log_directory(r->log)), v->high_watermark,
                      log_start_offset(r->log));
    /* S3 when this replica's end, or the truth, has moved. */
    if (end == t->end && before.log_end_offset <= v->log_end_offset && before.hosted) return;
    const struct image_partition *committed = committed_partition(o, t);
    if (committed) partitions_check_isr(o, t, committed);
}

void partitions_look(struct oracles *o, struct machine *m)
{
    struct broker *b = machine_broker(m);
    if (!b || !b->replicas) return;
    for (int32_t i = 0; i < o->truths_count && !cluster_is_broken(o->cluster); i++) {
        struct truth *t = o->truths[i];
        if (t->deleted) continue;
        const struct replica *r = replica_manager_find(b->replicas, t->topic_id, t->partition);
        if (r)
            look_at(o, t, m, b, r);
        else
            t->views[m->index].hosted = false;
    }
}

void partitions_machine_down(struct oracles *o, struct machine *m)
{
    for (int32_t i = 0; i < o->truths_count; i++)
        o->truths[i]->views[m->index] = (struct truth_view){0};
}
