#include "raft_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

/* ---- packets ---- */

enum packet_kind { PACKET_REQUEST, PACKET_ANSWER, PACKET_REFUSED, PACKET_UNSUPPORTED };

struct packet {
    int64_t at_ms;
    uint64_t sequence;
    enum packet_kind kind;
    int32_t from, to;
    int32_t incarnation; /* of the node that asked */
    uint32_t token;
    struct raft_message request; /* its pointers are copied below */
    struct raft_replica requester, preferred[WORLD_NODES_MAX];
    struct raft_answer answer;
    char host[16];
    struct record *records; /* owned */
    int64_t records_count, records_offset;
    struct snapshot snapshot;
    int32_t chunk;
};

static struct node *by_id(struct world *w, int32_t id)
{
    for (int32_t i = 0; i < w->nodes_count; i++) {
        if (w->nodes[i].id == id) return &w->nodes[i];
    }
    return NULL;
}

static int32_t index_of(const struct node *n)
{
    return (int32_t)(n - n->world->nodes);
}

static void packet_send(struct world *w, struct packet p)
{
    struct node *from = by_id(w, p.from), *to = by_id(w, p.to);
    bool lost = !to || w->cut[index_of(from)][index_of(to)] ||
                prng_chance(&w->prng, (uint64_t)w->loss, 1000);
    if (lost) {
        mem_free(p.records);
        return;
    }
    p.at_ms =
        w->now_ms +
        (w->delay_ms_max > 0 ? (int64_t)prng_below(&w->prng, (uint64_t)w->delay_ms_max + 1) : 0);
    p.sequence = w->sequence++;
    MEM_GROW(w->packets, w->packets_count, w->packets_capacity);
    w->packets[w->packets_count++] = p;
}

static void packet_send_maybe_twice(struct world *w, struct packet p)
{
    if (prng_chance(&w->prng, (uint64_t)w->duplication, 1000)) {
        struct packet twin = p;
        if (p.records)
            twin.records = mem_dup(p.records, (size_t)p.records_count * sizeof *p.records);
        packet_send(w, twin);
    }
    packet_send(w, p);
}

/* ---- disks ---- */

int64_t disk_end(const struct disk *d)
{
    return d->start + d->count;
}

void disk_append(struct disk *d, struct record record)
{
    MEM_GROW(d->records, d->count, d->capacity);
    d->records[d->count++] = record;
}

static const struct record *disk_at(const struct disk *d, int64_t offset)
{
    PRE(offset >= d->start && offset < disk_end(d));
    return &d->records[offset - d->start];
}

static int64_t log_start_offset(void *context)
{
    return ((struct disk *)context)->start;
}

static int64_t log_end_offset(void *context)
{
    return disk_end(context);
}

static int32_t log_last_epoch(void *context)
{
    const struct disk *d = context;
    return d->count > 0 ? d->records[d->count - 1].epoch : d->start_epoch;
}

static struct raft_epoch_end log_epoch_end(void *context, int32_t epoch)
{
    const struct disk *d = context;
    if (d->count == 0 || epoch > d->records[d->count - 1].epoch)
        return (struct raft_epoch_end){-1, -1};
    if (epoch < d->records[0].epoch) return (struct raft_epoch_end){epoch, d->start};
    int64_t i = d->count;
    while (d->records[i - 1].epoch > epoch) i--;
    return (struct raft_epoch_end){d->records[i - 1].epoch, d->start + i};
}

static struct raft_snapshot_id log_oldest(void *context)
{
    const struct disk *d = context;
    return d->snapshots_count > 0 ? d->snapshots[0].id : (struct raft_snapshot_id){-1, -1};
}

static struct raft_snapshot_id log_newest(void *context)
{
    const struct disk *d = context;
    return d->snapshots_count > 0 ? d->snapshots[d->snapshots_count - 1].id
                                  : (struct raft_snapshot_id){-1, -1};
}

static void disk_trim(struct disk *d, struct raft_snapshot_id id)
{
    int64_t drop = id.end_offset - d->start;
    if (drop <= 0) return;
    PRE(drop <= d->count);
    d->count -= drop;
    memmove(d->records, d->records + drop, (size_t)d->count * sizeof *d->records);
    d->start = id.end_offset;
    d->start_epoch = id.epoch;
    int32_t old = 0;
    while (d->snapshots[old].id.end_offset < d->start) old++;
    d->snapshots_count -= old;
    memmove(d->snapshots, d->snapshots + old, (size_t)d->snapshots_count * sizeof *d->snapshots);
}

/* ---- building ---- */

struct world *world_new(uint64_t seed)
{
    struct world *w = MEM_NEW(struct world);
    w->prng = prng_seed(seed);
    w->now_ms = 1000;
    w->delay_ms_max = 2;
    for (int32_t i = 0; i < 4096; i++) {
        w->leaders[i] = -1;
        for (int32_t j = 0; j < WORLD_NODES_MAX; j++) w->votes[i][j].id = -1;
    }
    return w;
}

void world_free(struct world *w)
{
    for (int32_t i = 0; i < w->nodes_count; i++) {
        raft_free(w->nodes[i].raft);
        mem_free(w->nodes[i].disk.records);
        mem_free(w->nodes[i].disk.snapshots);
    }
    for (int32_t i = 0; i < w->packets_count; i++) mem_free(w->packets[i].records);
    for (int32_t i = 0; i < w->sets_count; i++) voter_set_free(w->sets[i]);
    voter_set_free(w->static_voters);
    mem_free(w->sets);
    mem_free(w->packets);
    mem_free(w->committed);
    mem_free(w);
}

