/* Committed records into state. What this release does not know (key types of a later Kafka, value
 * versions above ours) is skipped and stays in the log.
 *
 * An offset creates its group if need be: a simple group, without a protocol type. A group's
 * tombstone removes it, unless offsets are left, which then belong to a simple group. */
#include "base/mem.h"
#include "group/shard.h"
#include "group/text.h"
#include "protocol/group_record.h"

static struct shard_group *find_or_add(struct group_shard *s, struct str id)
{
    struct shard_group *sg = shard_find(s, id);
    return sg ? sg : shard_add(s, id, (struct wall_time){-1});
}

/* ---- transactions (KIP-98): pending until the marker ---- */

static struct transaction *transaction_of(struct group_shard *s, int64_t producer_id)
{
    struct transaction *t = map_get_u64(&s->transactions, (uint64_t)producer_id);
    if (t) return t;
    t = MEM_NEW(struct transaction);
    map_put_u64(&s->transactions, (uint64_t)producer_id, t);
    return t;
}

static bool is_for(const struct pending_offset *p, struct str group, struct str topic,
                   int32_t partition)
{
    return p->partition == partition && str_equal(p->topic, topic) && str_equal(p->group, group);
}

static void pending_offset_free(struct pending_offset *p)
{
    text_free(p->group);
    text_free(p->topic);
    text_free(p->value.metadata);
}

static void transaction_put(struct group_shard *s, int64_t producer_id,
                            const struct offset_commit_key *key,
                            const struct committed_offset *value)
{
    struct transaction *t = transaction_of(s, producer_id);
    struct committed_offset copy = *value;
    copy.metadata = text_copy(value->metadata);
    for (int32_t i = 0; i < t->count; i++) {
        if (!is_for(&t->offsets[i], key->group, key->topic, key->partition)) continue;
        text_free(t->offsets[i].value.metadata);
        t->offsets[i].value = copy;
        return;
    }
    MEM_GROW(t->offsets, t->count, t->capacity);
    t->offsets[t->count++] = (struct pending_offset){.group = text_copy(key->group),
                                                     .topic = text_copy(key->topic),
                                                     .partition = key->partition,
                                                     .value = copy};
    group_offsets_pend(&find_or_add(s, key->group)->group->offsets, key->topic, key->partition);
}

static void transaction_drop(struct group_shard *s, struct transaction *t, int32_t i)
{
    struct pending_offset *p = &t->offsets[i];
    struct shard_group *sg = shard_find(s, p->group);
    if (sg) group_offsets_unpend(&sg->group->offsets, p->topic, p->partition);
    pending_offset_free(p);
    t->offsets[i] = t->offsets[--t->count];
}

static void transaction_free(struct transaction *t)
{
    for (int32_t i = 0; i < t->count; i++) pending_offset_free(&t->offsets[i]);
    mem_free(t->offsets);
    mem_free(t);
}

void shard_end_transaction(struct rsm_machine *m, int64_t producer_id, bool commit)
{
    struct group_shard *s = CONTAINER_OF(m, struct group_shard, machine);
    struct transaction *t = map_remove_u64(&s->transactions, (uint64_t)producer_id);
    if (!t) return;
    for (int32_t i = 0; commit && i < t->count; i++) {
        struct pending_offset *p = &t->offsets[i];
        struct group_offsets *offsets = &find_or_add(s, p->group)->group->offsets;
        const struct committed_offset *there = group_offsets_find(offsets, p->topic, p->partition);
        /* A plain commit may have come between: the later record in the log counts. */
        if (there && there->present && there->record_offset > p->value.record_offset) continue;
        group_offsets_put(offsets, p->topic, p->partition, &p->value);
    }
    while (t->count > 0) transaction_drop(s, t, t->count - 1);
    transaction_free(t);
}

void shard_forget_transactions(struct group_shard *s)
{
    for (uint32_t i = 0; i < s->transactions.count; i++)
        transaction_free(s->transactions.entries[i].value);
    map_free(&s->transactions);
    map_init(&s->transactions);
}

/* ---- offsets ---- */

static void offset_tombstone(struct group_shard *s, const struct offset_commit_key *key)
{
    for (uint32_t k = 0; k < s->transactions.count; k++) {
        struct transaction *t = s->transactions.entries[k].value;
        for (int32_t i = t->count - 1; i >= 0; i--)
            if (is_for(&t->offsets[i], key->group, key->topic, key->partition))
                transaction_drop(s, t, i);
    }
    struct shard_group *sg = shard_find(s, key->group);
    if (sg) group_offsets_remove(&sg->group->offsets, key->topic, key->partition);
}

static void replay_offset(struct group_shard *s, const struct rsm_replay *r,
                          const struct offset_commit_key *key, const struct committed_offset *value)
{
    if (!value) {
        offset_tombstone(s, key);
        return;
    }
    if (r->producer_id != NO_PRODUCER_ID) {
        transaction_put(s, r->producer_id, key, value);
        return;
    }
    group_offsets_put(&find_or_add(s, key->group)->group->offsets, key->topic, key->partition,
                      value);
}

/* ---- groups ---- */

/* A group whose tombstone has come goes, unless it has offsets, or something that began behind the
 * tombstone: a deletion that took too long has let it live again (erase.c). */
static void remove_unused(struct group_shard *s, struct shard_group *sg)
{
    const struct group *g = sg->group;
    if (!group_offsets_empty(&g->offsets) || g->commits_in_flight > 0 || g->writes_in_flight > 0)
        return;
    shard_remove(s, sg);
}

