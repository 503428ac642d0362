/* kafka-configs.sh for users, clients and ips: quotas, and users' SCRAM credentials. They are not
 * resources with configurations but have requests of their own, which a cluster may not serve
 * (Samsa's brokers do not yet).
 *
 * A mistake in the options ends the process with Kafka's line, what fails on the way by
 * a->no_client. */
#ifndef SAMSA_CLI_QUOTA_ENTITIES_H
#define SAMSA_CLI_QUOTA_ENTITIES_H

#include "cli/client.h"

enum { QUOTA_ENTITIES_MAX = 16 };

/* What the options name, in Kafka's order; "" among the names: the default of its type. */
struct quota_entities {
    const char *types[QUOTA_ENTITIES_MAX]; /* "users", "clients", "ips" */
    const char *names[QUOTA_ENTITIES_MAX];
    int32_t types_count, names_count;
};

struct quota_change {
    struct str key;
    struct str value;
    bool remove;
};

struct quota_entities quota_entities_of(const struct args *a);

/* Whether each name can be one of its type. Asks the resolver of an ip that is a host's name. */
void quota_entities_check(const struct quota_entities *e, struct arena *arena);

void quota_entities_describe(struct client *c, const struct args *a,
                             const struct quota_entities *e);
void quota_entities_alter(struct client *c, const struct args *a, const struct quota_entities *e,
                          const struct quota_change *changes, int32_t count);

#endif
