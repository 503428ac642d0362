/* Choosing topics by a list of patterns, as Kafka's IncludeList: commas are alternatives, a
 * pattern must match the whole name. */
#ifndef SAMSA_CLI_SELECT_H
#define SAMSA_CLI_SELECT_H

#include "cli/java_pattern.h"

struct name_filter {
    bool all;
    bool exclude_internal;
    struct java_pattern pattern;
    char *text; /* the patterns as they were read, for complaints; owned */
};

/* `patterns` NULL matches every name. False: the pattern is malformed. */
bool name_filter_init(struct name_filter *f, const char *patterns, bool exclude_internal);
bool name_filter_matches(const struct name_filter *f, struct str name);
void name_filter_free(struct name_filter *f);

/* A topic that Kafka keeps for itself. */
bool topic_is_internal(struct str name);

#endif