static void group_tombstone(struct group_shard *s, struct str id)
{
    struct shard_group *sg = shard_find(s, id);
    if (!sg) return;
    struct group *g = sg->group;
    if (g->state == GROUP_DEAD) group_revive(g);
    if (s->rsm.state == RSM_ACTIVE && g->state != GROUP_EMPTY) return; /* not ours: it lives */
    struct group_metadata_value none;
    group_metadata_value_init(&none);
    group_load(g, &none);
    if (g->kind == GROUP_CLASSIC) remove_unused(s, sg);
}

static void replay_group(struct group_shard *s, struct str id,
                         const struct group_metadata_value *value)
{
    if (!value) {
        group_tombstone(s, id);
        return;
    }
    /* Of a group that lives here: it knows (group_written). */
    if (s->rsm.state == RSM_ACTIVE) return;
    struct group *g = find_or_add(s, id)->group;
    g->kind = GROUP_CLASSIC;
    group_load(g, value);
}

/* Groups of the new protocols are only seen. */
static void replay_kind(struct group_shard *s, struct str id, enum group_kind kind, bool there)
{
    struct shard_group *sg = there ? find_or_add(s, id) : shard_find(s, id);
    if (!sg) return;
    struct group *g = sg->group;
    if (there) {
        struct group_metadata_value none;
        group_metadata_value_init(&none);
        if (g->kind == GROUP_CLASSIC) group_load(g, &none);
        g->kind = kind;
        return;
    }
    if (g->kind != kind) return;
    g->kind = GROUP_CLASSIC;
    if (g->state == GROUP_DEAD) group_revive(g);
    remove_unused(s, sg);
}

/* Whom and what a group of the consumer protocol names: remembered for its tombstones. */
static void replay_name(struct group_shard *s, struct str id, bool is_pattern, struct str name,
                        bool there)
{
    struct shard_group *sg = there ? find_or_add(s, id) : shard_find(s, id);
    if (!sg) return;
    struct map *names = is_pattern ? &sg->group->new_patterns : &sg->group->new_members;
    if (there)
        map_put_str(names, name, sg->group);
    else
        map_remove_str(names, name);
}

/* ---- one record ---- */

static struct committed_offset from_value(const struct offset_commit_value *v,
                                          int64_t record_offset)
{
    return (struct committed_offset){
        .offset = v->offset,
        .leader_epoch = v->leader_epoch,
        .metadata = v->metadata,
        .commit_ms = v->commit_timestamp,
        .expire_ms = v->expire_timestamp,
        .topic_id = v->topic_id,
        .record_offset = record_offset,
        .present = true,
    };
}

static void apply(struct group_shard *s, const struct rsm_replay *r,
                  const struct group_record_key *k, const struct group_record_value *v)
{
    switch (k->type) {
    case GROUP_RECORD_LEGACY_OFFSET_COMMIT: {
        struct offset_commit_key key = {.group = k->u.legacy_offset_commit.group,
                                        .topic = k->u.legacy_offset_commit.topic,
                                        .partition = k->u.legacy_offset_commit.partition};
        struct offset_commit_value value;
        offset_commit_value_init(&value);
        if (v) {
            value.offset = v->u.legacy_offset_commit.offset;
            value.metadata = v->u.legacy_offset_commit.metadata;
            value.commit_timestamp = v->u.legacy_offset_commit.commit_timestamp;
        }
        struct committed_offset o = from_value(&value, r->offset);
        replay_offset(s, r, &key, v ? &o : NULL);
        break;
    }
    case GROUP_RECORD_OFFSET_COMMIT: {
        struct committed_offset o = {0};
        if (v) o = from_value(&v->u.offset_commit, r->offset);
        replay_offset(s, r, &k->u.offset_commit, v ? &o : NULL);
        break;
    }
    case GROUP_RECORD_GROUP_METADATA:
        replay_group(s, k->u.group_metadata.group, v ? &v->u.group_metadata : NULL);
        break;
    case GROUP_RECORD_CONSUMER_GROUP_METADATA:
        replay_kind(s, k->u.consumer_group_metadata.group_id, GROUP_CONSUMER, v != NULL);
        break;
    case GROUP_RECORD_CONSUMER_GROUP_MEMBER_METADATA:
        replay_name(s, k->u.consumer_group_member_metadata.group_id, false,
                    k->u.consumer_group_member_metadata.member_id, v != NULL);
        break;
    case GROUP_RECORD_CONSUMER_GROUP_REGULAR_EXPRESSION:
        replay_name(s, k->u.consumer_group_regular_expression.group_id, true,
                    k->u.consumer_group_regular_expression.regular_expression, v != NULL);
        break;
    case GROUP_RECORD_SHARE_GROUP_METADATA:
        replay_kind(s, k->u.share_group_metadata.group_id, GROUP_SHARE, v != NULL);
        break;
    case GROUP_RECORD_STREAMS_GROUP_METADATA:
        replay_kind(s, k->u.streams_group_metadata.group_id, GROUP_STREAMS, v != NULL);
        break;
    default: break; /* the inside of a group of a new protocol */
    }
}

void shard_replay(struct rsm_machine *m, const struct rsm_replay *r)
{
    struct group_shard *s = CONTAINER_OF(m, struct group_shard, machine);
    struct arena arena;
    arena_init(&arena, 0);
    struct group_record_key key;
    struct group_record_value value;
    bool tombstone = r->value.len < 0;
    enum err e = group_record_key_decode(&key, r->key, &arena);
    if (!e && !tombstone) e = group_record_value_decode(&value, key.type, r->value, &arena);
    if (!e)
        apply(s, r, &key, tombstone ? NULL : &value);
    else if (e != ERR_UNSUPPORTED)
        trace_warn(s->env->trace, "group", "%s: skipping the record at offset %lld: %s", s->name,
                   (long long)r->offset, err_text(e));
    arena_free(&arena);
}
