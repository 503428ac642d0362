#include "replica/fetch_session.h"

#include "base/mem.h"

enum { TRANSIENT_FREE_MAX = 256 };

/* What eviction looks at, dense so that looking at a full cache stays cheap. */
struct slot {
    struct fetch_session *session;
    int32_t id;
    int32_t entries_count;
    bool follower;
    struct mono_time created;
};

struct fetch_session_cache {
    struct env env;
    int32_t slots_max, slots_count;
    struct slot *slots;
    struct map by_id;
    struct list_node lru; /* least recently used first */
    int64_t entries;      /* of lasting sessions */
    int64_t evictions;
    uint64_t answers;                /* to followers' lasting sessions */
    struct list_node transient_free; /* through lru */
    int32_t transient_free_count;
    struct list_node ready;
    struct task ready_task;
};

static void wake_ready(struct task *task);

struct fetch_session_cache *fetch_session_cache_create(const struct env *env, int32_t slots_max)
{
    struct fetch_session_cache *c = MEM_NEW(struct fetch_session_cache);
    c->env = *env;
    c->slots_max = slots_max;
    c->slots = mem_zalloc((size_t)(slots_max > 0 ? slots_max : 1), sizeof *c->slots);
    map_init(&c->by_id);
    list_init(&c->lru);
    list_init(&c->transient_free);
    list_init(&c->ready);
    task_init(&c->ready_task, wake_ready);
    return c;
}

int32_t fetch_session_cache_sessions(const struct fetch_session_cache *c)
{
    return c->slots_count;
}

int64_t fetch_session_cache_entries(const struct fetch_session_cache *c)
{
    return c->entries;
}

int64_t fetch_session_cache_evictions(const struct fetch_session_cache *c)
{
    return c->evictions;
}

/* ---- waking */

static void wake(struct fetch_session *s, bool must_answer)
{
    PRE(s->parked);
    s->must_answer = must_answer;
    s->wake(s);
}

static void wake_ready(struct task *task)
{
    struct fetch_session_cache *c = CONTAINER_OF(task, struct fetch_session_cache, ready_task);
    while (!list_empty(&c->ready)) {
        struct fetch_session *s = CONTAINER_OF(c->ready.next, struct fetch_session, ready);
        list_remove(&s->ready);
        wake(s, false);
    }
}

static void waited(struct timer *timer)
{
    wake(CONTAINER_OF(timer, struct fetch_session, timer), true);
}

void fetch_session_park(struct fetch_session *s, void *parked, int64_t missing_bytes,
                        int64_t wait_ms, void (*wake_session)(struct fetch_session *))
{
    PRE(!s->parked && parked);
    s->parked = parked;
    s->missing_bytes = missing_bytes;
    s->wake = wake_session;
    timer_arm_in_ms(s->cache->env.clock, &s->timer, wait_ms);
}

void *fetch_session_unpark(struct fetch_session *s)
{
    void *parked = s->parked;
    s->parked = NULL;
    timer_cancel(s->cache->env.clock, &s->timer);
    list_remove(&s->ready);
    return parked;
}

static void mark_dirty(struct fetch_entry *e)
{
    if (!list_linked(&e->dirty)) list_push_back(&e->session->dirty, &e->dirty);
}

static int64_t readable_bytes(const struct fetch_session *s, const struct replica_movement *m)
{
    switch (s->isolation) {
    case FETCH_UNCOMMITTED: return m->visible_bytes;
    case FETCH_COMMITTED: return m->stable_bytes;
    case FETCH_LOG_END: return m->appended_bytes;
    }
    UNREACHABLE();
}

static void entry_moved(struct replica_watch *watch, const struct replica_movement *m)
{
    struct fetch_entry *e = CONTAINER_OF(watch, struct fetch_entry, watch);
    struct fetch_session *s = e->session;
    if (m->gone) e->replica = NULL;
    mark_dirty(e);
    if (!s->parked) return;
    int64_t bytes = readable_bytes(s, m);
    if (m->look_again || m->gone || bytes < 0 || (s->wants_watermark && m->watermark_moved)) {
        s->missing_bytes = 0;
    } else {
        /* A partition counts for no more than it may return. */
        if (bytes > e->countable_bytes) bytes = e->countable_bytes;
        e->countable_bytes -= bytes;
        s->missing_bytes -= bytes;
    }
    if (s->missing_bytes > 0 || list_linked(&s->ready)) return;
    list_push_back(&s->cache->ready, &s->ready);
    task_post(s->cache->env.clock, &s->cache->ready_task);
}

