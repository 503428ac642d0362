/* Moving replicas: AlterPartitionReassignments and ListPartitionReassignments (kraft.md 4.7).
 *
 *   replicas 1,2,3, target 3,4 ──> replicas 3,4,1,2  removing 1,2  adding 4
 *   4 joins the ISR            ──> replicas 3,4
 *
 * The end is found by election_build, whatever change comes along. */
#include "controller/partitions.h"

typedef const struct alter_partition_reassignments_request_reassignable_partition target;

static struct alter_partition_reassignments_response *open_for(struct controller_call *call)
{
    const struct alter_partition_reassignments_request *rq = call->request;
    struct alter_partition_reassignments_response *r =
        RESPONSE(call, alter_partition_reassignments_response);
    r->error_message = STR_NULL;
    r->allow_replication_factor_change = rq->allow_replication_factor_change;
    r->responses = alter_partition_reassignments_response_reassignable_topic_response_new(
        call->arena, rq->topics_count);
    r->responses_count = rq->topics_count;
    for (int32_t i = 0; i < rq->topics_count; i++) {
        int32_t count = rq->topics[i].partitions_count;
        r->responses[i].name = rq->topics[i].name;
        r->responses[i].partitions =
            alter_partition_reassignments_response_reassignable_partition_response_new(call->arena,
                                                                                       count);
        r->responses[i].partitions_count = count;
        for (int32_t k = 0; k < count; k++)
            r->responses[i].partitions[k].partition_index =
                rq->topics[i].partitions[k].partition_index;
    }
    return r;
}

void refuse_alter_partition_reassignments(struct controller_call *call, enum kafka_error error,
                                          struct str message)
{
    struct alter_partition_reassignments_response *r = open_for(call);
    r->error_code = (int16_t)error;
    r->error_message = message;
    for (int32_t i = 0; i < r->responses_count; i++)
        for (int32_t k = 0; k < r->responses[i].partitions_count; k++) {
            r->responses[i].partitions[k].error_code = (int16_t)error;
            r->responses[i].partitions[k].error_message = message;
        }
}

static struct problem cancel(struct controller *c, struct decision *d, const struct image_topic *t,
                             int32_t partition)
{
    struct election e;
    election_init(&e, c, d, t, partition);
    if (e.removing.count + e.adding.count == 0)
        return PROBLEM_BARE(KAFKA_NO_REASSIGNMENT_IN_PROGRESS);
    bool unclean = settings_unclean(c, t->name);
    e.replicas = ids_without(d->arena, e.replicas, e.adding);
    e.isr = ids_without(d->arena, e.isr, e.adding);
    e.removing = e.adding = (struct ids){NULL, 0};
    if (e.replicas.count == 0)
        return PROBLEM(d->arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                       "No replica would be left without those that are being added.");
    if (e.isr.count == 0) {
        /* only newcomers are in sync: going back means losing what the old ones lack */
        if (!unclean)
            return PROBLEM(d->arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                           "Unable to revert partition assignment for %.*s:%d because it would "
                           "require an unclean leader election.",
                           STR_ARG(t->name), partition);
        e.isr = ids_copy(d->arena, e.replicas.items, 1);
    }
    if (unclean) e.kind = ELECTION_UNCLEAN;
    (void)election_build(&e);
    return NO_PROBLEM;
}

static struct ids sorted(struct ids ids)
{
    for (int32_t i = 1; i < ids.count; i++) {
        int32_t id = ids.items[i], at = i;
        for (; at > 0 && ids.items[at - 1] > id; at--) ids.items[at] = ids.items[at - 1];
        ids.items[at] = id;
    }
    return ids;
}

/* What replicas will be left when a move under way is done. */
static int32_t settled_count(const struct image_partition *p)
{
    return p->replicas_count - (p->adding_count + p->removing_count > 0 ? p->adding_count : 0);
}

static struct problem start(struct controller *c, struct decision *d, const struct image_topic *t,
                            target *rq, bool may_change_factor)
{
    struct ids to = {rq->replicas, rq->replicas_count};
    struct problem problem = partitions_check_manual(c, d->arena, to, -1);
    if (problem.error) return problem;
    struct election e;
    election_init(&e, c, d, t, rq->partition_index);
    if (!may_change_factor && to.count != settled_count(e.p))
        return PROBLEM(d->arena, KAFKA_INVALID_REPLICATION_FACTOR,
                       "The replication factor is changed from %d to %d", settled_count(e.p),
                       to.count);
    struct ids now = e.replicas;
    struct ids removing = sorted(ids_without(d->arena, now, to));
    struct ids adding = sorted(ids_without(d->arena, to, now));
    struct ids all = {ARENA_ARRAY(d->arena, int32_t, to.count + removing.count), 0};
    for (int32_t i = 0; i < to.count; i++) all.items[all.count++] = to.items[i];
    for (int32_t i = 0; i < removing.count; i++) all.items[all.count++] = removing.items[i];
    e.replicas = all;
    /* Both, empty or not: a new target replaces the old one whole. Apache Kafka keeps an old list
     * where the new one is empty, and going back to where one came from never ends there. */
    e.removing = removing;
    e.adding = adding;
    (void)election_build(&e);
    return NO_PROBLEM;
}

