#include "member.h"

#include <stdlib.h>

#include "base/mark.h"
#include "base/mem.h"
#include "fetching.h"
#include "oracles.h"
#include "protocol/find_coordinator.h"
#include "protocol/heartbeat.h"
#include "protocol/join_group.h"
#include "protocol/leave_group.h"
#include "protocol/offset_commit.h"
#include "protocol/offset_fetch.h"
#include "protocol/sync_group.h"

enum {
    TIMEOUT_MS = 8000,
    SESSION_MS = 5000,
    BEAT_MS = 700,
    TICK_MS = 50,
    COMMIT_MS = 1000,
    WAIT_MS = 500, /* of a fetch. A broker serves a connection's requests one by one, so what */
    WAIT_HEALED_MS =
        10, /* waits holds up the fetches of other partitions: less when all must be read */
    LATE_ONE_IN = 10, /* commits, with one more of the generation before */
    OWNED_MAX = 32,
    MEMBERS_MAX = 16,
    ASSIGNMENT_BYTES = 2048,
};

enum state { FINDING, JOINING, SYNCING, STARTING, READING, RESTING };
static const char *const states[] = {"finding",  "joining", "syncing",
                                     "starting", "reading", "resting"};

struct owned {
    struct fetching fetching; /* first */
    bool busy;
    int32_t floor; /* of the group, when its offset was asked for */
};

struct member {
    struct client client;
    int32_t number;
    enum state state;
    bool busy; /* a call of `call` is under way */
    struct call call, beat_call, commit_call, late_call;
    bool beating, committing, late;
    struct timer timer;
    int32_t coordinator; /* node.id; -1: not known */
    char id[64];         /* member id; "": none */
    char instance[16];   /* group.instance.id; "": not a static member */
    int32_t generation;
    bool leads;
    char members[MEMBERS_MAX][64]; /* when it leads */
    int32_t members_count;
    int64_t next_beat_ms, next_commit_ms;
    struct owned owned[OWNED_MAX];
    int32_t owned_count;
    struct { /* the commit under way */
        int32_t count;
        struct truth *truths[OWNED_MAX];
        int64_t offsets[OWNED_MAX];
        int32_t before[OWNED_MAX]; /* commits there were */
    } commit;
    struct truth *commit_late; /* what the late one under way is for */
};

static int64_t now(const struct member *m)
{
    return sim_now_ms(m->client.cluster->sim);
}

static struct groups *groups_of(struct member *m)
{
    return &m->client.cluster->oracles->groups;
}

static struct str instance_of(const struct member *m)
{
    return m->instance[0] ? str_of(m->instance) : STR_NULL;
}

static void give_up_owned(struct member *m)
{
    for (int32_t i = 0; i < m->owned_count; i++) fetching_cancel(&m->owned[i].fetching);
    m->owned_count = 0;
}

static void become(struct member *m, enum state s)
{
    if (s != READING) give_up_owned(m);
    if (m->state != s)
        cluster_say(m->client.cluster, m->client.name, states[s], "generation %d", m->generation);
    m->state = s;
}

/* What an error of the group's APIs means for the member. */
static void after_error(struct member *m, int16_t error)
{
    switch (error) {
    case KAFKA_FENCED_INSTANCE_ID: /* by ourselves: an answer that was lost told the newer id */
    case KAFKA_UNKNOWN_MEMBER_ID:
        m->id[0] = '\0';
        become(m, JOINING);
        break;
    case KAFKA_ILLEGAL_GENERATION:
    case KAFKA_REBALANCE_IN_PROGRESS: become(m, JOINING); break;
    case KAFKA_COORDINATOR_LOAD_IN_PROGRESS: break; /* the same again */
    default: become(m, FINDING);
    }
}

static void call(struct member *m, int16_t api, int16_t version, const void *request,
                 void (*done)(struct call *, enum err, const void *))
{
    m->busy = true;
    channel_call(client_channel(&m->client, m->coordinator), &m->call, api, version, request, done);
}

