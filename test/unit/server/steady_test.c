/* A whole node on the real machine: in steady state neither produce nor fetch allocates. */
#include "heap_count.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "env/os/os.h"
#include "log/meta_properties.h"
#include "protocol/api.h"
#include "protocol/batch.h"
#include "protocol/create_topics.h"
#include "protocol/fetch.h"
#include "protocol/produce.h"
#include "quorum/snapshot_file.h"
#include "server/node.h"

/* The last versions whose frames are the same length every time (later ones are only more
 * compact). */
enum { CREATE_TOPICS_VERSION = 4, PRODUCE_VERSION = 8, FETCH_VERSION = 11 };

/* Where the error codes stand in the answers: behind size, correlation id, and, for a produce, the
 * topic "t" and the partition; for a fetch the throttle time. */
enum { PRODUCE_ERROR_AT = 4 + 4 + 4 + 3 + 4 + 4, FETCH_ERROR_AT = 4 + 4 + 4 };

/* What grows by doubling as a segment fills (its offset index, at 64 and at 128 entries, one for
 * about 12 of these batches) does so before and after the rounds that are counted. */
enum { WARM_ROUNDS = 900, ROUNDS = 500, FRAME_MAX = 1 << 16 };

struct frame {
    uint8_t bytes[FRAME_MAX];
    size_t len;
    size_t fetch_offset_at; /* of fetch_offset, in a fetch */
};

struct fixture {
    struct os_env os;
    char dir[64];
    struct config *config;
    struct arena arena;
    struct node_config roles;
    struct node *node;
    bool started, stopped;
    struct net_conn *conn;
    uint8_t answer[FRAME_MAX];
    size_t answer_len;
    int64_t answers;
};

#define UNTIL(f, condition)                                                                   \
    do {                                                                                      \
        for (int left_ = 20000; !(condition) && left_ > 0; left_--) os_env_turn(&(f)->os, 1); \
        assert_true(condition);                                                               \
    } while (0)

/* ---- the node */

static void format_storage(struct fixture *f, uint16_t controller_port)
{
    struct disk *disk = f->os.env.disk;
    struct meta_properties meta = META_PROPERTIES_NONE;
    meta.node_id = 1;
    snprintf(meta.cluster_id, sizeof meta.cluster_id, "steady-cluster-000001");
    meta.directory_id = rng_uuid(f->os.env.rng);
    char path[128];
    snprintf(path, sizeof path, "%s/__cluster_metadata-0", f->dir);
    assert_ok(disk_mkdirs(disk, path));
    struct voters_record_endpoint endpoint = {
        .name = STR("CONTROLLER"), .host = STR("127.0.0.1"), .port = controller_port};
    struct voters_record_voter voter = {.voter_id = 1,
                                        .voter_directory_id = meta.directory_id,
                                        .endpoints = &endpoint,
                                        .endpoints_count = 1,
                                        .kraft_version_feature = {0, 1}};
    struct voters_record voters;
    voters_record_init(&voters);
    voters.voters = &voter;
    voters.voters_count = 1;
    struct snapshot_writer w;
    assert_ok(snapshot_writer_open(&w, disk, path, (struct snapshot_id){0, 0}, 0, 0, 1, &voters));
    assert_ok(snapshot_writer_finish(&w));
    assert_ok(meta_properties_write(disk, f->dir, &meta));
}

static void node_started(void *owner)
{
    ((struct fixture *)owner)->started = true;
}

static void node_stopped(void *owner, bool clean)
{
    (void)clean;
    ((struct fixture *)owner)->stopped = true;
}

/* Two ports that were free a moment ago. */
static void free_ports(struct fixture *f, uint16_t ports[2])
{
    struct net_listener *l[2];
    for (int i = 0; i < 2; i++) {
        assert_ok(net_listen(f->os.env.net, "127.0.0.1", 0, 1, &l[i]));
        ports[i] = net_listener_port(l[i]);
    }
    for (int i = 0; i < 2; i++) net_listener_close(l[i]);
}

