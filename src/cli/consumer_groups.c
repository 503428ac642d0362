/* kafka-consumer-groups.sh. Exits with 0 also when the command failed, as Kafka's does: failures
 * are "Error: …" on standard output. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/offsets.h"
#include "cli/re2_syntax.h"
#include "cli/reset_offsets.h"
#include "cli/tool.h"
#include "protocol/delete_groups.h"
#include "protocol/offset_delete.h"

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, false, false, "String: server to connect to",
     "REQUIRED: the brokers to connect to first."},
    {"command-config", 0, OPTION_VALUE, false, false, "String: command config property file",
     "File with properties of the client."},
    {"list", 0, OPTION_FLAG, false, false, NULL, "List the consumer groups."},
    {"describe", 0, OPTION_FLAG, false, false, NULL,
     "Show groups: their offsets, members or state."},
    {"delete", 0, OPTION_FLAG, false, false, NULL, "Delete groups with their offsets."},
    {"reset-offsets", 0, OPTION_FLAG, false, false, NULL,
     "Set the offsets of a group without members."},
    {"delete-offsets", 0, OPTION_FLAG, false, false, NULL,
     "Delete the offsets of a group for topics."},
    {"validate-regex", 0, OPTION_VALUE, false, false, "String: regex",
     "Whether a regular expression is valid for a subscription."},
    {"group", 0, OPTION_VALUE, false, true, "String: consumer group", "The group."},
    {"all-groups", 0, OPTION_FLAG, false, false, NULL, "Every group."},
    {"topic", 0, OPTION_VALUE, false, true, "String: topic",
     "A topic, or topic:0,1 for partitions."},
    {"all-topics", 0, OPTION_FLAG, false, false, NULL, "Every topic the group has offsets of."},
    {"members", 0, OPTION_FLAG, false, false, NULL, "With --describe: the members."},
    {"offsets", 0, OPTION_FLAG, false, false, NULL, "With --describe: the offsets (the default)."},
    {"state", 0, OPTION_OPTIONAL, false, false, "String",
     "With --describe: the state. With --list: show states, or only groups in these."},
    {"type", 0, OPTION_OPTIONAL, false, false, "String",
     "With --list: show types, or only groups of these: classic, consumer."},
    {"verbose", 0, OPTION_FLAG, false, false, NULL, "More columns."},
    {"timeout", 0, OPTION_VALUE, false, false, "Long: timeout (ms)", "How long to wait.", "30000"},
    {"dry-run", 0, OPTION_FLAG, false, false, NULL, "Only show what --reset-offsets would do."},
    {"execute", 0, OPTION_FLAG, false, false, NULL, "Do it."},
    {"export", 0, OPTION_FLAG, false, false, NULL, "Show it as CSV."},
    {"to-earliest", 0, OPTION_FLAG, false, false, NULL, "To the first record."},
    {"to-latest", 0, OPTION_FLAG, false, false, NULL, "Behind the last record."},
    {"to-current", 0, OPTION_FLAG, false, false, NULL, "To where it is."},
    {"to-offset", 0, OPTION_VALUE, false, false, "Long: offset", "To an offset."},
    {"shift-by", 0, OPTION_VALUE, false, false, "Long: number-of-offsets",
     "Forward, or back when negative."},
    {"to-datetime", 0, OPTION_VALUE, false, false, "String: datetime",
     "To a time: YYYY-MM-DDTHH:mm:SS.sss."},
    {"by-duration", 0, OPTION_VALUE, false, false, "String: duration",
     "To a time before now: PnDTnHnMnS."},
    {"from-file", 0, OPTION_VALUE, false, false, "String: path to CSV file",
     "To the offsets of a file that --export wrote."},
    {0},
};

/* A failure that the caller reports and survives. */
static void print_error(const char *text)
{
    printf("\nError: %s\n", text);
}

static _Noreturn void fail_for(const char *reason)
{
    printf("\nError: Executing consumer group command failed due to %s\n", reason);
    exit(0);
}

static _Noreturn void no_client(const struct args *a, const char *reason)
{
    const char *cause = strchr(reason, '\n');
    (void)a;
    if (cause) fprintf(stderr, "%s\n", cause + 1);
    printf("\nError: Executing consumer group command failed due to %.*s\n",
           (int)strcspn(reason, "\n"), reason);
    exit(0);
}