/* ---- entries */

static void entry_init(struct fetch_entry *e, struct fetch_session *s)
{
    *e = (struct fetch_entry){.session = s, .sent_high_watermark = -1, .sent_log_start_offset = -1};
    list_init(&e->watch.node);
    e->watch.moved = entry_moved;
    list_init(&e->dirty);
}

static void entry_want(struct fetch_entry *e, const struct fetch_request_fetch_partition *p)
{
    e->partition = p->partition;
    e->fetch_offset = p->fetch_offset;
    e->log_start_offset = p->log_start_offset;
    e->bytes_max = p->partition_max_bytes;
    e->current_leader_epoch = p->current_leader_epoch < 0 ? -1 : p->current_leader_epoch;
    e->last_fetched_epoch = p->last_fetched_epoch < 0 ? -1 : p->last_fetched_epoch;
    /* A follower that moved or cut its log had no use for an answer on its way; a high watermark in
     * it is to be told again. */
    e->named_anew = e->session->follower;
}

static void entry_unlink(struct fetch_entry *e)
{
    list_remove(&e->watch.node);
    list_remove(&e->dirty);
}

void fetch_entry_attach(struct fetch_entry *e, struct replica *replica, struct purgatory *purgatory)
{
    PRE(!e->replica && replica);
    e->replica = replica;
    purgatory_watch(purgatory, &e->watch);
}

bool fetch_entry_reports(const struct fetch_entry *e, const struct fetch_outcome *o)
{
    return e->session->full || e->named_anew || o->error || o->bytes > 0 || o->special ||
           o->high_watermark != e->sent_high_watermark ||
           o->log_start_offset != e->sent_log_start_offset;
}

void fetch_entry_answered(struct fetch_entry *e, const struct fetch_outcome *o)
{
    e->sent_high_watermark = o->high_watermark;
    e->sent_log_start_offset = o->log_start_offset;
    e->named_anew = false;
    list_remove(&e->dirty);
    /* After an error the watermark is sent again, whatever it is. */
    if (o->error) e->sent_high_watermark = -1;
    /* Behind those that have not had their turn (fairness under a byte limit). */
    if (o->error || o->bytes > 0 || o->special || o->readable || !e->replica)
        list_push_back(&e->session->dirty, &e->dirty);
    e->countable_bytes = e->bytes_max; /* if it rests: for the fetch that is parked next */
}

void fetch_entry_parked(struct fetch_entry *e, const struct fetch_outcome *o)
{
    e->countable_bytes = !o->error && e->bytes_max > o->bytes ? e->bytes_max - o->bytes : 0;
    if (e->replica && !o->readable && !fetch_entry_reports(e, o)) list_remove(&e->dirty);
}

/* ---- sessions */

static struct fetch_session *session_take(struct fetch_session_cache *c)
{
    struct fetch_session *s;
    if (list_empty(&c->transient_free)) {
        s = MEM_NEW(struct fetch_session);
    } else {
        s = CONTAINER_OF(c->transient_free.next, struct fetch_session, lru);
        list_remove(&s->lru);
        c->transient_free_count--;
        *s = (struct fetch_session){0};
    }
    s->cache = c;
    s->slot = -1;
    s->broker_id = -1;
    s->full = true;
    map_init(&s->entries_by_key);
    list_init(&s->dirty);
    list_init(&s->lru);
    list_init(&s->ready);
    timer_init(&s->timer, waited);
    return s;
}

static void session_give(struct fetch_session *s)
{
    struct fetch_session_cache *c = s->cache;
    if (c->transient_free_count >= TRANSIENT_FREE_MAX) {
        mem_free(s);
        return;
    }
    list_push_front(&c->transient_free, &s->lru);
    c->transient_free_count++;
}

static void slot_sync(struct fetch_session *s)
{
    s->cache->slots[s->slot].entries_count = s->entries_count;
}

static void entry_drop(struct fetch_session *s, struct fetch_entry *e)
{
    entry_unlink(e);
    mem_free(e);
    s->entries_count--;
    s->cache->entries--;
}

