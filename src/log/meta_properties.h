/* meta.properties: which cluster, node and directory this is. Java properties text, Kafka's version
 * 1: version, cluster.id, node.id, directory.id; version 0 (ZooKeeper) had broker.id and perhaps
 * cluster.id. */
#ifndef SAMSA_LOG_META_PROPERTIES_H
#define SAMSA_LOG_META_PROPERTIES_H

#include "base/uuid.h"
#include "env/disk.h"

enum { CLUSTER_ID_LEN_MAX = 63 };

struct meta_properties {
    bool present; /* the file was there */
    int32_t version;
    int32_t node_id;                         /* -1: absent */
    char cluster_id[CLUSTER_ID_LEN_MAX + 1]; /* "": absent */
    struct uuid directory_id;                /* zero: absent */
};

#define META_PROPERTIES_NONE ((struct meta_properties){.version = 1, .node_id = -1})

/* Of DIRECTORY/meta.properties. An absent file is ERR_OK with present false.
 * Err: CORRUPT, with what and where in *cause (static or of the arena); IO. */
enum err meta_properties_read(struct disk *disk, const char *directory, struct arena *arena,
                              struct meta_properties *out, const char **cause) MUST_CHECK;

/* Atomically and durably. Err: IO, NO_SPACE. */
enum err meta_properties_write(struct disk *disk, const char *directory,
                               const struct meta_properties *m) MUST_CHECK;

#endif
