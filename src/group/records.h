/* Records of __consumer_offsets, as Apache Kafka 4.3 writes them (broker.md 5.2). Private to
 * group/. */
#ifndef SAMSA_GROUP_RECORDS_H
#define SAMSA_GROUP_RECORDS_H

#include "base/arena.h"
#include "base/out.h"
#include "group/group.h"
#include "protocol/group_metadata_record.h"
#include "rsm/rsm.h"

/* A list under construction; keys and values live in the arena. */
struct record_list {
    struct arena *arena;
    struct rsm_record *records;
    int32_t count, capacity;
    struct out out;
};

void record_list_init(struct record_list *l, struct arena *arena);
/* The records stay as long as the arena. */
void record_list_free(struct record_list *l);

void records_add_offset(struct record_list *l, struct str group, struct str topic,
                        int32_t partition, const struct committed_offset *o);
void records_add_offset_tombstone(struct record_list *l, struct str group, struct str topic,
                                  int32_t partition);
void records_add_group(struct record_list *l, struct str group,
                       const struct group_metadata_value *value);
void records_add_group_tombstone(struct record_list *l, struct str group);
/* Of all that the log has of a group of the consumer protocol, in the order in which an Apache
 * Kafka takes them: each member's assignments before the member, all of them before the group. */
void records_add_consumer_group_tombstones(struct record_list *l, const struct group *g);

#endif