static const struct voter_set *keep(struct world *w, const struct voters_record *record)
{
    MEM_GROW(w->sets, w->sets_count, w->sets_capacity);
    w->sets[w->sets_count] = voter_set_copy(record, NULL, NULL);
    return w->sets[w->sets_count++];
}

struct node *world_add(struct world *w, int32_t id, bool is_controller, uint8_t directory)
{
    PRE(w->nodes_count < WORLD_NODES_MAX);
    struct node *n = &w->nodes[w->nodes_count++];
    n->world = w;
    n->id = id;
    n->directory.bytes[0] = 0xd0;
    n->directory.bytes[14] = (uint8_t)id;
    n->directory.bytes[15] = directory;
    n->is_controller = is_controller;
    n->disk.state = (struct raft_state){.leader_id = -1, .voted.id = -1};
    n->disk.checkpoint = -1;
    n->sync_at = INT64_MAX;
    n->loading.end_offset = -1;
    n->appended_at_leader_change = -1;
    n->last.truncate_to = n->last.snapshot.end_offset = -1;
    return n;
}

struct voters_record_voter world_entry(struct node *n, struct arena *arena)
{
    struct voters_record_voter entry;
    voters_record_voter_init(&entry);
    entry.voter_id = n->id;
    entry.voter_directory_id = n->directory;
    entry.endpoints = voters_record_endpoint_new(arena, 1);
    entry.endpoints_count = 1;
    entry.endpoints[0].name = STR("CONTROLLER");
    entry.endpoints[0].host = arena_printf(arena, "n%d", (int)n->id);
    entry.endpoints[0].port = 9093;
    entry.kraft_version_feature.max_supported_version = 1;
    return entry;
}

static struct voter_set *first_voters(struct world *w, int32_t voters, bool with_directories)
{
    struct voter_set *set = voter_set_copy(NULL, NULL, NULL);
    for (int32_t i = 0; i < voters; i++) {
        struct arena arena;
        arena_init(&arena, 0);
        struct voters_record_voter entry = world_entry(&w->nodes[i], &arena);
        if (!with_directories) {
            entry.voter_directory_id = UUID_ZERO;
            entry.kraft_version_feature.max_supported_version = 0;
        }
        struct voter_set *more = voter_set_copy(&set->record, NULL, &entry);
        voter_set_free(set);
        set = more;
        arena_free(&arena);
    }
    return set;
}

void world_static(struct world *w, int32_t voters)
{
    w->static_voters = first_voters(w, voters, false);
}

void world_dynamic(struct world *w, int32_t voters)
{
    struct voter_set *set = first_voters(w, voters, true);
    const struct voter_set *kept = keep(w, &set->record);
    voter_set_free(set);
    w->servers_max = WORLD_NODES_MAX;
    for (int32_t i = 0; i < voters; i++) w->nodes[i].disk.bootstrap = kept;
}

struct world *world_of(uint64_t seed, int32_t voters, int32_t observers, bool dynamic)
{
    struct world *w = world_new(seed);
    for (int32_t i = 0; i < voters; i++) world_add(w, i, true, 1);
    for (int32_t i = 0; i < observers; i++) world_add(w, voters + i, dynamic, 1);
    if (dynamic)
        world_dynamic(w, voters);
    else
        world_static(w, voters);
    for (int32_t i = 0; i < voters + observers; i++) node_start(&w->nodes[i]);
    return w;
}

struct raft_replica node_key(const struct node *n)
{
    return (struct raft_replica){n->id, n->directory};
}

void node_preload(struct node *n, int32_t epoch, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        disk_append(&n->disk, (struct record){.epoch = epoch, .value = ++n->world->last_value});
    n->disk.synced = disk_end(&n->disk);
    if (n->disk.state.epoch < epoch) n->disk.state.epoch = epoch;
}

static void tell_record(struct node *n, int64_t offset, const struct record *record)
{
    int64_t now = n->world->now_ms;
    if (record->kind == RECORD_VOTERS)
        raft_voters_at(n->raft, now, offset, &record->voters->record);
    else if (record->kind == RECORD_VERSION)
        raft_kraft_version_at(n->raft, now, offset, (int16_t)record->value);
}

static void tell_snapshot(struct node *n, const struct snapshot *s)
{
    int64_t now = n->world->now_ms, offset = s->id.end_offset - 1;
    if (s->level > 0) raft_kraft_version_at(n->raft, now, offset, s->level);
    if (s->voters) raft_voters_at(n->raft, now, offset, &s->voters->record);
}

static struct raft *core_of(struct node *n)
{
    struct world *w = n->world;
    struct arena arena;
    arena_init(&arena, 0);
    struct voters_record_voter own = world_entry(n, &arena);
    struct raft_address servers[WORLD_NODES_MAX];
    int32_t count = 0;
    for (int32_t i = 0; i < w->servers_max && i < w->nodes_count; i++) {
        if (w->nodes[i].is_controller && &w->nodes[i] != n)
            servers[count++] =
                (struct raft_address){arena_printf(&arena, "n%d", (int)w->nodes[i].id), 9093};
    }
    const struct raft_options options = {
        .self = node_key(n),
        .is_controller = n->is_controller,
        .own_entry = &own,
        .listener = STR("CONTROLLER"),
        .bootstrap = servers,
        .bootstrap_count = count,
        .seed = prng_u64(&w->prng),
        .election_timeout_ms = 1000,
        .election_backoff_ms_max = 1000,
        .fetch_timeout_ms = 2000,
        .request_timeout_ms = 2000,
        .retry_backoff_ms = 20,
        .auto_join = n->auto_join,
    };
    const struct raft_log log = {&n->disk,      log_start_offset, log_end_offset, log_last_epoch,
                                 log_epoch_end, log_oldest,       log_newest};
    struct raft *r = raft_new(&options, &log, &n->disk.state,
                              w->static_voters ? &w->static_voters->record : NULL);
    arena_free(&arena);
    return r;
}