/* Take a lasting session out of the cache. A fetch parked on it is answered first. */
static void session_drop(struct fetch_session *s)
{
    struct fetch_session_cache *c = s->cache;
    if (s->parked) wake(s, true);
    PRE(!s->parked);
    map_remove_u64(&c->by_id, (uint64_t)s->id);
    list_remove(&s->lru);
    int32_t last = --c->slots_count;
    if (s->slot != last) {
        c->slots[s->slot] = c->slots[last];
        c->slots[s->slot].session->slot = s->slot;
    }
    for (uint32_t i = 0; i < s->entries_by_key.count; i++)
        entry_drop(s, s->entries_by_key.entries[i].value);
    map_free(&s->entries_by_key);
    session_give(s);
}

void fetch_session_cache_destroy(struct fetch_session_cache *c)
{
    while (c->slots_count > 0) {
        struct fetch_session *s = c->slots[0].session;
        if (s->parked) fetch_session_unpark(s);
        session_drop(s);
    }
    while (!list_empty(&c->transient_free)) {
        struct fetch_session *s = CONTAINER_OF(c->transient_free.next, struct fetch_session, lru);
        list_remove(&s->lru);
        mem_free(s);
    }
    task_cancel(&c->ready_task);
    map_free(&c->by_id);
    mem_free(c->slots);
    mem_free(c);
}

/* Less valuable first: consumers before followers, small before large, then by id
 * (FetchSession.EvictableKey). */
static bool slot_is_below(const struct slot *a, const struct slot *b)
{
    if (a->follower != b->follower) return !a->follower;
    if (a->entries_count != b->entries_count) return a->entries_count < b->entries_count;
    return a->id < b->id;
}

/* Make room for a newcomer (id 0): the longest idle session if it is idle for long, else the least
 * valuable of those that may be evicted, unless the newcomer is worth less. A young consumer
 * session gives way to followers only. */
static bool evict(struct fetch_session_cache *c, const struct slot *newcomer)
{
    if (c->slots_count == 0) return false;
    struct mono_time now = clock_mono(c->env.clock);
    struct fetch_session *oldest = CONTAINER_OF(c->lru.next, struct fetch_session, lru);
    struct fetch_session *victim = NULL;
    if (mono_elapsed_ms(now, oldest->used) > FETCH_SESSION_IDLE_MS) {
        victim = oldest;
    } else {
        const struct slot *least = NULL;
        for (int32_t i = 0; i < c->slots_count; i++) {
            const struct slot *slot = &c->slots[i];
            bool old = mono_elapsed_ms(now, slot->created) > FETCH_SESSION_IDLE_MS;
            if (!old && !(newcomer->follower && !slot->follower)) continue;
            if (!least || slot_is_below(slot, least)) least = slot;
        }
        if (!least || slot_is_below(newcomer, least)) return false;
        victim = least->session;
    }
    c->evictions++;
    session_drop(victim);
    return true;
}

static int32_t fresh_id(struct fetch_session_cache *c)
{
    for (;;) {
        int32_t id = (int32_t)rng_below(c->env.rng, INT32_MAX - 1) + 1;
        if (!map_get_u64(&c->by_id, (uint64_t)id)) return id;
    }
}

static int32_t next_epoch(int32_t epoch)
{
    return epoch == INT32_MAX ? 1 : epoch + 1;
}

/* NULL when no slot can be had. */
static struct fetch_session *session_create(struct fetch_session_cache *c, int32_t entries_count,
                                            bool follower)
{
    if (entries_count > FETCH_ENTRIES_MAX - c->entries) return NULL;
    struct slot slot = {
        .entries_count = entries_count, .follower = follower, .created = clock_mono(c->env.clock)};
    if (c->slots_count >= c->slots_max && !evict(c, &slot)) return NULL;
    struct fetch_session *s = session_take(c);
    s->id = fresh_id(c);
    s->epoch = 1;
    s->follower = follower;
    s->created = s->used = slot.created;
    s->slot = c->slots_count++;
    slot.session = s;
    slot.id = s->id;
    c->slots[s->slot] = slot;
    map_put_u64(&c->by_id, (uint64_t)s->id, s);
    list_push_back(&c->lru, &s->lru);
    return s;
}

/* ---- the request's partitions */

struct key {
    uint8_t *data;
    size_t len;
};