static uint16_t start_node(struct fixture *f)
{
    uint16_t ports[2];
    free_ports(f, ports);
    format_storage(f, ports[1]);
    char text[1024];
    snprintf(text, sizeof text,
             "process.roles=broker,controller\nnode.id=1\n"
             "controller.quorum.bootstrap.servers=127.0.0.1:%d\n"
             "listeners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d\n"
             "controller.listener.names=CONTROLLER\nlog.dirs=%s\n",
             ports[1], ports[0], ports[1], f->dir);
    struct config_error error;
    assert_ok(config_read("server.properties", str_of(text), NULL, 0, &f->config, &error));
    assert_ok(node_config_read(f->config, &f->arena, &f->roles, &error));
    struct node_events events = {.owner = f, .started = node_started, .stopped = node_stopped};
    assert_ok(node_create(&f->os.env, f->config, &f->roles, &events, &f->node, &error));
    assert_ok(node_start(f->node, &error));
    UNTIL(f, f->started);
    return ports[0];
}

/* ---- a client that allocates nothing itself */

static void client_readable(struct net_conn *c)
{
    struct fixture *f = c->owner;
    size_t got;
    while (net_recv(c, f->answer + f->answer_len, FRAME_MAX - f->answer_len, &got) == ERR_OK) {
        f->answer_len += got;
        while (f->answer_len >= 4 && f->answer_len >= 4 + load_be32(f->answer)) {
            f->answers++;
            f->answer_len -= 4 + load_be32(f->answer); /* one at a time: nothing follows */
        }
    }
}

static void client_connected(struct net_conn *c, enum err e)
{
    assert_ok(e);
    (void)c;
}

static void client_broken(struct net_conn *c, enum err e)
{
    (void)c;
    fail_msg("the node closed the connection: %s", err_text(e));
}

static const struct net_events client_events = {
    .connected = client_connected, .readable = client_readable, .broken = client_broken};

static void begin_frame(struct out *o, int16_t api, int16_t version)
{
    out_init(o);
    out_be32(o, 0);
    out_be16(o, (uint16_t)api);
    out_be16(o, (uint16_t)version);
    out_be32(o, 7);
    out_be16(o, 4);
    out_put(o, "test", 4);
}

static void end_frame(struct out *o, struct frame *frame)
{
    frame->len = (size_t)o->len;
    assert_true(frame->len <= FRAME_MAX);
    out_flatten(o, frame->bytes);
    store_be32(frame->bytes, (uint32_t)frame->len - 4);
    out_free(o);
}

static void exchange(struct fixture *f, const struct frame *frame)
{
    int64_t before = f->answers;
    memcpy(out_reserve(net_out(f->conn), frame->len), frame->bytes, frame->len);
    net_kick(f->conn);
    UNTIL(f, f->answers > before);
}

static void make_create(struct frame *frame)
{
    struct create_topics_request_creatable_topic t = {
        .name = STR("t"), .num_partitions = 1, .replication_factor = 1};
    struct create_topics_request q;
    create_topics_request_init(&q);
    q.timeout_ms = 5000;
    q.topics = &t;
    q.topics_count = 1;
    struct out o;
    begin_frame(&o, API_CREATE_TOPICS, CREATE_TOPICS_VERSION);
    create_topics_request_encode(&q, CREATE_TOPICS_VERSION, &o);
    end_frame(&o, frame);
}

