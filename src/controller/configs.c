/* IncrementalAlterConfigs and AlterConfigs (kraft.md 4.8).
 *
 * Topic and group values are judged here. Values of brokers are judged by the broker that forwards
 * them, which alone knows its listeners and directories; the controller checks the name and what
 * ELR forbids, as Apache Kafka's does. */
#include "controller/configs.h"

#include <stdlib.h>

#include "config/client_metrics.h"
#include "config/topic.h"

enum { OP_SET = 0, OP_DELETE = 1, OP_APPEND = 2, OP_SUBTRACT = 3 };

struct problem configs_check_topic(const struct controller *c, struct arena *arena,
                                   const struct config_pair *pairs, int32_t count)
{
    struct config_error *error = ARENA_NEW(arena, struct config_error);
    if (config_validate_topic(c->options.config, pairs, count, error))
        return (struct problem){KAFKA_INVALID_CONFIG, str_of(error->text)};
    return NO_PROBLEM;
}

void configs_add(struct controller *c, struct decision *d, enum resource_type type, struct str name,
                 const struct config_pair *pairs, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        struct config_record *r = &decision_add(c, d, METADATA_RECORD_CONFIG)->u.config;
        r->resource_type = (int8_t)type;
        r->resource_name = name;
        r->name = pairs[i].name;
        r->value = pairs[i].value;
    }
}

/* ---- one resource */

struct change {
    enum resource_type type;
    struct str name;
    struct config_pair *pairs; /* new values; null removes */
    int32_t count;
    bool forwarded; /* by the broker that it is about */
};

static bool is_min_isr(struct str key)
{
    return str_equal_z(key, "min.insync.replicas");
}

/* The piece of a list's text at *at; moves on to the next one. */
static struct str list_next(struct str text, int32_t *at)
{
    int32_t end = *at;
    while (end < text.len && text.data[end] != ',') end++;
    struct str piece = {text.data + *at, end - *at};
    *at = end + 1;
    while (piece.len > 0 && piece.data[0] == ' ') piece.data++, piece.len--;
    while (piece.len > 0 && piece.data[piece.len - 1] == ' ') piece.len--;
    return piece;
}

static bool list_has(struct str text, struct str wanted)
{
    for (int32_t at = 0; at < text.len;)
        if (str_equal(list_next(text, &at), wanted)) return true;
    return false;
}

/* Paths are known to their broker alone: whoever comes to the controller itself may only take some
 * away. */
static bool cordons_more(const struct controller *c, const struct change *change, struct str value)
{
    struct str now =
        image_config_value(image_of(c), change->type, change->name, STR("cordoned.log.dirs"));
    for (int32_t at = 0; at < value.len;)
        if (!list_has(now, list_next(value, &at))) return true;
    return false;
}

/* With ELR the minimum is the cluster's alone. */
static struct problem check_pair(const struct controller *c, struct arena *arena,
                                 const struct change *change, const struct config_pair *pair)
{
    const enum kafka_error error = KAFKA_INVALID_CONFIG;
    bool broker = change->type == RESOURCE_BROKER;
    if (broker && is_min_isr(pair->name) && settings_elr(c)) {
        if (change->name.len > 0)
            return PROBLEM(arena, error,
                           "Broker-level min.insync.replicas cannot be altered while ELR is "
                           "enabled.");
        if (pair->value.len < 0)
            return PROBLEM(arena, error,
                           "Cluster-level min.insync.replicas cannot be removed while ELR is "
                           "enabled.");
    }
    if (broker && str_equal_z(pair->name, "cordoned.log.dirs") &&
        image_of(c)->metadata_version < METADATA_VERSION_CORDONED)
        return PROBLEM(arena, error,
                       "The cordoned.log.dirs configuration value cannot be set because it "
                       "requires metadata.version >= 4.3-IV0");
    if (broker && str_equal_z(pair->name, "cordoned.log.dirs") && !change->forwarded &&
        cordons_more(c, change, pair->value))
        return PROBLEM(arena, error,
                       "When updating cordoned.log.dirs via controllers,  the new value must be a "
                       "subset of the current configuration value."); /* both blanks are Kafka's */
    if (pair->value.len > INT16_MAX)
        return PROBLEM(arena, error,
                       "The configuration value cannot be added because it exceeds the maximum "
                       "value size of 32767 bytes.");
    return NO_PROBLEM;
}

