/* Random clients against a coordinator whose log stalls, refuses and changes hands. Held at every
 * step:
 *   S18  an acknowledged commit is never unseen again, also after elections
 *   S19  within one generation a member has one assignment, and nobody else's
 *        no generation is handed out after a later one was
 *        every request is answered exactly once
 * and once the faults stop all clients end up together in one generation, and a coordinator loaded
 * from the log equals the one that wrote it. */
#include "env/sim/sim.h"
#include "group/coordinator.h"
#include "group/members.h"
#include "group/requests.h"
#include "memory_log.h"
#include "probe.h"

enum { CLIENTS = 5, CALLS_MAX = 8192, GENERATIONS_MAX = 4096, PARTITIONS = 3 };

enum client_state { OUT, JOINING, JOINED, SYNCING, IN };

struct client {
    int index;
    enum client_state state;
    char member[TEXT_MAX];
    bool is_static, leads;
    char named[CLIENTS * 4][TEXT_MAX]; /* members, as the leader was told */
    int named_count;
    int32_t generation;
};

struct world;

struct request_of {
    struct group_call call;
    struct world *world;
    struct client *client;
    struct arena arena;
    int answers;
    int32_t partition; /* of a commit or fetch */
    int64_t offset;    /* committed; or least to be seen */
    bool abandoned;    /* the client has gone on */
};

struct world {
    struct sim *sim;
    struct env *env;
    struct prng prng;
    struct group_settings settings;
    struct group_coordinator *groups;
    struct memory_log log;
    int32_t epoch;
    struct client clients[CLIENTS];
    struct request_of *requests[CALLS_MAX];
    int requests_count;
    int64_t next_offset, acked[PARTITIONS];
    int32_t answered_generation; /* highest for which an assignment was handed out */
};

static struct request_of *request_new(struct world *w, struct client *c, int16_t version,
                                      void (*done)(struct group_call *, const void *))
{
    struct request_of *r = MEM_NEW(struct request_of);
    assert_true(w->requests_count < CALLS_MAX);
    w->requests[w->requests_count++] = r;
    r->world = w;
    r->client = c;
    arena_init(&r->arena, 0);
    r->call = (struct group_call){.version = version,
                                  .client_id = STR("c"),
                                  .client_host = STR("/h"),
                                  .arena = &r->arena,
                                  .done = done};
    return r;
}

static struct request_of *answered(struct group_call *call)
{
    struct request_of *r = CONTAINER_OF(call, struct request_of, call);
    r->answers++;
    assert_int_equal(r->answers, 1);
    return r;
}

static void errored(struct client *c, int16_t error)
{
    c->state = OUT;
    if (error == KAFKA_UNKNOWN_MEMBER_ID || error == KAFKA_FENCED_INSTANCE_ID) c->member[0] = 0;
}

/* ---- joining */

static void joined(struct group_call *call, const void *response)
{
    const struct join_group_response *j = response;
    struct request_of *r = answered(call);
    struct client *c = r->client;
    if (r->abandoned) return;
    if (j->error_code) {
        errored(c, j->error_code);
        if (j->error_code == KAFKA_MEMBER_ID_REQUIRED) keep(c->member, j->member_id);
        return;
    }
    keep(c->member, j->member_id);
    c->generation = j->generation_id;
    c->leads = str_equal(j->leader, j->member_id) && !j->skip_assignment;
    c->named_count = 0;
    for (int32_t i = 0; c->leads && i < j->members_count; i++)
        keep(c->named[c->named_count++], j->members[i].member_id);
    c->state = JOINED;
}

static void client_join(struct world *w, struct client *c)
{
    struct request_of *r = request_new(w, c, 9, joined);
    struct join_group_request *rq = ARENA_NEW(&r->arena, struct join_group_request);
    char instance[20];
    snprintf(instance, sizeof instance, "i%d", c->index);
    struct joining j = {.member = c->member,
                        .instance = c->is_static ? instance : NULL,
                        .protocols = prng_chance(&w->prng, 1, 4) ? "range:t" : "range:t,sticky:t",
                        .rebalance_ms = 20000};
    joining_request(&j, &r->arena, rq);
    rq->member_id = arena_str(&r->arena, rq->member_id);
    rq->group_instance_id = arena_str(&r->arena, rq->group_instance_id);
    c->state = JOINING;
    group_coordinator_join(w->groups, rq, &r->call);
}