static void make_produce(struct frame *frame, int64_t now_ms)
{
    struct batch_builder builder = {0};
    struct batch_options options = BATCH_OPTIONS_DEFAULT;
    batch_begin(&builder, &options);
    for (int i = 0; i < 10; i++)
        batch_add(&builder, now_ms, BYTES_NULL, bytes_of("a value of some length", 22), NULL, 0);
    uint8_t *data;
    size_t len;
    assert_ok(batch_finish(&builder, NULL, &data, &len));
    struct produce_request_partition_produce_data p = {.records = records_of(data, len)};
    struct produce_request_topic_produce_data t = {
        .name = STR("t"), .partition_data = &p, .partition_data_count = 1};
    struct produce_request q;
    produce_request_init(&q);
    q.acks = -1;
    q.timeout_ms = 5000;
    q.topic_data = &t;
    q.topic_data_count = 1;
    struct out o;
    begin_frame(&o, API_PRODUCE, PRODUCE_VERSION);
    produce_request_encode(&q, PRODUCE_VERSION, &o);
    end_frame(&o, frame);
    batch_builder_free(&builder);
}

static void make_fetch(struct frame *frame)
{
    const int64_t mark = 0x1122334455667788;
    struct fetch_request_fetch_partition p;
    fetch_request_fetch_partition_init(&p);
    p.fetch_offset = mark;
    p.partition_max_bytes = 1000;
    struct fetch_request_fetch_topic t = {
        .topic = STR("t"), .partitions = &p, .partitions_count = 1};
    struct fetch_request q;
    fetch_request_init(&q);
    q.replica_id = -1;
    q.max_wait_ms = 500;
    q.min_bytes = 1;
    q.max_bytes = 1000;
    q.session_epoch = -1;
    q.topics = &t;
    q.topics_count = 1;
    struct out o;
    begin_frame(&o, API_FETCH, FETCH_VERSION);
    fetch_request_encode(&q, FETCH_VERSION, &o);
    end_frame(&o, frame);
    while (load_be64(frame->bytes + frame->fetch_offset_at) != (uint64_t)mark)
        frame->fetch_offset_at++;
}

static struct fixture *fixture_new(void)
{
    struct fixture *f = MEM_NEW(struct fixture);
    assert_ok(os_env_init(&f->os));
    os_env_trace_stream(&f->os, -1);
    snprintf(f->dir, sizeof f->dir, "/tmp/samsa-steady-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    arena_init(&f->arena, 0);
    uint16_t port = start_node(f);
    assert_ok(net_connect(f->os.env.net, "127.0.0.1", port, &f->conn));
    f->conn->owner = f;
    f->conn->events = &client_events;
    return f;
}

static void fixture_free(struct fixture *f)
{
    net_close(f->conn);
    node_shutdown(f->node);
    UNTIL(f, f->stopped);
    node_destroy(f->node);
    config_free(f->config);
    arena_free(&f->arena);
    assert_ok(disk_remove_tree(f->os.env.disk, f->dir));
    os_env_free(&f->os);
    mem_free(f);
}

TEST(produce_and_fetch_allocate_nothing_in_steady_state)
{
    struct fixture *f = fixture_new();
    struct frame *create = MEM_NEW(struct frame), *produce = MEM_NEW(struct frame),
                 *fetch = MEM_NEW(struct frame);
    make_create(create);
    make_produce(produce, clock_wall(f->os.env.clock).ms);
    make_fetch(fetch);
    exchange(f, create);
    int64_t before = 0;
    for (uint64_t round = 0; round < WARM_ROUNDS + ROUNDS; round++) {
        if (round == WARM_ROUNDS) before = heap_allocations();
        exchange(f, produce);
        assert_int_equal(load_be16(f->answer + PRODUCE_ERROR_AT), 0);
        store_be64(fetch->bytes + fetch->fetch_offset_at, round * 10);
        exchange(f, fetch);
        assert_int_equal(load_be16(f->answer + FETCH_ERROR_AT), 0);
        assert_true(load_be32(f->answer) > produce->len / 2); /* with the records */
    }
    if (heap_count_works()) assert_int_equal(heap_allocations() - before, 0);
    mem_free(create);
    mem_free(produce);
    mem_free(fetch);
    fixture_free(f);
}
