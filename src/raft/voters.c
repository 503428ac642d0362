#include "raft/voters.h"

#include <strings.h>

#include "base/assert.h"
#include "base/mem.h"

/* ---- sets ---- */

static void voter_copy(struct arena *arena, struct voters_record_voter *to,
                       const struct voters_record_voter *from)
{
    *to = *from;
    to->endpoints = ARENA_ARRAY(arena, struct voters_record_endpoint, from->endpoints_count);
    for (int32_t i = 0; i < from->endpoints_count; i++) {
        to->endpoints[i].name = arena_str(arena, from->endpoints[i].name);
        to->endpoints[i].host = arena_str(arena, from->endpoints[i].host);
        to->endpoints[i].port = from->endpoints[i].port;
    }
}

static bool key_equal(struct raft_replica a, struct raft_replica b)
{
    return a.id == b.id && uuid_equal(a.directory_id, b.directory_id);
}

struct voter_set *voter_set_copy(const struct voters_record *record,
                                 const struct raft_replica *except,
                                 const struct voters_record_voter *plus)
{
    struct voter_set *set = MEM_NEW(struct voter_set);
    arena_init(&set->arena, 0);
    int32_t count = record ? record->voters_count : 0;
    set->record.voters = ARENA_ARRAY(&set->arena, struct voters_record_voter, count + 1);
    bool placed = false;
    for (int32_t i = 0; i < count; i++) {
        const struct voters_record_voter *voter = &record->voters[i];
        if (except && key_equal(voters_key(voter), *except)) continue;
        bool replace = plus && plus->voter_id == voter->voter_id;
        placed |= replace;
        voter_copy(&set->arena, &set->record.voters[set->record.voters_count++],
                   replace ? plus : voter);
    }
    if (plus && !placed)
        voter_copy(&set->arena, &set->record.voters[set->record.voters_count++], plus);
    return set;
}

void voter_set_free(struct voter_set *set)
{
    if (!set) return;
    arena_free(&set->arena);
    mem_free(set);
}

const struct voters_record_voter *voters_find(const struct voters_record *record, int32_t id)
{
    for (int32_t i = 0; i < record->voters_count; i++) {
        if (record->voters[i].voter_id == id) return &record->voters[i];
    }
    return NULL;
}

struct raft_replica voters_key(const struct voters_record_voter *voter)
{
    return (struct raft_replica){voter->voter_id, voter->voter_directory_id};
}

bool voters_match(struct raft_replica entry, struct raft_replica replica)
{
    return entry.id == replica.id && (uuid_is_zero(entry.directory_id) ||
                                      uuid_equal(entry.directory_id, replica.directory_id));
}

bool voters_include(const struct voters_record *record, struct raft_replica replica)
{
    const struct voters_record_voter *voter = voters_find(record, replica.id);
    return voter && voters_match(voters_key(voter), replica);
}

static bool name_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len <= 0 || strncasecmp(a.data, b.data, (size_t)a.len) == 0);
}

struct raft_address voters_address(const struct voters_record_voter *voter, struct str listener)
{
    for (int32_t i = 0; voter && i < voter->endpoints_count; i++) {
        if (name_equal(voter->endpoints[i].name, listener))
            return (struct raft_address){voter->endpoints[i].host, voter->endpoints[i].port};
    }
    return (struct raft_address){STR_NULL, 0};
}

bool voters_same(const struct voters_record_voter *a, const struct voters_record_voter *b)
{
    if (!key_equal(voters_key(a), voters_key(b)) || a->endpoints_count != b->endpoints_count)
        return false;
    for (int32_t i = 0; i < a->endpoints_count; i++) {
        struct raft_address other = voters_address(b, a->endpoints[i].name);
        if (!str_equal(other.host, a->endpoints[i].host) || other.port != a->endpoints[i].port)
            return false;
    }
    return a->kraft_version_feature.min_supported_version ==
               b->kraft_version_feature.min_supported_version &&
           a->kraft_version_feature.max_supported_version ==
               b->kraft_version_feature.max_supported_version;
}

bool voters_need_update(const struct voters_record *record, const struct voters_record_voter *own)
{
    const struct voters_record_voter *entry = voters_find(record, own->voter_id);
    return entry && voters_match(voters_key(entry), voters_key(own)) && !voters_same(entry, own);
}

bool voters_support(const struct voters_record_voter *voter, int16_t kraft_version)
{
    return voter->kraft_version_feature.min_supported_version <= kraft_version &&
           kraft_version <= voter->kraft_version_feature.max_supported_version;
}

