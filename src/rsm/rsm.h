/* Decide, append, replay: the runtime that coordinators share.
 *
 * A shard is one partition of an internal topic, and the state machine that its records describe. A
 * decision reads state and makes records; they are appended as one batch; when the high watermark
 * has passed them they are replayed, which alone changes what the records describe; then whoever
 * asked is answered. So state holds committed records only: a failed or abandoned write has nothing
 * to roll back, and nothing that was read can be lost in a failover (S18).
 *
 *      IDLE ── rsm_shard_load ──> LOADING ── replayed up to the log end offset of
 *       ^                            │       the moment of election ──> ACTIVE
 *       │                            └─ unreadable ──> FAILED               │
 *       └──────────── rsm_shard_unload (every write ends: NOT_COORDINATOR) ─┘ (from any state)
 *
 * LOADING waits until the high watermark has reached that log end offset: before, a new leader may
 * hold a stale watermark and must not answer by it (S6). Loading takes bounded steps, one a turn.
 *
 * Owns: the batches of writes in flight. Borrows: the machine, the log, writes until they are done.
 * Thread: the loop's. All callbacks run from the loop, none inside the call that caused it. */
#ifndef SAMSA_RSM_RSM_H
#define SAMSA_RSM_RSM_H

#include "base/arena.h"
#include "base/list.h"
#include "env/env.h"
#include "protocol/batch.h"
#include "protocol/error.h"

/* ---- the log, as its partition's leader offers it; implemented over replica/ ---- */

struct rsm_log {
    const struct rsm_log_ops *ops;
};

struct rsm_log_ops {
    int64_t (*start_offset)(struct rsm_log *);
    int64_t (*end_offset)(struct rsm_log *);
    int64_t (*high_watermark)(struct rsm_log *);
    /* Whole batches from the one holding `offset`, below `end_offset`, about `bytes_max` of them,
     * at least one, in the arena. Empty: none is left. Err: OUT_OF_RANGE, IO, OFFLINE. */
    enum err (*read)(struct rsm_log *, int64_t offset, int64_t end_offset, int64_t bytes_max,
                     struct arena *arena, struct bytes *batches);
    /* As a produce with acks=all. `batch` is patched in place. *end_offset is the log end offset
     * behind it. The high watermark may move inside the call. Errors as of Produce, before
     * waiting. */
    enum kafka_error (*append)(struct rsm_log *, uint8_t *batch, size_t len, int64_t *end_offset);
};

/* ---- the state machine ---- */

struct rsm_record {
    struct bytes key;
    struct bytes value; /* null: a tombstone */
};

/* A committed record on its way into the state. */
struct rsm_replay {
    int64_t offset;
    int64_t producer_id; /* NO_PRODUCER_ID unless it is part of a transaction */
    struct bytes key;    /* valid for the call */
    struct bytes value;  /* null: a tombstone */
};

struct rsm_machine {
    const struct rsm_machine_ops *ops;
};

/* None of these fails, reads a clock or draws a number. */
struct rsm_machine_ops {
    void (*replay)(struct rsm_machine *, const struct rsm_replay *);
    void (*end_transaction)(struct rsm_machine *, int64_t producer_id, bool commit);
    /* The shard has become ACTIVE, or (false) FAILED. */
    void (*loaded)(struct rsm_machine *, bool ok);
};

/* ---- writes ---- */

/* One write in flight; part of what its caller keeps about the request. */
struct rsm_write {
    /* Once. NONE: the records have been replayed. REQUEST_TIMED_OUT: they are in the log and will
     * be replayed if they commit. NOT_COORDINATOR: this node leads no more; the outcome is
     * unknown. */
    void (*done)(struct rsm_write *, enum kafka_error);
};

enum rsm_state { RSM_IDLE, RSM_LOADING, RSM_ACTIVE, RSM_FAILED };

enum {
    RSM_LOAD_STEP_BYTES = 1 << 20,    /* read and replayed in one turn of the loop */
    RSM_PENDING_BYTES_MAX = 64 << 20, /* of batches that wait for the high watermark */
    RSM_RECORD_BYTES_MAX = 256 << 20, /* decompressed, of one batch */
    RSM_REREADS_MAX = 3,              /* of a place that makes no sense; then the load has failed */
    RSM_REREAD_MS = 100,              /* before each, and while there are no descriptors */
};

struct rsm_shard {
    const struct env *env;
    struct rsm_machine *machine;
    const char *name; /* for the trace: "__consumer_offsets-3"; borrowed */
    struct rsm_log *log;
    enum rsm_state state;
    int32_t leader_epoch;
    int64_t replayed; /* everything below this offset is in the state */
    int64_t load_end; /* log end offset at election */
    int32_t rereads;  /* since the load got on */
    int64_t write_timeout_ms;
    enum compression compression; /* of what is written; NONE unless set after init */
    struct list_node pending;     /* of struct rsm_pending, by offset */
    /* The first of them that has not timed out; those before it have all. The list's head: none. */
    struct list_node *waiting;
    int64_t pending_bytes;
    struct task step;     /* load on, or complete what has committed */
    struct timer timeout; /* of `waiting`; while loading, of the next reread */
    struct batch_builder builder;
    struct byte_buffer scratch;
    struct codec *codec; /* made when a compressed batch is met or written */
};

/* write_timeout_ms: offsets.commit.timeout.ms and the like. */
void rsm_shard_init(struct rsm_shard *s, const struct env *env, struct rsm_machine *machine,
                    const char *name, int64_t write_timeout_ms);

/* This node has become leader in `leader_epoch`. The machine's state is empty. PRE: IDLE. */
void rsm_shard_load(struct rsm_shard *s, struct rsm_log *log, int32_t leader_epoch);

/* To be called whenever the log's high watermark has moved; cheap. Allowed in any state. */
void rsm_shard_high_watermark_moved(struct rsm_shard *s);

/* NONE, COORDINATOR_LOAD_IN_PROGRESS, or NOT_COORDINATOR. */
enum kafka_error rsm_shard_admit(const struct rsm_shard *s);

/* Append records (one or more) as one batch with this timestamp, and say when they have been
 * replayed. Records are copied. On an error nothing was appended and `done` will not be called:
 * what rsm_shard_admit says, COORDINATOR_NOT_AVAILABLE (too much in flight), the log's own. */
enum kafka_error rsm_shard_write(struct rsm_shard *s, struct rsm_write *write,
                                 const struct rsm_record *records, int32_t count,
                                 struct wall_time now) MUST_CHECK;

/* As a write of nothing: done when all that was appended before has been replayed. */
enum kafka_error rsm_shard_barrier(struct rsm_shard *s, struct rsm_write *write) MUST_CHECK;

/* What a coordinator's client is told when an append failed with `e`: 3, 7, 19, 20 become
 * COORDINATOR_NOT_AVAILABLE; 6, 56 NOT_COORDINATOR; 4, 10, 18 UNKNOWN_SERVER_ERROR. */
enum kafka_error rsm_client_error(enum kafka_error e);

/* Leadership is gone, or the node stops: every write ends with NOT_COORDINATOR before this returns.
 * The machine throws its state away. Allowed in any state. */
void rsm_shard_unload(struct rsm_shard *s);

/* Frees what is left. PRE: IDLE. */
void rsm_shard_free(struct rsm_shard *s);

#endif
