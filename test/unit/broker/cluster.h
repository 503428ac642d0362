/* Several brokers' data planes on simulated machines: real handlers, replicas, logs, listeners and
 * fetchers, over the simulated network. The controller is the test: it writes the metadata, each
 * change once, and every member applies them in order, at once or when the test lets it. In-sync
 * sets that leaders propose are judged by the rules of AlterPartition. */
#ifndef SAMSA_TEST_BROKER_CLUSTER_H
#define SAMSA_TEST_BROKER_CLUSTER_H

#include "broker/broker.h"
#include "config/config.h"
#include "env/sim/sim.h"
#include "log/log_dir.h"
#include "metadata/image.h"
#include "replica/replica_manager.h"
#include "rpc/server.h"
#include "test.h"

enum { MEMBERS_MAX = 5, CHANGES_MAX = 20000, CLUSTER_PARTITIONS_MAX = 5000, CLUSTER_PORT = 9092 };

struct cluster;

struct member {
    struct cluster *cluster;
    int32_t id;               /* from 1 */
    struct sim_node *machine; /* NULL on a real one */
    char path[64], host[16];
    uint16_t port;
    struct env *env;
    struct broker broker;
    struct dispatch dispatch;
    struct config *config;
    struct log_dir *dir;
    struct image *image;
    struct rpc_server *server;
    struct channel *client; /* a client's way to it, from a machine of its own */
    int32_t applied;        /* changes of the metadata */
    int32_t heard_from;     /* of them when its process registered: below, it applies all at once */
    bool up, deaf;          /* deaf: hears of no changes */
};

/* A partition as the controller has it. */
struct controlled {
    struct uuid topic_id;
    int32_t partition;
    int32_t replicas[MEMBERS_MAX], replicas_count;
    int32_t isr[MEMBERS_MAX], isr_count;
    int32_t leader, leader_epoch, partition_epoch;
};

struct change;

struct cluster {
    struct sim *sim;
    struct member members[MEMBERS_MAX];
    int32_t count;
    struct change *changes;
    int32_t changes_count;
    struct controlled *partitions;
    int32_t partitions_count;
    int64_t broker_epochs[MEMBERS_MAX];
    bool fenced[MEMBERS_MAX];
    int64_t next_broker_epoch;
    struct list_node alterations; /* under way */
    int32_t alter_ms;             /* how long an AlterPartition takes */
    int32_t proposals;            /* taken so far */
};

/* The same on this machine's sockets and files: all in one loop, in directories below `path`. Not
 * for crashes and starts. */
struct cluster *cluster_open_real(struct env *env, const char *path, int32_t count,
                                  const char *const *config);

/* Brokers 1 … count, up and registered, each with this configuration: pairs, ended by NULL. */
struct cluster *cluster_open(uint64_t seed, int32_t count, const char *const *config);
void cluster_close(struct cluster *c);
void cluster_pass(struct cluster *c, int64_t ms);
struct member *cluster_member(struct cluster *c, int32_t id);

/* ---- metadata */

/* A topic of `partitions`, each with these replicas: led by the first, all in sync. */
void cluster_topic(struct cluster *c, const char *name, uint8_t id, int32_t partitions,
                   const int32_t *replicas, int32_t replicas_count);
void cluster_config(struct cluster *c, const char *topic, const char *name, const char *value);
struct controlled *cluster_partition(struct cluster *c, uint8_t topic_id, int32_t partition);

/* Elect a leader (-1: none), with this in-sync set; the members hear of it now unless deaf. */
void cluster_elect(struct cluster *c, struct controlled *p, int32_t leader, const int32_t *isr,
                   int32_t isr_count);

/* Elect from the in-sync set without this broker, as when it is fenced: for every partition. */
void cluster_fence(struct cluster *c, int32_t id);
void cluster_unfence(struct cluster *c, int32_t id);

/* Let the member apply what it has not heard of: all, or the next change. */
void cluster_catch_up(struct member *m);
bool cluster_apply_next(struct member *m);

/* ---- processes */

void cluster_crash(struct cluster *c, int32_t id);
void cluster_power_loss(struct cluster *c, int32_t id, enum sim_loss loss);
void cluster_stop(struct cluster *c, int32_t id); /* cleanly */

/* Loads its logs, registers anew (unfenced) and applies the metadata. */
void cluster_start(struct cluster *c, int32_t id);

/* ---- what is there */

struct replica *cluster_replica(struct cluster *c, int32_t id, uint8_t topic_id, int32_t partition);
int64_t cluster_end(struct cluster *c, int32_t id, uint8_t topic_id, int32_t partition);
int64_t cluster_high(struct cluster *c, int32_t id, uint8_t topic_id, int32_t partition);

/* Every replica that is up has the leader's end and watermark, and the in-sync set is everybody
 * up, within ms_max. */
bool cluster_settles(struct cluster *c, struct controlled *p, int64_t ms_max);

/* The bytes of [from, to) of a replica's log, in `data`; returns how many. */
size_t cluster_read(struct cluster *c, int32_t id, uint8_t topic_id, int32_t partition,
                    int64_t from, int64_t to, uint8_t *data, size_t capacity);

/* The checksum of the batch at each offset of [from, to), if batches hold one record each, into
 * crcs[0 …]. */
void cluster_crcs(struct cluster *c, int32_t id, uint8_t topic_id, int32_t partition, int64_t from,
                  int64_t to, uint32_t *crcs);

/* A client's way to a member, over the network. */
struct channel *cluster_channel(struct cluster *c, int32_t id);

/* ---- clients of one member, without a network */

/* The answer to one produce; filled when it comes. */
struct cluster_produced {
    char client_id[4];
    bool answered;
    enum kafka_error error;
    int64_t base_offset;
    int32_t leader_id, leader_epoch, endpoints;
    uint32_t crc; /* of its batch, known when it is sent */
};

/* One record with that value. `to` must live until it is answered or the member is gone. */
void cluster_produce(struct cluster *c, int32_t id, const char *topic, int32_t partition,
                     int16_t acks, const char *value, int32_t timeout_ms,
                     struct cluster_produced *to);

/* Produce and wait. */
struct cluster_produced cluster_produce_wait(struct cluster *c, int32_t id, const char *topic,
                                             int32_t partition, int16_t acks, const char *value);

/* One batch of one record, as a producer sends it (-1: none), into `data`; its length. */
size_t cluster_batch(const struct cluster *c, int64_t producer_id, int16_t epoch, int32_t sequence,
                     uint8_t *data, size_t data_bytes);

#endif
