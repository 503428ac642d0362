/* Records of topics and partitions. Private to metadata/; rules in replay.h. */
#ifndef SAMSA_METADATA_REPLAY_TOPICS_H
#define SAMSA_METADATA_REPLAY_TOPICS_H

#include "metadata/delta.h"
#include "protocol/metadata_record.h"

enum err replay_topic(struct image *image, const struct topic_record *r,
                      struct delta *delta) MUST_CHECK;
enum err replay_partition(struct image *image, const struct partition_record *r,
                          struct delta *delta) MUST_CHECK;
enum err replay_partition_change(struct image *image, const struct partition_change_record *r,
                                 struct delta *delta) MUST_CHECK;
enum err replay_remove_topic(struct image *image, const struct remove_topic_record *r,
                             struct delta *delta) MUST_CHECK;
enum err replay_clear_elr(struct image *image, const struct clear_elr_record *r,
                          struct delta *delta) MUST_CHECK;

#endif
