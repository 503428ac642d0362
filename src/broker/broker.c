#include "broker/broker.h"

#include <stdio.h>

#include "base/map.h"
#include "base/mem.h"
#include "broker/apis.h"
#include "broker/absence.h"
#include "broker/doubted_reads.h"
#include "broker/auto_topics.h"
#include "broker/controller_channel.h"
#include "broker/coordinator_log.h"
#include "broker/directory_assignments.h"
#include "broker/handover.h"
#include "broker/isr_proposals.h"
#include "broker/lifecycle.h"
#include "broker/metadata_publisher.h"
#include "broker/no_room.h"
#include "broker/partition_changes.h"
#include "broker/producer_ids.h"
#include "broker/replication.h"
#include "broker/settling.h"
#include "config/config.h"
#include "config/topic.h"
#include "group/coordinator.h"
#include "log/log_dir.h"
#include "metadata/feature.h"
#include "replica/fetch_session.h"
#include "replica/lease.h"
#include "replica/replica_manager.h"

enum {
    CONTROLLER_REQUEST_TIMEOUT_MS = 60000,
    CONTROLLED_SHUTDOWN_MS_MAX = 5 * 60 * 1000,
};

struct broker_parts {
    struct broker_options options;
    struct dispatch apis;
    struct config *config;
    struct metadata_publisher *metadata;
    struct uuid *directories;
    struct map coordinator_logs; /* partition of __consumer_offsets -> struct coordinator_log */
    struct isr_proposals *isr_proposals;
    struct directory_assignments *assignments;
    struct no_room *no_room;
};

/* ---- what the replica manager asks and tells */

static bool is_offsets_topic(const struct replica *r)
{
    return str_equal_z(r->topic->name, "__consumer_offsets");
}

static void coordinator_log_moved(struct coordinator_log *l)
{
    struct broker *b = l->owner;
    group_coordinator_high_watermark_moved(b->groups, l->replica->partition);
}

static void coordinator_resign(struct broker *b, int32_t partition)
{
    struct coordinator_log *l = map_remove_u64(&b->parts->coordinator_logs, (uint64_t)partition);
    if (!l) return;
    group_coordinator_resigned(b->groups, partition);
    coordinator_log_close(l);
    mem_free(l);
}

static void drifted(void *owner, struct replica *r)
{
    struct broker *b = owner;
    struct partition_move m = {.topic = r->topic->name,
                               .partition = r->partition,
                               .old_leader = b->node_id,
                               .new_leader = b->node_id,
                               .leader_epoch = r->core.leader_epoch};
    partition_changes_drifts(b->changes, &m, r->adrift);
}

static void leadership_moved(void *owner, struct replica *r)
{
    struct broker *b = owner;
    if (!is_offsets_topic(r)) return;
    coordinator_resign(b, r->partition);
    if (r->core.role != PARTITION_LEADER || r->adrift) return;
    struct coordinator_log *l = MEM_NEW(struct coordinator_log);
    coordinator_log_init(l, r, coordinator_log_moved, b);
    map_put_u64(&b->parts->coordinator_logs, (uint64_t)r->partition, l);
    group_coordinator_elected(b->groups, r->partition, r->core.leader_epoch, &l->log);
}

static void replica_removed(void *owner, struct replica *r)
{
    if (is_offsets_topic(r)) coordinator_resign(owner, r->partition);
}

static void placed(void *owner, struct replica *r)
{
    struct broker *b = owner;
    no_room_placed(b->parts->no_room, r);
}

static bool assign(void *owner, struct replica *r, struct uuid directory)
{
    struct broker *b = owner;
    if (b->image->metadata_version < METADATA_VERSION_DIRECTORIES) return true;
    directory_assignments_want(b->parts->assignments, r->topic->id, r->partition, directory);
    return false;
}

static void no_room(void *owner, struct replica *r)
{
    struct broker *b = owner;
    (void)r;
    no_room_refused(b->parts->no_room);
}

/* Replicas in a directory of which metadata does not know that they are there: without a word they
 * would count as online. */
