#include "server/node.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broker/metadata_publisher.h"
#include "config/connection_limits.h"
#include "quorum/snapshot_file.h"
#include "server/internal.h"

enum {
    QUORUM_SHUTDOWN_MS_MAX = 5000,
    /* A node that stops does not wait for a controller when there has been none for so long. */
    LEADERLESS_MS_MAX = 5000,
    LEADERLESS_LOOK_MS = 250,
    /* Clients are sent away behind their next answer; those that ask nothing do not wait longer,
     * and nobody longer than for a relayed Produce. */
    DRAIN_IDLE_MS_MAX = 20,
    DRAIN_MS_MAX = 500,
    DRAIN_LOOK_MS = 2,
};

/* ---- ending */

static void node_close_listeners(struct node *n)
{
    for (int32_t i = 0; i < n->servers_count; i++) rpc_server_destroy(n->servers[i]);
    n->servers_count = 0;
}

static void node_close_parts(struct node *n, bool write)
{
    int64_t epoch = n->broker ? n->broker->epoch : -1;
    timer_cancel(n->env.clock, &n->leaderless);
    timer_cancel(n->env.clock, &n->drain);
    node_close_listeners(n);
    if (n->watch) watch_detach(n->watch);
    if (n->broker) broker_destroy(n->broker);
    n->broker = NULL;
    if (n->registration) controller_registration_destroy(n->registration);
    n->registration = NULL;
    if (n->controller) controller_free(n->controller);
    n->controller = NULL;
    if (n->quorum) quorum_close(n->quorum);
    n->quorum = NULL;
    if (write)
        directories_close(&n->directories, epoch);
    else
        directories_abandon(&n->directories);
}

static void node_stop_now(struct task *t)
{
    struct node *n = CONTAINER_OF(t, struct node, stop);
    if (n->stopped) return;
    n->stopped = true;
    node_close_parts(n, true);
    trace_info(n->env.trace,
               n->roles->is_broker ? "kafka.server.BrokerServer" : "kafka.server.ControllerServer",
               "[%s id=%d] shut down completed",
               n->roles->is_broker ? "BrokerServer" : "ControllerServer", n->roles->node_id);
    n->events.stopped(n->events.owner, n->clean);
}

void node_stop_soon(struct node *n, bool clean)
{
    n->clean = clean && !n->failed; /* whoever asks meanwhile, it did not end well */
    task_post(n->env.clock, &n->stop);
}

void node_fatal(void *owner, const char *why)
{
    struct node *n = owner;
    if (n->stopped || n->failed) return; /* what comes of the first reason is no second one */
    n->failed = true;
    trace_line(n->env.trace, TRACE_FATAL, "kafka.Kafka$",
               "Exiting Kafka due to fatal exception: %s", why);
    node_stop_soon(n, false);
}

static int32_t clients_count(const struct node *n)
{
    int32_t count = 0;
    for (int32_t i = 0; i < n->servers_count; i++)
        if (!n->server_is_controller[i]) count += rpc_server_connections_count(n->servers[i]);
    return count;
}

static void node_others_came(void *owner)
{
    struct node *n = owner;
    for (int32_t i = 0; i < n->servers_count; i++)
        if (!n->server_is_controller[i]) rpc_server_end_marked(n->servers[i]);
}

static void node_drain(struct timer *t)
{
    struct node *n = CONTAINER_OF(t, struct node, drain);
    int64_t ms = mono_elapsed_ms(clock_mono(n->env.clock), n->drain_since);
    bool over = clients_count(n) == 0 || ms >= DRAIN_MS_MAX ||
                (ms >= DRAIN_IDLE_MS_MAX && !broker_is_handing_over(n->broker));
    if (!over) {
        timer_arm_in_ms(n->env.clock, t, DRAIN_LOOK_MS);
        return;
    }
    for (int32_t i = 0; i < n->servers_count; i++)
        if (!n->server_is_controller[i]) rpc_server_end_idle(n->servers[i]);
    quorum_shutdown(n->quorum, QUORUM_SHUTDOWN_MS_MAX);
}

/* The broker first: it hands its leaderships over while this node may still be the controller that
 * grants it, and its clients go. Then the quorum's leader tells its successors. */
static void broker_may_stop(void *owner)
{
    struct node *n = owner;
    if (timer_armed(&n->drain)) return;
    n->drain_since = clock_mono(n->env.clock);
    for (int32_t i = 0; i < n->servers_count; i++)
        if (!n->server_is_controller[i]) rpc_server_drain(n->servers[i]);
    node_drain(&n->drain);
}

