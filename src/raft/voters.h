/* The voters of every offset: a history of KRAFT_VOTERS and KRAFT_VERSION as the log or a snapshot
 * tells them, rolled back with the log (VoterSetHistory, KRaftControlRecordStateMachine), and what
 * can be asked of one set (VoterSet).
 *
 *     offset        -1 (0-0.checkpoint)      7              42
 *     voters   static │ bootstrap set        │ set with 4    │ set without 1  <- latest: in force
 *     truncate to 42 ────────────────────────────────────────┘ forgotten
 *     forget below 50: 42 stays, for it is what is in force at 50
 *
 * Owns: copies of the sets. Thread: its owner's. Nothing fails. */
#ifndef SAMSA_RAFT_VOTERS_H
#define SAMSA_RAFT_VOTERS_H

#include "base/arena.h"
#include "raft/io.h"

/* One set and the memory it lives in. */
struct voter_set {
    struct arena arena;
    struct voters_record record;
};

/* A deep copy of the voters; of `except` (not NULL) all but it; `plus` (not NULL) replaces the
 * entry with its id, or comes last. Free with voter_set_free. */
struct voter_set *voter_set_copy(const struct voters_record *record,
                                 const struct raft_replica *except,
                                 const struct voters_record_voter *plus);
void voter_set_free(struct voter_set *set); /* NULL is allowed */

/* ---- of one set ---- */

/* NULL: no voter has this id. */
const struct voters_record_voter *voters_find(const struct voters_record *record, int32_t id);

struct raft_replica voters_key(const struct voters_record_voter *voter);

/* Whether `entry` means this replica: the id is its, and its directory id, if it has one. */
bool voters_match(struct raft_replica entry, struct raft_replica replica);
bool voters_include(const struct voters_record *record, struct raft_replica replica);

/* Same key, range and endpoints (whatever their order). */
bool voters_same(const struct voters_record_voter *a, const struct voters_record_voter *b);

/* The set has this replica, but says something else of it. */
bool voters_need_update(const struct voters_record *record, const struct voters_record_voter *own);

/* Where a voter is called on this listener; null host: no such endpoint. Listener names are
 * compared without regard to case. Borrows from the set. */
struct raft_address voters_address(const struct voters_record_voter *voter, struct str listener);

bool voters_support(const struct voters_record_voter *voter, int16_t kraft_version);

/* ---- the history ---- */

struct voters;

enum { VOTERS_STATIC = -2 }; /* the offset of a set that no log told */

struct voters *voters_new(const struct voters_record *static_voters); /* NULL: none. Copied. */
void voters_free(struct voters *v);

/* What stood at or above `offset` is forgotten first. */
void voters_tell(struct voters *v, int64_t offset, const struct voters_record *record);
void voters_tell_version(struct voters *v, int64_t offset, int16_t level);

/* The log was cut to `end_offset`. */
void voters_truncate(struct voters *v, int64_t end_offset);
/* The log begins anew behind a snapshot that ends here and whose voters, if it has some, were told:
 * all else is forgotten. */
void voters_restart(struct voters *v, int64_t end_offset);
/* Keeps what is in force at `offset` and all later. */
void voters_forget_below(struct voters *v, int64_t offset);

/* Never NULL. The latest, and where it stands: VOTERS_STATIC, -1 for 0-0.checkpoint, or an
 * offset. */
const struct voters_record *voters_latest(const struct voters *v);
int64_t voters_latest_offset(const struct voters *v);
int16_t voters_version(const struct voters *v);

const struct voters_record *voters_at(const struct voters *v, int64_t offset);
int16_t voters_version_at(const struct voters *v, int64_t offset);

#endif
