/* A broker's standing with a controller that answers as the test says. */
#include "broker/lifecycle.h"
#include "broker/controller_channel.h"
#include "data_plane.h"
#include "protocol/broker_heartbeat.h"
#include "protocol/broker_registration.h"

static struct {
    int registrations, heartbeats;
    enum kafka_error registration_error, heartbeat_error;
    int64_t epoch;
    bool caught_up, fenced, may_stop, silent; /* silent: nothing is answered */
    struct request *parked;
    struct broker_heartbeat_request last;
    struct uuid offline[4], cordoned[4];
} controller;

static struct {
    int registered, caught_up, running, fenced, leases, may_stop, failed;
    int64_t offset;
} told;

static void handle_registration(struct request *rq, void *context)
{
    (void)context;
    const struct broker_registration_request *q = rq->body;
    controller.registrations++;
    assert_int_equal(q->broker_id, SELF);
    assert_int_equal(q->log_dirs_count, 1);
    struct broker_registration_response r;
    broker_registration_response_init(&r);
    r.error_code = (int16_t)controller.registration_error;
    r.broker_epoch = controller.epoch;
    request_reply(rq, &r);
}

static void handle_heartbeat_of_broker(struct request *rq, void *context)
{
    (void)context;
    const struct broker_heartbeat_request *q = rq->body;
    controller.heartbeats++;
    controller.last = *q;
    for (int32_t i = 0; i < q->offline_log_dirs_count; i++)
        controller.offline[i] = q->offline_log_dirs[i];
    for (int32_t i = 0; i < q->cordoned_log_dirs_count; i++)
        controller.cordoned[i] = q->cordoned_log_dirs[i];
    if (controller.silent) {
        controller.parked = rq;
        return;
    }
    struct broker_heartbeat_response r;
    broker_heartbeat_response_init(&r);
    r.error_code = (int16_t)controller.heartbeat_error;
    r.is_caught_up = controller.caught_up;
    r.is_fenced = controller.fenced;
    r.should_shut_down = controller.may_stop;
    request_reply(rq, &r);
}

static void registered(void *owner)
{
    (void)owner;
    told.registered++;
}

static void caught_up(void *owner)
{
    (void)owner;
    told.caught_up++;
}

static void running(void *owner)
{
    (void)owner;
    told.running++;
}

static void fenced(void *owner, bool is_fenced)
{
    (void)owner;
    told.fenced += is_fenced ? 1 : -1;
}

static void lease(void *owner)
{
    (void)owner;
    told.leases++;
}

static void may_stop(void *owner)
{
    (void)owner;
    told.may_stop++;
}

static void failed(void *owner, const char *why)
{
    (void)owner;
    assert_non_null(why);
    told.failed++;
}

static int64_t metadata_offset(void *owner)
{
    (void)owner;
    return told.offset;
}

static struct lifecycle *l;
static enum kafka_error first_answer;

static struct plane *open_broker(bool controlled_shutdown)
{
    static const struct api_handler table[API_COUNT] = {
        [API_BROKER_REGISTRATION] = {.min = 0, .max = 4, .handle = handle_registration},
        [API_BROKER_HEARTBEAT] = {.min = 0, .max = 2, .handle = handle_heartbeat_of_broker}};
    static struct dispatch dispatch = {.table = table, .count = API_COUNT};
    static const struct lifecycle_events events = {registered, caught_up, running, fenced,
                                                   lease,      may_stop,  failed,  metadata_offset};
    static struct uuid dir;
    dir = UUID_SMALL(200);
    memset(&controller, 0, sizeof controller);
    memset(&told, 0, sizeof told);
    controller.epoch = 7;
    controller.registration_error = first_answer;
    controller.fenced = true;
    struct plane *p = plane_open();
    p->broker.epoch = -1;
    p->broker.cluster_id = STR("c");
    p->broker.controller = controller_channel_create(
        p->env, &dispatch, SELF, (struct controller_channel_timeouts){1000, 1000});
    controller_channel_set_leader(p->broker.controller, SELF, NULL, 0);
    struct lifecycle_config config = {.heartbeat_interval_ms = 2000,
                                      .registration_timeout_ms = 60000,
                                      .controlled_shutdown = controlled_shutdown,
                                      .controlled_shutdown_timeout_ms = 300000,
                                      .previous_broker_epoch = -1,
                                      .directory_failure_timeout_ms = 30000,
                                      .log_dirs = &dir,
                                      .log_dirs_count = 1,
                                      .metadata_version_min = METADATA_VERSION_MIN,
                                      .metadata_version_max = METADATA_VERSION_MAX};
    l = lifecycle_create(&p->broker, &config, &events, NULL);
    lifecycle_start(l);
    return p;
}

