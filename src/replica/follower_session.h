/* The follower's half of a fetch session with one leader (KIP-227): which partitions the next
 * request must name, and which answers still mean something. The leader's half is fetch_session.h.
 *
 * A partition is in one list. What has not moved since it was named rests in `listed` and costs
 * nothing, however many there are:
 *
 *      add ──> changed ── named in a request ──> listed ── the log moved ──> changed
 *                 ^                                 │
 *                 └── time is up ── resting <───────┤ error      (forgotten by the next request)
 *                 └── the leader said ── asking <───┘ out of range        (likewise)
 *
 *      (id, epoch)    the next request
 *      (0, 0)         names every partition and asks for a session
 *      (x, e > 0)     names `changed`, forgets `forgotten`
 *      (x, 0)         after an error of the session: drops x, then as (0, 0)
 *
 * A second request may follow the first before it is answered, when a partition joined: the leader
 * would keep the first parked until something happens in the others. What the first one listed and
 * the second one does not is read twice at most; the offset tells.
 *
 * A pure core. Owns: the list of what is to be forgotten. Borrows: followings, which are unlinked
 * (remove) before they go. Thread: the loop's. */
#ifndef SAMSA_REPLICA_FOLLOWER_SESSION_H
#define SAMSA_REPLICA_FOLLOWER_SESSION_H

#include "base/arena.h"
#include "protocol/fetch.h"
#include "replica/following.h"

struct forgotten {
    struct uuid topic_id;
    int32_t partition;
};

struct follower_session {
    int32_t id;         /* 0: none */
    int32_t epoch;      /* of the next request; 0: a full one */
    bool creating;      /* a full request is under way */
    int64_t sequence;   /* of the last request made; never repeats */
    int64_t valid_from; /* answers to earlier requests say nothing of the session itself */
    struct list_node changed, listed, resting, asking;
    int32_t count; /* in the four lists together */
    bool joined;   /* a partition in `changed` has never been asked for: do not wait */
    struct forgotten *forgotten;
    int32_t forgotten_count, forgotten_capacity;
};

void follower_session_init(struct follower_session *s);

/* Every partition has been removed. */
void follower_session_free(struct follower_session *s);

/* ---- partitions ---- */

/* Begin to fetch it: state FETCHING, in no list. */
void follower_session_add(struct follower_session *s, struct following *f);

/* Allowed in any state; the leader is told to forget it. */
void follower_session_remove(struct follower_session *s, struct following *f);

/* It moved, or may be fetched again: to be named in the next request. State FETCHING. */
void follower_session_changed(struct follower_session *s, struct following *f);

/* State RESTING, rest_until set; or ASKING_*; or FAILED, which leaves every list. The leader is
 * told to forget it meanwhile, or its error would end every wait. */
void follower_session_pause(struct follower_session *s, struct following *f);

/* Those whose rest is over are to be named again. Returns when the next one's ends; INT64_MAX. */
int64_t follower_session_wake(struct follower_session *s, struct mono_time now);

/* ---- requests ---- */

struct follower_session_options {
    int32_t partition_bytes_max;
    /* Throttled partitions that lag are left out: the quota is used up (KIP-73). */
    bool throttling;
};

/* Fill in session, topics and what is to be forgotten; the rest of the request is the caller's.
 * False: there is nothing to fetch and nothing to forget. Memory: the arena. */
bool follower_session_request(struct follower_session *s, const struct follower_session_options *o,
                              struct fetch_request *q, struct arena *arena);

/* No answer came, or none that is a session's: everything is named anew. */
void follower_session_reset(struct follower_session *s);

/* The head of the answer to request `sequence`. False: the answer says nothing of partitions. */
bool follower_session_answered(struct follower_session *s, int64_t sequence, bool full,
                               enum kafka_error error, int32_t session_id);

/* Does the answer to request `sequence` tell anything of `f` as it is now? */
static inline bool follower_session_concerns(const struct following *f, int64_t sequence)
{
    return f->state == FOLLOWING_FETCHING && f->listed && f->listed_sequence <= sequence &&
           !f->grew;
}

#endif
