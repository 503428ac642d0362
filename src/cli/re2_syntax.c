#include "cli/re2_syntax.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS_MAX = 1000 };

static const char bad_escape[] = "invalid escape sequence";
static const char bad_range[] = "invalid character class range";

struct scan {
    const char *at;
    int depth;       /* of groups that are open */
    bool repeatable; /* something stands before that can be repeated */
    bool repeated;   /* and has been */
    const char *why;
};

static bool is_listed(const char *const *names, const char *text, size_t len)
{
    for (; *names; names++)
        if (strlen(*names) == len && memcmp(*names, text, len) == 0) return true;
    return false;
}

/* ---- escapes */

/* \pN, \p{Greek}: the general categories and the scripts that names of topics could be of. */
static const char *take_property(const char *at, const char **why)
{
    static const char *const names[] = {
        "Any",    "C",        "Cc",     "Cf",     "Co",       "Cs",       "L",     "Ll",
        "Lm",     "Lo",       "Lt",     "Lu",     "M",        "Mc",       "Me",    "Mn",
        "N",      "Nd",       "Nl",     "No",     "P",        "Pc",       "Pd",    "Pe",
        "Pf",     "Pi",       "Po",     "Ps",     "S",        "Sc",       "Sk",    "Sm",
        "So",     "Z",        "Zl",     "Zp",     "Zs",       "Latin",    "Greek", "Han",
        "Common", "Cyrillic", "Arabic", "Hebrew", "Hiragana", "Katakana", "Thai",  NULL};
    const char *name = at, *end = at + 1;
    if (*at == '{') {
        name = at + 1;
        end = strchr(at, '}');
    }
    if (!*at || !end) {
        *why = bad_range;
        return at;
    }
    const char *from = name + (*name == '^' && name != at);
    if (!is_listed(names, from, (size_t)(end - from))) *why = bad_range;
    return end + (*at == '{');
}

static const char *take_hex(const char *at, const char **why)
{
    if (isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1])) return at + 2;
    const char *end = *at == '{' ? strchr(at, '}') : NULL;
    if (end && end > at + 1 && strspn(at + 1, "0123456789abcdefABCDEF") == (size_t)(end - at) - 1)
        return end + 1;
    *why = bad_escape;
    return at;
}

/* Behind the backslash; *code is the character that it stands for, -1 for a class of them. */
static const char *take_escape(const char *at, int *code, const char **why)
{
    unsigned char letter = (unsigned char)*at++;
    *code = letter;
    if (!letter) {
        *why = "trailing backslash at end of expression";
        return at - 1;
    }
    if (letter == 'p' || letter == 'P') {
        *code = -1;
        return take_property(at, why);
    }
    if (letter == 'x') return take_hex(at, why);
    if (letter >= '1' && letter <= '7' && (*at < '0' || *at > '7')) *why = bad_escape;
    if (letter == '8' || letter == '9') *why = bad_escape;
    if (isdigit(letter)) return at + strspn(at, "01234567");
    if (strchr("dDsSwW", letter)) *code = -1;
    if (isalpha(letter) && !strchr("ABCDEQSWabdfnrstvwz", letter)) *why = bad_escape;
    return at;
}

/* ---- classes */

static const char *take_named(const char *at, const char **why)
{
    static const char *const names[] = {"alnum", "alpha", "ascii", "blank",  "cntrl",
                                        "digit", "graph", "lower", "print",  "punct",
                                        "space", "upper", "word",  "xdigit", NULL};
    const char *end = strstr(at + 2, ":]");
    if (!end) return NULL;
    const char *name = at + 2 + (at[2] == '^');
    if (!is_listed(names, name, (size_t)(end - name))) *why = bad_range;
    return end + 2;
}

static const char *take_member(const char *at, int *code, const char **why)
{
    if (*at == '\\') return take_escape(at + 1, code, why);
    *code = (unsigned char)*at;
    return at + 1;
}

/* Behind the bracket. */
static const char *take_class(const char *at, const char **why)
{
    at += *at == '^';
    for (bool first = true; *at && (first || *at != ']') && !*why; first = false) {
        const char *named = at[0] == '[' && at[1] == ':' ? take_named(at, why) : NULL;
        if (named) {
            at = named;
            continue;
        }
        int low, high;
        at = take_member(at, &low, why);
        if (*why || at[0] != '-' || !at[1] || at[1] == ']') continue;
        at = take_member(at + 1, &high, why);
        if (!*why && high < low) *why = bad_range;
    }
    if (!*why && !*at) *why = "missing closing ]";
    return at + (*at == ']');
}

/* ---- groups and repetitions */

/* Behind "(?": a name, or flags. */
static const char *take_extension(struct scan *s, const char *at)
{
    if (strncmp(at, "P<", 2) == 0 || (at[0] == '<' && at[1] != '=' && at[1] != '!')) {
        const char *name = strchr(at, '<') + 1, *end = strchr(name, '>');
        s->depth++;
        if (end && end > name)
            for (const char *c = name; c < end && end; c++)
                if (!isalnum((unsigned char)*c) && *c != '_') s->why = "invalid named capture";
        if (!end || end == name) s->why = "invalid named capture";
        return end ? end + 1 : at;
    }
    const char *end = at + strspn(at, "imsU-");
    if (*end == ':') s->depth++;
    if (*end != ':' && (*end != ')' || end == at)) s->why = "invalid or unsupported Perl syntax";
    return s->why ? at : end + 1;
}

/* The length of {n}, {n,} or {n,m}; 0: it is text. */
static size_t repeat_count(const char *at, const char **why)
{
    char *end;
    if (!isdigit((unsigned char)at[1])) return 0;
    long least = strtol(at + 1, &end, 10), most = least;
    if (*end == ',' && isdigit((unsigned char)end[1]))
        most = strtol(end + 1, &end, 10);
    else if (*end == ',')
        end++;
    if (*end != '}') return 0;
    if (least > REPEATS_MAX || most > REPEATS_MAX || most < least) *why = "invalid repeat count";
    return (size_t)(end - at) + 1;
}

static void take_repetition(struct scan *s, size_t len)
{
    if (s->why) return;
    if (!s->repeatable)
        s->why = "missing argument to repetition operator";
    else if (s->repeated)
        s->why = "invalid nested repetition operator";
    s->at += len;
    s->at += *s->at == '?';
    s->repeated = true;
}

static void take_next(struct scan *s)
{
    int code;
    size_t len = *s->at == '{' ? repeat_count(s->at, &s->why) : strchr("*+?", *s->at) ? 1 : 0;
    if (len || s->why) {
        take_repetition(s, len);
        return;
    }
    bool opens = *s->at == '(' || *s->at == '|';
    switch (*s->at) {
    case '(':
        if (s->at[1] == '?') {
            s->at = take_extension(s, s->at + 2);
        } else {
            s->depth++;
            s->at++;
        }
        break;
    case ')':
        if (s->depth-- == 0) s->why = "regexp/syntax: internal error";
        s->at++;
        break;
    case '[': s->at = take_class(s->at + 1, &s->why); break;
    case '\\':
        if (s->at[1] == 'Q') {
            const char *end = strstr(s->at, "\\E");
            s->at = end ? end + 2 : s->at + strlen(s->at);
        } else {
            s->at = take_escape(s->at + 1, &code, &s->why);
        }
        break;
    default: s->at++;
    }
    s->repeatable = !opens;
    s->repeated = false;
}

const char *re2_syntax_wrong(const char *text)
{
    struct scan s = {.at = text};
    while (*s.at && !s.why) take_next(&s);
    return !s.why && s.depth > 0 ? "missing closing )" : s.why;
}
