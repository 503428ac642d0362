/* How a group moves: joins, syncs, heartbeats, leaves, deadlines and its own records (group.h has
 * the picture). After ClassicGroup and GroupMetadataManager of Apache Kafka 4.3, whose answers are
 * part of the protocol: clients depend on each.
 *
 * Who is parked:   PREPARING: members with join_call     COMPLETING: members with sync_call
 *                  STABLE: a static member whose new id is being written, with join_call */
#include "group/group.h"
#include "base/mark.h"
#include "group/members.h"
#include "group/text.h"

enum write_kind {
    WRITE_CREATED,    /* a new group without members */
    WRITE_EMPTIED,    /* the last member has gone */
    WRITE_ASSIGNMENT, /* the leader's assignment of `generation` */
    WRITE_REPLACED,   /* a static member got a new id in STABLE */
};

struct group_write {
    enum write_kind kind;
    int32_t generation;
    struct map assignments; /* ASSIGNMENT: struct bytes by member id, owned */
    /* REPLACED: what to go back to */
    struct str old_id, new_id, leader;
    int32_t rebalance_timeout_ms, session_timeout_ms;
    struct join_group_request_protocol *protocols;
    int32_t protocols_count;
    int16_t version; /* of JoinGroup */
};

static void prepare_rebalance(struct group *g, const struct group_world *w);
static void complete_join(struct group *g, const struct group_world *w);

/* ---- small things ---- */

static void want(struct group *g, struct mono_time deadline)
{
    if (deadline.ns < g->wake.ns) g->wake = deadline;
}

static void renew_session(struct group *g, const struct group_world *w, struct group_member *m,
                          int64_t timeout_ms)
{
    m->session_deadline = mono_add_ms(w->now, timeout_ms);
    want(g, m->session_deadline);
}

static void move_to(struct group *g, const struct group_world *w, enum group_state state)
{
    static const bool edges[5][5] = {
        [GROUP_EMPTY] = {[GROUP_PREPARING] = true},
        [GROUP_PREPARING] = {[GROUP_EMPTY] = true, [GROUP_COMPLETING] = true},
        [GROUP_COMPLETING] = {[GROUP_PREPARING] = true, [GROUP_STABLE] = true},
        [GROUP_STABLE] = {[GROUP_PREPARING] = true},
    };
    INVARIANT(edges[g->state][state]);
    g->previous_state = g->state;
    g->state = state;
    g->state_since = w->wall;
}

static void set_join_timer(struct group *g, const struct group_world *w,
                           enum group_join_timer timer, int64_t ms)
{
    g->join_timer = timer;
    g->join_deadline = mono_add_ms(w->now, ms > 0 ? ms : 0);
    want(g, g->join_deadline);
}

static bool all_joined(const struct group *g)
{
    return g->joins_parked == g->members_count && list_empty(&g->pending);
}

static bool can_rebalance(const struct group *g)
{
    return g->state == GROUP_STABLE || g->state == GROUP_COMPLETING || g->state == GROUP_EMPTY;
}

/* ---- answers ---- */

static void reply_join_error(const struct group_world *w, struct group_call *call,
                             enum kafka_error error, struct str member_id)
{
    struct join_group_response r;
    join_group_response_init(&r);
    r.error_code = (int16_t)error;
    r.member_id = member_id;
    w->host->ops->join_reply(w->host, call, &r);
}

static void reply_sync_error(const struct group_world *w, struct group_call *call,
                             enum kafka_error error)
{
    struct sync_group_response r;
    sync_group_response_init(&r);
    r.error_code = (int16_t)error;
    w->host->ops->sync_reply(w->host, call, &r);
}

static void fill_join_members(const struct group *g, const struct group_world *w,
                              struct join_group_response *r)
{
    r->members = ARENA_ARRAY(w->scratch, struct join_group_response_member, g->members_count);
    MEMBERS_EACH(g, m)
    {
        struct join_group_response_member *to = &r->members[r->members_count++];
        join_group_response_member_init(to);
        to->member_id = m->member_id;
        to->group_instance_id = m->instance_id;
        to->metadata = group_member_metadata(g, m);
    }
}

/* The present generation, as `member_id` is told of it. */
static void reply_joined(const struct group *g, const struct group_world *w,
                         struct group_call *call, struct str member_id, struct str leader,
                         bool with_members, bool skip)
{
    struct join_group_response r;
    join_group_response_init(&r);
    r.generation_id = g->generation;
    r.protocol_type = g->protocol_type;
    r.protocol_name = g->protocol;
    r.leader = str_is_null(leader) ? STR("") : leader;
    r.member_id = member_id;
    r.skip_assignment = skip;
    if (with_members) fill_join_members(g, w, &r);
    w->host->ops->join_reply(w->host, call, &r);
}

