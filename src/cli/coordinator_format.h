/* Records of the coordinators' topics as JSON, as the console consumer's formatters for
 * __consumer_offsets, __transaction_state and __share_group_state print them: one after the other,
 * without a newline. */
#ifndef SAMSA_CLI_COORDINATOR_FORMAT_H
#define SAMSA_CLI_COORDINATOR_FORMAT_H

#include "base/arena.h"

enum coordinator_format {
    COORDINATOR_NONE,
    COORDINATOR_OFFSETS,      /* committed offsets */
    COORDINATOR_GROUPS,       /* the classic groups' state */
    COORDINATOR_SHARE_GROUPS, /* the share groups' state */
    COORDINATOR_TRANSACTIONS,
    COORDINATOR_SHARE_STATE, /* of __share_group_state */
};

/* By the formatter's class; COORDINATOR_NONE when it is another. */
enum coordinator_format coordinator_format_of(const char *class);

/* Prints the record when it is one the formatter shows; others, of kinds that are not known too,
 * are passed over. NULL, or what is wrong with it. */
const char *coordinator_format_print(enum coordinator_format f, struct bytes key,
                                     struct bytes value, struct arena *arena);

#endif
