/* Partitions that exist: in-sync sets, elections, reassignments, directories; and random lives. */
#include "world.h"

struct isr_change {
    int32_t sender, partition, leader_epoch, partition_epoch;
    int32_t *isr;
    int32_t isr_count;
    int8_t recovery;
};

static const struct alter_partition_response_partition_data *
alter_isr(struct world *w, const char *topic, const struct isr_change *change)
{
    const struct image *image = controller_image(w->c);
    struct alter_partition_request *rq = ARENA_NEW(&w->arena, struct alter_partition_request);
    rq->broker_id = change->sender;
    rq->broker_epoch = image_broker(image, change->sender)->epoch;
    rq->topics = alter_partition_request_topic_data_new(&w->arena, 1);
    rq->topics_count = 1;
    rq->topics[0].topic_id = image_topic_by_name(image, str_of(topic))->id;
    rq->topics[0].partitions = alter_partition_request_partition_data_new(&w->arena, 1);
    rq->topics[0].partitions_count = 1;
    struct alter_partition_request_partition_data *p = &rq->topics[0].partitions[0];
    p->partition_index = change->partition;
    p->leader_epoch = change->leader_epoch;
    p->partition_epoch = change->partition_epoch;
    p->leader_recovery_state = change->recovery;
    p->new_isr_with_epochs = alter_partition_request_broker_state_new(&w->arena, change->isr_count);
    p->new_isr_with_epochs_count = change->isr_count;
    for (int32_t i = 0; i < change->isr_count; i++) {
        const struct image_broker *b = image_broker(image, change->isr[i]);
        p->new_isr_with_epochs[i].broker_id = change->isr[i];
        p->new_isr_with_epochs[i].broker_epoch = b ? b->epoch : -1;
    }
    const struct alter_partition_response *r = world_call(w, API_ALTER_PARTITION, 3, rq);
    assert_int_equal(r->error_code, 0);
    return &r->topics[0].partitions[0];
}

/* The leader proposes this ISR with epochs as they are. */
static const struct alter_partition_response_partition_data *
propose(struct world *w, const char *topic, int32_t partition, int32_t *isr, int32_t count)
{
    const struct image_partition *p = world_partition(w, topic, partition);
    return alter_isr(w, topic,
                     &(struct isr_change){p->leader, partition, p->leader_epoch, p->partition_epoch,
                                          isr, count, p->leader_recovery_state});
}

/* Topic t, partition 0 on the brokers given, led by the first. */
static void one_partition_of(struct world *w, const char *topic, int32_t *replicas, int32_t count)
{
    struct create_topics_request_creatable_replica_assignment a = {0, replicas, count};
    struct create_topics_request_creatable_topic t = {.name = str_of(topic),
                                                      .num_partitions = -1,
                                                      .replication_factor = -1,
                                                      .assignments = &a,
                                                      .assignments_count = 1};
    struct create_topics_request rq = {.topics = &t, .topics_count = 1};
    const struct create_topics_response *r = world_call(w, API_CREATE_TOPICS, 7, &rq);
    assert_int_equal(r->topics[0].error_code, 0);
}

static void one_partition(struct world *w, int32_t *replicas, int32_t count)
{
    one_partition_of(w, "t", replicas, count);
}

TEST(leader_shrinks_and_expands_its_isr)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 3; id++) world_broker(&w, id, NULL);
    int32_t all[] = {1, 2, 3}, two[] = {1, 2}, stranger[] = {1, 9}, headless[] = {2, 3};
    one_partition(&w, all, 3);
    const struct alter_partition_response_partition_data *r = propose(&w, "t", 0, two, 2);
    assert_int_equal(r->error_code, 0);
    assert_int_equal(r->isr_count, 2);
    assert_int_equal(r->leader_epoch, 0);
    assert_int_equal(r->partition_epoch, 1);
    r = propose(&w, "t", 0, all, 3);
    assert_int_equal(r->partition_epoch, 2);
    assert_int_equal(propose(&w, "t", 0, stranger, 2)->error_code, KAFKA_INVALID_REQUEST);
    assert_int_equal(propose(&w, "t", 0, headless, 2)->error_code, KAFKA_INVALID_REQUEST);
    struct isr_change change = {1, 0, 0, 2, two, 2, 0};