static bool leads(const struct group *g, const struct group_member *m)
{
    return str_equal(g->leader, m->member_id);
}

static struct group_call *take_join(struct group *g, struct group_member *m)
{
    struct group_call *call = m->join_call;
    if (call) g->joins_parked--;
    m->join_call = NULL;
    return call;
}

/* A second request of the same member takes the place of the first, whose client has given up. */
static void park_join(struct group *g, const struct group_world *w, struct group_member *m,
                      struct group_call *call)
{
    struct group_call *old = take_join(g, m);
    if (old) reply_join_error(w, old, KAFKA_REBALANCE_IN_PROGRESS, m->member_id);
    m->join_call = call;
    g->joins_parked++;
}

static void park_sync(const struct group_world *w, struct group_member *m, struct group_call *call)
{
    struct group_call *old = m->sync_call;
    m->sync_call = call;
    if (old) reply_sync_error(w, old, KAFKA_REBALANCE_IN_PROGRESS);
}

/* UNKNOWN_MEMBER_ID to whatever it waits for: a client that is still there joins anew. */
static void remove_member(struct group *g, const struct group_world *w, struct group_member *m)
{
    struct group_call *join = take_join(g, m), *sync = m->sync_call;
    m->sync_call = NULL;
    if (join) reply_join_error(w, join, KAFKA_UNKNOWN_MEMBER_ID, STR(""));
    if (sync) reply_sync_error(w, sync, KAFKA_UNKNOWN_MEMBER_ID);
    members_remove(g, m);
}

/* ---- ids given out ---- */

static struct group_pending_member *pending_member(const struct group *g, struct str member_id)
{
    return map_get_str(&g->pending_by_id, member_id);
}

static void pending_add(struct group *g, const struct group_world *w, struct str member_id,
                        int64_t timeout_ms)
{
    struct group_pending_member *p = MEM_NEW(struct group_pending_member);
    p->member_id = text_copy(member_id);
    p->deadline = mono_add_ms(w->now, timeout_ms);
    list_init(&p->node);
    list_push_back(&g->pending, &p->node);
    map_put_str(&g->pending_by_id, p->member_id, p);
    want(g, p->deadline);
}

static void pending_remove(struct group *g, struct group_pending_member *p)
{
    map_remove_str(&g->pending_by_id, p->member_id);
    list_remove(&p->node);
    text_free(p->member_id);
    mem_free(p);
}

/* `client-0f9c…` or `instance-0f9c…`: the prefix, as much as a string has room for, and a random
 * uuid in its usual spelling. */
