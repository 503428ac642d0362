/* Who a controller is that is to join the quorum, from its own configuration file: what
 * kafka-metadata-quorum.sh add-controller tells the leader. */
#ifndef SAMSA_CLI_NEW_CONTROLLER_H
#define SAMSA_CLI_NEW_CONTROLLER_H

#include "base/uuid.h"
#include "config/properties.h"

enum { NEW_CONTROLLER_ENDPOINTS_MAX = 64 };

struct new_controller {
    int32_t id;
    struct uuid directory_id; /* of its metadata directory, which must be formatted */
    struct {
        const char *name; /* in capitals */
        const char *host;
        uint16_t port;
    } endpoints[NEW_CONTROLLER_ENDPOINTS_MAX]; /* its advertised controller listeners */
    int32_t endpoints_count;
};

/* NULL when all is there, else Kafka's complaint. Texts live in the arena. Reads meta.properties of
 * this machine: the command runs where the controller does. */
const char *new_controller_read(struct new_controller *n, struct arena *arena,
                                const struct properties *p);

#endif