#define ERROR_WITH(field, value)            \
    ({                                      \
        struct isr_change x = change;       \
        x.field = (value);                  \
        alter_isr(&w, "t", &x)->error_code; \
    })
    assert_int_equal(ERROR_WITH(leader_epoch, 1), KAFKA_NOT_CONTROLLER);
    assert_int_equal(ERROR_WITH(partition_epoch, 3), KAFKA_NOT_CONTROLLER);
    assert_int_equal(ERROR_WITH(leader_epoch, -1), KAFKA_FENCED_LEADER_EPOCH);
    assert_int_equal(ERROR_WITH(sender, 2), KAFKA_INVALID_REQUEST);
    assert_int_equal(ERROR_WITH(partition_epoch, 1), KAFKA_INVALID_UPDATE_VERSION);
    assert_int_equal(ERROR_WITH(recovery, 1), KAFKA_INVALID_REQUEST);
    assert_int_equal(ERROR_WITH(partition, 5), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    world_beat(&w, 10000, 3); /* 3 falls silent */
    assert_int_equal(propose(&w, "t", 0, all, 3)->error_code, KAFKA_INELIGIBLE_REPLICA);
    world_check(&w);
    world_free(&w);
#undef ERROR_WITH
}

static int16_t elect(struct world *w, int8_t type, bool all)
{
    int32_t zero = 0;
    struct elect_leaders_request_topic_partitions t = {STR("t"), &zero, 1};
    struct elect_leaders_request rq = {type, all ? NULL : &t, all ? -1 : 1, 1000};
    const struct elect_leaders_response *r = world_call(w, API_ELECT_LEADERS, 2, &rq);
    assert_int_equal(r->error_code, 0);
    if (r->replica_election_results[0].partition_result_count == 0) return KAFKA_NONE;
    return r->replica_election_results[0].partition_result[0].error_code;
}

TEST(leadership_returns_to_the_preferred_replica_when_asked_and_by_itself)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    int32_t both[] = {1, 2};
    one_partition(&w, both, 2);
    assert_int_equal(elect(&w, 0, false), KAFKA_ELECTION_NOT_NEEDED);
    for (int round = 0; round < 2; round++) {
        world_beat(&w, 10000, 1);
        assert_int_equal(world_partition(&w, "t", 0)->leader, 2);
        assert_int_equal(elect(&w, 0, false), KAFKA_PREFERRED_LEADER_NOT_AVAILABLE);
        (void)world_heartbeat(&w, 1, false, false);
        assert_int_equal(propose(&w, "t", 0, both, 2)->error_code, 0);
        assert_int_equal(world_partition(&w, "t", 0)->leader, 2);
        if (round == 0)
            assert_int_equal(elect(&w, 0, true), 0);
        else
            world_beat(&w, 300000, -1);
        assert_int_equal(world_partition(&w, "t", 0)->leader, 1);
    }
    world_check(&w);
    world_free(&w);
}

static void allow_imbalance(struct world *w, const char *percent)
{
    struct config_error error;
    assert_ok(config_set(w->config, LAYER_STATIC, STR(CONFIG_LEADER_IMBALANCE_PERCENT),
                         str_of(percent), &error));
}

TEST(leaders_return_by_themselves_once_more_than_the_allowed_percentage_is_missing)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    int32_t both[] = {1, 2};
    one_partition(&w, both, 2);
    world_beat(&w, 10000, 1);
    (void)world_heartbeat(&w, 1, false, false);
    assert_int_equal(propose(&w, "t", 0, both, 2)->error_code, 0);
    assert_int_equal(world_partition(&w, "t", 0)->leader, 2); /* all of one */
    allow_imbalance(&w, "100");
    world_beat(&w, 300000, -1);
    assert_int_equal(world_partition(&w, "t", 0)->leader, 2);
    one_partition_of(&w, "u", both, 2);
    assert_int_equal(world_partition(&w, "u", 0)->leader, 1); /* one of two */
    allow_imbalance(&w, "50");
    world_beat(&w, 300000, -1);
    assert_int_equal(world_partition(&w, "t", 0)->leader, 2);
    allow_imbalance(&w, "49");
    world_beat(&w, 300000, -1);
    assert_int_equal(world_partition(&w, "t", 0)->leader, 1);
    world_check(&w);
    world_free(&w);
}

