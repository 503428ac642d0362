/* An image as records, stage by stage in Kafka's order (SnapshotGenerator). */
#include "metadata/snapshot.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mark.h"
#include "base/mem.h"
#include "metadata/feature.h"
#include "metadata/image_edit.h"

enum stage {
    STAGE_METADATA_VERSION,
    STAGE_FEATURES,
    STAGE_BROKERS,
    STAGE_CONTROLLERS,
    STAGE_TOPICS,
    STAGE_CONFIGS,
    STAGE_CLIENT_QUOTAS,
    STAGE_PRODUCER_IDS,
    STAGE_ACLS,
    STAGE_SCRAM,
    STAGE_TOKENS,
    STAGE_END,
};

static void record_open(const struct image_snapshot *s, struct metadata_record *r, int16_t id)
{
    metadata_record_init(r, id, metadata_record_version(id, s->image->metadata_version));
}

/* ---- registrations */

static void put_broker(const struct image_snapshot *s, const struct image_broker *b,
                       struct metadata_record *record, struct arena *arena)
{
    record_open(s, record, METADATA_RECORD_REGISTER_BROKER);
    struct register_broker_record *r = &record->u.register_broker;
    r->broker_id = b->id;
    r->is_migrating_zk_broker = b->is_migrating_zk_broker;
    r->incarnation_id = b->incarnation_id;
    r->broker_epoch = b->epoch;
    r->rack = b->rack;
    r->fenced = b->fenced;
    r->in_controlled_shutdown = b->in_controlled_shutdown;
    r->end_points =
        ARENA_ARRAY(arena, struct register_broker_record_broker_endpoint, b->endpoints_count);
    r->end_points_count = b->endpoints_count;
    for (int32_t i = 0; i < b->endpoints_count; i++)
        r->end_points[i] = (struct register_broker_record_broker_endpoint){
            b->endpoints[i].name, b->endpoints[i].host, b->endpoints[i].port,
            b->endpoints[i].security_protocol};
    r->features =
        ARENA_ARRAY(arena, struct register_broker_record_broker_feature, b->features_count);
    r->features_count = b->features_count;
    for (int32_t i = 0; i < b->features_count; i++)
        r->features[i] = (struct register_broker_record_broker_feature){
            b->features[i].name, b->features[i].min, b->features[i].max};
    if (record->version >= 3) {
        r->log_dirs = b->directories;
        r->log_dirs_count = b->directories_count;
    }
    if (record->version >= 4) {
        r->cordoned_log_dirs = b->cordoned;
        r->cordoned_log_dirs_count = b->cordoned_count > 0 ? b->cordoned_count : -1;
    }
}

static void put_controller(const struct image_snapshot *s, const struct image_controller *c,
                           struct metadata_record *record, struct arena *arena)
{
    record_open(s, record, METADATA_RECORD_REGISTER_CONTROLLER);
    struct register_controller_record *r = &record->u.register_controller;
    r->controller_id = c->id;
    r->incarnation_id = c->incarnation_id;
    r->zk_migration_ready = c->zk_migration_ready;
    r->end_points = ARENA_ARRAY(arena, struct register_controller_record_controller_endpoint,
                                c->endpoints_count);
    r->end_points_count = c->endpoints_count;
    for (int32_t i = 0; i < c->endpoints_count; i++)
        r->end_points[i] = (struct register_controller_record_controller_endpoint){
            c->endpoints[i].name, c->endpoints[i].host, c->endpoints[i].port,
            c->endpoints[i].security_protocol};
    r->features =
        ARENA_ARRAY(arena, struct register_controller_record_controller_feature, c->features_count);
    r->features_count = c->features_count;
    for (int32_t i = 0; i < c->features_count; i++)
        r->features[i] = (struct register_controller_record_controller_feature){
            c->features[i].name, c->features[i].min, c->features[i].max};
}

/* ---- topics */

static int32_t *ids_of(const int32_t *ids)
{
    return (int32_t *)(uintptr_t)ids; /* the record is only encoded */
}

