/* Topics and their configurations: what is created, what is refused, and with which error. */
#include "world.h"

typedef struct create_topics_request_creatable_topic new_topic;

static const struct create_topics_response_creatable_topic_result *
create(struct world *w, const new_topic *topic, bool validate_only)
{
    struct create_topics_request *rq = ARENA_NEW(&w->arena, struct create_topics_request);
    create_topics_request_init(rq);
    rq->topics = ARENA_NEW(&w->arena, new_topic);
    *rq->topics = *topic;
    rq->topics_count = 1;
    rq->validate_only = validate_only;
    const struct create_topics_response *r = world_call(w, API_CREATE_TOPICS, 7, rq);
    return &r->topics[0];
}

static int16_t create_error(struct world *w, const char *name, int32_t partitions, int16_t factor)
{
    new_topic t = {
        .name = str_of(name), .num_partitions = partitions, .replication_factor = factor};
    return create(w, &t, false)->error_code;
}

TEST(topic_is_created_with_records_in_order)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 3; id++) world_broker(&w, id, NULL);
    struct create_topics_request_creatable_topic_config config = {STR("retention.ms"), STR("100")};
    new_topic t = {.name = STR("t"),
                   .num_partitions = 2,
                   .replication_factor = 3,
                   .configs = &config,
                   .configs_count = 1};
    const struct create_topics_response_creatable_topic_result *r = create(&w, &t, false);
    assert_int_equal(r->error_code, 0);
    assert_int_equal(r->num_partitions, 2);
    assert_int_equal(r->replication_factor, 3);
    assert_false(uuid_is_zero(r->topic_id));
    assert_true(r->configs_count > 20);
    bool seen = false;
    for (int32_t i = 0; i < r->configs_count; i++)
        if (str_equal_z(r->configs[i].name, "retention.ms")) {
            seen = true;
            assert_true(str_equal_z(r->configs[i].value, "100"));
            assert_int_equal(r->configs[i].config_source, SOURCE_TOPIC);
        }
    assert_true(seen);
    assert_int_equal(world_record(&w, 3)->id, METADATA_RECORD_TOPIC);
    assert_int_equal(world_record(&w, 2)->id, METADATA_RECORD_CONFIG);
    const struct metadata_record *p = world_record(&w, 1);
    assert_int_equal(p->id, METADATA_RECORD_PARTITION);
    assert_int_equal(p->version, 2);
    assert_int_equal(p->u.partition.leader, p->u.partition.replicas[0]);
    assert_int_equal(p->u.partition.directories_count, 3);
    assert_true(uuid_equal(p->u.partition.directories[0],
                           UUID_SMALL((uint8_t)(100 + p->u.partition.replicas[0]))));
    world_check(&w);
    world_free(&w);
}

TEST(validate_only_writes_nothing)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    int32_t before = w.log_count;
    new_topic t = {.name = STR("t"), .num_partitions = -1, .replication_factor = -1};
    const struct create_topics_response_creatable_topic_result *r = create(&w, &t, true);
    assert_int_equal(r->error_code, 0);
    assert_int_equal(r->num_partitions, 1);
    assert_int_equal(w.log_count, before);
    assert_null(image_topic_by_name(controller_image(w.c), STR("t")));
    world_free(&w);
}