TEST(unclean_election_takes_whoever_lives)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    int32_t both[] = {1, 2}, one[] = {1};
    one_partition(&w, both, 2);
    assert_int_equal(propose(&w, "t", 0, one, 1)->error_code, 0);
    world_beat(&w, 10000, 1);
    assert_int_equal(world_partition(&w, "t", 0)->leader, LEADER_NONE);
    assert_int_equal(elect(&w, 1, false), 0);
    const struct image_partition *p = world_partition(&w, "t", 0);
    assert_int_equal(p->leader, 2);
    assert_int_equal(p->leader_recovery_state, LEADER_RECOVERING);
    assert_int_equal(p->isr_count, 1);
    assert_int_equal(p->elr_count, 0);
    assert_int_equal(elect(&w, 1, false), KAFKA_ELECTION_NOT_NEEDED);
    world_check(&w);
    world_free(&w);
}

static void set_unclean(struct world *w, bool on)
{
    struct incremental_alter_configs_request_alterable_config change = {
        STR("unclean.leader.election.enable"), 0, on ? STR("true") : STR("false")};
    struct incremental_alter_configs_request_alter_configs_resource r = {RESOURCE_BROKER, STR(""),
                                                                         &change, 1};
    struct incremental_alter_configs_request rq = {&r, 1, false};
    const struct incremental_alter_configs_response *answer =
        world_call(w, API_INCREMENTAL_ALTER_CONFIGS, 1, &rq);
    assert_int_equal(answer->responses[0].error_code, 0);
}

TEST(unclean_election_comes_at_once_when_it_is_allowed_and_by_itself_while_it_is)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    int32_t both[] = {1, 2}, one[] = {1};
    one_partition(&w, both, 2);
    assert_int_equal(propose(&w, "t", 0, one, 1)->error_code, 0);
    world_beat(&w, 10000, 1);
    world_beat(&w, 310000, 1); /* not allowed: the scan passes over it */
    assert_int_equal(world_partition(&w, "t", 0)->leader, LEADER_NONE);
    set_unclean(&w, true);
    world_sleep(&w, 1);
    const struct image_partition *p = world_partition(&w, "t", 0);
    assert_int_equal(p->leader, 2);
    assert_int_equal(p->leader_recovery_state, LEADER_RECOVERING);
    /* while it is allowed, fencing elects whoever lives in the same decision */
    assert_int_equal(propose(&w, "t", 0, (int32_t[]){2}, 1)->error_code, 0);
    (void)world_heartbeat(&w, 1, false, false);
    int64_t epoch = image_broker(controller_image(w.c), 2)->epoch;
    controller_broker_lost(w.c, 2, epoch, STR_NULL);
    world_commit(&w);
    assert_int_equal(world_partition(&w, "t", 0)->leader, 1);
    world_check(&w);
    world_free(&w);
}

TEST(election_costs_what_the_brokers_partitions_cost_and_no_more)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 3; id++) world_broker(&w, id, NULL);
    assert_int_equal(world_topic(&w, "many", 3000, 3), 0);
    world_broker(&w, 4, NULL);
    int32_t lonely[] = {4, 1};
    one_partition(&w, lonely, 2);
    int64_t before = w.c->looked_at;
    controller_broker_lost(w.c, 4, image_broker(controller_image(w.c), 4)->epoch, STR_NULL);
    assert_int_equal(w.c->looked_at - before, 1);
    before = w.c->looked_at;
    int32_t appends = w.appends;
    controller_broker_lost(w.c, 2, image_broker(controller_image(w.c), 2)->epoch, STR_NULL);
    assert_int_equal(w.c->looked_at - before, 3000);
    assert_int_equal(w.appends - appends, 1); /* all of them in one */
    before = w.c->looked_at;
    world_commit(&w);
    (void)world_heartbeat(&w, 2, false, false); /* back: nothing is without a leader */
    assert_int_equal(w.c->looked_at - before, 0);
    world_check(&w);
    world_free(&w);
}

