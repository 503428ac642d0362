/* Who asks for a leader that has just been lost is told when it is known who leads next, and a
 * while later whatever is known. */
#include "broker/settling.h"

#include "cluster.h"
#include "group/coordinator.h"
#include "metadata/feature.h"
#include "metadata/replay.h"
#include "protocol/api.h"
#include "protocol/find_coordinator.h"
#include "protocol/metadata.h"
#include "rpc/channel.h"

enum { TOPIC = 7, WAIT_MS = 500, LITTLE_MS = 100 };

struct asked {
    struct call call;
    bool answered;
    int32_t topics_count; /* that the answer is to have */
    int32_t leader;       /* of the first one's partition 0 */
    int64_t at_ms;
    struct cluster *cluster;
};

static void answered(struct call *call, enum err e, const void *response)
{
    struct asked *a = CONTAINER_OF(call, struct asked, call);
    assert_ok(e);
    const struct metadata_response *r = response;
    assert_int_equal(r->topics_count, a->topics_count);
    a->answered = true;
    a->leader = r->topics[0].partitions[0].leader_id;
    a->at_ms = sim_now_ms(a->cluster->sim);
}

/* NULL: for all. */
static void ask_for(struct cluster *c, int32_t id, struct metadata_request_topic *topic,
                    struct asked *a)
{
    *a = (struct asked){.cluster = c, .topics_count = topic ? 1 : 2};
    struct metadata_request q;
    metadata_request_init(&q);
    q.topics = topic;
    q.topics_count = topic ? 1 : -1;
    q.allow_auto_topic_creation = false;
    call_init(&a->call);
    channel_call(cluster_channel(c, id), &a->call, API_METADATA, -1, &q, answered);
}

static void ask(struct cluster *c, int32_t id, const char *topic, struct asked *a)
{
    struct metadata_request_topic t = {.name = str_of(topic)};
    ask_for(c, id, &t, a);
}

/* So 2 says, which has asked 1 by now. */
static void assert_led_by_1(struct cluster *c, const char *topic)
{
    struct asked first;
    cluster_pass(c, LITTLE_MS);
    ask(c, 2, topic, &first);
    cluster_pass(c, LITTLE_MS);
    assert_true(first.answered);
    assert_int_equal(first.leader, 1);
}

/* "t" is led by 1 and followed by 2 and 3, "u" is led by 3; both are known to be reached. */
static struct cluster *open_cluster(const char *const *config)
{
    static const int32_t led_by_1[] = {1, 2, 3}, led_by_3[] = {3, 2, 1};
    struct cluster *c = cluster_open(1, 3, config);
    cluster_topic(c, "t", TOPIC, 1, led_by_1, 3);
    cluster_topic(c, "u", TOPIC + 1, 1, led_by_3, 3);
    assert_led_by_1(c, "t");
    return c;
}

TEST(the_answer_waits_for_the_election)
{
    struct cluster *c = open_cluster(NULL);
    struct asked lost, other;
    cluster_crash(c, 1);
    cluster_pass(c, 5);
    ask(c, 2, "t", &lost);
    cluster_pass(c, LITTLE_MS);
    assert_false(lost.answered);
    cluster_fence(c, 1);
    cluster_pass(c, LITTLE_MS);
    assert_true(lost.answered);
    assert_int_equal(lost.leader, 2);
    ask(c, 2, "u", &other);
    cluster_pass(c, LITTLE_MS);
    assert_true(other.answered);
    cluster_close(c);
}

TEST(so_does_the_answer_about_all_topics_and_about_one_by_its_id)
{
    struct cluster *c = open_cluster(NULL);
    struct asked all, by_id, other;
    struct metadata_request_topic t = {.topic_id = UUID_SMALL(TOPIC)};
    struct metadata_request_topic u = {.topic_id = UUID_SMALL(TOPIC + 1)};
    cluster_crash(c, 1);
    cluster_pass(c, 5);
    ask_for(c, 2, NULL, &all);
    ask_for(c, 2, &t, &by_id);
    ask_for(c, 3, &u, &other);
    cluster_pass(c, LITTLE_MS);
    assert_false(all.answered || by_id.answered);
    assert_true(other.answered); /* it names nobody who is in doubt */
    cluster_fence(c, 1);
    cluster_pass(c, LITTLE_MS);
    assert_true(all.answered && by_id.answered);
    assert_int_equal(all.leader, 2);
    assert_int_equal(by_id.leader, 2);
    cluster_close(c);
}

