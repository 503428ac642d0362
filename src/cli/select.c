#include "cli/select.h"

#include <stdio.h>

#include "base/mem.h"

static bool topic_is_internal(struct str name)
{
    return str_equal_z(name, "__consumer_offsets") || str_equal_z(name, "__transaction_state") ||
           str_equal_z(name, "__share_group_state");
}

bool name_filter_init(struct name_filter *f, const char *patterns, bool exclude_internal)
{
    *f = (struct name_filter){.all = patterns == NULL, .exclude_internal = exclude_internal};
    if (!patterns) return true;
    size_t len = strlen(patterns);
    char *text = mem_alloc(len + 8), *to = text;
    *to++ = '^';
    *to++ = '(';
    for (const char *c = patterns; *c; c++) {
        if (*c == ' ' || *c == '"' || *c == '\'') continue;
        *to++ = *c == ',' ? '|' : *c;
    }
    *to++ = ')';
    *to++ = '$';
    *to = 0;
    bool ok = regcomp(&f->regex, text, REG_EXTENDED | REG_NOSUB) == 0;
    mem_free(text);
    return ok;
}

bool name_filter_matches(const struct name_filter *f, struct str name)
{
    if (f->exclude_internal && topic_is_internal(name)) return false;
    if (f->all) return true;
    char text[512];
    snprintf(text, sizeof text, "%.*s", STR_ARG(name));
    return regexec(&f->regex, text, 0, NULL, 0) == 0;
}
