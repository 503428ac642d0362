#include "replica/manager.h"

#include "base/mark.h"
#include "base/mem.h"

/* ---- life ---- */

struct replica *replica_new(struct replica_manager *m, struct replica_topic *t, int32_t partition)
{
    struct replica *r = MEM_NEW(struct replica);
    r->manager = m;
    r->topic = t;
    r->partition = partition;
    r->proposed_epoch = -1;
    partition_init(&r->core, 0, 0, 0, t->isr_min);
    purgatory_init(&r->purgatory);
    following_init(&r->following);
    r->following.topic_id = t->id;
    r->following.partition = partition;
    list_init(&r->moved);
    list_init(&r->replicated);
    list_init(&r->proposing);
    m->replicas_count++;
    return r;
}

void replica_open(struct replica *r, struct log *log)
{
    PRE(!r->log && r->core.role == PARTITION_IDLE);
    r->log = log;
    partition_init(&r->core, log_start_offset(log), log_end_offset(log), log_high_watermark(log),
                   r->topic->isr_min);
    log_set_high_watermark(log, r->core.high_watermark);
    r->told_high_watermark = r->core.high_watermark;
    r->told_stable_offset = log_last_stable_offset(log);
}

void replica_free(struct replica *r, enum kafka_error error)
{
    replica_move_drop(r);
    replica_unfollow(r);
    purgatory_fail(&r->purgatory.high_waits, error);
    purgatory_fail(&r->purgatory.low_waits, error);
    struct replica_movement gone = {.look_again = true, .gone = true};
    purgatory_moved(&r->purgatory, &gone);
    list_remove(&r->moved);
    list_remove(&r->replicated);
    list_remove(&r->proposing);
    partition_free(&r->core);
    r->manager->replicas_count--;
    mem_free(r);
}

/* ---- effects ---- */

static void watermark_moved(struct replica *r)
{
    const struct partition *p = &r->core;
    r->movement.watermark_moved = true;
    if (r->log) log_set_high_watermark(r->log, p->high_watermark);
    if (p->high_watermark == p->log_end_offset) {
        if (r->movement.visible_bytes >= 0) r->movement.visible_bytes += r->unseen_bytes;
        r->unseen_bytes = 0;
    } else {
        r->movement.visible_bytes = -1; /* some; nobody counted which */
    }
}

void replica_effects(struct replica *r, unsigned effects)
{
    struct replica_manager *m = r->manager;
    if (effects & PARTITION_EPOCH_BEGAN) {
        /* A failure here is an I/O error: the log has taken its directory offline, which reaches us
         * from the loop; until then appends fail by themselves. */
        enum err e =
            r->log ? log_assign_epoch(r->log, r->core.leader_epoch, r->core.epoch_start_offset)
                   : ERR_OFFLINE;
        if (e)
            trace_error(m->env.trace, "Partition", "%.*s-%d: leader epoch %d not recorded: %s",
                        STR_ARG(r->topic->name), r->partition, r->core.leader_epoch, err_text(e));
    }
    if (effects & PARTITION_HIGH_WATERMARK_MOVED) watermark_moved(r);
    if (effects & PARTITION_PROPOSE) {
        if (!list_linked(&r->proposing)) list_push_back(&m->proposing, &r->proposing);
        task_post(m->env.clock, &m->proposals_task);
    }
    if (effects & PARTITION_LEADERSHIP_MOVED) r->movement.look_again = true;
    r->effects |= effects;
    if (r->move) replica_move_wake(r);
    if (!effects || list_linked(&r->moved)) return;
    list_push_back(&m->moved, &r->moved);
    task_post(m->env.clock, &m->tell_task);
}

void replica_touch(struct replica *r)
{
    struct replica_manager *m = r->manager;
    if (r->move) replica_move_wake(r);
    if (list_linked(&r->moved)) return;
    list_push_back(&m->moved, &r->moved);
    task_post(m->env.clock, &m->tell_task);
}

void replica_sync_log_start(struct replica *r)
{
    if (!r->log) return;
    int64_t start = log_start_offset(r->log);
    if (start <= r->core.log_start_offset) return;
    /* Who waits below it must hear, and followers are to delete too. */
    r->movement.look_again = true;
    replica_effects(r, partition_log_start_moved(&r->core, start));
}

