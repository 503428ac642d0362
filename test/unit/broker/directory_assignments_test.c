/* Where replicas are, on the way to the controller. */
#include "broker/directory_assignments.h"
#include "broker/controller_channel.h"
#include "data_plane.h"
#include "protocol/assign_replicas_to_dirs.h"

enum { TOPIC_A = 21, TOPIC_B = 22, DIR_1 = 201, DIR_2 = 202 };

static struct {
    int requests, partitions;
    int32_t directories, topics; /* of the last request */
    enum kafka_error error, partition_error;
    int32_t refuse_partition; /* with partition_error; -1: all */
} controller;

static void handle_assign(struct request *rq, void *context)
{
    (void)context;
    const struct assign_replicas_to_dirs_request *q = rq->body;
    controller.requests++;
    controller.directories = q->directories_count;
    controller.topics = controller.partitions = 0;
    struct assign_replicas_to_dirs_response r;
    assign_replicas_to_dirs_response_init(&r);
    r.error_code = (int16_t)controller.error;
    r.directories_count = controller.error ? 0 : q->directories_count;
    r.directories =
        assign_replicas_to_dirs_response_directory_data_new(&rq->arena, q->directories_count);
    for (int32_t d = 0; d < q->directories_count; d++) {
        const struct assign_replicas_to_dirs_request_directory_data *dir = &q->directories[d];
        struct assign_replicas_to_dirs_response_directory_data *to = &r.directories[d];
        to->id = dir->id;
        to->topics_count = dir->topics_count;
        to->topics = assign_replicas_to_dirs_response_topic_data_new(&rq->arena, dir->topics_count);
        controller.topics += dir->topics_count;
        for (int32_t t = 0; t < dir->topics_count; t++) {
            int32_t count = dir->topics[t].partitions_count;
            to->topics[t].topic_id = dir->topics[t].topic_id;
            to->topics[t].partitions_count = count;
            to->topics[t].partitions =
                assign_replicas_to_dirs_response_partition_data_new(&rq->arena, count);
            controller.partitions += count;
            for (int32_t i = 0; i < count; i++) {
                int32_t index = dir->topics[t].partitions[i].partition_index;
                bool refused =
                    controller.refuse_partition < 0 || controller.refuse_partition == index;
                to->topics[t].partitions[i].partition_index = index;
                to->topics[t].partitions[i].error_code =
                    (int16_t)(refused ? controller.partition_error : KAFKA_NONE);
            }
        }
    }
    request_reply(rq, &r);
}

static struct directory_assignments *a;

/* Topics A and B with `partitions` each, all of which have a replica here, UNASSIGNED. */
static struct plane *open_assigning(int32_t partitions)
{
    static const struct api_handler table[API_COUNT] = {
        [API_ASSIGN_REPLICAS_TO_DIRS] = {.min = 0, .max = 0, .handle = handle_assign}};
    static struct dispatch dispatch = {.table = table, .count = API_COUNT};
    memset(&controller, 0, sizeof controller);
    struct plane *p = plane_open();
    p->broker.controller = controller_channel_create(
        p->env, &dispatch, SELF, (struct controller_channel_timeouts){1000, 1000});
    controller_channel_set_leader(p->broker.controller, SELF, NULL, 0);
    struct metadata_record level = plane_record(METADATA_RECORD_FEATURE_LEVEL);
    level.u.feature_level.name = FEATURE_METADATA_VERSION;
    level.u.feature_level.feature_level = METADATA_VERSION_DEFAULT;
    plane_replay(p, level);
    for (uint8_t id = TOPIC_A; id <= TOPIC_B; id++) {
        plane_topic(p, id == TOPIC_A ? "a" : "b", id);
        for (int32_t i = 0; i < partitions; i++) {
            static int32_t us = SELF;
            static struct uuid unassigned;
            unassigned = DIRECTORY_UNASSIGNED;
            struct metadata_record r = plane_record(METADATA_RECORD_PARTITION);
            r.u.partition.topic_id = UUID_SMALL(id);
            r.u.partition.partition_id = i;
            r.u.partition.replicas = r.u.partition.isr = &us;
            r.u.partition.replicas_count = r.u.partition.isr_count = 1;
            r.u.partition.directories = &unassigned;
            r.u.partition.directories_count = 1;
            r.u.partition.leader = SELF;
            plane_replay(p, r);
        }
    }
    a = directory_assignments_create(&p->broker);
    return p;
}

