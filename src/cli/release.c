#include "cli/release.h"

#include <stdio.h>

const struct feature features[] = {
    {"kraft.version", 1, 1, 21, 0},
    {"transaction.version", 2, 2, 24, 0},
    {"group.version", 1, 1, 22, 0},
    {"eligible.leader.replicas.version", 1, 1, 26, 23},
    {"share.version", 1, 1, 28, 0},
    {"streams.version", 1, 1, 29, 0},
    {NULL},
};

/* Names by level; those below the minimum are known and refused. The last of a release is what its
 * number alone means. */
static const char *const names[] = {
    [7] = "3.3-IV3",  [8] = "3.4-IV0",  [9] = "3.5-IV0",  [10] = "3.5-IV1", [11] = "3.5-IV2",
    [12] = "3.6-IV0", [13] = "3.6-IV1", [14] = "3.6-IV2", [15] = "3.7-IV0", [16] = "3.7-IV1",
    [17] = "3.7-IV2", [18] = "3.7-IV3", [19] = "3.7-IV4", [20] = "3.8-IV0", [21] = "3.9-IV0",
    [22] = "4.0-IV0", [23] = "4.0-IV1", [24] = "4.0-IV2", [25] = "4.0-IV3", [26] = "4.1-IV0",
    [27] = "4.1-IV1", [28] = "4.2-IV0", [29] = "4.2-IV1", [30] = "4.3-IV0", [31] = "4.4-IV0",
};
enum { NAMES_END = sizeof names / sizeof *names };

const struct feature *release_feature_find(struct str name)
{
    for (const struct feature *f = features; f->name; f++)
        if (str_equal_z(name, f->name)) return f;
    return NULL;
}

int16_t release_default_level(const struct feature *f, int16_t metadata_version)
{
    return metadata_version >= f->default_from ? f->default_level : 0;
}

const char *metadata_version_name(int16_t level)
{
    return level >= 0 && level < NAMES_END ? names[level] : NULL;
}

int16_t release_parse(const char *text)
{
    const char *dot = strchr(text, '.');
    const char *second = dot ? strchr(dot + 1, '.') : NULL;
    size_t len = second ? (size_t)(second - text) : strlen(text);
    int16_t found = -1;
    for (int16_t level = METADATA_VERSION_MIN; level < NAMES_END; level++) {
        const char *name = names[level];
        bool whole = strlen(name) == len && memcmp(name, text, len) == 0;
        bool release = len > 0 && strncmp(name, text, len) == 0 && name[len] == '-';
        if (whole || release) found = level;
    }
    return found;
}

const char *metadata_version_list(void)
{
    static char list[512];
    size_t at = 0;
    for (int level = METADATA_VERSION_MIN; level < NAMES_END; level++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at ? ", " : "", names[level]);
    return list;
}