static void count_stable(struct replica *r, struct replica_movement *movement)
{
    int64_t stable = r->log ? log_last_stable_offset(r->log) : r->told_stable_offset;
    bool level = r->told_stable_offset == r->told_high_watermark;
    if (level && stable == r->core.high_watermark)
        movement->stable_bytes = movement->visible_bytes;
    else
        movement->stable_bytes = stable > r->told_stable_offset ? -1 : 0;
    r->told_stable_offset = stable;
    r->told_high_watermark = r->core.high_watermark;
}

void replica_tell(struct replica *r)
{
    struct replica_manager *m = r->manager;
    struct replica_movement movement = r->movement;
    unsigned effects = r->effects;
    r->movement = (struct replica_movement){0};
    r->effects = 0;
    count_stable(r, &movement);
    if (effects & PARTITION_LEADERSHIP_MOVED && r->core.role != PARTITION_LEADER) {
        enum kafka_error e = r->core.role == PARTITION_OFFLINE ? KAFKA_KAFKA_STORAGE_ERROR
                                                               : KAFKA_NOT_LEADER_OR_FOLLOWER;
        purgatory_fail(&r->purgatory.high_waits, e);
        purgatory_fail(&r->purgatory.low_waits, e);
    }
    if (effects & PARTITION_HIGH_WATERMARK_MOVED)
        purgatory_reached(&r->purgatory.high_waits, r->core.high_watermark,
                          partition_ack(&r->core));
    if (effects & PARTITION_LOW_WATERMARK_MOVED && !list_empty(&r->purgatory.low_waits))
        purgatory_reached(&r->purgatory.low_waits, replica_low_watermark(r), KAFKA_NONE);
    purgatory_moved(&r->purgatory, &movement);
    if (effects & PARTITION_LEADERSHIP_MOVED && m->events.leadership_moved)
        m->events.leadership_moved(m->owner, r);
}

void replica_wrote(struct replica *r, enum append_error e)
{
    struct replica_manager *m = r->manager;
    if (e == APPEND_OK) r->no_room = false;
    if (e != APPEND_NO_SPACE) return;
    r->no_room_last = clock_mono(m->env.clock);
    if (!r->no_room) r->no_room_since = r->no_room_last;
    r->no_room = true;
    if (m->events.no_room) m->events.no_room(m->owner, r);
}

/* ---- produce ---- */

static enum kafka_error append_verdict(enum append_error e)
{
    switch (e) {
    case APPEND_OK: return KAFKA_NONE;
    case APPEND_CORRUPT: return KAFKA_CORRUPT_MESSAGE;
    case APPEND_INVALID_RECORD: return KAFKA_INVALID_RECORD;
    case APPEND_INVALID_TIMESTAMP: return KAFKA_INVALID_TIMESTAMP;
    case APPEND_MESSAGE_TOO_LARGE: return KAFKA_MESSAGE_TOO_LARGE;
    case APPEND_RECORD_LIST_TOO_LARGE: return KAFKA_RECORD_LIST_TOO_LARGE;
    case APPEND_DECOMPRESSION: return KAFKA_UNKNOWN_SERVER_ERROR;
    case APPEND_INVALID_PRODUCER_EPOCH: return KAFKA_INVALID_PRODUCER_EPOCH;
    case APPEND_OUT_OF_ORDER_SEQUENCE: return KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
    case APPEND_INVALID_TXN_STATE: return KAFKA_INVALID_TXN_STATE;
    case APPEND_COORDINATOR_FENCED: return KAFKA_TRANSACTION_COORDINATOR_FENCED;
    case APPEND_UNSUPPORTED_FORMAT: return KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT;
    case APPEND_OFFSET_OUT_OF_ORDER: return KAFKA_UNKNOWN_SERVER_ERROR;
    case APPEND_NO_SPACE:
    case APPEND_STORAGE: return KAFKA_KAFKA_STORAGE_ERROR;
    }
    UNREACHABLE();
}

