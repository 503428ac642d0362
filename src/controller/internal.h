/* What the operations of the controller share. Private to controller/.
 *
 * An operation is `decide`: it reads the image, adds records to the decision and sets the call's
 * response. It changes nothing but sessions; controller.c appends, replays and answers. */
#ifndef SAMSA_CONTROLLER_INTERNAL_H
#define SAMSA_CONTROLLER_INTERNAL_H

#include "base/assert.h"
#include "base/mem.h"
#include "controller/controller.h"
#include "protocol/allocate_producer_ids.h"
#include "protocol/alter_configs.h"
#include "protocol/alter_partition.h"
#include "protocol/alter_partition_reassignments.h"
#include "protocol/assign_replicas_to_dirs.h"
#include "protocol/broker_heartbeat.h"
#include "protocol/broker_registration.h"
#include "protocol/controller_registration.h"
#include "protocol/create_partitions.h"
#include "protocol/create_topics.h"
#include "protocol/delete_topics.h"
#include "protocol/describe_cluster.h"
#include "protocol/elect_leaders.h"
#include "protocol/incremental_alter_configs.h"
#include "protocol/list_partition_reassignments.h"
#include "protocol/unregister_broker.h"
#include "protocol/update_features.h"

/* Records of one user operation, and partitions of one CreateTopics (Kafka's bounds). */
enum { RECORDS_PER_OPERATION_MAX = 10000, PARTITIONS_PER_CREATE_MAX = 10000 };

/* Elections of one pass of a periodic check. */
enum { ELECTIONS_PER_PASS_MAX = 1000 };

/* Records under construction. */
struct decision {
    struct arena *arena; /* of whoever asked: lists and texts in records */
    struct metadata_record *records;
    uint8_t *reasons; /* one enum controller_reason per record */
    int32_t count, capacity, reasons_capacity;
    bool atomic;
    enum controller_reason reason; /* of the records that are added next */
    struct str evidence;
};

/* A broker's session: soft state, rebuilt by every new leader. */
struct session {
    int32_t broker;
    int64_t epoch;
    struct mono_time contact;
    int64_t metadata_offset; /* last reported as applied; -1 */
    int64_t shutdown_offset; /* reached by all, it may stop; -1: not in controlled shutdown */
    bool live;               /* contact counts: expires when nothing is heard */
    int8_t excuses;          /* how often it was lengthened since that contact */
};

struct controller {
    struct controller_options options;
    struct loader loader;
    struct uuid incarnation_id; /* of this process as a controller */
    int32_t epoch;              /* -1: standby */
    bool lost;                  /* an append failed: waits to be told that it no longer leads */
    int64_t committed_end;      /* known to be committed */
    int64_t appended_end;       /* end of our own records */
    int16_t kraft_version;
    int32_t leader_id;
    struct decision decision; /* its array is reused */
    struct arena scratch;     /* of periodic decisions */
    struct arena telling;     /* of an account */
    struct session *sessions; /* by broker */
    int32_t sessions_count, sessions_capacity;
    int64_t looked_at;        /* partitions, by sweeps: what elections cost */
    struct list_node waiting; /* calls, by wait_offset */
    struct list_node ready;
    struct task deliver;
    struct timer no_op, sessions_check, rebalance, unclean;
    bool unclean_asked; /* the next unclean scan is because of a changed configuration */
};

/* One API. */
struct controller_op {
    struct controller_api api;
    bool by_user;    /* bound by RECORDS_PER_OPERATION_MAX */
    bool by_standby; /* answered without leading */
    void (*decide)(struct controller *c, struct decision *d, struct controller_call *call);
    /* Set a response that refuses the whole request. `message` may be null. */
    void (*refuse)(struct controller_call *call, enum kafka_error error, struct str message);
};

/* ---- errors of one item of a request */
struct problem {
    enum kafka_error error;
    struct str message; /* null: none */
};