static void coordinator_answered(struct call *call, enum err e, const void *response)
{
    struct asked *a = CONTAINER_OF(call, struct asked, call);
    assert_ok(e);
    const struct find_coordinator_response *r = response;
    a->answered = true;
    a->leader = r->coordinators_count ? r->coordinators[0].node_id : r->node_id;
}

static void ask_for_coordinator(struct cluster *c, int16_t version)
{
    struct broker *b = &cluster_member(c, 2)->broker;
    static const int32_t led_by_1[] = {1, 2, 3};
    cluster_topic(c, "__consumer_offsets", TOPIC + 2, 1, led_by_1, 3);
    struct group_settings settings = group_settings_of(b->config);
    b->groups = group_coordinator_create(&b->env, &settings);
    group_coordinator_set_partitions(b->groups, 1);
    cluster_pass(c, LITTLE_MS);
    cluster_crash(c, 1);
    cluster_pass(c, 5);
    struct find_coordinator_request q;
    find_coordinator_request_init(&q);
    struct str key = STR("group");
    if (version >= 4) {
        q.coordinator_keys = &key;
        q.coordinator_keys_count = 1;
    } else {
        q.key = key;
    }
    struct asked a = {.cluster = c};
    call_init(&a.call);
    channel_call(cluster_channel(c, 2), &a.call, API_FIND_COORDINATOR, version, &q,
                 coordinator_answered);
    cluster_pass(c, LITTLE_MS);
    assert_false(a.answered);
    cluster_fence(c, 1);
    cluster_pass(c, LITTLE_MS);
    assert_true(a.answered);
    assert_int_equal(a.leader, 2);
    group_coordinator_destroy(b->groups);
    b->groups = NULL;
    cluster_close(c);
}

TEST(who_looks_for_a_coordinator_waits_for_the_election_too)
{
    ask_for_coordinator(open_cluster(NULL), 4);
    ask_for_coordinator(open_cluster(NULL), 3);
}

TEST(what_others_lead_is_told_at_once)
{
    struct cluster *c = open_cluster(NULL);
    struct asked other;
    cluster_crash(c, 1);
    cluster_pass(c, 5);
    ask(c, 2, "u", &other);
    cluster_pass(c, LITTLE_MS);
    assert_true(other.answered);
    assert_int_equal(other.leader, 3);
    cluster_close(c);
}

TEST(nobody_waits_longer_than_the_bound_and_not_again)
{
    struct cluster *c = open_cluster(NULL);
    struct asked lost, again;
    cluster_crash(c, 1);
    int64_t since = sim_now_ms(c->sim);
    cluster_pass(c, 5);
    ask(c, 2, "t", &lost);
    cluster_pass(c, WAIT_MS - LITTLE_MS);
    assert_false(lost.answered);
    cluster_pass(c, 2 * LITTLE_MS);
    assert_true(lost.answered);
    assert_int_equal(lost.leader, 1); /* nothing else is known */
    assert_in_range(lost.at_ms - since, WAIT_MS, WAIT_MS + LITTLE_MS);
    cluster_pass(c, WAIT_MS); /* its fetcher is refused again and again */
    ask(c, 2, "t", &again);
    cluster_pass(c, LITTLE_MS);
    assert_true(again.answered);
    cluster_close(c);
}

TEST(a_reset_connection_that_comes_back_holds_nobody_up)
{
    struct cluster *c = open_cluster(NULL);
    struct asked a;
    sim_net_reset(cluster_member(c, 1)->machine, cluster_member(c, 2)->machine);
    cluster_pass(c, 1);
    ask(c, 2, "t", &a);
    assert_int_equal(cluster_produce_wait(c, 1, "t", 0, 1, "v").error, KAFKA_NONE);
    cluster_pass(c, LITTLE_MS);
    assert_true(a.answered);
    assert_int_equal(a.leader, 1);
    cluster_close(c);
}

TEST(a_wait_of_zero_is_none)
{
    static const char *const none[] = {"samsa.metadata.wait.ms", "0", NULL};
    struct cluster *c = open_cluster(none);
    struct asked a;
    cluster_crash(c, 1);
    cluster_pass(c, 5);
    ask(c, 2, "t", &a);
    cluster_pass(c, LITTLE_MS);
    assert_true(a.answered);
    assert_int_equal(a.leader, 1);
    cluster_close(c);
}

