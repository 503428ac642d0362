#include "config/node.h"

#include <strings.h>

#include "config/connection_limits.h"

#define FAIL(id, ...) return fail(c, arena, (id), error, arena_printf(arena, __VA_ARGS__))

/* The cause behind the place of the key at fault. */
static enum err fail(const struct config *c, struct arena *arena, enum config_id id,
                     struct config_error *error, struct str cause)
{
    struct str place = config_place(c, id, arena);
    return config_error_set(error, "%.*s%.*s", STR_ARG(place), STR_ARG(cause));
}

/* Of two keys that do not fit each other, the one that stands in the file. */
static enum config_id either(const struct config *c, enum config_id id, enum config_id other)
{
    return config_is_set(c, id) ? id : other;
}

bool node_config_is_controller_listener(const struct node_config *n, const char *name)
{
    for (int32_t i = 0; i < n->controller_names_count; i++)
        if (strcasecmp(n->controller_names[i], name) == 0) return true;
    return false;
}

/* "PLAINTEXT,EXTERNAL" of those listeners that are (or are not) the controllers'. */
static const char *names_of(const struct listeners *l, struct arena *arena)
{
    struct str names = STR("");
    for (int32_t i = 0; i < l->count; i++)
        names = arena_printf(arena, "%.*s%s%s", STR_ARG(names), i ? "," : "", l->items[i].name);
    return names.data;
}

static void read_names(const struct config *c, struct arena *arena, struct node_config *n)
{
    int32_t count;
    const struct str *names = config_list(c, CONFIG_CONTROLLER_LISTENER_NAMES, &count);
    n->controller_names = ARENA_ARRAY(arena, const char *, count);
    n->controller_names_count = count;
    for (int32_t i = 0; i < count; i++) {
        char *z = arena_alloc(arena, (size_t)names[i].len + 1);
        for (int32_t k = 0; k <= names[i].len; k++) {
            char ch = names[i].data[k];
            z[k] = (char)(ch >= 'a' && ch <= 'z' ? ch - 'a' + 'A' : ch);
        }
        n->controller_names[i] = z;
    }
}

/* listener.security.protocol.map; by default a controller listener that it does not name is
 * PLAINTEXT, as long as every listener in sight is (effectiveListenerSecurityProtocolMap). */
static enum err read_security(const struct config *c, struct arena *arena, struct node_config *n,
                              struct config_error *error)
{
    struct config_error cause;
    const char *text = config_string(c, CONFIG_LISTENER_SECURITY_PROTOCOL_MAP);
    if (security_map_parse(text, arena, &n->security, &cause))
        FAIL(CONFIG_LISTENER_SECURITY_PROTOCOL_MAP, "%s", cause.text);
    if (config_is_set(c, CONFIG_LISTENER_SECURITY_PROTOCOL_MAP)) return ERR_OK;
    int32_t count;
    const struct str *listeners = config_list(c, CONFIG_LISTENERS, &count);
    for (int32_t i = 0; i < count; i++) {
        static const char *const secure[] = {"SSL://", "SASL_PLAINTEXT://", "SASL_SSL://"};
        for (int k = 0; k < 3; k++)
            if (strncasecmp(listeners[i].data, secure[k], strlen(secure[k])) == 0) return ERR_OK;
    }
    for (int32_t i = 0; i < n->controller_names_count; i++) {
        bool known = false;
        for (int32_t k = 0; k < n->security.count && !known; k++)
            known = strcmp(n->security.items[k].name, n->controller_names[i]) == 0;
        if (known || n->security.count == SECURITY_MAP_MAX) continue;
        n->security.items[n->security.count].name = n->controller_names[i];
        n->security.items[n->security.count++].protocol = SECURITY_PLAINTEXT;
    }
    return ERR_OK;
}

/* What the quorum is told about this node: the advertised controller listener, else the listener
 * itself; with no usable host, the one that controller.quorum.voters names for this node. */
