#include "replica/manager.h"

#include "base/mark.h"
#include "base/mem.h"
#include "log/log_future.h"
#include "replica/placement.h"

#define COMPONENT "ReplicaManager"

static void tell(struct task *task);
static void proposals_ready(struct task *task);
static void lag_tick(struct timer *timer);

static struct broker_standing standing(void *context, int32_t broker_id)
{
    struct replica_manager *m = context;
    return m->events.standing(m->owner, broker_id);
}

static struct mono_time last_fetch(void *context, int32_t broker_id)
{
    const struct replica_manager *m = context;
    const struct mono_time *at = map_get_u64(&m->last_fetches, (uint64_t)(uint32_t)broker_id);
    return at ? *at : (struct mono_time){INT64_MIN / 4};
}

void replica_manager_follower_came(struct replica_manager *m, int32_t broker_id)
{
    struct mono_time *at = map_get_u64(&m->last_fetches, (uint64_t)(uint32_t)broker_id);
    if (!at) {
        /* Anybody can say that it is a broker; only brokers are remembered. */
        if (!m->events.standing(m->owner, broker_id).registered) return;
        at = MEM_NEW(struct mono_time);
        map_put_u64(&m->last_fetches, (uint64_t)(uint32_t)broker_id, at);
    }
    *at = clock_mono(m->env.clock);
}

struct replica_manager *replica_manager_create(const struct env *env,
                                               const struct replica_manager_config *config,
                                               struct log_dir *const *dirs, int32_t dirs_count,
                                               const struct replica_events *events, void *owner)
{
    PRE(events->standing && events->topic_config);
    struct replica_manager *m = MEM_NEW(struct replica_manager);
    m->env = *env;
    m->config = *config;
    m->events = *events;
    m->owner = owner;
    m->dirs = mem_dup(dirs, sizeof *dirs * (size_t)dirs_count);
    m->dirs_count = dirs_count;
    m->world = (struct partition_world){.node_id = config->node_id,
                                        .broker_epoch = -1,
                                        .lag_ms_max = config->lag_ms_max,
                                        .standing = standing,
                                        .last_fetch = last_fetch,
                                        .context = m};
    map_init(&m->last_fetches);
    map_init(&m->topics_by_id);
    map_init(&m->topics_by_name);
    list_init(&m->moved);
    list_init(&m->replicated);
    list_init(&m->proposing);
    task_init(&m->tell_task, tell);
    task_init(&m->proposals_task, proposals_ready);
    timer_init(&m->lag_timer, lag_tick);
    lease_init(m);
    throttle_init(&m->leader_throttle, config->quota_samples, config->quota_sample_s);
    throttle_init(&m->follower_throttle, config->quota_samples, config->quota_sample_s);
    if (m->config.moves_at_once <= 0) m->config.moves_at_once = dirs_count > 0 ? dirs_count : 1;
    if (m->config.move_quota_samples <= 0) m->config.move_quota_samples = 11;
    if (m->config.move_quota_sample_s <= 0) m->config.move_quota_sample_s = 1;
    m->move_bytes_per_s = INT64_MAX;
    map_init(&m->preferred_dirs);
    if (events->fetching.endpoint)
        m->fetchers = fetchers_create(env, &config->fetching, &m->events.fetching, m, owner);
    return m;
}

enum err replica_manager_load(struct replica_manager *m)
{
    int32_t online = 0;
    for (int32_t i = 0; i < m->dirs_count; i++) {
        enum err e = log_dir_load(m->dirs[i]);
        if (e == ERR_INVALID) return e;
        if (e)
            trace_error(m->env.trace, COMPONENT, "%s: not loaded: %s", log_dir_path(m->dirs[i]),
                        err_text(e));
        online += !log_dir_is_offline(m->dirs[i]);
    }
    logs_complete_replacements(m->dirs, m->dirs_count);
    return online > 0 || m->dirs_count == 0 ? ERR_OK : ERR_OFFLINE;
}

void replica_manager_set_broker_epoch(struct replica_manager *m, int64_t broker_epoch)
{
    m->world.broker_epoch = broker_epoch;
    if (m->fetchers) fetchers_set_broker_epoch(m->fetchers, broker_epoch);
}

void replica_manager_set_throttles(struct replica_manager *m, int64_t leader_bytes_per_s,
                                   int64_t follower_bytes_per_s)
{
    m->leader_throttle.bytes_per_s = leader_bytes_per_s;
    m->follower_throttle.bytes_per_s = follower_bytes_per_s;
}

