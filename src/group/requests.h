/* What the request functions of the coordinator share. Private to group/. */
#ifndef SAMSA_GROUP_REQUESTS_H
#define SAMSA_GROUP_REQUESTS_H

#include "group/shard.h"

struct group_coordinator {
    const struct env *env;
    struct group_settings settings;
    int32_t partitions;
    struct group_shard **shards; /* by partition; NULL: never led */
    int32_t shards_count;
    bool fenced; /* nobody is served */
};

/* The shard of a group, if it may be asked; else NULL and why. */
struct group_shard *coordinator_shard(const struct group_coordinator *c, struct str group_id,
                                      enum kafka_error *error);

static inline struct str str_or_empty(struct str s)
{
    return str_is_null(s) ? STR("") : s;
}

#endif
