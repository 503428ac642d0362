#include "replica/replica_moves.h"

#include "base/mem.h"
#include "log/log_future.h"
#include "replica/manager.h"

#define COMPONENT "ReplicaAlterLogDirs"

struct replica_moves {
    struct replica_manager *manager;
    struct list_node busy, resting; /* of replica_move; busy in order of topic and partition */
    int32_t count;
    int32_t turn; /* which of those at the head of `busy` is next */
    bool stopped;
    struct throttle throttle;
    struct timer timer; /* the next turn */
    struct arena arena; /* of one step */
};

static void turn_came(struct timer *timer);

struct replica_moves *replica_moves_create(struct replica_manager *m)
{
    struct replica_moves *moves = MEM_NEW(struct replica_moves);
    moves->manager = m;
    list_init(&moves->busy);
    list_init(&moves->resting);
    throttle_init(&moves->throttle, m->config.move_quota_samples, m->config.move_quota_sample_s);
    moves->throttle.bytes_per_s = m->move_bytes_per_s;
    timer_init(&moves->timer, turn_came);
    arena_init(&moves->arena, 0);
    return moves;
}

void replica_moves_destroy(struct replica_moves *moves)
{
    PRE(moves->count == 0);
    timer_cancel(moves->manager->env.clock, &moves->timer);
    arena_free(&moves->arena);
    mem_free(moves);
}

void replica_moves_stop(struct replica_moves *moves)
{
    moves->stopped = true;
    timer_cancel(moves->manager->env.clock, &moves->timer);
}

int32_t replica_moves_count(const struct replica_moves *moves)
{
    return moves->count;
}

/* ---- turns ---- */

/* From the loop, not at once: what is ready elsewhere is seen to first. */
static void go_on(struct replica_moves *moves, int64_t ms)
{
    if (moves->stopped || list_empty(&moves->busy)) return;
    struct mono_time due = mono_add_ms(clock_mono(moves->manager->env.clock), ms);
    if (timer_armed(&moves->timer) && moves->timer.due.ns <= due.ns) return;
    timer_arm(moves->manager->env.clock, &moves->timer, due);
}

void replica_moves_set_throttle(struct replica_moves *moves, int64_t bytes_per_s)
{
    moves->throttle.bytes_per_s = bytes_per_s;
    go_on(moves, 0);
}

static int order(const struct replica_move *a, const struct replica_move *b)
{
    int c = str_compare(a->replica->topic->name, b->replica->topic->name);
    return c ? c
             : (a->replica->partition > b->replica->partition) -
                   (a->replica->partition < b->replica->partition);
}

static void make_busy(struct replica_moves *moves, struct replica_move *move)
{
    if (!move->is_busy) {
        /* From the end: whoever comes with many brings them in order. */
        struct list_node *before = moves->busy.prev;
        while (before != &moves->busy &&
               order(CONTAINER_OF(before, struct replica_move, node), move) > 0)
            before = before->prev;
        list_remove(&move->node);
        list_push_front(before, &move->node);
        move->is_busy = true;
    }
    go_on(moves, 0);
}

static void rest(struct replica_moves *moves, struct replica_move *move)
{
    list_remove(&move->node);
    list_push_back(&moves->resting, &move->node);
    move->is_busy = false;
}

/* ---- one step ---- */

static struct uuid directory_of(const struct log *log)
{
    return log_dir_id(log_directory(log));
}

static void hold_back(struct replica_move *move, int64_t ms)
{
    move->not_before = mono_add_ms(clock_mono(move->replica->manager->env.clock), ms);
}

/* True when there is nothing to wait for. */
static bool tell(struct replica *r, struct uuid directory)
{
    struct replica_manager *m = r->manager;
    return !m->events.assign || m->events.assign(m->owner, r, directory);
}

static void synced(struct log_flush *flush)
{
    struct replica_move *move = CONTAINER_OF(flush, struct replica_move, flush);
    bool ok = flush->result == ERR_OK;
    moving_synced(&move->core, ok);
    if (move->core.state == MOVING_ASKING && tell(move->replica, directory_of(move->future)))
        moving_accepted(&move->core);
    if (!ok) hold_back(move, MOVE_RETRY_MS);
    make_busy(move->replica->manager->moves, move);
}

/* The copy cannot go on, for what no waiting mends: it stands until somebody gives it up. */
static void failed(struct replica_move *move, const char *why)
{
    struct replica *r = move->replica;
    trace_error(r->manager->env.trace, COMPONENT, "%.*s-%d: not moved to %s: %s",
                STR_ARG(r->topic->name), r->partition, log_dir_path(log_directory(move->future)),
                why);
    moving_failed(&move->core);
}

