/* What the files of the core share: the object and the moves between roles. Private to raft/.
 *
 * Owns: everything below; what the options point to is copied into `arena`. Thread: the loop's. */
#ifndef SAMSA_RAFT_INTERNAL_H
#define SAMSA_RAFT_INTERNAL_H

#include "base/prng.h"
#include "raft/raft.h"
#include "raft/voters.h"

enum {
    RAFT_FETCH_WAIT_MS = 500,              /* MaxWait of a follower's Fetch */
    RAFT_OBSERVER_SESSION_MS = 300000,     /* an observer that is silent longer is forgotten */
    RAFT_OBSERVERS_MAX = 4096,             /* the one longest silent gives way */
    RAFT_CAUGHT_UP_FETCH_MS_MAX = 3600000, /* to be added, it fetched within this */
    /* Epochs are never used up: one beyond the first bound is believed only from nearby. */
    RAFT_EPOCH_FREE_MAX = 1 << 30,
    RAFT_EPOCH_LEAP_MAX = 1 << 20,
};

/* An election's voter, and what it answered. */
enum raft_ballot_state { BALLOT_OPEN, BALLOT_GRANTED, BALLOT_REJECTED };
struct raft_ballot {
    struct raft_replica voter;
    enum raft_ballot_state state;
};

/* What a leader knows of a replica. */
struct raft_tracked {
    struct raft_replica key;
    bool is_voter;
    bool fetched;       /* within the running check-quorum interval */
    bool begin_due;     /* BeginQuorumEpoch is to be sent */
    int64_t end_offset; /* acknowledged; -1: nothing yet */
    int64_t last_fetch_ms, last_caught_up_ms;
    int64_t last_fetch_leader_end; /* log end offset when it last fetched */
};

struct raft_leading {
    int64_t epoch_start;
    int64_t high_watermark;       /* -1 until the epoch has committed */
    struct raft_tracked *tracked; /* voters first, in the set's order */
    int32_t tracked_count, tracked_capacity;
    int32_t voters_count;
    int32_t *granting;
    int32_t granting_count;
    int64_t check_quorum_at;
    int64_t begin_at;
    /* kraft.version 0: the static voters with what each has told of itself (KIP-853's upgrade). */
    struct voter_set *told;
};

struct raft_following {
    int64_t fetch_at;        /* the fetch timer */
    int64_t update_voter_at; /* UpdateVoter, Add or Remove are looked at */
    bool has_fetched;        /* successfully, since this leader is followed */
    bool has_updated_leader; /* kraft.version 0 */
    int32_t failures;        /* since a good answer: at every second another server is asked */
    struct raft_snapshot_id loading;
};

struct raft_resigned {
    struct raft_replica *preferred; /* by descending fetch offset; none after a restart */
    int32_t preferred_count;
    struct raft_replica *voters; /* to be told: all but this node */
    bool *acknowledged;          /* as many */
    int32_t voters_count;
};

/* The one voter change that is under way. */
enum raft_change_kind { CHANGE_NONE, CHANGE_ADD_ASKING, CHANGE_ADD, CHANGE_REMOVE };
struct raft_change {
    enum raft_change_kind kind;
    bool asked;    /* ApiVersions was sent */
    bool answered; /* not ack_when_committed: it was told already */
    bool ack_when_committed;
    int64_t expires_at;
    struct voter_set *voter; /* one entry: the one to be added */
};

struct raft_sent {
    uint32_t token;
    enum raft_message_kind kind;
    int32_t peer; /* node id, or -1 - index of a bootstrap server */
    int64_t expires_at;
};

struct raft_pause {
    int32_t peer;
    int64_t until_ms;
};

struct raft_wire {
    struct raft_sent *sent;
    int32_t sent_count, sent_capacity;
    struct raft_pause *pauses;
    int32_t pauses_count, pauses_capacity;
    uint32_t last_token;
    int64_t ask_at;        /* bootstrap servers are not asked before */
    uint32_t first_server; /* moves on with every one that was asked */
    int64_t quiet_until;   /* nothing is sent before: what it led to could not be persisted */
};

struct raft {
    struct arena arena;
    struct raft_options options;
    struct raft_log log;
    struct prng prng;
    struct voters *voters;
    bool started;

    enum raft_role role;
    struct raft_state state;
    struct raft_state written, written_before; /* at the last raft_take that said persist */
    struct raft_address leader_address;        /* owned; null: unknown, or this node */
    int64_t high_watermark;
    int64_t durable_end;

    int64_t election_at;         /* UNATTACHED (voters), PROSPECTIVE, CANDIDATE, RESIGNED */
    struct raft_ballot *ballots; /* PROSPECTIVE, CANDIDATE */
    int32_t ballots_count;
    bool appending;                  /* between RAFT_APPEND and raft_fetched */
    struct raft_following following; /* FOLLOWER */
    struct raft_leading leading;     /* LEADER */
    struct raft_resigned resigned;   /* RESIGNED */
    struct raft_change change;       /* LEADER */
    struct voter_set *wanted;        /* LEADER: to be appended */
    struct raft_wire wire;

    bool stopping, stop_told;
    int64_t stop_by;

    struct raft_effects taken;   /* by the last raft_take */
    struct raft_effects effects; /* gathered; some are found by comparing at raft_take */
    struct {
        enum raft_role role;
        int32_t leader_id, epoch;
        int64_t high_watermark;
    } told; /* at the last raft_take */
};

/* ---- the log ---- */