static enum kafka_error append(struct replica *r, int16_t acks, struct append_options *options,
                               uint8_t *data, size_t len, struct append_result *result)
{
    *result = (struct append_result){
        .base_offset = -1, .last_offset = -1, .log_append_time_ms = -1, .log_start_offset = -1};
    enum kafka_error e = partition_admit_append(&r->core, acks);
    if (!e && replica_turns_away(r)) e = KAFKA_NOT_LEADER_OR_FOLLOWER;
    if (e) return e;
    if (!r->log) return KAFKA_KAFKA_STORAGE_ERROR;
    replica_sync_log_start(r);
    options->leader_epoch = r->core.leader_epoch;
    log_append_as_leader(r->log, data, len, options, result);
    if (!result->duplicate) replica_wrote(r, result->error);
    if (result->error || result->duplicate) return append_verdict(result->error);
    r->movement.appended_bytes += (int64_t)len;
    r->unseen_bytes += (int64_t)len;
    if (result->rolled) r->movement.look_again = true;
    unsigned effects =
        partition_appended(&r->core, manager_world(r->manager), log_end_offset(r->log));
    replica_effects(r, effects);
    replica_touch(r);
    return KAFKA_NONE;
}

enum kafka_error replica_append(struct replica *r, int16_t acks, enum append_origin origin,
                                uint8_t *data, size_t len, struct arena *arena,
                                struct append_result *result)
{
    struct append_options options = {.origin = origin, .arena = arena};
    return append(r, acks, &options, data, len, result);
}

enum kafka_error replica_append_one_of(struct replica *r, int16_t acks, uint8_t *data, size_t len,
                                       const struct append_ahead *ahead, bool foreseen,
                                       struct arena *arena, struct append_result *result)
{
    struct append_options options = {
        .origin = APPEND_FROM_CLIENT, .arena = arena, .ahead = ahead, .foreseen = foreseen};
    return append(r, acks, &options, data, len, result);
}

void replica_wait_committed(struct replica *r, struct offset_wait *w)
{
    purgatory_wait(&r->purgatory.high_waits, w);
    if (!replica_committed(r, w->offset) && r->core.role == PARTITION_LEADER) return;
    /* Already decided: the next telling ends it. */
    r->effects |= r->core.role == PARTITION_LEADER ? PARTITION_HIGH_WATERMARK_MOVED
                                                   : PARTITION_LEADERSHIP_MOVED;
    replica_touch(r);
}

/* ---- fetch ---- */

static enum kafka_error storage_verdict(enum err e)
{
    switch (e) {
    case ERR_OK: return KAFKA_NONE;
    case ERR_OUT_OF_RANGE: return KAFKA_OFFSET_OUT_OF_RANGE;
    case ERR_CORRUPT:
    case ERR_CRC: return KAFKA_CORRUPT_MESSAGE;
    default: return KAFKA_KAFKA_STORAGE_ERROR;
    }
}

/* KIP-320: does the fetcher's log differ from ours before its fetch offset? */
static enum kafka_error check_divergence(const struct replica *r,
                                         const struct replica_read_options *o,
                                         struct replica_read *read)
{
    struct epoch_end end = log_epoch_end(r->log, o->last_fetched_epoch);
    if (end.epoch == NO_LEADER_EPOCH || end.end_offset == NO_OFFSET)
        return KAFKA_OFFSET_OUT_OF_RANGE;
    if (o->offset < r->core.log_start_offset) return KAFKA_OFFSET_OUT_OF_RANGE;
    read->diverging = end.epoch < o->last_fetched_epoch || end.end_offset < o->offset;
    read->diverging_epoch = end;
    if (MUTANT(NO_DIVERGENCE)) read->diverging = false;
    return KAFKA_NONE;
}

static void sample(const struct replica *r, const struct replica_read_options *o,
                   struct replica_read *read)
{
    read->high_watermark = r->core.high_watermark;
    read->last_stable_offset = log_last_stable_offset(r->log);
    read->log_start_offset = r->core.log_start_offset;
    read->log_end_offset = r->core.log_end_offset;
    switch (o->isolation) {
    case FETCH_UNCOMMITTED:
        read->bound = MUTANT(READS_UNCOMMITTED) ? read->log_end_offset : read->high_watermark;
        break;
    case FETCH_COMMITTED: read->bound = read->last_stable_offset; break;
    case FETCH_LOG_END: read->bound = read->log_end_offset; break;
    }
}

