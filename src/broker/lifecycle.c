#include "broker/lifecycle.h"

#include "base/mem.h"
#include "metadata/feature.h"
#include "metadata/image.h"
#include "protocol/api.h"
#include "protocol/broker_heartbeat.h"
#include "protocol/broker_registration.h"
#include "protocol/error.h"

enum {
    /* While the controller waits for our metadata to catch up, or for leaderships to move. */
    HASTY_HEARTBEAT_MS = 10,
    SHUTDOWN_HEARTBEAT_MS = 50,
    /* At first: producers are held meanwhile. */
    SHUTDOWN_HASTY_HEARTBEAT_MS = 3,
    SHUTDOWN_HASTY_MS_MAX = 1000,
    REGISTRATION_RETRY_MS_MIN = 20,
    /* While the controller, though we are running, has not unfenced us yet. */
    FENCED_HEARTBEAT_MS = 50,
    DIRS_MAX = 64,
    PULSES = 4, /* in a session timeout; two late is standing still */
};

struct lifecycle {
    struct broker *broker;
    struct lifecycle_config config;
    struct lifecycle_events events;
    void *owner;
    enum lifecycle_state state;
    bool ready;           /* logs are recovered: want to be unfenced */
    bool registered_once; /* in this life */
    bool want_now;        /* send again as soon as the call in flight ends */
    struct timer timer;
    struct timer deadline; /* of the first registration, then of the controlled shutdown */
    struct call call;
    bool in_flight;
    int64_t retry_ms;
    struct mono_time heard; /* from the controller */
    struct mono_time asked_to_stop;
    bool register_again;
    bool fenced;        /* by the last heartbeat's answer */
    bool woken;         /* stood still, and no heartbeat since has been answered */
    bool held_back;     /* metadata stands still here: want to be fenced */
    bool told_fenced;   /* what events.fenced was told last */
    struct timer pulse; /* from RUNNING on: how late it comes tells that we stood still */
    struct mono_time pulsed;
    struct mono_time sent;     /* the heartbeat in flight */
    struct mono_time answered; /* sent: the last one that a controller answered */
    struct mono_time woken_at;
    struct timer dirs_due; /* runs while a failed directory is not reported */
    struct uuid offline_dirs[DIRS_MAX];
    int32_t offline_dirs_count;
    int32_t offline_dirs_sent;     /* of these, in the heartbeat in flight */
    int32_t offline_dirs_reported; /* of these, acknowledged */
    struct uuid cordoned_dirs[DIRS_MAX];
    int32_t cordoned_dirs_count;
};

static void lifecycle_act(struct lifecycle *l);

static void lifecycle_move(struct lifecycle *l, enum lifecycle_state to)
{
    static const char *const names[] = {
        [LIFECYCLE_NOT_RUNNING] = "NOT_RUNNING",
        [LIFECYCLE_STARTING] = "STARTING",
        [LIFECYCLE_RECOVERY] = "RECOVERY",
        [LIFECYCLE_RUNNING] = "RUNNING",
        [LIFECYCLE_PENDING_CONTROLLED_SHUTDOWN] = "PENDING_CONTROLLED_SHUTDOWN",
        [LIFECYCLE_SHUTTING_DOWN] = "SHUTTING_DOWN",
    };
    trace_info(l->broker->env.trace, "kafka.server.BrokerLifecycleManager",
               "[BrokerLifecycleManager id=%d] %sTransitioning from %s to %s.", l->broker->node_id,
               to == LIFECYCLE_RUNNING ? "The broker has been unfenced. " : "", names[l->state],
               names[to]);
    l->state = to;
}

static void lifecycle_again_in(struct lifecycle *l, int64_t ms)
{
    timer_arm_in_ms(l->broker->env.clock, &l->timer, l->want_now ? 0 : ms);
    l->want_now = false;
}

