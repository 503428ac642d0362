/* Activation, answers at commit, leadership, sessions and the life of a broker. */
#include "world.h"

TEST(first_leader_writes_the_bootstrap_transaction)
{
    struct world w;
    world_init(&w);
    int16_t expected[] = {METADATA_RECORD_BEGIN_TRANSACTION,
                          METADATA_RECORD_FEATURE_LEVEL,
                          METADATA_RECORD_FEATURE_LEVEL,
                          METADATA_RECORD_FEATURE_LEVEL,
                          METADATA_RECORD_FEATURE_LEVEL,
                          METADATA_RECORD_FEATURE_LEVEL,
                          METADATA_RECORD_CONFIG,
                          METADATA_RECORD_END_TRANSACTION};
    assert_int_equal(w.log_count, 8);
    for (int i = 0; i < 8; i++) assert_int_equal(world_record(&w, 7 - i)->id, expected[i]);
    assert_int_equal(controller_image(w.c)->metadata_version, METADATA_VERSION_DEFAULT);
    assert_true(settings_elr(w.c));
    world_check(&w);
    /* a second leader of the same log writes nothing */
    assert_false(controller_renounce(w.c));
    w.epoch = 2;
    controller_lead(w.c, 2);
    assert_int_equal(w.log_count, 8);
    world_free(&w);
}

TEST(leader_registers_itself_once_in_its_life)
{
    struct world w;
    world_init(&w);
    struct image_endpoint at = {STR("CONTROLLER"), STR("h"), 9093, 0};
    controller_renounce(w.c);
    w.c->options.endpoints = &at;
    w.c->options.endpoints_count = 1;
    for (w.epoch = 2; w.epoch < 4; w.epoch++) {
        int32_t before = w.log_count;
        controller_lead(w.c, w.epoch);
        world_commit(&w);
        assert_int_equal(w.log_count - before, w.epoch == 2 ? 1 : 0);
        assert_int_equal(world_record(&w, 0)->id, METADATA_RECORD_REGISTER_CONTROLLER);
        assert_int_equal(image_controller(controller_image(w.c), 1)->endpoints[0].port, 9093);
        world_check(&w);
        controller_renounce(w.c);
    }
    world_free(&w);
}

TEST(standby_that_inherits_an_open_transaction_aborts_it)
{
    struct world w;
    world_init(&w);
    controller_renounce(w.c);
    struct metadata_record begin;
    metadata_record_init(&begin, METADATA_RECORD_BEGIN_TRANSACTION, 0);
    int64_t first;
    assert_ok(w.committer.ops->append(&w.committer, 1, &begin, 1, true, &first));
    assert_ok(controller_apply(w.c, first, 1, w.log[w.log_count - 1].value));
    w.epoch = 2;
    controller_lead(w.c, 2);
    assert_int_equal(world_record(&w, 0)->id, METADATA_RECORD_ABORT_TRANSACTION);
    world_commit(&w);
    world_check(&w);
    world_free(&w);
}

TEST(no_op_records_are_written_while_idle)
{
    struct world w;
    world_init(&w);
    int32_t before = w.log_count;
    world_sleep(&w, 2600);
    assert_int_equal(w.log_count - before, 5);
    assert_int_equal(world_record(&w, 0)->id, METADATA_RECORD_NO_OP);
    world_free(&w);
}

TEST(answer_leaves_when_its_records_commit_and_reads_wait_for_what_they_saw)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    struct allocate_producer_ids_request rq = {1, image_broker(controller_image(w.c), 1)->epoch};
    struct world_call *write = world_send(&w, API_ALLOCATE_PRODUCER_IDS, 0, &rq);
    struct list_partition_reassignments_request list = {.topics_count = -1};
    struct world_call *read = world_send(&w, API_LIST_PARTITION_REASSIGNMENTS, 0, &list);
    world_run_tasks(&w);
    assert_null(write->response);
    assert_null(read->response);
    world_commit(&w);
    assert_non_null(write->response);
    assert_non_null(read->response);
    world_free(&w);
}

