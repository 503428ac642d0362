/* What each record does to the image, topics and partitions apart (replay_topics.c). */
#include "metadata/replay.h"

#include "base/assert.h"
#include "base/mem.h"
#include "metadata/feature.h"
#include "metadata/image_edit.h"
#include "metadata/replay_topics.h"
#include "protocol/put.h"

/* ---- registrations */

static enum err directories_check(const struct image *image, int32_t broker, const struct uuid *ids,
                                  int32_t count)
{
    for (int32_t i = 0; i < image->brokers_count; i++) {
        const struct image_broker *other = image->brokers[i];
        if (other->id == broker) continue;
        for (int32_t d = 0; d < count; d++)
            for (int32_t o = 0; o < other->directories_count; o++)
                if (uuid_equal(ids[d], other->directories[o])) return ERR_INVALID;
    }
    return ERR_OK;
}

/* By name: writers list them in any order, and equal images shall have equal bytes. */
static void features_sort(struct image_feature_range *ranges, int32_t count)
{
    for (int32_t i = 1; i < count; i++) {
        struct image_feature_range range = ranges[i];
        int32_t at = i;
        for (; at > 0 && str_compare(ranges[at - 1].name, range.name) > 0; at--)
            ranges[at] = ranges[at - 1];
        ranges[at] = range;
    }
}

static enum err replay_register_broker(struct image *image, int64_t offset,
                                       const struct register_broker_record *r, struct delta *delta)
{
    enum err err = directories_check(image, r->broker_id, r->log_dirs, r->log_dirs_count);
    if (err) return err;
    if (r->broker_id < 0) return ERR_INVALID;
    struct image_broker *b = image_broker_add(image, r->broker_id);
    b->epoch = r->broker_epoch;
    b->register_offset = b->fenced_offset = offset;
    b->incarnation_id = r->incarnation_id;
    b->rack = arena_str(&b->texts, r->rack);
    b->fenced = r->fenced;
    b->in_controlled_shutdown = r->in_controlled_shutdown;
    b->is_migrating_zk_broker = r->is_migrating_zk_broker;
    b->endpoints = ARENA_ARRAY(&b->texts, struct image_endpoint, r->end_points_count);
    b->endpoints_count = r->end_points_count;
    for (int32_t i = 0; i < r->end_points_count; i++)
        b->endpoints[i] =
            (struct image_endpoint){arena_str(&b->texts, r->end_points[i].name),
                                    arena_str(&b->texts, r->end_points[i].host),
                                    r->end_points[i].port, r->end_points[i].security_protocol};
    b->features = ARENA_ARRAY(&b->texts, struct image_feature_range, r->features_count);
    b->features_count = r->features_count;
    for (int32_t i = 0; i < r->features_count; i++)
        b->features[i] = (struct image_feature_range){arena_str(&b->texts, r->features[i].name),
                                                      r->features[i].min_supported_version,
                                                      r->features[i].max_supported_version};
    features_sort(b->features, b->features_count);
    image_broker_set_directories(b, r->log_dirs, r->log_dirs_count);
    image_broker_set_cordoned(b, r->cordoned_log_dirs, r->cordoned_log_dirs_count);
    delta_touch_broker(delta, r->broker_id);
    return ERR_OK;
}

static enum err replay_register_controller(struct image *image,
                                           const struct register_controller_record *r,
                                           struct delta *delta)
{
    struct image_controller *c = image_controller_add(image, r->controller_id);
    c->incarnation_id = r->incarnation_id;
    c->zk_migration_ready = r->zk_migration_ready;
    c->endpoints = ARENA_ARRAY(&c->texts, struct image_endpoint, r->end_points_count);
    c->endpoints_count = r->end_points_count;
    for (int32_t i = 0; i < r->end_points_count; i++)
        c->endpoints[i] =
            (struct image_endpoint){arena_str(&c->texts, r->end_points[i].name),
                                    arena_str(&c->texts, r->end_points[i].host),
                                    r->end_points[i].port, r->end_points[i].security_protocol};
    c->features = ARENA_ARRAY(&c->texts, struct image_feature_range, r->features_count);
    c->features_count = r->features_count;
    for (int32_t i = 0; i < r->features_count; i++)
        c->features[i] = (struct image_feature_range){arena_str(&c->texts, r->features[i].name),
                                                      r->features[i].min_supported_version,
                                                      r->features[i].max_supported_version};
    features_sort(c->features, c->features_count);
    if (delta) delta->controllers = true;
    return ERR_OK;
}

