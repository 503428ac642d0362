/* Construction, the passing of time, effects, and what can be asked of the core. */
#include "raft/raft.h"

#include "base/assert.h"
#include "base/mem.h"
#include "raft/internal.h"

static void copy_options(struct raft *r, const struct raft_options *options)
{
    r->options = *options;
    r->options.listener = arena_str(&r->arena, options->listener);
    struct raft_address *bootstrap =
        ARENA_ARRAY(&r->arena, struct raft_address, options->bootstrap_count);
    for (int32_t i = 0; i < options->bootstrap_count; i++) {
        bootstrap[i].host = arena_str(&r->arena, options->bootstrap[i].host);
        bootstrap[i].port = options->bootstrap[i].port;
    }
    r->options.bootstrap = bootstrap;
    if (!options->own_entry) return;
    struct voters_record_voter *own = ARENA_NEW(&r->arena, struct voters_record_voter);
    *own = *options->own_entry;
    own->endpoints = ARENA_ARRAY(&r->arena, struct voters_record_endpoint, own->endpoints_count);
    for (int32_t i = 0; i < own->endpoints_count; i++) {
        const struct voters_record_endpoint *from = &options->own_entry->endpoints[i];
        own->endpoints[i] = (struct voters_record_endpoint){
            arena_str(&r->arena, from->name), arena_str(&r->arena, from->host), from->port};
    }
    r->options.own_entry = own;
}

struct raft *raft_new(const struct raft_options *options, const struct raft_log *log,
                      const struct raft_state *state, const struct voters_record *static_voters)
{
    PRE(options->self.id >= 0 && !uuid_is_zero(options->self.directory_id));
    PRE(IMPLIES(options->is_controller, options->own_entry));
    PRE(options->fetch_timeout_ms > 0 && options->request_timeout_ms > 0);
    struct raft *r = MEM_NEW(struct raft);
    arena_init(&r->arena, 0);
    copy_options(r, options);
    r->log = *log;
    r->prng = prng_seed(options->seed);
    r->voters = voters_new(static_voters);
    r->state = r->written = r->written_before = *state;
    r->leader_address.host = STR_NULL;
    r->high_watermark = -1;
    r->election_at = INT64_MAX;
    r->following.loading.end_offset = -1;
    r->effects.truncate_to = r->effects.snapshot.end_offset = -1;
    r->effects.append_kraft_version = -1;
    return r;
}

void raft_free(struct raft *r)
{
    if (!r) return;
    if (r->role == RAFT_LEADER) leader_end(r);
    voter_set_free(r->wanted);
    voter_set_free(r->change.voter);
    voters_free(r->voters);
    mem_free(r->ballots);
    mem_free(r->resigned.preferred);
    mem_free(r->resigned.voters);
    mem_free(r->resigned.acknowledged);
    mem_free((char *)r->leader_address.host.data);
    mem_free(r->wire.sent);
    mem_free(r->wire.pauses);
    arena_free(&r->arena);
    mem_free(r);
}

void raft_start(struct raft *r, int64_t now_ms, int64_t high_watermark)
{
    PRE(!r->started && high_watermark <= log_end(r));
    r->started = true;
    r->high_watermark = r->told.high_watermark = high_watermark;
    r->durable_end = log_end(r);
    r->told.leader_id = -1;
    role_resume(r, now_ms);
    /* Nobody to wait for: one voter leads at once. A candidate has looked already. */
    if (role_is_only_voter(r) && r->role != RAFT_LEADER && r->role != RAFT_CANDIDATE)
        role_become_prospective(r, now_ms);
}

struct raft_state raft_persistent(const struct raft *r)
{
    return r->state;
}

static bool state_equal(const struct raft_state *a, const struct raft_state *b)
{
    return a->epoch == b->epoch && a->leader_id == b->leader_id && a->voted.id == b->voted.id &&
           uuid_equal(a->voted.directory_id, b->voted.directory_id);
}

struct raft_effects raft_take(struct raft *r)
{
    struct raft_effects taken = r->effects;
    r->effects = (struct raft_effects){
        .truncate_to = -1, .append_kraft_version = -1, .snapshot.end_offset = -1};
    if (!state_equal(&r->state, &r->written)) {
        taken.persist = true;
        r->written_before = r->written;
        r->written = r->state;
    }
    if (r->told.role != r->role || r->told.leader_id != r->state.leader_id ||
        r->told.epoch != r->state.epoch) {
        taken.leader_changed = true;
        r->told.role = r->role;
        r->told.leader_id = r->state.leader_id;
        r->told.epoch = r->state.epoch;
    }
    if (r->told.high_watermark != r->high_watermark) {
        taken.high_watermark_moved = true;
        r->told.high_watermark = r->high_watermark;
    }
    r->taken = taken;
    POST(IMPLIES(taken.append_leader_change, r->role == RAFT_LEADER));
    POST(IMPLIES(taken.append_voters, r->role == RAFT_LEADER && r->wanted));
    POST(IMPLIES(taken.truncate_to >= 0, taken.truncate_to >= r->high_watermark));
    return taken;
}