static enum kafka_error admit_broker(const struct replica *r, int32_t leader_epoch,
                                     bool leader_only)
{
    enum kafka_error e = partition_admit(&r->core, leader_epoch, leader_only);
    if (!e && r->manager->fenced && !MUTANT(SERVES_WHILE_FENCED)) e = KAFKA_NOT_LEADER_OR_FOLLOWER;
    return e || r->log ? e : KAFKA_KAFKA_STORAGE_ERROR;
}

static enum kafka_error admit(struct replica *r, int32_t leader_epoch, bool leader_only)
{
    enum kafka_error e = admit_broker(r, leader_epoch, leader_only);
    return !e && replica_is_adrift(r) ? KAFKA_NOT_LEADER_OR_FOLLOWER : e;
}

static enum kafka_error admit_read(struct replica *r, const struct replica_read_options *o)
{
    if (!o->follower) return admit(r, o->current_leader_epoch, o->leader_only);
    enum kafka_error e = partition_admit_follower(&r->core, manager_world(r->manager), o->follower,
                                                  o->current_leader_epoch);
    return e ? e : admit_broker(r, o->current_leader_epoch, o->leader_only);
}

static void read_failed(struct replica_read *read)
{
    *read = (struct replica_read){.high_watermark = -1,
                                  .last_stable_offset = -1,
                                  .log_start_offset = -1,
                                  .log_end_offset = -1,
                                  .bound = -1};
}

/* A follower that lags, of a partition that is throttled, gets nothing while the rate is used up:
 * those in sync are never held back (KIP-73). */
static bool holds_back(struct replica *r, const struct replica_read_options *o)
{
    if (!o->follower || !r->leader_throttled) return false;
    const struct follower *f = partition_follower(&r->core, o->follower->broker_id);
    struct replica_manager *m = r->manager;
    return !f->committed && throttle_is_exceeded(&m->leader_throttle, clock_mono(m->env.clock));
}

void replica_sent(struct replica *r, int64_t bytes)
{
    struct replica_manager *m = r->manager;
    if (r->leader_throttled && bytes > 0)
        throttle_record(&m->leader_throttle, clock_mono(m->env.clock), bytes);
}

static enum kafka_error read_slice(struct replica *r, const struct replica_read_options *o,
                                   struct replica_read *read)
{
    if (o->offsets_only || holds_back(r, o)) return KAFKA_NONE;
    if (o->offset < read->bound && (o->bytes_max > 0 || o->min_one_batch)) {
        struct log_read_options lo = {.offset = o->offset,
                                      .end_offset = read->bound,
                                      .bytes_max = o->bytes_max,
                                      .min_one_batch = o->min_one_batch,
                                      .leader_epoch_end = r->core.role == PARTITION_LEADER &&
                                                                  r->core.leader_epoch < INT32_MAX
                                                              ? r->core.leader_epoch + 1
                                                              : 0};
        enum err e = log_read(r->log, &lo, &read->slice);
        if (e) return storage_verdict(e);
    }
    if (!o->aborted_transactions || read->slice.len == 0) return KAFKA_NONE;
    enum err e = log_aborted_transactions(r->log, o->offset, &read->slice, o->arena, &read->aborted,
                                          &read->aborted_count);
    if (e) disk_file_unref(read->slice.file);
    return storage_verdict(e);
}

enum kafka_error replica_read(struct replica *r, const struct replica_read_options *o,
                              struct replica_read *read)
{
    read_failed(read);
    replica_sync_log_start(r);
    enum kafka_error e = admit_read(r, o);
    if (e) return e;
    if (o->last_fetched_epoch != NO_LEADER_EPOCH) e = check_divergence(r, o, read);
    if (!e && !read->diverging &&
        (o->offset < r->core.log_start_offset || o->offset > r->core.log_end_offset))
        e = KAFKA_OFFSET_OUT_OF_RANGE;
    if (e) {
        read_failed(read);
        return e;
    }
    /* The fetch acknowledges what the follower has; its own answer then carries the watermark that
     * this made possible. A diverging fetch acknowledges nothing. */
    if (o->follower && o->counts && !read->diverging)
        replica_effects(
            r, partition_follower_fetched(&r->core, manager_world(r->manager), o->follower));
    sample(r, o, read);
    if (read->diverging) return KAFKA_NONE;
    e = read_slice(r, o, read);
    if (e) read_failed(read);
    return e;
}

