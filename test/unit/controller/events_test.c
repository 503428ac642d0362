/* The account of decisions: who was elected, why, on what evidence. */
#include <stdio.h>

#include "world.h"

struct listener {
    struct controller_events events;
    struct controller_account last;
    struct controller_partition_change partitions[CONTROLLER_CHANGES_LISTED_MAX];
    struct controller_broker_change brokers[8];
    char evidence[64];
    int accounts, active, resigned;
    int64_t committed_end, appended_end;
};

static void decided(void *owner, const struct controller_account *a)
{
    struct listener *l = owner;
    l->accounts++;
    l->last = *a;
    assert_true(a->brokers_count <= 8);
    assert_true(a->partitions_count <= a->changed);
    for (int32_t i = 0; i < a->partitions_count; i++) l->partitions[i] = a->partitions[i];
    for (int32_t i = 0; i < a->brokers_count; i++) l->brokers[i] = a->brokers[i];
    snprintf(l->evidence, sizeof l->evidence, "%.*s",
             STR_ARG(str_is_null(a->evidence) ? STR("") : a->evidence));
}

static void active(void *owner, int32_t epoch, int32_t brokers, int64_t partitions)
{
    struct listener *l = owner;
    l->active++;
    assert_true(epoch > 0 && brokers >= 0 && partitions >= 0);
}

static void resigned(void *owner, int32_t epoch, int64_t committed_end, int64_t appended_end)
{
    struct listener *l = owner;
    assert_true(epoch > 0);
    l->resigned++;
    l->committed_end = committed_end;
    l->appended_end = appended_end;
}

static void listen(struct world *w, struct listener *l)
{
    *l = (struct listener){.events = {l, decided, active, resigned}};
    w->c->options.events = &l->events;
}

TEST(fencing_is_told_once_with_every_election_and_its_reason)
{
    struct world w;
    static struct listener l;
    world_init(&w);
    for (int32_t id = 1; id <= 3; id++) world_broker(&w, id, NULL);
    assert_int_equal(world_topic(&w, "t", 30, 3), 0);
    listen(&w, &l);
    int64_t epoch = image_broker(controller_image(w.c), 2)->epoch;
    int32_t led = 0;
    for (int32_t i = 0; i < 30; i++) led += world_partition(&w, "t", i)->leader == 2;
    assert_true(led > 0);
    controller_broker_lost(w.c, 2, epoch, STR("reset by peer"));
    assert_int_equal(l.accounts, 1);
    assert_int_equal(l.last.reason, REASON_BROKER_LOST);
    assert_string_equal(l.evidence, "reset by peer");
    assert_int_equal(l.last.changed, 30);
    assert_int_equal(l.last.partitions_count, 30);
    assert_int_equal(l.last.elected, led);
    assert_int_equal(l.last.isr_shrunk, 30);
    assert_int_equal(l.last.leaderless, 0);
    assert_int_equal(l.last.brokers_count, 1);
    assert_int_equal(l.brokers[0].broker, 2);
    assert_int_equal(l.brokers[0].broker_epoch, epoch);
    assert_int_equal(l.brokers[0].standing, STANDING_FENCED);
    assert_int_equal(l.last.end_offset, w.end_offset);
    for (int32_t i = 0; i < 30; i++) {
        const struct controller_partition_change *p = &l.partitions[i];
        assert_int_equal(p->reason, REASON_BROKER_LOST);
        assert_true(str_equal_z(p->topic, "t"));
        assert_int_equal(p->new_leader, world_partition(&w, "t", p->partition)->leader);
        assert_int_equal(p->leader_epoch, p->old_leader == 2 ? 1 : 0);
        assert_int_equal(p->old_isr_count, 3);
        assert_int_equal(p->new_isr_count, 2);
        assert_false(p->unclean);
    }
    world_commit(&w);
    world_check(&w);
    world_free(&w);
}

