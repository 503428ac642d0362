#include "log/log_dir.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "log/held_pages.h"
#include "log/log_internal.h"
#include "log/partition_metadata.h"

enum { NAME_BYTES_MAX = 255, CLEAN_MARKER_BYTES_MAX = 4096, CLOSE_TREE_LOGS = 64 };

static const char clean_marker[] = ".kafka_cleanshutdown";
static const char metadata_topic[] = "__cluster_metadata";

static const char *const checkpoint_names[CHECKPOINT_FILES] = {
    "recovery-point-offset-checkpoint",
    "log-start-offset-checkpoint",
    "replication-offset-checkpoint",
    "cleaner-offset-checkpoint",
};

struct log_dir_options log_dir_options_default(void)
{
    return (struct log_dir_options){
        .producer_id_expiration_ms = 86400000,
        .retention_check_ms = 300000,
        .start_offset_checkpoint_ms = 60000,
        .recovery_checkpoint_ms = 60000,
        .high_watermark_checkpoint_ms = 5000,
        .flush_scheduler_ms = INT64_MAX,
        .open_files_max = 4096,
    };
}

static void path_in(const struct log_dir *dir, const char *name, struct log_path *path)
{
    snprintf(path->z, sizeof path->z, "%s/%s", dir->path, name);
}

/* ---- going offline ---- */

static void tell_offline(struct task *task)
{
    struct log_dir *dir = CONTAINER_OF(task, struct log_dir, offline_task);
    if (dir->options.offline) dir->options.offline(dir, dir->options.context);
}

/* What was read and makes no sense, and what did not fit, is no word about what was written. */
static bool may_be_held(enum err cause)
{
    return cause != ERR_CORRUPT && cause != ERR_NO_SPACE && cause != ERR_NO_DESCRIPTORS;
}

/* A directory that has gone needs no mark. */
void log_dir_mark_failed(struct log_dir *dir, enum err cause, const char *what)
{
    enum err e = held_pages_mark(dir, cause, what);
    dir->unmarked = e && e != ERR_NOT_FOUND;
    if (dir->unmarked)
        trace_error(dir->env->trace, "log",
                    "%s cannot be marked as failed: %s; reboot this machine, or mount that file "
                    "system anew, before this node is started again",
                    dir->path, err_text(e));
}

void log_dir_fail(struct log_dir *dir, enum err cause, const char *what)
{
    if (dir->offline) return;
    dir->offline = true;
    if (may_be_held(cause)) log_dir_mark_failed(dir, cause, what); /* before all else */
    timer_cancel(dir->env->clock, &dir->sweep);
    trace_error(dir->env->trace, "log", "Log directory %s is offline: %s: %s", dir->path, what,
                err_text(cause));
    task_post(dir->env->clock, &dir->offline_task);
}

void log_dir_set_producer_id_expiration(struct log_dir *dir, int64_t ms)
{
    dir->options.producer_id_expiration_ms = ms;
}

void log_dir_set_cordoned(struct log_dir *dir, bool cordoned)
{
    dir->cordoned = cordoned;
}

bool log_dir_is_cordoned(const struct log_dir *dir)
{
    return dir->cordoned;
}

bool log_dir_is_offline(const struct log_dir *dir)
{
    return dir->offline;
}

static enum err dir_failed(struct log_dir *dir, enum err e, const char *what)
{
    if (e == ERR_NO_DESCRIPTORS || e == ERR_NO_SPACE || e == ERR_OFFLINE) return e;
    log_dir_fail(dir, e, what);
    return ERR_IO;
}

/* ---- open ---- */

/* {"version":0,"brokerEpoch":12}; older ones are empty or say less. */
static int64_t broker_epoch_of(struct bytes json)
{
    static const char key[] = "\"brokerEpoch\"";
    char text[CLEAN_MARKER_BYTES_MAX + 1];
    memcpy(text, json.data, (size_t)json.len);
    text[json.len] = 0;
    const char *at = strstr(text, key);
    if (!at) return -1;
    at += sizeof key - 1;
    while (*at == ' ' || *at == ':') at++;
    return strtoll(at, NULL, 10);
}

