/* kafka-reassign-partitions.sh: propose, begin, watch, cancel and list moves of partitions. All it
 * says, mistakes too, goes to standard output, as Kafka's does. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/reassign_cluster.h"
#include "cli/tool.h"

enum { DIR_RETRY_MS = 100 };

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, false, false,
     "String: Server(s) to use for bootstrapping", "Brokers to connect to first."},
    {"bootstrap-controller", 0, OPTION_VALUE, false, false,
     "String: bootstrap controller to connect to",
     "Controllers to connect to first; with --cancel and --list."},
    {"command-config", 0, OPTION_VALUE, false, false, "String: Admin client property file",
     "File with properties of the client."},
    {"generate", 0, OPTION_FLAG, false, false, NULL, "Propose a reassignment; nothing is moved."},
    {"execute", 0, OPTION_FLAG, false, false, NULL, "Begin the reassignment of the file."},
    {"verify", 0, OPTION_FLAG, false, false, NULL,
     "Whether the file's reassignment has come to its end; when all have, throttles go."},
    {"cancel", 0, OPTION_FLAG, false, false, NULL, "Cancel the reassignment of the file."},
    {"list", 0, OPTION_FLAG, false, false, NULL, "All reassignments under way."},
    {"reassignment-json-file", 0, OPTION_VALUE, false, false,
     "String: manual assignment json file path",
     "{\"version\":1,\"partitions\":[{\"topic\":\"foo\",\"partition\":1,\"replicas\":[1,2,3],"
     "\"log_dirs\":[\"any\",\"any\",\"/d\"]}]}; log_dirs may be left out."},
    {"topics-to-move-json-file", 0, OPTION_VALUE, false, false,
     "String: topics to reassign json file path",
     "{\"version\":1,\"topics\":[{\"topic\":\"foo\"}]}."},
    {"broker-list", 0, OPTION_VALUE, false, false, "String: brokerlist",
     "With --generate: the brokers to move to, 0,1,2."},
    {"disable-rack-aware", 0, OPTION_FLAG, false, false, NULL, "Do not look at racks."},
    {"throttle", 0, OPTION_VALUE, false, false, "Long: throttle",
     "Bytes a second between brokers; also, with --additional, for what moves already.", "-1"},
    {"replica-alter-log-dirs-throttle", 0, OPTION_VALUE, false, false,
     "Long: replicaAlterLogDirsThrottle", "Bytes a second between directories.", "-1"},
    {"timeout", 0, OPTION_VALUE, false, false, "Long: timeout",
     "Milliseconds to wait until moves between directories begin.", "10000"},
    {"additional", 0, OPTION_FLAG, false, false, NULL, "Though others are under way."},
    {"preserve-throttles", 0, OPTION_FLAG, false, false, NULL, "Leave throttles as they are."},
    {"disallow-replication-factor-change", 0, OPTION_FLAG, false, false, NULL,
     "Refuse what changes the number of replicas."},
    {0},
};

static const char *const actions[] = {"generate", "execute", "verify", "cancel", "list", NULL};

/* Which options go with which action, besides what it needs. */
static const struct {
    const char *action, *needs[3], *takes[8];
} rules[] = {
    {"generate", {"topics-to-move-json-file", "broker-list"}, {"disable-rack-aware"}},
    {"execute",
     {"reassignment-json-file"},
     {"additional", "throttle", "replica-alter-log-dirs-throttle", "timeout",
      "disallow-replication-factor-change"}},
    {"verify", {"reassignment-json-file"}, {"preserve-throttles"}},
    {"cancel",
     {"reassignment-json-file"},
     {"bootstrap-controller", "preserve-throttles", "timeout"}},
    {"list", {NULL}, {"bootstrap-controller"}},
};

__attribute__((noreturn)) static void fail(const char *text)
{
    printf("Error: %s\n", text);
    exit(1);
}

static _Noreturn void no_client(const struct args *a, const char *reason)
{
    (void)a;
    fail(reason);
}

/* What Kafka calls a terse mistake: only what is said. */
static _Noreturn void refuse(const char *text)
{
    printf("%s\n", text);
    exit(1);
}

static void need(const struct client *c, bool done)
{
    if (!done) fail(client_failure_line(c));
}

