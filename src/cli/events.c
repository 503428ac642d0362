/* samsa events: what the nodes of a cluster have noticed (docs/failover.md), merged by time.
 *
 * Asks one node whom there is, then every one of them by ReadEvents. A node that does not answer,
 * or is no Samsa, is named on standard error and left out; after a failure that is what one
 * expects. With --follow it asks again, four times a second, for what is new. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cli/client.h"
#include "cli/tool.h"
#include "protocol/read_events.h"

enum {
    FOLLOW_MS = 250,
    LOOK_AROUND_EVERY = 8,
    ANSWER_MS = 5000,
    READ_EVENTS_ASKED = 1000,
    TIME_BYTES = 64,
};

static const struct option options[] = {
    {"bootstrap-server", 'b', OPTION_VALUE, false, false, "BOOTSTRAP_SERVER",
     "Brokers to connect to first."},
    {"bootstrap-controller", 'C', OPTION_VALUE, false, false, "BOOTSTRAP_CONTROLLER",
     "Controllers to connect to first."},
    {"command-config", 0, OPTION_VALUE, false, false, "COMMAND_CONFIG",
     "File with properties of the client."},
    {"node", 'n', OPTION_VALUE, false, false, "NODE", "Only what this node has noticed."},
    {"follow", 'f', OPTION_FLAG, false, false, NULL, "Go on: print what comes as it comes."},
    {"json", 0, OPTION_FLAG, false, false, NULL, "One JSON object a line."},
    {0},
};

/* One node that is asked. */
struct source {
    int32_t id;
    struct client_node node;
    bool answers, complained;
    struct uuid incarnation;
    int64_t last; /* sequence told; -1: none */
};

struct events_tool {
    struct client *client;
    struct source **sources; /* by the order they were learnt in */
    int32_t sources_count, sources_capacity;
    int32_t only; /* -1: all nodes */
    bool json;
};

/* An event and whose it is; lives until the round's arena is reset. */
struct told {
    int32_t node;
    const struct read_events_response_event *event;
};

struct round {
    struct told *told;
    int32_t count, capacity;
};

/* ---- printing */

static void format_time(int64_t ms, char *text)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;
    localtime_r(&seconds, &local);
    size_t n = strftime(text, TIME_BYTES, "%Y-%m-%d %H:%M:%S", &local);
    snprintf(text + n, TIME_BYTES - n, ".%03d", (int)(ms % 1000));
}

static void print_text(const struct told *t)
{
    const struct read_events_response_event *e = t->event;
    char when[TIME_BYTES];
    format_time(e->time_ms, when);
    printf("%s  node %d  %.*s", when, t->node, STR_ARG(e->kind));
    if (e->about >= 0) printf(" about=%d", e->about);
    if (e->epoch >= 0) printf(" epoch=%lld", (long long)e->epoch);
    if (!str_is_null(e->reason)) printf(" reason=%.*s", STR_ARG(e->reason));
    if (e->partitions >= 0) printf(" partitions=%d", e->partitions);
    if (e->duration_us >= 0)
        printf(" took=%lld.%03d ms", (long long)(e->duration_us / 1000),
               (int)(e->duration_us % 1000));
    printf(": %.*s", STR_ARG(e->text));
    if (e->times > 1) {
        format_time(e->last_time_ms, when);
        printf(" (%d times, last %s)", e->times, when);
    }
    printf("\n");
    for (int32_t i = 0; i < e->items_count; i++) printf("    %.*s\n", STR_ARG(e->items[i]));
    if (e->items_left_out > 0) printf("    and %d more\n", e->items_left_out);
}

static json_t *json_text(struct str s)
{
    return str_is_null(s) ? json_null() : json_stringn(s.data, (size_t)s.len);
}

/* -1 stands for none. */
static json_t *json_number(int64_t v)
{
    return v < 0 ? json_null() : json_integer(v);
}

static void print_json(const struct told *t)
{
    const struct read_events_response_event *e = t->event;
    json_t *items = json_array();
    for (int32_t i = 0; i < e->items_count; i++)
        json_array_append_new(items, json_text(e->items[i]));
    json_t *o = json_object();
    json_object_set_new(o, "node", json_integer(t->node));
    json_object_set_new(o, "sequence", json_integer(e->sequence));
    json_object_set_new(o, "timeMs", json_integer(e->time_ms));
    json_object_set_new(o, "uptimeUs", json_integer(e->uptime_us));
    json_object_set_new(o, "kind", json_text(e->kind));
    json_object_set_new(o, "about", json_number(e->about));
    json_object_set_new(o, "epoch", json_number(e->epoch));
    json_object_set_new(o, "reason", json_text(e->reason));
    json_object_set_new(o, "partitions", json_number(e->partitions));
    json_object_set_new(o, "durationUs", json_number(e->duration_us));
    json_object_set_new(o, "text", json_text(e->text));
    json_object_set_new(o, "items", items);
    json_object_set_new(o, "itemsLeftOut", json_integer(e->items_left_out));
    json_object_set_new(o, "times", json_integer(e->times));
    json_object_set_new(o, "lastTimeMs", json_integer(e->last_time_ms));
    char *line = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
    if (line) puts(line);
    free(line);
    json_decref(o);
}

/* By time; of one node always in its own order. */
static int by_time(const void *a, const void *b)
{
    const struct told *x = a, *y = b;
    if (x->node == y->node)
        return (x->event->sequence > y->event->sequence) -
               (x->event->sequence < y->event->sequence);
    if (x->event->time_ms != y->event->time_ms)
        return x->event->time_ms > y->event->time_ms ? 1 : -1;
    return x->node > y->node ? 1 : -1;
}

