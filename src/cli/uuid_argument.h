/* An id as it is given on a command line: base64 for URLs, with the complaints of Java's decoder
 * and of Kafka's. */
#ifndef SAMSA_CLI_UUID_ARGUMENT_H
#define SAMSA_CLI_UUID_ARGUMENT_H

#include "base/arena.h"
#include "base/uuid.h"

/* NULL, or why the text is no id: in the arena, or static. */
const char *uuid_argument(struct arena *arena, const char *text, struct uuid *out);

#endif
