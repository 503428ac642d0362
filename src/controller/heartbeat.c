/* BrokerHeartbeat: the life of a registered broker (kraft.md 4.2).
 *
 *   FENCED ──caught up, !WantFence, has not begun to stop──> UNFENCED ──WantFence──> FENCED
 *   FENCED ──WantShutDown──> may stop now
 *   UNFENCED ──WantShutDown, leads──> CONTROLLED_SHUTDOWN ──leads nothing, all know──> may stop now
 *   UNFENCED ──WantShutDown, leads nothing──> may stop now
 *
 * Whoever may stop is fenced first. */
#include "controller/election.h"

#include "base/mark.h"

enum broker_state { FENCED, UNFENCED, CONTROLLED_SHUTDOWN, SHUTDOWN_NOW };

void refuse_broker_heartbeat(struct controller_call *call, enum kafka_error error,
                             struct str message)
{
    (void)message;
    RESPONSE(call, broker_heartbeat_response)->error_code = (int16_t)error;
}

static bool leads_something(const struct controller *c, int32_t broker)
{
    const struct image_places *places = image_places_of(image_of(c), broker);
    for (uint32_t i = 0; i < places->count; i++)
        if (image_place(image_of(c), places->items[i], NULL)->leader == broker) return true;
    return false;
}

static enum broker_state state_next(const struct controller *c, const struct session *s,
                                    const struct image_broker *b, enum broker_state now,
                                    const struct broker_heartbeat_request *rq)
{
    switch (now) {
    case FENCED:
        if (rq->want_shut_down) return SHUTDOWN_NOW;
        /* who has begun to stop does not come back but by another registration: no record takes
         * that back, and it would lead without counting as alive */
        if (rq->want_fence || b->in_controlled_shutdown) return FENCED;
        /* Unfenced with the metadata of yesterday, it would go on leading what others lead now. */
        return rq->current_metadata_offset >= b->fenced_offset ? UNFENCED : FENCED;
    case UNFENCED:
        if (rq->want_fence) return rq->want_shut_down ? SHUTDOWN_NOW : FENCED;
        if (!rq->want_shut_down) return UNFENCED;
        return leads_something(c, b->id) ? CONTROLLED_SHUTDOWN : SHUTDOWN_NOW;
    case CONTROLLED_SHUTDOWN:
        if (leads_something(c, b->id)) return CONTROLLED_SHUTDOWN;
        /* everybody alive has seen that it leads nothing any more */
        return s->shutdown_offset <= sessions_lowest_offset(c) ? SHUTDOWN_NOW : CONTROLLED_SHUTDOWN;
    default: return SHUTDOWN_NOW;
    }
}

static struct broker_registration_change_record *
add_change(struct controller *c, struct decision *d, const struct image_broker *b)
{
    struct broker_registration_change_record *r =
        &decision_add(c, d, METADATA_RECORD_BROKER_REGISTRATION_CHANGE)
             ->u.broker_registration_change;
    r->broker_id = b->id;
    r->broker_epoch = b->epoch;
    return r;
}

/* After its fields are set: the lowest version that carries them. */
static void change_version(struct decision *d)
{
    struct metadata_record *r = &d->records[d->count - 1];
    r->version = broker_registration_change_version(&r->u.broker_registration_change);
}

void broker_fence(struct controller *c, struct decision *d, int32_t broker)
{
    const struct image_broker *b = image_broker(image_of(c), broker);
    PRE(b);
    if (!MUTANT(FENCES_WITHOUT_ELECTING))
        election_sweep(c, d, &(struct election_sweep){broker, LEADER_NONE, LEADER_NONE, false});
    add_change(c, d, b)->fenced = 1;
    change_version(d);
}

static void broker_unfence(struct controller *c, struct decision *d, const struct image_broker *b)
{
    add_change(c, d, b)->fenced = -1;
    change_version(d);
    election_sweep(c, d, &(struct election_sweep){LEADER_NONE, b->id, LEADER_NONE, false});
}

static void broker_shut_down(struct controller *c, struct decision *d, const struct image_broker *b)
{
    if (!b->in_controlled_shutdown) {
        add_change(c, d, b)->in_controlled_shutdown = 1;
        change_version(d);
    }
    election_sweep(c, d, &(struct election_sweep){b->id, LEADER_NONE, LEADER_NONE, false});
}

static bool uuids_contain(const struct uuid *ids, int32_t count, struct uuid id)
{
    for (int32_t i = 0; i < count; i++)
        if (uuid_equal(ids[i], id)) return true;
    return false;
}

static bool directories_are_lost(const struct image_broker *b,
                                 const struct broker_heartbeat_request *rq)
{
    for (int32_t i = 0; i < b->directories_count; i++)
        if (uuids_contain(rq->offline_log_dirs, rq->offline_log_dirs_count, b->directories[i]))
            return true;
    return false;
}

