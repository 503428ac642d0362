/* Pseudo-random contents for any message, and deep equality: by the fields' descriptions. */
#ifndef SAMSA_TEST_LIB_RANDOM_MESSAGE_H
#define SAMSA_TEST_LIB_RANDOM_MESSAGE_H

#include "base/prng.h"
#include "protocol/message.h"

/* A message with every field of `version` set at random (nulls where allowed, defaults sometimes,
 * arrays of up to three), and every other field at its default. Memory: arena. */
void *random_message(const struct message *type, int16_t version, struct prng *prng,
                     struct arena *arena);

/* Same in every field that `version` carries. */
bool same_message(const struct message *type, int16_t version, const void *a, const void *b);

#endif