static void registration_done(struct call *call, enum err e, const void *response)
{
    struct lifecycle *l = CONTAINER_OF(call, struct lifecycle, call);
    l->in_flight = false;
    const struct broker_registration_response *r = response;
    if (!e && r->error_code != KAFKA_NOT_CONTROLLER) l->heard = clock_mono(l->broker->env.clock);
    if (e || r->error_code) {
        if (!e && r->error_code != KAFKA_NOT_CONTROLLER)
            trace_warn(l->broker->env.trace, "kafka.server.BrokerLifecycleManager",
                       "[BrokerLifecycleManager id=%d] Unable to register broker %d because the "
                       "controller returned error %s",
                       l->broker->node_id, l->broker->node_id, kafka_error_name(r->error_code));
        l->retry_ms = l->retry_ms * 2 < l->config.heartbeat_interval_ms
                          ? l->retry_ms * 2
                          : l->config.heartbeat_interval_ms;
        lifecycle_again_in(l, l->retry_ms);
        return;
    }
    l->retry_ms = REGISTRATION_RETRY_MS_MIN;
    l->broker->epoch = r->broker_epoch;
    l->registered_once = true;
    l->register_again = false;
    l->events.registered(l->owner);
    timer_cancel(l->broker->env.clock, &l->deadline);
    trace_info(l->broker->env.trace, "kafka.server.BrokerLifecycleManager",
               "[BrokerLifecycleManager id=%d] Successfully registered broker %d with broker epoch "
               "%lld",
               l->broker->node_id, l->broker->node_id, (long long)l->broker->epoch);
    lifecycle_again_in(l, 0);
}

static void lifecycle_register(struct lifecycle *l)
{
    static const struct {
        const char *name;
        int16_t min, max;
    } features[] = {
        {"kraft.version", 0, 1}, {"transaction.version", 0, 2},
        {"group.version", 0, 1}, {"eligible.leader.replicas.version", 0, 1},
        {"share.version", 0, 1}, {"streams.version", 0, 1},
    };
    enum { FEATURES = sizeof features / sizeof features[0] };
    struct broker *b = l->broker;
    struct arena arena;
    arena_init(&arena, 0);
    struct broker_registration_request request;
    broker_registration_request_init(&request);
    request.broker_id = b->node_id;
    request.cluster_id = b->cluster_id;
    request.incarnation_id = b->incarnation_id;
    request.rack = b->rack;
    request.log_dirs = (struct uuid *)(uintptr_t)l->config.log_dirs;
    request.log_dirs_count = l->config.log_dirs_count;
    request.previous_broker_epoch = l->config.previous_broker_epoch;
    request.listeners_count = b->endpoints_count;
    request.listeners =
        ARENA_ARRAY(&arena, struct broker_registration_request_listener, b->endpoints_count);
    for (int32_t i = 0; i < b->endpoints_count; i++) {
        broker_registration_request_listener_init(&request.listeners[i]);
        request.listeners[i].name = b->endpoints[i].listener;
        request.listeners[i].host = b->endpoints[i].host;
        request.listeners[i].port = b->endpoints[i].port;
        request.listeners[i].security_protocol = b->endpoints[i].security_protocol;
    }
    request.features_count = FEATURES + 1;
    request.features =
        ARENA_ARRAY(&arena, struct broker_registration_request_feature, FEATURES + 1);
    for (int32_t i = 0; i < FEATURES + 1; i++)
        broker_registration_request_feature_init(&request.features[i]);
    request.features[0].name = STR("metadata.version");
    request.features[0].min_supported_version = l->config.metadata_version_min;
    request.features[0].max_supported_version = l->config.metadata_version_max;
    for (int32_t i = 0; i < FEATURES; i++) {
        request.features[i + 1].name = str_of(features[i].name);
        request.features[i + 1].min_supported_version = features[i].min;
        request.features[i + 1].max_supported_version = features[i].max;
    }
    l->in_flight = true;
    broker_call_controller(b, &l->call, API_BROKER_REGISTRATION, -1, &request, registration_done);
    arena_free(&arena);
}

