/* CreateTopics and DeleteTopics (kraft.md 4.4). */
#include "config/topic.h"
#include "controller/configs.h"
#include "controller/partitions.h"
#include "controller/placement.h"

enum { TOPIC_NAME_LEN_MAX = 249 };

typedef const struct create_topics_request_creatable_topic new_topic;
typedef struct create_topics_response_creatable_topic_result new_topic_result;

/* ---- names */

struct problem topic_name_check(struct arena *arena, struct str name)
{
    const enum kafka_error error = KAFKA_INVALID_TOPIC_EXCEPTION;
    if (name.len <= 0)
        return PROBLEM(arena, error, "Topic name is invalid: the empty string is not allowed");
    if (str_equal_z(name, ".") || str_equal_z(name, ".."))
        return PROBLEM(arena, error, "Topic name is invalid: '%.*s' is not allowed", STR_ARG(name));
    if (name.len > TOPIC_NAME_LEN_MAX)
        return PROBLEM(arena, error,
                       "Topic name is invalid: the length of '%.*s' is longer than the max "
                       "allowed length %d",
                       STR_ARG(name), TOPIC_NAME_LEN_MAX);
    for (int32_t i = 0; i < name.len; i++) {
        char ch = name.data[i];
        bool legal = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                     (ch >= '0' && ch <= '9') || ch == '.' || ch == '_' || ch == '-';
        if (!legal)
            return PROBLEM(arena, error,
                           "Topic name is invalid: '%.*s' contains one or more characters other "
                           "than ASCII alphanumerics, '.', '_' and '-'",
                           STR_ARG(name));
    }
    return NO_PROBLEM;
}

/* Two names that are one as metric names, in one request. */
static bool metric_names_equal(struct str a, struct str b)
{
    if (a.len != b.len) return false;
    for (int32_t i = 0; i < a.len; i++) {
        char x = a.data[i] == '.' ? '_' : a.data[i], y = b.data[i] == '.' ? '_' : b.data[i];
        if (x != y) return false;
    }
    return true;
}

static struct problem new_name_check(const struct controller *c, struct arena *arena,
                                     const struct create_topics_request *rq, int32_t at)
{
    struct str name = rq->topics[at].name;
    for (int32_t i = 0; i < rq->topics_count; i++)
        if (i != at && str_equal(rq->topics[i].name, name))
            return PROBLEM(arena, KAFKA_INVALID_REQUEST, "Duplicate topic name.");
    if (str_equal_z(name, "__cluster_metadata"))
        return PROBLEM(arena, KAFKA_INVALID_REQUEST,
                       "Creation of internal topic __cluster_metadata is prohibited.");
    struct problem problem = topic_name_check(arena, name);
    if (problem.error) return problem;
    if (image_topic_by_name(image_of(c), name))
        return PROBLEM(arena, KAFKA_TOPIC_ALREADY_EXISTS, "Topic '%.*s' already exists.",
                       STR_ARG(name));
    const struct image_topic *other = image_topic_colliding(image_of(c), name);
    struct str colliding = other ? other->name : STR_NULL;
    for (int32_t i = 0; i < at && !other; i++)
        if (metric_names_equal(rq->topics[i].name, name)) colliding = rq->topics[i].name;
    if (colliding.len >= 0)
        return PROBLEM(arena, KAFKA_INVALID_TOPIC_EXCEPTION,
                       "Topic '%.*s' collides with existing topic: %.*s", STR_ARG(name),
                       STR_ARG(colliding));
    return NO_PROBLEM;
}

/* ---- partitions */