/* ---- older clusters */

static void old_world(struct world *w, int16_t metadata_version)
{
    world_start(w);
    w->bootstrap[0].u.feature_level.feature_level = metadata_version;
    for (int i = 1; i < 5; i++) w->bootstrap[i].u.feature_level.feature_level = 0;
    controller_lead(w->c, w->epoch);
    world_commit(w);
}

TEST(without_elr_the_last_member_stays_in_the_isr)
{
    struct world w;
    old_world(&w, 22);
    world_broker(&w, 1, NULL);
    int64_t epoch = world_broker(&w, 2, NULL);
    int32_t both[] = {2, 1}, one[] = {2};
    one_partition(&w, both, 2);
    assert_int_equal(world_record(&w, 0)->version, 1);
    assert_int_equal(propose(&w, "t", 0, one, 1)->error_code, 0);
    controller_broker_lost(w.c, 2, epoch, STR_NULL);
    world_commit(&w);
    const struct image_partition *p = world_partition(&w, "t", 0);
    assert_int_equal(p->leader, LEADER_NONE);
    assert_int_equal(p->isr_count, 1);
    assert_int_equal(partition_isr(p)[0], 2);
    assert_int_equal(p->elr_count + p->last_known_elr_count, 0);
    int16_t error;
    (void)world_register(&w, 2, NULL, 99, -1, &error); /* not a clean stop: nobody asks */
    (void)world_heartbeat(&w, 2, false, false);
    p = world_partition(&w, "t", 0);
    assert_int_equal(p->leader, 2);
    assert_int_equal(p->leader_recovery_state, LEADER_RECOVERED);
    world_check(&w);
    world_free(&w);
}

TEST(old_brokers_see_a_new_leader_epoch_when_an_isr_shrinks)
{
    struct world w;
    old_world(&w, METADATA_VERSION_NO_SHRINK_BUMP - 1);
    assert_int_equal(world_record(&w, 0)->id, METADATA_RECORD_FEATURE_LEVEL); /* no transaction */
    world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    int32_t both[] = {1, 2}, one[] = {1};
    one_partition(&w, both, 2);
    assert_int_equal(world_record(&w, 0)->version, 0);
    assert_int_equal(propose(&w, "t", 0, one, 1)->leader_epoch, 1);
    assert_int_equal(propose(&w, "t", 0, both, 2)->leader_epoch, 1); /* growing needs none */
    struct assign_replicas_to_dirs_request assign = {
        1, image_broker(controller_image(w.c), 1)->epoch, NULL, 0};
    const struct assign_replicas_to_dirs_response *r =
        world_call(&w, API_ASSIGN_REPLICAS_TO_DIRS, 0, &assign);
    assert_int_equal(r->error_code, KAFKA_UNSUPPORTED_VERSION);
    world_check(&w);
    world_free(&w);
}

TEST(isr_is_proposed_without_broker_epochs_before_version_3)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 3; id++) world_broker(&w, id, NULL);
    int32_t all[] = {1, 2, 3}, two[] = {1, 3};
    one_partition(&w, all, 3);
    struct alter_partition_request_partition_data p;
    alter_partition_request_partition_data_init(&p);
    p.new_isr = two;
    p.new_isr_count = 2;
    struct alter_partition_request_topic_data t = {
        image_topic_by_name(controller_image(w.c), STR("t"))->id, &p, 1};
    struct alter_partition_request rq = {1, image_broker(controller_image(w.c), 1)->epoch, &t, 1};
    const struct alter_partition_response *r = world_call(&w, API_ALTER_PARTITION, 2, &rq);
    assert_int_equal(r->topics[0].partitions[0].error_code, 0);
    assert_int_equal(world_partition(&w, "t", 0)->isr_count, 2);
    rq.broker_epoch++;
    r = world_call(&w, API_ALTER_PARTITION, 2, &rq);
    assert_int_equal(r->error_code, KAFKA_STALE_BROKER_EPOCH);
    world_check(&w);
    world_free(&w);
}

