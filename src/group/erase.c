/* Tombstones: deleted groups, expired offsets, offsets of deleted topics.
 *
 * A decision to delete reads committed state. What is in flight for the same group must be in it,
 * or its replay would bring back what the tombstone took: so groups are buried and a barrier waited
 * for, and expiry passes over groups with commits in flight.
 *
 * Tombstones that take longer than offsets.commit.timeout.ms are reported as failed, and the group
 * lives again; yet they are in the log, and take effect when they commit at last: on whatever the
 * group is by then. */
#include "base/mem.h"
#include "group/shard.h"
#include "group/text.h"

/* ---- records in several batches ---- */

struct bulk_write {
    struct group_shard *shard;
    void *context;
    void (*done)(void *context, enum kafka_error);
    enum kafka_error error;
    int32_t left;
};

struct bulk_part {
    struct rsm_write write;
    struct bulk_write *bulk;
};

static void bulk_part_done(struct rsm_write *write, enum kafka_error error)
{
    struct bulk_part *part = CONTAINER_OF(write, struct bulk_part, write);
    struct bulk_write *bulk = part->bulk;
    mem_free(part);
    if (error && !bulk->error) bulk->error = error;
    if (--bulk->left > 0) return;
    bulk->done(bulk->context, bulk->error);
    mem_free(bulk);
}

/* How many records from `first` on go into one batch. */
static int32_t part_size(const struct record_list *l, int32_t first)
{
    int64_t bytes = 0;
    int32_t n = 0;
    while (first + n < l->count) {
        const struct rsm_record *r = &l->records[first + n];
        bytes += r->key.len + (r->value.len > 0 ? r->value.len : 0) + 32;
        if (n > 0 && bytes > SHARD_WRITE_BYTES_MAX) break;
        n++;
    }
    return n;
}

enum kafka_error shard_write_bulk(struct group_shard *s, const struct record_list *l, void *context,
                                  void (*done)(void *context, enum kafka_error))
{
    PRE(l->count > 0);
    struct bulk_write *bulk = MEM_NEW(struct bulk_write);
    *bulk = (struct bulk_write){.shard = s, .context = context, .done = done};
    enum kafka_error e = KAFKA_NONE;
    for (int32_t first = 0; first < l->count && !e;) {
        struct bulk_part *part = MEM_NEW(struct bulk_part);
        part->bulk = bulk;
        part->write.done = bulk_part_done;
        int32_t n = part_size(l, first);
        e = rsm_shard_write(&s->rsm, &part->write, &l->records[first], n,
                            clock_wall(s->env->clock));
        if (e) {
            mem_free(part);
        } else {
            bulk->left++;
            first += n;
        }
    }
    if (bulk->left > 0) {
        bulk->error = e; /* told when the first part is done with */
        return KAFKA_NONE;
    }
    mem_free(bulk);
    return e;
}

/* ---- a whole group ---- */

struct erase_op {
    struct rsm_write barrier;
    struct group_shard *shard;
    struct str id; /* owned */
    void *context;
    void (*done)(void *context, enum kafka_error);
};

static void erase_end(struct erase_op *op, enum kafka_error error)
{
    struct shard_group *sg = shard_find(op->shard, op->id);
    if (error && sg && sg->group->state == GROUP_DEAD) group_revive(sg->group);
    op->done(op->context, error);
    text_free(op->id);
    mem_free(op);
}

static void erase_written(void *context, enum kafka_error error)
{
    erase_end(context, error);
}

static void add_all_offsets(struct record_list *l, const struct group *g)
{
    for (uint32_t i = 0; i < g->offsets.topics.count; i++) {
        const struct topic_offsets *t = g->offsets.topics.entries[i].value;
        for (uint32_t k = 0; k < t->partitions.count; k++)
            records_add_offset_tombstone(l, g->id, t->topic,
                                         offsets_partition_of(&t->partitions.entries[k]));
    }
}