TEST(topic_is_refused_for_each_reason)
{
    struct world w;
    world_init(&w);
    assert_int_equal(create_error(&w, "t", 1, 1), KAFKA_INVALID_REPLICATION_FACTOR); /* no broker */
    world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    assert_int_equal(create_error(&w, "t", 1, 3), KAFKA_INVALID_REPLICATION_FACTOR);
    assert_int_equal(create_error(&w, "t", 1, 0), KAFKA_INVALID_REPLICATION_FACTOR);
    assert_int_equal(create_error(&w, "t", 0, 1), KAFKA_INVALID_PARTITIONS);
    assert_int_equal(create_error(&w, "t", -2, 1), KAFKA_INVALID_PARTITIONS);
    assert_int_equal(create_error(&w, "", 1, 1), KAFKA_INVALID_TOPIC_EXCEPTION);
    assert_int_equal(create_error(&w, "..", 1, 1), KAFKA_INVALID_TOPIC_EXCEPTION);
    assert_int_equal(create_error(&w, "a b", 1, 1), KAFKA_INVALID_TOPIC_EXCEPTION);
    assert_int_equal(create_error(&w, "__cluster_metadata", 1, 1), KAFKA_INVALID_REQUEST);
    assert_int_equal(create_error(&w, "t", 10001, 1), KAFKA_POLICY_VIOLATION);
    assert_int_equal(create_error(&w, "a.b", 1, 1), 0);
    assert_int_equal(create_error(&w, "a.b", 1, 1), KAFKA_TOPIC_ALREADY_EXISTS);
    assert_int_equal(create_error(&w, "a_b", 1, 1), KAFKA_INVALID_TOPIC_EXCEPTION);
    struct create_topics_request_creatable_topic_config config = {STR("retention.ms"), STR("x")};
    new_topic t = {.name = STR("t"),
                   .num_partitions = 1,
                   .replication_factor = 1,
                   .configs = &config,
                   .configs_count = 1};
    assert_int_equal(create(&w, &t, false)->error_code, KAFKA_INVALID_CONFIG);
    config.value = STR_NULL;
    assert_int_equal(create(&w, &t, false)->error_code, KAFKA_INVALID_CONFIG);
    config = (struct create_topics_request_creatable_topic_config){STR("no.such.key"), STR("1")};
    assert_int_equal(create(&w, &t, false)->error_code, KAFKA_INVALID_CONFIG);
    world_check(&w);
    world_free(&w);
}

TEST(message_about_an_endless_name_still_fits_a_response)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    char *name = arena_alloc(&w.arena, INT16_MAX);
    memset(name, 'a', INT16_MAX);
    new_topic t = {.name = {name, INT16_MAX}, .num_partitions = 1, .replication_factor = 1};
    struct create_topics_request_creatable_topic_config *configs =
        create_topics_request_creatable_topic_config_new(&w.arena, 5);
    for (int i = 0; i < 5; i++)
        configs[i] = (struct create_topics_request_creatable_topic_config){t.name, STR_NULL};
    /* world_call validates every response at its version */
    assert_int_equal(create(&w, &t, false)->error_code, KAFKA_INVALID_TOPIC_EXCEPTION);
    t.name = STR("t");
    t.configs = configs;
    t.configs_count = 5;
    assert_int_equal(create(&w, &t, false)->error_code, KAFKA_INVALID_CONFIG);
    world_free(&w);
}

TEST(manual_assignment_is_checked_whole)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 3; id++) world_broker(&w, id, NULL);
    int32_t a[] = {1, 2}, b[] = {3, 1}, unknown[] = {1, 9}, twice[] = {2, 2};
    struct create_topics_request_creatable_replica_assignment assignments[] = {{0, a, 2},
                                                                               {1, b, 2}};
    new_topic t = {.name = STR("t"),
                   .num_partitions = -1,
                   .replication_factor = -1,
                   .assignments = assignments,
                   .assignments_count = 2};
    new_topic bad = t;
    bad.replication_factor = 2;
    assert_int_equal(create(&w, &bad, false)->error_code, KAFKA_INVALID_REQUEST);
    bad = t;
    bad.num_partitions = 2;
    assert_int_equal(create(&w, &bad, false)->error_code, KAFKA_INVALID_REQUEST);
    assignments[1].broker_ids = unknown;
    assert_int_equal(create(&w, &t, false)->error_code, KAFKA_INVALID_REPLICA_ASSIGNMENT);
    assignments[1].broker_ids = twice;
    assert_int_equal(create(&w, &t, false)->error_code, KAFKA_INVALID_REPLICA_ASSIGNMENT);
    assignments[1].broker_ids = b;
    assignments[1].broker_ids_count = 1;
    assert_int_equal(create(&w, &t, false)->error_code, KAFKA_INVALID_REPLICA_ASSIGNMENT);
    assignments[1].broker_ids_count = 2;
    assignments[1].partition_index = 2;
    assert_int_equal(create(&w, &t, false)->error_code, KAFKA_INVALID_REPLICA_ASSIGNMENT);
    assignments[1].partition_index = 0;
    assert_int_equal(create(&w, &t, false)->error_code, KAFKA_INVALID_REPLICA_ASSIGNMENT);
    assignments[1].partition_index = 1;
    assert_int_equal(create(&w, &t, false)->error_code, 0);
    assert_int_equal(world_partition(&w, "t", 1)->leader, 3);
    world_check(&w);
    world_free(&w);
}