static void read_advertised_controller(struct arena *arena, struct node_config *n,
                                       const struct listeners *advertised)
{
    n->advertised_controller.items = ARENA_ARRAY(arena, struct listener, n->controller_names_count);
    for (int32_t i = 0; i < n->controller_names_count; i++) {
        const struct listener *from = listeners_find(advertised, n->controller_names[i]);
        bool derived = !from;
        if (!from) from = listeners_find(&n->listeners, n->controller_names[i]);
        if (!from) continue;
        struct listener *l = &n->advertised_controller.items[n->advertised_controller.count++];
        *l = *from;
        if (!derived) continue;
        bool anywhere = !*l->host || strcmp(l->host, "0.0.0.0") == 0;
        if (strcmp(l->host, "0.0.0.0") == 0) l->host = "";
        for (int32_t v = 0; i == 0 && anywhere && v < n->voters_count; v++) {
            if (n->voters[v].id != n->node_id) continue;
            l->host = n->voters[v].host;
            l->port = n->voters[v].port;
        }
    }
}

static enum err read_listeners(const struct config *c, struct arena *arena, struct node_config *n,
                               struct config_error *error)
{
    struct config_error cause;
    if (listeners_parse(&c->values[CONFIG_LISTENERS], &n->security, true, arena, &n->listeners,
                        &cause))
        FAIL(CONFIG_LISTENERS, "%s", cause.text);
    if (n->listeners.count > NODE_LISTENERS_MAX)
        FAIL(CONFIG_LISTENERS, "%d listeners, and a node has at most %d", n->listeners.count,
             NODE_LISTENERS_MAX);
    struct listeners told = {0};
    bool given = !config_is_null(c, CONFIG_ADVERTISED_LISTENERS);
    if (given && listeners_parse(&c->values[CONFIG_ADVERTISED_LISTENERS], &n->security, false,
                                 arena, &told, &cause))
        FAIL(CONFIG_ADVERTISED_LISTENERS, "%s", cause.text);
    const struct listeners *from = given ? &told : &n->listeners;
    n->advertised.items = ARENA_ARRAY(arena, struct listener, from->count);
    for (int32_t i = 0; i < from->count; i++)
        if (!node_config_is_controller_listener(n, from->items[i].name))
            n->advertised.items[n->advertised.count++] = from->items[i];
    read_advertised_controller(arena, n, &told);
    n->inter_broker_name = config_string(c, CONFIG_INTER_BROKER_LISTENER_NAME);
    if (n->inter_broker_name && config_is_set(c, CONFIG_SECURITY_INTER_BROKER_PROTOCOL))
        FAIL(CONFIG_INTER_BROKER_LISTENER_NAME,
             "Only one of inter.broker.listener.name and security.inter.broker.protocol should be "
             "set.");
    if (!n->inter_broker_name)
        n->inter_broker_name = config_string(c, CONFIG_SECURITY_INTER_BROKER_PROTOCOL);
    return ERR_OK;
}

static enum err check_directories(const struct config *c, struct arena *arena,
                                  struct node_config *n, struct config_error *error)
{
    enum config_id id = config_is_null(c, CONFIG_LOG_DIRS) ? CONFIG_LOG_DIR : CONFIG_LOG_DIRS;
    int32_t count;
    const struct str *dirs = config_list(c, id, &count);
    n->log_dirs = ARENA_ARRAY(arena, const char *, count);
    for (int32_t i = 0; i < count; i++) n->log_dirs[n->log_dirs_count++] = dirs[i].data;
    if (n->log_dirs_count == 0)
        FAIL(id, "requirement failed: At least one log directory must be defined via log.dirs or "
                 "log.dir.");
    const struct str *cordoned = config_list(c, CONFIG_CORDONED_LOG_DIRS, &count);
    struct config_error cause;
    if (config_check_cordoned(c, cordoned, count, &cause))
        FAIL(CONFIG_CORDONED_LOG_DIRS, "%s", cause.text);
    n->metadata_dir = config_string(c, CONFIG_METADATA_LOG_DIR);
    if (!n->metadata_dir) n->metadata_dir = n->log_dirs[0];
    int32_t all = n->log_dirs_count + 1;
    for (int32_t i = 0; i < n->log_dirs_count && all > n->log_dirs_count; i++)
        if (strcmp(n->log_dirs[i], n->metadata_dir) == 0) all--;
    if (all > NODE_DIRECTORIES_MAX)
        FAIL(id, "%d log directories, and a node has at most %d", all, NODE_DIRECTORIES_MAX);
    return ERR_OK;
}

