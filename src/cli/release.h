/* Kafka's releases as feature levels: which metadata.version is which, and what goes with it. */
#ifndef SAMSA_CLI_RELEASE_H
#define SAMSA_CLI_RELEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    METADATA_VERSION_MIN = 7,     /* 3.3-IV3 */
    METADATA_VERSION_LATEST = 30, /* 4.3-IV0: the newest that this release calls stable */
    FEATURES_MAX = 8,
};

struct feature {
    const char *name;
    int16_t level_max;
    /* From which metadata.version on a level is the default; 0: never. */
    int16_t default_level, default_from;
    /* The metadata.version that level 1 and above needs; 0: the minimum. */
    int16_t needs_metadata_version;
};

/* In the order Kafka prints them, metadata.version not among them. Ends with name NULL. */
extern const struct feature features[];

const struct feature *release_feature_find(struct str name);

/* Level of a feature that nobody chose, at a metadata.version. */
int16_t release_default_level(const struct feature *f, int16_t metadata_version);

/* "4.3-IV0" for 30; NULL when there is none. */
const char *metadata_version_name(int16_t level);

/* "4.3", "4.3-IV0", "4.3.1": only the first two dotted parts count. -1 when unknown. */
int16_t release_parse(const char *text);

/* "3.3-IV3, 3.4-IV0, …" up to the newest level known. Static storage. */
const char *metadata_version_list(void);

#endif
