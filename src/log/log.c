#include "log/log.h"

#include <stdio.h>

#include "base/mark.h"
#include "base/mem.h"
#include "log/log_internal.h"
#include "log/partition_metadata.h"

struct log *log_new(struct log_dir *dir, struct str topic, int32_t partition,
                    struct log_config *config)
{
    struct log *log = MEM_NEW(struct log);
    log->dir = dir;
    log->topic = mem_dup(topic.data, (size_t)topic.len);
    log->topic_len = topic.len;
    log->partition = partition;
    log->config = log_config_ref(config);
    log->snapshot_offset = NO_OFFSET;
    log->index = -1;
    list_init(&log->open_node);
    list_init(&log->new_node);
    list_init(&log->flushes);
    return log;
}

void log_free(struct log *log)
{
    log_ahead_forget(log);
    log_flush_forget(&log->rolled);
    LIST_EACH(&log->flushes, node) {
        struct log_flush *f = CONTAINER_OF(node, struct log_flush, node);
        list_remove(&f->node);
        f->log = NULL; /* its completion tells CLOSED */
    }
    log_close_files(log);
    list_remove(&log->new_node);
    for (int32_t i = 0; i < log->segments_count; i++) segment_free(&log->segments[i]);
    mem_free(log->segments);
    mem_free(log->tail);
    epoch_cache_free(&log->epochs);
    producer_state_free(log->producers);
    log_config_unref(log->config);
    mem_free(log->topic);
    mem_free(log->future);
    mem_free(log);
}

enum err log_io_failed(struct log *log, enum err e, const char *what)
{
    if (e == ERR_NO_DESCRIPTORS || e == ERR_NO_SPACE || e == ERR_OFFLINE) return e;
    log_dir_fail(log->dir, e, what);
    return ERR_IO;
}

enum err log_read_failed(struct log *log, enum err e, const char *what)
{
    bool unread = e == ERR_IO || e == ERR_NO_DESCRIPTORS || e == ERR_OFFLINE;
    return log_io_failed(log, unread ? e : ERR_CORRUPT, what);
}

/* ---- what it is ---- */

struct str log_topic(const struct log *log)
{
    return (struct str){log->topic, log->topic_len};
}

int32_t log_partition(const struct log *log)
{
    return log->partition;
}

struct uuid log_topic_id(const struct log *log)
{
    return log->topic_id;
}

struct log_dir *log_directory(const struct log *log)
{
    return log->dir;
}

const struct log_config *log_config_of(const struct log *log)
{
    return log->config;
}

void log_set_config(struct log *log, struct log_config *config)
{
    log_config_ref(config);
    log_config_unref(log->config);
    log->config = config;
}

enum err log_set_topic_id(struct log *log, struct uuid id)
{
    PRE(!uuid_is_zero(id));
    if (log->dir->offline) return ERR_OFFLINE;
    if (!uuid_is_zero(log->topic_id)) return uuid_equal(log->topic_id, id) ? ERR_OK : ERR_INVALID;
    log->topic_id = id;
    log->id_written = log->id_synced = false;
    if (log->segments_count > 0) {
        enum err e = log_write_id(log);
        if (e) return e;
    }
    if (!list_linked(&log->new_node)) list_push_back(&log->dir->new_logs, &log->new_node);
    log_dir_arm(log->dir);
    return ERR_OK;
}

enum err log_write_id(struct log *log)
{
    if (log->id_written || uuid_is_zero(log->topic_id)) return ERR_OK;
    struct log_path path;
    log_path_of(log, "partition.metadata", &path);
    enum err e = partition_metadata_write(log->dir->env->disk, path.z, log->topic_id);
    if (e) return log_io_failed(log, e, path.z);
    log->id_written = true;
    return ERR_OK;
}

