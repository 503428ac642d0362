/* What a log knows of its producers: sequences for idempotence (KIP-98), open transactions for the
 * last stable offset. Made by the first batch that has a producer id; a log without has none.
 *
 * The snapshot file keeps every batch of a producer that is kept in memory, as an entry each,
 * oldest first: Apache Kafka, which writes and wants the last one only, takes the last entry of an
 * id. So a retry is known as one over a restart too (S13). Private to log/. */
#ifndef SAMSA_LOG_PRODUCER_STATE_H
#define SAMSA_LOG_PRODUCER_STATE_H

#include "log/log.h"

enum { PRODUCER_BATCHES_KEPT = 5, REFUSED_KEPT_MAX = 1024 };

struct producer_batch {
    int64_t last_offset;
    int64_t timestamp;
    int32_t last_sequence;
    int32_t offset_delta;
};

struct producer_entry {
    int64_t producer_id;
    int64_t last_timestamp;
    int64_t txn_first_offset; /* NO_OFFSET: none open */
    int32_t coordinator_epoch;
    int16_t epoch;
    int8_t batches_count;
    struct producer_batch batches[PRODUCER_BATCHES_KEPT]; /* oldest first */
};

struct completed_transaction {
    int64_t producer_id;
    int64_t first_offset;
    int64_t last_offset; /* of the marker */
    bool aborted;
};

/* A batch that found no room. Those behind it in the same pipeline are refused as it was until it
 * comes again: told that they are out of order, a client would give its producer a new epoch, and
 * what it has under way to other partitions would be written there twice. */
struct refused_batch {
    int64_t producer_id;
    int32_t sequence;
    int16_t epoch;
};

struct producer_state {
    struct producer_entry *entries; /* dense; a removal moves the last one into the hole */
    int32_t count, capacity;
    uint32_t *slots; /* index + 1, 0 free; linear probing */
    uint32_t slots_count;
    int64_t first_open; /* smallest txn_first_offset; NO_OFFSET when none is open */
    struct completed_transaction *unreplicated; /* ended, marker not below the high watermark */
    int32_t unreplicated_count, unreplicated_capacity;
    struct refused_batch *refused; /* one a producer; beyond REFUSED_KEPT_MAX none is kept */
    int32_t refused_count, refused_capacity;
};

struct producer_state *producer_state_new(void);
void producer_state_free(struct producer_state *s);
void producer_state_clear(struct producer_state *s);

/* NULL when not known. Valid until the next change. */
struct producer_entry *producer_state_find(const struct producer_state *s, int64_t producer_id);

/* May this batch be appended? For a retry of a kept batch, *duplicate is it (else NULL) and the
 * answer is APPEND_OK. `s` may be NULL. */
enum append_error producer_state_check(const struct producer_state *s, const struct batch_header *h,
                                       enum append_origin origin,
                                       const struct producer_batch **duplicate);

/* The batch was as it should be, and found no room. */
void producer_state_refused(struct producer_state *s, const struct batch_header *h);

/* May this marker be appended? */
enum append_error producer_state_check_marker(const struct producer_state *s,
                                              const struct batch_header *h,
                                              int32_t coordinator_epoch);

/* The batch has been appended (or replayed). */
void producer_state_add(struct producer_state *s, const struct batch_header *h);

/* The marker has been. True and *done set when it ended a transaction that wrote here. */
bool producer_state_add_marker(struct producer_state *s, const struct batch_header *h, bool aborted,
                               int32_t coordinator_epoch, struct completed_transaction *done);

/* The last stable offset once `done` counts as complete: what a .txnindex entry carries. */
int64_t producer_state_stable_after(const struct producer_state *s,
                                    const struct completed_transaction *done);

/* Markers below it no longer hold back the last stable offset. */
void producer_state_high_watermark(struct producer_state *s, int64_t offset);

int64_t producer_state_first_unstable(const struct producer_state *s);

/* Forget idle producers without an open transaction. */
void producer_state_expire(struct producer_state *s, int64_t now_ms, int64_t expiration_ms);

/* The bytes of a snapshot file, appended to `to`. `s` may be NULL: an empty one. */
void producer_state_encode(const struct producer_state *s, struct byte_buffer *to);

/* Into a cleared state, leaving out expired ones. Err: CORRUPT, UNSUPPORTED; the state is empty
 * then. */
enum err producer_state_decode(struct producer_state *s, struct bytes file, int64_t now_ms,
                               int64_t expiration_ms) MUST_CHECK;

#endif
