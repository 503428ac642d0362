#include "broker/metadata_publisher.h"

#include <stdio.h>

#include "base/mark.h"
#include "base/mem.h"
#include "broker/lifecycle.h"
#include "broker/partition_changes.h"
#include "broker/replication.h"
#include "broker/settling.h"
#include "config/config.h"
#include "group/coordinator.h"
#include "log/log_dir.h"
#include "metadata/feature.h"
#include "replica/replica_manager.h"

struct metadata_publisher {
    struct broker *broker;
    struct config *config;
    struct loader loader;
    struct delta delta;
    bool live;
};

struct metadata_publisher *metadata_publisher_create(struct broker *b, struct config *config)
{
    struct metadata_publisher *p = MEM_NEW(struct metadata_publisher);
    p->broker = b;
    p->config = config;
    loader_init(&p->loader);
    delta_init(&p->delta);
    b->image = p->loader.image;
    return p;
}

void metadata_publisher_destroy(struct metadata_publisher *p)
{
    p->broker->image = NULL;
    delta_free(&p->delta);
    loader_free(&p->loader);
    mem_free(p);
}

const struct image *metadata_publisher_image(const struct metadata_publisher *p)
{
    return p->loader.image;
}

int64_t metadata_publisher_offset(const struct metadata_publisher *p)
{
    return p->loader.image->end_offset - 1;
}

enum err metadata_publisher_record(struct metadata_publisher *p, int64_t offset, int32_t epoch,
                                   struct bytes frame)
{
    if (MUTANT(SKIPS_A_RECORD) && offset % 32 == 31) {
        loader_skip(&p->loader, offset, epoch);
        return ERR_OK;
    }
    return loader_apply(&p->loader, offset, epoch, frame, &p->delta);
}

void metadata_publisher_skip(struct metadata_publisher *p, int64_t offset, int32_t epoch)
{
    loader_skip(&p->loader, offset, epoch);
}

void metadata_publisher_load_begin(struct metadata_publisher *p)
{
    loader_load_begin(&p->loader);
}

enum err metadata_publisher_load(struct metadata_publisher *p, int64_t end_offset,
                                 struct bytes frame)
{
    return loader_load(&p->loader, end_offset, frame);
}

void metadata_publisher_load_done(struct metadata_publisher *p, int64_t end_offset, int32_t epoch)
{
    loader_load_done(&p->loader, end_offset, epoch, &p->delta);
    p->broker->image = p->loader.image;
}

/* ---- topics and partitions */

/* Tell the history when this broker begins or ceases to lead. */
static void note_move(struct broker *b, const struct partition_target *t)
{
    const struct replica *r = replica_manager_find(b->replicas, t->topic_id, t->partition);
    bool led = r && r->core.role == PARTITION_LEADER;
    bool leads = t->leader == b->node_id;
    if (led == leads) return;
    struct partition_move m = {.topic = t->topic,
                               .partition = t->partition,
                               .old_leader = r ? r->core.leader : -1,
                               .new_leader = t->leader,
                               .leader_epoch = t->leader_epoch};
    if (leads)
        partition_changes_leads(b->changes, &m);
    else
        partition_changes_follows(b->changes, &m);
}

static void apply_partition(struct metadata_publisher *p, const struct image_topic *topic,
                            int32_t id, const struct image_partition *partition)
{
    struct broker *b = p->broker;
    struct partition_target target = {
        .topic_id = topic->id,
        .topic = topic->name,
        .partition = id,
        .leader = partition->leader,
        .leader_epoch = partition->leader_epoch,
        .partition_epoch = partition->partition_epoch,
        .replicas = partition_replicas(partition),
        .replicas_count = partition->replicas_count,
        .isr = partition_isr(partition),
        .isr_count = partition->isr_count,
        .adding = partition_adding(partition),
        .adding_count = partition->adding_count,
        .recovering = partition->leader_recovery_state == LEADER_RECOVERING,
        .directory = partition_directory_of(p->loader.image, partition, b->node_id),
    };
    note_move(b, &target);
    replica_manager_apply(b->replicas, &target, 1);
}

static void tell_offsets_topic(struct metadata_publisher *p, const struct image_topic *topic)
{
    if (str_equal_z(topic->name, "__consumer_offsets"))
        group_coordinator_set_partitions(p->broker->groups, topic->partitions_count);
}

