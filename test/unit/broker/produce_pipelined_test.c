/* Produce requests that are there one behind the other when a connection is read: what is written
 * together (log/log_ahead.h), and that each is answered for itself. */
#include "broker/handlers/handlers.h"
#include "data_plane.h"
#include "protocol/request_header.h"
#include "protocol/response_header.h"
#include "rpc/connection.h"

enum { REQUESTS_MAX = 24, ROOM = 1 << 17 };

struct producer {
    struct plane *plane;
    struct rpc_server *server;
    struct net_conn *conn;
    uint8_t got[ROOM];
    size_t got_len;
    struct out out; /* frames to be sent in one piece */
    int32_t sent, answered;
    int16_t versions[REQUESTS_MAX];
    bool ended;
};

static void readable(struct net_conn *conn)
{
    struct producer *c = conn->owner;
    size_t got;
    while (net_recv(conn, c->got + c->got_len, sizeof c->got - c->got_len, &got) == ERR_OK)
        c->got_len += got;
}

static void broken(struct net_conn *conn, enum err e)
{
    (void)e;
    struct producer *c = conn->owner;
    c->ended = true;
    net_close(conn);
}

static void connected(struct net_conn *conn, enum err e)
{
    (void)conn;
    assert_ok(e);
}

static const struct net_events events = {
    .connected = connected, .readable = readable, .broken = broken};

static void producer_open(struct producer *c, struct rpc_server_config config)
{
    *c = (struct producer){.plane = plane_open()};
    plane_own_topic(c->plane, "t", 7, 2);
    config.listener_name = "PLAINTEXT";
    config.port = 9;
    assert_ok(rpc_server_create(c->plane->env, &config, &c->plane->dispatch, &c->server));
    rpc_server_serve(c->server);
    struct env *client = sim_node_env(c->plane->sim, "client");
    assert_ok(net_connect(client->net, "one", 9, &c->conn));
    c->conn->owner = c;
    c->conn->events = &events;
    out_init(&c->out);
    plane_pass(c->plane, 100);
    produce_one(c->plane, "t", 0, "makes the files"); /* offset 0 */
    produce_one(c->plane, "t", 1, "makes the files");
}

static void producer_close(struct producer *c)
{
    if (!c->ended) net_close(c->conn);
    out_free(&c->out);
    sim_node_crash(sim_node(c->plane->sim, "client"));
    rpc_server_destroy(c->server);
    plane_close(c->plane);
}

struct spec {
    int16_t version; /* 0: 9 */
    int16_t acks;    /* 0: 1 */
    int32_t partition;
    bool no_answer; /* acks=0 */
    bool garbled, both;
    struct batch_spec batch;
};

/* Another frame for the next send. */
static void put(struct producer *c, struct spec s)
{
    int16_t version = s.version ? s.version : 9;
    if (!s.batch.value) s.batch.value = "steady as she goes";
    struct produce_request_partition_produce_data data[2] = {
        {.index = s.partition, .records = batch_of(s.batch)},
        {.index = 1 - s.partition, .records = batch_of(s.batch)}};
    static uint8_t copy[1 << 15];
    assert_true((size_t)data[0].records.len <= sizeof copy);
    memcpy(copy, data[0].records.data, (size_t)data[0].records.len);
    if (s.garbled) copy[data[0].records.len - 1] ^= 1;
    data[0].records.data = data[1].records.data = copy;
    struct produce_request_topic_produce_data topic = {.name = STR("t"),
                                                       .topic_id = UUID_SMALL(7),
                                                       .partition_data = data,
                                                       .partition_data_count = s.both ? 2 : 1};
    struct produce_request q;
    produce_request_init(&q);
    q.acks = s.no_answer ? 0 : s.acks ? s.acks : 1;
    q.timeout_ms = 1000;
    q.topic_data = &topic;
    q.topic_data_count = 1;
    struct out o;
    out_init(&o);
    uint8_t *length = out_reserve(&o, 4);
    struct request_header h = {.request_api_key = API_PRODUCE,
                               .request_api_version = version,
                               .correlation_id = 1000 + c->sent,
                               .client_id = STR("pipelined")};
    request_header_encode(&h, message_request_header_version(API_PRODUCE, version), &o);
    message_request(API_PRODUCE)->encode(&q, version, &o);
    store_be32(length, (uint32_t)(o.len - 4));
    static uint8_t frame[ROOM];
    assert_true((size_t)o.len <= sizeof frame);
    out_flatten(&o, frame);
    out_put(&c->out, frame, (size_t)o.len);
    out_free(&o);
    if (!s.no_answer) c->versions[c->sent++] = version;
}

/* All that was put, in one piece; returns how many operations of its disk the broker needed. */
static int64_t send_all(struct producer *c)
{
    int64_t before = sim_disk_ops(sim_node(c->plane->sim, "one"));
    net_send(c->conn, &c->out);
    plane_pass(c->plane, 20);
    return sim_disk_ops(sim_node(c->plane->sim, "one")) - before;
}

