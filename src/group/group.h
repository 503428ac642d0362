/* One classic consumer group: members, generations, and what both sides wait for.
 *
 * A pure state machine: time comes in with each event, answers and records go out through
 * `struct group_host`. It knows no log and no clock.
 *
 *      EMPTY ── a member joins ──> PREPARING ── all joined, or time is over ──> COMPLETING
 *       ^ │                         ^  │                                         │    │
 *       │ │    join, leave, expiry, │  │ nobody is left           join, leave,   │    │ leader's
 *       │ │    leader joins again   │  v                          sync time-out  │    │ assignment
 *       │ │                         │  EMPTY (with a record)                     │    │ committed
 *       │ v                         └────────────── STABLE <─────────────────────┼────┘
 *       DEAD: its tombstone is on the way;                      PREPARING <──────┘
 *       back to EMPTY if that fails
 *
 * The group has a durable half (protocol, generation, leader, members' assignments), which
 * group_metadata records carry and group_load restores, and a passing half (who waits, deadlines),
 * which dies with leadership. A group that was loaded and one that lived through are equal in the
 * durable half once it is STABLE or EMPTY.
 *
 * The new group protocols (KIP-848, share, streams groups) are not served. Their groups are seen
 * (`kind`) so that nothing here takes them for classic ones. One of the consumer protocol has no
 * living members here, as none can speak to this coordinator: it is described as empty, can be
 * deleted, and becomes a classic group when a classic member joins (shard_disband).
 *
 * Owns: members, their texts, offsets. Borrows: waiters (see struct group_call) until answered.
 * Bounds: group.max.size members, GROUP_PENDING_MAX ids given out and not used yet.
 * Thread: the loop's. */
#ifndef SAMSA_GROUP_GROUP_H
#define SAMSA_GROUP_GROUP_H

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "env/clock.h"
#include "env/rng.h"
#include "group/offsets.h"
#include "group/settings.h"
#include "protocol/error.h"
#include "protocol/group_metadata_record.h"
#include "protocol/join_group.h"
#include "protocol/leave_group.h"
#include "protocol/sync_group.h"

enum group_state { GROUP_EMPTY, GROUP_PREPARING, GROUP_COMPLETING, GROUP_STABLE, GROUP_DEAD };
enum group_kind { GROUP_CLASSIC, GROUP_CONSUMER, GROUP_SHARE, GROUP_STREAMS };

enum {
    GROUP_PENDING_MAX = 10000, /* member ids given out (MEMBER_ID_REQUIRED), at most, per group */
    GROUP_PROTOCOLS_MAX = 256, /* of one member; more are INCONSISTENT_GROUP_PROTOCOL */
    GROUP_PROTOCOLS_BYTES_MAX = 64 << 20,      /* of all members; more: GROUP_MAX_SIZE_REACHED */
    GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS = 300000, /* how long the join of a new member may be parked */
    /* Between attempts to go on while only static members are left, all of them away. */
    GROUP_ABSENT_RETRY_MS_MIN = 1000,
};

struct group_call; /* a request that waits for its answer; coordinator.h */

struct group_member {
    struct list_node node; /* in join order */
    struct str member_id, instance_id /* null: dynamic */, client_id, client_host;
    int32_t rebalance_timeout_ms, session_timeout_ms;
    struct join_group_request_protocol *protocols; /* by preference; one block with their texts */
    int32_t protocols_count;
    int64_t protocols_bytes; /* of that block */
    struct bytes assignment; /* of the present generation */
    bool is_new;             /* its first join is not answered yet: expires even while parked */
    bool sync_expected;      /* has been told a generation and not asked for its assignment */
    struct group_call *join_call, *sync_call; /* parked; NULL */
    struct mono_time session_deadline;
};

/* An id given out with MEMBER_ID_REQUIRED. */
struct group_pending_member {
    struct list_node node;
    struct str member_id;
    struct mono_time deadline;
};

enum group_join_timer { JOIN_TIMER_NONE, JOIN_TIMER_INITIAL, JOIN_TIMER_REBALANCE };

struct group {
    struct str id;
    enum group_kind kind;
    enum group_state state, previous_state;
    struct wall_time state_since; /* -1: unknown (old records) */
    int32_t generation;
    struct str protocol_type, protocol, leader; /* null: none; the leader's is a member's id */
    struct list_node members;                   /* of struct group_member */
    int32_t members_count;
    int32_t joins_parked;    /* members with a join_call */
    int64_t protocols_bytes; /* of all members */
    struct map members_by_id, members_by_instance;
    struct map supported;     /* by protocol name: how many members have it, as uintptr_t */
    struct map pending_by_id; /* of struct group_pending_member */
    struct list_node pending;

    /* Topics named by the members' subscriptions, when all could be read. */
    struct map subscribed; /* values are of no meaning */
    bool subscribed_known;

