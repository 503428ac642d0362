/* What one run is: sizes, settings and a schedule of what is done to the cluster, all drawn from
 * the seed before anything runs. A plan can be printed, read back and made smaller; the same plan
 * gives the same run.
 *
 * Swarm: most plans have one or two kinds of fault only, and every size and timeout varies.
 * Owns nothing: plain data. */
#ifndef SAMSA_TEST_SIM_PLAN_H
#define SAMSA_TEST_SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/prng.h"

enum { PLAN_NODES_MAX = 7, PLAN_ACTIONS_MAX = 400 };

/* name, the value a shrinker tries first (the plainest), what it is */
#define PLAN_FIELDS(P)                                                                     \
    P(run_ms, 60000, "virtual time of the phase with faults")                              \
    P(nodes, 1, "1 to 7")                                                                  \
    P(controllers_only, 0, "the first so many are controllers, not brokers")               \
    P(brokers_only, 0, "the last so many are brokers, not controllers")                    \
    P(static_voters, 0, "controller.quorum.voters instead of a dynamic quorum")            \
    P(directories, 1, "of log.dirs per broker")                                            \
    P(topics, 1, "made at the start")                                                      \
    P(partitions, 1, "of each")                                                            \
    P(replication, 3, "replication factor, at most the brokers")                           \
    P(isr_min, 2, "min.insync.replicas, at most the replication factor")                   \
    P(unclean, 0, "unclean.leader.election.enable")                                        \
    P(segment_batches, 0, "a segment ends after about so many batches; 0: by its size")    \
    P(snapshot_bytes, 20971520, "metadata.log.max.record.bytes.between.snapshots")         \
    P(flush_messages, 0, "log.flush.interval.messages; 0: not set")                        \
    P(session_ms, 9000, "broker.session.timeout.ms")                                       \
    P(heartbeat_ms, 2000, "broker.heartbeat.interval.ms")                                  \
    P(lag_ms, 30000, "replica.lag.time.max.ms")                                            \
    P(election_ms, 1000, "controller.quorum.election.timeout.ms")                          \
    P(quorum_fetch_ms, 2000, "controller.quorum.fetch.timeout.ms")                         \
    P(rebalance_check_s, 300, "leader.imbalance.check.interval.seconds")                   \
    P(racks, 0, "brokers spread over so many racks; 0: none")                              \
    P(producers, 1, "idempotent, acks=all")                                                \
    P(producers_leader, 0, "acks=1, each value sent once")                                 \
    P(producers_none, 0, "acks=0, each value sent once")                                   \
    P(replays, 0, "1: what idempotent producers send comes again, over other connections") \
    P(readers, 0, "plain consumers, of any replica")                                       \
    P(group_members, 0, "of one consumer group")                                           \
    P(static_members, 0, "the first so many of them have a group.instance.id")             \
    P(batch_records, 20, "most records in a batch")                                        \
    P(value_bytes, 100, "most bytes in a value")                                           \
    P(pace_ms, 50, "longest wait between two batches of a producer")                       \
    P(link_us, 500, "longest delay of a link")                                             \
    P(tiny_reads, 0, "most bytes in one read of a socket; 0: no limit")                    \
    P(tiny_writes, 0, "most bytes in one packet; 0: no limit")                             \
    P(resets, 0, "packets in a million that reset their connection")                       \
    P(sync_us, 2000, "longest sync")                                                       \
    P(drift_ppm, 0, "clocks of nodes run apart by up to so much")                          \
    P(core, 0, "0: at the end all is mended at once; else a node stays away first, by it")

/* In the place of a node: who has that part when the action begins. */
enum {
    PLAN_QUORUM_LEADER = 100,
    PLAN_PARTITION_LEADER, /* of the partition of number b, modulo how many there are */
};

