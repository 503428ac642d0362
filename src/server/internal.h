/* What the files of server/ that make up a node share. Private to the folder. */
#ifndef SAMSA_SERVER_INTERNAL_H
#define SAMSA_SERVER_INTERNAL_H

#include "broker/broker.h"
#include "controller/controller.h"
#include "quorum/quorum.h"
#include "rpc/server.h"
#include "server/controller_apis.h"
#include "server/controller_registration.h"
#include "server/directories.h"
#include "server/node.h"
#include "server/watch.h"

enum { BOOTSTRAP_RECORDS_MAX = 1024 };

struct node {
    struct env env;
    struct config *config;
    const struct node_config *roles;
    struct node_events events;
    struct arena arena; /* for life: endpoints, bootstrap records, addresses of the quorum */
    struct watch *watch;
    struct directories directories;
    struct quorum *quorum;
    struct quorum_subscriber broker_feed, controller_feed;
    bool snapshot_wanted; /* as soon as the image stands where it may be written */

    /* with the role controller */
    struct committer committer;
    struct controller *controller; /* NULL on a broker-only node */
    struct controller_apis controller_apis;
    struct controller_registration *registration;
    int32_t lead_epoch; /* to be led once the controller has applied all before it; -1: none */
    struct metadata_record bootstrap[BOOTSTRAP_RECORDS_MAX];
    int32_t bootstrap_count;

    /* with the role broker */
    struct broker *broker; /* NULL on a controller-only node */
    struct broker_endpoint *endpoints;
    int32_t endpoints_count;

    struct rpc_server *servers[NODE_LISTENERS_MAX];
    bool server_is_controller[NODE_LISTENERS_MAX];
    int32_t servers_count;
    bool running, stopping, stopped, failed, clean;
    struct task started;     /* tells that a node without a broker runs */
    struct timer leaderless; /* while stopping: is there a controller that could grant it? */
    struct mono_time led;    /* when there last was one */
    struct timer drain;      /* while stopping: clients go */
    struct mono_time drain_since;
    struct task stop; /* never from inside a part that is to be freed */
};

/* ---- node_quorum.c: what the quorum needs, asks and tells */

/* Open the metadata log with this node's part in the quorum. Err: one line in *error. */
enum err node_open_quorum(struct node *n, struct config_error *error) MUST_CHECK;

/* ---- node_feeds.c: committed records into the broker's and the controller's image */

void node_init_broker_feed(struct node *n);
void node_init_controller_feed(struct node *n);

/* ---- node.c */

/* `owner` is the node. Ends it, not from inside this call. */
void node_fatal(void *owner, const char *why);
void node_stop_soon(struct node *n, bool clean);

#endif