void node_start(struct node *n)
{
    PRE(!n->up);
    n->up = true;
    n->incarnation++;
    n->disk.synced = disk_end(&n->disk);
    n->raft = core_of(n);
    int64_t now = n->world->now_ms;
    const struct disk *d = &n->disk;
    if (d->bootstrap && d->start == 0) {
        raft_kraft_version_at(n->raft, now, -1, 1);
        raft_voters_at(n->raft, now, -1, &d->bootstrap->record);
    }
    if (d->start > 0) tell_snapshot(n, &d->snapshots[0]);
    for (int64_t offset = d->start; offset < disk_end(d); offset++)
        tell_record(n, offset, disk_at(d, offset));
    int64_t known = d->checkpoint > d->start ? d->checkpoint : d->start > 0 ? d->start : -1;
    if (known > disk_end(d)) known = disk_end(d);
    raft_start(n->raft, now, known);
    node_settle(n);
}

void node_crash(struct node *n)
{
    PRE(n->up);
    struct disk *d = &n->disk;
    raft_free(n->raft);
    n->raft = NULL;
    n->up = false;
    n->outbox_count = n->parked_count = 0;
    n->sync_at = INT64_MAX;
    n->loading.end_offset = -1;
    /* Of what was not synced, some beginning is left. */
    int64_t unsynced = disk_end(d) - d->synced;
    PRE(unsynced >= 0);
    if (unsynced > 0) d->count -= (int64_t)prng_below(&n->world->prng, (uint64_t)unsynced + 1);
}

/* ---- what raft promises ---- */

static void breach(struct node *n, const char *what)
{
    fprintf(stderr, "breach: %s: node %d, epoch %d, at %lld ms, step %llu\n", what, (int)n->id,
            (int)raft_epoch(n->raft), (long long)n->world->now_ms,
            (unsigned long long)n->world->steps);
    abort();
}

static void check_vote(struct node *n)
{
    struct raft_state state = n->disk.state;
    if (state.epoch >= 4096) return;
    struct raft_replica *vote = &n->world->votes[state.epoch][index_of(n)];
    if (state.voted.id >= 0 && vote->id >= 0 &&
        (vote->id != state.voted.id || !uuid_equal(vote->directory_id, state.voted.directory_id)))
        breach(n, "a second vote in one epoch");
    if (state.voted.id >= 0) *vote = state.voted;
}

static void check_leader(struct node *n)
{
    int32_t epoch = raft_epoch(n->raft);
    int32_t *leader = &n->world->leaders[epoch % 4096];
    if (*leader >= 0 && *leader != n->id) breach(n, "a second leader in one epoch");
    *leader = n->id;
}

static bool holds(const struct node *n, int64_t end_offset, const struct record *last)
{
    const struct disk *d = &n->disk;
    if (d->start >= end_offset) return true;
    if (d->synced < end_offset) return false;
    const struct record *own = disk_at(d, end_offset - 1);
    return own->epoch == last->epoch && own->kind == last->kind && own->value == last->value;
}

/* The leader says that all below this has committed: do a majority's disks agree? */
static void check_majority(struct node *n, int64_t high_watermark)
{
    const struct voters_record *voters = raft_voters(n->raft);
    const struct record *last = disk_at(&n->disk, high_watermark - 1);
    int32_t count = 0;
    for (int32_t i = 0; i < n->world->nodes_count; i++) {
        const struct node *other = &n->world->nodes[i];
        if (voters_include(voters, node_key(other)) && holds(other, high_watermark, last)) count++;
    }
    if (count < voters->voters_count / 2 + 1) breach(n, "a high watermark without a majority");
}

static void check_committed(struct node *n)
{
    struct world *w = n->world;
    int64_t high_watermark = raft_high_watermark(n->raft);
    if (high_watermark > disk_end(&n->disk)) breach(n, "a high watermark beyond the log end");
    for (int64_t offset = n->disk.start; offset < high_watermark; offset++) {
        const struct record *own = disk_at(&n->disk, offset);
        if (offset >= w->committed_count) {
            PRE(offset == w->committed_count);
            MEM_GROW(w->committed, w->committed_count, w->committed_capacity);
            w->committed[w->committed_count++] = *own;
            continue;
        }
        const struct record *known = &w->committed[offset];
        if (known->epoch != own->epoch || known->kind != own->kind || known->value != own->value)
            breach(n, "two committed records at one offset");
    }
    if (n->disk.start > 0 && n->disk.start <= w->committed_count &&
        w->committed[n->disk.start - 1].epoch != n->disk.start_epoch)
        breach(n, "a log that begins at another epoch than was committed");
}

/* What the log says of the voters at its end. */
static const struct voters_record *logged_voters(const struct node *n)
{
    const struct disk *d = &n->disk;
    for (int64_t offset = disk_end(d) - 1; offset >= d->start; offset--) {
        if (disk_at(d, offset)->kind == RECORD_VOTERS) return &disk_at(d, offset)->voters->record;
    }
    if (d->start > 0 && d->snapshots[0].voters) return &d->snapshots[0].voters->record;
    if (d->start == 0 && d->bootstrap) return &d->bootstrap->record;
    return n->world->static_voters ? &n->world->static_voters->record : NULL;
}

static void check_voters(struct node *n)
{
    const struct voters_record *own = raft_voters(n->raft), *logged = logged_voters(n);
    if (own->voters_count != (logged ? logged->voters_count : 0))
        breach(n, "voters that the log does not have");
    for (int32_t i = 0; i < own->voters_count; i++) {
        if (!voters_same(&own->voters[i], &logged->voters[i]))
            breach(n, "voters that the log does not have");
    }
}