static void lifecycle_tell_fenced(struct lifecycle *l)
{
    bool fenced = l->woken || l->fenced || l->held_back;
    /* who is about to stop leads nothing any more */
    if (fenced == l->told_fenced || (fenced && l->state != LIFECYCLE_RUNNING)) return;
    l->told_fenced = fenced;
    l->events.fenced(l->owner, fenced);
}

static void lifecycle_pulse_begin(struct lifecycle *l)
{
    if (l->broker->session_timeout_ms < PULSES) return;
    l->pulsed = clock_mono(l->broker->env.clock);
    timer_arm_in_ms(l->broker->env.clock, &l->pulse, l->broker->session_timeout_ms / PULSES);
}

/* What an answered heartbeat means for our state. Returns ms until the next one. */
static int64_t lifecycle_obey(struct lifecycle *l, const struct broker_heartbeat_response *r)
{
    if (l->state == LIFECYCLE_RUNNING && r->is_fenced != l->fenced)
        trace_warn(l->broker->env.trace, "kafka.server.BrokerLifecycleManager",
                   "[BrokerLifecycleManager id=%d] The controller %s", l->broker->node_id,
                   r->is_fenced ? "has fenced this broker: it serves nobody for now"
                                : "has unfenced this broker again");
    l->fenced = r->is_fenced;
    l->woken = false;
    if (l->state >= LIFECYCLE_RUNNING) lifecycle_tell_fenced(l);
    if (l->offline_dirs_sent > l->offline_dirs_reported)
        l->offline_dirs_reported = l->offline_dirs_sent;
    if (l->offline_dirs_reported == l->offline_dirs_count)
        timer_cancel(l->broker->env.clock, &l->dirs_due);
    switch (l->state) {
    case LIFECYCLE_STARTING:
        if (!r->is_caught_up) return HASTY_HEARTBEAT_MS;
        lifecycle_move(l, LIFECYCLE_RECOVERY);
        l->events.caught_up(l->owner);
        return l->ready ? 0 : l->config.heartbeat_interval_ms;
    case LIFECYCLE_RECOVERY:
        if (r->is_fenced) return l->ready ? HASTY_HEARTBEAT_MS : l->config.heartbeat_interval_ms;
        lifecycle_move(l, LIFECYCLE_RUNNING);
        lifecycle_pulse_begin(l);
        l->events.running(l->owner);
        return l->config.heartbeat_interval_ms;
    case LIFECYCLE_PENDING_CONTROLLED_SHUTDOWN:
        if (!r->should_shut_down)
            return mono_elapsed_ms(l->heard, l->asked_to_stop) < SHUTDOWN_HASTY_MS_MAX
                       ? SHUTDOWN_HASTY_HEARTBEAT_MS
                       : SHUTDOWN_HEARTBEAT_MS;
        lifecycle_move(l, LIFECYCLE_SHUTTING_DOWN);
        timer_cancel(l->broker->env.clock, &l->deadline);
        l->events.may_stop(l->owner);
        return l->config.heartbeat_interval_ms;
    case LIFECYCLE_RUNNING:
        if (r->is_fenced && !l->held_back) return FENCED_HEARTBEAT_MS;
        break;
    case LIFECYCLE_NOT_RUNNING:
    case LIFECYCLE_SHUTTING_DOWN: break;
    }
    return l->config.heartbeat_interval_ms;
}

/* Nobody grants the controlled shutdown: stop without. */
static void lifecycle_give_up_shutdown(struct lifecycle *l, const char *why)
{
    trace_warn(l->broker->env.trace, "kafka.server.BrokerLifecycleManager",
               "[BrokerLifecycleManager id=%d] %s; stopping without a controlled shutdown",
               l->broker->node_id, why);
    lifecycle_move(l, LIFECYCLE_SHUTTING_DOWN);
    timer_cancel(l->broker->env.clock, &l->deadline);
    timer_cancel(l->broker->env.clock, &l->timer);
    l->events.may_stop(l->owner);
}

