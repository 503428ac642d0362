/* bootstrap.checkpoint                        0-0 checkpoint (dynamic quorum only)
 *   batch 0: control, SNAPSHOT_HEADER (ts 0)    batch 0: control, SNAPSHOT_HEADER (now),
 *   batch 1: the bootstrap records                       KRAFT_VERSION 1, KRAFT_VOTERS
 *   batch 2: control, SNAPSHOT_FOOTER           batch 1: control, SNAPSHOT_FOOTER
 *
 * All batches carry leader epoch 0; offsets run from 0; nothing is compressed. */
#include "cli/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "metadata/feature.h"
#include "protocol/batch.h"
#include "protocol/kraft_version_record.h"
#include "protocol/snapshot_footer_record.h"
#include "protocol/snapshot_header_record.h"
#include "protocol/voters_record.h"

static const char metadata_dir[] = "__cluster_metadata-0";
static const char first_checkpoint[] = "00000000000000000000-0000000000.checkpoint";

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct format_directory *)a)->path,
                  ((const struct format_directory *)b)->path);
}

void format_directories(const struct node_config *n, struct arena *arena,
                        struct format_directory **out, int32_t *count)
{
    struct format_directory *d = ARENA_ARRAY(arena, struct format_directory, n->log_dirs_count + 1);
    *count = 0;
    for (int32_t i = 0; i <= n->log_dirs_count; i++) {
        const char *path = i < n->log_dirs_count ? n->log_dirs[i] : n->metadata_dir;
        bool known = false;
        for (int32_t k = 0; k < *count; k++) known |= strcmp(d[k].path, path) == 0;
        if (!known) d[(*count)++].path = path;
    }
    qsort(d, (size_t)*count, sizeof *d, by_path);
    *out = d;
}

void format_inspect(struct disk *disk, struct arena *arena, struct format_directory *d)
{
    struct disk_stat st;
    d->meta = META_PROPERTIES_NONE;
    if (disk_stat(disk, d->path, &st)) return;
    if (!st.is_dir) {
        d->problem = arena_printf(arena, "%s is not a directory", d->path).data;
        return;
    }
    d->exists = true;
    enum err e = meta_properties_read(disk, d->path, arena, &d->meta, &d->problem);
    if (e && !d->problem)
        d->problem =
            arena_printf(arena, "cannot read %s/meta.properties: %s", d->path, err_text(e)).data;
}

/* ---- the files */

/* Encoded form of a message, in the arena. */
#define ENCODED(arena, type, message, version)             \
    ({                                                     \
        struct out encoded_;                               \
        out_init(&encoded_);                               \
        type##_encode((message), (version), &encoded_);    \
        struct bytes bytes_ = flatten((arena), &encoded_); \
        out_free(&encoded_);                               \
        bytes_;                                            \
    })

static struct bytes flatten(struct arena *arena, const struct out *o)
{
    uint8_t *data = arena_alloc(arena, (size_t)o->len);
    out_flatten(o, data);
    return bytes_of(data, (size_t)o->len);
}

static void begin(struct batch_builder *b, int64_t base_offset, int16_t attributes)
{
    struct batch_options options = BATCH_OPTIONS_DEFAULT;
    options.base_offset = base_offset;
    options.leader_epoch = 0;
    options.attributes = attributes;
    batch_begin(b, &options);
}

static void finish(struct batch_builder *b, struct out *o)
{
    uint8_t *data;
    size_t len;
    enum err e = batch_finish(b, NULL, &data, &len);
    INVARIANT(e == ERR_OK); /* nothing is compressed, so no level can be wrong */
    out_put(o, data, len);
}

static void add_header(struct arena *arena, struct batch_builder *b, int64_t now_ms,
                       int64_t last_contained_ms)
{
    struct snapshot_header_record header;
    snapshot_header_record_init(&header);
    header.last_contained_log_timestamp = last_contained_ms;
    batch_add_control(b, now_ms, CONTROL_SNAPSHOT_HEADER,
                      ENCODED(arena, snapshot_header_record, &header, 0));
}