static struct problem alter_one(struct controller *c, struct decision *d, struct str name,
                                target *rq, bool may_change_factor)
{
    const struct image_topic *t = image_topic_by_name(image_of(c), name);
    if (!t)
        return PROBLEM(d->arena, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
                       "Unable to find a topic named %.*s.", STR_ARG(name));
    if (!image_topic_partition(t, rq->partition_index))
        return PROBLEM(d->arena, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
                       "Unable to find partition %.*s:%d.", STR_ARG(name), rq->partition_index);
    if (rq->replicas_count < 0) return cancel(c, d, t, rq->partition_index);
    return start(c, d, t, rq, may_change_factor);
}

void decide_alter_partition_reassignments(struct controller *c, struct decision *d,
                                          struct controller_call *call)
{
    const struct alter_partition_reassignments_request *rq = call->request;
    struct alter_partition_reassignments_response *r = open_for(call);
    bool may_change_factor = call->version < 1 || rq->allow_replication_factor_change;
    d->atomic = true;
    d->reason = REASON_REASSIGNMENT;
    for (int32_t i = 0; i < rq->topics_count; i++)
        for (int32_t k = 0; k < rq->topics[i].partitions_count; k++) {
            struct problem problem = alter_one(c, d, rq->topics[i].name,
                                               &rq->topics[i].partitions[k], may_change_factor);
            r->responses[i].partitions[k].error_code = (int16_t)problem.error;
            r->responses[i].partitions[k].error_message = problem.message;
        }
}

/* ---- ListPartitionReassignments */

typedef struct list_partition_reassignments_response_ongoing_topic_reassignment moving_topic;

void refuse_list_partition_reassignments(struct controller_call *call, enum kafka_error error,
                                         struct str message)
{
    struct list_partition_reassignments_response *r =
        RESPONSE(call, list_partition_reassignments_response);
    r->error_code = (int16_t)error;
    r->error_message = message;
}

static void list_one(struct arena *arena, const struct image_topic *t, int32_t id, moving_topic *to)
{
    const struct image_partition *p = image_topic_partition(t, id);
    if (!p || p->adding_count + p->removing_count == 0) return;
    struct ids replicas = ids_copy(arena, partition_replicas(p), p->replicas_count);
    struct ids adding = ids_copy(arena, partition_adding(p), p->adding_count);
    struct ids removing = ids_copy(arena, partition_removing(p), p->removing_count);
    to->partitions[to->partitions_count++] =
        (struct list_partition_reassignments_response_ongoing_partition_reassignment){
            id,           replicas.items, replicas.count, adding.items,
            adding.count, removing.items, removing.count};
}

static bool topic_open(struct arena *arena, const struct image_topic *t, int32_t partitions_max,
                       moving_topic *to)
{
    if (!t || t->reassigning_count == 0) return false;
    to->name = arena_str(arena, t->name);
    to->partitions = list_partition_reassignments_response_ongoing_partition_reassignment_new(
        arena, partitions_max);
    return true;
}

void decide_list_partition_reassignments(struct controller *c, struct decision *d,
                                         struct controller_call *call)
{
    const struct list_partition_reassignments_request *rq = call->request;
    struct list_partition_reassignments_response *r =
        RESPONSE(call, list_partition_reassignments_response);
    int32_t count = rq->topics_count;
    const struct image_topic **all = NULL;
    r->error_message = STR_NULL;
    (void)d;
    if (rq->topics_count < 0) all = image_topics_sorted(image_of(c), call->arena, &count);
    r->topics =
        list_partition_reassignments_response_ongoing_topic_reassignment_new(call->arena, count);
    for (int32_t i = 0; i < count; i++) {
        moving_topic *to = &r->topics[r->topics_count];
        const struct image_topic *t =
            all ? all[i] : image_topic_by_name(image_of(c), rq->topics[i].name);
        int32_t max = !t ? 0 : all ? t->reassigning_count : rq->topics[i].partition_indexes_count;
        if (!topic_open(call->arena, t, max, to)) continue;
        for (int32_t k = 0; k < (all ? t->partitions_size : max); k++)
            list_one(call->arena, t, all ? k : rq->topics[i].partition_indexes[k], to);
        r->topics_count += to->partitions_count > 0;
    }
}