TEST(each_standing_of_a_broker_is_told)
{
    struct world w;
    static struct listener l;
    world_init(&w);
    listen(&w, &l);
    world_broker(&w, 1, NULL);
    assert_int_equal(l.accounts, 2);
    assert_int_equal(l.brokers[0].standing, STANDING_UNFENCED);
    assert_int_equal(l.last.reason, REASON_BROKER_UNFENCED);
    world_broker(&w, 2, NULL);
    assert_int_equal(world_topic(&w, "t", 4, 2), 0);
    (void)world_heartbeat(&w, 1, false, true);
    assert_int_equal(l.last.reason, REASON_CONTROLLED_SHUTDOWN);
    assert_int_equal(l.brokers[0].standing, STANDING_SHUTTING_DOWN);
    assert_int_equal(l.last.changed, 4);
    world_sleep(&w, 9001);
    assert_int_equal(l.last.reason, REASON_SESSION_EXPIRED);
    assert_true(strncmp(l.evidence, "nothing heard for 9000 ms", 25) == 0);
    assert_int_equal(l.brokers[0].standing, STANDING_FENCED);
    assert_int_equal(l.last.leaderless, 4);
    int16_t error;
    (void)world_register(&w, 2, NULL, 99, -1, &error);
    assert_int_equal(l.last.reason, REASON_BROKER_REGISTERED);
    assert_int_equal(l.brokers[0].standing, STANDING_REGISTERED);
    world_free(&w);
}

TEST(unclean_election_is_told_as_such)
{
    struct world w;
    static struct listener l;
    world_init(&w);
    world_broker(&w, 1, NULL);
    assert_int_equal(world_topic(&w, "t", 1, 1), 0);
    world_sleep(&w, 9001);
    int16_t error;
    (void)world_register(&w, 1, NULL, 77, -1, &error); /* an unclean stop: the last known leader */
    listen(&w, &l);
    (void)world_heartbeat(&w, 1, false, false);
    assert_int_equal(l.last.elected, 1);
    assert_int_equal(l.last.elected_unclean, 1);
    assert_true(l.partitions[0].unclean);
    assert_int_equal(l.partitions[0].old_leader, LEADER_NONE);
    world_free(&w);
}

TEST(more_changes_than_are_listed_are_counted)
{
    struct world w;
    static struct listener l;
    world_init(&w);
    for (int32_t id = 1; id <= 2; id++) world_broker(&w, id, NULL);
    assert_int_equal(world_topic(&w, "t", CONTROLLER_CHANGES_LISTED_MAX + 1, 2), 0);
    listen(&w, &l);
    controller_broker_lost(w.c, 1, image_broker(controller_image(w.c), 1)->epoch, STR_NULL);
    assert_int_equal(l.last.changed, CONTROLLER_CHANGES_LISTED_MAX + 1);
    assert_int_equal(l.last.partitions_count, CONTROLLER_CHANGES_LISTED_MAX);
    world_free(&w);
}

TEST(leading_and_resigning_are_told_with_what_may_be_lost)
{
    struct world w;
    static struct listener l;
    world_init(&w);
    world_broker(&w, 1, NULL);
    listen(&w, &l);
    int64_t committed = w.end_offset;
    struct allocate_producer_ids_request rq = {1, image_broker(controller_image(w.c), 1)->epoch};
    (void)world_send(&w, API_ALLOCATE_PRODUCER_IDS, 0, &rq);
    assert_true(controller_renounce(w.c));
    assert_int_equal(l.resigned, 1);
    assert_int_equal(l.committed_end, committed);
    assert_int_equal(l.appended_end, committed + 1);
    assert_int_equal(l.accounts, 0); /* producer ids concern nobody */
    world_commit(&w);
    for (int32_t i = 0; i < w.log_count; i++)
        assert_ok(controller_apply(w.c, w.log[i].offset, w.log[i].epoch, w.log[i].value));
    w.epoch = 2;
    controller_lead(w.c, 2);
    assert_int_equal(l.active, 1);
    world_free(&w);
}

TEST(every_reason_has_a_word)
{
    for (int reason = 0; reason < REASONS_COUNT; reason++)
        assert_non_null(controller_reason_text((enum controller_reason)reason));
}
