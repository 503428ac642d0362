#include <stdio.h>

#include "base/mem.h"
#include "protocol/api.h"
#include "protocol/list_offsets.h"
#include "replica/fetcher_internal.h"
#include "replica/manager.h"

#define COMPONENT "kafka.server.ReplicaFetcherManager"

/* A connection that broke is made again by us, after our own backoff. */
enum { RECONNECT_MS = 1 };

/* ---- partitions ---- */

/* The replica of an answer, while we still follow it here. */
static struct replica *followed(struct fetcher *f, const struct replica_topic *t, int32_t partition)
{
    struct replica *r = t ? replica_topic_partition(t, partition) : NULL;
    return r && r->fetcher == f ? r : NULL;
}

static void pause_partition(struct fetcher *f, struct replica *r)
{
    struct following *x = &r->following;
    if (x->state == FOLLOWING_RESTING)
        x->rest_until = mono_add_ms(clock_mono(f->all->env.clock),
                                    following_rest_ms(x->errors, f->all->config.backoff_ms));
    follower_session_pause(&f->session, x);
}

static void log_moved(struct fetcher *f, struct replica *r)
{
    struct followed_log log = replica_followed_log(r);
    following_moved(&r->following, &log);
    follower_session_changed(&f->session, &r->following);
}

static void cut(struct fetcher *f, struct replica *r, struct follow_step step)
{
    bool restart = step.action == FOLLOW_RESTART;
    trace_info(f->all->env.trace, COMPONENT, "%.*s-%d: %s %lld, as leader %d of epoch %d says",
               STR_ARG(r->topic->name), r->partition,
               restart ? "emptied, to begin at" : "truncated to", (long long)step.offset, f->leader,
               r->core.leader_epoch);
    int64_t from = r->core.log_end_offset;
    enum err e = restart ? replica_restart(r, step.offset) : replica_cut(r, step.offset);
    if (e) {
        bool passes = e == ERR_NO_SPACE || e == ERR_NO_DESCRIPTORS;
        log_moved(f, r);
        fetcher_do(f, r,
                   following_refused(&r->following, passes ? APPEND_NO_SPACE : APPEND_STORAGE));
        return;
    }
    if (f->all->events.cut) f->all->events.cut(f->all->owner, r, from, step.offset);
    log_moved(f, r);
}

void fetcher_do(struct fetcher *f, struct replica *r, struct follow_step step)
{
    switch (step.action) {
    case FOLLOW_FETCH:
    case FOLLOW_APPEND: return;
    case FOLLOW_TRUNCATE:
    case FOLLOW_RESTART: cut(f, r, step); return;
    case FOLLOW_FAIL:
        trace_warn(f->all->env.trace, COMPONENT,
                   "%.*s-%d: not followed any further in leader epoch %d", STR_ARG(r->topic->name),
                   r->partition, r->core.leader_epoch);
        pause_partition(f, r);
        return;
    case FOLLOW_ASK_END:
    case FOLLOW_ASK_START:
    case FOLLOW_REST: pause_partition(f, r); return;
    }
}

/* ---- answers to Fetch ---- */

/* Everything that came had to be left out (KAFKA-18723): the leader has gone on to an epoch that we
 * have not heard of. */
static bool brought_nothing(const struct fetch_response_partition_data *d)
{
    int64_t size;
    return d->records.len >= BATCH_PREFIX_BYTES && !batch_peek_size(d->records.data, &size) &&
           size <= d->records.len;
}

static void append(struct fetcher *f, struct replica *r,
                   const struct fetch_response_partition_data *d)
{
    struct following *x = &r->following;
    struct replica_followed from = {.data = d->records.data,
                                    .len = d->records.len > 0 ? (size_t)d->records.len : 0,
                                    .leader_epoch_max = x->leader_epoch,
                                    .leader_high_watermark = d->high_watermark,
                                    .leader_log_start = d->log_start_offset};
    enum append_error e = replica_follow(r, &from);
    if (e) {
        trace_error(f->all->env.trace, COMPONENT,
                    "%.*s-%d: what leader %d sent for offset %lld "
                    "cannot be appended (%d)",
                    STR_ARG(r->topic->name), r->partition, f->leader, (long long)x->fetch_offset,
                    (int)e);
        fetcher_do(f, r, following_refused(x, e));
        return;
    }
    struct replica_manager *m = f->all->manager;
    if (x->throttled)
        throttle_record(&m->follower_throttle, clock_mono(m->env.clock), (int64_t)from.len);
    x->lagging = r->core.log_end_offset < d->high_watermark;
    struct followed_log log = replica_followed_log(r);
    if (following_appended(x, &log))
        follower_session_changed(&f->session, x);
    else if (brought_nothing(d))
        fetcher_do(f, r, following_refused(x, APPEND_INVALID_RECORD));
}

