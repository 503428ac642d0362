/* The group coordinator of a broker: classic groups and committed offsets.
 *
 * One shard per partition of __consumer_offsets that this node leads; a group belongs to the
 * partition that the hash of its id names. Every request function takes the decoded request and a
 * `struct group_call`, and ends it exactly once, inside the call or later from the loop, with the
 * generated response of that API. Errors are in the response, as Kafka puts them: partition not led
 * here NOT_COORDINATOR, not loaded yet COORDINATOR_LOAD_IN_PROGRESS, group id empty
 * INVALID_GROUP_ID.
 *
 * The caller checks what needs metadata (do topic and partition exist, names of topic ids) and,
 * when there is security, rights. Not here yet, by intent: the KIP-848 protocol, share and streams
 * groups (their records are kept, their groups are visible and read-only), TxnOffsetCommit
 * (transactional offsets that are in the log already take effect).
 *
 * Owns: shards, groups, parked calls' places. Borrows: env, logs between elected and resigned.
 * Thread: the loop's. */
#ifndef SAMSA_GROUP_COORDINATOR_H
#define SAMSA_GROUP_COORDINATOR_H

#include "base/uuid.h"
#include "env/env.h"
#include "group/settings.h"
#include "protocol/delete_groups.h"
#include "protocol/describe_groups.h"
#include "protocol/heartbeat.h"
#include "protocol/join_group.h"
#include "protocol/leave_group.h"
#include "protocol/list_groups.h"
#include "protocol/offset_commit.h"
#include "protocol/offset_delete.h"
#include "protocol/offset_fetch.h"
#include "protocol/sync_group.h"
#include "rsm/rsm.h"

struct group_coordinator;

/* Who asks, and how to answer. The request and this struct live until `done`, which runs once. */
struct group_call {
    int16_t version;        /* of the request's API */
    struct str client_id;   /* may be null */
    struct str client_host; /* "/10.0.0.1" */
    struct arena *arena;    /* for the answer; the request's */
    /* `response`: the generated struct of the API; valid during the call. */
    void (*done)(struct group_call *, const void *response);
};

struct group_coordinator *group_coordinator_create(const struct env *env,
                                                   const struct group_settings *settings);

/* __consumer_offsets exists with so many partitions; until told, offsets.topic.num.partitions is
 * believed. It must not change while groups exist (broker.md 7). */
void group_coordinator_set_partitions(struct group_coordinator *c, int32_t partitions);

/* Which partition of __consumer_offsets a group lives in: Java's String.hashCode over UTF-16. */
int32_t group_coordinator_partition(const struct group_coordinator *c, struct str group_id);

/* This node has become leader of a partition of __consumer_offsets; `log` is borrowed until
 * resigned. A second call with a higher epoch starts again. */
void group_coordinator_elected(struct group_coordinator *c, int32_t partition, int32_t leader_epoch,
                               struct rsm_log *log);

/* … and leads it no more (or the topic is gone, or its directory failed). Calls that wait are
 * answered with NOT_COORDINATOR before this returns. No-op when it did not lead. */
void group_coordinator_resigned(struct group_coordinator *c, int32_t partition);

/* While fenced every group is NOT_COORDINATOR here: another may coordinate it by now. */
void group_coordinator_set_fenced(struct group_coordinator *c, bool fenced);

/* The high watermark of a led partition has moved. Others are ignored. */
void group_coordinator_high_watermark_moved(struct group_coordinator *c, int32_t partition);

/* Topics are gone from metadata: their committed offsets follow. */
struct group_deleted_topic {
    struct str name;
    struct uuid id;
};
void group_coordinator_topics_deleted(struct group_coordinator *c,
                                      const struct group_deleted_topic *topics, int32_t count);

/* ---- requests ---- */

void group_coordinator_join(struct group_coordinator *c, const struct join_group_request *request,
                            struct group_call *call);
void group_coordinator_sync(struct group_coordinator *c, const struct sync_group_request *request,
                            struct group_call *call);
void group_coordinator_heartbeat(struct group_coordinator *c,
                                 const struct heartbeat_request *request, struct group_call *call);
void group_coordinator_leave(struct group_coordinator *c, const struct leave_group_request *request,
                             struct group_call *call);

/* Topics and partitions have been found in metadata; every topic carries name and (if known) id. */
void group_coordinator_commit(struct group_coordinator *c,
                              const struct offset_commit_request *request, struct group_call *call);

/* One group; `done` gets a struct offset_fetch_response_group. `topics` null: all of them. */
void group_coordinator_fetch(struct group_coordinator *c,
                             const struct offset_fetch_request_group *request, bool require_stable,
                             struct group_call *call);

void group_coordinator_delete_offsets(struct group_coordinator *c,
                                      const struct offset_delete_request *request,
                                      struct group_call *call);
void group_coordinator_delete_groups(struct group_coordinator *c,
                                     const struct delete_groups_request *request,
                                     struct group_call *call);
void group_coordinator_list(struct group_coordinator *c, const struct list_groups_request *request,
                            struct group_call *call);
void group_coordinator_describe(struct group_coordinator *c,
                                const struct describe_groups_request *request,
                                struct group_call *call);

/* Every shard resigns; then everything is freed. */
void group_coordinator_destroy(struct group_coordinator *c);

#endif
