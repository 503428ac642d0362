/* Consumer groups as the tools see them: both protocols in one shape. */
#ifndef SAMSA_CLI_GROUPS_H
#define SAMSA_CLI_GROUPS_H

#include "cli/client.h"

struct group_partition {
    struct str topic;
    int32_t partition;
};

struct group_partitions {
    struct group_partition *items;
    int32_t count, capacity;
};

struct group_member {
    const char *id, *instance_id, *host, *client_id; /* instance_id "" when none */
    struct group_partitions assignment, target;
    int32_t epoch;   /* -1: classic */
    int8_t upgraded; /* 1 yes, 0 no, -1 not known */
};

struct group {
    const char *id, *state, *assignor;
    struct client_node *coordinator;
    struct group_member *members;
    int32_t members_count;
    int32_t group_epoch, target_epoch; /* -1: classic */
};

struct group_listing {
    struct str id, state, type, protocol_type;
};

struct committed {
    struct str topic;
    int32_t partition;
    int64_t offset;
    int32_t leader_epoch; /* -1: none */
};

void group_partitions_add(struct client *c, struct group_partitions *p, struct str topic,
                          int32_t partition);
bool group_partitions_has(const struct group_partitions *p, struct str topic, int32_t partition);

/* "t:0,1;u:2" */
const char *group_partitions_text(struct client *c, const struct group_partitions *p);

/* Consumer groups of every broker, sorted by id. False: failure is set. */
bool client_list_groups(struct client *c, struct group_listing **out, int32_t *count);

/* False: failure is set (GroupIdNotFoundException for one that does not exist). */
bool client_describe_group(struct client *c, const char *id, struct group *out);

/* Every committed offset, sorted by topic and partition. */
bool client_committed_offsets(struct client *c, const char *group, struct committed **out,
                              int32_t *count);

#endif
