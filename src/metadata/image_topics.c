/* Changing topics, partitions and registrations of an image.
 *
 * A partition is one block of 32-bit words, so that a million of them fit:
 *
 *   replicas[n] directories[n] places[n] isr[] removing[] adding[] elr[] last_known_elr[]
 *
 * directories[i] indexes image.directories. places[i] is where this partition stands in the list
 * of broker replicas[i], so that it can be taken out by moving the last one into the hole. */
#include "base/assert.h"
#include "base/mem.h"
#include "metadata/image_edit.h"

struct partition_content partition_content_of(const struct image_partition *p)
{
    return (struct partition_content){
        .replicas = partition_replicas(p),
        .replicas_count = p->replicas_count,
        .directories = partition_directory_indices(p),
        .isr = partition_isr(p),
        .isr_count = p->isr_count,
        .removing = partition_removing(p),
        .removing_count = p->removing_count,
        .adding = partition_adding(p),
        .adding_count = p->adding_count,
        .elr = partition_elr(p),
        .elr_count = p->elr_count,
        .last_known_elr = partition_last_known_elr(p),
        .last_known_elr_count = p->last_known_elr_count,
        .leader = p->leader,
        .leader_epoch = p->leader_epoch,
        .partition_epoch = p->partition_epoch,
        .leader_recovery_state = p->leader_recovery_state,
    };
}

uint32_t image_intern_directory(struct image *image, struct uuid directory)
{
    uintptr_t known = (uintptr_t)map_get(&image->directories_index, directory.bytes, 16);
    if (known) return (uint32_t)known - 1;
    MEM_GROW(image->directories, image->directories_count, image->directories_capacity);
    image->directories[image->directories_count++] = directory;
    map_put(&image->directories_index, directory.bytes, 16,
            (void *)(uintptr_t)image->directories_count);
    return image->directories_count - 1;
}

/* ---- the index of partitions by broker */

static struct image_places *places_of(struct image *image, int32_t broker)
{
    if (broker == LEADER_NONE) return &image->leaderless;
    struct image_places *places = map_get_u64(&image->places, (uint64_t)(uint32_t)broker);
    if (!places) {
        places = MEM_NEW(struct image_places);
        map_put_u64(&image->places, (uint64_t)(uint32_t)broker, places);
    }
    return places;
}

static uint32_t *place_word(struct image_partition *p, int32_t broker)
{
    if (broker == LEADER_NONE) return &p->leaderless_place;
    for (int32_t i = 0; i < p->replicas_count; i++)
        if (partition_replicas(p)[i] == broker) return &p->words[2 * p->replicas_count + i];
    UNREACHABLE();
}

static uint32_t places_add(struct image *image, int32_t broker, struct image_place place)
{
    struct image_places *places = places_of(image, broker);
    MEM_GROW(places->items, places->count, places->capacity);
    places->items[places->count] = place;
    return places->count++;
}

static void places_remove(struct image *image, int32_t broker, uint32_t at)
{
    struct image_places *places = places_of(image, broker);
    INVARIANT(at < places->count);
    places->count--;
    if (at == places->count) return;
    struct image_place moved = places->items[places->count];
    places->items[at] = moved;
    *place_word(&image->topics[moved.topic]->partitions[moved.partition], broker) = at;
}

static void partition_unindex(struct image *image, struct image_topic *topic,
                              struct image_partition *p)
{
    for (int32_t i = 0; i < p->replicas_count; i++)
        places_remove(image, partition_replicas(p)[i], p->words[2 * p->replicas_count + i]);
    if (p->leader == LEADER_NONE) places_remove(image, LEADER_NONE, p->leaderless_place);
    topic->reassigning_count -= p->removing_count + p->adding_count > 0;
    topic->not_preferred_count -= p->leader != partition_replicas(p)[0];
}

static void partition_index(struct image *image, struct image_topic *topic, int32_t id)
{
    struct image_partition *p = &topic->partitions[id];
    struct image_place place = {topic->slot, id};
    for (int32_t i = 0; i < p->replicas_count; i++)
        p->words[2 * p->replicas_count + i] = places_add(image, partition_replicas(p)[i], place);
    if (p->leader == LEADER_NONE) p->leaderless_place = places_add(image, LEADER_NONE, place);
    topic->reassigning_count += p->removing_count + p->adding_count > 0;
    topic->not_preferred_count += p->leader != partition_replicas(p)[0];
}

/* ---- partitions */

static void partitions_reserve(struct image_topic *topic, int32_t size)
{
    if (size > topic->partitions_capacity) {
        int32_t capacity = topic->partitions_capacity;
        while (capacity < size) capacity = capacity ? capacity * 2 : 1;
        topic->partitions =
            mem_realloc(topic->partitions, (size_t)capacity * sizeof *topic->partitions);
        topic->partitions_capacity = capacity;
    }
    for (; topic->partitions_size < size; topic->partitions_size++)
        topic->partitions[topic->partitions_size] = (struct image_partition){0};
}

