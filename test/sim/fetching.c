#include "fetching.h"

#include "base/mark.h"
#include "oracles.h"
#include "protocol/batch.h"
#include "protocol/fetch.h"
#include "protocol/list_offsets.h"

enum { OLDER_ONE_IN = 40 };

void fetching_init(struct fetching *f, struct client *c, struct truth *t)
{
    *f = (struct fetching){
        .client = c, .truth = t, .losses = t->losses, .epoch = -1, .elsewhere = -1};
    call_init(&f->call);
}

/* After an unclean election: who leads now has the truth, others may still have another. */
static bool may_have_another(const struct fetching *f)
{
    const struct truth *t = f->truth;
    return t->unclean_epoch > 0 && (f->asked_epoch < t->unclean_epoch || t->leaders_count == 0 ||
                                    t->leaders[t->leaders_count - 1].broker != f->node);
}

static bool forgiven(const struct fetching *f)
{
    return f->truth->deleted || f->truth->amnesty || f->truth->losses != f->losses ||
           may_have_another(f);
}

static void check_batch(struct fetching *f, struct bytes batch, const struct batch_header *h)
{
    struct cluster *c = f->client->cluster;
    const struct truth *t = f->truth;
    if (!batch_crc_ok(batch.data, h)) {
        cluster_broken(c, "S10", "%s was served a corrupt batch at %lld of %s", f->client->name,
                       (long long)h->base_offset, t->directory);
        return;
    }
    MARK("oracle S9: a batch that was served is compared with the committed one");
    const struct truth_batch *known = truth_at(t, h->base_offset);
    if (!known && cluster_failed_lately(c)) return;
    if (!known)
        cluster_broken(c, "S9", "%s was served the batch at %lld of %s, committed to %lld",
                       f->client->name, (long long)h->base_offset, t->directory, (long long)t->end);
    else if (known->crc != h->crc || known->epoch != h->leader_epoch ||
             known->base != h->base_offset)
        cluster_broken(c, "S2", "%s was served at %lld of %s another batch than the one committed",
                       f->client->name, (long long)h->base_offset, t->directory);
}

static void read_batches(struct fetching *f, struct bytes batches)
{
    while (batches.len > BATCH_HEADER_BYTES && !cluster_is_broken(f->client->cluster)) {
        struct batch_header h;
        if (batch_parse(batches, &h)) return; /* the last one may be cut */
        struct bytes batch = {batches.data, h.size};
        if (batch_last_offset(&h) >= f->position) {
            if (!forgiven(f)) check_batch(f, batch, &h);
            if (h.base_offset > f->position && !forgiven(f) && truth_at(f->truth, f->position))
                cluster_broken(f->client->cluster, "S9",
                               "%s asked for %lld of %s and was served %lld", f->client->name,
                               (long long)f->position, f->truth->directory,
                               (long long)h.base_offset);
            f->position = batch_last_offset(&h) + 1;
            f->epoch = h.leader_epoch;
        }
        batches.data += h.size;
        batches.len -= h.size;
    }
}

static enum fetch_end answer(struct fetching *f, const struct fetch_response_partition_data *p)
{
    if (p->error_code == KAFKA_OFFSET_OUT_OF_RANGE) {
        if (!forgiven(f) && f->position < f->truth->end && f->position > p->log_start_offset &&
            p->log_start_offset >= 0)
            cluster_broken(f->client->cluster, "S1",
                           "%lld of %s is out of range for %s, and is "
                           "committed",
                           (long long)f->position, f->truth->directory, f->client->name);
        return FETCH_OUT_OF_RANGE;
    }
    const struct machine *m = &f->client->cluster->machines[f->node - 1];
    if (f->outdated > 0) MARK("oracle S5: a fetch of an older leader epoch is answered");
    if (f->outdated > 0 && f->outdated == m->starts && !p->error_code)
        cluster_broken(f->client->cluster, "S5",
                       "%s served %s a fetch of %s of an older leader epoch", m->name,
                       f->client->name, f->truth->directory);
    int64_t fenced_ms = f->client->cluster->oracles->quorum[m->index].fenced_ms;
    if (fenced_ms > 0 && fenced_ms < f->sent_ms) {
        MARK("oracle S24: a broker that knows it is fenced answers a fetch");
        if (!p->error_code)
            cluster_broken(f->client->cluster, "S24",
                           "%s knows that it is fenced and served %s a fetch of %s", m->name,
                           f->client->name, f->truth->directory);
    }
    if (p->error_code) return FETCH_RETRY;
    if (p->preferred_read_replica >= 0) {
        f->elsewhere = p->preferred_read_replica;
        return FETCH_ELSEWHERE;
    }
    if (p->high_watermark > f->truth->end && !forgiven(f) &&
        !cluster_failed_lately(f->client->cluster))
        cluster_broken(f->client->cluster, "S4",
                       "%s was told that %s is committed to %lld; it is to "
                       "%lld",
                       f->client->name, f->truth->directory, (long long)p->high_watermark,
                       (long long)f->truth->end);
    if (p->records.len <= 0) return FETCH_NOTHING;
    int64_t before = f->position;
    read_batches(f, bytes_of(p->records.data, (size_t)p->records.len));
    return f->position > before ? FETCH_SOME : FETCH_NOTHING;
}

