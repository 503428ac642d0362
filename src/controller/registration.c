/* Brokers and controllers come and go: BrokerRegistration, UnregisterBroker,
 * ControllerRegistration. */
#include "controller/election.h"

#include "base/mark.h"

/* Features, listeners and directories that one node may list. */
enum { LISTED_MAX = 1000 };

void refuse_broker_registration(struct controller_call *call, enum kafka_error error,
                                struct str message)
{
    (void)message;
    RESPONSE(call, broker_registration_response)->error_code = (int16_t)error;
}

/* kraft.md 4.1: every broker needs directories of its own. */
static enum kafka_error directories_check(const struct controller *c,
                                          const struct broker_registration_request *rq)
{
    if (image_of(c)->metadata_version < METADATA_VERSION_DIRECTORIES) return KAFKA_NONE;
    if (rq->log_dirs_count <= 0) return KAFKA_INVALID_REGISTRATION;
    for (int32_t i = 0; i < rq->log_dirs_count; i++) {
        struct uuid id = rq->log_dirs[i];
        static const uint8_t zeros[15];
        if (memcmp(id.bytes, zeros, sizeof zeros) == 0 && id.bytes[15] < 100)
            return KAFKA_INVALID_REGISTRATION; /* reserved */
        for (int32_t k = 0; k < i; k++)
            if (uuid_equal(id, rq->log_dirs[k])) return KAFKA_INVALID_REGISTRATION;
        for (int32_t b = 0; b < image_of(c)->brokers_count; b++) {
            const struct image_broker *other = image_of(c)->brokers[b];
            if (other->id == rq->broker_id || MUTANT(COPIED_DIRECTORIES)) continue;
            for (int32_t k = 0; k < other->directories_count; k++)
                if (uuid_equal(id, other->directories[k])) return KAFKA_INVALID_REGISTRATION;
        }
    }
    return KAFKA_NONE;
}

static bool level_supported(const struct broker_registration_request *rq, struct str name,
                            int16_t level)
{
    for (int32_t i = 0; i < rq->features_count; i++)
        if (str_equal(rq->features[i].name, name))
            return rq->features[i].min_supported_version <= level &&
                   level <= rq->features[i].max_supported_version;
    return level == 0;
}

/* Every finalized level, zero ones of listed features included. */
static enum kafka_error features_check(const struct controller *c,
                                       const struct broker_registration_request *rq)
{
    const struct image *image = image_of(c);
    bool listed = false;
    for (int32_t i = 0; i < rq->features_count; i++) {
        struct str name = rq->features[i].name;
        listed |= str_equal(name, FEATURE_METADATA_VERSION);
        int16_t level = str_equal(name, FEATURE_KRAFT_VERSION) ? c->kraft_version
                                                               : image_feature_level(image, name);
        if (!level_supported(rq, name, level)) return KAFKA_UNSUPPORTED_VERSION;
    }
    if (!listed) return KAFKA_INVALID_REGISTRATION;
    for (int32_t i = 0; i < image->features_count; i++)
        if (!level_supported(rq, image->features[i].name, image->features[i].level))
            return KAFKA_UNSUPPORTED_VERSION;
    return level_supported(rq, FEATURE_KRAFT_VERSION, c->kraft_version) ? KAFKA_NONE
                                                                        : KAFKA_UNSUPPORTED_VERSION;
}

/* A broker of our own id that asks from inside this process is the only one: whoever had the id
 * before was another process, and the lock on the directories says that it has ended. So a node
 * that was killed need not wait for its own session to time out. */