static int64_t bytes_of_turn(const struct replica_moves *moves)
{
    /* A tenth of a second's worth, so that a low rate does not come in lumps. */
    int64_t share = moves->throttle.bytes_per_s / 10;
    return share < MOVE_BYTES_PER_TURN ? share : MOVE_BYTES_PER_TURN;
}

static void copy(struct replica_moves *moves, struct replica_move *move, int64_t offset)
{
    struct replica *r = move->replica;
    struct mono_time now = clock_mono(r->manager->env.clock);
    if (throttle_is_exceeded(&moves->throttle, now)) {
        hold_back(move, moves->throttle.sample_ms);
        return;
    }
    struct bytes batches;
    arena_reset(&moves->arena);
    enum err e = log_read_batches(r->log, offset, log_end_offset(r->log), bytes_of_turn(moves),
                                  &moves->arena, &batches);
    if (e == ERR_CORRUPT) failed(move, "its log holds what cannot be read");
    if (e || batches.len == 0) {
        hold_back(move, MOVE_RETRY_MS);
        return;
    }
    struct append_result result;
    log_append_as_follower(move->future, batches.data, (size_t)batches.len, -1, &result);
    if (result.error == APPEND_NO_SPACE || result.error == APPEND_STORAGE)
        hold_back(move, MOVE_RETRY_MS);
    else if (result.error)
        failed(move, result.message);
    else
        throttle_record(&moves->throttle, now, batches.len);
}

/* Everything but copying. Err: as the log says. */
static enum err set_right(struct replica_move *move, const struct moving_step *step)
{
    switch (step->action) {
    case MOVING_RESTART: return log_truncate_fully_and_start_at(move->future, step->offset);
    case MOVING_CUT: return log_truncate_to(move->future, step->offset);
    case MOVING_RAISE:
        log_set_high_watermark(move->future, step->high_watermark);
        return log_advance_start(move->future, step->offset);
    default: UNREACHABLE();
    }
}

/* What was cut from the log, and is not yet from the copy. After an error it is tried again, unless
 * the directory is offline: then the move is given up soon. */
static enum err cut(struct replica_move *move)
{
    if (move->cut_to == INT64_MAX) return ERR_OK;
    enum err e = log_truncate_to(move->future, move->cut_to);
    if (!e) move->cut_to = INT64_MAX;
    return e;
}

/* The copy becomes the log, and the move is over. */
static enum err replace(struct replica_move *move)
{
    struct replica *r = move->replica;
    struct log *current = r->log, *future = move->future;
    log_future_take_epochs(future, current);
    enum err e = log_flush(future); /* what came while it was synced the second time */
    if (!e) e = log_replace(current, future);
    if (e) return e;
    trace_info(r->manager->env.trace, COMPONENT, "%.*s-%d: moved to %s", STR_ARG(r->topic->name),
               r->partition, log_dir_path(log_directory(future)));
    log_set_config(future, r->topic->config);
    r->log = future;
    r->directory = directory_of(future);
    r->no_room = false;
    log_set_high_watermark(future, r->core.high_watermark);
    POST(r->core.log_end_offset == log_end_offset(future));
    POST(r->core.log_start_offset == log_start_offset(future));
    replica_move_drop(r);
    r->movement.look_again = true; /* whoever reads here */
    replica_effects(r, PARTITION_LOW_WATERMARK_MOVED);
    replica_touch(r);
    tell(r, r->directory); /* nothing, unless metadata has changed its mind */
    return ERR_OK;
}

/* Returns false when the move is over. */
static bool take_step(struct replica_moves *moves, struct replica_move *move)
{
    struct replica *r = move->replica;
    replica_sync_log_start(r);
    if (cut(move)) {
        hold_back(move, MOVE_RETRY_MS);
        return true;
    }
    struct moving_view v = moving_view_of(r->log, move->future);
    struct moving_step s = moving_next(&move->core, &v);
    enum err e = ERR_OK;
    switch (s.action) {
    case MOVING_COPY: copy(moves, move, s.offset); break;
    case MOVING_SYNC:
        if (move->core.state == MOVING_SYNCING)
            trace_info(r->manager->env.trace, COMPONENT, "%.*s-%d: %lld bytes are in %s",
                       STR_ARG(r->topic->name), r->partition,
                       (long long)log_size_bytes(move->future),
                       log_dir_path(log_directory(move->future)));
        log_flush_start(move->future, &move->flush, synced);
        break;
    case MOVING_WAIT: break;
    case MOVING_REPLACE:
        e = replace(move);
        if (!e) return false;
        break;
    default: e = set_right(move, &s); replica_effects(r, PARTITION_LOW_WATERMARK_MOVED);
    }
    if (e)
        hold_back(move, MOVE_RETRY_MS);
    else if (!log_dir_is_offline(log_directory(move->future)))
        log_set_high_watermark(move->future, log_high_watermark(r->log));
    return true;
}

