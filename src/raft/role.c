/* The moves between roles (QuorumState). Every change of role, epoch, leader and vote is made here;
 * raft.h draws the edges. Within one epoch a recorded vote is never given up. */
#include "base/assert.h"
#include "base/mem.h"
#include "raft/internal.h"

bool role_is_only_voter(const struct raft *r)
{
    return raft_is_voter(r) && voters_latest(r->voters)->voters_count == 1;
}

bool role_may_stand(const struct raft *r)
{
    int64_t latest = voters_latest_offset(r->voters);
    if (raft_is_voter(r)) return true;
    return r->options.is_controller && latest >= 0 && latest >= r->high_watermark &&
           voters_include(voters_at(r->voters, latest - 1), r->options.self);
}

int64_t role_election_timeout(struct raft *r)
{
    int64_t t = r->options.election_timeout_ms;
    return t > 0 ? t + (int64_t)prng_below(&r->prng, (uint64_t)t) : 0;
}

static void set_leader_address(struct raft *r, struct raft_address address)
{
    char *copy = str_is_null(address.host) ? NULL : str_dup_z(address.host);
    mem_free((char *)r->leader_address.host.data);
    r->leader_address = (struct raft_address){str_of(copy), copy ? address.port : (uint16_t)0};
}

static const struct raft_replica nobody = {.id = -1};
static const struct raft_address nowhere = {.host = {NULL, -1}};

/* What belongs to the role that ends. */
static void leave(struct raft *r)
{
    if (r->role == RAFT_LEADER) leader_end(r);
    election_end(r);
    mem_free(r->resigned.preferred);
    mem_free(r->resigned.voters);
    mem_free(r->resigned.acknowledged);
    r->resigned = (struct raft_resigned){0};
    r->following.loading = (struct raft_snapshot_id){-1, -1};
    r->effects.snapshot = (struct raft_snapshot_id){-1, -1};
    wire_reset(r);
}

static void enter(struct raft *r, enum raft_role role, int32_t epoch, int32_t leader_id,
                  struct raft_replica voted)
{
    PRE(epoch >= r->state.epoch);
    PRE(IMPLIES(epoch == r->state.epoch && r->state.leader_id >= 0 && leader_id >= 0,
                leader_id == r->state.leader_id));
    if (voted.id < 0) voted = nobody;
    r->role = role;
    r->state = (struct raft_state){epoch, leader_id, voted};
    r->election_at = INT64_MAX;
}

bool role_believes_epoch(const struct raft *r, int32_t epoch)
{
    return epoch <= RAFT_EPOCH_FREE_MAX || epoch - r->state.epoch <= RAFT_EPOCH_LEAP_MAX;
}

static struct raft_replica vote_in(const struct raft *r, int32_t epoch)
{
    return epoch == r->state.epoch ? r->state.voted : nobody;
}

void role_become_unattached(struct raft *r, int64_t now_ms, int32_t epoch, int32_t leader_id)
{
    PRE(epoch > r->state.epoch || (r->role != RAFT_LEADER && r->role != RAFT_RESIGNED));
    bool keep_timer = r->role == RAFT_CANDIDATE || r->role == RAFT_UNATTACHED ||
                      r->role == RAFT_RESIGNED ||
                      (r->role == RAFT_PROSPECTIVE && !election_lost(r));
    int64_t election_at = r->election_at;
    if (!role_may_stand(r))
        election_at = INT64_MAX;
    else if (!keep_timer || election_at == INT64_MAX)
        election_at = now_ms + role_election_timeout(r);
    leave(r);
    enter(r, RAFT_UNATTACHED, epoch, leader_id, vote_in(r, epoch));
    set_leader_address(r, nowhere);
    r->election_at = election_at;
}

void role_become_prospective(struct raft *r, int64_t now_ms)
{
    PRE(role_may_stand(r) && r->role != RAFT_LEADER && r->role != RAFT_PROSPECTIVE);
    leave(r);
    enter(r, RAFT_PROSPECTIVE, r->state.epoch, r->state.leader_id, r->state.voted);
    r->election_at = now_ms + role_election_timeout(r);
    election_begin(r);
    election_forward(r, now_ms);
}

void role_become_candidate(struct raft *r, int64_t now_ms)
{
    PRE(role_may_stand(r) && r->role == RAFT_PROSPECTIVE);
    if (r->state.epoch == INT32_MAX) { /* there is none to stand in */
        role_become_unattached(r, now_ms, r->state.epoch, r->state.leader_id);
        return;
    }
    leave(r);
    enter(r, RAFT_CANDIDATE, r->state.epoch + 1, -1, r->options.self);
    set_leader_address(r, nowhere);
    r->election_at = now_ms + role_election_timeout(r);
    election_begin(r);
    election_forward(r, now_ms);
}

void role_become_leader(struct raft *r, int64_t now_ms)
{
    PRE(role_may_stand(r) && r->role == RAFT_CANDIDATE);
    leader_begin(r, now_ms); /* looks at the ballots */
    leave(r);
    enter(r, RAFT_LEADER, r->state.epoch, r->options.self.id, nobody);
    if (r->stopping && !role_is_only_voter(r)) role_become_resigned(r, now_ms);
}

