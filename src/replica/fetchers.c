/* Which fetcher follows which partition. */
#include "base/mem.h"
#include "replica/fetcher_internal.h"
#include "replica/manager.h"

struct fetchers *fetchers_create(const struct env *env, const struct fetcher_config *config,
                                 const struct fetcher_events *events,
                                 struct replica_manager *manager, void *owner)
{
    PRE(events->endpoint && events->version && config->fetchers_per_leader > 0);
    struct fetchers *s = MEM_NEW(struct fetchers);
    s->env = *env;
    s->config = *config;
    s->events = *events;
    s->manager = manager;
    s->owner = owner;
    s->broker_epoch = -1;
    map_init(&s->by_leader);
    return s;
}

void fetchers_destroy(struct fetchers *s)
{
    for (uint32_t i = 0; i < s->by_leader.count; i++) fetcher_free(s->by_leader.entries[i].value);
    map_free(&s->by_leader);
    mem_free(s);
}

void fetchers_set_broker_epoch(struct fetchers *s, int64_t broker_epoch)
{
    s->broker_epoch = broker_epoch;
}

/* Java's String.hashCode of a topic name, which is ASCII: partitions are dealt out as in Kafka
 * (AbstractFetcherManager.getFetcherId). */
static int32_t name_hash(struct str name)
{
    uint32_t h = 0;
    for (int32_t i = 0; i < name.len; i++) h = h * 31 + (uint8_t)name.data[i];
    return (int32_t)h;
}

static int32_t index_of(const struct fetchers *s, const struct replica *r)
{
    int32_t h = (int32_t)(31u * (uint32_t)name_hash(r->topic->name) + (uint32_t)r->partition);
    return (h == INT32_MIN ? 0 : h < 0 ? -h : h) % s->config.fetchers_per_leader;
}

static struct fetcher *fetcher_of(struct fetchers *s, const struct replica *r)
{
    int32_t index = index_of(s, r);
    uint64_t key = (uint64_t)(uint32_t)r->core.leader << 32 | (uint32_t)index;
    struct fetcher *f = map_get_u64(&s->by_leader, key);
    if (f) return f;
    f = fetcher_new(s, r->core.leader, index);
    map_put_u64(&s->by_leader, key, f);
    return f;
}

void fetchers_follow(struct fetchers *s, struct replica *r)
{
    PRE(r->core.role == PARTITION_FOLLOWER);
    fetchers_unfollow(s, r);
    if (r->core.leader < 0 || !r->log) return;
    struct fetcher *f = fetcher_of(s, r);
    r->fetcher = f;
    f->replicas_count++;
    struct followed_log log = replica_followed_log(r);
    struct follow_step step = following_begin(&r->following, r->core.leader_epoch, &log);
    follower_session_add(&f->session, &r->following);
    fetcher_do(f, r, step);
    fetcher_kick(f);
}

void fetchers_unfollow(struct fetchers *s, struct replica *r)
{
    struct fetcher *f = r->fetcher;
    (void)s;
    if (!f) return;
    follower_session_remove(&f->session, &r->following);
    following_end(&r->following);
    r->fetcher = NULL;
    f->replicas_count--;
    fetcher_kick(f); /* the leader is told, when nothing is in flight */
}

void fetchers_endpoints_changed(struct fetchers *s)
{
    for (uint32_t i = s->by_leader.count; i-- > 0;) {
        struct map_entry *e = &s->by_leader.entries[i];
        struct fetcher *f = e->value;
        if (fetcher_is_idle(f)) {
            map_remove(&s->by_leader, e->key, e->key_len);
            fetcher_free(f);
        } else {
            fetcher_resolve(f);
        }
    }
}

int64_t fetchers_answers(const struct fetchers *s)
{
    return s->answers;
}