void raft_cannot_persist(struct raft *r, int64_t now_ms)
{
    PRE(r->taken.persist);
    r->state = r->written = r->written_before;
    role_resume(r, now_ms);
    /* Or the next answer would be learned from, and not be written, within the same turn. */
    r->wire.quiet_until = now_ms + role_election_timeout(r);
    /* The driver dropped them. */
    r->effects.truncate_to = r->taken.truncate_to;
    if (r->taken.change_done) {
        r->effects.change_done = true;
        r->effects.change_error = r->taken.change_error;
        r->effects.change_message = r->taken.change_message;
    }
    r->effects.may_stop |= r->taken.may_stop;
    r->told.epoch = -1;
    if (r->taken.high_watermark_moved) r->told.high_watermark = -2;
    if (r->role == RAFT_UNATTACHED && role_may_stand(r))
        r->election_at = now_ms + role_election_timeout(r);
}

/* ---- time ---- */

/* Nobody waits for this node any more. */
static bool is_stopped(const struct raft *r)
{
    bool other_leads = r->state.leader_id >= 0 && r->state.leader_id != r->options.self.id;
    return !raft_is_voter(r) || role_is_only_voter(r) || other_leads;
}

static void tick_stopping(struct raft *r, int64_t now_ms)
{
    if (!r->stopping || r->stop_told) return;
    if (now_ms >= r->stop_by || is_stopped(r)) r->stop_told = r->effects.may_stop = true;
}

static void tick_election(struct raft *r, int64_t now_ms)
{
    if (r->stopping || now_ms < r->election_at) return;
    if (r->role == RAFT_RESIGNED && r->state.epoch == INT32_MAX)
        r->election_at = INT64_MAX;
    else if (r->role == RAFT_RESIGNED)
        role_become_unattached(r, now_ms, r->state.epoch + 1, -1);
    else if (!role_may_stand(r) && r->role == RAFT_UNATTACHED)
        r->election_at = INT64_MAX; /* it was one when the timer began */
    else if (!role_may_stand(r))
        role_become_unattached(r, now_ms, r->state.epoch, r->state.leader_id);
    else if (r->role == RAFT_PROSPECTIVE)
        role_leave_prospective(r, now_ms);
    else
        role_become_prospective(r, now_ms);
}