static struct problem assign_manual(struct controller *c, struct decision *d, new_topic *rq,
                                    struct ids **partitions)
{
    const enum kafka_error error = KAFKA_INVALID_REPLICA_ASSIGNMENT;
    if (rq->replication_factor != -1)
        return PROBLEM(d->arena, KAFKA_INVALID_REQUEST,
                       "A manual partition assignment was specified, but replication factor was "
                       "not set to -1.");
    if (rq->num_partitions != -1)
        return PROBLEM(d->arena, KAFKA_INVALID_REQUEST,
                       "A manual partition assignment was specified, but numPartitions was not "
                       "set to -1.");
    *partitions = ARENA_ARRAY(d->arena, struct ids, rq->assignments_count);
    int32_t replication_factor = -1;
    bool consecutive = true;
    for (int32_t i = 0; i < rq->assignments_count; i++) {
        int32_t id = rq->assignments[i].partition_index;
        struct ids replicas = {rq->assignments[i].broker_ids, rq->assignments[i].broker_ids_count};
        bool inside = id >= 0 && id < rq->assignments_count;
        if (inside && (*partitions)[id].count > 0)
            return PROBLEM(d->arena, error,
                           "Found multiple manual partition assignments for partition %d", id);
        struct problem problem = partitions_check_manual(c, d->arena, replicas, replication_factor);
        if (problem.error) return problem;
        replication_factor = replicas.count;
        if (partitions_active_count(c, replicas.items, replicas.count) == 0)
            return PROBLEM(d->arena, error,
                           "All brokers specified in the manual partition assignment for "
                           "partition %d are fenced or in controlled shutdown.",
                           id);
        consecutive &= inside;
        if (inside) (*partitions)[id] = replicas;
    }
    if (!consecutive)
        return PROBLEM(d->arena, error,
                       "partitions should be a consecutive 0-based integer sequence");
    return NO_PROBLEM;
}

static struct problem assign_placed(struct controller *c, struct decision *d, new_topic *rq,
                                    struct ids **partitions, int32_t *count)
{
    if (rq->replication_factor < -1 || rq->replication_factor == 0)
        return PROBLEM(d->arena, KAFKA_INVALID_REPLICATION_FACTOR,
                       "Replication factor must be larger than 0, or -1 to use the default value.");
    if (rq->num_partitions < -1 || rq->num_partitions == 0)
        return PROBLEM(d->arena, KAFKA_INVALID_PARTITIONS,
                       "Number of partitions was set to an invalid non-positive value.");
    const struct config *config = c->options.config;
    *count =
        rq->num_partitions == -1 ? config_int(config, CONFIG_NUM_PARTITIONS) : rq->num_partitions;
    int16_t factor = rq->replication_factor == -1
                         ? (int16_t)config_int(config, CONFIG_DEFAULT_REPLICATION_FACTOR)
                         : rq->replication_factor;
    int32_t *placed;
    struct problem problem = placement_place(c, d->arena, *count, factor, &placed);
    if (problem.error) {
        problem.message =
            arena_printf(d->arena, "Unable to replicate the partition %d time(s): %.*s", factor,
                         STR_ARG(problem.message));
        return problem;
    }
    *partitions = ARENA_ARRAY(d->arena, struct ids, *count);
    for (int32_t i = 0; i < *count; i++)
        (*partitions)[i] = (struct ids){placed + (size_t)i * (size_t)factor, factor};
    return NO_PROBLEM;
}

/* ---- one topic */

static void put_configs(const struct controller *c, struct arena *arena,
                        const struct config_pair *pairs, int32_t pairs_count, new_topic_result *to)
{
    struct config_described *described;
    int32_t count;
    config_describe_topic(c->options.config, pairs, pairs_count, arena, &described, &count);
    to->configs = create_topics_response_creatable_topic_configs_new(arena, count);
    to->configs_count = count;
    for (int32_t i = 0; i < count; i++) {
        struct str value = described[i].value;
        for (int32_t k = 0; k < pairs_count; k++) /* what was asked for is told as it was written */
            if (str_equal_z(pairs[k].name, described[i].name)) value = pairs[k].value;
        to->configs[i] = (struct create_topics_response_creatable_topic_configs){
            .name = str_of(described[i].name),
            .value = described[i].sensitive ? STR_NULL : value,
            .read_only = described[i].read_only,
            .config_source = (int8_t)described[i].source,
            .is_sensitive = described[i].sensitive};
    }
}

