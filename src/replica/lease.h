/* What this broker leads while no controller hears it.
 *
 * The controller lets a broker lead until it has not heard it for broker.session.timeout.ms; then
 * it elects others. A broker that is cut off knows that time, and no more: whether all controllers
 * are gone, which must not stop the data (faults.md S24), or another leads by now, it cannot be
 * told. But who leads in our place was a follower of ours that no longer fetches.
 *
 *              lease over, and a replica that may be elected has not fetched for as long
 *              and is not proved absent
 *   HELD ────────────────────────────────────────────────────────────────────────────────> ADRIFT
 *     ^          a controller answers, or all of those fetch again                          │
 *     └─────────────────────────────────────────────────────────────────────────────────────┘
 *
 * A partition adrift serves no client: NOT_LEADER_OR_FOLLOWER, naming nobody, also to those who
 * wait. Followers are served always: their fetches are what commits. Unreplicated partitions, and
 * those of which nobody else could be elected, are never adrift. A lease counts from when the
 * heartbeat was sent, so it ends here no later than at the controller.
 *
 * Costs nothing while it holds but a comparison a request. Owned by the manager. Thread: the
 * loop's. */
#ifndef SAMSA_REPLICA_LEASE_H
#define SAMSA_REPLICA_LEASE_H

#include "replica/replica_manager.h"

/* A controller has answered a heartbeat that was sent at `sent`. ms: the session timeout; 0: a
 * lease never ends, as before the first call. */
void replica_manager_extend_lease(struct replica_manager *m, struct mono_time sent, int64_t ms);

/* From half of the lease on, events.lease_ending asks for this every now and then: whether this
 * broker's process is proved gone, so that it cannot lead in our place. Holds until it is told
 * otherwise, or a controller answers. */
void replica_manager_note_absence(struct replica_manager *m, int32_t broker_id, bool absent);

/* Another may lead this partition by now, and we cannot know. */
bool replica_is_adrift(struct replica *r);

/* Clients are sent away from this replica: it is adrift, or the broker fenced. */
bool replica_turns_away(struct replica *r);

/* No controller has answered for half of the lease, and others could lead this partition by now:
 * its followers may have been silent for a moment only. For reads that may never be older than what
 * another leader has acknowledged; data is read and committed as before. */
bool replica_is_doubted(struct replica *r);

/* Everybody who could lead in our place has asked for the replica behind an answer later than
 * `answers` of fetch_session_cache_answers, or was proved absent before the lease was over: no
 * other led it when they were counted. Whose process ended later may have led before. */
bool replica_is_confirmed(struct replica *r, uint64_t answers);

/* Some partition is adrift, or this broker is fenced: it is no broker to send clients to. */
bool replica_manager_is_adrift(struct replica_manager *m);

#endif
