/* Produce, versions 3-13: check what belongs to the request, append each batch, answer when its
 * acks are met.
 *
 *   each partition on its own: refused ─────────────────────────────> error in its place
 *                              appended ── acks 0, 1 ───────────────> done
 *                                       └─ acks -1 ── below the watermark already ──> done
 *                                                  └─ parked ── watermark, leadership, time ──>
 * done answered when every partition is done; acks 0: never, but an error closes the connection.
 *
 * The record bytes are the request's own buffer: patched in place and written from there. */
#include "protocol/produce.h"

#include "base/mark.h"
#include "broker/handover.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/partitions.h"
#include "broker/metadata_view.h"
#include "broker/refused_batches.h"
#include "protocol/batch.h"
#include "protocol/put.h"

struct produce;

/* One partition that waits for its high watermark. */
struct produce_wait {
    struct offset_wait wait;
    struct produce *produce;
    struct produce_response_partition_produce_response *answer;
};

/* One partition whose batch has been passed on to who leads it by now. */
struct produce_relay {
    struct relayed relayed;
    struct list_node node; /* linked until answered */
    struct produce *produce;
    struct produce_response_partition_produce_response *answer;
};

/* A request under way. Lives in the request's arena. */
struct produce {
    struct request *request;
    struct broker *broker;
    struct produce_response response;
    struct leader_hints hints;
    struct refused_batches *refused; /* earlier on this connection; NULL: none */
    struct produce_wait *waits;
    int32_t waits_count;
    struct list_node relays; /* not answered yet */
    int32_t pending;         /* waits and relays not done yet */
    struct timer timer;
    bool failed; /* some partition has an error */
    bool lapsed; /* it ended while this broker was out of touch with the controllers */
};

/* ---- answering ---- */

static void add_endpoints(struct produce *p)
{
    struct produce_response *r = &p->response;
    if (p->hints.nodes_count == 0) return;
    r->node_endpoints =
        produce_response_node_endpoint_new(&p->request->arena, p->hints.nodes_count);
    r->node_endpoints_count = p->hints.nodes_count;
    for (int32_t i = 0; i < p->hints.nodes_count; i++) {
        const struct hinted_node *n = &p->hints.nodes[i];
        r->node_endpoints[i] = (struct produce_response_node_endpoint){
            .node_id = n->id, .host = n->host, .port = n->port, .rack = n->rack};
    }
}

static void hint_leaders(struct produce *p)
{
    for (int32_t i = 0; i < p->response.responses_count; i++) {
        struct produce_response_topic_produce_response *t = &p->response.responses[i];
        for (int32_t j = 0; j < t->partition_responses_count; j++) {
            struct produce_response_partition_produce_response *a = &t->partition_responses[j];
            if (a->error_code != KAFKA_NOT_LEADER_OR_FOLLOWER) continue;
            bool by_id = p->request->api_version >= 13;
            struct located at = by_id ? locate_by_id(p->broker, t->topic_id, a->index)
                                      : locate_by_name(p->broker, t->name, a->index);
            struct leader_hint hint = leader_hint(&p->hints, at.replica, t->name,
                                                  by_id ? t->topic_id : UUID_ZERO, a->index);
            a->current_leader.leader_id = hint.leader_id;
            a->current_leader.leader_epoch = hint.leader_epoch;
        }
    }
    add_endpoints(p);
}

static void finish(struct produce *p)
{
    struct request *rq = p->request;
    rq->abandoned = NULL;
    handover_ended(p->broker->handover);
    const struct produce_request *q = rq->body;
    if (q->acks == 0) {
        /* Nobody reads an answer; a broken connection makes the client refresh its metadata. */
        if (p->failed)
            request_close(rq);
        else
            request_reply_nothing(rq);
        return;
    }
    if (p->failed && !p->lapsed && rq->api_version >= 10) hint_leaders(p);
    request_reply(rq, &p->response);
}

/* ---- waiting ---- */

static void one_done(struct produce *p)
{
    if (--p->pending > 0) return;
    timer_cancel(p->broker->env.clock, &p->timer);
    finish(p);
}

static void committed(struct offset_wait *w, enum kafka_error error)
{
    struct produce_wait *pw = CONTAINER_OF(w, struct produce_wait, wait);
    struct produce *p = pw->produce;
    pw->answer->error_code = (int16_t)error;
    if (error) p->failed = true;
    one_done(p);
}

static void cancel_waits(struct produce *p)
{
    for (int32_t i = 0; i < p->waits_count; i++) offset_wait_cancel(&p->waits[i].wait);
    LIST_EACH(&p->relays, node) {
        struct produce_relay *r = CONTAINER_OF(node, struct produce_relay, node);
        list_remove(&r->node);
        handover_forget(&r->relayed);
    }
}

