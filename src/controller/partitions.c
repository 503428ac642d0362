#include "controller/partitions.h"

#include "controller/placement.h"

struct problem partitions_check_manual(const struct controller *c, struct arena *arena,
                                       struct ids replicas, int32_t replication_factor)
{
    const enum kafka_error error = KAFKA_INVALID_REPLICA_ASSIGNMENT;
    if (replicas.count <= 0)
        return PROBLEM(arena, error,
                       "The manual partition assignment includes an empty replica list.");
    for (int32_t i = 0; i < replicas.count; i++) {
        int32_t id = replicas.items[i];
        const struct image_broker *b = image_broker(image_of(c), id);
        if (!b)
            return PROBLEM(arena, error,
                           "The manual partition assignment includes broker %d, but no such "
                           "broker is registered.",
                           id);
        if (!placement_takes_replicas(b))
            return PROBLEM(arena, error,
                           "The manual partition assignment includes broker %d, but all its log "
                           "directories are cordoned.",
                           id);
        if (ids_contain(replicas.items, i, id))
            return PROBLEM(arena, error,
                           "The manual partition assignment includes the broker %d more than "
                           "once.",
                           id);
    }
    if (replication_factor >= 0 && replicas.count != replication_factor)
        return PROBLEM(arena, error,
                       "The manual partition assignment includes a partition with %d replica(s), "
                       "but this is not consistent with previous partitions, which have %d "
                       "replica(s).",
                       replicas.count, replication_factor);
    return NO_PROBLEM;
}

int32_t partitions_active_count(const struct controller *c, const int32_t *replicas, int32_t count)
{
    int32_t active = 0;
    for (int32_t i = 0; i < count; i++) active += image_broker_is_active(image_of(c), replicas[i]);
    return active;
}

void partitions_add(struct controller *c, struct decision *d, struct uuid topic_id, int32_t id,
                    struct ids replicas)
{
    struct ids isr = {ARENA_ARRAY(d->arena, int32_t, replicas.count), 0};
    for (int32_t i = 0; i < replicas.count; i++)
        if (image_broker_is_active(image_of(c), replicas.items[i]))
            isr.items[isr.count++] = replicas.items[i];
    PRE(isr.count > 0);
    struct metadata_record *record = decision_add(c, d, METADATA_RECORD_PARTITION);
    struct partition_record *r = &record->u.partition;
    r->topic_id = topic_id;
    r->partition_id = id;
    r->replicas = replicas.items;
    r->replicas_count = replicas.count;
    r->isr = isr.items;
    r->isr_count = isr.count;
    r->leader = isr.items[0];
    r->leader_epoch = 0;
    r->partition_epoch = 0;
    if (record->version < 1) return;
    r->directories = ARENA_ARRAY(d->arena, struct uuid, replicas.count);
    r->directories_count = replicas.count;
    for (int32_t i = 0; i < replicas.count; i++)
        r->directories[i] = directory_default(c, replicas.items[i]);
}

/* ---- CreatePartitions */

static void put_result(struct create_partitions_response_create_partitions_topic_result *to,
                       struct str name, struct problem problem)
{
    to->name = name;
    to->error_code = (int16_t)problem.error;
    to->error_message = problem.message;
}

static struct create_partitions_response_create_partitions_topic_result *
results_open(struct controller_call *call)
{
    const struct create_partitions_request *rq = call->request;
    struct create_partitions_response *r = RESPONSE(call, create_partitions_response);
    r->results = create_partitions_response_create_partitions_topic_result_new(call->arena,
                                                                               rq->topics_count);
    r->results_count = rq->topics_count;
    return r->results;
}

void refuse_create_partitions(struct controller_call *call, enum kafka_error error,
                              struct str message)
{
    const struct create_partitions_request *rq = call->request;
    struct create_partitions_response_create_partitions_topic_result *results = results_open(call);
    for (int32_t i = 0; i < rq->topics_count; i++)
        put_result(&results[i], rq->topics[i].name, (struct problem){error, message});
}

typedef const struct create_partitions_request_create_partitions_topic new_partitions;