enum err log_sync_id(struct log *log)
{
    if (log->id_synced) return ERR_OK;
    enum err written = log_write_id(log);
    if (written) return written;
    struct disk *disk = log->dir->env->disk;
    struct log_path path;
    struct disk_file *file;
    log_path_of(log, "partition.metadata", &path);
    enum err e = disk_open(disk, path.z, DISK_WRITE, &file);
    if (!e) {
        e = disk_sync(file);
        disk_file_unref(file);
    } else if (e == ERR_NOT_FOUND) {
        e = ERR_OK; /* a log without an id */
    }
    log_dir_path_of(log, &path);
    if (!e) e = disk_sync_dir(disk, path.z);
    if (!e) e = disk_sync_dir(disk, log->dir->path);
    if (e) return log_io_failed(log, e, path.z);
    for (int32_t i = 0; i < log->segments_count; i++) log->segments[i].name_synced = true;
    log->id_synced = true;
    list_remove(&log->new_node);
    return ERR_OK;
}

/* ---- offsets ---- */

int64_t log_start_offset(const struct log *log)
{
    return log->start_offset;
}

int64_t log_end_offset(const struct log *log)
{
    return log->end_offset;
}

int64_t log_high_watermark(const struct log *log)
{
    return log->high_watermark;
}

int64_t log_recovery_point(const struct log *log)
{
    return log->recovery_point;
}

int64_t log_size_bytes(const struct log *log)
{
    int64_t size = 0;
    for (int32_t i = 0; i < log->segments_count; i++) size += log->segments[i].size;
    return size;
}

int64_t log_active_segment_base(const struct log *log)
{
    return log->segments_count ? log->segments[log->segments_count - 1].base_offset
                               : log->start_offset;
}

int64_t log_first_unstable_offset(const struct log *log)
{
    if (!log->producers) return NO_OFFSET;
    int64_t first = producer_state_first_unstable(log->producers);
    return first != NO_OFFSET && first < log->start_offset ? log->start_offset : first;
}

int64_t log_last_stable_offset(const struct log *log)
{
    int64_t first = log_first_unstable_offset(log);
    return first != NO_OFFSET && first < log->high_watermark ? first : log->high_watermark;
}

int64_t log_set_high_watermark(struct log *log, int64_t offset)
{
    if (offset > log->end_offset) offset = log->end_offset;
    if (offset < log->start_offset) offset = log->start_offset;
    log->high_watermark = offset;
    if (log->producers) producer_state_high_watermark(log->producers, offset);
    return offset;
}

/* ---- leader epochs ---- */

int32_t log_latest_epoch(const struct log *log)
{
    return epoch_cache_latest(&log->epochs);
}

enum err log_assign_epoch(struct log *log, int32_t epoch, int64_t start_offset)
{
    PRE(epoch >= 0 && start_offset <= log->end_offset);
    if (log->dir->offline) return ERR_OFFLINE;
    epoch_cache_assign(&log->epochs, epoch, start_offset);
    return ERR_OK;
}

struct epoch_end log_epoch_end(const struct log *log, int32_t epoch)
{
    return epoch_cache_end_of(&log->epochs, epoch, log->end_offset);
}

int32_t log_epoch_at(const struct log *log, int64_t offset)
{
    return epoch_cache_at(&log->epochs, offset);
}

enum err log_write_epochs(struct log *log)
{
    if (!log->epochs.dirty) return ERR_OK;
    struct log_path path;
    log_path_of(log, "leader-epoch-checkpoint", &path);
    enum err e =
        epoch_checkpoint_write(log->dir->env->disk, path.z, log->epochs.entries, log->epochs.count);
    if (e) return log_io_failed(log, e, path.z);
    log->epochs.dirty = false;
    return ERR_OK;
}

/* ---- producers ---- */

