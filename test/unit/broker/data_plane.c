#include "data_plane.h"

#include <stdio.h>

#include "broker/doubted_reads.h"
#include "broker/no_room.h"
#include "broker/replication.h"

struct produced_answer produced;
struct fetched_answer fetched;

static struct plane *the_plane; /* deliver has no other way to it */

static void plane_offline(struct log_dir *dir, void *context)
{
    struct plane *p = context;
    replica_manager_directory_failed(p->broker.replicas, dir);
}

struct metadata_record plane_record(int16_t id)
{
    struct metadata_record r;
    metadata_record_init(&r, id, metadata_record_version(id, METADATA_VERSION_DEFAULT));
    return r;
}

void plane_replay(struct plane *p, struct metadata_record r)
{
    assert_ok(image_replay(p->image, p->image->end_offset, &r, NULL));
}

static void plane_register(struct plane *p, int32_t id, char *host)
{
    struct register_broker_record_broker_endpoint e = {
        .name = STR("PLAINTEXT"), .host = str_of(host), .port = (uint16_t)(9000 + id)};
    struct metadata_record r = plane_record(METADATA_RECORD_REGISTER_BROKER);
    r.u.register_broker.broker_id = id;
    r.u.register_broker.broker_epoch = 100 + id;
    r.u.register_broker.end_points = &e;
    r.u.register_broker.end_points_count = 1;
    r.u.register_broker.fenced = false;
    plane_replay(p, r);
}

void plane_config(struct plane *p, const char *topic, const char *name, const char *value)
{
    struct metadata_record r = plane_record(METADATA_RECORD_CONFIG);
    r.u.config.resource_type = RESOURCE_TOPIC;
    r.u.config.resource_name = str_of(topic);
    r.u.config.name = str_of(name);
    r.u.config.value = str_of(value);
    plane_replay(p, r);
}

void plane_topic(struct plane *p, const char *name, uint8_t id)
{
    struct metadata_record r = plane_record(METADATA_RECORD_TOPIC);
    r.u.topic.name = str_of(name);
    r.u.topic.topic_id = UUID_SMALL(id);
    plane_replay(p, r);
}

void plane_apply(struct plane *p, uint8_t topic_id, int32_t partition)
{
    const struct image_topic *t = image_topic_by_id(p->image, UUID_SMALL(topic_id));
    const struct image_partition *x = image_topic_partition(t, partition);
    if (!partition_has_replica(x, SELF)) return;
    struct partition_target target = {.topic_id = t->id,
                                      .topic = t->name,
                                      .partition = partition,
                                      .leader = x->leader,
                                      .leader_epoch = x->leader_epoch,
                                      .partition_epoch = x->partition_epoch,
                                      .replicas = partition_replicas(x),
                                      .replicas_count = x->replicas_count,
                                      .isr = partition_isr(x),
                                      .isr_count = x->isr_count,
                                      .directory = partition_directory_of(p->image, x, SELF)};
    replica_manager_apply(p->broker.replicas, &target, 1);
}

void plane_partition(struct plane *p, uint8_t topic_id, int32_t partition, int32_t *replicas,
                     int32_t count, int32_t isr_count)
{
    struct metadata_record r = plane_record(METADATA_RECORD_PARTITION);
    r.u.partition.topic_id = UUID_SMALL(topic_id);
    r.u.partition.partition_id = partition;
    r.u.partition.replicas = r.u.partition.isr = replicas;
    r.u.partition.replicas_count = count;
    r.u.partition.isr_count = isr_count;
    r.u.partition.leader = replicas[0];
    r.u.partition.leader_epoch = r.u.partition.partition_epoch = 0;
    plane_replay(p, r);
    plane_apply(p, topic_id, partition);
}

void plane_own_topic(struct plane *p, const char *name, uint8_t id, int32_t partitions)
{
    int32_t self = SELF;
    plane_topic(p, name, id);
    for (int32_t i = 0; i < partitions; i++) plane_partition(p, id, i, &self, 1, 1);
}

static void plane_proposals(void *owner)
{
    (void)owner;
    if (the_plane->proposals) the_plane->proposals(the_plane->proposals_owner);
}

static void plane_no_room(void *owner, struct replica *r)
{
    (void)owner;
    (void)r;
    if (the_plane->no_room) no_room_refused(the_plane->no_room);
}

static void plane_placed(void *owner, struct replica *r)
{
    (void)owner;
    if (the_plane->no_room) no_room_placed(the_plane->no_room, r);
}

static const struct replica_events plane_events = {.standing = replication_standing,
                                                   .topic_config = replication_topic_config,
                                                   .proposals = plane_proposals,
                                                   .placed = plane_placed,
                                                   .no_room = plane_no_room};