static uint32_t *words_put(uint32_t *to, const void *ids, int32_t count)
{
    if (count > 0) memcpy(to, ids, (size_t)count * sizeof *to);
    return to + count;
}

static uint32_t *words_build(const struct partition_content *c)
{
    size_t count = 3 * (size_t)c->replicas_count +
                   (size_t)(c->isr_count + c->removing_count + c->adding_count + c->elr_count +
                            c->last_known_elr_count);
    uint32_t *words = mem_alloc(count * sizeof *words);
    uint32_t *to = words_put(words, c->replicas, c->replicas_count);
    to = words_put(to, c->directories, c->replicas_count);
    memset(to, 0, (size_t)c->replicas_count * sizeof *to);
    to = words_put(to + c->replicas_count, c->isr, c->isr_count);
    to = words_put(to, c->removing, c->removing_count);
    to = words_put(to, c->adding, c->adding_count);
    to = words_put(to, c->elr, c->elr_count);
    to = words_put(to, c->last_known_elr, c->last_known_elr_count);
    INVARIANT((size_t)(to - words) == count);
    return words;
}

void image_partition_set(struct image *image, struct image_topic *topic, int32_t id,
                         const struct partition_content *content)
{
    PRE(id >= 0 && id <= IMAGE_PARTITION_ID_MAX && content->replicas_count > 0);
    uint32_t *words = words_build(content); /* before its lists may go */
    struct partition_content c = *content;
    partitions_reserve(topic, id + 1);
    struct image_partition *p = &topic->partitions[id];
    if (p->words) {
        partition_unindex(image, topic, p);
        mem_free(p->words);
    } else {
        topic->partitions_count++;
        image->partitions_count++;
    }
    *p = (struct image_partition){
        .words = words,
        .leader = c.leader,
        .leader_epoch = c.leader_epoch,
        .partition_epoch = c.partition_epoch,
        .replicas_count = (uint16_t)c.replicas_count,
        .isr_count = (uint16_t)c.isr_count,
        .removing_count = (uint16_t)c.removing_count,
        .adding_count = (uint16_t)c.adding_count,
        .elr_count = (uint16_t)c.elr_count,
        .last_known_elr_count = (uint16_t)c.last_known_elr_count,
        .leader_recovery_state = c.leader_recovery_state,
    };
    partition_index(image, topic, id);
}

/* ---- topics */

struct image_topic *image_topic_edit(struct image *image, struct uuid id)
{
    return map_get(&image->topics_by_id, id.bytes, sizeof id.bytes);
}

/* The name with dots as underscores; false: it has neither and cannot collide. */
static bool metric_name(struct str name, char *to)
{
    bool either = false;
    PRE(name.len >= 0 && name.len <= INT16_MAX);
    for (int32_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        either |= c == '.' || c == '_';
        to[i] = c == '.' ? '_' : c;
    }
    return either;
}

const struct image_topic *image_topic_colliding(const struct image *image, struct str name)
{
    char key[INT16_MAX];
    if (!metric_name(name, key)) return NULL;
    return map_get(&image->topics_by_metric_name, key, (size_t)name.len);
}

static void metric_name_remove(struct image *image, const struct image_topic *gone)
{
    char key[INT16_MAX], other_key[INT16_MAX];
    size_t len = (size_t)gone->name.len;
    if (!metric_name(gone->name, key)) return;
    if (map_get(&image->topics_by_metric_name, key, len) != gone) return;
    map_remove(&image->topics_by_metric_name, key, len);
    if (image->metric_names_shared == 0) return;
    /* a cluster of before the rule holds others */
    for (uint32_t i = 0; i < image->topics_size; i++) {
        struct image_topic *t = image->topics[i];
        if (!t || t == gone || t->name.len != gone->name.len) continue;
        if (!metric_name(t->name, other_key) || memcmp(key, other_key, len) != 0) continue;
        map_put(&image->topics_by_metric_name, key, len, t);
        return;
    }
}

struct image_topic *image_topic_add(struct image *image, struct str name, struct uuid id)
{
    struct image_topic *t = MEM_NEW(struct image_topic);
    t->name = (struct str){str_dup_z(name), name.len};
    t->id = id;
    if (image->free_slots_count > 0) {
        t->slot = image->free_slots[--image->free_slots_count];
    } else {
        MEM_GROW(image->topics, image->topics_size, image->topics_capacity);
        t->slot = image->topics_size++;
    }
    image->topics[t->slot] = t;
    image->topics_count++;
    map_put_str(&image->topics_by_name, name, t);
    map_put(&image->topics_by_id, id.bytes, sizeof id.bytes, t);
    char key[INT16_MAX];
    if (metric_name(name, key))
        image->metric_names_shared +=
            map_put(&image->topics_by_metric_name, key, (size_t)name.len, t) != NULL;
    return t;
}