/* While no controller answers us, replicas that do not fetch are a sign that another leads: the
 * client must look for it, which REQUEST_TIMED_OUT would not make it do. Whom, we cannot name. */
static void timed_out(struct timer *timer)
{
    struct produce *p = CONTAINER_OF(timer, struct produce, timer);
    p->lapsed = broker_lapsed(p->broker);
    for (int32_t i = 0; i < p->waits_count; i++) {
        if (!list_linked(&p->waits[i].wait.node)) continue;
        p->waits[i].answer->error_code =
            p->lapsed ? KAFKA_NOT_LEADER_OR_FOLLOWER : KAFKA_REQUEST_TIMED_OUT;
        p->failed = true;
    }
    LIST_EACH(&p->relays, node) {
        CONTAINER_OF(node, struct produce_relay, node)->answer->error_code =
            KAFKA_REQUEST_TIMED_OUT;
        p->failed = true;
    }
    cancel_waits(p);
    finish(p);
}

static void abandoned(struct request *rq)
{
    struct produce *p = rq->context;
    timer_cancel(p->broker->env.clock, &p->timer);
    cancel_waits(p);
    handover_ended(p->broker->handover);
}

static void park(struct produce *p)
{
    const struct produce_request *q = p->request->body;
    p->request->context = p;
    p->request->abandoned = abandoned;
    timer_init(&p->timer, timed_out);
    timer_arm_in_ms(p->broker->env.clock, &p->timer, q->timeout_ms > 0 ? q->timeout_ms : 0);
}

/* ---- one partition ---- */

/* The framing rules of a Produce (ProduceRequest.validateRecords): one whole batch of magic 2. A
 * partial one behind it is cut, silently. *len becomes the first batch's size. */
static enum kafka_error check_framing(const struct records *records, int16_t version, size_t *len)
{
    int64_t left = records->len, size = 0;
    if (left < BATCH_PREFIX_BYTES) {
        /* Long enough to hold a length, the length itself may already be impossible. */
        if (left >= BATCH_OVERHEAD_BYTES && (int32_t)load_be32(records->data + 8) < 14)
            return KAFKA_CORRUPT_MESSAGE;
        return KAFKA_INVALID_RECORD;
    }
    if (batch_peek_size(records->data, &size)) return KAFKA_CORRUPT_MESSAGE;
    if (size > left) return KAFKA_INVALID_RECORD;
    if (records->data[16] != BATCH_MAGIC) return KAFKA_INVALID_RECORD;
    if (size < BATCH_HEADER_BYTES) return KAFKA_CORRUPT_MESSAGE;
    uint16_t attributes = load_be16(records->data + 21);
    if (version < 7 && (attributes & BATCH_COMPRESSION_MASK) == COMPRESSION_ZSTD)
        return KAFKA_UNSUPPORTED_COMPRESSION_TYPE;
    *len = (size_t)size;
    left -= size;
    if (left < BATCH_OVERHEAD_BYTES) return KAFKA_NONE;
    const uint8_t *next = records->data + size;
    if ((int32_t)load_be32(next + 8) < 14) return KAFKA_CORRUPT_MESSAGE;
    if (left < BATCH_PREFIX_BYTES) return KAFKA_NONE;
    if (batch_peek_size(next, &size)) return KAFKA_CORRUPT_MESSAGE;
    return size <= left ? KAFKA_INVALID_RECORD : KAFKA_NONE;
}

/* Why a client's first batch is no batch at all; null: for another reason than these. */
static struct str framing_fault(const struct records *records, struct arena *arena)
{
    if (records->len < BATCH_OVERHEAD_BYTES) return STR_NULL;
    int32_t size = (int32_t)load_be32(records->data + 8);
    if (size < 14)
        return arena_printf(arena, "Record size %d is less than the minimum record overhead (14)",
                            size);
    if (records->len < BATCH_PREFIX_BYTES) return STR_NULL;
    int8_t magic = (int8_t)records->data[16];
    if (magic >= 0 && magic <= BATCH_MAGIC) return STR_NULL;
    return arena_printf(arena, "Invalid magic found in record: %d", magic);
}

/* Only some refusals tell where the log starts, as in Kafka (ReplicaManager.appendToLocalLog). */
static bool tells_log_start(enum kafka_error e)
{
    switch (e) {
    case KAFKA_NONE:
    case KAFKA_INVALID_RECORD:
    case KAFKA_INVALID_TIMESTAMP:
    case KAFKA_INVALID_PRODUCER_EPOCH:
    case KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case KAFKA_INVALID_TXN_STATE:
    case KAFKA_NOT_ENOUGH_REPLICAS:
    case KAFKA_UNKNOWN_SERVER_ERROR: return true;
    default: return false;
    }
}

