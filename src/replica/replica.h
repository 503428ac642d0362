/* This node's replica of one partition: the pure partition, its log, and what waits on it.
 *
 * Every change of the log goes through here, so that the partition hears of it and those who wait
 * are told: at the end of the loop turn, once, however much happened in it.
 *
 * Errors are Kafka's, because these verdicts belong to the protocol: a request is refused with the
 * very code that the client gets. Owned by the replica manager. Thread: the loop's. */
#ifndef SAMSA_REPLICA_REPLICA_H
#define SAMSA_REPLICA_REPLICA_H

#include "log/log.h"
#include "replica/fetch_session.h"
#include "replica/following.h"
#include "replica/partition.h"
#include "replica/purgatory.h"

struct replica_manager;
struct replica_move;

/* A topic of which this node hosts a partition. */
struct replica_topic {
    struct uuid id;
    struct str name;           /* owned, zero-terminated */
    struct log_config *config; /* one reference */
    int32_t isr_min;
    bool throttles;              /* its configuration names throttled replicas (KIP-73) */
    struct replica **partitions; /* by index; NULL where not hosted */
    int32_t partitions_capacity;
    int32_t hosted_count;
};

struct fetcher;

struct replica {
    struct partition core;
    struct purgatory purgatory;
    struct following following; /* of a leader elsewhere */
    struct fetcher *fetcher;    /* that fetches it; NULL unless it follows */
    struct replica_manager *manager;
    struct replica_topic *topic;
    struct log *log;           /* NULL when its directory is offline or it has none yet */
    struct replica_move *move; /* into another directory; NULL: it stays where it is */
    struct uuid directory;
    int32_t partition;
    bool adrift;  /* lease.h, as those who wait were told */
    bool no_room; /* the last write found none; nothing has been written since */
    struct mono_time no_room_since, no_room_last;
    bool leader_throttled;       /* leader.replication.throttled.replicas names it */
    int32_t proposed_epoch;      /* partition epoch of the proposal under way */
    struct list_node moved;      /* in the manager's list while something is to be told */
    struct list_node replicated; /* in the manager's list while it leads with followers */
    struct list_node proposing;  /* in the manager's list while a proposal waits to be sent */
    /* gathered since those who wait were told */
    struct replica_movement movement;
    unsigned effects;
    int64_t unseen_bytes; /* appended, and above the high watermark */
    int64_t told_stable_offset, told_high_watermark;
};

/* ---- produce ---- */

/* Append one batch as leader. `data` is patched in place and may be modified also on failure; the
 * arena takes record errors. result is always set; its offsets are -1 on error. With acks -1 the
 * answer waits for replica_committed(result->last_offset + 1). */
enum kafka_error replica_append(struct replica *r, int16_t acks, enum append_origin origin,
                                uint8_t *data, size_t len, struct arena *arena,
                                struct append_result *result);

/* The same for a client's batch that others follow, or that was foreseen by an earlier one's
 * result: see struct append_options. `ahead` may be NULL. */
enum kafka_error replica_append_one_of(struct replica *r, int16_t acks, uint8_t *data, size_t len,
                                       const struct append_ahead *ahead, bool foreseen,
                                       struct arena *arena, struct append_result *result);

/* Has the high watermark passed everything below `end_offset`? */
static inline bool replica_committed(const struct replica *r, int64_t end_offset)
{
    return r->core.high_watermark >= end_offset;
}

/* Be told when it has, or why it never will (NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR,
 * NOT_ENOUGH_REPLICAS_AFTER_APPEND). From the loop, never from inside this call. */
void replica_wait_committed(struct replica *r, struct offset_wait *w);

/* ---- fetch ---- */

struct replica_read_options {
    int64_t offset;
    int64_t bytes_max;
    bool min_one_batch;
    bool offsets_only; /* no records: whoever asks is sent elsewhere */
    enum fetch_isolation isolation;
    bool leader_only;                      /* followers, and consumers before version 11 */
    int32_t current_leader_epoch;          /* -1: not sent */
    int32_t last_fetched_epoch;            /* -1: not sent */
    const struct follower_fetch *follower; /* NULL: a consumer */
    bool counts;               /* a follower's progress is recorded; not when woken from parking */
    bool aborted_transactions; /* list them (FETCH_COMMITTED) */
    struct arena *arena;
};

struct replica_read {
    struct log_slice slice; /* the caller's reference; empty on error */
    int64_t high_watermark, last_stable_offset, log_start_offset, log_end_offset; /* -1 on error */
    int64_t bound; /* what the isolation allows to read up to */
    bool diverging;
    struct epoch_end diverging_epoch;
    struct aborted_transaction *aborted;
    int32_t aborted_count;
};

/* Offsets are sampled before the bytes are looked up, so they are never ahead of the truth. */
enum kafka_error replica_read(struct replica *r, const struct replica_read_options *options,
                              struct replica_read *read);

/* So many bytes of it go to a follower: counted if it is throttled. */
void replica_sent(struct replica *r, int64_t bytes);

/* ---- offsets ---- */

/* ListOffsets' special timestamps. */
enum {
    OFFSET_LATEST = -1,
    OFFSET_EARLIEST = -2,
    OFFSET_MAX_TIMESTAMP = -3,
    OFFSET_EARLIEST_LOCAL = -4,
    OFFSET_LATEST_TIERED = -5,
    OFFSET_EARLIEST_PENDING_UPLOAD = -6,
};

struct replica_offset_query {
    int64_t timestamp; /* or one of the above */
    enum fetch_isolation isolation;
    bool leader_only;
    int32_t current_leader_epoch; /* -1: not sent */
};

/* offset -1, timestamp -1, epoch -1: nothing found. */
enum kafka_error replica_offset(struct replica *r, const struct replica_offset_query *q,
                                struct timestamp_offset *out);

enum kafka_error replica_epoch_end(struct replica *r, int32_t current_leader_epoch, int32_t epoch,
                                   struct epoch_end *out);

/* Raise the log start to `offset` (-1: the high watermark). *wanted is the offset meant; done when
 * replica_low_watermark has reached it. POLICY_VIOLATION when the topic is compacted only. */
enum kafka_error replica_delete_records(struct replica *r, int64_t offset, int64_t *wanted);

int64_t replica_low_watermark(const struct replica *r);

/* As replica_wait_committed, for the low watermark. */
void replica_wait_low_watermark(struct replica *r, struct offset_wait *w);

/* ---- following; called by the fetchers ---- */

/* What the log shows now. */
struct followed_log replica_followed_log(struct replica *r);

/* What a leader answered. */
struct replica_followed {
    const uint8_t *data; /* batches, the last perhaps cut; not copied */
    size_t len;
    int32_t leader_epoch_max; /* that the fetch was sent with (KAFKA-18723) */
    int64_t leader_high_watermark, leader_log_start;
};

/* Append it, then take the leader's high watermark and log start over. PRE: follower. After an
 * error nothing has changed. */
enum append_error replica_follow(struct replica *r, const struct replica_followed *f) MUST_CHECK;

/* Cut everything at and above `offset`, records and epochs; the watermark is lowered with it. */
enum err replica_cut(struct replica *r, int64_t offset) MUST_CHECK;

/* Empty the log; its next record gets `offset`. */
enum err replica_restart(struct replica *r, int64_t offset) MUST_CHECK;

#endif
