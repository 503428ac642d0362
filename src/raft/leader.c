/* A leader: what it knows of its replicas, the high watermark, check-quorum, and the fetches it
 * answers (LeaderState, KafkaRaftLog.validateOffsetAndEpoch).
 *
 * The high watermark is the offset that a majority of the latest voters hold on stable storage: a
 * fetch offset is a follower's word for it, raft_durable the leader's own. It counts only beyond
 * the start of the epoch, and a leader that is no voter any more does not count itself. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mark.h"
#include "base/mem.h"
#include "raft/internal.h"

/* ---- replicas ---- */

static struct raft_tracked tracked_new(struct raft_replica key)
{
    return (struct raft_tracked){.key = key,
                                 .end_offset = -1,
                                 .last_fetch_ms = -1,
                                 .last_caught_up_ms = -1,
                                 .last_fetch_leader_end = -1};
}

/* A voter's entry without directory id matches by id alone; an observer's key is exact. */
static bool tracked_is(const struct raft_tracked *t, struct raft_replica replica)
{
    if (t->is_voter) return voters_match(t->key, replica);
    return t->key.id == replica.id && uuid_equal(t->key.directory_id, replica.directory_id);
}

static int32_t find(const struct raft *r, struct raft_replica replica)
{
    for (int32_t i = 0; i < r->leading.tracked_count; i++) {
        if (tracked_is(&r->leading.tracked[i], replica)) return i;
    }
    return -1;
}

const struct raft_tracked *leader_find(const struct raft *r, struct raft_replica replica)
{
    int32_t i = find(r, replica);
    return i < 0 ? NULL : &r->leading.tracked[i];
}

static bool is_self(const struct raft *r, const struct raft_tracked *t)
{
    return t->key.id == r->options.self.id;
}

static void drop(struct raft_leading *l, int32_t i)
{
    l->tracked[i] = l->tracked[--l->tracked_count];
}

/* Room for one more observer: those long silent go, at the bound the one longest silent. */
static void make_room(struct raft *r, int64_t now_ms)
{
    struct raft_leading *l = &r->leading;
    int32_t stalest = -1;
    for (int32_t i = l->tracked_count - 1; i >= l->voters_count; i--) {
        if (now_ms - l->tracked[i].last_fetch_ms >= RAFT_OBSERVER_SESSION_MS) drop(l, i);
    }
    if (l->tracked_count - l->voters_count < RAFT_OBSERVERS_MAX) return;
    for (int32_t i = l->voters_count; i < l->tracked_count; i++) {
        if (stalest < 0 || l->tracked[i].last_fetch_ms < l->tracked[stalest].last_fetch_ms)
            stalest = i;
    }
    drop(l, stalest);
}

static struct raft_tracked *find_or_add(struct raft *r, int64_t now_ms, struct raft_replica key)
{
    struct raft_leading *l = &r->leading;
    int32_t i = find(r, key);
    if (i >= 0) return &l->tracked[i];
    make_room(r, now_ms);
    MEM_GROW(l->tracked, l->tracked_count, l->tracked_capacity);
    l->tracked[l->tracked_count] = tracked_new(key);
    return &l->tracked[l->tracked_count++];
}

/* A voter of kraft.version 0 is the one of its id that the set names with a directory. */
static bool has_become(const struct raft_tracked *old, struct raft_replica key)
{
    return old->is_voter && uuid_is_zero(old->key.directory_id) && old->key.id == key.id;
}

/* The tracked replicas as the latest voter set has them: voters first, what is known is kept. */
static void take_voters(struct raft *r)
{
    struct raft_leading *l = &r->leading, old = *l;
    const struct voters_record *voters = voters_latest(r->voters);
    l->tracked_capacity = old.tracked_count + voters->voters_count + 1;
    l->tracked = mem_zalloc((size_t)l->tracked_capacity, sizeof *l->tracked);
    l->tracked_count = l->voters_count = 0;
    for (int32_t i = 0; i < voters->voters_count; i++) {
        struct raft_replica key = voters_key(&voters->voters[i]);
        struct raft_tracked t = tracked_new(key);
        for (int32_t j = 0; j < old.tracked_count; j++) {
            const struct raft_tracked *o = &old.tracked[j];
            bool same = tracked_is(o, key) || voters_match(key, o->key) || has_become(o, key);
            if (o->key.id == key.id && same) t = *o;
        }
        t.key = key;
        t.is_voter = true;
        l->tracked[l->tracked_count++] = t;
    }
    l->voters_count = l->tracked_count;
    for (int32_t j = 0; j < old.tracked_count; j++) {
        struct raft_tracked t = old.tracked[j];
        const struct voters_record_voter *namesake = voters_find(voters, t.key.id);
        bool became_voter = namesake && has_become(&t, voters_key(namesake));
        if (find(r, t.key) >= 0 || is_self(r, &t) || became_voter) continue;
        t.is_voter = t.fetched = t.begin_due = false;
        l->tracked[l->tracked_count++] = t;
    }
    mem_free(old.tracked);
}

