/* Fetch sessions (KIP-227): a fetcher names its partitions once and afterwards only what changed.
 *
 * A session keeps an entry per partition, and each entry watches its replica. What has happened
 * since the last answer stands in the session's `dirty` list, so a fetch looks at the partitions
 * that moved and at no others, however many the session holds. A fetch without a session is a
 * session that lives for one answer, with its entries in the request's arena; nothing is taken from
 * the heap for it.
 *
 *      request (id, epoch)   effect
 *      (0, 0)                full fetch; a session if a slot can be had, else none: id 0 in the
 * answer (x, 0)                drop x, then as (0, 0) (x, -1)               drop x, full fetch
 * without a session (x, e > 0)            incremental: apply changes, then fetch the whole set
 *
 * A fetch that must wait is parked on its session, one at a time: another request for that session
 * answers the parked one first. Parking counts down the bytes that are missing; entries subtract
 * what becomes readable, and at zero the session is woken, from the loop.
 *
 * Bounds: max.incremental.fetch.session.cache.slots sessions, FETCH_ENTRIES_MAX entries in all; at
 * either, fetches go on without a session. Owns: sessions and their entries. Thread: the loop's. */
#ifndef SAMSA_REPLICA_FETCH_SESSION_H
#define SAMSA_REPLICA_FETCH_SESSION_H

#include "base/map.h"
#include "env/env.h"
#include "protocol/fetch.h"
#include "replica/purgatory.h"

struct replica;
struct fetch_session_cache;

enum {
    FETCH_ENTRIES_MAX = 1000000,
    FETCH_SESSION_IDLE_MS = 120000, /* unused for longer, it gives way to anybody */
};

/* How far a fetch reads. */
enum fetch_isolation {
    FETCH_UNCOMMITTED, /* to the high watermark */
    FETCH_COMMITTED,   /* to the last stable offset */
    FETCH_LOG_END,     /* followers */
};

struct fetch_entry {
    struct replica_watch watch;
    struct list_node dirty; /* in the session's list when it has something to look at */
    struct fetch_session *session;
    struct replica *replica; /* NULL: not found yet, or gone; set with fetch_entry_attach */
    struct uuid topic_id;    /* zero before version 13 */
    struct str topic;        /* null from version 13 on */
    int32_t partition;
    /* what the fetcher asks for */
    int64_t fetch_offset;
    int64_t log_start_offset;
    int32_t bytes_max;
    int32_t current_leader_epoch; /* -1: not sent */
    int32_t last_fetched_epoch;   /* -1: not sent */
    /* what it was told last */
    int64_t sent_high_watermark;
    int64_t sent_log_start_offset;
    bool named_anew; /* by a follower: what it was told before may not have counted for it */
    int64_t countable_bytes; /* while parked: how much of bytes_max has not been counted yet */
};

struct fetch_session {
    int32_t id;            /* 0: lives for one answer */
    int32_t epoch;         /* the next one expected */
    bool follower;         /* outranks consumers for a slot */
    uint64_t fetcher;      /* whose it is, of followers; 0: not named */
    int32_t broker_id;     /* of followers that are named; else -1 */
    uint64_t answered;     /* the count of answers with its last one; 0: none yet */
    uint64_t heard_behind; /* the same when its last request came: which was sent after that */
    bool uses_topic_ids;
    bool wants_watermark; /* answer a parked fetch when only a high watermark moved */
    bool full;            /* the answer under way lists every partition */
    enum fetch_isolation isolation;
    struct mono_time created, used;
    struct fetch_session_cache *cache;
    struct map entries_by_key;     /* of a lasting session */
    struct fetch_entry *transient; /* of one that lives for one answer */
    int32_t entries_count;
    struct list_node dirty; /* of fetch_entry: in request order, those answered with data last */
    struct list_node lru;
    int32_t slot;
    /* the parked fetch */
    void *parked; /* the waker's; NULL when nothing is parked */
    int64_t missing_bytes;
    bool must_answer; /* woken because its time is up, or somebody needs the session */
    struct timer timer;
    struct list_node ready;
    void (*wake)(struct fetch_session *session);
};

struct fetch_session_cache *fetch_session_cache_create(const struct env *env, int32_t slots_max);
/* Parked fetches are dropped without an answer. */
void fetch_session_cache_destroy(struct fetch_session_cache *c);

int32_t fetch_session_cache_sessions(const struct fetch_session_cache *c);
int64_t fetch_session_cache_entries(const struct fetch_session_cache *c);
int64_t fetch_session_cache_evictions(const struct fetch_session_cache *c);

/* Find or make the session of a request and bring it up to date. The request and the arena must
 * live until fetch_session_end. FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH or
 * FETCH_SESSION_TOPIC_ID_ERROR leave *out unset. */
enum kafka_error fetch_session_begin(struct fetch_session_cache *c, const struct fetch_request *rq,
                                     int16_t version, bool follower, struct arena *arena,
                                     struct fetch_session **out);

/* A full fetch of a follower: its session is that fetcher's (its client id tells a broker's several
 * apart), and earlier ones of the same end here. A request that an earlier connection brings late,
 * when a cut has healed, finds none then; it would take back what the fetcher has told since, and a
 * partition at rest is told no second time. */
void fetch_session_name_fetcher(struct fetch_session *s, int32_t replica_id, struct str client_id);

/* Answers to followers so far, of all sessions. */
uint64_t fetch_session_cache_answers(const struct fetch_session_cache *c);

/* Has this broker asked for the replica behind an answer later than `answers` of them? Then it
 * followed it at a moment after that count was taken. */
bool fetch_session_follows(const struct purgatory *replica, int32_t broker_id, uint64_t answers);

/* Fetches of its followers that are parked are answered from the loop, with what there is: they ask
 * again. */
void fetch_session_answer_followers(const struct purgatory *replica);

/* The answer has been built (or there will be none): a session for one answer is gone after this.
 */
void fetch_session_end(struct fetch_session *s);

/* The id for the answer. */
static inline int32_t fetch_session_id(const struct fetch_session *s)
{
    return s->id;
}

static inline struct fetch_entry *fetch_entry_of(struct list_node *dirty)
{
    return CONTAINER_OF(dirty, struct fetch_entry, dirty);
}

/* The entry's replica has been found: be told from now on of what happens to it. */
void fetch_entry_attach(struct fetch_entry *e, struct replica *replica,
                        struct purgatory *purgatory);

/* What a read of one entry came to. */
struct fetch_outcome {
    enum kafka_error error;
    int64_t high_watermark, log_start_offset; /* as the answer shows them */
    int64_t bytes;
    bool readable; /* there is more that this answer has no room for */
    bool special;  /* a diverging epoch or a preferred replica */
};

/* Must this entry stand in the answer? */
bool fetch_entry_reports(const struct fetch_entry *e, const struct fetch_outcome *o);

/* It has been answered so (or, not reporting, left out): remember, and rest if nothing is left. */
void fetch_entry_answered(struct fetch_entry *e, const struct fetch_outcome *o);

/* Park after every dirty entry was read with too few bytes: session->wake runs once, from the loop,
 * when missing_bytes more are readable, when a watch says to look again, or after wait_ms. */
void fetch_session_park(struct fetch_session *s, void *parked, int64_t missing_bytes,
                        int64_t wait_ms, void (*wake)(struct fetch_session *));

/* During parking: this entry was read with this outcome. */
void fetch_entry_parked(struct fetch_entry *e, const struct fetch_outcome *o);

/* The waker takes its fetch back: no wake follows. Returns what was parked. */
void *fetch_session_unpark(struct fetch_session *s);

#endif