static void close_broker(struct plane *p)
{
    lifecycle_destroy(l);
    controller_channel_destroy(p->broker.controller);
    plane_close(p);
}

static void metadata_is_at(struct plane *p, int16_t version)
{
    struct metadata_record r = plane_record(METADATA_RECORD_FEATURE_LEVEL);
    r.u.feature_level.name = FEATURE_METADATA_VERSION;
    r.u.feature_level.feature_level = version;
    plane_replay(p, r);
}

static void run_until_running(struct plane *p)
{
    controller.caught_up = true;
    plane_pass(p, 100);
    assert_int_equal(told.caught_up, 1);
    assert_int_equal(lifecycle_state(l), LIFECYCLE_RECOVERY);
    lifecycle_ready(l);
    controller.fenced = false;
    plane_pass(p, 100);
    assert_int_equal(told.running, 1);
    assert_int_equal(lifecycle_state(l), LIFECYCLE_RUNNING);
}

TEST(broker_registers_catches_up_and_is_unfenced)
{
    first_answer = KAFKA_DUPLICATE_BROKER_REGISTRATION; /* our last life */
    struct plane *p = open_broker(true);
    first_answer = KAFKA_NONE;
    plane_pass(p, 500);
    assert_true(controller.registrations > 1);
    assert_int_equal(controller.heartbeats, 0);
    controller.registration_error = KAFKA_NONE;
    plane_pass(p, 2100);
    assert_int_equal(told.registered, 1);
    assert_int_equal(p->broker.epoch, 7);
    assert_int_equal(lifecycle_state(l), LIFECYCLE_STARTING);
    assert_true(controller.last.want_fence);
    assert_int_equal(controller.last.broker_epoch, 7);
    run_until_running(p);
    assert_false(controller.last.want_fence);
    int before = controller.heartbeats;
    plane_pass(p, 10000);
    assert_true(controller.heartbeats - before >= 4 && controller.heartbeats - before <= 6);
    close_broker(p);
}

TEST(broker_whose_metadata_finds_no_room_asks_to_be_fenced_and_serves_nobody)
{
    struct plane *p = open_broker(true);
    run_until_running(p);
    lifecycle_held_back(l, true);
    assert_int_equal(told.fenced, 1); /* before anybody was asked */
    plane_pass(p, 100);
    assert_true(controller.last.want_fence);
    controller.fenced = true;
    int before = controller.heartbeats;
    plane_pass(p, 10000);
    assert_true(controller.heartbeats - before <= 6);
    controller.fenced = false; /* whatever it says */
    plane_pass(p, 10000);
    assert_int_equal(told.fenced, 1);
    assert_true(controller.last.want_fence);
    lifecycle_held_back(l, false);
    assert_int_equal(told.fenced, 1);
    plane_pass(p, 100);
    assert_false(controller.last.want_fence);
    assert_int_equal(told.fenced, 0);
    close_broker(p);
}

TEST(stale_epoch_means_to_register_anew)
{
    struct plane *p = open_broker(true);
    run_until_running(p);
    controller.heartbeat_error = KAFKA_STALE_BROKER_EPOCH;
    controller.epoch = 9;
    plane_pass(p, 2100);
    controller.heartbeat_error = KAFKA_NONE;
    plane_pass(p, 2100);
    assert_true(told.registered >= 2);
    assert_int_equal(p->broker.epoch, 9);
    assert_int_equal(told.running, 1); /* it never stopped */
    close_broker(p);
}

TEST(running_broker_that_is_fenced_asks_again_soon)
{
    struct plane *p = open_broker(true);
    run_until_running(p);
    controller.fenced = true;
    lifecycle_heartbeat_now(l);
    plane_pass(p, 300);
    int before = controller.heartbeats;
    plane_pass(p, 1000);
    assert_true(controller.heartbeats - before >= 10);
    before = controller.heartbeats;
    lifecycle_metadata_moved(l); /* what it waits for may have come */
    plane_pass(p, 1);
    assert_int_equal(controller.heartbeats - before, 1);
    assert_int_equal(told.fenced, 1); /* it serves nobody meanwhile (S24) */
    controller.fenced = false;
    plane_pass(p, 1000);
    assert_int_equal(told.fenced, 0);
    close_broker(p);
}

