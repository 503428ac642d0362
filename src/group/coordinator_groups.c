/* Groups as administrators see them: ListGroups, DescribeGroups, DeleteGroups. */
#include "group/coordinator.h"
#include "group/members.h"
#include "group/requests.h"

/* ---- ListGroups ---- */

/* Equal but for the case of letters; `filter` may have blanks around it. */
static bool matches(struct str filter, const char *name, bool trim)
{
    while (trim && filter.len > 0 && filter.data[0] <= ' ') filter.data++, filter.len--;
    while (trim && filter.len > 0 && filter.data[filter.len - 1] <= ' ') filter.len--;
    if (filter.len != (int32_t)strlen(name)) return false;
    for (int32_t i = 0; i < filter.len; i++) {
        char a = filter.data[i], b = name[i];
        if (a >= 'A' && a <= 'Z') a = (char)(a - 'A' + 'a');
        if (b >= 'A' && b <= 'Z') b = (char)(b - 'A' + 'a');
        if (a != b) return false;
    }
    return true;
}

static bool any_matches(const struct str *filters, int32_t count, const char *name, bool trim)
{
    for (int32_t i = 0; i < count; i++)
        if (matches(filters[i], name, trim)) return true;
    return count <= 0; /* no filter */
}

static struct str protocol_type_of(const struct group *g)
{
    if (g->kind == GROUP_CLASSIC) return str_or_empty(g->protocol_type);
    return str_of(group_kind_name(g->kind)); /* "consumer", "share", "streams" */
}

static void list_shard(const struct group_shard *s, const struct list_groups_request *rq,
                       struct list_groups_response *r)
{
    for (uint32_t i = 0; i < s->groups.count; i++) {
        const struct shard_group *sg = s->groups.entries[i].value;
        const struct group *g = sg->group;
        const char *state = group_state_name(g->state), *kind = group_kind_name(g->kind);
        if (!any_matches(rq->states_filter, rq->states_filter_count, state, true)) continue;
        if (!any_matches(rq->types_filter, rq->types_filter_count, kind, false)) continue;
        struct list_groups_response_listed_group *to = &r->groups[r->groups_count++];
        to->group_id = g->id;
        to->protocol_type = protocol_type_of(g);
        to->group_state = str_of(state);
        to->group_type = str_of(kind);
    }
}

void group_coordinator_list(struct group_coordinator *c, const struct list_groups_request *rq,
                            struct group_call *call)
{
    struct list_groups_response r;
    list_groups_response_init(&r);
    int32_t count = 0;
    for (int32_t i = 0; i < c->shards_count; i++) {
        if (!c->shards[i]) continue;
        enum kafka_error e = rsm_shard_admit(&c->shards[i]->rsm);
        if (e == KAFKA_COORDINATOR_LOAD_IN_PROGRESS) r.error_code = (int16_t)e;
        if (!e) count += (int32_t)c->shards[i]->groups.count;
    }
    if (r.error_code == 0) {
        r.groups = list_groups_response_listed_group_new(call->arena, count);
        for (int32_t i = 0; i < c->shards_count; i++)
            if (c->shards[i] && rsm_shard_admit(&c->shards[i]->rsm) == KAFKA_NONE)
                list_shard(c->shards[i], rq, &r);
    }
    call->done(call, &r);
}

/* ---- DescribeGroups ---- */

static void describe_members(const struct group *g, struct arena *arena,
                             struct describe_groups_response_described_group *to)
{
    to->members = describe_groups_response_described_group_member_new(arena, g->members_count);
    MEMBERS_EACH(g, m)
    {
        struct describe_groups_response_described_group_member *d =
            &to->members[to->members_count++];
        d->member_id = m->member_id;
        d->group_instance_id = m->instance_id;
        d->client_id = m->client_id;
        d->client_host = m->client_host;
        d->member_metadata = d->member_assignment = BYTES_EMPTY;
        if (m->assignment.len > 0) d->member_assignment = m->assignment;
        if (g->state != GROUP_STABLE) continue;
        struct bytes metadata = group_member_metadata(g, m);
        if (metadata.len > 0) d->member_metadata = metadata;
    }
}