static void close_assigning(struct plane *p)
{
    directory_assignments_destroy(a);
    controller_channel_destroy(p->broker.controller);
    plane_close(p);
}

static void want(uint8_t topic, int32_t partition, uint8_t directory)
{
    directory_assignments_want(a, UUID_SMALL(topic), partition, UUID_SMALL(directory));
}

TEST(wishes_of_one_turn_go_in_one_request)
{
    struct plane *p = open_assigning(3);
    for (int32_t i = 0; i < 3; i++) {
        want(TOPIC_A, i, DIR_1);
        want(TOPIC_B, i, i == 2 ? DIR_2 : DIR_1);
    }
    plane_pass(p, 1);
    assert_int_equal(controller.requests, 1);
    assert_int_equal(controller.directories, 2);
    assert_int_equal(controller.topics, 3);
    assert_int_equal(controller.partitions, 6);
    assert_int_equal(directory_assignments_count(a), 0);
    close_assigning(p);
}

TEST(request_is_bounded)
{
    int32_t partitions = ASSIGNMENTS_PER_REQUEST_MAX / 2 + 1;
    struct plane *p = open_assigning(partitions);
    for (int32_t i = 0; i < partitions; i++) {
        want(TOPIC_A, i, DIR_1);
        want(TOPIC_B, i, DIR_1);
    }
    plane_pass(p, 10);
    assert_int_equal(controller.requests, 2);
    assert_int_equal(controller.partitions, 2 * partitions - ASSIGNMENTS_PER_REQUEST_MAX);
    assert_int_equal(directory_assignments_count(a), 0);
    close_assigning(p);
}

TEST(refused_wishes_are_sent_again_with_a_backoff)
{
    struct plane *p = open_assigning(3);
    controller.error = KAFKA_NOT_CONTROLLER;
    for (int32_t i = 0; i < 3; i++) want(TOPIC_A, i, DIR_1);
    plane_pass(p, 5000);
    assert_true(controller.requests >= 4 && controller.requests <= 7); /* 100 ms, doubling */
    assert_int_equal(directory_assignments_count(a), 3);
    controller.error = KAFKA_NONE;
    controller.partition_error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    controller.refuse_partition = 1;
    plane_pass(p, 10000);
    assert_int_equal(directory_assignments_count(a), 1); /* the others are done */
    controller.partition_error = KAFKA_NONE;
    plane_pass(p, 10000);
    assert_int_equal(directory_assignments_count(a), 0);
    close_assigning(p);
}

TEST(what_metadata_says_already_is_not_sent)
{
    struct plane *p = open_assigning(1);
    controller.error = KAFKA_NOT_CONTROLLER;
    want(TOPIC_A, 0, DIR_1);
    plane_pass(p, 1);
    int before = controller.requests;
    struct uuid dir = UUID_SMALL(DIR_1);
    struct metadata_record r = plane_record(METADATA_RECORD_PARTITION_CHANGE);
    r.u.partition_change.topic_id = UUID_SMALL(TOPIC_A);
    r.u.partition_change.partition_id = 0;
    r.u.partition_change.directories = &dir;
    r.u.partition_change.directories_count = 1;
    plane_replay(p, r);
    plane_pass(p, 1000);
    assert_int_equal(controller.requests, before);
    assert_int_equal(directory_assignments_count(a), 0);
    want(TOPIC_A, 7, DIR_1); /* nor what is not ours */
    plane_pass(p, 1);
    assert_int_equal(controller.requests, before);
    close_assigning(p);
}

TEST(later_wish_replaces_an_earlier_one)
{
    struct plane *p = open_assigning(1);
    want(TOPIC_A, 0, DIR_1);
    directory_assignments_want(a, UUID_SMALL(TOPIC_A), 0, DIRECTORY_LOST);
    plane_pass(p, 1);
    assert_int_equal(controller.requests, 1);
    assert_int_equal(controller.partitions, 1);
    assert_int_equal(directory_assignments_count(a), 0);
    close_assigning(p);
}

TEST(nothing_is_said_where_directories_are_not_kept)
{
    struct plane *p = open_assigning(1);
    p->image->metadata_version = METADATA_VERSION_DIRECTORIES - 1;
    want(TOPIC_A, 0, DIR_1);
    plane_pass(p, 1000);
    assert_int_equal(controller.requests, 0);
    assert_int_equal(directory_assignments_count(a), 0);
    close_assigning(p);
}
