/* What a controller tells about its decisions, for an account of every failover: whose standing
 * changed and on what evidence, who was elected and why, which in-sync sets changed.
 *
 * One call per run of records appended, never one per partition, so that a thousand elections cost
 * one call. Told when the records are in the log and in the image; they have not committed yet.
 * A run whose end_offset is beyond committed_end at `resigned` has an unknown outcome.
 *
 * All pointers are valid during the call only. The callbacks must not call the controller, its
 * readers (controller_image, …) excepted. Thread: the loop's. */
#ifndef SAMSA_CONTROLLER_EVENTS_H
#define SAMSA_CONTROLLER_EVENTS_H

#include "base/bytes.h"
#include "env/clock.h"

/* Why a broker's standing or a partition changed. */
enum controller_reason {
    REASON_NONE,
    /* -- what happened to a broker */
    REASON_BROKER_REGISTERED,   /* a new incarnation: what the old one held is out of sync */
    REASON_BROKER_UNREGISTERED, /* by an operator */
    REASON_BROKER_UNFENCED,     /* caught up: it may lead what had no leader */
    REASON_BROKER_FENCED,       /* as it asked, or because it stops */
    REASON_SESSION_EXPIRED,     /* nothing was heard for broker.session.timeout.ms */
    REASON_BROKER_LOST,         /* its process or its connection is gone */
    REASON_CONTROLLED_SHUTDOWN, /* it hands over what it leads */
    REASON_DIRECTORY_FAILED,    /* it lost log directories */
    /* -- what was asked for, or came by itself, for a partition */
    REASON_PREFERRED_REQUESTED, /* ElectLeaders */
    REASON_PREFERRED_PERIODIC,  /* auto.leader.rebalance.enable */
    REASON_UNCLEAN_REQUESTED,   /* ElectLeaders */
    REASON_UNCLEAN_PERIODIC,    /* unclean.leader.election.enable, the periodic scan */
    REASON_UNCLEAN_ENABLED,     /* unclean.leader.election.enable was just set */
    REASON_ISR_PROPOSED,        /* AlterPartition */
    REASON_REASSIGNMENT,        /* started or cancelled; its end comes with any other change */
    REASON_DIRECTORY_ASSIGNED,  /* AssignReplicasToDirs */
    REASONS_COUNT
};

/* One word, for a line of text: "session-expired". */
const char *controller_reason_text(enum controller_reason reason);

enum controller_standing {
    STANDING_REGISTERED, /* fenced until it has caught up */
    STANDING_UNFENCED,
    STANDING_FENCED,
    STANDING_SHUTTING_DOWN,
    STANDING_DIRECTORIES, /* its online or cordoned directories changed */
    STANDING_UNREGISTERED,
};

struct controller_broker_change {
    int32_t broker;
    int64_t broker_epoch;
    enum controller_standing standing;
    enum controller_reason reason;
};

/* A partition before and after. `leader_epoch` is the one after. */
struct controller_partition_change {
    struct str topic;
    int32_t partition;
    int32_t old_leader, new_leader; /* -1: none. Equal: the ISR or the replicas changed */
    int32_t leader_epoch;
    int32_t old_isr_count, new_isr_count;
    int32_t new_elr_count; /* eligible leader replicas (KIP-966) */
    enum controller_reason reason;
    bool unclean;             /* elected from outside ISR and ELR: records may be lost */
    bool reassignment_ended;  /* its replicas are the target now */
    bool reassignment_active; /* replicas are being added or removed */
};

/* At most so many partitions are listed; all are counted. */
enum { CONTROLLER_CHANGES_LISTED_MAX = 1000 };

struct controller_account {
    int32_t epoch; /* of the controller */
    int64_t first_offset, end_offset;
    struct mono_time at;
    enum controller_reason reason; /* of its first record */
    struct str evidence;           /* one line, null: none. "reset by peer, then refused" */

    const struct controller_broker_change *brokers;
    int32_t brokers_count;
    const struct controller_partition_change *partitions;
    int32_t partitions_count; /* listed */

    /* Of all partitions changed, listed or not. */
    int32_t changed;
    int32_t elected;         /* another broker leads */
    int32_t elected_unclean; /* of these */
    int32_t leaderless;      /* had a leader, have none */
    int32_t isr_shrunk, isr_expanded;
    int32_t reassignments_ended;
};

struct controller_events {
    void *owner;
    /* Something that concerns brokers or partitions was decided. */
    void (*decided)(void *owner, const struct controller_account *account);
    /* Active, activation records included. */
    void (*active)(void *owner, int32_t epoch, int32_t brokers, int64_t partitions);
    /* No longer; what it appended from committed_end on has an unknown outcome. */
    void (*resigned)(void *owner, int32_t epoch, int64_t committed_end, int64_t appended_end);
};

#endif