static void erase_settled(struct rsm_write *write, enum kafka_error error)
{
    struct erase_op *op = CONTAINER_OF(write, struct erase_op, barrier);
    struct shard_group *sg = shard_find(op->shard, op->id);
    /* Tombstones of an earlier deletion, which had taken too long, may have come between. */
    if (!error && !sg) error = KAFKA_GROUP_ID_NOT_FOUND;
    if (!error && sg->group->state != GROUP_DEAD) error = KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (!error) {
        struct arena arena;
        arena_init(&arena, 0);
        struct record_list l;
        record_list_init(&l, &arena);
        add_all_offsets(&l, sg->group);
        if (sg->group->kind == GROUP_CONSUMER)
            records_add_consumer_group_tombstones(&l, sg->group);
        else
            records_add_group_tombstone(&l, op->id);
        error = shard_write_bulk(op->shard, &l, op, erase_written);
        record_list_free(&l);
        arena_free(&arena);
        if (!error) return;
    }
    erase_end(op, error);
}

void shard_erase_group(struct group_shard *s, struct shard_group *sg, void *context,
                       void (*done)(void *context, enum kafka_error))
{
    struct erase_op *op = MEM_NEW(struct erase_op);
    op->shard = s;
    op->id = text_copy(sg->group->id);
    op->context = context;
    op->done = done;
    op->barrier.done = erase_settled;
    group_bury(sg->group);
    enum kafka_error e = rsm_shard_barrier(&s->rsm, &op->barrier);
    if (e) erase_end(op, e);
}

/* ---- what the consumer protocol left ---- */

struct disband_op {
    struct group_shard *shard;
    struct str id; /* owned */
};

static void disband_done(void *context, enum kafka_error error)
{
    struct disband_op *op = context;
    struct shard_group *sg = shard_find(op->shard, op->id);
    if (sg) sg->group->disbanding = false;
    if (error)
        trace_warn(op->shard->env->trace, "group",
                   "%s: group %.*s stays one of consumers: error %d", op->shard->name,
                   STR_ARG(op->id), error);
    text_free(op->id);
    mem_free(op);
}

void shard_disband(struct group_shard *s, struct shard_group *sg)
{
    PRE(sg->group->kind == GROUP_CONSUMER);
    if (sg->group->disbanding) return;
    sg->group->disbanding = true;
    struct disband_op *op = MEM_NEW(struct disband_op);
    *op = (struct disband_op){.shard = s, .id = text_copy(sg->group->id)};
    struct arena arena;
    arena_init(&arena, 0);
    struct record_list l;
    record_list_init(&l, &arena);
    records_add_consumer_group_tombstones(&l, sg->group);
    enum kafka_error e = shard_write_bulk(s, &l, op, disband_done);
    record_list_free(&l);
    arena_free(&arena);
    if (e) disband_done(op, e);
}

/* ---- expiry ---- */

static void expire_done(void *context, enum kafka_error error)
{
    struct group_shard *s = context;
    if (error)
        trace_warn(s->env->trace, "group", "%s: removing expired offsets failed: error %d", s->name,
                   error);
}

struct expiry {
    struct group_shard *shard;
    struct record_list records;
    int32_t looked_at, erased;
};

/* Adds tombstones of what has expired; true when nothing is left. */
static bool expire_offsets(struct expiry *x, const struct group *g)
{
    int64_t now_ms = clock_wall(x->shard->env->clock).ms;
    bool all = true;
    for (uint32_t i = 0; i < g->offsets.topics.count; i++) {
        const struct topic_offsets *t = g->offsets.topics.entries[i].value;
        bool subscribed = group_is_subscribed(g, t->topic);
        x->looked_at += (int32_t)t->partitions.count;
        for (uint32_t k = 0; k < t->partitions.count; k++) {
            const struct committed_offset *o = t->partitions.entries[k].value;
            if (subscribed || !o->present ||
                now_ms < group_offset_expires_ms(g, o, x->shard->settings->retention_ms)) {
                all = false;
                continue;
            }
            records_add_offset_tombstone(&x->records, g->id, t->topic,
                                         offsets_partition_of(&t->partitions.entries[k]));
        }
    }
    return all;
}

/* A group of the consumer protocol goes as a classic one does; of the other new ones only the
 * offsets are known (GroupCoordinatorShard.cleanupGroupMetadata). */
static void expire_group(struct expiry *x, struct shard_group *sg)
{
    const struct group *g = sg->group;
    x->looked_at++;
    if (g->commits_in_flight > 0 || g->writes_in_flight > 0 || g->disbanding ||
        g->state == GROUP_DEAD)
        return;
    int32_t before = x->records.count;
    bool all = expire_offsets(x, g);
    if (!all || group_admit_delete(g) || !list_empty(&g->pending)) return;
    x->records.count = before; /* they go with the group */
    shard_erase_group(x->shard, sg, x->shard, expire_done);
    x->erased++;
}