TEST(topics_are_deleted_by_name_and_by_id)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    assert_int_equal(create_error(&w, "a", 2, 1), 0);
    assert_int_equal(create_error(&w, "b", 2, 1), 0);
    struct uuid b = image_topic_by_name(controller_image(w.c), STR("b"))->id;
    struct delete_topics_request_delete_topic_state topics[] = {
        {STR("a"), UUID_ZERO},     {STR_NULL, b},         {STR("nope"), UUID_ZERO},
        {STR_NULL, UUID_SMALL(9)}, {STR_NULL, UUID_ZERO}, {STR("a"), b}};
    struct delete_topics_request rq = {.topics = topics, .topics_count = 6};
    const struct delete_topics_response *r = world_call(&w, API_DELETE_TOPICS, 6, &rq);
    assert_int_equal(r->responses[0].error_code, 0);
    assert_int_equal(r->responses[1].error_code, 0);
    assert_true(str_equal_z(r->responses[1].name, "b"));
    assert_int_equal(r->responses[2].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(r->responses[3].error_code, KAFKA_UNKNOWN_TOPIC_ID);
    assert_int_equal(r->responses[4].error_code, KAFKA_INVALID_REQUEST);
    assert_int_equal(r->responses[5].error_code, KAFKA_INVALID_REQUEST);
    assert_int_equal(controller_image(w.c)->topics_count, 0);
    struct str name = STR("a");
    struct delete_topics_request old = {.topic_names = &name, .topic_names_count = 1};
    r = world_call(&w, API_DELETE_TOPICS, 5, &old);
    assert_int_equal(r->responses[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    world_check(&w);
    world_free(&w);
}

TEST(partitions_are_added_and_never_removed)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 3; id++) world_broker(&w, id, NULL);
    assert_int_equal(create_error(&w, "t", 2, 2), 0);
    struct create_partitions_request_create_partitions_topic t = {
        .name = STR("t"), .count = 5, .assignments_count = -1};
    struct create_partitions_request rq = {.topics = &t, .topics_count = 1};
    const struct create_partitions_response *r;
    r = world_call(&w, API_CREATE_PARTITIONS, 3, &rq);
    assert_int_equal(r->results[0].error_code, 0);
    assert_int_equal(image_topic_by_name(controller_image(w.c), STR("t"))->partitions_count, 5);
    assert_int_equal(world_partition(&w, "t", 4)->replicas_count, 2);
    r = world_call(&w, API_CREATE_PARTITIONS, 3, &rq);
    assert_int_equal(r->results[0].error_code, KAFKA_INVALID_PARTITIONS);
    t.count = 4;
    r = world_call(&w, API_CREATE_PARTITIONS, 3, &rq);
    assert_int_equal(r->results[0].error_code, KAFKA_INVALID_PARTITIONS);
    int32_t ids[] = {3, 1};
    struct create_partitions_request_create_partitions_assignment manual = {ids, 2};
    t.count = 6;
    t.assignments = &manual;
    t.assignments_count = 1;
    r = world_call(&w, API_CREATE_PARTITIONS, 3, &rq);
    assert_int_equal(r->results[0].error_code, 0);
    assert_int_equal(world_partition(&w, "t", 5)->leader, 3);
    manual.broker_ids_count = 1;
    t.count = 7;
    r = world_call(&w, API_CREATE_PARTITIONS, 3, &rq);
    assert_int_equal(r->results[0].error_code, KAFKA_INVALID_REPLICA_ASSIGNMENT);
    world_check(&w);
    world_free(&w);
}

