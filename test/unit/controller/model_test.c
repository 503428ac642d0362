/* A controller among model brokers whose logs are modelled too: they come, die with and without
 * loss, stop, replicate, propose in-sync sets; topics are created and moved; controllers fail over
 * and what was not committed is gone. Two controllers take turns over one log.
 *
 * Checked all along (faults.md): S1 committed records survive fewer than min.insync.replicas
 * unclean stops; S3 who is running and in ISR or ELR has them; S5 and S20 epochs never go back and
 * one image comes of one log; S24 nobody fenced leads or is in sync. At the end all come back and
 * every partition is led. */
#include <stdio.h>

#include "world.h"

enum {
    BROKERS = 6, /* ids 1 to 6 */
    PARTITIONS = 8,
    LOG_MAX = 200,
    MIN_ISR = 2,
    FACTOR = 3,
    ENDS_MAX = 4096,
    STEPS = 700,
    SEEDS = 25,
};

struct model_log {
    int32_t epochs[LOG_MAX]; /* of the record at each offset: names it, with its offset */
    int32_t len;
};

struct model_broker {
    bool up, stopping;
    uint8_t incarnation;
    int64_t epoch;    /* as it knows; -1: not registered */
    int64_t previous; /* proof of a clean stop, else -1 */
};

struct model_partition {
    struct model_log logs[BROKERS + 1], committed;
    /* what the leader remembers of a follower's last fetch: true of the process that sent it */
    int32_t fetched_epoch[BROKERS + 1]; /* leader epoch */
    int32_t fetched_len[BROKERS + 1];
    int64_t fetched_as[BROKERS + 1];          /* broker epoch */
    int32_t led_epoch, led_from;              /* the leader's epoch and its log end then */
    int32_t unclean_stops;                    /* of replicas, since something was committed */
    int32_t leader_epoch_max, part_epoch_max; /* seen committed */
};

struct model {
    struct world w;
    struct controller *other; /* a standby over the same log */
    int32_t other_at;         /* frames it has been fed */
    struct prng rng;
    struct model_broker brokers[BROKERS + 1];
    struct model_partition partitions[PARTITIONS];
    int32_t ends[ENDS_MAX], ends_count; /* log counts behind each append */
    int32_t topics;                     /* one partition each: "t0", … */
};

/* ---- the log: committed piece by piece, cut on failover */

static const struct image *committed_image(const struct model *m)
{
    return m->w.standby.image;
}

static void note_end(struct model *m)
{
    if (m->ends_count > 0 && m->ends[m->ends_count - 1] == m->w.log_count) return;
    assert_true(m->ends_count < ENDS_MAX);
    m->ends[m->ends_count++] = m->w.log_count;
}

static void commit_to(struct model *m, int32_t count)
{
    struct world *w = &m->w;
    for (; w->standby_at < count; w->standby_at++) {
        const struct world_frame *f = &w->log[w->standby_at];
        assert_ok(loader_apply(&w->standby, f->offset, f->epoch, f->value, NULL));
    }
    for (; m->other_at < count; m->other_at++) {
        const struct world_frame *f = &w->log[m->other_at];
        assert_ok(controller_apply(m->other, f->offset, f->epoch, f->value));
    }
    controller_committed(w->c, count > 0 ? w->log[count - 1].offset + 1 : 0);
    world_run_tasks(w);
    assert_int_equal(image_hash(controller_image(m->other)), image_hash(committed_image(m)));
}

static void commit_all(struct model *m)
{
    note_end(m);
    commit_to(m, m->w.log_count);
}

static void commit_some(struct model *m)
{
    note_end(m);
    int32_t to = m->ends[prng_below(&m->rng, (uint64_t)m->ends_count)];
    if (to > m->w.standby_at) commit_to(m, to);
}