static bool is_voter(const struct node_config *n)
{
    for (int32_t i = 0; i < n->voters_count; i++)
        if (n->voters[i].id == n->node_id) return true;
    return false;
}

static const char *voter_set(const struct node_config *n, struct arena *arena)
{
    struct str text = STR("Set(");
    for (int32_t i = 0; i < n->voters_count; i++)
        text = arena_printf(arena, "%.*s%s%d", STR_ARG(text), i ? ", " : "", n->voters[i].id);
    return arena_printf(arena, "%.*s)", STR_ARG(text)).data;
}

static enum err check_broker_only(const struct config *c, struct arena *arena,
                                  const struct node_config *n, struct config_error *error)
{
    if (is_voter(n))
        FAIL(CONFIG_CONTROLLER_QUORUM_VOTERS,
             "requirement failed: If process.roles contains just the 'broker' role, the node id %d "
             "must not be included in the set of voters controller.quorum.voters=%s",
             n->node_id, voter_set(n, arena));
    for (int32_t i = 0; i < n->controller_names_count; i++) {
        const char *name = n->controller_names[i];
        if (listeners_find(&n->listeners, name))
            FAIL(CONFIG_LISTENERS,
                 "requirement failed: controller.listener.names must not contain a value appearing "
                 "in the 'listeners' configuration when running KRaft with just the broker role");
        bool mapped = false;
        for (int32_t k = 0; k < n->security.count && !mapped; k++)
            mapped = strcmp(n->security.items[k].name, name) == 0;
        if (!mapped)
            FAIL(CONFIG_LISTENER_SECURITY_PROTOCOL_MAP,
                 "Controller listener with name %s defined in controller.listener.names not found "
                 "in listener.security.protocol.map  (an explicit security mapping for each "
                 "controller listener is required if listener.security.protocol.map is non-empty, "
                 "or if there are security protocols other than PLAINTEXT in use)",
                 name);
    }
    if (config_bool(c, CONFIG_CONTROLLER_QUORUM_AUTO_JOIN_ENABLE))
        FAIL(CONFIG_CONTROLLER_QUORUM_AUTO_JOIN_ENABLE,
             "requirement failed: controller.quorum.auto.join.enable is only supported when "
             "process.roles contains the 'controller' role.");
    return ERR_OK;
}

static enum err check_controller(const struct config *c, struct arena *arena,
                                 const struct node_config *n, struct config_error *error)
{
    if (!n->is_broker && n->advertised_controller.count != n->listeners.count)
        FAIL(
            CONFIG_LISTENERS,
            "requirement failed: The listeners config must only contain KRaft controller listeners "
            "from controller.listener.names when process.roles=controller");
    if (n->voters_count && !is_voter(n))
        FAIL(CONFIG_CONTROLLER_QUORUM_VOTERS,
             "requirement failed: If process.roles contains the 'controller' role, the node id %d "
             "must be included in the set of voters controller.quorum.voters=%s",
             n->node_id, voter_set(n, arena));
    if (n->advertised_controller.count == 0)
        FAIL(CONFIG_CONTROLLER_LISTENER_NAMES,
             "requirement failed: controller.listener.names must contain at least one value "
             "appearing in the 'listeners' configuration when running the KRaft controller role");
    for (int32_t i = 0; i < n->controller_names_count; i++)
        if (!listeners_find(&n->listeners, n->controller_names[i]))
            FAIL(CONFIG_CONTROLLER_LISTENER_NAMES,
                 "requirement failed: controller.listener.names must only contain values appearing "
                 "in the 'listeners' configuration when running the KRaft controller role");
    return ERR_OK;
}

