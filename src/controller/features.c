/* UpdateFeatures: finalized levels go up, and down where no record would be lost. All or
 * nothing. */
#include <stdio.h>

#include "controller/internal.h"

enum { UPDATES_MAX = 1000 }; /* far more than there are features */
enum { TYPE_UPGRADE = 1, TYPE_SAFE_DOWNGRADE = 2, TYPE_UNSAFE_DOWNGRADE = 3 };

typedef const struct update_features_request_feature_update_key update;

void refuse_update_features(struct controller_call *call, enum kafka_error error,
                            struct str message)
{
    struct update_features_response *r = RESPONSE(call, update_features_response);
    r->error_code = (int16_t)error;
    r->error_message = message;
}

/* An error is the whole request's; success is listed by feature up to version 1. */
static void put_results(struct controller_call *call, struct problem problem)
{
    const struct update_features_request *rq = call->request;
    if (problem.error) {
        struct str why = str_is_null(problem.message) ? STR("") : problem.message;
        refuse_update_features(call, problem.error,
                               arena_printf(call->arena,
                                            "The update failed for all features since the "
                                            "following feature had an error: %.*s",
                                            STR_ARG(why)));
        return;
    }
    struct update_features_response *r = RESPONSE(call, update_features_response);
    r->error_message = STR_NULL;
    if (call->version > 1) return;
    r->results = update_features_response_updatable_feature_result_new(call->arena,
                                                                       rq->feature_updates_count);
    r->results_count = rq->feature_updates_count;
    for (int32_t i = 0; i < rq->feature_updates_count; i++) {
        r->results[i].feature = rq->feature_updates[i].feature;
        r->results[i].error_message = STR("NONE");
    }
}

static int8_t type_of(const struct controller_call *call, update *u)
{
    if (call->version >= 1) return u->upgrade_type;
    return u->allow_downgrade ? TYPE_SAFE_DOWNGRADE : TYPE_UPGRADE;
}

static struct problem refuse_level(struct arena *arena, update *u, struct str why)
{
    return PROBLEM(arena, KAFKA_INVALID_UPDATE_VERSION,
                   "Invalid update version %d for feature %.*s. %.*s", u->max_version_level,
                   STR_ARG(u->feature), STR_ARG(why));
}

/* Why a node does not support the level; null: it does. */
static struct str reason_of(struct arena *arena, const char *what, int32_t id, int16_t level,
                            int16_t min, int16_t max)
{
    if (level >= min && level <= max) return STR_NULL;
    if (max == 0) return arena_printf(arena, "%s %d does not support this feature.", what, id);
    return arena_printf(arena, "%s %d only supports versions %d-%d", what, id, min, max);
}

static struct str reason_of_node(struct arena *arena, const char *what, int32_t id,
                                 const struct image_feature_range *ranges, int32_t count, update *u)
{
    const struct image_feature_range *range = image_feature_range(ranges, count, u->feature);
    return reason_of(arena, what, id, u->max_version_level, range ? range->min : 0,
                     range ? range->max : 0);
}

/* Who cannot do it; null: everybody can. */
static struct str reason_not_supported(const struct controller *c, struct arena *arena, update *u)
{
    const struct image *image = image_of(c);
    const struct feature *f = feature_find(u->feature);
    struct str reason = reason_of(arena, "Local controller", c->options.node_id,
                                  u->max_version_level, f ? f->min : 0, f ? f->max : 0);
    if (!str_is_null(reason)) return reason;
    for (int32_t i = 0; i < image->brokers_count; i++) {
        const struct image_broker *b = image->brokers[i];
        reason = reason_of_node(arena, "Broker", b->id, b->features, b->features_count, u);
        if (!str_is_null(reason)) return reason;
    }
    if (image->metadata_version < METADATA_VERSION_REGISTER_CONTROLLER) return STR_NULL;
    for (int32_t i = 0; i < image->controllers_count; i++) {
        const struct image_controller *k = image->controllers[i];
        if (k->id == c->options.node_id) continue;
        reason = reason_of_node(arena, "Controller", k->id, k->features, k->features_count, u);
        if (!str_is_null(reason)) return reason;
    }
    for (int32_t i = 0; i < c->options.voters_count; i++)
        if (c->options.voters[i] != c->options.node_id &&
            !image_controller(image, c->options.voters[i]))
            return arena_printf(arena,
                                "controller %d has not registered, and may not support this "
                                "feature",
                                c->options.voters[i]);
    return STR_NULL;
}

