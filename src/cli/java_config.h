/* What Java's clients say of the values of their properties, as far as the tools here know the
 * property. librdkafka's own limits and words are others. Pure. */
#ifndef SAMSA_CLI_JAVA_CONFIG_H
#define SAMSA_CLI_JAVA_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

enum { JAVA_CONFIG_TEXT_MAX = 512 };

/* "Invalid value …" in `text` (static storage of the caller's), or NULL: nothing is wrong, or the
 * property is not known here. */
const char *java_config_wrong(const char *name, const char *value, char text[JAVA_CONFIG_TEXT_MAX]);

/* "by_duration:PT1H" of auto.offset.reset (KIP-1106): the milliseconds. False: it is not that. */
bool java_config_by_duration(const char *value, int64_t *ms);

/* A duration as Java's Duration.parse takes it: PnDTnHnMn.nS, each number with a sign of its own if
 * need be. False: it is none. */
bool java_config_duration(const char *text, int64_t *ms);

#endif
