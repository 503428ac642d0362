#include "client.h"

#include "oracles.h"
#include "protocol/metadata.h"

static void refresh_now(struct timer *t);

void client_init(struct client *c, struct cluster *cluster, const char *name, int64_t timeout_ms)
{
    snprintf(c->name, sizeof c->name, "%s", name);
    c->cluster = cluster;
    c->timeout_ms = timeout_ms;
    c->sim = sim_node(cluster->sim, name);
    c->env = sim_node_start(c->sim);
    c->prng = sim_fork(cluster->sim, name);
    for (int32_t i = 0; i < cluster->count; i++) {
        sim_net_delay(c->sim, cluster->machines[i].sim, 50, cluster->plan->link_us);
        sim_net_delay(cluster->machines[i].sim, c->sim, 50, cluster->plan->link_us);
    }
    call_init(&c->metadata_call);
    timer_init(&c->refresh_timer, refresh_now);
}

void client_free(struct client *c)
{
    channel_cancel(&c->metadata_call);
    for (int32_t i = 0; i < PLAN_NODES_MAX; i++)
        if (c->channels[i]) channel_destroy(c->channels[i]);
    timer_cancel(c->env->clock, &c->refresh_timer);
}

struct channel *client_channel(struct client *c, int32_t node_id)
{
    struct channel **channel = &c->channels[node_id - 1];
    if (!*channel) {
        struct channel_config config = {.host = c->cluster->machines[node_id - 1].name,
                                        .port = 9092,
                                        .client_id = c->name,
                                        .request_timeout_ms = c->timeout_ms,
                                        .backoff_ms = CLIENT_BACKOFF_MS};
        *channel = channel_create(c->env, &config);
    }
    return *channel;
}

int32_t client_any(struct client *c)
{
    const struct plan *p = c->cluster->plan;
    return (int32_t)(p->controllers_only + 1 +
                     (int64_t)prng_below(&c->prng, (uint64_t)plan_brokers(p)));
}

struct client_partition *client_partition(struct client *c, const struct truth *t)
{
    for (int32_t i = 0; i < c->partitions_count; i++)
        if (c->partitions[i].truth == t) return &c->partitions[i];
    return NULL;
}

/* Made when it is new; NULL: there is no room. */
static struct client_partition *get_partition(struct client *c, struct truth *t)
{
    struct client_partition *known = client_partition(c, t);
    if (known || c->partitions_count == CLIENT_PARTITIONS_MAX) return known;
    known = &c->partitions[c->partitions_count++];
    *known = (struct client_partition){.truth = t, .leader = -1, .leader_epoch = -1};
    return known;
}

void client_expects_epoch(struct client *c, struct truth *t, int32_t leader_epoch)
{
    struct client_partition *known = get_partition(c, t);
    if (!known || known->leader_epoch >= leader_epoch) return;
    known->leader = -1;
    known->leader_epoch = leader_epoch;
    client_refresh(c);
}

static void learn_partition(struct client *c, struct truth *t,
                            const struct metadata_response_partition *p)
{
    struct client_partition *known = get_partition(c, t);
    if (!known) return;
    if (p->leader_epoch < known->leader_epoch) return; /* an older broker's view */
    known->leader = p->leader_id;
    known->leader_epoch = p->leader_epoch;
    known->replicas_count = 0;
    for (int32_t i = 0; i < p->replica_nodes_count && i < PLAN_NODES_MAX; i++)
        known->replicas[known->replicas_count++] = p->replica_nodes[i];
}

static void metadata_came(struct call *call, enum err e, const void *response)
{
    struct client *c = CONTAINER_OF(call, struct client, metadata_call);
    const struct metadata_response *r = response;
    c->refreshing = false;
    if (e) {
        client_refresh(c);
        return;
    }
    for (int32_t i = 0; i < r->topics_count; i++) {
        const struct metadata_response_topic *topic = &r->topics[i];
        if (topic->error_code || topic->is_internal) continue;
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            struct truth *t = oracles_truth(c->cluster->oracles, topic->topic_id,
                                            topic->partitions[k].partition_index);
            if (!t)
                cluster_broken(c->cluster, "S20",
                               "a broker told of a partition of %.*s that is not "
                               "committed",
                               STR_ARG(topic->name));
            else
                learn_partition(c, t, &topic->partitions[k]);
        }
    }
    if (c->refreshed) c->refreshed(c);
}

static void refresh_now(struct timer *t)
{
    struct client *c = CONTAINER_OF(t, struct client, refresh_timer);
    struct metadata_request q;
    metadata_request_init(&q);
    q.topics = NULL; /* all of them */
    q.topics_count = -1;
    channel_call(client_channel(c, client_any(c)), &c->metadata_call, API_METADATA, 12, &q,
                 metadata_came);
}

void client_refresh(struct client *c)
{
    if (c->refreshing) return;
    c->refreshing = true;
    timer_arm_in_ms(c->env->clock, &c->refresh_timer,
                    prng_between(&c->prng, CLIENT_BACKOFF_MS, 2 * CLIENT_BACKOFF_MS));
}

bool client_should_retry(int16_t error)
{
    switch (error) {
    case KAFKA_UNKNOWN_SERVER_ERROR: return false;
    case KAFKA_UNKNOWN_TOPIC_OR_PARTITION: /* not heard of yet, or not any more */
    case KAFKA_UNKNOWN_TOPIC_ID:
    case KAFKA_INCONSISTENT_TOPIC_ID:
    case KAFKA_KAFKA_STORAGE_ERROR: return true;
    default: return kafka_error_is_retriable(error);
    }
}
