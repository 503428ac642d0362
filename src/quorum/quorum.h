/* The metadata log of this node: its part in the controller quorum.
 *
 * Drives the log `__cluster_metadata-0` in the metadata directory by the decisions of the raft core
 * (raft/raft.h): recovers the log and its snapshots, votes, stands, follows or leads, has what the
 * active controller decides on stable storage of a majority, and tells subscribers what has
 * committed, in order, from the snapshot on.
 *
 *   offsets: log start <= snapshot end <= committed (high watermark) <= end
 *
 * A record counts only when it is on stable storage: acknowledged is committed is durable. Owns:
 * the metadata log's replication, snapshots, the quorum-state file, channels to the other replicas.
 * Borrows: env, the log directory. Thread: the loop's. All callbacks run from the loop. */
#ifndef SAMSA_QUORUM_QUORUM_H
#define SAMSA_QUORUM_QUORUM_H

#include "env/env.h"
#include "history/history.h"
#include "log/log_dir.h"
#include "protocol/metadata_record.h"
#include "protocol/voters_record.h"

struct quorum;
struct request;

struct quorum_voter_config {
    int32_t id;
    const char *host;
    uint16_t port;
};

struct quorum_address {
    const char *host;
    uint16_t port;
};

struct quorum_listener {
    const char *name, *host;
    uint16_t port;
};

/* Everything pointed to lives as long as the quorum. */
struct quorum_options {
    int32_t node_id;
    struct history *history; /* NULL: nothing is kept */
    bool is_controller;      /* may vote and lead; false: an observer */
    const char *cluster_id;
    struct uuid directory_id; /* of the metadata directory */
    /* A fixed quorum (controller.quorum.voters, kraft.version 0); none for a dynamic one. */
    const struct quorum_voter_config *voters;
    int32_t voters_count;
    /* Where the quorum is looked for (controller.quorum.bootstrap.servers). */
    const struct quorum_address *servers;
    int32_t servers_count;
    const char *listener; /* first of controller.listener.names: all quorum traffic */
    /* This controller's advertised controller listeners; none on a broker. */
    const struct quorum_listener *listeners;
    int32_t listeners_count;
    bool auto_join; /* controller.quorum.auto.join.enable */
    /* controller.quorum.*.ms */
    int64_t election_timeout_ms, election_backoff_ms_max, fetch_timeout_ms;
    int64_t request_timeout_ms, retry_backoff_ms;
    int64_t append_linger_ms; /* records gather so long at most while others are under way */
    int32_t fetch_bytes_max;  /* controller.quorum.fetch.max.bytes */
    int32_t fetch_snapshot_bytes_max; /* controller.quorum.fetch.snapshot.max.bytes */
    /* Snapshot when this much has been appended since the last one; retention of log and
     * snapshots. */
    int64_t snapshot_bytes;  /* metadata.log.max.record.bytes.between.snapshots */
    int64_t snapshot_ms;     /* metadata.log.max.snapshot.interval.ms; 0: not by time */
    int64_t retention_bytes; /* metadata.max.retention.bytes */
    int64_t retention_ms;    /* metadata.max.retention.ms */
    int32_t segment_bytes;   /* metadata.log.segment.bytes */
    int64_t segment_ms;      /* metadata.log.segment.ms */
};

struct quorum_events {
    void *owner;
    /* The leader, as this node knows it now; -1: none. Host is NULL for this node itself and when
     * the leader's address is not known. */
    void (*leader_changed)(void *owner, int32_t leader_id, int32_t epoch, const char *host,
                           uint16_t port);
    /* The connection over which this node follows the leader broke, or was refused: perhaps its
     * process is gone. See quorum_leader_lost. */
    void (*leader_unreachable)(void *owner, int32_t leader_id, int32_t epoch, struct str host,
                               uint16_t port, enum err e);
    /* It has answered over that connection. */
    void (*leader_answered)(void *owner, int32_t leader_id);
    /* Committed up to here (exclusive). Subscribers have been told already. */
    void (*committed)(void *owner, int64_t end_offset);
    /* The metadata log or its directory failed; the node cannot go on. */
    void (*failed)(void *owner, const char *why);
    /* What the leader sends finds no room, or is stored again: until then this node's metadata
     * stands still. May be NULL. */
    void (*held_back)(void *owner, bool held_back);
    /* A snapshot is due: call quorum_write_snapshot when the image stands at a batch's end. */
    void (*snapshot_due)(void *owner);
    /* After quorum_shutdown: successors know. */
    void (*may_stop)(void *owner);
};

