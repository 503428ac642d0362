#include "reader.h"

#include "base/mark.h"
#include "base/mem.h"
#include "fetching.h"
#include "oracles.h"
#include "protocol/list_offsets.h"

enum { TIMEOUT_MS = 6000, WAIT_MS = 500, FETCHES_MAX = 40 };

struct reader {
    struct client client;
    struct timer timer;
    struct call latest_call;
    struct fetching fetching;
    struct client_partition *at; /* being read; NULL: none */
    int32_t fetches_left;
    bool from_followers, busy;
    bool placed;       /* the position is one */
    bool all;          /* reading everything, once */
    int32_t all_index; /* of the partition */
    int64_t all_end;
    int64_t ends[CLIENT_PARTITIONS_MAX]; /* the log's end as last told, by index; -1: not yet */
    int32_t ends_losses[CLIENT_PARTITIONS_MAX];
    int32_t ends_epoch; /* in which the one under way is asked for */
    int64_t batches;
};

static void again(struct reader *r, int64_t ms)
{
    timer_arm_in_ms(r->client.env->clock, &r->timer, ms);
}

/* Whom to ask: the leader, or sometimes another replica. */
static int32_t node_for(struct reader *r, const struct client_partition *p, int32_t *epoch)
{
    *epoch = p->leader_epoch;
    if (r->fetching.elsewhere > 0) return r->fetching.elsewhere;
    if (r->all || !r->from_followers || p->replicas_count == 0) return p->leader;
    return p->replicas[prng_below(&r->client.prng, (uint64_t)p->replicas_count)];
}

static void partition_over(struct reader *r)
{
    r->at = NULL;
    if (r->all) r->all_index++;
    again(r, r->all ? 1 : prng_between(&r->client.prng, 1, 100));
}

static void read_some(struct fetching *f, enum fetch_end end)
{
    struct reader *r = CONTAINER_OF(f, struct reader, fetching);
    r->busy = false;
    r->batches += end == FETCH_SOME;
    if (end == FETCH_RETRY || end == FETCH_OUT_OF_RANGE) f->elsewhere = -1;
    if (end == FETCH_OUT_OF_RANGE) r->placed = false;
    bool over = f->truth->deleted || (r->all ? f->position >= r->all_end : --r->fetches_left <= 0);
    if (over)
        partition_over(r);
    else
        again(r, end == FETCH_SOME || end == FETCH_ELSEWHERE ? 1 : CLIENT_BACKOFF_MS);
}

static void start_told(struct fetching *f, enum fetch_end end)
{
    struct reader *r = CONTAINER_OF(f, struct reader, fetching);
    r->placed = end == FETCH_SOME;
    read_some(f, end);
}

/* ---- the end of the log */

static void latest_came(struct call *call, enum err e, const void *response)
{
    struct reader *r = CONTAINER_OF(call, struct reader, latest_call);
    const struct list_offsets_response *response_ = response;
    r->busy = false;
    again(r, 1);
    if (e || !r->at || response_->topics_count != 1 || response_->topics[0].partitions_count != 1)
        return;
    const struct list_offsets_response_list_offsets_partition_response *p =
        &response_->topics[0].partitions[0];
    if (p->error_code) {
        client_refresh(&r->client);
        return;
    }
    int32_t i = (int32_t)(r->at - r->client.partitions);
    const struct truth *t = r->at->truth;
    bool same = r->ends_losses[i] == t->losses && !t->amnesty && !t->deleted &&
                r->ends_epoch >= t->unclean_epoch;
    if (same && r->ends[i] >= 0) MARK("oracle S6: an end of a log is told after an earlier one");
    if (same && p->offset < r->ends[i])
        cluster_broken(r->client.cluster, "S6", "the end of %s was told as %lld after %lld",
                       t->directory, (long long)p->offset, (long long)r->ends[i]);
    r->ends[i] = r->ends_epoch >= t->unclean_epoch ? p->offset : -1;
    r->ends_losses[i] = t->losses;
}

static void ask_latest(struct reader *r)
{
    const struct truth *t = r->at->truth;
    struct list_offsets_request_list_offsets_partition p = {.partition_index = t->partition,
                                                            .current_leader_epoch =
                                                                r->at->leader_epoch,
                                                            .timestamp = -1};
    struct list_offsets_request_list_offsets_topic topic = {
        .name = str_of(t->topic), .partitions = &p, .partitions_count = 1};
    struct list_offsets_request q;
    list_offsets_request_init(&q);
    q.replica_id = -1;
    q.topics = &topic;
    q.topics_count = 1;
    r->busy = true;
    r->ends_epoch = r->at->leader_epoch;
    channel_call(client_channel(&r->client, r->at->leader), &r->latest_call, API_LIST_OFFSETS, 8,
                 &q, latest_came);
}