static enum err broker_at_epoch(struct image *image, int32_t id, int64_t epoch,
                                struct image_broker **broker)
{
    *broker = image_broker_edit(image, id);
    if (!*broker) return ERR_NOT_FOUND;
    return (*broker)->epoch == epoch ? ERR_OK : ERR_FENCED;
}

static enum err replay_unregister_broker(struct image *image,
                                         const struct unregister_broker_record *r,
                                         struct delta *delta)
{
    struct image_broker *b;
    enum err err = broker_at_epoch(image, r->broker_id, r->broker_epoch, &b);
    if (err) return err;
    image_broker_remove(image, r->broker_id);
    delta_touch_broker(delta, r->broker_id);
    return ERR_OK;
}

static enum err replay_fence(struct image *image, int64_t offset, int32_t id, int64_t epoch,
                             bool fenced, struct delta *delta)
{
    struct image_broker *b;
    enum err err = broker_at_epoch(image, id, epoch, &b);
    if (err) return err;
    b->fenced = fenced;
    if (fenced) b->fenced_offset = offset;
    delta_touch_broker(delta, id);
    return ERR_OK;
}

static enum err replay_registration_change(struct image *image, int64_t offset,
                                           const struct broker_registration_change_record *r,
                                           struct delta *delta)
{
    struct image_broker *b;
    enum err err = broker_at_epoch(image, r->broker_id, r->broker_epoch, &b);
    if (err) return err;
    if (r->fenced < -1 || r->fenced > 1 || r->in_controlled_shutdown < 0 ||
        r->in_controlled_shutdown > 1)
        return ERR_INVALID;
    if ((err = directories_check(image, r->broker_id, r->log_dirs, r->log_dirs_count))) return err;
    if (r->fenced != 0) b->fenced = r->fenced > 0;
    if (r->fenced > 0) b->fenced_offset = offset;
    if (r->in_controlled_shutdown != 0) b->in_controlled_shutdown = true;
    if (r->log_dirs_count > 0) image_broker_set_directories(b, r->log_dirs, r->log_dirs_count);
    if (r->cordoned_log_dirs_count >= 0)
        image_broker_set_cordoned(b, r->cordoned_log_dirs, r->cordoned_log_dirs_count);
    delta_touch_broker(delta, r->broker_id);
    return ERR_OK;
}

/* ---- configuration, features, producer ids */

static enum err replay_config(struct image *image, const struct config_record *r,
                              struct delta *delta)
{
    image_config_set(image, (enum resource_type)r->resource_type, r->resource_name, r->name,
                     r->value);
    delta_touch_config(delta, (enum resource_type)r->resource_type, r->resource_name);
    return ERR_OK;
}

static enum err replay_feature(struct image *image, const struct feature_level_record *r,
                               struct delta *delta)
{
    const struct feature *f = feature_find(r->name);
    if (f && !f->in_records) return ERR_OK; /* kraft.version: Kafka's readers skip it too */
    int16_t min = f ? f->min : 0, max = f ? f->max : 0;
    if (r->feature_level < min || r->feature_level > max) return ERR_UNSUPPORTED;
    image_feature_set(image, r->name, r->feature_level);
    if (delta) delta->features = true;
    return ERR_OK;
}

static enum err replay_producer_ids(struct image *image, const struct producer_ids_record *r,
                                    struct delta *delta)
{
    if (r->next_producer_id <= image->next_producer_id) return ERR_INVALID;
    image->next_producer_id = r->next_producer_id;
    if (delta) delta->producer_ids = true;
    return ERR_OK;
}

