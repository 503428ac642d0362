/* Requests of Samsa's own, served beside Kafka's on every listener (schema/samsa): ReadEvents.
 *
 * Their keys are far above Kafka's; ApiVersions lists them to Samsa's own programs only. Owns its
 * table. Borrows what it shows. Thread: the loop's. */
#ifndef SAMSA_SERVER_OWN_APIS_H
#define SAMSA_SERVER_OWN_APIS_H

#include "history/history.h"
#include "metadata/image.h"
#include "protocol/api.h"
#include "rpc/dispatch.h"

/* Events of one answer, and their bytes in memory. */
enum { READ_EVENTS_MAX = 1000, READ_EVENTS_BYTES_MAX = 4 << 20 };

struct own_apis_facts {
    int32_t node_id;
    const char *cluster_id;
    struct uuid incarnation_id;
    const struct history *history;
    struct clock *clock;
    void *owner;
    /* As this node has applied it; NULL: none yet. */
    const struct image *(*image)(void *owner);
};

struct own_apis {
    struct api_handler table[OWN_API_END - OWN_API_FIRST];
    struct dispatch dispatch;
    struct own_apis_facts facts;
};

void own_apis_init(struct own_apis *a, const struct own_apis_facts *facts);

#endif
