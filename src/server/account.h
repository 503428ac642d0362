/* The controller's part of the history: what it decides, told to a person (history/history.h).
 *
 * Turns each run of decisions (controller/events.h) into a few events with counts and a bounded
 * list, and follows how long partitions were without a leader: from the moment the evidence against
 * their leader came, to the moment the election of the next is committed.
 *
 *   decided: a leader is lost ── elected in the same run ──> pending ── committed ──> led-again
 *                            └── nobody to elect ──> leaderless ── elected later ──> pending
 *
 * Owns: what is pending, when each leaderless partition lost its leader. Borrows: clock, history.
 * Bounds: ACCOUNT_PENDING_MAX runs that wait for their commit, beyond which they are told as one;
 * ACCOUNT_LEADERLESS_MAX partitions followed one by one, beyond which they are counted only.
 * Thread: the loop's. */
#ifndef SAMSA_SERVER_ACCOUNT_H
#define SAMSA_SERVER_ACCOUNT_H

#include "controller/events.h"
#include "history/history.h"

enum { ACCOUNT_PENDING_MAX = 64, ACCOUNT_LEADERLESS_MAX = 10000 };

struct account_keeper;

struct account_keeper *account_keeper_create(struct clock *clock, struct history *history,
                                             int64_t session_timeout_ms);
void account_keeper_free(struct account_keeper *k);

/* A broker is about to be reported lost: this is when the first evidence against it came. */
void account_keeper_lost(struct account_keeper *k, int32_t broker, struct mono_time since);

/* As in struct controller_events. */
void account_keeper_decided(struct account_keeper *k, const struct controller_account *account);
void account_keeper_active(struct account_keeper *k, int32_t epoch, int32_t brokers,
                           int64_t partitions);
void account_keeper_resigned(struct account_keeper *k, int32_t epoch, int64_t committed_end,
                             int64_t appended_end);

/* The log has committed up to here: what waited for it is told. */
void account_keeper_committed(struct account_keeper *k, int64_t end_offset);

#endif
