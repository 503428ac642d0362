/* KRaft, as a pure core: `event -> effects`. It knows no log, no socket, no file and no clock; time
 * comes in as `now_ms` (monotonic), what is to be done goes out through raft_take and
 * raft_next_message (kraft.md 2, KIP-595, KIP-853, KIP-996; KafkaRaftClient and QuorumState).
 *
 *                     ┌───────────── a higher epoch, from anywhere ──────────────┐
 *                     v                                                          │
 *   UNATTACHED ── election timer ──> PROSPECTIVE ── pre-vote majority ──> CANDIDATE
 *     │   ^  ^                        ^   │   ^ ── election timer ────────────┘  │ majority
 *     │   │  └── lost, no leader known ───┘   │ fetch timer, leader lost         v
 *     │   └──── after one election time ── RESIGNED <── check-quorum, stop ── LEADER
 *     └── a leader is learned ──> FOLLOWER ────┘        own removal committed
 *
 * Observers (not in the voter set, or no controller) are UNATTACHED or FOLLOWER only and their
 * timers never lead to an election. A voter is (id, directory id) in the *latest* voter set,
 * committed or not; an entry without a directory id (kraft.version 0) is matched by id alone. One
 * voter goes straight from UNATTACHED to LEADER.
 *
 * The driver (quorum/) calls one event and then, before anything else, carries out raft_take in the
 * order that struct raft_effects states; then it sends what raft_next_message gives; then the
 * answer of the event leaves; then it arms one timer for raft_deadline. So nothing is said before
 * what it depends on is durable (S20, S21). Several events may be carried out together as long as
 * no answer leaves before.
 *
 * Owns: roles, epoch and vote, the voters of every offset (raft/voters.h), what is known of each
 * replica, timers as deadlines. Borrows: the log's view. Thread: the loop's. Nothing here fails;
 * a request that must be refused gets a Kafka error; a broken invariant asserts. */
#ifndef SAMSA_RAFT_RAFT_H
#define SAMSA_RAFT_RAFT_H

#include "base/arena.h"
#include "base/uuid.h"
#include "protocol/error.h"
#include "protocol/voters_record.h"

struct raft;

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
     * none, the voters of controller.quorum.voters. */
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

/* `static_voters` (kraft.version 0, controller.quorum.voters) are in force until a KRAFT_VOTERS is
 * told; NULL for none. The voters and kraft.version of the snapshot and the log are told after this
 * with raft_voters_at and raft_kraft_version_at, in offset order, then raft_start. Copies all. */
struct raft *raft_new(const struct raft_options *options, const struct raft_log *log,
                      const struct raft_state *state, const struct voters_record *static_voters);
void raft_free(struct raft *r);

/* Begin in the state that kraft.md 1.7 derives from quorum-state. PRE: what the log holds is durable
 * (a process may have died with records unsynced: sync first). `high_watermark`: as known from a
 * checkpoint or snapshot end; never above the log end. */
void raft_start(struct raft *r, int64_t now_ms, int64_t high_watermark);

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
    /* 5. Stop fetching records: load the snapshot `snapshot` from the leader (the driver writes
     * what
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

/* Takes what has gathered; a second call at once gives nothing. */
struct raft_effects raft_take(struct raft *r);

/* The state to be written. */
struct raft_state raft_persistent(const struct raft *r);

/* Writing it was impossible for want of space: nothing was granted, nobody stood; tried again after
 * an election time. The answer of the event in hand must not leave. */
void raft_cannot_persist(struct raft *r, int64_t now_ms);

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
 * all. A change of role forgets what is in flight: answers to it are ignored, and it may be followed
 * at once by others of its kind. The core gives up by itself after timeout_ms, too. */
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

/* The next message that is due; false when there is none. What it gives counts as sent. */
bool raft_next_message(struct raft *r, int64_t now_ms, struct raft_message *out);

/* ---- answers in ---- */