TEST(renouncing_refuses_what_is_pending_and_drops_uncommitted_state)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    struct allocate_producer_ids_request rq = {1, image_broker(controller_image(w.c), 1)->epoch};
    struct world_call *write = world_send(&w, API_ALLOCATE_PRODUCER_IDS, 0, &rq);
    int32_t committed = w.log_count - 1;
    assert_true(controller_renounce(w.c));
    world_run_tasks(&w);
    const struct allocate_producer_ids_response *r = write->response;
    assert_int_equal(r->error_code, KAFKA_NOT_CONTROLLER);
    assert_int_equal(controller_end_offset(w.c), 0);
    for (int32_t i = 0; i < committed; i++)
        assert_ok(controller_apply(w.c, w.log[i].offset, 1, w.log[i].value));
    assert_int_equal(controller_image(w.c)->next_producer_id, 0);
    assert_int_equal(image_hash(controller_image(w.c)), image_hash(w.standby.image));
    r = world_call(&w, API_ALLOCATE_PRODUCER_IDS, 0, &rq);
    assert_int_equal(r->error_code, KAFKA_NOT_CONTROLLER);
    world_free(&w);
}

TEST(failed_append_refuses_and_resigns)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    struct allocate_producer_ids_request rq = {1, image_broker(controller_image(w.c), 1)->epoch};
    w.refuse_appends = true;
    const struct allocate_producer_ids_response *r =
        world_call(&w, API_ALLOCATE_PRODUCER_IDS, 0, &rq);
    assert_int_equal(r->error_code, KAFKA_NOT_CONTROLLER);
    assert_true(w.resigned);
    assert_false(controller_is_active(w.c));
    assert_int_equal(controller_image(w.c)->next_producer_id, 0);
    world_free(&w);
}

TEST(producer_ids_come_in_blocks)
{
    struct world w;
    world_init(&w);
    int64_t epoch = world_broker(&w, 1, NULL);
    struct allocate_producer_ids_request rq = {1, epoch};
    for (int i = 0; i < 3; i++) {
        const struct allocate_producer_ids_response *r =
            world_call(&w, API_ALLOCATE_PRODUCER_IDS, 0, &rq);
        assert_int_equal(r->error_code, 0);
        assert_int_equal(r->producer_id_start, i * 1000);
        assert_int_equal(r->producer_id_len, 1000);
    }
    rq.broker_epoch++;
    const struct allocate_producer_ids_response *r =
        world_call(&w, API_ALLOCATE_PRODUCER_IDS, 0, &rq);
    assert_int_equal(r->error_code, KAFKA_STALE_BROKER_EPOCH);
    world_free(&w);
}

/* ---- the life of a broker */

TEST(broker_registers_fenced_and_is_unfenced_when_caught_up)
{
    struct world w;
    world_init(&w);
    int16_t error;
    int64_t next = w.end_offset;
    int64_t epoch = world_register(&w, 1, "a", 1, -1, &error);
    assert_int_equal(error, 0);
    assert_int_equal(epoch, next);
    const struct image_broker *b = image_broker(controller_image(w.c), 1);
    assert_true(b->fenced);
    assert_int_equal(b->register_offset, next);
    struct broker_heartbeat_request rq;
    broker_heartbeat_request_init(&rq);
    rq.broker_id = 1;
    rq.broker_epoch = epoch;
    rq.current_metadata_offset = b->register_offset - 1;
    const struct broker_heartbeat_response *r = world_call(&w, API_BROKER_HEARTBEAT, 2, &rq);
    assert_false(r->is_caught_up);
    assert_true(r->is_fenced);
    rq.current_metadata_offset++;
    r = world_call(&w, API_BROKER_HEARTBEAT, 2, &rq);
    assert_true(r->is_caught_up);
    assert_false(r->is_fenced);
    const struct metadata_record *record = world_record(&w, 0);
    assert_int_equal(record->id, METADATA_RECORD_BROKER_REGISTRATION_CHANGE);
    assert_int_equal(record->version, 0);
    assert_int_equal(record->u.broker_registration_change.fenced, -1);
    rq.broker_epoch--;
    r = world_call(&w, API_BROKER_HEARTBEAT, 2, &rq);
    assert_int_equal(r->error_code, KAFKA_STALE_BROKER_EPOCH);
    world_check(&w);
    world_free(&w);
}