/* What the resource would have after the change. */
static struct config_pair *merged(const struct controller *c, struct arena *arena,
                                  const struct change *change, int32_t *count)
{
    const struct image_config *now = image_config(image_of(c), change->type, change->name);
    int32_t have = now ? now->pairs_count : 0, n = 0;
    struct config_pair *all = ARENA_ARRAY(arena, struct config_pair, have + change->count + 1);
    for (int32_t i = 0; i < have; i++) {
        bool changed = false;
        for (int32_t k = 0; k < change->count; k++)
            changed |= str_equal(change->pairs[k].name, now->pairs[i].name);
        if (!changed) all[n++] = now->pairs[i];
    }
    for (int32_t k = 0; k < change->count; k++)
        if (change->pairs[k].value.len >= 0) all[n++] = change->pairs[k];
    *count = n;
    return all;
}

/* The id of a broker resource's name; -1 when it is no number. */
static int32_t broker_id(struct str name)
{
    int64_t id = 0;
    if (name.len > 10) return -1;
    for (int32_t i = 0; i < name.len; i++) {
        if (name.data[i] < '0' || name.data[i] > '9') return -1;
        id = id * 10 + (name.data[i] - '0');
    }
    return id <= INT32_MAX ? (int32_t)id : -1;
}

static struct problem check_broker(const struct controller *c, struct arena *arena, struct str name)
{
    if (name.len == 0) return NO_PROBLEM;
    int32_t id = broker_id(name);
    if (id < 0)
        return PROBLEM(arena, KAFKA_INVALID_REQUEST,
                       "Unable to parse broker name as a base 10 number.");
    if (!image_broker(image_of(c), id) && !image_controller(image_of(c), id))
        return PROBLEM(arena, KAFKA_BROKER_ID_NOT_REGISTERED, "No broker with id %d found.", id);
    return NO_PROBLEM;
}

static struct problem check_client_metrics(struct arena *arena, const struct config_pair *all,
                                           int32_t count)
{
    struct config_error *error = ARENA_NEW(arena, struct config_error);
    switch (config_check_client_metrics(all, count, error)) {
    case CLIENT_METRICS_FINE: break;
    case CLIENT_METRICS_REQUEST:
        return (struct problem){KAFKA_INVALID_REQUEST, str_of(error->text)};
    case CLIENT_METRICS_CONFIG: return (struct problem){KAFKA_INVALID_CONFIG, str_of(error->text)};
    }
    return NO_PROBLEM;
}

static struct problem check_resource(const struct controller *c, struct arena *arena,
                                     const struct change *change)
{
    int32_t count;
    struct config_pair *all = merged(c, arena, change, &count);
    if (change->type == RESOURCE_BROKER) return check_broker(c, arena, change->name);
    if (change->name.len <= 0 && change->type == RESOURCE_CLIENT_METRICS)
        return PROBLEM(arena, KAFKA_INVALID_REQUEST, "Subscription name can't be empty");
    if (change->name.len <= 0)
        return PROBLEM(arena, KAFKA_INVALID_REQUEST, "Default %s resources are not allowed.",
                       change->type == RESOURCE_TOPIC ? "topic" : "group");
    struct problem problem;
    struct config_error *error = ARENA_NEW(arena, struct config_error);
    switch (change->type) {
    case RESOURCE_TOPIC:
        problem = topic_name_check(arena, change->name);
        if (!problem.error) problem = configs_check_topic(c, arena, all, count);
        if (!problem.error && !image_topic_by_name(image_of(c), change->name))
            problem = PROBLEM(arena, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
                              "The topic '%.*s' does not exist.", STR_ARG(change->name));
        return problem;
    case RESOURCE_GROUP:
        if (config_validate_group(c->options.config, all, count, error))
            return (struct problem){KAFKA_INVALID_CONFIG, str_of(error->text)};
        return NO_PROBLEM;
    default: return check_client_metrics(arena, all, count);
    }
}

/* A changed minimum says that old eligible replicas were counted against another one. */
static void add_clear_elr(struct controller *c, struct decision *d, const struct change *change)
{
    if (!settings_elr(c)) return;
    for (int32_t i = 0; i < change->count; i++) {
        if (!is_min_isr(change->pairs[i].name)) continue;
        decision_add(c, d, METADATA_RECORD_CLEAR_ELR)->u.clear_elr.topic_name =
            change->type == RESOURCE_TOPIC ? change->name : STR("");
    }
}

