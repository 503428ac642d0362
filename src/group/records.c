/* Which versions: an offset is value version 4 (topic id in a tag), or 1 when the client gave its
 * own retention (OffsetCommit 2 to 4); group metadata is version 3. What readers must take is more:
 * see replay.c. */
#include "group/records.h"

#include "base/mem.h"
#include "protocol/group_record.h"

enum {
    OFFSET_VALUE_VERSION = 4,
    OFFSET_VALUE_VERSION_WITH_EXPIRY = 1,
    GROUP_METADATA_VALUE_VERSION = 3,
};

/* Encoded in the list's out, whose block is used again: nothing is allocated per record but
 * arena. */
static struct bytes take(struct record_list *l)
{
    uint8_t *to = arena_alloc(l->arena, l->out.len > 0 ? (size_t)l->out.len : 1);
    out_flatten(&l->out, to);
    struct bytes b = {to, l->out.len};
    out_reset(&l->out);
    return b;
}

void record_list_init(struct record_list *l, struct arena *arena)
{
    *l = (struct record_list){.arena = arena};
    out_init(&l->out);
}

void record_list_free(struct record_list *l)
{
    out_free(&l->out);
}

static void add(struct record_list *l, const struct group_record_key *key,
                const struct group_record_value *value)
{
    if (l->count == l->capacity) {
        int32_t capacity = l->capacity ? l->capacity * 2 : 8;
        struct rsm_record *grown = ARENA_ARRAY(l->arena, struct rsm_record, capacity);
        if (l->count) memcpy(grown, l->records, (size_t)l->count * sizeof *grown);
        l->records = grown;
        l->capacity = capacity;
    }
    group_record_key_encode(key, &l->out);
    struct rsm_record *r = &l->records[l->count++];
    r->key = take(l);
    r->value = BYTES_NULL;
    if (!value) return;
    group_record_value_encode(value, &l->out);
    r->value = take(l);
}

static struct group_record_key offset_key(struct str group, struct str topic, int32_t partition)
{
    struct group_record_key key;
    group_record_key_init(&key, GROUP_RECORD_OFFSET_COMMIT);
    key.u.offset_commit.group = group;
    key.u.offset_commit.topic = topic;
    key.u.offset_commit.partition = partition;
    return key;
}

void records_add_offset(struct record_list *l, struct str group, struct str topic,
                        int32_t partition, const struct committed_offset *o)
{
    struct group_record_key key = offset_key(group, topic, partition);
    struct group_record_value value;
    group_record_value_init(&value, GROUP_RECORD_OFFSET_COMMIT,
                            o->expire_ms >= 0 ? OFFSET_VALUE_VERSION_WITH_EXPIRY
                                              : OFFSET_VALUE_VERSION);
    struct offset_commit_value *v = &value.u.offset_commit;
    v->offset = o->offset;
    v->leader_epoch = o->leader_epoch;
    v->metadata = str_is_null(o->metadata) ? STR("") : o->metadata;
    v->commit_timestamp = o->commit_ms;
    v->expire_timestamp = o->expire_ms;
    v->topic_id = o->topic_id;
    add(l, &key, &value);
}

void records_add_offset_tombstone(struct record_list *l, struct str group, struct str topic,
                                  int32_t partition)
{
    struct group_record_key key = offset_key(group, topic, partition);
    add(l, &key, NULL);
}

void records_add_group(struct record_list *l, struct str group,
                       const struct group_metadata_value *v)
{
    struct group_record_key key;
    group_record_key_init(&key, GROUP_RECORD_GROUP_METADATA);
    key.u.group_metadata.group = group;
    struct group_record_value value;
    group_record_value_init(&value, GROUP_RECORD_GROUP_METADATA, GROUP_METADATA_VALUE_VERSION);
    value.u.group_metadata = *v;
    add(l, &key, &value);
}

void records_add_group_tombstone(struct record_list *l, struct str group)
{
    struct group_record_key key;
    group_record_key_init(&key, GROUP_RECORD_GROUP_METADATA);
    key.u.group_metadata.group = group;
    add(l, &key, NULL);
}

/* ---- the consumer protocol ---- */

static struct str name_of(const struct map_entry *e)
{
    return (struct str){(const char *)e->key, (int32_t)e->key_len};
}

static void add_member_tombstones(struct record_list *l, struct str group, struct str member)
{
    struct group_record_key key;
    group_record_key_init(&key, GROUP_RECORD_CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT);
    key.u.consumer_group_current_member_assignment.group_id = group;
    key.u.consumer_group_current_member_assignment.member_id = member;
    add(l, &key, NULL);
    group_record_key_init(&key, GROUP_RECORD_CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER);
    key.u.consumer_group_target_assignment_member.group_id = group;
    key.u.consumer_group_target_assignment_member.member_id = member;
    add(l, &key, NULL);
    group_record_key_init(&key, GROUP_RECORD_CONSUMER_GROUP_MEMBER_METADATA);
    key.u.consumer_group_member_metadata.group_id = group;
    key.u.consumer_group_member_metadata.member_id = member;
    add(l, &key, NULL);
}

void records_add_consumer_group_tombstones(struct record_list *l, const struct group *g)
{
    for (uint32_t i = 0; i < g->new_members.count; i++)
        add_member_tombstones(l, g->id, name_of(&g->new_members.entries[i]));
    struct group_record_key key;
    for (uint32_t i = 0; i < g->new_patterns.count; i++) {
        group_record_key_init(&key, GROUP_RECORD_CONSUMER_GROUP_REGULAR_EXPRESSION);
        key.u.consumer_group_regular_expression.group_id = g->id;
        key.u.consumer_group_regular_expression.regular_expression =
            name_of(&g->new_patterns.entries[i]);
        add(l, &key, NULL);
    }
    group_record_key_init(&key, GROUP_RECORD_CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA);
    key.u.consumer_group_target_assignment_metadata.group_id = g->id;
    add(l, &key, NULL);
    group_record_key_init(&key, GROUP_RECORD_CONSUMER_GROUP_PARTITION_METADATA);
    key.u.consumer_group_partition_metadata.group_id = g->id;
    add(l, &key, NULL);
    group_record_key_init(&key, GROUP_RECORD_CONSUMER_GROUP_METADATA);
    key.u.consumer_group_metadata.group_id = g->id;
    add(l, &key, NULL);
}
