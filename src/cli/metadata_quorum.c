/* kafka-metadata-quorum.sh: the controllers' quorum, shown and changed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/new_controller.h"
#include "cli/tool.h"
#include "cli/uuid_argument.h"
#include "protocol/add_raft_voter.h"
#include "protocol/describe_quorum.h"
#include "protocol/remove_raft_voter.h"

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, false, false, "BOOTSTRAP_SERVER",
     "Brokers to connect to first."},
    {"bootstrap-controller", 0, OPTION_VALUE, false, false, "BOOTSTRAP_CONTROLLER",
     "Controllers to connect to first."},
    {"command-config", 0, OPTION_VALUE, false, false, "COMMAND_CONFIG",
     "File with properties of the client; with add-controller, of the new controller too."},
    {0},
};
static const struct option describe_options[] = {
    {"status", 0, OPTION_FLAG, false, false, NULL, "A short summary of the quorum."},
    {"replication", 0, OPTION_FLAG, false, false, NULL,
     "How far each voter and observer has come."},
    {"human-readable", 0, OPTION_FLAG, false, false, NULL,
     "With --replication: times as milliseconds ago."},
    {0},
};

#define DRY_RUN                                                                           \
    {                                                                                     \
        "dry-run", 0, OPTION_FLAG, false, false, NULL, "Say what would be done, no more." \
    }

static const struct option add_options[] = {DRY_RUN, {0}};
static const struct option remove_options[] = {
    {"controller-directory-id", 'd', OPTION_VALUE, true, false, "CONTROLLER_DIRECTORY_ID",
     "The id of its metadata directory."},
    {"controller-id", 'i', OPTION_VALUE, true, false, "CONTROLLER_ID", "Its node id."},
    DRY_RUN,
    {0},
};

enum { DESCRIBE, ADD_CONTROLLER, REMOVE_CONTROLLER };
static const struct subcommand commands[] = {
    {"describe", describe_options, "Describe the metadata quorum info"},
    {"add-controller", add_options, "Add a controller to the KRaft controller cluster"},
    {"remove-controller", remove_options, "Remove a controller from the KRaft controller cluster"},
    {0},
};

struct quorum {
    const struct describe_quorum_response *response;
    const struct describe_quorum_response_partition_data *partition;
};

static struct quorum read_quorum(struct client *c)
{
    struct describe_quorum_request request;
    describe_quorum_request_init(&request);
    request.topics = describe_quorum_request_topic_data_new(&c->arena, 1);
    request.topics_count = 1;
    request.topics[0].topic_name = STR("__cluster_metadata");
    request.topics[0].partitions = describe_quorum_request_partition_data_new(&c->arena, 1);
    request.topics[0].partitions_count = 1;
    struct client_node *n = c->controllers ? client_controller(c) : client_any(c);
    const struct describe_quorum_response *r =
        client_call(c, n, API_DESCRIBE_QUORUM, -1, &request, NULL);
    if (!r) args_fail(client_failure_line(c));
    int16_t code = r->error_code;
    struct str message = r->error_message;
    if (code == KAFKA_NONE && r->topics_count && r->topics[0].partitions_count) {
        code = r->topics[0].partitions[0].error_code;
        message = r->topics[0].partitions[0].error_message;
    }
    if (code != KAFKA_NONE || !r->topics_count || !r->topics[0].partitions_count) {
        client_fail_code(c, code, message);
        args_fail(client_failure_line(c));
    }
    return (struct quorum){r, &r->topics[0].partitions[0]};
}

static void print_endpoints(const struct quorum *q, int32_t id)
{
    const struct describe_quorum_response_node *node = NULL;
    for (int32_t i = 0; i < q->response->nodes_count; i++)
        if (q->response->nodes[i].node_id == id) node = &q->response->nodes[i];
    if (!node || !node->listeners_count) return;
    printf(", \"endpoints\": [");
    for (int32_t i = 0; i < node->listeners_count; i++) {
        const struct describe_quorum_response_listener *l = &node->listeners[i];
        bool v6 = memchr(l->host.data, ':', (size_t)l->host.len) != NULL;
        printf("%s\"%.*s://%s%.*s%s:%u\"", i ? ", " : "", STR_ARG(l->name), v6 ? "[" : "",
               STR_ARG(l->host), v6 ? "]" : "", l->port);
    }
    printf("]");
}

static void print_members(const struct quorum *q,
                          const struct describe_quorum_response_replica_state *states,
                          int32_t count, bool endpoints)
{
    printf("[");
    for (int32_t i = 0; i < count; i++) {
        printf("%s{\"id\": %d", i ? ", " : "", states[i].replica_id);
        if (!uuid_is_zero(states[i].replica_directory_id))
            printf(", \"directoryId\": \"%s\"", uuid_text(states[i].replica_directory_id).z);
        if (endpoints) print_endpoints(q, states[i].replica_id);
        printf("}");
    }
    printf("]\n");
}

static const struct describe_quorum_response_replica_state *find_leader(const struct quorum *q)
{
    for (int32_t i = 0; i < q->partition->current_voters_count; i++)
        if (q->partition->current_voters[i].replica_id == q->partition->leader_id)
            return &q->partition->current_voters[i];
    return NULL;
}

static void print_status(struct client *c, const struct quorum *q)
{
    const struct describe_quorum_response_partition_data *p = q->partition;
    const struct describe_quorum_response_replica_state *leader = find_leader(q), *slowest = NULL;
    for (int32_t i = 0; i < p->current_voters_count; i++)
        if (!slowest || p->current_voters[i].log_end_offset < slowest->log_end_offset)
            slowest = &p->current_voters[i];
    int64_t lag = leader && slowest ? leader->log_end_offset - slowest->log_end_offset : 0;
    int64_t lag_ms = -1;
    if (leader && slowest == leader)
        lag_ms = 0;
    else if (leader && slowest && leader->last_caught_up_timestamp >= 0 &&
             slowest->last_caught_up_timestamp >= 0)
        lag_ms = leader->last_caught_up_timestamp - slowest->last_caught_up_timestamp;
    printf("ClusterId:              %s\nLeaderId:               %d\nLeaderEpoch:            %d\n"
           "HighWatermark:          %lld\nMaxFollowerLag:         %lld\nMaxFollowerLagTimeMs:   "
           "%lld\n",
           c->cluster_id ? c->cluster_id : "null", p->leader_id, p->leader_epoch,
           (long long)p->high_watermark, (long long)lag, (long long)lag_ms);
    printf("CurrentVoters:          ");
    print_members(q, p->current_voters, p->current_voters_count, true);
    printf("CurrentObservers:       ");
    print_members(q, p->observers, p->observers_count, false);
}

enum { COLUMNS = 7 };

static const char *time_text(struct client *c, int64_t timestamp, int64_t now_ms, bool human)
{
    if (timestamp == -1) return "-1";
    if (human) return arena_printf(&c->arena, "%lld ms ago", (long long)(now_ms - timestamp)).data;
    return arena_printf(&c->arena, "%lld", (long long)timestamp).data;
}

static void fill_row(struct client *c, const char *row[COLUMNS],
                     const struct describe_quorum_response_replica_state *s, int64_t leader_end,
                     const char *status, int64_t now_ms, bool human)
{
    row[0] = arena_printf(&c->arena, "%d", s->replica_id).data;
    row[1] = arena_printf(&c->arena, "%s", uuid_text(s->replica_directory_id).z).data;
    row[2] = arena_printf(&c->arena, "%lld", (long long)s->log_end_offset).data;
    row[3] = arena_printf(&c->arena, "%lld", (long long)(leader_end - s->log_end_offset)).data;
    row[4] = time_text(c, s->last_fetch_timestamp, now_ms, human);
    row[5] = time_text(c, s->last_caught_up_timestamp, now_ms, human);
    row[6] = status;
}

static void print_replication(struct client *c, const struct quorum *q, bool human)
{
    const struct describe_quorum_response_partition_data *p = q->partition;
    const struct describe_quorum_response_replica_state *leader = find_leader(q);
    int32_t count = 1 + p->current_voters_count + p->observers_count, used = 0;
    const char *(*rows)[COLUMNS] = arena_zalloc(&c->arena, (size_t)count, sizeof *rows);
    static const char *const header[COLUMNS] = {
        "NodeId", "DirectoryId",        "LogEndOffset",
        "Lag",    "LastFetchTimestamp", "LastCaughtUpTimestamp",
        "Status"};
    memcpy(rows[used++], header, sizeof header);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    int64_t end = leader ? leader->log_end_offset : 0;
    if (leader) fill_row(c, rows[used++], leader, end, "Leader", now_ms, human);
    for (int32_t i = 0; i < p->current_voters_count; i++)
        if (&p->current_voters[i] != leader)
            fill_row(c, rows[used++], &p->current_voters[i], end, "Follower", now_ms, human);
    for (int32_t i = 0; i < p->observers_count; i++)
        fill_row(c, rows[used++], &p->observers[i], end, "Observer", now_ms, human);
    int width[COLUMNS] = {0};
    for (int32_t r = 0; r < used; r++)
        for (int k = 0; k < COLUMNS; k++)
            if ((int)strlen(rows[r][k]) > width[k]) width[k] = (int)strlen(rows[r][k]);
    for (int32_t r = 0; r < used; r++) {
        for (int k = 0; k < COLUMNS; k++) printf("%-*s\t", width[k], rows[r][k]);
        printf("\n");
    }
}

static void describe(struct client *c, const struct args *a)
{
    bool status = args_has(a, "status"), replication = args_has(a, "replication");
    if (status && replication)
        args_fail(
            "Only one of --status or --replication should be specified with describe sub-command");
    if (!status && !replication)
        args_fail("One of --status or --replication must be specified with describe sub-command");
    if (status && args_has(a, "human-readable"))
        args_fail("The option --human-readable is only supported along with --replication");
    if (!client_refresh(c, status ? "listNodes" : "describeMetadataQuorum"))
        args_fail(client_failure_line(c));
    struct quorum q = read_quorum(c);
    if (status)
        print_status(c, &q);
    else
        print_replication(c, &q, args_has(a, "human-readable"));
}

/* ---- adding and removing */

