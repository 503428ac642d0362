#include "plan.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    size_t offset;
    int64_t plain;
} fields[] = {
#define P(name, plain, what) {#name, offsetof(struct plan, name), plain},
    PLAN_FIELDS(P)
#undef P
};

static const char *const action_names[] = {
#define A(name, what) #name,
    PLAN_ACTIONS(A)
#undef A
};

const char *action_name(enum action_kind kind)
{
    return action_names[kind];
}

int plan_fields(void)
{
    return (int)(sizeof fields / sizeof fields[0]);
}

int64_t *plan_field(struct plan *p, int index)
{
    return (int64_t *)(void *)((char *)p + fields[index].offset);
}

int64_t plan_plain(int index)
{
    return fields[index].plain;
}

/* ---- drawing */

/* One of a few values, or anything between. */
static int64_t either(struct prng *p, int64_t a, int64_t b, int64_t c)
{
    int64_t all[] = {a, b, c};
    return all[prng_below(p, 3)];
}

static void draw_nodes(struct plan *p, struct prng *r, int32_t nodes_max)
{
    static const int64_t sizes[] = {1, 3, 3, 3, 3, 3, 4, 5, 5, 6, 7};
    p->nodes = sizes[prng_below(r, sizeof sizes / sizeof sizes[0])];
    if (p->nodes > nodes_max) p->nodes = nodes_max;
    p->controllers_only = p->brokers_only = 0;
    if (p->nodes >= 4 && prng_chance(r, 1, 3)) { /* apart: one or three controllers */
        p->controllers_only = p->nodes >= 6 ? 3 : 1;
        p->brokers_only = p->nodes - p->controllers_only;
    } else if (p->nodes >= 4 && prng_chance(r, 1, 2)) {
        p->brokers_only = p->nodes - 3;
    }
    p->static_voters = prng_chance(r, 1, 4);
    p->directories = prng_chance(r, 1, 4) ? 2 : 1;
}

static void draw_settings(struct plan *p, struct prng *r)
{
    p->topics = prng_between(r, 1, 3);
    p->partitions = prng_between(r, 1, 4);
    p->replication = prng_chance(r, 5, 6) ? 3 : prng_between(r, 1, 4);
    p->isr_min = p->replication == 1 ? 1 : prng_chance(r, 5, 6) ? 2 : prng_between(r, 1, 3);
    p->unclean = prng_chance(r, 1, 8) ? 1 : 0;
    if (p->unclean && prng_chance(r, 1, 2)) p->isr_min = 1; /* they take few in sync */
    p->segment_batches = either(r, 0, 6, prng_between(r, 3, 200));
    p->snapshot_bytes = either(r, 20 << 20, 5000, prng_between(r, 1000, 100000));
    p->flush_messages = prng_chance(r, 1, 6) ? 1 : 0;
    p->session_ms = either(r, 9000, 3000, prng_between(r, 2000, 20000));
    p->heartbeat_ms = p->session_ms / either(r, 4, 5, 9);
    p->lag_ms = either(r, p->unclean ? 1000 : 30000, 2000, prng_between(r, 1000, 10000));
    p->election_ms = either(r, 1000, 300, prng_between(r, 200, 3000));
    p->quorum_fetch_ms = either(r, 2000, 600, prng_between(r, 500, 5000));
    p->rebalance_check_s = either(r, 300, 5, 20);
    p->racks = prng_chance(r, 1, 3) ? prng_between(r, 1, 3) : 0;
    p->producers = prng_between(r, 1, 3);
    p->producers_leader = prng_chance(r, 1, 3) ? 1 : 0;
    p->producers_none = prng_chance(r, 1, 4) ? 1 : 0;
    p->replays = prng_chance(r, 1, 3) ? 1 : 0;
    p->readers = prng_chance(r, 2, 3) ? prng_between(r, 1, 2) : 0;
    p->group_members = prng_chance(r, 1, 2) ? prng_between(r, 1, 3) : 0;
    p->static_members = prng_chance(r, 1, 3) ? prng_between(r, 0, p->group_members) : 0;
    p->batch_records = either(r, 20, 3, 100);
    p->value_bytes = either(r, 100, 20, 2000);
    p->pace_ms = either(r, 50, 200, prng_between(r, 10, 500));
    p->link_us = either(r, 500, 5000, prng_between(r, 100, 50000));
    p->tiny_reads = prng_chance(r, 1, 8) ? prng_between(r, 100, 2000) : 0;
    p->tiny_writes = prng_chance(r, 1, 8) ? prng_between(r, 100, 2000) : 0;
    if (p->tiny_reads + p->tiny_writes > 0 && p->value_bytes * p->batch_records > 2000)
        p->value_bytes = 20; /* many events say no more than few */
    p->resets = prng_chance(r, 1, 8) ? prng_between(r, 100, 3000) : 0;
    p->sync_us = either(r, 2000, 20000, prng_between(r, 200, 200000));
    p->drift_ppm = prng_chance(r, 1, 4) ? prng_between(r, 100, 50000) : 0;
    p->core = prng_chance(r, 2, 3) ? prng_between(r, 1, 1000) : 0;
}

