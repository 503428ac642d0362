/* What the raft core and its driver say to each other: the log's view, options, effects, messages,
 * answers, requests. Plain values; raft/raft.h says when each is used, who owns what they point to
 * and for how long. Nothing here has a thread, allocates or fails. */
#ifndef SAMSA_RAFT_IO_H
#define SAMSA_RAFT_IO_H

#include "base/uuid.h"
#include "protocol/error.h"
#include "protocol/voters_record.h"

/* A replica of the metadata log. A zero directory id on the wire means unspecified. */
struct raft_replica {
    int32_t id;
    struct uuid directory_id;
};

struct raft_snapshot_id {
    int64_t end_offset; /* -1: none */
    int32_t epoch;
};

struct raft_epoch_end {
    int32_t epoch; /* -1: not known */
    int64_t end_offset;
};

/* ---- what the core may ask of the log; each answer is the state at this moment ---- */

struct raft_log {
    void *context;
    int64_t (*start_offset)(void *context);
    int64_t (*end_offset)(void *context);
    /* Of the last record, or of the snapshot that the log begins at; 0 when there is neither. */
    int32_t (*last_epoch)(void *context);
    /* The largest epoch <= asked and where it ends; as log_epoch_end (log/log.h). */
    struct raft_epoch_end (*epoch_end)(void *context, int32_t epoch);
    /* The oldest and the newest snapshot on disk, 0-0 not counted; end_offset -1: none. */
    struct raft_snapshot_id (*oldest_snapshot)(void *context);
    struct raft_snapshot_id (*newest_snapshot)(void *context);
};

struct raft_address {
    struct str host; /* borrowed from the options */
    uint16_t port;
};

struct raft_options {
    struct raft_replica self;
    bool is_controller; /* may vote, stand and be added; false: an observer for good */
    /* This node as a voter entry: its controller listeners and kraft.version range. */
    const struct voters_record_voter *own_entry;
    /* The first of controller.listener.names: of a voter's endpoints, the one that is called. */
    struct str listener;
    /* Where to look for the leader when none is known (controller.quorum.bootstrap.servers); with
     * none, the voters of controller.quorum.voters. Besides, the voters that the log has. */
    const struct raft_address *bootstrap;
    int32_t bootstrap_count;
    uint64_t seed; /* jitter of elections; from env's rng */
    /* controller.quorum.* in milliseconds */
    int64_t election_timeout_ms;
    int64_t election_backoff_ms_max;
    int64_t fetch_timeout_ms;
    int64_t request_timeout_ms;
    int64_t retry_backoff_ms;
    bool auto_join; /* controller.quorum.auto.join.enable, KIP-1186 */
};

/* What stands in quorum-state. */
struct raft_state {
    int32_t epoch;
    int32_t leader_id;         /* -1: none */
    struct raft_replica voted; /* id -1: nobody */
};

/* ---- what the driver must do ---- */

struct raft_effects {
    /* 1. quorum-state differs from what was written: write raft_persistent durably. A driver that
     *    cannot must stop the node (or, for NO_SPACE before standing, call raft_cannot_persist). */
    bool persist;
    /* 2. Cut the log to this offset (never below the high watermark, asserted); -1: do not. The
     *    voters told at or above it are forgotten by the core itself. */
    int64_t truncate_to;
    /* 3. This node leads raft_epoch now: record the epoch at the log end, append one control batch
     *    (LeaderChange from raft_voters and raft_granting; and KRAFT_VERSION, KRAFT_VOTERS when
     *    `append_voters`, which then also stands for the change that a Add, Remove or UpdateVoter
     *    asked for), tell raft_voters_at for it, sync, raft_durable. */
    bool append_leader_change;
    /* 4. Append KRAFT_VOTERS (raft_voters_wanted), and before it KRAFT_VERSION when
     *    `append_kraft_version` >= 0, in one control batch; tell raft_voters_at; sync. */
    bool append_voters;
    int16_t append_kraft_version;
    /* 5. Stop fetching records: load this snapshot from the leader (the driver writes what
     *    RAFT_FETCH_SNAPSHOT answers carry); end_offset -1: nothing new. */
    struct raft_snapshot_id snapshot;
    /* 6. raft_role, raft_leader or raft_epoch changed: tell who must know; parked fetches and
     *    describes look again. */
    bool leader_changed;
    /* 7. raft_high_watermark moved: deliver; parked fetches are answered. */
    bool high_watermark_moved;
    /* 8. The pending voter change ended with this error (raft_change). */
    bool change_done;
    enum kafka_error change_error;
    const char *change_message; /* static; NULL: the error's own */
    /* 9. raft_shutdown is complete: this node may stop. Once. */
    bool may_stop;
};

/* ---- messages out ---- */

