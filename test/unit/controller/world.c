#include "world.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- trace */

static void line(struct trace *t, enum trace_level level, const char *component, const char *format,
                 va_list args)
{
    (void)t, (void)level, (void)component, (void)format, (void)args;
}

static const struct trace_ops trace_ops = {line};

/* ---- log */

static int64_t end_offset(struct committer *k)
{
    return CONTAINER_OF(k, struct world, committer)->end_offset;
}

static enum err append(struct committer *k, int32_t epoch, const struct metadata_record *records,
                       int32_t count, bool atomic, int64_t *first)
{
    struct world *w = CONTAINER_OF(k, struct world, committer);
    (void)atomic;
    if (w->refuse_appends) return ERR_NOT_LEADER;
    assert_int_equal(epoch, w->epoch);
    *first = w->end_offset;
    w->appends++;
    for (int32_t i = 0; i < count; i++) {
        struct out o;
        assert_ok(metadata_record_validate(&records[i]));
        out_init(&o);
        metadata_record_encode(&records[i], &o);
        uint8_t *frame = mem_alloc((size_t)o.len);
        out_flatten(&o, frame);
        MEM_GROW(w->log, w->log_count, w->log_capacity);
        w->log[w->log_count++] =
            (struct world_frame){w->end_offset++, epoch, bytes_of(frame, (size_t)o.len)};
        out_free(&o);
    }
    return ERR_OK;
}

static void resign(struct committer *k, int32_t epoch)
{
    (void)epoch;
    CONTAINER_OF(k, struct world, committer)->resigned = true;
}

static const struct committer_ops committer_ops = {
    .end_offset = end_offset, .append = append, .resign = resign};

/* ---- the world */

void world_start(struct world *w)
{
    static const char *const features[] = {"eligible.leader.replicas.version", "group.version",
                                           "share.version", "streams.version"};
    *w = (struct world){.trace = {.ops = &trace_ops}, .committer = {&committer_ops}, .epoch = 1};
    hand_env_init(&w->hand, 7);
    arena_init(&w->arena, 0);
    loader_init(&w->standby);
    w->config = config_new();
    struct metadata_record *bootstrap = ARENA_ARRAY(&w->arena, struct metadata_record, 5);
    for (int i = 0; i < 5; i++) {
        metadata_record_init(&bootstrap[i], METADATA_RECORD_FEATURE_LEVEL, 0);
        bootstrap[i].u.feature_level.name =
            i == 0 ? FEATURE_METADATA_VERSION : str_of(features[i - 1]);
        bootstrap[i].u.feature_level.feature_level = i == 0 ? METADATA_VERSION_DEFAULT : 1;
    }
    w->bootstrap = bootstrap;
    w->c = world_controller(w, 1);
}

struct controller *world_controller(struct world *w, int32_t node_id)
{
    struct controller_options options = {
        .node_id = node_id,
        .cluster_id = STR("cluster"),
        .config = w->config,
        .clock = &w->hand.clock,
        .rng = &w->hand.rng,
        .trace = &w->trace,
        .committer = &w->committer,
        .bootstrap = w->bootstrap,
        .bootstrap_count = 5,
    };
    return controller_new(&options);
}

void world_init(struct world *w)
{
    world_start(w);
    controller_lead(w->c, w->epoch);
    world_commit(w);
}

void world_feed(struct world *w, int64_t offset, struct bytes value)
{
    assert_ok(controller_apply(w->c, offset, w->epoch, value));
    assert_ok(loader_apply(&w->standby, offset, w->epoch, value, NULL));
    w->end_offset = offset + 1;
}

void world_free(struct world *w)
{
    controller_free(w->c);
    config_free(w->config);
    loader_free(&w->standby);
    for (int32_t i = 0; i < w->log_count; i++) mem_free((void *)(uintptr_t)w->log[i].value.data);
    mem_free(w->log);
    arena_free(&w->arena);
}