/* ---- choosing */

static bool choose(struct reader *r)
{
    struct client *c = &r->client;
    if (c->partitions_count == 0) return false;
    if (r->all && r->all_index >= c->partitions_count) return false;
    int32_t i =
        r->all ? r->all_index : (int32_t)prng_below(&c->prng, (uint64_t)c->partitions_count);
    r->at = &c->partitions[i];
    fetching_init(&r->fetching, c, r->at->truth);
    r->all_end = r->at->truth->end;
    r->fetches_left = (int32_t)prng_between(&c->prng, 1, FETCHES_MAX);
    r->from_followers = prng_chance(&c->prng, 1, 3);
    static const char *const racks[] = {NULL, "r0", "r1", "r2"};
    r->fetching.rack = r->all ? NULL : racks[prng_below(&c->prng, 4)];
    r->fetching.much = r->all;
    r->placed = !r->all && prng_chance(&c->prng, 1, 2);
    if (r->placed) /* somewhere in it, perhaps at its end */
        r->fetching.position = prng_between(&c->prng, 0, r->at->truth->end);
    if (r->at->truth->deleted || (r->all && r->all_end == 0)) partition_over(r);
    return r->at != NULL;
}

static void act(struct timer *t)
{
    struct reader *r = CONTAINER_OF(t, struct reader, timer);
    if (r->busy) return;
    if (!r->at && !choose(r)) {
        if (!timer_armed(t) && !reader_has_read_all(r)) {
            client_refresh(&r->client);
            again(r, CLIENT_BACKOFF_MS);
        }
        return;
    }
    int32_t epoch, node = node_for(r, r->at, &epoch);
    if (node < 0 || r->at->leader < 0) {
        client_refresh(&r->client);
        again(r, CLIENT_BACKOFF_MS);
        if (r->at->truth->deleted) partition_over(r);
        return;
    }
    if (!r->all && prng_chance(&r->client.prng, 1, 8)) {
        ask_latest(r);
        return;
    }
    r->busy = true;
    if (!r->placed)
        fetching_reset(&r->fetching, r->at->leader, epoch, start_told);
    else
        fetching_start(&r->fetching, node, epoch, r->all ? 0 : WAIT_MS, read_some);
}

struct reader *reader_new(struct cluster *c, int32_t number)
{
    struct reader *r = MEM_NEW(struct reader);
    char name[16];
    snprintf(name, sizeof name, "r%d", number);
    client_init(&r->client, c, name, TIMEOUT_MS);
    for (int32_t i = 0; i < CLIENT_PARTITIONS_MAX; i++) r->ends[i] = -1;
    call_init(&r->latest_call);
    timer_init(&r->timer, act);
    again(r, 1);
    return r;
}

void reader_read_all(struct reader *r)
{
    r->all = true;
    r->all_index = 0;
    if (r->at && r->busy) {
        fetching_cancel(&r->fetching);
        channel_cancel(&r->latest_call);
    }
    r->busy = false;
    r->at = NULL;
    client_refresh(&r->client);
    again(r, 300);
}

/* A partition that holds something and that no broker has told of yet; NULL: none. */
static const struct truth *unknown(const struct reader *r)
{
    const struct oracles *o = r->client.cluster->oracles;
    for (int32_t i = 0; i < o->truths_count; i++) {
        struct truth *t = o->truths[i];
        if (t->end > 0 && !t->deleted && t->topic[0] != '_' &&
            !client_partition((struct client *)&r->client, t))
            return t;
    }
    return NULL;
}

bool reader_has_read_all(const struct reader *r)
{
    /* Metadata that is on its way may tell of more. */
    return r->all && !r->at && !r->client.refreshing && !unknown(r) &&
           r->all_index >= r->client.partitions_count;
}

const char *reader_stuck_at(const struct reader *r)
{
    const struct truth *t = r->at ? r->at->truth : unknown(r);
    return t ? t->directory : "no partition";
}

int64_t reader_batches(const struct reader *r)
{
    return r->batches;
}

void reader_free(struct reader *r)
{
    timer_cancel(r->client.env->clock, &r->timer);
    fetching_cancel(&r->fetching);
    channel_cancel(&r->latest_call);
    client_free(&r->client);
    mem_free(r);
}
