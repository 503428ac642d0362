/* The configuration of one node: four layers of values over one table of keys.
 *
 * A value is looked for, in this order: set for this broker at run time, set for all brokers at run
 * time, in the file (or --override), default. Reading never fails: every value was parsed and
 * validated when it was set.
 *
 * Owns: an arena with what the file and the defaults say, and one with what was set at run time,
 * made anew when most of it is stale: however often a key is set, memory is bounded by what is set.
 * A text or list returned by a reader is valid until the next change. Thread: the loop's. */
#ifndef SAMSA_CONFIG_CONFIG_H
#define SAMSA_CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/err.h"
#include "config/keys.h"
#include "config/properties.h"
#include "config/value.h"

enum config_layer {
    LAYER_DYNAMIC_BROKER,
    LAYER_DYNAMIC_DEFAULT,
    LAYER_STATIC,
    LAYER_DEFAULT,
    LAYER_COUNT
};

/* ConfigSource of DescribeConfigs. */
enum config_source {
    SOURCE_UNKNOWN = 0,
    SOURCE_TOPIC = 1,
    SOURCE_DYNAMIC_BROKER = 2,
    SOURCE_DYNAMIC_DEFAULT = 3,
    SOURCE_STATIC = 4,
    SOURCE_DEFAULT = 5,
    SOURCE_BROKER_LOGGER = 6,
    SOURCE_CLIENT_METRICS = 7,
    SOURCE_GROUP = 8,
};

struct config_pair {
    struct str name;
    struct str value; /* null: none */
};

/* A key that is not in the table, or an override for one listener. */
struct config_extra {
    const char *name;
    const char *text;
    enum config_layer layer;
};

struct config {
    struct arena arena;
    struct arena changes;          /* texts of the dynamic layers, values since they changed */
    size_t changes_live;           /* bytes of it, when it was made anew */
    bool is_changed[CONFIG_COUNT]; /* its value lies there */
    const char *file;              /* "" when not read from one */
    const char *texts[LAYER_COUNT][CONFIG_COUNT]; /* NULL: not set in that layer */
    int32_t lines[CONFIG_COUNT];                  /* in the file; 0 when not set there */
    struct config_value values[CONFIG_COUNT];     /* what holds now */
    struct config_extra *extras;
    int32_t extras_count, extras_capacity;
    struct str *notes; /* what an operator should hear once at start, one line each */
    int32_t notes_count, notes_capacity;
};

/* All defaults; the required keys are null. Free with config_free. */
struct config *config_new(void);
void config_free(struct config *c);

/* A node's file, then `overrides` (from --override) on top. Unknown keys are kept and noted,
 * with a guess at what was meant; keys that Samsa does not obey yet are noted. *out is made only
 * on success. Err: INVALID, with "FILE:LINE: cause" in *error. */
enum err config_read(const char *file, struct str text, const struct config_pair *overrides,
                     int32_t overrides_count, struct config **out,
                     struct config_error *error) MUST_CHECK;

/* Set or (value null) unset a key in one layer. Unknown names are kept. Err: INVALID; nothing has
 * changed then. */
enum err config_set(struct config *c, enum config_layer layer, struct str name, struct str value,
                    struct config_error *error) MUST_CHECK;

/* Unset what a dynamic layer sets and `kept` does not name, as when its record is replaced. */
void config_clear_but(struct config *c, enum config_layer layer, const struct config_pair *kept,
                      int32_t kept_count);

/* Readers. The id's type must be the reader's (asserted): INT or SHORT for config_int, these or
 * LONG for config_long. A null number reads as 0: see config_is_null. */
int32_t config_int(const struct config *c, enum config_id id);
int64_t config_long(const struct config *c, enum config_id id);
bool config_bool(const struct config *c, enum config_id id);
const char *config_string(const struct config *c, enum config_id id); /* NULL when null */
const struct str *config_list(const struct config *c, enum config_id id, int32_t *count);
bool config_is_null(const struct config *c, enum config_id id);

/* True when the file, an override or a run-time change sets it. */
bool config_is_set(const struct config *c, enum config_id id);

/* The text of the first layer that sets a name outside the table; NULL when none does. */
const char *config_extra(const struct config *c, const char *name);

/* True for the replication rates, keys without a place in the table: they are only set at run
 * time. */
bool config_is_rate(struct str name);

/* A key that Kafka had until 3.9 and that is obeyed all the same: how many percent of the
 * partitions that prefer a broker others may lead before leaders return to it by themselves. 0,
 * which is what Kafka 4 does, when it is not set. */
#define CONFIG_LEADER_IMBALANCE_PERCENT "leader.imbalance.per.broker.percentage"
int32_t config_leader_imbalance_percent(const struct config *c);

/* "FILE:LINE: " of a key, or "FILE: ", or ""; to open an error about it. */
struct str config_place(const struct config *c, enum config_id id, struct arena *arena);

/* Every key with its value, sorted, as Kafka prints at start: "\tname = value" lines behind
 * "KafkaConfig values: ", secrets hidden. */
struct str config_print(const struct config *c, struct arena *arena);

/* ---- what DescribeConfigs answers */

struct config_synonym {
    const char *name;
    struct str value; /* null when sensitive */
    enum config_source source;
};

struct config_described {
    const char *name;
    struct str value; /* null when null or sensitive */
    enum config_source source;
    bool read_only, sensitive;
    int8_t type; /* ConfigType number */
    const char *documentation;
    struct config_synonym *synonyms; /* the one that holds first */
    int32_t synonyms_count;
};

/* Broker resource. `this_broker` false describes the cluster-wide default resource, which lists
 * only what is set dynamically for all brokers. Sorted by name. */
void config_describe_broker(const struct config *c, bool this_broker, struct arena *arena,
                            struct config_described **out, int32_t *count);

/* What stands behind a broker key: every layer that sets it or, below that, a key that means the
 * same in another unit; the one that holds first. Empty when only such another key is set, as in
 * Kafka. */
void config_describe_synonyms(const struct config *c, const char *name, struct arena *arena,
                              struct config_synonym **out, int32_t *count);

/* cordoned.log.dirs: "*" alone, or directories of this node's. Err: INVALID. */
enum err config_check_cordoned(const struct config *c, const struct str *cordoned, int32_t count,
                               struct config_error *error) MUST_CHECK;

/* The same, of a text that is to become its value and is known to be a list. */
enum err config_validate_cordoned(const struct config *c, struct str text,
                                  struct config_error *error) MUST_CHECK;

/* Check the configuration of a group; `c` holds what bounds it. Err: INVALID. */
enum err config_validate_group(const struct config *c, const struct config_pair *pairs,
                               int32_t count, struct config_error *error) MUST_CHECK;

#endif