#define GROUP GROUP_NAME

/* ---- finding */

static void found(struct call *c, enum err e, const void *response)
{
    struct member *m = CONTAINER_OF(c, struct member, call);
    const struct find_coordinator_response *r = response;
    m->busy = false;
    if (m->state != FINDING) return; /* it has moved on meanwhile */
    if (e || r->coordinators_count != 1 || r->coordinators[0].error_code) return;
    m->coordinator = r->coordinators[0].node_id;
    become(m, JOINING);
}

static void find(struct member *m)
{
    struct str key = GROUP;
    struct find_coordinator_request q;
    find_coordinator_request_init(&q);
    q.coordinator_keys = &key;
    q.coordinator_keys_count = 1;
    m->busy = true;
    channel_call(client_channel(&m->client, client_any(&m->client)), &m->call, API_FIND_COORDINATOR,
                 4, &q, found);
}

/* ---- joining */

static void joined(struct call *c, enum err e, const void *response)
{
    struct member *m = CONTAINER_OF(c, struct member, call);
    const struct join_group_response *r = response;
    m->busy = false;
    if (m->state != JOINING) return; /* it has moved on meanwhile */
    if (e) {
        become(m, FINDING);
        return;
    }
    if (r->error_code == KAFKA_MEMBER_ID_REQUIRED) {
        snprintf(m->id, sizeof m->id, "%.*s", STR_ARG(r->member_id));
        return;
    }
    if (r->error_code) {
        after_error(m, r->error_code);
        return;
    }
    snprintf(m->id, sizeof m->id, "%.*s", STR_ARG(r->member_id));
    m->generation = r->generation_id;
    m->leads = str_equal(r->leader, r->member_id);
    m->members_count = 0;
    for (int32_t i = 0; i < r->members_count && m->members_count < MEMBERS_MAX; i++)
        snprintf(m->members[m->members_count++], 64, "%.*s", STR_ARG(r->members[i].member_id));
    if (m->instance[0]) MARK("a static member joins");
    groups_generation(groups_of(m), m->generation);
    become(m, SYNCING);
}

static void join(struct member *m)
{
    struct join_group_request_protocol protocol = {.name = STR("range"),
                                                   .metadata = bytes_of("any", 3)};
    struct join_group_request q;
    join_group_request_init(&q);
    q.group_id = GROUP;
    q.session_timeout_ms = SESSION_MS;
    q.rebalance_timeout_ms = SESSION_MS;
    q.member_id = str_of(m->id);
    q.group_instance_id = instance_of(m);
    q.protocol_type = STR("sim");
    q.protocols = &protocol;
    q.protocols_count = 1;
    call(m, API_JOIN_GROUP, 7, &q, joined);
}

/* ---- syncing: an assignment is text, "t0:1 t0:2 …" */

static void own(struct member *m, struct bytes assignment)
{
    char text[ASSIGNMENT_BYTES] = {0};
    size_t len = (size_t)(assignment.len < 0 ? 0 : assignment.len);
    memcpy(text, assignment.data, len < sizeof text ? len : sizeof text - 1);
    give_up_owned(m);
    for (char *at = text, *word; (word = strsep(&at, " ")) != NULL;) {
        char *colon = strchr(word, ':');
        if (!colon || m->owned_count == OWNED_MAX) continue;
        *colon = '\0';
        struct truth *t = oracles_truth_by_name(m->client.cluster->oracles, word, atoi(colon + 1));
        if (!t) continue;
        struct owned *o = &m->owned[m->owned_count++];
        *o = (struct owned){.floor = -1};
        fetching_init(&o->fetching, &m->client, t);
        groups_owns(groups_of(m), m->number, m->generation, t);
    }
}

