#include "cli/client.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/tool.h"
#include "config/listeners.h"
#include "protocol/api_versions.h"
#include "protocol/describe_cluster.h"
#include "protocol/find_coordinator.h"
#include "protocol/request_header.h"
#include "protocol/response_header.h"

enum { FRAME_BYTES_MAX = 512 << 20, RETRY_MS = 100, CONNECT_MS_MAX = 10000 };

#define ERRORS "org.apache.kafka.common.errors."

int64_t client_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void client_sleep_ms(int64_t ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

void client_fail(struct client *c, const char *class, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->failure.class = class;
    c->failure.text = arena_printf(&c->arena, "%s", text).data;
}

void client_fail_code(struct client *c, int16_t code, struct str message)
{
    c->failure.class = arena_printf(&c->arena, ERRORS "%s", kafka_error_exception(code)).data;
    c->failure.text =
        str_is_null(message) ? kafka_error_text(code) : arena_str(&c->arena, message).data;
}

const char *client_failure_line(const struct client *c)
{
    return arena_printf((struct arena *)&c->arena, "%s: %s", c->failure.class, c->failure.text)
        .data;
}

/* ---- opening */

static _Noreturn void refuse(const struct args *a, const char *reason)
{
    if (a->no_client) a->no_client(a, reason);
    args_fail(reason);
}

static void read_properties(struct client *c, const struct args *a, const char *path)
{
    long size;
    int32_t line;
    char *text = tool_read_file(path, &size);
    if (!text) refuse(a, arena_printf(&c->arena, "%s: %s", path, strerror(errno)).data);
    if (properties_parse((struct str){text, (int32_t)size}, &c->arena, &c->properties, &line))
        refuse(a, arena_printf(&c->arena, "%s:%d: Malformed \\uxxxx encoding.", path, line).data);
}

static int64_t property_ms(struct client *c, const struct args *a, const char *key,
                           int64_t fallback)
{
    struct str text = properties_get(&c->properties, key);
    if (str_is_null(text)) return fallback;
    char *end;
    errno = 0;
    long long ms = strtoll(text.data, &end, 10);
    while (*end == ' ') end++;
    bool number = *text.data && !*end && !errno && ms >= INT32_MIN && ms <= INT32_MAX;
    if (number && ms >= 0) return ms;
    refuse(a, arena_printf(&c->arena, "Invalid value %s for configuration %s: %s", text.data, key,
                           number ? "Value must be at least 0" : "Not a number of type INT")
                  .data);
}

#define WRAPPED                               \
    "Failed to create new KafkaAdminClient\n" \
    "Caused by: org.apache.kafka.common.config.ConfigException: "

static void read_timeouts(struct client *c, const struct args *a)
{
    c->api_timeout_ms = property_ms(c, a, "default.api.timeout.ms", 60000);
    c->request_timeout_ms = property_ms(c, a, "request.timeout.ms", 30000);
    if (c->api_timeout_ms >= c->request_timeout_ms) return;
    if (!str_is_null(properties_get(&c->properties, "default.api.timeout.ms")))
        refuse(a, WRAPPED "The specified value of default.api.timeout.ms must be no smaller than "
                          "the value of request.timeout.ms.");
    c->api_timeout_ms = c->request_timeout_ms;
}

static void check_security(struct client *c, const struct args *a)
{
    struct str security = properties_get(&c->properties, "security.protocol");
    if (str_is_null(security)) return;
    static const char *const names[] = {"PLAINTEXT", "SASL_SSL", "SSL", "SASL_PLAINTEXT"};
    int i = 0;
    while (i < 4 && strcasecmp(names[i], security.data) != 0) i++;
    if (i == 0) return;
    refuse(a, arena_printf(&c->arena,
                           i < 4 ? "security.protocol=%s is not supported by Samsa's tools yet"
                                 : "Invalid value %s for configuration security.protocol: String "
                                   "must be one of (case insensitive): SASL_SSL, PLAINTEXT, SSL, "
                                   "SASL_PLAINTEXT",
                           security.data)
                  .data);
}

static bool resolves(const char *host)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    if (getaddrinfo(host, NULL, &hints, &list)) return false;
    freeaddrinfo(list);
    return true;
}