enum err log_producers(struct log *log, struct arena *arena, struct log_producer **producers,
                       int32_t *count)
{
    *count = log->producers ? log->producers->count : 0;
    *producers = ARENA_ARRAY(arena, struct log_producer, *count);
    for (int32_t i = 0; i < *count; i++) {
        const struct producer_entry *e = &log->producers->entries[i];
        (*producers)[i] = (struct log_producer){
            .producer_id = e->producer_id,
            .producer_epoch = e->epoch,
            .last_sequence =
                e->batches_count ? e->batches[e->batches_count - 1].last_sequence : NO_SEQUENCE,
            .last_timestamp = e->last_timestamp,
            .coordinator_epoch = e->coordinator_epoch,
            .current_txn_start_offset = e->txn_first_offset,
        };
    }
    return log->dir->offline ? ERR_OFFLINE : ERR_OK;
}

/* What a marker batch says. Err: CORRUPT. */
static enum err marker_of(const struct batch_header *h, const uint8_t *data, bool *is_marker,
                          bool *aborted, int32_t *coordinator_epoch)
{
    struct record_iterator it;
    struct record r;
    bool more;
    int16_t type;
    record_iterator_init(&it, h,
                         (struct bytes){data + BATCH_HEADER_BYTES, h->size - BATCH_HEADER_BYTES});
    *is_marker = false;
    if (h->count == 0) return ERR_OK; /* compacted to its header */
    enum err e = record_iterator_next(&it, &r, &more);
    if (!e) e = control_record_type(r.key, &type);
    if (e || (type != CONTROL_ABORT && type != CONTROL_COMMIT)) return e;
    *is_marker = true;
    *aborted = type == CONTROL_ABORT;
    return end_txn_marker_epoch(r.value, coordinator_epoch);
}

enum err log_replay_batch(struct log *log, const struct batch_header *h, const uint8_t *data,
                          bool index_transactions)
{
    if (h->leader_epoch >= 0 && h->leader_epoch > epoch_cache_latest(&log->epochs))
        epoch_cache_assign(&log->epochs, h->leader_epoch, h->base_offset);
    if (h->producer_id < 0 || h->magic < BATCH_MAGIC) return ERR_OK;
    if (!log->producers) log->producers = producer_state_new();
    if (!batch_is(h, BATCH_CONTROL) && !MUTANT(FOLLOWERS_FORGET_PRODUCERS)) {
        producer_state_add(log->producers, h);
        return ERR_OK;
    }
    bool is_marker, aborted;
    int32_t coordinator_epoch;
    struct completed_transaction done;
    enum err e = marker_of(h, data, &is_marker, &aborted, &coordinator_epoch);
    if (e || !is_marker) return e;
    if (!producer_state_add_marker(log->producers, h, aborted, coordinator_epoch, &done) ||
        !aborted || !index_transactions)
        return ERR_OK;
    struct segment *s = log_segment_for(log, h->base_offset);
    INVARIANT(s);
    struct txn_entry entry = {done.producer_id, done.first_offset, done.last_offset,
                              producer_state_stable_after(log->producers, &done)};
    struct log_path path;
    log_segment_path(log, s->base_offset, ".txnindex", &path);
    e = txn_index_append(log->dir->env->disk, path.z, &entry);
    if (e) return log_io_failed(log, e, path.z);
    s->has_txn_index = true;
    return ERR_OK;
}

enum err log_write_snapshot(struct log *log, int64_t offset, bool sync)
{
    if (log->snapshot_offset == offset) return ERR_OK;
    struct byte_buffer b = {0};
    struct log_path path;
    struct disk_file *file;
    producer_state_encode(log->producers, &b);
    log_segment_path(log, offset, ".snapshot", &path);
    enum err e =
        disk_open(log->dir->env->disk, path.z, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file);
    if (!e) {
        e = disk_write_bytes(file, 0, b.data, b.len);
        if (!e && sync) e = disk_sync(file);
        disk_file_unref(file);
    }
    byte_buffer_free(&b);
    if (e) return log_io_failed(log, e, path.z);
    log->snapshot_offset = offset;
    return ERR_OK;
}
