/* One broker's data plane on a simulated disk: enough of a broker for its data handlers, with
 * metadata that a test writes itself. Node 1 is us, node 2 another broker of the cluster. */
#ifndef SAMSA_TEST_BROKER_DATA_PLANE_H
#define SAMSA_TEST_BROKER_DATA_PLANE_H

#include "broker/broker.h"
#include "broker/handlers/handlers.h"
#include "config/config.h"
#include "env/sim/sim.h"
#include "log/log_dir.h"
#include "metadata/feature.h"
#include "metadata/replay.h"
#include "protocol/api.h"
#include "protocol/batch.h"
#include "protocol/fetch.h"
#include "protocol/produce.h"
#include "replica/replica_manager.h"
#include "rpc/server.h"
#include "test.h"

enum { SELF = 1, OTHER = 2, ANSWERS_MAX = 64 };

struct plane {
    struct sim *sim; /* NULL: on a real machine */
    struct env *env;
    struct broker broker;
    struct log_dir *dir;
    struct image *image;
    struct dispatch dispatch;
    void (*proposals)(void *); /* the manager's event, with proposals_owner; NULL: not heard */
    void *proposals_owner;
    struct no_room *no_room; /* told of by the manager; NULL: not heard */
};

/* ---- metadata ---- */

struct metadata_record plane_record(int16_t id);

void plane_replay(struct plane *p, struct metadata_record r);

void plane_config(struct plane *p, const char *topic, const char *name, const char *value);

void plane_topic(struct plane *p, const char *name, uint8_t id);

/* Tell the replica manager what the image says of a partition. */
void plane_apply(struct plane *p, uint8_t topic_id, int32_t partition);

/* A partition whose replicas are `replicas`, led by the first, in sync the first isr_count. */
void plane_partition(struct plane *p, uint8_t topic_id, int32_t partition, int32_t *replicas,
                     int32_t count, int32_t isr_count);

/* An unreplicated topic of ours. */
void plane_own_topic(struct plane *p, const char *name, uint8_t id, int32_t partitions);

/* ---- life ---- */

struct plane *plane_open(void);

/* In another world: no sim. */
struct plane *plane_open_on(struct env *env, const char *path);

void plane_close(struct plane *p);

/* Call a handler; what it answers goes to `deliver`, perhaps later. */
void plane_call(struct plane *p, int16_t api, int16_t version, const void *body,
                void (*deliver)(struct request *, const void *));

/* Let the loop turn for a while. */
void plane_pass(struct plane *p, int64_t ms);

/* ---- produce ---- */

struct batch_spec {
    const char *value;
    int32_t count;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t sequence;
    int64_t timestamp;
};

/* A batch of `count` equal records; its bytes stay until the next call. */
struct records batch_of(struct batch_spec spec);

/* The latest answer to a produce of one partition. */
extern struct produced_answer {
    int answers, silent;
    enum kafka_error error;
    int64_t base_offset, log_start_offset;
    int32_t leader_id, endpoints, endpoint_port, record_errors;
    char message[200];
} produced;

struct produce_spec {
    const char *topic;
    uint8_t topic_id;
    int32_t partition;
    int16_t acks, version;
    int32_t timeout_ms;
};

/* Send records to one partition; the answer may come later. */
void produce_records(struct plane *p, struct produce_spec spec, struct records records);

/* One record, acks=1, and the answer is there. */
int64_t produce_one(struct plane *p, const char *topic, int32_t partition, const char *value);

/* ---- fetch ---- */

struct fetch_answer {
    char topic[32];
    int32_t partition;
    enum kafka_error error;
    int64_t high_watermark, last_stable_offset, log_start_offset, bytes;
    int64_t first_offset; /* of the first batch returned; -1: none */
    bool whole_first_batch;
    int32_t diverging_epoch;
    int64_t diverging_end;
    int32_t leader_id;
};

extern struct fetched_answer {
    int answers;
    enum kafka_error error;
    int32_t session_id;
    struct fetch_answer partitions[ANSWERS_MAX];
    int32_t count;
} fetched;

/* Fills `fetched`. */
void fetch_delivered(struct request *rq, const void *response);

struct fetch_spec {
    const char *topic;
    uint8_t topic_id;
    int32_t partitions; /* 0 .. n-1 of it; 0: one */
    int64_t offset;
    int32_t bytes_max, partition_bytes_max, bytes_min, wait_ms;
    int16_t version;
    int32_t session_id, session_epoch; /* with sessions true */
    bool sessions, nothing_new;
    int32_t leader_epoch, last_fetched_epoch; /* + 1; 0: not sent */
    int32_t follower;                         /* broker id; 0: a consumer */
    int64_t log_start_offset;
    int8_t isolation;
};

void fetch(struct plane *p, struct fetch_spec s);

#endif