/* The next of the addresses, without the blanks around it. */
static struct str next_address(const char **at)
{
    size_t len = strcspn(*at, ",");
    struct str item = {*at, (int32_t)len};
    *at += len + ((*at)[len] == ',');
    while (item.len && *item.data == ' ') item.data++, item.len--;
    while (item.len && item.data[item.len - 1] == ' ') item.len--;
    return item;
}

static const char *no_client_text(struct arena *arena, const char *addresses, const char *key)
{
    size_t len = strlen(addresses);
    bool empty_item = *addresses == ',' || (len && addresses[len - 1] == ',');
    for (const char *at = addresses; *at && !empty_item;) empty_item = !next_address(&at).len;
    if (empty_item && addresses[strspn(addresses, " ")])
        return arena_printf(arena, "Configuration '%s' values must not be empty.", key).data;
    bool any = false;
    for (const char *at = addresses; addresses[strspn(addresses, " ")] && *at;) {
        struct str item = next_address(&at);
        struct host_port address;
        if (host_port_parse(item, arena, &address) || !*address.host)
            return arena_printf(arena, WRAPPED "Invalid url in %s: %.*s", key, STR_ARG(item)).data;
        any = any || resolves(address.host);
    }
    /* Java's client says bootstrap.servers of controllers too */
    return any ? NULL : WRAPPED "No resolvable bootstrap urls given in bootstrap.servers";
}

void client_check_addresses(const struct args *a)
{
    const char *at = args_value(a, "bootstrap-server");
    struct arena arena;
    struct host_port address;
    size_t len = at ? strlen(at) : 0;
    if (!at || !at[strspn(at, " ")])
        args_usage(a, "Error while validating the bootstrap address\n");
    arena_init(&arena, 0);
    while (len && at[len - 1] == ',') len--; /* what is empty at the end does not count */
    bool wrong = len == 0;
    for (const char *end = at + len; at < end && !wrong;)
        wrong = host_port_parse(next_address(&at), &arena, &address) || !*address.host;
    arena_free(&arena);
    if (wrong) args_usage(a, "Please provide valid host:port like host1:9091,host2:9092\n");
}

const char *client_addresses_wrong(struct arena *arena, const char *addresses, const char *key)
{
    const char *why = no_client_text(arena, addresses, key);
    const char *cause = why ? strstr(why, "ConfigException: ") : NULL;
    return cause ? cause + strlen("ConfigException: ") : why;
}

struct client *client_open(const struct args *a, const char *addresses, bool controllers,
                           const char *config_path)
{
    struct client *c = MEM_NEW(struct client);
    arena_init(&c->arena, 65536);
    c->controllers = controllers;
    c->client_id = "adminclient-1";
    c->controller_id = -1;
    c->nodes = ARENA_ARRAY(&c->arena, struct client_node *, CLIENT_NODES_MAX);
    c->bootstrap = ARENA_ARRAY(&c->arena, struct client_node, strlen(addresses) + 1);
    if (config_path) read_properties(c, a, config_path);
    read_timeouts(c, a);
    check_security(c, a);
    const char *wrong = no_client_text(&c->arena, addresses,
                                       controllers ? "bootstrap.controllers" : "bootstrap.servers");
    if (wrong) refuse(a, wrong);
    for (const char *at = addresses; *at;) {
        struct host_port address;
        if (host_port_parse(next_address(&at), &c->arena, &address)) continue;
        struct client_node *n = &c->bootstrap[c->bootstrap_count];
        *n = (struct client_node){
            .id = -1 - c->bootstrap_count, .host = address.host, .port = address.port, .fd = -1};
        c->bootstrap_count++;
    }
    return c;
}

struct client *client_open_args(const struct args *a, bool with_controllers)
{
    const char *servers = args_value(a, "bootstrap-server");
    const char *controllers = with_controllers ? args_value(a, "bootstrap-controller") : NULL;
    return client_open(a, controllers ? controllers : servers, controllers != NULL,
                       args_value(a, "command-config"));
}

static void disconnect(struct client_node *n)
{
    if (n->fd >= 0) close(n->fd);
    n->fd = -1;
    n->versions_known = false;
}