/* ---- offsets ---- */

static int32_t epoch_of_start(const struct replica *r)
{
    int64_t start = r->core.log_start_offset;
    return start < r->core.log_end_offset ? log_epoch_at(r->log, start) : log_latest_epoch(r->log);
}

enum kafka_error replica_offset(struct replica *r, const struct replica_offset_query *q,
                                struct timestamp_offset *out)
{
    *out = (struct timestamp_offset){-1, -1, -1};
    enum kafka_error e = admit(r, q->current_leader_epoch, q->leader_only);
    if (e) return e;
    replica_sync_log_start(r);
    int64_t bound = q->isolation == FETCH_LOG_END     ? r->core.log_end_offset
                    : q->isolation == FETCH_COMMITTED ? log_last_stable_offset(r->log)
                                                      : r->core.high_watermark;
    /* S6: after an election the watermark may be older than what clients have seen. */
    bool stale = q->isolation != FETCH_LOG_END && !partition_high_watermark_is_known(&r->core);
    struct timestamp_offset found = {-1, -1, -1};
    enum err err = ERR_OK;
    switch (q->timestamp) {
    case OFFSET_LATEST:
        if (stale) return KAFKA_OFFSET_NOT_AVAILABLE;
        *out = (struct timestamp_offset){-1, bound, r->core.leader_epoch};
        return KAFKA_NONE;
    case OFFSET_EARLIEST:
    case OFFSET_EARLIEST_LOCAL:
        *out = (struct timestamp_offset){-1, r->core.log_start_offset, epoch_of_start(r)};
        return KAFKA_NONE;
    case OFFSET_LATEST_TIERED:
    case OFFSET_EARLIEST_PENDING_UPLOAD: return KAFKA_NONE; /* nothing is tiered */
    case OFFSET_MAX_TIMESTAMP: err = log_offset_of_max_timestamp(r->log, &found); break;
    default: err = log_offset_for_timestamp(r->log, q->timestamp, &found); break;
    }
    if (err) return storage_verdict(err);
    if (found.offset >= 0 && found.offset < bound) {
        *out = found;
        return KAFKA_NONE;
    }
    return stale ? KAFKA_OFFSET_NOT_AVAILABLE : KAFKA_NONE;
}

enum kafka_error replica_epoch_end(struct replica *r, int32_t current_leader_epoch, int32_t epoch,
                                   struct epoch_end *out)
{
    *out = (struct epoch_end){NO_LEADER_EPOCH, NO_OFFSET};
    enum kafka_error e = admit(r, current_leader_epoch, true);
    if (e) return e;
    *out = log_epoch_end(r->log, epoch);
    return KAFKA_NONE;
}

enum kafka_error replica_delete_records(struct replica *r, int64_t offset, int64_t *wanted)
{
    enum kafka_error e = admit(r, -1, true);
    if (e) return e;
    const struct log_config *config = log_config_of(r->log);
    if (!config->cleanup_delete && config->cleanup_compact) return KAFKA_POLICY_VIOLATION;
    if (offset == -1) offset = r->core.high_watermark;
    if (offset < 0) return KAFKA_OFFSET_OUT_OF_RANGE;
    *wanted = offset;
    e = storage_verdict(log_advance_start(r->log, offset));
    replica_sync_log_start(r);
    return e;
}

int64_t replica_low_watermark(const struct replica *r)
{
    int64_t low = partition_low_watermark(&r->core, manager_world(r->manager));
    /* What the copy still has would come back with it. */
    int64_t copy = r->move ? log_start_offset(r->move->future) : low;
    return copy < low ? copy : low;
}

void replica_wait_low_watermark(struct replica *r, struct offset_wait *w)
{
    purgatory_wait(&r->purgatory.low_waits, w);
    r->effects |= PARTITION_LOW_WATERMARK_MOVED;
    replica_touch(r);
}
