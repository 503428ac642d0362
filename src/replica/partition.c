#include "replica/partition.h"

#include "base/assert.h"
#include "base/mark.h"
#include "base/mem.h"

/* Long before any real time, and far from overflow in a subtraction. */
#define NEVER ((struct mono_time){INT64_MIN / 4})

void partition_init(struct partition *p, int64_t log_start_offset, int64_t log_end_offset,
                    int64_t high_watermark, int32_t isr_min)
{
    PRE(log_start_offset >= 0 && log_start_offset <= log_end_offset);
    if (high_watermark < log_start_offset) high_watermark = log_start_offset;
    if (high_watermark > log_end_offset) high_watermark = log_end_offset;
    *p = (struct partition){
        .role = PARTITION_IDLE,
        .leader = -1,
        .leader_epoch = -1,
        .partition_epoch = -1,
        .isr_min = isr_min < 1 ? 1 : isr_min,
        .log_start_offset = log_start_offset,
        .log_end_offset = log_end_offset,
        .high_watermark = high_watermark,
        .epoch_start_offset = -1,
    };
    partition_check(p);
}

void partition_free(struct partition *p)
{
    mem_free(p->followers);
    *p = (struct partition){.role = PARTITION_OFFLINE, .leader = -1};
}

void partition_check(const struct partition *p)
{
    INVARIANT(p->log_start_offset <= p->high_watermark);
    INVARIANT(p->high_watermark <= p->log_end_offset);
    INVARIANT(p->isr_min >= 1);
    if (p->role == PARTITION_LEADER) {
        INVARIANT(p->epoch_start_offset >= 0 && p->epoch_start_offset <= p->log_end_offset);
        INVARIANT(p->leader_epoch >= 0);
    } else {
        INVARIANT(p->followers_count == 0);
        INVARIANT(p->isr_state == ISR_COMMITTED);
        INVARIANT(p->epoch_start_offset == -1);
    }
}

static struct follower *follower_of(const struct partition *p, int32_t broker_id)
{
    for (int32_t i = 0; i < p->followers_count; i++)
        if (p->followers[i].broker_id == broker_id) return &p->followers[i];
    return NULL;
}

const struct follower *partition_follower(const struct partition *p, int32_t broker_id)
{
    return follower_of(p, broker_id);
}

int32_t partition_isr_count(const struct partition *p)
{
    int32_t count = p->leader_committed;
    for (int32_t i = 0; i < p->followers_count; i++) count += p->followers[i].committed;
    return count;
}

/* In the maximal in-sync set: a proposed expansion binds us before it is answered, a proposed
 * shrinking frees us only afterwards (KIP-497). */
static bool is_maximal(const struct partition *p, const struct follower *f)
{
    return f->committed || (p->isr_state == ISR_PENDING_EXPAND && f->proposed);
}

int32_t partition_maximal_isr_count(const struct partition *p)
{
    int32_t count = p->leader_committed;
    for (int32_t i = 0; i < p->followers_count; i++) count += is_maximal(p, &p->followers[i]);
    return count;
}

/* ---- who may join ---- */

static bool is_caught_up(const struct partition *p, const struct partition_world *w,
                         const struct follower *f)
{
    if (f->log_end_offset == p->log_end_offset) return true;
    struct mono_time at = f->caught_up;
    /* At rest in its session it had everything at each of its fetches, up to the first append. */
    if (f->behind_since.ns > at.ns && w->last_fetch) {
        struct mono_time seen = w->last_fetch(w->context, f->broker_id);
        if (seen.ns > f->behind_since.ns) seen = f->behind_since;
        if (seen.ns > at.ns) at = seen;
    }
    return mono_elapsed_ms(w->now, at) <= w->lag_ms_max;
}

/* Metadata lets it join: alive, staying, and its fetches come from the process that is registered
 * (KIP-903: a broker that lost its disk must not come back on the strength of a delayed request).
 */