static void register_brokers(struct image *image, int32_t count)
{
    for (int32_t id = 1; id <= count; id++) {
        struct metadata_record r;
        metadata_record_init(
            &r, METADATA_RECORD_REGISTER_BROKER,
            metadata_record_version(METADATA_RECORD_REGISTER_BROKER, METADATA_VERSION_DEFAULT));
        r.u.register_broker.broker_id = id;
        r.u.register_broker.broker_epoch = 100 + id;
        r.u.register_broker.fenced = false;
        assert_ok(image_replay(image, image->end_offset, &r, NULL));
    }
}

TEST(so_many_brokers_are_suspected_at_a_time_and_no_more)
{
    struct cluster *c = cluster_open(1, 1, NULL);
    struct broker *b = &cluster_member(c, 1)->broker;
    struct settling *s = settling_create(b, WAIT_MS, 0);
    register_brokers(cluster_member(c, 1)->image, SETTLING_BROKERS_MAX + 1);
    for (int32_t id = 1; id <= SETTLING_BROKERS_MAX + 1; id++) settling_lost(s, id);
    assert_true(settling_suspects(s, SETTLING_BROKERS_MAX));
    assert_false(settling_suspects(s, SETTLING_BROKERS_MAX + 1));
    settling_heard(s, 1);
    settling_lost(s, SETTLING_BROKERS_MAX + 1);
    assert_false(settling_suspects(s, 1));
    assert_true(settling_suspects(s, SETTLING_BROKERS_MAX + 1));
    settling_lost(s, 1000); /* nobody's */
    cluster_pass(c, WAIT_MS + 1);
    for (int32_t id = 1; id <= SETTLING_BROKERS_MAX + 1; id++)
        assert_false(settling_suspects(s, id));
    settling_lost(s, 1); /* in place of one that has been waited for */
    assert_true(settling_suspects(s, 1));
    settling_lost(s, SETTLING_BROKERS_MAX + 1); /* not heard since: not again, if still known */
    settling_destroy(s);
    cluster_close(c);
}

TEST(who_goes_while_waiting_is_forgotten)
{
    struct cluster *c = open_cluster(NULL);
    struct asked a;
    cluster_crash(c, 1);
    cluster_pass(c, 5);
    ask(c, 2, "t", &a);
    cluster_pass(c, 5);
    struct member *m = cluster_member(c, 2);
    channel_cancel(&a.call);
    channel_destroy(m->client);
    m->client = NULL;
    cluster_pass(c, 5);
    cluster_fence(c, 1);
    cluster_pass(c, WAIT_MS);
    assert_false(a.answered);
    cluster_close(c);
}

/* "v" is led by 1, and nobody follows it: no connection between brokers can tell of 1's end. */
static struct cluster *open_unfollowed(const char *const *config)
{
    static const int32_t led_by_1[] = {1};
    struct cluster *c = cluster_open(1, 3, config);
    cluster_topic(c, "v", TOPIC, 1, led_by_1, 1);
    assert_led_by_1(c, "v");
    return c;
}

TEST(who_asks_before_any_broker_has_noticed_waits_as_well)
{
    struct cluster *c = open_unfollowed(NULL);
    struct asked lost, other;
    cluster_crash(c, 1);
    ask(c, 2, "v", &lost);  /* over the connection that it has asked before */
    ask(c, 3, "v", &other); /* over a new one */
    cluster_pass(c, LITTLE_MS);
    assert_false(lost.answered);
    assert_false(other.answered);
    cluster_fence(c, 1);
    cluster_pass(c, LITTLE_MS);
    assert_true(lost.answered);
    assert_int_equal(lost.leader, -1);
    assert_true(other.answered);
    cluster_close(c);
}

TEST(a_death_that_nobody_decides_holds_up_once)
{
    struct cluster *c = open_unfollowed(NULL);
    struct asked lost, again;
    cluster_crash(c, 1);
    ask(c, 2, "v", &lost);
    cluster_pass(c, WAIT_MS - LITTLE_MS);
    assert_false(lost.answered);
    cluster_pass(c, 2 * LITTLE_MS);
    assert_true(lost.answered);
    assert_int_equal(lost.leader, 1);
    ask(c, 2, "v", &again);
    cluster_pass(c, 5);
    assert_true(again.answered);
    cluster_close(c);
}

