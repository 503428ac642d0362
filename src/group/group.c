/* A group's lifecycle, its record and the questions it answers; what moves it is in rebalance.c. */
#include "group/group.h"

#include "group/members.h"
#include "group/text.h"

struct group *group_new(struct str id, struct wall_time now)
{
    struct group *g = MEM_NEW(struct group);
    g->id = text_copy(id);
    g->state = GROUP_EMPTY;
    g->previous_state = GROUP_DEAD;
    g->state_since = now;
    g->protocol_type = g->protocol = g->leader = STR_NULL;
    list_init(&g->members);
    list_init(&g->pending);
    map_init(&g->members_by_id);
    map_init(&g->members_by_instance);
    map_init(&g->supported);
    map_init(&g->pending_by_id);
    map_init(&g->subscribed);
    map_init(&g->new_members);
    map_init(&g->new_patterns);
    group_offsets_init(&g->offsets);
    g->join_deadline = g->sync_deadline = g->wake = MONO_NEVER;
    return g;
}

static void drop_members(struct group *g)
{
    while (!list_empty(&g->members))
        members_remove(g, CONTAINER_OF(g->members.next, struct group_member, node));
    while (!list_empty(&g->pending)) {
        struct group_pending_member *p =
            CONTAINER_OF(g->pending.next, struct group_pending_member, node);
        list_remove(&p->node);
        map_remove_str(&g->pending_by_id, p->member_id);
        text_free(p->member_id);
        mem_free(p);
    }
}

void group_free(struct group *g)
{
    drop_members(g);
    map_free(&g->members_by_id);
    map_free(&g->members_by_instance);
    map_free(&g->supported);
    map_free(&g->pending_by_id);
    map_free(&g->subscribed);
    map_free(&g->new_members);
    map_free(&g->new_patterns);
    group_offsets_free(&g->offsets);
    text_free(g->protocol_type);
    text_free(g->protocol);
    text_free(g->leader);
    text_free(g->id);
    mem_free(g);
}

void group_check_state(const struct group *g)
{
    INVARIANT((uint32_t)g->members_count == g->members_by_id.count);
    INVARIANT(g->joins_parked >= 0 && g->joins_parked <= g->members_count);
    INVARIANT(
        IMPLIES(g->members_count > 0, !str_is_null(g->leader) && group_find_member(g, g->leader)));
    INVARIANT(IMPLIES(g->state == GROUP_EMPTY || g->state == GROUP_DEAD, g->members_count == 0));
    INVARIANT(IMPLIES(g->state == GROUP_STABLE || g->state == GROUP_COMPLETING,
                      g->members_count > 0 && !str_is_null(g->protocol)));
    INVARIANT((g->state == GROUP_PREPARING) == (g->join_timer != JOIN_TIMER_NONE));
    INVARIANT(IMPLIES(g->kind != GROUP_CLASSIC, g->members_count == 0));
}

void group_check(const struct group *g)
{
    group_check_state(g);
    int32_t parked = 0;
    int64_t bytes = 0;
    MEMBERS_EACH(g, m)
    {
        bytes += m->protocols_bytes;
        parked += m->join_call != NULL;
        INVARIANT(IMPLIES(m->sync_call, g->state == GROUP_COMPLETING));
        INVARIANT(group_find_member(g, m->member_id) == m);
        INVARIANT(str_is_null(m->instance_id) || members_by_instance(g, m->instance_id) == m);
    }
    INVARIANT(parked == g->joins_parked);
    INVARIANT(bytes == g->protocols_bytes);
}

/* ---- its record ---- */

void group_load(struct group *g, const struct group_metadata_value *v)
{
    drop_members(g);
    text_set(&g->leader, STR_NULL);
    g->generation = v->generation;
    for (int32_t i = 0; i < v->members_count; i++) {
        const struct group_metadata_value_member_metadata *r = &v->members[i];
        /* A record that names a member twice is not Kafka's; the first counts. */
        if (group_find_member(g, r->member_id)) continue;
        if (!str_is_null(r->group_instance_id) && members_by_instance(g, r->group_instance_id))
            continue;
        struct join_group_request_protocol protocol = {
            .name = str_is_null(v->protocol) ? STR("") : v->protocol, .metadata = r->subscription};
        struct member_description d = {
            .member_id = r->member_id,
            .instance_id = r->group_instance_id,
            .client_id = r->client_id,
            .client_host = r->client_host,
            .rebalance_timeout_ms =
                r->rebalance_timeout == -1 ? r->session_timeout : r->rebalance_timeout,
            .session_timeout_ms = r->session_timeout,
        };
        struct group_member *m = members_add(g, &d, v->protocol_type, &protocol, 1);
        text_set_bytes(&m->assignment, r->assignment);
    }
    text_set(&g->protocol_type, v->protocol_type.len > 0 ? v->protocol_type : STR_NULL);
    text_set(&g->protocol,
             g->members_count > 0 && str_is_null(v->protocol) ? STR("") : v->protocol);
    if (!str_is_null(v->leader) && group_find_member(g, v->leader)) text_set(&g->leader, v->leader);
    g->state = g->members_count > 0 ? GROUP_STABLE : GROUP_EMPTY;
    g->previous_state = GROUP_DEAD;
    g->state_since = (struct wall_time){v->current_state_timestamp};
    members_compute_subscribed(g);
}

