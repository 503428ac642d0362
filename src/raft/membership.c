/* Voters that come, go and change, and kraft.version 0 -> 1 (KIP-853; AddVoterHandler,
 * RemoveVoterHandler, UpdateVoterHandler, LeaderState.maybeAppendUpgradedKRaftVersion).
 *
 *   Add:    ASKING ── ApiVersions says it can ──> APPENDED ── committed ──> done
 *             └── it cannot, lags behind, or is silent ──> refused
 *   Remove:                                      APPENDED ── committed ──> done
 *
 * One at a time, none before the high watermark of the epoch is known, none before the last set has
 * committed: so any two successive sets have majorities that overlap. A change that is not over in
 * request_timeout_ms is told to have timed out; what was appended stands nevertheless. */
#include "base/assert.h"
#include "base/mark.h"
#include "raft/internal.h"

static struct raft_change_answer refuse(enum kafka_error error, const char *message)
{
    return (struct raft_change_answer){RAFT_CHANGE_REFUSED, error, message};
}

static void tell_done(struct raft *r, enum kafka_error error, const char *message)
{
    r->effects.change_done = true;
    r->effects.change_error = error;
    r->effects.change_message = message;
}

void change_abort(struct raft *r, enum kafka_error error, const char *message)
{
    struct raft_change *c = &r->change;
    if (c->kind != CHANGE_NONE && !c->answered) tell_done(r, error, message);
    voter_set_free(c->voter);
    *c = (struct raft_change){.kind = CHANGE_NONE};
}

void change_append(struct raft *r, struct voter_set *set, int16_t level)
{
    PRE(!r->wanted);
    r->wanted = set;
    r->effects.append_voters = true;
    r->effects.append_kraft_version = level;
}

void change_expire(struct raft *r, int64_t now_ms)
{
    if (r->change.kind != CHANGE_NONE && now_ms >= r->change.expires_at)
        change_abort(r, KAFKA_REQUEST_TIMED_OUT, NULL);
}

void change_high_watermark_moved(struct raft *r, int64_t now_ms)
{
    bool committed = !r->wanted && r->leading.high_watermark > voters_latest_offset(r->voters);
    if (!committed) return;
    if (r->change.kind == CHANGE_ADD || r->change.kind == CHANGE_REMOVE)
        change_abort(r, KAFKA_NONE, NULL);
    if (!raft_is_voter(r)) role_become_resigned(r, now_ms);
}

/* ---- what Add and Remove have in common ---- */

static struct raft_change_answer admit(const struct raft *r)
{
    enum kafka_error error = leader_admit(r, r->state.epoch);
    if (error) return refuse(error, NULL);
    if (r->change.kind != CHANGE_NONE || r->wanted)
        return refuse(KAFKA_REQUEST_TIMED_OUT,
                      "The leader is still busy with an earlier change of the voters.");
    if (r->leading.high_watermark < 0)
        return refuse(KAFKA_REQUEST_TIMED_OUT,
                      "The leader does not know the high watermark of its epoch yet.");
    if (voters_version(r->voters) < 1)
        return refuse(KAFKA_UNSUPPORTED_VERSION,
                      "The voters are static: the cluster's kraft.version is 0.");
    if (voters_latest_offset(r->voters) >= r->leading.high_watermark)
        return refuse(KAFKA_REQUEST_TIMED_OUT,
                      "The last change of the voters has not committed yet.");
    return (struct raft_change_answer){RAFT_CHANGE_PENDING, KAFKA_NONE, NULL};
}

static void begin_change(struct raft *r, int64_t now_ms, enum raft_change_kind kind,
                         int64_t timeout_ms)
{
    int64_t limit = r->options.request_timeout_ms;
    r->change.kind = kind;
    r->change.expires_at = now_ms + (timeout_ms > 0 && timeout_ms < limit ? timeout_ms : limit);
}

/* ---- Add ---- */