TEST(placement_spreads_leaders_and_racks)
{
    struct world w;
    world_init(&w);
    const char *racks[] = {"a", "a", "b", "b", "c", "c"};
    for (int32_t id = 0; id < 6; id++) world_broker(&w, id, racks[id]);
    assert_int_equal(create_error(&w, "t", 60, 3), 0);
    int32_t leaders[6] = {0};
    for (int32_t i = 0; i < 60; i++) {
        const struct image_partition *p = world_partition(&w, "t", i);
        leaders[p->leader]++;
        int32_t in_rack[3] = {0};
        for (int32_t k = 0; k < 3; k++) in_rack[partition_replicas(p)[k] / 2]++;
        for (int32_t k = 0; k < 3; k++) assert_int_equal(in_rack[k], 1);
    }
    for (int32_t id = 0; id < 6; id++) assert_int_equal(leaders[id], 10);
    world_check(&w);
    world_free(&w);
}

TEST(broker_that_has_stopped_cleanly_still_takes_replicas)
{
    struct world w;
    world_init(&w);
    for (int32_t id = 1; id <= 3; id++) world_broker(&w, id, NULL);
    assert_int_equal(create_error(&w, "before", 3, 3), 0);
    assert_false(world_heartbeat(&w, 3, false, true)->should_shut_down);
    /* while it hands over it takes nothing new */
    assert_int_equal(create_error(&w, "during", 1, 3), KAFKA_INVALID_REPLICATION_FACTOR);
    (void)world_heartbeat(&w, 1, false, false);
    (void)world_heartbeat(&w, 2, false, false);
    assert_true(world_heartbeat(&w, 3, false, true)->should_shut_down);
    assert_int_equal(create_error(&w, "after", 1, 3), 0); /* it will be back */
    const struct image_partition *p = world_partition(&w, "after", 0);
    assert_int_equal(p->isr_count, 2);
    assert_false(partition_in_isr(p, 3));
    world_check(&w);
    world_free(&w);
}

TEST(fenced_brokers_fill_up_but_do_not_lead)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    int16_t error;
    (void)world_register(&w, 2, NULL, 2, -1, &error);
    assert_int_equal(create_error(&w, "t", 5, 2), 0);
    for (int32_t i = 0; i < 5; i++) {
        const struct image_partition *p = world_partition(&w, "t", i);
        assert_int_equal(p->leader, 1);
        assert_int_equal(p->isr_count, 1);
        assert_int_equal(p->replicas_count, 2);
    }
    world_check(&w);
    world_free(&w);
}

/* ---- configurations */

static int16_t alter(struct world *w, int8_t type, const char *resource, const char *key,
                     int8_t operation, const char *value)
{
    struct incremental_alter_configs_request_alterable_config op = {str_of(key), operation,
                                                                    str_of(value)};
    struct incremental_alter_configs_request_alter_configs_resource r = {type, str_of(resource),
                                                                         &op, 1};
    struct incremental_alter_configs_request rq = {&r, 1, false};
    const struct incremental_alter_configs_response *answer =
        world_call(w, API_INCREMENTAL_ALTER_CONFIGS, 1, &rq);
    return answer->responses[0].error_code;
}

static struct str value_of(struct world *w, enum resource_type type, const char *resource,
                           const char *key)
{
    return image_config_value(controller_image(w->c), type, str_of(resource), str_of(key));
}

