/* What the files of quorum/ share. Private to the folder.
 *
 * Every event of the raft core is followed by quorum_step, which carries out what the core wants,
 * in the order that raft.h states, sends its messages and arms its timer. An answer to a request
 * leaves behind quorum_step only, and only when it returns true. */
#ifndef SAMSA_QUORUM_INTERNAL_H
#define SAMSA_QUORUM_INTERNAL_H

#include "protocol/batch.h"
#include "protocol/error.h"
#include "quorum/quorum.h"
#include "quorum/snapshot_file.h"
#include "raft/raft.h"
#include "rpc/request.h"

enum {
    QUORUM_BATCH_BYTES_MAX = 8 << 20, /* of one batch, as Kafka's readers bound it */
    QUORUM_READ_BYTES = 1 << 20,      /* read at once to feed subscribers */
    QUORUM_FETCH_BYTES_MAX = 8 << 20, /* in one answer, whatever a request allows */
    QUORUM_PARKED_MAX = 4096,         /* fetches that wait; more are answered at once */
    QUORUM_PEERS_MAX = 64,            /* channels; an idle one makes room */
    QUORUM_HELD_MS = 500,             /* before trying again what the disk refused */
    QUORUM_RETENTION_MS = 60000,      /* how often retention is looked at */
};

/* A snapshot that is written, and on its way to the disk. */
struct quorum_writing {
    bool active;
    struct snapshot_id id;
    struct snapshot_writer writer;
    struct disk_sync sync;
};

/* The snapshot that is being fetched from the leader. */
struct quorum_download {
    struct raft_snapshot_id id; /* end_offset -1: none */
    struct disk_file *file;
    int64_t position;
};

/* Name, host and port of `n` endpoints into `to`, which has room: the generated structs of a voter
 * and of the requests that name its listeners are of one shape. */
#define QUORUM_COPY_ENDPOINTS(to, from, n)     \
    do {                                       \
        for (int32_t n_ = 0; n_ < (n); n_++) { \
            (to)[n_].name = (from)[n_].name;   \
            (to)[n_].host = (from)[n_].host;   \
            (to)[n_].port = (from)[n_].port;   \
        }                                      \
    } while (0)

/* A change of the voters that is under way, and who is to be answered. */
struct quorum_change {
    struct request *request; /* NULL: none, or gone */
    void (*reply)(struct quorum *q, struct request *rq, enum kafka_error error,
                  const char *message);
};

/* A request or an answer of another replica: what it is unless said otherwise. */
#define QUORUM_CAUSE_PEER "peer"

struct quorum {
    struct env env;
    struct log_dir *dir;
    struct log *log;
    struct quorum_options options;
    struct quorum_events events;
    struct arena paths;    /* for life: paths, own entry, addresses */
    const char *directory; /* __cluster_metadata-0 */
    const char *state_path;
    struct voters_record_voter own_entry;

    struct raft *raft;
    bool failed;
    bool stepping;  /* in quorum_step */
    bool again;     /* an event came while stepping */
    bool silent;    /* the state could not be written: the answer in hand must not leave */
    bool no_room;   /* nor has it been written since: that has been said */
    bool unstored;  /* what the leader sent found no room */
    bool held_back; /* as events.held_back was told */
    struct timer raft_timer;
    struct task news; /* leader_changed and may_stop are to be told */
    bool leader_news, may_stop;

    /* for the history */
    const char *cause; /* of what is being stepped */
    enum raft_role told_role;
    int32_t told_epoch; /* -1: nothing yet */
    struct {
        enum raft_role role;
        int32_t epoch, leader_id;
    } traced;           /* the role that the log says we have; epoch -1: none yet */
    int32_t lost_epoch; /* whose leader was reported lost; -1: none */

    /* the log and its snapshots */
    int64_t high_watermark;            /* of what subscribers may be told; never falls */
    struct snapshot_id oldest, newest; /* end_offset 0: none but perhaps 0-0 */
    int64_t bytes_since_snapshot;
    struct timer snapshot_timer, retention_timer;
    struct quorum_download download;
    struct quorum_writing writing;

    /* appending */
    struct batch_builder builder;
    struct log_flush flush;
    struct timer linger;
    struct mono_time drained;
    int64_t drained_end; /* log end offset when a sync was last asked for */
    struct timer held;   /* tries again what the disk refused */
    bool held_fetch, held_snapshot, held_flush, held_feed;
    uint32_t held_token; /* of a FetchSnapshot that was kept back meanwhile; 0: none */

    /* telling */
    struct list_node subscribers;
    struct task deliver;

    /* the others */
    struct list_node peers, calls;
    int32_t peers_count;
    struct list_node parked;
    int32_t parked_count;
    struct task look; /* at parked fetches */
    struct quorum_change change;
};

static inline int64_t quorum_now_ms(const struct quorum *q)
{
    return clock_mono(q->env.clock).ns / NS_PER_MS;
}

/* Carry out, send, arm. True: answers may leave. */
bool quorum_step(struct quorum *q);

