#include "cli/feature_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metadata/feature.h"

const char *const feature_names_in_order[] = {"kraft.version",
                                              "transaction.version",
                                              "group.version",
                                              "eligible.leader.replicas.version",
                                              "share.version",
                                              "streams.version",
                                              NULL};

/* Kafka 4.3's kafka-features knows FEATURE_LEVEL_KNOWN by name; no release has it yet. */
static const char unreleased[] = "4.4-IV0";

const char *feature_release_text(int16_t level)
{
    return level == FEATURE_LEVEL_KNOWN ? unreleased : metadata_version_text(level);
}

bool feature_release_level(const char *release, int16_t *level)
{
    if (strcmp(release, unreleased) != 0) return !metadata_version_parse(str_of(release), level);
    *level = FEATURE_LEVEL_KNOWN;
    return true;
}

static struct str trimmed(const char *text, size_t len)
{
    while (len && *text == ' ') text++, len--;
    while (len && text[len - 1] == ' ') len--;
    return (struct str){text, (int32_t)len};
}

const char *feature_pair_parse(struct arena *arena, const char *pair, int16_t *level,
                               const char **why)
{
    const char *equals = strchr(pair, '=');
    if (!equals) {
        *why =
            arena_printf(arena, "Can't parse feature=level string %s: equals sign not found.", pair)
                .data;
        return NULL;
    }
    struct str text = trimmed(equals + 1, strlen(equals + 1));
    const char *number = arena_str(arena, text).data;
    char *end;
    errno = 0;
    long value = strtol(number, &end, 10);
    if (!text.len || *end || errno || value < INT16_MIN || value > INT16_MAX) {
        *why = arena_printf(arena,
                            "Can't parse feature=level string %s: unable to parse %s as a short.",
                            pair, number)
                   .data;
        return NULL;
    }
    *level = (int16_t)value;
    return arena_str(arena, trimmed(pair, (size_t)(equals - pair))).data;
}

const char *feature_unknown_release(struct arena *arena, const char *release, int16_t last)
{
    struct str names = STR("");
    for (int16_t level = METADATA_VERSION_MIN; level <= last; level++)
        names = arena_printf(arena, "%.*s%s%s", STR_ARG(names), names.len ? ", " : "",
                             feature_release_text(level));
    return arena_printf(arena, "Unknown metadata.version '%s'. Supported metadata.version are: %s",
                        release, names.data)
        .data;
}

bool feature_print_mapping(struct arena *arena, const char *release, const char **why)
{
    int16_t level;
    if (!release) release = metadata_version_text(METADATA_VERSION_DEFAULT);
    if (!feature_release_level(release, &level)) {
        *why = feature_unknown_release(arena, release, FEATURE_LEVEL_KNOWN);
        return false;
    }
    printf("metadata.version=%d (%s)\n", level, release);
    for (const char *const *name = feature_names_in_order; *name; name++)
        printf("%s=%d\n", *name, feature_default_level(feature_find(str_of(*name)), level));
    return true;
}

bool feature_print_dependencies(struct arena *arena, const char *name, int16_t level,
                                const char **why)
{
    if (strcmp(name, "metadata.version") == 0) {
        const char *version = feature_release_text(level);
        if (version)
            printf("metadata.version=%d (%s) has no dependencies.\n", level, version);
        else
            *why = arena_printf(arena, "Unknown metadata.version %d", level).data;
        return version != NULL;
    }
    const struct feature *f = feature_find(str_of(name));
    if (!f || level < 0 || level > f->max) {
        *why = !f ? arena_printf(arena, "Unknown feature: %s", name).data
                  : arena_printf(arena, "No feature:%s with feature level %d", name, level).data;
        return false;
    }
    if (level == 0 || !f->needs)
        printf("%s=%d has no dependencies.\n", name, level);
    else
        printf("%s=%d requires:\n    metadata.version=%d (%s)\n", name, level, f->needs,
               metadata_version_text(f->needs));
    return true;
}