/* Who leads, as an answer or request says. */
struct raft_leader_hint {
    int32_t leader_id; /* -1: none named */
    int32_t epoch;     /* -1: none named */
    /* Its endpoint for our listener, from NodeEndpoints or LeaderEndpoints; null host: none
     * given */
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

/* The answer to the message `token` of this node's own. */
enum raft_verdict raft_answered(struct raft *r, int64_t now_ms, uint32_t token,
                                const struct raft_answer *answer);

/* No answer: the connection broke or was refused, or time ran out. */
void raft_unanswered(struct raft *r, int64_t now_ms, uint32_t token, bool timed_out);

/* The peer does not serve the version that the message needs (a pre-vote before Vote v2). */
void raft_unsupported(struct raft *r, int64_t now_ms, uint32_t token);

/* After RAFT_APPEND: the records are in the log (voters among them were told). The high watermark
 * of the answer counts now; the next Fetch leaves once all is durable. */
void raft_fetched(struct raft *r, int64_t now_ms, int64_t high_watermark);

/* The snapshot of raft_effects is loaded and durable, the log begins at its end. Its voters have
 * been told. Or it could not be had (SNAPSHOT_NOT_FOUND): ask again with a Fetch. */
void raft_snapshot_loaded(struct raft *r, int64_t now_ms, struct raft_snapshot_id id);
void raft_snapshot_failed(struct raft *r, int64_t now_ms);

/* ---- requests in: answered at once, the answer leaves after raft_take ----
 *
 * INVALID_REQUEST belongs in the top level of the answer: in a partition it would end a real peer
 * (kraft.md 2.13). All other errors stand in the partition. */

struct raft_vote_request {
    int32_t epoch;
    struct raft_replica candidate, target; /* target id -1: not said (v0) */
    int32_t last_epoch;
    int64_t last_offset;
    bool pre_vote;
};

/* Every answer's CurrentLeader: raft_leader, raft_epoch, and raft_leader_address. */
enum kafka_error raft_handle_vote(struct raft *r, int64_t now_ms,
                                  const struct raft_vote_request *rq, bool *granted);

enum kafka_error raft_handle_begin_epoch(struct raft *r, int64_t now_ms,
                                         const struct raft_leader_hint *leader,
                                         struct raft_replica target);

/* `preferred` best first. */
enum kafka_error raft_handle_end_epoch(struct raft *r, int64_t now_ms, int32_t leader_id,
                                       int32_t epoch, const struct raft_replica *preferred,
                                       int32_t preferred_count);

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

/* Judges a Fetch of the metadata log; the fetch offset is the replica's acknowledgement. A fetch
 * that finds nothing may be parked by the driver, who calls this again when looked at anew (then
 * with `again`, which acknowledges nothing). */
void raft_handle_fetch(struct raft *r, int64_t now_ms, const struct raft_fetch_request *rq,
                       bool again, struct raft_fetch_answer *answer);

/* As raft_handle_fetch, for check-quorum and the epoch; the driver reads the file. */
enum kafka_error raft_handle_fetch_snapshot(struct raft *r, int64_t now_ms,
                                            struct raft_replica replica, int32_t current_epoch);

/* ---- membership (kraft.md 2.11). One change at a time; RAFT_CHANGE_PENDING: the outcome comes as
 * change_done. Any other error is the answer. */

enum raft_change_outcome { RAFT_CHANGE_REFUSED, RAFT_CHANGE_PENDING, RAFT_CHANGE_DONE };

struct raft_change_answer {
    enum raft_change_outcome outcome;
    enum kafka_error error;
    const char *message; /* static; NULL: the error's own */
};

/* `voter` is copied. Not `ack_when_committed`: done when appended (KIP-1186). */
struct raft_change_answer raft_add_voter(struct raft *r, int64_t now_ms,
                                         const struct voters_record_voter *voter,
                                         bool ack_when_committed, int64_t timeout_ms);
struct raft_change_answer raft_remove_voter(struct raft *r, int64_t now_ms,
                                            struct raft_replica voter, int64_t timeout_ms);
struct raft_change_answer raft_update_voter(struct raft *r, int64_t now_ms, int32_t current_epoch,
                                            const struct voters_record_voter *voter);
/* UpdateFeatures of kraft.version. `dry_run`: judge only. */
struct raft_change_answer raft_upgrade_kraft_version(struct raft *r, int64_t now_ms, int16_t level,
                                                     bool dry_run);

/* ---- what happens ---- */

void raft_tick(struct raft *r, int64_t now_ms);

/* When raft_tick must be called; INT64_MAX: not on its own account. */
int64_t raft_deadline(const struct raft *r);

/* Everything below is on stable storage: on a leader its own acknowledgement, on a follower the
 * leave to fetch on (a node that is no controller fetches on without). A sync that was begun before
 * a truncation or a snapshot says nothing about what was appended after it. */
void raft_durable(struct raft *r, int64_t now_ms, int64_t end_offset);

/* The log got KRAFT_VOTERS or KRAFT_VERSION at `offset` (or a snapshot has them: its end offset -
 * 1). In force at once. Copied. */
void raft_voters_at(struct raft *r, int64_t now_ms, int64_t offset,
                    const struct voters_record *voters);
void raft_kraft_version_at(struct raft *r, int64_t now_ms, int64_t offset, int16_t level);

/* Voters below this offset need not be remembered one by one: a snapshot has them. */
void raft_forget_below(struct raft *r, int64_t offset);

/* The leader's process is known to be gone (its host refuses connections): the election timer fires
 * now, staggered by up to `stagger_ms`. No-op unless following `leader_id`, or when no voter. The
 * pre-vote keeps a mistake harmless. */
void raft_leader_lost(struct raft *r, int64_t now_ms, int32_t leader_id, int64_t stagger_ms);

/* Give up leadership of `epoch` (the controller cannot go on). No-op when it does not lead it. */
void raft_resign(struct raft *r, int64_t now_ms, int32_t epoch);

/* Stop taking part: a leader resigns and tells its successors; may_stop follows, after
 * `timeout_ms` at the latest. */
void raft_shutdown(struct raft *r, int64_t now_ms, int64_t timeout_ms);

/* ---- what is ---- */

enum raft_role {
    RAFT_UNATTACHED,
    RAFT_PROSPECTIVE,
    RAFT_CANDIDATE,
    RAFT_LEADER,
    RAFT_RESIGNED,
    RAFT_FOLLOWER,
};

const char *raft_role_text(enum raft_role role);

enum raft_role raft_role(const struct raft *r);
int32_t raft_epoch(const struct raft *r);
/* -1: none known. While RESIGNED it is still this node: that is what peers are told. */
int32_t raft_leader(const struct raft *r);
/* Null host: not known, or this node itself. */
struct raft_address raft_leader_address(const struct raft *r);
bool raft_is_voter(const struct raft *r);
int64_t raft_high_watermark(const struct raft *r); /* local: never falls; -1: unknown */
int64_t raft_epoch_start(const struct raft *r);    /* of the leadership; -1 unless it leads */
int16_t raft_kraft_version(const struct raft *r);
/* The snapshot that this follower is loading; end_offset -1: none, what is half loaded is dropped. */
struct raft_snapshot_id raft_loading(const struct raft *r);

/* The latest set; its strings live until the next event. Never NULL; may be empty. */
const struct voters_record *raft_voters(const struct raft *r);
/* The set in force at `offset`: for a snapshot that ends there + 1. */
const struct voters_record *raft_voters_of(const struct raft *r, int64_t offset);
int16_t raft_kraft_version_of(const struct raft *r, int64_t offset);
/* Of append_voters: the set to be written. */
const struct voters_record *raft_voters_wanted(const struct raft *r);
/* Who voted for this leadership, this node among them. */
int32_t raft_granting(const struct raft *r, int32_t *ids, int32_t ids_max);

/* For DescribeQuorum, on a leader: voters first, then observers heard of within five minutes. */
struct raft_progress {
    struct raft_replica replica;
    bool is_voter;
    int64_t end_offset;        /* -1: never heard of */
    int64_t last_fetch_ms;     /* monotonic; -1 */
    int64_t last_caught_up_ms; /* monotonic; -1 */
};
int32_t raft_describe(const struct raft *r, int64_t now_ms, struct arena *arena,
                      struct raft_progress **out);

#endif
