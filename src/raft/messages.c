/* What this node asks of others: which message is due to whom, what is in flight, and what answers
 * do (RequestManager, the poll and handle…Response methods of KafkaRaftClient).
 *
 * Each role has a list of messages that it may send; `candidate` enumerates them with the time from
 * which each is due, raft_next_message takes the first that is, and raft_deadline the earliest that
 * is not. After an error a destination rests for retry_backoff_ms. */
#include "base/assert.h"
#include "base/mem.h"
#include "raft/internal.h"

/* ---- in flight and resting ---- */

void wire_reset(struct raft *r)
{
    r->wire.sent_count = r->wire.pauses_count = 0;
    r->wire.ask_at = r->wire.quiet_until = INT64_MIN;
}

static bool in_flight(const struct raft *r, enum raft_message_kind kind, int32_t peer)
{
    for (int32_t i = 0; i < r->wire.sent_count; i++) {
        if (r->wire.sent[i].kind == kind && r->wire.sent[i].peer == peer) return true;
    }
    return false;
}

static bool fetch_in_flight(const struct raft *r)
{
    for (int32_t i = 0; i < r->wire.sent_count; i++) {
        if (r->wire.sent[i].kind == RAFT_FETCH || r->wire.sent[i].kind == RAFT_FETCH_SNAPSHOT)
            return true;
    }
    return false;
}

static int64_t rests_until(const struct raft *r, int32_t peer)
{
    for (int32_t i = 0; i < r->wire.pauses_count; i++) {
        if (r->wire.pauses[i].peer == peer) return r->wire.pauses[i].until_ms;
    }
    return INT64_MIN;
}

void wire_rest(struct raft *r, int32_t peer, int64_t until_ms)
{
    struct raft_wire *w = &r->wire;
    for (int32_t i = 0; i < w->pauses_count; i++) {
        if (w->pauses[i].peer == peer) {
            w->pauses[i].until_ms = until_ms;
            return;
        }
    }
    MEM_GROW(w->pauses, w->pauses_count, w->pauses_capacity);
    w->pauses[w->pauses_count++] = (struct raft_pause){peer, until_ms};
}

/* What is over is forgotten: a server that rested once is as good as one that never had to. */
static void rests_end(struct raft *r, int64_t now_ms)
{
    struct raft_wire *w = &r->wire;
    for (int32_t i = w->pauses_count - 1; i >= 0; i--)
        if (w->pauses[i].until_ms <= now_ms) w->pauses[i] = w->pauses[--w->pauses_count];
}

bool wire_take_sent(struct raft *r, uint32_t token, struct raft_sent *out)
{
    struct raft_wire *w = &r->wire;
    for (int32_t i = 0; i < w->sent_count; i++) {
        if (w->sent[i].token == token) {
            *out = w->sent[i];
            w->sent[i] = w->sent[--w->sent_count];
            return true;
        }
    }
    return false;
}

/* ---- what is due ---- */

struct candidate {
    enum raft_message_kind kind;
    int32_t peer;
    struct raft_replica target;
    struct raft_address address;
    int64_t due_ms; /* INT64_MAX: not until something happens */
};

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static struct candidate to_peer(const struct raft *r, enum raft_message_kind kind,
                                struct raft_replica target, struct raft_address address)
{
    struct candidate c = {kind, target.id, target, address, rests_until(r, target.id)};
    if (str_is_null(address.host) || in_flight(r, kind, target.id)) c.due_ms = INT64_MAX;
    return c;
}

static struct candidate to_voter(const struct raft *r, enum raft_message_kind kind,
                                 struct raft_replica target)
{
    return to_peer(
        r, kind, target,
        voters_address(voters_find(voters_latest(r->voters), target.id), r->options.listener));
}

/* The servers that may know the leader: those configured (bootstrap servers, else static voters),
 * and the voters of the log. Voters come and go while configurations stay as they are, and one day
 * none of those configured is left. */
static int32_t configured_count(const struct raft *r)
{
    return r->options.bootstrap_count > 0 ? r->options.bootstrap_count
                                          : voters_at(r->voters, VOTERS_STATIC)->voters_count;
}

static int32_t server_count(const struct raft *r)
{
    bool more = r->options.bootstrap_count > 0 || voters_version(r->voters) >= 1;
    return configured_count(r) + (more ? voters_latest(r->voters)->voters_count : 0);
}

static bool is_same(struct raft_address a, struct raft_address b)
{
    return a.port == b.port && str_equal(a.host, b.host);
}

static struct candidate voter_server(const struct raft *r, const struct voters_record_voter *voter)
{
    return (struct candidate){.kind = RAFT_FETCH,
                              .peer = voter->voter_id,
                              .target = voters_key(voter),
                              .address = voters_address(voter, r->options.listener)};
}