static void tell_lost(struct broker *b, struct uuid directory)
{
    const struct image_places *mine = image_places_of(b->image, b->node_id);
    for (uint32_t i = 0; i < mine->count; i++) {
        const struct image_topic *topic;
        const struct image_partition *p = image_place(b->image, mine->items[i], &topic);
        const struct replica *r =
            replica_manager_find(b->replicas, topic->id, mine->items[i].partition);
        if (r && uuid_equal(r->directory, directory) &&
            !uuid_equal(partition_directory_of(b->image, p, b->node_id), directory))
            directory_assignments_want(b->parts->assignments, topic->id, mine->items[i].partition,
                                       DIRECTORY_LOST);
    }
}

static void directory_failed(void *owner, struct uuid directory, int32_t left)
{
    struct broker *b = owner;
    struct history_fact f = history_fact(HISTORY_DISK_FAILED, b->node_id, -1, NULL);
    history_note(b->parts->options.history, &f, "log directory %s is offline, %d are left",
                 uuid_text(directory).z, left);
    if (left == 0) {
        b->parts->options.fatal(b->parts->options.owner,
                                "Shutdown broker because all log dirs have failed");
        return;
    }
    tell_lost(b, directory);
    lifecycle_directory_failed(b->lifecycle, directory);
}

static void proposals(void *owner)
{
    struct broker *b = owner;
    isr_proposals_send(b->parts->isr_proposals);
}

static const struct replica_events replica_events = {
    .lease_ending = absence_look,
    .drifted = drifted,
    .standing = replication_standing,
    .topic_config = replication_topic_config,
    .leadership_moved = leadership_moved,
    .removed = replica_removed,
    .proposals = proposals,
    .placed = placed,
    .assign = assign,
    .no_room = no_room,
    .directory_failed = directory_failed,
    .fetching = {.endpoint = replication_endpoint,
                 .version = replication_version,
                 .cut = replication_cut,
                 .lost = replication_lost,
                 .heard = replication_heard},
};

/* ---- what the lifecycle asks and tells */

static void registered(void *owner)
{
    struct broker *b = owner;
    replica_manager_set_broker_epoch(b->replicas, b->epoch);
}

static void caught_up(void *owner)
{
    struct broker *b = owner;
    if (replica_manager_load(b->replicas)) {
        b->parts->options.fatal(b->parts->options.owner,
                                "a log directory holds what cannot be loaded; see above");
        return;
    }
    metadata_publisher_go_live(b->parts->metadata);
    lifecycle_ready(b->lifecycle);
}

static void running(void *owner)
{
    struct broker *b = owner;
    b->parts->options.running(b->parts->options.owner);
}

static void fenced(void *owner, bool is_fenced)
{
    struct broker *b = owner;
    replica_manager_set_fenced(b->replicas, is_fenced);
    group_coordinator_set_fenced(b->groups, is_fenced);
}

static void lease(void *owner)
{
    struct broker *b = owner;
    absence_rest(b->absence);
    replica_manager_extend_lease(b->replicas, b->heartbeat_answered, b->session_timeout_ms);
    doubted_reads_look(b->doubted_reads);
}

static void may_stop(void *owner)
{
    struct broker *b = owner;
    handover_release(b->handover);
    b->parts->options.may_stop(b->parts->options.owner);
}

static void failed(void *owner, const char *why)
{
    struct broker *b = owner;
    b->parts->options.fatal(b->parts->options.owner, why);
}

static int64_t metadata_offset(void *owner)
{
    struct broker *b = owner;
    return metadata_publisher_offset(b->parts->metadata);
}

static const struct lifecycle_events lifecycle_events = {
    .registered = registered,
    .caught_up = caught_up,
    .running = running,
    .fenced = fenced,
    .lease = lease,
    .may_stop = may_stop,
    .failed = failed,
    .metadata_offset = metadata_offset,
};

/* ---- making and unmaking */