/* ---- the history ---- */

struct told_set {
    int64_t offset;
    struct voter_set *set;
};

struct told_version {
    int64_t offset;
    int16_t level;
};

struct voters {
    struct voter_set *static_set;
    struct told_set *sets; /* by offset */
    int32_t sets_count, sets_capacity;
    struct told_version *versions; /* by offset */
    int32_t versions_count, versions_capacity;
};

struct voters *voters_new(const struct voters_record *static_voters)
{
    struct voters *v = MEM_NEW(struct voters);
    v->static_set = voter_set_copy(static_voters, NULL, NULL);
    return v;
}

void voters_free(struct voters *v)
{
    voters_truncate(v, -1);
    voter_set_free(v->static_set);
    mem_free(v->sets);
    mem_free(v->versions);
    mem_free(v);
}

static void drop_sets_from(struct voters *v, int64_t offset)
{
    while (v->sets_count > 0 && v->sets[v->sets_count - 1].offset >= offset)
        voter_set_free(v->sets[--v->sets_count].set);
}

static void drop_versions_from(struct voters *v, int64_t offset)
{
    while (v->versions_count > 0 && v->versions[v->versions_count - 1].offset >= offset)
        v->versions_count--;
}

void voters_tell(struct voters *v, int64_t offset, const struct voters_record *record)
{
    PRE(offset >= -1);
    struct voter_set *set = voter_set_copy(record, NULL, NULL); /* it may be one of those that go */
    drop_sets_from(v, offset);
    MEM_GROW(v->sets, v->sets_count, v->sets_capacity);
    v->sets[v->sets_count++] = (struct told_set){offset, set};
}

void voters_tell_version(struct voters *v, int64_t offset, int16_t level)
{
    PRE(offset >= -1);
    drop_versions_from(v, offset);
    MEM_GROW(v->versions, v->versions_count, v->versions_capacity);
    v->versions[v->versions_count++] = (struct told_version){offset, level};
}

void voters_truncate(struct voters *v, int64_t end_offset)
{
    drop_sets_from(v, end_offset);
    drop_versions_from(v, end_offset);
}

static void drop_first_sets(struct voters *v, int32_t count)
{
    for (int32_t i = 0; i < count; i++) voter_set_free(v->sets[i].set);
    v->sets_count -= count;
    memmove(v->sets, v->sets + count, (size_t)v->sets_count * sizeof *v->sets);
}

static void drop_first_versions(struct voters *v, int32_t count)
{
    v->versions_count -= count;
    memmove(v->versions, v->versions + count, (size_t)v->versions_count * sizeof *v->versions);
}

void voters_restart(struct voters *v, int64_t end_offset)
{
    voters_truncate(v, end_offset);
    int32_t old = 0;
    while (old < v->sets_count && v->sets[old].offset < end_offset - 1) old++;
    if (old > 0) drop_first_sets(v, old);
    old = 0;
    while (old < v->versions_count && v->versions[old].offset < end_offset - 1) old++;
    if (old > 0) drop_first_versions(v, old);
}

/* How many come before the one that is in force at `offset`: -1 when none is. */
static int32_t set_at(const struct voters *v, int64_t offset)
{
    int32_t i = v->sets_count - 1;
    while (i >= 0 && v->sets[i].offset > offset) i--;
    return i;
}

static int32_t version_at(const struct voters *v, int64_t offset)
{
    int32_t i = v->versions_count - 1;
    while (i >= 0 && v->versions[i].offset > offset) i--;
    return i;
}

void voters_forget_below(struct voters *v, int64_t offset)
{
    int32_t set = set_at(v, offset), version = version_at(v, offset);
    if (set > 0) drop_first_sets(v, set);
    if (version > 0) drop_first_versions(v, version);
}

const struct voters_record *voters_at(const struct voters *v, int64_t offset)
{
    int32_t i = set_at(v, offset);
    return i < 0 ? &v->static_set->record : &v->sets[i].set->record;
}

int16_t voters_version_at(const struct voters *v, int64_t offset)
{
    int32_t i = version_at(v, offset);
    return i < 0 ? (int16_t)0 : v->versions[i].level;
}

const struct voters_record *voters_latest(const struct voters *v)
{
    return voters_at(v, INT64_MAX);
}

int64_t voters_latest_offset(const struct voters *v)
{
    return v->sets_count > 0 ? v->sets[v->sets_count - 1].offset : VOTERS_STATIC;
}

int16_t voters_version(const struct voters *v)
{
    return voters_version_at(v, INT64_MAX);
}
