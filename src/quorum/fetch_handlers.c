/* Fetch and FetchSnapshot of the metadata log: how followers, observers and tools read it.
 *
 *   judged by the core ──> error, divergence, snapshot, records, or a new high watermark: answered
 *                     └──> nothing: parked until there is something, or MaxWait has passed
 *
 * Parked fetches look again when records are appended, the high watermark moves or the leader
 * changes, at most once a turn of the loop. */
#include "protocol/fetch.h"
#include "protocol/fetch_snapshot.h"
#include "quorum/internal.h"

enum { ID_VERSION = 13, STATE_VERSION = 15, ENDPOINTS_VERSION = 16 };

/* In the request's arena. */
struct parked {
    struct list_node node; /* the quorum's */
    struct quorum *quorum;
    struct request *request;
    struct raft_fetch_request fetch;
    int32_t bytes_max;
    struct timer timer;
};

static const struct fetch_request_fetch_partition *fetch_partition(const struct request *rq)
{
    const struct fetch_request *r = rq->body;
    if (r->topics_count != 1 || r->topics[0].partitions_count != 1 ||
        r->topics[0].partitions[0].partition != 0)
        return NULL;
    bool ours = rq->api_version >= ID_VERSION
                    ? uuid_equal(r->topics[0].topic_id, UUID_METADATA_TOPIC)
                    : str_equal_z(r->topics[0].topic, "__cluster_metadata");
    return ours ? &r->topics[0].partitions[0] : NULL;
}

static void fetch_refuse(struct request *rq, enum kafka_error e)
{
    struct fetch_response r;
    fetch_response_init(&r);
    r.error_code = (int16_t)e;
    request_reply(rq, &r);
}

/* A range of a file, sent as it is; the file is held until it has left. */
static struct records records_of_file(struct request *rq, struct disk_file *file, int64_t position,
                                      int64_t len)
{
    if (!file) return records_of("", 0);
    PRE(!rq->deliver); /* inside a node nobody reads the log this way */
    struct chunk *chunk = ARENA_NEW(&rq->arena, struct chunk);
    *chunk = (struct chunk){.file = file,
                            .file_offset = position,
                            .len = len,
                            .release = disk_file_unref,
                            .owner = file};
    return (struct records){.len = len, .chunks = chunk, .chunks_count = 1};
}

/* What was looked up for a fetch. */
struct looked {
    struct raft_fetch_answer answer;
    struct log_slice slice; /* its file is held, when there is one */
    bool may_leave;         /* what the acknowledgement led to is on stable storage */
};

static void looked_drop(struct looked *l)
{
    if (l->slice.file) disk_file_unref(l->slice.file);
    l->slice.file = NULL;
}

/* Gives away what `l` holds. */
static void fetch_reply(struct quorum *q, struct request *rq, struct looked *l)
{
    const struct raft_fetch_answer *a = &l->answer;
    struct fetch_response r;
    fetch_response_init(&r);
    if (a->error == KAFKA_INVALID_REQUEST) {
        fetch_refuse(rq, a->error);
        return;
    }
    struct quorum_leader_view leader = quorum_leader_view(q, rq);
    r.responses = fetch_response_fetchable_topic_response_new(&rq->arena, 1);
    r.responses_count = 1;
    r.responses[0].topic = STR("__cluster_metadata");
    r.responses[0].topic_id = UUID_METADATA_TOPIC;
    r.responses[0].partitions = fetch_response_partition_data_new(&rq->arena, 1);
    r.responses[0].partitions_count = 1;
    struct fetch_response_partition_data *p = &r.responses[0].partitions[0];
    p->error_code = (int16_t)a->error;
    p->high_watermark = a->high_watermark;
    p->log_start_offset = log_start_offset(q->log);
    p->diverging_epoch.epoch = a->diverging.epoch;
    p->diverging_epoch.end_offset = a->diverging.end_offset;
    p->snapshot_id.end_offset = a->snapshot.end_offset;
    p->snapshot_id.epoch = a->snapshot.epoch;
    p->current_leader.leader_id = leader.id;
    p->current_leader.leader_epoch = leader.epoch;
    p->records = records_of_file(rq, l->slice.file, l->slice.position, l->slice.len);
    l->slice.file = NULL;
    if (leader.host.data && rq->api_version >= ENDPOINTS_VERSION) {
        r.node_endpoints = fetch_response_node_endpoint_new(&rq->arena, 1);
        r.node_endpoints_count = 1;
        r.node_endpoints[0].node_id = leader.id;
        r.node_endpoints[0].host = arena_str(&rq->arena, leader.host);
        r.node_endpoints[0].port = leader.port;
    }
    request_reply(rq, &r);
}

/* ---- judging and reading */