static void put_partition(const struct image_snapshot *s, const struct image_topic *t, int32_t id,
                          struct metadata_record *record, struct arena *arena)
{
    const struct image_partition *p = &t->partitions[id];
    record_open(s, record, METADATA_RECORD_PARTITION);
    struct partition_record *r = &record->u.partition;
    r->partition_id = id;
    r->topic_id = t->id;
    r->replicas = ids_of(partition_replicas(p));
    r->replicas_count = p->replicas_count;
    r->isr = ids_of(partition_isr(p));
    r->isr_count = p->isr_count;
    r->removing_replicas = ids_of(partition_removing(p));
    r->removing_replicas_count = p->removing_count;
    r->adding_replicas = ids_of(partition_adding(p));
    r->adding_replicas_count = p->adding_count;
    r->leader = p->leader;
    r->leader_recovery_state = p->leader_recovery_state;
    r->leader_epoch = p->leader_epoch;
    r->partition_epoch = p->partition_epoch;
    if (record->version >= 1) {
        r->directories = ARENA_ARRAY(arena, struct uuid, p->replicas_count);
        r->directories_count = p->replicas_count;
        for (int32_t i = 0; i < p->replicas_count; i++)
            r->directories[i] = partition_directory(s->image, p, i);
    }
    if (record->version >= 2 && p->elr_count > 0 && !MUTANT(SNAPSHOTS_WITHOUT_ELR)) {
        r->eligible_leader_replicas = ids_of(partition_elr(p));
        r->eligible_leader_replicas_count = p->elr_count;
    }
    if (record->version >= 2 && p->last_known_elr_count > 0) {
        r->last_known_elr = ids_of(partition_last_known_elr(p));
        r->last_known_elr_count = p->last_known_elr_count;
    }
}

/* `within` 0 is the topic itself, n + 1 its partition n. */
static bool topic_next(struct image_snapshot *s, struct metadata_record *record,
                       struct arena *arena)
{
    for (; s->at < s->topics_count; s->at++, s->within = 0) {
        const struct image_topic *t = s->topics[s->at];
        if (s->within == 0) {
            record_open(s, record, METADATA_RECORD_TOPIC);
            record->u.topic.name = t->name;
            record->u.topic.topic_id = t->id;
            s->within = 1;
            return true;
        }
        while (s->within <= t->partitions_size) {
            int32_t id = s->within++ - 1;
            if (!image_topic_partition(t, id)) continue;
            put_partition(s, t, id, record, arena);
            return true;
        }
    }
    return false;
}

static bool config_next(struct image_snapshot *s, struct metadata_record *record)
{
    for (; s->at < s->configs_count; s->at++, s->within = 0) {
        const struct image_config *c = s->configs[s->at];
        if (s->within >= c->pairs_count) continue;
        record_open(s, record, METADATA_RECORD_CONFIG);
        record->u.config.resource_type = (int8_t)c->type;
        record->u.config.resource_name = c->name;
        record->u.config.name = c->pairs[s->within].name;
        record->u.config.value = c->pairs[s->within].value;
        s->within++;
        return true;
    }
    return false;
}

/* ---- kept records */

static int compare_entries(const void *a, const void *b)
{
    const struct map_entry *x = *(const struct map_entry *const *)a,
                           *y = *(const struct map_entry *const *)b;
    uint32_t len = x->key_len < y->key_len ? x->key_len : y->key_len;
    int order = memcmp(x->key, y->key, len);
    if (order != 0) return order;
    return x->key_len < y->key_len ? -1 : x->key_len > y->key_len;
}

/* In order of key: insertion order would differ between a replayed and a loaded image. */
static void kept_open(struct image_snapshot *s, const struct map *kept)
{
    const struct map_entry **entries = arena_alloc(&s->order, sizeof(void *) * (kept->count + 1));
    s->kept = arena_alloc(&s->order, sizeof(void *) * (kept->count + 1));
    s->kept_count = (int32_t)kept->count;
    for (uint32_t i = 0; i < kept->count; i++) entries[i] = &kept->entries[i];
    qsort(entries, kept->count, sizeof *entries, compare_entries);
    for (uint32_t i = 0; i < kept->count; i++) s->kept[i] = entries[i]->value;
}

static bool kept_next(struct image_snapshot *s, struct metadata_record *record, struct arena *arena)
{
    if (s->at >= s->kept_count) return false;
    enum err err = metadata_record_decode(record, s->kept[s->at++]->value, arena);
    INVARIANT(err == ERR_OK); /* our own encoding */
    return true;
}

