/* What a run of records changed: names of things, for whoever keeps state of its own beside the
 * image (replica manager, coordinators, configuration). The new values stand in the image; the old
 * ones are the subscriber's business, so nothing here holds them.
 *
 * Owns: copies of all it names, freed by delta_free. Each thing is listed once, in the order it was
 * first touched. Thread: the image's. */
#ifndef SAMSA_METADATA_DELTA_H
#define SAMSA_METADATA_DELTA_H

#include "metadata/image.h"

/* A topic that was created, deleted, or had partitions change. One that was created and deleted
 * again, or deleted and created under the same name, is two entries: ids differ. */
struct delta_topic {
    struct uuid id;
    struct str name;
    bool created;        /* in this delta */
    bool deleted;        /* gone from the image; `partitions` are all it had */
    int32_t *partitions; /* ids that were added or changed */
    int32_t partitions_count, partitions_capacity;
    uint64_t *seen; /* the delta's own: a bit per id listed */
    int32_t seen_words;
};

struct delta_config {
    enum resource_type type;
    struct str name; /* empty: cluster-wide default */
};

struct delta {
    /* The image was replaced by a snapshot's: compare everything. Lists are then incomplete. */
    bool everything;

    struct delta_topic **topics;
    int32_t topics_count, topics_capacity;
    int32_t *brokers; /* registered, changed or gone */
    int32_t brokers_count, brokers_capacity;
    struct delta_config *configs;
    int32_t configs_count, configs_capacity;
    bool features, controllers, producer_ids;
    bool client_quotas, acls, scram_credentials, delegation_tokens;

    /* The delta's own. */
    struct map topics_index, configs_index, brokers_index;
    struct arena texts;
};

void delta_init(struct delta *d);
void delta_free(struct delta *d);

/* Forget everything; ready for the next run of records. */
void delta_reset(struct delta *d);

/* Nothing changed. */
bool delta_is_empty(const struct delta *d);

/* NULL when the delta does not touch it. */
const struct delta_topic *delta_topic(const struct delta *d, struct uuid id);

/* ---- for image_replay */
void delta_touch_topic(struct delta *d, struct uuid id, struct str name, bool created,
                       bool deleted);
void delta_touch_partition(struct delta *d, struct uuid id, struct str name, int32_t partition);
void delta_touch_broker(struct delta *d, int32_t id);
void delta_touch_config(struct delta *d, enum resource_type type, struct str name);

#endif
