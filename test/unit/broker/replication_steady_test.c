/* A producer with acks=all, a leader and its two followers, over real sockets and files: once warm,
 * a record costs none of the three brokers an allocation. */
#include <stdio.h>
#include <stdlib.h>

#include "cluster.h"
#include "env/os/os.h"
#include "heap_count.h"
#include "protocol/api.h"
#include "protocol/batch.h"
#include "protocol/produce.h"
#include "protocol/request_header.h"

static const int32_t three[] = {1, 2, 3};

static struct {
    struct net_conn *conn;
    uint8_t frame[1024];
    size_t frame_len, received;
    int64_t answers;
} producer;

static void send_frame(void)
{
    memcpy(out_reserve(net_out(producer.conn), producer.frame_len), producer.frame,
           producer.frame_len);
    net_kick(producer.conn);
}

static void readable(struct net_conn *conn)
{
    static uint8_t bytes[4096];
    size_t got;
    while (net_recv(conn, bytes + producer.received, sizeof bytes - producer.received, &got) ==
           ERR_OK)
        producer.received += got;
    if (producer.received < 4 || producer.received < load_be32(bytes) + 4) return;
    producer.received = 0;
    producer.answers++;
    send_frame();
}

static void connected(struct net_conn *conn, enum err e)
{
    (void)conn;
    assert_ok(e);
}

static void broken(struct net_conn *conn, enum err e)
{
    (void)conn;
    (void)e;
    fail();
}

static const struct net_events producer_events = {
    .connected = connected, .readable = readable, .broken = broken};

static void make_frame(void)
{
    struct batch_builder builder = {0};
    struct batch_options options = BATCH_OPTIONS_DEFAULT;
    uint8_t *data;
    size_t len;
    batch_begin(&builder, &options);
    batch_add(&builder, 1700000000000, BYTES_NULL, bytes_of("steady as she goes", 18), NULL, 0);
    assert_ok(batch_finish(&builder, NULL, &data, &len));
    struct produce_request_partition_produce_data d = {.records = records_of(data, len)};
    struct produce_request_topic_produce_data t = {
        .name = STR("t"), .partition_data = &d, .partition_data_count = 1};
    struct produce_request q;
    produce_request_init(&q);
    q.acks = -1;
    q.timeout_ms = 60000;
    q.topic_data = &t;
    q.topic_data_count = 1;
    struct out o;
    out_init(&o);
    uint8_t *length = out_reserve(&o, 4);
    struct request_header h = {
        .request_api_key = API_PRODUCE, .request_api_version = 9, .client_id = STR("steady")};
    request_header_encode(&h, message_request_header_version(API_PRODUCE, 9), &o);
    message_request(API_PRODUCE)->encode(&q, 9, &o);
    store_be32(length, (uint32_t)(o.len - 4));
    assert_true((size_t)o.len <= sizeof producer.frame);
    out_flatten(&o, producer.frame);
    producer.frame_len = (size_t)o.len;
    out_free(&o);
    batch_builder_free(&builder);
}

TEST(a_replicated_record_allocates_nothing_once_warm)
{
    char dir[] = "/tmp/samsa-replicas-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct os_env os;
    assert_ok(os_env_init(&os));
    struct cluster *c = cluster_open_real(&os.env, dir, 3, NULL);
    cluster_topic(c, "t", 7, 10, three, 3); /* nine partitions rest */
    make_frame();
    assert_ok(net_connect(os.env.net, "127.0.0.1", c->members[0].port, &producer.conn));
    producer.conn->events = &producer_events;
    send_frame();
    /* What is not per request (an index doubling, a sweep) hits a few windows only. */
    enum { WINDOW = 500, WINDOWS_MAX = 10 };
    bool quiet = false;
    int64_t end = WINDOW;
    while (producer.answers < end) os_env_turn(&os, 100);
    for (int i = 0; i < WINDOWS_MAX && !quiet; i++) {
        int64_t before = heap_allocations();
        end += WINDOW;
        while (producer.answers < end) os_env_turn(&os, 100);
        quiet = heap_allocations() == before;
    }
    if (heap_count_works()) assert_true(quiet);
    for (int32_t id = 1; id <= 3; id++) assert_true(cluster_end(c, id, 7, 0) >= end);
    net_close(producer.conn);
    cluster_close(c);
    assert_ok(disk_remove_tree(os.env.disk, dir));
    os_env_free(&os);
}
