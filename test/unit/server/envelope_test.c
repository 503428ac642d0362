/* A client's request by way of a broker to a controller in another node: forward.c, envelope.c. */
#include "test.h"

#include <stdio.h>

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/controller_channel.h"
#include "broker/handlers/handlers.h"
#include "env/os/os.h"
#include "metadata/image.h"
#include "protocol/api.h"
#include "protocol/api_versions.h"
#include "protocol/create_topics.h"
#include "protocol/default_principal_data.h"
#include "protocol/describe_quorum.h"
#include "protocol/envelope.h"
#include "protocol/error.h"
#include "protocol/message.h"
#include "protocol/request_header.h"
#include "protocol/response_header.h"
#include "rpc/server.h"
#include "server/envelope.h"

struct fixture {
    struct os_env os;
    struct rpc_server *controller, *front;
    struct broker broker;
    struct image *image;
    struct channel *client;
    /* what the controller saw and will say */
    int served, not_controller;
    int16_t version;
    char client_id[32];
    struct request *parked;
    bool park;
    /* what the client got */
    int answers, errors;
    int16_t error;
    char topic[32];
    struct api_versions_response_api_version create_topics;
    bool offers_elect_leaders;
};

static struct fixture *f; /* handlers of a table have no other way to a test */

/* ---- the controller's node */

static void say(struct request *rq)
{
    const struct create_topics_request *q = rq->body;
    struct create_topics_response r;
    create_topics_response_init(&r);
    r.topics = create_topics_response_creatable_topic_result_new(&rq->arena, q->topics_count);
    r.topics_count = q->topics_count;
    for (int32_t i = 0; i < q->topics_count; i++) {
        r.topics[i].name = q->topics[i].name;
        r.topics[i].error_code =
            (int16_t)(f->not_controller > 0 ? KAFKA_NOT_CONTROLLER : KAFKA_TOPIC_ALREADY_EXISTS);
    }
    if (f->not_controller > 0) f->not_controller--;
    request_reply(rq, &r);
}

static void create_topics(struct request *rq, void *context)
{
    (void)context;
    f->served++;
    f->version = rq->api_version;
    snprintf(f->client_id, sizeof f->client_id, "%.*s", STR_ARG(rq->client_id));
    assert_true(str_is_null(request_listener(rq)));
    if (f->park)
        f->parked = rq;
    else
        say(rq);
}

static void describe_quorum(struct request *rq, void *context)
{
    (void)context;
    struct describe_quorum_response_partition_data partition = {.error_code =
                                                                    KAFKA_NOT_LEADER_OR_FOLLOWER};
    struct describe_quorum_response_topic_data topic = {
        .topic_name = STR("__cluster_metadata"), .partitions = &partition, .partitions_count = 1};
    struct describe_quorum_response r;
    describe_quorum_response_init(&r);
    r.topics = &topic;
    r.topics_count = 1;
    request_reply(rq, &r);
}

static const struct dispatch controller_dispatch;

static void wrapped(struct request *rq, void *context)
{
    (void)context;
    handle_envelope(rq, &f->os.env, &controller_dispatch);
}

static void controller_versions(struct request *rq, void *context)
{
    (void)context;
    answer_api_versions(
        rq, &(struct api_versions_facts){.apis = &controller_dispatch, .image = f->image});
}

static const struct api_handler controller_table[API_COUNT] = {
    [API_API_VERSIONS] = {.min = 0, .max = 4, .handle = controller_versions},
    [API_CREATE_TOPICS] = {.min = 2, .max = 5, .handle = create_topics},
    [API_DESCRIBE_QUORUM] = {.min = 0, .max = 2, .handle = describe_quorum},
    [API_ENVELOPE] = {.min = 0, .max = 0, .handle = wrapped},
    [API_BROKER_REGISTRATION] = {.min = 0, .max = 4, .handle = create_topics},
};
static const struct dispatch controller_dispatch = {.table = controller_table, .count = API_COUNT};

/* ---- the broker's node, and its client */

static void broker_versions(struct request *rq, void *context)
{
    handle_api_versions(rq, context);
}

static const struct api_handler broker_table[API_COUNT] = {
    [API_API_VERSIONS] = {.min = 0, .max = 4, .handle = broker_versions},
    [API_CREATE_TOPICS] = {.min = 2, .max = 7, .handle = handle_forward},
    [API_ELECT_LEADERS] = {.min = 0, .max = 2, .handle = handle_forward},
};
static struct dispatch broker_dispatch = {.table = broker_table, .count = API_COUNT};

static struct rpc_server *listen(const struct dispatch *dispatch, const char *name)
{
    struct rpc_server_config config = rpc_server_defaults();
    struct rpc_server *s;
    config.listener_name = name;
    config.host = "127.0.0.1";
    assert_ok(rpc_server_create(&f->os.env, &config, dispatch, &s));
    rpc_server_serve(s);
    return s;
}