static void check_moved(struct node *n)
{
    int64_t high_watermark = raft_high_watermark(n->raft);
    if (high_watermark < n->disk.checkpoint && n->disk.checkpoint <= disk_end(&n->disk))
        breach(n, "a high watermark that falls");
    if (!n->world->puppets && raft_role(n->raft) == RAFT_LEADER &&
        high_watermark > n->disk.checkpoint)
        check_majority(n, high_watermark);
    check_committed(n);
    n->disk.checkpoint = high_watermark;
}

/* ---- the driver ---- */

static void append_and_tell(struct node *n, struct record record)
{
    int64_t offset = disk_end(&n->disk);
    disk_append(&n->disk, record);
    tell_record(n, offset, &record);
}

static void begin_sync(struct node *n)
{
    if (n->sync_at != INT64_MAX) return;
    struct world *w = n->world;
    n->syncing_to = disk_end(&n->disk);
    n->sync_at =
        w->now_ms +
        (w->sync_ms_max > 0 ? (int64_t)prng_below(&w->prng, (uint64_t)w->sync_ms_max + 1) : 0);
}

void node_sync(struct node *n)
{
    n->sync_at = INT64_MAX;
    n->disk.synced = disk_end(&n->disk);
    raft_durable(n->raft, n->world->now_ms, n->disk.synced);
    node_settle(n);
}

static void end_sync(struct node *n)
{
    n->sync_at = INT64_MAX;
    if (n->syncing_to > n->disk.synced) n->disk.synced = n->syncing_to;
    raft_durable(n->raft, n->world->now_ms, n->disk.synced);
    if (disk_end(&n->disk) > n->disk.synced) begin_sync(n);
}

static void truncate_to(struct node *n, int64_t offset)
{
    struct disk *d = &n->disk;
    PRE(offset >= d->start && offset <= disk_end(d));
    PRE(offset >= raft_high_watermark(n->raft));
    d->count = offset - d->start;
    if (d->synced > offset) d->synced = offset;
    n->sync_at = INT64_MAX; /* what it would say is void */
    if (disk_end(d) > d->synced) begin_sync(n);
}

static void append_voters(struct node *n, int16_t level)
{
    int32_t epoch = raft_epoch(n->raft);
    if (level >= 0)
        append_and_tell(n, (struct record){epoch, RECORD_VERSION, (uint64_t)level, NULL});
    const struct voter_set *set = keep(n->world, raft_voters_wanted(n->raft));
    append_and_tell(n, (struct record){epoch, RECORD_VOTERS, ++n->world->last_value, set});
}

static void note_effects(struct node *n, const struct raft_effects *e)
{
    struct raft_effects *all = &n->last;
    all->persist |= e->persist;
    all->append_leader_change |= e->append_leader_change;
    all->append_voters |= e->append_voters;
    all->leader_changed |= e->leader_changed;
    all->high_watermark_moved |= e->high_watermark_moved;
    all->may_stop |= e->may_stop;
    if (e->truncate_to >= 0) all->truncate_to = e->truncate_to;
    if (e->snapshot.end_offset >= 0) all->snapshot = e->snapshot;
    if (e->change_done) {
        all->change_done = true;
        all->change_error = e->change_error;
        all->change_message = e->change_message;
    }
}

/* False: there was nothing to do. `refused`: quorum-state could not be written. */
static bool carry_out(struct node *n, bool *refused)
{
    struct raft_effects e = raft_take(n->raft);
    bool any = e.persist || e.truncate_to >= 0 || e.append_leader_change || e.append_voters;
    if (e.persist &&
        (n->no_space || prng_chance(&n->world->prng, (uint64_t)n->world->disk_full, 1000))) {
        n->no_space = false;
        raft_cannot_persist(n->raft, n->world->now_ms);
        *refused = true;
        n->world->seen.refused_writes++;
        return true;
    }
    note_effects(n, &e);
    if (e.persist) {
        n->persists++;
        n->disk.state = raft_persistent(n->raft);
        check_vote(n);
    }
    if (e.truncate_to >= 0) truncate_to(n, e.truncate_to);
    n->world->seen.truncations += e.truncate_to >= 0;
    n->world->seen.elections += e.append_leader_change;
    n->world->seen.changes += e.append_voters && !e.append_leader_change;
    n->world->seen.upgrades += e.append_voters && e.append_kraft_version > 0;
    n->world->seen.resignations += e.leader_changed && raft_role(n->raft) == RAFT_RESIGNED;
    if (e.append_leader_change) {
        check_leader(n);
        n->granting_count = raft_granting(n->raft, n->granting, WORLD_NODES_MAX);
        n->appended_at_leader_change = disk_end(&n->disk);
        append_and_tell(n, (struct record){raft_epoch(n->raft), RECORD_LEADER_CHANGE,
                                           ++n->world->last_value, NULL});
    }
    if (e.append_voters) append_voters(n, e.append_kraft_version);
    if (e.append_leader_change || e.append_voters) begin_sync(n);
    if (e.snapshot.end_offset >= 0) n->loading = e.snapshot;
    if (e.high_watermark_moved) check_moved(n);
    return any;
}

static void drop_stale_load(struct node *n)
{
    struct raft_snapshot_id loading = raft_loading(n->raft);
    if (n->loading.end_offset != loading.end_offset || n->loading.epoch != loading.epoch) {
        n->loading = loading;
        n->loaded_chunks = 0;
    }
}

