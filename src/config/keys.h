/* The table of configuration keys: name, type, default, what is valid, how it may change, what it
 * means. One line per key in broker_keys.def, topic_keys.def and group_keys.def; everything else
 * (ids, parsing, validation, DescribeConfigs, the manual) follows from it.
 *
 * Owns nothing: constant data. */
#ifndef SAMSA_CONFIG_KEYS_H
#define SAMSA_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum config_type {
    CONFIG_TYPE_BOOLEAN,
    CONFIG_TYPE_STRING,
    CONFIG_TYPE_INT,
    CONFIG_TYPE_SHORT,
    CONFIG_TYPE_LONG,
    CONFIG_TYPE_DOUBLE,
    CONFIG_TYPE_LIST,
    CONFIG_TYPE_CLASS,
    CONFIG_TYPE_PASSWORD,
};

/* CONFIG_NUM_PARTITIONS and so on, in order of name. */
enum config_id {
#define K(id, ...) CONFIG_##id,
#include "config/broker_keys.def"
#undef K
    CONFIG_COUNT
};

/* TOPIC_RETENTION_MS and so on, in order of name. */
enum topic_config_id {
#define T(id, ...) TOPIC_##id,
#include "config/topic_keys.def"
#undef T
    TOPIC_CONFIG_COUNT
};

/* GROUP_CONSUMER_SESSION_TIMEOUT_MS and so on, in order of name. */
enum group_config_id {
#define G(id, ...) GROUP_##id,
#include "config/group_keys.def"
#undef G
    GROUP_CONFIG_COUNT
};

enum config_check_kind {
    CHECK_ANY,
    CHECK_RANGE,           /* min and max, inclusive; NAN is open */
    CHECK_ONE_OF,          /* values, comma-separated */
    CHECK_ONE_OF_ANY_CASE, /* values in capitals */
    CHECK_LIST,            /* non-empty elements, each once; of `values` if not NULL */
    CHECK_NOT_EMPTY,
    CHECK_NOT_NULL,
    CHECK_GZIP_LEVEL,   /* 1 to 9, or -1 */
    CHECK_VOTERS,       /* id@host:port,… */
    CHECK_SERVERS,      /* host:port,… */
    CHECK_REPLICA_LIST, /* partition:broker,… or * */
    CHECK_SHARE_RESET,  /* earliest, latest or by_duration:… */
};

struct config_check {
    enum config_check_kind kind;
    double min, max;
    const char *values;
    bool empty_allowed, null_allowed; /* of a list */
};

/* How a broker key may change while the broker runs. */
enum config_scope { SCOPE_FIXED, SCOPE_PER_BROKER, SCOPE_CLUSTER_WIDE };

enum config_importance { IMPORTANCE_HIGH, IMPORTANCE_MEDIUM, IMPORTANCE_LOW };

/* What Samsa does with a key. */
enum config_standing {
    STANDING_NEEDED, /* obeyed, and must be set: there is no default */
    STANDING_OBEYED,
    STANDING_LATER,    /* accepted; a value other than the default is named once at start */
    STANDING_MOOT,     /* has no meaning in one native program; accepted, likewise named */
    STANDING_INTERNAL, /* Kafka's own tests use it; accepted and never listed */
};

struct config_key {
    const char *name;
    enum config_type type;
    const char *default_text; /* NULL is null */
    struct config_check check;
    enum config_scope scope;
    enum config_importance importance;
    enum config_standing standing;
    const char *meaning; /* one line, may be empty */
};

/* Indexed by the ids above. */
extern const struct config_key config_keys[CONFIG_COUNT];
extern const struct config_key topic_config_keys[TOPIC_CONFIG_COUNT];
extern const struct config_key group_config_keys[GROUP_CONFIG_COUNT];

/* Index of a name in one of the tables; -1 when unknown. */
int config_key_find(const struct config_key *keys, int count, struct str name);

/* The broker key of this name, listener.name.<listener>.<key> included (*override is set then);
 * -1 when unknown. */
int config_broker_key_find(struct str name, bool *override);

/* The known name that `name` was probably meant to be: at most two edits away, or a third of a
 * short name. NULL when nothing is near. */
const char *config_key_nearest(const struct config_key *keys, int count, struct str name);

/* True for types whose values must never be shown. */
static inline bool config_key_is_sensitive(const struct config_key *key)
{
    return key->type == CONFIG_TYPE_PASSWORD;
}

/* "INT", "LIST", … as Kafka prints them; and the ConfigType number of DescribeConfigs. */
const char *config_type_name(enum config_type type);
int8_t config_type_wire(enum config_type type);

/* "[0,...]", "[compact, delete]", … as Kafka's documentation prints it, cut to `size`. */
void config_check_describe(const struct config_check *check, char *text, size_t size);

#endif
