#include "replica/follower_session.h"

#include "base/mem.h"

void follower_session_init(struct follower_session *s)
{
    *s = (struct follower_session){0};
    list_init(&s->changed);
    list_init(&s->listed);
    list_init(&s->resting);
    list_init(&s->asking);
}

void follower_session_free(struct follower_session *s)
{
    PRE(s->count == 0);
    mem_free(s->forgotten);
    *s = (struct follower_session){0};
}

static struct following *following_of(struct list_node *node)
{
    return CONTAINER_OF(node, struct following, node);
}

/* ---- partitions ---- */

static void forget(struct follower_session *s, struct following *f)
{
    if (!f->listed) return;
    f->listed = false;
    if (s->epoch == 0 && !s->creating) return; /* the next request is a full one */
    MEM_GROW(s->forgotten, s->forgotten_count, s->forgotten_capacity);
    s->forgotten[s->forgotten_count++] = (struct forgotten){f->topic_id, f->partition};
}

/* Named again before the leader was told to forget it. */
static void remember(struct follower_session *s, const struct following *f)
{
    for (int32_t i = 0; i < s->forgotten_count; i++) {
        const struct forgotten *x = &s->forgotten[i];
        if (x->partition != f->partition || !uuid_equal(x->topic_id, f->topic_id)) continue;
        s->forgotten[i] = s->forgotten[--s->forgotten_count];
        return;
    }
}

void follower_session_add(struct follower_session *s, struct following *f)
{
    PRE(!list_linked(&f->node) && f->state == FOLLOWING_FETCHING);
    f->listed = false;
    list_push_back(&s->changed, &f->node);
    s->count++;
    s->joined = true;
}

void follower_session_remove(struct follower_session *s, struct following *f)
{
    if (!list_linked(&f->node)) return;
    list_remove(&f->node);
    s->count--;
    forget(s, f);
}

void follower_session_changed(struct follower_session *s, struct following *f)
{
    PRE(f->state == FOLLOWING_FETCHING && list_linked(&f->node));
    list_remove(&f->node);
    list_push_back(&s->changed, &f->node);
}

void follower_session_pause(struct follower_session *s, struct following *f)
{
    PRE(list_linked(&f->node) && f->state != FOLLOWING_FETCHING);
    list_remove(&f->node);
    forget(s, f);
    switch (f->state) {
    case FOLLOWING_RESTING: {
        struct list_node *at = &s->resting;
        while (at->prev != &s->resting && following_of(at->prev)->rest_until.ns > f->rest_until.ns)
            at = at->prev;
        list_insert_before(at, &f->node);
        return;
    }
    case FOLLOWING_ASKING_END:
    case FOLLOWING_ASKING_START: list_push_back(&s->asking, &f->node); return;
    default: s->count--; return;
    }
}

int64_t follower_session_wake(struct follower_session *s, struct mono_time now)
{
    while (!list_empty(&s->resting)) {
        struct following *f = following_of(s->resting.next);
        if (f->rest_until.ns > now.ns) return f->rest_until.ns;
        f->state = FOLLOWING_FETCHING;
        follower_session_changed(s, f);
        s->joined = true;
    }
    return INT64_MAX;
}

/* ---- requests ---- */

static bool is_left_out(const struct following *f, const struct follower_session_options *o)
{
    return o->throttling && f->throttled && f->lagging;
}

static void put_partition(struct follower_session *s, struct following *f,
                          const struct follower_session_options *o,
                          struct fetch_request_fetch_partition *p)
{
    fetch_request_fetch_partition_init(p);
    p->partition = f->partition;
    p->current_leader_epoch = f->leader_epoch;
    p->fetch_offset = f->fetch_offset;
    p->last_fetched_epoch = f->last_fetched_epoch;
    p->log_start_offset = f->log_start_offset;
    p->partition_max_bytes = o->partition_bytes_max;
    list_remove(&f->node);
    list_push_back(&s->listed, &f->node);
    if (s->forgotten_count > 0 && !f->listed) remember(s, f);
    f->listed = true;
    f->grew = false;
    f->listed_sequence = s->sequence;
}

