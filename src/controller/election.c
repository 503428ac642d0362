#include "controller/election.h"

#include "base/mark.h"

enum { NO_CHANGE = -2 };

/* ---- lists */

struct ids ids_copy(struct arena *arena, const int32_t *items, int32_t count)
{
    struct ids to = {ARENA_ARRAY(arena, int32_t, count + 1), count};
    if (count > 0) memcpy(to.items, items, (size_t)count * sizeof *items);
    return to;
}

struct ids ids_without(struct arena *arena, struct ids from, struct ids drop)
{
    struct ids to = {ARENA_ARRAY(arena, int32_t, from.count + 1), 0};
    for (int32_t i = 0; i < from.count; i++)
        if (!ids_contain(drop.items, drop.count, from.items[i]))
            to.items[to.count++] = from.items[i];
    return to;
}

static bool ids_equal(struct ids a, const int32_t *items, int32_t count)
{
    return a.count == count &&
           (count == 0 || memcmp(a.items, items, (size_t)count * sizeof *items) == 0);
}

static bool ids_contain_all(struct ids a, struct ids b)
{
    for (int32_t i = 0; i < b.count; i++)
        if (!ids_contain(a.items, a.count, b.items[i])) return false;
    return true;
}

/* A view of a list of the partition; not to be written. */
static struct ids view(const int32_t *items, int32_t count)
{
    return (struct ids){(int32_t *)(uintptr_t)items, count};
}

void election_init(struct election *e, struct controller *c, struct decision *d,
                   const struct image_topic *topic, int32_t partition)
{
    const struct image_partition *p = image_topic_partition(topic, partition);
    PRE(p);
    int32_t min_isr = settings_min_isr(c, topic->name);
    *e = (struct election){
        .c = c,
        .d = d,
        .topic = topic,
        .p = p,
        .partition = partition,
        .min_isr = min_isr < p->replicas_count ? min_isr : p->replicas_count,
        .elr_enabled = settings_elr(c),
        .isr = view(partition_isr(p), p->isr_count),
        .replicas = view(partition_replicas(p), p->replicas_count),
        .removing = view(partition_removing(p), p->removing_count),
        .adding = view(partition_adding(p), p->adding_count),
        .elr = view(partition_elr(p), p->elr_count),
        .leader_recovery_state = p->leader_recovery_state,
        .removed = LEADER_NONE,
        .added = LEADER_NONE,
        .unclean = LEADER_NONE,
        .directory_broker = LEADER_NONE,
    };
}

/* ---- who may lead */

static bool acceptable(const struct election *e, int32_t broker)
{
    if (broker < 0 || broker == e->removed || broker == e->unclean) return false;
    const struct image *image = image_of(e->c);
    if (broker != e->added && !image_broker_is_active(image, broker)) return false;
    if (!partition_has_replica(e->p, broker)) return true;
    /* One that says just now where its replica is may lead from there: it was lost until now. */
    struct uuid directory =
        broker == e->directory_broker ? e->directory : partition_directory_of(image, e->p, broker);
    return image_directory_is_online(image, broker, directory);
}

static bool valid(const struct election *e, int32_t broker)
{
    bool member = ids_contain(e->isr.items, e->isr.count, broker) ||
                  (e->isr.count == 0 && ids_contain(e->elr.items, e->elr.count, broker));
    return member && acceptable(e, broker);
}

/* KIP-966's balanced recovery: the one that led last, when nobody eligible is left. */
static bool last_known_acceptable(const struct election *e)
{
    return e->elr_enabled && e->isr.count == 0 && e->elr.count == 0 &&
           e->p->last_known_elr_count == 1 && acceptable(e, partition_last_known_elr(e->p)[0]);
}

static int32_t elect(const struct election *e, bool *unclean)
{
    *unclean = false;
    if (e->kind == ELECTION_PREFERRED && valid(e, e->replicas.items[0]))
        return e->replicas.items[0];
    if (valid(e, e->p->leader)) return e->p->leader;
    for (int32_t i = 0; i < e->replicas.count; i++)
        if (valid(e, e->replicas.items[i])) return e->replicas.items[i];
    *unclean = true;
    if (last_known_acceptable(e)) {
        MARK("the last known leader is elected");
        return partition_last_known_elr(e->p)[0];
    }
    if (e->kind == ELECTION_UNCLEAN || MUTANT(ELECTS_UNCLEANLY))
        for (int32_t i = 0; i < e->replicas.count; i++)
            if (acceptable(e, e->replicas.items[i])) return e->replicas.items[i];
    *unclean = false;
    return LEADER_NONE;
}

/* ---- the steps */