static void open_world(void)
{
    f = MEM_NEW(struct fixture);
    assert_ok(os_env_init(&f->os));
    os_env_trace_stream(&f->os, -1);
    f->image = image_new();
    f->controller = listen(&controller_dispatch, "CONTROLLER");
    f->broker.env = f->os.env;
    f->broker.node_id = 1;
    f->broker.image = f->image;
    f->broker.apis = &broker_dispatch;
    f->broker.controller = controller_channel_create(
        &f->os.env, NULL, 1, (struct controller_channel_timeouts){2000, 2000});
    controller_channel_set_leader(f->broker.controller, 9, "127.0.0.1",
                                  rpc_server_port(f->controller));
    broker_dispatch.context = &f->broker;
    f->front = listen(&broker_dispatch, "PLAINTEXT");
    f->client =
        channel_create(&f->os.env, &(struct channel_config){.host = "127.0.0.1",
                                                            .port = rpc_server_port(f->front),
                                                            .client_id = "a client",
                                                            .request_timeout_ms = 30000,
                                                            .backoff_ms = 1});
}

static void close_world(void)
{
    if (f->client) channel_destroy(f->client);
    rpc_server_destroy(f->front);
    controller_channel_destroy(f->broker.controller);
    rpc_server_destroy(f->controller);
    image_free(f->image);
    os_env_free(&f->os);
    mem_free(f);
}

#define UNTIL(condition)                                                                    \
    do {                                                                                    \
        for (int left_ = 30000; !(condition) && left_ > 0; left_--) os_env_turn(&f->os, 1); \
        assert_true(condition);                                                             \
    } while (0)

static void created(struct call *call, enum err e, const void *response)
{
    const struct create_topics_response *r = response;
    (void)call;
    f->answers++;
    f->errors += e != ERR_OK;
    if (e) return;
    f->error = r->topics[0].error_code;
    snprintf(f->topic, sizeof f->topic, "%.*s", STR_ARG(r->topics[0].name));
}

static void versions_told(struct call *call, enum err e, const void *response)
{
    const struct api_versions_response *r = response;
    (void)call;
    assert_ok(e);
    f->answers++;
    f->create_topics.max_version = -1;
    f->offers_elect_leaders = false;
    for (int32_t i = 0; i < r->api_keys_count; i++) {
        if (r->api_keys[i].api_key == API_CREATE_TOPICS) f->create_topics = r->api_keys[i];
        f->offers_elect_leaders |= r->api_keys[i].api_key == API_ELECT_LEADERS;
    }
}

static void ask_to_create(struct call *call, int16_t version)
{
    struct create_topics_request_creatable_topic topic;
    create_topics_request_creatable_topic_init(&topic);
    topic.name = STR("t");
    topic.num_partitions = topic.replication_factor = 1;
    struct create_topics_request q;
    create_topics_request_init(&q);
    q.topics = &topic;
    q.topics_count = 1;
    call_init(call);
    channel_call(f->client, call, API_CREATE_TOPICS, version, &q, created);
}

static void ask_versions(struct call *call)
{
    struct api_versions_request q;
    api_versions_request_init(&q);
    q.client_software_name = q.client_software_version = STR("x");
    call_init(call);
    f->answers = 0;
    channel_call(f->client, call, API_API_VERSIONS, -1, &q, versions_told);
    UNTIL(f->answers == 1);
}

TEST(request_is_passed_on_as_it_came_and_its_answer_comes_back)
{
    open_world();
    struct call call;
    ask_to_create(&call, 4);
    UNTIL(f->answers == 1);
    assert_int_equal(f->errors, 0);
    assert_int_equal(f->served, 1);
    assert_int_equal(f->version, 4);
    assert_string_equal(f->client_id, "a client");
    assert_string_equal(f->topic, "t");
    assert_int_equal(f->error, KAFKA_TOPIC_ALREADY_EXISTS);
    close_world();
}

TEST(controller_that_does_not_lead_is_asked_again)
{
    open_world();
    struct call call;
    f->not_controller = 2;
    ask_to_create(&call, 4);
    UNTIL(f->answers == 1);
    assert_int_equal(f->served, 3);
    assert_int_equal(f->error, KAFKA_TOPIC_ALREADY_EXISTS);
    close_world();
}

TEST(version_that_the_controller_cannot_read_closes_the_clients_connection)
{
    open_world();
    struct call call;
    ask_to_create(&call, 7); /* the broker does not know yet what its controller serves */
    UNTIL(f->answers == 1);
    assert_int_equal(f->errors, 1);
    assert_int_equal(f->served, 0);
    /* now it does, and so does the client */
    ask_versions(&call);
    assert_int_equal(f->create_topics.min_version, 2);
    assert_int_equal(f->create_topics.max_version, 5);
    assert_false(f->offers_elect_leaders);
    f->answers = f->errors = 0;
    ask_to_create(&call, 7);
    UNTIL(f->answers == 1);
    assert_int_equal(f->errors, 0);
    assert_int_equal(f->version, 5);
    close_world();
}

