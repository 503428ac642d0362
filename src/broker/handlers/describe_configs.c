/* DescribeConfigs, versions 1 to 4: topics, brokers and their logs, groups and client metrics, with
 * where each value comes from.
 *
 * A broker resource is answered by that node alone, for the static values are in its file; the
 * controller listener answers for a controller. */
#include "protocol/describe_configs.h"

#include <stdlib.h>

#include "base/map.h"
#include "broker/handlers/handlers.h"
#include "broker/loggers.h"
#include "broker/metadata_view.h"
#include "config/client_metrics.h"
#include "config/config.h"
#include "config/topic.h"
#include "protocol/error.h"

static bool is_wanted(const struct describe_configs_request_describe_configs_resource *asked,
                      const char *name)
{
    if (asked->configuration_keys_count <= 0) return true;
    for (int32_t i = 0; i < asked->configuration_keys_count; i++)
        if (str_equal_z(asked->configuration_keys[i], name)) return true;
    return false;
}

static void add_synonyms(struct request *rq, const struct config_described *from,
                         struct describe_configs_response_describe_configs_resource_result *to)
{
    to->synonyms_count = from->synonyms_count;
    to->synonyms =
        describe_configs_response_describe_configs_synonym_new(&rq->arena, from->synonyms_count);
    for (int32_t i = 0; i < from->synonyms_count; i++) {
        to->synonyms[i].name = str_of(from->synonyms[i].name);
        to->synonyms[i].value = from->synonyms[i].value;
        to->synonyms[i].source = (int8_t)from->synonyms[i].source;
    }
}

static void add_configs(struct request *rq,
                        const struct describe_configs_request_describe_configs_resource *asked,
                        const struct config_described *described, int32_t count,
                        struct describe_configs_response_describe_configs_result *result)
{
    const struct describe_configs_request *q = rq->body;
    result->configs =
        describe_configs_response_describe_configs_resource_result_new(&rq->arena, count);
    result->configs_count = 0;
    for (int32_t i = 0; i < count; i++) {
        if (!is_wanted(asked, described[i].name)) continue;
        struct describe_configs_response_describe_configs_resource_result *c =
            &result->configs[result->configs_count++];
        c->name = str_of(described[i].name);
        c->value = described[i].value;
        c->read_only = described[i].read_only;
        c->config_source = (int8_t)described[i].source;
        c->is_sensitive = described[i].sensitive;
        c->config_type = described[i].type;
        c->documentation = q->include_documentation ? str_of(described[i].documentation) : STR_NULL;
        if (q->include_synonyms) add_synonyms(rq, &described[i], c);
    }
}

static void fail(struct describe_configs_response_describe_configs_result *result, int16_t error,
                 struct str message)
{
    result->error_code = error;
    result->error_message = message;
    result->configs_count = 0;
}

/* What is set for a resource in the image; none is an empty list. */
static const struct config_pair *pairs_of(const struct configs_facts *f, enum resource_type type,
                                          struct str name, int32_t *count)
{
    const struct image_config *c = image_config(f->image, type, name);
    *count = c ? c->pairs_count : 0;
    return c ? c->pairs : NULL;
}

static void describe_topic(const struct configs_facts *f, struct request *rq,
                           const struct describe_configs_request_describe_configs_resource *asked,
                           struct describe_configs_response_describe_configs_result *result)
{
    struct str fault = view_topic_name_fault(asked->resource_name, &rq->arena);
    if (!str_is_null(fault)) {
        fail(result, KAFKA_INVALID_TOPIC_EXCEPTION, fault);
        return;
    }
    if (!image_topic_by_name(f->image, asked->resource_name)) {
        fail(result, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, STR(""));
        return;
    }
    int32_t pairs_count, count;
    const struct config_pair *pairs =
        pairs_of(f, RESOURCE_TOPIC, asked->resource_name, &pairs_count);
    struct config_described *described;
    config_describe_topic(f->config, pairs, pairs_count, &rq->arena, &described, &count);
    add_configs(rq, asked, described, count, result);
}

static void describe_group(const struct configs_facts *f, struct request *rq,
                           const struct describe_configs_request_describe_configs_resource *asked,
                           struct describe_configs_response_describe_configs_result *result)
{
    if (asked->resource_name.len == 0) {
        fail(result, KAFKA_INVALID_REQUEST, STR("Group name must not be empty"));
        return;
    }
    int32_t pairs_count, count;
    const struct config_pair *pairs =
        pairs_of(f, RESOURCE_GROUP, asked->resource_name, &pairs_count);
    struct config_described *described;
    config_describe_group(f->config, pairs, pairs_count, &rq->arena, &described, &count);
    add_configs(rq, asked, described, count, result);
}

static void
describe_client_metrics(const struct configs_facts *f, struct request *rq,
                        const struct describe_configs_request_describe_configs_resource *asked,
                        struct describe_configs_response_describe_configs_result *result)
{
    if (asked->resource_name.len == 0) {
        fail(result, KAFKA_INVALID_REQUEST,
             STR("Client metrics subscription name must not be empty"));
        return;
    }
    int32_t pairs_count;
    const struct config_pair *pairs =
        pairs_of(f, RESOURCE_CLIENT_METRICS, asked->resource_name, &pairs_count);
    struct config_described described[CLIENT_METRICS_KEYS];
    config_describe_client_metrics(pairs, pairs_count, &rq->arena, described);
    add_configs(rq, asked, described, CLIENT_METRICS_KEYS, result);
    for (int32_t i = 0; i < result->configs_count; i++)
        result->configs[i].documentation = STR_NULL; /* Kafka has none */
}