static void collect(struct node *n)
{
    struct raft_message m;
    if (n->world->puppets &&
        (n->outbox_role != raft_role(n->raft) || n->outbox_epoch != raft_epoch(n->raft)))
        n->outbox_count = 0;
    n->outbox_role = raft_role(n->raft);
    n->outbox_epoch = raft_epoch(n->raft);
    while (n->outbox_count < WORLD_OUTBOX_MAX && raft_next_message(n->raft, n->world->now_ms, &m)) {
        char *host = n->hosts[n->outbox_count];
        snprintf(host, 16, "%.*s", STR_ARG(m.host));
        m.host = str_of(host);
        n->outbox[n->outbox_count++] = m;
    }
}

/* False: the answer of the event in hand must not leave. */
static bool settle(struct node *n)
{
    bool refused = false;
    while (carry_out(n, &refused))
        ;
    if (n->world->sync_ms_max == 0 && n->sync_at != INT64_MAX) {
        end_sync(n);
        return settle(n) && !refused;
    }
    check_voters(n);
    drop_stale_load(n);
    collect(n);
    return !refused;
}

void node_settle(struct node *n)
{
    settle(n);
}

void node_tick(struct node *n)
{
    raft_tick(n->raft, n->world->now_ms);
    node_settle(n);
}

const struct raft_message *node_message(struct node *n, enum raft_message_kind kind, int32_t to)
{
    static struct raft_message taken;
    static char host[16];
    for (int32_t i = 0; i < n->outbox_count; i++) {
        if (n->outbox[i].kind != kind || (to != -2 && n->outbox[i].to != to)) continue;
        taken = n->outbox[i];
        memcpy(host, n->hosts[i], sizeof host);
        taken.host = str_of(host);
        n->outbox_count--;
        for (int32_t j = i; j < n->outbox_count; j++) {
            n->outbox[j] = n->outbox[j + 1];
            memcpy(n->hosts[j], n->hosts[j + 1], sizeof n->hosts[j]);
            n->outbox[j].host = str_of(n->hosts[j]);
        }
        return &taken;
    }
    return NULL;
}

void node_forget(struct node *n)
{
    n->outbox_count = 0;
    n->last = (struct raft_effects){.truncate_to = -1, .snapshot.end_offset = -1};
}

static void look_at_parked(struct node *n);

void node_append(struct node *n, int32_t count)
{
    PRE(raft_role(n->raft) == RAFT_LEADER);
    for (int32_t i = 0; i < count; i++)
        disk_append(&n->disk, (struct record){raft_epoch(n->raft), RECORD_DATA,
                                              ++n->world->last_value, NULL});
    begin_sync(n);
    node_settle(n);
    look_at_parked(n);
}

void node_snapshot(struct node *n, int64_t end_offset, bool trim)
{
    struct disk *d = &n->disk;
    PRE(end_offset <= raft_high_watermark(n->raft) && end_offset > d->start);
    struct raft_snapshot_id newest = log_newest(d);
    struct raft_snapshot_id id = {end_offset, disk_at(d, end_offset - 1)->epoch};
    if (newest.end_offset < end_offset) {
        int16_t level = raft_kraft_version_of(n->raft, end_offset - 1);
        const struct voters_record *voters = raft_voters_of(n->raft, end_offset - 1);
        MEM_GROW(d->snapshots, d->snapshots_count, d->snapshots_capacity);
        d->snapshots[d->snapshots_count++] =
            (struct snapshot){id, level > 0 ? keep(n->world, voters) : NULL, level};
    }
    if (trim && newest.end_offset <= end_offset && d->synced >= end_offset) {
        disk_trim(d, id);
        raft_forget_below(n->raft, id.end_offset - 1);
    }
}

/* ---- requests ---- */

static struct raft_leader_hint current_leader(struct node *n, char host[16])
{
    struct raft_leader_hint hint = {raft_leader(n->raft), raft_epoch(n->raft), STR_NULL, 0};
    struct raft_address address = raft_leader_address(n->raft);
    if (hint.leader_id < 0 || prng_chance(&n->world->prng, (uint64_t)n->world->no_endpoints, 1000))
        return hint;
    if (hint.leader_id == n->id)
        snprintf(host, 16, "n%d", (int)n->id);
    else if (!str_is_null(address.host))
        snprintf(host, 16, "%.*s", STR_ARG(address.host));
    else
        return hint;
    hint.host = str_of(host);
    hint.port = 9093;
    return hint;
}

static struct packet answer_to(struct node *n, int32_t to, uint32_t token, int32_t incarnation)
{
    struct packet p = {
        .kind = PACKET_ANSWER, .from = n->id, .to = to, .token = token, .incarnation = incarnation};
    p.answer.diverging = (struct raft_epoch_end){-1, -1};
    p.answer.snapshot = (struct raft_snapshot_id){-1, -1};
    p.answer.high_watermark = -1;
    p.host[0] = 0;
    return p;
}

static void send_answer(struct node *n, struct packet p)
{
    p.answer.current = current_leader(n, p.host);
    packet_send_maybe_twice(n->world, p);
}

/* True: answered; false: to be parked. */
static bool answer_fetch(struct node *n, const struct parked *f, bool again, bool park)
{
    struct raft_fetch_answer a;
    raft_handle_fetch(n->raft, n->world->now_ms, &f->request, again, &a);
    if (!settle(n)) return true;
    struct packet p = answer_to(n, f->from, f->token, f->incarnation);
    int64_t end = a.read_end < f->request.offset + 16 ? a.read_end : f->request.offset + 16;
    if (park && !a.at_once && end <= f->request.offset) return false;
    p.answer.error = a.error;
    p.answer.diverging = a.diverging;
    p.answer.snapshot = a.snapshot;
    p.answer.high_watermark = a.high_watermark;
    p.records_offset = f->request.offset;
    if (!a.error && a.diverging.epoch < 0 && a.snapshot.end_offset < 0 && end > f->request.offset) {
        p.records_count = end - f->request.offset;
        p.records = mem_dup(disk_at(&n->disk, f->request.offset),
                            (size_t)p.records_count * sizeof *p.records);
    }
    send_answer(n, p);
    return true;
}

