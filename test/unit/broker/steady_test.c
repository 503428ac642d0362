/* A producer with acks=all and a consumer with long polls, over real sockets and files: once warm,
 * neither costs the broker an allocation. */
#include <stdio.h>
#include <stdlib.h>

#include "data_plane.h"
#include "env/os/os.h"
#include "heap_count.h"
#include "protocol/request_header.h"

/* One connection that repeats one request. */
struct client {
    struct net_conn *conn;
    uint8_t frame[1024];
    size_t frame_len;
    uint8_t *offset_at; /* in a fetch: the fetch offset */
    int64_t received, answers;
    int32_t awaited;      /* bytes of the answer under way, with its length; 0: not known */
    struct client *wakes; /* sends when this one has been answered */
};

static void send_frame(struct client *c)
{
    memcpy(out_reserve(net_out(c->conn), c->frame_len), c->frame, c->frame_len);
    net_kick(c->conn);
}

static void client_readable(struct net_conn *conn)
{
    struct client *c = conn->owner;
    static uint8_t bytes[65536];
    size_t got;
    while (net_recv(conn, bytes, sizeof bytes, &got) == ERR_OK) {
        if (c->awaited == 0) c->awaited = (int32_t)load_be32(bytes) + 4;
        c->received += (int64_t)got;
    }
    if (c->awaited == 0 || c->received < c->awaited) return;
    c->received = 0;
    c->awaited = 0;
    c->answers++;
    if (c->offset_at) store_be64(c->offset_at, load_be64(c->offset_at) + 1);
    if (!c->wakes) return;
    send_frame(c); /* park again, then have something to read */
    send_frame(c->wakes);
}

static void client_connected(struct net_conn *conn, enum err e)
{
    (void)conn;
    assert_ok(e);
}

static void client_broken(struct net_conn *conn, enum err e)
{
    (void)conn;
    (void)e;
    fail();
}

static const struct net_events client_events = {
    .connected = client_connected, .readable = client_readable, .broken = client_broken};

static void client_frame(struct client *c, int16_t api, int16_t version, const void *body)
{
    struct out o;
    out_init(&o);
    uint8_t *length = out_reserve(&o, 4);
    struct request_header h = {
        .request_api_key = api, .request_api_version = version, .client_id = STR("steady")};
    request_header_encode(&h, message_request_header_version(api, version), &o);
    message_request(api)->encode(body, version, &o);
    store_be32(length, (uint32_t)(o.len - 4));
    assert_true((size_t)o.len <= sizeof c->frame);
    out_flatten(&o, c->frame);
    c->frame_len = (size_t)o.len;
    out_free(&o);
}

static void producer_frame(struct client *c)
{
    struct produce_request_partition_produce_data data = {
        .records = batch_of((struct batch_spec){.value = "steady as she goes"})};
    struct produce_request_topic_produce_data topic = {
        .name = STR("t"), .partition_data = &data, .partition_data_count = 1};
    struct produce_request q;
    produce_request_init(&q);
    q.acks = -1;
    q.timeout_ms = 1000;
    q.topic_data = &topic;
    q.topic_data_count = 1;
    client_frame(c, API_PRODUCE, 9, &q);
}

enum { PARTITIONS = 10 }; /* that the consumer reads, without a session; one has records */

static void consumer_frame(struct client *c, int64_t offset)
{
    const int64_t mark = 0x5555aaaa5555aaaa;
    struct fetch_request_fetch_partition partitions[PARTITIONS];
    for (int32_t i = 0; i < PARTITIONS; i++) {
        fetch_request_fetch_partition_init(&partitions[i]);
        partitions[i].partition = i;
        partitions[i].fetch_offset = i == 0 ? mark : 0;
        partitions[i].partition_max_bytes = 1 << 20;
    }
    struct fetch_request_fetch_topic topic = {
        .topic = STR("t"), .partitions = partitions, .partitions_count = PARTITIONS};
    struct fetch_request q;
    fetch_request_init(&q);
    q.max_bytes = 1 << 20;
    q.min_bytes = 1;
    q.max_wait_ms = 1000;
    q.topics = &topic;
    q.topics_count = 1;
    client_frame(c, API_FETCH, 11, &q);
    for (size_t i = 0; i + 8 <= c->frame_len; i++)
        if ((int64_t)load_be64(c->frame + i) == mark) c->offset_at = c->frame + i;
    assert_non_null(c->offset_at);
    store_be64(c->offset_at, (uint64_t)offset);
}

static void client_open(struct client *c, struct os_env *os, uint16_t port)
{
    assert_ok(net_connect(os->env.net, "127.0.0.1", port, &c->conn));
    c->conn->owner = c;
    c->conn->events = &client_events;
}

TEST(produce_and_fetch_allocate_nothing_once_warm)
{
    char dir[] = "/tmp/samsa-plane-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct os_env os;
    assert_ok(os_env_init(&os));
    struct plane *p = plane_open_on(&os.env, dir);
    plane_own_topic(p, "t", 7, PARTITIONS);
    struct rpc_server_config config = rpc_server_defaults();
    config.listener_name = "PLAINTEXT";
    config.host = "127.0.0.1";
    struct rpc_server *server;
    assert_ok(rpc_server_create(p->env, &config, &p->dispatch, &server));
    rpc_server_serve(server);

    static struct client producer, consumer;
    producer = consumer = (struct client){0};
    producer_frame(&producer);
    consumer_frame(&consumer, 0);
    consumer.wakes = &producer; /* the next record when the last has been read */
    client_open(&producer, &os, rpc_server_port(server));
    client_open(&consumer, &os, rpc_server_port(server));
    send_frame(&consumer);
    send_frame(&producer);
    /* What is not per request (an index doubling, a sweep) hits a few windows only. */
    enum { WINDOW = 500, WINDOWS_MAX = 10 };
    bool quiet = false;
    int64_t end = WINDOW;
    while (consumer.answers < end) os_env_turn(&os, 100);
    for (int i = 0; i < WINDOWS_MAX && !quiet; i++) {
        int64_t before = heap_allocations();
        end += WINDOW;
        while (consumer.answers < end) os_env_turn(&os, 100);
        quiet = heap_allocations() == before;
    }
    if (heap_count_works()) assert_true(quiet);
    assert_true(producer.answers >= end - 1);

    net_close(producer.conn);
    net_close(consumer.conn);
    rpc_server_destroy(server);
    plane_close(p);
    assert_ok(disk_remove_tree(os.env.disk, dir));
    os_env_free(&os);
}
