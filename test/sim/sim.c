/* The simulator's command. See README.md.
 *
 *     sim [-v | -vv] SEED            one run; -v: the short log, -vv: every node's own trace too
 *     sim [-v | -vv] --plan FILE     the same for a plan in a file
 *     sim --print SEED               the plan of a seed
 *     sim --shrink SEED | --shrink-plan FILE
 *     sim --seeds FIRST COUNT        so many, one after the other
 *     sim --fresh COUNT SECONDS [FIRST]  so many at least, for so long at least; or from the clock
 *     sim --soak                     from the clock, until stopped
 *     sim --kept FILE                the seeds of a file, and the plans in the folder beside it
 *     sim --suite FILE COUNT SECONDS FIRST   what CI runs: one seed twice, --kept FILE, --fresh
 *     sim --mutants [NAME]           every planted defect must be noticed
 *     sim --twice SEED               the same seed gives the same trace
 *
 * -j N: so many runs at a time. -n N: clusters of at most so many nodes. -m NAME: with that
 * planted defect. */
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "children.h"
#include "mutants.h"
#include "shrink.h"

enum { SHRINK_RUNS = 600, PROGRESS_RUNS = 500 };

struct tally {
    int64_t passed, failed, virtual_ms, events;
    int64_t acked, restarts, actions, spared, rebalances;
    bool quiet; /* failures only */
};

static int nodes_max = PLAN_NODES_MAX; /* of -n; set by main before anything runs */

static void count(void *owner, const struct plan *plan, const struct run_result *r)
{
    struct tally *t = owner;
    if (r->broken[0])
        t->failed++;
    else
        t->passed++;
    t->virtual_ms += r->virtual_ms;
    t->events += r->events;
    t->acked += r->acked;
    t->restarts += r->restarts;
    t->actions += r->actions_done;
    t->spared += r->actions_spared;
    t->rebalances += r->rebalances;
    if (!t->quiet || r->broken[0]) children_print(plan, r);
    if (t->quiet && (t->passed + t->failed) % PROGRESS_RUNS == 0)
        printf("%" PRId64 " runs, %" PRId64 " failed\n", t->passed + t->failed, t->failed);
    if (r->broken[0])
        printf("again: make sim SEED=%" PRIu64 " V=1      smaller: make sim-shrink SEED=%" PRIu64
               "\n",
               plan->seed, plan->seed);
    fflush(stdout);
}

