/* Fetch, versions 4-18: read what is there, answer at once or wait for more.
 *
 *   begin the session ─> read its dirty entries ── enough, an error, no wait, … ──> answer
 *                               ^                └─ too little ──> park ──┐
 *                               └──── enough became readable, or time ────┘
 *
 * The bytes never pass through here: an answer is encoded heads and ranges of segment files.
 * Offsets are sampled before the bytes are looked up. A fetch that was parked is read anew; that
 * reading records no follower's progress again. */
#include "protocol/fetch.h"

#include "base/mark.h"
#include "broker/doubted_reads.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/partitions.h"
#include "broker/near_replica.h"
#include "config/config.h"

/* One entry as it was read. */
struct fetched {
    struct fetch_entry *entry;
    struct replica_read read;
    int32_t near_replica; /* read there instead; -1: here */
    enum kafka_error error;
    bool unknown; /* topic or partition does not exist: reported, but does not end the waiting */
    struct fetch_outcome outcome;
};

/* A request under way. Lives in the request's arena. */
struct fetch {
    struct request *request;
    struct broker *broker;
    struct fetch_session *session;
    struct fetched *items; /* of the latest reading, in order */
    int32_t items_count, items_capacity;
    int32_t replica_id; /* >= 0: a follower */
    int64_t replica_epoch;
    struct str rack; /* of a consumer that may be sent to a near replica; null */
    int64_t bytes_max, bytes_min;
    struct mono_time deadline;
    bool read_before;
    /* the latest reading */
    int64_t bytes;
    int32_t unknown_count;
    bool answer_now;
    struct leader_hints hints;
};

/* ---- reading ---- */

static struct located locate_entry(const struct fetch *f, const struct fetch_entry *e)
{
    return f->session->uses_topic_ids ? locate_by_id(f->broker, e->topic_id, e->partition)
                                      : locate_by_name(f->broker, e->topic, e->partition);
}

/* Is the consumer better off elsewhere? Then nothing is read here (KIP-392). */
static bool is_sent_away(struct fetch *f, struct fetched *x)
{
    const struct fetch_entry *e = x->entry;
    const struct partition *p = &e->replica->core;
    if (f->rack.len <= 0 || p->role != PARTITION_LEADER) return false;
    x->near_replica =
        near_replica(f->broker, e->replica, request_listener(f->request), f->rack, e->fetch_offset);
    return x->near_replica >= 0;
}

/* `counts`: a follower's progress is recorded. Once per request, at its arrival, or later when only
 * now we heard of the partition: a follower at rest says it no second time. */
static void read_replica(struct fetch *f, struct fetched *x, int64_t *room, bool *first,
                         bool counts)
{
    struct fetch_entry *e = x->entry;
    int64_t bytes_max = e->bytes_max < *room ? e->bytes_max : *room;
    struct follower_fetch follower = {.broker_id = f->replica_id,
                                      .broker_epoch = f->replica_epoch,
                                      .fetch_offset = e->fetch_offset,
                                      .log_start_offset = e->log_start_offset};
    struct replica_read_options o = {
        .offset = e->fetch_offset,
        .bytes_max = bytes_max > 0 ? bytes_max : 0,
        .min_one_batch = *first,
        .offsets_only = is_sent_away(f, x),
        .isolation = f->session->isolation,
        .leader_only = f->replica_id >= 0 || f->request->api_version < 11,
        .current_leader_epoch = e->current_leader_epoch,
        .last_fetched_epoch = e->last_fetched_epoch,
        .follower = f->replica_id >= 0 ? &follower : NULL,
        .counts = counts,
        .aborted_transactions = f->session->isolation == FETCH_COMMITTED,
        .arena = &f->request->arena,
    };
    x->error = replica_read(e->replica, &o, &x->read);
    /* Apache Kafka trips over a negative size where there is something to read */
    if (!x->error && bytes_max < 0 && !x->read.diverging && e->fetch_offset < x->read.bound)
        x->error = KAFKA_UNKNOWN_SERVER_ERROR;
    int64_t len = x->error ? 0 : x->read.slice.len;
    if (len > 0) *first = false;
    *room = *room - len > 0 ? *room - len : 0;
}

/* A follower hears at once that the log starts higher, for DeleteRecords waits for it; and of the
 * high watermark, where consumers read from followers. */