/* ---- reassignment */

static int16_t reassign(struct world *w, int32_t *target, int32_t count, bool factor_may_change)
{
    struct alter_partition_reassignments_request_reassignable_partition p = {0, target, count};
    struct alter_partition_reassignments_request_reassignable_topic t = {STR("t"), &p, 1};
    struct alter_partition_reassignments_request rq = {1000, factor_may_change, &t, 1};
    const struct alter_partition_reassignments_response *r =
        world_call(w, API_ALTER_PARTITION_REASSIGNMENTS, 1, &rq);
    return r->responses[0].partitions[0].error_code;
}

static int32_t moving(struct world *w)
{
    struct list_partition_reassignments_request rq = {.topics_count = -1};
    const struct list_partition_reassignments_response *r =
        world_call(w, API_LIST_PARTITION_REASSIGNMENTS, 0, &rq);
    return r->topics_count;
}

TEST(reassignment_finishes_when_the_new_replicas_are_in_sync)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 4; id++) world_broker(&w, id, NULL);
    int32_t from[] = {1, 2}, to[] = {3, 4}, all[] = {3, 4, 1, 2}, unknown[] = {1, 9};
    one_partition(&w, from, 2);
    assert_int_equal(reassign(&w, unknown, 2, true), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(reassign(&w, NULL, -1, true), KAFKA_NO_REASSIGNMENT_IN_PROGRESS);
    assert_int_equal(reassign(&w, to, 1, false), KAFKA_INVALID_REPLICATION_FACTOR);
    assert_int_equal(reassign(&w, to, 2, false), 0);
    const struct image_partition *p = world_partition(&w, "t", 0);
    assert_int_equal(p->replicas_count, 4);
    assert_memory_equal(partition_replicas(p), all, sizeof all);
    assert_int_equal(p->adding_count, 2);
    assert_int_equal(p->removing_count, 2);
    assert_int_equal(p->leader, 1);
    assert_int_equal(moving(&w), 1);
    const struct alter_partition_response_partition_data *r = propose(&w, "t", 0, all, 4);
    assert_int_equal(r->error_code, KAFKA_NEW_LEADER_ELECTED);
    p = world_partition(&w, "t", 0);
    assert_int_equal(p->replicas_count, 2);
    assert_int_equal(p->leader, 3);
    assert_int_equal(p->adding_count + p->removing_count, 0);
    assert_int_equal(moving(&w), 0);
    world_check(&w);
    world_free(&w);
}

TEST(cancelled_reassignment_keeps_the_old_replicas)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 4; id++) world_broker(&w, id, NULL);
    int32_t from[] = {1, 2}, to[] = {2, 3}, reversed[] = {2, 1};
    one_partition(&w, from, 2);
    assert_int_equal(reassign(&w, to, 2, true), 0);
    assert_int_equal(reassign(&w, NULL, -1, true), 0);
    const struct image_partition *p = world_partition(&w, "t", 0);
    assert_int_equal(p->replicas_count, 2);
    assert_true(partition_has_replica(p, 1) && partition_has_replica(p, 2));
    assert_int_equal(p->leader, 1);
    assert_int_equal(reassign(&w, reversed, 2, true), 0); /* a new order is done at once */
    p = world_partition(&w, "t", 0);
    assert_memory_equal(partition_replicas(p), reversed, sizeof reversed);
    assert_int_equal(p->adding_count + p->removing_count, 0);
    world_check(&w);
    world_free(&w);
}

