/* One configuration value: from text to a typed, validated value and back to Kafka's text of it.
 *
 * Texts and lists live in the arena given. Errors carry Kafka's message, which scripts match. */
#ifndef SAMSA_CONFIG_VALUE_H
#define SAMSA_CONFIG_VALUE_H

#include "base/arena.h"
#include "base/err.h"
#include "config/keys.h"

struct config_error {
    char text[1024]; /* one line, zero-terminated */
};

/* Always returns ERR_INVALID, so that a check can `return config_error_set(…)`. */
enum err config_error_set(struct config_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct config_value {
    bool is_null;
    bool boolean;
    int64_t number;   /* INT, SHORT, LONG */
    double real;      /* DOUBLE, and the numbers */
    const char *text; /* trimmed; "" when null */
    struct str *list; /* LIST: zero-terminated elements, trimmed */
    int32_t list_count;
};

/* Parse and validate. `text` null is the null value. Err: INVALID with *error set
 * ("Invalid value x for configuration num.io.threads: Not a number of type INT"). */
enum err config_value_parse(const struct config_key *key, struct str text, struct arena *arena,
                            struct config_value *out, struct config_error *error) MUST_CHECK;

/* As Kafka prints a parsed value (ConfigDef.convertToString): numbers normalised, lists joined with
 * a comma. Null stays null. */
struct str config_value_text(const struct config_key *key, const struct config_value *value,
                             struct arena *arena);

#endif