static void print_round(const struct events_tool *t, struct round *r)
{
    qsort(r->told, (size_t)r->count, sizeof *r->told, by_time);
    for (int32_t i = 0; i < r->count; i++) {
        if (t->json)
            print_json(&r->told[i]);
        else
            print_text(&r->told[i]);
    }
    fflush(stdout);
}

/* ---- asking */

static void complain(struct source *s, const char *what)
{
    if (!s->complained)
        fprintf(stderr, "node %d (%s:%u) %s\n", s->id, s->node.host, s->node.port, what);
    s->complained = true;
    s->answers = false;
}

static const struct read_events_response *ask(struct client *c, struct client_node *n,
                                              int64_t after, int32_t max)
{
    struct read_events_request q;
    read_events_request_init(&q);
    q.after_sequence = after;
    q.events_max = max;
    const struct read_events_response *r = client_call(c, n, API_READ_EVENTS, -1, &q, NULL);
    if (!r || r->error_code == KAFKA_NONE) return r;
    client_fail_code(c, r->error_code, STR_NULL);
    return NULL;
}

static const char *why_not(const struct client *c, const struct client_node *n)
{
    return n->versions_known && n->fd >= 0 && strstr(c->failure.class, "UnsupportedVersion")
               ? "keeps no events: it is no Samsa, or an older one"
               : "does not answer";
}

/* Everything new of one node. */
static void read_source(struct events_tool *t, struct source *s, struct round *round)
{
    for (;;) {
        const struct read_events_response *r = ask(t->client, &s->node, s->last, READ_EVENTS_ASKED);
        if (!r) {
            complain(s, why_not(t->client, &s->node));
            return;
        }
        if (!uuid_equal(r->incarnation_id, s->incarnation)) { /* another process: from its start */
            bool again = s->last >= 0;
            s->incarnation = r->incarnation_id;
            s->last = -1;
            if (again) continue;
        }
        if (s->complained) fprintf(stderr, "node %d answers\n", s->id);
        s->answers = true;
        s->complained = false;
        for (int32_t i = 0; i < r->events_count; i++) {
            MEM_GROW(round->told, round->count, round->capacity);
            round->told[round->count++] = (struct told){s->id, &r->events[i]};
            s->last = r->events[i].sequence;
        }
        if (r->events_count == 0 || s->last + 1 >= r->end_sequence) return;
    }
}

/* ---- whom to ask */

static void learn(struct events_tool *t, int32_t id, struct str host, uint16_t port)
{
    if (t->only >= 0 && id != t->only) return;
    for (int32_t i = 0; i < t->sources_count; i++) {
        const struct source *s = t->sources[i];
        if (s->id == id && s->node.port == port && str_equal_z(host, s->node.host)) return;
        if (s->id == id && s->answers) return;
    }
    MEM_GROW(t->sources, t->sources_count, t->sources_capacity);
    struct source *s = MEM_NEW(struct source);
    s->id = id;
    s->node = (struct client_node){.id = id, .host = str_dup_z(host), .port = port, .fd = -1};
    s->last = -1;
    t->sources[t->sources_count++] = s;
}

/* From whoever answers: a node asked before, else the bootstrap addresses. */
static bool look_around(struct events_tool *t)
{
    const struct read_events_response *r = NULL;
    for (int32_t i = 0; i < t->sources_count && !r; i++)
        if (t->sources[i]->answers) r = ask(t->client, &t->sources[i]->node, -1, 0);
    for (int32_t i = 0; i < t->client->bootstrap_count && !r; i++) {
        struct client_node *n = &t->client->bootstrap[i];
        r = ask(t->client, n, -1, 0);
        if (r) learn(t, r->node_id, str_of(n->host), n->port);
    }
    for (int32_t i = 0; r && i < r->nodes_count; i++)
        learn(t, r->nodes[i].node_id, r->nodes[i].host, r->nodes[i].port);
    return r != NULL;
}

static void read_all(struct events_tool *t, struct round *round)
{
    for (int32_t i = 0; i < t->sources_count; i++) read_source(t, t->sources[i], round);
}

/* Answers live in an arena of their round, so that following takes no more and more memory. */
static void run(struct events_tool *t, bool follow)
{
    struct arena kept = t->client->arena;
    arena_init(&t->client->arena, 64 << 10);
    struct round round = {0};
    for (int64_t n = 0;; n++) {
        if (n % LOOK_AROUND_EVERY == 0 && !look_around(t) && n == 0) {
            fprintf(stderr, "No node could be asked: %s\n", client_failure_line(t->client));
            exit(1);
        }
        round.count = 0;
        read_all(t, &round);
        print_round(t, &round);
        if (!follow) break;
        arena_reset(&t->client->arena);
        client_sleep_ms(FOLLOW_MS);
    }
    mem_free(round.told);
    arena_free(&t->client->arena);
    t->client->arena = kept;
}

int tool_events(int argc, char **argv)
{
    struct args a;
    args_parse_argparse(&a, ARGS_USAGE, "samsa events",
                        "What the nodes of a cluster have noticed, by time.", options, argc, argv);
    ARGS_ONE_OF(&a, true, "bootstrap-server", "bootstrap-controller");
    struct events_tool t = {.client = client_open_args(&a, true),
                            .only = (int32_t)args_number(&a, "node", -1),
                            .json = args_has(&a, "json")};
    if (t.client->request_timeout_ms > ANSWER_MS) t.client->request_timeout_ms = ANSWER_MS;
    run(&t, args_has(&a, "follow"));
    bool answered = false;
    for (int32_t i = 0; i < t.sources_count; i++) answered |= t.sources[i]->answers;
    if (t.only >= 0 && t.sources_count == 0) fprintf(stderr, "There is no node %d.\n", t.only);
    return answered ? 0 : 1;
}