/* Room for any key of this request, in its arena. */
static struct key key_room(const struct fetch_request *rq, struct arena *arena)
{
    size_t longest = sizeof(struct uuid);
    for (int32_t i = 0; i < rq->topics_count; i++)
        if (rq->topics[i].topic.len > (int32_t)longest) longest = (size_t)rq->topics[i].topic.len;
    for (int32_t i = 0; i < rq->forgotten_topics_data_count; i++)
        if (rq->forgotten_topics_data[i].topic.len > (int32_t)longest)
            longest = (size_t)rq->forgotten_topics_data[i].topic.len;
    return (struct key){arena_alloc(arena, longest + sizeof(int32_t)), 0};
}

static void key_set(struct key *k, const struct fetch_session *s, struct str topic, struct uuid id,
                    int32_t partition)
{
    size_t len = sizeof id;
    if (s->uses_topic_ids) {
        memcpy(k->data, &id, sizeof id);
    } else {
        len = topic.len > 0 ? (size_t)topic.len : 0;
        if (len) memcpy(k->data, topic.data, len);
    }
    memcpy(k->data + len, &partition, sizeof partition);
    k->len = len + sizeof partition;
}

/* An entry of a lasting session, with its own copy of the name. */
static struct fetch_entry *entry_add(struct fetch_session *s, const struct key *k, struct str topic,
                                     struct uuid topic_id)
{
    size_t len = s->uses_topic_ids || topic.len < 0 ? 0 : (size_t)topic.len;
    struct fetch_entry *e = mem_alloc(sizeof *e + len);
    entry_init(e, s);
    char *name = (char *)(e + 1);
    if (len) memcpy(name, topic.data, len);
    e->topic = s->uses_topic_ids ? STR_NULL : (struct str){name, (int32_t)len};
    if (s->uses_topic_ids) e->topic_id = topic_id;
    map_put(&s->entries_by_key, k->data, k->len, e);
    s->entries_count++;
    s->cache->entries++;
    return e;
}

static void session_update(struct fetch_session *s, const struct fetch_request *rq,
                           struct arena *arena)
{
    struct key k = key_room(rq, arena);
    for (int32_t i = 0; i < rq->topics_count; i++) {
        const struct fetch_request_fetch_topic *t = &rq->topics[i];
        for (int32_t j = 0; j < t->partitions_count; j++) {
            key_set(&k, s, t->topic, t->topic_id, t->partitions[j].partition);
            struct fetch_entry *e = map_get(&s->entries_by_key, k.data, k.len);
            if (!e) e = entry_add(s, &k, t->topic, t->topic_id);
            entry_want(e, &t->partitions[j]);
            mark_dirty(e);
        }
    }
    for (int32_t i = 0; i < rq->forgotten_topics_data_count; i++) {
        const struct fetch_request_forgotten_topic *t = &rq->forgotten_topics_data[i];
        for (int32_t j = 0; j < t->partitions_count; j++) {
            key_set(&k, s, t->topic, t->topic_id, t->partitions[j]);
            struct fetch_entry *e = map_remove(&s->entries_by_key, k.data, k.len);
            if (e) entry_drop(s, e);
        }
    }
    slot_sync(s);
}

static void transient_fill(struct fetch_session *s, const struct fetch_request *rq,
                           struct arena *arena, int32_t count)
{
    s->transient = arena_alloc(arena, sizeof *s->transient * (size_t)(count > 0 ? count : 1));
    for (int32_t i = 0; i < rq->topics_count; i++) {
        const struct fetch_request_fetch_topic *t = &rq->topics[i];
        for (int32_t j = 0; j < t->partitions_count; j++) {
            struct fetch_entry *e = &s->transient[s->entries_count++];
            entry_init(e, s);
            e->topic = s->uses_topic_ids ? STR_NULL : t->topic;
            if (s->uses_topic_ids) e->topic_id = t->topic_id;
            entry_want(e, &t->partitions[j]);
            list_push_back(&s->dirty, &e->dirty);
        }
    }
}

static int32_t partitions_count(const struct fetch_request *rq)
{
    int64_t count = 0;
    for (int32_t i = 0; i < rq->topics_count; i++) count += rq->topics[i].partitions_count;
    return count > INT32_MAX ? INT32_MAX : (int32_t)count;
}

static struct fetch_session *begin_transient(struct fetch_session_cache *c,
                                             const struct fetch_request *rq, int16_t version,
                                             bool follower, struct arena *arena)
{
    struct fetch_session *s = session_take(c);
    s->uses_topic_ids = version >= 13;
    s->follower = follower;
    transient_fill(s, rq, arena, partitions_count(rq));
    return s;
}

