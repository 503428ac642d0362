/* A group under test: its answers and records are caught, time is a number. */
#ifndef SAMSA_TEST_GROUP_PROBE_H
#define SAMSA_TEST_GROUP_PROBE_H

#include <stdio.h>

#include "base/mem.h"
#include "base/prng.h"
#include "group/coordinator.h"
#include "group/group.h"
#include "test.h"

enum { WRITES_MAX = 64, TEXT_MAX = 200 };

/* A caught answer. */
struct probe {
    struct group_call call;
    int answers;
    int16_t error;
    int32_t generation;
    bool skip_assignment;
    int32_t members; /* named in the answer to a join */
    char member_id[TEXT_MAX], leader[TEXT_MAX], protocol[TEXT_MAX], assignment[TEXT_MAX];
    int32_t member_id_len; /* what is kept of it may be less */
};

static inline void keep(char *to, struct str s)
{
    snprintf(to, TEXT_MAX, "%.*s", STR_ARG(s));
}

struct bench {
    struct group_host host;
    struct group_settings settings;
    struct prng prng;
    struct rng rng;
    struct arena scratch;
    int64_t now_ms;
    struct group *group;
    struct group_write *writes[WRITES_MAX];
    int32_t writes_count, written;
};

static inline void bench_join_reply(struct group_host *h, struct group_call *call,
                                    const struct join_group_response *r)
{
    (void)h;
    struct probe *p = CONTAINER_OF(call, struct probe, call);
    p->answers++;
    p->error = r->error_code;
    p->generation = r->generation_id;
    p->skip_assignment = r->skip_assignment;
    p->members = r->members_count;
    keep(p->member_id, r->member_id);
    p->member_id_len = r->member_id.len;
    keep(p->leader, r->leader);
    keep(p->protocol, r->protocol_name);
}

static inline void bench_sync_reply(struct group_host *h, struct group_call *call,
                                    const struct sync_group_response *r)
{
    (void)h;
    struct probe *p = CONTAINER_OF(call, struct probe, call);
    p->answers++;
    p->error = r->error_code;
    snprintf(p->assignment, TEXT_MAX, "%.*s", (int)(r->assignment.len > 0 ? r->assignment.len : 0),
             r->assignment.len > 0 ? (const char *)r->assignment.data : "");
}

static inline void bench_write(struct group_host *h, struct group *g,
                               const struct group_metadata_value *value, struct group_write *write)
{
    struct bench *b = CONTAINER_OF(h, struct bench, host);
    (void)g;
    (void)value;
    assert_true(b->writes_count < WRITES_MAX);
    b->writes[b->writes_count++] = write;
}

static inline void bench_fill(struct rng *r, void *data, size_t len)
{
    prng_fill(&CONTAINER_OF(r, struct bench, rng)->prng, data, len);
}

static inline void bench_init(struct bench *b)
{
    static const struct group_host_ops host_ops = {bench_join_reply, bench_sync_reply, bench_write};
    static const struct rng_ops rng_ops = {bench_fill};
    *b = (struct bench){
        .host = {&host_ops},
        .rng = {&rng_ops},
        .prng = prng_seed(1),
        .now_ms = 1000,
        .settings = {.session_timeout_ms_min = 10,
                     .session_timeout_ms_max = 600000,
                     .initial_rebalance_delay_ms = 3000,
                     .size_max = 100,
                     .metadata_bytes_max = 100,
                     .retention_ms = 1000000,
                     .retention_check_ms = 60000,
                     .commit_timeout_ms = 5000,
                     .partitions = 1},
    };
    arena_init(&b->scratch, 0);
    b->group = group_new(STR("group"), (struct wall_time){b->now_ms});
}

static inline struct group_world bench_world(struct bench *b)
{
    return (struct group_world){.host = &b->host,
                                .settings = &b->settings,
                                .rng = &b->rng,
                                .scratch = &b->scratch,
                                .now = {b->now_ms * NS_PER_MS},
                                .wall = {b->now_ms}};
}

static inline void bench_free(struct bench *b)
{
    struct group_world w = bench_world(b);
    while (b->written < b->writes_count)
        group_written(b->group, &w, b->writes[b->written++], KAFKA_NOT_COORDINATOR);
    group_end(b->group, &b->host, KAFKA_NOT_COORDINATOR);
    group_free(b->group);
    arena_free(&b->scratch);
}

/* What has been written commits, or fails. */
static inline void bench_commit(struct bench *b, enum kafka_error error)
{
    struct group_world w = bench_world(b);
    int32_t until = b->writes_count;
    while (b->written < until) group_written(b->group, &w, b->writes[b->written++], error);
    group_check(b->group);
}

/* Lets time pass, in steps no longer than the group's own deadlines. */
static inline void bench_pass(struct bench *b, int64_t ms)
{
    int64_t until = b->now_ms + ms;
    while (b->now_ms < until) {
        int64_t wake_ms = b->group->wake.ns == INT64_MAX ? until : b->group->wake.ns / NS_PER_MS;
        b->now_ms = wake_ms < until && wake_ms > b->now_ms ? wake_ms : until;
        if (wake_ms > b->now_ms) continue;
        struct group_world w = bench_world(b);
        group_tick(b->group, &w);
    }
}

struct joining {
    const char *member, *instance;    /* "" and NULL */
    const char *protocols;            /* "range:topic,sticky:topic"; NULL: "range:" */
    const char *type;                 /* NULL: "consumer" */
    int32_t session_ms, rebalance_ms; /* 0: 10,000 and 60,000 */
    int16_t version;                  /* 0: 9 */
    bool created;
};

