/* Every partition replica of this node.
 *
 * Metadata says what this node should host, as targets; the manager makes it so: finds or creates
 * logs, turns partitions into leaders and followers, deletes what is to go, puts aside what nobody
 * assigned to us. It does not know which metadata plane the targets came from.
 *
 * Owns: replicas, topics. Borrows: env, the log directories (opened and closed by the node). Idle
 * partitions cost memory only; nothing here runs in proportion to them but the periodic sweep over
 * leaders that have followers. Thread: the loop's. */
#ifndef SAMSA_REPLICA_REPLICA_MANAGER_H
#define SAMSA_REPLICA_REPLICA_MANAGER_H

#include "config/topic.h"
#include "log/log_dir.h"
#include "metadata/image.h"
#include "replica/fetcher.h"
#include "replica/replica.h"

struct replica_manager;

/* What the manager asks of, and tells, the broker around it. All from the loop. */
struct replica_events {
    /* A broker as the metadata in force shows it. */
    struct broker_standing (*standing)(void *owner, int32_t broker_id);
    /* The configuration that holds for a topic; texts in the arena. */
    void (*topic_config)(void *owner, struct str topic, struct arena *arena,
                         struct topic_config *out);
    /* Leadership of this replica moved: r->core says to what. For coordinators. May be NULL. */
    void (*leadership_moved)(void *owner, struct replica *r);
    /* The replica is about to go, deleted or no longer assigned. May be NULL. */
    void (*removed)(void *owner, struct replica *r);
    /* There are proposals for replica_manager_next_proposal. May be NULL. */
    void (*proposals)(void *owner);
    /* Metadata assigns the replica to another directory, or to none: it is in r->directory
     * (KIP-858). May be NULL. */
    void (*placed)(void *owner, struct replica *r);
    /* The controller is to assign the replica to this directory, in which it will be, or to
     * DIRECTORY_LOST; replica_manager_assigned follows. True: metadata has it there already, or
     * knows no directories. NULL: as true. */
    bool (*assign)(void *owner, struct replica *r, struct uuid directory);
    /* A write found no room: replica->no_room. May be NULL. */
    void (*no_room)(void *owner, struct replica *r);
    /* A directory is offline. `left` others are not. May be NULL. */
    void (*directory_failed)(void *owner, struct uuid directory, int32_t left);
    /* No controller has answered for half of the lease or longer: who of the others is gone?
     * replica_manager_note_absence (lease.h). May be NULL. */
    void (*lease_ending)(void *owner);
    /* It leads, and sends its clients away from now on, or serves them again: replica->adrift
     * (lease.h). May be NULL. */
    void (*drifted)(void *owner, struct replica *r);
    /* How leaders are reached. No endpoint function: nobody is followed. */
    struct fetcher_events fetching;
};

struct replica_manager_config {
    int32_t node_id;
    int64_t lag_ms_max;                    /* replica.lag.time.max.ms */
    struct fetcher_config fetching;        /* needed with replica_events.fetching */
    int32_t quota_samples, quota_sample_s; /* replication.quota.window.num, .size.seconds */
    int32_t moves_at_once;                 /* num.replica.alter.log.dirs.threads; 0: one for each
                                              directory */
    int32_t move_quota_samples, move_quota_sample_s; /* alter.log.dirs.replication.quota.window.* */
};

/* `dirs` is copied, the directories are borrowed for the manager's life. */
struct replica_manager *replica_manager_create(const struct env *env,
                                               const struct replica_manager_config *config,
                                               struct log_dir *const *dirs, int32_t dirs_count,
                                               const struct replica_events *events, void *owner);

/* Load the logs of every directory; they serve nobody until a target names them. A directory that
 * fails goes offline. Err: INVALID (a name Kafka would not accept: the node must not start). */
enum err replica_manager_load(struct replica_manager *m) MUST_CHECK;

/* Registered as this broker epoch. */
void replica_manager_set_broker_epoch(struct replica_manager *m, int64_t broker_epoch);

/* Bytes per second that throttled replicas may take, sent as leader and received as follower
 * (KIP-73). INT64_MAX: no limit, which is the default. */
void replica_manager_set_throttles(struct replica_manager *m, int64_t leader_bytes_per_s,
                                   int64_t follower_bytes_per_s);

/* Bytes per second that moves between directories may take; INT64_MAX: no limit, the default. */
void replica_manager_set_move_throttle(struct replica_manager *m, int64_t bytes_per_s);

/* The controller says that this broker is fenced: until it says otherwise nobody is served, neither
 * clients nor followers, and nothing is appended (S24): NOT_LEADER_OR_FOLLOWER. */
void replica_manager_set_fenced(struct replica_manager *m, bool fenced);

/* ---- metadata ---- */

