/* Committed offsets: OffsetCommit, OffsetFetch, OffsetDelete. */
#include "base/mem.h"
#include "group/coordinator.h"
#include "group/hash.h"
#include "group/requests.h"

/* ---- OffsetCommit ---- */

struct commit_op {
    struct rsm_write write;
    struct group_call *call;
    struct shard_group *sg; /* NULL: a simple group that its first offset makes */
    struct offset_commit_response response;
};

static void fail_commit(struct offset_commit_response *r, enum kafka_error error)
{
    for (int32_t i = 0; i < r->topics_count; i++)
        for (int32_t k = 0; k < r->topics[i].partitions_count; k++)
            r->topics[i].partitions[k].error_code = (int16_t)error;
}

static void commit_done(struct rsm_write *write, enum kafka_error error)
{
    struct commit_op *op = CONTAINER_OF(write, struct commit_op, write);
    if (op->sg) op->sg->group->commits_in_flight--;
    if (error) fail_commit(&op->response, rsm_client_error(error));
    op->call->done(op->call, &op->response);
}

/* One answer for each partition that was asked for, NONE so far. */
static void begin_response(struct offset_commit_response *r, const struct offset_commit_request *rq,
                           struct arena *arena)
{
    offset_commit_response_init(r);
    r->topics = offset_commit_response_topic_new(arena, rq->topics_count);
    r->topics_count = rq->topics_count;
    for (int32_t i = 0; i < rq->topics_count; i++) {
        struct offset_commit_response_topic *t = &r->topics[i];
        t->name = rq->topics[i].name;
        t->topic_id = rq->topics[i].topic_id;
        t->partitions_count = rq->topics[i].partitions_count;
        t->partitions = offset_commit_response_partition_new(arena, t->partitions_count);
        for (int32_t k = 0; k < t->partitions_count; k++)
            t->partitions[k].partition_index = rq->topics[i].partitions[k].partition_index;
    }
}

static enum kafka_error admit_commit(struct group_shard *s, struct shard_group *sg,
                                     const struct offset_commit_request *rq,
                                     const struct group_call *call)
{
    if (!sg) {
        if (rq->generation_id_or_member_epoch < 0) return KAFKA_NONE;
        return call->version >= 9 ? KAFKA_GROUP_ID_NOT_FOUND : KAFKA_ILLEGAL_GENERATION;
    }
    struct group_world w = shard_enter(s);
    enum kafka_error e = group_admit_commit(sg->group, &w, rq->member_id, rq->group_instance_id,
                                            rq->generation_id_or_member_epoch);
    shard_leave(s, sg);
    return e;
}

static void collect_commit(const struct group_shard *s, const struct offset_commit_request *rq,
                           struct offset_commit_response *r, struct record_list *l)
{
    int64_t now_ms = clock_wall(s->env->clock).ms;
    int64_t expire_ms = -1;
    if (rq->retention_time_ms >= 0 &&
        __builtin_add_overflow(now_ms, rq->retention_time_ms, &expire_ms))
        expire_ms = INT64_MAX;
    for (int32_t i = 0; i < rq->topics_count; i++) {
        const struct offset_commit_request_topic *t = &rq->topics[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            const struct offset_commit_request_partition *p = &t->partitions[k];
            struct str metadata = str_or_empty(p->committed_metadata);
            if (java_string_length(metadata) > s->settings->metadata_bytes_max) {
                r->topics[i].partitions[k].error_code = KAFKA_OFFSET_METADATA_TOO_LARGE;
                continue;
            }
            struct committed_offset o = {
                .offset = p->committed_offset,
                .leader_epoch = p->committed_leader_epoch,
                .metadata = metadata,
                .commit_ms = now_ms,
                .expire_ms = expire_ms,
                .topic_id = t->topic_id,
            };
            records_add_offset(l, rq->group_id, t->name, p->partition_index, &o);
        }
    }
}

void group_coordinator_commit(struct group_coordinator *c, const struct offset_commit_request *rq,
                              struct group_call *call)
{
    struct commit_op *op = ARENA_NEW(call->arena, struct commit_op);
    op->call = call;
    op->write.done = commit_done;
    begin_response(&op->response, rq, call->arena);
    enum kafka_error e;
    struct group_shard *s = coordinator_shard(c, rq->group_id, &e);
    if (s) {
        op->sg = shard_find(s, rq->group_id);
        e = admit_commit(s, op->sg, rq, call);
    }
    struct record_list l;
    record_list_init(&l, call->arena);
    if (!e) collect_commit(s, rq, &op->response, &l);
    record_list_free(&l);
    if (!e && l.count > 0) {
        e = rsm_shard_write(&s->rsm, &op->write, l.records, l.count, clock_wall(c->env->clock));
        if (!e) {
            if (op->sg) op->sg->group->commits_in_flight++;
            return;
        }
        e = rsm_client_error(e);
    }
    if (e) fail_commit(&op->response, e);
    call->done(call, &op->response);
}