static inline int64_t log_end(const struct raft *r)
{
    return r->log.end_offset(r->log.context);
}

static inline int32_t log_last_epoch(const struct raft *r)
{
    return r->log.last_epoch(r->log.context);
}

/* As KafkaRaftLog.endOffsetForEpoch: where the largest epoch <= asked ends. */
struct raft_epoch_end log_end_of_epoch(const struct raft *r, int32_t epoch);

/* ---- role.c: the only place where role, epoch, leader and vote change ---- */

bool role_is_only_voter(const struct raft *r);
/* A voter; or one whose removal may not have committed. The old set's majority may need it to get
 * there (Ongaro 4.2.2): of two voters a leader that removed itself and crashed has the longer log,
 * so the other cannot be elected, and neither could it if it were to wait. Kafka waits. */
bool role_may_stand(const struct raft *r);

/* Whether an epoch that somebody names may become this node's: elections need those behind it. */
bool role_believes_epoch(const struct raft *r, int32_t epoch);
int64_t role_election_timeout(struct raft *r);

/* As quorum-state says (kraft.md 1.7). From any role. */
void role_resume(struct raft *r, int64_t now_ms);

/* `leader_id` -1: none; an address need not be known. PRE: a higher epoch; or the same and this
 * node neither leads nor has resigned. */
void role_become_unattached(struct raft *r, int64_t now_ms, int32_t epoch, int32_t leader_id);
void role_become_prospective(struct raft *r, int64_t now_ms);
void role_become_candidate(struct raft *r, int64_t now_ms);
void role_become_leader(struct raft *r, int64_t now_ms);
void role_become_resigned(struct raft *r, int64_t now_ms);
/* PRE: the address is not null. */
void role_become_follower(struct raft *r, int64_t now_ms, int32_t epoch, int32_t leader_id,
                          struct raft_address address);
/* UNATTACHED or PROSPECTIVE votes; restarts the election timer. */
void role_vote_for(struct raft *r, int64_t now_ms, struct raft_replica candidate);
/* After a lost pre-vote: back to the leader that was known, or UNATTACHED. */
void role_leave_prospective(struct raft *r, int64_t now_ms);

/* Follow what a request or an answer says of the leader (maybeTransition). False: it contradicts
 * what is known, and was ignored; Kafka would end here. */
bool role_learn(struct raft *r, int64_t now_ms, const struct raft_leader_hint *hint);

/* ---- vote.c ---- */

void election_begin(struct raft *r);
void election_forward(struct raft *r, int64_t now_ms); /* if it has been won */
bool election_lost(const struct raft *r);
void election_end(struct raft *r);
/* The key that a request names as its receiver is this node's, or none. */
bool vote_key_is_own(const struct raft *r, struct raft_replica key);
void election_answered(struct raft *r, int64_t now_ms, int32_t voter_id, bool granted);

/* ---- leader.c ---- */

void leader_begin(struct raft *r, int64_t now_ms);
void leader_end(struct raft *r); /* a pending change ends with NOT_LEADER_OR_FOLLOWER */
/* All voters but this node, by descending acknowledged offset, in fresh memory. */
struct raft_replica *leader_successors(const struct raft *r, int32_t *count);
void leader_tick(struct raft *r, int64_t now_ms);
int64_t leader_deadline(const struct raft *r);
void leader_own_durable(struct raft *r, int64_t now_ms);
void leader_voters_changed(struct raft *r, int64_t now_ms);
void leader_heard_of(struct raft *r, int64_t now_ms,
                     struct raft_replica replica); /* check-quorum */
/* A valid Fetch: all below `offset` is durable there. May end this leadership (its own removal). */
void leader_acknowledged(struct raft *r, int64_t now_ms, struct raft_replica replica,
                         int64_t offset);
const struct raft_tracked *leader_find(const struct raft *r, struct raft_replica replica);
/* NONE, or why this node cannot serve what only a leader serves. */
enum kafka_error leader_admit(const struct raft *r, int32_t epoch);

/* ---- follower.c ---- */

void follower_begin(struct raft *r, int64_t now_ms);
void follower_reset_fetch_timer(struct raft *r, int64_t now_ms);
/* The leader's answer to a Fetch of this epoch, without error. Not good: nothing can be done by
 * it. */
enum raft_verdict follower_fetch_answered(struct raft *r, int64_t now_ms,
                                          const struct raft_answer *answer, bool *good);
bool follower_wants_update(const struct raft *r);

/* ---- messages.c ---- */

void wire_reset(struct raft *r); /* forget what is in flight and every pause */
void wire_expire(struct raft *r, int64_t now_ms);
int64_t wire_deadline(const struct raft *r);
/* Takes it out of what is in flight. False: forgotten, or never sent. */
bool wire_take_sent(struct raft *r, uint32_t token, struct raft_sent *out);
/* Nothing is sent to this peer until then. */
void wire_rest(struct raft *r, int32_t peer, int64_t until_ms);

/* ---- membership.c ---- */

/* Ends a change that has committed, and the leadership of a node whose removal has. */
void change_high_watermark_moved(struct raft *r, int64_t now_ms);
void change_abort(struct raft *r, enum kafka_error error, const char *message);
void change_expire(struct raft *r, int64_t now_ms);
/* NULL: it did not answer. */
void change_api_versions_answered(struct raft *r, int64_t now_ms, const struct raft_answer *answer);
/* Ask the driver to append this set. Owns it. `level` -1: no KRAFT_VERSION. */
void change_append(struct raft *r, struct voter_set *set, int16_t level);

#endif