/* The whole cluster is stopping, or its controllers are gone: nobody is left to grant it. */
static void node_look_for_leader(struct timer *t)
{
    struct node *n = CONTAINER_OF(t, struct node, leaderless);
    int32_t leader = quorum_leader(n->quorum);
    struct mono_time now = clock_mono(n->env.clock);
    bool resigned = leader == n->roles->node_id && !quorum_is_leader(n->quorum);
    if (leader >= 0 && !resigned) n->led = now;
    if (mono_elapsed_ms(now, n->led) < LEADERLESS_MS_MAX) {
        timer_arm_in_ms(n->env.clock, t, LEADERLESS_LOOK_MS);
        return;
    }
    trace_warn(n->env.trace, "kafka.server.BrokerServer",
               "[BrokerServer id=%d] There is no controller that could grant the controlled "
               "shutdown; stopping without it",
               n->roles->node_id);
    node_stop_soon(n, true);
}

void node_shutdown(struct node *n)
{
    bool again = n->stopping;
    n->stopping = true;
    if (!again) watch_stopping(n->watch);
    if (again) {
        node_stop_soon(n, true);
        return;
    }
    if (!n->broker) {
        quorum_shutdown(n->quorum, QUORUM_SHUTDOWN_MS_MAX);
        return;
    }
    trace_info(n->env.trace, "kafka.server.BrokerServer",
               "[BrokerServer id=%d] Beginning controlled shutdown.", n->roles->node_id);
    n->led = clock_mono(n->env.clock);
    timer_arm_in_ms(n->env.clock, &n->leaderless, LEADERLESS_LOOK_MS);
    broker_shutdown(n->broker);
}

/* ---- running */

/* Clients may come: the broker is unfenced, or there is none. */
static void node_running(void *owner)
{
    struct node *n = owner;
    if (n->running) return;
    n->running = true;
    for (int32_t i = 0; i < n->servers_count; i++)
        if (!n->server_is_controller[i]) rpc_server_serve(n->servers[i]);
    trace_info(n->env.trace, "kafka.server.KafkaRaftServer",
               "[KafkaRaftServer nodeId=%d] Kafka Server started", n->roles->node_id);
    n->events.started(n->events.owner);
}

static void node_has_started(struct task *t)
{
    node_running(CONTAINER_OF(t, struct node, started));
}

/* ---- the controller's committer */

static int64_t committer_end_offset(struct committer *c)
{
    return quorum_end_offset(CONTAINER_OF(c, struct node, committer)->quorum);
}

static enum err committer_append(struct committer *c, int32_t epoch,
                                 const struct metadata_record *records, int32_t count, bool atomic,
                                 int64_t *first_offset)
{
    struct node *n = CONTAINER_OF(c, struct node, committer);
    return quorum_append(n->quorum, epoch, records, count, atomic, first_offset);
}

static enum err committer_raise_kraft_version(struct committer *c, int32_t epoch, int16_t level,
                                              bool validate_only, const char **why)
{
    struct node *n = CONTAINER_OF(c, struct node, committer);
    return quorum_raise_kraft_version(n->quorum, epoch, level, validate_only, why);
}

static void committer_resign(struct committer *c, int32_t epoch)
{
    quorum_resign(CONTAINER_OF(c, struct node, committer)->quorum, epoch);
}

static const struct committer_ops committer_ops = {
    .end_offset = committer_end_offset,
    .append = committer_append,
    .raise_kraft_version = committer_raise_kraft_version,
    .resign = committer_resign,
};

/* ---- making */

static enum err bootstrap_record(void *context, struct bytes frame)
{
    struct node *n = context;
    if (n->bootstrap_count == BOOTSTRAP_RECORDS_MAX) return ERR_TOO_LARGE;
    return metadata_record_decode(&n->bootstrap[n->bootstrap_count++],
                                  arena_bytes(&n->arena, frame), &n->arena);
}

static enum err node_read_bootstrap(struct node *n, struct config_error *error)
{
    struct str path =
        arena_printf(&n->arena, "%s/bootstrap.checkpoint", log_dir_path(n->directories.metadata));
    struct snapshot_reader reader = {.context = n, .record = bootstrap_record};
    enum err e = snapshot_file_read(n->env.disk, path.data, &reader);
    if (e == ERR_NOT_FOUND || e == ERR_OK) return ERR_OK;
    return config_error_set(error, "%s cannot be read: %s; restore it or format the directory anew",
                            path.data, err_text(e));
}

static void directory_offline(struct log_dir *dir, void *context)
{
    struct node *n = context;
    if (dir == n->directories.metadata) {
        node_fatal(n, arena_printf(&n->arena,
                                   "Shutdown broker because the metadata log dir %s has failed",
                                   log_dir_path(dir))
                          .data);
        return;
    }
    if (n->broker) broker_directory_failed(n->broker, dir);
}

