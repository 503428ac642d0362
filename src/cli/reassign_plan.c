/* Where partitions could go, and which replicas a move is to throttle.
 *
 * Placing: the brokers stand in a ring in which neighbours are of different racks as far as
 * possible (the n-th of each rack, for n = 0, 1, …). Partition p is led by the p-th from the start
 * on; its followers are the next in the ring that bring a new rack, then the next of all. Each time
 * the ring has been walked once, followers begin one place later, so that the sets of replicas
 * differ. */
#include <stdlib.h>
#include <string.h>

#include "cli/reassign.h"

struct ring {
    const struct reassign_broker *brokers;
    int32_t *order; /* places in brokers */
    int32_t count, racks;
};

static int by_rack(const void *a, const void *b)
{
    const struct reassign_broker *x = a, *y = b;
    int order = str_compare(x->rack, y->rack);
    return order ? order : (x->id > y->id) - (x->id < y->id);
}

static bool same_rack(const struct reassign_broker *a, const struct reassign_broker *b)
{
    return !str_is_null(a->rack) && !str_is_null(b->rack) && str_equal(a->rack, b->rack);
}

/* The n-th of each rack, for n = 0, 1, … */
static struct ring ring_of(struct arena *arena, const struct reassign_broker *brokers,
                           int32_t count)
{
    struct reassign_broker *sorted = ARENA_ARRAY(arena, struct reassign_broker, count + 1);
    struct ring r = {sorted, ARENA_ARRAY(arena, int32_t, count + 1), 0, 0};
    int32_t *nth = ARENA_ARRAY(arena, int32_t, count + 1);
    for (int32_t i = 0; i < count; i++) sorted[i] = brokers[i];
    qsort(sorted, (size_t)count, sizeof *sorted, by_rack);
    for (int32_t i = 0; i < count; i++) {
        nth[i] = i && same_rack(&sorted[i - 1], &sorted[i]) ? nth[i - 1] + 1 : 0;
        r.racks += nth[i] == 0;
    }
    for (int32_t n = 0; r.count < count; n++)
        for (int32_t i = 0; i < count; i++)
            if (nth[i] == n) r.order[r.count++] = i;
    return r;
}

static bool has_rack(const struct ring *r, const int32_t *chosen, int32_t count, int32_t place)
{
    for (int32_t i = 0; i < count; i++)
        if (same_rack(&r->brokers[r->order[chosen[i]]], &r->brokers[r->order[place]])) return true;
    return false;
}

static bool has_place(const int32_t *chosen, int32_t count, int32_t place)
{
    for (int32_t i = 0; i < count; i++)
        if (chosen[i] == place) return true;
    return false;
}

/* Places in the ring of one partition's replicas. */
static void choose(const struct ring *r, int32_t leader, int32_t shift, int32_t *chosen,
                   int32_t wanted)
{
    int32_t count = 0, others = r->count - 1;
    chosen[count++] = leader;
    for (int new_rack = 1; new_rack >= 0; new_rack--)
        for (int32_t i = 0; i < others && count < wanted; i++) {
            int32_t place = (leader + 1 + (i + shift) % others) % r->count;
            if (has_place(chosen, count, place)) continue;
            if (new_rack && has_rack(r, chosen, count, place)) continue;
            chosen[count++] = place;
        }
}

struct reassignments *reassign_place(struct arena *arena, const struct reassignments *current,
                                     const struct reassign_broker *brokers, int32_t brokers_count,
                                     int32_t start, const char **why)
{
    struct ring ring = ring_of(arena, brokers, brokers_count);
    struct reassignments *list = ARENA_NEW(arena, struct reassignments);
    list->items = ARENA_ARRAY(arena, struct reassignment, current->count + 1);
    int32_t *chosen = ARENA_ARRAY(arena, int32_t, brokers_count + 1);
    int32_t first = 0; /* where the topic begins in `current`, which is sorted */
    for (int32_t i = 0; i < current->count; i++) {
        if (!str_equal(current->items[i].topic, current->items[first].topic)) first = i;
        int32_t wanted = current->items[first].replicas_count, nth = i - first;
        if (!ring.count) {
            *why = "All brokers are currently fenced, or have all their log directories cordoned.";
            return NULL;
        }
        if (wanted > ring.count) {
            *why =
                arena_printf(arena,
                             "The target replication factor of %d cannot be reached because only "
                             "%d broker(s) are registered or some brokers have all their log "
                             "directories cordoned.",
                             wanted, ring.count)
                    .data;
            return NULL;
        }
        struct reassignment *m = &list->items[list->count++];
        *m = (struct reassignment){.topic = current->items[i].topic, .partition = nth};
        m->replicas = ARENA_ARRAY(arena, int32_t, wanted + 1);
        m->replicas_count = wanted;
        choose(&ring, (start + nth) % ring.count, nth / ring.count, chosen, wanted);
        for (int32_t k = 0; k < wanted; k++)
            m->replicas[k] = ring.brokers[ring.order[chosen[k]]].id;
    }
    return list;
}

/* ---- throttles */

struct move {
    struct str topic;
    int32_t partition;
    int32_t *from, from_count, *to, to_count;
};