/* How likely a kind is to be in a plan at all, in hundredths, and how often against the others. */
static const struct {
    int8_t chance, weight;
} likely[ACTION_KINDS] = {
    [ACTION_CRASH] = {50, 10},
    [ACTION_POWER] = {35, 6},
    [ACTION_STOP] = {30, 6},
    [ACTION_CRASH_ALL] = {10, 1},
    [ACTION_POWER_ALL] = {20, 4},
    [ACTION_PAUSE] = {25, 6},
    [ACTION_CUT] = {25, 8},
    [ACTION_SPLIT] = {20, 6},
    [ACTION_ISOLATE] = {25, 6},
    [ACTION_DEAF] = {15, 5},
    [ACTION_RESET] = {20, 8},
    [ACTION_RESET_CLIENTS] = {15, 8},
    [ACTION_CLOG] = {15, 6},
    [ACTION_DISK_SLOW] = {10, 4},
    [ACTION_DISK_STILL] = {10, 3},
    [ACTION_SYNC_SLOW] = {15, 4},
    [ACTION_DISK_FULL] = {10, 3},
    [ACTION_DISK_ERROR] = {12, 3},
    [ACTION_READ_ERROR] = {10, 3},
    [ACTION_DISK_NEW] = {16, 2},
    [ACTION_DIRECTORY_GONE] = {25, 4},
    [ACTION_MISREAD] = {10, 3},
    [ACTION_WALL_STEP] = {10, 3},
    [ACTION_WALL_FREEZE] = {8, 2},
    [ACTION_DRIFT] = {8, 3},
    [ACTION_TOPIC_CREATE] = {25, 4},
    [ACTION_TOPIC_DELETE] = {25, 4},
    [ACTION_PARTITIONS] = {15, 2},
    [ACTION_CONFIG] = {15, 3},
    [ACTION_REASSIGN] = {25, 6},
    [ACTION_ELECT] = {25, 5},
    [ACTION_VOTER_REMOVE] = {12, 3},
    [ACTION_VOTER_ADD] = {12, 6},
    [ACTION_TRUNCATE] = {10, 3},
    [ACTION_DIRECTORY_MOVE] = {70, 12},
    [ACTION_IMPOSTOR] = {12, 4},
    [ACTION_MEMBER_STOP] = {20, 4},
};

static void draw_action(struct plan *p, struct prng *r, struct action *a)
{
    a->a = (int32_t)prng_below(r, (uint64_t)p->nodes);
    a->b = (int32_t)prng_below(r, (uint64_t)p->nodes);
    a->ms = prng_chance(r, 1, 3) ? prng_between(r, 1, 500)
                                 : prng_between(r, 1, prng_chance(r, 1, 4) ? 30000 : 8000);
    a->x = (int64_t)(prng_u64(r) >> 40);
    switch (a->kind) {
    case ACTION_CLOG: a->x = prng_between(r, 1, 2000); break;
    case ACTION_DISK_SLOW: a->x = prng_between(r, 10, 20000); break;
    case ACTION_SYNC_SLOW: a->x = prng_between(r, 10, 3000); break;
    case ACTION_DISK_FULL: a->x = prng_between(r, 0, 50000); break;
    case ACTION_DISK_ERROR: a->x = prng_between(r, 1, 60); break;
    case ACTION_READ_ERROR: a->x = prng_between(r, 1, 300); break;
    case ACTION_DRIFT: a->x = prng_between(r, -50000, 50000); break;
    case ACTION_WALL_STEP: a->x = prng_between(r, -3000000, 3000000); break;
    case ACTION_TOPIC_CREATE:
    case ACTION_TOPIC_DELETE:
    case ACTION_PARTITIONS: a->b = (int32_t)prng_between(r, 1, 3); break;
    default: break;
    }
    if (a->kind >= ACTION_TOPIC_CREATE) a->a = (int32_t)prng_below(r, 8);
    if (a->kind == ACTION_VOTER_ADD || a->kind == ACTION_VOTER_REMOVE || a->kind == ACTION_IMPOSTOR)
        a->a = (int32_t)prng_below(r, (uint64_t)p->nodes);
    if (a->kind < ACTION_TOPIC_CREATE && prng_chance(r, 1, 4)) /* who matters most */
        a->a = prng_chance(r, 1, 2) ? PLAN_QUORUM_LEADER : PLAN_PARTITION_LEADER;
}