void client_close(struct client *c)
{
    for (int32_t i = 0; i < c->bootstrap_count; i++) disconnect(&c->bootstrap[i]);
    for (int32_t i = 0; i < c->nodes_count; i++) disconnect(c->nodes[i]);
    arena_free(&c->arena);
    mem_free(c);
}

/* ---- bytes */

static bool wait_for(int fd, short events, int64_t deadline_ms)
{
    for (;;) {
        int64_t left = deadline_ms - client_now_ms();
        if (left < 0) left = 0;
        struct pollfd p = {.fd = fd, .events = events};
        int got = poll(&p, 1, left > 1000000 ? 1000000 : (int)left);
        if (got > 0) return true;
        if (got == 0 || errno != EINTR) return false;
    }
}

static bool transfer(struct client_node *n, uint8_t *data, size_t len, bool out,
                     int64_t deadline_ms)
{
    while (len > 0) {
        ssize_t got = out ? send(n->fd, data, len, MSG_NOSIGNAL) : recv(n->fd, data, len, 0);
        if (got > 0) {
            data += got;
            len -= (size_t)got;
            continue;
        }
        if (got == 0 && !out) return false;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
        if (!wait_for(n->fd, out ? POLLOUT : POLLIN, deadline_ms)) return false;
    }
    return true;
}

static int connect_address(const struct addrinfo *a, int64_t deadline_ms)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0) return -1;
    int one = 1, error = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    socklen_t len = sizeof error;
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0) return fd;
    if (errno == EINPROGRESS && wait_for(fd, POLLOUT, deadline_ms) &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0)
        return fd;
    close(fd);
    return -1;
}

