#include <stdio.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/tool.h"
#include "protocol/describe_cluster.h"
#include "protocol/unregister_broker.h"

#define COMMON                                                                                  \
    {"bootstrap-server",                                                                        \
     'b',                                                                                       \
     OPTION_VALUE,                                                                              \
     false,                                                                                     \
     false,                                                                                     \
     "BOOTSTRAP_SERVER",                                                                        \
     "Brokers to connect to first."},                                                           \
        {"bootstrap-controller",                                                                \
         'C',                                                                                   \
         OPTION_VALUE,                                                                          \
         false,                                                                                 \
         false,                                                                                 \
         "BOOTSTRAP_CONTROLLER",                                                                \
         "Controllers to connect to first."},                                                   \
        {"command-config",                                                                      \
         0,                                                                                     \
         OPTION_VALUE,                                                                          \
         false,                                                                                 \
         false,                                                                                 \
         "COMMAND_CONFIG",                                                                      \
         "File with properties of the client."},                                                \
    {                                                                                           \
        "config", 'c', OPTION_VALUE, false, false, "CONFIG", "Former name of --command-config." \
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

static _Noreturn void fail(const struct client *c)
{
    fflush(stdout);
    fprintf(stderr, "%s\n", client_failure_line(c));
    exit(1);
}

static struct client *open_client(const struct args *a, const char *call)
{
    const char *servers = args_value(a, "bootstrap-server");
    const char *controllers = args_value(a, "bootstrap-controller");
    if (!servers == !controllers) {
        if (servers)
            args_error(a, "argument --bootstrap-controller/-C: not allowed with argument "
                          "--bootstrap-server/-b");
        args_error(a, "one of the arguments --bootstrap-server/-b --bootstrap-controller/-C is "
                      "required");
    }
    const char *config = args_renamed(a, "command-config", "config");
    struct client *c =
        client_open(controllers ? controllers : servers, controllers != NULL, config);
    if (!client_refresh(c, call)) fail(c);
    return c;
}

static const struct describe_cluster_response *describe(struct client *c, bool include_fenced)
{
    struct describe_cluster_request request;
    describe_cluster_request_init(&request);
    request.endpoint_type = c->controllers ? 2 : 1;
    request.include_fenced_brokers = include_fenced;
    const struct describe_cluster_response *r =
        client_call(c, client_any(c), API_DESCRIBE_CLUSTER, -1, &request, NULL);
    if (r && r->error_code != KAFKA_NONE) {
        client_fail_code(c, r->error_code, r->error_message);
        r = NULL;
    }
    if (!r) fail(c);
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
    int host_width = 9, rack_width = 10;
    for (int32_t i = 0; i < r->brokers_count; i++) {
        if (r->brokers[i].host.len > host_width) host_width = r->brokers[i].host.len;
        if (r->brokers[i].rack.len > rack_width) rack_width = r->brokers[i].rack.len;
    }
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
        client_call(c, client_controller(c), API_UNREGISTER_BROKER, -1, &request, NULL);
    if (r && r->error_code != KAFKA_NONE) {
        client_fail_code(c, r->error_code, r->error_message);
        r = NULL;
    }
    if (!r) fail(c);
    printf("Broker %d is no longer registered.\n", id);
}

int tool_cluster(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    struct args a;
    if (strcmp(command, "cluster-id") == 0) {
        args_parse_argparse(&a, "kafka-cluster cluster-id",
                            "Get information about the ID of a cluster.", id_options, argc - 1,
                            argv + 1);
        struct client *c = open_client(&a, "listNodes");
        const struct describe_cluster_response *r = describe(c, false);
        printf("Cluster ID: %.*s\n", STR_ARG(r->cluster_id));
        return 0;
    }
    if (strcmp(command, "list-endpoints") == 0) {
        args_parse_argparse(&a, "kafka-cluster list-endpoints", "List the nodes of the cluster.",
                            endpoint_options, argc - 1, argv + 1);
        list_endpoints(open_client(&a, "listNodes"), args_has(&a, "include-fenced-brokers"));
        return 0;
    }
    if (strcmp(command, "unregister") == 0) {
        args_parse_argparse(&a, "kafka-cluster unregister", "Unregister a broker.",
                            unregister_options, argc - 1, argv + 1);
        struct client *c = open_client(&a, "unregisterBroker");
        unregister(c, (int32_t)args_number(&a, "id", -1));
        return 0;
    }
    args_no_command("kafka-cluster", "The Kafka cluster tool.",
                    "{cluster-id,unregister,list-endpoints}", argc > 1 ? argv[1] : NULL);
}
