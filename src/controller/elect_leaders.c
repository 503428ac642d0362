/* ElectLeaders: an operator moves leadership to the preferred replica, or takes any that lives. */
#include "controller/election.h"

enum { TYPE_PREFERRED = 0, TYPE_UNCLEAN = 1 };

typedef struct elect_leaders_response_partition_result result;
typedef struct elect_leaders_response_replica_election_result topic_result;

static struct problem elect_one(struct controller *c, struct decision *d, struct str name,
                                int32_t partition, int8_t type)
{
    const struct image_topic *t = image_topic_by_name(image_of(c), name);
    if (!t)
        return PROBLEM(d->arena, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "No such topic as %.*s",
                       STR_ARG(name));
    const struct image_partition *p = image_topic_partition(t, partition);
    if (!p)
        return PROBLEM(d->arena, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "No such partition as %.*s-%d",
                       STR_ARG(name), partition);
    bool satisfied =
        type == TYPE_PREFERRED ? p->leader == partition_replicas(p)[0] : p->leader != LEADER_NONE;
    if (satisfied)
        return PROBLEM(d->arena, KAFKA_ELECTION_NOT_NEEDED,
                       "Leader election not needed for topic partition.");
    struct election e;
    election_init(&e, c, d, t, partition);
    e.kind = type == TYPE_PREFERRED ? ELECTION_PREFERRED : ELECTION_UNCLEAN;
    if (election_build(&e)) return NO_PROBLEM;
    return type == TYPE_PREFERRED ? PROBLEM(d->arena, KAFKA_PREFERRED_LEADER_NOT_AVAILABLE,
                                            "The preferred leader was not available.")
                                  : PROBLEM(d->arena, KAFKA_ELIGIBLE_LEADERS_NOT_AVAILABLE,
                                            "Eligible topic partition leaders are not available.");
}

static void put(result *to, int32_t partition, struct problem problem)
{
    to->partition_id = partition;
    to->error_code = (int16_t)problem.error;
    to->error_message = problem.message;
}

static struct elect_leaders_response *open_for(struct controller_call *call)
{
    const struct elect_leaders_request *rq = call->request;
    struct elect_leaders_response *r = RESPONSE(call, elect_leaders_response);
    if (rq->topic_partitions_count < 0) return r;
    r->replica_election_results =
        elect_leaders_response_replica_election_result_new(call->arena, rq->topic_partitions_count);
    r->replica_election_results_count = rq->topic_partitions_count;
    for (int32_t i = 0; i < rq->topic_partitions_count; i++) {
        topic_result *to = &r->replica_election_results[i];
        int32_t count = rq->topic_partitions[i].partitions_count;
        to->topic = rq->topic_partitions[i].topic;
        to->partition_result = elect_leaders_response_partition_result_new(call->arena, count);
        to->partition_result_count = count;
    }
    return r;
}

void refuse_elect_leaders(struct controller_call *call, enum kafka_error error, struct str message)
{
    const struct elect_leaders_request *rq = call->request;
    struct elect_leaders_response *r = open_for(call);
    r->error_code = (int16_t)error;
    for (int32_t i = 0; i < r->replica_election_results_count; i++)
        for (int32_t k = 0; k < r->replica_election_results[i].partition_result_count; k++)
            put(&r->replica_election_results[i].partition_result[k],
                rq->topic_partitions[i].partitions[k], (struct problem){error, message});
}

/* Null list: every partition that could move. Only those say so: there may be many others. */
static void elect_all(struct controller *c, struct decision *d, struct controller_call *call,
                      struct elect_leaders_response *r, int8_t type)
{
    int32_t topics_count;
    const struct image_topic **topics =
        image_topics_sorted(image_of(c), call->arena, &topics_count);
    r->replica_election_results =
        elect_leaders_response_replica_election_result_new(call->arena, topics_count);
    r->replica_election_results_count = topics_count;
    for (int32_t i = 0; i < topics_count; i++) {
        const struct image_topic *t = topics[i];
        topic_result *to = &r->replica_election_results[i];
        to->topic = arena_str(call->arena, t->name);
        if (t->not_preferred_count == 0) continue; /* nor is any leaderless */
        to->partition_result =
            elect_leaders_response_partition_result_new(call->arena, t->not_preferred_count);
        for (int32_t id = 0; id < t->partitions_size; id++) {
            if (!image_topic_partition(t, id)) continue;
            struct problem problem = elect_one(c, d, t->name, id, type);
            if (problem.error == KAFKA_ELECTION_NOT_NEEDED) continue;
            put(&to->partition_result[to->partition_result_count++], id, problem);
        }
    }
}

void decide_elect_leaders(struct controller *c, struct decision *d, struct controller_call *call)
{
    const struct elect_leaders_request *rq = call->request;
    int8_t type = call->version >= 1 ? rq->election_type : TYPE_PREFERRED;
    if (type != TYPE_PREFERRED && type != TYPE_UNCLEAN) {
        refuse_elect_leaders(call, KAFKA_INVALID_REQUEST,
                             arena_printf(call->arena, "Unknown election type %d", type));
        return;
    }
    struct elect_leaders_response *r = open_for(call);
    d->reason = type == TYPE_PREFERRED ? REASON_PREFERRED_REQUESTED : REASON_UNCLEAN_REQUESTED;
    if (rq->topic_partitions_count < 0) {
        elect_all(c, d, call, r, type);
        return;
    }
    for (int32_t i = 0; i < rq->topic_partitions_count; i++) {
        const struct elect_leaders_request_topic_partitions *topic = &rq->topic_partitions[i];
        for (int32_t k = 0; k < topic->partitions_count; k++)
            put(&r->replica_election_results[i].partition_result[k], topic->partitions[k],
                elect_one(c, d, topic->topic, topic->partitions[k], type));
    }
}