static void add_record_errors(struct produce *p, const struct append_result *result,
                              struct produce_response_partition_produce_response *a)
{
    a->error_message = str_of(result->message);
    if (result->record_errors_count == 0) return;
    a->record_errors_count = result->record_errors_count;
    a->record_errors = produce_response_batch_index_and_error_message_new(
        &p->request->arena, result->record_errors_count);
    for (int32_t i = 0; i < result->record_errors_count; i++) {
        a->record_errors[i].batch_index = result->record_errors[i].index;
        a->record_errors[i].batch_index_error_message = str_of(result->record_errors[i].message);
    }
}

/* Checks that come before the partition itself is asked. */
static enum kafka_error admit(const struct produce *p, struct located at, struct str topic,
                              const struct records *records, size_t *len)
{
    const struct produce_request *q = p->request->body;
    if (at.error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION || at.error == KAFKA_UNKNOWN_TOPIC_ID)
        return at.error;
    enum kafka_error e = check_framing(records, p->request->api_version, len);
    if (e) return e;
    if (q->acks < -1 || q->acks > 1) return KAFKA_INVALID_REQUIRED_ACKS;
    if (topic.len > 2 && topic.data[0] == '_' && view_topic_is_internal(topic) &&
        !str_equal(p->request->client_id, STR("__admin_client")))
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    if (load_be16(records->data + 21) & BATCH_TRANSACTIONAL)
        /* No transaction can have been begun: there is no transaction coordinator yet. */
        return p->request->api_version >= 11 ? KAFKA_TRANSACTION_ABORTABLE
                                             : KAFKA_INVALID_TXN_STATE;
    return at.error;
}

/* The batch of an idempotent producer? Its header may be anything else, too. */
static bool idempotent_header(const struct records *records, struct batch_header *h)
{
    return records->len >= BATCH_HEADER_BYTES && batch_parse_header(records->data, h) == ERR_OK &&
           h->producer_id >= 0 && h->base_sequence >= 0;
}

/* refused_batches.h: the batches behind one that was refused are refused until it has come. */
static enum kafka_error refused_before(const struct produce *p, const struct replica *r,
                                       struct bytes topic, const struct records *records)
{
    struct batch_header h;
    if (!idempotent_header(records, &h)) return KAFKA_NONE;
    enum kafka_error e = refused_batches_behind(p->refused, topic, r->partition, &h);
    return e && r->log && log_expects_batch(r->log, &h) ? KAFKA_NONE : e;
}

static void remember(struct produce *p, struct bytes topic,
                     const struct produce_request_partition_produce_data *data, enum kafka_error e)
{
    struct batch_header h;
    if ((e && !kafka_error_is_retriable((int16_t)e)) || !idempotent_header(&data->records, &h))
        return;
    if (e)
        refused_batches_add(p->request, topic, data->index, &h, e);
    else
        refused_batches_taken(p->refused, topic, data->index, &h);
}

static struct str copy_text(struct arena *arena, struct str s)
{
    return str_is_null(s) ? s : arena_str(arena, s);
}

/* What the leader has answered in our place. */
static void relayed(struct relayed *x,
                    const struct produce_response_partition_produce_response *theirs)
{
    struct produce_relay *r = CONTAINER_OF(x, struct produce_relay, relayed);
    struct produce *p = r->produce;
    struct produce_response_partition_produce_response *a = r->answer;
    struct arena *arena = &p->request->arena;
    list_remove(&r->node);
    a->error_code = theirs ? theirs->error_code : KAFKA_REQUEST_TIMED_OUT;
    if (theirs) {
        a->base_offset = theirs->base_offset;
        a->log_append_time_ms = theirs->log_append_time_ms;
        a->log_start_offset = theirs->log_start_offset;
        a->error_message = copy_text(arena, theirs->error_message);
        a->record_errors_count = theirs->record_errors_count;
        a->record_errors =
            produce_response_batch_index_and_error_message_new(arena, theirs->record_errors_count);
        for (int32_t i = 0; i < theirs->record_errors_count; i++) {
            a->record_errors[i].batch_index = theirs->record_errors[i].batch_index;
            a->record_errors[i].batch_index_error_message =
                copy_text(arena, theirs->record_errors[i].batch_index_error_message);
        }
    }
    if (a->error_code) p->failed = true;
    one_done(p);
}

