/* In-sync sets from a leader to a controller and back. */
#include "broker/isr_proposals.h"
#include "broker/controller_channel.h"
#include "data_plane.h"
#include "protocol/alter_partition.h"

/* A controller that answers as the test says. */
static struct {
    int requests;
    int32_t isr[4], isr_count, partition_epoch;
    int64_t epochs[4];
    enum kafka_error error, partition_error;
} controller;

static void handle_alter(struct request *rq, void *context)
{
    (void)context;
    const struct alter_partition_request *q = rq->body;
    const struct alter_partition_request_partition_data *d = q->topics[0].partitions;
    controller.requests++;
    controller.isr_count = d->new_isr_with_epochs_count;
    for (int32_t i = 0; i < controller.isr_count; i++) {
        controller.isr[i] = d->new_isr_with_epochs[i].broker_id;
        controller.epochs[i] = d->new_isr_with_epochs[i].broker_epoch;
    }
    controller.partition_epoch = d->partition_epoch;
    struct alter_partition_response r;
    alter_partition_response_init(&r);
    r.error_code = (int16_t)controller.error;
    struct alter_partition_response_partition_data a = {.partition_index = d->partition_index,
                                                        .error_code =
                                                            (int16_t)controller.partition_error,
                                                        .leader_id = SELF,
                                                        .leader_epoch = d->leader_epoch,
                                                        .isr = controller.isr,
                                                        .isr_count = controller.isr_count,
                                                        .partition_epoch = d->partition_epoch + 1};
    struct alter_partition_response_topic_data t = {
        .topic_id = q->topics[0].topic_id, .partitions = &a, .partitions_count = 1};
    r.topics = &t;
    r.topics_count = controller.error ? 0 : 1;
    request_reply(rq, &r);
}

static void send_proposals(void *owner)
{
    isr_proposals_send(owner);
}

static struct isr_proposals *sender;

/* A partition of ours whose follower has not joined yet. */
static struct plane *open_controlled(void)
{
    static const struct api_handler table[API_COUNT] = {
        [API_ALTER_PARTITION] = {.min = 2, .max = 3, .handle = handle_alter}};
    static struct dispatch dispatch = {.table = table, .count = API_COUNT};
    static int32_t both[] = {SELF, OTHER};
    memset(&controller, 0, sizeof controller);
    struct plane *p = plane_open();
    p->broker.controller = controller_channel_create(
        p->env, &dispatch, SELF, (struct controller_channel_timeouts){1000, 1000});
    controller_channel_set_leader(p->broker.controller, SELF, NULL, 0);
    p->proposals = send_proposals;
    p->proposals_owner = sender = isr_proposals_create(&p->broker);
    plane_topic(p, "r", 7);
    plane_partition(p, 7, 0, both, 2, 1);
    return p;
}

static void close_controlled(struct plane *p)
{
    isr_proposals_destroy(sender);
    controller_channel_destroy(p->broker.controller);
    plane_close(p);
}

static const struct partition *the_partition(struct plane *p)
{
    return &replica_manager_find(p->broker.replicas, UUID_SMALL(7), 0)->core;
}

static void follower_catches_up(struct plane *p)
{
    fetch(p, (struct fetch_spec){.topic_id = 7, .version = 15, .follower = OTHER, .offset = 0});
}

TEST(a_follower_that_caught_up_is_proposed_with_its_epoch_and_joins)
{
    struct plane *p = open_controlled();
    follower_catches_up(p);
    assert_int_equal(controller.requests, 0); /* from the loop */
    plane_pass(p, 10);
    assert_int_equal(controller.requests, 1);
    assert_int_equal(controller.isr_count, 2);
    assert_int_equal(controller.isr[0], SELF);
    assert_int_equal(controller.epochs[0], 101);
    assert_int_equal(controller.isr[1], OTHER);
    assert_int_equal(controller.epochs[1], 102);
    assert_int_equal(the_partition(p)->isr_state, ISR_COMMITTED);
    assert_int_equal(partition_isr_count(the_partition(p)), 2);
    assert_int_equal(the_partition(p)->partition_epoch, 1);
    close_controlled(p);
}

TEST(a_controller_that_fails_is_asked_again_but_not_at_once)
{
    struct plane *p = open_controlled();
    controller.error = KAFKA_NOT_CONTROLLER;
    follower_catches_up(p);
    plane_pass(p, 10);
    assert_int_equal(controller.requests, 1);
    assert_int_equal(the_partition(p)->isr_state, ISR_PENDING_EXPAND);
    controller.error = KAFKA_NONE;
    plane_pass(p, ISR_PROPOSALS_RETRY_MS);
    assert_int_equal(controller.requests, 2);
    assert_int_equal(partition_isr_count(the_partition(p)), 2);
    close_controlled(p);
}

TEST(a_refused_proposal_goes_back_and_may_be_made_again)
{
    struct plane *p = open_controlled();
    controller.partition_error = KAFKA_INELIGIBLE_REPLICA;
    follower_catches_up(p);
    plane_pass(p, 100);
    assert_int_equal(controller.requests, 1);
    assert_int_equal(the_partition(p)->isr_state, ISR_COMMITTED);
    assert_int_equal(partition_isr_count(the_partition(p)), 1);
    controller.partition_error = KAFKA_NONE;
    follower_catches_up(p);
    plane_pass(p, 100);
    assert_int_equal(controller.requests, 2);
    assert_int_equal(partition_isr_count(the_partition(p)), 2);
    close_controlled(p);
}

TEST(a_silent_member_is_proposed_out_and_its_absence_frees_the_watermark)
{
    struct plane *p = open_controlled();
    follower_catches_up(p);
    plane_pass(p, 10);
    produce_one(p, "r", 0, "a");
    assert_int_equal(the_partition(p)->high_watermark, 0);
    plane_pass(p, 46000); /* between 1 and 1.5 times replica.lag.time.max.ms */
    assert_int_equal(controller.requests, 2);
    assert_int_equal(controller.isr_count, 1);
    assert_int_equal(partition_isr_count(the_partition(p)), 1);
    assert_int_equal(the_partition(p)->high_watermark, 1);
    close_controlled(p);
}