TEST(a_controller_asked_directly_cordons_no_directory_that_is_not)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    const char *key = "cordoned.log.dirs";
    assert_int_equal(alter(&w, RESOURCE_BROKER, "1", key, 0, "/a"), KAFKA_INVALID_CONFIG);
    w.local = true; /* as if the broker, which knows its directories, had passed it on */
    assert_int_equal(alter(&w, RESOURCE_BROKER, "1", key, 0, "/a, /b"), 0);
    w.local = false;
    assert_int_equal(alter(&w, RESOURCE_BROKER, "1", key, 0, "/b,/c"), KAFKA_INVALID_CONFIG);
    assert_int_equal(alter(&w, RESOURCE_BROKER, "1", key, 0, "*"), KAFKA_INVALID_CONFIG);
    assert_int_equal(alter(&w, RESOURCE_BROKER, "1", key, 0, "/b"), 0);
    assert_int_equal(alter(&w, RESOURCE_BROKER, "1", key, 0, ""), 0);
    assert_int_equal(alter(&w, RESOURCE_BROKER, "1", key, 1, NULL), 0);
    world_check(&w);
    world_free(&w);
}

TEST(configs_are_set_deleted_appended_and_subtracted)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    assert_int_equal(create_error(&w, "t", 1, 1), 0);
    assert_int_equal(alter(&w, RESOURCE_TOPIC, "t", "retention.ms", 0, "77"), 0);
    assert_true(str_equal_z(value_of(&w, RESOURCE_TOPIC, "t", "retention.ms"), "77"));
    int32_t before = w.log_count;
    assert_int_equal(alter(&w, RESOURCE_TOPIC, "t", "retention.ms", 0, "77"), 0);
    assert_int_equal(w.log_count, before); /* nothing changes, nothing is written */
    assert_int_equal(alter(&w, RESOURCE_TOPIC, "t", "cleanup.policy", 2, "compact"), 0);
    assert_true(str_equal_z(value_of(&w, RESOURCE_TOPIC, "t", "cleanup.policy"), "delete,compact"));
    assert_int_equal(alter(&w, RESOURCE_TOPIC, "t", "cleanup.policy", 3, "delete"), 0);
    assert_true(str_equal_z(value_of(&w, RESOURCE_TOPIC, "t", "cleanup.policy"), "compact"));
    assert_int_equal(alter(&w, RESOURCE_TOPIC, "t", "retention.ms", 1, NULL), 0);
    assert_int_equal(value_of(&w, RESOURCE_TOPIC, "t", "retention.ms").len, -1);
    assert_int_equal(alter(&w, RESOURCE_TOPIC, "t", "retention.ms", 2, "1"), KAFKA_INVALID_CONFIG);
    assert_int_equal(alter(&w, RESOURCE_TOPIC, "t", "retention.ms", 0, "x"), KAFKA_INVALID_CONFIG);
    assert_int_equal(alter(&w, RESOURCE_TOPIC, "t", "retention.ms", 9, "1"), KAFKA_INVALID_REQUEST);
    assert_int_equal(alter(&w, RESOURCE_TOPIC, "t", "retention.ms", 0, NULL),
                     KAFKA_INVALID_REQUEST);
    assert_int_equal(alter(&w, RESOURCE_TOPIC, "u", "retention.ms", 0, "1"),
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(alter(&w, RESOURCE_TOPIC, "", "retention.ms", 0, "1"), KAFKA_INVALID_REQUEST);
    assert_int_equal(alter(&w, RESOURCE_BROKER, "9", "log.cleaner.threads", 0, "2"),
                     KAFKA_BROKER_ID_NOT_REGISTERED);
    assert_int_equal(alter(&w, RESOURCE_BROKER, "x", "log.cleaner.threads", 0, "2"),
                     KAFKA_INVALID_REQUEST);
    assert_int_equal(alter(&w, RESOURCE_BROKER, "", "log.cleaner.threads", 0, "2"), 0);
    assert_int_equal(alter(&w, 99, "t", "a", 0, "b"), KAFKA_UNSUPPORTED_VERSION);
    world_check(&w);
    world_free(&w);
}