enum kafka_error fetch_session_begin(struct fetch_session_cache *c, const struct fetch_request *rq,
                                     int16_t version, bool follower, struct arena *arena,
                                     struct fetch_session **out)
{
    struct fetch_session *s = NULL;
    if (rq->session_id != 0) s = map_get_u64(&c->by_id, (uint64_t)(int64_t)rq->session_id);
    if (rq->session_epoch == 0 || rq->session_epoch == -1) {
        if (s) session_drop(s);
        s = rq->session_epoch == 0 ? session_create(c, partitions_count(rq), follower) : NULL;
        if (!s) {
            *out = begin_transient(c, rq, version, follower, arena);
            return KAFKA_NONE;
        }
        s->uses_topic_ids = version >= 13;
        session_update(s, rq, arena);
        *out = s;
        return KAFKA_NONE;
    }
    if (!s) return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
    if (s->epoch != rq->session_epoch) return KAFKA_INVALID_FETCH_SESSION_EPOCH;
    if (s->uses_topic_ids != (version >= 13)) return KAFKA_FETCH_SESSION_TOPIC_ID_ERROR;
    if (s->parked) wake(s, true);
    if (partitions_count(rq) > FETCH_ENTRIES_MAX - c->entries) {
        session_drop(s); /* the fetcher comes back with a full request, and gets no session */
        return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
    }
    session_update(s, rq, arena);
    if (s->entries_count == 0) {
        session_drop(s);
        *out = begin_transient(c, rq, version, follower, arena);
        return KAFKA_NONE;
    }
    s->full = false;
    s->epoch = next_epoch(s->epoch);
    s->used = clock_mono(c->env.clock);
    s->heard_behind = s->answered;
    list_remove(&s->lru);
    list_push_back(&c->lru, &s->lru);
    *out = s;
    return KAFKA_NONE;
}

static uint64_t fetcher_key(int32_t replica_id, struct str client_id)
{
    uint64_t hash = 0xcbf29ce484222325u ^ (uint32_t)replica_id; /* FNV-1a */
    for (int32_t i = 0; i < client_id.len; i++)
        hash = (hash ^ (uint8_t)client_id.data[i]) * 0x100000001b3u;
    return hash ? hash : 1;
}

void fetch_session_name_fetcher(struct fetch_session *s, int32_t replica_id, struct str client_id)
{
    PRE(s->follower && s->full);
    struct fetch_session_cache *c = s->cache;
    s->fetcher = fetcher_key(replica_id, client_id);
    s->broker_id = replica_id;
    for (int32_t i = 0; i < c->slots_count;) {
        struct fetch_session *other = c->slots[i].session;
        if (other != s && other->fetcher == s->fetcher) {
            session_drop(other); /* the last one is at its place now */
        } else {
            i++;
        }
    }
}

uint64_t fetch_session_cache_answers(const struct fetch_session_cache *c)
{
    return c->answers;
}

/* Whose watch this is; NULL: no fetch session's. */
static struct fetch_session *session_of(struct list_node *node)
{
    struct replica_watch *watch = CONTAINER_OF(node, struct replica_watch, node);
    if (watch->moved != entry_moved) return NULL;
    return CONTAINER_OF(watch, struct fetch_entry, watch)->session;
}

bool fetch_session_follows(const struct purgatory *replica, int32_t broker_id, uint64_t answers)
{
    LIST_EACH(&replica->watches, node) {
        const struct fetch_session *s = session_of(node);
        if (s && s->broker_id == broker_id && s->heard_behind > answers) return true;
    }
    return false;
}

void fetch_session_answer_followers(const struct purgatory *replica)
{
    LIST_EACH(&replica->watches, node) {
        struct fetch_session *s = session_of(node);
        if (!s || !s->follower || !s->parked) continue;
        timer_cancel(s->cache->env.clock, &s->timer);
        timer_arm_in_ms(s->cache->env.clock, &s->timer, 0);
    }
}

void fetch_session_end(struct fetch_session *s)
{
    PRE(!s->parked);
    if (s->follower) s->answered = ++s->cache->answers;
    if (s->id != 0) return;
    for (int32_t i = 0; i < s->entries_count; i++) entry_unlink(&s->transient[i]);
    session_give(s);
}