static struct problem topic_configs(const struct controller *c, struct arena *arena, new_topic *rq,
                                    struct config_pair **pairs)
{
    *pairs = ARENA_ARRAY(arena, struct config_pair, rq->configs_count + 1);
    struct str nulls = STR_NULL;
    for (int32_t i = 0; i < rq->configs_count; i++) {
        (*pairs)[i] = (struct config_pair){rq->configs[i].name, rq->configs[i].value};
        if (rq->configs[i].value.len >= 0 || nulls.len > 1000) continue;
        nulls = nulls.len < 0 ? rq->configs[i].name
                              : arena_printf(arena, "%.*s,%.*s", STR_ARG(nulls),
                                             STR_ARG(rq->configs[i].name));
    }
    if (nulls.len >= 0)
        return PROBLEM(arena, KAFKA_INVALID_CONFIG,
                       "Null value not supported for topic configs: %.*s", STR_ARG(nulls));
    return configs_check_topic(c, arena, *pairs, rq->configs_count);
}

static struct problem create_topic(struct controller *c, struct decision *d, new_topic *rq,
                                   new_topic_result *to)
{
    struct config_pair *pairs;
    struct problem problem = topic_configs(c, d->arena, rq, &pairs);
    if (problem.error) return problem;
    struct ids *partitions = NULL;
    int32_t count = rq->assignments_count;
    problem = rq->assignments_count > 0 ? assign_manual(c, d, rq, &partitions)
                                        : assign_placed(c, d, rq, &partitions, &count);
    if (problem.error) return problem;

    struct uuid id = rng_uuid(c->options.rng);
    struct metadata_record *topic = decision_add(c, d, METADATA_RECORD_TOPIC);
    topic->u.topic.name = rq->name;
    topic->u.topic.topic_id = id;
    configs_add(c, d, RESOURCE_TOPIC, rq->name, pairs, rq->configs_count);
    for (int32_t i = 0; i < count; i++) partitions_add(c, d, id, i, partitions[i]);

    to->topic_id = id;
    to->num_partitions = count;
    to->replication_factor = (int16_t)partitions[0].count;
    put_configs(c, d->arena, pairs, rq->configs_count, to);
    return NO_PROBLEM;
}

/* ---- CreateTopics */

static void put_problem(new_topic_result *to, struct problem problem)
{
    to->error_code = (int16_t)problem.error;
    to->error_message = problem.message;
}

static new_topic_result *results_open(struct controller_call *call)
{
    const struct create_topics_request *rq = call->request;
    struct create_topics_response *r = RESPONSE(call, create_topics_response);
    r->topics = create_topics_response_creatable_topic_result_new(call->arena, rq->topics_count);
    r->topics_count = rq->topics_count;
    for (int32_t i = 0; i < rq->topics_count; i++) {
        r->topics[i].name = rq->topics[i].name;
        r->topics[i].num_partitions = -1;
        r->topics[i].replication_factor = -1;
    }
    return r->topics;
}

void refuse_create_topics(struct controller_call *call, enum kafka_error error, struct str message)
{
    new_topic_result *results = results_open(call);
    const struct create_topics_request *rq = call->request;
    for (int32_t i = 0; i < rq->topics_count; i++)
        put_problem(&results[i], (struct problem){error, message});
}

/* A name that was given more than once is told once, as in Kafka. */
static void drop_repeated(struct controller_call *call)
{
    struct create_topics_response *r = (void *)(uintptr_t)call->response; /* ours */
    int32_t kept = 0;
    for (int32_t i = 0; i < r->topics_count; i++) {
        bool repeated = false;
        for (int32_t k = 0; k < kept && !repeated; k++)
            repeated = str_equal(r->topics[k].name, r->topics[i].name);
        if (!repeated) r->topics[kept++] = r->topics[i];
    }
    r->topics_count = kept;
}

static bool too_many_partitions(const struct controller *c, const struct create_topics_request *rq)
{
    int64_t total = 0;
    for (int32_t i = 0; i < rq->topics_count; i++) {
        const struct create_topics_request_creatable_topic *t = &rq->topics[i];
        if (t->assignments_count > 0)
            total += t->assignments_count;
        else if (t->num_partitions == -1)
            total += config_int(c->options.config, CONFIG_NUM_PARTITIONS);
        else if (t->num_partitions > 0)
            total += t->num_partitions;
    }
    return total > PARTITIONS_PER_CREATE_MAX || rq->topics_count > PARTITIONS_PER_CREATE_MAX;
}