/* Directories that were online and are reported offline. */
static void directories_offline(struct controller *c, struct decision *d,
                                const struct image_broker *b,
                                const struct broker_heartbeat_request *rq)
{
    struct uuid *online = ARENA_ARRAY(d->arena, struct uuid, b->directories_count + 1);
    int32_t online_count = 0;
    for (int32_t i = 0; i < b->directories_count; i++)
        if (!uuids_contain(rq->offline_log_dirs, rq->offline_log_dirs_count, b->directories[i]))
            online[online_count++] = b->directories[i];
    const struct image_places *places = image_places_of(image_of(c), b->id);
    for (uint32_t i = 0; i < places->count; i++) {
        const struct image_topic *topic;
        const struct image_partition *p = image_place(image_of(c), places->items[i], &topic);
        struct uuid at = partition_directory_of(image_of(c), p, b->id);
        if (!uuids_contain(b->directories, b->directories_count, at) ||
            uuids_contain(online, online_count, at))
            continue;
        election_remove(c, d, topic, places->items[i].partition, b->id);
    }
    struct broker_registration_change_record *r = add_change(c, d, b);
    r->log_dirs = online;
    r->log_dirs_count = online_count;
    d->records[d->count - 1].version = 2;
    trace_warn(c->options.trace, "controller", "broker %d has lost %d log directories", b->id,
               b->directories_count - online_count);
}

static void directories_cordoned(struct controller *c, struct decision *d,
                                 const struct image_broker *b,
                                 const struct broker_heartbeat_request *rq)
{
    if (rq->cordoned_log_dirs_count < 0) return; /* not known to the broker yet */
    bool same = rq->cordoned_log_dirs_count == b->cordoned_count;
    for (int32_t i = 0; same && i < b->cordoned_count; i++)
        same = uuids_contain(rq->cordoned_log_dirs, rq->cordoned_log_dirs_count, b->cordoned[i]);
    if (same) return;
    struct broker_registration_change_record *r = add_change(c, d, b);
    r->cordoned_log_dirs = rq->cordoned_log_dirs;
    r->cordoned_log_dirs_count = rq->cordoned_log_dirs_count;
    change_version(d);
}

static enum broker_state state_now(const struct session *s, const struct image_broker *b)
{
    if (b->fenced) return FENCED;
    return s->shutdown_offset >= 0 ? CONTROLLED_SHUTDOWN : UNFENCED;
}

static void state_enter(struct controller *c, struct decision *d, const struct image_broker *b,
                        enum broker_state now, enum broker_state next)
{
    if (now == next) return;
    if (next == UNFENCED)
        broker_unfence(c, d, b);
    else if (next == CONTROLLED_SHUTDOWN)
        broker_shut_down(c, d, b);
    else if (now != FENCED)
        broker_fence(c, d, b->id);
    trace_info(c->options.trace, "controller", "broker %d at epoch %lld %s", b->id,
               (long long)b->epoch,
               next == UNFENCED              ? "is unfenced"
               : next == CONTROLLED_SHUTDOWN ? "begins its controlled shutdown"
               : next == SHUTDOWN_NOW        ? "may stop"
                                             : "is fenced as it asked");
}

void decide_broker_heartbeat(struct controller *c, struct decision *d, struct controller_call *call)
{
    const struct broker_heartbeat_request *rq = call->request;
    enum kafka_error error = broker_epoch_check(c, rq->broker_id, rq->broker_epoch);
    if (error) {
        refuse_broker_heartbeat(call, error, STR_NULL);
        return;
    }
    const struct image_broker *b = image_broker(image_of(c), rq->broker_id);
    struct session *s = session_find(c, rq->broker_id);
    if (!s || s->epoch != rq->broker_epoch) s = session_open(c, rq->broker_id, rq->broker_epoch);
    session_touch(c, s);

    enum broker_state now = state_now(s, b);
    enum broker_state next = state_next(c, s, b, now, rq);
    /* what lies in a lost directory must not be elected: out of it first, unfenced next time */
    bool lost = image_of(c)->metadata_version >= METADATA_VERSION_DIRECTORIES &&
                directories_are_lost(b, rq);
    if (lost && now == FENCED && next == UNFENCED) next = FENCED;
    d->reason = next == UNFENCED              ? REASON_BROKER_UNFENCED
                : next == CONTROLLED_SHUTDOWN ? REASON_CONTROLLED_SHUTDOWN
                                              : REASON_BROKER_FENCED;
    state_enter(c, d, b, now, next);
    d->reason = REASON_DIRECTORY_FAILED;
    s->metadata_offset = rq->current_metadata_offset;
    if (lost) directories_offline(c, d, b, rq);
    if (image_of(c)->metadata_version >= METADATA_VERSION_CORDONED)
        directories_cordoned(c, d, b, rq);

    if (next == CONTROLLED_SHUTDOWN && s->shutdown_offset < 0) {
        struct committer *to = c->options.committer;
        s->shutdown_offset = to->ops->end_offset(to) + d->count - 1;
    } else if (next != CONTROLLED_SHUTDOWN) {
        s->shutdown_offset = -1;
    }
    /* it ends now: its next incarnation need not wait for a session that nobody will renew */
    if (next == SHUTDOWN_NOW) s->live = false;
    struct broker_heartbeat_response *r = RESPONSE(call, broker_heartbeat_response);
    r->is_caught_up = rq->current_metadata_offset >= b->register_offset;
    r->is_fenced = next == FENCED || next == SHUTDOWN_NOW;
    r->should_shut_down = next == SHUTDOWN_NOW;
}