TEST(second_incarnation_waits_for_the_session_of_the_first)
{
    struct world w;
    world_init(&w);
    int16_t error;
    int64_t epoch = world_broker(&w, 1, NULL);
    (void)world_register(&w, 1, NULL, 99, -1, &error);
    assert_int_equal(error, KAFKA_DUPLICATE_BROKER_REGISTRATION);
    (void)world_register(&w, 1, NULL, 11, -1, &error); /* the same process amends */
    assert_int_equal(error, 0);
    assert_int_equal(image_broker(controller_image(w.c), 1)->epoch, epoch);
    assert_false(image_broker(controller_image(w.c), 1)->fenced);
    world_sleep(&w, 9001);
    assert_true(image_broker(controller_image(w.c), 1)->fenced);
    assert_true(world_register(&w, 1, NULL, 99, -1, &error) > epoch);
    assert_int_equal(error, 0);
    world_check(&w);
    world_free(&w);
}

TEST(broker_in_the_controllers_own_process_does_not_wait_for_its_last_life)
{
    struct world w;
    world_init(&w);
    int16_t error;
    world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    w.local = true;
    (void)world_register(&w, 2, NULL, 99, -1, &error); /* another node's broker */
    assert_int_equal(error, KAFKA_DUPLICATE_BROKER_REGISTRATION);
    (void)world_register(&w, 1, NULL, 99, -1, &error);
    assert_int_equal(error, 0);
    assert_true(image_broker(controller_image(w.c), 1)->fenced);
    world_check(&w);
    world_free(&w);
}

TEST(lost_connection_fences_at_once_and_lets_the_next_incarnation_in)
{
    struct world w;
    world_init(&w);
    int16_t error;
    int64_t epoch = world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    assert_int_equal(world_topic(&w, "t", 4, 2), 0);
    controller_broker_lost(w.c, 1, epoch - 1, STR_NULL); /* of an earlier life */
    assert_false(image_broker(controller_image(w.c), 1)->fenced);
    controller_broker_lost(w.c, 1, epoch, STR_NULL);
    world_commit(&w);
    assert_true(image_broker(controller_image(w.c), 1)->fenced);
    for (int32_t i = 0; i < 4; i++) assert_int_equal(world_partition(&w, "t", i)->leader, 2);
    (void)world_register(&w, 1, NULL, 99, epoch, &error);
    assert_int_equal(error, 0);
    world_check(&w);
    world_free(&w);
}

TEST(broker_that_may_stop_can_be_started_again_at_once)
{
    struct world w;
    world_init(&w);
    int16_t error;
    int64_t epoch = world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    assert_true(world_heartbeat(&w, 1, false, true)->should_shut_down);
    assert_true(world_register(&w, 1, NULL, 99, epoch, &error) > epoch);
    assert_int_equal(error, 0);
    (void)world_register(&w, 2, NULL, 99, -1, &error); /* that one goes on */
    assert_int_equal(error, KAFKA_DUPLICATE_BROKER_REGISTRATION);
    world_check(&w);
    world_free(&w);
}

TEST(new_controller_gives_everybody_a_session_of_its_own)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    world_beat(&w, 8000, 2); /* 2 is silent for 8 s when the controller goes */
    struct controller *next = world_controller(&w, 2);
    for (int32_t i = 0; i < w.log_count; i++)
        assert_ok(controller_apply(next, w.log[i].offset, w.log[i].epoch, w.log[i].value));
    assert_false(controller_renounce(w.c));
    struct controller *before = w.c;
    w.c = next;
    w.epoch = 2;
    controller_lead(next, 2);
    world_commit(&w);
    int16_t error;
    (void)world_register(&w, 2, NULL, 99, -1, &error); /* it may live, unheard by the old one */
    assert_int_equal(error, KAFKA_DUPLICATE_BROKER_REGISTRATION);
    world_beat(&w, 8000, 2);
    assert_false(image_broker(controller_image(w.c), 2)->fenced);
    world_beat(&w, 2000, 2);
    assert_true(image_broker(controller_image(w.c), 2)->fenced);
    assert_false(image_broker(controller_image(w.c), 1)->fenced);
    world_check(&w);
    controller_free(before);
    world_free(&w);
}

