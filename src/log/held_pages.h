/* What the system holds for written though it is not on the disk.
 *
 * After a sync that failed, Linux counts the pages that it could not write as clean: they are read
 * as they were meant to be, no later sync writes them, and they go with the power. A process that
 * is started again without a reboot would take them for sound. So a directory that fails is marked,
 * in a file that outlives the process, and what may be held is written again before it is used:
 *
 *   running ── an error of the disk ──> offline, marked
 *   opened and marked ── written again and synced ──> no mark; loaded as after an unclean stop
 *                     └─ an error ──> still marked; the directory cannot be opened
 *
 * The mark is made without a sync: it matters only as long as the pages do, and goes with them. One
 * that outlives a loss of power costs the next start some writing. Apache Kafka passes over it:
 * among the entries of a log directory it looks at directories only.
 *
 * Written again, the same bytes in the same place: of every log the batches that recovery will
 * take, from the recovery point's segment on; producer snapshots from there on; the small files; of
 * the metadata log also quorum-state and snapshots. Not the indexes: recovery makes those anew. A
 * crash meanwhile leaves each byte as it was held or as it is on the disk, and the mark.
 *
 * Memory: WRITE_AGAIN_BYTES and one batch. Blocks, however much there is: for the start of a node,
 * before its loop runs. Private to log/. */
#ifndef SAMSA_LOG_HELD_PAGES_H
#define SAMSA_LOG_HELD_PAGES_H

#include "log/log_dir_internal.h"

enum { WRITE_AGAIN_BYTES = 1 << 20 /* with one write */ };

/* The directory has failed: it is marked, if its disk lets us. Err: what kept us from it. */
enum err held_pages_mark(const struct log_dir *dir, enum err cause, const char *what) MUST_CHECK;

/* Write again what may be held, when the directory is marked; it is not any more on return, and
 * counts as stopped uncleanly. Err: IO, NO_SPACE, NO_DESCRIPTORS; it is marked still then, and
 * *why says which file, in the arena. */
enum err held_pages_write_again(struct log_dir *dir, struct arena *arena,
                                const char **why) MUST_CHECK;

#endif
