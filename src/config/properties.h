/* Java's properties syntax: `key=value`, `key: value` or `key value`; # and ! comments; a trailing
 * backslash continues; \uXXXX and the usual escapes. Reads bytes as UTF-8 (Kafka reads Latin-1;
 * plain ASCII is the same in both).
 *
 * Owns nothing: keys and values live in the arena. */
#ifndef SAMSA_CONFIG_PROPERTIES_H
#define SAMSA_CONFIG_PROPERTIES_H

#include "base/arena.h"
#include "base/err.h"

struct property {
    struct str key;   /* zero-terminated */
    struct str value; /* zero-terminated, with trailing white space as Java keeps it */
    int32_t line;     /* where the key stands, from 1 */
};

struct properties {
    struct property *items; /* in file order, duplicates included */
    int32_t count, capacity;
};

/* Err: INVALID with *bad_line set (a malformed \u escape). What was read before stays in *out. */
enum err properties_parse(struct str text, struct arena *arena, struct properties *out,
                          int32_t *bad_line) MUST_CHECK;

/* Append one entry as if it stood at the end; strings are borrowed. */
void properties_add(struct properties *p, struct arena *arena, struct str key, struct str value);

/* The last entry with this key wins; null when absent. */
struct str properties_get(const struct properties *p, const char *key);

/* `key=value` with Java's escapes, for files that Kafka reads back. */
struct str properties_escape(struct arena *arena, struct str text, bool is_key);

#endif
