/* Features and metadata.version: names, levels this release supports, defaults, what depends on
 * what, and which version of each record a level writes (kraft.md 3.5, 3.6).
 *
 * Owns nothing: constant data. */
#ifndef SAMSA_METADATA_FEATURE_H
#define SAMSA_METADATA_FEATURE_H

#include "base/bytes.h"
#include "base/err.h"
#include "protocol/metadata_record.h"

/* Levels of metadata.version that change what a node writes or does. */
enum metadata_version {
    METADATA_VERSION_MIN = 7,                  /* 3.3-IV3 */
    METADATA_VERSION_SCRAM = 11,               /* 3.5-IV2 */
    METADATA_VERSION_NO_SHRINK_BUMP = 12,      /* 3.6-IV0 */
    METADATA_VERSION_TRANSACTIONS = 13,        /* 3.6-IV1 */
    METADATA_VERSION_DELEGATION_TOKENS = 14,   /* 3.6-IV2 */
    METADATA_VERSION_REGISTER_CONTROLLER = 15, /* 3.7-IV0 */
    METADATA_VERSION_DIRECTORIES = 17,         /* 3.7-IV2 */
    METADATA_VERSION_ELR = 23,                 /* 4.0-IV1 */
    METADATA_VERSION_CORDONED = 30,            /* 4.3-IV0 */
    METADATA_VERSION_DEFAULT = 30,             /* latest production level of 4.3 */
    METADATA_VERSION_MAX = 30,
};

#define FEATURE_METADATA_VERSION    STR("metadata.version")
#define FEATURE_KRAFT_VERSION       STR("kraft.version")
#define FEATURE_TRANSACTION_VERSION STR("transaction.version")
#define FEATURE_GROUP_VERSION       STR("group.version")
#define FEATURE_ELR_VERSION         STR("eligible.leader.replicas.version")
#define FEATURE_SHARE_VERSION       STR("share.version")
#define FEATURE_STREAMS_VERSION     STR("streams.version")

/* One feature of this release. */
struct feature {
    const char *name;
    int16_t min, max;      /* levels supported; min 0 where it may be off */
    int16_t default_level; /* the level a new cluster gets … */
    int16_t default_from;  /* … from this metadata.version on; 0 below */
    int16_t needs;         /* least metadata.version for a level above 0 */
    bool in_records;       /* finalized by FeatureLevelRecord; false for kraft.version */
};

/* All of them, metadata.version first, then by name. */
const struct feature *feature_table(int32_t *count);

/* NULL: unknown to this release. */
const struct feature *feature_find(struct str name);

/* The level a new cluster at this metadata.version gets when nothing is said. */
int16_t feature_default_level(const struct feature *f, int16_t metadata_version);

/* "4.3-IV0" for 30; NULL beyond what is known. */
const char *metadata_version_text(int16_t level);

/* A level by release ("4.3", "4.3.1": its last production level) or exact name ("4.0-IV1"). Err:
 * NOT_FOUND. */
enum err metadata_version_parse(struct str text, int16_t *level) MUST_CHECK;

/* Whether the format of records changes anywhere in (low, high]: no safe downgrade across it. */
bool metadata_version_changes_records(int16_t low, int16_t high);

/* The newest versions that brokers of this level use among themselves: Fetch of a follower, and its
 * ListOffsets. */
int16_t metadata_version_fetch(int16_t metadata_version);
int16_t metadata_version_list_offsets(int16_t metadata_version);

/* The version a record of this id is written at. BrokerRegistrationChange is written at the lowest
 * that carries what it says: broker_registration_change_version. */
int16_t metadata_record_version(int16_t id, int16_t metadata_version);
int16_t broker_registration_change_version(const struct broker_registration_change_record *r);

#endif