static void check_answer(struct client *c, bool answered, int16_t code, struct str message)
{
    if (answered && code != KAFKA_NONE) client_fail_code(c, code, message);
    if (!answered || code != KAFKA_NONE) args_fail(client_failure_line(c));
}

static void add_controller(struct client *c, const struct args *a)
{
    struct new_controller n;
    if (!args_has(a, "command-config"))
        args_fail(
            "You must supply the configuration file of the controller you are adding when using "
            "add-controller.");
    const char *why = new_controller_read(&n, &c->arena, &c->properties);
    if (why) args_fail(why);
    bool dry_run = args_has(a, "dry-run");
    if (!dry_run) {
        struct add_raft_voter_request request;
        add_raft_voter_request_init(&request);
        request.timeout_ms = (int32_t)c->request_timeout_ms;
        request.cluster_id = STR_NULL;
        request.voter_id = n.id;
        request.voter_directory_id = n.directory_id;
        request.ack_when_committed = true;
        request.listeners = add_raft_voter_request_listener_new(&c->arena, n.endpoints_count);
        request.listeners_count = n.endpoints_count;
        for (int32_t i = 0; i < n.endpoints_count; i++)
            request.listeners[i] = (struct add_raft_voter_request_listener){
                str_of(n.endpoints[i].name), str_of(n.endpoints[i].host), n.endpoints[i].port};
        const struct add_raft_voter_response *r =
            CLIENT_CALL_CONTROLLER(c, API_ADD_RAFT_VOTER, add_raft_voter, &request);
        check_answer(c, r != NULL, r ? r->error_code : 0, r ? r->error_message : STR_NULL);
    }
    printf("%s controller %d with directory id %s and endpoints: ",
           dry_run ? "DRY RUN of adding" : "Added", n.id, uuid_text(n.directory_id).z);
    for (int32_t i = 0; i < n.endpoints_count; i++) {
        bool v6 = strchr(n.endpoints[i].host, ':') != NULL;
        printf("%s%s://%s%s%s:%u", i ? ", " : "", n.endpoints[i].name, v6 ? "[" : "",
               n.endpoints[i].host, v6 ? "]" : "", n.endpoints[i].port);
    }
    printf("\n");
}

