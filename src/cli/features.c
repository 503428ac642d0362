/* kafka-features.sh: describe, and the two tables it shares with kafka-storage.sh. Changing
 * levels is not offered yet. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/tool.h"
#include "metadata/feature.h"
#include "protocol/api_versions.h"

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, false, false, "BOOTSTRAP_SERVER",
     "Brokers to connect to first."},
    {"bootstrap-controller", 0, OPTION_VALUE, false, false, "BOOTSTRAP_CONTROLLER",
     "Controllers to connect to first."},
    {"command-config", 0, OPTION_VALUE, false, false, "COMMAND_CONFIG",
     "File with properties of the client."},
    {"node-id", 0, OPTION_VALUE, false, false, "NODE_ID", "The node to ask."},
    {0},
};

static _Noreturn void fail(const char *text)
{
    fflush(stdout);
    fprintf(stderr, "%s\n", text);
    exit(1);
}

static const char *level_text(struct client *c, struct str feature, int16_t level)
{
    const char *version =
        str_equal_z(feature, "metadata.version") ? metadata_version_text(level) : NULL;
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
    if (!client_serves(c, n, API_API_VERSIONS, 3)) fail("The node does not support API_VERSIONS");
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

int tool_features(int argc, char **argv)
{
    struct args a;
    args_parse_argparse(&a, "kafka-features", "This tool manages feature flags in Kafka.", options,
                        argc, argv);
    const char *command = a.positionals_count ? a.positionals[0] : NULL;
    if (!command) {
        fprintf(stderr, "Command line error: too few arguments. Type --help for help.");
        return 1;
    }
    if (strcmp(command, "version-mapping") == 0 || strcmp(command, "feature-dependencies") == 0)
        return tool_storage(argc, argv);
    if (strcmp(command, "describe") != 0) {
        static const char *const later[] = {"upgrade", "downgrade", "disable"};
        for (int i = 0; i < 3; i++)
            if (strcmp(command, later[i]) == 0)
                fail("Changing feature levels is not supported by Samsa yet.");
        fprintf(stderr,
                "Command line error: invalid choice: '%s' (choose from 'describe', 'upgrade', "
                "'downgrade', 'disable', 'version-mapping', 'feature-dependencies'). Type "
                "--help for help.",
                command);
        return 1;
    }
    if (!args_has(&a, "bootstrap-server") && !args_has(&a, "bootstrap-controller"))
        fail("You must specify either --bootstrap-controller or --bootstrap-server.");
    struct client *c = client_open_args(&a, true);
    if (!client_refresh(c, "describeFeatures")) fail(c->failure.text);
    struct client_node *n = client_any(c);
    if (args_has(&a, "node-id")) {
        n = client_node(c, (int32_t)args_number(&a, "node-id", -1));
        if (!n) fail("Timed out waiting for a node assignment. Call: describeFeatures");
    }
    describe(c, n);
    client_close(c);
    return 0;
}
