#include "metadata/replay_topics.h"

#include "base/mark.h"
#include "base/mem.h"
#include "metadata/image_edit.h"

enum { LEADER_NO_CHANGE = -2, RECOVERY_NO_CHANGE = -1 };

enum err replay_topic(struct image *image, const struct topic_record *r, struct delta *delta)
{
    if (r->name.len <= 0) return ERR_INVALID;
    if (image_topic_by_name(image, r->name) || image_topic_edit(image, r->topic_id))
        return ERR_EXISTS;
    image_topic_add(image, r->name, r->topic_id);
    delta_touch_topic(delta, r->topic_id, r->name, true, false);
    return ERR_OK;
}

enum err replay_remove_topic(struct image *image, const struct remove_topic_record *r,
                             struct delta *delta)
{
    struct image_topic *t = image_topic_edit(image, r->topic_id);
    if (!t) return ERR_NOT_FOUND;
    if (delta) {
        delta_touch_topic(delta, t->id, t->name, false, true);
        for (int32_t id = 0; id < t->partitions_size; id++)
            if (image_topic_partition(t, id)) delta_touch_partition(delta, t->id, t->name, id);
    }
    if (image_config(image, RESOURCE_TOPIC, t->name)) {
        delta_touch_config(delta, RESOURCE_TOPIC, t->name);
        image_config_remove(image, RESOURCE_TOPIC, t->name);
    }
    image_topic_remove(image, t);
    return ERR_OK;
}

/* A list of broker ids that can be held: no id twice, none negative. */
static bool ids_valid(const int32_t *ids, int32_t count)
{
    if (count > UINT16_MAX) return false;
    for (int32_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids_contain(ids, i, ids[i])) return false;
    return true;
}

static bool content_valid(const struct partition_content *c)
{
    return c->replicas_count > 0 && c->leader >= LEADER_NONE && c->leader_recovery_state >= 0 &&
           c->leader_recovery_state <= LEADER_RECOVERING &&
           ids_valid(c->replicas, c->replicas_count) && ids_valid(c->isr, c->isr_count) &&
           ids_valid(c->removing, c->removing_count) && ids_valid(c->adding, c->adding_count) &&
           ids_valid(c->elr, c->elr_count) && ids_valid(c->last_known_elr, c->last_known_elr_count);
}

/* Directories as indices. Missing or all-zero ones are MIGRATING. Err: INVALID counts. */
static enum err directories_intern(struct image *image, const struct uuid *ids, int32_t count,
                                   int32_t replicas_count, uint32_t **indices)
{
    if (count > 0 && count != replicas_count) return ERR_INVALID;
    *indices = mem_alloc((size_t)replicas_count * sizeof **indices);
    for (int32_t i = 0; i < replicas_count; i++)
        (*indices)[i] = image_intern_directory(image, count > 0 ? ids[i] : DIRECTORY_MIGRATING);
    return ERR_OK;
}

enum err replay_partition(struct image *image, const struct partition_record *r,
                          struct delta *delta)
{
    struct image_topic *t = image_topic_edit(image, r->topic_id);
    if (!t) return ERR_NOT_FOUND;
    if (r->partition_id < 0 || r->partition_id > IMAGE_PARTITION_ID_MAX) return ERR_INVALID;
    struct partition_content c = {
        .replicas = r->replicas,
        .replicas_count = r->replicas_count,
        .isr = r->isr,
        .isr_count = r->isr_count,
        .removing = r->removing_replicas,
        .removing_count = r->removing_replicas_count,
        .adding = r->adding_replicas,
        .adding_count = r->adding_replicas_count,
        .elr = r->eligible_leader_replicas,
        .elr_count = r->eligible_leader_replicas_count > 0 ? r->eligible_leader_replicas_count : 0,
        .last_known_elr = r->last_known_elr,
        .last_known_elr_count = r->last_known_elr_count > 0 ? r->last_known_elr_count : 0,
        .leader = r->leader,
        .leader_epoch = r->leader_epoch,
        .partition_epoch = r->partition_epoch,
        .leader_recovery_state = r->leader_recovery_state,
    };
    if (!content_valid(&c)) return ERR_INVALID;
    uint32_t *indices;
    enum err err = directories_intern(image, r->directories, r->directories_count,
                                      r->replicas_count, &indices);
    if (err) return err;
    c.directories = indices;
    image_partition_set(image, t, r->partition_id, &c);
    mem_free(indices);
    delta_touch_partition(delta, t->id, t->name, r->partition_id);
    return ERR_OK;
}