struct answer {
    enum kafka_error error;
    int64_t base_offset;
};

/* The next one, which is that of the next request. */
static struct answer next_answer(struct producer *c)
{
    int16_t version = c->versions[c->answered];
    struct arena arena;
    struct response_header h;
    struct produce_response r;
    arena_init(&arena, 0);
    assert_true(c->got_len >= 4);
    size_t len = load_be32(c->got);
    assert_true(c->got_len >= 4 + len);
    struct cursor in = cursor_of_bytes(bytes_of(c->got + 4, len));
    assert_ok(response_header_decode(&h, message_response_header_version(API_PRODUCE, version), &in,
                                     &arena));
    assert_int_equal(h.correlation_id, 1000 + c->answered);
    assert_ok(produce_response_decode(&r, version, &in, &arena));
    struct answer a = {(enum kafka_error)r.responses[0].partition_responses[0].error_code,
                       r.responses[0].partition_responses[0].base_offset};
    arena_free(&arena);
    c->got_len -= 4 + len;
    memmove(c->got, c->got + 4 + len, c->got_len);
    c->answered++;
    return a;
}

static void expect_offset(struct producer *c, int64_t base_offset)
{
    struct answer a = next_answer(c);
    assert_int_equal(a.error, KAFKA_NONE);
    assert_int_equal(a.base_offset, base_offset);
}

static void expect_log(struct producer *c, int32_t partition, int64_t end)
{
    const struct replica *r =
        replica_manager_find(c->plane->broker.replicas, UUID_SMALL(7), partition);
    assert_int_equal(r->core.log_end_offset, end);
    assert_int_equal(r->core.high_watermark, end);
    assert_int_equal(log_end_offset(r->log), end);
}

TEST(requests_that_come_together_are_written_together_and_answered_each)
{
    static const int16_t versions[] = {3, 7, 8, 9, 12, 13};
    static struct producer c;
    producer_open(&c, rpc_server_defaults());
    int64_t end = 1;
    for (size_t v = 0; v < sizeof versions / sizeof *versions; v++) {
        c.sent = c.answered = 0;
        for (int32_t i = 0; i < 5; i++)
            put(&c, (struct spec){.version = versions[v], .batch = {.count = 1 + i % 2}});
        assert_int_equal(send_all(&c), 1);
        for (int32_t i = 0; i < 5; i++) {
            expect_offset(&c, end);
            end += 1 + i % 2;
        }
        expect_log(&c, 0, end);
    }
    producer_close(&c);
}

/* What the broker has answered, and not sent, as each request comes to its handler. */
static struct noted {
    int64_t unsent[REQUESTS_MAX];
    int32_t count;
} noted;

static void note_and_produce(struct request *rq, void *context)
{
    noted.unsent[noted.count++] = net_unsent(rq->connection->net);
    handle_produce(rq, context);
}

/* rpc/connection.c, connection_halve: when the broker had to wait for them, which a simulated net
 * draws. */
TEST(of_much_that_was_waited_for_a_half_is_answered_before_the_rest_is_written)
{
    static struct producer c;
    static char value[15500];
    static struct api_handler table[API_COUNT];
    int32_t whole = 0, halved = 0;
    memset(value, 'v', sizeof value - 1);
    producer_open(&c, rpc_server_defaults());
    memcpy(table, c.plane->dispatch.table, sizeof table);
    table[API_PRODUCE].handle = note_and_produce;
    c.plane->dispatch.table = table;
    for (int32_t round = 0, end = 1; round < 20; round++) {
        c.sent = c.answered = noted.count = 0;
        for (int32_t i = 0; i < 4; i++) put(&c, (struct spec){.batch = {.value = value}});
        int64_t writes = send_all(&c);
        assert_int_equal(noted.count, 4);
        assert_int_equal(noted.unsent[0], 0);
        assert_true(noted.unsent[1] > 0);
        if (noted.unsent[2] > 0)
            whole++;
        else
            halved++;
        assert_int_equal(noted.unsent[3] - noted.unsent[2], noted.unsent[1]);
        assert_int_equal(writes, noted.unsent[2] > 0 ? 1 : 2);
        for (int32_t i = 0; i < 4; i++) expect_offset(&c, end++);
        expect_log(&c, 0, end);
    }
    assert_true(whole > 0 && halved > 0);
    producer_close(&c);
}

TEST(more_requests_than_are_written_at_once_take_another_write)
{
    static struct producer c;
    producer_open(&c, rpc_server_defaults());
    for (int32_t i = 0; i < 1 + APPEND_AHEAD_MAX + 4; i++) put(&c, (struct spec){0});
    assert_int_equal(send_all(&c), 2);
    for (int32_t i = 0; i < 1 + APPEND_AHEAD_MAX + 4; i++) expect_offset(&c, 1 + i);
    producer_close(&c);
}