static void synced(struct call *c, enum err e, const void *response)
{
    struct member *m = CONTAINER_OF(c, struct member, call);
    const struct sync_group_response *r = response;
    m->busy = false;
    if (m->state != SYNCING) return; /* it has moved on meanwhile */
    if (e) {
        become(m, FINDING);
    } else if (r->error_code) {
        after_error(m, r->error_code);
    } else {
        become(m, STARTING);
        own(m, r->assignment);
        m->next_beat_ms = m->next_commit_ms = now(m);
    }
}

static void sync_group(struct member *m)
{
    char texts[MEMBERS_MAX][ASSIGNMENT_BYTES];
    struct sync_group_request_assignment all[MEMBERS_MAX];
    int32_t turn = 0;
    for (int32_t i = 0; i < m->members_count; i++) texts[i][0] = '\0';
    for (int32_t i = 0; i < m->client.partitions_count && m->members_count > 0; i++) {
        const struct truth *t = m->client.partitions[i].truth;
        if (t->deleted || t->topic[0] != 't') continue;
        char *text = texts[turn++ % m->members_count];
        size_t at = strlen(text);
        snprintf(text + at, ASSIGNMENT_BYTES - at, "%s:%d ", t->topic, t->partition);
    }
    for (int32_t i = 0; i < m->members_count; i++)
        all[i] = (struct sync_group_request_assignment){
            .member_id = str_of(m->members[i]), .assignment = bytes_of(texts[i], strlen(texts[i]))};
    struct sync_group_request q;
    sync_group_request_init(&q);
    q.group_id = GROUP;
    q.generation_id = m->generation;
    q.member_id = str_of(m->id);
    q.group_instance_id = instance_of(m);
    q.protocol_type = STR("sim");
    q.protocol_name = STR("range");
    q.assignments = m->leads ? all : NULL;
    q.assignments_count = m->leads ? m->members_count : 0;
    call(m, API_SYNC_GROUP, 5, &q, synced);
}

/* ---- where the group had come to */

static struct owned *owned_of(struct member *m, struct str topic, int32_t partition)
{
    for (int32_t i = 0; i < m->owned_count; i++) {
        const struct truth *t = m->owned[i].fetching.truth;
        if (t->partition == partition && str_equal_z(topic, t->topic)) return &m->owned[i];
    }
    return NULL;
}

static void offsets_came(struct call *c, enum err e, const void *response)
{
    struct member *m = CONTAINER_OF(c, struct member, call);
    const struct offset_fetch_response *r = response;
    m->busy = false;
    if (m->state != STARTING) return; /* it has moved on meanwhile */
    if (e || r->groups_count != 1) {
        become(m, FINDING);
        return;
    }
    if (r->groups[0].error_code) {
        after_error(m, r->groups[0].error_code);
        return;
    }
    for (int32_t i = 0; i < r->groups[0].topics_count; i++) {
        const struct offset_fetch_response_topics *topic = &r->groups[0].topics[i];
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            const struct offset_fetch_response_partitions *p = &topic->partitions[k];
            struct owned *o = owned_of(m, topic->name, p->partition_index);
            if (!o) continue;
            if (p->error_code) return; /* ask again */
            groups_fetched(groups_of(m), o->fetching.truth, m->coordinator, o->floor,
                           p->committed_offset);
            o->fetching.position = p->committed_offset < 0 ? 0 : p->committed_offset;
            o->fetching.epoch = p->committed_leader_epoch;
            client_expects_epoch(&m->client, o->fetching.truth, p->committed_leader_epoch);
        }
    }
    become(m, READING);
}