static void fetched(struct call *call, enum err e, const void *response)
{
    struct fetching *f = CONTAINER_OF(call, struct fetching, call);
    const struct fetch_response *r = response;
    enum fetch_end end = FETCH_RETRY;
    if (!e && r->error_code == 0 && r->responses_count == 1 &&
        r->responses[0].partitions_count == 1)
        end = answer(f, &r->responses[0].partitions[0]);
    else if (!e && r->error_code == 0)
        end = FETCH_NOTHING;
    if (end == FETCH_RETRY) client_refresh(f->client);
    f->done(f, end);
}

void fetching_start(struct fetching *f, int32_t node, int32_t leader_epoch, int32_t wait_ms,
                    void (*done)(struct fetching *f, enum fetch_end end))
{
    const struct machine *m = &f->client->cluster->machines[node - 1];
    const struct truth_view *v = &f->truth->views[m->index];
    bool older = leader_epoch > 0 && machine_is_up(m) && v->hosted &&
                 v->leader_epoch >= leader_epoch && prng_chance(&f->client->prng, 1, OLDER_ONE_IN);
    if (older) leader_epoch--;
    f->node = node;
    f->asked_epoch = leader_epoch;
    f->sent_ms = sim_now_ms(f->client->cluster->sim);
    f->outdated = older ? m->starts : 0;
    struct fetch_request_fetch_partition p;
    fetch_request_fetch_partition_init(&p);
    p.partition = f->truth->partition;
    p.current_leader_epoch = leader_epoch;
    p.fetch_offset = f->position;
    p.partition_max_bytes = f->much ? 1 << 20 : (int32_t)prng_between(&f->client->prng, 1, 1 << 20);
    struct fetch_request_fetch_topic t = {.topic = str_of(f->truth->topic),
                                          .topic_id = f->truth->topic_id,
                                          .partitions = &p,
                                          .partitions_count = 1};
    struct fetch_request q;
    fetch_request_init(&q);
    q.replica_id = -1;
    q.max_wait_ms = wait_ms;
    q.min_bytes = 1;
    q.max_bytes = 1 << 20;
    q.session_epoch = -1;
    q.topics = &t;
    q.topics_count = 1;
    q.rack_id = f->rack ? str_of(f->rack) : STR("");
    f->done = done;
    channel_call(client_channel(f->client, node), &f->call, API_FETCH, 16, &q, fetched);
}

static void start_came(struct call *call, enum err e, const void *response)
{
    struct fetching *f = CONTAINER_OF(call, struct fetching, call);
    const struct list_offsets_response *r = response;
    enum fetch_end end = FETCH_RETRY;
    if (!e && r->topics_count == 1 && r->topics[0].partitions_count == 1 &&
        r->topics[0].partitions[0].error_code == 0) {
        f->position = r->topics[0].partitions[0].offset;
        f->losses = f->truth->losses;
        end = FETCH_SOME;
    } else {
        client_refresh(f->client);
    }
    f->done(f, end);
}

void fetching_reset(struct fetching *f, int32_t node, int32_t leader_epoch,
                    void (*done)(struct fetching *f, enum fetch_end end))
{
    struct list_offsets_request_list_offsets_partition p = {.partition_index = f->truth->partition,
                                                            .current_leader_epoch = leader_epoch,
                                                            .timestamp = -2 /* the earliest */};
    struct list_offsets_request_list_offsets_topic t = {
        .name = str_of(f->truth->topic), .partitions = &p, .partitions_count = 1};
    struct list_offsets_request q;
    list_offsets_request_init(&q);
    q.replica_id = -1;
    q.topics = &t;
    q.topics_count = 1;
    f->done = done;
    channel_call(client_channel(f->client, node), &f->call, API_LIST_OFFSETS, 8, &q, start_came);
}

void fetching_cancel(struct fetching *f)
{
    channel_cancel(&f->call);
}