static bool is_among(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

/* The action, with all that Kafka's tool checks before it connects. */
static const char *check_options(const struct args *a)
{
    const char *action = NULL;
    char reason[256];
    int count = 0;
    for (int i = 0; actions[i]; i++)
        if (args_has(a, actions[i])) action = actions[i], count++;
    if (count != 1)
        args_usage(a, "Command must include exactly one action: --generate, --execute, --verify, "
                      "--cancel, --list");
    bool server = args_has(a, "bootstrap-server"), controller = args_has(a, "bootstrap-controller");
    if (server && controller)
        args_usage(a, "Please don't specify both --bootstrap-server and --bootstrap-controller");
    if (!server && !controller)
        args_usage(a, "Please specify either --bootstrap-server or --bootstrap-controller");
    size_t rule = 0;
    while (strcmp(rules[rule].action, action) != 0) rule++;
    for (int i = 0; rules[rule].needs[i]; i++) args_require(a, rules[rule].needs[i]);
    static const char *const always[] = {"bootstrap-server", "command-config", NULL};
    for (const struct option *o = options; o->name; o++) {
        if (!args_has(a, o->name) || strcmp(o->name, action) == 0 || is_among(always, o->name) ||
            is_among(rules[rule].needs, o->name) || is_among(rules[rule].takes, o->name))
            continue;
        snprintf(reason, sizeof reason, "Option \"[%s]\" can't be used with action \"[%s]\"",
                 o->name, action);
        args_usage(a, reason);
    }
    return action;
}

static int64_t number(const struct args *a, const char *name, struct arena *arena)
{
    const char *text = args_value(a, name);
    char *end;
    long long value = strtoll(text, &end, 10);
    if (!*text || *end)
        fail(arena_printf(arena, "Cannot parse argument '%s' of option %s", text, name).data);
    return value;
}

/* "1,2" */
static struct str join(struct arena *arena, const int32_t *ids, int32_t count)
{
    struct str text = STR("");
    for (int32_t i = 0; i < count; i++)
        text = arena_printf(arena, "%.*s%s%d", STR_ARG(text), i ? "," : "", ids[i]);
    return text;
}

static struct str *topics_of(struct client *c, const struct reassignments *list, int32_t *count)
{
    struct str *names = ARENA_ARRAY(&c->arena, struct str, list->count + 1);
    *count = 0;
    for (int32_t i = 0; i < list->count; i++) {
        bool known = false;
        for (int32_t k = 0; k < *count; k++) known |= str_equal(names[k], list->items[i].topic);
        if (!known) names[(*count)++] = list->items[i].topic;
    }
    return names;
}

static void print_names(const struct reassignments *list)
{
    for (int32_t i = 0; i < list->count; i++)
        printf("%s%.*s-%d", i ? "," : "", STR_ARG(list->items[i].topic), list->items[i].partition);
    printf("\n");
}

/* ---- generate */

static int32_t *read_brokers(struct client *c, const char *text, int32_t *count)
{
    int32_t *ids = ARENA_ARRAY(&c->arena, int32_t, strlen(text) + 1);
    *count = 0;
    size_t size = strlen(text);
    while (size && text[size - 1] == ',') size--; /* Java's split leaves out what is empty there */
    if (!*text) fail("For input string: \"\"");
    for (const char *at = text; at < text + size;) {
        size_t len = strcspn(at, ",");
        char *end;
        ids[(*count)++] = (int32_t)strtol(at, &end, 10);
        if (end != at + len || len == 0)
            fail(arena_printf(&c->arena, "For input string: \"%.*s\"", (int)len, at).data);
        at += len + (at[len] == ',');
    }
    const char *why = reassign_check_brokers(&c->arena, ids, *count);
    if (why) fail(why);
    return ids;
}

/* Those of the list that live, with their racks. */
static struct reassign_broker *usable_brokers(struct client *c, const int32_t *ids,
                                              int32_t ids_count, bool racks, int32_t *count)
{
    struct reassign_broker *b = ARENA_ARRAY(&c->arena, struct reassign_broker, c->nodes_count + 1);
    int32_t with_rack = 0;
    *count = 0;
    for (int32_t i = 0; i < c->nodes_count; i++)
        for (int32_t k = 0; k < ids_count; k++) {
            if (c->nodes[i]->id != ids[k]) continue;
            const char *rack = racks ? c->nodes[i]->rack : NULL;
            b[(*count)++] = (struct reassign_broker){ids[k], rack ? str_of(rack) : STR_NULL};
            with_rack += rack != NULL;
        }
    if (with_rack && with_rack != *count)
        fail("Not all brokers have rack information. Add --disable-rack-aware in command line to "
             "make "
             "replica assignment without rack information.");
    return b;
}

static void generate(struct client *c, const struct args *a)
{
    struct json_reader r = {&c->arena, fail};
    int32_t ids_count, topics_count, brokers_count;
    const char *why;
    int32_t *ids = read_brokers(c, args_value(a, "broker-list"), &ids_count);
    struct str *topics =
        reassign_read_topics(&r, args_value(a, "topics-to-move-json-file"), &topics_count);
    struct reassignments current;
    need(c, client_refresh(c, "listNodes"));
    need(c, reassign_describe(c, topics, topics_count, true, &current));
    need(c, reassign_look_up_dirs(c, &current));
    struct reassign_broker *brokers =
        usable_brokers(c, ids, ids_count, !args_has(a, "disable-rack-aware"), &brokers_count);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct reassignments *proposed =
        reassign_place(&c->arena, &current, brokers, brokers_count,
                       brokers_count ? (int32_t)(now.tv_nsec % brokers_count) : 0, &why);
    if (!proposed) fail(why);
    printf("Current partition replica assignment\n");
    reassign_print(&c->arena, &current);
    printf("\n\nProposed partition reassignment configuration\n");
    reassign_print(&c->arena, proposed);
    printf("\n");
}

/* ---- moves between directories */

static void print_replica(const char *before, const struct replica_dir *d, const char *after)
{
    printf("%s%.*s-%d-%d%s\n", before, STR_ARG(d->topic), d->partition, d->broker, after);
}

/* Ask again and again: a replica can only be moved on a broker that has it already. */
static void execute_moves(struct client *c, struct replica_dirs *dirs, int64_t timeout_ms)
{
    int64_t deadline_ms = client_now_ms() + timeout_ms;
    for (;;) {
        struct replica_dirs left = {dirs->items, 0};
        need(c, reassign_move_dirs(c, dirs));
        for (int32_t i = 0; i < dirs->count; i++) {
            struct replica_dir *d = &dirs->items[i];
            if (d->error_code == KAFKA_REPLICA_NOT_AVAILABLE) {
                left.items[left.count++] = *d;
                continue;
            }
            if (d->error_code != KAFKA_NONE)
                fail(arena_printf(&c->arena, "Failed to alter dir for %.*s-%d-%d",
                                  STR_ARG(d->topic), d->partition, d->broker)
                         .data);
            printf("Successfully started moving log directory to %s for replica %.*s-%d with "
                   "broker %d "
                   "\n",
                   d->wanted, STR_ARG(d->topic), d->partition, d->broker);
        }
        *dirs = left;
        if (!dirs->count) return;
        if (client_now_ms() >= deadline_ms) break;
        client_sleep_ms(DIR_RETRY_MS);
    }
    printf("Timed out before log directory move%s could be started for: ",
           dirs->count == 1 ? "" : "s");
    for (int32_t i = 0; i < dirs->count; i++)
        printf("%s%.*s-%d-%d", i ? "," : "", STR_ARG(dirs->items[i].topic),
               dirs->items[i].partition, dirs->items[i].broker);
    refuse("");
}

/* True while any moves. */
static bool print_moves(const struct replica_dirs *dirs)
{
    bool moving = false;
    for (int32_t i = 0; i < dirs->count; i++) {
        const struct replica_dir *d = &dirs->items[i];
        int name_len = d->topic.len;
        const char *name = d->topic.data;
        if (!d->current)
            printf(
                "Partition %.*s-%d is not found in any live log dir on broker %d. There is likely "
                "an offline log directory on the broker.\n",
                name_len, name, d->partition, d->broker);
        else if (d->future && strcmp(d->future, d->wanted) == 0)
            print_replica("Reassignment of replica ", d, " is still in progress.");
        else if (d->future)
            printf("Partition %.*s-%d on broker %d is being moved to log dir %s instead of %s.\n",
                   name_len, name, d->partition, d->broker, d->future, d->wanted);
        else if (strcmp(d->current, d->wanted) == 0)
            print_replica("Reassignment of replica ", d, " completed successfully.");
        else
            printf("Partition %.*s-%d on broker %d is not being moved from log dir %s to %s.\n",
                   name_len, name, d->partition, d->broker, d->current, d->wanted);
        moving |= d->current && d->future;
    }
    if (!dirs->count) printf("\n");
    return moving;
}

/* ---- throttles */

static const char *const broker_throttles[] = {"leader.replication.throttled.rate",
                                               "follower.replication.throttled.rate",
                                               "replica.alter.log.dirs.io.max.bytes.per.second"};
static const char *const topic_throttles[] = {"leader.replication.throttled.replicas",
                                              "follower.replication.throttled.replicas"};

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Every node of the cluster and every broker of the file, sorted. */
static int32_t *all_brokers(struct client *c, const struct reassignments *list, int32_t *count)
{
    int32_t most = c->nodes_count;
    for (int32_t i = 0; i < list->count; i++) most += list->items[i].replicas_count;
    int32_t *ids = ARENA_ARRAY(&c->arena, int32_t, most + 1), all = 0;
    for (int32_t i = 0; i < c->nodes_count; i++) ids[all++] = c->nodes[i]->id;
    for (int32_t i = 0; i < list->count; i++)
        for (int32_t k = 0; k < list->items[i].replicas_count; k++)
            ids[all++] = list->items[i].replicas[k];
    qsort(ids, (size_t)all, sizeof *ids, by_number);
    *count = 0;
    for (int32_t i = 0; i < all; i++)
        if (i == 0 || ids[i] != ids[i - 1]) ids[(*count)++] = ids[i];
    return ids;
}

static void clear_throttles(struct client *c, const struct reassignments *list)
{
    int32_t brokers_count, topics_count, n = 0;
    int32_t *brokers = all_brokers(c, list, &brokers_count);
    struct str *topics = topics_of(c, list, &topics_count);
    struct config_change *k =
        ARENA_ARRAY(&c->arena, struct config_change, brokers_count * 3 + topics_count * 2 + 1);
    printf("Clearing broker-level throttles on broker%s %.*s\n", brokers_count == 1 ? "" : "s",
           STR_ARG(join(&c->arena, brokers, brokers_count)));
    for (int32_t i = 0; i < brokers_count; i++)
        for (int t = 0; t < 3; t++)
            k[n++] =
                (struct config_change){CONFIG_BROKER, arena_printf(&c->arena, "%d", brokers[i]),
                                       broker_throttles[t], STR_NULL};
    need(c, reassign_configure(c, k, n));
    printf("Clearing topic-level throttles on topic%s ", topics_count == 1 ? "" : "s");
    n = 0;
    for (int32_t i = 0; i < topics_count; i++) {
        printf("%s%.*s", i ? "," : "", STR_ARG(topics[i]));
        for (int t = 0; t < 2; t++)
            k[n++] = (struct config_change){CONFIG_TOPIC, topics[i], topic_throttles[t], STR_NULL};
    }
    printf("\n");
    need(c, reassign_configure(c, k, n));
}

static void throttle_brokers(struct client *c, const struct reassignments *under_way,
                             const struct reassignments *proposed,
                             const struct reassignments *current, int64_t rate)
{
    int32_t topics_count, brokers_count, *brokers, n = 0;
    struct reassign_throttle *t = reassign_throttles(&c->arena, under_way, proposed, current,
                                                     &topics_count, &brokers, &brokers_count);
    struct config_change *k =
        ARENA_ARRAY(&c->arena, struct config_change, (topics_count + brokers_count) * 2 + 1);
    for (int32_t i = 0; i < topics_count; i++) {
        k[n++] = (struct config_change){CONFIG_TOPIC, t[i].topic, topic_throttles[0], t[i].leaders};
        k[n++] =
            (struct config_change){CONFIG_TOPIC, t[i].topic, topic_throttles[1], t[i].followers};
    }
    struct str text = arena_printf(&c->arena, "%lld", (long long)rate);
    for (int32_t i = 0; i < brokers_count; i++)
        for (int b = 0; b < 2; b++)
            k[n++] =
                (struct config_change){CONFIG_BROKER, arena_printf(&c->arena, "%d", brokers[i]),
                                       broker_throttles[b], text};
    need(c, reassign_configure(c, k, n));
    printf("The inter-broker throttle limit was set to %lld B/s\n", (long long)rate);
}

static void throttle_dirs(struct client *c, const struct replica_dirs *dirs, int64_t rate)
{
    struct config_change *k = ARENA_ARRAY(&c->arena, struct config_change, dirs->count + 1);
    int32_t n = 0;
    for (int32_t i = 0; i < dirs->count; i++) /* by broker */
        if (i == 0 || dirs->items[i].broker != dirs->items[i - 1].broker)
            k[n++] = (struct config_change){
                CONFIG_BROKER, arena_printf(&c->arena, "%d", dirs->items[i].broker),
                broker_throttles[2], arena_printf(&c->arena, "%lld", (long long)rate)};
    need(c, reassign_configure(c, k, n));
    printf("The replica-alter-dir throttle limit was set to %lld B/s\n", (long long)rate);
}

/* ---- execute, verify, cancel, list */

/* The partitions of the file as they are; each must be there. */
static struct reassignments current_of(struct client *c, const struct reassignments *list)
{
    struct reassignments all,
        current = {ARENA_ARRAY(&c->arena, struct reassignment, list->count + 1), 0};
    int32_t topics_count;
    struct str *topics = topics_of(c, list, &topics_count), missing = STR("");
    need(c, reassign_describe(c, topics, topics_count, true, &all));
    for (int32_t i = 0; i < list->count; i++) {
        const struct reassignment *m = &list->items[i];
        const struct reassignment *found = reassign_find(&all, m->topic, m->partition);
        if (found)
            current.items[current.count++] = *found;
        else
            missing = arena_printf(&c->arena, "%.*s%s%.*s-%d", STR_ARG(missing),
                                   missing.len ? ", " : "", STR_ARG(m->topic), m->partition);
    }
    if (missing.len)
        fail(arena_printf(
                 &c->arena,
                 "org.apache.kafka.common.errors.UnknownTopicOrPartitionException: Unable to "
                 "find partition: %.*s",
                 STR_ARG(missing))
                 .data);
    return current;
}

static void execute(struct client *c, const struct args *a, struct reassignments *list)
{
    int64_t throttle = number(a, "throttle", &c->arena);
    int64_t dir_throttle = number(a, "replica-alter-log-dirs-throttle", &c->arena);
    int64_t timeout_ms = number(a, "timeout", &c->arena);
    const char *why = reassign_check(&c->arena, list);
    if (why) fail(why);
    struct reassignments under_way;
    need(c, reassign_list(c, NULL, &under_way));
    if (under_way.count && !args_has(a, "additional"))
        refuse(
            "Cannot execute because there is an existing partition assignment.  Use --additional "
            "to "
            "override this and create a new partition assignment in addition to the existing one. "
            "The --additional flag can also be used to change the throttle by resubmitting the "
            "current reassignment.");
    for (int32_t i = 0; i < list->count; i++)
        for (int32_t k = 0; k < list->items[i].replicas_count; k++)
            if (!client_node(c, list->items[i].replicas[k]))
                fail(arena_printf(&c->arena, "Unknown broker id %d", list->items[i].replicas[k])
                         .data);
    struct reassignments current = current_of(c, list);
    struct replica_dirs dirs;
    need(c, reassign_look_up_dirs(c, &current));
    printf("Current partition replica assignment\n\n");
    reassign_print(&c->arena, &current);
    printf("\n\nSave this to use as the --reassignment-json-file option during rollback\n");
    need(c, reassign_find_dirs(c, list, &dirs));
    if (throttle >= 0 || dir_throttle >= 0)
        printf("Warning: You must run --verify periodically, until the reassignment completes, to "
               "ensure the throttle is removed.\n");
    if (throttle >= 0) throttle_brokers(c, &under_way, list, &current, throttle);
    if (dir_throttle >= 0) throttle_dirs(c, &dirs, dir_throttle);
    struct str mistakes;
    int32_t mistakes_count;
    need(c, reassign_alter(c, list, false, args_has(a, "disallow-replication-factor-change"),
                           &mistakes, &mistakes_count));
    if (mistakes_count)
        refuse(arena_printf(&c->arena, "Error reassigning partition(s):\n%.*s", STR_ARG(mistakes))
                   .data);
    printf("Successfully started partition reassignment%s for ", list->count == 1 ? "" : "s");
    print_names(list);
    if (dirs.count) execute_moves(c, &dirs, timeout_ms);
}

static void verify(struct client *c, const struct args *a, const struct reassignments *list)
{
    struct reassignments under_way, current;
    struct replica_dirs dirs;
    int32_t topics_count;
    struct str *topics = topics_of(c, list, &topics_count);
    need(c, reassign_list(c, NULL, &under_way));
    need(c, reassign_describe(c, topics, topics_count, false, &current));
    printf("Status of partition reassignment:\n");
    for (int32_t i = 0; i < list->count; i++) {
        const struct reassignment *m = &list->items[i];
        const struct reassignment *now = reassign_find(&current, m->topic, m->partition);
        static const struct reassignment nowhere = {0};
        if (!now) now = &nowhere;
        struct str is = join(&c->arena, now->replicas, now->replicas_count);
        struct str wanted = join(&c->arena, m->replicas, m->replicas_count);
        if (reassign_find(&under_way, m->topic, m->partition))
            printf("Reassignment of partition %.*s-%d is still in progress.\n", STR_ARG(m->topic),
                   m->partition);
        else if (str_equal(is, wanted))
            printf("Reassignment of partition %.*s-%d is completed.\n", STR_ARG(m->topic),
                   m->partition);
        else
            printf("There is no active reassignment of partition %.*s-%d, but replica set is %.*s "
                   "rather "
                   "than %.*s.\n",
                   STR_ARG(m->topic), m->partition, STR_ARG(is), STR_ARG(wanted));
    }
    need(c, reassign_find_dirs(c, list, &dirs));
    bool moving = print_moves(&dirs);
    if (!under_way.count && !moving && !args_has(a, "preserve-throttles")) clear_throttles(c, list);
}

static void cancel(struct client *c, const struct args *a, const struct reassignments *list)
{
    struct reassignments under_way, active = {0};
    struct replica_dirs dirs, moving = {0};
    need(c, reassign_list(c, list, &under_way));
    active.items = under_way.items;
    for (int32_t i = 0; i < under_way.count; i++)
        if (under_way.items[i].adding_count || under_way.items[i].removing_count)
            active.items[active.count++] = under_way.items[i];
    struct str mistakes;
    int32_t mistakes_count = 0;
    if (active.count) need(c, reassign_alter(c, &active, true, false, &mistakes, &mistakes_count));
    if (mistakes_count)
        refuse(arena_printf(&c->arena, "Error cancelling partition reassignment%s for:\n%.*s",
                            mistakes_count == 1 ? "" : "s", STR_ARG(mistakes))
                   .data);
    if (active.count) {
        printf("Successfully cancelled partition reassignment%s for: ",
               active.count == 1 ? "" : "s");
        print_names(&active);
    } else {
        printf("None of the specified partition reassignments are active.\n");
    }
    need(c, reassign_find_dirs(c, list, &dirs));
    moving.items = dirs.items;
    for (int32_t i = 0; i < dirs.count; i++) {
        struct replica_dir d = dirs.items[i];
        d.wanted = d.current; /* back to where it is */
        if (d.current && d.future) moving.items[moving.count++] = d;
    }
    if (moving.count)
        execute_moves(c, &moving, number(a, "timeout", &c->arena));
    else
        printf("None of the specified partition moves are active."); /* no newline, as in Kafka */
    if (!args_has(a, "preserve-throttles")) clear_throttles(c, list);
}

static void list_all(struct client *c)
{
    struct reassignments under_way;
    need(c, reassign_list(c, NULL, &under_way));
    printf(under_way.count ? "Current partition reassignments:\n"
                           : "No partition reassignments found.\n");
    for (int32_t i = 0; i < under_way.count; i++) {
        const struct reassignment *m = &under_way.items[i];
        printf("%.*s-%d: replicas: %.*s.", STR_ARG(m->topic), m->partition,
               STR_ARG(join(&c->arena, m->replicas, m->replicas_count)));
        if (m->adding_count)
            printf(" adding: %.*s.", STR_ARG(join(&c->arena, m->adding, m->adding_count)));
        if (m->removing_count)
            printf(" removing: %.*s.", STR_ARG(join(&c->arena, m->removing, m->removing_count)));
        printf("\n");
    }
}

int tool_reassign_partitions(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(&a, "This tool helps to move topic partitions between replicas.", options, argc,
                    argv);
    const char *action = check_options(&a);
    a.no_client = no_client;
    struct client *c = client_open_args(&a, true);
    c->client_id = "reassign-partitions-tool";
    struct json_reader r = {&c->arena, fail};
    struct reassignments list = {0};
    if (args_has(&a, "reassignment-json-file"))
        list = reassign_read(&r, args_value(&a, "reassignment-json-file"));
    reassign_sort(&list);
    switch (action[0]) {
    case 'g': generate(c, &a); break;
    case 'e': execute(c, &a, &list); break;
    case 'v': verify(c, &a, &list); break;
    case 'c': cancel(c, &a, &list); break;
    default: list_all(c);
    }
    client_close(c);
    return 0;
}
