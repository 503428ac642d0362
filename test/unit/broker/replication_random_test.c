/* Three brokers through a random schedule: leaders change, processes die, machines lose what was
 * not synced, networks are cut, metadata comes late. Whatever happens, while fewer machines lose
 * data than min.insync.replicas: nothing acknowledged with acks=all is lost or moved (S1), no
 * offset below a watermark ever shows two values (S9), every in-sync replica holds what is
 * committed (S3), and when all is healed the logs are equal (S2).
 *
 *   replication_random_test             the seeds of CI
 *   SEED=n replication_random_test      one of them */
#include <stdio.h>
#include <stdlib.h>

#include "cluster.h"

enum { TOPIC = 7, SEEDS = 500, STEPS = 250, PRODUCED_MAX = 4096, OFFSETS_MAX = 8192 };

static const int32_t three[] = {1, 2, 3};

static struct cluster *c;
static struct controlled *part;
static struct prng dice;
static struct cluster_produced sent[PRODUCED_MAX];
static bool sent_to_all[PRODUCED_MAX];
static int32_t sent_count;
static uint32_t shown[OFFSETS_MAX]; /* what a reader saw at an offset; 0: nothing yet */
static int64_t true_high;           /* the highest watermark a rightful leader has had */
static int64_t deleted_below;
static bool cut[4][4], paused[4];

static int64_t roll(int64_t n)
{
    return (int64_t)prng_below(&dice, (uint64_t)n);
}

static struct member *member(int32_t id)
{
    return cluster_member(c, id);
}

static struct replica *replica(int32_t id)
{
    return member(id)->up ? replica_manager_find(member(id)->broker.replicas, UUID_SMALL(TOPIC), 0)
                          : NULL;
}

/* ---- what must hold after every event ---- */

static bool in_sync(int32_t id)
{
    for (int32_t i = 0; i < part->isr_count; i++)
        if (part->isr[i] == id) return true;
    return false;
}

static void check(void *owner, struct sim_node *n)
{
    (void)owner;
    (void)n;
    for (int32_t id = 1; id <= 3; id++) {
        const struct replica *r = replica(id);
        if (!r || r->core.role != PARTITION_LEADER) continue;
        /* A leader of an older epoch may still commit what its in-sync set acknowledged to it. */
        if (r->core.high_watermark > true_high) true_high = r->core.high_watermark;
    }
    for (int32_t id = 1; id <= 3; id++) {
        const struct replica *r = replica(id);
        if (r && in_sync(id)) assert_true(r->core.log_end_offset >= true_high); /* S3 */
    }
}

/* Read what is committed at a replica; it must be what was read there before (S9). Not what was
 * deleted: the log start is written down once a minute, and may be older after a crash, as in
 * Kafka. */
static void look(int32_t id)
{
    static uint32_t crcs[OFFSETS_MAX];
    const struct replica *r = replica(id);
    if (!r || !r->log) return;
    int64_t from = r->core.log_start_offset, to = r->core.high_watermark;
    if (from < deleted_below) from = deleted_below;
    if (from >= to) return;
    assert_true(to < OFFSETS_MAX);
    cluster_crcs(c, id, TOPIC, 0, from, to, crcs);
    for (int64_t i = from; i < to; i++) {
        if (shown[i] == 0) shown[i] = crcs[i - from];
        assert_int_equal(shown[i], crcs[i - from]);
    }
}

/* ---- what happens ---- */

static void produce(void)
{
    int32_t id = roll(10) > 0 && part->leader > 0 ? part->leader : 1 + (int32_t)roll(3);
    for (int64_t n = 1 + roll(8); n > 0 && member(id)->up && sent_count < PRODUCED_MAX; n--) {
        char value[32];
        snprintf(value, sizeof value, "v%d", sent_count);
        sent_to_all[sent_count] = roll(5) > 0;
        cluster_produce(c, id, "t", 0, sent_to_all[sent_count] ? -1 : 1, value, 3000,
                        &sent[sent_count]);
        sent_count++;
    }
}

static void fence(int32_t id)
{
    if (!c->fenced[id - 1]) cluster_fence(c, id);
}

static void start(int32_t id)
{
    if (member(id)->up) return;
    fence(id);
    member(id)->deaf = false;
    cluster_start(c, id);
}

static void crash(int32_t id)
{
    if (!member(id)->up) return;
    if (paused[id]) sim_node_pause(member(id)->machine, paused[id] = false);
    cluster_crash(c, id);
    if (roll(2)) fence(id);
}

/* Others have what it acknowledged: it is not the last one in sync. */
static void lose_power(int32_t id)
{
    if (!member(id)->up || (in_sync(id) && part->isr_count == 1)) return;
    if (paused[id]) sim_node_pause(member(id)->machine, paused[id] = false);
    cluster_power_loss(c, id, roll(2) ? SIM_LOSS_ALL : SIM_LOSS_RANDOM);
    fence(id);
}

static void flip_cut(int32_t a, int32_t b)
{
    if (a == b) return;
    cut[a][b] = !cut[a][b];
    sim_net_cut(member(a)->machine, member(b)->machine, cut[a][b]);
}

static void elect(void)
{
    int32_t id = 1 + (int32_t)roll(3);
    if (!in_sync(id) || c->fenced[id - 1] || part->leader < 0) return;
    int32_t isr[3];
    memcpy(isr, part->isr, sizeof isr);
    cluster_elect(c, part, id, isr, part->isr_count);
}

