/* Elections: whose vote this node gives, and what becomes of the votes it asks for (EpochElection,
 * KafkaRaftClient.handleVoteRequest). Who may have what:
 *
 *                          pre-vote                          vote (after taking its epoch over)
 *   UNATTACHED, PROSPECTIVE  log up to date                    as voted before; else no leader
 *                                                              known and log up to date
 *   FOLLOWER                 up to date, and this leader has   no
 *                            not answered a Fetch yet, or not
 *                            for a fetch timeout
 *   CANDIDATE, RESIGNED      log up to date                    no
 *   LEADER                   no                                no
 *
 * A follower that has not heard its leader for so long stands itself, if it knows that it may: one
 * that was just added, and has not read so yet, does not. Without its pre-vote the others may be
 * too few. */
#include "base/assert.h"
#include "base/mark.h"
#include "base/mem.h"
#include "raft/internal.h"

/* ---- asking ---- */

void election_end(struct raft *r)
{
    mem_free(r->ballots);
    r->ballots = NULL;
    r->ballots_count = 0;
}

void election_begin(struct raft *r)
{
    const struct voters_record *voters = voters_latest(r->voters);
    election_end(r);
    r->ballots = mem_zalloc((size_t)voters->voters_count + 1, sizeof *r->ballots);
    for (int32_t i = 0; i < voters->voters_count; i++) {
        struct raft_ballot *ballot = &r->ballots[r->ballots_count++];
        ballot->voter = voters_key(&voters->voters[i]);
        ballot->state = ballot->voter.id == r->options.self.id ? BALLOT_GRANTED : BALLOT_OPEN;
    }
}

static int32_t count_ballots(const struct raft *r, enum raft_ballot_state state)
{
    int32_t count = 0;
    for (int32_t i = 0; i < r->ballots_count; i++) count += r->ballots[i].state == state;
    return count;
}

static bool election_won(const struct raft *r)
{
    return count_ballots(r, BALLOT_GRANTED) >= r->ballots_count / 2 + 1;
}

bool election_lost(const struct raft *r)
{
    return r->ballots_count - count_ballots(r, BALLOT_REJECTED) < r->ballots_count / 2 + 1;
}

void election_forward(struct raft *r, int64_t now_ms)
{
    if (!election_won(r)) return;
    if (r->role == RAFT_PROSPECTIVE)
        role_become_candidate(r, now_ms);
    else if (r->role == RAFT_CANDIDATE)
        role_become_leader(r, now_ms);
}

void election_answered(struct raft *r, int64_t now_ms, int32_t voter_id, bool granted)
{
    if (r->role != RAFT_PROSPECTIVE && r->role != RAFT_CANDIDATE) return;
    for (int32_t i = 0; i < r->ballots_count; i++) {
        if (r->ballots[i].voter.id == voter_id && r->ballots[i].state == BALLOT_OPEN)
            r->ballots[i].state = granted ? BALLOT_GRANTED : BALLOT_REJECTED;
    }
    if (granted)
        election_forward(r, now_ms);
    else if (r->role == RAFT_PROSPECTIVE && election_lost(r))
        role_leave_prospective(r, now_ms);
    /* A candidate that has lost waits for the end of its timer. */
}

/* ---- being asked ---- */

static bool up_to_date(const struct raft *r, const struct raft_vote_request *rq)
{
    int32_t own = log_last_epoch(r);
    return rq->last_epoch > own || (rq->last_epoch == own && rq->last_offset >= log_end(r)) ||
           MUTANT(VOTES_FOR_SHORTER_LOG);
}

/* That this follower's leader works. */
static bool hears_leader(const struct raft *r, int64_t now_ms)
{
    return r->following.has_fetched && now_ms < r->following.fetch_at;
}

static bool may_have_vote(const struct raft *r, int64_t now_ms, const struct raft_vote_request *rq)
{
    switch (r->role) {
    case RAFT_UNATTACHED:
    case RAFT_PROSPECTIVE:
        if (rq->pre_vote) return up_to_date(r, rq);
        if (r->state.voted.id >= 0 && !MUTANT(VOTES_TWICE))
            return voters_match(r->state.voted, rq->candidate);
        return r->state.leader_id < 0 && up_to_date(r, rq);
    case RAFT_FOLLOWER: return rq->pre_vote && !hears_leader(r, now_ms) && up_to_date(r, rq);
    case RAFT_CANDIDATE:
    case RAFT_RESIGNED: return rq->pre_vote && up_to_date(r, rq);
    case RAFT_LEADER: return false;
    }
    UNREACHABLE();
}

bool vote_key_is_own(const struct raft *r, struct raft_replica key)
{
    bool is_own = key.id == r->options.self.id && voters_match(key, r->options.self);
    return key.id < 0 || is_own || MUTANT(ANY_DIRECTORY);
}

enum kafka_error raft_handle_vote(struct raft *r, int64_t now_ms,
                                  const struct raft_vote_request *rq, bool *granted)
{
    *granted = false;
    bool impossible = rq->pre_vote ? rq->last_epoch > rq->epoch : rq->last_epoch >= rq->epoch;
    if (rq->last_offset < 0 || rq->last_epoch < 0 || impossible) return KAFKA_INVALID_REQUEST;
    if (rq->epoch < r->state.epoch) return KAFKA_FENCED_LEADER_EPOCH;
    if (rq->candidate.id < 0 || !role_believes_epoch(r, rq->epoch)) return KAFKA_INVALID_REQUEST;
    if (rq->epoch > r->state.epoch) role_become_unattached(r, now_ms, rq->epoch, -1);
    if (!vote_key_is_own(r, rq->target)) return KAFKA_INVALID_VOTER_KEY;
    /* The same node id with another directory cannot be served: its votes would be this node's. */
    *granted = rq->candidate.id != r->options.self.id && may_have_vote(r, now_ms, rq);
    if (*granted && !rq->pre_vote && r->state.voted.id < 0) role_vote_for(r, now_ms, rq->candidate);
    return KAFKA_NONE;
}