/* ---- the high watermark ---- */

static int descending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void move_high_watermark(struct raft *r, int64_t now_ms)
{
    struct raft_leading *l = &r->leading;
    if (l->voters_count == 0) return;
    int64_t *offsets = mem_zalloc((size_t)l->voters_count, sizeof *offsets);
    for (int32_t i = 0; i < l->voters_count; i++)
        offsets[i] = is_self(r, &l->tracked[i]) ? r->durable_end : l->tracked[i].end_offset;
    qsort(offsets, (size_t)l->voters_count, sizeof *offsets, descending);
    int64_t majority = offsets[MUTANT(MINORITY_COMMITS) ? 0 : l->voters_count / 2];
    mem_free(offsets);
    if (majority <= l->epoch_start || majority <= l->high_watermark) return;
    l->high_watermark = majority;
    POST(majority <= log_end(r));
    if (majority > r->high_watermark) r->high_watermark = majority;
    change_high_watermark_moved(r, now_ms); /* may end this leadership */
}

void leader_own_durable(struct raft *r, int64_t now_ms)
{
    move_high_watermark(r, now_ms);
}

/* ---- check-quorum ---- */

static void restart_check_quorum(struct raft *r, int64_t now_ms)
{
    for (int32_t i = 0; i < r->leading.voters_count; i++) r->leading.tracked[i].fetched = false;
    r->leading.check_quorum_at = now_ms + r->options.fetch_timeout_ms * 3 / 2;
}

void leader_heard_of(struct raft *r, int64_t now_ms, struct raft_replica replica)
{
    PRE(r->role == RAFT_LEADER);
    struct raft_leading *l = &r->leading;
    int32_t heard = find(r, replica), fetched = 0, needed = l->voters_count / 2 + 1;
    if (heard >= 0 && heard < l->voters_count && replica.id != r->options.self.id)
        l->tracked[heard].fetched = true;
    for (int32_t i = 0; i < l->voters_count; i++)
        fetched += l->tracked[i].fetched || is_self(r, &l->tracked[i]);
    if (fetched >= needed) restart_check_quorum(r, now_ms);
}

/* ---- lifecycle ---- */

static void tell_all(struct raft *r, int64_t now_ms)
{
    int64_t period = r->options.fetch_timeout_ms / 2;
    for (int32_t i = 0; i < r->leading.voters_count; i++) {
        struct raft_tracked *t = &r->leading.tracked[i];
        t->begin_due =
            !is_self(r, t) && (t->last_fetch_ms < 0 || now_ms - t->last_fetch_ms >= period);
    }
    r->leading.begin_at = now_ms + (period > 0 ? period : 1);
}

/* kraft.version 1: the log does not have the voters yet (they come from 0-0.checkpoint), or says
 * something else of this node. */
static void maybe_write_voters(struct raft *r)
{
    int16_t level = voters_version(r->voters);
    const struct voters_record *voters = voters_latest(r->voters);
    int64_t offset = voters_latest_offset(r->voters);
    if (level < 1 || offset == VOTERS_STATIC) return;
    if (offset == -1 || voters_need_update(voters, r->options.own_entry))
        change_append(r, voter_set_copy(voters, NULL, r->options.own_entry), level);
}

