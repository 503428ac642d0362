/* Vote, BeginQuorumEpoch and EndQuorumEpoch: the wire's checks, then the core.
 *
 * A cluster id that is not ours and a shape without sense are answered at the top level, never
 * with INVALID_REQUEST in the partition, which ends a peer of Apache Kafka's (kraft.md 2.13). */
#include "protocol/api.h"
#include "protocol/begin_quorum_epoch.h"
#include "protocol/end_quorum_epoch.h"
#include "protocol/vote.h"
#include "quorum/internal.h"

enum { PREFERRED_MAX = 1024, ENDPOINTS_VERSION = 1 };

bool quorum_cluster_is_ours(const struct quorum *q, struct str id)
{
    return id.len < 0 || !id.data || str_equal_z(id, q->options.cluster_id);
}

/* ---- the leader's endpoint */

static struct str listener_of(const struct quorum *q, const struct request *rq)
{
    struct str name = request_listener(rq);
    return name.data ? name : str_of(q->options.listener);
}

static bool take_endpoint(const struct voters_record_voter *v, struct str listener,
                          struct quorum_leader_view *view)
{
    for (int32_t i = 0; i < v->endpoints_count; i++) {
        if (!str_equal(v->endpoints[i].name, listener)) continue;
        view->host = v->endpoints[i].host;
        view->port = v->endpoints[i].port;
        return true;
    }
    return false;
}

struct quorum_leader_view quorum_leader_view(const struct quorum *q, const struct request *rq)
{
    struct quorum_leader_view view = {
        .id = raft_leader(q->raft), .epoch = raft_epoch(q->raft), .host = STR_NULL};
    if (view.id < 0) return view;
    struct str listener = listener_of(q, rq);
    if (view.id == q->options.node_id) {
        take_endpoint(&q->own_entry, listener, &view);
        return view;
    }
    const struct voters_record *voters = raft_voters(q->raft);
    for (int32_t i = 0; i < voters->voters_count; i++)
        if (voters->voters[i].voter_id == view.id &&
            take_endpoint(&voters->voters[i], listener, &view))
            return view;
    struct raft_address at = raft_leader_address(q->raft);
    view.host = at.host;
    view.port = at.port;
    return view;
}

/* The only partition of a request for the metadata log; NULL when it is of another shape. */
#define METADATA_PARTITION(r)                                                                  \
    ((r)->topics_count == 1 && str_equal_z((r)->topics[0].topic_name, "__cluster_metadata") && \
             (r)->topics[0].partitions_count == 1 &&                                           \
             (r)->topics[0].partitions[0].partition_index == 0                                 \
         ? &(r)->topics[0].partitions[0]                                                       \
         : NULL)

/* The partition of an answer, filled with what the core says about the leader. */
#define ANSWER(type, rq, q, r, p, e)                                            \
    do {                                                                        \
        struct quorum_leader_view view_ = quorum_leader_view(q, rq);            \
        (r)->topics = type##_topic_data_new(&(rq)->arena, 1);                   \
        (r)->topics_count = 1;                                                  \
        (r)->topics[0].topic_name = STR("__cluster_metadata");                  \
        (r)->topics[0].partitions = type##_partition_data_new(&(rq)->arena, 1); \
        (r)->topics[0].partitions_count = 1;                                    \
        (p) = &(r)->topics[0].partitions[0];                                    \
        (p)->error_code = (int16_t)(e);                                         \
        (p)->leader_id = view_.id;                                              \
        (p)->leader_epoch = view_.epoch;                                        \
        if (view_.host.data && (rq)->api_version >= ENDPOINTS_VERSION) {        \
            (r)->node_endpoints = type##_node_endpoint_new(&(rq)->arena, 1);    \
            (r)->node_endpoints_count = 1;                                      \
            (r)->node_endpoints[0].node_id = view_.id;                          \
            (r)->node_endpoints[0].host = arena_str(&(rq)->arena, view_.host);  \
            (r)->node_endpoints[0].port = view_.port;                           \
        }                                                                       \
    } while (0)

static void reply(struct quorum *q, struct request *rq, bool may_leave, const void *response)
{
    if (may_leave && !q->failed)
        request_reply(rq, response);
    else
        request_close(rq);
}

/* ---- Vote */

void quorum_handle_vote(struct request *rq, void *context)
{
    struct quorum *q = context;
    const struct vote_request *request = rq->body;
    struct vote_response r;
    vote_response_init(&r);
    if (!quorum_cluster_is_ours(q, request->cluster_id)) {
        r.error_code = KAFKA_INCONSISTENT_CLUSTER_ID;
        request_reply(rq, &r);
        return;
    }
    const struct vote_request_partition_data *asked = METADATA_PARTITION(request);
    if (!asked) {
        r.error_code = KAFKA_INVALID_REQUEST;
        request_reply(rq, &r);
        return;
    }
    struct raft_vote_request vote = {
        .epoch = asked->replica_epoch,
        .candidate = {.id = asked->replica_id, .directory_id = asked->replica_directory_id},
        .target = {.id = request->voter_id, .directory_id = asked->voter_directory_id},
        .last_epoch = asked->last_offset_epoch,
        .last_offset = asked->last_offset,
        .pre_vote = asked->pre_vote,
    };
    bool granted = false;
    enum kafka_error e = raft_handle_vote(q->raft, quorum_now_ms(q), &vote, &granted);
    bool may_leave = quorum_step(q);
    if (e == KAFKA_INVALID_REQUEST) {
        r.error_code = KAFKA_INVALID_REQUEST;
    } else {
        struct vote_response_partition_data *p;
        ANSWER(vote_response, rq, q, &r, p, e);
        p->vote_granted = granted;
    }
    reply(q, rq, may_leave, &r);
}