static struct log_dir_options node_log_dir_options(struct node *n)
{
    const struct config *c = n->config;
    struct log_dir_options o = log_dir_options_default();
    o.config = log_config_new();
    o.producer_id_expiration_ms = config_int(c, CONFIG_PRODUCER_ID_EXPIRATION_MS);
    o.retention_check_ms = config_long(c, CONFIG_LOG_RETENTION_CHECK_INTERVAL_MS);
    o.recovery_checkpoint_ms = config_int(c, CONFIG_LOG_FLUSH_OFFSET_CHECKPOINT_INTERVAL_MS);
    o.start_offset_checkpoint_ms =
        config_int(c, CONFIG_LOG_FLUSH_START_OFFSET_CHECKPOINT_INTERVAL_MS);
    o.high_watermark_checkpoint_ms =
        config_long(c, CONFIG_REPLICA_HIGH_WATERMARK_CHECKPOINT_INTERVAL_MS);
    o.flush_scheduler_ms = config_long(c, CONFIG_LOG_FLUSH_SCHEDULER_INTERVAL_MS);
    o.offline = directory_offline;
    o.context = n;
    return o;
}

static void node_list_endpoints(struct node *n)
{
    const struct listeners *advertised = &n->roles->advertised;
    n->endpoints = ARENA_ARRAY(&n->arena, struct broker_endpoint, advertised->count);
    for (int32_t i = 0; i < advertised->count; i++) {
        const struct listener *l = &advertised->items[i];
        if (node_config_is_controller_listener(n->roles, l->name)) continue;
        n->endpoints[n->endpoints_count++] =
            (struct broker_endpoint){.listener = str_of(l->name),
                                     .host = str_of(l->host),
                                     .port = l->port,
                                     .security_protocol = (int16_t)l->protocol};
    }
}

static void node_make_controller(struct node *n)
{
    n->committer.ops = &committer_ops;
    const struct listeners *own = &n->roles->advertised_controller;
    struct image_endpoint *endpoints = ARENA_ARRAY(&n->arena, struct image_endpoint, own->count);
    for (int32_t i = 0; i < own->count; i++) {
        const struct listener *l = &own->items[i];
        endpoints[i] = (struct image_endpoint){str_of(l->name), str_of(l->host), l->port,
                                               (int16_t)l->protocol};
    }
    struct controller_options options = {
        .node_id = n->roles->node_id,
        .cluster_id = str_of(n->directories.cluster_id),
        .config = n->config,
        .clock = n->env.clock,
        .rng = n->env.rng,
        .trace = n->env.trace,
        .committer = &n->committer,
        .bootstrap = n->bootstrap,
        .bootstrap_count = n->bootstrap_count,
        .endpoints = endpoints,
        .endpoints_count = own->count,
        .events = watch_controller_events(n->watch),
    };
    n->controller = controller_new(&options);
    controller_apis_init(&n->controller_apis, &n->env, n->controller, n->quorum, n->watch);
    n->registration = controller_registration_create(&n->env, n->controller, n->roles->node_id,
                                                     endpoints, own->count);
    node_init_controller_feed(n);
}

static void node_make_broker(struct node *n)
{
    struct broker_options options = {
        .config = n->config,
        .node_id = n->roles->node_id,
        .rack = n->roles->rack,
        .cluster_id = n->directories.cluster_id,
        .endpoints = n->endpoints,
        .endpoints_count = n->endpoints_count,
        .log_dirs = n->directories.items,
        .log_dirs_count = n->directories.data_count,
        .local_controller = n->controller ? &n->controller_apis.dispatch : NULL,
        .own_apis = watch_own_apis(n->watch),
        .history = watch_history(n->watch),
        .owner = n,
        .running = node_running,
        .others_came = node_others_came,
        .may_stop = broker_may_stop,
        .fatal = node_fatal,
    };
    n->broker = broker_create(&n->env, &options);
    node_init_broker_feed(n);
}

static void node_leader_gone(void *owner, int32_t leader_id, int32_t epoch, int64_t stagger_ms)
{
    struct node *n = owner;
    if (quorum_epoch(n->quorum) == epoch) quorum_leader_lost(n->quorum, leader_id, stagger_ms);
}

static const struct image *node_image(void *owner)
{
    const struct node *n = owner;
    return n->broker ? metadata_publisher_image(broker_metadata(n->broker))
                     : controller_image(n->controller);
}

