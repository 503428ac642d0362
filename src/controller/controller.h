/* The controller: every decision about a cluster's metadata, as decide, append, replay.
 *
 * A request is decided against the image at once, on the caller's stack: the decision gives records
 * and a response. The records go to the committer, and on success into the image; the response
 * leaves when they have committed. A decision without records answers when all that it could have
 * read has committed.
 *
 * States, and what moves them (calls from whoever drives the log; `epoch` is the leader epoch):
 *
 *   STANDBY ──controller_lead──> ACTIVE ──controller_renounce, or a failed append──> STANDBY
 *
 * STANDBY: committed records are applied as they are told (controller_apply, controller_load_*);
 * every call is answered NOT_CONTROLLER. ACTIVE: own records are applied when appended, so what
 * was not committed is in the image; the log is told nothing else. On renouncing with uncommitted
 * records the image falls back to empty, and the driver feeds it from its snapshot and log again.
 *
 * Owns: its loader (image), sessions, calls in flight. Borrows: clock, rng, trace, config,
 * committer. Thread: the loop's. Callbacks run from the loop, never inside the call that started
 * them. */
#ifndef SAMSA_CONTROLLER_CONTROLLER_H
#define SAMSA_CONTROLLER_CONTROLLER_H

#include "controller/events.h"
#include "env/clock.h"
#include "env/rng.h"
#include "env/trace.h"
#include "metadata/feature.h"
#include "metadata/replay.h"
#include "protocol/api.h"
#include "protocol/error.h"

/* ---- where records go */

struct committer {
    const struct committer_ops *ops;
};

struct committer_ops {
    /* The offset that the next record appended will get, while nothing else is appended. */
    int64_t (*end_offset)(struct committer *);

    /* Append records as leader of `epoch`, encoded before the call returns. They get contiguous
     * offsets, the first of which is *first_offset. `atomic`: in one batch, all or none; otherwise
     * they may be cut into batches, in order. Err: NOT_LEADER (or any other): nothing was
     * appended, and the controller renounces by itself. */
    enum err (*append)(struct committer *, int32_t epoch, const struct metadata_record *records,
                       int32_t count, bool atomic, int64_t *first_offset);

    /* Raise kraft.version of the quorum (UpdateFeatures; kraft.md 2.11): control records that the
     * log appends by itself, at once. `validate_only`: only say whether it could be done. Err:
     * INVALID with *why (one sentence, static): some voter does not support it, …; NOT_LEADER.
     * NULL: this log cannot. */
    enum err (*raise_kraft_version)(struct committer *, int32_t epoch, int16_t level,
                                    bool validate_only, const char **why);

    /* The controller cannot go on as leader of `epoch`: give up leadership. controller_renounce
     * follows, from the loop. */
    void (*resign)(struct committer *, int32_t epoch);
};

/* ---- what a controller needs to know */

struct controller_options {
    int32_t node_id;
    struct str cluster_id;
    /* Read for topic defaults and checks, sessions and intervals, by key. Topic configurations are
     * judged against it, so it must be the node's own. */
    const struct config *config;
    struct clock *clock;
    struct rng *rng;
    struct trace *trace;
    struct committer *committer;

    /* Records of bootstrap.checkpoint (FeatureLevel and SCRAM records), written when the first
     * leader of a cluster becomes active. None: metadata.version alone, at its default. */
    const struct metadata_record *bootstrap;
    int32_t bootstrap_count;

    /* What this controller registers for itself when it leads (KIP-919); none: it does not. */
    const struct image_endpoint *endpoints;
    int32_t endpoints_count;

    /* Ids of controllers fixed by configuration, which must have registered before a feature
     * changes; none for a dynamic quorum. */
    const int32_t *voters;
    int32_t voters_count;

    /* Who keeps account of what is decided; NULL: nobody. Borrowed. */
    const struct controller_events *events;
};

struct controller;

/* ---- one request */

/* Owned by the caller, who keeps it, the request and the arena alive until done. */
struct controller_call {
    int16_t api_key, version;
    const void *request; /* the decoded struct of api_key */
    struct arena *arena; /* the response is built here */
    struct str listener; /* it came in on; null: inside this node */
    bool forwarded;      /* by a broker, which has judged what only that broker can */
    void (*done)(struct controller_call *call, const void *response);
    void *context; /* the caller's */