/* ---- OffsetFetch ---- */

struct fetch_op {
    struct rsm_write barrier;
    struct group_call *call;
    struct group_shard *shard;
    const struct offset_fetch_request_group *request;
    bool require_stable;
};

static void fetch_error(struct group_call *call, struct str group_id, enum kafka_error error)
{
    struct offset_fetch_response_group r;
    offset_fetch_response_group_init(&r);
    r.group_id = group_id;
    r.error_code = (int16_t)error;
    call->done(call, &r);
}

static void fetch_partition(struct offset_fetch_response_partitions *to, int32_t partition,
                            const struct committed_offset *o, struct uuid topic_id,
                            bool require_stable)
{
    to->partition_index = partition;
    to->committed_offset = -1;
    to->committed_leader_epoch = -1;
    to->metadata = STR("");
    if (!o) return;
    if (require_stable && o->transactions > 0) {
        to->error_code = KAFKA_UNSTABLE_OFFSET_COMMIT;
        return;
    }
    /* The offset of an earlier topic of the same name is none. */
    bool other_topic =
        !uuid_is_zero(o->topic_id) && !uuid_is_zero(topic_id) && !uuid_equal(o->topic_id, topic_id);
    if (!o->present || other_topic) return;
    to->committed_offset = o->offset;
    to->committed_leader_epoch = o->leader_epoch;
    to->metadata = str_or_empty(o->metadata);
}

static void fetch_some(const struct group *g, const struct fetch_op *op,
                       struct offset_fetch_response_group *r)
{
    struct arena *arena = op->call->arena;
    const struct offset_fetch_request_group *rq = op->request;
    r->topics = offset_fetch_response_topics_new(arena, rq->topics_count);
    r->topics_count = rq->topics_count;
    for (int32_t i = 0; i < rq->topics_count; i++) {
        const struct offset_fetch_request_topics *from = &rq->topics[i];
        struct offset_fetch_response_topics *to = &r->topics[i];
        to->name = from->name;
        to->topic_id = from->topic_id;
        to->partitions_count = from->partition_indexes_count;
        to->partitions = offset_fetch_response_partitions_new(arena, to->partitions_count);
        const struct topic_offsets *t =
            g && !str_is_null(from->name) ? map_get_str(&g->offsets.topics, from->name) : NULL;
        for (int32_t k = 0; k < to->partitions_count; k++) {
            int32_t partition = from->partition_indexes[k];
            const struct committed_offset *o =
                t ? map_get_u64(&t->partitions, (uint64_t)(int64_t)partition) : NULL;
            fetch_partition(&to->partitions[k], partition, o, from->topic_id, op->require_stable);
        }
    }
}

static void fetch_all(const struct group *g, const struct fetch_op *op,
                      struct offset_fetch_response_group *r)
{
    struct arena *arena = op->call->arena;
    int32_t topics = g ? (int32_t)g->offsets.topics.count : 0;
    r->topics = offset_fetch_response_topics_new(arena, topics);
    for (int32_t i = 0; i < topics; i++) {
        const struct topic_offsets *t = g->offsets.topics.entries[i].value;
        struct offset_fetch_response_topics *to = &r->topics[r->topics_count];
        to->name = t->topic;
        to->partitions = offset_fetch_response_partitions_new(arena, (int32_t)t->partitions.count);
        for (uint32_t k = 0; k < t->partitions.count; k++) {
            const struct committed_offset *o = t->partitions.entries[k].value;
            if (!o->present) continue;
            fetch_partition(&to->partitions[to->partitions_count++],
                            offsets_partition_of(&t->partitions.entries[k]), o, UUID_ZERO,
                            op->require_stable);
        }
        if (to->partitions_count > 0) r->topics_count++;
    }
}

static void fetch_answer(const struct fetch_op *op)
{
    const struct shard_group *sg = shard_find(op->shard, op->request->group_id);
    const struct group *g = sg ? sg->group : NULL;
    if (g && g->kind != GROUP_CLASSIC && op->request->member_epoch >= 0) {
        fetch_error(op->call, op->request->group_id, KAFKA_UNKNOWN_MEMBER_ID);
        return;
    }
    struct offset_fetch_response_group r;
    offset_fetch_response_group_init(&r);
    r.group_id = op->request->group_id;
    if (op->request->topics_count < 0)
        fetch_all(g, op, &r);
    else
        fetch_some(g, op, &r);
    op->call->done(op->call, &r);
}

