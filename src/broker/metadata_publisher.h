/* Committed metadata, into this broker: records into its image, and what changed into action.
 *
 *   CATCHING_UP ── metadata_publisher_go_live ──> LIVE
 *
 * While catching up only the image moves. Going live acts on the whole image at once: every
 * partition assigned here becomes leader or follower, logs that nobody assigned are put aside.
 * Afterwards each run of committed records is acted on as it comes, in this order (kraft.md 5.2):
 * topics and partitions, configurations, registrations.
 *
 * Owns: the broker's image. Thread: the loop's. */
#ifndef SAMSA_BROKER_METADATA_PUBLISHER_H
#define SAMSA_BROKER_METADATA_PUBLISHER_H

#include "broker/broker.h"
#include "metadata/replay.h"

struct metadata_publisher;

struct metadata_publisher *metadata_publisher_create(struct broker *b, struct config *config);
void metadata_publisher_destroy(struct metadata_publisher *p);

/* The image; it is replaced when a snapshot is loaded: read it anew each time. */
const struct image *metadata_publisher_image(const struct metadata_publisher *p);

/* Offset of the last record applied; -1 before the first. */
int64_t metadata_publisher_offset(const struct metadata_publisher *p);

/* One committed record, then metadata_publisher_flush at the end of the run. Any error is fatal to
 * the node: its view would differ from all others (S23). */
enum err metadata_publisher_record(struct metadata_publisher *p, int64_t offset, int32_t epoch,
                                   struct bytes frame) MUST_CHECK;
void metadata_publisher_skip(struct metadata_publisher *p, int64_t offset, int32_t epoch);

/* A snapshot: begin, each data record, done. */
void metadata_publisher_load_begin(struct metadata_publisher *p);
enum err metadata_publisher_load(struct metadata_publisher *p, int64_t end_offset,
                                 struct bytes frame) MUST_CHECK;
void metadata_publisher_load_done(struct metadata_publisher *p, int64_t end_offset, int32_t epoch);

/* The end of a run of records: act on what changed. */
void metadata_publisher_flush(struct metadata_publisher *p);

/* Logs are loaded and the image holds our registration. */
void metadata_publisher_go_live(struct metadata_publisher *p);

#endif
