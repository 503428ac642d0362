/* One partition as this node's replica of it sees it: leader or follower, the in-sync set, the high
 * watermark. A pure core, `event -> effects`: it knows no log, no socket and no clock; offsets and
 * times come in as arguments, and what is to be done goes out as a set of effects (broker.md 4.3).
 *
 *              target: leader is us                     target: leader is another
 *        ┌──────────────────────────────> LEADER <──────────────────────────────┐
 *      IDLE                                  │ ^                                │
 *        └──────────────────────────────> FOLLOWER (leader may be -1: none) <───┘
 *      any ── the log directory failed ──> OFFLINE ── never left within one process
 *
 * As leader, the in-sync set has a state of its own:
 *
 *      COMMITTED ── a follower caught up ──> PENDING_EXPAND ──┐ answer, or a newer target
 *          │ ^ ^──────────────────────────────────────────────┤
 *          │ └────────────────────────────────────────────────┘
 *          └──── a member lags ────────────> PENDING_SHRINK
 *
 * The high watermark is the least log end offset over the *maximal* in-sync set (committed and
 * proposed) and over replicas that are caught up and may join; it never falls on a leader, and it
 * stands still while the committed set is smaller than min.insync.replicas (S4, KIP-966). One
 * replica is an in-sync set of one and takes the same path.
 *
 * Owns: its array of followers, which an unreplicated partition does not have.
 * Thread: the loop's. Nothing here fails; a request that must be refused gets a Kafka error. */
#ifndef SAMSA_REPLICA_PARTITION_H
#define SAMSA_REPLICA_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/uuid.h"
#include "env/clock.h"
#include "protocol/error.h"

enum partition_role {
    PARTITION_IDLE,     /* a log without a target yet */
    PARTITION_LEADER,   /* appends, serves everybody, decides the in-sync set */
    PARTITION_FOLLOWER, /* fetches from `leader`; serves consumers up to the watermark it learned */
    PARTITION_OFFLINE,  /* its directory failed: answers KAFKA_STORAGE_ERROR */
};

enum partition_isr_state { ISR_COMMITTED, ISR_PENDING_EXPAND, ISR_PENDING_SHRINK };

/* What an event asks the owner to do, as a set of bits. */
enum partition_effect {
    /* high_watermark has moved: tell the log, then whoever waits for it. */
    PARTITION_HIGH_WATERMARK_MOVED = 1,
    /* A leadership began: record (leader_epoch, epoch_start_offset) in the log's epoch cache. */
    PARTITION_EPOCH_BEGAN = 2,
    /* isr_state became pending: send AlterPartition with partition_proposal. */
    PARTITION_PROPOSE = 4,
    /* Role, leader or leader epoch changed: whoever waits for this replica must look again. */
    PARTITION_LEADERSHIP_MOVED = 8,
    /* Follower of a new leader epoch: begin to fetch from `leader` (-1: stop). */
    PARTITION_FOLLOW = 16,
    /* The least log start offset of the replicas may have risen: DeleteRecords may be done. */
    PARTITION_LOW_WATERMARK_MOVED = 32,
};

/* What metadata wants of this node's replica. Where it came from is not known here. */
struct partition_target {
    struct uuid topic_id;
    struct str topic; /* borrowed for the call */
    int32_t partition;
    int32_t leader; /* -1: none */
    int32_t leader_epoch;
    int32_t partition_epoch;
    const int32_t *replicas; /* borrowed; this node is among them */
    int32_t replicas_count;
    const int32_t *isr; /* borrowed; a subset of replicas */
    int32_t isr_count;
    const int32_t *adding; /* borrowed; replicas of a reassignment under way */
    int32_t adding_count;
    bool recovering;       /* leader recovery state, after an unclean election */
    struct uuid directory; /* of this node's replica: an id, or one of metadata's reserved ones */
};