static void fetch_settled(struct rsm_write *write, enum kafka_error error)
{
    struct fetch_op *op = CONTAINER_OF(write, struct fetch_op, barrier);
    if (error)
        fetch_error(op->call, op->request->group_id, rsm_client_error(error));
    else
        fetch_answer(op);
}

void group_coordinator_fetch(struct group_coordinator *c,
                             const struct offset_fetch_request_group *rq, bool require_stable,
                             struct group_call *call)
{
    enum kafka_error e;
    struct group_shard *s = coordinator_shard(c, rq->group_id, &e);
    if (!s) {
        fetch_error(call, rq->group_id, e);
        return;
    }
    struct fetch_op *op = ARENA_NEW(call->arena, struct fetch_op);
    *op = (struct fetch_op){
        .call = call, .shard = s, .request = rq, .require_stable = require_stable};
    op->barrier.done = fetch_settled;
    /* Stable means: with all that was committed before, also what is still on its way (KIP-447). */
    if (!require_stable || list_empty(&s->rsm.pending)) {
        fetch_answer(op);
        return;
    }
    e = rsm_shard_barrier(&s->rsm, &op->barrier);
    if (e) fetch_error(call, rq->group_id, e);
}

/* ---- OffsetDelete ---- */

struct offset_delete_op {
    struct rsm_write barrier;
    struct group_call *call;
    struct group_shard *shard;
    const struct offset_delete_request *request;
    struct offset_delete_response response;
};

static void offset_delete_end(struct offset_delete_op *op, enum kafka_error error)
{
    if (error) {
        offset_delete_response_init(&op->response);
        op->response.error_code = (int16_t)rsm_client_error(error);
    }
    op->call->done(op->call, &op->response);
}

static void offset_delete_written(void *context, enum kafka_error error)
{
    offset_delete_end(context, error);
}

static void collect_delete(const struct group *g, const struct offset_delete_op *op,
                           struct offset_delete_response *r, struct record_list *l)
{
    const struct offset_delete_request *rq = op->request;
    r->topics = offset_delete_response_topic_new(op->call->arena, rq->topics_count);
    r->topics_count = rq->topics_count;
    for (int32_t i = 0; i < rq->topics_count; i++) {
        const struct offset_delete_request_topic *from = &rq->topics[i];
        struct offset_delete_response_topic *to = &r->topics[i];
        bool subscribed = group_is_subscribed(g, from->name);
        to->name = from->name;
        to->partitions_count = from->partitions_count;
        to->partitions =
            offset_delete_response_partition_new(op->call->arena, from->partitions_count);
        for (int32_t k = 0; k < from->partitions_count; k++) {
            int32_t partition = from->partitions[k].partition_index;
            to->partitions[k].partition_index = partition;
            if (subscribed)
                to->partitions[k].error_code = KAFKA_GROUP_SUBSCRIBED_TO_TOPIC;
            else if (group_offsets_find(&g->offsets, from->name, partition))
                records_add_offset_tombstone(l, g->id, from->name, partition);
        }
    }
}

static void offset_delete_settled(struct rsm_write *write, enum kafka_error error)
{
    struct offset_delete_op *op = CONTAINER_OF(write, struct offset_delete_op, barrier);
    const struct shard_group *sg = error ? NULL : shard_find(op->shard, op->request->group_id);
    if (!error) error = sg ? group_admit_offset_delete(sg->group) : KAFKA_GROUP_ID_NOT_FOUND;
    struct record_list l;
    record_list_init(&l, op->call->arena);
    if (!error) collect_delete(sg->group, op, &op->response, &l);
    record_list_free(&l);
    if (!error && l.count > 0) {
        error = shard_write_bulk(op->shard, &l, op, offset_delete_written);
        if (!error) return;
    }
    offset_delete_end(op, error);
}

void group_coordinator_delete_offsets(struct group_coordinator *c,
                                      const struct offset_delete_request *rq,
                                      struct group_call *call)
{
    struct offset_delete_op *op = ARENA_NEW(call->arena, struct offset_delete_op);
    op->call = call;
    op->request = rq;
    op->barrier.done = offset_delete_settled;
    offset_delete_response_init(&op->response);
    enum kafka_error e = rq->group_id.len <= 0 ? KAFKA_INVALID_GROUP_ID : KAFKA_NONE;
    if (!e) op->shard = coordinator_shard(c, rq->group_id, &e);
    if (!e) e = rsm_shard_barrier(&op->shard->rsm, &op->barrier);
    if (e) offset_delete_end(op, e);
}
