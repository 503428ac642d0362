/* AlterConfigs, versions 0 to 2, and IncrementalAlterConfigs, versions 0 and 1: what is a broker's
 * own to judge is judged here, and the rest forwarded, as in Kafka (ConfigAdminManager.preprocess).
 *
 *   resources ── refused here ────────────────────────────────────────┐
 *             └─ passed on ──> the active controller ── its answers ──┴──> one answer
 *
 * A broker's values are checked by that broker alone, which knows its listeners and directories;
 * the level of its log is set here, and nowhere else. */
#include "broker/handlers/handlers.h"
#include "broker/loggers.h"
#include "config/dynamic.h"
#include "protocol/alter_configs.h"
#include "protocol/error.h"
#include "protocol/incremental_alter_configs.h"
#include "metadata/image.h"

enum { OP_SET = 0, OP_DELETE = 1, OP_APPEND = 2 };
/* Resources, or values of all: more are the controller's to refuse, and not compared here. */
enum { ITEMS_MAX = 10000 };

/* One resource of either request. */
struct change {
    int8_t type;
    struct str name;
    struct config_pair *pairs; /* in the order of the request */
    int8_t *operations;        /* OP_SET, OP_DELETE, … of each */
    int32_t count;
    bool incremental; /* of IncrementalAlterConfigs */
};

struct verdict {
    bool here; /* answered by this broker; else to be forwarded */
    enum kafka_error error;
    struct str message;
};

static const struct verdict passed_on = {false, KAFKA_NONE, {NULL, -1}};

struct judged {
    const void *whole; /* the request as it came */
    struct verdict *verdicts;
    int32_t count, here; /* of them: all, and those answered here */
};

static struct verdict refusal(struct str message)
{
    return (struct verdict){true, KAFKA_INVALID_REQUEST, message};
}

/* As Java reads an int: a sign, digits, no more than 32 bits. */
static bool is_int(struct str text)
{
    int64_t value = 0;
    int32_t at = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    if (at == text.len) return false;
    for (; at < text.len; at++) {
        if (text.data[at] < '0' || text.data[at] > '9') return false;
        value = value * 10 + (text.data[at] - '0');
        if (value > (int64_t)INT32_MAX + (text.data[0] == '-')) return false;
    }
    return true;
}

static struct verdict judge_broker(const struct broker *b, struct arena *arena,
                                   const struct change *change)
{
    struct str own = arena_printf(arena, "%d", b->node_id);
    if (change->name.len > 0 && !is_int(change->name))
        return refusal(arena_printf(arena, "Node id must be an integer, but it is: %.*s",
                                    STR_ARG(change->name)));
    if (change->name.len > 0 && !str_equal(change->name, own))
        return refusal(arena_printf(arena, "Unexpected broker id, expected %d, but received %.*s",
                                    b->node_id, STR_ARG(change->name)));
    struct config_pair *set = ARENA_ARRAY(arena, struct config_pair, change->count + 1);
    int32_t count = 0;
    for (int32_t i = 0; i < change->count; i++)
        if (change->operations[i] == OP_SET || change->operations[i] == OP_DELETE)
            set[count++] = (struct config_pair){
                change->pairs[i].name,
                change->operations[i] == OP_SET ? change->pairs[i].value : STR_NULL};
    struct config_error *error = ARENA_NEW(arena, struct config_error);
    for (int32_t i = 0; i < change->count && change->name.len > 0; i++) {
        bool adds = change->operations[i] == OP_SET || change->operations[i] == OP_APPEND;
        if (adds && str_equal_z(change->pairs[i].name, "cordoned.log.dirs") &&
            config_validate_cordoned(b->config, change->pairs[i].value, error))
            return refusal(str_of(error->text));
    }
    if (config_validate_broker(b->config, set, count, change->name.len > 0, error))
        return refusal(str_of(error->text));
    return passed_on;
}

/* Levels of loggers live in this process, and are set here. */
static struct verdict judge_logger(const struct broker *b, struct arena *arena,
                                   const struct change *change)
{
    if (!change->incremental)
        return refusal(arena_printf(arena, "Unknown resource type %d", change->type));
    if (!is_int(change->name))
        return refusal(arena_printf(arena, "Node id must be an integer, but it is: %.*s",
                                    STR_ARG(change->name)));
    if (!str_equal(change->name, arena_printf(arena, "%d", b->node_id)))
        return refusal(arena_printf(arena, "Unexpected node id. Expected %d, but received %.*s",
                                    b->node_id, STR_ARG(change->name)));
    struct verdict v = {.here = true, .message = STR_NULL};
    for (int32_t i = 0; i < change->count && !v.error; i++)
        v.error = logger_check(change->pairs[i].name, change->operations[i], change->pairs[i].value,
                               arena, &v.message);
    return v;
}