/* A broker as metadata shows it now. */
struct broker_standing {
    bool registered, fenced, shutting_down;
    int64_t epoch;
};

/* What a partition must know of the world at the moment of an event. */
struct partition_world {
    int32_t node_id;
    int64_t broker_epoch; /* our own */
    struct mono_time now;
    int64_t lag_ms_max; /* replica.lag.time.max.ms */
    struct broker_standing (*standing)(void *context, int32_t broker_id);
    /* When this broker's last fetch came, of whatever partitions: a session names those at rest no
     * more. NULL: not known. */
    struct mono_time (*last_fetch)(void *context, int32_t broker_id);
    /* This broker's process is proved gone: it leads nothing. NULL: nobody's is. */
    bool (*is_absent)(void *context, int32_t broker_id);
    void *context;
};

/* The leader's view of one other replica. */
struct follower {
    int32_t broker_id;
    bool committed;           /* in the committed in-sync set */
    bool proposed;            /* in the set proposed, while one is pending */
    bool adding;              /* joins by a reassignment */
    bool fetched;             /* in this leader epoch (S8) */
    int64_t broker_epoch;     /* of its last fetch; -1: it sent none */
    int64_t log_end_offset;   /* -1: unknown in this leader epoch */
    int64_t log_start_offset; /* -1: unknown */
    struct mono_time caught_up;
    struct mono_time behind_since; /* it had everything, and still fetched, until this append */
    struct mono_time last_fetch;
    int64_t leader_end_at_last_fetch;
};

struct partition {
    enum partition_role role;
    enum partition_isr_state isr_state;
    int32_t leader;          /* -1: none or unknown */
    int32_t leader_epoch;    /* -1 before the first target */
    int32_t partition_epoch; /* -1 before the first target */
    int32_t isr_min;         /* min.insync.replicas */
    bool recovering;         /* to be reported as recovered with the next proposal */
    bool leader_committed;   /* the leader itself is in the committed set */

    int64_t log_start_offset; /* the log's, as last told */
    int64_t log_end_offset;
    int64_t high_watermark;
    int64_t epoch_start_offset; /* log end offset when this leadership began; -1 unless leader */

    struct follower *followers; /* every assigned replica but us; empty unless leader */
    int32_t followers_count;
};

void partition_init(struct partition *p, int64_t log_start_offset, int64_t log_end_offset,
                    int64_t high_watermark, int32_t isr_min);
void partition_free(struct partition *p);

/* Asserts what must hold between events. Called on entry and exit of every event. */
void partition_check(const struct partition *p);

/* ---- events; each returns a set of enum partition_effect ---- */

/* New metadata. An older partition epoch is ignored: an AlterPartition answer may have told us
 * more. */
unsigned partition_apply(struct partition *p, const struct partition_world *w,
                         const struct partition_target *t);

/* The topic's min.insync.replicas changed. */
unsigned partition_set_isr_min(struct partition *p, const struct partition_world *w,
                               int32_t isr_min);

/* The leader's own log grew to log_end_offset. */
unsigned partition_appended(struct partition *p, const struct partition_world *w,
                            int64_t log_end_offset);

/* The log's start rose: retention, DeleteRecords, or as a follower the leader's own. */
unsigned partition_log_start_moved(struct partition *p, int64_t log_start_offset);

/* As follower: fetched records were appended, or there were none, and the leader's watermark came
 * along. */
unsigned partition_followed(struct partition *p, int64_t log_end_offset,
                            int64_t leader_high_watermark);

/* As follower: the log was cut to log_end_offset; the watermark is lowered with it. */
unsigned partition_truncated(struct partition *p, int64_t log_start_offset, int64_t log_end_offset);

/* One fetch by a follower, read at leader_log_end_offset. Not for a fetch that was answered with a
 * diverging epoch: that one proves nothing. */
