/* Who watches the cluster for this node: the history, the controller's account in it, and the
 * detector between the connections that notice and the parts that act.
 *
 *   a broker's heartbeat connection ends ─┐                    ┌─> controller_broker_lost
 *   a heartbeat is overdue ───────────────┼─> detector ─ gone ─┤
 *   this node leads: who is still there? ─┘                    │
 *   the connection to the quorum's leader breaks ─> detector ──┴─> act->leader_gone
 *
 * Owns history, account and detector. Borrows env, configuration, and what watch_attach names,
 * which must outlive watch_detach. Thread: the loop's. */
#ifndef SAMSA_SERVER_WATCH_H
#define SAMSA_SERVER_WATCH_H

#include "config/node.h"
#include "controller/controller.h"
#include "history/history.h"

struct watch;
struct dispatch;

struct watch_parts {
    struct controller *controller; /* NULL: this node is none */
    void *owner;
    /* Committed metadata as this node has applied it; NULL: none. */
    const struct image *(*image)(void *owner);
    /* The quorum's leader `id` of `epoch` is gone: stand for election now, if this node may. */
    void (*leader_gone)(void *owner, int32_t id, int32_t epoch, int64_t stagger_ms);
};

struct watch *watch_create(const struct env *env, const struct config *config,
                           const struct node_config *roles, const char *cluster_id);
void watch_free(struct watch *w);

/* Between making and unmaking of the parts. */
void watch_attach(struct watch *w, const struct watch_parts *parts);
void watch_detach(struct watch *w);

struct history *watch_history(struct watch *w);

/* For controller_options: what it decides is kept. */
const struct controller_events *watch_controller_events(struct watch *w);

/* For each dispatch of a listener. */
const struct dispatch *watch_own_apis(struct watch *w);

/* ---- told by others */

/* rpc_server_config.peer_ended, with the watch as owner: a broker's connection to this controller.
 */
void watch_peer_ended(void *watch, int32_t broker, int64_t epoch, enum err e);

/* A heartbeat that the controller took. */
void watch_heartbeat(struct watch *w, int32_t broker);

/* A broker asks to be registered, before the controller decides: a process that has bound the very
 * addresses of one whose connection has ended proves that one gone, so that a node which is
 * started again at once need not wait for its own old session. */
struct broker_registration_request;
void watch_registering(struct watch *w, const struct broker_registration_request *request);

/* The quorum's leader as known now; -1: none. */
void watch_leader_changed(struct watch *w, int32_t leader, int32_t epoch);

/* A connection to the quorum's leader broke or was refused. */
void watch_leader_unreachable(struct watch *w, int32_t leader, int32_t epoch, struct str host,
                              uint16_t port, enum err e);

/* It answers over such a connection. */
void watch_leader_answered(struct watch *w, int32_t leader);

void watch_committed(struct watch *w, int64_t end_offset);

/* A clean stop begins. */
void watch_stopping(struct watch *w);

#endif
