/* One node: a broker and a controller over one metadata log, wired together.
 *
 *   CREATED ─ node_start ─> STARTING ─ unfenced ─> RUNNING ─ node_shutdown ─> STOPPING ─ stopped
 *                               └────────── anything fatal ──────────────────────┘
 *
 * Opens and checks the directories, recovers the metadata log, stands for leader, registers, loads
 * logs, and lets clients in once it is unfenced. Knows env, never which family: many nodes can live
 * in one process. Owns all its parts. Borrows env and configuration. Thread: the loop's. */
#ifndef SAMSA_SERVER_NODE_H
#define SAMSA_SERVER_NODE_H

#include "config/node.h"
#include "env/env.h"

struct node;
struct broker;
struct controller;
struct quorum;

struct history;

struct node_events {
    void *owner;
    void (*started)(void *owner);
    /* The node has ended: cleanly, or for a reason that has been traced. Destroy it from the loop,
     * not from inside this call. */
    void (*stopped)(void *owner, bool clean);
};

/* Err: INVALID, LOCKED, IO, …; *error is then one line that names the cause, the place and the
 * command that mends it. */
enum err node_create(const struct env *env, struct config *config, const struct node_config *roles,
                     const struct node_events *events, struct node **out,
                     struct config_error *error) MUST_CHECK;

/* Listeners are bound at once; clients are served from `started` on. */
enum err node_start(struct node *n, struct config_error *error) MUST_CHECK;

/* Hand leaderships over, close everything cleanly; `stopped` follows. A second call stops at
 * once. */
void node_shutdown(struct node *n);

/* As a crash would: nothing more is written. */
void node_abandon(struct node *n);

void node_destroy(struct node *n);

/* Its parts, to be looked at: by the console, and by the simulator's oracles after every event.
 * NULL when the node has no such role, or has stopped. */
struct broker *node_broker(const struct node *n);
struct controller *node_controller(const struct node *n);
struct quorum *node_quorum(const struct node *n);
/* What it has noticed. */
struct history *node_history(const struct node *n);

#endif