/* The active controller loses its epoch, and what it had not committed; the other one leads. */
static void fail_over(struct model *m)
{
    struct world *w = &m->w;
    while (w->log_count > w->standby_at)
        mem_free((void *)(uintptr_t)w->log[--w->log_count].value.data);
    while (m->ends_count > 0 && m->ends[m->ends_count - 1] > w->log_count) m->ends_count--;
    w->end_offset = w->log_count > 0 ? w->log[w->log_count - 1].offset + 1 : 0;
    assert_int_equal(m->other_at, w->standby_at);
    bool emptied = controller_renounce(w->c);
    world_run_tasks(w);
    struct controller *next = m->other;
    m->other = w->c;
    if (emptied) assert_int_equal(controller_end_offset(m->other), 0);
    m->other_at = 0;
    for (; m->other_at < w->log_count; m->other_at++) {
        const struct world_frame *f = &w->log[m->other_at];
        assert_ok(controller_apply(m->other, f->offset, f->epoch, f->value)); /* old ones: again */
    }
    w->c = next;
    w->epoch++;
    controller_lead(next, w->epoch);
    commit_all(m);
}

/* ---- asking */

static struct world_call *ask(struct model *m, int16_t api, int16_t version, const void *rq)
{
    struct world_call *call = world_send(&m->w, api, version, rq);
    note_end(m);
    if (prng_chance(&m->rng, 2, 3)) commit_all(m);
    return call;
}

static void forget_epoch_if_stale(struct model *m, int32_t id, int16_t error)
{
    if (error == KAFKA_STALE_BROKER_EPOCH) m->brokers[id].epoch = -1;
}

static void register_broker(struct model *m, int32_t id)
{
    struct model_broker *b = &m->brokers[id];
    const struct broker_registration_request *rq = world_registration(
        &m->w, id, id % 3 ? (id % 3 == 1 ? "x" : "y") : NULL, b->incarnation, b->previous);
    struct world_call *call = ask(m, API_BROKER_REGISTRATION, 4, rq);
    const struct broker_registration_response *r = call->response;
    if (!r || r->error_code) return; /* no answer yet, or 101: it will ask again */
    b->epoch = r->broker_epoch;
}

static void heartbeat(struct model *m, int32_t id)
{
    struct model_broker *b = &m->brokers[id];
    if (b->epoch < 0) {
        register_broker(m, id);
        return;
    }
    struct broker_heartbeat_request *rq = ARENA_NEW(&m->w.arena, struct broker_heartbeat_request);
    broker_heartbeat_request_init(rq);
    rq->broker_id = id;
    rq->broker_epoch = b->epoch;
    rq->current_metadata_offset = committed_image(m)->end_offset - 1;
    rq->want_fence = false;
    rq->want_shut_down = b->stopping;
    struct world_call *call = ask(m, API_BROKER_HEARTBEAT, 2, rq);
    const struct broker_heartbeat_response *r = call->response;
    if (!r) return;
    forget_epoch_if_stale(m, id, r->error_code);
    if (r->error_code || !b->stopping || !r->should_shut_down) return;
    b->up = b->stopping = false;
    b->previous = b->epoch;
}

/* ---- brokers and their logs */

static const struct image_topic *topic_of(const struct image *image, int32_t t)
{
    char name[16];
    snprintf(name, sizeof name, "t%d", t);
    return image_topic_by_name(image, str_of(name));
}

static const struct image_partition *partition_in(const struct image *image, int32_t t)
{
    const struct image_topic *topic = topic_of(image, t);
    return topic ? image_topic_partition(topic, 0) : NULL;
}

static bool has_committed(const struct model_partition *p, int32_t id)
{
    return p->logs[id].len >= p->committed.len &&
           memcmp(p->logs[id].epochs, p->committed.epochs,
                  (size_t)p->committed.len * sizeof *p->committed.epochs) == 0;
}

/* The process that is registered: not an older life of it, of which the image still tells. */
static bool is_that_life(const struct model *m, const struct image *image, int32_t id)
{
    const struct image_broker *b = image_broker(image, id);
    return m->brokers[id].up && b && b->epoch == m->brokers[id].epoch;
}

