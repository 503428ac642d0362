#include <stdio.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/tool.h"
#include "protocol/describe_cluster.h"
#include "protocol/unregister_broker.h"

#define COMMON                                                                                \
    {"bootstrap-server",                                                                      \
     'b',                                                                                     \
     OPTION_VALUE,                                                                            \
     false,                                                                                   \
     false,                                                                                   \
     "BOOTSTRAP_SERVER",                                                                      \
     "Brokers to connect to first."},                                                         \
        {"bootstrap-controller",                                                              \
         'C',                                                                                 \
         OPTION_VALUE,                                                                        \
         false,                                                                               \
         false,                                                                               \
         "BOOTSTRAP_CONTROLLER",                                                              \
         "Controllers to connect to first."},                                                 \
        {"command-config",                                                                    \
         'c',                                                                                 \
         OPTION_VALUE,                                                                        \
         false,                                                                               \
         false,                                                                               \
         "COMMAND_CONFIG",                                                                    \
         "File with properties of the client."},                                              \
    {                                                                                         \
        "config", 0, OPTION_VALUE, false, false, "CONFIG", "Former name of --command-config." \
    }

static const struct option id_options[] = {COMMON, {0}};
static const struct option unregister_options[] = {
    COMMON,
    {"id", 'i', OPTION_VALUE, true, false, "ID", "The broker to unregister."},
    {0},
};
static const struct option endpoint_options[] = {
    COMMON,
    {"include-fenced-brokers", 0, OPTION_FLAG, false, false, NULL, "Show fenced brokers too."},
    {0},
};
static const struct option no_options[] = {{0}};

enum { CLUSTER_ID, UNREGISTER, LIST_ENDPOINTS };
static const struct subcommand commands[] = {
    {"cluster-id", id_options, "Get information about the ID of a cluster."},
    {"unregister", unregister_options, "Unregister a broker."},
    {"list-endpoints", endpoint_options, "List the nodes of the cluster."},
    {0},
};

static struct client *open_client(const struct args *a)
{
    const char *controllers = args_value(a, "bootstrap-controller");
    const char *config = args_value(a, "command-config"), *old = args_value(a, "config");
    if (old && config) {
        fprintf(stderr, "--config and --command-config cannot be specified together.\n");
        exit(1);
    }
    if (old)
        printf("Option --config has been deprecated and will be removed in a future version. Use "
               "--command-config instead.\n");
    return client_open(a, controllers ? controllers : args_value(a, "bootstrap-server"),
                       controllers != NULL, old ? old : config);
}

static const struct describe_cluster_response *describe(struct client *c, bool include_fenced)
{
    struct describe_cluster_request request;
    describe_cluster_request_init(&request);
    if (!client_refresh(c, "listNodes")) args_fail(client_failure_line(c));
    request.endpoint_type = c->controllers ? 2 : 1;
    request.include_fenced_brokers = include_fenced;
    const struct describe_cluster_response *r =
        client_call(c, client_any(c), API_DESCRIBE_CLUSTER, -1, &request, NULL);
    if (r && r->error_code != KAFKA_NONE) {
        client_fail_code(c, r->error_code, r->error_message);
        r = NULL;
    }
    if (!r) args_fail(client_failure_line(c));
    return r;
}

static int by_id(const void *a, const void *b)
{
    return ((const struct describe_cluster_response_describe_cluster_broker *)a)->broker_id -
           ((const struct describe_cluster_response_describe_cluster_broker *)b)->broker_id;
}

static void list_endpoints(struct client *c, bool include_fenced)
{
    const struct describe_cluster_response *r = describe(c, include_fenced);
    int host_width = 0, rack_width = 0; /* of the longest; 10 when nobody has a rack */
    for (int32_t i = 0; i < r->brokers_count; i++) {
        if (r->brokers[i].host.len > host_width) host_width = r->brokers[i].host.len;
        if (r->brokers[i].rack.len > rack_width) rack_width = r->brokers[i].rack.len;
    }
    if (!rack_width) rack_width = 10;
    qsort(r->brokers, (size_t)r->brokers_count, sizeof *r->brokers, by_id);
    if (c->controllers)
        printf("%-10s %-*s %-10s %-*s %-15s\n", "ID", host_width, "HOST", "PORT", rack_width,
               "RACK", "ENDPOINT_TYPE");
    else
        printf("%-10s %-*s %-10s %-*s %-10s %-15s\n", "ID", host_width, "HOST", "PORT", rack_width,
               "RACK", "STATE", "ENDPOINT_TYPE");
    for (int32_t i = 0; i < r->brokers_count; i++) {
        const struct describe_cluster_response_describe_cluster_broker *b = &r->brokers[i];
        struct str rack = str_is_null(b->rack) ? STR("null") : b->rack;
        printf("%-10d %-*.*s %-10d %-*.*s ", b->broker_id, host_width, STR_ARG(b->host), b->port,
               rack_width, STR_ARG(rack));
        if (c->controllers)
            printf("%-15s\n", "controller");
        else
            printf("%-10s %-15s\n", b->is_fenced ? "fenced" : "unfenced", "broker");
    }
}

static void unregister(struct client *c, int32_t id)
{
    struct unregister_broker_request request;
    unregister_broker_request_init(&request);
    request.broker_id = id;
    const struct unregister_broker_response *r =
        CLIENT_CALL_CONTROLLER(c, API_UNREGISTER_BROKER, unregister_broker, &request);
    if (!r && strstr(c->failure.class, "UnsupportedVersion")) {
        printf("The target cluster does not support the broker unregistration API.\n");
        return;
    }
    if (r && r->error_code != KAFKA_NONE) {
        client_fail_code(c, r->error_code, r->error_message);
        r = NULL;
    }
    if (!r) args_fail(client_failure_line(c));
    printf("Broker %d is no longer registered.\n", id);
}

int tool_cluster(int argc, char **argv)
{
    struct args a;
    int command = args_parse_commands(&a, ARGS_HELP_FAILS, "kafka-cluster",
                                      "The Kafka cluster tool.", no_options, commands, argc, argv);
    ARGS_ONE_OF(&a, true, "bootstrap-server", "bootstrap-controller");
    int32_t id = command == UNREGISTER ? args_integer(&a, "id", -1) : -1;
    struct client *c = open_client(&a);
    if (command == UNREGISTER)
        unregister(c, id);
    else if (command == CLUSTER_ID)
        printf("Cluster ID: %.*s\n", STR_ARG(describe(c, false)->cluster_id));
    else {
        bool fenced = args_has(&a, "include-fenced-brokers");
        if (fenced && c->controllers) {
            fprintf(stderr, "The option --include-fenced-brokers is only supported with "
                            "--bootstrap-server option\n");
            return 1;
        }
        list_endpoints(c, fenced);
    }
    client_close(c);
    return 0;
}