void replica_manager_set_fenced(struct replica_manager *m, bool fenced)
{
    if (m->fenced == fenced) return;
    m->fenced = fenced;
    if (!fenced) return;
    /* Whoever reads here must look again: what it is told now is to go elsewhere. */
    for (uint32_t i = 0; i < m->topics_by_id.count; i++) {
        struct replica_topic *t = m->topics_by_id.entries[i].value;
        for (int32_t p = 0; p < t->partitions_capacity; p++) {
            if (!t->partitions[p]) continue;
            t->partitions[p]->movement.look_again = true;
            replica_touch(t->partitions[p]);
        }
    }
}

/* ---- telling ---- */

static void tell(struct task *task)
{
    struct replica_manager *m = CONTAINER_OF(task, struct replica_manager, tell_task);
    /* What they do moves replicas again; that is told in a task of its own. */
    struct list_node now;
    list_init(&now);
    while (!list_empty(&m->moved)) {
        struct list_node *n = m->moved.next;
        list_remove(n);
        list_push_back(&now, n);
    }
    while (!list_empty(&now)) {
        struct replica *r = CONTAINER_OF(now.next, struct replica, moved);
        list_remove(&r->moved);
        replica_tell(r);
    }
}

static void proposals_ready(struct task *task)
{
    struct replica_manager *m = CONTAINER_OF(task, struct replica_manager, proposals_task);
    if (m->events.proposals && !list_empty(&m->proposing)) m->events.proposals(m->owner);
}

/* Twice in the lag that is allowed; any lag may be set, and a timer of none would never rest. */
static void lag_look_later(struct replica_manager *m)
{
    int64_t ms = m->config.lag_ms_max / 2;
    timer_arm_in_ms(m->env.clock, &m->lag_timer, ms > 0 ? ms : 1);
}

static void lag_tick(struct timer *timer)
{
    struct replica_manager *m = CONTAINER_OF(timer, struct replica_manager, lag_timer);
    LIST_EACH(&m->replicated, node) {
        struct replica *r = CONTAINER_OF(node, struct replica, replicated);
        replica_effects(r, partition_tick(&r->core, manager_world(m)));
    }
    if (!list_empty(&m->replicated)) lag_look_later(m);
}

/* ---- topics ---- */

struct replica_topic *replica_manager_topic(struct replica_manager *m, struct uuid topic_id)
{
    return map_get(&m->topics_by_id, &topic_id, sizeof topic_id);
}

struct replica_topic *replica_manager_topic_by_name(struct replica_manager *m, struct str topic)
{
    return topic.len > 0 ? map_get_str(&m->topics_by_name, topic) : NULL;
}

struct replica *replica_manager_find(struct replica_manager *m, struct uuid topic_id,
                                     int32_t partition)
{
    struct replica_topic *t = replica_manager_topic(m, topic_id);
    return t ? replica_topic_partition(t, partition) : NULL;
}

struct replica *replica_manager_find_by_name(struct replica_manager *m, struct str topic,
                                             int32_t partition)
{
    struct replica_topic *t = replica_manager_topic_by_name(m, topic);
    return t ? replica_topic_partition(t, partition) : NULL;
}

static enum compression compression_of(const char *type)
{
    enum compression c = COMPRESSION_NONE;
    if (compression_parse(str_of(type), &c)) return COMPRESSION_NONE; /* "uncompressed" */
    return c;
}

static int32_t level_of(const struct topic_config *t, enum compression c)
{
    switch (c) {
    case COMPRESSION_GZIP: return t->compression_gzip_level;
    case COMPRESSION_LZ4: return t->compression_lz4_level;
    case COMPRESSION_ZSTD: return t->compression_zstd_level;
    default: return COMPRESSION_LEVEL_DEFAULT;
    }
}