static void stop_broker(struct model *m, int32_t id, bool lossy)
{
    struct model_broker *b = &m->brokers[id];
    b->up = b->stopping = false;
    b->previous = -1;
    for (int32_t t = 0; t < m->topics; t++) {
        struct model_partition *p = &m->partitions[t];
        p->unclean_stops++;
        if (lossy && prng_chance(&m->rng, 1, 2))
            p->logs[id].len = (int32_t)prng_below(&m->rng, (uint64_t)p->logs[id].len + 1);
    }
}

static void start_broker(struct model *m, int32_t id)
{
    struct model_broker *b = &m->brokers[id];
    b->up = true;
    b->incarnation++;
    b->epoch = -1;
    register_broker(m, id);
}

/* The leader by committed metadata, if it runs; it notices a new epoch of its own first. */
static int32_t leader_acting(struct model *m, int32_t t)
{
    const struct image_partition *ip = partition_in(committed_image(m), t);
    struct model_partition *p = &m->partitions[t];
    if (!ip || ip->leader == LEADER_NONE || !is_that_life(m, committed_image(m), ip->leader))
        return LEADER_NONE;
    if (p->led_epoch == ip->leader_epoch) return ip->leader;
    p->led_epoch = ip->leader_epoch;
    p->led_from = p->logs[ip->leader].len;
    if (has_committed(p, ip->leader)) return ip->leader;
    /* S1: only an election that says so may lose, and only after that many unclean stops */
    assert_int_equal(ip->leader_recovery_state, LEADER_RECOVERING);
    assert_true(p->unclean_stops >= MIN_ISR);
    int32_t same = 0;
    while (same < p->committed.len && same < p->logs[ip->leader].len &&
           p->committed.epochs[same] == p->logs[ip->leader].epochs[same])
        same++;
    p->committed.len = same;
    return ip->leader;
}

static void produce(struct model *m, int32_t t)
{
    int32_t leader = leader_acting(m, t);
    struct model_log *log = &m->partitions[t].logs[leader == LEADER_NONE ? 0 : leader];
    if (leader == LEADER_NONE || log->len == LOG_MAX) return;
    log->epochs[log->len++] = m->partitions[t].led_epoch;
}

static void replicate(struct model *m, int32_t t, int32_t id)
{
    const struct image *image = committed_image(m);
    int32_t leader = leader_acting(m, t);
    if (leader == LEADER_NONE || leader == id || !is_that_life(m, image, id) ||
        !partition_has_replica(partition_in(image, t), id))
        return;
    struct model_partition *p = &m->partitions[t];
    struct model_log *from = &p->logs[leader], *to = &p->logs[id];
    int32_t same = 0;
    while (same < to->len && same < from->len && to->epochs[same] == from->epochs[same]) same++;
    to->len = same; /* what the leader has not is cut */
    int32_t more = from->len - same;
    if (more > 0)
        more = prng_chance(&m->rng, 2, 3) ? more : (int32_t)prng_below(&m->rng, (uint64_t)more);
    for (int32_t i = 0; i < more; i++) to->epochs[to->len++] = from->epochs[same + i];
    p->fetched_epoch[id] = p->led_epoch;
    p->fetched_len[id] = to->len;
    p->fetched_as[id] = m->brokers[id].epoch;
}

/* S4: as far as the committed ISR and every proposed one go, and only while it is large enough. */
static void advance(struct model *m, int32_t t)
{
    int32_t leader = leader_acting(m, t);
    if (leader == LEADER_NONE) return;
    struct model_partition *p = &m->partitions[t];
    const struct image_partition *now = partition_in(committed_image(m), t),
                                 *then = partition_in(controller_image(m->w.c), t);
    if (now->isr_count < MIN_ISR) return;
    int32_t end = p->logs[leader].len;
    const struct image_partition *both[] = {now, then};
    for (int k = 0; k < 2; k++)
        for (int32_t i = 0; both[k] && i < both[k]->isr_count; i++) {
            int32_t id = partition_isr(both[k])[i];
            if (id == leader) continue;
            /* a follower counts for what it fetched in this epoch, as the process it is */
            if (p->fetched_epoch[id] != p->led_epoch || !m->brokers[id].up ||
                p->fetched_as[id] != m->brokers[id].epoch)
                return;
            if (p->logs[id].len < end) end = p->logs[id].len;
        }
    if (end <= p->committed.len) return;
    assert_true(has_committed(p, leader));
    memcpy(p->committed.epochs, p->logs[leader].epochs, (size_t)end * sizeof(int32_t));
    p->committed.len = end;
    p->unclean_stops = 0;
}