static enum err take_clean_marker(struct log_dir *dir, struct arena *arena)
{
    struct log_path path;
    struct bytes text;
    struct disk *disk = dir->env->disk;
    path_in(dir, clean_marker, &path);
    dir->clean_broker_epoch = -1;
    enum err e = disk_read_file(disk, path.z, CLEAN_MARKER_BYTES_MAX, arena, &text);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (e && e != ERR_TOO_LARGE) return e; /* none that we or Kafka wrote: then it was not clean */
    dir->was_clean = !e;
    if (!e) dir->clean_broker_epoch = broker_epoch_of(text);
    e = disk_unlink(disk, path.z);
    return e ? e : disk_sync_dir(disk, dir->path);
}

/* A directory made here must still be there after a power loss, with what it holds. */
static enum err make_directory(struct disk *disk, const char *path)
{
    struct disk_stat st;
    enum err e = disk_stat(disk, path, &st);
    if (e != ERR_NOT_FOUND) return e;
    e = disk_mkdirs(disk, path);
    struct log_path parent;
    snprintf(parent.z, sizeof parent.z, "%s", path);
    for (char *slash; !e && (slash = strrchr(parent.z, '/'));) {
        slash[slash == parent.z] = 0; /* "/" stays */
        e = disk_sync_dir(disk, parent.z);
        if (slash == parent.z) break;
    }
    if (!e && path[0] != '/')
        e = disk_sync_dir(disk, "."); /* the working directory has a new name */
    return e;
}

enum err log_dir_open(struct env *env, const struct log_dir_options *options, struct log_dir **out)
{
    struct log_path path;
    struct arena arena;
    const char *cause = NULL;
    struct log_dir *dir = MEM_NEW(struct log_dir);
    dir->env = env;
    dir->options = *options;
    dir->path = str_dup_z(str_of(options->path));
    log_config_ref(options->config);
    map_init(&dir->by_name);
    list_init(&dir->open_logs);
    list_init(&dir->new_logs);
    task_init(&dir->offline_task, tell_offline);
    log_ahead_init(&dir->ahead);
    timer_init(&dir->sweep, log_dir_sweep);
    dir->codec = codec_new();
    dir->retention_at = -1;
    *out = NULL;
    arena_init(&arena, 0);
    path_in(dir, ".lock", &path);
    enum err e = make_directory(env->disk, dir->path);
    if (!e) e = disk_lock(env->disk, path.z, &dir->lock);
    if (!e) e = meta_properties_read(env->disk, dir->path, &arena, &dir->meta, &cause);
    if (!e) e = take_clean_marker(dir, &arena);
    if (!e) e = held_pages_write_again(dir, &arena, &cause);
    if (e)
        trace_error(env->trace, "log", "%s: %s", cause ? cause : dir->path,
                    e == ERR_LOCKED ? "another process uses this log directory" : err_text(e));
    arena_free(&arena);
    if (e && e != ERR_LOCKED && e != ERR_CORRUPT && options->may_be_offline) {
        trace_error(env->trace, "log",
                    "%s is offline from the start: mend it and start this node again", dir->path);
        dir->meta = META_PROPERTIES_NONE;
        dir->offline = true;
        e = ERR_OK;
    }
    if (e)
        log_dir_abandon(dir);
    else
        *out = dir;
    return e;
}

const char *log_dir_path(const struct log_dir *dir)
{
    return dir->path;
}

struct uuid log_dir_id(const struct log_dir *dir)
{
    return dir->meta.directory_id;
}

const struct meta_properties *log_dir_meta(const struct log_dir *dir)
{
    return &dir->meta;
}

enum err log_dir_set_meta(struct log_dir *dir, const struct meta_properties *meta)
{
    enum err e = meta_properties_write(dir->env->disk, dir->path, meta);
    if (e) return dir_failed(dir, e, "meta.properties");
    dir->meta = *meta;
    dir->meta.present = true;
    return ERR_OK;
}

bool log_dir_was_clean(const struct log_dir *dir)
{
    return dir->was_clean;
}

int64_t log_dir_clean_broker_epoch(const struct log_dir *dir)
{
    return dir->clean_broker_epoch;
}

/* ---- the logs ---- */

/* "topic-partition" in place of a key; NAME_BYTES_MAX is enough for every topic name. */
struct log_name {
    char z[NAME_BYTES_MAX + 16];
    size_t len;
};

static void log_name_of(struct str topic, int32_t partition, struct log_name *name)
{
    int n =
        snprintf(name->z, sizeof name->z, "%.*s-%" PRId32, (int)topic.len, topic.data, partition);
    PRE(n > 0 && (size_t)n < sizeof name->z);
    name->len = (size_t)n;
}