bool shard_expire(struct group_shard *s)
{
    if (s->rsm.state != RSM_ACTIVE) return false;
    struct arena arena;
    arena_init(&arena, 0);
    struct expiry x = {.shard = s};
    record_list_init(&x.records, &arena);
    if (s->expiry_left == 0) s->expiry_left = s->groups.count;
    /* From the end: a group that goes leaves its place to one that has been looked at. */
    while (s->expiry_left > 0 && x.looked_at < SHARD_EXPIRY_WORK_MAX) {
        if (--s->expiry_left < s->groups.count)
            expire_group(&x, s->groups.entries[s->expiry_left].value);
    }
    if (x.records.count > 0) {
        enum kafka_error e = shard_write_bulk(s, &x.records, s, expire_done);
        if (e) expire_done(s, e);
    }
    if (x.records.count > 0 || x.erased > 0)
        trace_info(s->env->trace, "group", "%s: expiring %d offsets and %d groups", s->name,
                   x.records.count, x.erased);
    record_list_free(&x.records);
    arena_free(&arena);
    return s->expiry_left > 0 && s->rsm.state == RSM_ACTIVE;
}

/* ---- deleted topics ---- */

struct forget_op {
    struct rsm_write barrier;
    struct group_shard *shard;
    struct group_deleted_topic *topics; /* owned, with names */
    int32_t count;
};

static void forget_free(struct forget_op *op)
{
    for (int32_t i = 0; i < op->count; i++) text_free(op->topics[i].name);
    mem_free(op->topics);
    mem_free(op);
}

static void forget_in_group(const struct forget_op *op, const struct group *g,
                            struct record_list *l)
{
    for (int32_t i = 0; i < op->count; i++) {
        const struct topic_offsets *t = map_get_str(&g->offsets.topics, op->topics[i].name);
        if (!t) continue;
        for (uint32_t k = 0; k < t->partitions.count; k++) {
            const struct committed_offset *o = t->partitions.entries[k].value;
            /* A topic of that name that was made since is another topic. */
            if (!uuid_is_zero(o->topic_id) && !uuid_equal(o->topic_id, op->topics[i].id)) continue;
            records_add_offset_tombstone(l, g->id, t->topic,
                                         offsets_partition_of(&t->partitions.entries[k]));
        }
    }
}

/* What stays expires like other offsets. A topic that is made again under the name has another id,
 * so it is not told as the new one's, unless a record of an older Kafka carries none. */
static void forget_done(void *context, enum kafka_error error)
{
    struct group_shard *s = context;
    if (error)
        trace_warn(s->env->trace, "group",
                   "%s: the offsets of deleted topics stay until they expire: error %d", s->name,
                   error);
}

static void forget_settled(struct rsm_write *write, enum kafka_error error)
{
    struct forget_op *op = CONTAINER_OF(write, struct forget_op, barrier);
    struct group_shard *s = op->shard;
    struct arena arena;
    arena_init(&arena, 0);
    struct record_list l;
    record_list_init(&l, &arena);
    for (uint32_t i = 0; !error && i < s->groups.count; i++) {
        const struct shard_group *sg = s->groups.entries[i].value;
        forget_in_group(op, sg->group, &l);
    }
    if (!error && l.count > 0) error = shard_write_bulk(s, &l, s, forget_done);
    if (error) forget_done(s, error);
    record_list_free(&l);
    arena_free(&arena);
    forget_free(op);
}

void shard_forget_topics(struct group_shard *s, const struct group_deleted_topic *topics,
                         int32_t count)
{
    if (s->rsm.state != RSM_ACTIVE) return;
    struct forget_op *op = MEM_NEW(struct forget_op);
    op->shard = s;
    op->topics = mem_zalloc((size_t)count, sizeof *topics);
    op->count = count;
    for (int32_t i = 0; i < count; i++)
        op->topics[i] = (struct group_deleted_topic){text_copy(topics[i].name), topics[i].id};
    op->barrier.done = forget_settled;
    enum kafka_error e = rsm_shard_barrier(&s->rsm, &op->barrier);
    if (e) forget_free(op);
}