static void propose(struct model *m, int32_t t)
{
    const struct image *image = committed_image(m);
    int32_t leader = leader_acting(m, t);
    if (leader == LEADER_NONE) return;
    struct model_partition *p = &m->partitions[t];
    const struct image_partition *ip = partition_in(image, t);
    struct arena *arena = &m->w.arena;
    struct alter_partition_request *rq = ARENA_NEW(arena, struct alter_partition_request);
    rq->broker_id = leader;
    rq->broker_epoch = m->brokers[leader].epoch;
    rq->topics = alter_partition_request_topic_data_new(arena, 1);
    rq->topics_count = 1;
    rq->topics[0].topic_id = topic_of(image, t)->id;
    rq->topics[0].partitions = alter_partition_request_partition_data_new(arena, 1);
    rq->topics[0].partitions_count = 1;
    struct alter_partition_request_partition_data *a = rq->topics[0].partitions;
    a->leader_epoch = ip->leader_epoch;
    a->partition_epoch = ip->partition_epoch;
    a->new_isr_with_epochs = alter_partition_request_broker_state_new(arena, ip->replicas_count);
    for (int32_t i = 0; i < ip->replicas_count; i++) {
        int32_t id = partition_replicas(ip)[i];
        bool in = partition_in_isr(ip, id);
        /* S8: it has what is committed and what the leader began with, fetched in this epoch */
        bool may = id == leader || in ||
                   (p->fetched_epoch[id] == p->led_epoch &&
                    p->fetched_len[id] >= p->committed.len && p->fetched_len[id] >= p->led_from);
        bool slow = id != leader && in && prng_chance(&m->rng, 1, 6);
        if (!may || slow) continue;
        a->new_isr_with_epochs[a->new_isr_with_epochs_count++] =
            (struct alter_partition_request_broker_state){id, id == leader ? m->brokers[id].epoch
                                                                           : p->fetched_as[id]};
    }
    (void)ask(m, API_ALTER_PARTITION, 3, rq);
}

/* ---- operators */

static void create_topic(struct model *m)
{
    if (m->topics == PARTITIONS) return;
    char name[16];
    snprintf(name, sizeof name, "t%d", m->topics);
    int16_t error = world_topic(&m->w, name, 1, FACTOR);
    commit_all(m); /* the world has committed: so shall the other controller see */
    if (error) return;
    struct model_partition *p = &m->partitions[m->topics++];
    p->led_epoch = p->leader_epoch_max = p->part_epoch_max = -1;
    for (int32_t id = 1; id <= BROKERS; id++) p->fetched_epoch[id] = -1;
}

static void reassign(struct model *m, int32_t t)
{
    struct arena *arena = &m->w.arena;
    struct alter_partition_reassignments_request *rq =
        ARENA_NEW(arena, struct alter_partition_reassignments_request);
    alter_partition_reassignments_request_init(rq);
    rq->topics = alter_partition_reassignments_request_reassignable_topic_new(arena, 1);
    rq->topics_count = 1;
    char *name = arena_alloc(arena, 16);
    snprintf(name, 16, "t%d", t);
    rq->topics[0].name = str_of(name);
    rq->topics[0].partitions =
        alter_partition_reassignments_request_reassignable_partition_new(arena, 1);
    rq->topics[0].partitions_count = 1;
    struct alter_partition_reassignments_request_reassignable_partition *p =
        rq->topics[0].partitions;
    p->replicas_count = -1; /* cancel */
    if (prng_chance(&m->rng, 3, 4)) {
        p->replicas = ARENA_ARRAY(arena, int32_t, FACTOR);
        p->replicas_count = FACTOR;
        int32_t first = (int32_t)prng_below(&m->rng, BROKERS),
                step = prng_chance(&m->rng, 1, 2) ? 1 : 5;
        for (int32_t i = 0; i < FACTOR; i++) p->replicas[i] = (first + i * step) % BROKERS + 1;
    }
    (void)ask(m, API_ALTER_PARTITION_REASSIGNMENTS, 1, rq);
    /* cancelling drops the newcomers at once, be they all that is in sync but one */
    if (p->replicas_count < 0) m->partitions[t].unclean_stops++;
}

