#include "broker/apis.h"

#include "broker/handlers/handlers.h"
#include "protocol/api.h"

static const struct api_handler apis[API_COUNT] = {
    [API_PRODUCE] = {.min = 3, .max = 13, .advertise_from_zero = true, .handle = handle_produce},
    [API_FETCH] = {.min = 4, .max = 18, .handle = handle_fetch},
    [API_LIST_OFFSETS] = {.min = 1, .max = 11, .handle = handle_list_offsets},
    [API_METADATA] = {.min = 0, .max = 13, .handle = handle_metadata},
    [API_OFFSET_COMMIT] = {.min = 2, .max = 10, .handle = handle_offset_commit},
    [API_OFFSET_FETCH] = {.min = 1, .max = 10, .handle = handle_offset_fetch},
    [API_FIND_COORDINATOR] = {.min = 0, .max = 6, .handle = handle_find_coordinator},
    [API_JOIN_GROUP] = {.min = 0, .max = 9, .handle = handle_join_group},
    [API_HEARTBEAT] = {.min = 0, .max = 4, .handle = handle_heartbeat},
    [API_LEAVE_GROUP] = {.min = 0, .max = 5, .handle = handle_leave_group},
    [API_SYNC_GROUP] = {.min = 0, .max = 5, .handle = handle_sync_group},
    [API_DESCRIBE_GROUPS] = {.min = 0, .max = 6, .handle = handle_describe_groups},
    [API_LIST_GROUPS] = {.min = 0, .max = 5, .handle = handle_list_groups},
    [API_API_VERSIONS] = {.min = 0, .max = 4, .handle = handle_api_versions},
    [API_CREATE_TOPICS] = {.min = 2, .max = 7, .handle = handle_forward},
    [API_DELETE_TOPICS] = {.min = 1, .max = 6, .handle = handle_forward},
    [API_DELETE_RECORDS] = {.min = 0, .max = 2, .handle = handle_delete_records},
    [API_INIT_PRODUCER_ID] = {.min = 0, .max = 5, .handle = handle_init_producer_id},
    [API_OFFSET_FOR_LEADER_EPOCH] = {.min = 2, .max = 4, .handle = handle_offset_for_leader_epoch},
    [API_DESCRIBE_CONFIGS] = {.min = 1, .max = 4, .handle = handle_describe_configs},
    [API_ALTER_CONFIGS] = {.min = 0, .max = 2, .handle = handle_alter_configs},
    [API_ALTER_REPLICA_LOG_DIRS] = {.min = 1, .max = 2, .handle = handle_alter_replica_log_dirs},
    [API_DESCRIBE_LOG_DIRS] = {.min = 1, .max = 5, .handle = handle_describe_log_dirs},
    [API_CREATE_PARTITIONS] = {.min = 0, .max = 3, .handle = handle_forward},
    [API_DELETE_GROUPS] = {.min = 0, .max = 2, .handle = handle_delete_groups},
    [API_ELECT_LEADERS] = {.min = 0, .max = 2, .handle = handle_forward},
    [API_INCREMENTAL_ALTER_CONFIGS] = {.min = 0,
                                       .max = 1,
                                       .handle = handle_incremental_alter_configs},
    [API_ALTER_PARTITION_REASSIGNMENTS] = {.min = 0, .max = 1, .handle = handle_forward},
    [API_LIST_PARTITION_REASSIGNMENTS] = {.min = 0, .max = 0, .handle = handle_forward},
    [API_OFFSET_DELETE] = {.min = 0, .max = 0, .handle = handle_offset_delete},
    [API_DESCRIBE_QUORUM] = {.min = 0, .max = 2, .handle = handle_forward},
    [API_UPDATE_FEATURES] = {.min = 0, .max = 2, .handle = handle_forward},
    [API_DESCRIBE_CLUSTER] = {.min = 0, .max = 2, .handle = handle_describe_cluster},
    [API_UNREGISTER_BROKER] = {.min = 0, .max = 0, .handle = handle_forward},
    [API_DESCRIBE_PRODUCERS] = {.min = 0, .max = 0, .handle = handle_describe_producers},
    [API_LIST_CONFIG_RESOURCES] = {.min = 0, .max = 1, .handle = handle_list_config_resources},
    [API_DESCRIBE_TOPIC_PARTITIONS] = {.min = 0,
                                       .max = 0,
                                       .handle = handle_describe_topic_partitions},
    [API_ADD_RAFT_VOTER] = {.min = 0, .max = 1, .handle = handle_forward},
    [API_REMOVE_RAFT_VOTER] = {.min = 0, .max = 0, .handle = handle_forward},
};

struct dispatch broker_apis(struct broker *b)
{
    return (struct dispatch){.table = apis, .count = API_COUNT, .context = b};
}
