/* The only way an image changes: one record at a time.
 *
 * A record that breaks a rule of kraft.md 3.9 is refused with the image unchanged; a node that
 * meets one in its committed log must stop, because its view would differ from all others.
 * Replay reads no clock and draws no numbers. */
#ifndef SAMSA_METADATA_REPLAY_H
#define SAMSA_METADATA_REPLAY_H

#include "metadata/delta.h"
#include "protocol/metadata_record.h"

/* Apply one record. `offset` is the record's own (for records of a snapshot, the last offset that
 * it covers). `delta` may be NULL. Copies all it keeps. Begin-, End- and AbortTransaction are not
 * for an image (struct loader handles them) and refused; NoOp and ZkMigrationState change nothing.
 * Does not touch image->epoch.
 * Err: EXISTS (a topic name or an ACL twice), NOT_FOUND (unknown topic, partition or broker),
 * FENCED (another broker epoch), INVALID (anything else malformed), UNSUPPORTED (a feature level
 * beyond this release, or an unknown record). */
enum err image_replay(struct image *image, int64_t offset, const struct metadata_record *record,
                      struct delta *delta) MUST_CHECK;

/* The committed log, in order, into an image: holds back what an open transaction wrote until its
 * end, drops it on abort. Embedded by brokers, standbys and the active controller alike.
 * Owns: the held records, and the image (loader_load_done swaps it). */
struct loader {
    struct image *image;
    struct arena decoding;      /* of the record in hand */
    struct arena scratch;       /* of held ones, while a transaction ends */
    int64_t end_offset;         /* one past the last record given, held ones included */
    int64_t transaction_offset; /* of the open Begin; -1: none */
    struct loader_held *held;   /* frames of the open transaction, as written */
    int32_t held_count, held_capacity;
    struct image *loading; /* while a snapshot is read */
};

void loader_init(struct loader *l);
void loader_free(struct loader *l);

/* One data record of the log, as its frame. Records below l->end_offset were given already and are
 * skipped. After it the image's end_offset covers this record, unless a transaction holds it
 * back. Control records: loader_skip. `delta` may be NULL.
 * Err: as image_replay; CORRUPT frame; INVALID nested or unmatched transaction. */
enum err loader_apply(struct loader *l, int64_t offset, int32_t epoch, struct bytes frame,
                      struct delta *delta) MUST_CHECK;

/* The same for a record in hand. */
enum err loader_apply_record(struct loader *l, int64_t offset, int32_t epoch,
                             const struct metadata_record *record, struct delta *delta) MUST_CHECK;

/* A control record, or any other offset that carries no metadata. */
void loader_skip(struct loader *l, int64_t offset, int32_t epoch);

/* A snapshot replaces everything: begin, one call per data record, done. The old image serves
 * readers until done; then it is freed and delta->everything is set. Transactions do not appear in
 * snapshots. Err: as image_replay. loader_load_abort forgets a half-read one, and so does the
 * beginning of another. */
void loader_load_begin(struct loader *l);
enum err loader_load(struct loader *l, int64_t end_offset, struct bytes frame) MUST_CHECK;
void loader_load_done(struct loader *l, int64_t end_offset, int32_t epoch, struct delta *delta);
void loader_load_abort(struct loader *l);

/* Back to the empty image at offset 0 (a controller that lost what it had not committed). */
void loader_reset(struct loader *l);

#endif
