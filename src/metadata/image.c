/* Reading the image. */
#include "metadata/image.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "metadata/image_edit.h"

/* ---- brokers and controllers */

const struct image_broker *image_broker(const struct image *image, int32_t id)
{
    int32_t low = 0, high = image->brokers_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (image->brokers[middle]->id == id) return image->brokers[middle];
        if (image->brokers[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct image_controller *image_controller(const struct image *image, int32_t id)
{
    for (int32_t i = 0; i < image->controllers_count; i++)
        if (image->controllers[i]->id == id) return image->controllers[i];
    return NULL;
}

bool image_broker_is_active(const struct image *image, int32_t id)
{
    const struct image_broker *b = image_broker(image, id);
    return b && !b->fenced && !b->in_controlled_shutdown;
}

const struct image_endpoint *image_broker_endpoint(const struct image_broker *broker,
                                                   struct str listener)
{
    for (int32_t i = 0; i < broker->endpoints_count; i++)
        if (str_equal(broker->endpoints[i].name, listener)) return &broker->endpoints[i];
    return NULL;
}

const struct image_feature_range *image_feature_range(const struct image_feature_range *ranges,
                                                      int32_t count, struct str name)
{
    for (int32_t i = 0; i < count; i++)
        if (str_equal(ranges[i].name, name)) return &ranges[i];
    return NULL;
}

static bool uuids_contain(const struct uuid *ids, int32_t count, struct uuid id)
{
    for (int32_t i = 0; i < count; i++)
        if (uuid_equal(ids[i], id)) return true;
    return false;
}

bool image_directory_is_online(const struct image *image, int32_t broker, struct uuid directory)
{
    const struct image_broker *b = image_broker(image, broker);
    if (!b) return false;
    if (uuid_equal(directory, DIRECTORY_UNASSIGNED) || uuid_equal(directory, DIRECTORY_MIGRATING))
        return true;
    if (uuid_equal(directory, DIRECTORY_LOST)) return false;
    if (b->directories_count == 0) return true;
    return uuids_contain(b->directories, b->directories_count, directory);
}

/* ---- topics */

const struct image_topic *image_topic_by_name(const struct image *image, struct str name)
{
    return name.len < 0 ? NULL : map_get_str(&image->topics_by_name, name);
}

const struct image_topic *image_topic_by_id(const struct image *image, struct uuid id)
{
    return map_get(&image->topics_by_id, id.bytes, sizeof id.bytes);
}

const struct image_topic *image_topic_next(const struct image *image, uint32_t *at)
{
    while (*at < image->topics_size) {
        const struct image_topic *t = image->topics[(*at)++];
        if (t) return t;
    }
    return NULL;
}

static int compare_topics(const void *a, const void *b)
{
    const struct image_topic *const *x = a, *const *y = b;
    return str_compare((*x)->name, (*y)->name);
}

const struct image_topic **image_topics_sorted(const struct image *image, struct arena *arena,
                                               int32_t *count)
{
    const struct image_topic **list =
        arena_alloc(arena, sizeof(void *) * (size_t)(image->topics_count + 1));
    uint32_t at = 0;
    int32_t n = 0;
    for (const struct image_topic *t; (t = image_topic_next(image, &at));) list[n++] = t;
    qsort(list, (size_t)n, sizeof *list, compare_topics);
    *count = n;
    return list;
}

/* ---- partitions */

struct uuid partition_directory(const struct image *image, const struct image_partition *p,
                                int32_t i)
{
    PRE(i >= 0 && i < p->replicas_count);
    return image->directories[partition_directory_indices(p)[i]];
}

struct uuid partition_directory_of(const struct image *image, const struct image_partition *p,
                                   int32_t broker)
{
    for (int32_t i = 0; i < p->replicas_count; i++)
        if (partition_replicas(p)[i] == broker) return partition_directory(image, p, i);
    return DIRECTORY_MIGRATING;
}

bool ids_contain(const int32_t *ids, int32_t count, int32_t id)
{
    for (int32_t i = 0; i < count; i++)
        if (ids[i] == id) return true;
    return false;
}

const struct image_places *image_places_of(const struct image *image, int32_t broker)
{
    static const struct image_places none = {0};
    if (broker == LEADER_NONE) return &image->leaderless;
    const struct image_places *places = map_get_u64(&image->places, (uint64_t)(uint32_t)broker);
    return places ? places : &none;
}

const struct image_partition *image_place(const struct image *image, struct image_place place,
                                          const struct image_topic **topic)
{
    PRE(place.topic < image->topics_size && image->topics[place.topic]);
    const struct image_topic *t = image->topics[place.topic];
    const struct image_partition *p = image_topic_partition(t, place.partition);
    PRE(p);
    if (topic) *topic = t;
    return p;
}

/* ---- configuration */

/* The key of the map: a byte of type, then the name. Names are at most 32767 bytes. */
static size_t config_key(uint8_t *key, enum resource_type type, struct str name)
{
    PRE(name.len >= 0 && name.len <= INT16_MAX);
    key[0] = (uint8_t)type;
    memcpy(key + 1, name.data, (size_t)name.len);
    return (size_t)name.len + 1;
}

static struct image_config *config_find(const struct image *image, enum resource_type type,
                                        struct str name)
{
    uint8_t key[INT16_MAX + 1];
    size_t len = config_key(key, type, name);
    return map_get(&image->configs, key, len);
}

const struct image_config *image_config(const struct image *image, enum resource_type type,
                                        struct str name)
{
    return config_find(image, type, name);
}

/* Where a key is, or would be inserted. */
static int32_t pair_find(const struct image_config *c, struct str key, bool *found)
{
    int32_t low = 0, high = c->pairs_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = str_compare(c->pairs[middle].name, key);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

struct str image_config_value(const struct image *image, enum resource_type type, struct str name,
                              struct str key)
{
    const struct image_config *c = config_find(image, type, name);
    if (!c) return STR_NULL;
    bool found;
    int32_t at = pair_find(c, key, &found);
    return found ? c->pairs[at].value : STR_NULL;
}

static int compare_configs(const void *a, const void *b)
{
    const struct image_config *x = *(const struct image_config *const *)a,
                              *y = *(const struct image_config *const *)b;
    if (x->type != y->type) return x->type < y->type ? -1 : 1;
    return str_compare(x->name, y->name);
}

const struct image_config **image_configs_sorted(const struct image *image, struct arena *arena,
                                                 int32_t *count)
{
    int32_t n = (int32_t)image->configs.count;
    const struct image_config **list = arena_alloc(arena, sizeof(void *) * (size_t)(n + 1));
    for (int32_t i = 0; i < n; i++) list[i] = image->configs.entries[i].value;
    qsort(list, (size_t)n, sizeof *list, compare_configs);
    *count = n;
    return list;
}

static struct str str_own(struct str s)
{
    return (struct str){str_dup_z(s), s.len};
}

static void str_disown(struct str s)
{
    mem_free((void *)(uintptr_t)s.data);
}

void image_config_set(struct image *image, enum resource_type type, struct str name, struct str key,
                      struct str value)
{
    struct image_config *c = config_find(image, type, name);
    bool found = false;
    int32_t at = c ? pair_find(c, key, &found) : 0;
    if (value.len < 0) {
        if (!found) return;
        str_disown(c->pairs[at].name);
        str_disown(c->pairs[at].value);
        c->pairs_count--;
        memmove(c->pairs + at, c->pairs + at + 1, (size_t)(c->pairs_count - at) * sizeof *c->pairs);
        if (c->pairs_count == 0) image_config_remove(image, type, name);
        return;
    }
    if (!c) {
        uint8_t map_key[INT16_MAX + 1];
        size_t len = config_key(map_key, type, name);
        c = MEM_NEW(struct image_config);
        c->type = type;
        c->name = str_own(name);
        map_put(&image->configs, map_key, len, c);
    }
    if (found) {
        str_disown(c->pairs[at].value);
        c->pairs[at].value = str_own(value);
        return;
    }
    MEM_GROW(c->pairs, c->pairs_count, c->pairs_capacity);
    memmove(c->pairs + at + 1, c->pairs + at, (size_t)(c->pairs_count - at) * sizeof *c->pairs);
    c->pairs[at] = (struct config_pair){str_own(key), str_own(value)};
    c->pairs_count++;
}

static void config_free_one(struct image_config *c)
{
    for (int32_t i = 0; i < c->pairs_count; i++) {
        str_disown(c->pairs[i].name);
        str_disown(c->pairs[i].value);
    }
    str_disown(c->name);
    mem_free(c->pairs);
    mem_free(c);
}

void image_config_remove(struct image *image, enum resource_type type, struct str name)
{
    uint8_t key[INT16_MAX + 1];
    size_t len = config_key(key, type, name);
    struct image_config *c = map_remove(&image->configs, key, len);
    if (c) config_free_one(c);
}

/* ---- features */

int16_t image_feature_level(const struct image *image, struct str name)
{
    if (str_equal_z(name, "metadata.version")) return image->metadata_version;
    for (int32_t i = 0; i < image->features_count; i++)
        if (str_equal(image->features[i].name, name)) return image->features[i].level;
    return 0;
}

void image_feature_set(struct image *image, struct str name, int16_t level)
{
    if (str_equal_z(name, "metadata.version")) {
        image->metadata_version = level;
        return;
    }
    int32_t at = 0;
    while (at < image->features_count && str_compare(image->features[at].name, name) < 0) at++;
    bool found = at < image->features_count && str_equal(image->features[at].name, name);
    if (found && level > 0) {
        image->features[at].level = level;
    } else if (found) {
        str_disown(image->features[at].name);
        image->features_count--;
        memmove(image->features + at, image->features + at + 1,
                (size_t)(image->features_count - at) * sizeof *image->features);
    } else if (level > 0) {
        MEM_GROW(image->features, image->features_count, image->features_capacity);
        memmove(image->features + at + 1, image->features + at,
                (size_t)(image->features_count - at) * sizeof *image->features);
        image->features[at] = (struct image_feature){str_own(name), level};
        image->features_count++;
    }
}

/* ---- kept records */

void image_kept_set(struct map *kept, struct bytes key, struct bytes value)
{
    struct image_kept *old;
    if (value.len < 0) {
        old = map_remove(kept, key.data, (size_t)key.len);
    } else {
        struct image_kept *k = MEM_NEW(struct image_kept);
        k->value = bytes_of(mem_dup(value.data, (size_t)value.len), (size_t)value.len);
        old = map_put(kept, key.data, (size_t)key.len, k);
    }
    if (!old) return;
    mem_free((void *)(uintptr_t)old->value.data);
    mem_free(old);
}

static void kept_free(struct map *kept)
{
    for (uint32_t i = 0; i < kept->count; i++) {
        struct image_kept *k = kept->entries[i].value;
        mem_free((void *)(uintptr_t)k->value.data);
        mem_free(k);
    }
    map_free(kept);
}

/* ---- the whole */

struct image *image_new(void)
{
    struct image *image = MEM_NEW(struct image);
    struct map *maps[] = {
        &image->topics_by_name,    &image->topics_by_id,      &image->topics_by_metric_name,
        &image->configs,           &image->client_quotas,     &image->acls,
        &image->scram_credentials, &image->delegation_tokens, &image->places,
        &image->directories_index};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) map_init(maps[i]);
    return image;
}

static void topics_free(struct image *image)
{
    for (uint32_t i = 0; i < image->topics_size; i++) {
        struct image_topic *t = image->topics[i];
        if (!t) continue;
        for (int32_t p = 0; p < t->partitions_size; p++) mem_free(t->partitions[p].words);
        mem_free(t->partitions);
        str_disown(t->name);
        mem_free(t);
    }
    mem_free(image->topics);
    mem_free(image->free_slots);
    map_free(&image->topics_by_name);
    map_free(&image->topics_by_id);
    map_free(&image->topics_by_metric_name);
    for (uint32_t i = 0; i < image->places.count; i++) {
        struct image_places *places = image->places.entries[i].value;
        mem_free(places->items);
        mem_free(places);
    }
    map_free(&image->places);
    mem_free(image->leaderless.items);
    mem_free(image->directories);
    map_free(&image->directories_index);
}

void image_free(struct image *image)
{
    if (!image) return;
    topics_free(image);
    while (image->brokers_count > 0) image_broker_remove(image, image->brokers[0]->id);
    while (image->controllers_count > 0) image_controller_remove(image, image->controllers[0]->id);
    mem_free(image->brokers);
    mem_free(image->controllers);
    for (uint32_t i = 0; i < image->configs.count; i++)
        config_free_one(image->configs.entries[i].value);
    map_free(&image->configs);
    for (int32_t i = 0; i < image->features_count; i++) str_disown(image->features[i].name);
    mem_free(image->features);
    kept_free(&image->client_quotas);
    kept_free(&image->acls);
    kept_free(&image->scram_credentials);
    kept_free(&image->delegation_tokens);
    mem_free(image);
}
