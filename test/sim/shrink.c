#include "shrink.h"

#include <string.h>

struct shrinking {
    struct children *children;
    char kind[BROKEN_BYTES]; /* the invariant, or the place of the assertion */
    int runs, runs_max;
    int64_t broken_ms;
};

/* "S2: …" by its first word; an assertion by its whole text. */
static void kind_of(const char *broken, char kind[BROKEN_BYTES])
{
    snprintf(kind, BROKEN_BYTES, "%s", broken);
    char *colon = strchr(kind, ':');
    if (colon && strncmp(kind, "assertion", 9) != 0) *colon = '\0';
}

static bool fails(struct shrinking *s, const struct plan *plan)
{
    struct run_result r;
    char kind[BROKEN_BYTES];
    if (s->runs >= s->runs_max) return false;
    s->runs++;
    children_run_one(s->children, plan, &r);
    kind_of(r.broken, kind);
    bool same = r.broken[0] && strcmp(kind, s->kind) == 0;
    if (same) s->broken_ms = r.virtual_ms;
    return same;
}

/* Without the actions of [from, to). */
static struct plan without(const struct plan *p, int32_t from, int32_t to)
{
    struct plan less = *p;
    memmove(&less.actions[from], &less.actions[to],
            (size_t)(p->actions_count - to) * sizeof less.actions[0]);
    less.actions_count -= to - from;
    return less;
}

static bool drop_actions(struct shrinking *s, struct plan *plan)
{
    bool smaller = false;
    for (int32_t size = plan->actions_count; size > 0; size /= 2)
        for (int32_t at = 0; at < plan->actions_count;) {
            int32_t end = at + size < plan->actions_count ? at + size : plan->actions_count;
            struct plan less = without(plan, at, end);
            if (fails(s, &less)) {
                *plan = less;
                smaller = true;
            } else {
                at = end;
            }
        }
    return smaller;
}

static bool plainer_fields(struct shrinking *s, struct plan *plan)
{
    bool smaller = false;
    for (int i = 0; i < plan_fields(); i++) {
        int64_t now = *plan_field(plan, i), tries[] = {plan_plain(i), now / 2, now - 1};
        for (int k = 0; k < 3; k++) {
            struct plan less = *plan;
            if (tries[k] == now || (k > 0 && tries[k] < plan_plain(i))) continue;
            *plan_field(&less, i) = tries[k];
            if (less.nodes < 1 || less.controllers_only + less.brokers_only > less.nodes ||
                less.controllers_only >= less.nodes || less.brokers_only >= less.nodes)
                continue;
            if (fails(s, &less)) {
                *plan = less;
                smaller = true;
                break;
            }
        }
    }
    return smaller;
}

static bool shorter(struct shrinking *s, struct plan *plan)
{
    struct plan less = *plan;
    int64_t last = plan->actions_count ? plan->actions[plan->actions_count - 1].at_ms : 0;
    less.run_ms = last + 2000;
    if (less.run_ms >= plan->run_ms || !fails(s, &less)) return false;
    *plan = less;
    return true;
}

int shrink(struct children *c, struct plan *plan, const struct run_result *failure, int runs_max)
{
    struct shrinking s = {.children = c, .runs_max = runs_max};
    kind_of(failure->broken, s.kind);
    bool smaller = true;
    while (smaller && s.runs < runs_max) {
        smaller = drop_actions(&s, plan);
        smaller |= shorter(&s, plan);
        smaller |= plainer_fields(&s, plan);
    }
    return s.runs;
}