static struct looked look(struct quorum *q, const struct raft_fetch_request *f, int32_t bytes_max,
                          bool again)
{
    struct looked l = {.may_leave = true};
    raft_handle_fetch(q->raft, quorum_now_ms(q), f, again, &l.answer);
    l.may_leave = quorum_step(q);
    bool readable = !l.answer.error && l.answer.diverging.epoch < 0 &&
                    l.answer.snapshot.end_offset < 0 && f->offset < l.answer.read_end &&
                    f->offset >= log_start_offset(q->log);
    if (!readable || q->failed) return l;
    struct log_read_options o = {.offset = f->offset,
                                 .end_offset = l.answer.read_end,
                                 .bytes_max = bytes_max,
                                 .min_one_batch = true};
    enum err e = log_read(q->log, &o, &l.slice);
    if (e) {
        trace_warn(q->env.trace, "org.apache.kafka.raft.KafkaRaftClient",
                   "[RaftManager id=%d] Offset %lld of the metadata log cannot be read: %s",
                   q->options.node_id, (long long)f->offset, err_text(e));
        l.slice = (struct log_slice){0};
        l.answer.error = KAFKA_KAFKA_STORAGE_ERROR;
    }
    return l;
}

static bool has_something(const struct looked *l)
{
    return l->answer.error || l->answer.at_once || l->answer.diverging.epoch >= 0 ||
           l->answer.snapshot.end_offset >= 0 || l->slice.len > 0;
}

/* ---- parking */

static void unpark(struct parked *p)
{
    struct quorum *q = p->quorum;
    timer_cancel(q->env.clock, &p->timer);
    list_remove(&p->node);
    q->parked_count--;
    p->request->abandoned = NULL;
}

static void parked_answer(struct parked *p, struct looked *l)
{
    struct quorum *q = p->quorum;
    struct request *rq = p->request;
    unpark(p);
    if (l->may_leave && !q->failed)
        fetch_reply(q, rq, l);
    else
        request_close(rq);
    looked_drop(l);
}

static void parked_timed_out(struct timer *t)
{
    struct parked *p = CONTAINER_OF(t, struct parked, timer);
    struct looked l = look(p->quorum, &p->fetch, p->bytes_max, true);
    parked_answer(p, &l);
}

static void parked_abandoned(struct request *rq)
{
    unpark(rq->context);
}

static void park(struct quorum *q, struct request *rq, const struct raft_fetch_request *f,
                 int32_t bytes_max, int32_t wait_ms)
{
    struct parked *p = ARENA_NEW(&rq->arena, struct parked);
    p->quorum = q;
    p->request = rq;
    p->fetch = *f;
    p->bytes_max = bytes_max;
    list_init(&p->node);
    list_push_back(&q->parked, &p->node);
    q->parked_count++;
    timer_init(&p->timer, parked_timed_out);
    timer_arm_in_ms(q->env.clock, &p->timer, wait_ms);
    rq->context = p;
    rq->abandoned = parked_abandoned;
}

void quorum_look(struct task *t)
{
    struct quorum *q = CONTAINER_OF(t, struct quorum, look);
    int32_t left = q->parked_count; /* those that are there now, once each */
    while (left-- > 0 && !list_empty(&q->parked)) {
        struct parked *p = CONTAINER_OF(q->parked.next, struct parked, node);
        list_remove(&p->node);
        list_push_back(&q->parked, &p->node);
        struct looked l = look(q, &p->fetch, p->bytes_max, true);
        if (has_something(&l) || !l.may_leave) parked_answer(p, &l);
    }
}

void quorum_parked_close(struct quorum *q)
{
    while (!list_empty(&q->parked)) {
        struct parked *p = CONTAINER_OF(q->parked.next, struct parked, node);
        struct request *rq = p->request;
        unpark(p);
        request_close(rq);
    }
}

/* ---- Fetch */

void quorum_handle_fetch(struct request *rq, void *context)
{
    struct quorum *q = context;
    const struct fetch_request *request = rq->body;
    if (!quorum_cluster_is_ours(q, request->cluster_id)) {
        fetch_refuse(rq, KAFKA_INCONSISTENT_CLUSTER_ID);
        return;
    }
    const struct fetch_request_fetch_partition *p = fetch_partition(rq);
    if (!p || request->max_wait_ms < 0) {
        fetch_refuse(rq, KAFKA_INVALID_REQUEST);
        return;
    }
    struct raft_fetch_request fetch = {
        .replica = {.id = rq->api_version >= STATE_VERSION ? request->replica_state.replica_id
                                                           : request->replica_id,
                    .directory_id = p->replica_directory_id},
        .current_epoch = p->current_leader_epoch,
        .offset = p->fetch_offset,
        .last_epoch = p->last_fetched_epoch,
        .high_watermark = p->high_watermark,
    };
    int32_t bytes_max = request->max_bytes;
    if (p->partition_max_bytes > 0 && p->partition_max_bytes < bytes_max)
        bytes_max = p->partition_max_bytes;
    if (bytes_max > QUORUM_FETCH_BYTES_MAX) bytes_max = QUORUM_FETCH_BYTES_MAX;
    if (bytes_max < 1) bytes_max = 1;
    struct looked l = look(q, &fetch, bytes_max, false);
    if (!l.may_leave || q->failed) {
        looked_drop(&l);
        request_close(rq);
        return;
    }
    bool wait = !has_something(&l) && request->max_wait_ms > 0 &&
                q->parked_count < QUORUM_PARKED_MAX && !rq->deliver;
    if (wait)
        park(q, rq, &fetch, bytes_max, request->max_wait_ms);
    else
        fetch_reply(q, rq, &l);
    looked_drop(&l);
}

