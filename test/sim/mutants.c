#include "mutants.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "children.h"
#include "shrink.h"

/* Of the plan that is made smaller: seeds to look for it in, its least actions, and the runs that
 * may take. */
enum { SHRINK_SEEDS = 200, SHRINK_ACTIONS = 8, SHRINK_RUNS = 60 };

struct defect {
    const char *name, *invariant, *what;
    int seeds;
};

static const struct defect defects[] = {
    {"NONE", "", "nothing", 0},
#define M(id, invariant, seeds, what) {#id, invariant, what, seeds},
#include "base/mutants.def"
#undef M
};

struct hunt {
    int runs;
    bool caught;
    struct plan plan;
    char broken[BROKEN_BYTES];
};

static void ended(void *owner, const struct plan *plan, const struct run_result *r)
{
    struct hunt *h = owner;
    h->runs++;
    if (!r->broken[0] || h->caught) return;
    h->caught = true;
    h->plan = *plan;
    snprintf(h->broken, sizeof h->broken, "%s", r->broken);
}

static const char plans_folder[] = "test/sim/plans";

/* The kept plans first: some rare courses of events are written there. */
static void hunt_in_plans(struct children *c, struct hunt *h)
{
    struct dirent **names;
    int found = scandir(plans_folder, &names, NULL, alphasort);
    for (int i = 0; i < found; i++) {
        char path[512];
        struct plan plan;
        snprintf(path, sizeof path, "%s/%s", plans_folder, names[i]->d_name);
        FILE *f = strstr(names[i]->d_name, ".plan") ? fopen(path, "r") : NULL;
        if (f && plan_read(&plan, f) && !h->caught) children_run(c, &plan, ended, h);
        if (f) fclose(f);
        free(names[i]);
    }
    if (found >= 0) free(names);
}

/* A plan that fails by itself shows nothing. */
static bool passes_without(const struct plan *plan)
{
    struct children_options options = {.jobs = 1};
    struct children *c = children_new(&options);
    struct run_result r;
    children_run_one(c, plan, &r);
    children_free(c);
    return !r.broken[0];
}

static bool hunt(enum mutant id, int jobs)
{
    const struct defect *d = &defects[id];
    struct children_options options = {.jobs = jobs, .mutant = id};
    struct children *c = children_new(&options);
    struct hunt h = {0};
    hunt_in_plans(c, &h);
    for (uint64_t seed = 1; seed <= (uint64_t)d->seeds && !h.caught; seed++) {
        struct plan plan;
        plan_draw(&plan, seed, PLAN_NODES_MAX);
        children_run(c, &plan, ended, &h);
    }
    children_wait(c);
    children_free(c);
    if (h.caught && !passes_without(&h.plan)) {
        printf("%-28s %-4s seed %llu fails without it too\n", d->name, d->invariant,
               (unsigned long long)h.plan.seed);
        h.caught = false;
    } else if (h.caught)
        printf("%-28s %-4s caught after %3d runs, of at most %3d seeds, by %llu: %.90s\n", d->name,
               d->invariant, h.runs, d->seeds, (unsigned long long)h.plan.seed, h.broken);
    else
        printf("%-28s %-4s NOT CAUGHT in %d seeds: %s\n", d->name, d->invariant, d->seeds, d->what);
    fflush(stdout);
    return h.caught;
}

enum mutant mutants_find(const char *name)
{
    for (int id = MUTANT_NONE + 1; id < MUTANTS_COUNT; id++)
        if (strcmp(name, defects[id].name) == 0) return (enum mutant)id;
    return MUTANT_NONE;
}

/* A plan of many actions that fails by a defect is made smaller, and what is left fails so too. */
static bool shrinks(void)
{
    struct children_options options = {.jobs = 1, .mutant = MUTANT_COMMITS_BELOW_MIN};
    struct children *c = children_new(&options);
    struct run_result r = {0}, again = {0};
    struct plan plan, small;
    int runs = 0;
    for (uint64_t seed = 1; seed <= SHRINK_SEEDS && !r.broken[0]; seed++) {
        plan_draw(&plan, seed, PLAN_NODES_MAX);
        if (plan.actions_count < SHRINK_ACTIONS) continue;
        children_run_one(c, &plan, &r);
    }
    small = plan;
    if (r.broken[0]) {
        runs = shrink(c, &small, &r, SHRINK_RUNS);
        children_run_one(c, &small, &again);
    }
    children_free(c);
    /* by its first word, the invariant */
    bool same = r.broken[0] && strncmp(r.broken, again.broken, strcspn(r.broken, ":")) == 0;
    bool good = same && small.actions_count < plan.actions_count;
    printf("shrinking seed %llu: %d actions become %d in %d runs%s: %.90s\n",
           (unsigned long long)plan.seed, plan.actions_count, small.actions_count, runs,
           good ? "" : ", WHICH IS WRONG", again.broken);
    fflush(stdout);
    return good;
}

int mutants_run(const char *only, int jobs, int *caught)
{
    int missed = 0;
    *caught = 0;
    for (int id = MUTANT_NONE + 1; id < MUTANTS_COUNT; id++) {
        if (only && strcmp(only, defects[id].name) != 0) continue;
        if (hunt((enum mutant)id, jobs))
            ++*caught;
        else
            missed++;
    }
    if (only && strcmp(only, "SHRINKING") != 0) return missed;
    if (shrinks())
        ++*caught;
    else
        missed++;
    return missed;
}
