#include "replica/following.h"

#include "base/mark.h"

enum { REST_MS_FIRST = 10 };

static const struct follow_step fetch_on = {FOLLOW_FETCH, NO_OFFSET};

static void following_check(const struct following *f)
{
    INVARIANT(f->state == FOLLOWING_NONE || f->leader_epoch >= 0);
    INVARIANT(f->fetch_offset >= f->log_start_offset);
    INVARIANT(f->errors >= 0);
}

void following_init(struct following *f)
{
    *f = (struct following){.leader_epoch = -1, .last_fetched_epoch = NO_LEADER_EPOCH};
    list_init(&f->node);
}

static struct follow_step step(struct following *f, enum following_state state,
                               enum follow_action action)
{
    f->state = state;
    following_check(f);
    return (struct follow_step){action, NO_OFFSET};
}

static struct follow_step rest(struct following *f)
{
    f->errors++;
    return step(f, FOLLOWING_RESTING, FOLLOW_REST);
}

void following_moved(struct following *f, const struct followed_log *log)
{
    f->fetch_offset = log->log_end_offset;
    f->log_start_offset = log->log_start_offset;
    f->last_fetched_epoch = log->latest_epoch;
    f->grew = true;
    following_check(f);
}

bool following_appended(struct following *f, const struct followed_log *log)
{
    PRE(f->state == FOLLOWING_FETCHING);
    f->errors = 0;
    if (log->log_end_offset == f->fetch_offset && log->log_start_offset == f->log_start_offset)
        return false;
    following_moved(f, log);
    return true;
}

struct follow_step following_begin(struct following *f, int32_t leader_epoch,
                                   const struct followed_log *log)
{
    PRE(leader_epoch >= 0);
    f->leader_epoch = leader_epoch;
    f->errors = 0;
    f->lagging = true; /* until an answer says how far the leader is */
    f->state = FOLLOWING_FETCHING;
    following_moved(f, log);
    bool blind = log->latest_epoch == NO_LEADER_EPOCH || MUTANT(TRUNCATES_TO_WATERMARK);
    if (blind && log->high_watermark < log->log_end_offset)
        return (struct follow_step){FOLLOW_TRUNCATE, log->high_watermark};
    return fetch_on;
}

void following_end(struct following *f)
{
    f->state = FOLLOWING_NONE;
}

int64_t following_truncation(int64_t log_end_offset, struct epoch_end leader, struct epoch_end own)
{
    PRE(leader.end_offset >= 0);
    int64_t to = leader.end_offset;
    if (leader.epoch >= 0 && own.end_offset != NO_OFFSET) {
        if (own.epoch != leader.epoch)
            to = own.end_offset;
        else if (own.end_offset < to)
            to = own.end_offset;
    }
    return to < log_end_offset ? to : log_end_offset;
}

static struct follow_step diverges(struct following *f, const struct followed_log *log,
                                   const struct follow_answer *a)
{
    int64_t to = following_truncation(log->log_end_offset, a->diverging, a->own_end);
    /* An answer that cuts neither records nor epochs would be given for ever. */
    if (to == log->log_end_offset &&
        (a->diverging.epoch < 0 || a->diverging.epoch >= log->latest_epoch))
        return rest(f);
    f->errors = 0;
    MARK("a follower cuts its log");
    return (struct follow_step){FOLLOW_TRUNCATE, to};
}

struct follow_step following_answered(struct following *f, const struct followed_log *log,
                                      const struct follow_answer *a)
{
    PRE(f->state == FOLLOWING_FETCHING);
    switch (a->error) {
    case KAFKA_NONE:
        if (a->diverging.end_offset >= 0) return diverges(f, log, a);
        return (struct follow_step){FOLLOW_APPEND, NO_OFFSET};
    case KAFKA_OFFSET_OUT_OF_RANGE: return step(f, FOLLOWING_ASKING_END, FOLLOW_ASK_END);
    /* The leader has a newer epoch than ours: metadata is on its way. */
    case KAFKA_FENCED_LEADER_EPOCH:
        MARK("a follower is of an older epoch than its leader");
        return step(f, FOLLOWING_FAILED, FOLLOW_FAIL);
    default: return rest(f);
    }
}

struct follow_step following_told_end(struct following *f, const struct followed_log *log,
                                      enum kafka_error error, int64_t leader_end_offset)
{
    PRE(f->state == FOLLOWING_ASKING_END);
    if (error == KAFKA_FENCED_LEADER_EPOCH) return step(f, FOLLOWING_FAILED, FOLLOW_FAIL);
    if (error || leader_end_offset < 0) return rest(f);
    /* An unclean election: the leader's log is shorter. Where both differ below that cannot be
     * told from offsets; the next fetch compares the epochs. */
    if (leader_end_offset < log->log_end_offset) {
        f->state = FOLLOWING_FETCHING;
        return (struct follow_step){FOLLOW_TRUNCATE, leader_end_offset};
    }
    return step(f, FOLLOWING_ASKING_START, FOLLOW_ASK_START);
}

struct follow_step following_told_start(struct following *f, const struct followed_log *log,
                                        enum kafka_error error, int64_t leader_start_offset,
                                        struct epoch_end own_end)
{
    PRE(f->state == FOLLOWING_ASKING_START);
    if (error == KAFKA_FENCED_LEADER_EPOCH) return step(f, FOLLOWING_FAILED, FOLLOW_FAIL);
    if (error || leader_start_offset < 0) return rest(f);
    /* We were away for long: the leader has deleted what would follow ours. */
    if (leader_start_offset > log->log_end_offset) {
        f->state = FOLLOWING_FETCHING;
        return (struct follow_step){FOLLOW_RESTART, leader_start_offset};
    }
    if (log->latest_epoch > f->leader_epoch) {
        PRE(own_end.end_offset >= 0 && own_end.end_offset <= log->log_end_offset);
        f->state = FOLLOWING_FETCHING;
        return (struct follow_step){FOLLOW_TRUNCATE, own_end.end_offset};
    }
    /* The leader's log covers ours by now. Asked in haste, it may say so for ever. */
    return rest(f);
}

struct follow_step following_refused(struct following *f, enum append_error error)
{
    PRE(error != APPEND_OK);
    switch (error) {
    case APPEND_OFFSET_OUT_OF_ORDER: /* the logs differ in a way that nothing will mend */
    case APPEND_UNSUPPORTED_FORMAT:
    case APPEND_STORAGE: /* the directory is going offline */
        return step(f, FOLLOWING_FAILED, FOLLOW_FAIL);
    default: return rest(f); /* corrupt on the way, or no space for now */
    }
}

int64_t following_rest_ms(int32_t errors, int64_t ms_max)
{
    PRE(errors > 0);
    int64_t ms = errors > 16 ? ms_max : (int64_t)REST_MS_FIRST << (errors - 1);
    return ms < ms_max ? ms : ms_max;
}
