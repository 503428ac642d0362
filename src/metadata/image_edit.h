/* How replay changes an image: keeps the index, the counters and the interned directories right.
 * Private to metadata/. Values are checked by the caller; texts are copied. */
#ifndef SAMSA_METADATA_IMAGE_EDIT_H
#define SAMSA_METADATA_IMAGE_EDIT_H

#include "metadata/image.h"

/* A partition's new content. Lists may point into the partition they replace. */
struct partition_content {
    const int32_t *replicas, *isr, *removing, *adding, *elr, *last_known_elr;
    const uint32_t *directories; /* interned, one per replica */
    int32_t replicas_count, isr_count, removing_count, adding_count, elr_count,
        last_known_elr_count;
    int32_t leader, leader_epoch, partition_epoch;
    int8_t leader_recovery_state;
};

/* What a partition holds now. */
struct partition_content partition_content_of(const struct image_partition *p);

/* Its interned directories. */
static inline const uint32_t *partition_directory_indices(const struct image_partition *p)
{
    return p->words + p->replicas_count;
}

uint32_t image_intern_directory(struct image *image, struct uuid directory);

struct image_topic *image_topic_add(struct image *image, struct str name, struct uuid id);
void image_topic_remove(struct image *image, struct image_topic *topic);
struct image_topic *image_topic_edit(struct image *image, struct uuid id);

/* Create or replace. The id is within bounds. */
void image_partition_set(struct image *image, struct image_topic *topic, int32_t id,
                         const struct partition_content *content);

struct image_broker *image_broker_edit(struct image *image, int32_t id);
struct image_broker *image_broker_add(struct image *image, int32_t id); /* replaces, emptied */
void image_broker_remove(struct image *image, int32_t id);
void image_broker_set_directories(struct image_broker *b, const struct uuid *ids, int32_t count);
void image_broker_set_cordoned(struct image_broker *b, const struct uuid *ids, int32_t count);
struct image_controller *image_controller_add(struct image *image, int32_t id);
void image_controller_remove(struct image *image, int32_t id);

/* Null value removes. */
void image_config_set(struct image *image, enum resource_type type, struct str name, struct str key,
                      struct str value);
void image_config_remove(struct image *image, enum resource_type type, struct str name);

/* Level 0 removes. */
void image_feature_set(struct image *image, struct str name, int16_t level);

/* Keep, replace or (null value) remove a record. */
void image_kept_set(struct map *kept, struct bytes key, struct bytes value);

#endif