enum raft_message_kind {
    RAFT_VOTE,
    RAFT_BEGIN_QUORUM_EPOCH,
    RAFT_END_QUORUM_EPOCH,
    RAFT_FETCH,
    RAFT_FETCH_SNAPSHOT,
    RAFT_UPDATE_VOTER,
    RAFT_ADD_VOTER,    /* auto-join: to the leader, ack_when_committed false */
    RAFT_REMOVE_VOTER, /* auto-join: this id's former directory */
    RAFT_API_VERSIONS, /* to a node that is to be added: which kraft.version does it support? */
};

/* At most one of each kind is in flight to one destination; at most one Fetch or FetchSnapshot in
 * all. A change of role forgets what is in flight: answers to it are ignored, others of its kind
 * may follow at once. The core gives up by itself after timeout_ms, too. */
struct raft_message {
    enum raft_message_kind kind;
    uint32_t token;  /* names it in raft_answered */
    int32_t to;      /* node id; -1: one of options.bootstrap */
    struct str host; /* where; lives as long as the voters it came from: use it at once */
    uint16_t port;
    int64_t timeout_ms;
    /* Of which each kind uses what its request has. */
    int32_t epoch;
    bool pre_vote;                        /* RAFT_VOTE */
    struct raft_replica target;           /* voter key of the receiver */
    int32_t last_epoch;                   /* RAFT_VOTE, RAFT_FETCH */
    int64_t offset;                       /* RAFT_VOTE: log end; RAFT_FETCH: fetch offset */
    int64_t high_watermark;               /* RAFT_FETCH; -1: unknown */
    int64_t wait_ms;                      /* RAFT_FETCH */
    struct raft_snapshot_id snapshot;     /* RAFT_FETCH_SNAPSHOT; the driver knows the position */
    const struct raft_replica *preferred; /* RAFT_END_QUORUM_EPOCH, best first */
    int32_t preferred_count;
    struct raft_replica removed; /* RAFT_REMOVE_VOTER */
};

/* ---- answers in ---- */

/* Who leads, as an answer or request says. */
struct raft_leader_hint {
    int32_t leader_id; /* -1: none named */
    int32_t epoch;     /* -1: none named */
    /* Its endpoint for our listener, from NodeEndpoints or LeaderEndpoints. Null host: none. */
    struct str host;
    uint16_t port;
};

struct raft_answer {
    enum kafka_error error; /* the top level's, else the partition's */
    struct raft_leader_hint current;
    bool granted;                     /* RAFT_VOTE */
    struct raft_epoch_end diverging;  /* RAFT_FETCH; epoch -1: none */
    struct raft_snapshot_id snapshot; /* RAFT_FETCH; end_offset -1: none */
    int64_t high_watermark;           /* RAFT_FETCH; -1 */
    int16_t kraft_min, kraft_max;     /* RAFT_API_VERSIONS; max -1: not supported */
};

enum raft_verdict {
    RAFT_IGNORE, /* stale or of no use: drop the answer's records */
    RAFT_APPEND, /* RAFT_FETCH: append its records now, then raft_fetched; RAFT_FETCH_SNAPSHOT: its
                    bytes belong to the snapshot being loaded */
};

/* ---- requests in ---- */

struct raft_vote_request {
    int32_t epoch;
    struct raft_replica candidate, target; /* target id -1: not said (v0) */
    int32_t last_epoch;
    int64_t last_offset;
    bool pre_vote;
};

struct raft_fetch_request {
    struct raft_replica replica; /* id -1: a consumer or a tool: reads to the high watermark */
    int32_t current_epoch;       /* CurrentLeaderEpoch; -1: not said */
    int64_t offset;
    int32_t last_epoch;     /* LastFetchedEpoch; -1: not said */
    int64_t high_watermark; /* -1: unknown; INT64_MAX: not said */
};

struct raft_fetch_answer {
    enum kafka_error error;
    struct raft_epoch_end diverging;  /* epoch -1: none */
    struct raft_snapshot_id snapshot; /* end_offset -1: none */
    int64_t high_watermark;           /* as to be told: -1 until the epoch has committed */
    int64_t read_end;                 /* read below this */
    bool at_once;                     /* do not park: an error, a divergence, or the HW is news */
};

/* ---- membership ---- */

enum raft_change_outcome { RAFT_CHANGE_REFUSED, RAFT_CHANGE_PENDING, RAFT_CHANGE_DONE };

struct raft_change_answer {
    enum raft_change_outcome outcome;
    enum kafka_error error;
    const char *message; /* static; NULL: the error's own */
};

/* ---- what is ---- */

enum raft_role {
    RAFT_UNATTACHED,
    RAFT_PROSPECTIVE,
    RAFT_CANDIDATE,
    RAFT_LEADER,
    RAFT_RESIGNED,
    RAFT_FOLLOWER,
};

/* For DescribeQuorum, on a leader: voters first, then observers heard of within five minutes. */
struct raft_progress {
    struct raft_replica replica;
    bool is_voter;
    int64_t end_offset;        /* -1: never heard of */
    int64_t last_fetch_ms;     /* monotonic; -1 */
    int64_t last_caught_up_ms; /* monotonic; -1 */
};

#endif
