/* The image: the state of a cluster as its metadata log tells it. A pure function of the records
 * replayed, so two nodes at one offset hold equal images, and a snapshot of an image replays to an
 * equal one.
 *
 * Only image_replay (metadata/replay.h) changes an image. Everything here is a reader.
 * Owns: all it points to. Pointers to topics, partitions and brokers, and the texts in them, are
 * valid until the next replay into the same image; keep ids, not pointers.
 * Order: every loop below goes in an order that depends on the records alone.
 * Memory: a partition of three replicas takes about 130 bytes, its places in the index by broker
 * included. Thread: one, the owner's loop. Nothing here can fail but by absence (NULL). */
#ifndef SAMSA_METADATA_IMAGE_H
#define SAMSA_METADATA_IMAGE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/uuid.h"
#include "config/config.h"

/* A partition id above this is refused in a record, before memory is taken. */
#define IMAGE_PARTITION_ID_MAX 9999999

enum { LEADER_NONE = -1 };
enum { LEADER_RECOVERED = 0, LEADER_RECOVERING = 1 };

/* Reserved directory ids (KIP-858). */
#define DIRECTORY_MIGRATING  UUID_SMALL(0)
#define DIRECTORY_UNASSIGNED UUID_SMALL(1)
#define DIRECTORY_LOST       UUID_SMALL(2)

/* Resource types of ConfigRecord and of the config APIs. An empty name is the cluster-wide
 * default. */
enum resource_type {
    RESOURCE_UNKNOWN = 0,
    RESOURCE_TOPIC = 2,
    RESOURCE_BROKER = 4,
    RESOURCE_BROKER_LOGGER = 8,
    RESOURCE_CLIENT_METRICS = 16,
    RESOURCE_GROUP = 32,
};

struct image_endpoint {
    struct str name; /* of the listener */
    struct str host;
    uint16_t port;
    int16_t security_protocol; /* enum security_protocol of config/listeners.h */
};

/* What a node can do: the levels of one feature it supports. */
struct image_feature_range {
    struct str name;
    int16_t min, max;
};

/* A registered broker. */
struct image_broker {
    int32_t id;
    int64_t epoch;
    /* Of its RegisterBroker record, and of the latest that fenced it: it has caught up, and may be
     * unfenced, once it has read so far. Not part of snapshots; after one, its last offset. */
    int64_t register_offset, fenced_offset;
    struct uuid incarnation_id;
    struct image_endpoint *endpoints;
    int32_t endpoints_count;
    struct image_feature_range *features;
    int32_t features_count;
    struct str rack; /* null: none */
    struct uuid
        *directories; /* online log directories, ascending; empty below metadata.version 17 */
    int32_t directories_count;
    struct uuid
        *cordoned; /* directories that take no new replicas (metadata.version 30), ascending */
    int32_t cordoned_count;
    bool fenced, in_controlled_shutdown, is_migrating_zk_broker;
    struct arena texts; /* the image's own */
};

struct image_controller {
    int32_t id;
    struct uuid incarnation_id;
    bool zk_migration_ready;
    struct image_endpoint *endpoints;
    int32_t endpoints_count;
    struct image_feature_range *features;
    int32_t features_count;
    struct arena texts; /* the image's own */
};

/* One partition, packed. Read the lists by the functions below. */
struct image_partition {
    uint32_t *words; /* NULL: there is no partition of this id */
    int32_t leader;  /* LEADER_NONE: none */
    int32_t leader_epoch;
    int32_t partition_epoch;
    uint32_t leaderless_place; /* the index's own */
    uint16_t replicas_count, isr_count, removing_count, adding_count;
    uint16_t elr_count, last_known_elr_count; /* eligible leader replicas (KIP-966) */
    int8_t leader_recovery_state;
};

struct image_topic {
    struct str name;
    struct uuid id;
    uint32_t slot;                      /* index in image.topics while it lives */
    struct image_partition *partitions; /* by id; see image_topic_partition */
    int32_t partitions_size;            /* ids are below this */
    int32_t partitions_capacity;
    int32_t partitions_count;    /* that exist */
    int32_t reassigning_count;   /* partitions that add or remove replicas */
    int32_t not_preferred_count; /* partitions whose leader is not replicas[0] */
};

/* Where a partition is: for lists that outlive pointers within one decision. */
struct image_place {
    uint32_t topic; /* slot */
    int32_t partition;
};

/* The configuration of one resource: sorted by name. */
struct image_config {
    enum resource_type type;
    struct str name;
    struct config_pair *pairs;
    int32_t pairs_count, pairs_capacity;
};

struct image_feature {
    struct str name;
    int16_t level; /* > 0 */
};

/* Partitions of one broker, or those without a leader. */
struct image_places {
    struct image_place *items;
    uint32_t count, capacity;
};

struct image {
    int64_t end_offset; /* one past the last record replayed; 0 before the first */
    int32_t epoch;      /* of that record; kept by whoever replays */

    struct image_broker **brokers; /* by id, ascending */
    int32_t brokers_count, brokers_capacity;
    struct image_controller **controllers; /* by id, ascending */
    int32_t controllers_count, controllers_capacity;

    struct image_topic **topics; /* by slot; NULL is a free slot */
    uint32_t topics_size, topics_capacity;
    int32_t topics_count;
    int64_t partitions_count;
    uint32_t *free_slots;
    uint32_t free_slots_count, free_slots_capacity;
    struct map topics_by_name, topics_by_id;
    struct map topics_by_metric_name; /* dots as underscores -> one of them */
    uint32_t metric_names_shared;     /* topics that took a metric name from another; not undone */