/* ---- FetchSnapshot */

static enum kafka_error read_piece(struct quorum *q, struct request *rq,
                                   const struct fetch_snapshot_request_partition_snapshot *asked,
                                   int32_t bytes_max,
                                   struct fetch_snapshot_response_partition_snapshot *p)
{
    struct snapshot_id id = {.end_offset = asked->snapshot_id.end_offset,
                             .epoch = asked->snapshot_id.epoch};
    struct disk_file *file;
    if (id.end_offset <= 0) return KAFKA_SNAPSHOT_NOT_FOUND; /* 0-0 is never given away */
    enum err e =
        disk_open(q->env.disk, snapshot_file_path(&rq->arena, q->directory, id), DISK_READ, &file);
    if (e) return e == ERR_NOT_FOUND ? KAFKA_SNAPSHOT_NOT_FOUND : KAFKA_KAFKA_STORAGE_ERROR;
    e = disk_size(file, &p->size);
    bool outside = asked->position < 0 || asked->position >= p->size;
    if (e || outside) {
        disk_file_unref(file);
        return e ? KAFKA_KAFKA_STORAGE_ERROR : KAFKA_POSITION_OUT_OF_RANGE;
    }
    int64_t left = p->size - asked->position;
    p->position = asked->position;
    p->unaligned_records =
        records_of_file(rq, file, asked->position, left < bytes_max ? left : bytes_max);
    return KAFKA_NONE;
}

static void snapshot_refuse(struct request *rq, enum kafka_error e)
{
    struct fetch_snapshot_response r;
    fetch_snapshot_response_init(&r);
    r.error_code = (int16_t)e;
    request_reply(rq, &r);
}

static void snapshot_reply(struct quorum *q, struct request *rq,
                           const struct fetch_snapshot_request_partition_snapshot *asked,
                           int32_t bytes_max, enum kafka_error e)
{
    struct fetch_snapshot_response r;
    fetch_snapshot_response_init(&r);
    struct quorum_leader_view leader = quorum_leader_view(q, rq);
    r.topics = fetch_snapshot_response_topic_snapshot_new(&rq->arena, 1);
    r.topics_count = 1;
    r.topics[0].name = STR("__cluster_metadata");
    r.topics[0].partitions = fetch_snapshot_response_partition_snapshot_new(&rq->arena, 1);
    r.topics[0].partitions_count = 1;
    struct fetch_snapshot_response_partition_snapshot *p = &r.topics[0].partitions[0];
    p->snapshot_id.end_offset = asked->snapshot_id.end_offset;
    p->snapshot_id.epoch = asked->snapshot_id.epoch;
    p->unaligned_records = records_of("", 0);
    if (!e) e = read_piece(q, rq, asked, bytes_max, p);
    p->error_code = (int16_t)e;
    p->current_leader.leader_id = leader.id;
    p->current_leader.leader_epoch = leader.epoch;
    if (leader.host.data && rq->api_version >= 1) {
        r.node_endpoints = fetch_snapshot_response_node_endpoint_new(&rq->arena, 1);
        r.node_endpoints_count = 1;
        r.node_endpoints[0].node_id = leader.id;
        r.node_endpoints[0].host = arena_str(&rq->arena, leader.host);
        r.node_endpoints[0].port = leader.port;
    }
    request_reply(rq, &r);
}

void quorum_handle_fetch_snapshot(struct request *rq, void *context)
{
    struct quorum *q = context;
    const struct fetch_snapshot_request *request = rq->body;
    if (!quorum_cluster_is_ours(q, request->cluster_id)) {
        snapshot_refuse(rq, KAFKA_INCONSISTENT_CLUSTER_ID);
        return;
    }
    if (request->topics_count != 1 || request->topics[0].partitions_count != 1 ||
        request->topics[0].partitions[0].partition != 0 ||
        !str_equal_z(request->topics[0].name, "__cluster_metadata")) {
        snapshot_refuse(rq, KAFKA_INVALID_REQUEST);
        return;
    }
    const struct fetch_snapshot_request_partition_snapshot *asked =
        &request->topics[0].partitions[0];
    struct raft_replica replica = {.id = request->replica_id,
                                   .directory_id = asked->replica_directory_id};
    enum kafka_error e =
        raft_handle_fetch_snapshot(q->raft, quorum_now_ms(q), replica, asked->current_leader_epoch);
    if (!quorum_step(q) || q->failed) {
        request_close(rq);
        return;
    }
    if (e == KAFKA_INVALID_REQUEST) {
        snapshot_refuse(rq, e);
        return;
    }
    int32_t bytes_max = request->max_bytes;
    if (bytes_max > QUORUM_FETCH_BYTES_MAX) bytes_max = QUORUM_FETCH_BYTES_MAX;
    if (bytes_max < 1) bytes_max = 1;
    snapshot_reply(q, rq, asked, bytes_max, e);
}
