/* The medium of one node: what is written, and what would survive. Private to this folder.
 *
 * A file has its present bytes and a list of *generations*, oldest first. A generation remembers,
 * for every 512-byte sector written in it, what was there before; the last one is open, a sync
 * closes it, and a sync that succeeds forgets every generation up to the one it closed. So undoing
 * the generations, newest first, gives what the medium holds; a power loss undoes a random part.
 *
 * Names are changed at once, and every change is put in a journal until the directory is synced; a
 * power loss undoes the end of the journal, newest first, or the end of each directory's part of it
 * by itself. */
#ifndef SAMSA_ENV_SIM_STORE_H
#define SAMSA_ENV_SIM_STORE_H

#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "base/prng.h"

enum { SIM_SECTOR = 512 };

struct sim_sector {
    int64_t index;
    int64_t old_at; /* in `old` of its generation; -1: it was all zeros, or beyond the end */
};

struct sim_generation {
    struct list_node node;
    int64_t id;
    struct sim_sector *sectors;
    int32_t sectors_count, sectors_capacity;
    uint8_t *old;
    int64_t old_len, old_capacity;
    uint8_t *seen; /* bitmap of sector indexes */
    int64_t seen_bytes;
    int64_t old_size; /* of the file, when the generation began */
    bool cut;         /* the file was truncated in it */
    bool lost;        /* its sync failed: it will never reach the medium */
    bool size_synced; /* by a later sync */
};

struct sim_inode {
    bool is_dir;
    int32_t references; /* names, handles, journal */
    int32_t uses;       /* names and handles: without them it takes no space */
    int64_t modified_ms;
    uint8_t *data;
    int64_t size, capacity;
    struct list_node generations;
    int64_t generation_next;
    struct map entries; /* of a directory: name -> inode */
    const void *locked_by;
    struct sim_store *store;
};

struct sim_store {
    struct sim_inode *root;
    struct list_node journal;
    int64_t used_bytes, budget_bytes; /* budget -1: none */
};

void sim_store_init(struct sim_store *st);
void sim_store_free(struct sim_store *st);

/* NULL when absent. The root is "", "/" and ".". */
struct sim_inode *sim_store_find(struct sim_store *st, const char *path);

/* Err: NOT_FOUND (parent), EXISTS. */
enum err sim_store_create(struct sim_store *st, const char *path, bool is_dir,
                          struct sim_inode **out) MUST_CHECK;

/* Files and directories. Err: NOT_FOUND, EXISTS (directory not empty). */
enum err sim_store_remove(struct sim_store *st, const char *path, bool is_dir) MUST_CHECK;

/* Err: NOT_FOUND, EXISTS. */
enum err sim_store_rename(struct sim_store *st, const char *from, const char *to) MUST_CHECK;

/* Every name in that directory is durable. */
void sim_store_sync_dir(struct sim_store *st, struct sim_inode *dir);

/* What is not synced is lost: all of it, or a random part. */
void sim_store_power_loss(struct sim_store *st, bool all, struct prng *p);

/* For a name or a handle. */
void sim_inode_use(struct sim_inode *i);
void sim_inode_unuse(struct sim_inode *i);

/* Space is the caller's to check. */
void sim_inode_write(struct sim_inode *i, int64_t offset, const void *data, int64_t len);
void sim_inode_truncate(struct sim_inode *i, int64_t size);

/* Rot. */
enum err sim_inode_flip(struct sim_inode *i, int64_t offset, uint8_t bits) MUST_CHECK;

/* The range as it was before the last write to each of its sectors that nothing has made durable
 * yet; false when all of it is as it was. */
bool sim_inode_stale(const struct sim_inode *i, int64_t offset, uint8_t *to, int64_t len);

/* The name and all below it, whatever was synced. Err: NOT_FOUND. */
enum err sim_store_vanish(struct sim_store *st, const char *path) MUST_CHECK;

/* Everything written so far is to be synced; returns the generation for sync_end. */
int64_t sim_inode_sync_begin(struct sim_inode *i);
void sim_inode_sync_end(struct sim_inode *i, int64_t generation);

/* The sync failed: those pages are clean now, and were not written. Some of them are read back from
 * the medium as they were before. */
void sim_inode_sync_fail(struct sim_inode *i, int64_t generation, struct prng *p);

#endif