static void look_at_parked(struct node *n)
{
    for (int32_t i = n->parked_count - 1; i >= 0; i--) {
        struct parked f = n->parked[i];
        bool late = f.until_ms <= n->world->now_ms;
        if (answer_fetch(n, &f, true, !late)) n->parked[i] = n->parked[--n->parked_count];
    }
}

static void serve_fetch(struct node *n, const struct packet *p)
{
    struct parked f = {.from = p->from,
                       .token = p->token,
                       .incarnation = p->incarnation,
                       .until_ms = n->world->now_ms + p->request.wait_ms};
    f.request = (struct raft_fetch_request){
        .replica = p->requester,
        .current_epoch = p->request.epoch,
        .offset = p->request.offset,
        .last_epoch = p->request.last_epoch,
        .high_watermark = p->request.high_watermark,
    };
    if (!answer_fetch(n, &f, false, true) && n->parked_count < WORLD_PARKED_MAX)
        n->parked[n->parked_count++] = f;
}

static void serve_snapshot(struct node *n, const struct packet *p, struct packet *out)
{
    out->answer.error =
        raft_handle_fetch_snapshot(n->raft, n->world->now_ms, p->requester, p->request.epoch);
    if (out->answer.error) return;
    out->answer.error = KAFKA_SNAPSHOT_NOT_FOUND;
    for (int32_t i = 0; i < n->disk.snapshots_count; i++) {
        const struct snapshot *s = &n->disk.snapshots[i];
        if (s->id.end_offset == p->request.snapshot.end_offset &&
            s->id.epoch == p->request.snapshot.epoch) {
            out->answer.error = KAFKA_NONE;
            out->snapshot = *s;
            out->chunk = p->chunk;
        }
    }
}

static void serve_change(struct node *n, const struct packet *p, struct packet *out)
{
    struct arena arena;
    arena_init(&arena, 0);
    int64_t now = n->world->now_ms;
    struct voters_record_voter entry = world_entry(by_id(n->world, p->from), &arena);
    struct raft_change_answer a = {0};
    if (p->request.kind == RAFT_UPDATE_VOTER)
        a = raft_update_voter(n->raft, now, p->request.epoch, &entry);
    else if (p->request.kind == RAFT_ADD_VOTER)
        a = raft_add_voter(n->raft, now, &entry, false, 0);
    else
        a = raft_remove_voter(n->raft, now, p->request.removed, 0);
    /* What is pending is told as NONE: the toy asker looks at its voters anyway. */
    out->answer.error = a.error;
    arena_free(&arena);
}

/* tidy: flat, one case a kind of request. */
static void serve(struct node *n, const struct packet *p)
{
    struct packet out = answer_to(n, p->from, p->token, p->incarnation);
    const struct raft_message *m = &p->request;
    struct raft_leader_hint sender = {p->from, m->epoch, STR_NULL, 0};
    char host[16];
    snprintf(host, sizeof host, "n%d", (int)p->from);
    int64_t now = n->world->now_ms;
    if (n->is_old && m->kind == RAFT_VOTE && m->pre_vote) {
        out.kind = PACKET_UNSUPPORTED;
        packet_send(n->world, out);
        return;
    }
    switch (m->kind) {
    case RAFT_VOTE: {
        const struct raft_vote_request rq = {.epoch = m->epoch,
                                             .candidate = p->requester,
                                             .target = m->target,
                                             .last_epoch = m->last_epoch,
                                             .last_offset = m->offset,
                                             .pre_vote = m->pre_vote};
        out.answer.error = raft_handle_vote(n->raft, now, &rq, &out.answer.granted);
        break;
    }
    case RAFT_BEGIN_QUORUM_EPOCH:
        sender.host = str_of(host);
        sender.port = 9093;
        out.answer.error = raft_handle_begin_epoch(n->raft, now, &sender, m->target);
        break;
    case RAFT_END_QUORUM_EPOCH:
        out.answer.error = raft_handle_end_epoch(n->raft, now, p->from, m->epoch, p->preferred,
                                                 m->preferred_count);
        break;
    case RAFT_FETCH: serve_fetch(n, p); return;
    case RAFT_FETCH_SNAPSHOT: serve_snapshot(n, p, &out); break;
    case RAFT_UPDATE_VOTER:
    case RAFT_ADD_VOTER:
    case RAFT_REMOVE_VOTER: serve_change(n, p, &out); break;
    case RAFT_API_VERSIONS: out.answer.kraft_max = 1; break;
    }
    if (out.answer.error == KAFKA_INVALID_REQUEST && m->kind != RAFT_ADD_VOTER)
        breach(n, "INVALID_REQUEST to a node of our own");
    if (settle(n)) send_answer(n, out);
}

/* ---- answers ---- */

static void take_records(struct node *n, const struct packet *p)
{
    if (p->records_count > 0 && p->records_offset != disk_end(&n->disk))
        breach(n, "records that do not follow the log end");
    for (int64_t i = 0; i < p->records_count; i++) append_and_tell(n, p->records[i]);
    raft_fetched(n->raft, n->world->now_ms, p->answer.high_watermark);
    if (p->records_count > 0) begin_sync(n);
}