static void ask_offsets(struct member *m)
{
    struct offset_fetch_request_topics topics[OWNED_MAX];
    int32_t partitions[OWNED_MAX];
    for (int32_t i = 0; i < m->owned_count; i++) {
        const struct truth *t = m->owned[i].fetching.truth;
        m->owned[i].floor = groups_floor(groups_of(m), m->owned[i].fetching.truth, m->coordinator);
        partitions[i] = t->partition;
        topics[i] = (struct offset_fetch_request_topics){.name = str_of(t->topic),
                                                         .partition_indexes = &partitions[i],
                                                         .partition_indexes_count = 1};
    }
    struct offset_fetch_request_group group = {.group_id = GROUP,
                                               .member_id = STR_NULL,
                                               .member_epoch = -1,
                                               .topics = topics,
                                               .topics_count = m->owned_count};
    struct offset_fetch_request q;
    offset_fetch_request_init(&q);
    q.groups = &group;
    q.groups_count = 1;
    q.require_stable = true;
    call(m, API_OFFSET_FETCH, 8, &q, offsets_came);
}

/* ---- reading */

static void read_some(struct fetching *f, enum fetch_end end)
{
    struct owned *o = CONTAINER_OF(f, struct owned, fetching);
    o->busy = false;
    (void)end;
}

static void read_or_reset(struct fetching *f, enum fetch_end end);

static void read_from(struct owned *o, const struct client_partition *p)
{
    bool healing = o->fetching.client->cluster->healing;
    o->busy = true;
    fetching_start(&o->fetching, p->leader, p->leader_epoch, healing ? WAIT_HEALED_MS : WAIT_MS,
                   read_or_reset);
}

static void read_or_reset(struct fetching *f, enum fetch_end end)
{
    struct owned *o = CONTAINER_OF(f, struct owned, fetching);
    read_some(f, end);
    const struct client_partition *p = client_partition(f->client, f->truth);
    if (!p || p->leader < 0) return;
    if (end == FETCH_SOME && f->client->cluster->healing) {
        read_from(o, p);
    } else if (end == FETCH_OUT_OF_RANGE) {
        o->busy = true;
        fetching_reset(f, p->leader, p->leader_epoch, read_some);
    }
}

static void read_owned(struct member *m)
{
    for (int32_t i = 0; i < m->owned_count; i++) {
        struct owned *o = &m->owned[i];
        const struct client_partition *p = client_partition(&m->client, o->fetching.truth);
        if (o->busy || o->fetching.truth->deleted) continue;
        if (!p || p->leader < 0) {
            client_refresh(&m->client);
            continue;
        }
        read_from(o, p);
    }
}

/* What the answer says of one partition; -1: nothing. */
static int16_t commit_error(const struct offset_commit_response *r, const struct truth *t)
{
    for (int32_t i = 0; i < r->topics_count; i++)
        for (int32_t k = 0; k < r->topics[i].partitions_count; k++)
            if (r->topics[i].partitions[k].partition_index == t->partition &&
                str_equal_z(r->topics[i].name, t->topic))
                return r->topics[i].partitions[k].error_code;
    return -1;
}

static void committed(struct call *c, enum err e, const void *response)
{
    struct member *m = CONTAINER_OF(c, struct member, commit_call);
    m->committing = false;
    int16_t error = 0;
    for (int32_t i = 0; i < m->commit.count; i++) {
        struct truth *t = m->commit.truths[i];
        int16_t one = e ? -1 : commit_error(response, t);
        if (one == 0) groups_committed(groups_of(m), t, m->commit.before[i], m->commit.offsets[i]);
        if (one) error = one;
    }
    if (m->state != READING) return;
    if (e)
        become(m, FINDING);
    else if (error)
        after_error(m, error);
}