static void trim(void)
{
    struct replica *r = part->leader > 0 ? replica(part->leader) : NULL;
    if (!r || r->core.high_watermark == 0) return;
    int64_t wanted, to = roll(r->core.high_watermark);
    if (replica_delete_records(r, to, &wanted) == KAFKA_NONE && to > deleted_below)
        deleted_below = to;
}

static void act(void)
{
    int32_t id = 1 + (int32_t)roll(3), other = 1 + (int32_t)roll(3);
    switch (roll(24)) {
    case 0: crash(id); break;
    case 1: lose_power(id); break;
    case 2:
    case 3:
    case 20:
    case 21: start(id); break;
    case 4:
        if (cut[id][other] || roll(2)) flip_cut(id, other);
        break;
    case 5:
        if (!cut[id][other] && roll(2)) break;
        flip_cut(id, other);
        flip_cut(other, id);
        break;
    case 6: sim_net_reset(member(id)->machine, member(other)->machine); break;
    case 7: member(id)->deaf = true; break;
    case 8:
        member(id)->deaf = false;
        if (member(id)->up) cluster_catch_up(member(id));
        break;
    case 9: cluster_apply_next(member(id)); break;
    case 10:
    case 11: elect(); break;
    case 12: fence(id); break;
    case 13:
    case 22:
    case 23:
        if (c->fenced[id - 1] && member(id)->up) cluster_unfence(c, id);
        break;
    case 14: c->alter_ms = (int32_t)roll(200); break;
    case 15:
        if (member(id)->up) sim_node_pause(member(id)->machine, paused[id] = !paused[id]);
        break;
    case 16:
        if (roll(4) == 0) trim();
        break;
    case 17: look(id); break;
    default: break;
    }
    produce();
}

/* ---- the end ---- */

static void heal(void)
{
    for (int32_t a = 1; a <= 3; a++) {
        if (paused[a]) sim_node_pause(member(a)->machine, paused[a] = false);
        for (int32_t b = 1; b <= 3; b++)
            if (cut[a][b]) flip_cut(a, b);
    }
    for (int32_t id = 1; id <= 3; id++) {
        member(id)->deaf = false;
        if (!member(id)->up)
            start(id);
        else
            cluster_catch_up(member(id));
        if (c->fenced[id - 1]) cluster_unfence(c, id);
    }
}

static void verify(void)
{
    static uint32_t crcs[OFFSETS_MAX];
    int64_t end = cluster_end(c, part->leader, TOPIC, 0);
    int64_t from = 0;
    for (int32_t id = 1; id <= 3; id++) {
        look(id); /* all are committed now: the same everywhere */
        if (replica(id)->core.log_start_offset > from) from = replica(id)->core.log_start_offset;
    }
    assert_true(from <= deleted_below || deleted_below == 0);
    assert_true(end >= true_high);
    cluster_crcs(c, part->leader, TOPIC, 0, from, end, crcs);
    for (int32_t i = 0; i < sent_count; i++) {
        const struct cluster_produced *p = &sent[i];
        if (!sent_to_all[i] || !p->answered || p->error || p->base_offset < from) continue;
        assert_true(p->base_offset < end);
        assert_int_equal(crcs[p->base_offset - from], p->crc); /* S1 */
    }
}

static void run(uint64_t seed)
{
    static const char *const config[] = {"replica.lag.time.max.ms", "2000",
                                         "replica.fetch.max.bytes", "2000", NULL};
    c = cluster_open(seed, 3, config);
    dice = sim_fork(c->sim, "schedule");
    cluster_topic(c, "t", TOPIC, 1, three, 3);
    cluster_config(c, "t", "min.insync.replicas", "2");
    cluster_config(c, "t", "segment.bytes", "2000");
    part = cluster_partition(c, TOPIC, 0);
    sent_count = 0;
    true_high = deleted_below = 0;
    memset(shown, 0, sizeof shown);
    memset(cut, 0, sizeof cut);
    memset(paused, 0, sizeof paused);
    sim_watch(c->sim, check, NULL);
    for (int32_t i = 0; i < STEPS; i++) {
        act();
        cluster_pass(c, roll(4) ? roll(30) : roll(1500));
    }
    heal();
    bool settled = cluster_settles(c, part, 120000);
    int32_t acknowledged = 0;
    for (int32_t i = 0; i < sent_count; i++)
        acknowledged += sent_to_all[i] && sent[i].answered && !sent[i].error;
    if (!settled) {
        for (int32_t id = 1; id <= 3; id++) {
            const struct partition *p = &replica(id)->core;
            fprintf(stderr, "%d: role %d epoch %d log %lld-%lld high %lld following %d\n", id,
                    p->role, p->leader_epoch, (long long)p->log_start_offset,
                    (long long)p->log_end_offset, (long long)p->high_watermark,
                    replica(id)->following.state);
        }
        fprintf(stderr, "seed %llu: leader %d epoch %d, %d in sync\n", (unsigned long long)seed,
                part->leader, part->leader_epoch, part->isr_count);
    }
    assert_true(settled);
    verify();
    if (getenv("VERBOSE"))
        fprintf(stderr, "seed %llu: %d sent, %d acknowledged by all, log end %lld, epoch %d\n",
                (unsigned long long)seed, sent_count, acknowledged,
                (long long)cluster_end(c, part->leader, TOPIC, 0), part->leader_epoch);
    sim_watch(c->sim, NULL, NULL);
    cluster_close(c);
}

TEST(nothing_acknowledged_is_lost_whatever_the_schedule)
{
    const char *one = getenv("SEED");
    if (one) {
        run(strtoull(one, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        if (getenv("VERBOSE")) fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
        run(seed);
    }
}