/* What can be done to a cluster: name, letter of what a, b and x mean for the reader of a plan. */
#define PLAN_ACTIONS(A)                                                                         \
    A(CRASH, "kill -9 node a; back after ms")                                                   \
    A(POWER, "node a loses power, x 1: all that was not synced; back after ms")                 \
    A(STOP, "node a is stopped cleanly; back after ms")                                         \
    A(CRASH_ALL, "kill -9 of every node at once; back after up to ms")                          \
    A(POWER_ALL, "every node loses power at once, or where appends are not synced every node "  \
                 "that is only a controller; x as with POWER; back after up to ms")             \
    A(PAUSE, "node a stands still (SIGSTOP) for ms")                                            \
    A(CUT, "node a cannot be heard by node b for ms; x odd: nor b by a")                        \
    A(SPLIT, "nodes in the mask x and the others do not hear each other for ms")                \
    A(ISOLATE, "node a and all others, clients too, do not hear each other for ms")             \
    A(DEAF, "node a hears nobody, clients neither, for ms; x odd: nobody hears it")             \
    A(RESET, "every connection between nodes a and b is reset")                                 \
    A(RESET_CLIENTS, "every connection between node a and clients is reset")                    \
    A(CLOG, "from node a to node b everything takes up to x ms longer, for ms")                 \
    A(DISK_SLOW, "reads and writes of node a take up to x us, for ms")                          \
    A(DISK_STILL, "the disk of node a stands still for ms")                                     \
    A(SYNC_SLOW, "syncs of node a take up to x ms, for ms")                                     \
    A(DISK_FULL, "node a has room for x more bytes, for ms")                                    \
    A(DISK_ERROR, "the x-th write or sync of node a fails; it ends, back after ms")             \
    A(READ_ERROR, "the x-th read of node a fails; b % 3 = 2: all that follow too; it ends, "    \
                  "back after ms")                                                              \
    A(DISK_NEW, "node a gets a new, empty data disk; back after ms")                            \
    A(DIRECTORY_GONE,                                                                           \
      "node a loses power, and the second of its log.dirs for good; back after ms")             \
    A(MISREAD, "node a loses power; one read of its recovery gives wrong bytes; back after ms") \
    A(WALL_STEP, "the wall clock of node a jumps to x ms beside the true one")                  \
    A(WALL_FREEZE, "the wall clock of node a stands still for ms")                              \
    A(DRIFT, "both clocks of node a run x millionths faster, for ms")                           \
    A(TOPIC_CREATE, "topic of number a, with b partitions")                                     \
    A(TOPIC_DELETE, "topic of number a, one that an action made; x odd: and one of its name "   \
                    "made at once, with b partitions")                                          \
    A(PARTITIONS, "topic a gets b more partitions")                                             \
    A(CONFIG, "retention.bytes of topic a, by x")                                               \
    A(REASSIGN, "a partition of topic a moves, by x")                                           \
    A(ELECT, "preferred election of everything")                                                \
    A(VOTER_REMOVE, "node a leaves the quorum")                                                 \
    A(VOTER_ADD, "node a joins the quorum")                                                     \
    A(TRUNCATE, "DeleteRecords of a partition of topic a, by x")                                \
    A(DIRECTORY_MOVE, "a replica of topic a moves to another of its log.dirs, by x")            \
    A(IMPOSTOR, "a broker of another cluster, an earlier incarnation, a second process of its " \
                "id or one with a copy of its directory speaks as node a")                      \
    A(MEMBER_STOP, "member a of the group leaves; back after ms")

enum action_kind {
#define A(name, what) ACTION_##name,
    PLAN_ACTIONS(A)
#undef A
        ACTION_KINDS
};

struct action {
    int64_t at_ms;
    enum action_kind kind;
    int32_t a, b; /* nodes are numbered from 0 */
    int64_t ms, x;
};

struct plan {
    uint64_t seed;
#define P(name, plain, what) int64_t name;
    PLAN_FIELDS(P)
#undef P
    int32_t actions_count;
    struct action actions[PLAN_ACTIONS_MAX]; /* by time */
};

/* Drawn. nodes_max bounds the nodes. */
void plan_draw(struct plan *p, uint64_t seed, int32_t nodes_max);

/* As text, one field or action a line; and back. False when the text is not a plan. */
void plan_print(const struct plan *p, FILE *to);
bool plan_read(struct plan *p, FILE *from);

const char *action_name(enum action_kind kind);

/* ---- for the shrinker: fields by number, in the order above */
int plan_fields(void);
int64_t *plan_field(struct plan *p, int index);
int64_t plan_plain(int index);

/* ---- roles */
static inline bool plan_is_broker(const struct plan *p, int32_t node)
{
    return node >= p->controllers_only;
}

static inline bool plan_is_controller(const struct plan *p, int32_t node)
{
    return node < p->nodes - p->brokers_only;
}

static inline int32_t plan_brokers(const struct plan *p)
{
    return (int32_t)(p->nodes - p->controllers_only);
}

static inline int32_t plan_replication(const struct plan *p)
{
    return (int32_t)(p->replication < plan_brokers(p) ? p->replication : plan_brokers(p));
}

static inline int32_t plan_isr_min(const struct plan *p)
{
    return (int32_t)(p->isr_min < plan_replication(p) ? p->isr_min : plan_replication(p));
}

#endif
