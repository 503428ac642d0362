/* What a new leader writes first: the bootstrap records of an empty log, in a transaction, or the
 * end of a transaction that its predecessor left open. */
#include "controller/internal.h"

static int16_t bootstrap_level(const struct controller *c, struct str feature)
{
    for (int32_t i = 0; i < c->options.bootstrap_count; i++) {
        const struct metadata_record *r = &c->options.bootstrap[i];
        if (r->id == METADATA_RECORD_FEATURE_LEVEL && str_equal(r->u.feature_level.name, feature))
            return r->u.feature_level.feature_level;
    }
    return 0;
}

static void add_abort(struct controller *c, struct decision *d)
{
    decision_add(c, d, METADATA_RECORD_ABORT_TRANSACTION)->u.abort_transaction.reason =
        STR("Controller failover");
}

static void add_bootstrap(struct controller *c, struct decision *d)
{
    if (c->options.bootstrap_count == 0) {
        struct metadata_record *r = decision_add(c, d, METADATA_RECORD_FEATURE_LEVEL);
        r->u.feature_level.name = FEATURE_METADATA_VERSION;
        r->u.feature_level.feature_level = METADATA_VERSION_DEFAULT;
    }
    for (int32_t i = 0; i < c->options.bootstrap_count; i++)
        *decision_add(c, d, c->options.bootstrap[i].id) = c->options.bootstrap[i];
    if (bootstrap_level(c, FEATURE_ELR_VERSION) > 0) {
        /* with ELR the cluster's value is part of its state, the same for all controllers */
        struct metadata_record *r = decision_add(c, d, METADATA_RECORD_CONFIG);
        r->u.config.resource_type = RESOURCE_BROKER;
        r->u.config.resource_name = STR("");
        r->u.config.name = STR("min.insync.replicas");
        r->u.config.value =
            arena_printf(d->arena, "%d", config_int(c->options.config, CONFIG_MIN_INSYNC_REPLICAS));
    }
}

void activation_decide(struct controller *c, struct decision *d)
{
    bool open = c->loader.transaction_offset >= 0;
    if (image_of(c)->metadata_version != 0) {
        if (open) add_abort(c, d);
        d->atomic = true;
        return;
    }
    int16_t level = c->options.bootstrap_count > 0 ? bootstrap_level(c, FEATURE_METADATA_VERSION)
                                                   : METADATA_VERSION_DEFAULT;
    bool transaction = level >= METADATA_VERSION_TRANSACTIONS;
    if (open) add_abort(c, d);
    if (transaction)
        decision_add(c, d, METADATA_RECORD_BEGIN_TRANSACTION)->u.begin_transaction.name =
            STR("Bootstrap records");
    add_bootstrap(c, d);
    if (transaction) decision_add(c, d, METADATA_RECORD_END_TRANSACTION);
    d->atomic = !transaction;
}

/* A leader needs no request to register: it decides, and it is the one that it would ask. */
void activation_register(struct controller *c, struct decision *d)
{
    const struct image_controller *known = image_controller(image_of(c), c->options.node_id);
    if (image_of(c)->metadata_version < METADATA_VERSION_REGISTER_CONTROLLER ||
        c->options.endpoints_count == 0 ||
        (known && uuid_equal(known->incarnation_id, c->incarnation_id)))
        return;
    struct register_controller_record *r =
        &decision_add(c, d, METADATA_RECORD_REGISTER_CONTROLLER)->u.register_controller;
    r->controller_id = c->options.node_id;
    r->incarnation_id = c->incarnation_id;
    r->end_points_count = c->options.endpoints_count;
    r->end_points = ARENA_ARRAY(d->arena, struct register_controller_record_controller_endpoint,
                                r->end_points_count);
    for (int32_t i = 0; i < r->end_points_count; i++)
        r->end_points[i] = (struct register_controller_record_controller_endpoint){
            c->options.endpoints[i].name, c->options.endpoints[i].host,
            c->options.endpoints[i].port, c->options.endpoints[i].security_protocol};
    const struct feature *table = feature_table(&r->features_count);
    r->features = ARENA_ARRAY(d->arena, struct register_controller_record_controller_feature,
                              r->features_count);
    for (int32_t i = 0; i < r->features_count; i++)
        r->features[i] = (struct register_controller_record_controller_feature){
            str_of(table[i].name), table[i].min, table[i].max};
}
