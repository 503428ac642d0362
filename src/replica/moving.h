/* One replica on its way into another directory of this node (KIP-113, KIP-858): what is to be done
 * next with the copy of its log, the future log. A pure core: what both logs show comes in, one
 * step goes out (ReplicaAlterLogDirsThread).
 *
 *   COPYING ── level ──> SYNCING ── durable ──> ASKING ── the controller has taken it ──┐
 *      ^                    │ no room                                                    v
 *      └────────────────────┘                                                        ACCEPTED
 *                                                                           level │      ^ no room
 *                                                                                 v      │
 *   replaced <── level ── READY <── what came meanwhile is durable too ───────── SETTLING
 *   any ── a batch of the current log cannot be copied ──> FAILED: until it is given up
 *
 * The current log goes on meanwhile. In every state but FAILED the copy is first set right (cut
 * where the current log was cut, also while this process did not run: KIP-101), then brought level.
 * The controller hears of the new directory before the copy replaces the log: so it never counts a
 * replica as lost with a directory that it has left, and the last step depends on nobody.
 *
 * Owned by its move. Thread: the loop's. Nothing here fails. */
#ifndef SAMSA_REPLICA_MOVING_H
#define SAMSA_REPLICA_MOVING_H

#include "log/log.h"

enum moving_state {
    MOVING_COPYING,
    MOVING_SYNCING, /* what has been copied goes to stable storage */
    MOVING_ASKING,  /* the controller is to assign the replica to the new directory */
    MOVING_ACCEPTED,
    MOVING_SETTLING, /* so does what was copied since: the last step waits for a disk, so it is to
                        find little */
    MOVING_READY,
    MOVING_FAILED,
};

struct moving {
    enum moving_state state;
    bool accepted; /* metadata names the new directory: ASKING is passed over */
};

/* What both logs show now; see moving_view_of. */
struct moving_view {
    int64_t current_start, current_end, current_high_watermark;
    int64_t future_start, future_end;
    int64_t future_synced;                /* below it the copy is durable */
    int32_t current_epoch, future_epoch;  /* latest; NO_LEADER_EPOCH: none */
    struct epoch_end common, future_part; /* of the latest epoch both may know: where it ends in the
                                             current log, and in the future one */
};

enum moving_action {
    MOVING_WAIT,    /* until the current log moves, or something is told */
    MOVING_RESTART, /* empty the future log; it begins at `offset` */
    MOVING_CUT,     /* cut the future log to end at `offset`, epochs too */
    MOVING_RAISE,   /* raise its start to `offset`, the watermark to `high_watermark` first */
    MOVING_COPY,    /* append batches of the current log from `offset` on */
    MOVING_SYNC,    /* begin to sync it, then moving_synced */
    MOVING_REPLACE, /* the copy becomes the log: the end */
};

struct moving_step {
    enum moving_action action;
    int64_t offset;
    int64_t high_watermark;
};

void moving_begin(struct moving *m, bool accepted);

/* The next thing to do; SYNC moves the state on. */
struct moving_step moving_next(struct moving *m, const struct moving_view *v);

/* The sync has ended; without `ok` it is begun again when the copy is level. */
void moving_synced(struct moving *m, bool ok);

/* Metadata has the replica in the new directory. */
void moving_accepted(struct moving *m);

/* The copy cannot go on. */
void moving_failed(struct moving *m);

/* The controller may have been asked, so it must hear when the move is given up. */
static inline bool moving_was_told(const struct moving *m)
{
    return m->accepted || m->state == MOVING_ASKING;
}

/* The last step is due as soon as the copy is level. */
static inline bool moving_is_due(const struct moving *m)
{
    return m->state == MOVING_ACCEPTED || m->state == MOVING_READY;
}

/* Whether there are batches to copy. */
bool moving_is_behind(const struct moving *m, const struct moving_view *v);

struct moving_view moving_view_of(const struct log *current, const struct log *future);

#endif