static void remove_controller(struct client *c, const struct args *a)
{
    int32_t id = args_integer(a, "controller-id", -1);
    const char *text = args_value(a, "controller-directory-id");
    struct uuid directory_id;
    if (id < 0) args_fail(arena_printf(&c->arena, "Invalid negative --controller-id: %d", id).data);
    const char *why = uuid_argument(&c->arena, text, &directory_id);
    if (why)
        args_fail(
            arena_printf(&c->arena, "Failed to parse --controller-directory-id: %s", why).data);
    bool dry_run = args_has(a, "dry-run");
    if (!dry_run) {
        struct remove_raft_voter_request request;
        remove_raft_voter_request_init(&request);
        request.cluster_id = STR_NULL;
        request.voter_id = id;
        request.voter_directory_id = directory_id;
        const struct remove_raft_voter_response *r =
            CLIENT_CALL_CONTROLLER(c, API_REMOVE_RAFT_VOTER, remove_raft_voter, &request);
        check_answer(c, r != NULL, r ? r->error_code : 0, r ? r->error_message : STR_NULL);
    }
    /* the second blank behind "Removed" is Kafka's */
    printf("%s KRaft controller %d with directory id %s\n",
           dry_run ? "DRY RUN of removing " : "Removed ", id, uuid_text(directory_id).z);
}

int tool_metadata_quorum(int argc, char **argv)
{
    struct args a;
    int command = args_parse_commands(&a, ARGS_USAGE, "kafka-metadata-quorum",
                                      "This tool describes kraft metadata quorum status.", options,
                                      commands, argc, argv);
    ARGS_ONE_OF(&a, true, "bootstrap-server", "bootstrap-controller");
    if (command == REMOVE_CONTROLLER) args_integer(&a, "controller-id", 0);
    const char *config = args_value(&a, "command-config");
    if (config && access(config, F_OK)) {
        fprintf(stderr, "Properties file %s does not exists!\n", config);
        return 1;
    }
    struct client *c = client_open_args(&a, true);
    switch (command) {
    case DESCRIBE: describe(c, &a); break;
    case ADD_CONTROLLER: add_controller(c, &a); break;
    case REMOVE_CONTROLLER: remove_controller(c, &a); break;
    }
    client_close(c);
    return 0;
}