static void heartbeat_done(struct call *call, enum err e, const void *response)
{
    struct lifecycle *l = CONTAINER_OF(call, struct lifecycle, call);
    l->in_flight = false;
    const struct broker_heartbeat_response *r = response;
    if (l->state == LIFECYCLE_SHUTTING_DOWN) return;
    if (e || r->error_code == KAFKA_NOT_CONTROLLER) {
        if (l->state == LIFECYCLE_PENDING_CONTROLLED_SHUTDOWN &&
            mono_elapsed_ms(clock_mono(l->broker->env.clock), l->heard) >=
                CONTROLLERLESS_SHUTDOWN_MS)
            lifecycle_give_up_shutdown(l, "No controller answers");
        else
            lifecycle_again_in(l, REGISTRATION_RETRY_MS_MIN);
        return;
    }
    l->heard = clock_mono(l->broker->env.clock);
    l->answered = l->sent;
    if (r->error_code) {
        trace_warn(l->broker->env.trace, "kafka.server.BrokerLifecycleManager",
                   "[BrokerLifecycleManager id=%d] The controller answered a heartbeat with %s",
                   l->broker->node_id, kafka_error_name(r->error_code));
        if (r->error_code == KAFKA_STALE_BROKER_EPOCH) l->broker->epoch = -1;
        lifecycle_again_in(
            l, r->error_code == KAFKA_STALE_BROKER_EPOCH ? 0 : l->config.heartbeat_interval_ms);
        return;
    }
    l->broker->heartbeat_answered = l->sent;
    l->events.lease(l->owner);
    int64_t next_ms = lifecycle_obey(l, r);
    if (l->state != LIFECYCLE_SHUTTING_DOWN) lifecycle_again_in(l, next_ms);
}

static void lifecycle_heartbeat(struct lifecycle *l)
{
    struct broker_heartbeat_request request;
    broker_heartbeat_request_init(&request);
    request.broker_id = l->broker->node_id;
    request.broker_epoch = l->broker->epoch;
    request.current_metadata_offset = l->events.metadata_offset(l->owner);
    request.want_fence = !l->ready || (l->held_back && l->state == LIFECYCLE_RUNNING);
    request.want_shut_down = l->state == LIFECYCLE_PENDING_CONTROLLED_SHUTDOWN;
    request.offline_log_dirs = l->offline_dirs;
    request.offline_log_dirs_count = l->offline_dirs_sent = l->offline_dirs_count;
    /* before that the configuration may be of yesterday */
    if (l->state >= LIFECYCLE_RECOVERY &&
        l->broker->image->metadata_version >= METADATA_VERSION_CORDONED) {
        request.cordoned_log_dirs = l->cordoned_dirs;
        request.cordoned_log_dirs_count = l->cordoned_dirs_count;
    }
    l->in_flight = true;
    l->sent = clock_mono(l->broker->env.clock);
    broker_call_controller(l->broker, &l->call, API_BROKER_HEARTBEAT, -1, &request, heartbeat_done);
}

static void lifecycle_act(struct lifecycle *l)
{
    if (l->state == LIFECYCLE_NOT_RUNNING || l->state == LIFECYCLE_SHUTTING_DOWN) return;
    if (l->in_flight) {
        l->want_now = true;
        return;
    }
    timer_cancel(l->broker->env.clock, &l->timer);
    if (l->broker->epoch < 0 || l->register_again)
        lifecycle_register(l);
    else
        lifecycle_heartbeat(l);
}

static void lifecycle_timer_fired(struct timer *t)
{
    lifecycle_act(CONTAINER_OF(t, struct lifecycle, timer));
}

