/* ListConfigResources, versions 0 and 1 (KIP-714, KIP-1142): which resources hold configurations.
 *
 * Topics and brokers always do, and so are listed as they are; of groups and client metrics those
 * for which something is set. Version 0 knows client metrics only. Who asks for no type gets all
 * that the version knows, who asks for another is refused whole. */
#include "protocol/list_config_resources.h"

#include "broker/handlers/handlers.h"
#include "broker/metadata_view.h"
#include "protocol/error.h"

enum {
    VERSION_OF_TYPES = 1, /* the first that says which, and lists others than client metrics */
    TYPES_BEFORE = RESOURCE_CLIENT_METRICS,
    TYPES = RESOURCE_TOPIC | RESOURCE_BROKER | RESOURCE_BROKER_LOGGER | RESOURCE_CLIENT_METRICS |
            RESOURCE_GROUP, /* each a bit */
};

static bool is_type(int8_t type, int32_t types)
{
    return type > 0 && (type & (type - 1)) == 0 && (type & types) != 0;
}

static void add(struct list_config_resources_response *r, int32_t type, struct str name)
{
    r->config_resources[r->config_resources_count++] =
        (struct list_config_resources_response_config_resource){.resource_name = name,
                                                                .resource_type = (int8_t)type};
}

/* In Kafka's order of types. */
static void list(const struct broker *b, struct request *rq, int32_t types,
                 struct list_config_resources_response *r)
{
    int32_t configs_count, brokers_count, topics_count;
    const struct image_config **configs =
        image_configs_sorted(b->image, &rq->arena, &configs_count);
    const struct image_broker **brokers =
        view_brokers(b, request_listener(rq), &rq->arena, &brokers_count);
    const struct image_topic **topics = image_topics_sorted(b->image, &rq->arena, &topics_count);
    r->config_resources = list_config_resources_response_config_resource_new(
        &rq->arena, configs_count + 2 * brokers_count + topics_count);
    static const int32_t set[] = {RESOURCE_GROUP, RESOURCE_CLIENT_METRICS};
    for (int t = 0; t < 2; t++)
        for (int32_t i = 0; i < configs_count; i++)
            if ((types & set[t]) && (int32_t)configs[i]->type == set[t])
                add(r, set[t], configs[i]->name);
    static const int32_t of_brokers[] = {RESOURCE_BROKER_LOGGER, RESOURCE_BROKER};
    for (int t = 0; t < 2; t++)
        for (int32_t i = 0; i < brokers_count && (types & of_brokers[t]); i++)
            add(r, of_brokers[t], arena_printf(&rq->arena, "%d", brokers[i]->id));
    for (int32_t i = 0; i < topics_count && (types & RESOURCE_TOPIC); i++)
        add(r, RESOURCE_TOPIC, topics[i]->name);
}

void handle_list_config_resources(struct request *rq, void *context)
{
    const struct broker *b = context;
    const struct list_config_resources_request *q = rq->body;
    struct list_config_resources_response r;
    list_config_resources_response_init(&r);
    int32_t served = rq->api_version < VERSION_OF_TYPES ? TYPES_BEFORE : TYPES;
    int32_t types = q->resource_types_count > 0 ? 0 : served;
    for (int32_t i = 0; i < q->resource_types_count && r.error_code == KAFKA_NONE; i++) {
        types |= q->resource_types[i];
        if (!is_type(q->resource_types[i], served)) r.error_code = KAFKA_UNSUPPORTED_VERSION;
    }
    if (r.error_code == KAFKA_NONE) list(b, rq, types, &r);
    request_reply(rq, &r);
}
