/* Feature levels as tools take and print them: kafka-features.sh and kafka-storage.sh share
 * this. */
#ifndef SAMSA_CLI_FEATURE_TEXT_H
#define SAMSA_CLI_FEATURE_TEXT_H

#include <stdbool.h>

#include "base/arena.h"
#include "metadata/feature.h"

/* The features besides metadata.version, in the order of Kafka's source; NULL ends them. */
extern const char *const feature_names_in_order[];

/* The name of "name=level", or NULL with *why. */
const char *feature_pair_parse(struct arena *arena, const char *pair, int16_t *level,
                               const char **why);

/* "4.3-IV0" of a level of metadata.version, the next one that is not released included; NULL. */
const char *feature_release_text(int16_t level);
bool feature_release_level(const char *release, int16_t *level);

/* "Unknown metadata.version '…'. Supported metadata.version are: …", up to the level `last`: that
 * of the newest release for kafka-storage, FEATURE_LEVEL_KNOWN for kafka-features. */
enum { FEATURE_LEVEL_KNOWN = METADATA_VERSION_MAX + 1 };
const char *feature_unknown_release(struct arena *arena, const char *release, int16_t last);

/* The levels of a release (NULL: the newest). False: *why. */
bool feature_print_mapping(struct arena *arena, const char *release, const char **why);

/* What a feature at a level needs. False: *why. */
bool feature_print_dependencies(struct arena *arena, const char *name, int16_t level,
                                const char **why);

#endif
