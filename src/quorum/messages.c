/* What the core sends, as requests; what comes back, as the core's answers. One pair a kind. */
#include "protocol/add_raft_voter.h"
#include "protocol/api.h"
#include "protocol/api_versions.h"
#include "protocol/begin_quorum_epoch.h"
#include "protocol/end_quorum_epoch.h"
#include "protocol/fetch.h"
#include "protocol/fetch_snapshot.h"
#include "protocol/remove_raft_voter.h"
#include "protocol/update_raft_voter.h"
#include "protocol/vote.h"
#include "quorum/internal.h"

#define TOPIC STR("__cluster_metadata")

enum {
    FETCH_VERSION_MIN = 13, /* topics by id */
    PRE_VOTE_VERSION = 2,   /* KIP-996 */
    ADD_VOTER_NO_WAIT = 1,  /* AckWhenCommitted */
};

static struct str cluster_id(const struct quorum *q)
{
    return str_of(q->options.cluster_id);
}

/* ---- requests */

static const void *vote_of(struct quorum *q, const struct raft_message *m, struct arena *arena)
{
    struct vote_request *r = ARENA_NEW(arena, struct vote_request);
    vote_request_init(r);
    r->cluster_id = cluster_id(q);
    r->voter_id = m->target.id;
    r->topics = vote_request_topic_data_new(arena, 1);
    r->topics_count = 1;
    r->topics[0].topic_name = TOPIC;
    r->topics[0].partitions = vote_request_partition_data_new(arena, 1);
    r->topics[0].partitions_count = 1;
    struct vote_request_partition_data *p = &r->topics[0].partitions[0];
    p->replica_epoch = m->epoch;
    p->replica_id = q->options.node_id;
    p->replica_directory_id = q->options.directory_id;
    p->voter_directory_id = m->target.directory_id;
    p->last_offset_epoch = m->last_epoch;
    p->last_offset = m->offset;
    p->pre_vote = m->pre_vote;
    return r;
}

static const void *begin_of(struct quorum *q, const struct raft_message *m, struct arena *arena)
{
    struct begin_quorum_epoch_request *r = ARENA_NEW(arena, struct begin_quorum_epoch_request);
    begin_quorum_epoch_request_init(r);
    r->cluster_id = cluster_id(q);
    r->voter_id = m->target.id;
    r->topics = begin_quorum_epoch_request_topic_data_new(arena, 1);
    r->topics_count = 1;
    r->topics[0].topic_name = TOPIC;
    r->topics[0].partitions = begin_quorum_epoch_request_partition_data_new(arena, 1);
    r->topics[0].partitions_count = 1;
    struct begin_quorum_epoch_request_partition_data *p = &r->topics[0].partitions[0];
    p->voter_directory_id = m->target.directory_id;
    p->leader_id = q->options.node_id;
    p->leader_epoch = m->epoch;
    r->leader_endpoints_count = q->own_entry.endpoints_count;
    r->leader_endpoints =
        begin_quorum_epoch_request_leader_endpoint_new(arena, r->leader_endpoints_count);
    QUORUM_COPY_ENDPOINTS(r->leader_endpoints, q->own_entry.endpoints, r->leader_endpoints_count);
    return r;
}

static const void *end_of(struct quorum *q, const struct raft_message *m, struct arena *arena)
{
    struct end_quorum_epoch_request *r = ARENA_NEW(arena, struct end_quorum_epoch_request);
    end_quorum_epoch_request_init(r);
    r->cluster_id = cluster_id(q);
    r->topics = end_quorum_epoch_request_topic_data_new(arena, 1);
    r->topics_count = 1;
    r->topics[0].topic_name = TOPIC;
    r->topics[0].partitions = end_quorum_epoch_request_partition_data_new(arena, 1);
    r->topics[0].partitions_count = 1;
    struct end_quorum_epoch_request_partition_data *p = &r->topics[0].partitions[0];
    p->leader_id = q->options.node_id;
    p->leader_epoch = m->epoch;
    p->preferred_successors_count = p->preferred_candidates_count = m->preferred_count;
    p->preferred_successors = ARENA_ARRAY(arena, int32_t, m->preferred_count);
    p->preferred_candidates = end_quorum_epoch_request_replica_info_new(arena, m->preferred_count);
    for (int32_t i = 0; i < m->preferred_count; i++) {
        p->preferred_successors[i] = m->preferred[i].id;
        p->preferred_candidates[i].candidate_id = m->preferred[i].id;
        p->preferred_candidates[i].candidate_directory_id = m->preferred[i].directory_id;
    }
    return r;
}

