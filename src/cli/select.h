/* Choosing topics by a list of patterns, as Kafka's IncludeList: commas are alternatives, a
 * pattern must match the whole name. */
#ifndef SAMSA_CLI_SELECT_H
#define SAMSA_CLI_SELECT_H

#include <regex.h>

#include "base/bytes.h"

struct name_filter {
    bool all;
    bool exclude_internal;
    regex_t regex;
};

/* `patterns` NULL matches every name. False: the pattern is malformed. */
bool name_filter_init(struct name_filter *f, const char *patterns, bool exclude_internal);
bool name_filter_matches(const struct name_filter *f, struct str name);

#endif
