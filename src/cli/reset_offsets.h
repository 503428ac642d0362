/* Where a group's offsets are to go: the scenarios of kafka-consumer-groups.sh --reset-offsets. */
#ifndef SAMSA_CLI_RESET_OFFSETS_H
#define SAMSA_CLI_RESET_OFFSETS_H

#include "cli/groups.h"

struct reset_target {
    struct str topic;
    int32_t partition;
    int64_t offset;
};

struct reset_plan {
    struct reset_target *items;
    int32_t count;
};

/* Partitions of "t", "t:0,1" arguments; a topic alone means all of its partitions. False:
 * failure. */
bool reset_parse_topics(struct client *c, const char *const *texts, int32_t count,
                        struct group_partitions *out);

/* Computes the plan of one group from the options. False: failure is set; a mistake in the
 * options ends the process with the usage. */
bool reset_prepare(struct client *c, const struct args *a, const char *group,
                   struct reset_plan *out);

/* Commits it. False: failure is set. */
bool reset_commit(struct client *c, const char *group, const struct reset_plan *plan);

#endif