static void apply_topic(struct metadata_publisher *p, const struct delta_topic *changed)
{
    struct broker *b = p->broker;
    const struct image_topic *topic =
        changed->deleted ? NULL : image_topic_by_id(p->loader.image, changed->id);
    for (int32_t i = 0; i < changed->partitions_count; i++) {
        int32_t id = changed->partitions[i];
        const struct image_partition *partition = topic ? image_topic_partition(topic, id) : NULL;
        if (partition && partition_has_replica(partition, b->node_id))
            apply_partition(p, topic, id, partition);
        else
            replica_manager_remove(b->replicas, changed->id, id);
    }
    if (topic) {
        tell_offsets_topic(p, topic);
    } else {
        struct group_deleted_topic gone = {.name = changed->name, .id = changed->id};
        group_coordinator_topics_deleted(b->groups, &gone, 1);
    }
}

/* Deleted topics first: a new one of the same name must find its directory free. */
static void apply_topics(struct metadata_publisher *p)
{
    for (int32_t i = 0; i < p->delta.topics_count; i++)
        if (p->delta.topics[i]->deleted) apply_topic(p, p->delta.topics[i]);
    for (int32_t i = 0; i < p->delta.topics_count; i++)
        if (!p->delta.topics[i]->deleted) apply_topic(p, p->delta.topics[i]);
}

static void apply_every_topic(struct metadata_publisher *p)
{
    const struct image *image = p->loader.image;
    const struct image_places *mine = image_places_of(image, p->broker->node_id);
    for (uint32_t i = 0; mine && i < mine->count; i++) {
        const struct image_topic *topic;
        const struct image_partition *partition = image_place(image, mine->items[i], &topic);
        apply_partition(p, topic, mine->items[i].partition, partition);
    }
    const struct image_topic *offsets = image_topic_by_name(image, STR("__consumer_offsets"));
    if (offsets) tell_offsets_topic(p, offsets);
}

/* ---- configurations */

/* cordoned.log.dirs: paths of ours, or "*"; a path that is not ours means nothing. */
static void tell_cordoned(struct metadata_publisher *p)
{
    struct broker *b = p->broker;
    int32_t count, dirs = replica_manager_dirs_count(b->replicas), n = 0;
    const struct str *paths = config_list(p->config, CONFIG_CORDONED_LOG_DIRS, &count);
    struct uuid *cordoned = mem_zalloc((size_t)dirs + 1, sizeof *cordoned);
    for (int32_t i = 0; i < dirs; i++) {
        struct log_dir *dir = replica_manager_dir(b->replicas, i);
        bool named = false;
        for (int32_t k = 0; k < count; k++)
            named |= str_equal_z(paths[k], "*") || str_equal_z(paths[k], log_dir_path(dir));
        log_dir_set_cordoned(dir, named);
        if (named && !uuid_is_zero(log_dir_id(dir))) cordoned[n++] = log_dir_id(dir);
    }
    lifecycle_set_cordoned(b->lifecycle, cordoned, n);
    mem_free(cordoned);
}

static void tell_directories(struct metadata_publisher *p)
{
    struct replica_manager *m = p->broker->replicas;
    int32_t expiration_ms = config_int(p->config, CONFIG_PRODUCER_ID_EXPIRATION_MS);
    for (int32_t i = 0; i < replica_manager_dirs_count(m); i++)
        log_dir_set_producer_id_expiration(replica_manager_dir(m, i), expiration_ms);
}

static void apply_broker_config(struct metadata_publisher *p, enum config_layer layer,
                                struct str resource)
{
    const struct image_config *set = image_config(p->loader.image, RESOURCE_BROKER, resource);
    config_clear_but(p->config, layer, set ? set->pairs : NULL, set ? set->pairs_count : 0);
    for (int32_t i = 0; set && i < set->pairs_count; i++) {
        struct config_error error;
        if (config_set(p->config, layer, set->pairs[i].name, set->pairs[i].value, &error))
            trace_warn(p->broker->env.trace, "kafka.server.DynamicBrokerConfig",
                       "Ignoring a configuration set at run time: %s", error.text);
    }
    struct replication_rates rates = replication_rates(p->config);
    replica_manager_set_throttles(p->broker->replicas, rates.leader, rates.follower);
    replica_manager_set_move_throttle(p->broker->replicas, rates.moves);
    replica_manager_topic_config_changed(p->broker->replicas, STR_NULL);
    tell_directories(p);
    tell_cordoned(p);
}