void raft_tick(struct raft *r, int64_t now_ms)
{
    PRE(r->started);
    wire_expire(r, now_ms);
    switch (r->role) {
    case RAFT_LEADER: leader_tick(r, now_ms); break;
    case RAFT_FOLLOWER:
        if (!r->stopping && now_ms >= r->following.fetch_at && role_may_stand(r))
            role_become_prospective(r, now_ms);
        break;
    case RAFT_UNATTACHED:
    case RAFT_PROSPECTIVE:
    case RAFT_CANDIDATE:
    case RAFT_RESIGNED: tick_election(r, now_ms); break;
    }
    tick_stopping(r, now_ms);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t raft_deadline(const struct raft *r)
{
    int64_t at = wire_deadline(r);
    if (r->stopping && !r->stop_told) at = is_stopped(r) ? INT64_MIN : earlier(at, r->stop_by);
    if (r->role == RAFT_LEADER) return earlier(at, leader_deadline(r));
    if (r->stopping) return at;
    if (r->role == RAFT_FOLLOWER)
        return role_may_stand(r) ? earlier(at, r->following.fetch_at) : at;
    return earlier(at, r->election_at);
}

void raft_durable(struct raft *r, int64_t now_ms, int64_t end_offset)
{
    int64_t end = earlier(end_offset, log_end(r));
    if (end <= r->durable_end) return;
    r->durable_end = end;
    if (r->role == RAFT_LEADER) leader_own_durable(r, now_ms);
}

/* ---- voters ---- */

static void voters_moved(struct raft *r, int64_t now_ms)
{
    if (!r->started) return;
    if (r->role == RAFT_LEADER)
        leader_voters_changed(r, now_ms);
    else if (r->role == RAFT_UNATTACHED && role_may_stand(r) && r->election_at == INT64_MAX)
        r->election_at = now_ms + role_election_timeout(r);
}

void raft_voters_at(struct raft *r, int64_t now_ms, int64_t offset,
                    const struct voters_record *voters)
{
    voters_tell(r->voters, offset, voters);
    voter_set_free(r->wanted);
    r->wanted = NULL;
    voters_moved(r, now_ms);
}

void raft_kraft_version_at(struct raft *r, int64_t now_ms, int64_t offset, int16_t level)
{
    (void)now_ms;
    voters_tell_version(r->voters, offset, level);
}

void raft_forget_below(struct raft *r, int64_t offset)
{
    voters_forget_below(r->voters, offset);
}

/* ---- from outside ---- */

/* All learn it within milliseconds, and two that stand in the same one have a pre-vote of each
 * other and then split the votes, which costs an election timeout: so they have an order. */
static int64_t place_among_survivors(const struct raft *r, int32_t leader_id)
{
    const struct voters_record *voters = voters_latest(r->voters);
    int64_t place = 0;
    for (int32_t i = 0; i < voters->voters_count; i++) {
        int32_t id = voters->voters[i].voter_id;
        place += id != leader_id && id < r->options.self.id;
    }
    return place;
}

void raft_leader_lost(struct raft *r, int64_t now_ms, int32_t leader_id, int64_t stagger_ms)
{
    if (r->role != RAFT_FOLLOWER || r->state.leader_id != leader_id) return;
    /* As if this leader had never answered: who stands first may have this node's pre-vote. */
    r->following.has_fetched = false;
    if (!role_may_stand(r)) return;
    int64_t wait = place_among_survivors(r, leader_id) * stagger_ms;
    r->following.fetch_at = earlier(r->following.fetch_at, now_ms + wait);
}

void raft_resign(struct raft *r, int64_t now_ms, int32_t epoch)
{
    if (r->role == RAFT_LEADER && r->state.epoch == epoch) role_become_resigned(r, now_ms);
}

void raft_shutdown(struct raft *r, int64_t now_ms, int64_t timeout_ms)
{
    if (r->stopping) return;
    r->stopping = true;
    r->stop_by = now_ms + timeout_ms;
    if (r->role == RAFT_LEADER && !role_is_only_voter(r)) role_become_resigned(r, now_ms);
    tick_stopping(r, now_ms);
}

/* ---- what is ---- */

const char *raft_role_text(enum raft_role role)
{
    static const char *const texts[] = {
        [RAFT_UNATTACHED] = "Unattached", [RAFT_PROSPECTIVE] = "Prospective",
        [RAFT_CANDIDATE] = "Candidate",   [RAFT_LEADER] = "Leader",
        [RAFT_RESIGNED] = "Resigned",     [RAFT_FOLLOWER] = "Follower",
    };
    PRE((unsigned)role < sizeof texts / sizeof *texts);
    return texts[role];
}

enum raft_role raft_role(const struct raft *r)
{
    return r->role;
}

int32_t raft_epoch(const struct raft *r)
{
    return r->state.epoch;
}

int32_t raft_leader(const struct raft *r)
{
    return r->state.leader_id;
}

struct raft_address raft_leader_address(const struct raft *r)
{
    return r->leader_address;
}

bool raft_is_voter(const struct raft *r)
{
    return r->options.is_controller && voters_include(voters_latest(r->voters), r->options.self);
}

int64_t raft_high_watermark(const struct raft *r)
{
    return r->high_watermark;
}

int64_t raft_epoch_start(const struct raft *r)
{
    return r->role == RAFT_LEADER ? r->leading.epoch_start : -1;
}

int16_t raft_kraft_version(const struct raft *r)
{
    return voters_version(r->voters);
}

struct raft_snapshot_id raft_loading(const struct raft *r)
{
    return r->role == RAFT_FOLLOWER ? r->following.loading : (struct raft_snapshot_id){-1, -1};
}

const struct voters_record *raft_voters(const struct raft *r)
{
    return voters_latest(r->voters);
}

const struct voters_record *raft_voters_of(const struct raft *r, int64_t offset)
{
    return voters_at(r->voters, offset);
}

int16_t raft_kraft_version_of(const struct raft *r, int64_t offset)
{
    return voters_version_at(r->voters, offset);
}

const struct voters_record *raft_voters_wanted(const struct raft *r)
{
    PRE(r->wanted);
    return &r->wanted->record;
}
