#include "broker/partition_changes.h"

#include <stdio.h>

#include "base/mem.h"

struct gathered {
    int32_t count;
    int64_t records; /* cut */
    char listed[CHANGES_LISTED_MAX][HISTORY_ITEM_MAX];
    int32_t listed_count;
};

struct partition_changes {
    struct env env;
    struct history *history;
    struct gathered leads, follows, adrift, moored, cut;
    struct task moved;
    struct timer was_cut;
};

static void tell(struct partition_changes *c, struct gathered *g, enum history_kind kind,
                 const char *reason, const char *text)
{
    if (g->count == 0) return;
    struct history_fact f = history_fact(kind, -1, -1, reason);
    f.partitions = g->count;
    history_begin(c->history, &f);
    for (int32_t i = 0; i < g->listed_count; i++) history_item(c->history, "%s", g->listed[i]);
    history_end(c->history, g->count - g->listed_count, "%s", text);
    g->count = g->listed_count = 0;
    g->records = 0;
}

static void moved_run(struct task *t)
{
    struct partition_changes *c = CONTAINER_OF(t, struct partition_changes, moved);
    tell(c, &c->leads, HISTORY_LEADING, NULL, "they take and give records here from now on");
    tell(c, &c->follows, HISTORY_FOLLOWING, NULL, "led here until now");
    tell(c, &c->adrift, HISTORY_ADRIFT, "unheard",
         "a replica fetches no more, so another may lead: clients are sent away");
    tell(c, &c->moored, HISTORY_ADRIFT, "heard", "clients are served again");
}

static void cut_fired(struct timer *t)
{
    struct partition_changes *c = CONTAINER_OF(t, struct partition_changes, was_cut);
    char text[128];
    snprintf(text, sizeof text,
             "%lld records that were never committed, so that the logs are their leaders'",
             (long long)c->cut.records);
    tell(c, &c->cut, HISTORY_TRUNCATED, NULL, text);
}

struct partition_changes *partition_changes_create(const struct env *env, struct history *history)
{
    if (!history) return NULL;
    struct partition_changes *c = MEM_NEW(struct partition_changes);
    c->env = *env;
    c->history = history;
    task_init(&c->moved, moved_run);
    timer_init(&c->was_cut, cut_fired);
    return c;
}

void partition_changes_free(struct partition_changes *c)
{
    if (!c) return;
    task_cancel(&c->moved);
    timer_cancel(c->env.clock, &c->was_cut);
    mem_free(c);
}

/* Room for one more name; NULL: counted only. */
static char *gather(struct gathered *g)
{
    g->count++;
    return g->listed_count < CHANGES_LISTED_MAX ? g->listed[g->listed_count++] : NULL;
}

static const char *node_text(int32_t id, char *text, size_t size)
{
    snprintf(text, size, "%d", id);
    return id < 0 ? "none" : text;
}

static void gather_move(struct gathered *g, const struct partition_move *m)
{
    char *to = gather(g), from_text[12], to_text[12];
    if (!to) return;
    snprintf(to, HISTORY_ITEM_MAX, "%.*s-%d: leader %s -> %s, epoch %d", STR_ARG(m->topic),
             m->partition, node_text(m->old_leader, from_text, sizeof from_text),
             node_text(m->new_leader, to_text, sizeof to_text), m->leader_epoch);
}

void partition_changes_leads(struct partition_changes *c, const struct partition_move *m)
{
    if (!c) return;
    gather_move(&c->leads, m);
    task_post(c->env.clock, &c->moved);
}

void partition_changes_follows(struct partition_changes *c, const struct partition_move *m)
{
    if (!c) return;
    gather_move(&c->follows, m);
    task_post(c->env.clock, &c->moved);
}

void partition_changes_drifts(struct partition_changes *c, const struct partition_move *m,
                              bool adrift)
{
    if (!c) return;
    char *item = gather(adrift ? &c->adrift : &c->moored);
    if (item)
        snprintf(item, HISTORY_ITEM_MAX, "%.*s-%d: epoch %d", STR_ARG(m->topic), m->partition,
                 m->leader_epoch);
    task_post(c->env.clock, &c->moved);
}

void partition_changes_cut(struct partition_changes *c, const struct partition_move *m,
                           int64_t from, int64_t to)
{
    if (!c) return;
    char *item = gather(&c->cut), leader[12];
    c->cut.records += from > to ? from - to : 0;
    if (item)
        snprintf(item, HISTORY_ITEM_MAX,
                 "%.*s-%d: from %lld to %lld, as leader %s of epoch %d says", STR_ARG(m->topic),
                 m->partition, (long long)from, (long long)to,
                 node_text(m->new_leader, leader, sizeof leader), m->leader_epoch);
    if (!timer_armed(&c->was_cut)) timer_arm_in_ms(c->env.clock, &c->was_cut, CHANGES_GATHER_MS);
}
