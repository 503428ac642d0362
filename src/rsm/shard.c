/* A shard: see rsm.h for its states.
 *
 *   log start        replayed                        high watermark        log end offset
 *      ├── in the state ┼── committed, replayed next ──────┼── in flight ────────┤
 *                                                          (batches of `pending`)
 *
 * While LOADING the records come from the log. Once ACTIVE they come from the pending batches,
 * which are then all that lies between `replayed` and the log end offset: as leader nobody else
 * appends (transaction markers, when there will be any, come through this shard too). */
#include "base/mem.h"
#include "base/mark.h"
#include "rsm/rsm.h"

/* A batch in flight, or (size 0) a barrier. */
struct rsm_pending {
    struct list_node node;
    struct rsm_write *write; /* NULL: has timed out */
    struct mono_time deadline;
    int64_t end_offset;
    size_t size;
    uint8_t batch[];
};

static void step_run(struct task *t);
static void timeout_fired(struct timer *t);

void rsm_shard_init(struct rsm_shard *s, const struct env *env, struct rsm_machine *machine,
                    const char *name, int64_t write_timeout_ms)
{
    *s = (struct rsm_shard){
        .env = env, .machine = machine, .name = name, .write_timeout_ms = write_timeout_ms};
    list_init(&s->pending);
    s->waiting = &s->pending;
    task_init(&s->step, step_run);
    timer_init(&s->timeout, timeout_fired);
}

void rsm_shard_load(struct rsm_shard *s, struct rsm_log *log, int32_t leader_epoch)
{
    PRE(s->state == RSM_IDLE);
    s->log = log;
    s->leader_epoch = leader_epoch;
    s->state = RSM_LOADING;
    s->replayed = log->ops->start_offset(log);
    s->load_end = log->ops->end_offset(log);
    if (MUTANT(LOADS_NOTHING)) s->replayed = s->load_end;
    s->rereads = 0;
    task_post(s->env->clock, &s->step);
}

void rsm_shard_high_watermark_moved(struct rsm_shard *s)
{
    if (s->state == RSM_LOADING || (s->state == RSM_ACTIVE && !list_empty(&s->pending)))
        task_post(s->env->clock, &s->step);
}

enum kafka_error rsm_shard_admit(const struct rsm_shard *s)
{
    switch (s->state) {
    case RSM_ACTIVE: return KAFKA_NONE;
    case RSM_LOADING: return KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
    case RSM_IDLE:
    case RSM_FAILED: break;
    }
    return KAFKA_NOT_COORDINATOR;
}

/* ---- replay ---- */

static enum err replay_control(struct rsm_shard *s, const struct batch_header *h,
                               const struct record *r)
{
    int16_t type;
    enum err e = control_record_type(r->key, &type);
    if (e) return e;
    if (type == CONTROL_ABORT || type == CONTROL_COMMIT)
        s->machine->ops->end_transaction(s->machine, h->producer_id, type == CONTROL_COMMIT);
    return ERR_OK; /* others mean nothing here */
}

static enum err replay_records(struct rsm_shard *s, const struct batch_header *h,
                               struct bytes records, int64_t from)
{
    struct record_iterator it;
    record_iterator_init(&it, h, records);
    bool transactional = batch_is(h, BATCH_TRANSACTIONAL);
    for (;;) {
        struct record r;
        bool more;
        enum err e = record_iterator_next(&it, &r, &more);
        if (e) return e;
        if (!more) return ERR_OK;
        if (r.offset < from) continue;
        if (batch_is(h, BATCH_CONTROL)) {
            e = replay_control(s, h, &r);
            if (e) return e;
            continue;
        }
        s->machine->ops->replay(s->machine,
                                &(struct rsm_replay){
                                    .offset = r.offset,
                                    .producer_id = transactional ? h->producer_id : NO_PRODUCER_ID,
                                    .key = r.key,
                                    .value = r.value,
                                });
    }
}

