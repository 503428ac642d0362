/* partition.metadata: the id of the topic a directory belongs to.
 *
 *   version: 0
 *   topic_id: <22 characters>        (no end of line)
 *
 * Private to log/. */
#ifndef SAMSA_LOG_PARTITION_METADATA_H
#define SAMSA_LOG_PARTITION_METADATA_H

#include "base/uuid.h"
#include "env/disk.h"

/* Err: NOT_FOUND, CORRUPT, IO. */
enum err partition_metadata_read(struct disk *disk, const char *path, struct arena *arena,
                                 struct uuid *topic_id) MUST_CHECK;

/* Not durable on return: the log syncs the file and its directory in time. Renamed into place, so
 * that a process that dies here leaves no half file. */
enum err partition_metadata_write(struct disk *disk, const char *path,
                                  struct uuid topic_id) MUST_CHECK;

#endif