/* Take a list of the change if it is there. */
#define OVERLAY(field, list, list_count)    \
    do {                                    \
        if ((list_count) >= 0) {            \
            c.field = (list);               \
            c.field##_count = (list_count); \
        }                                   \
    } while (0)

enum err replay_partition_change(struct image *image, const struct partition_change_record *r,
                                 struct delta *delta)
{
    struct image_topic *t = image_topic_edit(image, r->topic_id);
    const struct image_partition *p = t ? image_topic_partition(t, r->partition_id) : NULL;
    if (!p) return ERR_NOT_FOUND;
    struct partition_content c = partition_content_of(p);
    OVERLAY(isr, r->isr, r->isr_count);
    OVERLAY(removing, r->removing_replicas, r->removing_replicas_count);
    OVERLAY(adding, r->adding_replicas, r->adding_replicas_count);
    OVERLAY(elr, r->eligible_leader_replicas, r->eligible_leader_replicas_count);
    OVERLAY(last_known_elr, r->last_known_elr, r->last_known_elr_count);
    OVERLAY(replicas, r->replicas, r->replicas_count);
    if (r->leader != LEADER_NO_CHANGE) {
        c.leader = r->leader;
        if (!MUTANT(SAME_LEADER_EPOCH)) c.leader_epoch++;
    }
    if (r->leader_recovery_state != RECOVERY_NO_CHANGE)
        c.leader_recovery_state = r->leader_recovery_state;
    c.partition_epoch++;
    if (!content_valid(&c)) return ERR_INVALID;

    uint32_t *indices = NULL;
    if (r->directories_count > 0) {
        enum err err = directories_intern(image, r->directories, r->directories_count,
                                          c.replicas_count, &indices);
        if (err) return err;
    } else if (r->replicas_count >= 0) {
        /* from a level without directories: what is known of a replica stays */
        indices = mem_alloc((size_t)c.replicas_count * sizeof *indices);
        for (int32_t i = 0; i < c.replicas_count; i++)
            indices[i] =
                image_intern_directory(image, partition_directory_of(image, p, c.replicas[i]));
    }
    if (indices) c.directories = indices;
    image_partition_set(image, t, r->partition_id, &c);
    mem_free(indices);
    delta_touch_partition(delta, t->id, t->name, r->partition_id);
    return ERR_OK;
}

static void clear_elr(struct image *image, struct image_topic *t, struct delta *delta)
{
    for (int32_t id = 0; id < t->partitions_size; id++) {
        const struct image_partition *p = image_topic_partition(t, id);
        if (!p || p->elr_count + p->last_known_elr_count == 0) continue;
        struct partition_content c = partition_content_of(p);
        c.elr_count = c.last_known_elr_count = 0;
        c.partition_epoch++;
        image_partition_set(image, t, id, &c);
        delta_touch_partition(delta, t->id, t->name, id);
    }
}

enum err replay_clear_elr(struct image *image, const struct clear_elr_record *r,
                          struct delta *delta)
{
    if (r->topic_name.len > 0) {
        const struct image_topic *t = image_topic_by_name(image, r->topic_name);
        if (!t) return ERR_NOT_FOUND;
        clear_elr(image, image_topic_edit(image, t->id), delta);
        return ERR_OK;
    }
    for (uint32_t i = 0; i < image->topics_size; i++)
        if (image->topics[i]) clear_elr(image, image->topics[i], delta);
    return ERR_OK;
}