void log_dir_add(struct log_dir *dir, struct log *log)
{
    struct log_name name;
    if (log->future) {
        MEM_GROW(dir->futures, dir->futures_count, dir->futures_capacity);
        log->index = dir->futures_count;
        log->serial = ++dir->logs_ever;
        dir->futures[dir->futures_count++] = log;
        return;
    }
    log_name_of(log_topic(log), log->partition, &name);
    MEM_GROW(dir->logs, dir->logs_count, dir->logs_capacity);
    log->index = dir->logs_count;
    log->serial = ++dir->logs_ever;
    dir->logs[dir->logs_count++] = log;
    void *before = map_put(&dir->by_name, name.z, name.len, log);
    INVARIANT(!before);
}

void log_dir_remove(struct log_dir *dir, struct log *log)
{
    struct log_name name;
    dir->names_stale = CHECKPOINTS_ALL;
    if (log->future) {
        struct log *end = dir->futures[--dir->futures_count];
        dir->futures[log->index] = end;
        end->index = log->index;
        return;
    }
    log_name_of(log_topic(log), log->partition, &name);
    map_remove(&dir->by_name, name.z, name.len);
    struct log *last = dir->logs[--dir->logs_count];
    dir->logs[log->index] = last;
    last->index = log->index;
}

struct log *log_dir_get(struct log_dir *dir, struct str topic, int32_t partition)
{
    struct log_name name;
    if (topic.len > NAME_BYTES_MAX) return NULL;
    log_name_of(topic, partition, &name);
    return map_get(&dir->by_name, name.z, name.len);
}

int32_t log_dir_logs_count(const struct log_dir *dir)
{
    return dir->logs_count;
}

struct log *log_dir_log_at(struct log_dir *dir, int32_t index)
{
    PRE(index >= 0 && index < dir->logs_count);
    return dir->logs[index];
}