static bool is_eligible(const struct partition_world *w, const struct follower *f)
{
    if (!f->fetched) return false;
    struct broker_standing s = w->standing(w->context, f->broker_id);
    if (!s.registered || s.fenced || s.shutting_down) return false;
    return f->broker_epoch == -1 || f->broker_epoch == s.epoch;
}

static unsigned maybe_expand(struct partition *p, const struct partition_world *w,
                             struct follower *f)
{
    if (p->isr_state != ISR_COMMITTED || f->committed) return 0;
    /* Behind the start of our leadership it may lack committed records (S8). */
    bool behind =
        f->log_end_offset < p->high_watermark || f->log_end_offset < p->epoch_start_offset;
    if (behind && !MUTANT(JOINS_BEHIND)) return 0;
    if (!is_eligible(w, f)) return 0;
    for (int32_t i = 0; i < p->followers_count; i++)
        p->followers[i].proposed = p->followers[i].committed;
    f->proposed = true;
    p->isr_state = ISR_PENDING_EXPAND;
    return PARTITION_PROPOSE;
}

/* Its process still fetches, be it other partitions. */
static bool is_heard_of(const struct partition_world *w, const struct follower *f, int64_t ms_max)
{
    struct mono_time at = f->last_fetch;
    if (w->last_fetch) {
        struct mono_time seen = w->last_fetch(w->context, f->broker_id);
        if (seen.ns > at.ns) at = seen;
    }
    return mono_elapsed_ms(w->now, at) <= ms_max;
}

/* Whoever keeps up and may join by now, one at a time: those at rest in their sessions do not fetch
 * anew to remind us. */
static unsigned expand_any(struct partition *p, const struct partition_world *w)
{
    unsigned effects = 0;
    for (int32_t i = 0; i < p->followers_count && !(effects & PARTITION_PROPOSE); i++) {
        struct follower *f = &p->followers[i];
        if (is_caught_up(p, w, f) && is_heard_of(w, f, w->lag_ms_max))
            effects |= maybe_expand(p, w, f);
    }
    return effects;
}

/* ---- the high watermark ---- */

static unsigned maybe_advance(struct partition *p, const struct partition_world *w)
{
    if (p->role != PARTITION_LEADER) return 0;
    bool frozen = partition_isr_count(p) < partition_isr_min(p);
    if (frozen) MARK("a high watermark is frozen below min.insync.replicas");
    if (frozen && !MUTANT(COMMITS_BELOW_MIN)) return 0; /* S4 */
    int64_t least = p->log_end_offset;
    for (int32_t i = 0; i < p->followers_count; i++) {
        const struct follower *f = &p->followers[i];
        if (f->log_end_offset >= least) continue;
        /* One that keeps up and may join is waited for, or it would chase the watermark for ever.
         */
        if ((is_maximal(p, f) && !MUTANT(COMMITS_ALONE)) ||
            (is_caught_up(p, w, f) && is_eligible(w, f)))
            least = f->log_end_offset;
    }
    if (least <= p->high_watermark) return 0;
    p->high_watermark = least;
    return PARTITION_HIGH_WATERMARK_MOVED;
}

/* ---- metadata ---- */

static bool contains(const int32_t *ids, int32_t count, int32_t id)
{
    for (int32_t i = 0; i < count; i++)
        if (ids[i] == id) return true;
    return false;
}

static void drop_followers(struct partition *p)
{
    mem_free(p->followers);
    p->followers = NULL;
    p->followers_count = 0;
    p->isr_state = ISR_COMMITTED;
    p->leader_committed = false;
    p->epoch_start_offset = -1;
}