/* All voters but this node are to be told. */
static void tell_voters(struct raft *r)
{
    const struct voters_record *voters = voters_latest(r->voters);
    r->resigned.voters = mem_zalloc((size_t)voters->voters_count + 1, sizeof *r->resigned.voters);
    r->resigned.acknowledged =
        mem_zalloc((size_t)voters->voters_count + 1, sizeof *r->resigned.acknowledged);
    for (int32_t i = 0; i < voters->voters_count; i++) {
        if (voters->voters[i].voter_id != r->options.self.id)
            r->resigned.voters[r->resigned.voters_count++] = voters_key(&voters->voters[i]);
    }
}

void role_become_resigned(struct raft *r, int64_t now_ms)
{
    PRE(r->role == RAFT_LEADER);
    int32_t count = 0;
    struct raft_replica *successors = leader_successors(r, &count);
    leave(r);
    enter(r, RAFT_RESIGNED, r->state.epoch, r->options.self.id, nobody);
    r->election_at = now_ms + role_election_timeout(r);
    r->resigned.preferred = successors;
    r->resigned.preferred_count = count;
    tell_voters(r);
}

void role_become_follower(struct raft *r, int64_t now_ms, int32_t epoch, int32_t leader_id,
                          struct raft_address address)
{
    PRE(!str_is_null(address.host) && leader_id >= 0 && leader_id != r->options.self.id);
    PRE(epoch > r->state.epoch || (r->role != RAFT_LEADER && r->role != RAFT_RESIGNED));
    set_leader_address(r, address); /* copied before what it may point to goes */
    leave(r);
    enter(r, RAFT_FOLLOWER, epoch, leader_id, vote_in(r, epoch));
    follower_begin(r, now_ms);
}

void role_vote_for(struct raft *r, int64_t now_ms, struct raft_replica candidate)
{
    PRE(r->role == RAFT_UNATTACHED || r->role == RAFT_PROSPECTIVE);
    PRE(r->state.voted.id < 0 && r->state.leader_id < 0 && candidate.id != r->options.self.id);
    r->state.voted = candidate;
    if (r->role == RAFT_PROSPECTIVE)
        election_begin(r); /* its own ballots count anew, as Kafka's do */
    /* Whoever got this vote has as good a chance as this node. */
    if (role_may_stand(r)) r->election_at = now_ms + role_election_timeout(r);
}

void role_leave_prospective(struct raft *r, int64_t now_ms)
{
    PRE(r->role == RAFT_PROSPECTIVE);
    bool leader_known = r->state.leader_id >= 0 && r->state.leader_id != r->options.self.id;
    if (leader_known && !str_is_null(r->leader_address.host))
        role_become_follower(r, now_ms, r->state.epoch, r->state.leader_id, r->leader_address);
    else
        role_become_unattached(r, now_ms, r->state.epoch, r->state.leader_id);
}

void role_resume(struct raft *r, int64_t now_ms)
{
    leave(r);
    set_leader_address(r, nowhere);
    r->role = RAFT_UNATTACHED;
    struct raft_state state = r->state;
    struct raft_replica self = r->options.self;
    if (state.epoch < log_last_epoch(r)) {
        state = (struct raft_state){log_last_epoch(r), -1, nobody};
        enter(r, RAFT_UNATTACHED, state.epoch, -1, nobody);
    } else if (state.leader_id == self.id) {
        /* Another leader of this epoch must not be voted for, and records that were lost unsynced
         * must not be followed by others with the same epoch and offset. */
        enter(r, RAFT_RESIGNED, state.epoch, self.id, nobody);
        r->election_at = now_ms + role_election_timeout(r);
        tell_voters(r);
        return;
    } else if (role_may_stand(r) && state.leader_id < 0 && state.voted.id == self.id &&
               voters_match(state.voted, self)) {
        enter(r, RAFT_CANDIDATE, state.epoch, -1, self);
        r->election_at = now_ms + role_election_timeout(r);
        election_begin(r);
        election_forward(r, now_ms);
        return;
    } else {
        enter(r, RAFT_UNATTACHED, state.epoch, state.leader_id, state.voted);
    }
    struct raft_address address =
        voters_address(voters_find(voters_latest(r->voters), state.leader_id), r->options.listener);
    if (state.leader_id >= 0 && !str_is_null(address.host))
        role_become_follower(r, now_ms, state.epoch, state.leader_id, address);
    else if (role_may_stand(r))
        r->election_at = now_ms + role_election_timeout(r);
}

bool role_learn(struct raft *r, int64_t now_ms, const struct raft_leader_hint *hint)
{
    int32_t leader = hint->leader_id < 0 ? -1 : hint->leader_id, known = r->state.leader_id;
    if (hint->epoch < r->state.epoch || !role_believes_epoch(r, hint->epoch)) return true;
    if (leader == r->options.self.id)
        return hint->epoch == r->state.epoch && r->role == RAFT_LEADER;
    if (hint->epoch == r->state.epoch && leader >= 0 && known >= 0 && leader != known) return false;
    struct raft_address address = {hint->host, hint->port};
    if (leader >= 0 && str_is_null(address.host))
        address =
            voters_address(voters_find(voters_latest(r->voters), leader), r->options.listener);
    bool higher = hint->epoch > r->state.epoch, reachable = !str_is_null(address.host);
    bool news = leader >= 0 && (known < 0 || (reachable && str_is_null(r->leader_address.host)));
    if (!higher && !news) return true;
    if (leader >= 0 && reachable)
        role_become_follower(r, now_ms, hint->epoch, leader, address);
    else if (higher || known < 0)
        role_become_unattached(r, now_ms, hint->epoch, leader);
    return true;
}