static enum kafka_error registration_check(struct controller *c,
                                           const struct broker_registration_request *rq,
                                           bool is_own_process)
{
    if (!str_equal(rq->cluster_id, c->options.cluster_id) && !MUTANT(ANY_CLUSTER))
        return KAFKA_INCONSISTENT_CLUSTER_ID;
    if (rq->broker_id < 0) return KAFKA_INVALID_REQUEST;
    if (rq->features_count > LISTED_MAX || rq->listeners_count > LISTED_MAX ||
        rq->log_dirs_count > LISTED_MAX)
        return KAFKA_INVALID_REGISTRATION;
    const struct image_broker *old = image_broker(image_of(c), rq->broker_id);
    if (old && !is_own_process && session_valid(c, rq->broker_id, old->epoch) &&
        !uuid_equal(old->incarnation_id, rq->incarnation_id) && !MUTANT(SECOND_PROCESS))
        return KAFKA_DUPLICATE_BROKER_REGISTRATION;
    if (rq->is_migrating_zk_broker) return KAFKA_BROKER_ID_NOT_REGISTERED;
    enum kafka_error error = directories_check(c, rq);
    return error ? error : features_check(c, rq);
}

static void fill_record(const struct controller *c, struct decision *d,
                        const struct broker_registration_request *rq,
                        struct register_broker_record *r)
{
    r->broker_id = rq->broker_id;
    r->incarnation_id = rq->incarnation_id;
    r->rack = rq->rack;
    r->end_points =
        ARENA_ARRAY(d->arena, struct register_broker_record_broker_endpoint, rq->listeners_count);
    r->end_points_count = rq->listeners_count;
    for (int32_t i = 0; i < rq->listeners_count; i++)
        r->end_points[i] = (struct register_broker_record_broker_endpoint){
            rq->listeners[i].name, rq->listeners[i].host, rq->listeners[i].port,
            rq->listeners[i].security_protocol};
    r->features =
        ARENA_ARRAY(d->arena, struct register_broker_record_broker_feature, rq->features_count);
    r->features_count = rq->features_count;
    for (int32_t i = 0; i < rq->features_count; i++)
        r->features[i] = (struct register_broker_record_broker_feature){
            rq->features[i].name, rq->features[i].min_supported_version,
            rq->features[i].max_supported_version};
    if (image_of(c)->metadata_version >= METADATA_VERSION_DIRECTORIES) {
        r->log_dirs = rq->log_dirs;
        r->log_dirs_count = rq->log_dirs_count;
    }
}

/* What the broker held before counts for nothing until it has caught up again; without a clean stop
 * not even as an eligible leader (KIP-966). */
static void add_old_incarnation_gone(struct controller *c, struct decision *d,
                                     const struct broker_registration_request *rq,
                                     const struct image_broker *old, int16_t version)
{
    bool clean = version >= 3 && old && old->epoch == rq->previous_broker_epoch;
    if (settings_elr(c) && !clean)
        election_sweep(c, d,
                       &(struct election_sweep){LEADER_NONE, LEADER_NONE, rq->broker_id, true});
    else
        election_sweep(c, d,
                       &(struct election_sweep){rq->broker_id, LEADER_NONE, LEADER_NONE, false});
}

void decide_broker_registration(struct controller *c, struct decision *d,
                                struct controller_call *call)
{
    const struct broker_registration_request *rq = call->request;
    enum kafka_error error = registration_check(
        c, rq, str_is_null(call->listener) && rq->broker_id == c->options.node_id);
    if (error) {
        refuse_broker_registration(call, error, STR_NULL);
        return;
    }
    const struct image_broker *old = image_broker(image_of(c), rq->broker_id);
    struct committer *to = c->options.committer;
    int64_t epoch = to->ops->end_offset(to);
    bool again = old && uuid_equal(old->incarnation_id, rq->incarnation_id);
    d->reason = REASON_BROKER_REGISTERED;
    if (!again) add_old_incarnation_gone(c, d, rq, old, call->version);
    /* last, so that a half-written decision leads to another registration */
    struct register_broker_record *r =
        &decision_add(c, d, METADATA_RECORD_REGISTER_BROKER)->u.register_broker;
    fill_record(c, d, rq, r);
    if (again) {
        epoch = old->epoch;
        r->fenced = old->fenced;
        r->in_controlled_shutdown = old->in_controlled_shutdown;
        if (d->records[d->count - 1].version >= 4 && old->cordoned_count > 0) {
            size_t bytes = (size_t)old->cordoned_count * sizeof *old->cordoned;
            r->cordoned_log_dirs = arena_alloc(d->arena, bytes); /* replay empties the old one */
            memcpy(r->cordoned_log_dirs, old->cordoned, bytes);
            r->cordoned_log_dirs_count = old->cordoned_count;
        }
    } else {
        session_open(c, rq->broker_id, epoch);
    }
    r->broker_epoch = epoch;
    trace_info(c->options.trace, "controller", "broker %d %s, epoch %lld", rq->broker_id,
               again ? "amends its registration" : "registers", (long long)epoch);
    RESPONSE(call, broker_registration_response)->broker_epoch = epoch;
}