static struct log_config *log_config_from(const struct topic_config *t)
{
    struct log_config *c = log_config_new();
    c->segment_bytes = t->segment_bytes;
    c->segment_ms = t->segment_ms;
    c->segment_jitter_ms = t->segment_jitter_ms;
    c->segment_index_bytes = t->segment_index_bytes;
    c->index_interval_bytes = t->index_interval_bytes;
    c->preallocate = t->preallocate;
    c->flush_messages = t->flush_messages;
    c->flush_ms = t->flush_ms;
    c->cleanup_delete = t->cleanup_delete;
    c->cleanup_compact = t->cleanup_compact;
    c->retention_bytes = t->retention_bytes;
    c->retention_ms = t->retention_ms;
    c->file_delete_delay_ms = t->file_delete_delay_ms;
    c->max_message_bytes = t->message_bytes_max;
    c->compression_producer = str_equal_z(STR("producer"), t->compression_type);
    c->compression =
        c->compression_producer ? COMPRESSION_NONE : compression_of(t->compression_type);
    c->compression_level = level_of(t, c->compression);
    c->log_append_time = t->timestamp_type == TOPIC_LOG_APPEND_TIME;
    c->timestamp_before_ms_max = t->timestamp_before_ms_max;
    c->timestamp_after_ms_max = t->timestamp_after_ms_max;
    return c;
}

/* Which of the topic's replicas on this node are throttled, as leader and as follower (KIP-73). */
static void topic_throttle(struct replica_manager *m, struct replica_topic *t,
                           const struct topic_config *c)
{
    int32_t node = m->config.node_id;
    t->throttles = c->leader_throttled_count > 0 || c->follower_throttled_count > 0;
    for (int32_t p = 0; p < t->partitions_capacity; p++) {
        struct replica *r = t->partitions[p];
        if (!r) continue;
        r->leader_throttled =
            throttle_list_names(c->leader_throttled, c->leader_throttled_count, p, node);
        r->following.throttled =
            throttle_list_names(c->follower_throttled, c->follower_throttled_count, p, node);
    }
}

static void topic_configure(struct replica_manager *m, struct replica_topic *t)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct topic_config config = {0};
    m->events.topic_config(m->owner, t->name, &arena, &config);
    if (t->config) log_config_unref(t->config);
    t->config = log_config_from(&config);
    t->isr_min = config.in_sync_replicas_min;
    topic_throttle(m, t, &config);
    arena_free(&arena);
}

static struct replica_topic *topic_new(struct replica_manager *m, struct uuid id, struct str name)
{
    struct replica_topic *t = MEM_NEW(struct replica_topic);
    t->id = id;
    t->name = (struct str){str_dup_z(name), name.len};
    topic_configure(m, t);
    map_put(&m->topics_by_id, &id, sizeof id, t);
    map_put_str(&m->topics_by_name, name, t);
    return t;
}

static void topic_free(struct replica_manager *m, struct replica_topic *t)
{
    map_remove(&m->topics_by_id, &t->id, sizeof t->id);
    /* A topic created anew under the same name has taken the name over. */
    if (map_get_str(&m->topics_by_name, t->name) == t) map_remove_str(&m->topics_by_name, t->name);
    log_config_unref(t->config);
    mem_free(t->partitions);
    mem_free((void *)(uintptr_t)t->name.data);
    mem_free(t);
}

void replica_manager_topic_config_changed(struct replica_manager *m, struct str topic)
{
    for (uint32_t i = 0; i < m->topics_by_id.count; i++) {
        struct replica_topic *t = m->topics_by_id.entries[i].value;
        if (!str_is_null(topic) && !str_equal(topic, t->name)) continue;
        topic_configure(m, t);
        for (int32_t p = 0; p < t->partitions_capacity; p++) {
            struct replica *r = t->partitions[p];
            if (!r) continue;
            if (r->log) log_set_config(r->log, t->config);
            replica_move_configure(r);
            replica_effects(r, partition_set_isr_min(&r->core, manager_world(m), t->isr_min));
        }
    }
}

/* ---- logs ---- */

static struct log *open_log(struct replica_manager *m, struct replica_topic *t,
                            const struct partition_target *target)
{
    struct log *log = placement_find(m, t->name, target->partition, target->directory);
    if (log && uuid_is_zero(log_topic_id(log)) && log_set_topic_id(log, t->id)) return NULL;
    if (log && !uuid_equal(log_topic_id(log), t->id) && !MUTANT(TOPICS_BY_NAME)) {
        /* An earlier topic of this name (S12): it is not ours to read, nor to destroy. */
        trace_warn(
            m->env.trace, COMPONENT,
            "%s/%.*s-%d belongs to the topic id %s, and the topic's is %s: put aside with the "
            "ending -stray; if its partition.metadata was damaged, stop this node, write the "
            "topic's id there and rename the directory back",
            log_dir_path(log_directory(log)), STR_ARG(t->name), target->partition,
            uuid_text(log_topic_id(log)).z, uuid_text(t->id).z);
        if (log_dir_stray_log(log_directory(log), log)) return NULL;
        log = NULL;
    }
    if (log) {
        log_set_config(log, t->config);
        return log;
    }
    if (placement_is_lost(m, target)) return NULL;
    struct log_dir *dir = placement_choose(m, t->name, target->partition, target->directory);
    if (!dir) return NULL;
    enum err e = log_dir_create_log(dir, t->name, target->partition, t->id, t->config, &log);
    if (!e) placement_made(m, t->name, target->partition);
    if (!e) return log;
    trace_error(m->env.trace, COMPONENT, "%.*s-%d not created in %s: %s", STR_ARG(t->name),
                target->partition, log_dir_path(dir), err_text(e));
    return NULL;
}