    struct map configs;             /* type byte and name -> struct image_config */
    struct image_feature *features; /* by name, metadata.version left out */
    int32_t features_count, features_capacity;
    int16_t metadata_version; /* 0 while none is known */
    int64_t next_producer_id; /* first id of the next block; 0 before the first */

    /* Kept as records, by key: for brokers to decode and for snapshots. Values: struct
     * image_kept. */
    struct map client_quotas, acls, scram_credentials, delegation_tokens;

    /* The image's own. */
    struct map places;              /* broker id -> struct image_places */
    struct image_places leaderless; /* partitions without a leader */
    struct uuid *directories;       /* interned: partitions name them by index */
    uint32_t directories_count, directories_capacity;
    struct map directories_index;
};

/* A record as it was written: a frame for metadata_record_decode. */
struct image_kept {
    struct bytes value;
};

/* An empty image, as before the first record. Free with image_free. */
struct image *image_new(void);
void image_free(struct image *image);

/* ---- brokers and controllers; NULL: not registered */
const struct image_broker *image_broker(const struct image *image, int32_t id);
const struct image_controller *image_controller(const struct image *image, int32_t id);

/* Registered, unfenced, not in controlled shutdown: it may lead and be in an ISR. */
bool image_broker_is_active(const struct image *image, int32_t id);

/* The endpoint for a listener, by exact name; NULL: the broker does not have it. */
const struct image_endpoint *image_broker_endpoint(const struct image_broker *broker,
                                                   struct str listener);

/* The range of one feature among `count`; NULL: not listed. */
const struct image_feature_range *image_feature_range(const struct image_feature_range *ranges,
                                                      int32_t count, struct str name);

/* Whether a replica in this directory of this broker can serve: UNASSIGNED and MIGRATING can, LOST
 * and what the broker no longer lists cannot. A broker that never listed directories can. */
bool image_directory_is_online(const struct image *image, int32_t broker, struct uuid directory);

/* ---- topics; NULL: unknown */
const struct image_topic *image_topic_by_name(const struct image *image, struct str name);
const struct image_topic *image_topic_by_id(const struct image *image, struct uuid id);

/* The partition of this id, or NULL. */
static inline const struct image_partition *image_topic_partition(const struct image_topic *topic,
                                                                  int32_t id)
{
    if (id < 0 || id >= topic->partitions_size || !topic->partitions[id].words) return NULL;
    return &topic->partitions[id];
}

/* A topic whose name differs from this one at most in . and _, which Kafka forbids because metrics
 * take one for the other; NULL: none. */
const struct image_topic *image_topic_colliding(const struct image *image, struct str name);

/* Every topic: start with *at = 0, until NULL. */
const struct image_topic *image_topic_next(const struct image *image, uint32_t *at);

/* All topics in order of name, in the arena. */
const struct image_topic **image_topics_sorted(const struct image *image, struct arena *arena,
                                               int32_t *count);

/* ---- lists of a partition: broker ids, in the order the records gave them */
static inline const int32_t *partition_replicas(const struct image_partition *p)
{
    return (const int32_t *)p->words;
}

static inline const int32_t *partition_isr(const struct image_partition *p)
{
    return (const int32_t *)p->words + 3 * p->replicas_count;
}

static inline const int32_t *partition_removing(const struct image_partition *p)
{
    return partition_isr(p) + p->isr_count;
}

static inline const int32_t *partition_adding(const struct image_partition *p)
{
    return partition_removing(p) + p->removing_count;
}

static inline const int32_t *partition_elr(const struct image_partition *p)
{
    return partition_adding(p) + p->adding_count;
}

static inline const int32_t *partition_last_known_elr(const struct image_partition *p)
{
    return partition_elr(p) + p->elr_count;
}

/* The directory of the i-th replica. */
struct uuid partition_directory(const struct image *image, const struct image_partition *p,
                                int32_t i);

/* The directory of a broker's replica; MIGRATING when it is not a replica. */
struct uuid partition_directory_of(const struct image *image, const struct image_partition *p,
                                   int32_t broker);

bool ids_contain(const int32_t *ids, int32_t count, int32_t id);

static inline bool partition_has_replica(const struct image_partition *p, int32_t broker)
{
    return ids_contain(partition_replicas(p), p->replicas_count, broker);
}

static inline bool partition_in_isr(const struct image_partition *p, int32_t broker)
{
    return ids_contain(partition_isr(p), p->isr_count, broker);
}

/* Partitions with a replica on a broker (in its ISR or not), and those without a leader. Valid
 * until the next replay. */
const struct image_places *image_places_of(const struct image *image, int32_t broker);

/* The partition at a place; it must still exist (asserted). *topic may be NULL. */
const struct image_partition *image_place(const struct image *image, struct image_place place,
                                          const struct image_topic **topic);

/* ---- configuration. NULL: nothing is set for the resource. */
const struct image_config *image_config(const struct image *image, enum resource_type type,
                                        struct str name);

/* One value; null when it is not set. */
struct str image_config_value(const struct image *image, enum resource_type type, struct str name,
                              struct str key);

/* All resources with a value, by type, then name, in the arena. */
const struct image_config **image_configs_sorted(const struct image *image, struct arena *arena,
                                                 int32_t *count);

/* ---- features: the finalized level; 0 when not finalized. Knows metadata.version too. */
int16_t image_feature_level(const struct image *image, struct str name);

#endif
