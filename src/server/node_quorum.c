/* A node's part in the quorum: its options from the configuration, and what follows from leadership
 * and commits for the node's controller and broker.
 *
 *   another leads ──> controller renounces, is a standby fed with what commits
 *   this node leads ──> everything before its epoch has committed and been applied ──> controller
 *                       leads: its image was there already, nothing is loaded */
#include "broker/metadata_publisher.h"
#include "metadata/snapshot.h"
#include "server/internal.h"

/* ---- leadership */

static void lead_or_follow(struct node *n, int32_t leader_id, int32_t epoch)
{
    struct controller *c = n->controller;
    controller_set_leader(c, leader_id);
    bool leads = leader_id == n->roles->node_id && quorum_is_leader(n->quorum);
    if (leads && controller_epoch(c) == epoch) return;
    if (controller_epoch(c) >= 0) {
        controller_renounce(c);
        n->controller_feed.position = controller_end_offset(c);
    }
    n->controller_feed.wants_committed = true;
    n->lead_epoch = leads ? epoch : -1;
}

static void leader_changed(void *owner, int32_t leader_id, int32_t epoch, const char *host,
                           uint16_t port)
{
    struct node *n = owner;
    watch_leader_changed(n->watch, leader_id, epoch);
    int32_t reachable = leader_id == n->roles->node_id || host ? leader_id : -1;
    if (n->controller) lead_or_follow(n, leader_id, epoch);
    if (n->registration) controller_registration_set_leader(n->registration, reachable, host, port);
    if (n->broker) broker_set_controller(n->broker, reachable, host, port);
}

static void leader_unreachable(void *owner, int32_t leader_id, int32_t epoch, struct str host,
                               uint16_t port, enum err e)
{
    struct node *n = owner;
    watch_leader_unreachable(n->watch, leader_id, epoch, host, port, e);
}

static void leader_answered(void *owner, int32_t leader_id)
{
    struct node *n = owner;
    watch_leader_answered(n->watch, leader_id);
}

/* ---- snapshots */

static bool next_snapshot_record(void *context, struct metadata_record *record, struct arena *arena)
{
    return image_snapshot_next(context, record, arena);
}

/* The broker's image holds what has committed, and so does a standby's; an active controller's does
 * in the moments when nothing is under way. */
static void write_snapshot(struct node *n)
{
    const struct image *image = n->broker ? metadata_publisher_image(broker_metadata(n->broker))
                                          : controller_image(n->controller);
    int64_t committed = n->broker ? n->broker_feed.position : quorum_high_watermark(n->quorum);
    if (image->end_offset <= 0 || image->end_offset != committed) return;
    n->snapshot_wanted = false;
    struct image_snapshot s;
    image_snapshot_init(&s, image);
    enum err e =
        quorum_write_snapshot(n->quorum, image->end_offset, image->epoch, next_snapshot_record, &s);
    image_snapshot_free(&s);
    if (e)
        trace_error(n->env.trace, "org.apache.kafka.image.publisher.SnapshotGenerator",
                    "A metadata snapshot could not be written: %s; the log is kept", err_text(e));
}

static void snapshot_due(void *owner)
{
    struct node *n = owner;
    n->snapshot_wanted = true;
    write_snapshot(n);
}

/* ---- commits */

static void committed(void *owner, int64_t end_offset)
{
    struct node *n = owner;
    int16_t kraft_version = quorum_kraft_version(n->quorum);
    watch_committed(n->watch, end_offset);
    if (n->broker) n->broker->kraft_version = kraft_version;
    if (n->controller) {
        controller_set_kraft_version(n->controller, kraft_version);
        bool all_before = quorum_is_leader(n->quorum) && quorum_epoch(n->quorum) == n->lead_epoch &&
                          end_offset > quorum_epoch_start(n->quorum);
        if (n->lead_epoch >= 0 && all_before) {
            int32_t epoch = n->lead_epoch;
            n->lead_epoch = -1;
            n->controller_feed.wants_committed = false;
            controller_lead(n->controller, epoch);
        }
        controller_committed(n->controller, end_offset);
        controller_registration_check(n->registration);
    }
    if (n->snapshot_wanted) write_snapshot(n);
}

static void may_stop(void *owner)
{
    node_stop_soon(owner, true);
}

static void held_back(void *owner, bool is_held_back)
{
    struct node *n = owner;
    if (n->broker) broker_metadata_held_back(n->broker, is_held_back);
}