/* ---- targets ---- */

/* Metadata gives the name to another topic: the one that had it was deleted (S12). */
static void remove_namesake(struct replica_manager *m, struct str name)
{
    struct replica_topic *t = replica_manager_topic_by_name(m, name);
    if (!t) return;
    struct uuid id = t->id;
    int32_t capacity = t->partitions_capacity;
    for (int32_t p = 0; p < capacity; p++) replica_manager_remove(m, id, p);
}

/* Metadata has the replica elsewhere than it is, or will soon be. In one directory nothing moves:
 * what has been said once is enough. */
static void tell_place(struct replica *r, const struct partition_target *target)
{
    struct replica_manager *m = r->manager;
    bool is_new = r->core.partition_epoch < 0;
    if (!is_new && m->dirs_count == 1 && !uuid_equal(target->directory, DIRECTORY_LOST)) return;
    if (uuid_equal(r->directory, target->directory)) return;
    if (r->move && uuid_equal(log_dir_id(log_directory(r->move->future)), target->directory))
        return;
    if (m->events.placed) m->events.placed(m->owner, r);
}

static struct replica *host(struct replica_manager *m, const struct partition_target *target)
{
    struct replica_topic *t = replica_manager_topic(m, target->topic_id);
    if (!t) {
        remove_namesake(m, target->topic);
        t = topic_new(m, target->topic_id, target->topic);
    }
    struct replica *r = replica_topic_partition(t, target->partition);
    if (r) return r;
    int32_t capacity = t->partitions_capacity;
    while (target->partition >= capacity) capacity = capacity ? capacity * 2 : 1;
    if (capacity != t->partitions_capacity) {
        t->partitions = mem_realloc(t->partitions, (size_t)capacity * sizeof *t->partitions);
        memset(t->partitions + t->partitions_capacity, 0,
               (size_t)(capacity - t->partitions_capacity) * sizeof *t->partitions);
        t->partitions_capacity = capacity;
    }
    r = replica_new(m, t, target->partition);
    t->partitions[target->partition] = r;
    t->hosted_count++;
    if (t->throttles) topic_configure(m, t);
    struct log *log = open_log(m, t, target);
    if (log) {
        replica_open(r, log);
        r->directory = log_dir_id(log_directory(log));
        placement_resume(r, target->directory);
    } else {
        r->directory = target->directory;
        replica_effects(r, partition_failed(&r->core));
        if (placement_is_lost(m, target) && m->events.assign)
            m->events.assign(m->owner, r, DIRECTORY_LOST);
    }
    return r;
}

static void apply_one(struct replica_manager *m, const struct partition_target *target)
{
    struct replica *r = host(m, target);
    if (r->log) tell_place(r, target);
    if (r->move) replica_move_accepted(r, target->directory);
    replica_sync_log_start(r);
    if (r->log && target->leader_epoch >= r->core.leader_epoch &&
        log_mend_epochs(r->log, target->leader_epoch))
        trace_error(m->env.trace, COMPONENT, "%.*s-%d: leader epochs above %d are not mended",
                    STR_ARG(r->topic->name), r->partition, target->leader_epoch);
    unsigned effects = partition_apply(&r->core, manager_world(m), target);
    if (r->core.role != PARTITION_FOLLOWER)
        replica_unfollow(r);
    else if (effects & PARTITION_FOLLOW && m->fetchers)
        fetchers_follow(m->fetchers, r);
    bool leads_others = r->core.role == PARTITION_LEADER && r->core.followers_count > 0;
    if (leads_others != list_linked(&r->replicated)) {
        if (leads_others)
            list_push_back(&m->replicated, &r->replicated);
        else
            list_remove(&r->replicated);
    }
    if (!leads_others) r->adrift = false;
    if (leads_others && !timer_armed(&m->lag_timer)) lag_look_later(m);
    if (r->core.isr_state == ISR_COMMITTED) list_remove(&r->proposing);
    replica_effects(r, effects);
}

