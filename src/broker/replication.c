#include "broker/replication.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/partition_changes.h"
#include "broker/settling.h"
#include "config/config.h"
#include "config/topic.h"
#include "metadata/feature.h"
#include "metadata/image.h"
#include "protocol/api.h"

struct replica_manager_config replication_config(const struct broker *b)
{
    const struct config *c = b->config;
    return (struct replica_manager_config){
        .node_id = b->node_id,
        .lag_ms_max = config_long(c, CONFIG_REPLICA_LAG_TIME_MAX_MS),
        .quota_samples = config_int(c, CONFIG_REPLICATION_QUOTA_WINDOW_NUM),
        .quota_sample_s = config_int(c, CONFIG_REPLICATION_QUOTA_WINDOW_SIZE_SECONDS),
        .moves_at_once = config_is_null(c, CONFIG_NUM_REPLICA_ALTER_LOG_DIRS_THREADS)
                             ? 0
                             : config_int(c, CONFIG_NUM_REPLICA_ALTER_LOG_DIRS_THREADS),
        .move_quota_samples = config_int(c, CONFIG_ALTER_LOG_DIRS_REPLICATION_QUOTA_WINDOW_NUM),
        .move_quota_sample_s =
            config_int(c, CONFIG_ALTER_LOG_DIRS_REPLICATION_QUOTA_WINDOW_SIZE_SECONDS),
        .fetching = {
            .node_id = b->node_id,
            .fetchers_per_leader = config_int(c, CONFIG_NUM_REPLICA_FETCHERS),
            .backoff_ms = config_int(c, CONFIG_REPLICA_FETCH_BACKOFF_MS),
            .wait_ms_max = config_int(c, CONFIG_REPLICA_FETCH_WAIT_MAX_MS),
            .bytes_min = config_int(c, CONFIG_REPLICA_FETCH_MIN_BYTES),
            .partition_bytes_max = config_int(c, CONFIG_REPLICA_FETCH_MAX_BYTES),
            .response_bytes_max = config_int(c, CONFIG_REPLICA_FETCH_RESPONSE_MAX_BYTES),
            .request_timeout_ms = config_int(c, CONFIG_REPLICA_SOCKET_TIMEOUT_MS),
            /* Kafka's default of 64 KiB would keep the system from widening a distant leader's. */
            .receive_buffer_bytes = config_is_set(c, CONFIG_REPLICA_SOCKET_RECEIVE_BUFFER_BYTES)
                                        ? config_int(c, CONFIG_REPLICA_SOCKET_RECEIVE_BUFFER_BYTES)
                                        : 0,
        }};
}

static int64_t rate_of(const struct config *c, const char *name)
{
    const char *text = config_extra(c, name);
    if (!text) return INT64_MAX;
    char *end;
    long long rate = strtoll(text, &end, 10);
    return *end || end == text || rate < 0 ? INT64_MAX : rate;
}

struct replication_rates replication_rates(const struct config *c)
{
    return (struct replication_rates){rate_of(c, "leader.replication.throttled.rate"),
                                      rate_of(c, "follower.replication.throttled.rate"),
                                      rate_of(c, "replica.alter.log.dirs.io.max.bytes.per.second")};
}

static const char *inter_broker_listener(const struct config *c)
{
    const char *name = config_string(c, CONFIG_INTER_BROKER_LISTENER_NAME);
    return name ? name : config_string(c, CONFIG_SECURITY_INTER_BROKER_PROTOCOL);
}

struct broker_standing replication_standing(void *broker, int32_t broker_id)
{
    const struct broker *b = broker;
    const struct image_broker *x = image_broker(b->image, broker_id);
    if (!x) return (struct broker_standing){0};
    return (struct broker_standing){.registered = true,
                                    .fenced = x->fenced,
                                    .shutting_down = x->in_controlled_shutdown,
                                    .epoch = x->epoch};
}

void replication_topic_config(void *broker, struct str topic, struct arena *arena,
                              struct topic_config *out)
{
    const struct broker *b = broker;
    const struct image_config *set = image_config(b->image, RESOURCE_TOPIC, topic);
    topic_config_resolve(b->config, set ? set->pairs : NULL, set ? set->pairs_count : 0, arena,
                         out);
}

bool replication_endpoint(void *broker, int32_t broker_id, char host[FETCHER_HOST_MAX],
                          uint16_t *port)
{
    const struct broker *b = broker;
    const struct image_broker *leader = image_broker(b->image, broker_id);
    if (!leader) return false;
    const struct image_endpoint *e =
        image_broker_endpoint(leader, str_of(inter_broker_listener(b->config)));
    if (!e || e->host.len >= FETCHER_HOST_MAX) return false;
    snprintf(host, FETCHER_HOST_MAX, "%.*s", STR_ARG(e->host));
    *port = e->port;
    return true;
}

int16_t replication_version(void *broker, int16_t api_key)
{
    const struct broker *b = broker;
    int16_t level = b->image->metadata_version;
    switch (api_key) {
    case API_FETCH: return metadata_version_fetch(level);
    case API_LIST_OFFSETS: return metadata_version_list_offsets(level);
    default: return -1;
    }
}

void replication_cut(void *broker, struct replica *r, int64_t from, int64_t to)
{
    const struct broker *b = broker;
    struct partition_move m = {.topic = r->topic->name,
                               .partition = r->partition,
                               .old_leader = -1,
                               .new_leader = r->core.leader,
                               .leader_epoch = r->core.leader_epoch};
    partition_changes_cut(b->changes, &m, from, to);
}

void replication_lost(void *broker, int32_t leader)
{
    struct broker *b = broker;
    settling_lost(b->settling, leader);
}

void replication_heard(void *broker, int32_t leader)
{
    struct broker *b = broker;
    settling_heard(b->settling, leader);
}