#define NO_PROBLEM ((struct problem){KAFKA_NONE, STR_NULL})
/* With a formatted message, cut where it would not fit a response: names come from outside. */
struct problem problem_make(struct arena *arena, enum kafka_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define PROBLEM(arena, code, ...) problem_make((arena), (code), __VA_ARGS__)
#define PROBLEM_BARE(code)        ((struct problem){(code), STR_NULL})

/* A response in the call's arena, at its defaults. */
#define RESPONSE(call, type)                                     \
    ({                                                           \
        struct type *r_ = ARENA_NEW((call)->arena, struct type); \
        type##_init(r_);                                         \
        (call)->response = r_;                                   \
        r_;                                                      \
    })

/* ---- controller.c */
static inline const struct image *image_of(const struct controller *c)
{
    return c->loader.image;
}

static inline struct mono_time now_of(const struct controller *c)
{
    return clock_mono(c->options.clock);
}

/* One more record, at its version for the metadata.version, with its defaults. Valid until the
 * next. */
struct metadata_record *decision_add(struct controller *c, struct decision *d, int16_t id);

/* Decide outside of a request: begin, add records, end (which appends and replays). False: lost. */
struct decision *decision_begin(struct controller *c);
bool decision_end(struct controller *c, struct decision *d);

/* ---- events.c: what was decided, told when it is in the log */
struct account {
    struct controller_account told;
    struct controller_broker_change *brokers;
    struct controller_partition_change *partitions;
    struct arena *arena;
};
void account_open(struct controller *c, const struct decision *d, int64_t first_offset,
                  struct account *a);
/* Around the replay of one record: what it is about to change, and what it has changed. */
void account_before(struct controller *c, struct account *a, const struct decision *d, int32_t at,
                    struct controller_partition_change *was);
void account_after(struct controller *c, struct account *a, const struct decision *d, int32_t at,
                   struct controller_partition_change *was);
void account_close(struct controller *c, struct account *a);

/* ---- settings.c: configuration as the image and the node's own file have it */
int32_t settings_min_isr(const struct controller *c, struct str topic);
bool settings_unclean(const struct controller *c, struct str topic);
bool settings_elr(const struct controller *c);

/* ---- sessions.c */
struct session *session_find(struct controller *c, int32_t broker);
struct session *session_open(struct controller *c, int32_t broker, int64_t epoch);
void session_close(struct controller *c, int32_t broker);
bool session_valid(struct controller *c, int32_t broker, int64_t epoch);
void session_touch(struct controller *c, struct session *s);
void sessions_start(struct controller *c); /* of a new leader */
void sessions_check_fired(struct timer *t);
int64_t sessions_lowest_offset(const struct controller *c); /* of active brokers; INT64_MAX */

/* KAFKA_STALE_BROKER_EPOCH unless the broker is registered with this epoch. */
enum kafka_error broker_epoch_check(const struct controller *c, int32_t broker, int64_t epoch);

/* ---- heartbeat.c */
/* Records that take a broker out of every ISR and fence it. */
void broker_fence(struct controller *c, struct decision *d, int32_t broker);

/* ---- periodic.c */
void periodic_start(struct controller *c);
void periodic_stop(struct controller *c);
void no_op_fired(struct timer *t);
void rebalance_fired(struct timer *t);
void unclean_fired(struct timer *t);
/* unclean.leader.election.enable was set somewhere: look at once, not at the next interval. */
void unclean_soon(struct controller *c);

/* ---- activation.c: the records a new leader writes first (kraft.md 3.7), and its own
 * registration */
void activation_decide(struct controller *c, struct decision *d);
void activation_register(struct controller *c, struct decision *d);

/* ---- operations, one file each; the table is in controller.c */
#define OPERATION(name)                                                                         \
    void decide_##name(struct controller *c, struct decision *d, struct controller_call *call); \
    void refuse_##name(struct controller_call *call, enum kafka_error error, struct str message);
OPERATION(create_topics)
OPERATION(delete_topics)
OPERATION(create_partitions)
OPERATION(alter_configs)
OPERATION(incremental_alter_configs)
OPERATION(elect_leaders)
OPERATION(alter_partition_reassignments)
OPERATION(list_partition_reassignments)
OPERATION(alter_partition)
OPERATION(update_features)
OPERATION(describe_cluster)
OPERATION(broker_registration)
OPERATION(broker_heartbeat)
OPERATION(unregister_broker)
OPERATION(allocate_producer_ids)
OPERATION(controller_registration)
OPERATION(assign_replicas_to_dirs)
#undef OPERATION

#endif
