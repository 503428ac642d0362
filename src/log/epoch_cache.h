/* Where each leader epoch began in a log (KIP-101): a short array, both columns rising.
 *
 * In memory; the log writes it to leader-epoch-checkpoint no later than the recovery point passes a
 * change, because behind the recovery point batches tell the epochs again. Private to log/. */
#ifndef SAMSA_LOG_EPOCH_CACHE_H
#define SAMSA_LOG_EPOCH_CACHE_H

#include "log/checkpoint.h"
#include "log/log.h"

struct epoch_cache {
    struct epoch_entry *entries;
    int32_t count, capacity;
    bool dirty; /* differs from the file */
};

void epoch_cache_free(struct epoch_cache *c);

/* Take entries that were read; those that break the order drop what stood before. */
void epoch_cache_load(struct epoch_cache *c, const struct epoch_entry *entries, int32_t count);

/* A no-op when the last entry has this epoch and starts at or before; else entries with an epoch
 * or a start at or above go first. */
void epoch_cache_assign(struct epoch_cache *c, int32_t epoch, int64_t start_offset);

int32_t epoch_cache_latest(const struct epoch_cache *c);

struct epoch_end epoch_cache_end_of(const struct epoch_cache *c, int32_t epoch,
                                    int64_t log_end_offset);

int32_t epoch_cache_at(const struct epoch_cache *c, int64_t offset);

/* Drop entries starting at or above `offset`. */
void epoch_cache_truncate_end(struct epoch_cache *c, int64_t offset);

/* Drop what lies below `offset`; the epoch that covers it now starts there. */
void epoch_cache_truncate_start(struct epoch_cache *c, int64_t offset);

void epoch_cache_clear(struct epoch_cache *c);

#endif
