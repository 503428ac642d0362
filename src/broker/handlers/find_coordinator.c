/* FindCoordinator, versions 0-6: the leader of the partition of __consumer_offsets that a group
 * lives in. The topic is made when it is first asked for. Coordinators of transactions and share
 * groups do not exist yet: their clients are told so at once, with an error they do not retry. */
#include "protocol/find_coordinator.h"

#include "broker/auto_topics.h"
#include "broker/handlers/handlers.h"
#include "broker/metadata_view.h"
#include "broker/settling.h"
#include "group/coordinator.h"
#include "replica/lease.h"

enum { KEY_GROUP = 0, KEY_TRANSACTION = 1, KEY_SHARE = 2 };

static enum kafka_error admit_type(int8_t type, int16_t version)
{
    if (type == KEY_GROUP) return KAFKA_NONE;
    if (type == KEY_TRANSACTION) return KAFKA_UNSUPPORTED_VERSION;
    return type == KEY_SHARE && version >= 6 ? KAFKA_UNSUPPORTED_VERSION : KAFKA_INVALID_REQUEST;
}

/* Clients show this sentence, and of the error not even the name. */
static struct str unsupported_text(int8_t type)
{
    return type == KEY_TRANSACTION
               ? STR("This broker does not serve transactions: use a producer without "
                     "transactional.id; in Kafka Streams, processing.guarantee=at_least_once")
               : STR("This broker does not serve share groups: use consumer groups");
}

static enum kafka_error find(struct broker *b, struct request *rq, struct str key,
                             struct find_coordinator_response_coordinator *to)
{
    struct str offsets = STR("__consumer_offsets");
    const struct image_topic *topic = image_topic_by_name(b->image, offsets);
    if (!topic) {
        auto_topics_want(b->auto_topics, offsets);
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    }
    int32_t partition = group_coordinator_partition(b->groups, key);
    bool known = image_topic_partition(topic, partition) != NULL;
    const struct image_broker *leader =
        known ? image_broker(b->image, view_leader(b, topic, partition)) : NULL;
    const struct image_endpoint *e =
        leader && !leader->fenced ? view_endpoint(b, leader->id, request_listener(rq)) : NULL;
    if (!e) return KAFKA_COORDINATOR_NOT_AVAILABLE;
    to->node_id = leader->id;
    to->host = e->host;
    to->port = e->port;
    return KAFKA_NONE;
}

static void coordinator(struct broker *b, struct request *rq, struct str key,
                        struct find_coordinator_response_coordinator *to)
{
    const struct find_coordinator_request *q = rq->body;
    find_coordinator_response_coordinator_init(to);
    to->key = key;
    to->node_id = -1;
    to->port = -1;
    enum kafka_error e = admit_type(q->key_type, rq->api_version);
    if (!e) e = find(b, rq, key, to);
    to->error_code = (int16_t)e;
    if (e == KAFKA_UNSUPPORTED_VERSION) to->error_message = unsupported_text(q->key_type);
}

/* We lead it as far as we know, and tell nobody (replica/lease.h): who is connected to us alone
 * would ask us again and again. */
static bool ask_elsewhere(struct broker *b, const struct find_coordinator_response *r)
{
    bool nobody = r->error_code == KAFKA_COORDINATOR_NOT_AVAILABLE;
    for (int32_t i = 0; i < r->coordinators_count; i++)
        nobody |= r->coordinators[i].error_code == KAFKA_COORDINATOR_NOT_AVAILABLE;
    return nobody && replica_manager_is_adrift(b->replicas);
}

static void answer(struct request *rq, struct broker *b)
{
    const struct find_coordinator_request *q = rq->body;
    struct find_coordinator_response r;
    find_coordinator_response_init(&r);
    if (rq->api_version >= 4) {
        r.coordinators_count = q->coordinator_keys_count;
        r.coordinators =
            find_coordinator_response_coordinator_new(&rq->arena, q->coordinator_keys_count);
        for (int32_t i = 0; i < q->coordinator_keys_count; i++)
            coordinator(b, rq, q->coordinator_keys[i], &r.coordinators[i]);
    } else {
        struct find_coordinator_response_coordinator one;
        coordinator(b, rq, q->key, &one);
        r.node_id = one.node_id;
        r.host = one.host;
        r.port = one.port;
        r.error_code = one.error_code;
        r.error_message = one.error_message;
        if (one.error_code != KAFKA_UNSUPPORTED_VERSION)
            r.error_message =
                one.error_code ? str_of(kafka_error_text(one.error_code)) : STR("NONE");
    }
    struct settling_leaders leaders = {0};
    settling_name(&leaders, r.node_id);
    for (int32_t i = 0; i < r.coordinators_count; i++)
        settling_name(&leaders, r.coordinators[i].node_id);
    if (settling_wait(b->settling, rq, &leaders, answer)) return;
    if (ask_elsewhere(b, &r))
        request_reply_last(rq, &r);
    else
        request_reply(rq, &r);
}

void handle_find_coordinator(struct request *rq, void *context)
{
    answer(rq, context);
}