static void take_partition(struct fetcher *f, struct replica *r, int64_t sequence,
                           const struct fetch_response_partition_data *d)
{
    struct following *x = &r->following;
    if (!follower_session_concerns(x, sequence) || !r->log) return;
    struct followed_log log = replica_followed_log(r);
    struct follow_answer a = {
        .error = (enum kafka_error)d->error_code,
        .diverging = {d->diverging_epoch.epoch, d->diverging_epoch.end_offset}};
    if (a.diverging.end_offset >= 0) {
        /* Heartbeats shall have their turn in between. A leader says it in every answer. */
        if (f->cuts == CUTS_PER_ANSWER) return;
        f->cuts++;
        a.own_end = log_epoch_end(r->log, a.diverging.epoch);
    }
    struct follow_step step = following_answered(x, &log, &a);
    if (step.action == FOLLOW_APPEND) {
        append(f, r, d);
        return;
    }
    if (a.error)
        trace_info(f->all->env.trace, COMPONENT, "%.*s-%d: leader %d answers %s in epoch %d",
                   STR_ARG(r->topic->name), r->partition, f->leader,
                   kafka_error_name(d->error_code), x->leader_epoch);
    fetcher_do(f, r, step);
}

static void take_answer(struct fetcher *f, int64_t sequence, const struct fetch_response *r)
{
    f->cuts = 0;
    for (int32_t i = 0; i < r->responses_count; i++) {
        const struct fetch_response_fetchable_topic_response *t = &r->responses[i];
        const struct replica_topic *topic = replica_manager_topic(f->all->manager, t->topic_id);
        for (int32_t j = 0; j < t->partitions_count; j++) {
            struct replica *x = followed(f, topic, t->partitions[j].partition_index);
            if (x) take_partition(f, x, sequence, &t->partitions[j]);
        }
    }
}

/* The leader cannot be reached, or does not answer. */
static void failed(struct fetcher *f, enum err e)
{
    int64_t ms = following_rest_ms(++f->failures, f->all->config.backoff_ms);
    if (f->failures == 1)
        trace_warn(f->all->env.trace, COMPONENT, "no answer from leader %d at %s:%d: %s", f->leader,
                   f->host, f->port, err_text(e));
    f->quiet_until = mono_add_ms(clock_mono(f->all->env.clock), ms);
    follower_session_reset(&f->session);
    bool broke = e == ERR_CLOSED || e == ERR_RESET || e == ERR_REFUSED;
    if (broke && f->failures == 1 && f->all->events.lost)
        f->all->events.lost(f->all->owner, f->leader);
}

static void fetch_answered(struct call *call, enum err e, const void *response)
{
    struct fetch_call *c = call->context;
    struct fetcher *f = c->fetcher;
    const struct fetch_response *r = response;
    c->in_flight = false;
    fetcher_kick(f);
    if (e) {
        if (c->sequence >= f->session.valid_from) failed(f, e);
        return;
    }
    if (f->failures > 0 && f->all->events.heard) f->all->events.heard(f->all->owner, f->leader);
    f->failures = 0;
    f->all->answers++;
    if (r->error_code)
        trace_info(f->all->env.trace, COMPONENT, "fetch session with leader %d: %s", f->leader,
                   kafka_error_name(r->error_code));
    if (follower_session_answered(&f->session, c->sequence, c->full,
                                  (enum kafka_error)r->error_code, r->session_id))
        take_answer(f, c->sequence, r);
    else if (r->error_code && r->error_code != KAFKA_FETCH_SESSION_ID_NOT_FOUND &&
             r->error_code != KAFKA_INVALID_FETCH_SESSION_EPOCH)
        failed(f, ERR_AGAIN);
}

/* ---- answers to ListOffsets ---- */

static void told_offset(struct fetcher *f, struct replica *r, enum kafka_error error,
                        int64_t offset)
{
    struct following *x = &r->following;
    struct followed_log log = replica_followed_log(r);
    bool end = f->lookup_of == FOLLOWING_ASKING_END;
    struct follow_step step =
        end ? following_told_end(x, &log, error, offset)
            : following_told_start(x, &log, error, offset, log_epoch_end(r->log, x->leader_epoch));
    trace_info(f->all->env.trace, COMPONENT,
               "%.*s-%d: offset %lld is out of range; the log of leader %d %s at %lld%s%s",
               STR_ARG(r->topic->name), r->partition, (long long)x->fetch_offset, f->leader,
               end ? "ends" : "starts", (long long)offset, error ? ", " : "",
               error ? kafka_error_name((int16_t)error) : "");
    fetcher_do(f, r, step);
}