TEST(failed_directory_is_in_every_heartbeat_and_one_in_flight_does_not_hide_it)
{
    struct plane *p = open_broker(true);
    run_until_running(p);
    controller.silent = true;
    lifecycle_heartbeat_now(l);
    plane_pass(p, 1);
    assert_non_null(controller.parked);
    lifecycle_directory_failed(l, UUID_SMALL(200)); /* after that one was sent */
    controller.silent = false;
    struct broker_heartbeat_response r;
    broker_heartbeat_response_init(&r);
    r.is_caught_up = true;
    r.is_fenced = false;
    request_reply(controller.parked, &r);
    plane_pass(p, 100);
    assert_int_equal(controller.last.offline_log_dirs_count, 1);
    assert_true(uuid_equal(controller.offline[0], UUID_SMALL(200)));
    plane_pass(p, 40000);
    assert_int_equal(controller.last.offline_log_dirs_count, 1);
    assert_int_equal(told.failed, 0);
    close_broker(p);
}

TEST(failed_directory_that_nobody_hears_of_stops_the_broker)
{
    struct plane *p = open_broker(true);
    run_until_running(p);
    controller.heartbeat_error = KAFKA_NOT_CONTROLLER;
    lifecycle_directory_failed(l, UUID_SMALL(200));
    plane_pass(p, 29000);
    assert_int_equal(told.failed, 0);
    plane_pass(p, 2000);
    assert_int_equal(told.failed, 1);
    close_broker(p);
}

TEST(cordoned_directories_are_told_once_caught_up_and_when_they_change)
{
    struct plane *p = open_broker(true);
    metadata_is_at(p, METADATA_VERSION_CORDONED);
    struct uuid dir = UUID_SMALL(200);
    plane_pass(p, 100);
    assert_int_equal(controller.last.cordoned_log_dirs_count, -1);
    run_until_running(p);
    assert_int_equal(controller.last.cordoned_log_dirs_count, 0);
    lifecycle_set_cordoned(l, &dir, 1);
    plane_pass(p, 1);
    assert_int_equal(controller.last.cordoned_log_dirs_count, 1);
    assert_true(uuid_equal(controller.cordoned[0], dir));
    int before = controller.heartbeats;
    lifecycle_set_cordoned(l, &dir, 1); /* no news */
    plane_pass(p, 1);
    assert_int_equal(controller.heartbeats, before);
    close_broker(p);
}

TEST(controlled_shutdown_waits_to_be_granted)
{
    struct plane *p = open_broker(true);
    run_until_running(p);
    lifecycle_shutdown(l);
    plane_pass(p, 1000);
    assert_true(controller.last.want_shut_down);
    assert_int_equal(told.may_stop, 0);
    controller.may_stop = true;
    plane_pass(p, 100);
    assert_int_equal(told.may_stop, 1);
    assert_int_equal(lifecycle_state(l), LIFECYCLE_SHUTTING_DOWN);
    int before = controller.heartbeats;
    plane_pass(p, 10000);
    assert_int_equal(controller.heartbeats, before);
    close_broker(p);
}

TEST(controlled_shutdown_ends_when_no_controller_is_left)
{
    struct plane *p = open_broker(true);
    run_until_running(p);
    lifecycle_shutdown(l);
    plane_pass(p, 20000); /* a controller that answers may take its time */
    assert_int_equal(told.may_stop, 0);
    controller_channel_set_leader(p->broker.controller, -1, NULL, 0);
    plane_pass(p, CONTROLLERLESS_SHUTDOWN_MS - 1000);
    assert_int_equal(told.may_stop, 0);
    plane_pass(p, 2000);
    assert_int_equal(told.may_stop, 1);
    close_broker(p);
}

