#include "nemesis.h"

#include "base/mark.h"
#include "base/mem.h"
#include "impostor.h"
#include "oracles.h"
#include "replica/partition.h"

struct fault {
    struct nemesis *nemesis;
    struct action action; /* of the plan, with a node for who has the part */
};

struct nemesis {
    struct cluster *cluster;
    struct admin *admin;
    struct member **members;
    int32_t members_count;
    struct impostor *impostor;
    struct fault faults[PLAN_ACTIONS_MAX];
    bool healed;
    bool controller_replaced;
    int32_t disturbing; /* faults under way that may get a sound machine fenced */
    int32_t done, spared;
};

static struct machine *machine_of(struct nemesis *n, int32_t index)
{
    return &n->cluster->machines[index % n->cluster->count];
}

/* ---- processes */

/* A loss is survived by another that holds everything, so nobody else may be fenced by chance
 * before the controller knows of it. */
static bool may_lose(const struct nemesis *n, const struct machine *m, bool synced)
{
    bool loses = synced || n->cluster->plan->flush_messages != 1;
    if (loses && (n->disturbing > 0 || admin_may_move(n->admin))) return false;
    return oracles_may_lose(n->cluster->oracles, m, synced);
}

static bool take_down(struct nemesis *n, const struct action *a)
{
    struct machine *m = machine_of(n, a->a);
    if (!machine_is_up(m)) return false;
    bool loses = a->kind != ACTION_STOP && a->kind != ACTION_CRASH;
    bool synced = a->kind != ACTION_POWER; /* what had been synced too */
    if (loses && !may_lose(n, m, synced)) return false;
    if (!loses && !oracles_may_crash(n->cluster->oracles, m)) return false;
    if (a->kind == ACTION_STOP) {
        if (!m->started || m->stopping) return false;
        machine_stop(m);
        m->restart_ms = -1;
    } else if (a->kind == ACTION_CRASH) {
        machine_crash(m);
    } else {
        machine_power_loss(m, a->x % 4 ? SIM_LOSS_RANDOM : SIM_LOSS_ALL);
        oracles_has_lost(n->cluster->oracles, m, synced);
    }
    machine_restart_in(m, a->ms);
    return true;
}

static bool crash_all(struct nemesis *n, const struct action *a)
{
    if (!oracles_may_crash_all(n->cluster->oracles))
        return false; /* of those that hold everything one must stay */
    for (int32_t i = 0; i < n->cluster->count; i++) {
        struct machine *m = machine_of(n, i);
        if (machine_is_up(m)) machine_crash(m);
        machine_restart_in(m, a->ms * (i + 1) / n->cluster->count);
    }
    return true;
}

/* What is on disk before it counts is all that is needed afterwards: the metadata log always, the
 * partitions' where every append is synced. */
static bool power_all(struct nemesis *n, const struct action *a)
{
    bool all = n->cluster->plan->flush_messages == 1, any = false;
    if (all ? !oracles_may_crash_all(n->cluster->oracles)
            : oracles_loss_is_unknown(n->cluster->oracles))
        return false;
    for (int32_t i = 0; i < n->cluster->count; i++) {
        struct machine *m = machine_of(n, i);
        if (!all && m->is_broker) continue;
        if (machine_is_up(m)) {
            machine_power_loss(m, a->x % 4 ? SIM_LOSS_RANDOM : SIM_LOSS_ALL);
            oracles_has_lost(n->cluster->oracles, m, false);
        }
        machine_restart_in(m, a->ms * (i + 1) / n->cluster->count);
        any = true;
    }
    return any;
}