TEST(registration_is_refused_for_each_reason)
{
    struct world w;
    world_init(&w);
    int16_t error;
    world_broker(&w, 1, NULL);
    struct broker_registration_request rq;
    broker_registration_request_init(&rq);
    rq.broker_id = 2;
    rq.cluster_id = STR("another");
    const struct broker_registration_response *r;
#define ASK() (r = world_call(&w, API_BROKER_REGISTRATION, 4, &rq))->error_code
    assert_int_equal(ASK(), KAFKA_INCONSISTENT_CLUSTER_ID);
    rq.cluster_id = STR("cluster");
    assert_int_equal(ASK(), KAFKA_INVALID_REGISTRATION); /* no directories */
    struct uuid dirs[] = {UUID_SMALL(50), UUID_SMALL(201)};
    rq.log_dirs = dirs;
    rq.log_dirs_count = 2;
    assert_int_equal(ASK(), KAFKA_INVALID_REGISTRATION); /* a reserved one */
    dirs[0] = dirs[1];
    assert_int_equal(ASK(), KAFKA_INVALID_REGISTRATION); /* twice */
    dirs[0] = UUID_SMALL(101);
    assert_int_equal(ASK(), KAFKA_INVALID_REGISTRATION); /* broker 1's */
    dirs[0] = UUID_SMALL(200);
    assert_int_equal(ASK(), KAFKA_INVALID_REGISTRATION); /* no metadata.version */
    struct broker_registration_request_feature features[] = {{FEATURE_METADATA_VERSION, 7, 29},
                                                             {FEATURE_GROUP_VERSION, 0, 1}};
    rq.features = features;
    rq.features_count = 1;
    assert_int_equal(ASK(), KAFKA_UNSUPPORTED_VERSION); /* 30 is beyond it */
    features[0].max_supported_version = 30;
    rq.features_count = 2;
    assert_int_equal(ASK(), KAFKA_UNSUPPORTED_VERSION); /* finalized ones are not listed */
    rq.is_migrating_zk_broker = true;
    assert_int_equal(ASK(), KAFKA_BROKER_ID_NOT_REGISTERED);
    controller_set_kraft_version(w.c, 1);
    (void)world_register(&w, 3, NULL, 5, -1, &error);
    assert_int_equal(error, 0);
    world_check(&w);
    world_free(&w);
#undef ASK
}

TEST(controlled_shutdown_ends_when_nothing_is_led_and_all_know)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 3; id++) world_broker(&w, id, NULL);
    assert_int_equal(world_topic(&w, "t", 6, 3), 0);
    const struct broker_heartbeat_response *r = world_heartbeat(&w, 1, false, true);
    assert_false(r->should_shut_down);
    assert_true(image_broker(controller_image(w.c), 1)->in_controlled_shutdown);
    for (int32_t i = 0; i < 6; i++) {
        assert_int_not_equal(world_partition(&w, "t", i)->leader, 1);
        assert_false(partition_in_isr(world_partition(&w, "t", i), 1));
    }
    r = world_heartbeat(&w, 1, false, true);
    assert_false(r->should_shut_down); /* 2 and 3 have not applied it */
    (void)world_heartbeat(&w, 2, false, false);
    r = world_heartbeat(&w, 1, false, true);
    assert_false(r->should_shut_down);
    (void)world_heartbeat(&w, 3, false, false);
    r = world_heartbeat(&w, 1, false, true);
    assert_true(r->should_shut_down);
    assert_true(r->is_fenced);
    world_check(&w);
    world_free(&w);
}

TEST(silent_broker_is_fenced_on_time_and_its_partitions_move)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 3; id++) world_broker(&w, id, NULL);
    assert_int_equal(world_topic(&w, "t", 30, 3), 0);
    world_beat(&w, 8000, 2);
    assert_false(image_broker(controller_image(w.c), 2)->fenced);
    world_beat(&w, 2000, 2);
    assert_true(image_broker(controller_image(w.c), 2)->fenced);
    assert_false(image_broker(controller_image(w.c), 1)->fenced);
    for (int32_t i = 0; i < 30; i++) {
        const struct image_partition *p = world_partition(&w, "t", i);
        assert_int_not_equal(p->leader, 2);
        assert_int_equal(p->isr_count, 2);
    }
    world_check(&w);
    world_free(&w);
}