/* ---- BeginQuorumEpoch */

static struct raft_leader_hint leader_of_begin(const struct quorum *q,
                                               const struct begin_quorum_epoch_request *request)
{
    const struct begin_quorum_epoch_request_partition_data *p = &request->topics[0].partitions[0];
    struct raft_leader_hint hint = {
        .leader_id = p->leader_id, .epoch = p->leader_epoch, .host = STR_NULL};
    for (int32_t i = 0; i < request->leader_endpoints_count; i++) {
        if (!str_equal_z(request->leader_endpoints[i].name, q->options.listener)) continue;
        hint.host = request->leader_endpoints[i].host;
        hint.port = request->leader_endpoints[i].port;
    }
    return hint;
}

void quorum_handle_begin_epoch(struct request *rq, void *context)
{
    struct quorum *q = context;
    const struct begin_quorum_epoch_request *request = rq->body;
    struct begin_quorum_epoch_response r;
    begin_quorum_epoch_response_init(&r);
    if (!quorum_cluster_is_ours(q, request->cluster_id)) {
        r.error_code = KAFKA_INCONSISTENT_CLUSTER_ID;
        request_reply(rq, &r);
        return;
    }
    const struct begin_quorum_epoch_request_partition_data *asked = METADATA_PARTITION(request);
    if (!asked) {
        r.error_code = KAFKA_INVALID_REQUEST;
        request_reply(rq, &r);
        return;
    }
    struct raft_leader_hint leader = leader_of_begin(q, request);
    struct raft_replica target = {.id = request->voter_id,
                                  .directory_id = asked->voter_directory_id};
    enum kafka_error e = raft_handle_begin_epoch(q->raft, quorum_now_ms(q), &leader, target);
    bool may_leave = quorum_step(q);
    if (e == KAFKA_INVALID_REQUEST) {
        r.error_code = KAFKA_INVALID_REQUEST;
    } else {
        struct begin_quorum_epoch_response_partition_data *p;
        ANSWER(begin_quorum_epoch_response, rq, q, &r, p, e);
    }
    reply(q, rq, may_leave, &r);
}

/* ---- EndQuorumEpoch */

static struct raft_replica *preferred_of(struct request *rq,
                                         const struct end_quorum_epoch_request_partition_data *p,
                                         int32_t *count)
{
    bool by_id = rq->api_version < ENDPOINTS_VERSION;
    *count = by_id ? p->preferred_successors_count : p->preferred_candidates_count;
    if (*count > PREFERRED_MAX) *count = PREFERRED_MAX;
    struct raft_replica *preferred = ARENA_ARRAY(&rq->arena, struct raft_replica, *count);
    for (int32_t i = 0; i < *count; i++) {
        preferred[i].id =
            by_id ? p->preferred_successors[i] : p->preferred_candidates[i].candidate_id;
        if (!by_id) preferred[i].directory_id = p->preferred_candidates[i].candidate_directory_id;
    }
    return preferred;
}

void quorum_handle_end_epoch(struct request *rq, void *context)
{
    struct quorum *q = context;
    const struct end_quorum_epoch_request *request = rq->body;
    struct end_quorum_epoch_response r;
    end_quorum_epoch_response_init(&r);
    if (!quorum_cluster_is_ours(q, request->cluster_id)) {
        r.error_code = KAFKA_INCONSISTENT_CLUSTER_ID;
        request_reply(rq, &r);
        return;
    }
    const struct end_quorum_epoch_request_partition_data *asked = METADATA_PARTITION(request);
    if (!asked) {
        r.error_code = KAFKA_INVALID_REQUEST;
        request_reply(rq, &r);
        return;
    }
    int32_t count;
    const struct raft_replica *preferred = preferred_of(rq, asked, &count);
    enum kafka_error e = raft_handle_end_epoch(q->raft, quorum_now_ms(q), asked->leader_id,
                                               asked->leader_epoch, preferred, count);
    bool may_leave = quorum_step(q);
    if (e == KAFKA_INVALID_REQUEST) {
        r.error_code = KAFKA_INVALID_REQUEST;
    } else {
        struct end_quorum_epoch_response_partition_data *p;
        ANSWER(end_quorum_epoch_response, rq, q, &r, p, e);
    }
    reply(q, rq, may_leave, &r);
}

/* ---- the table */

const struct quorum_api *quorum_apis(int32_t *count)
{
    static const struct quorum_api apis[] = {
        {API_FETCH, 4, 18, quorum_handle_fetch},
        {API_VOTE, 0, 2, quorum_handle_vote},
        {API_BEGIN_QUORUM_EPOCH, 0, 1, quorum_handle_begin_epoch},
        {API_END_QUORUM_EPOCH, 0, 1, quorum_handle_end_epoch},
        {API_DESCRIBE_QUORUM, 0, 2, quorum_handle_describe},
        {API_FETCH_SNAPSHOT, 0, 1, quorum_handle_fetch_snapshot},
        {API_ADD_RAFT_VOTER, 0, 1, quorum_handle_add_voter},
        {API_REMOVE_RAFT_VOTER, 0, 0, quorum_handle_remove_voter},
        {API_UPDATE_RAFT_VOTER, 0, 0, quorum_handle_update_voter},
    };
    *count = sizeof apis / sizeof apis[0];
    return apis;
}
