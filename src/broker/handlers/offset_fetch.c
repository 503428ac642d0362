/* OffsetFetch, versions 1-10: one group, or from version 8 several (KIP-709); topics by name, or
 * from version 10 by id (KIP-848); null topics: all that are committed. */
#include "protocol/offset_fetch.h"

#include "base/map.h"
#include "broker/doubted_reads.h"
#include "broker/handlers/group_wait.h"
#include "broker/handlers/handlers.h"
#include "metadata/image.h"

enum {
    VERSION_WITH_GROUPS = 8,
    VERSION_WITH_TOPIC_IDS = 10,
    VERSION_WITH_TOP_ERROR = 2,
};

struct fetch;

/* One group of the request. */
struct part {
    struct group_wait wait;
    struct fetch *fetch;
    struct offset_fetch_request_group asked;
    /* Topics whose id nobody knows; behind the others in the answer. */
    struct offset_fetch_response_topics *unknown;
    int32_t unknown_count;
    struct offset_fetch_response_group answer;
};

struct fetch {
    struct broker *broker;
    struct request *request;
    struct part *parts;
    int32_t parts_count;
    int32_t left; /* parts not answered, and one while they are being asked */
};

/* ---- the answer */

static void fail_topics(struct part *p, int16_t error)
{
    struct arena *arena = &p->fetch->request->arena;
    struct offset_fetch_response_group *a = &p->answer;
    a->topics_count = p->asked.topics_count > 0 ? p->asked.topics_count : 0;
    a->topics = offset_fetch_response_topics_new(arena, a->topics_count);
    for (int32_t i = 0; i < a->topics_count; i++) {
        const struct offset_fetch_request_topics *from = &p->asked.topics[i];
        a->topics[i].name = from->name;
        a->topics[i].partitions_count = from->partition_indexes_count;
        a->topics[i].partitions =
            offset_fetch_response_partitions_new(arena, from->partition_indexes_count);
        for (int32_t k = 0; k < from->partition_indexes_count; k++) {
            a->topics[i].partitions[k].partition_index = from->partition_indexes[k];
            a->topics[i].partitions[k].committed_offset = -1;
            a->topics[i].partitions[k].error_code = error;
        }
    }
}

/* Before version 8: the one group's topics, its error on top or (version 1) in each partition. */
static void reply_single(struct fetch *f)
{
    struct arena *arena = &f->request->arena;
    struct part *p = &f->parts[0];
    struct offset_fetch_response r;
    offset_fetch_response_init(&r);
    if (f->request->api_version >= VERSION_WITH_TOP_ERROR)
        r.error_code = p->answer.error_code;
    else if (p->answer.error_code)
        fail_topics(p, p->answer.error_code);
    r.topics_count = p->answer.topics_count;
    r.topics = offset_fetch_response_topic_new(arena, r.topics_count);
    for (int32_t i = 0; i < r.topics_count; i++) {
        const struct offset_fetch_response_topics *from = &p->answer.topics[i];
        r.topics[i].name = from->name;
        r.topics[i].partitions_count = from->partitions_count;
        r.topics[i].partitions = offset_fetch_response_partition_new(arena, from->partitions_count);
        for (int32_t k = 0; k < from->partitions_count; k++)
            r.topics[i].partitions[k] = (struct offset_fetch_response_partition){
                .partition_index = from->partitions[k].partition_index,
                .committed_offset = from->partitions[k].committed_offset,
                .committed_leader_epoch = from->partitions[k].committed_leader_epoch,
                .metadata = from->partitions[k].metadata,
                .error_code = from->partitions[k].error_code};
    }
    request_reply(f->request, &r);
}

static void reply_groups(struct fetch *f)
{
    struct offset_fetch_response r;
    offset_fetch_response_init(&r);
    r.groups_count = f->parts_count;
    r.groups = offset_fetch_response_group_new(&f->request->arena, f->parts_count);
    for (int32_t i = 0; i < f->parts_count; i++) r.groups[i] = f->parts[i].answer;
    request_reply(f->request, &r);
}

static void part_is_done(struct fetch *f)
{
    if (--f->left > 0) return;
    if (f->request->api_version >= VERSION_WITH_GROUPS)
        reply_groups(f);
    else
        reply_single(f);
}

/* Texts of the group are good for this call only; others may be waited for. */
static void keep_texts(struct part *p, struct arena *arena)
{
    for (int32_t i = 0; i < p->answer.topics_count; i++) {
        struct offset_fetch_response_topics *t = &p->answer.topics[i];
        t->name = arena_str(arena, t->name);
        for (int32_t k = 0; k < t->partitions_count; k++)
            t->partitions[k].metadata = arena_str(arena, t->partitions[k].metadata);
    }
}

/* Version 10: ids for all topics; a topic without one cannot be told of. */
static void name_by_id(const struct broker *b, struct part *p)
{
    struct offset_fetch_response_group *a = &p->answer;
    int32_t kept = 0;
    for (int32_t i = 0; i < a->topics_count; i++) {
        struct offset_fetch_response_topics t = a->topics[i];
        const struct image_topic *topic = image_topic_by_name(b->image, t.name);
        if (uuid_is_zero(t.topic_id) && topic) t.topic_id = topic->id;
        if (!uuid_is_zero(t.topic_id)) a->topics[kept++] = t;
    }
    a->topics_count = kept;
}