TEST(fenced_broker_is_unfenced_once_it_has_read_that_it_was)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 2; id++) world_broker(&w, id, NULL);
    world_topic(&w, "t", 1, 2);
    int64_t behind = w.end_offset - 1;
    world_beat(&w, 10000, 2); /* 2 stands still, and is fenced */
    const struct image_broker *b = image_broker(controller_image(w.c), 2);
    assert_true(b->fenced);
    struct broker_heartbeat_request rq;
    broker_heartbeat_request_init(&rq);
    rq.broker_id = 2;
    rq.broker_epoch = b->epoch;
    rq.current_metadata_offset = behind;
    const struct broker_heartbeat_response *r = world_call(&w, API_BROKER_HEARTBEAT, 2, &rq);
    assert_true(r->is_fenced && r->is_caught_up);
    rq.current_metadata_offset = b->fenced_offset - 1;
    r = world_call(&w, API_BROKER_HEARTBEAT, 2, &rq);
    assert_true(r->is_fenced);
    rq.current_metadata_offset++;
    r = world_call(&w, API_BROKER_HEARTBEAT, 2, &rq);
    assert_false(r->is_fenced);
    world_check(&w);
    world_free(&w);
}

TEST(last_in_sync_replica_becomes_eligible_and_leads_again_when_it_returns)
{
    struct world w;
    world_init(&w);
    int64_t epoch = world_broker(&w, 1, NULL);
    assert_int_equal(world_topic(&w, "t", 1, 1), 0);
    world_sleep(&w, 9001);
    const struct image_partition *p = world_partition(&w, "t", 0);
    assert_int_equal(p->leader, LEADER_NONE);
    assert_int_equal(p->isr_count, 0);
    assert_int_equal(p->elr_count, 1);
    assert_int_equal(p->last_known_elr_count, 1);
    assert_int_equal(image_places_of(controller_image(w.c), LEADER_NONE)->count, 1);
    int16_t error;
    (void)world_register(&w, 1, NULL, 77, epoch, &error); /* a clean stop */
    assert_int_equal(error, 0);
    assert_false(world_heartbeat(&w, 1, false, false)->is_fenced);
    p = world_partition(&w, "t", 0);
    assert_int_equal(p->leader, 1);
    assert_int_equal(p->leader_recovery_state, LEADER_RECOVERED);
    assert_int_equal(p->elr_count, 0);
    assert_int_equal(p->last_known_elr_count, 0);
    world_check(&w);
    world_free(&w);
}

TEST(unclean_stop_leaves_elr_and_only_the_last_leader_may_return)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    assert_int_equal(world_topic(&w, "t", 1, 1), 0);
    world_sleep(&w, 9001);
    int16_t error;
    (void)world_register(&w, 1, NULL, 77, -1, &error);
    const struct image_partition *p = world_partition(&w, "t", 0);
    assert_int_equal(p->elr_count, 0);
    assert_int_equal(p->last_known_elr_count, 1);
    (void)world_heartbeat(&w, 1, false, false);
    p = world_partition(&w, "t", 0);
    assert_int_equal(p->leader, 1);
    assert_int_equal(p->leader_recovery_state, LEADER_RECOVERING);
    world_check(&w);
    world_free(&w);
}

TEST(broker_that_lost_a_directory_while_fenced_does_not_lead_from_it)
{
    struct world w;
    world_init(&w);
    int64_t epoch = world_broker(&w, 1, NULL);
    assert_int_equal(world_topic(&w, "t", 1, 1), 0);
    controller_broker_lost(w.c, 1, epoch, STR_NULL);
    world_commit(&w);
    struct uuid dir = UUID_SMALL(101);
    struct broker_heartbeat_request rq;
    broker_heartbeat_request_init(&rq);
    rq.broker_id = 1;
    rq.broker_epoch = epoch;
    rq.current_metadata_offset = w.end_offset - 1;
    rq.offline_log_dirs = &dir;
    rq.offline_log_dirs_count = 1;
    const struct broker_heartbeat_response *r = world_call(&w, API_BROKER_HEARTBEAT, 2, &rq);
    assert_true(r->is_fenced); /* its directory first */
    rq.offline_log_dirs_count = 0;
    r = world_call(&w, API_BROKER_HEARTBEAT, 2, &rq);
    assert_false(r->is_fenced);
    world_check(&w);
    world_free(&w);
}

