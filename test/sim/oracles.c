#include "oracles.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/broker.h"
#include "replica/manager.h"

struct oracles *oracles_new(struct cluster *c)
{
    struct oracles *o = MEM_NEW(struct oracles);
    o->cluster = c;
    values_init(&o->values, c);
    groups_init(&o->groups, c);
    metadata_init(o);
    return o;
}

void oracles_free(struct oracles *o)
{
    for (int32_t i = 0; i < o->truths_count; i++) {
        truth_free(o->truths[i]);
        mem_free(o->truths[i]);
    }
    metadata_free(o);
    values_free(&o->values);
    groups_free(&o->groups);
    mem_free(o);
}

void oracles_look(struct oracles *o, struct machine *m)
{
    if (cluster_is_broken(o->cluster) || !machine_is_up(m) || m->stopped) return;
    const struct broker *b = machine_broker(m);
    const struct image_broker *registered = b ? image_broker(oracles_image(o), m->id) : NULL;
    if (registered && registered->epoch == b->epoch) m->registered_in = m->starts;
    struct quorum_view *v = &o->quorum[m->index];
    bool knows = b && b->replicas && b->replicas->fenced;
    v->fenced_ms = !knows ? 0 : v->fenced_ms ? v->fenced_ms : sim_now_ms(o->cluster->sim);
    metadata_look(o, m);
    partitions_look(o, m);
    detection_look(o, m);
}

void oracles_machine_down(struct oracles *o, struct machine *m)
{
    metadata_machine_down(o, m);
    partitions_machine_down(o, m);
}

struct truth *oracles_truth(struct oracles *o, struct uuid topic_id, int32_t partition)
{
    for (int32_t i = 0; i < o->truths_count; i++)
        if (o->truths[i]->partition == partition && uuid_equal(o->truths[i]->topic_id, topic_id))
            return o->truths[i];
    return NULL;
}

struct truth *oracles_truth_by_name(struct oracles *o, const char *topic, int32_t partition)
{
    for (int32_t i = o->truths_count - 1; i >= 0; i--)
        if (o->truths[i]->partition == partition && strcmp(o->truths[i]->topic, topic) == 0)
            return o->truths[i];
    return NULL;
}

int32_t oracles_isr_min(const struct oracles *o, const struct image_topic *topic,
                        const struct image_partition *p)
{
    struct str own = image_config_value(oracles_image(o), RESOURCE_TOPIC, topic->name,
                                        STR("min.insync.replicas"));
    int32_t least = str_is_null(own) ? plan_isr_min(o->cluster->plan) : atoi(own.data);
    return least < p->replicas_count ? least : p->replicas_count;
}

bool oracles_is_member(const struct oracles *o, const struct machine *m)
{
    const struct broker *b = machine_broker(m);
    const struct image_broker *registered = image_broker(oracles_image(o), m->id);
    return b && registered && !registered->fenced && b->epoch == registered->epoch;
}

/* ---- what may be lost */

/* It has lost bytes, and has not registered anew since. */
static bool loss_is_unknown(const struct machine *m)
{
    return m->is_broker && (m->failing || (m->lost_in > 0 && m->registered_in <= m->lost_in));
}

bool oracles_loss_is_unknown(const struct oracles *o)
{
    for (int32_t i = 0; i < o->cluster->count; i++)
        if (loss_is_unknown(&o->cluster->machines[i])) return true;
    return false;
}

/* It has not stopped cleanly, with or without loss, so it leaves ISR and ELR when it registers. */
static bool will_be_dropped(const struct machine *m)
{
    return loss_is_unknown(m) || (m->unclean_in > 0 && m->registered_in <= m->unclean_in);
}

static bool is_candidate(const struct image_partition *p, int32_t id)
{
    return partition_in_isr(p, id) || ids_contain(partition_elr(p), p->elr_count, id);
}

/* Whoever has not stopped cleanly leaves ISR and ELR when it registers again; when nobody is left
 * there, the last leader is elected, whatever it has lost (KIP-966). Before that, members that are
 * sound may be fenced by chance until min.insync.replicas are left, and a reassignment may leave
 * one. Does anybody stay when m does not stop cleanly either? */
static bool somebody_stays(const struct oracles *o, const struct image_topic *topic,
                           const struct image_partition *p, const struct machine *m)
{
    int32_t members = 0, dropped = 0, least = oracles_isr_min(o, topic, p);
    for (int32_t i = 0; i < o->cluster->count; i++) {
        const struct machine *other = &o->cluster->machines[i];
        if (other != m && !is_candidate(p, other->id)) continue;
        members++;
        dropped += other == m || will_be_dropped(other);
    }
    if (p->adding_count + p->removing_count > 0) least = 1;
    return dropped < (least < members ? least : members);
}

/* Another replica that is in the in-sync set, runs, and holds everything. */
static bool another_holds(struct oracles *o, const struct truth *t, const struct image_partition *p,
                          const struct machine *m)
{
    for (int32_t i = 0; i < p->isr_count; i++) {
        int32_t id = partition_isr(p)[i];
        if (id == m->id || id > o->cluster->count) continue;
        const struct machine *other = &o->cluster->machines[id - 1];
        if (oracles_is_member(o, other) && !other->stopping && !other->may_fail &&
            !will_be_dropped(other) && truth_is_whole_on(t, other))
            return true;
    }
    return false;
}