static bool replace_disk(struct nemesis *n, const struct action *a)
{
    struct machine *m = machine_of(n, a->a);
    const struct plan *p = n->cluster->plan;
    if (m->is_controller) { /* a voter is lost for good: the others must be enough, always */
        for (int32_t i = 0; i < p->actions_count; i++)
            if (p->actions[i].kind == ACTION_VOTER_REMOVE) return false;
        int32_t controllers = 0;
        for (int32_t i = 0; i < n->cluster->count; i++)
            controllers += n->cluster->machines[i].is_controller;
        if (p->static_voters || controllers < 3 || n->controller_replaced) return false;
    }
    if (!take_down(n, a)) return false;
    n->controller_replaced |= m->is_controller;
    machine_replace_disk(m);
    return true;
}

static bool pause(struct nemesis *n, const struct action *a, bool on)
{
    struct machine *m = machine_of(n, a->a);
    if (!machine_is_up(m)) return false;
    sim_node_pause(m->sim, on);
    return true;
}

static bool lose_directory(struct nemesis *n, const struct action *a)
{
    struct machine *m = machine_of(n, a->a);
    if (n->cluster->plan->directories < 2 || !m->is_broker || !take_down(n, a)) return false;
    enum err e = sim_disk_vanish(m->sim, cluster_directory(1));
    POST(e == ERR_OK || e == ERR_NOT_FOUND);
    return true;
}

/* In the first segment of some partition: what recovery cannot trust it must not keep. */
static bool misread(struct nemesis *n, const struct action *a)
{
    const struct oracles *o = n->cluster->oracles;
    if (o->truths_count == 0 || !take_down(n, a)) return false;
    char suffix[48];
    int len = snprintf(suffix, sizeof suffix, "%s/00000000000000000000.log",
                       o->truths[a->x % o->truths_count]->directory);
    if (len >= (int)sizeof suffix) return true; /* the power loss was enough */
    /* No single bit: base offset and leader epoch are outside a batch's checksum. */
    /* Where the producers are learnt anew, what was once recovered is not cut: the start fails. */
    machine_of(n, a->a)->may_fail = machine_of(n, a->a)->misreads = true;
    sim_disk_misread(machine_of(n, a->a)->sim,
                     a->x / 7 % 2 ? SIM_MISREAD_STALE : SIM_MISREAD_MISDIRECTED, suffix,
                     1 + a->x / 21 % 4);
    return true;
}

/* ---- links */

static void cut_between(struct machine *a, struct machine *b, bool on)
{
    sim_net_cut(a->sim, b->sim, on);
}

static bool split(struct nemesis *n, const struct action *a, bool on)
{
    bool any = false;
    for (int32_t i = 0; i < n->cluster->count; i++)
        for (int32_t k = 0; k < n->cluster->count; k++)
            if ((a->x >> i & 1) != (a->x >> k & 1)) {
                cut_between(machine_of(n, i), machine_of(n, k), on);
                any = true;
            }
    return any;
}