TEST(sessions_wait_for_a_controller_that_stood_still)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    w.hand.now = mono_add_ms(w.hand.now, 30000); /* nothing ran, nothing was read */
    world_sleep(&w, 1);
    assert_false(image_broker(controller_image(w.c), 1)->fenced);
    (void)world_heartbeat(&w, 1, false, false); /* it was waiting in the socket */
    world_sleep(&w, 8000);
    (void)world_heartbeat(&w, 1, false, false);
    world_sleep(&w, 2000);
    assert_false(image_broker(controller_image(w.c), 1)->fenced);
    assert_true(image_broker(controller_image(w.c), 2)->fenced); /* silent since */
    for (int i = 0; i < 4; i++) { /* a controller that is late for ever still notices */
        assert_false(image_broker(controller_image(w.c), 1)->fenced);
        w.hand.now = mono_add_ms(w.hand.now, 30000);
        world_sleep(&w, 1);
    }
    assert_true(image_broker(controller_image(w.c), 1)->fenced);
    world_check(&w);
    world_free(&w);
}

TEST(offline_directory_takes_its_partitions_out_of_sync)
{
    struct world w;
    world_init(&w);
    int64_t epoch = world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    assert_int_equal(world_topic(&w, "t", 2, 2), 0);
    struct uuid dir = UUID_SMALL(101);
    struct broker_heartbeat_request rq;
    broker_heartbeat_request_init(&rq);
    rq.broker_id = 1;
    rq.broker_epoch = epoch;
    rq.current_metadata_offset = w.end_offset - 1;
    rq.offline_log_dirs = &dir;
    rq.offline_log_dirs_count = 1;
    (void)world_call(&w, API_BROKER_HEARTBEAT, 2, &rq);
    for (int32_t i = 0; i < 2; i++) {
        assert_int_equal(world_partition(&w, "t", i)->leader, 2);
        assert_false(partition_in_isr(world_partition(&w, "t", i), 1));
    }
    world_check(&w);
    world_free(&w);
}

TEST(unregistered_broker_leaves_isr_and_cluster)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    assert_int_equal(world_topic(&w, "t", 3, 2), 0);
    struct unregister_broker_request rq = {1};
    const struct unregister_broker_response *r = world_call(&w, API_UNREGISTER_BROKER, 0, &rq);
    assert_int_equal(r->error_code, 0);
    assert_null(image_broker(controller_image(w.c), 1));
    for (int32_t i = 0; i < 3; i++) {
        const struct image_partition *p = world_partition(&w, "t", i);
        assert_int_equal(p->leader, 2);
        assert_int_equal(p->isr_count, 1);
        assert_int_equal(p->elr_count, 0);
    }
    r = world_call(&w, API_UNREGISTER_BROKER, 0, &rq);
    assert_int_equal(r->error_code, KAFKA_BROKER_ID_NOT_REGISTERED);
    world_check(&w);
    world_free(&w);
}

TEST(controllers_register_and_are_described)
{
    struct world w;
    world_init(&w);
    struct controller_registration_request_listener at = {STR("CONTROLLER"), STR("h"), 9093, 0};
    struct controller_registration_request rq;
    controller_registration_request_init(&rq);
    rq.controller_id = 1;
    rq.listeners = &at;
    rq.listeners_count = 1;
    const struct controller_registration_response *r =
        world_call(&w, API_CONTROLLER_REGISTRATION, 0, &rq);
    assert_int_equal(r->error_code, 0);
    struct describe_cluster_request ask;
    describe_cluster_request_init(&ask);
    const struct describe_cluster_response *d = world_call(&w, API_DESCRIBE_CLUSTER, 1, &ask);
    assert_int_equal(d->error_code, KAFKA_MISMATCHED_ENDPOINT_TYPE);
    ask.endpoint_type = 2;
    d = world_call(&w, API_DESCRIBE_CLUSTER, 1, &ask);
    assert_int_equal(d->error_code, 0);
    assert_int_equal(d->controller_id, 1);
    assert_int_equal(d->brokers_count, 1);
    assert_int_equal(d->brokers[0].port, 9093);
    world_check(&w);
    world_free(&w);
}
