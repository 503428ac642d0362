#include "replica/moving.h"

#include "base/assert.h"

void moving_begin(struct moving *m, bool accepted)
{
    *m = (struct moving){.state = MOVING_COPYING, .accepted = accepted};
}

struct moving_view moving_view_of(const struct log *current, const struct log *future)
{
    struct moving_view v = {.current_start = log_start_offset(current),
                            .current_end = log_end_offset(current),
                            .current_high_watermark = log_high_watermark(current),
                            .future_start = log_start_offset(future),
                            .future_end = log_end_offset(future),
                            .future_synced = log_recovery_point(future),
                            .current_epoch = log_latest_epoch(current),
                            .future_epoch = log_latest_epoch(future),
                            .common = {NO_LEADER_EPOCH, NO_OFFSET},
                            .future_part = {NO_LEADER_EPOCH, NO_OFFSET}};
    int32_t epoch = v.future_epoch < v.current_epoch ? v.future_epoch : v.current_epoch;
    if (epoch == NO_LEADER_EPOCH) return v;
    v.common = log_epoch_end(current, epoch);
    v.future_part = log_epoch_end(future, v.common.epoch);
    return v;
}

/* Where the future log must be cut; its end when it may stay, which is also said of epochs
 * alone. */
static int64_t common_end(const struct moving_view *v, bool *epochs)
{
    int64_t end = v->future_end;
    *epochs = v->future_epoch > v->current_epoch;
    if (end > v->current_end) end = v->current_end;
    if (v->future_epoch == NO_LEADER_EPOCH) return end; /* nothing copied has one */
    if (v->current_epoch == NO_LEADER_EPOCH) return v->current_start;
    if (end > v->common.end_offset) end = v->common.end_offset;
    if (v->future_part.end_offset != NO_OFFSET && end > v->future_part.end_offset)
        end = v->future_part.end_offset;
    return end;
}

/* What is wrong with the copy, if anything is. */
static struct moving_step set_right(const struct moving_view *v)
{
    bool epochs;
    int64_t end = common_end(v, &epochs);
    if (v->future_start > v->current_start || end < v->current_start)
        return (struct moving_step){MOVING_RESTART, v->current_start, 0};
    if (end < v->future_end || epochs)
        return (struct moving_step){end > v->future_start ? MOVING_CUT : MOVING_RESTART,
                                    end > v->future_start ? end : v->current_start, 0};
    if (v->future_start < v->current_start)
        return (struct moving_step){
            MOVING_RAISE, v->current_start,
            v->current_high_watermark < v->future_end ? v->current_high_watermark : v->future_end};
    return (struct moving_step){.action = MOVING_WAIT};
}

bool moving_is_behind(const struct moving *m, const struct moving_view *v)
{
    return m->state != MOVING_FAILED &&
           (v->future_end < v->current_end || set_right(v).action != MOVING_WAIT);
}

struct moving_step moving_next(struct moving *m, const struct moving_view *v)
{
    struct moving_step step = {.action = MOVING_WAIT};
    if (m->state == MOVING_FAILED) return step;
    step = set_right(v);
    if (step.action != MOVING_WAIT) return step;
    if (v->future_end < v->current_end)
        return (struct moving_step){.action = MOVING_COPY, .offset = v->future_end};
    POST(v->future_end == v->current_end && v->future_start == v->current_start);
    switch (m->state) {
    case MOVING_COPYING:
        m->state = MOVING_SYNCING;
        step.action = MOVING_SYNC;
        break;
    case MOVING_ACCEPTED:
        m->state = v->future_synced < v->future_end ? MOVING_SETTLING : MOVING_READY;
        step.action = m->state == MOVING_READY ? MOVING_REPLACE : MOVING_SYNC;
        break;
    case MOVING_READY: step.action = MOVING_REPLACE; break;
    case MOVING_SETTLING:
    case MOVING_SYNCING:
    case MOVING_ASKING:
    case MOVING_FAILED: break;
    }
    return step;
}

/* Durable: the controller may hear of it, unless it has already. */
void moving_synced(struct moving *m, bool ok)
{
    if (m->state == MOVING_SETTLING) m->state = ok ? MOVING_READY : MOVING_ACCEPTED;
    if (m->state != MOVING_SYNCING) return;
    m->state = !ok ? MOVING_COPYING : m->accepted ? MOVING_ACCEPTED : MOVING_ASKING;
}

void moving_accepted(struct moving *m)
{
    m->accepted = true;
    if (m->state == MOVING_ASKING) m->state = MOVING_ACCEPTED;
}

void moving_failed(struct moving *m)
{
    m->state = MOVING_FAILED;
}