/* "orders-7" → orders, 7. At the last '-', as Kafka does. */
bool log_dir_parse_name(const char *name, struct str *topic, int32_t *partition)
{
    const char *dash = strrchr(name, '-');
    if (!dash || dash == name || !dash[1] || strlen(dash + 1) > 9) return false;
    if (dash[1] == '0' && dash[2]) return false; /* it would name the log of another directory */
    *partition = 0;
    for (const char *p = dash + 1; *p; p++) {
        if (*p < '0' || *p > '9') return false;
        *partition = *partition * 10 + (*p - '0');
    }
    *topic = (struct str){name, (int32_t)(dash - name)};
    return true;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

void log_dir_read_checkpoint(struct log_dir *dir, enum checkpoint_kind kind, struct arena *arena,
                             struct map *options)
{
    struct offset_checkpoint_entry *entries;
    struct log_path path;
    int32_t count;
    path_in(dir, checkpoint_names[kind], &path);
    enum err e = offset_checkpoint_read(dir->env->disk, path.z, arena, &entries, &count);
    if (e == ERR_NOT_FOUND) return;
    if (e) {
        trace_warn(dir->env->trace, "log", "%s: %s; taken as empty", path.z, err_text(e));
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        struct log_name name;
        if (entries[i].topic.len > NAME_BYTES_MAX || entries[i].offset < 0) continue;
        log_name_of(entries[i].topic, entries[i].partition, &name);
        struct log_load_options *o = map_get(options, name.z, name.len);
        if (!o) {
            o = ARENA_NEW(arena, struct log_load_options);
            map_put(options, name.z, name.len, o);
        }
        if (kind == CHECKPOINT_RECOVERY_POINTS) o->recovery_point = entries[i].offset;
        if (kind == CHECKPOINT_START_OFFSETS) o->start_offset = entries[i].offset;
        if (kind == CHECKPOINT_HIGH_WATERMARKS) o->high_watermark = entries[i].offset;
        if (kind == CHECKPOINT_CLEANER) o->compacted_to = entries[i].offset;
    }
}

/* One entry of the directory. */
static enum err load_entry(struct log_dir *dir, const char *name, const struct map *options)
{
    struct log_path path;
    struct str topic;
    int32_t partition;
    path_in(dir, name, &path);
    if (strcmp(name, "__cluster_metadata-0") == 0 || strcmp(name, "remote-log-index-cache") == 0 ||
        ends_with(name, "-stray"))
        return ERR_OK;
    if (ends_with(name, "-delete")) {
        log_dir_delete_later(dir, path.z, true, dir->options.config->file_delete_delay_ms);
        return ERR_OK;
    }
    const char *hex = NULL;
    bool future = ends_with(name, "-future");
    if (future ? !log_dir_parse_future(name, &topic, &partition, &hex)
               : !log_dir_parse_name(name, &topic, &partition)) {
        trace_error(dir->env->trace, "log",
                    "%s is not of the form topic-partition: remove it from the log directory",
                    path.z);
        return ERR_INVALID;
    }
    struct log_load_options o = {0};
    struct log_name key;
    log_name_of(topic, partition, &key);
    struct log_load_options *known = map_get(options, key.z, key.len);
    if (known) o = *known;
    o.clean = dir->was_clean;
    struct log *log = log_new(dir, topic, partition, dir->options.config);
    if (hex) log->future = str_dup_z((struct str){hex, FUTURE_HEX});
    enum err e = log_load(log, &o);
    if (e) {
        log_free(log);
        return e;
    }
    log_dir_add(dir, log);
    return ERR_OK;
}

enum err log_dir_load(struct log_dir *dir)
{
    struct disk_entry *entries;
    struct arena arena;
    struct map options;
    int32_t count;
    PRE(!dir->loaded);
    if (dir->offline) return ERR_OFFLINE;
    arena_init(&arena, 1 << 16);
    map_init(&options);
    enum err e = disk_list(dir->env->disk, dir->path, &arena, &entries, &count);
    if (e) e = dir_failed(dir, e, dir->path);
    for (int kind = 0; kind < CHECKPOINT_FILES && !e; kind++)
        log_dir_read_checkpoint(dir, (enum checkpoint_kind)kind, &arena, &options);
    for (int32_t i = 0; i < count && !e; i++)
        if (entries[i].is_dir) e = load_entry(dir, entries[i].name, &options);
    for (uint32_t i = 0; i < options.count; i++) /* of logs that went before the last crash */
        if (!map_get(&dir->by_name, options.entries[i].key, options.entries[i].key_len))
            dir->names_stale = CHECKPOINTS_ALL;
    map_free(&options);
    arena_free(&arena);
    /* with no room or descriptors too: what has not been loaded must not be served as if it were
     * not there */
    if (e && e != ERR_INVALID) log_dir_fail(dir, e, "not loaded");
    if (e) return e;
    dir->loaded = true;
    log_dir_arm(dir);
    return ERR_OK;
}

static enum err open_or_create(struct log_dir *dir, struct log *log, struct uuid topic_id)
{
    struct log_path path;
    log_dir_path_of(log, &path);
    enum err e = disk_mkdir(dir->env->disk, path.z);
    if (e == ERR_EXISTS) {
        e = log_load(log, &(struct log_load_options){.clean = log->is_metadata && dir->was_clean});
        if (e) return e;
        if (log->is_metadata && !uuid_equal(log->topic_id, topic_id)) {
            if (!uuid_is_zero(log->topic_id)) /* it is always the same, so the file is damaged */
                trace_warn(dir->env->trace, "log",
                           "%s/partition.metadata: another topic id; written anew", path.z);
            log->topic_id = UUID_ZERO;
            log->id_written = false;
        }
        if (!uuid_is_zero(log->topic_id) && !uuid_equal(log->topic_id, topic_id))
            return ERR_INVALID;
    } else if (e) {
        return dir_failed(dir, e, path.z);
    }
    return log_set_topic_id(log, topic_id);
}

enum err log_dir_create_log(struct log_dir *dir, struct str topic, int32_t partition,
                            struct uuid topic_id, struct log_config *config, struct log **out)
{
    PRE(topic.len > 0 && topic.len < NAME_BYTES_MAX && partition >= 0);
    PRE(!uuid_is_zero(topic_id));
    *out = NULL;
    if (dir->offline) return ERR_OFFLINE;
    struct log *log = log_dir_get(dir, topic, partition);
    if (log) {
        enum err e = log_set_topic_id(log, topic_id);
        if (e) return e;
        log_set_config(log, config);
        *out = log;
        return ERR_OK;
    }
    enum err e = log_dir_forget_names(dir);
    if (e) return e;
    log = log_new(dir, topic, partition, config);
    e = open_or_create(dir, log, topic_id);
    if (e) {
        log_free(log);
        return e;
    }
    log_dir_add(dir, log);
    *out = log;
    return ERR_OK;
}

enum err log_dir_open_metadata_log(struct log_dir *dir, struct log_config *config, struct log **out)
{
    PRE(!dir->metadata_log);
    *out = NULL;
    if (dir->offline) return ERR_OFFLINE;
    struct log *log = log_new(dir, str_of(metadata_topic), 0, config);
    log->is_metadata = true;
    enum err e = open_or_create(dir, log, UUID_METADATA_TOPIC);
    if (e) {
        log_free(log);
        return e;
    }
    dir->metadata_log = log;
    *out = log;
    return ERR_OK;
}

/* TOPIC-PARTITION.HEX-suffix, the topic cut so that it fits a file name. */
static void retired_name(struct log_dir *dir, const struct log *log, const char *suffix,
                         struct log_path *path)
{
    char tail[80], hex[33];
    struct uuid id = rng_uuid(dir->env->rng);
    for (int i = 0; i < 16; i++) snprintf(hex + 2 * i, 3, "%02x", id.bytes[i]);
    int len = snprintf(tail, sizeof tail, "-%" PRId32 ".%s%s", log->partition, hex, suffix);
    int32_t topic_len = log->topic_len;
    if (topic_len > NAME_BYTES_MAX - len) topic_len = NAME_BYTES_MAX - len;
    snprintf(path->z, sizeof path->z, "%s/%.*s%s", dir->path, (int)topic_len, log->topic, tail);
}

static enum err retire(struct log_dir *dir, struct log *log, const char *suffix,
                       struct log_path *to)
{
    struct log_path from;
    PRE(log->dir == dir && !log->is_metadata);
    if (dir->offline) return ERR_OFFLINE;
    log_close_files(log);
    log_dir_path_of(log, &from);
    retired_name(dir, log, suffix, to);
    enum err e = disk_rename(dir->env->disk, from.z, to->z);
    return e ? dir_failed(dir, e, from.z) : ERR_OK;
}

enum err log_dir_delete_log(struct log_dir *dir, struct log *log)
{
    struct log_path to;
    enum err e = retire(dir, log, "-delete", &to);
    if (e) return e;
    log_dir_delete_later(dir, to.z, true, log->config->file_delete_delay_ms);
    log_dir_remove(dir, log);
    log_free(log);
    return ERR_OK;
}

enum err log_dir_stray_log(struct log_dir *dir, struct log *log)
{
    struct log_path to;
    enum err e = log_close_clean(log);
    if (!e) e = retire(dir, log, "-stray", &to);
    if (e) return e;
    trace_warn(dir->env->trace, "log", "%.*s-%d is not hosted here; kept as %s",
               (int)log->topic_len, log->topic, log->partition, to.z);
    log_dir_remove(dir, log);
    log_free(log);
    return ERR_OK;
}

/* ---- checkpoints ---- */

static bool checkpoint_value(const struct log *log, enum checkpoint_kind kind, int64_t *value)
{
    if (kind == CHECKPOINT_RECOVERY_POINTS) *value = log->recovery_point;
    if (kind == CHECKPOINT_HIGH_WATERMARKS) *value = log->high_watermark;
    if (kind != CHECKPOINT_START_OFFSETS) return true;
    *value = log->start_offset;
    return log->start_offset > (log->segments_count ? log->segments[0].base_offset : 0);
}

enum err log_dir_write_checkpoint(struct log_dir *dir, enum checkpoint_kind kind)
{
    if (dir->offline) return ERR_OFFLINE;
    struct arena arena;
    int32_t count = 0;
    uint64_t hash = 0xcbf29ce484222325u;
    arena_init(&arena, 1 << 16);
    struct offset_checkpoint_entry *entries =
        ARENA_ARRAY(&arena, struct offset_checkpoint_entry, log_dir_all_count(dir));
    for (int32_t i = 0; i < log_dir_all_count(dir); i++) {
        struct log *log = log_dir_all_at(dir, i);
        int64_t value = 0;
        if (!checkpoint_value(log, kind, &value)) continue;
        entries[count++] = (struct offset_checkpoint_entry){log_topic(log), log->partition, value};
        hash = (hash ^ log->serial) * 0x100000001b3u;
        hash = (hash ^ (uint64_t)value) * 0x100000001b3u;
    }
    enum err e = ERR_OK;
    if (hash != dir->written[kind]) {
        struct log_path path;
        path_in(dir, checkpoint_names[kind], &path);
        e = offset_checkpoint_write(dir->env->disk, path.z, entries, count);
        if (e) e = dir_failed(dir, e, path.z);
        if (!e) dir->written[kind] = hash;
    }
    if (!e) dir->names_stale &= ~(1u << kind);
    arena_free(&arena);
    return e;
}

enum err log_dir_forget_names(struct log_dir *dir)
{
    enum err e = ERR_OK;
    for (int kind = 0; kind < CHECKPOINT_KINDS && !e; kind++)
        if (dir->names_stale >> kind & 1)
            e = log_dir_write_checkpoint(dir, (enum checkpoint_kind)kind);
    return e;
}

enum err log_dir_checkpoint(struct log_dir *dir)
{
    enum err e = ERR_OK;
    for (int kind = 0; kind < CHECKPOINT_KINDS && !e; kind++)
        e = log_dir_write_checkpoint(dir, (enum checkpoint_kind)kind);
    return e;
}

/* ---- close ---- */

static enum err write_clean_marker(struct log_dir *dir, int64_t broker_epoch)
{
    struct log_path path;
    char text[64];
    int len =
        snprintf(text, sizeof text, "{\"version\":0,\"brokerEpoch\":%" PRId64 "}", broker_epoch);
    path_in(dir, clean_marker, &path);
    enum err e = disk_replace_file(dir->env->disk, path.z, bytes_of(text, (size_t)len));
    return e ? dir_failed(dir, e, path.z) : ERR_OK;
}

/* Many logs: two syncs of the tree. A few: their own files only, for a tree may share its device
 * with what others write. */
static enum err close_logs(struct log_dir *dir)
{
    int32_t dirty = 0;
    enum err e = ERR_OK;
    for (int32_t i = 0; i < log_dir_all_count(dir); i++)
        dirty += log_needs_close(log_dir_all_at(dir, i)) ? 1 : 0;
    if (dirty < CLOSE_TREE_LOGS) {
        for (int32_t i = 0; i < log_dir_all_count(dir) && !e; i++)
            e = log_close_clean(log_dir_all_at(dir, i));
        return e;
    }
    for (int32_t i = 0; i < log_dir_all_count(dir) && !e; i++)
        if (log_needs_close(log_dir_all_at(dir, i))) e = log_close_write(log_dir_all_at(dir, i));
    if (!e && (e = disk_sync_tree(dir->env->disk, dir->path))) e = dir_failed(dir, e, dir->path);
    for (int32_t i = 0; i < log_dir_all_count(dir) && !e; i++)
        if (log_needs_close(log_dir_all_at(dir, i))) e = log_close_rename(log_dir_all_at(dir, i));
    if (!e && (e = disk_sync_tree(dir->env->disk, dir->path))) e = dir_failed(dir, e, dir->path);
    return e;
}

enum err log_dir_close(struct log_dir *dir, int64_t broker_epoch)
{
    enum err e = dir->offline ? ERR_OFFLINE : ERR_OK;
    if (!e) e = close_logs(dir);
    if (!e && dir->metadata_log) e = log_close_clean(dir->metadata_log);
    if (!e && dir->loaded) e = log_dir_checkpoint(dir);
    if (!e && dir->loaded) e = write_clean_marker(dir, broker_epoch);
    if (dir->unmarked) /* its disk may be better by now */
        log_dir_mark_failed(dir, ERR_IO, "it had failed");
    log_dir_abandon(dir);
    return e;
}

void log_dir_abandon(struct log_dir *dir)
{
    timer_cancel(dir->env->clock, &dir->sweep);
    task_cancel(&dir->offline_task);
    task_cancel(&dir->ahead.turn_ended);
    for (int32_t i = 0; i < log_dir_all_count(dir); i++) log_free(log_dir_all_at(dir, i));
    if (dir->metadata_log) log_free(dir->metadata_log);
    for (int32_t i = 0; i < dir->deletes_count; i++) mem_free(dir->deletes[i].path);
    if (dir->lock) disk_file_unref(dir->lock);
    mem_free(dir->deletes);
    mem_free(dir->logs);
    mem_free(dir->futures);
    map_free(&dir->by_name);
    byte_buffer_free(&dir->scratch);
    byte_buffer_free(&dir->records);
    byte_buffer_free(&dir->scan);
    codec_free(dir->codec);
    log_config_unref(dir->options.config);
    mem_free(dir->path);
    mem_free(dir);
}
