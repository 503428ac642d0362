#include "replica/placement.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "log/log_future.h"

#define COMPONENT "ReplicaManager"

enum { KEY_BYTES = 300 };

/* "topic-partition"; false for a name that no topic has. */
static bool key_of(struct str topic, int32_t partition, char key[KEY_BYTES], struct str *out)
{
    if (topic.len <= 0 || topic.len > FUTURE_NAME_BYTES_MAX) return false;
    int n = snprintf(key, KEY_BYTES, "%.*s-%" PRId32, STR_ARG(topic), partition);
    *out = (struct str){key, (int32_t)n};
    return true;
}

/* ---- finding and making ---- */

struct log *placement_find(struct replica_manager *m, struct str topic, int32_t partition,
                           struct uuid wanted)
{
    struct log *found = NULL;
    for (int32_t i = 0; i < m->dirs_count; i++) {
        if (log_dir_is_offline(m->dirs[i])) continue;
        struct log *log = log_dir_get(m->dirs[i], topic, partition);
        if (log && (!found || uuid_equal(log_dir_id(m->dirs[i]), wanted))) found = log;
    }
    return found;
}

static struct log_dir *preferred(struct replica_manager *m, struct str topic, int32_t partition)
{
    char text[KEY_BYTES];
    struct str key;
    if (m->preferred_dirs.count == 0 || !key_of(topic, partition, text, &key)) return NULL;
    return map_get_str(&m->preferred_dirs, key);
}

static void prefer(struct replica_manager *m, struct str topic, int32_t partition,
                   struct log_dir *dir)
{
    char text[KEY_BYTES];
    struct str key;
    if (!key_of(topic, partition, text, &key)) return;
    if (m->preferred_dirs.count >= PREFERRED_DIRS_MAX && !map_get_str(&m->preferred_dirs, key)) {
        trace_warn(
            m->env.trace, COMPONENT,
            "%.*s: directories of %d replicas that are not here are remembered; not this one",
            STR_ARG(key), PREFERRED_DIRS_MAX);
        return;
    }
    map_put_str(&m->preferred_dirs, key, dir);
}

void placement_made(struct replica_manager *m, struct str topic, int32_t partition)
{
    char text[KEY_BYTES];
    struct str key;
    if (m->preferred_dirs.count > 0 && key_of(topic, partition, text, &key))
        map_remove_str(&m->preferred_dirs, key);
}

void placement_free(struct replica_manager *m)
{
    map_free(&m->preferred_dirs);
}

struct log_dir *placement_choose(struct replica_manager *m, struct str topic, int32_t partition,
                                 struct uuid wanted)
{
    struct log_dir *best = preferred(m, topic, partition);
    bool any_offline = false;
    if (best) return log_dir_is_offline(best) ? NULL : best;
    for (int32_t i = 0; i < m->dirs_count; i++) {
        struct log_dir *d = m->dirs[i];
        if (log_dir_is_offline(d)) {
            any_offline = true;
            continue;
        }
        if (uuid_equal(log_dir_id(d), wanted)) return d;
        if (!best || log_dir_is_cordoned(d) < log_dir_is_cordoned(best) ||
            (log_dir_is_cordoned(d) == log_dir_is_cordoned(best) &&
             log_dir_logs_count(d) < log_dir_logs_count(best)))
            best = d;
    }
    return any_offline && !uuid_equal(wanted, DIRECTORY_UNASSIGNED) ? NULL : best;
}

/* ---- copies found on the disk ---- */

bool placement_is_lost(struct replica_manager *m, const struct partition_target *target)
{
    for (int32_t i = 0; i < m->dirs_count; i++) {
        if (!uuid_equal(log_dir_id(m->dirs[i]), target->directory)) continue;
        struct log *future = log_dir_future(m->dirs[i], target->topic, target->partition);
        return future && uuid_equal(log_topic_id(future), target->topic_id);
    }
    return false;
}

static void begin(struct replica *r, struct log *future, bool accepted)
{
    struct replica_manager *m = r->manager;
    if (!m->moves) m->moves = replica_moves_create(m);
    replica_move_begin(m->moves, r, future, accepted);
}

static bool fits(const struct replica *r, const struct log *future)
{
    return uuid_equal(log_topic_id(future), r->topic->id) &&
           log_directory(future) != log_directory(r->log);
}