struct follower_fetch {
    int32_t broker_id;
    int64_t broker_epoch; /* -1: not sent */
    int64_t fetch_offset;
    int64_t log_start_offset; /* -1: not sent */
};
unsigned partition_follower_fetched(struct partition *p, const struct partition_world *w,
                                    const struct follower_fetch *fetch);

/* Every half of replica.lag.time.max.ms: members that lag are proposed out. */
unsigned partition_tick(struct partition *p, const struct partition_world *w);

/* A broker's registration changed: it may have become able to join, or no longer holds us back. */
unsigned partition_standing_changed(struct partition *p, const struct partition_world *w);

/* The controller took the proposal: the set is now this one. */
struct partition_committed {
    int32_t leader_epoch, partition_epoch;
    const int32_t *isr;
    int32_t isr_count;
    bool recovering;
};
unsigned partition_proposal_taken(struct partition *p, const struct partition_world *w,
                                  const struct partition_committed *c);

/* The controller refused it, or could not be reached (KAFKA_NETWORK_EXCEPTION). PROPOSE in the
 * result: send it again. Of a proposal sent with another partition epoch nothing is heard. */
unsigned partition_proposal_refused(struct partition *p, const struct partition_world *w,
                                    int32_t sent_partition_epoch, enum kafka_error error);

/* The directory failed. */
unsigned partition_failed(struct partition *p);

/* ---- questions ---- */

struct isr_member {
    int32_t broker_id;
    int64_t broker_epoch; /* -1: not known */
};

/* The proposed set, ourselves first, into `members` (room for followers_count + 1). PRE: pending.
 */
int32_t partition_proposal(const struct partition *p, const struct partition_world *w,
                           struct isr_member *members);

/* Effective minimum: never more than there are replicas. */
static inline int32_t partition_isr_min(const struct partition *p)
{
    return p->isr_min < p->followers_count + 1 ? p->isr_min : p->followers_count + 1;
}

int32_t partition_isr_count(const struct partition *p);         /* committed */
int32_t partition_maximal_isr_count(const struct partition *p); /* committed or proposed */

/* May this replica serve a request that carries this leader epoch (-1: none)? NONE,
 * FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR. */
enum kafka_error partition_admit(const struct partition *p, int32_t leader_epoch, bool leader_only);

/* May records be appended with these acks? Also NOT_ENOUGH_REPLICAS. */
enum kafka_error partition_admit_append(const struct partition *p, int16_t acks);

/* May this broker fetch as a follower? Also NOT_LEADER_OR_FOLLOWER for a stale broker epoch and
 * UNKNOWN_LEADER_EPOCH for one that is not assigned (reassignment we have not heard of). */
enum kafka_error partition_admit_follower(const struct partition *p,
                                          const struct partition_world *w,
                                          const struct follower_fetch *fetch, int32_t leader_epoch);

/* What a produce with acks=all is told when the high watermark has reached it: NONE, or
 * NOT_ENOUGH_REPLICAS_AFTER_APPEND. */
enum kafka_error partition_ack(const struct partition *p);

/* False from an election until the watermark has passed the leadership's start: until then it must
 * not be shown as the latest offset (S6). */
bool partition_high_watermark_is_known(const struct partition *p);

/* Least log start offset of us and of the replicas that are alive. */
int64_t partition_low_watermark(const struct partition *p, const struct partition_world *w);

/* As leader: a replica that might be elected in our place has not been heard of for `silent_ms`,
 * nor is it proved absent. Those in sync might; while there are fewer than min.insync.replicas of
 * them, any (KIP-966). */
bool partition_is_deserted(const struct partition *p, const struct partition_world *w,
                           int64_t silent_ms);

/* As leader: each of those follows us, says `follows`. */
bool partition_is_followed(const struct partition *p,
                           bool (*follows)(const void *context, int32_t broker_id),
                           const void *context);

/* NULL when not assigned, or when we do not lead. */
const struct follower *partition_follower(const struct partition *p, int32_t broker_id);

#endif
