#include "server/watch.h"

#include <stdio.h>

#include "base/mark.h"
#include "base/mem.h"
#include "detector/detector.h"
#include "protocol/broker_registration.h"
#include "server/account.h"
#include "server/own_apis.h"

/* Twice the interval between heartbeats and this is overdue; looked at every so often. That a
 * leader is gone need not be proved again for a while. */
enum { OVERDUE_CHECK_MS = 500, OVERDUE_GRACE_MS = 100, PROVED_HOLDS_MS = 1000 };

struct watch {
    struct env env;
    const struct config *config;
    const struct node_config *roles;
    struct history *history;
    struct account_keeper *account;
    struct detector *detector;
    struct own_apis own_apis;
    struct controller_events controller_events;
    struct watch_parts parts;
    bool attached;
    int32_t leader_id, leader_epoch;
    struct detector_address leader_at; /* of the leader that is suspected */
    int32_t proved_id;                 /* a leader that was proved gone; -1: none */
    struct mono_time proved_since, proved_at;
    struct timer overdue; /* while this node is the active controller */
    struct arena scratch; /* of one look at the sessions */
};

static const struct image *image_of(const struct watch *w)
{
    if (!w->attached) return NULL;
    if (w->parts.controller && controller_is_active(w->parts.controller))
        return controller_image(w->parts.controller);
    return w->parts.image(w->parts.owner);
}

/* ---- what the detector asks and tells */

static int32_t add_address(struct detector_address *out, int32_t count, int32_t max,
                           struct str host, uint16_t port)
{
    if (count == max || host.len <= 0 || host.len >= DETECTOR_HOST_MAX) return count;
    snprintf(out[count].host, sizeof out[count].host, "%.*s", STR_ARG(host));
    out[count].port = port;
    return count + 1;
}

/* Of a broker: its inter-broker listener, and when the node is a controller too, that listener as
 * well. Not what only clients use: it may lead through other machines. Where the inter-broker
 * listener is not known here, as on a controller that is configured without it, all must do. */
static int32_t broker_addresses(const struct watch *w, int32_t id, int64_t epoch,
                                struct detector_address *out, int32_t max)
{
    const struct image *image = image_of(w);
    const struct image_broker *b = image ? image_broker(image, id) : NULL;
    if (!b || (epoch >= 0 && b->epoch != epoch)) return 0;
    const struct image_endpoint *e = image_broker_endpoint(b, str_of(w->roles->inter_broker_name));
    int32_t count = e ? add_address(out, 0, max, e->host, e->port) : 0;
    for (int32_t i = 0; !e && i < b->endpoints_count; i++)
        count = add_address(out, count, max, b->endpoints[i].host, b->endpoints[i].port);
    if (count == 0) return 0;
    const struct image_controller *c = image_controller(image, id);
    for (int32_t i = 0; c && i < c->endpoints_count; i++)
        count = add_address(out, count, max, c->endpoints[i].host, c->endpoints[i].port);
    return count;
}