static void finish_reassignment(struct election *e)
{
    if (e->removing.count + e->adding.count == 0) return;
    struct arena *arena = e->d->arena;
    struct ids isr = ids_without(arena, e->isr, e->removing);
    struct ids replicas = ids_without(arena, e->replicas, e->removing);
    if (e->removing.count > 0 && (isr.count == 0 || replicas.count == 0)) return;
    if (!ids_contain_all(isr, e->adding)) return;
    /* a smaller replica set must be in sync whole, or finishing would lose redundancy */
    if (e->adding.count < e->removing.count && !ids_contain_all(isr, replicas)) return;
    e->isr = isr;
    e->replicas = replicas;
    e->removing = e->adding = (struct ids){NULL, 0};
}

static void compare_swap_sort(struct ids ids)
{
    for (int32_t i = 1; i < ids.count; i++) {
        int32_t id = ids.items[i], at = i;
        for (; at > 0 && ids.items[at - 1] > id; at--) ids.items[at] = ids.items[at - 1];
        ids.items[at] = id;
    }
}

/* (old ELR ∪ old ISR) − target ISR − uncleanly stopped, while the ISR is below its minimum. Only
 * replicas: one that a reassignment has dropped could not be elected anyway (Apache Kafka keeps
 * it). */
static void populate_elr(struct election *e)
{
    if (!e->elr_enabled) return;
    if (e->isr.count >= e->min_isr) {
        e->elr = (struct ids){NULL, 0};
        return;
    }
    const struct image_partition *p = e->p;
    struct ids all = {ARENA_ARRAY(e->d->arena, int32_t, p->elr_count + p->isr_count + 1), 0};
    for (int32_t i = 0; i < p->elr_count + p->isr_count; i++) {
        int32_t id = i < p->elr_count ? partition_elr(p)[i] : partition_isr(p)[i - p->elr_count];
        if ((id == e->unclean && !MUTANT(LOST_STAYS_ELIGIBLE)) ||
            ids_contain(e->isr.items, e->isr.count, id) ||
            !ids_contain(e->replicas.items, e->replicas.count, id))
            continue;
        if (!ids_contain(all.items, all.count, id)) all.items[all.count++] = id;
    }
    compare_swap_sort(all);
    e->elr = all;
}

static void elect_into(struct election *e, struct partition_change_record *r)
{
    bool unclean;
    int32_t leader = elect(e, &unclean);
    if (leader == e->p->leader) return;
    struct arena *arena = e->d->arena;
    if (ids_contain(e->elr.items, e->elr.count, leader)) {
        MARK("a leader comes from the ELR");
        e->isr = ids_copy(arena, &leader, 1);
        e->elr = ids_without(arena, e->elr, e->isr);
    }
    r->leader = leader;
    if (!unclean) return;
    struct ids alone = ids_copy(arena, &leader, 1);
    r->isr = alone.items;
    r->isr_count = 1;
    if (e->p->leader_recovery_state != LEADER_RECOVERING)
        r->leader_recovery_state = LEADER_RECOVERING;
}

static void set_ids(int32_t **list, int32_t *list_count, struct arena *arena, struct ids to)
{
    struct ids copy =
        ids_copy(arena, to.items, to.count); /* the image moves before it is encoded */
    *list = copy.items;
    *list_count = copy.count;
}

static void record_elr(struct election *e, struct partition_change_record *r)
{
    const struct image_partition *p = e->p;
    bool unclean = r->isr_count >= 0;
    if (unclean || !e->elr_enabled) e->elr = (struct ids){NULL, 0};
    if (!ids_equal(e->elr, partition_elr(p), p->elr_count))
        set_ids(&r->eligible_leader_replicas, &r->eligible_leader_replicas_count, e->d->arena,
                e->elr);
}

static void record_last_known_leader(struct election *e, struct partition_change_record *r)
{
    if (!e->elr_enabled) return;
    if (r->leader == LEADER_NONE && e->p->last_known_elr_count == 0)
        set_ids(&r->last_known_elr, &r->last_known_elr_count, e->d->arena,
                (struct ids){&(int32_t){e->p->leader}, 1});
    else if (r->leader >= 0 && e->p->last_known_elr_count > 0)
        set_ids(&r->last_known_elr, &r->last_known_elr_count, e->d->arena, (struct ids){NULL, 0});
}

static void record_directories(struct election *e, struct partition_change_record *r)
{
    const struct image *image = image_of(e->c);
    if (image->metadata_version < METADATA_VERSION_DIRECTORIES) return;
    struct uuid *to = ARENA_ARRAY(e->d->arena, struct uuid, e->replicas.count);
    bool same = e->replicas.count == e->p->replicas_count;
    for (int32_t i = 0; i < e->replicas.count; i++) {
        int32_t broker = e->replicas.items[i];
        if (broker == e->directory_broker)
            to[i] = e->directory;
        else if (partition_has_replica(e->p, broker))
            to[i] = partition_directory_of(image, e->p, broker);
        else
            to[i] = directory_default(e->c, broker);
        if (same) same = uuid_equal(to[i], partition_directory(image, e->p, i));
    }
    if (same) return;
    r->directories = to;
    r->directories_count = e->replicas.count;
}

