#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/args.h"
#include "cli/feature_text.h"
#include "cli/format.h"
#include "cli/scram.h"
#include "cli/tool.h"
#include "config/node.h"
#include "env/os/os.h"
#include "metadata/feature.h"

static _Noreturn void fail(const char *text)
{
    fflush(stdout);
    fprintf(stderr, "%s\n", text);
    exit(1);
}

/* The configuration file of --config, whole and checked. */
static struct config *read_config(const struct args *a, struct arena *arena,
                                  struct node_config *node)
{
    const char *path = args_value(a, "config");
    long size;
    char *text = tool_read_file(path, &size);
    struct config_error error;
    if (!text) {
        config_error_set(&error, "%s: %s", path, strerror(errno));
        fail(error.text);
    }
    struct config *c;
    if (config_read(path, (struct str){text, (int32_t)size}, NULL, 0, &c, &error)) fail(error.text);
    if (node_config_read(c, arena, node, &error)) fail(error.text);
    return c;
}

/* ---- info */

static const struct option info_options[] = {
    {"config", 'c', OPTION_VALUE, true, false, "CONFIG", "The Kafka configuration file to use."},
    {0},
};

static int info_print(const struct format_directory *d, int32_t count, struct arena *arena)
{
    int32_t found = 0, problems_count = 0;
    const char **problems = ARENA_ARRAY(arena, const char *, count * 2);
    const struct format_directory *first = NULL;
    for (int32_t i = 0; i < count; i++) {
        found += d[i].exists;
        if (!d[i].exists)
            problems[problems_count++] =
                d[i].problem ? d[i].problem
                             : arena_printf(arena, "%s does not exist", d[i].path).data;
        else if (d[i].problem)
            problems[problems_count++] = d[i].problem;
        else if (!d[i].meta.present)
            problems[problems_count++] =
                arena_printf(arena, "%s is not formatted.", d[i].path).data;
        else if (!first)
            first = &d[i];
        else if (strcmp(first->meta.cluster_id, d[i].meta.cluster_id) != 0)
            problems[problems_count++] = "Mismatched cluster IDs between storage directories.";
        else if (first->meta.node_id != d[i].meta.node_id)
            problems[problems_count++] = "Mismatched node IDs between storage directories.";
    }
    if (first && first->meta.version == 0)
        problems[problems_count++] =
            "The kafka configuration file appears to be for a cluster in "
            "KRaft mode, but the directories are formatted for legacy mode.";
    if (found) printf("Found log director%s:\n", found == 1 ? "y" : "ies");
    for (int32_t i = 0; i < count; i++)
        if (d[i].exists) printf("  %s\n", d[i].path);
    if (found) printf("\n");
    if (first) {
        printf("Found metadata: {%s%s", *first->meta.cluster_id ? "cluster.id=" : "",
               first->meta.cluster_id);
        if (!uuid_is_zero(first->meta.directory_id))
            printf(", directory.id=%s", uuid_text(first->meta.directory_id).z);
        printf(", node.id=%d, version=%d}\n\n", first->meta.node_id, first->meta.version);
    }
    if (problems_count) printf("Found problem%s:\n", problems_count == 1 ? "" : "s");
    for (int32_t i = 0; i < problems_count; i++) printf("  %s\n", problems[i]);
    if (problems_count) printf("\n");
    return problems_count > 0;
}

static int info(int argc, char **argv, struct os_env *os, struct arena *arena)
{
    struct args a;
    args_parse_argparse(&a, ARGS_USAGE, "kafka-storage info",
                        "Get information about the Kafka log directories on this node.",
                        info_options, argc, argv);
    struct node_config node;
    read_config(&a, arena, &node);
    struct format_directory *d;
    int32_t count;
    format_directories(&node, arena, &d, &count);
    for (int32_t i = 0; i < count; i++) format_inspect(os->env.disk, arena, &d[i]);
    return info_print(d, count, arena);
}

/* ---- format */

