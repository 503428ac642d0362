/* A small blocking Kafka client for the admin tools: one connection per node, one request at a
 * time, any API at the newest version both sides know.
 *
 * Owns: its sockets, and an arena that everything it returns lives in until client_close. Errors
 * of the way there (not of the answer) are kept in `failure` as Kafka's exception class and
 * text; tools print them as Kafka's do. Waits at most default.api.timeout.ms for a node and
 * request.timeout.ms for an answer; both come from the client properties file when there is one. */
#ifndef SAMSA_CLI_CLIENT_H
#define SAMSA_CLI_CLIENT_H

#include <stddef.h>

#include "base/arena.h"
#include "cli/args.h"
#include "config/properties.h"
#include "protocol/api.h"
#include "protocol/error.h"
#include "protocol/metadata.h"

/* Kafka's requests, and behind them those of our own. */
enum { CLIENT_APIS = API_COUNT + OWN_API_END - OWN_API_FIRST };

struct client_node {
    int32_t id; /* negative: a bootstrap address */
    const char *host;
    uint16_t port;
    const char *rack; /* NULL: none */
    bool fenced;
    int fd; /* -1: not connected */
    bool versions_known;
    int16_t min[CLIENT_APIS], max[CLIENT_APIS]; /* max -1: not served */
    /* what ApiVersions said beyond the table */
    const void *api_versions; /* struct api_versions_response */
};

enum { CLIENT_NODES_MAX = 1024 };

struct client_failure {
    const char *class; /* "org.apache.kafka.common.errors.TimeoutException" */
    const char *text;
};

struct client {
    struct arena arena;
    struct properties properties; /* of --command-config */
    const char *client_id;
    bool controllers; /* the bootstrap addresses are controllers' */
    struct client_node *bootstrap;
    int32_t bootstrap_count;
    struct client_node **nodes; /* as of the last refresh, by id */
    int32_t nodes_count;
    int32_t controller_id; /* -1: none */
    const char *cluster_id;
    int64_t api_timeout_ms, request_timeout_ms;
    int32_t correlation_id;
    struct client_failure failure;
};

/* Addresses are "host:port,…". `config_path` may be NULL. A mistake in either, or that no address
 * is a host's, is answered by a->no_client with Kafka's message, which may have a second line for
 * the cause, and ends the process. Connects to nothing yet. */
struct client *client_open(const struct args *a, const char *addresses, bool controllers,
                           const char *config_path);

/* What some tools check of --bootstrap-server before all else; ends the process with the
 * options. */
void client_check_addresses(const struct args *a);

/* The same for a tool that makes its client in another way: whether these addresses would do; a
 * reason, or NULL. */
const char *client_addresses_wrong(struct arena *arena, const char *addresses, const char *key);
void client_close(struct client *c);

/* Open from the options bootstrap-server, bootstrap-controller (when the tool has it) and
 * command-config. */
struct client *client_open_args(const struct args *a, bool with_controllers);

/* Learn brokers (or controllers), cluster id and controller, from any bootstrap node. `call` names
 * what is being done, for the timeout's text. False: see failure. */
bool client_refresh(struct client *c, const char *call);

/* A node of the last refresh, or NULL. */
struct client_node *client_node(struct client *c, int32_t id);

/* Any node that answers; the controller's, or any where there is none to see or to reach. After
 * client_refresh. */
struct client_node *client_any(struct client *c);
struct client_node *client_controller(struct client *c);

/* Whether the node, once connected, serves a version of the API. */
bool client_serves(struct client *c, struct client_node *n, int16_t api_key, int16_t version);

/* Send and wait. Returns the generated response struct, or NULL with failure set. *version (may be
 * NULL) is the version used; max_version -1: no cap. Retries a broken connection once. */
const void *client_call(struct client *c, struct client_node *n, int16_t api_key,
                        int16_t max_version, const void *request, int16_t *version);

/* The same of the controller (or, from bootstrap brokers, of any that will pass it on), finding it
 * first, and again while the node asked is not it or is gone, for default.api.timeout.ms.
 * `error_at` is where the answer's error_code is; codes other than NOT_CONTROLLER are the
 * caller's. */
const void *client_call_controller(struct client *c, int16_t api_key, const void *request,
                                   size_t error_at);
#define CLIENT_CALL_CONTROLLER(c, api_key, name, request)    \
    ((const struct name##_response *)client_call_controller( \
        (c), (api_key), (request), offsetof(struct name##_response, error_code)))

/* The coordinator of a group, asking again while there is none. NULL: failure is set. */
struct client_node *client_group_coordinator(struct client *c, const char *group);

/* Metadata of the named topics, or of all when names is NULL. */
const struct metadata_response *client_topics(struct client *c, const struct str *names,
                                              int32_t count);

void client_fail(struct client *c, const char *class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Set failure from an answer's code and message (may be null). */
void client_fail_code(struct client *c, int16_t code, struct str message);

/* "class: text" of the failure, as a Java stack trace begins. */
const char *client_failure_line(const struct client *c);

/* Monotonic milliseconds, and a sleep. */
int64_t client_now_ms(void);
void client_sleep_ms(int64_t ms);

#endif