static struct candidate configured_at(const struct raft *r, int32_t i)
{
    if (r->options.bootstrap_count == 0)
        return voter_server(r, &voters_at(r->voters, VOTERS_STATIC)->voters[i]);
    return (struct candidate){.kind = RAFT_FETCH,
                              .peer = -1 - i,
                              .target = {.id = -1},
                              .address = r->options.bootstrap[i]};
}

static struct candidate server_at(const struct raft *r, int32_t i)
{
    int32_t configured = configured_count(r);
    struct candidate c = i < configured
                             ? configured_at(r, i)
                             : voter_server(r, &voters_latest(r->voters)->voters[i - configured]);
    c.due_ms = rests_until(r, c.peer);
    if (str_is_null(c.address.host) || c.peer == r->options.self.id) c.due_ms = INT64_MAX;
    for (int32_t k = 0; i >= configured && k < configured; k++) /* asked by its other name */
        if (is_same(configured_at(r, k).address, c.address)) c.due_ms = INT64_MAX;
    return c;
}

static bool is_durable(const struct raft *r)
{
    return r->durable_end >= log_end(r);
}

/* The fetch offset is the acknowledgement, also at a server that turns out to lead: nothing is said
 * of records that a crash may take. */
static bool may_fetch(const struct raft *r)
{
    return (!r->options.is_controller || is_durable(r)) && !r->appending && !fetch_in_flight(r);
}

static bool is_leaders(const struct raft *r, const struct candidate *c)
{
    return r->role == RAFT_FOLLOWER &&
           (c->peer == r->state.leader_id || is_same(c->address, r->leader_address));
}

/* The first server that is ready, from a place that moves on with every message. Not the leader
 * under its other name: whoever asks is a follower whom the leader does not answer. */
static struct candidate ask_server(const struct raft *r)
{
    struct candidate best = {.kind = RAFT_FETCH, .due_ms = INT64_MAX};
    int32_t count = server_count(r);
    for (int32_t i = 0; i < count && may_fetch(r); i++) {
        struct candidate c =
            server_at(r, (int32_t)((r->wire.first_server + (uint32_t)i) % (uint32_t)count));
        if (c.due_ms < best.due_ms && !is_leaders(r, &c)) best = c;
    }
    if (best.due_ms < INT64_MAX) best.due_ms = later(best.due_ms, r->wire.ask_at);
    return best;
}

static struct candidate fetch_candidate(const struct raft *r)
{
    const struct raft_following *f = &r->following;
    struct raft_replica leader = {.id = r->state.leader_id};
    bool loading = f->loading.end_offset >= 0;
    struct candidate c =
        to_peer(r, loading ? RAFT_FETCH_SNAPSHOT : RAFT_FETCH, leader, r->leader_address);
    if (!may_fetch(r)) {
        c.due_ms = INT64_MAX;
    } else if (f->failures > 0 && f->failures % 2 == 0) {
        struct candidate other = ask_server(r);
        if (other.due_ms < INT64_MAX) return other;
    }
    return c;
}

/* UpdateVoter of a voter; of an observer that joins by itself, Add or Remove. */
static struct candidate membership_candidate(const struct raft *r)
{
    struct raft_replica leader = {.id = r->state.leader_id};
    int16_t level = voters_version(r->voters);
    const struct voters_record_voter *namesake =
        voters_find(voters_latest(r->voters), r->options.self.id);
    enum raft_message_kind kind = RAFT_UPDATE_VOTER;
    bool wanted;
    if (raft_is_voter(r)) {
        wanted = follower_wants_update(r);
    } else {
        wanted = level >= 1 && r->options.is_controller && r->options.auto_join;
        kind = namesake ? RAFT_REMOVE_VOTER : RAFT_ADD_VOTER;
    }
    struct candidate c = to_peer(r, kind, leader, r->leader_address);
    if (!wanted)
        c.due_ms = INT64_MAX;
    else if (c.due_ms < INT64_MAX)
        c.due_ms = later(c.due_ms, r->following.update_voter_at);
    return c;
}

static struct candidate never(void)
{
    return (struct candidate){.due_ms = INT64_MAX};
}

static struct candidate ballot_candidate(const struct raft *r, int32_t i)
{
    const struct raft_ballot *ballot = &r->ballots[i];
    if (ballot->state != BALLOT_OPEN || election_lost(r)) return never();
    /* Who grants a vote grants it again to this candidate after a restart, without a look at its
     * log: what it stands with must not get lost then. (Kafka's followers sync each append.) */
    if (r->role == RAFT_CANDIDATE && !is_durable(r)) return never();
    return to_voter(r, RAFT_VOTE, ballot->voter);
}

static struct candidate leader_candidate(const struct raft *r, int32_t i)
{
    if (i == r->leading.voters_count) {
        if (r->change.kind != CHANGE_ADD_ASKING || r->change.asked) return never();
        const struct voters_record_voter *voter = &r->change.voter->record.voters[0];
        return to_peer(r, RAFT_API_VERSIONS, voters_key(voter),
                       voters_address(voter, r->options.listener));
    }
    const struct raft_tracked *t = &r->leading.tracked[i];
    return t->begin_due ? to_voter(r, RAFT_BEGIN_QUORUM_EPOCH, t->key) : never();
}