/* handover.h: to who leads the partition since this broker has given it away. */
static bool relay(struct produce *p, const struct produce_request_topic_produce_data *t,
                  const struct produce_request_partition_produce_data *data, size_t len,
                  struct produce_response_partition_produce_response *a)
{
    struct produce_relay *r = ARENA_NEW(&p->request->arena, struct produce_relay);
    r->produce = p;
    r->answer = a;
    r->relayed.done = relayed;
    list_init(&r->node);
    list_push_back(&p->relays, &r->node);
    p->pending++;
    if (handover_relay(p->broker->handover, &r->relayed,
                       p->request->api_version >= 13 ? STR_NULL : t->name, t->topic_id, data->index,
                       bytes_of(data->records.data, len), p->request->body))
        return true;
    list_remove(&r->node);
    p->pending--;
    return false;
}

/* The length of records, which stands before them in `width` bytes; -1 when it is of another width
 * or none. */
static int64_t records_length(const uint8_t *at, size_t width, bool flexible)
{
    if (!flexible) return (int32_t)load_be32(at);
    struct cursor in = cursor_of_bytes(bytes_of(at, width));
    int64_t length = (int64_t)cursor_uvarint(&in) - 1;
    return cursor_finish(&in) ? -1 : length;
}

/* The batches of the requests behind this one which are the same but for correlation ids and
 * records: of a client that has several under way for a partition. What is taken for one here is
 * only written ahead (log/log_ahead.h): its own request decides what becomes of it. */
static void look_behind(const struct produce *p, const struct records *records,
                        struct append_ahead *ahead)
{
    const struct request *rq = p->request;
    bool flexible = rq->api_version >= 9;
    struct bytes mine = request_rest(rq);
    int64_t before = records->data - mine.data, behind = mine.len - before - records->len;
    size_t width = flexible ? size_uvarint((uint32_t)records->len + 1) : 4;
    for (; ahead->count < APPEND_AHEAD_MAX; ahead->count++) {
        struct bytes next = request_behind(rq, ahead->count);
        if (!next.data || next.len < before + behind) return;
        const uint8_t *theirs = next.data + before;
        int64_t len = records_length(theirs - width, width, flexible);
        if (len < 0 || next.len != before + len + behind ||
            memcmp(next.data, mine.data, (size_t)before - width) != 0 ||
            memcmp(theirs + len, records->data + records->len, (size_t)behind) != 0)
            return;
        ahead->batches[ahead->count] = bytes_of(theirs, (size_t)len);
    }
}

static enum kafka_error append(const struct produce *p, struct replica *r,
                               const struct records *records, size_t len,
                               struct append_result *result)
{
    struct request *rq = p->request;
    const struct produce_request *q = rq->body;
    uint8_t *bytes = (uint8_t *)(uintptr_t)records->data; /* the request's own buffer */
    bool only = q->topic_data_count == 1 && q->topic_data->partition_data_count == 1;
    if (!only || p->refused || (int64_t)len != records->len)
        return replica_append(r, q->acks, APPEND_FROM_CLIENT, bytes, len, &rq->arena, result);
    struct append_ahead ahead;
    ahead.count = 0;
    if (!rq->foreseen) look_behind(p, records, &ahead);
    enum kafka_error e = replica_append_one_of(r, q->acks, bytes, len, ahead.count ? &ahead : NULL,
                                               rq->foreseen, &rq->arena, result);
    if (!e && result->ahead > 0) request_foresee(rq, result->ahead);
    return e;
}

static void produce_partition(struct produce *p, struct located at, struct str topic,
                              const struct produce_request_topic_produce_data *t,
                              const struct produce_request_partition_produce_data *data,
                              struct produce_response_partition_produce_response *a)
{
    struct bytes key = p->request->api_version >= 13
                           ? bytes_of(t->topic_id.bytes, sizeof t->topic_id.bytes)
                           : bytes_of(t->name.data, (size_t)t->name.len);
    const struct produce_request *q = p->request->body;
    size_t len = 0;
    a->index = data->index;
    a->base_offset = -1;
    enum kafka_error e = admit(p, at, topic, &data->records, &len);
    bool behind = false;
    if (!e && p->refused) {
        e = refused_before(p, at.replica, key, &data->records);
        behind = e != KAFKA_NONE;
    }
    if (!e) {
        struct append_result result;
        e = append(p, at.replica, &data->records, len, &result);
        if (tells_log_start(e)) a->log_start_offset = at.replica->core.log_start_offset;
        if (!e) {
            a->base_offset = result.base_offset;
            a->log_append_time_ms = result.log_append_time_ms;
            if (q->acks == -1 && !replica_committed(at.replica, result.last_offset + 1) &&
                !MUTANT(ACKS_BEFORE_COMMIT)) {
                struct produce_wait *w = &p->waits[p->waits_count++];
                *w = (struct produce_wait){.produce = p, .answer = a};
                offset_wait_init(&w->wait, result.last_offset + 1, committed);
                p->pending++;
                replica_wait_committed(at.replica, &w->wait);
            }
        } else if (e == KAFKA_INVALID_RECORD || e == KAFKA_INVALID_TIMESTAMP) {
            add_record_errors(p, &result, a);
        }
    } else if (e == KAFKA_CORRUPT_MESSAGE && len == 0) {
        a->error_message = framing_fault(&data->records, &p->request->arena);
    }
    /* Not with acks=0: when the leader moves on while a relay is under way, a later one to the next
     * leader may be there first, and nobody sends such batches again to put them in order. */
    if (e == KAFKA_NOT_LEADER_OR_FOLLOWER && q->acks != 0 && !behind && relay(p, t, data, len, a))
        return;
    a->error_code = (int16_t)e;
    if (e) p->failed = true;
    if (e || p->refused) remember(p, key, data, e);
}

