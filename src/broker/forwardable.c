#include "broker/forwardable.h"

#include "protocol/add_raft_voter.h"
#include "protocol/allocate_producer_ids.h"
#include "protocol/alter_configs.h"
#include "protocol/alter_partition_reassignments.h"
#include "protocol/api.h"
#include "protocol/create_partitions.h"
#include "protocol/create_topics.h"
#include "protocol/delete_topics.h"
#include "protocol/describe_quorum.h"
#include "protocol/elect_leaders.h"
#include "protocol/error.h"
#include "protocol/incremental_alter_configs.h"
#include "protocol/list_partition_reassignments.h"
#include "protocol/remove_raft_voter.h"
#include "protocol/unregister_broker.h"
#include "protocol/update_features.h"

bool api_is_forwardable(int16_t api_key)
{
    switch (api_key) {
    case API_CREATE_TOPICS:
    case API_DELETE_TOPICS:
    case API_CREATE_ACLS:
    case API_DELETE_ACLS:
    case API_ALTER_CONFIGS:
    case API_CREATE_PARTITIONS:
    case API_CREATE_DELEGATION_TOKEN:
    case API_RENEW_DELEGATION_TOKEN:
    case API_EXPIRE_DELEGATION_TOKEN:
    case API_ELECT_LEADERS:
    case API_INCREMENTAL_ALTER_CONFIGS:
    case API_ALTER_PARTITION_REASSIGNMENTS:
    case API_LIST_PARTITION_REASSIGNMENTS:
    case API_ALTER_CLIENT_QUOTAS:
    case API_ALTER_USER_SCRAM_CREDENTIALS:
    case API_DESCRIBE_QUORUM:
    case API_UPDATE_FEATURES:
    case API_UNREGISTER_BROKER:
    case API_ALLOCATE_PRODUCER_IDS:
    case API_ADD_RAFT_VOTER:
    case API_REMOVE_RAFT_VOTER: return true;
    default: return false;
    }
}

/* The first error of an answer. A refusal says the same everywhere, so one place is enough. */
static int16_t first_error(int16_t api_key, const void *response)
{
#define TOP(type) (((const struct type *)response)->error_code)
#define FIRST(type, list)                                      \
    (((const struct type *)response)->list##_count > 0         \
         ? ((const struct type *)response)->list[0].error_code \
         : (int16_t)0)
    switch (api_key) {
    case API_CREATE_TOPICS: return FIRST(create_topics_response, topics);
    case API_DELETE_TOPICS: return FIRST(delete_topics_response, responses);
    case API_CREATE_PARTITIONS: return FIRST(create_partitions_response, results);
    case API_ALTER_CONFIGS: return FIRST(alter_configs_response, responses);
    case API_INCREMENTAL_ALTER_CONFIGS: return FIRST(incremental_alter_configs_response, responses);
    case API_ALTER_PARTITION_REASSIGNMENTS: return TOP(alter_partition_reassignments_response);
    case API_LIST_PARTITION_REASSIGNMENTS: return TOP(list_partition_reassignments_response);
    case API_UPDATE_FEATURES: return TOP(update_features_response);
    case API_UNREGISTER_BROKER: return TOP(unregister_broker_response);
    case API_ALLOCATE_PRODUCER_IDS: return TOP(allocate_producer_ids_response);
    case API_ADD_RAFT_VOTER: return TOP(add_raft_voter_response);
    case API_REMOVE_RAFT_VOTER: return TOP(remove_raft_voter_response);
    case API_ELECT_LEADERS: {
        const struct elect_leaders_response *r = response;
        if (r->error_code) return r->error_code;
        for (int32_t i = 0; i < r->replica_election_results_count; i++)
            if (r->replica_election_results[i].partition_result_count > 0)
                return r->replica_election_results[i].partition_result[0].error_code;
        return 0;
    }
    default: return 0;
    }
#undef TOP
#undef FIRST
}

static bool quorum_has_no_leader_here(const struct describe_quorum_response *r)
{
    if (r->error_code == KAFKA_NOT_LEADER_OR_FOLLOWER) return true;
    return r->topics_count > 0 && r->topics[0].partitions_count > 0 &&
           r->topics[0].partitions[0].error_code == KAFKA_NOT_LEADER_OR_FOLLOWER;
}

bool answer_is_from_no_controller(int16_t api_key, const void *response)
{
    if (api_key == API_DESCRIBE_QUORUM) return quorum_has_no_leader_here(response);
    int16_t error = first_error(api_key, response);
    return error == KAFKA_NOT_CONTROLLER ||
           (error == KAFKA_NOT_LEADER_OR_FOLLOWER &&
            (api_key == API_ADD_RAFT_VOTER || api_key == API_REMOVE_RAFT_VOTER));
}