/* Rebuild the followers from the assignment, keeping what is known of those that stay. */
static void assign_followers(struct partition *p, const struct partition_world *w,
                             const struct partition_target *t)
{
    struct follower *old = p->followers;
    int32_t old_count = p->followers_count;
    /* The same partition epoch again: what we proposed is still under way, and still binds us. */
    bool keep_pending = p->isr_state != ISR_COMMITTED && t->partition_epoch == p->partition_epoch &&
                        t->leader_epoch == p->leader_epoch;
    int32_t count = 0;
    struct follower *next = NULL;
    if (t->replicas_count > 1) next = mem_zalloc((size_t)t->replicas_count, sizeof *next);
    for (int32_t i = 0; i < t->replicas_count; i++) {
        int32_t id = t->replicas[i];
        if (id == w->node_id || count == t->replicas_count - 1) continue;
        struct follower *f = &next[count++];
        *f = (struct follower){.broker_id = id,
                               .broker_epoch = -1,
                               .log_end_offset = -1,
                               .log_start_offset = -1,
                               .caught_up = NEVER,
                               .behind_since = NEVER,
                               .last_fetch = NEVER,
                               .leader_end_at_last_fetch = INT64_MAX};
        for (int32_t k = 0; k < old_count; k++)
            if (old[k].broker_id == id) *f = old[k];
        f->committed = contains(t->isr, t->isr_count, id);
        f->adding = contains(t->adding, t->adding_count, id);
        f->proposed = keep_pending && f->proposed;
    }
    mem_free(old);
    p->followers = next;
    p->followers_count = count;
    p->leader_committed = contains(t->isr, t->isr_count, w->node_id);
    if (!keep_pending) p->isr_state = ISR_COMMITTED;
}

/* Nothing a follower told an earlier leadership counts in this one (S8). */
static void forget_progress(struct partition *p, const struct partition_world *w)
{
    for (int32_t i = 0; i < p->followers_count; i++) {
        struct follower *f = &p->followers[i];
        f->fetched = false;
        f->log_end_offset = -1;
        f->log_start_offset = -1;
        f->broker_epoch = -1;
        f->leader_end_at_last_fetch = INT64_MAX;
        f->last_fetch = NEVER;
        f->behind_since = NEVER;
        f->caught_up = f->committed ? w->now : NEVER;
    }
}

static unsigned become_leader(struct partition *p, const struct partition_world *w,
                              const struct partition_target *t)
{
    unsigned effects = 0;
    bool began = p->role != PARTITION_LEADER || t->leader_epoch > p->leader_epoch;
    if (p->role != PARTITION_LEADER) drop_followers(p);
    assign_followers(p, w, t);
    p->role = PARTITION_LEADER;
    p->leader = w->node_id;
    p->leader_epoch = t->leader_epoch;
    p->partition_epoch = t->partition_epoch;
    p->recovering = t->recovering;
    if (began) {
        p->epoch_start_offset = p->log_end_offset;
        forget_progress(p, w);
        effects |= PARTITION_EPOCH_BEGAN | PARTITION_LEADERSHIP_MOVED;
    }
    effects |= maybe_advance(p, w);
    return effects | expand_any(p, w);
}

static unsigned become_follower(struct partition *p, const struct partition_target *t)
{
    unsigned effects = 0;
    bool moved = p->role != PARTITION_FOLLOWER || p->leader != t->leader ||
                 t->leader_epoch > p->leader_epoch;
    /* A new epoch restarts fetching even from the same leader: its log may have changed. */
    if (moved) effects |= PARTITION_LEADERSHIP_MOVED | PARTITION_FOLLOW;
    drop_followers(p);
    p->role = PARTITION_FOLLOWER;
    p->leader = t->leader;
    p->leader_epoch = t->leader_epoch;
    p->partition_epoch = t->partition_epoch;
    p->recovering = false;
    return effects;
}

unsigned partition_apply(struct partition *p, const struct partition_world *w,
                         const struct partition_target *t)
{
    partition_check(p);
    if (p->role == PARTITION_OFFLINE) return 0;
    if (t->partition_epoch < p->partition_epoch || t->leader_epoch < p->leader_epoch) return 0;
    unsigned effects = t->leader == w->node_id ? become_leader(p, w, t) : become_follower(p, t);
    partition_check(p);
    return effects;
}

unsigned partition_set_isr_min(struct partition *p, const struct partition_world *w,
                               int32_t isr_min)
{
    partition_check(p);
    p->isr_min = isr_min < 1 ? 1 : isr_min;
    return maybe_advance(p, w);
}