static void apply_configs(struct metadata_publisher *p)
{
    char own[16];
    snprintf(own, sizeof own, "%d", p->broker->node_id);
    for (int32_t i = 0; i < p->delta.configs_count; i++) {
        const struct delta_config *c = &p->delta.configs[i];
        if (c->type == RESOURCE_TOPIC)
            replica_manager_topic_config_changed(p->broker->replicas, c->name);
        else if (c->type == RESOURCE_BROKER && c->name.len == 0)
            apply_broker_config(p, LAYER_DYNAMIC_DEFAULT, c->name);
        else if (c->type == RESOURCE_BROKER && str_equal_z(c->name, own))
            apply_broker_config(p, LAYER_DYNAMIC_BROKER, c->name);
    }
}

static void apply_every_config(struct metadata_publisher *p)
{
    char own[16];
    snprintf(own, sizeof own, "%d", p->broker->node_id);
    apply_broker_config(p, LAYER_DYNAMIC_DEFAULT, STR(""));
    apply_broker_config(p, LAYER_DYNAMIC_BROKER, str_of(own));
}

/* Topics that this node hosts and that a loaded snapshot no longer knows. */
static void remove_vanished(struct metadata_publisher *p)
{
    struct arena arena;
    arena_init(&arena, 0);
    int32_t count;
    struct replica_place *hosted = replica_manager_hosted(p->broker->replicas, &arena, &count);
    for (int32_t i = 0; i < count; i++) {
        const struct image_topic *topic = image_topic_by_id(p->loader.image, hosted[i].topic_id);
        const struct image_partition *partition =
            topic ? image_topic_partition(topic, hosted[i].partition) : NULL;
        if (!partition || !partition_has_replica(partition, p->broker->node_id))
            replica_manager_remove(p->broker->replicas, hosted[i].topic_id, hosted[i].partition);
    }
    arena_free(&arena);
}

/* The controller waits for a word of ours: whoever stops may only when all have applied that it
 * leads nothing; and if it has fenced us though we live, it shall hear so. */
static bool controller_waits(const struct metadata_publisher *p)
{
    const struct image *image = p->loader.image;
    if (!p->live || delta_is_empty(&p->delta)) return false;
    for (int32_t i = 0; i < image->brokers_count; i++) {
        const struct image_broker *b = image->brokers[i];
        if (b->id == p->broker->node_id ? b->fenced : b->in_controlled_shutdown && !b->fenced)
            return true;
    }
    return false;
}

/* Directories are kept from this metadata.version on, and we registered before it. */
static bool directories_are_missing(const struct metadata_publisher *p)
{
    const struct image *image = p->loader.image;
    const struct image_broker *own = image_broker(image, p->broker->node_id);
    return p->live && own && own->epoch == p->broker->epoch &&
           image->metadata_version >= METADATA_VERSION_DIRECTORIES && own->directories_count == 0;
}

void metadata_publisher_flush(struct metadata_publisher *p)
{
    bool waits = controller_waits(p);
    if (p->delta.features && directories_are_missing(p))
        lifecycle_register_again(p->broker->lifecycle);
    if (p->live && !delta_is_empty(&p->delta)) {
        if (p->delta.everything) {
            remove_vanished(p);
            apply_every_config(p);
            apply_every_topic(p);
            replica_manager_topic_config_changed(p->broker->replicas, STR_NULL);
            replica_manager_standing_changed(p->broker->replicas);
        } else {
            apply_topics(p);
            apply_configs(p);
            if (p->delta.brokers_count > 0) replica_manager_standing_changed(p->broker->replicas);
        }
    }
    if (p->live && (p->delta.brokers_count > 0 || p->delta.everything))
        broker_brokers_moved(p->broker);
    if (p->live || p->delta.everything) delta_reset(&p->delta);
    settling_metadata_moved(p->broker->settling);
    if (waits) lifecycle_heartbeat_now(p->broker->lifecycle);
    lifecycle_metadata_moved(p->broker->lifecycle);
}

void metadata_publisher_go_live(struct metadata_publisher *p)
{
    PRE(!p->live);
    p->live = true;
    delta_reset(&p->delta);
    apply_every_config(p);
    apply_every_topic(p);
    replica_manager_put_strays_aside(p->broker->replicas);
    if (directories_are_missing(p)) lifecycle_register_again(p->broker->lifecycle);
}