struct raft_change_answer raft_add_voter(struct raft *r, int64_t now_ms,
                                         const struct voters_record_voter *voter,
                                         bool ack_when_committed, int64_t timeout_ms)
{
    enum kafka_error error = leader_admit(r, r->state.epoch);
    if (error) return refuse(error, NULL);
    if (voter->voter_id < 0 || uuid_is_zero(voter->voter_directory_id))
        return refuse(KAFKA_INVALID_REQUEST, "The voter has no id or no directory id.");
    if (str_is_null(voters_address(voter, r->options.listener).host))
        return refuse(KAFKA_INVALID_REQUEST,
                      "The voter has no endpoint for the default controller listener.");
    struct raft_change_answer answer = admit(r);
    if (answer.outcome == RAFT_CHANGE_REFUSED) return answer;
    if (voters_find(voters_latest(r->voters), voter->voter_id))
        return refuse(KAFKA_DUPLICATE_VOTER, "The voter's id is among the voters already.");
    begin_change(r, now_ms, CHANGE_ADD_ASKING, timeout_ms);
    r->change.ack_when_committed = ack_when_committed;
    r->change.voter = voter_set_copy(NULL, NULL, voter);
    return answer;
}

static bool caught_up(const struct raft *r, int64_t now_ms, struct raft_replica replica)
{
    const struct raft_tracked *t = leader_find(r, replica);
    return t && t->last_caught_up_ms >= 0 && t->last_fetch_ms >= 0 &&
           now_ms - t->last_fetch_ms < RAFT_CAUGHT_UP_FETCH_MS_MAX;
}

void change_api_versions_answered(struct raft *r, int64_t now_ms, const struct raft_answer *answer)
{
    struct raft_change *c = &r->change;
    if (r->role != RAFT_LEADER || c->kind != CHANGE_ADD_ASKING) return;
    if (!answer || answer->error) {
        change_abort(r, KAFKA_REQUEST_TIMED_OUT, "The new voter did not answer ApiVersions.");
        return;
    }
    struct voters_record_voter voter = c->voter->record.voters[0];
    voter.kraft_version_feature.min_supported_version = answer->kraft_min;
    voter.kraft_version_feature.max_supported_version = answer->kraft_max;
    if (answer->kraft_max < 0 || !voters_support(&voter, voters_version(r->voters))) {
        change_abort(r, KAFKA_INVALID_REQUEST,
                     "The new voter does not support the cluster's kraft.version.");
        return;
    }
    if (!caught_up(r, now_ms, voters_key(&voter))) {
        change_abort(r, KAFKA_REQUEST_TIMED_OUT,
                     "The new voter lags behind: it has not fetched up to the log end.");
        return;
    }
    change_append(r, voter_set_copy(voters_latest(r->voters), NULL, &voter), -1);
    c->kind = CHANGE_ADD;
    if (!c->ack_when_committed) {
        c->answered = true;
        tell_done(r, KAFKA_NONE, NULL);
    }
}

/* ---- Remove ---- */

struct raft_change_answer raft_remove_voter(struct raft *r, int64_t now_ms,
                                            struct raft_replica voter, int64_t timeout_ms)
{
    enum kafka_error error = leader_admit(r, r->state.epoch);
    if (error) return refuse(error, NULL);
    if (voter.id < 0 || uuid_is_zero(voter.directory_id))
        return refuse(KAFKA_INVALID_REQUEST, "The voter has no id or no directory id.");
    struct raft_change_answer answer = admit(r);
    if (answer.outcome == RAFT_CHANGE_REFUSED) return answer;
    const struct voters_record *voters = voters_latest(r->voters);
    const struct voters_record_voter *entry = voters_find(voters, voter.id);
    if (!entry || !uuid_equal(entry->voter_directory_id, voter.directory_id))
        return refuse(KAFKA_VOTER_NOT_FOUND, "No voter has this id and directory id.");
    if (voters->voters_count == 1)
        return refuse(KAFKA_VOTER_NOT_FOUND, "The last voter cannot be removed.");
    struct voter_set *left = voter_set_copy(voters, &voter, NULL);
    if (MUTANT(REMOVES_TWO_VOTERS) && left->record.voters_count > 1) left->record.voters_count--;
    change_append(r, left, -1);
    begin_change(r, now_ms, CHANGE_REMOVE, timeout_ms);
    return answer;
}

/* ---- Update ---- */

