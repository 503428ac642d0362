/* Metadata, versions 0 to 13: brokers, topics, who leads what.
 *
 * Null topics mean all (in version 0 an empty list does). Where one topic has an id, only those
 * that have one are described. A topic that does not exist is created when both the client and
 * auto.create.topics.enable allow it; the answer still says UNKNOWN_TOPIC_OR_PARTITION, and clients
 * ask again. */
#include "protocol/metadata.h"

#include "broker/auto_topics.h"
#include "broker/handlers/handlers.h"
#include "broker/metadata_view.h"
#include "broker/settling.h"
#include "config/config.h"
#include "protocol/error.h"
#include "replica/lease.h"

enum { VERSION_IDS = 12, VERSION_LISTENER_ERRORS = 6, VERSION_ALL_IS_NULL = 1 };

static void describe_partitions(const struct broker *b, struct request *rq,
                                const struct image_topic *topic,
                                struct metadata_response_topic *out)
{
    out->partitions = metadata_response_partition_new(&rq->arena, topic->partitions_count);
    out->partitions_count = 0;
    for (int32_t id = 0; id < topic->partitions_size; id++) {
        if (!image_topic_partition(topic, id)) continue;
        struct view_partition v =
            view_partition(b, topic, id, request_listener(rq),
                           rq->api_version >= VERSION_LISTENER_ERRORS, &rq->arena);
        out->partitions[out->partitions_count++] = (struct metadata_response_partition){
            .error_code = v.error_code,
            .partition_index = id,
            .leader_id = v.leader_id,
            .leader_epoch = v.leader_epoch,
            .replica_nodes = v.replicas,
            .replica_nodes_count = v.replicas_count,
            .isr_nodes = v.isr,
            .isr_nodes_count = v.isr_count,
            .offline_replicas = v.offline,
            .offline_replicas_count = v.offline_count,
        };
    }
}

static void describe_topic(const struct broker *b, struct request *rq,
                           const struct image_topic *topic, struct metadata_response_topic *out)
{
    const struct metadata_request *q = rq->body;
    out->name = topic->name;
    out->topic_id = topic->id;
    out->is_internal = view_topic_is_internal(topic->name);
    if (q->include_topic_authorized_operations)
        out->topic_authorized_operations = OPERATIONS_ON_TOPIC;
    describe_partitions(b, rq, topic, out);
}

static void describe_missing(struct broker *b, struct request *rq, struct str name,
                             struct metadata_response_topic *out)
{
    const struct metadata_request *q = rq->body;
    out->name = name;
    out->is_internal = view_topic_is_internal(name);
    if (q->include_topic_authorized_operations) /* of what is not there too, as in Kafka */
        out->topic_authorized_operations = OPERATIONS_ON_TOPIC;
    if (!str_is_null(view_topic_name_fault(name, &rq->arena))) {
        out->error_code = KAFKA_INVALID_TOPIC_EXCEPTION;
        return;
    }
    out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (q->allow_auto_topic_creation && config_bool(b->config, CONFIG_AUTO_CREATE_TOPICS_ENABLE))
        auto_topics_want(b->auto_topics, name);
}

static void describe_missing_id(struct uuid id, struct metadata_response_topic *out)
{
    out->error_code = KAFKA_UNKNOWN_TOPIC_ID;
    out->topic_id = id;
    out->name = STR_NULL;
}

/* Java's clients that ask by id leave the name empty, not null. */
static bool asks_by_id(const struct metadata_request *q)
{
    for (int32_t i = 0; i < q->topics_count; i++)
        if (!uuid_is_zero(q->topics[i].topic_id)) return true;
    return false;
}

static bool asks_for_all(const struct request *rq)
{
    const struct metadata_request *q = rq->body;
    return rq->api_version < VERSION_ALL_IS_NULL ? q->topics_count <= 0 : q->topics_count < 0;
}

/* One of the topics asked for is to be left out, or found by its id, or by its name. */
enum asked_by { ASKED_NOT, ASKED_BY_ID, ASKED_BY_NAME };

static enum asked_by asked_by(const struct metadata_request_topic *asked, bool by_id)
{
    if (by_id && uuid_is_zero(asked->topic_id)) return ASKED_NOT;
    return by_id || str_is_null(asked->name) ? ASKED_BY_ID : ASKED_BY_NAME;
}

/* NULL: it is not there. */
static const struct image_topic *find(const struct broker *b, enum asked_by by,
                                      const struct metadata_request_topic *asked)
{
    return by == ASKED_BY_ID ? image_topic_by_id(b->image, asked->topic_id)
                             : image_topic_by_name(b->image, asked->name);
}