static bool reset_clients(struct nemesis *n, const struct action *a)
{
    struct sim *s = n->cluster->sim;
    static const char *const names[] = {"p0", "p1", "p2", "p3", "p4",   "r0",
                                        "r1", "m0", "m1", "m2", "admin"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        sim_net_reset(sim_node(s, names[i]), machine_of(n, a->a)->sim);
    return true;
}

static bool two(struct nemesis *n, const struct action *a)
{
    return machine_of(n, a->a) != machine_of(n, a->b);
}

static bool slow_link(struct nemesis *n, const struct action *a, bool on)
{
    int64_t usual = n->cluster->plan->link_us;
    if (!two(n, a)) return false;
    sim_net_delay(machine_of(n, a->a)->sim, machine_of(n, a->b)->sim, 50,
                  on ? usual + a->x * 1000 : usual);
    return true;
}

/* ---- disks */

static bool disk_error(struct nemesis *n, const struct action *a, bool on)
{
    struct machine *m = machine_of(n, a->a);
    /* A sync that fails drops what it should have written: a loss. */
    if (on && (!machine_is_up(m) || m->may_fail || !may_lose(n, m, true))) return false;
    if (on) {
        m->may_fail = m->failing = true;
        oracles_has_lost(n->cluster->oracles, m, true);
        /* Once, or whatever follows too. Files can still be made: that the directory has failed is
         * written down in it, else nothing could be known of it (docs/operations.md). */
        sim_disk_fail(m->sim, SIM_WRITE | SIM_SYNC | SIM_SYNC_DIR, a->x, ERR_IO, a->b % 3 == 2);
        return true;
    }
    sim_disk_fail(m->sim, 0, 0, ERR_OK, false);
    m->failing = false;
    oracles_has_lost(n->cluster->oracles, m, true); /* also in a start after that one */
    /* A directory comes back by a restart only. */
    if (machine_is_up(m) && !m->stopping) machine_stop(m);
    machine_restart_in(m, 100);
    return true;
}

/* Nothing is lost, but a directory that could not be read comes back by a restart only. */
static bool read_error(struct nemesis *n, const struct action *a, bool on)
{
    struct machine *m = machine_of(n, a->a);
    if (on && (!machine_is_up(m) || m->may_fail || !oracles_may_crash(n->cluster->oracles, m)))
        return false;
    sim_disk_fail(m->sim, SIM_READ, on ? a->x : 0, on ? ERR_IO : ERR_OK, a->b % 3 == 2);
    if (on) {
        m->may_fail = true;
        return true;
    }
    if (machine_is_up(m) && !m->stopping) machine_stop(m);
    machine_restart_in(m, 100);
    return true;
}

static bool disk_full(struct nemesis *n, const struct action *a, bool on)
{
    struct machine *m = machine_of(n, a->a);
    if (on && (!machine_is_up(m) || !oracles_may_crash(n->cluster->oracles, m))) return false;
    sim_disk_budget(m->sim, on ? sim_disk_used(m->sim) + a->x : -1);
    if (on) m->may_fail = true;
    return true;
}

static bool disk_pace(struct nemesis *n, const struct action *a, bool on)
{
    struct sim_node *s = machine_of(n, a->a)->sim;
    int64_t usual = n->cluster->plan->sync_us;
    if (a->kind == ACTION_DISK_SLOW)
        sim_disk_delay(s, SIM_READ | SIM_WRITE, 0, on ? a->x : 0);
    else if (a->kind == ACTION_SYNC_SLOW)
        sim_disk_sync_delay(s, 100, on ? usual + a->x * 1000 : usual);
    else
        sim_disk_stand_still(s, on ? sim_now_ms(n->cluster->sim) + a->ms : 0);
    return true;
}

/* ---- clocks and members */

static bool clock(struct nemesis *n, const struct action *a, bool on)
{
    struct machine *m = machine_of(n, a->a);
    struct sim_node *s = m->sim;
    if (a->kind == ACTION_WALL_STEP && on) {
        sim_node_wall_step(s, a->x - m->wall_ms);
        m->wall_ms = a->x;
    }
    if (a->kind == ACTION_WALL_FREEZE) sim_node_wall_freeze(s, on);
    if (a->kind == ACTION_DRIFT) sim_node_clock_drift(s, on ? a->x : m->drift_ppm);
    return true;
}

static bool member_stop(struct nemesis *n, const struct action *a, bool on)
{
    if (n->members_count == 0) return false;
    struct member *m = n->members[a->a % n->members_count];
    if (on)
        member_leave(m);
    else
        member_return(m);
    return true;
}

/* ---- one action */

/* False: it had no place here, or was spared. `on` false: its end. */
static bool apply(struct nemesis *n, const struct action *a, bool on)
{
    switch (a->kind) {
    case ACTION_CRASH:
    case ACTION_POWER:
    case ACTION_STOP: return on && take_down(n, a);
    case ACTION_CRASH_ALL: return on && crash_all(n, a);
    case ACTION_POWER_ALL: return on && power_all(n, a);
    case ACTION_DISK_NEW: return on && replace_disk(n, a);
    case ACTION_DIRECTORY_GONE: return on && lose_directory(n, a);
    case ACTION_MISREAD: return on && misread(n, a);
    case ACTION_PAUSE: return pause(n, a, on);
    case ACTION_CUT:
        if (!two(n, a)) return false;
        cut_between(machine_of(n, a->a), machine_of(n, a->b), on);
        if (a->x % 2) cut_between(machine_of(n, a->b), machine_of(n, a->a), on);
        return true;
    case ACTION_SPLIT: return split(n, a, on);
    case ACTION_ISOLATE: sim_net_isolate(machine_of(n, a->a)->sim, on); return true;
    case ACTION_DEAF:
        (a->x % 2 ? sim_net_mute : sim_net_deafen)(machine_of(n, a->a)->sim, on);
        return true;
    case ACTION_RESET:
        if (on && two(n, a)) sim_net_reset(machine_of(n, a->a)->sim, machine_of(n, a->b)->sim);
        return on && two(n, a);
    case ACTION_RESET_CLIENTS: return on && reset_clients(n, a);
    case ACTION_CLOG: return slow_link(n, a, on);
    case ACTION_DISK_SLOW:
    case ACTION_DISK_STILL:
    case ACTION_SYNC_SLOW: return disk_pace(n, a, on);
    case ACTION_DISK_FULL: return disk_full(n, a, on);
    case ACTION_DISK_ERROR: return disk_error(n, a, on);
    case ACTION_READ_ERROR: return read_error(n, a, on);
    case ACTION_WALL_STEP:
    case ACTION_WALL_FREEZE:
    case ACTION_DRIFT: return clock(n, a, on);
    case ACTION_MEMBER_STOP: return member_stop(n, a, on);
    case ACTION_IMPOSTOR:
        return on && machine_of(n, a->a)->is_broker &&
               impostor_try(n->impostor, machine_of(n, a->a), a->x, n->disturbing == 0);
    default:
        if (on) admin_do(n->admin, a);
        return on;
    }
}

/* What is so of a kind of action. */
enum {
    ENDS = 1,     /* it lasts, and is ended */
    DISTURBS = 2, /* may get a sound machine fenced, or its data moved or led elsewhere */
};

static unsigned traits_of(enum action_kind kind)
{
    switch (kind) {
    case ACTION_PAUSE:
    case ACTION_CUT:
    case ACTION_SPLIT:
    case ACTION_ISOLATE:
    case ACTION_DEAF:
    case ACTION_READ_ERROR:
    case ACTION_CLOG:
    case ACTION_DISK_SLOW:
    case ACTION_DISK_STILL:
    case ACTION_SYNC_SLOW:
    case ACTION_DISK_FULL: return ENDS | DISTURBS;
    case ACTION_DISK_ERROR:
    case ACTION_WALL_FREEZE:
    case ACTION_DRIFT:
    case ACTION_MEMBER_STOP: return ENDS;
    case ACTION_ELECT:
    case ACTION_REASSIGN: return DISTURBS;
    default: return 0;
    }
}

static bool disturbs(enum action_kind kind)
{
    return traits_of(kind) & DISTURBS;
}

static bool has_end(enum action_kind kind)
{
    return traits_of(kind) & ENDS;
}

static void fault_ends(void *owner)
{
    struct fault *f = owner;
    struct nemesis *n = f->nemesis;
    if (n->healed) return;
    cluster_say(n->cluster, "nemesis", "end", "%s a=%d b=%d", action_name(f->action.kind),
                f->action.a, f->action.b);
    apply(n, &f->action, false);
    n->disturbing -= disturbs(f->action.kind);
}

/* Who has the part now; anybody, when nobody has. */
static int32_t in_the_part(const struct nemesis *n, const struct action *a)
{
    const struct oracles *o = n->cluster->oracles;
    if (a->a == PLAN_QUORUM_LEADER) {
        for (int32_t i = 0; i < n->cluster->count; i++)
            if (o->quorum[i].leads) return i;
    } else if (a->a == PLAN_PARTITION_LEADER && o->truths_count > 0) {
        const struct truth *t = o->truths[a->b % o->truths_count];
        if (t->leaders_count > 0) return t->leaders[t->leaders_count - 1].broker - 1;
    }
    return a->a % n->cluster->count;
}

/* Each kind is to be seen, and whom it meets (the suite asks for every mark). */
static void mark_kind(enum action_kind kind)
{
    switch (kind) {
#define A(name, what) \
    case ACTION_##name: MARK("fault " #name); break;
        PLAN_ACTIONS(A)
#undef A
    case ACTION_KINDS: break;
    }
}

enum { MEETS_QUORUM_LEADER = 1, MEETS_LEADER = 2 };

static unsigned whom_it_meets(const struct nemesis *n, const struct action *a)
{
    if (a->kind >= ACTION_TOPIC_CREATE) return 0;
    const struct oracles *o = n->cluster->oracles;
    int32_t node = a->a % n->cluster->count;
    unsigned met = o->quorum[node].leads ? MEETS_QUORUM_LEADER : 0;
    for (int32_t i = 0; i < o->truths_count; i++) {
        const struct truth_view *v = &o->truths[i]->views[node];
        if (v->hosted && v->role == PARTITION_LEADER && v->isr_count > 1) met |= MEETS_LEADER;
    }
    return met;
}

static void fault_begins(void *owner)
{
    struct fault *f = owner;
    struct nemesis *n = f->nemesis;
    struct action *a = &f->action;
    if (n->healed) return;
    if (a->kind < ACTION_TOPIC_CREATE) a->a = in_the_part(n, a);
    cluster_say(n->cluster, "nemesis", "begin", "%s a=%d b=%d ms=%lld x=%lld", action_name(a->kind),
                a->a, a->b, (long long)a->ms, (long long)a->x);
    bool untimely = disturbs(a->kind) && oracles_loss_is_unknown(n->cluster->oracles);
    unsigned met = whom_it_meets(n, a);
    if (untimely || !apply(n, a, true)) {
        n->spared++;
        cluster_say(n->cluster, "nemesis", "spared", "%s", action_name(a->kind));
        return;
    }
    n->done++;
    mark_kind(a->kind);
    if (met & MEETS_QUORUM_LEADER) MARK("a fault meets the quorum's leader");
    if (met & MEETS_LEADER) MARK("a fault meets a partition's leader");
    n->disturbing += disturbs(a->kind) && has_end(a->kind);
    if (has_end(a->kind))
        sim_at_ms(n->cluster->sim, sim_now_ms(n->cluster->sim) + a->ms, fault_ends, f);
}

static void mend(struct nemesis *n, struct machine *m, bool stays_away)
{
    struct cluster *c = n->cluster;
    sim_net_isolate(m->sim, false);
    for (int32_t k = 0; k < c->count; k++)
        if (m != &c->machines[k]) sim_net_delay(m->sim, c->machines[k].sim, 50, c->plan->link_us);
    bool broken_disk = m->may_fail;
    if (m->failing) oracles_has_lost(c->oracles, m, true);
    sim_disk_fail(m->sim, 0, 0, ERR_OK, false);
    sim_disk_budget(m->sim, -1);
    sim_disk_misread(m->sim, SIM_MISREAD_FLIPPED, "", 0);
    sim_disk_delay(m->sim, 0, 0, 0);
    sim_disk_stand_still(m->sim, 0);
    sim_disk_sync_delay(m->sim, 100, c->plan->sync_us);
    sim_node_wall_freeze(m->sim, false);
    sim_node_clock_drift(m->sim, m->drift_ppm);
    m->may_fail = m->failing = m->misreads = false;
    if (machine_is_up(m)) sim_node_pause(m->sim, false);
    if (stays_away) return;
    if (machine_is_up(m) && broken_disk && !m->stopping) machine_stop(m);
    if (!machine_is_up(m) || m->stopping) machine_restart_in(m, 100);
}

/* The ways to be of no use, none of which the others may suffer from for long. */
enum { AWAY_DOWN, AWAY_ISOLATED, AWAY_PAUSED, AWAY_DEAF, AWAY_MUTE, AWAY_SEEN, AWAYS };

static void go_away(struct nemesis *n, struct machine *m, int64_t how)
{
    static const char *const names[] = {"down", "isolated", "paused", "deaf", "mute", "seen"};
    cluster_say(n->cluster, m->name, "away", "%s", names[how]);
    m->restart_ms = -1;
    if (how == AWAY_DOWN && machine_is_up(m)) machine_crash(m);
    if (how == AWAY_ISOLATED) sim_net_isolate(m->sim, true);
    if (how == AWAY_PAUSED && machine_is_up(m)) sim_node_pause(m->sim, true);
    if (how == AWAY_DEAF) sim_net_deafen(m->sim, true);
    if (how == AWAY_MUTE) sim_net_mute(m->sim, true);
    for (int32_t i = 0; i < n->cluster->count && how == AWAY_SEEN; i++) {
        if (machine_of(n, i) == m) continue; /* clients still reach it */
        cut_between(m, machine_of(n, i), true);
        cut_between(machine_of(n, i), m, true);
    }
    switch (how) {
    case AWAY_DOWN: MARK("a core goes on without one that is down"); break;
    case AWAY_ISOLATED: MARK("a core goes on without one that is isolated"); break;
    case AWAY_PAUSED: MARK("a core goes on without one that is paused"); break;
    case AWAY_DEAF: MARK("a core goes on without one that hears nobody"); break;
    case AWAY_SEEN: MARK("a core goes on without one that only clients reach"); break;
    default: MARK("a core goes on without one that nobody hears");
    }
}

struct machine *nemesis_heal(struct nemesis *n)
{
    struct cluster *c = n->cluster;
    struct machine *away = NULL;
    n->healed = true;
    cluster_say(c, "nemesis", "heal", "%d done, %d spared", n->done, n->spared);
    for (int32_t i = 0; i < c->count && c->plan->core > 0 && !away; i++) {
        struct machine *m = machine_of(n, (int32_t)(c->plan->core / AWAYS) + i);
        if (oracles_may_do_without(c->oracles, m)) away = m;
    }
    sim_net_faults(c->sim, (struct sim_net_faults){0});
    for (int32_t i = 0; i < c->count; i++) mend(n, &c->machines[i], &c->machines[i] == away);
    if (away) go_away(n, away, c->plan->core % AWAYS);
    for (int32_t i = 0; i < n->members_count; i++) member_return(n->members[i]);
    return away;
}

void nemesis_bring_back(struct nemesis *n, struct machine *m)
{
    cluster_say(n->cluster, m->name, "back", " ");
    mend(n, m, false);
}

struct nemesis *nemesis_new(struct cluster *c, struct admin *admin, struct member **members,
                            int32_t members_count)
{
    struct nemesis *n = MEM_NEW(struct nemesis);
    n->cluster = c;
    n->admin = admin;
    n->members = members;
    n->members_count = members_count;
    n->impostor = impostor_new(c);
    for (int32_t i = 0; i < c->plan->actions_count; i++) {
        n->faults[i] = (struct fault){.nemesis = n, .action = c->plan->actions[i]};
        sim_at_ms(c->sim, sim_now_ms(c->sim) + c->plan->actions[i].at_ms, fault_begins,
                  &n->faults[i]);
    }
    return n;
}

void nemesis_free(struct nemesis *n)
{
    impostor_free(n->impostor);
    mem_free(n);
}

int32_t nemesis_done(const struct nemesis *n)
{
    return n->done;
}

int32_t nemesis_spared(const struct nemesis *n)
{
    return n->spared;
}