TEST(minimum_in_sync_replicas_belongs_to_the_cluster_with_elr)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    world_broker(&w, 2, NULL);
    assert_int_equal(create_error(&w, "t", 1, 2), 0);
    assert_int_equal(alter(&w, RESOURCE_BROKER, "1", "min.insync.replicas", 0, "2"),
                     KAFKA_INVALID_CONFIG);
    assert_int_equal(alter(&w, RESOURCE_BROKER, "", "min.insync.replicas", 1, NULL),
                     KAFKA_INVALID_CONFIG);
    assert_int_equal(alter(&w, RESOURCE_BROKER, "", "min.insync.replicas", 0, "2"), 0);
    assert_int_equal(world_record(&w, 0)->id, METADATA_RECORD_CLEAR_ELR);
    world_beat(&w, 10000, 2);
    assert_int_equal(world_partition(&w, "t", 0)->elr_count, 1); /* 1 of 2: below the minimum */
    assert_int_equal(alter(&w, RESOURCE_TOPIC, "t", "min.insync.replicas", 0, "1"), 0);
    assert_int_equal(world_partition(&w, "t", 0)->elr_count, 0);
    world_check(&w);
    world_free(&w);
}

TEST(legacy_alter_replaces_everything)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    assert_int_equal(create_error(&w, "t", 1, 1), 0);
    assert_int_equal(alter(&w, RESOURCE_TOPIC, "t", "retention.ms", 0, "77"), 0);
    struct alter_configs_request_alterable_config one = {STR("segment.ms"), STR("99")};
    struct alter_configs_request_alter_configs_resource r = {RESOURCE_TOPIC, STR("t"), &one, 1};
    struct alter_configs_request rq = {&r, 1, false};
    const struct alter_configs_response *answer = world_call(&w, API_ALTER_CONFIGS, 2, &rq);
    assert_int_equal(answer->responses[0].error_code, 0);
    assert_true(str_equal_z(value_of(&w, RESOURCE_TOPIC, "t", "segment.ms"), "99"));
    assert_int_equal(value_of(&w, RESOURCE_TOPIC, "t", "retention.ms").len, -1);
    world_check(&w);
    world_free(&w);
}

/* The error of one request for two topics, each with `each` values of its own. */
static int16_t alter_many(struct world *w, int32_t each)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct incremental_alter_configs_request_alterable_config *values =
        ARENA_ARRAY(&arena, struct incremental_alter_configs_request_alterable_config, each);
    for (int32_t i = 0; i < each; i++) {
        values[i].name = arena_printf(&arena, "unknown.%d", i);
        values[i].value = STR("v");
    }
    struct incremental_alter_configs_request_alter_configs_resource r[2] = {
        {RESOURCE_TOPIC, STR("t"), values, each}, {RESOURCE_TOPIC, STR("u"), values, each}};
    struct incremental_alter_configs_request rq = {r, 2, true};
    const struct incremental_alter_configs_response *answer =
        world_call(w, API_INCREMENTAL_ALTER_CONFIGS, 1, &rq);
    assert_int_equal(answer->responses[0].error_code, answer->responses[1].error_code);
    int16_t error = answer->responses[0].error_code;
    arena_free(&arena);
    return error;
}

TEST(an_alteration_of_too_many_values_in_all_is_refused_whole)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    assert_int_equal(create_error(&w, "t", 1, 1), 0);
    assert_int_equal(create_error(&w, "u", 1, 1), 0);
    assert_int_equal(alter_many(&w, 5000), KAFKA_INVALID_CONFIG); /* judged: no such keys */
    assert_int_equal(alter_many(&w, 5001), KAFKA_POLICY_VIOLATION);
    world_check(&w);
    world_free(&w);
}

/* ---- features */

static bool quorum_may;
static int raised, checked;

static enum err raise_kraft_version(struct committer *k, int32_t epoch, int16_t level,
                                    bool validate_only, const char **why)
{
    (void)k;
    assert_int_equal(epoch, 1);
    assert_int_equal(level, 1);
    if (validate_only)
        checked++;
    else
        raised++;
    if (quorum_may) return ERR_OK;
    *why = "Voter 3 does not support it.";
    return ERR_INVALID;
}