enum err node_create(const struct env *env, struct config *config, const struct node_config *roles,
                     const struct node_events *events, struct node **out,
                     struct config_error *error)
{
    struct node *n = MEM_NEW(struct node);
    n->env = *env;
    n->config = config;
    n->roles = roles;
    n->events = *events;
    n->lead_epoch = -1;
    arena_init(&n->arena, 0);
    task_init(&n->stop, node_stop_now);
    task_init(&n->started, node_has_started);
    timer_init(&n->leaderless, node_look_for_leader);
    timer_init(&n->drain, node_drain);
    struct log_dir_options options = node_log_dir_options(n);
    enum err e = directories_open(&n->env, config, roles, options, &n->directories, error);
    log_config_unref(options.config);
    if (!e && roles->is_controller) e = node_read_bootstrap(n, error);
    if (!e) n->watch = watch_create(&n->env, config, roles, n->directories.cluster_id);
    if (!e) e = node_open_quorum(n, error);
    if (e) {
        directories_abandon(&n->directories);
        watch_free(n->watch);
        arena_free(&n->arena);
        mem_free(n);
        return e;
    }
    if (roles->is_controller) node_make_controller(n);
    if (roles->is_broker) {
        node_list_endpoints(n);
        node_make_broker(n);
    }
    watch_attach(n->watch, &(struct watch_parts){.controller = n->controller,
                                                 .owner = n,
                                                 .image = node_image,
                                                 .leader_gone = node_leader_gone});
    *out = n;
    return ERR_OK;
}

static void node_limit_connections(void *owner, const char *address,
                                   struct rpc_server_config *config)
{
    const struct node *n = owner;
    config->connections_max = connection_limit_of_listener(n->config, config->listener_name);
    config->connections_per_ip_max = connection_limit_of_address(n->config, address);
}

static enum err node_listen(struct node *n, const struct listener *l, struct config_error *error)
{
    INVARIANT(n->servers_count < NODE_LISTENERS_MAX); /* node_config_read has counted */
    const struct config *c = n->config;
    bool is_controller = node_config_is_controller_listener(n->roles, l->name);
    struct rpc_server_config config = rpc_server_defaults();
    config.listener_name = l->name;
    config.host = l->host[0] ? l->host : NULL;
    config.port = l->port;
    config.backlog = config_int(c, CONFIG_SOCKET_LISTEN_BACKLOG_SIZE);
    config.peer_ended = watch_peer_ended;
    config.peer_owner = n->watch;
    config.request_bytes_max = config_int(c, CONFIG_SOCKET_REQUEST_MAX_BYTES);
    config.queued_bytes_max = config_long(c, CONFIG_QUEUED_MAX_REQUEST_BYTES);
    config.limit = node_limit_connections;
    config.limit_owner = n;
    config.connection_idle_ms_max = config_long(c, CONFIG_CONNECTIONS_MAX_IDLE_MS);
    enum err e = rpc_server_create(&n->env, &config,
                                   is_controller ? &n->controller_apis.dispatch : n->broker->apis,
                                   &n->servers[n->servers_count]);
    if (e) {
        config_error_set(
            error,
            "listener %s://%s:%u cannot be opened: %s; stop who uses the port, or change "
            "listeners",
            l->name, l->host, l->port, err_text(e));
        return e;
    }
    n->server_is_controller[n->servers_count] = is_controller;
    if (is_controller) rpc_server_serve(n->servers[n->servers_count]);
    n->servers_count++;
    return ERR_OK;
}

enum err node_start(struct node *n, struct config_error *error)
{
    const struct listeners *listeners = &n->roles->listeners;
    for (int32_t i = 0; i < listeners->count; i++) {
        enum err e = node_listen(n, &listeners->items[i], error);
        if (e) return e;
    }
    if (n->controller) quorum_subscribe(n->quorum, &n->controller_feed);
    if (n->broker) quorum_subscribe(n->quorum, &n->broker_feed);
    quorum_start(n->quorum);
    if (n->broker)
        broker_start(n->broker);
    else
        task_post(n->env.clock, &n->started);
    return ERR_OK;
}

void node_abandon(struct node *n)
{
    n->stopped = true;
    task_cancel(&n->stop);
    task_cancel(&n->started);
    node_close_parts(n, false);
    node_destroy(n);
}

void node_destroy(struct node *n)
{
    if (!n->stopped) node_close_parts(n, false);
    task_cancel(&n->stop);
    task_cancel(&n->started);
    watch_free(n->watch);
    arena_free(&n->arena);
    mem_free(n);
}

struct broker *node_broker(const struct node *n)
{
    return n->broker;
}

struct controller *node_controller(const struct node *n)
{
    return n->controller;
}

struct quorum *node_quorum(const struct node *n)
{
    return n->quorum;
}

struct history *node_history(const struct node *n)
{
    return watch_history(n->watch);
}
