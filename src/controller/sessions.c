/* Sessions of brokers: who was heard when. Not in the log; a new leader gives everybody who is
 * unfenced a fresh session and learns the rest from heartbeats.
 *
 * A timer stands at the earliest end of a session, so that a silent broker is fenced on time and
 * not at the next tick of a coarse check. */
#include <stdio.h>

#include "base/mark.h"
#include "controller/internal.h"

/* A timer this late says that the process stood still; and so long its unread heartbeats may take.
 */
enum { DEAF_MS = 250, EXCUSES_MAX = 3 };

static int32_t session_index(const struct controller *c, int32_t broker)
{
    int32_t low = 0, high = c->sessions_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (c->sessions[middle].broker < broker)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct session *session_find(struct controller *c, int32_t broker)
{
    int32_t at = session_index(c, broker);
    if (at < c->sessions_count && c->sessions[at].broker == broker) return &c->sessions[at];
    return NULL;
}

struct session *session_open(struct controller *c, int32_t broker, int64_t epoch)
{
    struct session *s = session_find(c, broker);
    if (!s) {
        int32_t at = session_index(c, broker);
        MEM_GROW(c->sessions, c->sessions_count, c->sessions_capacity);
        memmove(c->sessions + at + 1, c->sessions + at,
                (size_t)(c->sessions_count - at) * sizeof *c->sessions);
        c->sessions_count++;
        s = &c->sessions[at];
    }
    *s = (struct session){
        .broker = broker, .epoch = epoch, .metadata_offset = -1, .shutdown_offset = -1};
    return s;
}

void session_close(struct controller *c, int32_t broker)
{
    struct session *s = session_find(c, broker);
    if (!s) return;
    int32_t at = (int32_t)(s - c->sessions);
    c->sessions_count--;
    memmove(s, s + 1, (size_t)(c->sessions_count - at) * sizeof *s);
}

static int64_t timeout_ms(const struct controller *c)
{
    return config_int(c->options.config, CONFIG_BROKER_SESSION_TIMEOUT_MS);
}

static struct mono_time session_end(const struct controller *c, const struct session *s)
{
    return mono_add_ms(s->contact, timeout_ms(c));
}

static bool session_expired(const struct controller *c, const struct session *s)
{
    return now_of(c).ns >= session_end(c, s).ns;
}

bool session_valid(struct controller *c, int32_t broker, int64_t epoch)
{
    const struct session *s = session_find(c, broker);
    return s && s->live && s->epoch == epoch && !session_expired(c, s);
}

static void check_arm(struct controller *c)
{
    const struct session *first = NULL;
    for (int32_t i = 0; i < c->sessions_count; i++) {
        const struct session *s = &c->sessions[i];
        if (s->live && (!first || s->contact.ns < first->contact.ns)) first = s;
    }
    if (first)
        timer_arm(c->options.clock, &c->sessions_check, session_end(c, first));
    else
        timer_cancel(c->options.clock, &c->sessions_check);
}

void session_touch(struct controller *c, struct session *s)
{
    s->live = true;
    s->excuses = 0;
    s->contact = now_of(c);
    /* the timer may stand at an older end: it finds nobody then, and moves */
    if (!timer_armed(&c->sessions_check)) check_arm(c);
}

void sessions_start(struct controller *c)
{
    c->sessions_count = 0;
    for (int32_t i = 0; i < image_of(c)->brokers_count; i++) {
        const struct image_broker *b = image_of(c)->brokers[i];
        struct session *s = session_open(c, b->id, b->epoch);
        if (b->fenced) continue;
        s->live = true;
        s->contact = now_of(c);
    }
    check_arm(c);
}

/* What sessions_check_fired must not do, for the simulator. */
static void fence_all_at_once(struct controller *c)
{
    struct decision *d = decision_begin(c);
    d->reason = REASON_SESSION_EXPIRED;
    for (int32_t i = 0; i < c->sessions_count; i++) {
        struct session *s = &c->sessions[i];
        const struct image_broker *b = image_broker(image_of(c), s->broker);
        if (!s->live || !session_expired(c, s) || !b || b->epoch != s->epoch || b->fenced) continue;
        s->live = false;
        broker_fence(c, d, s->broker);
    }
    (void)decision_end(c, d);
}

/* Fence one broker whose session is over. */
static bool fence_now(struct controller *c, int32_t id, int64_t epoch,
                      enum controller_reason reason, struct str evidence)
{
    const struct image_broker *b = image_broker(image_of(c), id);
    if (!b || b->epoch != epoch || b->fenced) return true;
    struct decision *d = decision_begin(c);
    d->reason = reason;
    d->evidence = evidence;
    broker_fence(c, d, id);
    int32_t changed = d->count - 1;
    if (!decision_end(c, d)) return false;
    struct session *s = session_find(c, id);
    if (s) s->shutdown_offset = -1;
    trace_warn(c->options.trace, "controller",
               "broker %d at epoch %lld is fenced: %s%s%.*s; %d partitions change", id,
               (long long)epoch, controller_reason_text(reason), str_is_null(evidence) ? "" : ", ",
               STR_ARG(str_is_null(evidence) ? STR("") : evidence), changed);
    return true;
}

/* The timer fired late: this process did not run, so it did not listen either. What was sent
 * meanwhile waits to be read; nobody is to blame for our silence. Only so often: a controller that
 * is late for ever must still notice who is gone. */
static void excuse_silence(struct controller *c, const struct timer *t)
{
    int64_t late_ns = now_of(c).ns - t->due.ns;
    if (late_ns < DEAF_MS * NS_PER_MS) return;
    trace_warn(c->options.trace, "controller",
               "sessions are %lld ms longer: so long this process did not run",
               (long long)(late_ns / NS_PER_MS));
    for (int32_t i = 0; i < c->sessions_count; i++) {
        struct session *s = &c->sessions[i];
        if (!s->live || s->excuses == EXCUSES_MAX) continue;
        s->excuses++;
        s->contact.ns += late_ns + DEAF_MS * NS_PER_MS;
        if (s->contact.ns > now_of(c).ns) s->contact = now_of(c);
    }
}

void sessions_check_fired(struct timer *t)
{
    struct controller *c = CONTAINER_OF(t, struct controller, sessions_check);
    excuse_silence(c, t);
    if (MUTANT(FENCES_ALL_AT_ONCE)) fence_all_at_once(c);
    /* one after the other, so that each decision sees the one before (S23) */
    for (int32_t i = 0; i < c->sessions_count; i++) {
        struct session *s = &c->sessions[i];
        if (!s->live || !session_expired(c, s)) continue;
        s->live = false;
        char text[64];
        int len = snprintf(text, sizeof text, "nothing heard for %lld ms",
                           (long long)mono_elapsed_ms(now_of(c), s->contact));
        if (!fence_now(c, s->broker, s->epoch, REASON_SESSION_EXPIRED, (struct str){text, len}))
            return;
    }
    check_arm(c);
}

void controller_broker_lost(struct controller *c, int32_t broker, int64_t epoch,
                            struct str evidence)
{
    if (!controller_is_active(c)) return;
    struct session *s = session_find(c, broker);
    if (!s || s->epoch != epoch) return;
    s->live = false; /* the next incarnation may register at once */
    (void)fence_now(c, broker, epoch, REASON_BROKER_LOST, evidence);
}

int64_t sessions_lowest_offset(const struct controller *c)
{
    int64_t lowest = INT64_MAX;
    for (int32_t i = 0; i < c->sessions_count; i++) {
        const struct session *s = &c->sessions[i];
        const struct image_broker *b = image_broker(image_of(c), s->broker);
        if (!b || b->fenced || s->shutdown_offset >= 0) continue;
        if (s->metadata_offset < lowest) lowest = s->metadata_offset;
    }
    return lowest;
}

enum kafka_error broker_epoch_check(const struct controller *c, int32_t broker, int64_t epoch)
{
    const struct image_broker *b = image_broker(image_of(c), broker);
    return b && (b->epoch == epoch || MUTANT(STALE_BROKER_EPOCHS)) ? KAFKA_NONE
                                                                   : KAFKA_STALE_BROKER_EPOCH;
}

int32_t controller_sessions(const struct controller *c, struct arena *arena,
                            struct controller_session **out)
{
    *out = ARENA_ARRAY(arena, struct controller_session, c->sessions_count);
    for (int32_t i = 0; i < c->sessions_count; i++)
        (*out)[i] = (struct controller_session){
            c->sessions[i].broker,
            c->sessions[i].live ? mono_elapsed_ms(now_of(c), c->sessions[i].contact) : -1,
            c->sessions[i].metadata_offset};
    return c->sessions_count;
}
