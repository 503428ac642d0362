/* AlterPartition: a leader changes its partition's in-sync replicas (kraft.md 4.6). */
#include "controller/election.h"

typedef const struct alter_partition_request_partition_data asked;
typedef struct alter_partition_response_partition_data told;

void refuse_alter_partition(struct controller_call *call, enum kafka_error error,
                            struct str message)
{
    (void)message;
    RESPONSE(call, alter_partition_response)->error_code = (int16_t)error;
}

/* The ISR asked for, with broker epochs (-1: unchecked) whatever the version. */
static int32_t new_isr(const struct controller_call *call, asked *rq,
                       const struct alter_partition_request_broker_state **out)
{
    if (call->version >= 3) {
        *out = rq->new_isr_with_epochs;
        return rq->new_isr_with_epochs_count;
    }
    struct alter_partition_request_broker_state *to =
        ARENA_ARRAY(call->arena, struct alter_partition_request_broker_state, rq->new_isr_count);
    for (int32_t i = 0; i < rq->new_isr_count; i++)
        to[i] = (struct alter_partition_request_broker_state){rq->new_isr[i], -1};
    *out = to;
    return rq->new_isr_count;
}

static enum kafka_error check_epochs(int32_t sender, asked *rq, const struct image_partition *p)
{
    /* it knows more than we do: we no longer lead, and do not know it yet */
    if (rq->leader_epoch > p->leader_epoch || rq->partition_epoch > p->partition_epoch)
        return KAFKA_NOT_CONTROLLER;
    if (rq->leader_epoch < p->leader_epoch) return KAFKA_FENCED_LEADER_EPOCH;
    if (sender != p->leader) return KAFKA_INVALID_REQUEST;
    if (rq->partition_epoch < p->partition_epoch) return KAFKA_INVALID_UPDATE_VERSION;
    return KAFKA_NONE;
}

static enum kafka_error check_isr(const struct controller *c, asked *rq,
                                  const struct image_partition *p,
                                  const struct alter_partition_request_broker_state *isr,
                                  int32_t count)
{
    bool has_leader = false;
    if (count <= 0) return KAFKA_INVALID_REQUEST;
    for (int32_t i = 0; i < count; i++) {
        if (!partition_has_replica(p, isr[i].broker_id)) return KAFKA_INVALID_REQUEST;
        for (int32_t k = 0; k < i; k++)
            if (isr[k].broker_id == isr[i].broker_id) return KAFKA_INVALID_REQUEST;
        has_leader |= isr[i].broker_id == p->leader;
    }
    if (!has_leader) return KAFKA_INVALID_REQUEST;
    bool recovering = rq->leader_recovery_state == LEADER_RECOVERING;
    if (rq->leader_recovery_state != LEADER_RECOVERED && !recovering) return KAFKA_INVALID_REQUEST;
    if (recovering && (count > 1 || p->leader_recovery_state == LEADER_RECOVERED))
        return KAFKA_INVALID_REQUEST;
    for (int32_t i = 0; i < count; i++) {
        const struct image_broker *b = image_broker(image_of(c), isr[i].broker_id);
        if (!b || b->fenced || b->in_controlled_shutdown ||
            (isr[i].broker_epoch != -1 && isr[i].broker_epoch != b->epoch))
            return KAFKA_INELIGIBLE_REPLICA;
    }
    return KAFKA_NONE;
}

/* The partition as it will be. */
static void tell(const struct image_partition *p, const struct partition_change_record *change,
                 told *to, struct arena *arena)
{
    struct ids isr = ids_copy(arena, partition_isr(p), p->isr_count);
    to->leader_id = p->leader;
    to->leader_epoch = p->leader_epoch;
    to->partition_epoch = p->partition_epoch;
    to->leader_recovery_state = p->leader_recovery_state;
    if (change) {
        to->partition_epoch++;
        if (change->leader != -2) {
            to->leader_id = change->leader;
            to->leader_epoch++;
        }
        if (change->leader_recovery_state >= 0)
            to->leader_recovery_state = change->leader_recovery_state;
        if (change->isr_count >= 0) isr = ids_copy(arena, change->isr, change->isr_count);
    }
    to->isr = isr.items;
    to->isr_count = isr.count;
}

static enum kafka_error alter_one(struct controller *c, struct decision *d,
                                  struct controller_call *call, const struct image_topic *t,
                                  asked *rq, told *to)
{
    const struct image_partition *p = image_topic_partition(t, rq->partition_index);
    if (!p) return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    int32_t sender = ((const struct alter_partition_request *)call->request)->broker_id;
    enum kafka_error error = check_epochs(sender, rq, p);
    if (error) return error;
    const struct alter_partition_request_broker_state *members;
    int32_t count = new_isr(call, rq, &members);
    if ((error = check_isr(c, rq, p, members, count))) return error;

    struct election e;
    election_init(&e, c, d, t, rq->partition_index);
    if (settings_unclean(c, t->name)) e.kind = ELECTION_UNCLEAN;
    e.isr = (struct ids){ARENA_ARRAY(call->arena, int32_t, count), count};
    for (int32_t i = 0; i < count; i++) e.isr.items[i] = members[i].broker_id;
    e.leader_recovery_state = rq->leader_recovery_state;
    const struct partition_change_record *change =
        election_build(&e) ? &d->records[d->count - 1].u.partition_change : NULL;
    /* it finished a reassignment that its leader is not part of: error and record */
    if (change && change->leader != -2 && change->leader != sender) return KAFKA_NEW_LEADER_ELECTED;
    tell(p, change, to, call->arena);
    return KAFKA_NONE;
}

static bool asked_before(const struct alter_partition_request_topic_data *topic, int32_t at)
{
    for (int32_t i = 0; i < at; i++)
        if (topic->partitions[i].partition_index == topic->partitions[at].partition_index)
            return true;
    return false;
}

void decide_alter_partition(struct controller *c, struct decision *d, struct controller_call *call)
{
    const struct alter_partition_request *rq = call->request;
    enum kafka_error error = broker_epoch_check(c, rq->broker_id, rq->broker_epoch);
    if (error) {
        refuse_alter_partition(call, error, STR_NULL);
        return;
    }
    struct alter_partition_response *r = RESPONSE(call, alter_partition_response);
    d->reason = REASON_ISR_PROPOSED;
    r->topics = alter_partition_response_topic_data_new(call->arena, rq->topics_count);
    r->topics_count = rq->topics_count;
    for (int32_t i = 0; i < rq->topics_count; i++) {
        const struct alter_partition_request_topic_data *topic = &rq->topics[i];
        const struct image_topic *t = image_topic_by_id(image_of(c), topic->topic_id);
        struct alter_partition_response_topic_data *to = &r->topics[i];
        to->topic_id = topic->topic_id;
        to->partitions =
            alter_partition_response_partition_data_new(call->arena, topic->partitions_count);
        to->partitions_count = topic->partitions_count;
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            to->partitions[k].partition_index = topic->partitions[k].partition_index;
            to->partitions[k].error_code =
                (int16_t)(!t                       ? KAFKA_UNKNOWN_TOPIC_ID
                          : asked_before(topic, k) ? KAFKA_INVALID_REQUEST
                                                   : alter_one(c, d, call, t, &topic->partitions[k],
                                                               &to->partitions[k]));
        }
    }
}
