/* Batches that were written together with the one before them, ahead of their own appends. Private
 * to log/.
 *
 * A client that has several requests under way has them read by one call, and several small writes
 * cost far more than a large one. So an append may be told which batches its caller will append
 * right after it, one by one, from the same memory. Those that are checked to be fine, as far as
 * they can be by themselves, and to join each other, are written by the same call:
 *
 *     file   ... │ batch │ ahead │ ahead │
 *                ^ the segment's size while the append runs; behind it what nobody has appended
 *
 *     none ── the write that takes them along ──> ahead ── the last one is appended ──> none
 *                                                  └── anything else comes to the log,
 *                                                      or the loop's turn ends: cut off ──> none
 *
 * Each is appended by its own call all the same: decided, counted and answered there, which finds
 * that its bytes are in the file. Whoever reads the log sees nothing beyond the segment's size. A
 * crash may leave them there, as it may leave any batch that was written and not answered: so only
 * those are taken that this very leader would append next: whole, intact, of no producer or in its
 * sequence. Anything out of the ordinary (a topic that changes batches, transactions, a roll, a
 * preallocated file) is left to its own append.
 *
 * One set a directory. Owned by the log_dir; the memory is the caller's, and lasts as long as it
 * says that a batch was foreseen. Thread: the loop's. */
#ifndef SAMSA_LOG_LOG_AHEAD_H
#define SAMSA_LOG_LOG_AHEAD_H

#include "env/clock.h"
#include "log/log.h"

enum { LOG_AHEAD_MAX = APPEND_AHEAD_MAX };

struct log_write;

struct log_ahead {
    struct log *log;        /* whose file holds them; NULL: none */
    int32_t count, next;    /* of batches; the first one not appended */
    int64_t position;       /* in the segment, of that one */
    struct task turn_ended; /* posted while there may be some */
    struct {
        const uint8_t *data;
        size_t len;
        int64_t max_timestamp;
        uint8_t header[BATCH_HEADER_BYTES]; /* as written; the caller's is not touched yet */
    } batches[LOG_AHEAD_MAX];
};

void log_ahead_init(struct log_ahead *a);

/* Is this batch, which its caller says was foreseen, the next one? It has been checked, then. */
bool log_ahead_is_next(const struct log *log, const uint8_t *data, size_t len);

/* Is what is about to be written there already, byte for byte? */
bool log_ahead_holds(struct log *log, const struct log_write *w, int64_t position);

/* It was appended. */
void log_ahead_taken(struct log *log);

/* Keep the first `count` of those that are ready as written behind `position`. */
void log_ahead_written(struct log *log, int32_t count, int64_t position);

/* Cut off what was not appended; nothing to do for a log without any. Err: NO_DESCRIPTORS (they
 * stay), IO, OFFLINE. */
enum err log_ahead_drop(struct log *log) MUST_CHECK;

/* The file is gone, or cut already. */
void log_ahead_forget(struct log *log);

#endif