static bool same_address(const struct detector_address *a, const struct detector_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* Of the quorum's leader: where the connection went that broke; and where its broker is, if it is
 * one. */
static int32_t leader_addresses(const struct watch *w, int32_t id, struct detector_address *out,
                                int32_t max)
{
    out[0] = w->leader_at;
    struct detector_address others[SUSPICION_ADDRESSES_MAX];
    int32_t found = broker_addresses(w, id, -1, others, SUSPICION_ADDRESSES_MAX), count = 1;
    for (int32_t i = 0; i < found && count < max; i++)
        if (!same_address(&others[i], &w->leader_at)) out[count++] = others[i];
    return count;
}

static int32_t addresses(void *owner, const struct detector_subject *s,
                         struct detector_address *out, int32_t max)
{
    struct watch *w = owner;
    return s->role == DETECTOR_BROKER ? broker_addresses(w, s->id, s->epoch, out, max)
                                      : leader_addresses(w, s->id, out, max);
}

static void gone(void *owner, const struct detector_subject *s, struct mono_time since,
                 struct str evidence)
{
    struct watch *w = owner;
    if (!w->attached) return;
    if (s->role == DETECTOR_BROKER) {
        MARK("a broker's process is proved gone before its session ends");
        account_keeper_lost(w->account, s->id, since);
        controller_broker_lost(w->parts.controller, s->id, s->epoch, evidence);
    } else if (s->id == w->leader_id && s->epoch == w->leader_epoch) {
        MARK("the quorum leader's process is proved gone before the fetch timeout");
        w->proved_id = s->id;
        w->proved_since = since;
        w->proved_at = clock_mono(w->env.clock);
        w->parts.leader_gone(w->parts.owner, s->id, (int32_t)s->epoch,
                             config_int(w->config, CONFIG_SAMSA_DETECTOR_ELECTION_STAGGER_MS));
    }
}

/* ---- brokers, while this node is the active controller */

/* Of a broker: it would hold up its own next incarnation. */
static bool session_is_live(struct watch *w, int32_t broker)
{
    struct controller_session *sessions;
    arena_reset(&w->scratch);
    int32_t count = controller_sessions(w->parts.controller, &w->scratch, &sessions);
    for (int32_t i = 0; i < count; i++)
        if (sessions[i].broker == broker) return sessions[i].since_ms >= 0;
    return false;
}

static void suspect_broker(struct watch *w, const struct image_broker *b,
                           enum detector_evidence evidence)
{
    if (b->id == w->roles->node_id) return;
    struct detector_subject s = {DETECTOR_BROKER, b->id, b->epoch};
    struct mono_time since =
        evidence == EVIDENCE_PROVED ? w->proved_since : clock_mono(w->env.clock);
    detector_suspect(w->detector, &s, evidence, since);
}

static bool is_active(const struct watch *w)
{
    return w->attached && w->parts.controller && controller_is_active(w->parts.controller);
}

void watch_peer_ended(void *watch, int32_t broker, int64_t epoch, enum err e)
{
    struct watch *w = watch;
    if (!is_active(w)) return;
    const struct image_broker *b = image_broker(image_of(w), broker);
    if (!b || b->epoch != epoch || !(!b->fenced || session_is_live(w, broker))) return;
    suspect_broker(w, b, e == ERR_EOF ? EVIDENCE_CLOSED : EVIDENCE_RESET);
}

void watch_heartbeat(struct watch *w, int32_t broker)
{
    if (detector_suspicions(w->detector) > 0) detector_heard(w->detector, DETECTOR_BROKER, broker);
}

static bool same_endpoints(const struct image_broker *b,
                           const struct broker_registration_request *q)
{
    if (q->listeners_count != b->endpoints_count || b->endpoints_count == 0) return false;
    for (int32_t i = 0; i < q->listeners_count; i++) {
        const struct image_endpoint *e = image_broker_endpoint(b, q->listeners[i].name);
        if (!e || e->port != q->listeners[i].port || !str_equal(e->host, q->listeners[i].host))
            return false;
    }
    return true;
}

void watch_registering(struct watch *w, const struct broker_registration_request *q)
{
    if (!is_active(w)) return;
    const struct image_broker *b = image_broker(image_of(w), q->broker_id);
    if (!b || uuid_equal(b->incarnation_id, q->incarnation_id) || !same_endpoints(b, q)) return;
    struct detector_subject s = {DETECTOR_BROKER, b->id, b->epoch};
    (void)detector_prove(w->detector, &s, "another process registers from its addresses");
}

static void overdue_fired(struct timer *t)
{
    struct watch *w = CONTAINER_OF(t, struct watch, overdue);
    if (!is_active(w)) return;
    int64_t late_ms =
        2LL * config_int(w->config, CONFIG_BROKER_HEARTBEAT_INTERVAL_MS) + OVERDUE_GRACE_MS;
    arena_reset(&w->scratch);
    struct controller_session *sessions;
    int32_t count = controller_sessions(w->parts.controller, &w->scratch, &sessions);
    for (int32_t i = 0; i < count; i++) {
        const struct image_broker *b = image_broker(image_of(w), sessions[i].broker);
        if (b && !b->fenced && sessions[i].since_ms > late_ms)
            suspect_broker(w, b, EVIDENCE_OVERDUE);
    }
    timer_arm_in_ms(w->env.clock, t, OVERDUE_CHECK_MS);
}

static void controller_decided(void *owner, const struct controller_account *account)
{
    account_keeper_decided(((struct watch *)owner)->account, account);
}

/* Nobody has spoken to this controller yet. Who is gone, perhaps with the controller before, is
 * known at once. */
static void controller_active(void *owner, int32_t epoch, int32_t brokers, int64_t partitions)
{
    struct watch *w = owner;
    account_keeper_active(w->account, epoch, brokers, partitions);
    const struct image *image = controller_image(w->parts.controller);
    for (int32_t i = 0; i < image->brokers_count; i++) {
        const struct image_broker *b = image->brokers[i];
        if (b->fenced) continue;
        suspect_broker(w, b, b->id == w->proved_id ? EVIDENCE_PROVED : EVIDENCE_NOT_HEARD);
    }
    w->proved_id = -1;
    timer_arm_in_ms(w->env.clock, &w->overdue, OVERDUE_CHECK_MS);
}

static void controller_resigned(void *owner, int32_t epoch, int64_t committed_end,
                                int64_t appended_end)
{
    struct watch *w = owner;
    account_keeper_resigned(w->account, epoch, committed_end, appended_end);
    timer_cancel(w->env.clock, &w->overdue);
    detector_forget(w->detector, DETECTOR_BROKER);
}

/* ---- the quorum's leader */

void watch_leader_changed(struct watch *w, int32_t leader, int32_t epoch)
{
    if (leader == w->leader_id && epoch == w->leader_epoch) return;
    w->leader_id = leader;
    w->leader_epoch = epoch;
    if (leader >= 0 && leader != w->roles->node_id) w->proved_id = -1; /* another takes over */
    detector_forget(w->detector, DETECTOR_LEADER);
    struct history_fact f = history_fact(HISTORY_QUORUM_LEADER, leader, epoch, NULL);
    if (leader < 0)
        history_note(w->history, &f, "none is known");
    else if (leader == w->roles->node_id)
        history_note(w->history, &f, "this node leads");
    else
        history_note(w->history, &f, "node %d leads", leader);
}

void watch_leader_unreachable(struct watch *w, int32_t leader, int32_t epoch, struct str host,
                              uint16_t port, enum err e)
{
    if (leader != w->leader_id || epoch != w->leader_epoch || leader == w->roles->node_id) return;
    bool known = w->proved_id == leader &&
                 mono_elapsed_ms(clock_mono(w->env.clock), w->proved_at) < PROVED_HOLDS_MS;
    if (known) return; /* the election is under way */
    if (e != ERR_RESET && e != ERR_CLOSED && e != ERR_EOF && e != ERR_REFUSED) return;
    if (add_address(&w->leader_at, 0, 1, host, port) == 0) return;
    struct detector_subject s = {DETECTOR_LEADER, leader, epoch};
    detector_suspect(w->detector, &s,
                     e == ERR_REFUSED ? EVIDENCE_REFUSED
                     : e == ERR_RESET ? EVIDENCE_RESET
                                      : EVIDENCE_CLOSED,
                     clock_mono(w->env.clock));
}

void watch_leader_answered(struct watch *w, int32_t leader)
{
    if (detector_suspicions(w->detector) > 0) detector_heard(w->detector, DETECTOR_LEADER, leader);
}

/* ---- lifecycle */

static const struct image *image_for_apis(void *owner)
{
    return image_of(owner);
}

struct watch *watch_create(const struct env *env, const struct config *c,
                           const struct node_config *roles, const char *cluster_id)
{
    struct watch *w = MEM_NEW(struct watch);
    *w = (struct watch){.env = *env,
                        .config = c,
                        .roles = roles,
                        .leader_id = -1,
                        .leader_epoch = -1,
                        .proved_id = -1};
    timer_init(&w->overdue, overdue_fired);
    arena_init(&w->scratch, 0);
    w->history = history_create(
        env, &(struct history_options){.node_id = roles->node_id,
                                       .events_max = config_int(c, CONFIG_SAMSA_HISTORY_EVENTS_MAX),
                                       .bytes_max = config_long(c, CONFIG_SAMSA_HISTORY_BYTES_MAX),
                                       .items_max = config_int(c, CONFIG_SAMSA_HISTORY_ITEMS_MAX)});
    w->account = account_keeper_create(env->clock, w->history,
                                       config_int(c, CONFIG_BROKER_SESSION_TIMEOUT_MS));
    struct detector_config detector = {
        .enabled = config_bool(c, CONFIG_SAMSA_DETECTOR_ENABLE),
        .probes = config_int(c, CONFIG_SAMSA_DETECTOR_PROBES),
        .interval_ms = config_int(c, CONFIG_SAMSA_DETECTOR_PROBE_INTERVAL_MS),
        .timeout_ms = config_int(c, CONFIG_SAMSA_DETECTOR_PROBE_TIMEOUT_MS),
        .nodes_max = config_int(c, CONFIG_SAMSA_DETECTOR_NODES_MAX),
    };
    struct detector_events events = {.owner = w, .addresses = addresses, .gone = gone};
    w->detector = detector_create(env, &detector, &events, w->history);
    w->controller_events = (struct controller_events){.owner = w,
                                                      .decided = controller_decided,
                                                      .active = controller_active,
                                                      .resigned = controller_resigned};
    own_apis_init(&w->own_apis, &(struct own_apis_facts){.node_id = roles->node_id,
                                                         .cluster_id = cluster_id,
                                                         .incarnation_id = rng_uuid(env->rng),
                                                         .history = w->history,
                                                         .clock = env->clock,
                                                         .owner = w,
                                                         .image = image_for_apis});
    struct history_fact f = history_fact(HISTORY_NODE_STARTED, roles->node_id, -1, NULL);
    history_note(w->history, &f, "%s%s%s", roles->is_broker ? "broker" : "",
                 roles->is_broker && roles->is_controller ? " and " : "",
                 roles->is_controller ? "controller" : "");
    return w;
}

void watch_attach(struct watch *w, const struct watch_parts *parts)
{
    PRE(!w->attached);
    w->parts = *parts;
    w->attached = true;
}

void watch_detach(struct watch *w)
{
    w->attached = false;
    timer_cancel(w->env.clock, &w->overdue);
    detector_forget(w->detector, DETECTOR_BROKER);
    detector_forget(w->detector, DETECTOR_LEADER);
}

void watch_free(struct watch *w)
{
    if (!w) return;
    watch_detach(w);
    detector_free(w->detector);
    account_keeper_free(w->account);
    history_free(w->history);
    arena_free(&w->scratch);
    mem_free(w);
}

struct history *watch_history(struct watch *w)
{
    return w->history;
}

const struct controller_events *watch_controller_events(struct watch *w)
{
    return &w->controller_events;
}

const struct dispatch *watch_own_apis(struct watch *w)
{
    return &w->own_apis.dispatch;
}

void watch_committed(struct watch *w, int64_t end_offset)
{
    account_keeper_committed(w->account, end_offset);
}

void watch_stopping(struct watch *w)
{
    struct history_fact f = history_fact(HISTORY_NODE_STOPPING, w->roles->node_id, -1, NULL);
    history_note(w->history, &f, "as it was asked");
}