static void describe_asked(struct broker *b, struct request *rq, struct metadata_response *r)
{
    const struct metadata_request *q = rq->body;
    bool by_id = asks_by_id(q);
    r->topics = metadata_response_topic_new(&rq->arena, q->topics_count);
    r->topics_count = 0;
    for (int32_t i = 0; i < q->topics_count; i++) {
        const struct metadata_request_topic *asked = &q->topics[i];
        enum asked_by by = asked_by(asked, by_id);
        if (by == ASKED_NOT) continue;
        const struct image_topic *topic = find(b, by, asked);
        struct metadata_response_topic *out = &r->topics[r->topics_count++];
        if (topic)
            describe_topic(b, rq, topic, out);
        else if (by == ASKED_BY_ID)
            describe_missing_id(asked->topic_id, out);
        else
            describe_missing(b, rq, asked->name, out);
    }
}

static void describe_all(const struct broker *b, struct request *rq, struct metadata_response *r)
{
    int32_t count;
    const struct image_topic **topics = image_topics_sorted(b->image, &rq->arena, &count);
    r->topics = metadata_response_topic_new(&rq->arena, count);
    r->topics_count = count;
    for (int32_t i = 0; i < count; i++) describe_topic(b, rq, topics[i], &r->topics[i]);
}

/* Versions 10 and 11 have a place for topics' ids, but did not mean them yet (KAFKA-12701). */
static bool gives_ids_early(const struct metadata_request *q, int16_t version)
{
    if (version >= VERSION_IDS) return false;
    for (int32_t i = 0; i < q->topics_count; i++)
        if (str_is_null(q->topics[i].name)) return true;
    return asks_by_id(q);
}

static void refuse(struct request *rq, struct metadata_response *r)
{
    const struct metadata_request *q = rq->body;
    r->topics = metadata_response_topic_new(&rq->arena, q->topics_count);
    r->topics_count = q->topics_count;
    for (int32_t i = 0; i < q->topics_count; i++) {
        r->topics[i].error_code = KAFKA_INVALID_REQUEST;
        r->topics[i].name = str_is_null(q->topics[i].name) ? STR("") : q->topics[i].name;
        r->topics[i].topic_id = q->topics[i].topic_id;
    }
    request_reply(rq, r);
}

static void name_leaders_of(const struct broker *b, const struct image_topic *topic,
                            struct settling_leaders *to)
{
    for (int32_t id = 0; topic && id < topic->partitions_size; id++)
        if (image_topic_partition(topic, id)) settling_name(to, view_leader(b, topic, id));
}

/* Of the answer that is to be made, if it were now. */
static void name_leaders(const struct broker *b, const struct request *rq,
                         struct settling_leaders *to)
{
    const struct metadata_request *q = rq->body;
    if (asks_for_all(rq)) {
        uint32_t at = 0;
        for (const struct image_topic *t; (t = image_topic_next(b->image, &at));)
            name_leaders_of(b, t, to);
        return;
    }
    bool by_id = asks_by_id(q);
    for (int32_t i = 0; i < q->topics_count; i++) {
        enum asked_by by = asked_by(&q->topics[i], by_id);
        if (by != ASKED_NOT) name_leaders_of(b, find(b, by, &q->topics[i]), to);
    }
}

static bool names_others_only(const struct broker *b, const struct metadata_response *r)
{
    for (int32_t i = 0; i < r->brokers_count; i++)
        if (r->brokers[i].node_id == b->node_id) return false;
    return r->brokers_count > 0;
}

static void answer(struct request *rq, struct broker *b)
{
    const struct metadata_request *q = rq->body;
    struct metadata_response r;
    metadata_response_init(&r);
    if (gives_ids_early(q, rq->api_version)) {
        refuse(rq, &r);
        return;
    }
    struct settling_leaders leaders = {0};
    name_leaders(b, rq, &leaders);
    if (settling_wait(b->settling, rq, &leaders, answer)) return;
    int32_t count;
    const struct image_broker **brokers = view_brokers(b, request_listener(rq), &rq->arena, &count);
    r.brokers = metadata_response_broker_new(&rq->arena, count);
    r.brokers_count = count;
    for (int32_t i = 0; i < count; i++) {
        const struct image_endpoint *e = view_endpoint(b, brokers[i]->id, request_listener(rq));
        r.brokers[i].node_id = brokers[i]->id;
        r.brokers[i].host = e->host;
        r.brokers[i].port = e->port;
        r.brokers[i].rack = brokers[i]->rack;
    }
    r.cluster_id = b->cluster_id;
    r.controller_id = view_controller(b, request_listener(rq), &rq->arena);
    if (q->include_cluster_authorized_operations)
        r.cluster_authorized_operations = OPERATIONS_ON_CLUSTER;
    if (asks_for_all(rq))
        describe_all(b, rq, &r);
    else
        describe_asked(b, rq, &r);
    request_mark(rq, count == 1 && b->image->brokers_count > 1);
    /* Who is connected to us alone would ask us again and again, though we have named others. */
    if (replica_manager_is_adrift(b->replicas) && names_others_only(b, &r))
        request_reply_last(rq, &r);
    else
        request_reply(rq, &r);
}

static void answer_in_turn(struct request *rq, void *context)
{
    answer(rq, context);
}

/* Who leads is of the moment: not behind the answers that a client waits for because a leader is
 * gone. */
void handle_metadata(struct request *rq, void *context)
{
    request_in_turn(rq, answer_in_turn, context);
}