/* The metadata.version that will hold once the whole request is done. */
static int16_t proposed_metadata_version(const struct controller *c,
                                         const struct update_features_request *rq)
{
    for (int32_t i = 0; i < rq->feature_updates_count; i++)
        if (str_equal(rq->feature_updates[i].feature, FEATURE_METADATA_VERSION))
            return rq->feature_updates[i].max_version_level;
    return image_of(c)->metadata_version;
}

static struct problem check_level(const struct controller *c, const struct controller_call *call,
                                  update *u, int16_t now)
{
    struct arena *arena = call->arena;
    int8_t type = type_of(call, u);
    int16_t level = u->max_version_level;
    if (type < TYPE_UPGRADE || type > TYPE_UNSAFE_DOWNGRADE)
        return refuse_level(arena, u,
                            STR("The controller does not support the given upgrade type."));
    if (level < 0) return refuse_level(arena, u, STR("A feature version cannot be less than 0."));
    struct str reason = reason_not_supported(c, arena, u);
    if (reason.len >= 0) return refuse_level(arena, u, reason);
    if (level < now && type == TYPE_UPGRADE)
        return refuse_level(arena, u,
                            STR("Can't downgrade the version of this feature without setting the "
                                "upgrade type to either safe or unsafe downgrade."));
    if (level > now && type != TYPE_UPGRADE)
        return refuse_level(arena, u, STR("Can't downgrade to a newer version."));
    return NO_PROBLEM;
}

static struct problem check_metadata_version(struct arena *arena, update *u, int8_t type,
                                             int16_t now)
{
    if (u->max_version_level >= now || !metadata_version_changes_records(u->max_version_level, now))
        return NO_PROBLEM;
    return PROBLEM(arena, KAFKA_INVALID_UPDATE_VERSION,
                   "Unsupported metadata.version downgrade from %d to %d. %s", now,
                   u->max_version_level,
                   type == TYPE_UNSAFE_DOWNGRADE
                       ? "Unsafe metadata downgrade is not supported in this version."
                       : "Refusing to perform the requested downgrade because it might delete "
                         "metadata information.");
}

/* With ELR the minimum ISR is the cluster's alone: state it, and drop what single brokers have. */
static void add_elr_settings(struct controller *c, struct decision *d)
{
    const struct str key = STR("min.insync.replicas");
    if (image_config_value(image_of(c), RESOURCE_BROKER, STR(""), key).len < 0) {
        struct config_record *r = &decision_add(c, d, METADATA_RECORD_CONFIG)->u.config;
        r->resource_type = RESOURCE_BROKER;
        r->resource_name = STR("");
        r->name = key;
        r->value =
            arena_printf(d->arena, "%d", config_int(c->options.config, CONFIG_MIN_INSYNC_REPLICAS));
    }
    int32_t count;
    const struct image_config **all = image_configs_sorted(image_of(c), d->arena, &count);
    for (int32_t i = 0; i < count; i++) {
        if (all[i]->type != RESOURCE_BROKER || all[i]->name.len == 0) continue;
        if (image_config_value(image_of(c), RESOURCE_BROKER, all[i]->name, key).len < 0) continue;
        struct config_record *r = &decision_add(c, d, METADATA_RECORD_CONFIG)->u.config;
        r->resource_type = RESOURCE_BROKER;
        r->resource_name = arena_str(d->arena, all[i]->name);
        r->name = key;
        r->value = STR_NULL;
    }
}

/* The quorum changes it, not a record of ours: asked once all the rest is known to be fine. */
static struct problem check_kraft_version(const struct controller *c,
                                          const struct controller_call *call, update *u,
                                          int16_t now)
{
    if (u->max_version_level < now)
        return refuse_level(call->arena, u, STR("Can't downgrade the version of this feature."));
    if (u->max_version_level > now && !c->options.committer->ops->raise_kraft_version)
        return refuse_level(call->arena, u, STR("The quorum cannot change it."));
    return NO_PROBLEM;
}