/* Not an integer, as Java reads one; else whether it is another's id. */
static bool is_number(struct request *rq, struct str name)
{
    const char *text = arena_str(&rq->arena, name).data;
    char *end;
    (void)strtol(text, &end, 10);
    return *end == '\0';
}

static void describe_logger(const struct configs_facts *f, struct request *rq,
                            const struct describe_configs_request_describe_configs_resource *asked,
                            struct describe_configs_response_describe_configs_result *result)
{
    struct str name = asked->resource_name, why = STR_NULL;
    if (name.len == 0)
        why = STR("Broker id must not be empty");
    else if (!is_number(rq, name))
        why = arena_printf(&rq->arena, "Broker id must be an integer, but it is: %.*s",
                           STR_ARG(name));
    else if (!str_equal(name, arena_printf(&rq->arena, "%d", f->node_id)))
        why = arena_printf(&rq->arena, "Unexpected broker id, expected %d but received %.*s",
                           f->node_id, STR_ARG(name));
    if (!str_is_null(why)) {
        fail(result, KAFKA_INVALID_REQUEST, why);
        return;
    }
    struct config_described root = {.name = LOGGER_ROOT,
                                    .value = str_of(trace_level_name(f->trace->level)),
                                    .source = SOURCE_BROKER_LOGGER};
    add_configs(rq, asked, &root, 1, result);
    for (int32_t i = 0; i < result->configs_count; i++) result->configs[i].documentation = STR("");
}

static void describe_broker(const struct configs_facts *f, struct request *rq,
                            const struct describe_configs_request_describe_configs_resource *asked,
                            struct describe_configs_response_describe_configs_result *result)
{
    bool this_broker = asked->resource_name.len > 0;
    if (this_broker) {
        struct str own = arena_printf(&rq->arena, "%d", f->node_id);
        if (!str_equal(asked->resource_name, own)) {
            const char *name = arena_str(&rq->arena, asked->resource_name).data;
            fail(result, KAFKA_INVALID_REQUEST,
                 !is_number(rq, asked->resource_name)
                     ? arena_printf(&rq->arena, "Broker id must be an integer, but it is: %s", name)
                     : arena_printf(&rq->arena,
                                    "Unexpected broker id, expected %d or empty string, but "
                                    "received %s",
                                    f->node_id, name));
            return;
        }
    }
    struct config_described *described;
    int32_t count;
    config_describe_broker(f->config, this_broker, &rq->arena, &described, &count);
    add_configs(rq, asked, described, count, result);
}

static bool is_kind(int8_t type)
{
    return type == RESOURCE_TOPIC || type == RESOURCE_BROKER || type == RESOURCE_BROKER_LOGGER ||
           type == RESOURCE_CLIENT_METRICS || type == RESOURCE_GROUP;
}

/* A resource named again is not answered again: names of two bytes would buy answers of thousands,
 * without end. */
static bool is_named_before(struct map *seen, int8_t type, struct str name, struct arena *arena)
{
    struct str key = arena_printf(arena, "%d %.*s", type, STR_ARG(name));
    return map_put_str(seen, key, seen) != NULL;
}

void answer_describe_configs(struct request *rq, const struct configs_facts *f)
{
    const struct describe_configs_request *q = rq->body;
    struct describe_configs_response r;
    describe_configs_response_init(&r);
    r.results =
        describe_configs_response_describe_configs_result_new(&rq->arena, q->resources_count);
    struct map seen;
    map_init(&seen);
    bool unknown_kind = false; /* one is enough to have the whole request refused, as in Kafka */
    for (int32_t i = 0; i < q->resources_count; i++)
        unknown_kind |= !is_kind(q->resources[i].resource_type);
    for (int32_t i = 0; i < q->resources_count; i++) {
        const struct describe_configs_request_describe_configs_resource *asked = &q->resources[i];
        if (is_named_before(&seen, asked->resource_type, asked->resource_name, &rq->arena))
            continue;
        struct describe_configs_response_describe_configs_result *result =
            &r.results[r.results_count++];
        result->resource_type = asked->resource_type;
        result->resource_name = asked->resource_name;
        if (unknown_kind) {
            fail(result, KAFKA_INVALID_REQUEST, str_of(kafka_error_text(KAFKA_INVALID_REQUEST)));
            continue;
        }
        switch (asked->resource_type) {
        case RESOURCE_TOPIC: describe_topic(f, rq, asked, result); break;
        case RESOURCE_BROKER: describe_broker(f, rq, asked, result); break;
        case RESOURCE_GROUP: describe_group(f, rq, asked, result); break;
        case RESOURCE_CLIENT_METRICS: describe_client_metrics(f, rq, asked, result); break;
        case RESOURCE_BROKER_LOGGER: describe_logger(f, rq, asked, result); break;
        }
    }
    map_free(&seen);
    request_reply(rq, &r);
}

void handle_describe_configs(struct request *rq, void *context)
{
    const struct broker *b = context;
    answer_describe_configs(rq,
                            &(struct configs_facts){b->image, b->config, b->node_id, b->env.trace});
}