void world_run_tasks(struct world *w)
{
    hand_env_run_tasks(&w->hand);
}

void world_commit(struct world *w)
{
    for (; w->standby_at < w->log_count; w->standby_at++) {
        const struct world_frame *f = &w->log[w->standby_at];
        assert_ok(loader_apply(&w->standby, f->offset, f->epoch, f->value, NULL));
    }
    controller_committed(w->c, w->end_offset);
    world_run_tasks(w);
}

void world_sleep(struct world *w, int64_t ms)
{
    struct mono_time end = mono_add_ms(w->hand.now, ms);
    while (hand_env_step(&w->hand, end)) world_commit(w);
}

static void done(struct controller_call *call, const void *response)
{
    CONTAINER_OF(call, struct world_call, call)->response = response;
}

struct world_call *world_send(struct world *w, int16_t api_key, int16_t version,
                              const void *request)
{
    struct world_call *wc = ARENA_NEW(&w->arena, struct world_call);
    wc->call = (struct controller_call){.api_key = api_key,
                                        .version = version,
                                        .request = request,
                                        .arena = &w->arena,
                                        .listener = w->local ? STR_NULL : STR("CONTROLLER"),
                                        .forwarded = w->local,
                                        .done = done};
    controller_handle(w->c, &wc->call);
    return wc;
}

const void *world_call(struct world *w, int16_t api_key, int16_t version, const void *request)
{
    struct world_call *wc = world_send(w, api_key, version, request);
    assert_null(wc->response); /* never inline */
    world_commit(w);
    assert_non_null(wc->response);
    assert_ok(message_validate(message_response(api_key), wc->response, version));
    return wc->response;
}

struct broker_registration_request *world_registration(struct world *w, int32_t id,
                                                       const char *rack, uint8_t incarnation,
                                                       int64_t previous_epoch)
{
    int32_t count;
    const struct feature *table = feature_table(&count);
    struct broker_registration_request *rq =
        ARENA_NEW(&w->arena, struct broker_registration_request);
    broker_registration_request_init(rq);
    rq->broker_id = id;
    rq->cluster_id = STR("cluster");
    rq->incarnation_id = UUID_SMALL(incarnation);
    rq->rack = str_of(rack);
    rq->previous_broker_epoch = previous_epoch;
    rq->listeners = broker_registration_request_listener_new(&w->arena, 1);
    rq->listeners_count = 1;
    rq->listeners[0] =
        (struct broker_registration_request_listener){STR("PLAINTEXT"), STR("host"), 9092, 0};
    rq->features = broker_registration_request_feature_new(&w->arena, count);
    rq->features_count = count;
    for (int32_t i = 0; i < count; i++)
        rq->features[i] = (struct broker_registration_request_feature){str_of(table[i].name),
                                                                       table[i].min, table[i].max};
    rq->log_dirs = ARENA_ARRAY(&w->arena, struct uuid, 1);
    rq->log_dirs_count = 1;
    rq->log_dirs[0] = UUID_SMALL((uint8_t)(100 + id));
    return rq;
}

int64_t world_register(struct world *w, int32_t id, const char *rack, uint8_t incarnation,
                       int64_t previous_epoch, int16_t *error)
{
    const struct broker_registration_request *rq =
        world_registration(w, id, rack, incarnation, previous_epoch);
    const struct broker_registration_response *r = world_call(w, API_BROKER_REGISTRATION, 4, rq);
    if (error) *error = r->error_code;
    return r->broker_epoch;
}

const struct broker_heartbeat_response *world_heartbeat(struct world *w, int32_t id, bool fence,
                                                        bool shut_down)
{
    struct broker_heartbeat_request *rq = ARENA_NEW(&w->arena, struct broker_heartbeat_request);
    broker_heartbeat_request_init(rq);
    rq->broker_id = id;
    rq->broker_epoch = image_broker(controller_image(w->c), id)->epoch;
    rq->current_metadata_offset = w->end_offset - 1;
    rq->want_fence = fence;
    rq->want_shut_down = shut_down;
    return world_call(w, API_BROKER_HEARTBEAT, 2, rq);
}

