/* Every request handler of the broker listener, one file each. `context` is the struct broker. */
#ifndef SAMSA_BROKER_HANDLERS_HANDLERS_H
#define SAMSA_BROKER_HANDLERS_HANDLERS_H

#include "broker/broker.h"

void handle_alter_configs(struct request *rq, void *context);
void handle_alter_replica_log_dirs(struct request *rq, void *context);
void handle_api_versions(struct request *rq, void *context);
void handle_delete_groups(struct request *rq, void *context);
void handle_delete_records(struct request *rq, void *context);
void handle_describe_cluster(struct request *rq, void *context);
void handle_describe_configs(struct request *rq, void *context);
void handle_describe_groups(struct request *rq, void *context);
void handle_describe_log_dirs(struct request *rq, void *context);
void handle_describe_producers(struct request *rq, void *context);
void handle_describe_topic_partitions(struct request *rq, void *context);
void handle_fetch(struct request *rq, void *context);
void handle_find_coordinator(struct request *rq, void *context);
void handle_heartbeat(struct request *rq, void *context);
void handle_incremental_alter_configs(struct request *rq, void *context);
void handle_init_producer_id(struct request *rq, void *context);
void handle_join_group(struct request *rq, void *context);
void handle_leave_group(struct request *rq, void *context);
void handle_list_config_resources(struct request *rq, void *context);
void handle_list_groups(struct request *rq, void *context);
void handle_list_offsets(struct request *rq, void *context);
void handle_metadata(struct request *rq, void *context);
void handle_offset_commit(struct request *rq, void *context);
void handle_offset_delete(struct request *rq, void *context);
void handle_offset_fetch(struct request *rq, void *context);
void handle_offset_for_leader_epoch(struct request *rq, void *context);
void handle_produce(struct request *rq, void *context);
void handle_sync_group(struct request *rq, void *context);

/* The same for any listener: what `apis` serves, and the features of `image`; all of them to other
 * nodes, to clients those they may rely on. */
struct api_versions_facts {
    const struct dispatch *apis;
    const struct image *image;
    int16_t kraft_version;
    bool to_clients;
    /* To clients, what is forwarded is offered as far as the active controller serves it, once that
     * is known; NULL: as the table says. */
    const struct controller_channel *controller;
};
void answer_api_versions(struct request *rq, const struct api_versions_facts *facts);

/* The same for any listener: what this node's configuration and this image say. */
struct configs_facts {
    const struct image *image;
    const struct config *config;
    int32_t node_id;
    const struct trace *trace; /* whose level is the root logger's */
};
void answer_describe_configs(struct request *rq, const struct configs_facts *facts);

/* Hands the request to the active controller and its answer back, at the same version. */
void handle_forward(struct request *rq, void *context);

/* The same, but `merge` makes the client's answer of the controller's; what it gives lives in the
 * request's arena. */
typedef const void *forward_merge(struct request *rq, void *context, const void *response);
void forward(struct broker *b, struct request *rq, forward_merge *merge, void *merge_context);

#endif