/* ---- UnregisterBroker */

void refuse_unregister_broker(struct controller_call *call, enum kafka_error error,
                              struct str message)
{
    struct unregister_broker_response *r = RESPONSE(call, unregister_broker_response);
    r->error_code = (int16_t)error;
    r->error_message = message;
}

void decide_unregister_broker(struct controller *c, struct decision *d,
                              struct controller_call *call)
{
    const struct unregister_broker_request *rq = call->request;
    const struct image_broker *b = image_broker(image_of(c), rq->broker_id);
    if (!b) {
        refuse_unregister_broker(
            call, KAFKA_BROKER_ID_NOT_REGISTERED,
            arena_printf(call->arena, "Broker ID %d is not currently registered", rq->broker_id));
        return;
    }
    d->reason = REASON_BROKER_UNREGISTERED;
    /* as `removed` it leaves the ISR; where it is eligible only, `unclean` takes it out of ELR */
    election_sweep(c, d, &(struct election_sweep){b->id, LEADER_NONE, b->id, true});
    struct unregister_broker_record *r =
        &decision_add(c, d, METADATA_RECORD_UNREGISTER_BROKER)->u.unregister_broker;
    r->broker_id = b->id;
    r->broker_epoch = b->epoch;
    session_close(c, b->id);
    RESPONSE(call, unregister_broker_response);
}

/* ---- ControllerRegistration */

void refuse_controller_registration(struct controller_call *call, enum kafka_error error,
                                    struct str message)
{
    struct controller_registration_response *r = RESPONSE(call, controller_registration_response);
    r->error_code = (int16_t)error;
    r->error_message = message;
}

void decide_controller_registration(struct controller *c, struct decision *d,
                                    struct controller_call *call)
{
    const struct controller_registration_request *rq = call->request;
    if (rq->features_count > LISTED_MAX || rq->listeners_count > LISTED_MAX) {
        refuse_controller_registration(call, KAFKA_INVALID_REQUEST, STR_NULL);
        return;
    }
    if (image_of(c)->metadata_version < METADATA_VERSION_REGISTER_CONTROLLER) {
        refuse_controller_registration(call, KAFKA_UNSUPPORTED_VERSION,
                                       STR("The current MetadataVersion is too old to support "
                                           "controller registrations."));
        return;
    }
    struct register_controller_record *r =
        &decision_add(c, d, METADATA_RECORD_REGISTER_CONTROLLER)->u.register_controller;
    r->controller_id = rq->controller_id;
    r->incarnation_id = rq->incarnation_id;
    r->end_points = ARENA_ARRAY(d->arena, struct register_controller_record_controller_endpoint,
                                rq->listeners_count);
    r->end_points_count = rq->listeners_count;
    for (int32_t i = 0; i < rq->listeners_count; i++)
        r->end_points[i] = (struct register_controller_record_controller_endpoint){
            rq->listeners[i].name, rq->listeners[i].host, rq->listeners[i].port,
            rq->listeners[i].security_protocol};
    r->features = ARENA_ARRAY(d->arena, struct register_controller_record_controller_feature,
                              rq->features_count);
    r->features_count = rq->features_count;
    for (int32_t i = 0; i < rq->features_count; i++)
        r->features[i] = (struct register_controller_record_controller_feature){
            rq->features[i].name, rq->features[i].min_supported_version,
            rq->features[i].max_supported_version};
    RESPONSE(call, controller_registration_response);
}