static struct verdict judge(const struct broker *b, struct arena *arena,
                            const struct change *change)
{
    struct str nulls = STR_NULL;
    for (int32_t i = 0; i < change->count; i++) {
        for (int32_t k = 0; k < i; k++)
            if (str_equal(change->pairs[k].name, change->pairs[i].name))
                return refusal(STR("Error due to duplicate config keys"));
        if (change->operations[i] == OP_DELETE || change->pairs[i].value.len >= 0) continue;
        nulls = nulls.len < 0 ? change->pairs[i].name
                              : arena_printf(arena, "%.*s, %.*s", STR_ARG(nulls),
                                             STR_ARG(change->pairs[i].name));
    }
    if (nulls.len >= 0)
        return refusal(arena_printf(arena, "Null value not supported for : %.*s", STR_ARG(nulls)));
    if (change->type == RESOURCE_BROKER) return judge_broker(b, arena, change);
    if (change->type == RESOURCE_BROKER_LOGGER) return judge_logger(b, arena, change);
    if (change->type != RESOURCE_TOPIC && change->type != RESOURCE_GROUP &&
        change->type != RESOURCE_CLIENT_METRICS)
        return refusal(arena_printf(arena, "Unknown resource type %d", change->type));
    return passed_on;
}

static struct judged *judge_all(const struct broker *b, struct request *rq,
                                const struct change *changes, int32_t count)
{
    struct judged *j = ARENA_NEW(&rq->arena, struct judged);
    *j = (struct judged){rq->body, ARENA_ARRAY(&rq->arena, struct verdict, count + 1), count, 0};
    for (int32_t i = 0; i < count; i++) {
        bool twice = false;
        for (int32_t k = 0; k < count && !twice; k++)
            twice = k != i && changes[k].type == changes[i].type &&
                    str_equal(changes[k].name, changes[i].name);
        j->verdicts[i] = twice ? refusal(STR("Each resource must appear at most once."))
                               : judge(b, &rq->arena, &changes[i]);
        j->here += j->verdicts[i].here;
    }
    return j;
}

/* ---- what both requests share: their generated structs are of one shape */

static struct change change_new(struct arena *arena, struct str name, int8_t type, int32_t count)
{
    return (struct change){.type = type,
                           .name = name,
                           .pairs = ARENA_ARRAY(arena, struct config_pair, count + 1),
                           .operations = ARENA_ARRAY(arena, int8_t, count + 1), /* all OP_SET */
                           .count = count};
}

static bool too_many_values(const struct change *changes, int32_t count)
{
    int64_t values = 0;
    for (int32_t i = 0; i < count; i++) values += changes[i].count;
    return values > ITEMS_MAX;
}

/* The resources of `all` that are not answered here, in their order, into `rest`. */
#define TAKE_PASSED_ON(rest, n, j, all)                             \
    do {                                                            \
        (n) = 0;                                                    \
        for (int32_t i_ = 0; i_ < (j)->count; i_++)                 \
            if (!(j)->verdicts[i_].here) (rest)[(n)++] = (all)[i_]; \
    } while (0)

/* One answer of what was judged here and of `theirs`, the controller's answer to the rest, which
 * may be NULL. */
#define MERGE(all, j, asked, theirs)                                                   \
    do {                                                                               \
        if (theirs) (all)->throttle_time_ms = (theirs)->throttle_time_ms;              \
        (all)->responses_count = (j)->count;                                           \
        for (int32_t i_ = 0, next_ = 0; i_ < (j)->count; i_++) {                       \
            const struct verdict *v_ = &(j)->verdicts[i_];                             \
            if (!v_->here && (theirs) && next_ < (theirs)->responses_count) {          \
                (all)->responses[i_] = (theirs)->responses[next_++];                   \
                continue;                                                              \
            }                                                                          \
            (all)->responses[i_].error_code = (int16_t)v_->error;                      \
            (all)->responses[i_].error_message = v_->message;                          \
            (all)->responses[i_].resource_type = (asked)->resources[i_].resource_type; \
            (all)->responses[i_].resource_name = (asked)->resources[i_].resource_name; \
        }                                                                              \
    } while (0)

/* All answered here, all passed on, or both: `rest` is the request of what is passed on. */
static void conclude(struct request *rq, void *context, struct judged *j, forward_merge *merge,
                     void *rest)
{
    if (j->here == 0) {
        handle_forward(rq, context);
    } else if (j->here == j->count) {
        request_reply(rq, merge(rq, j, NULL));
    } else {
        rq->body = rest;
        forward(context, rq, merge, j);
    }
}

