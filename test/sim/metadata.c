/* The metadata log against our own replay of it, and what must hold of what is committed. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mark.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/metadata_publisher.h"
#include "controller/controller.h"
#include "metadata/snapshot.h"
#include "oracles.h"
#include "protocol/voters_record.h"
#include "quorum/quorum.h"

/* ---- records */

/* Voters change one at a time (S22). */
static void voters_committed(struct oracles *o, struct bytes value)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct voters_record r;
    struct cursor in = cursor_of_bytes(value);
    struct uuid now[PLAN_NODES_MAX] = {0};
    int changed = 0;
    char text[64] = "";
    if (voters_record_decode(&r, 0, &in, &arena)) {
        cluster_broken(o->cluster, "S22", "a committed voters record cannot be read");
    } else {
        for (int32_t i = 0; i < r.voters_count; i++) {
            int32_t index = r.voters[i].voter_id - 1;
            if (index >= 0 && index < PLAN_NODES_MAX) now[index] = r.voters[i].voter_directory_id;
            size_t at = strlen(text);
            snprintf(text + at, sizeof text - at, " %d", r.voters[i].voter_id);
        }
        for (int32_t i = 0; i < PLAN_NODES_MAX; i++) changed += !uuid_equal(now[i], o->voters[i]);
        if (o->voter_changes > 0 && changed == 1) MARK("oracle S22: a voter comes or goes");
        if (o->voter_changes++ > 0 && changed > 1)
            cluster_broken(o->cluster, "S22", "%d voters changed at once", changed);
        memcpy(o->voters, now, sizeof now);
        cluster_say(o->cluster, "quorum", "voters", "%s", text);
    }
    arena_free(&arena);
}

static void record_committed(struct oracles *o, const struct batch_header *h,
                             const struct record *r)
{
    if (batch_is(h, BATCH_CONTROL)) {
        int16_t type;
        if (!control_record_type(r->key, &type) && type == CONTROL_KRAFT_VOTERS)
            voters_committed(o, r->value);
        loader_skip(&o->reference, r->offset, h->leader_epoch);
        return;
    }
    enum err e = loader_apply(&o->reference, r->offset, h->leader_epoch, r->value, &o->delta);
    if (e)
        cluster_broken(o->cluster, "S20",
                       "the committed metadata record at %lld cannot be applied: "
                       "%s",
                       (long long)r->offset, err_text(e));
}

/* ---- the image */

static struct truth *truth_of(struct oracles *o, const struct image_topic *topic, int32_t partition)
{
    struct truth *t = oracles_truth(o, topic->id, partition);
    if (t || o->truths_count == TRUTHS_MAX) return t;
    char name[64];
    snprintf(name, sizeof name, "%.*s", STR_ARG(topic->name));
    t = mem_alloc(sizeof *t);
    truth_init(t, topic->id, name, partition);
    t->created_ms = sim_now_ms(o->cluster->sim);
    if (name[0] != '_') {
        t->committed = values_told;
        t->was_cut = values_were_cut;
        t->owner = &o->values;
    } else {
        t->committed = groups_told;
        t->was_cut = groups_were_cut;
        t->owner = &o->groups;
    }
    o->truths[o->truths_count++] = t;
    return t;
}

static const char *list(char text[40], const int32_t *ids, int32_t count)
{
    text[0] = '\0';
    for (int32_t i = 0; i < count; i++)
        snprintf(text + strlen(text), 40 - strlen(text), "%s%d", i ? "," : "", ids[i]);
    return text;
}

static void say_partition(struct oracles *o, const struct truth *t, const struct image_partition *p)
{
    char a[40], b[40], c[40], d[40], e[40], f[40];
    cluster_say(o->cluster, t->directory, "partition",
                "leader %d epoch %d.%d isr %s elr %s last %s replicas %s adding %s removing %s",
                p->leader, p->leader_epoch, p->partition_epoch,
                list(a, partition_isr(p), p->isr_count), list(b, partition_elr(p), p->elr_count),
                list(c, partition_last_known_elr(p), p->last_known_elr_count),
                list(d, partition_replicas(p), p->replicas_count),
                list(e, partition_adding(p), p->adding_count),
                list(f, partition_removing(p), p->removing_count));
}

