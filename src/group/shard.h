/* One partition of __consumer_offsets: its groups, as a machine over rsm/. Private to group/.
 *
 * What records describe (offsets, loaded groups, who is gone) is changed by replay.c alone. Groups
 * that live here write their own records and apply them when they have committed (group_written);
 * the replay of such a record therefore changes nothing.
 *
 * Deleting a group: bury it (nothing new begins), wait until what is in flight has committed, then
 * write the tombstones of its offsets and its own; their replay removes it.
 *
 * Owns: groups, their timers, operations in flight. Thread: the loop's. */
#ifndef SAMSA_GROUP_SHARD_H
#define SAMSA_GROUP_SHARD_H

#include "group/coordinator.h"
#include "group/group.h"
#include "group/records.h"

enum {
    SHARD_WRITE_BYTES_MAX = 512 * 1024, /* of tombstones in one batch; more go in several */
    SHARD_EXPIRY_WORK_MAX = 1000,       /* groups and offsets looked at in a turn, or one group */
    SHARD_EXPIRY_AGAIN_MS = 10,
};

/* A group in its shard. */
struct shard_group {
    struct group *group;
    struct group_shard *shard;
    struct timer timer; /* at group->wake or earlier */
};

/* Offsets that an open transaction has committed. */
struct pending_offset {
    struct str group, topic; /* owned */
    int32_t partition;
    struct committed_offset value;
};

struct transaction {
    struct pending_offset *offsets;
    int32_t count, capacity;
};

struct group_shard {
    struct rsm_machine machine;
    struct group_host host;
    struct rsm_shard rsm;
    const struct env *env;
    const struct group_settings *settings;
    char name[40];
    struct map groups;       /* of struct shard_group, by id */
    struct map transactions; /* of struct transaction, by producer id */
    struct timer expiry;
    uint32_t expiry_left;    /* groups that this round has not looked at: those before it */
    struct list_node failed; /* of struct record_op: refused at once, to be told later */
    struct task tell_failed;
    struct arena scratch;
    int32_t depth; /* of entries that use scratch */
};

struct group_shard *shard_create(const struct env *env, const struct group_settings *settings,
                                 int32_t partition);
/* Answers everybody who waits with NOT_COORDINATOR, forgets all state; may be loaded again. */
void shard_unload(struct group_shard *s);
/* PRE: unloaded. */
void shard_destroy(struct group_shard *s);

/* Between these two, what group/ events need; `leave` arms the group's timer (sg may be NULL). */
struct group_world shard_enter(struct group_shard *s);
void shard_leave(struct group_shard *s, struct shard_group *sg);

/* NULL: none. */
struct shard_group *shard_find(const struct group_shard *s, struct str id);
struct shard_group *shard_add(struct group_shard *s, struct str id, struct wall_time now);
void shard_remove(struct group_shard *s, struct shard_group *sg);

/* ---- replay.c: rsm_machine_ops ---- */
void shard_replay(struct rsm_machine *m, const struct rsm_replay *r);
void shard_end_transaction(struct rsm_machine *m, int64_t producer_id, bool commit);
void shard_forget_transactions(struct group_shard *s);

/* ---- erase.c: everything that writes tombstones ---- */

/* Records in as many batches as needed, all appended before this returns; `done` once, later, with
 * the first error, unless an error is returned (then nothing, or only a first part, was
 * appended). */
struct bulk_write;
enum kafka_error shard_write_bulk(struct group_shard *s, const struct record_list *l, void *context,
                                  void (*done)(void *context, enum kafka_error)) MUST_CHECK;

/* Make a classic group of one of the consumer protocol: tombstones of all that it has but its
 * offsets. Once they have committed it is a classic group, or none if it has no offsets. */
void shard_disband(struct group_shard *s, struct shard_group *sg);

/* Delete a group with its offsets; `done` once, inside or later. PRE: group_admit_delete. */
void shard_erase_group(struct group_shard *s, struct shard_group *sg, void *context,
                       void (*done)(void *context, enum kafka_error));

/* Offsets past their retention, and empty groups without offsets: one turn of a round that begins
 * with the first call. True: it is to be called again soon, for the rest. */
bool shard_expire(struct group_shard *s);

/* The committed offsets of deleted topics. */
void shard_forget_topics(struct group_shard *s, const struct group_deleted_topic *topics,
                         int32_t count);

#endif
