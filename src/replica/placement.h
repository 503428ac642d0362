/* In which directory a replica lies, will lie, and is wanted by an operator. Private to replica/.
 *
 * A partition has one current log on this node. Where a crash of Apache Kafka, which replaces logs
 * in another order than log/log_future.h, has left two, metadata says which one counts; the other
 * is a stray. A copy that was not finished goes on when its replica is hosted again; one whose log
 * is gone is no replica: it is put aside, and where metadata already counts on it the controller
 * hears that it is lost. (Apache Kafka makes it the replica, with what it has.)
 *
 * Owns the preferred directories of the manager. Thread: the loop's. */
#ifndef SAMSA_REPLICA_PLACEMENT_H
#define SAMSA_REPLICA_PLACEMENT_H

#include "replica/manager.h"

/* The log of a partition, of several the one in the directory `wanted`; NULL when there is none. */
struct log *placement_find(struct replica_manager *m, struct str topic, int32_t partition,
                           struct uuid wanted);

/* Where a new log goes: where an operator asked for, or metadata says, else the directory with the
 * fewest. NULL when it may lie in a directory that is offline, or the one asked for is: an empty
 * twin must not appear beside it. */
struct log_dir *placement_choose(struct replica_manager *m, struct str topic, int32_t partition,
                                 struct uuid wanted);

/* The log of this partition has been made: what an operator asked for is done. */
void placement_made(struct replica_manager *m, struct str topic, int32_t partition);

/* There is no log of it, but a copy that was not finished, in the very directory that metadata
 * has. */
bool placement_is_lost(struct replica_manager *m, const struct partition_target *target);

/* r has just got its log: a copy on the disk goes on. */
void placement_resume(struct replica *r, struct uuid assigned);

/* Put aside the future logs that nobody goes on with. */
void placement_put_futures_aside(struct replica_manager *m);

void placement_free(struct replica_manager *m);

#endif
