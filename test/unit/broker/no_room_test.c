/* What a broker does with replicas whose disk is full: gives them up, and takes them back. */
#include "broker/no_room.h"
#include "broker/controller_channel.h"
#include "broker/directory_assignments.h"
#include "data_plane.h"
#include "protocol/assign_replicas_to_dirs.h"

enum { TOPIC = 7 };

static struct {
    int requests;
    struct uuid directory; /* of the last request, for the one partition in it */
} controller;

static void handle_assign(struct request *rq, void *context)
{
    (void)context;
    const struct assign_replicas_to_dirs_request *q = rq->body;
    controller.requests++;
    assert_int_equal(q->directories_count, 1);
    assert_int_equal(q->directories[0].topics_count, 1);
    assert_int_equal(q->directories[0].topics[0].partitions_count, 1);
    controller.directory = q->directories[0].id;
    struct assign_replicas_to_dirs_response r;
    assign_replicas_to_dirs_response_init(&r);
    r.directories_count = 1;
    r.directories = assign_replicas_to_dirs_response_directory_data_new(&rq->arena, 1);
    r.directories[0].id = controller.directory;
    r.directories[0].topics_count = 1;
    r.directories[0].topics = assign_replicas_to_dirs_response_topic_data_new(&rq->arena, 1);
    r.directories[0].topics[0].topic_id = q->directories[0].topics[0].topic_id;
    r.directories[0].topics[0].partitions_count = 1;
    r.directories[0].topics[0].partitions =
        assign_replicas_to_dirs_response_partition_data_new(&rq->arena, 1);
    request_reply(rq, &r);
}

static struct directory_assignments *assignments;

/* We lead t-0; broker 2 has it too, in sync when `isr` is 2. */
static struct plane *open_full(int32_t isr)
{
    static const struct api_handler table[API_COUNT] = {
        [API_ASSIGN_REPLICAS_TO_DIRS] = {.min = 0, .max = 0, .handle = handle_assign}};
    static struct dispatch dispatch = {.table = table, .count = API_COUNT};
    static int32_t replicas[] = {SELF, OTHER};
    memset(&controller, 0, sizeof controller);
    struct plane *p = plane_open();
    p->broker.controller = controller_channel_create(
        p->env, &dispatch, SELF, (struct controller_channel_timeouts){1000, 1000});
    controller_channel_set_leader(p->broker.controller, SELF, NULL, 0);
    struct metadata_record level = plane_record(METADATA_RECORD_FEATURE_LEVEL);
    level.u.feature_level.name = FEATURE_METADATA_VERSION;
    level.u.feature_level.feature_level = METADATA_VERSION_DEFAULT;
    plane_replay(p, level);
    plane_topic(p, "t", TOPIC);
    plane_partition(p, TOPIC, 0, replicas, 2, isr);
    assignments = directory_assignments_create(&p->broker);
    p->no_room = no_room_create(&p->broker, assignments);
    return p;
}

static void disk_is_full(struct plane *p, bool full)
{
    struct sim_node *n = sim_node(p->sim, "one");
    sim_disk_budget(n, full ? sim_disk_used(n) : -1);
}

static void close_full(struct plane *p)
{
    disk_is_full(p, false);
    no_room_destroy(p->no_room);
    directory_assignments_destroy(assignments);
    controller_channel_destroy(p->broker.controller);
    plane_close(p);
}

static enum kafka_error produce(struct plane *p)
{
    produce_records(p, (struct produce_spec){.topic = "t", .acks = 1},
                    batch_of((struct batch_spec){.value = "a"}));
    assert_int_equal(produced.answers, 1);
    return produced.error;
}

/* A producer tries again and again. */
static void produce_for(struct plane *p, int64_t ms, enum kafka_error wanted)
{
    for (int64_t at = 0; at < ms; at += 100) {
        assert_int_equal(produce(p), wanted);
        plane_pass(p, 100);
    }
}

/* What the controller does when told LOST; then `leader` leads. */
static void metadata_says(struct plane *p, struct uuid directory, int32_t leader)
{
    struct uuid directories[] = {directory, UUID_SMALL(202)};
    struct metadata_record r = plane_record(METADATA_RECORD_PARTITION_CHANGE);
    r.u.partition_change.topic_id = UUID_SMALL(TOPIC);
    r.u.partition_change.partition_id = 0;
    r.u.partition_change.leader = leader;
    r.u.partition_change.directories = directories;
    r.u.partition_change.directories_count = 2;
    plane_replay(p, r);
    plane_apply(p, TOPIC, 0);
}

TEST(a_leader_without_room_is_given_up_while_another_is_in_sync)
{
    struct plane *p = open_full(2);
    disk_is_full(p, true);
    produce_for(p, NO_ROOM_GIVE_UP_MS - 200, KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(controller.requests, 0);
    produce_for(p, NO_ROOM_LOOK_MS + 200, KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(controller.requests, 1);
    assert_true(uuid_equal(controller.directory, DIRECTORY_LOST));
    close_full(p);
}

TEST(the_last_in_sync_stays_however_full)
{
    struct plane *p = open_full(1);
    disk_is_full(p, true);
    produce_for(p, 10000, KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(controller.requests, 0);
    close_full(p);
}

TEST(a_disk_that_has_room_again_in_time_changes_nothing)
{
    struct plane *p = open_full(2);
    disk_is_full(p, true);
    produce_for(p, 600, KAFKA_KAFKA_STORAGE_ERROR);
    disk_is_full(p, false);
    produce_for(p, 3000, KAFKA_NONE);
    assert_int_equal(controller.requests, 0);
    close_full(p);
}

TEST(given_up_it_is_taken_back_once_nothing_is_refused_any_more)
{
    struct plane *p = open_full(2);
    disk_is_full(p, true);
    produce_for(p, 2000, KAFKA_KAFKA_STORAGE_ERROR);
    metadata_says(p, DIRECTORY_LOST, OTHER);
    int before = controller.requests;
    plane_pass(p, NO_ROOM_IDLE_MS - 1000);
    assert_int_equal(controller.requests, before);
    plane_pass(p, 2000);
    assert_int_equal(controller.requests, before + 1);
    assert_true(uuid_equal(controller.directory, log_dir_id(p->dir)));
    close_full(p);
}

TEST(learned_of_only_when_there_is_room_again_it_is_taken_back_at_once)
{
    struct plane *p = open_full(2);
    disk_is_full(p, true);
    produce_for(p, 2000, KAFKA_KAFKA_STORAGE_ERROR);
    disk_is_full(p, false);
    plane_pass(p, NO_ROOM_IDLE_MS + 1000); /* the metadata log was as full as the rest */
    int before = controller.requests;
    metadata_says(p, DIRECTORY_LOST, OTHER);
    plane_pass(p, 100);
    assert_int_equal(controller.requests, before + 1);
    assert_true(uuid_equal(controller.directory, log_dir_id(p->dir)));
    close_full(p);
}