static const void *fetch_of(struct quorum *q, const struct raft_message *m, struct arena *arena)
{
    struct fetch_request *r = ARENA_NEW(arena, struct fetch_request);
    fetch_request_init(r);
    r->cluster_id = cluster_id(q);
    r->replica_id = q->options.node_id;
    r->replica_state.replica_id = q->options.node_id;
    r->max_wait_ms = (int32_t)m->wait_ms;
    r->max_bytes = q->options.fetch_bytes_max;
    r->topics = fetch_request_fetch_topic_new(arena, 1);
    r->topics_count = 1;
    r->topics[0].topic_id = UUID_METADATA_TOPIC;
    r->topics[0].partitions = fetch_request_fetch_partition_new(arena, 1);
    r->topics[0].partitions_count = 1;
    struct fetch_request_fetch_partition *p = &r->topics[0].partitions[0];
    p->current_leader_epoch = m->epoch;
    p->fetch_offset = m->offset;
    p->last_fetched_epoch = m->last_epoch;
    p->partition_max_bytes = q->options.fetch_bytes_max;
    p->replica_directory_id = q->options.directory_id;
    p->high_watermark = m->high_watermark;
    return r;
}

static const void *fetch_snapshot_of(struct quorum *q, const struct raft_message *m,
                                     struct arena *arena)
{
    struct fetch_snapshot_request *r = ARENA_NEW(arena, struct fetch_snapshot_request);
    fetch_snapshot_request_init(r);
    r->cluster_id = cluster_id(q);
    r->replica_id = q->options.node_id;
    r->max_bytes = q->options.fetch_snapshot_bytes_max;
    r->topics = fetch_snapshot_request_topic_snapshot_new(arena, 1);
    r->topics_count = 1;
    r->topics[0].name = TOPIC;
    r->topics[0].partitions = fetch_snapshot_request_partition_snapshot_new(arena, 1);
    r->topics[0].partitions_count = 1;
    struct fetch_snapshot_request_partition_snapshot *p = &r->topics[0].partitions[0];
    p->current_leader_epoch = m->epoch;
    p->snapshot_id.end_offset = m->snapshot.end_offset;
    p->snapshot_id.epoch = m->snapshot.epoch;
    p->position = q->download.position;
    p->replica_directory_id = q->options.directory_id;
    return r;
}

static const void *update_voter_of(struct quorum *q, const struct raft_message *m,
                                   struct arena *arena)
{
    struct update_raft_voter_request *r = ARENA_NEW(arena, struct update_raft_voter_request);
    update_raft_voter_request_init(r);
    r->cluster_id = cluster_id(q);
    r->current_leader_epoch = m->epoch;
    r->voter_id = q->options.node_id;
    r->voter_directory_id = q->options.directory_id;
    r->listeners_count = q->own_entry.endpoints_count;
    r->listeners = update_raft_voter_request_listener_new(arena, r->listeners_count);
    QUORUM_COPY_ENDPOINTS(r->listeners, q->own_entry.endpoints, r->listeners_count);
    r->kraft_version_feature.min_supported_version =
        q->own_entry.kraft_version_feature.min_supported_version;
    r->kraft_version_feature.max_supported_version =
        q->own_entry.kraft_version_feature.max_supported_version;
    return r;
}

static const void *add_voter_of(struct quorum *q, const struct raft_message *m, struct arena *arena)
{
    struct add_raft_voter_request *r = ARENA_NEW(arena, struct add_raft_voter_request);
    add_raft_voter_request_init(r);
    r->cluster_id = cluster_id(q);
    r->timeout_ms = (int32_t)m->timeout_ms;
    r->voter_id = q->options.node_id;
    r->voter_directory_id = q->options.directory_id;
    r->listeners_count = q->own_entry.endpoints_count;
    r->listeners = add_raft_voter_request_listener_new(arena, r->listeners_count);
    QUORUM_COPY_ENDPOINTS(r->listeners, q->own_entry.endpoints, r->listeners_count);
    r->ack_when_committed = false;
    return r;
}

static const void *remove_voter_of(struct quorum *q, const struct raft_message *m,
                                   struct arena *arena)
{
    struct remove_raft_voter_request *r = ARENA_NEW(arena, struct remove_raft_voter_request);
    remove_raft_voter_request_init(r);
    r->cluster_id = cluster_id(q);
    r->voter_id = m->removed.id;
    r->voter_directory_id = m->removed.directory_id;
    return r;
}

static const void *api_versions_of(struct arena *arena)
{
    struct api_versions_request *r = ARENA_NEW(arena, struct api_versions_request);
    api_versions_request_init(r);
    r->client_software_name = STR("samsa");
    r->client_software_version = STR("1.0");
    return r;
}