static struct problem add_manual(struct controller *c, struct decision *d,
                                 const struct image_topic *t, new_partitions *rq,
                                 int32_t replication_factor)
{
    int32_t start = t->partitions_count;
    for (int32_t i = 0; i < rq->assignments_count; i++) {
        struct ids replicas = {rq->assignments[i].broker_ids, rq->assignments[i].broker_ids_count};
        struct problem problem = partitions_check_manual(c, d->arena, replicas, replication_factor);
        if (problem.error) return problem;
        if (partitions_active_count(c, replicas.items, replicas.count) == 0)
            return PROBLEM(d->arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                           "All brokers specified in the manual partition assignment for "
                           "partition %d are fenced or in controlled shutdown.",
                           start + i);
        partitions_add(c, d, t->id, start + i, replicas);
    }
    return NO_PROBLEM;
}

static struct problem add_placed(struct controller *c, struct decision *d,
                                 const struct image_topic *t, int32_t additional,
                                 int16_t replication_factor)
{
    int32_t *placed;
    struct problem problem = placement_place(c, d->arena, additional, replication_factor, &placed);
    if (problem.error) return problem;
    for (int32_t i = 0; i < additional; i++) {
        struct ids replicas = {placed + (size_t)i * (size_t)replication_factor, replication_factor};
        partitions_add(c, d, t->id, t->partitions_count + i, replicas);
    }
    return NO_PROBLEM;
}

static struct problem create_partitions(struct controller *c, struct decision *d,
                                        new_partitions *rq)
{
    const struct image_topic *t = image_topic_by_name(image_of(c), rq->name);
    if (!t) return PROBLEM_BARE(KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    if (rq->count == t->partitions_count)
        return PROBLEM(d->arena, KAFKA_INVALID_PARTITIONS, "Topic already has %d partition(s).",
                       t->partitions_count);
    if (rq->count < t->partitions_count)
        return PROBLEM(d->arena, KAFKA_INVALID_PARTITIONS,
                       "The topic %.*s currently has %d partition(s); %d would not be an increase.",
                       STR_ARG(rq->name), t->partitions_count, rq->count);
    int32_t additional = rq->count - t->partitions_count;
    if (rq->assignments_count >= 0 && rq->assignments_count != additional)
        return PROBLEM(d->arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                       "Attempted to add %d additional partition(s), but only %d assignment(s) "
                       "were specified.",
                       additional, rq->assignments_count);
    if (additional > RECORDS_PER_OPERATION_MAX)
        return PROBLEM(d->arena, KAFKA_POLICY_VIOLATION,
                       "Unable to perform excessively large batch operation.");
    const struct image_partition *first = image_topic_partition(t, 0);
    if (!first) return PROBLEM_BARE(KAFKA_UNKNOWN_SERVER_ERROR);
    if (rq->assignments_count >= 0) return add_manual(c, d, t, rq, first->replicas_count);
    return add_placed(c, d, t, additional, (int16_t)first->replicas_count);
}

static bool named_twice(const struct create_partitions_request *rq, int32_t at)
{
    for (int32_t i = 0; i < rq->topics_count; i++)
        if (i != at && str_equal(rq->topics[i].name, rq->topics[at].name)) return true;
    return false;
}

void decide_create_partitions(struct controller *c, struct decision *d,
                              struct controller_call *call)
{
    const struct create_partitions_request *rq = call->request;
    if (rq->topics_count > RECORDS_PER_OPERATION_MAX) {
        refuse_create_partitions(call, KAFKA_POLICY_VIOLATION,
                                 STR("Unable to perform excessively large batch operation."));
        return;
    }
    struct create_partitions_response_create_partitions_topic_result *results = results_open(call);
    d->atomic = true;
    for (int32_t i = 0; i < rq->topics_count; i++) {
        int32_t before = d->count;
        struct problem problem =
            named_twice(rq, i) ? PROBLEM(d->arena, KAFKA_INVALID_REQUEST, "Duplicate topic name.")
                               : create_partitions(c, d, &rq->topics[i]);
        if (problem.error) d->count = before;
        put_result(&results[i], rq->topics[i].name, problem);
    }
    if (rq->validate_only) d->count = 0;
}
