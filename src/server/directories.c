#include "server/directories.h"

#include <string.h>

static enum err open_one(struct env *env, const char *path, struct log_dir_options *options,
                         struct directories *d, struct config_error *error)
{
    INVARIANT(d->count < NODE_DIRECTORIES_MAX); /* node_config_read has counted */
    options->path = path;
    enum err e = log_dir_open(env, options, &d->items[d->count]);
    if (e == ERR_LOCKED)
        config_error_set(
            error,
            "Failed to acquire lock on file .lock in %s. A Kafka or Samsa process is "
            "using this directory: stop it (bin/kafka-server-stop.sh) or give this node "
            "another log.dirs",
            path);
    else if (e == ERR_CORRUPT)
        config_error_set(error,
                         "%s/meta.properties cannot be understood; restore it, or move the "
                         "directory away and format anew with bin/kafka-storage.sh format",
                         path);
    else if (e)
        config_error_set(error,
                         "log directory %s cannot be opened: %s; check that it exists and that "
                         "this user may write there",
                         path, err_text(e));
    if (!e) d->count++;
    return e;
}

/* Those of log.dirs that can be used: one that cannot is offline, and the node goes on with the
 * others, unless it is the metadata's or there are none (KIP-112). */
static enum err open_data(struct env *env, const struct node_config *node,
                          struct log_dir_options options, struct directories *d,
                          struct config_error *error)
{
    enum err e = ERR_OK;
    int32_t online = 0;
    for (int32_t i = 0; i < node->log_dirs_count && !e; i++) {
        bool metadata = strcmp(node->log_dirs[i], node->metadata_dir) == 0;
        bool last = i == node->log_dirs_count - 1;
        options.may_be_offline = !metadata && !(last && online == 0);
        e = open_one(env, node->log_dirs[i], &options, d, error);
        if (e) break;
        online += !log_dir_is_offline(d->items[i]);
        if (metadata) d->metadata = d->items[i];
    }
    d->data_count = d->count;
    return e;
}

static enum err check_formatted(const struct config *config, struct directories *d,
                                struct config_error *error)
{
    const struct meta_properties *meta = log_dir_meta(d->metadata);
    if (meta->present) return ERR_OK;
    return config_error_set(
        error,
        "log directory %s is not formatted (no meta.properties); run: bin/kafka-storage.sh format "
        "--standalone -t $(bin/kafka-storage.sh random-uuid) -c %s",
        log_dir_path(d->metadata), config->file);
}

/* One directory's identity against the node's; an empty one is given its own. */
static enum err check_one(struct env *env, const struct node_config *node, struct directories *d,
                          int32_t i, struct config_error *error)
{
    struct log_dir *dir = d->items[i];
    if (log_dir_is_offline(dir)) return ERR_OK;
    const struct meta_properties *meta = log_dir_meta(dir);
    struct meta_properties fixed = *meta;
    if (!meta->present) {
        fixed = META_PROPERTIES_NONE;
        fixed.node_id = node->node_id;
        memcpy(fixed.cluster_id, d->cluster_id, sizeof fixed.cluster_id);
    }
    if (fixed.node_id != node->node_id)
        return config_error_set(
            error,
            "%s/meta.properties says node.id=%d but the configuration says "
            "node.id=%d; correct node.id, or name another directory in log.dirs",
            log_dir_path(dir), fixed.node_id, node->node_id);
    if (strcmp(fixed.cluster_id, d->cluster_id) != 0)
        return config_error_set(
            error,
            "Invalid cluster.id in: %s/meta.properties. Expected %s, but read %s; "
            "every directory of a node must belong to one cluster",
            log_dir_path(dir), d->cluster_id, fixed.cluster_id);
    if (uuid_is_zero(fixed.directory_id)) fixed.directory_id = rng_uuid(env->rng);
    if (meta->present && uuid_equal(fixed.directory_id, meta->directory_id)) return ERR_OK;
    enum err e = log_dir_set_meta(dir, &fixed);
    return e ? config_error_set(error, "%s/meta.properties cannot be written: %s",
                                log_dir_path(dir), err_text(e))
             : ERR_OK;
}

static enum err check_distinct(const struct directories *d, struct config_error *error)
{
    for (int32_t i = 0; i < d->count; i++)
        for (int32_t k = 0; k < i; k++)
            if (!log_dir_is_offline(d->items[i]) &&
                uuid_equal(log_dir_id(d->items[i]), log_dir_id(d->items[k])))
                return config_error_set(
                    error,
                    "%s and %s have the same directory.id: one is a copy of the "
                    "other; take one out of log.dirs",
                    log_dir_path(d->items[k]), log_dir_path(d->items[i]));
    return ERR_OK;
}

enum err directories_open(struct env *env, const struct config *config,
                          const struct node_config *node, struct log_dir_options options,
                          struct directories *out, struct config_error *error)
{
    *out = (struct directories){0};
    enum err e = open_data(env, node, options, out, error);
    if (!e && !out->metadata) {
        e = open_one(env, node->metadata_dir, &options, out, error);
        if (!e) out->metadata = out->items[out->count - 1];
    }
    if (!e) e = check_formatted(config, out, error);
    if (!e)
        memcpy(out->cluster_id, log_dir_meta(out->metadata)->cluster_id, sizeof out->cluster_id);
    for (int32_t i = 0; i < out->count && !e; i++) e = check_one(env, node, out, i, error);
    if (!e) e = check_distinct(out, error);
    if (e) directories_abandon(out);
    return e;
}

void directories_close(struct directories *d, int64_t broker_epoch)
{
    for (int32_t i = 0; i < d->count; i++) {
        enum err e = log_dir_close(d->items[i], broker_epoch);
        (void)e; /* traced where it happened; the marker is missing, so the next start recovers */
    }
    d->count = 0;
}

void directories_abandon(struct directories *d)
{
    for (int32_t i = 0; i < d->count; i++) log_dir_abandon(d->items[i]);
    d->count = 0;
}
