/* Many worlds, each with its own faults, in the manner of RaftEventSimulationTest: what raft
 * promises is checked after every step (raft_world.c), and once all is healed the cluster must be
 * one again.
 *
 *   RAFT_SEEDS=20000 RAFT_SEED=1 build/release/test/unit/raft/random_test      by hand */
#include <stdio.h>
#include <stdlib.h>

#include "raft_world.h"
#include "test.h"

enum { SEEDS = 300, STEPS = 4000, HEAL_MS = 120000 };

struct script {
    struct world *w;
    struct prng prng;
    /* Of 10000 steps, how often. */
    uint64_t append, crash, restart, cut, join, lost, snapshot, change, resign, shutdown, spite;
};

static uint64_t weight(struct prng *p, uint64_t max)
{
    /* Some faults off altogether, the rest wildly weighted. */
    return prng_chance(p, 1, 3) ? 0 : prng_below(p, max + 1);
}

static struct node *any(struct script *s)
{
    return &s->w->nodes[prng_below(&s->prng, (uint64_t)s->w->nodes_count)];
}

static struct node *any_leader(struct script *s)
{
    struct node *n = any(s);
    for (int32_t i = 0; i < s->w->nodes_count; i++) {
        if (n->up && raft_role(n->raft) == RAFT_LEADER) return n;
        n = &s->w->nodes[(n - s->w->nodes + 1) % s->w->nodes_count];
    }
    return NULL;
}

static struct script script_new(uint64_t seed)
{
    struct script s = {.w = world_new(seed), .prng = prng_seed(seed * 77 + 5)};
    struct prng *p = &s.prng;
    int32_t voters = (int32_t)prng_between(p, 1, 7), observers = (int32_t)prng_between(p, 0, 3);
    bool dynamic = prng_chance(p, 2, 3);
    for (int32_t i = 0; i < voters + observers; i++) {
        struct node *n = world_add(s.w, i, i < voters || (dynamic && prng_chance(p, 2, 3)), 1);
        n->auto_join = dynamic && prng_chance(p, 1, 3);
        n->is_old = prng_chance(p, 1, 20);
    }
    if (dynamic)
        world_dynamic(s.w, voters);
    else
        world_static(s.w, voters);
    s.w->loss = (int)weight(p, 200);
    s.w->duplication = (int)weight(p, 200);
    s.w->no_endpoints = (int)weight(p, 100);
    s.w->disk_full = (int)weight(p, 30);
    s.w->delay_ms_max = (int64_t)weight(p, 400);
    s.w->sync_ms_max = (int64_t)weight(p, 300);
    s.append = weight(p, 2000);
    s.crash = weight(p, 60);
    s.restart = 20 + weight(p, 300);
    s.cut = weight(p, 60);
    s.join = 20 + weight(p, 100);
    s.lost = weight(p, 100);
    s.snapshot = weight(p, 300);
    s.change = weight(p, 300);
    s.resign = weight(p, 40);
    s.shutdown = weight(p, 30);
    s.spite = weight(p, 3000);
    for (int32_t i = 0; i < s.w->nodes_count; i++) node_start(&s.w->nodes[i]);
    return s;
}

static void change_voters(struct script *s)
{
    struct node *leader = any_leader(s), *other = any(s);
    if (!leader) return;
    struct arena arena;
    arena_init(&arena, 0);
    int64_t now = s->w->now_ms;
    struct voters_record_voter entry = world_entry(other, &arena);
    switch (prng_below(&s->prng, 4)) {
    case 0:
        if (other->is_controller)
            raft_add_voter(leader->raft, now, &entry, prng_chance(&s->prng, 1, 2), 0);
        break;
    case 1: raft_remove_voter(leader->raft, now, node_key(other), 0); break;
    case 2:
        if (raft_is_voter(other->up ? other->raft : leader->raft) && other != leader)
            raft_update_voter(leader->raft, now, raft_epoch(leader->raft), &entry);
        break;
    default: raft_upgrade_kraft_version(leader->raft, now, 1, prng_chance(&s->prng, 1, 2));
    }
    node_settle(leader);
    arena_free(&arena);
}

static void take_snapshot(struct script *s)
{
    struct node *n = any(s);
    if (!n->up || raft_high_watermark(n->raft) <= n->disk.start) return;
    int64_t end = prng_between(&s->prng, n->disk.start + 1, raft_high_watermark(n->raft));
    node_snapshot(n, end, prng_chance(&s->prng, 1, 2));
}

static void cut_link(struct script *s)
{
    int32_t count = s->w->nodes_count;
    int32_t a = (int32_t)prng_below(&s->prng, (uint64_t)count);
    int32_t b = (int32_t)prng_below(&s->prng, (uint64_t)count);
    if (prng_chance(&s->prng, 1, 2))
        world_isolate(s->w, s->w->nodes[a].id, true);
    else if (a != b)
        s->w->cut[a][b] = true;
}