struct plane *plane_open_on(struct env *env, const char *path)
{
    static const struct api_handler table[API_COUNT] = {
        [API_PRODUCE] = {.min = 3, .max = 13, .handle = handle_produce},
        [API_FETCH] = {.min = 4, .max = 18, .handle = handle_fetch},
        [API_LIST_OFFSETS] = {.min = 1, .max = 11, .handle = handle_list_offsets},
        [API_DELETE_RECORDS] = {.min = 0, .max = 2, .handle = handle_delete_records},
        [API_OFFSET_FOR_LEADER_EPOCH] = {.min = 2,
                                         .max = 4,
                                         .handle = handle_offset_for_leader_epoch},
        [API_DESCRIBE_LOG_DIRS] = {.min = 1, .max = 5, .handle = handle_describe_log_dirs},
        [API_LIST_CONFIG_RESOURCES] = {.min = 0, .max = 1, .handle = handle_list_config_resources},
        [API_DESCRIBE_PRODUCERS] = {.min = 0, .max = 0, .handle = handle_describe_producers},
    };
    static struct plane plane;
    struct plane *p = the_plane = &plane;
    *p = (struct plane){.env = env};
    p->image = image_new();
    plane_register(p, SELF, "one");
    plane_register(p, OTHER, "two");
    struct log_dir_options o = log_dir_options_default();
    o.path = path;
    o.offline = plane_offline;
    o.context = p;
    o.config = log_config_new();
    assert_ok(log_dir_open(p->env, &o, &p->dir));
    log_config_unref(o.config);
    p->broker = (struct broker){
        .env = *p->env, .config = config_new(), .node_id = SELF, .epoch = 101, .image = p->image};
    struct replica_manager_config c = {
        .node_id = SELF, .lag_ms_max = 30000, .quota_samples = 11, .quota_sample_s = 1};
    p->broker.replicas = replica_manager_create(p->env, &c, &p->dir, 1, &plane_events, &p->broker);
    replica_manager_set_broker_epoch(p->broker.replicas, 101);
    assert_ok(replica_manager_load(p->broker.replicas));
    p->broker.fetch_sessions = fetch_session_cache_create(p->env, 100);
    p->broker.doubted_reads = doubted_reads_create(&p->broker);
    p->dispatch = (struct dispatch){.table = table, .count = API_COUNT, .context = &p->broker};
    return p;
}

struct plane *plane_open(void)
{
    struct sim *sim = sim_new(1);
    struct plane *p = plane_open_on(sim_node_env(sim, "one"), "data");
    p->sim = sim;
    return p;
}

void plane_close(struct plane *p)
{
    doubted_reads_destroy(p->broker.doubted_reads);
    fetch_session_cache_destroy(p->broker.fetch_sessions);
    replica_manager_destroy(p->broker.replicas);
    assert_ok(log_dir_close(p->dir, 101));
    if (p->sim) assert_int_equal(sim_node_handles(sim_node(p->sim, "one")), 0);
    config_free((struct config *)(uintptr_t)p->broker.config);
    image_free(p->image);
    if (p->sim) sim_free(p->sim);
}

void plane_call(struct plane *p, int16_t api, int16_t version, const void *body,
                void (*deliver)(struct request *, const void *))
{
    rpc_call_local(p->env, &p->dispatch, api, version, body, STR("test"), deliver, NULL);
}

void plane_pass(struct plane *p, int64_t ms)
{
    sim_run_ms(p->sim, ms);
}

struct records batch_of(struct batch_spec spec)
{
    static struct batch_builder builder;
    struct batch_options o = BATCH_OPTIONS_DEFAULT;
    if (spec.producer_id > 0) {
        o.producer_id = spec.producer_id;
        o.producer_epoch = spec.producer_epoch;
        o.base_sequence = spec.sequence;
    }
    batch_begin(&builder, &o);
    struct str value = str_of(spec.value);
    for (int32_t i = 0; i < (spec.count ? spec.count : 1); i++)
        batch_add(&builder, spec.timestamp ? spec.timestamp : clock_wall(the_plane->env->clock).ms,
                  BYTES_NULL, bytes_of(value.data, (size_t)value.len), NULL, 0);
    uint8_t *data;
    size_t len;
    assert_ok(batch_finish(&builder, NULL, &data, &len));
    static uint8_t copy[1 << 20];
    memcpy(copy, data, len);
    batch_builder_free(&builder);
    builder = (struct batch_builder){0};
    return records_of(copy, len);
}

static void produce_delivered(struct request *rq, const void *response)
{
    (void)rq;
    const struct produce_response *r = response;
    if (!r) {
        produced.silent++;
        return;
    }
    produced.answers++;
    const struct produce_response_partition_produce_response *a =
        r->responses[0].partition_responses;
    produced.error = a->error_code;
    produced.base_offset = a->base_offset;
    produced.log_start_offset = a->log_start_offset;
    produced.leader_id = a->current_leader.leader_id;
    produced.endpoints = r->node_endpoints_count;
    produced.endpoint_port = r->node_endpoints_count > 0 ? r->node_endpoints[0].port : 0;
    produced.record_errors = a->record_errors_count;
    snprintf(produced.message, sizeof produced.message, "%.*s", STR_ARG(a->error_message));
}