/* Nobody leads, and the last leader would be elected if those of the ELR had to leave it: it must
 * hold everything. */
static bool last_leader_has_lost(const struct oracles *o, const struct truth *t,
                                 const struct image_partition *p)
{
    if (p->leader >= 0 || p->last_known_elr_count != 1) return false;
    int32_t id = partition_last_known_elr(p)[0];
    return id < 1 || id > o->cluster->count || !truth_is_whole_on(t, &o->cluster->machines[id - 1]);
}

/* The partition of a truth as committed, when m holds a replica of it. */
static const struct image_partition *replica_of(const struct oracles *o, const struct truth *t,
                                                const struct machine *m,
                                                const struct image_topic **topic)
{
    *topic = image_topic_by_id(oracles_image(o), t->topic_id);
    const struct image_partition *p = *topic ? image_topic_partition(*topic, t->partition) : NULL;
    return p && !t->deleted && partition_has_replica(p, m->id) ? p : NULL;
}

bool oracles_may_lose(struct oracles *o, const struct machine *m, bool synced)
{
    if (!synced && o->cluster->plan->flush_messages == 1)
        return oracles_may_crash(o, m); /* on disk before it is acknowledged: an unclean stop */
    for (int32_t i = 0; i < o->truths_count; i++) {
        const struct truth *t = o->truths[i];
        const struct image_topic *topic;
        const struct image_partition *p = replica_of(o, t, m, &topic);
        if (!p || (p->replicas_count == 1 && p->adding_count == 0)) continue; /* an amnesty */
        if (oracles_isr_min(o, topic, p) < 2 || !another_holds(o, t, p, m) ||
            !somebody_stays(o, topic, p, m) || last_leader_has_lost(o, t, p))
            return false;
    }
    return true;
}

bool oracles_may_crash(struct oracles *o, const struct machine *m)
{
    bool any = false;
    for (int32_t i = 0; i < o->cluster->count; i++)
        any |= loss_is_unknown(&o->cluster->machines[i]) && &o->cluster->machines[i] != m;
    for (int32_t i = 0; i < o->truths_count; i++) {
        const struct image_topic *topic;
        const struct image_partition *p = replica_of(o, o->truths[i], m, &topic);
        if (p && p->replicas_count > 1 && last_leader_has_lost(o, o->truths[i], p)) return false;
    }
    return !any || oracles_may_lose(o, m, true);
}

bool oracles_may_crash_all(struct oracles *o)
{
    for (int32_t i = 0; i < o->cluster->count; i++)
        if (!oracles_may_crash(o, &o->cluster->machines[i])) return false;
    return !oracles_loss_is_unknown(o);
}

static bool plan_removes_voters(const struct plan *p)
{
    for (int32_t i = 0; i < p->actions_count; i++)
        if (p->actions[i].kind == ACTION_VOTER_REMOVE) return true;
    return false;
}

/* Most voters are others, on the disks that they were voted in with; also when one of these leaves:
 * that governs from its append on (S22), and may be under way. */
static bool quorum_without(const struct oracles *o, const struct machine *m)
{
    int32_t voters = 0, others = 0;
    for (int32_t i = 0; i < o->cluster->count; i++) {
        const struct machine *k = &o->cluster->machines[i];
        bool is_voter =
            o->cluster->plan->static_voters ? k->is_controller : !uuid_is_zero(o->voters[i]);
        bool has_its_disk =
            o->cluster->plan->static_voters || uuid_equal(k->directory, o->voters[i]);
        voters += is_voter;
        others += is_voter && k != m && has_its_disk;
    }
    bool one_more_leaves = plan_removes_voters(o->cluster->plan);
    return one_more_leaves ? (others - 1) * 2 > voters - 1 : others * 2 > voters;
}

bool oracles_may_do_without(struct oracles *o, const struct machine *m)
{
    if (m->failing || m->may_fail || oracles_loss_is_unknown(o) || !quorum_without(o, m))
        return false;
    for (int32_t i = 0; i < o->truths_count && m->is_broker; i++) {
        const struct truth *t = o->truths[i];
        const struct image_topic *topic;
        const struct image_partition *p = replica_of(o, t, m, &topic);
        if (!p) continue;
        if (p->adding_count + p->removing_count > 0 ||
            p->replicas_count - 1 < oracles_isr_min(o, topic, p) || !another_holds(o, t, p, m) ||
            !somebody_stays(o, topic, p, m) || last_leader_has_lost(o, t, p))
            return false;
    }
    return true;
}

void oracles_has_lost(struct oracles *o, struct machine *m, bool synced)
{
    if (!synced && o->cluster->plan->flush_messages == 1) return; /* nothing */
    m->lost_in = m->starts;
    for (int32_t i = 0; i < o->truths_count; i++) {
        struct truth *t = o->truths[i];
        const struct image_topic *topic = image_topic_by_id(oracles_image(o), t->topic_id);
        const struct image_partition *p = topic ? image_topic_partition(topic, t->partition) : NULL;
        if (p && p->replicas_count == 1 && partition_has_replica(p, m->id)) t->amnesty = true;
    }
}