    /* -- the controller's own -- */
    struct list_node node;
    int64_t wait_offset;  /* answer when committed up to here */
    const void *response; /* of its own, or the refusal that replaced it */
    const struct controller_op *op;
};

/* One API the controller serves. The controller listener advertises these beside those of raft;
 * brokers forward the ones that are forwardable. */
struct controller_api {
    int16_t key, min_version, max_version;
};

const struct controller_api *controller_apis(int32_t *count);

/* ---- lifecycle */

/* A standby with an empty image. `options` is copied; what it points to is borrowed. */
struct controller *controller_new(const struct controller_options *options);

/* Calls in flight are answered NOT_CONTROLLER before this returns. */
void controller_free(struct controller *c);

/* Of this process, in its registration. */
struct uuid controller_incarnation(const struct controller *c);

/* The image as applied: committed state on a standby, uncommitted state too while active. */
const struct image *controller_image(const struct controller *c);

int32_t controller_node_id(const struct controller *c);
const struct config *controller_config(const struct controller *c);

/* ---- fed by the log, while a standby */

/* One past the last offset applied: what to feed next; 0 asks for the newest snapshot first. */
int64_t controller_end_offset(const struct controller *c);

/* Committed records, as in metadata/replay.h. Any error is fatal to the node.
 * controller_skip: control records. */
enum err controller_apply(struct controller *c, int64_t offset, int32_t epoch,
                          struct bytes frame) MUST_CHECK;
void controller_skip(struct controller *c, int64_t offset, int32_t epoch);

/* A snapshot: begin, each data record, done. */
void controller_load_begin(struct controller *c);
enum err controller_load(struct controller *c, int64_t end_offset, struct bytes frame) MUST_CHECK;
void controller_load_done(struct controller *c, int64_t end_offset, int32_t epoch);

/* ---- leadership */

/* This node leads `epoch`, and every record before the epoch's start has been applied. Writes the
 * activation records (kraft.md 3.7) and starts sessions, NoOp records and the periodic checks. */
void controller_lead(struct controller *c, int32_t epoch);

/* It no longer does. Calls in flight answer NOT_CONTROLLER. Harmless on a standby. True when
 * uncommitted records were dropped with the whole image: feed it again, from
 * controller_end_offset. */
bool controller_renounce(struct controller *c);

/* Leading and past activation: requests are decided. */
bool controller_is_active(const struct controller *c);
int32_t controller_epoch(const struct controller *c); /* -1 on a standby */

/* The log has committed up to this offset (exclusive): due answers are given, from the loop. */
void controller_committed(struct controller *c, int64_t end_offset);

/* Who leads the quorum, -1 when nobody is known: for DescribeCluster, which standbys answer too. */
void controller_set_leader(struct controller *c, int32_t node_id);

/* kraft.version of the quorum, which no metadata record tells, whenever it may have changed: by an
 * append of the log's own, or back by a truncation. Default 0. */
void controller_set_kraft_version(struct controller *c, int16_t level);

/* ---- requests */

/* Decide. The answer comes through call->done, whatever happens; the API and version are in
 * the table (asserted). There is no timeout: a leader that cannot commit loses its epoch by
 * check quorum, and the call answers NOT_CONTROLLER then. */
void controller_handle(struct controller *c, struct controller_call *call);

/* The caller is gone: no answer. What was decided stands. */
void controller_abandon(struct controller *c, struct controller_call *call);

/* What is known of a broker's session, apart from the log: for the console and for tests. */
struct controller_session {
    int32_t broker;
    int64_t since_ms;        /* since its last heartbeat */
    int64_t metadata_offset; /* it had applied then */
};

/* Brokers heard of, by id. */
int32_t controller_sessions(const struct controller *c, struct arena *arena,
                            struct controller_session **out);

/* The connection over which a broker spoke broke or was refused: its process is gone, so it is
 * fenced now, not when its session ends. Ignored for brokers that are fenced already, and when
 * `epoch` is no longer the broker's. `evidence`: one line for the account, null for none. */
void controller_broker_lost(struct controller *c, int32_t broker, int64_t epoch,
                            struct str evidence);

#endif