static void record_assignment(struct election *e, struct partition_change_record *r)
{
    const struct image_partition *p = e->p;
    struct arena *arena = e->d->arena;
    record_directories(e, r);
    if (!ids_equal(e->replicas, partition_replicas(p), p->replicas_count))
        set_ids(&r->replicas, &r->replicas_count, arena, e->replicas);
    if (!ids_equal(e->removing, partition_removing(p), p->removing_count))
        set_ids(&r->removing_replicas, &r->removing_replicas_count, arena, e->removing);
    if (!ids_equal(e->adding, partition_adding(p), p->adding_count))
        set_ids(&r->adding_replicas, &r->adding_replicas_count, arena, e->adding);
}

static bool is_no_op(const struct partition_change_record *r)
{
    return r->isr_count < 0 && r->eligible_leader_replicas_count < 0 &&
           r->last_known_elr_count < 0 && r->leader == NO_CHANGE && r->replicas_count < 0 &&
           r->removing_replicas_count < 0 && r->adding_replicas_count < 0 &&
           r->leader_recovery_state == -1 && r->directories_count < 0;
}

bool election_build(struct election *e)
{
    const struct image_partition *p = e->p;
    struct ids old_replicas = view(partition_replicas(p), p->replicas_count);
    struct ids old_isr = view(partition_isr(p), p->isr_count);
    struct partition_change_record *r =
        &decision_add(e->c, e->d, METADATA_RECORD_PARTITION_CHANGE)->u.partition_change;
    r->topic_id = e->topic->id;
    r->partition_id = e->partition;

    finish_reassignment(e);
    populate_elr(e);
    elect_into(e, r);
    /* followers of a dropped replica must notice: same leader, new epoch */
    if (r->leader == NO_CHANGE && !ids_contain_all(e->replicas, old_replicas))
        r->leader = p->leader;
    record_elr(e, r);
    if (r->isr_count < 0 && (e->isr.count > 0 || e->elr_enabled) &&
        !ids_equal(e->isr, old_isr.items, old_isr.count))
        set_ids(&r->isr, &r->isr_count, e->d->arena, e->isr);
    if (image_of(e->c)->metadata_version < METADATA_VERSION_NO_SHRINK_BUMP &&
        r->leader == NO_CHANGE && r->isr_count >= 0 &&
        !ids_contain_all((struct ids){r->isr, r->isr_count}, old_isr))
        r->leader = p->leader; /* KAFKA-15021 */
    record_last_known_leader(e, r);
    record_assignment(e, r);
    if (e->leader_recovery_state != p->leader_recovery_state)
        r->leader_recovery_state = e->leader_recovery_state;
    if (!is_no_op(r)) return true;
    e->d->count--;
    return false;
}

/* ---- many partitions */

static void sweep_one(struct controller *c, struct decision *d, const struct election_sweep *s,
                      struct image_place place)
{
    const struct image_topic *topic;
    (void)image_place(image_of(c), place, &topic);
    struct election e;
    election_init(&e, c, d, topic, place.partition);
    if (settings_unclean(c, topic->name)) e.kind = ELECTION_UNCLEAN;
    e.removed = s->removed;
    e.added = s->added;
    e.unclean = s->unclean;
    int32_t gone[] = {s->removed, s->unclean};
    e.isr = ids_without(d->arena, e.isr, (struct ids){gone, 2});
    (void)election_build(&e);
}

void election_sweep(struct controller *c, struct decision *d, const struct election_sweep *s)
{
    int32_t broker = s->removed != LEADER_NONE ? s->removed : s->unclean;
    const struct image_places *places = image_places_of(image_of(c), broker);
    for (uint32_t i = 0; i < places->count; i++) {
        const struct image_partition *p = image_place(image_of(c), places->items[i], NULL);
        c->looked_at++;
        bool touched = broker == LEADER_NONE || partition_in_isr(p, broker) ||
                       (s->elr && ids_contain(partition_elr(p), p->elr_count, broker));
        if (touched) sweep_one(c, d, s, places->items[i]);
    }
}

void election_remove(struct controller *c, struct decision *d, const struct image_topic *topic,
                     int32_t partition, int32_t broker)
{
    struct election_sweep s = {broker, LEADER_NONE, LEADER_NONE, false};
    sweep_one(c, d, &s, (struct image_place){topic->slot, partition});
}

struct uuid directory_default(const struct controller *c, int32_t broker)
{
    const struct image_broker *b = image_broker(image_of(c), broker);
    if (!b) return DIRECTORY_UNASSIGNED;
    if (b->directories_count == 0) return DIRECTORY_MIGRATING;
    return b->directories_count == 1 ? b->directories[0] : DIRECTORY_UNASSIGNED;
}