/* ---- syncing */

static void synced(struct group_call *call, const void *response)
{
    const struct sync_group_response *s = response;
    struct request_of *r = answered(call);
    struct client *c = r->client;
    struct world *w = r->world;
    if (r->abandoned) return;
    if (s->error_code) {
        errored(c, s->error_code);
        return;
    }
    if (s->assignment.len > 0) { /* "generation member", as its leader wrote it */
        char expected[2 * TEXT_MAX];
        snprintf(expected, sizeof expected, "%d %s", c->generation, c->member);
        /* A static member that came back finds what its predecessor was given. */
        if (c->is_static) expected[strcspn(expected, "-")] = 0;
        assert_true((size_t)s->assignment.len >= strlen(expected));
        assert_memory_equal(s->assignment.data, expected, strlen(expected));
    }
    assert_true(c->generation >= w->answered_generation); /* generations do not come back */
    w->answered_generation = c->generation;
    c->state = IN;
}

static void client_sync(struct world *w, struct client *c)
{
    struct request_of *r = request_new(w, c, 5, synced);
    struct sync_group_request *rq = ARENA_NEW(&r->arena, struct sync_group_request);
    sync_group_request_init(rq);
    rq->group_id = STR("group");
    rq->member_id = arena_str(&r->arena, str_of(c->member));
    rq->generation_id = c->generation;
    rq->protocol_type = STR("consumer");
    rq->protocol_name = STR("range");
    rq->assignments = sync_group_request_assignment_new(&r->arena, c->named_count);
    for (int i = 0; c->leads && i < c->named_count; i++) {
        struct sync_group_request_assignment *a = &rq->assignments[rq->assignments_count++];
        a->member_id = arena_str(&r->arena, str_of(c->named[i]));
        struct str text = arena_printf(&r->arena, "%d %s", c->generation, c->named[i]);
        a->assignment = bytes_of(text.data, (size_t)text.len);
    }
    c->state = SYNCING;
    group_coordinator_sync(w->groups, rq, &r->call);
}

/* ---- heartbeats, leaving */

static void heartbeat_done(struct group_call *call, const void *response)
{
    int16_t error = ((const struct heartbeat_response *)response)->error_code;
    struct request_of *r = answered(call);
    if (error) errored(r->client, error);
}

static void client_heartbeat(struct world *w, struct client *c)
{
    struct request_of *r = request_new(w, c, 4, heartbeat_done);
    struct heartbeat_request rq;
    heartbeat_request_init(&rq);
    rq.group_id = STR("group");
    rq.member_id = str_of(c->member);
    rq.generation_id = c->generation;
    group_coordinator_heartbeat(w->groups, &rq, &r->call);
}

static void left(struct group_call *call, const void *response)
{
    (void)response;
    answered(call)->client->state = OUT;
}

static void client_leave(struct world *w, struct client *c)
{
    struct request_of *r = request_new(w, c, 5, left);
    struct leave_group_request rq;
    struct leave_group_request_member_identity who = {.member_id = str_of(c->member),
                                                      .group_instance_id = STR_NULL};
    leave_group_request_init(&rq);
    rq.group_id = STR("group");
    rq.members = &who;
    rq.members_count = 1;
    group_coordinator_leave(w->groups, &rq, &r->call);
    c->member[0] = 0;
}

/* ---- offsets */

static void committed(struct group_call *call, const void *response)
{
    const struct offset_commit_response *o = response;
    struct request_of *r = answered(call);
    int16_t error = o->topics[0].partitions[0].error_code;
    if (!error && r->world->acked[r->partition] < r->offset)
        r->world->acked[r->partition] = r->offset;
}