static bool is_eligible(const struct truth *t, int32_t id)
{
    return t->eligible >> id & 1;
}

/* A leader from outside of ISR and ELR: what it has not got is lost, and nothing else. */
static void look_at_election(struct oracles *o, struct truth *t, const struct image_partition *p)
{
    bool outside = p->leader >= 0 && t->eligible_known && !is_eligible(t, p->leader);
    if (outside && o->cluster->plan->unclean) {
        MARK("a leader is elected uncleanly");
        t->amnesty = true;
        t->losses++;
        t->unclean_epoch = p->leader_epoch;
    }
    t->eligible = 0;
    t->eligible_known = true;
    for (int32_t i = 0; i < p->isr_count; i++) t->eligible |= 1u << partition_isr(p)[i];
    for (int32_t i = 0; i < p->elr_count; i++) t->eligible |= 1u << partition_elr(p)[i];
}

/* What is committed of one partition (S3, S24, KIP-966). */
static void check_partition(struct oracles *o, const struct image_topic *topic, struct truth *t,
                            const struct image_partition *p)
{
    struct cluster *c = o->cluster;
    const struct image *image = oracles_image(o);
    say_partition(o, t, p);
    look_at_election(o, t, p);
    if (p->leader >= 0 && !partition_in_isr(p, p->leader))
        cluster_broken(c, "S24", "%s is led by %d, which is not in its ISR", t->directory,
                       p->leader);
    for (int32_t i = 0; i < p->isr_count; i++) {
        int32_t id = partition_isr(p)[i];
        const struct image_broker *b = image_broker(image, id);
        if (!partition_has_replica(p, id))
            cluster_broken(c, "S24", "%d is in the ISR of %s and no replica", id, t->directory);
        if (p->leader >= 0 && (!b || b->fenced))
            cluster_broken(c, "S24", "%d is in the ISR of %s and fenced", id, t->directory);
        if (ids_contain(partition_elr(p), p->elr_count, id))
            cluster_broken(c, "S24", "%d is in ISR and ELR of %s", id, t->directory);
    }
    if (p->elr_count > 0 && p->isr_count >= oracles_isr_min(o, topic, p))
        cluster_broken(c, "S24", "%s has an ELR though its ISR is of min.insync.replicas",
                       t->directory);
    partitions_check_isr(o, t, p);
}

void oracles_impostor_begins(struct oracles *o, const struct machine *as, bool is_second)
{
    const struct image_broker *b = image_broker(oracles_image(o), as->id);
    o->impostor = (struct impostor_view){
        .as = as, .is_second = is_second, .starts = as->starts, .epoch = b ? b->epoch : -1};
}

/* Who is not what he says is never registered (S25). A second process is, when the first has ended
 * or was fenced. */
static void check_impostor(struct oracles *o, const struct image_broker *b)
{
    struct impostor_view *v = &o->impostor;
    if (!v->as) return;
    bool is_first = b->id == v->as->id && b->epoch == v->epoch;
    v->was_fenced |= is_first && (b->fenced || b->in_controlled_shutdown);
    if (!uuid_equal(b->incarnation_id, IMPOSTOR_INCARNATION)) return;
    bool lives = machine_is_up(v->as) && v->as->starts == v->starts && !v->as->stopping;
    if (!v->is_second || (lives && !v->was_fenced))
        cluster_broken(o->cluster, "S25", "%s is registered as %d, and is not it",
                       v->is_second ? "a second process" : "an impostor", b->id);
}

/* A fenced broker leads nothing and is in no ISR (S24). */
static void check_broker(struct oracles *o, int32_t id)
{
    const struct image *image = oracles_image(o);
    const struct image_broker *b = image_broker(image, id);
    char who[16];
    snprintf(who, sizeof who, "n%d", id);
    if (b) check_impostor(o, b);
    cluster_say(o->cluster, who, "broker", "epoch %lld%s%s", b ? (long long)b->epoch : -1LL,
                b && b->fenced ? " fenced" : "", b && b->in_controlled_shutdown ? " leaving" : "");
    if (b && !b->fenced) return;
    MARK("oracle S24: a fenced broker's replicas are looked at");
    const struct image_places *places = image_places_of(image, id);
    for (uint32_t i = 0; places && i < places->count; i++) {
        const struct image_topic *topic;
        const struct image_partition *p = image_place(image, places->items[i], &topic);
        if (p->leader == id)
            cluster_broken(o->cluster, "S24", "%d is fenced and leads %.*s-%d", id,
                           STR_ARG(topic->name), places->items[i].partition);
        else if (p->leader >= 0 && partition_in_isr(p, id))
            cluster_broken(o->cluster, "S24", "%d is fenced and in the ISR of %.*s-%d", id,
                           STR_ARG(topic->name), places->items[i].partition);
    }
}

