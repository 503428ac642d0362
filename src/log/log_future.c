#include "log/log_future.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "log/log_internal.h"

enum { SUFFIX_BYTES = 7 }; /* -future, -delete */

bool log_is_future(const struct log *log)
{
    return log->future != NULL;
}

bool log_future_name_fits(struct str topic, int32_t partition)
{
    int32_t digits = snprintf(NULL, 0, "%" PRId32, partition);
    return topic.len + 1 + digits + 1 + FUTURE_HEX + SUFFIX_BYTES <= FUTURE_NAME_BYTES_MAX;
}

bool log_dir_parse_future(const char *name, struct str *topic, int32_t *partition, const char **hex)
{
    char base[FUTURE_NAME_BYTES_MAX + 1];
    size_t len = strlen(name), tail = 1 + FUTURE_HEX + SUFFIX_BYTES;
    if (len <= tail || len > FUTURE_NAME_BYTES_MAX || name[len - tail] != '.') return false;
    *hex = name + len - tail + 1;
    for (int i = 0; i < FUTURE_HEX; i++) {
        char c = (*hex)[i];
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) return false;
    }
    memcpy(base, name, len - tail);
    base[len - tail] = 0;
    if (!log_dir_parse_name(base, topic, partition)) return false;
    topic->data = name;
    return true;
}

int32_t log_dir_futures_count(const struct log_dir *dir)
{
    return dir->futures_count;
}

struct log *log_dir_future_at(struct log_dir *dir, int32_t index)
{
    PRE(index >= 0 && index < dir->futures_count);
    return dir->futures[index];
}

struct log *log_dir_future(struct log_dir *dir, struct str topic, int32_t partition)
{
    for (int32_t i = 0; i < dir->futures_count; i++)
        if (dir->futures[i]->partition == partition && str_equal(log_topic(dir->futures[i]), topic))
            return dir->futures[i];
    return NULL;
}

/* ---- beginning ---- */

static char *new_hex(struct env *env)
{
    struct uuid id = rng_uuid(env->rng);
    char *hex = mem_alloc(FUTURE_HEX + 1);
    for (int i = 0; i < FUTURE_HEX / 2; i++) snprintf(hex + 2 * i, 3, "%02x", id.bytes[i]);
    return hex;
}

enum err log_dir_create_future(struct log_dir *dir, const struct log *of, struct log_config *config,
                               struct log **out)
{
    PRE(of->dir != dir && !of->future && !of->is_metadata && !uuid_is_zero(of->topic_id));
    PRE(!log_dir_future(dir, log_topic(of), of->partition));
    PRE(log_future_name_fits(log_topic(of), of->partition));
    *out = NULL;
    if (dir->offline) return ERR_OFFLINE;
    enum err e = log_dir_forget_names(dir);
    if (e) return e;
    struct log_path path;
    struct log *log = log_new(dir, log_topic(of), of->partition, config);
    log->future = new_hex(dir->env);
    log_dir_path_of(log, &path);
    e = disk_mkdir(dir->env->disk, path.z);
    e = e ? log_io_failed(log, e, path.z) : log_set_topic_id(log, of->topic_id);
    if (e) {
        log_free(log);
        return e;
    }
    log_dir_add(dir, log);
    *out = log;
    return ERR_OK;
}

void log_future_take_epochs(struct log *future, const struct log *current)
{
    PRE(future->end_offset == current->end_offset);
    const struct epoch_cache *from = &current->epochs;
    for (int32_t i = 0; i < from->count; i++)
        if (from->entries[i].epoch > epoch_cache_latest(&future->epochs))
            epoch_cache_assign(&future->epochs, from->entries[i].epoch,
                               from->entries[i].start_offset);
}

/* ---- replacing ---- */

/* The name of the current log on its way out, told by the future one's HEX. */
static void retired_path(const struct log *current, const char *hex, struct log_path *path)
{
    snprintf(path->z, sizeof path->z, "%s/%.*s-%" PRId32 ".%s-delete", current->dir->path,
             (int)current->topic_len, current->topic, current->partition, hex);
}