static struct problem raise_kraft_version(struct controller *c, struct decision *d,
                                          const struct controller_call *call)
{
    const struct update_features_request *rq = call->request;
    struct committer *to = c->options.committer;
    for (int32_t i = 0; i < rq->feature_updates_count; i++) {
        update *u = &rq->feature_updates[i];
        if (!str_equal(u->feature, FEATURE_KRAFT_VERSION) ||
            u->max_version_level == c->kraft_version)
            continue;
        const char *why = "The quorum cannot change it.";
        enum err err = to->ops->raise_kraft_version(to, c->epoch, u->max_version_level,
                                                    rq->validate_only, &why);
        if (err == ERR_NOT_LEADER) return PROBLEM_BARE(KAFKA_NOT_CONTROLLER);
        if (err) return refuse_level(call->arena, u, str_of(why));
        if (rq->validate_only) continue;
        c->kraft_version = u->max_version_level;
        (void)decision_add(c, d, METADATA_RECORD_NO_OP); /* an offset to wait for */
    }
    return NO_PROBLEM;
}

static struct problem update_one(struct controller *c, struct decision *d,
                                 struct controller_call *call, update *u)
{
    struct arena *arena = call->arena;
    bool kraft = str_equal(u->feature, FEATURE_KRAFT_VERSION);
    int16_t now = kraft ? c->kraft_version : image_feature_level(image_of(c), u->feature);
    struct problem problem = check_level(c, call, u, now);
    if (problem.error) return problem;
    if (kraft) return check_kraft_version(c, call, u, now);
    if (str_equal(u->feature, FEATURE_METADATA_VERSION)) {
        problem = check_metadata_version(arena, u, type_of(call, u), now);
        if (problem.error) return problem;
    } else {
        const struct feature *f = feature_find(u->feature);
        int16_t proposed = proposed_metadata_version(c, call->request);
        if (u->max_version_level > 0 && proposed < f->needs)
            return refuse_level(arena, u,
                                arena_printf(arena,
                                             "%s could not be set to %d because it depends on "
                                             "metadata.version level %d",
                                             f->name, u->max_version_level, f->needs));
    }
    struct feature_level_record *r =
        &decision_add(c, d, METADATA_RECORD_FEATURE_LEVEL)->u.feature_level;
    r->name = u->feature;
    r->feature_level = u->max_version_level;
    if (str_equal(u->feature, FEATURE_ELR_VERSION) && now == 0 && u->max_version_level > 0)
        add_elr_settings(c, d);
    return NO_PROBLEM;
}

/* A lower metadata.version must not leave a feature without what it needs. */
static struct problem check_dependents(const struct controller *c,
                                       const struct controller_call *call)
{
    const struct update_features_request *rq = call->request;
    int16_t proposed = proposed_metadata_version(c, rq);
    for (int32_t i = 0; i < image_of(c)->features_count; i++) {
        const struct feature *f = feature_find(image_of(c)->features[i].name);
        int16_t level = image_of(c)->features[i].level;
        for (int32_t k = 0; k < rq->feature_updates_count; k++)
            if (f && str_equal_z(rq->feature_updates[k].feature, f->name))
                level = rq->feature_updates[k].max_version_level;
        if (f && level > 0 && proposed < f->needs)
            return PROBLEM(call->arena, KAFKA_INVALID_UPDATE_VERSION,
                           "Invalid update version %d for feature metadata.version. %s level %d "
                           "depends on metadata.version level %d",
                           proposed, f->name, level, f->needs);
    }
    return NO_PROBLEM;
}

void decide_update_features(struct controller *c, struct decision *d, struct controller_call *call)
{
    const struct update_features_request *rq = call->request;
    d->atomic = true;
    struct problem problem = NO_PROBLEM;
    if (rq->feature_updates_count > UPDATES_MAX) problem = PROBLEM_BARE(KAFKA_INVALID_REQUEST);
    for (int32_t i = 0; i < rq->feature_updates_count && !problem.error; i++) {
        for (int32_t k = 0; k < i; k++)
            if (str_equal(rq->feature_updates[k].feature, rq->feature_updates[i].feature))
                problem = PROBLEM(call->arena, KAFKA_INVALID_REQUEST, "Duplicate feature %.*s",
                                  STR_ARG(rq->feature_updates[i].feature));
        if (!problem.error) problem = update_one(c, d, call, &rq->feature_updates[i]);
    }
    if (!problem.error) problem = check_dependents(c, call);
    if (!problem.error) problem = raise_kraft_version(c, d, call);
    put_results(call, problem);
    if (problem.error || rq->validate_only) d->count = 0;
}