TEST(everything_is_offered_while_the_controller_is_unknown)
{
    open_world();
    struct call call;
    ask_versions(&call);
    assert_int_equal(f->create_topics.max_version, 7);
    assert_true(f->offers_elect_leaders);
    close_world();
}

TEST(client_and_broker_may_leave_while_the_controller_thinks)
{
    open_world();
    struct call call;
    f->park = true;
    ask_to_create(&call, 4);
    UNTIL(f->parked);
    channel_destroy(f->client); /* ends the call */
    f->client = NULL;
    assert_int_equal(f->errors, 1);
    controller_channel_set_leader(f->broker.controller, 9, "127.0.0.1", 1); /* and the broker */
    for (int i = 0; i < 20; i++) os_env_turn(&f->os, 1);
    say(f->parked);
    close_world();
}

/* ---- envelopes that are wrong */

struct sent {
    struct envelope_request q;
    struct envelope_response r;
    uint8_t data[512];
    int answers;
};

static void envelope_told(struct request *rq, const void *response)
{
    struct sent *s = rq->context;
    s->answers++;
    s->r = *(const struct envelope_response *)response;
    if (s->r.response_data.len > 0)
        memcpy(s->data, s->r.response_data.data, (size_t)s->r.response_data.len);
}

static int16_t send_envelope(struct sent *s)
{
    s->answers = 0;
    rpc_call_local(&f->os.env, &controller_dispatch, API_ENVELOPE, 0, &s->q, STR("2"),
                   envelope_told, s);
    assert_int_equal(s->answers, 1);
    return s->r.error_code;
}

static struct bytes encoded(struct arena *arena, struct out *out)
{
    size_t len = (size_t)out->len;
    uint8_t *flat = arena_alloc(arena, len);
    out_flatten(out, flat);
    out_free(out);
    return bytes_of(flat, len);
}

static struct bytes inner(struct arena *arena, int16_t key, int16_t version, const void *body)
{
    struct request_header header = {.request_api_key = key,
                                    .request_api_version = version,
                                    .correlation_id = 77,
                                    .client_id = STR_NULL};
    struct out out;
    out_init(&out);
    request_header_encode(&header, message_request_header_version(key, version), &out);
    message_request(key)->encode(body, version, &out);
    return encoded(arena, &out);
}

TEST(envelope_is_refused_for_each_reason)
{
    open_world();
    struct arena arena;
    arena_init(&arena, 0);
    struct out out;
    out_init(&out);
    struct default_principal_data who;
    default_principal_data_init(&who);
    who.type = STR("User");
    who.name = STR("alice");
    store_be16(out_reserve(&out, 2), 0);
    default_principal_data_encode(&who, 0, &out);
    struct sent s;
    envelope_request_init(&s.q);
    struct describe_quorum_request quorum;
    describe_quorum_request_init(&quorum);
    uint8_t address[16] = {10, 0, 0, 1};
    s.q.client_host_address = bytes_of(address, 4);
    s.q.request_data = inner(&arena, API_DESCRIBE_QUORUM, 1, &quorum);
    s.q.request_principal = BYTES_NULL;
    assert_int_equal(send_envelope(&s), KAFKA_PRINCIPAL_DESERIALIZATION_FAILURE);
    s.q.request_principal = encoded(&arena, &out);
    s.q.client_host_address.len = 5;
    assert_int_equal(send_envelope(&s), KAFKA_INVALID_REQUEST);
    s.q.client_host_address.len = 16;
    assert_int_equal(send_envelope(&s), KAFKA_NOT_CONTROLLER); /* so says what is inside */

    struct create_topics_request create;
    create_topics_request_init(&create);
    s.q.request_data = inner(&arena, API_CREATE_TOPICS, 5, &create);
    assert_int_equal(send_envelope(&s), KAFKA_NONE);
    struct response_header header;
    struct cursor in = cursor_of(s.data, (size_t)s.r.response_data.len);
    assert_ok(response_header_decode(&header, 1, &in, &arena));
    assert_int_equal(header.correlation_id, 77);

    s.q.request_data.len--; /* cut short */
    assert_int_equal(send_envelope(&s), KAFKA_UNSUPPORTED_VERSION);
    s.q.request_data = inner(&arena, API_CREATE_TOPICS, 7, &create);
    assert_int_equal(send_envelope(&s), KAFKA_UNSUPPORTED_VERSION); /* served up to 5 */
    s.q.request_data = bytes_of("x", 1);
    assert_int_equal(send_envelope(&s), KAFKA_UNSUPPORTED_VERSION);
    struct envelope_request nested = s.q;
    s.q.request_data = inner(&arena, API_ENVELOPE, 0, &nested);
    assert_int_equal(send_envelope(&s), KAFKA_INVALID_REQUEST);
    assert_int_equal(f->served, 1);
    arena_free(&arena);
    close_world();
}