/* `implicit` are removals that the caller did not ask for by name (AlterConfigs). */
static struct problem apply(struct controller *c, struct decision *d, struct change *change)
{
    /* unchanged values are not written, but for brokers: they reload files then (KAFKA-14136) */
    int32_t kept = 0;
    for (int32_t i = 0; i < change->count; i++) {
        struct str now =
            image_config_value(image_of(c), change->type, change->name, change->pairs[i].name);
        if (!str_equal(now, change->pairs[i].value) || change->type == RESOURCE_BROKER)
            change->pairs[kept++] = change->pairs[i];
    }
    change->count = kept;
    for (int32_t i = 0; i < change->count; i++) {
        struct problem problem = check_pair(c, d->arena, change, &change->pairs[i]);
        if (problem.error) return problem;
    }
    struct problem problem = check_resource(c, d->arena, change);
    if (problem.error) return problem;
    configs_add(c, d, change->type, change->name, change->pairs, change->count);
    for (int32_t i = 0; i < change->count; i++)
        if (str_equal_z(change->pairs[i].name, "unclean.leader.election.enable"))
            unclean_soon(c); /* an operator who allows it waits for it */
    return NO_PROBLEM;
}

static struct problem check_type(struct arena *arena, int8_t type)
{
    switch (type) {
    case RESOURCE_TOPIC:
    case RESOURCE_BROKER:
    case RESOURCE_GROUP:
    case RESOURCE_CLIENT_METRICS: return NO_PROBLEM;
    case RESOURCE_BROKER_LOGGER:
        return PROBLEM(arena, KAFKA_INVALID_REQUEST,
                       "Loggers cannot be changed at run time on a controller.");
    default: return PROBLEM(arena, KAFKA_UNSUPPORTED_VERSION, "Unknown resource type %d.", type);
    }
}

/* More than one operation may write, in resources or in values of all of them: refused before each
 * is compared with every other. The requests' generated structs are of one shape. */
#define IS_EXCESSIVE(rq)                                                                     \
    ({                                                                                       \
        int64_t n_ = 0;                                                                      \
        for (int32_t i_ = 0; i_ < (rq)->resources_count; i_++)                               \
            n_ += (rq)->resources[i_].configs_count;                                         \
        (rq)->resources_count > RECORDS_PER_OPERATION_MAX || n_ > RECORDS_PER_OPERATION_MAX; \
    })

/* ---- IncrementalAlterConfigs */

typedef const struct incremental_alter_configs_request_alter_configs_resource resource;

static struct incremental_alter_configs_response_alter_configs_resource_response *
incremental_open(struct controller_call *call)
{
    const struct incremental_alter_configs_request *rq = call->request;
    struct incremental_alter_configs_response *r =
        RESPONSE(call, incremental_alter_configs_response);
    r->responses = incremental_alter_configs_response_alter_configs_resource_response_new(
        call->arena, rq->resources_count);
    r->responses_count = rq->resources_count;
    for (int32_t i = 0; i < rq->resources_count; i++) {
        r->responses[i].resource_type = rq->resources[i].resource_type;
        r->responses[i].resource_name = rq->resources[i].resource_name;
    }
    return r->responses;
}

void refuse_incremental_alter_configs(struct controller_call *call, enum kafka_error error,
                                      struct str message)
{
    const struct incremental_alter_configs_request *rq = call->request;
    struct incremental_alter_configs_response_alter_configs_resource_response *results =
        incremental_open(call);
    for (int32_t i = 0; i < rq->resources_count; i++) {
        results[i].error_code = (int16_t)error;
        results[i].error_message = message;
    }
}

struct text_list {
    struct str *items;
    int32_t count;
};

static void list_split(struct arena *arena, struct str text, bool skip_empty, struct text_list *to)
{
    int32_t pieces = 1;
    for (int32_t i = 0; i < text.len; i++) pieces += text.data[i] == ',';
    *to = (struct text_list){ARENA_ARRAY(arena, struct str, pieces + 1), 0};
    if (text.len < 0) return;
    int32_t start = 0;
    for (int32_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.data[i] != ',') continue;
        if (i > start || !skip_empty)
            to->items[to->count++] = (struct str){text.data + start, i - start};
        start = i + 1;
    }
}

static int32_t list_find(const struct text_list *l, struct str item)
{
    for (int32_t i = 0; i < l->count; i++)
        if (str_equal(l->items[i], item)) return i;
    return -1;
}