static void client_commit(struct world *w, struct client *c)
{
    struct request_of *r = request_new(w, c, 9, committed);
    struct offset_commit_request *rq = ARENA_NEW(&r->arena, struct offset_commit_request);
    offset_commit_request_init(rq);
    r->partition = (int32_t)prng_below(&w->prng, PARTITIONS);
    r->offset = ++w->next_offset;
    rq->group_id = STR("group");
    rq->member_id = arena_str(&r->arena, str_of(c->member));
    rq->generation_id_or_member_epoch = c->generation;
    rq->topics = offset_commit_request_topic_new(&r->arena, 1);
    rq->topics_count = 1;
    rq->topics[0].name = STR("t");
    rq->topics[0].partitions = offset_commit_request_partition_new(&r->arena, 1);
    rq->topics[0].partitions_count = 1;
    rq->topics[0].partitions[0].partition_index = r->partition;
    rq->topics[0].partitions[0].committed_offset = r->offset;
    group_coordinator_commit(w->groups, rq, &r->call);
}

static void fetched(struct group_call *call, const void *response)
{
    const struct offset_fetch_response_group *f = response;
    struct request_of *r = answered(call);
    if (!f->error_code) assert_true(f->topics[0].partitions[0].committed_offset >= r->offset);
}

static void client_fetch(struct world *w, struct client *c)
{
    struct request_of *r = request_new(w, c, 9, fetched);
    struct offset_fetch_request_group *rq = ARENA_NEW(&r->arena, struct offset_fetch_request_group);
    offset_fetch_request_group_init(rq);
    r->partition = (int32_t)prng_below(&w->prng, PARTITIONS);
    r->offset = w->acked[r->partition] > 0 ? w->acked[r->partition] : -1;
    rq->group_id = STR("group");
    rq->topics = offset_fetch_request_topics_new(&r->arena, 1);
    rq->topics_count = 1;
    rq->topics[0].name = STR("t");
    rq->topics[0].partition_indexes = &r->partition;
    rq->topics[0].partition_indexes_count = 1;
    group_coordinator_fetch(w->groups, rq, prng_chance(&w->prng, 1, 2), &r->call);
}

/* ---- what happens */

static void client_vanish(struct world *w, struct client *c)
{
    for (int i = 0; i < w->requests_count; i++)
        if (w->requests[i]->client == c && w->requests[i]->answers == 0)
            w->requests[i]->abandoned = true;
    c->state = OUT;
    c->member[0] = 0;
}

static void client_step(struct world *w, struct client *c, bool calm)
{
    switch (c->state) {
    case OUT: client_join(w, c); break;
    case JOINED: client_sync(w, c); break;
    case JOINING:
    case SYNCING:
        if (!calm && prng_chance(&w->prng, 1, 30)) client_vanish(w, c);
        break;
    case IN:
        if (calm || prng_chance(&w->prng, 1, 3))
            client_heartbeat(w, c);
        else if (prng_chance(&w->prng, 1, 30))
            client_vanish(w, c);
        else if (prng_chance(&w->prng, 1, 30))
            client_leave(w, c);
        else if (prng_chance(&w->prng, 1, 3))
            client_join(w, c);
        else if (prng_chance(&w->prng, 1, 2))
            client_commit(w, c);
        else
            client_fetch(w, c);
        break;
    }
}

static void commit_up_to(struct world *w, int64_t offset)
{
    w->log.watermark = offset;
    group_coordinator_high_watermark_moved(w->groups, 0);
}

/* What was not committed may be lost with the leader, or survive. */
static void fail_over(struct world *w)
{
    group_coordinator_resigned(w->groups, 0);
    if (prng_chance(&w->prng, 1, 2)) {
        size_t at = 0;
        int64_t end = 0;
        while (end < w->log.watermark) {
            struct batch_header h;
            assert_ok(batch_parse(bytes_of(w->log.bytes.data + at, w->log.bytes.len - at), &h));
            at += (size_t)h.size;
            end = batch_last_offset(&h) + 1;
        }
        w->log.bytes.len = at;
        w->log.end = end;
    }
    group_coordinator_elected(w->groups, 0, ++w->epoch, &w->log.log);
    if (!w->log.hold) commit_up_to(w, w->log.end);
}

static void fault(struct world *w)
{
    switch (prng_below(&w->prng, 6)) {
    case 0: w->log.hold = true; break;
    case 1:
    case 2:
        w->log.hold = false;
        commit_up_to(w, w->log.end);
        break;
    case 3:
        commit_up_to(
            w, w->log.watermark +
                   (int64_t)prng_below(&w->prng, (uint64_t)(w->log.end - w->log.watermark + 1)));
        break;
    case 4:
        w->log.refuse = prng_chance(&w->prng, 1, 2) ? KAFKA_NOT_ENOUGH_REPLICAS : KAFKA_NONE;
        break;
    case 5: fail_over(w); break;
    default: break;
    }
}