void produce_records(struct plane *p, struct produce_spec spec, struct records records)
{
    struct produce_request_partition_produce_data data = {.index = spec.partition,
                                                          .records = records};
    struct produce_request_topic_produce_data topic = {.name = str_of(spec.topic ? spec.topic : ""),
                                                       .topic_id = UUID_SMALL(spec.topic_id),
                                                       .partition_data = &data,
                                                       .partition_data_count = 1};
    struct produce_request q;
    produce_request_init(&q);
    q.acks = spec.acks;
    q.timeout_ms = spec.timeout_ms ? spec.timeout_ms : 1000;
    q.topic_data = &topic;
    q.topic_data_count = 1;
    memset(&produced, 0, sizeof produced);
    plane_call(p, API_PRODUCE, spec.version ? spec.version : 12, &q, produce_delivered);
}

int64_t produce_one(struct plane *p, const char *topic, int32_t partition, const char *value)
{
    produce_records(p, (struct produce_spec){.topic = topic, .partition = partition, .acks = 1},
                    batch_of((struct batch_spec){.value = value}));
    assert_int_equal(produced.answers, 1);
    assert_int_equal(produced.error, KAFKA_NONE);
    return produced.base_offset;
}

void fetch_delivered(struct request *rq, const void *response)
{
    (void)rq;
    const struct fetch_response *r = response;
    fetched.answers++;
    fetched.error = r->error_code;
    fetched.session_id = r->session_id;
    fetched.count = 0;
    for (int32_t i = 0; i < r->responses_count; i++)
        for (int32_t j = 0; j < r->responses[i].partitions_count; j++) {
            const struct fetch_response_partition_data *d = &r->responses[i].partitions[j];
            struct fetch_answer *a = &fetched.partitions[fetched.count++];
            snprintf(a->topic, sizeof a->topic, "%.*s", STR_ARG(r->responses[i].topic));
            a->partition = d->partition_index;
            a->error = d->error_code;
            a->high_watermark = d->high_watermark;
            a->last_stable_offset = d->last_stable_offset;
            a->log_start_offset = d->log_start_offset;
            a->bytes = d->records.len;
            a->first_offset = -1;
            a->whole_first_batch = false;
            a->diverging_epoch = d->diverging_epoch.epoch;
            a->diverging_end = d->diverging_epoch.end_offset;
            a->leader_id = d->current_leader.leader_id;
            for (int32_t k = 0; k < d->records.chunks_count; k++) {
                const struct chunk *c = &d->records.chunks[k];
                uint8_t head[BATCH_PREFIX_BYTES];
                int64_t size;
                assert_ok(disk_read_exact(c->file, c->file_offset, head, sizeof head));
                a->first_offset = (int64_t)load_be64(head);
                assert_ok(batch_peek_size(head, &size));
                a->whole_first_batch = size <= c->len;
                c->release(c->owner);
            }
        }
}

void fetch(struct plane *p, struct fetch_spec s)
{
    struct fetch_request_fetch_partition partitions[16];
    int32_t count = s.nothing_new ? 0 : s.partitions ? s.partitions : 1;
    for (int32_t i = 0; i < count; i++) {
        fetch_request_fetch_partition_init(&partitions[i]);
        partitions[i].partition = i;
        partitions[i].fetch_offset = s.offset;
        partitions[i].partition_max_bytes = s.partition_bytes_max ? s.partition_bytes_max : 1 << 20;
        partitions[i].current_leader_epoch = s.leader_epoch - 1;
        partitions[i].last_fetched_epoch = s.last_fetched_epoch - 1;
        partitions[i].log_start_offset = s.log_start_offset;
    }
    struct fetch_request_fetch_topic topic = {.topic = str_of(s.topic ? s.topic : ""),
                                              .topic_id = UUID_SMALL(s.topic_id),
                                              .partitions = partitions,
                                              .partitions_count = count};
    int16_t version = s.version ? s.version : 12;
    struct fetch_request q;
    fetch_request_init(&q);
    q.max_bytes = s.bytes_max ? s.bytes_max : 1 << 24;
    q.min_bytes = s.bytes_min;
    q.max_wait_ms = s.wait_ms;
    q.isolation_level = s.isolation;
    q.session_id = s.session_id;
    q.session_epoch = s.sessions ? s.session_epoch : -1;
    q.topics = &topic;
    q.topics_count = count > 0;
    if (s.follower && version >= 15) {
        q.replica_state.replica_id = s.follower;
        q.replica_state.replica_epoch = 100 + s.follower;
    } else if (s.follower) {
        q.replica_id = s.follower;
    }
    fetched.answers = 0;
    plane_call(p, API_FETCH, version, &q, fetch_delivered);
}