const void *quorum_message_request(struct quorum *q, const struct raft_message *m,
                                   struct arena *arena, int16_t *api_key, int16_t *min_version)
{
    *min_version = 0;
    switch (m->kind) {
    case RAFT_VOTE:
        *api_key = API_VOTE;
        if (m->pre_vote) *min_version = PRE_VOTE_VERSION;
        return vote_of(q, m, arena);
    case RAFT_BEGIN_QUORUM_EPOCH: *api_key = API_BEGIN_QUORUM_EPOCH; return begin_of(q, m, arena);
    case RAFT_END_QUORUM_EPOCH: *api_key = API_END_QUORUM_EPOCH; return end_of(q, m, arena);
    case RAFT_FETCH:
        *api_key = API_FETCH;
        *min_version = FETCH_VERSION_MIN;
        return fetch_of(q, m, arena);
    case RAFT_FETCH_SNAPSHOT: *api_key = API_FETCH_SNAPSHOT; return fetch_snapshot_of(q, m, arena);
    case RAFT_UPDATE_VOTER: *api_key = API_UPDATE_RAFT_VOTER; return update_voter_of(q, m, arena);
    case RAFT_ADD_VOTER:
        *api_key = API_ADD_RAFT_VOTER;
        *min_version = ADD_VOTER_NO_WAIT;
        return add_voter_of(q, m, arena);
    case RAFT_REMOVE_VOTER: *api_key = API_REMOVE_RAFT_VOTER; return remove_voter_of(q, m, arena);
    case RAFT_API_VERSIONS: *api_key = API_API_VERSIONS; return api_versions_of(arena);
    }
    UNREACHABLE();
}

/* ---- answers */

static void answer_init(struct raft_answer *a)
{
    *a = (struct raft_answer){
        .current = {.leader_id = -1, .epoch = -1},
        .diverging = {.epoch = -1, .end_offset = -1},
        .snapshot = {.end_offset = -1, .epoch = -1},
        .high_watermark = -1,
        .kraft_min = 0,
        .kraft_max = -1,
    };
}

/* Who leads, and where, of an answer that names endpoints. */
#define TAKE_LEADER(a, r, leader, leader_epoch_)                        \
    do {                                                                \
        (a)->current.leader_id = (leader);                              \
        (a)->current.epoch = (leader_epoch_);                           \
        for (int32_t n_ = 0; n_ < (r)->node_endpoints_count; n_++) {    \
            if ((r)->node_endpoints[n_].node_id != (leader)) continue;  \
            (a)->current.host = (r)->node_endpoints[n_].host;           \
            (a)->current.port = (uint16_t)(r)->node_endpoints[n_].port; \
        }                                                               \
    } while (0)

/* The only partition of an answer, whose error is taken; NULL when the whole answer is an error. A
 * malformed answer is one with an error. */
