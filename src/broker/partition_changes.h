/* What a broker tells the history of its own partitions: that it leads them now, or follows where
 * it led, or had to cut their logs.
 *
 * Thousands of partitions move in one turn of the loop, so they are counted, the first few are kept
 * by name, and one event is told per kind: of leadership at the end of the turn, of truncations
 * after CHANGES_GATHER_MS, for they come with the answers of a leader, one after the other.
 *
 * Owns its counts. Borrows env, history. Thread: the loop's. All calls do nothing on NULL. */
#ifndef SAMSA_BROKER_PARTITION_CHANGES_H
#define SAMSA_BROKER_PARTITION_CHANGES_H

#include "env/env.h"
#include "history/history.h"

enum { CHANGES_LISTED_MAX = 16, CHANGES_GATHER_MS = 50 };

struct partition_changes;

/* NULL when there is no history. */
struct partition_changes *partition_changes_create(const struct env *env, struct history *history);
void partition_changes_free(struct partition_changes *c);

struct partition_move {
    struct str topic;
    int32_t partition;
    int32_t old_leader; /* -1: none or unknown */
    int32_t new_leader; /* likewise */
    int32_t leader_epoch;
};

/* This broker leads it now and did not before. */
void partition_changes_leads(struct partition_changes *c, const struct partition_move *m);
/* It led it before and does not now. */
void partition_changes_follows(struct partition_changes *c, const struct partition_move *m);
/* It leads it still, as far as it knows, and sends clients away, or serves them again
 * (replica/lease.h). */
void partition_changes_drifts(struct partition_changes *c, const struct partition_move *m,
                              bool adrift);
/* Its log was cut from its end offset `from` down to `to`, as its leader said. */
void partition_changes_cut(struct partition_changes *c, const struct partition_move *m,
                           int64_t from, int64_t to);

#endif
