/* Raft cores over toy logs and a toy network, in virtual time, for the tests of raft/.
 *
 * A node is a core, a disk (log, snapshots, quorum-state; what was not synced may be lost in a
 * crash) and the driver between them, which carries effects out in the order that raft/io.h states.
 * A test may talk to one node alone, or let the world carry packets between many. After every step
 * the world holds the cores to what raft promises; a breach ends the process. */
#ifndef SAMSA_TEST_UNIT_RAFT_RAFT_WORLD_H
#define SAMSA_TEST_UNIT_RAFT_RAFT_WORLD_H

#include "base/prng.h"
#include "raft/raft.h"
#include "raft/voters.h"

enum {
    WORLD_NODES_MAX = 12,
    WORLD_OUTBOX_MAX = 64,
    WORLD_PARKED_MAX = 64,
    WORLD_SNAPSHOT_CHUNKS = 2,
};

enum record_kind { RECORD_DATA, RECORD_LEADER_CHANGE, RECORD_VERSION, RECORD_VOTERS };

struct record {
    int32_t epoch;
    enum record_kind kind;
    uint64_t value;                 /* RECORD_DATA: unique; RECORD_VERSION: the level */
    const struct voter_set *voters; /* the world's */
};

struct snapshot {
    struct raft_snapshot_id id;
    const struct voter_set *voters; /* NULL: none */
    int16_t level;
};

/* What survives a crash. */
struct disk {
    struct raft_state state;
    int64_t start;
    int32_t start_epoch; /* of the snapshot that the log begins at; 0 */
    struct record *records;
    int64_t count, capacity;
    int64_t synced;             /* end offset of what a crash leaves for sure */
    struct snapshot *snapshots; /* oldest first */
    int32_t snapshots_count, snapshots_capacity;
    const struct voter_set *bootstrap; /* 0-0.checkpoint: kraft.version 1 */
    int64_t checkpoint;                /* of the high watermark */
};

struct parked {
    int32_t from;
    uint32_t token;
    int32_t incarnation;
    struct raft_fetch_request request;
    int64_t until_ms;
};

struct node {
    struct world *world;
    int32_t id;
    struct uuid directory;
    bool is_controller, auto_join;
    bool is_old; /* knows no pre-votes: Vote before v2 */
    bool up;
    int32_t incarnation;
    struct raft *raft;
    struct disk disk;
    struct raft_message outbox[WORLD_OUTBOX_MAX]; /* hosts point to `hosts` */
    char hosts[WORLD_OUTBOX_MAX][16];
    int32_t outbox_count;
    enum raft_role outbox_role; /* when it was filled */
    int32_t outbox_epoch;
    struct parked parked[WORLD_PARKED_MAX];
    int32_t parked_count;
    int64_t sync_at, syncing_to; /* INT64_MAX: none is under way */
    int32_t loaded_chunks;       /* of the snapshot being loaded */
    struct raft_snapshot_id loading;
    struct snapshot loaded;
    int64_t appended_at_leader_change; /* offset of the last LeaderChange; -1 */
    int32_t granting[WORLD_NODES_MAX], granting_count;
    struct raft_effects last; /* the union of what raft_take gave since node_forget */
    int persists;             /* how often quorum-state was written */
    bool no_space;            /* the next write of quorum-state fails */
};

struct packet;

struct world {
    struct prng prng;
    int64_t now_ms;
    struct node nodes[WORLD_NODES_MAX];
    int32_t nodes_count;
    struct voter_set *static_voters; /* kraft.version 0 */
    bool puppets;                    /* a change of role empties the outbox */
    int32_t servers_max; /* controller.quorum.bootstrap.servers: controllers below this id */
    /* The network. */
    struct packet *packets;
    int32_t packets_count, packets_capacity;
    uint64_t sequence;
    bool cut[WORLD_NODES_MAX][WORLD_NODES_MAX]; /* from, to */
    int loss, duplication;                      /* of 1000 */
    int no_endpoints;                           /* of 1000 answers */
    int64_t delay_ms_max;
    int64_t sync_ms_max; /* 0: at once */
    int disk_full;       /* of 1000 writes of quorum-state */
    /* What has been promised. */
    struct record *committed;
    int64_t committed_count, committed_capacity;
    int32_t leaders[4096]; /* by epoch; -1 */
    struct raft_replica votes[4096][WORLD_NODES_MAX];
    uint64_t last_value;
    struct voter_set **sets; /* everything that records point to */
    int32_t sets_count, sets_capacity;
    uint64_t steps;
    struct { /* how often it came to that */
        uint64_t elections, truncations, loads, changes, upgrades, resignations, refused_writes;
    } seen;
};

