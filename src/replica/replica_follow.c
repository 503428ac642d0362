/* A replica as follower: what its leader sent, into its log. */
#include "replica/manager.h"

struct followed_log replica_followed_log(struct replica *r)
{
    replica_sync_log_start(r);
    return (struct followed_log){.log_start_offset = r->core.log_start_offset,
                                 .log_end_offset = r->core.log_end_offset,
                                 .high_watermark = r->core.high_watermark,
                                 .latest_epoch =
                                     r->log ? log_latest_epoch(r->log) : NO_LEADER_EPOCH};
}

void replica_unfollow(struct replica *r)
{
    if (r->fetcher) fetchers_unfollow(r->manager->fetchers, r);
}

/* The leader's log start, if it lies above ours; as far as what we have is committed (S6). */
static void take_log_start(struct replica *r, int64_t leader_log_start)
{
    int64_t to = leader_log_start;
    if (to > r->core.high_watermark) to = r->core.high_watermark;
    if (to <= r->core.log_start_offset) return;
    enum err e = log_advance_start(r->log, to);
    if (e)
        trace_warn(r->manager->env.trace, "ReplicaFetcher",
                   "%.*s-%d: log start not raised to %lld: %s", STR_ARG(r->topic->name),
                   r->partition, (long long)to, err_text(e));
    replica_sync_log_start(r);
}

enum append_error replica_follow(struct replica *r, const struct replica_followed *f)
{
    PRE(r->core.role == PARTITION_FOLLOWER);
    if (!r->log) return APPEND_STORAGE;
    replica_sync_log_start(r);
    struct append_result result = {.error = APPEND_OK};
    if (f->len > 0) {
        log_append_as_follower(r->log, f->data, f->len, f->leader_epoch_max, &result);
        replica_wrote(r, result.error);
    }
    if (result.error) return result.error;
    if (log_end_offset(r->log) != r->core.log_end_offset) {
        r->movement.appended_bytes += (int64_t)f->len;
        r->unseen_bytes += (int64_t)f->len;
        if (result.rolled) r->movement.look_again = true;
        replica_touch(r);
    }
    replica_effects(r,
                    partition_followed(&r->core, log_end_offset(r->log), f->leader_high_watermark));
    take_log_start(r, f->leader_log_start);
    return APPEND_OK;
}

static void log_was_cut(struct replica *r)
{
    r->movement.look_again = true;
    r->unseen_bytes = 0;
    unsigned effects =
        partition_truncated(&r->core, log_start_offset(r->log), log_end_offset(r->log));
    replica_effects(r, effects);
    replica_touch(r); /* whoever reads here, also where the watermark stands still */
}

enum err replica_cut(struct replica *r, int64_t offset)
{
    PRE(r->core.role == PARTITION_FOLLOWER);
    if (!r->log) return ERR_OFFLINE;
    if (offset < r->core.high_watermark)
        trace_warn(r->manager->env.trace, "ReplicaFetcher",
                   "%.*s-%d: truncating to %lld, below the high watermark %lld",
                   STR_ARG(r->topic->name), r->partition, (long long)offset,
                   (long long)r->core.high_watermark);
    enum err e = log_truncate_to(r->log, offset);
    log_was_cut(r); /* as far as it went */
    replica_move_cut(r, log_end_offset(r->log));
    return e;
}

enum err replica_restart(struct replica *r, int64_t offset)
{
    PRE(r->core.role == PARTITION_FOLLOWER);
    if (!r->log) return ERR_OFFLINE;
    enum err e = log_truncate_fully_and_start_at(r->log, offset);
    log_was_cut(r); /* as far as it went */
    replica_move_cut(r, 0);
    return e;
}
