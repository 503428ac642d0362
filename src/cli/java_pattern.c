#include "cli/java_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* ---- translation */

/* What Java calls \p{Name}, in brackets of a class. */
static const struct {
    const char *java, *posix;
} classes[] = {
    {"Lower", "lower"}, {"Upper", "upper"}, {"Alpha", "alpha"},   {"Digit", "digit"},
    {"Alnum", "alnum"}, {"Punct", "punct"}, {"Graph", "graph"},   {"Print", "print"},
    {"Blank", "blank"}, {"Cntrl", "cntrl"}, {"XDigit", "xdigit"}, {"Space", "space"},
    {"ASCII", "ascii"},
};

struct translation {
    const char *from; /* what is left to read */
    char *to;         /* where the next goes */
    bool in_class;
};

static void put(struct translation *t, const char *text)
{
    size_t len = strlen(text);
    memcpy(t->to, text, len);
    t->to += len;
}

/* \p{Lower}, \P{Lower}: true when it is one of the table's. */
static bool take_class(struct translation *t)
{
    const char *end = strchr(t->from, '}');
    bool negated = t->from[1] == 'P';
    for (size_t i = 0; t->from[2] == '{' && end && i < sizeof classes / sizeof *classes; i++) {
        if (strncmp(classes[i].java, t->from + 3, (size_t)(end - t->from) - 3) != 0 ||
            strlen(classes[i].java) != (size_t)(end - t->from) - 3)
            continue;
        put(t, t->in_class ? "[:" : "[[:");
        put(t, negated ? "^" : "");
        put(t, classes[i].posix);
        put(t, t->in_class ? ":]" : ":]]");
        t->from = end + 1;
        return true;
    }
    return false;
}

static void take_quoted(struct translation *t)
{
    const char *end = strstr(t->from, "\\E");
    size_t len = end ? (size_t)(end - t->from) + 2 : strlen(t->from);
    memcpy(t->to, t->from, len);
    t->to += len;
    t->from += len;
}

static bool is_code(const char *at)
{
    for (int i = 0; i < 4; i++)
        if (!isxdigit((unsigned char)at[i])) return false;
    return true;
}

static void take_escape(struct translation *t)
{
    char letter = t->from[1];
    if ((letter == 'p' || letter == 'P') && take_class(t)) return;
    if (letter == 'Q') {
        take_quoted(t);
        return;
    }
    if (letter == 'u' && is_code(t->from + 2)) {
        put(t, "\\x{");
        memcpy(t->to, t->from + 2, 4);
        t->to += 4;
        put(t, "}");
        t->from += 6;
        return;
    }
    bool braced = strchr("pPxNk", letter) && letter && t->from[2] == '{';
    const char *end = braced ? strchr(t->from, '}') : NULL;
    size_t len = end ? (size_t)(end - t->from) + 1 : letter ? 2 : 1;
    memcpy(t->to, t->from, len);
    t->to += len;
    t->from += len;
}

/* A brace that begins no {n}, {n,} or {n,m}: text for PCRE2, a mistake for Java. */
static bool is_repetition(const char *at)
{
    size_t digits = strspn(at + 1, "0123456789");
    const char *end = at + 1 + digits;
    if (*end == ',') end += 1 + strspn(end + 1, "0123456789");
    return digits && *end == '}';
}

/* Room: what a translation grows by is less than eightfold. NULL: a brace is not a repetition, and
 * *at is where. */
static char *translate(const char *text, size_t *at)
{
    char *out = mem_alloc(strlen(text) * 8 + 1);
    struct translation t = {text, out, false};
    const char *class_start = NULL;
    while (*t.from) {
        if (*t.from == '\\') {
            take_escape(&t);
            continue;
        }
        if (!t.in_class && *t.from == '[') {
            t.in_class = true;
            class_start = t.from + 1 + (t.from[1] == '^');
        } else if (t.in_class && *t.from == ']' && t.from > class_start) {
            t.in_class = false;
        } else if (!t.in_class && *t.from == '{' && !is_repetition(t.from)) {
            *at = (size_t)(t.from - text);
            mem_free(out);
            return NULL;
        }
        *t.to++ = *t.from++;
    }
    *t.to = 0;
    return out;
}

/* ---- mistakes */

enum {
    TRAILING_BACKSLASH = 101,
    REVERSED_REPEAT = 104,
    OPEN_CLASS = 106,
    REVERSED_RANGE = 108,
    NOTHING_TO_REPEAT = 109,
    OPEN_GROUP = 114,
    STRAY_PARENTHESIS = 122
};

static void explain(const char *text, int code, size_t at, char why[JAVA_PATTERN_WHY_MAX])
{
    char what[128];
    size_t len = strlen(text), index = at;
    if (index > len) index = len;
    switch (code) {
    case TRAILING_BACKSLASH: snprintf(what, sizeof what, "Unescaped trailing backslash"); break;
    case REVERSED_REPEAT: snprintf(what, sizeof what, "Illegal repetition range"); break;
    case OPEN_CLASS:
        snprintf(what, sizeof what, "Unclosed character class");
        index = len - 1;
        break;
    case REVERSED_RANGE: snprintf(what, sizeof what, "Illegal character range"); break;
    case NOTHING_TO_REPEAT:
        index = at ? at - 1 : 0;
        snprintf(what, sizeof what, "Dangling meta character '%c'", text[index]);
        break;
    case OPEN_GROUP:
        snprintf(what, sizeof what, "Unclosed group");
        index = len;
        break;
    case STRAY_PARENTHESIS:
        index = at ? at - 1 : 0;
        snprintf(what, sizeof what, "Unmatched closing ')'");
        break;
    default: pcre2_get_error_message(code, (PCRE2_UCHAR *)what, sizeof what);
    }
    snprintf(why, JAVA_PATTERN_WHY_MAX, "%s near index %zu\n%.256s", what, index, text);
    size_t used = strlen(why);
    if (index < 256 && index < len)
        snprintf(why + used, JAVA_PATTERN_WHY_MAX - used, "\n%*s^", (int)index, "");
}

bool java_pattern_compile(struct java_pattern *p, const char *text, char why[JAVA_PATTERN_WHY_MAX])
{
    int code;
    size_t at = 0;
    char *translated = translate(text, &at);
    if (!translated) {
        snprintf(why, JAVA_PATTERN_WHY_MAX, "Illegal repetition near index %zu\n%.256s", at, text);
        return false;
    }
    p->code =
        pcre2_compile((PCRE2_SPTR)translated, PCRE2_ZERO_TERMINATED,
                      PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY, &code, &at, NULL);
    mem_free(translated);
    if (!p->code) explain(text, code, at, why);
    return p->code != NULL;
}

bool java_pattern_matches(const struct java_pattern *p, struct str name)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(p->code, NULL);
    int found = pcre2_match(p->code, (PCRE2_SPTR)name.data, (size_t)name.len, 0, 0, data, NULL);
    pcre2_match_data_free(data);
    return found >= 0;
}

void java_pattern_free(struct java_pattern *p)
{
    pcre2_code_free(p->code);
    p->code = NULL;
}