static bool connect_node(struct client_node *n, int64_t deadline_ms)
{
    char port[8];
    snprintf(port, sizeof port, "%u", n->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    if (getaddrinfo(n->host, port, &hints, &list)) return false;
    for (const struct addrinfo *a = list; a && n->fd < 0; a = a->ai_next)
        n->fd = connect_address(a, deadline_ms);
    freeaddrinfo(list);
    return n->fd >= 0;
}

/* One request and its answer on a connected node. NULL: the connection is of no use any more. */
static const void *exchange(struct client *c, struct client_node *n, int16_t api_key,
                            int16_t version, const void *request, int64_t deadline_ms)
{
    const struct message *type = message_request(api_key), *answer = message_response(api_key);
    struct request_header header;
    request_header_init(&header);
    header.request_api_key = api_key;
    header.request_api_version = version;
    header.correlation_id = ++c->correlation_id;
    header.client_id = str_of(c->client_id);
    struct out o;
    out_init(&o);
    uint8_t *length = out_reserve(&o, 4);
    request_header_encode(&header, message_request_header_version(api_key, version), &o);
    type->encode(request, version, &o);
    store_be32(length, (uint32_t)(o.len - 4));
    size_t len = (size_t)o.len;
    uint8_t *frame = mem_alloc(len);
    out_flatten(&o, frame);
    out_free(&o);
    bool sent = transfer(n, frame, len, true, deadline_ms);
    mem_free(frame);
    uint8_t size[4];
    if (!sent || !transfer(n, size, 4, false, deadline_ms)) return NULL;
    len = load_be32(size);
    if (len < 4 || len > FRAME_BYTES_MAX) return NULL;
    frame = arena_alloc(&c->arena, len);
    if (!transfer(n, frame, len, false, deadline_ms)) return NULL;
    struct cursor in = cursor_of(frame, len);
    struct response_header answered;
    if (response_header_decode(&answered, message_response_header_version(api_key, version), &in,
                               &c->arena) ||
        answered.correlation_id != header.correlation_id)
        return NULL;
    void *response = arena_zalloc(&c->arena, 1, answer->struct_size);
    answer->init(response);
    struct cursor again = in;
    if (api_key == API_API_VERSIONS && version > 0 && cursor_left(&in) >= 2 &&
        load_be16(in.p) == KAFKA_UNSUPPORTED_VERSION)
        return answer->decode(response, 0, &again, &c->arena) ? NULL : response;
    return answer->decode(response, version, &in, &c->arena) ? NULL : response;
}

/* ---- versions */

static int16_t lower(int16_t a, int16_t b)
{
    return a < b ? a : b;
}

/* Where an API stands in client_node's arrays; -1: we do not know it. */
static int api_at(int16_t key)
{
    if (key >= OWN_API_FIRST && key < OWN_API_END) return API_COUNT + key - OWN_API_FIRST;
    return key >= 0 && key < API_COUNT ? key : -1;
}

static void keep_versions(struct client_node *n, const struct api_versions_response *r)
{
    for (int i = 0; i < CLIENT_APIS; i++) n->min[i] = n->max[i] = -1;
    for (int32_t i = 0; i < r->api_keys_count; i++) {
        int at = api_at(r->api_keys[i].api_key);
        if (at < 0) continue;
        n->min[at] = r->api_keys[i].min_version;
        n->max[at] = r->api_keys[i].max_version;
    }
    n->api_versions = r;
    n->versions_known = true;
}

static bool ask_versions(struct client *c, struct client_node *n, int64_t deadline_ms)
{
    struct api_versions_request request;
    api_versions_request_init(&request);
    request.client_software_name = STR("samsa");
    request.client_software_version = STR(KAFKA_VERSION);
    /* from 4 on, features whose lowest level is 0 are told (KIP-1022) */
    const struct api_versions_response *r =
        exchange(c, n, API_API_VERSIONS, 4, &request, deadline_ms);
    if (!r || (r->error_code != KAFKA_NONE && r->error_code != KAFKA_UNSUPPORTED_VERSION))
        return false;
    if (r->error_code == KAFKA_UNSUPPORTED_VERSION) {
        /* the refusal is at version 0 and says which versions there are (KIP-511) */
        int16_t max = 0;
        for (int32_t i = 0; i < r->api_keys_count; i++)
            if (r->api_keys[i].api_key == API_API_VERSIONS) max = r->api_keys[i].max_version;
        r = exchange(c, n, API_API_VERSIONS, lower(max, 3), &request, deadline_ms);
    }
    if (!r || r->error_code != KAFKA_NONE) return false;
    keep_versions(n, r);
    return true;
}

static bool ready(struct client *c, struct client_node *n, int64_t deadline_ms)
{
    if (n->fd >= 0 && n->versions_known) return true;
    if (n->fd < 0 && !connect_node(n, deadline_ms)) return false;
    if (ask_versions(c, n, deadline_ms)) return true;
    disconnect(n);
    return false;
}

bool client_serves(struct client *c, struct client_node *n, int16_t api_key, int16_t version)
{
    int at = api_at(api_key);
    return ready(c, n, client_now_ms() + c->request_timeout_ms) && version <= n->max[at] &&
           version >= n->min[at];
}

const void *client_call(struct client *c, struct client_node *n, int16_t api_key,
                        int16_t max_version, const void *request, int16_t *version)
{
    const char *name = api_enum_name(api_key);
    const struct message *type = message_request(api_key);
    int64_t deadline_ms = client_now_ms() + c->request_timeout_ms;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (!ready(c, n, deadline_ms)) continue;
        int at = api_at(api_key);
        int16_t chosen = lower(n->max[at], type->max_stable_version);
        if (max_version >= 0) chosen = lower(chosen, max_version);
        if (chosen < 0 || chosen < n->min[at] || chosen < type->min_version) {
            client_fail(c, ERRORS "UnsupportedVersionException", "The node does not support %s",
                        name);
            return NULL;
        }
        if (message_validate(type, request, chosen)) {
            client_fail(c, ERRORS "UnsupportedVersionException",
                        "The node does not support a version of %s that can say this", name);
            return NULL;
        }
        const void *response = exchange(c, n, api_key, chosen, request, deadline_ms);
        if (version) *version = chosen;
        if (response) return response;
        disconnect(n);
    }
    if (client_now_ms() >= deadline_ms)
        client_fail(c, ERRORS "TimeoutException", "The request %s to %s:%u timed out.", name,
                    n->host, n->port);
    else
        client_fail(c, ERRORS "DisconnectException",
                    "Cancelled %s request due to node %s:%u being disconnected", name, n->host,
                    n->port);
    return NULL;
}

