/* Leader epochs that never were: a bit of a batch's epoch, which no checksum covers, was read
 * wrongly.
 *
 * Metadata knows the latest epoch a partition has had, so an epoch above it is no leader's. The
 * records are sound, and may be acknowledged and here alone: nothing is cut. The batch gets an
 * epoch that fits back, in place; left as it is, followers would refuse it, and all behind it, for
 * ever (as Apache Kafka's do). Which one that is: the one before it, or else one between that and
 * the latest that is a single bit away. Where that guess is wrong, a follower's fetch finds that
 * the epochs differ, and takes the batch anew. */
#include "log/log_write.h"

#include <inttypes.h>

enum { EPOCH_BITS = 31, LEADER_EPOCH_AT = 12 };

static int32_t likely_epoch(const struct log *log, int32_t read, int32_t epoch_max)
{
    int32_t before = epoch_cache_latest(&log->epochs);
    for (int bit = 0; bit < EPOCH_BITS; bit++)
        if ((read ^ INT32_C(1) << bit) == before) return before;
    for (int bit = EPOCH_BITS; bit-- > 0;) {
        int32_t epoch = read ^ INT32_C(1) << bit;
        if (epoch > before && epoch <= epoch_max) return epoch;
    }
    return before == NO_LEADER_EPOCH ? 0 : before;
}

static enum err rewrite(struct log *log, struct disk_file *file, int64_t position,
                        struct batch_header *h, int32_t epoch)
{
    trace_warn(log->dir->env->trace, "log",
               "%.*s-%d: the batch at offset %" PRId64 " was read with leader epoch %d, which this "
               "partition has not had; it is of epoch %d from now on",
               (int)log->topic_len, log->topic, log->partition, h->base_offset, h->leader_epoch,
               epoch);
    uint8_t bytes[4];
    store_be32(bytes, (uint32_t)epoch);
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof bytes};
    h->leader_epoch = epoch;
    enum err e = disk_write(file, position + LEADER_EPOCH_AT, &iov, 1);
    return e ? log_io_failed(log, e, "leader epoch") : ERR_OK;
}

enum err log_mend_batch(struct log *log, struct segment *s, int64_t position,
                        struct batch_header *h)
{
    struct disk_file *file;
    enum err e = segment_open(log, s, &file);
    int32_t epoch = epoch_cache_at(&log->epochs, h->base_offset);
    return e ? e : rewrite(log, file, position, h, epoch == NO_LEADER_EPOCH ? 0 : epoch);
}

/* Batches from `from` on tell their epochs again. */
static enum err mend_segment(struct log *log, struct segment *s, int64_t from, int32_t epoch_max)
{
    struct batch_header h;
    struct disk_file *file;
    bool mended = false;
    int64_t position = 0;
    enum err e = segment_find(log, s, from, &position, &h);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (!e) e = segment_open(log, s, &file);
    if (e) return e;
    struct batch_scan scan;
    batch_scan_init(&scan, file, position, s->size, NULL);
    while (!(e = batch_scan_next(&scan, &h, NULL))) {
        if (h.magic >= BATCH_MAGIC && h.leader_epoch > epoch_max) {
            e = rewrite(log, file, scan.position, &h, likely_epoch(log, h.leader_epoch, epoch_max));
            if (e) return e;
            mended = true;
        }
        if (h.leader_epoch > epoch_cache_latest(&log->epochs))
            epoch_cache_assign(&log->epochs, h.leader_epoch, h.base_offset);
    }
    if (e == ERR_EOF) e = mended ? disk_sync(file) : ERR_OK;
    return e ? log_io_failed(log, e, "leader epochs") : ERR_OK;
}

enum err log_mend_epochs(struct log *log, int32_t epoch_max)
{
    PRE(epoch_max >= 0);
    if (log->dir->offline) return ERR_OFFLINE;
    struct epoch_cache *c = &log->epochs;
    if (epoch_cache_latest(c) <= epoch_max) return ERR_OK;
    int32_t sound = c->count;
    while (sound > 0 && c->entries[sound - 1].epoch > epoch_max) sound--;
    int64_t from = c->entries[sound].start_offset;
    epoch_cache_truncate_end(c, from);
    struct segment *s = log_segment_for(log, from);
    if (!s && log->segments_count) s = log->segments;
    for (; s && s <= log_active(log); s++) {
        enum err e = s->size ? mend_segment(log, s, from, epoch_max) : ERR_OK;
        if (e) return e;
    }
    POST(epoch_cache_latest(c) <= epoch_max);
    return ERR_OK;
}
