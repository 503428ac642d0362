/* kafka-features.sh: the cluster's feature levels, shown and changed; and the two tables it shares
 * with kafka-storage.sh. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/feature_text.h"
#include "cli/tool.h"
#include "metadata/feature.h"
#include "protocol/api_versions.h"
#include "protocol/update_features.h"

enum { FEATURES_MAX = 64, UPGRADE = 1, SAFE_DOWNGRADE = 2, UNSAFE_DOWNGRADE = 3 };

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, false, false, "BOOTSTRAP_SERVER",
     "Brokers to connect to first."},
    {"bootstrap-controller", 0, OPTION_VALUE, false, false, "BOOTSTRAP_CONTROLLER",
     "Controllers to connect to first."},
    {"command-config", 0, OPTION_VALUE, false, false, "COMMAND_CONFIG",
     "File with properties of the client."},
    {0},
};
static const struct option describe_options[] = {
    {"node-id", 0, OPTION_VALUE, false, false, "NODE_ID", "The node to ask."},
    {0},
};

#define DRY_RUN                                                                        \
    {                                                                                  \
        "dry-run", 0, OPTION_FLAG, false, false, NULL, "Check it, and change nothing." \
    }
#define UNSAFE                                                                                \
    {                                                                                         \
        "unsafe", 0, OPTION_FLAG, false, false, NULL, "Do it even if metadata could be lost." \
    }
#define LEVELS                                                                                \
    {"metadata",                                                                              \
     0,                                                                                       \
     OPTION_VALUE,                                                                            \
     false,                                                                                   \
     false,                                                                                   \
     "METADATA",                                                                              \
     "Deprecated: the level of metadata.version, such as 3.3-IV3."},                          \
        {"release-version",                                                                   \
         0,                                                                                   \
         OPTION_VALUE,                                                                        \
         false,                                                                               \
         false,                                                                               \
         "RELEASE_VERSION",                                                                   \
         "All features to the levels of this release; see version-mapping."},                 \
    {                                                                                         \
        "feature", 0, OPTION_VALUE, false, true, "FEATURE", "feature=level; may be repeated." \
    }

static const struct option upgrade_options[] = {LEVELS, DRY_RUN, {0}};
static const struct option downgrade_options[] = {LEVELS, UNSAFE, DRY_RUN, {0}};
static const struct option disable_options[] = {
    {"feature", 0, OPTION_VALUE, false, true, "FEATURE", "The feature; may be repeated."},
    UNSAFE,
    DRY_RUN,
    {0},
};
static const struct option mapping_options[] = {
    {"release-version", 0, OPTION_VALUE, false, false, "RELEASE_VERSION",
     "The release; the latest without it."},
    {0},
};
static const struct option dependency_options[] = {
    {"feature", 0, OPTION_VALUE, true, true, "FEATURE", "feature=level; may be repeated."},
    {0},
};

enum { DESCRIBE, CHANGE_UP, CHANGE_DOWN, DISABLE, MAPPING, DEPENDENCIES };
static const struct subcommand commands[] = {
    {"describe", describe_options, "Describes the current active feature flags."},
    {"upgrade", upgrade_options, "Upgrade one or more feature flags."},
    {"downgrade", downgrade_options, "Downgrade one or more feature flags."},
    {"disable", disable_options, "Disable features: the same as downgrading them to zero."},
    {"version-mapping", mapping_options, "Feature levels of a release."},
    {"feature-dependencies", dependency_options, "What a feature's level needs."},
    {0},
};

static const char *level_text(struct client *c, struct str feature, int16_t level)
{
    const char *version =
        str_equal_z(feature, "metadata.version") ? feature_release_text(level) : NULL;
    if (version) return version;
    return arena_printf(&c->arena, "%d", level).data;
}

struct row {
    struct str name;
    int16_t min, max, level;
};

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static void describe(struct client *c, struct client_node *n)
{
    if (!client_serves(c, n, API_API_VERSIONS, 3))
        args_fail("The node does not support API_VERSIONS");
    const struct api_versions_response *r = n->api_versions;
    struct row *rows = ARENA_ARRAY(&c->arena, struct row, r->supported_features_count);
    for (int32_t i = 0; i < r->supported_features_count; i++) {
        rows[i] = (struct row){r->supported_features[i].name, r->supported_features[i].min_version,
                               r->supported_features[i].max_version, 0};
        for (int32_t k = 0; k < r->finalized_features_count; k++)
            if (str_equal(r->finalized_features[k].name, rows[i].name))
                rows[i].level = r->finalized_features[k].max_version_level;
    }
    qsort(rows, (size_t)r->supported_features_count, sizeof *rows, by_name);
    for (int32_t i = 0; i < r->supported_features_count; i++) {
        char epoch[24] = "-";
        if (r->finalized_features_epoch >= 0)
            snprintf(epoch, sizeof epoch, "%lld", (long long)r->finalized_features_epoch);
        printf("Feature: %-40.*s  SupportedMinVersion: %-15s  SupportedMaxVersion: %-15s  "
               "FinalizedVersionLevel: %-15s  Epoch: %s\n",
               STR_ARG(rows[i].name), level_text(c, rows[i].name, rows[i].min),
               level_text(c, rows[i].name, rows[i].max), level_text(c, rows[i].name, rows[i].level),
               epoch);
    }
}

/* ---- changing levels */