static const struct update_features_response *update_two(struct world *w, int16_t version, bool dry,
                                                         struct str other, int16_t level)
{
    static struct update_features_request_feature_update_key u[2];
    u[0] = (struct update_features_request_feature_update_key){FEATURE_KRAFT_VERSION, 1, false, 1};
    u[1] = (struct update_features_request_feature_update_key){other, level, false, 1};
    struct update_features_request rq = {.feature_updates = u, .feature_updates_count = 2};
    rq.validate_only = dry;
    return world_call(w, API_UPDATE_FEATURES, version, &rq);
}

TEST(kraft_version_is_raised_by_the_quorum_after_all_else_is_checked)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    struct committer_ops ops = *w.committer.ops;
    ops.raise_kraft_version = raise_kraft_version;
    w.committer.ops = &ops;
    raised = checked = 0;
    quorum_may = false;
    struct str other = FEATURE_TRANSACTION_VERSION;
    const struct update_features_response *r = update_two(&w, 2, false, other, 2);
    assert_int_equal(r->error_code, KAFKA_INVALID_UPDATE_VERSION);
    assert_non_null(strstr(r->error_message.data, "Voter 3 does not support it."));
    assert_int_equal(image_feature_level(controller_image(w.c), other), 0); /* all or nothing */
    quorum_may = true;
    r = update_two(&w, 2, false, other, 9); /* the other cannot: the quorum is not even asked */
    assert_int_equal(r->error_code, KAFKA_INVALID_UPDATE_VERSION);
    assert_int_equal(raised, 1);
    r = update_two(&w, 1, true, other, 2); /* a dry run */
    assert_int_equal(r->error_code, 0);
    assert_int_equal(r->results_count, 2);
    assert_int_equal(checked, 1);
    assert_int_equal(raised, 1);
    assert_int_equal(image_feature_level(controller_image(w.c), other), 0);
    r = update_two(&w, 2, false, other, 2);
    assert_int_equal(r->error_code, 0);
    assert_int_equal(r->results_count, 0); /* one result for all, from version 2 on */
    assert_int_equal(raised, 2);
    assert_int_equal(world_record(&w, 0)->id, METADATA_RECORD_NO_OP);
    assert_int_equal(image_feature_level(controller_image(w.c), other), 2);
    r = update_two(&w, 2, false, other, 2); /* it is at 1 now */
    assert_int_equal(raised, 2);
    world_check(&w);
    world_free(&w);
}

static int16_t update(struct world *w, struct str feature, int16_t level, int8_t type)
{
    struct update_features_request_feature_update_key u = {feature, level, false, type};
    struct update_features_request rq = {.feature_updates = &u, .feature_updates_count = 1};
    const struct update_features_response *r = world_call(w, API_UPDATE_FEATURES, 2, &rq);
    return r->error_code;
}

TEST(features_move_only_where_all_can_follow)
{
    struct world w;
    world_init(&w);
    world_broker(&w, 1, NULL);
    const int16_t refused = KAFKA_INVALID_UPDATE_VERSION;
    assert_int_equal(update(&w, FEATURE_TRANSACTION_VERSION, 2, 1), 0);
    assert_int_equal(image_feature_level(controller_image(w.c), FEATURE_TRANSACTION_VERSION), 2);
    assert_int_equal(update(&w, FEATURE_TRANSACTION_VERSION, 3, 1), refused);
    assert_int_equal(update(&w, FEATURE_TRANSACTION_VERSION, 1, 1), refused);
    assert_int_equal(update(&w, FEATURE_TRANSACTION_VERSION, 0, 2), 0);
    assert_int_equal(image_feature_level(controller_image(w.c), FEATURE_TRANSACTION_VERSION), 0);
    assert_int_equal(update(&w, FEATURE_METADATA_VERSION, 29, 2), refused); /* 30 changed records */
    assert_int_equal(update(&w, FEATURE_METADATA_VERSION, 31, 1), refused);
    assert_int_equal(update(&w, STR("nobody.knows"), 1, 1), refused);
    assert_int_equal(update(&w, FEATURE_KRAFT_VERSION, 1, 1), refused);
    world_check(&w);
    world_free(&w);
}