void replica_manager_apply(struct replica_manager *m, const struct partition_target *targets,
                           int32_t count)
{
    for (int32_t i = 0; i < count; i++) apply_one(m, &targets[i]);
}

void replica_manager_remove(struct replica_manager *m, struct uuid topic_id, int32_t partition)
{
    struct replica_topic *t = replica_manager_topic(m, topic_id);
    struct replica *r = t ? replica_topic_partition(t, partition) : NULL;
    if (!r) return;
    if (m->events.removed) m->events.removed(m->owner, r);
    replica_move_give_up(r);
    struct log *log = r->log;
    t->partitions[partition] = NULL;
    replica_free(r, KAFKA_NOT_LEADER_OR_FOLLOWER);
    if (log) {
        enum err e = log_dir_delete_log(log_directory(log), log);
        if (e)
            trace_error(m->env.trace, COMPONENT, "%.*s-%d not deleted: %s", STR_ARG(t->name),
                        partition, err_text(e));
    }
    if (--t->hosted_count == 0) topic_free(m, t);
}

void replica_manager_put_strays_aside(struct replica_manager *m)
{
    for (int32_t d = 0; d < m->dirs_count; d++) {
        struct log_dir *dir = m->dirs[d];
        /* From the end: putting one aside changes the order of those behind it only. */
        for (int32_t i = log_dir_logs_count(dir); i-- > 0 && !log_dir_is_offline(dir);) {
            struct log *log = log_dir_log_at(dir, i);
            struct replica *r = replica_manager_find_by_name(m, log_topic(log), log_partition(log));
            if (r && r->log == log && !MUTANT(EVERYTHING_IS_STRAY)) continue;
            trace_warn(m->env.trace, COMPONENT,
                       "%.*s-%d in %s is not assigned to this broker, "
                       "put aside as stray",
                       STR_ARG(log_topic(log)), log_partition(log), log_dir_path(dir));
            enum err e = log_dir_stray_log(dir, log);
            if (e) trace_error(m->env.trace, COMPONENT, "not put aside: %s", err_text(e));
        }
    }
    placement_put_futures_aside(m);
}

void replica_manager_standing_changed(struct replica_manager *m)
{
    if (m->fetchers) fetchers_endpoints_changed(m->fetchers);
    LIST_EACH(&m->replicated, node) {
        struct replica *r = CONTAINER_OF(node, struct replica, replicated);
        replica_effects(r, partition_standing_changed(&r->core, manager_world(m)) |
                               PARTITION_LOW_WATERMARK_MOVED);
    }
}

void replica_manager_directory_failed(struct replica_manager *m, struct log_dir *dir)
{
    struct uuid id = log_dir_id(dir);
    int32_t lost = 0, left = 0;
    for (uint32_t i = 0; i < m->topics_by_id.count; i++) {
        struct replica_topic *t = m->topics_by_id.entries[i].value;
        for (int32_t p = 0; p < t->partitions_capacity; p++) {
            struct replica *r = t->partitions[p];
            if (r && r->log && log_directory(r->log) != dir && r->move &&
                log_directory(r->move->future) == dir)
                replica_move_forget(r);
            if (!r || !r->log || log_directory(r->log) != dir) continue;
            replica_unfollow(r);
            r->log = NULL;
            replica_move_forget(r);
            list_remove(&r->replicated);
            list_remove(&r->proposing);
            replica_effects(r, partition_failed(&r->core));
            lost++;
        }
    }
    for (int32_t i = 0; i < m->dirs_count; i++) left += !log_dir_is_offline(m->dirs[i]);
    trace_error(m->env.trace, COMPONENT,
                "%s is offline: %d partitions are lost to this broker, "
                "%d directories are left",
                log_dir_path(dir), lost, left);
    if (m->events.directory_failed) m->events.directory_failed(m->owner, id, left);
}

/* ---- AlterPartition ---- */