/* One batch at the start of `b`; *size is how far it goes. Records below `from` are skipped. */
static enum err replay_batch(struct rsm_shard *s, struct bytes b, int64_t from, int64_t *size)
{
    struct batch_header h;
    enum err e = batch_parse(b, &h);
    if (e == ERR_UNSUPPORTED) { /* magic 0 or 1: nothing of Kafka 0.11 or later writes them here */
        trace_warn(s->env->trace, "rsm", "%s: skipping a message set of magic %d at offset %lld",
                   s->name, h.magic, (long long)h.base_offset);
        *size = h.size;
        if (h.base_offset >= s->replayed) s->replayed = h.base_offset + 1;
        return ERR_OK;
    }
    if (e) return e;
    *size = h.size;
    if (!batch_crc_ok(b.data, &h)) return ERR_CRC;
    if (batch_compression(&h) != COMPRESSION_NONE && !s->codec) s->codec = codec_new();
    struct bytes records;
    e = batch_records(s->codec, b.data, &h, RSM_RECORD_BYTES_MAX, &s->scratch, &records);
    if (e) return e;
    e = replay_records(s, &h, records, from);
    if (!e && batch_last_offset(&h) + 1 > s->replayed) s->replayed = batch_last_offset(&h) + 1;
    return e;
}

/* ---- loading ---- */

static void load_failed(struct rsm_shard *s, enum err e)
{
    trace_error(s->env->trace, "rsm", "%s: cannot be loaded at offset %lld: %s", s->name,
                (long long)s->replayed, err_text(e));
    s->state = RSM_FAILED;
    s->machine->ops->loaded(s->machine, false);
}

/* A disk, or what leads to it, may give wrong bytes once. */
static bool read_again(struct rsm_shard *s, enum err e)
{
    bool makes_no_sense = e == ERR_CORRUPT || e == ERR_CRC;
    if (e != ERR_NO_DESCRIPTORS && !(makes_no_sense && s->rereads < RSM_REREADS_MAX)) return false;
    if (makes_no_sense) s->rereads++;
    trace_warn(s->env->trace, "rsm", "%s: is read again at offset %lld: %s", s->name,
               (long long)s->replayed, err_text(e));
    timer_arm_in_ms(s->env->clock, &s->timeout, RSM_REREAD_MS);
    return true;
}

static enum err load_some(struct rsm_shard *s, int64_t end)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct bytes batches;
    enum err e = s->log->ops->read(s->log, s->replayed, end, RSM_LOAD_STEP_BYTES, &arena, &batches);
    int64_t from = s->replayed;
    /* Nothing there up to `end`: compaction removed the last records. */
    if (!e && batches.len <= 0) s->replayed = end;
    while (!e && batches.len > 0) {
        int64_t size = 0;
        e = replay_batch(s, batches, from, &size);
        batches.data += size;
        batches.len -= size;
    }
    if (!e && s->replayed == from) e = ERR_CORRUPT; /* no progress: offsets go backwards */
    arena_free(&arena);
    return e;
}

static void load_step(struct rsm_shard *s)
{
    int64_t watermark = s->log->ops->high_watermark(s->log);
    int64_t end = watermark < s->load_end ? watermark : s->load_end;
    if (s->replayed < end) {
        enum err e = load_some(s, end);
        if (e == ERR_OUT_OF_RANGE && s->log->ops->start_offset(s->log) > s->replayed) {
            s->replayed = s->log->ops->start_offset(s->log); /* retention passed us */
            e = ERR_OK;
        }
        if (e) {
            if (!read_again(s, e)) load_failed(s, e);
            return;
        }
        s->rereads = 0;
    }
    if (s->replayed >= s->load_end) {
        s->state = RSM_ACTIVE;
        byte_buffer_free(&s->scratch);
        trace_info(s->env->trace, "rsm", "%s: loaded up to offset %lld in leader epoch %d", s->name,
                   (long long)s->replayed, s->leader_epoch);
        s->machine->ops->loaded(s->machine, true);
    } else if (s->replayed < end) {
        task_post(s->env->clock, &s->step);
    } /* else the high watermark's next move posts it */
}