struct change {
    const char *name;
    int16_t level;
    int16_t error_code;
    struct str message;
};

struct changes {
    struct client *client;
    const char *verb; /* "upgrade" */
    int8_t type;
    struct change items[FEATURES_MAX];
    int32_t count;
};

/* What Kafka's client refuses before it asks anybody. */
static void check_level(const struct changes *w, int16_t level)
{
    if (level < 0) args_fail("Cannot specify a negative version level.");
    if (level == 0 && w->type == UPGRADE)
        args_fail(
            "The upgradeType flag should be set to SAFE_DOWNGRADE or UNSAFE_DOWNGRADE when the "
            "provided maxVersionLevel:0 is < 1.");
}

static void add_change(struct changes *w, const char *name, int16_t level, bool replace)
{
    check_level(w, level);
    for (int32_t i = 0; i < w->count; i++) {
        if (strcmp(w->items[i].name, name) != 0) continue;
        if (!replace)
            args_fail(
                arena_printf(&w->client->arena, "Feature %s was specified more than once.", name)
                    .data);
        w->items[i].level = level;
        return;
    }
    if (w->count == FEATURES_MAX) args_fail("Too many features at once");
    w->items[w->count++] = (struct change){name, level, 0, STR_NULL};
}

static void add_pair(struct changes *w, const char *pair)
{
    int16_t level;
    const char *why, *name = feature_pair_parse(&w->client->arena, pair, &level, &why);
    if (!name) args_fail(why);
    add_change(w, name, level, false);
}

/* What the options ask for, in the order in which Kafka's tool looks at them. */
static void read_changes(struct changes *w, const struct args *a)
{
    struct arena *arena = &w->client->arena;
    const char *release = args_value(a, "release-version"), *metadata = args_value(a, "metadata");
    const char *pair;
    int16_t version;
    if (release && (metadata || args_has(a, "feature")))
        args_fail("Can not specify `release-version` with other feature flags.");
    if (release) {
        if (!feature_release_level(release, &version))
            args_fail(feature_unknown_release(arena, release, FEATURE_LEVEL_KNOWN));
        add_change(w, "metadata.version", version, true);
        for (int32_t i = 0; feature_names_in_order[i]; i++) {
            const struct feature *f = feature_find(str_of(feature_names_in_order[i]));
            int16_t level = feature_default_level(f, version);
            /* an upgrade to 0 would be none */
            if (w->type != UPGRADE || level > 0) add_change(w, f->name, level, true);
        }
    }
    if (metadata) {
        printf(" `metadata` flag is deprecated and may be removed in a future release.\n");
        if (!feature_release_level(metadata, &version))
            args_fail(feature_unknown_release(arena, metadata, FEATURE_LEVEL_KNOWN));
        add_change(w, "metadata.version", version, true);
    }
    for (int32_t i = 0; (pair = args_value_at(a, "feature", i)); i++) add_pair(w, pair);
}

static int by_feature(const void *a, const void *b)
{
    return strcmp(((const struct change *)a)->name, ((const struct change *)b)->name);
}

/* From version 2 on the answer is one for all; before, each feature has its own. */
static void send_changes(struct changes *w, bool dry_run)
{
    struct client *c = w->client;
    struct update_features_request request;
    update_features_request_init(&request);
    request.timeout_ms = (int32_t)c->request_timeout_ms;
    request.validate_only = dry_run;
    request.feature_updates = update_features_request_feature_update_key_new(&c->arena, w->count);
    request.feature_updates_count = w->count;
    for (int32_t i = 0; i < w->count; i++) {
        request.feature_updates[i].feature = str_of(w->items[i].name);
        request.feature_updates[i].max_version_level = w->items[i].level;
        request.feature_updates[i].upgrade_type = w->type;
    }
    const struct update_features_response *r =
        CLIENT_CALL_CONTROLLER(c, API_UPDATE_FEATURES, update_features, &request);
    for (int32_t i = 0; i < w->count; i++) {
        struct change *k = &w->items[i];
        if (!r) {
            k->error_code = KAFKA_REQUEST_TIMED_OUT;
            k->message = str_of(c->failure.text);
            continue;
        }
        k->error_code = r->error_code;
        k->message = r->error_message;
        for (int32_t n = 0; n < r->results_count && r->error_code == KAFKA_NONE; n++)
            if (str_equal_z(r->results[n].feature, k->name)) {
                k->error_code = r->results[n].error_code;
                k->message = r->results[n].error_message;
            }
    }
}