static const struct list_offsets_response_list_offsets_partition_response *
find_offset(const struct list_offsets_response *r, struct str topic, int32_t partition)
{
    for (int32_t i = 0; r && i < r->topics_count; i++) {
        if (!str_equal(r->topics[i].name, topic)) continue;
        for (int32_t j = 0; j < r->topics[i].partitions_count; j++)
            if (r->topics[i].partitions[j].partition_index == partition)
                return &r->topics[i].partitions[j];
    }
    return NULL;
}

static void lookup_answered(struct call *call, enum err e, const void *response)
{
    struct fetcher *f = call->context;
    f->lookup_in_flight = false;
    fetcher_kick(f);
    for (int32_t i = 0; i < f->asked_count; i++) {
        const struct asked *a = &f->asked[i];
        const struct replica_topic *t = replica_manager_topic(f->all->manager, a->topic_id);
        struct replica *r = followed(f, t, a->partition);
        if (!r || r->following.state != f->lookup_of ||
            r->following.leader_epoch != a->leader_epoch || !r->log)
            continue;
        const struct list_offsets_response_list_offsets_partition_response *p =
            find_offset(e ? NULL : response, t->name, a->partition);
        enum kafka_error error = p ? (enum kafka_error)p->error_code : KAFKA_NETWORK_EXCEPTION;
        told_offset(f, r, error, p ? p->offset : NO_OFFSET);
    }
    f->asked_count = 0;
}

/* ---- requests ---- */

static struct replica *replica_following(struct list_node *node)
{
    return CONTAINER_OF(node, struct replica, following.node);
}

/* Ask for one offset of every partition that waits for one of the kind that the first waits for. */
static void send_lookup(struct fetcher *f)
{
    if (f->lookup_in_flight || list_empty(&f->session.asking)) return;
    f->lookup_of = replica_following(f->session.asking.next)->following.state;
    struct list_offsets_request q;
    list_offsets_request_init(&q);
    q.replica_id = f->all->config.node_id;
    q.topics = list_offsets_request_list_offsets_topic_new(&f->arena, f->session.count);
    f->asked_count = 0;
    LIST_EACH(&f->session.asking, node) {
        struct replica *r = replica_following(node);
        if (r->following.state != f->lookup_of) continue;
        MEM_GROW(f->asked, f->asked_count, f->asked_capacity);
        f->asked[f->asked_count++] =
            (struct asked){r->topic->id, r->partition, r->following.leader_epoch};
        struct list_offsets_request_list_offsets_partition *p =
            list_offsets_request_list_offsets_partition_new(&f->arena, 1);
        p->partition_index = r->partition;
        p->current_leader_epoch = r->following.leader_epoch;
        p->timestamp = f->lookup_of == FOLLOWING_ASKING_END ? OFFSET_LATEST : OFFSET_EARLIEST;
        struct list_offsets_request_list_offsets_topic *t = &q.topics[q.topics_count++];
        t->name = r->topic->name;
        t->partitions = p;
        t->partitions_count = 1;
    }
    f->lookup_in_flight = true;
    f->lookup.context = f;
    channel_call(f->channel, &f->lookup, API_LIST_OFFSETS,
                 f->all->events.version(f->all->owner, API_LIST_OFFSETS), &q, lookup_answered);
}

/* The request to use now; NULL: wait for an answer. */
static struct fetch_call *free_call(struct fetcher *f)
{
    struct fetch_call *unused = NULL;
    int32_t in_flight = 0;
    for (int32_t i = 0; i < FETCHES_IN_FLIGHT_MAX; i++) {
        if (f->fetches[i].in_flight)
            in_flight++;
        else
            unused = &f->fetches[i];
    }
    if (in_flight == 0) return unused;
    bool overtakes = f->session.joined && !f->session.creating && f->session.epoch > 0;
    return overtakes ? unused : NULL;
}

