#include "run.h"

#include <stdarg.h>

#include "admin.h"
#include "base/mem.h"
#include "member.h"
#include "nemesis.h"
#include "oracles.h"
#include "producer.h"
#include "reader.h"
#include "replays.h"
#include "spray.h"

enum {
    CLIENTS_MAX = 8,
    SETUP_MS_MAX = 60000, /* the topics of the plan must be there */
    HEAL_MS_MAX = 120000,
    READ_MS_MAX = 600000,
    COMMIT_MS_MAX = 10000, /* what has been acknowledged with acks=1, once all links are well */
    LOOK_MS = 100,         /* between two looks at whether all is well */
};

struct run {
    struct cluster *cluster;
    struct admin *admin;
    struct nemesis *nemesis;
    struct producer *producers[CLIENTS_MAX];
    struct replays *replays; /* NULL: nobody sends anything again */
    struct spray *sprays[CLIENTS_MAX];
    struct reader *readers[CLIENTS_MAX];
    struct member *members[CLIENTS_MAX];
    int32_t producers_count, sprays_count, readers_count, members_count;
    struct machine *away; /* the others must do without it; NULL: nobody is */
    char why[256];        /* not well yet */
};

/* ---- after every event */

static void look(void *owner, struct sim_node *n)
{
    struct cluster *c = owner;
    for (int32_t i = 0; n && i < c->count; i++)
        if (c->machines[i].sim == n) oracles_look(c->oracles, &c->machines[i]);
    if (!cluster_is_broken(c)) cluster_after_event(c);
}

static bool is_broken(void *owner)
{
    return cluster_is_broken(owner);
}

/* Until well(run), looked at now and then; false when it is not so after ms_max. */
static bool run_until(struct run *r, bool (*well)(struct run *r), int64_t ms_max)
{
    struct cluster *c = r->cluster;
    int64_t end_ms = sim_now_ms(c->sim) + ms_max;
    while (!well(r)) {
        if (cluster_is_broken(c) || sim_now_ms(c->sim) >= end_ms) return false;
        (void)sim_run_until(c->sim, is_broken, c, LOOK_MS);
    }
    r->why[0] = '\0';
    return true;
}

/* ---- what being well is (L1 to L7) */

static bool no(struct run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool no(struct run *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->why, sizeof r->why, format, args);
    va_end(args);
    return false;
}

static bool nodes_are_well(struct run *r)
{
    const struct oracles *o = r->cluster->oracles;
    int32_t leader = -1;
    for (int32_t i = 0; i < r->cluster->count; i++) {
        const struct machine *m = &r->cluster->machines[i];
        const struct quorum_view *v = &o->quorum[i];
        if (m == r->away) continue;
        if (!machine_is_up(m)) return no(r, "L4: %s is down", m->name);
        if (v->leader < 0) return no(r, "L1: %s knows no leader of the quorum", m->name);
        if (leader >= 0 && v->leader != leader)
            return no(r, "L1: the quorum's leader is %d, and %d for %s", leader, v->leader,
                      m->name);
        leader = v->leader;
        if (r->away && leader == r->away->id)
            return no(r, "L1: %s is away, and leads the quorum for %s", r->away->name, m->name);
        if (m->is_broker && !m->started) return no(r, "L4: %s has not started", m->name);
        if (m->is_broker && !oracles_is_member(o, m)) return no(r, "L4: %s is fenced", m->name);
        if (m->is_broker && v->broker_image_end + 40 < o->metadata.end)
            return no(r, "L6: the metadata of %s is at %lld of %lld", m->name,
                      (long long)v->broker_image_end, (long long)o->metadata.end);
    }
    return true;
}

/* Whoever is not away is in sync. A reassignment to one that is away, asked for before it went and
 * committed after that, waits for it (seed 5389312560529). */
static bool partition_is_well(struct run *r, const struct image_partition *p)
{
    int32_t awaited = 0, there = 0;
    for (int32_t i = 0; i < p->replicas_count; i++) {
        int32_t id = partition_replicas(p)[i];
        if (r->away && r->away->id == id) continue;
        awaited++;
        there += partition_in_isr(p, id);
    }
    bool waits = r->away && partition_has_replica(p, r->away->id);
    return there == awaited && (waits || p->adding_count + p->removing_count == 0);
}