static void draw_actions(struct plan *p, struct prng *r)
{
    enum action_kind bag[256];
    int32_t bag_count = 0;
    for (int kind = 0; kind < ACTION_KINDS; kind++) {
        if (kind == ACTION_DIRECTORY_MOVE && p->directories < 2) continue;
        if (!prng_chance(r, (uint64_t)likely[kind].chance, 100)) continue;
        for (int k = 0; k < likely[kind].weight; k++) bag[bag_count++] = (enum action_kind)kind;
    }
    if (bag_count == 0) return; /* a quiet run */
    int64_t every_ms = either(r, 10000, 2000, prng_between(r, 500, 10000));
    int64_t at = prng_between(r, 1000, 4000); /* let it begin */
    while (at < p->run_ms && p->actions_count < PLAN_ACTIONS_MAX) {
        struct action *a = &p->actions[p->actions_count++];
        a->at_ms = at;
        a->kind = bag[prng_below(r, (uint64_t)bag_count)];
        draw_action(p, r, a);
        /* Troubles come in company: the next is often near. */
        at += prng_chance(r, 1, 4) ? prng_between(r, 0, 300) : prng_between(r, 1, every_ms * 2);
    }
}

/* What would not be a defect.
 *
 * The controller's own preferred election may choose one that has lost what it did not sync, before
 * that one has said so: Kafka's design does not survive it (README.md). */
static void leave_out_what_is_allowed(struct plan *p)
{
    for (int32_t i = 0; i < p->actions_count; i++) {
        enum action_kind kind = p->actions[i].kind;
        if ((kind == ACTION_POWER && p->flush_messages != 1) || kind == ACTION_DISK_NEW ||
            kind == ACTION_DIRECTORY_GONE || kind == ACTION_MISREAD || kind == ACTION_DISK_ERROR)
            p->rebalance_check_s = 300;
        /* Where all that a producer wrote is deleted, nothing tells that it comes again, as in
         * Apache Kafka: a replica that is built anew, or recovered, knows what its log has. */
        if (kind == ACTION_TRUNCATE || kind == ACTION_CONFIG) p->replays = 0;
    }
}

void plan_draw(struct plan *p, uint64_t seed, int32_t nodes_max)
{
    *p = (struct plan){.seed = seed, .run_ms = 60000};
    struct prng root = prng_seed(seed), r = prng_fork(&root, "plan");
    draw_nodes(p, &r, nodes_max);
    draw_settings(p, &r);
    draw_actions(p, &r);
    leave_out_what_is_allowed(p);
}

/* ---- text */

void plan_print(const struct plan *p, FILE *to)
{
    fprintf(to, "seed %" PRIu64 "\n", p->seed);
    for (int i = 0; i < plan_fields(); i++)
        fprintf(to, "%s %" PRId64 "\n", fields[i].name, *plan_field((struct plan *)p, i));
    for (int32_t i = 0; i < p->actions_count; i++) {
        const struct action *a = &p->actions[i];
        fprintf(to, "at %" PRId64 " %s a=%d b=%d ms=%" PRId64 " x=%" PRId64 "\n", a->at_ms,
                action_names[a->kind], a->a, a->b, a->ms, a->x);
    }
}

static bool read_action(struct plan *p, const char *line)
{
    struct action a = {0};
    char name[32];
    if (p->actions_count == PLAN_ACTIONS_MAX) return false;
    if (sscanf(line, "at %" SCNd64 " %31s a=%d b=%d ms=%" SCNd64 " x=%" SCNd64, &a.at_ms, name,
               &a.a, &a.b, &a.ms, &a.x) != 6)
        return false;
    for (int kind = 0; kind < ACTION_KINDS; kind++)
        if (strcmp(name, action_names[kind]) == 0) {
            a.kind = (enum action_kind)kind;
            p->actions[p->actions_count++] = a;
            return true;
        }
    return false;
}

bool plan_read(struct plan *p, FILE *from)
{
    *p = (struct plan){0};
    for (int i = 0; i < plan_fields(); i++) *plan_field(p, i) = fields[i].plain;
    char line[256], name[64];
    while (fgets(line, sizeof line, from)) {
        int64_t value;
        bool known = line[0] == '#' || line[0] == '\n';
        if (strncmp(line, "at ", 3) == 0)
            known = read_action(p, line);
        else if (sscanf(line, "seed %" SCNu64, &p->seed) == 1)
            known = true;
        else if (!known && sscanf(line, "%63s %" SCNd64, name, &value) == 2)
            for (int i = 0; i < plan_fields(); i++)
                if (strcmp(name, fields[i].name) == 0) {
                    *plan_field(p, i) = value;
                    known = true;
                }
        if (!known) return false;
    }
    return p->nodes >= 1 && p->nodes <= PLAN_NODES_MAX;
}