static void add_unknown(struct part *p, struct arena *arena)
{
    struct offset_fetch_response_group *a = &p->answer;
    struct offset_fetch_response_topics *all =
        offset_fetch_response_topics_new(arena, a->topics_count + p->unknown_count);
    for (int32_t i = 0; i < a->topics_count; i++) all[i] = a->topics[i];
    for (int32_t i = 0; i < p->unknown_count; i++) all[a->topics_count + i] = p->unknown[i];
    a->topics = all;
    a->topics_count += p->unknown_count;
}

static void fetched(struct group_call *call, const void *response)
{
    struct part *p = CONTAINER_OF(call, struct part, wait.call);
    struct fetch *f = p->fetch;
    struct arena *arena = &f->request->arena;
    p->answer = *(const struct offset_fetch_response_group *)response;
    if (f->request->api_version >= VERSION_WITH_TOPIC_IDS && p->answer.error_code == 0) {
        if (p->asked.topics_count < 0)
            name_by_id(f->broker, p);
        else if (p->unknown_count > 0)
            add_unknown(p, arena);
    }
    if (f->left > 1) keep_texts(p, arena);
    part_is_done(f);
}

/* ---- the question */

static void unknown_topic(struct part *p, const struct offset_fetch_request_topics *from,
                          struct arena *arena)
{
    struct offset_fetch_response_topics *t = &p->unknown[p->unknown_count++];
    t->topic_id = from->topic_id;
    t->partitions_count = from->partition_indexes_count;
    t->partitions = offset_fetch_response_partitions_new(arena, t->partitions_count);
    for (int32_t k = 0; k < t->partitions_count; k++) {
        t->partitions[k].partition_index = from->partition_indexes[k];
        t->partitions[k].committed_offset = -1;
        t->partitions[k].error_code = KAFKA_UNKNOWN_TOPIC_ID;
    }
}

/* Version 10: names for ids. */
static void resolve_ids(const struct broker *b, struct part *p, struct arena *arena)
{
    const struct offset_fetch_request_topics *from = p->asked.topics;
    int32_t count = p->asked.topics_count, known = 0;
    struct offset_fetch_request_topics *to = offset_fetch_request_topics_new(arena, count);
    p->unknown = offset_fetch_response_topics_new(arena, count);
    for (int32_t i = 0; i < count; i++) {
        const struct image_topic *topic = image_topic_by_id(b->image, from[i].topic_id);
        if (!topic) {
            unknown_topic(p, &from[i], arena);
            continue;
        }
        to[known] = from[i];
        to[known++].name = arena_str(arena, topic->name); /* the image may change meanwhile */
    }
    p->asked.topics = to;
    p->asked.topics_count = known;
}

static void single_group(const struct offset_fetch_request *q, struct arena *arena,
                         struct offset_fetch_request_group *to)
{
    offset_fetch_request_group_init(to);
    to->group_id = q->group_id;
    to->topics_count = q->topics_count;
    if (q->topics_count < 0) return;
    to->topics = offset_fetch_request_topics_new(arena, q->topics_count);
    for (int32_t i = 0; i < q->topics_count; i++) {
        to->topics[i].name = q->topics[i].name;
        to->topics[i].partition_indexes = q->topics[i].partition_indexes;
        to->topics[i].partition_indexes_count = q->topics[i].partition_indexes_count;
    }
}

static void refuse(struct part *p)
{
    offset_fetch_response_group_init(&p->answer);
    p->answer.group_id = p->asked.group_id;
    p->answer.error_code = KAFKA_NOT_COORDINATOR;
    part_is_done(p->fetch);
}

/* confirmed: what is in doubt is answered nevertheless. */
static void serve(struct request *rq, struct broker *b, bool confirmed)
{
    const struct offset_fetch_request *q = rq->body;
    bool groups = rq->api_version >= VERSION_WITH_GROUPS;
    struct fetch *f = ARENA_NEW(&rq->arena, struct fetch);
    f->broker = b;
    f->request = rq;
    int32_t count = groups ? q->groups_count : 1;
    f->parts = ARENA_ARRAY(&rq->arena, struct part, count);
    f->left = 1;
    struct map whole; /* groups of which everything is told already */
    map_init(&whole);
    for (int32_t i = 0; i < count; i++) {
        struct part *p = &f->parts[f->parts_count];
        p->fetch = f;
        p->wait = *CONTAINER_OF(group_wait_for(rq, fetched), struct group_wait, call);
        if (groups)
            p->asked = q->groups[i];
        else
            single_group(q, &rq->arena, &p->asked);
        if (p->asked.topics_count < 0 && map_put_str(&whole, p->asked.group_id, f)) continue;
        f->parts_count++;
        f->left++;
        if (rq->api_version >= VERSION_WITH_TOPIC_IDS && p->asked.topics_count >= 0)
            resolve_ids(b, p, &rq->arena);
        if (!confirmed &&
            doubted_reads_doubt(b, group_coordinator_partition(b->groups, p->asked.group_id)))
            refuse(p);
        else
            group_coordinator_fetch(b->groups, &p->asked, q->require_stable, &p->wait.call);
    }
    map_free(&whole);
    part_is_done(f);
}

void handle_offset_fetch(struct request *rq, void *context)
{
    struct broker *b = context;
    const struct offset_fetch_request *q = rq->body;
    bool groups = rq->api_version >= VERSION_WITH_GROUPS;
    int32_t count = groups ? q->groups_count : 1;
    int32_t *partitions = ARENA_ARRAY(&rq->arena, int32_t, count);
    for (int32_t i = 0; i < count; i++)
        partitions[i] =
            group_coordinator_partition(b->groups, groups ? q->groups[i].group_id : q->group_id);
    if (!doubted_reads_wait(b->doubted_reads, rq, partitions, count, serve)) serve(rq, b, true);
}
