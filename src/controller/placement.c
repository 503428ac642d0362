#include "controller/placement.h"

#include <stdlib.h>

/* Brokers of one rack in one state. */
struct stripe {
    int32_t *ids;
    int32_t count;
    int32_t index, offset, round;
};

struct rack {
    struct str name;
    struct stripe unfenced, fenced;
};

struct racks {
    struct controller *c;
    struct rack *items;
    int32_t count;
    int32_t total, unfenced;
    int32_t offset, round;
};

bool placement_takes_replicas(const struct image_broker *b)
{
    if (b->cordoned_count == 0) return true;
    for (int32_t i = 0; i < b->directories_count; i++) {
        bool cordoned = false;
        for (int32_t k = 0; k < b->cordoned_count; k++)
            cordoned |= uuid_equal(b->directories[i], b->cordoned[k]);
        if (!cordoned) return true;
    }
    return false;
}

static int32_t below(struct controller *c, int32_t bound)
{
    return (int32_t)rng_below(c->options.rng, (uint64_t)bound);
}

static struct rack *rack_of(struct racks *r, struct str name)
{
    for (int32_t i = 0; i < r->count; i++)
        if (str_equal(r->items[i].name, name)) return &r->items[i];
    struct rack *rack = &r->items[r->count++];
    *rack = (struct rack){.name = name};
    return rack;
}

static int compare_racks(const void *a, const void *b)
{
    return str_compare(((const struct rack *)a)->name, ((const struct rack *)b)->name);
}

static void racks_init(struct racks *r, struct controller *c, struct arena *arena)
{
    const struct image *image = image_of(c);
    int32_t n = image->brokers_count;
    *r = (struct racks){.c = c, .items = ARENA_ARRAY(arena, struct rack, n + 1)};
    for (int32_t i = 0; i < n; i++) {
        const struct image_broker *b = image->brokers[i];
        /* one that has stopped will come back; one that is stopping hands over just now */
        bool stopping = b->in_controlled_shutdown && !b->fenced;
        if (stopping || !placement_takes_replicas(b)) continue;
        struct rack *rack = rack_of(r, b->rack);
        struct stripe *s = b->fenced ? &rack->fenced : &rack->unfenced;
        if (!s->ids) s->ids = ARENA_ARRAY(arena, int32_t, n);
        s->ids[s->count++] = b->id; /* brokers come by id */
        r->total++;
        r->unfenced += !b->fenced;
    }
    qsort(r->items, (size_t)r->count, sizeof *r->items, compare_racks);
    for (int32_t i = 0; i < r->count; i++) {
        struct stripe *both[] = {&r->items[i].fenced, &r->items[i].unfenced};
        for (int k = 0; k < 2; k++)
            if (both[k]->count > 0) both[k]->offset = below(c, both[k]->count);
    }
    if (r->count > 0) r->offset = below(c, r->count);
}

static int32_t stripe_next(struct stripe *s, int32_t round)
{
    if (s->count == 0) return -1;
    if (s->round != round) {
        s->round = round;
        s->index = 0;
        s->offset = (s->offset + 1) % s->count;
    }
    if (s->index >= s->count) return -1;
    return s->ids[(s->index++ + s->offset) % s->count];
}

static void stripe_shuffle(struct controller *c, struct stripe *s)
{
    for (int32_t i = s->count - 1; i > 0; i--) {
        int32_t k = below(c, i + 1), id = s->ids[i];
        s->ids[i] = s->ids[k];
        s->ids[k] = id;
    }
}

static void racks_shuffle(struct racks *r)
{
    for (int32_t i = r->count - 1; i > 0; i--) {
        int32_t k = below(r->c, i + 1);
        struct rack rack = r->items[i];
        r->items[i] = r->items[k];
        r->items[k] = rack;
    }
    for (int32_t i = 0; i < r->count; i++) {
        stripe_shuffle(r->c, &r->items[i].fenced);
        stripe_shuffle(r->c, &r->items[i].unfenced);
    }
}

static void place_one(struct racks *r, int16_t replication_factor, int32_t *to)
{
    /* every leader has been used once: mix, so that the same sets do not come again */
    if (r->round == r->unfenced && r->unfenced > 1) {
        racks_shuffle(r);
        r->round = 0;
    }
    if (r->offset == r->count) r->offset = 0;
    int32_t leader_rack = r->offset;
    while ((to[0] = stripe_next(&r->items[leader_rack].unfenced, r->round)) < 0)
        leader_rack = (leader_rack + 1) % r->count;
    int32_t at = r->offset;
    for (int16_t n = 1; n < replication_factor; n++) {
        int32_t id = -1;
        while (id < 0) {
            if (at == leader_rack) {
                leader_rack = -1; /* passed over once: it has the leader */
            } else {
                id = stripe_next(&r->items[at].unfenced, r->round);
                if (id < 0) id = stripe_next(&r->items[at].fenced, r->round);
            }
            at = (at + 1) % r->count;
        }
        to[n] = id;
    }
    r->round++;
    r->offset++;
}

struct problem placement_place(struct controller *c, struct arena *arena, int32_t partitions,
                               int16_t replication_factor, int32_t **replicas)
{
    struct racks racks;
    racks_init(&racks, c, arena);
    if (replication_factor <= 0)
        return PROBLEM(arena, KAFKA_INVALID_REPLICATION_FACTOR,
                       "Invalid replication factor %d: the replication factor must be positive.",
                       replication_factor);
    if (racks.unfenced == 0)
        return PROBLEM(arena, KAFKA_INVALID_REPLICATION_FACTOR,
                       "All brokers are currently fenced, or have all their log directories "
                       "cordoned.");
    if (replication_factor > racks.total)
        return PROBLEM(arena, KAFKA_INVALID_REPLICATION_FACTOR,
                       "The target replication factor of %d cannot be reached because only %d "
                       "broker(s) are registered or some brokers have all their log directories "
                       "cordoned.",
                       replication_factor, racks.total);
    *replicas = ARENA_ARRAY(arena, int32_t, (size_t)partitions * (size_t)replication_factor);
    for (int32_t i = 0; i < partitions; i++)
        place_one(&racks, replication_factor, *replicas + (size_t)i * (size_t)replication_factor);
    return NO_PROBLEM;
}
