#include "broker/auto_topics.h"

#include <stdio.h>

#include "base/map.h"
#include "base/mem.h"
#include "config/config.h"
#include "protocol/api.h"
#include "protocol/create_topics.h"
#include "protocol/error.h"

enum { CREATE_TIMEOUT_MS = 30000 };

struct auto_topic {
    struct auto_topics *owner;
    struct call call;
    struct str name; /* owned */
};

struct auto_topics {
    struct broker *broker;
    struct map wanted; /* name -> struct auto_topic, while its request is in flight */
    bool full;         /* and has said so */
};

struct auto_topics *auto_topics_create(struct broker *b)
{
    struct auto_topics *a = MEM_NEW(struct auto_topics);
    a->broker = b;
    map_init(&a->wanted);
    return a;
}

static bool is_internal(struct str name)
{
    return str_equal_z(name, "__consumer_offsets");
}

/* The controller may be slow, or away, while clients go on naming what is not there. */
static bool has_room(struct auto_topics *a)
{
    int32_t most = config_int(a->broker->config, CONFIG_SAMSA_AUTO_TOPICS_WANTED_MAX);
    bool full = a->wanted.count >= (uint32_t)most;
    if (full && !a->full)
        trace_warn(a->broker->env.trace, "kafka.server.AutoTopicCreationManager",
                   "%d topics that clients have named are being created: others are not asked for "
                   "meanwhile (samsa.auto.topics.wanted.max)",
                   most);
    a->full = full;
    return !full;
}

static void auto_topic_free(struct auto_topic *t)
{
    map_remove_str(&t->owner->wanted, t->name);
    mem_free((char *)(uintptr_t)t->name.data);
    mem_free(t);
}

static void created(struct call *call, enum err e, const void *response)
{
    struct auto_topic *t = CONTAINER_OF(call, struct auto_topic, call);
    const struct create_topics_response *r = response;
    int16_t error = e || r->topics_count == 0 ? 0 : r->topics[0].error_code;
    if (error && error != KAFKA_TOPIC_ALREADY_EXISTS && error != KAFKA_NOT_CONTROLLER)
        trace_warn(t->owner->broker->env.trace, "kafka.server.AutoTopicCreationManager",
                   "Could not create topic %.*s by itself: %s", STR_ARG(t->name),
                   kafka_error_name(error));
    auto_topic_free(t);
}

/* Partitions and replication factor of a topic; -1: the cluster's defaults. */
static void shape_of(const struct config *config, struct str name, int32_t *partitions,
                     int16_t *replication_factor)
{
    *partitions = -1;
    *replication_factor = -1;
    if (is_internal(name)) {
        *partitions = config_int(config, CONFIG_OFFSETS_TOPIC_NUM_PARTITIONS);
        *replication_factor = (int16_t)config_int(config, CONFIG_OFFSETS_TOPIC_REPLICATION_FACTOR);
    }
}

static void offsets_topic_configs(const struct config *config, struct arena *arena,
                                  struct create_topics_request_creatable_topic *topic)
{
    topic->configs_count = 3;
    topic->configs = create_topics_request_creatable_topic_config_new(arena, 3);
    topic->configs[0].name = STR("cleanup.policy");
    topic->configs[0].value = STR("compact");
    topic->configs[1].name = STR("compression.type");
    topic->configs[1].value = STR("producer");
    topic->configs[2].name = STR("segment.bytes");
    topic->configs[2].value =
        arena_printf(arena, "%d", config_int(config, CONFIG_OFFSETS_TOPIC_SEGMENT_BYTES));
}

void auto_topics_want(struct auto_topics *a, struct str name)
{
    if (map_get_str(&a->wanted, name) || (!is_internal(name) && !has_room(a))) return;
    struct auto_topic *t = MEM_NEW(struct auto_topic);
    t->owner = a;
    t->name = (struct str){str_dup_z(name), name.len};
    call_init(&t->call);
    map_put_str(&a->wanted, t->name, t);

    struct arena arena;
    arena_init(&arena, 0);
    struct create_topics_request request;
    create_topics_request_init(&request);
    request.timeout_ms = CREATE_TIMEOUT_MS;
    request.topics_count = 1;
    request.topics = create_topics_request_creatable_topic_new(&arena, 1);
    request.topics[0].name = t->name;
    shape_of(a->broker->config, name, &request.topics[0].num_partitions,
             &request.topics[0].replication_factor);
    if (is_internal(name)) offsets_topic_configs(a->broker->config, &arena, &request.topics[0]);
    broker_call_controller(a->broker, &t->call, API_CREATE_TOPICS, -1, &request, created);
    arena_free(&arena);
}

void auto_topics_destroy(struct auto_topics *a)
{
    while (a->wanted.count > 0) {
        struct auto_topic *t = a->wanted.entries[0].value;
        channel_cancel(&t->call);
        auto_topic_free(t);
    }
    map_free(&a->wanted);
    mem_free(a);
}