static void take_chunk(struct node *n, const struct packet *p)
{
    if (p->snapshot.id.end_offset != n->loading.end_offset || p->chunk != n->loaded_chunks)
        breach(n, "a snapshot that was not asked for");
    n->loaded = p->snapshot;
    if (++n->loaded_chunks < WORLD_SNAPSHOT_CHUNKS) return;
    struct disk *d = &n->disk;
    d->count = 0;
    d->start = d->synced = p->snapshot.id.end_offset;
    d->start_epoch = p->snapshot.id.epoch;
    d->snapshots_count = 0;
    MEM_GROW(d->snapshots, d->snapshots_count, d->snapshots_capacity);
    d->snapshots[d->snapshots_count++] = p->snapshot;
    n->sync_at = INT64_MAX;
    n->world->seen.loads++;
    tell_snapshot(n, &p->snapshot);
    raft_snapshot_loaded(n->raft, n->world->now_ms, p->snapshot.id);
}

static void answered(struct node *n, const struct packet *p)
{
    if (p->incarnation != n->incarnation) return;
    struct raft_answer a = p->answer;
    a.current.host = p->host[0] ? str_of(p->host) : STR_NULL;
    int64_t now = n->world->now_ms;
    if (p->kind == PACKET_REFUSED) {
        raft_unanswered(n->raft, now, p->token, false);
    } else if (p->kind == PACKET_UNSUPPORTED) {
        raft_unsupported(n->raft, now, p->token);
    } else if (raft_answered(n->raft, now, p->token, &a) == RAFT_APPEND) {
        if (p->snapshot.id.end_offset > 0)
            take_chunk(n, p);
        else
            take_records(n, p);
    }
    node_settle(n);
}

/* ---- many ---- */

static void send_outbox(struct node *n)
{
    for (int32_t i = 0; i < n->outbox_count; i++) {
        const struct raft_message *m = &n->outbox[i];
        struct packet p = {.kind = PACKET_REQUEST,
                           .from = n->id,
                           .to = (int32_t)strtol(n->hosts[i] + 1, NULL, 10),
                           .incarnation = n->incarnation,
                           .token = m->token,
                           .request = *m,
                           .requester = node_key(n),
                           .chunk = n->loaded_chunks};
        for (int32_t j = 0; j < m->preferred_count; j++) p.preferred[j] = m->preferred[j];
        packet_send_maybe_twice(n->world, p);
    }
    n->outbox_count = 0;
}

static void deliver(struct world *w, struct packet *p)
{
    struct node *to = by_id(w, p->to);
    if (!to->up && p->kind == PACKET_REQUEST) {
        struct packet refused = {.kind = PACKET_REFUSED,
                                 .from = p->to,
                                 .to = p->from,
                                 .token = p->token,
                                 .incarnation = p->incarnation};
        packet_send(w, refused);
    } else if (to->up && p->kind == PACKET_REQUEST) {
        serve(to, p);
    } else if (to->up) {
        answered(to, p);
    }
    if (to->up) look_at_parked(to);
    mem_free(p->records);
}

static int32_t next_packet(const struct world *w)
{
    int32_t best = -1;
    for (int32_t i = 0; i < w->packets_count; i++) {
        const struct packet *p = &w->packets[i];
        if (best < 0 || p->at_ms < w->packets[best].at_ms ||
            (p->at_ms == w->packets[best].at_ms && p->sequence < w->packets[best].sequence))
            best = i;
    }
    return best;
}

static int64_t node_due(const struct node *n)
{
    if (!n->up) return INT64_MAX;
    int64_t at = raft_deadline(n->raft);
    at = n->sync_at < at ? n->sync_at : at;
    for (int32_t i = 0; i < n->parked_count; i++)
        at = n->parked[i].until_ms < at ? n->parked[i].until_ms : at;
    return at;
}

static void run_node(struct node *n)
{
    if (n->sync_at <= n->world->now_ms) end_sync(n);
    raft_tick(n->raft, n->world->now_ms);
    node_settle(n);
    look_at_parked(n);
}

bool world_step(struct world *w, int64_t limit_ms)
{
    for (int32_t i = 0; i < w->nodes_count; i++) send_outbox(&w->nodes[i]);
    int32_t packet = next_packet(w), node = -1;
    int64_t at = packet >= 0 ? w->packets[packet].at_ms : INT64_MAX;
    for (int32_t i = 0; i < w->nodes_count; i++) {
        int64_t due = node_due(&w->nodes[i]);
        if (due < at) {
            at = due;
            node = i;
        }
    }
    if (at > limit_ms) {
        w->now_ms = limit_ms;
        return false;
    }
    w->steps++;
    w->now_ms = at > w->now_ms ? at : w->now_ms;
    if (node >= 0) {
        run_node(&w->nodes[node]);
    } else {
        struct packet p = w->packets[packet];
        w->packets[packet] = w->packets[--w->packets_count];
        deliver(w, &p);
    }
    return true;
}

void world_run(struct world *w, int64_t ms)
{
    int64_t limit = w->now_ms + ms;
    while (world_step(w, limit))
        ;
}

bool world_until(struct world *w, world_condition condition, void *context, int64_t ms)
{
    int64_t limit = w->now_ms + ms;
    while (!condition(w, context)) {
        if (!world_step(w, limit)) return false;
    }
    return true;
}

struct node *world_leader(struct world *w)
{
    struct node *best = NULL;
    for (int32_t i = 0; i < w->nodes_count; i++) {
        struct node *n = &w->nodes[i];
        if (n->up && raft_role(n->raft) == RAFT_LEADER &&
            (!best || raft_epoch(n->raft) > raft_epoch(best->raft)))
            best = n;
    }
    bool committed = best && raft_high_watermark(best->raft) > raft_epoch_start(best->raft);
    return committed ? best : NULL;
}

