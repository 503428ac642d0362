#include "replica/lease.h"

#include "base/mark.h"
#include "replica/fetch_session.h"
#include "replica/manager.h"

enum { LOOKS_PER_LEASE = 8 };

/* What the map of absent brokers holds: when their absence was proved. */
static const char IN_LEASE, BEHIND_LEASE;

static const char *absence_of(const struct replica_manager *m, int32_t broker_id)
{
    return map_get_u64(&m->absent, (uint64_t)(uint32_t)broker_id);
}

static bool is_absent(void *context, int32_t broker_id)
{
    return absence_of(context, broker_id) != NULL;
}

static bool lease_is_over(const struct replica_manager *m, struct mono_time now)
{
    return m->lease_ms > 0 && now.ns >= mono_add_ms(m->lease_from, m->lease_ms).ns;
}

bool replica_is_adrift(struct replica *r)
{
    struct replica_manager *m = r->manager;
    if (m->lease_ms == 0 || r->core.followers_count == 0) return false;
    const struct partition_world *w = manager_world(m);
    return lease_is_over(m, w->now) && partition_is_deserted(&r->core, w, m->lease_ms);
}

bool replica_is_doubted(struct replica *r)
{
    struct replica_manager *m = r->manager;
    if (m->lease_ms == 0 || r->core.role != PARTITION_LEADER || r->core.followers_count == 0)
        return false;
    return mono_elapsed_ms(clock_mono(m->env.clock), m->lease_from) >= m->lease_ms / 2;
}

struct question {
    const struct replica *replica;
    uint64_t answers;
};

static bool follows(const void *context, int32_t broker_id)
{
    const struct question *q = context;
    return absence_of(q->replica->manager, broker_id) == &IN_LEASE ||
           fetch_session_follows(&q->replica->purgatory, broker_id, q->answers);
}

bool replica_is_confirmed(struct replica *r, uint64_t answers)
{
    struct question q = {r, answers};
    return partition_is_followed(&r->core, follows, &q);
}

bool replica_turns_away(struct replica *r)
{
    return r->manager->fenced || replica_is_adrift(r);
}

bool replica_manager_is_adrift(struct replica_manager *m)
{
    if (m->fenced) return true;
    if (!lease_is_over(m, clock_mono(m->env.clock))) return false;
    LIST_EACH(&m->replicated, node)
        if (replica_is_adrift(CONTAINER_OF(node, struct replica, replicated))) return true;
    return false;
}

static void move(struct replica *r, bool adrift)
{
    struct replica_manager *m = r->manager;
    r->adrift = adrift;
    if (r->core.role == PARTITION_LEADER) {
        trace_warn(m->env.trace, "ReplicaManager", "%.*s-%d of leader epoch %d: %s",
                   STR_ARG(r->topic->name), r->partition, r->core.leader_epoch,
                   adrift ? "no controller hears this broker and a replica fetches no more, so "
                            "another may lead: clients are sent away"
                          : "serves clients again");
        if (m->events.drifted) m->events.drifted(m->owner, r);
    }
    if (adrift) {
        MARK("a leader that no controller hears sends its clients away");
        purgatory_fail(&r->purgatory.high_waits, KAFKA_NOT_LEADER_OR_FOLLOWER);
        purgatory_fail(&r->purgatory.low_waits, KAFKA_NOT_LEADER_OR_FOLLOWER);
        r->movement.look_again = true;
        replica_touch(r);
    }
    if (m->events.leadership_moved) m->events.leadership_moved(m->owner, r);
}

/* Those who wait are told by us; requests that come ask for themselves. */
static void look(struct timer *timer)
{
    struct replica_manager *m = CONTAINER_OF(timer, struct replica_manager, lease_timer);
    struct mono_time now = clock_mono(m->env.clock);
    bool over = lease_is_over(m, now);
    m->any_adrift = false;
    LIST_EACH(&m->replicated, node) {
        struct replica *r = CONTAINER_OF(node, struct replica, replicated);
        bool adrift = replica_is_adrift(r);
        if (adrift != r->adrift) move(r, adrift);
        m->any_adrift |= adrift;
    }
    if (m->lease_ms == 0) return;
    if (m->events.lease_ending && mono_elapsed_ms(now, m->lease_from) >= m->lease_ms / 2)
        m->events.lease_ending(m->owner);
    struct mono_time end = mono_add_ms(m->lease_from, m->lease_ms);
    struct mono_time next = mono_add_ms(now, m->lease_ms / LOOKS_PER_LEASE + 1);
    timer_arm(m->env.clock, timer, over || next.ns < end.ns ? next : end);
}

void lease_init(struct replica_manager *m)
{
    timer_init(&m->lease_timer, look);
    map_init(&m->absent);
    m->world.is_absent = is_absent;
}

void replica_manager_extend_lease(struct replica_manager *m, struct mono_time sent, int64_t ms)
{
    if (m->absent.count > 0) {
        map_free(&m->absent);
        map_init(&m->absent);
    }
    m->lease_from = sent;
    m->lease_ms = ms;
    timer_cancel(m->env.clock, &m->lease_timer);
    if (m->any_adrift)
        timer_arm_in_ms(m->env.clock, &m->lease_timer, 0);
    else if (ms > 0)
        timer_arm(m->env.clock, &m->lease_timer, mono_add_ms(sent, ms / 2));
}

void replica_manager_note_absence(struct replica_manager *m, int32_t broker_id, bool absent)
{
    if (is_absent(m, broker_id) == absent) return;
    bool over = lease_is_over(m, clock_mono(m->env.clock));
    uint64_t key = (uint64_t)(uint32_t)broker_id;
    if (absent)
        map_put_u64(&m->absent, key, (void *)(uintptr_t)(over ? &BEHIND_LEASE : &IN_LEASE));
    else
        map_remove_u64(&m->absent, key);
    if (over) timer_arm_in_ms(m->env.clock, &m->lease_timer, 0);
}