TEST(what_is_not_of_the_same_kind_is_written_for_itself)
{
    static struct producer c;
    producer_open(&c, rpc_server_defaults());
    put(&c, (struct spec){0}); /* three writes: two together, … */
    put(&c, (struct spec){0});
    put(&c, (struct spec){.partition = 1}); /* … one, … */
    put(&c, (struct spec){0});              /* … and one */
    assert_int_equal(send_all(&c), 3);
    expect_offset(&c, 1);
    expect_offset(&c, 2);
    expect_offset(&c, 1);
    expect_offset(&c, 3);
    static const struct spec others[] = {
        {.version = 7}, {.acks = -1}, {.both = true}, {.batch = {.count = 60, .value = "longer"}}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        put(&c, (struct spec){0});
        put(&c, others[i]);
        assert_int_equal(send_all(&c), others[i].both ? 3 : 2);
        assert_int_equal(next_answer(&c).error, KAFKA_NONE);
        assert_int_equal(next_answer(&c).error, KAFKA_NONE);
    }
    producer_close(&c);
}

TEST(one_that_is_refused_takes_nothing_along)
{
    static struct producer c;
    producer_open(&c, rpc_server_defaults());
    put(&c, (struct spec){0});
    put(&c, (struct spec){0});
    put(&c, (struct spec){.garbled = true});
    put(&c, (struct spec){0});
    put(&c, (struct spec){0});
    assert_int_equal(send_all(&c), 2);
    expect_offset(&c, 1);
    expect_offset(&c, 2);
    assert_int_equal(next_answer(&c).error, KAFKA_CORRUPT_MESSAGE);
    expect_offset(&c, 3);
    expect_offset(&c, 4);
    expect_log(&c, 0, 5);
    producer_close(&c);
}

TEST(an_idempotent_producer_has_its_sequence_written_together_and_a_retry_is_no_second_record)
{
    static struct producer c;
    producer_open(&c, rpc_server_defaults());
    for (int32_t i = 0; i < 4; i++)
        put(&c, (struct spec){.batch = {.producer_id = 5, .sequence = i}});
    assert_int_equal(send_all(&c), 1);
    for (int32_t i = 0; i < 4; i++) expect_offset(&c, 1 + i);
    for (int32_t i = 2; i < 6; i++) /* two again, two more, and one that comes too early */
        put(&c, (struct spec){.batch = {.producer_id = 5, .sequence = i}});
    put(&c, (struct spec){.batch = {.producer_id = 5, .sequence = 9}});
    assert_int_equal(send_all(&c), 1);
    for (int32_t i = 2; i < 6; i++) expect_offset(&c, 1 + i);
    assert_int_equal(next_answer(&c).error, KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect_log(&c, 0, 7);
    producer_close(&c);
}

TEST(requests_without_answers_are_written_together_too)
{
    static struct producer c;
    producer_open(&c, rpc_server_defaults());
    for (int32_t i = 0; i < 4; i++) put(&c, (struct spec){.no_answer = true});
    put(&c, (struct spec){0});
    assert_int_equal(send_all(&c), 2);
    expect_offset(&c, 5);
    producer_close(&c);
}

/* A connection takes up no more requests than may be under way: should none of these be answered
 * at once, the fourth would wait, and the loop's turn would end before it. */
TEST(no_more_are_written_together_than_may_be_under_way)
{
    static struct producer c;
    struct rpc_server_config config = rpc_server_defaults();
    config.requests_in_flight_max = 3;
    producer_open(&c, config);
    for (int32_t i = 0; i < 5; i++) put(&c, (struct spec){0});
    assert_int_equal(send_all(&c), 2); /* three, then two */
    for (int32_t i = 0; i < 5; i++) expect_offset(&c, 1 + i);
    expect_log(&c, 0, 6);
    producer_close(&c);
}

TEST(a_disk_that_fills_up_takes_what_fits_and_refuses_the_rest)
{
    static struct producer c;
    producer_open(&c, rpc_server_defaults());
    struct sim_node *n = sim_node(c.plane->sim, "one");
    int64_t one = batch_of((struct batch_spec){.value = "steady as she goes"}).len;
    sim_disk_budget(n, sim_disk_used(n) + 2 * one + 1);
    for (int32_t i = 0; i < 4; i++) put(&c, (struct spec){0});
    send_all(&c);
    expect_offset(&c, 1);
    expect_offset(&c, 2);
    for (int32_t i = 2; i < 4; i++)
        assert_int_equal(next_answer(&c).error, KAFKA_KAFKA_STORAGE_ERROR);
    expect_log(&c, 0, 3);
    sim_disk_budget(n, -1);
    put(&c, (struct spec){0});
    put(&c, (struct spec){0});
    assert_int_equal(send_all(&c), 1);
    expect_offset(&c, 3);
    expect_offset(&c, 4);
    producer_close(&c);
}