/* All nodes that are up follow one leader and have committed what it has. */
static bool is_steady(struct world *w, void *context)
{
    (void)context;
    struct node *leader = world_leader(w);
    if (!leader || raft_high_watermark(leader->raft) < disk_end(&leader->disk)) return false;
    for (int32_t i = 0; i < w->nodes_count; i++) {
        struct node *n = &w->nodes[i];
        if (n->up && (raft_epoch(n->raft) != raft_epoch(leader->raft) ||
                      raft_high_watermark(n->raft) != raft_high_watermark(leader->raft)))
            return false;
    }
    return true;
}

struct node *world_steady(struct world *w, int64_t ms)
{
    if (!world_until(w, is_steady, NULL, ms)) {
        for (int32_t i = 0; i < w->nodes_count; i++) {
            struct node *n = &w->nodes[i];
            if (n->up)
                fprintf(stderr, "node %d: %s, epoch %d, leader %d, voter %d, end %lld, hw %lld\n",
                        (int)n->id, raft_role_text(raft_role(n->raft)), (int)raft_epoch(n->raft),
                        (int)raft_leader(n->raft), raft_is_voter(n->raft),
                        (long long)disk_end(&n->disk), (long long)raft_high_watermark(n->raft));
        }
        fprintf(stderr, "breach: not steady after %lld ms\n", (long long)ms);
        abort();
    }
    return world_leader(w);
}

void world_isolate(struct world *w, int32_t id, bool isolated)
{
    int32_t i = index_of(by_id(w, id));
    for (int32_t j = 0; j < w->nodes_count; j++) w->cut[i][j] = w->cut[j][i] = isolated && i != j;
}

void world_heal(struct world *w)
{
    memset(w->cut, 0, sizeof w->cut);
    w->loss = w->duplication = w->no_endpoints = w->disk_full = 0;
    w->delay_ms_max = 2;
    w->sync_ms_max = 0;
}

/* ---- puppets ---- */

struct world *world_alone(int32_t voters, bool dynamic)
{
    struct world *w = world_new(7);
    w->puppets = true;
    for (int32_t i = 0; i <= voters; i++) world_add(w, i, true, 1);
    if (dynamic)
        world_dynamic(w, voters);
    else
        world_static(w, voters);
    w->nodes[voters].disk.bootstrap = NULL;
    node_start(&w->nodes[0]);
    return w;
}

struct raft_answer node_good_answer(struct node *n)
{
    return (struct raft_answer){
        .current = {raft_leader(n->raft), raft_epoch(n->raft), STR_NULL, 0},
        .diverging = {-1, -1},
        .snapshot = {-1, -1},
        .high_watermark = -1,
    };
}

enum raft_verdict node_answered(struct node *n, const struct raft_message *m,
                                struct raft_answer answer)
{
    PRE(m);
    enum raft_verdict verdict = raft_answered(n->raft, n->world->now_ms, m->token, &answer);
    node_settle(n);
    return verdict;
}

void node_time_out(struct node *n)
{
    enum raft_role role = raft_role(n->raft);
    int32_t epoch = raft_epoch(n->raft);
    for (int i = 0; i < 500 && role == raft_role(n->raft) && epoch == raft_epoch(n->raft); i++) {
        n->world->now_ms += 10;
        node_tick(n);
    }
    PRE(role != raft_role(n->raft) || epoch != raft_epoch(n->raft));
}

static void win(struct node *n)
{
    const struct raft_message *m;
    enum raft_role role = raft_role(n->raft);
    while (raft_role(n->raft) == role && (m = node_message(n, RAFT_VOTE, -2))) {
        struct raft_answer answer = node_good_answer(n);
        answer.granted = true;
        node_answered(n, m, answer);
    }
    PRE(raft_role(n->raft) != role);
}

void node_lead(struct node *n)
{
    while (raft_role(n->raft) != RAFT_PROSPECTIVE && raft_role(n->raft) != RAFT_LEADER)
        node_time_out(n);
    while (raft_role(n->raft) != RAFT_LEADER) win(n);
}

enum kafka_error node_follow(struct node *n, int32_t leader, int32_t epoch)
{
    char host[16];
    snprintf(host, sizeof host, "n%d", (int)leader);
    const struct raft_leader_hint hint = {leader, epoch, str_of(host), 9093};
    enum kafka_error error = raft_handle_begin_epoch(n->raft, n->world->now_ms, &hint, node_key(n));
    node_settle(n);
    return error;
}

struct raft_fetch_answer node_fetched_by(struct node *n, int32_t replica, int64_t offset)
{
    const struct disk *d = &n->disk;
    const struct raft_fetch_request rq = {
        .replica = node_key(by_id(n->world, replica)),
        .current_epoch = raft_epoch(n->raft),
        .offset = offset,
        .last_epoch = offset > d->start ? disk_at(d, offset - 1)->epoch : d->start_epoch,
        .high_watermark = -1,
    };
    struct raft_fetch_answer answer;
    raft_handle_fetch(n->raft, n->world->now_ms, &rq, false, &answer);
    node_settle(n);
    return answer;
}

struct raft_vote_request world_vote(struct node *n, int32_t candidate, int32_t epoch, bool pre_vote)
{
    return (struct raft_vote_request){
        .epoch = epoch,
        .candidate = node_key(by_id(n->world, candidate)),
        .target = node_key(n),
        .last_epoch = log_last_epoch(&n->disk),
        .last_offset = disk_end(&n->disk),
        .pre_vote = pre_vote,
    };
}

bool node_votes(struct node *n, int32_t candidate, int32_t epoch, bool pre_vote)
{
    const struct raft_vote_request rq = world_vote(n, candidate, epoch, pre_vote);
    bool granted;
    enum kafka_error error = raft_handle_vote(n->raft, n->world->now_ms, &rq, &granted);
    PRE(!error);
    return settle(n) && granted;
}

void node_restart(struct node *n)
{
    n->disk.synced = disk_end(&n->disk);
    node_crash(n);
    node_start(n);
}
