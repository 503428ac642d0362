/* A follower: what its leader says, and what it does with fetched records, divergence and snapshots
 * (FollowerState, KafkaRaftClient.handleFetchResponse). It believes nothing that would cost
 * committed records: an answer that asks for that is ignored, and the leader asked again. */
#include "base/assert.h"
#include "base/mark.h"
#include "raft/internal.h"

void follower_begin(struct raft *r, int64_t now_ms)
{
    r->following = (struct raft_following){
        .fetch_at = now_ms + r->options.fetch_timeout_ms,
        .update_voter_at = now_ms + r->options.fetch_timeout_ms,
        .loading = {-1, -1},
    };
}

void follower_reset_fetch_timer(struct raft *r, int64_t now_ms)
{
    r->following.fetch_at = now_ms + r->options.fetch_timeout_ms;
    r->following.has_fetched = true;
    r->following.failures = 0;
}

static void follower_raise_high_watermark(struct raft *r, int64_t high_watermark)
{
    int64_t end = log_end(r), reached = high_watermark < end ? high_watermark : end;
    if (reached > r->high_watermark) r->high_watermark = reached;
}

bool follower_wants_update(const struct raft *r)
{
    if (voters_version(r->voters) >= 1)
        return voters_need_update(voters_latest(r->voters), r->options.own_entry);
    return !r->following.has_updated_leader;
}

/* ---- requests of leaders ---- */

static enum kafka_error admit_leader(const struct raft *r, int32_t leader_id, int32_t epoch)
{
    if (epoch < r->state.epoch) return KAFKA_FENCED_LEADER_EPOCH;
    bool possible = leader_id >= 0 && role_believes_epoch(r, epoch);
    return possible ? KAFKA_NONE : KAFKA_INVALID_REQUEST;
}

enum kafka_error raft_handle_begin_epoch(struct raft *r, int64_t now_ms,
                                         const struct raft_leader_hint *leader,
                                         struct raft_replica target)
{
    enum kafka_error error = admit_leader(r, leader->leader_id, leader->epoch);
    if (error) return error;
    /* A second leader of one epoch: fenced is the one refusal that every sender survives. */
    if (!role_learn(r, now_ms, leader)) return KAFKA_FENCED_LEADER_EPOCH;
    return vote_key_is_own(r, target) ? KAFKA_NONE : KAFKA_INVALID_VOTER_KEY;
}

/* How long to let better successors go first: best not at all, last the whole maximum. */
static int64_t successor_wait(const struct raft *r, const struct raft_replica *preferred,
                              int32_t count)
{
    int64_t longest = r->options.election_backoff_ms_max;
    int32_t position = 0;
    while (position < count && !voters_match(preferred[position], r->options.self)) position++;
    if (position == 0) return 0;
    if (position >= count) return longest;
    int32_t shift = count - 1 < 62 ? count - 1 : 62;
    int64_t wait = longest >> shift;
    for (int32_t i = 1; i < position && wait < longest; i++) wait <<= 1;
    return wait < longest ? wait : longest;
}

enum kafka_error raft_handle_end_epoch(struct raft *r, int64_t now_ms, int32_t leader_id,
                                       int32_t epoch, const struct raft_replica *preferred,
                                       int32_t preferred_count)
{
    enum kafka_error error = admit_leader(r, leader_id, epoch);
    if (error) return error;
    struct raft_leader_hint hint = {.leader_id = leader_id, .epoch = epoch, .host = STR_NULL};
    if (!role_learn(r, now_ms, &hint)) return KAFKA_FENCED_LEADER_EPOCH;
    if (r->role == RAFT_FOLLOWER && r->state.leader_id == leader_id)
        r->following.fetch_at = now_ms + successor_wait(r, preferred, preferred_count);
    return KAFKA_NONE;
}

/* ---- answers of the leader ---- */

static int64_t truncation_of(const struct raft *r, struct raft_epoch_end leader)
{
    int64_t end = log_end(r);
    if (leader.epoch == 0) return leader.end_offset < end ? leader.end_offset : end;
    struct raft_epoch_end own = log_end_of_epoch(r, leader.epoch);
    if (own.epoch == leader.epoch && leader.end_offset < own.end_offset) return leader.end_offset;
    return own.end_offset;
}

static bool cut_log(struct raft *r, struct raft_epoch_end leader)
{
    int64_t to = truncation_of(r, leader), start = r->log.start_offset(r->log.context);
    if (to < r->high_watermark || to < start || leader.end_offset < r->high_watermark) return false;
    if (to >= log_end(r)) return false; /* it would ask for the same again */
    if (r->effects.truncate_to < 0 || to < r->effects.truncate_to) r->effects.truncate_to = to;
    if (r->durable_end > to) r->durable_end = to;
    voters_truncate(r->voters, to);
    return true;
}

static bool load_snapshot(struct raft *r, struct raft_snapshot_id id)
{
    int32_t last_epoch = log_last_epoch(r);
    bool ahead = id.epoch > last_epoch || (id.epoch == last_epoch && id.end_offset > log_end(r));
    if (id.epoch < 0 || !ahead || id.end_offset < r->high_watermark) return false;
    r->following.loading = r->effects.snapshot = id;
    return true;
}

enum raft_verdict follower_fetch_answered(struct raft *r, int64_t now_ms,
                                          const struct raft_answer *answer, bool *good)
{
    *good = true;
    if (answer->diverging.epoch >= 0) {
        MARK("a voter cuts its metadata log");
        *good = cut_log(r, answer->diverging);
    } else if (answer->snapshot.end_offset >= 0 || answer->snapshot.epoch >= 0) {
        *good = answer->snapshot.end_offset >= 0 && load_snapshot(r, answer->snapshot);
    } else {
        follower_reset_fetch_timer(r, now_ms);
        r->appending = true;
        return RAFT_APPEND;
    }
    if (*good) follower_reset_fetch_timer(r, now_ms);
    return RAFT_IGNORE;
}

void raft_fetched(struct raft *r, int64_t now_ms, int64_t high_watermark)
{
    (void)now_ms;
    r->appending = false;
    if (r->role == RAFT_FOLLOWER) follower_raise_high_watermark(r, high_watermark);
}

void raft_snapshot_loaded(struct raft *r, int64_t now_ms, struct raft_snapshot_id id)
{
    PRE(id.end_offset >= r->high_watermark && log_end(r) == id.end_offset);
    voters_restart(r->voters, id.end_offset);
    r->durable_end = id.end_offset;
    r->high_watermark = id.end_offset;
    if (r->role != RAFT_FOLLOWER) return;
    r->following.loading = (struct raft_snapshot_id){-1, -1};
    follower_reset_fetch_timer(r, now_ms);
}

void raft_snapshot_failed(struct raft *r, int64_t now_ms)
{
    (void)now_ms;
    if (r->role == RAFT_FOLLOWER) r->following.loading = (struct raft_snapshot_id){-1, -1};
}