static enum err check_broker(const struct config *c, struct arena *arena,
                             const struct node_config *n, struct config_error *error)
{
    const char *advertised = names_of(&n->advertised, arena);
    if (n->advertised.count == 0)
        FAIL(CONFIG_ADVERTISED_LISTENERS,
             "requirement failed: There must be at least one broker advertised listener. Perhaps "
             "all listeners appear in controller.listener.names?");
    if (!listeners_find(&n->advertised, n->inter_broker_name))
        FAIL(CONFIG_INTER_BROKER_LISTENER_NAME,
             "requirement failed: inter.broker.listener.name must be a listener name defined in "
             "advertised.listeners. The valid options based on currently configured listeners are "
             "%s",
             advertised);
    for (int32_t i = 0; i < n->advertised.count; i++)
        if (!listeners_find(&n->listeners, n->advertised.items[i].name))
            FAIL(CONFIG_ADVERTISED_LISTENERS,
                 "requirement failed: advertised.listeners listener names must be equal to or a "
                 "subset of the ones defined in listeners. Found %s. The valid options based on "
                 "the current configuration are %s",
                 advertised, names_of(&n->listeners, arena));
    return ERR_OK;
}

static enum err check_routable(const struct config *c, struct arena *arena,
                               const struct listeners *l, struct config_error *error)
{
    for (int32_t i = 0; i < l->count; i++)
        if (strcmp(l->items[i].host, "0.0.0.0") == 0)
            FAIL(config_is_null(c, CONFIG_ADVERTISED_LISTENERS) ? CONFIG_LISTENERS
                                                                : CONFIG_ADVERTISED_LISTENERS,
                 "requirement failed: advertised.listeners cannot use the nonroutable meta-address "
                 "0.0.0.0. Use a routable IP address.");
    return ERR_OK;
}

/* Relations between numbers. */
static enum err check_numbers(const struct config *c, struct arena *arena,
                              struct config_error *error)
{
    if (!config_is_null(c, CONFIG_LOG_ROLL_MS) && config_long(c, CONFIG_LOG_ROLL_MS) < 1)
        FAIL(CONFIG_LOG_ROLL_MS,
             "requirement failed: log.roll.ms must be greater than or equal to 1");
    if (config_long(c, CONFIG_LOG_ROLL_JITTER_MS) < 0)
        FAIL(CONFIG_LOG_ROLL_JITTER_MS,
             "requirement failed: log.roll.jitter.ms must be greater than or equal to 0");
    static const enum config_id retention[] = {
        CONFIG_LOG_RETENTION_MS, CONFIG_LOG_RETENTION_MINUTES, CONFIG_LOG_RETENTION_HOURS};
    for (int i = 0; i < 3; i++) {
        if (config_is_null(c, retention[i])) continue;
        int64_t v = config_long(c, retention[i]);
        if (v == 0)
            FAIL(retention[i], "requirement failed: log.retention.ms must be unlimited (-1) or, "
                               "greater than or equal to 1");
        break;
    }
    if (config_long(c, CONFIG_LOG_CLEANER_THREADS) > 0 &&
        config_long(c, CONFIG_LOG_CLEANER_DEDUPE_BUFFER_SIZE) /
                config_long(c, CONFIG_LOG_CLEANER_THREADS) <=
            1024 * 1024)
        FAIL(either(c, CONFIG_LOG_CLEANER_DEDUPE_BUFFER_SIZE, CONFIG_LOG_CLEANER_THREADS),
             "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner "
             "thread.");
    int64_t fetch_wait_ms = config_long(c, CONFIG_REPLICA_FETCH_WAIT_MAX_MS);
    if (fetch_wait_ms > config_long(c, CONFIG_REPLICA_SOCKET_TIMEOUT_MS))
        FAIL(either(c, CONFIG_REPLICA_SOCKET_TIMEOUT_MS, CONFIG_REPLICA_FETCH_WAIT_MAX_MS),
             "requirement failed: replica.socket.timeout.ms should always be at least "
             "replica.fetch.wait.max.ms to prevent unnecessary socket timeouts");
    if (fetch_wait_ms > config_long(c, CONFIG_REPLICA_LAG_TIME_MAX_MS))
        FAIL(either(c, CONFIG_REPLICA_LAG_TIME_MAX_MS, CONFIG_REPLICA_FETCH_WAIT_MAX_MS),
             "requirement failed: replica.fetch.wait.max.ms should always be less than or equal to "
             "replica.lag.time.max.ms to prevent frequent changes in ISR");
    const char *selector = config_string(c, CONFIG_REPLICA_SELECTOR_CLASS);
    if (selector && *selector && strcmp(selector, REPLICA_SELECTOR_RACK_AWARE) != 0 &&
        strcmp(selector, REPLICA_SELECTOR_LEADER) != 0)
        FAIL(CONFIG_REPLICA_SELECTOR_CLASS,
             "Class %s is not known; " REPLICA_SELECTOR_RACK_AWARE " and " REPLICA_SELECTOR_LEADER
             " are built in.",
             selector);
    int64_t queued = config_long(c, CONFIG_QUEUED_MAX_REQUEST_BYTES);
    if (queued > 0 && queued < config_long(c, CONFIG_SOCKET_REQUEST_MAX_BYTES))
        FAIL(CONFIG_QUEUED_MAX_REQUEST_BYTES,
             "requirement failed: queued.max.request.bytes must be larger or equal to "
             "socket.request.max.bytes");
    struct config_error cause;
    if (connection_overrides_check(config_string(c, CONFIG_MAX_CONNECTIONS_PER_IP_OVERRIDES),
                                   &cause))
        FAIL(CONFIG_MAX_CONNECTIONS_PER_IP_OVERRIDES, "%s", cause.text);
    if (config_long(c, CONFIG_MAX_CONNECTIONS_PER_IP) == 0 &&
        !*config_string(c, CONFIG_MAX_CONNECTIONS_PER_IP_OVERRIDES))
        FAIL(CONFIG_MAX_CONNECTIONS_PER_IP,
             "requirement failed: max.connections.per.ip can be set to zero only if "
             "max.connections.per.ip.overrides property is set.");
    return ERR_OK;
}