/* ---- the log ---- */

unsigned partition_appended(struct partition *p, const struct partition_world *w,
                            int64_t log_end_offset)
{
    PRE(p->role == PARTITION_LEADER);
    PRE(log_end_offset >= p->log_end_offset);
    for (int32_t i = 0; i < p->followers_count; i++) {
        struct follower *f = &p->followers[i];
        if (f->fetched && f->log_end_offset == p->log_end_offset) f->behind_since = w->now;
    }
    p->log_end_offset = log_end_offset;
    unsigned effects = maybe_advance(p, w);
    partition_check(p);
    return effects;
}

unsigned partition_log_start_moved(struct partition *p, int64_t log_start_offset)
{
    PRE(log_start_offset >= p->log_start_offset);
    unsigned effects = PARTITION_LOW_WATERMARK_MOVED;
    p->log_start_offset = log_start_offset;
    /* Only a follower may find its log start above what it had: it takes over its leader's. */
    if (p->log_end_offset < log_start_offset) p->log_end_offset = log_start_offset;
    if (p->high_watermark < log_start_offset) {
        p->high_watermark = log_start_offset;
        effects |= PARTITION_HIGH_WATERMARK_MOVED;
    }
    partition_check(p);
    return effects;
}

unsigned partition_followed(struct partition *p, int64_t log_end_offset,
                            int64_t leader_high_watermark)
{
    PRE(p->role == PARTITION_FOLLOWER);
    PRE(log_end_offset >= p->log_end_offset);
    p->log_end_offset = log_end_offset;
    int64_t next = leader_high_watermark < log_end_offset ? leader_high_watermark : log_end_offset;
    /* A new leader may not know the watermark yet; what we know committed stays committed (S6). */
    unsigned effects = 0;
    if (next > p->high_watermark) {
        p->high_watermark = next;
        effects = PARTITION_HIGH_WATERMARK_MOVED;
    }
    partition_check(p);
    return effects;
}

unsigned partition_truncated(struct partition *p, int64_t log_start_offset, int64_t log_end_offset)
{
    PRE(p->role != PARTITION_LEADER);
    p->log_start_offset = log_start_offset;
    p->log_end_offset = log_end_offset;
    int64_t high_watermark = p->high_watermark;
    if (high_watermark > log_end_offset) high_watermark = log_end_offset;
    if (high_watermark < log_start_offset) high_watermark = log_start_offset;
    bool moved = high_watermark != p->high_watermark;
    p->high_watermark = high_watermark;
    partition_check(p);
    return moved ? PARTITION_HIGH_WATERMARK_MOVED : 0;
}

/* ---- followers ---- */

unsigned partition_follower_fetched(struct partition *p, const struct partition_world *w,
                                    const struct follower_fetch *fetch)
{
    PRE(p->role == PARTITION_LEADER);
    struct follower *f = follower_of(p, fetch->broker_id);
    PRE(f);
    int64_t end = p->log_end_offset;
    if (fetch->fetch_offset >= end)
        f->caught_up = w->now;
    else if (f->fetched && fetch->fetch_offset >= f->leader_end_at_last_fetch &&
             f->last_fetch.ns > f->caught_up.ns)
        f->caught_up = f->last_fetch;
    bool moved = !f->fetched || f->log_end_offset != fetch->fetch_offset;
    bool start_moved = f->log_start_offset != fetch->log_start_offset;
    if (!f->fetched || f->leader_end_at_last_fetch < end) f->leader_end_at_last_fetch = end;
    f->fetched = true;
    f->last_fetch = w->now;
    f->broker_epoch = fetch->broker_epoch;
    f->log_end_offset = fetch->fetch_offset;
    f->log_start_offset = fetch->log_start_offset;
    unsigned effects = start_moved ? PARTITION_LOW_WATERMARK_MOVED : 0;
    effects |= maybe_expand(p, w, f);
    if (moved) effects |= maybe_advance(p, w);
    partition_check(p);
    return effects;
}