void placement_resume(struct replica *r, struct uuid assigned)
{
    struct replica_manager *m = r->manager;
    struct log *chosen = NULL;
    for (int32_t i = 0; i < m->dirs_count; i++) {
        struct log *f = log_dir_future(m->dirs[i], r->topic->name, r->partition);
        if (!f || log_dir_is_offline(m->dirs[i]) || !fits(r, f)) continue;
        if (!chosen || uuid_equal(log_dir_id(m->dirs[i]), assigned)) chosen = f;
    }
    if (!chosen) return;
    begin(r, chosen, uuid_equal(log_dir_id(log_directory(chosen)), assigned));
}

void placement_put_futures_aside(struct replica_manager *m)
{
    for (int32_t d = 0; d < m->dirs_count; d++) {
        struct log_dir *dir = m->dirs[d];
        for (int32_t i = log_dir_futures_count(dir); i-- > 0 && !log_dir_is_offline(dir);) {
            struct log *f = log_dir_future_at(dir, i);
            struct replica *r = replica_manager_find_by_name(m, log_topic(f), log_partition(f));
            if (r && r->move && r->move->future == f) continue;
            trace_warn(m->env.trace, COMPONENT, "%.*s-%d: an unfinished copy in %s, put aside",
                       STR_ARG(log_topic(f)), log_partition(f), log_dir_path(dir));
            enum err e = log_dir_stray_log(dir, f);
            if (e) trace_error(m->env.trace, COMPONENT, "not put aside: %s", err_text(e));
        }
    }
}

/* ---- AlterReplicaLogDirs ---- */

static struct log_dir *dir_of_path(struct replica_manager *m, struct str path)
{
    for (int32_t i = 0; i < m->dirs_count; i++)
        if (str_equal_z(path, log_dir_path(m->dirs[i]))) return m->dirs[i];
    return NULL;
}

static bool any_offline(const struct replica_manager *m)
{
    for (int32_t i = 0; i < m->dirs_count; i++)
        if (log_dir_is_offline(m->dirs[i])) return true;
    return false;
}

static enum kafka_error begin_new(struct replica *r, struct log_dir *dir)
{
    struct replica_manager *m = r->manager;
    struct log *future = log_dir_future(dir, r->topic->name, r->partition);
    enum err e = ERR_OK;
    if (any_offline(m)) return KAFKA_KAFKA_STORAGE_ERROR;
    if (future) e = log_dir_delete_log(dir, future);
    struct log_config *config = replica_move_config(r->topic->config);
    if (!e) e = log_dir_create_future(dir, r->log, config, &future);
    log_config_unref(config);
    if (e) {
        trace_error(m->env.trace, COMPONENT, "%.*s-%d: no copy begun in %s: %s",
                    STR_ARG(r->topic->name), r->partition, log_dir_path(dir), err_text(e));
        return KAFKA_KAFKA_STORAGE_ERROR;
    }
    placement_made(m, r->topic->name, r->partition);
    begin(r, future, false);
    return KAFKA_NONE;
}

enum kafka_error replica_manager_move(struct replica_manager *m, struct str topic,
                                      int32_t partition, struct str path)
{
    if (!log_future_name_fits(topic, partition)) return KAFKA_INVALID_TOPIC_EXCEPTION;
    struct log_dir *dir = dir_of_path(m, path);
    if (!dir) return KAFKA_LOG_DIR_NOT_FOUND;
    if (log_dir_is_offline(dir)) return KAFKA_KAFKA_STORAGE_ERROR;
    if (log_dir_is_cordoned(dir)) return KAFKA_INVALID_REPLICA_ASSIGNMENT;
    struct replica *r = replica_manager_find_by_name(m, topic, partition);
    if (r && !r->log) return KAFKA_KAFKA_STORAGE_ERROR;
    if (r && r->move && log_directory(r->move->future) != dir) replica_move_give_up(r);
    if (r && (r->move || log_directory(r->log) == dir)) return KAFKA_NONE;
    prefer(m, topic, partition, dir);
    return r ? begin_new(r, dir) : KAFKA_REPLICA_NOT_AVAILABLE;
}

void replica_manager_assigned(struct replica_manager *m, struct uuid topic_id, int32_t partition,
                              struct uuid directory)
{
    struct replica *r = replica_manager_find(m, topic_id, partition);
    if (r) replica_move_accepted(r, directory);
}

int32_t replica_manager_moves_count(const struct replica_manager *m)
{
    return m->moves ? replica_moves_count(m->moves) : 0;
}

void replica_manager_set_move_throttle(struct replica_manager *m, int64_t bytes_per_s)
{
    m->move_bytes_per_s = bytes_per_s;
    if (m->moves) replica_moves_set_throttle(m->moves, bytes_per_s);
}