static bool partitions_are_well(struct run *r)
{
    const struct image *image = oracles_image(r->cluster->oracles);
    const struct image_topic *topic;
    for (uint32_t at = 0; (topic = image_topic_next(image, &at)) != NULL;)
        for (int32_t i = 0; i < topic->partitions_size; i++) {
            const struct image_partition *p = image_topic_partition(topic, i);
            if (!p) continue;
            if (p->leader < 0 || (r->away && p->leader == r->away->id))
                return no(r, "L2: %.*s-%d has no leader%s%s", STR_ARG(topic->name), i,
                          r->away ? " without " : "", r->away ? r->away->name : "");
            if (!partition_is_well(r, p))
                return no(r, "L4: %d of %d replicas of %.*s-%d are in sync", p->isr_count,
                          p->replicas_count, STR_ARG(topic->name), i);
        }
    return true;
}

static bool clients_are_well(struct run *r)
{
    for (int32_t i = 0; i < r->producers_count; i++)
        if (!producer_is_drained(r->producers[i]))
            return no(r, "L3: producer %d waits for %s", i, producer_stuck_at(r->producers[i]));
    if (!admin_is_idle(r->admin)) return no(r, "L3: the admin waits");
    for (int32_t i = 0; i < r->members_count; i++) {
        char state[160];
        if (member_is_caught_up(r->members[i])) continue;
        member_say(r->members[i], state, sizeof state);
        return no(r, "L3: group member %d is %s", i, state);
    }
    const struct oracles *o = r->cluster->oracles;
    for (int32_t k = 0; k < o->truths_count && r->members_count > 0; k++) {
        const struct truth *t = o->truths[k];
        int32_t owners = 0;
        if (t->topic[0] != 't' || t->deleted || t->end == 0) continue;
        for (int32_t i = 0; i < r->members_count; i++) owners += member_owns(r->members[i], t);
        if (owners > 1) return no(r, "S19: %s has %d owners", t->directory, owners);
    }
    return true;
}

static bool all_is_well(struct run *r)
{
    return nodes_are_well(r) && partitions_are_well(r) && clients_are_well(r);
}

static bool has_topics(struct run *r)
{
    if (!admin_has_made_topics(r->admin)) return no(r, "L3: no topics after the start");
    return true;
}

static bool all_is_read(struct run *r)
{
    for (int32_t i = 0; i < r->readers_count; i++)
        if (!reader_has_read_all(r->readers[i]))
            return no(r, "L3: %s cannot be read to its end", reader_stuck_at(r->readers[i]));
    for (int32_t i = 0; i < r->sprays_count; i++) {
        const struct truth *t = spray_stuck_at(r->sprays[i]);
        if (t) return no(r, "L3: what is sent with acks=0 to %s is not written", t->directory);
    }
    return true;
}

static bool all_is_committed(struct run *r)
{
    return values_are_committed(&r->cluster->oracles->values) ||
           no(r, "S1: what was acknowledged is not committed");
}

/* ---- phases */

static void add_producer(struct run *r, int16_t acks)
{
    if (r->producers_count == CLIENTS_MAX) return;
    r->producers[r->producers_count] =
        producer_new(r->cluster, r->producers_count, acks, r->replays);
    r->producers_count++;
}

static void add_spray(struct run *r)
{
    if (r->sprays_count == CLIENTS_MAX) return;
    r->sprays[r->sprays_count] = spray_new(r->cluster, r->producers_count + r->sprays_count);
    r->sprays_count++;
}

static void add_reader(struct run *r)
{
    if (r->readers_count == CLIENTS_MAX) return;
    r->readers[r->readers_count] = reader_new(r->cluster, r->readers_count);
    r->readers_count++;
}

static void add_member(struct run *r)
{
    if (r->members_count == CLIENTS_MAX) return;
    r->members[r->members_count] = member_new(r->cluster, r->members_count);
    r->members_count++;
}

