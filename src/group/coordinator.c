/* Shards by leadership, and the membership requests: JoinGroup, SyncGroup, Heartbeat,
 * LeaveGroup. */
#include "group/coordinator.h"

#include "base/mem.h"
#include "group/hash.h"
#include "group/members.h"
#include "group/requests.h"

struct group_coordinator *group_coordinator_create(const struct env *env,
                                                   const struct group_settings *settings)
{
    PRE(settings->partitions > 0);
    struct group_coordinator *c = MEM_NEW(struct group_coordinator);
    c->env = env;
    c->settings = *settings;
    c->partitions = settings->partitions;
    return c;
}

void group_coordinator_set_partitions(struct group_coordinator *c, int32_t partitions)
{
    if (partitions > 0) c->partitions = partitions;
}

int32_t group_coordinator_partition(const struct group_coordinator *c, struct str group_id)
{
    return java_string_partition(group_id, c->partitions);
}

static struct group_shard *shard_at(const struct group_coordinator *c, int32_t partition)
{
    return partition >= 0 && partition < c->shards_count ? c->shards[partition] : NULL;
}

struct group_shard *coordinator_shard(const struct group_coordinator *c, struct str group_id,
                                      enum kafka_error *error)
{
    struct group_shard *s = shard_at(c, group_coordinator_partition(c, group_id));
    *error = s && !c->fenced ? rsm_shard_admit(&s->rsm) : KAFKA_NOT_COORDINATOR;
    return *error ? NULL : s;
}

void group_coordinator_set_fenced(struct group_coordinator *c, bool fenced)
{
    c->fenced = fenced;
}

void group_coordinator_elected(struct group_coordinator *c, int32_t partition, int32_t leader_epoch,
                               struct rsm_log *log)
{
    PRE(partition >= 0);
    if (partition >= c->shards_count) {
        int32_t count = partition + 1 > c->partitions ? partition + 1 : c->partitions;
        c->shards = mem_realloc(c->shards, (size_t)count * sizeof *c->shards);
        for (int32_t i = c->shards_count; i < count; i++) c->shards[i] = NULL;
        c->shards_count = count;
    }
    struct group_shard *s = c->shards[partition];
    if (s && s->rsm.state != RSM_IDLE) {
        if (leader_epoch <= s->rsm.leader_epoch) return;
        shard_unload(s);
    }
    if (!s) s = c->shards[partition] = shard_create(c->env, &c->settings, partition);
    rsm_shard_load(&s->rsm, log, leader_epoch);
}

void group_coordinator_resigned(struct group_coordinator *c, int32_t partition)
{
    struct group_shard *s = shard_at(c, partition);
    if (!s) return;
    shard_unload(s);
    shard_destroy(s);
    c->shards[partition] = NULL;
}

void group_coordinator_high_watermark_moved(struct group_coordinator *c, int32_t partition)
{
    struct group_shard *s = shard_at(c, partition);
    if (s) rsm_shard_high_watermark_moved(&s->rsm);
}

void group_coordinator_topics_deleted(struct group_coordinator *c,
                                      const struct group_deleted_topic *topics, int32_t count)
{
    for (int32_t i = 0; i < c->shards_count; i++)
        if (c->shards[i]) shard_forget_topics(c->shards[i], topics, count);
}

void group_coordinator_destroy(struct group_coordinator *c)
{
    for (int32_t i = 0; i < c->shards_count; i++) group_coordinator_resigned(c, i);
    mem_free(c->shards);
    mem_free(c);
}

/* ---- JoinGroup ---- */

static void join_error(struct group_call *call, enum kafka_error error, struct str member_id)
{
    struct join_group_response r;
    join_group_response_init(&r);
    r.error_code = (int16_t)error;
    r.member_id = str_or_empty(member_id);
    call->done(call, &r);
}

static enum kafka_error validate_join(const struct group_coordinator *c,
                                      const struct join_group_request *rq)
{
    if (rq->group_id.len <= 0) return KAFKA_INVALID_GROUP_ID;
    if (rq->session_timeout_ms < c->settings.session_timeout_ms_min ||
        rq->session_timeout_ms > c->settings.session_timeout_ms_max)
        return KAFKA_INVALID_SESSION_TIMEOUT;
    return KAFKA_NONE;
}