static const struct option format_options[] = {
    {"config", 'c', OPTION_VALUE, true, false, "CONFIG", "The Kafka configuration file to use."},
    {"cluster-id", 't', OPTION_VALUE, true, false, "CLUSTER_ID", "The cluster ID to use."},
    {"add-scram", 'S', OPTION_VALUE, false, true, "ADD_SCRAM",
     "A credential to begin with: 'SCRAM-SHA-256=[name=alice,password=alice-secret]'."},
    {"ignore-formatted", 'g', OPTION_FLAG, false, false, NULL,
     "Leave directories that are formatted already as they are."},
    {"release-version", 'r', OPTION_VALUE, false, false, "RELEASE_VERSION",
     "The release whose features to begin with."},
    {"feature", 'f', OPTION_VALUE, false, true, "FEATURE",
     "A feature and its level: feature=level."},
    {"standalone", 's', OPTION_FLAG, false, false, NULL,
     "Begin a dynamic quorum with this controller as its only voter."},
    {"no-initial-controllers", 'N', OPTION_FLAG, false, false, NULL,
     "Name no voters: this node will join a quorum that others begin."},
    {"initial-controllers", 'I', OPTION_VALUE, false, false, "INITIAL_CONTROLLERS",
     "The first voters: id@host:port:directory-id, comma-separated, the same on every node."},
    {0},
};

/* IPv6 addresses go into the records as Java writes them: eight groups, none left out. */
static const char *host_as_java(struct arena *arena, const char *host)
{
    struct in6_addr a;
    if (inet_pton(AF_INET6, host, &a) != 1) return host;
    struct str text = STR("");
    for (int i = 0; i < 16; i += 2)
        text = arena_printf(arena, "%.*s%s%x", STR_ARG(text), i ? ":" : "",
                            (unsigned)load_be16(a.s6_addr + i));
    return text.data;
}

/* One id@host:port:directory. Kafka's causes. */
static const char *parse_voter(struct arena *arena, char *text, struct format_voter *v)
{
    char *at = strchr(text, '@'), *end;
    if (!at) return "No @ found in dynamic voter string.";
    if (at == text) return "Invalid @ at beginning of dynamic voter string.";
    long id = strtol(text, &end, 10);
    if (end != at) return "Failed to parse node id in dynamic voter string.";
    if (id < 0 || id > INT32_MAX) return "Invalid negative node id in dynamic voter string.";
    char *host = at + 1, *colon;
    if (!*host) return "No hostname found after node id.";
    if (*host == '[') {
        colon = strchr(++host, ']');
        if (!colon) return "Hostname began with left bracket, but no right bracket was found.";
        *colon++ = 0;
    } else {
        colon = strchr(host, ':');
        if (!colon) return "No colon following hostname could be found.";
    }
    if (*colon != ':') return "Port section must start with a colon.";
    *colon++ = 0;
    long port = strtol(colon, &end, 10);
    if (*end != ':') return "No colon following port could be found.";
    if (end == colon) return "Failed to parse port in dynamic voter string.";
    if (port < 0 || port > 65535) return "Invalid port in dynamic voter string.";
    *v = (struct format_voter){(int32_t)id, host_as_java(arena, host), (uint16_t)port, UUID_ZERO};
    if (uuid_parse(str_of(end + 1), &v->directory_id))
        return "Failed to parse directory ID in dynamic voter string.";
    return NULL;
}

static void read_voters(const char *list, struct arena *arena, struct format *f)
{
    char *copy = (char *)arena_printf(arena, "%s", list).data;
    f->voters = ARENA_ARRAY(arena, struct format_voter, strlen(list) + 1);
    for (char *save = NULL, *item = strtok_r(copy, ",", &save); item;
         item = strtok_r(NULL, ",", &save)) {
        while (*item == ' ') item++;
        const char *why = parse_voter(arena, item, &f->voters[f->voters_count]);
        if (why) fail(arena_printf(arena, "java.lang.IllegalArgumentException: %s", why).data);
        for (int32_t i = 0; i < f->voters_count; i++)
            if (f->voters[i].id == f->voters[f->voters_count].id)
                fail("Node id is not unique among the initial controllers.");
        f->voters_count++;
    }
    if (!f->voters_count) fail("No voters given.");
}