TEST(new_target_replaces_the_old_one_whole)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 4; id++) world_broker(&w, id, NULL);
    int32_t from[] = {1, 2}, to[] = {3, 4}, all[] = {1, 2, 3, 4};
    one_partition(&w, from, 2);
    assert_int_equal(reassign(&w, to, 2, true), 0);
    assert_int_equal(reassign(&w, from, 2, false),
                     0); /* back again, though 3 and 4 are not in yet */
    const struct image_partition *p = world_partition(&w, "t", 0);
    assert_int_equal(p->replicas_count, 2);
    assert_memory_equal(partition_replicas(p), from, sizeof from);
    assert_int_equal(p->adding_count + p->removing_count, 0);
    assert_int_equal(moving(&w), 0);
    assert_int_equal(reassign(&w, to, 2, true), 0);
    assert_int_equal(reassign(&w, all, 4, true), 0); /* keep everybody */
    p = world_partition(&w, "t", 0);
    assert_int_equal(p->removing_count + p->adding_count, 0);
    assert_int_equal(p->replicas_count, 4);
    world_check(&w);
    world_free(&w);
}

TEST(smaller_replica_set_waits_until_all_of_it_is_in_sync)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 3; id++) world_broker(&w, id, NULL);
    int32_t from[] = {1, 2, 3}, to[] = {2, 3}, two[] = {1, 2};
    one_partition(&w, from, 3);
    assert_int_equal(propose(&w, "t", 0, two, 2)->error_code, 0);
    assert_int_equal(reassign(&w, to, 2, true), 0);
    assert_int_equal(moving(&w), 1); /* 3 is not in sync: finishing would leave 2 alone */
    assert_int_equal(propose(&w, "t", 0, from, 3)->error_code, KAFKA_NEW_LEADER_ELECTED);
    assert_int_equal(moving(&w), 0);
    assert_int_equal(world_partition(&w, "t", 0)->leader, 2);
    world_check(&w);
    world_free(&w);
}

TEST(replica_in_a_lost_directory_leaves_the_isr)
{
    struct world w;
    world_init(&w);
    int64_t epoch = world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    int32_t both[] = {1, 2};
    one_partition(&w, both, 2);
    struct assign_replicas_to_dirs_request_partition_data p = {0}, none = {7};
    struct uuid id = image_topic_by_name(controller_image(w.c), STR("t"))->id;
    struct assign_replicas_to_dirs_request_topic_data topics[] = {
        {id, &p, 1}, {id, &none, 1}, {UUID_SMALL(3), &p, 1}};
    struct assign_replicas_to_dirs_request_directory_data dir = {DIRECTORY_LOST, topics, 3};
    struct assign_replicas_to_dirs_request rq = {1, epoch, &dir, 1};
    const struct assign_replicas_to_dirs_response *r =
        world_call(&w, API_ASSIGN_REPLICAS_TO_DIRS, 0, &rq);
    assert_int_equal(r->directories[0].topics[0].partitions[0].error_code, 0);
    assert_int_equal(r->directories[0].topics[1].partitions[0].error_code,
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(r->directories[0].topics[2].partitions[0].error_code, KAFKA_UNKNOWN_TOPIC_ID);
    assert_int_equal(world_partition(&w, "t", 0)->leader, 2);
    assert_true(
        uuid_equal(partition_directory_of(controller_image(w.c), world_partition(&w, "t", 0), 1),
                   DIRECTORY_LOST));
    rq.broker_epoch++;
    r = world_call(&w, API_ASSIGN_REPLICAS_TO_DIRS, 0, &rq);
    assert_int_equal(r->error_code, KAFKA_STALE_BROKER_EPOCH);
    world_check(&w);
    world_free(&w);
}

TEST(broker_built_anew_under_a_lost_ones_id_takes_over_its_partitions)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 3; id++) world_broker(&w, id, NULL);
    int32_t all[] = {3, 1, 2};
    one_partition(&w, all, 3);
    controller_broker_lost(w.c, 3, image_broker(controller_image(w.c), 3)->epoch, STR_NULL);
    world_commit(&w);
    struct broker_registration_request *rq = world_registration(&w, 3, NULL, 99, -1);
    rq->log_dirs[0] = UUID_SMALL(180); /* other disks */
    const struct broker_registration_response *r = world_call(&w, API_BROKER_REGISTRATION, 4, rq);
    assert_int_equal(r->error_code, 0);
    assert_false(world_heartbeat(&w, 3, false, false)->is_fenced);
    assert_int_equal(propose(&w, "t", 0, all, 3)->error_code, 0); /* it has fetched everything */
    /* metadata still names a directory that nobody has: it may not lead from there */
    assert_int_equal(elect(&w, 0, false), KAFKA_PREFERRED_LEADER_NOT_AVAILABLE);
    struct assign_replicas_to_dirs_request_partition_data p = {0};
    struct assign_replicas_to_dirs_request_topic_data topic = {
        image_topic_by_name(controller_image(w.c), STR("t"))->id, &p, 1};
    struct assign_replicas_to_dirs_request_directory_data dir = {UUID_SMALL(180), &topic, 1};
    struct assign_replicas_to_dirs_request assign = {3, r->broker_epoch, &dir, 1};
    (void)world_call(&w, API_ASSIGN_REPLICAS_TO_DIRS, 0, &assign);
    assert_int_equal(elect(&w, 0, false), 0);
    assert_int_equal(world_partition(&w, "t", 0)->leader, 3);
    world_check(&w);
    world_free(&w);
}

