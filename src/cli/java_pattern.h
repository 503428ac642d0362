/* Regular expressions as Java writes them, matched against whole names by PCRE2. What the two write
 * differently is translated; classes within classes ([a-z&&[^x]]) are not.
 *
 * Owns the compiled pattern until java_pattern_free. */
#ifndef SAMSA_CLI_JAVA_PATTERN_H
#define SAMSA_CLI_JAVA_PATTERN_H

#include "base/bytes.h"

enum { JAVA_PATTERN_WHY_MAX = 512 };

struct java_pattern {
    void *code;
};

/* False: malformed, and `why` is what Java's compiler says: a line, the pattern, a mark below. */
bool java_pattern_compile(struct java_pattern *p, const char *text, char why[JAVA_PATTERN_WHY_MAX]);
bool java_pattern_matches(const struct java_pattern *p, struct str name);
void java_pattern_free(struct java_pattern *p);

#endif