/* This node is to host these, so. In order; each is whole. */
void replica_manager_apply(struct replica_manager *m, const struct partition_target *targets,
                           int32_t count);

/* The partition is gone, or assigned elsewhere: its log is renamed -delete. No-op when not hosted.
 */
void replica_manager_remove(struct replica_manager *m, struct uuid topic_id, int32_t partition);

/* The first image has been applied whole: logs that no target named are put aside as -stray.
 * Only on the word of committed metadata no older than our registration (S11). */
void replica_manager_put_strays_aside(struct replica_manager *m);

/* Configuration of a topic changed, or (topic null) the defaults of all. */
void replica_manager_topic_config_changed(struct replica_manager *m, struct str topic);

/* A fetch of a follower has come, whichever partitions it names. */
void replica_manager_follower_came(struct replica_manager *m, int32_t broker_id);

/* Registrations of brokers changed: followers may have become able to join an in-sync set. */
void replica_manager_standing_changed(struct replica_manager *m);

/* To be called by the `offline` callback of a directory. */
void replica_manager_directory_failed(struct replica_manager *m, struct log_dir *dir);

/* ---- directories (KIP-113) ---- */

enum { PREFERRED_DIRS_MAX = 10000 };

/* The replica of this partition is to lie in the directory of this path (AlterReplicaLogDirs): a
 * move begins, or another one ends. For a replica that is not here the path is remembered until it
 * is, up to PREFERRED_DIRS_MAX of them, and the answer is REPLICA_NOT_AVAILABLE. Else
 * INVALID_TOPIC_EXCEPTION (no room in a name for what Kafka puts behind it), LOG_DIR_NOT_FOUND,
 * KAFKA_STORAGE_ERROR (that directory, the replica's or, for a new copy, any one is offline),
 * INVALID_REPLICA_ASSIGNMENT (cordoned). */
enum kafka_error replica_manager_move(struct replica_manager *m, struct str topic,
                                      int32_t partition, struct str path);

/* The controller has taken what was asked with `assign`. */
void replica_manager_assigned(struct replica_manager *m, struct uuid topic_id, int32_t partition,
                              struct uuid directory);

/* Moves under way. */
int32_t replica_manager_moves_count(const struct replica_manager *m);

/* ---- AlterPartition ---- */

struct replica_proposal {
    struct replica *replica;
    struct uuid topic_id;
    int32_t partition, leader_epoch, partition_epoch;
    bool recovering; /* to be reported RECOVERED when false */
    struct isr_member *members;
    int32_t members_count;
};

/* The next one to send, members in the arena; false when there is none. Its outcome goes to
 * replica_manager_proposal_taken or _refused, by topic id and partition: the replica may be gone.
 */
bool replica_manager_next_proposal(struct replica_manager *m, struct arena *arena,
                                   struct replica_proposal *out);
void replica_manager_proposal_taken(struct replica_manager *m, struct uuid topic_id,
                                    int32_t partition, const struct partition_committed *c);
void replica_manager_proposal_refused(struct replica_manager *m, struct uuid topic_id,
                                      int32_t partition, int32_t sent_partition_epoch,
                                      enum kafka_error error);

/* ---- questions ---- */

/* NULL when this node does not host it. */
struct replica *replica_manager_find(struct replica_manager *m, struct uuid topic_id,
                                     int32_t partition);
struct replica *replica_manager_find_by_name(struct replica_manager *m, struct str topic,
                                             int32_t partition);

/* The topic alone, so that a request with many partitions of it looks it up once. */
struct replica_topic *replica_manager_topic(struct replica_manager *m, struct uuid topic_id);
struct replica_topic *replica_manager_topic_by_name(struct replica_manager *m, struct str topic);

static inline struct replica *replica_topic_partition(const struct replica_topic *t,
                                                      int32_t partition)
{
    return partition >= 0 && partition < t->partitions_capacity ? t->partitions[partition] : NULL;
}

/* Every partition this node hosts by metadata, in the arena. */
struct replica_place {
    struct uuid topic_id;
    int32_t partition;
};
struct replica_place *replica_manager_hosted(struct replica_manager *m, struct arena *arena,
                                             int32_t *count);

int32_t replica_manager_replicas_count(const struct replica_manager *m);
/* Answers to this node's fetches as a follower, so far. */
int64_t replica_manager_fetches_answered(const struct replica_manager *m);

int32_t replica_manager_dirs_count(const struct replica_manager *m);
struct log_dir *replica_manager_dir(const struct replica_manager *m, int32_t index);

/* Nobody is followed any more, parked produces and deletes are failed with `error`, parked fetches
 * woken: the node stops. */
void replica_manager_stop(struct replica_manager *m, enum kafka_error error);

/* Frees the replicas; the logs stay with their directories. */
void replica_manager_destroy(struct replica_manager *m);

#endif