static bool chance(struct script *s, uint64_t n)
{
    return prng_chance(&s->prng, n, 10000);
}

static void stop_gracefully(struct script *s)
{
    struct node *n = any(s);
    if (!n->up) return;
    raft_shutdown(n->raft, s->w->now_ms, 3000);
    node_settle(n);
}

static void meddle(struct script *s)
{
    struct node *n = any(s), *leader;
    if (chance(s, s->append) && (leader = any_leader(s)))
        node_append(leader, (int32_t)prng_between(&s->prng, 1, 8));
    if (chance(s, s->crash) && n->up) node_crash(n);
    if (n->up && raft_role(n->raft) == RAFT_CANDIDATE && chance(s, s->spite)) {
        node_crash(n); /* with votes in its favour under way */
        node_start(n);
    }
    if (chance(s, s->restart) && !n->up) node_start(n);
    if (chance(s, s->cut)) cut_link(s);
    if (chance(s, s->join)) memset(s->w->cut, 0, sizeof s->w->cut);
    if (chance(s, s->lost) && n->up) {
        raft_leader_lost(n->raft, s->w->now_ms, raft_leader(n->raft), 50);
        node_settle(n);
    }
    if (chance(s, s->snapshot)) take_snapshot(s);
    if (chance(s, s->change)) change_voters(s);
    if (chance(s, s->resign) && (leader = any_leader(s))) {
        raft_resign(leader->raft, s->w->now_ms, raft_epoch(leader->raft));
        node_settle(leader);
    }
    if (chance(s, s->shutdown)) stop_gracefully(s);
    for (int32_t i = 0; i < s->w->nodes_count; i++) {
        if (s->w->nodes[i].up && s->w->nodes[i].last.may_stop) {
            node_crash(&s->w->nodes[i]);
            s->w->nodes[i].last.may_stop = false;
        }
    }
}

/* After the storm: all nodes run, all messages arrive, and there must be one committed log. */
static void recover(struct script *s)
{
    struct world *w = s->w;
    world_heal(w);
    for (int32_t i = 0; i < w->nodes_count; i++) {
        struct node *n = &w->nodes[i];
        n->auto_join = false;
        if (n->up) node_crash(n);
        n->last.may_stop = false;
    }
    for (int32_t i = 0; i < w->nodes_count; i++) node_start(&w->nodes[i]);
    struct node *leader = world_steady(w, HEAL_MS);
    node_append(leader, 3);
    world_steady(w, HEAL_MS);
}

static struct {
    uint64_t committed, elections, truncations, loads, changes, upgrades, resignations, refused;
} total;

static void count(const struct world *w)
{
    total.committed += (uint64_t)w->committed_count;
    total.elections += w->seen.elections;
    total.truncations += w->seen.truncations;
    total.loads += w->seen.loads;
    total.changes += w->seen.changes;
    total.upgrades += w->seen.upgrades;
    total.resignations += w->seen.resignations;
    total.refused += w->seen.refused_writes;
}

static void run(uint64_t seed)
{
    struct script s = script_new(seed);
    for (int32_t i = 0; i < STEPS; i++) {
        world_step(s.w, s.w->now_ms + 200);
        meddle(&s);
    }
    recover(&s);
    count(s.w);
    world_free(s.w);
}

static uint64_t environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

TEST(whatever_happens_one_committed_log_comes_out_of_it)
{
    uint64_t first = environment("RAFT_SEED", 1), seeds = environment("RAFT_SEEDS", SEEDS);
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        if (getenv("RAFT_SEEDS")) fprintf(stderr, "\rseed %llu ", (unsigned long long)seed);
        run(seed);
    }
    if (getenv("RAFT_SEEDS"))
        fprintf(stderr,
                "committed %llu elections %llu truncations %llu loads %llu changes %llu "
                "upgrades %llu resignations %llu refused %llu\n",
                (unsigned long long)total.committed, (unsigned long long)total.elections,
                (unsigned long long)total.truncations, (unsigned long long)total.loads,
                (unsigned long long)total.changes, (unsigned long long)total.upgrades,
                (unsigned long long)total.resignations, (unsigned long long)total.refused);
    /* It was a storm, not a calm. */
    assert_true(total.committed > seeds * 20);
    assert_true(total.elections > seeds * 3);
    assert_true(total.truncations > seeds / 20);
    assert_true(total.loads > seeds / 20);
    assert_true(total.changes > seeds / 10);
    assert_true(total.upgrades > 0 && total.resignations > seeds / 10 && total.refused > 0);
}