static enum err read_quorum(const struct config *c, struct arena *arena, struct node_config *n,
                            struct config_error *error)
{
    struct config_error cause;
    if (quorum_voters_parse(&c->values[CONFIG_CONTROLLER_QUORUM_VOTERS], arena, &n->voters,
                            &n->voters_count, &cause))
        FAIL(CONFIG_CONTROLLER_QUORUM_VOTERS, "%s", cause.text);
    if (quorum_servers_parse(&c->values[CONFIG_CONTROLLER_QUORUM_BOOTSTRAP_SERVERS], arena,
                             &n->servers, &n->servers_count, &cause))
        FAIL(CONFIG_CONTROLLER_QUORUM_BOOTSTRAP_SERVERS, "%s", cause.text);
    if (n->voters_count == 0 && n->servers_count == 0)
        FAIL(CONFIG_PROCESS_ROLES,
             "If using process.roles, either controller.quorum.bootstrap.servers must contain the "
             "set of bootstrap controllers or controller.quorum.voters must contain a parseable "
             "set of controllers.");
    return ERR_OK;
}

enum err node_config_read(const struct config *c, struct arena *arena, struct node_config *n,
                          struct config_error *error)
{
    *n = (struct node_config){.node_id = config_int(c, CONFIG_NODE_ID),
                              .rack = config_string(c, CONFIG_BROKER_RACK)};
    int32_t count;
    const struct str *roles = config_list(c, CONFIG_PROCESS_ROLES, &count);
    for (int32_t i = 0; i < count; i++) {
        if (str_equal_z(roles[i], "broker")) n->is_broker = true;
        if (str_equal_z(roles[i], "controller")) n->is_controller = true;
    }
    if (config_int(c, CONFIG_BROKER_ID) != n->node_id)
        FAIL(CONFIG_BROKER_ID,
             "`node.id` and `broker.id` must be set to the same value. `broker.id` is deprecated, "
             "please use `node.id` instead.");
    read_names(c, arena, n);
    enum err e = check_numbers(c, arena, error);
    if (!e) e = check_directories(c, arena, n, error);
    if (!e) e = read_quorum(c, arena, n, error);
    if (!e) e = read_security(c, arena, n, error);
    if (!e) e = read_listeners(c, arena, n, error);
    if (!e && !n->is_controller) e = check_broker_only(c, arena, n, error);
    if (!e && n->is_controller) e = check_controller(c, arena, n, error);
    if (!e && n->is_broker) e = check_broker(c, arena, n, error);
    if (!e) e = check_routable(c, arena, &n->advertised, error);
    if (!e) e = check_routable(c, arena, &n->advertised_controller, error);
    return e;
}
