#include <stdio.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/tool.h"
#include "protocol/message.h"

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, true, false, "String: server(s) to use for bootstrapping",
     "REQUIRED: the brokers to connect to first."},
    {"command-config", 0, OPTION_VALUE, false, false, "String: command config property file",
     "File with properties of the client."},
    {0},
};

static void print_range(int16_t min, int16_t max)
{
    if (min == max)
        printf("%d", min);
    else
        printf("%d to %d", min, max);
}

/* One row per API that either side knows, in order of key. */
static void print_node(const struct client_node *n)
{
    printf("%s:%u (id: %d rack: %s isFenced: %s) -> (\n", n->host, n->port, n->id,
           n->rack ? n->rack : "null", n->fenced ? "true" : "false");
    bool first = true;
    for (int16_t key = 0; key < API_COUNT; key++) {
        const struct api_info *api = api_info(key);
        const struct message *request = message_request(key);
        bool known = api && request && api->on_broker && request->max_version >= 0;
        if (!known && n->max[key] < 0) continue;
        printf("%s\t", first ? "" : ",\n");
        first = false;
        if (!known) {
            printf("UNKNOWN(%d): ", key);
            print_range(n->min[key], n->max[key]);
            continue;
        }
        printf("%s(%d): ", api->name, key);
        if (n->max[key] < 0) {
            printf("UNSUPPORTED");
            continue;
        }
        print_range(n->min[key], n->max[key]);
        int16_t usable = n->max[key] < request->max_version ? n->max[key] : request->max_version;
        if (usable < n->min[key] || usable < request->min_version)
            printf(" [unusable: node too %s]", n->min[key] > request->max_version ? "new" : "old");
        else
            printf(" [usable: %d]", usable);
    }
    printf("\n)\n");
}

/* Its client is of an older make: the cause is all it says. */
static _Noreturn void no_client(const struct args *a, const char *reason)
{
    const char *cause = strstr(reason, "ConfigException: ");
    (void)a;
    args_fail(cause ? cause + strlen("ConfigException: ") : reason);
}

int tool_broker_api_versions(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(&a, "This tool helps to retrieve broker version information.", options, argc,
                    argv);
    a.no_client = no_client;
    struct client *c = client_open_args(&a, false);
    if (!client_refresh(c, "METADATA")) {
        struct str nodes = STR("");
        for (int32_t i = 0; i < c->bootstrap_count; i++)
            nodes = arena_printf(&c->arena, "%.*s%s%s:%u (id: %d rack: null isFenced: false)",
                                 STR_ARG(nodes), i ? ", " : "", c->bootstrap[i].host,
                                 c->bootstrap[i].port, c->bootstrap[i].id);
        fprintf(stderr, "Request METADATA failed on brokers [%.*s]\n", STR_ARG(nodes));
        return 1;
    }
    for (int32_t i = 0; i < c->nodes_count; i++) {
        struct client_node *n = c->nodes[i];
        if (client_serves(c, n, API_API_VERSIONS, 0))
            print_node(n);
        else
            printf("%s:%u (id: %d rack: %s isFenced: false) -> ERROR: "
                   "org.apache.kafka.common.errors.DisconnectException\n",
                   n->host, n->port, n->id, n->rack ? n->rack : "null");
    }
    client_close(c);
    return 0;
}