void group_record(const struct group *g, struct arena *arena, struct group_metadata_value *v)
{
    group_metadata_value_init(v);
    v->protocol_type = str_is_null(g->protocol_type) ? STR("") : g->protocol_type;
    v->generation = g->generation;
    v->protocol = g->protocol;
    v->leader = g->leader;
    v->current_state_timestamp = g->state_since.ms;
    v->members = ARENA_ARRAY(arena, struct group_metadata_value_member_metadata, g->members_count);
    MEMBERS_EACH(g, m)
    {
        struct group_metadata_value_member_metadata *r = &v->members[v->members_count++];
        group_metadata_value_member_metadata_init(r);
        r->member_id = m->member_id;
        r->group_instance_id = m->instance_id;
        r->client_id = m->client_id;
        r->client_host = m->client_host;
        r->rebalance_timeout = m->rebalance_timeout_ms;
        r->session_timeout = m->session_timeout_ms;
        r->subscription = group_member_metadata(g, m);
        r->assignment = m->assignment;
    }
}

/* ---- questions ---- */

enum kafka_error group_admit_delete(const struct group *g)
{
    if (g->kind != GROUP_CLASSIC && g->kind != GROUP_CONSUMER) return KAFKA_GROUP_ID_NOT_FOUND;
    if (g->state == GROUP_DEAD) return KAFKA_GROUP_ID_NOT_FOUND;
    if (g->disbanding) return KAFKA_NON_EMPTY_GROUP; /* for a member that comes */
    return g->state == GROUP_EMPTY ? KAFKA_NONE : KAFKA_NON_EMPTY_GROUP;
}

enum kafka_error group_admit_offset_delete(const struct group *g)
{
    if (g->state == GROUP_DEAD || g->kind == GROUP_SHARE) return KAFKA_GROUP_ID_NOT_FOUND;
    if (g->kind == GROUP_STREAMS) return KAFKA_NON_EMPTY_GROUP; /* what it reads is not known */
    if (g->state == GROUP_EMPTY || str_equal(g->protocol_type, STR("consumer"))) return KAFKA_NONE;
    return KAFKA_NON_EMPTY_GROUP;
}

bool group_is_subscribed(const struct group *g, struct str topic)
{
    if (g->subscribed_known) return map_get_str(&g->subscribed, topic) != NULL;
    return str_equal(g->protocol_type, STR("consumer"));
}

int64_t group_offset_expires_ms(const struct group *g, const struct committed_offset *o,
                                int64_t retention_ms)
{
    if (g->kind == GROUP_SHARE || o->transactions > 0) return INT64_MAX;
    int64_t since;
    if (g->kind != GROUP_CLASSIC || str_is_null(g->protocol_type)) {
        since = o->commit_ms; /* of a new protocol (its members are gone), or a simple group */
    } else if (g->state == GROUP_EMPTY) {
        since = g->state_since.ms >= 0 ? g->state_since.ms : o->commit_ms;
    } else if (g->state == GROUP_STABLE && g->subscribed_known) {
        since = o->commit_ms;
    } else {
        return INT64_MAX;
    }
    if (o->expire_ms >= 0) return o->expire_ms; /* records of old clients carry their own time */
    return retention_ms > INT64_MAX - since ? INT64_MAX : since + retention_ms;
}

void group_bury(struct group *g)
{
    PRE(g->state == GROUP_EMPTY);
    drop_members(g); /* ids given out */
    g->previous_state = g->state;
    g->state = GROUP_DEAD;
}

void group_revive(struct group *g)
{
    PRE(g->state == GROUP_DEAD);
    g->state = GROUP_EMPTY;
}

struct group_member *group_find_member(const struct group *g, struct str member_id)
{
    return str_is_null(member_id) ? NULL : map_get_str(&g->members_by_id, member_id);
}

struct bytes group_member_metadata(const struct group *g, const struct group_member *m)
{
    for (int32_t i = 0; i < m->protocols_count; i++)
        if (str_equal(m->protocols[i].name, g->protocol)) return m->protocols[i].metadata;
    return (struct bytes){NULL, 0};
}

const char *group_state_name(enum group_state s)
{
    static const char *const names[] = {"Empty", "PreparingRebalance", "CompletingRebalance",
                                        "Stable", "Dead"};
    return names[s];
}

const char *group_kind_name(enum group_kind k)
{
    static const char *const names[] = {"classic", "consumer", "share", "streams"};
    return names[k];
}
