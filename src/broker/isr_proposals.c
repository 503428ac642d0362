#include "broker/isr_proposals.h"

#include "base/mem.h"
#include "metadata/image.h"
#include "protocol/alter_partition.h"
#include "protocol/api.h"
#include "protocol/error.h"
#include "replica/replica_manager.h"

#define COMPONENT "kafka.server.AlterPartitionManager"

/* One proposal in flight. */
struct sent {
    struct uuid topic_id;
    int32_t partition, partition_epoch;
    bool answered;
};

struct isr_proposals {
    struct broker *broker;
    struct call call;
    bool in_flight;
    struct timer retry;
    struct arena arena; /* of the request in flight */
    struct sent *sent;
    int32_t sent_count, sent_capacity;
};

static void retry(struct timer *t)
{
    isr_proposals_send(CONTAINER_OF(t, struct isr_proposals, retry));
}

struct isr_proposals *isr_proposals_create(struct broker *b)
{
    struct isr_proposals *s = MEM_NEW(struct isr_proposals);
    s->broker = b;
    call_init(&s->call);
    timer_init(&s->retry, retry);
    arena_init(&s->arena, 0);
    return s;
}

void isr_proposals_destroy(struct isr_proposals *s)
{
    if (s->in_flight) channel_cancel(&s->call);
    timer_cancel(s->broker->env.clock, &s->retry);
    arena_free(&s->arena);
    mem_free(s->sent);
    mem_free(s);
}

/* ---- answers */

static struct sent *find_sent(struct isr_proposals *s, struct uuid topic_id, int32_t partition)
{
    for (int32_t i = 0; i < s->sent_count; i++)
        if (s->sent[i].partition == partition && uuid_equal(s->sent[i].topic_id, topic_id))
            return &s->sent[i];
    return NULL;
}

/* True: refused. */
static bool take_answer(struct isr_proposals *s, struct uuid topic_id,
                        const struct alter_partition_response_partition_data *a)
{
    struct replica_manager *replicas = s->broker->replicas;
    struct sent *sent = find_sent(s, topic_id, a->partition_index);
    if (!sent || sent->answered) return false; /* not what we asked */
    sent->answered = true;
    if (a->error_code) {
        trace_info(s->broker->env.trace, COMPONENT, "in-sync set of %s-%d not changed: %s",
                   uuid_text(topic_id).z, a->partition_index, kafka_error_name(a->error_code));
        replica_manager_proposal_refused(replicas, topic_id, a->partition_index,
                                         sent->partition_epoch, (enum kafka_error)a->error_code);
        return true;
    }
    struct partition_committed c = {.leader_epoch = a->leader_epoch,
                                    .partition_epoch = a->partition_epoch,
                                    .isr = a->isr,
                                    .isr_count = a->isr_count,
                                    .recovering = a->leader_recovery_state == LEADER_RECOVERING};
    replica_manager_proposal_taken(replicas, topic_id, a->partition_index, &c);
    return false;
}

/* What was not answered is refused with an error that means: again. True: there was such. */
static bool refuse_rest(struct isr_proposals *s, enum kafka_error error)
{
    bool any = false;
    for (int32_t i = 0; i < s->sent_count; i++) {
        if (s->sent[i].answered) continue;
        any = true;
        replica_manager_proposal_refused(s->broker->replicas, s->sent[i].topic_id,
                                         s->sent[i].partition, s->sent[i].partition_epoch, error);
    }
    return any;
}

static void answered(struct call *call, enum err e, const void *response)
{
    struct isr_proposals *s = call->context;
    const struct alter_partition_response *r = response;
    s->in_flight = false;
    enum kafka_error error = e ? KAFKA_NETWORK_EXCEPTION : (enum kafka_error)r->error_code;
    if (error)
        trace_warn(s->broker->env.trace, COMPONENT, "AlterPartition failed: %s",
                   e ? err_text(e) : kafka_error_name((int16_t)error));
    bool refused = false;
    for (int32_t i = 0; !error && i < r->topics_count; i++)
        for (int32_t j = 0; j < r->topics[i].partitions_count; j++)
            refused |= take_answer(s, r->topics[i].topic_id, &r->topics[i].partitions[j]);
    /* The request as a whole may fail for reasons that pass: all its parts are to be sent again. */
    refused |= refuse_rest(s, KAFKA_NETWORK_EXCEPTION);
    /* What was refused may be proposed again, but not in a tight loop. */
    timer_arm_in_ms(s->broker->env.clock, &s->retry, refused ? ISR_PROPOSALS_RETRY_MS : 0);
}

/* ---- the request */

static void add_sent(struct isr_proposals *s, const struct replica_proposal *p)
{
    MEM_GROW(s->sent, s->sent_count, s->sent_capacity);
    s->sent[s->sent_count++] = (struct sent){
        .topic_id = p->topic_id, .partition = p->partition, .partition_epoch = p->partition_epoch};
}

static void fill_topic(struct isr_proposals *s, const struct replica_proposal *p,
                       struct alter_partition_request_topic_data *t)
{
    struct alter_partition_request_partition_data *d =
        alter_partition_request_partition_data_new(&s->arena, 1);
    d->partition_index = p->partition;
    d->leader_epoch = p->leader_epoch;
    d->partition_epoch = p->partition_epoch;
    d->leader_recovery_state = p->recovering ? LEADER_RECOVERING : LEADER_RECOVERED;
    d->new_isr_with_epochs_count = p->members_count;
    d->new_isr_with_epochs = alter_partition_request_broker_state_new(&s->arena, p->members_count);
    for (int32_t i = 0; i < p->members_count; i++)
        d->new_isr_with_epochs[i] = (struct alter_partition_request_broker_state){
            .broker_id = p->members[i].broker_id, .broker_epoch = p->members[i].broker_epoch};
    t->topic_id = p->topic_id;
    t->partitions = d;
    t->partitions_count = 1;
}

void isr_proposals_send(struct isr_proposals *s)
{
    enum { PARTITIONS_MAX = 1000 }; /* of one request; the rest go with the next */
    if (s->in_flight || timer_armed(&s->retry)) return;
    arena_reset(&s->arena);
    s->sent_count = 0;
    struct alter_partition_request q;
    alter_partition_request_init(&q);
    q.broker_id = s->broker->node_id;
    q.broker_epoch = s->broker->epoch;
    struct replica_proposal p;
    while (s->sent_count < PARTITIONS_MAX &&
           replica_manager_next_proposal(s->broker->replicas, &s->arena, &p)) {
        if (s->sent_count == 0)
            q.topics = alter_partition_request_topic_data_new(&s->arena, PARTITIONS_MAX);
        fill_topic(s, &p, &q.topics[q.topics_count++]);
        add_sent(s, &p);
    }
    if (s->sent_count == 0) return;
    s->in_flight = true;
    s->call.context = s;
    broker_call_controller(s->broker, &s->call, API_ALTER_PARTITION, -1, &q, answered);
}
