#include "truth.h"

#include "base/mark.h"
#include "base/mem.h"

void truth_init(struct truth *t, struct uuid topic_id, const char *topic, int32_t partition)
{
    *t = (struct truth){.topic_id = topic_id, .partition = partition};
    snprintf(t->topic, sizeof t->topic, "%s", topic);
    snprintf(t->directory, sizeof t->directory, "%s-%d", t->topic, partition);
}

void truth_free(struct truth *t)
{
    mem_free(t->batches);
    mem_free(t->leaders);
}

static int32_t index_at(const struct truth *t, int64_t offset)
{
    int32_t low = 0, high = t->batches_count;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (t->batches[middle].last < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct truth_batch *truth_at(const struct truth *t, int64_t offset)
{
    int32_t i = index_at(t, offset);
    bool found = i < t->batches_count && t->batches[i].base <= offset;
    return found ? &t->batches[i] : NULL;
}

static bool same(const struct truth_batch *a, const struct batch_header *h)
{
    return a->base == h->base_offset && a->last == batch_last_offset(h) && a->crc == h->crc &&
           a->epoch == h->leader_epoch;
}

static void tell_records(struct truth *t, struct bytes batch, const struct batch_header *h)
{
    struct record_iterator it;
    struct record r;
    bool more = true;
    struct bytes records = {batch.data + BATCH_HEADER_BYTES, h->size - BATCH_HEADER_BYTES};
    record_iterator_init(&it, h, records);
    while (!record_iterator_next(&it, &r, &more) && more) t->committed(t->owner, t, &r);
}

/* A batch that a replica calls committed: known already, or the next one. */
static bool compare(struct truth *t, const struct machine *m, struct bytes batch,
                    const struct batch_header *h)
{
    struct cluster *c = m->cluster;
    if (!batch_crc_ok(batch.data, h)) {
        cluster_broken(c, "S10", "%s has a corrupt batch at %lld of %s below its high watermark",
                       m->name, (long long)h->base_offset, t->directory);
        return false;
    }
    if (h->base_offset < t->end) {
        const struct truth_batch *known = truth_at(t, h->base_offset);
        MARK("oracle S2: a replica's batch is compared with the committed one");
        if (known && same(known, h)) return true;
        cluster_broken(c, "S2",
                       "%s has at %lld of %s a batch (epoch %d, crc %08x) other than the "
                       "one committed there (epoch %d, crc %08x)",
                       m->name, (long long)h->base_offset, t->directory, h->leader_epoch, h->crc,
                       known ? known->epoch : -1, known ? known->crc : 0);
        return false;
    }
    if (t->batches_count > 0 && t->batches[t->batches_count - 1].epoch > h->leader_epoch) {
        cluster_broken(c, "S5", "the epochs of %s fall at %lld: %d after %d", t->directory,
                       (long long)h->base_offset, h->leader_epoch,
                       t->batches[t->batches_count - 1].epoch);
        return false;
    }
    MEM_GROW(t->batches, t->batches_count, t->batches_capacity);
    t->batches[t->batches_count++] = (struct truth_batch){.base = h->base_offset,
                                                          .last = batch_last_offset(h),
                                                          .crc = h->crc,
                                                          .epoch = h->leader_epoch};
    t->end = batch_last_offset(h) + 1;
    if (t->committed && !batch_is(h, BATCH_CONTROL)) tell_records(t, batch, h);
    if (t->extended) t->extended(t->owner, t, batch, h);
    return true;
}

void truth_observe(struct truth *t, const struct machine *m, const char *folder,
                   int64_t high_watermark, int64_t log_start)
{
    struct disk_log *at = &t->views[m->index].verified;
    if (at->offset < log_start || folder != t->views[m->index].folder) /* it may have moved */
        disk_log_seek(at, at->offset < log_start ? log_start : at->offset);
    t->views[m->index].folder = folder;
    if (t->end < log_start && at->offset == log_start) t->end = log_start; /* nobody needs it */
    char directory[160];
    snprintf(directory, sizeof directory, "%s/%s", folder, t->directory);
    while (at->offset < high_watermark) {
        struct bytes batch;
        struct batch_header h;
        if (!disk_log_next(m->sim, directory, at, &batch, &h)) {
            cluster_broken(m->cluster, "S2",
                           "%s says that %s is committed to %lld and has no batch at %lld", m->name,
                           t->directory, (long long)high_watermark, (long long)at->offset);
            return;
        }
        if (!compare(t, m, batch, &h)) return;
    }
}

void truth_cut(struct truth *t, int64_t end)
{
    t->amnesty = false;
    if (end >= t->end) return;
    MARK("an only replica has lost a part");
    t->losses++;
    t->batches_count = index_at(t, end);
    t->end = end;
    for (int32_t i = 0; i < PLAN_NODES_MAX; i++)
        if (t->views[i].verified.offset > end) disk_log_seek(&t->views[i].verified, end);
    if (t->was_cut) t->was_cut(t->owner, t);
}

int64_t truth_shared_with(const struct truth *t, const struct machine *m)
{
    int64_t most = 0;
    for (int32_t d = 0; d < m->cluster->plan->directories; d++) {
        char directory[160];
        snprintf(directory, sizeof directory, "%s/%s", cluster_directory(d), t->directory);
        int64_t start = disk_log_start(m->sim, directory);
        if (start < 0) continue;
        struct disk_log at;
        struct bytes batch;
        struct batch_header h;
        disk_log_seek(&at, start);
        while (at.offset < t->end && disk_log_next(m->sim, directory, &at, &batch, &h)) {
            const struct truth_batch *known = truth_at(t, h.base_offset);
            if (!known || !same(known, &h) || !batch_crc_ok(batch.data, &h)) {
                at.offset = h.base_offset;
                break;
            }
        }
        if (at.offset > most) most = at.offset;
    }
    return most < t->end ? most : t->end;
}

bool truth_is_whole_on(const struct truth *t, const struct machine *m)
{
    for (int32_t d = 0; d < m->cluster->plan->directories; d++) {
        char directory[160];
        snprintf(directory, sizeof directory, "%s/%s", cluster_directory(d), t->directory);
        struct disk_log at;
        struct bytes batch;
        struct batch_header h;
        int32_t known = t->batches_count;
        /* From the end: the last batch is enough when those before it were compared before. */
        if (t->batches_count == 0) return true;
        disk_log_seek(&at, t->batches[known - 1].base);
        if (disk_log_next(m->sim, directory, &at, &batch, &h) && same(&t->batches[known - 1], &h) &&
            batch_crc_ok(batch.data, &h))
            return true;
    }
    return false;
}

bool truth_leads(struct truth *t, int32_t epoch, int32_t broker)
{
    for (int32_t i = t->leaders_count - 1; i >= 0; i--)
        if (t->leaders[i].epoch == epoch) return t->leaders[i].broker == broker;
    MEM_GROW(t->leaders, t->leaders_count, t->leaders_capacity);
    int32_t at = t->leaders_count++; /* who hears of it late comes behind a newer one */
    for (; at > 0 && t->leaders[at - 1].epoch > epoch; at--) t->leaders[at] = t->leaders[at - 1];
    t->leaders[at] = (struct truth_leader){epoch, broker};
    return true;
}