/* We stood still, and the controller may have fenced us meanwhile. What was asked before says
 * nothing about now. */
static void lifecycle_woke(struct lifecycle *l, struct mono_time now)
{
    trace_warn(l->broker->env.trace, "kafka.server.BrokerLifecycleManager",
               "[BrokerLifecycleManager id=%d] This process stood still, and was last heard by a "
               "controller %lld ms ago: it serves nobody until it is heard again",
               l->broker->node_id, (long long)mono_elapsed_ms(now, l->answered));
    l->woken = true;
    l->woken_at = now;
    lifecycle_tell_fenced(l);
    channel_cancel(&l->call);
    l->in_flight = false;
    /* In the next turn: a controller in this process shall have found out by then that it is
     * none. */
    timer_arm_in_ms(l->broker->env.clock, &l->timer, 0);
}

static void lifecycle_pulse(struct timer *t)
{
    struct lifecycle *l = CONTAINER_OF(t, struct lifecycle, pulse);
    int64_t session_ms = l->broker->session_timeout_ms;
    struct mono_time now = clock_mono(l->broker->env.clock);
    int64_t still_ms = mono_elapsed_ms(now, l->pulsed);
    if (l->state == LIFECYCLE_SHUTTING_DOWN) return;
    lifecycle_pulse_begin(l);
    if (still_ms >= 2 * (session_ms / PULSES) && mono_elapsed_ms(now, l->answered) >= session_ms) {
        lifecycle_woke(l, now);
    } else if (l->woken && mono_elapsed_ms(now, l->woken_at) >= session_ms &&
               mono_elapsed_ms(now, l->heard) >= session_ms) {
        /* The controllers are gone, and that alone must not stop the data (faults.md S24). */
        l->woken = false;
        lifecycle_tell_fenced(l);
    }
}

static void lifecycle_deadline_passed(struct timer *t)
{
    struct lifecycle *l = CONTAINER_OF(t, struct lifecycle, deadline);
    if (!l->registered_once) {
        l->events.failed(l->owner, "no controller accepted this broker's registration within "
                                   "initial.broker.registration.timeout.ms");
    } else if (l->state == LIFECYCLE_PENDING_CONTROLLED_SHUTDOWN) {
        lifecycle_give_up_shutdown(l, "The controller did not grant it in time");
    }
}

static void lifecycle_dirs_overdue(struct timer *t)
{
    struct lifecycle *l = CONTAINER_OF(t, struct lifecycle, dirs_due);
    l->events.failed(l->owner, "a failed log directory could not be reported to the controller "
                               "within log.dir.failure.timeout.ms");
}

struct lifecycle *lifecycle_create(struct broker *broker, const struct lifecycle_config *config,
                                   const struct lifecycle_events *events, void *owner)
{
    struct lifecycle *l = MEM_NEW(struct lifecycle);
    l->broker = broker;
    l->config = *config;
    l->events = *events;
    l->owner = owner;
    l->retry_ms = REGISTRATION_RETRY_MS_MIN;
    call_init(&l->call);
    timer_init(&l->timer, lifecycle_timer_fired);
    timer_init(&l->deadline, lifecycle_deadline_passed);
    timer_init(&l->dirs_due, lifecycle_dirs_overdue);
    timer_init(&l->pulse, lifecycle_pulse);
    return l;
}

void lifecycle_start(struct lifecycle *l)
{
    PRE(l->state == LIFECYCLE_NOT_RUNNING);
    lifecycle_move(l, LIFECYCLE_STARTING);
    timer_arm_in_ms(l->broker->env.clock, &l->deadline, l->config.registration_timeout_ms);
    lifecycle_act(l);
}

void lifecycle_ready(struct lifecycle *l)
{
    l->ready = true;
    lifecycle_act(l);
}

