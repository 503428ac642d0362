/* What the active controller does by itself: NoOp records, preferred leaders, unclean elections. */
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

void rebalance_fired(struct timer *t)
{
    struct controller *c = CONTAINER_OF(t, struct controller, rebalance);
    struct decision *d = decision_begin(c);
    d->reason = REASON_PREFERRED_PERIODIC;
    uint32_t at = 0;
    for (const struct image_topic *topic; (topic = image_topic_next(image_of(c), &at));) {
        if (topic->not_preferred_count == 0) continue;
        for (int32_t id = 0; id < topic->partitions_size; id++) {
            const struct image_partition *p = image_topic_partition(topic, id);
            if (!p || p->leader == partition_replicas(p)[0]) continue;
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
