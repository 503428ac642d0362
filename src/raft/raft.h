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
#include "raft/io.h"

struct raft;

/* `static_voters` (kraft.version 0, controller.quorum.voters) are in force until a KRAFT_VOTERS is
 * told; NULL for none. The voters and kraft.version of the snapshot and the log are told after this
 * with raft_voters_at and raft_kraft_version_at, in offset order, then raft_start. Copies all. */
struct raft *raft_new(const struct raft_options *options, const struct raft_log *log,
                      const struct raft_state *state, const struct voters_record *static_voters);
void raft_free(struct raft *r);

/* Begin in the state that kraft.md 1.7 derives from quorum-state. PRE: what the log holds is
 * durable (a process may have died with records unsynced: sync first). `high_watermark`: as known
 * from a checkpoint or snapshot end; never above the log end. */
void raft_start(struct raft *r, int64_t now_ms, int64_t high_watermark);

/* ---- what the driver must do ---- */

/* Takes what has gathered; a second call at once gives nothing. */
struct raft_effects raft_take(struct raft *r);

/* The state to be written. */
struct raft_state raft_persistent(const struct raft *r);

/* Writing it was impossible for want of space: nothing was granted, nobody stood; tried again after
 * an election time. The answer of the event in hand must not leave. The other effects that were
 * taken with `persist` are to be dropped: what is still true of them comes again. */
void raft_cannot_persist(struct raft *r, int64_t now_ms);

/* ---- messages out ---- */

/* The next message that is due; false when there is none. What it gives counts as sent. */
bool raft_next_message(struct raft *r, int64_t now_ms, struct raft_message *out);

/* ---- answers in ---- */

/* The answer to the message `token` of this node's own. */
enum raft_verdict raft_answered(struct raft *r, int64_t now_ms, uint32_t token,
                                const struct raft_answer *answer);

/* No answer: the connection broke or was refused, or time ran out. */
void raft_unanswered(struct raft *r, int64_t now_ms, uint32_t token, bool timed_out);

/* The peer does not serve the version that the message needs (a pre-vote before Vote v2). */
void raft_unsupported(struct raft *r, int64_t now_ms, uint32_t token);

/* After RAFT_APPEND to a Fetch: the records are in the log (voters among them were told), or could
 * not be appended. The high watermark of the answer counts now; the next Fetch leaves once all is
 * durable. */
void raft_fetched(struct raft *r, int64_t now_ms, int64_t high_watermark);

/* The snapshot of raft_effects is loaded and durable, the log begins at its end. Its voters have
 * been told. Or it could not be had (SNAPSHOT_NOT_FOUND): ask again with a Fetch. */
void raft_snapshot_loaded(struct raft *r, int64_t now_ms, struct raft_snapshot_id id);
void raft_snapshot_failed(struct raft *r, int64_t now_ms);

/* ---- requests in: answered at once, the answer leaves after raft_take ----
 *
 * INVALID_REQUEST belongs in the top level of the answer: in a partition it would end a real peer
 * (kraft.md 2.13). All other errors stand in the partition. */

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

/* The log got KRAFT_VOTERS or KRAFT_VERSION at `offset` (of a snapshot: its end offset - 1). In
 * force at once. Copied. */
void raft_voters_at(struct raft *r, int64_t now_ms, int64_t offset,
                    const struct voters_record *voters);
void raft_kraft_version_at(struct raft *r, int64_t now_ms, int64_t offset, int16_t level);

/* Voters below this offset need not be remembered one by one: a snapshot has them. */
void raft_forget_below(struct raft *r, int64_t offset);

/* The leader's process is known to be gone (its host refuses connections): the election timer fires
 * now; the voters that are left stand one after the other, by id, `stagger_ms` apart; who is no
 * voter gives pre-votes. No-op unless following `leader_id`. The pre-vote keeps a mistake
 * harmless. */
void raft_leader_lost(struct raft *r, int64_t now_ms, int32_t leader_id, int64_t stagger_ms);

/* Give up leadership of `epoch` (the controller cannot go on). No-op when it does not lead it. */
void raft_resign(struct raft *r, int64_t now_ms, int32_t epoch);

/* Stop taking part: a leader resigns and tells its successors; may_stop follows, after
 * `timeout_ms` at the latest. */
void raft_shutdown(struct raft *r, int64_t now_ms, int64_t timeout_ms);

/* ---- what is ---- */

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
/* The snapshot that this follower is loading; end_offset -1: none, and a part of one is dropped. */
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

/* For DescribeQuorum, on a leader. In the arena. */
int32_t raft_describe(const struct raft *r, int64_t now_ms, struct arena *arena,
                      struct raft_progress **out);

#endif