#define TAKE_PARTITION(a, r, list)                                                           \
    (taken(a, (r)->error_code, (r)->list##_count == 1 && (r)->list[0].partitions_count == 1) \
         ? ((a)->error = (r)->list[0].partitions[0].error_code, &(r)->list[0].partitions[0]) \
         : NULL)

/* An answer of which nothing is wanted but whether it is an error, and who leads. */
#define TAKE_PLAIN(a, response, type)                                           \
    do {                                                                        \
        const struct type *r_ = (response);                                     \
        const struct type##_partition_data *p_ = TAKE_PARTITION(a, r_, topics); \
        if (p_) TAKE_LEADER(a, r_, p_->leader_id, p_->leader_epoch);            \
    } while (0)

static bool taken(struct raft_answer *a, int16_t error, bool one_partition)
{
    a->error = error || one_partition ? error : KAFKA_INVALID_REQUEST;
    return !a->error;
}

static void take_vote(const struct vote_response *r, struct raft_answer *a)
{
    const struct vote_response_partition_data *p = TAKE_PARTITION(a, r, topics);
    if (!p) return;
    a->granted = p->vote_granted;
    TAKE_LEADER(a, r, p->leader_id, p->leader_epoch);
}

static const struct fetch_response_partition_data *take_fetch(const struct fetch_response *r,
                                                              struct raft_answer *a)
{
    const struct fetch_response_partition_data *p = TAKE_PARTITION(a, r, responses);
    if (!p) return NULL;
    a->high_watermark = p->high_watermark;
    a->diverging = (struct raft_epoch_end){.epoch = p->diverging_epoch.epoch,
                                           .end_offset = p->diverging_epoch.end_offset};
    a->snapshot = (struct raft_snapshot_id){.end_offset = p->snapshot_id.end_offset,
                                            .epoch = p->snapshot_id.epoch};
    TAKE_LEADER(a, r, p->current_leader.leader_id, p->current_leader.leader_epoch);
    return p;
}

static const struct fetch_snapshot_response_partition_snapshot *
take_fetch_snapshot(const struct fetch_snapshot_response *r, struct raft_answer *a)
{
    const struct fetch_snapshot_response_partition_snapshot *p = TAKE_PARTITION(a, r, topics);
    if (p) TAKE_LEADER(a, r, p->current_leader.leader_id, p->current_leader.leader_epoch);
    return p;
}

static void take_update_voter(const struct update_raft_voter_response *r, struct raft_answer *a)
{
    a->error = r->error_code;
    a->current.leader_id = r->current_leader.leader_id;
    a->current.epoch = r->current_leader.leader_epoch;
    if (r->current_leader.host.len <= 0) return;
    a->current.host = r->current_leader.host;
    a->current.port = (uint16_t)r->current_leader.port;
}

static void take_api_versions(const struct api_versions_response *r, struct raft_answer *a)
{
    a->error = r->error_code;
    for (int32_t i = 0; i < r->supported_features_count; i++) {
        if (!str_equal_z(r->supported_features[i].name, "kraft.version")) continue;
        a->kraft_min = r->supported_features[i].min_version;
        a->kraft_max = r->supported_features[i].max_version;
    }
}

/* ---- fetched records and pieces */

static void fetched(struct quorum *q, const struct raft_message *m, const void *response)
{
    struct raft_answer a;
    answer_init(&a);
    const struct fetch_response_partition_data *p = take_fetch(response, &a);
    if (raft_answered(q->raft, quorum_now_ms(q), m->token, &a) != RAFT_APPEND) return;
    INVARIANT(p);
    bool fine =
        p->records.len <= 0 || quorum_follow(q, bytes_of(p->records.data, (size_t)p->records.len));
    if (q->failed) return;
    if (fine) {
        q->unstored = false;
        quorum_set_held_back(q, false);
        raft_fetched(q->raft, quorum_now_ms(q), a.high_watermark);
        return;
    }
    q->held_fetch = true;
    quorum_hold(q);
}

static void fetched_piece(struct quorum *q, const struct raft_message *m, const void *response)
{
    struct raft_answer a;
    answer_init(&a);
    const struct fetch_snapshot_response_partition_snapshot *p = take_fetch_snapshot(response, &a);
    bool gone = a.error == KAFKA_SNAPSHOT_NOT_FOUND || a.error == KAFKA_POSITION_OUT_OF_RANGE;
    enum raft_verdict verdict = raft_answered(q->raft, quorum_now_ms(q), m->token, &a);
    bool wanted = q->download.id.end_offset == m->snapshot.end_offset &&
                  q->download.id.epoch == m->snapshot.epoch;
    if (gone && wanted) {
        quorum_download_failed(q);
        return;
    }
    if (verdict != RAFT_APPEND || !wanted) return;
    INVARIANT(p);
    struct quorum_piece piece = {
        .id = {.end_offset = p->snapshot_id.end_offset, .epoch = p->snapshot_id.epoch},
        .size = p->size,
        .position = p->position,
        .data = bytes_of(p->unaligned_records.data,
                         (size_t)(p->unaligned_records.len > 0 ? p->unaligned_records.len : 0)),
    };
    quorum_download_take(q, &piece);
}

void quorum_message_answered(struct quorum *q, const struct raft_message *m, const void *response)
{
    struct raft_answer a;
    answer_init(&a);
    switch (m->kind) {
    case RAFT_FETCH: fetched(q, m, response); return;
    case RAFT_FETCH_SNAPSHOT: fetched_piece(q, m, response); return;
    case RAFT_VOTE: take_vote(response, &a); break;
    case RAFT_BEGIN_QUORUM_EPOCH: TAKE_PLAIN(&a, response, begin_quorum_epoch_response); break;
    case RAFT_END_QUORUM_EPOCH: TAKE_PLAIN(&a, response, end_quorum_epoch_response); break;
    case RAFT_UPDATE_VOTER: take_update_voter(response, &a); break;
    case RAFT_ADD_VOTER:
        a.error = ((const struct add_raft_voter_response *)response)->error_code;
        break;
    case RAFT_REMOVE_VOTER:
        a.error = ((const struct remove_raft_voter_response *)response)->error_code;
        break;
    case RAFT_API_VERSIONS: take_api_versions(response, &a); break;
    }
    enum raft_verdict ignored = raft_answered(q->raft, quorum_now_ms(q), m->token, &a);
    (void)ignored;
}