static const struct quorum_events events = {
    .leader_changed = leader_changed,
    .leader_unreachable = leader_unreachable,
    .leader_answered = leader_answered,
    .committed = committed,
    .failed = node_fatal,
    .held_back = held_back,
    .snapshot_due = snapshot_due,
    .may_stop = may_stop,
};

/* ---- options */

static void take_addresses(struct node *n, struct quorum_options *o)
{
    const struct node_config *r = n->roles;
    struct quorum_voter_config *voters =
        ARENA_ARRAY(&n->arena, struct quorum_voter_config, r->voters_count);
    for (int32_t i = 0; i < r->voters_count; i++)
        voters[i] = (struct quorum_voter_config){
            .id = r->voters[i].id, .host = r->voters[i].host, .port = r->voters[i].port};
    struct quorum_address *servers =
        ARENA_ARRAY(&n->arena, struct quorum_address, r->servers_count);
    for (int32_t i = 0; i < r->servers_count; i++)
        servers[i] =
            (struct quorum_address){.host = r->servers[i].host, .port = r->servers[i].port};
    const struct listeners *own = &r->advertised_controller;
    struct quorum_listener *listeners = ARENA_ARRAY(&n->arena, struct quorum_listener, own->count);
    int32_t count = r->is_controller ? own->count : 0;
    for (int32_t i = 0; i < count; i++)
        listeners[i] = (struct quorum_listener){
            .name = own->items[i].name, .host = own->items[i].host, .port = own->items[i].port};
    o->voters = voters;
    o->voters_count = r->voters_count;
    o->servers = servers;
    o->servers_count = r->servers_count;
    o->listeners = listeners;
    o->listeners_count = count;
}

static struct quorum_options options_of(struct node *n)
{
    const struct node_config *r = n->roles;
    const struct config *c = n->config;
    struct quorum_options o = {
        .history = watch_history(n->watch),
        .node_id = r->node_id,
        .is_controller = r->is_controller,
        .cluster_id = n->directories.cluster_id,
        .directory_id = log_dir_id(n->directories.metadata),
        .listener = r->controller_names_count ? r->controller_names[0] : "",
        .auto_join = config_bool(c, CONFIG_CONTROLLER_QUORUM_AUTO_JOIN_ENABLE),
        .election_timeout_ms = config_int(c, CONFIG_CONTROLLER_QUORUM_ELECTION_TIMEOUT_MS),
        .election_backoff_ms_max = config_int(c, CONFIG_CONTROLLER_QUORUM_ELECTION_BACKOFF_MAX_MS),
        .fetch_timeout_ms = config_int(c, CONFIG_CONTROLLER_QUORUM_FETCH_TIMEOUT_MS),
        .request_timeout_ms = config_int(c, CONFIG_CONTROLLER_QUORUM_REQUEST_TIMEOUT_MS),
        .retry_backoff_ms = config_int(c, CONFIG_CONTROLLER_QUORUM_RETRY_BACKOFF_MS),
        .append_linger_ms = config_int(c, CONFIG_CONTROLLER_QUORUM_APPEND_LINGER_MS),
        .fetch_bytes_max = config_int(c, CONFIG_CONTROLLER_QUORUM_FETCH_MAX_BYTES),
        .fetch_snapshot_bytes_max =
            config_int(c, CONFIG_CONTROLLER_QUORUM_FETCH_SNAPSHOT_MAX_BYTES),
        .snapshot_bytes = config_long(c, CONFIG_METADATA_LOG_MAX_RECORD_BYTES_BETWEEN_SNAPSHOTS),
        .snapshot_ms = config_long(c, CONFIG_METADATA_LOG_MAX_SNAPSHOT_INTERVAL_MS),
        .retention_bytes = config_long(c, CONFIG_METADATA_MAX_RETENTION_BYTES),
        .retention_ms = config_long(c, CONFIG_METADATA_MAX_RETENTION_MS),
        .segment_bytes = config_int(c, CONFIG_METADATA_LOG_SEGMENT_BYTES),
        .segment_ms = config_long(c, CONFIG_METADATA_LOG_SEGMENT_MS),
    };
    take_addresses(n, &o);
    return o;
}

enum err node_open_quorum(struct node *n, struct config_error *error)
{
    struct quorum_options options = options_of(n);
    struct quorum_events told = events;
    told.owner = n;
    const char *why = NULL;
    enum err e = quorum_open(&n->env, n->directories.metadata, &options, &told, &n->quorum, &why);
    return e ? config_error_set(error, "%s: %s (%s)", log_dir_path(n->directories.metadata), why,
                                err_text(e))
             : ERR_OK;
}
