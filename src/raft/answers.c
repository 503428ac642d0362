/* What answers to this node's own messages do (the handle…Response methods of KafkaRaftClient). */
#include "base/assert.h"
#include "raft/internal.h"

/* ---- failures ---- */

/* After a timeout it is another server's turn at once: the next one may cost as much. */
static void fetch_failed(struct raft *r, int64_t now_ms, const struct raft_sent *sent,
                         bool timed_out)
{
    int32_t *failures = &r->following.failures;
    if (r->role == RAFT_FOLLOWER && sent->peer == r->state.leader_id)
        *failures += timed_out ? 2 - *failures % 2 : 1;
    else
        r->wire.ask_at = now_ms + r->options.retry_backoff_ms;
}

static void failed(struct raft *r, int64_t now_ms, const struct raft_sent *sent, bool timed_out)
{
    /* After a timeout there was rest enough. */
    if (!timed_out) wire_rest(r, sent->peer, now_ms + r->options.retry_backoff_ms);
    if (sent->kind == RAFT_FETCH || sent->kind == RAFT_FETCH_SNAPSHOT)
        fetch_failed(r, now_ms, sent, timed_out);
    else if (sent->kind == RAFT_API_VERSIONS)
        change_api_versions_answered(r, now_ms, NULL);
}

void raft_unanswered(struct raft *r, int64_t now_ms, uint32_t token, bool timed_out)
{
    struct raft_sent sent;
    if (wire_take_sent(r, token, &sent)) failed(r, now_ms, &sent, timed_out);
}

void wire_expire(struct raft *r, int64_t now_ms)
{
    for (int32_t i = r->wire.sent_count - 1; i >= 0; i--) {
        if (i < r->wire.sent_count && r->wire.sent[i].expires_at <= now_ms)
            raft_unanswered(r, now_ms, r->wire.sent[i].token, true);
    }
}

void raft_unsupported(struct raft *r, int64_t now_ms, uint32_t token)
{
    struct raft_sent sent;
    if (!wire_take_sent(r, token, &sent)) return;
    if (sent.kind == RAFT_VOTE && r->role == RAFT_PROSPECTIVE)
        role_become_candidate(r, now_ms); /* a voter that does not know pre-votes */
    else if (sent.kind == RAFT_UPDATE_VOTER && r->role == RAFT_FOLLOWER)
        r->following.has_updated_leader = true; /* a leader that does not keep it */
    else
        failed(r, now_ms, &sent, false);
}

/* ---- answers ---- */

enum handled { HANDLED, HANDLED_BADLY, NOT_HANDLED };

/* What every answer may say: another leader, another epoch (maybeHandleCommonResponse). */
static enum handled handle_common(struct raft *r, int64_t now_ms, const struct raft_answer *answer)
{
    const struct raft_leader_hint *hint = &answer->current;
    enum kafka_error error = answer->error;
    if (error && hint->epoch < 0) return HANDLED_BADLY; /* a top-level error */
    if (hint->epoch < r->state.epoch || error == KAFKA_UNKNOWN_LEADER_EPOCH) return HANDLED_BADLY;
    bool unknown = r->state.leader_id < 0 && hint->leader_id >= 0;
    if (hint->epoch > r->state.epoch || error == KAFKA_FENCED_LEADER_EPOCH ||
        error == KAFKA_NOT_LEADER_OR_FOLLOWER || unknown) {
        enum raft_role role = r->role;
        int32_t epoch = r->state.epoch;
        role_learn(r, now_ms, hint);
        return role == r->role && epoch == r->state.epoch ? HANDLED_BADLY : HANDLED;
    }
    return error ? HANDLED_BADLY : NOT_HANDLED;
}

static bool membership_settled(enum raft_message_kind kind, enum kafka_error error)
{
    return error == KAFKA_NONE || error == KAFKA_REQUEST_TIMED_OUT ||
           error == (kind == RAFT_ADD_VOTER ? KAFKA_DUPLICATE_VOTER : KAFKA_VOTER_NOT_FOUND);
}