/* Whoever replays committed metadata. Each subscriber has a position of its own. */
struct quorum_subscriber {
    struct list_node node; /* the quorum's */
    int64_t position;      /* next offset to be told; set to 0 to be fed from the start again */
    bool wants_committed;  /* false: an active controller, which knows already */
    void *owner;
    /* A snapshot replaces everything below its end; one whose end does not come is begun again. Any
     * error is fatal. */
    void (*load_begin)(void *owner);
    enum err (*load)(void *owner, int64_t end_offset, struct bytes frame);
    void (*load_done)(void *owner, int64_t end_offset, int32_t epoch);
    enum err (*record)(void *owner, int64_t offset, int32_t epoch, struct bytes frame);
    void (*skip)(void *owner, int64_t offset, int32_t epoch); /* a control record */
    void (*flush)(void *owner);                               /* end of a run */
};

/* Recovers log, snapshots, voters and epoch; what is in the log is on stable storage on return.
 * Err: IO, CORRUPT, INVALID; *why is set (static). */
enum err quorum_open(const struct env *env, struct log_dir *dir,
                     const struct quorum_options *options, const struct quorum_events *events,
                     struct quorum **out, const char **why) MUST_CHECK;

/* Fed from its position on, at once from the loop and as records commit. */
void quorum_subscribe(struct quorum *q, struct quorum_subscriber *s);

/* Feed subscribers now that a position or a wish has changed. */
void quorum_feed(struct quorum *q);

/* Take part: stand for election, follow or observe. */
void quorum_start(struct quorum *q);

/* ---- what is */

int64_t quorum_end_offset(const struct quorum *q);
int32_t quorum_epoch(const struct quorum *q);
/* Log end offset when this node began to lead; -1 unless it leads. */
int64_t quorum_epoch_start(const struct quorum *q);
int32_t quorum_leader(const struct quorum *q); /* -1: none known */
bool quorum_is_leader(const struct quorum *q);
bool quorum_is_voter(const struct quorum *q);
int64_t quorum_high_watermark(const struct quorum *q);
int16_t quorum_kraft_version(const struct quorum *q);
/* The latest voters, committed or not; valid until the next event. */
const struct voters_record *quorum_voters(const struct quorum *q);

/* ---- the leader's side: what a committer needs */

/* As committer_ops.append. Err: NOT_LEADER, TOO_LARGE (an atomic append, or one record, over 8
 * MiB), NO_SPACE, IO; after any of them the log is as before. */
enum err quorum_append(struct quorum *q, int32_t epoch, const struct metadata_record *records,
                       int32_t count, bool atomic, int64_t *first_offset) MUST_CHECK;

/* Give up leadership of `epoch`. */
void quorum_resign(struct quorum *q, int32_t epoch);

/* The leader's process is known to be gone: stand in turn, `stagger_ms` apart, not at the end of
 * the fetch timeout. No-op unless `leader_id` is followed. */
void quorum_leader_lost(struct quorum *q, int32_t leader_id, int64_t stagger_ms);

/* As committer_ops.raise_kraft_version: the control records are appended on return. Err: INVALID
 * with *why (static), NOT_LEADER. */
enum err quorum_raise_kraft_version(struct quorum *q, int32_t epoch, int16_t level,
                                    bool validate_only, const char **why) MUST_CHECK;

/* ---- snapshots */

/* Gives the next record, false at the end; strings live until the next call. */
typedef bool quorum_snapshot_next(void *context, struct metadata_record *record,
                                  struct arena *arena);

/* Write the snapshot of everything below `end_offset`, which is committed and a batch's end. It is
 * synced beside the loop, then published, and what retention allows is dropped. A snapshot that is
 * there already is left, and while one is on its way to the disk none is begun. Err: IO. */
enum err quorum_write_snapshot(struct quorum *q, int64_t end_offset, int32_t epoch,
                               quorum_snapshot_next *next, void *context) MUST_CHECK;

/* ---- APIs of the controller listener; context is the quorum */

struct quorum_api {
    int16_t key, min_version, max_version;
    void (*handle)(struct request *rq, void *quorum);
};

const struct quorum_api *quorum_apis(int32_t *count);

/* ---- ending */

/* Stop taking part: a leader tells its successors. `may_stop` follows, after `timeout_ms` at the
 * latest. */
void quorum_shutdown(struct quorum *q, int64_t timeout_ms);

/* Appends stop; what was appended is on stable storage on return. Requests have been abandoned or
 * answered. */
void quorum_close(struct quorum *q);

#endif