/* ---- records that are kept as they are */

/* Keep, replace or (`gone`) drop the record under its key. */
static void keep(struct map *kept, const struct out *key, const struct metadata_record *r,
                 bool gone)
{
    size_t key_len = (size_t)key->len;
    uint8_t *flat = mem_alloc(key_len);
    out_flatten(key, flat);
    struct bytes value = BYTES_NULL;
    uint8_t *frame = NULL;
    if (!gone) {
        struct out o;
        out_init(&o);
        metadata_record_encode(r, &o);
        frame = mem_alloc((size_t)o.len);
        value = bytes_of(frame, (size_t)o.len);
        out_flatten(&o, frame);
        out_free(&o);
    }
    image_kept_set(kept, bytes_of(flat, key_len), value);
    mem_free(frame);
    mem_free(flat);
}

static bool is_kept(const struct map *kept, const void *key, size_t len)
{
    return map_get(kept, key, len) != NULL;
}

static void put_text(struct out *key, struct str s)
{
    out_be32(key, (uint32_t)s.len);
    if (s.len > 0) out_put(key, s.data, (size_t)s.len);
}

static enum err replay_client_quota(struct image *image, const struct metadata_record *record,
                                    struct delta *delta)
{
    const struct client_quota_record *r = &record->u.client_quota;
    struct out key;
    out_init(&key);
    /* the same entity whatever the order of its parts: by type, of which there are few */
    struct str last = STR_NULL;
    for (int32_t n = 0; n < r->entity_count; n++) {
        int32_t next = -1;
        for (int32_t i = 0; i < r->entity_count; i++) {
            struct str type = r->entity[i].entity_type;
            if (n > 0 && str_compare(type, last) <= 0) continue;
            if (next < 0 || str_compare(type, r->entity[next].entity_type) < 0) next = i;
        }
        if (next < 0) break; /* a type twice */
        last = r->entity[next].entity_type;
        put_text(&key, last);
        put_text(&key, r->entity[next].entity_name);
    }
    put_text(&key, r->key);
    keep(&image->client_quotas, &key, record, r->remove);
    out_free(&key);
    if (delta) delta->client_quotas = true;
    return ERR_OK;
}

static enum err replay_scram(struct image *image, const struct metadata_record *record,
                             struct delta *delta)
{
    bool gone = record->id == METADATA_RECORD_REMOVE_USER_SCRAM_CREDENTIAL;
    struct str name =
        gone ? record->u.remove_user_scram_credential.name : record->u.user_scram_credential.name;
    int8_t mechanism = gone ? record->u.remove_user_scram_credential.mechanism
                            : record->u.user_scram_credential.mechanism;
    uint32_t before = image->scram_credentials.count;
    struct out key;
    out_init(&key);
    out_u8(&key, (uint8_t)mechanism);
    put_text(&key, name);
    keep(&image->scram_credentials, &key, record, gone);
    out_free(&key);
    if (gone && image->scram_credentials.count == before) return ERR_NOT_FOUND;
    if (delta) delta->scram_credentials = true;
    return ERR_OK;
}

static enum err replay_token(struct image *image, const struct metadata_record *record,
                             struct delta *delta)
{
    bool gone = record->id == METADATA_RECORD_REMOVE_DELEGATION_TOKEN;
    struct out key;
    out_init(&key);
    put_text(&key, gone ? record->u.remove_delegation_token.token_id
                        : record->u.delegation_token.token_id);
    keep(&image->delegation_tokens, &key, record, gone);
    out_free(&key);
    if (delta) delta->delegation_tokens = true;
    return ERR_OK;
}

