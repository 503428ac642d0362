/* Whole nodes that stand still for longer than their session, as under SIGSTOP, with a client's
 * request waiting in their sockets when they wake. */
#include <stdio.h>

#include "broker/broker.h"
#include "node_world.h"
#include "protocol/batch.h"
#include "protocol/fetch.h"
#include "protocol/produce.h"
#include "replica/replica_manager.h"
#include "rpc/channel.h"

enum { STILL_MS = 15000, RECORDS = 200 };

struct client {
    struct cluster *cluster;
    struct channel *channel;
    struct call call;
    uint8_t batch[200]; /* what is sent, until it is answered */
    bool answered;
    enum err e;
    enum kafka_error error;
};

static void produced(struct call *call, enum err e, const void *response)
{
    struct client *x = call->context;
    const struct produce_response *r = response;
    x->answered = true;
    x->e = e;
    if (!e) x->error = r->responses[0].partition_responses[0].error_code;
}

/* One record to "t"-0, acks=1; not waited for. */
static void produce(struct client *x)
{
    struct batch_builder builder = {0};
    struct batch_options o = BATCH_OPTIONS_DEFAULT;
    uint8_t *data;
    size_t len;
    batch_begin(&builder, &o);
    batch_add(&builder, sim_now_ms(x->cluster->sim), BYTES_NULL, bytes_of("v", 1), NULL, 0);
    assert_ok(batch_finish(&builder, NULL, &data, &len));
    assert_true(len <= sizeof x->batch);
    memcpy(x->batch, data, len);
    batch_builder_free(&builder);
    struct produce_request_partition_produce_data d = {.index = 0,
                                                       .records = records_of(x->batch, len)};
    struct produce_request_topic_produce_data t = {
        .name = STR("t"), .partition_data = &d, .partition_data_count = 1};
    struct produce_request q;
    produce_request_init(&q);
    q.acks = 1;
    q.timeout_ms = 1000;
    q.topic_data = &t;
    q.topic_data_count = 1;
    x->answered = false;
    call_init(&x->call);
    x->call.context = x;
    channel_call(x->channel, &x->call, API_PRODUCE, 12, &q, produced);
}

static int32_t leader_in(const struct image *image)
{
    return image_topic_partition(image_topic_by_name(image, STR("t")), 0)->leader;
}

static int32_t leader_of(const struct cluster *c)
{
    return active(c) ? leader_in(image_of(c)) : -1;
}

static struct client *client_of(struct cluster *c, int32_t id)
{
    static struct client x;
    char host[16];
    snprintf(host, sizeof host, "n%d", id);
    x = (struct client){.cluster = c};
    struct channel_config config = {.host = host,
                                    .port = 9092,
                                    .client_id = "client",
                                    .request_timeout_ms = 60000,
                                    .backoff_ms = 10};
    x.channel = channel_create(sim_node_env(c->sim, "client"), &config);
    for (int i = 0; i < RECORDS;) {
        produce(&x);
        UNTIL(c, x.answered);
        assert_ok(x.e);
        if (x.error)
            sim_run_ms(c->sim, 100); /* it has not heard yet that it leads */
        else
            i++;
    }
    return &x;
}

/* Make the node lead "t"-0 or not, and the quorum or not, by choosing the seed. */
static void wakes(uint64_t seed, const char *const *roles, int32_t count, bool controller_too)
{
    struct cluster *c = NULL;
    for (;; seed++) {
        c = cluster_settled(seed, roles, count, "default.replication.factor=2\n", 1);
        if ((leader_of(c) == active(c)) == controller_too) break;
        cluster_free(c);
    }
    int32_t old = leader_of(c);
    struct client *x = client_of(c, old);
    sim_run_ms(c->sim, 1000);
    sim_node_pause(c->machines[old].sim, true);
    produce(x); /* lies in its socket */
    sim_run_ms(c->sim, STILL_MS);
    assert_false(x->answered);
    int32_t other = old % VOTERS + 1; /* a controller that did not stand still */
    assert_int_not_equal(leader_in(controller_image(c->machines[other].node->controller)), old);
    sim_node_pause(c->machines[old].sim, false);
    for (int64_t woke = sim_now_ms(c->sim); sim_now_ms(c->sim) - woke < 1000;) {
        UNTIL(c, x->answered); /* the one that lay there, then more */
        if (!x->e) assert_int_equal(x->error, KAFKA_NOT_LEADER_OR_FOLLOWER);
        produce(x);
    }
    UNTIL(c, x->answered);
    UNTIL(c, is_member(c, old, -1)); /* and comes back by itself */
    sim_run_ms(c->sim, 5000);
    const struct replica *r = replica_manager_find(
        c->machines[old].node->broker->replicas, image_topic_by_name(image_of(c), STR("t"))->id, 0);
    assert_int_equal(r->core.log_end_offset, RECORDS);
    channel_destroy(x->channel);
    cluster_free(c);
}

TEST(a_leader_that_wakes_acknowledges_nothing_that_another_may_lead_by_now)
{
    for (uint64_t seed = 100; seed < 110; seed++) wakes(seed, apart, 5, false);
}

TEST(a_leader_that_wakes_does_not_believe_the_controller_in_its_own_process)
{
    for (uint64_t seed = 200; seed < 205; seed++) wakes(seed, both, 3, true);
}

TEST(a_leader_that_wakes_beside_a_standby_controller_asks_first_too)
{
    for (uint64_t seed = 300; seed < 305; seed++) wakes(seed, both, 3, false);
}

TEST(a_cluster_that_stood_still_as_a_whole_goes_on)
{
    struct cluster *c = cluster_settled(400, both, 3, "", 1);
    struct client *x = client_of(c, leader_of(c));
    for (int32_t id = 1; id <= c->count; id++) sim_node_pause(c->machines[id].sim, true);
    sim_run_ms(c->sim, STILL_MS);
    for (int32_t id = 1; id <= c->count; id++) sim_node_pause(c->machines[id].sim, false);
    UNTIL(c, active(c) && all_are_members(c) && leader_of(c) > 0);
    channel_destroy(x->channel);
    x = client_of(c, leader_of(c));
    channel_destroy(x->channel);
    cluster_free(c);
}