/* ---- IncrementalAlterConfigs */

static struct change
change_of_incremental(struct arena *arena,
                      const struct incremental_alter_configs_request_alter_configs_resource *r)
{
    struct change c = change_new(arena, r->resource_name, r->resource_type, r->configs_count);
    c.incremental = true;
    for (int32_t i = 0; i < r->configs_count; i++) {
        c.pairs[i] = (struct config_pair){r->configs[i].name, r->configs[i].value};
        c.operations[i] = r->configs[i].config_operation;
    }
    return c;
}

static const void *merge_incremental(struct request *rq, void *context, const void *response)
{
    const struct judged *j = context;
    const struct incremental_alter_configs_request *q = j->whole;
    const struct incremental_alter_configs_response *theirs = response;
    struct incremental_alter_configs_response *all =
        ARENA_NEW(&rq->arena, struct incremental_alter_configs_response);
    incremental_alter_configs_response_init(all);
    all->responses = incremental_alter_configs_response_alter_configs_resource_response_new(
        &rq->arena, j->count);
    MERGE(all, j, q, theirs);
    return all;
}

static void set_loggers(const struct broker *b, const struct change *changes, int32_t count,
                        const struct judged *j)
{
    for (int32_t i = 0; i < count; i++) {
        if (changes[i].type != RESOURCE_BROKER_LOGGER || j->verdicts[i].error) continue;
        for (int32_t k = 0; k < changes[i].count; k++)
            logger_set(b->env.trace, changes[i].pairs[k].value);
    }
}

void handle_incremental_alter_configs(struct request *rq, void *context)
{
    const struct incremental_alter_configs_request *q = rq->body;
    if (q->resources_count > ITEMS_MAX) {
        handle_forward(rq, context);
        return;
    }
    struct change *changes = ARENA_ARRAY(&rq->arena, struct change, q->resources_count + 1);
    for (int32_t i = 0; i < q->resources_count; i++)
        changes[i] = change_of_incremental(&rq->arena, &q->resources[i]);
    if (too_many_values(changes, q->resources_count)) {
        handle_forward(rq, context);
        return;
    }
    struct judged *j = judge_all(context, rq, changes, q->resources_count);
    if (!q->validate_only) set_loggers(context, changes, q->resources_count, j);
    struct incremental_alter_configs_request *rest =
        ARENA_NEW(&rq->arena, struct incremental_alter_configs_request);
    *rest = *q;
    rest->resources = incremental_alter_configs_request_alter_configs_resource_new(
        &rq->arena, q->resources_count);
    TAKE_PASSED_ON(rest->resources, rest->resources_count, j, q->resources);
    conclude(rq, context, j, merge_incremental, rest);
}

/* ---- AlterConfigs */

static struct change change_of_legacy(struct arena *arena,
                                      const struct alter_configs_request_alter_configs_resource *r)
{
    struct change c = change_new(arena, r->resource_name, r->resource_type, r->configs_count);
    for (int32_t i = 0; i < r->configs_count; i++)
        c.pairs[i] = (struct config_pair){r->configs[i].name, r->configs[i].value};
    return c;
}

static const void *merge_legacy(struct request *rq, void *context, const void *response)
{
    const struct judged *j = context;
    const struct alter_configs_request *q = j->whole;
    const struct alter_configs_response *theirs = response;
    struct alter_configs_response *all = ARENA_NEW(&rq->arena, struct alter_configs_response);
    alter_configs_response_init(all);
    all->responses =
        alter_configs_response_alter_configs_resource_response_new(&rq->arena, j->count);
    MERGE(all, j, q, theirs);
    return all;
}

void handle_alter_configs(struct request *rq, void *context)
{
    const struct alter_configs_request *q = rq->body;
    if (q->resources_count > ITEMS_MAX) {
        handle_forward(rq, context);
        return;
    }
    struct change *changes = ARENA_ARRAY(&rq->arena, struct change, q->resources_count + 1);
    for (int32_t i = 0; i < q->resources_count; i++)
        changes[i] = change_of_legacy(&rq->arena, &q->resources[i]);
    if (too_many_values(changes, q->resources_count)) {
        handle_forward(rq, context);
        return;
    }
    struct judged *j = judge_all(context, rq, changes, q->resources_count);
    struct alter_configs_request *rest = ARENA_NEW(&rq->arena, struct alter_configs_request);
    *rest = *q;
    rest->resources =
        alter_configs_request_alter_configs_resource_new(&rq->arena, q->resources_count);
    TAKE_PASSED_ON(rest->resources, rest->resources_count, j, q->resources);
    conclude(rq, context, j, merge_legacy, rest);
}