static void run_calm(struct world *w)
{
    w->log.hold = false;
    w->log.refuse = KAFKA_NONE;
    commit_up_to(w, w->log.end);
    for (int i = 0; i < 200; i++) {
        sim_run_ms(w->sim, 1000);
        for (int k = 0; k < CLIENTS; k++) client_step(w, &w->clients[k], true);
        if (w->requests_count > CALLS_MAX - 3 * CLIENTS) break;
    }
}

static const struct group *the_group(const struct world *w)
{
    const struct shard_group *sg = shard_find(w->groups->shards[0], STR("group"));
    return sg ? sg->group : NULL;
}

/* The durable half as bytes. */
static struct str fingerprint(const struct world *w, struct arena *arena)
{
    const struct group *g = the_group(w);
    struct str s = arena_printf(arena, "%d %.*s %.*s %.*s %d", g->generation, STR_ARG(g->leader),
                                STR_ARG(g->protocol), STR_ARG(g->protocol_type), g->members_count);
    MEMBERS_EACH(g, m)
    s = arena_printf(arena, "%.*s|%.*s %.*s %d %d %.*s", STR_ARG(s), STR_ARG(m->member_id),
                     STR_ARG(m->instance_id), m->session_timeout_ms, m->rebalance_timeout_ms,
                     (int)m->assignment.len,
                     m->assignment.len ? (const char *)m->assignment.data : "");
    for (int32_t p = 0; p < PARTITIONS; p++) {
        const struct committed_offset *o = group_offsets_find(&g->offsets, STR("t"), p);
        s = arena_printf(arena, "%.*s|%lld", STR_ARG(s), o ? (long long)o->offset : -1LL);
    }
    return s;
}

static void check_end(struct world *w)
{
    struct arena arena;
    arena_init(&arena, 0);
    const struct group *g = the_group(w);
    assert_non_null(g);
    assert_int_equal(g->state, GROUP_STABLE);
    assert_int_equal(g->members_count, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(w->clients[i].state, IN);
        assert_int_equal(w->clients[i].generation, g->generation);
    }
    struct str before = fingerprint(w, &arena);
    group_coordinator_resigned(w->groups, 0);
    for (int i = 0; i < w->requests_count; i++) assert_int_equal(w->requests[i]->answers, 1);
    group_coordinator_elected(w->groups, 0, ++w->epoch, &w->log.log);
    sim_run_ms(w->sim, 1);
    struct str after = fingerprint(w, &arena);
    assert_true(str_equal(before, after));
    arena_free(&arena);
}

static void run(uint64_t seed)
{
    struct world *w = MEM_NEW(struct world);
    struct bench b;
    bench_init(&b);
    w->settings = b.settings;
    bench_free(&b);
    w->sim = sim_new(seed);
    w->env = sim_node_env(w->sim, "node");
    w->prng = sim_fork(w->sim, "test");
    w->groups = group_coordinator_create(w->env, &w->settings);
    memory_log_init(&w->log);
    group_coordinator_elected(w->groups, 0, ++w->epoch, &w->log.log);
    for (int i = 0; i < CLIENTS; i++) {
        w->clients[i].index = i;
        w->clients[i].is_static = i == 0;
    }
    for (int i = 0; i < 2000; i++) {
        sim_run_ms(w->sim, prng_between(&w->prng, 0, 1500));
        client_step(w, &w->clients[prng_below(&w->prng, CLIENTS)], false);
        if (prng_chance(&w->prng, 1, 15)) fault(w);
        if (the_group(w)) group_check(the_group(w));
    }
    run_calm(w);
    check_end(w);
    group_coordinator_destroy(w->groups);
    for (int i = 0; i < w->requests_count; i++) {
        arena_free(&w->requests[i]->arena);
        mem_free(w->requests[i]);
    }
    memory_log_free(&w->log);
    sim_free(w->sim);
    mem_free(w);
}

TEST(random_clients_faults_and_elections_keep_every_promise)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        run(seed);
    }
}