static void choose_voters(const struct args *a, const struct node_config *node, struct rng *rng,
                          struct arena *arena, struct format *f)
{
    bool standalone = args_has(a, "standalone"), none = args_has(a, "no-initial-controllers");
    const char *list = args_value(a, "initial-controllers");
    const char *first = none ? "--no-initial-controllers/-N" : "--standalone/-s";
    if (standalone + none + (list != NULL) > 1)
        args_error(a, "argument %s: not allowed with argument %s",
                   list ? "--initial-controllers/-I" : "--no-initial-controllers/-N",
                   standalone ? "--standalone/-s" : first);
    if (node->voters_count && (list || standalone))
        fail("You cannot specify controller.quorum.voters and format the node with "
             "--initial-controllers or --standalone. If you want to use dynamic quorum, please "
             "remove controller.quorum.voters and specify controller.quorum.bootstrap.servers "
             "instead.");
    if (list) read_voters(list, arena, f);
    if (standalone) {
        if (!node->is_controller) fail("You can only use --standalone on a controller.");
        const struct listener *l = &node->advertised_controller.items[0];
        f->voters = ARENA_NEW(arena, struct format_voter);
        *f->voters = (struct format_voter){node->node_id, *l->host ? l->host : "localhost", l->port,
                                           rng_uuid(rng)};
        f->voters_count = 1;
    }
    if (!none && node->is_controller && !node->voters_count && !f->voters_count)
        fail("Because controller.quorum.voters is not set on this controller, you must specify one "
             "of the following: --standalone, --initial-controllers, or --no-initial-controllers.");
}

struct chosen_level {
    const char *name;
    int16_t level;
};

static struct chosen_level parse_level(const char *text, struct arena *arena)
{
    const char *equals = strchr(text, '=');
    char *end;
    struct chosen_level c = {0};
    if (!equals)
        fail(
            arena_printf(arena, "Can't parse feature=level string %s: equals sign not found.", text)
                .data);
    c.name = arena_printf(arena, "%.*s", (int)(equals - text), text).data;
    long level = strtol(equals + 1, &end, 10);
    if (!equals[1] || *end || level < INT16_MIN || level > INT16_MAX)
        fail(arena_printf(arena,
                          "Can't parse feature=level string %s: unable to parse %s as a short.",
                          text, equals + 1)
                 .data);
    c.level = (int16_t)level;
    return c;
}

static void choose_metadata_version(const struct args *a, struct arena *arena, struct format *f)
{
    const char *release = args_value(a, "release-version"), *text;
    f->metadata_version = METADATA_VERSION_DEFAULT;
    if (release && metadata_version_parse(str_of(release), &f->metadata_version))
        fail(feature_unknown_release(arena, release, METADATA_VERSION_MAX));
    for (int32_t i = 0; (text = args_value_at(a, "feature", i)); i++) {
        struct chosen_level c = parse_level(text, arena);
        if (strcmp(c.name, "metadata.version") != 0) continue;
        if (release)
            fail("Use --release-version instead of --feature metadata.version=X to avoid "
                 "ambiguity.");
        f->metadata_version = c.level;
    }
}

static void check_metadata_version(int16_t level, struct arena *arena)
{
    if (level >= METADATA_VERSION_MIN && level <= METADATA_VERSION_MAX) return;
    fail(arena_printf(
             arena,
             "No MetadataVersion with feature level %d. Valid feature levels are from %d to "
             "%d.",
             level, METADATA_VERSION_MIN, METADATA_VERSION_MAX)
             .data);
}

static void check_kraft_version(const struct args *a, int16_t level, bool given, bool dynamic)
{
    (void)a;
    if (given && level == 0 && dynamic)
        fail(
            "Cannot set kraft.version to 0 if controller.quorum.voters is empty and one of the "
            "flags "
            "--standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic "
            "controllers support, try removing the --feature flag for kraft.version.");
    if (given && level > 0 && !dynamic)
        fail(
            "Cannot set kraft.version to 1 unless controller.quorum.voters is empty and one of the "
            "flags --standalone, --initial-controllers, or --no-initial-controllers is used. For "
            "dynamic controllers support, try using one of --standalone, --initial-controllers, or "
            "--no-initial-controllers and removing controller.quorum.voters.");
}

