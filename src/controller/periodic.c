/* What the active controller does by itself: NoOp records, preferred leaders, unclean elections. */
#include <stdlib.h>

#include "controller/election.h"
#include "controller/internal.h"

enum { MORE_TO_DO_MS = 10 }; /* between passes that were cut short */

static void arm(struct controller *c, struct timer *t, int64_t ms)
{
    timer_arm_in_ms(c->options.clock, t, ms);
}

static int64_t rebalance_ms(const struct controller *c)
{
    if (!config_bool(c->options.config, CONFIG_AUTO_LEADER_REBALANCE_ENABLE)) return 0;
    return config_long(c->options.config, CONFIG_LEADER_IMBALANCE_CHECK_INTERVAL_SECONDS) * 1000;
}

static int64_t no_op_ms(const struct controller *c)
{
    return config_int(c->options.config, CONFIG_METADATA_MAX_IDLE_INTERVAL_MS);
}

static int64_t unclean_ms(const struct controller *c)
{
    return config_long(c->options.config, CONFIG_UNCLEAN_LEADER_ELECTION_INTERVAL_MS);
}

void periodic_start(struct controller *c)
{
    if (no_op_ms(c) > 0) arm(c, &c->no_op, no_op_ms(c));
    if (rebalance_ms(c) > 0) arm(c, &c->rebalance, rebalance_ms(c));
    if (unclean_ms(c) > 0) arm(c, &c->unclean, unclean_ms(c));
}

void periodic_stop(struct controller *c)
{
    timer_cancel(c->options.clock, &c->no_op);
    timer_cancel(c->options.clock, &c->sessions_check);
    timer_cancel(c->options.clock, &c->rebalance);
    timer_cancel(c->options.clock, &c->unclean);
}

void no_op_fired(struct timer *t)
{
    struct controller *c = CONTAINER_OF(t, struct controller, no_op);
    struct decision *d = decision_begin(c);
    decision_add(c, d, METADATA_RECORD_NO_OP);
    if (decision_end(c, d)) arm(c, t, no_op_ms(c));
}

/* How many partitions prefer a broker, and how many of them it does not lead. */
struct share {
    int32_t broker;
    int64_t preferring, led_by_others;
};

static int by_broker(const void *a, const void *b)
{
    int32_t x = ((const struct share *)a)->broker, y = ((const struct share *)b)->broker;
    return (x > y) - (x < y);
}

static struct share *share_of(struct share *shares, int32_t count, const struct image_partition *p)
{
    struct share key = {.broker = partition_replicas(p)[0]};
    return bsearch(&key, shares, (size_t)count, sizeof key, by_broker);
}

/* One per broker, by id; NULL when any imbalance is too much. */
static struct share *count_shares(const struct controller *c, struct arena *arena)
{
    if (config_leader_imbalance_percent(c->options.config) == 0) return NULL;
    const struct image *image = image_of(c);
    struct share *shares = ARENA_ARRAY(arena, struct share, image->brokers_count + 1);
    for (int32_t i = 0; i < image->brokers_count; i++) shares[i].broker = image->brokers[i]->id;
    uint32_t at = 0;
    for (const struct image_topic *topic; (topic = image_topic_next(image, &at));)
        for (int32_t id = 0; id < topic->partitions_size; id++) {
            const struct image_partition *p = image_topic_partition(topic, id);
            struct share *s = p ? share_of(shares, image->brokers_count, p) : NULL;
            if (!s) continue;
            s->preferring++;
            s->led_by_others += p->leader != s->broker;
        }
    return shares;
}

static bool too_few_led(const struct controller *c, struct share *shares,
                        const struct image_partition *p)
{
    if (!shares) return true;
    const struct share *s = share_of(shares, image_of(c)->brokers_count, p);
    return s && s->led_by_others * 100 >
                    config_leader_imbalance_percent(c->options.config) * s->preferring;
}

void rebalance_fired(struct timer *t)
{
    struct controller *c = CONTAINER_OF(t, struct controller, rebalance);
    struct decision *d = decision_begin(c);
    struct share *shares = count_shares(c, d->arena);
    d->reason = REASON_PREFERRED_PERIODIC;
    uint32_t at = 0;
    for (const struct image_topic *topic; (topic = image_topic_next(image_of(c), &at));) {
        if (topic->not_preferred_count == 0) continue;
        for (int32_t id = 0; id < topic->partitions_size; id++) {
            const struct image_partition *p = image_topic_partition(topic, id);
            if (!p || p->leader == partition_replicas(p)[0] || !too_few_led(c, shares, p)) continue;
            if (d->count >= ELECTIONS_PER_PASS_MAX) break;
            struct election e;
            election_init(&e, c, d, topic, id);
            e.kind = ELECTION_PREFERRED;
            (void)election_build(&e);
        }
    }
    bool more = d->count >= ELECTIONS_PER_PASS_MAX;
    if (d->count > 0)
        trace_info(c->options.trace, "controller", "%d partitions return to their preferred leader",
                   d->count);
    if (decision_end(c, d)) arm(c, t, more ? MORE_TO_DO_MS : rebalance_ms(c));
}

void unclean_soon(struct controller *c)
{
    c->unclean_asked = true;
    arm(c, &c->unclean, 0);
}

void unclean_fired(struct timer *t)
{
    struct controller *c = CONTAINER_OF(t, struct controller, unclean);
    struct decision *d = decision_begin(c);
    d->reason = c->unclean_asked ? REASON_UNCLEAN_ENABLED : REASON_UNCLEAN_PERIODIC;
    c->unclean_asked = false;
    const struct image_places *leaderless = image_places_of(image_of(c), LEADER_NONE);
    for (uint32_t i = 0; i < leaderless->count && d->count < ELECTIONS_PER_PASS_MAX; i++) {
        const struct image_topic *topic;
        (void)image_place(image_of(c), leaderless->items[i], &topic);
        if (!settings_unclean(c, topic->name)) continue;
        struct election e;
        election_init(&e, c, d, topic, leaderless->items[i].partition);
        e.kind = ELECTION_UNCLEAN;
        if (election_build(&e))
            trace_warn(c->options.trace, "controller", "unclean election for %.*s-%d: leader %d",
                       STR_ARG(topic->name), leaderless->items[i].partition,
                       d->records[d->count - 1].u.partition_change.leader);
    }
    bool more = d->count >= ELECTIONS_PER_PASS_MAX;
    if (!decision_end(c, d)) return;
    if (more)
        arm(c, t, MORE_TO_DO_MS);
    else if (unclean_ms(c) > 0)
        arm(c, t, unclean_ms(c));
}