/* ---- nodes */

/* The node of this id from before, moved when its address has changed, or a new one. */
static struct client_node *adopt(struct client *c, int32_t id, struct str host, int32_t port,
                                 struct str rack)
{
    struct client_node *n = client_node(c, id);
    if (!n) {
        if (c->nodes_count == CLIENT_NODES_MAX) return c->nodes[0];
        n = ARENA_NEW(&c->arena, struct client_node);
        n->fd = -1;
        c->nodes[c->nodes_count++] = n;
    }
    if (n->host && (!str_equal_z(host, n->host) || n->port != port)) disconnect(n);
    n->id = id;
    n->host = arena_str(&c->arena, host).data;
    n->port = (uint16_t)port;
    n->rack = str_is_null(rack) ? NULL : arena_str(&c->arena, rack).data;
    return n;
}

static int by_id(const void *a, const void *b)
{
    int32_t x = (*(struct client_node *const *)a)->id, y = (*(struct client_node *const *)b)->id;
    return (x > y) - (x < y);
}

static bool learn_brokers(struct client *c, struct client_node *from)
{
    struct metadata_request request;
    metadata_request_init(&request);
    request.topics = metadata_request_topic_new(&c->arena, 1);
    request.topics_count = 0;
    const struct metadata_response *r = client_call(c, from, API_METADATA, -1, &request, NULL);
    if (!r || !r->brokers_count) return false;
    for (int32_t i = 0; i < r->brokers_count; i++)
        adopt(c, r->brokers[i].node_id, r->brokers[i].host, r->brokers[i].port, r->brokers[i].rack);
    c->controller_id = r->controller_id;
    c->cluster_id = str_is_null(r->cluster_id) ? NULL : arena_str(&c->arena, r->cluster_id).data;
    return true;
}

/* KIP-919: a controller tells of its like by DescribeCluster. */
static bool learn_controllers(struct client *c, struct client_node *from)
{
    struct describe_cluster_request request;
    describe_cluster_request_init(&request);
    request.endpoint_type = 2;
    const struct describe_cluster_response *r =
        client_call(c, from, API_DESCRIBE_CLUSTER, -1, &request, NULL);
    if (!r) return false;
    if (r->error_code != KAFKA_NONE) {
        client_fail_code(c, r->error_code, r->error_message);
        return false;
    }
    for (int32_t i = 0; i < r->brokers_count; i++)
        adopt(c, r->brokers[i].broker_id, r->brokers[i].host, r->brokers[i].port,
              r->brokers[i].rack);
    c->controller_id = r->controller_id;
    c->cluster_id = arena_str(&c->arena, r->cluster_id).data;
    return true;
}

/* A broker where a controller was to be, or the other way round: no later answer will be
 * another. */
static bool never_right(const struct client *c)
{
    return c->failure.class && (strstr(c->failure.class, "MismatchedEndpointType") ||
                                strstr(c->failure.class, "UnsupportedVersion"));
}

bool client_refresh(struct client *c, const char *call)
{
    int64_t deadline_ms = client_now_ms() + c->api_timeout_ms;
    c->failure.class = "";
    do {
        for (int32_t i = 0; i < c->bootstrap_count; i++) {
            struct client_node *n = &c->bootstrap[i];
            if (!ready(c, n, deadline_ms)) continue;
            if (c->controllers ? learn_controllers(c, n) : learn_brokers(c, n)) {
                qsort(c->nodes, (size_t)c->nodes_count, sizeof(struct client_node *), by_id);
                return true;
            }
            if (never_right(c)) return false;
        }
        client_sleep_ms(RETRY_MS);
    } while (client_now_ms() < deadline_ms);
    client_fail(c, ERRORS "TimeoutException", "Timed out waiting for a node assignment. Call: %s",
                call);
    return false;
}

struct client_node *client_node(struct client *c, int32_t id)
{
    for (int32_t i = 0; i < c->nodes_count; i++)
        if (c->nodes[i]->id == id) return c->nodes[i];
    return NULL;
}