static void put_footer(struct arena *arena, struct batch_builder *b, int64_t offset, int64_t now_ms,
                       struct out *o)
{
    struct snapshot_footer_record footer;
    snapshot_footer_record_init(&footer);
    begin(b, offset, BATCH_CONTROL);
    batch_add_control(b, now_ms, CONTROL_SNAPSHOT_FOOTER,
                      ENCODED(arena, snapshot_footer_record, &footer, 0));
    finish(b, o);
}

static enum err write_out(struct disk *disk, struct arena *arena, const char *path, struct out *o)
{
    enum err e = disk_replace_file(disk, path, flatten(arena, o));
    out_free(o);
    return e;
}

static enum err write_bootstrap(const struct format *f, const struct env *env, struct arena *arena,
                                const char *directory)
{
    int64_t now_ms = clock_wall(env->clock).ms;
    struct batch_builder b = {0};
    struct out o;
    out_init(&o);
    begin(&b, 0, BATCH_CONTROL);
    add_header(arena, &b, now_ms, 0);
    finish(&b, &o);
    begin(&b, 1, 0);
    for (int32_t i = 0; i < f->records_count; i++) {
        struct out value;
        out_init(&value);
        metadata_record_encode(&f->records[i], &value);
        batch_add(&b, now_ms, BYTES_NULL, flatten(arena, &value), NULL, 0);
        out_free(&value);
    }
    finish(&b, &o);
    put_footer(arena, &b, 1 + f->records_count, now_ms, &o);
    batch_builder_free(&b);
    return write_out(env->disk, arena,
                     arena_printf(arena, "%s/bootstrap.checkpoint", directory).data, &o);
}

static struct bytes encode_voters(const struct format *f, struct arena *arena)
{
    struct voters_record voters;
    voters_record_init(&voters);
    voters.voters = voters_record_voter_new(arena, f->voters_count);
    voters.voters_count = f->voters_count;
    for (int32_t i = 0; i < f->voters_count; i++) {
        struct voters_record_voter *v = &voters.voters[i];
        v->voter_id = f->voters[i].id;
        v->voter_directory_id = f->voters[i].directory_id;
        v->endpoints = voters_record_endpoint_new(arena, 1);
        v->endpoints_count = 1;
        v->endpoints[0] = (struct voters_record_endpoint){
            str_of(f->node->controller_names[0]), str_of(f->voters[i].host), f->voters[i].port};
        v->kraft_version_feature.min_supported_version = 0;
        v->kraft_version_feature.max_supported_version = 1;
    }
    return ENCODED(arena, voters_record, &voters, 0);
}

static enum err write_first_checkpoint(const struct format *f, const struct env *env,
                                       struct arena *arena, const char *directory)
{
    int64_t now_ms = clock_wall(env->clock).ms;
    struct kraft_version_record kraft;
    kraft_version_record_init(&kraft);
    kraft.kraft_version = 1;
    struct batch_builder b = {0};
    struct out o;
    out_init(&o);
    begin(&b, 0, BATCH_CONTROL);
    add_header(arena, &b, now_ms, now_ms);
    batch_add_control(&b, now_ms, CONTROL_KRAFT_VERSION,
                      ENCODED(arena, kraft_version_record, &kraft, 0));
    batch_add_control(&b, now_ms, CONTROL_KRAFT_VOTERS, encode_voters(f, arena));
    finish(&b, &o);
    put_footer(arena, &b, 3, now_ms, &o);
    batch_builder_free(&b);
    const char *folder = arena_printf(arena, "%s/%s", directory, metadata_dir).data;
    const char *path = arena_printf(arena, "%s/%s", folder, first_checkpoint).data;
    enum err e = disk_mkdirs(env->disk, folder);
    if (!e) e = write_out(env->disk, arena, path, &o);
    if (!e && chmod(path, 0400)) e = ERR_IO; /* frozen snapshots are read-only */
    return e;
}

static enum err write_meta(const struct format *f, const struct env *env, const char *directory,
                           struct uuid id)
{
    struct meta_properties meta = META_PROPERTIES_NONE;
    meta.node_id = f->node->node_id;
    meta.directory_id = id;
    snprintf(meta.cluster_id, sizeof meta.cluster_id, "%s", f->cluster_id);
    return meta_properties_write(env->disk, directory, &meta);
}

/* ---- one directory, and all of them */

