/* The controller as a whole: append, replay, answer; leading and renouncing. States:
 * controller.h. */
#include <stdarg.h>
#include <stdio.h>

#include "base/mark.h"
#include "controller/internal.h"

/* key, name, versions; bound as a user's operation; answered by standbys too. By key. */
#define OPS(X)                                                                         \
    X(CREATE_TOPICS, create_topics, 2, 7, true, false)                                 \
    X(DELETE_TOPICS, delete_topics, 1, 6, true, false)                                 \
    X(ALTER_CONFIGS, alter_configs, 0, 2, true, false)                                 \
    X(CREATE_PARTITIONS, create_partitions, 0, 3, true, false)                         \
    X(ELECT_LEADERS, elect_leaders, 0, 2, true, false)                                 \
    X(INCREMENTAL_ALTER_CONFIGS, incremental_alter_configs, 0, 1, true, false)         \
    X(ALTER_PARTITION_REASSIGNMENTS, alter_partition_reassignments, 0, 1, true, false) \
    X(LIST_PARTITION_REASSIGNMENTS, list_partition_reassignments, 0, 0, true, false)   \
    X(ALTER_PARTITION, alter_partition, 2, 3, false, false)                            \
    X(UPDATE_FEATURES, update_features, 0, 2, true, false)                             \
    X(DESCRIBE_CLUSTER, describe_cluster, 0, 2, false, true)                           \
    X(BROKER_REGISTRATION, broker_registration, 0, 4, false, false)                    \
    X(BROKER_HEARTBEAT, broker_heartbeat, 0, 2, false, false)                          \
    X(UNREGISTER_BROKER, unregister_broker, 0, 0, false, false)                        \
    X(ALLOCATE_PRODUCER_IDS, allocate_producer_ids, 0, 0, false, false)                \
    X(CONTROLLER_REGISTRATION, controller_registration, 0, 0, false, false)            \
    X(ASSIGN_REPLICAS_TO_DIRS, assign_replicas_to_dirs, 0, 0, false, false)

static const struct controller_api apis[] = {
#define API(key, name, low, high, user, standby) {API_##key, low, high},
    OPS(API)
#undef API
};