/* The node cannot go on. */
void quorum_fail(struct quorum *q, const char *why);

/* Not for good: space is made, descriptors are given back. */
static inline bool quorum_error_passes(enum err e)
{
    return e == ERR_NO_SPACE || e == ERR_NO_DESCRIPTORS;
}

/* What is held (held_…) is tried again in a while. */
void quorum_hold(struct quorum *q);

/* ---- recovery.c */

/* Log, snapshots, quorum-state and the core, ready for raft_start. Err: IO, CORRUPT, INVALID. */
enum err quorum_recover(struct quorum *q, const char **why) MUST_CHECK;

/* Calls `seen` for every record of whole batches. */
typedef enum err quorum_record_fn(void *context, const struct batch_header *h,
                                  const struct record *r);
enum err quorum_each_record(struct bytes batches, quorum_record_fn *seen, void *context) MUST_CHECK;

/* Tell the core of a control record that changes voters or kraft.version; others are passed. */
enum err quorum_tell_control(struct quorum *q, int64_t offset, int16_t type,
                             struct bytes value) MUST_CHECK;

/* Tell the core of the voters and kraft.version of a snapshot. Err: as snapshot_file_read. */
enum err quorum_tell_snapshot(struct quorum *q, const char *path, int64_t end_offset) MUST_CHECK;

/* Look which snapshots there are. */
enum err quorum_list_snapshots(struct quorum *q) MUST_CHECK;

/* ---- append.c */

/* First batch of a leadership. Err: NO_SPACE; after others the quorum has failed. */
enum err quorum_append_leader_change(struct quorum *q, bool with_voters) MUST_CHECK;
/* kraft_version -1: only the voters. */
enum err quorum_append_voters(struct quorum *q, int16_t kraft_version) MUST_CHECK;
/* What a leader sent. False: the disk has no room or the batches make no sense; trace says. */
bool quorum_follow(struct quorum *q, struct bytes batches) MUST_CHECK;

/* Tells events.held_back when it is news. */
void quorum_set_held_back(struct quorum *q, bool held_back);
void quorum_start_flush(struct quorum *q);
void quorum_linger_fired(struct timer *t);
/* The high watermark has moved: what has gathered need wait no longer, when all before
 * committed. */
void quorum_gathered(struct quorum *q);

/* ---- feed.c */

void quorum_deliver(struct task *t);

/* ---- snapshots.c */

void quorum_snapshot_timer_fired(struct timer *t);

/* Nothing will be published; the next start removes what is left. */
void quorum_writing_forget(struct quorum *q);
void quorum_retention_timer_fired(struct timer *t);

/* ---- fetched_snapshot.c */

void quorum_download_begin(struct quorum *q, struct raft_snapshot_id id);
/* One piece. `fine`: the answer carries no error. */
struct quorum_piece {
    struct raft_snapshot_id id;
    int64_t size, position;
    struct bytes data;
};
void quorum_download_take(struct quorum *q, const struct quorum_piece *piece);
/* It cannot be had, or is no longer wanted. */
void quorum_download_drop(struct quorum *q);
void quorum_download_failed(struct quorum *q);
void quorum_held_fired(struct timer *t);

/* ---- peers.c */

void quorum_send(struct quorum *q, const struct raft_message *m);
void quorum_peers_close(struct quorum *q);

/* ---- messages.c */

/* The request of a message, in the arena, as the generated struct of *api_key. */
const void *quorum_message_request(struct quorum *q, const struct raft_message *m,
                                   struct arena *arena, int16_t *api_key, int16_t *min_version);

/* What came back: into the core, and its records or bytes into the log or the snapshot. */
void quorum_message_answered(struct quorum *q, const struct raft_message *m, const void *response);

/* ---- handlers */

/* What every answer says about the leader, for the listener a request came in on. */
struct quorum_leader_view {
    int32_t id, epoch;
    struct str host; /* null: no endpoint to name */
    uint16_t port;
};
struct quorum_leader_view quorum_leader_view(const struct quorum *q, const struct request *rq);

/* A cluster id that is given must be ours. */
bool quorum_cluster_is_ours(const struct quorum *q, struct str cluster_id);

void quorum_handle_vote(struct request *rq, void *quorum);
void quorum_handle_begin_epoch(struct request *rq, void *quorum);
void quorum_handle_end_epoch(struct request *rq, void *quorum);
void quorum_handle_fetch(struct request *rq, void *quorum);
void quorum_handle_fetch_snapshot(struct request *rq, void *quorum);
void quorum_handle_describe(struct request *rq, void *quorum);
void quorum_handle_add_voter(struct request *rq, void *quorum);
void quorum_handle_remove_voter(struct request *rq, void *quorum);
void quorum_handle_update_voter(struct request *rq, void *quorum);

/* Parked fetches look again. */
void quorum_look(struct task *t);
/* Every one is closed without an answer. */
void quorum_parked_close(struct quorum *q);
void quorum_change_finish(struct quorum *q, enum kafka_error error, const char *message);

#endif
