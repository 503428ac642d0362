#include "server/account.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

enum { LEADER_NONE = -1, LEADERS_MAX = 16 };

/* Elections that wait for their commit. */
struct pending {
    int64_t end_offset;
    int32_t elected;
    int32_t broker; /* that was lost; -1: several, or none */
    enum controller_reason reason;
    struct mono_time since; /* when the first of them lost its leader */
    bool since_earlier;     /* in truth it was before this node decided */
};

struct account_keeper {
    struct clock *clock;
    struct history *history;
    int64_t session_timeout_ms;
    struct pending pending[ACCOUNT_PENDING_MAX];
    int32_t pending_count;
    struct map leaderless;         /* "topic-partition" -> boxed struct mono_time */
    bool leaderless_left_out;      /* there were more than are followed */
    struct mono_time active_since; /* this node decides */
    int32_t lost_broker;           /* as told by account_keeper_lost; -1: none */
    struct mono_time lost_since;
};

struct account_keeper *account_keeper_create(struct clock *clock, struct history *history,
                                             int64_t session_timeout_ms)
{
    struct account_keeper *k = MEM_NEW(struct account_keeper);
    *k = (struct account_keeper){.clock = clock,
                                 .history = history,
                                 .session_timeout_ms = session_timeout_ms,
                                 .lost_broker = -1};
    map_init(&k->leaderless);
    return k;
}

static void forget_leaderless(struct account_keeper *k)
{
    for (uint32_t i = 0; i < k->leaderless.count; i++) mem_free(k->leaderless.entries[i].value);
    map_free(&k->leaderless);
    map_init(&k->leaderless);
    k->leaderless_left_out = false;
}

void account_keeper_free(struct account_keeper *k)
{
    if (!k) return;
    forget_leaderless(k);
    map_free(&k->leaderless);
    mem_free(k);
}

void account_keeper_lost(struct account_keeper *k, int32_t broker, struct mono_time since)
{
    k->lost_broker = broker;
    k->lost_since = since;
}

/* ---- brokers */

static enum history_kind kind_of(enum controller_standing standing)
{
    switch (standing) {
    case STANDING_REGISTERED: return HISTORY_BROKER_REGISTERED;
    case STANDING_UNFENCED: return HISTORY_BROKER_UNFENCED;
    case STANDING_FENCED: return HISTORY_BROKER_FENCED;
    case STANDING_SHUTTING_DOWN: return HISTORY_BROKER_STOPPING;
    case STANDING_DIRECTORIES: return HISTORY_BROKER_DIRECTORIES;
    case STANDING_UNREGISTERED: return HISTORY_BROKER_UNREGISTERED;
    }
    UNREACHABLE();
}

/* When what was led by the brokers of this run lost its leader, as far as is known. */
static struct mono_time since_when(const struct account_keeper *k,
                                   const struct controller_account *a)
{
    struct mono_time since = a->at;
    for (int32_t i = 0; i < a->brokers_count; i++) {
        const struct controller_broker_change *b = &a->brokers[i];
        if (b->reason == REASON_BROKER_LOST && b->broker == k->lost_broker)
            since = k->lost_since;
        else if (b->reason == REASON_SESSION_EXPIRED) /* it was heard so long ago, and not since */
            since.ns -= k->session_timeout_ms * NS_PER_MS;
    }
    return since;
}

static void tell_broker(struct account_keeper *k, const struct controller_account *a,
                        const struct controller_broker_change *b, struct mono_time since)
{
    struct history_fact f = history_fact(kind_of(b->standing), b->broker, b->broker_epoch,
                                         controller_reason_text(b->reason));
    bool single = a->brokers_count == 1;
    if (single && b->standing != STANDING_REGISTERED) f.partitions = a->changed;
    if (since.ns < a->at.ns) f.duration_us = (a->at.ns - since.ns) / 1000;
    if (str_is_null(a->evidence))
        history_note(k->history, &f, "decided in controller epoch %d", a->epoch);
    else
        history_note(k->history, &f, "%.*s", STR_ARG(a->evidence));
}

/* ---- partitions */

static void item(struct history *h, const struct controller_partition_change *p)
{
    char from[12], to[12];
    snprintf(from, sizeof from, "%d", p->old_leader);
    snprintf(to, sizeof to, "%d", p->new_leader);
    history_item(h, "%.*s-%d: leader %s -> %s, epoch %d, in sync %d -> %d%s", STR_ARG(p->topic),
                 p->partition, p->old_leader < 0 ? "none" : from, p->new_leader < 0 ? "none" : to,
                 p->leader_epoch, p->old_isr_count, p->new_isr_count,
                 p->unclean ? ", unclean" : "");
}