static void describe_one(const struct group_coordinator *c, struct str id,
                         const struct group_call *call,
                         struct describe_groups_response_described_group *to)
{
    to->group_id = id;
    enum kafka_error e;
    const struct group_shard *s = coordinator_shard(c, id, &e);
    if (!s) {
        to->error_code = (int16_t)e;
        return;
    }
    const struct shard_group *sg = shard_find(s, id);
    const struct group *g = sg ? sg->group : NULL;
    if (!g || (g->kind != GROUP_CLASSIC && g->kind != GROUP_CONSUMER)) {
        to->group_state = str_of(group_state_name(GROUP_DEAD));
        if (call->version < 6) return;
        to->error_code = KAFKA_GROUP_ID_NOT_FOUND; /* KIP-1043 */
        to->error_message =
            g ? arena_printf(call->arena, "Group %.*s is not a classic group.", STR_ARG(id))
              : arena_printf(call->arena, "Group %.*s not found.", STR_ARG(id));
        return;
    }
    to->group_state = str_of(group_state_name(g->state));
    to->protocol_type = protocol_type_of(g);
    if (g->state == GROUP_STABLE) to->protocol_data = g->protocol;
    describe_members(g, call->arena, to);
}

void group_coordinator_describe(struct group_coordinator *c,
                                const struct describe_groups_request *rq, struct group_call *call)
{
    struct describe_groups_response r;
    describe_groups_response_init(&r);
    r.groups = describe_groups_response_described_group_new(call->arena, rq->groups_count);
    struct map told; /* a few bytes of a request may each name a group of thousands */
    map_init(&told);
    for (int32_t i = 0; i < rq->groups_count; i++)
        if (!map_put_str(&told, rq->groups[i], call))
            describe_one(c, rq->groups[i], call, &r.groups[r.groups_count++]);
    map_free(&told);
    call->done(call, &r);
}

/* ---- DeleteGroups ---- */

struct delete_groups_op {
    struct group_call *call;
    struct delete_groups_response response;
    int32_t left; /* groups under way, and one while they are being started */
};

struct delete_one {
    struct delete_groups_op *op;
    int32_t index;
};

static void delete_groups_part(struct delete_groups_op *op)
{
    if (--op->left == 0) op->call->done(op->call, &op->response);
}

static void delete_one_done(void *context, enum kafka_error error)
{
    struct delete_one *one = context;
    if (error) one->op->response.results[one->index].error_code = (int16_t)rsm_client_error(error);
    delete_groups_part(one->op);
}

static enum kafka_error delete_one_start(struct group_coordinator *c, struct delete_groups_op *op,
                                         int32_t i, struct str id)
{
    enum kafka_error e;
    struct group_shard *s = coordinator_shard(c, id, &e);
    if (!s) return e;
    struct shard_group *sg = shard_find(s, id);
    e = sg ? group_admit_delete(sg->group) : KAFKA_GROUP_ID_NOT_FOUND;
    if (e) return e;
    struct delete_one *one = ARENA_NEW(op->call->arena, struct delete_one);
    one->op = op;
    one->index = i;
    op->left++;
    shard_erase_group(s, sg, one, delete_one_done);
    return KAFKA_NONE;
}

void group_coordinator_delete_groups(struct group_coordinator *c,
                                     const struct delete_groups_request *rq,
                                     struct group_call *call)
{
    struct delete_groups_op *op = ARENA_NEW(call->arena, struct delete_groups_op);
    op->call = call;
    op->left = 1;
    delete_groups_response_init(&op->response);
    op->response.results =
        delete_groups_response_deletable_group_result_new(call->arena, rq->groups_names_count);
    op->response.results_count = rq->groups_names_count;
    for (int32_t i = 0; i < rq->groups_names_count; i++) {
        struct delete_groups_response_deletable_group_result *r = &op->response.results[i];
        r->group_id = rq->groups_names[i];
        enum kafka_error e = delete_one_start(c, op, i, rq->groups_names[i]);
        if (e) r->error_code = (int16_t)e;
    }
    delete_groups_part(op);
}