static void check_change(struct oracles *o)
{
    const struct delta *d = &o->delta;
    for (int32_t i = 0; i < d->topics_count; i++) {
        const struct delta_topic *changed = d->topics[i];
        const struct image_topic *topic = image_topic_by_id(oracles_image(o), changed->id);
        for (int32_t k = 0; k < changed->partitions_count; k++) {
            const struct image_partition *p =
                topic ? image_topic_partition(topic, changed->partitions[k]) : NULL;
            struct truth *t = p ? truth_of(o, topic, changed->partitions[k])
                                : oracles_truth(o, changed->id, changed->partitions[k]);
            if (!t) continue;
            t->deleted = p == NULL;
            if (p) check_partition(o, topic, t, p);
        }
    }
    for (int32_t i = 0; i < d->brokers_count; i++) check_broker(o, d->brokers[i]);
}

static void batch_committed(void *owner, struct truth *t, struct bytes batch,
                            const struct batch_header *h)
{
    struct oracles *o = owner;
    struct record_iterator it;
    struct record r;
    bool more = true;
    delta_reset(&o->delta);
    struct bytes records = {batch.data + BATCH_HEADER_BYTES, h->size - BATCH_HEADER_BYTES};
    record_iterator_init(&it, h, records);
    while (!cluster_is_broken(o->cluster) && !record_iterator_next(&it, &r, &more) && more)
        record_committed(o, h, &r);
    const struct image *image = oracles_image(o);
    o->hashes[t->end % HASHES].offset = image->end_offset;
    o->hashes[t->end % HASHES].hash = image_hash(image);
    if (!delta_is_empty(&o->delta)) check_change(o);
}

/* ---- nodes */

static void compare_image(struct oracles *o, const struct machine *m, const struct image *image,
                          int64_t *seen_end, const char *whose)
{
    if (image->end_offset == *seen_end) return;
    if (image->end_offset < *seen_end)
        cluster_broken(o->cluster, "S20", "the %s image of %s goes back from %lld to %lld", whose,
                       m->name, (long long)*seen_end, (long long)image->end_offset);
    *seen_end = image->end_offset;
    if (image->end_offset > o->metadata.end)
        cluster_broken(o->cluster, "S20", "the %s image of %s is at %lld, and committed is %lld",
                       whose, m->name, (long long)image->end_offset, (long long)o->metadata.end);
    int64_t at = image->end_offset % HASHES;
    if (o->hashes[at].offset == image->end_offset)
        MARK("oracle S20: an image is compared with the log's");
    if (o->hashes[at].offset == image->end_offset && o->hashes[at].hash != image_hash(image))
        cluster_broken(o->cluster, "S20", "the %s image of %s at %lld is another than the log's",
                       whose, m->name, (long long)image->end_offset);
}

/* The vote on disk: one per epoch, and epochs never fall (S21). */
static void look_at_vote(struct oracles *o, const struct machine *m)
{
    struct quorum_view *v = &o->quorum[m->index];
    struct bytes text = sim_disk_peek(m->sim, "/data0/__cluster_metadata-0/quorum-state");
    char state[512];
    if (text.len <= 0 || text.len >= (int64_t)sizeof state) return;
    memcpy(state, text.data, (size_t)text.len);
    state[text.len] = '\0';
    const char *epoch = strstr(state, "\"leaderEpoch\":"), *voted = strstr(state, "\"votedId\":");
    if (!epoch || !voted) return;
    int32_t epoch_now = atoi(epoch + 14), id = atoi(voted + 10);
    if (epoch_now == v->voted_epoch && id >= 0 && v->voted_id >= 0)
        MARK("oracle S21: a vote on disk is looked at again");
    if (epoch_now < v->voted_epoch)
        cluster_broken(o->cluster, "S21", "the epoch of %s fell on its disk from %d to %d", m->name,
                       v->voted_epoch, epoch_now);
    if (epoch_now == v->voted_epoch && id >= 0 && v->voted_id >= 0 && id != v->voted_id)
        cluster_broken(o->cluster, "S21", "%s voted in epoch %d for %d and for %d", m->name,
                       epoch_now, v->voted_id, id);
    if (epoch_now != v->voted_epoch || id >= 0) v->voted_id = id;
    v->voted_epoch = epoch_now;
}