static bool moved(const struct controller_partition_change *p)
{
    return p->old_leader != p->new_leader;
}

/* "2,000 by broker 1, 1,000 by broker 2" of those listed. */
static void count_leaders(const struct controller_account *a, char *text, size_t size)
{
    int32_t ids[LEADERS_MAX], counts[LEADERS_MAX], used = 0;
    for (int32_t i = 0; i < a->partitions_count; i++) {
        const struct controller_partition_change *p = &a->partitions[i];
        if (!moved(p) || p->new_leader < 0) continue;
        int32_t at = 0;
        while (at < used && ids[at] != p->new_leader) at++;
        if (at == LEADERS_MAX) continue;
        if (at == used) {
            ids[used] = p->new_leader;
            counts[used++] = 0;
        }
        counts[at]++;
    }
    size_t at = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < used && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%d by broker %d", i ? ", " : "", counts[i],
                               ids[i]);
}

static struct history_fact about_partitions(enum history_kind kind,
                                            const struct controller_account *a, int32_t partitions)
{
    int32_t broker = a->brokers_count == 1 ? a->brokers[0].broker : -1;
    struct history_fact f = history_fact(kind, broker, a->epoch, controller_reason_text(a->reason));
    f.partitions = partitions;
    return f;
}

static void tell_elected(struct account_keeper *k, const struct controller_account *a)
{
    if (a->elected == 0) return;
    struct history_fact f = about_partitions(HISTORY_ELECTION, a, a->elected);
    char leaders[256];
    count_leaders(a, leaders, sizeof leaders);
    history_begin(k->history, &f);
    int32_t listed = 0;
    for (int32_t i = 0; i < a->partitions_count; i++) {
        if (!moved(&a->partitions[i]) || a->partitions[i].new_leader < 0) continue;
        item(k->history, &a->partitions[i]);
        listed++;
    }
    history_end(k->history, a->elected - listed, "%s%s%d unclean", leaders,
                a->elected > listed ? " of the first thousand changed, " : ", ",
                a->elected_unclean);
}

static void tell_leaderless(struct account_keeper *k, const struct controller_account *a)
{
    if (a->leaderless == 0) return;
    struct history_fact f = about_partitions(HISTORY_LEADERLESS, a, a->leaderless);
    history_begin(k->history, &f);
    int32_t listed = 0;
    for (int32_t i = 0; i < a->partitions_count; i++) {
        if (!moved(&a->partitions[i]) || a->partitions[i].new_leader >= 0) continue;
        item(k->history, &a->partitions[i]);
        listed++;
    }
    history_end(k->history, a->leaderless - listed,
                "no in-sync replica is left that may lead: they wait for one");
}

static void tell_in_sync(struct account_keeper *k, const struct controller_account *a)
{
    if (a->isr_shrunk + a->isr_expanded == 0) return;
    struct history_fact f =
        about_partitions(HISTORY_ISR_CHANGED, a, a->isr_shrunk + a->isr_expanded);
    history_begin(k->history, &f);
    int32_t listed = 0;
    for (int32_t i = 0; i < a->partitions_count; i++) {
        const struct controller_partition_change *p = &a->partitions[i];
        if (p->old_isr_count == p->new_isr_count) continue;
        listed++;
        history_item(k->history, "%.*s-%d: in sync %d -> %d", STR_ARG(p->topic), p->partition,
                     p->old_isr_count, p->new_isr_count);
    }
    history_end(k->history, a->isr_shrunk + a->isr_expanded - listed, "%d shrank, %d grew",
                a->isr_shrunk, a->isr_expanded);
}

/* ---- how long nobody led */

static size_t key_of(const struct controller_partition_change *p, char *key, size_t size)
{
    int len = snprintf(key, size, "%.*s-%d", STR_ARG(p->topic), p->partition);
    return len < (int)size ? (size_t)len : size - 1;
}

/* Since when the partitions elected in this run had no leader: the longest. One that had none when
 * this node began to decide was without one for longer than it can tell: `earlier`. */