bool replica_manager_next_proposal(struct replica_manager *m, struct arena *arena,
                                   struct replica_proposal *out)
{
    while (!list_empty(&m->proposing)) {
        struct replica *r = CONTAINER_OF(m->proposing.next, struct replica, proposing);
        list_remove(&r->proposing);
        if (r->core.role != PARTITION_LEADER || r->core.isr_state == ISR_COMMITTED) continue;
        *out = (struct replica_proposal){
            .replica = r,
            .topic_id = r->topic->id,
            .partition = r->partition,
            .leader_epoch = r->core.leader_epoch,
            .partition_epoch = r->core.partition_epoch,
            .members = ARENA_ARRAY(arena, struct isr_member, r->core.followers_count + 1)};
        out->members_count = partition_proposal(&r->core, manager_world(m), out->members);
        return true;
    }
    return false;
}

void replica_manager_proposal_taken(struct replica_manager *m, struct uuid topic_id,
                                    int32_t partition, const struct partition_committed *c)
{
    struct replica *r = replica_manager_find(m, topic_id, partition);
    if (r) replica_effects(r, partition_proposal_taken(&r->core, manager_world(m), c));
}

void replica_manager_proposal_refused(struct replica_manager *m, struct uuid topic_id,
                                      int32_t partition, int32_t sent_partition_epoch,
                                      enum kafka_error error)
{
    struct replica *r = replica_manager_find(m, topic_id, partition);
    if (r)
        replica_effects(
            r, partition_proposal_refused(&r->core, manager_world(m), sent_partition_epoch, error));
}

/* ---- questions, the end ---- */

struct replica_place *replica_manager_hosted(struct replica_manager *m, struct arena *arena,
                                             int32_t *count)
{
    struct replica_place *places = ARENA_ARRAY(arena, struct replica_place, m->replicas_count);
    *count = 0;
    for (uint32_t i = 0; i < m->topics_by_id.count; i++) {
        const struct replica_topic *t = m->topics_by_id.entries[i].value;
        for (int32_t p = 0; p < t->partitions_capacity; p++)
            if (t->partitions[p]) places[(*count)++] = (struct replica_place){t->id, p};
    }
    POST(*count <= m->replicas_count);
    return places;
}

int32_t replica_manager_replicas_count(const struct replica_manager *m)
{
    return m->replicas_count;
}

int64_t replica_manager_fetches_answered(const struct replica_manager *m)
{
    return m->fetchers ? fetchers_answers(m->fetchers) : 0;
}

int32_t replica_manager_dirs_count(const struct replica_manager *m)
{
    return m->dirs_count;
}

struct log_dir *replica_manager_dir(const struct replica_manager *m, int32_t index)
{
    return m->dirs[index];
}

void replica_manager_stop(struct replica_manager *m, enum kafka_error error)
{
    if (m->moves) replica_moves_stop(m->moves);
    for (uint32_t i = 0; i < m->topics_by_id.count; i++) {
        struct replica_topic *t = m->topics_by_id.entries[i].value;
        for (int32_t p = 0; p < t->partitions_capacity; p++) {
            struct replica *r = t->partitions[p];
            if (!r) continue;
            replica_unfollow(r);
            purgatory_fail(&r->purgatory.high_waits, error);
            purgatory_fail(&r->purgatory.low_waits, error);
            struct replica_movement again = {.look_again = true};
            purgatory_moved(&r->purgatory, &again);
        }
    }
}

void replica_manager_destroy(struct replica_manager *m)
{
    timer_cancel(m->env.clock, &m->lag_timer);
    timer_cancel(m->env.clock, &m->lease_timer);
    map_free(&m->absent);
    while (m->topics_by_id.count > 0) {
        struct replica_topic *t = m->topics_by_id.entries[m->topics_by_id.count - 1].value;
        for (int32_t p = 0; p < t->partitions_capacity; p++)
            if (t->partitions[p]) replica_free(t->partitions[p], KAFKA_NOT_LEADER_OR_FOLLOWER);
        topic_free(m, t);
    }
    if (m->moves) replica_moves_destroy(m->moves);
    placement_free(m);
    if (m->fetchers) fetchers_destroy(m->fetchers);
    task_cancel(&m->tell_task);
    task_cancel(&m->proposals_task);
    map_free(&m->topics_by_id);
    map_free(&m->topics_by_name);
    for (uint32_t i = 0; i < m->last_fetches.count; i++) mem_free(m->last_fetches.entries[i].value);
    map_free(&m->last_fetches);
    mem_free(m->dirs);
    mem_free(m);
}