static void begin(struct run *r)
{
    const struct plan *p = r->cluster->plan;
    r->admin = admin_new(r->cluster);
    admin_make_topics(r->admin);
    if (!run_until(r, has_topics, SETUP_MS_MAX)) return;
    if (p->replays) r->replays = replays_new(r->cluster);
    for (int32_t i = 0; i < p->producers; i++) add_producer(r, ACKS_ALL);
    for (int32_t i = 0; i < p->producers_leader; i++) add_producer(r, ACKS_LEADER);
    for (int32_t i = 0; i < p->producers_none; i++) add_spray(r);
    for (int32_t i = 0; i < p->readers; i++) add_reader(r);
    for (int32_t i = 0; i < p->group_members; i++) add_member(r);
    r->nemesis = nemesis_new(r->cluster, r->admin, r->members, r->members_count);
}

static void disturb(struct run *r)
{
    struct cluster *c = r->cluster;
    (void)sim_run_until(c->sim, is_broken, c, c->plan->run_ms);
}

static void heal(struct run *r)
{
    struct cluster *c = r->cluster;
    c->healing = true;
    for (int32_t i = 0; i < r->producers_count; i++) producer_rest(r->producers[i]);
    for (int32_t i = 0; i < r->sprays_count; i++) spray_rest(r->sprays[i]);
    if (r->replays) replays_rest(r->replays);
    admin_rest(r->admin);
    r->away = nemesis_heal(r->nemesis);
    if (r->away) {
        if (!run_until(r, all_is_well, HEAL_MS_MAX)) return;
        cluster_say(c, "run", "well", "without %s", r->away->name);
        struct machine *back = r->away;
        r->away = NULL;
        nemesis_bring_back(r->nemesis, back);
    }
    if (!run_until(r, all_is_well, HEAL_MS_MAX)) return;
    cluster_say(c, "run", "well", " ");
    for (int32_t i = 0; i < r->sprays_count; i++) spray_send_last(r->sprays[i]);
    if (r->readers_count == 0) add_reader(r);
    for (int32_t i = 0; i < r->readers_count; i++) reader_read_all(r->readers[i]);
    if (!run_until(r, all_is_read, READ_MS_MAX)) return;
    (void)run_until(r, all_is_committed, COMMIT_MS_MAX);
    values_check(&c->oracles->values);
}

static void gather(const struct run *r, struct run_result *result)
{
    const struct cluster *c = r->cluster;
    const struct oracles *o = c->oracles;
    snprintf(result->broken, sizeof result->broken, "%s", c->broken);
    if (!result->broken[0]) snprintf(result->broken, sizeof result->broken, "%s", r->why);
    result->events = sim_events(c->sim);
    result->virtual_ms = sim_now_ms(c->sim);
    result->hash = sim_hash(c->sim);
    result->acked = o->values.acked;
    result->committed = o->values.committed;
    result->elections = o->elections;
    result->isr_changes = o->isr_changes;
    result->rebalances = o->groups.rebalances;
    result->commits = o->groups.commits;
    for (int32_t i = 0; i < c->count; i++) result->restarts += c->machines[i].starts - 1;
    for (int32_t i = 0; i < r->readers_count; i++) result->read += reader_batches(r->readers[i]);
    if (r->nemesis) {
        result->actions_done = nemesis_done(r->nemesis);
        result->actions_spared = nemesis_spared(r->nemesis);
    }
}

void run_plan(const struct plan *plan, bool verbose, bool echo, struct run_result *result)
{
    struct run r = {.cluster = cluster_new(plan, verbose)};
    *result = (struct run_result){0};
    sim_trace_echo(r.cluster->sim, echo);
    sim_watch(r.cluster->sim, look, r.cluster);
    begin(&r);
    if (r.nemesis) disturb(&r);
    if (r.nemesis && !cluster_is_broken(r.cluster)) heal(&r);
    gather(&r, result);
    sim_watch(r.cluster->sim, NULL, NULL);
    for (int32_t i = 0; i < r.producers_count; i++) producer_free(r.producers[i]);
    if (r.replays) replays_free(r.replays);
    for (int32_t i = 0; i < r.sprays_count; i++) spray_free(r.sprays[i]);
    for (int32_t i = 0; i < r.readers_count; i++) reader_free(r.readers[i]);
    for (int32_t i = 0; i < r.members_count; i++) member_free(r.members[i]);
    if (r.nemesis) nemesis_free(r.nemesis);
    admin_free(r.admin);
    cluster_free(r.cluster);
}
