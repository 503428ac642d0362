/* Envelope: a broker passes a client's request on to the active controller (KIP-590, kraft.md
 * 4.8). What is inside is served as if it had come to this listener; its answer goes back inside
 * the envelope's.
 *
 *   RequestData        a request's header and body, without the length
 *   RequestPrincipal   int16 version, DefaultPrincipalData
 *   ClientHostAddress  4 or 16 bytes
 *
 * Errors of the envelope itself: NOT_CONTROLLER (ask another), UNSUPPORTED_VERSION (what is inside
 * cannot be read or is not served: the client must negotiate anew), INVALID_REQUEST (the API is not
 * forwardable), PRINCIPAL_DESERIALIZATION_FAILURE. Thread: the loop's. */
#ifndef SAMSA_SERVER_ENVELOPE_H
#define SAMSA_SERVER_ENVELOPE_H

#include "env/env.h"
#include "rpc/dispatch.h"

/* `inner` serves what is inside. */
void handle_envelope(struct request *rq, const struct env *env, const struct dispatch *inner);

#endif