/* The epoch that every directory's clean-shutdown marker carries; -1 when they do not agree. */
static int64_t previous_epoch(const struct broker_options *o)
{
    int64_t epoch = -1;
    for (int32_t i = 0; i < o->log_dirs_count; i++) {
        int64_t e = log_dir_clean_broker_epoch(o->log_dirs[i]);
        if (!log_dir_was_clean(o->log_dirs[i]) || (i > 0 && e != epoch)) return -1;
        epoch = e;
    }
    return epoch;
}

static struct lifecycle *make_lifecycle(struct broker *b, const struct broker_options *o)
{
    struct broker_parts *parts = b->parts;
    parts->directories = mem_zalloc((size_t)o->log_dirs_count, sizeof(struct uuid));
    int32_t known =
        0; /* whose meta.properties could be read; of another no controller can be told */
    for (int32_t i = 0; i < o->log_dirs_count; i++)
        if (!uuid_is_zero(log_dir_id(o->log_dirs[i])))
            parts->directories[known++] = log_dir_id(o->log_dirs[i]);
    struct lifecycle_config config = {
        .heartbeat_interval_ms = config_int(o->config, CONFIG_BROKER_HEARTBEAT_INTERVAL_MS),
        .registration_timeout_ms =
            config_int(o->config, CONFIG_INITIAL_BROKER_REGISTRATION_TIMEOUT_MS),
        .controlled_shutdown = config_bool(o->config, CONFIG_CONTROLLED_SHUTDOWN_ENABLE),
        .controlled_shutdown_timeout_ms = CONTROLLED_SHUTDOWN_MS_MAX,
        .directory_failure_timeout_ms = config_long(o->config, CONFIG_LOG_DIR_FAILURE_TIMEOUT_MS),
        .previous_broker_epoch = previous_epoch(o),
        .log_dirs = parts->directories,
        .log_dirs_count = known,
        .metadata_version_min = METADATA_VERSION_MIN,
        .metadata_version_max = METADATA_VERSION_MAX,
    };
    return lifecycle_create(b, &config, &lifecycle_events, b);
}

struct broker *broker_create(const struct env *env, const struct broker_options *o)
{
    struct broker *b = MEM_NEW(struct broker);
    b->env = *env;
    b->config = o->config;
    b->node_id = o->node_id;
    b->rack = str_of(o->rack);
    b->cluster_id = str_of(o->cluster_id);
    b->incarnation_id = rng_uuid(env->rng);
    b->epoch = -1;
    b->endpoints = o->endpoints;
    b->endpoints_count = o->endpoints_count;
    b->parts = MEM_NEW(struct broker_parts);
    b->parts->options = *o;
    b->parts->config = o->config;
    b->parts->apis = broker_apis(b);
    b->parts->apis.own = o->own_apis;
    b->apis = &b->parts->apis;
    map_init(&b->parts->coordinator_logs);

    struct controller_channel_timeouts timeouts = {
        .heartbeat_ms = config_int(o->config, CONFIG_BROKER_SESSION_TIMEOUT_MS) / 3,
        .others_ms = CONTROLLER_REQUEST_TIMEOUT_MS,
    };
    b->changes = partition_changes_create(env, o->history);
    b->controller = controller_channel_create(env, o->local_controller, o->node_id, timeouts);
    b->parts->metadata = metadata_publisher_create(b, o->config);
    struct group_settings groups = group_settings_of(o->config);
    b->groups = group_coordinator_create(&b->env, &groups);
    struct replica_manager_config replicas = replication_config(b);
    b->replicas = replica_manager_create(&b->env, &replicas, o->log_dirs, o->log_dirs_count,
                                         &replica_events, b);
    b->fetch_sessions = fetch_session_cache_create(
        &b->env, config_int(o->config, CONFIG_MAX_INCREMENTAL_FETCH_SESSION_CACHE_SLOTS));
    b->auto_topics = auto_topics_create(b);
    b->handover = handover_create(b, config_int(o->config, CONFIG_SAMSA_SHUTDOWN_HOLD_MS));
    b->absence = absence_create(b);
    b->doubted_reads = doubted_reads_create(b);
    b->settling = settling_create(b, config_int(o->config, CONFIG_SAMSA_METADATA_WAIT_MS),
                                  config_int(o->config, CONFIG_SAMSA_METADATA_PULSE_MS));
    b->producer_ids = producer_id_source_create(b);
    b->parts->isr_proposals = isr_proposals_create(b);
    b->parts->assignments = directory_assignments_create(b);
    b->parts->no_room = no_room_create(b, b->parts->assignments);
    b->session_timeout_ms = config_int(o->config, CONFIG_BROKER_SESSION_TIMEOUT_MS);
    b->heartbeat_answered = clock_mono(b->env.clock);
    b->lifecycle = make_lifecycle(b, o);
    return b;
}