/* ---- writing ---- */

/* All writes have the same time: they run out of it in their order. */
static struct rsm_pending *first_waiting(struct rsm_shard *s)
{
    return s->waiting == &s->pending ? NULL : CONTAINER_OF(s->waiting, struct rsm_pending, node);
}

static void pending_timer(struct rsm_shard *s)
{
    const struct rsm_pending *p = first_waiting(s);
    if (p)
        timer_arm(s->env->clock, &s->timeout, p->deadline);
    else
        timer_cancel(s->env->clock, &s->timeout);
}

static struct rsm_pending *pending_take_first(struct rsm_shard *s)
{
    struct rsm_pending *p = CONTAINER_OF(s->pending.next, struct rsm_pending, node);
    if (s->waiting == &p->node) s->waiting = p->node.next;
    list_remove(&p->node);
    return p;
}

static void write_end(struct rsm_pending *p, enum kafka_error e)
{
    struct rsm_write *w = p->write;
    if (!w) return;
    p->write = NULL;
    w->done(w, e);
}

static void pending_free(struct rsm_shard *s, struct rsm_pending *p)
{
    s->pending_bytes -= (int64_t)p->size;
    mem_free(p);
}

static void complete_step(struct rsm_shard *s)
{
    int32_t leader_epoch = s->leader_epoch;
    while (s->state == RSM_ACTIVE && s->leader_epoch == leader_epoch && !list_empty(&s->pending)) {
        struct rsm_pending *p = CONTAINER_OF(s->pending.next, struct rsm_pending, node);
        bool committed = p->end_offset <= s->log->ops->high_watermark(s->log);
        if (!committed && !MUTANT(COORDINATOR_ANSWERS_EARLY)) break;
        pending_take_first(s);
        int64_t size;
        if (p->size > 0) {
            enum err e = replay_batch(s, bytes_of(p->batch, p->size), 0, &size);
            INVARIANT(e == ERR_OK); /* our own batch, from memory */
            POST(s->replayed == p->end_offset);
        }
        write_end(p, KAFKA_NONE); /* may write again, or unload */
        pending_free(s, p);
    }
    if (s->state == RSM_ACTIVE) pending_timer(s);
}

static void step_run(struct task *t)
{
    struct rsm_shard *s = CONTAINER_OF(t, struct rsm_shard, step);
    if (s->state == RSM_LOADING)
        load_step(s);
    else if (s->state == RSM_ACTIVE)
        complete_step(s);
}

static void timeout_fired(struct timer *t)
{
    struct rsm_shard *s = CONTAINER_OF(t, struct rsm_shard, timeout);
    struct mono_time now = clock_mono(s->env->clock);
    struct rsm_pending *p;
    if (s->state == RSM_LOADING) {
        task_post(s->env->clock, &s->step);
        return;
    }
    while ((p = first_waiting(s)) != NULL && p->deadline.ns <= now.ns) {
        s->waiting = p->node.next;
        write_end(p, KAFKA_REQUEST_TIMED_OUT); /* may write anew, or unload, which frees it */
    }
    if (s->state == RSM_ACTIVE) pending_timer(s);
}

static void pending_add(struct rsm_shard *s, struct rsm_pending *p, struct rsm_write *write,
                        size_t size, int64_t end_offset)
{
    list_init(&p->node);
    p->write = write;
    p->size = size;
    p->end_offset = end_offset;
    p->deadline = mono_add_ms(clock_mono(s->env->clock), s->write_timeout_ms);
    list_push_back(&s->pending, &p->node);
    if (s->waiting == &s->pending) s->waiting = &p->node;
    s->pending_bytes += (int64_t)size;
    if (!timer_armed(&s->timeout)) timer_arm(s->env->clock, &s->timeout, p->deadline);
    if (end_offset <= s->log->ops->high_watermark(s->log) || MUTANT(COORDINATOR_ANSWERS_EARLY))
        task_post(s->env->clock, &s->step);
}