static bool of_role(const struct raft *r, int32_t i, struct candidate *out)
{
    switch (r->role) {
    case RAFT_UNATTACHED:
        if (i > 0) return false;
        *out = r->stopping ? never() : ask_server(r);
        return true;
    case RAFT_PROSPECTIVE:
    case RAFT_CANDIDATE:
        if (i >= r->ballots_count) return false;
        *out = ballot_candidate(r, i);
        return true;
    case RAFT_LEADER:
        if (i > r->leading.voters_count) return false;
        *out = leader_candidate(r, i);
        return true;
    case RAFT_RESIGNED:
        if (i >= r->resigned.voters_count) return false;
        *out = r->resigned.acknowledged[i]
                   ? never()
                   : to_voter(r, RAFT_END_QUORUM_EPOCH, r->resigned.voters[i]);
        return true;
    case RAFT_FOLLOWER:
        if (i > 1 || r->stopping) return false;
        *out = i == 0 ? fetch_candidate(r) : membership_candidate(r);
        return true;
    }
    UNREACHABLE();
}

/* The i-th message that this role may send; false: there are no more. */
static bool candidate(const struct raft *r, int32_t i, struct candidate *out)
{
    if (!of_role(r, i, out)) return false;
    out->due_ms = later(out->due_ms, r->wire.quiet_until);
    return true;
}

/* ---- sending ---- */

static void fill(const struct raft *r, const struct candidate *c, struct raft_message *out)
{
    *out = (struct raft_message){
        .kind = c->kind,
        .token = r->wire.last_token,
        .to = c->peer < 0 ? -1 : c->peer,
        .host = c->address.host,
        .port = c->address.port,
        .timeout_ms = r->options.request_timeout_ms,
        .epoch = r->state.epoch,
        .pre_vote = r->role == RAFT_PROSPECTIVE,
        .target = c->target,
        .last_epoch = log_last_epoch(r),
        .offset = log_end(r),
        .high_watermark = r->high_watermark,
        .wait_ms = RAFT_FETCH_WAIT_MS,
        .snapshot = raft_loading(r),
        .preferred = r->resigned.preferred,
        .preferred_count = r->resigned.preferred_count,
        .removed = {.id = -1},
    };
    if (c->kind == RAFT_REMOVE_VOTER) {
        out->removed = voters_key(voters_find(voters_latest(r->voters), r->options.self.id));
    }
}

/* What changes because this message has left. */
static void note_sent(struct raft *r, int64_t now_ms, const struct candidate *c)
{
    switch (c->kind) {
    case RAFT_BEGIN_QUORUM_EPOCH:
        for (int32_t i = 0; i < r->leading.voters_count; i++) {
            if (r->leading.tracked[i].key.id == c->peer) r->leading.tracked[i].begin_due = false;
        }
        break;
    case RAFT_UPDATE_VOTER:
    case RAFT_ADD_VOTER:
    case RAFT_REMOVE_VOTER:
        r->following.update_voter_at = now_ms + r->options.fetch_timeout_ms;
        break;
    case RAFT_API_VERSIONS: r->change.asked = true; break;
    case RAFT_FETCH:
        if (c->peer != r->state.leader_id || r->role != RAFT_FOLLOWER) {
            r->wire.first_server = (uint32_t)prng_below(&r->prng, 1u << 30);
            r->following.failures += r->role == RAFT_FOLLOWER; /* then the leader's turn again */
        }
        break;
    case RAFT_VOTE:
    case RAFT_END_QUORUM_EPOCH:
    case RAFT_FETCH_SNAPSHOT: break;
    }
}

bool raft_next_message(struct raft *r, int64_t now_ms, struct raft_message *out)
{
    struct candidate c;
    rests_end(r, now_ms);
    for (int32_t i = 0; candidate(r, i, &c); i++) {
        if (c.due_ms == INT64_MAX || c.due_ms > now_ms) continue;
        struct raft_wire *w = &r->wire;
        w->last_token++;
        fill(r, &c, out);
        MEM_GROW(w->sent, w->sent_count, w->sent_capacity);
        w->sent[w->sent_count++] = (struct raft_sent){w->last_token, c.kind, c.peer,
                                                      now_ms + r->options.request_timeout_ms};
        note_sent(r, now_ms, &c);
        POST(out->to != r->options.self.id);
        return true;
    }
    return false;
}

int64_t wire_deadline(const struct raft *r)
{
    int64_t at = INT64_MAX;
    struct candidate c;
    for (int32_t i = 0; candidate(r, i, &c); i++) at = c.due_ms < at ? c.due_ms : at;
    for (int32_t i = 0; i < r->wire.sent_count; i++)
        at = r->wire.sent[i].expires_at < at ? r->wire.sent[i].expires_at : at;
    return at;
}