static void commit(struct member *m)
{
    struct offset_commit_request_topic topics[OWNED_MAX];
    struct offset_commit_request_partition partitions[OWNED_MAX];
    int32_t count = 0;
    for (int32_t i = 0; i < m->owned_count; i++) {
        struct owned *o = &m->owned[i];
        if (o->fetching.truth->deleted || o->fetching.position < 0) continue;
        m->commit.truths[count] = o->fetching.truth;
        m->commit.offsets[count] = o->fetching.position;
        m->commit.before[count] = groups_commits(groups_of(m), o->fetching.truth);
        partitions[count] = (struct offset_commit_request_partition){
            .partition_index = o->fetching.truth->partition,
            .committed_offset = o->fetching.position,
            .committed_leader_epoch = o->fetching.epoch,
            .committed_metadata = STR("")};
        topics[count] =
            (struct offset_commit_request_topic){.name = str_of(o->fetching.truth->topic),
                                                 .partitions = &partitions[count],
                                                 .partitions_count = 1};
        count++;
    }
    m->commit.count = count;
    if (count == 0) return;
    struct offset_commit_request q;
    offset_commit_request_init(&q);
    q.group_id = GROUP;
    q.generation_id_or_member_epoch = m->generation;
    q.member_id = str_of(m->id);
    q.group_instance_id = instance_of(m);
    q.topics = topics;
    q.topics_count = count;
    m->committing = true;
    channel_call(client_channel(&m->client, m->coordinator), &m->commit_call, API_OFFSET_COMMIT, 8,
                 &q, committed);
}

/* ---- a commit that comes too late */

static void late_came(struct call *c, enum err e, const void *response)
{
    struct member *m = CONTAINER_OF(c, struct member, late_call);
    m->late = false;
    if (!e) MARK("oracle S18: a commit of an earlier generation is answered");
    if (!e && m->commit_late && commit_error(response, m->commit_late) == 0)
        groups_committed_late(groups_of(m), m->commit_late);
}

/* Of the generation before, to which another may have answered: it is refused (S18). */
static void commit_late(struct member *m)
{
    struct owned *o = &m->owned[0];
    if (m->late || m->owned_count == 0 || m->generation < 2) return;
    m->commit_late = o->fetching.truth;
    struct offset_commit_request_partition partition = {.partition_index =
                                                            o->fetching.truth->partition,
                                                        .committed_offset = o->fetching.position,
                                                        .committed_leader_epoch = o->fetching.epoch,
                                                        .committed_metadata = STR("")};
    struct offset_commit_request_topic topic = {
        .name = str_of(o->fetching.truth->topic), .partitions = &partition, .partitions_count = 1};
    struct offset_commit_request q;
    offset_commit_request_init(&q);
    q.group_id = GROUP;
    q.generation_id_or_member_epoch = m->generation - 1;
    q.member_id = str_of(m->id);
    q.group_instance_id = instance_of(m);
    q.topics = &topic;
    q.topics_count = 1;
    m->late = true;
    channel_call(client_channel(&m->client, m->coordinator), &m->late_call, API_OFFSET_COMMIT, 8,
                 &q, late_came);
}

static void beaten(struct call *c, enum err e, const void *response)
{
    struct member *m = CONTAINER_OF(c, struct member, beat_call);
    const struct heartbeat_response *r = response;
    m->beating = false;
    if (m->state != READING && m->state != STARTING) return;
    if (e)
        become(m, FINDING);
    else if (r->error_code)
        after_error(m, r->error_code);
}

static void beat(struct member *m)
{
    struct heartbeat_request q;
    heartbeat_request_init(&q);
    q.group_id = GROUP;
    q.generation_id = m->generation;
    q.member_id = str_of(m->id);
    q.group_instance_id = instance_of(m);
    m->beating = true;
    channel_call(client_channel(&m->client, m->coordinator), &m->beat_call, API_HEARTBEAT, 4, &q,
                 beaten);
}

/* ---- one step at a time */

