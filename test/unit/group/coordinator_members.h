/* Members of groups of a coordinator under test. */
#ifndef SAMSA_TEST_GROUP_COORDINATOR_MEMBERS_H
#define SAMSA_TEST_GROUP_COORDINATOR_MEMBERS_H

#include "coordinator_node.h"

static inline void joined(struct group_call *call, const void *response)
{
    struct probe *p = CONTAINER_OF(call, struct probe, call);
    struct bench dummy;
    bench_join_reply(&dummy.host, &p->call, response);
}

static inline void synced(struct group_call *call, const void *response)
{
    struct bench dummy;
    bench_sync_reply(&dummy.host, call, response);
}

static inline struct group_call *probe_by(struct node *n, struct probe *p, int16_t version,
                                          void (*done)(struct group_call *, const void *))
{
    memset(p, 0, sizeof *p);
    p->call = (struct group_call){.version = version,
                                  .client_id = STR("client"),
                                  .client_host = STR("/10.0.0.1"),
                                  .arena = &n->arena,
                                  .done = done};
    return &p->call;
}

static inline void join(struct node *n, struct probe *p, struct joining j)
{
    struct join_group_request *rq = ARENA_NEW(&n->arena, struct join_group_request);
    joining_request(&j, &n->arena, rq);
    group_coordinator_join(n->groups, rq, probe_by(n, p, j.version ? j.version : 9, joined));
}

static inline void sync_all(struct node *n, struct probe *p, const char *member, int32_t generation,
                            const char *assigned_to, const char *assignment)
{
    struct sync_group_request *rq = ARENA_NEW(&n->arena, struct sync_group_request);
    sync_group_request_init(rq);
    rq->group_id = STR("group");
    rq->member_id = str_of(member);
    rq->generation_id = generation;
    rq->protocol_type = STR("consumer");
    rq->protocol_name = STR("range");
    rq->assignments = sync_group_request_assignment_new(&n->arena, 1);
    rq->assignments_count = assigned_to ? 1 : 0;
    if (assigned_to) {
        rq->assignments[0].member_id = str_of(assigned_to);
        rq->assignments[0].assignment = bytes_of(assignment, strlen(assignment));
    }
    group_coordinator_sync(n->groups, rq, probe_by(n, p, 5, synced));
}

static inline void heartbeat_done(struct group_call *call, const void *response)
{
    asked(call)->error = ((const struct heartbeat_response *)response)->error_code;
}

static inline int16_t heartbeat(struct node *n, const char *group, const char *member,
                                int32_t generation)
{
    struct ask a;
    struct heartbeat_request rq;
    heartbeat_request_init(&rq);
    rq.group_id = str_of(group);
    rq.member_id = str_of(member);
    rq.generation_id = generation;
    group_coordinator_heartbeat(n->groups, &rq, ask_by(n, &a, 4, heartbeat_done));
    assert_int_equal(a.answers, 1);
    return a.error;
}

/* One dynamic member, STABLE in generation 1. */
static inline void alone(struct node *n, char *member)
{
    struct probe p;
    join(n, &p, (struct joining){.protocols = "range:t"});
    assert_int_equal(p.error, KAFKA_MEMBER_ID_REQUIRED);
    snprintf(member, TEXT_MAX, "%s", p.member_id);
    join(n, &p, (struct joining){.member = member, .protocols = "range:t"});
    sim_run_ms(n->sim, 3001);
    assert_int_equal(p.answers, 1);
    assert_int_equal(p.generation, 1);
    sync_all(n, &p, member, 1, member, "mine");
    sim_run_ms(n->sim, 1);
    assert_string_equal(p.assignment, "mine");
}

#endif
