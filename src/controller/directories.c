/* AssignReplicasToDirs: a broker says in which directories its replicas are (KIP-858). */
#include "controller/election.h"

void refuse_assign_replicas_to_dirs(struct controller_call *call, enum kafka_error error,
                                    struct str message)
{
    (void)message;
    RESPONSE(call, assign_replicas_to_dirs_response)->error_code = (int16_t)error;
}

static enum kafka_error assign_one(struct controller *c, struct decision *d, int32_t broker,
                                   struct uuid directory, const struct image_topic *t,
                                   int32_t partition)
{
    if (!t) return KAFKA_UNKNOWN_TOPIC_ID;
    const struct image_partition *p = image_topic_partition(t, partition);
    if (!p) return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (!partition_has_replica(p, broker)) return KAFKA_NOT_LEADER_OR_FOLLOWER;
    bool online = image_directory_is_online(image_of(c), broker, directory);
    struct election e;
    election_init(&e, c, d, t, partition);
    e.directory_broker = broker;
    e.directory = directory;
    (void)election_build(&e);
    /* what lies in a lost directory neither leads nor is in sync */
    if (!online) election_remove(c, d, t, partition, broker);
    return KAFKA_NONE;
}

static void assign_topic(struct controller *c, struct decision *d, struct controller_call *call,
                         struct uuid directory,
                         const struct assign_replicas_to_dirs_request_topic_data *rq,
                         struct assign_replicas_to_dirs_response_topic_data *to)
{
    int32_t broker = ((const struct assign_replicas_to_dirs_request *)call->request)->broker_id;
    const struct image_topic *t = image_topic_by_id(image_of(c), rq->topic_id);
    to->topic_id = rq->topic_id;
    to->partitions =
        assign_replicas_to_dirs_response_partition_data_new(call->arena, rq->partitions_count);
    to->partitions_count = rq->partitions_count;
    for (int32_t i = 0; i < rq->partitions_count; i++) {
        int32_t id = rq->partitions[i].partition_index;
        to->partitions[i].partition_index = id;
        to->partitions[i].error_code = (int16_t)assign_one(c, d, broker, directory, t, id);
    }
}

void decide_assign_replicas_to_dirs(struct controller *c, struct decision *d,
                                    struct controller_call *call)
{
    const struct assign_replicas_to_dirs_request *rq = call->request;
    enum kafka_error error = image_of(c)->metadata_version < METADATA_VERSION_DIRECTORIES
                                 ? KAFKA_UNSUPPORTED_VERSION
                                 : broker_epoch_check(c, rq->broker_id, rq->broker_epoch);
    if (error) {
        refuse_assign_replicas_to_dirs(call, error, STR_NULL);
        return;
    }
    struct assign_replicas_to_dirs_response *r = RESPONSE(call, assign_replicas_to_dirs_response);
    d->reason = REASON_DIRECTORY_ASSIGNED;
    r->directories =
        assign_replicas_to_dirs_response_directory_data_new(call->arena, rq->directories_count);
    r->directories_count = rq->directories_count;
    for (int32_t i = 0; i < rq->directories_count; i++) {
        struct assign_replicas_to_dirs_response_directory_data *to = &r->directories[i];
        to->id = rq->directories[i].id;
        to->topics = assign_replicas_to_dirs_response_topic_data_new(
            call->arena, rq->directories[i].topics_count);
        to->topics_count = rq->directories[i].topics_count;
        for (int32_t k = 0; k < to->topics_count; k++)
            assign_topic(c, d, call, to->id, &rq->directories[i].topics[k], &to->topics[k]);
    }
}