static void act(struct timer *t)
{
    struct member *m = CONTAINER_OF(t, struct member, timer);
    timer_arm_in_ms(m->client.env->clock, t, prng_between(&m->client.prng, 1, 2 * TICK_MS));
    if (m->client.partitions_count == 0) client_refresh(&m->client);
    if ((m->state == READING || m->state == STARTING) && !m->beating && now(m) >= m->next_beat_ms) {
        m->next_beat_ms = now(m) + BEAT_MS;
        beat(m);
    }
    if (m->busy || m->committing) return; /* a commit under way belongs to this generation */
    switch (m->state) {
    case FINDING: find(m); break;
    case JOINING: join(m); break;
    case SYNCING: sync_group(m); break;
    case STARTING: ask_offsets(m); break;
    case READING:
        read_owned(m);
        if (now(m) >= m->next_commit_ms) {
            m->next_commit_ms = now(m) + prng_between(&m->client.prng, COMMIT_MS / 4, COMMIT_MS);
            commit(m);
            if (prng_chance(&m->client.prng, 1, LATE_ONE_IN)) commit_late(m);
        }
        break;
    case RESTING: break;
    }
}

static void left(struct call *c, enum err e, const void *response)
{
    struct member *m = CONTAINER_OF(c, struct member, call);
    (void)e;
    (void)response;
    m->busy = false;
}

void member_leave(struct member *m)
{
    if (m->state == RESTING) return;
    bool can = !m->busy && m->coordinator > 0 && m->id[0] && !m->instance[0];
    become(m, RESTING);
    if (m->instance[0]) m->id[0] = '\0'; /* as a process that comes back: by its instance alone */
    if (!can) return;                    /* the session ends it */
    struct leave_group_request_member_identity self = {
        .member_id = str_of(m->id), .group_instance_id = STR_NULL, .reason = STR_NULL};
    struct leave_group_request q;
    leave_group_request_init(&q);
    q.group_id = GROUP;
    q.members = &self;
    q.members_count = 1;
    call(m, API_LEAVE_GROUP, 4, &q, left);
    m->id[0] = '\0';
}

void member_return(struct member *m)
{
    if (m->state == RESTING) become(m, FINDING);
}

bool member_rests(const struct member *m)
{
    return m->state == RESTING;
}

bool member_owns(const struct member *m, const struct truth *t)
{
    for (int32_t i = 0; i < m->owned_count && m->state == READING; i++)
        if (m->owned[i].fetching.truth == t) return true;
    return false;
}

bool member_is_caught_up(const struct member *m)
{
    if (m->state == RESTING) return true;
    if (m->state != READING) return false;
    for (int32_t i = 0; i < m->owned_count; i++) {
        const struct fetching *f = &m->owned[i].fetching;
        if (!f->truth->deleted && f->position < f->truth->end) return false;
    }
    return true;
}

void member_say(const struct member *m, char *text, size_t size)
{
    int n = snprintf(text, size, "%s", states[m->state]);
    for (int32_t i = 0; i < m->owned_count && n < (int)size; i++) {
        const struct fetching *f = &m->owned[i].fetching;
        if (f->truth->deleted || f->position >= f->truth->end) continue;
        n += snprintf(text + n, size - (size_t)n, ", %s from %lld of %lld%s", f->truth->directory,
                      (long long)f->position, (long long)f->truth->end,
                      m->owned[i].busy ? " (asked)" : "");
    }
}

struct member *member_new(struct cluster *c, int32_t number)
{
    struct member *m = MEM_NEW(struct member);
    char name[16];
    snprintf(name, sizeof name, "m%d", number);
    client_init(&m->client, c, name, TIMEOUT_MS);
    m->number = number;
    m->coordinator = -1;
    call_init(&m->call);
    call_init(&m->beat_call);
    call_init(&m->commit_call);
    call_init(&m->late_call);
    if (number < c->plan->static_members)
        snprintf(m->instance, sizeof m->instance, "instance-%d", number % 100);
    timer_init(&m->timer, act);
    timer_arm_in_ms(m->client.env->clock, &m->timer, 1);
    return m;
}

void member_free(struct member *m)
{
    timer_cancel(m->client.env->clock, &m->timer);
    give_up_owned(m);
    channel_cancel(&m->call);
    channel_cancel(&m->beat_call);
    channel_cancel(&m->commit_call);
    channel_cancel(&m->late_call);
    client_free(&m->client);
    mem_free(m);
}