void broker_start(struct broker *b)
{
    lifecycle_start(b->lifecycle);
}

void broker_set_controller(struct broker *b, int32_t leader_id, const char *host, uint16_t port)
{
    controller_channel_set_leader(b->controller, leader_id, host, port);
}

struct metadata_publisher *broker_metadata(struct broker *b)
{
    return b->parts->metadata;
}

void broker_call_controller(struct broker *b, struct call *call, int16_t api_key,
                            int16_t max_version, const void *request,
                            void (*done)(struct call *, enum err, const void *))
{
    controller_channel_call(b->controller, call, api_key, max_version, request, done);
}

void broker_metadata_held_back(struct broker *b, bool held_back)
{
    struct history_fact f =
        history_fact(HISTORY_HELD_BACK, b->node_id, -1, held_back ? "no-room" : "room-again");
    history_note(b->parts->options.history, &f,
                 held_back ? "there is no room for metadata: this broker asks to be fenced"
                           : "there is room for metadata again: this broker asks to be unfenced");
    lifecycle_held_back(b->lifecycle, held_back);
}

void broker_brokers_moved(struct broker *b)
{
    const struct broker_options *o = &b->parts->options;
    int32_t there = 0;
    for (int32_t i = 0; i < b->image->brokers_count; i++) there += !b->image->brokers[i]->fenced;
    if (there > 1 && o->others_came) o->others_came(o->owner);
}

static void quiet(struct broker *b)
{
    lifecycle_shutdown(b->lifecycle);
}

void broker_shutdown(struct broker *b)
{
    if (lifecycle_hands_over(b->lifecycle))
        handover_begin(b->handover, quiet);
    else
        lifecycle_shutdown(b->lifecycle);
}

bool broker_is_handing_over(const struct broker *b)
{
    return handover_is_busy(b->handover);
}

void broker_directory_failed(struct broker *b, struct log_dir *dir)
{
    replica_manager_directory_failed(b->replicas, dir);
}

void broker_destroy(struct broker *b)
{
    replica_manager_stop(b->replicas, KAFKA_NOT_LEADER_OR_FOLLOWER);
    lifecycle_destroy(b->lifecycle);
    isr_proposals_destroy(b->parts->isr_proposals);
    no_room_destroy(b->parts->no_room);
    directory_assignments_destroy(b->parts->assignments);
    producer_id_source_destroy(b->producer_ids);
    settling_destroy(b->settling);
    handover_destroy(b->handover);
    doubted_reads_destroy(b->doubted_reads);
    absence_destroy(b->absence);
    auto_topics_destroy(b->auto_topics);
    while (b->parts->coordinator_logs.count > 0) {
        struct coordinator_log *l = b->parts->coordinator_logs.entries[0].value;
        coordinator_resign(b, l->replica->partition);
    }
    map_free(&b->parts->coordinator_logs);
    group_coordinator_destroy(b->groups);
    fetch_session_cache_destroy(b->fetch_sessions);
    replica_manager_destroy(b->replicas);
    metadata_publisher_destroy(b->parts->metadata);
    partition_changes_free(b->changes);
    controller_channel_destroy(b->controller);
    mem_free(b->parts->directories);
    mem_free(b->parts);
    mem_free(b);
}