void group_coordinator_join(struct group_coordinator *c, const struct join_group_request *rq,
                            struct group_call *call)
{
    enum kafka_error e = validate_join(c, rq);
    struct group_shard *s = e ? NULL : coordinator_shard(c, rq->group_id, &e);
    if (!s) {
        join_error(call, e, rq->member_id);
        return;
    }
    struct shard_group *sg = shard_find(s, rq->group_id);
    bool disband = sg && sg->group->kind == GROUP_CONSUMER, create = !sg || disband;
    if (create && rq->member_id.len > 0) {
        join_error(call, KAFKA_UNKNOWN_MEMBER_ID, rq->member_id);
        return;
    }
    if (create && (rq->protocol_type.len <= 0 || rq->protocols_count <= 0 ||
                   rq->protocols_count > GROUP_PROTOCOLS_MAX)) {
        join_error(call, KAFKA_INCONSISTENT_GROUP_PROTOCOL, STR(""));
        return;
    }
    if (disband) { /* it comes again, and finds a classic group */
        if (sg->group->state != GROUP_DEAD) shard_disband(s, sg);
        join_error(call, KAFKA_COORDINATOR_LOAD_IN_PROGRESS, rq->member_id);
        return;
    }
    if (create) sg = shard_add(s, rq->group_id, clock_wall(c->env->clock));
    struct group_joiner from = {
        .client_id = call->client_id, .client_host = call->client_host, .version = call->version};
    struct group_world w = shard_enter(s);
    group_join(sg->group, &w, &from, rq, create, call);
    shard_leave(s, sg);
}

/* ---- SyncGroup ---- */

static void sync_error(struct group_call *call, enum kafka_error error)
{
    struct sync_group_response r;
    sync_group_response_init(&r);
    r.error_code = (int16_t)error;
    call->done(call, &r);
}

void group_coordinator_sync(struct group_coordinator *c, const struct sync_group_request *rq,
                            struct group_call *call)
{
    enum kafka_error e = KAFKA_NONE;
    /* From version 5 on both must be there (KIP-559). */
    if (call->version >= 5 && (str_is_null(rq->protocol_type) || str_is_null(rq->protocol_name)))
        e = KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    else if (rq->group_id.len <= 0)
        e = KAFKA_INVALID_GROUP_ID;
    struct group_shard *s = e ? NULL : coordinator_shard(c, rq->group_id, &e);
    struct shard_group *sg = s ? shard_find(s, rq->group_id) : NULL;
    if (!e && (!sg || sg->group->state == GROUP_EMPTY)) e = KAFKA_UNKNOWN_MEMBER_ID;
    if (e) {
        sync_error(call, e);
        return;
    }
    struct group_world w = shard_enter(s);
    group_sync(sg->group, &w, rq, call);
    shard_leave(s, sg);
}

/* ---- Heartbeat ---- */

void group_coordinator_heartbeat(struct group_coordinator *c, const struct heartbeat_request *rq,
                                 struct group_call *call)
{
    enum kafka_error e = rq->group_id.len <= 0 ? KAFKA_INVALID_GROUP_ID : KAFKA_NONE;
    struct group_shard *s = e ? NULL : coordinator_shard(c, rq->group_id, &e);
    /* Its session is not counted while the group is being loaded. */
    if (e == KAFKA_COORDINATOR_LOAD_IN_PROGRESS) e = KAFKA_NONE;
    if (s) {
        struct shard_group *sg = shard_find(s, rq->group_id);
        struct group_world w = shard_enter(s);
        e = sg ? group_heartbeat(sg->group, &w, rq->member_id, rq->group_instance_id,
                                 rq->generation_id)
               : KAFKA_UNKNOWN_MEMBER_ID;
        shard_leave(s, sg);
    }
    struct heartbeat_response r;
    heartbeat_response_init(&r);
    r.error_code = (int16_t)e;
    call->done(call, &r);
}

/* ---- LeaveGroup ---- */

/* Before version 3 one member leaves; its answer is the request's. */
void group_coordinator_leave(struct group_coordinator *c, const struct leave_group_request *rq,
                             struct group_call *call)
{
    struct leave_group_response r;
    leave_group_response_init(&r);
    struct leave_group_request_member_identity one;
    leave_group_request_member_identity_init(&one);
    one.member_id = rq->member_id;
    bool batch = call->version >= 3;
    const struct leave_group_request_member_identity *members = batch ? rq->members : &one;
    int32_t count = batch ? rq->members_count : 1;
    struct leave_group_response_member_response *answers =
        leave_group_response_member_response_new(call->arena, count);

    enum kafka_error e = rq->group_id.len <= 0 ? KAFKA_INVALID_GROUP_ID : KAFKA_NONE;
    struct group_shard *s = e ? NULL : coordinator_shard(c, rq->group_id, &e);
    struct shard_group *sg = s ? shard_find(s, rq->group_id) : NULL;
    if (sg && sg->group->kind == GROUP_CLASSIC) {
        struct group_world w = shard_enter(s);
        e = group_leave(sg->group, &w, members, count, answers);
        shard_leave(s, sg);
    } else if (!e) {
        for (int32_t i = 0; i < count; i++) {
            answers[i].member_id = members[i].member_id;
            answers[i].group_instance_id = members[i].group_instance_id;
            answers[i].error_code = KAFKA_UNKNOWN_MEMBER_ID;
        }
    }
    r.error_code = (int16_t)e;
    if (!e && batch) {
        r.members = answers;
        r.members_count = count;
    } else if (!e) {
        r.error_code = answers[0].error_code;
    }
    call->done(call, &r);
}