/* Kafka's tool answers what it calls an illegal argument as a mistake, at whatever point it
 * comes. */
static _Noreturn void fail(const struct client *c)
{
    if (strcmp(c->failure.class, "java.lang.IllegalArgumentException") == 0) {
        fflush(stdout);
        fprintf(stderr, "%s\n", c->failure.text);
        exit(1);
    }
    const char *reason = *c->failure.class ? client_failure_line(c) : c->failure.text;
    fprintf(stderr, "java.util.concurrent.ExecutionException: %s\n", reason);
    fail_for(reason);
}

/* ---- which groups */

struct ids {
    const char **items;
    int32_t count;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct ids chosen_groups(struct client *c, const struct args *a)
{
    struct ids ids = {0};
    if (!args_has(a, "all-groups")) {
        const char *text;
        ids.items = ARENA_ARRAY(&c->arena, const char *, OPTION_VALUES_MAX);
        while ((text = args_value_at(a, "group", ids.count))) ids.items[ids.count++] = text;
    } else {
        struct group_listing *listings;
        int32_t count;
        if (!client_list_groups(c, &listings, &count)) fail(c);
        ids.items = ARENA_ARRAY(&c->arena, const char *, count + 1);
        for (int32_t i = 0; i < count; i++)
            ids.items[ids.count++] = arena_str(&c->arena, listings[i].id).data;
    }
    qsort(ids.items, (size_t)ids.count, sizeof *ids.items, by_text);
    int32_t kept = 0; /* each once */
    for (int32_t i = 0; i < ids.count; i++)
        if (!kept || strcmp(ids.items[kept - 1], ids.items[i]) != 0)
            ids.items[kept++] = ids.items[i];
    ids.count = kept;
    return ids;
}

/* ---- list */

/* Is `value` one of the comma-separated names, in any case? No names: every value is. */
static bool in_filter(const char *names, struct str value)
{
    if (!names || !*names) return true;
    for (const char *at = names; *at;) {
        int32_t len = (int32_t)strcspn(at, ",");
        const char *from = at;
        at += len + (at[len] == ',');
        while (len && *from == ' ') from++, len--;
        while (len && from[len - 1] == ' ') len--;
        bool same = len == value.len;
        for (int32_t i = 0; i < len && same; i++)
            same = tolower((unsigned char)from[i]) == tolower((unsigned char)value.data[i]);
        if (same) return true;
    }
    return false;
}

static void check_filter(const struct args *a, const char *option, const char *what,
                         const char *const *valid, const char *list)
{
    const char *given = args_value_at(a, option, 0);
    if (!given) return;
    for (const char *at = given; *at;) {
        int32_t len = (int32_t)strcspn(at, ",");
        bool known = false;
        struct str name = {at, len};
        while (name.len && *name.data == ' ') name.data++, name.len--;
        while (name.len && name.data[name.len - 1] == ' ') name.len--;
        for (int i = 0; valid[i]; i++) known |= in_filter(valid[i], name);
        if (!known) {
            char reason[512];
            snprintf(reason, sizeof reason, "Invalid %s list '%s'. Valid %s are: %s", what, given,
                     strcmp(what, "state") == 0 ? "states" : "types", list);
            args_usage(a, reason);
        }
        at += len + (at[len] == ',');
    }
}

static void list(struct client *c, const struct args *a)
{
    static const char *const states[] = {
        "Unknown", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead",
        "Empty",   "Assigning",          "Reconciling",         NULL};
    static const char *const types[] = {"classic", "consumer", NULL};
    check_filter(a, "state", "state", states,
                 "PreparingRebalance, CompletingRebalance, Stable, Dead, "
                 "Empty, Assigning, Reconciling");
    check_filter(a, "type", "types", types, "Classic, Consumer");
    struct group_listing *g;
    int32_t count;
    if (!client_list_groups(c, &g, &count)) fail(c);
    bool with_type = args_has(a, "type"), with_state = args_has(a, "state");
    int width = 15;
    for (int32_t i = 0; i < count; i++)
        if (g[i].id.len > width) width = g[i].id.len;
    width += 10;
    if (with_type || with_state)
        printf("%-*s%s%s\n", width, "GROUP", with_type ? " TYPE                " : "",
               with_state ? " STATE               " : "");
    for (int32_t i = 0; i < count; i++) {
        if (with_type && !in_filter(args_value_at(a, "type", 0), g[i].type)) continue;
        if (with_state && !in_filter(args_value_at(a, "state", 0), g[i].state)) continue;
        if (!with_type && !with_state) {
            printf("%.*s\n", STR_ARG(g[i].id));
            continue;
        }
        printf("%-*.*s", width, STR_ARG(g[i].id));
        if (with_type) {
            char type[32];
            snprintf(type, sizeof type, "%.*s",
                     STR_ARG(g[i].type.len > 0 ? g[i].type : STR("Unknown")));
            type[0] = (char)toupper((unsigned char)type[0]);
            printf(" %-20s", type);
        }
        if (with_state)
            printf(" %-20.*s", STR_ARG(g[i].state.len > 0 ? g[i].state : STR("Unknown")));
        printf("\n");
    }
}

/* ---- describe */

/* Notices before the rows; whether rows are worth printing. */
static bool announce(const struct group *g, int32_t rows)
{
    fflush(stdout);
    if (strcmp(g->state, "Dead") == 0) {
        printf("\nError: Consumer group '%s' does not exist.\n", g->id);
        return false;
    }
    if (strcmp(g->state, "Empty") == 0)
        fprintf(stderr, "\nConsumer group '%s' has no active members.\n", g->id);
    else if (strcmp(g->state, "Stable") != 0)
        fprintf(stderr, "\nWarning: Consumer group '%s' is rebalancing.\n", g->id);
    return rows > 0;
}

struct row {
    struct str topic;
    int32_t partition, leader_epoch;
    int64_t offset, end; /* -1: none */
    const char *consumer, *host, *client;
};

/* One block of rows: the partitions of one member, or those of nobody. */
static int32_t add_rows(struct client *c, const struct group_partitions *p,
                        const struct committed *known, int32_t known_count,
                        const struct group_member *m, struct row *rows)
{
    struct offset_query *q = ARENA_ARRAY(&c->arena, struct offset_query, p->count + 1);
    for (int32_t i = 0; i < p->count; i++)
        q[i] = (struct offset_query){.topic = p->items[i].topic,
                                     .partition = p->items[i].partition,
                                     .timestamp = OFFSET_LATEST};
    if (!client_list_offsets(c, q, p->count)) fail(c);
    for (int32_t i = 0; i < p->count; i++) {
        rows[i] = (struct row){.topic = q[i].topic,
                               .partition = q[i].partition,
                               .leader_epoch = -1,
                               .offset = -1,
                               .end = q[i].error_code == KAFKA_NONE ? q[i].offset : -1,
                               .consumer = m ? m->id : "-",
                               .host = m ? m->host : "-",
                               .client = m ? m->client_id : "-"};
        for (int32_t k = 0; k < known_count; k++) {
            if (known[k].partition != q[i].partition || !str_equal(known[k].topic, q[i].topic))
                continue;
            rows[i].offset = known[k].offset;
            rows[i].leader_epoch = known[k].leader_epoch;
        }
    }
    return p->count;
}

static int by_partition(const void *a, const void *b)
{
    const struct group_partition *x = a, *y = b;
    int order = str_compare(x->topic, y->topic);
    return order ? order : x->partition - y->partition;
}

static int by_assigned(const void *a, const void *b)
{
    return ((const struct group_member *)b)->assignment.count -
           ((const struct group_member *)a)->assignment.count;
}

static const char *number(struct client *c, int64_t n)
{
    return n < 0 ? "-" : arena_printf(&c->arena, "%lld", (long long)n).data;
}

static int longer(int width, int len)
{
    return len > width ? len : width;
}

static void print_offsets(struct client *c, const struct group *g, const struct row *rows,
                          int32_t count, bool verbose)
{
    int group = longer(15, (int)strlen(g->id)), topic = 15, consumer = 15, host = 15;
    for (int32_t i = 0; i < count; i++) {
        topic = longer(topic, rows[i].topic.len);
        consumer = longer(consumer, (int)strlen(rows[i].consumer));
        host = longer(host, (int)strlen(rows[i].host));
    }
    printf("\n%-*s %-*s %-10s", group, "GROUP", topic, "TOPIC", "PARTITION");
    if (verbose) printf(" %-15s", "LEADER-EPOCH");
    printf(" %-15s %-15s %-15s %-*s %-*s %s", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", consumer,
           "CONSUMER-ID", host, "HOST", "CLIENT-ID");
    for (int32_t i = 0; i < count; i++) {
        const struct row *r = &rows[i];
        printf("\n%-*s %-*.*s %-10d", group, g->id, topic, STR_ARG(r->topic), r->partition);
        if (verbose) printf(" %-15s", number(c, r->leader_epoch));
        int64_t lag = r->offset >= 0 && r->end >= 0 ? r->end - r->offset : -1;
        printf(" %-15s %-15s %-15s %-*s %-*s %s", number(c, r->offset), number(c, r->end),
               number(c, lag), consumer, r->consumer, host, r->host, r->client);
    }
    printf("\n");
}

static void describe_offsets(struct client *c, const struct group *g, bool verbose)
{
    struct committed *known;
    int32_t known_count, count = 0, all = 0;
    if (!client_committed_offsets(c, g->id, &known, &known_count)) fail(c);
    for (int32_t i = 0; i < g->members_count; i++) all += g->members[i].assignment.count;
    struct row *rows = ARENA_ARRAY(&c->arena, struct row, all + known_count + 1);
    qsort(g->members, (size_t)g->members_count, sizeof *g->members, by_assigned);
    for (int32_t i = 0; i < g->members_count; i++) {
        struct group_partitions *p = &g->members[i].assignment;
        qsort(p->items, (size_t)p->count, sizeof *p->items, by_partition);
        count += add_rows(c, p, known, known_count, &g->members[i], rows + count);
    }
    struct group_partitions rest = {0};
    for (int32_t k = 0; k < known_count; k++) {
        bool assigned = false;
        for (int32_t i = 0; i < g->members_count && !assigned; i++)
            assigned =
                group_partitions_has(&g->members[i].assignment, known[k].topic, known[k].partition);
        if (!assigned) group_partitions_add(c, &rest, known[k].topic, known[k].partition);
    }
    count += add_rows(c, &rest, known, known_count, NULL, rows + count);
    if (announce(g, count)) print_offsets(c, g, rows, count, verbose);
}

static const char *or_dash(const char *text)
{
    return *text ? text : "-";
}

struct member_widths {
    int group, id, instance, host, client, current, target;
    bool instances, migrating;
};

static struct member_widths measure(struct client *c, const struct group *g)
{
    struct member_widths w = {15, 15, 17, 15, 15, 20, 20, false, false};
    bool classic = false, consumer = false;
    if (g->members_count) w.group = longer(w.group, (int)strlen(g->id));
    for (int32_t i = 0; i < g->members_count; i++) {
        const struct group_member *m = &g->members[i];
        w.id = longer(w.id, (int)strlen(m->id));
        w.instance = longer(w.instance, (int)strlen(m->instance_id));
        w.host = longer(w.host, (int)strlen(m->host));
        w.client = longer(w.client, (int)strlen(m->client_id));
        w.current = longer(w.current, (int)strlen(group_partitions_text(c, &m->assignment)));
        w.target = longer(w.target, (int)strlen(group_partitions_text(c, &m->target)));
        w.instances |= *m->instance_id != 0;
        classic |= m->upgraded == 0;
        consumer |= m->upgraded == 1;
    }
    w.migrating = classic && consumer;
    return w;
}

static void describe_members(struct client *c, const struct group *g, bool verbose)
{
    announce(g, g->members_count);
    struct member_widths w = measure(c, g);
    printf("\n%-*s %-*s ", w.group, "GROUP", w.id, "CONSUMER-ID");
    if (w.instances) printf("%-*s ", w.instance, "GROUP-INSTANCE-ID");
    printf("%-*s %-*s %-15s ", w.host, "HOST", w.client, "CLIENT-ID", "#PARTITIONS");
    if (verbose)
        printf("%-15s %-*s %-15s %-*s%s", "CURRENT-EPOCH", w.current, "CURRENT-ASSIGNMENT",
               "TARGET-EPOCH", w.target, "TARGET-ASSIGNMENT", w.migrating ? " UPGRADED" : "");
    printf("\n");
    for (int32_t i = 0; i < g->members_count; i++) {
        const struct group_member *m = &g->members[i];
        printf("%-*s %-*s ", w.group, g->id, w.id, m->id);
        if (w.instances) printf("%-*s ", w.instance, m->instance_id);
        printf("%-*s %-*s %-15d ", w.host, m->host, w.client, m->client_id, m->assignment.count);
        if (verbose)
            printf("%-15s %-*s %-15s %-*s", number(c, m->epoch), w.current,
                   or_dash(group_partitions_text(c, &m->assignment)), number(c, g->target_epoch),
                   w.target, or_dash(group_partitions_text(c, &m->target)));
        if (verbose && w.migrating) printf(" %s", m->upgraded == 1 ? "true" : "false");
        printf("\n");
    }
}

static void describe_state(struct client *c, const struct group *g, bool verbose)
{
    if (!announce(g, 1)) return;
    struct str where = arena_printf(&c->arena, "%s:%u  (%d)", g->coordinator->host,
                                    g->coordinator->port, g->coordinator->id);
    int group = longer(15, (int)strlen(g->id)), coordinator = longer(25, where.len);
    printf("\n%-*s %-*s %-20s %-20s", group, "GROUP", coordinator, "COORDINATOR (ID)",
           "ASSIGNMENT-STRATEGY", "STATE");
    if (verbose) printf(" %-15s %-25s", "GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH");
    printf(" %s\n%-*s %-*s %-20s %-20s", "#MEMBERS", group, g->id, coordinator, where.data,
           or_dash(g->assignor), g->state);
    if (verbose) printf(" %-15s %-25s", number(c, g->group_epoch), number(c, g->target_epoch));
    printf(" %d\n", g->members_count);
}

static void describe(struct client *c, const struct args *a)
{
    struct ids ids = chosen_groups(c, a);
    struct group *groups = ARENA_ARRAY(&c->arena, struct group, ids.count + 1);
    for (int32_t i = 0; i < ids.count; i++)
        if (!client_describe_group(c, ids.items[i], &groups[i])) fail(c);
    bool verbose = args_has(a, "verbose");
    for (int32_t i = 0; i < ids.count; i++) {
        if (args_has(a, "members"))
            describe_members(c, &groups[i], verbose);
        else if (args_has(a, "state"))
            describe_state(c, &groups[i], verbose);
        else
            describe_offsets(c, &groups[i], verbose);
    }
}

/* ---- delete */

static bool delete_group(struct client *c, const char *id)
{
    struct client_node *n = client_group_coordinator(c, id);
    if (!n) return false;
    struct str name = str_of(id);
    struct delete_groups_request request;
    delete_groups_request_init(&request);
    request.groups_names = &name;
    request.groups_names_count = 1;
    const struct delete_groups_response *r =
        client_call(c, n, API_DELETE_GROUPS, -1, &request, NULL);
    if (!r || !r->results_count) return false;
    if (r->results[0].error_code == KAFKA_NONE) return true;
    client_fail_code(c, r->results[0].error_code, STR_NULL);
    return false;
}

static void delete (struct client *c, const struct args *a)
{
    struct ids ids = chosen_groups(c, a);
    const char **why = ARENA_ARRAY(&c->arena, const char *, ids.count + 1);
    struct str done = STR("");
    bool failed = false;
    for (int32_t i = 0; i < ids.count; i++) {
        if (delete_group(c, ids.items[i]))
            done = arena_printf(&c->arena, "%.*s%s'%s'", STR_ARG(done), done.len ? ", " : "",
                                ids.items[i]);
        else {
            why[i] = client_failure_line(c);
            failed = true;
        }
    }
    if (!failed) {
        printf("Deletion of requested consumer groups (%.*s) was successful.\n", STR_ARG(done));
        return;
    }
    print_error("Deletion of some consumer groups failed:");
    for (int32_t i = 0; i < ids.count; i++)
        if (why[i]) printf("* Group '%s' could not be deleted due to: %s\n", ids.items[i], why[i]);
    if (done.len)
        printf("\nThese consumer groups were deleted successfully: %.*s\n", STR_ARG(done));
}

static void print_deleted(const struct group_partitions *p, const struct offset_delete_response *r)
{
    int width = 15;
    for (int32_t i = 0; i < p->count; i++) width = longer(width, p->items[i].topic.len);
    printf("\n%-*s %-10s %-15s", width, "TOPIC", "PARTITION", "STATUS");
    for (int32_t i = 0; i < p->count; i++) {
        int16_t code = p->items[i].partition < 0 ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : r->error_code;
        for (int32_t t = 0; t < r->topics_count; t++)
            for (int32_t k = 0; k < r->topics[t].partitions_count; k++)
                if (str_equal(r->topics[t].name, p->items[i].topic) &&
                    r->topics[t].partitions[k].partition_index == p->items[i].partition)
                    code = r->topics[t].partitions[k].error_code;
        char status[512] = "Successful";
        if (code != KAFKA_NONE)
            snprintf(status, sizeof status, "Error: org.apache.kafka.common.errors.%s: %s",
                     kafka_error_exception(code), kafka_error_text(code));
        char partition[16];
        snprintf(partition, sizeof partition, p->items[i].partition < 0 ? "-" : "%d",
                 p->items[i].partition);
        printf("\n%-*.*s %-10s %-15s", width, STR_ARG(p->items[i].topic), partition, status);
    }
    printf("\n");
}

static const struct offset_delete_response *send_offset_delete(struct client *c, const char *group,
                                                               const struct group_partitions *p)
{
    struct client_node *n = client_group_coordinator(c, group);
    if (!n) fail(c);
    struct offset_delete_request request;
    offset_delete_request_init(&request);
    request.group_id = str_of(group);
    request.topics = offset_delete_request_topic_new(&c->arena, p->count + 1);
    for (int32_t i = 0; i < p->count; i++) {
        struct offset_delete_request_topic *t = request.topics + request.topics_count - 1;
        if (!request.topics_count || !str_equal(t->name, p->items[i].topic)) {
            t = &request.topics[request.topics_count++];
            t->name = p->items[i].topic;
            t->partitions = offset_delete_request_partition_new(&c->arena, p->count);
        }
        t->partitions[t->partitions_count++].partition_index = p->items[i].partition;
    }
    const struct offset_delete_response *r =
        client_call(c, n, API_OFFSET_DELETE, -1, &request, NULL);
    if (!r) fail(c);
    return r;
}

static void delete_offsets(struct client *c, const struct args *a)
{
    const char *group = args_value_at(a, "group", 0), *text;
    struct group_partitions p = {0}, unknown = {0}; /* topics that are not there */
    if (args_value_at(a, "group", 1))
        fail_for("Found multiple arguments for option group, but you asked for only one");
    for (int32_t i = 0; (text = args_value_at(a, "topic", i)); i++)
        if (!reset_parse_topics(c, &text, 1, &p)) {
            if (!strstr(c->failure.class, "UnknownTopicOrPartition")) fail(c);
            group_partitions_add(c, &unknown, str_of(text), -1);
        }
    if (p.count) qsort(p.items, (size_t)p.count, sizeof *p.items, by_partition);
    const struct offset_delete_response *r = send_offset_delete(c, group, &p);
    for (int32_t i = 0; i < unknown.count; i++)
        group_partitions_add(c, &p, unknown.items[i].topic, -1);
    if (p.count) qsort(p.items, (size_t)p.count, sizeof *p.items, by_partition);
    bool partial = false;
    for (int32_t t = 0; t < r->topics_count; t++)
        for (int32_t k = 0; k < r->topics[t].partitions_count; k++)
            partial |= r->topics[t].partitions[k].error_code != KAFKA_NONE;
    if (r->error_code != KAFKA_NONE)
        print_error(kafka_error_text(r->error_code));
    else if (partial)
        print_error("Encountered some partition-level error, see the follow-up details.");
    else
        printf("Request succeeded for deleting offsets from group %s.\n", group);
    print_deleted(&p, r);
}

/* ---- reset */

static void print_plan(const char *group, const struct reset_plan *plan)
{
    int group_width = longer(15, (int)strlen(group)), topic_width = 15;
    for (int32_t i = 0; i < plan->count; i++)
        topic_width = longer(topic_width, plan->items[i].topic.len);
    for (int32_t i = 0; i < plan->count; i++)
        printf("%-*s %-*.*s %-10d %lld\n", group_width, group, topic_width,
               STR_ARG(plan->items[i].topic), plan->items[i].partition,
               (long long)plan->items[i].offset);
}

static void reset(struct client *c, const struct args *a)
{
    struct ids ids = chosen_groups(c, a);
    bool execute = args_has(a, "execute") && !args_has(a, "dry-run");
    bool export = args_has(a, "export");
    struct reset_plan *plans = ARENA_ARRAY(&c->arena, struct reset_plan, ids.count + 1);
    for (int32_t i = 0; i < ids.count; i++) {
        struct group g;
        bool exists = client_describe_group(c, ids.items[i], &g);
        if (!exists && !strstr(c->failure.class, "GroupIdNotFound")) fail(c);
        if (exists && strcmp(g.state, "Empty") != 0 && strcmp(g.state, "Dead") != 0) {
            print_error(arena_printf(&c->arena,
                                     "Assignments can only be reset if the group '%s' is "
                                     "inactive, but the current state is %s.",
                                     ids.items[i], g.state)
                            .data);
            continue;
        }
        if (!reset_prepare(c, a, ids.items[i], &plans[i])) fail(c);
        if (execute && !reset_commit(c, ids.items[i], &plans[i])) fail(c);
    }
    bool single = ids.count == 1;
    if (!export) {
        int width = 15;
        for (int32_t i = 0; i < ids.count; i++) width = longer(width, (int)strlen(ids.items[i]));
        int topic = 15;
        for (int32_t i = 0; i < ids.count; i++)
            for (int32_t k = 0; k < plans[i].count; k++)
                topic = longer(topic, plans[i].items[k].topic.len);
        printf("\n%-*s %-*s %-10s %s\n", width, "GROUP", topic, "TOPIC", "PARTITION", "NEW-OFFSET");
    }
    for (int32_t i = 0; i < ids.count; i++) {
        if (!export) {
            print_plan(ids.items[i], &plans[i]);
            continue;
        }
        for (int32_t k = 0; k < plans[i].count; k++)
            printf("%s%s%.*s,%d,%lld\n", single ? "" : ids.items[i], single ? "" : ",",
                   STR_ARG(plans[i].items[k].topic), plans[i].items[k].partition,
                   (long long)plans[i].items[k].offset);
    }
    if (export) printf("\n");
}

/* ---- options */

static void validate_regex(const char *text)
{
    const char *why = re2_syntax_wrong(text); /* as a broker would say it */
    if (why)
        printf("The regular expression `%s` is invalid: %s.\n", text, why);
    else
        printf("The regular expression `%s` is valid.\n", text);
}

static void check_reset_options(const struct args *a)
{
    static const char *const scenarios[] = {"to-offset",   "shift-by",    "to-datetime",
                                            "by-duration", "to-earliest", "to-latest",
                                            "to-current",  "from-file"};
    int count = 0;
    if (args_has(a, "dry-run") && args_has(a, "execute"))
        args_usage(a, "Option [reset-offsets] only accepts one of [execute] and [dry-run]");
    if (!args_has(a, "dry-run") && !args_has(a, "execute"))
        fprintf(stderr,
                "WARN: No action will be performed as the --execute option is missing. In version "
                "5.0, this command will require either --dry-run or --execute to be specified. "
                "You should add the --dry-run option explicitly if you are scripting this "
                "command and want to keep the current default behavior without prompting.\n");
    if (!args_has(a, "group") && !args_has(a, "all-groups"))
        args_usage(a, "Option [reset-offsets] takes one of these options: [all-groups], [group]");
    for (int i = 0; i < 8; i++) {
        count += args_has(a, scenarios[i]);
        for (int k = 0; k < i; k++) args_exclude(a, scenarios[i], scenarios[k]);
    }
    if (!count)
        args_usage(
            a, "Option '[reset-offsets]' requires one of the following scenarios: [[to-offset], "
               "[shift-by], [to-datetime], [by-duration], [to-earliest], [to-latest], "
               "[to-current], [from-file]]");
}

static void check_options(const struct args *a)
{
    static const char *const actions[] = {"list",          "describe",       "delete",
                                          "reset-offsets", "delete-offsets", "validate-regex"};
    ARGS_AVAILABLE(a, "members", "describe");
    ARGS_AVAILABLE(a, "verbose", "describe");
    ARGS_AVAILABLE(a, "offsets", "describe");
    ARGS_AVAILABLE(a, "state", "describe", "list");
    ARGS_AVAILABLE(a, "type", "list");
    if (!args_has(a, "validate-regex")) args_require(a, "bootstrap-server");
    bool groups = args_has(a, "group") || args_has(a, "all-groups");
    if (args_has(a, "describe")) {
        if (!groups)
            args_usage(a, "Option [describe] takes one of these options: [all-groups], [group]");
        if (args_has(a, "members") + args_has(a, "offsets") + args_has(a, "state") > 1)
            args_usage(
                a, "Option [describe] takes at most one of these options: [members], [offsets], "
                   "[state]");
        if (args_has(a, "state") && args_value_at(a, "state", 0))
            args_usage(a, "Option [describe] does not take a value for [state]");
    }
    if (args_has(a, "delete") && !groups)
        args_usage(a, "Option [delete] takes one of these options: [all-groups], [group]");
    if (args_has(a, "delete") && args_has(a, "topic"))
        args_usage(a,
                   "The consumer does not support topic-specific offset deletion from a consumer "
                   "group.");
    if (args_has(a, "delete-offsets") && (!args_has(a, "group") || !args_has(a, "topic")))
        args_usage(a, "Option [delete-offsets] takes the following options: [topic], [group]");
    if (args_has(a, "reset-offsets")) check_reset_options(a);
    args_exclude(a, "group", "all-groups");
    args_exclude(a, "group", "list");
    args_exclude(a, "topic", "list");
    args_exclude(a, "topic", "describe");
    int count = 0;
    for (int i = 0; i < 6; i++) count += args_has(a, actions[i]);
    if (count != 1)
        args_usage(a, "Command must include exactly one action: --list, --describe, --delete, "
                      "--reset-offsets, --delete-offsets, --validate-regex");
}

int tool_consumer_groups(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(
        &a,
        "This tool helps to list all consumer groups, describe a consumer group, delete "
        "consumer group info, or reset consumer group offsets.",
        options, argc, argv);
    check_options(&a);
    if (args_has(&a, "validate-regex")) {
        validate_regex(args_value(&a, "validate-regex"));
        return 0;
    }
    a.misread = fail_for;
    const char *config = args_value(&a, "command-config");
    if (config && access(config, R_OK) != 0) {
        char reason[512];
        snprintf(reason, sizeof reason, "java.nio.file.NoSuchFileException: %s", config);
        fail_for(reason);
    }
    a.no_client = no_client;
    struct client *c = client_open_args(&a, false);
    int64_t timeout_ms = args_number(&a, "timeout", 30000);
    if (timeout_ms < c->api_timeout_ms) c->api_timeout_ms = timeout_ms;
    if (timeout_ms < c->request_timeout_ms) c->request_timeout_ms = timeout_ms;
    bool in_time = timeout_ms > 0; /* a call that has no time is not made */
    if (!in_time)
        client_fail(c, "org.apache.kafka.common.errors.TimeoutException",
                    "Timed out waiting for a node assignment. Call: "
                    "describeConsumerGroups(api=FIND_COORDINATOR)");
    if (!in_time || !client_refresh(c, "describeConsumerGroups(api=FIND_COORDINATOR)")) {
        if (args_has(&a, "list"))
            fail_for("java.util.concurrent.ExecutionException: "
                     "org.apache.kafka.common.KafkaException: Failed to find brokers to send "
                     "ListGroups");
        fail(c);
    }
    if (args_has(&a, "list")) list(c, &a);
    if (args_has(&a, "describe")) describe(c, &a);
    if (args_has(&a, "delete")) delete (c, &a);
    if (args_has(&a, "reset-offsets")) reset(c, &a);
    if (args_has(&a, "delete-offsets")) delete_offsets(c, &a);
    client_close(c);
    return 0;
}