static struct mono_time follow(struct account_keeper *k, const struct controller_account *a,
                               struct mono_time since, bool *earlier)
{
    char key[512];
    *earlier = false;
    for (int32_t i = 0; i < a->partitions_count; i++) {
        const struct controller_partition_change *p = &a->partitions[i];
        if (!moved(p)) continue;
        size_t len = key_of(p, key, sizeof key);
        if (p->new_leader == LEADER_NONE && k->leaderless.count < ACCOUNT_LEADERLESS_MAX) {
            mem_free(map_put(&k->leaderless, key, len, mem_dup(&since, sizeof since)));
        } else if (p->new_leader == LEADER_NONE) {
            k->leaderless_left_out = true;
        } else if (p->old_leader == LEADER_NONE) {
            struct mono_time *began = map_remove(&k->leaderless, key, len);
            if (began && began->ns < since.ns) since = *began;
            if (!began && !k->leaderless_left_out) *earlier = true;
            mem_free(began);
        }
    }
    if (*earlier && k->active_since.ns < since.ns) since = k->active_since;
    return since;
}

static bool is_without_gap(enum controller_reason reason)
{
    return reason == REASON_CONTROLLED_SHUTDOWN || reason == REASON_PREFERRED_REQUESTED ||
           reason == REASON_PREFERRED_PERIODIC || reason == REASON_REASSIGNMENT;
}

static const char *meanwhile(const struct pending *p)
{
    if (p->since_earlier) return "no leader since before this node became the active controller";
    return is_without_gap(p->reason) ? "the leaders before led until then"
                                     : "no leader from the first evidence until then";
}

static void remember(struct account_keeper *k, const struct controller_account *a,
                     struct mono_time since, bool earlier)
{
    if (a->elected == 0) return;
    struct pending p = {.end_offset = a->end_offset,
                        .elected = a->elected,
                        .broker = a->brokers_count == 1 ? a->brokers[0].broker : -1,
                        .reason = a->reason,
                        .since = since,
                        .since_earlier = earlier};
    if (k->pending_count < ACCOUNT_PENDING_MAX) {
        k->pending[k->pending_count++] = p;
        return;
    }
    struct pending *last = &k->pending[ACCOUNT_PENDING_MAX - 1];
    p.elected += last->elected;
    p.broker = p.broker == last->broker ? p.broker : -1;
    if (last->since.ns < p.since.ns) p.since = last->since;
    p.since_earlier |= last->since_earlier;
    *last = p;
}

void account_keeper_committed(struct account_keeper *k, int64_t end_offset)
{
    int32_t done = 0;
    for (; done < k->pending_count && k->pending[done].end_offset <= end_offset; done++) {
        const struct pending *p = &k->pending[done];
        struct history_fact f =
            history_fact(HISTORY_LED_AGAIN, p->broker, -1, controller_reason_text(p->reason));
        f.partitions = p->elected;
        f.duration_us = (clock_mono(k->clock).ns - p->since.ns) / 1000;
        history_note(k->history, &f, "committed; %s", meanwhile(p));
    }
    if (done == 0) return;
    k->pending_count -= done;
    memmove(k->pending, k->pending + done, (size_t)k->pending_count * sizeof k->pending[0]);
}

/* ---- what the controller tells */

void account_keeper_decided(struct account_keeper *k, const struct controller_account *a)
{
    struct mono_time since = since_when(k, a);
    for (int32_t i = 0; i < a->brokers_count; i++) tell_broker(k, a, &a->brokers[i], since);
    tell_elected(k, a);
    tell_leaderless(k, a);
    tell_in_sync(k, a);
    bool earlier;
    since = follow(k, a, since, &earlier);
    remember(k, a, since, earlier);
    k->lost_broker = -1;
}

void account_keeper_active(struct account_keeper *k, int32_t epoch, int32_t brokers,
                           int64_t partitions)
{
    struct history_fact f = history_fact(HISTORY_CONTROLLER_ACTIVE, -1, epoch, NULL);
    k->active_since = clock_mono(k->clock);
    history_note(k->history, &f, "%d brokers, %lld partitions", brokers, (long long)partitions);
}

void account_keeper_resigned(struct account_keeper *k, int32_t epoch, int64_t committed_end,
                             int64_t appended_end)
{
    struct history_fact f = history_fact(HISTORY_CONTROLLER_RESIGNED, -1, epoch, NULL);
    history_note(k->history, &f, "committed up to offset %lld", (long long)committed_end);
    if (appended_end > committed_end) {
        f.kind = HISTORY_UNDECIDED;
        history_note(k->history, &f,
                     "records %lld to %lld and %d runs of elections were not committed here",
                     (long long)committed_end, (long long)appended_end - 1, k->pending_count);
    }
    k->pending_count = 0;
    k->lost_broker = -1;
    forget_leaderless(k);
}