static bool has(const int32_t *ids, int32_t count, int32_t id)
{
    return has_place(ids, count, id);
}

/* Those of `ids` that `without` does not have. */
static int32_t *subtract(struct arena *arena, const int32_t *ids, int32_t count,
                         const int32_t *without, int32_t without_count, int32_t *left)
{
    int32_t *kept = ARENA_ARRAY(arena, int32_t, count + 1);
    *left = 0;
    for (int32_t i = 0; i < count; i++)
        if (!has(without, without_count, ids[i])) kept[(*left)++] = ids[i];
    return kept;
}

/* From the replicas there are to those there are to be; what moves already keeps its sources. */
static struct move *moves_of(struct arena *arena, const struct reassignments *under_way,
                             const struct reassignments *proposed,
                             const struct reassignments *current, int32_t *count)
{
    struct move *moves = ARENA_ARRAY(arena, struct move, under_way->count + proposed->count + 1);
    *count = 0;
    for (int32_t i = 0; i < under_way->count; i++) {
        const struct reassignment *u = &under_way->items[i];
        struct move *m = &moves[(*count)++];
        *m = (struct move){.topic = u->topic,
                           .partition = u->partition,
                           .to = u->adding,
                           .to_count = u->adding_count};
        m->from = subtract(arena, u->replicas, u->replicas_count, u->adding, u->adding_count,
                           &m->from_count);
    }
    for (int32_t i = 0; i < proposed->count; i++) {
        const struct reassignment *p = &proposed->items[i], *u, *c;
        struct move *m;
        u = reassign_find(under_way, p->topic, p->partition);
        c = reassign_find(current, p->topic, p->partition);
        if (u) {
            m = &moves[u - under_way->items];
        } else {
            m = &moves[(*count)++];
            *m = (struct move){.topic = p->topic, .partition = p->partition};
            if (c) m->from = c->replicas, m->from_count = c->replicas_count;
        }
        m->to =
            subtract(arena, p->replicas, p->replicas_count, m->from, m->from_count, &m->to_count);
    }
    return moves;
}

static int by_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* "partition:broker,…" of one topic's moves. */
static struct str throttle_text(struct arena *arena, const struct move *moves, int32_t count,
                                struct str topic, bool leaders)
{
    int32_t most = 0, n = 0;
    for (int32_t i = 0; i < count; i++) most += leaders ? moves[i].from_count : moves[i].to_count;
    struct str *parts = ARENA_ARRAY(arena, struct str, most + 1), text = STR("");
    for (int32_t i = 0; i < count; i++) {
        const struct move *m = &moves[i];
        const int32_t *ids = leaders ? m->from : m->to;
        if (!str_equal(m->topic, topic)) continue;
        for (int32_t k = 0; k < (leaders ? m->from_count : m->to_count); k++)
            parts[n++] = arena_printf(arena, "%d:%d", m->partition, ids[k]);
    }
    qsort(parts, (size_t)n, sizeof *parts, by_text);
    for (int32_t i = 0; i < n; i++)
        text = arena_printf(arena, "%.*s%s%.*s", STR_ARG(text), i ? "," : "", STR_ARG(parts[i]));
    return text;
}

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static void collect_brokers(struct arena *arena, const struct move *moves, int32_t count,
                            int32_t **brokers, int32_t *brokers_count)
{
    int32_t most = 0;
    for (int32_t i = 0; i < count; i++) most += moves[i].from_count + moves[i].to_count;
    *brokers = ARENA_ARRAY(arena, int32_t, most + 1);
    *brokers_count = 0;
    for (int32_t i = 0; i < count; i++)
        for (int32_t k = 0; k < moves[i].from_count + moves[i].to_count; k++) {
            int32_t id =
                k < moves[i].from_count ? moves[i].from[k] : moves[i].to[k - moves[i].from_count];
            if (!has(*brokers, *brokers_count, id)) (*brokers)[(*brokers_count)++] = id;
        }
    qsort(*brokers, (size_t)*brokers_count, sizeof **brokers, by_number);
}

struct reassign_throttle *reassign_throttles(struct arena *arena,
                                             const struct reassignments *under_way,
                                             const struct reassignments *proposed,
                                             const struct reassignments *current, int32_t *count,
                                             int32_t **brokers, int32_t *brokers_count)
{
    int32_t moves_count;
    struct move *moves = moves_of(arena, under_way, proposed, current, &moves_count);
    struct reassign_throttle *t = ARENA_ARRAY(arena, struct reassign_throttle, moves_count + 1);
    *count = 0;
    for (int32_t i = 0; i < moves_count; i++) {
        bool known = false;
        for (int32_t k = 0; k < *count; k++) known |= str_equal(t[k].topic, moves[i].topic);
        if (known) continue;
        t[(*count)++] = (struct reassign_throttle){
            moves[i].topic, throttle_text(arena, moves, moves_count, moves[i].topic, true),
            throttle_text(arena, moves, moves_count, moves[i].topic, false)};
    }
    collect_brokers(arena, moves, moves_count, brokers, brokers_count);
    return t;
}