void decide_create_topics(struct controller *c, struct decision *d, struct controller_call *call)
{
    const struct create_topics_request *rq = call->request;
    if (too_many_partitions(c, rq)) {
        refuse_create_topics(call, KAFKA_POLICY_VIOLATION,
                             STR("Excessively large number of partitions per request."));
        return;
    }
    new_topic_result *results = results_open(call);
    d->atomic = true;
    for (int32_t i = 0; i < rq->topics_count; i++) {
        int32_t before = d->count;
        struct problem problem = new_name_check(c, d->arena, rq, i);
        if (!problem.error) problem = create_topic(c, d, &rq->topics[i], &results[i]);
        if (problem.error) d->count = before;
        put_problem(&results[i], problem);
    }
    drop_repeated(call);
    /* what would be too large is refused by whoever asked, though nothing is to be written */
    if (rq->validate_only && d->count <= RECORDS_PER_OPERATION_MAX) d->count = 0;
}

/* ---- DeleteTopics */

/* What to delete, in one form for all versions. */
static int32_t targets(const struct controller_call *call,
                       struct delete_topics_request_delete_topic_state **out)
{
    const struct delete_topics_request *rq = call->request;
    int32_t count = call->version >= 6 ? rq->topics_count : rq->topic_names_count;
    *out = ARENA_ARRAY(call->arena, struct delete_topics_request_delete_topic_state, count + 1);
    if (call->version >= 6) {
        for (int32_t i = 0; i < count; i++) (*out)[i] = rq->topics[i];
        return count;
    }
    for (int32_t i = 0; i < rq->topic_names_count; i++) (*out)[i].name = rq->topic_names[i];
    return rq->topic_names_count;
}

static struct delete_topics_response_deletable_topic_result *
delete_open(struct controller_call *call, struct delete_topics_request_delete_topic_state **topics,
            int32_t *count)
{
    *count = targets(call, topics);
    struct delete_topics_response *r = RESPONSE(call, delete_topics_response);
    r->responses = delete_topics_response_deletable_topic_result_new(call->arena, *count);
    r->responses_count = *count;
    for (int32_t i = 0; i < *count; i++) {
        r->responses[i].name = (*topics)[i].name;
        r->responses[i].topic_id = (*topics)[i].topic_id;
    }
    return r->responses;
}

void refuse_delete_topics(struct controller_call *call, enum kafka_error error, struct str message)
{
    struct delete_topics_request_delete_topic_state *topics;
    int32_t count;
    struct delete_topics_response_deletable_topic_result *results =
        delete_open(call, &topics, &count);
    for (int32_t i = 0; i < count; i++) {
        results[i].error_code = (int16_t)error;
        results[i].error_message = message;
    }
}

static struct problem find_target(const struct controller *c, struct arena *arena,
                                  const struct delete_topics_request_delete_topic_state *topics,
                                  int32_t at, const struct image_topic **found)
{
    struct str name = topics[at].name;
    struct uuid id = topics[at].topic_id;
    *found = NULL;
    if (name.len < 0 && uuid_is_zero(id))
        return PROBLEM(arena, KAFKA_INVALID_REQUEST, "Neither topic name nor id were specified.");
    if (name.len >= 0 && !uuid_is_zero(id))
        return PROBLEM(arena, KAFKA_INVALID_REQUEST,
                       "You may not specify both topic name and topic id.");
    *found =
        name.len >= 0 ? image_topic_by_name(image_of(c), name) : image_topic_by_id(image_of(c), id);
    if (!*found)
        return name.len >= 0 ? PROBLEM(arena, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
                                       "This server does not host this topic-partition.")
                             : PROBLEM(arena, KAFKA_UNKNOWN_TOPIC_ID,
                                       "This server does not host this topic ID.");
    return NO_PROBLEM;
}