TEST(who_was_dead_and_is_there_again_is_named_at_once)
{
    struct cluster *c = open_unfollowed(NULL);
    struct asked before, after, lost;
    cluster_crash(c, 1);
    ask(c, 2, "v", &before);
    cluster_pass(c, 2 * WAIT_MS);
    cluster_start(c, 1);
    cluster_pass(c, LITTLE_MS);
    ask(c, 2, "v", &after);
    cluster_pass(c, 5);
    assert_true(after.answered);
    assert_int_equal(after.leader, 1);
    cluster_crash(c, 1); /* and its second death is as good as its first */
    ask(c, 2, "v", &lost);
    cluster_pass(c, LITTLE_MS);
    assert_false(lost.answered);
    cluster_fence(c, 1);
    cluster_pass(c, LITTLE_MS);
    assert_true(lost.answered);
    cluster_close(c);
}

TEST(a_question_lost_with_its_connection_is_asked_again)
{
    struct cluster *c = open_unfollowed(NULL);
    struct asked a;
    ask(c, 2, "v", &a);
    sim_net_reset(cluster_member(c, 1)->machine, cluster_member(c, 2)->machine);
    cluster_pass(c, LITTLE_MS);
    assert_true(a.answered);
    assert_int_equal(a.leader, 1);
    cluster_close(c);
}

TEST(a_silent_leader_is_waited_for_a_little_and_not_by_everybody)
{
    enum { PULSE_MS = 20, NEAR_MS = 5, ANSWER_MS = 1100 };
    struct cluster *c = open_unfollowed(NULL);
    struct asked first, second, third, heard, healed;
    sim_net_cut(cluster_member(c, 1)->machine, cluster_member(c, 2)->machine, true);
    int64_t since = sim_now_ms(c->sim);
    ask(c, 2, "v", &first);
    cluster_pass(c, PULSE_MS + NEAR_MS);
    assert_true(first.answered);
    assert_int_equal(first.leader, 1);
    assert_in_range(first.at_ms - since, PULSE_MS, PULSE_MS + NEAR_MS);
    since = sim_now_ms(c->sim);
    ask(c, 2, "v", &second);
    cluster_pass(c, NEAR_MS);
    assert_true(second.answered);
    cluster_pass(c, ANSWER_MS); /* the question has timed out */
    ask(c, 2, "v", &third);
    cluster_pass(c, NEAR_MS);
    assert_true(third.answered);
    sim_net_cut(cluster_member(c, 1)->machine, cluster_member(c, 2)->machine, false);
    cluster_pass(c, ANSWER_MS);
    ask(c, 2, "v", &heard);
    cluster_pass(c, LITTLE_MS);
    assert_true(heard.answered);
    cluster_crash(c, 1);
    ask(c, 2, "v", &healed);
    cluster_pass(c, LITTLE_MS);
    assert_false(healed.answered);
    cluster_fence(c, 1);
    cluster_pass(c, LITTLE_MS);
    assert_true(healed.answered);
    cluster_close(c);
}

TEST(without_pulses_what_is_known_is_told_at_once)
{
    static const char *const none[] = {"samsa.metadata.pulse.ms", "0", NULL};
    struct cluster *c = open_unfollowed(none);
    struct asked a;
    cluster_crash(c, 1);
    ask(c, 2, "v", &a);
    cluster_pass(c, 5);
    assert_true(a.answered);
    assert_int_equal(a.leader, 1);
    cluster_close(c);
}

TEST(so_many_leaders_of_an_answer_are_looked_at_each_once)
{
    struct settling_leaders l = {0};
    settling_name(&l, -1);
    assert_int_equal(l.count, 0);
    for (int32_t id = 0; id < SETTLING_LEADERS_MAX; id++) {
        settling_name(&l, id);
        settling_name(&l, 0);
        settling_name(&l, id);
    }
    assert_int_equal(l.count, SETTLING_LEADERS_MAX);
    settling_name(&l, SETTLING_LEADERS_MAX);
    assert_int_equal(l.count, SETTLING_LEADERS_MAX);
    for (int32_t id = 0; id < SETTLING_LEADERS_MAX; id++) assert_int_equal(l.ids[id], id);
}