/* A list key and its default; false: not a list. */
static bool list_key(const struct controller *c, enum resource_type type, struct str key,
                     struct str *default_text)
{
    bool override;
    int i;
    (void)c;
    switch (type) {
    case RESOURCE_TOPIC:
        i = config_key_find(topic_config_keys, TOPIC_CONFIG_COUNT, key);
        if (i < 0 || topic_config_keys[i].type != CONFIG_TYPE_LIST) return false;
        *default_text = str_of(topic_config_keys[i].default_text);
        return true;
    case RESOURCE_BROKER:
        i = config_broker_key_find(key, &override);
        if (i < 0 || config_keys[i].type != CONFIG_TYPE_LIST) return false;
        *default_text = str_of(config_keys[i].default_text);
        return true;
    case RESOURCE_CLIENT_METRICS:
        *default_text = STR_NULL;
        return str_equal_z(key, "metrics") || str_equal_z(key, "match");
    default: return false;
    }
}

static struct problem
list_change(struct controller *c, struct arena *arena, resource *rq,
            const struct incremental_alter_configs_request_alterable_config *op, struct str *value)
{
    enum resource_type type = (enum resource_type)rq->resource_type;
    struct str default_text;
    if (!list_key(c, type, op->name, &default_text))
        return PROBLEM(
            arena, KAFKA_INVALID_CONFIG, "Can't %s to key %.*s because its type is not LIST.",
            op->config_operation == OP_APPEND ? "APPEND" : "SUBTRACT", STR_ARG(op->name));
    struct str now = image_config_value(image_of(c), type, rq->resource_name, op->name);
    struct text_list have, change;
    list_split(arena, now.len >= 0 ? now : default_text, true, &have);
    list_split(arena, op->value, false, &change);
    struct text_list all = {ARENA_ARRAY(arena, struct str, have.count + change.count + 1),
                            have.count};
    if (have.count > 0) memcpy(all.items, have.items, (size_t)have.count * sizeof *have.items);
    for (int32_t i = 0; i < change.count; i++) {
        int32_t at = list_find(&all, change.items[i]);
        if (op->config_operation == OP_APPEND && at < 0) all.items[all.count++] = change.items[i];
        if (op->config_operation == OP_SUBTRACT && at >= 0) {
            all.count--;
            memmove(all.items + at, all.items + at + 1,
                    (size_t)(all.count - at) * sizeof *all.items);
        }
    }
    size_t len = 0;
    for (int32_t i = 0; i < all.count; i++) len += (size_t)all.items[i].len + 1;
    char *text = arena_alloc(arena, len + 1), *to = text;
    for (int32_t i = 0; i < all.count; i++) {
        if (i > 0) *to++ = ',';
        memcpy(to, all.items[i].data, (size_t)all.items[i].len);
        to += all.items[i].len;
    }
    *value = (struct str){text, (int32_t)(to - text)};
    return NO_PROBLEM;
}

static struct problem incremental_one(struct controller *c, struct decision *d, resource *rq,
                                      bool forwarded)
{
    struct problem problem = check_type(d->arena, rq->resource_type);
    if (problem.error) return problem;
    struct change change = {(enum resource_type)rq->resource_type, rq->resource_name,
                            ARENA_ARRAY(d->arena, struct config_pair, rq->configs_count + 1), 0,
                            forwarded};
    for (int32_t i = 0; i < rq->configs_count; i++) {
        const struct incremental_alter_configs_request_alterable_config *op = &rq->configs[i];
        struct str value = op->value;
        for (int32_t k = 0; k < i; k++)
            if (str_equal(rq->configs[k].name, op->name))
                return PROBLEM(d->arena, KAFKA_INVALID_REQUEST,
                               "Error due to duplicate config keys");
        if (op->config_operation < OP_SET || op->config_operation > OP_SUBTRACT)
            return PROBLEM(d->arena, KAFKA_INVALID_REQUEST, "Unknown operation type %d",
                           op->config_operation);
        if (op->config_operation != OP_DELETE && value.len < 0)
            return PROBLEM(d->arena, KAFKA_INVALID_REQUEST, "Null value not supported for : %.*s",
                           STR_ARG(op->name));
        if (op->config_operation == OP_DELETE) value = STR_NULL;
        if (op->config_operation == OP_APPEND || op->config_operation == OP_SUBTRACT) {
            problem = list_change(c, d->arena, rq, op, &value);
            if (problem.error) return problem;
        }
        change.pairs[change.count++] = (struct config_pair){op->name, value};
    }
    problem = apply(c, d, &change);
    if (!problem.error) add_clear_elr(c, d, &change);
    return problem;
}