typedef const struct delete_topics_request_delete_topic_state delete_target;

static bool is_same_target(delete_target *a, delete_target *b)
{
    if (a->name.len >= 0)
        return uuid_is_zero(a->topic_id) && uuid_is_zero(b->topic_id) &&
               str_equal(a->name, b->name);
    return b->name.len < 0 && !uuid_is_zero(a->topic_id) && uuid_equal(a->topic_id, b->topic_id);
}

/* What was asked more than once is refused, and told once, as in Kafka. Gives how many are left,
 * in `topics` and in the answer. */
static int32_t drop_repeated_targets(struct controller_call *call,
                                     struct delete_topics_request_delete_topic_state *topics,
                                     int32_t count)
{
    struct delete_topics_response *r = (void *)(uintptr_t)call->response; /* ours */
    int32_t kept = 0;
    for (int32_t i = 0; i < count; i++) {
        int32_t at = 0;
        while (at < kept && !is_same_target(&topics[at], &topics[i])) at++;
        if (at == kept) {
            topics[kept] = topics[i];
            r->responses[kept++] = r->responses[i];
            continue;
        }
        bool by_name = topics[at].name.len >= 0;
        r->responses[at].error_code = KAFKA_INVALID_REQUEST;
        r->responses[at].error_message =
            by_name ? STR("Duplicate topic name.") : STR("Duplicate topic id.");
    }
    r->responses_count = kept;
    return kept;
}

/* Removes what was found. A topic that was given by name and by id is refused, and told once. */
static void delete_found(struct controller *c, struct decision *d, struct controller_call *call,
                         const struct image_topic **found, int32_t count)
{
    struct delete_topics_response *r = (void *)(uintptr_t)call->response; /* ours */
    int32_t kept = 0;
    for (int32_t i = 0; i < count; i++) {
        bool before = false, later = false;
        for (int32_t k = 0; found[i] && k < count; k++) {
            before |= k < i && found[k] == found[i];
            later |= k > i && found[k] == found[i];
        }
        if (before) continue;
        r->responses[kept] = r->responses[i];
        if (later) {
            r->responses[kept].error_code = KAFKA_INVALID_REQUEST;
            r->responses[kept].error_message =
                STR("The provided topic name maps to an ID that was already supplied.");
        } else if (found[i])
            decision_add(c, d, METADATA_RECORD_REMOVE_TOPIC)->u.remove_topic.topic_id =
                found[i]->id;
        kept++;
    }
    r->responses_count = kept;
}

void decide_delete_topics(struct controller *c, struct decision *d, struct controller_call *call)
{
    if (!config_bool(c->options.config, CONFIG_DELETE_TOPIC_ENABLE)) {
        refuse_delete_topics(
            call, call->version < 3 ? KAFKA_INVALID_REQUEST : KAFKA_TOPIC_DELETION_DISABLED,
            call->version < 3 ? STR("This version does not support topic deletion.")
                              : STR("Topic deletion is disabled."));
        return;
    }
    struct delete_topics_request_delete_topic_state *topics;
    int32_t count;
    struct delete_topics_response_deletable_topic_result *results =
        delete_open(call, &topics, &count);
    if (count > RECORDS_PER_OPERATION_MAX) {
        refuse_delete_topics(call, KAFKA_POLICY_VIOLATION,
                             STR("Unable to perform excessively large batch operation."));
        return;
    }
    const struct image_topic **found = ARENA_ARRAY(call->arena, const struct image_topic *, count);
    count = drop_repeated_targets(call, topics, count);
    for (int32_t i = 0; i < count; i++) {
        if (results[i].error_code) continue;
        struct problem problem = find_target(c, call->arena, topics, i, &found[i]);
        if (found[i]) {
            /* the topic goes with the replay, before the answer is encoded */
            results[i].name = arena_str(call->arena, found[i]->name);
            results[i].topic_id = found[i]->id;
        }
        results[i].error_code = (int16_t)problem.error;
        results[i].error_message = problem.message;
    }
    d->atomic = true;
    delete_found(c, d, call, found, count);
}