static void end_acknowledged(struct raft *r, int32_t voter_id)
{
    for (int32_t i = 0; i < r->resigned.voters_count; i++) {
        if (r->resigned.voters[i].id == voter_id) r->resigned.acknowledged[i] = true;
    }
}

static enum raft_verdict fetch_answered(struct raft *r, int64_t now_ms,
                                        const struct raft_sent *sent,
                                        const struct raft_answer *answer)
{
    bool good = r->role == RAFT_FOLLOWER && sent->peer == r->state.leader_id;
    enum raft_verdict verdict = RAFT_IGNORE;
    if (!good && r->role == RAFT_FOLLOWER && answer->current.leader_id == r->state.leader_id)
        good = true; /* a bootstrap server that is the leader */
    if (good && sent->kind == RAFT_FETCH_SNAPSHOT) {
        verdict = r->following.loading.end_offset >= 0 ? RAFT_APPEND : RAFT_IGNORE;
        follower_reset_fetch_timer(r, now_ms);
    } else if (good) {
        verdict = follower_fetch_answered(r, now_ms, answer, &good);
    }
    if (!good) failed(r, now_ms, sent, false);
    return verdict;
}

static enum raft_verdict dispatch(struct raft *r, int64_t now_ms, const struct raft_sent *sent,
                                  const struct raft_answer *answer)
{
    switch (sent->kind) {
    case RAFT_VOTE: election_answered(r, now_ms, sent->peer, answer->granted); return RAFT_IGNORE;
    case RAFT_FETCH:
    case RAFT_FETCH_SNAPSHOT: return fetch_answered(r, now_ms, sent, answer);
    case RAFT_END_QUORUM_EPOCH: end_acknowledged(r, sent->peer); return RAFT_IGNORE;
    case RAFT_UPDATE_VOTER:
        r->following.has_updated_leader = true;
        follower_reset_fetch_timer(r, now_ms);
        return RAFT_IGNORE;
    case RAFT_BEGIN_QUORUM_EPOCH:
    case RAFT_ADD_VOTER:
    case RAFT_REMOVE_VOTER:
    case RAFT_API_VERSIONS: return RAFT_IGNORE;
    }
    UNREACHABLE();
}

enum raft_verdict raft_answered(struct raft *r, int64_t now_ms, uint32_t token,
                                const struct raft_answer *answer)
{
    struct raft_sent sent;
    if (!wire_take_sent(r, token, &sent)) return RAFT_IGNORE;
    /* These three name no leader. */
    if (sent.kind == RAFT_API_VERSIONS) {
        change_api_versions_answered(r, now_ms, answer);
        return RAFT_IGNORE;
    }
    if (sent.kind == RAFT_ADD_VOTER || sent.kind == RAFT_REMOVE_VOTER) {
        if (membership_settled(sent.kind, answer->error))
            r->following.update_voter_at = now_ms + r->options.fetch_timeout_ms;
        else
            failed(r, now_ms, &sent, false);
        return RAFT_IGNORE;
    }
    if (answer->error == KAFKA_UNSUPPORTED_VERSION && sent.kind == RAFT_UPDATE_VOTER) {
        r->following.has_updated_leader = true;
        return RAFT_IGNORE;
    }
    if (answer->error == KAFKA_SNAPSHOT_NOT_FOUND && sent.kind == RAFT_FETCH_SNAPSHOT &&
        answer->current.epoch == r->state.epoch) {
        raft_snapshot_failed(r, now_ms);
        follower_reset_fetch_timer(r, now_ms);
        return RAFT_IGNORE;
    }
    switch (handle_common(r, now_ms, answer)) {
    case NOT_HANDLED: return dispatch(r, now_ms, &sent, answer);
    case HANDLED_BADLY: failed(r, now_ms, &sent, false); return RAFT_IGNORE;
    case HANDLED: return RAFT_IGNORE;
    }
    UNREACHABLE();
}