unsigned partition_tick(struct partition *p, const struct partition_world *w)
{
    if (p->role != PARTITION_LEADER || p->isr_state != ISR_COMMITTED) return 0;
    bool any = false;
    for (int32_t i = 0; i < p->followers_count; i++) {
        struct follower *f = &p->followers[i];
        f->proposed = f->committed && is_caught_up(p, w, f);
        any = any || (f->committed && !f->proposed);
    }
    if (any || p->recovering) {
        p->isr_state = any ? ISR_PENDING_SHRINK : ISR_PENDING_EXPAND;
        return PARTITION_PROPOSE;
    }
    return expand_any(p, w); /* whom the controller did not take last time */
}

unsigned partition_standing_changed(struct partition *p, const struct partition_world *w)
{
    if (p->role != PARTITION_LEADER) return 0;
    unsigned effects = maybe_advance(p, w);
    effects |= expand_any(p, w);
    return effects | maybe_advance(p, w);
}

/* ---- AlterPartition ---- */

int32_t partition_proposal(const struct partition *p, const struct partition_world *w,
                           struct isr_member *members)
{
    PRE(p->role == PARTITION_LEADER && p->isr_state != ISR_COMMITTED);
    int32_t count = 0;
    members[count++] = (struct isr_member){w->node_id, w->broker_epoch};
    for (int32_t i = 0; i < p->followers_count; i++) {
        const struct follower *f = &p->followers[i];
        /* A member that has not fetched yet in this epoch is named without an epoch: should it have
         * died meanwhile, the controller has raised the partition epoch and refuses us anyway. */
        if (f->proposed)
            members[count++] = (struct isr_member){f->broker_id, f->fetched ? f->broker_epoch : -1};
    }
    return count;
}

unsigned partition_proposal_taken(struct partition *p, const struct partition_world *w,
                                  const struct partition_committed *c)
{
    partition_check(p);
    if (p->role != PARTITION_LEADER || p->isr_state == ISR_COMMITTED) return 0;
    if (c->leader_epoch != p->leader_epoch || c->partition_epoch < p->partition_epoch) return 0;
    for (int32_t i = 0; i < p->followers_count; i++) {
        p->followers[i].committed = contains(c->isr, c->isr_count, p->followers[i].broker_id);
        p->followers[i].proposed = false;
    }
    p->leader_committed = contains(c->isr, c->isr_count, w->node_id);
    p->recovering = c->recovering;
    p->partition_epoch = c->partition_epoch;
    p->isr_state = ISR_COMMITTED;
    unsigned effects = maybe_advance(p, w);
    effects |= expand_any(p, w);
    partition_check(p);
    return effects;
}

unsigned partition_proposal_refused(struct partition *p, const struct partition_world *w,
                                    int32_t sent_partition_epoch, enum kafka_error error)
{
    if (p->role != PARTITION_LEADER || p->isr_state == ISR_COMMITTED) return 0;
    if (sent_partition_epoch != p->partition_epoch) return 0;
    switch (error) {
    case KAFKA_OPERATION_NOT_ATTEMPTED:
    case KAFKA_INELIGIBLE_REPLICA:
        /* The controller vouches that our epoch is current and that nothing was applied. */
        for (int32_t i = 0; i < p->followers_count; i++) p->followers[i].proposed = false;
        p->isr_state = ISR_COMMITTED;
        return maybe_advance(p, w);
    case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_UNKNOWN_TOPIC_ID:
    case KAFKA_FENCED_LEADER_EPOCH:
    case KAFKA_INVALID_UPDATE_VERSION:
    case KAFKA_INVALID_REQUEST:
    case KAFKA_NEW_LEADER_ELECTED:
        return 0; /* our picture is old: stay pending until metadata mends it */
    default: return PARTITION_PROPOSE;
    }
}

unsigned partition_failed(struct partition *p)
{
    drop_followers(p);
    p->role = PARTITION_OFFLINE;
    return PARTITION_LEADERSHIP_MOVED;
}