static enum err replay_acl(struct image *image, const struct metadata_record *record,
                           struct delta *delta)
{
    bool gone = record->id == METADATA_RECORD_REMOVE_ACCESS_CONTROL_ENTRY;
    struct uuid id =
        gone ? record->u.remove_access_control_entry.id : record->u.access_control_entry.id;
    bool known = is_kept(&image->acls, id.bytes, sizeof id.bytes);
    if (gone && !known) return ERR_NOT_FOUND;
    if (!gone && known) return ERR_EXISTS;
    struct out key;
    out_init(&key);
    put_uuid(&key, id);
    keep(&image->acls, &key, record, gone);
    out_free(&key);
    if (delta) delta->acls = true;
    return ERR_OK;
}

/* ---- dispatch */

static enum err replay(struct image *image, int64_t offset, const struct metadata_record *record,
                       struct delta *delta)
{
    switch (record->id) {
    case METADATA_RECORD_REGISTER_BROKER:
        return replay_register_broker(image, offset, &record->u.register_broker, delta);
    case METADATA_RECORD_UNREGISTER_BROKER:
        return replay_unregister_broker(image, &record->u.unregister_broker, delta);
    case METADATA_RECORD_TOPIC: return replay_topic(image, &record->u.topic, delta);
    case METADATA_RECORD_PARTITION: return replay_partition(image, &record->u.partition, delta);
    case METADATA_RECORD_CONFIG: return replay_config(image, &record->u.config, delta);
    case METADATA_RECORD_PARTITION_CHANGE:
        return replay_partition_change(image, &record->u.partition_change, delta);
    case METADATA_RECORD_FENCE_BROKER:
        return replay_fence(image, offset, record->u.fence_broker.id, record->u.fence_broker.epoch,
                            true, delta);
    case METADATA_RECORD_UNFENCE_BROKER:
        return replay_fence(image, offset, record->u.unfence_broker.id,
                            record->u.unfence_broker.epoch, false, delta);
    case METADATA_RECORD_REMOVE_TOPIC:
        return replay_remove_topic(image, &record->u.remove_topic, delta);
    case METADATA_RECORD_DELEGATION_TOKEN:
    case METADATA_RECORD_REMOVE_DELEGATION_TOKEN: return replay_token(image, record, delta);
    case METADATA_RECORD_USER_SCRAM_CREDENTIAL:
    case METADATA_RECORD_REMOVE_USER_SCRAM_CREDENTIAL: return replay_scram(image, record, delta);
    case METADATA_RECORD_FEATURE_LEVEL:
        return replay_feature(image, &record->u.feature_level, delta);
    case METADATA_RECORD_CLIENT_QUOTA: return replay_client_quota(image, record, delta);
    case METADATA_RECORD_PRODUCER_IDS:
        return replay_producer_ids(image, &record->u.producer_ids, delta);
    case METADATA_RECORD_BROKER_REGISTRATION_CHANGE:
        return replay_registration_change(image, offset, &record->u.broker_registration_change,
                                          delta);
    case METADATA_RECORD_ACCESS_CONTROL_ENTRY:
    case METADATA_RECORD_REMOVE_ACCESS_CONTROL_ENTRY: return replay_acl(image, record, delta);
    case METADATA_RECORD_REGISTER_CONTROLLER:
        return replay_register_controller(image, &record->u.register_controller, delta);
    case METADATA_RECORD_CLEAR_ELR: return replay_clear_elr(image, &record->u.clear_elr, delta);
    case METADATA_RECORD_NO_OP:
    case METADATA_RECORD_ZK_MIGRATION_STATE: return ERR_OK;
    case METADATA_RECORD_BEGIN_TRANSACTION:
    case METADATA_RECORD_END_TRANSACTION:
    case METADATA_RECORD_ABORT_TRANSACTION: return ERR_INVALID;
    default: return ERR_UNSUPPORTED;
    }
}

enum err image_replay(struct image *image, int64_t offset, const struct metadata_record *record,
                      struct delta *delta)
{
    enum err err = replay(image, offset, record, delta);
    if (err == ERR_OK && offset >= image->end_offset) image->end_offset = offset + 1;
    return err;
}
