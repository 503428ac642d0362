/* One partition as it follows its leader: what to ask for, and what an answer means. A pure core:
 * it knows no log and no network; offsets come in as arguments and what is to be done goes out as
 * one step (KIP-101, KIP-279, KIP-595; AbstractFetcherThread).
 *
 *            begin                       answer with an error that passes
 *   NONE ────────────> FETCHING <─────────────────────────────────────────> RESTING
 *     ^                 │  │ ^ ^                      backoff over             ^
 *     │                 │  │ │ └─ the log was set right ─┐                     │
 *     │  fenced, or the │  │ └───── start known ── ASKING_START <── end known, not below ours
 *     │  log refused it │  └─ out of range ─> ASKING_END ───────────┘          │
 *     │                 v                        └── error ────────────────────┘
 *     └── end ────── FAILED ── only a new leader epoch leads out (begin)
 *
 * The offset to fetch is always the log end offset, and the epoch of the last record is sent with
 * it: a log that differs from the leader's is found by the fetch itself, which is answered with
 * where it differs, so OffsetForLeaderEpoch is never needed (metadata.version >= 2.7 in Kafka).
 * Only a log without any epoch is cut to its high watermark first, as it cannot be compared. A log
 * whose latest epoch is above the leader's cannot be, either: the leader, asked in its own epoch,
 * says OFFSET_OUT_OF_RANGE although the offset is in range. No such leader has been; a bit of a
 * batch's epoch, which no checksum covers, was read wrongly. What has such epochs is cut.
 *
 * Owned by the replica. Thread: the loop's. Nothing here fails. */
#ifndef SAMSA_REPLICA_FOLLOWING_H
#define SAMSA_REPLICA_FOLLOWING_H

#include "base/list.h"
#include "base/uuid.h"
#include "env/clock.h"
#include "log/log.h"
#include "protocol/error.h"

enum following_state {
    FOLLOWING_NONE, /* leads, has no leader, or is offline */
    FOLLOWING_FETCHING,
    FOLLOWING_ASKING_END,   /* the fetch offset is out of range: where does the leader's log end? */
    FOLLOWING_ASKING_START, /* … and where does it start? */
    FOLLOWING_RESTING,      /* until `rest_until` */
    FOLLOWING_FAILED,       /* until metadata brings a new leader epoch */
};

/* What the local log shows at the moment of an event. */
struct followed_log {
    int64_t log_start_offset, log_end_offset, high_watermark;
    int32_t latest_epoch;
};

struct following {
    enum following_state state;
    struct uuid topic_id;
    int32_t partition;
    int32_t leader_epoch;
    /* what is to be asked for */
    int64_t fetch_offset;
    int64_t log_start_offset;
    int32_t last_fetched_epoch;
    /* what the leader's session holds; see follower_session.h */
    bool listed;
    bool grew;               /* since it was listed: an answer to that is stale */
    int64_t listed_sequence; /* of the request that listed it last */
    struct list_node node;   /* in one of the session's lists */
    /* errors in a row, and the end of the rest they earned */
    int32_t errors;
    struct mono_time rest_until;
    bool throttled; /* listed among follower.replication.throttled.replicas */
    bool lagging;   /* behind the leader's high watermark when last heard of */
};

/* What is to be done now. */
enum follow_action {
    FOLLOW_FETCH,     /* nothing: fetch on */
    FOLLOW_APPEND,    /* append the records, then take high watermark and log start over */
    FOLLOW_TRUNCATE,  /* cut the log to `offset`, then following_moved */
    FOLLOW_RESTART,   /* empty the log, its next record gets `offset`; then following_moved */
    FOLLOW_ASK_END,   /* ListOffsets, latest */
    FOLLOW_ASK_START, /* ListOffsets, earliest */
    FOLLOW_REST,      /* try again after a while */
    FOLLOW_FAIL,      /* do nothing until metadata moves */
};

struct follow_step {
    enum follow_action action;
    int64_t offset; /* of TRUNCATE and RESTART */
};

/* One partition of an answer to Fetch. */
struct follow_answer {
    enum kafka_error error;
    struct epoch_end diverging; /* end_offset -1: it does not diverge */
    struct epoch_end own_end;   /* where that epoch, or the largest below it, ends in our log */
};

void following_init(struct following *f);

/* Metadata names a leader, with a new epoch. The state is FETCHING afterwards. */
struct follow_step following_begin(struct following *f, int32_t leader_epoch,
                                   const struct followed_log *log);

/* No leader to follow any more. */
void following_end(struct following *f);

/* PRE: FETCHING. The state follows the step: ASK_END, REST, FAIL. */
struct follow_step following_answered(struct following *f, const struct followed_log *log,
                                      const struct follow_answer *a);

/* PRE: ASKING_END. Where the leader's log ends, or an error. */
struct follow_step following_told_end(struct following *f, const struct followed_log *log,
                                      enum kafka_error error, int64_t leader_end_offset);

/* PRE: ASKING_START. own_end: where the leader's epoch, or the largest below it, ends in our
 * log. */
struct follow_step following_told_start(struct following *f, const struct followed_log *log,
                                        enum kafka_error error, int64_t leader_start_offset,
                                        struct epoch_end own_end);

/* After APPEND went well. False: nothing is to be asked for that was not asked for already. */
bool following_appended(struct following *f, const struct followed_log *log);

/* The log was cut or restarted: fetch from where it ends now. */
void following_moved(struct following *f, const struct followed_log *log);

/* The log refused what the leader sent, or could not be cut. */
struct follow_step following_refused(struct following *f, enum append_error error);

/* Rest after `errors` failures in a row, in ms: soon at first, and no longer than `ms_max`. A new
 * leader that has not heard of its election yet is asked again within milliseconds. */
int64_t following_rest_ms(int32_t errors, int64_t ms_max);

/* Where to cut a log that differs from the leader's, whose `leader` epoch ends there: never beyond
 * log_end_offset. If our log has that epoch too, where the shorter of both ends; if not, where our
 * largest epoch below it ends, and the next fetch compares again (KIP-279). */
int64_t following_truncation(int64_t log_end_offset, struct epoch_end leader, struct epoch_end own);

#endif
