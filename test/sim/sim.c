/* One simulated run: swarm configuration and faults drawn from the seed, a model producer, then
 * heal and require that all that was acknowledged can be read.
 *
 *     sim SEED [SEED_END]     a range of seeds; each ends with its own line
 *
 * The line: seed, ok or the broken invariant, events, virtual seconds, and a hash over every event,
 * equal whenever the seed is. */
#include <stdio.h>
#include <stdlib.h>

#include "sim_cluster.h"

enum { RUN_MS = 60000, HEAL_MS = 180000 };

/* Which faults this run has at all: many runs have one or two only. */
struct swarm {
    bool crashes, power, clean_stops, full_disk, slow_sync, tiny_packets, resets;
    int64_t fault_every_ms;
};

static struct swarm draw_swarm(struct prng *p)
{
    struct swarm s = {
        .crashes = prng_chance(p, 1, 2),
        .power = prng_chance(p, 1, 3),
        .clean_stops = prng_chance(p, 1, 3),
        .full_disk = prng_chance(p, 1, 4),
        .slow_sync = prng_chance(p, 1, 4),
        .tiny_packets = prng_chance(p, 1, 4),
        .resets = prng_chance(p, 1, 3),
        .fault_every_ms = prng_between(p, 500, 10000),
    };
    return s;
}

static void inject(struct sim_cluster *c, const struct swarm *w, struct prng *p)
{
    struct sim *sim = sim_cluster_sim(c);
    struct sim_node *machine = sim_cluster_machine(c);
    if (!sim_cluster_node_is_up(c)) {
        sim_cluster_start_node(c);
        return;
    }
    switch (prng_below(p, 5)) {
    case 0:
        if (w->crashes) sim_cluster_crash_node(c);
        break;
    case 1:
        if (w->power)
            sim_cluster_power_loss(c, prng_chance(p, 1, 4) ? SIM_LOSS_ALL : SIM_LOSS_RANDOM);
        break;
    case 2:
        if (w->clean_stops && sim_cluster_node_has_started(c)) sim_cluster_stop_node(c);
        break;
    case 3:
        if (w->full_disk && sim_cluster_node_has_started(c)) {
            sim_disk_budget(machine, sim_disk_used(machine) + (int64_t)prng_below(p, 20000));
            sim_run_ms(sim, (int64_t)prng_below(p, 2000));
            sim_disk_budget(machine, -1);
        }
        break;
    default:
        if (w->resets) sim_net_reset(machine, sim_node(sim, "client"));
    }
}

static bool run(uint64_t seed)
{
    struct sim_cluster *c = sim_cluster_new(seed);
    struct sim *sim = sim_cluster_sim(c);
    if (getenv("ECHO")) sim_trace_echo(sim, true);
    struct prng p = sim_fork(sim, "faults");
    struct swarm w = draw_swarm(&p);
    if (w.slow_sync) sim_disk_sync_delay(sim_cluster_machine(c), 1000, 200000);
    if (w.tiny_packets)
        sim_net_faults(sim, (struct sim_net_faults){.read_max = prng_between(&p, 1, 2000),
                                                    .write_max = prng_between(&p, 1, 2000)});
    sim_cluster_produce(c, true);
    while (sim_now_ms(sim) < RUN_MS) {
        sim_run_ms(sim, (int64_t)prng_below(&p, (uint64_t)w.fault_every_ms));
        inject(c, &w, &p);
    }
    const char *broken = sim_cluster_verify(c, HEAL_MS);
    if (broken) sim_trace_dump(sim);
    printf("seed %llu %s, %lld acknowledged, %lld events, %.1f virtual seconds, trace %016llx\n",
           (unsigned long long)seed, broken ? broken : "ok", (long long)sim_cluster_acknowledged(c),
           (long long)sim_events(sim), (double)sim_now_ms(sim) / 1000,
           (unsigned long long)sim_hash(sim));
    fflush(stdout);
    sim_cluster_free(c);
    return !broken;
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t end = argc > 2 ? strtoull(argv[2], NULL, 10) : first + 1;
    int failed = 0, passed = 0;
    for (uint64_t seed = first; seed < end; seed++) {
        if (run(seed))
            passed++;
        else
            failed++;
    }
    if (end - first > 1) printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