void decide_incremental_alter_configs(struct controller *c, struct decision *d,
                                      struct controller_call *call)
{
    const struct incremental_alter_configs_request *rq = call->request;
    if (IS_EXCESSIVE(rq)) {
        refuse_incremental_alter_configs(call, KAFKA_POLICY_VIOLATION, STR_NULL);
        return;
    }
    struct incremental_alter_configs_response_alter_configs_resource_response *results =
        incremental_open(call);
    d->atomic = true;
    for (int32_t i = 0; i < rq->resources_count; i++) {
        resource *one = &rq->resources[i];
        bool twice = false;
        for (int32_t k = 0; k < rq->resources_count; k++)
            twice |= k != i && rq->resources[k].resource_type == one->resource_type &&
                     str_equal(rq->resources[k].resource_name, one->resource_name);
        int32_t before = d->count;
        struct problem problem =
            twice ? PROBLEM(d->arena, KAFKA_INVALID_REQUEST, "Duplicate resource.")
                  : incremental_one(c, d, one, call->forwarded);
        if (problem.error) d->count = before;
        results[i].error_code = (int16_t)problem.error;
        results[i].error_message = problem.message;
    }
    if (rq->validate_only) d->count = 0;
}

/* ---- AlterConfigs: the values given are all there are */

static struct alter_configs_response_alter_configs_resource_response *
legacy_open(struct controller_call *call)
{
    const struct alter_configs_request *rq = call->request;
    struct alter_configs_response *r = RESPONSE(call, alter_configs_response);
    r->responses = alter_configs_response_alter_configs_resource_response_new(call->arena,
                                                                              rq->resources_count);
    r->responses_count = rq->resources_count;
    for (int32_t i = 0; i < rq->resources_count; i++) {
        r->responses[i].resource_type = rq->resources[i].resource_type;
        r->responses[i].resource_name = rq->resources[i].resource_name;
    }
    return r->responses;
}

void refuse_alter_configs(struct controller_call *call, enum kafka_error error, struct str message)
{
    const struct alter_configs_request *rq = call->request;
    struct alter_configs_response_alter_configs_resource_response *results = legacy_open(call);
    for (int32_t i = 0; i < rq->resources_count; i++) {
        results[i].error_code = (int16_t)error;
        results[i].error_message = message;
    }
}

static struct problem legacy_one(struct controller *c, struct decision *d,
                                 const struct alter_configs_request_alter_configs_resource *rq,
                                 bool forwarded)
{
    struct problem problem = check_type(d->arena, rq->resource_type);
    if (problem.error) return problem;
    enum resource_type type = (enum resource_type)rq->resource_type;
    const struct image_config *now = image_config(image_of(c), type, rq->resource_name);
    int32_t have = now ? now->pairs_count : 0;
    struct change change = {type, rq->resource_name,
                            ARENA_ARRAY(d->arena, struct config_pair, rq->configs_count + have + 1),
                            0, forwarded};
    for (int32_t i = 0; i < rq->configs_count; i++)
        change.pairs[change.count++] =
            (struct config_pair){rq->configs[i].name, rq->configs[i].value};
    for (int32_t i = 0; i < have; i++) {
        bool given = false;
        for (int32_t k = 0; k < rq->configs_count; k++)
            given |= str_equal(rq->configs[k].name, now->pairs[i].name);
        /* the record outlives the value it names */
        if (!given)
            change.pairs[change.count++] =
                (struct config_pair){arena_str(d->arena, now->pairs[i].name), STR_NULL};
    }
    problem = apply(c, d, &change);
    if (!problem.error) add_clear_elr(c, d, &change);
    return problem;
}

void decide_alter_configs(struct controller *c, struct decision *d, struct controller_call *call)
{
    const struct alter_configs_request *rq = call->request;
    if (IS_EXCESSIVE(rq)) {
        refuse_alter_configs(call, KAFKA_POLICY_VIOLATION, STR_NULL);
        return;
    }
    struct alter_configs_response_alter_configs_resource_response *results = legacy_open(call);
    d->atomic = true;
    for (int32_t i = 0; i < rq->resources_count; i++) {
        bool twice = false;
        for (int32_t k = 0; k < rq->resources_count; k++)
            twice |= k != i && rq->resources[k].resource_type == rq->resources[i].resource_type &&
                     str_equal(rq->resources[k].resource_name, rq->resources[i].resource_name);
        int32_t before = d->count;
        struct problem problem =
            twice ? PROBLEM(d->arena, KAFKA_INVALID_REQUEST, "Duplicate resource.")
                  : legacy_one(c, d, &rq->resources[i], call->forwarded);
        if (problem.error) d->count = before;
        results[i].error_code = (int16_t)problem.error;
        results[i].error_message = problem.message;
    }
    if (rq->validate_only) d->count = 0;
}