enum kafka_error rsm_shard_write(struct rsm_shard *s, struct rsm_write *write,
                                 const struct rsm_record *records, int32_t count,
                                 struct wall_time now)
{
    PRE(count > 0);
    enum kafka_error admitted = rsm_shard_admit(s);
    if (admitted) return admitted;
    struct batch_options options = BATCH_OPTIONS_DEFAULT;
    options.compression = s->compression;
    if (s->compression != COMPRESSION_NONE && !s->codec) s->codec = codec_new();
    batch_begin(&s->builder, &options);
    for (int32_t i = 0; i < count; i++)
        batch_add(&s->builder, now.ms, records[i].key, records[i].value, NULL, 0);
    uint8_t *batch;
    size_t size;
    enum err e = batch_finish(&s->builder, s->codec, &batch, &size);
    INVARIANT(e == ERR_OK); /* only a compression level can be invalid */
    if (s->pending_bytes + (int64_t)size > RSM_PENDING_BYTES_MAX && !list_empty(&s->pending))
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    int64_t end_offset;
    enum kafka_error refused = s->log->ops->append(s->log, batch, size, &end_offset);
    if (refused) return refused;
    struct rsm_pending *p = mem_alloc(sizeof *p + size);
    memcpy(p->batch, batch, size); /* with its offsets, as the log patched them */
    pending_add(s, p, write, size, end_offset);
    return KAFKA_NONE;
}

enum kafka_error rsm_shard_barrier(struct rsm_shard *s, struct rsm_write *write)
{
    enum kafka_error admitted = rsm_shard_admit(s);
    if (admitted) return admitted;
    /* At the end of what is in flight, or (nothing is) at once. */
    int64_t end_offset = s->replayed;
    if (!list_empty(&s->pending))
        end_offset = CONTAINER_OF(s->pending.prev, struct rsm_pending, node)->end_offset;
    pending_add(s, mem_alloc(sizeof(struct rsm_pending)), write, 0, end_offset);
    return KAFKA_NONE;
}

enum kafka_error rsm_client_error(enum kafka_error e)
{
    switch (e) {
    case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_NOT_ENOUGH_REPLICAS:
    case KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case KAFKA_REQUEST_TIMED_OUT: return KAFKA_COORDINATOR_NOT_AVAILABLE;
    case KAFKA_NOT_LEADER_OR_FOLLOWER:
    case KAFKA_KAFKA_STORAGE_ERROR: return KAFKA_NOT_COORDINATOR;
    case KAFKA_MESSAGE_TOO_LARGE:
    case KAFKA_RECORD_LIST_TOO_LARGE:
    case KAFKA_INVALID_FETCH_SIZE: return KAFKA_UNKNOWN_SERVER_ERROR;
    default: return e;
    }
}

void rsm_shard_unload(struct rsm_shard *s)
{
    s->state = RSM_IDLE;
    s->log = NULL;
    task_cancel(&s->step);
    timer_cancel(s->env->clock, &s->timeout);
    while (!list_empty(&s->pending)) {
        struct rsm_pending *p = pending_take_first(s);
        write_end(p, KAFKA_NOT_COORDINATOR); /* may not write: not admitted */
        pending_free(s, p);
    }
}

void rsm_shard_free(struct rsm_shard *s)
{
    PRE(s->state == RSM_IDLE && list_empty(&s->pending));
    batch_builder_free(&s->builder);
    byte_buffer_free(&s->scratch);
    if (s->codec) codec_free(s->codec);
    s->codec = NULL;
}