static void prefer(struct model *m)
{
    struct elect_leaders_request *rq = ARENA_NEW(&m->w.arena, struct elect_leaders_request);
    elect_leaders_request_init(rq);
    rq->topic_partitions_count = -1;
    (void)ask(m, API_ELECT_LEADERS, 2, rq);
}

static void unregister(struct model *m, int32_t id)
{
    struct unregister_broker_request *rq = ARENA_NEW(&m->w.arena, struct unregister_broker_request);
    rq->broker_id = id;
    (void)ask(m, API_UNREGISTER_BROKER, 0, rq);
    /* what it holds is given up, as if it had been lost */
    for (int32_t t = 0; t < m->topics; t++) m->partitions[t].unclean_stops++;
}

/* ---- what must hold */

static void check(struct model *m)
{
    world_check_image(controller_image(m->w.c));
    world_check_image(committed_image(m));
    for (int32_t t = 0; t < m->topics; t++) {
        const struct image *image = committed_image(m);
        const struct image_partition *ip = partition_in(image, t);
        struct model_partition *p = &m->partitions[t];
        assert_non_null(ip);
        assert_true(ip->leader_epoch >= p->leader_epoch_max);
        assert_true(ip->partition_epoch >= p->part_epoch_max);
        p->leader_epoch_max = ip->leader_epoch;
        p->part_epoch_max = ip->partition_epoch;
        (void)leader_acting(m, t); /* an unclean one settles what is left */
        for (int32_t i = 0; i < ip->isr_count + ip->elr_count; i++) {
            int32_t id =
                i < ip->isr_count ? partition_isr(ip)[i] : partition_elr(ip)[i - ip->isr_count];
            /* one elected uncleanly has not said yet what is left */
            bool settled = ip->leader == LEADER_NONE ? ip->leader_recovery_state == LEADER_RECOVERED
                                                     : p->led_epoch == ip->leader_epoch;
            if (settled && is_that_life(m, image, id)) assert_true(has_committed(p, id)); /* S3 */
        }
    }
}

/* ---- a life */

static void everybody_beats(struct model *m)
{
    for (int32_t id = 1; id <= BROKERS; id++)
        if (m->brokers[id].up) heartbeat(m, id);
}

static void data_moves(struct model *m)
{
    for (int32_t t = 0; t < m->topics; t++) {
        if (prng_chance(&m->rng, 1, 2)) produce(m, t);
        for (int32_t id = 1; id <= BROKERS; id++)
            if (prng_chance(&m->rng, 2, 3)) replicate(m, t, id);
        advance(m, t);
        if (prng_chance(&m->rng, 1, 2)) propose(m, t);
    }
}

static void change_a_broker(struct model *m)
{
    int32_t id = 1 + (int32_t)prng_below(&m->rng, BROKERS);
    struct model_broker *b = &m->brokers[id];
    if (!b->up) {
        if (prng_chance(&m->rng, 1, 12))
            unregister(m, id);
        else
            start_broker(m, id);
        return;
    }
    const struct image_broker *known = image_broker(controller_image(m->w.c), id);
    switch (prng_below(&m->rng, 5)) {
    case 0: stop_broker(m, id, true); break;
    case 1: stop_broker(m, id, false); break;
    case 2:
        stop_broker(m, id, prng_chance(&m->rng, 1, 2));
        if (known) controller_broker_lost(m->w.c, id, known->epoch, STR_NULL); /* noticed at once */
        note_end(m);
        break;
    case 3: b->stopping = b->epoch >= 0; break;
    default: /* a false alarm */
        if (known) controller_broker_lost(m->w.c, id, known->epoch, STR_NULL);
        note_end(m);
    }
}