static void add_feature(struct format *f, const char *name, int16_t level)
{
    struct metadata_record *r = &f->records[f->records_count++];
    metadata_record_init(r, METADATA_RECORD_FEATURE_LEVEL, 0);
    r->u.feature_level.name = str_of(name);
    r->u.feature_level.feature_level = level;
}

/* metadata.version, then the others by name, those at level 0 and kraft.version left out. */
static void choose_features(const struct args *a, bool dynamic, struct arena *arena,
                            struct format *f)
{
    int32_t count;
    const struct feature *sorted = feature_table(&count) + 1; /* metadata.version is the first */
    count--;
    const char *text;
    for (int32_t i = 0; (text = args_value_at(a, "feature", i)); i++) {
        struct chosen_level c = parse_level(text, arena);
        if (strcmp(c.name, "metadata.version") == 0 || feature_find(str_of(c.name))) continue;
        struct str names = STR("");
        for (int32_t k = 0; k < count; k++)
            names = arena_printf(arena, "%.*s%s%s", STR_ARG(names), k ? ", " : "", sorted[k].name);
        fail(arena_printf(arena, "Unsupported feature: %s. Supported features are: %s", c.name,
                          names.data)
                 .data);
    }
    add_feature(f, "metadata.version", f->metadata_version);
    for (int32_t k = 0; k < count; k++) {
        int16_t level = feature_default_level(&sorted[k], f->metadata_version);
        bool given = false, kraft = strcmp(sorted[k].name, "kraft.version") == 0;
        for (int32_t i = 0; (text = args_value_at(a, "feature", i)); i++) {
            struct chosen_level c = parse_level(text, arena);
            if (strcmp(c.name, sorted[k].name) != 0) continue;
            level = c.level;
            given = true;
        }
        if (kraft) {
            check_kraft_version(a, level, given, dynamic);
            continue;
        }
        if (level < 0 || level > sorted[k].max)
            fail(arena_printf(arena, "No feature:%s with feature level %d", sorted[k].name, level)
                     .data);
        if (level > 0 && f->metadata_version < sorted[k].needs)
            fail(arena_printf(arena,
                              "%s could not be set to %d because it depends on "
                              "metadata.version level %d",
                              sorted[k].name, level, sorted[k].needs)
                     .data);
        if (level > 0) add_feature(f, sorted[k].name, level);
    }
}

enum { RECORDS_MAX = 16 + OPTION_VALUES_MAX };

static int format(int argc, char **argv, struct os_env *os, struct arena *arena)
{
    struct args a;
    args_parse_argparse(&a, ARGS_USAGE, "kafka-storage format",
                        "Format the Kafka log directories on this node.", format_options, argc,
                        argv);
    struct node_config node;
    read_config(&a, arena, &node);
    struct format f = {.node = &node,
                       .cluster_id = args_value(&a, "cluster-id"),
                       .ignore_formatted = args_has(&a, "ignore-formatted")};
    if (strlen(f.cluster_id) > CLUSTER_ID_LEN_MAX)
        fail(arena_printf(arena, "The cluster id is longer than %d bytes: %s", CLUSTER_ID_LEN_MAX,
                          f.cluster_id)
                 .data);
    f.records = ARENA_ARRAY(arena, struct metadata_record, RECORDS_MAX);
    choose_metadata_version(&a, arena, &f);
    choose_voters(&a, &node, os->env.rng, arena, &f);
    check_metadata_version(f.metadata_version, arena);
    choose_features(&a, node.voters_count == 0, arena, &f);
    struct config_error error;
    const char *scram;
    for (int32_t i = 0; (scram = args_value_at(&a, "add-scram", i)); i++) {
        if (f.metadata_version < METADATA_VERSION_SCRAM)
            fail("SCRAM is only supported in metadata.version 3.5-IV2 or later.");
        struct metadata_record *r = &f.records[f.records_count++];
        metadata_record_init(r, METADATA_RECORD_USER_SCRAM_CREDENTIAL, 0);
        if (scram_parse(scram, os->env.rng, arena, &r->u.user_scram_credential, &error))
            fail(error.text);
    }
    if (format_run(&f, &os->env, arena, &error)) fail(error.text);
    return 0;
}

