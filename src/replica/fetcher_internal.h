/* One fetcher from inside: what fetcher.c (the conversation with a leader) and fetchers.c (who is
 * followed by which) share. Private to replica/. */
#ifndef SAMSA_REPLICA_FETCHER_INTERNAL_H
#define SAMSA_REPLICA_FETCHER_INTERNAL_H

#include "replica/fetcher.h"
#include "replica/follower_session.h"
#include "rpc/channel.h"

enum {
    FETCHES_IN_FLIGHT_MAX = 2,
    /* A cut waits for its disk, and one answer may name thousands: the rest is answered again. */
    CUTS_PER_ANSWER = 64,
};

struct fetchers {
    struct env env;
    struct fetcher_config config;
    struct fetcher_events events;
    void *owner;
    struct replica_manager *manager;
    int64_t broker_epoch;
    struct map by_leader; /* leader and index -> struct fetcher */
    int64_t answers;
};

/* A request under way. */
struct fetch_call {
    struct call call;
    struct fetcher *fetcher;
    int64_t sequence; /* of the session's request */
    bool full;
    bool in_flight;
};

/* A partition whose leader has been asked for an offset. */
struct asked {
    struct uuid topic_id;
    int32_t partition;
    int32_t leader_epoch;
};

struct fetcher {
    struct fetchers *all;
    int32_t leader, index;
    struct channel *channel; /* NULL while the leader's address is not known */
    char host[FETCHER_HOST_MAX];
    uint16_t port;
    int32_t replicas_count; /* that name this fetcher, those that failed included */
    struct follower_session session;
    struct fetch_call fetches[FETCHES_IN_FLIGHT_MAX];
    struct call lookup; /* ListOffsets */
    bool lookup_in_flight;
    enum following_state lookup_of; /* ASKING_END or ASKING_START */
    struct asked *asked;            /* by that lookup, in order */
    int32_t asked_count, asked_capacity;
    int32_t cuts;     /* of the answer being taken */
    int32_t failures; /* answers that did not come, in a row */
    struct mono_time quiet_until;
    struct timer timer; /* the end of a rest */
    struct task task;   /* to send what there is to send, once a turn */
    struct arena arena; /* of the request being made */
};

struct fetcher *fetcher_new(struct fetchers *all, int32_t leader, int32_t index);

/* Its calls are dropped. PRE: no partition is left. */
void fetcher_free(struct fetcher *f);

/* It follows nothing, and the leader knows. */
bool fetcher_is_idle(const struct fetcher *f);

/* Where the leader is reached may have changed. */
void fetcher_resolve(struct fetcher *f);

/* Something is to be sent, later in this turn. */
void fetcher_kick(struct fetcher *f);

/* Do to the log what was decided, and note where that leaves the partition. */
void fetcher_do(struct fetcher *f, struct replica *r, struct follow_step step);

#endif
