/* Early detection: whoever is said to be gone is gone (D1). A verdict that names a process that
 * runs would fence a living broker or depose a living leader because of one reset connection. */
#include "base/mark.h"
#include "broker/broker.h"
#include "history/history.h"
#include "oracles.h"
#include "quorum/quorum.h"

/* Asked to stop, and it takes no connections any more: it will not be that process again. */
static bool has_closed(const struct machine *m, uint16_t port)
{
    return m->stopping && !sim_node_listens(m->sim, port);
}

static bool is_broker_of(const struct machine *m, int64_t epoch)
{
    const struct broker *b = machine_broker(m);
    return b && b->epoch == epoch && !has_closed(m, 9092);
}

static bool leads(const struct machine *m, int64_t epoch)
{
    const struct quorum *q = machine_quorum(m);
    return q && quorum_is_leader(q) && quorum_epoch(q) == epoch && !has_closed(m, 9093);
}

static void check_verdict(struct oracles *o, const struct machine *by,
                          const struct history_event *e)
{
    struct cluster *c = o->cluster;
    if (e->fact.about < 1 || e->fact.about > c->count) {
        cluster_broken(c, "D1", "%s says that node %d is gone, which does not exist", by->name,
                       e->fact.about);
        return;
    }
    const struct machine *m = &c->machines[e->fact.about - 1];
    MARK("oracle D1: a process is said to be gone");
    if (is_broker_of(m, e->fact.epoch) && strcmp(e->fact.reason, "broker") == 0)
        cluster_broken(c, "D1", "%s says that broker %d of epoch %lld is gone, and it runs: %s",
                       by->name, m->id, (long long)e->fact.epoch, e->text);
    if (leads(m, e->fact.epoch) && strcmp(e->fact.reason, "quorum-leader") == 0)
        cluster_broken(c, "D1", "%s says that leader %d of epoch %lld is gone, and it leads: %s",
                       by->name, m->id, (long long)e->fact.epoch, e->text);
}

void detection_look(struct oracles *o, struct machine *m)
{
    const struct history *h = node_history(m->node);
    struct detection_view *v = &o->detection[m->index];
    if (v->starts != m->starts) *v = (struct detection_view){.starts = m->starts};
    if (v->next < history_first(h)) v->next = history_first(h);
    for (; v->next < history_after(h); v->next++) {
        const struct history_event *e = history_get(h, v->next);
        if (e->fact.kind == HISTORY_PROCESS_GONE) check_verdict(o, m, e);
    }
}
