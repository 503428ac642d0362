/* AddRaftVoter, RemoveRaftVoter, UpdateRaftVoter: the wire's checks, then the core. One change is
 * under way at a time; its answer waits for the core's outcome. */
#include "protocol/add_raft_voter.h"
#include "protocol/remove_raft_voter.h"
#include "protocol/update_raft_voter.h"
#include "quorum/internal.h"

enum { LISTENERS_MAX = 32 };

/* ---- the change under way */

static void change_abandoned(struct request *rq)
{
    struct quorum *q = rq->context;
    q->change.request = NULL;
}

void quorum_change_finish(struct quorum *q, enum kafka_error error, const char *message)
{
    struct quorum_change c = q->change;
    q->change = (struct quorum_change){0};
    if (!c.request) return;
    c.request->abandoned = NULL;
    c.reply(q, c.request, error, message);
}

typedef void reply_fn(struct quorum *q, struct request *rq, enum kafka_error error,
                      const char *message);

static void change_begun(struct quorum *q, struct request *rq, reply_fn *reply,
                         const struct raft_change_answer *a)
{
    if (a->outcome == RAFT_CHANGE_PENDING) {
        PRE(!q->change.request);
        q->change = (struct quorum_change){.request = rq, .reply = reply};
        if (!rq->deliver) { /* a call from inside this node is never abandoned */
            rq->context = q;
            rq->abandoned = change_abandoned;
        }
        quorum_step(q);
        return;
    }
    if (quorum_step(q) && !q->failed)
        reply(q, rq, a->error, a->message);
    else
        request_close(rq);
}

enum err quorum_raise_kraft_version(struct quorum *q, int32_t epoch, int16_t level,
                                    bool validate_only, const char **why)
{
    if (q->failed || !quorum_is_leader(q) || raft_epoch(q->raft) != epoch) return ERR_NOT_LEADER;
    struct raft_change_answer a =
        raft_upgrade_kraft_version(q->raft, quorum_now_ms(q), level, validate_only);
    quorum_step(q);
    if (!a.error) return quorum_is_leader(q) ? ERR_OK : ERR_NOT_LEADER; /* no room, and resigned */
    *why = a.message ? a.message : kafka_error_text((int16_t)a.error);
    return ERR_INVALID;
}

static struct str text_of(enum kafka_error error, const char *message)
{
    if (!error) return STR_NULL;
    return str_of(message ? message : kafka_error_text((int16_t)error));
}

/* A cluster id that is not ours is answered here; false then. */
static bool cluster_checked(struct quorum *q, struct request *rq, struct str given, reply_fn *reply)
{
    if (quorum_cluster_is_ours(q, given)) return true;
    struct str why =
        arena_printf(&rq->arena, "The given id \"%.*s\" doesn't match the cluster id \"%s\"",
                     STR_ARG(given), q->options.cluster_id);
    reply(q, rq, KAFKA_INCONSISTENT_CLUSTER_ID, why.data);
    return false;
}

/* The voter that a request names with its listeners, in the request's arena. */
#define VOTER_NAMED(voter, rq, request)                                                         \
    do {                                                                                        \
        (voter) = (struct voters_record_voter){                                                 \
            .voter_id = (request)->voter_id,                                                    \
            .voter_directory_id = (request)->voter_directory_id,                                \
            .endpoints_count = (request)->listeners_count,                                      \
            .endpoints = voters_record_endpoint_new(&(rq)->arena, (request)->listeners_count)}; \
        QUORUM_COPY_ENDPOINTS((voter).endpoints, (request)->listeners,                          \
                              (request)->listeners_count);                                      \
    } while (0)

/* ---- AddRaftVoter */

static void add_reply(struct quorum *q, struct request *rq, enum kafka_error error,
                      const char *message)
{
    (void)q;
    struct add_raft_voter_response r;
    add_raft_voter_response_init(&r);
    r.error_code = (int16_t)error;
    r.error_message = text_of(error, message);
    request_reply(rq, &r);
}

void quorum_handle_add_voter(struct request *rq, void *context)
{
    struct quorum *q = context;
    const struct add_raft_voter_request *request = rq->body;
    if (!cluster_checked(q, rq, request->cluster_id, add_reply)) return;
    if (request->listeners_count > LISTENERS_MAX) {
        add_reply(q, rq, KAFKA_INVALID_REQUEST, "Too many listeners");
        return;
    }
    struct voters_record_voter voter;
    VOTER_NAMED(voter, rq, request);
    struct raft_change_answer a = raft_add_voter(q->raft, quorum_now_ms(q), &voter,
                                                 request->ack_when_committed, request->timeout_ms);
    change_begun(q, rq, add_reply, &a);
}

/* ---- RemoveRaftVoter */

static void remove_reply(struct quorum *q, struct request *rq, enum kafka_error error,
                         const char *message)
{
    (void)q;
    struct remove_raft_voter_response r;
    remove_raft_voter_response_init(&r);
    r.error_code = (int16_t)error;
    r.error_message = text_of(error, message);
    request_reply(rq, &r);
}

void quorum_handle_remove_voter(struct request *rq, void *context)
{
    struct quorum *q = context;
    const struct remove_raft_voter_request *request = rq->body;
    if (!cluster_checked(q, rq, request->cluster_id, remove_reply)) return;
    struct raft_replica voter = {.id = request->voter_id,
                                 .directory_id = request->voter_directory_id};
    struct raft_change_answer a =
        raft_remove_voter(q->raft, quorum_now_ms(q), voter, q->options.request_timeout_ms);
    change_begun(q, rq, remove_reply, &a);
}

/* ---- UpdateRaftVoter */

static void update_reply(struct quorum *q, struct request *rq, enum kafka_error error,
                         const char *message)
{
    (void)message;
    struct quorum_leader_view leader = quorum_leader_view(q, rq);
    struct update_raft_voter_response r;
    update_raft_voter_response_init(&r);
    r.error_code = (int16_t)error;
    r.current_leader.leader_id = leader.id;
    r.current_leader.leader_epoch = leader.epoch;
    r.current_leader.host = leader.host.data ? leader.host : STR("");
    r.current_leader.port = leader.port;
    request_reply(rq, &r);
}

void quorum_handle_update_voter(struct request *rq, void *context)
{
    struct quorum *q = context;
    const struct update_raft_voter_request *request = rq->body;
    if (!cluster_checked(q, rq, request->cluster_id, update_reply)) return;
    if (request->listeners_count > LISTENERS_MAX) {
        update_reply(q, rq, KAFKA_INVALID_REQUEST, NULL);
        return;
    }
    struct voters_record_voter voter;
    VOTER_NAMED(voter, rq, request);
    voter.kraft_version_feature.min_supported_version =
        request->kraft_version_feature.min_supported_version;
    voter.kraft_version_feature.max_supported_version =
        request->kraft_version_feature.max_supported_version;
    struct raft_change_answer a =
        raft_update_voter(q->raft, quorum_now_ms(q), request->current_leader_epoch, &voter);
    change_begun(q, rq, update_reply, &a);
}