/* ---- questions ---- */

enum kafka_error partition_admit(const struct partition *p, int32_t leader_epoch, bool leader_only)
{
    if (p->role == PARTITION_OFFLINE) return KAFKA_KAFKA_STORAGE_ERROR;
    if (leader_epoch != -1 && !MUTANT(NO_EPOCH_CHECK)) {
        if (leader_epoch < p->leader_epoch) return KAFKA_FENCED_LEADER_EPOCH;
        if (leader_epoch > p->leader_epoch) return KAFKA_UNKNOWN_LEADER_EPOCH;
    }
    if (p->role == PARTITION_IDLE) return KAFKA_NOT_LEADER_OR_FOLLOWER;
    if (leader_only && p->role != PARTITION_LEADER) return KAFKA_NOT_LEADER_OR_FOLLOWER;
    return KAFKA_NONE;
}

enum kafka_error partition_admit_append(const struct partition *p, int16_t acks)
{
    enum kafka_error e = partition_admit(p, -1, true);
    if (e) return e;
    if (acks == -1 && partition_isr_count(p) < partition_isr_min(p))
        return KAFKA_NOT_ENOUGH_REPLICAS;
    return KAFKA_NONE;
}

enum kafka_error partition_admit_follower(const struct partition *p,
                                          const struct partition_world *w,
                                          const struct follower_fetch *fetch, int32_t leader_epoch)
{
    enum kafka_error e = partition_admit(p, leader_epoch, true);
    if (e) return e;
    if (!follower_of(p, fetch->broker_id))
        return leader_epoch == -1 ? KAFKA_NOT_LEADER_OR_FOLLOWER : KAFKA_UNKNOWN_LEADER_EPOCH;
    struct broker_standing s = w->standing(w->context, fetch->broker_id);
    if (fetch->broker_epoch != -1 && s.registered && fetch->broker_epoch < s.epoch)
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    return KAFKA_NONE;
}

enum kafka_error partition_ack(const struct partition *p)
{
    return partition_maximal_isr_count(p) < partition_isr_min(p)
               ? KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND
               : KAFKA_NONE;
}

bool partition_high_watermark_is_known(const struct partition *p)
{
    return p->role != PARTITION_LEADER || p->high_watermark >= p->epoch_start_offset ||
           MUTANT(EXPOSES_STALE_WATERMARK);
}

/* Might it be elected in our place, for all we know? */
static bool is_electable(const struct partition *p, const struct follower *f)
{
    return is_maximal(p, f) || partition_isr_count(p) < partition_isr_min(p);
}

static bool is_absent(const struct partition_world *w, const struct follower *f)
{
    return w->is_absent && w->is_absent(w->context, f->broker_id);
}

bool partition_is_deserted(const struct partition *p, const struct partition_world *w,
                           int64_t silent_ms)
{
    if (p->role != PARTITION_LEADER) return false;
    for (int32_t i = 0; i < p->followers_count; i++) {
        const struct follower *f = &p->followers[i];
        if (is_electable(p, f) && !is_heard_of(w, f, silent_ms) && !is_absent(w, f)) return true;
    }
    return false;
}

bool partition_is_followed(const struct partition *p,
                           bool (*follows)(const void *context, int32_t broker_id),
                           const void *context)
{
    for (int32_t i = 0; i < p->followers_count; i++) {
        const struct follower *f = &p->followers[i];
        if (is_electable(p, f) && !follows(context, f->broker_id)) return false;
    }
    return true;
}

int64_t partition_low_watermark(const struct partition *p, const struct partition_world *w)
{
    int64_t least = p->log_start_offset;
    for (int32_t i = 0; i < p->followers_count; i++) {
        const struct follower *f = &p->followers[i];
        struct broker_standing s = w->standing(w->context, f->broker_id);
        if (s.registered && !s.fenced && f->log_start_offset < least) least = f->log_start_offset;
    }
    return least;
}