static bool is_awaited(const struct fetch *f, const struct fetch_entry *e,
                       const struct replica_read *read)
{
    if (f->replica_id < 0 || e->sent_high_watermark < 0) return false;
    return read->log_start_offset != e->sent_log_start_offset ||
           (f->session->wants_watermark && read->high_watermark != e->sent_high_watermark);
}

static void read_entry(struct fetch *f, struct fetched *x, int64_t *room, bool *first)
{
    struct fetch_entry *e = x->entry;
    bool counts = !f->read_before || !e->replica;
    if (!e->replica) {
        struct located at = locate_entry(f, e);
        x->error = at.error;
        if (at.replica && f->read_before) MARK("a partition is heard of while its fetch waits");
        if (at.replica) fetch_entry_attach(e, at.replica, &at.replica->purgatory);
        x->unknown =
            at.error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION || at.error == KAFKA_UNKNOWN_TOPIC_ID;
    }
    if (e->replica) read_replica(f, x, room, first, counts);
    if (x->error)
        x->read = (struct replica_read){
            .high_watermark = -1, .last_stable_offset = -1, .log_start_offset = -1};
    bool elsewhere = !x->error && x->near_replica >= 0;
    bool more = !x->error && !x->read.diverging && e->fetch_offset < x->read.bound;
    x->outcome = (struct fetch_outcome){.error = x->error,
                                        .high_watermark = x->read.high_watermark,
                                        .log_start_offset = x->read.log_start_offset,
                                        .bytes = x->read.slice.len,
                                        .readable = more,
                                        .special = x->read.diverging || elsewhere};
    f->bytes += x->read.slice.len;
    f->unknown_count += x->unknown;
    if ((x->error && !x->unknown) || x->outcome.special || is_awaited(f, e, &x->read))
        f->answer_now = true;
}

static void read_all(struct fetch *f)
{
    int32_t count = 0;
    for (struct list_node *n = f->session->dirty.next; n != &f->session->dirty; n = n->next)
        count++;
    if (count > f->items_capacity) {
        f->items = ARENA_ARRAY(&f->request->arena, struct fetched, count);
        f->items_capacity = count;
    }
    f->items_count = 0;
    f->bytes = 0;
    f->unknown_count = 0;
    f->answer_now = false;
    int64_t room = f->bytes_max;
    bool first = true;
    LIST_EACH(&f->session->dirty, node) {
        struct fetched *x = &f->items[f->items_count++];
        *x = (struct fetched){.entry = fetch_entry_of(node), .near_replica = -1};
        read_entry(f, x, &room, &first);
    }
    f->read_before = true;
}

/* ---- answering ---- */

static enum kafka_error told_error(const struct fetch *f, enum kafka_error e)
{
    /* Clients that old know no KAFKA_STORAGE_ERROR, and would give up. */
    return e == KAFKA_KAFKA_STORAGE_ERROR && f->request->api_version <= 5
               ? KAFKA_NOT_LEADER_OR_FOLLOWER
               : e;
}

static void fill_aborted(struct fetch *f, const struct replica_read *read,
                         struct fetch_response_partition_data *d)
{
    d->aborted_transactions_count = read->aborted_count;
    d->aborted_transactions =
        fetch_response_aborted_transaction_new(&f->request->arena, read->aborted_count);
    for (int32_t i = 0; i < read->aborted_count; i++)
        d->aborted_transactions[i] = (struct fetch_response_aborted_transaction){
            read->aborted[i].producer_id, read->aborted[i].first_offset};
}