static int change(struct changes *w, bool dry_run)
{
    struct arena *arena = &w->client->arena;
    bool disable = strcmp(w->verb, "disable") == 0;
    int failed = 0;
    if (!w->count)
        args_fail(arena_printf(arena, "You must specify at least one feature to %s", w->verb).data);
    for (int32_t i = 0; i < w->count; i++)
        if (!*w->items[i].name) args_fail("Provided feature can not be empty.");
    send_changes(w, dry_run);
    qsort(w->items, (size_t)w->count, sizeof *w->items, by_feature);
    for (int32_t i = 0; i < w->count; i++) {
        const struct change *k = &w->items[i];
        const char *to = disable ? "" : arena_printf(arena, " to %d", k->level).data;
        if (k->error_code == KAFKA_NONE) {
            printf("%s%s%sd%s.\n", k->name, dry_run ? " can be " : " was ", w->verb, to);
            continue;
        }
        client_fail_code(w->client, k->error_code, k->message);
        printf("%s %s %s%s. %s\n", dry_run ? "Can not" : "Could not", w->verb, k->name, to,
               w->client->failure.text);
        failed++;
    }
    if (failed)
        args_fail(arena_printf(arena, "%d out of %d operation(s) failed.", failed, w->count).data);
    return 0;
}

static void describe_node(struct client *c, const struct args *a)
{
    int32_t id = args_integer(a, "node-id", -1);
    if (args_has(a, "node-id") && id < 0)
        args_fail(arena_printf(&c->arena, "Invalid node id %d: must be non-negative.", id).data);
    if (!client_refresh(c, "describeFeatures")) args_fail(client_failure_line(c));
    struct client_node *n = id < 0 ? client_any(c) : client_node(c, id);
    if (!n)
        args_fail("org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node "
                  "assignment. Call: describeFeatures");
    describe(c, n);
}

/* The tables need no cluster. */
static int print_tables(const struct args *a, int command)
{
    struct arena arena;
    const char *pair, *why, *release = NULL;
    arena_init(&arena, 0);
    if (command == MAPPING) release = args_value(a, "release-version");
    if (command == MAPPING && !feature_print_mapping(&arena, release, &why)) args_fail(why);
    for (int32_t i = 0; command == DEPENDENCIES && (pair = args_value_at(a, "feature", i)); i++) {
        int16_t level;
        const char *name = feature_pair_parse(&arena, pair, &level, &why);
        if (!name || !feature_print_dependencies(&arena, name, level, &why)) args_fail(why);
    }
    return 0;
}

int tool_features(int argc, char **argv)
{
    struct args a;
    int command = args_parse_commands(&a, ARGS_ONE_LINE, "kafka-features",
                                      "This tool manages feature flags in "
                                      "Kafka.",
                                      options, commands, argc, argv);
    ARGS_ONE_OF(&a, false, "bootstrap-server", "bootstrap-controller");
    if (command == MAPPING || command == DEPENDENCIES) return print_tables(&a, command);
    if (!args_has(&a, "bootstrap-server") && !args_has(&a, "bootstrap-controller"))
        args_error(&a, "You must specify either --bootstrap-controller or --bootstrap-server.");
    struct client *c = client_open_args(&a, true);
    if (command == DESCRIBE) {
        describe_node(c, &a);
        return 0;
    }
    struct changes *w = ARENA_NEW(&c->arena, struct changes);
    w->client = c;
    w->verb = commands[command].name;
    w->type = command == CHANGE_UP     ? UPGRADE
              : args_has(&a, "unsafe") ? UNSAFE_DOWNGRADE
                                       : SAFE_DOWNGRADE;
    const char *name;
    if (command == DISABLE)
        for (int32_t i = 0; (name = args_value_at(&a, "feature", i)); i++)
            add_change(w, name, 0, false);
    else
        read_changes(w, &a);
    return change(w, args_has(&a, "dry-run"));
}
