/* The replicas of this node that are on their way into another of its log directories (KIP-113).
 *
 * Each has a future log beside its own (log/log_future.h) and is brought there in small steps: at
 * most MOVE_BYTES_PER_TURN are copied in a turn of the loop, then the loop sees to everybody else.
 * What comes next with one of them is decided in moving.h. So many are copied at a time as
 * num.replica.alter.log.dirs.threads says, in order of topic and partition; what is level with its
 * log costs nothing until that log moves.
 *
 *   busy, sorted  ── level, failed ──>  at rest
 *        ^                                 │
 *        └──── its log moved, or it is told something
 *
 * The rate of all of them is bounded by replica.alter.log.dirs.io.max.bytes.per.second. A full or
 * busy disk is tried again after MOVE_RETRY_MS. The manager makes this when the first move begins:
 * a node that moves nothing has none of it.
 *
 * Owns: moves. Borrows: replicas, which give their move up before they go; future logs, which
 * belong to their directories. Thread: the loop's. */
#ifndef SAMSA_REPLICA_REPLICA_MOVES_H
#define SAMSA_REPLICA_REPLICA_MOVES_H

#include "replica/moving.h"
#include "replica/replica.h"
#include "replica/throttle.h"

struct replica_moves;

enum {
    MOVE_BYTES_PER_TURN = 256 << 10, /* or one batch, if that is larger */
    MOVE_RETRY_MS = 1000,
};

struct replica_move {
    struct replica *replica;
    struct log *future;
    struct moving core;
    struct log_flush flush;
    struct list_node node; /* busy or at rest */
    bool is_busy;
    int64_t cut_to; /* a cut that passed without being made, for want of descriptors; else
                       INT64_MAX */
    struct mono_time not_before; /* its disk was full or busy, or the rate is used up */
};

struct replica_moves *replica_moves_create(struct replica_manager *m);

/* Moves are forgotten; their future logs stay, and are found at the next start. */
void replica_moves_destroy(struct replica_moves *moves);

/* Nothing is copied any more. */
void replica_moves_stop(struct replica_moves *moves);

/* INT64_MAX: no limit. */
void replica_moves_set_throttle(struct replica_moves *moves, int64_t bytes_per_s);

int32_t replica_moves_count(const struct replica_moves *moves);

/* `future` is to become the log of r. PRE: r has a log elsewhere, and no move. `accepted`: metadata
 * has it there already. */
void replica_move_begin(struct replica_moves *moves, struct replica *r, struct log *future,
                        bool accepted);

/* Each of these ends the move of r, if it has one. */

/* Without a word; the future log stays. */
void replica_move_drop(struct replica *r);

/* The controller hears where the replica is, if it was told something else: with its log, or lost
 * when that is gone. The future log stays. */
void replica_move_forget(struct replica *r);

/* The same, and the future log is deleted. */
void replica_move_give_up(struct replica *r);

/* The log of r has moved: appended, raised, cut. */
void replica_move_wake(struct replica *r);

/* The log of r has been cut, or restarted, at `offset`: what the copy has from there on may be
 * other records soon, so it is cut at once. */
void replica_move_cut(struct replica *r, int64_t offset);

/* The controller, or metadata, has the replica in this directory. */
void replica_move_accepted(struct replica *r, struct uuid directory);

/* The topic's configuration changed. */
void replica_move_configure(struct replica *r);

/* The settings of a copy: those of its topic, but that nothing is synced while it is written; at
 * the end all of it is. One reference. */
struct log_config *replica_move_config(struct log_config *topic);

#endif