void image_topic_remove(struct image *image, struct image_topic *t)
{
    /* from the last to the first: most often the tail of each broker's list, so nothing moves */
    for (int32_t id = t->partitions_size - 1; id >= 0; id--) {
        struct image_partition *p = &t->partitions[id];
        if (!p->words) continue;
        partition_unindex(image, t, p);
        mem_free(p->words);
        image->partitions_count--;
    }
    mem_free(t->partitions);
    metric_name_remove(image, t);
    map_remove_str(&image->topics_by_name, t->name);
    map_remove(&image->topics_by_id, t->id.bytes, sizeof t->id.bytes);
    MEM_GROW(image->free_slots, image->free_slots_count, image->free_slots_capacity);
    image->free_slots[image->free_slots_count++] = t->slot;
    image->topics[t->slot] = NULL;
    image->topics_count--;
    mem_free((void *)(uintptr_t)t->name.data);
    mem_free(t);
}

/* ---- registrations */

struct image_broker *image_broker_edit(struct image *image, int32_t id)
{
    return (struct image_broker *)(uintptr_t)image_broker(image, id);
}

static void broker_empty(struct image_broker *b)
{
    arena_free(&b->texts);
    mem_free(b->directories);
    mem_free(b->cordoned);
}

struct image_broker *image_broker_add(struct image *image, int32_t id)
{
    struct image_broker *b = image_broker_edit(image, id);
    if (b) {
        broker_empty(b);
    } else {
        int32_t at = 0;
        while (at < image->brokers_count && image->brokers[at]->id < id) at++;
        MEM_GROW(image->brokers, image->brokers_count, image->brokers_capacity);
        memmove(image->brokers + at + 1, image->brokers + at,
                (size_t)(image->brokers_count - at) * sizeof *image->brokers);
        b = image->brokers[at] = MEM_NEW(struct image_broker);
        image->brokers_count++;
    }
    *b = (struct image_broker){.id = id};
    arena_init(&b->texts, 512);
    return b;
}

void image_broker_remove(struct image *image, int32_t id)
{
    for (int32_t i = 0; i < image->brokers_count; i++) {
        if (image->brokers[i]->id != id) continue;
        broker_empty(image->brokers[i]);
        mem_free(image->brokers[i]);
        image->brokers_count--;
        memmove(image->brokers + i, image->brokers + i + 1,
                (size_t)(image->brokers_count - i) * sizeof *image->brokers);
        return;
    }
}

/* Ascending, so that the order of a record's list does not matter. */
static struct uuid *directories_sorted(const struct uuid *ids, int32_t count)
{
    struct uuid *to = mem_alloc((size_t)(count > 0 ? count : 0) * sizeof *to);
    for (int32_t i = 0; i < count; i++) {
        int32_t at = i;
        for (; at > 0 && uuid_compare(to[at - 1], ids[i]) > 0; at--) to[at] = to[at - 1];
        to[at] = ids[i];
    }
    return to;
}

void image_broker_set_directories(struct image_broker *b, const struct uuid *ids, int32_t count)
{
    mem_free(b->directories);
    b->directories = directories_sorted(ids, count);
    b->directories_count = count > 0 ? count : 0;
}

void image_broker_set_cordoned(struct image_broker *b, const struct uuid *ids, int32_t count)
{
    mem_free(b->cordoned);
    b->cordoned = directories_sorted(ids, count);
    b->cordoned_count = count > 0 ? count : 0;
}

struct image_controller *image_controller_add(struct image *image, int32_t id)
{
    image_controller_remove(image, id);
    int32_t at = 0;
    while (at < image->controllers_count && image->controllers[at]->id < id) at++;
    MEM_GROW(image->controllers, image->controllers_count, image->controllers_capacity);
    memmove(image->controllers + at + 1, image->controllers + at,
            (size_t)(image->controllers_count - at) * sizeof *image->controllers);
    struct image_controller *c = image->controllers[at] = MEM_NEW(struct image_controller);
    image->controllers_count++;
    c->id = id;
    arena_init(&c->texts, 512);
    return c;
}

void image_controller_remove(struct image *image, int32_t id)
{
    for (int32_t i = 0; i < image->controllers_count; i++) {
        if (image->controllers[i]->id != id) continue;
        arena_free(&image->controllers[i]->texts);
        mem_free(image->controllers[i]);
        image->controllers_count--;
        memmove(image->controllers + i, image->controllers + i + 1,
                (size_t)(image->controllers_count - i) * sizeof *image->controllers);
        return;
    }
}