TEST(a_broker_lapses_when_no_controller_answers_and_no_longer_once_one_does)
{
    struct plane *p = open_broker(true);
    p->broker.session_timeout_ms = 9000;
    run_until_running(p);
    plane_pass(p, 20000);
    assert_false(broker_lapsed(&p->broker));
    controller_channel_set_leader(p->broker.controller, -1, NULL, 0);
    int leases = told.leases;
    assert_true(leases > 0);
    plane_pass(p, 6000);
    assert_int_equal(told.leases, leases);
    assert_false(broker_lapsed(&p->broker));
    plane_pass(p, 3100);
    assert_true(broker_lapsed(&p->broker));
    controller_channel_set_leader(p->broker.controller, SELF, NULL, 0);
    plane_pass(p, 2000);
    assert_false(broker_lapsed(&p->broker));
    close_broker(p);
}

/* ---- standing still */

static void stand_still(struct plane *p, int64_t ms)
{
    sim_node_pause(sim_node(p->sim, "one"), true);
    plane_pass(p, ms);
    sim_node_pause(sim_node(p->sim, "one"), false);
}

static struct plane *open_running(void)
{
    struct plane *p = open_broker(true);
    p->broker.session_timeout_ms = 9000;
    run_until_running(p);
    plane_pass(p, 20000);
    assert_int_equal(told.fenced, 0);
    return p;
}

static void answer_parked(bool fenced)
{
    struct broker_heartbeat_response r;
    broker_heartbeat_response_init(&r);
    r.is_caught_up = true;
    r.is_fenced = fenced;
    request_reply(controller.parked, &r);
    controller.parked = NULL;
}

TEST(who_stood_still_serves_nobody_until_a_heartbeat_sent_since_is_answered)
{
    struct plane *p = open_running();
    controller.silent = true;
    lifecycle_heartbeat_now(l);
    plane_pass(p, 1);
    struct request *before = controller.parked;
    stand_still(p, 10000);
    plane_pass(p, 1);
    assert_int_equal(told.fenced, 1);
    struct request *since = controller.parked;
    assert_ptr_not_equal(before, since);
    controller.parked = before; /* answered before we stood still, and read only now */
    answer_parked(false);
    plane_pass(p, 100);
    assert_int_equal(told.fenced, 1);
    controller.silent = false;
    controller.parked = since;
    answer_parked(false);
    plane_pass(p, 1);
    assert_int_equal(told.fenced, 0);
    close_broker(p);
}

TEST(who_stood_still_and_was_fenced_goes_on_serving_nobody)
{
    struct plane *p = open_running();
    controller.fenced = true;
    stand_still(p, 10000);
    plane_pass(p, 1000);
    assert_int_equal(told.fenced, 1);
    controller.fenced = false;
    plane_pass(p, 100);
    assert_int_equal(told.fenced, 0);
    close_broker(p);
}

TEST(who_stood_still_and_is_of_an_old_epoch_serves_nobody_before_it_is_registered_anew)
{
    struct plane *p = open_running();
    controller.heartbeat_error = KAFKA_STALE_BROKER_EPOCH;
    controller.registration_error = KAFKA_DUPLICATE_BROKER_REGISTRATION;
    stand_still(p, 10000);
    plane_pass(p, 30000);
    assert_int_equal(told.fenced, 1);
    controller.heartbeat_error = controller.registration_error = KAFKA_NONE;
    plane_pass(p, 5000);
    assert_int_equal(told.fenced, 0);
    close_broker(p);
}

TEST(a_short_standstill_and_controllers_out_of_reach_stop_no_service)
{
    struct plane *p = open_running();
    stand_still(p, 6000);
    plane_pass(p, 10);
    assert_int_equal(told.fenced, 0);
    controller_channel_set_leader(p->broker.controller, -1, NULL, 0);
    plane_pass(p, 60000);
    assert_int_equal(told.fenced, 0);
    close_broker(p);
}

TEST(who_stood_still_and_finds_no_controller_serves_after_a_session_timeout)
{
    struct plane *p = open_running();
    controller_channel_set_leader(p->broker.controller, -1, NULL, 0);
    stand_still(p, 10000);
    plane_pass(p, 8000);
    assert_int_equal(told.fenced, 1);
    plane_pass(p, 4000);
    assert_int_equal(told.fenced, 0);
    close_broker(p);
}

TEST(shutdown_hands_nothing_over_when_it_shall_not)
{
    struct plane *p = open_broker(false);
    run_until_running(p);
    int before = controller.heartbeats;
    lifecycle_shutdown(l);
    assert_int_equal(told.may_stop, 1);
    plane_pass(p, 5000);
    assert_int_equal(controller.heartbeats, before);
    close_broker(p);
}
