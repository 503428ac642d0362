#include "broker/no_room.h"

#include "base/mem.h"
#include "broker/directory_assignments.h"
#include "metadata/image.h"
#include "replica/replica.h"
#include "replica/replica_manager.h"

struct no_room {
    struct broker *broker;
    struct directory_assignments *assignments;
    struct timer timer;
};

static bool in_sync_with_others(const struct image_partition *p, int32_t broker)
{
    const int32_t *isr = partition_isr(p);
    for (int32_t i = 0; i < p->isr_count; i++)
        if (isr[i] == broker) return p->isr_count > 1;
    return false;
}

static void give_up(struct no_room *n, const struct replica *r, int64_t ms)
{
    trace_warn(n->broker->env.trace, "kafka.server.ReplicaManager",
               "%.*s-%d: no room on its disk for %lld ms; given up, so that the others go on",
               STR_ARG(r->topic->name), r->partition, (long long)ms);
    directory_assignments_want(n->assignments, r->topic->id, r->partition, DIRECTORY_LOST);
}

/* One replica of ours. Returns whether it is to be looked at again. */
static bool look_at(struct no_room *n, struct replica *r, const struct image_partition *p)
{
    struct mono_time now = clock_mono(n->broker->env.clock);
    bool lost =
        uuid_equal(partition_directory_of(n->broker->image, p, n->broker->node_id), DIRECTORY_LOST);
    if (r->no_room && mono_elapsed_ms(now, r->no_room_last) >= NO_ROOM_IDLE_MS) r->no_room = false;
    if (!r->no_room) {
        if (lost && r->log) no_room_placed(n, r);
        return false;
    }
    int64_t ms = mono_elapsed_ms(now, r->no_room_since);
    if (!lost && ms >= NO_ROOM_GIVE_UP_MS && in_sync_with_others(p, n->broker->node_id))
        give_up(n, r, ms);
    if (ms >= NO_ROOM_GIVE_UP_MS) r->no_room_since = now; /* said again if nothing comes of it */
    return true;
}

static void look(struct timer *timer)
{
    struct no_room *n = CONTAINER_OF(timer, struct no_room, timer);
    const struct broker *b = n->broker;
    const struct image_places *mine = image_places_of(b->image, b->node_id);
    bool again = false;
    for (uint32_t i = 0; mine && i < mine->count; i++) {
        const struct image_topic *topic;
        const struct image_partition *p = image_place(b->image, mine->items[i], &topic);
        struct replica *r = replica_manager_find(b->replicas, topic->id, mine->items[i].partition);
        if (r && look_at(n, r, p)) again = true;
    }
    if (again) timer_arm_in_ms(b->env.clock, &n->timer, NO_ROOM_LOOK_MS);
}

struct no_room *no_room_create(struct broker *b, struct directory_assignments *assignments)
{
    struct no_room *n = MEM_NEW(struct no_room);
    n->broker = b;
    n->assignments = assignments;
    timer_init(&n->timer, look);
    return n;
}

void no_room_destroy(struct no_room *n)
{
    timer_cancel(n->broker->env.clock, &n->timer);
    mem_free(n);
}

void no_room_refused(struct no_room *n)
{
    if (!timer_armed(&n->timer)) timer_arm_in_ms(n->broker->env.clock, &n->timer, NO_ROOM_LOOK_MS);
}

void no_room_placed(struct no_room *n, const struct replica *r)
{
    if (r->no_room) return; /* as long as it is full it stays given up; looked at again */
    directory_assignments_want(n->assignments, r->topic->id, r->partition, r->directory);
}