static const struct format_voter *own_voter(const struct format *f)
{
    for (int32_t i = 0; i < f->voters_count; i++)
        if (f->voters[i].id == f->node->node_id) return &f->voters[i];
    return NULL;
}

static enum err format_one(const struct format *f, const struct env *env, struct arena *arena,
                           const char *path)
{
    bool metadata = strcmp(path, f->node->metadata_dir) == 0;
    const struct format_voter *own = own_voter(f);
    const char *what = !metadata          ? "data directory"
                       : !f->voters_count ? "metadata directory"
                       : own              ? "dynamic metadata voter directory"
                                          : "dynamic metadata directory";
    printf("Formatting %s %s with metadata.version %s.\n", what, path,
           metadata_version_text(f->metadata_version));
    struct uuid id = metadata && own ? own->directory_id : rng_uuid(env->rng);
    enum err e = disk_mkdirs(env->disk, path);
    if (!e) e = write_bootstrap(f, env, arena, path);
    if (!e && metadata && f->voters_count) e = write_first_checkpoint(f, env, arena, path);
    if (!e) e = write_meta(f, env, path, id);
    return e;
}

/* Directories that are formatted already must be this cluster's and this node's. */
static enum err verify(const struct format *f, const struct format_directory *d,
                       struct config_error *error)
{
    if (d->problem) return config_error_set(error, "%s", d->problem);
    if (!d->meta.present) return ERR_OK;
    if (*d->meta.cluster_id && strcmp(d->meta.cluster_id, f->cluster_id) != 0)
        return config_error_set(
            error, "Invalid cluster.id in: %s/meta.properties. Expected %s, but read %s", d->path,
            f->cluster_id, d->meta.cluster_id);
    if (d->meta.node_id >= 0 && d->meta.node_id != f->node->node_id)
        return config_error_set(
            error,
            "Stored node id %d doesn't match previous node id %d in %s. If you "
            "moved your data, make sure your configured node id matches. If you "
            "intend to create a new node, you should remove all data in your "
            "data directories.",
            d->meta.node_id, f->node->node_id, d->path);
    return ERR_OK;
}

static void print_records(const struct format *f)
{
    printf("Bootstrap metadata: BootstrapMetadata(records=[");
    for (int32_t i = 0; i < f->records_count; i++) {
        const struct metadata_record *r = &f->records[i];
        if (i) printf(", ");
        if (r->id == METADATA_RECORD_FEATURE_LEVEL)
            printf(
                "ApiMessageAndVersion(FeatureLevelRecord(name='%.*s', featureLevel=%d) at version "
                "%d)",
                STR_ARG(r->u.feature_level.name), r->u.feature_level.feature_level, r->version);
        else
            printf("ApiMessageAndVersion(UserScramCredentialRecord(name='%.*s', mechanism=%d, "
                   "(hidden), iterations=%d) at version %d)",
                   STR_ARG(r->u.user_scram_credential.name), r->u.user_scram_credential.mechanism,
                   r->u.user_scram_credential.iterations, r->version);
    }
    printf("], metadataVersionLevel=%d, source=format command)\n", f->metadata_version);
}

enum err format_run(const struct format *f, const struct env *env, struct arena *arena,
                    struct config_error *error)
{
    struct format_directory *d;
    int32_t count, empty = 0;
    format_directories(f->node, arena, &d, &count);
    for (int32_t i = 0; i < count; i++) {
        format_inspect(env->disk, arena, &d[i]);
        enum err e = verify(f, &d[i], error);
        if (e) return e;
        empty += !d[i].meta.present;
    }
    for (int32_t i = 0; i < count && !f->ignore_formatted; i++)
        if (d[i].meta.present)
            return config_error_set(error,
                                    "Log directory %s is already formatted. Use --ignore-formatted "
                                    "to ignore this directory and format the others.",
                                    d[i].path);
    if (!empty) {
        printf("All of the log directories are already formatted.\n");
        return ERR_OK;
    }
    print_records(f);
    for (int32_t i = 0; i < count; i++) {
        if (d[i].meta.present) continue;
        enum err e = format_one(f, env, arena, d[i].path);
        if (e) {
            config_error_set(error, "Error while writing meta.properties file %s: %s", d[i].path,
                             err_text(e));
            return e;
        }
    }
    return ERR_OK;
}