/* A rename that was made is durable, or the directory is offline. */
static void sync_names(struct log_dir *dir)
{
    enum err e = disk_sync_dir(dir->env->disk, dir->path);
    if (e == ERR_NO_DESCRIPTORS)
        e = disk_sync_dir(dir->env->disk, dir->path); /* nothing was tried */
    if (e) log_dir_fail(dir, e, dir->path);
}

/* Err: NO_SPACE, NO_DESCRIPTORS (it may be tried again), IO (offline now). */
static enum err rename_log(struct log_dir *dir, const char *from, const char *to)
{
    enum err e = disk_rename(dir->env->disk, from, to);
    if (!e || e == ERR_NO_SPACE || e == ERR_NO_DESCRIPTORS) return e;
    log_dir_fail(dir, e, from);
    return ERR_IO;
}

/* A future log takes the name of its partition, unless there is an error. When only the sync fails
 * it has the name: its directory is offline, and what a crash leaves is told by the name of the old
 * log. */
static enum err promote(struct log *future)
{
    struct log_path from, to;
    struct log_dir *dir = future->dir;
    log_close_files(future);
    log_dir_path_of(future, &from);
    char *hex = future->future;
    future->future = NULL;
    log_dir_path_of(future, &to);
    enum err e = rename_log(dir, from.z, to.z);
    future->future = hex;
    if (e) return e;
    log_dir_remove(dir, future);
    future->future = NULL;
    mem_free(hex);
    log_dir_add(dir, future);
    log_dir_checkpoint_soon(dir);
    sync_names(dir);
    return ERR_OK;
}

enum err log_replace(struct log *current, struct log *future)
{
    PRE(!current->future && future->future && current->dir != future->dir);
    PRE(current->partition == future->partition &&
        str_equal(log_topic(current), log_topic(future)) &&
        uuid_equal(current->topic_id, future->topic_id));
    PRE(current->start_offset == future->start_offset && current->end_offset == future->end_offset);
    PRE(future->recovery_point >= current->recovery_point && future->id_synced);
    struct log_dir *dir = current->dir;
    if (dir->offline || future->dir->offline) return ERR_OFFLINE;
    struct log_path from, to;
    log_close_files(current);
    log_dir_path_of(current, &from);
    retired_path(current, future->future, &to);
    enum err e = rename_log(dir, from.z, to.z);
    if (e) return e;
    sync_names(dir);
    if (dir->offline) return ERR_IO;
    e = promote(future);
    if (e) {
        /* The current log goes on. Durably, or a loss of power would bring back a copy that has
         * fallen behind. */
        enum err back = rename_log(dir, to.z, from.z);
        if (back) log_dir_fail(dir, back, to.z);
        sync_names(dir);
        return e;
    }
    if (!future->dir->offline)
        log_dir_delete_later(dir, to.z, true, current->config->file_delete_delay_ms);
    log_dir_checkpoint_soon(dir);
    log_dir_remove(dir, current);
    log_free(current);
    return ERR_OK;
}

/* ---- after a crash ---- */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static bool is_committed(struct log_dir *const *dirs, int32_t count, const struct log *future)
{
    char name[FUTURE_NAME_BYTES_MAX + 2];
    snprintf(name, sizeof name, "/%.*s-%" PRId32 ".%s-delete", (int)future->topic_len,
             future->topic, future->partition, future->future);
    for (int32_t i = 0; i < count; i++)
        for (int32_t k = 0; k < dirs[i]->deletes_count; k++)
            if (ends_with(dirs[i]->deletes[k].path, name)) return true;
    return false;
}

static bool exists(struct log_dir *const *dirs, int32_t count, const struct log *future)
{
    for (int32_t i = 0; i < count; i++)
        if (log_dir_get(dirs[i], log_topic(future), future->partition)) return true;
    return false;
}

void logs_complete_replacements(struct log_dir *const *dirs, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        for (int32_t k = dirs[i]->futures_count; k-- > 0 && !dirs[i]->offline;) {
            struct log *future = dirs[i]->futures[k];
            if (!is_committed(dirs, count, future) || exists(dirs, count, future)) continue;
            trace_info(dirs[i]->env->trace, "log",
                       "%.*s-%" PRId32 ": moved to %s; going on where a crash interrupted",
                       (int)future->topic_len, future->topic, future->partition, dirs[i]->path);
            enum err e = promote(future);
            if (e) return; /* traced; the directory is offline */
        }
}