static const struct controller_op ops[] = {
#define OP(key, name, low, high, user, standby) \
    {{API_##key, low, high}, user, standby, decide_##name, refuse_##name},
    OPS(OP)
#undef OP
};

enum { OPS_COUNT = sizeof ops / sizeof *ops };

const struct controller_api *controller_apis(int32_t *count)
{
    *count = OPS_COUNT;
    return apis;
}

struct problem problem_make(struct arena *arena, enum kafka_error error, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len >= (int)sizeof text) len = (int)sizeof text - 1;
    return (struct problem){error, arena_str(arena, (struct str){text, len > 0 ? len : 0})};
}

/* ---- answers */

static void deliver(struct task *task)
{
    struct controller *c = CONTAINER_OF(task, struct controller, deliver);
    while (!list_empty(&c->ready)) {
        struct controller_call *call = CONTAINER_OF(c->ready.next, struct controller_call, node);
        list_remove(&call->node);
        call->done(call, call->response);
    }
}

static void answer(struct controller *c, struct controller_call *call)
{
    list_push_back(&c->ready, &call->node);
    task_post(c->options.clock, &c->deliver);
}

static void answer_when_committed(struct controller *c, struct controller_call *call)
{
    call->wait_offset = c->appended_end;
    if (call->wait_offset <= c->committed_end || MUTANT(CONTROLLER_ANSWERS_EARLY))
        answer(c, call);
    else
        list_push_back(&c->waiting, &call->node); /* appended_end only grows: in order */
}

static void refuse(struct controller *c, struct controller_call *call, enum kafka_error error)
{
    call->op->refuse(call, error, STR_NULL);
    answer(c, call);
}

static void refuse_waiting(struct controller *c)
{
    LIST_EACH(&c->waiting, node) {
        list_remove(node);
        refuse(c, CONTAINER_OF(node, struct controller_call, node), KAFKA_NOT_CONTROLLER);
    }
}

void controller_committed(struct controller *c, int64_t end_offset)
{
    if (end_offset <= c->committed_end) return;
    c->committed_end = end_offset;
    LIST_EACH(&c->waiting, node) {
        struct controller_call *call = CONTAINER_OF(node, struct controller_call, node);
        if (call->wait_offset > end_offset) break;
        list_remove(node);
        answer(c, call);
    }
}

/* ---- decisions */

struct metadata_record *decision_add(struct controller *c, struct decision *d, int16_t id)
{
    MEM_GROW(d->records, d->count, d->capacity);
    MEM_GROW(d->reasons, d->count, d->reasons_capacity);
    struct metadata_record *r = &d->records[d->count++];
    metadata_record_init(r, id, metadata_record_version(id, image_of(c)->metadata_version));
    d->reasons[d->count - 1] = (uint8_t)d->reason;
    return r;
}

static struct decision *decision_open(struct controller *c, struct arena *arena)
{
    struct decision *d = &c->decision;
    d->arena = arena;
    d->count = 0;
    d->atomic = false;
    d->reason = REASON_NONE;
    d->evidence = STR_NULL;
    return d;
}

struct decision *decision_begin(struct controller *c)
{
    arena_reset(&c->scratch);
    return decision_open(c, &c->scratch);
}

/* Append, then replay: what we decided must be replayable, or we would poison every replica. */
bool decision_end(struct controller *c, struct decision *d)
{
    if (d->count == 0) return true;
    if (c->lost) return false;
    int64_t first;
    struct committer *to = c->options.committer;
    enum err err = to->ops->append(to, c->epoch, d->records, d->count, d->atomic, &first);
    if (err) {
        trace_warn(c->options.trace, "controller", "append as leader of epoch %d failed: %s",
                   c->epoch, err_text(err));
        c->lost = true;
        to->ops->resign(to, c->epoch);
        return false;
    }
    INVARIANT(first >= c->loader.end_offset);
    struct account account;
    account_open(c, d, first, &account);
    for (int32_t i = 0; i < d->count; i++) {
        struct controller_partition_change was;
        account_before(c, &account, d, i, &was);
        err = loader_apply_record(&c->loader, first + i, c->epoch, &d->records[i], NULL);
        if (err)
            trace_error(c->options.trace, "controller", "own %s at offset %lld is refused: %s",
                        metadata_record_name(d->records[i].id), (long long)(first + i),
                        err_text(err));
        INVARIANT(err == ERR_OK);
        account_after(c, &account, d, i, &was);
    }
    c->appended_end = first + d->count;
    account_close(c, &account);
    return true;
}

static const struct controller_op *op_find(int16_t api_key)
{
    for (int32_t i = 0; i < OPS_COUNT; i++)
        if (ops[i].api.key == api_key) return &ops[i];
    return NULL;
}

void controller_handle(struct controller *c, struct controller_call *call)
{
    const struct controller_op *op = op_find(call->api_key);
    PRE(op && call->version >= op->api.min_version && call->version <= op->api.max_version);
    call->op = op;
    call->response = NULL;
    list_init(&call->node);
    if (!op->by_standby && !controller_is_active(c)) {
        refuse(c, call, KAFKA_NOT_CONTROLLER);
        return;
    }
    struct decision *d = decision_open(c, call->arena);
    op->decide(c, d, call);
    INVARIANT(call->response);
    if (op->by_user && d->count > RECORDS_PER_OPERATION_MAX) {
        op->refuse(
            call, KAFKA_POLICY_VIOLATION,
            arena_printf(call->arena, "Unable to perform excessively large batch operation."));
        d->count = 0;
    }
    if (!decision_end(c, d)) {
        refuse(c, call, KAFKA_NOT_CONTROLLER);
        return;
    }
    answer_when_committed(c, call);
}

void controller_abandon(struct controller *c, struct controller_call *call)
{
    (void)c;
    list_remove(&call->node);
}

/* ---- lifecycle */

struct controller *controller_new(const struct controller_options *options)
{
    struct controller *c = MEM_NEW(struct controller);
    c->options = *options;
    c->incarnation_id = rng_uuid(options->rng);
    loader_init(&c->loader);
    arena_init(&c->scratch, 4096);
    arena_init(&c->telling, 4096);
    c->epoch = c->leader_id = -1;
    list_init(&c->waiting);
    list_init(&c->ready);
    task_init(&c->deliver, deliver);
    timer_init(&c->no_op, no_op_fired);
    timer_init(&c->sessions_check, sessions_check_fired);
    timer_init(&c->rebalance, rebalance_fired);
    timer_init(&c->unclean, unclean_fired);
    return c;
}

void controller_free(struct controller *c)
{
    if (!c) return;
    periodic_stop(c);
    refuse_waiting(c);
    task_cancel(&c->deliver);
    deliver(&c->deliver);
    loader_free(&c->loader);
    mem_free(c->decision.records);
    mem_free(c->decision.reasons);
    mem_free(c->sessions);
    arena_free(&c->scratch);
    arena_free(&c->telling);
    mem_free(c);
}

struct uuid controller_incarnation(const struct controller *c)
{
    return c->incarnation_id;
}

const struct image *controller_image(const struct controller *c)
{
    return image_of(c);
}

int32_t controller_node_id(const struct controller *c)
{
    return c->options.node_id;
}

const struct config *controller_config(const struct controller *c)
{
    return c->options.config;
}

/* ---- fed by the log */

int64_t controller_end_offset(const struct controller *c)
{
    return c->loader.end_offset;
}

enum err controller_apply(struct controller *c, int64_t offset, int32_t epoch, struct bytes frame)
{
    PRE(c->epoch < 0);
    if (MUTANT(GOES_ON_WITHOUT_A_RECORD) && offset % 32 == 31) {
        loader_skip(&c->loader, offset, epoch);
        return ERR_OK;
    }
    return loader_apply(&c->loader, offset, epoch, frame, NULL);
}

void controller_skip(struct controller *c, int64_t offset, int32_t epoch)
{
    loader_skip(&c->loader, offset, epoch);
}

void controller_load_begin(struct controller *c)
{
    PRE(c->epoch < 0);
    loader_load_begin(&c->loader);
}

enum err controller_load(struct controller *c, int64_t end_offset, struct bytes frame)
{
    return loader_load(&c->loader, end_offset, frame);
}

void controller_load_done(struct controller *c, int64_t end_offset, int32_t epoch)
{
    loader_load_done(&c->loader, end_offset, epoch, NULL);
}

/* ---- leadership */

bool controller_is_active(const struct controller *c)
{
    return c->epoch >= 0 && !c->lost;
}

int32_t controller_epoch(const struct controller *c)
{
    return c->epoch;
}

void controller_lead(struct controller *c, int32_t epoch)
{
    PRE(c->epoch < 0 && epoch >= 0 && !c->loader.loading);
    c->epoch = epoch;
    c->leader_id = c->options.node_id;
    c->lost = false;
    if (c->committed_end < c->loader.end_offset) c->committed_end = c->loader.end_offset;
    c->appended_end = c->loader.end_offset;
    struct decision *d = decision_begin(c);
    activation_decide(c, d);
    if (!decision_end(c, d)) return;
    d = decision_begin(c);
    activation_register(c, d);
    if (!decision_end(c, d)) return;
    trace_info(c->options.trace, "controller",
               "active in epoch %d, from offset %lld: %d brokers, %d topics, %lld partitions",
               epoch, (long long)c->loader.end_offset, image_of(c)->brokers_count,
               image_of(c)->topics_count, (long long)image_of(c)->partitions_count);
    sessions_start(c);
    periodic_start(c);
    const struct controller_events *events = c->options.events;
    if (events && events->active)
        events->active(events->owner, epoch, image_of(c)->brokers_count,
                       image_of(c)->partitions_count);
}

bool controller_renounce(struct controller *c)
{
    if (c->epoch < 0) return false;
    trace_info(c->options.trace, "controller", "renounces epoch %d", c->epoch);
    const struct controller_events *events = c->options.events;
    if (events && events->resigned)
        events->resigned(events->owner, c->epoch, c->committed_end, c->appended_end);
    periodic_stop(c);
    c->sessions_count = 0;
    c->epoch = -1;
    c->lost = false;
    refuse_waiting(c);
    if (c->appended_end <= c->committed_end) return false;
    loader_reset(&c->loader);
    c->appended_end = 0;
    return true;
}

void controller_set_leader(struct controller *c, int32_t node_id)
{
    c->leader_id = node_id;
}

void controller_set_kraft_version(struct controller *c, int16_t level)
{
    c->kraft_version = level;
}