static void fill_partition(struct fetch *f, struct fetched *x,
                           struct fetch_response_partition_data *d)
{
    const struct fetch_entry *e = x->entry;
    const struct replica_read *read = &x->read;
    d->partition_index = e->partition;
    d->error_code = (int16_t)told_error(f, x->error);
    d->high_watermark = read->high_watermark;
    d->last_stable_offset = read->last_stable_offset;
    d->log_start_offset = read->log_start_offset;
    d->preferred_read_replica = x->error ? -1 : x->near_replica;
    d->records = records_of(NULL, 0);
    d->aborted_transactions = NULL;
    /* None, rather than not asked for, where there is nothing that could be read: Kafka's words. */
    bool unknown =
        x->error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION || x->error == KAFKA_UNKNOWN_TOPIC_ID;
    d->aborted_transactions_count = unknown ? 0 : -1;
    if (read->diverging) {
        d->diverging_epoch.epoch = read->diverging_epoch.epoch;
        d->diverging_epoch.end_offset = read->diverging_epoch.end_offset;
    } else if (!x->error && f->session->isolation == FETCH_COMMITTED) {
        fill_aborted(f, read, d);
    }
    if (f->request->api_version >= 16 &&
        (x->error == KAFKA_NOT_LEADER_OR_FOLLOWER || x->error == KAFKA_FENCED_LEADER_EPOCH)) {
        struct leader_hint hint =
            leader_hint(&f->hints, e->replica, e->topic, e->topic_id, e->partition);
        d->current_leader.leader_id = hint.leader_id;
        d->current_leader.leader_epoch = hint.leader_epoch;
    }
    if (read->slice.len == 0) return;
    if (f->replica_id >= 0) replica_sent(e->replica, read->slice.len);
    struct chunk *chunk = ARENA_NEW(&f->request->arena, struct chunk);
    *chunk = (struct chunk){.file = read->slice.file,
                            .file_offset = read->slice.position,
                            .len = read->slice.len,
                            .release = disk_file_unref,
                            .owner = read->slice.file};
    d->records = (struct records){.len = read->slice.len, .chunks = chunk, .chunks_count = 1};
}

static bool same_topic(const struct fetch_entry *a, const struct fetch_entry *b)
{
    return a->session->uses_topic_ids ? uuid_equal(a->topic_id, b->topic_id)
                                      : str_equal(a->topic, b->topic);
}

/* Partitions of one topic that follow each other share its head, as in Kafka. */
static void fill_topics(struct fetch *f, struct fetch_response *r, struct fetched **told,
                        int32_t told_count)
{
    int32_t topics = 0;
    for (int32_t i = 0; i < told_count; i++)
        topics += i == 0 || !same_topic(told[i]->entry, told[i - 1]->entry);
    r->responses = fetch_response_fetchable_topic_response_new(&f->request->arena, topics);
    r->responses_count = 0;
    struct fetch_response_partition_data *data =
        fetch_response_partition_data_new(&f->request->arena, told_count);
    for (int32_t i = 0; i < told_count; i++) {
        if (i == 0 || !same_topic(told[i]->entry, told[i - 1]->entry)) {
            struct fetch_response_fetchable_topic_response *t = &r->responses[r->responses_count++];
            t->topic = told[i]->entry->topic;
            t->topic_id = told[i]->entry->topic_id;
            t->partitions = &data[i];
            t->partitions_count = 0;
        }
        r->responses[r->responses_count - 1].partitions_count++;
        fill_partition(f, told[i], &data[i]);
    }
}

static void fill_endpoints(struct fetch *f, struct fetch_response *r)
{
    int32_t count = f->hints.nodes_count;
    /* A follower knows where brokers are; it is told who leads, and no address. */
    if (count == 0 || f->replica_id >= 0) return;
    r->node_endpoints = fetch_response_node_endpoint_new(&f->request->arena, count);
    r->node_endpoints_count = count;
    for (int32_t i = 0; i < count; i++) {
        const struct hinted_node *n = &f->hints.nodes[i];
        r->node_endpoints[i] = (struct fetch_response_node_endpoint){
            .node_id = n->id, .host = n->host, .port = n->port, .rack = n->rack};
    }
}

static void answer(struct fetch *f)
{
    struct request *rq = f->request;
    struct fetch_response r;
    fetch_response_init(&r);
    struct fetched **told = ARENA_ARRAY(&rq->arena, struct fetched *, f->items_count);
    int32_t told_count = 0;
    for (int32_t i = 0; i < f->items_count; i++)
        if (fetch_entry_reports(f->items[i].entry, &f->items[i].outcome))
            told[told_count++] = &f->items[i];
    fill_topics(f, &r, told, told_count);
    fill_endpoints(f, &r);
    r.session_id = fetch_session_id(f->session);
    for (int32_t i = 0; i < f->items_count; i++)
        fetch_entry_answered(f->items[i].entry, &f->items[i].outcome);
    fetch_session_end(f->session);
    rq->abandoned = NULL;
    request_reply(rq, &r);
}

