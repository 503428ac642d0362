/* Fetch and FetchSnapshot as a leader answers them, and DescribeQuorum's view of the replicas. */
#include "base/assert.h"
#include "raft/internal.h"

enum kafka_error leader_admit(const struct raft *r, int32_t epoch)
{
    if (epoch < r->state.epoch) return KAFKA_FENCED_LEADER_EPOCH;
    if (epoch > r->state.epoch) return KAFKA_UNKNOWN_LEADER_EPOCH;
    if (r->role != RAFT_LEADER) return KAFKA_NOT_LEADER_OR_FOLLOWER;
    return r->stopping ? KAFKA_BROKER_NOT_AVAILABLE : KAFKA_NONE;
}

struct raft_epoch_end log_end_of_epoch(const struct raft *r, int32_t epoch)
{
    struct raft_epoch_end end = r->log.epoch_end(r->log.context, epoch);
    if (end.epoch < 0) return (struct raft_epoch_end){log_last_epoch(r), log_end(r)};
    struct raft_snapshot_id oldest = r->log.oldest_snapshot(r->log.context);
    /* Below the first epoch of the log: what stands before it is in the snapshot. */
    if (oldest.end_offset >= 0 && end.end_offset == oldest.end_offset && end.epoch == epoch)
        return (struct raft_epoch_end){oldest.epoch, oldest.end_offset};
    return end;
}

/* kraft.md 2.7. False: the answer has a snapshot or a diverging epoch. */
static bool valid_position(const struct raft *r, int64_t offset, int32_t epoch,
                           struct raft_fetch_answer *answer)
{
    struct raft_snapshot_id oldest = r->log.oldest_snapshot(r->log.context);
    struct raft_snapshot_id newest = r->log.newest_snapshot(r->log.context);
    int64_t start = r->log.start_offset(r->log.context);
    if (offset == 0 && newest.end_offset > 0) {
        answer->snapshot = newest;
        return false;
    }
    if (offset == 0 && start == 0) return true;
    if (oldest.end_offset > 0 &&
        (offset < start || (offset == start && epoch != oldest.epoch) || epoch < oldest.epoch)) {
        answer->snapshot = newest;
        return false;
    }
    struct raft_epoch_end end = log_end_of_epoch(r, epoch);
    if (end.epoch != epoch || end.end_offset < offset) {
        answer->diverging = end;
        return false;
    }
    return true;
}

/* A consumer or a tool: committed records, whoever this node is told to be. */
static void fetch_committed(const struct raft *r, const struct raft_fetch_request *rq,
                            struct raft_fetch_answer *answer)
{
    if (r->role != RAFT_LEADER)
        answer->error = KAFKA_NOT_LEADER_OR_FOLLOWER;
    else if (rq->current_epoch >= 0)
        answer->error = leader_admit(r, rq->current_epoch);
    if (answer->error) return;
    answer->high_watermark = r->leading.high_watermark;
    answer->read_end = r->leading.high_watermark < 0 ? 0 : r->leading.high_watermark;
    if (rq->offset < r->log.start_offset(r->log.context) || rq->offset > log_end(r))
        answer->error = KAFKA_OFFSET_OUT_OF_RANGE;
    if (answer->read_end < rq->offset) answer->read_end = rq->offset;
}

void raft_handle_fetch(struct raft *r, int64_t now_ms, const struct raft_fetch_request *rq,
                       bool again, struct raft_fetch_answer *answer)
{
    *answer = (struct raft_fetch_answer){.diverging = {-1, -1},
                                         .snapshot = {-1, -1},
                                         .high_watermark = -1,
                                         .read_end = rq->offset,
                                         .at_once = true};
    if (rq->offset < 0 ||
        (rq->replica.id >= 0 && (rq->last_epoch < 0 || rq->last_epoch > rq->current_epoch))) {
        answer->error = KAFKA_INVALID_REQUEST;
        return;
    }
    if (rq->replica.id < 0) {
        fetch_committed(r, rq, answer);
        answer->at_once = answer->error || rq->high_watermark < answer->high_watermark;
        return;
    }
    answer->error = leader_admit(r, rq->current_epoch);
    if (!answer->error && rq->replica.id == r->options.self.id)
        answer->error = KAFKA_UNKNOWN_SERVER_ERROR;
    if (answer->error) return;
    bool valid = valid_position(r, rq->offset, rq->last_epoch, answer);
    if (valid) {
        answer->read_end = log_end(r);
        if (!again) leader_acknowledged(r, now_ms, rq->replica, rq->offset);
    }
    /* The acknowledgement may have been the last that this leader needed to be removed. */
    if (r->role != RAFT_LEADER) {
        answer->error = KAFKA_NOT_LEADER_OR_FOLLOWER;
        answer->read_end = rq->offset;
        return;
    }
    POST(!answer->error && answer->high_watermark <= r->leading.high_watermark);
    answer->high_watermark = r->leading.high_watermark;
    answer->at_once = !valid || rq->high_watermark < answer->high_watermark;
}

enum kafka_error raft_handle_fetch_snapshot(struct raft *r, int64_t now_ms,
                                            struct raft_replica replica, int32_t current_epoch)
{
    enum kafka_error error = leader_admit(r, current_epoch);
    if (!error && replica.id == r->options.self.id) error = KAFKA_UNKNOWN_SERVER_ERROR;
    if (!error && replica.id >= 0) leader_heard_of(r, now_ms, replica);
    return error;
}

int32_t raft_describe(const struct raft *r, int64_t now_ms, struct arena *arena,
                      struct raft_progress **out)
{
    PRE(r->role == RAFT_LEADER);
    const struct raft_leading *l = &r->leading;
    struct raft_progress *list = ARENA_ARRAY(arena, struct raft_progress, l->tracked_count + 1);
    int32_t count = 0;
    for (int32_t i = 0; i < l->tracked_count; i++) {
        const struct raft_tracked *t = &l->tracked[i];
        bool self = t->key.id == r->options.self.id;
        if (!t->is_voter && now_ms - t->last_fetch_ms >= RAFT_OBSERVER_SESSION_MS) continue;
        list[count++] = (struct raft_progress){
            .replica = t->key,
            .is_voter = t->is_voter,
            .end_offset = self ? r->durable_end : t->end_offset,
            .last_fetch_ms = self ? now_ms : t->last_fetch_ms,
            .last_caught_up_ms = self ? now_ms : t->last_caught_up_ms,
        };
    }
    if (!raft_is_voter(r)) {
        list[count++] = (struct raft_progress){.replica = r->options.self,
                                               .end_offset = r->durable_end,
                                               .last_fetch_ms = now_ms,
                                               .last_caught_up_ms = now_ms};
    }
    *out = list;
    return count;
}
