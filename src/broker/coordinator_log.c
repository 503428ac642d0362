#include "broker/coordinator_log.h"

static struct coordinator_log *self_of(struct rsm_log *log)
{
    return CONTAINER_OF(log, struct coordinator_log, log);
}

static int64_t log_start(struct rsm_log *log)
{
    return self_of(log)->replica->core.log_start_offset;
}

static int64_t log_end(struct rsm_log *log)
{
    return self_of(log)->replica->core.log_end_offset;
}

static int64_t high_watermark(struct rsm_log *log)
{
    return self_of(log)->replica->core.high_watermark;
}

static enum err read_batches(struct rsm_log *log, int64_t offset, int64_t end_offset,
                             int64_t bytes_max, struct arena *arena, struct bytes *batches)
{
    struct replica *r = self_of(log)->replica;
    if (!r->log) return ERR_OFFLINE;
    return log_read_batches(r->log, offset, end_offset, bytes_max, arena, batches);
}

/* Wait for whatever is in the log and not committed yet. */
static void wait_for_end(struct coordinator_log *l)
{
    const struct partition *p = &l->replica->core;
    if (list_linked(&l->wait.node) || p->high_watermark >= p->log_end_offset) return;
    l->wait.offset = p->log_end_offset;
    replica_wait_committed(l->replica, &l->wait);
}

static void reached(struct offset_wait *w, enum kafka_error error)
{
    struct coordinator_log *l = CONTAINER_OF(w, struct coordinator_log, wait);
    if (error) return; /* leadership went; the coordinator is told to resign */
    l->moved(l);
    wait_for_end(l);
}

static enum kafka_error append(struct rsm_log *log, uint8_t *batch, size_t len, int64_t *end_offset)
{
    enum { ACKS_ALL = -1 };
    struct coordinator_log *l = self_of(log);
    struct append_result result;
    arena_reset(&l->errors);
    enum kafka_error e = replica_append(l->replica, ACKS_ALL, APPEND_FROM_COORDINATOR, batch, len,
                                        &l->errors, &result);
    if (e) return e;
    *end_offset = result.last_offset + 1;
    wait_for_end(l);
    return KAFKA_NONE;
}

static const struct rsm_log_ops ops = {
    .start_offset = log_start,
    .end_offset = log_end,
    .high_watermark = high_watermark,
    .read = read_batches,
    .append = append,
};

void coordinator_log_init(struct coordinator_log *l, struct replica *replica,
                          void (*moved)(struct coordinator_log *), void *owner)
{
    l->log.ops = &ops;
    l->replica = replica;
    l->moved = moved;
    l->owner = owner;
    arena_init(&l->errors, 0);
    offset_wait_init(&l->wait, 0, reached);
    wait_for_end(l);
}

void coordinator_log_close(struct coordinator_log *l)
{
    offset_wait_cancel(&l->wait);
    arena_free(&l->errors);
}