static void sleep_a_while(struct model *m)
{
    /* world_sleep commits what timers append, and the standby of the world with it */
    commit_all(m);
    world_sleep(&m->w, (int64_t)prng_below(&m->rng, 4000));
    commit_all(m);
}

static void step(struct model *m)
{
    int32_t t = m->topics > 0 ? (int32_t)prng_below(&m->rng, (uint64_t)m->topics) : -1;
    switch (prng_below(&m->rng, 16)) {
    case 0: change_a_broker(m); break;
    case 1: create_topic(m); break;
    case 2:
        if (t >= 0) reassign(m, t);
        break;
    case 3: prefer(m); break;
    case 4: commit_some(m); break;
    case 5:
        if (prng_chance(&m->rng, 1, 3)) fail_over(m);
        break;
    case 6:
    case 7: sleep_a_while(m); break;
    case 8:
    case 9:
    case 10: everybody_beats(m); break;
    default: data_moves(m); break;
    }
}

static void set_min_isr(struct model *m)
{
    struct incremental_alter_configs_request_alterable_config change = {STR("min.insync.replicas"),
                                                                        0, STR("2")};
    struct incremental_alter_configs_request_alter_configs_resource r = {RESOURCE_BROKER, STR(""),
                                                                         &change, 1};
    struct incremental_alter_configs_request rq = {&r, 1, false};
    (void)world_call(&m->w, API_INCREMENTAL_ALTER_CONFIGS, 1, &rq);
    commit_all(m);
}

/* Everybody comes back and nothing more fails: all is led, in sync, and where it shall be. */
static void heal(struct model *m)
{
    for (int32_t id = 1; id <= BROKERS; id++) m->brokers[id].stopping = false;
    for (int round = 0; round < 40; round++) {
        for (int32_t id = 1; id <= BROKERS; id++) {
            /* who had begun to stop has to start anew */
            const struct image_broker *b = image_broker(controller_image(m->w.c), id);
            if (b && b->in_controlled_shutdown && is_that_life(m, controller_image(m->w.c), id)) {
                m->brokers[id].previous = m->brokers[id].epoch;
                m->brokers[id].up = false;
            }
            if (!m->brokers[id].up) start_broker(m, id);
            heartbeat(m, id);
        }
        commit_all(m);
        for (int32_t t = 0; t < m->topics; t++) {
            for (int32_t id = 1; id <= BROKERS; id++) replicate(m, t, id);
            advance(m, t);
            propose(m, t);
        }
        commit_all(m);
        world_sleep(&m->w, 1000);
        commit_all(m);
        check(m);
    }
    for (int32_t t = 0; t < m->topics; t++) {
        const struct image_partition *p = partition_in(committed_image(m), t);
        bool nobody = p->elr_count == 0 && p->last_known_elr_count == 1 &&
                      !partition_has_replica(p, partition_last_known_elr(p)[0]);
        assert_true(p->leader != LEADER_NONE || nobody);
    }
}

static void live(uint64_t seed)
{
    static struct model model;
    struct model *m = &model;
    *m = (struct model){.rng = prng_seed(seed)};
    world_init(&m->w);
    m->w.hand.prng = prng_seed(seed + 1000);
    m->other = world_controller(&m->w, 2);
    commit_all(m);
    set_min_isr(m);
    for (int32_t id = 1; id <= BROKERS; id++) {
        m->brokers[id].previous = -1;
        start_broker(m, id);
    }
    for (int i = 0; i < STEPS; i++) {
        step(m);
        check(m);
    }
    heal(m);
    controller_free(m->other);
    world_free(&m->w);
}

TEST(clusters_live_through_everything)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        live(seed);
    }
}
