/* What every model client has: a machine of its own, a way to each broker, and the cluster's
 * metadata as some broker last told it.
 *
 * Owns: channels. Borrows: the cluster. Thread: the world's one. */
#ifndef SAMSA_TEST_SIM_CLIENT_H
#define SAMSA_TEST_SIM_CLIENT_H

#include "cluster.h"
#include "protocol/api.h"
#include "protocol/error.h"
#include "rpc/channel.h"
#include "truth.h"

enum { CLIENT_PARTITIONS_MAX = 128, CLIENT_BACKOFF_MS = 50 };

/* One partition as metadata told it. */
struct client_partition {
    struct truth *truth;
    int32_t leader, leader_epoch; /* -1: none known */
    int32_t replicas[PLAN_NODES_MAX], replicas_count;
};

struct client {
    struct cluster *cluster;
    char name[16];
    struct sim_node *sim;
    struct env *env;
    struct prng prng;
    struct channel *channels[PLAN_NODES_MAX]; /* by node; made when first used */
    int64_t timeout_ms;
    struct call metadata_call;
    struct timer refresh_timer;
    bool refreshing;
    struct client_partition partitions[CLIENT_PARTITIONS_MAX];
    int32_t partitions_count;
    void (*refreshed)(struct client *c); /* may be NULL */
};

void client_init(struct client *c, struct cluster *cluster, const char *name, int64_t timeout_ms);
void client_free(struct client *c);

/* To a broker by node.id. */
struct channel *client_channel(struct client *c, int32_t node_id);

/* Any broker; it may be down. */
int32_t client_any(struct client *c);

/* Ask a broker for metadata soon. Harmless when that is under way. */
void client_refresh(struct client *c);

/* Somebody has read a batch of that leader epoch: metadata of older ones is not to be believed
 * (KIP-320). */
void client_expects_epoch(struct client *c, struct truth *t, int32_t leader_epoch);

/* The partition, NULL when metadata does not tell of it. */
struct client_partition *client_partition(struct client *c, const struct truth *t);

/* Errors after which a client looks for the leader again and retries. */
bool client_should_retry(int16_t error);

#endif