int64_t world_broker(struct world *w, int32_t id, const char *rack)
{
    int16_t error;
    int64_t epoch = world_register(w, id, rack, (uint8_t)(10 + id), -1, &error);
    assert_int_equal(error, KAFKA_NONE);
    assert_true(world_heartbeat(w, id, true, false)->is_fenced);
    assert_false(world_heartbeat(w, id, false, false)->is_fenced);
    return epoch;
}

void world_beat(struct world *w, int64_t ms, int32_t silent)
{
    for (int64_t passed = 0; passed < ms; passed += 1000) {
        world_sleep(w, 1000);
        const struct image *image = controller_image(w->c);
        for (int32_t i = 0; i < image->brokers_count; i++) {
            const struct image_broker *b = image->brokers[i];
            if (b->id != silent) (void)world_heartbeat(w, b->id, b->fenced, false);
        }
    }
}

int16_t world_topic(struct world *w, const char *name, int32_t partitions, int16_t factor)
{
    struct create_topics_request *rq = ARENA_NEW(&w->arena, struct create_topics_request);
    create_topics_request_init(rq);
    rq->topics = create_topics_request_creatable_topic_new(&w->arena, 1);
    rq->topics_count = 1;
    rq->topics[0].name = str_of(name);
    rq->topics[0].num_partitions = partitions;
    rq->topics[0].replication_factor = factor;
    const struct create_topics_response *r = world_call(w, API_CREATE_TOPICS, 7, rq);
    return r->topics[0].error_code;
}

const struct image_partition *world_partition(struct world *w, const char *topic, int32_t id)
{
    const struct image_topic *t = image_topic_by_name(controller_image(w->c), str_of(topic));
    assert_non_null(t);
    return image_topic_partition(t, id);
}

const struct metadata_record *world_record(struct world *w, int32_t from_last)
{
    struct metadata_record *r = ARENA_NEW(&w->arena, struct metadata_record);
    assert_ok(metadata_record_decode(r, w->log[w->log_count - 1 - from_last].value, &w->arena));
    return r;
}

static void check_partition(const struct image *image, const struct image_partition *p, bool elr)
{
    if (p->leader != LEADER_NONE) {
        assert_true(partition_in_isr(p, p->leader));
        assert_true(partition_has_replica(p, p->leader));
        assert_true(image_broker_is_active(image, p->leader));
    }
    for (int32_t i = 0; i < p->isr_count; i++) {
        int32_t id = partition_isr(p)[i];
        assert_true(partition_has_replica(p, id));
        assert_false(ids_contain(partition_elr(p), p->elr_count, id));
        if (elr) assert_true(image_broker_is_active(image, id));
    }
    for (int32_t i = 0; i < p->elr_count; i++)
        assert_true(partition_has_replica(p, partition_elr(p)[i]));
    for (int32_t i = 0; i < p->adding_count; i++)
        assert_true(partition_has_replica(p, partition_adding(p)[i]));
    for (int32_t i = 0; i < p->removing_count; i++)
        assert_true(partition_has_replica(p, partition_removing(p)[i]));
    assert_true(p->last_known_elr_count <= 1);
    if (p->leader != LEADER_NONE) assert_int_equal(p->last_known_elr_count, 0);
}

void world_check_image(const struct image *image)
{
    uint32_t at = 0;
    bool elr = image_feature_level(image, FEATURE_ELR_VERSION) > 0;
    for (const struct image_topic *t; (t = image_topic_next(image, &at));)
        for (int32_t id = 0; id < t->partitions_size; id++)
            if (image_topic_partition(t, id))
                check_partition(image, image_topic_partition(t, id), elr);
}

void world_check(struct world *w)
{
    assert_int_equal(image_hash(controller_image(w->c)), image_hash(w->standby.image));
    world_check_image(controller_image(w->c));
}