static struct str new_member_id(const struct group_world *w, struct str prefix)
{
    struct uuid u = rng_uuid(w->rng);
    const uint8_t *b = u.bytes;
    if (str_is_null(prefix)) prefix = STR("");
    prefix = str_head(prefix, INT16_MAX - UUID_HEX_CHARS - 1);
    return arena_printf(
        w->scratch, "%.*s-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
        (int)prefix.len, prefix.data ? prefix.data : "", b[0], b[1], b[2], b[3], b[4], b[5], b[6],
        b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* ---- records ---- */

static struct group_write *write_new(const struct group *g, enum write_kind kind)
{
    struct group_write *write = MEM_NEW(struct group_write);
    write->kind = kind;
    write->generation = g->generation;
    map_init(&write->assignments);
    write->old_id = write->new_id = write->leader = STR_NULL;
    return write;
}

static void write_free(struct group_write *write)
{
    for (uint32_t i = 0; i < write->assignments.count; i++) {
        struct bytes *b = write->assignments.entries[i].value;
        mem_free((void *)(uintptr_t)b->data);
        mem_free(b);
    }
    map_free(&write->assignments);
    text_free(write->old_id);
    text_free(write->new_id);
    text_free(write->leader);
    mem_free(write->protocols);
    mem_free(write);
}

static void write_record(struct group *g, const struct group_world *w,
                         const struct group_metadata_value *value, struct group_write *write)
{
    g->writes_in_flight++;
    w->host->ops->write(w->host, g, value, write);
}

/* ---- the rebalance ---- */

/* Everybody's assignment is void; who waits for one is told `error`. */
static void void_assignments(struct group *g, const struct group_world *w, enum kafka_error error)
{
    PRE(g->state == GROUP_COMPLETING);
    MEMBERS_EACH(g, m)
    {
        text_set_bytes(&m->assignment, (struct bytes){NULL, 0});
        struct group_call *call = m->sync_call;
        if (!call) continue;
        m->sync_call = NULL;
        reply_sync_error(w, call, error);
        renew_session(g, w, m, m->session_timeout_ms);
    }
}

static void prepare_rebalance(struct group *g, const struct group_world *w)
{
    if (g->state == GROUP_COMPLETING) void_assignments(g, w, KAFKA_REBALANCE_IN_PROGRESS);
    MEMBERS_EACH(g, m) m->sync_expected = false;
    g->sync_deadline = MONO_NEVER;
    bool initial = g->state == GROUP_EMPTY;
    int64_t timeout_ms = members_rebalance_timeout_ms(g);
    move_to(g, w, GROUP_PREPARING);
    if (initial) {
        /* More time for members that start together (KIP-134). */
        g->initial_delay_ms = w->settings->initial_rebalance_delay_ms;
        g->initial_remaining_ms =
            timeout_ms > g->initial_delay_ms ? timeout_ms - g->initial_delay_ms : 0;
        g->member_added = false;
        set_join_timer(g, w, JOIN_TIMER_INITIAL, g->initial_delay_ms);
        return;
    }
    set_join_timer(g, w, JOIN_TIMER_REBALANCE, timeout_ms);
    if (all_joined(g)) complete_join(g, w);
}

/* All have joined and it is not the initial wait. */
static void maybe_complete_join(struct group *g, const struct group_world *w)
{
    if (g->state == GROUP_PREPARING && g->previous_state != GROUP_EMPTY && all_joined(g))
        complete_join(g, w);
}

static void rebalance_or_complete(struct group *g, const struct group_world *w)
{
    if (can_rebalance(g))
        prepare_rebalance(g, w);
    else
        maybe_complete_join(g, w);
}

/* Members have gone, or ids were given back. */
static void go_on_without(struct group *g, const struct group_world *w)
{
    if (g->state == GROUP_STABLE || g->state == GROUP_COMPLETING)
        prepare_rebalance(g, w);
    else
        maybe_complete_join(g, w);
}

/* The initial wait goes on while members keep coming, up to the rebalance timeout in all. */
static void initial_wait_over(struct group *g, const struct group_world *w)
{
    if (!g->member_added || g->initial_remaining_ms == 0) {
        complete_join(g, w);
        return;
    }
    g->member_added = false;
    int64_t delay_ms = w->settings->initial_rebalance_delay_ms;
    if (delay_ms > g->initial_remaining_ms) delay_ms = g->initial_remaining_ms;
    int64_t remaining_ms = g->initial_remaining_ms - g->initial_delay_ms;
    g->initial_remaining_ms = remaining_ms > 0 ? remaining_ms : 0;
    g->initial_delay_ms = delay_ms;
    set_join_timer(g, w, JOIN_TIMER_INITIAL, delay_ms);
}

/* Static members that are away keep their place; dynamic ones do not. */
static void remove_absent(struct group *g, const struct group_world *w)
{
    MEMBERS_EACH(g, m)
    if (!m->join_call && str_is_null(m->instance_id)) remove_member(g, w, m);
}

/* The leader must be among those who have joined. False: nobody has. */
static bool elect_joined_leader(struct group *g)
{
    if (str_is_null(g->leader)) return false;
    if (group_find_member(g, g->leader)->join_call) return true;
    MEMBERS_EACH(g, m)
    {
        if (!m->join_call) continue;
        text_set(&g->leader, m->member_id);
        return true;
    }
    return false;
}

static void next_generation(struct group *g, const struct group_world *w)
{
    if (!MUTANT(SAME_GENERATION) || g->generation < 1)
        g->generation = g->generation == INT32_MAX ? 0 : g->generation + 1;
    text_set(&g->protocol, g->members_count > 0 ? members_select_protocol(g) : STR_NULL);
    members_compute_subscribed(g);
    g->join_timer = JOIN_TIMER_NONE;
    g->join_deadline = MONO_NEVER;
    move_to(g, w, g->members_count > 0 ? GROUP_COMPLETING : GROUP_EMPTY);
}

static void complete_join(struct group *g, const struct group_world *w)
{
    PRE(g->state == GROUP_PREPARING);
    remove_absent(g, w);
    if (!elect_joined_leader(g) && g->members_count > 0) {
        /* Only absent static members: their sessions decide. */
        int64_t wait_ms = members_rebalance_timeout_ms(g);
        if (wait_ms < GROUP_ABSENT_RETRY_MS_MIN) wait_ms = GROUP_ABSENT_RETRY_MS_MIN;
        set_join_timer(g, w, JOIN_TIMER_REBALANCE, wait_ms);
        return;
    }
    next_generation(g, w);
    if (g->state == GROUP_EMPTY) {
        struct group_metadata_value value;
        group_record(g, w->scratch, &value);
        write_record(g, w, &value, write_new(g, WRITE_EMPTIED));
        return;
    }
    MEMBERS_EACH(g, m)
    {
        struct group_call *call = take_join(g, m);
        if (call) reply_joined(g, w, call, m->member_id, g->leader, leads(g, m), false);
        renew_session(g, w, m, m->session_timeout_ms);
        m->is_new = false;
        m->sync_expected = true;
    }
    g->sync_deadline = mono_add_ms(w->now, members_rebalance_timeout_ms(g));
    want(g, g->sync_deadline);
    group_check(g);
}

/* ---- JoinGroup ---- */

static int32_t rebalance_timeout_of(const struct group_joiner *from,
                                    const struct join_group_request *rq)
{
    return from->version == 0 ? rq->session_timeout_ms : rq->rebalance_timeout_ms;
}

static void add_member(struct group *g, const struct group_world *w,
                       const struct group_joiner *from, const struct join_group_request *rq,
                       struct str member_id, struct group_call *call)
{
    struct group_pending_member *p = pending_member(g, member_id);
    if (g->state == GROUP_PREPARING && g->previous_state == GROUP_EMPTY) g->member_added = true;
    struct member_description d = {
        .member_id = member_id,
        .instance_id = rq->group_instance_id,
        .client_id = str_is_null(from->client_id) ? STR("") : from->client_id,
        .client_host = from->client_host,
        .rebalance_timeout_ms = rebalance_timeout_of(from, rq),
        .session_timeout_ms = rq->session_timeout_ms,
    };
    struct group_member *m =
        members_add(g, &d, rq->protocol_type, rq->protocols, rq->protocols_count);
    if (p) pending_remove(g, p);
    m->is_new = true;
    park_join(g, w, m, call);
    /* It cannot send heartbeats yet, and a client that went away while parked is not seen: the
     * parked join itself is bounded; whoever is still there asks again. */
    renew_session(g, w, m, GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS);
    rebalance_or_complete(g, w);
}

static void update_member(struct group *g, const struct group_world *w, struct group_member *m,
                          const struct group_joiner *from, const struct join_group_request *rq,
                          struct group_call *call)
{
    members_set_protocols(g, m, rq->protocols, rq->protocols_count);
    m->rebalance_timeout_ms = rebalance_timeout_of(from, rq);
    m->session_timeout_ms = rq->session_timeout_ms;
    park_join(g, w, m, call);
}

static void update_then_rebalance(struct group *g, const struct group_world *w,
                                  struct group_member *m, const struct group_joiner *from,
                                  const struct join_group_request *rq, struct group_call *call)
{
    update_member(g, w, m, from, rq, call);
    rebalance_or_complete(g, w);
}

/* A known instance came back without its member id: the old id is fenced from now on. */
static void replace_static(struct group *g, const struct group_world *w, struct group_member *m,
                           const struct group_joiner *from, const struct join_group_request *rq,
                           struct str new_id, struct group_call *call)
{
    struct group_write *write = write_new(g, WRITE_REPLACED);
    write->old_id = text_copy(m->member_id);
    write->new_id = text_copy(new_id);
    write->leader = text_copy(g->leader);
    write->rebalance_timeout_ms = m->rebalance_timeout_ms;
    write->session_timeout_ms = m->session_timeout_ms;
    write->version = from->version;
    struct group_call *join = take_join(g, m), *sync = m->sync_call;
    m->sync_call = NULL;
    if (join) reply_join_error(w, join, KAFKA_FENCED_INSTANCE_ID, write->old_id);
    if (sync) reply_sync_error(w, sync, KAFKA_FENCED_INSTANCE_ID);
    members_rename(g, m, new_id);
    write->protocols = member_copy_protocols(m); /* may be needed again */
    write->protocols_count = m->protocols_count;
    renew_session(g, w, m, m->session_timeout_ms);
    update_member(g, w, m, from, rq, call);
    m->is_new = false;

    if (g->state == GROUP_STABLE && str_equal(g->protocol, members_select_protocol(g))) {
        /* Nothing changes for the others: store the new id, answer from what is stored. */
        struct group_metadata_value value;
        group_record(g, w->scratch, &value);
        write_record(g, w, &value, write);
        return;
    }
    write_free(write);
    if (g->state == GROUP_PREPARING)
        maybe_complete_join(g, w);
    else
        prepare_rebalance(g, w);
}

static void join_new(struct group *g, const struct group_world *w, const struct group_joiner *from,
                     const struct join_group_request *rq, struct group_call *call)
{
    struct str instance_id = rq->group_instance_id;
    struct str member_id =
        new_member_id(w, str_is_null(instance_id) ? from->client_id : instance_id);
    if (!str_is_null(instance_id)) {
        struct group_member *m = members_by_instance(g, instance_id);
        if (m)
            replace_static(g, w, m, from, rq, member_id, call);
        else
            add_member(g, w, from, rq, member_id, call);
        return;
    }
    if (from->version < 4) {
        add_member(g, w, from, rq, member_id, call);
        return;
    }
    if (g->pending_by_id.count >= GROUP_PENDING_MAX) {
        reply_join_error(w, call, KAFKA_GROUP_MAX_SIZE_REACHED, STR(""));
        return;
    }
    /* Dynamic members must come back with the id they are given (KIP-394). */
    pending_add(g, w, member_id, rq->session_timeout_ms);
    reply_join_error(w, call, KAFKA_MEMBER_ID_REQUIRED, member_id);
}

static enum kafka_error validate_member(const struct group *g, struct str member_id,
                                        struct str instance_id)
{
    if (!str_is_null(instance_id)) {
        const struct group_member *m = members_by_instance(g, instance_id);
        if (!m) return KAFKA_UNKNOWN_MEMBER_ID;
        if (!str_equal(m->member_id, member_id)) return KAFKA_FENCED_INSTANCE_ID;
    }
    return group_find_member(g, member_id) ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID;
}

static void join_existing(struct group *g, const struct group_world *w,
                          const struct group_joiner *from, const struct join_group_request *rq,
                          struct group_call *call)
{
    if (pending_member(g, rq->member_id)) {
        if (str_is_null(rq->group_instance_id))
            add_member(g, w, from, rq, rq->member_id, call);
        else
            reply_join_error(w, call, KAFKA_UNKNOWN_SERVER_ERROR, rq->member_id);
        return;
    }
    enum kafka_error error = validate_member(g, rq->member_id, rq->group_instance_id);
    if (!error && g->state == GROUP_EMPTY) error = KAFKA_UNKNOWN_MEMBER_ID;
    if (error) {
        reply_join_error(w, call, error, rq->member_id);
        return;
    }
    struct group_member *m = group_find_member(g, rq->member_id);
    bool same = member_matches(m, rq->protocols, rq->protocols_count);
    bool leader = leads(g, m);
    if (g->state == GROUP_COMPLETING && same) {
        /* It may have missed the answer to its join: say it again. */
        reply_joined(g, w, call, m->member_id, g->leader, leader, false);
    } else if (g->state == GROUP_STABLE && same && !leader) {
        reply_joined(g, w, call, m->member_id, g->leader, false, false);
    } else {
        /* In STABLE a leader that joins again wants a rebalance (new partitions, say). */
        update_then_rebalance(g, w, m, from, rq, call);
    }
}

/* An existing member is welcome; new ones up to group.max.size. While preparing, those who have
 * joined count, so that the last to return are turned away if the bound was lowered. */
static bool accepts(const struct group *g, const struct group_world *w, struct str member_id,
                    const struct join_group_request *rq)
{
    const struct group_member *m = group_find_member(g, member_id);
    int64_t others = g->protocols_bytes - (m ? m->protocols_bytes : 0);
    if (others + protocols_size(rq->protocols, rq->protocols_count) > GROUP_PROTOCOLS_BYTES_MAX)
        return false;
    switch (g->state) {
    case GROUP_PREPARING: return (m && m->join_call) || g->joins_parked < w->settings->size_max;
    case GROUP_COMPLETING:
    case GROUP_STABLE: return m || g->members_count < w->settings->size_max;
    case GROUP_EMPTY:
    case GROUP_DEAD: break;
    }
    return true;
}

static void refuse_full(struct group *g, const struct group_world *w, struct str member_id,
                        struct group_call *call)
{
    struct group_member *m = group_find_member(g, member_id);
    struct group_pending_member *p = pending_member(g, member_id);
    if (m) remove_member(g, w, m);
    if (p) pending_remove(g, p);
    reply_join_error(w, call, KAFKA_GROUP_MAX_SIZE_REACHED, STR(""));
    if (m)
        go_on_without(g, w);
    else
        maybe_complete_join(g, w);
}

void group_join(struct group *g, const struct group_world *w, const struct group_joiner *from,
                const struct join_group_request *rq, bool created, struct group_call *call)
{
    bool anonymous = rq->member_id.len <= 0;
    struct str named = anonymous ? STR("") : rq->member_id;
    group_check_state(g);
    if (g->kind != GROUP_CLASSIC) {
        reply_join_error(w, call, KAFKA_INCONSISTENT_GROUP_PROTOCOL, STR(""));
        return;
    }
    if (created) {
        /* So that the group exists for a later leader too, whatever comes of this join. */
        struct group_metadata_value value;
        group_record(g, w->scratch, &value);
        write_record(g, w, &value, write_new(g, WRITE_CREATED));
    }
    if (!accepts(g, w, named, rq))
        refuse_full(g, w, named, call);
    else if (g->state == GROUP_DEAD)
        reply_join_error(w, call, KAFKA_COORDINATOR_NOT_AVAILABLE, named);
    else if (!members_support(g, rq->protocol_type, rq->protocols, rq->protocols_count))
        reply_join_error(w, call, KAFKA_INCONSISTENT_GROUP_PROTOCOL, named);
    else if (anonymous)
        join_new(g, w, from, rq, call);
    else
        join_existing(g, w, from, rq, call);
    group_check_state(g);
}

/* ---- SyncGroup ---- */

static enum kafka_error validate_sync(const struct group *g, const struct sync_group_request *rq)
{
    if (g->state == GROUP_DEAD) return KAFKA_COORDINATOR_NOT_AVAILABLE;
    enum kafka_error e = validate_member(g, rq->member_id, rq->group_instance_id);
    if (e) return e;
    if (rq->generation_id != g->generation) return KAFKA_ILLEGAL_GENERATION;
    if (!str_is_null(rq->protocol_type) && !str_equal(rq->protocol_type, g->protocol_type))
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    if (!str_is_null(rq->protocol_name) && !str_equal(rq->protocol_name, g->protocol))
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    return g->state == GROUP_PREPARING ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

static void reply_assignment(const struct group *g, const struct group_world *w,
                             const struct group_member *m, struct group_call *call)
{
    struct sync_group_response r;
    sync_group_response_init(&r);
    r.protocol_type = g->protocol_type;
    r.protocol_name = g->protocol;
    r.assignment = m->assignment;
    w->host->ops->sync_reply(w->host, call, &r);
}

/* What the leader decided, for members that exist; the last mention of a member counts. */
static void store_assignment(struct group *g, const struct group_world *w,
                             const struct sync_group_request *rq)
{
    struct group_write *write = write_new(g, WRITE_ASSIGNMENT);
    for (int32_t i = 0; i < rq->assignments_count; i++) {
        const struct sync_group_request_assignment *a = &rq->assignments[i];
        if (!group_find_member(g, a->member_id)) continue;
        struct bytes *kept = map_get_str(&write->assignments, a->member_id);
        if (!kept) {
            kept = MEM_NEW(struct bytes);
            map_put_str(&write->assignments, a->member_id, kept);
        }
        text_set_bytes(kept, a->assignment);
    }
    struct group_metadata_value value;
    group_record(g, w->scratch, &value);
    for (int32_t i = 0; i < value.members_count; i++) {
        const struct bytes *kept = map_get_str(&write->assignments, value.members[i].member_id);
        value.members[i].assignment = kept ? *kept : (struct bytes){NULL, 0};
    }
    write_record(g, w, &value, write);
}

void group_sync(struct group *g, const struct group_world *w, const struct sync_group_request *rq,
                struct group_call *call)
{
    group_check_state(g);
    enum kafka_error e = validate_sync(g, rq);
    if (e) {
        reply_sync_error(w, call, e);
        return;
    }
    struct group_member *m = group_find_member(g, rq->member_id);
    m->sync_expected = false;
    if (g->state == GROUP_STABLE) {
        reply_assignment(g, w, m, call);
        return;
    }
    INVARIANT(g->state == GROUP_COMPLETING);
    park_sync(w, m, call);
    if (leads(g, m)) store_assignment(g, w, rq);
    group_check_state(g);
}

/* ---- what came of a record ---- */

static void assignment_written(struct group *g, const struct group_world *w,
                               const struct group_write *write, enum kafka_error error)
{
    if (g->state != GROUP_COMPLETING || g->generation != write->generation) return;
    if (error) {
        void_assignments(g, w, error);
        prepare_rebalance(g, w);
        return;
    }
    move_to(g, w, GROUP_STABLE);
    MEMBERS_EACH(g, m)
    {
        const struct bytes *kept = map_get_str(&write->assignments, m->member_id);
        text_set_bytes(&m->assignment, kept ? *kept : (struct bytes){NULL, 0});
        struct group_call *call = m->sync_call;
        if (!call) continue;
        m->sync_call = NULL;
        reply_assignment(g, w, m, call);
        /* Its session did not run out while it waited; from here it does. */
        renew_session(g, w, m, m->session_timeout_ms);
    }
}

static void replacement_written(struct group *g, const struct group_world *w,
                                const struct group_write *write, enum kafka_error error)
{
    struct group_member *m = group_find_member(g, write->new_id);
    /* Gone, replaced again, or drawn into a rebalance, which answers it. */
    if (!m || g->state != GROUP_STABLE || g->generation != write->generation) return;
    struct group_call *call = take_join(g, m);
    if (error) {
        members_set_protocols(g, m, write->protocols, write->protocols_count);
        m->rebalance_timeout_ms = write->rebalance_timeout_ms;
        m->session_timeout_ms = write->session_timeout_ms;
        members_rename(g, m, write->old_id);
        renew_session(g, w, m, m->session_timeout_ms);
        if (call) reply_join_error(w, call, error, STR(""));
        return;
    }
    if (!call) return;
    renew_session(g, w, m, m->session_timeout_ms); /* it may have run out meanwhile */
    /* KIP-814: from version 9 a returning leader learns that it leads, and that it need not assign.
     * Before, it is told the old leader's id, so that it does not. */
    bool skips = write->version >= 9;
    bool leader = leads(g, m);
    reply_joined(g, w, call, m->member_id, skips ? g->leader : write->leader, skips && leader,
                 skips && leader);
}

void group_written(struct group *g, const struct group_world *w, struct group_write *write,
                   enum kafka_error error)
{
    group_check_state(g);
    g->writes_in_flight--;
    if (write->kind == WRITE_ASSIGNMENT) assignment_written(g, w, write, error);
    if (write->kind == WRITE_REPLACED) replacement_written(g, w, write, error);
    /* CREATED, EMPTIED: the next record says it again. */
    write_free(write);
    group_check_state(g);
}

/* ---- heartbeats, commits, leaving ---- */

enum kafka_error group_heartbeat(struct group *g, const struct group_world *w, struct str member_id,
                                 struct str instance_id, int32_t generation)
{
    if (g->state == GROUP_DEAD) return KAFKA_COORDINATOR_NOT_AVAILABLE;
    enum kafka_error e = validate_member(g, member_id, instance_id);
    if (e) return e;
    if (generation != g->generation) return KAFKA_ILLEGAL_GENERATION;
    struct group_member *m = group_find_member(g, member_id);
    renew_session(g, w, m, m->session_timeout_ms);
    return g->state == GROUP_PREPARING ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

enum kafka_error group_admit_commit(struct group *g, const struct group_world *w,
                                    struct str member_id, struct str instance_id,
                                    int32_t generation)
{
    if (g->state == GROUP_DEAD) return KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (g->kind == GROUP_SHARE) return KAFKA_GROUP_ID_NOT_FOUND; /* it commits nothing */
    if (g->kind != GROUP_CLASSIC)
        return generation < 0 ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID; /* it has no members here */
    if (generation < 0 && g->state == GROUP_EMPTY) return KAFKA_NONE; /* no membership is used */
    if (generation < 0 && member_id.len <= 0 && str_is_null(instance_id))
        return KAFKA_UNKNOWN_MEMBER_ID;
    enum kafka_error e = validate_member(g, member_id, instance_id);
    if (e) return e;
    if (generation != g->generation && !MUTANT(STALE_GENERATIONS)) return KAFKA_ILLEGAL_GENERATION;
    if (g->state == GROUP_COMPLETING) return KAFKA_REBALANCE_IN_PROGRESS;
    struct group_member *m = group_find_member(g, member_id);
    renew_session(g, w, m, m->session_timeout_ms);
    return KAFKA_NONE;
}

static enum kafka_error leave_one(struct group *g, const struct group_world *w,
                                  const struct leave_group_request_member_identity *who)
{
    struct group_member *m = NULL;
    if (who->member_id.len <= 0) { /* an administrator, by instance */
        if (!str_is_null(who->group_instance_id))
            m = members_by_instance(g, who->group_instance_id);
        if (!m) return KAFKA_UNKNOWN_MEMBER_ID;
    } else {
        struct group_pending_member *p = pending_member(g, who->member_id);
        if (p) {
            pending_remove(g, p);
            return KAFKA_NONE;
        }
        enum kafka_error e = validate_member(g, who->member_id, who->group_instance_id);
        if (e) return e;
        m = group_find_member(g, who->member_id);
    }
    remove_member(g, w, m);
    return KAFKA_NONE;
}

enum kafka_error group_leave(struct group *g, const struct group_world *w,
                             const struct leave_group_request_member_identity *members,
                             int32_t count, struct leave_group_response_member_response *answers)
{
    if (g->state == GROUP_DEAD) return KAFKA_COORDINATOR_NOT_AVAILABLE;
    group_check_state(g);
    bool any = false;
    for (int32_t i = 0; i < count; i++) {
        leave_group_response_member_response_init(&answers[i]);
        answers[i].member_id = members[i].member_id;
        answers[i].group_instance_id = members[i].group_instance_id;
        enum kafka_error e = leave_one(g, w, &members[i]);
        answers[i].error_code = (int16_t)e;
        any |= e == KAFKA_NONE;
    }
    if (any) go_on_without(g, w);
    group_check_state(g);
    return KAFKA_NONE;
}

/* ---- deadlines ---- */

static void expire_member(struct group *g, const struct group_world *w, struct group_member *m)
{
    /* Whoever waits for the group, not the group for it, is alive. */
    if (!m->is_new && (m->join_call || m->sync_call)) {
        m->session_deadline = MONO_NEVER; /* renewed when it is answered */
        return;
    }
    remove_member(g, w, m);
    if (g->state == GROUP_STABLE || g->state == GROUP_COMPLETING)
        prepare_rebalance(g, w);
    else if (g->state == GROUP_PREPARING && all_joined(g))
        complete_join(g, w);
}

static bool expire_one(struct group *g, const struct group_world *w)
{
    LIST_EACH(&g->pending, n) {
        struct group_pending_member *p = CONTAINER_OF(n, struct group_pending_member, node);
        if (p->deadline.ns > w->now.ns) continue;
        pending_remove(g, p);
        if (g->state == GROUP_PREPARING && all_joined(g)) complete_join(g, w);
        return true;
    }
    MEMBERS_EACH(g, m)
    {
        if (m->session_deadline.ns > w->now.ns) continue;
        expire_member(g, w, m);
        return true;
    }
    return false;
}

/* Members that were told a generation and never asked for their assignment. */
static void sync_overdue(struct group *g, const struct group_world *w)
{
    g->sync_deadline = MONO_NEVER;
    if (g->state != GROUP_COMPLETING && g->state != GROUP_STABLE) return;
    bool any = false;
    MEMBERS_EACH(g, m)
    {
        if (!m->sync_expected) continue;
        remove_member(g, w, m);
        any = true;
    }
    if (any) prepare_rebalance(g, w);
}

static void find_wake(struct group *g)
{
    g->wake = MONO_NEVER;
    LIST_EACH(&g->pending, n) want(g, CONTAINER_OF(n, struct group_pending_member, node)->deadline);
    MEMBERS_EACH(g, m) want(g, m->session_deadline);
    if (g->join_timer != JOIN_TIMER_NONE) want(g, g->join_deadline);
    want(g, g->sync_deadline);
}

void group_tick(struct group *g, const struct group_world *w)
{
    group_check(g);
    while (expire_one(g, w)) {
    }
    if (g->sync_deadline.ns <= w->now.ns) sync_overdue(g, w);
    if (g->join_timer != JOIN_TIMER_NONE && g->join_deadline.ns <= w->now.ns) {
        if (g->join_timer == JOIN_TIMER_INITIAL)
            initial_wait_over(g, w);
        else
            complete_join(g, w);
    }
    find_wake(g);
    group_check(g);
}

void group_activate(struct group *g, const struct group_world *w)
{
    MEMBERS_EACH(g, m) renew_session(g, w, m, m->session_timeout_ms);
    if (g->state == GROUP_STABLE && g->members_count > w->settings->size_max)
        prepare_rebalance(g, w); /* group.max.size was lowered */
    find_wake(g);
}

void group_end(struct group *g, struct group_host *host, enum kafka_error error)
{
    struct group_world w = {.host = host};
    MEMBERS_EACH(g, m)
    {
        struct group_call *join = take_join(g, m), *sync = m->sync_call;
        m->sync_call = NULL;
        if (join) reply_join_error(&w, join, error, m->member_id);
        if (sync) reply_sync_error(&w, sync, error);
    }
}