/* ---- tables */

static const struct option mapping_options[] = {
    {"release-version", 'r', OPTION_VALUE, false, false, "RELEASE_VERSION",
     "The release to look up; by default the newest."},
    {0},
};

static int version_mapping(int argc, char **argv, struct arena *arena)
{
    struct args a;
    args_parse_argparse(&a, ARGS_USAGE, "kafka-storage version-mapping",
                        "Look up the features that go with a metadata version.", mapping_options,
                        argc, argv);
    const char *release = args_value(&a, "release-version");
    const char *why;
    if (!feature_print_mapping(arena, release, &why)) fail(why);
    return 0;
}

static const struct option dependencies_options[] = {
    {"feature", 'f', OPTION_VALUE, true, true, "FEATURE",
     "A feature and its level: feature=version."},
    {0},
};

static void print_dependencies(const char *text, struct arena *arena)
{
    const char *equals = strchr(text, '=');
    if (!equals)
        fail(arena_printf(arena,
                          "Invalid feature format: %s. Expected format: 'feature=version' "
                          "(e.g. 'group.version=1')",
                          text)
                 .data);
    struct str name = {text, (int32_t)(equals - text)};
    char *end;
    long level = strtol(equals + 1, &end, 10);
    if (!equals[1] || *end)
        fail(arena_printf(arena, "Invalid version format: %s for feature %.*s", equals + 1,
                          STR_ARG(name))
                 .data);
    const char *why, *z = arena_str(arena, name).data;
    const struct feature *f = feature_find(name);
    if (f && strcmp(z, "metadata.version") != 0 && (level < 0 || level > f->max))
        fail(arena_printf(arena, "Feature level %ld is not supported for feature %s", level, z)
                 .data);
    if (!feature_print_dependencies(arena, z, (int16_t)level, &why)) fail(why);
}

static int feature_dependencies(int argc, char **argv, struct arena *arena)
{
    struct args a;
    args_parse_argparse(&a, ARGS_USAGE, "kafka-storage feature-dependencies",
                        "Look up what a feature at a level depends on.", dependencies_options, argc,
                        argv);
    const char *text;
    for (int32_t i = 0; (text = args_value_at(&a, "feature", i)); i++)
        print_dependencies(text, arena);
    return 0;
}

static const struct subcommand commands[] = {
    {"info", NULL, "Show the log directories of this node, and how they are formatted."},
    {"format", NULL, "Format the log directories of this node."},
    {"version-mapping", NULL,
     "Look up the levels of the features that a release begins with; the latest one's without "
     "--release-version."},
    {"feature-dependencies", NULL, "Look up what features at a level depend on."},
    {"random-uuid", NULL, "Print a random UUID."},
    {0},
};

int tool_storage(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    struct arena arena;
    arena_init(&arena, 16384);
    struct os_env os;
    if (os_env_init(&os)) fail("Cannot set up the environment of this process.");
    if (strcmp(command, "info") == 0) return info(argc - 1, argv + 1, &os, &arena);
    if (strcmp(command, "format") == 0) return format(argc - 1, argv + 1, &os, &arena);
    if (strcmp(command, "version-mapping") == 0) return version_mapping(argc - 1, argv + 1, &arena);
    if (strcmp(command, "feature-dependencies") == 0)
        return feature_dependencies(argc - 1, argv + 1, &arena);
    if (strcmp(command, "random-uuid") == 0) {
        static const struct option none[] = {{0}};
        struct args a;
        args_parse_argparse(&a, ARGS_USAGE, "kafka-storage random-uuid", "Print a random UUID.",
                            none, argc - 1, argv + 1);
        printf("%s\n", uuid_text(rng_uuid(os.env.rng)).z);
        return 0;
    }
    args_no_command("kafka-storage", "The Kafka storage tool.", commands,
                    argc > 1 ? argv[1] : NULL);
}