/* Transactional batches without a transactional id are nobody's to authorize. */
static bool has_nameless_transaction(const struct produce_request *q)
{
    if (!str_is_null(q->transactional_id)) return false;
    for (int32_t i = 0; i < q->topic_data_count; i++) {
        const struct produce_request_topic_produce_data *t = &q->topic_data[i];
        for (int32_t j = 0; j < t->partition_data_count; j++) {
            const struct records *r = &t->partition_data[j].records;
            if (r->len >= BATCH_HEADER_BYTES && r->data[16] == BATCH_MAGIC &&
                load_be16(r->data + 21) & BATCH_TRANSACTIONAL)
                return true;
        }
    }
    return false;
}

static void produce_topic(struct produce *p, const struct produce_request_topic_produce_data *t,
                          struct produce_response_topic_produce_response *a, bool refuse)
{
    bool by_id = p->request->api_version >= 13;
    const struct replica_topic *topic =
        by_id ? replica_manager_topic(p->broker->replicas, t->topic_id)
              : replica_manager_topic_by_name(p->broker->replicas, t->name);
    a->name = t->name;
    a->topic_id = t->topic_id;
    a->partition_responses_count = t->partition_data_count;
    a->partition_responses = produce_response_partition_produce_response_new(
        &p->request->arena, t->partition_data_count);
    for (int32_t j = 0; j < t->partition_data_count; j++) {
        struct produce_response_partition_produce_response *pa = &a->partition_responses[j];
        if (refuse) {
            pa->index = t->partition_data[j].index;
            pa->base_offset = -1;
            pa->error_code = KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
            p->failed = true;
            continue;
        }
        int32_t index = t->partition_data[j].index;
        struct located at = {topic ? replica_topic_partition(topic, index) : NULL, KAFKA_NONE};
        if (!at.replica)
            at = by_id ? locate_by_id(p->broker, t->topic_id, index)
                       : locate_by_name(p->broker, t->name, index);
        struct str name = !by_id ? t->name : at.replica ? at.replica->topic->name : STR_NULL;
        produce_partition(p, at, name, t, &t->partition_data[j], pa);
    }
}

static void produce(struct request *rq, void *context)
{
    const struct produce_request *q = rq->body;
    struct produce *p = ARENA_NEW(&rq->arena, struct produce);
    p->request = rq;
    p->broker = context;
    p->hints = (struct leader_hints){.broker = context, .request = rq};
    p->refused = refused_batches_begin(rq);
    list_init(&p->relays);
    handover_began(p->broker->handover);
    produce_response_init(&p->response);
    int32_t partitions = 0;
    for (int32_t i = 0; i < q->topic_data_count; i++)
        partitions += q->topic_data[i].partition_data_count;
    if (q->acks == -1) p->waits = ARENA_ARRAY(&rq->arena, struct produce_wait, partitions);
    p->response.responses_count = q->topic_data_count;
    p->response.responses =
        produce_response_topic_produce_response_new(&rq->arena, q->topic_data_count);
    bool refuse = has_nameless_transaction(q);
    p->pending = 1; /* this loop: what is done within it does not end the request */
    for (int32_t i = 0; i < q->topic_data_count; i++)
        produce_topic(p, &q->topic_data[i], &p->response.responses[i], refuse);
    if (--p->pending > 0)
        park(p);
    else
        finish(p);
}

void handle_produce(struct request *rq, void *context)
{
    struct broker *b = context;
    if (!handover_holds(b->handover, rq, produce)) produce(rq, b);
}
