/* What a broker's configuration may become while it runs: the checks that Kafka makes of a change
 * before it is recorded, in their order and in its words.
 *
 * Owns nothing. Thread: the loop's. */
#ifndef SAMSA_CONFIG_DYNAMIC_H
#define SAMSA_CONFIG_DYNAMIC_H

#include "config/config.h"

/* Check a change of broker configurations before it is accepted, against what holds now in `c`:
 * whether each key may change at all and for all brokers at once, types, ranges, and what the
 * values would become together. A null value unsets its key. `this_broker` false is about all
 * brokers. Err: INVALID. */
enum err config_validate_broker(const struct config *c, const struct config_pair *pairs,
                                int32_t count, bool this_broker,
                                struct config_error *error) MUST_CHECK;

#endif
