/* Makes a controller known to its cluster (KIP-919): its endpoints and the features it supports, as
 * a record that the active controller writes on request. Every controller asks, until the image has
 * a registration of this process; one that leads has registered itself.
 *
 * Owns: a channel to the active controller, one call in flight. Borrows: the controller, env.
 * Thread: the loop's. */
#ifndef SAMSA_SERVER_CONTROLLER_REGISTRATION_H
#define SAMSA_SERVER_CONTROLLER_REGISTRATION_H

#include "controller/controller.h"
#include "env/env.h"

struct controller_registration;

/* `endpoints` live as long as this. */
struct controller_registration *
controller_registration_create(const struct env *env, struct controller *controller,
                               int32_t node_id, const struct image_endpoint *endpoints,
                               int32_t endpoints_count);

/* As broker_set_controller. */
void controller_registration_set_leader(struct controller_registration *r, int32_t leader_id,
                                        const char *host, uint16_t port);

/* The image has moved: ask, if there is need. */
void controller_registration_check(struct controller_registration *r);

void controller_registration_destroy(struct controller_registration *r);

#endif
