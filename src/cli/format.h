/* Making data directories ready for their first start, as Kafka's Formatter does:
 * meta.properties last in each, because its absence is what "not formatted" means.
 *
 * Order in an empty directory: bootstrap.checkpoint; in the metadata directory, when the first
 * voters are known, __cluster_metadata-0/…-0000000000.checkpoint; meta.properties. A crash in
 * between leaves a directory that can be formatted again. */
#ifndef SAMSA_CLI_FORMAT_H
#define SAMSA_CLI_FORMAT_H

#include "base/arena.h"
#include "base/uuid.h"
#include "config/node.h"
#include "env/env.h"
#include "log/meta_properties.h"
#include "protocol/metadata_record.h"

struct format_voter {
    int32_t id;
    const char *host;
    uint16_t port;
    struct uuid directory_id;
};

struct format {
    const struct node_config *node;
    const char *cluster_id;
    bool ignore_formatted;
    int16_t metadata_version;
    struct metadata_record *records; /* the bootstrap records */
    int32_t records_count;
    struct format_voter *voters; /* the first voters; count 0: not given */
    int32_t voters_count;
};

struct format_directory {
    const char *path;
    bool exists;
    struct meta_properties meta; /* present: it is formatted */
    const char *problem;         /* NULL, or why meta.properties cannot be used */
};

/* log.dirs and the metadata directory, distinct, sorted by path. */
void format_directories(const struct node_config *n, struct arena *arena,
                        struct format_directory **out, int32_t *count);

/* What stands in d->path. */
void format_inspect(struct disk *disk, struct arena *arena, struct format_directory *d);

/* Do it, telling on standard output. Err: INVALID, IO and the like, with *error saying why. */
enum err format_run(const struct format *f, const struct env *env, struct arena *arena,
                    struct config_error *error) MUST_CHECK;

#endif