static void send_fetch(struct fetcher *f)
{
    struct fetch_call *c = free_call(f);
    if (!c) return;
    const struct fetcher_config *config = &f->all->config;
    struct fetch_request q;
    fetch_request_init(&q);
    struct clock *clock = f->all->env.clock;
    struct follower_session_options o = {
        .partition_bytes_max = config->partition_bytes_max,
        .throttling = throttle_is_exceeded(&f->all->manager->follower_throttle, clock_mono(clock))};
    bool full = f->session.epoch == 0;
    if (!follower_session_request(&f->session, &o, &q, &f->arena)) {
        /* Everything is throttled: see whether there is room again. */
        if (!list_empty(&f->session.changed) && !timer_armed(&f->timer))
            timer_arm_in_ms(clock, &f->timer, config->wait_ms_max);
        return;
    }
    q.replica_state.replica_id = config->node_id;
    q.replica_state.replica_epoch = f->all->broker_epoch;
    q.replica_id = config->node_id; /* up to version 14 */
    q.max_wait_ms = config->wait_ms_max;
    q.min_bytes = config->bytes_min;
    q.max_bytes = config->response_bytes_max;
    c->full = full;
    c->sequence = f->session.sequence;
    c->in_flight = true;
    c->call.context = c;
    channel_call(f->channel, &c->call, API_FETCH, f->all->events.version(f->all->owner, API_FETCH),
                 &q, fetch_answered);
}

static void send_all(struct task *task)
{
    struct fetcher *f = CONTAINER_OF(task, struct fetcher, task);
    struct clock *clock = f->all->env.clock;
    if (!f->channel) return;
    struct mono_time now = clock_mono(clock);
    if (now.ns < f->quiet_until.ns) {
        timer_arm(clock, &f->timer, f->quiet_until);
        return;
    }
    int64_t next = follower_session_wake(&f->session, now);
    if (next < INT64_MAX) timer_arm(clock, &f->timer, (struct mono_time){next});
    arena_reset(&f->arena);
    send_lookup(f);
    send_fetch(f);
}

void fetcher_kick(struct fetcher *f)
{
    task_post(f->all->env.clock, &f->task);
}

static void rested(struct timer *timer)
{
    fetcher_kick(CONTAINER_OF(timer, struct fetcher, timer));
}

/* ---- life ---- */

static void close_channel(struct fetcher *f)
{
    if (!f->channel) return;
    struct channel *old = f->channel;
    f->channel = NULL;
    for (int32_t i = 0; i < FETCHES_IN_FLIGHT_MAX; i++) {
        if (f->fetches[i].in_flight) channel_cancel(&f->fetches[i].call);
        f->fetches[i].in_flight = false;
    }
    if (f->lookup_in_flight) channel_cancel(&f->lookup);
    f->lookup_in_flight = false;
    channel_destroy(old);
    follower_session_reset(&f->session);
}

void fetcher_resolve(struct fetcher *f)
{
    char host[FETCHER_HOST_MAX];
    uint16_t port = 0;
    if (!f->all->events.endpoint(f->all->owner, f->leader, host, &port)) {
        close_channel(f);
        return;
    }
    if (f->channel && port == f->port && strcmp(host, f->host) == 0) return;
    close_channel(f);
    memcpy(f->host, host, sizeof host);
    f->port = port;
    char client_id[64];
    snprintf(client_id, sizeof client_id, "broker-%d-fetcher-%d", f->all->config.node_id, f->index);
    struct channel_config config = {.host = f->host,
                                    .port = f->port,
                                    .client_id = client_id,
                                    .request_timeout_ms = f->all->config.request_timeout_ms,
                                    .backoff_ms = RECONNECT_MS,
                                    .receive_buffer_bytes = f->all->config.receive_buffer_bytes};
    f->channel = channel_create(&f->all->env, &config);
    f->failures = 0;
    f->quiet_until = (struct mono_time){0};
    fetcher_kick(f);
}

struct fetcher *fetcher_new(struct fetchers *all, int32_t leader, int32_t index)
{
    struct fetcher *f = MEM_NEW(struct fetcher);
    f->all = all;
    f->leader = leader;
    f->index = index;
    follower_session_init(&f->session);
    for (int32_t i = 0; i < FETCHES_IN_FLIGHT_MAX; i++) {
        f->fetches[i].fetcher = f;
        call_init(&f->fetches[i].call);
    }
    call_init(&f->lookup);
    timer_init(&f->timer, rested);
    task_init(&f->task, send_all);
    arena_init(&f->arena, 0);
    fetcher_resolve(f);
    return f;
}

bool fetcher_is_idle(const struct fetcher *f)
{
    for (int32_t i = 0; i < FETCHES_IN_FLIGHT_MAX; i++)
        if (f->fetches[i].in_flight) return false;
    return f->replicas_count == 0 && f->session.forgotten_count == 0 && !f->lookup_in_flight;
}

void fetcher_free(struct fetcher *f)
{
    close_channel(f);
    timer_cancel(f->all->env.clock, &f->timer);
    task_cancel(&f->task);
    follower_session_free(&f->session);
    arena_free(&f->arena);
    mem_free(f->asked);
    mem_free(f);
}