/* ---- waiting ---- */

static void proceed(struct fetch *f, bool must_answer);

static void woken(struct fetch_session *s)
{
    bool must_answer = s->must_answer;
    struct fetch *f = fetch_session_unpark(s);
    read_all(f);
    proceed(f, must_answer);
}

static void abandoned(struct request *rq)
{
    struct fetch *f = rq->context;
    fetch_session_unpark(f->session);
    fetch_session_end(f->session);
}

static void park(struct fetch *f, int64_t wait_ms)
{
    for (int32_t i = 0; i < f->items_count; i++) {
        struct fetched *x = &f->items[i];
        if (x->read.slice.len > 0) disk_file_unref(x->read.slice.file); /* read anew later */
        fetch_entry_parked(x->entry, &x->outcome);
    }
    f->request->context = f;
    f->request->abandoned = abandoned;
    fetch_session_park(f->session, f, f->bytes_min - f->bytes, wait_ms, woken);
}

/* Something of what was asked exists: an entry at rest does. */
static bool waits_for_something(const struct fetch *f)
{
    return f->session->entries_count > f->unknown_count;
}

static void proceed(struct fetch *f, bool must_answer)
{
    /* Rounded up: waking a little early would only park again. */
    int64_t left_ns = f->deadline.ns - clock_mono(f->broker->env.clock).ns;
    if (must_answer || left_ns <= 0 || f->answer_now || f->bytes >= f->bytes_min ||
        !waits_for_something(f))
        answer(f);
    else
        park(f, (left_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* ---- the request ---- */

static void answer_error(struct request *rq, enum kafka_error e)
{
    struct fetch_response r;
    fetch_response_init(&r);
    r.error_code = (int16_t)e;
    request_reply(rq, &r);
}

static enum fetch_isolation isolation_of(const struct fetch_request *q, int32_t replica_id)
{
    if (replica_id >= 0) return FETCH_LOG_END;
    return q->isolation_level == 1 ? FETCH_COMMITTED : FETCH_UNCOMMITTED;
}

void handle_fetch(struct request *rq, void *context)
{
    struct broker *b = context;
    const struct fetch_request *q = rq->body;
    bool state = rq->api_version >= 15;
    bool follows = (state ? q->replica_state.replica_id : q->replica_id) >= 0;
    if (!follows && q->isolation_level != 0 &&
        q->isolation_level != 1) { /* in Apache Kafka's words */
        answer_error(rq, KAFKA_UNKNOWN_SERVER_ERROR);
        return;
    }
    struct fetch *f = ARENA_NEW(&rq->arena, struct fetch);
    f->request = rq;
    f->broker = b;
    f->replica_id = state ? q->replica_state.replica_id : q->replica_id;
    f->replica_epoch = state ? q->replica_state.replica_epoch : -1;
    int64_t server_max = config_int(b->config, CONFIG_FETCH_MAX_BYTES);
    f->bytes_max = q->max_bytes < server_max ? q->max_bytes : server_max;
    f->bytes_min = q->min_bytes < f->bytes_max ? q->min_bytes : f->bytes_max;
    f->deadline = mono_add_ms(clock_mono(b->env.clock), q->max_wait_ms);
    f->hints = (struct leader_hints){.broker = b, .request = rq};
    enum kafka_error e = fetch_session_begin(b->fetch_sessions, q, rq->api_version,
                                             f->replica_id >= 0, &rq->arena, &f->session);
    if (e) {
        answer_error(rq, e);
        return;
    }
    if (f->session->follower && f->session->full)
        fetch_session_name_fetcher(f->session, f->replica_id, rq->client_id);
    f->session->isolation = isolation_of(q, f->replica_id);
    bool near_reads = near_replica_is_configured(b->config);
    if (near_reads && f->replica_id == -1 && rq->api_version >= 11) f->rack = q->rack_id;
    f->session->wants_watermark = near_reads && f->replica_id >= 0;
    if (f->replica_id >= 0) {
        replica_manager_follower_came(b->replicas, f->replica_id);
        doubted_reads_look(b->doubted_reads);
    }
    read_all(f);
    proceed(f, q->max_wait_ms <= 0);
}