/* A subscription of the consumer protocol, version 0, to one topic ("" none). */
static inline struct bytes subscription(struct arena *arena, const char *topic, size_t len)
{
    uint8_t *to = arena_zalloc(arena, 1, 2 + 4 + 2 + len + 4);
    uint8_t *p = to + 2;
    store_be32(p, len ? 1 : 0);
    p += 4;
    if (len) {
        store_be16(p, (uint16_t)len);
        memcpy(p + 2, topic, len);
        p += 2 + len;
    }
    store_be32(p, 0xffffffff); /* no user data */
    return bytes_of(to, (size_t)(p + 4 - to));
}

static inline void joining_request(const struct joining *j, struct arena *arena,
                                   struct join_group_request *rq)
{
    join_group_request_init(rq);
    rq->group_id = STR("group");
    rq->member_id = str_of(j->member ? j->member : "");
    rq->group_instance_id = str_of(j->instance);
    rq->protocol_type = str_of(j->type ? j->type : "consumer");
    rq->session_timeout_ms = j->session_ms ? j->session_ms : 10000;
    rq->rebalance_timeout_ms = j->rebalance_ms ? j->rebalance_ms : 60000;
    rq->protocols = join_group_request_protocol_new(arena, 8);
    for (const char *p = j->protocols ? j->protocols : "range:"; *p;) {
        size_t name = strcspn(p, ":"), topic = strcspn(p + name + 1, ",");
        struct join_group_request_protocol *to = &rq->protocols[rq->protocols_count++];
        to->name = arena_str(arena, (struct str){p, (int32_t)name});
        to->metadata = subscription(arena, p + name + 1, topic);
        p += name + 1 + topic;
        if (*p == ',') p++;
    }
}

static inline void bench_join(struct bench *b, struct probe *p, struct joining j)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct join_group_request rq;
    joining_request(&j, &arena, &rq);
    struct group_joiner from = {
        .client_id = STR("client"), .client_host = STR("/h"), .version = j.version ? j.version : 9};
    struct group_world w = bench_world(b);
    memset(p, 0, sizeof *p);
    group_join(b->group, &w, &from, &rq, j.created, &p->call);
    group_check(b->group);
    arena_free(&arena);
}

/* `assignments`: "member=text,member=text"; NULL for a follower. */
static inline void bench_sync(struct bench *b, struct probe *p, const char *member,
                              int32_t generation, const char *assignments)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct sync_group_request rq;
    sync_group_request_init(&rq);
    rq.group_id = STR("group");
    rq.member_id = str_of(member);
    rq.generation_id = generation;
    rq.assignments = sync_group_request_assignment_new(&arena, 8);
    for (const char *a = assignments ? assignments : ""; *a;) {
        size_t name = strcspn(a, "="), text = strcspn(a + name + 1, ",");
        struct sync_group_request_assignment *to = &rq.assignments[rq.assignments_count++];
        to->member_id = (struct str){a, (int32_t)name};
        to->assignment = bytes_of(a + name + 1, text);
        a += name + 1 + text;
        if (*a == ',') a++;
    }
    struct group_world w = bench_world(b);
    memset(p, 0, sizeof *p);
    group_sync(b->group, &w, &rq, &p->call);
    group_check(b->group);
    arena_free(&arena);
}

static inline enum kafka_error bench_heartbeat(struct bench *b, const char *member,
                                               int32_t generation)
{
    struct group_world w = bench_world(b);
    return group_heartbeat(b->group, &w, str_of(member), STR_NULL, generation);
}

/* One member leaves, by id, or by instance when `member` is "". */
static inline enum kafka_error bench_leave(struct bench *b, const char *member,
                                           const char *instance)
{
    struct leave_group_request_member_identity who;
    struct leave_group_response_member_response answer;
    leave_group_request_member_identity_init(&who);
    who.member_id = str_of(member);
    who.group_instance_id = str_of(instance);
    struct group_world w = bench_world(b);
    assert_int_equal(group_leave(b->group, &w, &who, 1, &answer), KAFKA_NONE);
    group_check(b->group);
    return (enum kafka_error)answer.error_code;
}

/* A dynamic member with its own id: asks for it, then joins with it. */
static inline void bench_join_dynamic(struct bench *b, struct probe *p, char *member,
                                      struct joining j)
{
    j.member = "";
    bench_join(b, p, j);
    assert_int_equal(p->error, KAFKA_MEMBER_ID_REQUIRED);
    snprintf(member, TEXT_MAX, "%s", p->member_id);
    j.member = member;
    bench_join(b, p, j);
}

/* Two members, ids in a and b, in a STABLE group of generation 1; a leads. */
static inline void bench_stable(struct bench *b, char *first, char *second)
{
    struct probe one, two;
    bench_join_dynamic(b, &one, first, (struct joining){.protocols = "range:t"});
    bench_join_dynamic(b, &two, second, (struct joining){.protocols = "range:t"});
    bench_pass(b, 6000);
    assert_int_equal(one.answers, 1);
    assert_int_equal(two.answers, 1);
    assert_string_equal(one.leader, first);
    char both[2 * TEXT_MAX + 40];
    snprintf(both, sizeof both, "%s=A,%s=B", first, second);
    bench_sync(b, &two, second, 1, NULL);
    bench_sync(b, &one, first, 1, both);
    bench_commit(b, KAFKA_NONE);
    assert_string_equal(one.assignment, "A");
    assert_string_equal(two.assignment, "B");
    assert_int_equal(b->group->state, GROUP_STABLE);
}

#endif