/* kraft.version 0: what voters tell of themselves is kept in memory for the upgrade. */
static struct raft_change_answer keep_told(struct raft *r, const struct voters_record_voter *voter)
{
    if (!voters_find(&r->leading.told->record, voter->voter_id))
        return refuse(KAFKA_VOTER_NOT_FOUND, NULL);
    struct voter_set *updated = voter_set_copy(&r->leading.told->record, NULL, voter);
    voter_set_free(r->leading.told);
    r->leading.told = updated;
    return (struct raft_change_answer){RAFT_CHANGE_DONE, KAFKA_NONE, NULL};
}

static struct raft_change_answer write_updated(struct raft *r,
                                               const struct voters_record_voter *voter)
{
    const struct voters_record *voters = voters_latest(r->voters);
    if (voters_latest_offset(r->voters) >= r->leading.high_watermark)
        return refuse(KAFKA_REQUEST_TIMED_OUT, NULL);
    if (!voters_include(voters, voters_key(voter))) return refuse(KAFKA_VOTER_NOT_FOUND, NULL);
    change_append(r, voter_set_copy(voters, NULL, voter), -1);
    return (struct raft_change_answer){RAFT_CHANGE_DONE, KAFKA_NONE, NULL};
}

struct raft_change_answer raft_update_voter(struct raft *r, int64_t now_ms, int32_t current_epoch,
                                            const struct voters_record_voter *voter)
{
    enum kafka_error error = leader_admit(r, current_epoch);
    if (error) return refuse(error, NULL);
    int16_t min = voter->kraft_version_feature.min_supported_version;
    int16_t max = voter->kraft_version_feature.max_supported_version;
    if (voter->voter_id < 0 || uuid_is_zero(voter->voter_directory_id) || min < 0 || max < min ||
        str_is_null(voters_address(voter, r->options.listener).host))
        return refuse(KAFKA_INVALID_REQUEST, NULL);
    int16_t level = voters_version(r->voters);
    if (r->change.kind != CHANGE_NONE || r->wanted || r->leading.high_watermark < 0)
        return refuse(KAFKA_REQUEST_TIMED_OUT, NULL);
    if (!voters_support(voter, level)) return refuse(KAFKA_INVALID_REQUEST, NULL);
    struct raft_change_answer answer = level >= 1 ? write_updated(r, voter) : keep_told(r, voter);
    if (answer.outcome == RAFT_CHANGE_DONE) leader_heard_of(r, now_ms, voters_key(voter));
    return answer;
}

/* ---- kraft.version ---- */

static struct raft_change_answer judge_upgrade(const struct raft *r, int16_t level)
{
    static const struct raft_change_answer done = {RAFT_CHANGE_DONE, KAFKA_NONE, NULL};
    int16_t persisted = voters_version(r->voters);
    if (persisted == level) return done;
    if (persisted > level)
        return refuse(KAFKA_INVALID_UPDATE_VERSION, "kraft.version cannot be lowered.");
    if (level != 1 || !r->leading.told)
        return refuse(KAFKA_INVALID_UPDATE_VERSION, "This kraft.version is not supported.");
    const struct voters_record *told = &r->leading.told->record;
    for (int32_t i = 0; i < told->voters_count; i++) {
        if (!voters_support(&told->voters[i], level))
            return refuse(KAFKA_INVALID_UPDATE_VERSION,
                          "Not all voters have told that they support this kraft.version.");
        if (uuid_is_zero(told->voters[i].voter_directory_id))
            return refuse(KAFKA_INVALID_UPDATE_VERSION,
                          "Not all voters have told their directory ids.");
    }
    return (struct raft_change_answer){RAFT_CHANGE_PENDING, KAFKA_NONE, NULL};
}

struct raft_change_answer raft_upgrade_kraft_version(struct raft *r, int64_t now_ms, int16_t level,
                                                     bool dry_run)
{
    (void)now_ms;
    enum kafka_error error = leader_admit(r, r->state.epoch);
    if (error) return refuse(error, NULL);
    struct raft_change_answer answer = judge_upgrade(r, level);
    if (answer.outcome != RAFT_CHANGE_PENDING) return answer;
    /* An upgrade that is on its way already is the same upgrade: there is no other. */
    if (!dry_run && !r->wanted)
        change_append(r, voter_set_copy(&r->leading.told->record, NULL, NULL), level);
    return (struct raft_change_answer){RAFT_CHANGE_DONE, KAFKA_NONE, NULL};
}