    enum group_join_timer join_timer;
    struct mono_time join_deadline, sync_deadline; /* sync: ns INT64_MAX when not set */
    int64_t initial_delay_ms, initial_remaining_ms;
    bool member_added; /* since the initial delay was last extended */

    /* Never later than the earliest deadline: when group_tick must be called. */
    struct mono_time wake;

    struct map new_members, new_patterns; /* GROUP_CONSUMER: whom and what its records name */
    bool disbanding;                      /* their tombstones are on the way */

    struct group_offsets offsets;
    int32_t commits_in_flight; /* offset records appended, not replayed */
    int32_t writes_in_flight;  /* group records appended, not replayed */
};

/* What an event may read beside the group. */
struct group_world {
    struct group_host *host;
    const struct group_settings *settings;
    struct rng *rng;
    struct arena *scratch; /* for answers and records; the caller resets it afterwards */
    struct mono_time now;
    struct wall_time wall;
};

/* What a committed or failed record is for; given back with group_written. */
struct group_write;

struct group_host {
    const struct group_host_ops *ops;
};

struct group_host_ops {
    /* The answer to a parked or present call, once per call. `response` is valid for the call. */
    void (*join_reply)(struct group_host *, struct group_call *,
                       const struct join_group_response *response);
    void (*sync_reply)(struct group_host *, struct group_call *,
                       const struct sync_group_response *response);
    /* Append the group's record. group_written is called exactly once for it, later, never
     * inside. */
    void (*write)(struct group_host *, struct group *, const struct group_metadata_value *value,
                  struct group_write *write);
};

/* A new EMPTY group. */
struct group *group_new(struct str id, struct wall_time now);
/* Waiters must have been answered (group_end). */
void group_free(struct group *g);

/* Assert what must hold between events. Every event checks the state of the whole; looking at each
 * member as well is for those that look at each anyway, or a rebalance of n members would cost
 * n * n. */
void group_check_state(const struct group *g);
void group_check(const struct group *g);

/* From its last record, members and all: STABLE or EMPTY. `now` starts the members' sessions. */
void group_load(struct group *g, const struct group_metadata_value *value);
/* The shard has become active: sessions of loaded members start. */
void group_activate(struct group *g, const struct group_world *w);

/* ---- events ---- */

struct group_joiner {
    struct str client_id, client_host;
    int16_t version; /* of JoinGroup */
};

/* `created`: this request made the group (member id empty, group unknown). Answered or parked. */
void group_join(struct group *g, const struct group_world *w, const struct group_joiner *from,
                const struct join_group_request *request, bool created, struct group_call *call);

/* Answered or parked. */
void group_sync(struct group *g, const struct group_world *w,
                const struct sync_group_request *request, struct group_call *call);

enum kafka_error group_heartbeat(struct group *g, const struct group_world *w, struct str member_id,
                                 struct str instance_id, int32_t generation);

/* Fills one answer per member asked for (versions below 3 are brought to that form by the
 * caller). */
enum kafka_error group_leave(struct group *g, const struct group_world *w,
                             const struct leave_group_request_member_identity *members,
                             int32_t count, struct leave_group_response_member_response *answers);

/* The record of `write` has committed (NONE) or not. Frees `write`. */
void group_written(struct group *g, const struct group_world *w, struct group_write *write,
                   enum kafka_error error);

/* Act on every deadline that is due; sets `wake` exactly. */
void group_tick(struct group *g, const struct group_world *w);

/* Leadership is gone: answer everybody who waits with `error`. */
void group_end(struct group *g, struct group_host *host, enum kafka_error error);

/* ---- questions ---- */

/* Whether a member may commit offsets; renews its session. NONE, COORDINATOR_NOT_AVAILABLE,
 * UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS,
 * GROUP_ID_NOT_FOUND (a share group). */
enum kafka_error group_admit_commit(struct group *g, const struct group_world *w,
                                    struct str member_id, struct str instance_id,
                                    int32_t generation);

/* NONE, GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP. */
enum kafka_error group_admit_delete(const struct group *g);
enum kafka_error group_admit_offset_delete(const struct group *g);

bool group_is_subscribed(const struct group *g, struct str topic);

/* The retention clock of a committed offset: when it may go, in wall time; INT64_MAX: not now. */
int64_t group_offset_expires_ms(const struct group *g, const struct committed_offset *o,
                                int64_t retention_ms);

/* Its tombstone is being written: nothing may begin. Undone by group_revive. PRE: EMPTY. */
void group_bury(struct group *g);
void group_revive(struct group *g);

struct group_member *group_find_member(const struct group *g, struct str member_id);
/* The member's subscription for the chosen protocol; null when it has none. */
struct bytes group_member_metadata(const struct group *g, const struct group_member *m);

/* "Empty", "PreparingRebalance", … and "Classic", "Consumer", … Static. */
const char *group_state_name(enum group_state s);
const char *group_kind_name(enum group_kind k);

/* The durable half as its record; strings point into the group, arrays into the arena. */
void group_record(const struct group *g, struct arena *arena, struct group_metadata_value *value);

#endif
