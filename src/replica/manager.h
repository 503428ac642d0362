/* The replica manager from inside: what replica.c and replica_manager.c share. Private to replica/.
 */
#ifndef SAMSA_REPLICA_MANAGER_H
#define SAMSA_REPLICA_MANAGER_H

#include "replica/lease.h"
#include "replica/replica_manager.h"
#include "replica/replica_moves.h"
#include "replica/throttle.h"

struct replica_manager {
    struct env env;
    struct replica_manager_config config;
    struct replica_events events;
    void *owner;
    struct log_dir **dirs;
    int32_t dirs_count;
    struct map topics_by_id;   /* of replica_topic; also the order of iteration */
    struct map topics_by_name; /* the newest topic of a name */
    int32_t replicas_count;
    struct fetchers *fetchers; /* NULL: nobody is followed */
    struct throttle leader_throttle, follower_throttle;
    struct replica_moves *moves; /* NULL until one begins */
    int64_t move_bytes_per_s;
    struct map preferred_dirs; /* "topic-partition" -> log_dir, of replicas that are not here yet */
    bool fenced;               /* serves nobody */
    struct map last_fetches;   /* broker id -> struct mono_time of its last fetch as a follower */
    struct partition_world world;
    struct list_node moved;      /* replicas whose waiters are to be told this turn */
    struct list_node replicated; /* leaders with followers */
    struct list_node proposing;  /* with a proposal to be sent */
    struct task tell_task;
    struct task proposals_task;
    struct timer lag_timer;
    /* lease.h */
    struct mono_time lease_from;
    int64_t lease_ms; /* 0: it never ends */
    bool any_adrift;  /* as last told */
    struct timer lease_timer;
    struct map absent; /* ids of brokers whose process is proved gone -> lease.c's own */
};

void lease_init(struct replica_manager *m);

/* The world as of this loop turn, for one partition event. */
static inline const struct partition_world *manager_world(struct replica_manager *m)
{
    m->world.now = clock_mono(m->env.clock);
    return &m->world;
}

/* Do what a partition event asked for; waiters are told later in this turn. */
void replica_effects(struct replica *r, unsigned effects);

/* Nothing moved that a partition counts, but those who read it must be told: there are bytes. */
void replica_touch(struct replica *r);

/* How a write to the log went, for replica->no_room. */
void replica_wrote(struct replica *r, enum append_error e);

/* The log start may have risen by retention, behind our back. */
void replica_sync_log_start(struct replica *r);

/* Tell those who wait for `r` what has gathered. */
void replica_tell(struct replica *r);

struct replica *replica_new(struct replica_manager *m, struct replica_topic *t, int32_t partition);

/* Stop fetching from a leader. Allowed when it does not. */
void replica_unfollow(struct replica *r);

/* Waiters are failed with `error`, watches told that it is gone; then it is freed. */
void replica_free(struct replica *r, enum kafka_error error);

/* Give it a log: offsets and watermark come from there. */
void replica_open(struct replica *r, struct log *log);

#endif
