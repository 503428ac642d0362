/* Requests that a broker passes on to the active controller (kraft.md 4.8): which ones, and what in
 * an answer says that another controller must be asked. Both ends of an Envelope need it. */
#ifndef SAMSA_BROKER_FORWARDABLE_H
#define SAMSA_BROKER_FORWARDABLE_H

#include <stdbool.h>
#include <stdint.h>

bool api_is_forwardable(int16_t api_key);

/* Whoever answered does not lead: nothing was decided, ask the leader. */
bool answer_is_from_no_controller(int16_t api_key, const void *response);

#endif
