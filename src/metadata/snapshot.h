/* An image as records: what a snapshot file contains between its header and its footer, in Kafka's
 * order (kraft.md 3.8) and otherwise sorted, so equal images give equal bytes.
 *
 * The image must not change while an iterator is in use. Thread: the image's. */
#ifndef SAMSA_METADATA_SNAPSHOT_H
#define SAMSA_METADATA_SNAPSHOT_H

#include "metadata/image.h"
#include "protocol/metadata_record.h"

struct image_snapshot {
    const struct image *image;
    struct arena order; /* sorted lists */
    int stage;
    int32_t at, within;
    const struct image_topic **topics;
    const struct image_config **configs;
    const struct image_kept **kept;
    int32_t topics_count, configs_count, kept_count;
};

void image_snapshot_init(struct image_snapshot *s, const struct image *image);

/* The next record, false when there is none left. Strings point into the image, lists into `arena`,
 * which may be reset between calls. Record versions follow the image's metadata.version. */
bool image_snapshot_next(struct image_snapshot *s, struct metadata_record *record,
                         struct arena *arena);

void image_snapshot_free(struct image_snapshot *s);

/* A hash of the snapshot: equal for equal images, and of 64 bits only. For invariant checks. */
uint64_t image_hash(const struct image *image);

#endif
