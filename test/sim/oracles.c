#include "oracles.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/broker.h"

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

/* It has lost bytes, and the metadata does not show yet that it has registered anew. */
static bool loss_is_unknown(const struct oracles *o, const struct machine *m)
{
    const struct image_broker *b = image_broker(oracles_image(o), m->id);
    return m->lost_epoch >= 0 && b && b->epoch == m->lost_epoch;
}

bool oracles_loss_is_unknown(const struct oracles *o)
{
    for (int32_t i = 0; i < o->cluster->count; i++)
        if (loss_is_unknown(o, &o->cluster->machines[i])) return true;
    return false;
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
            !loss_is_unknown(o, other) && truth_is_whole_on(t, other))
            return true;
    }
    return false;
}

static bool matters(const struct image_partition *p, const struct machine *m)
{
    return partition_in_isr(p, m->id) || ids_contain(partition_elr(p), p->elr_count, m->id) ||
           ids_contain(partition_last_known_elr(p), p->last_known_elr_count, m->id);
}

bool oracles_may_lose(struct oracles *o, const struct machine *m, bool synced)
{
    if (!synced && o->cluster->plan->flush_messages == 1)
        return true; /* on disk before it is acknowledged */
    for (int32_t i = 0; i < o->truths_count; i++) {
        struct truth *t = o->truths[i];
        const struct image_topic *topic = image_topic_by_id(oracles_image(o), t->topic_id);
        const struct image_partition *p = topic ? image_topic_partition(topic, t->partition) : NULL;
        if (!p || t->deleted || !matters(p, m)) continue;
        if (p->replicas_count == 1 && p->adding_count == 0) continue; /* an amnesty */
        if (oracles_isr_min(o, topic, p) < 2 || !another_holds(o, t, p, m)) return false;
    }
    return true;
}

bool oracles_may_crash(struct oracles *o, const struct machine *m)
{
    bool any = false;
    for (int32_t i = 0; i < o->cluster->count; i++)
        any |= loss_is_unknown(o, &o->cluster->machines[i]) && &o->cluster->machines[i] != m;
    return !any || oracles_may_lose(o, m, true);
}

void oracles_has_lost(struct oracles *o, struct machine *m, bool synced)
{
    if (!synced && o->cluster->plan->flush_messages == 1) return; /* nothing */
    const struct image_broker *b = image_broker(oracles_image(o), m->id);
    m->lost_epoch = b ? b->epoch : -1;
    for (int32_t i = 0; i < o->truths_count; i++) {
        struct truth *t = o->truths[i];
        const struct image_topic *topic = image_topic_by_id(oracles_image(o), t->topic_id);
        const struct image_partition *p = topic ? image_topic_partition(topic, t->partition) : NULL;
        if (p && p->replicas_count == 1 && partition_has_replica(p, m->id)) t->amnesty = true;
    }
}
