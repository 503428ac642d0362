/* What a node's controller listener serves: the controller's own APIs, raft's, and ApiVersions.
 *
 * Owns its table. Borrows the rest. Thread: the loop's. */
#ifndef SAMSA_SERVER_CONTROLLER_APIS_H
#define SAMSA_SERVER_CONTROLLER_APIS_H

#include "controller/controller.h"
#include "rpc/dispatch.h"

struct quorum;
struct quorum_api;
struct watch;

struct controller_apis {
    struct api_handler table[API_COUNT];
    struct dispatch dispatch;
    const struct quorum_api *raft[API_COUNT]; /* those that the quorum serves */
    struct controller *controller;
    struct quorum *quorum;
    const struct env *env;
    struct watch *watch;
};

void controller_apis_init(struct controller_apis *a, const struct env *env,
                          struct controller *controller, struct quorum *quorum,
                          struct watch *watch);

#endif