static int report(const struct tally *t, double seconds)
{
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    double core = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                  (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("%" PRId64 " runs, %" PRId64 " events, %" PRId64 " values acknowledged, %" PRId64
           " restarts, %" PRId64 " actions (%" PRId64 " spared), %" PRId64
           " rebalances, %.0f virtual seconds in %.0f; per core %.0f times real time\n",
           t->passed + t->failed, t->events, t->acked, t->restarts, t->actions, t->spared,
           t->rebalances, (double)t->virtual_ms / 1000, seconds,
           core > 0 ? (double)t->virtual_ms / 1000 / core : 0.0);
    printf("%" PRId64 " passed, %" PRId64 " failed\n", t->passed, t->failed);
    return t->failed != 0;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t fresh_seed(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Marks that no run reached; how many. */
static int unreached(const struct children *c)
{
    int missing = 0;
    for (int i = 0; i < mark_total(); i++) {
        if (children_marks(c)[i] > 0) continue;
        missing++;
        printf("no run reached the mark \"%s\" (%s:%d)\n", mark_at(i)->name, mark_at(i)->file,
               mark_at(i)->line);
    }
    for (int i = 0; i < mark_total(); i++)
        printf("%8" PRIu64 " times: %s\n", children_marks(c)[i], mark_at(i)->name);
    printf("%d of %d marks reached\n", mark_total() - missing, mark_total());
    return missing;
}

/* So many at least, for so long at least. */
static void run_seeds(struct children *c, uint64_t first, int64_t least, double seconds,
                      struct tally *t)
{
    double start = now();
    for (int64_t i = 0; i < least || now() - start < seconds; i++) {
        struct plan plan;
        plan_draw(&plan, first + (uint64_t)i, nodes_max);
        children_run(c, &plan, count, t);
    }
    children_wait(c);
}

static int run_many(struct children *c, uint64_t first, int64_t least)
{
    struct tally t = {0};
    double start = now();
    run_seeds(c, first, least, 0, &t);
    return report(&t, now() - start);
}

static void run_fresh(struct children *c, uint64_t first, int64_t least, double seconds,
                      struct tally *t)
{
    int64_t before = t->passed + t->failed;
    t->quiet = true;
    run_seeds(c, first, least, seconds, t);
    printf("fresh seeds: %" PRId64 ", from %" PRIu64 "\n", t->passed + t->failed - before, first);
    if (unreached(c) > 0) t->failed++;
}

static void read_plan(const char *path, struct plan *plan)
{
    FILE *f = fopen(path, "r");
    if (!f || !plan_read(plan, f)) {
        fprintf(stderr, "sim: %s is not a plan\n", path);
        exit(2);
    }
    fclose(f);
}

static int run_one(struct children *c, const struct plan *plan)
{
    struct run_result r;
    children_run_one(c, plan, &r);
    children_print(plan, &r);
    return r.broken[0] != '\0';
}

static int run_shrink(struct children *c, struct plan *plan)
{
    struct run_result r;
    children_run_one(c, plan, &r);
    children_print(plan, &r);
    if (!r.broken[0]) return 0;
    int runs = shrink(c, plan, &r, SHRINK_RUNS);
    children_run_one(c, plan, &r);
    printf("# %s\n# after %d runs; %d actions left\n", r.broken, runs, plan->actions_count);
    plan_print(plan, stdout);
    return 1;
}

/* The same seed gives the same trace. */
static bool run_twice(struct children *c, uint64_t seed)
{
    struct plan plan;
    struct run_result a, b;
    plan_draw(&plan, seed, nodes_max);
    children_run_one(c, &plan, &a);
    children_run_one(c, &plan, &b);
    children_print(&plan, &a);
    children_print(&plan, &b);
    bool same = a.hash == b.hash && a.events == b.events;
    if (!same) printf("seed %" PRIu64 " gave two traces\n", seed);
    return same;
}

static void run_plans(struct children *c, const char *folder, struct tally *t)
{
    struct dirent **names;
    int found = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < found; i++) {
        char path[1024];
        struct plan plan;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (strstr(names[i]->d_name, ".plan")) {
            read_plan(path, &plan);
            children_run(c, &plan, count, t);
        }
        free(names[i]);
    }
    if (found >= 0) free(names);
}

static void run_kept(struct children *c, const char *path, struct tally *t)
{
    t->quiet = true;
    char line[256], folder[512];
    FILE *f = fopen(path, "r");
    if (!f) {
        fprintf(stderr, "sim: %s cannot be read\n", path);
        exit(2);
    }
    while (fgets(line, sizeof line, f)) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        if (end == line) continue;
        struct plan plan;
        plan_draw(&plan, seed, nodes_max);
        children_run(c, &plan, count, t);
    }
    fclose(f);
    snprintf(folder, sizeof folder, "%.*s/plans",
             (int)(strrchr(path, '/') ? strrchr(path, '/') - path : 1),
             strrchr(path, '/') ? path : ".");
    run_plans(c, folder, t);
    children_wait(c);
}

/* Marks are asked for after the kept plans too: what is rare is written there. */
static int run_suite(struct children *c, const char *kept, int64_t least, double seconds,
                     uint64_t first)
{
    struct tally t = {0};
    double start = now();
    bool same = run_twice(c, 1);
    t.passed += same;
    t.failed += !same;
    run_kept(c, kept, &t);
    run_fresh(c, first, least, seconds, &t);
    return report(&t, now() - start);
}

static int usage(void)
{
    fprintf(
        stderr,
        "usage: sim [-v|-vv] [-j N] [-n N] [-m NAME] SEED | --plan FILE | --print SEED | --shrink "
        "SEED | --shrink-plan FILE | --seeds FIRST COUNT | --fresh COUNT SECONDS [FIRST] | "
        "--soak | --kept FILE | --suite FILE COUNT SECONDS FIRST | --mutants [NAME] | "
        "--twice SEED\n");
    return 2;
}

/* tidy: flat, because each command is a line or two */
static int command(const struct children_options *options, int argc, char **argv)
{
    if (argc < 1) return usage();
    const char *what = argv[0], *one = argc > 1 ? argv[1] : NULL, *two = argc > 2 ? argv[2] : NULL;
    struct plan plan;
    if (strcmp(what, "--mutants") == 0) {
        int caught, missed = mutants_run(one, options->jobs, &caught);
        printf("%d passed, %d failed\n", caught, missed);
        return missed != 0;
    }
    if (strcmp(what, "--print") == 0 && one) {
        plan_draw(&plan, strtoull(one, NULL, 10), nodes_max);
        plan_print(&plan, stdout);
        return 0;
    }
    struct children *c = children_new(options);
    struct tally t = {0};
    double start = now();
    int status = 2;
    if (strcmp(what, "--seeds") == 0 && two)
        status = run_many(c, strtoull(one, NULL, 10), strtoll(two, NULL, 10));
    else if (strcmp(what, "--fresh") == 0 && two) {
        run_fresh(c, argc > 3 ? strtoull(argv[3], NULL, 10) : fresh_seed(), strtoll(one, NULL, 10),
                  strtod(two, NULL), &t);
        status = report(&t, now() - start);
    } else if (strcmp(what, "--soak") == 0)
        run_fresh(c, fresh_seed(), INT64_MAX, 0, &t);
    else if (strcmp(what, "--kept") == 0 && one) {
        run_kept(c, one, &t);
        status = report(&t, now() - start);
    } else if (strcmp(what, "--suite") == 0 && argc > 4)
        status = run_suite(c, one, strtoll(two, NULL, 10), strtod(argv[3], NULL),
                           strtoull(argv[4], NULL, 10));
    else if (strcmp(what, "--twice") == 0 && one)
        status = !run_twice(c, strtoull(one, NULL, 10));
    else if (strcmp(what, "--shrink") == 0 && one) {
        plan_draw(&plan, strtoull(one, NULL, 10), nodes_max);
        status = run_shrink(c, &plan);
    } else if (strcmp(what, "--shrink-plan") == 0 && one) {
        read_plan(one, &plan);
        status = run_shrink(c, &plan);
    } else if (strcmp(what, "--plan") == 0 && one) {
        read_plan(one, &plan);
        status = run_one(c, &plan);
    } else if (what[0] != '-') {
        plan_draw(&plan, strtoull(what, NULL, 10), nodes_max);
        status = run_one(c, &plan);
    } else {
        usage();
    }
    children_free(c);
    return status;
}

int main(int argc, char **argv)
{
    struct children_options options = {0};
    int at = 1;
    for (; at < argc && argv[at][0] == '-' && argv[at][1] != '-'; at++) {
        if (strcmp(argv[at], "-v") == 0)
            options.verbose = true;
        else if (strcmp(argv[at], "-vv") == 0)
            options.verbose = options.echo = true;
        else if (strcmp(argv[at], "-j") == 0 && at + 1 < argc)
            options.jobs = atoi(argv[++at]);
        else if (strcmp(argv[at], "-n") == 0 && at + 1 < argc)
            nodes_max = atoi(argv[++at]);
        else if (strcmp(argv[at], "-m") == 0 && at + 1 < argc)
            options.mutant = mutants_find(argv[++at]);
        else
            return usage();
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    return command(&options, argc - at, argv + at);
}