static void put_changed(struct follower_session *s, const struct follower_session_options *o,
                        struct fetch_request *q, struct arena *arena)
{
    int32_t count = 0, topics = 0;
    const struct following *last = NULL;
    LIST_EACH(&s->changed, node) {
        const struct following *f = following_of(node);
        if (is_left_out(f, o)) continue;
        count++;
        topics += !last || !uuid_equal(last->topic_id, f->topic_id);
        last = f;
    }
    q->topics = ARENA_ARRAY(arena, struct fetch_request_fetch_topic, topics);
    q->topics_count = 0;
    struct fetch_request_fetch_partition *p =
        ARENA_ARRAY(arena, struct fetch_request_fetch_partition, count);
    struct fetch_request_fetch_topic *t = NULL;
    LIST_EACH(&s->changed, node) {
        struct following *f = following_of(node);
        if (is_left_out(f, o)) continue;
        if (!t || !uuid_equal(t->topic_id, f->topic_id)) {
            t = &q->topics[q->topics_count++];
            *t = (struct fetch_request_fetch_topic){.topic_id = f->topic_id, .partitions = p};
        }
        t->partitions_count++;
        put_partition(s, f, o, p++);
    }
    POST(q->topics_count == topics);
}

static void put_forgotten(struct follower_session *s, struct fetch_request *q, struct arena *arena)
{
    int32_t count = s->forgotten_count;
    q->forgotten_topics_data = ARENA_ARRAY(arena, struct fetch_request_forgotten_topic, count);
    q->forgotten_topics_data_count = 0;
    int32_t *partitions = ARENA_ARRAY(arena, int32_t, count);
    struct fetch_request_forgotten_topic *t = NULL;
    for (int32_t i = 0; i < count; i++) {
        const struct forgotten *x = &s->forgotten[i];
        if (!t || !uuid_equal(t->topic_id, x->topic_id)) {
            t = &q->forgotten_topics_data[q->forgotten_topics_data_count++];
            *t = (struct fetch_request_forgotten_topic){.topic_id = x->topic_id,
                                                        .partitions = &partitions[i]};
        }
        partitions[i] = x->partition;
        t->partitions_count++;
    }
    s->forgotten_count = 0;
}

/* What rests may be fetched, but is left out while the quota is used up: the leader forgets it. */
static void forget_throttled(struct follower_session *s, const struct follower_session_options *o)
{
    if (!o->throttling) return;
    LIST_EACH(&s->listed, node) {
        struct following *f = following_of(node);
        if (!is_left_out(f, o)) continue;
        follower_session_changed(s, f);
        forget(s, f);
    }
    LIST_EACH(&s->changed, node) {
        struct following *f = following_of(node);
        if (is_left_out(f, o)) forget(s, f);
    }
}

/* Everything is to be named in a full request. */
static void name_all(struct follower_session *s)
{
    s->epoch = 0;
    s->creating = false;
    s->forgotten_count = 0;
    s->valid_from = s->sequence + 1;
    LIST_EACH(&s->changed, node) following_of(node)->listed = false;
    LIST_EACH(&s->listed, node) {
        struct following *f = following_of(node);
        f->listed = false;
        list_remove(&f->node);
        list_push_back(&s->changed, &f->node);
    }
}

bool follower_session_request(struct follower_session *s, const struct follower_session_options *o,
                              struct fetch_request *q, struct arena *arena)
{
    if (s->epoch == 0) name_all(s);
    forget_throttled(s, o);
    s->sequence++;
    q->session_id = s->id;
    q->session_epoch = s->epoch;
    put_changed(s, o, q, arena);
    put_forgotten(s, q, arena);
    s->joined = false;
    if (list_empty(&s->listed) && q->forgotten_topics_data_count == 0) return false;
    s->creating = s->epoch == 0;
    if (s->epoch > 0) s->epoch = s->epoch == INT32_MAX ? 1 : s->epoch + 1;
    return true;
}

void follower_session_reset(struct follower_session *s)
{
    s->id = 0;
    name_all(s);
}

bool follower_session_answered(struct follower_session *s, int64_t sequence, bool full,
                               enum kafka_error error, int32_t session_id)
{
    if (sequence < s->valid_from) return false;
    if (error) {
        if (error == KAFKA_FETCH_SESSION_ID_NOT_FOUND) s->id = 0;
        name_all(s);
        return false;
    }
    if (full) {
        s->creating = false;
        s->id = session_id;
        s->epoch = session_id != 0;
    } else if (session_id != s->id) {
        s->id = s->epoch = 0; /* it ended with this answer, which counts nevertheless */
    }
    return true;
}