void lifecycle_metadata_moved(struct lifecycle *l)
{
    bool awaited = l->state == LIFECYCLE_STARTING || (l->state == LIFECYCLE_RECOVERY && l->ready) ||
                   (l->state == LIFECYCLE_RUNNING && l->fenced) || l->broker->epoch < 0;
    if (awaited) lifecycle_act(l);
}

void lifecycle_held_back(struct lifecycle *l, bool held_back)
{
    if (l->held_back == held_back) return;
    l->held_back = held_back;
    if (l->state != LIFECYCLE_RUNNING) return;
    trace_warn(l->broker->env.trace, "kafka.server.BrokerLifecycleManager",
               "[BrokerLifecycleManager id=%d] %s", l->broker->node_id,
               held_back
                   ? "There is no room for metadata: this broker asks to be fenced and serves "
                     "nobody until there is"
                   : "There is room for metadata again: this broker asks to be unfenced");
    l->woken = !held_back; /* what is stored is applied in a moment; what was asked before is old */
    l->woken_at = clock_mono(l->broker->env.clock);
    lifecycle_tell_fenced(l);
    channel_cancel(&l->call);
    l->in_flight = false;
    lifecycle_act(l);
}

bool lifecycle_hands_over(const struct lifecycle *l)
{
    return l->state == LIFECYCLE_RUNNING && l->config.controlled_shutdown;
}

void lifecycle_shutdown(struct lifecycle *l)
{
    struct clock *clock = l->broker->env.clock;
    if (l->state == LIFECYCLE_PENDING_CONTROLLED_SHUTDOWN || l->state == LIFECYCLE_SHUTTING_DOWN)
        return;
    l->heard = l->asked_to_stop = clock_mono(clock);
    if (!lifecycle_hands_over(l)) {
        lifecycle_move(l, LIFECYCLE_SHUTTING_DOWN);
        timer_cancel(clock, &l->deadline);
        l->events.may_stop(l->owner);
        return;
    }
    lifecycle_move(l, LIFECYCLE_PENDING_CONTROLLED_SHUTDOWN);
    timer_arm_in_ms(clock, &l->deadline, l->config.controlled_shutdown_timeout_ms);
    lifecycle_act(l);
}

void lifecycle_directory_failed(struct lifecycle *l, struct uuid directory)
{
    PRE(l->offline_dirs_count < DIRS_MAX);
    l->offline_dirs[l->offline_dirs_count++] = directory;
    if (!timer_armed(&l->dirs_due))
        timer_arm_in_ms(l->broker->env.clock, &l->dirs_due, l->config.directory_failure_timeout_ms);
    lifecycle_act(l);
}

void lifecycle_set_cordoned(struct lifecycle *l, const struct uuid *directories, int32_t count)
{
    PRE(count <= DIRS_MAX);
    bool same = count == l->cordoned_dirs_count &&
                memcmp(directories, l->cordoned_dirs, (size_t)count * sizeof *directories) == 0;
    if (same) return;
    memcpy(l->cordoned_dirs, directories, (size_t)count * sizeof *directories);
    l->cordoned_dirs_count = count;
    if (l->state >= LIFECYCLE_RECOVERY) lifecycle_act(l);
}

void lifecycle_heartbeat_now(struct lifecycle *l)
{
    if (l->state == LIFECYCLE_RUNNING) lifecycle_act(l);
}

void lifecycle_register_again(struct lifecycle *l)
{
    l->register_again = true;
    lifecycle_act(l);
}

enum lifecycle_state lifecycle_state(const struct lifecycle *l)
{
    return l->state;
}

void lifecycle_destroy(struct lifecycle *l)
{
    timer_cancel(l->broker->env.clock, &l->timer);
    timer_cancel(l->broker->env.clock, &l->deadline);
    timer_cancel(l->broker->env.clock, &l->dirs_due);
    timer_cancel(l->broker->env.clock, &l->pulse);
    channel_cancel(&l->call);
    mem_free(l);
}