/* ---- random lives of a cluster */

struct epochs {
    int32_t leader_epoch, partition_epoch;
};

static void random_step(struct world *w, struct prng *rng)
{
    int32_t id = (int32_t)prng_below(rng, 5);
    const struct image_broker *b = image_broker(controller_image(w->c), id);
    int32_t target[3] = {(int32_t)prng_below(rng, 5), 0, 0};
    target[1] = (target[0] + 1 + (int32_t)prng_below(rng, 4)) % 5;
    int16_t error;
    switch (prng_below(rng, 9)) {
    case 0:
        (void)world_register(w, id, id % 2 ? "a" : "b", (uint8_t)prng_below(rng, 3),
                             b && prng_chance(rng, 1, 2) ? b->epoch : -1, &error);
        break;
    case 1:
    case 2:
        if (b) (void)world_heartbeat(w, id, prng_chance(rng, 1, 5), prng_chance(rng, 1, 5));
        break;
    case 3: world_sleep(w, (int64_t)prng_below(rng, 6000)); break;
    case 4:
        if (b) controller_broker_lost(w->c, id, b->epoch, STR_NULL);
        world_commit(w);
        break;
    case 5:
        if (controller_image(w->c)->topics_count > 0)
            (void)reassign(w, target, prng_chance(rng, 1, 4) ? -1 : 2, true);
        break;
    case 6:
        if (controller_image(w->c)->topics_count > 0)
            (void)elect(w, (int8_t)prng_below(rng, 2), false);
        break;
    case 7: (void)world_topic(w, "t", 1, 2); break;
    default:
        if (controller_image(w->c)->topics_count > 0) {
            const struct image_partition *p = world_partition(w, "t", 0);
            if (p->leader == LEADER_NONE) break;
            int32_t isr[8] = {p->leader}, n = 1;
            for (int32_t i = 0; i < p->replicas_count; i++)
                if (partition_replicas(p)[i] != p->leader && prng_chance(rng, 2, 3))
                    isr[n++] = partition_replicas(p)[i];
            (void)propose(w, "t", 0, isr, n);
        }
    }
}

TEST(random_lives_keep_every_invariant)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct prng rng = prng_seed(seed);
        struct world w;
        struct epochs last = {-1, -1};
        world_init(&w);
        for (int i = 0; i < 250; i++) {
            random_step(&w, &rng);
            world_check(&w);
            if (controller_image(w.c)->topics_count == 0) continue;
            const struct image_partition *p = world_partition(&w, "t", 0);
            assert_true(p->leader_epoch >= last.leader_epoch);
            assert_true(p->partition_epoch >= last.partition_epoch);
            last = (struct epochs){p->leader_epoch, p->partition_epoch};
        }
        world_free(&w);
    }
}