/* There is something to do for it that waits for nobody else. */
static bool is_ready(const struct replica_move *move)
{
    struct moving_view v = moving_view_of(move->replica->log, move->future);
    return move->cut_to != INT64_MAX || move->core.state == MOVING_COPYING ||
           moving_is_due(&move->core) || moving_is_behind(&move->core, &v);
}

/* Of those that are copied at a time, one after the other; NULL when all pause, until *due. */
static struct replica_move *next_in_turn(struct replica_moves *moves, struct mono_time *due)
{
    struct mono_time now = clock_mono(moves->manager->env.clock);
    int32_t width = moves->manager->config.moves_at_once, n = 0, at = moves->turn++ % width;
    struct replica_move *first = NULL;
    *due = (struct mono_time){INT64_MAX};
    LIST_EACH(&moves->busy, node) {
        struct replica_move *move = CONTAINER_OF(node, struct replica_move, node);
        if (move->not_before.ns > now.ns) {
            if (move->not_before.ns < due->ns) *due = move->not_before;
            continue;
        }
        if (!first) first = move;
        if (n == at) return move;
        if (++n == width) break;
    }
    return first;
}

static void turn_came(struct timer *timer)
{
    struct replica_moves *moves = CONTAINER_OF(timer, struct replica_moves, timer);
    struct mono_time due;
    struct replica_move *move = next_in_turn(moves, &due);
    if (!move) {
        if (!list_empty(&moves->busy)) timer_arm(moves->manager->env.clock, &moves->timer, due);
        return;
    }
    if (take_step(moves, move) && !is_ready(move)) rest(moves, move);
    go_on(moves, 0);
}

/* ---- what happens to a move ---- */

struct log_config *replica_move_config(struct log_config *topic)
{
    if (topic->flush_messages == INT64_MAX) return log_config_ref(topic);
    struct log_config *c = log_config_copy(topic);
    c->flush_messages = INT64_MAX;
    return c;
}

void replica_move_configure(struct replica *r)
{
    if (!r->move) return;
    struct log_config *c = replica_move_config(r->topic->config);
    log_set_config(r->move->future, c);
    log_config_unref(c);
}

void replica_move_begin(struct replica_moves *moves, struct replica *r, struct log *future,
                        bool accepted)
{
    PRE(r->log && !r->move && log_is_future(future));
    PRE(log_directory(r->log) != log_directory(future));
    struct replica_move *move = MEM_NEW(struct replica_move);
    move->replica = r;
    move->future = future;
    move->cut_to = INT64_MAX;
    list_init(&move->node);
    moving_begin(&move->core, accepted);
    r->move = move;
    moves->count++;
    replica_move_configure(r);
    trace_info(r->manager->env.trace, COMPONENT, "%.*s-%d: moving from %s to %s, from offset %lld",
               STR_ARG(r->topic->name), r->partition, log_dir_path(log_directory(r->log)),
               log_dir_path(log_directory(future)), (long long)log_end_offset(future));
    make_busy(moves, move);
}

void replica_move_drop(struct replica *r)
{
    struct replica_move *move = r->move;
    if (!move) return;
    log_flush_forget(&move->flush);
    list_remove(&move->node);
    r->manager->moves->count--;
    r->move = NULL;
    mem_free(move);
}

void replica_move_forget(struct replica *r)
{
    if (!r->move) return;
    bool told = moving_was_told(&r->move->core);
    replica_move_drop(r);
    if (told) tell(r, r->log ? r->directory : DIRECTORY_LOST);
}

void replica_move_give_up(struct replica *r)
{
    if (!r->move) return;
    struct log *future = r->move->future;
    replica_move_forget(r);
    if (log_dir_is_offline(log_directory(future))) return;
    enum err e = log_dir_delete_log(log_directory(future), future);
    if (e)
        trace_error(r->manager->env.trace, COMPONENT, "%.*s-%d: the copy is not deleted: %s",
                    STR_ARG(r->topic->name), r->partition, err_text(e));
    replica_effects(r, PARTITION_LOW_WATERMARK_MOVED);
}

void replica_move_wake(struct replica *r)
{
    if (r->move && r->log) make_busy(r->manager->moves, r->move);
}

void replica_move_cut(struct replica *r, int64_t offset)
{
    if (!r->move) return;
    if (offset < r->move->cut_to) r->move->cut_to = offset;
    if (cut(r->move)) hold_back(r->move, MOVE_RETRY_MS);
    replica_move_wake(r);
}

void replica_move_accepted(struct replica *r, struct uuid directory)
{
    if (!r->move || !uuid_equal(directory, directory_of(r->move->future))) return;
    moving_accepted(&r->move->core);
    replica_move_wake(r);
}