struct client_node *client_any(struct client *c)
{
    int64_t deadline_ms = client_now_ms() + c->request_timeout_ms;
    for (int32_t i = 0; i < c->bootstrap_count; i++)
        if (c->bootstrap[i].fd >= 0 && ready(c, &c->bootstrap[i], deadline_ms))
            return &c->bootstrap[i];
    for (int32_t i = 0; i < c->nodes_count; i++)
        if (ready(c, c->nodes[i], deadline_ms)) return c->nodes[i];
    return &c->bootstrap[0];
}

struct client_node *client_controller(struct client *c)
{
    struct client_node *n = client_node(c, c->controller_id);
    int64_t deadline_ms = client_now_ms() + CONNECT_MS_MAX;
    return n && ready(c, n, deadline_ms) ? n : client_any(c);
}

/* "electLeaders" of ELECT_LEADERS: how Java's client calls its calls. */
static const char *call_name(struct client *c, int16_t api_key)
{
    const char *from = api_enum_name(api_key);
    char *name = arena_alloc(&c->arena, strlen(from) + 1), *to = name;
    for (; *from; from++) {
        if (*from == '_')
            *to++ = *++from;
        else
            *to++ = (char)tolower((unsigned char)*from);
    }
    *to = 0;
    return name;
}

const void *client_call_controller(struct client *c, int16_t api_key, const void *request,
                                   size_t error_at)
{
    const char *name = call_name(c, api_key);
    int64_t deadline_ms = client_now_ms() + c->api_timeout_ms;
    do {
        if (!client_refresh(c, name)) return NULL;
        const char *response = client_call(c, client_controller(c), api_key, -1, request, NULL);
        int16_t code = 0;
        if (response) memcpy(&code, response + error_at, sizeof code);
        if (response && code != KAFKA_NOT_CONTROLLER) return response;
        if (!response && strstr(c->failure.class, "UnsupportedVersion")) return NULL;
        client_sleep_ms(RETRY_MS);
    } while (client_now_ms() < deadline_ms);
    client_fail(c, ERRORS "TimeoutException", "Timed out waiting for a node assignment. Call: %s",
                name);
    return NULL;
}

struct client_node *client_group_coordinator(struct client *c, const char *group)
{
    int64_t deadline_ms = client_now_ms() + c->api_timeout_ms;
    struct find_coordinator_request request;
    find_coordinator_request_init(&request);
    struct str key = str_of(group);
    request.key = key;
    request.coordinator_keys = &key;
    request.coordinator_keys_count = 1;
    do {
        struct client_node *any = client_any(c);
        if (client_serves(c, any, API_FIND_COORDINATOR, 4))
            request.key = STR("");
        else
            request.coordinator_keys_count = 0;
        const struct find_coordinator_response *r =
            client_call(c, any, API_FIND_COORDINATOR, -1, &request, NULL);
        if (!r) return NULL;
        int16_t code = r->coordinators_count ? r->coordinators[0].error_code : r->error_code;
        if (code == KAFKA_NONE && r->coordinators_count)
            return adopt(c, r->coordinators[0].node_id, r->coordinators[0].host,
                         r->coordinators[0].port, STR_NULL);
        if (code == KAFKA_NONE) return adopt(c, r->node_id, r->host, r->port, STR_NULL);
        client_fail_code(
            c, code, r->coordinators_count ? r->coordinators[0].error_message : r->error_message);
        if (!kafka_error_is_retriable(code)) return NULL;
        client_sleep_ms(RETRY_MS);
    } while (client_now_ms() < deadline_ms);
    client_fail(c, ERRORS "TimeoutException",
                "Timed out waiting for a node assignment. Call: findCoordinator");
    return NULL;
}

const struct metadata_response *client_topics(struct client *c, const struct str *names,
                                              int32_t count)
{
    struct metadata_request request;
    metadata_request_init(&request);
    request.allow_auto_topic_creation = false;
    request.topics_count = names ? count : -1;
    if (names) {
        request.topics = metadata_request_topic_new(&c->arena, count > 0 ? count : 1);
        for (int32_t i = 0; i < count; i++) request.topics[i].name = names[i];
    }
    return client_call(c, client_any(c), API_METADATA, -1, &request, NULL);
}