/* ---- building ---- */

struct world *world_new(uint64_t seed);
void world_free(struct world *w);

/* A node id, not started. `directory` makes its directory id, together with the id. */
struct node *world_add(struct world *w, int32_t id, bool is_controller, uint8_t directory);
/* kraft.version 0: nodes 0…voters-1. kraft.version 1: all know them from 0-0.checkpoint. */
void world_static(struct world *w, int32_t voters);
void world_dynamic(struct world *w, int32_t voters);
/* Both, and that many nodes, all started: the usual beginning. */
struct world *world_of(uint64_t seed, int32_t voters, int32_t observers, bool dynamic);

void node_start(struct node *n);
void node_crash(struct node *n); /* unsynced records may be lost */

/* ---- one node ---- */

struct voters_record_voter world_entry(struct node *n, struct arena *arena);
struct raft_replica node_key(const struct node *n);
int64_t disk_end(const struct disk *d);
void disk_append(struct disk *d, struct record record);
/* An entry of the epoch, in the log of a node that is not started. */
void node_preload(struct node *n, int32_t epoch, int32_t count);

/* Carry out effects until there are none; then gather messages. */
void node_settle(struct node *n);
/* Sync what the log holds, now. */
void node_sync(struct node *n);
/* The clock stands at w->now_ms: tick, settle. */
void node_tick(struct node *n);
/* Take a message out of the outbox; to -2: to anybody. NULL: there is none (valid until the
 * next). */
const struct raft_message *node_message(struct node *n, enum raft_message_kind kind, int32_t to);
void node_forget(struct node *n); /* effects seen so far, and the outbox */
/* A leader appends records, syncs at its pace. */
void node_append(struct node *n, int32_t count);
/* A snapshot at this offset (at most the high watermark); `trim` the log to it. */
void node_snapshot(struct node *n, int64_t end_offset, bool trim);

/* ---- one node among puppets: the others are not started, the test speaks for them ---- */

/* Nodes 0…voters-1, of which only node 0 is started, and one more that is no voter. */
struct world *world_alone(int32_t voters, bool dynamic);
/* An answer without error from a node that knows what this one knows. */
struct raft_answer node_good_answer(struct node *n);
enum raft_verdict node_answered(struct node *n, const struct raft_message *m,
                                struct raft_answer answer);
/* Past the election timer or fetch timer. */
void node_time_out(struct node *n);
/* Stand and win, with the votes of all that are asked. */
void node_lead(struct node *n);
/* BeginQuorumEpoch from another node. */
enum kafka_error node_follow(struct node *n, int32_t leader, int32_t epoch);
/* As that node: its log is like the leader's up to `offset`. */
struct raft_fetch_answer node_fetched_by(struct node *n, int32_t replica, int64_t offset);
struct raft_vote_request world_vote(struct node *n, int32_t candidate, int32_t epoch,
                                    bool pre_vote);
/* Asked by `candidate`, whose log is as good as the node's. */
bool node_votes(struct node *n, int32_t candidate, int32_t epoch, bool pre_vote);
/* Crash without losses, and start again. */
void node_restart(struct node *n);

/* ---- many ---- */

/* The next thing that happens, by `limit_ms` at the latest; false: nothing did, it is that late. */
bool world_step(struct world *w, int64_t limit_ms);
void world_run(struct world *w, int64_t ms);
typedef bool (*world_condition)(struct world *w, void *context);
/* False: not within that time. */
bool world_until(struct world *w, world_condition condition, void *context, int64_t ms);
/* The node that leads in the highest epoch, if it has committed in it; NULL. */
struct node *world_leader(struct world *w);
/* Elects, commits, and everybody is there; the leader. Ends the process when it cannot be. */
struct node *world_steady(struct world *w, int64_t ms);
void world_isolate(struct world *w, int32_t id, bool isolated);
void world_heal(struct world *w);

#endif
