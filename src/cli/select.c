#include "cli/select.h"

#include <ctype.h>

#include "base/mem.h"

bool topic_is_internal(struct str name)
{
    return str_equal_z(name, "__consumer_offsets") || str_equal_z(name, "__transaction_state") ||
           str_equal_z(name, "__share_group_state");
}

/* Blanks go, commas are alternatives, and so do quotes around the whole: property files may bring
 * them. */
static char *clean(const char *patterns)
{
    char *text = mem_alloc(strlen(patterns) + 1), *to = text;
    const char *end = patterns + strlen(patterns);
    while (isspace((unsigned char)*patterns)) patterns++;
    while (end > patterns && isspace((unsigned char)end[-1])) end--;
    for (const char *c = patterns; c < end; c++)
        if (*c != ' ') *to++ = *c == ',' ? '|' : *c;
    *to = 0;
    while (to > text && (to[-1] == '"' || to[-1] == '\'')) *--to = 0;
    size_t quotes = strspn(text, "\"'");
    memmove(text, text + quotes, strlen(text + quotes) + 1);
    return text;
}

bool name_filter_init(struct name_filter *f, const char *patterns, bool exclude_internal)
{
    char why[JAVA_PATTERN_WHY_MAX];
    *f = (struct name_filter){.all = patterns == NULL, .exclude_internal = exclude_internal};
    if (!patterns) return true;
    f->text = clean(patterns);
    return java_pattern_compile(&f->pattern, f->text, why);
}

bool name_filter_matches(const struct name_filter *f, struct str name)
{
    if (f->exclude_internal && topic_is_internal(name)) return false;
    return f->all || java_pattern_matches(&f->pattern, name);
}

void name_filter_free(struct name_filter *f)
{
    java_pattern_free(&f->pattern);
    mem_free(f->text);
    f->text = NULL;
}