/* ---- the iterator */

void image_snapshot_init(struct image_snapshot *s, const struct image *image)
{
    *s = (struct image_snapshot){.image = image};
    arena_init(&s->order, 4096);
}

void image_snapshot_free(struct image_snapshot *s)
{
    arena_free(&s->order);
}

static bool stage_next(struct image_snapshot *s, struct metadata_record *record,
                       struct arena *arena)
{
    const struct image *image = s->image;
    switch ((enum stage)s->stage) {
    case STAGE_METADATA_VERSION:
        if (s->at++ > 0 || image->metadata_version == 0) return false;
        record_open(s, record, METADATA_RECORD_FEATURE_LEVEL);
        record->u.feature_level.name = FEATURE_METADATA_VERSION;
        record->u.feature_level.feature_level = image->metadata_version;
        return true;
    case STAGE_FEATURES:
        if (s->at >= image->features_count) return false;
        record_open(s, record, METADATA_RECORD_FEATURE_LEVEL);
        record->u.feature_level.name = image->features[s->at].name;
        record->u.feature_level.feature_level = image->features[s->at].level;
        s->at++;
        return true;
    case STAGE_BROKERS:
        if (s->at >= image->brokers_count) return false;
        put_broker(s, image->brokers[s->at++], record, arena);
        return true;
    case STAGE_CONTROLLERS:
        if (s->at >= image->controllers_count) return false;
        put_controller(s, image->controllers[s->at++], record, arena);
        return true;
    case STAGE_TOPICS: return topic_next(s, record, arena);
    case STAGE_CONFIGS: return config_next(s, record);
    case STAGE_PRODUCER_IDS:
        if (s->at++ > 0 || image->next_producer_id == 0) return false;
        record_open(s, record, METADATA_RECORD_PRODUCER_IDS);
        record->u.producer_ids.broker_id = -1;
        record->u.producer_ids.broker_epoch = -1;
        record->u.producer_ids.next_producer_id = image->next_producer_id;
        return true;
    case STAGE_CLIENT_QUOTAS:
    case STAGE_ACLS:
    case STAGE_SCRAM:
    case STAGE_TOKENS: return kept_next(s, record, arena);
    case STAGE_END: break;
    }
    return false;
}

static void stage_open(struct image_snapshot *s)
{
    const struct image *image = s->image;
    s->at = s->within = 0;
    switch ((enum stage)s->stage) {
    case STAGE_TOPICS: s->topics = image_topics_sorted(image, &s->order, &s->topics_count); break;
    case STAGE_CONFIGS:
        s->configs = image_configs_sorted(image, &s->order, &s->configs_count);
        break;
    case STAGE_CLIENT_QUOTAS: kept_open(s, &image->client_quotas); break;
    case STAGE_ACLS: kept_open(s, &image->acls); break;
    case STAGE_SCRAM: kept_open(s, &image->scram_credentials); break;
    case STAGE_TOKENS: kept_open(s, &image->delegation_tokens); break;
    default: break;
    }
}

bool image_snapshot_next(struct image_snapshot *s, struct metadata_record *record,
                         struct arena *arena)
{
    while (s->stage < STAGE_END) {
        if (stage_next(s, record, arena)) return true;
        s->stage++;
        stage_open(s);
    }
    return false;
}

uint64_t image_hash(const struct image *image)
{
    uint64_t h = 0xcbf29ce484222325u;
    struct arena arena;
    struct out o;
    struct metadata_record record;
    struct image_snapshot s;
    arena_init(&arena, 4096);
    out_init(&o);
    image_snapshot_init(&s, image);
    while (image_snapshot_next(&s, &record, &arena)) {
        out_reset(&o);
        metadata_record_encode(&record, &o);
        for (int32_t c = 0; c < o.chunks_count; c++)
            for (int64_t i = 0; i < o.chunks[c].len; i++)
                h = (h ^ o.chunks[c].data[i]) * 0x100000001b3u;
        arena_reset(&arena);
    }
    image_snapshot_free(&s);
    out_free(&o);
    arena_free(&arena);
    return h;
}