void leader_begin(struct raft *r, int64_t now_ms)
{
    struct raft_leading *l = &r->leading;
    *l = (struct raft_leading){.epoch_start = log_end(r), .high_watermark = -1};
    l->granting = mem_zalloc((size_t)r->ballots_count + 1, sizeof *l->granting);
    for (int32_t i = 0; i < r->ballots_count; i++) {
        if (r->ballots[i].state == BALLOT_GRANTED)
            l->granting[l->granting_count++] = r->ballots[i].voter.id;
    }
    take_voters(r);
    restart_check_quorum(r, now_ms);
    tell_all(r, now_ms);
    if (voters_version(r->voters) < 1)
        l->told = voter_set_copy(voters_latest(r->voters), NULL, r->options.own_entry);
    r->effects.append_leader_change = true;
    maybe_write_voters(r);
}

void leader_end(struct raft *r)
{
    change_abort(r, KAFKA_NOT_LEADER_OR_FOLLOWER, NULL);
    voter_set_free(r->wanted);
    r->wanted = NULL;
    r->effects.append_leader_change = r->effects.append_voters = false;
    r->effects.append_kraft_version = -1;
    mem_free(r->leading.tracked);
    mem_free(r->leading.granting);
    voter_set_free(r->leading.told);
    r->leading = (struct raft_leading){0};
}

void leader_voters_changed(struct raft *r, int64_t now_ms)
{
    int32_t before = r->leading.voters_count;
    take_voters(r);
    if (before == 1 && r->leading.voters_count > 1)
        restart_check_quorum(r, now_ms); /* it did not run for one voter */
    move_high_watermark(r, now_ms);
}

void leader_tick(struct raft *r, int64_t now_ms)
{
    if (r->leading.voters_count > 1 && now_ms >= r->leading.check_quorum_at) {
        MARK("a leader resigns by check-quorum");
        role_become_resigned(r, now_ms);
        return;
    }
    change_expire(r, now_ms);
    if (now_ms >= r->leading.begin_at) tell_all(r, now_ms);
}

int64_t leader_deadline(const struct raft *r)
{
    int64_t at = INT64_MAX;
    bool alone = role_is_only_voter(r);
    if (!alone) at = r->leading.begin_at;
    if (r->leading.voters_count > 1 && r->leading.check_quorum_at < at)
        at = r->leading.check_quorum_at;
    if (r->change.kind != CHANGE_NONE && r->change.expires_at < at) at = r->change.expires_at;
    return at;
}

struct raft_replica *leader_successors(const struct raft *r, int32_t *count)
{
    const struct raft_leading *l = &r->leading;
    struct raft_tracked *by_offset =
        mem_dup(l->tracked, ((size_t)l->voters_count + 1) * sizeof *l->tracked);
    struct raft_replica *out = mem_zalloc((size_t)l->voters_count + 1, sizeof *out);
    *count = 0;
    for (int32_t i = 1; i < l->voters_count; i++) {
        struct raft_tracked t = by_offset[i];
        int32_t j = i;
        for (; j > 0 && by_offset[j - 1].end_offset < t.end_offset; j--)
            by_offset[j] = by_offset[j - 1];
        by_offset[j] = t;
    }
    for (int32_t i = 0; i < l->voters_count; i++) {
        if (!is_self(r, &by_offset[i])) out[(*count)++] = by_offset[i].key;
    }
    mem_free(by_offset);
    return out;
}

int32_t raft_granting(const struct raft *r, int32_t *ids, int32_t ids_max)
{
    PRE(r->role == RAFT_LEADER);
    int32_t count = r->leading.granting_count < ids_max ? r->leading.granting_count : ids_max;
    for (int32_t i = 0; i < count; i++) ids[i] = r->leading.granting[i];
    return count;
}

void leader_acknowledged(struct raft *r, int64_t now_ms, struct raft_replica replica,
                         int64_t offset)
{
    struct raft_tracked *t = find_or_add(r, now_ms, replica);
    int64_t end = log_end(r);
    if (offset >= end)
        t->last_caught_up_ms = now_ms;
    else if (t->last_fetch_leader_end > 0 && offset >= t->last_fetch_leader_end &&
             t->last_caught_up_ms < t->last_fetch_ms)
        t->last_caught_up_ms = t->last_fetch_ms;
    t->last_fetch_leader_end = end;
    t->last_fetch_ms = now_ms;
    t->end_offset = offset;
    bool is_voter = t->is_voter;
    leader_heard_of(r, now_ms, replica);
    if (is_voter) move_high_watermark(r, now_ms);
}