static void look_at_quorum(struct oracles *o, struct machine *m, const struct quorum *q)
{
    struct quorum_view *v = &o->quorum[m->index];
    struct cluster *c = o->cluster;
    bool leads = quorum_is_leader(q);
    int32_t epoch = quorum_epoch(q), leader = quorum_leader(q);
    if (epoch != v->epoch || leader != v->leader)
        cluster_say(c, m->name, leads ? "leads" : "quorum", "epoch %d leader %d", epoch, leader);
    if (epoch != v->epoch || leader != v->leader || leads != v->leads) look_at_vote(o, m);
    if (epoch < v->epoch)
        cluster_broken(c, "S21", "the epoch of %s fell from %d to %d", m->name, v->epoch, epoch);
    if (leads && !truth_leads(&o->metadata, epoch, m->id))
        cluster_broken(c, "S20", "epoch %d of the quorum has a second leader, %s", epoch, m->name);
    v->epoch = epoch;
    v->leader = leader;
    v->leads = leads;
    int64_t hw = quorum_high_watermark(q);
    if (hw == v->high_watermark) return;
    if (hw < v->high_watermark)
        cluster_broken(c, "S20",
                       "the high watermark of the metadata log of %s fell from %lld to "
                       "%lld",
                       m->name, (long long)v->high_watermark, (long long)hw);
    v->high_watermark = hw;
    char directory[80];
    snprintf(directory, sizeof directory, "%s/__cluster_metadata-0", cluster_directory(0));
    /* A log that begins with a snapshot: what is below was compared where it was committed. */
    int64_t start = disk_log_start(m->sim, directory);
    truth_observe(&o->metadata, m, cluster_directory(0), hw, start > 0 ? start : 0);
}

void metadata_look(struct oracles *o, struct machine *m)
{
    const struct quorum *q = machine_quorum(m);
    if (q) look_at_quorum(o, m, q);
    struct broker *b = machine_broker(m);
    struct quorum_view *v = &o->quorum[m->index];
    if (b)
        compare_image(o, m, metadata_publisher_image(broker_metadata(b)), &v->broker_image_end,
                      "broker's");
    struct controller *k = machine_controller(m);
    if (k && controller_epoch(k) < 0) {
        /* A controller that lost what was not committed begins again from nothing. */
        const struct image *image = controller_image(k);
        if (image->end_offset == 0) v->controller_image_end = 0;
        compare_image(o, m, image, &v->controller_image_end, "controller's");
    } else if (k) {
        v->controller_image_end = 0;
    }
}

void metadata_machine_down(struct oracles *o, struct machine *m)
{
    struct quorum_view *v = &o->quorum[m->index];
    /* What is on disk stays: a vote, an epoch. In memory everything begins anew. */
    *v = (struct quorum_view){.leader = -1, .voted_epoch = v->voted_epoch, .voted_id = v->voted_id};
    if (m->new_disk) v->voted_epoch = v->voted_id = -1;
    disk_log_seek(&o->metadata.views[m->index].verified, 0);
}

void metadata_init(struct oracles *o)
{
    truth_init(&o->metadata, UUID_METADATA_TOPIC, "__cluster_metadata", 0);
    o->metadata.extended = batch_committed;
    o->metadata.owner = o;
    loader_init(&o->reference);
    delta_init(&o->delta);
    for (int32_t i = 0; i < HASHES; i++) o->hashes[i].offset = -1;
    for (int32_t i = 0; i < PLAN_NODES_MAX; i++)
        o->quorum[i] = (struct quorum_view){.leader = -1, .voted_epoch = -1, .voted_id = -1};
}

void metadata_free(struct oracles *o)
{
    truth_free(&o->metadata);
    loader_free(&o->reference);
    delta_free(&o->delta);
}
